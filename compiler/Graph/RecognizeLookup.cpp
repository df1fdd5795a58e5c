//===- RecognizeLookup.cpp - products with one-hot rows are table lookups ------------------===//
//
// Expects constants folded. A matrix product whose left-hand side is `x == 0, 1, ..., N-1` picks a row of the
// right-hand side: it becomes a gather. An x outside [0, N) picks a row of zeros, as the product would.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/ConstantData.h"
#include "compiler/Graph/Matching.h"
#include "compiler/Graph/NumberFormat.h"
#include "compiler/Graph/Passes.h"
#include "dialects/nn/Nn.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <cmath>

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_RECOGNIZELOOKUPPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

/// Whether a constant is 0, 1, ..., count - 1 along its last dimension, other extents 1.
bool isCounting(Value value, int64_t count) {
  std::optional<ConstantData> data = ConstantData::read(value);
  if (!data || data->type.getRank() == 0 || data->type.getNumElements() != count ||
      data->type.getShape().back() != count || isa<FloatType>(data->type.getElementType()) ||
      (data->splat && count > 1))
    return false;
  std::vector<int64_t> numbers(count);
  loadElements(data->type.getElementType(), data->bytes.data(), 1, count, numbers.data());
  for (int64_t index = 0; index < count; ++index)
    if (numbers[index] != index)
      return false;
  return true;
}

/// Whether all elements of a constant are finite: infinity times zero would be NaN in the product.
bool isFinite(Value value) {
  std::optional<ConstantData> data = ConstantData::read(value);
  if (!data)
    return false;
  int64_t count = data->splat ? 1 : data->type.getNumElements();
  std::vector<double> numbers(count);
  loadElements(data->type.getElementType(), data->bytes.data(), 1, count, numbers.data());
  return llvm::all_of(numbers, [](double number) { return std::isfinite(number); });
}

/// matmul(cast(x == counting), table) is gather(table, x).
struct OneHotMatmulIsGather : OpRewritePattern<nn::MatmulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::MatmulOp op, PatternRewriter &rewriter) const override {
    auto cast = op.getLhs().getDefiningOp<nn::CastOp>();
    auto compare = cast ? cast.getInput().getDefiningOp<nn::CompareOp>() : nullptr;
    RankedTensorType table = tensorType(op.getRhs());
    if (!compare || compare.getPredicate() != nn::ComparePredicate::eq || table.getRank() != 2 ||
        op.getTransposeLhs() || op.getTransposeRhs() || op.getPacking() || !table.hasStaticShape() ||
        table.getNumElements() == 0)
      return failure();
    int64_t rows = table.getDimSize(0), columns = table.getDimSize(1);
    Value x = isCounting(compare.getRhs(), rows)   ? compare.getLhs()
              : isCounting(compare.getLhs(), rows) ? compare.getRhs()
                                                   : Value();
    // Each x stands alone in its last dimension, and nothing else is broadcast.
    if (!x || tensorType(x).getRank() != tensorType(compare).getRank() || tensorType(x).getShape().back() != 1 ||
        !isFinite(op.getRhs()))
      return failure();

    Location loc = op.getLoc();
    Type element = elementType(x), index = element.isInteger(32) ? rewriter.getI32Type() : rewriter.getI64Type();
    Value bounded = element == index ? x : nn::CastOp::create(rewriter, loc, x, index).getResult();
    // One row of zeros behind the table stands for every other x.
    Value behind = makeScalar(rewriter, loc, rows, index);
    Value isNegative =
        nn::CompareOp::create(rewriter, loc, nn::ComparePredicate::lt, bounded, makeScalar(rewriter, loc, 0, index));
    bounded =
        nn::SelectOp::create(rewriter, loc, isNegative, behind, nn::MinOp::create(rewriter, loc, bounded, behind));
    auto zeroType = RankedTensorType::get({1, columns}, table.getElementType());
    Value zeros = nn::ConstantOp::create(
        rewriter, loc, DenseElementsAttr::get(zeroType, rewriter.getZeroAttr(table.getElementType())));
    Value extended = nn::ConcatOp::create(rewriter, loc, ValueRange{op.getRhs(), zeros}, 0);
    SmallVector<OpFoldResult> sizes = nn::getExtents(rewriter, loc, x);
    sizes.pop_back();
    Value indices = nn::ReshapeOp::create(rewriter, loc, bounded, materialize(rewriter, loc, sizes));
    rewriter.replaceOpWithNewOp<nn::GatherOp>(op, op.getType(), extended, indices, 0);
    return success();
  }
};

struct RecognizeLookup : impl::RecognizeLookupPassBase<RecognizeLookup> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<OneHotMatmulIsGather>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::graph
