//===- InferShapes.cpp - static types and extents as values of the inputs ------------------===//
//
// Expects a module of functions over tensors as Import leaves it. Guarantees that no nn op's type can be inferred more
// precisely, that no `tensor.dim` reads the result of an op whose extents can be computed, and that arguments with
// equal names in `nn.dims` have the same extents, and those that `nn.require` says. The types of functions follow.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/Passes.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_INFERSHAPESPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// The more static of two compatible types, dimension by dimension; null if they contradict each other.
RankedTensorType meet(RankedTensorType lhs, RankedTensorType rhs) {
  if (!nn::areCompatibleTypes(lhs, rhs))
    return nullptr;
  SmallVector<int64_t> shape(lhs.getShape());
  for (auto [extent, other] : llvm::zip_equal(shape, rhs.getShape()))
    extent = ShapedType::isDynamic(extent) ? other : extent;
  return RankedTensorType::get(shape, lhs.getElementType());
}

/// Whether an op may see the type of an operand change to a more static one.
bool acceptsRefinedOperands(Operation *user) {
  return isa_and_present<nn::NnDialect>(user->getDialect()) ||
         isa<tensor::DimOp, tensor::CastOp, tensor::ExtractOp, func::ReturnOp>(user);
}

/// Gives `value` the type `type`; users that need the old type get a cast.
void refine(OpBuilder &builder, Value value, RankedTensorType type) {
  Type old = value.getType();
  SmallVector<OpOperand *> fixed;
  for (OpOperand &use : value.getUses())
    if (!acceptsRefinedOperands(use.getOwner()))
      fixed.push_back(&use);
  value.setType(type);
  if (fixed.empty())
    return;
  builder.setInsertionPointAfterValue(value);
  Value cast = tensor::CastOp::create(builder, value.getLoc(), old, value);
  for (OpOperand *use : fixed)
    use->set(cast);
}

/// Refines the results of an nn op from its operands. Returns whether a type changed.
bool refineResults(OpBuilder &builder, Operation *op) {
  auto interface = dyn_cast<InferTypeOpInterface>(op);
  SmallVector<Type> types;
  if (!interface || !isa_and_present<nn::NnDialect>(op->getDialect()) ||
      failed(interface.inferReturnTypes(op->getContext(), std::nullopt, op->getOperands(),
                                        op->getDiscardableAttrDictionary(), op->getPropertiesStorage(),
                                        op->getRegions(), types)))
    return false;
  bool changed = false;
  for (auto [result, type] : llvm::zip_equal(op->getResults(), types)) {
    auto old = cast<RankedTensorType>(result.getType());
    RankedTensorType refined = meet(old, cast<RankedTensorType>(type));
    if (!refined || refined == old)
      continue;
    refine(builder, result, refined);
    changed = true;
  }
  return changed;
}

/// A branch of scf.if that yields a cast from a more static type yields its source, if both branches can; results
/// follow.
bool refineIf(OpBuilder &builder, scf::IfOp op) {
  if (op.getNumResults() == 0)
    return false;
  bool changed = false;
  auto source = [](Value value) {
    auto cast = value.getDefiningOp<tensor::CastOp>();
    return cast ? cast.getSource() : value;
  };
  scf::YieldOp thenYield = op.thenYield(), elseYield = op.elseYield();
  for (auto [index, result] : llvm::enumerate(op.getResults())) {
    auto old = dyn_cast<RankedTensorType>(result.getType());
    auto thenType = dyn_cast<RankedTensorType>(source(thenYield.getOperand(index)).getType());
    auto elseType = dyn_cast<RankedTensorType>(source(elseYield.getOperand(index)).getType());
    if (!old || !thenType || !elseType || thenType.getRank() != elseType.getRank() ||
        thenType.getRank() != old.getRank())
      continue;
    SmallVector<int64_t> shape;
    for (auto [left, right] : llvm::zip_equal(thenType.getShape(), elseType.getShape()))
      shape.push_back(left == right ? left : ShapedType::kDynamic);
    RankedTensorType refined = meet(old, RankedTensorType::get(shape, old.getElementType()));
    if (!refined || refined == old)
      continue;
    for (scf::YieldOp yield : {thenYield, elseYield}) {
      Value value = source(yield.getOperand(index));
      if (value.getType() != refined) {
        builder.setInsertionPoint(yield);
        value = tensor::CastOp::create(builder, yield.getLoc(), refined, value);
      }
      yield.setOperand(index, value);
    }
    refine(builder, result, refined);
    changed = true;
  }
  return changed;
}

