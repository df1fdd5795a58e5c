//===- SinkMovement.cpp - elementwise ops before reshapes and transposes ------------------------------------===//
//
// Expects movement simplified. An elementwise op behind a reshape or transpose of a contraction, reduction or other elementwise op is moved
// before it, so that producer and consumer can be fused and movements meet and cancel. The number of elements moved never grows.
//
//===-------------------------------------------------------------------------------------------------===//

#include "compiler/Graph/ConstantData.h"
#include "compiler/Graph/Matching.h"
#include "compiler/Graph/Passes.h"
#include "dialects/nn/ExtentEquality.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
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

RankedTensorType withElement(RankedTensorType shape, Type element) { return RankedTensorType::get(shape.getShape(), element); }

/// A copy of the elementwise op on other operands, with a result of the shape of `shape`.
Value cloneOn(PatternRewriter &rewriter, Operation *op, ValueRange operands, RankedTensorType shape) {
  Operation *copy = rewriter.clone(*op);
  copy->setOperands(operands);
  copy->getResult(0).setType(withElement(shape, cast<RankedTensorType>(op->getResult(0).getType()).getElementType()));
  return copy->getResult(0);
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
    bool anyComputed = false;
    for (Value operand : op->getOperands()) {
      if (auto transpose = operand.getDefiningOp<nn::TransposeOp>()) {
        if (transpose.getPermutation() != first.getPermutation() || !isOnlyUser(operand, op))
          return failure();
        anyComputed |= isComputed(transpose.getInput());
      } else if (!isConstant(operand)) {
        return failure();
      }
    }
    if (!anyComputed)
      return failure();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      auto transpose = operand.getDefiningOp<nn::TransposeOp>();
      operands.push_back(transpose ? transpose.getInput() : transposeConstant(rewriter, op->getLoc(), operand, inverse));
    }
    SmallVector<int64_t> shape;
    for (int64_t dimension : inverse)
      shape.push_back(type.getDimSize(dimension));
    Value result = cloneOn(rewriter, op, operands, RankedTensorType::get(shape, type.getElementType()));
    rewriter.replaceOpWithNewOp<nn::TransposeOp>(op, type, result, first.getPermutation());
    return success();
  }

private:
  static Value transposeConstant(PatternRewriter &rewriter, Location loc, Value constant, ArrayRef<int64_t> permutation) {
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
    auto transpose = op.getInput().getDefiningOp<nn::TransposeOp>();
    if (!transpose || !isOnlyUser(transpose, op))
      return failure();
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    SmallVector<int64_t> axes;
    for (int64_t axis : op.getAxes())
      axes.push_back(permutation[axis]);
    llvm::sort(axes);
    Value reduced = nn::ReduceOp::create(rewriter, op.getLoc(), op.getKind(), transpose.getInput(), axes, op.getKeepDims());
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

/// For a reshape that only adds or drops dimensions of extent 1: the input dimension that each result dimension is, or -1.
std::optional<SmallVector<int64_t>> unitReshapeMap(nn::ReshapeOp reshape) {
  nn::ExtentEquality extents(reshape.getContext());
  RankedTensorType from = tensorType(reshape.getInput()), to = tensorType(reshape);
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

/// f(reshape(x), y) is reshape(f(x, reshape(y))) where the reshape only adds or drops dimensions of extent 1. Only if reshape(y) will not
/// be sunk itself: for constants, inputs, and reshapes that cancel.
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
        operands.push_back(other == operand ? reshape.getInput() : alignWith(rewriter, op->getLoc(), other, reshape, *map));
      Value result = cloneOn(rewriter, op, operands, tensorType(reshape.getInput()));
      rewriter.replaceOpWithNewOp<nn::ReshapeOp>(op, type, result, reshape.getSizes());
      return success();
    }
    return failure();
  }

private:
  /// Whether no other operand makes the result larger than the reshaped tensor: dimensions with equal types may still be 1 there.
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

  /// `other`, which broadcasts to the reshape's result, under a shape that broadcasts to the reshape's input in the same way.
  static Value alignWith(PatternRewriter &rewriter, Location loc, Value other, nn::ReshapeOp reshape, ArrayRef<int64_t> map) {
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
    patterns.add<SinkTransposeBelowElementwise, SinkTransposeBelowReduce, SinkTransposeBelowConcat, SinkReshapeBelowScalarOp,
                 SinkUnitReshapeBelowElementwise>(context);
    nn::ReshapeOp::getCanonicalizationPatterns(patterns, context);
    nn::TransposeOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::graph
