//===- ConvertToChannelsLast.cpp - channels last around convolutions and pools -------------===//
//
// Expects inferred shapes. One walk in program order: a convolution or pool takes its input without the transposition
// in front of it (or gets one), and its result is followed by the inverse; every op behind such a transposition is
// rewritten to work on what is in front of it, if that does not make more transpositions of full-size tensors than it
// saves. Leaves transposed constants and transpositions of few elements to the passes that fold and simplify movement.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Layout/ChannelOrder.h"
#include "compiler/Layout/Passes.h"
#include "compiler/Layout/ReshapeSegments.h"

#include "dialects/nn/Nn.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;

namespace tenon::layout {

#define GEN_PASS_DEF_CONVERTTOCHANNELSLASTPASS
#include "compiler/Layout/Passes.h.inc"

namespace {

bool isIdentity(ArrayRef<int64_t> permutation) {
  for (auto [i, d] : llvm::enumerate(permutation))
    if (d != static_cast<int64_t>(i))
      return false;
  return true;
}

/// A type whose dimension i is dimension permutation[i] of `type`.
RankedTensorType permuted(RankedTensorType type, ArrayRef<int64_t> permutation, Type element = {}) {
  SmallVector<int64_t> shape;
  for (int64_t d : permutation)
    shape.push_back(type.getDimSize(d));
  return RankedTensorType::get(shape, element ? element : type.getElementType());
}

template <typename List> auto permuteList(const List &list, ArrayRef<int64_t> permutation) {
  SmallVector<std::decay_t<decltype(list[0])>> result;
  for (int64_t d : permutation)
    result.push_back(list[d]);
  return result;
}

class LayoutWalk {
public:
  explicit LayoutWalk(MLIRContext *context) : b(context) {}

  void run(Region &region) {
    for (Block &block : region)
      for (Operation &op : llvm::make_early_inc_range(block)) {
        b.setInsertionPoint(&op);
        loc = op.getLoc();
        if (!convert(&op))
          for (Region &inner : op.getRegions())
            run(inner);
      }
  }

private:
  OpBuilder b;
  Location loc = b.getUnknownLoc();
  /// Results of this walk's transpositions from what a convolution or pool gave.
  DenseSet<Value> carried;

  nn::TransposeOp transposition(Value value) { return value.getDefiningOp<nn::TransposeOp>(); }

  /// Whether `value` is behind a transposition that should be pushed on: this walk's, or a model's own from channels
  /// last to first.
  nn::TransposeOp pushed(Value value) {
    nn::TransposeOp transpose = transposition(value);
    if (!transpose)
      return {};
    int64_t rank = typeOf(value).getRank();
    bool own = rank >= 4 && rank <= 5 && transpose.getPermutation() == ArrayRef<int64_t>(toChannelsFirst(rank));
    return carried.contains(value) || own ? transpose : nn::TransposeOp();
  }

  Value transpose(Value value, ArrayRef<int64_t> permutation) {
    if (isIdentity(permutation))
      return value;
    return nn::TransposeOp::create(b, loc, permuted(typeOf(value), permutation), value, permutation);
  }

  /// `value` as it was before transposition by `permutation`.
  Value untransposed(Value value, ArrayRef<int64_t> permutation) {
    if (auto op = transposition(value); op && op.getPermutation() == permutation)
      return op.getInput();
    // Once per value and block: equal extents should come from equal values.
    for (Operation *user : value.getUsers()) {
      auto op = dyn_cast<nn::TransposeOp>(user);
      if (op && op->getBlock() == b.getInsertionBlock() && op->isBeforeInBlock(&*b.getInsertionPoint()) &&
          op.getPermutation() == ArrayRef<int64_t>(invertPermutationVector(permutation)))
        return op;
    }
    return transpose(value, invertPermutationVector(permutation));
  }

  /// Replaces `op`'s result by the transposition of `value`.
  void replace(Operation *op, Value value, ArrayRef<int64_t> permutation) {
    Value result = transpose(value, permutation);
    if (result != value)
      carried.insert(result);
    if (result.getType() != op->getResult(0).getType())
      result = tensor::CastOp::create(b, loc, op->getResult(0).getType(), result);
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }

