//===- ConstantData.h - bytes of constants, read in place and made anew --------------------===//
//
// What the evaluator computes on: a tensor type and its bytes as they lie in memory at run time (booleans one byte).
// Constants are read without copying, except booleans kept as dense elements; a splat is one element.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_GRAPH_CONSTANTDATA_H
#define TENON_COMPILER_GRAPH_CONSTANTDATA_H

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include <optional>

namespace tenon::graph {

/// Constants of at most this many bytes are dense elements, larger ones resources (see docs/architecture.md).
inline constexpr int64_t maxDenseBytes = 1024;

/// A constant's type and bytes. The bytes live as long as the context, or as this object for booleans.
struct ConstantData {
  mlir::RankedTensorType type;
  llvm::ArrayRef<char> bytes; ///< one element if `splat`
  bool splat = false;

  /// Reads an attribute; none if its bytes cannot be reached.
  static std::optional<ConstantData> read(mlir::ElementsAttr attribute);
  /// Reads a value that nn.constant defines.
  static std::optional<ConstantData> read(mlir::Value value);

  int64_t elementBytes() const;
  /// Strides in elements of a row-major tensor of this shape; all 0 for a splat.
  llvm::SmallVector<int64_t> strides() const;
  /// The element of a splat or of a tensor with one element, as f64 (exact for floats up to f64 and integers below
  /// 2^53); none for a complex number.
  std::optional<double> scalar() const;

private:
  std::shared_ptr<llvm::SmallVector<char, 0>> unpacked;
};

/// A constant under construction: uninitialised bytes of a static type.
class NewConstant {
public:
  explicit NewConstant(mlir::RankedTensorType type);
  char *data() { return blob.getMutableData().data(); }
  mlir::RankedTensorType type() const { return tensorType; }
  /// The attribute: a splat if all elements are the same, dense elements if small, else a resource that takes the bytes
  /// over.
  mlir::ElementsAttr take() &&;

private:
  mlir::RankedTensorType tensorType;
  mlir::AsmResourceBlob blob;
};

/// The same bytes under another shape: shared, not copied, where they are a resource.
mlir::ElementsAttr reshapeConstant(mlir::ElementsAttr attribute, mlir::RankedTensorType type);

} // namespace tenon::graph

#endif // TENON_COMPILER_GRAPH_CONSTANTDATA_H
