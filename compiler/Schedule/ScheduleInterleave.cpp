//===- ScheduleInterleave.cpp - transpositions between planes and pixels of two or three channels -------------------===//
//
// A vector of each plane becomes as many vectors of pixels, or the other way round, by shuffles of two vectors at a time: for an
// image of three channels two for each vector stored.
//
//===-------------------------------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Contraction.h"
#include "compiler/Schedule/IndexMath.h"

using namespace mlir;

namespace tenon::schedule {

/// Elements a task covers at least; see ScheduleMap.
static constexpr int64_t elementsPerTask = 4096;

/// Vectors whose lane l is element place(v * lanes + l) of the given vectors taken as one run.
static SmallVector<Value> rearrange(ImplicitLocOpBuilder &b, ArrayRef<Value> from, int64_t lanes,
                                    function_ref<int64_t(int64_t)> place) {
  int64_t count = from.size();
  SmallVector<Value> result;
  for (int64_t v = 0; v < count; ++v) {
    Value merged = from[0];
    for (int64_t source = 1; source < count; ++source) {
      // Lanes of the sources before this one are in place already, except the first time.
      SmallVector<int64_t> pick;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        int64_t at = place(v * lanes + lane), owner = at / lanes;
        pick.push_back(owner == source ? lanes + at % lanes : source == 1 ? at % lanes : lane);
      }
      merged = vector::ShuffleOp::create(b, merged, from[source], pick);
    }
    result.push_back(merged);
  }
  return result;
}

bool scheduleInterleave(Kernel &kernel) {
  auto op = kernel.ops().size() == 1 ? dyn_cast<nn::TransposeOp>(kernel.ops().front()) : nn::TransposeOp();
  if (!op || op.getPermutation().size() < 2 || !isa<BlockArgument>(op.getInput()))
    return false;
  ArrayRef<int64_t> permutation = op.getPermutation();
  auto type = cast<RankedTensorType>(op.getInput().getType());
  int64_t last = type.getRank() - 1;
  // The run along a line is last in one of the two and last but one in the other, where the channels follow it.
  bool joins = permutation[last - 1] == last, splits = permutation[last] == last - 1;
  int64_t channelDim = joins ? permutation[last] : last; // of the input
  int64_t channels = type.getDimSize(channelDim);
  if (joins == splits || channels < 2 || channels > 3 || type.getElementType().isInteger(1))
    return false;
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter e = kernel.emitter(1);
  SmallVector<Value> from(kernel.extents(op.getInput())), to(kernel.extents(op.getResult()));
  int64_t lanes = std::min<int64_t>(kernel.machine.lanes(type.getElementTypeBitWidth() / 8), 16);
  int64_t resultChannel = llvm::find(permutation, channelDim) - permutation.begin();
  int64_t resultLine = joins ? last - 1 : last;
  Value line = to[resultLine];
  SmallVector<Value> outer;
  SmallVector<int64_t> outerDims;
  for (int64_t d = 0; d <= last; ++d)
    if (d != resultChannel && d != resultLine) {
      outer.push_back(to[d]);
      outerDims.push_back(d);
    }
  Value rows = product(e, outer);
  Value perRow = b.createOrFold<arith::MaxUIOp>(e.mul(line, e.constant(channels)), e.constant(1));
  Value chunk = b.createOrFold<arith::CeilDivUIOp>(e.constant(elementsPerTask), perRow);
  Value tasks = b.createOrFold<arith::CeilDivUIOp>(rows, chunk);
  kernel.phase(tasks, kernel.workOf(product(e, to)), e.constant(0), false, [&](Value begin, Value end, Value, Value) {
    Value first = e.mul(begin, chunk), stop = b.createOrFold<arith::MinUIOp>(e.mul(end, chunk), rows);
    countedLoop(b, first, stop, e.constant(1), [&](Value row) {
      SmallVector<LaneIndex> place(last + 1);
      for (auto [d, index] : llvm::zip(outerDims, delinearize(e, outer, {row})))
        place[d] = index;
      ElementEmitter wide = kernel.emitter(lanes), scalar(wide, 1);
      // The element of channel c at a position of the line, in the input's or the result's order.
      auto at = [&](bool input, int64_t channel, LaneIndex position) {
        SmallVector<LaneIndex> indices(place);
        indices[resultChannel] = {e.constant(channel)};
        indices[resultLine] = position;
        if (!input)
          return indices;
        SmallVector<LaneIndex> source(last + 1);
        for (auto [d, s] : llvm::enumerate(permutation))
          source[s] = indices[d];
        return source;
      };
      // Vector v of the run of pixels: the tensor with channels last, its last two dimensions joined.
      auto pixels = [&](bool input, Value position, int64_t v) {
        SmallVector<LaneIndex> indices = at(input, 0, {position});
        indices.pop_back();
        indices.back() = {e.add(e.mul(position, e.constant(channels)), e.constant(v * lanes)), 1};
        return indices;
      };
      auto joined = [](SmallVector<Value> extents, ElementEmitter &e) {
        Value channels = extents.pop_back_val();
        extents.back() = e.mul(extents.back(), channels);
        return extents;
      };
      Value step = e.constant(lanes), whole = e.mul(e.div(line, step), step);
      Type element = type.getElementType();
      Buffer source = kernel.argumentBuffer(cast<BlockArgument>(op.getInput())), target = kernel.resultBuffer(0);
      countedLoop(b, e.constant(0), whole, step, [&](Value position) {
        SmallVector<Value> vectors;
        for (int64_t v = 0; v < channels; ++v)
          vectors.push_back(joins ? wide.load(element, source, from, at(true, v, {position, 1}))
                                  : wide.load(element, source, joined(from, e), pixels(true, position, v)));
        // Element i of the run of pixels is element i / channels of plane i % channels.
        if (joins)
          vectors = rearrange(b, vectors, lanes,
                              [&](int64_t i) { return i % channels * lanes + i / channels; });
        else
          vectors = rearrange(b, vectors, lanes,
                              [&](int64_t i) { return i % lanes * channels + i / lanes; });
        for (int64_t v = 0; v < channels; ++v) {
          if (joins)
            wide.store(vectors[v], element, target, joined(to, e), pixels(false, position, v));
          else
            wide.store(vectors[v], element, target, to, at(false, v, {position, 1}));
        }
      });
      countedLoop(b, whole, line, e.constant(1), [&](Value position) {
        for (int64_t v = 0; v < channels; ++v) {
          Value value = scalar.load(element, source, from, at(true, v, {position}));
          scalar.store(value, element, target, to, at(false, v, {position}));
        }
      });
    });
  });
  kernel.setPath("vector");
  return true;
}

} // namespace tenon::schedule
