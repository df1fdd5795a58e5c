//===- UsualExtents.cpp - what extents will be like that only the run time knows --------------===//
//
// Ops are visited in order, so that every operand has been: extents of results are reified into a block that is thrown
// away, and folded on the numbers of the operands.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Layout/UsualExtents.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

using namespace mlir;

namespace tenon::layout {

/// From icons to photographs, and from a word to a minute's samples; what is usual in the middle.
static constexpr UsualSize openSizes[] = {{64, 32, 0.3}, {128, 100, 0.7},  {224, 160, 1},
                                          {320, 320, 1}, {640, 2000, 0.7}, {1280, 16000, 0.3}};
static constexpr size_t usualSize = 3;
/// What nothing is known of.
static constexpr int64_t usualExtent = 40;

UsualExtents::UsualExtents(Operation *module, UsualSize size) {
  OwningOpRef<ModuleOp> holder = ModuleOp::create(module->getLoc());
  Block *block = holder->getBody();
  module->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto main = dyn_cast<func::FuncOp>(op)) {
      for (BlockArgument argument : main.getArguments())
        if (auto type = dyn_cast<RankedTensorType>(argument.getType())) {
          SmallVector<int64_t> extents(type.getShape());
          bool isSequence = llvm::count(type.getShape().drop_front(type.getRank() ? 1 : 0), ShapedType::kDynamic) < 2;
          for (auto [d, extent] : llvm::enumerate(extents))
            if (ShapedType::isDynamic(extent))
              extent = d == 0 ? 1 : isSequence ? size.sequence : size.image;
          tensors[argument] = extents;
        }
      return;
    }
    OpBuilder scratch = OpBuilder::atBlockEnd(block);
    visit(op, scratch);
  });
}

/// Whether a tensor among `types` has an extent that only the run time knows.
static bool isAnyOpen(TypeRange types) {
  return llvm::any_of(types, [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && !tensor.hasStaticShape();
  });
}

void UsualExtents::visit(Operation *op, OpBuilder &scratch) {
  evaluate(op);
  if (!isAnyOpen(op->getResultTypes()))
    return;
  Block *block = scratch.getInsertionBlock();
  Operation *last = block->empty() ? nullptr : &block->back();
  auto shapes = nn::reifyExtents(scratch, op);
  for (Operation &made : llvm::make_range(last ? std::next(last->getIterator()) : block->begin(), block->end()))
    evaluate(&made);
  for (OpResult result : op->getResults()) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type)
      continue;
    SmallVector<int64_t> extents(type.getShape());
    for (auto [d, extent] : llvm::enumerate(extents)) {
      if (!ShapedType::isDynamic(extent))
        continue;
      std::optional<int64_t> number;
      if (succeeded(shapes) && (*shapes)[result.getResultNumber()][d])
        number = numberOf((*shapes)[result.getResultNumber()][d]);
      // An input that leaves nothing, as one of few samples for its windows, was a poor guess.
      extent = number && *number > 0 ? *number : usualExtent;
    }
    tensors[result] = extents;
  }
}

/// Folds an op on scalars whose operands have numbers.
void UsualExtents::evaluate(Operation *op) {
  if (op->getNumResults() != 1 || op->getNumRegions() != 0 || isa<ShapedType>(op->getResult(0).getType()))
    return;
  Value result = op->getResult(0);
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    std::optional<int64_t> d = dim.getConstantIndex();
    auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
    if (d && type && *d >= 0 && *d < type.getRank())
      scalars[result] = IntegerAttr::get(result.getType(), of(dim.getSource())[*d]);
    return;
  }
  SmallVector<Attribute> operands;
  for (Value operand : op->getOperands())
    operands.push_back(scalars.lookup(operand));
  // Folding may change an op in place, which a guess must not do.
  Operation *copy = op->clone();
  SmallVector<OpFoldResult> folded;
  bool isFolded = succeeded(copy->fold(operands, folded)) && folded.size() == 1;
  copy->destroy();
  if (!isFolded)
    return;
  if (auto attribute = dyn_cast<Attribute>(folded.front()))
    scalars[result] = attribute;
  else if (Attribute known = scalars.lookup(cast<Value>(folded.front())))
    scalars[result] = known;
}

std::optional<int64_t> UsualExtents::numberOf(OpFoldResult value) const {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return constant;
  auto integer = dyn_cast_or_null<IntegerAttr>(scalars.lookup(cast<Value>(value)));
  return integer ? std::optional<int64_t>(integer.getInt()) : std::nullopt;
}

SmallVector<int64_t> UsualExtents::of(Value tensor) const {
  if (auto it = tensors.find(tensor); it != tensors.end())
    return it->second;
  SmallVector<int64_t> extents(cast<RankedTensorType>(tensor.getType()).getShape());
  for (int64_t &extent : extents)
    if (ShapedType::isDynamic(extent))
      extent = usualExtent;
  return extents;
}

UsualSizes::UsualSizes(Operation *module) {
  auto visit = [](Operation *op) {
    return isAnyOpen(op->getResultTypes()) ? WalkResult::interrupt() : WalkResult::advance();
  };
  bool isOpen = module->walk(visit).wasInterrupted();
  if (!isOpen) {
    sizes.emplace_back(module, openSizes[usualSize]);
    weights.push_back(1);
    return;
  }
  for (UsualSize size : openSizes) {
    sizes.emplace_back(module, size);
    weights.push_back(size.weight);
  }
  usualIndex = usualSize;
}

} // namespace tenon::layout
