//===- Arithmetic.cpp - elementwise ops, conversions and reductions on registers -----------===//
//
// Expects: operands are scalars or vectors of registerType. Guarantees: the semantics written in NnElementwise.td; f16
// and bf16 are computed in f32 and rounded after every op, as the standard's reference does.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/ApproximateMath.h"
#include "compiler/Schedule/Elements.h"
#include "compiler/Schedule/SmallFloats.h"
#include "dialects/nn/NnRounding.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

namespace tenon::schedule {

namespace {

/// Builds one elementwise op on registers of one element type.
class Arithmetic {
public:
  Arithmetic(ImplicitLocOpBuilder &b, Type elementType, Type registerType, bool contract)
      : b(b), isFloat(isa<FloatType>(elementType)),
        isUnsigned(elementType.isUnsignedInteger() || elementType.isInteger(1)), type(registerType) {
    if (contract)
      fast = arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::contract);
    else
      fast = arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::none);
  }

  Value constant(double value) {
    Type element = getElementTypeOrSelf(type);
    Attribute scalar = isFloat ? Attribute(FloatAttr::get(element, value))
                               : Attribute(IntegerAttr::get(element, static_cast<int64_t>(value)));
    if (auto vector = dyn_cast<VectorType>(type))
      return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, scalar));
    return arith::ConstantOp::create(b, cast<TypedAttr>(scalar));
  }
  Value integer(const APInt &value) {
    Attribute scalar = IntegerAttr::get(getElementTypeOrSelf(type), value);
    if (auto vector = dyn_cast<VectorType>(type))
      return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, scalar));
    return arith::ConstantOp::create(b, cast<TypedAttr>(scalar));
  }
  Value select(Value condition, Value yes, Value no) { return arith::SelectOp::create(b, condition, yes, no); }

  Value compare(nn::ComparePredicate predicate, Value lhs, Value rhs) {
    using P = nn::ComparePredicate;
    if (isFloat) {
      arith::CmpFPredicate p = predicate == P::eq   ? arith::CmpFPredicate::OEQ
                               : predicate == P::ne ? arith::CmpFPredicate::UNE
                               : predicate == P::lt ? arith::CmpFPredicate::OLT
                               : predicate == P::le ? arith::CmpFPredicate::OLE
                               : predicate == P::gt ? arith::CmpFPredicate::OGT
                                                    : arith::CmpFPredicate::OGE;
      return arith::CmpFOp::create(b, p, lhs, rhs);
    }
    using I = arith::CmpIPredicate;
    I p = predicate == P::eq   ? I::eq
          : predicate == P::ne ? I::ne
          : predicate == P::lt ? (isUnsigned ? I::ult : I::slt)
          : predicate == P::le ? (isUnsigned ? I::ule : I::sle)
          : predicate == P::gt ? (isUnsigned ? I::ugt : I::sgt)
                               : (isUnsigned ? I::uge : I::sge);
    return arith::CmpIOp::create(b, p, lhs, rhs);
  }

  Value add(Value x, Value y) {
    return isFloat ? Value(arith::AddFOp::create(b, x, y, fast)) : Value(arith::AddIOp::create(b, x, y));
  }
  Value sub(Value x, Value y) {
    return isFloat ? Value(arith::SubFOp::create(b, x, y, fast)) : Value(arith::SubIOp::create(b, x, y));
  }
  Value mul(Value x, Value y) {
    return isFloat ? Value(arith::MulFOp::create(b, x, y, fast)) : Value(arith::MulIOp::create(b, x, y));
  }

  Value max(Value x, Value y) { return extreme(x, y, /*largest=*/true); }
  Value min(Value x, Value y) { return extreme(x, y, /*largest=*/false); }

  /// Quotient or remainder; of integers with a divisor that cannot trap, 0 where it was 0.
  Value divide(Value x, Value y, bool remainder) {
    if (isFloat)
      return remainder ? Value(arith::RemFOp::create(b, x, y)) : Value(arith::DivFOp::create(b, x, y));
    Value zero = constant(0), one = constant(1);
    Value byZero = compare(nn::ComparePredicate::eq, y, zero);
    Value safe = select(byZero, one, y);
    if (isUnsigned)
      return select(byZero, zero, divideSafely(x, safe, remainder));
    // lowest / -1 overflows, which traps on some processors.
    Value byMinusOne = compare(nn::ComparePredicate::eq, y, constant(-1));
    safe = select(byMinusOne, one, safe);
    Value result = divideSafely(x, safe, remainder), negated = remainder ? zero : sub(zero, x);
    return select(byZero, zero, select(byMinusOne, negated, result));
  }

  /// Remainder with the sign of the divisor.
  Value modulo(Value x, Value y) {
    Value r = divide(x, y, /*remainder=*/true);
    if (isUnsigned && !isFloat)
      return r;
    Value zero = constant(0);
    Value nonZero = compare(nn::ComparePredicate::ne, r, zero);
    Value differ = arith::XOrIOp::create(b, compare(nn::ComparePredicate::lt, r, zero),
                                         compare(nn::ComparePredicate::lt, y, zero));
    return select(arith::AndIOp::create(b, nonZero, differ), add(r, y), r);
  }

  Value shift(Value x, Value y, bool left) {
    unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    Value limit = integer(APInt(width, width));
    Value tooFar = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, y, limit);
    bool arithmetic = !left && !isUnsigned;
    Value beyond = arithmetic ? integer(APInt(width, width - 1)) : constant(0);
    Value amount = select(tooFar, beyond, y);
    Value shifted = left         ? Value(arith::ShLIOp::create(b, x, amount))
                    : arithmetic ? Value(arith::ShRSIOp::create(b, x, amount))
                                 : Value(arith::ShRUIOp::create(b, x, amount));
    return arithmetic ? shifted : select(tooFar, constant(0), shifted);
  }

  /// x to the power of y by repeated squaring, all bits of y in turn.
  Value integerPower(Value x, Value y) {
    unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    Value zero = constant(0), one = constant(1), base = x, power = one, bits = y;
    for (unsigned bit = 0; bit < width; ++bit) {
      Value isSet = compare(nn::ComparePredicate::ne, arith::AndIOp::create(b, bits, one), zero);
      power = select(isSet, mul(power, base), power);
      base = mul(base, base);
      bits = arith::ShRUIOp::create(b, bits, one);
    }
    if (isUnsigned)
      return power;
    Value odd = compare(nn::ComparePredicate::ne, arith::AndIOp::create(b, y, one), zero);
    Value minusOne = constant(-1);
    Value inverse = select(compare(nn::ComparePredicate::eq, x, one), one,
                           select(compare(nn::ComparePredicate::eq, x, minusOne), select(odd, minusOne, one), zero));
    return select(compare(nn::ComparePredicate::lt, y, zero), inverse, power);
  }

  Value sign(Value x) {
    Value zero = constant(0), one = constant(1);
    Value positive = compare(nn::ComparePredicate::gt, x, zero);
    if (isUnsigned && !isFloat)
      return select(positive, one, zero);
    Value negative = compare(nn::ComparePredicate::lt, x, zero);
    return select(positive, one, select(negative, constant(-1), isFloat ? x : zero));
  }

  Value power(Value x, Value y) {
    if (!isFloat)
      return integerPower(x, y);
    if (std::optional<double> exponent = constantFloat(y)) {
      if (*exponent == 2.0)
        return mul(x, x);
      if (*exponent == 1.0)
        return x;
      if (*exponent == 3.0)
        return mul(mul(x, x), x);
    }
    return math::PowFOp::create(b, x, y);
  }

