// Decimal digits of binary floating-point numbers and back, exact in every case.
#ifndef TENON_RUNTIME_TEXT_DECIMAL_H
#define TENON_RUNTIME_TEXT_DECIMAL_H

#include <stdint.h>

// Weak, as everything that several models of one program may contain.
namespace tenon::text {

/// A binary format: an IEEE 754 one, or bfloat16.
struct Format {
  int precision; ///< bits of the significand, the hidden one among them
  int exponentBits;
  int bits() const { return precision + exponentBits; }
  int bias() const { return (1 << (exponentBits - 1)) - 1; }
};
inline constexpr Format binary64 = {53, 11}, binary32 = {24, 8}, binary16 = {11, 5}, bfloat16 = {8, 8};

/// Digits d1 d2 ... of 0.d1d2... * 10^point.
struct Decimal {
  static constexpr int mostDigits = 17;
  char digits[mostDigits]; ///< '0' to '9'
  int count = 0;
  int point = 0;
};

/// The fewest digits that round to the number, of these the nearest to it (Steele and White 1990, Burger and Dybvig
/// 1996). `magnitude` holds the format's bits without the sign; it is finite and not zero.
__attribute__((weak)) Decimal shortestDigits(uint64_t magnitude, Format format);

/// Digits as they are read: any number of them.
struct DigitText {
  const char *whole, *wholeEnd;       ///< before the point
  const char *fraction, *fractionEnd; ///< after it
  int64_t exponent;                   ///< of ten
};

/// The nearest number of the format to the decimal one, ties to even; infinity if it is too large. The bits without the
/// sign.
__attribute__((weak)) uint64_t nearest(const DigitText &text, Format format);

} // namespace tenon::text

#endif // TENON_RUNTIME_TEXT_DECIMAL_H
