//===- MicrosoftQuantization.cpp - ONNX Runtime's quantized operators ----------------------===//
//
// Integer products, and arithmetic between a dequantization and a quantization. Where that decides how a half is
// rounded, the order of the arithmetic is ONNX Runtime's.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Arithmetic.h"
#include "compiler/Import/Quantization.h"
#include "compiler/Import/Registry.h"
#include "compiler/Import/Window.h"

namespace tenon::importer {

namespace {

/// A quantized tensor in the node's inputs. Scale and zero point (null: 0) have rank 0 and are in f32.
struct QuantizedInput {
  mlir::Value values, scale, zeroPoint;
  mlir::Type type;
};

/// A scale or zero point of one element as an f32 of rank 0.
mlir::Value scalarInput(NodeContext &c, int64_t i) {
  mlir::Value x = c.inputOfRank(i, 0, 1);
  if (rankOf(x) == 1 && typeOf(x).getDimSize(0) != 1)
    fail("input " + std::to_string(i) + " has " + std::to_string(typeOf(x).getDimSize(0)) +
         " elements, expected one scale or zero point");
  return c.b.cast(c.b.reshape(x, {}), c.b.raw().getF32Type());
}

mlir::Value optionalScalarInput(NodeContext &c, int64_t i) {
  return c.hasInput(i) ? scalarInput(c, i) : c.b.constant(0, c.b.raw().getF32Type());
}

/// Values at `i`, scale and zero point behind them.
QuantizedInput quantizedInput(NodeContext &c, int64_t i) {
  return {c.input(i), scalarInput(c, i + 1), optionalScalarInput(c, i + 2), elementOf(c.input(i))};
}

/// The element type of the result, which is that of its zero point at `i`, or else the input's.
mlir::Type resultType(NodeContext &c, int64_t i) { return elementOf(c.hasInput(i) ? c.input(i) : c.input(0)); }

mlir::Value dequantized(Builder &b, const QuantizedInput &x) {
  mlir::Value offset = sub(b, b.cast(x.values, elementOf(x.scale)), x.zeroPoint);
  return mul(b, x.scale, offset);
}

/// round(x / scale) + zero point, of scale and zero point at `i`.
mlir::Value requantized(NodeContext &c, mlir::Value x, int64_t i) {
  return quantized(c.b, div(c.b, x, scalarInput(c, i)), optionalScalarInput(c, i + 1), resultType(c, i + 1));
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

/// All zero points and scales make two factors and one summand.
void importQLinearAdd(NodeContext &c) {
  c.expectSignature(7, 8);
  Builder &b = c.b;
  QuantizedInput lhs = quantizedInput(c, 0), rhs = quantizedInput(c, 3);
  mlir::Value scale = scalarInput(c, 6), lhsFactor = div(b, lhs.scale, scale), rhsFactor = div(b, rhs.scale, scale);
  mlir::Value fixed =
      sub(b, optionalScalarInput(c, 7), add(b, mul(b, lhsFactor, lhs.zeroPoint), mul(b, rhsFactor, rhs.zeroPoint)));
  mlir::Type real = elementOf(scale);
  mlir::Value sum = add(b, fixed, mul(b, b.cast(lhs.values, real), lhsFactor));
  c.result(saturated(b, add(b, sum, mul(b, b.cast(rhs.values, real), rhsFactor)), resultType(c, 7)));
}

void importQLinearMul(NodeContext &c) {
  c.expectSignature(7, 8);
  Builder &b = c.b;
  QuantizedInput lhs = quantizedInput(c, 0), rhs = quantizedInput(c, 3);
  mlir::Value factor = div(b, mul(b, lhs.scale, rhs.scale), scalarInput(c, 6));
  mlir::Type real = elementOf(factor);
  mlir::Value product =
      mul(b, sub(b, b.cast(lhs.values, real), lhs.zeroPoint), sub(b, b.cast(rhs.values, real), rhs.zeroPoint));
  c.result(quantized(b, mul(b, product, factor), optionalScalarInput(c, 7), resultType(c, 7)));
}

void importQLinearSigmoid(NodeContext &c) {
  c.expectSignature(4, 5);
  mlir::Value x = dequantized(c.b, quantizedInput(c, 0));
  c.result(requantized(c, c.b.make<nn::SigmoidOp>(x), 3));
}

void importQLinearLeakyRelu(NodeContext &c) {
  c.expectSignature(4, 5, {"alpha"});
  mlir::Value x = dequantized(c.b, quantizedInput(c, 0));
  Arithmetic a(c.b, elementOf(x));
  c.result(requantized(c, a.select(nn::ComparePredicate::lt, x, 0, a.mul(x, c.number("alpha", 0.01f)), x), 3));
}

/// Condition, x, y, and the result's scale and zero point
void importQLinearWhere(NodeContext &c) {
  c.expectSignature(9, 9);
  mlir::Value chosen = c.b.make<nn::SelectOp>(c.input(0), dequantized(c.b, quantizedInput(c, 1)),
                                              dequantized(c.b, quantizedInput(c, 4)));
  mlir::Value code = div(c.b, chosen, scalarInput(c, 7));
  c.result(quantized(c.b, code, optionalScalarInput(c, 8), elementOf(c.input(1))));
}

void importQLinearConcat(NodeContext &c) {
  if (c.inputCount() < 5 || c.inputCount() % 3 != 2)
    fail("the node has " + std::to_string(c.inputCount()) + " inputs, expected 2 and 3 for each tensor");
  c.expectSignature(5, c.inputCount(), {"axis"});
  llvm::SmallVector<mlir::Value> parts;
  for (int64_t i = 2; i < c.inputCount(); i += 3)
    parts.push_back(requantized(c, dequantized(c.b, quantizedInput(c, i)), 0));
  c.result(c.b.concat(parts, c.axis(c.integer("axis", 0), rankOf(parts.front()))));
}

/// Probabilities relative to the largest input, in units of the output's scale, whose reciprocal counts as whole.
void importQLinearSoftmax(NodeContext &c) {
  c.expectSignature(4, 5, {"axis", "opset"});
  Builder &b = c.b;
  QuantizedInput x = quantizedInput(c, 0);
  int64_t rank = rankOf(x.values), opset = c.integer("opset", 0);
  if (!c.hasAttribute("opset"))
    fail("attribute 'opset' is missing");
  int64_t axis = c.axis(c.integer("axis", opset < 13 ? 1 : -1), rank);
  IntVector axes = llvm::to_vector(llvm::seq<int64_t>(axis, opset < 13 ? rank : axis + 1));
  // Differences of codes are exact; zero points cancel.
  mlir::Value offset = sub(b, b.cast(x.values, elementOf(x.scale)), x.zeroPoint);
  mlir::Value probability = softmax(b, mul(b, offset, x.scale), axes);
  mlir::Value steps = b.make<nn::FloorOp>(div(b, b.constant(1, elementOf(x.scale)), scalarInput(c, 3)));
  c.result(quantized(b, mul(b, probability, steps), optionalScalarInput(c, 4), resultType(c, 4)));
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

mlir::Value withChannelsFirst(NodeContext &c, mlir::Value x) {
  return c.integer("channels_last", 0) != 0 ? c.b.transpose(x, channelsFirstOrder(rankOf(x))) : x;
}

mlir::Value withChannelsAsGiven(NodeContext &c, mlir::Value x) {
  return c.integer("channels_last", 0) != 0 ? c.b.transpose(x, channelsLastOrder(rankOf(x))) : x;
}

/// The zero point is added before rounding.
void importQLinearAveragePool(NodeContext &c) {
  c.expectSignature(4, 5,
                    {"auto_pad", "ceil_mode", "channels_last", "count_include_pad", "kernel_shape", "pads", "strides"});
  Builder &b = c.b;
  QuantizedInput x = quantizedInput(c, 0);
  c.inputOfRank(0, 3, 5);
  mlir::Value mean = averagePool(c, withChannelsFirst(c, dequantized(b, x)));
  mlir::Value code = add(b, div(b, mean, scalarInput(c, 3)), optionalScalarInput(c, 4));
  c.result(withChannelsAsGiven(c, saturated(b, code, resultType(c, 4))));
}

/// The sum is an integer; one factor makes it a mean in the output's units.
void importQLinearGlobalAveragePool(NodeContext &c) {
  c.expectSignature(4, 5, {"channels_last"});
  Builder &b = c.b;
  QuantizedInput x = quantizedInput(c, 0);
  mlir::Value values = withChannelsFirst(c, c.inputOfRank(0, 3));
  IntVector axes = llvm::to_vector(llvm::seq<int64_t>(2, rankOf(values)));
  ScalarVector spatial = b.extents(values);
  spatial.erase(spatial.begin(), spatial.begin() + 2);
  mlir::Type wide = b.raw().getI32Type(), real = elementOf(x.scale);
  mlir::Value sum = b.reduce(nn::ReduceKind::sum, centered(b, values, b.cast(x.zeroPoint, wide)), axes,
                             /*keepDims=*/true);
  mlir::Value units = mul(b, scalarInput(c, 3), b.scalarTensor(b.product(spatial), real));
  mlir::Value code = mul(b, b.cast(sum, real), div(b, x.scale, units));
  c.result(withChannelsAsGiven(c, quantized(b, code, optionalScalarInput(c, 4), resultType(c, 4))));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// A zero point of the right-hand side or null.
mlir::Value columnParameter(NodeContext &c, int64_t i, mlir::Value matrix) {
  return c.hasInput(i) ? matrixParameter(c.b, c.input(i), matrix, /*rows=*/false) : mlir::Value();
}

/// The integer product as a float: times `scale`, plus the bias of input `i`.
mlir::Value scaledProduct(NodeContext &c, mlir::Value sum, mlir::Value scale, int64_t bias) {
  Builder &b = c.b;
  mlir::Value result = mul(b, b.cast(sum, elementOf(scale)), scale);
  return c.hasInput(bias) ? add(b, result, c.inputOfRank(bias, 1, 1)) : result;
}

/// A, B, scale of B, zero point of B, bias
void importDynamicQuantizeMatMul(NodeContext &c) {
  c.expectSignature(3, 5);
  Builder &b = c.b;
  mlir::Value rhs = c.inputOfRank(1, 1);
  DynamicallyQuantized lhs = quantizeDynamically(b, c.inputOfRank(0, 1));
  mlir::Value sum =
      importMatrixProduct(b, centered(b, lhs.values, lhs.zeroPoint), centered(b, rhs, columnParameter(c, 3, rhs)));
  c.result(scaledProduct(c, sum, mul(b, lhs.scale, columnParameter(c, 2, rhs)), 4));
}

/// A, B, scales of A and B, zero points of A and B, bias
void importMatMulIntegerToFloat(NodeContext &c) {
  c.expectSignature(4, 7);
  Builder &b = c.b;
  mlir::Value lhs = c.inputOfRank(0, 1), rhs = c.inputOfRank(1, 1);
  mlir::Value lhsZero = c.hasInput(4) ? matrixParameter(b, c.input(4), lhs, /*rows=*/true) : mlir::Value();
  mlir::Value sum = importMatrixProduct(b, centered(b, lhs, lhsZero), centered(b, rhs, columnParameter(c, 5, rhs)));
  mlir::Value scale = mul(b, matrixParameter(b, c.input(2), lhs, /*rows=*/true), columnParameter(c, 3, rhs));
  c.result(scaledProduct(c, sum, scale, 6));
}

/// A, its scale and zero point, B, its scale and zero point, C, the result's scale and zero point
void importQGemm(NodeContext &c) {
  c.expectSignature(6, 9, {"alpha", "transA", "transB"});
  Builder &b = c.b;
  mlir::Value lhs = c.inputOfRank(0, 2, 2), rhs = c.inputOfRank(3, 2, 2);
  auto oriented = [&](mlir::Value x, const char *name) { return c.integer(name, 0) != 0 ? b.transpose(x, {1, 0}) : x; };
  lhs = oriented(lhs, "transA");
  rhs = oriented(rhs, "transB");
  mlir::Value lhsZero = matrixParameter(b, c.input(2), lhs, /*rows=*/true);
  mlir::Value sum = importMatrixProduct(b, centered(b, lhs, lhsZero), centered(b, rhs, columnParameter(c, 5, rhs)));
  if (c.hasInput(6))
    sum = add(b, sum, c.inputOfRank(6, 0, 2));
  mlir::Value scale = mul(b, matrixParameter(b, c.input(1), lhs, /*rows=*/true), columnParameter(c, 4, rhs));
  Arithmetic a(b, elementOf(scale));
  scale = a.mul(scale, c.number("alpha", 1));
  mlir::Value value = b.cast(sum, elementOf(scale));
  if (!c.hasInput(7))
    return c.result(mul(b, value, scale));
  c.result(quantized(b, mul(b, value, div(b, scale, scalarInput(c, 7))), optionalScalarInput(c, 8), resultType(c, 8)));
}

} // namespace

void addMicrosoftQuantization(ImporterTable &table) {
  table.add(runtimeDomain, "DynamicQuantizeMatMul", importDynamicQuantizeMatMul);
  table.add(runtimeDomain, "MatMulIntegerToFloat", importMatMulIntegerToFloat);
  table.add(runtimeDomain, "QGemm", importQGemm);
  table.add(runtimeDomain, "QLinearAdd", importQLinearAdd);
  table.add(runtimeDomain, "QLinearAveragePool", importQLinearAveragePool);
  table.add(runtimeDomain, "QLinearConcat", importQLinearConcat);
  table.add(runtimeDomain, "QLinearGlobalAveragePool", importQLinearGlobalAveragePool);
  table.add(runtimeDomain, "QLinearLeakyRelu", importQLinearLeakyRelu);
  table.add(runtimeDomain, "QLinearMul", importQLinearMul);
  table.add(runtimeDomain, "QLinearSigmoid", importQLinearSigmoid);
  table.add(runtimeDomain, "QLinearSoftmax", importQLinearSoftmax);
  table.add(runtimeDomain, "QLinearWhere", importQLinearWhere);
}

} // namespace tenon::importer
