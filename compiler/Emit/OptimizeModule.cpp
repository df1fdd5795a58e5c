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
#include "llvm/Transforms/Utils/Local.h"

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

/// Vectors whose lane k is lane `numbers[k]` of another vector, in the form of which instruction selection makes one
/// instruction: all lanes, by narrow numbers, in one block. Lanes that nobody wants are gone by now, and numbers that a
/// loop does not change have been taken out of it one by one.
struct CompletePermutations : PassInfoMixin<CompletePermutations> {
  static PreservedAnalyses run(Function &function, FunctionAnalysisManager &) {
    SmallVector<InsertElementInst *> ends;
    for (Instruction &instruction : instructions(function))
      if (auto *insert = dyn_cast<InsertElementInst>(&instruction); insert && isLast(insert))
        ends.push_back(insert);
    bool changed = false;
    for (InsertElementInst *end : ends)
      if (std::optional<Permutation> permutation = match(end)) {
        end->replaceAllUsesWith(build(*permutation, end));
        RecursivelyDeleteTriviallyDeadInstructions(end);
        changed = true;
      }
    return changed ? PreservedAnalyses::none() : PreservedAnalyses::all();
  }

private:
  struct Permutation {
    Value *source, *numbers;
  };

  static bool isLast(InsertElementInst *insert) {
    return none_of(insert->users(), [&](User *user) {
      auto *next = dyn_cast<InsertElementInst>(user);
      return next && next->getOperand(0) == insert;
    });
  }

  /// `value` before it was widened, if that is what is asked for.
  template <typename T> static T *narrowed(Value *value) {
    while (isa<SExtInst, ZExtInst>(value))
      value = cast<Instruction>(value)->getOperand(0);
    return dyn_cast<T>(value);
  }

  static std::optional<Permutation> match(InsertElementInst *end) {
    auto *type = dyn_cast<FixedVectorType>(end->getType());
    SmallVector<Value *> lanes(type ? type->getNumElements() : 0);
    Value *rest = end;
    for (; auto *insert = dyn_cast<InsertElementInst>(rest); rest = insert->getOperand(0)) {
      auto *lane = dyn_cast<ConstantInt>(insert->getOperand(2));
      if (!lane || lane->getZExtValue() >= lanes.size())
        return std::nullopt;
      if (Value *&value = lanes[lane->getZExtValue()]; !value)
        value = insert->getOperand(1);
    }
    if (!isa<UndefValue>(rest))
      return std::nullopt;
    Permutation found{};
    unsigned count = 0;
    for (auto [lane, value] : enumerate(lanes)) {
      if (!value)
        continue;
      auto *picked = dyn_cast<ExtractElementInst>(value);
      auto *extract = picked ? narrowed<ExtractElementInst>(picked->getIndexOperand()) : nullptr;
      auto *place = extract ? dyn_cast<ConstantInt>(extract->getIndexOperand()) : nullptr;
      if (!place || place->getZExtValue() != lane)
        return std::nullopt;
      Permutation here{picked->getVectorOperand(), narrowed<Value>(extract->getVectorOperand())};
      if (count++ == 0)
        found = here;
      if (here.source != found.source || here.numbers != found.numbers)
        return std::nullopt;
    }
    auto *numbers = count > 1 ? cast<FixedVectorType>(found.numbers->getType()) : nullptr;
    return numbers && numbers->getNumElements() == lanes.size() && found.source->getType() == type
               ? std::optional(found)
               : std::nullopt;
  }

  static Value *build(const Permutation &permutation, InsertElementInst *before) {
    IRBuilder<> builder(before);
    Value *result = PoisonValue::get(before->getType());
    for (unsigned lane = 0; lane < cast<FixedVectorType>(before->getType())->getNumElements(); ++lane) {
      Value *number = builder.CreateZExt(builder.CreateExtractElement(permutation.numbers, lane), builder.getInt64Ty());
      result = builder.CreateInsertElement(result, builder.CreateExtractElement(permutation.source, number), lane);
    }
    return result;
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
  // Last: nothing moves any more, and until here masks become constants.
  passes.addPass(CompletePermutations());
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
