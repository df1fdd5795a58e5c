// Whether a whole text matches a regular expression; see Text.h.
//
// The compiler turns the pattern into instructions over bytes (compiler/Import/RegularExpression.cpp); here they run as
// a nondeterministic automaton: all threads step together, so that time grows with text times instructions, whatever
// the pattern (Thompson, Regular expression search algorithm, 1968). An instruction is one number, fields from the low
// bit:
//
//   kind: 4 bits | last of its list: 1 | fold ASCII letters: 1 | 2 unused | low: 8 | high: 8 | conditions: 8 | next: 32
//
// program[0] is where threads start, program[1] the number of instructions that follow. A thread at an instruction that
// is not the last of its list is also at the one after it.
#include "runtime/text/Host.h"
#include "runtime/text/Text.h"

using namespace tenon::text;

namespace {

enum Kind { Fail, Range, Jump, Condition, Accept };

struct Instruction {
  explicit Instruction(int64_t word) : word(static_cast<uint64_t>(word)) {}
  Kind kind() const { return static_cast<Kind>(word & 15); }
  bool isLast() const { return word >> 4 & 1; }
  bool folds() const { return word >> 5 & 1; }
  bool contains(uint32_t byte) const {
    if (folds() && byte >= 'A' && byte <= 'Z')
      byte += 'a' - 'A';
    return byte >= (word >> 8 & 255) && byte <= (word >> 16 & 255);
  }
  uint32_t conditions() const { return word >> 24 & 255; }
  uint32_t next() const { return static_cast<uint32_t>(word >> 32); }

private:
  uint64_t word;
};

/// A set of places that can be walked and emptied in time of its size (Briggs and Torczon, 1993).
struct Places {
  uint32_t *list, *position;
  uint32_t size = 0;
  bool add(uint32_t place) {
    if (position[place] < size && list[position[place]] == place)
      return false;
    position[place] = size;
    list[size++] = place;
    return true;
  }
};

bool isWord(int byte) {
  return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
}

/// What holds between two bytes, -1 outside of the text: begin and end of line, of text, word boundary and none.
uint32_t conditionsBetween(int before, int after) {
  bool boundary = isWord(before) != isWord(after);
  return (before < 0 || before == '\n' ? 1 : 0) | (after < 0 || after == '\n' ? 2 : 0) | (before < 0 ? 4 : 0) |
         (after < 0 ? 8 : 0) | (boundary ? 16 : 32);
}

class Matcher {
public:
  Matcher(const int64_t *program, uint32_t *memory)
      : start(static_cast<uint32_t>(program[0])), size(static_cast<uint32_t>(program[1])), code(program + 2),
        now{memory, memory + size}, next{memory + 2 * size, memory + 3 * size}, stack(memory + 4 * size) {}

  static int64_t memoryBytes(int64_t size) { return 6 * size * static_cast<int64_t>(sizeof(uint32_t)); }

  bool matches(Text text) {
    auto byteAt = [&](int64_t i) { return i < 0 || i >= text.bytes ? -1 : static_cast<unsigned char>(text.data[i]); };
    now.size = 0;
    follow(now, start, conditionsBetween(-1, byteAt(0)));
    for (int64_t i = 0; i < text.bytes && now.size != 0; ++i) {
      int byte = byteAt(i);
      uint32_t conditions = conditionsBetween(byte, byteAt(i + 1));
      next.size = 0;
      for (uint32_t k = 0; k < now.size; ++k) {
        Instruction instruction(code[now.list[k]]);
        if (instruction.kind() == Range && instruction.contains(static_cast<uint32_t>(byte)))
          follow(next, instruction.next(), conditions);
      }
      Places swapped = now;
      now = next;
      next = swapped;
    }
    for (uint32_t k = 0; k < now.size; ++k)
      if (Instruction(code[now.list[k]]).kind() == Accept)
        return true;
    return false;
  }

private:
  /// Adds a place and all that are reached from it without a byte. Each is pushed at most twice per step.
  void follow(Places &places, uint32_t place, uint32_t conditions) {
    uint32_t depth = 0;
    stack[depth++] = place;
    while (depth != 0) {
      uint32_t at = stack[--depth];
      if (!places.add(at))
        continue;
      Instruction instruction(code[at]);
      if (!instruction.isLast())
        stack[depth++] = at + 1;
      bool open = instruction.kind() == Condition && (instruction.conditions() & ~conditions) == 0;
      if (instruction.kind() == Jump || open)
        stack[depth++] = instruction.next();
    }
  }

  uint32_t start, size;
  const int64_t *code;
  Places now, next;
  uint32_t *stack;
};

} // namespace

extern "C" int32_t tenon_text_match(tenon_host *host, const char *, const int64_t *input, const int64_t *program,
                                    uint8_t *result, int64_t count) {
  int64_t bytes = Matcher::memoryBytes(program[1]);
  auto *memory = static_cast<uint32_t *>(host->allocate(host, bytes));
  if (!memory)
    return TENON_OUT_OF_MEMORY;
  memset(memory, 0, static_cast<size_t>(bytes));
  Matcher matcher(program, memory);
  for (int64_t i = 0; i < count; ++i)
    result[i] = matcher.matches(textOf(host, input[i]));
  return TENON_OK;
}
