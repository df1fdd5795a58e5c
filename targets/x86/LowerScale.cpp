//===- LowerScale.cpp - ukernel.scale to AVX-512 -------------------------------------------===//

#include "targets/x86/LowerScale.h"
#include "dialects/ukernel/Ukernel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace tenon {

namespace {

struct LowerScalePass : PassWrapper<LowerScalePass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerScalePass)

  StringRef getArgument() const override { return "tenon-lower-scale"; }
  StringRef getDescription() const override { return "lower ukernel.scale to AVX-512"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<LLVM::LLVMDialect>(); }

  void runOnOperation() override {
    SmallVector<ukernel::ScaleOp> ops;
    getOperation()->walk([&](ukernel::ScaleOp op) { ops.push_back(op); });
    for (ukernel::ScaleOp op : ops)
      lower(op);
  }

private:
  static void lower(ukernel::ScaleOp op) {
    constexpr int64_t currentRounding = 4; // of the control register
    OpBuilder b(op);
    Location loc = op.getLoc();
    VectorType type = op.getType();
    int64_t lanes = type.getNumElements(), bits = lanes * type.getElementTypeBitWidth();
    // The mask has a byte at least; lanes behind the last do not matter.
    Type maskType = b.getIntegerType(std::max<int64_t>(lanes, 8));
    Value all = LLVM::ConstantOp::create(b, loc, maskType, b.getIntegerAttr(maskType, -1));
    SmallVector<Value> operands{op.getX(), op.getN(), op.getX(), all};
    if (bits == 512)
      operands.push_back(LLVM::ConstantOp::create(b, loc, b.getI32Type(), b.getI32IntegerAttr(currentRounding)));
    std::string name =
        ("llvm.x86.avx512.mask.scalef.p" + Twine(type.getElementType().isF64() ? "d." : "s.") + Twine(bits)).str();
    auto call = LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name), operands);
    op.replaceAllUsesWith(call.getResults());
    op.erase();
  }
};

} // namespace

std::unique_ptr<Pass> createLowerScalePass() { return std::make_unique<LowerScalePass>(); }

} // namespace tenon
