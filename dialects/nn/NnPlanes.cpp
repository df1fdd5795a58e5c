//===- NnPlanes.cpp - windows that stay in one plane of an image ---------------------------===//

#include "dialects/nn/NnPlanes.h"

namespace tenon::nn {

/// Lines and columns of a window are unrolled: as many multiply-adds as a line of the result has per vector. Larger
/// ones take so long that moving the channels does not matter.
template <typename Op> static bool hasSmallWindow(Op op) {
  constexpr int64_t mostPositions = 49, mostAlong = 9, farthestPixels = 4;
  auto isAtMost = [](int64_t most) { return [most](int64_t number) { return number <= most; }; };
  llvm::ArrayRef<int64_t> window = op.getKernel();
  return window.size() <= 3 && llvm::all_of(window, isAtMost(mostAlong)) &&
         llvm::product_of(window.take_back(2)) <= mostPositions &&
         llvm::all_of(op.getStrides(), isAtMost(farthestPixels));
}

bool isPlanewise(mlir::Operation *op) {
  if (auto pool = llvm::dyn_cast<PoolOp>(op))
    return hasSmallWindow(pool);
  auto convolution = llvm::dyn_cast<ConvOp>(op);
  if (!convolution || convolution.getPacking() || !hasSmallWindow(convolution))
    return false;
  auto input = llvm::cast<mlir::RankedTensorType>(convolution.getInput().getType());
  int64_t channels = input.getDimSize(convolution.getChannelsLast() ? input.getRank() - 1 : 1);
  return channels == static_cast<int64_t>(convolution.getGroups());
}

} // namespace tenon::nn
