//===- ArenaPacking.h - buffers with life times packed into little memory ------------------------------===//
//
// Greedy algorithms of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020): offsets
// by size (section 4.2, within a few percent of the lower bound on convolutional networks) where sizes are constants;
// shared objects by size (section 3.3) where they are known only when the model runs.
//
//===----------------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_ARENAPACKING_H
#define TENON_COMPILER_CODEGEN_ARENAPACKING_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace tenon::codegen {

struct PackedBuffer {
  int64_t bytes;       ///< a multiple of the alignment; for pools an estimate that decides the order
  int64_t first, last; ///< both included
  int64_t place = -1;  ///< result: offset or pool
};

/// Gives every buffer an offset such that buffers alive at the same time do not overlap. Returns the size of the arena.
int64_t packOffsets(llvm::MutableArrayRef<PackedBuffer> buffers);

/// Gives every buffer a pool such that buffers of one pool are never alive at the same time. Returns the number of
/// pools.
int64_t packPools(llvm::MutableArrayRef<PackedBuffer> buffers);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_ARENAPACKING_H
