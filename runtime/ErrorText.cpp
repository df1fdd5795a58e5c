// The bounded text that says what went wrong; see ErrorText.h.
#include "runtime/ErrorText.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

namespace tenon::runtime {

int32_t ErrorText::fail(int32_t status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  trimPartialCharacter();
  return status;
}

void ErrorText::append(const char *format, ...) {
  size_t used = strlen(buffer);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer + used, sizeof buffer - used, format, arguments);
  va_end(arguments);
  trimPartialCharacter();
}

void ErrorText::expandMessage(const char *message, int64_t a, int64_t b) {
  static const char placeholder[] = "%lld";
  const int64_t values[2] = {a, b};
  unsigned next = 0;
  size_t used = 0;
  for (const char *c = message; *c != '\0' && used + 1 < sizeof buffer;) {
    if (next < 2 && strncmp(c, placeholder, sizeof placeholder - 1) == 0) {
      int length = snprintf(buffer + used, sizeof buffer - used, "%lld", static_cast<long long>(values[next++]));
      used += static_cast<size_t>(length);
      c += sizeof placeholder - 1;
    } else {
      buffer[used++] = *c++;
    }
  }
  buffer[used < sizeof buffer ? used : sizeof buffer - 1] = '\0';
  trimPartialCharacter();
}

void ErrorText::copyTo(char *target, size_t bytes) const {
  if (!target || bytes == 0)
    return;
  size_t length = strlen(buffer);
  if (length >= bytes)
    length = bytes - 1;
  memcpy(target, buffer, length);
  target[length] = '\0';
}

// A cut can only have happened when the buffer is full. UTF-8 continuation bytes are 10xxxxxx and follow a lead byte.
void ErrorText::trimPartialCharacter() {
  size_t length = strlen(buffer);
  if (length + 1 < sizeof buffer)
    return;
  while (length > 0 && (static_cast<unsigned char>(buffer[length - 1]) & 0xC0) == 0x80)
    --length;
  if (length > 0 && static_cast<unsigned char>(buffer[length - 1]) >= 0xC0)
    --length;
  buffer[length] = '\0';
}

} // namespace tenon::runtime
