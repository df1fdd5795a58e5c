//===- OutlinePhases.cpp - phases become task functions, kernels the functions that start them --===//
//
// Expects: kernel functions as docs/architecture.md has them after Schedule, without ukernel ops but phases.
// Guarantees: of each kernel `k` there are @k_kernel, one task function per phase with its body, and, where the scratch
// size is no constant, @k_scratch; `@k` itself is a declaration that says what launches need to know.
//
// A phase captures buffers and scalars of its kernel. Kernel arguments reach it through the argument slots; scalars
// that the kernel computes are computed again in the body (they are a few integer operations and tell LLVM more than a
// loaded number would), except results of scf.if and what loops carry, which the kernel stores to slots of their own.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/Buffers.h"
#include "compiler/Codegen/Names.h"
#include "compiler/Codegen/NodeNames.h"
#include "compiler/Codegen/Passes.h"
#include "compiler/Codegen/RegionEmitter.h"
#include "compiler/Support/FunctionAttributes.h"
#include "dialects/nn/Nn.h"
#include "dialects/ukernel/Ukernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/RegionUtils.h"

namespace tenon::codegen {
#define GEN_PASS_DEF_OUTLINEPHASES
#include "compiler/Codegen/Passes.h.inc"
} // namespace tenon::codegen

using namespace mlir;

namespace tenon::codegen {
namespace {

/// What all functions made of one kernel share.
struct Kernel {
  func::FuncOp source;
  SymbolTable &symbols;
  const Abi &abi;
  const LLVMTypeConverter &converter;
  int64_t index;
  /// Slot of each kernel argument and of each value that the kernel stores for its phases.
  llvm::MapVector<Value, int64_t> slots = {};
  Operation *last = nullptr; ///< the function made last

  LLVM::LLVMFuncOp createFunction(StringRef name, LLVM::LLVMFunctionType type, Location loc) {
    OpBuilder builder(source.getContext());
    auto function = LLVM::LLVMFuncOp::create(builder, loc, name, type, LLVM::Linkage::Internal);
    // Next to the kernel, so that dumps read in order. A clash of names is resolved by a number.
    symbols.insert(function, ++Block::iterator(last ? last : source.getOperation()));
    last = function;
    return function;
  }
};

/// A phase and what became of it.
struct Task {
  LLVM::LLVMFuncOp function;
  SmallVector<Value> stored; ///< scalars that the kernel function stores to their slots before the phase
  bool canFail;
};
using Tasks = llvm::DenseMap<Operation *, Task>;

/// What the body of a phase needs from its kernel.
struct Captures {
  SmallVector<Value> parameters;  ///< passed in: kernel arguments and stored scalars
  SmallVector<Operation *> slice; ///< computed again, in order

  LogicalResult add(Value value, Kernel &kernel) {
    if (!seen.insert(value).second)
      return success();
    Operation *op = value.getDefiningOp();
    if (op && op->getNumRegions() == 0 && isMemoryEffectFree(op)) {
      for (Value operand : op->getOperands())
        if (failed(add(operand, kernel)))
          return failure();
      if (sliced.insert(op).second)
        slice.push_back(op);
      return success();
    }
    if (!kernel.slots.count(value)) {
      if (isa<ShapedType>(value.getType()))
        return kernel.source.emitOpError("has a phase that captures a buffer other than an argument");
      kernel.slots.insert({value, kernel.slots.size()});
    }
    parameters.push_back(value);
    return success();
  }

