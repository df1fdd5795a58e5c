//===- SinkMovement.cpp - elementwise ops before reshapes and transposes -------------------===//
//
// Expects movement simplified. An elementwise op behind a reshape or transpose of a contraction, reduction or other
// elementwise op is moved before it, so that producer and consumer can be fused and movements meet and cancel. The
// number of elements moved never grows.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/ConstantData.h"
#include "compiler/Graph/Matching.h"
#include "compiler/Graph/Passes.h"
#include "dialects/nn/ExtentEquality.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_SINKMOVEMENTPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

bool isOnlyUser(Value value, Operation *user) {
  return llvm::all_of(value.getUsers(), [&](Operation *other) { return other == user; });
}

/// Whether a value comes from computation with which an elementwise op could be fused.
bool isComputed(Value value) {
  Operation *op = value.getDefiningOp();
  return op && (op->hasTrait<nn::Elementwise>() || isa<nn::ConvOp, nn::MatmulOp, nn::ReduceOp, nn::PoolOp>(op));
}

/// A constant with one element; its rank does not matter to an operand of higher rank.
bool isSingleConstant(Value value) { return tensorType(value).getNumElements() == 1 && isConstant(value); }

RankedTensorType withElement(RankedTensorType shape, Type element) {
  return RankedTensorType::get(shape.getShape(), element);
}

/// A copy of the elementwise op on other operands, with a result of the shape of `shape`.
Value cloneOn(PatternRewriter &rewriter, Operation *op, ValueRange operands, RankedTensorType shape) {
  Operation *copy = rewriter.clone(*op);
  copy->setOperands(operands);
  copy->getResult(0).setType(withElement(shape, cast<RankedTensorType>(op->getResult(0).getType()).getElementType()));
  return copy->getResult(0);
}

SmallVector<Value> permuted(ValueRange values, ArrayRef<int64_t> permutation) {
  return llvm::map_to_vector(permutation, [&](int64_t place) { return values[place]; });
}

//===----------------------------------------------------------------------===//
// transpose
//===----------------------------------------------------------------------===//

/// f(transpose(x), transpose(y), constant) is transpose(f(x, y, transposed constant)).
struct SinkTransposeBelowElementwise : RewritePattern {
  SinkTransposeBelowElementwise(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!op->hasTrait<nn::Elementwise>())
      return failure();
    nn::TransposeOp first;
    for (Value operand : op->getOperands())
      if (auto transpose = operand.getDefiningOp<nn::TransposeOp>(); transpose && !first)
        first = transpose;
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    // An operand that is broadcast to a larger result would make the movement larger.
    if (!first || tensorType(first).getShape() != type.getShape())
      return failure();
    SmallVector<int64_t> inverse = invertPermutationVector(first.getPermutation());
    for (Value operand : op->getOperands()) {
      if (auto transpose = operand.getDefiningOp<nn::TransposeOp>()) {
        if (transpose.getPermutation() != first.getPermutation() || !isOnlyUser(operand, op))
          return failure();
      } else if (!isConstant(operand)) {
        return failure();
      }
    }
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      auto transpose = operand.getDefiningOp<nn::TransposeOp>();
      operands.push_back(transpose ? transpose.getInput()
                                   : transposeConstant(rewriter, op->getLoc(), operand, inverse));
    }
    SmallVector<int64_t> shape;
    for (int64_t dimension : inverse)
      shape.push_back(type.getDimSize(dimension));
    Value result = cloneOn(rewriter, op, operands, RankedTensorType::get(shape, type.getElementType()));
    rewriter.replaceOpWithNewOp<nn::TransposeOp>(op, type, result, first.getPermutation());
    return success();
  }

