//===- FormKernels.cpp - outline groups of ops into kernel functions -----------------------===//
//
// Expects: @main of nn ops with inferred shapes. Guarantees: @main holds launches, views, constants, scalars and
// control flow; every kernel function has attribute nn.kernel, tensors before scalars, and no tensor.dim.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Fuse/Groups.h"
#include "compiler/Fuse/Passes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace tenon::fuse {

#define GEN_PASS_DEF_FORMKERNELS
#include "compiler/Fuse/Passes.h.inc"

namespace {

/// Outlines one group.
class Outliner {
public:
  Outliner(ModuleOp module, nn::ExtentMap &extents, unsigned &counter)
      : module(module), extents(extents), counter(counter) {}

  void outline(Group &group) {
    collect(group);
    func::FuncOp function = createFunction(group);
    replace(group, function);
  }

private:
  /// What the kernel takes from outside and gives back.
  void collect(Group &group) {
    inputs.clear();
    scalars.clear();
    copied.clear();
    outputs.clear();
    llvm::DenseSet<Operation *> members(group.ops.begin(), group.ops.end());
    for (Operation *op : group.ops) {
      // Microkernels and functions read their operands from memory, whatever these hold.
      bool copiesSplats = !isa<nn::MatmulOp, nn::ConvOp>(op) && !op->hasTrait<nn::Text>();
      for (Value operand : op->getOperands()) {
        Operation *producer = operand.getDefiningOp();
        if (producer && members.contains(producer))
          continue;
        if ((copiesSplats && isSplatConstant(operand)) ||
            (producer && producer->hasTrait<OpTrait::ConstantLike>() && !isa<RankedTensorType>(operand.getType())))
          copied.insert(producer);
        else if (isa<RankedTensorType>(operand.getType()))
          inputs.insert(operand);
        else
          scalars.insert(operand);
      }
      for (Value result : op->getResults())
        if (op->hasTrait<nn::NeedsAllResults>() ||
            llvm::any_of(result.getUsers(), [&](Operation *user) { return !members.contains(user); }))
          outputs.push_back(result);
    }
    copied.remove_if([&](Operation *constant) { return inputs.contains(constant->getResult(0)); });
    // A group whose values nobody uses keeps its first one, so that it stays a kernel.
    if (outputs.empty())
      outputs.push_back(group.ops.back()->getResult(0));
    OpBuilder builder(group.ops.front());
    for (Value input : inputs)
      for (auto [d, extent] : llvm::enumerate(extents.get(builder, input)))
        if (cast<RankedTensorType>(input.getType()).isDynamicDim(d))
          scalars.insert(extent);
  }

  std::string name(const Group &group) {
    std::string text;
    size_t shown = 0;
    for (Operation *op : group.ops)
      if (shown++ < 4)
        text += (text.empty() ? "" : "_") + op->getName().stripDialect().str();
    return text + "_" + std::to_string(counter++);
  }

  func::FuncOp createFunction(Group &group) {
    MLIRContext *context = module.getContext();
    SmallVector<Type> argumentTypes, resultTypes;
    SmallVector<Location> locations;
    for (Value input : inputs)
      argumentTypes.push_back(input.getType());
    for (Value scalar : scalars)
      argumentTypes.push_back(scalar.getType());
    for (Value output : outputs)
      resultTypes.push_back(output.getType());
    for (Operation *op : group.ops)
      locations.push_back(op->getLoc());
    Location location = FusedLoc::get(context, locations);

    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto function =
        func::FuncOp::create(builder, location, name(group), FunctionType::get(context, argumentTypes, resultTypes));
    function.setPrivate();
    function->setAttr("nn.kernel", builder.getUnitAttr());
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToStart(entry);
    IRMapping mapping;
    for (auto [argument, value] :
         llvm::zip(entry->getArguments(), llvm::concat<const Value>(inputs.getArrayRef(), scalars.getArrayRef())))
      mapping.map(value, argument);
    for (Operation *constant : copied)
      builder.clone(*constant, mapping);
    for (Operation *op : group.ops)
      builder.clone(*op, mapping);
    SmallVector<Value> returned;
    for (Value output : outputs)
      returned.push_back(mapping.lookup(output));
    func::ReturnOp::create(builder, location, returned);

    // Which scalar is the extent of which dynamic dimension.
    SmallVector<Attribute> lists;
    for (Value input : inputs) {
      SmallVector<int64_t> numbers;
      for (auto [d, extent] : llvm::enumerate(extents.at(input)))
        if (cast<RankedTensorType>(input.getType()).isDynamicDim(d))
          numbers.push_back(std::distance(scalars.begin(), llvm::find(scalars, extent)));
      lists.push_back(builder.getDenseI64ArrayAttr(numbers));
    }
    function->setAttr("nn.extents", builder.getArrayAttr(lists));
    return function;
  }

