//===- ApproximateExponential.cpp - exponential, logarithm, power, remainder, error function --===//
//
// The polynomials of f32 are those of Cephes (logf.c) where nothing else is said; those of f64, and that of exp in f32,
// interpolate the function at Chebyshev nodes, with an error below 2^-56 (2^-26.9) relative to what they are part of.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/ApproximateMath.h"
#include "dialects/ukernel/Ukernel.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace tenon::schedule {

static constexpr double infinity = std::numeric_limits<double>::infinity();
static constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

Value unlessRare(FloatMath &f, Value isRare, llvm::function_ref<Value()> library, llvm::function_ref<Value()> fast) {
  ImplicitLocOpBuilder &b = f.b;
  if (isa<VectorType>(f.type))
    isRare = vector::ReductionOp::create(b, vector::CombiningKind::OR, isRare);
  auto choice = scf::IfOp::create(b, TypeRange(f.type), isRare, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::YieldOp::create(b, library());
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b, fast());
  return choice.getResult(0);
}

Rounded roundToWhole(FloatMath &f, Value x, int64_t bias) {
  Value shift = f.number(f.roundingShift() + double(bias)), shifted = f.add(x, shift);
  return {f.sub(shifted, shift), f.toBits(shifted)};
}

/// Coefficients of (exp(r) - 1 - r) / r^2, or of that of -r, from the highest.
static SmallVector<double> exponentialCoefficients(const FloatMath &f, bool isNegated) {
  static constexpr double single[] = {0.0013926926614021907, 0.008363773874405574, 0.04166655011030512,
                                      0.16666573381900845, 0.5};
  static constexpr double twice[] = {2.510134692835034e-08,  2.7621338669142925e-07, 2.75572664186123e-06,
                                     2.4801518641395993e-05, 0.00019841269864380513, 0.0013888888918939168,
                                     0.008333333333329793,   0.04166666666662064,    0.16666666666666669,
                                     0.5000000000000001};
  SmallVector<double> coefficients(f.choose<ArrayRef<double>>(single, twice));
  if (isNegated)
    for (size_t odd = 1; odd < coefficients.size(); odd += 2)
      coefficients[coefficients.size() - 1 - odd] *= -1;
  return coefficients;
}

Value smallExponentialMinusOne(FloatMath &f, Value r) {
  Value p = f.polynomial(r, exponentialCoefficients(f, /*isNegated=*/false));
  return f.fma(p, f.mul(r, r), r);
}

/// exp(r), or exp(-r), for |r| <= ln 2 / 2 with an error of less than 1 ulp.
static Value smallExponential(FloatMath &f, Value r, bool isNegated = false) {
  SmallVector<double> coefficients = exponentialCoefficients(f, isNegated);
  coefficients.append({isNegated ? -1.0 : 1.0, 1.0});
  return f.polynomial(r, coefficients);
}

/// ln 2 in two parts, the first of so few bits that its product with n is exact (Cody and Waite, 1980).
static ArrayRef<double> partsOfLn2(const FloatMath &f) {
  static constexpr double single[] = {0.693359375, -2.12194440e-4};
  static constexpr double twice[] = {0.6931471803691238, 1.9082149292705877e-10};
  return f.choose<ArrayRef<double>>(single, twice);
}

/// ln 2 in one part, for a fused multiply-add: n times its error of 2^-29 matters below -20.
static constexpr double wholeLn2[] = {0.69314718055994531};

/// As reduceExponent, with n rounded as the sum with `shift` is.
static ReducedExponent reduceWith(FloatMath &f, Value x, double shift, bool isNegated, ArrayRef<double> ln2) {
  double sign = isNegated ? -1 : 1;
  Value shiftNumber = f.number(shift);
  Value shifted = f.fma(x, f.number(sign * 1.44269504088896341), shiftNumber);
  Value n = f.sub(shifted, shiftNumber), r = x;
  // The same for either sign of x, but for that of r.
  for (double part : ln2)
    r = f.fma(n, f.number(-sign * part), r);
  return {r, f.toBits(shifted), n};
}