  bool convert(Operation *op) {
    if (auto convolution = dyn_cast<nn::ConvOp>(op))
      return convertConvolution(convolution);
    if (auto pool = dyn_cast<nn::PoolOp>(op))
      return convertPool(pool);
    if (op->hasTrait<nn::Elementwise>())
      return pushElementwise(op);
    if (auto concat = dyn_cast<nn::ConcatOp>(op))
      return pushConcat(concat);
    if (auto reduce = dyn_cast<nn::ReduceOp>(op))
      return pushReduce(reduce);
    if (auto reduce = dyn_cast<nn::ArgReduceOp>(op))
      return pushArgReduce(reduce);
    if (auto slice = dyn_cast<nn::SliceOp>(op))
      return pushSlice(slice);
    if (auto pad = dyn_cast<nn::PadOp>(op))
      return pushPad(pad);
    if (auto resize = dyn_cast<nn::ResizeOp>(op))
      return pushResize(resize);
    if (auto broadcast = dyn_cast<nn::BroadcastOp>(op))
      return pushBroadcast(broadcast);
    if (auto inner = dyn_cast<nn::TransposeOp>(op))
      return composeTranspose(inner);
    if (auto reshape = dyn_cast<nn::ReshapeOp>(op))
      return pushReshape(reshape);
    return false;
  }

  //===--------------------------------------------------------------------===//
  // Where the layout comes from
  //===--------------------------------------------------------------------===//

  bool convertConvolution(nn::ConvOp op) {
    RankedTensorType input = typeOf(op.getInput()), filter = typeOf(op.getFilter());
    if (op.getChannelsLast() || op.getPacking() || input.isDynamicDim(1) || !filter.hasStaticShape())
      return false;
    Permutation permutation = toChannelsFirst(input.getRank());
    Value source = untransposed(op.getInput(), permutation);
    auto type = permuted(typeOf(op.getResult()), invertPermutationVector(permutation));
    auto copy = cast<nn::ConvOp>(b.clone(*op));
    copy.getInputMutable().assign(source);
    copy.setChannelsLast(true);
    copy.getResult().setType(type);
    replace(op, copy, permutation);
    return true;
  }

  bool convertPool(nn::PoolOp op) {
    RankedTensorType input = typeOf(op.getInput());
    if (op.getChannelsLast() || input.getRank() > 5)
      return false;
    // A few channels are not worth a movement of their own: vectors run over them.
    int64_t channels = input.getDimSize(1);
    if (!pushed(op.getInput()) && !ShapedType::isDynamic(channels) && channels < 4)
      return false;
    Permutation permutation = toChannelsFirst(input.getRank());
    Value source = untransposed(op.getInput(), permutation);
    auto copy = cast<nn::PoolOp>(b.clone(*op));
    copy.getInputMutable().assign(source);
    copy.setChannelsLast(true);
    copy.getResult().setType(permuted(typeOf(op.getResult()), invertPermutationVector(permutation)));
    replace(op, copy, permutation);
    return true;
  }

  //===--------------------------------------------------------------------===//
  // What it is pushed through
  //===--------------------------------------------------------------------===//

  /// Whether transposing the tensor costs next to nothing: a constant, or at most one dimension that is not 1.
  bool isCheap(Value value) {
    if (value.getDefiningOp<nn::ConstantOp>())
      return true;
    return llvm::count_if(typeOf(value).getShape(), [](int64_t size) { return size != 1; }) <= 1;
  }

  /// The permutation to push through an op with these operands of rank `rank`; empty if that does not pay.
  Permutation choosePermutation(ValueRange operands, int64_t rank) {
    Permutation permutation;
    for (Value operand : operands)
      if (nn::TransposeOp op = pushed(operand); op && permutation.empty() && typeOf(operand).getRank() == rank)
        permutation = Permutation(op.getPermutation());
    if (permutation.empty())
      return {};
    int64_t saved = 0, made = 0;
    for (Value operand : operands) {
      auto op = transposition(operand);
      if (op && op.getPermutation() == ArrayRef<int64_t>(permutation))
        ++saved;
      else if (!isCheap(operand))
        ++made;
    }
    return saved >= made ? permutation : Permutation();
  }

  /// An operand that broadcasts to the full rank, brought to that rank and to the order before the transposition.
  Value aligned(Value operand, int64_t rank, ArrayRef<int64_t> permutation) {
    RankedTensorType type = typeOf(operand);
    if (type.getRank() == 0)
      return operand;
    if (type.getRank() < rank) {
      SmallVector<int64_t> shape(rank - type.getRank(), 1);
      llvm::append_range(shape, type.getShape());
      SmallVector<OpFoldResult> sizes(rank - type.getRank(), b.getIndexAttr(1));
      llvm::append_range(sizes, nn::getExtents(b, loc, operand));
      operand = nn::ReshapeOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), operand,
                                      getValueOrCreateConstantIndexOp(b, loc, sizes));
    }
    return untransposed(operand, permutation);
  }

