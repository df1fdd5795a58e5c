//===- Passes.h - passes of the pipeline itself --------------------------------------------===//

#ifndef TENON_COMPILER_PIPELINE_PASSES_H
#define TENON_COMPILER_PIPELINE_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace tenon::pipeline {

#define GEN_PASS_DECL
#include "compiler/Pipeline/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/Pipeline/Passes.h.inc"

} // namespace tenon::pipeline

#endif // TENON_COMPILER_PIPELINE_PASSES_H