private:
  static Value transposeConstant(PatternRewriter &rewriter, Location loc, Value constant,
                                 ArrayRef<int64_t> permutation) {
    RankedTensorType type = tensorType(constant);
    if (type.getNumElements() == 1)
      return reshapeTo(rewriter, loc, constant, {});
    SmallVector<int64_t> shape(permutation.size() - type.getRank(), 1);
    llvm::append_range(shape, type.getShape());
    return nn::TransposeOp::create(rewriter, loc, reshapeTo(rewriter, loc, constant, shape), permutation);
  }
};

/// reduce(transpose(x)) is reduce(x), transposed if more than one dimension stays.
struct SinkTransposeBelowReduce : OpRewritePattern<nn::ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ReduceOp op, PatternRewriter &rewriter) const override {
    // Other users of the transposed tensor do not matter: this one reads the same elements from before it.
    auto transpose = op.getInput().getDefiningOp<nn::TransposeOp>();
    if (!transpose)
      return failure();
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    SmallVector<int64_t> axes;
    for (int64_t axis : op.getAxes())
      axes.push_back(permutation[axis]);
    llvm::sort(axes);
    Value reduced =
        nn::ReduceOp::create(rewriter, op.getLoc(), op.getKind(), transpose.getInput(), axes, op.getKeepDims());
    SmallVector<int64_t> rest;
    for (int64_t dimension : permutation)
      if (op.getKeepDims() || !llvm::is_contained(axes, dimension))
        rest.push_back(dimension);
    // Dimensions of the reduced tensor are numbered without the axes.
    if (!op.getKeepDims())
      for (int64_t &dimension : rest)
        dimension -= llvm::count_if(axes, [&](int64_t axis) { return axis < dimension; });
    rewriter.replaceOpWithNewOp<nn::TransposeOp>(op, op.getType(), reduced, rest);
    return success();
  }
};

/// matmul(transpose(x), w) is transpose(matmul(x, w)) where the transpose leaves the last dimension in its place and w
/// is one matrix, if the result is not larger than x: every other dimension of x is one of rows.
struct SinkTransposeBelowMatmul : OpRewritePattern<nn::MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::MatmulOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getLhs().getDefiningOp<nn::TransposeOp>();
    if (!transpose || !isOnlyUser(transpose, op) || op.getTransposeLhs() || op.getPacking() ||
        tensorType(op.getRhs()).getRank() != 2)
      return failure();
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    int64_t rank = permutation.size(), depth = tensorType(op.getLhs()).getDimSize(rank - 1);
    int64_t columns = tensorType(op).getDimSize(rank - 1);
    if (permutation.back() != rank - 1 || ShapedType::isDynamic(depth) || ShapedType::isDynamic(columns) ||
        columns > depth)
      return failure();
    Value result = nn::MatmulOp::create(rewriter, op.getLoc(), transpose.getInput(), op.getRhs(),
                                        /*transpose_lhs=*/false, op.getTransposeRhs(), nn::PackingAttr());
    rewriter.replaceOpWithNewOp<nn::TransposeOp>(op, op.getType(), result, permutation);
    return success();
  }
};

/// concat(transpose(x), transpose(y)) is transpose(concat(x, y)).
struct SinkTransposeBelowConcat : OpRewritePattern<nn::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ConcatOp op, PatternRewriter &rewriter) const override {
    auto first = op.getInputs().front().getDefiningOp<nn::TransposeOp>();
    if (!first)
      return failure();
    SmallVector<Value> inputs;
    for (Value input : op.getInputs()) {
      auto transpose = input.getDefiningOp<nn::TransposeOp>();
      if (!transpose || transpose.getPermutation() != first.getPermutation() || !isOnlyUser(input, op))
        return failure();
      inputs.push_back(transpose.getInput());
    }
    Value result = nn::ConcatOp::create(rewriter, op.getLoc(), inputs, first.getPermutation()[op.getAxis()]);
    rewriter.replaceOpWithNewOp<nn::TransposeOp>(op, op.getType(), result, first.getPermutation());
    return success();
  }
};