private:
  /// Integer division by anything but 0 and, of signed integers, -1.
  Value divideSafely(Value x, Value y, bool remainder) {
    auto vector = dyn_cast<VectorType>(type);
    unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    // Vector units divide floats only. The quotient is right where the float has more bits than the integer: the exact
    // one is whole or at least 1 / (x / y) of itself below the next whole number. Division by constants is
    // multiplication anyway.
    if (!vector || width > 32 || matchPattern(y, m_Constant())) {
      if (isUnsigned)
        return remainder ? Value(arith::RemUIOp::create(b, x, y)) : Value(arith::DivUIOp::create(b, x, y));
      return remainder ? Value(arith::RemSIOp::create(b, x, y)) : Value(arith::DivSIOp::create(b, x, y));
    }
    Type floats = vector.clone(width <= 16 ? Type(b.getF32Type()) : Type(b.getF64Type()));
    auto toFloat = [&](Value value) {
      return isUnsigned ? Value(arith::UIToFPOp::create(b, floats, value))
                        : Value(arith::SIToFPOp::create(b, floats, value));
    };
    Value exact = arith::DivFOp::create(b, toFloat(x), toFloat(y));
    Value quotient =
        isUnsigned ? Value(arith::FPToUIOp::create(b, type, exact)) : Value(arith::FPToSIOp::create(b, type, exact));
    return remainder ? sub(x, mul(quotient, y)) : quotient;
  }

  static std::optional<double> constantFloat(Value value) {
    Attribute attribute;
    if (!matchPattern(value, m_Constant(&attribute)))
      return std::nullopt;
    if (auto scalar = dyn_cast<FloatAttr>(attribute))
      return scalar.getValueAsDouble();
    if (auto dense = dyn_cast<DenseFPElementsAttr>(attribute); dense && dense.isSplat())
      return dense.getSplatValue<FloatAttr>().getValueAsDouble();
    return std::nullopt;
  }

  Value extreme(Value x, Value y, bool largest) {
    if (!isFloat) {
      if (isUnsigned)
        return largest ? Value(arith::MaxUIOp::create(b, x, y)) : Value(arith::MinUIOp::create(b, x, y));
      return largest ? Value(arith::MaxSIOp::create(b, x, y)) : Value(arith::MinSIOp::create(b, x, y));
    }
    // Against a number that is not NaN one comparison keeps a NaN of the other side; targets have an instruction for
    // it.
    if (constantFloat(x))
      std::swap(x, y);
    std::optional<double> bound = constantFloat(y);
    if (bound && !std::isnan(*bound)) {
      auto predicate = largest ? arith::CmpFPredicate::UGT : arith::CmpFPredicate::ULT;
      return select(arith::CmpFOp::create(b, predicate, x, y), x, y);
    }
    // ONNX does not say which zero is the larger one.
    auto zeros = arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::nsz);
    return largest ? Value(arith::MaximumFOp::create(b, x, y, zeros))
                   : Value(arith::MinimumFOp::create(b, x, y, zeros));
  }

  ImplicitLocOpBuilder &b;
  bool isFloat, isUnsigned;
  Type type;
  arith::FastMathFlagsAttr fast;
};

