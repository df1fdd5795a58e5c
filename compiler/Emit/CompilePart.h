//===- CompilePart.h - one part of a module to machine code --------------------------------===//

#ifndef TENON_COMPILER_EMIT_COMPILEPART_H
#define TENON_COMPILER_EMIT_COMPILEPART_H

#include "compiler/Emit/Emit.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"
#include <optional>

namespace tenon::emit {

/// Where the weights are; Emit decides it after Codegen has written the descriptor.
struct WeightPlacement {
  int64_t sizeBytes = 0;
  std::optional<std::string> file; ///< base name of the weights file; none: embedded
  uint64_t digest = 0;             ///< of that file
};

/// What all parts share.
struct PartOptions {
  const Target &target;
  Artefact artefact;
  std::string symbol;        ///< the descriptor's name
  std::string prefix;        ///< in front of every other name that the model defines
  llvm::StringSet<> defined; ///< names that some part defines
  WeightPlacement weights;
  bool optimizeSize = false;
};

struct PartResult {
  llvm::SmallVector<char, 0> bytes; ///< object, assembly or LLVM IR
  std::string header;               ///< C header, from the part that holds the descriptor
};

/// A target machine for `target`; the backend is registered on first use. Any thread.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const Target &target);

/// Translates, optimises and generates code. Parts of one module may be compiled by several threads.
llvm::Expected<PartResult> compilePart(mlir::ModuleOp part, const PartOptions &options);

/// LLVM's passes before code generation. The kernels come vectorised and unrolled; what is left is cleaning up, moving
/// invariants out of loops and removing redundant loads and address arithmetic.
void optimizeModule(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace tenon::emit

#endif // TENON_COMPILER_EMIT_COMPILEPART_H