  bool pushElementwise(Operation *op) {
    RankedTensorType type = typeOf(op->getResult(0));
    Permutation permutation = choosePermutation(op->getOperands(), type.getRank());
    if (permutation.empty())
      return false;
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(aligned(operand, type.getRank(), permutation));
    Operation *copy = b.clone(*op);
    copy->setOperands(operands);
    copy->getResult(0).setType(permuted(type, invertPermutationVector(permutation)));
    replace(op, copy->getResult(0), permutation);
    return true;
  }

  bool pushConcat(nn::ConcatOp op) {
    RankedTensorType type = typeOf(op.getResult());
    Permutation permutation = choosePermutation(op.getInputs(), type.getRank());
    if (permutation.empty())
      return false;
    SmallVector<Value> inputs;
    for (Value input : op.getInputs())
      inputs.push_back(untransposed(input, permutation));
    Value joined = nn::ConcatOp::create(b, loc, permuted(type, invertPermutationVector(permutation)), inputs,
                                        permutation[op.getAxis()]);
    replace(op, joined, permutation);
    return true;
  }

  /// What stays of a permutation when `axes` (of the source) are dropped.
  Permutation withoutAxes(ArrayRef<int64_t> permutation, ArrayRef<int64_t> axes) {
    Permutation rest;
    for (int64_t d : permutation)
      if (!llvm::is_contained(axes, d))
        rest.push_back(d - llvm::count_if(axes, [&](int64_t axis) { return axis < d; }));
    return rest;
  }

  bool pushReduce(nn::ReduceOp op) {
    nn::TransposeOp source = pushed(op.getInput());
    if (!source)
      return false;
    Permutation permutation(source.getPermutation()), axes;
    for (int64_t axis : op.getAxes())
      axes.push_back(permutation[axis]);
    llvm::sort(axes);
    Permutation rest = op.getKeepDims() ? permutation : withoutAxes(permutation, axes);
    auto type = permuted(typeOf(op.getResult()), invertPermutationVector(rest));
    Value reduced = nn::ReduceOp::create(b, loc, type, op.getKind(), source.getInput(), axes, op.getKeepDims());
    replace(op, reduced, rest);
    return true;
  }

  bool pushArgReduce(nn::ArgReduceOp op) {
    nn::TransposeOp source = pushed(op.getInput());
    if (!source)
      return false;
    Permutation permutation(source.getPermutation());
    int64_t axis = permutation[op.getAxis()];
    Permutation rest = op.getKeepDims() ? permutation : withoutAxes(permutation, {axis});
    auto copy = cast<nn::ArgReduceOp>(b.clone(*op));
    copy.getInputMutable().assign(source.getInput());
    copy.setAxis(axis);
    copy.getResult().setType(permuted(typeOf(op.getResult()), invertPermutationVector(rest)));
    replace(op, copy, rest);
    return true;
  }

  bool pushSlice(nn::SliceOp op) {
    nn::TransposeOp source = pushed(op.getInput());
    if (!source)
      return false;
    Permutation permutation(source.getPermutation()), inverse = invertPermutationVector(permutation);
    Value sliced = nn::SliceOp::create(b, loc, permuted(typeOf(op.getResult()), inverse), source.getInput(),
                                       permuteList(op.getOffsets(), inverse), permuteList(op.getSizes(), inverse),
                                       permuteList(op.getSteps(), inverse));
    replace(op, sliced, permutation);
    return true;
  }

  bool pushPad(nn::PadOp op) {
    nn::TransposeOp source = pushed(op.getInput());
    if (!source)
      return false;
    Permutation permutation(source.getPermutation()), inverse = invertPermutationVector(permutation);
    Value padded =
        nn::PadOp::create(b, loc, permuted(typeOf(op.getResult()), inverse), op.getMode(), source.getInput(),
                          permuteList(op.getLow(), inverse), permuteList(op.getHigh(), inverse), op.getValue());
    replace(op, padded, permutation);
    return true;
  }

