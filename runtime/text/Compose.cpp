// Texts from pieces of texts; see Text.h.
#include "runtime/text/Host.h"
#include "runtime/text/Text.h"

using namespace tenon::text;

namespace {

/// Unicode's White_Space and the four separators of ASCII, as Python splits.
bool isSpace(uint32_t point) {
  return (point >= 0x09 && point <= 0x0d) || (point >= 0x1c && point <= 0x20) || point == 0x85 || point == 0xa0 ||
         point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029 ||
         point == 0x202f || point == 0x205f || point == 0x3000;
}

/// Walks over the parts of a text.
class Splitter {
public:
  Splitter(Text text, Text delimiter, int64_t most)
      : at(text.data), end(text.data + text.bytes), delimiter(delimiter), left(most) {
    if (delimiter.bytes == 0)
      skipSpace();
    done = delimiter.bytes == 0 && at == end;
  }

  /// False when there is no part left.
  bool next(Text &part) {
    if (done)
      return false;
    const char *begin = at;
    const char *stop = left == 0 ? end : delimiter.bytes == 0 ? findSpace() : findDelimiter();
    part = {begin, stop - begin};
    if (left > 0)
      --left;
    if (stop == end) {
      done = true;
      return true;
    }
    at = stop + delimiter.bytes;
    if (delimiter.bytes == 0) {
      skipSpace();
      done = at == end;
    }
    return true;
  }

private:
  void skipSpace() {
    for (const char *next = at; at != end; at = next)
      if (!isSpace(nextPoint(next)))
        return;
  }

  const char *findSpace() const {
    for (const char *place = at, *next = at; place != end; place = next)
      if (isSpace(nextPoint(next)))
        return place;
    return end;
  }

  const char *findDelimiter() const {
    for (const char *place = at; end - place >= delimiter.bytes; ++place)
      if (*place == *delimiter.data && memcmp(place, delimiter.data, static_cast<size_t>(delimiter.bytes)) == 0)
        return place;
    return end;
  }

  const char *at, *end;
  Text delimiter;
  int64_t left;
  bool done;
};

} // namespace

extern "C" {

int32_t tenon_text_concat(tenon_host *host, const char *, const int64_t *lhs, const int64_t *rhs, int64_t *result,
                          int64_t count) {
  Composer both(host);
  for (int64_t i = 0; i < count; ++i) {
    Text first = textOf(host, lhs[i]), second = textOf(host, rhs[i]);
    both.clear();
    if (!both.append(first.data, first.bytes) || !both.append(second.data, second.bytes) ||
        (result[i] = both.intern()) < 0)
      return TENON_OUT_OF_MEMORY;
  }
  return TENON_OK;
}

int32_t tenon_text_split_count(tenon_host *host, const char *, const int64_t *input, const int64_t *delimiter,
                               int64_t *result, int64_t count, int64_t most) {
  for (int64_t i = 0; i < count; ++i) {
    Splitter parts(textOf(host, input[i]), textOf(host, *delimiter), most);
    Text part;
    for (result[i] = 0; parts.next(part);)
      ++result[i];
  }
  return TENON_OK;
}

int32_t tenon_text_split(tenon_host *host, const char *, const int64_t *input, const int64_t *delimiter,
                         int64_t *result, int64_t count, int64_t width, int64_t most) {
  for (int64_t i = 0; i < count; ++i) {
    Splitter parts(textOf(host, input[i]), textOf(host, *delimiter), most);
    Text part;
    for (int64_t k = 0; k < width; ++k) {
      int64_t &target = result[i * width + k];
      target = parts.next(part) ? host->intern(host, part.data, part.bytes) : 0;
      if (target < 0)
        return TENON_OUT_OF_MEMORY;
    }
  }
  return TENON_OK;
}
}
