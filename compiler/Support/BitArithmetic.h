//===- BitArithmetic.h - integer arithmetic on the bits of registers -----------------------===//
//
// What conversions between float formats are written with: ops of arith on scalars or vectors, all of one shape.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_SUPPORT_BITARITHMETIC_H
#define TENON_COMPILER_SUPPORT_BITARITHMETIC_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tenon {

/// Scalar or vector arithmetic with constants of the operands' shape.
class BitArithmetic {
public:
  using Type = mlir::Type;
  using Value = mlir::Value;

  BitArithmetic(mlir::OpBuilder &builder, mlir::Location loc, Type like) : b(loc, builder), like(like) {}

  /// `element`, or a vector of it.
  Type type(Type element) const;
  Type i(unsigned width) { return type(b.getIntegerType(width)); }
  Value constant(Type type, int64_t value);
  Value constant(Value likeValue, int64_t value) { return constant(likeValue.getType(), value); }
  Value bits(Value value);
  Value bitcast(Value value, Type element) { return mlir::arith::BitcastOp::create(b, type(element), value); }
  Value andBits(Value value, int64_t mask) { return mlir::arith::AndIOp::create(b, value, constant(value, mask)); }
  Value orBits(Value x, Value y) { return mlir::arith::OrIOp::create(b, x, y); }
  Value add(Value x, Value y) { return mlir::arith::AddIOp::create(b, x, y); }
  Value add(Value x, int64_t y) { return add(x, constant(x, y)); }
  Value sub(Value x, Value y) { return mlir::arith::SubIOp::create(b, x, y); }
  Value shiftRight(Value x, int64_t by) { return mlir::arith::ShRUIOp::create(b, x, constant(x, by)); }
  Value shiftLeft(Value x, int64_t by) { return mlir::arith::ShLIOp::create(b, x, constant(x, by)); }
  Value compare(mlir::arith::CmpIPredicate predicate, Value x, int64_t y) {
    return mlir::arith::CmpIOp::create(b, predicate, x, constant(x, y));
  }
  Value select(Value condition, Value x, Value y) { return mlir::arith::SelectOp::create(b, condition, x, y); }

  mlir::ImplicitLocOpBuilder b;

private:
  Type like;
};

/// f64 to f32 rounded to odd: a further rounding to fewer bits then gives what one rounding would have given (Boldo and
/// Melquiond, "Emulation of FMA and correctly rounded sums", 2008, theorem 3).
mlir::Value doubleToSingleOdd(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value);

} // namespace tenon

#endif // TENON_COMPILER_SUPPORT_BITARITHMETIC_H
