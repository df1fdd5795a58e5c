//===- RowEmitter.cpp - code for one row, or for one group of neighbouring rows ------------===//

#include "compiler/Schedule/RowEmitter.h"
#include "compiler/Schedule/IndexMath.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

SmallVector<Value> loopAlongRow(ElementEmitter &e, Value length, size_t count, bool hasScalars, ArrayRef<Value> sums,
                                function_ref<SmallVector<Value>(RowPosition, ArrayRef<Value>)> step) {
  ImplicitLocOpBuilder &b = e.builder();
  Value lanes = e.constant(e.lanes()), block = e.constant(rowAccumulators * e.lanes());
  Value blocks = e.mul(e.div(length, block), block), whole = e.mul(e.div(length, lanes), lanes);
  auto loop = [&](Value from, Value to, Value by, ArrayRef<Value> initial,
                  function_ref<SmallVector<Value>(Value, ArrayRef<Value>)> body) {
    auto made = scf::ForOp::create(b, from, to, by, initial);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(made.getBody());
    SmallVector<Value> inner(made.getRegionIterArgs());
    SmallVector<Value> next = body(made.getInductionVar(), inner);
    if (!next.empty())
      scf::YieldOp::create(b, next);
    return SmallVector<Value>(made.getResults());
  };
  ArrayRef<Value> initial = sums.take_front(rowAccumulators * count);
  SmallVector<Value> result = loop(e.constant(0), blocks, block, initial, [&](Value position, ArrayRef<Value> acc) {
    SmallVector<Value> next;
    for (int64_t u = 0; u < rowAccumulators; ++u)
      llvm::append_range(next, step({e.add(position, e.constant(u * e.lanes()))}, acc.slice(u * count, count)));
    return next;
  });
  SmallVector<Value> first(ArrayRef(result).take_front(count));
  first = loop(blocks, whole, lanes, first, [&](Value position, ArrayRef<Value> acc) { return step({position}, acc); });
  if (e.lanes() > 1 && !hasScalars && !sameExtent(whole, length)) {
    Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, whole, length);
    auto rest = scf::IfOp::create(b, ValueRange(first).getTypes(), some, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(rest.thenBlock());
    Value mask = vector::CreateMaskOp::create(b, VectorType::get({e.lanes()}, b.getI1Type()), e.sub(length, whole));
    scf::YieldOp::create(b, step({whole, /*oneLane=*/false, mask}, first));
    b.setInsertionPointToStart(rest.elseBlock());
    scf::YieldOp::create(b, first);
    first = SmallVector<Value>(rest.getResults());
  }
  llvm::copy(first, result.begin());
  if (hasScalars)
    llvm::append_range(
        result, loop(whole, length, e.constant(1), sums.take_back(count),
                     [&](Value position, ArrayRef<Value> acc) { return step({position, /*oneLane=*/true}, acc); }));
  return result;
}

RowEmitter::RowEmitter(Kernel &kernel, const RowProgram &program, int64_t lanes, Value scratch, Value status,
                       std::optional<AskingPass> ahead)
    : kernel(kernel), program(program), b(kernel.builder), e(kernel.emitter(lanes)), scratch(scratch), ahead(ahead) {
  e.setStatus(status);
  rowLength = e.constant(1);
  for (int64_t axis : program.axes)
    rowLength = e.mul(rowLength, program.space[axis]);
  for (BlockArgument argument : kernel.function.getArguments())
    if (ahead && isFar(argument))
      far.push_back(argument);
}

/// Whether an argument of full rows is in another level of cache than the second, and a few rows (a group of those that
/// are neighbours) are in the first: a processor fetches a row on its own only when its first lines have been read.
bool RowEmitter::isFar(BlockArgument argument) {
  constexpr int64_t rowsInFirstLevel = 3;
  if (!isa<RankedTensorType>(argument.getType()) || !sameExtents(kernel.extents(argument), program.space))
    return false;
  int64_t bytes = storageBytes(argument);
  for (Value extent : program.space)
    bytes *= known(extent).value_or(1);
  int64_t rowBytes = known(rowLength).value_or(bytes) * storageBytes(argument);
  int64_t rows = program.lanesInRow ? rowsInFirstLevel : e.lanes();
  return 2 * bytes > kernel.machine.l2Bytes && rows * rowBytes <= kernel.machine.l1Bytes;
}

void RowEmitter::emitRows(ElementEmitter &rows, ArrayRef<LaneIndex> at) {
  place(at, e.constant(0));
  for (size_t pass = 0; pass < program.passes.size(); ++pass)
    if (program.lanesInRow)
      reduceAlongLanes(rows, pass);
    else
      reduceAcross(rows, pass);
  storeRowResults(rows);
  storeFullResults(rows);
  unbind(rows);
}

