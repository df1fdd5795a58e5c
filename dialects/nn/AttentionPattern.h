//===- AttentionPattern.h - ops that together are softmax(f(q k)) v ------------------------===//

#ifndef TENON_DIALECTS_NN_ATTENTIONPATTERN_H
#define TENON_DIALECTS_NN_ATTENTIONPATTERN_H

#include "dialects/nn/Nn.h"

namespace tenon::nn {

/// Attention in any type of floats: outcome = softmax(logits) v over the last dimension, logits an elementwise function
/// (a scale, masks, a soft cap, conversions between floats) of scores = q k.
struct AttentionParts {
  MatmulOp scores, outcome;
  mlir::Value logits;
  /// All of it, from scores to outcome, in no order. What these ops compute nobody else uses, but for the outcome.
  llvm::SmallVector<mlir::Operation *> ops;
};

/// The attention that ends with `outcome`, if it does end one. That extents agree where they are dynamic is for the
/// caller to see.
std::optional<AttentionParts> matchAttention(MatmulOp outcome);

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_ATTENTIONPATTERN_H
