//===- MainEmitter.cpp - emits the run function of a model ---------------------------------===//
//
// Expects: main as PlanMemory leaves it.
// Guarantees: host->output is called once per output; whatever fails ends the function with a status.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/MainEmitter.h"

#include "compiler/Codegen/MemoryPlan.h"
#include "compiler/Codegen/Names.h"
#include "compiler/Codegen/NodeNames.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace tenon::codegen {

// The arguments of tenon_run.
enum RunArgument : unsigned { Host, Inputs, Table, Arena, Weights };

MainEmitter::MainEmitter(func::FuncOp main, LLVM::LLVMFuncOp run, const Abi &abi, ShapePlan &plan)
    : RegionEmitter(run, abi), main(main), plan(plan), planValues(main), mainExtents(main), places(main),
      symbols(main->getParentOfType<ModuleOp>()), outputs(main.getNumResults()) {}

static bool isTensor(Value value) { return isa<RankedTensorType>(value.getType()); }

LogicalResult MainEmitter::emit() {
  int64_t slots = 0, rank = 0;
  main.walk([&](nn::LaunchOp launch) {
    slots = std::max(slots, symbols.lookup(launch.getCallee())->getAttrOfType<IntegerAttr>(slotsAttr).getInt());
  });
  for (Type type : main.getResultTypes())
    rank = std::max(rank, cast<RankedTensorType>(type).getRank());
  Location loc = functionLoc();
  argsFrame = allocateFrame(loc, slots);
  dimsFrame = allocateFrame(loc, 2 * rank);
  for (BlockArgument input : main.getArguments())
    if (!input.use_empty())
      mapping.map(input, ir.loadSlot(loc, argument(Inputs), input.getArgNumber(), abi.pointer, /*invariant=*/true));
  if (failed(emitOps(main.front())) || failed(emitOutputs()))
    return failure();
  emitReturn(loc, ir.i32(loc, TENON_OK));
  return success();
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

Type MainEmitter::convertType(Type type) { return isa<RankedTensorType>(type) ? Type(abi.pointer) : type; }

Value MainEmitter::lookup(Value source) {
  Location loc = source.getLoc();
  if (auto it = constants.find(source); it != constants.end())
    return ir.offset(loc, argument(Weights), it->second);
  if (Value known = mapping.lookupOrNull(source))
    return known;
  // What is left depends on extents only: a constant, or in the table.
  Operation *op = source.getDefiningOp();
  if (op->hasTrait<OpTrait::ConstantLike>())
    return builder.clone(*op)->getResult(0);
  return ir.loadSlot(loc, argument(Table), plan.slotOf(source), source.getType(), /*invariant=*/true);
}

Value MainEmitter::extent(Location loc, OpFoldResult value) {
  if (auto constant = getConstantIntValue(value))
    return ir.i64(loc, *constant);
  return builder.createOrFold<arith::IndexCastOp>(loc, abi.i64, lookup(cast<Value>(value)));
}

Value MainEmitter::product(Location loc, ArrayRef<OpFoldResult> dims) {
  int64_t fixed = 1;
  Value all;
  for (OpFoldResult dim : dims) {
    if (auto constant = getConstantIntValue(dim))
      fixed *= *constant;
    else
      all = all ? arith::MulIOp::create(builder, loc, all, extent(loc, dim)).getResult() : extent(loc, dim);
  }
  Value factor = ir.i64(loc, fixed);
  return all ? arith::MulIOp::create(builder, loc, all, factor).getResult() : factor;
}

Value MainEmitter::fail(Location loc, int32_t status, StringRef message, Value a, Value b) {
  StringRef symbol = getOrCreateString(main->getParentOfType<ModuleOp>(), message);
  return ir.callFail(loc, argument(Host), ir.i32(loc, status), ir.addressOf(loc, symbol), a, b);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value MainEmitter::materialize(Operation *op, unsigned number, Value tensor, ArrayRef<OpFoldResult> dims,
                               ValueRange operands) {
  if (!places.isPlaced(tensor))
    return materializeWhole(op, number, tensor, dims, operands);
  auto [root, offset] = places.of(tensor);
  Value &memory = joins[root];
  if (!memory) {
    SmallVector<OpFoldResult> whole(dims);
    whole.back() = builder.getIndexAttr(nn::rowLength(root));
    memory = materializeWhole(op, number, tensor, whole, operands);
  }
  int64_t elementBytes = bufferElementBytes(cast<RankedTensorType>(tensor.getType()).getElementType());
  return ir.offset(op->getLoc(), memory, offset * elementBytes);
}

Value MainEmitter::materializeWhole(Operation *op, unsigned number, Value tensor, ArrayRef<OpFoldResult> dims,
                                    ValueRange operands) {
  Location loc = op->getLoc();
  auto storage = cast<DictionaryAttr>(op->getAttrOfType<ArrayAttr>(storageAttr)[number]);
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  if (auto place = storage.getAs<IntegerAttr>("arena"))
    return ir.offset(loc, argument(Arena), place.getInt());
  if (auto operand = storage.getAs<IntegerAttr>("operand"))
    return lookup(operands[operand.getInt()]);
  if (auto output = storage.getAs<IntegerAttr>("output")) {
    unsigned index = output.getInt();
    return outputs[index] ? outputs[index] : askForOutput(loc, index);
  }
  if (auto number = storage.getAs<IntegerAttr>("planned")) {
    plan.addBuffer(loc, number.getInt(), dims, bufferElementBytes(element), isConditional(op));
    Value offset = ir.loadSlot(loc, argument(Table), plan.slotOfBuffer(number.getInt()), abi.i64, /*invariant=*/true);
    return ir.offset(loc, argument(Arena), offset);
  }
  return allocateHeap(loc, element, dims);
}

Value MainEmitter::allocateHeap(Location loc, Type element, ArrayRef<OpFoldResult> dims) {
  SmallVector<Value> extents = llvm::map_to_vector(dims, [&](OpFoldResult dim) { return extent(loc, dim); });
  CheckedSize size = checkedSize(builder, loc, extents, bufferElementBytes(element));
  returnIf(loc, size.bad, [&] {
    Value zero = ir.i64(loc, 0);
    return fail(loc, TENON_INVALID_ARGUMENT, nodeMessage(loc, "the size of the result is negative or too large"), zero,
                zero);
  });
  // Also an empty tensor has an address.
  Value bytes = arith::MaxSIOp::create(builder, loc, size.bytes, ir.i64(loc, TENON_ALIGNMENT));
  Value memory = ir.callAllocate(loc, argument(Host), bytes);
  Value isNull = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, memory, ir.null(loc));
  returnIf(loc, isNull, [&] { return ir.i32(loc, TENON_OUT_OF_MEMORY); });
  return memory;
}

Value MainEmitter::askForOutput(Location loc, unsigned index) {
  Value returned = main.front().getTerminator()->getOperand(index);
  SmallVector<OpFoldResult> dims = mainExtents.get(returned);
  for (auto [number, dim] : llvm::enumerate(dims))
    ir.storeSlot(loc, dimsFrame, number, extent(loc, dim));
  Value start = dimsFrame;
  if (Value rank = rankOf(index)) {
    // The last dimensions, and -1 behind them.
    for (size_t number = 0; number < dims.size(); ++number)
      ir.storeSlot(loc, dimsFrame, dims.size() + number, ir.i64(loc, -1));
    Value skipped = arith::SubIOp::create(builder, loc, ir.i64(loc, dims.size()), extent(loc, rank));
    start = LLVM::GEPOp::create(builder, loc, abi.pointer, abi.i64, dimsFrame, ArrayRef<LLVM::GEPArg>{skipped});
  }
  Value memory = ir.callOutput(loc, argument(Host), index, start);
  Value isNull = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, memory, ir.null(loc));
  returnIf(loc, isNull, [&] { return ir.i32(loc, TENON_OUT_OF_MEMORY); });
  return outputs[index] = memory;
}

