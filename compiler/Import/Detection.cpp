//===- Detection.cpp - regions of images ---------------------------------------------------===//
//
// RoiAlign, MaxRoiPool and NonMaxSuppression.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Interpolation.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

//===----------------------------------------------------------------------===//
// RoiAlign
//===----------------------------------------------------------------------===//

/// The samples of all regions along one dimension: taps [R, bins, samples], which of them a region has (null: all) and
/// how many these are, at least 1 (a float, [R], or rank 0).
struct RegionSamples {
  llvm::SmallVector<Tap> taps;
  std::optional<Expression> taken;
  Expression count;
  Scalar samples;
};

/// The two neighbours of a sample. Up to one pixel outside of the image counts as its border, more as nothing.
llvm::SmallVector<Tap> regionTaps(Expression coordinate, Scalar extent) {
  Builder &b = coordinate.b();
  Expression inside = (coordinate >= -1) & (coordinate <= Expression(b, extent, coordinate.type()));
  Expression last(b, b.sub(extent, b.index(1)), coordinate.type());
  Expression clamped = max(min(coordinate, last), 0), low = floor(clamped), fraction = clamped - low;
  Expression position = clampedPosition(low.cast(b.raw().getI64Type()), extent);
  return {{position, 1 - fraction, inside}, {clampedPosition(position + 1, extent), fraction, inside}};
}

RegionSamples regionSamples(NodeContext &c, Expression start, Expression end, Scalar extent, int64_t bins) {
  Builder &b = c.b;
  // Before version 16 there was no shift, and no region was smaller than a pixel.
  std::string mode = c.string("coordinate_transformation_mode", c.opset < 16 ? "output_half_pixel" : "half_pixel");
  if (mode != "half_pixel" && mode != "output_half_pixel")
    fail("attribute 'coordinate_transformation_mode' is '" + mode + "', expected half_pixel or output_half_pixel");
  bool shifts = mode == "half_pixel";
  double scale = c.number("spatial_scale", 1), shift = shifts ? 0.5 : 0;
  mlir::Type type = start.type(), wide = b.raw().getI64Type();
  start = start * scale - shift;
  Expression size = end * scale - shift - start;
  if (!shifts)
    size = max(size, 1);
  Expression bin = size / static_cast<double>(bins);

  int64_t ratio = c.integer("sampling_ratio", 0);
  if (ratio < 0 || ratio > INT32_MAX)
    fail("attribute 'sampling_ratio' is " + std::to_string(ratio) + ", expected 0 or more");
  ScalarVector perRegion = {b.extent(start, 0), b.index(1), b.index(1)};
  Scalar samples = b.index(ratio);
  Expression count(b, static_cast<double>(ratio), type);
  std::optional<Expression> taken;
  if (ratio == 0) {
    // As many as a bin has pixels; the largest region decides how many are computed for all.
    count = max(min(ceil(bin), static_cast<double>(INT32_MAX)), 0);
    Expression numbers = count.cast(wide);
    Expression most = max(reduce(nn::ReduceKind::max, numbers, {0}), 0);
    samples = b.extract(most)->items.front();
    taken = positions(b, samples, 2, 3) < numbers.reshape(perRegion);
    count = numbers.cast(type);
  }
  Expression divisor = ratio == 0 ? max(count, 1).reshape(perRegion) : count;
  Expression offset =
      (positions(b, samples, 2, 3).cast(type) + 0.5) / divisor + positions(b, b.index(bins), 1, 3).cast(type);
  Expression coordinate = start.reshape(perRegion) + offset * bin.reshape(perRegion);
  return {regionTaps(coordinate, extent), taken, ratio == 0 ? max(count, 1) : count, samples};
}

/// [R, bins, samples] as [R, bins, 1, samples, 1] or [R, 1, bins, 1, samples].
Expression spread(Expression x, int64_t dimension) {
  Builder &b = x.b();
  ScalarVector extents = b.extents(x), sizes = {extents[0], b.index(1), b.index(1), b.index(1), b.index(1)};
  sizes[1 + dimension] = extents[1];
  sizes[3 + dimension] = extents[2];
  return x.reshape(sizes);
}

llvm::SmallVector<Tap> spreadTaps(const RegionSamples &samples, int64_t dimension) {
  llvm::SmallVector<Tap> taps;
  for (const Tap &tap : samples.taps)
    taps.push_back({spread(tap.position, dimension), spread(*tap.weight, dimension), spread(*tap.inside, dimension)});
  return taps;
}

