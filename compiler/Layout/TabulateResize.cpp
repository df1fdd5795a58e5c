//===- TabulateResize.cpp - interpolation by tables of positions and weights ---------------===//
//
// Expects dimensions in their final order. Guarantees: no nn.resize but with tf_crop_and_resize, or with antialiasing
// whose extents or scales only the run time knows.
//
// Antialiased interpolation has many neighbours in each dimension, so dimensions are resampled one after the other, in
// the order that leaves the fewest elements between them.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Layout/Passes.h"

#include "dialects/nn/ExtentEquality.h"
#include "dialects/nn/NnResizeGrid.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace tenon::layout {

#define GEN_PASS_DEF_TABULATERESIZEPASS
#include "compiler/Layout/Passes.h.inc"

namespace {

std::optional<double> knownScale(Value scale) {
  FloatAttr number;
  return matchPattern(scale, m_Constant(&number)) ? std::optional(number.getValueAsDouble()) : std::nullopt;
}

bool hasTables(nn::ResizeOp op) {
  auto isLong = [](int64_t extent) { return extent > std::numeric_limits<int32_t>::max(); };
  return llvm::none_of(cast<RankedTensorType>(op.getInput().getType()).getShape(), isLong) &&
         op.getCoordinate() != nn::ResizeCoordinate::tf_crop_and_resize;
}

/// What a position may be off by through roundings.
constexpr double withRoundings = 1 + 0x1p-20;

/// Whether positions that are evenly spaced but for roundings move on by at most `advance`, as nn.resample says it.
bool holdsFor(ArrayRef<double> positions, double advance) {
  constexpr int64_t longestVector = 64;
  auto size = static_cast<int64_t>(positions.size());
  for (int64_t lanes = 2; lanes <= longestVector; lanes *= 2)
    for (int64_t x = 0; x + lanes <= size; ++x)
      if (double distance = positions[x + lanes - 1] - positions[x];
          distance < 0 || distance > std::ceil(static_cast<double>(lanes - 1) * advance))
        return false;
  return advance > 0;
}

/// The advance of positions of evenly spaced coordinates from `first` to `last`; 0: not known.
double findAdvance(ArrayRef<ArrayRef<double>> positions, double first, double last) {
  size_t size = positions.front().size();
  if (size <= 1)
    return 1;
  double slope = (last - first) / static_cast<double>(size - 1);
  for (double advance : {static_cast<double>(static_cast<float>(slope)), slope * withRoundings})
    if (llvm::all_of(positions, [&](ArrayRef<double> row) { return holdsFor(row, advance); }))
      return advance;
  return 0;
}

/// Results of a dimension that a table is made for, or looked at, here.
constexpr int64_t longestTable = 1 << 16;

/// The advance of nn.resample for extents that are known: from the coordinates, and checked by the positions.
double findAdvance(const nn::ResizeRule &rule, int64_t extent, int64_t size, double scale) {
  if (size > longestTable)
    return 0;
  nn::PlainArithmetic arithmetic;
  nn::ResizeGrid grid(arithmetic, rule, static_cast<double>(extent), static_cast<double>(size), scale);
  std::vector<double> positions;
  for (int64_t x = 0; x < size; ++x)
    positions.push_back(grid.position(grid.coordinate(static_cast<double>(x)), 0));
  return findAdvance({positions}, grid.coordinate(0), grid.coordinate(static_cast<double>(size - 1)));
}

/// The same for any extents.
double boundAdvance(const nn::ResizeRule &rule, double scale) {
  bool byEnds = rule.coordinate == nn::ResizeCoordinate::align_corners && scale < 1;
  if (!(scale > 0) || byEnds)
    return 0;
  // Powers of two divide without roundings.
  int exponent;
  bool isExact = std::frexp(scale, &exponent) == 0.5 && rule.coordinate != nn::ResizeCoordinate::half_pixel_symmetric;
  return 1 / scale * (isExact ? 1 : withRoundings);
}

void tabulate(nn::ResizeOp op, ArrayRef<int64_t> dims) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Value input = op.getInput();
  nn::ResizeRule rule{op.getMode(), op.getCoordinate(), op.getNearest()};
  Type element = cast<RankedTensorType>(input.getType()).getElementType();
  Type weightType = element.isF64() ? element : Type(b.getF32Type());
  SmallVector<OpFoldResult> extents = nn::getExtents(b, loc, input);
  SmallVector<Value> positions, weights;
  SmallVector<double> advances;
  for (int64_t dim : dims) {
    Value extent = getValueOrCreateConstantIndexOp(b, loc, extents[dim]);
    Value size = op.getSizes()[dim], scale = op.getScales()[dim];
    positions.push_back(
        nn::ResizePositionsOp::create(b, loc, extent, size, scale, rule.mode, rule.coordinate, rule.nearest));
    if (rule.mode != nn::ResizeMode::nearest)
      weights.push_back(nn::ResizeWeightsOp::create(b, loc, extent, size, scale, rule.mode, rule.coordinate, weightType,
                                                    op.getCubicCoefficient(), op.getExcludeOutside()));
    std::optional<double> factor = knownScale(scale);
    std::optional<int64_t> from = getConstantIntValue(extents[dim]), to = getConstantIntValue(OpFoldResult(size));
    advances.push_back(!factor ? 0 : from && to ? findAdvance(rule, *from, *to, *factor) : boundAdvance(rule, *factor));
  }
  Value result = input;
  if (!dims.empty())
    result = nn::ResampleOp::create(b, loc, op.getType(), input, positions, weights, dims, advances);
  if (result.getType() != op.getType())
    result = tensor::CastOp::create(b, loc, op.getType(), result);
  op.replaceAllUsesWith(result);
  op.erase();
}

