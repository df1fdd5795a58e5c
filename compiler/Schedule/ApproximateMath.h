//===- ApproximateMath.h - arithmetic on float registers, and functions made of it ----------===//

#ifndef TENON_COMPILER_SCHEDULE_APPROXIMATEMATH_H
#define TENON_COMPILER_SCHEDULE_APPROXIMATEMATH_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"

namespace tenon::schedule {

using llvm::ArrayRef;
using mlir::Attribute;
using mlir::ImplicitLocOpBuilder;
using mlir::Type;
using mlir::TypedAttr;
using mlir::Value;

/// What a machine has beyond arithmetic.
struct Instructions {
  bool scaling = false; ///< ukernel.scale
  bool lookup = false;  ///< ukernel.lookup
};

/// Arithmetic on registers of f32 or f64, and on their bits.
class FloatMath {
public:
  FloatMath(ImplicitLocOpBuilder &b, Type type, Instructions instructions = {})
      : b(b), type(type), element(mlir::getElementTypeOrSelf(type)), isDouble(element.isF64()) {
    bitsElement = isDouble ? b.getI64Type() : b.getI32Type();
    bits =
        llvm::isa<mlir::VectorType>(type) ? Type(llvm::cast<mlir::VectorType>(type).clone(bitsElement)) : bitsElement;
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(type)) {
      lanes = vector.getNumElements();
      hasScale = instructions.scaling && bytes() >= 16 && bytes() <= 64;
      hasTable = instructions.lookup && !isDouble && (lanes == 8 || lanes == 16);
    }
    contract = mlir::arith::FastMathFlagsAttr::get(b.getContext(), mlir::arith::FastMathFlags::contract);
  }

  /// What differs between the types: a degree, a limit, a part of a constant.
  template <typename T> T choose(T single, T twice) const { return isDouble ? twice : single; }
  int mantissaBits() const { return choose(23, 52); }
  int exponentBias() const { return choose(127, 1023); }
  /// The bias of scaleByPowerOfTwo's exponent.
  int biasOfHalves() const { return 2 * exponentBias(); }
  /// 1.5 times 2 to the number of bits of the mantissa: a small number added to it is rounded to a whole one, which
  /// then stands in the low bits.
  double roundingShift() const { return choose(12582912.0, 6755399441055744.0); }
  int64_t bitsOfRoundingShift() const { return choose<int64_t>(0x4B400000, 0x4338000000000000); }

  Value number(double value) { return constant(type, b.getFloatAttr(element, value)); }
  Value integer(int64_t value) { return constant(bits, b.getIntegerAttr(bitsElement, value)); }
  Value add(Value x, Value y) { return mlir::arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return mlir::arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return mlir::arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return mlir::arith::DivFOp::create(b, x, y); }
  /// x * y + z in one rounding where the processor has it.
  Value fma(Value x, Value y, Value z) {
    Value product = mlir::arith::MulFOp::create(b, x, y, contract);
    return mlir::arith::AddFOp::create(b, product, z, contract);
  }
  Value less(Value x, Value y) { return mlir::arith::CmpFOp::create(b, mlir::arith::CmpFPredicate::OLT, x, y); }
  Value greater(Value x, Value y) { return mlir::arith::CmpFOp::create(b, mlir::arith::CmpFPredicate::OGT, x, y); }
  Value equal(Value x, Value y) { return mlir::arith::CmpFOp::create(b, mlir::arith::CmpFPredicate::OEQ, x, y); }
  Value magnitude(Value x) { return mlir::math::AbsFOp::create(b, x); }
  Value root(Value x) { return mlir::math::SqrtOp::create(b, x); }
  Value floor(Value x) { return mlir::math::FloorOp::create(b, x); }
  Value withSignOf(Value x, Value y) { return mlir::math::CopySignOp::create(b, x, y); }
  Value select(Value c, Value x, Value y) { return mlir::arith::SelectOp::create(b, c, x, y); }
  Value both(Value c, Value d) { return mlir::arith::AndIOp::create(b, c, d); }
  /// x, or `low` where it is less; NaN stays.
  Value atLeast(Value x, double low) {
    Value l = number(low);
    return select(less(x, l), l, x);
  }
  /// x within [low, high]; NaN stays.
  Value atMost(Value x, double high) {
    Value h = number(high);
    return select(greater(x, h), h, x);
  }
  Value clamp(Value x, double low, double high) { return atMost(atLeast(x, low), high); }
  Value toBits(Value x) { return mlir::arith::BitcastOp::create(b, bits, x); }
  Value fromBits(Value x) { return mlir::arith::BitcastOp::create(b, type, x); }
  /// The leading bits of x, so few that a product of two such numbers is exact.
  Value head(Value x) {
    return fromBits(mlir::arith::AndIOp::create(b, toBits(x), integer(choose<int64_t>(-0x1000, -0x100000000))));
  }
  /// Horner's scheme, highest coefficient first.
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value result = number(coefficients.front());
    for (double coefficient : coefficients.drop_front())
      result = fma(result, x, number(coefficient));
    return result;
  }

  ImplicitLocOpBuilder &b;
  Type type, bits;
  int64_t lanes = 1;
  bool hasScale = false; ///< whether registers of `type` have an instruction for x 2^n
  bool hasTable = false; ///< whether a register of `type` can serve as a table

