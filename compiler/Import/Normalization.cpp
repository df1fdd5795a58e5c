//===- Normalization.cpp - normalizations as reductions and elementwise ops ----------------===//
//
// f16 and bf16 are computed in f32 where stash_type asks for it or there is none; a wider type is never narrowed.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Normalization.h"

#include "compiler/Import/Arithmetic.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

mlir::Value sqrt(Builder &b, mlir::Value x) { return b.make<nn::SqrtOp>(x); }
mlir::Value addNumber(Builder &b, mlir::Value x, double number) { return add(b, x, b.constant(number, elementOf(x))); }

IntVector axesFrom(int64_t first, int64_t rank) { return llvm::to_vector(llvm::seq<int64_t>(first, rank)); }

/// The vector input `i`, one element per channel, aligned at dimension 1 of `rank`.
mlir::Value channelInput(NodeContext &c, int64_t i, int64_t rank) {
  return c.b.alignAt(c.inputOfRank(i, 1, 1), 1, rank);
}

//===----------------------------------------------------------------------===//
// BatchNormalization
//===----------------------------------------------------------------------===//

/// Scale and shift per channel are computed from the parameters first, so that they fold and fuse into convolutions.
void importBatchNormalization(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 1);
  int64_t rank = rankOf(x);
  double epsilon = c.number("epsilon", 1e-5f);
  // Until version 7 parameters may have one element per channel and position.
  bool spatial = c.opset >= 9 || c.integer("spatial", 1) != 0;
  auto parameter = [&](int64_t i) -> mlir::Value {
    if (spatial)
      return rank == 1 ? c.inputOfRank(i, 1, 1) : channelInput(c, i, rank);
    return c.inputOfRank(i, rank - 1, rank - 1);
  };
  mlir::Type type = elementOf(x);
  mlir::Value scale = parameter(1), bias = parameter(2), mean = parameter(3), variance = parameter(4);
  bool isTraining = c.opset >= 14 && c.integer("training_mode", 0) != 0;
  if (isTraining) {
    IntVector axes = axesFrom(0, rank);
    axes.erase(axes.begin() + std::min<int64_t>(1, rank - 1));
    mlir::Value wide = b.widenedHalf(x), batchMean = b.mean(wide, axes), centered = sub(b, wide, batchMean);
    mlir::Value batchVariance = b.mean(mul(b, centered, centered), axes);
    auto running = [&](mlir::Value old, mlir::Value fresh) {
      mlir::Type kept = elementOf(old);
      double momentum = c.number("momentum", 0.9f);
      mlir::Value sum =
          add(b, mul(b, old, b.constant(momentum, kept)), mul(b, b.cast(fresh, kept), b.constant(1 - momentum, kept)));
      return b.reshape(sum, {b.extent(x, std::min<int64_t>(1, rank - 1))});
    };
    c.result(1, running(mean, batchMean));
    c.result(2, running(variance, batchVariance));
    mean = batchMean;
    variance = batchVariance;
  }
  mlir::Type statistics = elementOf(variance);
  mlir::Value factor = div(b, b.cast(scale, statistics), sqrt(b, addNumber(b, variance, epsilon)));
  mlir::Value shift = sub(b, b.cast(bias, statistics), mul(b, mean, factor));
  // Statistics of the batch are wide, and so is what is computed with them.
  mlir::Type inner = isTraining ? statistics : type;
  mlir::Value scaled = mul(b, b.cast(x, inner), b.cast(factor, inner));
  c.result(b.cast(add(b, scaled, b.cast(shift, inner)), type));
}

//===----------------------------------------------------------------------===//
// Statistics over axes of one item
//===----------------------------------------------------------------------===//

/// The type statistics are computed in.
mlir::Type stashType(NodeContext &c, mlir::Type type, int64_t absent) {
  mlir::Type stash = c.elementType(c.integer("stash_type", absent));
  return stash.getIntOrFloatBitWidth() > type.getIntOrFloatBitWidth() ? stash : type;
}

