//===- NnMovement.cpp - constants, shapes and data movement --------------------------------===//
//
// Constraints, result shapes and local folds; the formulas are in NnMovement.td.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/NnResizeGrid.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tenon::nn;

static LogicalResult checkAxis(Extents &extents, StringRef label, int64_t axis, int64_t rank) {
  if (axis < 0 || axis >= rank)
    return extents.fail(label, ": axis ", axis, " is outside [0, ", rank, ")");
  return success();
}

static SmallVector<OpFoldResult> sizesOf(Extents &extents, ValueRange sizes) {
  return llvm::map_to_vector(sizes, [&](Value size) { return extents.size(size); });
}

// The product of the constant extents; null if it overflows.
static std::optional<int64_t> knownProduct(ArrayRef<OpFoldResult> sizes) {
  int64_t product = 1;
  for (OpFoldResult size : sizes)
    if (std::optional<int64_t> value = Extents::known(size); value && llvm::MulOverflow(product, *value, product))
      return std::nullopt;
  return product;
}

//===----------------------------------------------------------------------===//
// constant
//===----------------------------------------------------------------------===//

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

//===----------------------------------------------------------------------===//
// reshape
//===----------------------------------------------------------------------===//

LogicalResult ReshapeOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  auto type = cast<RankedTensorType>(adaptor.getInput().getType());
  SmallVector<OpFoldResult> sizes = sizesOf(extents, adaptor.getSizes());
  auto isKnown = [](OpFoldResult size) { return Extents::known(size).has_value(); };
  int64_t unknown = sizes.size() - llvm::count_if(sizes, isKnown);
  std::optional<int64_t> product = knownProduct(sizes);
  if (!product)
    return extents.fail("C1: sizes have a product above 2^63");
  if (type.hasStaticShape()) {
    int64_t elements = type.getNumElements();
    if (unknown == 0 && *product != elements)
      return extents.fail("C1: input has ", elements, " elements but sizes have a product of ", *product);
    // One size that is not known yet follows from the others.
    if (unknown == 1 && *product > 0) {
      if (elements % *product != 0)
        return extents.fail("C1: input has ", elements, " elements, not a multiple of ", *product);
      *llvm::find_if_not(sizes, isKnown) = extents.constant(elements / *product);
    }
  }
  results.push_back({type.getElementType(), std::move(sizes)});
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  // With at most one dynamic dimension equal types mean equal shapes, for the number of elements is the same; zero
  // extents aside.
  auto type = cast<RankedTensorType>(getType());
  if (getInput().getType() == type && type.getNumDynamicDims() <= 1 && !llvm::is_contained(type.getShape(), 0))
    return getInput();
  // Every size is the input's own.
  if (getInput().getType() == type && llvm::all_of(llvm::enumerate(getSizes()), [&](auto size) {
        auto dim = size.value().template getDefiningOp<tensor::DimOp>();
        return !type.isDynamicDim(size.index()) ||
               (dim && dim.getSource() == getInput() && dim.getConstantIndex() == static_cast<int64_t>(size.index()));
      }))
    return getInput();
  return {};
}

namespace {
// reshape(reshape(x)) is reshape(x).
struct FoldReshapeOfReshape : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<ReshapeOp>();
    if (!inner)
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(inner.getInput()); });
    return success();
  }
};
} // namespace

void ReshapeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldReshapeOfReshape>(context);
}

//===----------------------------------------------------------------------===//
// transpose
//===----------------------------------------------------------------------===//

LogicalResult TransposeOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  ArrayRef<int64_t> permutation = adaptor.getPermutation();
  int64_t rank = Extents::rank(adaptor.getInput());
  if (static_cast<int64_t>(permutation.size()) != rank || !isPermutationVector(permutation))
    return extents.fail("C1: [", permutation, "] is no permutation of ", rank, " dimensions");
  TensorShape result{Extents::element(adaptor.getInput()), {}};
  for (int64_t dimension : permutation)
    result.extents.push_back(extents.of(adaptor.getInput(), dimension));
  results.push_back(std::move(result));
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  bool identity = llvm::all_of(llvm::enumerate(getPermutation()),
                               [](auto entry) { return entry.value() == static_cast<int64_t>(entry.index()); });
  return identity && getInput().getType() == getType() ? getInput() : OpFoldResult();
}

