//===- WinogradFilter.cpp - which convolutions Winograd's algorithm pays for, and their filters --===//
//
// Filters are transformed in double precision and rounded once.
//
//===------------------------------------------------------------------------------------------===//

#include "compiler/Layout/WinogradFilter.h"

#include "compiler/Layout/PackedConstant.h"
#include "compiler/Support/Winograd.h"

using namespace mlir;

namespace tenon::layout {

namespace {

/// A convolution as far as the choice depends on it.
struct Problem {
  /// A dimension with a window of more than one position.
  struct Dimension {
    int64_t extent, taps, dilation; ///< `extent` of the result
  };
  double channels, filters; ///< a window's planes count as channels
  double lines;             ///< results in all other dimensions
  SmallVector<Dimension> dimensions;
};

/// Cycles with tiles of `outputs` results, in multiply-adds of one lane per cycle.
///
/// A result costs C * F * (size / outputs)^d multiply-adds in place of C * F * taps^d, and the transforms: each of a
/// tile's size^d elements is loaded, stored and combined with its neighbours about twice per dimension, for every
/// channel and for every filter. The filters grow from taps^d to size^d and are read once, most of it while the
/// arithmetic goes on; that decides where there are few tiles.
struct Estimate {
  double winograd, direct;
};
Estimate estimate(const Problem &problem, int64_t outputs, WeightPlace place) {
  constexpr double passesPerDimension = 3; // vector instructions per element of a tile: measured
  // Read in the time of one lane's multiply-add.
  double bytesPerMultiplyAdd = place == WeightPlace::lastLevel ? 1.5 : 0.3;
  double tiles = problem.lines, results = tiles, positions = 1, window = 1;
  for (const Problem::Dimension &d : problem.dimensions) {
    // Results a dilation apart share a tile.
    tiles *= d.dilation * llvm::divideCeil(llvm::divideCeil(d.extent, d.dilation), outputs);
    results *= d.extent;
    positions *= outputs + d.taps - 1;
    window *= d.taps;
  }
  double products = problem.channels * problem.filters;
  double passes = passesPerDimension * problem.dimensions.size();
  double transforms = positions * passes * (problem.channels + problem.filters);
  auto cycles = [&](double arithmetic, double elementsOfFilter) {
    constexpr double notHidden = 0.25; // of the shorter of the two: measured
    double reading = elementsOfFilter * products * sizeof(float) / bytesPerMultiplyAdd;
    return std::max(arithmetic, reading) + notHidden * std::min(arithmetic, reading);
  };
  return {cycles(tiles * (positions * products + transforms), positions), cycles(results * window * products, window)};
}

/// Positions of a tile in a dimension: with more, rounding errors grow beyond what a model bears. Two dimensions
/// multiply them.
int64_t mostPositions(const Problem &problem) { return problem.dimensions.size() == 1 ? 8 : 6; }

bool fits(const Problem &problem, int64_t outputs) {
  int64_t most = mostPositions(problem);
  return llvm::all_of(problem.dimensions, [&](const auto &d) { return outputs + d.taps - 1 <= most; });
}

/// The convolution's numbers, if the algorithm covers it.
std::optional<Problem> describe(nn::ConvOp op, ArrayRef<int64_t> extents) {
  auto input = cast<RankedTensorType>(op.getInput().getType()), result = cast<RankedTensorType>(op.getType());
  int64_t planes = nn::winogradPlanes(op.getKernel());
  if (op.getGroups() != 1 || !op.getChannelsLast() || !input.getElementType().isF32() || planes == 0 ||
      llvm::any_of(op.getStrides(), [](int64_t stride) { return stride != 1; }) ||
      llvm::is_contained(result.getShape(), 0))
    return std::nullopt;
  Problem problem;
  problem.channels = planes * input.getShape().back();
  problem.filters = result.getShape().back();
  problem.lines = extents.front();
  for (auto [d, taps] : llvm::enumerate(op.getKernel())) {
    int64_t extent = extents[1 + d], dilation = op.getDilations()[d];
    if (taps > 1 && (d > 0 || planes == 1))
      problem.dimensions.push_back({extent, taps, dilation});
    else
      problem.lines *= extent;
  }
  if (problem.dimensions.empty())
    return std::nullopt;
  return problem;
}

} // namespace

int64_t chooseWinograd(nn::ConvOp op, ArrayRef<int64_t> extents, WeightPlace place) {
  std::optional<Problem> problem = describe(op, extents);
  int64_t best = 0;
  double fewest = 0;
  for (int64_t outputs = 2; problem && outputs <= 4 && fits(*problem, outputs); ++outputs) {
    Estimate cycles = estimate(*problem, outputs, place);
    if (cycles.winograd < 0.9 * cycles.direct && (best == 0 || cycles.winograd < fewest)) {
      best = outputs;
      fewest = cycles.winograd;
    }
  }
  return best;
}

bool paysToSplit(nn::ConvOp op, ArrayRef<int64_t> input, ArrayRef<int64_t> result, ArrayRef<int64_t> kernel,
                 int64_t phases, WeightPlace place) {
  constexpr double movement = 24; // lane cycles per element of the input: measured
  constexpr double enough = 0.86; // of the time of direct sums: filters grow eleven times
  Problem problem;
  problem.channels = phases * input.back();
  problem.filters = result.back();
  problem.lines = result.front();
  double direct = problem.channels / phases * problem.filters * problem.lines, moved = problem.lines * movement;
  for (auto [d, taps] : llvm::enumerate(kernel)) {
    int64_t extent = result[1 + d];
    direct *= extent * op.getKernel()[d];
    moved *= input[1 + d];
    if (taps > 1)
      problem.dimensions.push_back({extent, taps, /*dilation=*/1});
    else
      problem.lines *= extent;
  }
  // The schedule transforms lines and pixels only.
  if (problem.dimensions.empty() || (kernel.size() == 3 && kernel.front() != 1))
    return false;
  moved *= input.back();
  for (int64_t outputs = 2; outputs <= 4; ++outputs)
    if (fits(problem, outputs) && estimate(problem, outputs, place).winograd + moved < enough * direct)
      return true;
  return false;
}

ElementsAttr transformFilter(ElementsAttr filter, nn::PackingAttr packing) {
  auto type = cast<RankedTensorType>(filter.getType());
  ArrayRef<int64_t> kernel = type.getShape().drop_front(2);
  if (nn::winogradPlanes(kernel) > 1)
    kernel = kernel.drop_front();
  SmallVector<WinogradTransform, 3> transforms;
  int64_t positions = 1, window = 1;
  for (int64_t taps : kernel) {
    transforms.emplace_back(taps == 1 ? 1 : packing.getWinograd(), taps);
    positions *= transforms.back().size();
    window *= taps;
  }
  // The transform of all dimensions as one matrix [positions, window].
  SmallVector<SmallVector<double>> whole(positions, SmallVector<double>(window, 1));
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t w = 0; w < window; ++w) {
      int64_t position = p, tap = w;
      for (size_t d = kernel.size(); d-- > 0;) {
        whole[p][w] *= transforms[d].filter()[position % transforms[d].size()][tap % kernel[d]];
        position /= transforms[d].size();
        tap /= kernel[d];
      }
    }
  return packProducts(filter, packing.getNr(), whole);
}

} // namespace tenon::layout
