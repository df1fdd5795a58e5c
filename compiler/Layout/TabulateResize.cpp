//===- TabulateResize.cpp - interpolation by tables of positions and weights ---------------===//
//
// Expects dimensions in their final order. Guarantees: no nn.resize but with antialiasing or tf_crop_and_resize.
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
         op.getCoordinate() != nn::ResizeCoordinate::tf_crop_and_resize &&
         (!op.getAntialias() || op.getMode() == nn::ResizeMode::nearest);
}

/// What a position may be off by through roundings.
constexpr double withRoundings = 1 + 0x1p-20;

/// The advance of nn.resample for extents that are known: from the coordinates, which are evenly spaced, and checked by
/// the positions themselves.
double findAdvance(const nn::ResizeRule &rule, int64_t extent, int64_t size, double scale) {
  constexpr int64_t longestTable = 1 << 16, longestVector = 64;
  if (size > longestTable)
    return 0;
  if (size <= 1)
    return 1;
  nn::PlainArithmetic arithmetic;
  nn::ResizeGrid grid(arithmetic, rule, static_cast<double>(extent), static_cast<double>(size), scale);
  std::vector<double> positions;
  for (int64_t x = 0; x < size; ++x)
    positions.push_back(grid.position(grid.coordinate(static_cast<double>(x)), 0));
  auto holds = [&](double advance) {
    for (int64_t lanes = 2; lanes <= longestVector; lanes *= 2)
      for (int64_t x = 0; x + lanes <= size; ++x)
        if (double distance = positions[x + lanes - 1] - positions[x];
            distance < 0 || distance > std::ceil(static_cast<double>(lanes - 1) * advance))
          return false;
    return advance > 0;
  };
  double last = static_cast<double>(size - 1), slope = (grid.coordinate(last) - grid.coordinate(0)) / last;
  for (double advance : {static_cast<double>(static_cast<float>(slope)), slope * withRoundings})
    if (holds(advance))
      return advance;
  return 0;
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
      tabulate(op, dims);
  }
};

} // namespace
} // namespace tenon::layout