/// An operand of an nn op, of tensor.dim or of a return that is a cast from a more static type is its source.
bool bypassCasts(Operation *op) {
  if (!acceptsRefinedOperands(op) || isa<tensor::CastOp>(op))
    return false;
  bool changed = false;
  for (OpOperand &operand : op->getOpOperands()) {
    auto cast = operand.get().getDefiningOp<tensor::CastOp>();
    auto from = cast ? dyn_cast<RankedTensorType>(cast.getSource().getType()) : nullptr;
    auto to = cast ? dyn_cast<RankedTensorType>(cast.getType()) : nullptr;
    if (!from || !to || meet(from, to) != from)
      continue;
    operand.set(cast.getSource());
    changed = true;
  }
  return changed;
}

void refineTypes(ModuleOp module) {
  OpBuilder builder(module.getContext());
  for (bool changed = true; changed;) {
    changed = false;
    module.walk([&](Operation *op) {
      changed |= bypassCasts(op);
      if (auto branch = dyn_cast<scf::IfOp>(op))
        changed |= refineIf(builder, branch);
      else
        changed |= refineResults(builder, op);
    });
  }
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// The name of a dimension of an argument, or "".
StringRef dimensionName(func::FuncOp function, unsigned argument, int64_t dimension) {
  auto names = function.getArgAttrOfType<ArrayAttr>(argument, "nn.dims");
  if (!names || dimension >= static_cast<int64_t>(names.size()))
    return "";
  auto name = dyn_cast<StringAttr>(names[dimension]);
  return name ? name.getValue() : "";
}

/// Makes extents of arguments that have the same name one: a constant if one of them is, else the first one's.
void unifyArgumentExtents(func::FuncOp function) {
  struct Place {
    BlockArgument argument;
    int64_t dimension;
  };
  llvm::MapVector<StringRef, SmallVector<Place>> places;
  for (BlockArgument argument : function.getArguments())
    if (auto type = dyn_cast<RankedTensorType>(argument.getType()))
      for (int64_t dimension = 0; dimension < type.getRank(); ++dimension)
        if (StringRef name = dimensionName(function, argument.getArgNumber(), dimension); !name.empty())
          places[name].push_back({argument, dimension});

  OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
  for (auto &[name, occurrences] : places) {
    auto extent = [](Place place) {
      return cast<RankedTensorType>(place.argument.getType()).getDimSize(place.dimension);
    };
    auto fixed = llvm::find_if(occurrences, [&](Place place) { return !ShapedType::isDynamic(extent(place)); });
    if (fixed != occurrences.end()) {
      for (Place place : occurrences) {
        auto type = cast<RankedTensorType>(place.argument.getType());
        SmallVector<int64_t> shape(type.getShape());
        if (!ShapedType::isDynamic(shape[place.dimension]))
          continue;
        shape[place.dimension] = extent(*fixed);
        refine(builder, place.argument, RankedTensorType::get(shape, type.getElementType()));
      }
      continue;
    }
    Value first;
    for (Place place : occurrences) {
      SmallVector<tensor::DimOp> dims;
      for (Operation *user : place.argument.getUsers())
        if (auto dim = dyn_cast<tensor::DimOp>(user); dim && dim.getConstantIndex() == place.dimension)
          dims.push_back(dim);
      for (tensor::DimOp dim : dims) {
        if (!first) {
          Place representative = occurrences.front();
          builder.setInsertionPointToStart(&function.getBody().front());
          first = tensor::DimOp::create(builder, function.getLoc(), representative.argument, representative.dimension);
        }
        if (dim.getResult() != first) {
          dim.getResult().replaceAllUsesWith(first);
          dim.erase();
        }
      }
    }
  }
}

/// What an extent of an argument has to be for `value`, that extent times constants, to be `required`.
std::optional<std::pair<tensor::DimOp, int64_t>> solveForExtent(Value value, int64_t required) {
  while (auto product = value.getDefiningOp<arith::MulIOp>()) {
    std::optional<int64_t> factor = getConstantIntValue(product.getRhs());
    value = factor ? product.getLhs() : product.getRhs();
    factor = factor ? factor : getConstantIntValue(product.getLhs());
    if (!factor || *factor <= 0 || required % *factor != 0)
      return std::nullopt;
    required /= *factor;
  }
  auto dim = value.getDefiningOp<tensor::DimOp>();
  if (!dim || !dim.getConstantIndex() || required < 0)
    return std::nullopt;
  return std::pair(dim, required);
}

/// An extent of an argument that every run requires to be a constant is that constant: what holds an input against the
/// model's signature says so before the run.
void refineRequired(func::FuncOp function) {
  OpBuilder builder(function.getContext());
  Block *entry = &function.getBody().front();
  for (auto requirement : entry->getOps<nn::RequireOp>()) {
    auto equality = requirement.getCondition().getDefiningOp<arith::CmpIOp>();
    if (!equality || equality.getPredicate() != arith::CmpIPredicate::eq)
      continue;
    Value lhs = equality.getLhs(), rhs = equality.getRhs();
    if (getConstantIntValue(lhs))
      std::swap(lhs, rhs);
    std::optional<int64_t> required = getConstantIntValue(rhs);
    auto solved = required ? solveForExtent(lhs, *required) : std::nullopt;
    if (!solved)
      continue;
    auto [dim, extent] = *solved;
    auto argument = dyn_cast<BlockArgument>(dim.getSource());
    auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
    int64_t d = *dim.getConstantIndex();
    if (!type || !argument || argument.getOwner() != entry || d < 0 || d >= type.getRank() || !type.isDynamicDim(d))
      continue;
    SmallVector<int64_t> shape(type.getShape());
    shape[d] = extent;
    refine(builder, argument, RankedTensorType::get(shape, type.getElementType()));
  }
}

/// The function's type says what its arguments and returned values are.
void updateFunctionType(func::FuncOp function) {
  SmallVector<Type> results(function.getResultTypes());
  for (Block &block : function.getBody())
    if (auto terminator = dyn_cast<func::ReturnOp>(block.getTerminator()))
      results.assign(terminator.getOperandTypes().begin(), terminator.getOperandTypes().end());
  function.setFunctionType(
      FunctionType::get(function.getContext(), function.getBody().front().getArgumentTypes(), results));
}

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

/// Erases what is not used of the ops from behind `first` (null: the start of the block) up to `last`.
void eraseUnused(Operation *first, Operation *last) {
  for (Operation *op = last->getPrevNode(); op && op != first;) {
    Operation *previous = op->getPrevNode();
    if (isOpTriviallyDead(op))
      op->erase();
    op = previous;
  }
}

/// Replaces tensor.dim of the results of `op` by what its operands say. Returns whether there was one.
bool resolveDims(Operation *op) {
  SmallVector<tensor::DimOp> dims;
  for (OpResult result : op->getResults())
    for (Operation *user : result.getUsers())
      if (auto dim = dyn_cast<tensor::DimOp>(user); dim && dim.getConstantIndex())
        dims.push_back(dim);
  if (dims.empty())
    return false;
  // What the extent is made of must be visible wherever it is used, so the arithmetic goes beside the op.
  OpBuilder builder(op);
  Operation *previous = op->getPrevNode();
  auto shapes = nn::reifyExtents(builder, op);
  bool changed = false;
  for (tensor::DimOp dim : dims) {
    auto result = cast<OpResult>(dim.getSource());
    int64_t dimension = *dim.getConstantIndex();
    if (failed(shapes) || dimension < 0 || dimension >= cast<RankedTensorType>(result.getType()).getRank())
      continue;
    OpFoldResult extent = (*shapes)[result.getResultNumber()][dimension];
    auto value = dyn_cast_if_present<Value>(extent);
    if (!extent || (value && value.getDefiningOp() == dim))
      continue;
    dim.replaceAllUsesWith(getValueOrCreateConstantIndexOp(builder, dim.getLoc(), extent));
    dim.erase();
    changed = true;
  }
  eraseUnused(previous, op);
  return changed;
}

/// Last ops first: each asks its operands once, however many ops ask it. (Patterns that know one tensor.dim at a time
/// take a time that doubles with every op that reads a value twice.)
bool resolveDims(ModuleOp module) {
  SmallVector<Operation *> ops;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (llvm::any_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>))
      ops.push_back(op);
  });
  bool changed = false;
  for (Operation *op : llvm::reverse(ops))
    changed |= resolveDims(op);
  return changed;
}

struct InferShapes : impl::InferShapesPassBase<InferShapes> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    // Types tell which extents are constant, and constants among sizes make types static: until nothing moves.
    for (int round = 0; round < maxRounds; ++round) {
      for (func::FuncOp function : module.getOps<func::FuncOp>())
        if (!function.isExternal()) {
          refineRequired(function);
          unifyArgumentExtents(function);
        }
      refineTypes(module);
      bool resolved = resolveDims(module), changed = false;
      RewritePatternSet patterns(&getContext());
      tensor::CastOp::getCanonicalizationPatterns(patterns, &getContext());
      GreedyRewriteConfig config;
      if (failed(applyPatternsGreedily(module, std::move(patterns), config, &changed)))
        return signalPassFailure();
      if (!changed && !resolved)
        break;
    }
    for (func::FuncOp function : module.getOps<func::FuncOp>())
      if (!function.isExternal())
        updateFunctionType(function);
  }

  /// Each round can make a type more static, so the number is bounded by the model; this bounds the time.
  static constexpr int maxRounds = 16;
};

} // namespace
} // namespace tenon::graph