  /// Those parameters that are no arguments of the kernel.
  SmallVector<Value> stored(func::FuncOp kernel) const {
    Block *entry = &kernel.getBody().front();
    auto isStored = [&](Value value) { return value.getParentBlock() != entry || !isa<BlockArgument>(value); };
    return llvm::to_vector(llvm::make_filter_range(parameters, isStored));
  }

private:
  llvm::DenseSet<Value> seen;
  llvm::DenseSet<Operation *> sliced;
};

} // namespace

//===----------------------------------------------------------------------===//
// Task functions
//===----------------------------------------------------------------------===//

/// Which buffer arguments a launch may give the same memory: those may not be called distinct.
static llvm::SmallDenseSet<unsigned> inPlaceArguments(func::FuncOp kernel) {
  llvm::SmallDenseSet<unsigned> arguments;
  auto pairs = kernel->getAttrOfType<ArrayAttr>(inPlaceAttr);
  if (!pairs)
    return arguments;
  auto buffers = llvm::count_if(kernel.getArgumentTypes(), llvm::IsaPred<MemRefType>);
  auto results = kernel->getAttrOfType<IntegerAttr>(resultsAttr);
  for (Attribute pair : pairs) {
    auto numbers = cast<ArrayAttr>(pair);
    arguments.insert(buffers - (results ? results.getInt() : 0) + cast<IntegerAttr>(numbers[0]).getInt());
    arguments.insert(cast<IntegerAttr>(numbers[1]).getInt());
  }
  return arguments;
}

/// Says what LLVM may assume of the pointer parameters: results and operands are apart from each other (unless written
/// in place), operands are not written.
static void annotateBody(LLVM::LLVMFuncOp body, const Captures &captures, func::FuncOp kernel) {
  Builder builder(body.getContext());
  auto unit = builder.getUnitAttr();
  auto inPlace = inPlaceArguments(kernel);
  auto buffers = llvm::count_if(kernel.getArgumentTypes(), llvm::IsaPred<MemRefType>);
  auto results = kernel->getAttrOfType<IntegerAttr>(resultsAttr);
  int64_t operands = buffers - (results ? results.getInt() : buffers);
  for (auto [number, value] : llvm::enumerate(captures.parameters)) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || !isa<MemRefType>(value.getType()))
      continue;
    if (!inPlace.contains(argument.getArgNumber()))
      body.setArgAttr(number, LLVM::LLVMDialect::getNoAliasAttrName(), unit);
    if (argument.getArgNumber() < operands)
      body.setArgAttr(number, LLVM::LLVMDialect::getReadonlyAttrName(), unit);
  }
  unsigned scratch = body.getNumArguments() - 1;
  body.setArgAttr(scratch, LLVM::LLVMDialect::getNoAliasAttrName(), unit);
  body.setArgAttr(scratch, LLVM::LLVMDialect::getAlignAttrName(), builder.getI64IntegerAttr(TENON_ALIGNMENT));
  // Kept apart from its task function: what these attributes say is lost where LLVM inlines.
  body.setNoInline(true);
  auto path = kernel->getAttrOfType<StringAttr>(pathAttr);
  if (path && path == "vector")
    body.setPassthroughAttr(builder.getStrArrayAttr({hoistAttr}));
}

/// Moves the phase's ops to a function of their own: parameters, begin, end, scratch -> status.
static LLVM::LLVMFuncOp createBody(ukernel::PhaseOp phase, const Captures &captures, Kernel &kernel, StringRef name) {
  const Abi &abi = kernel.abi;
  SmallVector<Type> types;
  for (Value value : captures.parameters)
    types.push_back(isa<MemRefType>(value.getType()) ? Type(abi.pointer) : slotType(value.getType()));
  types.append({abi.i64, abi.i64, abi.pointer});
  auto function = kernel.createFunction(name, LLVM::LLVMFunctionType::get(abi.i32, types), phase.getLoc());
  OpBuilder builder(function.getContext());
  Block *entry = function.addEntryBlock(builder);
  builder.setInsertionPointToEnd(entry);
  Location loc = phase.getLoc();

  IRMapping mapping;
  for (auto [value, parameter] : llvm::zip(captures.parameters, entry->getArguments())) {
    if (auto memref = dyn_cast<MemRefType>(value.getType()))
      mapping.map(value, memrefFromPointer(builder, loc, kernel.converter, memref, parameter));
    else if (isa<IndexType>(value.getType()))
      mapping.map(value, arith::IndexCastOp::create(builder, loc, value.getType(), parameter));
    else if (value.getType().isInteger(1))
      mapping.map(value, arith::TruncIOp::create(builder, loc, value.getType(), parameter));
    else
      mapping.map(value, parameter);
  }
  for (Operation *op : captures.slice)
    builder.clone(*op, mapping);

  Block &source = phase.getBody().front();
  ValueRange range = entry->getArguments().take_back(3);
  for (unsigned i : {0, 1})
    source.getArgument(i).replaceAllUsesWith(
        arith::IndexCastOp::create(builder, loc, builder.getIndexType(), range[i]).getResult());
  Value scratch = source.getArgument(2);
  if (!scratch.use_empty())
    scratch.replaceAllUsesWith(
        memrefFromPointer(builder, loc, kernel.converter, cast<MemRefType>(scratch.getType()), range[2]));

  entry->getOperations().splice(entry->end(), source.getOperations());
  for (auto [from, to] : mapping.getValueMap())
    from.replaceUsesWithIf(to, [&](OpOperand &use) { return function->isProperAncestor(use.getOwner()); });

  auto end = cast<ukernel::EndOp>(entry->back());
  builder.setInsertionPoint(end);
  Value status = end.getStatus();
  if (!status)
    status = LLVM::ConstantOp::create(builder, loc, abi.i32, builder.getI32IntegerAttr(TENON_OK));
  LLVM::ReturnOp::create(builder, loc, status);
  end.erase();
  annotateBody(function, captures, kernel.source);
  return function;
}

