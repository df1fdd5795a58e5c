//===- UkernelDialect.cpp - registration and verifiers of the ukernel dialect -------------------------------===//

#include "dialects/ukernel/Ukernel.h"

#include "dialects/ukernel/UkernelOpsDialect.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/ukernel/UkernelOps.cpp.inc"

using namespace mlir;
using namespace tenon::ukernel;

void UkernelDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/ukernel/UkernelOps.cpp.inc"
      >();
}

void PhaseOp::build(OpBuilder &builder, OperationState &state, Value tasks, Value work, Value scratch,
                    llvm::function_ref<void(OpBuilder &, Location, Value, Value, Value)> build) {
  state.addOperands({tasks, work, scratch});
  Region *body = state.addRegion();
  Type index = builder.getIndexType();
  Type bytes = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(body, {}, {index, index, bytes}, SmallVector<Location>(3, state.location));
  build(builder, state.location, block->getArgument(0), block->getArgument(1), block->getArgument(2));
}

LogicalResult PhaseOp::verify() {
  Block &block = getBody().front();
  Type index = IndexType::get(getContext());
  Type bytes = MemRefType::get({ShapedType::kDynamic}, IntegerType::get(getContext(), 8));
  if (block.getArgumentTypes() != TypeRange({index, index, bytes}))
    return emitOpError("region arguments must be (index, index, memref<?xi8>)");
  if (!isa<EndOp>(block.back()))
    return emitOpError("region must end in ukernel.end");
  return success();
}

void EndOp::build(OpBuilder &, OperationState &) {}
