//===- NnDialect.cpp - registration of the nn dialect --------------------------------------===//
//
// What each op requires and which shape it gives is in Nn<Family>.cpp.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/Nn.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tenon::nn;

#include "dialects/nn/NnInterfaces.cpp.inc"
#include "dialects/nn/NnOpsDialect.cpp.inc"
#include "dialects/nn/NnOpsEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NnOpsAttributes.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/nn/NnOps.cpp.inc"

void NnDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/nn/NnOpsAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/NnOps.cpp.inc"
      >();
}

Operation *NnDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location location) {
  auto elements = dyn_cast<ElementsAttr>(value);
  if (elements && elements.getType() == type)
    return ConstantOp::create(builder, location, elements);
  return arith::ConstantOp::materialize(builder, value, type, location);
}

LogicalResult PackingAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t nr, int64_t columns,
                                  int64_t winograd, int64_t group) {
  if (nr < 1 || columns < 1)
    return emitError() << "expected positive nr and columns, got " << nr << " and " << columns;
  if (winograd < 0 || winograd > 6)
    return emitError() << "expected Winograd tiles of at most 6 results, got " << winograd;
  if (group < 1 || !llvm::isPowerOf2_64(group))
    return emitError() << "expected a group of a power of two, got " << group;
  if (group > 1 && winograd > 0)
    return emitError() << "expected no group with Winograd tiles, got " << group;
  return success();
}
