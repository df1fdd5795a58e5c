//===- SimplifyMovement.cpp - fewer and cheaper movements of data --------------------------===//
//
// Expects static types where they can be (InferShapes). Rewrites reshape, transpose, broadcast, slice, concat, pad,
// gather and trivial reductions into fewer or cheaper ones; elements are the same bits.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/ConstantData.h"
#include "compiler/Graph/Matching.h"
#include "compiler/Graph/NumberFormat.h"
#include "compiler/Graph/Passes.h"
#include "dialects/nn/ExtentEquality.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_SIMPLIFYMOVEMENTPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

/// Replaces `op` by `value`, whose type may say more or less about the same tensor.
void replaceWith(PatternRewriter &rewriter, Operation *op, Value value) {
  Type type = op->getResult(0).getType();
  if (value.getType() != type)
    value = tensor::CastOp::create(rewriter, op->getLoc(), type, value);
  rewriter.replaceOp(op, value);
}

//===----------------------------------------------------------------------===//
// transpose, reshape, broadcast
//===----------------------------------------------------------------------===//

/// A transpose that keeps the order of all dimensions but those of extent 1 is a reshape.
struct TransposeOfUnitDimensions : OpRewritePattern<nn::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::TransposeOp op, PatternRewriter &rewriter) const override {
    RankedTensorType type = tensorType(op.getInput());
    int64_t previous = -1;
    for (int64_t dimension : op.getPermutation()) {
      if (type.getDimSize(dimension) == 1)
        continue;
      if (dimension < previous)
        return failure();
      previous = dimension;
    }
    SmallVector<OpFoldResult> extents = nn::getExtents(rewriter, op.getLoc(), op.getInput());
    auto sizes = llvm::map_to_vector(op.getPermutation(), [&](int64_t dimension) { return extents[dimension]; });
    rewriter.replaceOpWithNewOp<nn::ReshapeOp>(op, op.getType(), op.getInput(),
                                               materialize(rewriter, op.getLoc(), sizes));
    return success();
  }
};

/// An elementwise op broadcasts by itself: an operand that was broadcast is used as it was, if the result keeps its
/// shape.
struct FoldBroadcastIntoElementwise : RewritePattern {
  FoldBroadcastIntoElementwise(MLIRContext *context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!op->hasTrait<nn::Elementwise>())
      return failure();
    for (OpOperand &operand : op->getOpOperands()) {
      auto broadcast = operand.get().getDefiningOp<nn::BroadcastOp>();
      if (!broadcast || !othersCover(op, operand, broadcast))
        continue;
      rewriter.modifyOpInPlace(op, [&] { operand.set(broadcast.getInput()); });
      return success();
    }
    return failure();
  }

private:
  /// Whether the result keeps its shape without `broadcast`: each dimension it makes has that extent in another operand
  /// too.
  static bool othersCover(Operation *op, OpOperand &operand, nn::BroadcastOp broadcast) {
    nn::ExtentEquality extents(op->getContext());
    Value input = broadcast.getInput();
    int64_t inputRank = tensorType(input).getRank(), rank = tensorType(broadcast).getRank();
    for (int64_t fromEnd = 1; fromEnd <= rank; ++fromEnd) {
      if (fromEnd <= inputRank && extents.equal(input, inputRank - fromEnd, broadcast, rank - fromEnd))
        continue;
      bool covered = llvm::any_of(op->getOpOperands(), [&](OpOperand &other) {
        int64_t otherRank = tensorType(other.get()).getRank();
        return &other != &operand && otherRank >= fromEnd &&
               extents.equal(other.get(), otherRank - fromEnd, broadcast, rank - fromEnd);
      });
      if (!covered)
        return false;
    }
    return true;
  }
};

/// A reshape or broadcast to the shape that its input has already is its input.
template <typename Op> struct DropIdentity : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    // Types that differ say as much without asking how extents are computed.
    if (tensorType(op.getInput()).getShape() != tensorType(op).getShape())
      return failure();
    nn::ExtentEquality extents(op.getContext());
    for (auto [dimension, size] : llvm::enumerate(op.getSizes()))
      if (!extents.equal(OpFoldResult(size), op.getInput(), dimension))
        return failure();
    replaceWith(rewriter, op, op.getInput());
    return success();
  }
};

/// broadcast(broadcast(x)) is one broadcast.
struct FoldBroadcastOfBroadcast : OpRewritePattern<nn::BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::BroadcastOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<nn::BroadcastOp>();
    if (!inner)
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(inner.getInput()); });
    return success();
  }
};

