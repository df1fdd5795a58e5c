//===- PackWeights.cpp - right-hand sides and filters in panels ----------------------------===//
//
// Expects convolutions in their final layout. Gives every channels-last convolution, every recurrence with constant
// weights, and every matrix product with a constant (or large) right-hand side of known extents, a packed one.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Layout/PackedConstant.h"
#include "compiler/Layout/Passes.h"
#include "compiler/Layout/UsualExtents.h"
#include "compiler/Layout/WinogradFilter.h"
#include "compiler/Support/Weights.h"

#include "dialects/nn/Nn.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

using namespace mlir;

namespace tenon::layout {

#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "compiler/Layout/Passes.h.inc"

namespace {

int64_t bytesOf(RankedTensorType type) { return type.getNumElements() * elementBytes(type.getElementType()); }

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Columns of a panel: sixteen serve every vector width; fewer where there are fewer columns, for the sake of their
/// bytes.
int64_t panelWidth(int64_t columns) {
  return std::clamp<int64_t>(llvm::PowerOf2Ceil(std::max<int64_t>(columns, 1)), 4, 16);
}

/// Steps of k that share a vector where a panel is narrower than one: what fits, and divides each run of k that is
/// contiguous on the other side. Sums of fewer than four vectors lose by the additions at the end (measured on Zen 5).
int64_t groupOf(Type element, int64_t nr, int64_t K, int64_t run, int64_t vectorBytes) {
  // What is widened when loaded has no elements side by side to load.
  if (!element.isF32() && !element.isF64())
    return 1;
  int64_t group = std::max<int64_t>(vectorBytes / elementBytes(element) / nr, 1);
  while (group > 1 && (run % group != 0 || K < 4 * group))
    group /= 2;
  return group;
}

ElementsAttr readableConstant(Value value) {
  auto constant = value.getDefiningOp<nn::ConstantOp>();
  return constant && isReadable(constant.getValue()) ? constant.getValue() : ElementsAttr();
}

Value indexConstant(OpBuilder &b, Location loc, int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }

Value reshape(OpBuilder &b, Location loc, Value tensor, ArrayRef<int64_t> shape) {
  SmallVector<Value> sizes;
  for (int64_t size : shape)
    sizes.push_back(indexConstant(b, loc, size));
  return nn::ReshapeOp::create(b, loc, RankedTensorType::get(shape, typeOf(tensor).getElementType()), tensor, sizes);
}

//===----------------------------------------------------------------------===//
// matmul
//===----------------------------------------------------------------------===//

/// lhs[M, K] x rhs[..., K, 1] with a constant lhs is the transposition of rhs[..., 1, K] x lhs^T[K, M], which is a
/// reshape: the constant becomes the side that is packed. Returns the new product.
FailureOr<nn::MatmulOp> swapConstantLhs(OpBuilder &b, nn::MatmulOp op) {
  RankedTensorType result = typeOf(op.getResult());
  if (!readableConstant(op.getLhs()) || op.getPacking() || typeOf(op.getLhs()).getRank() != 2 ||
      result.getShape().back() != 1 || readableConstant(op.getRhs()))
    return failure();
  Location loc = op.getLoc();
  auto swapLast = [&](Value tensor) {
    SmallVector<Value> sizes = getValueOrCreateConstantIndexOp(b, loc, nn::getExtents(b, loc, tensor));
    SmallVector<int64_t> shape(typeOf(tensor).getShape());
    std::swap(sizes[sizes.size() - 2], sizes[sizes.size() - 1]);
    std::swap(shape[shape.size() - 2], shape[shape.size() - 1]);
    auto type = RankedTensorType::get(shape, typeOf(tensor).getElementType());
    return Value(nn::ReshapeOp::create(b, loc, type, tensor, sizes));
  };
  Value row = op.getTransposeRhs() ? op.getRhs() : swapLast(op.getRhs());
  SmallVector<int64_t> shape(result.getShape());
  std::swap(shape[shape.size() - 2], shape[shape.size() - 1]);
  auto product =
      nn::MatmulOp::create(b, loc, RankedTensorType::get(shape, result.getElementType()), row, op.getLhs(),
                           /*transpose_lhs=*/false, /*transpose_rhs=*/!op.getTransposeLhs(), nn::PackingAttr());
  op.getResult().replaceAllUsesWith(swapLast(product.getResult()));
  op.erase();
  return product;
}

void packMatmul(OpBuilder &b, nn::MatmulOp op, int64_t runtimeBytes, int64_t vectorBytes) {
  RankedTensorType rhs = typeOf(op.getRhs());
  if (op.getPacking() || !rhs.hasStaticShape() || rhs.getNumElements() == 0)
    return;
  ArrayRef<int64_t> shape = rhs.getShape();
  int64_t K = shape[shape.size() - 2], N = shape.back();
  if (op.getTransposeRhs())
    std::swap(K, N);
  int64_t nr = panelWidth(N), matrices = rhs.getNumElements() / (K * N);
  auto packing = nn::PackingAttr::get(op.getContext(), nr, N, /*winograd=*/0, /*group=*/1);
  SmallVector<int64_t> packedShape(shape.drop_back(2));
  packedShape.append({static_cast<int64_t>(llvm::divideCeil(N, nr)), K, nr});
  auto packedType = RankedTensorType::get(packedShape, rhs.getElementType());
  Value packed;
  if (ElementsAttr constant = readableConstant(op.getRhs())) {
    MatrixView view{matrices, K, N, K * N, N, 1, {}};
    if (op.getTransposeRhs())
      std::tie(view.rowStep, view.columnStep) = std::pair<int64_t, int64_t>(1, K);
    // Rows of a transposed left-hand side are not contiguous.
    int64_t group = op.getTransposeLhs() ? 1 : groupOf(rhs.getElementType(), nr, K, K, vectorBytes);
    packing = nn::PackingAttr::get(op.getContext(), nr, N, /*winograd=*/0, group);
    packed = nn::ConstantOp::create(b, op.getLoc(), packedType, packConstant(constant, view, packedType, group));
  } else {
    // Few rows read B once: packing it first would be reading it twice.
    int64_t rows = typeOf(op.getResult()).getShape()[typeOf(op.getResult()).getRank() - 2];
    bool pays = !op.getTransposeRhs() && matrices == 1 && (ShapedType::isDynamic(rows) || rows >= 32) &&
                rhs.getNumElements() * rhs.getElementTypeBitWidth() / 8 >= runtimeBytes;
    if (!pays)
      return;
    packed = nn::PackOp::create(b, op.getLoc(), packedType, op.getRhs(), packing);
  }
  op.getRhsMutable().assign(packed);
  op.setTransposeRhs(false);
  op.setPackingAttr(packing);
}

//===----------------------------------------------------------------------===//
// conv
//===----------------------------------------------------------------------===//

/// A product of each pixel that is read, perhaps not all of them.
bool isPointwise(nn::ConvOp op) {
  auto all = [](ArrayRef<int64_t> list, int64_t value) {
    return llvm::all_of(list, [=](int64_t x) { return x == value; });
  };
  return op.getGroups() == 1 && all(op.getKernel(), 1) && all(op.getPads(), 0);
}

/// The pixels that a channels-last convolution with a window of one reads: rows of a matrix product side by side, where
/// strides would put them on few sets of the caches.
Value pixelsRead(OpBuilder &b, nn::ConvOp op) {
  Location loc = op.getLoc();
  SmallVector<Value> extents = getValueOrCreateConstantIndexOp(b, loc, nn::getExtents(b, loc, op.getInput()));
  SmallVector<Value> offsets(extents.size(), indexConstant(b, loc, 0)), steps(extents.size(), indexConstant(b, loc, 1));
  for (auto [d, stride] : llvm::enumerate(op.getStrides())) {
    steps[d + 1] = indexConstant(b, loc, stride);
    extents[d + 1] = b.createOrFold<arith::CeilDivUIOp>(loc, extents[d + 1], steps[d + 1]);
  }
  if (llvm::all_of(op.getStrides(), [](int64_t stride) { return stride == 1; }))
    return op.getInput();
  SmallVector<int64_t> shape(typeOf(op.getResult()).getShape());
  shape.back() = typeOf(op.getInput()).getShape().back();
  auto type = RankedTensorType::get(shape, typeOf(op.getInput()).getElementType());
  return nn::SliceOp::create(b, loc, type, op.getInput(), offsets, extents, steps);
}

/// The offset of each kernel position and channel, in the order of K, in a filter [F, C/G, kernel...].
SmallVector<int64_t> filterRows(int64_t channels, int64_t positions) {
  SmallVector<int64_t> offsets;
  for (int64_t r = 0; r < positions; ++r)
    for (int64_t c = 0; c < channels; ++c)
      offsets.push_back(c * positions + r);
  return offsets;
}

/// Whether vectors run over the filters of several groups (ConvolutionDepthwise.cpp).
bool runsAcrossGroups(int64_t groups, int64_t channels, int64_t filters) {
  constexpr int64_t mostChannels = 4, panel = 16, mostPeriod = 3;
  // Vectors that start at different places in a group have code of their own.
  return groups > 1 && channels <= mostChannels && filters / std::gcd(filters, panel) <= mostPeriod;
}

/// The packed filter [matrices, panels, K, nr] of a filter that is computed, by movements.
Value packAtRunTime(OpBuilder &b, Location loc, Value filter, int64_t matrices, int64_t columns, int64_t channels,
                    int64_t positions, nn::PackingAttr packing, RankedTensorType packedType) {
  Value split = reshape(b, loc, filter, {matrices, columns, channels, positions});
  Value moved = nn::TransposeOp::create(b, loc, split, ArrayRef<int64_t>{0, 3, 2, 1});
  Value matrix = reshape(b, loc, moved, {matrices, positions * channels, columns});
  return nn::PackOp::create(b, loc, packedType, matrix, packing);
}

/// Packs the filters of convolutions.
struct ConvolutionPacker {
  UsualSizes &sizes;
  std::optional<WeightPlace> place; ///< of transformed weights; none: filters stay as they are
  int64_t vectorBytes;
  ModelEstimate model = {};
  int64_t moreBytes = 0; ///< that transformed filters take more than those packed as they are

