//===- Weights.cpp - the constants of a compiled model, between Codegen and Emit -----------===//

#include "compiler/Support/Weights.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace tenon {

int64_t elementBytes(Type type) {
  if (auto complex = dyn_cast<ComplexType>(type))
    return 2 * elementBytes(complex.getElementType());
  return llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
}

int64_t Weight::sizeBytes() const { return value.getNumElements() * elementBytes(value.getElementType()); }

void setWeights(ModuleOp module, ArrayRef<Weight> weights) {
  Builder builder(module.getContext());
  SmallVector<Attribute> entries;
  for (const Weight &weight : weights)
    entries.push_back(
        builder.getDictionaryAttr({builder.getNamedAttr("offset", builder.getI64IntegerAttr(weight.offset)),
                                   builder.getNamedAttr("value", weight.value)}));
  module->setAttr(weightsAttrName, builder.getArrayAttr(entries));
}

FailureOr<SmallVector<Weight>> getWeights(ModuleOp module) {
  SmallVector<Weight> weights;
  Attribute attribute = module->getAttr(weightsAttrName);
  if (!attribute)
    return weights;
  auto entries = dyn_cast<ArrayAttr>(attribute);
  if (!entries)
    return module.emitError() << "'" << weightsAttrName << "' is not an array", failure();
  int64_t end = 0;
  for (auto [index, entry] : llvm::enumerate(entries)) {
    auto fields = dyn_cast<DictionaryAttr>(entry);
    auto offset = fields ? fields.getAs<IntegerAttr>("offset") : IntegerAttr();
    auto value = fields ? dyn_cast_or_null<ElementsAttr>(fields.get("value")) : ElementsAttr();
    if (!offset || !value || !isa<IntegerType, FloatType, ComplexType>(value.getElementType()))
      return module.emitError() << "weight " << index << " lacks an offset or elements", failure();
    Weight weight{offset.getInt(), value};
    if (weight.offset < end || weight.offset % weightAlignment != 0)
      return module.emitError() << "weight " << index << " is at offset " << weight.offset << " but a multiple of "
                                << weightAlignment << " not below " << end << " is expected",
             failure();
    end = weight.endOffset();
    weights.push_back(weight);
  }
  return weights;
}

int64_t weightSectionBytes(ArrayRef<Weight> weights) {
  return weights.empty() ? 0 : llvm::alignTo(weights.back().endOffset(), weightAlignment);
}

/// Collects small writes into pieces of up to 64 KiB.
namespace {
class Chunks {
public:
  explicit Chunks(llvm::function_ref<void(ArrayRef<char>)> sink) : sink(sink) {}
  ~Chunks() { flush(); }
  void add(const char *data, size_t sizeBytes) {
    buffer.append(data, data + sizeBytes);
    if (buffer.size() >= 64 * 1024)
      flush();
  }

private:
  void flush() {
    if (!buffer.empty())
      sink(buffer);
    buffer.clear();
  }
  llvm::function_ref<void(ArrayRef<char>)> sink;
  SmallVector<char, 0> buffer;
};
} // namespace

LogicalResult readWeight(ElementsAttr value, llvm::function_ref<void(ArrayRef<char>)> sink) {
  int64_t bytes = elementBytes(value.getElementType());
  int64_t sizeBytes = value.getNumElements() * bytes;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || static_cast<int64_t>(blob->getData().size()) != sizeBytes)
      return failure();
    sink(blob->getData());
    return success();
  }
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return failure();
  bool whole = !value.getElementType().isInteger(1);
  ArrayRef<char> raw = dense.getRawData();
  if (whole && !dense.isSplat()) {
    sink(raw);
    return success();
  }
  Chunks chunks(sink);
  if (whole) {
    for (int64_t i = 0, e = value.getNumElements(); i < e; ++i)
      chunks.add(raw.data(), bytes);
    return success();
  }
  for (const APInt &element : dense.getValues<APInt>()) {
    char byte = static_cast<char>(element.getZExtValue());
    chunks.add(&byte, 1);
  }
  return success();
}

} // namespace tenon
