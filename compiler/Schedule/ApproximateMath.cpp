//===- ApproximateMath.cpp - polynomials for f32 transcendental functions ------------------===//
//
// Expects: math ops on f32 scalars or vectors in scheduled kernels. Guarantees: straight-line arithmetic with the error
// bounds said at each function (test/numerics checks them against f64); NaN, infinities and overflow as in the C
// library. Scalars get the same code as vectors, so a value does not depend on the lane it is computed in.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/ApproximateMath.h"
#include "compiler/Schedule/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;

namespace tenon::schedule {

#define GEN_PASS_DEF_APPROXIMATEMATH
#include "compiler/Schedule/Passes.h.inc"

/// ln 2 in two parts (Cody and Waite, 1980); a polynomial of degree 6 in r (Cephes expf).
ReducedExponent reduceExponent(F32 &f, Value x) {
  // Adding 1.5 * 2^23 rounds to a whole number that then stands in the low bits.
  Value magic = f.number(12582912.0);
  Value shifted = f.fma(x, f.number(1.44269504088896341), magic);
  Value n = f.sub(shifted, magic);
  Value r = f.fma(n, f.number(-0.693359375), x);
  r = f.fma(n, f.number(2.12194440e-4), r);
  Value p = f.polynomial(
      r, {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1});
  Value whole = arith::SubIOp::create(f.b, f.toBits(shifted), f.integer(0x4B400000));
  return {whole, f.fma(p, f.mul(r, r), r)};
}

/// exp(x), at most 2 ulp: 2^n in two factors, so that results down to the smallest denormal and up to infinity come out
/// right.
Value exponential(F32 &f, Value x) {
  ImplicitLocOpBuilder &b = f.b;
  auto [whole, p] = reduceExponent(f, f.clamp(x, -104.0, 89.0));
  Value half = arith::ShRSIOp::create(b, whole, f.integer(1));
  auto powerOfTwo = [&](Value exponent) {
    Value biased = arith::AddIOp::create(b, exponent, f.integer(127));
    return f.fromBits(arith::ShLIOp::create(b, biased, f.integer(23)));
  };
  Value rest = powerOfTwo(arith::SubIOp::create(b, whole, half));
  return f.mul(f.mul(f.add(p, f.number(1.0)), powerOfTwo(half)), rest);
}

/// log(x), at most 2 ulp: mantissa in [sqrt(1/2), sqrt(2)) and a polynomial of degree 9 (Cephes logf).
Value logarithm(F32 &f, Value x) {
  ImplicitLocOpBuilder &b = f.b;
  Value smallest = f.number(1.17549435e-38), isTiny = f.less(x, smallest);
  Value scaled = f.select(isTiny, f.mul(x, f.number(8388608.0)), x);
  Value bits = f.toBits(scaled);
  Value exponent = arith::SubIOp::create(b, arith::ShRUIOp::create(b, bits, f.integer(23)), f.integer(126));
  exponent = arith::SubIOp::create(b, exponent, f.select(isTiny, f.integer(23), f.integer(0)));
  Value mantissa =
      f.fromBits(arith::OrIOp::create(b, arith::AndIOp::create(b, bits, f.integer(0x007FFFFF)), f.integer(0x3F000000)));
  Value isLow = f.less(mantissa, f.number(0.707106781186547524));
  Value e = arith::SIToFPOp::create(b, f.type, exponent);
  e = f.sub(e, f.select(isLow, f.number(1.0), f.number(0.0)));
  Value m = f.sub(f.select(isLow, f.add(mantissa, mantissa), mantissa), f.number(1.0));
  Value z = f.mul(m, m);
  Value p = f.polynomial(m, {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                             -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1});
  Value y = f.mul(f.mul(p, m), z);
  y = f.fma(e, f.number(-2.12194440e-4), y);
  y = f.fma(z, f.number(-0.5), y);
  Value result = f.fma(e, f.number(0.693359375), f.add(m, y));
  double infinity = std::numeric_limits<double>::infinity();
  Value isInfinite = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, f.number(infinity));
  Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, f.number(0.0));
  Value notPositive = arith::CmpFOp::create(b, arith::CmpFPredicate::ULT, x, f.number(0.0));
  result = f.select(isInfinite, x, result);
  result = f.select(isZero, f.number(-infinity), result);
  return f.select(notPositive, f.number(std::numeric_limits<double>::quiet_NaN()), result);
}