void importLayerNormalization(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 1);
  mlir::Type type = elementOf(x), stash = stashType(c, type, onnx::TensorProto::FLOAT);
  IntVector axes = axesFrom(c.axis(c.integer("axis", -1), rankOf(x)), rankOf(x));
  Normalized normal = normalize(b, b.cast(x, stash), axes, c.number("epsilon", 1e-5f));
  mlir::Value result = mul(b, b.cast(normal.value, type), c.input(1));
  c.result(0, c.hasInput(2) ? add(b, result, c.input(2)) : result);
  c.result(1, b.cast(normal.mean, b.raw().getF32Type()));
  c.result(2, b.cast(normal.inverseDeviation, b.raw().getF32Type()));
}

void importRMSNormalization(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 1);
  mlir::Type type = elementOf(x), stash = stashType(c, type, onnx::TensorProto::FLOAT);
  IntVector axes = axesFrom(c.axis(c.integer("axis", -1), rankOf(x)), rankOf(x));
  mlir::Value wide = b.cast(x, stash);
  mlir::Value root = sqrt(b, addNumber(b, b.mean(mul(b, wide, wide), axes), c.number("epsilon", 1e-5f)));
  mlir::Value scale = c.input(1), normal = b.cast(div(b, wide, root), type);
  c.result(b.cast(mul(b, b.cast(normal, elementOf(scale)), scale), elementOf(scale)));
}

/// ONNX Runtime has it before ONNX's version 17.
void importRuntimeLayerNormalization(NodeContext &c) {
  c.expectSignature(2, 3, {"axis", "epsilon", "stash_type"});
  c.expectFloats(0);
  importLayerNormalization(c);
}

/// ONNX Runtime's name and form of RMSNormalization: the scale has the input's type, and there are statistics.
void importSimplifiedLayerNormalization(NodeContext &c) {
  c.expectSignature(2, 2, {"axis", "epsilon", "stash_type"});
  c.expectFloats(0);
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 1);
  mlir::Type type = elementOf(c.input(1)), stash = stashType(c, elementOf(x), onnx::TensorProto::FLOAT);
  IntVector axes = axesFrom(c.axis(c.integer("axis", -1), rankOf(x)), rankOf(x));
  Normalized normal = normalizeByRoot(b, b.cast(x, stash), axes, c.number("epsilon", 1e-5f));
  c.result(0, b.cast(mul(b, normal.value, b.cast(c.input(1), stash)), type));
  c.result(1, normal.inverseDeviation);
}

void importInstanceNormalization(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 3);
  int64_t rank = rankOf(x);
  Normalized normal = normalize(b, b.widenedHalf(x), axesFrom(2, rank), c.number("epsilon", 1e-5f));
  mlir::Value scaled = mul(b, normal.value, b.widenedHalf(channelInput(c, 1, rank)));
  c.result(b.cast(add(b, scaled, b.widenedHalf(channelInput(c, 2, rank))), elementOf(x)));
}

void importGroupNormalization(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 3);
  int64_t rank = rankOf(x), groupCount = c.integer("num_groups", 0);
  mlir::Type type = elementOf(x);
  // Version 18 has no stash_type and its scale and bias are one per group.
  bool perGroup = c.opset < 21;
  ScalarVector extents = b.extents(x);
  std::optional<int64_t> channels = Builder::constant(extents[1]);
  if (groupCount < 1 || (channels && *channels % groupCount != 0))
    fail("attribute 'num_groups' is " + std::to_string(groupCount) + ", which does not divide the number of channels");
  ScalarVector grouped = {extents[0], b.index(groupCount), b.quotient({extents[1]}, {b.index(groupCount)})};
  grouped.append(extents.begin() + 2, extents.end());
  mlir::Value wide = perGroup ? b.widenedHalf(x) : b.cast(x, stashType(c, type, onnx::TensorProto::FLOAT));
  Normalized normal = normalize(b, b.reshape(wide, grouped), axesFrom(2, rank + 1), c.number("epsilon", 1e-5f));
  mlir::Value result = b.cast(normal.value, type);
  if (perGroup) {
    result = add(b, mul(b, result, channelInput(c, 1, rank + 1)), channelInput(c, 2, rank + 1));
    return c.result(b.reshape(result, extents));
  }
  result = b.reshape(result, extents);
  c.result(add(b, mul(b, result, channelInput(c, 1, rank)), channelInput(c, 2, rank)));
}

//===----------------------------------------------------------------------===//
// Others
//===----------------------------------------------------------------------===//

