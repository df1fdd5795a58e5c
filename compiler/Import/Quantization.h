//===- Quantization.h - arithmetic of quantized operators ----------------------------------===//
//
// What ONNX's quantized operators and ONNX Runtime's share: conversions to and from 8 and 16 bits, and integer products
// with the zero points taken off first, which contractions on 8-bit data are recognised by.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_QUANTIZATION_H
#define TENON_COMPILER_IMPORT_QUANTIZATION_H

#include "compiler/Import/Node.h"

namespace tenon::importer {

/// Rounds `x` (f32) and saturates it to `type`, an integer of at most 16 bits.
mlir::Value saturated(Builder &b, mlir::Value x, mlir::Type type);

/// The same for `x` rounded plus the zero point, which may be null. `type` may be a float of at most 8 bits too: there
/// the sum is rounded, and `saturate` is that of nn.cast.
mlir::Value quantized(Builder &b, mlir::Value x, mlir::Value zeroPoint, mlir::Type type, bool saturate = true);

/// x - zeroPoint as i32, or as f32 where `x` is a float of at most 8 bits; the zero point may be null.
mlir::Value centered(Builder &b, mlir::Value x, mlir::Value zeroPoint);

/// A scale or zero point of a matrix: one value, or one per row (`rows`) or column.
mlir::Value matrixParameter(Builder &b, mlir::Value parameter, mlir::Value matrix, bool rows);

/// A float tensor on 8 bits without sign, as DynamicQuantizeLinear has it; scale (f32) and zero point have rank 0.
struct DynamicallyQuantized {
  mlir::Value values, scale, zeroPoint;
};
DynamicallyQuantized quantizeDynamically(Builder &b, mlir::Value x);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_QUANTIZATION_H
