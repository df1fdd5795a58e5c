//===- CombineFactors.cpp - few constant factors, no quotients ------------------------------===//
//
// Expects constants folded. Quotients by constants become products, factors that follow each other one, and a factor
// moves behind a summand where it then moves into weights. Results differ from the model's by rounding, in the last
// place or two: values that a step function (a rounding, a comparison, a cast to integers) reads stay as they are.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/ConstantData.h"
#include "compiler/Graph/Matching.h"
#include "compiler/Graph/NumberFormat.h"
#include "compiler/Graph/Passes.h"
#include "dialects/nn/Nn.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_COMBINEFACTORSPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

/// Ops looked at for step functions before one is taken to be there.
constexpr size_t mostReaders = 64;

/// Whether small errors of `value` may become large ones: whether a step function of it, or what reads it there is not
/// known to be none. Sums of many products hide steps.
bool reachesStep(Value value) {
  SetVector<Operation *> readers(value.getUsers().begin(), value.getUsers().end());
  for (size_t next = 0; next < readers.size(); ++next) {
    Operation *op = readers[next];
    if (isa<nn::ConvOp, nn::ConvTransposeOp, nn::MatmulOp, nn::ReduceOp>(op))
      continue;
    if (!isa<nn::AbsOp, nn::NegOp, nn::ExpOp, nn::Expm1Op, nn::LogOp, nn::Log1pOp, nn::SqrtOp, nn::ErfOp, nn::SinOp,
             nn::CosOp, nn::SinhOp, nn::CoshOp, nn::TanhOp, nn::SigmoidOp, nn::AddOp, nn::SubOp, nn::MulOp, nn::DivOp,
             nn::MaxOp, nn::MinOp, nn::ReshapeOp, nn::TransposeOp, nn::BroadcastOp, nn::SliceOp, nn::ConcatOp,
             nn::PadOp>(op) ||
        readers.size() > mostReaders)
      return true;
    for (Value result : op->getResults())
      readers.insert(result.getUsers().begin(), result.getUsers().end());
  }
  return false;
}

/// Whether a number is a factor of this type whose quotients are as exact as its products.
bool isNormal(double number, Type element) {
  return element.isF64() ? std::isnormal(number) : std::isnormal(static_cast<float>(number));
}

/// Of 32 bits and more: the last place of a shorter number is too much.
bool isLongFloat(Type element) { return element.isF32() || element.isF64(); }

bool hasNormalReciprocals(Value constant) {
  std::optional<ConstantData> data = ConstantData::read(constant);
  Type element = elementType(constant);
  if (!data || !isLongFloat(element))
    return false;
  std::vector<double> numbers(data->splat ? 1 : data->type.getNumElements());
  loadElements(element, data->bytes.data(), 1, numbers.size(), numbers.data());
  return llvm::all_of(numbers,
                      [&](double number) { return isNormal(number, element) && isNormal(1 / number, element); });
}

/// x / c is x * (1 / c).
struct MultiplyByReciprocal : OpRewritePattern<nn::DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::DivOp op, PatternRewriter &rewriter) const override {
    if (isConstant(op.getLhs()) || !hasNormalReciprocals(op.getRhs()) || reachesStep(op))
      return failure();
    std::optional<double> number = splatNumber(op.getRhs());
    Value reciprocal = makeScalar(rewriter, op.getLoc(), number ? 1 / *number : 1, elementType(op));
    if (!number) // FoldConstants divides
      reciprocal = nn::DivOp::create(rewriter, op.getLoc(), op.getRhs().getType(), reciprocal, op.getRhs());
    rewriter.replaceOpWithNewOp<nn::MulOp>(op, op.getType(), op.getLhs(), reciprocal);
    return success();
  }
};

/// x * c with one constant number c.
struct ScalarProduct {
  Value x, constant;
  double factor = 1;

  static std::optional<ScalarProduct> match(Value value) {
    auto op = value.getDefiningOp<nn::MulOp>();
    if (!op || !isLongFloat(elementType(op)))
      return std::nullopt;
    for (auto [x, constant] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())})
      if (std::optional<double> factor = splatNumber(constant); factor && x.getType() == op.getType())
        return ScalarProduct{x, constant, *factor};
    return std::nullopt;
  }
};

/// (x * a) * b is x * (a b).
struct MergeFactors : OpRewritePattern<nn::MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::MulOp op, PatternRewriter &rewriter) const override {
    std::optional<ScalarProduct> outer = ScalarProduct::match(op);
    std::optional<ScalarProduct> inner = outer ? ScalarProduct::match(outer->x) : std::nullopt;
    if (!inner || !outer->x.hasOneUse() || reachesStep(op))
      return failure();
    double factor = inner->factor * outer->factor;
    if (!isNormal(factor, elementType(op)))
      return failure();
    Value both = makeScalar(rewriter, op.getLoc(), factor, elementType(op));
    rewriter.replaceOpWithNewOp<nn::MulOp>(op, op.getType(), inner->x, both);
    return success();
  }
};

/// Whether a contraction of `value` with constant weights is all that reads it, perhaps with a factor between.
bool feedsWeights(Value value) {
  while (value.hasOneUse()) {
    Operation *user = *value.getUsers().begin();
    if (isa<nn::ConvOp, nn::ConvTransposeOp, nn::MatmulOp>(user))
      return isConstant(user->getOperand(user->getOperand(0) == value ? 1 : 0));
    if (!isa<nn::MulOp>(user) || !ScalarProduct::match(user->getResult(0)))
      return false;
    value = user->getResult(0);
  }
  return false;
}

/// conv(x * a + b, w) is conv((x + b / a) * a, w), where the factor moves into the weights.
struct SumBeforeFactor : OpRewritePattern<nn::AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::AddOp op, PatternRewriter &rewriter) const override {
    if (!feedsWeights(op))
      return failure();
    for (auto [left, right] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      std::optional<ScalarProduct> product = ScalarProduct::match(left);
      std::optional<double> summand = splatNumber(right);
      Type element = elementType(op);
      if (!product || !summand || !left.hasOneUse() || left.getType() != op.getType() ||
          !isNormal(product->factor, element) || !isNormal(*summand / product->factor, element))
        continue;
      Value moved = makeScalar(rewriter, op.getLoc(), *summand / product->factor, element);
      Value sum = nn::AddOp::create(rewriter, op.getLoc(), op.getType(), product->x, moved);
      rewriter.replaceOpWithNewOp<nn::MulOp>(op, op.getType(), sum, product->constant);
      return success();
    }
    return failure();
  }
};

struct CombineFactors : impl::CombineFactorsPassBase<CombineFactors> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<MultiplyByReciprocal, MergeFactors, SumBeforeFactor>(context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::graph
