//===- ConvolutionDot.cpp - one filter: results as sums along the window --------------------===//
//
// With one filter there are no columns for vectors to run over. The inputs of a kernel line are contiguous, and so are
// their weights: each pixel of a tile has a vector of partial sums; as many pixels as there are lanes are transposed
// and added at the end, which leaves a vector of results along the line.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Convolution.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

class DotTile {
public:
  DotTile(Kernel &kernel, const ukernel::BrgemmShape &shape, VectorType sums)
      : b(kernel.builder), e(kernel.emitter(1)), shape(shape), type(sums), lanes(sums.getNumElements()),
        depth(*getConstantIntValue(OpFoldResult(shape.k))) {}

  /// A vector with the result of pixel m in lane m.
  Value emit() {
    Value zeros = arith::ConstantOp::create(b, type, b.getZeroAttr(type));
    SmallVector<Value> sums =
        reduceBatch(0, shape.aOffset, shape.bOffset, SmallVector<Value>(shape.rows.size(), zeros));
    sums.resize(lanes, zeros);
    return sumOfEach(b, sums);
  }

private:
  ImplicitLocOpBuilder &b;
  ElementEmitter e;
  const ukernel::BrgemmShape &shape;
  VectorType type;
  int64_t lanes, depth;

  SmallVector<Value> loop(Value end, int64_t step, ArrayRef<Value> sums,
                          function_ref<SmallVector<Value>(Value, ArrayRef<Value>)> body) {
    auto loop = scf::ForOp::create(b, e.constant(0), end, e.constant(step), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> carried(loop.getRegionIterArgs());
    scf::YieldOp::create(b, body(loop.getInductionVar(), carried));
    return SmallVector<Value>(loop.getResults());
  }

  SmallVector<Value> reduceBatch(size_t dimension, Value a, Value bAt, SmallVector<Value> sums) {
    if (dimension == shape.batch.size())
      return reduceDepth(a, bAt, sums);
    auto next = [&](Value i, ArrayRef<Value> carried) {
      return reduceBatch(dimension + 1, e.add(a, e.mul(i, shape.aSteps[dimension])),
                         e.add(bAt, e.mul(i, shape.bSteps[dimension])), SmallVector<Value>(carried));
    };
    if (getConstantIntValue(OpFoldResult(shape.batch[dimension])) == 1)
      return next(e.constant(0), sums);
    return loop(shape.batch[dimension], 1, sums, next);
  }

  SmallVector<Value> reduceDepth(Value a, Value bAt, SmallVector<Value> sums) {
    constexpr int64_t mostUnrolled = 4;
    int64_t whole = depth / lanes * lanes;
    if (whole / lanes > mostUnrolled) {
      sums = loop(e.constant(whole), lanes, sums, [&](Value k, ArrayRef<Value> carried) {
        return addStep(e.add(a, k), e.add(bAt, k), lanes, carried);
      });
    } else {
      for (int64_t k = 0; k < whole; k += lanes)
        sums = addStep(e.add(a, e.constant(k)), e.add(bAt, e.constant(k)), lanes, sums);
    }
    if (depth > whole)
      sums = addStep(e.add(a, e.constant(whole)), e.add(bAt, e.constant(whole)), depth - whole, sums);
    return sums;
  }

  Value load(Value memory, Value at, int64_t count) {
    auto loaded = VectorType::get({lanes}, cast<MemRefType>(memory.getType()).getElementType());
    if (count == lanes)
      return widenTo(b, vector::LoadOp::create(b, loaded, memory, at), type.getElementType());
    Value mask = vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), e.constant(count));
    Value zeros = arith::ConstantOp::create(b, loaded, b.getZeroAttr(loaded));
    return widenTo(b, vector::MaskedLoadOp::create(b, loaded, memory, at, mask, zeros), type.getElementType());
  }

  SmallVector<Value> addStep(Value a, Value bAt, int64_t count, ArrayRef<Value> sums) {
    Value factor = load(shape.b, bAt, count);
    SmallVector<Value> next;
    for (auto [row, sum] : llvm::zip(shape.rows, sums)) {
      Value products =
          arith::MulFOp::create(b, load(shape.a, e.add(a, row), count), factor, arith::FastMathFlags::contract);
      next.push_back(arith::AddFOp::create(b, products, sum, arith::FastMathFlags::contract));
    }
    return next;
  }
};

} // namespace

void emitDotTile(Kernel &kernel, const ukernel::BrgemmShape &shape, VectorType sums, Epilogue &epilogue,
                 ArrayRef<LaneIndex> place) {
  ImplicitLocOpBuilder &b = kernel.builder;
  Value results = DotTile(kernel, shape, sums).emit(), mask;
  if (static_cast<int64_t>(shape.rows.size()) < sums.getNumElements()) {
    Value count = arith::ConstantIndexOp::create(b, shape.rows.size());
    mask = vector::CreateMaskOp::create(b, VectorType::get(sums.getShape(), b.getI1Type()), count);
  }
  epilogue.emit(results, place, mask);
}

} // namespace tenon::schedule