ReducedExponent reduceExponent(FloatMath &f, Value x, int64_t bias, bool isNegated) {
  return reduceWith(f, x, f.roundingShift() + double(bias), isNegated, partsOfLn2(f));
}

namespace {
/// exp(x) = power + power * p with |p| <= ln 2 / 2L, from a table of the L powers of two with exponents from 0 to 1,
/// where L is the number of lanes (Tang, "Table-driven implementation of the exponential function in IEEE
/// floating-point arithmetic", ACM TOMS 15, 1989). f32 only.
struct TabulatedExponential {
  Value power, p;
  Value n; ///< a multiple of 1/L, whose whole part may be missing in `power`

  Value product(FloatMath &f) const { return f.fma(power, p, power); }
};
} // namespace

/// `hasWhole`: the power takes its whole exponent from the bits, so that it must be a normal number.
static TabulatedExponential tabulateExponential(FloatMath &f, Value x, bool hasWhole, ArrayRef<double> ln2,
                                                bool isNegated = false) {
  int64_t entries = f.lanes, unit = int64_t(1) << f.mantissaBits();
  ReducedExponent parts = reduceWith(f, x, f.roundingShift() / double(entries), isNegated, ln2);
  SmallVector<int32_t> table;
  for (int64_t entry = 0; entry < entries; ++entry) {
    // What the entry's number leaves in the mantissa below the exponent is taken off in advance.
    int64_t bits = llvm::bit_cast<int32_t>(static_cast<float>(std::exp2(double(entry) / double(entries))));
    table.push_back(static_cast<int32_t>(bits - (hasWhole ? entry * (unit / entries) : 0)));
  }
  Value power = ukernel::LookupOp::create(f.b, table, parts.bits);
  if (hasWhole)
    power = arith::AddIOp::create(f.b, power,
                                  arith::ShLIOp::create(f.b, parts.bits, f.integer(llvm::Log2_64(unit / entries))));
  // r^3 (1/6 + r/24) with r^4 as the multiple of r^2 that is nearest to it up to the bound of r.
  double bound = wholeLn2[0] / double(2 * entries), nearest = 2 * std::sqrt(2.0) - 2, sign = isNegated ? -1 : 1;
  Value p = f.polynomial(parts.r, {sign / 6, 0.5 + nearest * bound * bound / 24, sign});
  return {f.fromBits(power), f.mul(p, parts.r), parts.n};
}

/// 2^n of an exponent with its bias in the low bits of `bits`; what stands above them does not matter.
static Value powerOfTwo(FloatMath &f, Value bits) {
  return f.fromBits(arith::ShLIOp::create(f.b, bits, f.integer(f.mantissaBits())));
}

Value scaleByPowerOfTwo(FloatMath &f, Value x, Value bits) {
  ImplicitLocOpBuilder &b = f.b;
  // Both halves of n come with the bias.
  int64_t exponentMask = f.choose<int64_t>(0x7F800000, 0x7FF0000000000000);
  Value half = arith::ShLIOp::create(b, bits, f.integer(f.mantissaBits() - 1));
  half = arith::AndIOp::create(b, half, f.integer(exponentMask));
  Value rest = arith::SubIOp::create(b, f.toBits(powerOfTwo(f, bits)), half);
  return f.mul(f.mul(x, f.fromBits(half)), f.fromBits(rest));
}

/// exp(x), at most 2 ulp.
Value exponential(FloatMath &f, Value x) {
  x = f.clamp(x, f.choose(-104.0, -746.0), f.choose(89.0, 710.0));
  if (f.hasTable && f.hasScale) {
    TabulatedExponential parts = tabulateExponential(f, x, /*hasWhole=*/false, partsOfLn2(f));
    return ukernel::ScaleOp::create(f.b, parts.product(f), parts.n);
  }
  ReducedExponent parts = reduceExponent(f, x, f.biasOfHalves());
  Value p = smallExponential(f, parts.r);
  return f.hasScale ? Value(ukernel::ScaleOp::create(f.b, p, parts.n)) : scaleByPowerOfTwo(f, p, parts.bits);
}

