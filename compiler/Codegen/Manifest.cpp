//===- Manifest.cpp - what `tenon inspect` shows of a compiled model -----------------------===//

#include "compiler/Codegen/Manifest.h"

#include "compiler/Codegen/Names.h"
#include "compiler/Support/Weights.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
namespace json = llvm::json;

namespace tenon::codegen {

std::string elementName(Type element) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto integer = dyn_cast<IntegerType>(element);
  if (integer && integer.getWidth() == 1)
    stream << "bool";
  else if (integer && integer.isSigned())
    stream << "string";
  else if (integer && integer.isUnsigned())
    stream << "u" << integer.getWidth();
  else
    stream << element;
  // f8E4M3FN: the model ABI has small letters.
  return StringRef(text).lower();
}

/// "f32[4,?]"
static std::string typeName(RankedTensorType type) {
  std::string text = elementName(type.getElementType());
  llvm::raw_string_ostream stream(text);
  stream << '[';
  llvm::interleave(
      type.getShape(), stream, [&](int64_t dim) { ShapedType::isDynamic(dim) ? stream << '?' : stream << dim; }, ",");
  stream << ']';
  return text;
}

static json::Value toJson(Attribute attribute) {
  return llvm::TypeSwitch<Attribute, json::Value>(attribute)
      .Case<StringAttr>([](auto text) { return json::fixUTF8(text.getValue()); })
      .Case<BoolAttr>([](auto value) { return value.getValue(); })
      .Case<IntegerAttr>([](auto value) { return value.getInt(); })
      .Case<FloatAttr>([](auto value) { return value.getValueAsDouble(); })
      .Case<UnitAttr>([](auto) { return true; })
      .Case<TypeAttr>([](auto type) { return typeName(cast<RankedTensorType>(type.getValue())); })
      .Case<ArrayAttr>([](auto array) {
        json::Array values;
        for (Attribute value : array)
          values.push_back(toJson(value));
        return json::Value(std::move(values));
      })
      .Case<DictionaryAttr>([](auto dictionary) {
        json::Object object;
        for (NamedAttribute entry : dictionary) {
          StringRef name = entry.getName();
          name.consume_front("nn.");
          object[name] = toJson(entry.getValue());
        }
        return json::Value(std::move(object));
      })
      .Default([](Attribute) { return json::Value(nullptr); });
}

static json::Array describeTensors(ArrayAttr tensors) {
  json::Array all;
  for (auto tensor : tensors.getAsRange<DictionaryAttr>()) {
    auto type = cast<RankedTensorType>(tensor.getAs<TypeAttr>("type").getValue());
    json::Array dims;
    for (auto [size, symbol] :
         llvm::zip(type.getShape(), tensor.getAs<ArrayAttr>("dims").getAsValueRange<StringAttr>())) {
      if (!ShapedType::isDynamic(size))
        dims.push_back(size);
      else if (symbol.empty())
        dims.push_back(nullptr);
      else
        dims.push_back(json::fixUTF8(symbol));
    }
    all.push_back(json::Object{{"name", json::fixUTF8(tensor.getAs<StringAttr>("name").getValue())},
                               {"type", elementName(type.getElementType())},
                               {"dims", std::move(dims)}});
  }
  return all;
}

/// Smallest and largest extent by name of a symbolic dimension.
static json::Object describeRanges(DictionaryAttr ranges) {
  json::Object all;
  for (NamedAttribute entry : ranges) {
    auto range = cast<DenseI64ArrayAttr>(entry.getValue());
    all[json::fixUTF8(entry.getName())] = json::Array{range[0], range[1]};
  }
  return all;
}

std::string buildManifest(ModuleOp module, StringRef producer, StringRef triple, StringRef cpu) {
  auto kernels = module->getAttrOfType<ArrayAttr>(kernelsAttr);
  int64_t launches = 0;
  llvm::SetVector<StringRef> nodes;
  for (auto kernel : kernels.getAsRange<DictionaryAttr>()) {
    launches += kernel.getAs<IntegerAttr>("launches").getInt();
    auto names = kernel.getAs<ArrayAttr>("nodes").getAsValueRange<StringAttr>();
    nodes.insert(names.begin(), names.end());
  }
  auto weights = getWeights(module);
  auto arena = module->getAttrOfType<IntegerAttr>(arenaBytesAttr);
  json::Object manifest{
      {"producer", json::fixUTF8(producer)},
      {"triple", triple},
      {"cpu", cpu},
      {"inputs", describeTensors(module->getAttrOfType<ArrayAttr>(inputsAttr))},
      {"outputs", describeTensors(module->getAttrOfType<ArrayAttr>(outputsAttr))},
      {"nodes", static_cast<int64_t>(nodes.size())},
      {"launches", launches},
      {"weights_bytes", succeeded(weights) ? weightSectionBytes(*weights) : 0},
      {"arena_bytes", arena ? json::Value(arena.getInt()) : json::Value(nullptr)},
      {"table_slots", module->getAttrOfType<IntegerAttr>(tableSlotsAttr).getInt()},
      {"kernels", toJson(kernels)},
      {"buffers", toJson(module->getAttr(buffersAttr))},
  };
  if (auto ranges = module->getAttrOfType<DictionaryAttr>(rangesAttr))
    manifest["ranges"] = describeRanges(ranges);
  if (Attribute values = module->getAttr(valuesAttr))
    manifest["values"] = toJson(values);
  if (auto bytes = module->getAttrOfType<IntegerAttr>(transformedBytesAttr))
    manifest["transformed_weights_bytes"] = bytes.getInt();
  std::string text;
  llvm::raw_string_ostream(text) << json::Value(std::move(manifest));
  return text;
}

} // namespace tenon::codegen
