//===- Quantization.cpp - quantized operators in plain arithmetic --------------------------===//
//
// QuantizeLinear and DequantizeLinear are elementwise; integer products are nn.matmul and nn.conv on i32 with the zero
// points taken off first.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Quantization.h"

#include "compiler/Import/Registry.h"
#include "compiler/Import/Window.h"
#include "compiler/Support/SmallFloat.h"

namespace tenon::importer {

namespace {

/// A scale or zero point so that it broadcasts over `x`: one value, one per index of `axis`, or one per block of
/// `axis`.
mlir::Value spreadParameter(NodeContext &c, mlir::Value parameter, mlir::Value x, int64_t axis, int64_t blockSize) {
  Builder &b = c.b;
  int64_t rank = rankOf(parameter);
  if (rank == 0 || (rank == 1 && blockSize == 0 && typeOf(parameter).getDimSize(0) == 1))
    return b.reshape(parameter, {});
  if (blockSize == 0) {
    if (rank != 1)
      fail("a scale or zero point has rank " + std::to_string(rank) + ", expected 0 or 1");
    // An extent that the run knows may be 1, which broadcasts; along an axis that there is not it has to be.
    if (bool isAxis = axis >= -rankOf(x) && axis < rankOf(x); !isAxis && typeOf(parameter).isDynamicDim(0))
      return b.reshape(parameter, {});
    return b.alignAt(parameter, c.axis(axis, rankOf(x)), rankOf(x));
  }
  if (rank != rankOf(x) || blockSize < 0)
    fail("a scale or zero point of blocks has rank " + std::to_string(rank) + ", expected " +
         std::to_string(rankOf(x)));
  axis = c.axis(axis, rank);
  // [.., n, ..] becomes [.., n, 1, ..], is repeated and cut to the extent.
  ScalarVector split = b.extents(parameter), flat = split;
  split.insert(split.begin() + axis + 1, b.index(1));
  ScalarVector repeated = split;
  repeated[axis + 1] = b.index(blockSize);
  flat[axis] = b.mul(flat[axis], b.index(blockSize));
  mlir::Value spread = b.reshape(b.broadcast(b.reshape(parameter, split), repeated), flat);
  return b.sliceDimension(spread, axis, b.index(0), b.extent(x, axis));
}

/// The type itself, or f32 for floats of at most 8 bits.
mlir::Type computable(Builder &b, mlir::Type type) {
  return llvm::isa<mlir::FloatType>(type) && nn::isSmall(type) ? mlir::Type(b.raw().getF32Type()) : type;
}

void importQuantizeLinear(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.input(0);
  int64_t axis = c.integer("axis", 1), blockSize = c.integer("block_size", 0);
  mlir::Type type = b.raw().getIntegerType(8, false);
  if (int64_t requested = c.integer("output_dtype", 0))
    type = c.elementType(requested, /*movedOnly=*/true);
  if (c.hasInput(2))
    type = elementOf(c.input(2));
  mlir::Value scale = spreadParameter(c, c.input(1), x, axis, blockSize), zeroPoint;
  if (c.hasInput(2))
    zeroPoint = spreadParameter(c, c.input(2), x, axis, blockSize);
  mlir::Type precision = computable(b, elementOf(scale));
  if (int64_t requested = c.integer("precision", 0))
    precision = c.elementType(requested);
  mlir::Value ratio = b.make<nn::DivOp>(b.cast(x, precision), b.cast(scale, precision));
  c.result(quantized(b, ratio, zeroPoint, type, c.integer("saturate", 1) != 0));
}

void importDequantizeLinear(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.input(0);
  int64_t axis = c.integer("axis", 1), blockSize = c.integer("block_size", 0);
  mlir::Value scale = spreadParameter(c, c.input(1), x, axis, blockSize), zeroPoint;
  if (c.hasInput(2))
    zeroPoint = spreadParameter(c, c.input(2), x, axis, blockSize);
  mlir::Type type = elementOf(scale);
  if (int64_t requested = c.integer("output_dtype", 0))
    type = c.elementType(requested);
  if (nn::isSmall(type))
    fail("the scale is a float of 8 bits, which the result cannot be", "set attribute 'output_dtype'");
  // The product is formed in the wider of the two types.
  mlir::Type wide = computable(b, elementOf(scale));
  if (type.getIntOrFloatBitWidth() > wide.getIntOrFloatBitWidth())
    wide = type;
  mlir::Value difference = b.cast(centered(b, x, zeroPoint), wide);
  c.result(b.cast(b.make<nn::MulOp>(difference, b.cast(scale, wide)), type));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

mlir::Value integerProduct(NodeContext &c, int64_t lhsIndex, int64_t lhsZero, int64_t rhsIndex, int64_t rhsZero) {
  Builder &b = c.b;
  mlir::Value lhs = c.inputOfRank(lhsIndex, 1), rhs = c.inputOfRank(rhsIndex, 1);
  auto zero = [&](int64_t i, mlir::Value matrix, bool rows) {
    return c.hasInput(i) ? matrixParameter(b, c.input(i), matrix, rows) : mlir::Value();
  };
  lhs = centered(b, lhs, zero(lhsZero, lhs, true));
  rhs = centered(b, rhs, zero(rhsZero, rhs, false));
  // A float of 8 bits may meet an integer.
  if (elementOf(lhs) != elementOf(rhs)) {
    lhs = b.cast(lhs, b.raw().getF32Type());
    rhs = b.cast(rhs, b.raw().getF32Type());
  }
  return importMatrixProduct(b, lhs, rhs);
}

void importMatMulInteger(NodeContext &c) { c.result(integerProduct(c, 0, 2, 1, 3)); }

void importQLinearMatMul(NodeContext &c) {
  Builder &b = c.b;
  mlir::Type real = b.raw().getF32Type();
  mlir::Value product = integerProduct(c, 0, 2, 3, 5);
  mlir::Value lhsScale = b.cast(matrixParameter(b, c.input(1), c.input(0), true), real);
  mlir::Value rhsScale = b.cast(matrixParameter(b, c.input(4), c.input(3), false), real);
  mlir::Value scale = b.make<nn::MulOp>(lhsScale, rhsScale);
  mlir::Value factor = b.make<nn::DivOp>(scale, b.cast(matrixParameter(b, c.input(6), product, true), real));
  mlir::Value scaledProduct = b.make<nn::MulOp>(b.cast(product, real), factor);
  c.result(quantized(b, scaledProduct, matrixParameter(b, c.input(7), product, true), elementOf(c.input(7))));
}

/// The convolution of zero-centered integers; a zero point of the filter may be one per filter.
mlir::Value integerConvolution(NodeContext &c, mlir::Value input, int64_t inputZero, int64_t filterIndex,
                               int64_t filterZero) {
  Builder &b = c.b;
  mlir::Value filter = c.inputOfRank(filterIndex, 3, 5);
  mlir::Value zero = c.hasInput(inputZero) ? b.reshape(c.input(inputZero), {}) : mlir::Value();
  input = centered(b, input, zero);
  mlir::Value perFilter = c.hasInput(filterZero) ? c.input(filterZero) : mlir::Value();
  if (perFilter && rankOf(perFilter) == 1)
    perFilter = b.alignAt(perFilter, 0, rankOf(filter));
  return convolution(c, input, centered(b, filter, perFilter));
}

void importConvInteger(NodeContext &c) { c.result(integerConvolution(c, c.inputOfRank(0, 3, 5), 2, 1, 3)); }

void importQLinearConv(NodeContext &c) {
  Builder &b = c.b;
  mlir::Type real = b.raw().getF32Type();
  mlir::Value input = c.inputOfRank(0, 3, 5);
  // An attribute that ONNX Runtime's operator has.
  bool channelsLast = c.integer("channels_last", 0) != 0;
  if (channelsLast)
    input = b.transpose(input, channelsFirstOrder(rankOf(input)));
  mlir::Value sum = integerConvolution(c, input, 2, 3, 5);
  int64_t rank = rankOf(sum);
  if (c.hasInput(8))
    sum = b.make<nn::AddOp>(sum, b.alignAt(c.inputOfRank(8, 1, 1), 1, rank));
  auto perChannel = [&](mlir::Value parameter) {
    return rankOf(parameter) == 1 && typeOf(parameter).getDimSize(0) != 1 ? b.alignAt(parameter, 1, rank)
                                                                          : b.reshape(parameter, {});
  };
  mlir::Value scale = b.make<nn::MulOp>(perChannel(c.input(1)), perChannel(c.input(4)));
  mlir::Value factor = b.make<nn::DivOp>(scale, perChannel(c.input(6)));
  mlir::Value scaledSum = b.make<nn::MulOp>(b.cast(sum, real), factor);
  mlir::Value result = quantized(b, scaledSum, perChannel(c.input(7)), elementOf(c.input(7)));
  c.result(channelsLast ? b.transpose(result, channelsLastOrder(rank)) : result);
}

void importRuntimeQLinearConv(NodeContext &c) {
  c.expectSignature(8, 9, {"auto_pad", "channels_last", "dilations", "group", "kernel_shape", "pads", "strides"});
  importQLinearConv(c);
}

/// ONNX Runtime's own, which had 16 bits before ONNX's did.
void importRuntimeQuantizeLinear(NodeContext &c) {
  c.expectSignature(2, 3, {"axis"});
  importQuantizeLinear(c);
}

void importRuntimeDequantizeLinear(NodeContext &c) {
  c.expectSignature(2, 3, {"axis"});
  importDequantizeLinear(c);
}

} // namespace

/// Saturates whole numbers to `type`.
static mlir::Value clamped(Builder &b, mlir::Value x, mlir::Type type) {
  mlir::Type wide = b.raw().getF32Type();
  unsigned width = type.getIntOrFloatBitWidth();
  if (!llvm::isa<mlir::IntegerType>(type) || width > 16)
    fail("the quantized type must be an integer of at most 16 bits or a float of at most 8");
  double low = type.isUnsignedInteger() ? 0 : -std::ldexp(1.0, width - 1);
  double high = std::ldexp(1.0, type.isUnsignedInteger() ? width : width - 1) - 1;
  x = b.make<nn::MinOp>(b.make<nn::MaxOp>(x, b.constant(low, wide)), b.constant(high, wide));
  return b.cast(x, type);
}

mlir::Value saturated(Builder &b, mlir::Value x, mlir::Type type) { return clamped(b, b.make<nn::RoundOp>(x), type); }

// All in f32, which holds every value of 16 bits.
mlir::Value quantized(Builder &b, mlir::Value x, mlir::Value zeroPoint, mlir::Type type, bool saturate) {
  mlir::Type wide = b.raw().getF32Type();
  bool isInteger = llvm::isa<mlir::IntegerType>(type);
  x = b.cast(x, wide);
  if (isInteger)
    x = b.make<nn::RoundOp>(x);
  if (zeroPoint)
    x = b.make<nn::AddOp>(x, b.cast(zeroPoint, wide));
  std::optional<SmallFloatFormat> format = smallFloatFormat(type);
  if (format && !format->isScale)
    return b.make<nn::CastOp>(x, type, saturate, nn::ScaleRounding::up);
  return clamped(b, x, type);
}

mlir::Value centered(Builder &b, mlir::Value x, mlir::Value zeroPoint) {
  mlir::Type wide = b.raw().getI32Type();
  if (llvm::isa<mlir::FloatType>(elementOf(x)))
    wide = b.raw().getF32Type();
  x = b.cast(x, wide);
  return zeroPoint ? b.make<nn::SubOp>(x, b.cast(zeroPoint, wide)) : x;
}

mlir::Value matrixParameter(Builder &b, mlir::Value parameter, mlir::Value matrix, bool rows) {
  if (rankOf(parameter) != 1 || typeOf(parameter).getDimSize(0) == 1)
    return rankOf(parameter) == 1 ? b.reshape(parameter, {}) : parameter;
  return rows && rankOf(matrix) > 1 ? b.alignAt(parameter, 0, 2) : parameter;
}

DynamicallyQuantized quantizeDynamically(Builder &b, mlir::Value x) {
  mlir::Type wide = b.raw().getF32Type(), narrow = b.raw().getIntegerType(8, false);
  IntVector axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  mlir::Value zero = b.constant(0, wide), one = b.constant(1, wide), steps = b.constant(255, wide);
  mlir::Value low = b.make<nn::MinOp>(b.reduce(nn::ReduceKind::min, x, axes, /*keepDims=*/false), zero);
  mlir::Value high = b.make<nn::MaxOp>(b.reduce(nn::ReduceKind::max, x, axes, /*keepDims=*/false), zero);
  mlir::Value range = b.make<nn::SubOp>(high, low);
  mlir::Value isEmpty = b.make<nn::CompareOp>(nn::ComparePredicate::eq, range, zero);
  mlir::Value scale = b.make<nn::SelectOp>(isEmpty, one, b.make<nn::DivOp>(range, steps));
  mlir::Value zeroPoint = saturated(b, b.make<nn::DivOp>(b.make<nn::NegOp>(low), scale), narrow);
  return {quantized(b, b.make<nn::DivOp>(x, scale), zeroPoint, narrow), scale, zeroPoint};
}

void addQuantization(ImporterTable &table) {
  table.add("ConvInteger", importConvInteger);
  table.add("DequantizeLinear", importDequantizeLinear);
  table.add("MatMulInteger", importMatMulInteger);
  table.add("QLinearConv", importQLinearConv);
  table.add("QLinearMatMul", importQLinearMatMul);
  table.add("QuantizeLinear", importQuantizeLinear);
  table.add(runtimeDomain, "DequantizeLinear", importRuntimeDequantizeLinear);
  table.add(runtimeDomain, "QLinearConv", importRuntimeQLinearConv);
  table.add(runtimeDomain, "QuantizeLinear", importRuntimeQuantizeLinear);
}

} // namespace tenon::importer
