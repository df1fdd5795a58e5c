//===- tenon-opt.cpp - runs any pass of any stage alone, on IR as text ---------------------===//
//
//   tenon-opt --tenon-outline-phases kernels.mlir
//   tenon-opt --tenon-loops=cpu=x86-64-v3 scheduled.mlir
//
// The named pipelines are the stages of compiler/Pipeline/Pipeline.cpp. Flags for printing, timing, verification and
// reproducers are MlirOptMain's (--help).
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Pipeline/Pipeline.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "targets/Registry.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using tenon::pipeline::PipelineOptions;

namespace {

struct StageOptions : PassPipelineOptions<StageOptions> {
  Option<std::string> triple{*this, "triple", llvm::cl::desc("LLVM target triple, the host's by default")};
  Option<std::string> cpu{*this, "cpu", llvm::cl::desc("processor, the host's by default")};
  Option<std::string> symbol{*this, "symbol", llvm::cl::desc("name of the descriptor"), llvm::cl::init("tenon_model")};
  Option<bool> reference{*this, "reference", llvm::cl::desc("the slow, obvious lowering of every op"),
                         llvm::cl::init(false)};
};

/// Targets live as long as the passes that refer to them: until the program ends.
const tenon::Target &findTarget(const StageOptions &options) {
  static std::vector<std::unique_ptr<tenon::Target>> targets;
  auto target = tenon::createTarget(options.triple, options.cpu);
  if (!target) {
    llvm::WithColor::error() << llvm::toString(target.takeError()) << "\n";
    exit(2);
  }
  targets.push_back(std::move(*target));
  return *targets.back();
}

using AddStage = void (*)(OpPassManager &, const tenon::Target &, const PipelineOptions &);

void registerStage(StringRef name, StringRef description, AddStage add) {
  // The registration object only registers: nothing needs it afterwards.
  PassPipelineRegistration<StageOptions>(name, description, [add](OpPassManager &pm, const StageOptions &stage) {
    PipelineOptions options;
    options.symbol = stage.symbol;
    options.reference = stage.reference;
    add(pm, findTarget(stage), options);
  });
}

void registerStages() {
  using namespace tenon::pipeline;
  using tenon::Target;
  registerStage("tenon-graph", "Graph: shapes inferred, constants folded, canonical forms",
                [](OpPassManager &pm, const Target &, const PipelineOptions &options) { addGraph(pm, options); });
  registerStage("tenon-quantize", "Quantize: integer arithmetic instead of quantize and dequantize",
                [](OpPassManager &pm, const Target &, const PipelineOptions &options) { addQuantize(pm, options); });
  registerStage("tenon-layout", "Layout: layouts chosen, weights packed", addLayout);
  registerStage("tenon-fuse", "Fuse: ops become kernels",
                [](OpPassManager &pm, const Target &, const PipelineOptions &options) { addFuse(pm, options); });
  registerStage("tenon-schedule", "Schedule: kernels become phases of loops", addSchedule);
  registerStage("tenon-loops", "Codegen's first half: functions of the model ABI", addLoops);
  registerStage("tenon-llvm", "Codegen's second half: the LLVM dialect", addLlvm);
  registerStage("tenon-pipeline", "all stages in order", buildPipeline);
}

} // namespace

int main(int argc, char **argv) {
  DialectRegistry registry;
  tenon::pipeline::registerDialects(registry);
  tenon::pipeline::registerPasses();
  registerStages();
  tenon::registerTargetPipelines();
  return asMainReturnCode(MlirOptMain(argc, argv, "Tenon's compiler passes\n", registry));
}
