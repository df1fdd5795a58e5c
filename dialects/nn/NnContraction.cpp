//===- NnContraction.cpp - matrix products, convolutions and pooling -----------------------===//
//
// Constraints and result shapes; the formulas are in NnContraction.td.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace tenon::nn;

//===----------------------------------------------------------------------===//
// matmul
//===----------------------------------------------------------------------===//

LogicalResult MatmulOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value lhs = adaptor.getLhs(), rhs = adaptor.getRhs();
  PackingAttr packing = adaptor.getPackingAttr();
  int64_t rhsMatrixRank = packing ? 3 : 2;
  if (Extents::element(lhs) != Extents::element(rhs))
    return extents.fail("C1: operands have element types ", Extents::element(lhs), " and ", Extents::element(rhs));
  if (Extents::rank(lhs) < 2 || Extents::rank(rhs) < rhsMatrixRank)
    return extents.fail("C1: operands have ranks ", Extents::rank(lhs), " and ", Extents::rank(rhs), " but need 2 and ",
                        rhsMatrixRank);
  if (packing && adaptor.getTransposeRhs())
    return extents.fail("C3: a packed rhs cannot be transposed");

  SmallVector<OpFoldResult> left = extents.of(lhs), right = extents.of(rhs);
  if (adaptor.getTransposeLhs())
    std::swap(left[left.size() - 2], left[left.size() - 1]);
  if (adaptor.getTransposeRhs())
    std::swap(right[right.size() - 2], right[right.size() - 1]);
  OpFoldResult m = left[left.size() - 2], lhsK = left.back(), rhsK = right[right.size() - 2];
  OpFoldResult n = packing ? extents.constant(packing.getColumns()) : right.back();
  if (extents.clash(lhsK, rhsK, "K of lhs and of rhs"))
    return extents.fail("C2: lhs has K = ", *Extents::known(lhsK), " but rhs has K = ", *Extents::known(rhsK));
  if (packing && extents.clash(right[right.size() - 3], extents.ceilDiv(n, packing.getNr()), "panels of rhs"))
    return extents.fail("C4: rhs has ", *Extents::known(right[right.size() - 3]), " panels but ", packing, " has ",
                        *Extents::known(extents.ceilDiv(n, packing.getNr())));
  if (packing && extents.clash(right.back(), extents.constant(packing.getNr()), "columns of a panel"))
    return extents.fail("C4: rhs has panels of ", *Extents::known(right.back()), " columns but nr is ",
                        packing.getNr());
  if (packing && Extents::known(rhsK).value_or(0) % packing.getGroup() != 0)
    return extents.fail("C4: rhs has K = ", *Extents::known(rhsK), " but the group of ", packing, " must divide it");

  FailureOr<SmallVector<OpFoldResult>> batch =
      extents.broadcast(ArrayRef(left).drop_back(2), ArrayRef(right).drop_back(rhsMatrixRank));
  if (failed(batch))
    return extents.fail("C5: leading dimensions of ", lhs.getType(), " and ", rhs.getType(), " do not broadcast");
  results.push_back({Extents::element(lhs), std::move(*batch)});
  results.back().extents.append({m, n});
  return success();
}

//===----------------------------------------------------------------------===//
// conv, conv_transpose
//===----------------------------------------------------------------------===//

namespace {
// The attributes of an op that moves windows over spatial dimensions.
struct WindowAttributes {
  ArrayRef<int64_t> kernel, strides, pads, dilations;
  bool ceilMode = false;

  Window dimension(int64_t index) const {
    return {kernel[index], strides[index], pads[index], pads[kernel.size() + index], dilations[index], ceilMode};
  }
};
} // namespace

// One entry per spatial dimension, of sensible size.
static LogicalResult checkWindow(Extents &extents, StringRef label, int64_t spatialRank,
                                 const WindowAttributes &window) {
  auto checkList = [&](StringRef name, ArrayRef<int64_t> list, int64_t count, int64_t lowest) -> LogicalResult {
    if (static_cast<int64_t>(list.size()) != count)
      return extents.fail(label, ": ", name, " has ", list.size(), " entries but needs ", count);
    for (int64_t value : list)
      if (value < lowest || value > std::numeric_limits<int32_t>::max())
        return extents.fail(label, ": ", name, " has entry ", value, " outside [", lowest, ", 2^31)");
    return success();
  };
  return failure(failed(checkList("kernel", window.kernel, spatialRank, 1)) ||
                 failed(checkList("strides", window.strides, spatialRank, 1)) ||
                 failed(checkList("pads", window.pads, 2 * spatialRank, 0)) ||
                 failed(checkList("dilations", window.dilations, spatialRank, 1)));
}