/// Whether x is a - max(a), as softmax has it.
bool isBelowItsMaximum(Value x) {
  auto difference = x.getDefiningOp<nn::SubOp>();
  auto maximum = difference ? difference.getRhs().getDefiningOp<nn::ReduceOp>() : nn::ReduceOp();
  return maximum && maximum.getKind() == nn::ReduceKind::max && maximum.getInput() == difference.getLhs();
}

/// Whether x is -|y|, as softplus has it.
bool isNegatedMagnitude(Value x) {
  auto negative = x.getDefiningOp<nn::NegOp>();
  return negative && negative.getInput().getDefiningOp<nn::AbsOp>();
}

math::ExpOp emitExp(ImplicitLocOpBuilder &b, nn::ExpOp op, Value x) {
  auto exp = math::ExpOp::create(b, x);
  if (isBelowItsMaximum(op.getInput()) || isNegatedMagnitude(op.getInput()))
    exp->setAttr(notPositiveAttr, b.getUnitAttr());
  return exp;
}

math::Log1pOp emitLog1p(ImplicitLocOpBuilder &b, nn::Log1pOp op, Value x) {
  auto log = math::Log1pOp::create(b, x);
  auto exp = op.getInput().getDefiningOp<nn::ExpOp>();
  if (exp && isNegatedMagnitude(exp.getInput()))
    log->setAttr(fractionAttr, b.getUnitAttr());
  return log;
}

