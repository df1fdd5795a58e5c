// Byte strides: what is dense, how many bytes a tensor spans, and copies between layouts.
//
// What it expects: ranks up to TENON_MAX_RANK, extents that are not negative, element sizes of tenon_dtype_bytes.
// What it guarantees: sizes are checked for overflow; copies touch exactly the elements of the tensors.
#ifndef TENON_RUNTIME_STRIDES_H
#define TENON_RUNTIME_STRIDES_H

#include <stdint.h>

namespace tenon::runtime {

/// bytes = elementBytes * product(dims). False when that does not fit int64_t.
bool denseBytes(uint32_t rank, const int64_t *dims, uint32_t elementBytes, int64_t &bytes);

/// strides[i] = elementBytes * product(dims[i+1..]); an extent of 0 counts as 1. Needs denseBytes to have succeeded.
void denseStrides(uint32_t rank, const int64_t *dims, uint32_t elementBytes, int64_t *strides);

/// Whether the elements lie in row-major order without gaps. Strides of extents of 1 do not matter, nor any stride of
/// an empty tensor.
bool isDense(uint32_t rank, const int64_t *dims, const int64_t *strides, uint32_t elementBytes);

/// bytes = how far the tensor reaches beyond its first element, that one included; 0 for an empty one. False when a
/// stride is negative or the sum overflows.
bool spanBytes(uint32_t rank, const int64_t *dims, const int64_t *strides, uint32_t elementBytes, int64_t &bytes);

/// Whether no two elements share a byte, judged dimension by dimension from the smallest stride up. Returns the
/// dimension that reaches into the next one, or -1.
int32_t overlappingDimension(uint32_t rank, const int64_t *dims, const int64_t *strides, uint32_t elementBytes);

/// target[i...] = source[i...] for tensors that do not overlap.
void copyStrided(uint32_t rank, const int64_t *dims, uint32_t elementBytes, void *target, const int64_t *targetStrides,
                 const void *source, const int64_t *sourceStrides);

} // namespace tenon::runtime

#endif // TENON_RUNTIME_STRIDES_H
