//===- Tensor.h - a tensor with its memory -------------------------------------------------===//

#ifndef TENON_TOOLS_TENON_TENSOR_H
#define TENON_TOOLS_TENON_TENSOR_H

#include "tenon/tenon.h"
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::cli {

/// Dense, row-major, aligned to TENON_ALIGNMENT.
struct Tensor {
  uint32_t dtype = TENON_F32;
  /// The elements are single bytes whose type the file does not say; `dtype` is u8.
  bool isUntyped = false;
  /// Whether the elements may be of that type: untyped ones are of one that numpy's files cannot name.
  bool mayBe(uint32_t type) const { return isUntyped ? type > TENON_BOOL : type == dtype; }
  std::vector<int64_t> dims;

  Tensor() = default;
  /// Zeros. Throws InputError if the size overflows or a dimension is negative.
  Tensor(uint32_t dtype, std::vector<int64_t> dims);
  Tensor(Tensor &&) = default;
  Tensor &operator=(Tensor &&) = default;

  size_t numElements() const { return elements; }
  size_t sizeBytes() const { return bytes; }
  std::byte *data() { return storage.data() + offset; }
  const std::byte *data() const { return storage.data() + offset; }

  /// For tenon_run; borrows the memory.
  tenon_tensor view() const;
  /// A dense copy of what the runtime returned.
  static Tensor copyOf(const tenon_tensor &tensor);

  /// Element `index` of strings.
  std::string_view text(size_t index) const;
  void setText(size_t index, std::string_view text);

  /// Numbers that an element consists of: 2 for a complex one.
  size_t parts() const;
  /// Element `index`, or its imaginary part, as a number; 64-bit integers may be rounded, strings are 0.
  double at(size_t index, size_t part = 0) const;
  /// Element `index` in full, as JSON and people write it.
  std::string textAt(size_t index) const;

private:
  std::vector<std::byte> storage;
  std::deque<std::string> texts; // what elements of strings point to
  size_t offset = 0, elements = 0, bytes = 0;
};

/// A tensor and what it is called.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// "2x3x4", "scalar" for rank 0.
std::string dimsText(const std::vector<int64_t> &dims);

/// Reads "2x3x4" or "2,3,4"; "scalar" and "" are rank 0. No value if it is no shape.
std::optional<std::vector<int64_t>> parseDims(const std::string &text);

/// The enum tenon_dtype of a name like "f32", 0 if there is none.
uint32_t dtypeOf(const std::string &name);

/// Fills with numbers that most models take: floats in [-1, 1), powers of two of f8e8m0fnu in (0, 1], integers of up to
/// 8 bits of the whole range, wider integers (which are often indices) and booleans 0 or 1, strings text0 to text7. The
/// same seed gives the same numbers everywhere.
void fillRandom(Tensor &tensor, uint64_t seed);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_TENSOR_H
