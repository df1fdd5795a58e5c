// What the text operators need of their host, in short forms.
#ifndef TENON_RUNTIME_TEXT_HOST_H
#define TENON_RUNTIME_TEXT_HOST_H

#include "tenon/model_abi.h"

#include <stddef.h>
#include <string.h>

namespace tenon::text {

struct Text {
  const char *data;
  int64_t bytes;
};

inline Text textOf(tenon_host *host, int64_t number) {
  Text text;
  text.data = host->text(host, number, &text.bytes);
  return text;
}

/// A text under construction: short ones stay on the stack, others in memory of the run.
class Composer {
public:
  explicit Composer(tenon_host *host) : host(host) {}
  Composer(const Composer &) = delete;
  Composer &operator=(const Composer &) = delete;

  void clear() { used = 0; }
  /// False if there is no memory, which is recorded.
  bool append(const char *data, int64_t bytes) {
    if (bytes > capacity - used && !grow(bytes))
      return false;
    memcpy(start + used, data, static_cast<size_t>(bytes));
    used += bytes;
    return true;
  }
  bool append(char c) { return append(&c, 1); }
  /// The number of the text, -1 after a failure.
  int64_t intern() { return host->intern(host, start, used); }

private:
  bool grow(int64_t bytes) {
    // Both are in memory, so their sum does not overflow.
    int64_t wanted = 2 * (used + bytes);
    auto *larger = static_cast<char *>(host->allocate(host, wanted));
    if (!larger)
      return false;
    memcpy(larger, start, static_cast<size_t>(used));
    start = larger;
    capacity = wanted;
    return true;
  }

  tenon_host *host;
  char own[1024];
  char *start = own;
  int64_t used = 0, capacity = sizeof own;
};

/// Records a failure of element `index`: "node 'n': 'text' at element 3 is no number". The text is cut.
inline int32_t failAt(tenon_host *host, const char *node, Text text, int64_t index, const char *problem) {
  char message[512];
  size_t used = 0;
  auto add = [&](const char *data, size_t bytes, size_t most) {
    for (size_t i = 0; i < bytes && i < most && used + 1 < sizeof message; ++i)
      // The host would fill in its numbers for this character.
      message[used++] = data[i] == '%' || data[i] == '\0' ? '?' : data[i];
  };
  auto addText = [&](const char *data, size_t most) { add(data, strlen(data), most); };
  addText(node, 128);
  addText("'", 1);
  add(text.data, static_cast<size_t>(text.bytes), 64);
  addText("' at element ", 16);
  if (used + 8 < sizeof message)
    memcpy(message + used, "%lld", 4), used += 4;
  addText(problem, 128);
  message[used] = '\0';
  return host->fail(host, TENON_INVALID_ARGUMENT, message, index, 0);
}

/// A code point of well-formed UTF-8; moves `at` behind it.
inline uint32_t nextPoint(const char *&at) {
  auto byte = [&](int i) { return static_cast<uint32_t>(static_cast<unsigned char>(at[i])); };
  uint32_t first = byte(0), point;
  if (first < 0x80)
    point = first, at += 1;
  else if (first < 0xe0)
    point = (first & 0x1f) << 6 | (byte(1) & 0x3f), at += 2;
  else if (first < 0xf0)
    point = (first & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), at += 3;
  else
    point = (first & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f), at += 4;
  return point;
}

} // namespace tenon::text

#endif // TENON_RUNTIME_TEXT_HOST_H
