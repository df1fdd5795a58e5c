//===- Vectorizer.cpp - TfIdfVectorizer ----------------------------------------------------===//
//
// The n-grams of the pool are paths in a tree. A window of n items, `distance` apart, is walked down that tree one
// level at a time, for all windows of all rows at once: the node that is reached and the next item make a key, and a
// binary search among the keys of the next level gives the next node. What ends an n-gram is counted by a scatter.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Lookup.h"
#include "compiler/Import/Registry.h"

#include <map>

namespace tenon::importer {

namespace {

/// The nodes of one depth, numbered in the order of their keys: parent * items + item.
struct Level {
  std::vector<int64_t> keys;
  std::vector<int64_t> columns; ///< of the n-gram that ends at each node, -1 where none does
};

struct NgramTree {
  std::vector<int64_t> items; ///< all different ones
  std::vector<Level> levels;
  int64_t columns = 0;
};

/// An n-gram of the pool and its column.
struct Ngram {
  llvm::ArrayRef<int64_t> items;
  int64_t column;
};

std::vector<Ngram> ngramsOf(NodeContext &c, llvm::ArrayRef<int64_t> pool, int64_t shortest, int64_t longest) {
  IntVector starts = c.integers("ngram_counts"), columns = c.integers("ngram_indexes");
  auto size = static_cast<int64_t>(pool.size());
  std::vector<Ngram> ngrams;
  int64_t number = 0;
  for (auto [i, start] : llvm::enumerate(starts)) {
    int64_t length = static_cast<int64_t>(i) + 1, end = i + 1 < starts.size() ? starts[i + 1] : size;
    if (start < 0 || end < start || end > size || (end - start) % length != 0)
      fail("attribute 'ngram_counts' has the entry " + std::to_string(start) + ", which leaves no whole number of " +
           std::to_string(length) + "-grams in a pool of " + std::to_string(size));
    for (int64_t at = start; at < end; at += length, ++number) {
      if (number >= static_cast<int64_t>(columns.size()))
        fail("attribute 'ngram_indexes' has " + std::to_string(columns.size()) + " entries, fewer than n-grams");
      if (length >= shortest && length <= longest)
        ngrams.push_back({pool.slice(at, length), columns[number]});
    }
  }
  if (longest > static_cast<int64_t>(starts.size()))
    fail("attribute 'max_gram_length' is " + std::to_string(longest) + ", but 'ngram_counts' has " +
         std::to_string(starts.size()) + " entries");
  if (number != static_cast<int64_t>(columns.size()))
    fail("attribute 'ngram_indexes' has " + std::to_string(columns.size()) + " entries, expected " +
         std::to_string(number));
  return ngrams;
}

NgramTree treeOf(NodeContext &c, llvm::ArrayRef<Ngram> ngrams, int64_t longest) {
  NgramTree tree;
  for (int64_t column : c.integers("ngram_indexes")) {
    if (column < 0 || column >= INT32_MAX)
      fail("attribute 'ngram_indexes' has the entry " + std::to_string(column));
    tree.columns = std::max(tree.columns, column + 1);
  }
  for (const Ngram &ngram : ngrams)
    tree.items.insert(tree.items.end(), ngram.items.begin(), ngram.items.end());
  llvm::sort(tree.items);
  tree.items.erase(std::unique(tree.items.begin(), tree.items.end()), tree.items.end());

  // Where each n-gram stands on the level above; its parent there.
  std::vector<int64_t> nodes(ngrams.size(), 0);
  auto width = static_cast<int64_t>(tree.items.size());
  for (int64_t depth = 1; depth <= longest; ++depth) {
    auto keyOf = [&](size_t i) {
      auto item = llvm::lower_bound(tree.items, ngrams[i].items[depth - 1]) - tree.items.begin();
      return nodes[i] * width + static_cast<int64_t>(item);
    };
    std::map<int64_t, int64_t> columnOf;
    for (auto [i, ngram] : llvm::enumerate(ngrams)) {
      auto length = static_cast<int64_t>(ngram.items.size());
      if (length < depth)
        continue;
      int64_t &column = columnOf.try_emplace(keyOf(i), -1).first->second;
      if (length == depth && column >= 0)
        fail("an n-gram is in the pool twice");
      if (length == depth)
        column = ngram.column;
    }
    Level level;
    for (auto [key, column] : columnOf) {
      level.keys.push_back(key);
      level.columns.push_back(column);
    }
    for (auto [i, ngram] : llvm::enumerate(ngrams))
      if (static_cast<int64_t>(ngram.items.size()) >= depth)
        nodes[i] = llvm::lower_bound(level.keys, keyOf(i)) - level.keys.begin();
    tree.levels.push_back(std::move(level));
  }
  return tree;
}

/// Walks windows of rows [N, C] down the tree.
class Walk {
public:
  Walk(const NgramTree &tree, Expression rows) : b(rows.b()), tree(tree), items(placesIn(tree.items, rows)) {}

  /// The node of each item, -1 where it starts no n-gram.
  Expression first() { return placesIn(tree.levels.front().keys, items); }

  /// The nodes of windows one item longer, of all distances side by side: nodes[i] becomes those of distance i + 1.
  Expression next(std::vector<Expression> &nodes, int64_t depth) {
    llvm::SmallVector<mlir::Value> keys;
    for (auto [i, parents] : llvm::enumerate(nodes))
      keys.push_back(key(parents, (depth - 1) * (static_cast<int64_t>(i) + 1)));
    Expression all = placesIn(tree.levels[depth - 1].keys, items.with(b.concat(keys, 1)));
    Scalar offset = b.index(0);
    for (auto [own, longer] : llvm::zip_equal(nodes, keys)) {
      Scalar count = b.extent(longer, 1);
      own = all.with(b.sliceDimension(all, 1, offset, count));
      offset = b.add(offset, count);
    }
    return all;
  }

