//===- Sampling.cpp - images sampled at coordinates ----------------------------------------===//
//
// GridSample, AffineGrid and DeformConv. Coordinates outside of an image, and those that are no numbers, never lead
// outside of its memory.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Interpolation.h"
#include "compiler/Import/Registry.h"
#include "compiler/Import/Window.h"
#include "llvm/Support/MathExtras.h"

namespace tenon::importer {

namespace {

/// x[..., i], whose last extent may be known at run time only; then the index is checked there.
Expression component(Expression x, int64_t i) {
  Builder &b = x.b();
  int64_t last = rankOf(x) - 1;
  if (typeOf(x).isDynamicDim(last))
    return gather(x, Expression(b, b.index(i), b.raw().getI64Type()), last);
  ScalarVector sizes = b.extents(x);
  sizes.pop_back();
  return x.with(b.sliceDimension(x, last, b.index(i), b.index(1))).reshape(sizes);
}

/// Fails, now or when the model runs, unless a dimension is as large as expected.
void checkExtent(Builder &b, mlir::Value tensor, int64_t dimension, Scalar expected, const char *what) {
  Scalar extent = b.extent(tensor, dimension);
  b.require(b.compare(mlir::arith::CmpIPredicate::eq, extent, expected),
            llvm::Twine(what) + " has extent %lld in dimension " + llvm::Twine(dimension) + ", expected %lld",
            {extent, expected});
}

//===----------------------------------------------------------------------===//
// GridSample
//===----------------------------------------------------------------------===//

enum class GridMode { nearest, linear, cubic };
enum class GridPadding { zeros, border, reflection };

struct GridAttributes {
  GridMode mode;
  GridPadding padding;
  bool alignCorners;
};

GridAttributes gridAttributes(NodeContext &c) {
  GridAttributes attributes{};
  std::string mode = c.string("mode", c.opset < 20 ? "bilinear" : "linear");
  if (mode == "nearest")
    attributes.mode = GridMode::nearest;
  else if (mode == "linear" || mode == "bilinear")
    attributes.mode = GridMode::linear;
  else if (mode == "cubic" || mode == "bicubic")
    attributes.mode = GridMode::cubic;
  else
    fail("attribute 'mode' is '" + mode + "', expected nearest, linear (bilinear) or cubic (bicubic)");
  std::string padding = c.string("padding_mode", "zeros");
  if (padding == "zeros")
    attributes.padding = GridPadding::zeros;
  else if (padding == "border")
    attributes.padding = GridPadding::border;
  else if (padding == "reflection")
    attributes.padding = GridPadding::reflection;
  else
    fail("attribute 'padding_mode' is '" + padding + "', expected zeros, border or reflection");
  attributes.alignCorners = c.integer("align_corners", 0) != 0;
  return attributes;
}

/// A coordinate of the grid's [-1, 1] in pixels, moved inside as the padding says.
Expression pixelCoordinate(Expression x, Scalar extent, const GridAttributes &attributes) {
  Builder &b = x.b();
  Expression size(b, extent, x.type());
  x = attributes.alignCorners ? (x + 1) / 2 * (size - 1) : ((x + 1) * size - 1) / 2;
  if (attributes.mode == GridMode::nearest)
    x = round(x);
  if (attributes.padding == GridPadding::zeros)
    return x;
  // From the first pixel's centre or its border; up to there cubic weights see the pixels beyond.
  Expression border(b, attributes.alignCorners ? 0 : -0.5, x.type());
  Expression span = attributes.alignCorners ? size - 1 : size, isOutside = (x < border) | (x > border + span);
  if (attributes.padding == GridPadding::border)
    return select(isOutside, max(min(x, size - 1), 0), x);
  // There and back again.
  Expression phase = mod(x - border, max(span * 2, 1));
  Expression inside = border + min(phase, span * 2 - phase);
  return select(isOutside, max(inside, border), x);
}

/// A neighbour of a sample, by the rules for what lies outside.
Tap paddedTap(Expression position, Scalar extent, const GridAttributes &attributes) {
  Builder &b = position.b();
  if (attributes.padding == GridPadding::zeros)
    return zeroPaddedTap(position, extent);
  if (attributes.padding == GridPadding::reflection) {
    // With aligned corners the border pixels are not repeated.
    Scalar span = attributes.alignCorners ? b.sub(extent, b.index(1)) : extent;
    Expression period(b, b.mul(b.index(2), span), position.type()), phase = mod(position, period);
    position = min(phase, attributes.alignCorners ? period - phase : period - 1 - phase);
  }
  return {clampedPosition(position, extent), std::nullopt, std::nullopt};
}

/// Keys' cubic convolution with a = -0.75 for a distance in [0, 1] (`inner`) or [1, 2].
Expression cubicWeight(Expression distance, bool inner) {
  constexpr double a = -0.75;
  if (inner)
    return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
}

llvm::SmallVector<Tap> gridTaps(Expression coordinate, Scalar extent, const GridAttributes &attributes) {
  Expression low = lowerNeighbour(coordinate, extent), fraction = coordinate - floor(coordinate);
  auto tap = [&](double offset, std::optional<Expression> weight) {
    Tap made = paddedTap(offset == 0 ? low : low + offset, extent, attributes);
    made.weight = weight;
    return made;
  };
  switch (attributes.mode) {
  case GridMode::nearest:
    return {tap(0, std::nullopt)};
  case GridMode::linear:
    return {tap(0, 1 - fraction), tap(1, fraction)};
  case GridMode::cubic:
    return {tap(-1, cubicWeight(fraction + 1, false)), tap(0, cubicWeight(fraction, true)),
            tap(1, cubicWeight(1 - fraction, true)), tap(2, cubicWeight(2 - fraction, false))};
  }
  return {};
}

mlir::Value sampledAt(Builder &b, mlir::Value images, mlir::Value grid, const GridAttributes &attributes) {
  int64_t dims = rankOf(images) - 2;
  mlir::Type type = elementOf(images);
  // Booleans have no numbers between them.
  bool isBoolean = type.isInteger(1);
  if (isBoolean)
    images = b.cast(images, b.raw().getIntegerType(8));

  PixelTable table = pixelTable(b, images);
  ScalarVector extents = b.extents(grid), positionExtents(extents.begin() + 1, extents.end() - 1);
  Scalar count = b.product(positionExtents);
  Expression flat(b, b.reshape(grid, {extents[0], count, extents.back()}));
  flat = flat.cast(computingType(elementOf(grid)));
  llvm::SmallVector<llvm::SmallVector<Tap>> taps;
  for (int64_t d = 0; d < dims; ++d) {
    Expression coordinate = pixelCoordinate(component(flat, dims - 1 - d), table.extents[d], attributes);
    taps.push_back(gridTaps(coordinate, table.extents[d], attributes));
  }
  Expression row =
      positions(b, b.extent(images, 0), 0, 2) * Expression(b, b.product(table.extents), b.raw().getI64Type());
  auto pixels = weightedPixels(table, row, taps, computingType(elementOf(images)));
  Expression sum = pixels.front();
  for (Expression pixel : llvm::ArrayRef(pixels).drop_front())
    sum = sum + pixel;
  return channelsFirst(table, sum, positionExtents).cast(type);
}

void importGridSample(NodeContext &c) {
  mlir::Value images = c.inputOfRank(0, 3);
  int64_t rank = rankOf(images);
  mlir::Value grid = c.inputOfRank(1, rank, rank);
  checkExtent(c.b, grid, rank - 1, c.b.index(rank - 2), "the grid");
  GridAttributes attributes = gridAttributes(c);
  c.result(c.b.byParts(images, [&](mlir::ValueRange part) { return sampledAt(c.b, part.front(), grid, attributes); }));
}

//===----------------------------------------------------------------------===//
// AffineGrid
//===----------------------------------------------------------------------===//

/// grid[n, d..., i] = sum over j of theta[n, i, j] * x_j + theta[n, i, last], with x_0 along the last dimension.
void importAffineGrid(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value theta = c.inputOfRank(0, 3, 3);
  ScalarVector size = c.scalars(1, "entries of the size").items;
  auto dims = static_cast<int64_t>(size.size()) - 2;
  if (dims < 1)
    fail("the size has " + std::to_string(size.size()) + " entries, expected 4 or 5");
  checkExtent(b, theta, 1, b.index(dims), "theta");
  checkExtent(b, theta, 2, b.index(dims + 1), "theta");
  bool alignCorners = c.integer("align_corners", 0) != 0;
  mlir::Type type = elementOf(theta);
  Expression matrices = Expression(b, theta).cast(computingType(type));

  auto column = [&](int64_t j) {
    ScalarVector shape(dims + 2, b.index(1));
    shape.front() = b.extent(theta, 0);
    shape.back() = b.extent(theta, 1);
    return component(matrices, j).reshape(shape);
  };
  Expression sum = column(dims);
  for (int64_t j = 0; j < dims; ++j) {
    Scalar extent = size[1 + dims - j];
    Expression count(b, extent, matrices.type());
    Expression x = positions(b, extent, dims - j, dims + 2).cast(matrices.type());
    x = alignCorners ? x * 2 / max(count - 1, 1) - 1 : (x * 2 + 1) / count - 1;
    sum = sum + column(j) * x;
  }
  c.result(sum.cast(type));
}

//===----------------------------------------------------------------------===//
// DeformConv
//===----------------------------------------------------------------------===//

/// For each dimension d, kernel positions k * dilation and result positions p * stride - pad as one vector each, of all
/// positions in row-major order.
Expression windowPositions(Builder &b, llvm::ArrayRef<Scalar> extents, int64_t d, int64_t step, int64_t offset) {
  Expression along = positions(b, extents[d], d, static_cast<int64_t>(extents.size()));
  along = along * static_cast<double>(step) - static_cast<double>(offset);
  return along.with(b.broadcast(along, extents)).reshape({b.product(extents)});
}

struct DeformedWindow {
  WindowAttributes window;
  int64_t groups, offsetGroups;
  Scalar taps;
};

DeformedWindow deformedWindow(NodeContext &c, mlir::Value images, mlir::Value filter, mlir::Value offset) {
  Builder &b = c.b;
  DeformedWindow result{readWindow(c, images, kernelOf(c, filter)), c.integer("group", 1), c.integer("offset_group", 1),
                        b.index(1)};
  int64_t known = 1;
  for (int64_t extent : result.window.kernel)
    if (!mlir::ShapedType::isDynamic(extent) && (llvm::MulOverflow(known, extent, known) || known > INT32_MAX))
      fail("the kernel is too large");
  for (int64_t groups : {result.groups, result.offsetGroups})
    if (groups < 1 || groups > INT32_MAX)
      fail("the number of groups is " + std::to_string(groups) + ", expected 1 or more");
  result.taps = b.product(result.window.extents);
  Scalar channels = b.extent(images, 1), offsets = b.mul(b.index(result.offsetGroups), result.taps);
  for (int64_t groups : {result.groups, result.offsetGroups})
    requireGroups(b, channels, b.index(groups), "channels");
  requireGroups(b, b.extent(filter, 0), b.index(result.groups), "filters");
  checkExtent(b, filter, 1, b.quotient({channels}, {b.index(result.groups)}), "the filter");
  checkExtent(b, offset, 1, b.mul(offsets, b.index(rankOf(images) - 2)), "the offset");
  checkExtent(b, offset, 0, b.extent(images, 0), "the offset");
  if (c.hasInput(4)) {
    ScalarVector expected = b.extents(offset);
    expected[1] = offsets;
    for (auto [dimension, extent] : llvm::enumerate(expected))
      checkExtent(b, c.inputOfRank(4, rankOf(images), rankOf(images)), static_cast<int64_t>(dimension), extent,
                  "the mask");
  }
  return result;
}

/// [N, groups * taps, P...] as [N, P, taps, groups].
Expression perTap(Builder &b, mlir::Value tensor, Scalar count, const DeformedWindow &deformed) {
  mlir::Value split = b.reshape(tensor, {b.extent(tensor, 0), b.index(deformed.offsetGroups), deformed.taps, count});
  return {b, b.transpose(split, {0, 3, 2, 1})};
}

void importDeformConv(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value images = c.inputOfRank(0, 3);
  int64_t rank = rankOf(images), dims = rank - 2;
  mlir::Value filter = c.inputOfRank(1, rank, rank), offset = c.inputOfRank(2, rank, rank);
  DeformedWindow deformed = deformedWindow(c, images, filter, offset);
  const WindowAttributes &window = deformed.window;
  mlir::Type type = elementOf(images), compute = computingType(type), wide = b.raw().getI64Type();
  Scalar groups = b.index(deformed.groups), offsetGroups = b.index(deformed.offsetGroups), taps = deformed.taps;
  ScalarVector extents = b.extents(offset), result(extents.begin() + 2, extents.end());
  Scalar batch = b.extent(images, 0), channels = b.extent(images, 1), count = b.product(result);

  // Samples in the order [N, P, taps, groups], which leaves whole pixels together.
  PixelTable table = pixelTable(b, images, deformed.offsetGroups);
  mlir::Value offsets = b.reshape(offset, {extents[0], b.mul(offsetGroups, taps), b.index(dims), count});
  llvm::SmallVector<llvm::SmallVector<Tap>> neighbours;
  for (int64_t d = 0; d < dims; ++d) {
    mlir::Value moved = b.sliceDimension(offsets, 2, b.index(d), b.index(1));
    Expression places = windowPositions(b, result, d, window.strides[d], window.low[d]);
    Expression steps = windowPositions(b, window.extents, d, window.dilations[d], 0);
    Expression regular = places.reshape({count, b.index(1), b.index(1)}) + steps.reshape({taps, b.index(1)});
    Expression coordinate = regular.cast(compute) + perTap(b, moved, count, deformed).cast(compute);
    neighbours.push_back(linearTaps(coordinate, table.extents[d]));
  }
  Expression row = positions(b, batch, 0, 4) * Expression(b, b.mul(b.product(table.extents), offsetGroups), wide) +
                   positions(b, offsetGroups, 3, 4);
  auto pixels = weightedPixels(table, row, neighbours, compute);
  Expression samples = pixels.front();
  for (Expression pixel : llvm::ArrayRef(pixels).drop_front())
    samples = samples + pixel;
  if (c.hasInput(4))
    samples = samples * alongChannels(table, perTap(b, c.input(4), count, deformed).cast(compute));

  // [N, groups, P, taps * C / groups] x [groups, taps * C / groups, filters / groups]
  Scalar depth = b.quotient({channels}, {groups}), filters = b.quotient({b.extent(filter, 0)}, {groups});
  Scalar inner = b.mul(taps, depth);
  mlir::Value columns = b.reshape(samples, {batch, count, taps, groups, depth});
  columns = b.reshape(b.transpose(columns, {0, 3, 1, 2, 4}), {batch, groups, count, inner});
  mlir::Value weights = b.reshape(b.cast(filter, compute), {groups, filters, depth, taps});
  weights = b.reshape(b.transpose(weights, {0, 3, 2, 1}), {groups, inner, filters});
  mlir::Value product = b.make<nn::MatmulOp>(columns, weights, false, false, nn::PackingAttr());
  ScalarVector sizes = {batch, b.extent(filter, 0)};
  sizes.append(result.begin(), result.end());
  Expression planes(b, b.reshape(b.transpose(product, {0, 1, 3, 2}), sizes));
  if (c.hasInput(3)) {
    mlir::Value bias = b.alignAt(c.inputOfRank(3, 1, 1), 1, rank);
    planes = planes + Expression(b, bias).cast(compute);
  }
  c.result(planes.cast(type));
}

} // namespace

void addSampling(ImporterTable &table) {
  table.add("AffineGrid", importAffineGrid);
  table.add("DeformConv", importDeformConv);
  table.add("GridSample", importGridSample);
}

} // namespace tenon::importer
