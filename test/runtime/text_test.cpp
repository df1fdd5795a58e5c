// The text operators alone, on texts that cover their rules; against numpy and ONNX Runtime they are tested in
// test/numerics.
#include "runtime/text/Text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tenon::test {
namespace {

/// A host with a table of texts, and memory that fails from some request on.
struct Host : tenon_host {
  Host() : tenon_host() {
    this->intern = [](tenon_host *host, const char *data, int64_t bytes) {
      auto &self = *static_cast<Host *>(host);
      if (self.left-- <= 0)
        return int64_t(-1);
      return self.number(std::string(data, static_cast<size_t>(bytes)));
    };
    this->text = [](tenon_host *host, int64_t number, int64_t *bytes) {
      const std::string &text = static_cast<Host *>(host)->texts[static_cast<size_t>(number)];
      *bytes = static_cast<int64_t>(text.size());
      return text.data();
    };
    this->allocate = [](tenon_host *host, int64_t bytes) -> void * {
      auto &self = *static_cast<Host *>(host);
      if (self.left-- <= 0)
        return nullptr;
      self.memory.emplace_back(new char[static_cast<size_t>(bytes)]);
      return self.memory.back().get();
    };
    this->fail = [](tenon_host *host, int32_t status, const char *message, int64_t a, int64_t) {
      static_cast<Host *>(host)->error = std::string(message) + " | " + std::to_string(a);
      return status;
    };
    number("");
  }
  int64_t number(const std::string &text) {
    auto [entry, isNew] = numbers.try_emplace(text, static_cast<int64_t>(texts.size()));
    if (isNew)
      texts.push_back(text);
    return entry->second;
  }
  std::vector<int64_t> all(const std::vector<std::string> &list) {
    std::vector<int64_t> result;
    for (const std::string &text : list)
      result.push_back(number(text));
    return result;
  }
  std::vector<std::string> back(const std::vector<int64_t> &list) {
    std::vector<std::string> result;
    for (int64_t number : list)
      result.push_back(texts[static_cast<size_t>(number)]);
    return result;
  }

