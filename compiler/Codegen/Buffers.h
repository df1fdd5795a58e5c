//===- Buffers.h - memrefs made of pointers ------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_BUFFERS_H
#define TENON_COMPILER_CODEGEN_BUFFERS_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace tenon::codegen {

/// The type converter of all passes here: 64-bit index, memref descriptors as upstream has them.
mlir::LowerToLLVMOptions loweringOptions(mlir::MLIRContext *context);

/// A memref of `type` (identity layout, rank 1 if its shape is dynamic) over memory at `pointer`. A dynamic extent is
/// unknown and taken as unlimited: kernels know their extents themselves.
mlir::Value memrefFromPointer(mlir::OpBuilder &builder, mlir::Location loc, const mlir::LLVMTypeConverter &converter,
                              mlir::MemRefType type, mlir::Value pointer);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_BUFFERS_H