/// x / (bias + alpha / size * sum of squares over a window of channels) ^ beta
void importLRN(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 2);
  int64_t size = c.integer("size", 0);
  if (size < 1 || size > INT32_MAX)
    fail("attribute 'size' is " + std::to_string(size) + ", expected 1 or more");
  ScalarVector extents = b.extents(x);
  Scalar positions = b.product(llvm::ArrayRef<Scalar>(extents).drop_front(2));
  mlir::Value wide = b.widenedHalf(x);
  mlir::Value squares = b.reshape(mul(b, wide, wide), {extents[0], b.index(1), extents[1], positions});
  IntVector kernel{size, 1}, ones{1, 1}, pads{(size - 1) / 2, 0, size / 2, 0};
  mlir::Value sums = b.make<nn::PoolOp>(nn::PoolKind::sum, squares, kernel, ones, pads, ones, false, false);
  mlir::Type type = elementOf(wide);
  double alpha = c.number("alpha", 0.0001f), beta = c.number("beta", 0.75f), bias = c.number("bias", 1.0f);
  mlir::Value base =
      addNumber(b, mul(b, b.reshape(sums, extents), b.constant(alpha / static_cast<double>(size), type)), bias);
  c.result(b.cast(div(b, wide, b.make<nn::PowOp>(base, b.constant(beta, type))), elementOf(x)));
}

/// (x - mean) / (deviation + 1e-9) over axes.
void importMeanVarianceNormalization(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.input(0);
  mlir::Type type = elementOf(x);
  IntVector axes = c.axes(c.hasAttribute("axes") ? c.integers("axes") : IntVector{0, 2, 3}, rankOf(x));
  mlir::Value wide = b.widenedHalf(x), centered = sub(b, wide, b.mean(wide, axes));
  mlir::Value deviation = sqrt(b, b.mean(mul(b, centered, centered), axes));
  c.result(b.cast(div(b, centered, addNumber(b, deviation, 1e-9)), type));
}

/// x / norm along an axis; 0 where the norm is 0.
void importLpNormalization(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 1), x = b.widenedHalf(input);
  int64_t axis = c.axis(c.integer("axis", -1), rankOf(x)), p = c.integer("p", 2);
  mlir::Value norm;
  if (p == 1)
    norm = b.reduce(nn::ReduceKind::sum, b.make<nn::AbsOp>(x), {axis}, true);
  else if (p == 2)
    norm = sqrt(b, b.reduce(nn::ReduceKind::sum, mul(b, x, x), {axis}, true));
  else
    fail("attribute 'p' is " + std::to_string(p) + ", expected 1 or 2");
  mlir::Value zero = b.constant(0, elementOf(x));
  mlir::Value isZero = b.make<nn::CompareOp>(nn::ComparePredicate::eq, norm, zero);
  c.result(b.cast(b.make<nn::SelectOp>(isZero, zero, div(b, x, norm)), elementOf(input)));
}

} // namespace

Normalized normalize(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> axes, double epsilon) {
  mlir::Value mean = b.mean(x, axes), centered = sub(b, x, mean);
  mlir::Value variance = b.mean(mul(b, centered, centered), axes);
  mlir::Value inverse = div(b, b.constant(1, elementOf(x)), sqrt(b, addNumber(b, variance, epsilon)));
  return {mul(b, centered, inverse), mean, inverse};
}

Normalized normalizeByRoot(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> axes, double epsilon) {
  mlir::Value squares = b.mean(mul(b, x, x), axes);
  mlir::Value inverse = div(b, b.constant(1, elementOf(x)), sqrt(b, addNumber(b, squares, epsilon)));
  return {mul(b, x, inverse), mlir::Value(), inverse};
}

void addNormalizations(ImporterTable &table) {
  table.add("BatchNormalization", importBatchNormalization);
  table.add("GroupNormalization", importGroupNormalization);
  table.add("InstanceNormalization", importInstanceNormalization);
  table.add("LRN", importLRN);
  table.add("LayerNormalization", importLayerNormalization);
  table.add("LpNormalization", importLpNormalization);
  table.add("MeanVarianceNormalization", importMeanVarianceNormalization);
  table.add("RMSNormalization", importRMSNormalization);
  table.add(runtimeExtensions, "LayerNormalization", importRuntimeLayerNormalization);
  table.add(runtimeExtensions, "SimplifiedLayerNormalization", importSimplifiedLayerNormalization);
}

} // namespace tenon::importer