Value MainEmitter::rankOf(unsigned index) {
  for (auto op : main.front().getOps<nn::OutputRankOp>())
    if (op.getOutput() == index)
      return op.getRank();
  return Value();
}

void MainEmitter::copy(Location loc, Value to, Value from, Type element, ArrayRef<OpFoldResult> dims) {
  SmallVector<OpFoldResult> factors(dims);
  factors.push_back(builder.getIndexAttr(bufferElementBytes(element)));
  LLVM::MemmoveOp::create(builder, loc, to, from, product(loc, factors), /*isVolatile=*/false);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult MainEmitter::emitOp(Operation *op) {
  if (auto launch = dyn_cast<nn::LaunchOp>(op))
    return emitLaunch(launch);
  if (auto constant = dyn_cast<nn::ConstantOp>(op)) {
    constants[constant.getResult()] = weightTable.add(constant.getValue());
    return success();
  }
  if (isa<nn::ReshapeOp, tensor::CastOp>(op))
    return emitView(op);
  if (isa<nn::JoinOp, nn::PartOp>(op))
    return emitPlaced(op);
  if (auto failure = dyn_cast<nn::FailOp>(op))
    return emitFail(failure);
  if (auto requirement = dyn_cast<nn::RequireOp>(op))
    return emitRequire(requirement);
  if (isa<nn::OutputRankOp>(op))
    return success();
  if (auto extract = dyn_cast<tensor::ExtractOp>(op))
    return emitExtract(extract);
  if (auto elements = dyn_cast<tensor::FromElementsOp>(op))
    return emitFromElements(elements);
  // What the plan computes is asked for where it is used.
  if (llvm::all_of(op->getResults(), [&](Value result) { return planValues.contains(result); }))
    return success();
  if (llvm::any_of(op->getResults(), isTensor) || llvm::any_of(op->getOperands(), isTensor))
    return op->emitOpError("is not expected in main");
  return RegionEmitter::emitOp(op);
}

LogicalResult MainEmitter::emitFail(nn::FailOp op) {
  Location loc = op.getLoc();
  Value zero = ir.i64(loc, 0);
  returnIf(loc, arith::ConstantIntOp::create(builder, loc, 1, 1),
           [&] { return fail(loc, TENON_INVALID_ARGUMENT, op.getMessage(), zero, zero); });
  return success();
}

/// In the plan, if it knows the condition.
LogicalResult MainEmitter::emitRequire(nn::RequireOp op) {
  Location loc = op.getLoc();
  std::string message = nodeMessage(loc, op.getMessage());
  auto isKnown = [&](Value value) { return planValues.contains(value); };
  if (!isConditional(op) && llvm::all_of(op->getOperands(), isKnown)) {
    plan.checkCondition(op, message);
    return success();
  }
  auto shown = [&](size_t number) {
    return number < op.getValues().size() ? extent(loc, op.getValues()[number]) : ir.i64(loc, 0);
  };
  Value a = shown(0), b = shown(1);
  Value yes = arith::ConstantIntOp::create(builder, loc, 1, 1);
  Value bad = arith::XOrIOp::create(builder, loc, lookup(op.getCondition()), yes);
  returnIf(loc, bad, [&] { return fail(loc, TENON_INVALID_ARGUMENT, message, a, b); });
  return success();
}

/// A view has its source's memory; that its extents fit is checked where it is not evident.
LogicalResult MainEmitter::emitView(Operation *op) {
  Location loc = op->getLoc();
  Value source = op->getOperand(0), result = op->getResult(0);
  mapping.map(result, lookup(source));
  SmallVector<OpFoldResult> from = mainExtents.get(source), to = mainExtents.get(result);
  if (isa<nn::ReshapeOp>(op)) {
    checkProducts(op, from, to, nodeMessage(loc, "%lld elements do not fit a shape of %lld"));
    return success();
  }
  for (auto [have, want] : llvm::zip(from, to))
    checkProducts(op, have, want, nodeMessage(loc, "the extent %lld of a dimension should be %lld"));
  return success();
}

/// A join is where its first part is; a part lies in its tensor's rows.
LogicalResult MainEmitter::emitPlaced(Operation *op) {
  int64_t offset = 0;
  if (auto part = dyn_cast<nn::PartOp>(op))
    offset = part.getOffset() * bufferElementBytes(part.getInput().getType().getElementType());
  mapping.map(op->getResult(0), ir.offset(op->getLoc(), lookup(op->getOperand(0)), offset));
  return success();
}

/// Fails with `message`, which gets both products, unless they are equal: in the plan if it knows them.
void MainEmitter::checkProducts(Operation *op, ArrayRef<OpFoldResult> a, ArrayRef<OpFoldResult> b, StringRef message) {
  auto isConstant = [](OpFoldResult extent) { return getConstantIntValue(extent).has_value(); };
  auto isKnown = [&](OpFoldResult extent) { return planValues.contains(extent); };
  if (a == b || (llvm::all_of(a, isConstant) && llvm::all_of(b, isConstant)))
    return;
  if (!isConditional(op) && llvm::all_of(a, isKnown) && llvm::all_of(b, isKnown))
    return plan.checkProducts(op->getLoc(), a, b, message);
  Location loc = op->getLoc();
  Value lhs = product(loc, a), rhs = product(loc, b);
  Value bad = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, lhs, rhs);
  returnIf(loc, bad, [&] { return fail(loc, TENON_INVALID_ARGUMENT, message, lhs, rhs); });
}