  /// The column of each window, one behind the last where it is no n-gram.
  Expression columns(Expression nodes, int64_t depth) {
    std::vector<int64_t> table = {tree.columns};
    for (int64_t column : tree.levels[depth - 1].columns)
      table.push_back(column < 0 ? tree.columns : column);
    return gather(integerVector(b, table), nodes + 1);
  }

private:
  /// The keys of windows whose last item lies `reach` behind the first; -1 where a part is unknown.
  Expression key(Expression nodes, int64_t reach) {
    Scalar length = b.extent(items, 1), offset = b.min(length, b.index(reach)), count = b.sub(length, offset);
    Expression parents = nodes.with(b.sliceDimension(nodes, 1, b.index(0), count));
    Expression lasts = items.with(b.sliceDimension(items, 1, offset, count));
    Expression known = (parents >= 0) & (lasts >= 0);
    return select(known, parents * static_cast<double>(tree.items.size()) + lasts, -1);
  }

  Builder &b;
  const NgramTree &tree;
  Expression items;
};

/// Counts and weights as the mode says; the i-th weight is that of the i-th n-gram's column.
Expression weighted(NodeContext &c, Expression counts, int64_t columns) {
  Builder &b = c.b;
  std::string mode = c.string("mode", "");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    fail("attribute 'mode' is '" + mode + "', expected TF, IDF or TFIDF");
  mlir::Type real = b.raw().getF32Type();
  Expression result = (mode == "IDF" ? Expression(counts > 0) : counts).cast(real);
  llvm::SmallVector<float> weights = c.numbers("weights");
  if (mode == "TF" || weights.empty())
    return result;
  IntVector indexes = c.integers("ngram_indexes");
  if (weights.size() != indexes.size())
    fail("attribute 'weights' has " + std::to_string(weights.size()) + " entries, expected " +
         std::to_string(indexes.size()));
  auto type = mlir::RankedTensorType::get({columns}, real);
  auto copy = std::make_shared<std::vector<float>>(columns, 0.0F);
  for (auto [index, weight] : llvm::zip_equal(indexes, weights))
    (*copy)[index] = weight;
  llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(copy->data()), copy->size() * sizeof(float));
  return result * Expression(b, b.constantOf(elementsFromBytes(type, bytes, c.name, copy)));
}

void importTfIdfVectorizer(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 0, 2);
  int64_t shortest = c.integer("min_gram_length", 1), longest = c.integer("max_gram_length", 1),
          skips = c.integer("max_skip_count", 0);
  // Each distance and length is a walk of its own.
  constexpr int64_t mostWalks = 1000;
  if (shortest < 1 || longest < shortest || skips < 0 || skips > mostWalks || longest > mostWalks / (skips + 1))
    fail("attributes 'min_gram_length', 'max_gram_length' and 'max_skip_count' are " + std::to_string(shortest) + ", " +
         std::to_string(longest) + " and " + std::to_string(skips));
  std::vector<std::string> texts = c.strings("pool_strings");
  IntVector numbers = c.integers("pool_int64s");
  bool areTexts = nn::isStringType(elementOf(x));
  if (areTexts ? texts.empty() : numbers.empty())
    fail(llvm::Twine("attribute '") + (areTexts ? "pool_strings" : "pool_int64s") + "' is missing");
  std::vector<int64_t> pool = areTexts ? textNumbers(b, texts) : std::vector<int64_t>(numbers.begin(), numbers.end());
  std::vector<Ngram> ngrams = ngramsOf(c, pool, shortest, longest);
  NgramTree tree = treeOf(c, ngrams, longest);

  Scalar one = b.index(1), rowCount = rankOf(x) == 2 ? b.extent(x, 0) : one,
         length = rankOf(x) == 0 ? one : b.extent(x, rankOf(x) - 1);
  Walk walk(tree, asNumbers(Expression(b, x).reshape({rowCount, length})));
  llvm::SmallVector<mlir::Value> found;
  // The distance is nothing to a single item.
  Expression singles = walk.first();
  if (shortest == 1)
    found.push_back(walk.columns(singles, 1));
  std::vector<Expression> nodes(static_cast<size_t>(skips + 1), singles);
  for (int64_t depth = 2; depth <= longest; ++depth) {
    Expression longer = walk.next(nodes, depth);
    if (depth >= shortest)
      found.push_back(walk.columns(longer, depth));
  }
  mlir::Type wide = b.raw().getI64Type();
  mlir::Value zeros = b.broadcast(b.constant(0, wide), {rowCount, b.index(tree.columns + 1)});
  mlir::Value columns = b.concat(found, 1);
  mlir::Value ones = b.broadcast(b.constant(1, wide), b.extents(columns));
  mlir::Value counts = b.make<nn::ScatterElementsOp>(nn::ScatterKind::add, zeros, columns, ones, 1);
  Expression kept(b, b.sliceDimension(counts, 1, b.index(0), b.index(tree.columns)));
  Expression result = weighted(c, kept, tree.columns);
  c.result(rankOf(x) == 2 ? result : result.reshape({b.index(tree.columns)}));
}

} // namespace

void addVectorizer(ImporterTable &table) { table.add("TfIdfVectorizer", importTfIdfVectorizer); }

} // namespace tenon::importer
