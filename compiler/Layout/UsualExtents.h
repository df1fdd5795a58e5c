//===- UsualExtents.h - what extents will be like that only the run time knows ----------------===//

#ifndef TENON_COMPILER_LAYOUT_USUALEXTENTS_H
#define TENON_COMPILER_LAYOUT_USUALEXTENTS_H

#include "dialects/nn/Nn.h"
#include "llvm/ADT/DenseMap.h"

namespace tenon::layout {

/// What is taken for an open extent of a model's input; its first dimension, the batch, is taken for one.
struct UsualSize {
  int64_t image;    ///< two or more open dimensions
  int64_t sequence; ///< one
  double weight;    ///< how likely such inputs are, relative to the usual ones
};

/// Guesses dynamic extents for choices between algorithms that are right for any: the model's own shape arithmetic on
/// inputs of a usual size, so that deep layers of a network of images are as small as they are for images.
class UsualExtents {
public:
  UsualExtents(mlir::Operation *module, UsualSize size);

  /// The extents of a tensor, static ones as they are.
  llvm::SmallVector<int64_t> of(mlir::Value tensor) const;

private:
  void visit(mlir::Operation *op, mlir::OpBuilder &scratch);
  void evaluate(mlir::Operation *op);
  std::optional<int64_t> numberOf(mlir::OpFoldResult value) const;

  llvm::DenseMap<mlir::Value, llvm::SmallVector<int64_t>> tensors;
  llvm::DenseMap<mlir::Value, mlir::Attribute> scalars;
};

/// The guesses for small, usual and large inputs; one where nothing is open.
class UsualSizes {
public:
  explicit UsualSizes(mlir::Operation *module);

  size_t count() const { return sizes.size(); }
  size_t usual() const { return usualIndex; }
  const UsualExtents &operator[](size_t index) const { return sizes[index]; }
  double weight(size_t index) const { return weights[index]; }

private:
  llvm::SmallVector<UsualExtents, 0> sizes;
  llvm::SmallVector<double> weights;
  size_t usualIndex = 0;
};

} // namespace tenon::layout

#endif // TENON_COMPILER_LAYOUT_USUALEXTENTS_H