/// The address of one element; an index outside the tensor fails.
Value MainEmitter::elementAddress(tensor::ExtractOp op) {
  Location loc = op.getLoc();
  int64_t elementBytes = bufferElementBytes(op.getTensor().getType().getElementType());
  SmallVector<OpFoldResult> dims = mainExtents.get(op.getTensor());
  auto isInside = [](auto pair) {
    auto index = getConstantIntValue(OpFoldResult(std::get<0>(pair))), dim = getConstantIntValue(std::get<1>(pair));
    return index && dim && *index >= 0 && *index < *dim;
  };
  if (llvm::all_of(llvm::zip(op.getIndices(), dims), isInside)) {
    int64_t position = 0;
    for (auto [index, dim] : llvm::zip(op.getIndices(), dims))
      position = position * *getConstantIntValue(dim) + *getConstantIntValue(OpFoldResult(index));
    return ir.offset(loc, lookup(op.getTensor()), position * elementBytes);
  }
  Value position = ir.i64(loc, 0);
  for (auto [index, dim] : llvm::zip(op.getIndices(), dims)) {
    Value size = extent(loc, dim), offset = extent(loc, OpFoldResult(index));
    // As unsigned numbers, negative indices are large.
    Value bad = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::uge, offset, size);
    returnIf(loc, bad, [&] {
      return fail(loc, TENON_OUT_OF_RANGE, nodeMessage(loc, "index %lld is outside a dimension of %lld"), offset, size);
    });
    position = arith::AddIOp::create(builder, loc, arith::MulIOp::create(builder, loc, position, size), offset);
  }
  Value bytes = arith::MulIOp::create(builder, loc, position, ir.i64(loc, elementBytes));
  return ir.offset(loc, lookup(op.getTensor()), bytes);
}

