//===- ElementsResample.cpp - pointwise definition of nn.resample --------------------------===//
//
// A result element is a weighted sum over the positions that tables say, nested over the resampled dimensions. Where
// lanes run along one of them, the elements they need lie in a few vectors of the input side by side: those windows are
// summed over the other dimensions first, then lanes are picked from them. Where windows would be too many, or the
// input is shorter than a vector of run-time extent, lanes are gathered.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// From how many windows lanes are picked. Each costs a load per combination of neighbours, and a permutation per
/// neighbour; a gather costs more than a cycle per lane.
constexpr int64_t mostWindows = 4;
/// More neighbours in a dimension are a loop.
constexpr int64_t mostUnrolledTaps = 16;

/// A resampled dimension.
struct Axis {
  size_t dim;
  Value positions, weights; ///< tables; weights may be null
  int64_t taps;
  double advance; ///< as nn.resample's, 0: not known
};

class Resampler {
public:
  Resampler(ElementEmitter &emitter, nn::ResampleOp op, ArrayRef<LaneIndex> indices)
      : e(emitter), b(emitter.builder()), math(emitter), input(op.getInput()), indices(indices), mapped(indices),
        elementType(cast<RankedTensorType>(op.getType()).getElementType()) {
    for (auto [number, dim] : llvm::enumerate(op.getDims())) {
      Value positions = op.getPositions()[number];
      Value weights = op.getWeights().empty() ? Value() : op.getWeights()[number];
      int64_t taps = cast<RankedTensorType>(positions.getType()).getDimSize(0);
      if (ShapedType::isDynamic(taps))
        llvm::report_fatal_error("expected tables with a known number of rows");
      axes.push_back({static_cast<size_t>(dim), positions, weights, taps, op.getAdvances()[number]});
    }
    isWeighted = !op.getWeights().empty();
    computed = !isWeighted || elementType.isF64() ? elementType : Type(b.getF32Type());
  }

