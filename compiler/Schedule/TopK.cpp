//===- TopK.cpp - the k extreme elements of each line --------------------------------------===//
//
// An element and its index are one integer, its key: the element as a number that grows with the order, above the
// index, whose bits are turned round, so that of equal elements the first has the greatest key. An index has half of
// the bits: 32 for elements of up to 32 bits, so that lines have at most 2^32 elements.
//
// Few of many: a heap of the k greatest keys so far, the least of them at its root, which most elements are compared
// with, a vector at a time, and no more; then a sort of the k. Else a merge sort of all keys. O(n log n) whatever k is.
// Scratch holds two lists of keys of the line's length.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Sequential.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {
/// Sorting one line: where its elements are, and their keys.
struct Line {
  nn::TopKOp op;
  ElementEmitter &e;
  SmallVector<LaneIndex> indices; ///< of the line, any entry at the axis

  Type elementType() { return cast<RankedTensorType>(op.getInput().getType()).getElementType(); }
  static unsigned halfBits(Type element) { return element.getIntOrFloatBitWidth() <= 32 ? 32 : 64; }
  Type half() { return e.builder().getIntegerType(halfBits(elementType())); }
  Type full() { return e.builder().getIntegerType(2 * halfBits(elementType())); }

  /// Of all lanes of `at`.
  Value element(ElementEmitter &at, Value position) {
    indices[op.getAxis()] = {position, at.lanes() > 1 ? 1 : 0};
    return at.emit(op.getInput(), indices);
  }

  /// Unsigned numbers that are the greater the earlier an element comes.
  Value rank(ElementEmitter &at, Value element) {
    ImplicitLocOpBuilder &b = at.builder();
    Type type = elementType(), halfType = at.laneType(half());
    bool isUnsigned = type.isUnsignedInteger(), isHalf = type.getIntOrFloatBitWidth() == halfBits(type);
    if (isa<FloatType>(type))
      element = at.convert(element, type, isHalf ? type : Type(b.getF32Type()));
    else if (!isHalf)
      element = isUnsigned ? Value(arith::ExtUIOp::create(b, halfType, element))
                           : Value(arith::ExtSIOp::create(b, halfType, element));
    Value result = orderedBits(b, element, isUnsigned);
    return op.getSmallest() ? Value(arith::XOrIOp::create(b, result, at.splatConstant(half(), -1))) : result;
  }

  Value key(Value position) {
    ImplicitLocOpBuilder &b = e.builder();
    Value index = arith::IndexCastUIOp::create(b, half(), position);
    Value low = arith::XOrIOp::create(b, index, e.splatConstant(half(), -1));
    Value high = arith::ExtUIOp::create(b, full(), rank(e, element(e, position)));
    high = arith::ShLIOp::create(b, high, e.splatConstant(full(), halfBits(elementType())));
    return arith::OrIOp::create(b, high, arith::ExtUIOp::create(b, full(), low));
  }

  Value rankOf(Value key) {
    ImplicitLocOpBuilder &b = e.builder();
    Value high = arith::ShRUIOp::create(b, key, e.splatConstant(full(), halfBits(elementType())));
    return arith::TruncIOp::create(b, half(), high);
  }

  Value indexOf(Value key) {
    ImplicitLocOpBuilder &b = e.builder();
    Value low = arith::TruncIOp::create(b, half(), key);
    low = arith::XOrIOp::create(b, low, e.splatConstant(half(), -1));
    return arith::IndexCastUIOp::create(b, b.getIndexType(), low);
  }
};
} // namespace

/// Whether the key `x` comes before `y`; or, of ranks of several lanes, where.
static Value comesBefore(ImplicitLocOpBuilder &b, Value x, Value y) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, x, y);
}

