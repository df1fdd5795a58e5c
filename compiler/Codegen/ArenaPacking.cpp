//===- ArenaPacking.cpp - buffers with life times packed into little memory -----------------------------===//

#include "compiler/Codegen/ArenaPacking.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/SmallVector.h"
#include <tuple>

using namespace llvm;

namespace tenon::codegen {

static bool overlapInTime(const PackedBuffer &a, const PackedBuffer &b) {
  return a.first <= b.last && b.first <= a.last;
}

/// Indices of the buffers, largest first; of equal ones the earlier first.
static SmallVector<size_t> bySize(ArrayRef<PackedBuffer> buffers) {
  auto order = llvm::to_vector(llvm::seq<size_t>(0, buffers.size()));
  llvm::sort(order, [&](size_t a, size_t b) {
    return std::tuple(-buffers[a].bytes, buffers[a].first, a) < std::tuple(-buffers[b].bytes, buffers[b].first, b);
  });
  return order;
}

int64_t packOffsets(MutableArrayRef<PackedBuffer> buffers) {
  int64_t arena = 0;
  SmallVector<size_t> placed; // by ascending offset
  for (size_t index : bySize(buffers)) {
    PackedBuffer &buffer = buffers[index];
    // The smallest gap between buffers of the same time that is large enough, else behind all of them.
    int64_t end = 0, bestOffset = -1, bestGap = INT64_MAX;
    for (size_t other : placed) {
      if (!overlapInTime(buffer, buffers[other]))
        continue;
      int64_t gap = buffers[other].place - end;
      if (gap >= buffer.bytes && gap < bestGap) {
        bestGap = gap;
        bestOffset = end;
      }
      end = std::max(end, buffers[other].place + buffers[other].bytes);
    }
    buffer.place = bestOffset >= 0 ? bestOffset : end;
    arena = std::max(arena, buffer.place + buffer.bytes);
    auto position =
        llvm::upper_bound(placed, index, [&](size_t a, size_t b) { return buffers[a].place < buffers[b].place; });
    placed.insert(position, index);
  }
  return arena;
}

int64_t packPools(MutableArrayRef<PackedBuffer> buffers) {
  SmallVector<SmallVector<size_t>> pools;
  for (size_t index : bySize(buffers)) {
    PackedBuffer &buffer = buffers[index];
    // Pools are made in descending order of size: the last one that is free is the one that fits best.
    auto isFree = [&](ArrayRef<size_t> pool) {
      return llvm::none_of(pool, [&](size_t other) { return overlapInTime(buffer, buffers[other]); });
    };
    for (int64_t pool = pools.size() - 1; pool >= 0 && buffer.place < 0; --pool)
      if (isFree(pools[pool]))
        buffer.place = pool;
    if (buffer.place < 0) {
      buffer.place = pools.size();
      pools.emplace_back();
    }
    pools[buffer.place].push_back(index);
  }
  return pools.size();
}

} // namespace tenon::codegen
