//===- TopK.cpp - the k extreme elements of each line --------------------------------------===//
//
// Few of many: a heap of the best k so far, the worst of them at its root, which most elements are compared with and
// no more; then a sort of the k. Else a merge sort of all indices, stable, so that equal elements keep the order of
// their indices. O(n log n) whatever k is. Scratch holds two index lists of the line's length.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Sequential.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {
/// Sorting one line: where its elements are.
struct Line {
  nn::TopKOp op;
  ElementEmitter &e;
  SmallVector<LaneIndex> indices; ///< of the line, any entry at the axis

  Value element(Value position) {
    indices[op.getAxis()] = {position};
    return e.emit(op.getInput(), indices);
  }
};
} // namespace

static Value negate(ImplicitLocOpBuilder &b, Value condition) {
  return arith::XOrIOp::create(b, condition, arith::ConstantIntOp::create(b, 1, 1));
}

/// Whether `x` comes strictly before `y`. NaN counts as the largest.
static Value comesBefore(Line &line, Value x, Value y) {
  ImplicitLocOpBuilder &b = line.e.builder();
  Type type = cast<RankedTensorType>(line.op.getInput().getType()).getElementType();
  bool smallest = line.op.getSmallest();
  if (!isa<FloatType>(type)) {
    using P = arith::CmpIPredicate;
    bool isUnsigned = type.isUnsignedInteger();
    return arith::CmpIOp::create(b, smallest ? (isUnsigned ? P::ult : P::slt) : (isUnsigned ? P::ugt : P::sgt), x, y);
  }
  Value xNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  Value yNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, y, y);
  Value ordered = arith::CmpFOp::create(b, smallest ? arith::CmpFPredicate::OLT : arith::CmpFPredicate::OGT, x, y);
  Value nanFirst =
      smallest ? arith::AndIOp::create(b, yNan, negate(b, xNan)) : arith::AndIOp::create(b, xNan, negate(b, yNan));
  return arith::OrIOp::create(b, ordered, nanFirst);
}

/// The same for indices, where equal elements come in their order.
static Value indexComesBefore(Line &line, Value x, Value y) {
  ImplicitLocOpBuilder &b = line.e.builder();
  Value first = line.element(x), second = line.element(y);
  Value isBefore = comesBefore(line, first, second), isBehind = comesBefore(line, second, first);
  Value isLower = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x, y);
  return arith::OrIOp::create(b, isBefore, arith::AndIOp::create(b, isLower, negate(b, isBehind)));
}

/// Puts `index` into the heap of the first `size` entries of `order`, at `place` or below it: each entry comes behind
/// those under it.
static void siftDown(Line &line, Value order, Value size, Value place, Value index) {
  ImplicitLocOpBuilder &b = line.e.builder();
  ElementEmitter &e = line.e;
  Type type = b.getIndexType();
  auto load = [&](Value at) { return memref::LoadOp::create(b, order, at); };
  auto loop = scf::WhileOp::create(b, TypeRange{type, type}, ValueRange{place});
  OpBuilder::InsertionGuard guard(b);
  // Condition: the child that comes last moves up if it comes behind `index`.
  Block *before = b.createBlock(&loop.getBefore(), {}, {type}, {b.getLoc()});
  Value left = e.add(e.mul(before->getArgument(0), e.constant(2)), e.constant(1)), right = e.add(left, e.constant(1));
  auto isThere = [&](Value child) { return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, child, size); };
  // A child that is not there is read as the root.
  Value zero = e.constant(0), hasLeft = isThere(left), hasRight = isThere(right);
  Value leftIndex = load(arith::SelectOp::create(b, hasLeft, left, zero));
  Value rightIndex = load(arith::SelectOp::create(b, hasRight, right, zero));
  Value rightIsLast = arith::AndIOp::create(b, hasRight, indexComesBefore(line, leftIndex, rightIndex));
  Value child = arith::SelectOp::create(b, rightIsLast, right, left);
  Value childIndex = arith::SelectOp::create(b, rightIsLast, rightIndex, leftIndex);
  Value moves = arith::AndIOp::create(b, hasLeft, indexComesBefore(line, index, childIndex));
  scf::ConditionOp::create(b, moves, ValueRange{before->getArgument(0), child});
  Block *after = b.createBlock(&loop.getAfter(), {}, {type, type}, {b.getLoc(), b.getLoc()});
  memref::StoreOp::create(b, load(after->getArgument(1)), order, after->getArgument(0));
  scf::YieldOp::create(b, ValueRange{after->getArgument(1)});
  b.setInsertionPointAfter(loop);
  memref::StoreOp::create(b, index, order, loop.getResult(0));
}

