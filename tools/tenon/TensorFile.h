//===- TensorFile.h - tensors in files: .npy, .npz and ONNX's .pb --------------------------===//

#ifndef TENON_TOOLS_TENON_TENSORFILE_H
#define TENON_TOOLS_TENON_TENSORFILE_H

#include "tools/tenon/Tensor.h"
#include <string_view>

namespace tenon::cli {

/// The tensors in a file, by its extension: one without a name in .npy, any number in .npz, one (with or without a
/// name) in .pb. Throws InputError.
std::vector<NamedTensor> readTensorFile(const std::string &path);

/// NumPy's format, versions 1 to 3: all types of the runtime, any byte order, row- or column-major. Strings are arrays
/// of str or bytes, which cannot hold NUL at the end of a text. bfloat16 is what ml_dtypes writes: two raw bytes.
/// `what` stands for the file in messages.
Tensor readNpy(std::string_view bytes, const std::string &what);

/// Writes version 1, row-major, little-endian.
std::string npyBytes(const Tensor &tensor);

/// Writes a file whole or not at all. Throws InputError.
void writeFile(const std::string &path, std::string_view bytes);

/// Reads a whole file. Throws InputError.
std::string readFile(const std::string &path);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_TENSORFILE_H
