//===- WeightTable.h - which constant lies where in the weight section ---------------------===//

#ifndef TENON_COMPILER_CODEGEN_WEIGHTTABLE_H
#define TENON_COMPILER_CODEGEN_WEIGHTTABLE_H

#include "compiler/Support/Weights.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace tenon::codegen {

/// Lays constants out one after another, each at an aligned offset. Equal bytes are laid out once.
class WeightTable {
public:
  /// The offset of the value's bytes in the section.
  int64_t add(mlir::ElementsAttr value);

  llvm::ArrayRef<Weight> weights() const { return table; }
  int64_t sizeBytes() const { return next; }

private:
  int64_t append(mlir::ElementsAttr value);

  llvm::SmallVector<Weight> table;
  llvm::DenseMap<mlir::Attribute, int64_t> offsets; ///< by attribute
  llvm::DenseMap<uint64_t, llvm::SmallVector<unsigned, 1>>
      candidates; ///< by a hash of size and ends: entries of the table
  int64_t next = 0;
};

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_WEIGHTTABLE_H
