//===- FoldIntoWeights.cpp - constant factors and biases move into the weights -------------===//
//
// Expects constants folded and movement simplified. Products with constants before and after contractions with constant
// weights become products of the weights, which FoldConstants then computes; biases come last and are one. This
// reassociates: results differ from the unfolded model by rounding, as every runtime's folding of batch normalization
// does.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/ConstantData.h"
#include "compiler/Graph/FoldConstants.h"
#include "compiler/Graph/Matching.h"
#include "compiler/Graph/NumberFormat.h"
#include "compiler/Graph/Passes.h"
#include "dialects/nn/Nn.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <cmath>

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_FOLDINTOWEIGHTSPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

/// A contraction with constant weights, and which dimension of its input and result holds the channels.
struct Contraction {
  Operation *op = nullptr;
  Value weights;
  int64_t channelDimension = 0; ///< of input and result alike
  bool weightsFirst = false;    ///< a matrix product with the constant on the left

  static std::optional<Contraction> match(Operation *op) {
    Contraction result{op, {}};
    if (auto conv = dyn_cast_or_null<nn::ConvOp>(op); conv && !conv.getPacking()) {
      result.weights = conv.getFilter();
      result.channelDimension = conv.getChannelsLast() ? tensorType(conv).getRank() - 1 : 1;
    } else if (auto transposed = dyn_cast_or_null<nn::ConvTransposeOp>(op)) {
      result.weights = transposed.getFilter();
      result.channelDimension = 1;
    } else if (auto matmul = dyn_cast_or_null<nn::MatmulOp>(op); matmul && !matmul.getPacking()) {
      result.weightsFirst = !isConstant(matmul.getRhs());
      result.weights = result.weightsFirst ? matmul.getLhs() : matmul.getRhs();
      result.channelDimension = tensorType(matmul).getRank() - 1;
    } else {
      return std::nullopt;
    }
    bool isFloat = isa<FloatType>(elementType(result.weights));
    return isFloat && isConstant(result.weights) ? std::optional(result) : std::nullopt;
  }

  Value input() const { return op->getOperand(weightsFirst ? 1 : 0); }
  void setWeights(Value value) const { op->setOperand(weightsFirst ? 0 : 1, value); }
  void setInput(Value value) const { op->setOperand(weightsFirst ? 1 : 0, value); }
};

/// A constant that has one value per channel, or one for all.
struct ChannelConstant {
  Value constant;
  int64_t channels = 0; ///< 0: one value for all

  bool isScalar() const { return channels == 0; }
  /// The values under `shape`, which has `channels` elements; of rank 0 if there is one.
  Value aligned(PatternRewriter &rewriter, Location loc, ArrayRef<int64_t> shape) const {
    return reshapeTo(rewriter, loc, constant, isScalar() ? ArrayRef<int64_t>() : shape);
  }
};

/// Sees `constant`, which broadcasts to a tensor of `rank` dimensions, as values per channel; none if it varies along
/// other dimensions.
std::optional<ChannelConstant> perChannel(Value constant, int64_t rank, int64_t channelDimension) {
  RankedTensorType type = tensorType(constant);
  if (!isConstant(constant) || type.getRank() > rank)
    return std::nullopt;
  if (type.getNumElements() == 1)
    return ChannelConstant{constant};
  int64_t place = channelDimension - (rank - type.getRank());
  for (int64_t dimension = 0; dimension < type.getRank(); ++dimension)
    if (dimension != place && type.getDimSize(dimension) != 1)
      return std::nullopt;
  return ChannelConstant{constant, type.getDimSize(place)};
}

/// Whether multiplying by (or dividing by) a constant keeps finite weights finite.
bool isFactor(Value constant, bool divides) {
  std::optional<ConstantData> data = ConstantData::read(constant);
  if (!data || !isa<FloatType>(data->type.getElementType()))
    return false;
  int64_t count = data->splat ? 1 : data->type.getNumElements();
  std::vector<double> numbers(count);
  if (count != 0)
    loadElements(data->type.getElementType(), data->bytes.data(), 1, count, numbers.data());
  return llvm::all_of(numbers, [&](double number) { return std::isfinite(number) && !(divides && number == 0); });
}

//===----------------------------------------------------------------------===//
// Factors
//===----------------------------------------------------------------------===//

/// x * constant, x / constant or -x.
struct Scaling {
  Operation *op = nullptr;
  Value x, factor; ///< no factor for a negation
  bool divides = false;

