//===- HalfConversion.h - conversions to and from 16-bit floats in integer arithmetic ------===//

#ifndef TENON_COMPILER_CODEGEN_HALFCONVERSION_H
#define TENON_COMPILER_CODEGEN_HALFCONVERSION_H

#include "mlir/IR/PatternMatch.h"

namespace tenon::codegen {

/// Patterns for arith.extf and arith.truncf for which LLVM would call its own run-time library: f64 to f16 and bf16
/// always; f32 from and to f16 unless the processor converts itself; and for arith.cmpf of 16-bit floats. Round to
/// nearest even; NaN stays NaN, subnormals are kept.
void populateHalfConversionPatterns(mlir::RewritePatternSet &patterns, bool hasHalfConversion);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_HALFCONVERSION_H