LogicalResult MainEmitter::emitExtract(tensor::ExtractOp op) {
  Location loc = op.getLoc();
  Type stored = slotType(op.getType());
  if (auto integer = dyn_cast<IntegerType>(stored))
    stored = IntegerType::get(builder.getContext(), integer.getWidth());
  int64_t alignment = bufferElementBytes(op.getTensor().getType().getElementType());
  Value value = LLVM::LoadOp::create(builder, loc, stored, elementAddress(op), alignment);
  if (isa<IndexType>(op.getType()))
    value = arith::IndexCastOp::create(builder, loc, op.getType(), value);
  else if (op.getType().isInteger(1))
    value = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, value,
                                 LLVM::ConstantOp::create(builder, loc, abi.i8, builder.getI8IntegerAttr(0)));
  mapping.map(op.getResult(), value);
  return success();
}

LogicalResult MainEmitter::emitFromElements(tensor::FromElementsOp op) {
  Location loc = op.getLoc();
  int64_t bytes = bufferElementBytes(op.getType().getElementType());
  Value memory = materialize(op, 0, op.getResult(), mainExtents.get(op.getResult()), {});
  for (auto [number, source] : llvm::enumerate(op.getElements())) {
    Value value = lookup(source);
    if (isa<IndexType>(value.getType()))
      value = builder.createOrFold<arith::IndexCastOp>(loc, abi.i64, value);
    else if (value.getType().isInteger(1))
      value = LLVM::ZExtOp::create(builder, loc, abi.i8, value);
    LLVM::StoreOp::create(builder, loc, value, ir.offset(loc, memory, number * bytes), bytes);
  }
  mapping.map(op.getResult(), memory);
  return success();
}

LogicalResult MainEmitter::emitLaunch(nn::LaunchOp op) {
  Location loc = op.getLoc();
  Operation *kernel = symbols.lookup(op.getCallee());
  auto callee = kernel->getAttrOfType<FlatSymbolRefAttr>(functionAttr);
  KernelUse &use = kernelUses[kernel];
  ++use.launches;
  collectNodeNames(loc, use.nodes);
  planLaunch(op);
  bool isPlanned = planScratch(op, kernel);

  // Pointers first: they may need calls, which use the same frames.
  SmallVector<Value> slots = llvm::map_to_vector(op.getInputs(), [&](Value input) { return lookup(input); });
  for (auto [number, result] : llvm::enumerate(op.getResults())) {
    Value memory = materialize(op, number, result, mainExtents.get(result), op.getInputs());
    mapping.map(result, memory);
    slots.push_back(memory);
  }
  for (Value scalar : op.getScalars())
    slots.push_back(lookup(scalar));
  for (auto [number, value] : llvm::enumerate(slots))
    ir.storeSlot(loc, argsFrame, number, value);
  if (!isPlanned) {
    auto callee = kernel->getAttrOfType<FlatSymbolRefAttr>(scratchAttr);
    auto bytes = LLVM::CallOp::create(builder, loc, abi.scratch, callee, argsFrame);
    returnIfStatus(loc, ir.callReserve(loc, argument(Host), bytes.getResult()));
  }
  auto call = LLVM::CallOp::create(builder, loc, abi.kernel, callee, ValueRange{argument(Host), argsFrame});
  returnIfStatus(loc, call.getResult());
  return success();
}

