//===- ExtentEquality.cpp - whether two extents are the same number ------------------------===//
//
// See ExtentEquality.h.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/ExtentEquality.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace tenon::nn {

OpFoldResult ExtentEquality::extent(Value tensor, int64_t dimension) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dimension))
    return builder.getIndexAttr(type.getDimSize(dimension));
  auto known = extents.find({tensor, dimension});
  if (known != extents.end())
    return known->second;
  if (auto result = dyn_cast<OpResult>(tensor)) {
    auto shapes = reifyExtents(builder, result.getOwner());
    if (succeeded(shapes)) {
      for (auto [value, shape] : llvm::zip_equal(result.getOwner()->getResults(), *shapes))
        for (auto [index, size] : llvm::enumerate(shape))
          if (size)
            extents[{value, static_cast<int64_t>(index)}] = size;
      known = extents.find({tensor, dimension});
      if (known != extents.end())
        return known->second;
    }
  }
  OpFoldResult dim = tensor::DimOp::create(builder, tensor.getLoc(), tensor, dimension).getResult();
  extents[{tensor, dimension}] = dim;
  return dim;
}

OpFoldResult ExtentEquality::normalize(OpFoldResult size) {
  auto value = dyn_cast_if_present<Value>(size);
  if (!value)
    return size;
  if (auto known = normalized.find(value); known != normalized.end())
    return known->second;
  // Each step goes to the operand of an op, so it ends.
  OpFoldResult result = size;
  if (std::optional<int64_t> constant = getConstantIntValue(value)) {
    result = builder.getIndexAttr(*constant);
  } else if (auto dim = value.getDefiningOp<tensor::DimOp>()) {
    std::optional<int64_t> dimension = dim.getConstantIndex();
    if (dimension && *dimension < cast<RankedTensorType>(dim.getSource().getType()).getRank())
      if (OpFoldResult next = extent(dim.getSource(), *dimension); next != size)
        result = normalize(next);
  } else if (auto select = value.getDefiningOp<arith::SelectOp>()) {
    // The broadcast of two extents that are one.
    if (equal(OpFoldResult(select.getTrueValue()), OpFoldResult(select.getFalseValue())))
      result = normalize(OpFoldResult(select.getFalseValue()));
  }
  normalized[value] = result;
  return result;
}

bool ExtentEquality::equal(OpFoldResult lhs, OpFoldResult rhs) {
  lhs = normalize(lhs);
  rhs = normalize(rhs);
  if (!lhs || !rhs || lhs == rhs)
    return lhs && rhs;
  auto left = dyn_cast<Value>(lhs), right = dyn_cast<Value>(rhs);
  if (!left || !right)
    return false;
  auto [answer, isNew] = answers.try_emplace({left, right}, false);
  if (!isNew)
    return answer->second;
  Operation *a = left.getDefiningOp(), *b = right.getDefiningOp();
  if (!a || !b || a->getName() != b->getName() || !isa_and_present<arith::ArithDialect>(a->getDialect()) ||
      a->getNumOperands() != b->getNumOperands() || a->getAttrDictionary() != b->getAttrDictionary())
    return false;
  auto operandsEqual = [&](bool swapped) {
    unsigned count = a->getNumOperands();
    for (unsigned index = 0; index < count; ++index)
      if (!equal(OpFoldResult(a->getOperand(index)), OpFoldResult(b->getOperand(swapped ? count - 1 - index : index))))
        return false;
    return true;
  };
  bool result = operandsEqual(false) || (a->hasTrait<OpTrait::IsCommutative>() && operandsEqual(true));
  answers[{left, right}] = result;
  return result;
}

bool ExtentEquality::sameShape(Value lhs, Value rhs) {
  int64_t rank = cast<RankedTensorType>(lhs.getType()).getRank();
  if (rank != cast<RankedTensorType>(rhs.getType()).getRank())
    return false;
  for (int64_t dimension = 0; dimension < rank; ++dimension)
    if (!equal(lhs, dimension, rhs, dimension))
      return false;
  return true;
}

} // namespace tenon::nn
