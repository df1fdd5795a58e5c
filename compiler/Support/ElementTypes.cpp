//===- ElementTypes.cpp - element types as the runtime numbers them ------------------------===//

#include "compiler/Support/ElementTypes.h"

#include "tenon/model_abi.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;

namespace tenon {

uint32_t dtypeOf(Type element) {
  if (element.isF32())
    return TENON_F32;
  if (element.isF64())
    return TENON_F64;
  if (element.isF16())
    return TENON_F16;
  if (element.isBF16())
    return TENON_BF16;
  auto integer = cast<IntegerType>(element);
  // Signless integers are signed ones.
  if (integer.isSigned())
    return TENON_STRING;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return TENON_BOOL;
  case 8:
    return isUnsigned ? TENON_U8 : TENON_I8;
  case 16:
    return isUnsigned ? TENON_U16 : TENON_I16;
  case 32:
    return isUnsigned ? TENON_U32 : TENON_I32;
  case 64:
    return isUnsigned ? TENON_U64 : TENON_I64;
  }
  llvm_unreachable("not an element type of the model ABI");
}

} // namespace tenon
