//===- MergeEqualKernels.cpp - one function for kernels that compute the same --------------===//

#include "compiler/Fuse/Passes.h"

using namespace mlir;

namespace tenon::fuse {

#define GEN_PASS_DEF_MERGEEQUALKERNELS
#include "compiler/Fuse/Passes.h.inc"

namespace {

/// The function without its name and locations.
std::string structure(func::FuncOp function) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  StringAttr name = function.getSymNameAttr();
  function.setSymName("kernel");
  function->print(stream, OpPrintingFlags().useLocalScope());
  function.setSymNameAttr(name);
  return text;
}

struct MergeEqualKernels : impl::MergeEqualKernelsBase<MergeEqualKernels> {
  void runOnOperation() override {
    llvm::StringMap<func::FuncOp> first;
    llvm::StringMap<func::FuncOp> kept;
    SmallVector<func::FuncOp> equal;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr("nn.kernel"))
        continue;
      auto [it, isNew] = first.try_emplace(structure(function), function);
      kept[function.getSymName()] = it->second;
      if (isNew)
        continue;
      it->second->setLoc(FusedLoc::get(&getContext(), {it->second.getLoc(), function.getLoc()}));
      equal.push_back(function);
    }
    getOperation().walk([&](nn::LaunchOp launch) {
      if (func::FuncOp function = kept.lookup(launch.getCallee()))
        launch.setCallee(function.getSymName());
    });
    for (func::FuncOp function : equal)
      function.erase();
  }
};

} // namespace
} // namespace tenon::fuse
