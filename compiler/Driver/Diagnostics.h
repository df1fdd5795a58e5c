//===- Diagnostics.h - MLIR's diagnostics as ours ------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_DIAGNOSTICS_H
#define TENON_COMPILER_DRIVER_DIAGNOSTICS_H

#include "compiler/Support/Diagnostic.h"
#include "mlir/IR/Diagnostics.h"
#include <vector>

namespace tenon::driver {

/// Appends every diagnostic that MLIR emits in the context to `list` while it lives, with the ONNX node that its
/// location names.
class DiagnosticCollector {
public:
  DiagnosticCollector(mlir::MLIRContext *context, std::vector<Diagnostic> &list);

private:
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace tenon::driver

#endif // TENON_COMPILER_DRIVER_DIAGNOSTICS_H