// Batch, channels and spatial result extents in the layout of the input.
static TensorShape windowResult(Extents &extents, Value input, OpFoldResult channels, bool channelsLast,
                                const WindowAttributes &window) {
  int64_t spatialRank = window.kernel.size(), firstSpatial = channelsLast ? 1 : 2;
  TensorShape result{Extents::element(input), {extents.of(input, 0)}};
  if (!channelsLast)
    result.extents.push_back(channels);
  for (int64_t dimension = 0; dimension < spatialRank; ++dimension)
    result.extents.push_back(extents.window(extents.of(input, firstSpatial + dimension), window.dimension(dimension)));
  if (channelsLast)
    result.extents.push_back(channels);
  return result;
}

int64_t tenon::nn::winogradPlanes(ArrayRef<int64_t> kernel) {
  if (kernel.size() < 3 || kernel[0] == 1)
    return 1;
  return kernel[1] > 1 && kernel[2] > 1 ? kernel[0] : 0;
}

WinogradDimension tenon::nn::winogradDimension(int64_t taps, int64_t stride, int64_t lowPad) {
  if (taps == 1 || stride == 1)
    return {1, taps, lowPad, 0};
  int64_t low = llvm::divideCeil(lowPad, stride) * stride, shift = low - lowPad;
  return {stride, static_cast<int64_t>(llvm::divideCeil(shift + taps, stride)), low, shift};
}

SmallVector<WinogradDimension, 3> tenon::nn::winogradDimensions(ArrayRef<int64_t> kernel, ArrayRef<int64_t> strides,
                                                                ArrayRef<int64_t> pads, ArrayRef<int64_t> dilations) {
  auto isOther = [](int64_t value) { return value != 1; };
  int64_t planes = winogradPlanes(kernel);
  if (planes == 0 || (llvm::any_of(strides, isOther) && (planes > 1 || llvm::any_of(dilations, isOther))))
    return {};
  SmallVector<WinogradDimension, 3> dimensions;
  for (size_t d = 0; d < kernel.size(); ++d)
    dimensions.push_back(winogradDimension(kernel[d], strides[d], pads[d]));
  if (planes > 1)
    dimensions.front() = {planes, 1, pads.front(), 0};
  return dimensions;
}

/// Positions of a Winograd tile, and for each of them phases of the input; 0 if the window has none.
static std::pair<int64_t, int64_t> winogradMatrices(PackingAttr packing, const WindowAttributes &window) {
  int64_t positions = 1, phases = 1;
  for (WinogradDimension dimension : winogradDimensions(window.kernel, window.strides, window.pads, window.dilations)) {
    int64_t size = dimension.taps == 1 ? 1 : packing.getWinograd() + dimension.taps - 1;
    if (size > 8)
      return {0, 0};
    positions *= size;
    phases *= dimension.phases;
  }
  return positions == 1 ? std::pair<int64_t, int64_t>(0, 0) : std::pair(positions, phases);
}

/// Of a packed filter: whether all groups are one matrix.
static bool isAcrossGroups(Value filter, int64_t groups) {
  return groups > 1 && cast<RankedTensorType>(filter.getType()).getDimSize(0) == 1;
}

bool ConvOp::isPackedAcrossGroups() {
  return getPacking() && !getPacking()->getWinograd() && isAcrossGroups(getFilter(), getGroups());
}

