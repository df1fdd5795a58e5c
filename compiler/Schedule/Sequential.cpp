//===- Sequential.cpp - ops whose results depend on the order of steps ---------------------===//
//
// Expects: one such op in the body, its operands any expressions over arguments. Guarantees: the order that the op's
// description gives.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Sequential.h"

#include "compiler/Schedule/IndexMath.h"

using namespace mlir;

namespace tenon::schedule {

static Type elementTypeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

SmallVector<Value> simpleLoops(ElementEmitter &emitter, ArrayRef<Value> extents,
                               function_ref<void(ArrayRef<LaneIndex>)> body) {
  SmallVector<Value> lower(extents.size(), emitter.constant(0));
  carriedLoops(emitter.builder(), lower, extents, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
    ElementEmitter::Scope scope(emitter);
    SmallVector<LaneIndex> indices;
    for (Value position : at)
      indices.push_back({position});
    body(indices);
    return SmallVector<Value>();
  });
  return {};
}

/// Lanes run along the last dimension, unless that is the axis of the sums.
static bool scheduleCumulative(Kernel &kernel, nn::CumulativeOp op) {
  int64_t axis = op.getAxis();
  Type elementType = elementTypeOf(op.getInput());
  Type accType = elementType.isF16() || elementType.isBF16() ? Type(kernel.builder.getF32Type()) : elementType;
  SmallVector<Value> extents(kernel.extents(op.getResult())), lines(extents);
  bool alongLanes = axis + 1 == static_cast<int64_t>(extents.size());
  lines.erase(lines.begin() + axis);
  Value width = alongLanes ? Value() : lines.pop_back_val();
  ElementEmitter plain = kernel.emitter(1);
  Value tasks = product(plain, lines), work = kernel.workOf(product(plain, extents));
  kernel.phase(tasks, work, plain.constant(0), false, [&](Value begin, Value end, Value, Value) {
    ElementEmitter e = kernel.emitter(alongLanes ? 1 : kernel.lanes(width));
    ImplicitLocOpBuilder &b = kernel.builder;
    auto loop = scf::ForOp::create(b, begin, end, e.constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<LaneIndex> indices = delinearize(e, lines, {loop.getInductionVar()});
    indices.insert(indices.begin() + axis, LaneIndex{});
    auto sums = [&](ElementEmitter &lane) {
      carriedLoops(b, {lane.constant(0)}, {extents[axis]}, {lane.neutral(op.getKind(), accType)},
                   [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
                     ElementEmitter::Scope scope(lane);
                     Value position =
                         op.getReverse() ? lane.sub(lane.sub(extents[axis], lane.constant(1)), at[0]) : at[0];
                     indices[axis] = {position};
                     Value value = lane.convert(lane.emit(op.getInput(), indices), elementType, accType);
                     Value next = lane.combine(op.getKind(), accType, acc[0], value);
                     Value stored = lane.convert(op.getExclusive() ? acc[0] : next, accType, elementType);
                     lane.store(stored, elementType, kernel.resultBuffer(0), extents, indices);
                     return SmallVector<Value>{next};
                   });
    };
    if (alongLanes)
      return sums(e);
    indices.push_back({});
    vectorLoop(e, kernel.machine, e.constant(0), width, [&](ElementEmitter &lane, Value position) {
      indices.back() = {position, lane.lanes() == 1 ? 0 : 1};
      sums(lane);
    });
  });
  return true;
}

/// result = input, as a sweep of its own.
static void copyPhase(Kernel &kernel, Value input, Value result) {
  SmallVector<Value> extents(kernel.extents(result));
  ElementEmitter plain = kernel.emitter(1);
  Value count = product(plain, extents), chunk = plain.constant(4096);
  ImplicitLocOpBuilder &b = kernel.builder;
  Value tasks = b.createOrFold<arith::CeilDivUIOp>(count, chunk);
  kernel.phase(tasks, kernel.workOf(count), plain.constant(0), false, [&](Value begin, Value end, Value, Value) {
    ElementEmitter e = kernel.emitter(kernel.lanes(count));
    Value from = e.mul(begin, chunk), to = b.createOrFold<arith::MinUIOp>(e.mul(end, chunk), count);
    auto argument = dyn_cast<BlockArgument>(input);
    vectorLoop(e, kernel.machine, from, to, [&](ElementEmitter &lane, Value position) {
      LaneIndex index{position, lane.lanes() == 1 ? 0 : 1};
      // What is no argument is a constant, the same at every index.
      Value value = argument ? lane.load(elementTypeOf(input), kernel.argumentBuffer(argument), {count}, {index})
                             : lane.emit(input, {index});
      lane.store(value, elementTypeOf(input), kernel.resultBuffer(0), {count}, {index});
    });
  });
}

/// What a scatter writes over `old`.
static Value scattered(ElementEmitter &e, nn::ScatterKind kind, Type type, Value old, Value update) {
  switch (kind) {
  case nn::ScatterKind::assign:
    return update;
  case nn::ScatterKind::add:
    return e.convert(e.combine(nn::ReduceKind::sum, type, old, update), type, type);
  case nn::ScatterKind::mul:
    return e.combine(nn::ReduceKind::prod, type, old, update);
  case nn::ScatterKind::max:
    return e.combine(nn::ReduceKind::max, type, old, update);
  case nn::ScatterKind::min:
    return e.combine(nn::ReduceKind::min, type, old, update);
  }
  return Value();
}

static void combineAt(ElementEmitter &e, Kernel &kernel, nn::ScatterKind kind, Type type, ArrayRef<Value> extents,
                      ArrayRef<LaneIndex> target, Value update) {
  Value old = kind == nn::ScatterKind::assign ? Value() : e.load(type, kernel.resultBuffer(0), extents, target);
  e.store(scattered(e, kind, type, old, update), type, kernel.resultBuffer(0), extents, target);
}

static bool scheduleScatterElements(Kernel &kernel, nn::ScatterElementsOp op) {
  copyPhase(kernel, op.getInput(), op.getResult());
  SmallVector<Value> extents(kernel.extents(op.getResult())), updates(kernel.extents(op.getUpdates()));
  ElementEmitter plain = kernel.emitter(1);
  Value work = kernel.workOf(product(plain, updates));
  kernel.phase(plain.constant(1), work, plain.constant(0), true, [&](Value, Value, Value, Value status) {
    ElementEmitter e = kernel.emitter(1);
    e.setStatus(status);
    simpleLoops(e, updates, [&](ArrayRef<LaneIndex> at) {
      SmallVector<LaneIndex> target(at);
      target[op.getAxis()] = e.checkedIndex(e.emit(op.getIndices(), at), extents[op.getAxis()]);
      combineAt(e, kernel, op.getKind(), elementTypeOf(op.getInput()), extents, target, e.emit(op.getUpdates(), at));
    });
  });
  return true;
}

static bool scheduleScatterNd(Kernel &kernel, nn::ScatterNdOp op) {
  copyPhase(kernel, op.getInput(), op.getResult());
  SmallVector<Value> extents(kernel.extents(op.getResult())), updates(kernel.extents(op.getUpdates()));
  auto indicesType = cast<RankedTensorType>(op.getIndices().getType());
  int64_t outer = indicesType.getRank() - 1, depth = indicesType.getDimSize(outer);
  ElementEmitter plain = kernel.emitter(1);
  Value work = kernel.workOf(product(plain, updates));
  kernel.phase(plain.constant(1), work, plain.constant(0), true, [&](Value, Value, Value, Value status) {
    ElementEmitter e = kernel.emitter(1);
    e.setStatus(status);
    simpleLoops(e, ArrayRef(updates).take_front(outer), [&](ArrayRef<LaneIndex> tuple) {
      SmallVector<LaneIndex> target, at(tuple);
      at.push_back({});
      for (int64_t k = 0; k < depth; ++k) {
        at.back() = {e.constant(k)};
        target.push_back(e.checkedIndex(e.emit(op.getIndices(), at), extents[k]));
      }
      simpleLoops(e, ArrayRef(updates).drop_front(outer), [&](ArrayRef<LaneIndex> inner) {
        SmallVector<LaneIndex> from(tuple), to(target);
        llvm::append_range(from, inner);
        llvm::append_range(to, inner);
        combineAt(e, kernel, op.getKind(), elementTypeOf(op.getInput()), extents, to, e.emit(op.getUpdates(), from));
      });
    });
  });
  return true;
}

/// Row-major search; the k-th hit's indices go to column k. The number of hits sized the result.
static bool scheduleNonZero(Kernel &kernel, nn::NonZeroOp op) {
  SmallVector<Value> input(kernel.extents(op.getInput())), extents(kernel.extents(op.getResult()));
  ElementEmitter plain = kernel.emitter(1);
  kernel.phase(plain.constant(1), kernel.workOf(product(plain, input)), plain.constant(0), false,
               [&](Value, Value, Value, Value) {
                 ElementEmitter e = kernel.emitter(1);
                 ImplicitLocOpBuilder &b = kernel.builder;
                 SmallVector<Value> lower(input.size(), e.constant(0));
                 carriedLoops(b, lower, input, {e.constant(0)}, [&](ArrayRef<Value> at, ArrayRef<Value> found) {
                   ElementEmitter::Scope scope(e);
                   SmallVector<LaneIndex> indices;
                   for (Value position : at)
                     indices.push_back({position});
                   Value hit = e.convert(e.emit(op.getInput(), indices), elementTypeOf(op.getInput()), b.getI1Type());
                   Value room = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, found[0], extents[1]);
                   Value writes = arith::AndIOp::create(b, hit, room);
                   auto choice = scf::IfOp::create(b, writes, false);
                   {
                     OpBuilder::InsertionGuard guard(b);
                     b.setInsertionPointToStart(choice.thenBlock());
                     for (auto [d, position] : llvm::enumerate(at))
                       e.store(arith::IndexCastOp::create(b, b.getI64Type(), position), b.getI64Type(),
                               kernel.resultBuffer(0), extents, {{e.constant(d)}, {found[0]}});
                   }
                   Value next = arith::SelectOp::create(b, writes, e.add(found[0], e.constant(1)), found[0]);
                   return SmallVector<Value>{next};
                 });
               });
  return true;
}

