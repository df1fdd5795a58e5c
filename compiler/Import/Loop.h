//===- Loop.h - loops over carried tensors -------------------------------------------------===//
//
// What Loop, Scan and recurrent compositions become: an scf.while whose carried tensors keep their rank.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_LOOP_H
#define TENON_COMPILER_IMPORT_LOOP_H

#include "compiler/Import/Builder.h"

namespace tenon::importer {

/// A loop in the making. Operands of its scf.while: the iteration number, the condition, the tensors.
struct LoopShape {
  /// Iterations, or none for as long as the condition holds.
  std::optional<Scalar> trips;
  /// The condition before the first iteration, an i1.
  mlir::Value condition;
  llvm::SmallVector<mlir::Value> initial;
};

/// Imports the body for the current iteration: gives the next condition (null: true) and the next tensors.
using LoopBody = llvm::function_ref<std::pair<mlir::Value, llvm::SmallVector<mlir::Value>>(mlir::Value iteration,
                                                                                           mlir::ValueRange tensors)>;

/// The results for the tensors. Extents that change from one iteration to the next become dynamic, for which the body
/// is imported again.
llvm::SmallVector<mlir::Value> buildLoop(Builder &b, const LoopShape &loop, LoopBody importBody);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_LOOP_H
