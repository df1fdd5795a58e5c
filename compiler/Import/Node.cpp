//===- Node.cpp - a node's inputs and attributes -------------------------------------------===//
//
// See Node.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Node.h"

#include "compiler/Import/Container.h"

namespace tenon::importer {

void NodeContext::failWithoutTensor(int64_t i) const {
  if (i >= inputCount() || !inputs[i].exists())
    failMalformed("input " + std::to_string(i) + " is missing");
  failMalformed("input " + std::to_string(i) + " is " + describe(kindOf(inputs[i])) + ", expected a tensor");
}

llvm::SmallVector<mlir::Value> NodeContext::allInputs() const {
  llvm::SmallVector<mlir::Value> values;
  for (int64_t i = 0; i < inputCount(); ++i)
    values.push_back(input(i));
  return values;
}

mlir::Value NodeContext::inputOfRank(int64_t i, int64_t low, int64_t high) const {
  mlir::Value value = input(i);
  int64_t rank = rankOf(value);
  if (rank >= low && rank <= high)
    return value;
  std::string expected = std::to_string(low);
  if (high == INT64_MAX)
    expected = "at least " + expected;
  else if (high != low)
    expected += " to " + std::to_string(high);
  fail("input " + std::to_string(i) + " has rank " + std::to_string(rank) + ", expected " + expected);
}

ScalarTensor NodeContext::scalars(int64_t i, const char *what) {
  mlir::Value value = input(i);
  if (inputs[i].scalars)
    return *inputs[i].scalars;
  if (std::optional<ScalarTensor> read = b.extract(value))
    return *read;
  fail(llvm::Twine("the number of ") + what + " is known only at run time or too large",
       "the ranks of tensors must be known when the model is compiled");
}

bool NodeContext::isOpenList(int64_t i) const {
  return hasInput(i) && !inputs[i].scalars && rankOf(inputs[i].tensor) == 1 && typeOf(inputs[i].tensor).isDynamicDim(0);
}

ScalarVector NodeContext::list(int64_t i, int64_t length, int64_t fill, const char *what) {
  if (!isOpenList(i) || length > maxScalars)
    return scalars(i, what).items;
  // Longer by all of `length`, so that a prefix of that many is there whatever the list has.
  mlir::Value filled = b.pad(nn::PadMode::constant, input(i), {b.index(0)}, {b.index(length)},
                             b.scalarTensor(b.index(fill), elementOf(input(i))));
  return b.extract(b.slice(filled, {b.index(0)}, {b.index(length)}, {b.index(1)}))->items;
}

ScalarVector NodeContext::listOf(int64_t i, int64_t length, const char *what) {
  ScalarVector items = list(i, length, 0, what);
  Scalar count = isOpenList(i) ? b.extent(input(i), 0) : b.index(static_cast<int64_t>(items.size()));
  b.require(b.compare(mlir::arith::CmpIPredicate::eq, count, b.index(length)),
            llvm::Twine("there are %lld ") + what + ", expected %lld", {count, b.index(length)});
  return items;
}

std::optional<int64_t> NodeContext::declaredRank() const {
  if (!frame.ranks || node.output_size() == 0)
    return std::nullopt;
  auto entry = frame.ranks->find(node.output(0));
  return entry == frame.ranks->end() ? std::nullopt : std::optional(entry->second);
}

ScalarVector NodeContext::shape(int64_t i) {
  constexpr const char *what = "entries of the shape";
  std::optional<int64_t> rank = isOpenList(i) ? declaredRank() : std::nullopt;
  return rank ? listOf(i, *rank, what) : scalars(i, what).items;
}

IntVector NodeContext::constants(int64_t i, const char *what) {
  auto type = typeOf(input(i));
  IntVector numbers;
  if (type.hasStaticShape() && type.getNumElements() == 0)
    return numbers;
  if (inputs[i].scalars) {
    for (Scalar item : inputs[i].scalars->items)
      if (std::optional<int64_t> known = Builder::constant(item))
        numbers.push_back(*known);
    if (numbers.size() == inputs[i].scalars->items.size())
      return numbers;
  }
  fail(llvm::Twine(what) + " must be constant", "pin the input's dimensions, or fold the model's constants first");
}

Scalar NodeContext::scalar(int64_t i, const char *what) {
  if (isOpenList(i))
    return b.extract(b.reshape(input(i), {}))->items.front();
  ScalarTensor list = scalars(i, what);
  if (list.items.size() != 1)
    fail(llvm::Twine(what) + " has " + llvm::Twine(list.items.size()) + " elements, expected 1");
  return list.items.front();
}

int64_t NodeContext::constant(int64_t i, const char *what) {
  IntVector list = constants(i, what);
  if (list.size() != 1)
    fail(llvm::Twine(what) + " has " + llvm::Twine(list.size()) + " elements, expected 1");
  return list.front();
}

const onnx::AttributeProto *NodeContext::attribute(llvm::StringRef wanted) const {
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.name() != wanted)
      continue;
    if (attribute.ref_attr_name().empty())
      return &attribute;
    auto entry = frame.attributes.find(attribute.ref_attr_name());
    return entry == frame.attributes.end() ? nullptr : entry->second;
  }
  return nullptr;
}

const onnx::AttributeProto *NodeContext::attributeOf(llvm::StringRef wanted,
                                                     onnx::AttributeProto::AttributeType type) const {
  const onnx::AttributeProto *found = attribute(wanted);
  if (found && found->type() != type)
    failMalformed("attribute '" + wanted + "' has type " + onnx::AttributeProto::AttributeType_Name(found->type()) +
                  ", expected " + onnx::AttributeProto::AttributeType_Name(type));
  return found;
}

