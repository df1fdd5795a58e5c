//===- CountOperations.cpp - how much arithmetic a kernel has ------------------------------===//
//
// Expects: kernels of nn ops. Guarantees: `nn.flops` on every kernel whose contractions have static extents: twice the
// number of multiply-adds, the measure that is compared with a processor's peak. Other ops count nothing.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Fuse/Passes.h"
#include "dialects/nn/NnWork.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;

namespace tenon::fuse {

#define GEN_PASS_DEF_COUNTOPERATIONS
#include "compiler/Fuse/Passes.h.inc"

namespace {

/// The number of multiply-adds; nothing if an extent is unknown or the number does not fit.
std::optional<int64_t> countMultiplyAdds(Operation *op) {
  std::optional<nn::ExtentProduct> product = nn::multiplyAdds(op);
  if (!product)
    return 0;
  std::optional<int64_t> count = product->factor;
  for (auto [tensor, dim] : product->extents) {
    int64_t extent = cast<RankedTensorType>(tensor.getType()).getDimSize(dim);
    count = count && !ShapedType::isDynamic(extent) ? llvm::checkedMul(*count, extent) : std::nullopt;
  }
  return count ? std::optional(*count / product->divisor) : std::nullopt;
}

struct CountOperations : impl::CountOperationsBase<CountOperations> {
  void runOnOperation() override {
    Builder builder(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function->hasAttr("nn.kernel"))
        continue;
      std::optional<int64_t> total = 0;
      function.walk([&](Operation *op) {
        std::optional<int64_t> count = countMultiplyAdds(op);
        total = total && count ? llvm::checkedAdd(*total, *count) : std::nullopt;
      });
      if (std::optional<int64_t> flops = total ? llvm::checkedMul<int64_t>(*total, 2) : std::nullopt)
        function->setAttr("nn.flops", builder.getI64IntegerAttr(*flops));
    }
  }
};

} // namespace
} // namespace tenon::fuse
