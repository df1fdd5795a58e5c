//===- ChannelOrder.h - transpositions between channels first and channels last ------------===//

#ifndef TENON_COMPILER_LAYOUT_CHANNELORDER_H
#define TENON_COMPILER_LAYOUT_CHANNELORDER_H

#include "dialects/nn/Nn.h"

namespace tenon::layout {

using Permutation = llvm::SmallVector<int64_t>;

/// Channels last to channels first: result dimension i is dimension permutation[i] of [N, spatial..., C].
inline Permutation toChannelsFirst(int64_t rank) {
  Permutation permutation = {0, rank - 1};
  for (int64_t d = 1; d < rank - 1; ++d)
    permutation.push_back(d);
  return permutation;
}

inline mlir::RankedTensorType typeOf(mlir::Value value) { return mlir::cast<mlir::RankedTensorType>(value.getType()); }

} // namespace tenon::layout

#endif // TENON_COMPILER_LAYOUT_CHANNELORDER_H
