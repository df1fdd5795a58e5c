//===- ScheduleTranspose.cpp - transposition in square register tiles ----------------------===//
//
// Where the last dimension moves, rows of the input become columns of the result: tiles of L x L elements are loaded as
// L vectors, transposed in registers in log2(L) steps of shuffles, and stored as L vectors.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Kernel.h"

using namespace mlir;

namespace tenon::schedule {

void transposeTile(ImplicitLocOpBuilder &b, SmallVectorImpl<Value> &rows) {
  int64_t size = rows.size();
  for (int64_t s = 1; s < size; s *= 2) {
    SmallVector<int64_t> upper, lower;
    for (int64_t lane = 0; lane < size; ++lane) {
      upper.push_back((lane & s) == 0 ? lane : size + lane - s);
      lower.push_back((lane & s) == 0 ? lane + s : size + lane);
    }
    for (int64_t i = 0; i < size; ++i) {
      if (i & s)
        continue;
      Value x = rows[i], y = rows[i + s];
      rows[i] = vector::ShuffleOp::create(b, x, y, upper);
      rows[i + s] = vector::ShuffleOp::create(b, x, y, lower);
    }
  }
}

Value sumOfEach(ImplicitLocOpBuilder &b, SmallVector<Value> rows) {
  transposeTile(b, rows);
  for (size_t half = rows.size() / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i)
      rows[i] = arith::AddFOp::create(b, rows[i], rows[i + half]);
  return rows.front();
}

Permutation withoutUnitDimensions(Kernel &kernel, nn::TransposeOp op) {
  ArrayRef<Value> extents = kernel.extents(op.getInput());
  Permutation result;
  SmallVector<int64_t> place(extents.size(), -1); // of the input's dimensions in `from`
  for (auto [d, extent] : llvm::enumerate(extents))
    if (getConstantIntValue(OpFoldResult(extent)) != 1) {
      place[d] = result.from.size();
      result.from.push_back(extent);
    }
  for (int64_t d : op.getPermutation())
    if (place[d] >= 0) {
      result.dims.push_back(place[d]);
      result.to.push_back(extents[d]);
    }
  return result;
}

namespace {
/// The two dimensions of the result that a tile spans, and the rest.
struct TilePlan {
  Permutation permutation;
  Type elementType;
  Buffer source, target;
  int64_t down;                ///< result dimension that is the input's last
  SmallVector<int64_t> others; ///< result dimensions outside the tile
};
} // namespace

static void transposePlane(Kernel &kernel, const TilePlan &plan, ElementEmitter &e, SmallVector<LaneIndex> indices,
                           Value from, Value to) {
  ImplicitLocOpBuilder &b = kernel.builder;
  const Permutation &permutation = plan.permutation;
  int64_t lanes = e.lanes(), last = permutation.to.size() - 1;
  Value step = e.constant(lanes);
  Value columns = permutation.to[last];
  Value wholeRows = e.add(from, e.mul(e.div(e.sub(to, from), step), step)),
        wholeColumns = e.mul(e.div(columns, step), step);

  // The element at (i, j) of the plane, lanes along the input's rows.
  auto load = [&](ElementEmitter &lane, Value i, Value j) {
    indices[plan.down] = {i, lane.lanes() == 1 ? 0 : 1};
    indices[last] = {j};
    SmallVector<LaneIndex> inInput(indices.size());
    for (auto [d, index] : llvm::zip(permutation.dims, indices))
      inInput[d] = index;
    return lane.load(plan.elementType, plan.source, permutation.from, inInput);
  };
  auto store = [&](ElementEmitter &lane, Value element, Value i, Value j) {
    indices[plan.down] = {i};
    indices[last] = {j, lane.lanes() == 1 ? 0 : 1};
    lane.store(element, plan.elementType, plan.target, permutation.to, indices);
  };
  auto single = [&](Value i0, Value i1, Value j0, Value j1) {
    ElementEmitter scalar(e, 1);
    carriedLoops(b, {i0, j0}, {i1, j1}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
      ElementEmitter::Scope scope(scalar);
      store(scalar, load(scalar, at[0], at[1]), at[0], at[1]);
      return SmallVector<Value>();
    });
  };
  auto rows = scf::ForOp::create(b, from, wholeRows, step);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(rows.getBody());
    Value i = rows.getInductionVar();
    auto tiles = scf::ForOp::create(b, e.constant(0), wholeColumns, step);
    {
      OpBuilder::InsertionGuard inner(b);
      b.setInsertionPointToStart(tiles.getBody());
      ElementEmitter::Scope scope(e);
      Value j = tiles.getInductionVar();
      SmallVector<Value> tile;
      for (int64_t k = 0; k < lanes; ++k)
        tile.push_back(load(e, i, e.add(j, e.constant(k))));
      transposeTile(b, tile);
      for (int64_t k = 0; k < lanes; ++k)
        store(e, tile[k], e.add(i, e.constant(k)), j);
    }
    single(i, e.add(i, step), wholeColumns, columns);
  }
  single(wholeRows, to, e.constant(0), columns);
}

