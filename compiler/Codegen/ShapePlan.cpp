//===- ShapePlan.cpp - the function that computes everything that depends on extents only --===//
//
// The function computes everything in one block: nothing in it has side effects but the stores to the table, and what
// is wrong with a shape is collected and reported at its end, the first fault in main's order. Buffers are packed after
// that.
//
//===---------------------------------------------------------------------------------------===//

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
                     ArrayAttr conflicts)
    : main(main), function(function), abi(abi), builder(main.getContext()), ir(builder, abi), arenaBytes(arenaBytes),
      conflicts(conflicts), nextSlot(TENON_TABLE_FIRST_FREE + conflicts.size()) {
  // One run for many of the model: LLVM would spend seconds on the chains of selects of a large model's checks.
  function.setOptimizeNone(true);
  function.setNoInline(true);
  function.addEntryBlock(builder);
  builder.setInsertionPointToEnd(&function.getBody().front());
  if (!conflicts.empty())
    sizes = LLVM::AllocaOp::create(builder, function.getLoc(), abi.pointer, abi.i64,
                                   ir.i64(function.getLoc(), conflicts.size()), /*alignment=*/slotBytes);
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

/// What identifies a list of extents, in any order.
static SmallVector<void *> sortedKeys(ArrayRef<OpFoldResult> extents) {
  auto keys = llvm::map_to_vector(extents, [](OpFoldResult extent) { return extent.getOpaqueValue(); });
  llvm::sort(keys);
  return keys;
}

void ShapePlan::addBuffer(Location loc, int64_t number, ArrayRef<OpFoldResult> extents, int64_t elementBytes,
                          bool isConditional) {
  SmallVector<void *> keys = sortedKeys(extents);
  Value &bytes = bufferSizes[{std::vector<void *>(keys.begin(), keys.end()), elementBytes, isConditional}];
  if (!bytes) {
    SmallVector<Value> values;
    for (OpFoldResult extent : extents) {
      Value value = get(loc, extent);
      if (isConditional && !getConstantIntValue(extent))
        value = arith::MaxSIOp::create(builder, loc, value, ir.i64(loc, 0));
      values.push_back(value);
    }
    CheckedSize size = checkedSize(builder, loc, values, elementBytes);
    bytes = size.bytes;
    // Wherever the packing puts buffers that are this small, it does not get near the largest number.
    Value limit = ir.i64(loc, INT64_MAX / static_cast<int64_t>(conflicts.size() + 1) - arenaBytes);
    Value tooLarge = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sgt, bytes, limit);
    Value bad = arith::OrIOp::create(builder, loc, size.bad, tooLarge);
    badSize = badSize ? arith::OrIOp::create(builder, loc, badSize, bad).getResult() : bad;
  }
  ir.storeSlot(loc, sizes, number, bytes);
}

/// Calls the packing function; returns the arena's end.
Value ShapePlan::emitPacking() {
  Location loc = function.getLoc();
  auto module = main->getParentOfType<ModuleOp>();
  SmallVector<int32_t> starts{0}, numbers;
  for (auto list : conflicts.getAsRange<DenseI32ArrayAttr>()) {
    llvm::append_range(numbers, list.asArrayRef());
    starts.push_back(numbers.size());
  }
  auto addTable = [&](StringRef name, ArrayRef<int32_t> values) {
    // One element at least: the table of a single buffer's conflicts is empty.
    SmallVector<int32_t> elements(values);
    elements.resize(std::max<size_t>(elements.size(), 1));
    auto count = static_cast<int64_t>(elements.size());
    auto data = DenseElementsAttr::get(RankedTensorType::get({count}, abi.i32), ArrayRef<int32_t>(elements));
    OpBuilder atEnd = OpBuilder::atBlockEnd(module.getBody());
    LLVM::GlobalOp::create(atEnd, loc, LLVM::LLVMArrayType::get(abi.i32, count), /*isConstant=*/true,
                           LLVM::Linkage::Internal, name, data, /*alignment=*/4);
    return ir.addressOf(loc, name);
  };
  Value startsTable = addTable(conflictStartsName, starts), conflictTable = addTable(conflictsName, numbers);
  Value offsets = ir.offset(loc, function.getArgument(2), slotOfBuffer(0) * slotBytes);
  Value count = ir.i64(loc, conflicts.size()), start = ir.i64(loc, arenaBytes);
  return LLVM::CallOp::create(builder, loc, addPackFunction(module),
                              ValueRange{sizes, startsTable, conflictTable, offsets, count, start})
      .getResult();
}

void ShapePlan::storeArena() {
  Location loc = function.getLoc();
  Value end = conflicts.empty() ? ir.i64(loc, arenaBytes) : emitPacking();
  ir.storeSlot(loc, function.getArgument(2), TENON_TABLE_ARENA_BYTES, end);
}

void ShapePlan::addScratch(Location loc, FlatSymbolRefAttr callee, int64_t firstSlot, ArrayRef<Value> scalars) {
  std::vector<void *> keys{const_cast<void *>(callee.getAsOpaquePointer())};
  for (Value scalar : scalars)
    keys.push_back(scalar.getAsOpaquePointer());
  if (!knownScratch.insert(keys).second)
    return;
  Value args = LLVM::AllocaOp::create(builder, loc, abi.pointer, abi.i64, ir.i64(loc, firstSlot + scalars.size()),
                                      /*alignment=*/slotBytes);
  // What does not matter is 1: code that is left from elsewhere may divide by it.
  for (auto [index, scalar] : llvm::enumerate(scalars))
    ir.storeSlot(loc, args, firstSlot + index, scalar ? get(scalar) : ir.i64(loc, 1));
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

void ShapePlan::checkCondition(nn::RequireOp op, StringRef message) {
  if (!checkedConditions.insert(op.getCondition()).second)
    return;
  Location loc = op.getLoc();
  auto shown = [&](size_t number) {
    return number < op.getValues().size() ? get(loc, OpFoldResult(op.getValues()[number])) : ir.i64(loc, 0);
  };
  Value a = shown(0), b = shown(1);
  Value yes = arith::ConstantIntOp::create(builder, loc, 1, 1);
  Value bad = arith::XOrIOp::create(builder, loc, get(op.getCondition()), yes);
  checks.push_back({bad, message.str(), a, b});
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
  SmallVector<void *> keysOfA = sortedKeys(a), keysOfB = sortedKeys(b);
  if (keysOfA == keysOfB)
    return;
  std::vector<void *> keys(keysOfA.begin(), keysOfA.end());
  keys.push_back(nullptr);
  keys.insert(keys.end(), keysOfB.begin(), keysOfB.end());
  if (!knownProducts.insert(keys).second)
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
  if (badSize) {
    Value zero = ir.i64(function.getLoc(), 0);
    checks.push_back({badSize, "the input dimensions need more memory than can be addressed", zero, zero});
  }
  reportFirst();
  storeArena();
  LLVM::ReturnOp::create(builder, function.getLoc(), ir.i32(function.getLoc(), TENON_OK));
  return nextSlot;
}

} // namespace tenon::codegen