  void replace(Group &group, func::FuncOp function) {
    OpBuilder builder(group.ops.back());
    SmallVector<Value> dynamicExtents;
    SmallVector<Type> types;
    for (Value output : outputs) {
      types.push_back(output.getType());
      for (auto [d, extent] : llvm::enumerate(extents.at(output)))
        if (cast<RankedTensorType>(output.getType()).isDynamicDim(d))
          dynamicExtents.push_back(extent);
    }
    auto launch = nn::LaunchOp::create(builder, function.getLoc(), types, function.getSymName(), inputs.getArrayRef(),
                                       scalars.getArrayRef(), dynamicExtents);
    for (auto [output, result] : llvm::zip(outputs, launch.getResults())) {
      SmallVector<Value> known(extents.at(output));
      output.replaceAllUsesWith(result);
      extents.set(result, known);
    }
    for (Operation *op : llvm::reverse(group.ops))
      op->erase();
  }

  ModuleOp module;
  nn::ExtentMap &extents;
  unsigned &counter;
  llvm::SetVector<Value> inputs, scalars;
  llvm::SetVector<Operation *> copied;
  SmallVector<Value> outputs;
};

struct FormKernels : impl::FormKernelsBase<FormKernels> {
  using FormKernelsBase::FormKernelsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    writeSelectsAsIfs(main);
    nn::ExtentMap extents;
    bindArguments(main, extents);
    unsigned counter = 0;
    formIn(main.getBody(), module, extents, counter);
    eraseUnused(main);
  }

private:
  /// Canonicalization writes an `if` that only chooses between tensors as arith.select; @main knows the `if`.
  static void writeSelectsAsIfs(func::FuncOp main) {
    SmallVector<arith::SelectOp> selects;
    main.walk([&](arith::SelectOp select) {
      if (isa<RankedTensorType>(select.getType()))
        selects.push_back(select);
    });
    for (arith::SelectOp select : selects) {
      OpBuilder builder(select);
      auto choice =
          scf::IfOp::create(builder, select.getLoc(), TypeRange(select.getType()), select.getCondition(), true);
      builder.setInsertionPointToStart(choice.thenBlock());
      scf::YieldOp::create(builder, select.getLoc(), select.getTrueValue());
      builder.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(builder, select.getLoc(), select.getFalseValue());
      select.replaceAllUsesWith(choice.getResult(0));
      select.erase();
    }
  }

  /// Extents of @main's arguments; dimensions with one name (nn.dims) are one value.
  static void bindArguments(func::FuncOp main, nn::ExtentMap &extents) {
    OpBuilder builder = OpBuilder::atBlockBegin(&main.getBody().front());
    llvm::StringMap<Value> named;
    for (BlockArgument argument : main.getArguments()) {
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (!type)
        continue;
      auto names = main.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "nn.dims");
      SmallVector<Value> values;
      for (int64_t d = 0; d < type.getRank(); ++d) {
        if (!type.isDynamicDim(d)) {
          values.push_back(arith::ConstantIndexOp::create(builder, argument.getLoc(), type.getDimSize(d)));
          continue;
        }
        StringRef name = names ? cast<StringAttr>(names[d]).getValue() : "";
        Value known = name.empty() ? Value() : named.lookup(name);
        if (!known)
          known = tensor::DimOp::create(builder, argument.getLoc(), argument, d);
        if (!name.empty())
          named.try_emplace(name, known);
        values.push_back(known);
      }
      extents.set(argument, values);
    }
  }

  void formIn(Region &region, ModuleOp module, nn::ExtentMap &extents, unsigned &counter) {
    for (Block &block : region) {
      // Those of carried tensors before any op: the first op that asks may stand behind others that use them.
      OpBuilder atStart = OpBuilder::atBlockBegin(&block);
      for (BlockArgument argument : block.getArguments())
        if (isa<RankedTensorType>(argument.getType()))
          (void)extents.get(atStart, argument);
      // Extents first, nested regions when their turn comes: what is visible there has been computed.
      for (Operation &op : llvm::make_early_inc_range(block)) {
        OpBuilder builder(&op);
        if (llvm::any_of(op.getResultTypes(), llvm::IsaPred<RankedTensorType>))
          extents.add(builder, &op);
      }
      replaceDims(block, extents);
      Grouping grouping(block, extents, singleOp, attention);
      for (Group *group : grouping.groups())
        Outliner(module, extents, counter).outline(*group);
      for (Operation &op : llvm::make_early_inc_range(block))
        for (Region &inner : op.getRegions())
          formIn(inner, module, extents, counter);
    }
  }

  /// Extents of tensors that will be results of launches are scalars already.
  static void replaceDims(Block &block, nn::ExtentMap &extents) {
    for (auto dim : llvm::make_early_inc_range(block.getOps<tensor::DimOp>())) {
      std::optional<int64_t> index = dim.getConstantIndex();
      if (!index || !extents.has(dim.getSource()))
        continue;
      Value known = extents.at(dim.getSource())[*index];
      if (known == dim.getResult())
        continue;
      dim.replaceAllUsesWith(known); // the op itself goes with whatever else is unused
    }
  }

  static void eraseUnused(func::FuncOp main) {
    SmallVector<Operation *> ops;
    main.walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : llvm::reverse(ops))
      if (op->use_empty() && op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
          !op->hasTrait<OpTrait::IsTerminator>())
        op->erase();
  }
};

} // namespace
} // namespace tenon::fuse
