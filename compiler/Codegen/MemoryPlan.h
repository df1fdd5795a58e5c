//===- MemoryPlan.h - where the tensors of main live ---------------------------------------===//
//
// A buffer is memory that some op of main fills. A tensor value may stand for one of several buffers (the result of
// scf.if) and several values for one buffer (views). Time is the number of an op in a walk of main, regions included; a
// buffer lives from the op that makes it to the last op that may read it. What is used in a loop and made outside lives
// until the loop's end. A join (nn.join) is a buffer from the first op that writes a part of it.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_MEMORYPLAN_H
#define TENON_COMPILER_CODEGEN_MEMORYPLAN_H

#include "compiler/Codegen/PlanValues.h"
#include "dialects/nn/Nn.h"
#include "dialects/nn/NnPlaces.h"

namespace tenon::codegen {

struct Buffer {
  enum class Kind {
    Input,    ///< of the caller, never written
    Constant, ///< in the weights
    Arena,    ///< at a constant offset of the arena
    Planned,  ///< in the arena, at an offset that the model's plan decides
    Output,   ///< the memory that host->output gave
    Heap,     ///< from host->allocate
    Part      ///< in the rows of buffer `place`, a join
  };
  mlir::Value value; ///< the value that it is made for
  Kind kind = Kind::Heap;
  int64_t first = 0, last = 0; ///< life time
  int64_t bytes = -1;          ///< size rounded up to the alignment, -1 if it is dynamic
  int64_t place = -1;          ///< arena offset, number among the planned buffers, output, or number of the join
  int64_t offset = 0;          ///< of a part, in bytes
  int64_t operand = -1;        ///< written over this tensor operand of its launch
  int64_t scratch = -1;        ///< arena offset of the second buffer that a loop-carried tensor needs, -1 if none
};

struct MemoryPlan {
  llvm::SmallVector<Buffer> buffers;
  int64_t arenaBytes = 0; ///< the constant part
  /// For each planned buffer the numbers of earlier ones that are alive at the same time. Numbers ascend in the order
  /// in which buffers are to be placed.
  llvm::SmallVector<llvm::SmallVector<int32_t>> conflicts;
};

/// Plans the memory of `main`.
MemoryPlan planMemory(mlir::func::FuncOp main);

/// Bytes of an element as buffers hold it: index takes 8.
int64_t bufferElementBytes(mlir::Type element);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_MEMORYPLAN_H
