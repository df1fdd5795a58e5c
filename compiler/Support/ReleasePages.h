//===- ReleasePages.h - memory that will hardly be read again ------------------------------===//

#ifndef TENON_COMPILER_SUPPORT_RELEASEPAGES_H
#define TENON_COMPILER_SUPPORT_RELEASEPAGES_H

#include "llvm/ADT/ArrayRef.h"

namespace tenon {

/// Tells the system that `bytes`, which stay valid and unchanged, may leave main memory: the pages of a mapped file go
/// back to the file. Keeps models that are larger than half the memory compilable. Any thread; a hint, so it cannot
/// fail.
void releasePages(llvm::ArrayRef<char> bytes);

} // namespace tenon

#endif // TENON_COMPILER_SUPPORT_RELEASEPAGES_H
