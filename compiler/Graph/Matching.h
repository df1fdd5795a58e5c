//===- Matching.h - questions patterns ask about values ------------------------------------===//

#ifndef TENON_COMPILER_GRAPH_MATCHING_H
#define TENON_COMPILER_GRAPH_MATCHING_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include <optional>

namespace tenon::graph {

inline mlir::RankedTensorType tensorType(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType());
}
inline mlir::Type elementType(mlir::Value value) { return tensorType(value).getElementType(); }

/// The number that all elements of a constant are, exactly; none for other values. 64-bit integers only below 2^53.
std::optional<double> splatNumber(mlir::Value value);

/// A constant of rank 0 that holds `number` rounded to `element`.
mlir::Value makeScalar(mlir::OpBuilder &builder, mlir::Location location, double number, mlir::Type element);

/// Whether `value` is a constant tensor whose elements can be read.
bool isConstant(mlir::Value value);

/// `index` values of extents, constants made by `builder`.
llvm::SmallVector<mlir::Value> materialize(mlir::OpBuilder &builder, mlir::Location location,
                                           llvm::ArrayRef<mlir::OpFoldResult> extents);

/// An `index` constant.
mlir::Value makeIndex(mlir::OpBuilder &builder, mlir::Location location, int64_t value);

/// `tensor` under a static shape of as many elements, or itself if it has that shape.
mlir::Value reshapeTo(mlir::OpBuilder &builder, mlir::Location location, mlir::Value tensor,
                      llvm::ArrayRef<int64_t> shape);

/// Whether all elements of a float tensor are certainly neither negative (or -0.0) nor NaN made from non-NaN operands.
bool isNonNegative(mlir::Value value, int depth = 8);

} // namespace tenon::graph

#endif // TENON_COMPILER_GRAPH_MATCHING_H
