//===- NnWork.cpp - how much arithmetic an op has ------------------------------------------===//

#include "dialects/nn/NnWork.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon::nn {

static int64_t rankOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getRank(); }

static ExtentProduct elementsOf(Value tensor) {
  ExtentProduct count;
  for (int64_t d = 0; d < rankOf(tensor); ++d)
    count.extents.push_back({tensor, d});
  return count;
}

static ExtentProduct ofMatmul(MatmulOp op) {
  ExtentProduct count = elementsOf(op.getResult());
  count.extents.push_back({op.getLhs(), rankOf(op.getLhs()) - (op.getTransposeLhs() ? 2 : 1)});
  return count;
}

/// Each result element meets the window of the channels in its group.
static ExtentProduct ofConv(ConvOp op) {
  ExtentProduct count = elementsOf(op.getResult());
  count.extents.push_back({op.getInput(), op.getChannelsLast() ? rankOf(op.getInput()) - 1 : 1});
  for (int64_t extent : op.getKernel())
    count.factor *= extent;
  count.divisor = op.getGroups();
  return count;
}

/// Each input element meets the filter of its channel.
static ExtentProduct ofConvTranspose(ConvTransposeOp op) {
  ExtentProduct count = elementsOf(op.getInput());
  for (int64_t d = 1; d < rankOf(op.getFilter()); ++d)
    count.extents.push_back({op.getFilter(), d});
  return count;
}

/// Each result element of a step meets its gates' columns of H rows; the product with the inputs is another op.
template <typename OpTy> static ExtentProduct ofRecurrence(OpTy op) {
  ExtentProduct count = elementsOf(op.getSequence());
  count.extents.push_back({op.getRecurrent(), hiddenDimension(op.getRecurrent())});
  count.factor = OpTy::gateCount;
  return count;
}

std::optional<ExtentProduct> multiplyAdds(Operation *op) {
  using Result = std::optional<ExtentProduct>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([](MatmulOp matmul) { return ofMatmul(matmul); })
      .Case([](ConvOp conv) { return ofConv(conv); })
      .Case([](ConvTransposeOp conv) { return ofConvTranspose(conv); })
      .Case<LstmOp, GruOp, RnnOp>([](auto recurrence) { return ofRecurrence(recurrence); })
      .Default([](Operation *) { return Result(); });
}

} // namespace tenon::nn
