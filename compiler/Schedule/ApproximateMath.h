//===- ApproximateMath.h - arithmetic on f32 registers, and functions made of it ------------===//

#ifndef TENON_COMPILER_SCHEDULE_APPROXIMATEMATH_H
#define TENON_COMPILER_SCHEDULE_APPROXIMATEMATH_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tenon::schedule {

using llvm::ArrayRef;
using mlir::Attribute;
using mlir::ImplicitLocOpBuilder;
using mlir::Type;
using mlir::TypedAttr;
using mlir::Value;

/// Arithmetic on f32 registers and their bits.
class F32 {
public:
  F32(ImplicitLocOpBuilder &b, Type type) : b(b), type(type) {
    Type i32 = b.getI32Type();
    bits = llvm::isa<mlir::VectorType>(type) ? Type(llvm::cast<mlir::VectorType>(type).clone(i32)) : i32;
    contract = mlir::arith::FastMathFlagsAttr::get(b.getContext(), mlir::arith::FastMathFlags::contract);
  }

  Value number(double value) { return constant(type, b.getF32FloatAttr(value)); }
  Value integer(int32_t value) { return constant(bits, b.getI32IntegerAttr(value)); }
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
  Value withSignOf(Value x, Value y) { return mlir::math::CopySignOp::create(b, x, y); }
  Value select(Value c, Value x, Value y) { return mlir::arith::SelectOp::create(b, c, x, y); }
  /// x within [low, high]; NaN stays.
  Value clamp(Value x, double low, double high) {
    Value l = number(low), h = number(high);
    x = select(less(x, l), l, x);
    return select(greater(x, h), h, x);
  }
  Value toBits(Value x) { return mlir::arith::BitcastOp::create(b, bits, x); }
  Value fromBits(Value x) { return mlir::arith::BitcastOp::create(b, type, x); }
  /// Horner's scheme, highest coefficient first.
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value result = number(coefficients.front());
    for (double coefficient : coefficients.drop_front())
      result = fma(result, x, number(coefficient));
    return result;
  }

  ImplicitLocOpBuilder &b;
  Type type, bits;

private:
  Value constant(Type of, TypedAttr scalar) {
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(of))
      return mlir::arith::ConstantOp::create(b, mlir::DenseElementsAttr::get(vector, Attribute(scalar)));
    return mlir::arith::ConstantOp::create(b, scalar);
  }
  mlir::arith::FastMathFlagsAttr contract;
};

/// x = n ln 2 + r with |r| <= ln 2 / 2, and exp(r) - 1.
struct ReducedExponent {
  Value n, expm1; ///< n as an integer
};
ReducedExponent reduceExponent(F32 &f, Value x);

// Each says its error bound where it is defined; the argument is a register of `f`'s type.
Value exponential(F32 &f, Value x);
Value exponentialMinusOne(F32 &f, Value x);
Value logarithm(F32 &f, Value x);
Value logarithmOfOnePlus(F32 &f, Value x);

Value sine(F32 &f, Value x);
Value cosine(F32 &f, Value x);
Value tangent(F32 &f, Value x);
Value arcSine(F32 &f, Value x);
Value arcCosine(F32 &f, Value x);
Value arcTangent(F32 &f, Value x);

Value hyperbolicSine(F32 &f, Value x);
Value hyperbolicCosine(F32 &f, Value x);
Value areaSine(F32 &f, Value x);
Value areaCosine(F32 &f, Value x);
Value areaTangent(F32 &f, Value x);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_APPROXIMATEMATH_H
