//===- TextLibrary.cpp - the compiled text operators ---------------------------------------===//
//
// runtime/CMakeLists.txt compiles runtime/text to one object per target, and this file holds their bytes: the compiler
// needs no library folder to link a model with strings, whatever it is compiled for.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Emit/TextLibrary.h"

#include "llvm/BinaryFormat/ELF.h"

#define TENON_INCLUDE_BYTES(symbol, path)                                                                              \
  __asm__(".section .rodata\n"                                                                                         \
          ".balign 16\n" symbol "_begin:\n"                                                                            \
          ".incbin \"" path "\"\n" symbol "_end:\n"                                                                    \
          ".byte 0\n"                                                                                                  \
          ".previous\n")

#ifdef TENON_TEXT_X86_64
TENON_INCLUDE_BYTES("tenon_text_object_x86_64", TENON_TEXT_X86_64);
extern const char x86Begin[] __asm__("tenon_text_object_x86_64_begin");
extern const char x86End[] __asm__("tenon_text_object_x86_64_end");
#endif
#ifdef TENON_TEXT_AARCH64
TENON_INCLUDE_BYTES("tenon_text_object_aarch64", TENON_TEXT_AARCH64);
extern const char aarch64Begin[] __asm__("tenon_text_object_aarch64_begin");
extern const char aarch64End[] __asm__("tenon_text_object_aarch64_end");
#endif

namespace tenon::emit {

llvm::StringRef textLibrary(uint16_t elfMachine) {
#ifdef TENON_TEXT_X86_64
  if (elfMachine == llvm::ELF::EM_X86_64)
    return {x86Begin, static_cast<size_t>(x86End - x86Begin)};
#endif
#ifdef TENON_TEXT_AARCH64
  if (elfMachine == llvm::ELF::EM_AARCH64)
    return {aarch64Begin, static_cast<size_t>(aarch64End - aarch64Begin)};
#endif
  return {};
}

} // namespace tenon::emit
