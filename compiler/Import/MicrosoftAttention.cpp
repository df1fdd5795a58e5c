//===- MicrosoftAttention.cpp - ONNX Runtime's Attention, MultiHeadAttention, QAttention ---===//
//
// Projections, masks in their many forms and the states of earlier calls, around one composition of attention. Masks
// are added to the scores as ONNX Runtime adds them, so that rows without a valid key come out alike.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/MicrosoftAttention.h"

#include "compiler/Import/Body.h"
#include "compiler/Import/Quantization.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

int64_t headCount(NodeContext &c, llvm::StringRef name) {
  int64_t heads = c.integer(name, 0);
  if (heads < 1 || heads > INT32_MAX)
    fail("attribute '" + name + "' is " + llvm::Twine(heads) + ", expected 1 or more");
  return heads;
}

mlir::Value splitHeads(Builder &b, mlir::Value x, int64_t heads) {
  ScalarVector sizes = b.extents(x);
  if (std::optional<int64_t> width = Builder::constant(sizes[2]); width && *width % heads != 0)
    fail("a width of " + std::to_string(*width) + " cannot be divided among " + std::to_string(heads) + " heads");
  mlir::Value split = b.reshape(x, {sizes[0], sizes[1], b.index(heads), b.quotient({sizes[2]}, {b.index(heads)})});
  return b.transpose(split, {0, 2, 1, 3});
}

mlir::Value mergeHeads(Builder &b, mlir::Value x) {
  ScalarVector sizes = b.extents(x);
  return b.reshape(b.transpose(x, {0, 2, 1, 3}), {sizes[0], sizes[2], b.mul(sizes[1], sizes[3])});
}

mlir::Value attentionScale(NodeContext &c, mlir::Value queries) {
  mlir::Type real = c.b.raw().getF32Type();
  if (float scale = c.number("scale", 0); scale != 0)
    return c.b.constant(scale, real);
  mlir::Value width = c.b.scalarTensor(c.b.extent(queries, rankOf(queries) - 1), real);
  return c.b.make<nn::DivOp>(c.b.constant(1, real), c.b.make<nn::SqrtOp>(width));
}

mlir::Value additiveMask(Builder &b, mlir::Value flags, double otherwise) {
  mlir::Type real = b.raw().getF32Type();
  return b.make<nn::SelectOp>(flags, b.constant(0, real), b.constant(otherwise, real));
}

mlir::Value attend(Builder &b, mlir::Value q, mlir::Value k, mlir::Value v, mlir::Value scale,
                   llvm::ArrayRef<mlir::Value> summands) {
  mlir::Type real = b.raw().getF32Type();
  mlir::Value scores =
      b.make<nn::MatmulOp>(b.cast(q, real), b.cast(k, real), false, /*transpose_rhs=*/true, nn::PackingAttr());
  scores = b.make<nn::MulOp>(scores, scale);
  for (mlir::Value summand : summands) {
    if (!summand)
      continue;
    mlir::Value sum = b.make<nn::AddOp>(scores, b.cast(summand, real));
    if (mlir::failed(mlir::verifyCompatibleShape(typeOf(sum).getShape(), typeOf(scores).getShape())))
      fail("a mask or bias does not broadcast to the scores of queries and keys");
    scores = sum;
  }
  mlir::Value result =
      b.make<nn::MatmulOp>(softmax(b, scores, {rankOf(scores) - 1}), b.cast(v, real), false, false, nn::PackingAttr());
  return b.cast(result, elementOf(q));
}

mlir::Value countAlong(Builder &b, Scalar size, int64_t axis, int64_t rank) {
  return b.alignAt(b.make<nn::IotaOp>(b.values({size}), 0), axis, rank);
}

mlir::Value compare(Builder &b, nn::ComparePredicate predicate, mlir::Value lhs, mlir::Value rhs) {
  return b.make<nn::CompareOp>(predicate, lhs, rhs);
}

