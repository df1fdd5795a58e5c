//===- Einsum.cpp - Einsum as products of matrices -----------------------------------------===//
//
// Operands are contracted from left to right; each step is one nn.matmul (or nn.mul where nothing is summed) between
// transposes and reshapes. Labels that an operand repeats take its diagonal; ellipses broadcast.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

// Letters are themselves; the dimensions of an ellipsis are numbered from the last one.
using Labels = llvm::SmallVector<int32_t>;
constexpr int32_t ellipsisBase = 1000;

struct Term {
  mlir::Value tensor;
  Labels labels;
};

bool contains(const Labels &labels, int32_t label) { return llvm::is_contained(labels, label); }

/// The labels of one term; `rank` dimensions go to the ellipsis that `text` may hold.
Labels parseTerm(llvm::StringRef text, int64_t ellipsisRank) {
  Labels labels;
  bool seen = false;
  while (!text.empty()) {
    if (text.consume_front("...")) {
      if (std::exchange(seen, true))
        fail("attribute 'equation' has a term with two ellipses");
      for (int64_t i = ellipsisRank; i > 0; --i)
        labels.push_back(ellipsisBase + static_cast<int32_t>(i));
      continue;
    }
    if (!llvm::isAlpha(text.front()))
      fail("attribute 'equation' has the character '" + text.take_front(1) + "', expected a letter");
    labels.push_back(text.front());
    text = text.drop_front();
  }
  return labels;
}

/// Sums over labels that are not in `kept`.
void reduceOthers(Builder &b, Term &term, llvm::function_ref<bool(int32_t)> kept) {
  IntVector axes;
  Labels rest;
  for (auto [axis, label] : llvm::enumerate(term.labels)) {
    if (kept(label))
      rest.push_back(label);
    else
      axes.push_back(static_cast<int64_t>(axis));
  }
  term.tensor = b.reduce(nn::ReduceKind::sum, term.tensor, axes, /*keepDims=*/false);
  term.labels = rest;
}

/// Keeps the diagonal of dimensions with the same label: of the second one, the element at the index of the first.
void takeDiagonals(Builder &b, Term &term) {
  for (size_t i = 0; i < term.labels.size(); ++i) {
    for (size_t j = term.labels.size() - 1; j > i; --j) {
      if (term.labels[j] != term.labels[i])
        continue;
      ScalarVector extents = b.extents(term.tensor);
      extents[j] = b.index(1);
      mlir::Value iota = b.make<nn::IotaOp>(b.values({extents[i]}), 0);
      mlir::Value indices = b.broadcast(b.alignAt(iota, static_cast<int64_t>(i), rankOf(term.tensor)), extents);
      mlir::Value diagonal = b.make<nn::GatherElementsOp>(term.tensor, indices, static_cast<int64_t>(j));
      extents.erase(extents.begin() + j);
      term.tensor = b.reshape(diagonal, extents);
      term.labels.erase(term.labels.begin() + j);
    }
  }
}

/// The term with its dimensions in the order of `labels`.
mlir::Value ordered(Builder &b, const Term &term, const Labels &labels) {
  IntVector permutation;
  for (int32_t label : labels)
    permutation.push_back(llvm::find(term.labels, label) - term.labels.begin());
  return b.transpose(term.tensor, permutation);
}

/// The term as [batch..., product of rows, product of columns]; gives the extents of rows and columns too.
mlir::Value asMatrix(Builder &b, const Term &term, const Labels &batch, const Labels &rows, const Labels &columns,
                     ScalarVector &rowExtents, ScalarVector &columnExtents) {
  Labels order = batch;
  llvm::append_range(order, rows);
  llvm::append_range(order, columns);
  mlir::Value tensor = ordered(b, term, order);
  ScalarVector extents = b.extents(tensor);
  llvm::ArrayRef<Scalar> all = extents;
  llvm::append_range(rowExtents, all.slice(batch.size(), rows.size()));
  llvm::append_range(columnExtents, all.drop_front(batch.size() + rows.size()));
  ScalarVector sizes(all.take_front(batch.size()));
  sizes.push_back(b.product(rowExtents));
  sizes.push_back(b.product(columnExtents));
  return b.reshape(tensor, sizes);
}

