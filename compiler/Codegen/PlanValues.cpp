//===- PlanValues.cpp - which values of main are known before it runs ----------------------===//

#include "compiler/Codegen/PlanValues.h"

#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace tenon::codegen {

//===----------------------------------------------------------------------===//
// Plan values
//===----------------------------------------------------------------------===//

bool PlanValues::contains(OpFoldResult value) { return isa<Attribute>(value) || contains(cast<Value>(value)); }

bool PlanValues::contains(Value value) {
  auto it = known.find(value);
  if (it != known.end())
    return it->second;
  bool result = compute(value);
  known[value] = result;
  return result;
}

bool PlanValues::compute(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<ShapedType>(value.getType()))
    return false;
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    auto argument = dyn_cast<BlockArgument>(dim.getSource());
    return argument && argument.getOwner() == &main.front() && dim.getConstantIndex().has_value();
  }
  if (!isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) || op->getNumRegions() != 0)
    return false;
  // What main computes under a condition the plan computes without it; cloneScalar sees to it that nothing traps.
  return llvm::all_of(op->getOperands(), [&](Value operand) { return contains(operand); });
}

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

SmallVector<OpFoldResult> MainExtents::get(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  OpBuilder builder(main.getContext());
  if (type.hasStaticShape())
    return getAsIndexOpFoldResult(main.getContext(), type.getShape());
  if (auto argument = dyn_cast<BlockArgument>(tensor)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (parent == main)
      return ofArgument(argument);
    auto loop = cast<scf::WhileOp>(parent);
    bool before = argument.getOwner() == loop.getBeforeBody();
    return ofCarried(tensor, loop, argument.getArgNumber(), argument.getOwner()->getArguments(),
                     before ? "tenon.argument_extents" : "tenon.result_extents");
  }
  Operation *op = tensor.getDefiningOp();
  if (isa<scf::IfOp, scf::WhileOp>(op))
    return ofCarried(tensor, op, cast<OpResult>(tensor).getResultNumber(), op->getResults(), "tenon.result_extents");
  if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    SmallVector<OpFoldResult> extents = get(cast.getSource());
    for (auto [extent, size] : llvm::zip(extents, type.getShape()))
      if (!ShapedType::isDynamic(size))
        extent = builder.getIndexAttr(size);
    return extents;
  }
  auto mixed = [&](ValueRange values, RankedTensorType shaped, ValueRange::iterator &next) {
    SmallVector<OpFoldResult> extents;
    for (int64_t size : shaped.getShape())
      extents.push_back(ShapedType::isDynamic(size) ? OpFoldResult(*next++) : OpFoldResult(builder.getIndexAttr(size)));
    return extents;
  };
  if (auto launch = dyn_cast<nn::LaunchOp>(op)) {
    ValueRange extents = launch.getExtents();
    auto next = extents.begin();
    for (Value result : launch.getResults()) {
      auto own = mixed(extents, cast<RankedTensorType>(result.getType()), next);
      if (result == tensor)
        return own;
    }
  }
  if (isa<nn::JoinOp, nn::PartOp>(op)) {
    SmallVector<OpFoldResult> extents = get(op->getOperand(0));
    extents.back() = builder.getIndexAttr(type.getShape().back());
    return extents;
  }
  auto reshape = cast<nn::ReshapeOp>(op);
  SmallVector<OpFoldResult> extents;
  for (auto [size, value] : llvm::zip(type.getShape(), reshape.getSizes()))
    extents.push_back(ShapedType::isDynamic(size) ? OpFoldResult(value) : OpFoldResult(builder.getIndexAttr(size)));
  return extents;
}

SmallVector<OpFoldResult> MainExtents::ofArgument(BlockArgument argument) {
  auto type = cast<RankedTensorType>(argument.getType());
  OpBuilder builder = OpBuilder::atBlockBegin(&main.front());
  SmallVector<OpFoldResult> extents;
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    if (!ShapedType::isDynamic(size)) {
      extents.push_back(builder.getIndexAttr(size));
      continue;
    }
    Value &value = dims[{argument, static_cast<unsigned>(dim)}];
    if (!value)
      value = tensor::DimOp::create(builder, main.getLoc(), argument, dim);
    extents.push_back(value);
  }
  return extents;
}

SmallVector<OpFoldResult> MainExtents::ofCarried(Value tensor, Operation *op, unsigned number, ValueRange values,
                                                 StringRef attribute) {
  Builder builder(main.getContext());
  auto positions = cast<ArrayAttr>(cast<ArrayAttr>(op->getAttr(attribute))[number]);
  auto next = positions.begin();
  SmallVector<OpFoldResult> extents;
  for (int64_t size : cast<RankedTensorType>(tensor.getType()).getShape()) {
    if (ShapedType::isDynamic(size))
      extents.push_back(values[cast<IntegerAttr>(*next++).getInt()]);
    else
      extents.push_back(builder.getIndexAttr(size));
  }
  return extents;
}

} // namespace tenon::codegen