/// Puts `key` into the heap of the first `size` entries of `order`, at `place` or below it: each entry comes behind
/// those under it.
static void siftDown(Line &line, Value order, Value size, Value place, Value key) {
  ImplicitLocOpBuilder &b = line.e.builder();
  ElementEmitter &e = line.e;
  Type type = b.getIndexType();
  auto load = [&](Value at) { return memref::LoadOp::create(b, order, at); };
  auto loop = scf::WhileOp::create(b, TypeRange{type, type}, ValueRange{place});
  OpBuilder::InsertionGuard guard(b);
  // Condition: the child that comes last moves up if it comes behind `key`.
  Block *before = b.createBlock(&loop.getBefore(), {}, {type}, {b.getLoc()});
  Value left = e.add(e.mul(before->getArgument(0), e.constant(2)), e.constant(1)), right = e.add(left, e.constant(1));
  auto isThere = [&](Value child) { return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, child, size); };
  // A child that is not there is read as the root.
  Value zero = e.constant(0), hasLeft = isThere(left), hasRight = isThere(right);
  Value leftKey = load(arith::SelectOp::create(b, hasLeft, left, zero));
  Value rightKey = load(arith::SelectOp::create(b, hasRight, right, zero));
  Value rightIsLast = arith::AndIOp::create(b, hasRight, comesBefore(b, leftKey, rightKey));
  Value child = arith::SelectOp::create(b, rightIsLast, right, left);
  Value childKey = arith::SelectOp::create(b, rightIsLast, rightKey, leftKey);
  Value moves = arith::AndIOp::create(b, hasLeft, comesBefore(b, key, childKey));
  scf::ConditionOp::create(b, moves, ValueRange{before->getArgument(0), child});
  Block *after = b.createBlock(&loop.getAfter(), {}, {type, type}, {b.getLoc(), b.getLoc()});
  memref::StoreOp::create(b, load(after->getArgument(1)), order, after->getArgument(0));
  scf::YieldOp::create(b, ValueRange{after->getArgument(1)});
  b.setInsertionPointAfter(loop);
  memref::StoreOp::create(b, key, order, loop.getResult(0));
}

static void storeKeys(Line &line, Value order, Value count) {
  ImplicitLocOpBuilder &b = line.e.builder();
  simpleLoops(line.e, {count},
              [&](ArrayRef<LaneIndex> at) { memref::StoreOp::create(b, line.key(at[0].base), order, at[0].base); });
}

static Value sortKeys(Line &line, Value order, Value count) {
  return mergeSort(line.e, order, count, [&](Value x, Value y) { return comesBefore(line.e.builder(), x, y); });
}

/// Offers the elements [from, to) of a line, one by one, to the heap of `count` keys.
static void offerEach(Line &line, Value order, Value count, Value from, Value to) {
  ImplicitLocOpBuilder &b = line.e.builder();
  ElementEmitter &e = line.e;
  carriedLoops(b, {from}, {to}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
    ElementEmitter::Scope scope(e);
    Value root = memref::LoadOp::create(b, order, e.constant(0)), key = line.key(at[0]);
    auto enters = scf::IfOp::create(b, comesBefore(b, key, root), false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(enters.thenBlock());
    siftDown(line, order, count, e.constant(0), key);
    return SmallVector<Value>();
  });
}

