//===- MarkRoundedOnce.cpp - exact arithmetic in front of roundings to integers ------------===//
//
// Expects: @main of nn ops. Guarantees: nn.rounded_once on the elementwise ops of floats whose results reach a rounding
// to whole numbers and are determined to the last bit: they follow from inputs and constants without a sum of floats,
// whose order is free.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Fuse/Passes.h"
#include "dialects/nn/NnRounding.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon::fuse {

#define GEN_PASS_DEF_MARKROUNDEDONCE
#include "compiler/Fuse/Passes.h.inc"

namespace {

bool isFloat(Value value) { return isa<FloatType>(getElementTypeOrSelf(value.getType())); }

/// Whether equal operands give equal results, whatever the schedule: integers wrap, moving and comparing is exact.
bool isIndependentOfOrder(Operation *op) {
  if (op->getNumRegions() != 0)
    return false;
  if (op->hasTrait<nn::Elementwise>() || llvm::none_of(op->getResults(), isFloat))
    return true;
  if (isa<arith::ArithDialect, tensor::TensorDialect>(op->getDialect()))
    return true;
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<nn::ReduceOp>([](auto reduce) {
        return reduce.getKind() == nn::ReduceKind::max || reduce.getKind() == nn::ReduceKind::min;
      })
      .Case<nn::PoolOp>([](auto pool) { return pool.getKind() == nn::PoolKind::max; })
      .Case<nn::ConstantOp, nn::ReshapeOp, nn::TransposeOp, nn::BroadcastOp, nn::SliceOp, nn::ConcatOp, nn::PadOp,
            nn::IotaOp, nn::GatherOp, nn::GatherElementsOp, nn::GatherNdOp>([](auto) { return true; })
      .Default(false);
}

/// Whether a last bit of the operand may change the result by 1.
bool roundsToWhole(Operation *op) {
  if (isa<nn::RoundOp, nn::FloorOp, nn::CeilOp>(op))
    return true;
  auto cast = dyn_cast<nn::CastOp>(op);
  if (!cast || !isFloat(cast.getInput()))
    return false;
  Type to = getElementTypeOrSelf(cast.getResult().getType());
  return !to.isInteger(1) && (isa<IntegerType>(to) || nn::isSmall(to));
}

struct MarkRoundedOnce : impl::MarkRoundedOnceBase<MarkRoundedOnce> {
  void runOnOperation() override {
    llvm::DenseSet<Value> determined;
    SmallVector<Value> wanted;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (auto function = dyn_cast<func::FuncOp>(op)) {
        determined.insert(function.args_begin(), function.args_end());
        return;
      }
      auto isDetermined = [&](Value operand) { return determined.contains(operand); };
      if (!isIndependentOfOrder(op) || !llvm::all_of(op->getOperands(), isDetermined))
        return;
      determined.insert(op->result_begin(), op->result_end());
      if (roundsToWhole(op))
        wanted.push_back(op->getOperand(0));
    });
    mark(determined, wanted);
  }

private:
  /// Marks what `wanted` depends on, back to integers, which are exact anyway.
  void mark(const llvm::DenseSet<Value> &determined, SmallVector<Value> &wanted) {
    llvm::DenseSet<Operation *> seen;
    while (!wanted.empty()) {
      Value value = wanted.pop_back_val();
      Operation *op = value.getDefiningOp();
      if (!op || !isFloat(value) || !determined.contains(value) || !seen.insert(op).second)
        continue;
      if (op->hasTrait<nn::Elementwise>())
        op->setAttr(nn::roundedOnceAttr, UnitAttr::get(&getContext()));
      llvm::append_range(wanted, op->getOperands());
    }
  }
};

} // namespace
} // namespace tenon::fuse
