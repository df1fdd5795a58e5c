//===- LowerVectors.cpp - vector ops of higher rank and composite vector ops are taken apart --===//
//
// Expects: the vector dialect on memrefs. Guarantees: what LowerToLlvm can convert; strided views are plain pointers
// and offsets; 16-bit floats are moved as integers, and their conversions and comparisons that would call a library of
// the compiler's (not libc nor libm) are integer arithmetic.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/HalfConversion.h"
#include "compiler/Codegen/HalfStorage.h"
#include "compiler/Codegen/MaskLowering.h"
#include "compiler/Codegen/Passes.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tenon::codegen {
#define GEN_PASS_DEF_LOWERVECTORS
#include "compiler/Codegen/Passes.h.inc"
} // namespace tenon::codegen

using namespace mlir;

namespace tenon::codegen {
namespace {

/// Brings constant-size allocas to the function's entry: in a loop they would grow the stack.
void hoistAllocas(LLVM::LLVMFuncOp function) {
  SmallVector<memref::AllocaOp> allocas;
  function.walk([&](memref::AllocaOp op) {
    if (op->getNumOperands() == 0 && op->getBlock() != &function.getBody().front())
      allocas.push_back(op);
  });
  for (memref::AllocaOp op : allocas)
    op->moveBefore(&function.getBody().front(), function.getBody().front().begin());
}

/// Patterns that take ops apart, from the highest level down; the driver applies them until none matches.
FrozenRewritePatternSet buildPatterns(MLIRContext *context, bool halfConversion) {
  RewritePatternSet patterns(context);
  populateVectorToSCFConversionPatterns(patterns, VectorTransferToSCFOptions().enableFullUnroll());
  vector::populateVectorTransferLoweringPatterns(patterns, /*maxTransferRank=*/1);
  vector::populateVectorContractLoweringPatterns(patterns, vector::VectorContractLowering::OuterProduct);
  vector::populateVectorOuterProductLoweringPatterns(patterns);
  vector::populateVectorMultiReductionLoweringPatterns(patterns, vector::VectorMultiReductionLowering::InnerParallel);
  vector::populateVectorBroadcastLoweringPatterns(patterns);
  vector::populateVectorMaskOpLoweringPatterns(patterns);
  vector::populateVectorShapeCastLoweringPatterns(patterns);
  vector::populateVectorTransposeLoweringPatterns(patterns, vector::VectorTransposeLowering::Shuffle1D);
  vector::populateVectorInterleaveLoweringPatterns(patterns);
  vector::populateVectorBitCastLoweringPatterns(patterns);
  vector::populateVectorScanLoweringPatterns(patterns);
  vector::populateVectorStepLoweringPatterns(patterns);
  vector::populateVectorGatherLoweringPatterns(patterns);
  vector::populateVectorRankReducingFMAPattern(patterns);
  vector::populateVectorFromElementsUnrollPatterns(patterns);
  vector::populateVectorToElementsUnrollPatterns(patterns);
  vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
  vector::populateVectorMaskMaterializationPatterns(patterns, /*force32BitVectorIndices=*/true);
  memref::populateExpandStridedMetadataPatterns(patterns);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  arith::populateExpandBFloat16Patterns(patterns);
  populateHalfConversionPatterns(patterns, halfConversion);
  populateMaskPatterns(patterns);
  return FrozenRewritePatternSet(std::move(patterns));
}

struct LowerVectorsPass : impl::LowerVectorsBase<LowerVectorsPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    patterns = buildPatterns(context, halfConversion);
    return success();
  }

  void runOnOperation() override {
    hoistAllocas(getOperation());
    moveHalvesAsIntegers(getOperation());
    // Folding is left to LLVM: it would only be tried on every op here.
    GreedyRewriteConfig config;
    config.enableFolding(false).enableConstantCSE(false).setRegionSimplificationLevel(
        GreedySimplifyRegionLevel::Disabled);
    if (failed(applyPatternsGreedily(getOperation(), patterns, config)))
      signalPassFailure();
  }

private:
  FrozenRewritePatternSet patterns;
};

} // namespace
} // namespace tenon::codegen
