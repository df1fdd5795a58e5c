//===- Evaluator.cpp - nn ops computed at compile time -------------------------------------===//
//
// Reads operands, infers static result types and hands the op to the part that covers its family.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/Evaluator.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace tenon::graph {

SmallVector<int64_t> rowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t dimension = static_cast<int64_t>(shape.size()) - 2; dimension >= 0; --dimension)
    strides[dimension] = strides[dimension + 1] * shape[dimension + 1];
  return strides;
}

std::optional<ConstantOperands> readOperands(Operation *op) {
  ConstantOperands operands;
  for (Value operand : op->getOperands()) {
    if (isa<RankedTensorType>(operand.getType())) {
      std::optional<ConstantData> constant = ConstantData::read(operand);
      if (!constant)
        return std::nullopt;
      operands.tensors.push_back(std::move(*constant));
    } else if (isa<FloatType>(operand.getType())) {
      FloatAttr number;
      if (!matchPattern(operand, m_Constant(&number)))
        return std::nullopt;
      operands.floats.push_back(number.getValueAsDouble());
    } else {
      std::optional<int64_t> number = getConstantIntValue(operand);
      if (!number)
        return std::nullopt;
      operands.numbers.push_back(*number);
    }
  }
  return operands;
}

FailureOr<SmallVector<ElementsAttr>> evaluate(Operation *op, const ConstantOperands &operands) {
  auto interface = dyn_cast<InferTypeOpInterface>(op);
  SmallVector<Type> types;
  if (!interface || op->getNumResults() != 1 ||
      failed(interface.inferReturnTypes(op->getContext(), std::nullopt, op->getOperands(),
                                        op->getDiscardableAttrDictionary(), op->getPropertiesStorage(),
                                        op->getRegions(), types)))
    return failure();
  auto type = cast<RankedTensorType>(types.front());
  if (!type.hasStaticShape())
    return failure();

  FailureOr<ElementsAttr> result = evaluateElementwise(op, operands.tensors, type);
  if (failed(result))
    result = evaluateMovement(op, operands, type);
  if (failed(result))
    result = evaluateReduction(op, operands.tensors, type);
  if (failed(result))
    result = evaluateContraction(op, operands.tensors, type);
  if (failed(result))
    return failure();
  return SmallVector<ElementsAttr>{*result};
}

} // namespace tenon::graph
