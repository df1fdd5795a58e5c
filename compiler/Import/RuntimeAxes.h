//===- RuntimeAxes.h - axes that are known at run time only --------------------------------===//
//
// Operators may take their axes as a tensor. Its length, and so the rank of the result, is known; which axes they are
// is one i1 per dimension, and extents and offsets become selections.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_RUNTIMEAXES_H
#define TENON_COMPILER_IMPORT_RUNTIMEAXES_H

#include "compiler/Import/Builder.h"

namespace tenon::importer {

/// For each of `rank` dimensions whether it is among `axes`, which may be negative.
ScalarVector axisFlags(Builder &b, llvm::ArrayRef<Scalar> axes, int64_t rank);

/// For each dimension the entry of `values` that belongs to its axis, or the one of `absent`.
ScalarVector valuesByDimension(Builder &b, llvm::ArrayRef<Scalar> axes, llvm::ArrayRef<Scalar> values,
                               ScalarVector absent);

/// The `count` extents without a flag, in order.
ScalarVector extentsWithout(Builder &b, llvm::ArrayRef<Scalar> extents, llvm::ArrayRef<Scalar> flags, int64_t count);

/// `extents` with 1 inserted wherever there is a flag.
ScalarVector extentsWithOnes(Builder &b, llvm::ArrayRef<Scalar> extents, llvm::ArrayRef<Scalar> flags);

/// `onTrue()` if the flag is set, else `onFalse`: a tensor of the same rank.
mlir::Value conditional(Builder &b, Scalar flag, llvm::function_ref<mlir::Value()> onTrue, mlir::Value onFalse);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_RUNTIMEAXES_H
