//===- NpyFile.cpp - NumPy's .npy format ---------------------------------------------------===//
//
// The format (numpy.lib.format): "\x93NUMPY", version, length of the header, the header (a Python literal with descr,
// fortran_order and shape, padded with spaces), the elements.
//
//===---------------------------------------------------------------------------------------===//

#include "tools/tenon/Commands.h"
#include "tools/tenon/TensorFile.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/ConvertUTF.h"
#include <algorithm>
#include <charconv>
#include <cstring>

namespace tenon::cli {

namespace {

struct TypeRow {
  uint32_t dtype;
  char kind;
  uint32_t bytes;
};

/// numpy's letters. 'V' is what types of ml_dtypes become: with two bytes bfloat16, with one byte any of several, but
/// for one that says 'f'.
constexpr TypeRow types[] = {{TENON_F32, 'f', 4},  {TENON_F64, 'f', 8}, {TENON_F16, 'f', 2},   {TENON_BF16, 'V', 2},
                             {TENON_I8, 'i', 1},   {TENON_I16, 'i', 2}, {TENON_I32, 'i', 4},   {TENON_I64, 'i', 8},
                             {TENON_U8, 'u', 1},   {TENON_U16, 'u', 2}, {TENON_U32, 'u', 4},   {TENON_U64, 'u', 8},
                             {TENON_BOOL, 'b', 1}, {TENON_C64, 'c', 8}, {TENON_C128, 'c', 16}, {TENON_F8E5M2, 'f', 1}};

bool isByteOfMlDtypes(std::string_view descr) { return descr == "|V1" || descr == "<V1"; }

/// Reads the header's literal, which numpy writes in one way only.
class HeaderReader {
public:
  HeaderReader(std::string_view text, const std::string &what) : text(text), what(what) {}

  std::string_view quoted(const char *key) {
    seek(key);
    size_t begin = text.find_first_of("'\"", position);
    size_t end = begin == text.npos ? text.npos : text.find(text[begin], begin + 1);
    if (end == text.npos)
      fail();
    return text.substr(begin + 1, end - begin - 1);
  }

  bool truth(const char *key) {
    seek(key);
    size_t begin = text.find_first_not_of(" :", position);
    std::string_view rest = text.substr(std::min(begin, text.size()));
    if (!rest.starts_with("True") && !rest.starts_with("False"))
      fail();
    return rest.starts_with("True");
  }

  std::vector<int64_t> tuple(const char *key) {
    seek(key);
    size_t begin = text.find('(', position), end = text.find(')', position);
    if (begin == text.npos || end == text.npos || end < begin)
      fail();
    std::string inside(text.substr(begin + 1, end - begin - 1));
    std::erase(inside, ' ');
    if (inside.ends_with(','))
      inside.pop_back();
    std::optional<std::vector<int64_t>> dims = parseDims(inside);
    if (!dims)
      fail();
    return *dims;
  }

  [[noreturn]] void fail() const { throw InputError(what + ": not a .npy file that numpy wrote"); }

private:
  void seek(const char *key) {
    position = text.find(std::string("'") + key + "'");
    if (position == text.npos)
      fail();
    position += std::strlen(key) + 2;
  }

