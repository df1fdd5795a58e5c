//===- HalfStorage.cpp - 16-bit floats are moved as integers -------------------------------===//
//
// LLVM has no registers for bf16 on most processors, nor for f16 on some: there it keeps such values as f32, and a mere
// selection or shuffle of them becomes calls of conversions that neither libc nor libm has. Integers have no such
// trouble.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/HalfStorage.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace tenon::codegen {
namespace {

bool isHalf(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isF16() || element.isBF16();
}

/// The same scalar, vector or memref of i16.
Type integerType(Type type) {
  Type i16 = IntegerType::get(type.getContext(), 16);
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(i16);
  return i16;
}

/// Whether the op takes its operands as numbers, or has types that cannot be changed here.
bool needsNumbers(Operation *op) {
  if (isa<arith::SelectOp, arith::ConstantOp, arith::BitcastOp>(op))
    return false;
  return isa<arith::ArithDialect, math::MathDialect, LLVM::LLVMDialect>(op->getDialect()) ||
         isa<vector::FMAOp, vector::ReductionOp, vector::MultiDimReductionOp, vector::ContractionOp,
             vector::OuterProductOp, vector::ScanOp>(op);
}

class Rewriter {
public:
  void run(Operation *root) {
    root->walk([&](Operation *op) { collect(op); });
    // From here on, no value that is moved is a float; those that are kept are bitcast where they meet it.
    for (Value value : moved)
      value.setType(integerType(value.getType()));
    for (arith::ConstantOp constant : constants)
      constant.setValueAttr(integers(constant.getValue()));
    for (Value value : kept)
      leave(value);
    for (auto [operand, type] : numbers)
      enter(*operand, type);
    for (arith::BitcastOp bitcast : bitcasts)
      if (bitcast.getIn().getType() == bitcast.getType()) {
        bitcast.replaceAllUsesWith(bitcast.getIn());
        bitcast.erase();
      }
  }

private:
  void collect(Operation *op) {
    bool keeps = needsNumbers(op);
    if (keeps)
      for (OpOperand &operand : op->getOpOperands())
        if (isHalf(operand.get().getType()))
          numbers.emplace_back(&operand, operand.get().getType());
    for (Value result : op->getResults())
      if (isHalf(result.getType()))
        (keeps ? kept : moved).push_back(result);
    if (auto constant = dyn_cast<arith::ConstantOp>(op); constant && isHalf(constant.getType()))
      constants.push_back(constant);
    if (auto bitcast = dyn_cast<arith::BitcastOp>(op);
        bitcast && (isHalf(bitcast.getType()) || isHalf(bitcast.getIn().getType())))
      bitcasts.push_back(bitcast);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (Value argument : block.getArguments())
          if (isHalf(argument.getType()))
            // A function's own arguments have the types of its signature.
            (keeps && block.isEntryBlock() ? kept : moved).push_back(argument);
  }

  static TypedAttr integers(TypedAttr value) {
    Type i16 = IntegerType::get(value.getContext(), 16);
    if (auto number = dyn_cast<FloatAttr>(value))
      return IntegerAttr::get(i16, number.getValue().bitcastToAPInt());
    return cast<DenseElementsAttr>(value).bitcast(i16);
  }

  /// Other ops see the bits of a value that stays a float.
  static void leave(Value value) {
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    auto bits = arith::BitcastOp::create(builder, value.getLoc(), integerType(value.getType()), value);
    value.replaceAllUsesExcept(bits, bits);
  }

  /// An op that needs a number gets it back from bits.
  static void enter(OpOperand &operand, Type type) {
    OpBuilder builder(operand.getOwner());
    operand.set(arith::BitcastOp::create(builder, operand.getOwner()->getLoc(), type, operand.get()));
  }

  SmallVector<std::pair<OpOperand *, Type>> numbers;
  SmallVector<Value> moved, kept;
  SmallVector<arith::ConstantOp> constants;
  SmallVector<arith::BitcastOp> bitcasts;
};

} // namespace

void moveHalvesAsIntegers(Operation *root) { Rewriter().run(root); }

} // namespace tenon::codegen
