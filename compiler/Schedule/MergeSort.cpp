//===- MergeSort.cpp - a stable sort of index lists ------------------------------------------===//
//
// Bottom-up: runs of 1, 2, 4 ... are merged from one list into the other and back. O(n log n).
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Sequential.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

/// Merges the sorted runs [low, middle) and [middle, high) of the list at `from` into the list at `to`.
static void merge(ElementEmitter &e, Value order, Comparison comesBefore, Value from, Value to, Value low, Value middle,
                  Value high) {
  ImplicitLocOpBuilder &b = e.builder();
  carriedLoops(b, {low}, {high}, {low, middle}, [&](ArrayRef<Value> at, ArrayRef<Value> heads) {
    ElementEmitter::Scope scope(e);
    Value leftLeft = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, heads[0], middle);
    Value rightLeft = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, heads[1], high);
    // An exhausted run is read at its start; the comparison is then ignored.
    Value left = arith::SelectOp::create(b, leftLeft, heads[0], low),
          right = arith::SelectOp::create(b, rightLeft, heads[1], low);
    Value leftIndex = memref::LoadOp::create(b, order, e.add(from, left));
    Value rightIndex = memref::LoadOp::create(b, order, e.add(from, right));
    Value rightWins = comesBefore(rightIndex, leftIndex);
    Value notLeft = arith::XOrIOp::create(b, leftLeft, arith::ConstantIntOp::create(b, 1, 1));
    Value takeRight = arith::OrIOp::create(b, notLeft, arith::AndIOp::create(b, rightLeft, rightWins));
    memref::StoreOp::create(b, arith::SelectOp::create(b, takeRight, rightIndex, leftIndex), order, e.add(to, at[0]));
    Value one = e.constant(1);
    return SmallVector<Value>{arith::SelectOp::create(b, takeRight, heads[0], e.add(heads[0], one)),
                              arith::SelectOp::create(b, takeRight, e.add(heads[1], one), heads[1])};
  });
}

Value mergeSort(ElementEmitter &e, Value order, Value length, Comparison comesBefore) {
  ImplicitLocOpBuilder &b = e.builder();
  Type index = b.getIndexType();
  auto rounds = scf::WhileOp::create(b, TypeRange{index, index}, ValueRange{e.constant(1), e.constant(0)});
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&rounds.getBefore(), {}, {index, index}, {b.getLoc(), b.getLoc()});
  Value more = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, before->getArgument(0), length);
  scf::ConditionOp::create(b, more, before->getArguments());
  Block *after = b.createBlock(&rounds.getAfter(), {}, {index, index}, {b.getLoc(), b.getLoc()});
  Value width = after->getArgument(0), from = after->getArgument(1);
  Value to = e.sub(length, from), twice = e.mul(width, e.constant(2));
  auto runs = scf::ForOp::create(b, e.constant(0), length, twice);
  {
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(runs.getBody());
    Value low = runs.getInductionVar();
    Value middle = b.createOrFold<arith::MinUIOp>(e.add(low, width), length);
    Value high = b.createOrFold<arith::MinUIOp>(e.add(low, twice), length);
    merge(e, order, comesBefore, from, to, low, middle, high);
  }
  scf::YieldOp::create(b, ValueRange{twice, to});
  return rounds.getResult(1);
}

} // namespace tenon::schedule
