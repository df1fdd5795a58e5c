//===- MicrosoftAttention.h - what ONNX Runtime's attention operators share ----------------===//
//
// B items of a batch, N heads of width H, S queries and T keys. Half types are computed in f32.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_MICROSOFTATTENTION_H
#define TENON_COMPILER_IMPORT_MICROSOFTATTENTION_H

#include "compiler/Import/Node.h"

namespace tenon::importer {

/// Attribute `name`, a number of heads.
int64_t headCount(NodeContext &c, llvm::StringRef name);

/// [B, S, N * H] as [B, N, S, H].
mlir::Value splitHeads(Builder &b, mlir::Value x, int64_t heads);

/// [B, N, S, H] as [B, S, N * H].
mlir::Value mergeHeads(Builder &b, mlir::Value x);

/// Attribute scale, or 1 / sqrt(H) if it is absent or 0, as an f32 of rank 0.
mlir::Value attentionScale(NodeContext &c, mlir::Value queries);

/// 0 where `flags` holds, else `otherwise`.
mlir::Value additiveMask(Builder &b, mlir::Value flags, double otherwise);

/// softmax(scale * q k^T + each of `summands`) v, for q[B, N, S, H], k[B, N, T, H], v[B, N, T, Hv]; summands broadcast
/// to [B, N, S, T], null ones are left out.
mlir::Value attend(Builder &b, mlir::Value q, mlir::Value k, mlir::Value v, mlir::Value scale,
                   llvm::ArrayRef<mlir::Value> summands);

/// Indices 0, 1, ... along dimension `axis` of a tensor of `rank` with `size` of them.
mlir::Value countAlong(Builder &b, Scalar size, int64_t axis, int64_t rank);

mlir::Value compare(Builder &b, nn::ComparePredicate predicate, mlir::Value lhs, mlir::Value rhs);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_MICROSOFTATTENTION_H
