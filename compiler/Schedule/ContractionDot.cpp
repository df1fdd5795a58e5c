//===- ContractionDot.cpp - a few rows times a transposed right-hand side ------------------===//
//
// Rows of both operands are contiguous along K, and there are too few of them to pay for packing: each result is the
// product of two rows. As many columns as there are lanes are summed at a time, each in a vector of its own; the
// vectors are then transposed and added, which leaves a vector of results for the epilogue.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Contraction.h"
#include "compiler/Schedule/IndexMath.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// Groups of columns per task, so that a task is worth handing over.
constexpr int64_t groupsPerTask = 4;

class DotSchedule {
public:
  DotSchedule(Kernel &kernel, nn::MatmulOp op)
      : kernel(kernel), op(op), b(kernel.builder), e(kernel.emitter(1)), epilogue(kernel, op.getResult()) {}

  bool run(bool few) {
    ArrayRef<Value> result = kernel.extents(op.getResult()), lhs = kernel.extents(op.getLhs());
    M = result[result.size() - 2];
    N = result.back();
    K = lhs.back();
    element = cast<RankedTensorType>(op.getLhs().getType()).getElementType();
    sum = accumulatorType(element);
    lanes = kernel.machine.lanes(llvm::divideCeil(sum.getIntOrFloatBitWidth(), 8));
    few |= known(M) && *known(M) <= mostDotRows;
    if (!few || known(N) == 1 || !op.getTransposeRhs() || op.getTransposeLhs() || op.getPacking() ||
        !isa<FloatType>(sum) || lanes < 2 || !isa<BlockArgument>(op.getLhs()) || !isa<BlockArgument>(op.getRhs()) ||
        !epilogue.isPointwise())
      return false;
    outer = SmallVector<Value>(result.drop_back(2));
    emitPhase();
    kernel.setPath("dot");
    return true;
  }

private:
  Kernel &kernel;
  nn::MatmulOp op;
  ImplicitLocOpBuilder &b;
  ElementEmitter e;
  Epilogue epilogue;
  Type element, sum;
  Value M, N, K;
  SmallVector<Value> outer;
  int64_t lanes = 1;

  void emitPhase() {
    ColumnGroups groups(e, N, 1, lanes);
    Value blocks = b.createOrFold<arith::CeilDivUIOp>(groups.count(), e.constant(groupsPerTask));
    SmallVector<Value> places(outer);
    places.push_back(blocks);
    Value products = e.mul(e.mul(product(e, outer), M), e.mul(N, K));
    Value work = contractionWork(kernel, e, products, sum.getIntOrFloatBitWidth() / 8, op.getRhs());
    kernel.phase(
        product(e, places), work, e.constant(0), kernel.canFail(), [&](Value begin, Value end, Value, Value status) {
          e.setStatus(status);
          countedLoop(b, begin, end, e.constant(1), [&](Value task) {
            SmallVector<LaneIndex> batch = delinearize(e, places, {task});
            Value first = e.mul(batch.pop_back_val().base, e.constant(groupsPerTask));
            Value last = b.createOrFold<arith::MinUIOp>(e.add(first, e.constant(groupsPerTask)), groups.count());
            groups.forEach(first, last, [&](Value column, int64_t, Value columns) {
              Value mask;
              if (columns)
                mask = vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), columns);
              countedLoop(b, e.constant(0), M, e.constant(1), [&](Value row) { emitGroup(batch, row, column, mask); });
            });
          });
        });
  }

  /// One row times as many columns as there are lanes; columns past the last one repeat it.
  void emitGroup(ArrayRef<LaneIndex> batch, Value row, Value column, Value mask) {
    SmallVector<LaneIndex> lhs = broadcastBatch(e, kernel.extents(op.getLhs()).drop_back(2), outer, batch);
    SmallVector<LaneIndex> rhs = broadcastBatch(e, kernel.extents(op.getRhs()).drop_back(2), outer, batch);
    lhs.push_back({row});
    Value lastColumn = e.sub(N, e.constant(1));
    SmallVector<Value> columns;
    for (int64_t i = 0; i < lanes; ++i)
      columns.push_back(b.createOrFold<arith::MinUIOp>(e.add(column, e.constant(i)), lastColumn));

    ElementEmitter wide = kernel.emitter(lanes);
    VectorType type = VectorType::get({lanes}, sum);
    Value step = e.constant(lanes), whole = e.mul(e.div(K, step), step);
    auto addStep = [&](Value k, ArrayRef<Value> sums) {
      ElementEmitter::Scope scope(wide);
      auto load = [&](Value operand, SmallVector<LaneIndex> at) {
        at.push_back({k, 1});
        return widenTo(b, wide.emit(operand, at), sum);
      };
      Value factor = load(op.getLhs(), lhs);
      SmallVector<Value> next;
      for (int64_t i = 0; i < lanes; ++i) {
        SmallVector<LaneIndex> at(rhs);
        at.push_back({columns[i]});
        Value products = arith::MulFOp::create(b, factor, load(op.getRhs(), at), arith::FastMathFlags::contract);
        next.push_back(arith::AddFOp::create(b, products, sums[i], arith::FastMathFlags::contract));
      }
      return next;
    };
    Value zeros = arith::ConstantOp::create(b, type, b.getZeroAttr(type));
    auto loop = scf::ForOp::create(b, e.constant(0), whole, step, SmallVector<Value>(lanes, zeros));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      scf::YieldOp::create(b, addStep(loop.getInductionVar(), SmallVector<Value>(loop.getRegionIterArgs())));
    }
    SmallVector<Value> sums(loop.getResults());
    if (!sameExtent(whole, K)) {
      wide.setMask(vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), e.sub(K, whole)));
      sums = addStep(whole, sums);
      wide.setMask(Value());
    }
    SmallVector<LaneIndex> place(batch);
    place.append({LaneIndex{row}, LaneIndex{column, 1}});
    epilogue.emit(sumOfEach(b, sums), place, mask);
  }
};

} // namespace

bool scheduleDot(Kernel &kernel, nn::MatmulOp op, bool few) { return DotSchedule(kernel, op).run(few); }

} // namespace tenon::schedule