/// The function of the ABI: loads the captures from the slots and calls the body.
static LLVM::LLVMFuncOp createTask(LLVM::LLVMFuncOp body, const Captures &captures, Kernel &kernel, StringRef name) {
  auto function = kernel.createFunction(name, kernel.abi.task, body.getLoc());
  OpBuilder builder(function.getContext());
  Block *entry = function.addEntryBlock(builder);
  builder.setInsertionPointToEnd(entry);
  AbiBuilder ir(builder, kernel.abi);
  Location loc = body.getLoc();
  SmallVector<Value> arguments;
  for (auto [value, type] : llvm::zip(captures.parameters, body.getArgumentTypes()))
    arguments.push_back(ir.loadSlot(loc, entry->getArgument(0), kernel.slots.lookup(value), type));
  llvm::append_range(arguments, entry->getArguments().drop_front());
  Value status = LLVM::CallOp::create(builder, loc, body, arguments).getResult();
  LLVM::ReturnOp::create(builder, loc, status);
  function.setArgAttr(0, LLVM::LLVMDialect::getReadonlyAttrName(), builder.getUnitAttr());
  return function;
}

//===----------------------------------------------------------------------===//
// Kernel functions
//===----------------------------------------------------------------------===//

namespace {

/// Emits @k_kernel: the kernel's scalar code, with a call of host->parallel for each phase.
class KernelEmitter : public RegionEmitter {
public:
  KernelEmitter(Kernel &kernel, LLVM::LLVMFuncOp function, const Tasks &tasks)
      : RegionEmitter(function, kernel.abi), kernel(kernel), tasks(tasks) {}

  LogicalResult emit() {
    Location loc = functionLoc();
    for (BlockArgument value : kernel.source.getArguments())
      if (!isa<MemRefType>(value.getType()))
        mapping.map(value, ir.loadSlot(loc, argument(1), kernel.slots.lookup(value), value.getType()));
    if (failed(emitOps(kernel.source.front())))
      return failure();
    emitReturn(loc, ir.i32(loc, TENON_OK));
    return success();
  }

protected:
  LogicalResult emitOp(Operation *op) override {
    if (auto cost = dyn_cast<ukernel::CostOp>(op)) {
      emitCost(cost);
      return success();
    }
    if (auto call = dyn_cast<ukernel::CallOp>(op)) {
      emitCall(call);
      return success();
    }
    auto phase = dyn_cast<ukernel::PhaseOp>(op);
    if (!phase) {
      // Views of buffers matter to phases only.
      if (llvm::any_of(op->getResultTypes(), llvm::IsaPred<ShapedType>))
        return success();
      return RegionEmitter::emitOp(op);
    }
    Location loc = phase.getLoc();
    Task task = tasks.lookup(op);
    for (Value value : task.stored)
      ir.storeSlot(loc, argument(1), kernel.slots.lookup(value), lookup(value));
    Value status = ir.callParallel(loc, argument(0), ir.addressOf(loc, task.function.getSymName()), argument(1),
                                   toI64(lookup(phase.getTasks())), toI64(lookup(phase.getWork())), kernel.index);
    if (!task.canFail) {
      returnIfStatus(loc, status);
      return success();
    }
    StringAttr text = phase->getAttrOfType<StringAttr>(errorAttr);
    std::string message = nodeMessage(loc, text ? text.getValue() : "an index in the data is out of range");
    Value failed = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, status, ir.i32(loc, TENON_OK));
    returnIf(loc, failed, [&] {
      Value zero = ir.i64(loc, 0);
      StringRef symbol = getOrCreateString(kernel.source->getParentOfType<ModuleOp>(), message);
      return ir.callFail(loc, argument(0), status, ir.addressOf(loc, symbol), zero, zero);
    });
    return success();
  }

private:
  /// A function that is compiled ahead; it records what goes wrong.
  void emitCall(ukernel::CallOp call) {
    Location loc = call.getLoc();
    auto module = kernel.source->getParentOfType<ModuleOp>();
    SmallVector<Value> arguments = {argument(0), ir.addressOf(loc, getOrCreateString(module, nodeMessage(loc, "")))};
    for (Value buffer : call.getBuffers())
      arguments.push_back(ir.loadSlot(loc, argument(1), kernel.slots.lookup(buffer), abi.pointer));
    for (Value scalar : call.getScalars())
      arguments.push_back(toI64(lookup(scalar)));
    auto type =
        LLVM::LLVMFunctionType::get(abi.i32, llvm::map_to_vector(arguments, [](Value v) { return v.getType(); }));
    if (!module.lookupSymbol(call.getCallee())) {
      OpBuilder atEnd = OpBuilder::atBlockEnd(module.getBody());
      LLVM::LLVMFuncOp::create(atEnd, loc, call.getCallee(), type);
    }
    auto callee = FlatSymbolRefAttr::get(builder.getContext(), call.getCallee());
    returnIfStatus(loc, LLVM::CallOp::create(builder, loc, type, callee, arguments).getResult());
  }

