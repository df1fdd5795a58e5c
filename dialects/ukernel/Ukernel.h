//===- Ukernel.h - the ukernel dialect -----------------------------------------------------===//

#ifndef TENON_DIALECTS_UKERNEL_UKERNEL_H
#define TENON_DIALECTS_UKERNEL_UKERNEL_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/ukernel/UkernelOpsDialect.h.inc"

namespace tenon::ukernel {

/// What a ukernel.brgemm computes; see the op. All values are `index`, all offsets and steps in elements.
struct BrgemmShape {
  mlir::Value a, aOffset;
  llvm::SmallVector<mlir::Value> rows;
  mlir::Value aStep; ///< from one k to the next in a
  mlir::Value b, bOffset, bStep, panelStep;
  mlir::Value k;
  llvm::SmallVector<mlir::Value> batch, aSteps, bSteps;
  mlir::Value columns; ///< null: all columns are wanted
  int64_t vectors = 1, nr = 16, kGroup = 1;
  mlir::VectorType accumulator; ///< vector<L x acc>
  bool maskB = false;
  mlir::Value prefetch;       ///< distance in b of what is asked for ahead; null: nothing is
  int64_t prefetchShares = 1; ///< tiles that divide that among them
};

} // namespace tenon::ukernel

#define GET_OP_CLASSES
#include "dialects/ukernel/UkernelOps.h.inc"

#endif // TENON_DIALECTS_UKERNEL_UKERNEL_H
