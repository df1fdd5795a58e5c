//===- BitArithmetic.cpp - integer arithmetic on the bits of registers ---------------------===//

#include "compiler/Support/BitArithmetic.h"

using namespace mlir;

namespace tenon {

Type BitArithmetic::type(Type element) const {
  auto shaped = dyn_cast<ShapedType>(like);
  return shaped ? Type(shaped.clone(element)) : element;
}

Value BitArithmetic::constant(Type type, int64_t value) {
  Type element = getElementTypeOrSelf(type);
  APInt number(element.getIntOrFloatBitWidth(), value, /*isSigned=*/false, /*implicitTrunc=*/true);
  TypedAttr attribute = b.getIntegerAttr(element, number);
  if (auto shaped = dyn_cast<ShapedType>(type))
    attribute = DenseElementsAttr::get(shaped, Attribute(attribute));
  return arith::ConstantOp::create(b, type, attribute);
}

Value BitArithmetic::bits(Value value) {
  return arith::BitcastOp::create(b, i(getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth()), value);
}

Value doubleToSingleOdd(OpBuilder &builder, Location loc, Value value) {
  BitArithmetic x(builder, loc, value.getType());
  Value single = arith::TruncFOp::create(x.b, x.type(x.b.getF32Type()), value);
  Value back = arith::ExtFOp::create(x.b, value.getType(), single);
  Value bits = x.bits(single);
  Value inexact = arith::CmpFOp::create(x.b, arith::CmpFPredicate::ONE, back, value);
  Value even = x.compare(arith::CmpIPredicate::eq, x.andBits(bits, 1), 0);
  Value adjust = arith::AndIOp::create(x.b, inexact, even);
  // Numbers of one sign are ordered like their bits.
  Value magnitude = x.andBits(x.bits(value), INT64_MAX), rounded = x.andBits(x.bits(back), INT64_MAX);
  Value tooLarge = arith::CmpIOp::create(x.b, arith::CmpIPredicate::ugt, rounded, magnitude);
  Value odd = x.select(tooLarge, x.add(bits, -1), x.add(bits, 1));
  return x.bitcast(x.select(adjust, odd, bits), x.b.getF32Type());
}

} // namespace tenon