/// Checks a filter against its packing; `filters`: how many it has.
static LogicalResult checkPackedFilter(ConvOp::Adaptor adaptor, Extents &extents, Value filter, PackingAttr packing,
                                       OpFoldResult &filters) {
  Value input = adaptor.getInput();
  int64_t groups = adaptor.getGroups();
  WindowAttributes window{adaptor.getKernel(), adaptor.getStrides(), adaptor.getPads(), adaptor.getDilations()};
  OpFoldResult channels = extents.of(input, adaptor.getChannelsLast() ? Extents::rank(input) - 1 : 1);
  bool across = isAcrossGroups(filter, groups);
  if (across && packing.getColumns() % groups != 0)
    return extents.fail("C4: ", packing.getColumns(), " columns do not divide into ", groups, " groups");
  filters = extents.constant(across ? packing.getColumns() : groups * packing.getColumns());
  int64_t matrices = across ? 1 : groups, phases = 1;
  if (packing.getWinograd()) {
    std::tie(matrices, phases) = winogradMatrices(packing, window);
    if (matrices == 0 || groups != 1 || !adaptor.getChannelsLast() || !isa<FloatType>(Extents::element(input)))
      return extents.fail("C5: ", packing, " does not fit the convolution");
  }
  // Of a transformed filter the panels come first.
  int64_t matrixDimension = packing.getWinograd() ? 1 : 0;
  OpFoldResult filterMatrices = extents.of(filter, matrixDimension);
  if (extents.clash(filterMatrices, extents.constant(matrices), "matrices of the filter"))
    return extents.fail("C4: packed filter has ", *Extents::known(filterMatrices), " matrices but needs ", matrices);
  if (extents.clash(extents.of(filter, 1 - matrixDimension),
                    extents.constant(llvm::divideCeil(packing.getColumns(), packing.getNr())),
                    "panels of the filter") ||
      extents.clash(extents.of(filter, 3), extents.constant(packing.getNr()), "columns of a panel"))
    return extents.fail("C4: filter type ", filter.getType(), " does not match ", packing);
  OpFoldResult depth = extents.constant(1);
  for (int64_t positions : window.kernel)
    depth = extents.mul(depth, positions);
  if (packing.getWinograd())
    depth = extents.constant(phases);
  if (extents.clash(extents.mul(extents.of(filter, 2), groups), extents.mul(depth, channels), "depths of the filter"))
    return extents.fail("C4: packed filter has K = ", *Extents::known(extents.of(filter, 2)), " but the window has ",
                        *Extents::known(depth), " positions of ", *Extents::known(channels), " / ", groups,
                        " channels");
  bool divides = Extents::known(channels).value_or(0) % (groups * packing.getGroup()) == 0;
  if (packing.getGroup() > 1 && (across || !divides))
    return extents.fail("C4: the group of ", packing, " must divide the channels of each of ", groups, " groups");
  return success();
}

/// Checks the other forms of a filter, if there are any, against the first.
static LogicalResult checkAlternatives(ConvOp::Adaptor adaptor, Extents &extents, PackingAttr packing) {
  ValueRange alternatives = adaptor.getAlternatives();
  ArrayAttr packings = adaptor.getAlternativePackingsAttr();
  Type element = Extents::element(adaptor.getFilter());
  if (alternatives.size() != (packings ? packings.size() : 0) || alternatives.empty() != !adaptor.getForm())
    return extents.fail("C6: ", alternatives.size(), " alternative filters need as many packings and a form");
  if (!alternatives.empty() && !packing)
    return extents.fail("C6: a filter that is not packed has no alternatives");
  for (auto [alternative, attribute] :
       llvm::zip_equal(alternatives, packings ? packings.getValue() : ArrayRef<Attribute>())) {
    auto other = cast<PackingAttr>(attribute);
    if (Extents::element(alternative) != element || Extents::rank(alternative) != 4)
      return extents.fail("C6: alternative filter has type ", alternative.getType(), " but needs ", element,
                          " and rank 4");
    if (other.getColumns() != packing.getColumns())
      return extents.fail("C6: an alternative has ", other.getColumns(), " columns but the filter has ",
                          packing.getColumns());
    OpFoldResult filters;
    if (failed(checkPackedFilter(adaptor, extents, alternative, other, filters)))
      return failure();
  }
  return success();
}

LogicalResult ConvOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput(), filter = adaptor.getFilter();
  PackingAttr packing = adaptor.getPackingAttr();
  int64_t rank = Extents::rank(input), spatialRank = rank - 2, groups = adaptor.getGroups();
  if (Extents::element(input) != Extents::element(filter))
    return extents.fail("C1: operands have element types ", Extents::element(input), " and ", Extents::element(filter));
  if (rank < 3 || rank > 5 || Extents::rank(filter) != (packing ? 4 : rank))
    return extents.fail("C1: input has rank ", rank, " (needs 3 to 5) and filter has rank ", Extents::rank(filter),
                        " (needs ", packing ? 4 : rank, ")");
  WindowAttributes window{adaptor.getKernel(), adaptor.getStrides(), adaptor.getPads(), adaptor.getDilations()};
  if (failed(checkWindow(extents, "C3", spatialRank, window)))
    return failure();
  if (groups < 1)
    return extents.fail("C2: groups is ", groups, " but must be positive");

  OpFoldResult channels = extents.of(input, adaptor.getChannelsLast() ? rank - 1 : 1), filters;
  if (packing) {
    if (failed(checkPackedFilter(adaptor, extents, filter, packing, filters)))
      return failure();
  } else {
    filters = extents.of(filter, 0);
    std::optional<int64_t> knownFilters = Extents::known(filters);
    std::optional<int64_t> groupChannels = Extents::known(extents.of(filter, 1));
    if (extents.clash(channels, extents.mul(extents.of(filter, 1), groups), "channels of the input and of the filter"))
      return extents.fail("C2: input has ", *Extents::known(channels), " channels but filter has ", *groupChannels,
                          " in each of ", groups, " groups");
    if (knownFilters && *knownFilters % groups != 0)
      return extents.fail("C2: ", *knownFilters, " filters do not divide into ", groups, " groups");
    for (auto [dimension, positions] : llvm::enumerate(window.kernel))
      if (extents.clash(extents.of(filter, 2 + dimension), extents.constant(positions), "positions of the filter"))
        return extents.fail("C3: filter dimension ", 2 + dimension, " is ",
                            *Extents::known(extents.of(filter, 2 + dimension)), " but kernel says ", positions);
  }
  if (failed(checkAlternatives(adaptor, extents, packing)))
    return failure();
  results.push_back(windowResult(extents, input, filters, adaptor.getChannelsLast(), window));
  return success();
}