/// The math op of a floating unary nn op, or null.
Value emitMath(ImplicitLocOpBuilder &b, Operation *op, Value x) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](nn::ExpOp exp) { return emitExp(b, exp, x); })
      .Case([&](nn::Expm1Op) { return math::ExpM1Op::create(b, x); })
      .Case([&](nn::LogOp) { return math::LogOp::create(b, x); })
      .Case([&](nn::Log1pOp log) { return emitLog1p(b, log, x); })
      .Case([&](nn::SqrtOp) { return math::SqrtOp::create(b, x); })
      .Case([&](nn::ErfOp) { return math::ErfOp::create(b, x); })
      .Case([&](nn::SinOp) { return math::SinOp::create(b, x); })
      .Case([&](nn::CosOp) { return math::CosOp::create(b, x); })
      .Case([&](nn::TanOp) { return math::TanOp::create(b, x); })
      .Case([&](nn::AsinOp) { return math::AsinOp::create(b, x); })
      .Case([&](nn::AcosOp) { return math::AcosOp::create(b, x); })
      .Case([&](nn::AtanOp) { return math::AtanOp::create(b, x); })
      .Case([&](nn::SinhOp) { return math::SinhOp::create(b, x); })
      .Case([&](nn::CoshOp) { return math::CoshOp::create(b, x); })
      .Case([&](nn::TanhOp) { return math::TanhOp::create(b, x); })
      .Case([&](nn::AsinhOp) { return math::AsinhOp::create(b, x); })
      .Case([&](nn::AcoshOp) { return math::AcoshOp::create(b, x); })
      .Case([&](nn::AtanhOp) { return math::AtanhOp::create(b, x); })
      .Case([&](nn::FloorOp) { return math::FloorOp::create(b, x); })
      .Case([&](nn::CeilOp) { return math::CeilOp::create(b, x); })
      .Case([&](nn::RoundOp) { return math::RoundEvenOp::create(b, x); })
      .Default([](Operation *) { return Value(); });
}

Value toDouble(ImplicitLocOpBuilder &b, Value value) {
  auto vector = dyn_cast<VectorType>(value.getType());
  Type type = vector ? Type(vector.clone(b.getF64Type())) : b.getF64Type();
  return arith::ExtFOp::create(b, type, value);
}

bool isHalf(Type type) { return type.isF16() || type.isBF16(); }

static_assert(static_cast<int>(ScaleRounding::up) == static_cast<int>(nn::ScaleRounding::up) &&
              static_cast<int>(ScaleRounding::down) == static_cast<int>(nn::ScaleRounding::down) &&
              static_cast<int>(ScaleRounding::nearest) == static_cast<int>(nn::ScaleRounding::nearest));

} // namespace

Value ElementEmitter::widen(Value value) {
  Type element = getElementTypeOrSelf(value.getType());
  if (!isHalf(element))
    return value;
  Type wide = b.getF32Type();
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    wide = vector.clone(wide);
  return arith::ExtFOp::create(b, wide, value);
}

Value ElementEmitter::narrow(Value value, Type elementType) {
  Type computed = getElementTypeOrSelf(value.getType());
  if (computed == elementType || !isa<FloatType>(computed))
    return value;
  Type type = elementType;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(type);
  return arith::TruncFOp::create(b, type, value);
}

Value ElementEmitter::complexParts(Operation *op, ArrayRef<Value> given) {
  auto complex = dyn_cast<nn::ComplexOp>(op);
  Type part = getElementTypeOrSelf(complex ? complex.getReal().getType() : op->getResult(0).getType());
  Type half = b.getIntegerType(part.getIntOrFloatBitWidth()),
       whole = b.getIntegerType(2 * half.getIntOrFloatBitWidth());
  Value shift = splatConstant(whole, half.getIntOrFloatBitWidth());
  if (!complex) {
    Value number = isa<nn::ImagOp>(op) ? Value(arith::ShRUIOp::create(b, given[0], shift)) : given[0];
    return arith::BitcastOp::create(b, laneType(part), arith::TruncIOp::create(b, laneType(half), number));
  }
  auto bits = [&](Value value) {
    return arith::ExtUIOp::create(b, laneType(whole), arith::BitcastOp::create(b, laneType(half), value));
  };
  return arith::OrIOp::create(b, bits(given[0]), arith::ShLIOp::create(b, bits(given[1]), shift));
}