/// slice(transpose(x)) is transpose(slice(x)), if only slices read the transposed tensor.
struct SinkTransposeBelowSlice : OpRewritePattern<nn::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::SliceOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getInput().getDefiningOp<nn::TransposeOp>();
    if (!transpose || !llvm::all_of(transpose->getUsers(), [](Operation *user) { return isa<nn::SliceOp>(user); }))
      return failure();
    SmallVector<int64_t> inverse = invertPermutationVector(transpose.getPermutation());
    Value result = nn::SliceOp::create(rewriter, op.getLoc(), transpose.getInput(), permuted(op.getOffsets(), inverse),
                                       permuted(op.getSizes(), inverse), permuted(op.getSteps(), inverse));
    rewriter.replaceOpWithNewOp<nn::TransposeOp>(op, op.getType(), result, transpose.getPermutation());
    return success();
  }
};

/// pad(transpose(x)) is transpose(pad(x)).
struct SinkTransposeBelowPad : OpRewritePattern<nn::PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::PadOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getInput().getDefiningOp<nn::TransposeOp>();
    if (!transpose || !isOnlyUser(transpose, op))
      return failure();
    SmallVector<int64_t> inverse = invertPermutationVector(transpose.getPermutation());
    Value result = nn::PadOp::create(rewriter, op.getLoc(), op.getMode(), transpose.getInput(),
                                     permuted(op.getLow(), inverse), permuted(op.getHigh(), inverse), op.getValue());
    rewriter.replaceOpWithNewOp<nn::TransposeOp>(op, op.getType(), result, transpose.getPermutation());
    return success();
  }
};

/// Groups of neighbouring dimensions of the finer of two shapes that make up one dimension of the coarser; extents of 1
/// go with the dimension behind. Empty if the shapes do not match like that.
SmallVector<SmallVector<int64_t>> dimensionGroups(Value coarse, Value fine) {
  RankedTensorType from = tensorType(coarse), to = tensorType(fine);
  nn::ExtentEquality extents(coarse.getContext());
  SmallVector<SmallVector<int64_t>> groups;
  int64_t next = 0;
  for (int64_t dimension = 0; dimension < from.getRank(); ++dimension) {
    SmallVector<int64_t> group;
    if (next < to.getRank() && extents.equal(coarse, dimension, fine, next)) {
      group.push_back(next++);
    } else if (!from.isDynamicDim(dimension)) {
      int64_t product = 1;
      for (; product < from.getDimSize(dimension) && next < to.getRank(); ++next) {
        if (to.isDynamicDim(next) || to.getDimSize(next) == 0)
          return {};
        product *= to.getDimSize(next);
        group.push_back(next);
      }
      if (product != from.getDimSize(dimension))
        return {};
    } else {
      // A dynamic extent may be a product of which one or more factors are dynamic; it is then known to be so by the
      // reshape's other dimensions, which are matched from the end.
      int64_t behind = from.getRank() - 1 - dimension;
      int64_t end = to.getRank() - behind;
      for (int64_t offset = 1; offset <= behind; ++offset)
        if (!extents.equal(coarse, from.getRank() - offset, fine, to.getRank() - offset))
          return {};
      for (; next < end; ++next)
        group.push_back(next);
    }
    if (group.empty())
      return {};
    groups.push_back(std::move(group));
  }
  return next == to.getRank() ? groups : SmallVector<SmallVector<int64_t>>();
}

/// reshape(transpose(x)) is transpose(reshape(x)) where the reshape takes dimensions apart, or joins dimensions that
/// were neighbours already.
struct SinkTransposeBelowReshape : OpRewritePattern<nn::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ReshapeOp op, PatternRewriter &rewriter) const override {
    auto transpose = op.getInput().getDefiningOp<nn::TransposeOp>();
    if (!transpose || !isOnlyUser(transpose, op))
      return failure();
    return succeeded(sinkBelowSplit(op, transpose, rewriter)) || succeeded(sinkBelowJoin(op, transpose, rewriter))
               ? success()
               : failure();
  }

