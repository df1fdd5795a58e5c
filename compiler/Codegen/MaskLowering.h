//===- MaskLowering.h - masks of the first lanes -------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_MASKLOWERING_H
#define TENON_COMPILER_CODEGEN_MASKLOWERING_H

#include "mlir/IR/PatternMatch.h"

namespace tenon::codegen {

/// vector.create_mask of one dimension as a comparison of 32-bit lane numbers. Unlike upstream's, which cuts the count
/// to 32 bits, it is right for every count.
void populateMaskPatterns(mlir::RewritePatternSet &patterns);

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_MASKLOWERING_H
