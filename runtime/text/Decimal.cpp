// Conversions with whole numbers of any size; see Decimal.h. Their speed does not matter here, their exactness does.
#include "runtime/text/Decimal.h"

#include <string.h>

namespace tenon::text {

namespace {

/// A natural number below 2^8192: enough for 800 digits times the powers that binary64 asks for.
class Natural {
public:
  explicit Natural(uint64_t value = 0) {
    limbs[0] = static_cast<uint32_t>(value);
    limbs[1] = static_cast<uint32_t>(value >> 32);
    size = limbs[1] ? 2 : limbs[0] ? 1 : 0;
  }
  Natural(const Natural &other) { *this = other; }
  Natural &operator=(const Natural &other) {
    size = other.size;
    memcpy(limbs, other.limbs, sizeof *limbs * static_cast<size_t>(size));
    return *this;
  }

  int bits() const { return size == 0 ? 0 : 32 * size - __builtin_clz(limbs[size - 1]); }

  /// this * factor + addend.
  void multiply(uint32_t factor, uint32_t addend = 0) {
    uint64_t carry = addend;
    for (int i = 0; i < size; ++i) {
      carry += uint64_t(limbs[i]) * factor;
      limbs[i] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry)
      limbs[size++] = static_cast<uint32_t>(carry);
  }

  void multiplyByPowerOfTen(int64_t power) {
    for (; power >= 9; power -= 9)
      multiply(1000000000);
    for (; power > 0; --power)
      multiply(10);
  }

  void shiftLeft(int count) {
    int whole = count / 32, part = count % 32;
    if (size == 0)
      return;
    limbs[size] = 0;
    for (int i = size; i >= 0; --i) {
      uint64_t pair = uint64_t(limbs[i]) << 32 | (i > 0 ? limbs[i - 1] : 0);
      limbs[i + whole] = static_cast<uint32_t>(pair << part >> 32);
    }
    memset(limbs, 0, sizeof *limbs * static_cast<size_t>(whole));
    size += whole + 1;
    trim();
  }

