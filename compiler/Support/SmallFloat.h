//===- SmallFloat.h - floats of 4 to 8 bits as integer codes -------------------------------===//
//
// One definition of the conversions between f32 and OCP's small floats (MX specification 1.0, OFP8 1.0) and their
// variants without a negative zero. The constant evaluator runs it on numbers, kernels emit it as vector arithmetic, so
// both give the same bits. What is converted is the bits of an f32 and the code in the low bits of a 32-bit integer.
//
// Special values follow the tables of ONNX's Cast; the sign of a NaN is kept where the format has one, as ml_dtypes
// does.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_SUPPORT_SMALLFLOAT_H
#define TENON_COMPILER_SUPPORT_SMALLFLOAT_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/bit.h"
#include <cstdint>
#include <optional>

namespace tenon {

/// How the code of a small float is read: sign, exponent and mantissa from the highest bit down, without infinity and
/// NaN unless said otherwise.
struct SmallFloatFormat {
  enum class Nan {
    none,         ///< every code is a number
    aboveLargest, ///< magnitudes above the largest number (and infinity)
    negativeZero, ///< the code of -0, which there is not
  };
  unsigned width, mantissaBits;
  int bias;
  uint32_t largest; ///< magnitude of the largest number
  bool hasInfinity; ///< largest + 1 is infinity
  Nan nan;
  bool isScale = false; ///< f8E8M0FNU: the code is an exponent and 255 is NaN; no sign, no zero

