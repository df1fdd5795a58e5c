//===- DecomposeConvTranspose.cpp - transposed convolutions as convolutions ----------------===//
//
// Expects filters with static extents. With stride s, result position o (counted before the low pad is cut off) is o =
// q * s + phase, and
//
//     result[q * s + phase] = sum over j of input[q - j] * filter[phase + s * j]
//
// (dilation as if zeros stood between the filter's elements). So one convolution with ceil(kernel / s) taps gives the
// values of all phases as channels of their own, and interleaving the phases gives the result:
//
//     conv(x, rearranged filter): [N, s... * F, Q...] -> [N, s..., F, Q...] -> [N, F, Q, s, ...] -> [N, F, Q * s, ...]
//     -> slice
//
// (within each group; with one channel and filter per group, one convolution for each phase, side by side, as if there
// were one group: convolutions of several filters per channel are not fast). Phases come before filters, so that in a
// channels-last layout one dimension interleaves by itself: [N, Q, s * F] is [N, Q * s, F]. This is the sub-pixel form
// (Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016), with all parameters. Following
// elementwise ops with constants go before the interleaving, where they can be fused.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/Matching.h"
#include "compiler/Graph/Passes.h"
#include "dialects/nn/Nn.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_DECOMPOSECONVTRANSPOSEPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

/// One spatial dimension of the decomposition.
struct Dimension {
  int64_t kernel;            ///< extent of the filter with the zeros of its dilation
  int64_t stride, taps;      ///< taps = ceil(kernel / stride)
  int64_t convLow, convHigh; ///< pads of the convolution
  int64_t cut;               ///< interleaved positions before the first one of the result
  int64_t cutBehind;         ///< and behind the last one

  Dimension(int64_t extent, int64_t dilation, int64_t stride, int64_t low, int64_t high, int64_t outputPadding)
      : kernel((extent - 1) * dilation + 1), stride(stride), taps(llvm::divideCeil(kernel, stride)) {
    // The result is positions low ... low + R - 1 with R = (D - 1) * stride + kernel - low - high + outputPadding; the
    // q they need are firstQ ... D - 1 + lastQ. Convolution position 0 is q = taps - 1 - convLow.
    int64_t firstQ = low / stride;
    int64_t last = kernel - 1 - high + outputPadding; // low + R - 1 - (D - 1) * stride
    int64_t lastQ = last >= 0 ? last / stride : -llvm::divideCeil(-last, stride);
    convLow = std::max<int64_t>(taps - 1 - firstQ, 0);
    convHigh = std::max<int64_t>(lastQ, 0);
    cut = low - (taps - 1 - convLow) * stride;
    // Of (D + convLow + convHigh - taps + 1) * stride positions.
    cutBehind = (convLow + convHigh - taps + 2) * stride - kernel + low + high - outputPadding - cut;
  }
  bool isWhole() const { return cut == 0 && cutBehind == 0; }
};

struct DecomposeToConv : OpRewritePattern<nn::ConvTransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::ConvTransposeOp op, PatternRewriter &rewriter) const override {
    RankedTensorType filter = tensorType(op.getFilter());
    if (!filter.hasStaticShape() || filter.getNumElements() == 0)
      return failure();
    int64_t spatial = filter.getRank() - 2;
    SmallVector<Dimension> dimensions;
    for (int64_t i = 0; i < spatial; ++i)
      dimensions.emplace_back(filter.getDimSize(2 + i), op.getDilations()[i], op.getStrides()[i], op.getPads()[i],
                              op.getPads()[spatial + i], op.getOutputPadding()[i]);
    SmallVector<OpFoldResult> extents = (*nn::reifyExtents(rewriter, op))[0];
    SmallVector<Operation *> epilogue = constantEpilogue(op);
    Value weights = rearrangeFilter(rewriter, op, dimensions);

