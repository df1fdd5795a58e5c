//===- SimplifyAlgebra.cpp - cheaper forms of elementwise ops ------------------------------===//
//
// Expects constants folded. Every rewrite gives the same bits for every operand, signed zeros, infinities and NaN
// included, unless its comment says what it may change.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/ConstantData.h"
#include "compiler/Graph/Matching.h"
#include "compiler/Graph/Passes.h"
#include "compiler/Support/SmallFloat.h"
#include "dialects/nn/Nn.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <cmath>

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_SIMPLIFYALGEBRAPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

/// Whether no operand of `op` but those that are `value` makes the result larger than `value` where only the run time
/// knows extents.
bool hasAllExtents(Operation *op, Value value) {
  if (op->getNumOperands() == 1)
    return true;
  RankedTensorType result = tensorType(op->getResult(0));
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    RankedTensorType type = tensorType(operand);
    int64_t missing = result.getRank() - type.getRank();
    bool mayStretch = false;
    for (int64_t d = 0; d < type.getRank(); ++d)
      mayStretch |= result.isDynamicDim(missing + d) && type.getDimSize(d) != 1;
    return operand == value || !mayStretch;
  });
}

/// Replaces an elementwise `op` by `value` if that has the same type and extents (an operand that is broadcast has
/// not).
LogicalResult replaceIfSame(PatternRewriter &rewriter, Operation *op, Value value) {
  if (value.getType() != op->getResult(0).getType() || !hasAllExtents(op, value))
    return failure();
  rewriter.replaceOp(op, value);
  return success();
}

//===----------------------------------------------------------------------===//
// Powers and quotients
//===----------------------------------------------------------------------===//

/// pow(x, 0.5) is sqrt(x), but positive for -0 and -infinity; pow(x, n) for n = 1, 2, 3, -1 is x, x * x, x * x * x, 1 /
/// x. The cube may differ from pow in the last place.
struct ExpandPow : OpRewritePattern<nn::PowOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::PowOp op, PatternRewriter &rewriter) const override {
    Value x = op.getLhs();
    std::optional<double> exponent = splatNumber(op.getRhs());
    bool isFloat = isa<FloatType>(elementType(x));
    if (!exponent || x.getType() != op.getType() || (!isFloat && *exponent < 0))
      return failure();
    Location loc = op.getLoc();
    if (*exponent == 1) {
      rewriter.replaceOp(op, x);
    } else if (*exponent == 2) {
      rewriter.replaceOpWithNewOp<nn::MulOp>(op, x, x);
    } else if (*exponent == 3) {
      Value square = nn::MulOp::create(rewriter, loc, x, x);
      rewriter.replaceOpWithNewOp<nn::MulOp>(op, square, x);
    } else if (*exponent == -1) {
      rewriter.replaceOpWithNewOp<nn::DivOp>(op, makeScalar(rewriter, loc, 1, elementType(x)), x);
    } else if (std::abs(*exponent) == 0.5) {
      Value root = nn::SqrtOp::create(rewriter, loc, x);
      if (!isNonNegative(x)) {
        double infinity = std::numeric_limits<double>::infinity();
        Value isInfinite = nn::CompareOp::create(rewriter, loc, nn::ComparePredicate::eq, x,
                                                 makeScalar(rewriter, loc, -infinity, elementType(x)));
        root = nn::SelectOp::create(rewriter, loc, isInfinite, makeScalar(rewriter, loc, infinity, elementType(x)),
                                    nn::AbsOp::create(rewriter, loc, root));
      }
      if (*exponent > 0)
        rewriter.replaceOp(op, root);
      else
        rewriter.replaceOpWithNewOp<nn::DivOp>(op, makeScalar(rewriter, loc, 1, elementType(x)), root);
    } else {
      return failure();
    }
    return success();
  }
};

/// x / 2^n is x * 2^-n.
struct DivideByPowerOfTwo : OpRewritePattern<nn::DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::DivOp op, PatternRewriter &rewriter) const override {
    std::optional<double> divisor = splatNumber(op.getRhs());
    Type element = elementType(op.getLhs());
    int exponent;
    if (!divisor || !isa<FloatType>(element) || std::abs(std::frexp(*divisor, &exponent)) != 0.5)
      return failure();
    // Both the power and its reciprocal must be normal numbers of the element type.
    const llvm::fltSemantics &semantics = cast<FloatType>(element).getFloatSemantics();
    int highest = APFloat::semanticsMaxExponent(semantics);
    if (std::abs(exponent) + 1 >= highest)
      return failure();
    Value reciprocal = makeScalar(rewriter, op.getLoc(), 1 / *divisor, element);
    auto shape = tensorType(op.getRhs()).getShape();
    if (!shape.empty())
      reciprocal = nn::ConstantOp::create(
          rewriter, op.getLoc(),
          DenseElementsAttr::get(tensorType(op.getRhs()),
                                 cast<DenseElementsAttr>(reciprocal.getDefiningOp<nn::ConstantOp>().getValue())
                                     .getSplatValue<Attribute>()));
    rewriter.replaceOpWithNewOp<nn::MulOp>(op, op.getType(), op.getLhs(), reciprocal);
    return success();
  }
};

