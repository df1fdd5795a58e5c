//===- SizeEstimate.cpp - what a size may be when its extents are unknown ------------------===//

#include "compiler/Codegen/SizeEstimate.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <algorithm>

using namespace mlir;

namespace tenon::codegen {

/// What an extent is taken for. Divisible by the usual strides.
static constexpr double unknownExtent = 64;

/// Follows arithmetic up to a depth that shape arithmetic stays below.
static double estimate(Value value, int depth) {
  if (auto constant = getConstantIntValue(OpFoldResult(value)))
    return static_cast<double>(*constant);
  Operation *op = value.getDefiningOp();
  if (!op || depth == 0)
    return unknownExtent;
  auto operand = [&](unsigned index) { return estimate(op->getOperand(index), depth - 1); };
  auto quotient = [&] { return operand(0) / std::max(1.0, operand(1)); };
  return llvm::TypeSwitch<Operation *, double>(op)
      .Case<arith::AddIOp>([&](auto) { return operand(0) + operand(1); })
      .Case<arith::SubIOp>([&](auto) { return std::max(0.0, operand(0) - operand(1)); })
      .Case<arith::MulIOp>([&](auto) { return operand(0) * operand(1); })
      .Case<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp>([&](auto) { return std::max(1.0, quotient()); })
      .Case<arith::CeilDivSIOp, arith::CeilDivUIOp>([&](auto) { return std::max(1.0, quotient()); })
      .Case<arith::MaxSIOp, arith::MaxUIOp>([&](auto) { return std::max(operand(0), operand(1)); })
      .Case<arith::MinSIOp, arith::MinUIOp>([&](auto) { return std::min(operand(0), operand(1)); })
      .Case<arith::IndexCastOp, arith::IndexCastUIOp, arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp>(
          [&](auto) { return operand(0); })
      .Case<arith::SelectOp>([&](auto) { return std::max(operand(1), operand(2)); })
      .Default([](Operation *) { return unknownExtent; });
}

int64_t estimateSize(ArrayRef<OpFoldResult> extents) {
  constexpr int maxDepth = 12;
  double size = 1;
  for (OpFoldResult extent : extents) {
    auto constant = getConstantIntValue(extent);
    size *= constant ? static_cast<double>(*constant) : estimate(cast<Value>(extent), maxDepth);
  }
  return static_cast<int64_t>(std::clamp(size, 0.0, 1e15));
}

} // namespace tenon::codegen