namespace {
// transpose(transpose(x)) is one transpose.
struct FoldTransposeOfTranspose : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<TransposeOp>();
    if (!inner)
      return failure();
    auto permutation =
        llvm::map_to_vector(op.getPermutation(), [&](int64_t dimension) { return inner.getPermutation()[dimension]; });
    rewriter.replaceOpWithNewOp<TransposeOp>(op, op.getType(), inner.getInput(), permutation);
    return success();
  }
};
} // namespace

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldTransposeOfTranspose>(context);
}

//===----------------------------------------------------------------------===//
// broadcast
//===----------------------------------------------------------------------===//

LogicalResult BroadcastOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput();
  SmallVector<OpFoldResult> sizes = sizesOf(extents, adaptor.getSizes());
  int64_t leading = static_cast<int64_t>(sizes.size()) - Extents::rank(input);
  if (leading < 0)
    return extents.fail("C1: ", sizes.size(), " sizes are given but input has rank ", Extents::rank(input));
  for (auto [dimension, extent] : llvm::enumerate(extents.of(input))) {
    OpFoldResult to = sizes[leading + dimension];
    if (extents.cannotExpand(extent, to))
      return extents.fail("C2: input dimension ", dimension, " is ", *Extents::known(extent), " and cannot become ",
                          *Extents::known(to));
    if (Extents::known(extent).value_or(1) == 1)
      continue;
    sizes[leading + dimension] = extent;
  }
  results.push_back({Extents::element(input), std::move(sizes)});
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  auto type = cast<RankedTensorType>(getType());
  if (getInput().getType() != type)
    return {};
  for (auto [dimension, size] : llvm::enumerate(getSizes())) {
    auto dim = size.getDefiningOp<tensor::DimOp>();
    if (type.isDynamicDim(dimension) &&
        !(dim && dim.getSource() == getInput() && dim.getConstantIndex() == static_cast<int64_t>(dimension)))
      return {};
  }
  return getInput();
}

//===----------------------------------------------------------------------===//
// slice
//===----------------------------------------------------------------------===//

LogicalResult SliceOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput();
  size_t rank = Extents::rank(input);
  if (adaptor.getOffsets().size() != rank || adaptor.getSizes().size() != rank || adaptor.getSteps().size() != rank)
    return extents.fail("C1: input has rank ", rank, " but there are ", adaptor.getOffsets().size(), " offsets, ",
                        adaptor.getSizes().size(), " sizes and ", adaptor.getSteps().size(), " steps");
  SmallVector<OpFoldResult> sizes = sizesOf(extents, adaptor.getSizes());
  for (size_t dimension = 0; dimension < rank; ++dimension) {
    std::optional<int64_t> step = Extents::known(extents.size(adaptor.getSteps()[dimension]));
    std::optional<int64_t> offset = Extents::known(extents.size(adaptor.getOffsets()[dimension]));
    std::optional<int64_t> size = Extents::known(sizes[dimension]);
    std::optional<int64_t> extent = Extents::known(extents.of(input, dimension));
    if (step && *step == 0)
      return extents.fail("C2: step of dimension ", dimension, " is 0");
    if (!size || *size <= 0 || !offset || !extent)
      continue;
    // The last element accessed; its position may not even be representable.
    int64_t span, last;
    if (*offset < 0 || *offset >= *extent)
      return extents.fail("C3: offset ", *offset, " of dimension ", dimension, " is outside [0, ", *extent, ")");
    if (step && (llvm::MulOverflow(*size - 1, *step, span) || llvm::AddOverflow(*offset, span, last) || last < 0 ||
                 last >= *extent))
      return extents.fail("C3: ", *size, " elements from ", *offset, " in steps of ", *step, " leave dimension ",
                          dimension, " of extent ", *extent);
  }
  results.push_back({Extents::element(input), std::move(sizes)});
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  auto type = cast<RankedTensorType>(getType());
  if (getInput().getType() != type)
    return {};
  for (int64_t dimension = 0; dimension < type.getRank(); ++dimension) {
    if (!isConstantIntValue(getOffsets()[dimension], 0) || !isConstantIntValue(getSteps()[dimension], 1))
      return {};
    auto dim = getSizes()[dimension].getDefiningOp<tensor::DimOp>();
    if (type.isDynamicDim(dimension) && !(dim && dim.getSource() == getInput() && dim.getConstantIndex() == dimension))
      return {};
  }
  return getInput();
}

