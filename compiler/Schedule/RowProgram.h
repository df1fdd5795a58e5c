//===- RowProgram.h - what a kernel computes of rows, before anything is emitted -----------===//

#ifndef TENON_COMPILER_SCHEDULE_ROWPROGRAM_H
#define TENON_COMPILER_SCHEDULE_ROWPROGRAM_H

#include "compiler/Schedule/Kernel.h"

#include "llvm/ADT/SetVector.h"

namespace tenon::schedule {

inline Type elementTypeOf(Value tensor) { return llvm::cast<RankedTensorType>(tensor.getType()).getElementType(); }

/// What is known of the body before anything is emitted.
struct RowProgram {
  SmallVector<Value> space;
  SmallVector<int64_t> axes; ///< ascending, but for those of one element, which come first
  bool keepsDims = false, lanesInRow = false;
  SmallVector<SmallVector<nn::ReduceOp>> passes; ///< reductions by level
  llvm::DenseMap<Value, unsigned> level;         ///< passes that must end before a value can be computed
  SmallVector<SmallVector<Value>> roots;         ///< full values by the pass that asks for them; the last one stores
  llvm::SetVector<Value> cached;                 ///< full values kept in scratch
  SmallVector<SmallVector<Value>> cachedFor;     ///< of those, what each pass asks for
  llvm::DenseMap<Value, size_t> inResult;        ///< the number of the result in whose place they are, if not scratch
  llvm::DenseMap<Value, unsigned> keptBy;        ///< the first pass that does, which computes them
  llvm::DenseSet<Value> rowValues;               ///< values with one element per row
  llvm::DenseSet<mlir::Operation *> skipsNan;    ///< maxima that need not see a NaN: it comes another way

  bool isReduced(int64_t d) const { return llvm::is_contained(axes, d); }
  /// Extent of the last reduced dimension.
  Value innermost() const { return space[axes.back()]; }
  bool hasFullResults() const { return !roots.back().empty(); }
  /// Rows of scratch memory.
  int64_t inScratch() const { return static_cast<int64_t>(cached.size() - inResult.size()); }
};

/// Has cached values where a result of their type goes, which replaces them position by position: so one row less is
/// written and read.
void keepInResults(Kernel &kernel, RowProgram &program);

/// Finds the program of a body, or nothing if it is not of this form.
std::optional<RowProgram> analyzeRows(Kernel &kernel);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_ROWPROGRAM_H
