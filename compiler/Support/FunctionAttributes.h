//===- FunctionAttributes.h - what Codegen says of functions to Emit --------------------------===//

#ifndef TENON_COMPILER_SUPPORT_FUNCTIONATTRIBUTES_H
#define TENON_COMPILER_SUPPORT_FUNCTIONATTRIBUTES_H

#include "llvm/ADT/StringRef.h"

namespace tenon {

/// An LLVM function attribute: registers are free for constants over whole loops.
inline constexpr llvm::StringLiteral hoistAttr = "tenon-hoist";

} // namespace tenon

#endif // TENON_COMPILER_SUPPORT_FUNCTIONATTRIBUTES_H