LogicalResult ConvTransposeOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput(), filter = adaptor.getFilter();
  int64_t rank = Extents::rank(input), spatialRank = rank - 2, groups = adaptor.getGroups();
  if (Extents::element(input) != Extents::element(filter))
    return extents.fail("C1: operands have element types ", Extents::element(input), " and ", Extents::element(filter));
  if (rank < 3 || rank > 5 || Extents::rank(filter) != rank)
    return extents.fail("C1: input and filter have ranks ", rank, " and ", Extents::rank(filter),
                        " but must have the same of 3 to 5");
  SmallVector<int64_t> anyKernel(spatialRank, 1);
  ArrayRef<int64_t> strides = adaptor.getStrides(), pads = adaptor.getPads(), dilations = adaptor.getDilations();
  ArrayRef<int64_t> outputPadding = adaptor.getOutputPadding();
  if (failed(checkWindow(extents, "C3", spatialRank, {anyKernel, strides, pads, dilations})))
    return failure();
  if (static_cast<int64_t>(outputPadding.size()) != spatialRank)
    return extents.fail("C3: output_padding has ", outputPadding.size(), " entries but needs ", spatialRank);
  if (llvm::any_of(outputPadding, [](int64_t value) { return value < 0; }))
    return extents.fail("C3: output_padding has a negative entry");
  if (groups < 1)
    return extents.fail("C2: groups is ", groups, " but must be positive");
  OpFoldResult channels = extents.of(input, 1);
  if (extents.clash(channels, extents.of(filter, 0), "channels of the input and of the filter"))
    return extents.fail("C2: input has ", *Extents::known(channels), " channels but filter has ",
                        *Extents::known(extents.of(filter, 0)));
  std::optional<int64_t> knownChannels = Extents::known(channels);
  if (knownChannels && *knownChannels % groups != 0)
    return extents.fail("C2: ", *knownChannels, " channels do not divide into ", groups, " groups");

  TensorShape result{Extents::element(input), {extents.of(input, 0), extents.mul(extents.of(filter, 1), groups)}};
  for (int64_t dimension = 0; dimension < spatialRank; ++dimension) {
    // (D - 1) * stride + (kernel - 1) * dilation + 1 - pad_low - pad_high + output_padding
    OpFoldResult moved = extents.mul(extents.of(input, 2 + dimension), strides[dimension]);
    OpFoldResult covered = extents.mul(extents.of(filter, 2 + dimension), dilations[dimension]);
    int64_t rest = 1 - strides[dimension] - dilations[dimension] - pads[dimension] - pads[spatialRank + dimension] +
                   outputPadding[dimension];
    OpFoldResult sum = extents.add(moved, covered);
    result.extents.push_back(extents.clampToZero(extents.add(sum, rest)));
  }
  results.push_back(std::move(result));
  return success();
}

//===----------------------------------------------------------------------===//
// pool, pool_argmax
//===----------------------------------------------------------------------===//

template <typename Adaptor>
static LogicalResult poolShape(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput();
  int64_t rank = Extents::rank(input);
  if (rank < 3)
    return extents.fail("C1: input has rank ", rank, " but needs 3 or more");
  WindowAttributes window{adaptor.getKernel(), adaptor.getStrides(), adaptor.getPads(), adaptor.getDilations(),
                          adaptor.getCeilMode()};
  if (failed(checkWindow(extents, "C2", rank - 2, window)))
    return failure();
  OpFoldResult channels = extents.of(input, adaptor.getChannelsLast() ? rank - 1 : 1);
  results.push_back(windowResult(extents, input, channels, adaptor.getChannelsLast(), window));
  return success();
}

LogicalResult PoolOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  return poolShape(adaptor, extents, results);
}

LogicalResult PoolArgmaxOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  if (adaptor.getChannelsLast())
    return extents.fail("C3: the input must be channels first");
  if (failed(poolShape(adaptor, extents, results)))
    return failure();
  results.back().element = extents.int64();
  return success();
}
