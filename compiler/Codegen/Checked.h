//===- Checked.h - arithmetic of shapes that never traps nor wraps unseen ------------------===//

#ifndef TENON_COMPILER_CODEGEN_CHECKED_H
#define TENON_COMPILER_CODEGEN_CHECKED_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace tenon::codegen {

/// Whether an integer division's divisor may be 0, or -1 where that can overflow. (Upstream takes remainders for
/// total.)
bool mayTrap(mlir::Operation *op);

/// Copies a scalar op. An integer division whose divisor may be 0 divides by 1 instead (the processor would trap): what
/// such a result is used for finds out itself that the shape is impossible.
mlir::Operation *cloneScalar(mlir::OpBuilder &builder, mlir::Operation *op, mlir::IRMapping &mapping);

/// A size in bytes, and whether it cannot be right (a negative extent, or too large to count).
struct CheckedSize {
  mlir::Value bytes; ///< i64, a multiple of TENON_ALIGNMENT
  mlir::Value bad;   ///< i1
};

/// elementBytes * product of extents (i64 values), rounded up.
CheckedSize checkedSize(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<mlir::Value> extents,
                        int64_t elementBytes);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_CHECKED_H
