//===- NnPlaces.h - which tensors of main lie in each other's memory -----------------------===//

#ifndef TENON_DIALECTS_NN_NNPLACES_H
#define TENON_DIALECTS_NN_NNPLACES_H

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringRef.h"

namespace tenon::nn {

/// On a kernel function: for each tensor argument, then for each result, the number of elements from row to row in
/// memory (a row is the last dimension); 0 where rows lie one after the other. Absent: all 0.
inline constexpr llvm::StringLiteral pitchesAttr = "nn.pitches";

/// The entry of a kernel's `nn.pitches`.
int64_t pitchOf(mlir::Operation *kernel, size_t number);

/// Where the tensors lie that nn.join and nn.part say lie in others. Joins that share their first parts are one memory:
/// that of the widest.
class Places {
public:
  /// `offset` elements from the start of each row of `root`, whose memory holds nothing between its rows.
  struct Place {
    mlir::Value root;
    int64_t offset = 0;
    bool operator==(const Place &other) const { return root == other.root && offset == other.offset; }
  };

  Places() = default;
  /// Those of all joins and parts in `main`.
  explicit Places(mlir::Operation *main);

  Place of(mlir::Value tensor) const;
  bool isPlaced(mlir::Value tensor) const { return parents.contains(tensor); }
  void set(mlir::Value tensor, Place place) { parents[tensor] = place; }

  /// Elements from row to row of `tensor`, 0 if its rows lie one after the other.
  int64_t pitch(mlir::Value tensor) const;

  /// A join whose parts do not lie where it says; null if there is none.
  mlir::Operation *contradiction() const { return wrong; }

private:
  llvm::DenseMap<mlir::Value, Place> parents;
  mlir::Operation *wrong = nullptr;
};

/// The extent of the last dimension.
int64_t rowLength(mlir::Value tensor);

/// `tensors` with the longest rows first, in their order where rows are equally long.
llvm::SmallVector<mlir::Value> widestFirst(llvm::ArrayRef<mlir::Value> tensors);

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_NNPLACES_H
