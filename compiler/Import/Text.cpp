//===- Text.cpp - operators on strings -----------------------------------------------------===//
//
// What depends on characters; movement of strings is that of any tensor, Cast is in Elementwise.cpp.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Lookup.h"
#include "compiler/Import/Registry.h"
#include "compiler/Import/RegularExpression.h"

namespace tenon::importer {

namespace {

void importStringConcat(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value lhs = c.input(0), rhs = c.input(1);
  // The shape that both broadcast to is that of any elementwise op on them.
  mlir::Value both = b.make<nn::CompareOp>(nn::ComparePredicate::eq, lhs, rhs);
  ScalarVector sizes = b.extents(both);
  c.result(b.make<nn::StringConcatOp>(b.broadcast(lhs, sizes), b.broadcast(rhs, sizes)));
}

void importRegexFullMatch(NodeContext &c) {
  std::vector<int64_t> program = compilePattern(c.string("pattern", ""));
  c.result(c.b.make<nn::StringMatchOp>(c.input(0), integerVector(c.b, program)));
}

void importStringSplit(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.input(0), delimiter = stringConstant(b, {c.string("delimiter", "")}, {});
  int64_t most = c.hasAttribute("maxsplit") ? c.integer("maxsplit", 0) : -1;
  mlir::Value counts = b.make<nn::StringSplitCountOp>(x, delimiter, most);
  IntVector all = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  mlir::Value largest = b.reduce(nn::ReduceKind::max, counts, all, /*keepDims=*/false);
  // Of no texts, the maximum is the lowest number.
  Scalar width = b.max(b.extract(largest)->items.front(), b.index(0));
  c.result(0, b.make<nn::StringSplitOp>(x, delimiter, b.value(width), most));
  c.result(1, counts);
}

//===----------------------------------------------------------------------===//
// StringNormalizer
//===----------------------------------------------------------------------===//

/// Which elements of texts [n] are none of the words.
Expression isNoneOf(Expression texts, Expression words) {
  Builder &b = texts.b();
  Expression column = texts.reshape({b.extent(texts, 0), b.index(1)});
  return ~reduce(nn::ReduceKind::max, column == words, {1});
}

void importStringNormalizer(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 1, 2);
  ScalarVector extents = b.extents(input);
  if (std::optional<int64_t> rows = Builder::constant(extents[0]); rankOf(input) == 2 && rows && *rows != 1)
    fail("the input has " + std::to_string(*rows) + " rows, expected 1");
  std::string action = c.string("case_change_action", "NONE"), locale = c.string("locale", "en_US");
  if (action != "NONE" && action != "LOWER" && action != "UPPER")
    fail("attribute 'case_change_action' is '" + action + "', expected LOWER, UPPER or NONE");
  // The languages whose i has two forms.
  llvm::StringRef language =
      llvm::StringRef(locale).take_until([](char c) { return c == '_' || c == '-' || c == '.'; });
  bool isTurkic = language.equals_insensitive("tr") || language.equals_insensitive("az");
  auto cased = [&](Expression texts) {
    return texts.with(b.make<nn::StringCaseOp>(texts, action == "UPPER", isTurkic));
  };

  Expression texts(b, input);
  texts = texts.reshape({extents.back()});
  Expression changed = action == "NONE" ? texts : cased(texts);
  std::vector<std::string> stopWords = c.strings("stopwords");
  if (!stopWords.empty()) {
    Expression words(b, stringVector(b, stopWords));
    bool isSensitive = c.integer("is_case_sensitive", 0) != 0;
    Expression kept = isSensitive ? isNoneOf(texts, words) : isNoneOf(cased(texts), cased(words));
    mlir::Value places = importNonZero(b, kept);
    changed = gather(changed, changed.with(b.reshape(places, {b.extent(places, 1)})));
  }
  // Where nothing is left there is one empty text.
  Scalar zero = b.index(0), one = b.index(1), count = b.extent(changed, 0);
  mlir::Value result =
      b.pad(nn::PadMode::constant, changed, {zero}, {b.sub(b.max(count, one), count)}, b.constant(0, changed.type()));
  c.result(rankOf(input) == 1 ? result : b.reshape(result, {one, b.extent(result, 0)}));
}

//===----------------------------------------------------------------------===//
// CategoryMapper
//===----------------------------------------------------------------------===//

void importCategoryMapper(NodeContext &c) {
  Builder &b = c.b;
  std::vector<std::string> texts = c.strings("cats_strings");
  IntVector numbers = c.integers("cats_int64s");
  if (texts.size() != numbers.size() || texts.empty())
    fail("attributes 'cats_strings' and 'cats_int64s' have " + std::to_string(texts.size()) + " and " +
         std::to_string(numbers.size()) + " entries, expected as many of both");
  Expression x(b, c.input(0)), strings(b, stringVector(b, texts)), integers = integerVector(b, numbers);
  bool fromTexts = nn::isStringType(x.type());
  Expression place = fromTexts ? placesIn(textNumbers(b, texts), asNumbers(x)) : placesIn(numbers, asNumbers(x));
  Expression absent = fromTexts ? Expression(b, b.index(c.integer("default_int64", -1)), b.raw().getI64Type())
                                : Expression(b, stringConstant(b, {c.string("default_string", "_Unused")}, {}));
  c.result(select(place >= 0, gather(fromTexts ? integers : strings, max(place, 0)), absent));
}

} // namespace

void addText(ImporterTable &table) {
  table.add("RegexFullMatch", importRegexFullMatch);
  table.add("StringConcat", importStringConcat);
  table.add("StringNormalizer", importStringNormalizer);
  table.add("StringSplit", importStringSplit);
  table.add("ai.onnx.ml", "CategoryMapper", importCategoryMapper);
}

} // namespace tenon::importer
