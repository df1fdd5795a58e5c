//===- TextLibrary.h - the compiled text operators -----------------------------------------===//

#ifndef TENON_COMPILER_EMIT_TEXTLIBRARY_H
#define TENON_COMPILER_EMIT_TEXTLIBRARY_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace tenon::emit {

/// The object file of runtime/text for an ELF machine; empty if this compiler was built without one.
llvm::StringRef textLibrary(uint16_t elfMachine);

/// What the names of its functions start with.
inline constexpr llvm::StringLiteral textPrefix = "tenon_text_";

} // namespace tenon::emit

#endif // TENON_COMPILER_EMIT_TEXTLIBRARY_H
