//===- NnWork.h - how much arithmetic an op has --------------------------------------------===//

#ifndef TENON_DIALECTS_NN_NNWORK_H
#define TENON_DIALECTS_NN_NNWORK_H

#include "dialects/nn/Nn.h"

namespace tenon::nn {

/// A count: a product of extents (a tensor and its dimension) and a factor, over a divisor that divides it.
struct ExtentProduct {
  llvm::SmallVector<std::pair<mlir::Value, int64_t>> extents;
  int64_t factor = 1, divisor = 1;
};

/// Multiply-adds of a matrix product, convolution or recurrence by its definition, whatever algorithm computes it;
/// nothing for other ops.
std::optional<ExtentProduct> multiplyAdds(mlir::Operation *op);

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_NNWORK_H
