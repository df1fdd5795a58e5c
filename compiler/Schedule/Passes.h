//===- Passes.h - passes of the Schedule stage ---------------------------------------------===//

#ifndef TENON_COMPILER_SCHEDULE_PASSES_H
#define TENON_COMPILER_SCHEDULE_PASSES_H

#include "dialects/ukernel/Ukernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "targets/Target.h"

namespace tenon::schedule {

#define GEN_PASS_DECL
#include "compiler/Schedule/Passes.h.inc"

/// ScheduleKernels for a processor; with `reference` every op by its definition.
std::unique_ptr<mlir::Pass> createScheduleKernels(const Machine &machine, bool reference);

#define GEN_PASS_REGISTRATION
#include "compiler/Schedule/Passes.h.inc"

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_PASSES_H