namespace {

/// Where the keys are that a query sees.
struct KeyRange {
  Scalar batch, queries, keys;
  /// Keys before the first query's own, for causal masks.
  Scalar past;
};

/// A mask of 1 and 0, or of lengths, as what is added to the scores.
mlir::Value paddingMask(NodeContext &c, mlir::Value mask, const KeyRange &range) {
  Builder &b = c.b;
  mlir::Value flags;
  if (rankOf(mask) == 1) {
    // The ends of all items, perhaps followed by their starts.
    auto part = [&](Scalar offset) {
      return b.alignAt(b.cast(b.sliceDimension(mask, 0, offset, range.batch), b.raw().getI64Type()), 0, 4);
    };
    mlir::Value place = countAlong(b, range.keys, 3, 4);
    flags = compare(b, nn::ComparePredicate::lt, place, part(b.index(0)));
    Scalar size = b.extent(mask, 0);
    bool isDouble = size == b.mul(range.batch, b.index(2));
    if (!isDouble && size != range.batch)
      fail("a mask of one dimension must have one or two elements for each item of the batch",
           "pin the input's dimensions");
    if (isDouble)
      flags = b.make<nn::AndOp>(flags, compare(b, nn::ComparePredicate::ge, place, part(range.batch)));
  } else {
    flags = compare(b, nn::ComparePredicate::gt, mask, b.constant(0, elementOf(mask)));
    ScalarVector sizes = b.extents(flags);
    sizes.insert(sizes.begin() + 1, 4 - rankOf(mask), b.index(1));
    flags = b.reshape(flags, sizes);
  }
  return additiveMask(b, flags, c.number("mask_filter_value", -10000.0f));
}

/// What keeps queries from seeing later keys.
mlir::Value causalMask(Builder &b, const KeyRange &range) {
  mlir::Value key = countAlong(b, range.keys, 3, 4), query = countAlong(b, range.queries, 2, 4);
  query = b.make<nn::AddOp>(query, b.scalarTensor(range.past, b.raw().getI64Type()));
  return additiveMask(b, compare(b, nn::ComparePredicate::le, key, query), std::numeric_limits<float>::lowest());
}

void expectAttribute(NodeContext &c, const char *name, int64_t expected) {
  if (c.integer(name, expected) != expected)
    fail(llvm::Twine("attribute '") + name + "' is " + llvm::Twine(c.integer(name, 0)) + ", of which only " +
         llvm::Twine(expected) + " is supported");
}

/// A past [B, N, P, H], whose extents must be those of the new keys or values but for P.
mlir::Value stateFor(Builder &b, mlir::Value past, mlir::Value fresh) {
  for (int64_t i : {0, 1, 3})
    requireEqual(b, b.extent(past, i), b.extent(fresh, i), "extent " + llvm::Twine(i) + " of a past");
  return past;
}

/// Attention of projected q, k and v in [B, S, N * H], with state [2, B, N, P, H].
void finishAttention(NodeContext &c, mlir::Value q, mlir::Value k, mlir::Value v, int64_t maskIndex, int64_t pastIndex,
                     mlir::Value bias) {
  Builder &b = c.b;
  expectAttribute(c, "do_rotary", 0);
  expectAttribute(c, "past_present_share_buffer", 0);
  int64_t heads = headCount(c, "num_heads");
  q = splitHeads(b, q, heads);
  k = splitHeads(b, k, heads);
  v = splitHeads(b, v, heads);
  Scalar past = b.index(0);
  if (c.hasInput(pastIndex)) {
    mlir::Value states = c.inputOfRank(pastIndex, 5, 5);
    past = b.extent(states, 3);
    requireEqual(b, b.extent(states, 0), b.index(2), "extent 0 of the past");
    auto state = [&](int64_t i) {
      mlir::Value part = b.sliceDimension(states, 0, b.index(i), b.index(1));
      return stateFor(b, b.reshape(part, llvm::ArrayRef<Scalar>(b.extents(states)).drop_front()), i == 0 ? k : v);
    };
    k = b.concat({state(0), k}, 2);
    v = b.concat({state(1), v}, 2);
  }
  if (c.wants(1)) {
    ScalarVector sizes = b.extents(k);
    sizes.insert(sizes.begin(), b.index(1));
    ScalarVector valueSizes = b.extents(v);
    valueSizes.insert(valueSizes.begin(), b.index(1));
    c.result(1, b.concat({b.reshape(k, sizes), b.reshape(v, valueSizes)}, 0));
  }
  KeyRange range{b.extent(q, 0), b.extent(q, 2), b.extent(k, 2), past};
  mlir::Value padding = c.hasInput(maskIndex) ? paddingMask(c, c.inputOfRank(maskIndex, 1, 3), range) : mlir::Value();
  mlir::Value causal = c.integer("unidirectional", 0) != 0 ? causalMask(b, range) : mlir::Value();
  c.result(0, mergeHeads(b, attend(b, q, k, v, attentionScale(c, q), {bias, padding, causal})));
}

/// The columns of q, k and v in their common projection.
llvm::SmallVector<mlir::Value> splitProjection(NodeContext &c, mlir::Value projected) {
  Builder &b = c.b;
  Scalar columns = b.extent(projected, 2);
  ScalarVector widths(3, b.quotient({columns}, {b.index(3)}));
  IntVector given = c.integers("qkv_hidden_sizes");
  if (!given.empty() && given.size() != 3)
    fail("attribute 'qkv_hidden_sizes' has " + std::to_string(given.size()) + " entries, expected 3");
  if (!given.empty())
    widths = b.indices(given);
  requireEqual(b, columns, b.add(b.add(widths[0], widths[1]), widths[2]), "the number of columns of the weights");
  llvm::SmallVector<mlir::Value> parts;
  Scalar offset = b.index(0);
  for (Scalar width : widths) {
    if (Builder::constant(width) && *Builder::constant(width) < 0)
      fail("attribute 'qkv_hidden_sizes' has the entry " + std::to_string(*Builder::constant(width)));
    parts.push_back(b.sliceDimension(projected, 2, offset, width));
    offset = b.add(offset, width);
  }
  return parts;
}

void importAttention(NodeContext &c) {
  c.expectSignature(2, 7,
                    {"do_rotary", "mask_filter_value", "num_heads", "past_present_share_buffer", "qkv_hidden_sizes",
                     "rotary_embedding_dim", "scale", "unidirectional"});
  Builder &b = c.b;
  if (c.hasInput(6))
    fail("a past that shares its buffer with the present is not supported");
  mlir::Value projected = importMatrixProduct(b, c.inputOfRank(0, 3, 3), c.inputOfRank(1, 2, 2));
  if (c.hasInput(2))
    projected = b.make<nn::AddOp>(projected, c.inputOfRank(2, 1, 1));
  auto parts = splitProjection(c, projected);
  mlir::Value bias = c.hasInput(5) ? c.inputOfRank(5, 4, 4) : mlir::Value();
  finishAttention(c, parts[0], parts[1], parts[2], 3, 4, bias);
}

/// Input, weights, bias, their scales, mask, their zero points, past
void importQAttention(NodeContext &c) {
  c.expectSignature(
      5, 9, {"do_rotary", "mask_filter_value", "num_heads", "past_present_share_buffer", "scale", "unidirectional"});
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 3, 3), weights = c.inputOfRank(1, 2, 2);
  auto parameter = [&](int64_t i) {
    return c.hasInput(i) ? matrixParameter(b, c.inputOfRank(i, 0, 1), weights, /*rows=*/false) : mlir::Value();
  };
  mlir::Value sum = importMatrixProduct(b, centered(b, x, parameter(6)), centered(b, weights, parameter(7)));
  c.input(4);
  mlir::Value scale = b.make<nn::MulOp>(b.reshape(c.input(3), {}), parameter(4));
  mlir::Value projected = b.make<nn::MulOp>(b.cast(sum, elementOf(scale)), scale);
  auto parts = splitProjection(c, b.make<nn::AddOp>(projected, c.inputOfRank(2, 1, 1)));
  finishAttention(c, parts[0], parts[1], parts[2], 5, 8, mlir::Value());
}