bool scheduleSequential(Kernel &kernel) {
  SmallVector<Operation *> ops(
      llvm::make_filter_range(kernel.ops(), [](Operation *op) { return !isa<nn::ConstantOp>(op); }));
  if (ops.size() != 1)
    return false;
  Operation *op = ops.front();
  bool done = false;
  if (auto cumulative = dyn_cast<nn::CumulativeOp>(op))
    done = scheduleCumulative(kernel, cumulative);
  else if (auto scatter = dyn_cast<nn::ScatterElementsOp>(op))
    done = scheduleScatterElements(kernel, scatter);
  else if (auto scatter = dyn_cast<nn::ScatterNdOp>(op))
    done = scheduleScatterNd(kernel, scatter);
  else if (auto nonZero = dyn_cast<nn::NonZeroOp>(op))
    done = scheduleNonZero(kernel, nonZero);
  else if (auto topK = dyn_cast<nn::TopKOp>(op))
    done = scheduleTopK(kernel, topK);
  else if (auto suppression = dyn_cast<nn::NonMaxSuppressionOp>(op))
    done = scheduleNonMaxSuppression(kernel, suppression);
  else if (auto trees = dyn_cast<nn::TreeEnsembleOp>(op))
    done = scheduleTreeEnsemble(kernel, trees);
  else if (op->hasTrait<nn::Text>())
    return scheduleText(kernel, op);
  else
    return scheduleRecurrence(kernel, op);
  if (done)
    kernel.setPath(kernel.reference ? "reference" : "sequential");
  return done;
}

} // namespace tenon::schedule
