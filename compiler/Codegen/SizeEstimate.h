//===- SizeEstimate.h - what a size may be when its extents are unknown --------------------===//

#ifndef TENON_COMPILER_CODEGEN_SIZEESTIMATE_H
#define TENON_COMPILER_CODEGEN_SIZEESTIMATE_H

#include "mlir/IR/OpDefinition.h"

namespace tenon::codegen {

/// The product of `extents` if every unknown extent of an input were 64: good for comparing sizes, nothing else.
int64_t estimateSize(llvm::ArrayRef<mlir::OpFoldResult> extents);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_SIZEESTIMATE_H