  static std::optional<Scaling> match(Operation *op) {
    if (auto negation = dyn_cast_or_null<nn::NegOp>(op))
      return Scaling{op, negation.getInput(), {}, false};
    if (auto quotient = dyn_cast_or_null<nn::DivOp>(op)) {
      if (isFactor(quotient.getRhs(), true))
        return Scaling{op, quotient.getLhs(), quotient.getRhs(), true};
    } else if (auto product = dyn_cast_or_null<nn::MulOp>(op)) {
      if (isFactor(product.getRhs(), false))
        return Scaling{op, product.getLhs(), product.getRhs(), false};
      if (isFactor(product.getLhs(), false))
        return Scaling{op, product.getRhs(), product.getLhs(), false};
    }
    return std::nullopt;
  }

  /// `value` scaled alike, with the factors under `shape`.
  Value apply(PatternRewriter &rewriter, Value value, const ChannelConstant &factors, ArrayRef<int64_t> shape) const {
    Location loc = op->getLoc();
    if (!factor)
      return nn::NegOp::create(rewriter, loc, value);
    Value aligned = factors.aligned(rewriter, loc, shape);
    return divides ? nn::DivOp::create(rewriter, loc, value, aligned).getResult()
                   : nn::MulOp::create(rewriter, loc, value, aligned).getResult();
  }
};

/// The factors of a scaling per channel of a tensor of `rank` dimensions.
std::optional<ChannelConstant> factorsOf(const Scaling &scaling, int64_t rank, int64_t channelDimension) {
  return scaling.factor ? perChannel(scaling.factor, rank, channelDimension) : ChannelConstant{};
}

/// Weights [d0, d1, rest...] seen as [groups, d0 / groups, d1, rest...], scaled along `dimension` of that view (0 with
/// 1: both).
Value scaleGrouped(PatternRewriter &rewriter, const Scaling &scaling, Value weights, const ChannelConstant &factors,
                   int64_t groups, int64_t dimension) {
  ArrayRef<int64_t> shape = tensorType(weights).getShape();
  SmallVector<int64_t> grouped{groups, shape[0] / groups};
  llvm::append_range(grouped, shape.drop_front());
  SmallVector<int64_t> aligned(grouped.size(), 1);
  aligned[0] = groups;
  aligned[dimension] = grouped[dimension];
  Value view = reshapeTo(rewriter, scaling.op->getLoc(), weights, grouped);
  return reshapeTo(rewriter, scaling.op->getLoc(), scaling.apply(rewriter, view, factors, aligned), shape);
}

/// The weights of `contraction` with the channels of its result scaled; null where that is not possible.
Value scaleByResult(PatternRewriter &rewriter, const Contraction &contraction, const Scaling &scaling,
                    const ChannelConstant &factors) {
  Value weights = contraction.weights;
  if (!scaling.factor || factors.isScalar())
    return scaling.apply(rewriter, weights, factors, {});
  int64_t channels = factors.channels;
  if (auto conv = dyn_cast<nn::ConvOp>(contraction.op)) {
    if (channels != tensorType(weights).getDimSize(0))
      return {};
    return scaleGrouped(rewriter, scaling, weights, factors, 1, 1);
  }
  if (auto transposed = dyn_cast<nn::ConvTransposeOp>(contraction.op)) {
    int64_t groups = transposed.getGroups();
    return channels == groups * tensorType(weights).getDimSize(1)
               ? scaleGrouped(rewriter, scaling, weights, factors, groups, 2)
               : Value();
  }
  auto matmul = cast<nn::MatmulOp>(contraction.op);
  if (contraction.weightsFirst)
    return {};
  int64_t rank = tensorType(weights).getRank(), columns = matmul.getTransposeRhs() ? rank - 2 : rank - 1;
  if (channels != tensorType(weights).getDimSize(columns))
    return {};
  SmallVector<int64_t> aligned(2, 1);
  aligned[columns - (rank - 2)] = channels;
  return scaling.apply(rewriter, weights, factors, aligned);
}

