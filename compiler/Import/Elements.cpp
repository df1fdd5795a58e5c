//===- Elements.cpp - ONNX tensors as MLIR attributes --------------------------------------===//
//
// See Elements.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Elements.h"

#include "compiler/Import/Builder.h"
#include "compiler/Import/Error.h"
#include "compiler/Support/Weights.h"
#include "dialects/nn/Nn.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cstring>

namespace tenon::importer {

namespace {

using Data = onnx::TensorProto;

// Above this a constant's bytes stay outside the IR: uniquing hashes and copies dense elements.
constexpr size_t denseBytes = 1024;

/// Bytes with whatever keeps them alive.
struct Bytes {
  llvm::ArrayRef<char> bytes;
  std::shared_ptr<const void> owner;
};

template <typename T, typename Field> Bytes narrowed(const Field &field, T mask = static_cast<T>(-1)) {
  auto buffer = std::make_shared<std::vector<T>>(field.begin(), field.end());
  for (T &element : *buffer)
    element &= mask;
  llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(buffer->data()), buffer->size() * sizeof(T));
  return {bytes, buffer};
}

template <typename Field> Bytes inPlace(const Field &field, const std::shared_ptr<const void> &owner) {
  return {llvm::ArrayRef<char>(reinterpret_cast<const char *>(field.data()),
                               static_cast<size_t>(field.size()) * sizeof(*field.data())),
          owner};
}

/// The bytes of a tensor whose elements are in one of the message's typed fields.
Bytes typedBytes(const Data &tensor, const std::shared_ptr<const void> &owner) {
  switch (tensor.data_type()) {
  // A complex number is two entries.
  case Data::FLOAT:
  case Data::COMPLEX64:
    return inPlace(tensor.float_data(), owner);
  case Data::DOUBLE:
  case Data::COMPLEX128:
    return inPlace(tensor.double_data(), owner);
  case Data::INT64:
    return inPlace(tensor.int64_data(), owner);
  case Data::UINT64:
    return inPlace(tensor.uint64_data(), owner);
  case Data::UINT32:
    return narrowed<uint32_t>(tensor.uint64_data());
  case Data::INT32:
    return inPlace(tensor.int32_data(), owner);
  case Data::INT16:
  case Data::UINT16:
  case Data::FLOAT16:
  case Data::BFLOAT16:
    return narrowed<uint16_t>(tensor.int32_data());
  case Data::INT8:
  case Data::UINT8:
  case Data::BOOL:
  case Data::FLOAT8E4M3FN:
  case Data::FLOAT8E4M3FNUZ:
  case Data::FLOAT8E5M2:
  case Data::FLOAT8E5M2FNUZ:
  case Data::FLOAT8E8M0:
  // Each entry is a byte of the packed elements.
  case Data::FLOAT4E2M1:
  case Data::INT4:
  case Data::UINT4:
  case Data::INT2:
  case Data::UINT2:
    return narrowed<uint8_t>(tensor.int32_data());
  case Data::FLOAT6E2M3:
  case Data::FLOAT6E3M2:
    return narrowed<uint8_t>(tensor.int32_data(), 0x3f);
  default:
    failMalformed("tensor of type " + dataTypeName(tensor.data_type()) + " has no typed data");
  }
}

int64_t parseNumber(const std::string &text, const char *what) {
  uint64_t value = 0;
  if (llvm::StringRef(text).getAsInteger(10, value) || value > static_cast<uint64_t>(INT64_MAX))
    failMalformed(llvm::Twine("external data has ") + what + " '" + text + "', expected a whole number");
  return static_cast<int64_t>(value);
}

Bytes externalBytes(const Data &tensor, DataFolder &folder, int64_t expected) {
  std::string location;
  int64_t offset = 0;
  std::optional<int64_t> length;
  for (const auto &entry : tensor.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset")
      offset = parseNumber(entry.value(), "offset");
    else if (entry.key() == "length")
      length = parseNumber(entry.value(), "length");
  }
  if (length && *length != expected)
    failMalformed("external data of tensor '" + tensor.name() + "' has length " + std::to_string(*length) +
                  ", expected " + std::to_string(expected) + " bytes");
  std::shared_ptr<MappedFile> file = folder.map(location);
  auto size = static_cast<int64_t>(file->bytes().size());
  if (offset > size || expected > size - offset)
    failMalformed("external data of tensor '" + tensor.name() + "' ends at byte " + std::to_string(offset) + " + " +
                  std::to_string(expected) + ", but '" + location + "' has " + std::to_string(size) + " bytes");
  return {file->bytes().slice(static_cast<size_t>(offset), static_cast<size_t>(expected)), file};
}

/// Elements below a byte lie in a stream of bits, from the lowest bit of each byte up; in memory each takes a byte with
/// zeros above.
Bytes unpacked(llvm::ArrayRef<char> packed, int64_t count, unsigned width) {
  auto buffer = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(count));
  unsigned mask = (1u << width) - 1;
  for (size_t i = 0; i < buffer->size(); ++i) {
    size_t byte = i * width / 8;
    unsigned shift = i * width % 8, bits = static_cast<uint8_t>(packed[byte]);
    if (shift + width > 8)
      bits |= unsigned(static_cast<uint8_t>(packed[byte + 1])) << 8;
    (*buffer)[i] = bits >> shift & mask;
  }
  return inPlace(*buffer, buffer);
}

