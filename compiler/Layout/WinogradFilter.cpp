//===- WinogradFilter.cpp - which convolutions Winograd's algorithm pays for, and their filters --===//
//
// Filters are transformed in double precision and rounded once.
//
//===------------------------------------------------------------------------------------------===//

#include "compiler/Layout/WinogradFilter.h"

#include "compiler/Layout/PackedConstant.h"
#include "compiler/Support/Winograd.h"
#include "dialects/nn/NnWork.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <array>
#include <cmath>

using namespace mlir;

namespace tenon::layout {

namespace {

/// A convolution as far as the choice depends on it.
struct Problem {
  /// A dimension with a window of more than one position.
  struct Dimension {
    int64_t extent, taps, dilation; ///< `extent` of the result
  };
  double channels, filters; ///< a window's planes and the phases of a stride count as channels
  double lines;             ///< results in all other dimensions
  double directProducts;    ///< of a result of direct sums
  /// What a cycle of direct sums counts: transformed filters are larger, so they have to be worth it.
  double directBias = 0.9;
  SmallVector<Dimension> dimensions;
};

/// Cycles with tiles of `outputs` results (0: of direct sums), in multiply-adds of one lane per cycle.
///
/// A result costs C * F * (size / outputs)^d multiply-adds in place of C * F * taps^d, and the transforms: each of a
/// tile's size^d elements is loaded, stored and combined with its neighbours about twice per dimension, for every
/// channel and for every filter. The filters grow from taps^d to size^d and are read once, most of it while the
/// arithmetic goes on; that decides where there are few tiles.
struct Cost {
  double perTile; ///< of arithmetic; without tiles, per result
  double reading; ///< of the filter
};
/// Tiles that the schedule's products have at least, for they are its rows (EvenRowTiles).
constexpr int64_t fewestTiles = 6;
/// What of the shorter one of arithmetic and reading is not hidden behind the other, as a fraction: measured.
constexpr int64_t notHidden = 4;

double positionsOf(const Problem &problem, int64_t outputs) {
  double positions = 1;
  for (const Problem::Dimension &d : problem.dimensions)
    positions *= outputs + d.taps - 1;
  return positions;
}

/// Of the filter.
double bytesOf(const Problem &problem, int64_t outputs) {
  double products = problem.channels * problem.filters;
  return sizeof(float) * (outputs == 0 ? problem.directProducts : positionsOf(problem, outputs) * products);
}

Cost costOf(const Problem &problem, int64_t outputs, WeightPlace place) {
  constexpr double passesPerDimension = 3; // vector instructions per element of a tile: measured
  // Read in the time of one lane's multiply-add.
  double bytesPerMultiplyAdd = place == WeightPlace::lastLevel ? 1.5 : 0.3;
  double reading = bytesOf(problem, outputs) / bytesPerMultiplyAdd;
  if (outputs == 0)
    return {problem.directProducts, reading};
  double products = problem.channels * problem.filters, passes = passesPerDimension * problem.dimensions.size();
  return {positionsOf(problem, outputs) * (products + passes * (problem.channels + problem.filters)), reading};
}

double tilesOf(const Problem &problem, int64_t outputs) {
  double tiles = problem.lines;
  for (const Problem::Dimension &d : problem.dimensions)
    // Results a dilation apart share a tile.
    tiles *= outputs == 0 ? d.extent : d.dilation * llvm::divideCeil(llvm::divideCeil(d.extent, d.dilation), outputs);
  return tiles;
}

double cyclesOf(const Problem &problem, int64_t outputs, WeightPlace place) {
  Cost cost = costOf(problem, outputs, place);
  double arithmetic = cost.perTile * std::max<double>(tilesOf(problem, outputs), outputs == 0 ? 1 : fewestTiles);
  return std::max(arithmetic, cost.reading) + std::min(arithmetic, cost.reading) / notHidden;
}

/// Positions of a tile in a dimension: with more, rounding errors grow beyond what a model bears. Two dimensions
/// multiply them.
int64_t mostPositions(const Problem &problem) { return problem.dimensions.size() == 1 ? 8 : 6; }

bool fits(const Problem &problem, int64_t outputs) {
  int64_t most = mostPositions(problem);
  return llvm::all_of(problem.dimensions, [&](const auto &d) { return outputs + d.taps - 1 <= most; });
}

SmallVector<nn::WinogradDimension, 3> dimensionsOf(nn::ConvOp op) {
  return nn::winogradDimensions(op.getKernel(), op.getStrides(), op.getPads(), op.getDilations());
}

/// The convolution's numbers, if the algorithm covers it.
std::optional<Problem> describe(nn::ConvOp op, ArrayRef<int64_t> extents) {
  auto input = cast<RankedTensorType>(op.getInput().getType()), result = cast<RankedTensorType>(op.getType());
  if (op.getGroups() != 1 || !op.getChannelsLast() || !input.getElementType().isF32() ||
      ShapedType::isDynamic(input.getShape().back()) || ShapedType::isDynamic(result.getShape().back()) ||
      llvm::is_contained(result.getShape(), 0))
    return std::nullopt;
  Problem problem;
  problem.channels = input.getShape().back();
  problem.filters = result.getShape().back();
  problem.directProducts = problem.channels * problem.filters;
  problem.lines = extents.front();
  for (auto [d, dimension] : llvm::enumerate(dimensionsOf(op))) {
    problem.channels *= dimension.phases;
    problem.directProducts *= op.getKernel()[d];
    if (dimension.taps > 1)
      problem.dimensions.push_back({extents[1 + d], dimension.taps, op.getDilations()[d]});
    else
      problem.lines *= extents[1 + d];
  }
  if (problem.dimensions.empty())
    return std::nullopt;
  bool isStrided = llvm::any_of(op.getStrides(), [](int64_t stride) { return stride != 1; });
  if (isStrided)
    problem.directBias = 0.86; // filters grow eleven times
  // Direct sums copy the lines between those that a dilated window reads as well: measured, with 256 channels, 64
  // filters and a dilation of 18. Few channels leave lanes of the transforms empty.
  constexpr double fewProducts = 256;
  if (result.isDynamicDim(result.getRank() - 2) && op.getDilations().back() > 1 &&
      problem.channels * problem.filters >= fewProducts)
    problem.directBias = 4;
  return problem;
}

} // namespace

/// By number of results per tile and dimension, with 0 for direct sums: cycles, biased for the choice, of those that
/// there are; others are infinite.
using FormCycles = std::array<double, 5>;
static FormCycles cyclesOfForms(const Problem &problem, WeightPlace place) {
  FormCycles cycles;
  cycles.fill(std::numeric_limits<double>::infinity());
  cycles[0] = problem.directBias * cyclesOf(problem, 0, place);
  for (int64_t outputs = 2; outputs <= 4 && fits(problem, outputs); ++outputs)
    cycles[outputs] = cyclesOf(problem, outputs, place);
  return cycles;
}

ModelEstimate estimateModel(Operation *module, int64_t weightBytes, const UsualSizes &sizes, WeightPlace place) {
  // A smaller library is taken for one of this size: its growth is little in bytes.
  constexpr double smallLibrary = 4e6;
  ModelEstimate model{SmallVector<double>(sizes.count()), std::max<double>(weightBytes, smallLibrary)};
  module->walk([&](Operation *op) {
    std::optional<nn::ExtentProduct> count = nn::multiplyAdds(op);
    auto convolution = dyn_cast<nn::ConvOp>(op);
    for (size_t size = 0; count && size < sizes.count(); ++size) {
      if (auto problem = convolution ? describe(convolution, sizes[size].of(op->getResult(0))) : std::nullopt) {
        FormCycles cycles = cyclesOfForms(*problem, place);
        model.cycles[size] += *llvm::min_element(cycles);
        continue;
      }
      double product = static_cast<double>(count->factor) / count->divisor;
      for (auto [tensor, d] : count->extents)
        product *= sizes[size].of(tensor)[d];
      model.cycles[size] += product;
    }
  });
  return model;
}

FilterForms chooseForms(nn::ConvOp op, const UsualSizes &sizes, const ModelEstimate &model, WeightPlace place) {
  // Of the convolution's cycles; of the model's; and of the model's for as many bytes as it has weights: forms that
  // direct sums read give several times as much for their bytes as the large ones of many results do.
  constexpr double noticed = 0.08, share = 0.005, price = 0.1;
  SmallVector<FormCycles> cycles;
  for (size_t size = 0; size < sizes.count(); ++size) {
    std::optional<Problem> problem = describe(op, sizes[size].of(op.getResult()));
    if (!problem)
      return {0};
    cycles.push_back(cyclesOfForms(*problem, place));
  }
  const FormCycles &usual = cycles[sizes.usual()];
  FilterForms forms{llvm::min_element(usual) - usual.begin()};
  auto least = [&](size_t size, ArrayRef<int64_t> of) {
    double fewest = cycles[size][of.front()];
    for (int64_t form : of.drop_front())
      fewest = std::min(fewest, cycles[size][form]);
    return fewest;
  };
  // A few sizes that are slow count for more than many that are not quite fast.
  auto distance = [&](ArrayRef<int64_t> of) {
    double sum = 0;
    for (size_t size = 0; size < sizes.count(); ++size) {
      double slower = std::log(least(size, of) / *llvm::min_element(cycles[size]));
      sum += sizes.weight(size) * slower * slower;
    }
    return sum;
  };
  while (true) {
    FilterForms best = forms;
    for (int64_t form : llvm::seq<int64_t>(0, usual.size())) {
      FilterForms more = forms;
      more.push_back(form);
      if (distance(more) < distance(best))
        best = more;
    }
    if (best.size() == forms.size())
      return forms;
    double growth = bytesOf(*describe(op, sizes[0].of(op.getResult())), best.back()) / model.weightBytes;
    auto isSlow = [&](size_t size) {
      double without = least(size, forms), with = least(size, best);
      return without > (1 + noticed) * with && without - with > std::max(share, price * growth) * model.cycles[size];
    };
    if (llvm::none_of(llvm::seq<size_t>(0, sizes.count()), isSlow))
      return forms;
    forms = best;
  }
}

/// How many tiles of `outputs` results, or results, a convolution with results of `extents` has.
static Value countTiles(ImplicitLocOpBuilder &b, nn::ConvOp op, ArrayRef<OpFoldResult> extents, int64_t outputs) {
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, value); };
  Value tiles = getValueOrCreateConstantIndexOp(b, b.getLoc(), extents.front());
  for (auto [d, dimension] : llvm::enumerate(dimensionsOf(op))) {
    Value count = getValueOrCreateConstantIndexOp(b, b.getLoc(), extents[1 + d]);
    if (outputs != 0 && dimension.taps > 1) {
      Value dilation = constant(op.getDilations()[d]);
      count = b.createOrFold<arith::CeilDivUIOp>(count, dilation);
      count = b.createOrFold<arith::CeilDivUIOp>(count, constant(outputs));
      count = b.createOrFold<arith::MulIOp>(count, dilation);
    }
    tiles = b.createOrFold<arith::MulIOp>(tiles, count);
  }
  return tiles;
}