/// The same for the channels of its input.
Value scaleByInput(PatternRewriter &rewriter, const Contraction &contraction, const Scaling &scaling,
                   const ChannelConstant &factors) {
  Value weights = contraction.weights;
  if (!scaling.factor || factors.isScalar())
    return scaling.apply(rewriter, weights, factors, {});
  int64_t channels = factors.channels;
  if (auto conv = dyn_cast<nn::ConvOp>(contraction.op)) {
    int64_t groups = conv.getGroups();
    return channels == groups * tensorType(weights).getDimSize(1)
               ? scaleGrouped(rewriter, scaling, weights, factors, groups, 2)
               : Value();
  }
  if (isa<nn::ConvTransposeOp>(contraction.op))
    return channels == tensorType(weights).getDimSize(0) ? scaleGrouped(rewriter, scaling, weights, factors, 1, 1)
                                                         : Value();
  auto matmul = cast<nn::MatmulOp>(contraction.op);
  // The last dimension of the left-hand side is K unless it is transposed.
  if (contraction.weightsFirst || matmul.getTransposeLhs())
    return {};
  int64_t rank = tensorType(weights).getRank(), depth = matmul.getTransposeRhs() ? rank - 1 : rank - 2;
  if (channels != tensorType(weights).getDimSize(depth))
    return {};
  SmallVector<int64_t> aligned(2, 1);
  aligned[depth - (rank - 2)] = channels;
  return scaling.apply(rewriter, weights, factors, aligned);
}

/// conv(x, w) * c is conv(x, w * c).
struct ScaleResult : RewritePattern {
  ScaleResult(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    std::optional<Scaling> scaling = Scaling::match(op);
    if (!scaling || !scaling->x.hasOneUse() || scaling->x.getType() != op->getResult(0).getType())
      return failure();
    std::optional<Contraction> contraction = Contraction::match(scaling->x.getDefiningOp());
    if (!contraction || contraction->op->getBlock() != op->getBlock())
      return failure();
    std::optional<ChannelConstant> factors =
        factorsOf(*scaling, tensorType(scaling->x).getRank(), contraction->channelDimension);
    Value weights = factors ? scaleByResult(rewriter, *contraction, *scaling, *factors) : Value();
    if (!weights)
      return failure();
    // The factors may be defined behind the contraction.
    rewriter.moveOpBefore(contraction->op, op);
    rewriter.modifyOpInPlace(contraction->op, [&] { contraction->setWeights(weights); });
    rewriter.replaceOp(op, scaling->x);
    return success();
  }
};

/// conv(x * c, w) is conv(x, w * c), if no other op reads x * c.
struct ScaleInput : RewritePattern {
  ScaleInput(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    std::optional<Contraction> contraction = Contraction::match(op);
    std::optional<Scaling> scaling = contraction ? Scaling::match(contraction->input().getDefiningOp()) : std::nullopt;
    if (!scaling || !scaling->op->hasOneUse() || scaling->x.getType() != scaling->op->getResult(0).getType())
      return failure();
    int64_t rank = tensorType(scaling->x).getRank();
    bool isMatmul = isa<nn::MatmulOp>(op);
    std::optional<ChannelConstant> factors =
        factorsOf(*scaling, rank, isMatmul ? rank - 1 : contraction->channelDimension);
    Value weights = factors ? scaleByInput(rewriter, *contraction, *scaling, *factors) : Value();
    if (!weights)
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      contraction->setWeights(weights);
      contraction->setInput(scaling->x);
    });
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Summands
//===----------------------------------------------------------------------===//

/// y + constant where y is a contraction with constant weights that nothing else reads.
struct Bias {
  Value y, summand;

  static std::optional<Bias> match(Operation *op) {
    auto sum = dyn_cast_or_null<nn::AddOp>(op);
    if (!sum || !isa<FloatType>(elementType(sum)))
      return std::nullopt;
    for (auto [y, constant] : {std::pair(sum.getLhs(), sum.getRhs()), std::pair(sum.getRhs(), sum.getLhs())})
      if (isConstant(constant) && y.hasOneUse() && y.getType() == sum.getType() &&
          Contraction::match(y.getDefiningOp()))
        return Bias{y, constant};
    return std::nullopt;
  }
};

/// conv(x, w) - b is conv(x, w) + -b.
struct SubtractionIsBias : OpRewritePattern<nn::SubOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::SubOp op, PatternRewriter &rewriter) const override {
    Operation *left = op.getLhs().getDefiningOp();
    bool behindContraction = Contraction::match(left).has_value() || Bias::match(left).has_value();
    if (!isConstant(op.getRhs()) || !isa<FloatType>(elementType(op)) || !behindContraction)
      return failure();
    Value negated = nn::NegOp::create(rewriter, op.getLoc(), op.getRhs());
    rewriter.replaceOpWithNewOp<nn::AddOp>(op, op.getType(), op.getLhs(), negated);
    return success();
  }
};

