//===- ApproximateMath.cpp - transcendental functions become arithmetic --------------------===//
//
// Expects: math ops (and arith.remf) on f32 or f64 scalars or vectors in scheduled kernels. Guarantees: straight-line
// arithmetic with the error bounds said at each function (test/numerics checks them); NaN, infinities and overflow as
// in the C library. Scalars get the same code as vectors, so a value does not depend on the lane it is computed in.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/ApproximateMath.h"
#include "compiler/Schedule/Passes.h"
#include "dialects/ukernel/Ukernel.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon::schedule {

#define GEN_PASS_DEF_APPROXIMATEMATH
#include "compiler/Schedule/Passes.h.inc"

namespace {

/// 1 + exp(x) if that is all that exp(x) is wanted for, as in a sigmoid.
arith::AddFOp sumWithOne(math::ExpOp op) {
  auto sum = op->hasOneUse() ? dyn_cast<arith::AddFOp>(*op->user_begin()) : arith::AddFOp();
  bool hasOne = sum && (matchPattern(sum.getLhs(), m_OneFloat()) || matchPattern(sum.getRhs(), m_OneFloat()));
  return hasOne ? sum : arith::AddFOp();
}

/// Replaces the sum of 1 and an exponential.
void approximateSumWithOne(arith::AddFOp sum, math::ExpOp op, Instructions instructions) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  FloatMath f(b, op.getType(), instructions);
  auto negative = op.getOperand().getDefiningOp<arith::NegFOp>();
  Value result = onePlusExponential(f, negative ? negative.getOperand() : op.getOperand(), negative != nullptr);
  sum.replaceAllUsesWith(result);
  sum.erase();
  op.erase();
}

/// erf(x); a constant factor of an f32 x, as in GELU, goes into the coefficients.
Value errorFunctionOfMultiple(FloatMath &f, Value x) {
  Operation *op = x.getDefiningOp();
  APFloat constant(1.0);
  if (!f.isDouble && isa_and_present<arith::MulFOp, arith::DivFOp>(op) &&
      matchPattern(op->getOperand(1), m_ConstantFloat(&constant))) {
    double factor = constant.convertToFloat();
    if (isa<arith::DivFOp>(op))
      factor = 1 / factor;
    // In f32 the coefficients stay normal numbers.
    if (factor > 0.25 && factor < 4)
      return errorFunction(f, op->getOperand(0), factor);
  }
  return errorFunction(f, x);
}

bool isFloatOfRegisters(Type type) { return isa<Float32Type, Float64Type>(getElementTypeOrSelf(type)); }

Value approximation(Operation *op, Instructions instructions) {
  Type type = op->getNumOperands() ? op->getOperand(0).getType() : Type();
  if (!type || !isFloatOfRegisters(type))
    return Value();
  ImplicitLocOpBuilder b(op->getLoc(), op);
  FloatMath f(b, type, instructions);
  Value x = op->getOperand(0);
  if (auto remainder = dyn_cast<arith::RemFOp>(op))
    return schedule::remainder(f, x, remainder.getRhs());
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](math::ExpOp exp) {
        return exp->hasAttr(notPositiveAttr) ? exponentialOfNotPositive(f, x) : exponential(f, x);
      })
      .Case([&](math::ExpM1Op) { return exponentialMinusOne(f, x); })
      .Case([&](math::LogOp) { return logarithm(f, x); })
      .Case([&](math::Log1pOp log) {
        return log->hasAttr(fractionAttr) ? logarithmOfOnePlusFraction(f, x) : logarithmOfOnePlus(f, x);
      })
      .Case([&](math::PowFOp power) { return schedule::power(f, x, power.getRhs()); })
      .Case([&](math::ErfOp) { return errorFunctionOfMultiple(f, x); })
      .Case([&](math::SinOp) { return sine(f, x); })
      .Case([&](math::CosOp) { return cosine(f, x); })
      .Case([&](math::TanOp) { return tangent(f, x); })
      .Case([&](math::AsinOp) { return arcSine(f, x); })
      .Case([&](math::AcosOp) { return arcCosine(f, x); })
      .Case([&](math::AtanOp) { return arcTangent(f, x); })
      .Case([&](math::SinhOp) { return hyperbolicSine(f, x); })
      .Case([&](math::CoshOp) { return hyperbolicCosine(f, x); })
      .Case([&](math::TanhOp) { return hyperbolicTangent(f, x); })
      .Case([&](math::AsinhOp) { return areaSine(f, x); })
      .Case([&](math::AcoshOp) { return areaCosine(f, x); })
      .Case([&](math::AtanhOp) { return areaTangent(f, x); })
      .Default([](Operation *) { return Value(); });
}

/// Takes an op on a vector of several registers apart, in place: instructions and tables are of one register.
/// `replaced` are the ops on registers.
void splitIntoRegisters(Operation *op, int64_t registerBytes, SmallVectorImpl<Operation *> &replaced) {
  auto type = op->getNumResults() == 1 ? dyn_cast<VectorType>(op->getResult(0).getType()) : VectorType();
  int64_t lanes = type && isFloatOfRegisters(type) ? registerBytes * 8 / type.getElementTypeBitWidth() : 0;
  auto exp = dyn_cast<math::ExpOp>(op);
  if (lanes == 0 || (exp && sumWithOne(exp)) || type.getNumElements() <= lanes ||
      !llvm::isPowerOf2_64(type.getNumElements()))
    return replaced.push_back(op);
  ImplicitLocOpBuilder b(op->getLoc(), op);
  SmallVector<Value> parts;
  for (int64_t first = 0; first < type.getNumElements(); first += lanes) {
    auto pick = llvm::to_vector(llvm::seq<int64_t>(first, first + lanes));
    Operation *part = b.clone(*op);
    for (OpOperand &operand : part->getOpOperands())
      operand.set(vector::ShuffleOp::create(b, operand.get(), operand.get(), pick));
    part->moveBefore(op);
    part->getResult(0).setType(VectorType::get({lanes}, type.getElementType()));
    replaced.push_back(part);
    parts.push_back(part->getResult(0));
  }
  for (; parts.size() > 1; lanes *= 2) {
    SmallVector<Value> pairs;
    auto pick = llvm::to_vector(llvm::seq<int64_t>(0, 2 * lanes));
    for (size_t i = 0; i < parts.size(); i += 2)
      pairs.push_back(vector::ShuffleOp::create(b, parts[i], parts[i + 1], pick));
    parts = pairs;
  }
  op->getResult(0).replaceAllUsesWith(parts.front());
  op->erase();
}

struct ApproximateMath : impl::ApproximateMathBase<ApproximateMath> {
  using ApproximateMathBase::ApproximateMathBase;

  void runOnOperation() override {
    SmallVector<Operation *> found, ops;
    getOperation().walk([&](Operation *op) {
      if (isa_and_nonnull<math::MathDialect>(op->getDialect()) || isa<arith::RemFOp>(op))
        found.push_back(op);
    });
    for (Operation *op : found)
      splitIntoRegisters(op, vectorBytes, ops);
    for (Operation *op : ops) {
      auto exp = dyn_cast<math::ExpOp>(op);
      if (arith::AddFOp sum = exp && isFloatOfRegisters(exp.getType()) ? sumWithOne(exp) : arith::AddFOp()) {
        approximateSumWithOne(sum, exp, {scaling, lookup});
      } else if (Value value = approximation(op, {scaling, lookup})) {
        op->getResult(0).replaceAllUsesWith(value);
        op->erase();
      }
    }
  }
};

} // namespace
} // namespace tenon::schedule
