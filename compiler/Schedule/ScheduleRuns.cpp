//===- ScheduleRuns.cpp - transpositions that keep the last dimension ----------------------===//
//
// Runs of elements that are contiguous in the input and in the result change places: the heads of attention, the phases
// of a strided convolution. Runs are copied by vectors, in loops over the result's dimensions; only the start of a task
// is found by division.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Kernel.h"

using namespace mlir;

namespace tenon::schedule {

/// Vectors of a run that are copied without a loop.
static constexpr int64_t mostInRow = 8;

/// The permutation with dimensions that stay neighbours as one.
static Permutation mergeNeighbours(ElementEmitter &e, const Permutation &moves) {
  Permutation merged;
  SmallVector<int64_t> firsts; // of each merged dimension, in the input
  for (auto [d, from] : llvm::enumerate(moves.dims)) {
    if (d > 0 && from == moves.dims[d - 1] + 1) {
      merged.to.back() = e.mul(merged.to.back(), moves.to[d]);
    } else {
      merged.to.push_back(moves.to[d]);
      firsts.push_back(from);
    }
  }
  SmallVector<int64_t> sorted(firsts);
  llvm::sort(sorted);
  merged.from.resize(firsts.size());
  for (auto [d, first] : llvm::enumerate(firsts)) {
    merged.dims.push_back(llvm::find(sorted, first) - sorted.begin());
    merged.from[merged.dims.back()] = merged.to[d];
  }
  return merged;
}

/// The first of the dimensions that a task loops over: from it on there are enough elements for one, if they are known.
static int64_t firstLoop(ArrayRef<Value> to) {
  int64_t elements = known(to.back()).value_or(elementsPerTask), first = to.size() - 2;
  for (; first > 0; --first) {
    std::optional<int64_t> extent = known(to[first]);
    if (!extent || elements * *extent >= elementsPerTask)
      break;
    elements *= *extent;
  }
  return first;
}

/// Lanes for runs: the widest vector that a run holds.
static int64_t lanesFor(const Machine &machine, Value run, int64_t bytes) {
  int64_t most = std::min<int64_t>(machine.lanes(bytes), 16);
  std::optional<int64_t> length = known(run);
  return length ? llvm::bit_floor<uint64_t>(std::clamp<int64_t>(*length, 1, most)) : most;
}

void runPhase(Kernel &kernel, ArrayRef<Value> extents, function_ref<void(ArrayRef<LaneIndex>)> run) {
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter plain = kernel.emitter(1);
  // A task is a band of the first loop's dimension.
  int64_t last = extents.size() - 1, first = firstLoop(extents);
  ArrayRef<Value> outer = extents.take_front(first);
  Value perItem = b.createOrFold<arith::MaxUIOp>(product(plain, extents.drop_front(first + 1)), plain.constant(1));
  Value band = b.createOrFold<arith::CeilDivUIOp>(plain.constant(elementsPerTask), perItem);
  Value bands = b.createOrFold<arith::CeilDivUIOp>(extents[first], band);
  Value tasks = plain.mul(product(plain, outer), bands), work = kernel.workOf(product(plain, extents));
  kernel.phase(tasks, work, plain.constant(0), false, [&](Value begin, Value end, Value, Value) {
    ElementEmitter e = kernel.emitter(1);
    auto loop = scf::ForOp::create(b, begin, end, e.constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value task = loop.getInductionVar();
    SmallVector<LaneIndex> indices = delinearize(e, outer, {e.div(task, bands)});
    SmallVector<Value> lower(last - first, e.constant(0)), upper(extents.slice(first, last - first));
    lower[0] = e.mul(e.rem(task, bands), band);
    upper[0] = b.createOrFold<arith::MinUIOp>(e.add(lower[0], band), extents[first]);
    carriedLoops(b, lower, upper, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
      SmallVector<LaneIndex> inRun(indices);
      for (Value index : at)
        inRun.push_back({index});
      run(inRun);
      return SmallVector<Value>();
    });
  });
}

bool scheduleRuns(Kernel &kernel) {
  auto op = kernel.ops().size() == 1 ? dyn_cast<nn::TransposeOp>(kernel.ops().front()) : nn::TransposeOp();
  if (!op || !isa<BlockArgument>(op.getInput()))
    return false;
  Type element = storageType(cast<RankedTensorType>(op.getInput().getType()).getElementType());
  ElementEmitter plain = kernel.emitter(1);
  Permutation moves = mergeNeighbours(plain, withoutUnitDimensions(kernel, op));
  int64_t last = moves.dims.size() - 1;
  if (last < 2 || moves.dims[last] != last)
    return false;
  Buffer source = kernel.argumentBuffer(cast<BlockArgument>(op.getInput())), target = kernel.resultBuffer(0);
  int64_t lanes = lanesFor(kernel.machine, moves.to[last], element.getIntOrFloatBitWidth() / 8);
  ArrayRef<Value> to = moves.to;
  runPhase(kernel, to, [&](ArrayRef<LaneIndex> outer) {
    ElementEmitter e = kernel.emitter(lanes);
    auto copy = [&](ElementEmitter &lane, Value position) {
      SmallVector<LaneIndex> inResult(outer), inInput(last + 1);
      inResult.push_back({position, lane.lanes() == 1 ? 0 : 1});
      for (auto [from, index] : llvm::zip(moves.dims, inResult))
        inInput[from] = index;
      lane.store(lane.load(element, source, moves.from, inInput), element, target, to, inResult);
    };
    std::optional<int64_t> length = known(to[last]);
    if (!length || *length > mostInRow * lanes)
      return vectorLoop(e, kernel.machine, e.constant(0), to[last], copy);
    // The last vector overlaps the one before: cheaper than a mask, and the same elements.
    for (int64_t position = 0; position < *length; position += lanes)
      copy(e, e.constant(std::min(position, *length - lanes)));
  });
  kernel.setPath("vector");
  return true;
}

} // namespace tenon::schedule
