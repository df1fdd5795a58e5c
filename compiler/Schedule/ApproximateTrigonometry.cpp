//===- ApproximateTrigonometry.cpp - circular functions and their inverses in f32 -----------===//
//
// The polynomials are those of Cephes (sinf.c, tanf.c, asinf.c, atanf.c).
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/ApproximateMath.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace tenon::schedule {

static constexpr double pi = 3.14159265358979323846;

namespace {
/// x = n pi/2 + r with |r| <= pi/4.
struct Reduced {
  Value n, r; ///< n as an integer
};
} // namespace

/// pi/2 in three parts, of which two have so few bits that their products with n are exact.
static Reduced reduce(F32 &f, Value x) {
  Value magic = f.number(12582912.0), shifted = f.fma(x, f.number(2 / pi), magic), n = f.sub(shifted, magic);
  Value r = f.fma(n, f.number(-1.5703125), x);
  r = f.fma(n, f.number(-4.837512969970703125e-4), r);
  r = f.fma(n, f.number(-7.54978995489188216e-8), r);
  return {arith::SubIOp::create(f.b, f.toBits(shifted), f.integer(0x4B400000)), r};
}

/// The fast form, or the library's where an argument is too large for the reduction: that is so rare that a branch for
/// all lanes costs nothing.
template <typename Op> static Value unlessLarge(F32 &f, Value x, llvm::function_ref<Value()> fast) {
  constexpr double largest = 8192;
  ImplicitLocOpBuilder &b = f.b;
  // NaN and infinity are among the large ones.
  Value isLarge = arith::CmpFOp::create(b, arith::CmpFPredicate::UGT, f.magnitude(x), f.number(largest));
  if (isa<VectorType>(f.type))
    isLarge = vector::ReductionOp::create(b, vector::CombiningKind::OR, isLarge);
  auto choice = scf::IfOp::create(b, TypeRange(f.type), isLarge, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::YieldOp::create(b, Value(Op::create(b, x)));
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b, fast());
  return choice.getResult(0);
}

static Value isOdd(F32 &f, Value n) {
  return arith::CmpIOp::create(f.b, arith::CmpIPredicate::ne, arith::AndIOp::create(f.b, n, f.integer(1)),
                               f.integer(0));
}

/// sin(r), or cos(r) where n is odd; negative where n has its second bit.
static Value quadrant(F32 &f, Value n, Value r) {
  ImplicitLocOpBuilder &b = f.b;
  Value z = f.mul(r, r);
  Value s = f.polynomial(z, {-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1});
  s = f.fma(f.mul(s, z), r, r);
  Value c = f.polynomial(z, {2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2});
  c = f.fma(c, f.mul(z, z), f.fma(z, f.number(-0.5), f.number(1.0)));
  Value odd = isOdd(f, n);
  Value sign = arith::ShLIOp::create(b, arith::AndIOp::create(b, n, f.integer(2)), f.integer(30));
  return f.fromBits(arith::XOrIOp::create(b, f.toBits(f.select(odd, c, s)), sign));
}

/// sin(x), at most 3 ulp.
Value sine(F32 &f, Value x) {
  return unlessLarge<math::SinOp>(f, x, [&] {
    Reduced reduced = reduce(f, x);
    return quadrant(f, reduced.n, reduced.r);
  });
}

/// cos(x), at most 3 ulp: the quadrant after sin's.
Value cosine(F32 &f, Value x) {
  return unlessLarge<math::CosOp>(f, x, [&] {
    Reduced reduced = reduce(f, x);
    return quadrant(f, arith::AddIOp::create(f.b, reduced.n, f.integer(1)), reduced.r);
  });
}

/// tan(x), at most 4 ulp.
Value tangent(F32 &f, Value x) {
  return unlessLarge<math::TanOp>(f, x, [&]() -> Value {
    Reduced reduced = reduce(f, x);
    Value r = reduced.r, z = f.mul(r, r);
    Value p = f.polynomial(z, {9.38540185543e-3, 3.11992232697e-3, 2.44301354525e-2, 5.34112807005e-2, 1.33387994085e-1,
                               3.33331568548e-1});
    Value t = f.fma(f.mul(p, z), r, r);
    return f.select(isOdd(f, reduced.n), f.div(f.number(-1.0), t), t);
  });
}

namespace {
/// asin of |x| up to 1/2, else of sqrt((1 - |x|) / 2), which is half of acos |x|.
struct ArcSineParts {
  Value isLarge, asin;
};
} // namespace

static ArcSineParts arcSineParts(F32 &f, Value x) {
  Value a = f.magnitude(x), half = f.number(0.5), isLarge = f.greater(a, half);
  Value square = f.select(isLarge, f.mul(half, f.sub(f.number(1.0), a)), f.mul(a, a));
  Value argument = f.select(isLarge, f.root(square), a);
  Value p = f.polynomial(square, {4.2163199048e-2, 2.4181311049e-2, 4.5470025998e-2, 7.4953002686e-2, 1.6666752422e-1});
  return {isLarge, f.fma(f.mul(p, square), argument, argument)};
}

/// asin(x), at most 3 ulp. NaN beyond 1.
Value arcSine(F32 &f, Value x) {
  auto [isLarge, part] = arcSineParts(f, x);
  Value large = f.fma(part, f.number(-2.0), f.number(pi / 2));
  return f.withSignOf(f.select(isLarge, large, part), x);
}

/// acos(x), at most 3 ulp. NaN beyond 1.
Value arcCosine(F32 &f, Value x) {
  auto [isLarge, part] = arcSineParts(f, x);
  Value twice = f.add(part, part), isNegative = f.less(x, f.number(0.0));
  Value large = f.select(isNegative, f.sub(f.number(pi), twice), twice);
  return f.select(isLarge, large, f.sub(f.number(pi / 2), f.withSignOf(part, x)));
}

/// atan(x), at most 3 ulp, from what is left beyond pi/4 and pi/2.
Value arcTangent(F32 &f, Value x) {
  Value a = f.magnitude(x), one = f.number(1.0), zero = f.number(0.0);
  Value isLarge = f.greater(a, f.number(2.414213562373095)), isMiddle = f.greater(a, f.number(0.414213562373095));
  Value numerator = f.select(isLarge, f.number(-1.0), f.select(isMiddle, f.sub(a, one), a));
  Value denominator = f.select(isLarge, a, f.select(isMiddle, f.add(a, one), one));
  Value start = f.select(isLarge, f.number(pi / 2), f.select(isMiddle, f.number(pi / 4), zero));
  Value r = f.div(numerator, denominator), z = f.mul(r, r);
  Value p = f.polynomial(z, {8.05374449538e-2, -1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1});
  return f.withSignOf(f.add(start, f.fma(f.mul(p, z), r, r)), x);
}

} // namespace tenon::schedule
