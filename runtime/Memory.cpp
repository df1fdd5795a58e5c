// The memory of sessions; see Memory.h.
#include "runtime/Memory.h"

#include "tenon/model_abi.h"

#include <stdlib.h>
#include <sys/mman.h>

namespace tenon::runtime {

static size_t roundUp(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Linux' huge page on x86-64 and on AArch64 with 4 KiB base pages.
static constexpr size_t kHugePageBytes = size_t(2) << 20;

void *allocateAligned(size_t bytes) {
  // Leaves room for every rounding below and keeps pointer differences in range.
  if (bytes > SIZE_MAX / 2 - kHugePageBytes)
    return nullptr;
  bool huge = bytes >= 2 * kHugePageBytes;
  size_t alignment = huge ? kHugePageBytes : TENON_ALIGNMENT;
  void *memory = nullptr;
  if (posix_memalign(&memory, alignment, roundUp(bytes ? bytes : 1, TENON_ALIGNMENT)) != 0)
    return nullptr;
  // Only a request: where huge pages are not to be had, nothing changes. The unaligned rest stays on small pages.
  if (huge)
    madvise(memory, bytes / kHugePageBytes * kHugePageBytes, MADV_HUGEPAGE);
  return memory;
}

void freeAligned(void *memory) { free(memory); }

void *Buffer::grow(size_t bytes) {
  // The old contents are not needed: free first, so that both never exist at once.
  freeAligned(memory);
  memory = allocateAligned(bytes);
  capacity = memory ? bytes : 0;
  return memory;
}

// One page of a usual system holds the header and many small requests.
static constexpr size_t kMinBlockBytes = 64 * 1024 - TENON_ALIGNMENT;

Region::~Region() {
  while (first) {
    Block *next = first->next;
    freeAligned(first);
    first = next;
  }
}

// The header takes one alignment unit, so that the first request is aligned as well.
char *Region::start(Block *block) { return reinterpret_cast<char *>(block) + TENON_ALIGNMENT; }

Region::Block *Region::newBlock(size_t bytes) {
  static_assert(sizeof(Block) <= TENON_ALIGNMENT);
  // Doubling bounds the number of blocks by the logarithm of the total.
  size_t size = bytes > held ? bytes : held;
  if (size < kMinBlockBytes)
    size = kMinBlockBytes;
  auto *block = static_cast<Block *>(allocateAligned(size + TENON_ALIGNMENT));
  if (!block && size > bytes) {
    size = bytes;
    block = static_cast<Block *>(allocateAligned(size + TENON_ALIGNMENT));
  }
  if (!block)
    return nullptr;
  block->next = nullptr;
  block->bytes = size;
  held += size;
  return block;
}

void *Region::allocate(size_t bytes) {
  if (bytes > SIZE_MAX / 4)
    return nullptr;
  bytes = roundUp(bytes ? bytes : 1, TENON_ALIGNMENT);
  if (current && bytes <= current->bytes - used) {
    void *result = start(current) + used;
    used += bytes;
    return result;
  }
  Block **link = current ? &current->next : &first;
  while (*link && (*link)->bytes < bytes) {
    Block *small = *link;
    *link = small->next;
    held -= small->bytes;
    freeAligned(small);
  }
  if (!*link && !(*link = newBlock(bytes)))
    return nullptr;
  current = *link;
  used = bytes;
  return start(current);
}

void Region::reset() {
  current = nullptr;
  used = 0;
}

} // namespace tenon::runtime