/// exp(x) for x <= 0 (or NaN), at most 2 ulp (5 below -20), but perhaps 0 in place of denormals: from the bound on the
/// factor's exponent and with that the factor is 0.
Value exponentialOfNotPositive(FloatMath &f, Value x) {
  if (f.hasTable) {
    Value result = tabulateExponential(f, x, /*hasWhole=*/true, wholeLn2).product(f);
    // As a mask it costs less than bounds on the argument. NaN stays.
    Value isNormal = arith::CmpFOp::create(f.b, arith::CmpFPredicate::UGE, x, f.number(-87.3365));
    return f.select(isNormal, result, f.number(0.0));
  }
  if (f.hasScale && f.isDouble) {
    ReducedExponent parts = reduceExponent(f, f.atLeast(x, -746.0), 0);
    return ukernel::ScaleOp::create(f.b, smallExponential(f, parts.r), parts.n);
  }
  if (f.hasScale) {
    // A machine that scales has a fused multiply-add.
    ReducedExponent parts = reduceWith(f, f.atLeast(x, -104.0), f.roundingShift(), /*isNegated=*/false, wholeLn2);
    return ukernel::ScaleOp::create(f.b, smallExponential(f, parts.r), parts.n);
  }
  ReducedExponent parts = reduceExponent(f, f.atLeast(x, f.choose(-88.2, -709.2)), f.exponentBias());
  return f.mul(smallExponential(f, parts.r), powerOfTwo(f, parts.bits));
}

/// 1 + exp(x) or 1 + exp(-x), at most 2 ulp: an exponential too small to matter may be any small number, so one factor
/// will do. Beyond the largest number its exponent is that of infinity.
Value onePlusExponential(FloatMath &f, Value x, bool isNegated) {
  double low = f.choose(-87.0, -708.0), high = f.choose(89.0, 710.0);
  x = isNegated ? f.clamp(x, -high, -low) : f.clamp(x, low, high);
  if (f.hasTable && f.hasScale) {
    TabulatedExponential parts = tabulateExponential(f, x, /*hasWhole=*/false, partsOfLn2(f), isNegated);
    return f.add(ukernel::ScaleOp::create(f.b, parts.product(f), parts.n), f.number(1.0));
  }
  ReducedExponent parts = reduceExponent(f, x, f.exponentBias(), isNegated);
  return f.fma(smallExponential(f, parts.r, isNegated), powerOfTwo(f, parts.bits), f.number(1.0));
}

/// exp(x) - 1, at most 4 ulp: as exponential, with 2^n p(r) + (2^n - 1) in place of 2^n (1 + p(r)), in halves, so that
/// the power of two beyond the largest number does not occur.
Value exponentialMinusOne(FloatMath &f, Value x) {
  x = f.clamp(x, f.choose(-18.0, -38.0), f.choose(89.0, 710.0));
  ReducedExponent parts = reduceExponent(f, x, f.exponentBias() - 1);
  Value half = powerOfTwo(f, parts.bits), p = smallExponentialMinusOne(f, parts.r);
  Value result = f.fma(half, p, f.sub(half, f.number(0.5)));
  result = f.add(result, result);
  // Where r is x, p is all there is, also among denormals.
  Value isSmall = f.less(f.magnitude(x), f.number(0.25));
  return f.select(isSmall, p, result);
}

