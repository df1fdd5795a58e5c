//===- PlaceParts.cpp - parts of tensors written and read where they lie -------------------===//
//
// Expects: @main and kernels as FormKernels leaves them. Guarantees: what @main calls nn.join and nn.part moves no
// data, and every kernel says at which distance it finds the rows of its tensors (nn.pitches); only kernels whose
// schedules know such distances get one (schedulePitched in compiler/Schedule/ScheduleKernels.cpp).
//
// First slices are decided on, then concatenations from the widest to the narrowest: one whose value is a part of a
// wider one lies there, and so does one whose operands already lie next to each other.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Fuse/Groups.h"
#include "compiler/Fuse/Passes.h"

#include "dialects/nn/NnPlaces.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace tenon::fuse {

#define GEN_PASS_DEF_PLACEPARTS
#include "compiler/Fuse/Passes.h.inc"

namespace {

/// The only op of a kernel that computes tensors, if it is one.
template <typename OpTy> OpTy onlyOp(func::FuncOp kernel) {
  OpTy found;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (llvm::none_of(op.getResultTypes(), llvm::IsaPred<RankedTensorType>))
      continue;
    if (found || !isa<OpTy>(op))
      return OpTy();
    found = cast<OpTy>(op);
  }
  return found;
}

int64_t rankOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getRank(); }

bool hasKnownRows(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.getRank() > 0 && !type.isDynamicDim(type.getRank() - 1) && type.getShape().back() > 0;
}

/// Concatenation of kernel arguments along the last dimension.
nn::ConcatOp concatOfRows(func::FuncOp kernel) {
  auto concat = onlyOp<nn::ConcatOp>(kernel);
  bool joinsRows =
      concat && concat.getInputs().size() > 1 &&
      static_cast<int64_t>(concat.getAxis()) + 1 == rankOf(concat.getResult()) &&
      llvm::all_of(concat.getInputs(), [](Value input) { return isa<BlockArgument>(input) && hasKnownRows(input); });
  return joinsRows ? concat : nn::ConcatOp();
}

/// A slice that takes a constant range of the last dimension, and all of the others as far as offsets and steps say.
nn::SliceOp sliceOfRows(func::FuncOp kernel) {
  auto slice = onlyOp<nn::SliceOp>(kernel);
  if (!slice || !isa<BlockArgument>(slice.getInput()) || !hasKnownRows(slice.getInput()) ||
      !hasKnownRows(slice.getResult()) || !getConstantIntValue(OpFoldResult(Value(slice.getOffsets().back()))))
    return nn::SliceOp();
  bool isPlain = llvm::all_of(slice.getSteps(), [](Value step) { return matchPattern(step, m_One()); }) &&
                 llvm::all_of(slice.getOffsets().drop_back(), [](Value o) { return matchPattern(o, m_Zero()); });
  return isPlain ? slice : nn::SliceOp();
}

/// The operand whose rows an op reads at any distance, beside elementwise ops, which do for all: of ops whose schedules
/// read it through addresses of their own, or element by element.
Value pitchedOperand(Operation *op) {
  if (auto conv = dyn_cast<nn::ConvOp>(op))
    return conv.getChannelsLast() && conv.getPacking() ? conv.getInput() : Value();
  if (auto matmul = dyn_cast<nn::MatmulOp>(op))
    return matmul.getPacking() && !matmul.getTransposeLhs() ? matmul.getLhs() : Value();
  if (auto pool = dyn_cast<nn::PoolOp>(op))
    return pool.getChannelsLast() ? pool.getInput() : Value();
  if (auto resample = dyn_cast<nn::ResampleOp>(op))
    return llvm::is_contained(resample.getDims(), rankOf(resample.getInput()) - 1) ? Value() : resample.getInput();
  return Value();
}

int64_t rowBytes(Value tensor) {
  Type element = nn::storageType(cast<RankedTensorType>(tensor.getType()).getElementType());
  return nn::rowLength(tensor) * element.getIntOrFloatBitWidth() / 8;
}

/// Rows that fill a vector of the widest registers. Elementwise kernels are slower than a copy on shorter ones, which
/// they cannot take several of at a time if they lie apart.
constexpr int64_t vectorBytes = 64;

