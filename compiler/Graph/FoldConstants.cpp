//===- FoldConstants.cpp - compute ops whose operands are constants ------------------------===//
//
// Expects sizes of movement ops as constants. Guarantees that no op covered by the evaluator has constant operands
// only, but for results above the limits.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/FoldConstants.h"
#include "compiler/Graph/ConstantData.h"
#include "compiler/Graph/Evaluator.h"
#include "compiler/Graph/Passes.h"
#include "compiler/Support/Weights.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_FOLDCONSTANTSPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

/// An nn op on constants is the constant of its value.
struct FoldNnOp : RewritePattern {
  FoldNnOp(MLIRContext *context, FoldBudget &budget)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context), budget(budget) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isa_and_present<nn::NnDialect>(op->getDialect()) || op->getNumResults() != 1 || isa<nn::ConstantOp>(op))
      return failure();
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type || !type.hasStaticShape())
      return failure();
    if (auto reshape = dyn_cast<nn::ReshapeOp>(op))
      return foldReshape(reshape, type, rewriter);
    std::optional<ConstantOperands> operands = readOperands(op);
    if (!operands)
      return failure();
    int64_t operandBytes = 0;
    for (const ConstantData &tensor : operands->tensors)
      operandBytes += tensor.bytes.size();
    if (!budget.admits(type, operandBytes))
      return failure();
    FailureOr<SmallVector<ElementsAttr>> results = evaluate(op, *operands);
    if (failed(results) || (*results)[0].getShapedType() != type)
      return failure();
    rewriter.replaceOpWithNewOp<nn::ConstantOp>(op, (*results)[0]);
    return success();
  }

private:
  LogicalResult foldReshape(nn::ReshapeOp op, RankedTensorType type, PatternRewriter &rewriter) const {
    ElementsAttr value;
    if (!matchPattern(op.getInput(), m_Constant(&value)))
      return failure();
    ElementsAttr reshaped = reshapeConstant(value, type);
    if (!reshaped)
      return failure();
    rewriter.replaceOpWithNewOp<nn::ConstantOp>(op, reshaped);
    return success();
  }

  FoldBudget &budget;
};

/// An element of a constant is a scalar constant.
struct FoldExtractOfConstant : OpRewritePattern<tensor::ExtractOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExtractOp op, PatternRewriter &rewriter) const override {
    std::optional<ConstantData> tensor = ConstantData::read(op.getTensor());
    Type element = op.getType();
    if (!tensor || !element.isSignlessIntOrFloat())
      return failure();
    int64_t offset = 0;
    for (auto [index, stride, extent] : llvm::zip_equal(op.getIndices(), tensor->strides(), tensor->type.getShape())) {
      std::optional<int64_t> value = getConstantIntValue(index);
      if (!value || *value < 0 || *value >= extent)
        return failure();
      offset += *value * stride;
    }
    int64_t bytes = tensor->elementBytes();
    NewConstant scalar(RankedTensorType::get({}, element));
    std::memcpy(scalar.data(), tensor->bytes.data() + offset * bytes, bytes);
    Attribute value = *cast<DenseElementsAttr>(std::move(scalar).take()).getValues<Attribute>().begin();
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, cast<TypedAttr>(value));
    return success();
  }
};

/// A tensor of scalar constants is a constant.
struct FoldFromElements : OpRewritePattern<tensor::FromElementsOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::FromElementsOp op, PatternRewriter &rewriter) const override {
    SmallVector<Attribute> elements(op.getElements().size());
    for (auto [element, value] : llvm::zip_equal(op.getElements(), elements))
      if (!matchPattern(element, m_Constant(&value)))
        return failure();
    auto type = cast<RankedTensorType>(op.getType());
    if (!type.getElementType().isSignlessIntOrFloat() || type.getNumElements() == 0)
      return failure();
    rewriter.replaceOpWithNewOp<nn::ConstantOp>(op, DenseElementsAttr::get(type, elements));
    return success();
  }
};

/// Tensors are constants of the nn dialect; upstream folds make them arith's.
struct RetypeTensorConstant : OpRewritePattern<arith::ConstantOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op, PatternRewriter &rewriter) const override {
    auto value = dyn_cast<ElementsAttr>(op.getValue());
    if (!value || !isa<RankedTensorType>(op.getType()))
      return failure();
    rewriter.replaceOpWithNewOp<nn::ConstantOp>(op, value);
    return success();
  }
};

} // namespace

bool FoldBudget::admits(RankedTensorType type, int64_t operandBytes) {
  int64_t count = type.getNumElements();
  int64_t resultBytes = count * elementBytes(type.getElementType());
  if ((resultBytes > bytes && resultBytes > 4 * operandBytes) || count > elements)
    return false;
  elements -= count;
  return true;
}

void addFoldConstantsPatterns(RewritePatternSet &patterns, FoldBudget &budget) {
  patterns.add<FoldNnOp>(patterns.getContext(), budget);
  patterns.add<FoldExtractOfConstant, FoldFromElements, RetypeTensorConstant>(patterns.getContext());
}

namespace {

/// Frees the bytes of resources that no constant has any more: the steps between packed weights and what kernels read
/// are each as large as the result, and would otherwise stay until the context ends.
class ReleaseBytes : public RewriterBase::Listener {
public:
  explicit ReleaseBytes(Operation *root) {
    root->walk([&](nn::ConstantOp op) { count(op, 1); });
  }

  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint previous) override {
    if (auto constant = dyn_cast<nn::ConstantOp>(op); constant && !previous.isSet())
      count(constant, 1);
  }
  void notifyOperationErased(Operation *op) override {
    if (auto constant = dyn_cast<nn::ConstantOp>(op))
      count(constant, -1);
  }

private:
  void count(nn::ConstantOp op, int64_t change) {
    auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue());
    if (!resource)
      return;
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (blob && (uses[blob] += change) == 0)
      *blob = AsmResourceBlob();
  }

  llvm::DenseMap<AsmResourceBlob *, int64_t> uses;
};

struct FoldConstants : impl::FoldConstantsPassBase<FoldConstants> {
  using FoldConstantsPassBase::FoldConstantsPassBase;

  void runOnOperation() override {
    FoldBudget budget{limitBytes, limitElements};
    RewritePatternSet patterns(&getContext());
    addFoldConstantsPatterns(patterns, budget);
    GreedyRewriteConfig config;
    // Visiting producers first folds a chain in one sweep.
    config.setUseTopDownTraversal(true);
    ReleaseBytes release(getOperation());
    config.setListener(&release);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::graph