Value ElementEmitter::elementwise(Operation *op, ArrayRef<Value> given) {
  Type operandElement = getElementTypeOrSelf(op->getOperand(0).getType());
  Type resultElement = getElementTypeOrSelf(op->getResult(0).getType());
  if (auto cast = dyn_cast<nn::CastOp>(op))
    return convert(given[0], operandElement, resultElement, cast.getSaturate(), cast.getScaleRounding());
  if (isa<nn::BitcastOp>(op)) {
    Type result = laneType(resultElement);
    return result == given[0].getType() ? given[0] : Value(arith::BitcastOp::create(b, result, given[0]));
  }
  if (isa<nn::SelectOp>(op))
    return arith::SelectOp::create(b, given[0], given[1], given[2]);
  if (isa<nn::RealOp, nn::ImagOp, nn::ComplexOp>(op))
    return complexParts(op, given);

  bool roundsOnce = op->hasAttr(nn::roundedOnceAttr);
  bool inDouble = roundsOnce && isTranscendental(op) && resultElement.isF32();
  SmallVector<Value> operands;
  for (Value value : given)
    operands.push_back(inDouble ? toDouble(b, value) : widen(value));
  Value x = operands[0], y = operands.size() > 1 ? operands[1] : Value();
  Type computed = getElementTypeOrSelf(x.getType());
  Arithmetic a(b, isa<FloatType>(computed) ? computed : operandElement, x.getType(), !reference && !roundsOnce);
  if (Value result = emitMath(b, op, x))
    return narrow(result, resultElement);

  Value result =
      llvm::TypeSwitch<Operation *, Value>(op)
          .Case([&](nn::AbsOp) -> Value {
            if (isa<FloatType>(computed))
              return math::AbsFOp::create(b, x);
            return operandElement.isUnsignedInteger() ? x : Value(math::AbsIOp::create(b, x));
          })
          .Case([&](nn::NegOp) -> Value {
            return isa<FloatType>(computed) ? Value(arith::NegFOp::create(b, x)) : a.sub(a.constant(0), x);
          })
          .Case([&](nn::SignOp) { return a.sign(x); })
          .Case([&](nn::NotOp) { return arith::XOrIOp::create(b, x, a.constant(-1)); })
          .Case([&](nn::SigmoidOp) {
            Value one = a.constant(1);
            return arith::DivFOp::create(b, one, a.add(one, math::ExpOp::create(b, arith::NegFOp::create(b, x))));
          })
          .Case([&](nn::IsNanOp) { return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x); })
          .Case([&](nn::IsInfOp op) -> Value {
            double infinity = std::numeric_limits<double>::infinity();
            Value none = splatConstant(b.getI1Type(), 0);
            Value isPositive = op.getPositive() ? a.compare(nn::ComparePredicate::eq, x, a.constant(infinity)) : none;
            Value isNegative = op.getNegative() ? a.compare(nn::ComparePredicate::eq, x, a.constant(-infinity)) : none;
            return arith::OrIOp::create(b, isPositive, isNegative);
          })
          .Case([&](nn::AddOp) { return a.add(x, y); })
          .Case([&](nn::SubOp) { return a.sub(x, y); })
          .Case([&](nn::MulOp) { return a.mul(x, y); })
          .Case([&](nn::DivOp) { return a.divide(x, y, /*remainder=*/false); })
          .Case([&](nn::RemOp) { return a.divide(x, y, /*remainder=*/true); })
          .Case([&](nn::ModOp) { return a.modulo(x, y); })
          .Case([&](nn::PowOp) { return a.power(x, y); })
          .Case([&](nn::MaxOp) { return a.max(x, y); })
          .Case([&](nn::MinOp) { return a.min(x, y); })
          .Case([&](nn::AndOp) { return arith::AndIOp::create(b, x, y); })
          .Case([&](nn::OrOp) { return arith::OrIOp::create(b, x, y); })
          .Case([&](nn::XorOp) { return arith::XOrIOp::create(b, x, y); })
          .Case([&](nn::ShlOp) { return a.shift(x, y, /*left=*/true); })
          .Case([&](nn::ShrOp) { return a.shift(x, y, /*left=*/false); })
          .Case([&](nn::CompareOp op) { return a.compare(op.getPredicate(), x, y); })
          .Default([](Operation *) { return Value(); });
  assert(result && "every elementwise op has a case");
  return narrow(result, resultElement);
}

