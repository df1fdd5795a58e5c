//===- Recurrent.h - attributes of recurrent operators -------------------------------------===//
//
// What ONNX's recurrent operators and ONNX Runtime's share.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_RECURRENT_H
#define TENON_COMPILER_IMPORT_RECURRENT_H

#include "compiler/Import/Node.h"

namespace tenon::importer {

/// Per direction and function of the cell: a number of the enumeration nn::Activation, and its parameters.
struct Activations {
  llvm::SmallVector<int32_t> kinds;
  llvm::SmallVector<float> alpha, beta;
};

/// Reads the activations of `directions` cells, `absent` for each by default; alphas and betas are given for those that
/// take them, in order.
Activations readActivations(NodeContext &c, llvm::ArrayRef<const char *> absent, int64_t directions);

nn::Direction readDirection(NodeContext &c);

/// Fails unless the extent is `expected`; `what` names the tensor.
void expectExtent(mlir::Value tensor, int64_t dimension, int64_t expected, const char *what);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_RECURRENT_H
