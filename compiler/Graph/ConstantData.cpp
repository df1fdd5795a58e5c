//===- ConstantData.cpp - bytes of constants -----------------------------------------------===//
//
// See ConstantData.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/ConstantData.h"
#include "compiler/Graph/NumberFormat.h"
#include "compiler/Support/Weights.h"
#include "dialects/nn/Nn.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace tenon::graph {

std::optional<ConstantData> ConstantData::read(ElementsAttr attribute) {
  ConstantData constant;
  constant.type = dyn_cast<RankedTensorType>(attribute.getShapedType());
  if (!constant.type)
    return std::nullopt;
  int64_t size = tenon::elementBytes(constant.type.getElementType());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || static_cast<int64_t>(blob->getData().size()) != constant.type.getNumElements() * size)
      return std::nullopt;
    constant.bytes = blob->getData();
    return constant;
  }
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  if (!dense)
    return std::nullopt;
  constant.splat = dense.isSplat();
  if (!constant.type.getElementType().isInteger(1)) {
    constant.bytes = dense.getRawData();
    return constant;
  }
  constant.unpacked = std::make_shared<SmallVector<char, 0>>();
  if (constant.splat)
    constant.unpacked->push_back(dense.getSplatValue<bool>());
  else
    llvm::append_range(*constant.unpacked, dense.getValues<bool>());
  constant.bytes = *constant.unpacked;
  return constant;
}

std::optional<ConstantData> ConstantData::read(Value value) {
  ElementsAttr attribute;
  if (!value || !matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  return read(attribute);
}

int64_t ConstantData::elementBytes() const { return tenon::elementBytes(type.getElementType()); }

SmallVector<int64_t> ConstantData::strides() const {
  SmallVector<int64_t> strides(type.getRank(), 0);
  int64_t stride = 1;
  for (int64_t dimension = type.getRank() - 1; dimension >= 0 && !splat; --dimension) {
    strides[dimension] = stride;
    stride *= type.getDimSize(dimension);
  }
  return strides;
}

std::optional<double> ConstantData::scalar() const {
  if ((!splat && type.getNumElements() != 1) || bytes.empty() || isa<ComplexType>(type.getElementType()))
    return std::nullopt;
  double value;
  loadElements(type.getElementType(), bytes.data(), 0, 1, &value);
  return value;
}

NewConstant::NewConstant(RankedTensorType type)
    : tensorType(type),
      blob(HeapAsmResourceBlob::allocate(
          std::max<int64_t>(1, type.getNumElements() * elementBytes(type.getElementType())), weightAlignment)) {}

// Whether all elements have the same bytes.
static bool isUniform(ArrayRef<char> bytes, int64_t elementBytes) {
  size_t size = elementBytes;
  return bytes.size() >= size && std::memcmp(bytes.data(), bytes.data() + size, bytes.size() - size) == 0;
}

ElementsAttr NewConstant::take() && {
  Type element = tensorType.getElementType();
  int64_t size = elementBytes(element), count = tensorType.getNumElements();
  ArrayRef<char> bytes(blob.getData().data(), count * size);
  bool uniform = isUniform(bytes, size);
  if (!uniform && static_cast<int64_t>(bytes.size()) > maxDenseBytes)
    return DenseResourceElementsAttr::get(tensorType, "folded", std::move(blob));
  if (uniform)
    bytes = bytes.take_front(size);
  if (!element.isInteger(1))
    return DenseElementsAttr::getFromRawBuffer(tensorType, bytes);
  SmallVector<bool> booleans;
  for (char byte : bytes)
    booleans.push_back(byte != 0);
  return DenseElementsAttr::get(tensorType, booleans);
}

ElementsAttr reshapeConstant(ElementsAttr attribute, RankedTensorType type) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  if (auto dense = dyn_cast<DenseElementsAttr>(attribute))
    return dense.reshape(type);
  return nullptr;
}

} // namespace tenon::graph
