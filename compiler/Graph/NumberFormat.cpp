//===- NumberFormat.cpp - conversions between element types --------------------------------===//
//
// See NumberFormat.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/NumberFormat.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/ErrorHandling.h"
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

using namespace mlir;

namespace tenon::graph {

NumberKind numberKind(Type element) {
  if (element.isF64())
    return NumberKind::f64;
  if (isa<FloatType>(element))
    return NumberKind::f32;
  return element.isInteger(1) || element.isUnsignedInteger() ? NumberKind::u64 : NumberKind::i64;
}

//===----------------------------------------------------------------------===//
// 16-bit floats
//===----------------------------------------------------------------------===//

// Rounds to a 16-bit float with that many exponent and mantissa bits, to nearest, ties to even.
static uint16_t roundTo16(double value, int exponentBits, int mantissaBits) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  int bias = (1 << (exponentBits - 1)) - 1;
  uint16_t infinity = ((1 << exponentBits) - 1) << mantissaBits;
  if (std::isnan(value))
    return sign | infinity | (1 << (mantissaBits - 1));
  double magnitude = std::fabs(value);
  if (std::isinf(magnitude))
    return sign | infinity;
  if (magnitude == 0)
    return sign;
  // magnitude = units * 2^exponent with the unit in the last place of the result; subnormals share the lowest exponent.
  int exponent = std::max(std::ilogb(magnitude), 1 - bias) - mantissaBits;
  double units = std::ldexp(magnitude, -exponent);
  double whole = std::floor(units), rest = units - whole;
  uint32_t mantissa = static_cast<uint32_t>(whole);
  if (rest > 0.5 || (rest == 0.5 && (mantissa & 1)))
    ++mantissa;
  // A carry out of the mantissa raises the exponent by itself.
  uint32_t biased = exponent + mantissaBits + bias - 1;
  uint32_t bits = (biased << mantissaBits) + mantissa;
  return sign | static_cast<uint16_t>(std::min<uint32_t>(bits, infinity));
}

uint16_t roundToHalf(double value) { return roundTo16(value, 5, 10); }
uint16_t roundToBfloat(double value) { return roundTo16(value, 8, 7); }