//===----------------------------------------------------------------------===//
// concat
//===----------------------------------------------------------------------===//

LogicalResult ConcatOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  ValueRange inputs = adaptor.getInputs();
  if (inputs.empty())
    return extents.fail("C1: needs at least one operand");
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(extents, "C2", axis, Extents::rank(inputs.front()))))
    return failure();
  TensorShape result{Extents::element(inputs.front()), extents.of(inputs.front())};
  for (Value input : inputs.drop_front()) {
    if (Extents::element(input) != result.element || Extents::rank(input) != Extents::rank(inputs.front()))
      return extents.fail("C1: operands ", inputs.front().getType(), " and ", input.getType(),
                          " differ in element type or rank");
    for (auto [dimension, extent] : llvm::enumerate(extents.of(input))) {
      OpFoldResult &total = result.extents[dimension];
      if (static_cast<int64_t>(dimension) == axis) {
        total = extents.add(total, extent);
        continue;
      }
      FailureOr<OpFoldResult> common = extents.same(total, extent, "extents of what is joined");
      if (failed(common))
        return extents.fail("C3: operands have extents ", *Extents::known(total), " and ", *Extents::known(extent),
                            " in dimension ", dimension);
      total = *common;
    }
  }
  results.push_back(std::move(result));
  return success();
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getInputs().size() == 1 && getInputs().front().getType() == getType() ? getInputs().front() : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// pad, iota, resize, pack
//===----------------------------------------------------------------------===//

LogicalResult PadOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput(), value = adaptor.getValue();
  size_t rank = Extents::rank(input);
  if (adaptor.getLow().size() != rank || adaptor.getHigh().size() != rank)
    return extents.fail("C1: input has rank ", rank, " but there are ", adaptor.getLow().size(), " low and ",
                        adaptor.getHigh().size(), " high pads");
  bool constantMode = adaptor.getMode() == PadMode::constant;
  if (constantMode != static_cast<bool>(value))
    return extents.fail("C2: mode constant needs a fill value and other modes take none");
  if (value && (Extents::rank(value) != 0 || Extents::element(value) != Extents::element(input)))
    return extents.fail("C2: the fill value is ", value.getType(), " but must be a scalar tensor of ",
                        Extents::element(input));
  SmallVector<OpFoldResult> sizes = extents.of(input);
  for (auto [size, low, high] : llvm::zip_equal(sizes, adaptor.getLow(), adaptor.getHigh())) {
    for (Value pad : {low, high})
      if (std::optional<int64_t> amount = Extents::known(extents.size(pad)); amount && *amount < 0)
        return extents.fail("C3: pad ", *amount, " is negative");
    size = extents.add(extents.add(size, extents.size(low)), extents.size(high));
  }
  results.push_back({Extents::element(input), std::move(sizes)});
  return success();
}

LogicalResult IotaOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  if (failed(checkAxis(extents, "C1", adaptor.getDimension(), adaptor.getSizes().size())))
    return failure();
  results.push_back({extents.int64(), sizesOf(extents, adaptor.getSizes())});
  return success();
}

LogicalResult ResizeOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  size_t rank = Extents::rank(adaptor.getInput());
  if (adaptor.getSizes().size() != rank || adaptor.getScales().size() != rank)
    return extents.fail("C1: input has rank ", rank, " but there are ", adaptor.getSizes().size(), " sizes and ",
                        adaptor.getScales().size(), " scales");
  bool crop = adaptor.getCoordinate() == ResizeCoordinate::tf_crop_and_resize;
  if (adaptor.getRoi().size() != (crop ? 2 * rank : 0))
    return extents.fail("C2: roi has ", adaptor.getRoi().size(), " entries but needs ", crop ? 2 * rank : 0);
  Type element = Extents::element(adaptor.getInput());
  if (!isNumber(element) && (crop || adaptor.getMode() != ResizeMode::nearest))
    return extents.fail("C3: elements of type ", element, " are not interpolated");
  results.push_back({element, sizesOf(extents, adaptor.getSizes())});
  return success();
}

