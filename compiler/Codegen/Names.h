//===- Names.h - attributes and symbols that Codegen's passes and the stages around them agree on --===//

#ifndef TENON_COMPILER_CODEGEN_NAMES_H
#define TENON_COMPILER_CODEGEN_NAMES_H

#include "llvm/ADT/StringRef.h"

namespace tenon::codegen {

// On kernel functions, from the stages before (docs/architecture.md).
inline constexpr llvm::StringLiteral kernelAttr = "nn.kernel", resultsAttr = "nn.results", inPlaceAttr = "nn.in_place",
                                     pathAttr = "nn.path";
// On phases: text for a task that fails, instead of the general one.
inline constexpr llvm::StringLiteral errorAttr = "nn.error";
// On arguments and results of main.
inline constexpr llvm::StringLiteral nameAttr = "nn.name", dimsAttr = "nn.dims", rangesAttr = "nn.ranges",
                                     transformedBytesAttr = "nn.transformed_bytes", valuesAttr = "nn.values";
// On the module: the texts of its constants (dialects/nn/NnBase.td).
inline constexpr llvm::StringLiteral stringsAttr = "nn.strings";

// On kernel functions, from OutlinePhases: their number, the function to call, its argument slots, scratch bytes per
// thread (or the function that computes them, and which arguments it reads), how many phases.
inline constexpr llvm::StringLiteral indexAttr = "tenon.index", functionAttr = "tenon.function",
                                     slotsAttr = "tenon.slots", scratchAttr = "tenon.scratch",
                                     scratchArgumentsAttr = "tenon.scratch_arguments", phasesAttr = "tenon.phases";

// On ops of main and on main itself, from PlanMemory.
inline constexpr llvm::StringLiteral storageAttr = "tenon.storage", arenaBytesAttr = "tenon.arena_bytes",
                                     conflictsAttr = "tenon.conflicts", buffersAttr = "tenon.buffers";

// On the module, from LowerMain to BuildDescriptor.
inline constexpr llvm::StringLiteral inputsAttr = "tenon.inputs", outputsAttr = "tenon.outputs",
                                     kernelsAttr = "tenon.kernels", tableSlotsAttr = "tenon.table_slots";

// Symbols.
inline constexpr llvm::StringLiteral mainName = "main", planName = "tenon_plan", runName = "tenon_run",
                                     conflictsName = "tenon_conflicts", conflictStartsName = "tenon_conflict_starts";
inline constexpr llvm::StringLiteral kernelSuffix = "_kernel", scratchSuffix = "_scratch", bodySuffix = "_body";

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_NAMES_H