  std::string_view text;
  const std::string &what;
  size_t position = 0;
};

uint32_t dtypeFromDescr(std::string_view descr, const std::string &what) {
  if (descr.size() >= 3)
    for (const TypeRow &row : types)
      if (descr[1] == row.kind && descr.substr(2) == std::to_string(row.bytes))
        return row.dtype;
  throw InputError(what + ": elements of numpy type '" + std::string(descr) + "' are not supported" +
                   (descr == "|O" ? "; save strings as an array of type str" : ""));
}

//===----------------------------------------------------------------------===//
// Strings: fixed width, filled up with NUL; U counts code points of 4 bytes, S bytes
//===----------------------------------------------------------------------===//

/// The width in characters of "<U5" or "|S5"; none for another type.
std::optional<size_t> stringWidth(std::string_view descr) {
  size_t width = 0;
  if (descr.size() < 3 || (descr[1] != 'U' && descr[1] != 'S'))
    return std::nullopt;
  auto [end, error] = std::from_chars(descr.data() + 2, descr.data() + descr.size(), width);
  if (error != std::errc() || end != descr.data() + descr.size() || width > (size_t(1) << 30))
    return std::nullopt;
  return width;
}

std::string utf8Of(std::string_view bytes, bool bigEndian, const std::string &what) {
  std::vector<llvm::UTF32> points(bytes.size() / 4);
  std::memcpy(points.data(), bytes.data(), points.size() * 4);
  if (bigEndian)
    for (llvm::UTF32 &point : points)
      point = __builtin_bswap32(point);
  while (!points.empty() && points.back() == 0)
    points.pop_back();
  std::string text;
  if (!points.empty() && !llvm::convertUTF32ToUTF8String(llvm::ArrayRef(points), text))
    throw InputError(what + ": a string holds a number that is no character");
  return text;
}

Tensor readStrings(std::string_view descr, size_t width, std::string_view data, const std::vector<int64_t> &dims,
                   const std::string &what) {
  Tensor tensor(TENON_STRING, dims);
  bool isUnicode = descr[1] == 'U';
  size_t elementBytes = width * (isUnicode ? 4 : 1);
  if (elementBytes != 0 && data.size() / elementBytes < tensor.numElements())
    throw InputError(what + ": " + std::to_string(data.size()) + " bytes of elements but " +
                     std::to_string(tensor.numElements()) + " strings of " + std::to_string(elementBytes) +
                     " are expected");
  for (size_t i = 0; i < tensor.numElements(); ++i) {
    std::string_view element = data.substr(i * elementBytes, elementBytes);
    if (isUnicode)
      tensor.setText(i, utf8Of(element, descr[0] == '>', what));
    else
      tensor.setText(i, element.substr(0, element.find_last_not_of('\0') + 1));
  }
  return tensor;
}

/// The elements as U, and the width that they need.
std::string unicodeBytes(const Tensor &tensor, size_t &width) {
  std::vector<std::vector<llvm::UTF32>> all;
  width = 1;
  for (size_t i = 0; i < tensor.numElements(); ++i) {
    std::string_view text = tensor.text(i);
    std::vector<llvm::UTF32> points(text.size());
    const auto *from = reinterpret_cast<const llvm::UTF8 *>(text.data());
    llvm::UTF32 *to = points.data();
    llvm::ConvertUTF8toUTF32(&from, from + text.size(), &to, points.data() + points.size(), llvm::lenientConversion);
    points.resize(static_cast<size_t>(to - points.data()));
    width = std::max(width, points.size());
    all.push_back(std::move(points));
  }
  std::string bytes;
  for (std::vector<llvm::UTF32> &points : all) {
    points.resize(width);
    bytes.append(reinterpret_cast<const char *>(points.data()), width * 4);
  }
  return bytes;
}

void swapBytes(Tensor &tensor) {
  size_t elementBytes = tenon_dtype_bytes(tensor.dtype) / tensor.parts();
  for (size_t i = 0; i < tensor.numElements() * tensor.parts(); ++i)
    std::reverse(tensor.data() + i * elementBytes, tensor.data() + (i + 1) * elementBytes);
}

/// Elements in column-major order become row-major.
Tensor fromColumnMajor(const Tensor &columns) {
  tenon_tensor view = columns.view();
  int64_t stride = tenon_dtype_bytes(columns.dtype);
  for (uint32_t d = 0; d < view.rank; ++d) {
    view.byte_strides[d] = stride;
    stride *= view.dims[d];
  }
  return Tensor::copyOf(view);
}

} // namespace

Tensor readNpy(std::string_view bytes, const std::string &what) {
  HeaderReader bad({}, what);
  if (bytes.size() < 10 || !bytes.starts_with("\x93NUMPY") || bytes[6] < 1 || bytes[6] > 3)
    bad.fail();
  size_t lengthBytes = bytes[6] == 1 ? 2 : 4, headerBytes = 0;
  if (bytes.size() < 8 + lengthBytes)
    bad.fail();
  std::memcpy(&headerBytes, bytes.data() + 8, lengthBytes);
  if (bytes.size() - 8 - lengthBytes < headerBytes)
    bad.fail();
  HeaderReader header(bytes.substr(8 + lengthBytes, headerBytes), what);
  std::string_view descr = header.quoted("descr"), data = bytes.substr(8 + lengthBytes + headerBytes);
  std::vector<int64_t> dims = header.tuple("shape");
  if (dims.size() > TENON_MAX_RANK)
    throw InputError(what + ": rank is " + std::to_string(dims.size()) + " but at most " +
                     std::to_string(TENON_MAX_RANK) + " is supported");

  if (std::optional<size_t> width = stringWidth(descr)) {
    Tensor strings = readStrings(descr, *width, data, dims, what);
    return header.truth("fortran_order") ? fromColumnMajor(strings) : std::move(strings);
  }
  Tensor tensor(isByteOfMlDtypes(descr) ? static_cast<uint32_t>(TENON_U8) : dtypeFromDescr(descr, what), dims);
  if (data.size() < tensor.sizeBytes())
    throw InputError(what + ": " + std::to_string(data.size()) + " bytes of elements but " +
                     std::to_string(tensor.sizeBytes()) + " are expected");
  std::memcpy(tensor.data(), data.data(), tensor.sizeBytes());
  if (descr[0] == '>')
    swapBytes(tensor);
  if (header.truth("fortran_order"))
    tensor = fromColumnMajor(tensor);
  tensor.isUntyped = isByteOfMlDtypes(descr);
  return tensor;
}

std::string npyBytes(const Tensor &tensor) {
  const TypeRow *row =
      std::find_if(std::begin(types), std::end(types), [&](const TypeRow &row) { return row.dtype == tensor.dtype; });
  // numpy alone cannot read 'f1'.
  TypeRow raw = {tensor.dtype, 'V', 1};
  if (tensor.dtype > TENON_BOOL && tensor.dtype <= TENON_U2)
    row = &raw;
  size_t width = 0;
  std::string texts = tensor.dtype == TENON_STRING ? unicodeBytes(tensor, width) : "", shape;
  std::string descr = tensor.dtype == TENON_STRING
                          ? "<U" + std::to_string(width)
                          : (row->bytes == 1 ? '|' : '<') + (row->kind + std::to_string(row->bytes));
  for (int64_t dim : tensor.dims)
    shape += std::to_string(dim) + ", ";
  if (!shape.empty())
    shape.erase(shape.size() - (tensor.dims.size() == 1 ? 1 : 2));
  std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  // The elements start at a multiple of 64 bytes.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  if (tensor.dtype == TENON_STRING)
    return bytes + texts;
  bytes.append(reinterpret_cast<const char *>(tensor.data()), tensor.sizeBytes());
  return bytes;
}

} // namespace tenon::cli
