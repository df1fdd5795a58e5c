//===- ArenaPacking.h - buffers with life times packed into little memory ------------------===//
//
// Greedy by size, Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020), section 4.2:
// the largest buffer first, each at the lowest offset where it meets no buffer that is alive at the same time. Done by
// the compiler where sizes are constants. Where they follow from the inputs' extents the compiler decides the order, by
// estimates, and who is alive with whom; offsets are found by the model's plan.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_ARENAPACKING_H
#define TENON_COMPILER_CODEGEN_ARENAPACKING_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace tenon::codegen {

struct PackedBuffer {
  int64_t bytes;       ///< a multiple of the alignment, or an estimate
  int64_t first, last; ///< life time, both included
  int64_t offset = -1; ///< the result
};

/// The order in which buffers are placed: the largest first.
llvm::SmallVector<unsigned> packingOrder(llvm::ArrayRef<PackedBuffer> buffers);

/// For each buffer the earlier ones that are alive at the same time.
llvm::SmallVector<llvm::SmallVector<int32_t>> findConflicts(llvm::ArrayRef<PackedBuffer> buffers);

/// Gives every buffer its offset. Returns the size of the arena.
int64_t packBuffers(llvm::MutableArrayRef<PackedBuffer> buffers);

/// Adds the function that places buffers in the order of their numbers when a model runs:
///   i64 @tenon_pack(ptr sizes, ptr starts, ptr conflicts, ptr offsets, i64 count, i64 start)
/// `sizes` and `offsets` hold an i64 per buffer. The i32 numbers of earlier buffers alive with buffer i are
/// conflicts[k] for starts[i] <= k < starts[i + 1]. Offsets begin at `start`. Returns the end of all.
mlir::LLVM::LLVMFuncOp addPackFunction(mlir::ModuleOp module);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_ARENAPACKING_H
