//===- Link.h - objects to a shared library or to one object -------------------------------===//

#ifndef TENON_COMPILER_EMIT_LINK_H
#define TENON_COMPILER_EMIT_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace tenon::emit {

/// The functions that `objects` use and do not define, other than `provided`: sorted, each once. Fails if one is
/// neither in libc nor in libm: a model must run with those two alone.
struct ExternalFunctions {
  std::vector<std::string> c, math;
};
llvm::Expected<ExternalFunctions> findExternalFunctions(llvm::ArrayRef<llvm::MemoryBufferRef> objects,
                                                        llvm::StringRef provided);

/// Links the objects at `inputs` into the shared library `output`. Needs no C library of the target on this machine:
/// stubs for `elfMachine` with the right names stand in for libc and libm. One link at a time in a process; others
/// wait.
llvm::Error linkShared(llvm::ArrayRef<std::string> inputs, const ExternalFunctions &functions, uint16_t elfMachine,
                       llvm::StringRef output);

/// Merges the objects at `inputs` into the relocatable object `output`.
llvm::Error linkRelocatable(llvm::ArrayRef<std::string> inputs, llvm::StringRef output);

} // namespace tenon::emit

#endif // TENON_COMPILER_EMIT_LINK_H