/// matmul(transpose(x), y) with the last two dimensions swapped reads x transposed; likewise the right-hand side.
struct FoldTransposeIntoMatmul : OpRewritePattern<nn::MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::MatmulOp op, PatternRewriter &rewriter) const override {
    if (Value source = swappedSource(op.getLhs())) {
      rewriter.modifyOpInPlace(op, [&] {
        op.setTransposeLhs(!op.getTransposeLhs());
        op.getLhsMutable().assign(source);
      });
      return success();
    }
    Value source = op.getPacking() ? Value() : swappedSource(op.getRhs());
    if (!source)
      return failure();
    rewriter.modifyOpInPlace(op, [&] {
      op.setTransposeRhs(!op.getTransposeRhs());
      op.getRhsMutable().assign(source);
    });
    return success();
  }

private:
  static Value swappedSource(Value operand) {
    auto transpose = operand.getDefiningOp<nn::TransposeOp>();
    if (!transpose)
      return {};
    SmallVector<int64_t> swapped = llvm::to_vector(llvm::seq<int64_t>(0, transpose.getPermutation().size()));
    std::swap(swapped[swapped.size() - 2], swapped[swapped.size() - 1]);
    return transpose.getPermutation() == ArrayRef<int64_t>(swapped) ? transpose.getInput() : Value();
  }
};

//===----------------------------------------------------------------------===//
// slice
//===----------------------------------------------------------------------===//

Value addIndex(OpBuilder &builder, Location loc, Value lhs, Value rhs) {
  return isConstantIntValue(lhs, 0)   ? rhs
         : isConstantIntValue(rhs, 0) ? lhs
                                      : arith::AddIOp::create(builder, loc, lhs, rhs).getResult();
}

Value mulIndex(OpBuilder &builder, Location loc, Value lhs, Value rhs) {
  return isConstantIntValue(lhs, 1)   ? rhs
         : isConstantIntValue(rhs, 1) ? lhs
                                      : arith::MulIOp::create(builder, loc, lhs, rhs).getResult();
}

/// slice(slice(x)) is one slice.
struct FoldSliceOfSlice : OpRewritePattern<nn::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::SliceOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<nn::SliceOp>();
    if (!inner)
      return failure();
    Location loc = op.getLoc();
    SmallVector<Value> offsets, steps;
    for (auto [offset, step, innerOffset, innerStep] :
         llvm::zip_equal(op.getOffsets(), op.getSteps(), inner.getOffsets(), inner.getSteps())) {
      offsets.push_back(addIndex(rewriter, loc, innerOffset, mulIndex(rewriter, loc, offset, innerStep)));
      steps.push_back(mulIndex(rewriter, loc, step, innerStep));
    }
    rewriter.replaceOpWithNewOp<nn::SliceOp>(op, op.getType(), inner.getInput(), offsets, op.getSizes(), steps);
    return success();
  }
};

/// A dimension of a slice, where constant.
struct Range {
  int64_t offset, size, step;
};
std::optional<Range> rangeOf(nn::SliceOp op, int64_t dimension) {
  std::optional<int64_t> offset = getConstantIntValue(op.getOffsets()[dimension]);
  std::optional<int64_t> size = getConstantIntValue(op.getSizes()[dimension]);
  std::optional<int64_t> step = getConstantIntValue(op.getSteps()[dimension]);
  if (!offset || !size || !step)
    return std::nullopt;
  return Range{*offset, *size, *step};
}

/// A slice, in steps of 1, of a concatenation reads only the operands it covers.
struct FoldSliceOfConcat : OpRewritePattern<nn::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::SliceOp op, PatternRewriter &rewriter) const override {
    auto concat = op.getInput().getDefiningOp<nn::ConcatOp>();
    if (!concat)
      return failure();
    int64_t axis = concat.getAxis(), position = 0;
    std::optional<Range> range = rangeOf(op, axis);
    if (!range || range->step != 1 || range->size == 0)
      return failure();
    SmallVector<Value> covered;
    int64_t first = 0;
    for (Value input : concat.getInputs()) {
      int64_t extent = tensorType(input).getDimSize(axis);
      if (ShapedType::isDynamic(extent))
        return failure();
      bool overlaps = position < range->offset + range->size && position + extent > range->offset;
      if (overlaps && covered.empty())
        first = position;
      if (overlaps)
        covered.push_back(input);
      position += extent;
    }
    if (covered.empty() || covered.size() == concat.getInputs().size())
      return failure();
    Value source = covered.size() == 1 ? covered.front()
                                       : nn::ConcatOp::create(rewriter, concat.getLoc(), covered, axis).getResult();
    SmallVector<Value> offsets(op.getOffsets());
    offsets[axis] = makeIndex(rewriter, op.getLoc(), range->offset - first);
    rewriter.replaceOpWithNewOp<nn::SliceOp>(op, op.getType(), source, offsets, op.getSizes(), op.getSteps());
    return success();
  }
};

//===----------------------------------------------------------------------===//
// concat
//===----------------------------------------------------------------------===//