/// Whether the schedule of `kernel` finds rows of its results, and of some arguments, at any distance.
bool knowsPitches(func::FuncOp kernel) {
  if (concatOfRows(kernel) || sliceOfRows(kernel))
    return true;
  bool hasRoot = false;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (llvm::none_of(op.getResultTypes(), llvm::IsaPred<RankedTensorType>) || isa<nn::ConstantOp>(op) ||
        op.hasTrait<nn::Elementwise>())
      continue;
    if (hasRoot || !pitchedOperand(&op))
      return false;
    hasRoot = true;
  }
  return llvm::all_of(kernel.getBody().front().getTerminator()->getOperands(), [&](Value result) {
    return hasKnownRows(result) && (hasRoot || rowBytes(result) >= vectorBytes);
  });
}

/// Whether it does so for one of its arguments.
bool knowsPitch(func::FuncOp kernel, unsigned argument) {
  return knowsPitches(kernel) && llvm::all_of(kernel.getArgument(argument).getUses(), [](OpOperand &use) {
           Operation *op = use.getOwner();
           return op->hasTrait<nn::Elementwise>() || isa<nn::ConcatOp, nn::SliceOp>(op) ||
                  (pitchedOperand(op) == use.get() && use.getOperandNumber() == 0);
         });
}

/// Kernels that may run between one that makes a part and the first concatenation that takes it. What was made long ago
/// has left the cache: reading it piece by piece, among what has been made since, costs more than a copy of it
/// (docs/performance/2026-11-copies-maxima-extents.md).
constexpr int64_t mostKernelsBetween = 12;

class PartPlacer {
public:
  explicit PartPlacer(func::FuncOp main) : main(main), symbols(main->getParentOfType<ModuleOp>()) {}

  LogicalResult run() {
    main.walk([&](nn::LaunchOp launch) {
      ++launchCount[launch.getCallee()];
      positions[launch] = launches.size();
      launches.push_back(launch);
    });
    for (nn::LaunchOp launch : launches)
      if (nn::SliceOp slice = sliceOfRows(kernelOf(launch)))
        placeSlice(launch, slice);
    placeConcats();
    rewrite();
    return setPitches();
  }

private:
  /// A concatenation that becomes a join; operands that are to be copied into it.
  struct Join {
    nn::LaunchOp launch;
    SmallVector<Value> parts;
    SmallVector<size_t> copied;
  };

  func::FuncOp kernelOf(nn::LaunchOp launch) { return symbols.lookup<func::FuncOp>(launch.getCallee()); }

  /// Whether all that use `tensor` find its rows at any distance.
  bool isReadAnywhere(Value tensor) {
    return llvm::all_of(tensor.getUses(), [&](OpOperand &use) {
      auto launch = dyn_cast<nn::LaunchOp>(use.getOwner());
      return launch && use.getOperandNumber() < launch.getInputs().size() && launchCount[launch.getCallee()] == 1 &&
             knowsPitch(kernelOf(launch), use.getOperandNumber());
    });
  }

  /// Extents of the result of a launch; of other tensors nothing is known beyond their types.
  static SmallVector<OpFoldResult> extentsOf(Value tensor) {
    auto launch = tensor.getDefiningOp<nn::LaunchOp>();
    SmallVector<OpFoldResult> extents;
    ValueRange dynamic = launch ? ValueRange(launch.getExtents()) : ValueRange();
    Builder builder(tensor.getContext());
    auto next = dynamic.begin();
    for (Value result : launch ? ValueRange(launch.getResults()) : ValueRange(tensor)) {
      extents.clear();
      for (int64_t size : cast<RankedTensorType>(result.getType()).getShape())
        extents.push_back(!ShapedType::isDynamic(size) ? OpFoldResult(builder.getIndexAttr(size))
                          : launch                     ? OpFoldResult(*next++)
                                                       : OpFoldResult());
      if (result == tensor)
        break;
    }
    return extents;
  }

  /// Whether the rows of `x` and `y` are as many. Extents that differ as values but follow from the inputs' are
  /// compared before anything runs (nn.require), as long as no condition decides whether they matter.
  bool haveEqualOuterExtents(Value x, Value y, bool isCheckedFirst) {
    if (rankOf(x) != rankOf(y))
      return false;
    SmallVector<OpFoldResult> ofX = extentsOf(x), ofY = extentsOf(y);
    return llvm::all_of(llvm::zip(ArrayRef(ofX).drop_back(), ArrayRef(ofY).drop_back()), [&](auto pair) {
      auto [a, b] = pair;
      auto dependsOnInputs = [](OpFoldResult extent) {
        auto value = dyn_cast_if_present<Value>(extent);
        return value && !dependsOnData(value);
      };
      return a && b && (a == b || (isCheckedFirst && dependsOnInputs(a) && dependsOnInputs(b)));
    });
  }

