//===- BuildDescriptor.cpp - the model's descriptor, its names and its manifest ------------===//
//
// Expects: what LowerMain leaves. Guarantees: one external constant with the descriptor; all it points to is internal,
// but the weights: an external declaration that Emit defines. It is Emit that puts weights into a file of their own,
// and changes the descriptor's fields about them then.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/Abi.h"
#include "compiler/Codegen/Manifest.h"
#include "compiler/Codegen/Names.h"
#include "compiler/Codegen/NodeNames.h"
#include "compiler/Codegen/Passes.h"
#include "compiler/Support/ElementTypes.h"
#include "compiler/Support/Weights.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

namespace tenon::codegen {
#define GEN_PASS_DEF_BUILDDESCRIPTOR
#include "compiler/Codegen/Passes.h.inc"
} // namespace tenon::codegen

using namespace mlir;

namespace tenon::codegen {
namespace {

/// Makes constant globals. An initializer is a region that ends in the value.
class DataBuilder {
public:
  DataBuilder(ModuleOp module, const Abi &abi) : module(module), builder(module.getContext()), ir(builder, abi) {}

  /// A constant of `type` computed by `fill`.
  void global(StringRef name, Type type, LLVM::Linkage linkage, llvm::function_ref<Value()> fill) {
    builder.setInsertionPointToEnd(module.getBody());
    auto global = LLVM::GlobalOp::create(builder, loc(), type, /*isConstant=*/true, linkage, name, Attribute(),
                                         /*alignment=*/8);
    builder.createBlock(&global.getInitializer());
    LLVM::ReturnOp::create(builder, loc(), fill());
  }

  /// An array of structs; `fields` gives those of one element.
  void structArray(StringRef name, Type type, size_t size, llvm::function_ref<SmallVector<Value>(size_t)> fields) {
    auto arrayType = LLVM::LLVMArrayType::get(type, size);
    global(name, arrayType, LLVM::Linkage::Internal, [&] {
      Value array = LLVM::UndefOp::create(builder, loc(), arrayType);
      for (size_t i = 0; i < size; ++i)
        array = LLVM::InsertValueOp::create(builder, loc(), array, structure(type, fields(i)), i);
      return array;
    });
  }

  /// An array of numbers of 4 or 8 bytes.
  template <typename T> void numbers(StringRef name, ArrayRef<T> values) {
    builder.setInsertionPointToEnd(module.getBody());
    Type element = IntegerType::get(module.getContext(), sizeof(T) * 8);
    auto elements =
        DenseElementsAttr::get(RankedTensorType::get({static_cast<int64_t>(values.size())}, element), values);
    LLVM::GlobalOp::create(builder, loc(), LLVM::LLVMArrayType::get(element, values.size()), /*isConstant=*/true,
                           LLVM::Linkage::Internal, name, elements, /*alignment=*/sizeof(T));
  }

  void bytes(StringRef name, StringRef content) {
    builder.setInsertionPointToEnd(module.getBody());
    LLVM::GlobalOp::create(builder, loc(), LLVM::LLVMArrayType::get(builder.getI8Type(), content.size()),
                           /*isConstant=*/true, LLVM::Linkage::Internal, name, builder.getStringAttr(content));
  }

  Value structure(Type type, ArrayRef<Value> fields) {
    Value value = LLVM::UndefOp::create(builder, loc(), type);
    for (auto [index, field] : llvm::enumerate(fields))
      value = LLVM::InsertValueOp::create(builder, loc(), value, field, index);
    return value;
  }

  Value text(StringRef bytes) { return address(getOrCreateString(module, bytes)); }
  Value address(StringRef symbol) { return ir.addressOf(loc(), symbol); }
  /// The address of an array global, or null if it is empty (then it was not made).
  Value arrayOrNull(StringRef symbol, size_t size) { return size == 0 ? ir.null(loc()) : address(symbol); }
  Value i32(int64_t value) { return ir.i32(loc(), value); }
  Value i64(int64_t value) { return ir.i64(loc(), value); }
  Value null() { return ir.null(loc()); }

private:
  Location loc() { return module.getLoc(); }

  ModuleOp module;
  OpBuilder builder;
  AbiBuilder ir;
};

struct BuildDescriptorPass : impl::BuildDescriptorBase<BuildDescriptorPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (!module->hasAttr(inputsAttr)) {
      module.emitError("expected a module whose main is lowered");
      return signalPassFailure();
    }
    Abi abi(&getContext());
    DataBuilder data(module, abi);
    auto tensors = [&](StringRef name) {
      return llvm::to_vector(module->getAttrOfType<ArrayAttr>(name).getAsRange<DictionaryAttr>());
    };
    inputs = tensors(inputsAttr);
    outputs = tensors(outputsAttr);
    kernels = tensors(kernelsAttr);
    symbols = {};
    for (ArrayRef<DictionaryAttr> list : {ArrayRef(inputs), ArrayRef(outputs)})
      for (DictionaryAttr tensor : list)
        for (auto [size, name] : dimsOf(tensor))
          if (ShapedType::isDynamic(size) && !name.empty())
            symbols.insert(name);

