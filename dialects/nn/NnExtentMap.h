//===- NnExtentMap.h - the extents of all tensors of a function as SSA values --------------===//

#ifndef TENON_DIALECTS_NN_NNEXTENTMAP_H
#define TENON_DIALECTS_NN_NNEXTENTMAP_H

#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include <map>
#include <vector>

namespace tenon::nn {

/// Extents of tensors, one `index` value per dimension; equal extents are the same value as far as structure tells:
/// equal computations on equal values get one representative. Tensors are added in program order, so representatives
/// dominate.
class ExtentMap {
public:
  /// Says what the extents of `tensor` are (of a function argument, say).
  void set(mlir::Value tensor, llvm::ArrayRef<mlir::Value> extents);

  /// Computes the extents of all tensor results of `op` at the builder's insertion point. Operands' extents are known
  /// or their tensors are asked (tensor.dim). An extent that only the run time knows is asked of the result itself,
  /// after `op`.
  void add(mlir::OpBuilder &builder, mlir::Operation *op);

  /// Extents of `tensor`; computed by tensor.dim at the builder's insertion point if it was not added.
  llvm::ArrayRef<mlir::Value> get(mlir::OpBuilder &builder, mlir::Value tensor);
  /// Extents of a tensor that was added.
  llvm::ArrayRef<mlir::Value> at(mlir::Value tensor) const { return extents.find(tensor)->second; }
  bool has(mlir::Value tensor) const { return extents.contains(tensor); }

  /// Whether two extents are known to be equal.
  bool equal(mlir::Value lhs, mlir::Value rhs) { return number(lhs) == number(rhs); }
  bool equal(llvm::ArrayRef<mlir::Value> lhs, llvm::ArrayRef<mlir::Value> rhs);

private:
  /// The number of the class of values that compute the same.
  unsigned number(mlir::Value value);
  mlir::Value representative(mlir::Value value);
  void simplify(mlir::OpBuilder &builder, mlir::Operation *previous,
                llvm::SmallVectorImpl<llvm::SmallVector<mlir::OpFoldResult>> &shapes);

  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> extents;
  llvm::DenseMap<mlir::Value, unsigned> numbers;
  std::map<std::vector<const void *>, unsigned> classes;
  std::vector<mlir::Value> members;
};

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_NNEXTENTMAP_H
