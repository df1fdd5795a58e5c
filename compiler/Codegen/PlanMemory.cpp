//===- PlanMemory.cpp - decides where every tensor of main lives ---------------------------===//
//
// Expects: @main as docs/architecture.md has it after Fuse; kernels as OutlinePhases leaves them.
// Guarantees: every op of @main that makes a tensor says where it lives (Passes.td); extents of every tensor are values
// of
// @main that MainExtents finds.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/MemoryPlan.h"
#include "compiler/Codegen/Names.h"
#include "compiler/Codegen/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tenon::codegen {
#define GEN_PASS_DEF_PLANMEMORY
#include "compiler/Codegen/Passes.h.inc"
} // namespace tenon::codegen

using namespace mlir;

namespace tenon::codegen {
namespace {

StringRef kindName(Buffer::Kind kind) {
  switch (kind) {
  case Buffer::Kind::Input:
    return "input";
  case Buffer::Kind::Constant:
    return "constant";
  case Buffer::Kind::Arena:
    return "arena";
  case Buffer::Kind::Planned:
    return "planned";
  case Buffer::Kind::Output:
    return "output";
  case Buffer::Kind::Heap:
    return "heap";
  case Buffer::Kind::Part:
    return "part";
  }
  llvm_unreachable("all kinds are named");
}

/// Where `buffer` lives, as its op's tenon.storage says it: a part where its join does.
DictionaryAttr storageOf(const MemoryPlan &plan, const Buffer &which, Builder &builder) {
  SmallVector<NamedAttribute> entries;
  auto add = [&](StringRef name, Attribute value) { entries.push_back(builder.getNamedAttr(name, value)); };
  bool isPart = which.kind == Buffer::Kind::Part;
  const Buffer &buffer = isPart ? plan.buffers[which.place] : which;
  if (isPart)
    add("offset", builder.getI64IntegerAttr(which.offset));
  if (buffer.operand >= 0)
    add("operand", builder.getI64IntegerAttr(buffer.operand));
  else if (buffer.kind == Buffer::Kind::Heap)
    add("heap", builder.getUnitAttr());
  else
    add(kindName(buffer.kind), builder.getI64IntegerAttr(buffer.place));
  if (buffer.scratch >= 0)
    add("scratch", builder.getI64IntegerAttr(buffer.scratch));
  return builder.getDictionaryAttr(entries);
}

/// The buffer as the manifest shows it.
DictionaryAttr describe(const MemoryPlan &plan, const Buffer &buffer, Builder &builder) {
  SmallVector<NamedAttribute> entries;
  auto add = [&](StringRef name, Attribute value) { entries.push_back(builder.getNamedAttr(name, value)); };
  add("storage", storageOf(plan, buffer, builder));
  if (buffer.bytes >= 0)
    add("bytes", builder.getI64IntegerAttr(buffer.bytes));
  add("first", builder.getI64IntegerAttr(buffer.first));
  add("last", builder.getI64IntegerAttr(buffer.last));
  add("type", TypeAttr::get(buffer.value.getType()));
  return builder.getDictionaryAttr(entries);
}

/// One list per planned buffer.
ArrayAttr describeConflicts(const MemoryPlan &plan, Builder &builder) {
  return builder.getArrayAttr(llvm::map_to_vector(
      plan.conflicts, [&](ArrayRef<int32_t> list) -> Attribute { return builder.getDenseI32ArrayAttr(list); }));
}

/// Kernels know the rows of the tensors that main gives them, and nothing else asks for tensors whose rows lie apart.
LogicalResult checkPitches(func::FuncOp main) {
  nn::Places places(main);
  if (Operation *join = places.contradiction())
    return join->emitError("a part lies in another join");
  SymbolTable symbols(main->getParentOfType<ModuleOp>());
  WalkResult result = main.walk([&](Operation *op) -> WalkResult {
    if (isa<nn::JoinOp, nn::PartOp>(op))
      return WalkResult::advance();
    auto launch = dyn_cast<nn::LaunchOp>(op);
    Operation *kernel = launch ? symbols.lookup(launch.getCallee()) : nullptr;
    size_t number = 0;
    auto check = [&](Value tensor) -> LogicalResult {
      if (!isa<RankedTensorType>(tensor.getType()))
        return success();
      int64_t expected = kernel ? nn::pitchOf(kernel, number++) : 0, pitch = places.pitch(tensor);
      if (pitch == expected)
        return success();
      return op->emitError("expected rows ") << expected << " elements apart but they are " << pitch;
    };
    for (Value operand : op->getOperands())
      if (failed(check(operand)))
        return WalkResult::interrupt();
    for (Value result : op->getResults())
      if (launch && failed(check(result)))
        return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

struct PlanMemoryPass : impl::PlanMemoryBase<PlanMemoryPass> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>(mainName);
    if (!main) {
      getOperation().emitError("expected a function @main");
      return signalPassFailure();
    }
    if (failed(checkPitches(main)) || failed(exposeRegionExtents(main)))
      return signalPassFailure();

    MemoryPlan plan = planMemory(main);
    Builder builder(&getContext());
    llvm::MapVector<Operation *, SmallVector<Attribute>> storage;
    SmallVector<Attribute> described;
    for (Buffer &buffer : plan.buffers) {
      if (buffer.kind == Buffer::Kind::Input || buffer.kind == Buffer::Kind::Constant)
        continue;
      Operation *op = buffer.value.getDefiningOp();
      storage[op ? op : buffer.value.getParentBlock()->getParentOp()].push_back(storageOf(plan, buffer, builder));
      if (buffer.kind != Buffer::Kind::Part) // its join is shown
        described.push_back(describe(plan, buffer, builder));
    }
    for (auto &[op, entries] : storage)
      op->setAttr(storageAttr, builder.getArrayAttr(entries));
    main->setAttr(arenaBytesAttr, builder.getI64IntegerAttr(plan.arenaBytes));
    main->setAttr(conflictsAttr, describeConflicts(plan, builder));
    main->setAttr(buffersAttr, builder.getArrayAttr(described));
  }
};

} // namespace
} // namespace tenon::codegen
