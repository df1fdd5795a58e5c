//===- LowerScale.h - ukernel.scale to AVX-512 ---------------------------------------------===//

#ifndef TENON_TARGETS_X86_LOWERSCALE_H
#define TENON_TARGETS_X86_LOWERSCALE_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace tenon {

/// Lowers every ukernel.scale in a function to vscalefps or vscalefpd.
std::unique_ptr<mlir::Pass> createLowerScalePass();

} // namespace tenon

#endif // TENON_TARGETS_X86_LOWERSCALE_H
