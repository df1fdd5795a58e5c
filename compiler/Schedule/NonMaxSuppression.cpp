//===- NonMaxSuppression.cpp - boxes that overlap no better one ----------------------------===//
//
// For each class: the candidates above the threshold are listed, the list is sorted by falling score, and its boxes are
// compared with those chosen so far, which the result holds. The sort costs O(n log n) in the candidates, the
// comparisons O(n) for each chosen box. Scratch holds two index lists.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Sequential.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// Lower and upper bound along one dimension.
struct Span {
  Value low, high;
};

struct Box {
  Span first, second;
};

/// One class of one batch item.
struct Suppression {
  Kernel &kernel;
  nn::NonMaxSuppressionOp op;
  ElementEmitter &e;
  Value batch, classIndex;
  Value order; ///< memref<?xindex>: two lists of candidates
  SmallVector<Value> boxExtents, resultExtents;

  ImplicitLocOpBuilder &b() { return e.builder(); }
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b(), predicate, x, y);
  }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b(), predicate, x, y);
  }
  Value both(Value x, Value y) { return arith::AndIOp::create(b(), x, y); }

  Value score(Value box) { return e.emit(op.getScores(), {{batch}, {classIndex}, {box}}); }

  /// The index of a dimension of boxes, which scores with other extents must not lead outside.
  LaneIndex checked(Value index, int64_t dimension) {
    Value number = arith::IndexCastOp::create(b(), b().getI64Type(), index);
    return e.checkedIndex(number, boxExtents[dimension]);
  }

  Box box(Value index) {
    LaneIndex item = checked(batch, 0), place = checked(index, 1);
    SmallVector<Value> entries;
    for (int64_t i = 0; i < 4; ++i)
      entries.push_back(e.emit(op.getBoxes(), {item, place, checked(e.constant(i), 2)}));
    if (!op.getCentered()) {
      auto span = [&](Value x, Value y) {
        Value swaps = compare(arith::CmpFPredicate::OGE, x, y);
        return Span{arith::SelectOp::create(b(), swaps, y, x), arith::SelectOp::create(b(), swaps, x, y)};
      };
      return {span(entries[1], entries[3]), span(entries[0], entries[2])};
    }
    auto span = [&](Value center, Value size) {
      Value half = arith::DivFOp::create(b(), size, e.splatConstant(b().getF32Type(), 2));
      return Span{arith::SubFOp::create(b(), center, half), arith::AddFOp::create(b(), center, half)};
    };
    return {span(entries[0], entries[2]), span(entries[1], entries[3])};
  }

  Value area(const Box &box) {
    Value first = arith::SubFOp::create(b(), box.first.high, box.first.low);
    Value second = arith::SubFOp::create(b(), box.second.high, box.second.low);
    return arith::MulFOp::create(b(), first, second);
  }

  /// Whether two boxes overlap by more than the threshold.
  Value overlap(const Box &x, const Box &y) {
    auto common = [&](const Span &x, const Span &y) {
      return Span{arith::MaximumFOp::create(b(), x.low, y.low), arith::MinimumFOp::create(b(), x.high, y.high)};
    };
    Box shared{common(x.first, y.first), common(x.second, y.second)};
    auto positive = [&](Value number) {
      return compare(arith::CmpFPredicate::OGT, number, e.splatConstant(b().getF32Type(), 0));
    };
    auto isSome = [&](const Span &span) { return compare(arith::CmpFPredicate::OGT, span.high, span.low); };
    Value ofX = area(x), ofY = area(y), intersection = area(shared);
    Value together = arith::SubFOp::create(b(), arith::AddFOp::create(b(), ofX, ofY), intersection);
    Value ratio = arith::DivFOp::create(b(), intersection, together);
    Value result = compare(arith::CmpFPredicate::OGT, ratio, op.getIouThreshold());
    for (Value holds : {isSome(shared.first), isSome(shared.second), positive(intersection), positive(ofX),
                        positive(ofY), positive(together)})
      result = both(result, holds);
    return result;
  }

  void store(Value number, Value place) {
    e.store(number, b().getI64Type(), kernel.resultBuffer(0), resultExtents, {{batch}, {classIndex}, {place}});
  }
  Value chosen(Value place) {
    Value number = e.load(b().getI64Type(), kernel.resultBuffer(0), resultExtents, {{batch}, {classIndex}, {place}});
    return arith::IndexCastOp::create(b(), b().getIndexType(), number);
  }
  Value next(Value index) { return e.add(index, e.constant(1)); }
};

} // namespace

