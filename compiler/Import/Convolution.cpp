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

/// Cuts `total` elements, half of them from the front, or fills up with zeros at the end, so that `extent` are left.
mlir::Value resized(Builder &b, mlir::Value x, int64_t dimension, Scalar total, int64_t extent, bool cutsMoreBehind) {
  Scalar zero = b.index(0), cut = b.max(total, zero), half = b.floorDiv(cut, b.index(2));
  ScalarVector low(rankOf(x), zero), high = low;
  high[dimension] = b.max(b.sub(zero, total), zero);
  mlir::Value filled = b.pad(nn::PadMode::constant, x, low, high, b.constant(0, elementOf(x)));
  return b.sliceDimension(filled, dimension, cutsMoreBehind ? half : b.sub(cut, half), b.index(extent));
}

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

  // How much each open extent is more than output_shape says.
  std::vector<std::pair<int64_t, Scalar>> open;
  for (int64_t i = 0; i < count && (same || !outputShape.empty()); ++i) {
    if (kernel[i] < 1 || kernel[i] > INT32_MAX)
      fail("the kernel has extent " + std::to_string(kernel[i]));
    // Extent without pads: (D - 1) * stride + output_padding + reach.
    int64_t total = outputPadding[i] + (kernel[i] - 1) * dilations[i] + 1 - strides[i];
    if (!outputShape.empty()) {
      int64_t extent = typeOf(input).getDimSize(2 + i);
      if (outputShape[i] < 1 || outputShape[i] > INT32_MAX || extent > INT32_MAX)
        fail("attribute 'output_shape' has the entry " + std::to_string(outputShape[i]));
      total -= outputShape[i];
      if (mlir::ShapedType::isDynamic(extent)) {
        Scalar reach = c.b.mul(c.b.extent(input, 2 + i), c.b.index(strides[i]));
        open.push_back({i, c.b.add(reach, c.b.index(total))});
        pads[i] = pads[count + i] = 0;
        continue;
      }
      total += strides[i] * extent;
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
  for (const auto &[i, total] : open)
    result = resized(c.b, result, 2 + i, total, outputShape[i], automatic == "SAME_UPPER");
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
