//===- FoldPadding.cpp - pads become the pads of convolutions and pools --------------------===//
//
// Expects pad amounts as constants. A pad of zeros in spatial dimensions before a convolution, of zeros before a sum or
// average that counts its padding, or of the lowest value before a maximum is what those ops do by themselves.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/Matching.h"
#include "compiler/Graph/Passes.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <cmath>

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_FOLDPADDINGPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

/// The pads of `pad` in spatial dimensions, low ones then high ones; none if it pads elsewhere or by unknown amounts.
std::optional<SmallVector<int64_t>> spatialPads(nn::PadOp pad, bool channelsLast) {
  int64_t rank = tensorType(pad).getRank();
  SmallVector<int64_t> pads;
  for (OperandRange amounts : {pad.getLow(), pad.getHigh()}) {
    for (int64_t dimension = 0; dimension < rank; ++dimension) {
      std::optional<int64_t> amount = getConstantIntValue(amounts[dimension]);
      bool spatial = channelsLast ? dimension >= 1 && dimension < rank - 1 : dimension >= 2;
      if (!amount || (!spatial && *amount != 0))
        return std::nullopt;
      if (spatial)
        pads.push_back(*amount);
    }
  }
  return pads;
}

SmallVector<int64_t> sum(ArrayRef<int64_t> lhs, ArrayRef<int64_t> rhs) {
  SmallVector<int64_t> sums;
  for (auto [a, b] : llvm::zip_equal(lhs, rhs))
    sums.push_back(a + b);
  return sums;
}

/// conv(pad(x, 0)) is conv(x) with more pads.
struct FoldPadIntoConv : OpRewritePattern<nn::ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ConvOp op, PatternRewriter &rewriter) const override {
    auto pad = op.getInput().getDefiningOp<nn::PadOp>();
    if (!pad || pad.getMode() != nn::PadMode::constant || splatNumber(pad.getValue()) != 0.0)
      return failure();
    std::optional<SmallVector<int64_t>> pads = spatialPads(pad, op.getChannelsLast());
    if (!pads)
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      op.setPads(sum(op.getPads(), *pads));
      op.getInputMutable().assign(pad.getInput());
    });
    return success();
  }
};

/// pool(pad(x)) is pool(x) with more pads where the padding does not change the result.
struct FoldPadIntoPool : OpRewritePattern<nn::PoolOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::PoolOp op, PatternRewriter &rewriter) const override {
    auto pad = op.getInput().getDefiningOp<nn::PadOp>();
    // With ceil_mode the number of windows depends on where the input ends and the padding begins.
    if (!pad || pad.getMode() != nn::PadMode::constant || op.getCeilMode())
      return failure();
    std::optional<double> value = splatNumber(pad.getValue());
    std::optional<SmallVector<int64_t>> pads = spatialPads(pad, op.getChannelsLast());
    if (!value || !pads)
      return failure();
    bool noPads = llvm::all_of(op.getPads(), [](int64_t amount) { return amount == 0; });
    nn::PoolKind kind = op.getKind();
    switch (kind) {
    case nn::PoolKind::max:
      // A window of padding only would have had the lowest value and would now have none.
      if (!isLowest(*value, elementType(op)) || !everyWindowSeesInput(op, *pads))
        return failure();
      break;
    case nn::PoolKind::sum:
    case nn::PoolKind::average_include_pad:
      if (*value != 0)
        return failure();
      break;
    case nn::PoolKind::average:
      // Without pads of its own and with windows inside it divides by the whole window, padding included.
      if (*value != 0 || !noPads)
        return failure();
      kind = nn::PoolKind::average_include_pad;
      break;
    }
    rewriter.modifyOpInPlace(op, [&] {
      op.setKind(kind);
      op.setPads(sum(op.getPads(), *pads));
      op.getInputMutable().assign(pad.getInput());
    });
    return success();
  }

private:
  static bool isLowest(double value, Type element) {
    if (isa<FloatType>(element))
      return std::isinf(value) && value < 0;
    unsigned width = element.getIntOrFloatBitWidth();
    return width <= 32 && value == (element.isUnsignedInteger() ? 0 : -std::ldexp(1.0, width - 1));
  }

  static bool everyWindowSeesInput(nn::PoolOp op, ArrayRef<int64_t> pads) {
    size_t count = op.getKernel().size();
    for (size_t dimension = 0; dimension < count; ++dimension) {
      int64_t reach = (op.getKernel()[dimension] - 1) * op.getDilations()[dimension];
      int64_t low = pads[dimension] + op.getPads()[dimension],
              high = pads[count + dimension] + op.getPads()[count + dimension];
      if (op.getDilations()[dimension] != 1 || low > reach || high > reach)
        return false;
    }
    return true;
  }
};

struct FoldPadding : impl::FoldPaddingPassBase<FoldPadding> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<FoldPadIntoConv, FoldPadIntoPool>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::graph
