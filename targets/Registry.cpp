//===- Registry.cpp - the table of architectures, and targets by name ----------------------===//
//
// Supporting another architecture is a folder beside this file and a row in the table.
//
//===---------------------------------------------------------------------------------------===//

#include "targets/Registry.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "targets/aarch64/AArch64Target.h"
#include "targets/x86/X86Target.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;

namespace tenon {

namespace {

struct Architecture {
  Triple::ArchType arch;
  /// How a user may write the triple's first part, and the processors that the error text shows as examples.
  const char *name, *processors;
  Expected<std::unique_ptr<tenon::Target>> (*create)(const Triple &triple, StringRef cpu);
};

const Architecture architectures[] = {
    {Triple::x86_64, "x86_64", "native, x86-64-v2, x86-64-v3, x86-64-v4, znver4, ...", createX86Target},
    {Triple::aarch64, "aarch64", "native, generic, neoverse-n1, cortex-a76, ...", createAArch64Target},
};

struct LoweringOptions : mlir::PassPipelineOptions<LoweringOptions> {
  Option<std::string> triple{*this, "triple", cl::desc("LLVM target triple, the host's by default")};
  Option<std::string> cpu{*this, "cpu", cl::desc("processor, the host's by default")};
};

} // namespace

void registerTargetPipelines() {
  mlir::PassPipelineRegistration<LoweringOptions>("tenon-lower-ukernels", "microkernels to loops over vectors",
                                                  [](mlir::OpPassManager &pm, const LoweringOptions &options) {
                                                    auto target = createTarget(options.triple, options.cpu);
                                                    if (!target)
                                                      report_fatal_error(target.takeError(), /*gen_crash_diag=*/false);
                                                    (*target)->addLowering(pm);
                                                  });
}

Expected<std::unique_ptr<tenon::Target>> createTarget(StringRef tripleText, StringRef cpu) {
  Triple triple(Triple::normalize(tripleText.empty() ? StringRef(sys::getDefaultTargetTriple()) : tripleText));
  std::string supported;
  for (const Architecture &row : architectures) {
    if (row.arch == triple.getArch()) {
      if (!triple.isOSLinux() && triple.getOS() != Triple::UnknownOS)
        return createStringError("target %s is not supported: the operating system must be linux",
                                 triple.str().c_str());
      return row.create(triple, cpu);
    }
    supported +=
        std::string(supported.empty() ? "" : "; ") + row.name + "-linux-gnu (processors: " + row.processors + ")";
  }
  return createStringError("target %s is not supported; supported are %s", triple.str().c_str(), supported.c_str());
}

} // namespace tenon