double halfToDouble(uint16_t bits) {
  int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  double magnitude;
  if (exponent == 31)
    magnitude = mantissa ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  else
    magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

template <typename Stored, typename T, typename Decode>
static void loadAs(const char *source, int64_t stride, int64_t count, T *numbers, Decode decode) {
  for (int64_t index = 0; index < count; ++index) {
    Stored stored;
    std::memcpy(&stored, source + index * stride * static_cast<int64_t>(sizeof(Stored)), sizeof(Stored));
    numbers[index] = static_cast<T>(decode(stored));
  }
}

template <typename T> void loadElements(Type element, const char *source, int64_t stride, int64_t count, T *numbers) {
  auto same = [](auto stored) { return stored; };
  if (element.isF32())
    return loadAs<float>(source, stride, count, numbers, same);
  if (element.isF64())
    return loadAs<double>(source, stride, count, numbers, same);
  if (element.isF16())
    return loadAs<uint16_t>(source, stride, count, numbers, [](uint16_t bits) { return halfToDouble(bits); });
  if (element.isBF16())
    return loadAs<uint16_t>(source, stride, count, numbers,
                            [](uint16_t bits) { return llvm::bit_cast<float>(static_cast<uint32_t>(bits) << 16); });
  if (std::optional<SmallFloatFormat> format = smallFloatFormat(element)) {
    SmallFloatNumbers codec({}, *format);
    uint32_t mask = 2 * format->signBit() - 1;
    return loadAs<uint8_t>(source, stride, count, numbers,
                           [&](uint8_t code) { return llvm::bit_cast<float>(codec.decode(code & mask)); });
  }
  bool isUnsigned = numberKind(element) == NumberKind::u64;
  unsigned width = element.getIntOrFloatBitWidth(), above = 8 - std::min(width, 8u);
  switch (width) {
  case 2:
  case 4:
    return isUnsigned ? loadAs<uint8_t>(source, stride, count, numbers,
                                        [&](uint8_t byte) { return static_cast<uint8_t>(byte << above) >> above; })
                      : loadAs<int8_t>(source, stride, count, numbers,
                                       [&](int8_t byte) { return static_cast<int8_t>(byte << above) >> above; });
  case 1:
  case 8:
    return isUnsigned ? loadAs<uint8_t>(source, stride, count, numbers, same)
                      : loadAs<int8_t>(source, stride, count, numbers, same);
  case 16:
    return isUnsigned ? loadAs<uint16_t>(source, stride, count, numbers, same)
                      : loadAs<int16_t>(source, stride, count, numbers, same);
  case 32:
    return isUnsigned ? loadAs<uint32_t>(source, stride, count, numbers, same)
                      : loadAs<int32_t>(source, stride, count, numbers, same);
  case 64:
    return isUnsigned ? loadAs<uint64_t>(source, stride, count, numbers, same)
                      : loadAs<int64_t>(source, stride, count, numbers, same);
  }
  llvm_unreachable("no element type of the nn dialect");
}

//===----------------------------------------------------------------------===//
// Storing
//===----------------------------------------------------------------------===//

template <typename Stored, typename T, typename Encode>
static void storeAs(const T *numbers, int64_t count, char *target, Encode encode) {
  for (int64_t index = 0; index < count; ++index) {
    Stored stored = encode(numbers[index]);
    std::memcpy(target + index * sizeof(Stored), &stored, sizeof(Stored));
  }
}

// Truncation towards zero into the range of an integer type; NaN is 0.
template <typename Stored> static Stored saturate(double value) {
  if (std::isnan(value))
    return 0;
  // 2^digits, one above the highest value, is exact where the highest value may not be.
  double above = std::ldexp(1.0, std::numeric_limits<Stored>::digits);
  if (value >= above)
    return std::numeric_limits<Stored>::max();
  if (value <= static_cast<double>(std::numeric_limits<Stored>::min()))
    return std::numeric_limits<Stored>::min();
  return static_cast<Stored>(value);
}

template <typename Stored, typename T> static void storeInteger(const T *numbers, int64_t count, char *target) {
  storeAs<Stored>(numbers, count, target, [](T number) {
    if constexpr (std::is_floating_point_v<T>)
      return saturate<Stored>(number);
    else
      return static_cast<Stored>(number);
  });
}

// The f32 whose rounding to a float of at most 8 bits is that of the number.
template <typename T> static uint32_t singleBits(T number) {
  if constexpr (std::is_integral_v<T>)
    return singleBitsRoundedToOdd(roundedToOdd(number));
  else
    return singleBitsRoundedToOdd(number);
}

template <typename T>
void storeElements(Type element, const T *numbers, int64_t count, char *target, SmallFloatRounding rounding) {
  if (element.isF32())
    return storeAs<float>(numbers, count, target, [](T number) { return static_cast<float>(number); });
  if (element.isF64())
    return storeAs<double>(numbers, count, target, [](T number) { return static_cast<double>(number); });
  if (element.isF16())
    return storeAs<uint16_t>(numbers, count, target, [](T number) { return roundToHalf(static_cast<double>(number)); });
  if (element.isBF16())
    return storeAs<uint16_t>(numbers, count, target,
                             [](T number) { return roundToBfloat(static_cast<double>(number)); });
  if (std::optional<SmallFloatFormat> format = smallFloatFormat(element)) {
    SmallFloatNumbers codec({}, *format);
    return storeAs<uint8_t>(numbers, count, target, [&](T number) {
      return static_cast<uint8_t>(codec.encode(singleBits(number), rounding.saturate, rounding.scale));
    });
  }
  bool isUnsigned = numberKind(element) == NumberKind::u64;
  unsigned width = element.getIntOrFloatBitWidth();
  switch (width) {
  case 2:
  case 4:
    return storeAs<uint8_t>(numbers, count, target, [&](T number) {
      if constexpr (std::is_floating_point_v<T>)
        return saturate<int32_t>(number) & ((1 << width) - 1);
      else
        return number & ((1 << width) - 1);
    });
  case 1:
    return storeAs<uint8_t>(numbers, count, target, [](T number) { return number != 0; });
  case 8:
    return isUnsigned ? storeInteger<uint8_t>(numbers, count, target) : storeInteger<int8_t>(numbers, count, target);
  case 16:
    return isUnsigned ? storeInteger<uint16_t>(numbers, count, target) : storeInteger<int16_t>(numbers, count, target);
  case 32:
    return isUnsigned ? storeInteger<uint32_t>(numbers, count, target) : storeInteger<int32_t>(numbers, count, target);
  case 64:
    return isUnsigned ? storeInteger<uint64_t>(numbers, count, target) : storeInteger<int64_t>(numbers, count, target);
  }
  llvm_unreachable("no element type of the nn dialect");
}

template void loadElements(Type, const char *, int64_t, int64_t, float *);
template void loadElements(Type, const char *, int64_t, int64_t, double *);
template void loadElements(Type, const char *, int64_t, int64_t, int64_t *);
template void loadElements(Type, const char *, int64_t, int64_t, uint64_t *);
template void storeElements(Type, const float *, int64_t, char *, SmallFloatRounding);
template void storeElements(Type, const double *, int64_t, char *, SmallFloatRounding);
template void storeElements(Type, const int64_t *, int64_t, char *, SmallFloatRounding);
template void storeElements(Type, const uint64_t *, int64_t, char *, SmallFloatRounding);

} // namespace tenon::graph