  /// A call only while somebody takes a profile.
  void emitCost(ukernel::CostOp cost) {
    Location loc = cost.getLoc();
    Value account = ir.loadAccount(loc, argument(0));
    Value wanted = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, account, ir.null(loc));
    emitWhere(loc, wanted, [&] {
      ir.callAccount(loc, account, argument(0), kernel.index, toI64(lookup(cost.getFlops())),
                     toI64(lookup(cost.getBytes())));
    });
  }

  Value toI64(Value index) { return builder.createOrFold<arith::IndexCastOp>(index.getLoc(), abi.i64, index); }

  Kernel &kernel;
  const Tasks &tasks;
};

/// Emits @k_scratch: the largest scratch size of the phases that run for given scalars.
class ScratchEmitter : public RegionEmitter {
public:
  ScratchEmitter(Kernel &kernel, LLVM::LLVMFuncOp function) : RegionEmitter(function, kernel.abi), kernel(kernel) {}

  LogicalResult emit() {
    Location loc = functionLoc();
    maximum = allocateFrame(loc, 1);
    ir.storeSlot(loc, maximum, 0, ir.i64(loc, 0));
    for (BlockArgument value : kernel.source.getArguments())
      if (!isa<MemRefType>(value.getType()))
        mapping.map(value, ir.loadSlot(loc, argument(0), kernel.slots.lookup(value), value.getType()));
    if (failed(emitOps(kernel.source.front())))
      return failure();
    emitReturn(loc, ir.loadSlot(loc, maximum, 0, abi.i64));
    return success();
  }

protected:
  LogicalResult emitOp(Operation *op) override {
    auto phase = dyn_cast<ukernel::PhaseOp>(op);
    if (!phase) {
      if (llvm::any_of(op->getResultTypes(), llvm::IsaPred<ShapedType>) || isa<ukernel::CostOp, ukernel::CallOp>(op))
        return success();
      return RegionEmitter::emitOp(op);
    }
    Location loc = op->getLoc();
    Value bytes = builder.createOrFold<arith::IndexCastOp>(loc, abi.i64, lookup(phase.getScratch()));
    Value old = ir.loadSlot(loc, maximum, 0, abi.i64);
    ir.storeSlot(loc, maximum, 0, arith::MaxSIOp::create(builder, loc, old, bytes));
    return success();
  }

private:
  Kernel &kernel;
  Value maximum;
};

} // namespace

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// The largest scratch size if all are constants.
static std::optional<int64_t> constantScratch(ArrayRef<ukernel::PhaseOp> phases) {
  int64_t bytes = 0;
  for (ukernel::PhaseOp phase : phases) {
    std::optional<int64_t> value = getConstantIntValue(OpFoldResult(phase.getScratch()));
    if (!value)
      return std::nullopt;
    bytes = std::max(bytes, *value);
  }
  return bytes;
}