//===----------------------------------------------------------------------===//
// MultiHeadAttention
//===----------------------------------------------------------------------===//

/// Part `i` of [B, S, N, parts, H] as [B, N, S, H].
mlir::Value packedPart(Builder &b, mlir::Value packed, int64_t i) {
  ScalarVector sizes = b.extents(packed);
  sizes.erase(sizes.begin() + 3);
  return b.transpose(b.reshape(b.sliceDimension(packed, 3, b.index(i), b.index(1)), sizes), {0, 2, 1, 3});
}

/// Queries, keys and values as [B, N, S, H], with their biases.
class MultiHeadInputs {
public:
  MultiHeadInputs(NodeContext &c, int64_t heads) : c(c), b(c.b), heads(heads) {
    project();
    if (c.hasInput(3)) {
      Scalar columns = b.mul(b.index(heads), b.add(b.mul(b.extent(q, 3), b.index(2)), b.extent(v, 3)));
      requireEqual(b, b.extent(c.inputOfRank(3, 1, 1), 0), columns, "the number of biases");
    }
    q = biased(q, 0);
    k = hasProjectedKeys ? k : biased(k, 1);
    v = hasProjectedKeys ? v : biased(v, 2);
    for (int64_t i : {0, 1})
      requireEqual(b, b.extent(v, i), b.extent(k, i), "extent " + llvm::Twine(i) + " of the values");
    for (int64_t i : {0, 1, 3})
      requireEqual(b, b.extent(k, i), b.extent(q, i), "extent " + llvm::Twine(i) + " of the keys");
  }

