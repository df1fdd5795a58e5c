//===- AArch64Target.cpp - 64-bit Arm processors -------------------------------------------===//
//
// NEON vectors of 128 bits on every processor, also where there is SVE: its length is not known when compiling.
//
//===---------------------------------------------------------------------------------------===//

#include "targets/aarch64/AArch64Target.h"
#include "targets/LowerUkernels.h"
#include "targets/Processor.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;

namespace tenon {

namespace {

/// What the code generator may pick without being asked; the runtime checks each at load. SVE is listed because LLVM
/// uses it for fixed vectors where a processor has it.
constexpr const char *codegenFeatures[] = {
    "fp-armv8",  "neon",   "crc",   "lse",       "rdm",  "fullfp16", "fp16fml", "dotprod",
    "complxnum", "jsconv", "rcpc",  "rcpc-immo", "lse2", "flagm",    "altnzcv", "fptoint",
    "bf16",      "i8mm",   "f32mm", "sve",       "sve2", "sha3",     "cssc",    "mops",
};

/// A core by its LLVM name (a prefix). Sources: Arm Software Optimization Guides of the Cortex and Neoverse cores;
/// pipes are 128-bit multiply-adds started per cycle.
struct Core {
  const char *cpu;
  int64_t fmaPipes, fmaLatency, l1Kib, l2Kib;
  double gigahertz;
};

constexpr Core cores[] = {
    {"neoverse-v2", 4, 4, 64, 2048, 3.0}, {"neoverse-v1", 4, 4, 64, 1024, 2.6},
    {"neoverse-n2", 2, 4, 64, 1024, 2.8}, {"neoverse-n1", 2, 4, 64, 1024, 2.5},
    {"cortex-a78", 2, 4, 64, 512, 2.6},   {"cortex-a77", 2, 4, 64, 512, 2.6},
    {"cortex-a76", 2, 4, 64, 512, 2.4},   {"cortex-x", 4, 4, 64, 1024, 3.0},
    {"cortex-a72", 2, 7, 32, 1024, 1.5},  {"cortex-a53", 1, 8, 32, 512, 1.4},
    {"cortex-a55", 1, 4, 32, 256, 1.8},   {"apple-", 4, 4, 64, 4096, 3.2},
    {"ampere1", 2, 4, 64, 2048, 2.8},     {"", 2, 4, 32, 512, 2.0},
};

Machine describe(const Processor &processor) {
  Machine machine;
  machine.vectorBytes = 16;
  machine.vectorRegisters = 32;
  machine.generalRegisters = 28;
  machine.fma = true;
  machine.halfConversion = true;
  machine.laneOperand = true;
  for (const Core &core : cores) {
    if (!StringRef(processor.cpu).starts_with(core.cpu))
      continue;
    machine.fmaPipes = core.fmaPipes;
    machine.fmaLatency = core.fmaLatency;
    machine.l1Bytes = core.l1Kib * 1024;
    machine.l1Ways = 4;
    machine.l2Bytes = core.l2Kib * 1024;
    machine.gigahertz = core.gigahertz;
    break;
  }
  if (processor.host)
    readHostCaches(machine);
  return machine;
}

class AArch64Target final : public Target {
public:
  AArch64Target(const Triple &triple, const Processor &processor) {
    triple_ = triple;
    cpu_ = processor.cpu;
    featureString_ = processor.features;
    machine_ = describe(processor);
    for (const char *feature : codegenFeatures)
      if (processor.has(feature))
        requiredFeatures_.push_back(feature);
  }

  void addLowering(mlir::OpPassManager &pm) const override { addUkernelLowering(pm, machine_); }
};

} // namespace

Expected<std::unique_ptr<Target>> createAArch64Target(const Triple &triple, StringRef cpu) {
  LLVMInitializeAArch64TargetInfo();
  LLVMInitializeAArch64TargetMC();
  if (cpu.empty())
    cpu = Triple(sys::getDefaultTargetTriple()).getArch() == triple.getArch() ? "native" : "generic";
  Expected<Processor> processor = findProcessor(triple, cpu);
  if (!processor)
    return processor.takeError();
  if (!processor->has("neon"))
    return createStringError("processor %s is not supported: it lacks neon", processor->cpu.c_str());
  return std::make_unique<AArch64Target>(triple, *processor);
}

} // namespace tenon