/// Sorts all indices of a line; returns where in `order` they start.
static Value sortAll(Line &line, Value order, Value length) {
  ImplicitLocOpBuilder &b = line.e.builder();
  simpleLoops(line.e, {length},
              [&](ArrayRef<LaneIndex> at) { memref::StoreOp::create(b, at[0].base, order, at[0].base); });
  return mergeSort(line.e, order, length,
                   [&](Value x, Value y) { return comesBefore(line, line.element(x), line.element(y)); });
}

/// Sorts the first `count` of them, at least one; returns where in `order` they start.
static Value selectFew(Line &line, Value order, Value length, Value count) {
  ImplicitLocOpBuilder &b = line.e.builder();
  ElementEmitter &e = line.e;
  simpleLoops(e, {count}, [&](ArrayRef<LaneIndex> at) { memref::StoreOp::create(b, at[0].base, order, at[0].base); });
  carriedLoops(b, {e.constant(0)}, {e.div(count, e.constant(2))}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
    ElementEmitter::Scope scope(e);
    Value place = e.sub(e.sub(e.div(count, e.constant(2)), e.constant(1)), at[0]);
    siftDown(line, order, count, place, memref::LoadOp::create(b, order, place));
    return SmallVector<Value>();
  });
  carriedLoops(b, {count}, {length}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
    ElementEmitter::Scope scope(e);
    Value root = memref::LoadOp::create(b, order, e.constant(0));
    auto enters = scf::IfOp::create(b, comesBefore(line, line.element(at[0]), line.element(root)), false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(enters.thenBlock());
    ElementEmitter::Scope inner(e);
    siftDown(line, order, count, e.constant(0), at[0]);
    return SmallVector<Value>();
  });
  return mergeSort(e, order, count, [&](Value x, Value y) { return indexComesBefore(line, x, y); });
}

/// The first `count` indices of a line in order; returns where in `order` they start.
static Value sortFirst(Line &line, Value order, Value length, Value count) {
  ImplicitLocOpBuilder &b = line.e.builder();
  Value some = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, count, line.e.constant(0));
  Value many = line.e.mul(count, line.e.constant(4));
  Value few =
      b.createOrFold<arith::AndIOp>(some, b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule, many, length));
  return choose(
      b, few, b.getIndexType(),
      [&] {
        ElementEmitter::Scope scope(line.e);
        return selectFew(line, order, length, count);
      },
      [&] {
        ElementEmitter::Scope scope(line.e);
        return sortAll(line, order, length);
      });
}

bool scheduleTopK(Kernel &kernel, nn::TopKOp op) {
  int64_t axis = op.getAxis();
  Type elementType = cast<RankedTensorType>(op.getInput().getType()).getElementType();
  SmallVector<Value> extents(kernel.extents(op.getInput())), lines(extents);
  lines.erase(lines.begin() + axis);
  ElementEmitter plain = kernel.emitter(1);
  Value tasks = product(plain, lines), length = extents[axis];
  Value scratchBytes = plain.mul(length, plain.constant(16));
  Value work = plain.mul(kernel.workOf(plain.mul(tasks, length)), plain.constant(64));
  kernel.phase(tasks, work, scratchBytes, false, [&](Value begin, Value end, Value scratch, Value) {
    ElementEmitter e = kernel.emitter(1);
    ImplicitLocOpBuilder &b = kernel.builder;
    auto listType = MemRefType::get({ShapedType::kDynamic}, b.getIndexType());
    Value order = memref::ViewOp::create(b, listType, scratch, e.constant(0), ValueRange(e.mul(length, e.constant(2))));
    auto loop = scf::ForOp::create(b, begin, end, e.constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<LaneIndex> indices = delinearize(e, lines, {loop.getInductionVar()});
    indices.insert(indices.begin() + axis, LaneIndex{});
    Line line{op, e, indices};
    SmallVector<Value> resultExtents(kernel.extents(op.getValues()));
    Value sorted = sortFirst(line, order, length, resultExtents[axis]);
    simpleLoops(e, {resultExtents[axis]}, [&](ArrayRef<LaneIndex> at) {
      Value position = memref::LoadOp::create(b, order, e.add(sorted, at[0].base));
      Value element = line.element(position);
      SmallVector<LaneIndex> to(indices);
      to[axis] = at[0];
      for (auto [number, result] : llvm::enumerate(kernel.results())) {
        if (result == op.getValues())
          e.store(element, elementType, kernel.resultBuffer(number), resultExtents, to);
        else
          e.store(arith::IndexCastOp::create(b, b.getI64Type(), position), b.getI64Type(), kernel.resultBuffer(number),
                  resultExtents, to);
      }
    });
  });
  return true;
}

} // namespace tenon::schedule
