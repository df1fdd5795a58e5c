//===- LowerMain.cpp - main becomes the functions plan and run -----------------------------===//
//
// Expects: what PlanMemory leaves. Guarantees: no op of nn, tensor or func is left in the module; what the descriptor
// needs is in module attributes.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/MainEmitter.h"
#include "compiler/Codegen/Names.h"
#include "compiler/Codegen/NodeNames.h"
#include "compiler/Codegen/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace tenon::codegen {
#define GEN_PASS_DEF_LOWERMAIN
#include "compiler/Codegen/Passes.h.inc"
} // namespace tenon::codegen

using namespace mlir;

namespace tenon::codegen {
namespace {

/// An input or output as tenon.inputs and tenon.outputs describe it.
DictionaryAttr describeTensor(Builder &builder, StringRef name, Type type, ArrayRef<StringRef> symbols) {
  return builder.getDictionaryAttr({builder.getNamedAttr("name", builder.getStringAttr(name)),
                                    builder.getNamedAttr("dims", builder.getStrArrayAttr(symbols)),
                                    builder.getNamedAttr("type", TypeAttr::get(type))});
}

/// The symbols of nn.dims, one per dimension; empty strings if there are none.
SmallVector<StringRef> symbolsOf(Type type, Attribute dims) {
  SmallVector<StringRef> symbols(cast<RankedTensorType>(type).getRank());
  if (auto names = dyn_cast_if_present<ArrayAttr>(dims))
    for (auto [symbol, name] : llvm::zip(symbols, names.getAsValueRange<StringAttr>()))
      symbol = name;
  return symbols;
}

StringRef nameOf(Attribute name) {
  auto text = dyn_cast_if_present<StringAttr>(name);
  return text ? text.getValue() : "";
}

SmallVector<Attribute> describeInputs(func::FuncOp main, Builder &builder) {
  SmallVector<Attribute> all;
  for (auto [index, type] : llvm::enumerate(main.getArgumentTypes()))
    all.push_back(describeTensor(builder, nameOf(main.getArgAttr(index, nameAttr)), type,
                                 symbolsOf(type, main.getArgAttr(index, dimsAttr))));
  return all;
}

/// An output's dimension has the symbol of the input's dimension that it is, if the model names none.
SmallVector<Attribute> describeOutputs(func::FuncOp main, MainExtents &extents, Builder &builder) {
  SmallVector<Attribute> all;
  for (auto [index, value] : llvm::enumerate(main.front().getTerminator()->getOperands())) {
    Type type = value.getType();
    SmallVector<StringRef> symbols = symbolsOf(type, main.getResultAttr(index, dimsAttr));
    for (auto [symbol, extent] : llvm::zip(symbols, extents.get(value))) {
      auto dim = isa<Value>(extent) ? cast<Value>(extent).getDefiningOp<tensor::DimOp>() : nullptr;
      auto argument = dim ? dyn_cast<BlockArgument>(dim.getSource()) : BlockArgument();
      if (!symbol.empty() || !argument || argument.getOwner() != &main.front())
        continue;
      symbol =
          symbolsOf(argument.getType(), main.getArgAttr(argument.getArgNumber(), dimsAttr))[*dim.getConstantIndex()];
    }
    all.push_back(describeTensor(builder, nameOf(main.getResultAttr(index, nameAttr)), type, symbols));
  }
  return all;
}

/// A kernel as tenon.kernels describes it: its name, nodes, launches, and whatever texts and numbers the stages left on
/// it.
DictionaryAttr describeKernel(func::FuncOp kernel, const KernelUse *use, Builder &builder) {
  SmallVector<NamedAttribute> entries;
  auto add = [&](StringRef name, Attribute value) { entries.push_back(builder.getNamedAttr(name, value)); };
  llvm::SetVector<StringRef> nodes;
  if (use)
    nodes = use->nodes;
  if (nodes.empty())
    collectNodeNames(kernel.getLoc(), nodes);
  add("name", builder.getStringAttr(kernel.getSymName()));
  add("nodes", builder.getStrArrayAttr(nodes.getArrayRef()));
  add("launches", builder.getI64IntegerAttr(use ? use->launches : 0));
  add("phases", kernel->getAttr(phasesAttr));
  for (NamedAttribute attribute : kernel->getDiscardableAttrs()) {
    StringRef name = attribute.getName();
    if (name.consume_front("nn.") && isa<StringAttr, IntegerAttr, FloatAttr, ArrayAttr>(attribute.getValue()) &&
        attribute.getName() != resultsAttr && attribute.getName() != inPlaceAttr)
      add("nn." + name.str(), attribute.getValue());
  }
  return builder.getDictionaryAttr(entries);
}

struct LowerMainPass : impl::LowerMainBase<LowerMainPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>(mainName);
    if (!main || !main->hasAttr(arenaBytesAttr)) {
      module.emitError("expected a function @main whose memory is planned");
      return signalPassFailure();
    }
    Abi abi(&getContext());
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto planFunction = LLVM::LLVMFuncOp::create(builder, main.getLoc(), planName, abi.plan, LLVM::Linkage::Internal);
    auto runFunction = LLVM::LLVMFuncOp::create(builder, main.getLoc(), runName, abi.run, LLVM::Linkage::Internal);

    int64_t arenaBytes = main->getAttrOfType<IntegerAttr>(arenaBytesAttr).getInt();
    auto conflicts = main->getAttrOfType<ArrayAttr>(conflictsAttr);
    ShapePlan plan(main, planFunction, abi, arenaBytes, conflicts);
    MainEmitter emitter(main, runFunction, abi, plan);
    if (failed(emitter.emit()))
      return signalPassFailure();
    int64_t tableSlots = plan.finish();

    SmallVector<Attribute> kernels;
    SmallVector<func::FuncOp> functions;
    for (auto function : module.getOps<func::FuncOp>())
      functions.push_back(function);
    for (func::FuncOp function : functions) {
      if (!function->hasAttr(kernelAttr))
        continue;
      auto use = emitter.kernels().find(function);
      kernels.push_back(describeKernel(function, use == emitter.kernels().end() ? nullptr : &use->second, builder));
    }
    module->setAttr(inputsAttr, builder.getArrayAttr(describeInputs(main, builder)));
    module->setAttr(outputsAttr, builder.getArrayAttr(describeOutputs(main, emitter.extents(), builder)));
    module->setAttr(kernelsAttr, builder.getArrayAttr(kernels));
    module->setAttr(buffersAttr, main->getAttr(buffersAttr));
    module->setAttr(tableSlotsAttr, builder.getI64IntegerAttr(tableSlots));
    // Without planned buffers the arena's size does not depend on extents.
    if (conflicts.empty())
      module->setAttr(arenaBytesAttr, builder.getI64IntegerAttr(arenaBytes));
    setWeights(module, emitter.weights().weights());
    for (func::FuncOp function : functions)
      function.erase();
  }
};

} // namespace
} // namespace tenon::codegen
