//===- Passes.h - from scheduled kernels to the LLVM dialect -------------------------------===//
//
// What each pass does is in Passes.td; what goes in and comes out in docs/architecture.md, "After Schedule" and "After
// Codegen".
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_PASSES_H
#define TENON_COMPILER_CODEGEN_PASSES_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
namespace affine {
class AffineDialect;
}
namespace arith {
class ArithDialect;
}
namespace cf {
class ControlFlowDialect;
}
namespace memref {
class MemRefDialect;
}
namespace scf {
class SCFDialect;
}
namespace vector {
class VectorDialect;
}
} // namespace mlir

namespace tenon::codegen {

#define GEN_PASS_DECL
#include "compiler/Codegen/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/Codegen/Passes.h.inc"

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_PASSES_H
