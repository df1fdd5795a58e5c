//===- Convolution.cpp - Conv and ConvTranspose --------------------------------------------===//
//
// Biases become an addition; pads that depend on extents known at run time become an nn.pad.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Registry.h"
#include "compiler/Import/Window.h"

namespace tenon::importer {

namespace {

void checkRanks(mlir::Value input, mlir::Value filter) {
  if (rankOf(input) != rankOf(filter))
    fail("input has rank " + std::to_string(rankOf(input)) + ", but the filter has rank " +
         std::to_string(rankOf(filter)));
}

int64_t groupsOf(NodeContext &c) {
  int64_t groups = c.integer("group", 1);
  if (groups < 1 || groups > INT32_MAX)
    fail("attribute 'group' is " + std::to_string(groups) + ", expected 1 or more");
  return groups;
}

/// `result` with the vector `bias` added along the channels.
mlir::Value addBias(NodeContext &c, mlir::Value result, int64_t inputIndex) {
  if (!c.hasInput(inputIndex))
    return result;
  mlir::Value bias = c.inputOfRank(inputIndex, 1, 1);
  int64_t channels = typeOf(result).getDimSize(1), biases = typeOf(bias).getDimSize(0);
  if (!mlir::ShapedType::isDynamic(channels) && !mlir::ShapedType::isDynamic(biases) && channels != biases)
    fail("the bias has " + std::to_string(biases) + " elements, expected " + std::to_string(channels));
  return c.b.make<nn::AddOp>(result, c.b.alignAt(bias, 1, rankOf(result)));
}

void importConv(NodeContext &c) { c.result(convolution(c)); }

void importConvTranspose(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 3, 5), filter = c.inputOfRank(1, 3, 5);
  checkRanks(input, filter);
  int64_t count = rankOf(input) - 2;
  IntVector kernel = kernelOf(c, filter), strides = windowList(c, "strides", count, 1, 1);
  IntVector dilations = windowList(c, "dilations", count, 1, 1);
  IntVector outputPadding = windowList(c, "output_padding", count, 0, 0);
  IntVector pads = windowList(c, "pads", 2 * count, 0, 0), outputShape = c.integers("output_shape");
  std::string automatic = c.string("auto_pad", "NOTSET");
  bool same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
  if (!same && automatic != "NOTSET" && automatic != "VALID" && !automatic.empty())
    fail("attribute 'auto_pad' is '" + automatic + "', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER");
  if (automatic == "VALID")
    pads.assign(2 * count, 0);
  // With a batch dimension the shape may be given whole.
  if (static_cast<int64_t>(outputShape.size()) == count + 2)
    outputShape.erase(outputShape.begin(), outputShape.begin() + 2);
  if (!outputShape.empty() && static_cast<int64_t>(outputShape.size()) != count)
    fail("attribute 'output_shape' has " + std::to_string(outputShape.size()) + " entries, expected " +
         std::to_string(count));

  for (int64_t i = 0; i < count && (same || !outputShape.empty()); ++i) {
    if (kernel[i] < 1 || kernel[i] > INT32_MAX)
      fail("the kernel has extent " + std::to_string(kernel[i]));
    // Extent without pads: (D - 1) * stride + output_padding + reach.
    int64_t total = outputPadding[i] + (kernel[i] - 1) * dilations[i] + 1 - strides[i];
    if (!outputShape.empty()) {
      int64_t extent = typeOf(input).getDimSize(2 + i);
      if (mlir::ShapedType::isDynamic(extent))
        fail("attribute 'output_shape' needs a static extent in dimension " + std::to_string(2 + i),
             "pin it with --shape");
      if (outputShape[i] < 1 || outputShape[i] > INT32_MAX || extent > INT32_MAX)
        fail("attribute 'output_shape' has the entry " + std::to_string(outputShape[i]));
      total += strides[i] * extent - outputShape[i];
    }
    // A larger result than the input reaches is filled up with zeros at the end.
    if (total < 0) {
      outputPadding[i] -= total;
      total = 0;
    }
    pads[i] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
    pads[count + i] = total - pads[i];
  }
  mlir::Value result =
      c.b.make<nn::ConvTransposeOp>(input, filter, strides, pads, dilations, outputPadding, groupsOf(c));
  c.result(addBias(c, result, 2));
}

} // namespace

mlir::Value convolution(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 3, 5), filter = c.inputOfRank(1, 3, 5);
  checkRanks(input, filter);
  WindowAttributes window = readWindow(c, input, kernelOf(c, filter));
  input = window.padDynamically(c.b, input, 0);
  mlir::Value result = c.b.make<nn::ConvOp>(input, filter, window.kernel, window.strides, window.pads(),
                                            window.dilations, groupsOf(c), /*channels_last=*/false, nn::PackingAttr());
  return addBias(c, result, 2);
}

void addConvolutions(ImporterTable &table) {
  table.add("Conv", importConv);
  table.add("ConvTranspose", importConvTranspose);
}

} // namespace tenon::importer