void RowEmitter::place(ArrayRef<LaneIndex> at, Value newSlot) {
  outer = SmallVector<LaneIndex>(at);
  slot = newSlot;
}

void RowEmitter::bind(ElementEmitter &rows, Value tensor, Value element) {
  rows.bindRegister(tensor, element);
  if (program.lanesInRow)
    e.bindRegister(tensor, element);
  bound.push_back({tensor, element});
}

void RowEmitter::unbind(ElementEmitter &rows) {
  for (auto [tensor, element] : bound) {
    rows.unbindRegister(tensor);
    e.unbindRegister(tensor);
  }
  bound.clear();
}

Type RowEmitter::accumulatorType(nn::ReduceOp reduce) {
  Type type = elementTypeOf(reduce.getInput());
  return type.isF16() || type.isBF16() ? Type(b.getF32Type()) : type;
}

/// Indices of a full value at a position of the row.
SmallVector<LaneIndex> RowEmitter::fullIndices(ArrayRef<LaneIndex> inRow) {
  SmallVector<LaneIndex> indices;
  size_t next = 0;
  for (int64_t d = 0; d < static_cast<int64_t>(program.space.size()); ++d) {
    const auto *axis = llvm::find(program.axes, d);
    indices.push_back(axis != program.axes.end() ? inRow[axis - program.axes.begin()] : outer[next++]);
  }
  return indices;
}

/// Indices of a row value of the given rank.
SmallVector<LaneIndex> RowEmitter::rowIndices(size_t rank) {
  SmallVector<LaneIndex> all;
  size_t next = 0;
  for (size_t d = 0; d < program.space.size(); ++d) {
    if (!program.isReduced(d))
      all.push_back(outer[next++]);
    else if (program.keepsDims)
      all.push_back({e.constant(0)});
  }
  return SmallVector<LaneIndex>(ArrayRef(all).take_back(rank));
}

/// Position within the row of the innermost loop at `inner` under the outer loops at `at`.
Value RowEmitter::linearPosition(ArrayRef<Value> at, Value inner) {
  Value position = e.constant(0);
  for (size_t d = 0; d + 1 < program.axes.size(); ++d)
    position = e.add(e.mul(position, program.space[program.axes[d]]), at[d]);
  return e.add(e.mul(position, program.space[program.axes.back()]), inner);
}

RowEmitter::Place RowEmitter::cacheOf(Value value, LaneIndex position, ArrayRef<LaneIndex> indices) {
  if (auto found = program.inResult.find(value); found != program.inResult.end())
    return {kernel.resultBuffer(found->second), SmallVector<Value>(program.space), SmallVector<LaneIndex>(indices)};
  auto type = MemRefType::get({ShapedType::kDynamic}, storageType(elementTypeOf(value)));
  int64_t number = llvm::count_if(llvm::make_range(program.cached.begin(), llvm::find(program.cached, value)),
                                  [&](Value other) { return !program.inResult.contains(other); });
  Value row = e.add(e.mul(slot, e.constant(program.inScratch())), e.constant(number));
  Value offset = e.mul(e.mul(rowLength, e.constant(8)), row);
  Value view = memref::ViewOp::create(b, type, scratch, offset, ValueRange(rowLength));
  return {{view}, {rowLength}, {position}};
}

/// Makes the cached values that `pass` needs available at a position: loaded if an earlier pass kept them, else
/// computed and kept. They are to be unbound.
void RowEmitter::provideCached(ElementEmitter &lane, size_t pass, Value position, ArrayRef<LaneIndex> indices) {
  for (Value value : program.cachedFor[pass]) {
    auto [buffer, extents, at] = cacheOf(value, {position, lane.lanes() == 1 ? 0 : 1}, indices);
    Value element;
    if (program.keptBy.lookup(value) < pass) {
      element = lane.load(elementTypeOf(value), buffer, extents, at);
    } else {
      element = lane.emit(value, indices);
      lane.store(element, elementTypeOf(value), buffer, extents, at);
    }
    lane.bindRegister(value, element);
  }
}

SmallVector<Value> RowEmitter::step(size_t pass, ArrayRef<Value> at, RowPosition position, ArrayRef<Value> sums) {
  if (position.oneLane) {
    ElementEmitter scalar(e, 1);
    return stepWith(scalar, pass, at, position.at, sums);
  }
  e.setMask(position.mask);
  SmallVector<Value> next = stepWith(e, pass, at, position.at, sums);
  e.setMask(Value());
  return next;
}

