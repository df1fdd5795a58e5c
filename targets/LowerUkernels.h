//===- LowerUkernels.h - microkernels to vector code, from facts about the machine ---------===//

#ifndef TENON_TARGETS_LOWERUKERNELS_H
#define TENON_TARGETS_LOWERUKERNELS_H

#include "targets/Target.h"

namespace tenon {

/// Lowers every ukernel.brgemm in a function to loops over 1-D vectors: accumulators are values carried by the loops,
/// so that they stay in registers; the epilogue follows, once per accumulator, in row order.
std::unique_ptr<mlir::Pass> createLowerBrgemmPass(const Machine &machine);

/// The lowerings above, in order, on kernel functions.
void addUkernelLowering(mlir::OpPassManager &pm, const Machine &machine);

} // namespace tenon

#endif // TENON_TARGETS_LOWERUKERNELS_H