/// concat(concat(x, y), z) along one axis is concat(x, y, z), if the inner one has no other use; operands without
/// elements are left out.
struct FlattenConcat : OpRewritePattern<nn::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ConcatOp op, PatternRewriter &rewriter) const override {
    int64_t axis = op.getAxis();
    SmallVector<Value> inputs;
    for (Value input : op.getInputs()) {
      auto inner = input.getDefiningOp<nn::ConcatOp>();
      if (inner && static_cast<int64_t>(inner.getAxis()) == axis && inner->hasOneUse())
        llvm::append_range(inputs, inner.getInputs());
      else if (tensorType(input).getDimSize(axis) != 0 || op.getInputs().size() == 1)
        inputs.push_back(input);
    }
    if (inputs.size() == op.getInputs().size() || inputs.empty())
      return failure();
    if (inputs.size() == 1)
      replaceWith(rewriter, op, inputs.front());
    else
      rewriter.replaceOpWithNewOp<nn::ConcatOp>(op, op.getType(), inputs, axis);
    return success();
  }
};

/// Neighbours in a concatenation that are neighbouring slices of one tensor are one slice of it.
struct JoinSlicesInConcat : OpRewritePattern<nn::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ConcatOp op, PatternRewriter &rewriter) const override {
    int64_t axis = op.getAxis();
    for (size_t index = 0; index + 1 < op.getInputs().size(); ++index) {
      auto left = op.getInputs()[index].getDefiningOp<nn::SliceOp>();
      auto right = op.getInputs()[index + 1].getDefiningOp<nn::SliceOp>();
      if (!left || !right || left.getInput() != right.getInput() || !isAdjacent(left, right, axis))
        continue;
      SmallVector<Value> sizes(left.getSizes());
      sizes[axis] = makeIndex(rewriter, op.getLoc(), rangeOf(left, axis)->size + rangeOf(right, axis)->size);
      Value joined =
          nn::SliceOp::create(rewriter, op.getLoc(), left.getInput(), left.getOffsets(), sizes, left.getSteps());
      SmallVector<Value> inputs(op.getInputs());
      inputs[index] = joined;
      inputs.erase(inputs.begin() + index + 1);
      rewriter.replaceOpWithNewOp<nn::ConcatOp>(op, op.getType(), inputs, axis);
      return success();
    }
    return failure();
  }

private:
  static bool isAdjacent(nn::SliceOp left, nn::SliceOp right, int64_t axis) {
    for (int64_t dimension = 0; dimension < tensorType(left).getRank(); ++dimension) {
      if (dimension != axis && (left.getOffsets()[dimension] != right.getOffsets()[dimension] ||
                                left.getSizes()[dimension] != right.getSizes()[dimension] ||
                                left.getSteps()[dimension] != right.getSteps()[dimension]))
        return false;
    }
    std::optional<Range> a = rangeOf(left, axis), b = rangeOf(right, axis);
    return a && b && a->step == b->step && a->offset + a->size * a->step == b->offset;
  }
};

/// A concatenation of one tensor is that tensor.
struct DropSingleConcat : OpRewritePattern<nn::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ConcatOp op, PatternRewriter &rewriter) const override {
    if (op.getInputs().size() != 1)
      return failure();
    replaceWith(rewriter, op, op.getInputs().front());
    return success();
  }
};

//===----------------------------------------------------------------------===//
// pad
//===----------------------------------------------------------------------===//

/// A pad of nothing is its input; a constant pad of a constant pad with the same value is one.
struct SimplifyPad : OpRewritePattern<nn::PadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::PadOp op, PatternRewriter &rewriter) const override {
    auto isZero = [](Value amount) { return isConstantIntValue(amount, 0); };
    if (llvm::all_of(op.getLow(), isZero) && llvm::all_of(op.getHigh(), isZero)) {
      replaceWith(rewriter, op, op.getInput());
      return success();
    }
    auto inner = op.getInput().getDefiningOp<nn::PadOp>();
    if (!inner || op.getMode() != nn::PadMode::constant || inner.getMode() != nn::PadMode::constant ||
        inner.getValue() != op.getValue())
      return failure();
    auto sum = [&](ValueRange outer, ValueRange innerAmounts) {
      SmallVector<Value> sums;
      for (auto [a, b] : llvm::zip_equal(outer, innerAmounts))
        sums.push_back(addIndex(rewriter, op.getLoc(), a, b));
      return sums;
    };
    rewriter.replaceOpWithNewOp<nn::PadOp>(op, op.getType(), op.getMode(), inner.getInput(),
                                           sum(op.getLow(), inner.getLow()), sum(op.getHigh(), inner.getHigh()),
                                           op.getValue());
    return success();
  }
};

//===----------------------------------------------------------------------===//
// gather, reduce
//===----------------------------------------------------------------------===//

