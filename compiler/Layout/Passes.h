//===- Passes.h - the Layout stage: nn to nn, data and weights in the order that kernels like --===//
//
// See Passes.td for what each pass does and why it stands where it does.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_LAYOUT_PASSES_H
#define TENON_COMPILER_LAYOUT_PASSES_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace tenon::layout {

#define GEN_PASS_DECL
#include "compiler/Layout/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/Layout/Passes.h.inc"

} // namespace tenon::layout

#endif // TENON_COMPILER_LAYOUT_PASSES_H