/// The numbers of the arguments that decide the scratch size: those of the sizes and of the conditions of phases.
static SmallVector<int64_t> scratchArguments(func::FuncOp source, ArrayRef<ukernel::PhaseOp> phases) {
  llvm::SetVector<Value> values;
  auto addOperands = [&](Operation *op) { values.insert(op->operand_begin(), op->operand_end()); };
  for (ukernel::PhaseOp phase : phases) {
    values.insert(phase.getScratch());
    for (Operation *parent = phase->getParentOp(); parent != source; parent = parent->getParentOp())
      addOperands(parent);
  }
  SmallVector<int64_t> numbers;
  for (size_t i = 0; i < values.size(); ++i) {
    Value value = values[i];
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (argument.getOwner() == &source.front())
        numbers.push_back(argument.getArgNumber());
      else
        addOperands(argument.getOwner()->getParentOp());
      continue;
    }
    value.getDefiningOp()->walk(addOperands);
  }
  llvm::sort(numbers);
  return numbers;
}

static LogicalResult outlineKernel(Kernel &kernel) {
  func::FuncOp source = kernel.source;
  if (!source.getBody().hasOneBlock())
    return source.emitOpError("expected a kernel of one block");
  for (BlockArgument value : source.getArguments())
    kernel.slots.insert({value, value.getArgNumber()});
  SmallVector<ukernel::PhaseOp> phases;
  source.walk<WalkOrder::PreOrder>([&](ukernel::PhaseOp phase) { phases.push_back(phase); });

  std::string name = source.getSymName().str();
  Tasks tasks;
  auto kernelFunction = kernel.createFunction(name + kernelSuffix.str(), kernel.abi.kernel, source.getLoc());
  for (auto [number, phase] : llvm::enumerate(phases)) {
    Captures captures;
    llvm::SetVector<Value> used;
    getUsedValuesDefinedAbove(phase.getBody(), used);
    // Constants and other values in the order of their use; results of scf.if and what loops carry get slots.
    for (Value value : used)
      if (failed(captures.add(value, kernel)))
        return failure();
    bool canFail = cast<ukernel::EndOp>(phase.getBody().front().back()).getStatus() != nullptr;
    std::string taskName = name + "_" + std::to_string(number);
    auto body = createBody(phase, captures, kernel, taskName + bodySuffix.str());
    tasks[phase] = {createTask(body, captures, kernel, taskName), captures.stored(source), canFail};
  }

  if (failed(KernelEmitter(kernel, kernelFunction, tasks).emit()))
    return failure();

  Builder builder(source.getContext());
  if (auto bytes = constantScratch(phases)) {
    source->setAttr(scratchAttr, builder.getI64IntegerAttr(*bytes));
  } else {
    auto function = kernel.createFunction(name + scratchSuffix.str(), kernel.abi.scratch, source.getLoc());
    if (failed(ScratchEmitter(kernel, function).emit()))
      return failure();
    source->setAttr(scratchAttr, FlatSymbolRefAttr::get(function));
    source->setAttr(scratchArgumentsAttr, builder.getDenseI64ArrayAttr(scratchArguments(source, phases)));
  }
  source->setAttr(functionAttr, FlatSymbolRefAttr::get(kernelFunction));
  source->setAttr(indexAttr, builder.getI64IntegerAttr(kernel.index));
  source->setAttr(slotsAttr, builder.getI64IntegerAttr(kernel.slots.size()));
  source->setAttr(phasesAttr, builder.getI64IntegerAttr(phases.size()));
  source.eraseBody();
  return success();
}

namespace {

struct OutlinePhasesPass : impl::OutlinePhasesBase<OutlinePhasesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    Abi abi(&getContext());
    LLVMTypeConverter converter(&getContext(), loweringOptions(&getContext()));
    SymbolTable symbols(module);
    SmallVector<func::FuncOp> kernels;
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr(kernelAttr))
        kernels.push_back(function);
    for (auto [index, function] : llvm::enumerate(kernels)) {
      Kernel kernel{function, symbols, abi, converter, static_cast<int64_t>(index)};
      if (failed(outlineKernel(kernel)))
        return signalPassFailure();
    }
  }
};

} // namespace
} // namespace tenon::codegen
