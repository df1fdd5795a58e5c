//===- ArenaPacking.cpp - buffers with life times packed into little memory -----------------------------===//
//
// One algorithm, twice: for the compiler and as code of the model. Both move a candidate up past everything it meets:
// an offset between the candidate and the end of a buffer that it meets would meet that buffer too.
//
//===------------------------------------------------------------------------------------------------===//

#include "compiler/Codegen/ArenaPacking.h"

#include "mlir/Parser/Parser.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/SmallVector.h"
#include <tuple>

using namespace mlir;

namespace tenon::codegen {

int64_t packBuffers(MutableArrayRef<PackedBuffer> buffers) {
  auto order = llvm::to_vector(llvm::seq<size_t>(0, buffers.size()));
  llvm::sort(order,
             [&](size_t a, size_t b) { return std::tuple(-buffers[a].bytes, a) < std::tuple(-buffers[b].bytes, b); });
  int64_t arena = 0;
  for (size_t index : order) {
    PackedBuffer &buffer = buffers[index];
    int64_t candidate = 0, moved = 0;
    do {
      candidate = moved;
      for (const PackedBuffer &other : buffers) {
        bool together = other.offset >= 0 && other.first <= buffer.last && buffer.first <= other.last;
        if (together && other.offset < candidate + buffer.bytes && candidate < other.offset + other.bytes)
          moved = std::max(moved, other.offset + other.bytes);
      }
    } while (moved != candidate);
    buffer.offset = candidate;
    arena = std::max(arena, candidate + buffer.bytes);
  }
  return arena;
}

static constexpr llvm::StringLiteral packSource = R"mlir(
llvm.func internal @tenon_pack(%sizes: !llvm.ptr, %lifetimes: !llvm.ptr, %offsets: !llvm.ptr, %count: i64, %start: i64) -> i64 {
  %c0 = arith.constant 0 : i64
  %c1 = arith.constant 1 : i64
  %none = arith.constant -1 : i64
  scf.for %i = %c0 to %count step %c1 : i64 {
    %at = llvm.getelementptr %offsets[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i64
    llvm.store %none, %at : i64, !llvm.ptr
  }
  %arena = scf.for %step = %c0 to %count step %c1 iter_args(%end = %start) -> i64 : i64 {
    // The largest buffer without an offset.
    %index, %size = scf.for %i = %c0 to %count step %c1 iter_args(%best = %none, %bestSize = %none) -> (i64, i64) : i64 {
      %offsetAt = llvm.getelementptr %offsets[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i64
      %offset = llvm.load %offsetAt : !llvm.ptr -> i64
      %sizeAt = llvm.getelementptr %sizes[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i64
      %bytes = llvm.load %sizeAt : !llvm.ptr -> i64
      %isOpen = arith.cmpi slt, %offset, %c0 : i64
      %isLarger = arith.cmpi sgt, %bytes, %bestSize : i64
      %take = arith.andi %isOpen, %isLarger : i1
      %next = arith.select %take, %i, %best : i64
      %nextSize = arith.select %take, %bytes, %bestSize : i64
      scf.yield %next, %nextSize : i64, i64
    }
    %lifetimeAt = llvm.getelementptr %lifetimes[%index, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<2 x i32>
    %lastAt = llvm.getelementptr %lifetimes[%index, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<2 x i32>
    %first = llvm.load %lifetimeAt : !llvm.ptr -> i32
    %last = llvm.load %lastAt : !llvm.ptr -> i32
    // Its candidate moves up until it meets nothing.
    %found = scf.while (%candidate = %start) : (i64) -> i64 {
      %candidateEnd = arith.addi %candidate, %size : i64
      %moved = scf.for %i = %c0 to %count step %c1 iter_args(%highest = %candidate) -> i64 : i64 {
        %offsetAt = llvm.getelementptr %offsets[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i64
        %offset = llvm.load %offsetAt : !llvm.ptr -> i64
        %sizeAt = llvm.getelementptr %sizes[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i64
        %bytes = llvm.load %sizeAt : !llvm.ptr -> i64
        %otherFirstAt = llvm.getelementptr %lifetimes[%i, 0] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<2 x i32>
        %otherLastAt = llvm.getelementptr %lifetimes[%i, 1] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<2 x i32>
        %otherFirst = llvm.load %otherFirstAt : !llvm.ptr -> i32
        %otherLast = llvm.load %otherLastAt : !llvm.ptr -> i32
        %isPlaced = arith.cmpi sge, %offset, %c0 : i64
        %beginsBefore = arith.cmpi sle, %otherFirst, %last : i32
        %endsAfter = arith.cmpi sle, %first, %otherLast : i32
        %otherEnd = arith.addi %offset, %bytes : i64
        %isBelow = arith.cmpi slt, %offset, %candidateEnd : i64
        %isAbove = arith.cmpi slt, %candidate, %otherEnd : i64
        %inTime = arith.andi %beginsBefore, %endsAfter : i1
        %inSpace = arith.andi %isBelow, %isAbove : i1
        %inBoth = arith.andi %inTime, %inSpace : i1
        %meets = arith.andi %isPlaced, %inBoth : i1
        %higher = arith.maxsi %highest, %otherEnd : i64
        %next = arith.select %meets, %higher, %highest : i64
        scf.yield %next : i64
      }
      %hasMoved = arith.cmpi ne, %moved, %candidate : i64
      scf.condition(%hasMoved) %moved : i64
    } do {
    ^bb0(%moved: i64):
      scf.yield %moved : i64
    }
    %placeAt = llvm.getelementptr %offsets[%index] : (!llvm.ptr, i64) -> !llvm.ptr, i64
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