  std::deque<std::string> texts;
  std::map<std::string, int64_t> numbers;
  std::vector<std::unique_ptr<char[]>> memory;
  std::string error;
  int64_t left = std::numeric_limits<int64_t>::max();
};

using Texts = std::vector<std::string>;

Texts changeCase(const Texts &list, bool upper, bool turkic = false) {
  Host host;
  std::vector<int64_t> x = host.all(list), y(x.size());
  EXPECT_EQ(tenon_text_case(&host, "", x.data(), y.data(), static_cast<int64_t>(x.size()), upper, turkic), TENON_OK);
  return host.back(y);
}

TEST(Text, ChangesCaseAsUnicodeSays) {
  EXPECT_EQ(changeCase({"Straße", "ǆ", "ﬃ", "İıiI", "ΐ", "𐐨"}, true),
            (Texts{"STRASSE", "Ǆ", "FFI", "İIII", "\u0399\u0308\u0301", "𐐀"}));
  EXPECT_EQ(changeCase({"STRASSE", "İ", "ẞ", "𐐀"}, false), (Texts{"strasse", "i̇", "ß", "𐐨"}));
}

TEST(Text, TheLastSigmaOfAWordHasItsOwnForm) {
  EXPECT_EQ(changeCase({"ΣΑΣ", "Σ", "ΑΣ Α", "ΑΣ.Α", "Α.Σ", "ΑΣ́", "ΑΣ́Α"}, false),
            (Texts{"σας", "σ", "ας α", "ασ.α", "α.ς", "ας́", "ασ́α"}));
}

TEST(Text, TurkishHasTwoLettersI) {
  EXPECT_EQ(changeCase({"iı", "x"}, true, true), (Texts{"İI", "X"}));
  EXPECT_EQ(changeCase({"İI", "I\u0307", "IX"}, false, true), (Texts{"iı", "i", "ıx"}));
}

Texts split(const std::string &text, const std::string &delimiter, int64_t most) {
  Host host;
  int64_t x = host.number(text), separator = host.number(delimiter), count = -1;
  EXPECT_EQ(tenon_text_split_count(&host, "", &x, &separator, &count, 1, most), TENON_OK);
  std::vector<int64_t> parts(static_cast<size_t>(count) + 1);
  EXPECT_EQ(tenon_text_split(&host, "", &x, &separator, parts.data(), 1, count + 1, most), TENON_OK);
  EXPECT_EQ(parts.back(), 0);
  parts.pop_back();
  return host.back(parts);
}

TEST(Text, SplitsAtDelimitersAndAtWhiteSpace) {
  EXPECT_EQ(split("a,,b,", ",", -1), (Texts{"a", "", "b", ""}));
  EXPECT_EQ(split("a,,b,", ",", 1), (Texts{"a", ",b,"}));
  EXPECT_EQ(split("abab", "ab", -1), (Texts{"", "", ""}));
  EXPECT_EQ(split("aaa", "aa", -1), (Texts{"", "a"}));
  EXPECT_EQ(split("", ",", -1), (Texts{""}));
  EXPECT_EQ(split("", "", -1), Texts{});
  EXPECT_EQ(split(" \t\u00a0 ", "", -1), Texts{});
  EXPECT_EQ(split("  1  2\u3000 3  ", "", -1), (Texts{"1", "2", "3"}));
  EXPECT_EQ(split("  1  2   3  ", "", 1), (Texts{"1", "2   3  "}));
  EXPECT_EQ(split("a b", "", 0), (Texts{"a b"}));
}

TEST(Text, RanksByCodePoints) {
  Host host;
  std::vector<int64_t> x = host.all({"b", "", "é", "a", "b", "ab", "😀", "a", "\uffee"}), y(x.size());
  EXPECT_EQ(tenon_text_rank(&host, "", x.data(), y.data(), static_cast<int64_t>(x.size())), TENON_OK);
  EXPECT_EQ(y, (std::vector<int64_t>{3, 0, 4, 1, 3, 2, 6, 1, 5}));
  EXPECT_EQ(tenon_text_rank(&host, "", nullptr, nullptr, 0), TENON_OK);
}

TEST(Text, ConcatenatesTextsOfAnyLength) {
  Host host;
  std::string large(5000, 'x');
  std::vector<int64_t> x = host.all({"a", large, ""}), y = host.all({"b", large, ""}), both(3);
  EXPECT_EQ(tenon_text_concat(&host, "", x.data(), y.data(), both.data(), 3), TENON_OK);
  EXPECT_EQ(host.back(both), (Texts{"ab", large + large, ""}));
}

TEST(Text, EveryFailedRequestForMemoryIsAStatus) {
  std::string large(3000, 'x');
  for (int64_t left = 0; left < 2; ++left) {
    Host host;
    std::vector<int64_t> x = host.all({large}), y(1);
    host.left = left;
    EXPECT_EQ(tenon_text_concat(&host, "", x.data(), x.data(), y.data(), 1), TENON_OUT_OF_MEMORY);
    host.left = left;
    EXPECT_EQ(tenon_text_case(&host, "", x.data(), y.data(), 1, 1, 0), TENON_OUT_OF_MEMORY);
  }
  Host host;
  int64_t x = host.number("a b"), empty = 0, y[2], program[] = {0, 1, 4};
  float number = 1;
  uint8_t matched;
  host.left = 0;
  EXPECT_EQ(tenon_text_split(&host, "", &x, &empty, y, 1, 2, -1), TENON_OUT_OF_MEMORY);
  EXPECT_EQ(tenon_text_rank(&host, "", &x, y, 1), TENON_OUT_OF_MEMORY);
  EXPECT_EQ(tenon_text_match(&host, "", &x, program, &matched, 1), TENON_OUT_OF_MEMORY);
  EXPECT_EQ(tenon_text_format(&host, "", &number, y, 1, TENON_F32), TENON_OUT_OF_MEMORY);
}

template <typename T> T parsed(const std::string &text, int64_t dtype) {
  Host host;
  int64_t x = host.number(text);
  T result{};
  EXPECT_EQ(tenon_text_parse(&host, "", &x, &result, 1, dtype), TENON_OK) << text << ": " << host.error;
  return result;
}

std::string parseError(const std::string &text, int64_t dtype) {
  Host host;
  int64_t x = host.number(text);
  int64_t result;
  EXPECT_EQ(tenon_text_parse(&host, "node n: ", &x, &result, 1, dtype), TENON_INVALID_ARGUMENT);
  return host.error;
}

TEST(Text, ReadsNumbers) {
  EXPECT_EQ(parsed<float>("3.14", TENON_F32), 3.14f);
  EXPECT_EQ(parsed<float>(" -1e-5\n", TENON_F32), -1e-5f);
  EXPECT_EQ(parsed<double>("1E8", TENON_F64), 1e8);
  EXPECT_EQ(parsed<double>(".5", TENON_F64), .5);
  EXPECT_EQ(parsed<double>("5.", TENON_F64), 5.);
  EXPECT_EQ(parsed<double>("1e400", TENON_F64), INFINITY);
  EXPECT_EQ(parsed<double>("+iNf", TENON_F64), INFINITY);
  EXPECT_EQ(parsed<float>("-INF", TENON_F32), -INFINITY);
  EXPECT_TRUE(std::isnan(parsed<float>("NaN", TENON_F32)));
  EXPECT_TRUE(std::signbit(parsed<double>("-0", TENON_F64)));
  EXPECT_EQ(parsed<uint16_t>("0.1", TENON_F16), 0x2e66);
  EXPECT_EQ(parsed<uint16_t>("0.1", TENON_BF16), 0x3dcd);
  EXPECT_EQ(parsed<int64_t>("-9223372036854775808", TENON_I64), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(parsed<uint64_t>("18446744073709551615", TENON_U64), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(parsed<int8_t>("-128", TENON_I8), -128);
  EXPECT_EQ(parsed<int32_t>("100.5", TENON_I32), 100);
  EXPECT_EQ(parsed<int32_t>("-1e2", TENON_I32), -100);
  EXPECT_EQ(parsed<uint8_t>("True", TENON_BOOL), 1);
  EXPECT_EQ(parsed<uint8_t>("FALSE", TENON_BOOL), 0);
  EXPECT_EQ(parsed<uint8_t>("0.0", TENON_BOOL), 0);
  EXPECT_EQ(parsed<uint8_t>("2", TENON_BOOL), 1);
}

TEST(Text, RoundsOnceToTheNearest) {
  // Half a unit and a little: rounding to f64 first would lose the little.
  EXPECT_EQ(parsed<float>("1.000000059604644775390625", TENON_F32), 1.0f);
  EXPECT_EQ(parsed<float>("1.00000005960464477539062500000000000000000000000000001", TENON_F32), 1.00000011920929f);
  EXPECT_EQ(parsed<double>("4.9406564584124654e-324", TENON_F64), 4.9406564584124654e-324);
  EXPECT_EQ(parsed<double>("2.4703282292062327e-324", TENON_F64), 0);
  EXPECT_EQ(parsed<double>("2.4703282292062328e-324", TENON_F64), 4.9406564584124654e-324);
  EXPECT_EQ(parsed<double>("179769313486231580793e289", TENON_F64), INFINITY);
  EXPECT_EQ(parsed<double>("1" + std::string(3000, '0') + "e-3000", TENON_F64), 1);
  EXPECT_EQ(parsed<double>("0." + std::string(3000, '0') + "1e3001", TENON_F64), 1);
}

TEST(Text, SaysWhatIsNoNumber) {
  for (const char *bad :
       {"", " ", "x", "1x", "1e", "e5", ".", "--1", "0x10", "1 2", "1_000", "infinit", "nanx", "\u0661"})
    EXPECT_EQ(parseError(bad, TENON_F32), "node n: '" + std::string(bad) + "' at element %lld is not a number | 0");
  EXPECT_EQ(parseError("128", TENON_I8),
            "node n: '128' at element %lld is outside of the range of the result's type | 0");
  EXPECT_EQ(parseError("-1", TENON_U8),
            "node n: '-1' at element %lld is outside of the range of the result's type | 0");
  EXPECT_EQ(parseError("NaN", TENON_I64),
            "node n: 'NaN' at element %lld is outside of the range of the result's type | 0");
  EXPECT_EQ(parseError("18446744073709551616", TENON_U64).substr(0, 40), "node n: '18446744073709551616' at elemen");
  EXPECT_EQ(parseError("%s%lld", TENON_F32), "node n: '?s?lld' at element %lld is not a number | 0");
  EXPECT_EQ(parseError(std::string(100000, 'x'), TENON_F32),
            "node n: '" + std::string(64, 'x') + "' at element %lld is not a number | 0");
}

template <typename T> std::string formatted(T value, int64_t dtype) {
  Host host;
  int64_t y;
  EXPECT_EQ(tenon_text_format(&host, "", &value, &y, 1, dtype), TENON_OK);
  return host.back({y})[0];
}

TEST(Text, WritesTheFewestDigits) {
  EXPECT_EQ(formatted(0.1f, TENON_F32), "0.1");
  EXPECT_EQ(formatted(0.1, TENON_F64), "0.1");
  EXPECT_EQ(formatted(1.0f / 3, TENON_F32), "0.33333334");
  EXPECT_EQ(formatted(16777216.0f, TENON_F32), "16777216.0");
  EXPECT_EQ(formatted(-0.0f, TENON_F32), "-0.0");
  EXPECT_EQ(formatted(1e-4, TENON_F64), "0.0001");
  EXPECT_EQ(formatted(9.99e-5, TENON_F64), "9.99e-05");
  EXPECT_EQ(formatted(1e16, TENON_F64), "1e+16");
  EXPECT_EQ(formatted(9999999999999998.0, TENON_F64), "9999999999999998.0");
  EXPECT_EQ(formatted(1.5e300, TENON_F64), "1.5e+300");
  EXPECT_EQ(formatted(5e-324, TENON_F64), "5e-324");
  EXPECT_EQ(formatted(std::ldexp(1.0, -44), TENON_F64), "5.684341886080802e-14");
  EXPECT_EQ(formatted(9007199254740993.0, TENON_F64), "9007199254740992.0");
  EXPECT_EQ(formatted(NAN, TENON_F32), "nan");
  EXPECT_EQ(formatted(-INFINITY, TENON_F32), "-inf");
  EXPECT_EQ(formatted<uint16_t>(0x7bff, TENON_F16), "65500.0");
  EXPECT_EQ(formatted<uint16_t>(0x3dcd, TENON_BF16), "0.1");
  EXPECT_EQ(formatted<uint16_t>(0x0001, TENON_BF16), "9e-41");
  EXPECT_EQ(formatted<uint16_t>(0x3940, TENON_F16), "0.6562");
  EXPECT_EQ(formatted<uint16_t>(0x5015, TENON_BF16), "10000000000.0");
  EXPECT_EQ(formatted<uint16_t>(0x2e66, TENON_F16), "0.1");
}

TEST(Text, WritesIntegersInFull) {
  EXPECT_EQ(formatted(std::numeric_limits<int64_t>::min(), TENON_I64), "-9223372036854775808");
  EXPECT_EQ(formatted(std::numeric_limits<uint64_t>::max(), TENON_U64), "18446744073709551615");
  EXPECT_EQ(formatted<int8_t>(-128, TENON_I8), "-128");
  EXPECT_EQ(formatted<uint16_t>(65535, TENON_U16), "65535");
  EXPECT_EQ(formatted<uint8_t>(1, TENON_BOOL), "True");
  EXPECT_EQ(formatted<uint8_t>(0, TENON_BOOL), "False");
}

TEST(Text, MatchesAProgramByHand) {
  // a*b: 0: fail; 1: range a -> 1, not the last; 2: range b -> 3; 3: accept.
  auto range = [](char c, int64_t next, bool isLast) {
    return 1 | int64_t(isLast) << 4 | int64_t(c) << 8 | int64_t(c) << 16 | next << 32;
  };
  std::vector<int64_t> program = {1, 4, 16, range('a', 1, false), range('b', 3, true), 4 | 16};
  Host host;
  std::vector<int64_t> x = host.all({"b", "aaab", "", "aaa", "ab ", "abb"});
  std::vector<uint8_t> y(x.size());
  EXPECT_EQ(tenon_text_match(&host, "", x.data(), program.data(), y.data(), static_cast<int64_t>(x.size())), TENON_OK);
  EXPECT_EQ(y, (std::vector<uint8_t>{1, 1, 0, 0, 0, 0}));
}

} // namespace
} // namespace tenon::test
