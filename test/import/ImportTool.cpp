//===- ImportTool.cpp - the importer alone -------------------------------------------------===//
//
// tenon_import_tool model.onnx [--shape NAME=1x3x?] [--dim SYMBOL=8] [--quiet | --json]: prints the nn module as text
// or as JSON (see moduleJson); or the diagnostics as JSON, and exits 1.
// tenon_import_tool --operators: prints domain and type of every operator with an importer, with a tab between.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Import.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/Base64.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace tenon;

static llvm::json::Value toJson(const Diagnostic &diagnostic) {
  return llvm::json::Object{
      {"severity", severityName(diagnostic.severity)},    {"message", llvm::json::fixUTF8(diagnostic.message)},
      {"node", llvm::json::fixUTF8(diagnostic.node)},     {"op_type", llvm::json::fixUTF8(diagnostic.opType)},
      {"domain", llvm::json::fixUTF8(diagnostic.domain)}, {"opset", diagnostic.opset},
      {"hint", llvm::json::fixUTF8(diagnostic.hint)}};
}

template <typename T> static std::string printed(T thing) {
  std::string text;
  llvm::raw_string_ostream(text) << thing;
  return text;
}

/// The module as data: a value is a number, a region is {"arguments": [number], "operations": [...]}, an operation has
/// a name, operands, results, result types as text, attributes and regions. Constants carry their bytes in base64.
class ModuleJson {
public:
  llvm::json::Value region(mlir::Region &region) {
    llvm::json::Array arguments, operations;
    for (mlir::Block &block : region) {
      for (mlir::Value argument : block.getArguments())
        arguments.push_back(number(argument));
      for (mlir::Operation &op : block)
        operations.push_back(operation(op));
    }
    return llvm::json::Object{{"arguments", std::move(arguments)}, {"operations", std::move(operations)}};
  }

  llvm::json::Value attribute(mlir::Attribute value) {
    if (llvm::isa<mlir::UnitAttr>(value))
      return true;
    if (auto boolean = llvm::dyn_cast<mlir::BoolAttr>(value))
      return boolean.getValue();
    if (auto integer = llvm::dyn_cast<mlir::IntegerAttr>(value))
      return integer.getValue().getSExtValue();
    if (auto real = llvm::dyn_cast<mlir::FloatAttr>(value))
      return printed(real.getValueAsDouble());
    if (auto string = llvm::dyn_cast<mlir::StringAttr>(value))
      return llvm::json::fixUTF8(string.getValue());
    if (auto list = llvm::dyn_cast<mlir::ElementsAttr>(value))
      return elements(list);
    llvm::json::Array list;
    if (auto integers = llvm::dyn_cast<mlir::DenseI64ArrayAttr>(value))
      list.insert(list.end(), integers.asArrayRef().begin(), integers.asArrayRef().end());
    else if (auto narrow = llvm::dyn_cast<mlir::DenseI32ArrayAttr>(value))
      list.insert(list.end(), narrow.asArrayRef().begin(), narrow.asArrayRef().end());
    else if (auto reals = llvm::dyn_cast<mlir::DenseF32ArrayAttr>(value))
      list.insert(list.end(), reals.asArrayRef().begin(), reals.asArrayRef().end());
    else
      return printed(value);
    return list;
  }

private:
  llvm::DenseMap<mlir::Value, int64_t> numbers;

  int64_t number(mlir::Value value) {
    return numbers.try_emplace(value, static_cast<int64_t>(numbers.size())).first->second;
  }

  llvm::json::Value elements(mlir::ElementsAttr attribute) {
    llvm::ArrayRef<char> bytes;
    bool splat = false;
    if (auto dense = llvm::dyn_cast<mlir::DenseElementsAttr>(attribute)) {
      if (dense.getElementType().isInteger(1)) {
        llvm::json::Array list;
        for (bool value : dense.getValues<bool>())
          list.push_back(value);
        return llvm::json::Object{{"booleans", std::move(list)}};
      }
      bytes = dense.getRawData();
      splat = dense.isSplat();
    } else {
      bytes = llvm::cast<mlir::DenseResourceElementsAttr>(attribute).getRawHandle().getBlob()->getData();
    }
    return llvm::json::Object{{"bytes", llvm::encodeBase64(bytes)}, {"splat", splat}};
  }