  /// Whether `tensor` becomes an output of the model, by views only.
  static bool isReturned(Value tensor) {
    return llvm::any_of(tensor.getUsers(), [](Operation *user) {
      return isa<func::ReturnOp>(user) || (isa<nn::ReshapeOp, tensor::CastOp>(user) && isReturned(user->getResult(0)));
    });
  }

  void placeSlice(nn::LaunchOp launch, nn::SliceOp slice) {
    Value whole = launch.getInputs().front(), part = launch.getResult(0);
    if (!isReadAnywhere(part) || !haveEqualOuterExtents(whole, part, /*isCheckedFirst=*/false))
      return;
    places.set(part, {whole, *getConstantIntValue(OpFoldResult(Value(slice.getOffsets().back())))});
    slices.push_back(launch);
  }

  void placeConcats() {
    SmallVector<Value> concats;
    for (nn::LaunchOp launch : launches)
      if (concatOfRows(kernelOf(launch)))
        concats.push_back(launch.getResult(0));
    for (Value concat : nn::widestFirst(concats))
      placeConcat(concat.getDefiningOp<nn::LaunchOp>());
  }

  void placeConcat(nn::LaunchOp launch) {
    Join join{launch, {}, {}};
    for (Value input : concatOfRows(kernelOf(launch)).getInputs())
      join.parts.push_back(launch.getInputs()[cast<BlockArgument>(input).getArgNumber()]);
    Value result = launch.getResult(0);
    nn::Places::Place start = places.of(join.parts.front());
    if (!places.isPlaced(result) && lieInOrder(join.parts, start)) {
      if (isReadAnywhere(result)) {
        places.set(result, start);
        joins.push_back(join);
      }
      return;
    }
    if (!places.isPlaced(result) && isReturned(result))
      return;
    nn::Places before = places;
    nn::Places::Place target = places.of(result);
    int64_t copied = 0;
    for (auto [number, part] : llvm::enumerate(join.parts)) {
      bool isRepeated = llvm::is_contained(ArrayRef(join.parts).take_front(number), part);
      if (!isRepeated && !places.isPlaced(part) && canPlace(part, launch)) {
        places.set(part, target);
      } else if (isRepeated || !places.isPlaced(part) || !(places.of(part) == target)) {
        join.copied.push_back(number);
        copied += nn::rowLength(part);
      }
      target.offset += nn::rowLength(part);
    }
    // Where half is copied anyway, the join's memory would be alive longer for little.
    if (2 * copied < nn::rowLength(result))
      joins.push_back(join);
    else
      places = before;
  }

  /// Whether parts already lie next to each other in a join.
  bool lieInOrder(ArrayRef<Value> parts, nn::Places::Place place) {
    return llvm::all_of(parts, [&](Value part) {
      bool lies = places.isPlaced(part) && places.of(part) == place;
      place.offset += nn::rowLength(part);
      return lies;
    });
  }

  /// Whether the launch that makes `part` can write it to a place of the concatenation `launch`.
  bool canPlace(Value part, nn::LaunchOp launch) {
    auto producer = part.getDefiningOp<nn::LaunchOp>();
    if (!producer || producer->getBlock() != launch->getBlock() || launchCount[producer.getCallee()] != 1 ||
        !knowsPitches(kernelOf(producer)) || !isReadAnywhere(part))
      return false;
    return isJoinedSoon(producer, part) &&
           haveEqualOuterExtents(part, launch.getResult(0), launch->getBlock() == &main.getBody().front());
  }

  /// Whether a concatenation takes `part` not long after `producer` has made it.
  bool isJoinedSoon(nn::LaunchOp producer, Value part) {
    return llvm::any_of(part.getUsers(), [&](Operation *user) {
      auto launch = cast<nn::LaunchOp>(user);
      return concatOfRows(kernelOf(launch)) && positions[launch] - positions[producer] - 1 <= mostKernelsBetween;
    });
  }

  //===--- Rewriting ---===//

