//===- Convolution.cpp - Conv and ConvTranspose --------------------------------------------===//
//
// Biases become an addition; pads that depend on extents known at run time become an nn.pad. Windows of nn.conv have
// known extents: a kernel whose extents only a run knows becomes a gather of what each of its positions sees and a
// matrix product.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Body.h"
#include "compiler/Import/Expression.h"
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

//===----------------------------------------------------------------------===//
// Conv
//===----------------------------------------------------------------------===//

/// What each position r of an open kernel sees of input[N, C, D...] from each place p: [N, C, P, R, P, R, ...].
mlir::Value windowsOf(Builder &b, mlir::Value input, const WindowAttributes &window) {
  WindowAttributes pads = window;
  if (pads.dynamicLow.empty()) {
    pads.dynamicLow = b.indices(window.low);
    pads.dynamicHigh = b.indices(window.high);
  }
  Expression seen(b, pads.padDynamically(b, input, 0));
  for (auto [i, kernel] : llvm::enumerate(window.extents)) {
    int64_t dimension = 2 + 2 * static_cast<int64_t>(i);
    Scalar extent = b.extent(seen, dimension), reach = reachOf(b, kernel, window.dilations[i]);
    Scalar stride = b.index(window.strides[i]);
    // There is no place for a kernel that is larger by 1, as the formula of the result's extent has it.
    b.require(b.compare(mlir::arith::CmpIPredicate::sle, reach, b.add(extent, b.index(1))),
              "the kernel covers %lld positions, but the padded input has %lld", {reach, extent});
    Scalar places = b.floorDiv(b.max(b.add(b.sub(extent, reach), stride), b.index(0)), stride);
    Expression starts = positions(b, places, 0, 2) * static_cast<double>(window.strides[i]);
    Expression steps = positions(b, kernel, 1, 2) * static_cast<double>(window.dilations[i]);
    seen = gather(seen, starts + steps, dimension);
  }
  return seen;
}

/// filter[G, F / G, C / G * R...] x windows[N, G, C / G * R..., P...] -> [N, G, F / G, P...], as [N, F, P...].
mlir::Value productOfWindows(Builder &b, mlir::Value input, mlir::Value filter, const WindowAttributes &window,
                             Scalar groups) {
  requireEqual(b, b.extent(input, 1), b.mul(b.extent(filter, 1), groups), "the number of channels");
  mlir::Value seen = windowsOf(b, input, window);
  ScalarVector extents = b.extents(seen), result = {extents[0], b.extent(filter, 0)};
  IntVector order = {0, 1};
  for (int64_t d = 3; d < rankOf(seen); d += 2)
    order.push_back(d);
  for (int64_t d = 2; d < rankOf(seen); d += 2) {
    order.push_back(d);
    result.push_back(extents[d]);
  }
  Scalar depth = b.mul(b.extent(filter, 1), b.product(window.extents));
  Scalar places = b.product(llvm::ArrayRef(result).drop_front(2));
  mlir::Value columns = b.reshape(b.transpose(seen, order), {extents[0], groups, depth, places});
  Scalar filters = b.quotient({result[1]}, {groups});
  mlir::Value rows = b.reshape(filter, {groups, filters, depth});
  return b.reshape(b.make<nn::MatmulOp>(rows, columns, false, false, nn::PackingAttr()), result);
}

mlir::Value groupedConvolution(NodeContext &c, mlir::Value input, mlir::Value filter, Scalar groups) {
  checkRanks(input, filter);
  WindowAttributes window = readWindow(c, input, kernelOf(c, filter));
  std::optional<int64_t> known = Builder::constant(groups);
  if (window.isOpen() || !known)
    return productOfWindows(c.b, input, filter, window, groups);
  input = window.padDynamically(c.b, input, 0);
  return c.b.make<nn::ConvOp>(input, filter, window.kernel, window.strides, window.pads(), window.dilations, *known,
                              /*channels_last=*/false, nn::PackingAttr(), mlir::ValueRange(), mlir::ArrayAttr(),
                              mlir::Value());
}

void importConv(NodeContext &c) { c.result(convolution(c)); }

