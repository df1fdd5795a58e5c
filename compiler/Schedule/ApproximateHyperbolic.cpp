//===- ApproximateHyperbolic.cpp - functions around exp and log -----------------------------===//

#include "compiler/Schedule/ApproximateMath.h"

#include <limits>

using namespace mlir;

namespace tenon::schedule {

static constexpr double ln2 = 0.693147180559945309;

/// Half of exp(a), in two factors: it is finite for some a whose exp is not.
static Value halfExponential(FloatMath &f, Value a) {
  Value part = exponential(f, f.mul(a, f.number(0.5)));
  return f.mul(f.mul(part, f.number(0.5)), part);
}

/// sinh(x), at most 8 ulp.
Value hyperbolicSine(FloatMath &f, Value x) {
  Value a = f.magnitude(x), t = exponentialMinusOne(f, a);
  Value small = f.mul(f.number(0.5), f.add(t, f.div(t, f.add(t, f.number(1.0)))));
  return f.withSignOf(f.select(f.greater(a, f.number(20.0)), halfExponential(f, a), small), x);
}

/// cosh(x), at most 8 ulp.
Value hyperbolicCosine(FloatMath &f, Value x) {
  Value half = halfExponential(f, f.magnitude(x));
  return f.add(half, f.div(f.number(0.25), half));
}

/// tanh(x) of f32, at most 4 ulp: a rational function of degrees 13 and 6 on |x| <= 9 (the coefficients of Eigen's
/// ptanh), 1 beyond, x itself where x is tiny.
static Value hyperbolicTangentSingle(FloatMath &f, Value x) {
  // Beyond 9 the result is x tanh(9) / 9, which the last bound takes to 1 exactly: GELU takes the difference from 1.
  Value z = f.atMost(f.mul(x, x), 81.0);
  Value p = f.polynomial(z, {-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
                             1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03});
  Value q = f.polynomial(z, {1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03});
  Value result = f.clamp(f.div(f.mul(x, p), q), -1.0, 1.0);
  return f.select(f.less(f.magnitude(x), f.number(4e-4)), x, result);
}

/// tanh(x), at most 4 ulp; in f64 it is -t / (t + 2) with t = exp(-2 |x|) - 1.
Value hyperbolicTangent(FloatMath &f, Value x) {
  if (!f.isDouble)
    return hyperbolicTangentSingle(f, x);
  Value t = exponentialMinusOne(f, f.mul(f.magnitude(x), f.number(-2.0)));
  return f.withSignOf(f.div(t, f.add(t, f.number(2.0))), x);
}

/// asinh(x), at most 6 ulp.
Value areaSine(FloatMath &f, Value x) {
  Value a = f.magnitude(x), one = f.number(1.0), square = f.mul(a, a);
  Value root = f.root(f.add(square, one));
  Value usual = logarithmOfOnePlus(f, f.add(a, f.div(square, f.add(one, root))));
  Value large = f.add(logarithm(f, a), f.number(ln2));
  return f.withSignOf(f.select(f.greater(a, f.number(f.choose(1e4, 0x1p28))), large, usual), x);
}

/// acosh(x), at most 6 ulp; NaN below 1.
Value areaCosine(FloatMath &f, Value x) {
  Value t = f.sub(x, f.number(1.0));
  Value usual = logarithmOfOnePlus(f, f.add(t, f.root(f.fma(t, t, f.add(t, t)))));
  Value large = f.add(logarithm(f, x), f.number(ln2));
  Value result = f.select(f.greater(x, f.number(f.choose(1e4, 0x1p28))), large, usual);
  return f.select(f.less(x, f.number(1.0)), f.number(std::numeric_limits<double>::quiet_NaN()), result);
}

/// atanh(x), at most 6 ulp; infinite at 1, NaN beyond.
Value areaTangent(FloatMath &f, Value x) {
  Value a = f.magnitude(x);
  Value argument = f.div(f.add(a, a), f.sub(f.number(1.0), a));
  return f.withSignOf(f.mul(f.number(0.5), logarithmOfOnePlus(f, argument)), x);
}

} // namespace tenon::schedule
