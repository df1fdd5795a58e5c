//===- NumberFormat.h - elements of any type as numbers to compute with, and back ----------===//
//
// Elements are loaded as float, double, int64_t or uint64_t and stored rounded to nearest even (floats), wrapped
// (integers from integers) or truncated and saturated (integers from floats; NaN becomes 0), each in one rounding: the
// conversions nn.cast promises, on every host the same.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_GRAPH_NUMBERFORMAT_H
#define TENON_COMPILER_GRAPH_NUMBERFORMAT_H

#include "compiler/Support/SmallFloat.h"
#include "mlir/IR/BuiltinTypes.h"
#include <cstdint>

namespace tenon::graph {

/// What elements of a type are computed in: floats up to f32 in float; f64 in double; signless integers in int64_t;
/// booleans and unsigned integers in uint64_t.
enum class NumberKind { f32, f64, i64, u64 };
NumberKind numberKind(mlir::Type element);

/// Loads `count` elements, `stride` elements apart (0 repeats the first), from `source`. T is any of the four number
/// types; the value is converted as C++ does, which is exact for the type's own kind and for double except 64-bit
/// integers above 2^53.
template <typename T>
void loadElements(mlir::Type element, const char *source, int64_t stride, int64_t count, T *numbers);

/// What nn.cast says of floats of at most 8 bits.
struct SmallFloatRounding {
  bool saturate = true;
  ScaleRounding scale = ScaleRounding::up;
};

/// Stores `count` numbers as adjacent elements at `target`.
template <typename T>
void storeElements(mlir::Type element, const T *numbers, int64_t count, char *target, SmallFloatRounding rounding = {});

/// The value rounded to f16 or bf16, as bits. Rounds once.
uint16_t roundToHalf(double value);
uint16_t roundToBfloat(double value);
double halfToDouble(uint16_t bits);

} // namespace tenon::graph

#endif // TENON_COMPILER_GRAPH_NUMBERFORMAT_H
