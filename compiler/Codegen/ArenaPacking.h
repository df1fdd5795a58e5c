//===- ArenaPacking.h - buffers with life times packed into little memory ------------------------------===//
//
// Greedy by size, Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020), section 4.2:
// the largest buffer first, each at the lowest offset where it meets no buffer that is alive at the same time. Done by
// the compiler where sizes are constants, by the model's plan where they follow from the inputs' extents.
//
//===----------------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_ARENAPACKING_H
#define TENON_COMPILER_CODEGEN_ARENAPACKING_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace tenon::codegen {

struct PackedBuffer {
  int64_t bytes;       ///< a multiple of the alignment
  int64_t first, last; ///< life time, both included
  int64_t offset = -1; ///< the result
};

/// Gives every buffer its offset. Returns the size of the arena.
int64_t packBuffers(llvm::MutableArrayRef<PackedBuffer> buffers);

/// Adds the function that does the same when a model runs:
///   i64 @tenon_pack(ptr sizes, ptr lifetimes, ptr offsets, i64 count, i64 start)
/// `sizes` and `offsets` hold an i64 for each buffer, `lifetimes` two i32; offsets begin at `start`. Returns the end of
/// all.
mlir::LLVM::LLVMFuncOp addPackFunction(mlir::ModuleOp module);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_ARENAPACKING_H
