//===- AttentionPattern.cpp - ops that together are softmax(f(q k)) v ----------------------===//
//
// As Graph leaves it: exp(x - max(x)) * (1 / sum(exp(x - max(x)))), or with a division of each element.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/AttentionPattern.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace tenon::nn {

static int64_t rankOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getRank(); }

/// Whether `reduce` leaves one value of `kind` for each row of `input`.
static bool reducesRows(ReduceOp reduce, ReduceKind kind, Value input) {
  return reduce && reduce.getKind() == kind && reduce.getInput() == input && reduce.getKeepDims() &&
         reduce.getAxes() == ArrayRef<int64_t>{rankOf(input) - 1};
}

static bool isOne(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  auto elements = constant ? dyn_cast<DenseFPElementsAttr>(constant.getValue()) : DenseFPElementsAttr();
  return elements && elements.isSplat() && elements.getSplatValue<APFloat>().isExactlyValue(1);
}

/// Whether an operand and a result can be those of a product that attention is made of.
static bool isPlainProduct(MatmulOp product) {
  Type element = Extents::element(product.getResult());
  return !product.getPacking() && !product.getTransposeLhs() &&
         (element.isF32() || element.isF64() || element.isF16() || element.isBF16());
}

/// Whether `cast` only changes how precise a number is.
static bool isBetweenFloats(CastOp cast) {
  return isa<FloatType>(Extents::element(cast.getInput())) && isa<FloatType>(Extents::element(cast.getResult()));
}

namespace {

/// Follows the pattern from its end.
class Matcher {
public:
  std::optional<AttentionParts> match(MatmulOp outcome) {
    parts.outcome = outcome;
    if (!isPlainProduct(outcome) || outcome.getTransposeRhs() || !matchSoftmax(outcome.getLhs()))
      return std::nullopt;
    ops.insert(outcome);
    dependsOnScores(parts.logits);
    // Scores are held in the type that products are summed in.
    bool isF64 = Extents::element(outcome.getResult()).isF64();
    if (!parts.scores || Extents::element(parts.logits).isF64() != isF64 || !isClosed())
      return std::nullopt;
    parts.ops = ops.takeVector();
    return parts;
  }

private:
  bool matchSoftmax(Value p) {
    // What is computed in a wider type need not be narrow before the product.
    if (auto cast = p.getDefiningOp<CastOp>(); cast && isBetweenFloats(cast)) {
      ops.insert(cast);
      p = cast.getInput();
    }
    Operation *op = p.getDefiningOp();
    ExpOp exponential;
    Value sum;
    if (auto quotient = dyn_cast_if_present<DivOp>(op)) {
      exponential = quotient.getLhs().getDefiningOp<ExpOp>();
      sum = quotient.getRhs();
    } else if (auto product = dyn_cast_if_present<MulOp>(op)) {
      for (auto [x, y] : {std::pair(product.getLhs(), product.getRhs()), {product.getRhs(), product.getLhs()}})
        if (auto reciprocal = y.getDefiningOp<DivOp>(); reciprocal && isOne(reciprocal.getLhs())) {
          exponential = x.getDefiningOp<ExpOp>();
          sum = reciprocal.getRhs();
          ops.insert(reciprocal);
        }
    }
    auto total = sum ? sum.getDefiningOp<ReduceOp>() : ReduceOp();
    auto difference = exponential ? exponential.getInput().getDefiningOp<SubOp>() : SubOp();
    if (!difference || !reducesRows(total, ReduceKind::sum, exponential.getResult()))
      return false;
    parts.logits = difference.getLhs();
    auto maximum = difference.getRhs().getDefiningOp<ReduceOp>();
    if (!reducesRows(maximum, ReduceKind::max, parts.logits))
      return false;
    ops.insert_range(ArrayRef<Operation *>{op, exponential, total, difference, maximum});
    return true;
  }

  /// Whether `value` is an elementwise function of the scores, which the first product that is found gives. Collects
  /// the ops in between.
  bool dependsOnScores(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || rankOf(value) != rankOf(parts.logits))
      return false;
    auto [answer, isNew] = answers.try_emplace(op, false);
    if (!isNew)
      return answer->second;
    bool depends = false;
    if (auto product = dyn_cast<MatmulOp>(op)) {
      depends = !parts.scores && isPlainProduct(product) && product != parts.outcome &&
                Extents::element(product.getResult()) == Extents::element(parts.outcome.getResult());
      if (depends)
        parts.scores = product;
    } else if (auto cast = dyn_cast<CastOp>(op)) {
      depends = isBetweenFloats(cast) && dependsOnScores(cast.getInput());
    } else if (op->hasTrait<Elementwise>()) {
      for (Value operand : op->getOperands())
        depends |= dependsOnScores(operand);
    }
    if (depends)
      ops.insert(op);
    return answers[op] = depends;
  }

  bool isClosed() {
    return llvm::all_of(ops, [&](Operation *op) {
      return op == parts.outcome.getOperation() ||
             llvm::all_of(op->getUsers(), [&](Operation *user) { return ops.contains(user); });
    });
  }

  AttentionParts parts;
  llvm::SetVector<Operation *> ops;
  llvm::DenseMap<Operation *, bool> answers;
};

} // namespace

std::optional<AttentionParts> matchAttention(MatmulOp outcome) { return Matcher().match(outcome); }

} // namespace tenon::nn
