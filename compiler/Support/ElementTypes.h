//===- ElementTypes.h - element types as the runtime numbers them --------------------------===//

#ifndef TENON_COMPILER_SUPPORT_ELEMENTTYPES_H
#define TENON_COMPILER_SUPPORT_ELEMENTTYPES_H

#include "mlir/IR/BuiltinTypes.h"
#include <cstdint>

namespace tenon {

/// The enum tenon_dtype of an element type of the nn dialect.
uint32_t dtypeOf(mlir::Type element);

} // namespace tenon

#endif // TENON_COMPILER_SUPPORT_ELEMENTTYPES_H