/// 1 / (1 + exp(-x)) is sigmoid(x).
struct RecognizeSigmoid : OpRewritePattern<nn::DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::DivOp op, PatternRewriter &rewriter) const override {
    auto sum = op.getRhs().getDefiningOp<nn::AddOp>();
    if (!sum || splatNumber(op.getLhs()) != 1.0)
      return failure();
    bool constantFirst = splatNumber(sum.getLhs()) == 1.0;
    if (!constantFirst && splatNumber(sum.getRhs()) != 1.0)
      return failure();
    auto exponential = (constantFirst ? sum.getRhs() : sum.getLhs()).getDefiningOp<nn::ExpOp>();
    auto negation = exponential ? exponential.getInput().getDefiningOp<nn::NegOp>() : nullptr;
    if (!negation || negation.getType() != op.getType())
      return failure();
    rewriter.replaceOpWithNewOp<nn::SigmoidOp>(op, negation.getInput());
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Signs
//===----------------------------------------------------------------------===//

/// neg(neg(x)) is x; not(not(x)) is x.
template <typename Op> struct CancelTwice : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().template getDefiningOp<Op>();
    return inner ? replaceIfSame(rewriter, op, inner.getInput()) : failure();
  }
};

/// abs(abs(x)) and abs(neg(x)) are abs(x).
struct FoldIntoAbs : OpRewritePattern<nn::AbsOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::AbsOp op, PatternRewriter &rewriter) const override {
    Operation *inner = op.getInput().getDefiningOp();
    if (!isa_and_present<nn::AbsOp, nn::NegOp>(inner) || inner->getOperand(0).getType() != op.getType())
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(inner->getOperand(0)); });
    return success();
  }
};

/// x * -1 is -x.
struct MulByMinusOne : OpRewritePattern<nn::MulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::MulOp op, PatternRewriter &rewriter) const override {
    for (auto [factor, x] : {std::pair(op.getRhs(), op.getLhs()), std::pair(op.getLhs(), op.getRhs())}) {
      if (splatNumber(factor) != -1.0 || x.getType() != op.getType())
        continue;
      rewriter.replaceOpWithNewOp<nn::NegOp>(op, x);
      return success();
    }
    return failure();
  }
};

/// x + -y is x - y.
struct AddOfNeg : OpRewritePattern<nn::AddOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::AddOp op, PatternRewriter &rewriter) const override {
    for (auto [negated, x] : {std::pair(op.getRhs(), op.getLhs()), std::pair(op.getLhs(), op.getRhs())}) {
      auto negation = negated.getDefiningOp<nn::NegOp>();
      if (!negation)
        continue;
      rewriter.replaceOpWithNewOp<nn::SubOp>(op, op.getType(), x, negation.getInput());
      return success();
    }
    return failure();
  }
};

/// x - -y is x + y.
struct SubOfNeg : OpRewritePattern<nn::SubOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::SubOp op, PatternRewriter &rewriter) const override {
    auto negation = op.getRhs().getDefiningOp<nn::NegOp>();
    if (!negation)
      return failure();
    rewriter.replaceOpWithNewOp<nn::AddOp>(op, op.getType(), op.getLhs(), negation.getInput());
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

/// The value of a type that max or min never replaces.
bool isNeutralBound(double bound, Type element, bool max) {
  if (isa<FloatType>(element))
    return std::isinf(bound) && (bound < 0) == max;
  unsigned width = element.getIntOrFloatBitWidth();
  if (width > 32)
    return false;
  if (element.isUnsignedInteger())
    return bound == (max ? 0 : std::ldexp(1.0, width) - 1);
  return bound == (max ? -std::ldexp(1.0, width - 1) : std::ldexp(1.0, width - 1) - 1);
}

/// max(x, -inf) is x; max(max(x, a), b) is max(x, max(a, b)) for constants a and b. Likewise min.
template <typename Op, bool max> struct FoldBounds : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    for (auto [bound, x] : {std::pair(op.getRhs(), op.getLhs()), std::pair(op.getLhs(), op.getRhs())}) {
      if (!isConstant(bound))
        continue;
      std::optional<double> number = splatNumber(bound);
      if (number && isNeutralBound(*number, elementType(x), max))
        return replaceIfSame(rewriter, op, x);
      auto inner = x.template getDefiningOp<Op>();
      if (!inner || inner.getType() != op.getType())
        continue;
      for (auto [innerBound, innerX] :
           {std::pair(inner.getRhs(), inner.getLhs()), std::pair(inner.getLhs(), inner.getRhs())}) {
        if (!isConstant(innerBound) || isConstant(innerX))
          continue;
        Value both = Op::create(rewriter, op.getLoc(), bound, innerBound);
        rewriter.replaceOpWithNewOp<Op>(op, op.getType(), innerX, both);
        return success();
      }
    }
    return failure();
  }
};

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// Whether every value of `from` is a value of `to`.
bool holdsEveryValue(Type to, Type from) {
  if (from == to)
    return true;
  if (smallFloatFormat(to))
    return false;
  if (smallFloatFormat(from))
    return to.isF32() || to.isF64();
  unsigned fromBits = from.getIntOrFloatBitWidth(), toBits = to.getIntOrFloatBitWidth();
  if (auto target = dyn_cast<FloatType>(to)) {
    if (auto source = dyn_cast<FloatType>(from))
      return toBits > fromBits;
    return fromBits - (from.isUnsignedInteger() || fromBits == 1 ? 0 : 1) <= target.getFPMantissaWidth();
  }
  if (isa<FloatType>(from) || toBits == 1)
    return false;
  if (to.isUnsignedInteger())
    return (from.isUnsignedInteger() || fromBits == 1) && toBits >= fromBits;
  return toBits > fromBits;
}

