//===- ShapePlan.cpp - the function that computes everything that depends on extents only -----------------===//
//
// The function computes everything in one block: nothing in it has side effects but the stores to the table, and what
// is wrong with a shape is collected and reported at its end, the first fault in main's order. Buffers are packed after
// that.
//
//===----------------------------------------------------------------------------------------------------===//

#include "compiler/Codegen/ShapePlan.h"

#include "compiler/Codegen/ArenaPacking.h"
#include "compiler/Codegen/Names.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace tenon::codegen {

ShapePlan::ShapePlan(func::FuncOp main, LLVM::LLVMFuncOp function, const Abi &abi, int64_t arenaBytes,
                     ArrayRef<int32_t> lifetimes)
    : main(main), function(function), abi(abi), builder(main.getContext()), ir(builder, abi), arenaBytes(arenaBytes),
      lifetimes(lifetimes), nextSlot(TENON_TABLE_FIRST_FREE + lifetimes.size() / 2) {
  function.addEntryBlock(builder);
  builder.setInsertionPointToEnd(&function.getBody().front());
  if (!lifetimes.empty())
    sizes = LLVM::AllocaOp::create(builder, function.getLoc(), abi.pointer, abi.i64,
                                   ir.i64(function.getLoc(), lifetimes.size() / 2), /*alignment=*/slotBytes);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Value ShapePlan::inputExtent(Location loc, BlockArgument tensor, int64_t dim) {
  Value &extent = inputExtents[{tensor, dim}];
  if (extent)
    return extent;
  int64_t position = dim;
  for (Value argument : main.getArguments().take_front(tensor.getArgNumber()))
    position += cast<RankedTensorType>(argument.getType()).getRank();
  return extent = ir.loadSlot(loc, function.getArgument(1), position, builder.getIndexType(), /*invariant=*/true);
}

Value ShapePlan::get(Value source) {
  if (Value known = mapping.lookupOrNull(source))
    return known;
  Operation *op = source.getDefiningOp();
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    Value extent = inputExtent(dim.getLoc(), cast<BlockArgument>(dim.getSource()), *dim.getConstantIndex());
    mapping.map(source, extent);
    return extent;
  }
  for (Value operand : op->getOperands())
    get(operand);
  Operation *copy = cloneScalar(builder, op, mapping);
  mapping.map(op->getResults(), copy->getResults());
  return mapping.lookup(source);
}

Value ShapePlan::get(Location loc, OpFoldResult extent) {
  if (auto constant = getConstantIntValue(extent))
    return ir.i64(loc, *constant);
  return builder.createOrFold<arith::IndexCastOp>(loc, abi.i64, get(cast<Value>(extent)));
}

