//===- Pipeline.cpp - the order of everything ----------------------------------------------===//
//
// Each function is one stage; its comment says what goes in and what comes out, and its last pass checks that. No stage
// asks for a target's name: what depends on the processor comes from Target.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Pipeline/Pipeline.h"

#include "compiler/Codegen/Passes.h"
#include "compiler/Fuse/Passes.h"
#include "compiler/Graph/Passes.h"
#include "compiler/Layout/Passes.h"
#include "compiler/Pipeline/Passes.h"
#include "compiler/Schedule/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace tenon::pipeline {

/// What may be in a module until it is scheduled.
static constexpr StringLiteral graphDialects[] = {"nn", "func", "scf", "arith", "math", "tensor"};

static void check(OpPassManager &pm, StringRef stage, ArrayRef<StringLiteral> dialects) {
  CheckLegalDialectsOptions options;
  options.stage = stage.str();
  for (StringRef dialect : dialects)
    options.dialects.push_back(dialect.str());
  pm.addPass(createCheckLegalDialects(options));
}

/// Canonical forms, and one value for what is equal.
static void cleanUp(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// nn as imported -> nn with inferred shapes, constants folded, movement reduced, factors in the weights.
void addGraph(OpPassManager &pm, const PipelineOptions &options) {
  check(pm, "Import", graphDialects);
  cleanUp(pm);
  pm.addPass(graph::createInferShapesPass());
  pm.addPass(graph::createFoldConstantsPass());
  // Extents that are equal have to be one value before anyone compares them.
  cleanUp(pm);
  if (!options.reference) {
    pm.addPass(graph::createSimplifyAlgebraPass());
    pm.addPass(graph::createSimplifyMovementPass());
    pm.addPass(graph::createRecognizeLookupPass());
    pm.addPass(graph::createSinkMovementPass());
    pm.addPass(graph::createFoldPaddingPass());
    if (!options.exact)
      pm.addPass(graph::createCombineFactorsPass());
    pm.addPass(graph::createFoldIntoWeightsPass());
    pm.addPass(graph::createMergeProductsPass());
    pm.addPass(graph::createDecomposeConvTransposePass());
    pm.addPass(graph::createMergeDimensionsPass());
    // Movement that these two leave meets its neighbours; dims of results become arithmetic again.
    pm.addPass(graph::createSimplifyMovementPass());
    pm.addPass(graph::createInferShapesPass());
    pm.addPass(graph::createFoldConstantsPass());
    cleanUp(pm);
  }
  check(pm, "Graph", graphDialects);
}

/// nn -> nn: pairs of quantize and dequantize become integer arithmetic.
void addQuantize(OpPassManager &pm, const PipelineOptions &) { check(pm, "Quantize", graphDialects); }

/// nn -> nn with layouts chosen and weights packed.
void addLayout(OpPassManager &pm, const Target &target, const PipelineOptions &options) {
  if (!options.reference) {
    pm.addPass(layout::createConvertToChannelsLastPass());
    pm.addPass(layout::createRestoreChannelsFirstPass({target.machine().vectorBytes}));
    // Transpositions that met cancel, the others move on to where they may; those of few elements become reshapes,
    // those of constants are done here. Reshapes leave dims of results behind.
    pm.addPass(graph::createSimplifyMovementPass());
    pm.addPass(graph::createSinkMovementPass());
    pm.addPass(graph::createSimplifyMovementPass());
    pm.addPass(layout::createSinkReshapesPass());
    pm.addPass(graph::createFoldPaddingPass());
    pm.addPass(layout::createTabulateResizePass());
    pm.addPass(graph::createInferShapesPass());
    pm.addPass(graph::createFoldConstantsPass());
    cleanUp(pm);
    layout::PackWeightsPassOptions pack;
    pack.runtimeBytes = target.machine().l2Bytes / 2;
    pack.lastLevelBytes = target.machine().lastLevelBytes;
    pack.vectorBytes = target.machine().vectorBytes;
    pack.winograd = !options.optimizeSize && !options.exact;
    pm.addPass(layout::createPackWeightsPass(pack));
    cleanUp(pm);
  }
  check(pm, "Layout", graphDialects);
}

/// nn in main -> kernels of nn ops, launched by main.
void addFuse(OpPassManager &pm, const PipelineOptions &options) {
  // While one can still see across kernels.
  pm.addPass(fuse::createMarkRoundedOnce());
  fuse::FormKernelsOptions form;
  form.singleOp = options.reference;
  form.attention = !options.exact;
  pm.addPass(fuse::createFormKernels(form));
  if (!options.reference)
    pm.addPass(fuse::createPlaceParts());
  pm.addPass(fuse::createMergeEqualKernels());
  pm.addPass(fuse::createCountOperations());
  check(pm, "Fuse", graphDialects);
}

/// Kernels of nn ops -> kernels of phases over flat buffers; main stays as it is.
void addSchedule(OpPassManager &pm, const Target &target, const PipelineOptions &options) {
  pm.addPass(schedule::createScheduleKernels(target.machine(), options.reference));
  if (!options.reference && !options.exact) {
    schedule::ApproximateMathOptions approximate;
    approximate.scaling = target.machine().scaling;
    approximate.lookup = target.machine().lookup;
    approximate.vectorBytes = target.machine().vectorBytes;
    pm.addNestedPass<func::FuncOp>(schedule::createApproximateMath(approximate));
  }
  check(pm, "Schedule", {"nn", "ukernel", "func", "scf", "arith", "math", "tensor", "memref", "vector"});
}

/// Scheduled kernels and main -> functions of the model ABI and the descriptor; bodies are loops and vectors.
void addLoops(OpPassManager &pm, const Target &target, const PipelineOptions &options) {
  target.addLowering(pm);
  pm.addPass(codegen::createOutlinePhases());
  pm.addPass(codegen::createPlanMemory());
  pm.addPass(codegen::createLowerMain());
  codegen::BuildDescriptorOptions descriptor;
  descriptor.symbol = options.symbol;
  descriptor.modelName = options.modelName;
  descriptor.producer = options.producer;
  descriptor.triple = target.triple().str();
  descriptor.cpu = target.cpu();
  llvm::append_range(descriptor.features, target.requiredFeatures());
  pm.addPass(codegen::createBuildDescriptor(descriptor));
  check(pm, "Codegen's loops", {"llvm", "scf", "cf", "arith", "math", "memref", "vector", "ub"});
}

/// Bodies of loops and vectors -> the LLVM dialect.
void addLlvm(OpPassManager &pm, const Target &target, const PipelineOptions &) {
  pm.addPass(codegen::createLowerMath());
  // One nest: each function goes through all three passes on one thread. Schedules repeat constants and index sums for
  // every use; an op costs ten times as much to convert as to recognise as equal.
  OpPassManager &functions = pm.nest<LLVM::LLVMFuncOp>();
  functions.addPass(createCSEPass());
  codegen::LowerVectorsOptions vectors;
  vectors.halfConversion = target.machine().halfConversion;
  functions.addPass(codegen::createLowerVectors(vectors));
  functions.addPass(codegen::createLowerToLlvm());
  codegen::AttachTargetOptions attach;
  attach.triple = target.triple().str();
  attach.cpu = target.cpu();
  attach.featureString = target.featureString();
  attach.vectorBytes = target.machine().vectorBytes;
  pm.addPass(codegen::createAttachTarget(attach));
  check(pm, "Codegen", {"llvm"});
}

void buildPipeline(OpPassManager &pm, const Target &target, const PipelineOptions &options) {
  addGraph(pm, options);
  addQuantize(pm, options);
  addLayout(pm, target, options);
  if (options.lastStage == Stage::Nn)
    return;
  addFuse(pm, options);
  if (options.lastStage == Stage::Fused)
    return;
  addSchedule(pm, target, options);
  if (options.lastStage == Stage::Scheduled)
    return;
  addLoops(pm, target, options);
  if (options.lastStage == Stage::Loops)
    return;
  addLlvm(pm, target, options);
}

} // namespace tenon::pipeline