private:
  static LogicalResult sinkBelowSplit(nn::ReshapeOp op, nn::TransposeOp transpose, PatternRewriter &rewriter) {
    if (tensorType(op).getRank() < tensorType(transpose).getRank())
      return failure();
    // Which result dimensions each transposed dimension becomes.
    SmallVector<SmallVector<int64_t>> groups = dimensionGroups(transpose, op);
    if (groups.empty())
      return failure();
    SmallVector<Value> sizes;
    SmallVector<int64_t> placeOf(tensorType(op).getRank());
    for (int64_t dimension : invertPermutationVector(transpose.getPermutation())) {
      for (int64_t part : groups[dimension]) {
        placeOf[part] = sizes.size();
        sizes.push_back(op.getSizes()[part]);
      }
    }
    Value result = nn::ReshapeOp::create(rewriter, op.getLoc(), transpose.getInput(), sizes);
    rewriter.replaceOpWithNewOp<nn::TransposeOp>(op, op.getType(), result, placeOf);
    return success();
  }

  static LogicalResult sinkBelowJoin(nn::ReshapeOp op, nn::TransposeOp transpose, PatternRewriter &rewriter) {
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    if (tensorType(op).getRank() >= tensorType(transpose).getRank())
      return failure();
    // Which transposed dimensions each result dimension is made of; their sources must be neighbours in the same order.
    SmallVector<SmallVector<int64_t>> groups = dimensionGroups(op, transpose);
    if (groups.empty())
      return failure();
    SmallVector<std::pair<int64_t, int64_t>> bySource; // first source dimension, result dimension
    for (auto [dimension, group] : llvm::enumerate(groups)) {
      for (size_t part = 1; part < group.size(); ++part)
        if (permutation[group[part]] != permutation[group[part - 1]] + 1)
          return failure();
      bySource.push_back({permutation[group.front()], static_cast<int64_t>(dimension)});
    }
    llvm::sort(bySource);
    SmallVector<Value> sizes;
    SmallVector<int64_t> placeOf(groups.size());
    for (auto [source, dimension] : bySource) {
      placeOf[dimension] = sizes.size();
      sizes.push_back(op.getSizes()[dimension]);
    }
    Value result = nn::ReshapeOp::create(rewriter, op.getLoc(), transpose.getInput(), sizes);
    rewriter.replaceOpWithNewOp<nn::TransposeOp>(op, op.getType(), result, placeOf);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// reshape
//===----------------------------------------------------------------------===//

/// f(reshape(x), scalar constants) is reshape(f(x, scalar constants)).
struct SinkReshapeBelowScalarOp : RewritePattern {
  SinkReshapeBelowScalarOp(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!op->hasTrait<nn::Elementwise>())
      return failure();
    nn::ReshapeOp reshape;
    for (Value operand : op->getOperands()) {
      auto found = operand.getDefiningOp<nn::ReshapeOp>();
      if (found && !isSingleConstant(operand) && (!reshape || reshape == found))
        reshape = found;
      else if (!isSingleConstant(operand))
        return failure();
    }
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    if (!reshape || !isOnlyUser(reshape, op) || !isComputed(reshape.getInput()) ||
        tensorType(reshape).getShape() != type.getShape())
      return failure();
    auto operands = llvm::map_to_vector(op->getOperands(), [&](Value operand) -> Value {
      return operand == reshape.getResult() ? reshape.getInput() : reshapeTo(rewriter, op->getLoc(), operand, {});
    });
    Value result = cloneOn(rewriter, op, operands, tensorType(reshape.getInput()));
    rewriter.replaceOpWithNewOp<nn::ReshapeOp>(op, type, result, reshape.getSizes());
    return success();
  }
};