int64_t ShapePlan::slotOf(Value value) {
  auto [it, isNew] = slots.try_emplace(value, nextSlot);
  if (isNew)
    ir.storeSlot(value.getLoc(), function.getArgument(2), nextSlot++, get(value));
  return it->second;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void ShapePlan::addBuffer(Location loc, int64_t number, ArrayRef<OpFoldResult> extents, int64_t elementBytes,
                          bool isConditional) {
  SmallVector<Value> values;
  for (OpFoldResult extent : extents) {
    Value value = get(loc, extent);
    if (isConditional && !getConstantIntValue(extent))
      value = arith::MaxSIOp::create(builder, loc, value, ir.i64(loc, 0));
    values.push_back(value);
  }
  CheckedSize size = checkedSize(builder, loc, values, elementBytes);
  ir.storeSlot(loc, sizes, number, size.bytes);
  totalSize = totalSize.bytes ? checkedSum(builder, loc, totalSize, size) : size;
}

/// Whatever the packing does, it stays below the sum of all sizes.
void ShapePlan::checkTotal() {
  if (!totalSize.bytes)
    return;
  Location loc = function.getLoc();
  CheckedSize constant{ir.i64(loc, arenaBytes), totalSize.bad};
  CheckedSize all = checkedSum(builder, loc, totalSize, constant);
  Value zero = ir.i64(loc, 0);
  checks.push_back({all.bad, "the input dimensions need more memory than can be addressed", zero, zero});
}

void ShapePlan::storeArena() {
  Location loc = function.getLoc();
  Value table = function.getArgument(2), end = ir.i64(loc, arenaBytes);
  if (!lifetimes.empty()) {
    auto module = main->getParentOfType<ModuleOp>();
    int64_t count = lifetimes.size() / 2;
    auto pairType = LLVM::LLVMArrayType::get(abi.i32, 2);
    auto values = DenseElementsAttr::get(RankedTensorType::get({count, 2}, abi.i32), lifetimes);
    OpBuilder atEnd = OpBuilder::atBlockEnd(module.getBody());
    LLVM::GlobalOp::create(atEnd, loc, LLVM::LLVMArrayType::get(pairType, count), /*isConstant=*/true,
                           LLVM::Linkage::Internal, lifetimesName, values, /*alignment=*/4);
    LLVM::LLVMFuncOp pack = addPackFunction(module);
    Value offsets = ir.offset(loc, table, slotOfBuffer(0) * slotBytes);
    end = LLVM::CallOp::create(builder, loc, pack,
                               ValueRange{sizes, ir.addressOf(loc, lifetimesName), offsets, ir.i64(loc, count), end})
              .getResult();
  }
  ir.storeSlot(loc, table, TENON_TABLE_ARENA_BYTES, end);
}

void ShapePlan::addScratch(Location loc, FlatSymbolRefAttr callee, int64_t firstSlot, ValueRange scalars) {
  Value args = LLVM::AllocaOp::create(builder, loc, abi.pointer, abi.i64, ir.i64(loc, firstSlot + scalars.size()),
                                      /*alignment=*/slotBytes);
  for (auto [index, scalar] : llvm::enumerate(scalars))
    ir.storeSlot(loc, args, firstSlot + index, get(scalar));
  auto call = LLVM::CallOp::create(builder, loc, abi.scratch, callee, args);
  scratchSizes.push_back(call.getResult());
}

void ShapePlan::storeScratch() {
  Location loc = function.getLoc();
  Value bytes = ir.i64(loc, scratchBytes);
  for (Value size : scratchSizes)
    bytes = arith::MaxSIOp::create(builder, loc, bytes, size);
  ir.storeSlot(loc, function.getArgument(2), TENON_TABLE_SCRATCH_BYTES, bytes);
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

void ShapePlan::checkExtent(Location loc, Value extent, StringRef message) {
  if (!checkedExtents.insert(extent).second || isa_and_present<tensor::DimOp>(extent.getDefiningOp()))
    return;
  Value value = get(loc, extent), zero = ir.i64(loc, 0);
  Value bad = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, value, zero);
  checks.push_back({bad, message.str(), value, zero});
}

Value ShapePlan::product(Location loc, ArrayRef<OpFoldResult> extents) {
  Value all;
  for (OpFoldResult extent : extents) {
    Value value = get(loc, extent);
    all = all ? arith::MulIOp::create(builder, loc, all, value).getResult() : value;
  }
  return all ? all : ir.i64(loc, 1);
}

void ShapePlan::checkProducts(Location loc, ArrayRef<OpFoldResult> a, ArrayRef<OpFoldResult> b, StringRef message) {
  auto sorted = [](ArrayRef<OpFoldResult> extents) {
    auto keys = llvm::map_to_vector(extents, [](OpFoldResult extent) { return extent.getOpaqueValue(); });
    llvm::sort(keys);
    return keys;
  };
  if (sorted(a) == sorted(b))
    return;
  Value lhs = product(loc, a), rhs = product(loc, b);
  Value bad = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, lhs, rhs);
  checks.push_back({bad, message.str(), lhs, rhs});
}

/// Leaves the function through host->fail with the first check that found something.
void ShapePlan::reportFirst() {
  Location loc = function.getLoc();
  if (checks.empty())
    return;
  Value message, a, b;
  for (const Check &check : llvm::reverse(checks)) {
    StringRef symbol = getOrCreateString(main->getParentOfType<ModuleOp>(), check.message);
    Value text = ir.addressOf(loc, symbol);
    if (!message)
      message = ir.null(loc), a = check.a, b = check.b;
    message = arith::SelectOp::create(builder, loc, check.bad, text, message);
    a = arith::SelectOp::create(builder, loc, check.bad, check.a, a);
    b = arith::SelectOp::create(builder, loc, check.bad, check.b, b);
  }
  Value failed = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, message, ir.null(loc));
  Block *failure = function.addBlock(), *success = function.addBlock();
  cf::CondBranchOp::create(builder, loc, failed, failure, ValueRange(), success, ValueRange());
  builder.setInsertionPointToEnd(failure);
  Value status = ir.callFail(loc, function.getArgument(0), ir.i32(loc, TENON_INVALID_ARGUMENT), message, a, b);
  LLVM::ReturnOp::create(builder, loc, status);
  builder.setInsertionPointToEnd(success);
}

int64_t ShapePlan::finish() {
  storeScratch();
  checkTotal();
  reportFirst();
  storeArena();
  LLVM::ReturnOp::create(builder, function.getLoc(), ir.i32(function.getLoc(), TENON_OK));
  return nextSlot;
}

} // namespace tenon::codegen