/// Means or maxima over samples: [R, bins..., samples..., channels] -> [R, bins..., channels].
Expression pooled(Expression pixels, const PixelTable &table, const RegionSamples &y, const RegionSamples &x,
                  bool isMax) {
  Builder &b = pixels.b();
  auto kind = isMax ? nn::ReduceKind::max : nn::ReduceKind::sum;
  if (y.taken) {
    Expression taken = alongChannels(table, spread(*y.taken, 0) & spread(*x.taken, 1));
    pixels = select(taken, pixels, isMax ? -std::numeric_limits<double>::infinity() : 0);
  }
  Expression result = reduce(kind, pixels, {3, 4});
  Expression count = y.count * x.count;
  if (y.taken)
    count = alongChannels(table, count.reshape({b.extent(count, 0), b.index(1), b.index(1)}));
  if (!isMax)
    return result / count;
  // Of no sample at all.
  return y.taken ? select(result == -std::numeric_limits<double>::infinity(), result.with(0.0), result) : result;
}

void importRoiAlign(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value images = c.inputOfRank(0, 4, 4), regions = c.inputOfRank(1, 2, 2), batch = c.inputOfRank(2, 1, 1);
  mlir::Type type = elementOf(images), compute = computingType(type);
  if (int64_t columns = typeOf(regions).getDimSize(1); columns != 4)
    fail("the regions have extent " +
         (mlir::ShapedType::isDynamic(columns) ? std::string("unknown") : std::to_string(columns)) +
         " in dimension 1, expected 4");
  int64_t height = c.integer("output_height", 1), width = c.integer("output_width", 1);
  for (int64_t extent : {height, width})
    if (extent < 1 || extent > INT32_MAX)
      fail("the output has extent " + std::to_string(extent) + ", expected 1 or more");
  std::string mode = llvm::StringRef(c.string("mode", "avg")).lower();
  if (mode != "avg" && mode != "max")
    fail("attribute 'mode' is '" + mode + "', expected avg or max");

  PixelTable table = pixelTable(b, images);
  Scalar count = b.extent(regions, 0);
  auto corner = [&](int64_t i) {
    return Expression(b, b.sliceDimension(regions, 1, b.index(i), b.index(1))).reshape({count}).cast(compute);
  };
  RegionSamples y = regionSamples(c, corner(1), corner(3), table.extents[0], height);
  RegionSamples x = regionSamples(c, corner(0), corner(2), table.extents[1], width);
  ScalarVector perRegion = {b.extent(batch, 0), b.index(1), b.index(1), b.index(1), b.index(1)};
  mlir::Type wide = b.raw().getI64Type();
  Expression row = Expression(b, batch).cast(wide).reshape(perRegion) * Expression(b, b.product(table.extents), wide);
  auto pixels = weightedPixels(table, row, {spreadTaps(y, 0), spreadTaps(x, 1)}, compute);
  bool isMax = mode == "max";
  Expression samples = pixels.front();
  for (Expression pixel : llvm::ArrayRef(pixels).drop_front())
    samples = isMax ? max(samples, pixel) : samples + pixel;
  Expression result = pooled(samples, table, y, x, isMax);
  c.result(channelsFirst(table, result, {b.index(height), b.index(width)}).cast(type));
}

//===----------------------------------------------------------------------===//
// MaxRoiPool
//===----------------------------------------------------------------------===//

/// Which pixels along one dimension lie in each bin of each region: [R, bins, extent], and whether a bin has none, [R,
/// bins].
struct RegionBins {
  Expression isInside, isEmpty;
};

/// A region reaches from the pixel `first` to `last` (both count) and is at least one pixel; bin i of n reaches from i
/// / n of that, rounded down, to (i + 1) / n, rounded up.
RegionBins regionBins(Expression first, Expression last, Scalar extent, int64_t bins) {
  Builder &b = first.b();
  ScalarVector perRegion = {b.extent(first, 0), b.index(1)};
  auto n = static_cast<double>(bins);
  Expression size = max(last - first + 1, 1).reshape(perRegion), bin = positions(b, b.index(bins), 1, 2);
  Expression limit(b, extent, first.type()), origin = first.reshape(perRegion);
  auto clamped = [&](Expression place) { return min(max(place + origin, 0), limit); };
  Expression begin = clamped(bin * size / n), end = clamped(((bin + 1) * size + (n - 1)) / n); // [R, bins]
  ScalarVector perBin = b.extents(begin);
  perBin.push_back(b.index(1));
  Expression pixel = positions(b, extent, 2, 3);
  return {(pixel >= begin.reshape(perBin)) & (pixel < end.reshape(perBin)), begin >= end};
}

/// The nearest pixel, halves away from 0. Whatever is far outside of an image is as good as a little outside.
Expression nearestPixel(Expression coordinate) {
  Builder &b = coordinate.b();
  Expression x = coordinate.cast(b.raw().getF64Type());
  Expression rounded = select(x < 0, ceil(x - 0.5), floor(x + 0.5));
  return max(min(rounded, 0x1p30), -0x1p30).cast(b.raw().getI64Type());
}

