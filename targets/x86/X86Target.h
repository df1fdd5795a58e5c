//===- X86Target.h - x86-64 processors -----------------------------------------------------===//

#ifndef TENON_TARGETS_X86_X86TARGET_H
#define TENON_TARGETS_X86_X86TARGET_H

#include "targets/Target.h"
#include "llvm/Support/Error.h"

namespace tenon {

/// The target for an x86-64 triple and an LLVM processor name; "" is the host, or x86-64-v2 where the host is another
/// architecture.
llvm::Expected<std::unique_ptr<Target>> createX86Target(const llvm::Triple &triple, llvm::StringRef cpu);

} // namespace tenon

#endif // TENON_TARGETS_X86_X86TARGET_H
