//===- SplitStrides.h - strided convolutions as ones of unit stride ---------------------------===//

#ifndef TENON_COMPILER_LAYOUT_SPLITSTRIDES_H
#define TENON_COMPILER_LAYOUT_SPLITSTRIDES_H

#include "compiler/Layout/UsualExtents.h"
#include "compiler/Layout/WinogradFilter.h"
#include "dialects/nn/Nn.h"

namespace tenon::layout {

/// Where it makes Winograd's algorithm possible and that pays, replaces a strided channels-last convolution with a
/// constant filter by one of unit stride on the phases of its input. Returns that, or `op` itself.
/// `usual` learns of the new one. `place`: of transformed weights.
nn::ConvOp splitStrides(mlir::OpBuilder &b, nn::ConvOp op, UsualExtents &usual, WeightPlace place);

} // namespace tenon::layout

#endif // TENON_COMPILER_LAYOUT_SPLITSTRIDES_H