    buildTensors(data, abi, "model_inputs", inputs);
    buildTensors(data, abi, "model_outputs", outputs);
    SmallVector<StringRef> featureNames(features.begin(), features.end());
    buildTexts(data, abi, "model_features", featureNames);
    buildTexts(data, abi, "model_symbols", symbols.getArrayRef());
    bool hasRanges = buildRanges(data, module->getAttrOfType<DictionaryAttr>(rangesAttr));
    buildKernels(data, abi);
    buildValues(data, abi, module->getAttrOfType<ArrayAttr>(valuesAttr));
    size_t numStrings = buildStrings(data, module->getAttrOfType<ArrayAttr>(stringsAttr));
    buildModel(data, abi, module, hasRanges, numStrings);
    for (StringRef name : {inputsAttr, outputsAttr, kernelsAttr, buffersAttr, tableSlotsAttr, arenaBytesAttr,
                           rangesAttr, transformedBytesAttr, valuesAttr, stringsAttr})
      module->removeAttr(name);
  }

private:
  static SmallVector<std::pair<int64_t, StringRef>> dimsOf(DictionaryAttr tensor) {
    auto type = cast<RankedTensorType>(tensor.getAs<TypeAttr>("type").getValue());
    auto names = tensor.getAs<ArrayAttr>("dims").getAsValueRange<StringAttr>();
    SmallVector<std::pair<int64_t, StringRef>> dims;
    for (auto [size, name] : llvm::zip(type.getShape(), names))
      dims.push_back({size, name});
    return dims;
  }

  void buildTensors(DataBuilder &data, const Abi &abi, StringRef name, ArrayRef<DictionaryAttr> list) {
    auto part = [&](StringRef what, size_t index) { return (name + "_" + what + std::to_string(index)).str(); };
    for (auto [index, tensor] : llvm::enumerate(list)) {
      SmallVector<int64_t> sizes;
      SmallVector<int32_t> numbers;
      for (auto [size, symbol] : dimsOf(tensor)) {
        bool isDynamic = ShapedType::isDynamic(size);
        sizes.push_back(isDynamic ? -1 : size);
        auto position = llvm::find(symbols, symbol);
        numbers.push_back(isDynamic && !symbol.empty() ? position - symbols.begin() : -1);
      }
      if (sizes.empty())
        continue;
      data.numbers<int64_t>(part("dims", index), sizes);
      data.numbers<int32_t>(part("symbols", index), numbers);
    }
    if (list.empty())
      return;
    data.structArray(name, abi.tensorSpec, list.size(), [&](size_t index) -> SmallVector<Value> {
      auto type = cast<RankedTensorType>(list[index].getAs<TypeAttr>("type").getValue());
      size_t rank = type.getRank();
      return {data.text(list[index].getAs<StringAttr>("name").getValue()), data.i32(dtypeOf(type.getElementType())),
              data.i32(rank), data.arrayOrNull(part("dims", index), rank),
              data.arrayOrNull(part("symbols", index), rank)};
    });
  }

  void buildTexts(DataBuilder &data, const Abi &abi, StringRef name, ArrayRef<StringRef> texts) {
    if (texts.empty())
      return;
    auto type = LLVM::LLVMStructType::getLiteral(&getContext(), {abi.pointer});
    data.structArray(name, type, texts.size(),
                     [&](size_t index) -> SmallVector<Value> { return {data.text(texts[index])}; });
  }

  /// The extents of symbols, two numbers each; false if the model bounds none.
  bool buildRanges(DataBuilder &data, DictionaryAttr ranges) {
    if (!ranges)
      return false;
    SmallVector<int64_t> numbers;
    for (StringRef symbol : symbols) {
      auto range = ranges.getAs<DenseI64ArrayAttr>(symbol);
      numbers.push_back(range ? range[0] : 0);
      numbers.push_back(range ? range[1] : std::numeric_limits<int64_t>::max());
    }
    if (!numbers.empty())
      data.numbers<int64_t>("model_symbol_ranges", numbers);
    return !numbers.empty();
  }

