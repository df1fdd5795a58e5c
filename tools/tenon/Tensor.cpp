//===- Tensor.cpp - a tensor with its memory -----------------------------------------------===//

#include "tools/tenon/Tensor.h"
#include "tools/tenon/Commands.h"
#include "llvm/ADT/APFloat.h"
#include <charconv>
#include <cmath>
#include <cstring>
#include <random>

namespace tenon::cli {

namespace {

template <typename T> T read(const std::byte *data, size_t index) {
  T value;
  std::memcpy(&value, data + index * sizeof(T), sizeof(T));
  return value;
}

/// The number with these bits.
double decode(uint64_t bits, const llvm::fltSemantics &semantics) {
  unsigned width = llvm::APFloat::getSizeInBits(semantics);
  llvm::APFloat value(semantics, llvm::APInt(width, bits, /*isSigned=*/false, /*implicitTrunc=*/true));
  bool lost;
  value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lost);
  return value.convertToDouble();
}

uint16_t encode(double number, const llvm::fltSemantics &semantics) {
  llvm::APFloat value(number);
  bool lost;
  value.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &lost);
  return static_cast<uint16_t>(value.bitcastToAPInt().getZExtValue());
}

/// The format of floats of at most 16 bits; null for other types.
const llvm::fltSemantics *semanticsOf(uint32_t dtype) {
  using llvm::APFloat;
  switch (dtype) {
  case TENON_F16:
    return &APFloat::IEEEhalf();
  case TENON_BF16:
    return &APFloat::BFloat();
  case TENON_F8E4M3FN:
    return &APFloat::Float8E4M3FN();
  case TENON_F8E4M3FNUZ:
    return &APFloat::Float8E4M3FNUZ();
  case TENON_F8E5M2:
    return &APFloat::Float8E5M2();
  case TENON_F8E5M2FNUZ:
    return &APFloat::Float8E5M2FNUZ();
  case TENON_F8E8M0FNU:
    return &APFloat::Float8E8M0FNU();
  case TENON_F6E2M3FN:
    return &APFloat::Float6E2M3FN();
  case TENON_F6E3M2FN:
    return &APFloat::Float6E3M2FN();
  case TENON_F4E2M1FN:
    return &APFloat::Float4E2M1FN();
  default:
    return nullptr;
  }
}

uint32_t partOf(uint32_t dtype) { return dtype == TENON_C64 ? TENON_F32 : dtype == TENON_C128 ? TENON_F64 : dtype; }

bool isFloat(uint32_t dtype) { return dtype == TENON_F32 || dtype == TENON_F64 || semanticsOf(dtype); }

/// Bits of an integer or boolean type.
unsigned integerBits(uint32_t dtype) {
  switch (dtype) {
  case TENON_BOOL:
    return 1;
  case TENON_I2:
  case TENON_U2:
    return 2;
  case TENON_I4:
  case TENON_U4:
    return 4;
  default:
    return 8 * tenon_dtype_bytes(dtype);
  }
}

