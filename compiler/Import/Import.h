//===- Import.h - ONNX models become nn modules --------------------------------------------===//
//
// The only door to the importer, free of ONNX's types so that callers are built without exceptions. Operator versions,
// defaults, functions and shape arithmetic are resolved behind it and nowhere else.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_IMPORT_H
#define TENON_COMPILER_IMPORT_IMPORT_H

#include "compiler/Support/Diagnostic.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tenon::importer {

/// Bounds on what a model, which is untrusted, may ask for.
struct ImportLimits {
  /// Bytes of the model file itself (protobuf stops at 2 GiB); external data is not counted.
  int64_t fileBytes = (int64_t(1) << 31) - 1;
  /// Nodes after functions were expanded.
  int64_t nodes = 1'000'000;
  /// Subgraphs and function calls inside each other.
  int64_t nesting = 28;
  int64_t rank = 16;
  /// Bytes of one tensor whose extents are static.
  int64_t tensorBytes = int64_t(1) << 42;
};

struct ImportOptions {
  /// Pinned shapes by input name; -1 leaves a dimension as the model has it.
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes;
  /// Smallest and largest extent by the name of a symbolic dimension; equal ones pin it.
  std::vector<std::pair<std::string, std::pair<int64_t, int64_t>>> dimensions;
  ImportLimits limits;
};

/// Reads the ONNX file at `path` and gives the module with `@main` as docs/architecture.md describes it, verified.
/// Null if anything is wrong: then `diagnostics` got at least one error; else it may have got warnings. Constants above
/// 1 KiB refer to the mapped files or the parsed message, which live as long as `context`.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context, const std::string &path,
                                              const ImportOptions &options, std::vector<Diagnostic> &diagnostics);

/// The same for a model in memory, which is read before this returns. `folder` is where external data lies; if it is
/// empty, external data is an error.
mlir::OwningOpRef<mlir::ModuleOp> importModelBytes(mlir::MLIRContext &context, const void *data, size_t sizeBytes,
                                                   const std::string &folder, const ImportOptions &options,
                                                   std::vector<Diagnostic> &diagnostics);

/// Domain and type of every operator with an importer of its own, in order. ONNX's domain is ""; operators that ONNX
/// Runtime has in ONNX's domain are under "ONNX Runtime". Others are imported through the function body of their
/// schema.
std::vector<std::pair<std::string, std::string>> importedOperators();

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_IMPORT_H