  Value emit() {
    Value value = emitSum();
    return isWeighted ? e.convert(value, computed, elementType) : value;
  }

private:
  Value emitSum() {
    const Axis *along = axisOfLanes();
    if (!along)
      return sum(axes);
    Value in = e.extents(input)[along->dim];
    std::optional<int64_t> extent = getConstantIntValue(OpFoldResult(in));
    Type type = e.laneType(computed);
    auto gathered = [&] {
      ElementEmitter::Scope scope(e);
      return sum(axes);
    };
    auto windowed = [&](int64_t count) {
      ElementEmitter::Scope scope(e);
      return fromWindows(*along, count);
    };
    if (extent && *extent <= e.lanes())
      return windowed(1);
    Value holdsOne = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, in, e.constant(e.lanes()));
    if (along->advance > 0) {
      int64_t count = windowsFor(*along);
      if (count > mostWindows)
        return gathered();
      return extent ? windowed(count) : choose(b, holdsOne, type, [&] { return windowed(count); }, gathered);
    }
    // Only the run knows how far positions spread.
    Value spread = spreadOf(*along);
    auto fits = [&](int64_t count) {
      Value near = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, spread, e.constant(count * e.lanes()));
      return math.both(holdsOne, near);
    };
    return choose(
        b, fits(1), type, [&] { return windowed(1); },
        [&] { return choose(b, fits(2), type, [&] { return windowed(2); }, gathered); });
  }

  /// The axis along which lanes step one by one, if lanes can be picked there.
  const Axis *axisOfLanes() {
    const Axis *found = nullptr;
    for (const Axis &axis : axes)
      if (const LaneIndex &index = indices[axis.dim]; !index.isUniform()) {
        if (found || index.lanes || index.stride != 1)
          return nullptr;
        found = &axis;
      }
    bool others = llvm::any_of(llvm::enumerate(indices), [&](auto index) {
      return found && index.index() != found->dim && !index.value().isUniform();
    });
    constexpr unsigned widest = 64; // elements that registers hold
    return others || registerType(elementType).getIntOrFloatBitWidth() > widest ? nullptr : found;
  }

  /// Windows that hold the elements of any lanes.
  int64_t windowsFor(const Axis &axis) {
    double reach = std::ceil(static_cast<double>(e.lanes() - 1) * axis.advance) + static_cast<double>(axis.taps);
    if (reach > static_cast<double>(mostWindows * e.lanes()))
      return mostWindows + 1;
    return llvm::divideCeil(static_cast<int64_t>(reach), e.lanes());
  }

  Value scalarPosition(const Axis &axis, Value tap, Value index) {
    Value position = e.emitUniform(axis.positions, {LaneIndex{tap}, LaneIndex{index}});
    return arith::IndexCastOp::create(b, b.getIndexType(), position);
  }

  /// How far the last element that the lanes need lies behind the first.
  Value spreadOf(const Axis &axis) {
    Value base = indices[axis.dim].base, end = e.sub(e.extents(axis.positions)[1], e.constant(1));
    Value last = math.min(e.add(base, e.constant(e.lanes() - 1)), end);
    return e.sub(scalarPosition(axis, e.constant(axis.taps - 1), last), scalarPosition(axis, e.constant(0), base));
  }

  LaneIndex position(const Axis &axis, Value tap) {
    const LaneIndex &index = indices[axis.dim];
    if (index.isUniform())
      return {scalarPosition(axis, tap, index.base)};
    Value lanes = e.emit(axis.positions, {LaneIndex{tap}, index});
    auto type = VectorType::get({e.lanes()}, b.getIndexType());
    return {Value(), 0, arith::IndexCastOp::create(b, type, lanes)};
  }

  Value weight(const Axis &axis, Value tap) {
    LaneIndex row{tap}, column = indices[axis.dim];
    return column.isUniform() ? e.splat(e.emitUniform(axis.weights, {row, column}))
                              : e.emit(axis.weights, {row, column});
  }

  /// The weighted sum over `rest` of the input at `mapped`.
  Value sum(ArrayRef<Axis> rest) {
    if (rest.empty()) {
      Value element = e.emit(input, mapped);
      return isWeighted ? e.convert(element, elementType, computed) : element;
    }
    const Axis &axis = rest.front();
    return weightedSum(axis, [&](Value tap) {
      mapped[axis.dim] = position(axis, tap);
      return sum(rest.drop_front());
    });
  }

  Value weightedSum(const Axis &axis, function_ref<Value(Value)> element) {
    auto weighted = [&](Value tap) -> Value {
      Value value = element(tap);
      return axis.weights ? Value(arith::MulFOp::create(b, value, weight(axis, tap))) : value;
    };
    if (axis.taps > mostUnrolledTaps)
      return carriedLoops(b, {e.constant(0)}, {e.constant(axis.taps)}, {e.splatConstant(computed, 0)},
                          [&](ArrayRef<Value> tap, ArrayRef<Value> total) {
                            ElementEmitter::Scope scope(e);
                            Value value = weighted(tap[0]);
                            return SmallVector<Value>{arith::AddFOp::create(b, total[0], value)};
                          })[0];
    Value total;
    for (int64_t tap = 0; tap < axis.taps; ++tap) {
      Value value = weighted(e.constant(tap));
      total = total ? Value(arith::AddFOp::create(b, total, value)) : value;
    }
    return total;
  }

  /// Lanes along `axis`, picked from `count` windows: one after the other from the first element that lane 0 needs on,
  /// but inside the input. An input shorter than a vector is one window.
  Value fromWindows(const Axis &axis, int64_t count) {
    SmallVector<Axis> others;
    for (const Axis &other : axes)
      if (other.dim != axis.dim)
        others.push_back(other);
    Value in = e.extents(input)[axis.dim], lanes = e.constant(e.lanes()), outer = e.currentMask();
    std::optional<int64_t> extent = getConstantIntValue(OpFoldResult(in));
    bool isShort = extent && *extent < e.lanes();
    Value first = scalarPosition(axis, e.constant(0), indices[axis.dim].base),
          last = isShort ? e.constant(0) : e.sub(in, lanes);
    SmallVector<Value> starts, windows;
    {
      // Lanes of a window are elements, whichever results are wanted.
      ElementEmitter::Scope scope(e);
      auto maskType = VectorType::get({e.lanes()}, b.getI1Type());
      e.setMask(isShort ? Value(vector::CreateMaskOp::create(b, maskType, in)) : Value());
      for (int64_t number = 0; number < count; ++number) {
        starts.push_back(math.min(e.add(first, e.constant(number * e.lanes())), last));
        mapped[axis.dim] = {starts.back(), 1};
        windows.push_back(sum(others));
      }
      e.setMask(outer);
    }
    Type placeType = placeTypeFor(cast<VectorType>(windows.front().getType()).getElementTypeBitWidth());
    return weightedSum(axis, [&](Value tap) {
      Value positions = e.emit(axis.positions, {LaneIndex{tap}, indices[axis.dim]}), picked;
      for (auto [start, window] : llvm::zip_equal(starts, windows)) {
        Value origin = arith::IndexCastOp::create(b, b.getI32Type(), start);
        Value value = permuteLanes(b, window, placesFrom(positions, origin, placeType));
        if (picked) {
          Value isHere = math.compare(arith::CmpIPredicate::sge, positions, origin);
          value = arith::SelectOp::create(b, isHere, value, picked);
        }
        picked = value;
      }
      return picked;
    });
  }

  /// Numbers as wide as elements, bytes at least, are what processors permute by.
  Type placeTypeFor(unsigned elementBits) { return b.getIntegerType(std::clamp<unsigned>(elementBits, 8, 32)); }

  /// `positions` less `origin`. The difference is less than a vector has lanes, so numbers may be narrowed first; and
  /// must be, for LLVM looks through a narrowing behind.
  Value placesFrom(Value positions, Value origin, Type placeType) {
    if (placeType.isInteger(32))
      return math.sub(positions, origin);
    auto narrow = cast<VectorType>(positions.getType()).clone(placeType);
    return math.sub(arith::TruncIOp::create(b, narrow, positions), arith::TruncIOp::create(b, placeType, origin));
  }

  ElementEmitter &e;
  ImplicitLocOpBuilder &b;
  IndexMath math;
  Value input;
  ArrayRef<LaneIndex> indices;
  SmallVector<LaneIndex> mapped; ///< the input's indices at hand
  Type elementType, computed;
  bool isWeighted;
  SmallVector<Axis> axes;
};

} // namespace

Value emitResample(ElementEmitter &emitter, nn::ResampleOp op, ArrayRef<LaneIndex> indices) {
  return Resampler(emitter, op, indices).emit();
}

} // namespace tenon::schedule
