//===- WinogradFilter.h - which convolutions Winograd's algorithm pays for, and their filters --===//

#ifndef TENON_COMPILER_LAYOUT_WINOGRADFILTER_H
#define TENON_COMPILER_LAYOUT_WINOGRADFILTER_H

#include "compiler/Layout/UsualExtents.h"
#include "dialects/nn/Nn.h"

namespace tenon::layout {

/// Where weights are while a model runs.
enum class WeightPlace { lastLevel, memory };

/// The forms of a convolution's filter: results per tile and dimension, or 0 for direct sums. Each is the fastest at
/// some extents.
using FilterForms = llvm::SmallVector<int64_t, 3>;

struct ModelEstimate {
  /// At each size, in multiply-adds of one lane per cycle: of all contractions.
  llvm::SmallVector<double> cycles;
  double weightBytes;
};
ModelEstimate estimateModel(mlir::Operation *module, int64_t weightBytes, const UsualSizes &sizes, WeightPlace place);

/// The form with the fewest estimated cycles at the usual size, and others where that costs the model time at another
/// one. Direct sums where the convolution is none that the algorithm covers (one group, windows in at most
/// two dimensions or of three, strides without dilations, f32). `place`: of transformed weights. `model`: as
/// estimateModel says.
FilterForms chooseForms(nn::ConvOp op, const UsualSizes &sizes, const ModelEstimate &model, WeightPlace place);

/// Which of several forms a run should take (index): the one with the least estimate at the extents of `op`, computed
/// in integers.
mlir::Value chooseForm(mlir::OpBuilder &b, nn::ConvOp op, const FilterForms &forms, WeightPlace place);

/// The transformed filter of a channels-last convolution, packed as nn.packing with `winograd` says. `filter` is a
/// constant [F, C, kernel...] of f32 that can be read.
mlir::ElementsAttr transformFilter(nn::ConvOp op, mlir::ElementsAttr filter, nn::PackingAttr packing);

} // namespace tenon::layout

#endif // TENON_COMPILER_LAYOUT_WINOGRADFILTER_H
