//===- OptimizeModule.cpp - LLVM's passes before code generation ---------------------------===//

#include "compiler/Emit/CompilePart.h"
#include "llvm/Analysis/AliasAnalysis.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Transforms/IPO/AlwaysInliner.h"
#include "llvm/Transforms/IPO/GlobalDCE.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/ADCE.h"
#include "llvm/Transforms/Scalar/DeadStoreElimination.h"
#include "llvm/Transforms/Scalar/DivRemPairs.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/GVN.h"
#include "llvm/Transforms/Scalar/IndVarSimplify.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopDeletion.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

using namespace llvm;

namespace tenon::emit {

namespace {

/// Masked stores of one known lane of integers as scalar stores. LLVM 22 does the same on x86 when it selects
/// instructions, but with AVX-512 stores the lane as it was before a truncation that goes before
/// (reduceMaskedStoreToScalarStore of a truncating store), which writes behind the element.
struct StoreSingleLanes : PassInfoMixin<StoreSingleLanes> {
  static PreservedAnalyses run(Function &function, FunctionAnalysisManager &) {
    SmallVector<IntrinsicInst *> stores;
    for (Instruction &instruction : instructions(function))
      if (auto *store = dyn_cast<IntrinsicInst>(&instruction); store &&
                                                               store->getIntrinsicID() == Intrinsic::masked_store &&
                                                               store->getArgOperand(0)->getType()->isIntOrIntVectorTy())
        stores.push_back(store);
    bool changed = false;
    for (IntrinsicInst *store : stores) {
      std::optional<unsigned> lane = singleLane(store->getArgOperand(store->arg_size() - 1));
      if (!lane)
        continue;
      IRBuilder<> builder(store);
      Value *element = builder.CreateExtractElement(store->getArgOperand(0), *lane);
      Value *address = builder.CreateConstInBoundsGEP1_64(element->getType(), store->getArgOperand(1), *lane);
      Align aligned = commonAlignment(store->getParamAlign(1).valueOrOne(),
                                      *lane * store->getModule()->getDataLayout().getTypeStoreSize(element->getType()));
      builder.CreateAlignedStore(element, address, aligned)->copyMetadata(*store);
      store->eraseFromParent();
      changed = true;
    }
    return changed ? PreservedAnalyses::none() : PreservedAnalyses::all();
  }

private:
  /// The lane of a constant mask that is set, if it is one.
  static std::optional<unsigned> singleLane(Value *mask) {
    auto *constant = dyn_cast<Constant>(mask);
    auto *type = dyn_cast<FixedVectorType>(mask->getType());
    if (!constant || !type)
      return std::nullopt;
    std::optional<unsigned> found;
    for (unsigned lane = 0; lane < type->getNumElements(); ++lane) {
      Constant *bit = constant->getAggregateElement(lane);
      if (bit && bit->isNullValue())
        continue;
      if (!bit || !bit->isOneValue() || found)
        return std::nullopt;
      found = lane;
    }
    return found;
  }
};

FunctionPassManager buildFunctionPipeline() {
  FunctionPassManager passes;
  passes.addPass(SROAPass(SROAOptions::ModifyCFG));
  passes.addPass(EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(SimplifyCFGPass());
  passes.addPass(InstCombinePass());

  // Loops come with the test at the top; rotated ones have a preheader that runs only when the body does, which is
  // where invariant loads may go.
  LoopPassManager loops;
  loops.addPass(LoopRotatePass());
  loops.addPass(LICMPass(LICMOptions()));
  passes.addPass(createFunctionToLoopPassAdaptor(std::move(loops), /*UseMemorySSA=*/true));
  passes.addPass(SimplifyCFGPass());
  passes.addPass(InstCombinePass());
  LoopPassManager inductions;
  inductions.addPass(IndVarSimplifyPass());
  inductions.addPass(LoopDeletionPass());
  passes.addPass(createFunctionToLoopPassAdaptor(std::move(inductions)));

  passes.addPass(GVNPass());
  passes.addPass(DSEPass());
  passes.addPass(ADCEPass());
  LoopPassManager invariants;
  invariants.addPass(LICMPass(LICMOptions()));
  passes.addPass(createFunctionToLoopPassAdaptor(std::move(invariants), /*UseMemorySSA=*/true));
  passes.addPass(InstCombinePass());
  passes.addPass(DivRemPairsPass());
  passes.addPass(SimplifyCFGPass(SimplifyCFGOptions().convertSwitchRangeToICmp(true).hoistCommonInsts(true)));
  // Last: until here masks become constants.
  passes.addPass(StoreSingleLanes());
  return passes;
}

} // namespace

void optimizeModule(Module &module, TargetMachine &machine) {
  PassBuilder builder(&machine);
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager callGraph;
  ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);

  ModulePassManager passes;
  passes.addPass(AlwaysInlinerPass());
  passes.addPass(createModuleToFunctionPassAdaptor(buildFunctionPipeline()));
  passes.addPass(GlobalDCEPass());
  passes.run(module, modules);
}

} // namespace tenon::emit