Decomposed decompose(FloatMath &f, Value x) {
  ImplicitLocOpBuilder &b = f.b;
  double smallestNormal = f.choose<double>(std::numeric_limits<float>::min(), std::numeric_limits<double>::min());
  double hidden = f.choose(0x1p23, 0x1p52);
  Value isTiny = f.less(x, f.number(smallestNormal));
  Value bits = f.toBits(f.select(isTiny, f.mul(x, f.number(hidden)), x));
  Value exponent = arith::ShRUIOp::create(b, bits, f.integer(f.mantissaBits()));
  // An integer becomes a number as the low bits of one that is known.
  Value shifted = arith::AddIOp::create(b, exponent, f.integer(f.bitsOfRoundingShift()));
  Value e = f.sub(f.fromBits(shifted), f.number(f.roundingShift() + f.exponentBias() - 1));
  e = f.sub(e, f.select(isTiny, f.number(f.mantissaBits()), f.number(0.0)));
  int64_t mantissaMask = (int64_t(1) << f.mantissaBits()) - 1;
  int64_t bitsOfHalf = int64_t(f.exponentBias() - 1) << f.mantissaBits();
  Value mantissa = f.fromBits(
      arith::OrIOp::create(b, arith::AndIOp::create(b, bits, f.integer(mantissaMask)), f.integer(bitsOfHalf)));
  Value isLow = f.less(mantissa, f.number(0.707106781186547524));
  return {f.sub(e, f.select(isLow, f.number(1.0), f.number(0.0))),
          f.select(isLow, f.add(mantissa, mantissa), mantissa)};
}

/// e ln 2 + log(1 + m) with a polynomial in m.
static Value logarithmOfParts(FloatMath &f, Value e, Value m) {
  Value z = f.mul(m, m);
  Value p = f.polynomial(m, {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                             -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1});
  Value y = f.mul(f.mul(p, m), z);
  y = f.fma(e, f.number(-2.12194440e-4), y);
  y = f.fma(z, f.number(-0.5), y);
  return f.fma(e, f.number(0.693359375), f.add(m, y));
}

/// e ln 2 + log(1 + m) in f64: log(1 + m) = 2 atanh(s) with s = m / (2 + m), from m - m^2 / 2, which need no division,
/// so that errors of s matter little (as in fdlibm's e_log.c).
static Value logarithmOfPartsTwice(FloatMath &f, Value e, Value m) {
  Value s = f.div(m, f.add(m, f.number(2.0))), z = f.mul(s, s);
  Value p = f.polynomial(z, {0.1463003136412286, 0.15330617306743305, 0.18182922513515942, 0.22222210674238516,
                             0.28571428628810996, 0.3999999999989322, 0.666666666666667});
  Value half = f.mul(f.mul(m, m), f.number(0.5));
  Value y = f.fma(s, f.fma(p, z, half), f.mul(e, f.number(1.9082149292705877e-10)));
  return f.fma(e, f.number(0.6931471803691238), f.sub(m, f.sub(half, y)));
}

/// log(x), at most 2 ulp.
Value logarithm(FloatMath &f, Value x) {
  auto [e, mantissa] = decompose(f, x);
  Value m = f.sub(mantissa, f.number(1.0));
  Value result = f.isDouble ? logarithmOfPartsTwice(f, e, m) : logarithmOfParts(f, e, m);
  Value notPositive = arith::CmpFOp::create(f.b, arith::CmpFPredicate::ULT, x, f.number(0.0));
  result = f.select(f.equal(x, f.number(infinity)), x, result);
  result = f.select(f.equal(x, f.number(0.0)), f.number(-infinity), result);
  return f.select(notPositive, f.number(notANumber), result);
}

/// log(1 + x), at most 4 ulp: the rounding of 1 + x is made good by x / ((1 + x) - 1) (Goldberg, "What every computer
/// scientist should know about floating-point arithmetic", 1991, theorem 4).
Value logarithmOfOnePlus(FloatMath &f, Value x) {
  Value one = f.number(1.0), sum = f.add(x, one), rounded = f.sub(sum, one);
  Value result = f.mul(logarithm(f, sum), f.div(x, rounded));
  result = f.select(f.equal(rounded, f.number(0.0)), x, result);
  return f.select(f.equal(x, f.number(infinity)), x, result);
}