/// For a reshape that only adds or drops dimensions of extent 1: the input dimension that each result dimension is, or
/// -1.
std::optional<SmallVector<int64_t>> unitReshapeMap(nn::ReshapeOp reshape) {
  RankedTensorType from = tensorType(reshape.getInput()), to = tensorType(reshape);
  auto notUnit = [](int64_t extent) { return extent != 1; };
  if (llvm::to_vector(llvm::make_filter_range(from.getShape(), notUnit)) !=
      llvm::to_vector(llvm::make_filter_range(to.getShape(), notUnit)))
    return std::nullopt;
  nn::ExtentEquality extents(reshape.getContext());
  SmallVector<int64_t> map;
  int64_t next = 0;
  auto skipUnits = [&] {
    while (next < from.getRank() && from.getDimSize(next) == 1)
      ++next;
  };
  for (int64_t dimension = 0; dimension < to.getRank(); ++dimension) {
    if (to.getDimSize(dimension) == 1) {
      map.push_back(-1);
      continue;
    }
    skipUnits();
    if (next == from.getRank() || !extents.equal(reshape.getInput(), next, reshape, dimension))
      return std::nullopt;
    map.push_back(next++);
  }
  skipUnits();
  if (next != from.getRank())
    return std::nullopt;
  return map;
}

/// reshape(pad(x)) is pad(reshape(x)) where the reshape only adds or drops dimensions of extent 1: the pad comes next
/// to what reads it.
struct RaiseUnitReshapeAbovePad : OpRewritePattern<nn::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ReshapeOp op, PatternRewriter &rewriter) const override {
    auto pad = op.getInput().getDefiningOp<nn::PadOp>();
    std::optional<SmallVector<int64_t>> map = pad ? unitReshapeMap(op) : std::nullopt;
    if (!map)
      return failure();
    // A dimension that is dropped must not be padded.
    for (int64_t dimension = 0; dimension < tensorType(pad).getRank(); ++dimension)
      if (!llvm::is_contained(*map, dimension) &&
          !(isConstantIntValue(pad.getLow()[dimension], 0) && isConstantIntValue(pad.getHigh()[dimension], 0)))
        return failure();
    Location loc = op.getLoc();
    SmallVector<OpFoldResult> extents = nn::getExtents(rewriter, loc, pad.getInput()), sizes;
    SmallVector<Value> low, high;
    for (int64_t source : *map) {
      sizes.push_back(source < 0 ? rewriter.getIndexAttr(1) : extents[source]);
      low.push_back(source < 0 ? makeIndex(rewriter, loc, 0) : pad.getLow()[source]);
      high.push_back(source < 0 ? makeIndex(rewriter, loc, 0) : pad.getHigh()[source]);
    }
    Value reshaped = nn::ReshapeOp::create(rewriter, loc, pad.getInput(), materialize(rewriter, loc, sizes));
    rewriter.replaceOpWithNewOp<nn::PadOp>(op, op.getType(), pad.getMode(), reshaped, low, high, pad.getValue());
    return success();
  }
};

/// f(reshape(x), y) is reshape(f(x, reshape(y))) where the reshape only adds or drops dimensions of extent 1. Only if
/// reshape(y) will not be sunk itself: for constants, inputs, and reshapes that cancel.
struct SinkUnitReshapeBelowElementwise : RewritePattern {
  SinkUnitReshapeBelowElementwise(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!op->hasTrait<nn::Elementwise>())
      return failure();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    for (Value operand : op->getOperands()) {
      auto reshape = operand.getDefiningOp<nn::ReshapeOp>();
      if (!reshape || !isOnlyUser(reshape, op) || !isComputed(reshape.getInput()) ||
          tensorType(reshape).getShape() != type.getShape())
        continue;
      std::optional<SmallVector<int64_t>> map = unitReshapeMap(reshape);
      if (!map || !keepsShape(op, reshape) ||
          !llvm::all_of(op->getOperands(), [&](Value other) { return canAlign(other, reshape, *map); }))
        continue;
      SmallVector<Value> operands;
      for (Value other : op->getOperands())
        operands.push_back(other == operand ? reshape.getInput()
                                            : alignWith(rewriter, op->getLoc(), other, reshape, *map));
      Value result = cloneOn(rewriter, op, operands, tensorType(reshape.getInput()));
      rewriter.replaceOpWithNewOp<nn::ReshapeOp>(op, type, result, reshape.getSizes());
      return success();
    }
    return failure();
  }