Value chooseForm(OpBuilder &builder, nn::ConvOp op, const FilterForms &forms, WeightPlace place) {
  ImplicitLocOpBuilder b(op.getLoc(), builder);
  // Costs do not depend on extents.
  SmallVector<int64_t> ones(cast<RankedTensorType>(op.getType()).getRank(), 1);
  Problem problem = *describe(op, ones);
  SmallVector<Cost, 3> costs;
  double largest = 0;
  for (int64_t form : forms) {
    Cost cost = costOf(problem, form, place);
    double bias = form == 0 ? problem.directBias : 1;
    costs.push_back({bias * cost.perTile, bias * cost.reading});
    largest = std::max({largest, costs.back().perTile, costs.back().reading});
  }
  // In units in which no count of tiles overflows.
  double unit = std::max(1.0, largest / (1 << 24));
  auto constant = [&](double value) -> Value {
    return arith::ConstantIndexOp::create(b, std::max<int64_t>(std::llround(value), 1));
  };
  SmallVector<OpFoldResult> extents = (*nn::reifyExtents(b, op)).front();
  Value best, fewest;
  for (auto [number, form, cost] : llvm::enumerate(forms, costs)) {
    Value tiles = countTiles(b, op, extents, form);
    if (form != 0)
      tiles = b.createOrFold<arith::MaxUIOp>(tiles, constant(fewestTiles));
    Value arithmetic = b.createOrFold<arith::MulIOp>(tiles, constant(cost.perTile / unit));
    Value reading = constant(cost.reading / unit);
    Value longer = b.createOrFold<arith::MaxUIOp>(arithmetic, reading);
    Value shorter = b.createOrFold<arith::MinUIOp>(arithmetic, reading);
    Value cycles = b.createOrFold<arith::AddIOp>(b.createOrFold<arith::MulIOp>(longer, constant(notHidden)), shorter);
    Value index = arith::ConstantIndexOp::create(b, number);
    if (best) {
      Value isLess = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, cycles, fewest);
      best = b.createOrFold<arith::SelectOp>(isLess, index, best);
      fewest = b.createOrFold<arith::MinUIOp>(cycles, fewest);
    } else {
      best = index;
      fewest = cycles;
    }
  }
  return best;
}

