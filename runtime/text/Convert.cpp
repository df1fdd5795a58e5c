// Numbers from texts and texts of numbers; see Text.h.
//
// Reading: white space around is left out. A floating-point number is [sign] digits [. digits] [e [sign] digits], INF,
// INFINITY or NAN in any case, and is rounded once, to the nearest. An integer is [sign] digits; one with a point or an
// exponent is rounded towards zero. A boolean is TRUE or FALSE in any case, or whether a number is not zero.
// Writing: integers in full; booleans True and False; floating-point numbers with the fewest digits that tell them from
// their neighbours, with an exponent below 1e-4 and from 1e16 on; nan, inf and -inf. This is what Python writes; numpy,
// and with it ONNX's reference, takes an exponent earlier for narrow types, from a power that depends on its version.
#include "runtime/text/Decimal.h"
#include "runtime/text/Host.h"
#include "runtime/text/Text.h"

using namespace tenon::text;

namespace {

//===-- Reading ---------------------------------------------------------------------------===//

bool isBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool isDigit(char c) { return c >= '0' && c <= '9'; }

Text trimmed(Text text) {
  while (text.bytes > 0 && isBlank(*text.data))
    ++text.data, --text.bytes;
  while (text.bytes > 0 && isBlank(text.data[text.bytes - 1]))
    --text.bytes;
  return text;
}

/// Whether the text is `word`, which is in lower case.
bool isWord(Text text, const char *word) {
  if (text.bytes != static_cast<int64_t>(strlen(word)))
    return false;
  for (int64_t i = 0; i < text.bytes; ++i) {
    char c = text.data[i];
    if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != word[i])
      return false;
  }
  return true;
}

bool takeSign(Text &text) {
  bool negative = text.bytes > 0 && *text.data == '-';
  if (negative || (text.bytes > 0 && *text.data == '+'))
    ++text.data, --text.bytes;
  return negative;
}

/// Splits digits, point and exponent of a number without sign; false if it is none.
bool readDigits(Text text, DigitText &digits) {
  const char *at = text.data, *end = text.data + text.bytes;
  auto skip = [&] {
    while (at != end && isDigit(*at))
      ++at;
    return at;
  };
  digits.whole = at;
  digits.wholeEnd = digits.fraction = digits.fractionEnd = skip();
  if (at != end && *at == '.') {
    digits.fraction = ++at;
    digits.fractionEnd = skip();
  }
  if (digits.whole == digits.wholeEnd && digits.fraction == digits.fractionEnd)
    return false;
  digits.exponent = 0;
  if (at == end || (*at != 'e' && *at != 'E'))
    return at == end;
  Text exponent = {at + 1, end - at - 1};
  bool negative = takeSign(exponent);
  for (int64_t i = 0; i < exponent.bytes; ++i) {
    if (!isDigit(exponent.data[i]))
      return false;
    // Larger ones mean the same: nothing has as many digits.
    if (digits.exponent < INT64_MAX / 100)
      digits.exponent = 10 * digits.exponent + (exponent.data[i] - '0');
  }
  if (negative)
    digits.exponent = -digits.exponent;
  return exponent.bytes != 0;
}

/// The bits of a number of the format; false if the text says none.
bool readFloat(Text text, Format format, uint64_t &bits) {
  text = trimmed(text);
  uint64_t sign = uint64_t(takeSign(text)) << (format.bits() - 1);
  uint64_t infinity = ((uint64_t(1) << format.exponentBits) - 1) << (format.precision - 1);
  DigitText digits;
  if (isWord(text, "inf") || isWord(text, "infinity"))
    bits = infinity;
  else if (isWord(text, "nan"))
    bits = infinity | uint64_t(1) << (format.precision - 2);
  else if (readDigits(text, digits))
    bits = nearest(digits, format);
  else
    return false;
  bits |= sign;
  return true;
}

struct Integer {
  uint64_t magnitude;
  bool negative;
};

enum class Reading { done, noNumber, outside };

