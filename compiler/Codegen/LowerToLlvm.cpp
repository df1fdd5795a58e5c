//===- LowerToLlvm.cpp - bodies of functions in the LLVM dialect ---------------------------===//
//
// Expects: llvm.func with scf, cf, arith, math, index, ub, one-dimensional vector and memref ops, and casts between
// pointers' descriptors and memrefs. Guarantees: LLVM dialect only.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/Buffers.h"
#include "compiler/Codegen/Passes.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/DialectConversion.h"

namespace tenon::codegen {
#define GEN_PASS_DEF_LOWERTOLLVM
#include "compiler/Codegen/Passes.h.inc"
} // namespace tenon::codegen

using namespace mlir;

namespace tenon::codegen {
namespace {

struct LowerToLlvmPass : impl::LowerToLlvmBase<LowerToLlvmPass> {
  LogicalResult initialize(MLIRContext *context) override {
    converter = std::make_shared<LLVMTypeConverter>(context, loweringOptions(context));

    RewritePatternSet structured(context);
    populateSCFToControlFlowConversionPatterns(structured);
    structuredPatterns = FrozenRewritePatternSet(std::move(structured));
    structuredTarget = std::make_shared<ConversionTarget>(*context);
    structuredTarget->addIllegalDialect<scf::SCFDialect>();
    structuredTarget->markUnknownOpDynamicallyLegal([](Operation *) { return true; });

    RewritePatternSet patterns(context);
    arith::populateArithToLLVMConversionPatterns(*converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(*converter, patterns);
    index::populateIndexToLLVMConversionPatterns(*converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(*converter, patterns);
    populateMathToLLVMConversionPatterns(*converter, patterns, /*approximateLog1p=*/false);
    populateVectorToLLVMConversionPatterns(*converter, patterns, /*reassociateFPReductions=*/false,
                                           /*force32BitVectorIndices=*/true);
    ub::populateUBToLLVMConversionPatterns(*converter, patterns);
    llvmPatterns = FrozenRewritePatternSet(std::move(patterns));
    llvmTarget = std::make_shared<LLVMConversionTarget>(*context);
    llvmTarget->addLegalOp<UnrealizedConversionCastOp>();
    return success();
  }

  void runOnOperation() override {
    LLVM::LLVMFuncOp function = getOperation();
    if (function.isExternal())
      return;
    if (failed(applyPartialConversion(function, *structuredTarget, structuredPatterns)) ||
        failed(applyFullConversion(function, *llvmTarget, llvmPatterns)))
      return signalPassFailure();
    SmallVector<UnrealizedConversionCastOp> casts, left;
    function.walk([&](UnrealizedConversionCastOp cast) { casts.push_back(cast); });
    reconcileUnrealizedCasts(casts, &left);
    for (UnrealizedConversionCastOp cast : left) {
      cast.emitOpError("is left after the conversion to the LLVM dialect");
      signalPassFailure();
    }
  }

private:
  std::shared_ptr<LLVMTypeConverter> converter;
  std::shared_ptr<ConversionTarget> structuredTarget, llvmTarget;
  FrozenRewritePatternSet structuredPatterns, llvmPatterns;
};

} // namespace
} // namespace tenon::codegen
