//===- ExtentEquality.h - whether two extents are the same number --------------------------===//
//
// Extents are SSA values; two that are computed in different places are equal if they are computed alike from equal
// extents. This decides it without changing the IR: extents of results are reified into a block of its own.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_DIALECTS_NN_EXTENTEQUALITY_H
#define TENON_DIALECTS_NN_EXTENTEQUALITY_H

#include "mlir/IR/Block.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "llvm/ADT/DenseMap.h"

namespace tenon::nn {

/// Answers hold as long as the IR is not changed; make a new one afterwards. Not for several threads at once.
class ExtentEquality {
public:
  explicit ExtentEquality(mlir::MLIRContext *context) : builder(context) { builder.setInsertionPointToEnd(&scratch); }

  /// Whether two extents are certainly equal.
  bool equal(mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
  /// Whether dimensions of two tensors have certainly equal extents.
  bool equal(mlir::Value lhs, int64_t lhsDimension, mlir::Value rhs, int64_t rhsDimension) {
    return equal(extent(lhs, lhsDimension), extent(rhs, rhsDimension));
  }
  bool equal(mlir::OpFoldResult size, mlir::Value tensor, int64_t dimension) {
    return equal(size, extent(tensor, dimension));
  }
  /// Whether two tensors have certainly the same shape.
  bool sameShape(mlir::Value lhs, mlir::Value rhs);

private:
  mlir::OpFoldResult extent(mlir::Value tensor, int64_t dimension);
  mlir::OpFoldResult normalize(mlir::OpFoldResult extent);

  mlir::Block scratch;
  mlir::OpBuilder builder;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::OpFoldResult> extents;
  llvm::DenseMap<mlir::Value, mlir::OpFoldResult> normalized;
  llvm::DenseMap<std::pair<mlir::Value, mlir::Value>, bool> answers;
};

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_EXTENTEQUALITY_H