Reading readInteger(Text text, Integer &number) {
  text = trimmed(text);
  number = {0, takeSign(text)};
  bool plain = text.bytes != 0;
  for (int64_t i = 0; i < text.bytes; ++i)
    plain &= isDigit(text.data[i]);
  if (plain) {
    for (int64_t i = 0; i < text.bytes; ++i)
      if (__builtin_mul_overflow(number.magnitude, uint64_t(10), &number.magnitude) ||
          __builtin_add_overflow(number.magnitude, uint64_t(text.data[i] - '0'), &number.magnitude))
        return Reading::outside;
    return Reading::done;
  }
  uint64_t bits;
  if (!readFloat(text, binary64, bits))
    return Reading::noNumber;
  double value;
  memcpy(&value, &bits, sizeof value);
  if (!(value < 18446744073709551616.0))
    return Reading::outside;
  number.magnitude = static_cast<uint64_t>(value);
  return Reading::done;
}

template <typename T> Reading storeInteger(Text text, T *result) {
  Integer number;
  if (Reading reading = readInteger(text, number); reading != Reading::done)
    return reading;
  constexpr T highest = T(-1) < T(0) ? static_cast<T>((uint64_t(1) << (8 * sizeof(T) - 1)) - 1) : static_cast<T>(-1);
  uint64_t limit = number.negative ? (T(-1) < T(0) ? uint64_t(highest) + 1 : 0) : uint64_t(highest);
  if (number.magnitude > limit)
    return Reading::outside;
  *result = static_cast<T>(number.negative ? 0 - number.magnitude : number.magnitude);
  return Reading::done;
}

template <typename T> Reading storeFloat(Text text, Format format, void *result, int64_t index) {
  uint64_t bits;
  if (!readFloat(text, format, bits))
    return Reading::noNumber;
  auto narrow = static_cast<T>(bits);
  static_cast<T *>(result)[index] = narrow;
  return Reading::done;
}

Reading storeBoolean(Text text, uint8_t *result) {
  text = trimmed(text);
  uint64_t bits = 0;
  bool isTrue = isWord(text, "true");
  if (!isTrue && !isWord(text, "false") && !readFloat(text, binary64, bits))
    return Reading::noNumber;
  *result = isTrue || (bits << 1) != 0;
  return Reading::done;
}

Reading store(Text text, void *result, int64_t index, int64_t dtype) {
  auto integer = [&](auto *elements) { return storeInteger(text, elements + index); };
  switch (dtype) {
  case TENON_F32:
    return storeFloat<uint32_t>(text, binary32, result, index);
  case TENON_F64:
    return storeFloat<uint64_t>(text, binary64, result, index);
  case TENON_F16:
    return storeFloat<uint16_t>(text, binary16, result, index);
  case TENON_BF16:
    return storeFloat<uint16_t>(text, bfloat16, result, index);
  case TENON_I8:
    return integer(static_cast<int8_t *>(result));
  case TENON_I16:
    return integer(static_cast<int16_t *>(result));
  case TENON_I32:
    return integer(static_cast<int32_t *>(result));
  case TENON_I64:
    return integer(static_cast<int64_t *>(result));
  case TENON_U8:
    return integer(static_cast<uint8_t *>(result));
  case TENON_U16:
    return integer(static_cast<uint16_t *>(result));
  case TENON_U32:
    return integer(static_cast<uint32_t *>(result));
  case TENON_U64:
    return integer(static_cast<uint64_t *>(result));
  default:
    return storeBoolean(text, static_cast<uint8_t *>(result) + index);
  }
}

//===-- Writing ---------------------------------------------------------------------------===//

/// Room for the longest: a sign, 17 digits, a point, an exponent; or 16 digits before a point.
class NumberText {
public:
  void add(char c) { text[used++] = c; }
  void add(const char *word) {
    while (*word)
      add(*word++);
  }
  void addInteger(uint64_t value) {
    char digits[20];
    int count = 0;
    do
      digits[count++] = static_cast<char>('0' + value % 10);
    while (value /= 10);
    while (count > 0)
      add(digits[--count]);
  }
  void addSigned(int64_t value) {
    if (value < 0)
      add('-');
    addInteger(value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value));
  }
  void addFloat(uint64_t bits, Format format) {
    uint64_t sign = uint64_t(1) << (format.bits() - 1), magnitude = bits & (sign - 1);
    uint64_t infinity = ((uint64_t(1) << format.exponentBits) - 1) << (format.precision - 1);
    if (magnitude > infinity)
      return add("nan");
    if (bits & sign)
      add('-');
    if (magnitude == infinity)
      return add("inf");
    if (magnitude == 0)
      return add("0.0");
    addDecimal(shortestDigits(magnitude, format));
  }
  int64_t intern(tenon_host *host) const { return host->intern(host, text, used); }

