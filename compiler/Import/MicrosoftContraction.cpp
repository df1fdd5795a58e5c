//===- MicrosoftContraction.cpp - ONNX Runtime's products with more in one node ------------===//
//
// Products with transpositions, scales and activations, and products with weights of a few bits. Those are unpacked and
// dequantized by elementwise ops, which fold where the weights are constants.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Arithmetic.h"
#include "compiler/Import/Body.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

//===----------------------------------------------------------------------===//
// FusedMatMul
//===----------------------------------------------------------------------===//

/// [M, batch..., K] as [batch..., M, K].
mlir::Value batchFirst(Builder &b, mlir::Value x) {
  int64_t rank = rankOf(x);
  IntVector order = llvm::to_vector(llvm::seq<int64_t>(1, rank - 1));
  order.append({0, rank - 1});
  return b.transpose(x, order);
}

void importFusedMatMul(NodeContext &c) {
  c.expectSignature(2, 2, {"alpha", "transA", "transB", "transBatchA", "transBatchB"});
  Builder &b = c.b;
  auto operand = [&](int64_t i, const char *transposed, const char *batchTransposed) {
    mlir::Value x = c.inputOfRank(i, 1);
    if (rankOf(x) > 2 && c.integer(batchTransposed, 0) != 0)
      x = batchFirst(b, x);
    if (rankOf(x) < 2 || c.integer(transposed, 0) == 0)
      return x;
    IntVector order = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
    std::swap(order[order.size() - 2], order.back());
    return b.transpose(x, order);
  };
  mlir::Value product =
      importMatrixProduct(b, operand(0, "transA", "transBatchA"), operand(1, "transB", "transBatchB"));
  c.result(Arithmetic(b, elementOf(product)).mul(product, c.number("alpha", 1)));
}

//===----------------------------------------------------------------------===//
// FusedConv and FusedGemm
//===----------------------------------------------------------------------===//

/// Attribute activation applied to `x`; `parameter` gives its first or second parameter.
mlir::Value activated(NodeContext &c, mlir::Value x, llvm::function_ref<float(size_t)> parameter) {
  Arithmetic a(c.b, elementOf(x));
  std::string name = c.string("activation", "");
  if (name.empty())
    return x;
  if (name == "Relu")
    return a.max(x, 0);
  if (name == "Tanh")
    return c.b.make<nn::TanhOp>(x);
  if (name == "Sigmoid")
    return c.b.make<nn::SigmoidOp>(x);
  if (name == "LeakyRelu")
    return a.select(nn::ComparePredicate::lt, x, 0, a.mul(x, parameter(0)), x);
  if (name == "Clip")
    return a.min(a.max(x, parameter(0)), parameter(1));
  if (name == "HardSigmoid")
    return a.min(a.max(a.add(a.mul(x, parameter(0)), parameter(1)), 0), 1);
  fail("attribute 'activation' is '" + name + "', expected Relu, Tanh, Sigmoid, LeakyRelu, Clip or HardSigmoid");
}

void importFusedConv(NodeContext &c) {
  c.expectSignature(
      2, 4, {"activation", "activation_params", "auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"});
  mlir::Value sum = convolution(c);
  if (c.hasInput(3)) {
    mlir::Value more = c.b.make<nn::AddOp>(sum, c.inputOfRank(3, rankOf(sum), rankOf(sum)));
    if (mlir::failed(mlir::verifyCompatibleShape(typeOf(more).getShape(), typeOf(sum).getShape())))
      fail("input 3 does not have the shape of the convolution");
    sum = more;
  }
  llvm::SmallVector<float> parameters = c.numbers("activation_params");
  c.result(activated(c, sum, [&](size_t i) {
    if (i >= parameters.size())
      fail("attribute 'activation_params' has " + std::to_string(parameters.size()) + " entries, expected more for " +
           c.string("activation", ""));
    return parameters[i];
  }));
}

void importFusedGemm(NodeContext &c) {
  c.expectSignature(
      2, 3,
      {"activation", "activation_alpha", "activation_beta", "activation_gamma", "alpha", "beta", "transA", "transB"});
  bool isHardSigmoid = c.string("activation", "") == "HardSigmoid";
  c.result(activated(c, gemm(c), [&](size_t i) {
    return i == 0 ? c.number("activation_alpha", isHardSigmoid ? 0.2f : 0.01f) : c.number("activation_beta", 0.5f);
  }));
}

//===----------------------------------------------------------------------===//
// MatMulNBits
//===----------------------------------------------------------------------===//

