//===- SmallFloats.h - floats of at most 8 bits on registers -------------------------------===//
//
// Their register holds the code (iN). Conversions are integer arithmetic in 32-bit lanes, the same as the constant
// evaluator's (compiler/Support/SmallFloat.h).
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_SCHEDULE_SMALLFLOATS_H
#define TENON_COMPILER_SCHEDULE_SMALLFLOATS_H

#include "compiler/Support/SmallFloat.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tenon::schedule {

/// The f32 of a code, or of each in a vector.
mlir::Value smallFloatToSingle(mlir::ImplicitLocOpBuilder &b, mlir::Value code, const SmallFloatFormat &format);

/// The code of an f32 or f64, or of each in a vector; rounds once.
mlir::Value floatToSmallFloat(mlir::ImplicitLocOpBuilder &b, mlir::Value value, const SmallFloatFormat &format,
                              bool saturate, ScaleRounding rounding);

/// The same of integers.
mlir::Value integerToSmallFloat(mlir::ImplicitLocOpBuilder &b, mlir::Value value, bool isUnsigned,
                                const SmallFloatFormat &format, bool saturate, ScaleRounding rounding);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_SMALLFLOATS_H
