//===- Interpolation.cpp - images read at computed positions -------------------------------===//
//
// See Interpolation.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Interpolation.h"

namespace tenon::importer {

mlir::Type computingType(mlir::Type type) {
  mlir::Builder ir(type.getContext());
  bool isWide = type.isF64() || (llvm::isa<mlir::IntegerType>(type) && type.getIntOrFloatBitWidth() > 16);
  return isWide ? mlir::Type(ir.getF64Type()) : mlir::Type(ir.getF32Type());
}

PixelTable pixelTable(Builder &b, mlir::Value images, int64_t groups) {
  ScalarVector extents = b.extents(images), spatial(extents.begin() + 2, extents.end());
  IntVector order = {0};
  for (int64_t d = 2; d < rankOf(images); ++d)
    order.push_back(d);
  order.push_back(1);
  mlir::Value rows = b.transpose(images, order);
  Scalar count = b.mul(b.mul(extents[0], b.product(spatial)), b.index(groups));
  ScalarVector shape = {count};
  if (Builder::constant(extents[1]) != 1)
    shape.push_back(b.quotient({extents[1]}, {b.index(groups)}));
  return {Expression(b, b.reshape(rows, shape)), b.index(groups), spatial};
}

Expression alongChannels(const PixelTable &table, Expression x) {
  if (rankOf(table.rows) == 1)
    return x;
  ScalarVector sizes = x.b().extents(x);
  sizes.push_back(x.b().index(1));
  return x.reshape(sizes);
}

llvm::SmallVector<Expression> weightedPixels(const PixelTable &table, Expression row,
                                             llvm::ArrayRef<llvm::SmallVector<Tap>> taps, mlir::Type weighted) {
  Builder &b = row.b();
  // Their number is exponential in that of the dimensions, which a model may choose.
  constexpr size_t mostCombinations = 256;
  size_t combinations = 1;
  for (const llvm::SmallVector<Tap> &along : taps)
    if ((combinations *= along.size()) > mostCombinations)
      fail("interpolation in " + llvm::Twine(taps.size()) + " dimensions has more than " +
           llvm::Twine(mostCombinations) + " neighbours");
  struct Partial {
    Expression index;
    std::optional<Expression> weight, inside;
  };
  // Dimension by dimension, so that what combinations have in common is computed once.
  llvm::SmallVector<Partial> partials = {{row, std::nullopt, std::nullopt}};
  Scalar stride = table.groups;
  for (int64_t d = static_cast<int64_t>(taps.size()) - 1; d >= 0; --d) {
    llvm::SmallVector<Partial> next;
    for (const Partial &partial : partials)
      for (const Tap &tap : taps[d]) {
        Partial sum{partial.index + tap.position * Expression(b, stride, b.raw().getI64Type()), tap.weight, tap.inside};
        if (partial.weight)
          sum.weight = tap.weight ? *partial.weight * *tap.weight : *partial.weight;
        if (partial.inside)
          sum.inside = tap.inside ? *partial.inside & *tap.inside : *partial.inside;
        next.push_back(sum);
      }
    partials = std::move(next);
    stride = b.mul(stride, table.extents[d]);
  }
  llvm::SmallVector<Expression> results;
  for (const Partial &partial : partials) {
    Expression pixel = gather(table.rows, partial.index);
    if (partial.weight)
      pixel = pixel.cast(weighted) * alongChannels(table, partial.weight->cast(weighted));
    if (partial.inside)
      pixel = select(alongChannels(table, *partial.inside), pixel, 0);
    results.push_back(pixel);
  }
  return results;
}

Expression lowerNeighbour(Expression coordinate, Scalar extent) {
  Builder &b = coordinate.b();
  // Beyond these bounds no neighbour of any interpolation is inside, and the conversion is exact.
  constexpr double reach = 8;
  Expression limit = Expression(b, extent, coordinate.type()) + reach;
  return max(min(floor(coordinate), limit), -reach).cast(b.raw().getI64Type());
}

Expression clampedPosition(Expression position, Scalar extent) {
  Builder &b = position.b();
  return max(min(position, Expression(b, b.sub(extent, b.index(1)), position.type())), 0);
}

Tap zeroPaddedTap(Expression position, Scalar extent) {
  Expression size(position.b(), extent, position.type());
  return {clampedPosition(position, extent), std::nullopt, (position >= 0) & (position < size)};
}

llvm::SmallVector<Tap> linearTaps(Expression coordinate, Scalar extent) {
  Expression low = lowerNeighbour(coordinate, extent), fraction = coordinate - floor(coordinate);
  Tap lower = zeroPaddedTap(low, extent), upper = zeroPaddedTap(low + 1, extent);
  lower.weight = 1 - fraction;
  upper.weight = fraction;
  return {lower, upper};
}

Expression channelsFirst(const PixelTable &table, Expression pixels, llvm::ArrayRef<Scalar> positions) {
  Builder &b = pixels.b();
  ScalarVector flat = b.extents(pixels), sizes = {flat[0], b.index(1)};
  Scalar count = b.product(positions);
  if (rankOf(table.rows) != 1) {
    sizes[1] = flat.back();
    mlir::Value planes = b.transpose(b.reshape(pixels, {flat[0], count, flat.back()}), {0, 2, 1});
    pixels = pixels.with(planes);
  }
  sizes.append(positions.begin(), positions.end());
  return pixels.reshape(sizes);
}

} // namespace tenon::importer