  void rewrite() {
    for (Join &join : joins) {
      if (!join.copied.empty())
        copyParts(join);
      OpBuilder builder(join.launch);
      Value result = join.launch.getResult(0);
      auto op = nn::JoinOp::create(builder, join.launch.getLoc(), result.getType(), join.parts);
      replace(join.launch, op.getResult());
    }
    for (nn::LaunchOp launch : slices) {
      nn::SliceOp slice = sliceOfRows(kernelOf(launch));
      OpBuilder builder(launch);
      auto op = nn::PartOp::create(builder, launch.getLoc(), launch.getResult(0).getType(), launch.getInputs().front(),
                                   *getConstantIntValue(OpFoldResult(Value(slice.getOffsets().back()))));
      replace(launch, op.getResult());
    }
  }

  void replace(nn::LaunchOp launch, Value result) {
    func::FuncOp kernel = kernelOf(launch);
    for (Join &join : joins)
      llvm::replace(join.parts, launch.getResult(0), result);
    launch.getResult(0).replaceAllUsesWith(result);
    launch.erase();
    if (launchCount[kernel.getSymName()]-- == 1)
      symbols.erase(kernel);
  }

  /// A kernel that copies operands of a concatenation, and its launch in front of it.
  void copyParts(Join &join) {
    nn::LaunchOp launch = join.launch;
    func::FuncOp concat = kernelOf(launch);
    Builder attributes(launch.getContext());
    llvm::SetVector<Value> inputs;
    SmallVector<Type> types, resultTypes;
    SmallVector<Value> extents;
    SmallVector<Attribute> lists;
    auto allLists = concat->getAttrOfType<ArrayAttr>("nn.extents");
    for (size_t number : join.copied) {
      Value part = join.parts[number];
      auto list = cast<DenseI64ArrayAttr>(allLists[llvm::find(launch.getInputs(), part) - launch.getInputs().begin()]);
      resultTypes.push_back(part.getType());
      for (int64_t scalar : list.asArrayRef())
        extents.push_back(launch.getScalars()[scalar]);
      if (!inputs.insert(part))
        continue;
      types.push_back(part.getType());
      lists.push_back(list);
    }
    llvm::append_range(types, launch.getScalars().getTypes());

    OpBuilder builder(launch.getContext());
    builder.setInsertionPoint(concat);
    auto kernel = func::FuncOp::create(builder, launch.getLoc(), "copy", builder.getFunctionType(types, resultTypes));
    kernel.setPrivate();
    kernel->setAttr("nn.kernel", builder.getUnitAttr());
    kernel->setAttr("nn.extents", builder.getArrayAttr(lists));
    builder.setInsertionPointToStart(kernel.addEntryBlock());
    SmallVector<Value> copies;
    for (size_t number : join.copied) {
      Value from = kernel.getArgument(llvm::find(inputs, join.parts[number]) - inputs.begin());
      copies.push_back(nn::ConcatOp::create(builder, launch.getLoc(), from.getType(), from, rankOf(from) - 1));
    }
    func::ReturnOp::create(builder, launch.getLoc(), copies);
    symbols.insert(kernel);
    ++launchCount[kernel.getSymName()];

    builder.setInsertionPoint(launch);
    auto copy = nn::LaunchOp::create(builder, launch.getLoc(), resultTypes, kernel.getSymName(), inputs.getArrayRef(),
                                     launch.getScalars(), extents);
    for (auto [number, result] : llvm::zip(join.copied, copy.getResults()))
      join.parts[number] = result;
  }

  /// Tells every kernel how far apart it finds rows.
  LogicalResult setPitches() {
    nn::Places final(main);
    if (Operation *join = final.contradiction())
      return join->emitError("a part lies in another join");
    main.walk([&](nn::LaunchOp launch) {
      SmallVector<int64_t> pitches;
      for (Value tensor : launch.getInputs())
        pitches.push_back(final.pitch(tensor));
      for (Value tensor : launch.getResults())
        pitches.push_back(final.pitch(tensor));
      if (llvm::any_of(pitches, [](int64_t pitch) { return pitch != 0; }))
        kernelOf(launch)->setAttr(nn::pitchesAttr, DenseI64ArrayAttr::get(launch.getContext(), pitches));
    });
    return success();
  }

  func::FuncOp main;
  SymbolTable symbols;
  nn::Places places;
  llvm::StringMap<int64_t> launchCount;
  SmallVector<nn::LaunchOp> launches, slices;
  llvm::DenseMap<Operation *, int64_t> positions; ///< in the order of launches
  SmallVector<Join> joins;
};

struct PlaceParts : impl::PlacePartsBase<PlaceParts> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (main && failed(PartPlacer(main).run()))
      signalPassFailure();
  }
};

} // namespace
} // namespace tenon::fuse
