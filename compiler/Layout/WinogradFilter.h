//===- WinogradFilter.h - which convolutions Winograd's algorithm pays for, and their filters --===//

#ifndef TENON_COMPILER_LAYOUT_WINOGRADFILTER_H
#define TENON_COMPILER_LAYOUT_WINOGRADFILTER_H

#include "dialects/nn/Nn.h"

namespace tenon::layout {

/// Where weights are while a model runs.
enum class WeightPlace { lastLevel, memory };

/// Results per tile and dimension with the fewest estimated cycles; 0: direct sums are faster, or the convolution is
/// none that the algorithm covers (unit strides, one group, windows in at most two dimensions, f32). `extents`: of the
/// result, dynamic ones guessed. `place`: of transformed weights.
int64_t chooseWinograd(nn::ConvOp op, llvm::ArrayRef<int64_t> extents, WeightPlace place);

/// Whether Winograd's algorithm on a window of `kernel` and `phases` times the channels, unit strides, is faster than
/// the strided convolution `op`, the movement of the input counted. `input`, `result`: extents, dynamic ones guessed.
bool paysToSplit(nn::ConvOp op, llvm::ArrayRef<int64_t> input, llvm::ArrayRef<int64_t> result,
                 llvm::ArrayRef<int64_t> kernel, int64_t phases, WeightPlace place);

/// The transformed filter of a channels-last convolution, packed as nn.packing with `winograd` says. `filter` is a
/// constant [F, C, kernel...] of f32 that can be read.
mlir::ElementsAttr transformFilter(mlir::ElementsAttr filter, nn::PackingAttr packing);

} // namespace tenon::layout

#endif // TENON_COMPILER_LAYOUT_WINOGRADFILTER_H
