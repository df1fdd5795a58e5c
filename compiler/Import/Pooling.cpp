//===- Pooling.cpp - pooling over windows and over all positions ---------------------------===//
//
// Windows with pads known only at run time become an nn.pad and a pool without pads.
//
//===---------------------------------------------------------------------------------------===//

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
  return readWindow(c, input, std::move(kernel));
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
  mlir::Value powers = window.padDynamically(c.b, powerOf(c, input, p), 0);
  c.result(rootOf(c, pool(c, nn::PoolKind::sum, powers, window), p));
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
  c.result(rootOf(c, c.b.reduce(nn::ReduceKind::sum, powerOf(c, input, p), spatialAxes(input), /*keepDims=*/true), p));
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
  mlir::Value padded = window.padDynamically(c.b, input, 0);
  if (includePad)
    return pool(c, nn::PoolKind::average, padded, window);
  // The number of positions inside is the same sum over ones.
  ScalarVector sizes = c.b.extents(input);
  sizes[0] = sizes[1] = c.b.index(1);
  mlir::Value ones = c.b.broadcast(c.b.constant(1, elementOf(input)), sizes);
  mlir::Value counts = pool(c, nn::PoolKind::sum, window.padDynamically(c.b, ones, 0), window);
  return c.b.make<nn::DivOp>(pool(c, nn::PoolKind::sum, padded, window), counts);
}

void addPooling(ImporterTable &table) {
  table.add("AveragePool", importAveragePool);
  table.add("GlobalAveragePool", importGlobalAveragePool);
  table.add("GlobalLpPool", importGlobalLpPool);
  table.add("GlobalMaxPool", importGlobalMaxPool);
  table.add("LpPool", importLpPool);
  table.add("MaxPool", importMaxPool);
  table.add(runtimeDomain, "NhwcMaxPool", importNhwcMaxPool);
}

} // namespace tenon::importer
