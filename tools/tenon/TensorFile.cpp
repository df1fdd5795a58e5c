//===- TensorFile.cpp - tensors in files: .npy, .npz and ONNX's .pb ------------------------===//

#include "tools/tenon/TensorFile.h"
#include "tools/tenon/Commands.h"
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <onnx/onnx_pb.h>
#include <unistd.h>
#include <zip.h>

namespace tenon::cli {

namespace {

std::vector<NamedTensor> readNpz(const std::string &path) {
  int code = 0;
  std::unique_ptr<zip_t, decltype(&zip_discard)> archive(zip_open(path.c_str(), ZIP_RDONLY, &code), zip_discard);
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw InputError(path + ": " + text);
  }
  std::vector<NamedTensor> tensors;
  for (zip_uint64_t i = 0, count = zip_get_num_entries(archive.get(), 0); i < count; ++i) {
    zip_stat_t stat;
    if (zip_stat_index(archive.get(), i, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_SIZE) ||
        !(stat.valid & ZIP_STAT_NAME))
      throw InputError(path + ": a damaged archive");
    std::string name = stat.name, bytes(stat.size, '\0');
    std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(zip_fopen_index(archive.get(), i, 0), zip_fclose);
    if (!file || zip_fread(file.get(), bytes.data(), bytes.size()) != static_cast<zip_int64_t>(bytes.size()))
      throw InputError(path + ": cannot read '" + name + "': " + zip_strerror(archive.get()));
    Tensor tensor = readNpy(bytes, path + " (" + name + ")");
    if (name.ends_with(".npy"))
      name.resize(name.size() - 4);
    tensors.push_back({name, std::move(tensor)});
  }
  return tensors;
}

uint32_t dtypeFromOnnx(int32_t type) {
  switch (type) {
  case onnx::TensorProto::FLOAT:
    return TENON_F32;
  case onnx::TensorProto::DOUBLE:
    return TENON_F64;
  case onnx::TensorProto::FLOAT16:
    return TENON_F16;
  case onnx::TensorProto::BFLOAT16:
    return TENON_BF16;
  case onnx::TensorProto::INT8:
    return TENON_I8;
  case onnx::TensorProto::INT16:
    return TENON_I16;
  case onnx::TensorProto::INT32:
    return TENON_I32;
  case onnx::TensorProto::INT64:
    return TENON_I64;
  case onnx::TensorProto::UINT8:
    return TENON_U8;
  case onnx::TensorProto::UINT16:
    return TENON_U16;
  case onnx::TensorProto::UINT32:
    return TENON_U32;
  case onnx::TensorProto::UINT64:
    return TENON_U64;
  case onnx::TensorProto::BOOL:
    return TENON_BOOL;
  case onnx::TensorProto::STRING:
    return TENON_STRING;
  case onnx::TensorProto::FLOAT8E4M3FN:
    return TENON_F8E4M3FN;
  case onnx::TensorProto::FLOAT8E4M3FNUZ:
    return TENON_F8E4M3FNUZ;
  case onnx::TensorProto::FLOAT8E5M2:
    return TENON_F8E5M2;
  case onnx::TensorProto::FLOAT8E5M2FNUZ:
    return TENON_F8E5M2FNUZ;
  case onnx::TensorProto::FLOAT8E8M0:
    return TENON_F8E8M0FNU;
  case onnx::TensorProto::FLOAT6E2M3:
    return TENON_F6E2M3FN;
  case onnx::TensorProto::FLOAT6E3M2:
    return TENON_F6E3M2FN;
  case onnx::TensorProto::FLOAT4E2M1:
    return TENON_F4E2M1FN;
  case onnx::TensorProto::INT4:
    return TENON_I4;
  case onnx::TensorProto::UINT4:
    return TENON_U4;
  case onnx::TensorProto::INT2:
    return TENON_I2;
  case onnx::TensorProto::UINT2:
    return TENON_U2;
  case onnx::TensorProto::COMPLEX64:
    return TENON_C64;
  case onnx::TensorProto::COMPLEX128:
    return TENON_C128;
  default:
    return 0;
  }
}

/// Bits of an element in ONNX's stream of packed elements; 0 where elements are whole bytes.
unsigned packedBits(uint32_t dtype) {
  switch (dtype) {
  case TENON_I2:
  case TENON_U2:
    return 2;
  case TENON_I4:
  case TENON_U4:
  case TENON_F4E2M1FN:
    return 4;
  case TENON_F6E2M3FN:
  case TENON_F6E3M2FN:
    return 6;
  default:
    return 0;
  }
}

/// Spreads a stream of bits, from the lowest bit of each byte up, to one element a byte.
bool unpackElements(std::string_view packed, unsigned bits, Tensor &tensor) {
  if (packed.size() != (tensor.numElements() * bits + 7) / 8)
    return false;
  for (size_t i = 0; i < tensor.numElements(); ++i) {
    size_t byte = i * bits / 8;
    unsigned shift = i * bits % 8, value = static_cast<uint8_t>(packed[byte]);
    if (shift + bits > 8)
      value |= unsigned(static_cast<uint8_t>(packed[byte + 1])) << 8;
    tensor.data()[i] = static_cast<std::byte>(value >> shift & ((1u << bits) - 1));
  }
  return true;
}

/// Copies a repeated field whose entries are numbers, or parts of complex ones, at least as wide as the tensor's; both
/// sides are little-endian.
template <typename Field> bool copyElements(const Field &field, Tensor &tensor) {
  size_t elementBytes = tenon_dtype_bytes(tensor.dtype) / tensor.parts(), count = tensor.numElements() * tensor.parts();
  if (static_cast<size_t>(field.size()) != count || sizeof(*field.data()) < elementBytes)
    return false;
  for (size_t i = 0; i < count; ++i)
    std::memcpy(tensor.data() + i * elementBytes, &field.data()[i], elementBytes);
  return true;
}

NamedTensor readTensorProto(const std::string &path) {
  onnx::TensorProto proto;
  if (!proto.ParseFromString(readFile(path)))
    throw InputError(path + ": not a TensorProto");
  uint32_t dtype = dtypeFromOnnx(proto.data_type());
  if (!dtype)
    throw InputError(path + ": elements of ONNX type " + std::to_string(proto.data_type()) + " are not supported");
  if (proto.dims_size() > static_cast<int>(TENON_MAX_RANK))
    throw InputError(path + ": rank is " + std::to_string(proto.dims_size()));
  if (proto.data_location() == onnx::TensorProto::EXTERNAL)
    throw InputError(path + ": the elements are in another file, which is not supported here");

  Tensor tensor(dtype, {proto.dims().begin(), proto.dims().end()});
  bool complete = tensor.sizeBytes() == 0;
  if (dtype == TENON_STRING) {
    if (static_cast<size_t>(proto.string_data_size()) != tensor.numElements())
      throw InputError(path + ": " + std::to_string(proto.string_data_size()) + " texts but " +
                       std::to_string(tensor.numElements()) + " are expected");
    for (size_t i = 0; i < tensor.numElements(); ++i)
      tensor.setText(i, proto.string_data(static_cast<int>(i)));
    return {proto.name(), std::move(tensor)};
  }
  unsigned bits = packedBits(dtype);
  // Entries of int32_data are bytes of the stream, but of 6 bits whole elements.
  std::string stream =
      proto.has_raw_data() ? proto.raw_data() : std::string(proto.int32_data().begin(), proto.int32_data().end());
  if (bits != 0 && !complete && (bits != 6 || proto.has_raw_data())) {
    complete = unpackElements(stream, bits, tensor);
  } else if (proto.has_raw_data()) {
    complete = proto.raw_data().size() == tensor.sizeBytes();
    if (complete)
      std::memcpy(tensor.data(), proto.raw_data().data(), tensor.sizeBytes());
  } else if (!complete) {
    complete = dtype == TENON_F32 || dtype == TENON_C64    ? copyElements(proto.float_data(), tensor)
               : dtype == TENON_F64 || dtype == TENON_C128 ? copyElements(proto.double_data(), tensor)
               : dtype == TENON_I64                        ? copyElements(proto.int64_data(), tensor)
               : dtype == TENON_U32 || dtype == TENON_U64  ? copyElements(proto.uint64_data(), tensor)
                                                           : copyElements(proto.int32_data(), tensor);
  }
  if (!complete)
    throw InputError(path + ": the number of elements does not fit the shape " + dimsText(tensor.dims));
  return {proto.name(), std::move(tensor)};
}

} // namespace

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes;
  if (file && !std::filesystem::is_directory(path)) {
    bytes.assign(std::istreambuf_iterator<char>(file), {});
    if (!file.bad())
      return bytes;
  }
  throw InputError(path + ": cannot be read");
}

void writeFile(const std::string &path, std::string_view bytes) {
  std::string temporary = path + ".tmp-" + std::to_string(getpid());
  std::ofstream file(temporary, std::ios::binary);
  file.write(bytes.data(), bytes.size());
  file.close();
  std::error_code error;
  if (file)
    std::filesystem::rename(temporary, path, error);
  if (!file || error) {
    std::filesystem::remove(temporary, error);
    throw InputError(path + ": cannot be written");
  }
}

std::vector<NamedTensor> readTensorFile(const std::string &path) {
  std::vector<NamedTensor> tensors;
  if (path.ends_with(".npz"))
    return readNpz(path);
  if (path.ends_with(".npy"))
    tensors.push_back({"", readNpy(readFile(path), path)});
  else if (path.ends_with(".pb"))
    tensors.push_back(readTensorProto(path));
  else
    throw InputError(path + ": not a .npy, .npz or .pb file");
  return tensors;
}

} // namespace tenon::cli
