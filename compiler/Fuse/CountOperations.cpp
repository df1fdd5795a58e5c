//===- CountOperations.cpp - how much arithmetic a kernel has ------------------------------===//
//
// Expects: kernels of nn ops. Guarantees: `nn.flops` on every kernel whose contractions have static extents: twice the
// number of multiply-adds, the measure that is compared with a processor's peak. Other ops count nothing.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Fuse/Passes.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;

namespace tenon::fuse {

#define GEN_PASS_DEF_COUNTOPERATIONS
#include "compiler/Fuse/Passes.h.inc"

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// The number of elements, or nothing if an extent is unknown.
std::optional<int64_t> elements(Value value) {
  RankedTensorType type = typeOf(value);
  return type.hasStaticShape() ? std::optional(type.getNumElements()) : std::nullopt;
}

/// `count` times `factor`, which may be a dynamic extent. Nothing if it does not fit.
std::optional<int64_t> times(std::optional<int64_t> count, int64_t factor) {
  if (!count || ShapedType::isDynamic(factor))
    return std::nullopt;
  return llvm::checkedMul(*count, factor);
}

std::optional<int64_t> countConv(nn::ConvOp op) {
  RankedTensorType input = typeOf(op.getInput());
  int64_t channels = input.getDimSize(op.getChannelsLast() ? input.getRank() - 1 : 1);
  std::optional<int64_t> count = times(elements(op.getResult()), channels);
  for (int64_t extent : op.getKernel())
    count = times(count, extent);
  return count ? std::optional(*count / op.getGroups()) : std::nullopt;
}

/// Every input element meets the filter of its channel.
std::optional<int64_t> countConvTranspose(nn::ConvTransposeOp op) {
  std::optional<int64_t> count = elements(op.getInput());
  for (int64_t extent : typeOf(op.getFilter()).getShape().drop_front())
    count = times(count, extent);
  return count;
}

/// Multiply-adds of an op; nothing if they are unknown.
std::optional<int64_t> countMultiplyAdds(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<int64_t>>(op)
      .Case<nn::MatmulOp>([](auto matmul) {
        RankedTensorType lhs = typeOf(matmul.getLhs());
        return times(elements(matmul.getResult()), lhs.getDimSize(lhs.getRank() - (matmul.getTransposeLhs() ? 2 : 1)));
      })
      .Case<nn::ConvOp>(countConv)
      .Case<nn::ConvTransposeOp>(countConvTranspose)
      // The product with the recurrent weights: each result element of a step meets its gates' columns of H rows.
      .Case<nn::LstmOp, nn::GruOp, nn::RnnOp>([](auto op) {
        return times(elements(op.getSequence()), op.gateCount * typeOf(op.getRecurrent()).getDimSize(1));
      })
      .Default([](Operation *) { return std::optional<int64_t>(0); });
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
      if (std::optional<int64_t> flops = times(total, 2))
        function->setAttr("nn.flops", builder.getI64IntegerAttr(*flops));
    }
  }
};

} // namespace
} // namespace tenon::fuse
