//===- HalfStorage.h - 16-bit floats are moved as integers ---------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_HALFSTORAGE_H
#define TENON_COMPILER_CODEGEN_HALFSTORAGE_H

namespace mlir {
class Operation;
} // namespace mlir

namespace tenon::codegen {

/// Gives f16 and bf16 the type i16 wherever they are only moved: in memory, in vectors that are loaded, shuffled,
/// selected and stored, and as values of loops. Arithmetic and conversions keep their types between bitcasts.
void moveHalvesAsIntegers(mlir::Operation *root);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_HALFSTORAGE_H