/// The filter of a strided convolution as one of unit stride on the phases of its input: [F, phases x C, new taps...].
static ElementsAttr splitPhases(nn::ConvOp op, ElementsAttr filter) {
  auto type = cast<RankedTensorType>(filter.getType());
  if (llvm::all_of(op.getStrides(), [](int64_t stride) { return stride == 1; }))
    return filter;
  SmallVector<nn::WinogradDimension, 3> dims = dimensionsOf(op);
  SmallVector<int64_t> shape(type.getShape());
  int64_t phases = 1, window = 1, newWindow = 1, channels = type.getDimSize(1);
  for (auto [d, dimension] : llvm::enumerate(dims)) {
    shape[2 + d] = dimension.taps;
    phases *= dimension.phases;
    window *= op.getKernel()[d];
    newWindow *= dimension.taps;
  }
  shape[1] = phases * channels;
  auto tapOf = [&](int64_t phase, int64_t position) -> int64_t {
    int64_t tap = 0, step = 1;
    for (size_t d = dims.size(); d-- > 0;) {
      int64_t k = position % dims[d].taps * dims[d].phases + phase % dims[d].phases - dims[d].shift;
      if (k < 0 || k >= op.getKernel()[d])
        return -1;
      tap += k * step;
      step *= op.getKernel()[d];
      position /= dims[d].taps;
      phase /= dims[d].phases;
    }
    return tap;
  };
  auto placeOf = [&](int64_t i) {
    int64_t position = i % newWindow, c = i / newWindow % channels, phase = i / (newWindow * channels) % phases;
    int64_t f = i / (newWindow * channels * phases), tap = tapOf(phase, position);
    return tap < 0 ? -1 : (f * channels + c) * window + tap;
  };
  return gatherConstant(filter, placeOf, RankedTensorType::get(shape, type.getElementType()));
}

ElementsAttr transformFilter(nn::ConvOp op, ElementsAttr filter, nn::PackingAttr packing) {
  filter = splitPhases(op, filter);
  auto type = cast<RankedTensorType>(filter.getType());
  ArrayRef<int64_t> kernel = type.getShape().drop_front(2);
  if (nn::winogradPlanes(op.getKernel()) > 1)
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