/// Float to integer: towards zero, saturating, NaN to 0.
static Value floatToInteger(ImplicitLocOpBuilder &b, Value value, IntegerType to, bool isUnsigned) {
  Type floatElement = getElementTypeOrSelf(value.getType());
  auto vector = dyn_cast<VectorType>(value.getType());
  auto shaped = [&](Type element) { return vector ? Type(vector.clone(element)) : element; };
  // Narrow integers go through 32 bits, which vector units convert directly.
  unsigned width = std::max<unsigned>(to.getWidth(), 32);
  auto wide = IntegerType::get(b.getContext(), width);
  Arithmetic floats(b, floatElement, value.getType(), false);
  unsigned bits = to.getWidth();
  double low = isUnsigned ? 0.0 : -std::ldexp(1.0, bits - 1);
  double limit = std::ldexp(1.0, isUnsigned ? bits : bits - 1);
  Value atLeastLow = arith::SelectOp::create(
      b, arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, value, floats.constant(low)), value, floats.constant(low));
  Value tooLarge = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, value, floats.constant(limit));
  Value inRange = arith::SelectOp::create(b, tooLarge, floats.constant(0), atLeastLow);
  Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  inRange = arith::SelectOp::create(b, isNan, floats.constant(0), inRange);
  Value converted = isUnsigned && bits >= 32 ? Value(arith::FPToUIOp::create(b, shaped(wide), inRange))
                                             : Value(arith::FPToSIOp::create(b, shaped(wide), inRange));
  Arithmetic integers(b, wide, shaped(wide), false);
  APInt highest = isUnsigned ? APInt::getMaxValue(bits).zext(width) : APInt::getSignedMaxValue(bits).zext(width);
  converted = arith::SelectOp::create(b, tooLarge, integers.integer(highest), converted);
  Type result = shaped(registerType(to));
  return result == converted.getType() ? converted : Value(arith::TruncIOp::create(b, result, converted));
}

Value ElementEmitter::convert(Value value, Type from, Type to, bool saturate, nn::ScaleRounding rounding) {
  if (from == to)
    return value;
  if (std::optional<SmallFloatFormat> format = smallFloatFormat(from))
    return convert(smallFloatToSingle(b, value, *format), b.getF32Type(), to, saturate, rounding);
  bool fromUnsigned = from.isUnsignedInteger() || from.isInteger(1);
  if (std::optional<SmallFloatFormat> format = smallFloatFormat(to)) {
    auto direction = static_cast<ScaleRounding>(rounding);
    return isa<FloatType>(from) ? floatToSmallFloat(b, widen(value), *format, saturate, direction)
                                : integerToSmallFloat(b, value, fromUnsigned, *format, saturate, direction);
  }
  Type result = laneType(to);
  if (to.isInteger(1)) {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(value.getType()));
    if (isa<FloatType>(from))
      return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, value, zero);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, value, zero);
  }
  if (isa<FloatType>(from) && isa<FloatType>(to)) {
    unsigned fromWidth = from.getIntOrFloatBitWidth(), toWidth = to.getIntOrFloatBitWidth();
    if (fromWidth == toWidth) // f16 and bf16
      return arith::TruncFOp::create(b, result, widen(value));
    if (fromWidth < toWidth)
      return arith::ExtFOp::create(b, result, value);
    return arith::TruncFOp::create(b, result, value);
  }
  if (isa<FloatType>(from)) {
    Value number = widen(value);
    if (!nn::isSmall(to))
      return floatToInteger(b, number, cast<IntegerType>(to), to.isUnsignedInteger());
    return arith::TruncIOp::create(b, result, floatToInteger(b, number, b.getI32Type(), /*isUnsigned=*/false));
  }
  if (isa<FloatType>(to)) {
    // To f16 and bf16 through f32: exact up to 24 bits, and beyond f16's range of 16 bits anyway.
    Type exact = isHalf(to) ? laneType(b.getF32Type()) : result;
    Value converted = fromUnsigned ? Value(arith::UIToFPOp::create(b, exact, value))
                                   : Value(arith::SIToFPOp::create(b, exact, value));
    return narrow(converted, to);
  }
  unsigned fromWidth = from.getIntOrFloatBitWidth(), toWidth = to.getIntOrFloatBitWidth();
  if (fromWidth == toWidth)
    return value;
  if (fromWidth > toWidth)
    return arith::TruncIOp::create(b, result, value);
  return fromUnsigned ? Value(arith::ExtUIOp::create(b, result, value))
                      : Value(arith::ExtSIOp::create(b, result, value));
}

