//===- Ukernel.h - the ukernel dialect -----------------------------------------------------------------===//

#ifndef TENON_DIALECTS_UKERNEL_UKERNEL_H
#define TENON_DIALECTS_UKERNEL_UKERNEL_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/ukernel/UkernelOpsDialect.h.inc"

#define GET_OP_CLASSES
#include "dialects/ukernel/UkernelOps.h.inc"

#endif // TENON_DIALECTS_UKERNEL_UKERNEL_H