  uint32_t signBit() const { return uint32_t(1) << (width - 1); }
};

/// The format of a float type of at most 8 bits that nn has; none for other types.
std::optional<SmallFloatFormat> smallFloatFormat(mlir::Type type);

/// How numbers between two powers of two become f8E8M0FNU; halves go up.
enum class ScaleRounding { up, down, nearest };

/// The conversions on values of `Bits::Value`, 32 bits each. `Bits` builds constant(n), bitAnd, bitOr, bitXor, add,
/// sub, shiftLeft(x, n), shiftRight(x, n), isAbove(x, n) and isEqual(x, n) of unsigned numbers, select(condition, x,
/// y), and addFloat, subFloat of the f32 whose bits x and y are.
template <typename Bits> class SmallFloatCodec {
public:
  using Value = typename Bits::Value;
  SmallFloatCodec(Bits bits, const SmallFloatFormat &format) : b(bits), f(format) {}

  /// The f32 of a code, exactly.
  Value decode(Value code) {
    if (f.isScale)
      return decodeScale(code);
    Value magnitude = b.bitAnd(code, b.constant(f.signBit() - 1));
    Value shifted = b.shiftLeft(magnitude, 23 - f.mantissaBits);
    Value normal = b.add(shifted, b.constant(uint32_t(127 - f.bias) << 23));
    // Subnormals: the number with one more in the exponent, less the implied bit.
    Value implied = b.constant(uint32_t(128 - f.bias) << 23);
    Value subnormal = b.subFloat(b.add(shifted, implied), implied);
    Value result = b.select(b.isAbove(magnitude, (1u << f.mantissaBits) - 1), normal, subnormal);
    if (f.hasInfinity)
      result = b.select(b.isEqual(magnitude, f.largest + 1), b.constant(infinity), result);
    if (f.nan == SmallFloatFormat::Nan::aboveLargest)
      result = b.select(b.isAbove(magnitude, f.largest + f.hasInfinity), b.constant(quietNan), result);
    Value sign = b.bitAnd(code, b.constant(f.signBit()));
    result = b.bitOr(result, b.shiftLeft(sign, 32 - f.width));
    if (f.nan == SmallFloatFormat::Nan::negativeZero)
      result = b.select(b.isEqual(code, f.signBit()), b.constant(signOfSingle | quietNan), result);
    return result;
  }

  /// The code of an f32, rounded to nearest, halves to even. Numbers that round above the largest become it if
  /// `saturate` is set, else infinity or NaN; where there is neither, always the largest. `rounding` is for scales.
  Value encode(Value single, bool saturate, ScaleRounding rounding) {
    Value magnitude = b.bitAnd(single, b.constant(signOfSingle - 1));
    if (f.isScale)
      return encodeScale(magnitude, saturate, rounding);
    Value sign = b.bitAnd(b.shiftRight(single, 32 - f.width), b.constant(f.signBit()));
    Value rounded = roundMagnitude(magnitude);
    bool noNan = f.nan == SmallFloatFormat::Nan::none, noNegativeZero = f.nan == SmallFloatFormat::Nan::negativeZero;
    Value tooLarge = b.isAbove(rounded, f.largest);
    bool limits = saturate || noNan || noNegativeZero;
    Value result = b.bitOr(b.select(tooLarge, b.constant(limits ? f.largest : f.largest + 1), rounded), sign);
    if (noNegativeZero) {
      result = b.select(b.isEqual(rounded, 0), b.constant(0), result);
      if (!saturate)
        result = b.select(tooLarge, b.constant(f.signBit()), result);
    }
    // f8E5M2 has three NaNs; the quiet one is the second. Without any, the zero that ml_dtypes gives.
    Value nan = noNan            ? b.bitXor(sign, b.constant(f.signBit()))
                : noNegativeZero ? b.constant(f.signBit())
                                 : b.bitOr(sign, b.constant(f.hasInfinity ? f.largest + 3 : f.largest + 1));
    return b.select(b.isAbove(magnitude, infinity), nan, result);
  }

private:
  static constexpr uint32_t signOfSingle = 0x80000000, infinity = 0x7f800000, quietNan = 0x7fc00000;
  static constexpr uint32_t smallestScale = 0x00400000; ///< 2^-127, subnormal in f32

  /// The rounded magnitude of a number; anything above the largest for one that is too large.
  Value roundMagnitude(Value magnitude) {
    unsigned dropped = 23 - f.mantissaBits;
    Value odd = b.bitAnd(b.shiftRight(magnitude, dropped), b.constant(1));
    Value half = b.add(b.constant((1u << (dropped - 1)) - 1), odd);
    Value normal =
        b.sub(b.shiftRight(b.add(magnitude, half), dropped), b.constant(uint32_t(127 - f.bias) << f.mantissaBits));
    // Subnormals: in this sum the last place is that of the result, so the addition rounds.
    Value place = b.constant(uint32_t(151 - f.bias - static_cast<int>(f.mantissaBits)) << 23);
    Value subnormal = b.sub(b.addFloat(magnitude, place), place);
    return b.select(b.isAbove(magnitude, (uint32_t(128 - f.bias) << 23) - 1), normal, subnormal);
  }

  Value decodeScale(Value code) {
    Value result = b.select(b.isEqual(code, 0), b.constant(smallestScale), b.shiftLeft(code, 23));
    return b.select(b.isEqual(code, 255), b.constant(quietNan), result);
  }

  /// Negative numbers, which the standard leaves undefined, count by their magnitude.
  Value encodeScale(Value magnitude, bool saturate, ScaleRounding rounding) {
    uint32_t carry = rounding == ScaleRounding::up ? 0x7fffff : rounding == ScaleRounding::nearest ? 0x400000 : 0;
    Value normal = b.shiftRight(b.add(magnitude, b.constant(carry)), 23);
    // Between 2^-127 and 2^-126 the f32 is subnormal.
    uint32_t lastDown = rounding == ScaleRounding::up        ? smallestScale
                        : rounding == ScaleRounding::nearest ? 0x5fffff
                                                             : 0x7fffff;
    Value subnormal = b.select(b.isAbove(magnitude, lastDown), b.constant(1), b.constant(0));
    Value result = b.select(b.isAbove(magnitude, 0x7fffff), normal, subnormal);
    if (saturate) {
      result = b.select(b.isAbove(result, 254), b.constant(254), result);
    } else {
      uint32_t tooSmall = rounding == ScaleRounding::down ? smallestScale - 1 : 0;
      Value inRange = b.isAbove(magnitude, tooSmall);
      result = b.select(inRange, result, b.constant(255));
    }
    return b.select(b.isAbove(magnitude, infinity), b.constant(255), result);
  }

  Bits b;
  SmallFloatFormat f;
};

/// Bits of plain numbers, for SmallFloatCodec.
struct NumberBits {
  using Value = uint32_t;
  uint32_t constant(uint32_t value) const { return value; }
  uint32_t bitAnd(uint32_t x, uint32_t y) const { return x & y; }
  uint32_t bitOr(uint32_t x, uint32_t y) const { return x | y; }
  uint32_t bitXor(uint32_t x, uint32_t y) const { return x ^ y; }
  uint32_t add(uint32_t x, uint32_t y) const { return x + y; }
  uint32_t sub(uint32_t x, uint32_t y) const { return x - y; }
  uint32_t shiftLeft(uint32_t x, unsigned by) const { return x << by; }
  uint32_t shiftRight(uint32_t x, unsigned by) const { return x >> by; }
  bool isAbove(uint32_t x, uint32_t bound) const { return x > bound; }
  bool isEqual(uint32_t x, uint32_t y) const { return x == y; }
  uint32_t select(bool condition, uint32_t x, uint32_t y) const { return condition ? x : y; }
  uint32_t addFloat(uint32_t x, uint32_t y) const { return combine(x, y, 1.0f); }
  uint32_t subFloat(uint32_t x, uint32_t y) const { return combine(x, y, -1.0f); }

private:
  static uint32_t combine(uint32_t x, uint32_t y, float sign) {
    return llvm::bit_cast<uint32_t>(llvm::bit_cast<float>(x) + sign * llvm::bit_cast<float>(y));
  }
};

using SmallFloatNumbers = SmallFloatCodec<NumberBits>;

/// The bits of a number as f32 rounded to odd: a further rounding to fewer bits gives what one rounding would have
/// given (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008, theorem 3).
uint32_t singleBitsRoundedToOdd(double value);

/// An integer as f64 rounded to odd.
double roundedToOdd(int64_t value);
double roundedToOdd(uint64_t value);

} // namespace tenon

#endif // TENON_COMPILER_SUPPORT_SMALLFLOAT_H