/// Lists the boxes above the threshold and returns how many there are.
static Value listCandidates(Suppression &s) {
  ImplicitLocOpBuilder &b = s.b();
  Value boxes = s.kernel.extents(s.op.getScores())[2];
  return carriedLoops(b, {s.e.constant(0)}, {boxes}, {s.e.constant(0)}, [&](ArrayRef<Value> at, ArrayRef<Value> count) {
    ElementEmitter::Scope scope(s.e);
    // What does not count is overwritten by the next one.
    memref::StoreOp::create(b, at[0], s.order, count[0]);
    Value more = s.next(count[0]);
    if (Value threshold = s.op.getScoreThreshold())
      more =
          arith::SelectOp::create(b, s.compare(arith::CmpFPredicate::OGT, s.score(at[0]), threshold), more, count[0]);
    return SmallVector<Value>{more};
  })[0];
}

/// Chooses among the sorted candidates and returns how many it chose.
static Value chooseBoxes(Suppression &s, Value sorted, Value candidates) {
  ImplicitLocOpBuilder &b = s.b();
  using P = arith::CmpIPredicate;
  Value zero = s.e.constant(0), no = arith::ConstantIntOp::create(b, 0, 1), yes = arith::ConstantIntOp::create(b, 1, 1);
  return whileLoop(
      b, {zero, zero},
      [&](ValueRange state) {
        return s.both(s.compare(P::ult, state[0], candidates), s.compare(P::ult, state[1], s.resultExtents[2]));
      },
      [&](ValueRange state) {
        ElementEmitter::Scope scope(s.e);
        Value index = memref::LoadOp::create(b, s.order, s.e.add(sorted, state[0]));
        Box candidate = s.box(index);
        Value suppressed = whileLoop(
            b, {zero, no},
            [&](ValueRange inner) {
              return s.both(s.compare(P::ult, inner[0], state[1]), arith::XOrIOp::create(b, inner[1], yes));
            },
            [&](ValueRange inner) {
              ElementEmitter::Scope innerScope(s.e);
              return SmallVector<Value>{s.next(inner[0]), s.overlap(candidate, s.box(s.chosen(inner[0])))};
            })[1];
        auto keeps = scf::IfOp::create(b, arith::XOrIOp::create(b, suppressed, yes), /*withElseRegion=*/false);
        {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(keeps.thenBlock());
          s.store(arith::IndexCastOp::create(b, b.getI64Type(), index), state[1]);
        }
        return SmallVector<Value>{s.next(state[0]), arith::SelectOp::create(b, suppressed, state[1], s.next(state[1]))};
      })[1];
}

bool scheduleNonMaxSuppression(Kernel &kernel, nn::NonMaxSuppressionOp op) {
  SmallVector<Value> scores(kernel.extents(op.getScores()));
  ElementEmitter plain = kernel.emitter(1);
  Value tasks = plain.mul(scores[0], scores[1]);
  Value scratchBytes = plain.mul(scores[2], plain.constant(16));
  Value work = plain.mul(kernel.workOf(product(plain, scores)), plain.constant(16));
  kernel.phase(tasks, work, scratchBytes, true, [&](Value begin, Value end, Value scratch, Value status) {
    ElementEmitter e = kernel.emitter(1);
    e.setStatus(status);
    ImplicitLocOpBuilder &b = kernel.builder;
    auto listType = MemRefType::get({ShapedType::kDynamic}, b.getIndexType());
    Value order =
        memref::ViewOp::create(b, listType, scratch, e.constant(0), ValueRange(e.mul(scores[2], e.constant(2))));
    auto loop = scf::ForOp::create(b, begin, end, e.constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<LaneIndex> task = delinearize(e, {scores[0], scores[1]}, {loop.getInductionVar()});
    Suppression s{kernel,
                  op,
                  e,
                  task[0].base,
                  task[1].base,
                  order,
                  SmallVector<Value>(kernel.extents(op.getBoxes())),
                  SmallVector<Value>(kernel.extents(op.getResult()))};
    Value candidates = listCandidates(s);
    Value sorted = mergeSort(e, order, candidates, [&](Value x, Value y) {
      return s.compare(arith::CmpFPredicate::OGT, s.score(x), s.score(y));
    });
    Value found = chooseBoxes(s, sorted, candidates);
    Value none = arith::ConstantIntOp::create(b, -1, 64);
    carriedLoops(b, {found}, {s.resultExtents[2]}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
      ElementEmitter::Scope scope(e);
      s.store(none, at[0]);
      return SmallVector<Value>();
    });
  });
  return true;
}

} // namespace tenon::schedule
