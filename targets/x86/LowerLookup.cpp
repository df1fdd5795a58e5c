//===- LowerLookup.cpp - ukernel.lookup to AVX2 and AVX-512 --------------------------------===//

#include "targets/x86/LowerLookup.h"
#include "dialects/ukernel/Ukernel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace tenon {

namespace {

struct LowerLookupPass : PassWrapper<LowerLookupPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerLookupPass)

  StringRef getArgument() const override { return "tenon-lower-lookup"; }
  StringRef getDescription() const override { return "lower ukernel.lookup to AVX2 and AVX-512"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<LLVM::LLVMDialect>(); }

  void runOnOperation() override {
    SmallVector<ukernel::LookupOp> ops;
    getOperation()->walk([&](ukernel::LookupOp op) { ops.push_back(op); });
    for (ukernel::LookupOp op : ops)
      lower(op);
  }

private:
  /// A permutation of the table's lanes.
  static void lower(ukernel::LookupOp op) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    VectorType type = op.getType();
    Value table = LLVM::ConstantOp::create(b, loc, type, DenseElementsAttr::get(type, op.getTable()));
    StringRef name = type.getNumElements() == 16 ? "llvm.x86.avx512.permvar.si.512" : "llvm.x86.avx2.permd";
    auto call = LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name), ValueRange{table, op.getIndex()});
    op.replaceAllUsesWith(call.getResults());
    op.erase();
  }
};

} // namespace

std::unique_ptr<Pass> createLowerLookupPass() { return std::make_unique<LowerLookupPass>(); }

} // namespace tenon
