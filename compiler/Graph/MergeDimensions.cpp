//===- MergeDimensions.cpp - dimensions that windows do not see as one ---------------------===//
//
// Expects padding folded and factors in the weights, whose patterns want convolutions next to elementwise ops. What has
// windows in one of three dimensions has them in one of two afterwards, which Winograd's algorithm transforms.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/Matching.h"
#include "compiler/Graph/Passes.h"
#include "dialects/nn/Nn.h"
#include "dialects/nn/NnPlanes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_MERGEDIMENSIONSPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

bool isUnwindowed(nn::ConvOp op, int64_t d) {
  return op.getKernel()[d] == 1 && op.getStrides()[d] == 1 && op.getPads()[d] == 0 && op.getPads()[3 + d] == 0;
}

struct MergeUnwindowed : OpRewritePattern<nn::ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ConvOp op, PatternRewriter &rewriter) const override {
    // Planewise ones would lose what Layout finds around them, for as much.
    if (op.getKernel().size() != 3 || op.getChannelsLast() || op.getPacking() || nn::isPlanewise(op))
      return failure();
    // Without a window at all it is a product of pixels, whatever their shape.
    if (!isUnwindowed(op, 1) || isUnwindowed(op, 0) == isUnwindowed(op, 2))
      return failure();
    int64_t merged = isUnwindowed(op, 0) ? 0 : 1; // with the dimension behind it
    Location loc = op.getLoc();
    auto extents = [&](Value tensor) { return materialize(rewriter, loc, nn::getExtents(rewriter, loc, tensor)); };
    SmallVector<Value> sizes = extents(op.getInput()), together(sizes), ofFilter = extents(op.getFilter());
    together[2 + merged] = rewriter.createOrFold<arith::MulIOp>(loc, sizes[2 + merged], sizes[3 + merged]);
    together.erase(together.begin() + 3 + merged);
    ofFilter.erase(ofFilter.begin() + 2 + merged);
    Value input = nn::ReshapeOp::create(rewriter, loc, op.getInput(), together);
    Value filter = nn::ReshapeOp::create(rewriter, loc, op.getFilter(), ofFilter);
    // One entry per dimension, or two.
    auto without = [&](ArrayRef<int64_t> list) {
      SmallVector<int64_t> result(list);
      for (int64_t d = list.size() - 3 + merged; d >= 0; d -= 3)
        result.erase(result.begin() + d);
      return result;
    };
    Value result = nn::ConvOp::create(rewriter, loc, input, filter, without(op.getKernel()), without(op.getStrides()),
                                      without(op.getPads()), without(op.getDilations()), op.getGroups());
    SmallVector<Value> apart = extents(result);
    apart[2 + merged] = sizes[2 + merged];
    apart.insert(apart.begin() + 3 + merged, sizes[3 + merged]);
    result = nn::ReshapeOp::create(rewriter, loc, result, apart);
    if (result.getType() != op.getType())
      result = tensor::CastOp::create(rewriter, loc, op.getType(), result);
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct MergeDimensions : impl::MergeDimensionsPassBase<MergeDimensions> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<MergeUnwindowed>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::graph