bool isTranscendental(Operation *op) {
  return isa<nn::ExpOp, nn::Expm1Op, nn::LogOp, nn::Log1pOp, nn::ErfOp, nn::SinOp, nn::CosOp, nn::TanOp, nn::AsinOp,
             nn::AcosOp, nn::AtanOp, nn::SinhOp, nn::CoshOp, nn::TanhOp, nn::AsinhOp, nn::AcoshOp, nn::AtanhOp,
             nn::SigmoidOp, nn::PowOp>(op);
}

Value ElementEmitter::combine(nn::ReduceKind kind, Type elementType, Value acc, Value value, bool skipsNan) {
  if (elementType.isInteger(1))
    return kind == nn::ReduceKind::max || kind == nn::ReduceKind::sum ? Value(arith::OrIOp::create(b, acc, value))
                                                                      : Value(arith::AndIOp::create(b, acc, value));
  Arithmetic a(b, elementType, acc.getType(), !reference);
  switch (kind) {
  case nn::ReduceKind::sum:
    return a.add(acc, value);
  case nn::ReduceKind::prod:
    return a.mul(acc, value);
  // Whether the first one is NaN is asked apart, out of the way of what waits for the last result.
  case nn::ReduceKind::max:
    if (skipsNan && isa<FloatType>(elementType))
      return a.select(arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, value, acc), value, acc);
    return a.max(value, acc);
  case nn::ReduceKind::min:
    return a.min(value, acc);
  }
  return Value();
}

Value ElementEmitter::combineLanes(nn::ReduceKind kind, Type elementType, Value vector, bool skipsNan) {
  auto type = dyn_cast<VectorType>(vector.getType());
  if (!type)
    return vector;
  for (int64_t width = type.getNumElements() / 2; width >= 1; width /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < width; ++lane) {
      low.push_back(lane);
      high.push_back(width + lane);
    }
    Value x = vector::ShuffleOp::create(b, vector, vector, low), y = vector::ShuffleOp::create(b, vector, vector, high);
    vector = combine(kind, elementType, x, y, skipsNan);
  }
  return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{0});
}

Value ElementEmitter::neutral(nn::ReduceKind kind, Type elementType, bool scalar) {
  Type element = registerType(elementType);
  Attribute attribute;
  bool isUnsigned = elementType.isUnsignedInteger() || elementType.isInteger(1);
  if (isa<FloatType>(element)) {
    double infinity = std::numeric_limits<double>::infinity();
    attribute = FloatAttr::get(element, kind == nn::ReduceKind::sum    ? 0.0
                                        : kind == nn::ReduceKind::prod ? 1.0
                                        : kind == nn::ReduceKind::max  ? -infinity
                                                                       : infinity);
  } else {
    unsigned width = element.getIntOrFloatBitWidth();
    APInt value = kind == nn::ReduceKind::sum    ? APInt(width, 0)
                  : kind == nn::ReduceKind::prod ? APInt(width, 1)
                  : kind == nn::ReduceKind::max
                      ? (isUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width))
                      : (isUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width));
    attribute = IntegerAttr::get(element, value);
  }
  if (laneCount == 1 || scalar)
    return arith::ConstantOp::create(b, cast<TypedAttr>(attribute));
  return arith::ConstantOp::create(b, DenseElementsAttr::get(VectorType::get({laneCount}, element), attribute));
}

} // namespace tenon::schedule
