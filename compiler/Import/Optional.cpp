//===- Optional.cpp - optional values and maps ---------------------------------------------===//
//
// An optional value is a flag and the value; a map is a vector of ascending keys and one of values.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Learned.h"
#include "compiler/Import/Lookup.h"
#include "compiler/Import/Registry.h"
#include "compiler/Import/Sequence.h"

#include <map>

namespace tenon::importer {

namespace {

namespace arith = mlir::arith;
using Kind = Structure::Kind;

//===----------------------------------------------------------------------===//
// Optional values
//===----------------------------------------------------------------------===//

Scalar flagOf(Builder &b, const Binding &optional) {
  const Binding &flag = optional.container->parts[0];
  return (flag.scalars ? flag.scalars : b.extract(flag.tensor))->items.front();
}

void importOptional(NodeContext &c) {
  Builder &b = c.b;
  if (c.inputCount() > 0 && c.inputBinding(0).exists()) {
    const Binding &value = c.inputBinding(0);
    return c.result(0, optionalOf(b, b.raw().getBoolAttr(true), structureOf(value), &value));
  }
  const onnx::AttributeProto *type = c.attribute("type");
  if (!type || type->type() != onnx::AttributeProto::TYPE_PROTO)
    fail("there is no input and no attribute 'type'");
  Structure content = structureOf(b.context(), type->tp(), b.limits().rank);
  if (content.kind != Kind::tensor && content.kind != Kind::sequence)
    fail("an optional value holds " + describe(content.kind) + ", expected a tensor or a sequence");
  c.result(0, optionalOf(b, b.raw().getBoolAttr(false), content, nullptr));
}

void importHasElement(NodeContext &c) {
  Builder &b = c.b;
  bool isGiven = c.inputCount() > 0 && c.inputBinding(0).exists();
  if (isGiven && kindOf(c.inputBinding(0)) == Kind::optional)
    return c.result(0, c.inputBinding(0).container->parts[0]);
  c.result(0, ScalarTensor{b.raw().getI1Type(), {}, {b.raw().getBoolAttr(isGiven)}});
}

void importGetElement(NodeContext &c) {
  const Binding &value = c.value(0);
  if (kindOf(value) != Kind::optional)
    return c.result(0, value);
  require(c, flagOf(c.b, value), "the optional value is empty");
  c.result(0, value.container->parts[1]);
}

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

const Container &mapInput(NodeContext &c, bool hasTexts) {
  const Binding &value = c.value(0);
  if (kindOf(value) != Kind::map || value.container->type.rank != 1)
    fail("input 0 is " + describe(kindOf(value)) + ", expected a map");
  if (nn::isStringType(value.container->type.keyType) != hasTexts)
    fail(llvm::Twine("input 0 has keys that are ") +
         (hasTexts ? "integers, expected strings" : "strings, expected integers"));
  return *value.container;
}

/// What a map of keys `has` has in `values` for each of the keys, 0 or the empty text where it has none: [1, keys].
Expression valuesAt(Expression has, Expression values, Expression keys) {
  Builder &b = has.b();
  bool areTexts = nn::isStringType(values.type());
  Scalar count = b.extent(has, 0), one = b.index(1), wanted = b.extent(keys, 0);
  Expression match = has.reshape({count, one}) == keys.reshape({one, wanted});
  Expression found = select(match, (areTexts ? asNumbers(values) : values).reshape({count, one}), 0);
  Expression sum = reduce(nn::ReduceKind::sum, found, {0}).reshape({one, wanted});
  return areTexts ? sum.with(b.make<nn::BitcastOp>(sum, mlir::TypeAttr::get(values.type()))) : sum;
}

/// The columns of labels in ascending order, as maps have their keys; of equal ones the last.
template <typename Label> std::pair<std::vector<Label>, IntVector> ascending(llvm::ArrayRef<Label> labels) {
  std::map<Label, int64_t> last;
  for (auto [column, label] : llvm::enumerate(labels))
    last[label] = static_cast<int64_t>(column);
  std::pair<std::vector<Label>, IntVector> result;
  for (const auto &[label, column] : last) {
    result.first.push_back(label);
    result.second.push_back(column);
  }
  return result;
}

/// Rows of numbers with a label for each column.
void importZipMap(NodeContext &c) {
  Builder &b = c.b;
  std::vector<std::string> texts = c.strings("classlabels_strings");
  IntVector numbers = c.integers("classlabels_int64s");
  if (!texts.empty() && !numbers.empty())
    fail("attributes 'classlabels_strings' and 'classlabels_int64s' are both given, expected one");
  mlir::Value rows = c.inputOfRank(0, 1, 2);
  if (rankOf(rows) == 1)
    rows = b.reshape(rows, {b.index(1), b.extent(rows, 0)});
  size_t labels = texts.size() + numbers.size();
  std::optional<int64_t> columns = Builder::constant(b.extent(rows, 1));
  require(c, b.compare(arith::CmpIPredicate::eq, b.extent(rows, 1), b.index(labels)),
          (columns ? "the input has " + llvm::Twine(*columns) : llvm::Twine("the input does not have as many")) +
              " columns, expected " + llvm::Twine(labels) + ", one for each label");
  auto [textKeys, textColumns] = ascending<std::string>(texts);
  auto [numberKeys, numberColumns] = ascending<int64_t>(numbers);
  const IntVector &order = texts.empty() ? numberColumns : textColumns;
  if (order.size() != labels || !llvm::is_sorted(order))
    rows = b.make<nn::GatherOp>(rows, intVector(c, order), 1);
  c.result(0, mapOf(texts.empty() ? intVector(c, numberKeys) : stringVector(b, textKeys), rows));
}

void importDictVectorizer(NodeContext &c) {
  std::vector<std::string> texts = c.strings("string_vocabulary");
  IntVector numbers = c.integers("int64_vocabulary");
  if (!texts.empty() && !numbers.empty())
    fail("attributes 'string_vocabulary' and 'int64_vocabulary' are both given, expected one");
  const Container &map = mapInput(c, !texts.empty());
  Expression keys = texts.empty() ? intVector(c, numbers) : Expression(c.b, stringVector(c.b, texts));
  c.result(valuesAt({c.b, map.parts[0].tensor}, {c.b, map.parts[1].tensor}, keys));
}

void importCastMap(NodeContext &c) {
  Builder &b = c.b;
  const Container &map = mapInput(c, /*hasTexts=*/false);
  std::string target = c.string("cast_to", "TO_FLOAT"), form = c.string("map_form", "DENSE");
  mlir::Type type = target == "TO_FLOAT"    ? mlir::Type(b.raw().getF32Type())
                    : target == "TO_INT64"  ? mlir::Type(b.raw().getI64Type())
                    : target == "TO_STRING" ? nn::getStringType(b.context())
                                            : mlir::Type();
  if (!type)
    fail("attribute 'cast_to' is '" + target + "', expected TO_FLOAT, TO_INT64 or TO_STRING");
  Expression values(b, b.cast(map.parts[1].tensor, type));
  if (form == "DENSE")
    return c.result(values.reshape({b.index(1), b.extent(values, 0)}));
  if (form != "SPARSE")
    fail("attribute 'map_form' is '" + form + "', expected DENSE or SPARSE");
  int64_t size = c.integer("max_map", 1);
  if (size < 1)
    fail("attribute 'max_map' is " + std::to_string(size) + ", expected 1 or more");
  c.result(valuesAt({b, map.parts[0].tensor}, values, positions(b, b.index(size))));
}

} // namespace

void addOptionals(ImporterTable &table) {
  table.add("Optional", importOptional);
  table.add("OptionalHasElement", importHasElement);
  table.add("OptionalGetElement", importGetElement);
  table.add("ai.onnx.ml", "ZipMap", importZipMap);
  table.add("ai.onnx.ml", "DictVectorizer", importDictVectorizer);
  table.add("ai.onnx.ml", "CastMap", importCastMap);
}

} // namespace tenon::importer
