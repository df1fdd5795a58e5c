//===- NnRounding.h - which elementwise ops round once -------------------------------------===//

#ifndef TENON_DIALECTS_NN_NNROUNDING_H
#define TENON_DIALECTS_NN_NNROUNDING_H

#include "llvm/ADT/StringRef.h"

namespace tenon::nn {

/// On an elementwise op of floats: its result is the exact one rounded once. It is not contracted with the op that uses
/// it, and a function of f32 is computed in f64.
inline constexpr llvm::StringLiteral roundedOnceAttr = "nn.rounded_once";

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_NNROUNDING_H
