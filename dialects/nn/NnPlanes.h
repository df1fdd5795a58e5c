//===- NnPlanes.h - windows that stay in one plane of an image -----------------------------===//

#ifndef TENON_DIALECTS_NN_NNPLANES_H
#define TENON_DIALECTS_NN_NNPLANES_H

#include "dialects/nn/Nn.h"

namespace tenon::nn {

/// Whether each channel of the op's result comes from one channel of its input, by windows so small and so near each
/// other that vectors may run along the lines of a plane: pooling, and convolutions with one channel in a group. Such
/// an op works as well on channels-first data as on channels-last.
bool isPlanewise(mlir::Operation *op);

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_NNPLANES_H
