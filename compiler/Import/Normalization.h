//===- Normalization.h - statistics over axes of one item ----------------------------------===//
//
// What ONNX's normalizations and ONNX Runtime's share.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_NORMALIZATION_H
#define TENON_COMPILER_IMPORT_NORMALIZATION_H

#include "compiler/Import/Builder.h"

namespace tenon::importer {

struct Normalized {
  mlir::Value value, mean, inverseDeviation;
};

/// (x - mean) / sqrt(variance + epsilon) over `axes`, which stay as extents of 1 in the statistics.
Normalized normalize(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> axes, double epsilon);

/// x / sqrt(mean of squares + epsilon) over `axes`; there is no mean.
Normalized normalizeByRoot(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> axes, double epsilon);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_NORMALIZATION_H
