//===- WriteWeights.h - the weights as an object or as a file ------------------------------===//

#ifndef TENON_COMPILER_EMIT_WRITEWEIGHTS_H
#define TENON_COMPILER_EMIT_WRITEWEIGHTS_H

#include "compiler/Support/Weights.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace tenon::emit {

/// Writes the weight section's bytes: the values at their offsets, zeros between them, weightSectionBytes in all.
/// Values go from where they are to the stream, without a copy of the whole. Returns the FNV-1a 64-bit hash of what was
/// written if `hashed`, else 0.
llvm::Expected<uint64_t> writeWeights(llvm::ArrayRef<Weight> weights, llvm::raw_ostream &os, bool hashed);

/// Writes a relocatable ELF64 object whose only content is the weight section, with the hidden symbol `symbol` at its
/// start. `elfMachine` and `elfFlags` are those of the code it will be linked with.
///
/// On x86-64 it is a large section: the linker keeps it out of the way of 32-bit distances between code and data.
llvm::Error writeWeightObject(llvm::ArrayRef<Weight> weights, llvm::StringRef symbol, uint16_t elfMachine,
                              uint32_t elfFlags, llvm::raw_ostream &os);

} // namespace tenon::emit

#endif // TENON_COMPILER_EMIT_WRITEWEIGHTS_H
