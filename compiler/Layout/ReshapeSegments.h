//===- ReshapeSegments.h - which dimensions of a reshape belong together -------------------===//

#ifndef TENON_COMPILER_LAYOUT_RESHAPESEGMENTS_H
#define TENON_COMPILER_LAYOUT_RESHAPESEGMENTS_H

#include "dialects/nn/Nn.h"
#include <optional>

namespace tenon::layout {

/// Consecutive dimensions of a reshape's input and result with the same number of elements.
struct ReshapeSegment {
  llvm::SmallVector<int64_t> from, to; ///< one of them may be empty: dimensions of extent 1 that go or come
};

/// The reshape as segments, in order, as short as can be told. None if only the whole is known to agree.
std::optional<llvm::SmallVector<ReshapeSegment>> findSegments(nn::ReshapeOp op);

} // namespace tenon::layout

#endif // TENON_COMPILER_LAYOUT_RESHAPESEGMENTS_H