bool isNormalBoolean(llvm::ArrayRef<char> bytes) {
  return llvm::all_of(bytes, [](char byte) { return byte == 0 || byte == 1; });
}

} // namespace

static mlir::Type smallFloatTypeOf(mlir::MLIRContext *context, int32_t dataType) {
  switch (dataType) {
  case Data::FLOAT8E4M3FN:
    return mlir::Float8E4M3FNType::get(context);
  case Data::FLOAT8E4M3FNUZ:
    return mlir::Float8E4M3FNUZType::get(context);
  case Data::FLOAT8E5M2:
    return mlir::Float8E5M2Type::get(context);
  case Data::FLOAT8E5M2FNUZ:
    return mlir::Float8E5M2FNUZType::get(context);
  case Data::FLOAT8E8M0:
    return mlir::Float8E8M0FNUType::get(context);
  case Data::FLOAT6E2M3:
    return mlir::Float6E2M3FNType::get(context);
  case Data::FLOAT6E3M2:
    return mlir::Float6E3M2FNType::get(context);
  case Data::FLOAT4E2M1:
    return mlir::Float4E2M1FNType::get(context);
  default:
    return {};
  }
}

mlir::Type elementTypeOf(mlir::MLIRContext *context, int32_t dataType) {
  auto integer = [&](unsigned width, mlir::IntegerType::SignednessSemantics signedness) -> mlir::Type {
    return mlir::IntegerType::get(context, width, signedness);
  };
  switch (dataType) {
  case Data::FLOAT:
    return mlir::Float32Type::get(context);
  case Data::DOUBLE:
    return mlir::Float64Type::get(context);
  case Data::FLOAT16:
    return mlir::Float16Type::get(context);
  case Data::BFLOAT16:
    return mlir::BFloat16Type::get(context);
  case Data::BOOL:
    return integer(1, mlir::IntegerType::Signless);
  case Data::INT8:
    return integer(8, mlir::IntegerType::Signless);
  case Data::INT16:
    return integer(16, mlir::IntegerType::Signless);
  case Data::INT32:
    return integer(32, mlir::IntegerType::Signless);
  case Data::INT64:
    return integer(64, mlir::IntegerType::Signless);
  case Data::UINT8:
    return integer(8, mlir::IntegerType::Unsigned);
  case Data::UINT16:
    return integer(16, mlir::IntegerType::Unsigned);
  case Data::UINT32:
    return integer(32, mlir::IntegerType::Unsigned);
  case Data::UINT64:
    return integer(64, mlir::IntegerType::Unsigned);
  case Data::STRING:
    return nn::getStringType(context);
  case Data::INT4:
    return integer(4, mlir::IntegerType::Signless);
  case Data::INT2:
    return integer(2, mlir::IntegerType::Signless);
  case Data::UINT4:
    return integer(4, mlir::IntegerType::Unsigned);
  case Data::UINT2:
    return integer(2, mlir::IntegerType::Unsigned);
  case Data::COMPLEX64:
    return mlir::ComplexType::get(mlir::Float32Type::get(context));
  case Data::COMPLEX128:
    return mlir::ComplexType::get(mlir::Float64Type::get(context));
  default:
    return smallFloatTypeOf(context, dataType);
  }
}

