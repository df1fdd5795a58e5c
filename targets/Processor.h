//===- Processor.h - what LLVM and the host know of a processor ----------------------------===//
//
// Shared by the targets: the features of a processor by its LLVM name, and the caches of the host.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_TARGETS_PROCESSOR_H
#define TENON_TARGETS_PROCESSOR_H

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include "llvm/TargetParser/Triple.h"
#include <string>

namespace tenon {

struct Machine;

/// A processor as LLVM describes it.
struct Processor {
  std::string cpu;           ///< LLVM's name
  std::string features;      ///< for LLVM's target machine; empty unless read from the host
  llvm::StringSet<> enabled; ///< all features that are on
  bool host = false;

  bool has(llvm::StringRef feature) const { return enabled.contains(feature); }
};

/// Looks a processor up. `cpu` is an LLVM name, or "native" (the host, which must have the triple's architecture).
/// Fails with a text if LLVM does not know it.
llvm::Expected<Processor> findProcessor(const llvm::Triple &triple, llvm::StringRef cpu);

/// Replaces the cache sizes by those of the machine this runs on, where the operating system tells them.
void readHostCaches(Machine &machine);

} // namespace tenon

#endif // TENON_TARGETS_PROCESSOR_H
