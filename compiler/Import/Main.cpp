//===- Main.cpp - the main graph as a function ---------------------------------------------===//
//
// Versions, functions, inputs with their symbolic dimensions and pins, and outputs of a model. See Graph.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Elements.h"
#include "compiler/Import/Graph.h"
#include "compiler/Import/ImpliedExtents.h"
#include "compiler/Import/Node.h"
#include "compiler/Import/Signature.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/ConvertUTF.h"

namespace tenon::importer {

namespace {

void checkName(llvm::StringRef name, const char *what) {
  if (name.empty())
    fail(llvm::Twine(what) + " has no name");
  const auto *start = reinterpret_cast<const llvm::UTF8 *>(name.begin());
  if (!llvm::isLegalUTF8String(&start, reinterpret_cast<const llvm::UTF8 *>(name.end())))
    fail(llvm::Twine(what) + " has a name that is not UTF-8");
}

Frame mainFrame(const std::shared_ptr<const onnx::ModelProto> &model) {
  Frame frame;
  frame.owner = model;
  const auto &known = onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
  for (const auto &import : model->opset_import()) {
    std::string domain = normalDomain(import.domain());
    if (import.version() < 1)
      fail("opset of domain '" + domain + "' is " + std::to_string(import.version()) + ", expected 1 or more");
    auto range = known.find(domain);
    if (range != known.end() && import.version() > range->second.second)
      fail("opset of domain '" + domain + "' is " + std::to_string(import.version()) + ", expected at most " +
               std::to_string(range->second.second),
           "export the model for an older opset");
    auto [entry, isNew] = frame.opsets.try_emplace(domain, import.version());
    if (!isNew && entry->second != import.version())
      fail("domain '" + domain + "' is imported with two versions");
  }
  // ONNX Runtime knows its domain without being told.
  frame.opsets.try_emplace(runtimeDomain.str(), 1);
  // Models of the first two IR versions may leave it out.
  if (model->ir_version() < 3)
    frame.opsets.try_emplace("", 1);
  return frame;
}

/// Erases what nothing uses, last to first. Scalars beside tensors leave much of it.
void eraseDead(mlir::Block &block) {
  for (mlir::Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (mlir::isOpTriviallyDead(&op)) {
      op.erase();
      continue;
    }
    for (mlir::Region &region : op.getRegions())
      for (mlir::Block &inner : region)
        eraseDead(inner);
  }
}

} // namespace

mlir::RankedTensorType GraphImporter::inputType(const onnx::ValueInfoProto &input,
                                                const onnx::TypeProto::Tensor &tensor) {
  const std::string what = "input '" + input.name() + "'";
  mlir::Type elementType = elementTypeOf(b.context(), tensor.elem_type());
  if (!elementType)
    fail(what + " has the unsupported element type " + dataTypeName(tensor.elem_type()));

  const std::vector<int64_t> *pinned = nullptr;
  for (const auto &[name, shape] : options.shapes)
    if (name == input.name())
      pinned = &shape;
  if (!tensor.has_shape() && !pinned)
    fail(what + " has no shape, so its rank is unknown", "pin it with --shape");
  size_t rank = tensor.has_shape() ? tensor.shape().dim_size() : pinned->size();
  if (pinned && pinned->size() != rank)
    fail(what + " is pinned to a shape of rank " + std::to_string(pinned->size()) + ", but has rank " +
         std::to_string(rank));

  IntVector shape(rank, mlir::ShapedType::kDynamic);
  for (size_t i = 0; i < rank; ++i) {
    if (tensor.has_shape()) {
      const auto &dimension = tensor.shape().dim(static_cast<int>(i));
      if (dimension.has_dim_value() && dimension.dim_value() >= 0)
        shape[i] = dimension.dim_value();
      else if (auto pin = pins.find(dimension.dim_param()); dimension.has_dim_param() && pin != pins.end())
        shape[i] = pin->second;
    }
    if (!pinned || (*pinned)[i] < 0) {
      auto extent = implied.find({input.name(), static_cast<int64_t>(i)});
      if (mlir::ShapedType::isDynamic(shape[i]) && extent != implied.end())
        shape[i] = extent->second;
      continue;
    }
    if (!mlir::ShapedType::isDynamic(shape[i]) && shape[i] != (*pinned)[i])
      fail(what + " has extent " + std::to_string(shape[i]) + " in dimension " + std::to_string(i) +
           ", but is pinned to " + std::to_string((*pinned)[i]));
    shape[i] = (*pinned)[i];
  }
  return checkedTensorType(shape, elementType, options.limits);
}

/// The symbol of a dimension, or "": exporters also write placeholders ("?", "-1", "None") that say nothing, so that
/// two of them are not equal extents.
static std::string symbolOf(const onnx::TensorShapeProto::Dimension &dimension) {
  const std::string &name = dimension.dim_param();
  bool hasLetter = llvm::any_of(name, [](unsigned char c) { return llvm::isAlpha(c) || c == '_' || c >= 0x80; });
  return hasLetter && name != "None" ? name : std::string();
}

void GraphImporter::pinDimensions(const onnx::GraphProto &graph, const llvm::StringSet<> &constants) {
  llvm::StringSet<> inputs, symbols;
  for (const auto &[symbol, range] : options.dimensions)
    if (range.first == range.second)
      pins[symbol] = range.first;
  for (const onnx::ValueInfoProto &input : graph.input()) {
    if (constants.contains(input.name()))
      continue;
    inputs.insert(input.name());
    const auto &shape = input.type().tensor_type().shape();
    for (const auto &dimension : shape.dim())
      if (std::string symbol = symbolOf(dimension); !symbol.empty())
        symbols.insert(symbol);
    // A pinned shape pins the symbols in it, wherever else they are.
    for (const auto &[name, pinned] : options.shapes) {
      if (name != input.name() || static_cast<int>(pinned.size()) != shape.dim_size())
        continue;
      for (int i = 0; i < shape.dim_size(); ++i) {
        std::string symbol = symbolOf(shape.dim(i));
        if (symbol.empty() || pinned[i] < 0)
          continue;
        auto [entry, isNew] = pins.try_emplace(symbol, pinned[i]);
        if (!isNew && entry->second != pinned[i])
          fail("dimension '" + symbol + "' is pinned to " + std::to_string(entry->second) + " and to " +
               std::to_string(pinned[i]));
      }
    }
  }
  for (const auto &[name, shape] : options.shapes)
    if (!inputs.contains(name))
      fail("a shape is pinned for '" + name + "', but the model has no such input");
  for (const auto &[symbol, range] : options.dimensions) {
    auto [smallest, largest] = range;
    std::string text = std::to_string(smallest) + (smallest == largest ? "" : ".." + std::to_string(largest));
    if (!symbols.contains(symbol))
      fail("dimension '" + symbol + "' is to be " + text + ", but no input has it");
    if (smallest < 0 || largest < smallest)
      fail("dimension '" + symbol + "' cannot be " + text);
    auto pin = pins.find(symbol);
    if (pin != pins.end() && (pin->second < smallest || pin->second > largest))
      fail("dimension '" + symbol + "' is pinned to " + std::to_string(pin->second) + " and to be " + text);
  }
}

void GraphImporter::describeRanges(mlir::ModuleOp module) {
  mlir::Builder builder(module.getContext());
  llvm::SmallVector<mlir::NamedAttribute> ranges;
  for (const auto &[symbol, range] : options.dimensions)
    if (!pins.count(symbol))
      ranges.push_back(builder.getNamedAttr(symbol, builder.getDenseI64ArrayAttr({range.first, range.second})));
  if (!ranges.empty())
    module->setAttr("nn.ranges", builder.getDictionaryAttr(ranges));
}

Binding GraphImporter::importInput(const onnx::ValueInfoProto &input, Signature &signature,
                                   std::map<std::string, Scalar> &symbols) {
  checkName(input.name(), "an input");
  const onnx::TypeProto &proto = input.type();
  if (!proto.has_tensor_type())
    return importContainer(input, signature);
  mlir::RankedTensorType type = inputType(input, proto.tensor_type());
  llvm::SmallVector<std::string> names(type.getRank());
  llvm::SmallVector<mlir::Attribute> dims;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    if (type.isDynamicDim(i) && proto.tensor_type().has_shape())
      names[i] = symbolOf(proto.tensor_type().shape().dim(static_cast<int>(i)));
    if (!names[i].empty())
      checkName(names[i], "a dimension");
    dims.push_back(b.raw().getStringAttr(names[i]));
  }
  mlir::Value argument = signature.addTensor(input.name(), type, dims);
  ScalarVector extents = b.extents(argument);
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (!names[i].empty())
      extents[i] = symbols.try_emplace(names[i], extents[i]).first->second;
  b.setExtents(argument, extents);
  return {argument};
}

