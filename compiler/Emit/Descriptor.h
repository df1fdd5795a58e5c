//===- Descriptor.h - the descriptor as a constant of LLVM IR ------------------------------===//
//
// Codegen writes the descriptor as a global of the shape that runtime/include/tenon/model_abi.h gives to tenon_model.
// Where the weights are is filled in here; what the C header says is read from here.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_EMIT_DESCRIPTOR_H
#define TENON_COMPILER_EMIT_DESCRIPTOR_H

#include "compiler/Emit/CompilePart.h"

namespace tenon::emit {

/// The descriptor in `module`, null if this part does not define it.
llvm::GlobalVariable *findDescriptor(llvm::Module &module, llvm::StringRef symbol);

/// Writes the fields about weights. Fails if the descriptor has another shape than the ABI's.
llvm::Error placeWeights(llvm::GlobalVariable &descriptor, const WeightPlacement &weights);

/// A C header that declares the descriptor as `symbol` and gives every input and output a name for its index.
llvm::Expected<std::string> writeHeader(const llvm::GlobalVariable &descriptor, llvm::StringRef symbol);

} // namespace tenon::emit

#endif // TENON_COMPILER_EMIT_DESCRIPTOR_H