/// A gather of constant indices in even steps is a slice.
struct GatherOfRange : OpRewritePattern<nn::GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::GatherOp op, PatternRewriter &rewriter) const override {
    std::optional<ConstantData> indices = ConstantData::read(op.getIndices());
    int64_t axis = op.getAxis(), extent = tensorType(op.getInput()).getDimSize(axis);
    if (!indices || indices->type.getNumElements() == 0 || ShapedType::isDynamic(extent))
      return failure();
    int64_t count = indices->type.getNumElements();
    std::vector<int64_t> numbers(count);
    loadElements(indices->type.getElementType(), indices->bytes.data(), indices->splat ? 0 : 1, count, numbers.data());
    for (int64_t &number : numbers) {
      number += number < 0 ? extent : 0;
      if (number < 0 || number >= extent)
        return failure();
    }
    int64_t step = count > 1 ? numbers[1] - numbers[0] : 1;
    for (int64_t index = 0; index + 1 < count; ++index)
      if (step == 0 || numbers[index + 1] - numbers[index] != step)
        return failure();
    Location loc = op.getLoc();
    SmallVector<Value> sizes = materialize(rewriter, loc, nn::getExtents(rewriter, loc, op.getInput()));
    SmallVector<Value> offsets(sizes.size(), makeIndex(rewriter, loc, 0)),
        steps(sizes.size(), makeIndex(rewriter, loc, 1));
    offsets[axis] = makeIndex(rewriter, loc, numbers.front());
    steps[axis] = makeIndex(rewriter, loc, step);
    sizes[axis] = makeIndex(rewriter, loc, count);
    Value slice = nn::SliceOp::create(rewriter, loc, op.getInput(), offsets, sizes, steps);
    if (indices->type.getRank() == 1) {
      replaceWith(rewriter, op, slice);
      return success();
    }
    // The axis becomes the dimensions of the indices.
    SmallVector<Value> shape(sizes.begin(), sizes.begin() + axis);
    for (int64_t size : indices->type.getShape())
      shape.push_back(makeIndex(rewriter, loc, size));
    shape.append(sizes.begin() + axis + 1, sizes.end());
    rewriter.replaceOpWithNewOp<nn::ReshapeOp>(op, op.getType(), slice, shape);
    return success();
  }
};

/// A reduction over extents of 1 only moves nothing but dimensions.
struct ReduceOfUnitDimensions : OpRewritePattern<nn::ReduceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ReduceOp op, PatternRewriter &rewriter) const override {
    RankedTensorType type = tensorType(op.getInput());
    if (!llvm::all_of(op.getAxes(), [&](int64_t axis) { return type.getDimSize(axis) == 1; }))
      return failure();
    if (op.getKeepDims() || op.getAxes().empty()) {
      replaceWith(rewriter, op, op.getInput());
      return success();
    }
    SmallVector<OpFoldResult> sizes;
    for (auto [dimension, extent] : llvm::enumerate(nn::getExtents(rewriter, op.getLoc(), op.getInput())))
      if (!llvm::is_contained(op.getAxes(), static_cast<int64_t>(dimension)))
        sizes.push_back(extent);
    rewriter.replaceOpWithNewOp<nn::ReshapeOp>(op, op.getType(), op.getInput(),
                                               materialize(rewriter, op.getLoc(), sizes));
    return success();
  }
};

/// A slice that takes every dimension whole is its input.
struct DropWholeSlice : OpRewritePattern<nn::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::SliceOp op, PatternRewriter &rewriter) const override {
    if (tensorType(op.getInput()).getShape() != tensorType(op).getShape())
      return failure();
    nn::ExtentEquality extents(op.getContext());
    for (int64_t dimension = 0; dimension < tensorType(op).getRank(); ++dimension)
      if (!isConstantIntValue(op.getOffsets()[dimension], 0) || !isConstantIntValue(op.getSteps()[dimension], 1) ||
          !extents.equal(OpFoldResult(op.getSizes()[dimension]), op.getInput(), dimension))
        return failure();
    replaceWith(rewriter, op, op.getInput());
    return success();
  }
};

struct SimplifyMovement : impl::SimplifyMovementPassBase<SimplifyMovement> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<TransposeOfUnitDimensions, DropIdentity<nn::ReshapeOp>, DropIdentity<nn::BroadcastOp>,
                 FoldBroadcastIntoElementwise, FoldBroadcastOfBroadcast, FoldTransposeIntoMatmul, FoldSliceOfSlice,
                 FoldSliceOfConcat, DropWholeSlice, FlattenConcat, JoinSlicesInConcat, DropSingleConcat, SimplifyPad,
                 GatherOfRange, ReduceOfUnitDimensions>(context);
    nn::ReshapeOp::getCanonicalizationPatterns(patterns, context);
    nn::TransposeOp::getCanonicalizationPatterns(patterns, context);
    tensor::CastOp::getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::graph