  void pack(OpBuilder &b, nn::ConvOp op);

private:
  /// How a filter [F, C/G, taps...] is packed as it is.
  struct Format {
    int64_t matrices, columns, channels, positions, nr, K;
    bool across;
    RankedTensorType type;
  };
  std::optional<Format> formatOf(nn::ConvOp op);
  std::pair<Value, nn::PackingAttr> packDirect(OpBuilder &b, nn::ConvOp op, const Format &format,
                                               ElementsAttr constant);
  std::pair<Value, nn::PackingAttr> packForm(OpBuilder &b, nn::ConvOp op, const Format &format, ElementsAttr constant,
                                             int64_t outputs);
  void addForms(OpBuilder &b, nn::ConvOp op, const Format &format, ElementsAttr constant, const FilterForms &forms);
};

std::optional<ConvolutionPacker::Format> ConvolutionPacker::formatOf(nn::ConvOp op) {
  RankedTensorType filter = typeOf(op.getFilter());
  int64_t input = typeOf(op.getInput()).getShape().back(), groups = op.getGroups();
  if (op.getPacking() || !op.getChannelsLast() || !filter.hasStaticShape() || ShapedType::isDynamic(input) ||
      filter.getNumElements() == 0)
    return std::nullopt;
  Format format;
  int64_t filters = filter.getDimSize(0);
  format.channels = filter.getDimSize(1);
  format.positions = 1;
  for (int64_t size : op.getKernel())
    format.positions *= size;
  format.across = runsAcrossGroups(groups, format.channels, filters / groups);
  format.matrices = format.across ? 1 : groups;
  format.columns = format.across ? filters : filters / groups;
  format.K = format.positions * format.channels;
  // One filter is summed along its window (Schedule/ConvolutionDot.cpp): a panel of one column is contiguous.
  bool single = format.columns == 1 && groups == 1 && isa<FloatType>(filter.getElementType());
  format.nr = single && !isPointwise(op) ? 1 : panelWidth(format.columns);
  int64_t panels = llvm::divideCeil(format.columns, format.nr);
  format.type = RankedTensorType::get({format.matrices, panels, format.K, format.nr}, filter.getElementType());
  return format;
}

std::pair<Value, nn::PackingAttr> ConvolutionPacker::packDirect(OpBuilder &b, nn::ConvOp op, const Format &format,
                                                                ElementsAttr constant) {
  MatrixView view{format.matrices,
                  format.K,
                  format.columns,
                  format.columns * format.K,
                  0,
                  format.K,
                  filterRows(format.channels, format.positions)};
  RankedTensorType type = format.type;
  if (isPointwise(op))
    type = RankedTensorType::get(type.getShape().drop_front(), type.getElementType());
  int64_t group = format.across || format.nr == 1
                      ? 1
                      : groupOf(type.getElementType(), format.nr, format.K, format.channels, vectorBytes);
  auto packing = nn::PackingAttr::get(op.getContext(), format.nr, format.columns, /*winograd=*/0, group);
  return {nn::ConstantOp::create(b, op.getLoc(), type, packConstant(constant, view, type, group)), packing};
}

std::pair<Value, nn::PackingAttr> ConvolutionPacker::packForm(OpBuilder &b, nn::ConvOp op, const Format &format,
                                                              ElementsAttr constant, int64_t outputs) {
  if (outputs == 0)
    return packDirect(b, op, format, constant);
  auto packing = nn::PackingAttr::get(op.getContext(), format.nr, format.columns, outputs, /*group=*/1);
  ElementsAttr transformed = transformFilter(op, constant, packing);
  return {nn::ConstantOp::create(b, op.getLoc(), transformed.getType(), transformed), packing};
}

/// All forms but the first.
void ConvolutionPacker::addForms(OpBuilder &b, nn::ConvOp op, const Format &format, ElementsAttr constant,
                                 const FilterForms &forms) {
  Value form = chooseForm(b, op, forms, *place);
  SmallVector<Value> filters;
  SmallVector<Attribute> packings;
  for (int64_t outputs : ArrayRef(forms).drop_front()) {
    auto [filter, packing] = packForm(b, op, format, constant, outputs);
    filters.push_back(filter);
    packings.push_back(packing);
    moreBytes += bytesOf(typeOf(filter));
  }
  op.getFormMutable().assign(form);
  op.getAlternativesMutable().assign(filters);
  op.setAlternativePackingsAttr(b.getArrayAttr(packings));
}

void ConvolutionPacker::pack(OpBuilder &b, nn::ConvOp op) {
  std::optional<Format> format = formatOf(op);
  if (!format)
    return;
  Location loc = op.getLoc();
  Value packed;
  nn::PackingAttr packing;
  if (ElementsAttr constant = readableConstant(op.getFilter())) {
    FilterForms forms = place ? chooseForms(op, sizes, model, *place) : FilterForms{0};
    if (forms.size() > 1)
      addForms(b, op, *format, constant, forms);
    std::tie(packed, packing) = packForm(b, op, *format, constant, forms.front());
    moreBytes += bytesOf(typeOf(packed)) - bytesOf(format->type);
  } else {
    packing = nn::PackingAttr::get(op.getContext(), format->nr, format->columns, /*winograd=*/0, /*group=*/1);
    packed = packAtRunTime(b, loc, op.getFilter(), format->matrices, format->columns, format->channels,
                           format->positions, packing, format->type);
    if (isPointwise(op))
      packed = reshape(b, loc, packed, format->type.getShape().drop_front());
  }
  if (isPointwise(op)) {
    Value product = nn::MatmulOp::create(b, loc, op.getType(), pixelsRead(b, op), packed, /*transpose_lhs=*/false,
                                         /*transpose_rhs=*/false, packing);
    op.getResult().replaceAllUsesWith(product);
    op.erase();
    return;
  }
  op.getFilterMutable().assign(packed);
  op.setPackingAttr(packing);
}

//===----------------------------------------------------------------------===//
// lstm, gru, rnn
//===----------------------------------------------------------------------===//

/// Recurrent weights [D, H, gates x H] as [D, panels, H, gates, nr]: what a block of units reads is one run.
template <typename OpTy> void packRecurrence(OpBuilder &b, OpTy op) {
  RankedTensorType type = typeOf(op.getRecurrent());
  ElementsAttr constant = readableConstant(op.getRecurrent());
  if (!constant || type.getRank() != 3 || type.getNumElements() == 0)
    return;
  int64_t gates = OpTy::gateCount, H = type.getDimSize(1), nr = panelWidth(H), panels = llvm::divideCeil(H, nr);
  auto packedType = RankedTensorType::get({type.getDimSize(0), panels, H, gates, nr}, type.getElementType());
  auto placeOf = [&](int64_t i) {
    int64_t gate = i / nr % gates, k = i / (nr * gates) % H, panel = i / (nr * gates * H) % panels;
    int64_t direction = i / (nr * gates * H * panels), unit = panel * nr + i % nr;
    return unit < H ? ((direction * H + k) * gates + gate) * H + unit : -1;
  };
  Value packed = nn::ConstantOp::create(b, op.getLoc(), packedType, gatherConstant(constant, placeOf, packedType));
  op.getRecurrentMutable().assign(packed);
}

struct PackWeights : impl::PackWeightsPassBase<PackWeights> {
  using PackWeightsPassBase::PackWeightsPassBase;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    int64_t weightBytes = 0;
    getOperation()->walk([&](Operation *op) {
      if (isa<nn::MatmulOp, nn::ConvOp, nn::LstmOp, nn::GruOp, nn::RnnOp>(op))
        ops.push_back(op);
      else if (isa<nn::ConstantOp>(op))
        weightBytes += bytesOf(typeOf(op->getResult(0)));
    });
    UsualSizes sizes(getOperation());
    // Transformed weights are about twice as many.
    std::optional<WeightPlace> place;
    if (winograd)
      place = 2 * weightBytes <= lastLevelBytes ? WeightPlace::lastLevel : WeightPlace::memory;
    ConvolutionPacker packer{sizes, place, vectorBytes};
    if (place)
      packer.model = estimateModel(getOperation(), weightBytes, sizes, *place);
    for (Operation *op : ops) {
      OpBuilder builder(op);
      if (auto convolution = dyn_cast<nn::ConvOp>(op)) {
        packer.pack(builder, convolution);
        continue;
      }
      auto matmul = dyn_cast<nn::MatmulOp>(op);
      if (!matmul) {
        llvm::TypeSwitch<Operation *>(op).Case<nn::LstmOp, nn::GruOp, nn::RnnOp>(
            [&](auto recurrence) { packRecurrence(builder, recurrence); });
        continue;
      }
      if (FailureOr<nn::MatmulOp> swapped = swapConstantLhs(builder, matmul); succeeded(swapped)) {
        matmul = *swapped;
        builder.setInsertionPoint(matmul);
      }
      packMatmul(builder, matmul, runtimeBytes, vectorBytes);
    }
    if (packer.moreBytes > 0)
      getOperation()->setAttr("nn.transformed_bytes", Builder(&getContext()).getI64IntegerAttr(packer.moreBytes));
  }
};

} // namespace
} // namespace tenon::layout
