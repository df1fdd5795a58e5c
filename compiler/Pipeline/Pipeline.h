//===- Pipeline.h - the order of everything ------------------------------------------------===//

#ifndef TENON_COMPILER_PIPELINE_PIPELINE_H
#define TENON_COMPILER_PIPELINE_PIPELINE_H

#include "targets/Target.h"
#include <string>

namespace mlir {
class DialectRegistry;
}

namespace tenon::pipeline {

/// Where the pipeline can stop. docs/architecture.md says what the IR is like there.
enum class Stage {
  Nn,        ///< after Graph, Quantize and Layout
  Fused,     ///< after Fuse
  Scheduled, ///< after Schedule
  Loops,     ///< functions of the model ABI with bodies of loops and vectors
  Llvm       ///< the LLVM dialect, for Emit
};

struct PipelineOptions {
  bool reference = false;             ///< the slow, obvious lowering of every op
  bool exact = false;                 ///< no approximation of mathematical functions
  bool optimizeSize = false;          ///< no constants or code that exist for speed only
  std::string symbol = "tenon_model"; ///< name of the descriptor
  std::string modelName = "model";    ///< for people
  std::string producer = "tenon";     ///< version and revision of the compiler
  Stage lastStage = Stage::Llvm;
};

/// Adds every pass up to the stage that `options` name, on a module. `target` must outlive the pass manager.
void buildPipeline(mlir::OpPassManager &pm, const Target &target, const PipelineOptions &options);

// The stages one by one, in order.
void addGraph(mlir::OpPassManager &pm, const PipelineOptions &options);
void addQuantize(mlir::OpPassManager &pm, const PipelineOptions &options);
void addLayout(mlir::OpPassManager &pm, const Target &target, const PipelineOptions &options);
void addFuse(mlir::OpPassManager &pm, const PipelineOptions &options);
void addSchedule(mlir::OpPassManager &pm, const Target &target, const PipelineOptions &options);
void addLoops(mlir::OpPassManager &pm, const Target &target, const PipelineOptions &options);
void addLlvm(mlir::OpPassManager &pm, const Target &target, const PipelineOptions &options);

/// Registers the dialects of all stages.
void registerDialects(mlir::DialectRegistry &registry);

/// Registers every pass by its flag, for textual pipelines.
void registerPasses();

} // namespace tenon::pipeline

#endif // TENON_COMPILER_PIPELINE_PIPELINE_H
