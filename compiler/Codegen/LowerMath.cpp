//===- LowerMath.cpp - math ops without an LLVM intrinsic call the C library ---------------===//
//
// Expects: math ops on scalars and vectors of f16, bf16, f32, f64 in llvm.func bodies.
// Guarantees: those of the table are calls; the rest has intrinsics (LowerToLlvm). The library's functions are exact to
// an ulp or so where the expansions of upstream (expm1(x) as exp(x) - 1) lose all digits near zero.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringSwitch.h"

namespace tenon::codegen {
#define GEN_PASS_DEF_LOWERMATH
#include "compiler/Codegen/Passes.h.inc"
} // namespace tenon::codegen

using namespace mlir;

namespace tenon::codegen {
namespace {

/// The C library's function for f64; with an "f" behind it that for f32. Empty: none is needed.
StringRef libraryFunction(Operation *op) {
  return llvm::StringSwitch<StringRef>(op->getName().getStringRef())
      .Case("math.acos", "acos")
      .Case("math.acosh", "acosh")
      .Case("math.asin", "asin")
      .Case("math.asinh", "asinh")
      .Case("math.atan", "atan")
      .Case("math.atan2", "atan2")
      .Case("math.atanh", "atanh")
      .Case("math.cbrt", "cbrt")
      .Case("math.cosh", "cosh")
      .Case("math.erf", "erf")
      .Case("math.erfc", "erfc")
      .Case("math.expm1", "expm1")
      .Case("math.log1p", "log1p")
      .Case("math.sinh", "sinh")
      .Case("math.tan", "tan")
      .Case("math.tanh", "tanh")
      .Default("");
}

struct LowerMathPass : impl::LowerMathBase<LowerMathPass> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<math::MathDialect>(op->getDialect()) && !libraryFunction(op).empty())
        ops.push_back(op);
    });
    for (Operation *op : ops)
      lower(op);
  }

private:
  LLVM::LLVMFuncOp declare(StringRef name, Type type, unsigned operands) {
    ModuleOp module = getOperation();
    if (auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
      return function;
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    auto functionType = LLVM::LLVMFunctionType::get(type, SmallVector<Type>(operands, type));
    auto function = LLVM::LLVMFuncOp::create(builder, module.getLoc(), name, functionType);
    function.setNoUnwind(true);
    function.setWillReturn(true);
    return function;
  }

  Value call(OpBuilder &builder, Location loc, StringRef name, ValueRange operands) {
    Type type = operands.front().getType();
    Type computed = type.isF64() ? type : Type(builder.getF32Type());
    std::string symbol = type.isF64() ? name.str() : name.str() + "f";
    SmallVector<Value> widened;
    for (Value operand : operands)
      widened.push_back(type == computed ? operand : arith::ExtFOp::create(builder, loc, computed, operand));
    auto function = declare(symbol, computed, operands.size());
    Value result = LLVM::CallOp::create(builder, loc, function, widened).getResult();
    return type == computed ? result : arith::TruncFOp::create(builder, loc, type, result);
  }

  void lower(Operation *op) {
    OpBuilder builder(op);
    Location loc = op->getLoc();
    StringRef name = libraryFunction(op);
    auto vector = dyn_cast<VectorType>(op->getResult(0).getType());
    if (!vector) {
      op->replaceAllUsesWith(ValueRange(call(builder, loc, name, op->getOperands())));
      op->erase();
      return;
    }
    SmallVector<Value> elements;
    SmallVector<int64_t> position(vector.getRank());
    for (int64_t i = 0; i < vector.getNumElements(); ++i) {
      int64_t rest = i;
      for (int64_t dim = vector.getRank() - 1; dim >= 0; --dim) {
        position[dim] = rest % vector.getDimSize(dim);
        rest /= vector.getDimSize(dim);
      }
      SmallVector<Value> operands;
      for (Value operand : op->getOperands())
        operands.push_back(vector::ExtractOp::create(builder, loc, operand, position));
      elements.push_back(call(builder, loc, name, operands));
    }
    Value result = vector::FromElementsOp::create(builder, loc, vector, elements);
    op->replaceAllUsesWith(ValueRange(result));
    op->erase();
  }
};

} // namespace
} // namespace tenon::codegen