  llvm::json::Value operation(mlir::Operation &op) {
    llvm::json::Array operands, results, types, regions;
    llvm::json::Object attributes;
    for (mlir::Value operand : op.getOperands())
      operands.push_back(number(operand));
    for (mlir::Value result : op.getResults()) {
      results.push_back(number(result));
      types.push_back(printed(result.getType()));
    }
    for (mlir::NamedAttribute entry : op.getAttrDictionary())
      attributes[entry.getName().getValue()] = attribute(entry.getValue());
    for (mlir::Region &inner : op.getRegions())
      regions.push_back(region(inner));
    return llvm::json::Object{{"name", op.getName().getStringRef()}, {"operands", std::move(operands)},
                              {"results", std::move(results)},       {"types", std::move(types)},
                              {"attributes", std::move(attributes)}, {"regions", std::move(regions)}};
  }
};

/// The names of main's arguments and results, which of them belong together, the results' types, its body, and the
/// texts of constants.
static llvm::json::Value moduleJson(mlir::ModuleOp module) {
  auto main = module.lookupSymbol<mlir::func::FuncOp>("main");
  llvm::json::Array inputs, inputTypes, outputs, types, strings, values;
  if (auto texts = module->getAttrOfType<mlir::ArrayAttr>("nn.strings"))
    for (llvm::StringRef text : texts.getAsValueRange<mlir::StringAttr>())
      strings.push_back(text);
  for (mlir::Type type : main.getResultTypes())
    types.push_back(printed(type));
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    inputs.push_back(main.getArgAttrOfType<mlir::StringAttr>(i, "nn.name").getValue());
    inputTypes.push_back(printed(main.getArgument(i).getType()));
  }
  for (unsigned i = 0; i < main.getNumResults(); ++i)
    outputs.push_back(main.getResultAttrOfType<mlir::StringAttr>(i, "nn.name").getValue());
  if (auto list = module->getAttrOfType<mlir::ArrayAttr>("nn.values"))
    for (auto value : list.getAsRange<mlir::DictionaryAttr>()) {
      llvm::json::Object entry;
      for (mlir::NamedAttribute field : value)
        entry[field.getName().getValue()] = ModuleJson().attribute(field.getValue());
      values.push_back(std::move(entry));
    }
  return llvm::json::Object{{"inputs", std::move(inputs)},
                            {"input_types", std::move(inputTypes)},
                            {"outputs", std::move(outputs)},
                            {"types", std::move(types)},
                            {"strings", std::move(strings)},
                            {"values", std::move(values)},
                            {"body", ModuleJson().region(main.getBody())}};
}

static int printOperators() {
  for (const auto &[domain, opType] : importer::importedOperators())
    llvm::outs() << domain << "\t" << opType << "\n";
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && llvm::StringRef(argv[1]) == "--operators")
    return printOperators();
  importer::ImportOptions options;
  std::string path;
  bool quiet = false, json = false;
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef argument = argv[i];
    if (argument == "--quiet") {
      quiet = true;
    } else if (argument == "--json") {
      json = true;
    } else if ((argument == "--shape" || argument == "--dim") && i + 1 < argc) {
      auto [name, value] = llvm::StringRef(argv[++i]).rsplit('=');
      std::vector<int64_t> extents;
      llvm::SmallVector<llvm::StringRef> parts;
      value.split(parts, 'x');
      for (llvm::StringRef part : parts) {
        int64_t extent = -1;
        (void)part.getAsInteger(10, extent);
        extents.push_back(extent);
      }
      if (argument == "--shape")
        options.shapes.emplace_back(name.str(), extents);
      else
        options.dimensions.emplace_back(name.str(), std::pair(extents.front(), extents.front()));
    } else {
      path = argument.str();
    }
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::vector<Diagnostic> diagnostics;
  mlir::OwningOpRef<mlir::ModuleOp> module = importer::importModel(context, path, options, diagnostics);
  llvm::json::Array list;
  for (const Diagnostic &diagnostic : diagnostics)
    list.push_back(toJson(diagnostic));
  if (!list.empty())
    llvm::errs() << llvm::json::Value(std::move(list)) << "\n";
  if (!module)
    return 1;
  if (json) {
    llvm::outs() << moduleJson(*module) << "\n";
  } else if (!quiet) {
    mlir::OpPrintingFlags flags;
    flags.elideLargeElementsAttrs(16).elideLargeResourceString(16);
    module->print(llvm::outs(), flags);
  }
  return 0;
}
