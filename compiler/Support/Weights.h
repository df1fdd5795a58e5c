//===- Weights.h - the constants of a compiled model, between Codegen and Emit -------------===//
//
// After Codegen the module attribute `tenon.weights` says what the weight section holds:
//
//   tenon.weights = [{offset = 0 : i64, value = dense_resource<conv1_w> : tensor<64x3x7x7xf32>},
//                    {offset = 37632 : i64, value = dense<...> : tensor<64xf32>}]
//
// The entries ascend by offset and do not overlap; offsets are multiples of weightAlignment; bytes between them are
// zero. An element takes the bytes it takes at run time (booleans one byte). Values are attributes of builtin or
// resource kind whose bytes are read when the section is written, never before.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_SUPPORT_WEIGHTS_H
#define TENON_COMPILER_SUPPORT_WEIGHTS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"

namespace tenon {

/// Name of the module attribute.
inline constexpr llvm::StringLiteral weightsAttrName = "tenon.weights";

/// Name of the external symbol that stands for the weight section in the descriptor; only Emit defines it.
inline constexpr llvm::StringLiteral weightsSymbolName = "tenon_weights";

/// Alignment in bytes of the section and of every constant in it: TENON_ALIGNMENT of the model ABI.
inline constexpr int64_t weightAlignment = 64;

/// One constant in the weight section.
struct Weight {
  int64_t offset = 0; ///< bytes from the start of the section
  mlir::ElementsAttr value;

  /// Bytes the value takes.
  int64_t sizeBytes() const;
  int64_t endOffset() const { return offset + sizeBytes(); }
};

/// Bytes that an element of `type` takes in memory; sub-byte elements take one byte.
int64_t elementBytes(mlir::Type type);

/// Puts the attribute on `module`. `weights` must be laid out as said above.
void setWeights(mlir::ModuleOp module, llvm::ArrayRef<Weight> weights);

/// Reads it back; without the attribute there are no weights. Fails, with an error on the module, if the layout is
/// wrong.
mlir::FailureOr<llvm::SmallVector<Weight>> getWeights(mlir::ModuleOp module);

/// Size of the whole section, rounded up to the alignment.
int64_t weightSectionBytes(llvm::ArrayRef<Weight> weights);

/// Hands the bytes of a value to `sink` in pieces, in order. The pieces of a resource are its own memory, not a copy.
/// Fails if a resource has no bytes or not as many as its type says.
mlir::LogicalResult readWeight(mlir::ElementsAttr value, llvm::function_ref<void(llvm::ArrayRef<char>)> sink);

} // namespace tenon

#endif // TENON_COMPILER_SUPPORT_WEIGHTS_H
