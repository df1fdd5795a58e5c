// Byte strides; see Strides.h.
#include "runtime/Strides.h"

#include "tenon/model_abi.h"

#include <string.h>

namespace tenon::runtime {

bool denseBytes(uint32_t rank, const int64_t *dims, uint32_t elementBytes, int64_t &bytes) {
  // Extents of 0 are counted as 1 for the overflow check, so that strides of empty tensors are in range as well.
  int64_t product = elementBytes;
  bool empty = false;
  for (uint32_t i = 0; i < rank; ++i) {
    empty |= dims[i] == 0;
    if (__builtin_mul_overflow(product, dims[i] == 0 ? 1 : dims[i], &product))
      return false;
  }
  bytes = empty ? 0 : product;
  return true;
}

void denseStrides(uint32_t rank, const int64_t *dims, uint32_t elementBytes, int64_t *strides) {
  int64_t stride = elementBytes;
  for (uint32_t i = rank; i-- > 0;) {
    strides[i] = stride;
    stride *= dims[i] == 0 ? 1 : dims[i];
  }
}

bool isDense(uint32_t rank, const int64_t *dims, const int64_t *strides, uint32_t elementBytes) {
  bool dense = true;
  int64_t expected = elementBytes;
  for (uint32_t i = rank; i-- > 0;) {
    if (dims[i] == 0)
      return true;
    dense &= dims[i] == 1 || strides[i] == expected;
    expected *= dims[i];
  }
  return dense;
}

bool spanBytes(uint32_t rank, const int64_t *dims, const int64_t *strides, uint32_t elementBytes, int64_t &bytes) {
  int64_t last = elementBytes;
  bool empty = false;
  for (uint32_t i = 0; i < rank; ++i) {
    empty |= dims[i] == 0;
    if (dims[i] <= 1)
      continue;
    int64_t reach;
    if (strides[i] < 0 || __builtin_mul_overflow(dims[i] - 1, strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      return false;
  }
  bytes = empty ? 0 : last;
  return true;
}

int32_t overlappingDimension(uint32_t rank, const int64_t *dims, const int64_t *strides, uint32_t elementBytes) {
  uint32_t order[TENON_MAX_RANK];
  uint32_t count = 0;
  for (uint32_t i = 0; i < rank; ++i) {
    if (dims[i] == 0)
      return -1;
    if (dims[i] == 1)
      continue;
    uint32_t place = count++;
    for (; place > 0 && strides[order[place - 1]] > strides[i]; --place)
      order[place] = order[place - 1];
    order[place] = i;
  }
  int64_t filled = elementBytes;
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t dim = order[i];
    if (strides[dim] < filled)
      return static_cast<int32_t>(i == 0 ? dim : order[i - 1]);
    if (__builtin_mul_overflow(strides[dim], dims[dim], &filled))
      return static_cast<int32_t>(dim);
  }
  return -1;
}

// Callers' strides may be anything: wraps instead of overflowing.
static int64_t wrapMultiply(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

namespace {
/// A copy as nested loops, outermost first, with mergeable dimensions merged.
struct CopyLoops {
  uint32_t rank = 0;
  int64_t extent[TENON_MAX_RANK];
  int64_t targetStride[TENON_MAX_RANK];
  int64_t sourceStride[TENON_MAX_RANK];

  void add(int64_t newExtent, int64_t newTarget, int64_t newSource) {
    if (newExtent == 1)
      return;
    // The last loop steps over exactly one round of this one in both tensors: they are one loop.
    if (rank > 0 && targetStride[rank - 1] == wrapMultiply(newExtent, newTarget) &&
        sourceStride[rank - 1] == wrapMultiply(newExtent, newSource)) {
      extent[rank - 1] *= newExtent;
      targetStride[rank - 1] = newTarget;
      sourceStride[rank - 1] = newSource;
      return;
    }
    extent[rank] = newExtent;
    targetStride[rank] = newTarget;
    sourceStride[rank] = newSource;
    ++rank;
  }
};
} // namespace

template <typename T>
static void copyRow(int64_t extent, char *target, int64_t targetStride, const char *source, int64_t sourceStride) {
  for (int64_t i = 0; i < extent; ++i) {
    // memcpy: strided elements need not be aligned.
    T value;
    memcpy(&value, source + i * sourceStride, sizeof value);
    memcpy(target + i * targetStride, &value, sizeof value);
  }
}

static void copyInnermost(uint32_t elementBytes, int64_t extent, char *target, int64_t targetStride, const char *source,
                          int64_t sourceStride) {
  if (targetStride == elementBytes && sourceStride == elementBytes) {
    memcpy(target, source, static_cast<size_t>(extent) * elementBytes);
    return;
  }
  switch (elementBytes) {
  case sizeof(tenon_string):
    return copyRow<tenon_string>(extent, target, targetStride, source, sourceStride);
  case 1:
    return copyRow<uint8_t>(extent, target, targetStride, source, sourceStride);
  case 2:
    return copyRow<uint16_t>(extent, target, targetStride, source, sourceStride);
  case 4:
    return copyRow<uint32_t>(extent, target, targetStride, source, sourceStride);
  default:
    return copyRow<uint64_t>(extent, target, targetStride, source, sourceStride);
  }
}

void copyStrided(uint32_t rank, const int64_t *dims, uint32_t elementBytes, void *target, const int64_t *targetStrides,
                 const void *source, const int64_t *sourceStrides) {
  CopyLoops loops;
  for (uint32_t i = 0; i < rank; ++i) {
    if (dims[i] == 0)
      return;
    loops.add(dims[i], targetStrides[i], sourceStrides[i]);
  }
  auto *to = static_cast<char *>(target);
  auto *from = static_cast<const char *>(source);
  if (loops.rank == 0) {
    memcpy(to, from, elementBytes);
    return;
  }
  uint32_t inner = loops.rank - 1;
  int64_t index[TENON_MAX_RANK] = {0};
  while (true) {
    copyInnermost(elementBytes, loops.extent[inner], to, loops.targetStride[inner], from, loops.sourceStride[inner]);
    // Next row: like an odometer, from the innermost of the outer loops.
    uint32_t loop = inner;
    while (loop > 0) {
      --loop;
      to += loops.targetStride[loop];
      from += loops.sourceStride[loop];
      if (++index[loop] < loops.extent[loop])
        break;
      to -= loops.targetStride[loop] * loops.extent[loop];
      from -= loops.sourceStride[loop] * loops.extent[loop];
      index[loop] = 0;
      if (loop == 0)
        return;
    }
    if (inner == 0)
      return;
  }
}

} // namespace tenon::runtime
