//===- SinkReshapes.cpp - elementwise ops before reshapes of contractions ------------------===//
//
// Expects movement sunk as far as transpositions and dimensions of one element go. An elementwise op behind a reshape
// of a convolution or product, or of elementwise ops on one, is computed before the reshape, where it is an epilogue.
// Other operands are seen under the other shape, which moves nothing.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Layout/Passes.h"
#include "compiler/Layout/ReshapeSegments.h"

#include "dialects/nn/ExtentEquality.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace tenon::layout {

#define GEN_PASS_DEF_SINKRESHAPESPASS
#include "compiler/Layout/Passes.h.inc"

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

class ReshapeSinker {
public:
  explicit ReshapeSinker(MLIRContext *context) : b(context) {}

  void run(Region &region) {
    for (Block &block : region)
      for (Operation &op : llvm::make_early_inc_range(block)) {
        if (op.hasTrait<nn::Elementwise>() && op.getNumResults() == 1)
          sink(&op);
        for (Region &inner : op.getRegions())
          run(inner);
      }
  }

private:
  OpBuilder b;
  DenseSet<Operation *> epilogues; ///< elementwise ops on contractions, made here

  /// A reshape of what a contraction or its epilogue gives, which nothing else reads.
  nn::ReshapeOp reshapeOfContraction(Value value) {
    auto reshape = value.getDefiningOp<nn::ReshapeOp>();
    Operation *source = reshape ? reshape.getInput().getDefiningOp() : nullptr;
    bool isContraction = source && (isa<nn::ConvOp, nn::MatmulOp>(source) || epilogues.contains(source));
    return isContraction && reshape->hasOneUse() && source->hasOneUse() ? reshape : nn::ReshapeOp();
  }

  void sink(Operation *op) {
    Value result = op->getResult(0);
    for (Value operand : op->getOperands()) {
      nn::ReshapeOp reshape = reshapeOfContraction(operand);
      if (!reshape || typeOf(operand).getShape() != typeOf(result).getShape())
        continue;
      std::optional<SmallVector<ReshapeSegment>> segments = findSegments(reshape);
      if (!segments)
        continue;
      b.setInsertionPoint(op);
      if (std::optional<SmallVector<Value>> operands = alignAll(op, reshape, *segments)) {
        Operation *copy = b.clone(*op);
        copy->setOperands(*operands);
        RankedTensorType type = typeOf(result);
        copy->getResult(0).setType(typeOf(reshape.getInput()).clone(type.getElementType()));
        epilogues.insert(copy);
        result.replaceAllUsesWith(nn::ReshapeOp::create(b, op->getLoc(), type, copy->getResult(0), reshape.getSizes()));
        op->erase();
        reshape.erase();
      }
      return;
    }
  }

  /// The operands as they broadcast to the reshape's input, if all can be told.
  std::optional<SmallVector<Value>> alignAll(Operation *op, nn::ReshapeOp reshape, ArrayRef<ReshapeSegment> segments) {
    SmallVector<SmallVector<OpFoldResult>> sizes;
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      sizes.emplace_back();
      if (operand == reshape.getResult())
        operands.push_back(reshape.getInput());
      else if (typeOf(operand).getRank() == 0)
        operands.push_back(operand);
      else if (reshapeOfContraction(operand) || !findSizes(operand, reshape, segments, sizes.back()))
        return std::nullopt;
      else
        operands.push_back(Value());
    }
    for (auto [i, operand] : llvm::enumerate(operands))
      if (!operand) {
        Value other = op->getOperand(i);
        Type element = typeOf(other).getElementType();
        SmallVector<int64_t> shape;
        SmallVector<Value> values;
        std::tie(shape, std::ignore) = decomposeMixedValues(sizes[i]);
        for (OpFoldResult size : sizes[i])
          values.push_back(getValueOrCreateConstantIndexOp(b, op->getLoc(), size));
        operand = nn::ReshapeOp::create(b, op->getLoc(), RankedTensorType::get(shape, element), other, values);
      }
    return operands;
  }

  /// Sizes under which `other`, which broadcasts to the reshape's result, broadcasts to its input: in each segment it
  /// has all elements or one.
  bool findSizes(Value other, nn::ReshapeOp reshape, ArrayRef<ReshapeSegment> segments,
                 SmallVectorImpl<OpFoldResult> &sizes) {
    nn::ExtentEquality extents(b.getContext());
    int64_t missing = typeOf(reshape).getRank() - typeOf(other).getRank();
    SmallVector<OpFoldResult> whole = nn::getExtents(b, reshape.getLoc(), reshape.getInput());
    sizes.assign(whole.size(), b.getIndexAttr(1));
    for (const ReshapeSegment &segment : segments) {
      bool isOne = true, isAll = true;
      for (int64_t d : segment.to) {
        bool exists = d >= missing;
        isOne &= !exists || typeOf(other).getDimSize(d - missing) == 1;
        isAll &= exists && extents.equal(other, d - missing, reshape, d);
      }
      if (!isOne && !isAll)
        return false;
      // A dimension of unknown extent may be 1 where the other's is more: equal ones are all.
      for (int64_t d : segment.from)
        if (!isOne)
          sizes[d] = whole[d];
    }
    return true;
  }
};

struct SinkReshapes : impl::SinkReshapesPassBase<SinkReshapes> {
  void runOnOperation() override {
    getOperation()->walk([&](func::FuncOp function) { ReshapeSinker(&getContext()).run(function.getBody()); });
  }
};

} // namespace
} // namespace tenon::layout
