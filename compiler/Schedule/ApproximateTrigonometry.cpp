//===- ApproximateTrigonometry.cpp - circular functions and their inverses ------------------===//
//
// The polynomials of f32 are those of Cephes (sinf.c, tanf.c, asinf.c, atanf.c); those of f64 interpolate the function
// at Chebyshev nodes, with an error below 2^-55 relative to the result.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/ApproximateMath.h"

using namespace mlir;

namespace tenon::schedule {

static constexpr double pi = 3.14159265358979323846;

namespace {
/// x = n pi/2 + r with |r| <= pi/4.
struct Reduced {
  Value n, r; ///< n as an integer
};
} // namespace

/// pi/2 in parts, of which all but the last have so few bits that their products with n are exact.
static Reduced reduce(FloatMath &f, Value x) {
  static constexpr double single[] = {-1.5703125, -4.837512969970703125e-4, -7.54978995489188216e-8};
  static constexpr double twice[] = {-1.5707963267341256, -6.077100506303966e-11, -2.0222662487111665e-21,
                                     -8.4784276603689e-32};
  Value shift = f.number(f.roundingShift());
  Value shifted = f.fma(x, f.number(2 / pi), shift), n = f.sub(shifted, shift), r = x;
  for (double part : f.choose<ArrayRef<double>>(single, twice))
    r = f.fma(n, f.number(part), r);
  return {arith::SubIOp::create(f.b, f.toBits(shifted), f.integer(f.bitsOfRoundingShift())), r};
}

/// The library's form where an argument is too large for the reduction.
template <typename Op> static Value unlessLarge(FloatMath &f, Value x, llvm::function_ref<Value()> fast) {
  // NaN and infinity are among the large ones.
  Value isLarge =
      arith::CmpFOp::create(f.b, arith::CmpFPredicate::UGT, f.magnitude(x), f.number(f.choose(8192.0, 1e6)));
  return unlessRare(f, isLarge, [&] { return Op::create(f.b, x); }, fast);
}

static Value isOdd(FloatMath &f, Value n) {
  return arith::CmpIOp::create(f.b, arith::CmpIPredicate::ne, arith::AndIOp::create(f.b, n, f.integer(1)),
                               f.integer(0));
}

/// sin(r) and cos(r) for |r| <= pi/4.
static std::pair<Value, Value> sineAndCosine(FloatMath &f, Value r) {
  static constexpr double singleSine[] = {-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1};
  static constexpr double singleCosine[] = {2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2};
  static constexpr double twiceSine[] = {-7.586576588171073e-13, 1.6058529572267877e-10,  -2.5052106219521895e-08,
                                         2.755731921930192e-06,  -0.00019841269841265017, 0.008333333333333331,
                                         -0.16666666666666666};
  static constexpr double twiceCosine[] = {-1.1382456778061164e-11, 2.087614382799313e-09,  -2.7557317260008837e-07,
                                           2.480158729874307e-05,   -0.0013888888888887382, 0.041666666666666664};
  Value z = f.mul(r, r);
  Value s = f.polynomial(z, f.choose<ArrayRef<double>>(singleSine, twiceSine));
  s = f.fma(f.mul(s, z), r, r);
  Value c = f.polynomial(z, f.choose<ArrayRef<double>>(singleCosine, twiceCosine));
  c = f.fma(c, f.mul(z, z), f.fma(z, f.number(-0.5), f.number(1.0)));
  return {s, c};
}

/// sin(r), or cos(r) where n is odd; negative where n has its second bit.
static Value quadrant(FloatMath &f, Value n, Value r) {
  ImplicitLocOpBuilder &b = f.b;
  auto [s, c] = sineAndCosine(f, r);
  Value odd = isOdd(f, n);
  Value second = arith::AndIOp::create(b, n, f.integer(2));
  Value sign = arith::ShLIOp::create(b, second, f.integer(f.choose(30, 62)));
  return f.fromBits(arith::XOrIOp::create(b, f.toBits(f.select(odd, c, s)), sign));
}

/// sin(x), at most 3 ulp.
Value sine(FloatMath &f, Value x) {
  return unlessLarge<math::SinOp>(f, x, [&] {
    Reduced reduced = reduce(f, x);
    return quadrant(f, reduced.n, reduced.r);
  });
}

/// cos(x), at most 3 ulp: the quadrant after sin's.
Value cosine(FloatMath &f, Value x) {
  return unlessLarge<math::CosOp>(f, x, [&] {
    Reduced reduced = reduce(f, x);
    return quadrant(f, arith::AddIOp::create(f.b, reduced.n, f.integer(1)), reduced.r);
  });
}

/// tan(x), at most 4 ulp; of f64 it is the quotient of sine and cosine.
Value tangent(FloatMath &f, Value x) {
  return unlessLarge<math::TanOp>(f, x, [&]() -> Value {
    Reduced reduced = reduce(f, x);
    Value r = reduced.r, odd = isOdd(f, reduced.n);
    if (f.isDouble) {
      auto [s, c] = sineAndCosine(f, r);
      return f.div(f.select(odd, f.sub(f.number(-0.0), c), s), f.select(odd, s, c));
    }
    Value z = f.mul(r, r);
    Value p = f.polynomial(z, {9.38540185543e-3, 3.11992232697e-3, 2.44301354525e-2, 5.34112807005e-2, 1.33387994085e-1,
                               3.33331568548e-1});
    Value t = f.fma(f.mul(p, z), r, r);
    return f.select(odd, f.div(f.number(-1.0), t), t);
  });
}

namespace {
/// asin of |x| up to 1/2, else of sqrt((1 - |x|) / 2), which is half of acos |x|.
struct ArcSineParts {
  Value isLarge, asin;
};
} // namespace

static ArcSineParts arcSineParts(FloatMath &f, Value x) {
  Value a = f.magnitude(x), half = f.number(0.5), isLarge = f.greater(a, half);
  Value square = f.select(isLarge, f.mul(half, f.sub(f.number(1.0), a)), f.mul(a, a));
  Value argument = f.select(isLarge, f.root(square), a);
  static constexpr double single[] = {4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2,
                                      1.6666752422e-1};
  static constexpr double twice[] = {
      0.028757851367421747, -0.014851887071247485, 0.017400879442694216, 0.005457506718640282, 0.010322814350185798,
      0.011479177415184902, 0.013971212973552933,  0.017352392720869973, 0.02237217294214989,  0.030381944138531247,
      0.04464285714635543,  0.07499999999998433,   0.16666666666666669};
  Value p = f.polynomial(square, f.choose<ArrayRef<double>>(single, twice));
  return {isLarge, f.fma(f.mul(p, square), argument, argument)};
}

/// asin(x), at most 3 ulp. NaN beyond 1.
Value arcSine(FloatMath &f, Value x) {
  auto [isLarge, part] = arcSineParts(f, x);
  Value large = f.fma(part, f.number(-2.0), f.number(pi / 2));
  return f.withSignOf(f.select(isLarge, large, part), x);
}

/// acos(x), at most 3 ulp. NaN beyond 1.
Value arcCosine(FloatMath &f, Value x) {
  auto [isLarge, part] = arcSineParts(f, x);
  Value twice = f.add(part, part), isNegative = f.less(x, f.number(0.0));
  Value large = f.select(isNegative, f.sub(f.number(pi), twice), twice);
  return f.select(isLarge, large, f.sub(f.number(pi / 2), f.withSignOf(part, x)));
}

/// atan(x), at most 3 ulp, from what is left beyond pi/4 and pi/2.
Value arcTangent(FloatMath &f, Value x) {
  Value a = f.magnitude(x), one = f.number(1.0), zero = f.number(0.0);
  Value isLarge = f.greater(a, f.number(2.414213562373095)), isMiddle = f.greater(a, f.number(0.414213562373095));
  Value numerator = f.select(isLarge, f.number(-1.0), f.select(isMiddle, f.sub(a, one), a));
  Value denominator = f.select(isLarge, a, f.select(isMiddle, f.add(a, one), one));
  Value start = f.select(isLarge, f.number(pi / 2), f.select(isMiddle, f.number(pi / 4), zero));
  Value r = f.div(numerator, denominator), z = f.mul(r, r);
  static constexpr double single[] = {8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1};
  static constexpr double twice[] = {-0.01916206891590248, 0.03921955253255121,  -0.05085030492810937,
                                     0.0585806875686151,   -0.06664502215671447, 0.07692182535116648,
                                     -0.09090904549884611, 0.11111111014561013,  -0.14285714284657894,
                                     0.1999999999999548,   -0.3333333333333333};
  Value p = f.polynomial(z, f.choose<ArrayRef<double>>(single, twice));
  return f.withSignOf(f.add(start, f.fma(f.mul(p, z), r, r)), x);
}

} // namespace tenon::schedule
