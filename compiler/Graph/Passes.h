//===- Passes.h - the Graph stage: nn to nn, independent of the target ---------------------===//
//
// See Passes.td for what each pass does and why it stands where it does.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_GRAPH_PASSES_H
#define TENON_COMPILER_GRAPH_PASSES_H

#include "mlir/Pass/Pass.h"
#include <memory>

namespace tenon::graph {

#define GEN_PASS_DECL
#include "compiler/Graph/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/Graph/Passes.h.inc"

} // namespace tenon::graph

#endif // TENON_COMPILER_GRAPH_PASSES_H