private:
  void addDecimal(const Decimal &decimal) {
    auto digit = [&](int i) { add(i >= 0 && i < decimal.count ? decimal.digits[i] : '0'); };
    // 0.d1d2... * 10^point: 1e-4 has the point -3, 1e16 has 17.
    if (decimal.point < -3 || decimal.point > 16) {
      digit(0);
      if (decimal.count > 1)
        add('.');
      for (int i = 1; i < decimal.count; ++i)
        digit(i);
      int exponent = decimal.point - 1;
      add(exponent < 0 ? "e-" : "e+");
      uint64_t size = static_cast<uint64_t>(exponent < 0 ? -exponent : exponent);
      if (size < 10)
        add('0');
      return addInteger(size);
    }
    if (decimal.point <= 0)
      add('0');
    for (int i = 0; i < decimal.point; ++i)
      digit(i);
    add('.');
    int last = decimal.count > decimal.point + 1 ? decimal.count : decimal.point + 1;
    for (int i = decimal.point; i < last; ++i)
      digit(i);
  }

  char text[48];
  int64_t used = 0;
};

template <typename T> T element(const void *input, int64_t index) {
  T value;
  memcpy(&value, static_cast<const char *>(input) + index * static_cast<int64_t>(sizeof value), sizeof value);
  return value;
}

void write(NumberText &text, const void *input, int64_t i, int64_t dtype) {
  switch (dtype) {
  case TENON_F32:
    return text.addFloat(element<uint32_t>(input, i), binary32);
  case TENON_F64:
    return text.addFloat(element<uint64_t>(input, i), binary64);
  case TENON_F16:
    return text.addFloat(element<uint16_t>(input, i), binary16);
  case TENON_BF16:
    return text.addFloat(element<uint16_t>(input, i), bfloat16);
  case TENON_I8:
    return text.addSigned(element<int8_t>(input, i));
  case TENON_I16:
    return text.addSigned(element<int16_t>(input, i));
  case TENON_I32:
    return text.addSigned(element<int32_t>(input, i));
  case TENON_I64:
    return text.addSigned(element<int64_t>(input, i));
  case TENON_U8:
    return text.addInteger(element<uint8_t>(input, i));
  case TENON_U16:
    return text.addInteger(element<uint16_t>(input, i));
  case TENON_U32:
    return text.addInteger(element<uint32_t>(input, i));
  case TENON_U64:
    return text.addInteger(element<uint64_t>(input, i));
  default:
    return text.add(element<uint8_t>(input, i) ? "True" : "False");
  }
}

} // namespace

extern "C" {

int32_t tenon_text_parse(tenon_host *host, const char *node, const int64_t *input, void *result, int64_t count,
                         int64_t dtype) {
  for (int64_t i = 0; i < count; ++i) {
    Text text = textOf(host, input[i]);
    switch (store(text, result, i, dtype)) {
    case Reading::done:
      break;
    case Reading::noNumber:
      return failAt(host, node, text, i, " is not a number");
    case Reading::outside:
      return failAt(host, node, text, i, " is outside of the range of the result's type");
    }
  }
  return TENON_OK;
}

int32_t tenon_text_format(tenon_host *host, const char *, const void *input, int64_t *result, int64_t count,
                          int64_t dtype) {
  for (int64_t i = 0; i < count; ++i) {
    NumberText text;
    write(text, input, i, dtype);
    if ((result[i] = text.intern(host)) < 0)
      return TENON_OUT_OF_MEMORY;
  }
  return TENON_OK;
}
}
