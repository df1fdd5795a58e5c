//===- RegionEmitter.cpp - copies structured code into an LLVM function with early returns --===//

#include "compiler/Codegen/RegionEmitter.h"

#include "compiler/Codegen/Checked.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;

namespace tenon::codegen {

RegionEmitter::RegionEmitter(LLVM::LLVMFuncOp function, const Abi &abi)
    : abi(abi), function(function), builder(function.getContext()), ir(builder, abi) {
  function.addEntryBlock(builder);
  builder.setInsertionPointToEnd(&function.getBody().front());
}

LogicalResult RegionEmitter::emitOp(Operation *op) {
  if (op->getNumRegions() != 0)
    return op->emitOpError("has a region that code generation does not know");
  IRMapping operands;
  for (Value operand : op->getOperands())
    operands.map(operand, lookup(operand));
  Operation *copy = cloneScalar(builder, op, operands);
  mapping.map(op->getResults(), copy->getResults());
  return success();
}

LogicalResult RegionEmitter::emitLoopCarried(scf::WhileOp, ValueRange, SmallVectorImpl<Value> &, bool) {
  return success();
}

LogicalResult RegionEmitter::emitOps(Block &block) {
  for (Operation &op : block) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      break;
    LogicalResult result = success();
    if (op.getNumRegions() != 0 && failed(beforeRegions(&op)))
      return failure();
    if (auto ifOp = dyn_cast<scf::IfOp>(op))
      result = emitIf(ifOp);
    else if (auto whileOp = dyn_cast<scf::WhileOp>(op))
      result = emitWhile(whileOp);
    else
      result = emitOp(&op);
    if (failed(result))
      return failure();
  }
  return success();
}

Block *RegionEmitter::createBlock(TypeRange sourceTypes, Location loc) {
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Type> types;
  for (Type type : sourceTypes)
    types.push_back(convertType(type));
  return builder.createBlock(&function.getBody(), function.getBody().end(), types,
                             SmallVector<Location>(types.size(), loc));
}

SmallVector<Value> RegionEmitter::lookupAll(ValueRange sources) {
  return llvm::map_to_vector(sources, [&](Value source) { return lookup(source); });
}

LogicalResult RegionEmitter::emitIf(scf::IfOp op) {
  Location loc = op.getLoc();
  Value condition = lookup(op.getCondition());
  Block *thenBlock = createBlock({}, loc), *elseBlock = createBlock({}, loc);
  cf::CondBranchOp::create(builder, loc, condition, thenBlock, ValueRange(), elseBlock, ValueRange());
  Block *merge = createBlock(op.getResultTypes(), loc);
  auto emitBranch = [&](Block *start, Region &region) -> LogicalResult {
    builder.setInsertionPointToEnd(start);
    SmallVector<Value> results;
    if (!region.empty()) {
      if (failed(emitOps(region.front())))
        return failure();
      results = lookupAll(region.front().getTerminator()->getOperands());
    }
    cf::BranchOp::create(builder, loc, merge, results);
    return success();
  };
  if (failed(emitBranch(thenBlock, op.getThenRegion())) || failed(emitBranch(elseBlock, op.getElseRegion())))
    return failure();
  // In the order of execution, for whoever reads it.
  merge->moveBefore(&function.getBody(), function.getBody().end());
  builder.setInsertionPointToEnd(merge);
  mapping.map(op.getResults(), merge->getArguments());
  return success();
}

LogicalResult RegionEmitter::emitWhile(scf::WhileOp op) {
  Location loc = op.getLoc();
  SmallVector<Value> carried = lookupAll(op.getInits());
  if (failed(emitLoopCarried(op, op.getInits(), carried, /*isInit=*/true)))
    return failure();
  Block *head = createBlock(op.getBeforeBody()->getArgumentTypes(), loc);
  cf::BranchOp::create(builder, loc, head, carried);

  builder.setInsertionPointToEnd(head);
  mapping.map(op.getBeforeArguments(), head->getArguments());
  if (failed(emitOps(*op.getBeforeBody())))
    return failure();
  scf::ConditionOp condition = op.getConditionOp();
  SmallVector<Value> forwarded = lookupAll(condition.getArgs());
  Block *body = createBlock(op.getAfterBody()->getArgumentTypes(), loc), *exit = createBlock(op.getResultTypes(), loc);
  cf::CondBranchOp::create(builder, loc, lookup(condition.getCondition()), body, forwarded, exit, forwarded);

  builder.setInsertionPointToEnd(body);
  mapping.map(op.getAfterArguments(), body->getArguments());
  if (failed(emitOps(*op.getAfterBody())))
    return failure();
  carried = lookupAll(op.getYieldOp().getOperands());
  if (failed(emitLoopCarried(op, op.getYieldOp().getOperands(), carried, /*isInit=*/false)))
    return failure();
  cf::BranchOp::create(builder, loc, head, carried);

  exit->moveBefore(&function.getBody(), function.getBody().end());
  builder.setInsertionPointToEnd(exit);
  mapping.map(op.getResults(), exit->getArguments());
  return success();
}

void RegionEmitter::returnIf(Location loc, Value failed, llvm::function_ref<Value()> emitStatus) {
  Block *next = createBlock({}, loc), *failure = createBlock({}, loc);
  cf::CondBranchOp::create(builder, loc, failed, failure, ValueRange(), next, ValueRange());
  builder.setInsertionPointToEnd(failure);
  emitReturn(loc, emitStatus());
  builder.setInsertionPointToEnd(next);
}

void RegionEmitter::emitWhere(Location loc, Value condition, llvm::function_ref<void()> emit) {
  Block *next = createBlock({}, loc), *inside = createBlock({}, loc);
  cf::CondBranchOp::create(builder, loc, condition, inside, ValueRange(), next, ValueRange());
  builder.setInsertionPointToEnd(inside);
  emit();
  cf::BranchOp::create(builder, loc, next);
  next->moveBefore(&function.getBody(), function.getBody().end());
  builder.setInsertionPointToEnd(next);
}

void RegionEmitter::returnIfStatus(Location loc, Value status) {
  Value failed = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, status, ir.i32(loc, TENON_OK));
  returnIf(loc, failed, [&] { return status; });
}

void RegionEmitter::emitReturn(Location loc, Value value) { LLVM::ReturnOp::create(builder, loc, value); }

Value RegionEmitter::allocateFrame(Location loc, int64_t slots) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&function.getBody().front());
  return LLVM::AllocaOp::create(builder, loc, abi.pointer, abi.i64, ir.i64(loc, std::max<int64_t>(slots, 1)),
                                /*alignment=*/slotBytes);
}

} // namespace tenon::codegen
