//===- Passes.h - passes of the Fuse stage -------------------------------------------------===//

#ifndef TENON_COMPILER_FUSE_PASSES_H
#define TENON_COMPILER_FUSE_PASSES_H

#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/Pass.h"

namespace tenon::fuse {

#define GEN_PASS_DECL
#include "compiler/Fuse/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/Fuse/Passes.h.inc"

} // namespace tenon::fuse

#endif // TENON_COMPILER_FUSE_PASSES_H
