//===- Pooling.cpp - pooling over windows and over all positions, and back -----------------===//
//
// Windows with pads known only at run time become an nn.pad and a pool without pads.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Expression.h"
#include "compiler/Import/Registry.h"
#include "compiler/Import/Window.h"

namespace tenon::importer {

namespace {

/// The attributes of a pooling operator; the kernel is an attribute.
WindowAttributes poolWindow(NodeContext &c, mlir::Value input) {
  IntVector kernel = c.integers("kernel_shape");
  if (static_cast<int64_t>(kernel.size()) != rankOf(input) - 2)
    fail("attribute 'kernel_shape' has " + std::to_string(kernel.size()) + " entries, expected " +
         std::to_string(rankOf(input) - 2));
  return readWindow(c, input, c.b.indices(kernel));
}

mlir::Value pool(NodeContext &c, nn::PoolKind kind, mlir::Value input, const WindowAttributes &window) {
  return c.b.make<nn::PoolOp>(kind, input, window.kernel, window.strides, window.pads(), window.dilations,
                              c.integer("ceil_mode", 0) != 0, /*channels_last=*/false);
}

/// The lowest value of a type.
double lowest(mlir::Type type) {
  if (llvm::isa<mlir::FloatType>(type))
    return -std::numeric_limits<double>::infinity();
  return type.isUnsignedInteger() ? 0 : -std::ldexp(1.0, static_cast<int>(type.getIntOrFloatBitWidth()) - 1);
}

void importMaxPool(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 3, 5);
  if (c.wants(1)) {
    WindowAttributes window = poolWindow(c, input);
    if (!window.dynamicLow.empty())
      fail("indices of a pool whose pads are known only at run time are not supported", "pin the input's dimensions");
    c.result(1, c.b.make<nn::PoolArgmaxOp>(input, window.kernel, window.strides, window.pads(), window.dilations,
                                           c.integer("ceil_mode", 0) != 0, /*channels_last=*/false,
                                           c.integer("storage_order", 0) != 0));
  }
  c.result(maxPool(c, input));
}

void importAveragePool(NodeContext &c) { c.result(averagePool(c, c.inputOfRank(0, 3, 5))); }

/// On 8 bits with the channels last, which is how ONNX Runtime runs quantized models.
void importNhwcMaxPool(NodeContext &c) {
  c.expectSignature(1, 1, {"auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"});
  mlir::Value input = c.inputOfRank(0, 3, 5);
  mlir::Value result = maxPool(c, c.b.transpose(input, channelsFirstOrder(rankOf(input))));
  c.result(c.b.transpose(result, channelsLastOrder(rankOf(result))));
}

/// |x|^p
mlir::Value powerOf(NodeContext &c, mlir::Value x, double p) {
  if (p == 2)
    return c.b.make<nn::MulOp>(x, x);
  mlir::Value magnitude = c.b.make<nn::AbsOp>(x);
  return p == 1 ? magnitude : c.b.make<nn::PowOp>(magnitude, c.b.constant(p, elementOf(x)));
}

/// x^(1/p)
mlir::Value rootOf(NodeContext &c, mlir::Value x, double p) {
  if (p == 2)
    return c.b.make<nn::SqrtOp>(x);
  return p == 1 ? x : c.b.make<nn::PowOp>(x, c.b.constant(1 / p, elementOf(x)));
}

/// Attribute p, which version 1 has as a float.
double exponentOf(NodeContext &c) {
  double p = c.opset < 2 ? c.number("p", 2) : static_cast<double>(c.integer("p", 2));
  if (!(p > 0))
    fail("attribute 'p' is " + std::to_string(p) + ", expected a positive number");
  return p;
}

void importLpPool(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 3, 5);
  double p = exponentOf(c);
  WindowAttributes window = poolWindow(c, input);
  mlir::Value powers = window.padDynamically(c.b, powerOf(c, c.b.widenedHalf(input), p), 0);
  c.result(c.b.cast(rootOf(c, pool(c, nn::PoolKind::sum, powers, window), p), elementOf(input)));
}

IntVector spatialAxes(mlir::Value input) { return llvm::to_vector(llvm::seq<int64_t>(2, rankOf(input))); }

void importGlobalAveragePool(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 2);
  c.result(rankOf(input) == 2 ? input : c.b.mean(input, spatialAxes(input)));
}