/// One step: sums over labels of both that are not in `kept`.
Term contract(Builder &b, Term lhs, Term rhs, llvm::function_ref<bool(int32_t)> kept) {
  reduceOthers(b, lhs, [&](int32_t label) { return kept(label) || contains(rhs.labels, label); });
  reduceOthers(b, rhs, [&](int32_t label) { return kept(label) || contains(lhs.labels, label); });
  Labels batch, rows, columns, summed;
  for (int32_t label : lhs.labels)
    (!contains(rhs.labels, label) ? rows : kept(label) ? batch : summed).push_back(label);
  for (int32_t label : rhs.labels) {
    if (!contains(lhs.labels, label))
      columns.push_back(label);
  }
  ScalarVector rowExtents, columnExtents, lhsSummed, rhsSummed;
  mlir::Value left = asMatrix(b, lhs, batch, rows, summed, rowExtents, lhsSummed);
  mlir::Value right = asMatrix(b, rhs, batch, summed, columns, rhsSummed, columnExtents);
  // With nothing to sum over, K is 1 and the matrices broadcast.
  mlir::Value product = summed.empty() ? b.make<nn::MulOp>(left, right)
                                       : b.make<nn::MatmulOp>(left, right, false, false, nn::PackingAttr());
  ScalarVector productExtents = b.extents(product);
  ScalarVector sizes(llvm::ArrayRef<Scalar>(productExtents).take_front(batch.size()));
  llvm::append_range(sizes, rowExtents);
  llvm::append_range(sizes, columnExtents);
  Labels labels = batch;
  llvm::append_range(labels, rows);
  llvm::append_range(labels, columns);
  return {b.reshape(product, sizes), labels};
}

void importEinsum(NodeContext &c) {
  Builder &b = c.b;
  std::string equation = c.string("equation", "");
  llvm::erase(equation, ' ');
  auto [left, right] = llvm::StringRef(equation).split("->");
  bool isExplicit = llvm::StringRef(equation).contains("->");
  llvm::SmallVector<llvm::StringRef> texts;
  left.split(texts, ',');
  if (static_cast<int64_t>(texts.size()) != c.inputCount())
    fail("attribute 'equation' has " + std::to_string(texts.size()) + " terms, expected " +
         std::to_string(c.inputCount()));

  std::vector<Term> terms;
  int64_t ellipsisRank = 0;
  for (auto [i, text] : llvm::enumerate(texts)) {
    mlir::Value input = c.input(static_cast<int64_t>(i));
    bool hasEllipsis = text.contains("...");
    int64_t letters = static_cast<int64_t>(text.size()) - (hasEllipsis ? 3 : 0), extra = rankOf(input) - letters;
    if (extra < 0 || (!hasEllipsis && extra != 0))
      fail("term '" + text + "' of the equation does not fit input " + std::to_string(i) + " of rank " +
           std::to_string(rankOf(input)));
    terms.push_back({input, parseTerm(text, extra)});
    ellipsisRank = std::max(ellipsisRank, extra);
  }
  Labels output;
  if (isExplicit) {
    if (ellipsisRank > 0 && !right.contains("..."))
      fail("attribute 'equation' has an ellipsis on the left only");
    output = parseTerm(right, ellipsisRank);
  } else {
    std::map<int32_t, int64_t> counts;
    for (const Term &term : terms)
      for (int32_t label : term.labels)
        ++counts[label];
    for (int64_t i = ellipsisRank; i > 0; --i)
      output.push_back(ellipsisBase + static_cast<int32_t>(i));
    for (auto [label, count] : counts)
      if (label < ellipsisBase && count == 1)
        output.push_back(label);
  }
  for (auto [i, label] : llvm::enumerate(output))
    if (llvm::count(output, label) != 1 ||
        llvm::none_of(terms, [&](const Term &term) { return contains(term.labels, label); }))
      fail("attribute 'equation' has a label on the right that is repeated or on no input");

  for (Term &term : terms)
    takeDiagonals(b, term);
  Term result = terms.front();
  for (size_t i = 1; i < terms.size(); ++i) {
    auto kept = [&](int32_t label) {
      return contains(output, label) || llvm::any_of(llvm::ArrayRef(terms).drop_front(i + 1),
                                                     [&](const Term &term) { return contains(term.labels, label); });
    };
    result = contract(b, result, terms[i], kept);
  }
  reduceOthers(b, result, [&](int32_t label) { return contains(output, label); });
  c.result(ordered(b, result, output));
}

} // namespace

void addEinsum(ImporterTable &table) { table.add("Einsum", importEinsum); }

} // namespace tenon::importer
