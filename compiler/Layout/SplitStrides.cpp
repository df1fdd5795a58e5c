//===- SplitStrides.cpp - strided convolutions as ones of unit stride -------------------------===//
//
// With i = s u + r, the sum over taps k of w[k] x[s o + k - pad] is one over positions u and phases r:
//
//     y[o] = sum over u, r of w'[u, r] x'[o + u - pad', r],    x'[u, r] = x[s u + r]
//
// so the phases become channels, and the stride is 1. Taps that do not exist are zeros.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Layout/SplitStrides.h"

#include "compiler/Layout/PackedConstant.h"
#include "compiler/Layout/WinogradFilter.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace tenon::layout {

namespace {

struct Dimension {
  int64_t extent, stride, taps, lowPad; ///< of the strided convolution
  int64_t positions, newTaps, newLowPad, newHighPad;
};

/// The unit-stride form of a dimension; nothing if it would leave out a part of the input.
std::optional<Dimension> describe(int64_t extent, int64_t result, int64_t stride, int64_t taps, int64_t lowPad) {
  Dimension d{extent, stride, taps, lowPad, 0, 0, 0, 0};
  d.newLowPad = llvm::divideCeil(lowPad, stride);
  d.newTaps = llvm::divideCeil(d.newLowPad * stride - lowPad + taps, stride);
  d.positions = llvm::divideCeil(extent, stride);
  d.newHighPad = result + d.newTaps - 1 - d.newLowPad - d.positions;
  if (d.newHighPad < 0)
    return std::nullopt;
  return d;
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

/// [N, spatial..., C] to [N, positions..., phases x C].
Value phasesOf(OpBuilder &b, Location loc, Value input, ArrayRef<Dimension> dims) {
  auto type = cast<RankedTensorType>(input.getType());
  Type element = type.getElementType();
  auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, loc, value); };
  SmallVector<Value> low, high;
  SmallVector<int64_t> padded(type.getShape());
  bool pads = false;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    bool isSpatial = d > 0 && d + 1 < type.getRank();
    int64_t extra = isSpatial ? dims[d - 1].positions * dims[d - 1].stride - dims[d - 1].extent : 0;
    low.push_back(index(0));
    high.push_back(index(extra));
    padded[d] += extra;
    pads |= extra != 0;
  }
  int64_t batch = type.getDimSize(0), channels = type.getShape().back(), phases = 1;
  Value images = getValueOrCreateConstantIndexOp(b, loc, nn::getExtents(b, loc, input).front());
  if (pads) {
    auto scalar = RankedTensorType::get({}, element);
    Value zero = nn::ConstantOp::create(b, loc, scalar, cast<ElementsAttr>(b.getZeroAttr(scalar)));
    input = nn::PadOp::create(b, loc, RankedTensorType::get(padded, element), nn::PadMode::constant, input, low, high,
                              zero);
  }
  SmallVector<int64_t> split{batch}, joined{batch}, order{0};
  SmallVector<Value> splitSizes{images}, joinedSizes{images};
  for (const Dimension &d : dims) {
    order.push_back(split.size());
    split.append({d.positions, d.stride});
    splitSizes.append({index(d.positions), index(d.stride)});
    joined.push_back(d.positions);
    joinedSizes.push_back(index(d.positions));
    phases *= d.stride;
  }
  for (size_t d = 0; d < dims.size(); ++d)
    order.push_back(2 + 2 * d);
  order.push_back(split.size());
  split.push_back(channels);
  splitSizes.push_back(index(channels));
  joined.push_back(phases * channels);
  joinedSizes.push_back(index(phases * channels));
  Value pieces = nn::ReshapeOp::create(b, loc, RankedTensorType::get(split, element), input, splitSizes);
  Value moved = nn::TransposeOp::create(b, loc, pieces, order);
  return nn::ReshapeOp::create(b, loc, RankedTensorType::get(joined, element), moved, joinedSizes);
}

} // namespace

nn::ConvOp splitStrides(OpBuilder &b, nn::ConvOp op, int64_t weightBytes) {
  auto input = cast<RankedTensorType>(op.getInput().getType()), result = cast<RankedTensorType>(op.getType());
  auto filterType = cast<RankedTensorType>(op.getFilter().getType());
  auto filter = op.getFilter().getDefiningOp<nn::ConstantOp>();
  size_t spatial = op.getKernel().size();
  bool isStrided = llvm::any_of(op.getStrides(), [](int64_t stride) { return stride > 1; });
  if (!isStrided || !op.getChannelsLast() || op.getGroups() != 1 || op.getPacking() || !filter ||
      !isReadable(filter.getValue()) || !filterType.getElementType().isF32() || !filterType.hasStaticShape() ||
      llvm::any_of(op.getDilations(), [](int64_t dilation) { return dilation != 1; }) ||
      llvm::is_contained(input.getShape().drop_front(), ShapedType::kDynamic) ||
      llvm::is_contained(result.getShape(), 0))
    return op;
  SmallVector<Dimension> dims;
  SmallVector<int64_t> kernel, pads, ones(spatial, 1);
  int64_t phases = 1;
  for (size_t d = 0; d < spatial; ++d) {
    std::optional<Dimension> dimension = describe(input.getDimSize(1 + d), result.getDimSize(1 + d), op.getStrides()[d],
                                                  op.getKernel()[d], op.getPads()[d]);
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
  if (!paysToSplit(op, kernel, phases, weightBytes))
    return op;

  Location loc = op.getLoc();
  SmallVector<int64_t> newShape{filters, phases * channels};
  llvm::append_range(newShape, kernel);
  auto newType = RankedTensorType::get(newShape, filterType.getElementType());
  Value newFilter = nn::ConstantOp::create(b, loc, newType, splitFilter(filter.getValue(), dims, phases, newType));
  auto split = nn::ConvOp::create(b, loc, result, phasesOf(b, loc, op.getInput(), dims), newFilter, kernel, ones, pads,
                                  ones, /*groups=*/1, /*channels_last=*/true, nn::PackingAttr());
  op.getResult().replaceAllUsesWith(split.getResult());
  op.erase();
  return split;
}

} // namespace tenon::layout
