// The memory of sessions: buffers that only grow, and a region for sizes that depend on data.
//
// What it expects: one thread at a time per object.
// What it guarantees: memory aligned to TENON_ALIGNMENT; a failed request leaves the object usable; nothing is
// allocated when a size (Buffer) or a sequence of requests (Region) was served before.
#ifndef TENON_RUNTIME_MEMORY_H
#define TENON_RUNTIME_MEMORY_H

#include <stddef.h>
#include <stdint.h>

namespace tenon::runtime {

/// Memory of `bytes` bytes aligned to TENON_ALIGNMENT, never null for 0 bytes; null when there is none. Free with
/// freeAligned. Large blocks ask the kernel for huge pages.
void *allocateAligned(size_t bytes);
void freeAligned(void *memory);

/// Says that `new` gets its memory from the caller: the <new> of the C++ library is not needed.
struct InPlace {};

} // namespace tenon::runtime

inline void *operator new(size_t, void *memory, tenon::runtime::InPlace) noexcept { return memory; }

namespace tenon::runtime {

/// An object on the C heap, or null. Free with destroy.
template <typename T> T *create() {
  void *memory = allocateAligned(sizeof(T));
  return memory ? new (memory, InPlace()) T : nullptr;
}

template <typename T> void destroy(T *object) {
  object->~T();
  freeAligned(object);
}

/// A block that grows to the largest size asked for. Growing loses the contents.
class Buffer {
public:
  Buffer() = default;
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  ~Buffer() { freeAligned(memory); }

  /// At least `bytes` bytes, or null.
  void *reserve(size_t bytes) { return memory && bytes <= capacity ? memory : grow(bytes); }

  void *data() const { return memory; }
  size_t capacityBytes() const { return capacity; }

private:
  void *grow(size_t bytes);

  void *memory = nullptr;
  size_t capacity = 0;
};

/// Hands out memory that lives until the next reset. Blocks are kept and handed out again in the same order, so a run
/// that repeats the requests of the run before allocates nothing. A block that is too small for what comes next is
/// replaced, not kept beside the larger one: what is held is at most about twice of what one run asked for, plus one
/// minimal block.
class Region {
public:
  Region() = default;
  Region(const Region &) = delete;
  Region &operator=(const Region &) = delete;
  ~Region();

  void *allocate(size_t bytes);
  void reset();
  size_t heldBytes() const { return held; }

private:
  struct Block {
    Block *next;
    size_t bytes; // usable, after the header
  };
  static char *start(Block *block);
  Block *newBlock(size_t bytes);

  Block *first = nullptr;
  Block *current = nullptr; // null right after reset: nothing handed out yet
  size_t used = 0;          // bytes handed out from `current`
  size_t held = 0;
};

} // namespace tenon::runtime

#endif // TENON_RUNTIME_MEMORY_H