/// A cast of a cast that lost nothing is one cast.
struct FoldCastOfCast : OpRewritePattern<nn::CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::CastOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<nn::CastOp>();
    if (!inner)
      return failure();
    Type from = elementType(inner.getInput()), between = elementType(op.getInput()), to = op.getElementType();
    if (!holdsEveryValue(between, from))
      return failure();
    // Floats saturate where integers wrap.
    bool crosses = isa<FloatType>(between) && !isa<FloatType>(from) && !isa<FloatType>(to) && !to.isInteger(1);
    if (crosses && !holdsEveryValue(to, from))
      return failure();
    if (from == to)
      return replaceIfSame(rewriter, op, inner.getInput());
    rewriter.replaceOpWithNewOp<nn::CastOp>(op, op.getType(), inner.getInput(), to, op.getSaturate(),
                                            op.getScaleRounding());
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

/// select(true, x, y) is x; select(c, x, x) is x; select(not c, x, y) is select(c, y, x).
struct SimplifySelect : OpRewritePattern<nn::SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::SelectOp op, PatternRewriter &rewriter) const override {
    std::optional<double> condition = splatNumber(op.getCondition());
    if (condition || op.getOnTrue() == op.getOnFalse()) {
      Value chosen = !condition || *condition != 0 ? op.getOnTrue() : op.getOnFalse();
      return replaceIfSame(rewriter, op, chosen);
    }
    auto negation = op.getCondition().getDefiningOp<nn::NotOp>();
    if (!negation)
      return failure();
    rewriter.replaceOpWithNewOp<nn::SelectOp>(op, op.getType(), negation.getInput(), op.getOnFalse(), op.getOnTrue());
    return success();
  }
};

/// not(a == b) is a != b; for integers every comparison has its opposite (for floats NaN makes both false).
struct FoldNotIntoCompare : OpRewritePattern<nn::NotOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::NotOp op, PatternRewriter &rewriter) const override {
    using Predicate = nn::ComparePredicate;
    auto compare = op.getInput().getDefiningOp<nn::CompareOp>();
    if (!compare)
      return failure();
    Predicate predicate = compare.getPredicate();
    bool equality = predicate == Predicate::eq || predicate == Predicate::ne;
    if (!equality && isa<FloatType>(elementType(compare.getLhs())))
      return failure();
    static constexpr Predicate opposite[] = {Predicate::ne, Predicate::eq, Predicate::ge,
                                             Predicate::gt, Predicate::le, Predicate::lt};
    rewriter.replaceOpWithNewOp<nn::CompareOp>(op, op.getType(), opposite[static_cast<int>(predicate)],
                                               compare.getLhs(), compare.getRhs());
    return success();
  }
};

/// x and true is x, x and false is false; x or false is x, x or true is true (booleans).
template <typename Op, bool neutral> struct SimplifyLogical : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!elementType(op.getLhs()).isInteger(1))
      return failure();
    for (auto [constant, x] : {std::pair(op.getRhs(), op.getLhs()), std::pair(op.getLhs(), op.getRhs())}) {
      std::optional<double> number = splatNumber(constant);
      if (number)
        return replaceIfSame(rewriter, op, (*number != 0) == neutral ? x : constant);
    }
    return op.getLhs() == op.getRhs() ? replaceIfSame(rewriter, op, op.getLhs()) : failure();
  }
};

struct SimplifyAlgebra : impl::SimplifyAlgebraPassBase<SimplifyAlgebra> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<ExpandPow, DivideByPowerOfTwo, RecognizeSigmoid, CancelTwice<nn::NegOp>, CancelTwice<nn::NotOp>,
                 FoldIntoAbs, MulByMinusOne, AddOfNeg, SubOfNeg, FoldBounds<nn::MaxOp, true>,
                 FoldBounds<nn::MinOp, false>, FoldCastOfCast, SimplifySelect, FoldNotIntoCompare,
                 SimplifyLogical<nn::AndOp, true>, SimplifyLogical<nn::OrOp, false>>(context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::graph