/// The numbers of `bits` in the bytes of the last dimension, the lowest bits first, `count` of them.
mlir::Value unpacked(Builder &b, mlir::Value bytes, int64_t bits, Scalar count) {
  mlir::Type byte = elementOf(bytes);
  int64_t rank = rankOf(bytes);
  ScalarVector sizes = b.extents(bytes), wide = sizes;
  sizes.push_back(b.index(1));
  wide.back() = b.mul(wide.back(), b.index(8 / bits));
  llvm::SmallVector<mlir::Value> parts;
  for (int64_t shift = 0; shift < 8; shift += bits) {
    mlir::Value part = b.make<nn::ShrOp>(bytes, b.constant(static_cast<double>(shift), byte));
    part = b.make<nn::AndOp>(part, b.constant(static_cast<double>((1 << bits) - 1), byte));
    parts.push_back(b.reshape(part, sizes));
  }
  return b.sliceDimension(b.reshape(b.concat(parts, rank), wide), rank - 1, b.index(0), count);
}

/// `x` as [N, blocks], whether it came so or flat.
mlir::Value perBlock(NodeContext &c, int64_t i, int64_t rows, int64_t columns, const char *what) {
  mlir::Value x = c.inputOfRank(i, 1, 3);
  if (!typeOf(x).hasStaticShape() || typeOf(x).getNumElements() != rows * columns)
    fail(llvm::Twine(what) + " must have " + llvm::Twine(rows * columns) + " elements, got the shape " +
         llvm::join(llvm::map_range(typeOf(x).getShape(),
                                    [](int64_t extent) {
                                      return mlir::ShapedType::isDynamic(extent) ? "?" : std::to_string(extent);
                                    }),
                    "x"));
  return c.b.reshape(x, c.b.indices({rows, columns}));
}

/// Rows of a table whose blocks along the last dimension have scales and zero points: the bytes are gathered first.
void importGatherBlockQuantized(NodeContext &c) {
  c.expectSignature(3, 4, {"bits", "block_size", "gather_axis", "quantize_axis"});
  Builder &b = c.b;
  mlir::Value table = c.inputOfRank(0, 2), indices = c.input(1);
  mlir::Type byte = b.raw().getIntegerType(8, false), real = b.raw().getF32Type();
  int64_t bits = c.integer("bits", 4), size = c.integer("block_size", 128), last = rankOf(table) - 1;
  if (elementOf(table) != byte)
    fail("input 0 must have bytes without sign as elements");
  if (bits != 2 && bits != 4 && bits != 8)
    fail("attribute 'bits' is " + std::to_string(bits) + ", expected 2, 4 or 8");
  if (size < 16 || size > INT32_MAX || (size & (size - 1)) != 0)
    fail("attribute 'block_size' is " + std::to_string(size) + ", expected a power of two from 16 on");
  if (c.axis(c.integer("gather_axis", 0), rankOf(table)) != 0 ||
      c.axis(c.integer("quantize_axis", 1), rankOf(table)) != last)
    fail("of bytes, only rows along the first dimension with blocks along the last are supported");
  auto rows = [&](mlir::Value x) { return b.make<nn::GatherOp>(x, indices, 0); };
  mlir::Value codes = rows(table), scales = rows(c.inputOfRank(2, rankOf(table), rankOf(table))), zeroPoints;
  int64_t rank = rankOf(codes);
  Scalar width = b.mul(b.extent(codes, rank - 1), b.index(8 / bits)), blocks = b.extent(scales, rank - 1);
  requireEqual(b, blocks, b.ceilDiv(width, b.index(size)), "the number of scales of a row");
  codes = b.cast(unpacked(b, codes, bits, width), real);
  // One value per block as one per element.
  auto spread = [&](mlir::Value x) {
    ScalarVector sizes = b.extents(x), flat = sizes;
    flat.back() = b.mul(blocks, b.index(size));
    sizes.push_back(b.index(1));
    x = b.reshape(x, sizes);
    sizes.back() = b.index(size);
    return b.sliceDimension(b.reshape(b.broadcast(x, sizes), flat), rank - 1, b.index(0), width);
  };
  if (c.hasInput(3)) {
    zeroPoints = rows(c.inputOfRank(3, rankOf(table), rankOf(table)));
    requireEqual(b, b.extent(zeroPoints, rank - 1), b.ceilDiv(b.mul(blocks, b.index(bits)), b.index(8)),
                 "the number of bytes of zero points of a row");
    zeroPoints = spread(b.cast(unpacked(b, zeroPoints, bits, blocks), real));
  } else {
    zeroPoints = b.constant(static_cast<double>(1 << (bits - 1)), real);
  }
  mlir::Value offset = b.make<nn::SubOp>(codes, zeroPoints);
  c.result(b.cast(b.make<nn::MulOp>(offset, spread(b.cast(scales, real))), elementOf(scales)));
}

