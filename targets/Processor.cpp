//===- Processor.cpp - what LLVM and the host know of a processor --------------------------===//

#include "targets/Processor.h"
#include "targets/Target.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/TargetParser/Host.h"
#include <algorithm>
#include <unistd.h>
#include <vector>

using namespace llvm;

namespace tenon {

Expected<Processor> findProcessor(const Triple &triple, StringRef cpu) {
  Processor result;
  result.cpu = cpu.str();
  if (cpu == "native") {
    Triple host(sys::getDefaultTargetTriple());
    if (host.getArch() != triple.getArch())
      return createStringError("processor native is a %s but the target is %s", host.getArchName().str().c_str(),
                               triple.str().c_str());
    result.host = true;
    result.cpu = sys::getHostCPUName().str();
    // Sorted: a hash table's order must not reach the artefact.
    std::vector<std::string> features;
    for (const auto &feature : sys::getHostCPUFeatures())
      features.push_back((feature.second ? "+" : "-") + feature.first().str());
    std::sort(features.begin(), features.end());
    for (const std::string &feature : features)
      result.features += (result.features.empty() ? "" : ",") + feature;
  }
  std::string error;
  const llvm::Target *target = TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return createStringError("LLVM has no target %s: %s", triple.str().c_str(), error.c_str());
  // With an empty name first: LLVM prints a warning of its own for names that it does not know.
  std::unique_ptr<MCSubtargetInfo> info(target->createMCSubtargetInfo(triple, "", ""));
  if (!info || !info->isCPUStringValid(result.cpu))
    return createStringError("processor %s is not known for %s", result.cpu.c_str(), triple.str().c_str());
  info.reset(target->createMCSubtargetInfo(triple, result.cpu, result.features));
  for (const SubtargetFeatureKV &feature : info->getEnabledProcessorFeatures())
    result.enabled.insert(feature.Key);
  return result;
}

void readHostCaches(Machine &machine) {
  auto read = [](int name, int64_t &size) {
    if (long bytes = sysconf(name); bytes > 0)
      size = bytes;
  };
  read(_SC_LEVEL1_DCACHE_SIZE, machine.l1Bytes);
  read(_SC_LEVEL1_DCACHE_ASSOC, machine.l1Ways);
  read(_SC_LEVEL2_CACHE_SIZE, machine.l2Bytes);
}

} // namespace tenon
