//===- TopK.cpp - the k extreme elements of each line --------------------------------------===//
//
// A merge sort of the line's indices, stable, so that equal elements keep the order of their indices: O(n log n)
// whatever k is. Scratch holds two index lists of the line's length.
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
    simpleLoops(e, {length},
                [&](ArrayRef<LaneIndex> at) { memref::StoreOp::create(b, at[0].base, order, at[0].base); });
    Value sorted = mergeSort(e, order, length,
                             [&](Value x, Value y) { return comesBefore(line, line.element(x), line.element(y)); });
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