  void buildKernels(DataBuilder &data, const Abi &abi) {
    if (kernels.empty())
      return;
    data.structArray("model_kernels", abi.kernelInfo, kernels.size(), [&](size_t index) -> SmallVector<Value> {
      auto nodes = kernels[index].getAs<ArrayAttr>("nodes").getAsValueRange<StringAttr>();
      SmallVector<StringRef> names(nodes.begin(), nodes.end());
      return {data.text(kernels[index].getAs<StringAttr>("name").getValue()), data.text(joinNames(names))};
    });
  }

  /// What tensors belong together: the entries of nn.values.
  void buildValues(DataBuilder &data, const Abi &abi, ArrayAttr values) {
    if (!values)
      return;
    data.structArray("model_values", abi.valueSpec, values.size(), [&](size_t index) -> SmallVector<Value> {
      auto value = cast<DictionaryAttr>(values[index]);
      auto flag = [&](StringRef name) { return data.i32(value.getAs<BoolAttr>(name).getValue()); };
      auto number = [&](StringRef name) { return data.i32(value.getAs<IntegerAttr>(name).getInt()); };
      int kind = llvm::StringSwitch<int>(value.getAs<StringAttr>("kind").getValue())
                     .Case("tensor", TENON_OPTIONAL_TENSOR)
                     .Case("sequence", TENON_SEQUENCE)
                     .Case("map", TENON_MAP)
                     .Default(TENON_MAPS);
      return {data.text(value.getAs<StringAttr>("name").getValue()),
              data.i32(kind),
              flag("output"),
              flag("optional"),
              number("first"),
              number("count")};
    });
  }

  /// The texts of constants, one after another, and where each ends. Returns how many there are.
  size_t buildStrings(DataBuilder &data, ArrayAttr texts) {
    if (!texts || texts.empty())
      return 0;
    std::string bytes;
    SmallVector<int64_t> ends;
    for (StringRef text : texts.getAsValueRange<StringAttr>()) {
      bytes += text;
      ends.push_back(bytes.size());
    }
    data.bytes("model_string_bytes", bytes);
    data.numbers<int64_t>("model_string_ends", ends);
    return ends.size();
  }

  void buildModel(DataBuilder &data, const Abi &abi, ModuleOp module, bool hasRanges, size_t numStrings) {
    FailureOr<SmallVector<Weight>> weights = getWeights(module);
    if (failed(weights))
      return signalPassFailure();
    int64_t weightBytes = weightSectionBytes(*weights);
    if (weightBytes > 0) {
      OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
      LLVM::GlobalOp::create(builder, module.getLoc(), LLVM::LLVMArrayType::get(abi.i8, weightBytes),
                             /*isConstant=*/true, LLVM::Linkage::External, weightsSymbolName, Attribute(),
                             /*alignment=*/weightAlignment);
    }
    auto values = module->getAttrOfType<ArrayAttr>(valuesAttr);
    size_t numValues = values ? values.size() : 0;
    std::string manifest = buildManifest(module, producer, triple, cpu);
    data.global(symbol, abi.model, LLVM::Linkage::External, [&] {
      Value address = weightBytes > 0 ? data.address(weightsSymbolName) : data.null();
      return data.structure(abi.model, {data.i32(sizeof(tenon_model)),
                                        data.i32(TENON_ABI_VERSION),
                                        data.text(modelName),
                                        data.text(producer),
                                        data.text(triple),
                                        data.text(cpu),
                                        data.arrayOrNull("model_features", features.size()),
                                        data.i32(features.size()),
                                        data.i32(inputs.size()),
                                        data.arrayOrNull("model_inputs", inputs.size()),
                                        data.i32(outputs.size()),
                                        data.i32(symbols.size()),
                                        data.arrayOrNull("model_outputs", outputs.size()),
                                        data.arrayOrNull("model_symbols", symbols.size()),
                                        data.arrayOrNull("model_symbol_ranges", hasRanges),
                                        data.i32(kernels.size()),
                                        data.i32(module->getAttrOfType<IntegerAttr>(tableSlotsAttr).getInt()),
                                        data.arrayOrNull("model_kernels", kernels.size()),
                                        address,
                                        data.i64(weightBytes),
                                        data.null(),
                                        data.i64(0),
                                        data.i64(numStrings),
                                        data.arrayOrNull("model_string_bytes", numStrings),
                                        data.arrayOrNull("model_string_ends", numStrings),
                                        data.text(manifest),
                                        data.address(planName),
                                        data.address(runName),
                                        data.arrayOrNull("model_values", numValues),
                                        data.i32(numValues)});
    });
  }

  SmallVector<DictionaryAttr> inputs, outputs, kernels;
  llvm::SetVector<StringRef> symbols;
};

} // namespace
} // namespace tenon::codegen
