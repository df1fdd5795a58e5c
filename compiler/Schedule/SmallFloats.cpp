//===- SmallFloats.cpp - floats of at most 8 bits on registers -----------------------------===//
//
// See SmallFloats.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/SmallFloats.h"

#include "compiler/Support/BitArithmetic.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// Bits of registers, for SmallFloatCodec.
class RegisterBits {
public:
  using Value = mlir::Value;
  RegisterBits(ImplicitLocOpBuilder &b, Type like) : x(b, b.getLoc(), like) {}

  Value constant(uint32_t value) { return x.constant(x.i(32), value); }
  Value bitAnd(Value lhs, Value rhs) { return arith::AndIOp::create(x.b, lhs, rhs); }
  Value bitOr(Value lhs, Value rhs) { return x.orBits(lhs, rhs); }
  Value bitXor(Value lhs, Value rhs) { return arith::XOrIOp::create(x.b, lhs, rhs); }
  Value add(Value lhs, Value rhs) { return x.add(lhs, rhs); }
  Value sub(Value lhs, Value rhs) { return x.sub(lhs, rhs); }
  Value shiftLeft(Value value, unsigned by) { return x.shiftLeft(value, by); }
  Value shiftRight(Value value, unsigned by) { return x.shiftRight(value, by); }
  Value isAbove(Value value, uint32_t bound) { return x.compare(arith::CmpIPredicate::ugt, value, bound); }
  Value isEqual(Value value, uint32_t other) { return x.compare(arith::CmpIPredicate::eq, value, other); }
  Value select(Value condition, Value lhs, Value rhs) { return x.select(condition, lhs, rhs); }
  Value addFloat(Value lhs, Value rhs) { return x.bits(arith::AddFOp::create(x.b, single(lhs), single(rhs))); }
  Value subFloat(Value lhs, Value rhs) { return x.bits(arith::SubFOp::create(x.b, single(lhs), single(rhs))); }

private:
  Value single(Value bits) { return x.bitcast(bits, x.b.getF32Type()); }

  BitArithmetic x;
};

} // namespace

Value smallFloatToSingle(ImplicitLocOpBuilder &b, Value code, const SmallFloatFormat &format) {
  BitArithmetic x(b, b.getLoc(), code.getType());
  SmallFloatCodec<RegisterBits> codec(RegisterBits(b, code.getType()), format);
  return x.bitcast(codec.decode(arith::ExtUIOp::create(b, x.i(32), code)), b.getF32Type());
}

Value floatToSmallFloat(ImplicitLocOpBuilder &b, Value value, const SmallFloatFormat &format, bool saturate,
                        ScaleRounding rounding) {
  if (getElementTypeOrSelf(value.getType()).isF64())
    value = doubleToSingleOdd(b, b.getLoc(), value);
  BitArithmetic x(b, b.getLoc(), value.getType());
  SmallFloatCodec<RegisterBits> codec(RegisterBits(b, value.getType()), format);
  Value code = codec.encode(x.bits(value), saturate, rounding);
  return arith::TruncIOp::create(b, x.i(format.width), code);
}

/// What is beyond the 53 bits of an f64 leaves a mark in the last of them, so that rounding sees it.
static Value withoutLowBits(BitArithmetic &x, Value value, bool isUnsigned) {
  int64_t limit = int64_t(1) << 53;
  Value shifted = isUnsigned ? value : x.add(value, limit);
  Value large = x.compare(arith::CmpIPredicate::ugt, shifted, isUnsigned ? limit : 2 * limit);
  Value isLost = x.compare(arith::CmpIPredicate::ne, x.andBits(value, 0xfff), 0);
  Value mark = x.select(isLost, x.constant(value, 0x800), x.constant(value, 0));
  return x.select(large, x.orBits(x.andBits(value, ~int64_t(0xfff)), mark), value);
}

Value integerToSmallFloat(ImplicitLocOpBuilder &b, Value value, bool isUnsigned, const SmallFloatFormat &format,
                          bool saturate, ScaleRounding rounding) {
  BitArithmetic x(b, b.getLoc(), value.getType());
  unsigned width = getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
  if (width == 64)
    value = withoutLowBits(x, value, isUnsigned);
  Type exact = x.type(width <= 16 ? Type(b.getF32Type()) : Type(b.getF64Type()));
  Value number =
      isUnsigned ? Value(arith::UIToFPOp::create(b, exact, value)) : Value(arith::SIToFPOp::create(b, exact, value));
  return floatToSmallFloat(b, number, format, saturate, rounding);
}

} // namespace tenon::schedule