Binding GraphImporter::importContainer(const onnx::ValueInfoProto &input, Signature &signature) {
  const std::string what = "input '" + input.name() + "'";
  if (input.type().value_case() == onnx::TypeProto::VALUE_NOT_SET)
    fail(what + " has no type");
  Structure type;
  try {
    type = structureOf(b.context(), input.type(), options.limits.rank);
  } catch (const ImportError &error) {
    fail(what + ": " + error.message, error.hint);
  }
  Structure &content = type.kind == Structure::Kind::optional ? type.inner.front() : type;
  mlir::RankedTensorType tensor;
  if (content.kind == Structure::Kind::tensor) {
    tensor = inputType(input, input.type().optional_type().elem_type().tensor_type());
    content.rank = tensor.getRank();
  }
  for (const auto &[name, shape] : options.shapes) {
    if (name != input.name() || content.kind != Structure::Kind::sequence)
      continue;
    if (llvm::any_of(shape, [](int64_t extent) { return extent >= 0; }))
      fail(what + " is a sequence, of which only the elements' rank can be pinned", "write ? for every extent");
    RankSet pinned = rankSet(static_cast<int64_t>(shape.size()));
    if (!(content.ranks & pinned))
      fail(what + " has elements that are pinned to rank " + llvm::Twine(shape.size()) + ", but have another");
    content.ranks = pinned;
  }
  return signature.addContainer(input.name(), type, tensor);
}