private:
  int64_t bytes() const { return lanes * element.getIntOrFloatBitWidth() / 8; }
  Value constant(Type of, TypedAttr scalar) {
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(of))
      return mlir::arith::ConstantOp::create(b, mlir::DenseElementsAttr::get(vector, Attribute(scalar)));
    return mlir::arith::ConstantOp::create(b, scalar);
  }
  Type element, bitsElement;
  mlir::arith::FastMathFlagsAttr contract;

public:
  const bool isDouble;
};

/// The fast form, or the library's where some lane needs it: that is so rare that a branch for all lanes costs nothing.
Value unlessRare(FloatMath &f, Value isRare, llvm::function_ref<Value()> library, llvm::function_ref<Value()> fast);

/// x rounded to a whole number, |x| < 2^22: as a number, and as an integer plus `bias` in the low bits of a register.
struct Rounded {
  Value number, bits;
};
Rounded roundToWhole(FloatMath &f, Value x, int64_t bias);

/// x (or -x where `isNegated`) = n ln 2 + r with |r| <= ln 2 / 2: r (or -r), n + bias in the low bits of a register,
/// and n as a number.
struct ReducedExponent {
  Value r, bits, n;
};
ReducedExponent reduceExponent(FloatMath &f, Value x, int64_t bias, bool isNegated = false);

/// exp(r) - 1 for |r| <= ln 2 / 2, with a relative error of less than 1 ulp.
Value smallExponentialMinusOne(FloatMath &f, Value r);
/// x 2^n for n + biasOfHalves() in the low bits of `bits`, in two factors: results from the smallest denormal to
/// infinity are right.
Value scaleByPowerOfTwo(FloatMath &f, Value x, Value bits);

/// |x| = 2^exponent mantissa with the mantissa in [sqrt(1/2), sqrt(2)), for finite x other than 0.
struct Decomposed {
  Value exponent, mantissa; ///< the exponent as a number
};
Decomposed decompose(FloatMath &f, Value x);

// Each says its error bound where it is defined; the argument is a register of `f`'s type.
Value exponential(FloatMath &f, Value x);
Value exponentialOfNotPositive(FloatMath &f, Value x);
Value onePlusExponential(FloatMath &f, Value x, bool isNegated);
Value exponentialMinusOne(FloatMath &f, Value x);
Value logarithm(FloatMath &f, Value x);
Value logarithmOfOnePlus(FloatMath &f, Value x);
Value logarithmOfOnePlusFraction(FloatMath &f, Value x);
Value power(FloatMath &f, Value x, Value y);
Value remainder(FloatMath &f, Value x, Value y);

/// Set on math.exp whose argument is never positive: see exponentialOfNotPositive.
inline constexpr llvm::StringLiteral notPositiveAttr = "tenon.not_positive";
/// Set on math.log1p whose argument is in [0, 1]: see logarithmOfOnePlusFraction.
inline constexpr llvm::StringLiteral fractionAttr = "tenon.fraction";

Value sine(FloatMath &f, Value x);
Value cosine(FloatMath &f, Value x);
Value tangent(FloatMath &f, Value x);
Value arcSine(FloatMath &f, Value x);
Value arcCosine(FloatMath &f, Value x);
Value arcTangent(FloatMath &f, Value x);

Value hyperbolicSine(FloatMath &f, Value x);
Value hyperbolicCosine(FloatMath &f, Value x);
Value hyperbolicTangent(FloatMath &f, Value x);
Value areaSine(FloatMath &f, Value x);
Value areaCosine(FloatMath &f, Value x);
Value areaTangent(FloatMath &f, Value x);
Value errorFunction(FloatMath &f, Value x, double scale = 1);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_APPROXIMATEMATH_H
