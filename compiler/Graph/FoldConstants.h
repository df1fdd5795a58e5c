//===- FoldConstants.h - constant folding as patterns for other passes ---------------------===//

#ifndef TENON_COMPILER_GRAPH_FOLDCONSTANTS_H
#define TENON_COMPILER_GRAPH_FOLDCONSTANTS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/PatternMatch.h"

namespace tenon::graph {

/// What folding may still spend; the same for every run on the same model.
struct FoldBudget {
  int64_t bytes;    ///< size up to which any result is made
  int64_t elements; ///< result elements of all folds together

  /// Whether a result may be made from operands of that size; takes it off the budget.
  bool admits(mlir::RankedTensorType type, int64_t operandBytes);
};

/// Adds the patterns of FoldConstantsPass. `budget` must outlive their use.
void addFoldConstantsPatterns(mlir::RewritePatternSet &patterns, FoldBudget &budget);

} // namespace tenon::graph

#endif // TENON_COMPILER_GRAPH_FOLDCONSTANTS_H
