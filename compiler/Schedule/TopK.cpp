//===- TopK.cpp - the k extreme elements of each line --------------------------------------===//
//
// A bottom-up merge sort of the line's indices, stable, so that equal elements keep the order of their indices: O(n log
// n) whatever k is. Scratch holds two index lists of the line's length.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Sequential.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {
/// Sorting one line: where its elements and its index lists are.
struct Line {
  Kernel &kernel;
  nn::TopKOp op;
  ElementEmitter &e;
  SmallVector<LaneIndex> indices; ///< of the line, any entry at the axis
  Value order;                    ///< memref<?xindex>: two lists of `length`
  Value length;

  Value element(Value position) {
    indices[op.getAxis()] = {position};
    return e.emit(op.getInput(), indices);
  }
};
} // namespace

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
  Value one = arith::ConstantIntOp::create(b, 1, 1);
  Value nanFirst = smallest ? arith::AndIOp::create(b, yNan, arith::XOrIOp::create(b, xNan, one))
                            : arith::AndIOp::create(b, xNan, arith::XOrIOp::create(b, yNan, one));
  return arith::OrIOp::create(b, ordered, nanFirst);
}

/// Merges the sorted runs [low, middle) and [middle, high) of the list at `from` into the list at `to`.
static void merge(Line &line, Value from, Value to, Value low, Value middle, Value high) {
  ElementEmitter &e = line.e;
  ImplicitLocOpBuilder &b = e.builder();
  carriedLoops(b, {low}, {high}, {low, middle}, [&](ArrayRef<Value> at, ArrayRef<Value> heads) {
    ElementEmitter::Scope scope(e);
    Value leftLeft = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, heads[0], middle);
    Value rightLeft = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, heads[1], high);
    // An exhausted run is read at its start; the comparison is then ignored.
    Value left = arith::SelectOp::create(b, leftLeft, heads[0], low),
          right = arith::SelectOp::create(b, rightLeft, heads[1], low);
    Value leftIndex = memref::LoadOp::create(b, line.order, e.add(from, left));
    Value rightIndex = memref::LoadOp::create(b, line.order, e.add(from, right));
    Value rightWins = comesBefore(line, line.element(rightIndex), line.element(leftIndex));
    Value notLeft = arith::XOrIOp::create(b, leftLeft, arith::ConstantIntOp::create(b, 1, 1));
    Value takeRight = arith::OrIOp::create(b, notLeft, arith::AndIOp::create(b, rightLeft, rightWins));
    memref::StoreOp::create(b, arith::SelectOp::create(b, takeRight, rightIndex, leftIndex), line.order,
                            e.add(to, at[0]));
    Value one = e.constant(1);
    return SmallVector<Value>{arith::SelectOp::create(b, takeRight, heads[0], e.add(heads[0], one)),
                              arith::SelectOp::create(b, takeRight, e.add(heads[1], one), heads[1])};
  });
}

/// Sorts the list; returns where the sorted list starts.
static Value sortLine(Line &line) {
  ElementEmitter &e = line.e;
  ImplicitLocOpBuilder &b = e.builder();
  simpleLoops(e, {line.length},
              [&](ArrayRef<LaneIndex> at) { memref::StoreOp::create(b, at[0].base, line.order, at[0].base); });
  Type index = b.getIndexType();
  auto rounds = scf::WhileOp::create(b, TypeRange{index, index}, ValueRange{e.constant(1), e.constant(0)});
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&rounds.getBefore(), {}, {index, index}, {b.getLoc(), b.getLoc()});
  Value more = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, before->getArgument(0), line.length);
  scf::ConditionOp::create(b, more, before->getArguments());
  Block *after = b.createBlock(&rounds.getAfter(), {}, {index, index}, {b.getLoc(), b.getLoc()});
  Value width = after->getArgument(0), from = after->getArgument(1);
  Value to = e.sub(line.length, from), twice = e.mul(width, e.constant(2));
  auto runs = scf::ForOp::create(b, e.constant(0), line.length, twice);
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(runs.getBody());
    Value low = runs.getInductionVar();
    Value middle = b.createOrFold<arith::MinUIOp>(e.add(low, width), line.length);
    Value high = b.createOrFold<arith::MinUIOp>(e.add(low, twice), line.length);
    merge(line, from, to, low, middle, high);
  }
  scf::YieldOp::create(b, ValueRange{twice, to});
  return rounds.getResult(1);
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
    Line line{kernel, op, e, indices, order, length};
    Value sorted = sortLine(line);
    SmallVector<Value> resultExtents(kernel.extents(op.getValues()));
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
