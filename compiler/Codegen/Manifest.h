//===- Manifest.h - what `tenon inspect` shows of a compiled model -------------------------===//

#ifndef TENON_COMPILER_CODEGEN_MANIFEST_H
#define TENON_COMPILER_CODEGEN_MANIFEST_H

#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace tenon::codegen {

/// JSON text made of the attributes that LowerMain left on `module`:
///
///   {"producer", "triple", "cpu", "inputs": [{"name", "type", "dims": [1, "batch", null]}], "outputs": [...],
///    "nodes": 12, "launches": 9, "weights_bytes": 1024, "arena_bytes": 4096 or null, "table_slots": 2,
///    "kernels": [{"name", "nodes": [...], "launches", "phases", ... texts and numbers that the stages left}],
///    "buffers": [{"type", "storage": {"arena": 0}, "bytes", "first", "last"}]}
std::string buildManifest(mlir::ModuleOp module, llvm::StringRef producer, llvm::StringRef triple, llvm::StringRef cpu);

/// The name of an element type as users see it: "f32", "u8", "bool".
std::string elementName(mlir::Type element);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_MANIFEST_H
