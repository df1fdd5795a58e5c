//===- AttachTarget.cpp - functions say what processor they are for ------------------------===//
//
// Expects: llvm.func functions. Guarantees: every defined one has the processor, its features, no unwinding, no frame
// pointer, and IEEE denormals; the module has the triple.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/Passes.h"
#include "llvm/ADT/StringExtras.h"

namespace tenon::codegen {
#define GEN_PASS_DEF_ATTACHTARGET
#include "compiler/Codegen/Passes.h.inc"
} // namespace tenon::codegen

using namespace mlir;

namespace tenon::codegen {
namespace {

struct AttachTargetPass : impl::AttachTargetBase<AttachTargetPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    Builder builder(&getContext());
    if (!triple.empty())
      module->setAttr(LLVM::LLVMDialect::getTargetTripleAttrName(), builder.getStringAttr(triple));
    for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
      if (function.isExternal())
        continue;
      function.setNoUnwind(true);
      function.setFramePointerAttr(
          LLVM::FramePointerKindAttr::get(&getContext(), LLVM::framePointerKind::FramePointerKind::None));
      function.setDenormalFpMath("ieee");
      if (!cpu.empty())
        function.setTargetCpu(StringRef(cpu));
      if (!featureString.empty())
        function.setTargetFeaturesAttr(LLVM::TargetFeaturesAttr::get(&getContext(), StringRef(featureString)));
      // LLVM would use half of these registers by itself.
      if (vectorBytes >= 64)
        function.setPreferVectorWidth(std::to_string(vectorBytes * 8));
    }
  }
};

} // namespace
} // namespace tenon::codegen
