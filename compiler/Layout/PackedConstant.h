//===- PackedConstant.h - constants rearranged when the model is compiled ------------------===//

#ifndef TENON_COMPILER_LAYOUT_PACKEDCONSTANT_H
#define TENON_COMPILER_LAYOUT_PACKEDCONSTANT_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace tenon::layout {

/// A matrix of a constant: element (k, n) of matrix g lies at `base(g) + k * rowStep + n * columnStep` elements, unless
/// `rowOffset` is set, which then says where row k lies.
struct MatrixView {
  int64_t matrices = 1, rows = 0, columns = 0;
  int64_t matrixStep = 0, rowStep = 0, columnStep = 0;
  llvm::SmallVector<int64_t> rowOffsets; ///< empty: k * rowStep
};

/// Whether the bytes of the attribute can be read.
bool isReadable(mlir::ElementsAttr attribute);

/// `type` is [matrices..., ceil(columns / nr), rows, nr]: panels of each matrix, the last one filled with zeros. The
/// attribute is one that isReadable. `group`: of nn.packing.
mlir::ElementsAttr packConstant(mlir::ElementsAttr attribute, const MatrixView &view, mlir::RankedTensorType type,
                                int64_t group = 1);

/// The constant of `type` whose element i is element placeOf(i) of the attribute, or 0 where that is negative. The
/// attribute is one that isReadable.
mlir::ElementsAttr gatherConstant(mlir::ElementsAttr attribute, llvm::function_ref<int64_t(int64_t)> placeOf,
                                  mlir::RankedTensorType type);

/// [ceil(F / nr), positions, planes * C, nr] of a constant f32 [F, C, planes * window]: element (p, plane * C + c, f)
/// is the sum over w of weights[p][w] * filter[f, c, plane, w], in double precision and rounded once. The attribute is
/// one that isReadable.
mlir::ElementsAttr packProducts(mlir::ElementsAttr filter, int64_t nr,
                                llvm::ArrayRef<llvm::SmallVector<double>> weights);

} // namespace tenon::layout

#endif // TENON_COMPILER_LAYOUT_PACKEDCONSTANT_H