namespace {

/// tanh(x), at most 4 ulp: a rational function of degrees 13 and 6 on |x| <= 7.905 (the coefficients of Eigen's ptanh),
/// 1 beyond, x itself where x is tiny.
Value hyperbolicTangent(F32 &f, Value x) {
  Value bounded = f.clamp(x, -7.90531110763549805, 7.90531110763549805);
  Value z = f.mul(bounded, bounded);
  Value p = f.polynomial(z, {-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
                             1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03});
  Value q = f.polynomial(z, {1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03});
  Value result = f.div(f.mul(bounded, p), q);
  Value isTiny = f.less(math::AbsFOp::create(f.b, x), f.number(4e-4));
  return f.select(isTiny, x, result);
}

/// erf(x), absolute error at most 3e-7: a rational function of degrees 13 and 8 on |x| <= 4 (the coefficients of XLA's
/// ErfF32).
Value errorFunction(F32 &f, Value x) {
  Value bounded = f.clamp(x, -4.0, 4.0);
  Value z = f.mul(bounded, bounded);
  Value p = f.polynomial(z, {-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
                             -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02});
  Value q = f.polynomial(z, {-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
                             -1.42647390514189e-02});
  return f.clamp(f.div(f.mul(bounded, p), q), -1.0, 1.0);
}

Value approximation(Operation *op) {
  if (op->getNumOperands() != 1 || !getElementTypeOrSelf(op->getOperand(0).getType()).isF32())
    return Value();
  ImplicitLocOpBuilder b(op->getLoc(), op);
  F32 f(b, op->getOperand(0).getType());
  Value x = op->getOperand(0);
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](math::ExpOp) { return exponential(f, x); })
      .Case([&](math::LogOp) { return logarithm(f, x); })
      .Case([&](math::TanhOp) { return hyperbolicTangent(f, x); })
      .Case([&](math::ErfOp) { return errorFunction(f, x); })
      .Case([&](math::ExpM1Op) { return exponentialMinusOne(f, x); })
      .Case([&](math::Log1pOp) { return logarithmOfOnePlus(f, x); })
      .Case([&](math::SinOp) { return sine(f, x); })
      .Case([&](math::CosOp) { return cosine(f, x); })
      .Case([&](math::TanOp) { return tangent(f, x); })
      .Case([&](math::AsinOp) { return arcSine(f, x); })
      .Case([&](math::AcosOp) { return arcCosine(f, x); })
      .Case([&](math::AtanOp) { return arcTangent(f, x); })
      .Case([&](math::SinhOp) { return hyperbolicSine(f, x); })
      .Case([&](math::CoshOp) { return hyperbolicCosine(f, x); })
      .Case([&](math::AsinhOp) { return areaSine(f, x); })
      .Case([&](math::AcoshOp) { return areaCosine(f, x); })
      .Case([&](math::AtanhOp) { return areaTangent(f, x); })
      .Default([](Operation *) { return Value(); });
}

/// Whether the C library computes it, an element at a time.
bool isLibraryCall(Operation *op) {
  return isa<math::ExpOp, math::ExpM1Op, math::LogOp, math::Log1pOp, math::TanhOp, math::ErfOp, math::SinOp,
             math::CosOp, math::TanOp, math::AsinOp, math::AcosOp, math::AtanOp, math::SinhOp, math::CoshOp,
             math::AsinhOp, math::AcoshOp, math::AtanhOp, math::PowFOp>(op);
}

struct ApproximateMath : impl::ApproximateMathBase<ApproximateMath> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa_and_nonnull<math::MathDialect>(op->getDialect()))
        ops.push_back(op);
    });
    bool callsLibrary = false;
    for (Operation *op : ops)
      if (Value value = approximation(op)) {
        op->getResult(0).replaceAllUsesWith(value);
        op->erase();
      } else {
        callsLibrary |= isLibraryCall(op);
      }
    auto path = getOperation()->getAttrOfType<StringAttr>("nn.path");
    if (callsLibrary && path && (path == "vector" || path == "gather"))
      getOperation()->setAttr("nn.path", StringAttr::get(&getContext(), "library"));
  }
};

} // namespace
} // namespace tenon::schedule
