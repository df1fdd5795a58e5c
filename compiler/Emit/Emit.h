//===- Emit.h - from the LLVM dialect to files ---------------------------------------------===//
//
// Expects: what Codegen leaves, see docs/architecture.md: plain llvm.func functions that say what processor they are
// for, globals with the descriptor among them, and the weights as the attribute `tenon.weights`. Guarantees: the same
// module, target and options give the same bytes, whatever the number of threads; an output is complete or absent;
// everything but the descriptor is hidden.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_EMIT_EMIT_H
#define TENON_COMPILER_EMIT_EMIT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "targets/Target.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace mlir {
class DialectRegistry;
}

namespace tenon::emit {

enum class Artefact {
  SharedLibrary, ///< needs no library but libc and libm
  StaticLibrary, ///< an archive, and a C header beside it
  Object,        ///< one relocatable object
  Assembly,      ///< of the code; weights are not in it
  LlvmIr         ///< before LLVM's optimisations; weights are not in it
};

struct EmitOptions {
  Artefact artefact = Artefact::SharedLibrary;
  std::string outputPath;
  std::string symbol = "tenon_model"; ///< the descriptor's name in the module, a C identifier
  bool weightsFile = false;           ///< weights in a file of their own even if they are small
  bool optimizeSize = false;
  /// Operations per part that is compiled on its own: so many that starting a code generator (about 2 ms) does not
  /// count, so few that a model of ordinary size keeps every core busy.
  int64_t opsPerPart = 4000;
};

struct EmitResult {
  std::vector<std::string> files; ///< everything that was written, the artefact first
  int64_t codeBytes = 0;          ///< instructions
  int64_t weightBytes = 0;        ///< embedded or in a file
};

/// Registers what the translation to LLVM IR needs.
void registerDialectTranslations(mlir::DialectRegistry &registry);

/// Writes the artefact. Consumes the module. Uses the context's threads. An error with a code of the generic category
/// is about files; every other error is a fault of this compiler.
llvm::Expected<EmitResult> emitArtefact(mlir::OwningOpRef<mlir::ModuleOp> module, const Target &target,
                                        const EmitOptions &options);

} // namespace tenon::emit

#endif // TENON_COMPILER_EMIT_EMIT_H
