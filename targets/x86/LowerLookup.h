//===- LowerLookup.h - ukernel.lookup to AVX2 and AVX-512 -------------------------------------===//

#ifndef TENON_TARGETS_X86_LOWERLOOKUP_H
#define TENON_TARGETS_X86_LOWERLOOKUP_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace tenon {

/// Lowers every ukernel.lookup in a function to vpermd.
std::unique_ptr<mlir::Pass> createLowerLookupPass();

} // namespace tenon

#endif // TENON_TARGETS_X86_LOWERLOOKUP_H
