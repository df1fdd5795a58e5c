//===- MaskLowering.cpp - masks of the first lanes -----------------------------------------===//

#include "compiler/Codegen/MaskLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/Sequence.h"

using namespace mlir;

namespace tenon::codegen {
namespace {

struct CompareLaneNumbers : OpRewritePattern<vector::CreateMaskOp> {
  CompareLaneNumbers(MLIRContext *context) : OpRewritePattern(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(vector::CreateMaskOp op, PatternRewriter &rewriter) const override {
    VectorType type = op.getType();
    if (type.getRank() != 1 || type.isScalable())
      return failure();
    Location loc = op.getLoc();
    int64_t lanes = type.getDimSize(0);
    auto lanesType = VectorType::get(lanes, rewriter.getI32Type());
    auto numbers = llvm::to_vector(llvm::seq<int32_t>(0, lanes));
    Value count = arith::MinSIOp::create(rewriter, loc, op.getOperands().front(),
                                         arith::ConstantIndexOp::create(rewriter, loc, lanes));
    count = arith::IndexCastOp::create(rewriter, loc, rewriter.getI32Type(), count);
    Value lane = arith::ConstantOp::create(rewriter, loc, DenseIntElementsAttr::get(lanesType, numbers));
    rewriter.replaceOpWithNewOp<arith::CmpIOp>(op, arith::CmpIPredicate::slt, lane,
                                               vector::BroadcastOp::create(rewriter, loc, lanesType, count));
    return success();
  }
};

} // namespace

void populateMaskPatterns(RewritePatternSet &patterns) { patterns.add<CompareLaneNumbers>(patterns.getContext()); }

} // namespace tenon::codegen
