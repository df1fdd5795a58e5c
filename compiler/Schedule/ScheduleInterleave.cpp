//===- ScheduleInterleave.cpp - transpositions between planes and pixels of two or three channels --===//
//
// A vector of each plane becomes as many vectors of pixels, or the other way round, by shuffles of two vectors at a
// time: for an image of three channels two for each vector stored.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Contraction.h"
#include "compiler/Schedule/IndexMath.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// One transposition. `joins`: lines of planes become pixels; else pixels become lines.
class Interleave {
public:
  Interleave(Kernel &kernel, nn::TransposeOp op, const Permutation &moves, bool joins)
      : kernel(kernel), b(kernel.builder), e(kernel.emitter(1)), joins(joins), permutation(moves.dims),
        source(kernel.argumentBuffer(cast<BlockArgument>(op.getInput()))), target(kernel.resultBuffer(0)),
        from(moves.from), to(moves.to),
        element(storageType(cast<RankedTensorType>(op.getInput().getType()).getElementType())) {
    last = from.size() - 1;
    int64_t channelDim = joins ? permutation[last] : last; // of the input
    channels = *getConstantIntValue(OpFoldResult(from[channelDim]));
    channel = llvm::find(permutation, channelDim) - permutation.begin();
    line = joins ? last - 1 : last;
    lanes = std::min<int64_t>(kernel.machine.lanes(element.getIntOrFloatBitWidth() / 8), 16);
  }

  void emitPhase() {
    SmallVector<Value> outer;
    SmallVector<int64_t> outerDims;
    for (int64_t d = 0; d <= last; ++d)
      if (d != channel && d != line) {
        outer.push_back(to[d]);
        outerDims.push_back(d);
      }
    Value rows = product(e, outer);
    Value perRow = b.createOrFold<arith::MaxUIOp>(e.mul(to[line], e.constant(channels)), e.constant(1));
    Value chunk = b.createOrFold<arith::CeilDivUIOp>(e.constant(elementsPerTask), perRow);
    Value tasks = b.createOrFold<arith::CeilDivUIOp>(rows, chunk), work = kernel.workOf(product(e, to));
    kernel.phase(tasks, work, e.constant(0), false, [&](Value begin, Value end, Value, Value) {
      Value first = e.mul(begin, chunk), stop = b.createOrFold<arith::MinUIOp>(e.mul(end, chunk), rows);
      countedLoop(b, first, stop, e.constant(1), [&](Value row) {
        place.assign(last + 1, LaneIndex());
        for (auto [d, index] : llvm::zip(outerDims, delinearize(e, outer, {row})))
          place[d] = index;
        emitLine();
      });
    });
  }

private:
  Kernel &kernel;
  ImplicitLocOpBuilder &b;
  ElementEmitter e;
  bool joins;
  SmallVector<int64_t> permutation;
  Buffer source, target;
  SmallVector<Value> from, to;
  Type element;
  int64_t last = 0, channels = 0, lanes = 1;
  int64_t channel = 0, line = 0; ///< dimensions of the result
  SmallVector<LaneIndex> place;  ///< of the line at hand, in the result

  /// The indices of channel c at a position of the line.
  SmallVector<LaneIndex> inResult(int64_t c, LaneIndex position) {
    SmallVector<LaneIndex> indices(place);
    indices[channel] = {e.constant(c)};
    indices[line] = position;
    return indices;
  }
  SmallVector<LaneIndex> inInput(int64_t c, LaneIndex position) {
    SmallVector<LaneIndex> indices(last + 1);
    for (auto [d, index] : llvm::enumerate(inResult(c, position)))
      indices[permutation[d]] = index;
    return indices;
  }

  /// Vector v of the run of pixels that starts at `position`: the last two dimensions as one.
  SmallVector<LaneIndex> run(SmallVector<LaneIndex> indices, Value position, int64_t v) {
    indices.pop_back();
    indices.back() = {e.add(e.mul(position, e.constant(channels)), e.constant(v * lanes)), 1};
    return indices;
  }
  SmallVector<Value> joined(SmallVector<Value> extents) {
    Value inner = extents.pop_back_val();
    extents.back() = e.mul(extents.back(), inner);
    return extents;
  }

  void emitLine() {
    ElementEmitter wide = kernel.emitter(lanes), scalar(wide, 1);
    Value step = e.constant(lanes), whole = e.mul(e.div(to[line], step), step);
    countedLoop(b, e.constant(0), whole, step, [&](Value position) {
      SmallVector<Value> vectors;
      for (int64_t v = 0; v < channels; ++v)
        vectors.push_back(joins ? wide.load(element, source, from, inInput(v, {position, 1}))
                                : wide.load(element, source, joined(from), run(inInput(0, {position}), position, v)));
      // Element i of the run of pixels is element i / channels of plane i % channels.
      vectors = rearrangeLanes(b, vectors, lanes, [&](int64_t i) {
        return joins ? i % channels * lanes + i / channels : i % lanes * channels + i / lanes;
      });
      for (int64_t v = 0; v < channels; ++v) {
        if (joins)
          wide.store(vectors[v], element, target, joined(to), run(inResult(0, {position}), position, v));
        else
          wide.store(vectors[v], element, target, to, inResult(v, {position, 1}));
      }
    });
    countedLoop(b, whole, to[line], e.constant(1), [&](Value position) {
      for (int64_t v = 0; v < channels; ++v) {
        Value value = scalar.load(element, source, from, inInput(v, {position}));
        scalar.store(value, element, target, to, inResult(v, {position}));
      }
    });
  }
};

} // namespace

bool scheduleInterleave(Kernel &kernel) {
  auto op = kernel.ops().size() == 1 ? dyn_cast<nn::TransposeOp>(kernel.ops().front()) : nn::TransposeOp();
  if (!op || !isa<BlockArgument>(op.getInput()))
    return false;
  // An element that fills a vector has no neighbours in it.
  Type element = cast<RankedTensorType>(op.getInput().getType()).getElementType();
  if (element.isInteger(1) || kernel.machine.lanes(storageType(element).getIntOrFloatBitWidth() / 8) < 2)
    return false;
  Permutation moves = withoutUnitDimensions(kernel, op);
  int64_t last = moves.dims.size() - 1;
  if (last < 1)
    return false;
  auto isFew = [&](int64_t inputDim) {
    std::optional<int64_t> channels = getConstantIntValue(OpFoldResult(moves.from[inputDim]));
    return channels == 2 || channels == 3;
  };
  // The run along a line is last in one of the two and last but one in the other, where the channels follow it.
  bool joins = moves.dims[last - 1] == last && isFew(moves.dims[last]);
  bool splits = moves.dims[last] == last - 1 && isFew(last);
  if (!joins && !splits)
    return false;
  Interleave(kernel, op, moves, joins).emitPhase();
  kernel.setPath("vector");
  return true;
}

} // namespace tenon::schedule