/// Extents that the inputs decide are checked once, by the plan.
void MainEmitter::planLaunch(nn::LaunchOp op) {
  if (isConditional(op))
    return;
  for (Value extent : op.getExtents())
    if (planValues.contains(extent) && !getConstantIntValue(OpFoldResult(extent)))
      plan.checkExtent(op.getLoc(), extent, nodeMessage(op.getLoc(), "a dimension of the result would be %lld"));
}

/// Lets the plan reserve the kernel's scratch. False where its size depends on data.
bool MainEmitter::planScratch(nn::LaunchOp op, Operation *kernel) {
  Attribute scratch = kernel->getAttr(scratchAttr);
  if (auto bytes = dyn_cast<IntegerAttr>(scratch)) {
    plan.addScratch(bytes.getInt());
    return true;
  }
  // The plan does not know the others, whose slots then hold any number.
  int64_t firstSlot = op.getInputs().size() + op.getNumResults();
  ArrayRef<int64_t> read = kernel->getAttrOfType<DenseI64ArrayAttr>(scratchArgumentsAttr);
  SmallVector<Value> scalars;
  for (auto [number, scalar] : llvm::enumerate(op.getScalars())) {
    bool isKnown = planValues.contains(scalar);
    if (!isKnown && llvm::is_contained(read, firstSlot + static_cast<int64_t>(number)))
      return false;
    scalars.push_back(isKnown ? scalar : Value());
  }
  plan.addScratch(op.getLoc(), cast<FlatSymbolRefAttr>(scratch), firstSlot, scalars);
  return true;
}

/// Outputs that are written in a branch are asked for before it: the host is called once.
LogicalResult MainEmitter::beforeRegions(Operation *op) {
  if (isConditional(op))
    return success();
  op->walk([&](nn::LaunchOp launch) {
    for (auto [storage, result] : llvm::zip(launch->getAttrOfType<ArrayAttr>(storageAttr), launch.getResults()))
      if (auto output = cast<DictionaryAttr>(storage).getAs<IntegerAttr>("output"))
        if (!outputs[output.getInt()])
          askForOutput(launch.getLoc(), output.getInt());
  });
  return success();
}

/// Copies what goes round a loop to the memory of its carried tensors.
LogicalResult MainEmitter::emitLoopCarried(scf::WhileOp op, ValueRange sources, SmallVectorImpl<Value> &values, bool) {
  Location loc = op.getLoc();
  auto storage = op->getAttrOfType<ArrayAttr>(storageAttr);
  auto copyTensor = [&](Value to, Value from, Value source) {
    Type element = cast<RankedTensorType>(source.getType()).getElementType();
    copy(loc, to, from, element, mainExtents.get(source));
  };
  struct Move {
    Value to, from, source;
  };
  SmallVector<Move> moves;
  unsigned number = 0;
  for (auto [index, source] : llvm::enumerate(sources)) {
    if (!isTensor(source))
      continue;
    auto where = cast<DictionaryAttr>(storage[number]);
    Value to = materializeWhole(op, number++, source, mainExtents.get(source), {});
    Value from = values[index];
    values[index] = to;
    // Fresh memory is filled, and what another copy would overwrite is saved, before any copy to memory in use.
    if (where.get("heap")) {
      copyTensor(to, from, source);
      continue;
    }
    if (auto scratch = where.getAs<IntegerAttr>("scratch")) {
      Value saved = ir.offset(loc, argument(Arena), scratch.getInt());
      copyTensor(saved, from, source);
      from = saved;
    }
    moves.push_back({to, from, source});
  }
  for (const Move &move : moves)
    copyTensor(move.to, move.from, move.source);
  return success();
}

/// Outputs that no launch wrote directly are copied.
LogicalResult MainEmitter::emitOutputs() {
  Operation *end = main.front().getTerminator();
  Location loc = functionLoc();
  for (auto [index, value] : llvm::enumerate(end->getOperands())) {
    if (outputs[index])
      continue;
    SmallVector<OpFoldResult> dims = mainExtents.get(value);
    for (OpFoldResult dim : dims)
      if (auto extent = dyn_cast<Value>(dim); extent && planValues.contains(extent))
        plan.checkExtent(loc, extent, "a dimension of an output would be %lld");
    Value memory = askForOutput(loc, index);
    copy(loc, memory, lookup(value), cast<RankedTensorType>(value.getType()).getElementType(), dims);
  }
  return success();
}

} // namespace tenon::codegen
