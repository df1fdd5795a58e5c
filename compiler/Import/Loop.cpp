//===- Loop.cpp - loops over carried tensors -----------------------------------------------===//
//
// See Loop.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Loop.h"

#include "compiler/Import/Body.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace tenon::importer {

namespace arith = mlir::arith;

llvm::SmallVector<mlir::Value> buildLoop(Builder &b, const LoopShape &loop, LoopBody importBody) {
  mlir::OpBuilder &ir = b.raw();
  mlir::Location location = b.location();
  llvm::SmallVector<mlir::Type> types = llvm::to_vector_of<mlir::Type>(mlir::ValueRange(loop.initial).getTypes());
  while (true) {
    llvm::SmallVector<mlir::Type> all = {ir.getIndexType(), ir.getI1Type()};
    llvm::append_range(all, types);
    Body after(b);
    llvm::SmallVector<mlir::Value> arguments = after.addArguments(all);
    mlir::ValueRange tensors = mlir::ValueRange(arguments).drop_front(2);
    auto [next, values] = importBody(arguments.front(), tensors);
    b.setLocation(location);
    bool stable = true;
    for (size_t i = 0; i < types.size(); ++i) {
      mlir::Type common = commonType(tensors[i], values[i], "a carried tensor");
      stable &= common == types[i];
      types[i] = common;
    }
    if (!stable)
      continue;
    llvm::SmallVector<mlir::Value> yields = {b.value(b.add(arguments.front(), b.index(1))),
                                             next ? next : b.value(ir.getBoolAttr(true))};
    for (auto [value, type] : llvm::zip_equal(values, types))
      yields.push_back(b.retype(value, llvm::cast<mlir::RankedTensorType>(type)));
    mlir::scf::YieldOp::create(ir, location, yields);
    after.close();

    Body before(b);
    llvm::SmallVector<mlir::Value> state = before.addArguments(all);
    mlir::Value goesOn = state[1];
    if (loop.trips) {
      Scalar more = b.compare(arith::CmpIPredicate::slt, state[0], *loop.trips);
      goesOn = b.value(b.scalar<arith::AndIOp>(b.value(more), goesOn));
    }
    mlir::scf::ConditionOp::create(ir, location, goesOn, state);
    before.close();

    mlir::OperationState whileState(location, mlir::scf::WhileOp::getOperationName());
    whileState.addTypes(all);
    before.moveTo(whileState.addRegion());
    after.moveTo(whileState.addRegion());
    whileState.addOperands({b.value(b.index(0)), loop.condition});
    for (auto [value, type] : llvm::zip_equal(loop.initial, types))
      whileState.addOperands(b.retype(value, llvm::cast<mlir::RankedTensorType>(type)));
    mlir::Operation *op = ir.create(whileState);
    llvm::SmallVector<mlir::Value> results;
    for (mlir::Value result : op->getResults().drop_front(2)) {
      b.ownExtents(result);
      results.push_back(result);
    }
    return results;
  }
}

} // namespace tenon::importer
