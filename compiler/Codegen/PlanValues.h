//===- PlanValues.h - which values of main are known before it runs ------------------------===//

#ifndef TENON_COMPILER_CODEGEN_PLANVALUES_H
#define TENON_COMPILER_CODEGEN_PLANVALUES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/DenseMap.h"

namespace tenon::codegen {

/// Scalars of main that depend on the inputs' extents only, so that the plan can compute them.
class PlanValues {
public:
  explicit PlanValues(mlir::func::FuncOp main) : main(main) {}

  bool contains(mlir::Value value);
  bool contains(mlir::OpFoldResult value);

private:
  bool compute(mlir::Value value);

  mlir::func::FuncOp main;
  llvm::DenseMap<mlir::Value, bool> known;
};

/// Extents of the tensors of main, as constants or values of main.
class MainExtents {
public:
  explicit MainExtents(mlir::func::FuncOp main) : main(main) {}

  /// One extent per dimension. For an argument's dynamic dimension a tensor.dim at main's start stands.
  llvm::SmallVector<mlir::OpFoldResult> get(mlir::Value tensor);

private:
  llvm::SmallVector<mlir::OpFoldResult> ofArgument(mlir::BlockArgument argument);
  /// Those of a result or block argument of scf.if or scf.while; `values` are the op's values in the same position.
  llvm::SmallVector<mlir::OpFoldResult> ofCarried(mlir::Value tensor, mlir::Operation *op, unsigned number,
                                                  mlir::ValueRange values, llvm::StringRef attribute);

  mlir::func::FuncOp main;
  llvm::DenseMap<std::pair<mlir::Value, unsigned>, mlir::Value> dims;
};

/// Gives every scf.if and scf.while of `main` that has tensors of dynamic extents further index results (and, for
/// loops, arguments) that hold them; says in attributes which ones (`tenon.result_extents`, `tenon.argument_extents`:
/// per value a list of positions). Replaces tensor.dim of such tensors.
mlir::LogicalResult exposeRegionExtents(mlir::func::FuncOp main);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_PLANVALUES_H