  bool pushResize(nn::ResizeOp op) {
    nn::TransposeOp source = pushed(op.getInput());
    if (!source)
      return false;
    Permutation permutation(source.getPermutation()), inverse = invertPermutationVector(permutation);
    auto copy = cast<nn::ResizeOp>(b.clone(*op));
    copy.getInputMutable().assign(source.getInput());
    copy.getSizesMutable().assign(permuteList(op.getSizes(), inverse));
    copy.getScalesMutable().assign(permuteList(op.getScales(), inverse));
    if (size_t rank = inverse.size(); op.getRoi().size() == 2 * rank) {
      SmallVector<Value> roi = permuteList(op.getRoi().take_front(rank), inverse);
      llvm::append_range(roi, permuteList(op.getRoi().drop_front(rank), inverse));
      copy.getRoiMutable().assign(roi);
    }
    copy.getResult().setType(permuted(typeOf(op.getResult()), inverse));
    replace(op, copy, permutation);
    return true;
  }

  bool pushBroadcast(nn::BroadcastOp op) {
    nn::TransposeOp source = pushed(op.getInput());
    if (!source || typeOf(op.getInput()).getRank() != typeOf(op.getResult()).getRank())
      return false;
    Permutation permutation(source.getPermutation()), inverse = invertPermutationVector(permutation);
    Value spread = nn::BroadcastOp::create(b, loc, permuted(typeOf(op.getResult()), inverse), source.getInput(),
                                           permuteList(op.getSizes(), inverse));
    replace(op, spread, permutation);
    return true;
  }

  bool composeTranspose(nn::TransposeOp op) {
    nn::TransposeOp source = pushed(op.getInput());
    if (!source)
      return false;
    Permutation permutation;
    for (int64_t d : op.getPermutation())
      permutation.push_back(source.getPermutation()[d]);
    replace(op, source.getInput(), permutation);
    return true;
  }

  /// The source's dimensions, segment by segment, in the order of each segment's first one.
  static Permutation togetherInSource(ArrayRef<ReshapeSegment> segments, ArrayRef<int64_t> permutation) {
    SmallVector<Permutation> groups;
    for (const ReshapeSegment &segment : segments) {
      Permutation group;
      for (int64_t d : segment.from)
        group.push_back(permutation[d]);
      if (!group.empty())
        groups.push_back(group);
    }
    llvm::sort(groups, [](const Permutation &lhs, const Permutation &rhs) { return lhs.front() < rhs.front(); });
    Permutation together;
    for (const Permutation &group : groups)
      llvm::append_range(together, group);
    return together;
  }

  bool pushReshape(nn::ReshapeOp op) {
    nn::TransposeOp source = pushed(op.getInput());
    if (!source)
      return false;
    std::optional<SmallVector<ReshapeSegment>> segments = findSegments(op);
    if (!segments)
      return false;
    Permutation permutation(source.getPermutation());
    Value input = source.getInput();
    // A segment's dimensions must lie side by side, in order, before the transposition as well.
    auto isTogether = [&](const ReshapeSegment &segment) {
      for (size_t i = 1; i < segment.from.size(); ++i)
        if (permutation[segment.from[i]] != permutation[segment.from[i - 1]] + 1)
          return false;
      return true;
    };
    if (!llvm::all_of(*segments, isTogether)) {
      // Brought together by a movement of whole rows (interleaved phases of a transposed convolution): what is left of
      // the transposition is one of channels, which goes on.
      Permutation together = togetherInSource(*segments, permutation);
      if (together.back() != static_cast<int64_t>(together.size()) - 1)
        return false;
      input = transpose(input, together);
      Permutation places = invertPermutationVector(together);
      for (int64_t &place : permutation)
        place = places[place];
    }
    // Segments in the source's order; those that only add dimensions of 1 come last.
    SmallVector<std::pair<int64_t, size_t>> places;
    for (auto [number, segment] : llvm::enumerate(*segments)) {
      int64_t last = permutation.size();
      places.push_back({segment.from.empty() ? last : permutation[segment.from.front()], number});
    }
    llvm::sort(places);
    Permutation order; // dimension i of the new reshape is dimension order[i] of the old one
    for (auto [place, number] : places)
      llvm::append_range(order, (*segments)[number].to);
    Value reshaped = nn::ReshapeOp::create(b, loc, permuted(typeOf(op.getResult()), order), input,
                                           permuteList(op.getSizes(), order));
    replace(op, reshaped, invertPermutationVector(order));
    return true;
  }
};

struct ConvertToChannelsLast : impl::ConvertToChannelsLastPassBase<ConvertToChannelsLast> {
  void runOnOperation() override {
    getOperation()->walk([&](func::FuncOp function) { LayoutWalk(&getContext()).run(function.getBody()); });
  }
};

} // namespace
} // namespace tenon::layout