bool scheduleTranspose(Kernel &kernel) {
  if (kernel.ops().size() != 1)
    return false;
  auto op = dyn_cast<nn::TransposeOp>(kernel.ops().front());
  if (!op || !isa<BlockArgument>(op.getInput()))
    return false;
  Type elementType = cast<RankedTensorType>(op.getInput().getType()).getElementType();
  // What is moved only stays as it lies in memory.
  TilePlan plan{withoutUnitDimensions(kernel, op), storageType(elementType), {}, {}, 0, {}};
  ArrayRef<Value> extents = plan.permutation.to;
  int64_t last = extents.size() - 1;
  plan.down = llvm::find(plan.permutation.dims, last) - plan.permutation.dims.begin();
  if (last < 1 || plan.down == last)
    return false;
  // Short sides leave no tile.
  auto isShort = [](Value extent) {
    std::optional<int64_t> known = getConstantIntValue(OpFoldResult(extent));
    return known && *known < 4;
  };
  if (isShort(extents[plan.down]) || isShort(extents[last]))
    return false;
  int64_t bytes = storageType(elementType).getIntOrFloatBitWidth() / 8;
  int64_t lanes = std::min<int64_t>(kernel.machine.lanes(bytes), 16);
  for (Value extent : {extents[plan.down], extents[last]})
    if (std::optional<int64_t> known = getConstantIntValue(OpFoldResult(extent)))
      lanes = std::min<int64_t>(lanes, llvm::bit_floor(static_cast<uint64_t>(*known)));
  if (elementType.isInteger(1) || lanes < 2)
    return false;

  plan.source = kernel.argumentBuffer(cast<BlockArgument>(op.getInput()));
  plan.target = kernel.resultBuffer(0);
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter plain = kernel.emitter(1);
  SmallVector<Value> outer;
  for (int64_t d = 0; d <= last; ++d)
    if (d != plan.down && d != last) {
      plan.others.push_back(d);
      outer.push_back(extents[d]);
    }
  // A task is a band of rows of one plane.
  Value band = plain.constant(4 * lanes);
  Value bands = b.createOrFold<arith::CeilDivUIOp>(extents[plan.down], band);
  Value tasks = plain.mul(product(plain, outer), bands);
  Value elements = product(plain, extents);
  kernel.phase(tasks, kernel.workOf(elements), plain.constant(0), false, [&](Value begin, Value end, Value, Value) {
    ElementEmitter e = kernel.emitter(lanes);
    auto loop = scf::ForOp::create(b, begin, end, e.constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    ElementEmitter::Scope scope(e);
    Value task = loop.getInductionVar();
    SmallVector<LaneIndex> indices(extents.size(), LaneIndex{e.constant(0)});
    for (auto [d, index] : llvm::zip(plan.others, delinearize(e, outer, {e.div(task, bands)})))
      indices[d] = index;
    Value from = e.mul(e.rem(task, bands), band);
    Value to = b.createOrFold<arith::MinUIOp>(e.add(from, band), extents[plan.down]);
    transposePlane(kernel, plan, e, indices, from, to);
  });
  kernel.setPath("vector");
  return true;
}

} // namespace tenon::schedule