/// Maxima over the bins of regions [R, 5]: the number of the image, then left, top, right and bottom. 0 for a bin
/// without a pixel.
void importMaxRoiPool(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value images = c.inputOfRank(0, 4, 4), regions = c.inputOfRank(1, 2, 2);
  if (int64_t columns = typeOf(regions).getDimSize(1); columns != 5)
    fail("the regions have extent " +
         (mlir::ShapedType::isDynamic(columns) ? std::string("unknown") : std::to_string(columns)) +
         " in dimension 1, expected 5");
  IntVector pooled = c.integers("pooled_shape");
  if (pooled.size() != 2)
    fail("attribute 'pooled_shape' has " + std::to_string(pooled.size()) + " entries, expected 2");
  for (int64_t extent : pooled)
    if (extent < 1 || extent > INT32_MAX)
      fail("attribute 'pooled_shape' has the entry " + std::to_string(extent) + ", expected 1 or more");
  double scale = c.number("spatial_scale", 1);
  Scalar count = b.extent(regions, 0), channels = b.extent(images, 1), one = b.index(1);
  auto column = [&](int64_t i) {
    return Expression(b, b.sliceDimension(regions, 1, b.index(i), one)).reshape({count});
  };
  auto corner = [&](int64_t i) {
    Expression x = column(i);
    return nearestPixel(x.cast(computingType(x.type())) * scale);
  };
  Scalar height = b.extent(images, 2), width = b.extent(images, 3), rows = b.index(pooled[0]),
         columns = b.index(pooled[1]);
  RegionBins y = regionBins(corner(2), corner(4), height, pooled[0]),
             x = regionBins(corner(1), corner(3), width, pooled[1]);
  constexpr double lowest = -std::numeric_limits<double>::infinity();
  Expression image = gather(Expression(b, images), nearestPixel(column(0))); // [R, C, H, W]
  Expression alongRows = select(x.isInside.reshape({count, one, one, columns, width}),
                                image.reshape({count, channels, height, one, width}), lowest);
  Expression lines = reduce(nn::ReduceKind::max, alongRows, {4}); // [R, C, H, columns]
  Expression alongColumns = select(y.isInside.reshape({count, one, rows, height, one}),
                                   lines.reshape({count, channels, one, height, columns}), lowest);
  Expression isEmpty = y.isEmpty.reshape({count, one, rows, one}) | x.isEmpty.reshape({count, one, one, columns});
  Expression result = reduce(nn::ReduceKind::max, alongColumns, {3});
  c.result(select(isEmpty, result.with(0.0), result));
}

//===----------------------------------------------------------------------===//
// NonMaxSuppression
//===----------------------------------------------------------------------===//

/// The chosen boxes of all classes, then those entries that are one: [batch, class, box] of each.
void importNonMaxSuppression(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value boxes = c.inputOfRank(0, 3, 3), scores = c.inputOfRank(1, 3, 3);
  int64_t centered = c.integer("center_point_box", 0);
  if (centered != 0 && centered != 1)
    fail("attribute 'center_point_box' is " + std::to_string(centered) + ", expected 0 or 1");
  // Without a limit there is no box.
  Scalar limit = c.hasInput(2) ? c.scalar(2, "max_output_boxes_per_class") : b.index(0);
  limit = b.min(b.max(limit, b.index(0)), b.extent(boxes, 1));
  mlir::Value overlap = b.value(b.toFloat(c.hasInput(3) ? c.scalar(3, "iou_threshold") : b.index(0)));
  mlir::Value threshold;
  if (c.hasInput(4))
    threshold = b.value(b.toFloat(c.scalar(4, "score_threshold")));
  Expression chosen(b,
                    b.make<nn::NonMaxSuppressionOp>(boxes, scores, b.value(limit), overlap, threshold, centered == 1));
  Expression isBox = chosen >= 0;
  Expression places(b, importNonZero(b, isBox)); // [3, found]
  Scalar found = b.extent(places, 1);
  mlir::Value indices = b.transpose(places, {1, 0});
  mlir::Value box = b.make<nn::GatherNdOp>(chosen, indices, 0);
  mlir::Value classes = b.sliceDimension(indices, 1, b.index(0), b.index(2));
  c.result(b.concat({classes, b.reshape(box, {found, b.index(1)})}, 1));
}

} // namespace

void addDetection(ImporterTable &table) {
  table.add("MaxRoiPool", importMaxRoiPool);
  table.add("NonMaxSuppression", importNonMaxSuppression);
  table.add("RoiAlign", importRoiAlign);
}

} // namespace tenon::importer