SmallVector<Value> RowEmitter::stepWith(ElementEmitter &lane, size_t pass, ArrayRef<Value> at, Value inner,
                                        ArrayRef<Value> sums) {
  ElementEmitter::Scope scope(lane);
  SmallVector<LaneIndex> inRow;
  for (size_t d = 0; d + 1 < program.axes.size(); ++d)
    inRow.push_back({at[d]});
  inRow.push_back({inner, lane.lanes() == 1 ? 0 : 1});
  SmallVector<LaneIndex> indices = fullIndices(inRow);
  SmallVector<Value> next;
  if (ahead && pass == ahead->pass && lane.lanes() > 1 && !lane.currentMask())
    for (Value argument : far)
      askAhead(kernel, e, argument, indices, ahead->distance ? e.constant(ahead->distance) : rowLength);
  provideCached(lane, pass, linearPosition(at, inner), indices);
  for (auto [constReduce, old] : llvm::zip(program.passes[pass], sums)) {
    nn::ReduceOp reduce = constReduce;
    Type accType = accumulatorType(reduce);
    Value value = lane.convert(lane.emit(reduce.getInput(), indices), elementTypeOf(reduce.getInput()), accType);
    Value combined = lane.combine(reduce.getKind(), accType, old, value, program.skipsNan.contains(reduce));
    if (Value mask = lane.currentMask())
      combined = arith::SelectOp::create(b, mask, combined, old);
    next.push_back(combined);
  }
  for (Value value : program.cachedFor[pass])
    lane.unbindRegister(value);
  return next;
}

SmallVector<Value> RowEmitter::neutrals(ElementEmitter &lane, ArrayRef<nn::ReduceOp> pass) {
  SmallVector<Value> initial;
  for (nn::ReduceOp reduce : pass)
    initial.push_back(lane.neutral(reduce.getKind(), accumulatorType(reduce)));
  return initial;
}

void RowEmitter::reduceAlongLanes(ElementEmitter &rows, size_t pass) {
  ArrayRef<nn::ReduceOp> reduces = program.passes[pass];
  SmallVector<Value> lower, upper, initial;
  for (int64_t axis : ArrayRef(program.axes).drop_back()) {
    upper.push_back(program.space[axis]);
    lower.push_back(e.constant(0));
  }
  for (int64_t u = 0; u < rowAccumulators; ++u)
    llvm::append_range(initial, neutrals(e, reduces));
  if (hasScalars()) {
    ElementEmitter scalar(e, 1);
    llvm::append_range(initial, neutrals(scalar, reduces));
  }
  SmallVector<Value> sums = carriedLoops(b, lower, upper, initial, [&](ArrayRef<Value> at, ArrayRef<Value> carried) {
    return loopAlongRow(e, program.innermost(), reduces.size(), hasScalars(), carried,
                        [&](RowPosition position, ArrayRef<Value> acc) { return step(pass, at, position, acc); });
  });
  finishPass(rows, pass, sums, reduces.size(), 0);
}

void RowEmitter::finishPass(ElementEmitter &rows, size_t pass, ArrayRef<Value> sums, size_t count, size_t first) {
  ElementEmitter scalar(e, 1);
  SmallVector<Value> reduced;
  for (auto [number, constReduce] : llvm::enumerate(program.passes[pass])) {
    nn::ReduceOp reduce = constReduce;
    Type accType = accumulatorType(reduce);
    bool skipsNan = program.skipsNan.contains(reduce);
    auto sumOf = [&](int64_t u) { return sums[u * count + first + number]; };
    Value total = sumOf(0);
    for (int64_t u = 1; u < rowAccumulators; ++u)
      total = e.combine(reduce.getKind(), accType, total, sumOf(u), skipsNan);
    total = e.combineLanes(reduce.getKind(), accType, total, skipsNan);
    if (hasScalars())
      total = scalar.combine(reduce.getKind(), accType, total, sumOf(rowAccumulators), skipsNan);
    reduced.push_back(total);
  }
  bindReduced(rows, pass, reduced);
}

/// Asks for all lines of the next group of neighbouring rows at this place.
void RowEmitter::askForNeighbours(ArrayRef<LaneIndex> indices) {
  constexpr int64_t lineBytes = 64;
  for (Value argument : far)
    for (int64_t at = 0; at < e.lanes(); at += lineBytes / storageBytes(argument))
      askAhead(kernel, e, argument, indices, e.constant(ahead->distance + at));
}

