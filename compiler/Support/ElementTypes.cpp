//===- ElementTypes.cpp - element types as the runtime numbers them ------------------------===//

#include "compiler/Support/ElementTypes.h"

#include "tenon/model_abi.h"
#include "llvm/ADT/TypeSwitch.h"
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
  if (isa<FloatType>(element))
    return llvm::TypeSwitch<Type, uint32_t>(element)
        .Case([](Float8E4M3FNType) { return TENON_F8E4M3FN; })
        .Case([](Float8E4M3FNUZType) { return TENON_F8E4M3FNUZ; })
        .Case([](Float8E5M2Type) { return TENON_F8E5M2; })
        .Case([](Float8E5M2FNUZType) { return TENON_F8E5M2FNUZ; })
        .Case([](Float8E8M0FNUType) { return TENON_F8E8M0FNU; })
        .Case([](Float6E2M3FNType) { return TENON_F6E2M3FN; })
        .Case([](Float6E3M2FNType) { return TENON_F6E3M2FN; })
        .Case([](Float4E2M1FNType) { return TENON_F4E2M1FN; });
  if (auto complex = dyn_cast<ComplexType>(element))
    return complex.getElementType().isF64() ? TENON_C128 : TENON_C64;
  auto integer = cast<IntegerType>(element);
  // Signless integers are signed ones.
  if (integer.isSigned())
    return TENON_STRING;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 2:
    return isUnsigned ? TENON_U2 : TENON_I2;
  case 4:
    return isUnsigned ? TENON_U4 : TENON_I4;
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