/// (conv(x, w) + b) * c is conv(x, w) * c + b * c, for factors per channel: then the first product moves into the
/// weights.
struct ScaleBiasedResult : RewritePattern {
  ScaleBiasedResult(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    std::optional<Scaling> scaling = Scaling::match(op);
    if (!scaling || !scaling->x.hasOneUse() || scaling->x.getType() != op->getResult(0).getType())
      return failure();
    std::optional<Bias> bias = Bias::match(scaling->x.getDefiningOp());
    if (!bias)
      return failure();
    Contraction contraction = *Contraction::match(bias->y.getDefiningOp());
    int64_t rank = tensorType(bias->y).getRank();
    std::optional<ChannelConstant> factors = factorsOf(*scaling, rank, contraction.channelDimension);
    if (!factors || (scaling->factor && !factors->isScalar() && contraction.weightsFirst))
      return failure();
    SmallVector<int64_t> aligned(rank, 1);
    if (scaling->factor && !factors->isScalar())
      aligned[contraction.channelDimension] = factors->channels;
    Value product = scaling->apply(rewriter, bias->y, *factors, aligned);
    Value summand = scaling->apply(rewriter, bias->summand, *factors, aligned);
    rewriter.replaceOpWithNewOp<nn::AddOp>(op, op->getResult(0).getType(), product, summand);
    return success();
  }
};

/// (conv(x, w) + a) + b is conv(x, w) + (a + b) for constants a and b.
struct MergeBiases : OpRewritePattern<nn::AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::AddOp op, PatternRewriter &rewriter) const override {
    for (auto [inner, constant] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      std::optional<Bias> bias = Bias::match(inner.getDefiningOp());
      if (!bias || !isConstant(constant) || !inner.hasOneUse() || inner.getType() != op.getType())
        continue;
      Value both = nn::AddOp::create(rewriter, op.getLoc(), bias->summand, constant);
      rewriter.replaceOpWithNewOp<nn::AddOp>(op, op.getType(), bias->y, both);
      return success();
    }
    return failure();
  }
};

/// (conv(x, w) + y) + b is (conv(x, w) + b) + y: a constant summand per channel comes next to its contraction.
struct BiasBeforeResidual : OpRewritePattern<nn::AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::AddOp op, PatternRewriter &rewriter) const override {
    Value constant = isConstant(op.getRhs()) ? op.getRhs() : op.getLhs();
    Value sumValue = constant == op.getRhs() ? op.getLhs() : op.getRhs();
    auto sum = sumValue.getDefiningOp<nn::AddOp>();
    if (!isConstant(constant) || !isa<FloatType>(elementType(op)) || !sum || !sum->hasOneUse() ||
        sum.getType() != op.getType())
      return failure();
    for (auto [y, other] : {std::pair(sum.getLhs(), sum.getRhs()), std::pair(sum.getRhs(), sum.getLhs())}) {
      std::optional<Bias> bias = Bias::match(y.getDefiningOp());
      std::optional<Contraction> contraction = Contraction::match(bias ? bias->y.getDefiningOp() : y.getDefiningOp());
      if (!contraction || isConstant(other) || !y.hasOneUse() || y.getType() != op.getType() ||
          !perChannel(constant, tensorType(y).getRank(), contraction->channelDimension))
        continue;
      Value biased = nn::AddOp::create(rewriter, op.getLoc(), op.getType(), y, constant);
      rewriter.replaceOpWithNewOp<nn::AddOp>(op, op.getType(), biased, other);
      return success();
    }
    return failure();
  }
};

/// conv(x, w) + 0.0 is conv(x, w): a sum that starts at 0.0 is never -0.0.
struct DropZeroBias : OpRewritePattern<nn::AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::AddOp op, PatternRewriter &rewriter) const override {
    std::optional<Bias> bias = Bias::match(op);
    if (!bias || splatNumber(bias->summand) != 0.0)
      return failure();
    rewriter.replaceOp(op, bias->y);
    return success();
  }
};

struct FoldIntoWeights : impl::FoldIntoWeightsPassBase<FoldIntoWeights> {
  using FoldIntoWeightsPassBase::FoldIntoWeightsPassBase;

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    // Products of weights are computed at once, so that the next factor finds constants again.
    FoldBudget budget{limitBytes, limitElements};
    addFoldConstantsPatterns(patterns, budget);
    patterns.add<ScaleResult, ScaleInput, SubtractionIsBias, ScaleBiasedResult, MergeBiases, BiasBeforeResidual,
                 DropZeroBias>(context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::graph
