//===- RegularExpression.cpp - patterns as programs of runtime/text ------------------------===//
//
// RE2 parses a pattern and compiles it to instructions over the bytes of UTF-8. Only whether all of a text matches is
// asked, so captures are jumps and which of several matches is preferred does not matter.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/RegularExpression.h"

#include "compiler/Import/Error.h"
#include "re2/prog.h"
#include "re2/re2.h"
#include "re2/regexp.h"

#include <memory>

namespace tenon::importer {

namespace {

// The kinds and fields of runtime/text/Match.cpp.
enum Kind : uint64_t { Fail, Range, Jump, Condition, Accept };

int64_t encode(Kind kind, bool isLast, uint64_t fields = 0) {
  return static_cast<int64_t>(kind | uint64_t(isLast) << 4 | fields);
}

int64_t translate(re2::Prog::Inst &instruction) {
  bool isLast = instruction.last();
  auto next = [&] { return static_cast<uint64_t>(instruction.out()) << 32; };
  switch (instruction.opcode()) {
  case re2::kInstByteRange:
    return encode(Range, isLast,
                  next() | uint64_t(instruction.foldcase()) << 5 | static_cast<uint64_t>(instruction.lo()) << 8 |
                      static_cast<uint64_t>(instruction.hi()) << 16);
  case re2::kInstCapture:
  case re2::kInstNop:
    return encode(Jump, isLast, next());
  case re2::kInstEmptyWidth:
    return encode(Condition, isLast, next() | static_cast<uint64_t>(instruction.empty()) << 24);
  case re2::kInstMatch:
    return encode(Accept, isLast);
  // Its two ways follow in the list.
  case re2::kInstAltMatch:
    return encode(Fail, isLast);
  case re2::kInstFail:
    return encode(Fail, isLast);
  default:
    fail("the pattern became an instruction of kind " + std::to_string(instruction.opcode()));
  }
}

// The order of RE2's flags is that of the matcher's conditions.
static_assert(re2::kEmptyBeginLine == 1 && re2::kEmptyEndLine == 2 && re2::kEmptyBeginText == 4 &&
              re2::kEmptyEndText == 8 && re2::kEmptyWordBoundary == 16 && re2::kEmptyNonWordBoundary == 32);

} // namespace

std::vector<int64_t> compilePattern(const std::string &pattern) {
  re2::RE2::Options options;
  re2::RegexpStatus status;
  struct Release {
    void operator()(re2::Regexp *regexp) const { regexp->Decref(); }
  };
  std::unique_ptr<re2::Regexp, Release> regexp(
      re2::Regexp::Parse(pattern, static_cast<re2::Regexp::ParseFlags>(options.ParseFlags()), &status));
  if (!regexp)
    fail("attribute 'pattern' is no regular expression in RE2's syntax: " + status.Text());
  std::unique_ptr<re2::Prog> program(regexp->CompileToProg(options.max_mem() * 2 / 3));
  if (!program)
    fail("attribute 'pattern' is too large a regular expression");
  std::vector<int64_t> words = {program->start(), program->size()};
  for (int i = 0; i < program->size(); ++i)
    words.push_back(translate(*program->inst(i)));
  return words;
}

} // namespace tenon::importer
