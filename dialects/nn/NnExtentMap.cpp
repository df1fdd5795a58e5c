//===- NnExtentMap.cpp - value numbering of extents ----------------------------------------===//

#include "dialects/nn/NnExtentMap.h"

#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"

using namespace mlir;

namespace tenon::nn {

/// Whether `value` may be used wherever `from` is. The extents of a block are numbered before those of the regions in
/// it, so a value of an outer block may stand behind the op that holds `from`.
static bool visible(Value value, Value from) {
  Block *block = value.getParentBlock();
  if (block == from.getParentBlock())
    return true;
  Operation *holder = from.getParentBlock()->getParentOp();
  Operation *ancestor = holder ? block->findAncestorOpInBlock(*holder) : nullptr;
  Operation *definition = value.getDefiningOp();
  return ancestor && (!definition || definition->isBeforeInBlock(ancestor));
}

unsigned ExtentMap::number(Value value) {
  if (auto it = numbers.find(value); it != numbers.end())
    return it->second;
  std::vector<const void *> key;
  Operation *op = value.getDefiningOp();
  // Asking a tensor whose extents are known is the same as the extent.
  if (auto dim = dyn_cast_if_present<tensor::DimOp>(op))
    if (auto it = extents.find(dim.getSource()); it != extents.end() && dim.getConstantIndex())
      if (Value known = it->second[*dim.getConstantIndex()]; known != value)
        return numbers[value] = number(known);
  if (std::optional<int64_t> constant = getConstantIntValue(OpFoldResult(value))) {
    key = {nullptr, reinterpret_cast<const void *>(*constant)};
  } else if (op && op->getNumRegions() == 0 && op->getNumResults() == 1 && isa<arith::ArithDialect>(op->getDialect())) {
    key = {op->getName().getAsOpaquePointer(), op->getAttrDictionary().getAsOpaquePointer()};
    SmallVector<uintptr_t> operands;
    for (Value operand : op->getOperands())
      operands.push_back(number(operand));
    if (op->hasTrait<OpTrait::IsCommutative>())
      llvm::sort(operands);
    for (uintptr_t operand : operands)
      key.push_back(reinterpret_cast<const void *>(operand));
  } else if (auto dim = value.getDefiningOp<tensor::DimOp>(); dim && dim.getConstantIndex()) {
    key = {dim->getName().getAsOpaquePointer(), dim.getSource().getAsOpaquePointer(),
           reinterpret_cast<const void *>(*dim.getConstantIndex())};
  } else {
    key = {value.getAsOpaquePointer()};
  }
  auto [it, isNew] = classes.try_emplace(key, members.size());
  if (isNew)
    members.push_back(value);
  numbers[value] = it->second;
  return it->second;
}

Value ExtentMap::representative(Value value) {
  Value member = members[number(value)];
  return visible(member, value) ? member : value;
}

void ExtentMap::set(Value tensor, ArrayRef<Value> values) {
  SmallVector<Value> list;
  for (Value value : values)
    list.push_back(representative(value));
  extents[tensor] = std::move(list);
}

bool ExtentMap::equal(ArrayRef<Value> lhs, ArrayRef<Value> rhs) {
  return lhs.size() == rhs.size() &&
         llvm::all_of(llvm::zip(lhs, rhs), [&](auto pair) { return equal(std::get<0>(pair), std::get<1>(pair)); });
}

ArrayRef<Value> ExtentMap::get(OpBuilder &builder, Value tensor) {
  if (auto it = extents.find(tensor); it != extents.end())
    return it->second;
  // Asked for where the tensor starts, they can be used wherever it is.
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(tensor);
  SmallVector<Value> values;
  auto type = cast<RankedTensorType>(tensor.getType());
  for (int64_t d = 0; d < type.getRank(); ++d) {
    if (type.isDynamicDim(d))
      values.push_back(tensor::DimOp::create(builder, tensor.getLoc(), tensor, d));
    else
      values.push_back(arith::ConstantIndexOp::create(builder, tensor.getLoc(), type.getDimSize(d)));
  }
  set(tensor, values);
  return at(tensor);
}

/// What an op of extents' arithmetic is equal to where one of an op in front comes back: a sum that takes away what was
/// added, and a bound of 0 of a quotient. None if it is neither.
static Value earlierExtent(Operation &op) {
  if (op.getNumOperands() != 2)
    return {};
  Value lhs = op.getOperand(0);
  std::optional<int64_t> rhs = getConstantIntValue(op.getOperand(1));
  Operation *before = lhs.getDefiningOp();
  std::optional<int64_t> inner =
      before && before->getNumOperands() == 2 ? getConstantIntValue(before->getOperand(1)) : std::nullopt;
  if (!rhs || !inner)
    return {};
  if (isa<arith::AddIOp>(op) && isa<arith::AddIOp>(before) && *rhs == -*inner)
    return before->getOperand(0);
  if (isa<arith::MaxSIOp>(op) && isa<arith::DivUIOp>(before) && *rhs <= 0 && *inner > 1)
    return lhs;
  return {};
}

/// Reification asks operands by tensor.dim: what is known already takes its place, and what follows from it is folded.
void ExtentMap::simplify(OpBuilder &builder, Operation *previous, SmallVectorImpl<SmallVector<OpFoldResult>> &shapes) {
  auto replace = [&](Operation &made, Value known) {
    for (auto &shape : shapes)
      for (OpFoldResult &extent : shape)
        if (extent == OpFoldResult(made.getResult(0)))
          extent = known;
    made.getResult(0).replaceAllUsesWith(known);
    made.erase();
  };
  Block *block = builder.getInsertionBlock();
  auto it = previous ? std::next(previous->getIterator()) : block->begin();
  for (Operation &made : llvm::make_early_inc_range(llvm::make_range(it, builder.getInsertionPoint()))) {
    if (auto dim = dyn_cast<tensor::DimOp>(&made)) {
      if (dim.getConstantIndex() && extents.contains(dim.getSource()))
        replace(made, extents[dim.getSource()][*dim.getConstantIndex()]);
      continue;
    }
    if (made.getNumResults() != 1 || isa<arith::ConstantOp>(made))
      continue;
    if (Value earlier = earlierExtent(made)) {
      replace(made, earlier);
      continue;
    }
    SmallVector<OpFoldResult> folded;
    if (failed(made.fold(folded)) || folded.size() != 1)
      continue;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(&made);
    if (auto attribute = dyn_cast<Attribute>(folded.front()))
      replace(made, arith::ConstantOp::create(builder, made.getLoc(), cast<TypedAttr>(attribute)));
    else
      replace(made, cast<Value>(folded.front()));
  }
}

void ExtentMap::add(OpBuilder &builder, Operation *op) {
  bool isDynamic = llvm::any_of(op->getResultTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && !tensor.hasStaticShape();
  });
  Operation *previous = builder.getInsertionPoint() == builder.getInsertionBlock()->begin()
                            ? nullptr
                            : &*std::prev(builder.getInsertionPoint());
  FailureOr<SmallVector<SmallVector<OpFoldResult>>> shapes = failure();
  if (isDynamic)
    shapes = reifyExtents(builder, op);

  if (succeeded(shapes))
    simplify(builder, previous, *shapes);
  for (OpResult result : op->getResults()) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type)
      continue;
    SmallVector<Value> values;
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (!type.isDynamicDim(d)) {
        values.push_back(arith::ConstantIndexOp::create(builder, op->getLoc(), type.getDimSize(d)));
      } else if (succeeded(shapes) && (*shapes)[result.getResultNumber()][d]) {
        values.push_back(
            getValueOrCreateConstantIndexOp(builder, op->getLoc(), (*shapes)[result.getResultNumber()][d]));
      } else {
        OpBuilder after(op->getContext());
        after.setInsertionPointAfter(op);
        values.push_back(tensor::DimOp::create(after, op->getLoc(), result, d));
      }
    }
    set(result, values);
  }
}

} // namespace tenon::nn