  mlir::Value q, k, v;

private:
  NodeContext &c;
  Builder &b;
  int64_t heads;
  /// Keys and values are what an earlier projection left.
  bool hasProjectedKeys = false;

  void project() {
    mlir::Value query = c.inputOfRank(0, 3, 5);
    if (rankOf(query) == 5) {
      expectPacked(query, 3, 0);
      q = packedPart(b, query, 0);
      k = packedPart(b, query, 1);
      v = packedPart(b, query, 2);
      return;
    }
    q = splitHeads(b, c.inputOfRank(0, 3, 3), heads);
    mlir::Value key = c.inputOfRank(1, 3, 5);
    if (rankOf(key) == 5) {
      expectPacked(key, 2, 1);
      k = packedPart(b, key, 0);
      v = packedPart(b, key, 1);
      return;
    }
    mlir::Value value = c.inputOfRank(2, rankOf(key), rankOf(key));
    hasProjectedKeys = rankOf(key) == 4;
    k = hasProjectedKeys ? key : splitHeads(b, key, heads);
    v = hasProjectedKeys ? value : splitHeads(b, value, heads);
  }

  void expectPacked(mlir::Value packed, int64_t parts, int64_t i) {
    requireEqual(b, b.extent(packed, 2), b.index(heads), "extent 2 of input " + llvm::Twine(i));
    requireEqual(b, b.extent(packed, 3), b.index(parts), "extent 3 of input " + llvm::Twine(i));
  }

  /// Adds part `part` of the bias [D + D + Dv] to x[B, N, S, H].
  mlir::Value biased(mlir::Value x, int64_t part) {
    if (!c.hasInput(3))
      return x;
    mlir::Value bias = c.inputOfRank(3, 1, 1);
    Scalar width = b.extent(x, 3), columns = b.mul(b.index(heads), width);
    Scalar offset = part == 2 ? b.sub(b.extent(bias, 0), columns) : b.mul(b.index(part), columns);
    bias = b.reshape(b.sliceDimension(bias, 0, offset, columns), {b.index(heads), b.index(1), width});
    return b.make<nn::AddOp>(x, bias);
  }
};

void importMultiHeadAttention(NodeContext &c) {
  c.expectSignature(1, 10, {"mask_filter_value", "num_heads", "scale", "unidirectional"});
  Builder &b = c.b;
  if (c.hasInput(8) || c.hasInput(9))
    fail("a past that shares its buffer with the present is not supported");
  if (c.hasInput(6) != c.hasInput(7))
    fail("past keys and past values must be given together");
  auto [q, k, v] = [&] {
    MultiHeadInputs inputs(c, headCount(c, "num_heads"));
    return std::tuple(inputs.q, inputs.k, inputs.v);
  }();
  Scalar past = b.index(0);
  if (c.hasInput(6)) {
    past = b.extent(c.inputOfRank(6, 4, 4), 2);
    requireEqual(b, b.extent(c.inputOfRank(7, 4, 4), 2), past, "extent 2 of the past values");
    k = b.concat({stateFor(b, c.input(6), k), k}, 2);
    v = b.concat({stateFor(b, c.input(7), v), v}, 2);
  }
  c.result(1, k);
  c.result(2, v);
  requireEqual(b, b.extent(v, 2), b.extent(k, 2), "the number of values");
  KeyRange range{b.extent(q, 0), b.extent(q, 2), b.extent(k, 2), past};
  mlir::Value padding = c.hasInput(4) ? paddingMask(c, c.inputOfRank(4, 1, 3), range) : mlir::Value();
  mlir::Value bias = c.hasInput(5) ? c.inputOfRank(5, 4, 4) : mlir::Value();
  mlir::Value causal = c.integer("unidirectional", 0) != 0 ? causalMask(b, range) : mlir::Value();
  c.result(0, mergeHeads(b, attend(b, q, k, v, attentionScale(c, q), {bias, padding, causal})));
}

} // namespace

void addMicrosoftAttention(ImporterTable &table) {
  table.add(runtimeDomain, "Attention", importAttention);
  table.add(runtimeDomain, "MultiHeadAttention", importMultiHeadAttention);
  table.add(runtimeDomain, "QAttention", importQAttention);
}

} // namespace tenon::importer
