//===- ApproximateHyperbolic.cpp - functions around exp and log in f32 ----------------------===//

#include "compiler/Schedule/ApproximateMath.h"

#include <limits>

using namespace mlir;

namespace tenon::schedule {

static constexpr double ln2 = 0.693147180559945309;

/// exp(x) - 1, at most 4 ulp: as exponential, with 2^n p(r) + (2^n - 1) in place of 2^n (1 + p(r)), in halves, so that
/// 2^128 does not occur.
Value exponentialMinusOne(F32 &f, Value x) {
  ImplicitLocOpBuilder &b = f.b;
  auto [whole, p] = reduceExponent(f, f.clamp(x, -18.0, 89.0));
  Value biased = arith::AddIOp::create(b, whole, f.integer(126));
  Value half = f.fromBits(arith::ShLIOp::create(b, biased, f.integer(23)));
  Value result = f.fma(half, p, f.sub(half, f.number(0.5)));
  result = f.add(result, result);
  // Where r is x, p is all there is, also among denormals.
  Value isSmall = f.less(f.magnitude(x), f.number(0.25));
  return f.select(isSmall, p, result);
}

/// log(1 + x), at most 4 ulp: the rounding of 1 + x is made good by x / ((1 + x) - 1) (Goldberg, "What every computer
/// scientist should know about floating-point arithmetic", 1991, theorem 4).
Value logarithmOfOnePlus(F32 &f, Value x) {
  Value one = f.number(1.0), sum = f.add(x, one), rounded = f.sub(sum, one);
  Value result = f.mul(logarithm(f, sum), f.div(x, rounded));
  result = f.select(f.equal(rounded, f.number(0.0)), x, result);
  Value infinity = f.number(std::numeric_limits<double>::infinity());
  return f.select(f.equal(x, infinity), x, result);
}

/// Half of exp(a), in two factors: it is finite for some a whose exp is not.
static Value halfExponential(F32 &f, Value a) {
  Value part = exponential(f, f.mul(a, f.number(0.5)));
  return f.mul(f.mul(part, f.number(0.5)), part);
}

/// sinh(x), at most 8 ulp.
Value hyperbolicSine(F32 &f, Value x) {
  Value a = f.magnitude(x), t = exponentialMinusOne(f, a);
  Value small = f.mul(f.number(0.5), f.add(t, f.div(t, f.add(t, f.number(1.0)))));
  return f.withSignOf(f.select(f.greater(a, f.number(20.0)), halfExponential(f, a), small), x);
}

/// cosh(x), at most 8 ulp.
Value hyperbolicCosine(F32 &f, Value x) {
  Value half = halfExponential(f, f.magnitude(x));
  return f.add(half, f.div(f.number(0.25), half));
}

/// asinh(x), at most 6 ulp.
Value areaSine(F32 &f, Value x) {
  Value a = f.magnitude(x), one = f.number(1.0), square = f.mul(a, a);
  Value root = f.root(f.add(square, one));
  Value usual = logarithmOfOnePlus(f, f.add(a, f.div(square, f.add(one, root))));
  Value large = f.add(logarithm(f, a), f.number(ln2));
  return f.withSignOf(f.select(f.greater(a, f.number(1e4)), large, usual), x);
}

/// acosh(x), at most 6 ulp; NaN below 1.
Value areaCosine(F32 &f, Value x) {
  Value t = f.sub(x, f.number(1.0));
  Value usual = logarithmOfOnePlus(f, f.add(t, f.root(f.fma(t, t, f.add(t, t)))));
  Value large = f.add(logarithm(f, x), f.number(ln2));
  Value result = f.select(f.greater(x, f.number(1e4)), large, usual);
  return f.select(f.less(x, f.number(1.0)), f.number(std::numeric_limits<double>::quiet_NaN()), result);
}

/// atanh(x), at most 6 ulp; infinite at 1, NaN beyond.
Value areaTangent(F32 &f, Value x) {
  Value a = f.magnitude(x);
  Value argument = f.div(f.add(a, a), f.sub(f.number(1.0), a));
  return f.withSignOf(f.mul(f.number(0.5), logarithmOfOnePlus(f, argument)), x);
}

} // namespace tenon::schedule
