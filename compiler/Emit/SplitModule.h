//===- SplitModule.h - parts of a module that compile side by side -------------------------===//

#ifndef TENON_COMPILER_EMIT_SPLITMODULE_H
#define TENON_COMPILER_EMIT_SPLITMODULE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/SmallVector.h"

namespace tenon::emit {

/// Moves the functions of `module` into parts of about `opsPerPart` operations; all globals stay in the first. Each
/// part declares what it uses of the others. The partition depends on the module alone.
llvm::SmallVector<mlir::OwningOpRef<mlir::ModuleOp>> splitModule(mlir::OwningOpRef<mlir::ModuleOp> module,
                                                                 int64_t opsPerPart);

} // namespace tenon::emit

#endif // TENON_COMPILER_EMIT_SPLITMODULE_H
