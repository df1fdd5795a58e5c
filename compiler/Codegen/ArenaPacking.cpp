//===- ArenaPacking.cpp - buffers with life times packed into little memory ----------------===//
//
// One algorithm, twice: for the compiler and as code of the model. Both move a candidate up past everything it meets:
// an offset between the candidate and the end of a buffer that it meets would meet that buffer too.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/ArenaPacking.h"

#include "mlir/Parser/Parser.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/SmallVector.h"
#include <tuple>

using namespace mlir;

namespace tenon::codegen {

SmallVector<unsigned> packingOrder(ArrayRef<PackedBuffer> buffers) {
  auto order = llvm::to_vector(llvm::seq<unsigned>(0, buffers.size()));
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::tuple(-buffers[a].bytes, a) < std::tuple(-buffers[b].bytes, b);
  });
  return order;
}

static bool overlapInTime(const PackedBuffer &a, const PackedBuffer &b) {
  return a.first <= b.last && b.first <= a.last;
}

SmallVector<SmallVector<int32_t>> findConflicts(ArrayRef<PackedBuffer> buffers) {
  SmallVector<SmallVector<int32_t>> conflicts(buffers.size());
  for (auto [index, buffer] : llvm::enumerate(buffers))
    for (auto [other, earlier] : llvm::enumerate(buffers.take_front(index)))
      if (overlapInTime(buffer, earlier))
        conflicts[index].push_back(other);
  return conflicts;
}

int64_t packBuffers(MutableArrayRef<PackedBuffer> buffers) {
  int64_t arena = 0;
  for (unsigned index : packingOrder(buffers)) {
    PackedBuffer &buffer = buffers[index];
    int64_t candidate = 0, moved = 0;
    do {
      candidate = moved;
      for (const PackedBuffer &other : buffers) {
        bool isPlaced = other.offset >= 0 && overlapInTime(buffer, other);
        if (isPlaced && other.offset < candidate + buffer.bytes && candidate < other.offset + other.bytes)
          moved = std::max(moved, other.offset + other.bytes);
      }
    } while (moved != candidate);
    buffer.offset = candidate;
    arena = std::max(arena, candidate + buffer.bytes);
  }
  return arena;
}

static constexpr llvm::StringLiteral packSource = R"mlir(
llvm.func internal @tenon_pack(%sizes: !llvm.ptr, %starts: !llvm.ptr, %conflicts: !llvm.ptr, %offsets: !llvm.ptr, %count: i64, %start: i64) -> i64 {
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %arena = scf.for %i = %c0 to %count step %c1 iter_args(%end = %start) -> i64 : i64 {
    %sizeAt = llvm.getelementptr %sizes[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i64
    %size = llvm.load %sizeAt : !llvm.ptr -> i64
    %next = arith.addi %i, %c1 : i64
    %firstAt = llvm.getelementptr %starts[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i32
    %lastAt = llvm.getelementptr %starts[%next] : (!llvm.ptr, i64) -> !llvm.ptr, i32
    %first32 = llvm.load %firstAt : !llvm.ptr -> i32
    %last32 = llvm.load %lastAt : !llvm.ptr -> i32
    %first = arith.extui %first32 : i32 to i64
    %last = arith.extui %last32 : i32 to i64
    // The candidate moves up until it meets nothing.
    %found = scf.while (%candidate = %start) : (i64) -> i64 {
      %candidateEnd = arith.addi %candidate, %size : i64
      %moved = scf.for %k = %first to %last step %c1 iter_args(%highest = %candidate) -> i64 : i64 {
        %otherAt = llvm.getelementptr %conflicts[%k] : (!llvm.ptr, i64) -> !llvm.ptr, i32
        %other32 = llvm.load %otherAt : !llvm.ptr -> i32
        %other = arith.extui %other32 : i32 to i64
        %otherOffsetAt = llvm.getelementptr %offsets[%other] : (!llvm.ptr, i64) -> !llvm.ptr, i64
        %otherSizeAt = llvm.getelementptr %sizes[%other] : (!llvm.ptr, i64) -> !llvm.ptr, i64
        %otherOffset = llvm.load %otherOffsetAt : !llvm.ptr -> i64
        %otherSize = llvm.load %otherSizeAt : !llvm.ptr -> i64
        %otherEnd = arith.addi %otherOffset, %otherSize : i64
        %isBelow = arith.cmpi slt, %otherOffset, %candidateEnd : i64
        %isAbove = arith.cmpi slt, %candidate, %otherEnd : i64
        %meets = arith.andi %isBelow, %isAbove : i1
        %higher = arith.maxsi %highest, %otherEnd : i64
        %result = arith.select %meets, %higher, %highest : i64
        scf.yield %result : i64
      }
      %hasMoved = arith.cmpi ne, %moved, %candidate : i64
      scf.condition(%hasMoved) %moved : i64
    } do {
    ^bb0(%moved: i64):
      scf.yield %moved : i64
    }
    %placeAt = llvm.getelementptr %offsets[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i64
    llvm.store %found, %placeAt : i64, !llvm.ptr
    %ownEnd = arith.addi %found, %size : i64
    %nextEnd = arith.maxsi %end, %ownEnd : i64
    scf.yield %nextEnd : i64
  }
  llvm.return %arena : i64
}
)mlir";

LLVM::LLVMFuncOp addPackFunction(ModuleOp module) {
  auto parsed = parseSourceString<ModuleOp>(packSource, ParserConfig(module.getContext()));
  auto function = *parsed->getOps<LLVM::LLVMFuncOp>().begin();
  function->remove();
  module.push_back(function);
  return function;
}

} // namespace tenon::codegen