int32_t dataTypeOf(mlir::Type type) {
  if (type.isF32())
    return Data::FLOAT;
  if (type.isF64())
    return Data::DOUBLE;
  if (type.isF16())
    return Data::FLOAT16;
  if (type.isBF16())
    return Data::BFLOAT16;
  if (nn::isStringType(type))
    return Data::STRING;
  if (auto complex = llvm::dyn_cast<mlir::ComplexType>(type))
    return complex.getElementType().isF64() ? Data::COMPLEX128 : Data::COMPLEX64;
  if (llvm::isa<mlir::FloatType>(type))
    return llvm::TypeSwitch<mlir::Type, int32_t>(type)
        .Case([](mlir::Float8E4M3FNType) { return Data::FLOAT8E4M3FN; })
        .Case([](mlir::Float8E4M3FNUZType) { return Data::FLOAT8E4M3FNUZ; })
        .Case([](mlir::Float8E5M2Type) { return Data::FLOAT8E5M2; })
        .Case([](mlir::Float8E5M2FNUZType) { return Data::FLOAT8E5M2FNUZ; })
        .Case([](mlir::Float8E8M0FNUType) { return Data::FLOAT8E8M0; })
        .Case([](mlir::Float6E2M3FNType) { return Data::FLOAT6E2M3; })
        .Case([](mlir::Float6E3M2FNType) { return Data::FLOAT6E3M2; })
        .Case([](mlir::Float4E2M1FNType) { return Data::FLOAT4E2M1; });
  bool isUnsigned = type.isUnsignedInteger();
  switch (type.getIntOrFloatBitWidth()) {
  case 1:
    return Data::BOOL;
  case 2:
    return isUnsigned ? Data::UINT2 : Data::INT2;
  case 4:
    return isUnsigned ? Data::UINT4 : Data::INT4;
  case 8:
    return isUnsigned ? Data::UINT8 : Data::INT8;
  case 16:
    return isUnsigned ? Data::UINT16 : Data::INT16;
  case 32:
    return isUnsigned ? Data::UINT32 : Data::INT32;
  default:
    return isUnsigned ? Data::UINT64 : Data::INT64;
  }
}

std::string dataTypeName(int32_t dataType) {
  if (Data::DataType_IsValid(dataType))
    return Data::DataType_Name(static_cast<Data::DataType>(dataType));
  return "number " + std::to_string(dataType);
}

int64_t bytesOf(mlir::Type elementType) { return elementBytes(elementType); }

mlir::RankedTensorType checkedTensorType(llvm::ArrayRef<int64_t> shape, mlir::Type elementType,
                                         const ImportLimits &limits) {
  if (static_cast<int64_t>(shape.size()) > limits.rank)
    fail("tensor of rank " + std::to_string(shape.size()) + ", expected at most " + std::to_string(limits.rank));
  int64_t bytes = bytesOf(elementType);
  for (int64_t extent : shape) {
    if (mlir::ShapedType::isDynamic(extent))
      continue;
    if (extent < 0)
      fail("negative extent " + std::to_string(extent));
    // A zero extent must not hide that the others overflow.
    if (llvm::MulOverflow(bytes, std::max<int64_t>(extent, 1), bytes) || bytes > limits.tensorBytes)
      fail("tensor is larger than the limit of " + std::to_string(limits.tensorBytes) + " bytes");
  }
  return mlir::RankedTensorType::get(shape, elementType);
}

mlir::ElementsAttr elementsFromBytes(mlir::RankedTensorType type, llvm::ArrayRef<char> bytes, llvm::StringRef name,
                                     std::shared_ptr<const void> owner) {
  bool isBoolean = type.getElementType().isInteger(1);
  if (bytes.size() <= denseBytes) {
    if (bytes.empty())
      return mlir::DenseElementsAttr::get(type, llvm::ArrayRef<mlir::Attribute>());
    if (isBoolean) {
      llvm::SmallVector<bool> values;
      for (char byte : bytes)
        values.push_back(byte != 0);
      return mlir::DenseElementsAttr::get(type, values);
    }
    // The attribute's storage reads whole words, so it gets an aligned copy.
    std::vector<uint64_t> aligned((bytes.size() + 7) / 8);
    std::memcpy(aligned.data(), bytes.data(), bytes.size());
    return mlir::DenseElementsAttr::getFromRawBuffer(
        type, llvm::ArrayRef<char>(reinterpret_cast<const char *>(aligned.data()), bytes.size()));
  }
  auto address = reinterpret_cast<uintptr_t>(bytes.data());
  auto elementBytes = static_cast<uintptr_t>(bytesOf(type.getElementType()));
  bool misaligned = address % elementBytes != 0;
  if (misaligned || (isBoolean && !isNormalBoolean(bytes))) {
    auto copy = std::make_shared<std::vector<uint64_t>>((bytes.size() + 7) / 8);
    std::memcpy(copy->data(), bytes.data(), bytes.size());
    char *start = reinterpret_cast<char *>(copy->data());
    for (size_t i = 0; isBoolean && i < bytes.size(); ++i)
      start[i] = start[i] != 0;
    bytes = llvm::ArrayRef<char>(start, bytes.size());
    address = reinterpret_cast<uintptr_t>(start);
    owner = copy;
  }
  size_t alignment = std::min<size_t>(size_t(1) << llvm::countr_zero(address), 64);
  mlir::AsmResourceBlob blob(
      bytes, alignment, [owner = std::move(owner)](void *, size_t, size_t) {}, /*dataIsMutable=*/false);
  return mlir::DenseResourceElementsAttr::get(type, name.empty() ? "constant" : name, std::move(blob));
}