/// Sorts the first `count` of them, at least one; returns where in `order` they start. `vectors` may have one lane.
static Value selectFew(Line &line, ElementEmitter &vectors, Value order, Value length, Value count) {
  ImplicitLocOpBuilder &b = line.e.builder();
  ElementEmitter &e = line.e;
  storeKeys(line, order, count);
  carriedLoops(b, {e.constant(0)}, {e.div(count, e.constant(2))}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
    ElementEmitter::Scope scope(e);
    Value place = e.sub(e.sub(e.div(count, e.constant(2)), e.constant(1)), at[0]);
    siftDown(line, order, count, place, memref::LoadOp::create(b, order, place));
    return SmallVector<Value>();
  });
  Value first = count;
  if (vectors.lanes() > 1) {
    Value lanes = e.constant(vectors.lanes());
    Value whole = e.add(count, e.mul(e.div(e.sub(length, count), lanes), lanes));
    auto blocks = scf::ForOp::create(b, count, whole, lanes);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(blocks.getBody());
    ElementEmitter::Scope scope(e), vectorScope(vectors);
    Value start = blocks.getInductionVar();
    Value root = vectors.splat(line.rankOf(memref::LoadOp::create(b, order, e.constant(0))));
    // Of equal ones those in the heap are earlier.
    Value enter = comesBefore(b, line.rank(vectors, line.element(vectors, start)), root);
    Value any = vector::ReductionOp::create(b, vector::CombiningKind::OR, enter);
    auto offers = scf::IfOp::create(b, any, /*withElseRegion=*/false);
    b.setInsertionPointToStart(offers.thenBlock());
    offerEach(line, order, count, start, e.add(start, lanes));
    first = whole;
  }
  offerEach(line, order, count, first, length);
  return sortKeys(line, order, count);
}

/// The first `count` keys of a line in order; returns where in `order` they start.
static Value sortFirst(Line &line, ElementEmitter &vectors, Value order, Value length, Value count) {
  ImplicitLocOpBuilder &b = line.e.builder();
  Value some = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, count, line.e.constant(0));
  Value many = line.e.mul(count, line.e.constant(4));
  Value few =
      b.createOrFold<arith::AndIOp>(some, b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule, many, length));
  return choose(
      b, few, b.getIndexType(),
      [&] {
        ElementEmitter::Scope scope(line.e);
        return selectFew(line, vectors, order, length, count);
      },
      [&] {
        ElementEmitter::Scope scope(line.e);
        storeKeys(line, order, length);
        return sortKeys(line, order, length);
      });
}

bool scheduleTopK(Kernel &kernel, nn::TopKOp op) {
  int64_t axis = op.getAxis();
  Type elementType = cast<RankedTensorType>(op.getInput().getType()).getElementType();
  SmallVector<Value> extents(kernel.extents(op.getInput())), lines(extents);
  lines.erase(lines.begin() + axis);
  ElementEmitter plain = kernel.emitter(1);
  Value tasks = product(plain, lines), length = extents[axis];
  int64_t halfBytes = Line::halfBits(elementType) / 8;
  Value scratchBytes = plain.mul(length, plain.constant(4 * halfBytes));
  Value work = plain.mul(kernel.workOf(plain.mul(tasks, length)), plain.constant(64));
  kernel.phase(tasks, work, scratchBytes, false, [&](Value begin, Value end, Value scratch, Value) {
    ElementEmitter e = kernel.emitter(1);
    ImplicitLocOpBuilder &b = kernel.builder;
    // Vectors run along lines whose elements lie side by side.
    bool isRun = withoutLastUnits(extents).size() <= static_cast<size_t>(axis) + 1;
    ElementEmitter vectors = kernel.emitter(isRun && !kernel.reference ? kernel.machine.lanes(halfBytes) : 1);
    auto listType = MemRefType::get({ShapedType::kDynamic}, b.getIntegerType(16 * halfBytes));
    Value order = memref::ViewOp::create(b, listType, scratch, e.constant(0), ValueRange(e.mul(length, e.constant(2))));
    auto loop = scf::ForOp::create(b, begin, end, e.constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<LaneIndex> indices = delinearize(e, lines, {loop.getInductionVar()});
    indices.insert(indices.begin() + axis, LaneIndex{});
    Line line{op, e, indices};
    SmallVector<Value> resultExtents(kernel.extents(op.getValues()));
    Value sorted = sortFirst(line, vectors, order, length, resultExtents[axis]);
    simpleLoops(e, {resultExtents[axis]}, [&](ArrayRef<LaneIndex> at) {
      Value position = line.indexOf(memref::LoadOp::create(b, order, e.add(sorted, at[0].base)));
      Value element = line.element(e, position);
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
