//===- RegionExtents.cpp - extents of tensors that cross regions become values -------------===//
//
//   %r = scf.if %c -> tensor<?xf32> { yield %a } else { yield %b }
//     ==>
//   %r:2 = scf.if %c -> (tensor<?xf32>, index) { yield %a, %extentOfA } else { yield %b, %extentOfB }
//          {tenon.result_extents = [[1]]}
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/PlanValues.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace tenon::codegen {
namespace {

class ExtentExposer {
public:
  explicit ExtentExposer(func::FuncOp main) : extents(main) {}

  LogicalResult visit(Block &block) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      LogicalResult result = success();
      if (auto ifOp = dyn_cast<scf::IfOp>(op))
        result = visitIf(ifOp);
      else if (auto whileOp = dyn_cast<scf::WhileOp>(op))
        result = visitWhile(whileOp);
      else if (auto dim = dyn_cast<tensor::DimOp>(op))
        result = replaceDim(dim);
      if (failed(result))
        return failure();
    }
    return success();
  }

private:
  static bool isDynamic(Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && !tensor.hasStaticShape();
  }

  /// Positions of the extents of `types` if they follow those, and how many there are.
  static ArrayAttr positions(TypeRange types, unsigned &extra) {
    Builder builder(types.front().getContext());
    SmallVector<Attribute> lists;
    unsigned next = types.size();
    for (Type type : types) {
      SmallVector<Attribute> list;
      if (isDynamic(type))
        for (int64_t i = 0, e = cast<RankedTensorType>(type).getNumDynamicDims(); i < e; ++i)
          list.push_back(builder.getI64IntegerAttr(next++));
      lists.push_back(builder.getArrayAttr(list));
    }
    extra = next - types.size();
    return builder.getArrayAttr(lists);
  }

  /// `values` followed by the dynamic extents that `types` asks for.
  SmallVector<Value> withExtents(ValueRange values, TypeRange types, OpBuilder &builder, Location loc) {
    SmallVector<Value> all(values);
    for (auto [value, type] : llvm::zip(values, types)) {
      if (!isDynamic(type))
        continue;
      for (auto [extent, size] : llvm::zip(extents.get(value), cast<RankedTensorType>(type).getShape()))
        if (ShapedType::isDynamic(size))
          all.push_back(getValueOrCreateConstantIndexOp(builder, loc, extent));
    }
    return all;
  }

  LogicalResult visitIf(scf::IfOp op) {
    for (Region &region : op->getRegions())
      if (!region.empty() && failed(visit(region.front())))
        return failure();
    if (llvm::none_of(op.getResultTypes(), isDynamic))
      return success();
    unsigned extra = 0;
    SmallVector<Type> types(op.getResultTypes());
    ArrayAttr where = positions(types, extra);
    OpBuilder builder(op);
    for (Region &region : op->getRegions()) {
      auto yield = cast<scf::YieldOp>(region.front().getTerminator());
      builder.setInsertionPoint(yield);
      yield->setOperands(withExtents(yield.getOperands(), op.getResultTypes(), builder, op.getLoc()));
    }
    types.append(extra, builder.getIndexType());
    builder.setInsertionPoint(op);
    auto exposed = scf::IfOp::create(builder, op.getLoc(), types, op.getCondition(), /*addThenBlock=*/false,
                                     /*addElseBlock=*/false);
    exposed.getThenRegion().takeBody(op.getThenRegion());
    exposed.getElseRegion().takeBody(op.getElseRegion());
    exposed->setAttr("tenon.result_extents", where);
    op->replaceAllUsesWith(exposed.getResults().take_front(op.getNumResults()));
    op.erase();
    return success();
  }

  LogicalResult visitWhile(scf::WhileOp op) {
    Location loc = op.getLoc();
    OpBuilder builder(op);
    unsigned extraArguments = 0, extraResults = 0;
    SmallVector<Type> arguments(op.getBeforeBody()->getArgumentTypes()), results(op.getResultTypes());
    ArrayAttr argumentPositions = arguments.empty() ? builder.getArrayAttr({}) : positions(arguments, extraArguments);
    ArrayAttr resultPositions = results.empty() ? builder.getArrayAttr({}) : positions(results, extraResults);

    SmallVector<Value> inits = withExtents(op.getInits(), arguments, builder, loc);
    SmallVector<Type> exposedTypes(results);
    exposedTypes.append(extraResults, builder.getIndexType());
    auto exposed = scf::WhileOp::create(builder, loc, exposedTypes, inits, nullptr, nullptr);
    exposed.getBefore().takeBody(op.getBefore());
    exposed.getAfter().takeBody(op.getAfter());
    exposed.getBeforeBody()->addArguments(SmallVector<Type>(extraArguments, builder.getIndexType()),
                                          SmallVector<Location>(extraArguments, loc));
    exposed.getAfterBody()->addArguments(SmallVector<Type>(extraResults, builder.getIndexType()),
                                         SmallVector<Location>(extraResults, loc));
    exposed->setAttr("tenon.argument_extents", argumentPositions);
    exposed->setAttr("tenon.result_extents", resultPositions);
    op->replaceAllUsesWith(exposed.getResults().take_front(results.size()));
    op.erase();

    if (failed(visit(*exposed.getBeforeBody())))
      return failure();
    scf::ConditionOp condition = exposed.getConditionOp();
    builder.setInsertionPoint(condition);
    condition.getArgsMutable().assign(withExtents(condition.getArgs(), results, builder, loc));
    if (failed(visit(*exposed.getAfterBody())))
      return failure();
    scf::YieldOp yield = exposed.getYieldOp();
    builder.setInsertionPoint(yield);
    yield->setOperands(withExtents(yield.getOperands(), arguments, builder, loc));
    return success();
  }

  /// Extents of all tensors but main's arguments are values already.
  LogicalResult replaceDim(tensor::DimOp dim) {
    auto argument = dyn_cast<BlockArgument>(dim.getSource());
    if (argument && isa<func::FuncOp>(argument.getOwner()->getParentOp()))
      return success();
    std::optional<int64_t> index = dim.getConstantIndex();
    if (!index)
      return dim.emitOpError("expected a constant dimension");
    OpBuilder builder(dim);
    dim.replaceAllUsesWith(
        getValueOrCreateConstantIndexOp(builder, dim.getLoc(), extents.get(dim.getSource())[*index]));
    dim.erase();
    return success();
  }

  MainExtents extents;
};

} // namespace

LogicalResult exposeRegionExtents(func::FuncOp main) { return ExtentExposer(main).visit(main.front()); }

} // namespace tenon::codegen