/// In f32 throughout: accuracy_level is the least precision that will do.
void importMatMulNBits(NodeContext &c) {
  c.expectSignature(3, 6, {"K", "N", "accuracy_level", "bits", "block_size", "weight_prepacked"});
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 1);
  mlir::Type type = elementOf(x), real = b.raw().getF32Type();
  int64_t K = c.integer("K", 0), N = c.integer("N", 0), bits = c.integer("bits", 4), size = c.integer("block_size", 0);
  if (K < 1 || N < 1 || K > INT32_MAX || N > INT32_MAX)
    fail("attributes 'K' and 'N' are " + std::to_string(K) + " and " + std::to_string(N) + ", expected 1 or more");
  if (bits != 2 && bits != 4 && bits != 8)
    fail("attribute 'bits' is " + std::to_string(bits) + ", expected 2, 4 or 8");
  if (size < 16 || size > INT32_MAX || (size & (size - 1)) != 0)
    fail("attribute 'block_size' is " + std::to_string(size) + ", expected a power of two from 16 on");
  if (c.integer("weight_prepacked", 0) != 0)
    fail("weights in a format of one device are not supported");
  int64_t blocks = llvm::divideCeil(K, size);
  mlir::Type byte = b.raw().getIntegerType(8, false);
  if (elementOf(c.input(1)) != byte)
    fail("input 1 must have bytes without sign as elements");

  mlir::Value codes = perBlock(c, 1, N * blocks, size * bits / 8, "the weights");
  codes = b.reshape(unpacked(b, codes, bits, b.index(size)), b.indices({N, blocks, size}));
  mlir::Value scales = b.cast(perBlock(c, 2, N, blocks, "the scales"), real), zeroPoints;
  if (c.hasInput(3) && elementOf(c.input(3)) == byte)
    zeroPoints =
        unpacked(b, perBlock(c, 3, N, llvm::divideCeil(blocks * bits, 8), "the zero points"), bits, b.index(blocks));
  else if (c.hasInput(3))
    zeroPoints = perBlock(c, 3, N, blocks, "the zero points");
  else
    zeroPoints = b.broadcast(b.constant(static_cast<double>(1 << (bits - 1)), real), b.indices({N, blocks}));
  zeroPoints = b.cast(zeroPoints, real);

  mlir::Value weights = b.cast(codes, real);
  ScalarVector flat = b.indices({N, blocks * size});
  if (c.hasInput(4)) {
    // The group of each row is given instead of following from its position.
    mlir::Value groups = c.inputOfRank(4, 1, 1);
    weights = b.sliceDimension(b.reshape(weights, flat), 1, b.index(0), b.index(K));
    requireAtMost(b, b.index(K), b.extent(groups, 0), "attribute 'K'");
    groups = b.sliceDimension(groups, 0, b.index(0), b.index(K));
    scales = b.make<nn::GatherOp>(scales, groups, 1);
    zeroPoints = b.make<nn::GatherOp>(zeroPoints, groups, 1);
    weights = b.make<nn::MulOp>(b.make<nn::SubOp>(weights, zeroPoints), scales);
  } else {
    scales = b.alignAt(scales, 0, 3);
    zeroPoints = b.alignAt(zeroPoints, 0, 3);
    weights = b.make<nn::MulOp>(b.make<nn::SubOp>(weights, zeroPoints), scales);
    weights = b.sliceDimension(b.reshape(weights, flat), 1, b.index(0), b.index(K));
  }
  mlir::Value product = importMatrixProduct(b, b.cast(x, real), b.transpose(weights, {1, 0}));
  if (c.hasInput(5))
    product = b.make<nn::AddOp>(product, b.cast(c.inputOfRank(5, 1, 1), real));
  c.result(b.cast(product, type));
}

} // namespace

void addMicrosoftContractions(ImporterTable &table) {
  table.add(runtimeDomain, "FusedConv", importFusedConv);
  table.add(runtimeDomain, "FusedGemm", importFusedGemm);
  table.add(runtimeDomain, "FusedMatMul", importFusedMatMul);
  table.add(runtimeDomain, "GatherBlockQuantized", importGatherBlockQuantized);
  table.add(runtimeDomain, "MatMulNBits", importMatMulNBits);
  // The older name.
  table.add(runtimeDomain, "TransposeMatMul", importFusedMatMul);
}

} // namespace tenon::importer
