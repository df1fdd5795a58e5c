//===- SplitStrides.cpp - strided convolutions as ones of unit stride -------------------------===//
//
// With i = s u + r, the sum over taps k of w[k] x[s o + k - pad] is one over positions u and phases r:
//
//     y[o] = sum over u, r of w'[u, r] x'[o + u - pad', r],    x'[u, r] = x[s u + r]
//
// so the phases become channels, and the stride is 1. Taps that do not exist are zeros. Of extents that only the run
// time knows, pads are the same for all: x' has as many positions as the results need, which the input is filled up, or
// cut, to.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Layout/SplitStrides.h"

#include "compiler/Layout/PackedConstant.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace tenon::layout {

namespace {

struct Dimension {
  int64_t stride, taps, lowPad; ///< of the strided convolution
  int64_t newTaps, newLowPad, newHighPad;
  int64_t positions;  ///< or dynamic: `more` than there are results
  int64_t more;       ///< if dynamic
  bool isCut = false; ///< whether the positions may end before the input does
};

/// The unit-stride form of a dimension; nothing if it would leave out a part of the input whose extent is known.
std::optional<Dimension> describe(nn::ConvOp op, size_t d) {
  int64_t extent = cast<RankedTensorType>(op.getInput().getType()).getDimSize(1 + d);
  int64_t result = cast<RankedTensorType>(op.getType()).getDimSize(1 + d);
  int64_t stride = op.getStrides()[d], taps = op.getKernel()[d], lowPad = op.getPads()[d];
  int64_t highPad = op.getPads()[op.getKernel().size() + d];
  Dimension form{stride, taps, lowPad, 0, 0, 0, 0, 0};
  form.newLowPad = llvm::divideCeil(lowPad, stride);
  form.newTaps = llvm::divideCeil(form.newLowPad * stride - lowPad + taps, stride);
  if (!ShapedType::isDynamic(extent)) {
    form.positions = llvm::divideCeil(extent, stride);
    form.newHighPad = result + form.newTaps - 1 - form.newLowPad - form.positions;
    return form.newHighPad < 0 ? std::nullopt : std::optional(form);
  }
  // A line with one position less for each result, and the input's padding, ends `tail` elements before its positions
  // do, less what is left over of a stride. As much of that as lies in the padding on the right is not missed.
  int64_t span = taps - lowPad - highPad, leftOver = std::min(highPad, stride - 1);
  int64_t strides = llvm::divideCeilSigned(span + leftOver, stride), tail = strides * stride - span;
  form.positions = ShapedType::kDynamic;
  form.more = strides - 1;
  form.newHighPad = form.newTaps - form.newLowPad - strides;
  form.isCut = tail < stride - 1;
  return form;
}

/// For each phase and position of the new window the tap of the old one, or -1.
SmallVector<int64_t> tapsOf(ArrayRef<Dimension> dims, int64_t phases, int64_t newWindow) {
  SmallVector<int64_t> taps;
  for (int64_t phase = 0; phase < phases; ++phase)
    for (int64_t position = 0; position < newWindow; ++position) {
      int64_t tap = 0, step = 1, p = position, r = phase;
      bool exists = true;
      for (const Dimension &d : llvm::reverse(dims)) {
        int64_t k = p % d.newTaps * d.stride + r % d.stride - (d.newLowPad * d.stride - d.lowPad);
        exists &= k >= 0 && k < d.taps;
        tap += k * step;
        step *= d.taps;
        p /= d.newTaps;
        r /= d.stride;
      }
      taps.push_back(exists ? tap : -1);
    }
  return taps;
}

/// [F, C, taps...] as [F, phases x C, new taps...].
ElementsAttr splitFilter(ElementsAttr filter, ArrayRef<Dimension> dims, int64_t phases, RankedTensorType type) {
  int64_t channels = type.getDimSize(1) / phases, window = 1, newWindow = 1;
  for (const Dimension &d : dims) {
    window *= d.taps;
    newWindow *= d.newTaps;
  }
  SmallVector<int64_t> taps = tapsOf(dims, phases, newWindow);
  auto placeOf = [&](int64_t i) {
    int64_t position = i % newWindow, c = i / newWindow % channels, phase = i / (newWindow * channels) % phases;
    int64_t f = i / (newWindow * channels * phases), tap = taps[phase * newWindow + position];
    return tap < 0 ? -1 : (f * channels + c) * window + tap;
  };
  return gatherConstant(filter, placeOf, type);
}

/// The input of `op` as [N, positions..., phases x C].
class PhaseSplitter {
public:
  PhaseSplitter(OpBuilder &builder, nn::ConvOp op, ArrayRef<Dimension> dims)
      : b(op.getLoc(), builder), op(op), dims(dims) {}

  Value split() {
    extents = getValueOrCreateConstantIndexOp(b, b.getLoc(), nn::getExtents(b, b.getLoc(), op.getInput()));
    countPositions();
    Value input = fillUp(op.getInput());
    auto type = cast<RankedTensorType>(input.getType());
    int64_t batch = type.getDimSize(0), channels = type.getShape().back(), phases = 1;
    SmallVector<int64_t> split{batch}, joined{batch}, order{0};
    SmallVector<Value> splitSizes{extents.front()}, joinedSizes{extents.front()};
    for (auto [d, position] : llvm::zip(dims, positions)) {
      order.push_back(split.size());
      split.append({d.positions, d.stride});
      splitSizes.append({position, index(d.stride)});
      joined.push_back(d.positions);
      joinedSizes.push_back(position);
      phases *= d.stride;
    }
    for (size_t d = 0; d < dims.size(); ++d)
      order.push_back(2 + 2 * d);
    order.push_back(split.size());
    split.push_back(channels);
    splitSizes.push_back(index(channels));
    joined.push_back(phases * channels);
    joinedSizes.push_back(index(phases * channels));
    Value pieces = nn::ReshapeOp::create(b, type.clone(split), input, splitSizes);
    Value moved = nn::TransposeOp::create(b, pieces, order);
    return nn::ReshapeOp::create(b, type.clone(joined), moved, joinedSizes);
  }

private:
  ImplicitLocOpBuilder b;
  nn::ConvOp op;
  ArrayRef<Dimension> dims;
  SmallVector<Value> extents, positions;

