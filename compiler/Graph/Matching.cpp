//===- Matching.cpp - questions patterns ask about values ----------------------------------===//
//
// See Matching.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/Matching.h"
#include "compiler/Graph/ConstantData.h"
#include "compiler/Graph/NumberFormat.h"
#include "dialects/nn/Nn.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon::graph {

std::optional<double> splatNumber(Value value) {
  std::optional<ConstantData> constant = ConstantData::read(value);
  std::optional<double> number = constant ? constant->scalar() : std::nullopt;
  bool wide = constant && constant->type.getElementType().isInteger(64);
  return wide && number && std::abs(*number) >= 0x1p53 ? std::nullopt : number;
}

Value makeScalar(OpBuilder &builder, Location location, double number, Type element) {
  NewConstant constant(RankedTensorType::get({}, element));
  storeElements(element, &number, 1, constant.data());
  return nn::ConstantOp::create(builder, location, std::move(constant).take());
}

bool isConstant(Value value) { return ConstantData::read(value).has_value(); }

SmallVector<Value> materialize(OpBuilder &builder, Location location, ArrayRef<OpFoldResult> extents) {
  return llvm::map_to_vector(
      extents, [&](OpFoldResult extent) { return getValueOrCreateConstantIndexOp(builder, location, extent); });
}

Value makeIndex(OpBuilder &builder, Location location, int64_t value) {
  return arith::ConstantIndexOp::create(builder, location, value);
}

Value reshapeTo(OpBuilder &builder, Location location, Value tensor, ArrayRef<int64_t> shape) {
  if (tensorType(tensor).getShape() == shape)
    return tensor;
  auto sizes = llvm::map_to_vector(shape, [&](int64_t extent) { return makeIndex(builder, location, extent); });
  return nn::ReshapeOp::create(builder, location, tensor, sizes);
}

bool isNonNegative(Value value, int depth) {
  if (depth == 0)
    return false;
  if (std::optional<double> number = splatNumber(value))
    return *number >= 0 && !std::signbit(*number);
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  auto all = [&] {
    return llvm::all_of(op->getOperands(), [&](Value operand) { return isNonNegative(operand, depth - 1); });
  };
  return TypeSwitch<Operation *, bool>(op)
      .Case<nn::AbsOp, nn::ExpOp, nn::SigmoidOp>([](auto) { return true; })
      .Case<nn::MulOp>([&](nn::MulOp mul) { return mul.getLhs() == mul.getRhs() || all(); })
      .Case<nn::AddOp, nn::DivOp, nn::MinOp>([&](auto) { return all(); })
      .Case<nn::MaxOp>([&](nn::MaxOp max) {
        // A positive bound; with 0.0 a -0.0 could be the larger one.
        return llvm::any_of(max->getOperands(),
                            [&](Value operand) {
                              std::optional<double> number = splatNumber(operand);
                              return number && *number > 0;
                            }) ||
               all();
      })
      .Case<nn::SqrtOp>([&](auto) { return all(); })
      .Case<nn::ReduceOp>([&](nn::ReduceOp reduce) {
        return reduce.getKind() == nn::ReduceKind::sum && isNonNegative(reduce.getInput(), depth - 1);
      })
      .Case<nn::ReshapeOp, nn::TransposeOp, nn::BroadcastOp, nn::SliceOp>(
          [&](auto movement) { return isNonNegative(movement.getInput(), depth - 1); })
      .Default(false);
}

} // namespace tenon::graph
