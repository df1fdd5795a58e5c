// The bounded text that says what went wrong.
//
// What it expects: formats of printf; texts from models go through expandMessage, never through printf as a format.
// What it guarantees: no allocation; long texts are cut, always terminated, and never end inside a UTF-8 sequence.
#ifndef TENON_RUNTIME_ERRORTEXT_H
#define TENON_RUNTIME_ERRORTEXT_H

#include <stddef.h>
#include <stdint.h>

namespace tenon::runtime {

class ErrorText {
public:
  const char *text() const { return buffer; }
  bool empty() const { return buffer[0] == '\0'; }
  void clear() { buffer[0] = '\0'; }

  /// Replaces the text and returns `status`, so that a failure is one statement.
  int32_t fail(int32_t status, const char *format, ...) __attribute__((format(printf, 3, 4)));

  /// Adds to the text.
  void append(const char *format, ...) __attribute__((format(printf, 2, 3)));

  /// Replaces the text by `message` with its first two "%lld" replaced by a and b; every other character stays itself.
  void expandMessage(const char *message, int64_t a, int64_t b);

  /// Copies the text into a caller's buffer of `bytes` bytes; `target` may be null.
  void copyTo(char *target, size_t bytes) const;

private:
  void trimPartialCharacter();

  /// Two long tensor names and a sentence; names beyond that are cut.
  char buffer[1024] = {0};
};

} // namespace tenon::runtime

#endif // TENON_RUNTIME_ERRORTEXT_H
