//===- NodeNames.h - names of ONNX nodes out of locations ----------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_NODENAMES_H
#define TENON_COMPILER_CODEGEN_NODENAMES_H

#include "mlir/IR/Location.h"
#include "llvm/ADT/SetVector.h"
#include <string>

namespace tenon::codegen {

/// Adds the names of the nodes that `location` is made of (NameLoc, fused locations of them), first to last.
void collectNodeNames(mlir::Location location, llvm::SetVector<llvm::StringRef> &names);

/// The names, comma separated; at most `limit` of them, then "...". Empty if there are none.
std::string joinNames(llvm::ArrayRef<llvm::StringRef> names, size_t limit = SIZE_MAX);

/// A text for host->fail about the nodes of `location`: "node 'a' (Add): <what>" or "nodes 'a' (Add), 'b' (Mul):
/// <what>", as the importer writes it. Nothing in the names is taken as a place holder.
std::string nodeMessage(mlir::Location location, llvm::StringRef what);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_NODENAMES_H