template <typename T> std::string numberText(T value) {
  char text[64];
  auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  return error == std::errc() ? std::string(text, end) : "?";
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same on every machine, unlike the distributions of the C++ library.
class Generator {
public:
  explicit Generator(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In [-1, 1).
  double uniform() { return std::ldexp(static_cast<double>(next() >> 11), -52) - 1.0; }

private:
  uint64_t state;
};

} // namespace

Tensor::Tensor(uint32_t dtype, std::vector<int64_t> dims) : dtype(dtype), dims(std::move(dims)) {
  size_t elementBytes = tenon_dtype_bytes(dtype);
  unsigned __int128 total = elementBytes;
  bool isEmpty = false, tooLarge = false;
  for (int64_t dim : this->dims) {
    if (dim < 0)
      throw InputError("a dimension is " + std::to_string(dim));
    isEmpty |= dim == 0;
    if (!tooLarge && !isEmpty)
      tooLarge = (total *= static_cast<uint64_t>(dim)) > (uint64_t(1) << 46);
  }
  if (tooLarge && !isEmpty)
    throw InputError("a tensor of " + dimsText(this->dims) + " elements does not fit into memory");
  bytes = isEmpty ? 0 : static_cast<size_t>(total);
  elements = elementBytes ? bytes / elementBytes : 0;
  storage.resize(bytes + TENON_ALIGNMENT);
  offset = -reinterpret_cast<uintptr_t>(storage.data()) % TENON_ALIGNMENT;
}

tenon_tensor Tensor::view() const { return tenon_dense_tensor(dtype, dims.size(), dims.data(), data()); }

Tensor Tensor::copyOf(const tenon_tensor &source) {
  Tensor result(source.dtype, std::vector<int64_t>(source.dims, source.dims + source.rank));
  size_t elementBytes = tenon_dtype_bytes(source.dtype);
  std::vector<int64_t> index(source.rank, 0);
  for (size_t i = 0; i < result.elements; ++i) {
    int64_t from = 0;
    for (uint32_t d = 0; d < source.rank; ++d)
      from += index[d] * source.byte_strides[d];
    if (source.dtype == TENON_STRING) {
      auto text = read<tenon_string>(static_cast<const std::byte *>(source.data) + from, 0);
      result.setText(i, {text.data, text.bytes});
    } else {
      std::memcpy(result.data() + i * elementBytes, static_cast<const std::byte *>(source.data) + from, elementBytes);
    }
    for (size_t d = source.rank; d-- > 0;) {
      if (++index[d] < source.dims[d])
        break;
      index[d] = 0;
    }
  }
  return result;
}

std::string_view Tensor::text(size_t index) const {
  auto text = read<tenon_string>(data(), index);
  return {text.data, text.bytes};
}

void Tensor::setText(size_t index, std::string_view text) {
  const std::string &kept = texts.emplace_back(text);
  tenon_string element = {kept.data(), kept.size()};
  std::memcpy(data() + index * sizeof element, &element, sizeof element);
}

size_t Tensor::parts() const { return dtype == TENON_C64 || dtype == TENON_C128 ? 2 : 1; }

double Tensor::at(size_t index, size_t part) const {
  const std::byte *from = data();
  index = index * parts() + part;
  if (const llvm::fltSemantics *semantics = semanticsOf(dtype))
    return decode(tenon_dtype_bytes(dtype) == 1 ? read<uint8_t>(from, index) : read<uint16_t>(from, index), *semantics);
  unsigned above = 8 - std::min(integerBits(dtype), 8u);
  switch (partOf(dtype)) {
  case TENON_F32:
    return read<float>(from, index);
  case TENON_F64:
    return read<double>(from, index);
  case TENON_I2:
  case TENON_I4:
    return static_cast<int8_t>(read<uint8_t>(from, index) << above) >> above;
  case TENON_U2:
  case TENON_U4:
    return static_cast<uint8_t>(read<uint8_t>(from, index) << above) >> above;
  case TENON_I8:
    return read<int8_t>(from, index);
  case TENON_I16:
    return read<int16_t>(from, index);
  case TENON_I32:
    return read<int32_t>(from, index);
  case TENON_I64:
    return static_cast<double>(read<int64_t>(from, index));
  case TENON_U16:
    return read<uint16_t>(from, index);
  case TENON_U32:
    return read<uint32_t>(from, index);
  case TENON_U64:
    return static_cast<double>(read<uint64_t>(from, index));
  case TENON_STRING:
    return 0;
  default:
    return read<uint8_t>(from, index);
  }
}

std::string Tensor::textAt(size_t index) const {
  if (parts() == 2) {
    auto number = [&](size_t part) {
      return dtype == TENON_C64 ? numberText(static_cast<float>(at(index, part))) : numberText(at(index, part));
    };
    return number(0) + (std::signbit(at(index, 1)) ? "" : "+") + number(1) + "i";
  }
  if (dtype == TENON_STRING)
    return std::string(text(index));
  if (dtype == TENON_I64)
    return numberText(read<int64_t>(data(), index));
  if (dtype == TENON_U64)
    return numberText(read<uint64_t>(data(), index));
  if (dtype == TENON_F32)
    return numberText(read<float>(data(), index));
  return numberText(at(index));
}

std::string dimsText(const std::vector<int64_t> &dims) {
  if (dims.empty())
    return "scalar";
  std::string text;
  for (int64_t dim : dims)
    text += (text.empty() ? "" : "x") + (dim < 0 ? "?" : std::to_string(dim));
  return text;
}

std::optional<std::vector<int64_t>> parseDims(const std::string &text) {
  std::vector<int64_t> dims;
  if (text.empty() || text == "scalar")
    return dims;
  const char *position = text.data(), *end = text.data() + text.size();
  while (true) {
    int64_t dim;
    auto [next, error] = std::from_chars(position, end, dim);
    if (error != std::errc() || dim < 0)
      return std::nullopt;
    dims.push_back(dim);
    if (next == end)
      return dims;
    if (*next != 'x' && *next != ',')
      return std::nullopt;
    position = next + 1;
  }
}

uint32_t dtypeOf(const std::string &name) {
  for (uint32_t dtype = TENON_F32; dtype <= TENON_C128; ++dtype)
    if (name == tenon_dtype_name(dtype))
      return dtype;
  return name == tenon_dtype_name(TENON_STRING) ? TENON_STRING : 0;
}

void fillRandom(Tensor &tensor, uint64_t seed) {
  Generator generator(seed);
  uint32_t dtype = partOf(tensor.dtype), elementBytes = tenon_dtype_bytes(dtype);
  for (size_t i = 0; i < tensor.numElements() * tensor.parts(); ++i) {
    std::byte *to = tensor.data() + i * elementBytes;
    double number = isFloat(dtype) ? generator.uniform() : 0;
    if (dtype == TENON_STRING) {
      tensor.setText(i, "text" + std::to_string(generator.next() >> 61));
    } else if (dtype == TENON_F8E8M0FNU) {
      // Neither a sign nor a zero: the exponent alone.
      *to = static_cast<std::byte>(127 + std::max(std::ilogb(number), -8));
    } else if (dtype == TENON_F32) {
      float value = static_cast<float>(number);
      std::memcpy(to, &value, sizeof(value));
    } else if (dtype == TENON_F64) {
      std::memcpy(to, &number, sizeof(number));
    } else if (const llvm::fltSemantics *semantics = semanticsOf(dtype)) {
      uint16_t value = encode(number, *semantics);
      std::memcpy(to, &value, elementBytes);
    } else {
      unsigned bits = integerBits(dtype);
      uint64_t value = generator.next() >> (64 - (bits <= 8 ? bits : 1));
      std::memcpy(to, &value, elementBytes);
    }
  }
}

} // namespace tenon::cli
