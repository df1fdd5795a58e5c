//===- Signature.cpp - main's arguments and results ----------------------------------------===//
//
// See Signature.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Signature.h"

#include "compiler/Import/Body.h"

namespace tenon::importer {

using Kind = Structure::Kind;

namespace {

struct Part {
  const char *name;
  mlir::RankedTensorType type;
};

/// The tensors that a value of a structure is made of, in the order of `flatten`.
std::vector<Part> partsOf(Builder &b, const Structure &type, mlir::RankedTensorType content) {
  constexpr int64_t dynamic = mlir::ShapedType::kDynamic;
  mlir::Type i64 = b.raw().getI64Type();
  switch (type.kind) {
  case Kind::tensor:
    return {{"value", content}};
  case Kind::optional: {
    std::vector<Part> parts = {{"present", mlir::RankedTensorType::get({}, b.raw().getI1Type())}};
    std::vector<Part> inner = partsOf(b, type.inner.front(), content);
    parts.insert(parts.end(), inner.begin(), inner.end());
    return parts;
  }
  case Kind::map:
    return {{"keys", mlir::RankedTensorType::get({dynamic}, type.keyType)},
            {"values", mlir::RankedTensorType::get(IntVector(type.rank, dynamic), type.elementType)}};
  case Kind::list:
  case Kind::sequence:
    break;
  }
  std::vector<Part> parts = {{"data", mlir::RankedTensorType::get({dynamic}, type.elementType)},
                             {"extents", mlir::RankedTensorType::get({dynamic, widthOf(type.ranks)}, i64)}};
  if (!onlyRank(type.ranks) && type.ranks != 0)
    parts.push_back({"ranks", mlir::RankedTensorType::get({dynamic}, i64)});
  return parts;
}

std::string partName(llvm::StringRef name, const char *part) { return (name + "[" + part + "]").str(); }

/// The structure of an output: its length is known at run time.
Structure outputStructure(const Structure &type) {
  if (type.kind == Kind::list)
    return *join(type, {Kind::sequence, type.elementType});
  Structure result = type;
  for (Structure &inner : result.inner)
    inner = outputStructure(inner);
  return result;
}

} // namespace

mlir::Value Signature::addTensor(llvm::StringRef name, mlir::RankedTensorType type,
                                 llvm::ArrayRef<mlir::Attribute> dims) {
  mlir::OpBuilder &ir = b.raw();
  if (!argumentNames.insert(name).second)
    fail("input '" + name + "' is given more than once");
  arguments.push_back(ir.getDictionaryAttr(
      {ir.getNamedAttr("nn.name", ir.getStringAttr(name)), ir.getNamedAttr("nn.dims", ir.getArrayAttr(dims))}));
  mlir::Value argument = block->addArgument(type, mlir::NameLoc::get(ir.getStringAttr(name)));
  // Here, for what is asked first inside a region may be thrown away with it.
  b.ownExtents(argument);
  return argument;
}

Binding Signature::addContainer(llvm::StringRef name, const Structure &type, mlir::RankedTensorType content) {
  std::vector<Part> parts = partsOf(b, type, content);
  describe(name, type, /*isOutput=*/false, arguments.size(), parts.size());
  std::vector<Binding> tensors;
  for (const Part &part : parts) {
    llvm::SmallVector<mlir::Attribute> dims(part.type.getRank(), b.raw().getStringAttr(""));
    tensors.push_back({addTensor(partName(name, part.name), part.type, dims)});
  }
  llvm::ArrayRef<Binding> rest = tensors;
  return rebuild(type, rest);
}

void Signature::addResult(llvm::StringRef name, const Binding &tensor) {
  mlir::OpBuilder &ir = b.raw();
  if (tensor.rank) {
    Scalar rank = b.extract(tensor.rank)->items.front();
    nn::OutputRankOp::create(ir, b.location(), ir.getI64IntegerAttr(static_cast<int64_t>(resultValues.size())),
                             b.value(rank));
  }
  resultValues.push_back(tensor.tensor);
  resultNames.push_back(ir.getDictionaryAttr({ir.getNamedAttr("nn.name", ir.getStringAttr(name))}));
}

void Signature::addOutput(llvm::StringRef name, Binding value, const onnx::TypeProto &declared) {
  bool isDeclared = declared.value_case() != onnx::TypeProto::VALUE_NOT_SET;
  if (isDeclared && !declared.has_optional_type() && kindOf(value) == Kind::optional) {
    const std::vector<Binding> &parts = value.container->parts;
    if (parts.size() < 2)
      fail("output '" + name + "' is an empty optional value, but is declared not to be optional");
    b.require(b.extract(parts[0].tensor)->items.front(), "output '" + name + "' is empty", {});
    value = parts[1];
  }
  if (!value.container && !declared.has_optional_type())
    return addResult(name, value);
  Structure type = outputStructure(structureOf(value));
  if (declared.has_optional_type() && type.kind != Kind::optional)
    type = {Kind::optional, type.elementType, 0, 0, {type}};
  std::vector<Binding> tensors;
  flatten(b, value, type, tensors);
  describe(name, type, /*isOutput=*/true, resultValues.size(), tensors.size());
  for (auto [tensor, part] : llvm::zip_equal(tensors, partsOf(b, type, {})))
    addResult(partName(name, part.name), tensor);
}

void Signature::describe(llvm::StringRef name, const Structure &type, bool isOutput, size_t first, size_t count) {
  mlir::OpBuilder &ir = b.raw();
  const Structure &content = type.kind == Kind::optional ? type.inner.front() : type;
  const char *kind = content.kind == Kind::tensor ? "tensor"
                     : content.kind == Kind::map  ? (content.rank == 2 ? "maps" : "map")
                                                  : "sequence";
  auto number = [&](size_t value) { return ir.getI64IntegerAttr(static_cast<int64_t>(value)); };
  values.push_back(ir.getDictionaryAttr(
      {ir.getNamedAttr("name", ir.getStringAttr(name)), ir.getNamedAttr("kind", ir.getStringAttr(kind)),
       ir.getNamedAttr("output", ir.getBoolAttr(isOutput)),
       ir.getNamedAttr("optional", ir.getBoolAttr(type.kind == Kind::optional)),
       ir.getNamedAttr("first", number(first)), ir.getNamedAttr("count", number(count))}));
}

void Signature::describeValues(mlir::ModuleOp module) const {
  if (!values.empty())
    module->setAttr("nn.values", b.raw().getArrayAttr(values));
}

} // namespace tenon::importer