/// One filter[C, 1, K] for each channel, over input[N, C, L] behind the K - 1 positions of the past. Not ONNX's
/// function body, whose attribute `group` is the number of channels: only a run may know that.
void importCausalConvWithState(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 3, 3), filter = c.inputOfRank(1, 3, 3);
  Scalar channels = b.extent(input, 1), groups = Builder::constant(channels) ? channels : b.extent(filter, 0);
  requireEqual(b, b.extent(filter, 0), channels, "the number of filters");
  requireEqual(b, b.extent(filter, 1), b.index(1), "the number of channels of a filter");
  ScalarVector past = {b.extent(input, 0), channels, b.sub(kernelOf(c, filter)[0], b.index(1))};
  mlir::Value state = c.optionalInput(3);
  if (!state)
    state = b.broadcast(b.constant(0, elementOf(input)), past);
  else if (rankOf(state) != 3)
    fail("the past state has rank " + std::to_string(rankOf(state)) + ", expected 3");
  for (auto [dimension, extent] : llvm::enumerate(past))
    requireEqual(b, b.extent(state, static_cast<int64_t>(dimension)), extent,
                 "dimension " + llvm::Twine(dimension) + " of the past state");
  mlir::Value whole = b.concat({state, input}, 2);
  mlir::Value result = addBias(c, groupedConvolution(c, whole, filter, groups), 2);

  std::string activation = c.string("activation", "none");
  if (activation == "silu" || activation == "swish") {
    Expression x = Expression(b, result).cast(b.raw().getF32Type());
    result = (x * sigmoid(x)).cast(elementOf(input));
  } else if (activation != "none") {
    fail("attribute 'activation' is '" + activation + "', expected none, silu or swish");
  }
  c.result(0, result);
  c.result(1, b.sliceDimension(whole, 2, b.sub(b.extent(whole, 2), past[2]), past[2]));
}

//===----------------------------------------------------------------------===//
// ConvTranspose
//===----------------------------------------------------------------------===//

/// Cuts `total` elements, half of them from the front, or fills up with zeros at the end, so that `extent` are left.
mlir::Value resized(Builder &b, mlir::Value x, int64_t dimension, Scalar total, Scalar extent, bool cutsMoreBehind) {
  Scalar zero = b.index(0), cut = b.max(total, zero), half = b.floorDiv(cut, b.index(2));
  ScalarVector low(rankOf(x), zero), high = low;
  high[dimension] = b.max(b.sub(zero, total), zero);
  mlir::Value filled = b.pad(nn::PadMode::constant, x, low, high, b.constant(0, elementOf(x)));
  return b.sliceDimension(filled, dimension, cutsMoreBehind ? half : b.sub(cut, half), extent);
}

void importConvTranspose(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 3, 5), filter = c.inputOfRank(1, 3, 5);
  checkRanks(input, filter);
  int64_t count = rankOf(input) - 2;
  ScalarVector kernel = kernelOf(c, filter);
  IntVector strides = windowList(c, "strides", count, 1, 1);
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

  // Where only a run knows how much more a result has than it should: the dimension, that number, the wanted extent.
  std::vector<std::tuple<int64_t, Scalar, Scalar>> open;
  for (int64_t i = 0; i < count && (same || !outputShape.empty()); ++i) {
    if (std::optional<int64_t> known = Builder::constant(kernel[i]); known && (*known < 1 || *known > INT32_MAX))
      fail("the kernel has extent " + std::to_string(*known));
    // Extent without pads: (D - 1) * stride + output_padding + reach.
    Scalar reach = reachOf(c.b, kernel[i], dilations[i]), moved = c.b.index(0);
    int64_t extent = typeOf(input).getDimSize(2 + i), added = outputPadding[i] - strides[i];
    if (!outputShape.empty()) {
      if (outputShape[i] < 1 || outputShape[i] > INT32_MAX || extent > INT32_MAX)
        fail("attribute 'output_shape' has the entry " + std::to_string(outputShape[i]));
      moved = c.b.mul(c.b.extent(input, 2 + i), c.b.index(strides[i]));
      added -= outputShape[i];
    }
    Scalar more = c.b.add(moved, c.b.add(reach, c.b.index(added)));
    if (!Builder::constant(more)) {
      Scalar wanted =
          outputShape.empty() ? c.b.mul(c.b.extent(input, 2 + i), c.b.index(strides[i])) : c.b.index(outputShape[i]);
      open.emplace_back(i, more, wanted);
      pads[i] = pads[count + i] = 0;
      continue;
    }
    int64_t total = *Builder::constant(more);
    // A larger result than the input reaches is filled up with zeros at the end.
    if (total < 0) {
      outputPadding[i] -= total;
      total = 0;
    }
    pads[i] = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
    pads[count + i] = total - pads[i];
  }
  int64_t groups = groupsOf(c);
  requireGroups(c.b, c.b.extent(input, 1), c.b.index(groups), "channels");
  mlir::Value result = c.b.make<nn::ConvTransposeOp>(input, filter, strides, pads, dilations, outputPadding, groups);
  for (const auto &[i, more, wanted] : open)
    result = resized(c.b, result, 2 + i, more, wanted, automatic == "SAME_UPPER");
  c.result(addBias(c, result, 2));
}

} // namespace

mlir::Value convolution(NodeContext &c, mlir::Value input, mlir::Value filter) {
  Scalar groups = c.b.index(groupsOf(c));
  requireGroups(c.b, c.b.extent(filter, 0), groups, "filters");
  return groupedConvolution(c, input, filter, groups);
}

mlir::Value convolution(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 3, 5), filter = c.inputOfRank(1, 3, 5);
  return addBias(c, convolution(c, input, filter), 2);
}

void addConvolutions(ImporterTable &table) {
  table.add("CausalConvWithState", importCausalConvWithState);
  table.add("Conv", importConv);
  table.add("ConvTranspose", importConvTranspose);
}

} // namespace tenon::importer
