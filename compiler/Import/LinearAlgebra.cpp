//===- LinearAlgebra.cpp - determinants ----------------------------------------------------===//
//
// Elimination with partial pivoting, all matrices of a batch at a time.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Expression.h"
#include "compiler/Import/Interpolation.h"
#include "compiler/Import/Loop.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

struct Elimination {
  Expression matrices;    ///< [B, n, n]
  Expression determinant; ///< [B]
};

/// Clears column `k` below row `k`, after the row with the largest entry has been put there.
Elimination eliminate(const Elimination &before, Scalar k) {
  Expression a = before.matrices;
  Builder &b = a.b();
  mlir::Type wide = b.raw().getI64Type();
  Scalar batch = b.extent(a, 0), height = b.extent(a, 1);
  Expression number(b, k, wide), rows = positions(b, height);
  auto column = [&](Expression x) { return x.with(b.sliceDimension(x, 2, k, b.index(1))).reshape({batch, height}); };
  auto asColumn = [&](Expression x) { return x.reshape({batch, height, b.index(1)}); };
  Expression candidates = select(rows >= number, abs(column(a)), -1);
  Expression place(b, b.make<nn::ArgReduceOp>(nn::ReduceKind::max, candidates, 1, false, false)); // [B]
  Expression isPivot = rows == place.reshape({batch, b.index(1)});                                // [B, n]
  Expression pivotRow = reduce(nn::ReduceKind::sum, select(asColumn(isPivot), a, 0), {1}, true);  // [B, 1, n]
  Expression swapped = select(asColumn(isPivot), a.with(b.sliceDimension(a, 1, k, b.index(1))), a);
  Expression pivot = pivotRow.with(b.sliceDimension(pivotRow, 2, k, b.index(1))).reshape({batch, b.index(1)});
  Expression factor = select((rows > number) & (pivot != 0), column(swapped) / pivot, 0);
  Expression alone = pivot.reshape({batch});
  Expression signedPivot = select(place == number, alone, negate(alone));
  return {swapped - asColumn(factor) * pivotRow, before.determinant * signedPivot};
}

void importDet(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 2);
  mlir::Type type = elementOf(x), compute = computingType(type);
  ScalarVector extents = b.extents(x);
  Scalar n = extents.pop_back_val(), rows = extents.pop_back_val();
  std::optional<int64_t> height = Builder::constant(rows), width = Builder::constant(n);
  if (height && width && *height != *width)
    fail("the matrices have " + std::to_string(*height) + " rows and " + std::to_string(*width) + " columns");
  Scalar batch = b.product(extents);
  Expression matrices = Expression(b, x).cast(compute).reshape({batch, rows, n});
  LoopShape loop;
  loop.trips = b.min(rows, n);
  loop.condition = b.value(b.raw().getBoolAttr(true));
  loop.initial = {matrices, b.broadcast(b.constant(1, compute), {batch})};
  auto results = buildLoop(b, loop, [&](mlir::Value iteration, mlir::ValueRange tensors) {
    // Extents do not change from one step to the next.
    b.setExtents(tensors[0], {batch, rows, n});
    b.setExtents(tensors[1], {batch});
    Elimination next = eliminate({Expression(b, tensors[0]), Expression(b, tensors[1])}, iteration);
    return std::pair(mlir::Value(), llvm::SmallVector<mlir::Value>{next.matrices, next.determinant});
  });
  b.setExtents(results[1], {batch});
  c.result(b.reshape(b.cast(results[1], type), extents));
}

} // namespace

void addLinearAlgebra(ImporterTable &table) { table.add("Det", importDet); }

} // namespace tenon::importer