  void add(const Natural &other) {
    uint64_t carry = 0;
    for (int i = 0; i < size || i < other.size; ++i) {
      carry += uint64_t(i < size ? limbs[i] : 0) + (i < other.size ? other.limbs[i] : 0);
      limbs[i] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    size = size > other.size ? size : other.size;
    if (carry)
      limbs[size++] = static_cast<uint32_t>(carry);
  }

  /// `other` is not larger.
  void subtract(const Natural &other) {
    int64_t borrow = 0;
    for (int i = 0; i < size; ++i) {
      int64_t difference = int64_t(limbs[i]) - (i < other.size ? other.limbs[i] : 0) + borrow;
      limbs[i] = static_cast<uint32_t>(difference);
      borrow = difference >> 32;
    }
    trim();
  }

  /// Negative, 0 or positive as this one is less, equal or more.
  int compare(const Natural &other) const {
    if (size != other.size)
      return size - other.size;
    for (int i = size; i-- > 0;)
      if (limbs[i] != other.limbs[i])
        return limbs[i] < other.limbs[i] ? -1 : 1;
    return 0;
  }

private:
  void trim() {
    while (size > 0 && limbs[size - 1] == 0)
      --size;
  }

  int size = 0;
  uint32_t limbs[258];
};

int compareSum(const Natural &x, const Natural &y, const Natural &z) {
  Natural sum = x;
  sum.add(y);
  return sum.compare(z);
}

} // namespace

// The number is remainder / scale; what lies within below / scale and above / scale of it rounds to it.
Decimal shortestDigits(uint64_t magnitude, Format format) {
  int fractionBits = format.precision - 1;
  uint64_t significand = magnitude & ((uint64_t(1) << fractionBits) - 1), exponentField = magnitude >> fractionBits;
  // The gap below a power of two is half of the one above.
  bool unequal = significand == 0 && exponentField > 1;
  bool even = significand % 2 == 0;
  if (exponentField != 0)
    significand |= uint64_t(1) << fractionBits;
  else
    exponentField = 1;
  int exponent = static_cast<int>(exponentField) - format.bias() - fractionBits;

  Natural remainder(significand), scale(1), below(1), above(1);
  remainder.shiftLeft(unequal ? 2 : 1);
  scale.shiftLeft(unequal ? 2 : 1);
  above.shiftLeft(unequal ? 1 : 0);
  if (exponent >= 0) {
    remainder.shiftLeft(exponent);
    below.shiftLeft(exponent);
    above.shiftLeft(exponent);
  } else {
    scale.shiftLeft(-exponent);
  }

  Natural *const fractions[] = {&remainder, &below, &above};
  Decimal result;
  // The first digit lies where the number reaches scale: at most one step from the estimate, which may be too low.
  int bits = 64 - __builtin_clzll(significand) + exponent;
  result.point = static_cast<int>((bits - 1) * 30103LL / 100000) - (bits < 1 ? 1 : 0);
  if (result.point >= 0) {
    scale.multiplyByPowerOfTen(result.point);
  } else {
    for (Natural *number : fractions)
      number->multiplyByPowerOfTen(-result.point);
  }
  while (remainder.compare(scale) >= 0) {
    scale.multiply(10);
    ++result.point;
  }

  while (true) {
    for (Natural *number : fractions)
      number->multiply(10);
    int digit = 0;
    for (; remainder.compare(scale) >= 0; ++digit)
      remainder.subtract(scale);
    bool low = remainder.compare(below) < (even ? 1 : 0);
    bool high = compareSum(remainder, above, scale) >= (even ? 0 : 1);
    if (!low && !high) {
      result.digits[result.count++] = static_cast<char>('0' + digit);
      continue;
    }
    Natural twice = remainder;
    twice.shiftLeft(1);
    int rest = twice.compare(scale);
    digit += high && (!low || rest > 0 || (rest == 0 && digit % 2 != 0));
    // Only the first digit can become ten: before a later one, the sum would have ended the loop.
    if (digit == 10) {
      digit = 1;
      ++result.point;
    }
    result.digits[result.count++] = static_cast<char>('0' + digit);
    return result;
  }
}

// value = digits * 10^exponent as a quotient of two naturals; its significant bits come out one by one.
uint64_t nearest(const DigitText &text, Format format) {
  // No number between two neighbours, nor the middle between them, has more digits than this; what follows only decides
  // whether it is exactly there.
  constexpr int mostDigits = 800;
  Natural top;
  int64_t exponent = text.exponent;
  int digits = 0;
  bool more = false;
  auto read = [&](const char *begin, const char *end, bool isFraction) {
    for (const char *at = begin; at != end; ++at) {
      if (digits == 0 && *at == '0') {
        exponent -= isFraction;
        continue;
      }
      if (digits < mostDigits) {
        auto value = static_cast<uint32_t>(*at - '0');
        if (digits == 0)
          top = Natural(value);
        else
          top.multiply(10, value);
        ++digits;
        exponent -= isFraction;
      } else {
        more |= *at != '0';
        exponent += !isFraction;
      }
    }
  };
  read(text.whole, text.wholeEnd, false);
  read(text.fraction, text.fractionEnd, true);
  uint64_t infinity = ((uint64_t(1) << format.exponentBits) - 1) << (format.precision - 1);
  if (digits == 0 || digits + exponent < -400)
    return 0;
  if (digits + exponent > 400)
    return infinity;
  if (more) {
    top.multiply(10, 1);
    --exponent;
  }

  Natural bottom(1);
  (exponent >= 0 ? top : bottom).multiplyByPowerOfTen(exponent >= 0 ? exponent : -exponent);
  // 2^binary <= value < 2^(binary + 1).
  int binary = top.bits() - bottom.bits();
  (binary >= 0 ? bottom : top).shiftLeft(binary >= 0 ? binary : -binary);
  if (top.compare(bottom) < 0) {
    top.shiftLeft(1);
    --binary;
  }
  int smallest = 1 - format.bias();
  int bits = format.precision - (binary < smallest ? smallest - binary : 0); // fewer for subnormal numbers
  if (bits < 0)
    return 0;
  uint64_t significand = 0;
  for (int i = 0; i < bits; ++i) {
    bool one = top.compare(bottom) >= 0;
    if (one)
      top.subtract(bottom);
    significand = 2 * significand + one;
    top.shiftLeft(1);
  }
  // What is left against half a unit, which is `bottom` now.
  int rest = top.compare(bottom);
  significand += rest > 0 || (rest == 0 && significand % 2 != 0);
  // A significand that became a power of two is the next exponent's first one, also from the largest to infinity.
  uint64_t field = binary < smallest ? 0 : static_cast<uint64_t>(binary + format.bias());
  uint64_t result = field == 0 ? significand : ((field - 1) << (format.precision - 1)) + significand;
  return result < infinity ? result : infinity;
}

} // namespace tenon::text