/// log(1 + x) for x in [0, 1] (or NaN), at most 2 ulp: 2 atanh(s) with s = x / (2 + x) in [0, 1/3], so that no power of
/// two is taken out. (atanh(s) / s - 1) / s^2 by polynomials in s^2, least at Chebyshev's points: errors of 5e-9 and
/// 1e-16.
Value logarithmOfOnePlusFraction(FloatMath &f, Value x) {
  static constexpr double single[] = {0.14013819784104534, 0.13999086629232585, 0.20010895427418407,
                                      0.33333205234031565};
  static constexpr double twice[] = {-0.08559376099370408, 0.12503676288859217, 0.03416038587483629,
                                     0.061249271264284755, 0.06647197579121623, 0.07693296381519067,
                                     0.09090877540669849,  0.11111111715187147, 0.1428571427941085,
                                     0.20000000000030085,  0.3333333333333327};
  Value s = f.div(x, f.add(x, f.number(2.0))), square = f.mul(s, s), both = f.add(s, s);
  Value p = f.polynomial(square, f.choose<ArrayRef<double>>(single, twice));
  return f.fma(f.mul(both, square), p, both);
}

namespace {
/// A number in two parts, of which the first has few bits (FloatMath::head).
struct TwoParts {
  Value head, tail;
};
} // namespace

/// log2(a) for finite a > 0, with about eight bits more than a number has. With s = (m - 1) / (m + 1),
/// log(m) = 2/3 s (3 + s^2 + 3/5 s^4 + ...); s, the bracket and their product are carried in two parts (fdlibm's
/// e_pow.c).
static TwoParts logarithmBaseTwo(FloatMath &f, Value a) {
  static constexpr double single[] = {0.28695126863300385, 0.3330660963582243, 0.4285730245945936, 0.5999999985159176};
  static constexpr double twice[] = {0.17603728283333664, 0.17557532351300786, 0.2000227542382099,  0.23076891180189546,
                                     0.2727272751497419,  0.33333333332431136, 0.42857142857144137, 0.6};
  auto [e, m] = decompose(f, a);
  Value one = f.number(1.0), three = f.number(3.0);
  Value difference = f.sub(m, one), sum = f.add(m, one), inverse = f.div(one, sum);
  Value s = f.mul(difference, inverse), sHead = f.head(s);
  Value sumHead = f.head(sum), sumTail = f.sub(m, f.sub(sumHead, one));
  Value sTail = f.mul(inverse, f.sub(f.sub(difference, f.mul(sHead, sumHead)), f.mul(sHead, sumTail)));
  Value square = f.mul(s, s);
  Value rest = f.mul(f.mul(square, square), f.polynomial(square, f.choose<ArrayRef<double>>(single, twice)));
  rest = f.add(rest, f.mul(sTail, f.add(sHead, s)));
  Value squareHead = f.mul(sHead, sHead);
  Value bracketHead = f.head(f.add(f.add(three, squareHead), rest));
  Value bracketTail = f.sub(rest, f.sub(f.sub(bracketHead, three), squareHead));
  Value high = f.mul(sHead, bracketHead), low = f.add(f.mul(sTail, bracketHead), f.mul(bracketTail, s));
  Value productHead = f.head(f.add(high, low)), productTail = f.sub(low, f.sub(productHead, high));
  // 2 / (3 ln 2) in two parts.
  double scaleHead = f.choose(0.961669921875, 0.9617962837219238);
  double scaleTail = f.choose(0.0001267720509756049, 4.102040517767816e-07);
  high = f.mul(f.number(scaleHead), productHead);
  low = f.add(f.mul(f.number(scaleTail), productHead), f.mul(productTail, f.number(0.9617966939259756)));
  Value resultHead = f.head(f.add(f.add(high, low), e));
  return {resultHead, f.sub(low, f.sub(f.sub(resultHead, e), high))};
}

