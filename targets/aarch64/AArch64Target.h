//===- AArch64Target.h - 64-bit Arm processors ---------------------------------------------===//

#ifndef TENON_TARGETS_AARCH64_AARCH64TARGET_H
#define TENON_TARGETS_AARCH64_AARCH64TARGET_H

#include "targets/Target.h"
#include "llvm/Support/Error.h"

namespace tenon {

/// The target for an AArch64 triple and an LLVM processor name; "" is the host, or generic where the host is another
/// architecture.
llvm::Expected<std::unique_ptr<Target>> createAArch64Target(const llvm::Triple &triple, llvm::StringRef cpu);

} // namespace tenon

#endif // TENON_TARGETS_AARCH64_AARCH64TARGET_H