  Value index(int64_t value) { return arith::ConstantIndexOp::create(b, value); }

  void countPositions() {
    FailureOr<SmallVector<SmallVector<OpFoldResult>>> results = nn::reifyExtents(b, op);
    for (auto [d, form] : llvm::enumerate(dims)) {
      if (!ShapedType::isDynamic(form.positions)) {
        positions.push_back(index(form.positions));
      } else if (form.stride == 1) {
        positions.push_back(extents[1 + d]);
      } else {
        Value count = getValueOrCreateConstantIndexOp(b, b.getLoc(), results->front()[1 + d]);
        positions.push_back(b.createOrFold<arith::AddIOp>(count, index(form.more)));
      }
    }
  }

  /// The input with zeros behind it, or without its end, so that dimensions are positions times strides.
  Value fillUp(Value input) {
    auto type = cast<RankedTensorType>(input.getType());
    SmallVector<Value> zeros(type.getRank(), index(0)), ones(type.getRank(), index(1)), high(zeros), sizes(extents);
    SmallVector<int64_t> padded(type.getShape()), cut(type.getShape());
    bool pads = false, cuts = false;
    for (auto [d, form] : llvm::enumerate(dims)) {
      if (form.stride == 1)
        continue;
      sizes[1 + d] = b.createOrFold<arith::MulIOp>(positions[d], index(form.stride));
      high[1 + d] = b.createOrFold<arith::SubIOp>(sizes[1 + d], extents[1 + d]);
      if (ShapedType::isDynamic(form.positions)) {
        pads = true;
        cuts |= form.isCut;
        if (form.isCut)
          high[1 + d] = b.createOrFold<arith::MaxSIOp>(high[1 + d], index(0));
        continue;
      }
      pads |= padded[1 + d] != form.positions * form.stride;
      cut[1 + d] = padded[1 + d] = form.positions * form.stride;
    }
    Type element = type.getElementType();
    if (pads) {
      auto scalar = RankedTensorType::get({}, element);
      Value zero = nn::ConstantOp::create(b, scalar, cast<ElementsAttr>(b.getZeroAttr(scalar)));
      input = nn::PadOp::create(b, type.clone(padded), nn::PadMode::constant, input, zeros, high, zero);
    }
    if (cuts)
      input = nn::SliceOp::create(b, type.clone(cut), input, zeros, sizes, ones);
    return input;
  }
};

} // namespace

nn::ConvOp splitStrides(OpBuilder &b, nn::ConvOp op, UsualExtents &usual, WeightPlace place) {
  auto input = cast<RankedTensorType>(op.getInput().getType()), result = cast<RankedTensorType>(op.getType());
  auto filterType = cast<RankedTensorType>(op.getFilter().getType());
  auto filter = op.getFilter().getDefiningOp<nn::ConstantOp>();
  size_t spatial = op.getKernel().size();
  bool isStrided = llvm::any_of(op.getStrides(), [](int64_t stride) { return stride > 1; });
  if (!isStrided || !op.getChannelsLast() || op.getGroups() != 1 || op.getPacking() || !filter ||
      !isReadable(filter.getValue()) || !filterType.getElementType().isF32() || !filterType.hasStaticShape() ||
      llvm::any_of(op.getDilations(), [](int64_t dilation) { return dilation != 1; }) ||
      ShapedType::isDynamic(input.getShape().back()) || llvm::is_contained(result.getShape(), 0))
    return op;
  SmallVector<Dimension> dims;
  SmallVector<int64_t> kernel, pads, ones(spatial, 1);
  int64_t phases = 1;
  for (size_t d = 0; d < spatial; ++d) {
    std::optional<Dimension> dimension = describe(op, d);
    if (!dimension)
      return op;
    dims.push_back(*dimension);
    kernel.push_back(dimension->newTaps);
    pads.push_back(dimension->newLowPad);
    phases *= dimension->stride;
  }
  for (const Dimension &d : dims)
    pads.push_back(d.newHighPad);
  int64_t filters = filterType.getDimSize(0), channels = filterType.getDimSize(1);
  SmallVector<int64_t> read = usual.of(op.getInput()), written = usual.of(op.getResult());
  if (!paysToSplit(op, read, written, kernel, phases, place))
    return op;

  Location loc = op.getLoc();
  SmallVector<int64_t> newShape{filters, phases * channels};
  llvm::append_range(newShape, kernel);
  auto newType = RankedTensorType::get(newShape, filterType.getElementType());
  Value newFilter = nn::ConstantOp::create(b, loc, newType, splitFilter(filter.getValue(), dims, phases, newType));
  auto split = nn::ConvOp::create(b, loc, result, PhaseSplitter(b, op, dims).split(), newFilter, kernel, ones, pads,
                                  ones, /*groups=*/1, /*channels_last=*/true, nn::PackingAttr());
  usual.set(split.getResult(), written);
  op.getResult().replaceAllUsesWith(split.getResult());
  op.erase();
  return split;
}

} // namespace tenon::layout