private:
  /// Whether no other operand makes the result larger than the reshaped tensor: dimensions with equal types may still
  /// be 1 there.
  static bool keepsShape(Operation *op, nn::ReshapeOp reshape) {
    nn::ExtentEquality extents(op->getContext());
    int64_t rank = tensorType(reshape).getRank();
    for (int64_t dimension = 0; dimension < rank; ++dimension) {
      if (!tensorType(reshape).isDynamicDim(dimension))
        continue;
      for (Value other : op->getOperands()) {
        int64_t place = dimension - (rank - tensorType(other).getRank());
        if (place >= 0 && tensorType(other).getDimSize(place) != 1 && !extents.equal(other, place, reshape, dimension))
          return false;
      }
    }
    return true;
  }

  /// The dimension of `other`, or -1, that each dimension of the reshape's input meets.
  static SmallVector<int64_t> alignedDimensions(Value other, nn::ReshapeOp reshape, ArrayRef<int64_t> map) {
    int64_t leading = tensorType(reshape).getRank() - tensorType(other).getRank();
    SmallVector<int64_t> dimensions(tensorType(reshape.getInput()).getRank(), -1);
    for (auto [dimension, source] : llvm::enumerate(map))
      if (source >= 0 && static_cast<int64_t>(dimension) >= leading)
        dimensions[source] = dimension - leading;
    return dimensions;
  }

  static bool canAlign(Value other, nn::ReshapeOp reshape, ArrayRef<int64_t> map) {
    auto inner = other.getDefiningOp<nn::ReshapeOp>();
    if (!inner)
      return !isComputed(other) || tensorType(other).getRank() == 0;
    // The input of the other reshape has the aligned shape already.
    nn::ExtentEquality extents(other.getContext());
    SmallVector<int64_t> dimensions = alignedDimensions(other, reshape, map);
    RankedTensorType from = tensorType(inner.getInput());
    if (from.getRank() != static_cast<int64_t>(dimensions.size()))
      return false;
    for (auto [dimension, place] : llvm::enumerate(dimensions))
      if (place < 0 ? from.getDimSize(dimension) != 1 : !extents.equal(inner.getInput(), dimension, other, place))
        return false;
    return true;
  }

  /// `other`, which broadcasts to the reshape's result, under a shape that broadcasts to the reshape's input in the
  /// same way.
  static Value alignWith(PatternRewriter &rewriter, Location loc, Value other, nn::ReshapeOp reshape,
                         ArrayRef<int64_t> map) {
    if (auto inner = other.getDefiningOp<nn::ReshapeOp>())
      return inner.getInput();
    if (tensorType(other).getRank() == 0)
      return other;
    SmallVector<OpFoldResult> own = nn::getExtents(rewriter, loc, other), sizes;
    for (int64_t place : alignedDimensions(other, reshape, map))
      sizes.push_back(place < 0 ? rewriter.getIndexAttr(1) : own[place]);
    return nn::ReshapeOp::create(rewriter, loc, other, materialize(rewriter, loc, sizes));
  }
};

struct SinkMovement : impl::SinkMovementPassBase<SinkMovement> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<SinkTransposeBelowElementwise, SinkTransposeBelowReduce, SinkTransposeBelowMatmul,
                 SinkTransposeBelowConcat, SinkTransposeBelowSlice, SinkTransposeBelowPad, SinkTransposeBelowReshape,
                 RaiseUnitReshapeAbovePad, SinkReshapeBelowScalarOp, SinkUnitReshapeBelowElementwise>(context);
    nn::ReshapeOp::getCanonicalizationPatterns(patterns, context);
    nn::TransposeOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::graph