    SmallVector<int64_t> kernel, ones(spatial, 1), pads;
    for (const Dimension &dimension : dimensions)
      kernel.push_back(dimension.taps);
    for (const Dimension &dimension : dimensions)
      pads.push_back(dimension.convLow);
    for (const Dimension &dimension : dimensions)
      pads.push_back(dimension.convHigh);
    int64_t phases = 1, groups = op.getGroups(), filters = filter.getDimSize(1);
    for (const Dimension &dimension : dimensions)
      phases *= dimension.stride;
    auto convolve = [&](Value arranged, int64_t phasesOfResult) {
      Value result =
          nn::ConvOp::create(rewriter, op.getLoc(), op.getInput(), arranged, kernel, ones, pads, ones, groups);
      for (Operation *user : epilogue)
        result = moveBefore(rewriter, user, result, op, phasesOfResult);
      return result;
    };
    Value result;
    if (groups > 1 && filter.getDimSize(0) == groups && filters == 1 && phases > 1) {
      SmallVector<Value> each;
      for (int64_t phase = 0; phase < phases; ++phase)
        each.push_back(convolve(filtersOfPhase(rewriter, op.getLoc(), weights, groups, phase), 1));
      result = nn::ConcatOp::create(rewriter, op.getLoc(), each, /*axis=*/1);
      std::swap(groups, filters);
    } else {
      result = convolve(weights, phases);
    }
    result = interleave(rewriter, op, result, groups, filters, dimensions, extents);

    Operation *last = epilogue.empty() ? op.getOperation() : epilogue.back();
    if (result.getType() != last->getResult(0).getType())
      result = tensor::CastOp::create(rewriter, op.getLoc(), last->getResult(0).getType(), result);
    rewriter.replaceOp(last, result);
    for (Operation *user : llvm::reverse(ArrayRef<Operation *>(epilogue).drop_back(epilogue.empty() ? 0 : 1)))
      rewriter.eraseOp(user);
    if (!epilogue.empty())
      rewriter.eraseOp(op);
    return success();
  }