void GraphImporter::requireWithWarning(Scalar condition, const std::string &message, Diagnostic warning) {
  // A run would read a % as the place of a number.
  std::string text = message;
  std::replace(text.begin(), text.end(), '%', '?');
  b.require(condition, text, {});
  std::pair key(b.location().getAsOpaquePointer(), b.raw().getStringAttr(text).getAsOpaquePointer());
  warningsOfRequirements[key] = std::move(warning);
}

void GraphImporter::addWarnings(mlir::ModuleOp module, std::vector<Diagnostic> &warnings) {
  module->walk([&](nn::RequireOp op) {
    auto warning =
        warningsOfRequirements.find({op.getLoc().getAsOpaquePointer(), op.getMessageAttr().getAsOpaquePointer()});
    if (warning == warningsOfRequirements.end())
      return;
    warnings.push_back(std::move(warning->second));
    // The same node may be there once for each rank of a tensor before it.
    warningsOfRequirements.erase(warning);
  });
}

mlir::OwningOpRef<mlir::ModuleOp> GraphImporter::importMain(std::vector<Diagnostic> &warnings) {
  if (model->ir_version() < 1)
    fail("the file is no ONNX model: it has no IR version");
  if (!model->has_graph())
    fail("the model has no graph");
  Frame frame = mainFrame(model);
  for (const onnx::FunctionProto &function : model->functions())
    if (!functions.try_emplace({normalDomain(function.domain()), function.name(), function.overload()}, &function)
             .second)
      fail("function '" + function.name() + "' is defined more than once");

  const onnx::GraphProto &graph = model->graph();
  llvm::StringSet<> constants;
  for (const onnx::TensorProto &tensor : graph.initializer())
    constants.insert(tensor.name());
  pinDimensions(graph, constants);
  implied = impliedExtents(graph);
  frame.ranks = std::make_shared<llvm::StringMap<int64_t>>(declaredRanks(graph));

  mlir::OpBuilder &ir = b.raw();
  mlir::Location location = mlir::NameLoc::get(ir.getStringAttr(graph.name().empty() ? "main" : graph.name()));
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(location);
  std::string producer =
      model->producer_name() + (model->producer_version().empty() ? "" : " " + model->producer_version());
  if (!producer.empty())
    module->getOperation()->setAttr("nn.producer", ir.getStringAttr(producer));
  describeRanges(*module);
  ir.setInsertionPointToEnd(module->getBody());
  auto function = mlir::func::FuncOp::create(ir, location, "main", ir.getFunctionType({}, {}));
  mlir::Block *block = function.addEntryBlock();
  ir.setInsertionPointToEnd(block);

  Scope scope;
  Signature signature(b, block);
  std::map<std::string, Scalar> symbols;
  for (const onnx::ValueInfoProto &input : graph.input())
    if (!constants.contains(input.name()) && !scope.define(input.name(), importInput(input, signature, symbols)))
      fail("input '" + input.name() + "' is given more than once");

  std::vector<Binding> outputs = importGraph(graph, scope, frame, /*isMain=*/true);
  if (outputs.empty())
    fail("the model has no outputs");
  b.setLocation(location);
  for (auto [output, binding] : llvm::zip_equal(graph.output(), outputs)) {
    checkName(output.name(), "an output");
    signature.addOutput(output.name(), binding, output.type());
  }
  signature.describeValues(*module);
  llvm::ArrayRef<mlir::Value> results = signature.results();
  mlir::func::ReturnOp::create(ir, location, results);
  function.setFunctionType(ir.getFunctionType(block->getArgumentTypes(), mlir::ValueRange(results).getTypes()));
  function.setAllArgAttrs(signature.argumentAttributes());
  function.setAllResultAttrs(signature.resultAttributes());
  eraseDead(*block);
  if (!b.strings().texts().empty())
    module->getOperation()->setAttr("nn.strings", ir.getStrArrayAttr(b.strings().texts()));
  if (mlir::failed(mlir::verify(*module)))
    fail("the imported module is not valid: " + b.takeError());
  addWarnings(*module, warnings);
  return module;
}

} // namespace tenon::importer