/// a^y for finite a > 0: 2 to the product of y and log2(a), in two parts.
static Value powerOfPositive(FloatMath &f, Value a, Value y) {
  TwoParts logarithm = logarithmBaseTwo(f, a);
  // With a larger exponent every power but that of 1 overflows or vanishes just the same.
  y = f.clamp(y, -0x1p66, 0x1p66);
  Value yHead = f.head(y), yTail = f.sub(y, yHead);
  Value low = f.add(f.mul(yTail, logarithm.head), f.mul(y, logarithm.tail)), high = f.mul(yHead, logarithm.head);
  double limit = f.choose(160.0, 1100.0);
  Value sum = f.add(high, low), isHuge = f.greater(f.magnitude(sum), f.number(limit));
  high = f.select(isHuge, f.clamp(sum, -limit, limit), high);
  low = f.select(isHuge, f.number(0.0), low);
  Rounded n = roundToWhole(f, f.add(high, low), f.biasOfHalves());
  high = f.sub(high, n.number);
  Value head = f.head(f.add(high, low)), tail = f.sub(low, f.sub(head, high));
  // ln 2 in two parts.
  double scaleHead = f.choose(0.693115234375, 0.6931467056274414);
  double scaleTail = f.choose(3.1946184945309415e-05, 4.7493250390316726e-07);
  high = f.mul(head, f.number(scaleHead));
  low = f.add(f.mul(tail, f.number(0.6931471805599453)), f.mul(head, f.number(scaleTail)));
  Value r = f.add(high, low), lost = f.sub(low, f.sub(r, high));
  Value p = smallExponentialMinusOne(f, r);
  p = f.add(p, f.fma(lost, p, lost));
  return scaleByPowerOfTwo(f, f.add(p, f.number(1.0)), n.bits);
}

/// x^y, at most 2 ulp. Exceptional arguments as in C (ISO/IEC 9899, F.10.4.4).
Value power(FloatMath &f, Value x, Value y) {
  ImplicitLocOpBuilder &b = f.b;
  Value zero = f.number(0.0), one = f.number(1.0), half = f.number(0.5), infinite = f.number(infinity);
  Value a = f.magnitude(x);
  Value result = powerOfPositive(f, a, y);
  // 0 and infinity: whichever the exponent's sign makes of them.
  Value isZero = f.equal(a, zero), isInfinite = f.equal(a, infinite), isGrowing = f.greater(y, zero);
  Value vanishes = arith::XOrIOp::create(b, isGrowing, isInfinite);
  result = f.select(arith::OrIOp::create(b, isZero, isInfinite), f.select(vanishes, zero, infinite), result);
  Value isNumber = arith::CmpFOp::create(b, arith::CmpFPredicate::ORD, x, y);
  result = f.select(isNumber, result, f.number(notANumber));
  result = f.select(f.equal(a, one), one, result);
  // The sign of odd powers, and no other powers of negative numbers.
  Value isWhole = f.equal(f.floor(y), y), halfOfY = f.mul(y, half);
  Value isEven = f.equal(f.floor(halfOfY), halfOfY);
  int64_t signBit = f.choose<int64_t>(std::numeric_limits<int32_t>::min(), std::numeric_limits<int64_t>::min());
  Value sign = arith::AndIOp::create(b, f.toBits(x), f.integer(signBit));
  sign = f.select(isEven, f.integer(0), sign);
  Value isOutside = f.both(f.less(x, zero), f.greater(x, f.number(-infinity)));
  Value signedResult = f.fromBits(arith::XOrIOp::create(b, f.toBits(result), sign));
  result = f.select(isWhole, signedResult, f.select(isOutside, f.number(notANumber), result));
  result = f.select(f.equal(x, one), one, result);
  return f.select(f.equal(y, zero), one, result);
}