private:
  /// The elementwise ops behind `op`, one after the other, whose other operands are constants per channel.
  static SmallVector<Operation *> constantEpilogue(nn::ConvTransposeOp op) {
    SmallVector<Operation *> chain;
    Value value = op;
    while (value.hasOneUse()) {
      Operation *user = *value.user_begin();
      if (!user->hasTrait<nn::Elementwise>() || user->getBlock() != op->getBlock() ||
          tensorType(user->getResult(0)).getShape() != tensorType(op).getShape())
        break;
      bool constants = llvm::all_of(user->getOperands(), [&](Value operand) {
        return operand == value || (isConstant(operand) && variesByChannelOnly(operand, tensorType(op).getRank()));
      });
      if (!constants)
        break;
      chain.push_back(user);
      value = user->getResult(0);
    }
    return chain;
  }

  static bool variesByChannelOnly(Value constant, int64_t rank) {
    RankedTensorType type = tensorType(constant);
    for (int64_t dimension = 0; dimension < type.getRank(); ++dimension)
      if (type.getDimSize(dimension) != 1 && dimension + (rank - type.getRank()) != 1)
        return false;
    return true;
  }

  /// `user` with `value`, whose channels are repeated for each phase, in place of its operand that is not constant.
  static Value moveBefore(PatternRewriter &rewriter, Operation *user, Value value, nn::ConvTransposeOp op,
                          int64_t phases) {
    Location loc = user->getLoc();
    int64_t groups = op.getGroups();
    rewriter.setInsertionPoint(user);
    SmallVector<Value> operands;
    for (Value operand : user->getOperands()) {
      if (!isConstant(operand)) {
        operands.push_back(value);
        continue;
      }
      int64_t channels = tensorType(operand).getNumElements();
      if (channels == 1) {
        operands.push_back(reshapeTo(rewriter, loc, operand, {}));
        continue;
      }
      Value repeated = reshapeTo(rewriter, loc, operand, {groups, 1, channels / groups});
      SmallVector<Value> sizes;
      for (int64_t extent : {groups, phases, channels / groups})
        sizes.push_back(makeIndex(rewriter, loc, extent));
      repeated = nn::BroadcastOp::create(rewriter, loc, repeated, sizes);
      SmallVector<int64_t> shape(tensorType(op).getRank(), 1);
      shape[1] = channels * phases;
      operands.push_back(reshapeTo(rewriter, loc, repeated, shape));
    }
    Operation *copy = rewriter.clone(*user);
    copy->setOperands(operands);
    Type element = elementType(user->getResult(0));
    copy->getResult(0).setType(RankedTensorType::get(tensorType(value).getShape(), element));
    return copy->getResult(0);
  }

  /// [C, F/G, kernel...] -> [G * strides... * F/G, C/G, taps...]: element [g, phase..., f, c, t...] is filter[c, f,
  /// phase + stride * (taps - 1 - t)] of that group.
  static Value rearrangeFilter(PatternRewriter &rewriter, nn::ConvTransposeOp op, ArrayRef<Dimension> dimensions) {
    Location loc = op.getLoc();
    RankedTensorType type = tensorType(op.getFilter());
    int64_t groups = op.getGroups(), channels = type.getDimSize(0) / groups, filters = type.getDimSize(1);
    int64_t spatial = dimensions.size();
    Value zero = makeScalar(rewriter, loc, 0, type.getElementType());
    auto index = [&](int64_t value) { return makeIndex(rewriter, loc, value); };

    // Zeros between the elements, for a dilation: [.., K] -> [.., K, 1] -> [.., K, d] -> [.., K * d], then up to taps *
    // stride.
    Value filter = op.getFilter();
    SmallVector<int64_t> split{groups, channels, filters};
    if (llvm::any_of(op.getDilations(), [](int64_t dilation) { return dilation != 1; })) {
      SmallVector<int64_t> apart{type.getDimSize(0), filters}, joined = apart;
      SmallVector<Value> low(2 + 2 * spatial, index(0)), high = low;
      for (int64_t i = 0; i < spatial; ++i) {
        apart.append({type.getDimSize(2 + i), 1});
        joined.push_back(type.getDimSize(2 + i) * op.getDilations()[i]);
        high[3 + 2 * i] = index(op.getDilations()[i] - 1);
      }
      filter = reshapeTo(rewriter, loc, filter, apart);
      filter = nn::PadOp::create(rewriter, loc, nn::PadMode::constant, filter, low, high, zero);
      filter = reshapeTo(rewriter, loc, filter, joined);
    }
    // Up to a multiple of the stride (a dilated filter may be too long by zeros, which are cut off).
    SmallVector<Value> offsets(2 + spatial, index(0)), steps(2 + spatial, index(1)), low(2 + spatial, index(0)),
        high = low;
    SmallVector<Value> sizes{index(type.getDimSize(0)), index(filters)};
    for (const auto &[i, dimension] : llvm::enumerate(dimensions)) {
      sizes.push_back(index(dimension.kernel));
      high[2 + i] = index(dimension.taps * dimension.stride - dimension.kernel);
      split.append({dimension.taps, dimension.stride});
    }
    filter = nn::SliceOp::create(rewriter, loc, filter, offsets, sizes, steps);
    filter = nn::PadOp::create(rewriter, loc, nn::PadMode::constant, filter, low, high, zero);
    filter = reshapeTo(rewriter, loc, filter, split); // [G, C/G, F/G, taps, stride, taps, stride ...]

    // Taps run backwards.
    SmallVector<Value> flipOffsets, flipSizes, flipSteps;
    for (auto [i, extent] : llvm::enumerate(split)) {
      bool isTaps = i >= 3 && (i - 3) % 2 == 0;
      flipOffsets.push_back(index(isTaps ? extent - 1 : 0));
      flipSizes.push_back(index(extent));
      flipSteps.push_back(index(isTaps ? -1 : 1));
    }
    filter = nn::SliceOp::create(rewriter, loc, filter, flipOffsets, flipSizes, flipSteps);

    SmallVector<int64_t> permutation{0}, shape{groups * filters, channels};
    for (int64_t i = 0; i < spatial; ++i) {
      permutation.push_back(4 + 2 * i);
      shape[0] *= dimensions[i].stride;
    }
    permutation.append({2, 1});
    for (int64_t i = 0; i < spatial; ++i) {
      permutation.push_back(3 + 2 * i);
      shape.push_back(dimensions[i].taps);
    }
    filter = nn::TransposeOp::create(rewriter, loc, filter, permutation);
    return reshapeTo(rewriter, loc, filter, shape);
  }

  /// [G * phases, 1, taps...] -> [G, 1, taps...].
  static Value filtersOfPhase(PatternRewriter &rewriter, Location loc, Value weights, int64_t groups, int64_t phase) {
    SmallVector<int64_t> shape(tensorType(weights).getShape()), split(shape);
    split.front() /= groups;
    split.insert(split.begin(), groups);
    SmallVector<Value> offsets, sizes, steps(split.size(), makeIndex(rewriter, loc, 1));
    for (auto [d, extent] : llvm::enumerate(split)) {
      offsets.push_back(makeIndex(rewriter, loc, d == 1 ? phase : 0));
      sizes.push_back(makeIndex(rewriter, loc, d == 1 ? 1 : extent));
    }
    Value result = nn::SliceOp::create(rewriter, loc, reshapeTo(rewriter, loc, weights, split), offsets, sizes, steps);
    shape.front() = groups;
    return reshapeTo(rewriter, loc, result, shape);
  }

  /// [N, G * strides... * F/G, Q...] -> [N, F, R...] with R the wanted extents; `filters` is F/G.
  static Value interleave(PatternRewriter &rewriter, nn::ConvTransposeOp op, Value result, int64_t groups,
                          int64_t filters, ArrayRef<Dimension> dimensions, ArrayRef<OpFoldResult> extents) {
    Location loc = op.getLoc();
    int64_t spatial = dimensions.size();
    SmallVector<OpFoldResult> conv = nn::getExtents(rewriter, loc, result);
    nn::Extents arithmetic(rewriter, loc);
    auto index = [&](int64_t value) { return makeIndex(rewriter, loc, value); };

    // [N, (G,) strides..., F/G, Q...] -> [N, (G,) F/G, Q, stride, Q, stride ...]
    SmallVector<OpFoldResult> split{conv[0]}, joined{conv[0], extents[1]};
    SmallVector<int64_t> permutation{0};
    if (groups != 1) {
      split.push_back(rewriter.getIndexAttr(groups));
      permutation.push_back(1);
    }
    int64_t firstStride = split.size(), filterAt = firstStride + spatial;
    permutation.push_back(filterAt);
    for (int64_t i = 0; i < spatial; ++i) {
      split.push_back(rewriter.getIndexAttr(dimensions[i].stride));
      permutation.append({filterAt + 1 + i, firstStride + i});
    }
    split.push_back(rewriter.getIndexAttr(filters));
    for (int64_t i = 0; i < spatial; ++i) {
      split.push_back(conv[2 + i]);
      joined.push_back(arithmetic.mul(conv[2 + i], dimensions[i].stride));
    }
    if (llvm::any_of(dimensions, [](const Dimension &dimension) { return dimension.stride != 1; })) {
      result = nn::ReshapeOp::create(rewriter, loc, result, materialize(rewriter, loc, split));
      result = nn::TransposeOp::create(rewriter, loc, result, permutation);
      result = nn::ReshapeOp::create(rewriter, loc, result, materialize(rewriter, loc, joined));
    }
    if (llvm::all_of(dimensions, [](const Dimension &dimension) { return dimension.isWhole(); }))
      return result;
    SmallVector<Value> offsets{index(0), index(0)}, steps(2 + spatial, index(1));
    SmallVector<OpFoldResult> sizes(extents);
    for (const auto &[i, dimension] : llvm::enumerate(dimensions)) {
      offsets.push_back(index(dimension.cut));
      if (dimension.isWhole())
        sizes[2 + i] = joined[2 + i];
    }
    return nn::SliceOp::create(rewriter, loc, result, offsets, materialize(rewriter, loc, sizes), steps);
  }
};

struct DecomposeConvTranspose : impl::DecomposeConvTransposePassBase<DecomposeConvTranspose> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DecomposeToConv>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::graph