int64_t NodeContext::integer(llvm::StringRef wanted, int64_t absent) const {
  const auto *found = attributeOf(wanted, onnx::AttributeProto::INT);
  return found ? found->i() : absent;
}

float NodeContext::number(llvm::StringRef wanted, float absent) const {
  const auto *found = attributeOf(wanted, onnx::AttributeProto::FLOAT);
  return found ? found->f() : absent;
}

std::string NodeContext::string(llvm::StringRef wanted, llvm::StringRef absent) const {
  const auto *found = attributeOf(wanted, onnx::AttributeProto::STRING);
  return found ? found->s() : absent.str();
}

IntVector NodeContext::integers(llvm::StringRef wanted) const {
  const auto *found = attributeOf(wanted, onnx::AttributeProto::INTS);
  return found ? IntVector(found->ints().begin(), found->ints().end()) : IntVector();
}

llvm::SmallVector<float> NodeContext::numbers(llvm::StringRef wanted) const {
  const auto *found = attributeOf(wanted, onnx::AttributeProto::FLOATS);
  return found ? llvm::SmallVector<float>(found->floats().begin(), found->floats().end()) : llvm::SmallVector<float>();
}

std::vector<std::string> NodeContext::strings(llvm::StringRef wanted) const {
  const auto *found = attributeOf(wanted, onnx::AttributeProto::STRINGS);
  return found ? std::vector<std::string>(found->strings().begin(), found->strings().end())
               : std::vector<std::string>();
}

llvm::ArrayRef<int64_t> NodeContext::integerList(llvm::StringRef wanted) const {
  const auto *found = attributeOf(wanted, onnx::AttributeProto::INTS);
  return found ? llvm::ArrayRef<int64_t>(found->ints().data(), found->ints().size()) : llvm::ArrayRef<int64_t>();
}

llvm::ArrayRef<float> NodeContext::numberList(llvm::StringRef wanted) const {
  const auto *found = attributeOf(wanted, onnx::AttributeProto::FLOATS);
  return found ? llvm::ArrayRef<float>(found->floats().data(), found->floats().size()) : llvm::ArrayRef<float>();
}

const onnx::TensorProto *NodeContext::tensor(llvm::StringRef wanted) const {
  const auto *found = attributeOf(wanted, onnx::AttributeProto::TENSOR);
  return found ? &found->t() : nullptr;
}

const onnx::GraphProto &NodeContext::subgraph(llvm::StringRef wanted) const {
  const auto *found = attributeOf(wanted, onnx::AttributeProto::GRAPH);
  if (!found)
    failMalformed("attribute '" + wanted + "' is missing");
  return found->g();
}

int64_t NodeContext::axis(int64_t axis, int64_t rank) const {
  if (axis < -rank || axis >= rank)
    fail("axis " + std::to_string(axis) + " is outside of [-" + std::to_string(rank) + ", " + std::to_string(rank) +
         ")");
  return axis < 0 ? axis + rank : axis;
}

IntVector NodeContext::axes(llvm::ArrayRef<int64_t> list, int64_t rank) const {
  IntVector normal;
  for (int64_t entry : list)
    normal.push_back(axis(entry, rank));
  llvm::sort(normal);
  if (std::adjacent_find(normal.begin(), normal.end()) != normal.end())
    fail("an axis is given more than once");
  return normal;
}

bool NodeContext::hasRuntimeAxes(int64_t i) const {
  if (!hasInput(i) || typeOf(inputs[i].tensor).getShape() == llvm::ArrayRef<int64_t>{0})
    return false;
  return !inputs[i].scalars ||
         llvm::any_of(inputs[i].scalars->items, [](Scalar item) { return !Builder::constant(item); });
}

IntVector NodeContext::axesInOrder(int64_t rank) const {
  if (!hasAttribute("axes"))
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  IntVector list = integers("axes");
  (void)axes(list, rank); // none twice
  for (int64_t &entry : list)
    entry = axis(entry, rank);
  return list;
}

std::optional<IntVector> NodeContext::axesOf(llvm::StringRef attributeName, int64_t inputIndex) const {
  if (hasAttribute(attributeName))
    return integers(attributeName);
  if (!hasInput(inputIndex))
    return std::nullopt;
  if (typeOf(inputs[inputIndex].tensor).getShape() == llvm::ArrayRef<int64_t>{0})
    return IntVector();
  return const_cast<NodeContext *>(this)->constants(inputIndex, "axes");
}

void NodeContext::expectSignature(int64_t low, int64_t high, llvm::ArrayRef<llvm::StringRef> names) const {
  if (inputCount() < low || inputCount() > high)
    failMalformed("the node has " + std::to_string(inputCount()) + " inputs, expected " + std::to_string(low) +
                  (low == high ? "" : " to " + std::to_string(high)));
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (!llvm::is_contained(names, attribute.name()))
      failMalformed("attribute '" + attribute.name() + "' is unknown" +
                    (names.empty() ? "" : ", expected one of " + llvm::join(names, ", ")));
}

void NodeContext::expectFloats(int64_t i) const {
  if (mlir::Type type = elementOf(input(i)); !llvm::isa<mlir::FloatType>(type))
    failMalformed("input " + std::to_string(i) + " has elements of type " + dataTypeName(dataTypeOf(type)) +
                  ", expected a floating point type");
}

mlir::Type NodeContext::elementType(int64_t dataType, bool movedOnly) const {
  mlir::Type type = elementTypeOf(b.context(), static_cast<int32_t>(dataType));
  if (!type || dataType != static_cast<int32_t>(dataType) ||
      (!movedOnly && (nn::isSmall(type) || llvm::isa<mlir::ComplexType>(type))))
    fail("unsupported element type " + dataTypeName(static_cast<int32_t>(dataType)));
  return type;
}

} // namespace tenon::importer
