//===- ReleasePages.cpp - memory that will hardly be read again ----------------------------===//

#include "compiler/Support/ReleasePages.h"
#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>

namespace tenon {

void releasePages(llvm::ArrayRef<char> bytes) {
  // Below this the call costs more than the memory is worth.
  constexpr size_t worthwhileBytes = size_t(1) << 20;
  if (bytes.size() < worthwhileBytes)
    return;
  // Whole pages only. MADV_PAGEOUT, unlike MADV_DONTNEED, never loses what was written.
  uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  uintptr_t begin = (reinterpret_cast<uintptr_t>(bytes.begin()) + page - 1) / page * page;
  uintptr_t end = reinterpret_cast<uintptr_t>(bytes.end()) / page * page;
  if (begin < end)
    madvise(reinterpret_cast<void *>(begin), end - begin, MADV_PAGEOUT);
}

} // namespace tenon