/// One row per neighbour, one column per result index.
static LogicalResult appendResizeTable(Extents &extents, ResizeMode mode, ResizeCoordinate coordinate, Value size,
                                       Type element, SmallVectorImpl<TensorShape> &results) {
  if (coordinate == ResizeCoordinate::tf_crop_and_resize)
    return extents.fail("C1: coordinates of tf_crop_and_resize have no table");
  int64_t taps = ResizeRule{mode, coordinate}.taps();
  results.push_back({element, {extents.constant(taps), extents.size(size)}});
  return success();
}

LogicalResult ResizePositionsOp::resultShapes(Adaptor adaptor, Extents &extents,
                                              SmallVectorImpl<TensorShape> &results) {
  Type element = IntegerType::get(adaptor.getScale().getContext(), 32);
  return appendResizeTable(extents, adaptor.getMode(), adaptor.getCoordinate(), adaptor.getSize(), element, results);
}

LogicalResult ResizeWeightsOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  if (adaptor.getMode() == ResizeMode::nearest)
    return extents.fail("C2: mode nearest has no weights");
  return appendResizeTable(extents, adaptor.getMode(), adaptor.getCoordinate(), adaptor.getSize(), adaptor.getElement(),
                           results);
}

LogicalResult ResampleOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput();
  ArrayRef<int64_t> dims = adaptor.getDims();
  ValueRange positions = adaptor.getPositions(), weights = adaptor.getWeights();
  if (positions.size() != dims.size() || adaptor.getAdvances().size() != dims.size())
    return extents.fail("C1: there are ", dims.size(), " dims but ", positions.size(), " positions and ",
                        adaptor.getAdvances().size(), " advances");
  if (!weights.empty() && weights.size() != positions.size())
    return extents.fail("C2: there are ", positions.size(), " positions but ", weights.size(), " weights");
  Type element = Extents::element(input);
  if (!weights.empty() && !isNumber(element))
    return extents.fail("C3: elements of type ", element, " have no weights");
  TensorShape result{element, extents.of(input)};
  for (auto [number, dim] : llvm::enumerate(dims)) {
    if (failed(checkAxis(extents, "C1", dim, Extents::rank(input))))
      return failure();
    if (number > 0 && dim <= dims[number - 1])
      return extents.fail("C1: dims [", dims, "] do not ascend");
    if (Extents::rank(positions[number]) != 2)
      return extents.fail("C2: positions are ", positions[number].getType(), " but have rank 2");
    SmallVector<OpFoldResult> table = extents.of(positions[number]);
    if (!Extents::known(table[0]))
      return extents.fail("C2: positions are ", positions[number].getType(), " but have a known number of rows");
    if (weights.empty()) {
      if (Extents::known(table[0]) != 1)
        return extents.fail("C2: positions are ", positions[number].getType(), " but have one row without weights");
    } else {
      Value weight = weights[number];
      if (Extents::element(weight).isF64() != element.isF64())
        return extents.fail("C3: weights are ", weight.getType(), " for elements of type ", element);
      if (Extents::rank(weight) != 2 ||
          extents.clash(extents.of(weight, 0), table[0], "tables of a resized dimension") ||
          extents.clash(extents.of(weight, 1), table[1], "tables of a resized dimension"))
        return extents.fail("C2: positions are ", positions[number].getType(), " but weights ", weight.getType());
    }
    result.extents[dim] = table[1];
  }
  results.push_back(std::move(result));
  return success();
}

LogicalResult PackOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput();
  PackingAttr packing = adaptor.getPacking();
  if (Extents::rank(input) < 2)
    return extents.fail("C1: input has rank ", Extents::rank(input), " but needs 2 or more");
  SmallVector<OpFoldResult> sizes = extents.of(input);
  std::optional<int64_t> columns = Extents::known(sizes.back());
  if (columns && *columns != packing.getColumns())
    return extents.fail("C2: input has ", *columns, " columns but ", packing, " says ", packing.getColumns());
  if (packing.getGroup() != 1)
    return extents.fail("C3: group is ", packing.getGroup(), " but must be 1");
  OpFoldResult depth = sizes[sizes.size() - 2];
  sizes.truncate(sizes.size() - 2);
  sizes.append({extents.constant(llvm::divideCeil(packing.getColumns(), packing.getNr())), depth,
                extents.constant(packing.getNr())});
  results.push_back({Extents::element(input), std::move(sizes)});
  return success();
}