mlir::ElementsAttr stringElements(llvm::ArrayRef<int64_t> numbers, llvm::ArrayRef<int64_t> shape,
                                  mlir::MLIRContext *context, const ImportLimits &limits) {
  mlir::RankedTensorType type = checkedTensorType(shape, nn::getStringType(context), limits);
  auto copy = std::make_shared<std::vector<int64_t>>(numbers.begin(), numbers.end());
  llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(copy->data()), copy->size() * sizeof(int64_t));
  return elementsFromBytes(type, bytes, "strings", copy);
}

mlir::ElementsAttr stringElements(const onnx::TensorProto &tensor, StringPool &pool, mlir::MLIRContext *context,
                                  const ImportLimits &limits) {
  llvm::SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  int64_t expected = checkedTensorType(shape, nn::getStringType(context), limits).getNumElements();
  if (tensor.string_data_size() != expected || tensor.data_location() == onnx::TensorProto::EXTERNAL)
    failMalformed("tensor '" + tensor.name() + "' holds " + std::to_string(tensor.string_data_size()) +
                  " texts, but its shape needs " + std::to_string(expected));
  std::vector<int64_t> numbers;
  for (const std::string &text : tensor.string_data())
    numbers.push_back(pool.number(text));
  return stringElements(numbers, shape, context, limits);
}

mlir::ElementsAttr elementsOf(const onnx::TensorProto &tensor, std::shared_ptr<const void> owner, DataFolder &folder,
                              mlir::MLIRContext *context, const ImportLimits &limits) {
  mlir::Type elementType = elementTypeOf(context, tensor.data_type());
  if (!elementType)
    fail("tensor '" + tensor.name() + "' has the unsupported element type " + dataTypeName(tensor.data_type()));
  if (tensor.has_segment())
    fail("tensor '" + tensor.name() + "' is stored in segments, which is not supported");
  for (int64_t extent : tensor.dims())
    if (extent < 0)
      failMalformed("tensor '" + tensor.name() + "' has the negative extent " + std::to_string(extent));
  llvm::SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  mlir::RankedTensorType type = checkedTensorType(shape, elementType, limits);
  unsigned width = nn::isSmall(elementType) ? elementType.getIntOrFloatBitWidth() : 8 * bytesOf(elementType);
  bool external = tensor.data_location() == onnx::TensorProto::EXTERNAL;
  bool isPacked = nn::isSmall(elementType) && width < 8 && (width != 6 || external || tensor.has_raw_data());
  int64_t count = type.getNumElements();
  int64_t expected = isPacked ? llvm::divideCeil(count * width, 8) : count * bytesOf(elementType);

  Bytes source;
  if (external)
    source = externalBytes(tensor, folder, expected);
  else if (tensor.has_raw_data())
    source = {llvm::ArrayRef<char>(tensor.raw_data().data(), tensor.raw_data().size()), owner};
  else
    source = typedBytes(tensor, owner);
  if (static_cast<int64_t>(source.bytes.size()) != expected)
    failMalformed("tensor '" + tensor.name() + "' holds " + std::to_string(source.bytes.size()) +
                  " bytes, but its shape and type need " + std::to_string(expected));
  if (isPacked)
    source = unpacked(source.bytes, count, width);
  return elementsFromBytes(type, source.bytes, tensor.name(), std::move(source.owner));
}

} // namespace tenon::importer