void importGlobalMaxPool(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 2);
  c.result(c.b.reduce(nn::ReduceKind::max, input, spatialAxes(input), /*keepDims=*/true));
}

void importGlobalLpPool(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 2);
  double p = exponentOf(c);
  mlir::Value powers = powerOf(c, c.b.widenedHalf(input), p);
  mlir::Value sum = c.b.reduce(nn::ReduceKind::sum, powers, spatialAxes(input), /*keepDims=*/true);
  c.result(c.b.cast(rootOf(c, sum, p), elementOf(input)));
}

/// Zeros with the elements at the indices that a pool gave, which count in the shape that the window implies. Another
/// shape cuts that at the end or fills it up.
void importMaxUnpool(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 3), indices = c.inputOfRank(1, rankOf(x), rankOf(x));
  int64_t rank = rankOf(x), count = rank - 2;
  if (c.integers("kernel_shape").empty())
    fail("attribute 'kernel_shape' is missing");
  IntVector kernel = windowList(c, "kernel_shape", count, 1, 1), strides = windowList(c, "strides", count, 1, 1);
  IntVector pads = windowList(c, "pads", 2 * count, 0, 0);
  ScalarVector shape = b.extents(x);
  for (int64_t d = 0; d < count; ++d) {
    Scalar reach = b.mul(b.sub(shape[2 + d], b.index(1)), b.index(strides[d]));
    shape[2 + d] = b.max(b.add(reach, b.index(kernel[d] - pads[d] - pads[count + d])), b.index(0));
  }
  Scalar elements = b.size(x);
  mlir::Value zeros = b.broadcast(b.constant(0, elementOf(x)), {b.product(shape)});
  mlir::Value flat = b.make<nn::ScatterElementsOp>(nn::ScatterKind::assign, zeros, b.reshape(indices, {elements}),
                                                   b.reshape(x, {elements}), 0);
  mlir::Value result = b.reshape(flat, shape);
  if (c.hasInput(2)) {
    ScalarVector wanted = c.scalars(2, "entries of the output shape").items, kept, high;
    if (static_cast<int64_t>(wanted.size()) != rank)
      fail("the output shape has " + std::to_string(wanted.size()) + " entries, expected " + std::to_string(rank));
    ScalarVector zero(rank, b.index(0)), one(rank, b.index(1));
    for (int64_t d = 0; d < rank; ++d) {
      if (std::optional<int64_t> known = Builder::constant(wanted[d]); known && *known < 0)
        fail("the output shape has the entry " + std::to_string(*known));
      Scalar size = b.max(wanted[d], b.index(0));
      kept.push_back(b.min(shape[d], size));
      high.push_back(b.sub(size, kept.back()));
    }
    result = b.pad(nn::PadMode::constant, b.slice(result, zero, kept, one), zero, high, b.constant(0, elementOf(x)));
  }
  c.result(result);
}

