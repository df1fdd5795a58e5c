//===- SchedulePad.cpp - padding of rows with their own elements ---------------------------===//
//
// Each row is three runs: the border in front, the input's row, the border behind. The row is copied as it lies; a
// border repeats one element, continues at the other end or is read backwards. Only a border that is longer than the
// row goes element by element.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Kernel.h"

using namespace mlir;

namespace tenon::schedule {

namespace {
/// A run of the padded row, and where its elements come from.
struct Run {
  Value begin, end;
  Value source;   ///< the input's index that the run's position 0 would have
  int64_t stride; ///< from one position to the next
};
} // namespace

/// The border in front, the row, the border behind, for positions [first, last).
static SmallVector<Run> runsOf(ElementEmitter &e, nn::PadOp op, Value low, Value extent, Value first, Value last) {
  ImplicitLocOpBuilder &b = e.builder();
  auto clamp = [&](Value position) {
    return b.createOrFold<arith::MinUIOp>(b.createOrFold<arith::MaxUIOp>(position, first), last);
  };
  Value start = clamp(low), end = clamp(e.add(low, extent)), zero = e.constant(0);
  Value back = e.sub(extent, e.constant(1)), own = e.sub(zero, low);
  SmallVector<Run> runs = {{first, start, zero, 0}, {start, end, own, 1}, {end, last, back, 0}};
  Run &front = runs[0], &behind = runs[2];
  if (op.getMode() == nn::PadMode::reflect) {
    front.source = low;
    behind.source = e.add(e.mul(back, e.constant(2)), low);
    front.stride = behind.stride = -1;
  } else if (op.getMode() == nn::PadMode::wrap) {
    front.source = e.add(own, extent);
    behind.source = e.sub(own, extent);
    front.stride = behind.stride = 1;
  }
  return runs;
}

/// Whether both borders are shorter than the row; null if that is certain.
static Value areShort(ElementEmitter &e, nn::PadOp op, Value low, Value high, Value extent) {
  ImplicitLocOpBuilder &b = e.builder();
  if (op.getMode() == nn::PadMode::edge)
    return {};
  Value longest = b.createOrFold<arith::MaxUIOp>(low, high);
  Value isShort = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, longest, extent);
  return getConstantIntValue(OpFoldResult(isShort)).value_or(0) != 0 ? Value() : isShort;
}

bool schedulePad(Kernel &kernel) {
  auto op = kernel.ops().size() == 1 ? dyn_cast<nn::PadOp>(kernel.ops().front()) : nn::PadOp();
  if (!op || op.getMode() == nn::PadMode::constant || op.getLow().empty())
    return false;
  ArrayRef<Value> space = kernel.extents(op.getResult()), rows = withoutLastUnits(space);
  size_t dim = rows.size() - 1;
  if (isUnpadded(op, dim))
    return false;
  Type element = cast<RankedTensorType>(op.getType()).getElementType();
  ImplicitLocOpBuilder &b = kernel.builder;
  Value low = op.getLow()[dim], extent = kernel.extents(op.getInput())[dim];
  ElementEmitter plain = kernel.emitter(1);
  Value isShort = areShort(plain, op, low, op.getHigh()[dim], extent);
  RowWork work;
  work.lanes = kernel.lanes(rows.back());
  rowPhase(kernel, rows, work, [&](ElementEmitter &emitter, ArrayRef<LaneIndex> outer, Value first, Value last) {
    SmallVector<LaneIndex> from;
    for (auto [d, index] : llvm::enumerate(outer))
      from.push_back(unpaddedIndex(emitter, op, d, index));
    from.push_back({});
    for (size_t d = rows.size(); d < space.size(); ++d)
      from.push_back(unpaddedIndex(emitter, op, d, {emitter.constant(0)}));
    for (auto [number, run] : llvm::enumerate(runsOf(emitter, op, low, extent, first, last)))
      vectorLoop(emitter, kernel.machine, run.begin, run.end, [&](ElementEmitter &e, Value position) {
        auto direct = [&] {
          ElementEmitter::Scope scope(e);
          Value moved = run.stride == 0   ? run.source
                        : run.stride == 1 ? e.add(run.source, position)
                                          : e.sub(run.source, position);
          from[dim] = {moved, e.lanes() == 1 ? 0 : run.stride};
          return e.emit(op.getInput(), from);
        };
        SmallVector<LaneIndex> to(outer);
        to.push_back({position, e.lanes() == 1 ? 0 : 1});
        to.resize(space.size(), {e.constant(0)});
        bool isBorder = number != 1;
        Value value = isBorder && isShort ? choose(b, isShort, e.laneType(element), direct,
                                                   [&] {
                                                     ElementEmitter::Scope scope(e);
                                                     from[dim] = unpaddedIndex(e, op, dim, to[dim]);
                                                     return e.emit(op.getInput(), from);
                                                   })
                                          : direct();
        e.store(value, element, kernel.resultBuffer(0), space, to);
      });
  });
  return true;
}

} // namespace tenon::schedule
