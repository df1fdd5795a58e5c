//===- Container.cpp - sequences, optional values and maps ---------------------------------===//
//
// See Container.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Container.h"

#include "compiler/Import/Elements.h"

namespace tenon::importer {

using Kind = Structure::Kind;

//===----------------------------------------------------------------------===//
// Structures
//===----------------------------------------------------------------------===//

int64_t widthOf(RankSet ranks) { return ranks == 0 ? 0 : llvm::Log2_32(ranks); }

std::optional<int64_t> onlyRank(RankSet ranks) {
  return llvm::popcount(ranks) == 1 ? std::optional<int64_t>(widthOf(ranks)) : std::nullopt;
}

static bool hasRankPart(RankSet ranks) { return llvm::popcount(ranks) > 1; }

bool Structure::operator==(const Structure &other) const {
  return kind == other.kind && elementType == other.elementType && rank == other.rank && ranks == other.ranks &&
         inner == other.inner && keyType == other.keyType;
}

Structure structureOf(const Binding &value) {
  if (value.container)
    return value.container->type;
  return {Kind::tensor, elementOf(value.tensor), rankOf(value.tensor)};
}

std::string describe(Kind kind) {
  switch (kind) {
  case Kind::tensor:
    return "a tensor";
  case Kind::list:
  case Kind::sequence:
    return "a sequence";
  case Kind::optional:
    return "an optional value";
  case Kind::map:
    return "a map";
  }
  return "";
}

static Structure tensorStructure(mlir::MLIRContext *context, const onnx::TypeProto::Tensor &tensor, int64_t limit) {
  mlir::Type elementType = elementTypeOf(context, tensor.elem_type());
  if (!elementType)
    fail("the element type " + dataTypeName(tensor.elem_type()) + " is not supported");
  if (tensor.has_shape() && tensor.shape().dim_size() > limit)
    fail("a tensor has rank " + llvm::Twine(tensor.shape().dim_size()) + ", expected at most " + llvm::Twine(limit));
  return {Kind::tensor, elementType, tensor.has_shape() ? tensor.shape().dim_size() : -1};
}

static Structure mapStructure(mlir::MLIRContext *context, const onnx::TypeProto::Map &map, int64_t rank) {
  if (map.key_type() != onnx::TensorProto::INT64 && map.key_type() != onnx::TensorProto::STRING)
    fail("a map has keys of type " + dataTypeName(map.key_type()) + ", expected INT64 or STRING",
         "maps with other keys are not supported");
  if (!map.value_type().has_tensor_type())
    fail("a map has values that are no tensors");
  mlir::Type values = tensorStructure(context, map.value_type().tensor_type(), 0).elementType;
  return {Kind::map, values, rank, 0, {}, elementTypeOf(context, map.key_type())};
}

Structure structureOf(mlir::MLIRContext *context, const onnx::TypeProto &type, int64_t limit) {
  if (type.has_tensor_type())
    return tensorStructure(context, type.tensor_type(), limit);
  if (type.has_map_type())
    return mapStructure(context, type.map_type(), 1);
  if (type.has_optional_type()) {
    Structure inner = structureOf(context, type.optional_type().elem_type(), limit);
    if (inner.kind != Kind::tensor && inner.kind != Kind::sequence)
      fail("an optional value holds " + describe(inner.kind) + ", expected a tensor or a sequence");
    return {Kind::optional, inner.elementType, 0, 0, {inner}};
  }
  if (!type.has_sequence_type())
    fail("only tensors, sequences, optional values and maps are supported");
  const onnx::TypeProto &element = type.sequence_type().elem_type();
  if (element.has_map_type())
    return mapStructure(context, element.map_type(), 2);
  if (!element.has_tensor_type())
    fail("a sequence holds no tensors and no maps");
  Structure tensor = tensorStructure(context, element.tensor_type(), limit);
  RankSet ranks = tensor.rank < 0 ? rankSet(limit + 1) - 1 : rankSet(tensor.rank);
  return {Kind::sequence, tensor.elementType, 0, ranks};
}

static void setTensorType(onnx::TypeProto::Tensor &tensor, mlir::Type elementType) {
  tensor.set_elem_type(dataTypeOf(elementType));
}

onnx::TypeProto protoTypeOf(const Binding &value) {
  onnx::TypeProto type;
  if (!value.exists())
    return type;
  if (!value.container) {
    auto tensor = typeOf(value.tensor);
    setTensorType(*type.mutable_tensor_type(), tensor.getElementType());
    auto *shape = type.mutable_tensor_type()->mutable_shape();
    for (int64_t extent : tensor.getShape()) {
      auto *dimension = shape->add_dim();
      if (!mlir::ShapedType::isDynamic(extent))
        dimension->set_dim_value(extent);
    }
    return type;
  }
  const Structure &structure = value.container->type;
  onnx::TypeProto *inside = &type;
  if (structure.kind == Kind::optional)
    inside = type.mutable_optional_type()->mutable_elem_type();
  const Structure &content = structure.kind == Kind::optional ? structure.inner.front() : structure;
  if (content.kind == Kind::list || content.kind == Kind::sequence)
    inside = inside->mutable_sequence_type()->mutable_elem_type();
  if (content.kind != Kind::map) {
    setTensorType(*inside->mutable_tensor_type(), content.elementType);
    return type;
  }
  if (content.rank == 2)
    inside = inside->mutable_sequence_type()->mutable_elem_type();
  inside->mutable_map_type()->set_key_type(dataTypeOf(content.keyType));
  setTensorType(*inside->mutable_map_type()->mutable_value_type()->mutable_tensor_type(), content.elementType);
  return type;
}

/// A list as a sequence.
static Structure widened(const Structure &type) {
  Structure result{Kind::sequence, type.elementType, 0, type.ranks};
  for (const Structure &element : type.inner)
    result.ranks |= rankSet(element.rank);
  return result;
}

std::optional<Structure> join(const Structure &lhs, const Structure &rhs) {
  if (lhs == rhs)
    return lhs;
  if (lhs.elementType != rhs.elementType)
    return std::nullopt;
  if (lhs.kind == Kind::optional || rhs.kind == Kind::optional) {
    const Structure &left = lhs.kind == Kind::optional ? lhs.inner.front() : lhs;
    const Structure &right = rhs.kind == Kind::optional ? rhs.inner.front() : rhs;
    std::optional<Structure> inner = join(left, right);
    if (!inner)
      return std::nullopt;
    return Structure{Kind::optional, inner->elementType, 0, 0, {*inner}};
  }
  if (lhs.kind == Kind::tensor && rhs.kind == Kind::tensor) {
    if (lhs.rank >= 0 && rhs.rank >= 0)
      return std::nullopt;
    return lhs.rank >= 0 ? lhs : rhs;
  }
  auto isSequence = [](const Structure &type) { return type.kind == Kind::list || type.kind == Kind::sequence; };
  if (!isSequence(lhs) || !isSequence(rhs))
    return std::nullopt;
  Structure result = widened(lhs);
  result.ranks |= widened(rhs).ranks;
  return result;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static Binding containerOf(Structure type, std::vector<Binding> parts) {
  Binding result;
  result.container = std::make_shared<const Container>(Container{std::move(type), std::move(parts)});
  return result;
}

Binding listOf(mlir::Type elementType, std::vector<Binding> elements) {
  Structure type{Kind::list, elementType};
  for (const Binding &element : elements) {
    if (element.container)
      fail("a sequence holds " + describe(kindOf(element)) + ", expected tensors");
    if (elementOf(element.tensor) != elementType)
      fail("the elements of a sequence have more than one element type");
    type.inner.push_back(structureOf(element));
  }
  return containerOf(std::move(type), std::move(elements));
}

Binding sequenceOf(mlir::Type elementType, RankSet ranks, std::vector<Binding> parts) {
  return containerOf({Kind::sequence, elementType, 0, ranks}, std::move(parts));
}

Binding optionalOf(Builder &b, Scalar has, Structure content, const Binding *value) {
  ScalarTensor flag{b.raw().getI1Type(), {}, {has}};
  std::vector<Binding> parts = {{b.tensorOf(flag), flag}};
  if (value)
    parts.push_back(*value);
  mlir::Type elementType = content.elementType;
  return containerOf({Kind::optional, elementType, 0, 0, {std::move(content)}}, std::move(parts));
}

Binding mapOf(mlir::Value keys, mlir::Value values) {
  return containerOf({Kind::map, elementOf(values), rankOf(values), 0, {}, elementOf(keys)}, {{keys}, {values}});
}

//===----------------------------------------------------------------------===//
// Taking apart
//===----------------------------------------------------------------------===//

static mlir::Value emptyTensor(Builder &b, IntVector shape, mlir::Type elementType) {
  auto type = mlir::RankedTensorType::get(shape, elementType);
  return b.constantOf(mlir::DenseElementsAttr::get(type, llvm::ArrayRef<mlir::Attribute>()));
}

static mlir::Value concatOrEmpty(Builder &b, llvm::ArrayRef<mlir::Value> values, IntVector shape, mlir::Type type) {
  return values.empty() ? emptyTensor(b, shape, type) : b.concat(values, 0);
}

static Binding packedList(Builder &b, const Container &list, RankSet ranks) {
  mlir::Type i64 = b.raw().getI64Type();
  int64_t width = widthOf(ranks);
  llvm::SmallVector<mlir::Value> data, extents, eachRank;
  for (const Binding &element : list.parts) {
    ScalarVector row = b.extents(element.tensor);
    data.push_back(b.reshape(element.tensor, {b.product(row)}));
    eachRank.push_back(b.tensorOf({i64, {1}, {b.index(row.size())}}));
    row.resize(width, b.index(1));
    extents.push_back(width == 0 ? emptyTensor(b, {1, 0}, i64) : b.tensorOf({i64, {1, width}, row}));
  }
  std::vector<Binding> parts = {{concatOrEmpty(b, data, {0}, list.type.elementType)},
                                {concatOrEmpty(b, extents, {0, width}, i64)}};
  if (hasRankPart(ranks))
    parts.push_back({concatOrEmpty(b, eachRank, {0}, i64)});
  return sequenceOf(list.type.elementType, ranks, std::move(parts));
}

Binding packed(Builder &b, const Binding &sequence, RankSet ranks) {
  const Container &container = *sequence.container;
  RankSet before = container.type.ranks;
  if (container.type.kind == Kind::list)
    return packedList(b, container, ranks | widened(container.type).ranks);
  ranks |= before;
  if (ranks == before)
    return sequence;
  std::vector<Binding> parts = container.parts;
  mlir::Type i64 = b.raw().getI64Type();
  mlir::Value extents = parts[1].tensor;
  Scalar length = b.extent(extents, 0), added = b.index(widthOf(ranks) - widthOf(before));
  parts[1] = {b.pad(nn::PadMode::constant, extents, {b.index(0), b.index(0)}, {b.index(0), added}, b.constant(1, i64))};
  if (hasRankPart(ranks) && !hasRankPart(before))
    parts.push_back({b.broadcast(b.constant(static_cast<double>(widthOf(before)), i64), {length})});
  return sequenceOf(container.type.elementType, ranks, std::move(parts));
}

/// Tensors without elements for a value that is never looked at.
static void flattenNothing(Builder &b, const Structure &type, std::vector<Binding> &parts) {
  switch (type.kind) {
  case Kind::tensor:
    parts.push_back({emptyTensor(b, IntVector(std::max<int64_t>(type.rank, 1), 0), type.elementType)});
    if (type.rank <= 0)
      parts.back().tensor = b.constant(0, type.elementType);
    return;
  case Kind::list:
    for (const Structure &element : type.inner)
      flattenNothing(b, element, parts);
    return;
  case Kind::sequence:
    return flatten(b, listOf(type.elementType, {}), type, parts);
  case Kind::optional:
    parts.push_back({b.scalarTensor(b.raw().getBoolAttr(false), b.raw().getI1Type())});
    return flattenNothing(b, type.inner.front(), parts);
  case Kind::map:
    parts.push_back({emptyTensor(b, {0}, type.keyType)});
    parts.push_back({emptyTensor(b, IntVector(type.rank, 0), type.elementType)});
    return;
  }
}

void flatten(Builder &b, const Binding &value, const Structure &type, std::vector<Binding> &parts) {
  switch (type.kind) {
  case Kind::tensor:
    parts.push_back(value);
    return;
  case Kind::list:
    for (auto [element, inner] : llvm::zip_equal(value.container->parts, type.inner))
      flatten(b, element, inner, parts);
    return;
  case Kind::sequence: {
    Binding sequence = packed(b, value, type.ranks);
    parts.insert(parts.end(), sequence.container->parts.begin(), sequence.container->parts.end());
    return;
  }
  case Kind::optional: {
    const Structure &inner = type.inner.front();
    if (kindOf(value) != Kind::optional) {
      ScalarTensor flag{b.raw().getI1Type(), {}, {b.raw().getBoolAttr(true)}};
      parts.push_back({b.tensorOf(flag), flag});
      return flatten(b, value, inner, parts);
    }
    parts.push_back(value.container->parts[0]);
    if (value.container->parts.size() < 2)
      return flattenNothing(b, inner, parts);
    return flatten(b, value.container->parts[1], inner, parts);
  }
  case Kind::map:
    parts.insert(parts.end(), value.container->parts.begin(), value.container->parts.end());
    return;
  }
}

Binding rebuild(const Structure &type, llvm::ArrayRef<Binding> &parts) {
  auto take = [&](size_t count) {
    std::vector<Binding> taken(parts.begin(), parts.begin() + count);
    parts = parts.drop_front(count);
    return taken;
  };
  switch (type.kind) {
  case Kind::tensor:
    return take(1).front();
  case Kind::list: {
    std::vector<Binding> elements;
    for (const Structure &inner : type.inner)
      elements.push_back(rebuild(inner, parts));
    return containerOf(type, std::move(elements));
  }
  case Kind::sequence:
    return containerOf(type, take(hasRankPart(type.ranks) ? 3 : 2));
  case Kind::optional: {
    std::vector<Binding> taken = take(1);
    taken.push_back(rebuild(type.inner.front(), parts));
    return containerOf(type, std::move(taken));
  }
  case Kind::map:
    return containerOf(type, take(2));
  }
  return {};
}

Binding placeholder(Builder &b, const Structure &type) {
  std::vector<Binding> parts;
  flattenNothing(b, type, parts);
  llvm::ArrayRef<Binding> rest = parts;
  return rebuild(type, rest);
}

} // namespace tenon::importer
