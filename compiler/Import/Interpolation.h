//===- Interpolation.h - images read at computed positions ---------------------------------===//
//
// An image becomes a table of pixels, so that reading it at any positions is one gather of whole pixels per neighbour.
// Positions are made to lie inside before, whatever the model's coordinates are.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_INTERPOLATION_H
#define TENON_COMPILER_IMPORT_INTERPOLATION_H

#include "compiler/Import/Expression.h"

namespace tenon::importer {

/// Images [N, C, D...] as pixels[(n, d...), g] of C / groups channels each.
struct PixelTable {
  Expression rows; ///< [N * D... * groups, C / groups], or [N * D...] if there is one channel
  Scalar groups;
  ScalarVector extents; ///< D...
};
PixelTable pixelTable(Builder &b, mlir::Value images, int64_t groups = 1);

/// What a sample takes from one of its neighbours along one dimension.
struct Tap {
  Expression position; ///< i64 in [0, extent)
  std::optional<Expression> weight, inside;
};

/// For each combination of taps, one per dimension, the weighted pixels: 0 where one is not inside. `row` is the
/// table's row of the image's first pixel, as an i64 tensor that broadcasts with the taps. With J... their common shape
/// the results are [J..., channels], or J... if the table has one channel. Weighted pixels are of type `weighted`.
llvm::SmallVector<Expression> weightedPixels(const PixelTable &table, Expression row,
                                             llvm::ArrayRef<llvm::SmallVector<Tap>> taps, mlir::Type weighted);

/// The two neighbours of `coordinate` (a float) for linear interpolation; what is outside counts as 0.
llvm::SmallVector<Tap> linearTaps(Expression coordinate, Scalar extent);

/// The lower neighbour of a coordinate as an i64: near the image where it is far outside, 0 for NaN.
Expression lowerNeighbour(Expression coordinate, Scalar extent);

/// `position` (i64) as a tap of an image of zeros around `extent` pixels.
Tap zeroPaddedTap(Expression position, Scalar extent);
/// The nearest position in [0, extent).
Expression clampedPosition(Expression position, Scalar extent);

/// `x` with a last dimension of extent 1, if the table's pixels have one for channels.
Expression alongChannels(const PixelTable &table, Expression x);

/// [N, P..., channels] (or [N, P...], see above) as [N, channels, P'...] with the extents P' in place of P.
Expression channelsFirst(const PixelTable &table, Expression pixels, llvm::ArrayRef<Scalar> positions);

/// The float type in which numbers of `type` are computed: f64 for what f32 cannot hold.
mlir::Type computingType(mlir::Type type);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_INTERPOLATION_H
