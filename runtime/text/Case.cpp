// Upper and lower case; see Text.h. What a code point becomes depends on its neighbours in two cases only: a capital
// sigma at the end of a word, and the dot of an i in Turkish and Azeri (Unicode 14.0, section 3.13 and
// SpecialCasing.txt).
#include "runtime/text/Host.h"
#include "runtime/text/Text.h"

using namespace tenon::text;

namespace {

/// first, first + step, ... last become another code point, `difference` away.
struct Shift {
  uint32_t first, last, step;
  int32_t difference;
};
/// A code point that becomes two (the last is 0) or three.
struct Expansion {
  uint32_t first, point, second, third;
};
struct Range {
  uint32_t first, last;
};

#include "runtime/text/CaseTables.inc"

/// The row of an ascending table with the largest `first` that is at most `point`, or null.
template <typename Row, size_t size> const Row *rowBefore(const Row (&table)[size], uint32_t point) {
  size_t begin = 0, end = size;
  while (begin != end) {
    size_t middle = (begin + end) / 2;
    if (table[middle].first <= point)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin == 0 ? nullptr : table + begin - 1;
}

template <size_t size> bool contains(const Range (&table)[size], uint32_t point) {
  const Range *row = rowBefore(table, point);
  return row && point <= row->last;
}

template <size_t size> uint32_t shifted(const Shift (&table)[size], uint32_t point) {
  const Shift *row = rowBefore(table, point);
  bool isIn = row && point <= row->last && (point - row->first) % row->step == 0;
  return isIn ? point + static_cast<uint32_t>(row->difference) : point;
}

bool appendPoint(Composer &text, uint32_t point) {
  char bytes[4];
  int64_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  for (int64_t i = size; i-- > 1; point >>= 6)
    bytes[i] = static_cast<char>(0x80 | (point & 0x3f));
  bytes[0] = static_cast<char>(size == 1 ? point : (0xf00 >> size & 0xf0) | point);
  return text.append(bytes, size);
}

constexpr uint32_t capitalSigma = 0x3a3, smallSigma = 0x3c3, finalSigma = 0x3c2, dotAbove = 0x307,
                   capitalDotted = 0x130, smallDotless = 0x131;

bool appendUpper(Composer &text, uint32_t point, bool turkic) {
  if (turkic && point == 'i')
    return appendPoint(text, capitalDotted);
  const Expansion *row = rowBefore(toUpperTexts, point);
  if (!row || row->first != point)
    return appendPoint(text, shifted(toUpper, point));
  return appendPoint(text, row->point) && appendPoint(text, row->second) &&
         (row->third == 0 || appendPoint(text, row->third));
}

/// Lower case, point by point. `afterCased`: the last point that is not ignorable is cased.
class Lowering {
public:
  Lowering(Composer &text, const char *end, bool turkic) : text(text), end(end), turkic(turkic) {}

  /// Takes the point before `at`; moves `at` behind what belongs to it.
  bool append(uint32_t point, const char *&at) {
    bool wasAfterCased = afterCased;
    if (!contains(ignorable, point))
      afterCased = contains(cased, point);
    if (point == capitalSigma)
      return appendPoint(text, wasAfterCased && !isBeforeCased(at) ? finalSigma : smallSigma);
    if (turkic && point == capitalDotted)
      return appendPoint(text, 'i');
    if (turkic && point == 'I') {
      const char *next = at;
      if (at == end || nextPoint(next) != dotAbove)
        return appendPoint(text, smallDotless);
      at = next;
      return appendPoint(text, 'i');
    }
    if (point == capitalDotted)
      return appendPoint(text, 'i') && appendPoint(text, dotAbove);
    return appendPoint(text, shifted(toLower, point));
  }

private:
  bool isBeforeCased(const char *at) const {
    while (at != end) {
      uint32_t point = nextPoint(at);
      if (!contains(ignorable, point))
        return contains(cased, point);
    }
    return false;
  }

  Composer &text;
  const char *end;
  bool turkic, afterCased = false;
};

} // namespace

extern "C" int32_t tenon_text_case(tenon_host *host, const char *, const int64_t *input, int64_t *result, int64_t count,
                                   int64_t upper, int64_t turkic) {
  Composer composer(host);
  for (int64_t i = 0; i < count; ++i) {
    Text text = textOf(host, input[i]);
    composer.clear();
    const char *at = text.data, *end = at + text.bytes;
    Lowering lowering(composer, end, turkic);
    while (at != end) {
      uint32_t point = nextPoint(at);
      if (!(upper ? appendUpper(composer, point, turkic) : lowering.append(point, at)))
        return TENON_OUT_OF_MEMORY;
    }
    if ((result[i] = composer.intern()) < 0)
      return TENON_OUT_OF_MEMORY;
  }
  return TENON_OK;
}
