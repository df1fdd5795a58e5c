//===- NnElementwise.cpp - verifiers and folders of elementwise ops ------------------------===//
//
// Result shapes are the broadcast of the operands' for all of them (Extents::appendElementwise, from NnElementwise.td).
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/Nn.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tenon::nn;

static unsigned bitsOf(Type element) {
  return (isa<ComplexType>(element) ? storageType(element) : element).getIntOrFloatBitWidth();
}

LogicalResult BitcastOp::verify() {
  unsigned from = bitsOf(getInput().getType().getElementType()), to = bitsOf(getElementType());
  if (from != to)
    return emitOpError("C3: element type has ") << to << " bits but the operand's has " << from;
  return success();
}

OpFoldResult CastOp::fold(FoldAdaptor) { return getInput().getType() == getType() ? getInput() : OpFoldResult(); }

//===----------------------------------------------------------------------===//
// x op identity is x
//===----------------------------------------------------------------------===//

// Whether `constant` is a splat of that number, exactly; `negativeZero` is asked of floats that are zero.
static bool isSplatOf(Attribute constant, int64_t number, bool negativeZero = false) {
  auto elements = dyn_cast_if_present<DenseElementsAttr>(constant);
  if (!elements || !elements.isSplat())
    return false;
  if (isa<FloatType>(elements.getElementType())) {
    APFloat value = elements.getSplatValue<APFloat>();
    if (number == 0)
      return value.isZero() && value.isNegative() == negativeZero;
    return value.convertToDouble() == static_cast<double>(number);
  }
  APInt value = elements.getSplatValue<APInt>();
  return value == APInt(value.getBitWidth(), static_cast<uint64_t>(number), /*isSigned=*/true, /*implicitTrunc=*/true);
}

// `value` if it already has the result's type; a value that is broadcast by the operation is not its result.
static OpFoldResult sameTyped(Operation *op, Value value) {
  return value.getType() == op->getResult(0).getType() ? value : OpFoldResult();
}

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  // x + -0.0 is x for every x; x + 0.0 is not (-0.0 becomes 0.0).
  if (isSplatOf(adaptor.getRhs(), 0, /*negativeZero=*/true))
    return sameTyped(*this, getLhs());
  if (isSplatOf(adaptor.getLhs(), 0, /*negativeZero=*/true))
    return sameTyped(*this, getRhs());
  return {};
}

OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  return isSplatOf(adaptor.getRhs(), 0) ? sameTyped(*this, getLhs()) : OpFoldResult();
}

OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  if (isSplatOf(adaptor.getRhs(), 1))
    return sameTyped(*this, getLhs());
  if (isSplatOf(adaptor.getLhs(), 1))
    return sameTyped(*this, getRhs());
  return {};
}

OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  return isSplatOf(adaptor.getRhs(), 1) ? sameTyped(*this, getLhs()) : OpFoldResult();
}
