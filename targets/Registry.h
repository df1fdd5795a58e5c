//===- Registry.h - targets by name --------------------------------------------------------===//

#ifndef TENON_TARGETS_REGISTRY_H
#define TENON_TARGETS_REGISTRY_H

#include "targets/Target.h"
#include "llvm/Support/Error.h"

namespace tenon {

/// The target for an LLVM triple ("" is the host's) and processor ("" or "native" reads the host; "x86-64-v2/v3/v4" and
/// every LLVM processor name of a supported architecture). Fails with a text that lists what is supported.
llvm::Expected<std::unique_ptr<Target>> createTarget(llvm::StringRef triple, llvm::StringRef cpu);

/// Registers the lowering of ukernel ops as a pipeline, for tools that run passes by name:
/// `tenon-lower-ukernels=cpu=...`.
void registerTargetPipelines();

} // namespace tenon

#endif // TENON_TARGETS_REGISTRY_H