//===----------------------------------------------------------------------===//
// Antialiasing
//===----------------------------------------------------------------------===//

/// A dimension of known extents: neighbours `from` to `to` of each result, and their weights.
struct Antialiased {
  int64_t dim = 0, extent = 0, size = 0, taps = 0;
  std::vector<double> from, to;
  std::vector<double> weights; ///< [taps, size]
  double advance = 0;
};

/// The kernel is stretched by 1 / scale where that is above 1, and normalised.
std::optional<Antialiased> antialias(nn::ResizeOp op, int64_t dim) {
  constexpr int64_t mostTaps = 64;
  std::optional<double> scale = knownScale(op.getScales()[dim]);
  Antialiased d;
  d.dim = dim;
  d.extent = cast<RankedTensorType>(op.getInput().getType()).getDimSize(dim);
  d.size = cast<RankedTensorType>(op.getType()).getDimSize(dim);
  if (!scale || !(*scale > 0) || ShapedType::isDynamic(d.extent) || ShapedType::isDynamic(d.size) || d.size == 0 ||
      d.extent == 0 || d.size > longestTable)
    return std::nullopt;
  nn::PlainArithmetic arithmetic;
  nn::ResizeRule rule{op.getMode(), op.getCoordinate(), op.getNearest(), op.getCubicCoefficient().convertToFloat(),
                      op.getExcludeOutside()};
  nn::ResizeGrid grid(arithmetic, rule, static_cast<double>(d.extent), static_cast<double>(d.size), *scale);
  double shrink = std::min(*scale, 1.0), support = (rule.mode == nn::ResizeMode::linear ? 1 : 2) / shrink;
  std::vector<double> coordinates;
  for (int64_t x = 0; x < d.size; ++x) {
    coordinates.push_back(grid.coordinate(static_cast<double>(x)));
    d.from.push_back(std::ceil(coordinates.back() - support));
    d.to.push_back(std::floor(coordinates.back() + support));
    d.taps = std::max(d.taps, static_cast<int64_t>(d.to.back() - d.from.back()) + 1);
  }
  if (d.taps > mostTaps)
    return std::nullopt;
  d.weights.assign(d.taps * d.size, 0);
  for (int64_t x = 0; x < d.size; ++x) {
    double total = 0;
    for (double position = d.from[x]; position <= d.to[x]; ++position) {
      bool isLeftOut = rule.excludeOutside && (position < 0 || position >= static_cast<double>(d.extent));
      double weight = isLeftOut ? 0 : grid.kernel(std::fabs(coordinates[x] - position) * shrink);
      d.weights[static_cast<int64_t>(position - d.from[x]) * d.size + x] = weight;
      total += weight;
    }
    for (int64_t t = 0; t < d.taps; ++t)
      d.weights[t * d.size + x] /= total;
  }
  d.advance = findAdvance({d.from, d.to}, coordinates.front(), coordinates.back());
  return d;
}

