//===- X86Target.cpp - x86-64 processors ---------------------------------------------------===//
//
// Facts about a processor come from its features (LLVM's tables) and, for what features do not tell, from a table of
// cores.
//
//===---------------------------------------------------------------------------------------===//

#include "targets/x86/X86Target.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "targets/LowerUkernels.h"
#include "targets/Processor.h"
#include "targets/x86/LowerLookup.h"
#include "targets/x86/LowerScale.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;

namespace tenon {

namespace {

/// What the compiler's code generator may pick for vector, float and bit arithmetic; the runtime checks each at load.
/// Features beyond these (cryptography, system instructions) are never selected for what a model computes.
constexpr const char *codegenFeatures[] = {
    "sse3",         "ssse3",
    "sse4.1",       "sse4.2",
    "popcnt",       "cx16",
    "sahf",         "movbe",
    "lzcnt",        "bmi",
    "bmi2",         "tbm",
    "xop",          "fma4",
    "sse4a",        "avx",
    "f16c",         "fma",
    "avx2",         "avxvnni",
    "avxvnniint8",  "avxifma",
    "avxneconvert", "avx512f",
    "avx512cd",     "avx512dq",
    "avx512bw",     "avx512vl",
    "avx512ifma",   "avx512vbmi",
    "avx512vbmi2",  "avx512vnni",
    "avx512bitalg", "avx512vpopcntdq",
    "avx512bf16",   "avx512fp16",
    "gfni",
};

/// A core by its LLVM name (a prefix). Pipes: multiply-adds of the widest vectors started per cycle. Sources: Agner
/// Fog, The microarchitecture of Intel, AMD and VIA CPUs (2025) and Instruction tables; AMD Software Optimization
/// Guides 17h to 1Ah; Intel Optimization Reference Manual, chapter 2. Gigahertz is a typical sustained rate of server
/// parts.
struct Core {
  const char *cpu;
  int64_t fmaPipes, fmaLatency, l1Kib, l2Kib;
  double gigahertz;
};

constexpr Core cores[] = {
    {"znver5", 2, 4, 48, 1024, 3.9},
    {"znver4", 1, 4, 32, 1024, 3.7}, // 512-bit operations take two passes of 256 bits
    {"znver3", 2, 4, 32, 512, 3.4},
    {"znver2", 2, 5, 32, 512, 3.3},
    {"znver1", 1, 5, 32, 512, 3.0}, // 256-bit operations take two passes of 128 bits
    {"skylake-avx512", 2, 4, 32, 1024, 2.8},
    {"cascadelake", 2, 4, 32, 1024, 2.8},
    {"cooperlake", 2, 4, 32, 1024, 2.8},
    {"icelake-server", 2, 4, 48, 1280, 2.8},
    {"icelake-client", 1, 4, 48, 512, 3.5},
    {"tigerlake", 1, 4, 48, 1280, 3.8},
    {"sapphirerapids", 2, 4, 48, 2048, 2.8},
    {"emeraldrapids", 2, 4, 48, 2048, 2.8},
    {"graniterapids", 2, 4, 48, 2048, 2.8},
    {"alderlake", 2, 4, 48, 1280, 4.0},
    {"raptorlake", 2, 4, 48, 2048, 4.5},
    {"meteorlake", 2, 4, 48, 2048, 4.0},
    {"arrowlake", 2, 4, 48, 3072, 4.5},
    {"skylake", 2, 4, 32, 256, 3.5},
    {"broadwell", 2, 5, 32, 256, 3.0},
    {"haswell", 2, 5, 32, 256, 3.0},
    // Levels stand for any processor that has them: what most of them share, the smaller cache.
    {"x86-64-v4", 2, 4, 32, 1024, 3.0},
    {"x86-64-v3", 2, 4, 32, 256, 3.0},
    {"x86-64", 2, 4, 32, 256, 3.0}, // multiply, then add: latency of one step of the chain is the addition's
};

Machine describe(const Processor &processor) {
  Machine machine;
  bool avx512 =
      processor.has("avx512f") && processor.has("avx512vl") && processor.has("avx512bw") && processor.has("avx512dq");
  machine.vectorBytes = avx512 ? 64 : processor.has("avx2") ? 32 : 16;
  machine.vectorRegisters = avx512 ? 32 : 16;
  machine.generalRegisters = 15;
  machine.fma = processor.has("fma");
  machine.maskedMemory = avx512;
  machine.halfConversion = processor.has("f16c");
  machine.memoryBroadcast = avx512;
  machine.scaling = avx512;
  machine.lookup = avx512;
  machine.fmaPipes = 2;
  for (const Core &core : cores) {
    if (!StringRef(processor.cpu).starts_with(core.cpu))
      continue;
    machine.fmaPipes = core.fmaPipes;
    machine.fmaLatency = core.fmaLatency;
    machine.l1Bytes = core.l1Kib * 1024;
    machine.l1Ways = core.l1Kib / 4; // indexed by the offset in a page
    machine.l2Bytes = core.l2Kib * 1024;
    machine.gigahertz = core.gigahertz;
    break;
  }
  if (processor.host)
    readHostCaches(machine);
  return machine;
}

class X86Target final : public Target {
public:
  X86Target(const Triple &triple, const Processor &processor) {
    triple_ = triple;
    cpu_ = processor.cpu;
    featureString_ = processor.features;
    machine_ = describe(processor);
    for (const char *feature : codegenFeatures)
      if (processor.has(feature))
        requiredFeatures_.push_back(feature);
  }

  void addLowering(mlir::OpPassManager &pm) const override {
    addUkernelLowering(pm, machine_);
    pm.addNestedPass<mlir::func::FuncOp>(createLowerLookupPass());
    pm.addNestedPass<mlir::func::FuncOp>(createLowerScalePass());
  }
};

} // namespace

Expected<std::unique_ptr<Target>> createX86Target(const Triple &triple, StringRef cpu) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86TargetMC();
  if (cpu.empty())
    cpu = Triple(sys::getDefaultTargetTriple()).getArch() == triple.getArch() ? "native" : "x86-64-v2";
  Expected<Processor> processor = findProcessor(triple, cpu);
  if (!processor)
    return processor.takeError();
  if (!processor->has("sse4.1"))
    return createStringError("processor %s is not supported: it lacks sse4.1 (x86-64-v2 is the least)",
                             processor->cpu.c_str());
  return std::make_unique<X86Target>(triple, *processor);
}

} // namespace tenon