/// The remainder of x / y with the sign of x, exact (C's fmod). A quotient of few bits times either half of y is exact,
/// and so are the differences; the quotient may be off by one. Large quotients, and what is not finite, go to the
/// library.
Value remainder(FloatMath &f, Value x, Value y) {
  Value a = f.magnitude(x), divisor = f.magnitude(y), infinite = f.number(infinity), zero = f.number(0.0);
  Value isUsual = f.both(f.less(a, f.mul(divisor, f.number(f.choose(0x1p12, 0x1p21)))), f.less(divisor, infinite));
  Value isRare = arith::CmpIOp::create(f.b, arith::CmpIPredicate::eq, isUsual,
                                       arith::ConstantOp::create(f.b, f.b.getZeroAttr(isUsual.getType())));
  return unlessRare(
      f, isRare, [&] { return arith::RemFOp::create(f.b, x, y); },
      [&] {
        Value quotient = f.floor(f.div(a, divisor)), head = f.head(divisor), tail = f.sub(divisor, head);
        Value r = f.sub(f.sub(a, f.mul(quotient, head)), f.mul(quotient, tail));
        r = f.select(f.less(r, zero), f.add(r, divisor), r);
        r = f.select(f.less(r, divisor), r, f.sub(r, divisor));
        return f.withSignOf(r, x);
      });
}

/// erf(scale x) of f32, absolute error at most 3e-7 (4e-7 with a scale, whose powers round the coefficients): a
/// rational function of degrees 13 and 8 on |x| <= 4 (the coefficients of XLA's ErfF32).
static Value errorFunctionSingle(FloatMath &f, Value x, double scale) {
  SmallVector<double> p{-2.72614225801306e-10, 2.77068142495902e-08,  -2.10102402082508e-06, -5.69250639462346e-05,
                        -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02};
  SmallVector<double> q{-1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
                        -1.42647390514189e-02};
  // In powers of x^2 instead of (scale x)^2, from the highest.
  for (auto [coefficients, factor] : {std::pair(&p, scale), {&q, 1.0}})
    for (double &coefficient : llvm::reverse(*coefficients)) {
      coefficient *= factor;
      factor *= scale * scale;
    }
  // Beyond 4 the result is x erf(4) / 4, which the last bound takes to 1; one bound fewer than on x.
  Value z = f.atMost(f.mul(x, x), 16.0 / (scale * scale));
  return f.clamp(f.div(f.mul(x, f.polynomial(z, p)), f.polynomial(z, q)), -1.0, 1.0);
}

/// erf(x) of f64, at most 2 ulp: x times a polynomial in x^2 up to 1, from there 1 - exp(-x^2) times a polynomial in
/// (x - 5/2) / (x + 5/2).
static Value errorFunctionTwice(FloatMath &f, Value x) {
  Value a = f.clamp(f.magnitude(x), 0.0, 6.0), one = f.number(1.0), z = f.mul(a, a);
  Value isSmall = f.less(a, one), smallSquare = f.select(isSmall, z, one);
  Value small =
      f.polynomial(smallSquare, {5.957176147748909e-11, -1.1372848856791672e-09, 1.4659775274047435e-08,
                                 -1.6350312701054695e-07, 1.6461000484121368e-06, -1.4925595266831182e-05,
                                 0.0001205533111164271, -0.000854832698083379, 0.0052239776248180145,
                                 -0.026866170645076792, 0.11283791670954879, -0.3761263890318375, 1.1283791670955126});
  Value center = f.number(2.5), t = f.div(f.sub(a, center), f.add(a, center));
  Value large =
      f.polynomial(t, {-1.587633893127344e-06, -2.2328516517555215e-06, 7.499735050763299e-06, 1.8596747731144528e-05,
                       -3.4175718896856294e-05, -0.00012887483134837842, 0.0002283799633257643, 0.0008759152875774328,
                       -0.0026423659518134547, -0.003993701160123029, 0.03992253907546523, -0.12503305237891782,
                       0.2517131932174488, -0.37173673394897294, 0.2108063640611436});
  large = f.sub(one, f.mul(exponential(f, f.sub(f.number(0.0), z)), large));
  Value result = f.withSignOf(f.select(isSmall, f.mul(small, a), large), x);
  return result;
}

Value errorFunction(FloatMath &f, Value x, double scale) {
  if (!f.isDouble)
    return errorFunctionSingle(f, x, scale);
  return errorFunctionTwice(f, scale == 1 ? x : f.mul(x, f.number(scale)));
}

} // namespace tenon::schedule