Value resampleAlong(OpBuilder &b, Location loc, Value input, const Antialiased &d) {
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[d.dim] = d.size;
  SmallVector<int32_t> positions;
  SmallVector<Attribute> weights;
  Type weightType = type.getElementType().isF64() ? type.getElementType() : Type(b.getF32Type());
  for (int64_t t = 0; t < d.taps; ++t)
    for (int64_t x = 0; x < d.size; ++x) {
      // Positions of no weight repeat the last: nothing else is read.
      double position = std::min(d.from[x] + static_cast<double>(t), d.to[x]);
      positions.push_back(static_cast<int32_t>(std::clamp(position, 0.0, static_cast<double>(d.extent - 1))));
      weights.push_back(b.getFloatAttr(weightType, d.weights[t * d.size + x]));
    }
  auto table = [&](Type element) { return RankedTensorType::get({d.taps, d.size}, element); };
  auto positionTable = table(b.getI32Type()), weightTable = table(weightType);
  Value at = nn::ConstantOp::create(b, loc, positionTable, DenseElementsAttr::get(positionTable, ArrayRef(positions)));
  Value by = nn::ConstantOp::create(b, loc, weightTable, DenseElementsAttr::get(weightTable, weights));
  return nn::ResampleOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), input, ValueRange(at),
                                ValueRange(by), ArrayRef<int64_t>{d.dim}, ArrayRef<double>{d.advance});
}

/// Leaves the op where it cannot.
void tabulateAntialiased(nn::ResizeOp op, ArrayRef<int64_t> dims) {
  SmallVector<Antialiased> all;
  for (int64_t dim : dims) {
    std::optional<Antialiased> d = antialias(op, dim);
    if (!d)
      return;
    all.push_back(std::move(*d));
  }
  // First what shrinks, from outside, then what grows, from inside: rows are the cheapest to add.
  llvm::sort(all, [](const Antialiased &x, const Antialiased &y) {
    bool shrinks = x.size <= x.extent, thenShrinks = y.size <= y.extent;
    return shrinks != thenShrinks ? shrinks : shrinks ? x.dim < y.dim : x.dim > y.dim;
  });
  OpBuilder b(op);
  Value value = op.getInput();
  Type element = cast<RankedTensorType>(value.getType()).getElementType();
  // Sums of a dimension are not rounded to a narrow type, or to a whole number.
  bool isWidened = all.size() > 1 && !element.isF32() && !element.isF64();
  auto castTo = [&](Type to) { value = nn::CastOp::create(b, op.getLoc(), value, to); };
  if (isWidened)
    castTo(b.getF32Type());
  for (const Antialiased &d : all)
    value = resampleAlong(b, op.getLoc(), value, d);
  if (isWidened)
    castTo(element);
  if (value.getType() != op.getType())
    value = tensor::CastOp::create(b, op.getLoc(), op.getType(), value);
  op.replaceAllUsesWith(value);
  op.erase();
}

struct TabulateResize : impl::TabulateResizePassBase<TabulateResize> {
  void runOnOperation() override {
    // Extents are compared before anything is changed.
    SmallVector<std::pair<nn::ResizeOp, SmallVector<int64_t>>> found;
    nn::ExtentEquality equality(&getContext());
    getOperation()->walk([&](nn::ResizeOp op) {
      if (!hasTables(op))
        return;
      SmallVector<int64_t> dims;
      for (auto [dim, scale] : llvm::enumerate(op.getScales())) {
        bool isLeft = knownScale(scale) == 1 && equality.equal(op.getSizes()[dim], op.getInput(), dim);
        if (!isLeft)
          dims.push_back(static_cast<int64_t>(dim));
      }
      found.push_back({op, dims});
    });
    for (auto &[op, dims] : found)
      if (op.getAntialias() && op.getMode() != nn::ResizeMode::nearest)
        tabulateAntialiased(op, dims);
      else
        tabulate(op, dims);
  }
};

} // namespace
} // namespace tenon::layout