/// Sums of blocks where they overlap: each pixel looks for what the blocks have of it, one for each place in a block.
mlir::Value sumsOfBlocks(NodeContext &c, mlir::Value x) {
  Builder &b = c.b;
  ScalarVector image = c.scalars(1, "dimensions of the image").items,
               block = c.scalars(2, "dimensions of a block").items;
  auto count = static_cast<int64_t>(image.size());
  if (block.size() != image.size() || count < 1)
    fail("the image has " + std::to_string(count) + " dimensions, but a block has " + std::to_string(block.size()));
  for (Scalar extent : block)
    if (std::optional<int64_t> known = Builder::constant(extent); known && *known < 1)
      fail("a block has extent " + std::to_string(*known) + ", expected 1 or more");
  IntVector strides = windowList(c, "strides", count, 1, 1), dilations = windowList(c, "dilations", count, 1, 1);
  IntVector pads = windowList(c, "pads", 2 * count, 0, 0);
  mlir::Type wide = b.raw().getI64Type();
  ScalarVector extents = b.extents(x);
  Scalar places = b.product(block), channels = b.quotient({extents[1]}, {places}), one = b.index(1);

  // For all pixels and places: the index of the element in [places, blocks], and whether there is one.
  Expression index(b, b.index(0), wide), isThere(b, b.raw().getBoolAttr(true), b.raw().getI1Type());
  Scalar placeStride = extents[2], blockStride = one;
  for (int64_t d = count - 1; d >= 0; --d) {
    Expression pixel = positions(b, image[d], d, 2 * count), place = positions(b, block[d], count + d, 2 * count);
    Scalar reach = b.add(b.mul(b.sub(block[d], one), b.index(dilations[d])), one);
    Scalar room = b.sub(b.add(image[d], b.index(pads[d] + pads[count + d])), reach);
    Scalar blocks = b.max(b.add(b.floorDiv(room, b.index(strides[d])), one), b.index(0));
    Expression distance = pixel - place * static_cast<double>(dilations[d]) + static_cast<double>(pads[d]);
    Expression which = distance / static_cast<double>(strides[d]);
    isThere = isThere & (distance >= 0) & (which * static_cast<double>(strides[d]) == distance) &
              (which < Expression(b, blocks, wide));
    index = index + which * Expression(b, blockStride, wide) + place * Expression(b, placeStride, wide);
    placeStride = b.mul(placeStride, block[d]);
    blockStride = b.mul(blockStride, blocks);
  }
  if (std::optional<int64_t> blocks = Builder::constant(blockStride), got = Builder::constant(extents[2]);
      blocks && got && *blocks != *got)
    fail("the input has " + std::to_string(*got) + " blocks, expected " + std::to_string(*blocks));
  ScalarVector pairs = {b.product(image), places};
  ScalarVector all(image);
  all.append(block.begin(), block.end());
  auto flat = [&](Expression y) { return y.with(b.broadcast(y, all)).reshape(pairs); };
  Expression columns(b, b.reshape(x, {b.mul(extents[0], channels), b.mul(places, extents[2])}));
  Expression taken = select(flat(isThere), gather(columns, flat(select(isThere, index, 0)), 1), 0);
  auto kind = elementOf(x).isInteger(1) ? nn::ReduceKind::max : nn::ReduceKind::sum;
  ScalarVector sizes = {extents[0], channels};
  sizes.append(image.begin(), image.end());
  return reduce(kind, taken, {2}).reshape(sizes);
}

void importCol2Im(NodeContext &c) {
  mlir::Value x = c.inputOfRank(0, 3, 3);
  if (nn::isStringType(elementOf(x)))
    fail("input 0 has elements of type STRING, which have no sum, expected numbers or booleans");
  c.result(c.b.byParts(x, [&](mlir::ValueRange part) { return sumsOfBlocks(c, part.front()); }));
}

} // namespace

mlir::Value maxPool(NodeContext &c, mlir::Value input) {
  WindowAttributes window = poolWindow(c, input);
  input = window.padDynamically(c.b, input, lowest(elementOf(input)));
  return pool(c, nn::PoolKind::max, input, window);
}

mlir::Value averagePool(NodeContext &c, mlir::Value input) {
  WindowAttributes window = poolWindow(c, input);
  bool includePad = c.integer("count_include_pad", 0) != 0;
  if (window.dynamicLow.empty())
    return pool(c, includePad ? nn::PoolKind::average_include_pad : nn::PoolKind::average, input, window);
  if (includePad)
    return pool(c, nn::PoolKind::average, window.padDynamically(c.b, input, 0), window);
  mlir::Value padded = window.padDynamically(c.b, c.b.widenedHalf(input), 0);
  // The number of positions inside is the same sum over ones.
  ScalarVector sizes = c.b.extents(input);
  sizes[0] = sizes[1] = c.b.index(1);
  mlir::Value ones = c.b.broadcast(c.b.constant(1, elementOf(padded)), sizes);
  mlir::Value counts = pool(c, nn::PoolKind::sum, window.padDynamically(c.b, ones, 0), window);
  return c.b.cast(c.b.make<nn::DivOp>(pool(c, nn::PoolKind::sum, padded, window), counts), elementOf(input));
}

void addPooling(ImporterTable &table) {
  table.add("AveragePool", importAveragePool);
  table.add("Col2Im", importCol2Im);
  table.add("GlobalAveragePool", importGlobalAveragePool);
  table.add("GlobalLpPool", importGlobalLpPool);
  table.add("GlobalMaxPool", importGlobalMaxPool);
  table.add("LpPool", importLpPool);
  table.add("MaxPool", importMaxPool);
  table.add("MaxUnpool", importMaxUnpool);
  table.add(runtimeDomain, "NhwcMaxPool", importNhwcMaxPool);
}

} // namespace tenon::importer
