//===- MicrosoftNormalization.cpp - ONNX Runtime's fused layer normalizations --------------===//
//
// Sums of inputs and embeddings before nn's usual composition of a layer normalization. f16 is computed in f32.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Arithmetic.h"
#include "compiler/Import/Normalization.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

/// The last dimension of `x` normalized in f32, times `gamma`, plus `beta` unless that is null, as the type of `x`.
mlir::Value scaledNormal(Builder &b, const Normalized &normal, mlir::Value gamma, mlir::Value beta, mlir::Type type) {
  mlir::Type wide = elementOf(normal.value);
  mlir::Value result = b.make<nn::MulOp>(normal.value, b.cast(gamma, wide));
  if (beta)
    result = add(b, result, b.cast(beta, wide));
  return b.cast(result, type);
}

double epsilonOf(NodeContext &c) { return c.number("epsilon", 1e-12f); }

/// normalization(input + skip + bias); the sum is a result as well.
void importSkip(NodeContext &c, bool simplified) {
  c.expectSignature(3, simplified ? 4 : 5, {"epsilon"});
  c.expectFloats(0);
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 2, 3), skip = c.inputOfRank(1, 2, 3);
  mlir::Type type = elementOf(x), wide = b.raw().getF32Type();
  mlir::Value sum = add(b, b.cast(x, wide), b.cast(skip, wide));
  if (mlir::failed(mlir::verifyCompatibleShape(typeOf(sum).getShape(), typeOf(x).getShape())))
    fail("the skip does not broadcast to the input");
  int64_t biasIndex = simplified ? 3 : 4;
  if (c.hasInput(biasIndex))
    sum = add(b, sum, b.cast(c.inputOfRank(biasIndex, 1, 1), wide));
  IntVector axes = {rankOf(x) - 1};
  Normalized normal = simplified ? normalizeByRoot(b, sum, axes, epsilonOf(c)) : normalize(b, sum, axes, epsilonOf(c));
  mlir::Value beta = !simplified && c.hasInput(3) ? c.inputOfRank(3, 1, 1) : mlir::Value();
  c.result(0, scaledNormal(b, normal, c.inputOfRank(2, 1, 1), beta, type));
  if (normal.mean)
    c.result(1, normal.mean);
  c.result(2, normal.inverseDeviation);
  c.result(3, b.cast(sum, type));
}

void importSkipLayerNormalization(NodeContext &c) { importSkip(c, /*simplified=*/false); }
void importSkipSimplifiedLayerNormalization(NodeContext &c) { importSkip(c, /*simplified=*/true); }

/// The number of elements of each row of the mask that are 1, or zeros without a mask.
mlir::Value maskIndex(NodeContext &c, Scalar batch) {
  Builder &b = c.b;
  mlir::Type type = b.raw().getI32Type();
  if (!c.hasInput(7))
    return b.broadcast(b.constant(0, type), {batch});
  mlir::Value mask = c.inputOfRank(7, 2, 2);
  mlir::Value isOne = b.make<nn::CompareOp>(nn::ComparePredicate::eq, mask, b.constant(1, elementOf(mask)));
  return b.reduce(nn::ReduceKind::sum, b.cast(isOne, type), {1}, /*keepDims=*/false);
}

void importEmbedLayerNormalization(NodeContext &c) {
  c.expectSignature(7, 9, {"epsilon", "mask_index_type"});
  c.expectFloats(2);
  Builder &b = c.b;
  mlir::Value ids = c.inputOfRank(0, 2, 2), words = c.inputOfRank(2, 2, 2), positions = c.inputOfRank(3, 2, 2);
  mlir::Type type = elementOf(words), wide = b.raw().getF32Type();
  mlir::Value sum = b.make<nn::GatherOp>(words, ids, 0);
  if (c.hasInput(8))
    positions = b.make<nn::GatherOp>(positions, c.inputOfRank(8, 2, 2), 0);
  else
    positions = b.make<nn::GatherOp>(positions, b.make<nn::IotaOp>(b.values({b.extent(ids, 1)}), 0), 0);
  sum = add(b, b.cast(sum, wide), b.cast(positions, wide));
  if (c.hasInput(1) != c.hasInput(4))
    fail("segment ids and the segment embedding must be given together");
  if (c.hasInput(1))
    sum = add(b, sum, b.cast(b.make<nn::GatherOp>(c.inputOfRank(4, 2, 2), c.inputOfRank(1, 2, 2), 0), wide));
  Normalized normal = normalize(b, sum, {2}, epsilonOf(c));
  c.result(0, scaledNormal(b, normal, c.inputOfRank(5, 1, 1), c.inputOfRank(6, 1, 1), type));
  c.result(1, maskIndex(c, b.extent(ids, 0)));
  c.result(2, b.cast(sum, type));
}

} // namespace

void addMicrosoftNormalizations(ImporterTable &table) {
  table.add(runtimeDomain, "EmbedLayerNormalization", importEmbedLayerNormalization);
  table.add(runtimeDomain, "SkipLayerNormalization", importSkipLayerNormalization);
  table.add(runtimeDomain, "SkipSimplifiedLayerNormalization", importSkipSimplifiedLayerNormalization);
}

} // namespace tenon::importer
