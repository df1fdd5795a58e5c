//===- Checked.cpp - arithmetic of shapes that never traps nor wraps unseen ----------------===//

#include "compiler/Codegen/Checked.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "runtime/include/tenon/model_abi.h"

using namespace mlir;

namespace tenon::codegen {

static bool isSignedDivision(Operation *op) {
  return isa<arith::DivSIOp, arith::RemSIOp, arith::CeilDivSIOp, arith::FloorDivSIOp>(op);
}

static bool isDivision(Operation *op) {
  return isSignedDivision(op) || isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp>(op);
}

bool mayTrap(Operation *op) {
  if (!isDivision(op))
    return false;
  std::optional<int64_t> divisor = getConstantIntValue(OpFoldResult(op->getOperand(1)));
  return !divisor || *divisor == 0 || (*divisor == -1 && isSignedDivision(op));
}

Operation *cloneScalar(OpBuilder &builder, Operation *op, IRMapping &mapping) {
  if (!mayTrap(op))
    return builder.clone(*op, mapping);
  Location loc = op->getLoc();
  Value dividend = mapping.lookup(op->getOperand(0)), divisor = mapping.lookup(op->getOperand(1));
  Type type = divisor.getType();
  auto constant = [&](int64_t value) {
    return arith::ConstantOp::create(builder, loc, type, builder.getIntegerAttr(type, value));
  };
  auto equal = [&](Value a, Value b) { return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, a, b); };
  Value traps = equal(divisor, constant(0));
  if (isSignedDivision(op)) {
    unsigned width = isa<IndexType>(type) ? 64 : type.getIntOrFloatBitWidth();
    Value lowest = arith::ConstantOp::create(
        builder, loc, type, builder.getIntegerAttr(type, APInt::getSignedMinValue(width).getSExtValue()));
    Value overflows = arith::AndIOp::create(builder, loc, equal(dividend, lowest), equal(divisor, constant(-1)));
    traps = arith::OrIOp::create(builder, loc, traps, overflows);
  }
  IRMapping guarded;
  guarded.map(op->getOperand(0), dividend);
  guarded.map(op->getOperand(1), arith::SelectOp::create(builder, loc, traps, constant(1), divisor).getResult());
  return builder.clone(*op, guarded);
}

/// The two results of an intrinsic with an overflow bit.
template <typename OpTy>
static CheckedSize withOverflow(OpBuilder &builder, Location loc, Value a, Value b, Value bad) {
  auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), {builder.getI64Type(), builder.getI1Type()});
  Value both = OpTy::create(builder, loc, type, a, b);
  Value value = LLVM::ExtractValueOp::create(builder, loc, both, 0);
  Value overflow = LLVM::ExtractValueOp::create(builder, loc, both, 1);
  return {value, arith::OrIOp::create(builder, loc, bad, overflow)};
}

CheckedSize checkedSize(OpBuilder &builder, Location loc, ArrayRef<Value> extents, int64_t elementBytes) {
  auto constant = [&](int64_t value) {
    return arith::ConstantIntOp::create(builder, loc, builder.getI64Type(), value);
  };
  Value zero = constant(0);
  CheckedSize size{constant(elementBytes), arith::ConstantIntOp::create(builder, loc, builder.getI1Type(), 0)};
  for (Value extent : extents) {
    Value negative = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, extent, zero);
    Value bad = arith::OrIOp::create(builder, loc, size.bad, negative);
    size = withOverflow<LLVM::SMulWithOverflowOp>(builder, loc, size.bytes, extent, bad);
  }
  size = withOverflow<LLVM::SAddWithOverflowOp>(builder, loc, size.bytes, constant(TENON_ALIGNMENT - 1), size.bad);
  size.bytes = arith::AndIOp::create(builder, loc, size.bytes, constant(-int64_t(TENON_ALIGNMENT)));
  return size;
}

} // namespace tenon::codegen
