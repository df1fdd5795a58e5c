//===- UsualExtents.h - what extents will be like that only the run time knows ----------------===//

#ifndef TENON_COMPILER_LAYOUT_USUALEXTENTS_H
#define TENON_COMPILER_LAYOUT_USUALEXTENTS_H

#include "dialects/nn/Nn.h"
#include "llvm/ADT/DenseMap.h"

namespace tenon::layout {

/// Guesses dynamic extents for choices between algorithms that are right for any: the model's own shape arithmetic on
/// inputs of a usual size, so that deep layers of a network of images are as small as they are for images.
class UsualExtents {
public:
  explicit UsualExtents(mlir::Operation *module);

  /// The extents of a tensor, static ones as they are.
  llvm::SmallVector<int64_t> of(mlir::Value tensor) const;

  /// The extents of a tensor that was made later.
  void set(mlir::Value tensor, llvm::ArrayRef<int64_t> extents) { tensors[tensor].assign(extents); }

private:
  void visit(mlir::Operation *op, mlir::OpBuilder &scratch);
  void evaluate(mlir::Operation *op);
  std::optional<int64_t> numberOf(mlir::OpFoldResult value) const;

  llvm::DenseMap<mlir::Value, llvm::SmallVector<int64_t>> tensors;
  llvm::DenseMap<mlir::Value, mlir::Attribute> scalars;
};

} // namespace tenon::layout

#endif // TENON_COMPILER_LAYOUT_USUALEXTENTS_H