SmallVector<Value> RowEmitter::stepAcross(ElementEmitter &rows, size_t pass, ArrayRef<Value> at, ArrayRef<Value> sums) {
  ElementEmitter::Scope scope(rows);
  SmallVector<LaneIndex> inRow;
  for (Value position : at)
    inRow.push_back({position});
  SmallVector<LaneIndex> indices = fullIndices(inRow);
  SmallVector<Value> next;
  if (ahead && pass == ahead->pass && rows.lanes() == e.lanes())
    askForNeighbours(indices);
  provideCached(rows, pass, /*position=*/Value(), indices);
  for (auto [constReduce, old] : llvm::zip(program.passes[pass], sums)) {
    nn::ReduceOp reduce = constReduce;
    Type accType = accumulatorType(reduce);
    Value value = rows.convert(rows.emit(reduce.getInput(), indices), elementTypeOf(reduce.getInput()), accType);
    next.push_back(rows.combine(reduce.getKind(), accType, old, value, program.skipsNan.contains(reduce)));
  }
  for (Value value : program.cachedFor[pass])
    rows.unbindRegister(value);
  return next;
}

/// Lanes over neighbouring rows: plain loops over the row.
void RowEmitter::reduceAcross(ElementEmitter &rows, size_t pass) {
  ArrayRef<nn::ReduceOp> reduces = program.passes[pass];
  SmallVector<Value> lower, upper;
  for (int64_t axis : program.axes) {
    lower.push_back(e.constant(0));
    upper.push_back(program.space[axis]);
  }
  SmallVector<Value> reduced =
      carriedLoops(b, lower, upper, neutrals(rows, reduces),
                   [&](ArrayRef<Value> at, ArrayRef<Value> sums) { return stepAcross(rows, pass, at, sums); });
  bindReduced(rows, pass, reduced);
}

void RowEmitter::bindReduced(ElementEmitter &rows, size_t pass, ArrayRef<Value> reduced) {
  for (auto [constReduce, value] : llvm::zip(program.passes[pass], reduced)) {
    nn::ReduceOp reduce = constReduce;
    bind(rows, reduce.getResult(), rows.convert(value, accumulatorType(reduce), elementTypeOf(reduce.getResult())));
  }
  emitRowValues(rows, pass + 1);
}

/// Elementwise ops on row values whose level has been reached, once per row.
void RowEmitter::emitRowValues(ElementEmitter &rows, unsigned level) {
  for (Operation *op : kernel.ops()) {
    Value value = op->getResult(0);
    if (isa<nn::ReduceOp>(op) || !program.rowValues.contains(value) || program.level.lookup(value) != level)
      continue;
    bind(rows, value, rows.emit(value, rowIndices(kernel.extents(value).size())));
  }
}

void RowEmitter::storeRowResults(ElementEmitter &rows) {
  for (auto [number, result] : llvm::enumerate(kernel.results())) {
    if (!program.rowValues.contains(result))
      continue;
    SmallVector<Value> extents(kernel.extents(result));
    SmallVector<LaneIndex> indices = rowIndices(extents.size());
    rows.store(rows.emit(result, indices), elementTypeOf(result), kernel.resultBuffer(number), extents, indices);
  }
}

void RowEmitter::storeFullAt(ArrayRef<Value> at, RowPosition position) {
  if (position.oneLane) {
    ElementEmitter scalar(e, 1);
    return storeFullWith(scalar, at, position.at);
  }
  e.setMask(position.mask);
  storeFullWith(e, at, position.at);
  e.setMask(Value());
}

void RowEmitter::storeFullWith(ElementEmitter &lane, ArrayRef<Value> at, Value inner) {
  ElementEmitter::Scope scope(lane);
  size_t last = program.passes.size();
  SmallVector<LaneIndex> inRow;
  for (Value position : at)
    inRow.push_back({position});
  if (program.lanesInRow)
    inRow.push_back({inner, lane.lanes() == 1 ? 0 : 1});
  SmallVector<LaneIndex> indices = fullIndices(inRow);
  provideCached(lane, last, program.lanesInRow ? linearPosition(at, inner) : Value(), indices);
  for (auto [number, result] : llvm::enumerate(kernel.results()))
    if (!program.rowValues.contains(result))
      lane.store(lane.emit(result, indices), elementTypeOf(result), kernel.resultBuffer(number), kernel.extents(result),
                 indices);
  for (Value value : program.cachedFor[last])
    lane.unbindRegister(value);
}

void RowEmitter::storeFullResults(ElementEmitter &rows) {
  if (!program.hasFullResults())
    return;
  SmallVector<Value> lower, upper;
  ArrayRef<int64_t> loops = ArrayRef(program.axes).drop_back(program.lanesInRow ? 1 : 0);
  for (int64_t axis : loops) {
    lower.push_back(e.constant(0));
    upper.push_back(program.space[axis]);
  }
  carriedLoops(b, lower, upper, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
    if (program.lanesInRow)
      vectorLoop(e, kernel.machine, e.constant(0), program.innermost(),
                 [&](ElementEmitter &lane, Value inner) { storeFullWith(lane, at, inner); });
    else
      storeFullWith(rows, at, Value());
    return SmallVector<Value>();
  });
}

} // namespace tenon::schedule
