//===- ContractionPack.cpp - right-hand sides into panels at run time ----------------------===//
//
// A task is a band of k over a few panels, so that a line of the input is read as one run and every panel is written
// front to back.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Contraction.h"
#include "compiler/Schedule/IndexMath.h"

using namespace mlir;

namespace tenon::schedule {

/// Panels read side by side: four of 16 columns of f32 are 256 bytes of a line.
static constexpr int64_t panelsPerTask = 4;
/// Rows of K per task: with four panels some 32 KiB.
static constexpr int64_t bandOfK = 128;

bool schedulePack(Kernel &kernel, nn::PackOp op) {
  auto input = dyn_cast<BlockArgument>(op.getInput());
  if (!input)
    return false;
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter e = kernel.emitter(1);
  ArrayRef<Value> from = kernel.extents(input), to = kernel.extents(op.getResult());
  SmallVector<Value> outer(from.drop_back(2));
  Value K = from[from.size() - 2], N = from.back(), panels = to[to.size() - 3];
  Type element = cast<RankedTensorType>(input.getType()).getElementType();
  int64_t nr = op.getPacking().getNr(), bytes = storageType(element).getIntOrFloatBitWidth() / 8;
  int64_t lanes = std::min(kernel.machine.lanes(bytes), nr);
  ColumnGroups groups(e, N, panelsPerTask * nr / lanes, lanes);
  Value bands = b.createOrFold<arith::CeilDivUIOp>(K, e.constant(bandOfK));
  SmallVector<Value> places(outer);
  places.append({groups.count(), bands});
  Value tasks = product(e, places);
  kernel.phase(tasks, kernel.workOf(product(e, to)), e.constant(0), false, [&](Value begin, Value end, Value, Value) {
    countedLoop(b, begin, end, e.constant(1), [&](Value task) {
      SmallVector<LaneIndex> place = delinearize(e, places, {task});
      Value group = place[outer.size()].base, firstK = e.mul(place.back().base, e.constant(bandOfK));
      Value lastK = b.createOrFold<arith::MinUIOp>(e.add(firstK, e.constant(bandOfK)), K);
      Value matrix = linearIndex(e, outer, ArrayRef(place).take_front(outer.size())).base;
      groups.forEach(group, e.add(group, e.constant(1)), [&](Value column, int64_t vectors, Value wanted) {
        countedLoop(b, firstK, lastK, e.constant(1), [&](Value k) {
          ElementEmitter lane = kernel.emitter(lanes);
          int64_t whole = llvm::alignTo(vectors, nr / lanes); // the last panel is filled with zeros
          for (int64_t v = 0; v < whole; ++v) {
            Value inGroup = e.constant(v * lanes), n = e.add(column, inGroup);
            SmallVector<LaneIndex> source(ArrayRef(place).take_front(outer.size()));
            source.append({LaneIndex{k}, LaneIndex{n, lanes > 1 ? 1 : 0}});
            if (wanted && lanes > 1)
              lane.setMask(
                  vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), e.sub(wanted, inGroup)));
            Value value = v < vectors ? lane.emit(input, source) : lane.splatConstant(element, 0);
            lane.setMask(Value());
            Value panel = e.add(e.mul(matrix, panels), e.div(n, e.constant(nr)));
            Value row = e.add(e.mul(panel, K), k);
            lane.store(value, element, kernel.resultBuffer(0), {e.constant(1), e.constant(nr)},
                       {LaneIndex{row}, LaneIndex{e.rem(n, e.constant(nr)), lanes > 1 ? 1 : 0}});
          }
        });
      });
    });
  });
  kernel.setPath("vector");
  return true;
}

} // namespace tenon::schedule
