//===- ScheduleMap.cpp - results element by element along the last dimension ---------------===//
//
// The last dimension is the last one that may have more than one element.
// Expects: every op of the body has a pointwise definition. Guarantees: each result element is computed and stored
// once; tasks are runs of rows (or of elements where there is one row). A concatenation is one sweep per operand.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Kernel.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// A value to compute at each index of a sweep and where to store it: at the same index of a result, moved by `start`
/// along `axis` if that is not negative.
struct Target {
  size_t result;
  Value value;
  int64_t axis = -1;
  Value start = {};
};

/// Results of one shape, computed in one pass.
struct Sweep {
  SmallVector<Target> targets;
  SmallVector<Value> extents;
};

} // namespace

static void storeTargets(Kernel &kernel, const Sweep &sweep, ElementEmitter &emitter, ArrayRef<LaneIndex> indices) {
  // All is read before anything is written: a result may lie over an operand (see markInPlace).
  SmallVector<Value> elements;
  for (const Target &target : sweep.targets)
    elements.push_back(emitter.emit(target.value, indices));
  for (auto [target, element] : llvm::zip(sweep.targets, elements)) {
    Type elementType = cast<RankedTensorType>(target.value.getType()).getElementType();
    SmallVector<LaneIndex> to(indices);
    if (target.axis >= 0)
      to[target.axis].base = emitter.add(to[target.axis].base, target.start);
    emitter.store(element, elementType, kernel.resultBuffer(target.result),
                  kernel.extents(kernel.results()[target.result]), to);
  }
}

namespace {
/// An axis that each element of the body is a loop over, with lanes of its own (ElementEmitter::setRowLanes).
struct RowAxis {
  Value extent;      ///< null: there is none
  int64_t lanes = 1; ///< of the input, at most as many as of 32-bit numbers
};
} // namespace

static RowAxis rowAxisOf(Kernel &kernel) {
  for (Operation *op : kernel.ops())
    if (auto reduce = dyn_cast<nn::ArgReduceOp>(op); reduce && !kernel.reference) {
      ArrayRef<Value> extents = kernel.extents(reduce.getInput());
      if (reduce.getAxis() + 1 != extents.size())
        continue;
      Type element = storageType(cast<RankedTensorType>(reduce.getInput().getType()).getElementType());
      int64_t lanes = kernel.machine.lanes(std::max<int64_t>(element.getIntOrFloatBitWidth() / 8, 4));
      // No more than a known length, so that no element is left over (ElementEmitter::emitArgReduce).
      if (std::optional<int64_t> length = getConstantIntValue(OpFoldResult(extents.back())); length && *length > 1)
        lanes = std::min<int64_t>(lanes, llvm::bit_floor<uint64_t>(*length));
      return {extents.back(), lanes};
    }
  return {};
}

void rowPhase(Kernel &kernel, ArrayRef<Value> extents, const RowWork &work,
              function_ref<void(ElementEmitter &, ArrayRef<LaneIndex>, Value, Value)> row) {
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter plain = kernel.emitter(1);
  Value inner = extents.empty() ? plain.constant(1) : extents.back();
  ArrayRef<Value> outer = extents.empty() ? extents : extents.drop_back();
  Value rows = product(plain, outer), elements = plain.mul(rows, inner);
  if (work.perElement)
    elements = plain.mul(elements, work.perElement);
  bool oneRow = getConstantIntValue(OpFoldResult(rows)) == 1;

  // A task is `chunk` rows, or `chunk` elements of the only row (a multiple of every vector length).
  Value chunk;
  if (oneRow) {
    chunk = plain.constant(work.perTask);
  } else {
    Value positive = b.createOrFold<arith::MaxUIOp>(inner, plain.constant(1));
    chunk = b.createOrFold<arith::CeilDivUIOp>(plain.constant(work.perTask), positive);
  }
  Value units = oneRow ? inner : rows;
  Value tasks = b.createOrFold<arith::CeilDivUIOp>(units, chunk);
  kernel.phase(tasks, kernel.workOf(elements), plain.constant(0), kernel.canFail(),
               [&](Value begin, Value end, Value, Value status) {
                 ElementEmitter emitter = kernel.emitter(work.lanes);
                 emitter.setStatus(status);
                 Value from = emitter.mul(begin, chunk),
                       to = b.createOrFold<arith::MinUIOp>(emitter.mul(end, chunk), units);
                 if (oneRow) {
                   row(emitter, SmallVector<LaneIndex>(outer.size(), LaneIndex{emitter.constant(0)}), from, to);
                 } else {
                   forEachPlace(emitter, outer, from, to,
                                [&](ArrayRef<LaneIndex> place) { row(emitter, place, emitter.constant(0), inner); });
                 }
                 kernel.setPath(kernel.reference ? "reference" : emitter.usedScalarPath() ? "gather" : "vector");
               });
}

/// How many vectors of a row follow each other without a loop. Those of nearest neighbours along the row: from where
/// lanes are picked is the same for each row, and stays in registers. With weights there is too much to keep.
static int64_t vectorsInRow(Kernel &kernel) {
  auto op = kernel.ops().size() == 1 ? dyn_cast<nn::ResampleOp>(kernel.ops().front()) : nn::ResampleOp();
  if (!op || !op.getWeights().empty() || op.getDims().empty() ||
      op.getDims().back() + 1 != cast<RankedTensorType>(op.getType()).getRank())
    return 0;
  constexpr double most = 12; // vectors that lanes are picked by; a few ms to compile
  double windows = std::ceil(op.getAdvances().back());
  return windows > 0 ? static_cast<int64_t>(most / windows) : 0;
}

static void sweepPhase(Kernel &kernel, const Sweep &sweep) {
  ArrayRef<Value> rowExtents = withoutLastUnits(sweep.extents);
  bool scalar = rowExtents.empty();
  RowAxis axis = rowAxisOf(kernel);
  RowWork work;
  if (axis.extent) {
    constexpr int64_t usualRow = 64;
    int64_t row = getConstantIntValue(OpFoldResult(axis.extent)).value_or(usualRow);
    work.perTask = std::max<int64_t>(work.perTask / std::max<int64_t>(row, 1), 1);
    work.perElement = axis.extent;
  } else if (!scalar) {
    work.lanes = kernel.lanes(rowExtents.back());
  }
  int64_t mostInRow = work.lanes > 1 ? vectorsInRow(kernel) : 0;
  rowPhase(kernel, rowExtents, work, [&](ElementEmitter &emitter, ArrayRef<LaneIndex> outer, Value first, Value last) {
    auto body = [&](ElementEmitter &e, Value position) {
      SmallVector<LaneIndex> indices(outer);
      if (!scalar)
        indices.push_back({position, e.lanes() == 1 ? 0 : 1});
      indices.resize(sweep.extents.size(), {e.constant(0)});
      storeTargets(kernel, sweep, e, indices);
    };
    emitter.setRowLanes(axis.lanes);
    vectorLoop(emitter, kernel.machine, first, last, body, mostInRow);
  });
}

//===----------------------------------------------------------------------===//
// Fewer dimensions
//===----------------------------------------------------------------------===//

/// Merges neighbouring dimensions along which all tensors advance alike, so that rows are long and indices few. Only
/// for bodies of elementwise ops, which do not ask for particular dimensions.
static void collapseDimensions(Kernel &kernel) {
  for (Operation *op : kernel.ops())
    if (!op->hasTrait<nn::Elementwise>() && !isa<nn::ConstantOp>(op))
      return;
  SmallVector<Value> space(kernel.extents(kernel.results().front())), tensors;
  for (BlockArgument argument : kernel.function.getArguments())
    if (isa<RankedTensorType>(argument.getType()))
      tensors.push_back(argument);
  for (Operation *op : kernel.ops())
    tensors.push_back(op->getResult(0));

  // Per tensor and dimension of the space: does it advance there? Extents that only the run time can compare end this.
  SmallVector<SmallVector<bool>> advances;
  for (Value tensor : tensors) {
    ArrayRef<Value> extents = kernel.extents(tensor);
    SmallVector<bool> list(space.size(), false);
    for (size_t d = 0; d < extents.size(); ++d) {
      size_t at = space.size() - extents.size() + d;
      bool isOne = getConstantIntValue(OpFoldResult(extents[d])) == 1;
      if (!isOne && !sameExtent(extents[d], space[at]))
        return;
      list[at] = !isOne;
    }
    advances.push_back(list);
  }
  // Rows that lie apart in memory stay rows.
  bool keepsRows = kernel.hasPitches();
  SmallVector<SmallVector<size_t>> groups;
  for (size_t d = 0; d < space.size(); ++d) {
    bool isRow = keepsRows && d + 1 == space.size();
    if (getConstantIntValue(OpFoldResult(space[d])) == 1 && !isRow)
      continue;
    bool joins = !groups.empty() && !isRow &&
                 llvm::all_of(advances, [&](ArrayRef<bool> list) { return list[d] == list[groups.back().front()]; });
    if (joins)
      groups.back().push_back(d);
    else
      groups.push_back({d});
  }
  ElementEmitter plain = kernel.emitter(1);
  SmallVector<Value> merged;
  for (ArrayRef<size_t> group : groups) {
    Value extent = plain.constant(1);
    for (size_t d : group)
      extent = plain.mul(extent, space[d]);
    merged.push_back(extent);
  }
  for (auto [tensor, list] : llvm::zip(tensors, advances)) {
    SmallVector<Value> extents;
    for (auto [group, extent] : llvm::zip(groups, merged))
      extents.push_back(list[group.front()] ? extent : plain.constant(1));
    kernel.setExtents(tensor, extents);
  }
}

/// Says which results may be written over which arguments: in a body of elementwise ops an element of an argument with
/// the result's extents and width is read only for the result element at the same place.
static void markInPlace(Kernel &kernel) {
  for (Operation *op : kernel.ops())
    if (!op->hasTrait<nn::Elementwise>() && !isa<nn::ConstantOp>(op))
      return;
  for (Value tensor : kernel.results()) // several sweeps would read what an earlier one has overwritten
    if (!sameExtents(kernel.extents(tensor), kernel.extents(kernel.results().front())))
      return;
  auto isPitched = [](const Buffer &buffer) { return buffer.pitch != 0; };
  auto width = [](Value tensor) {
    return storageType(cast<RankedTensorType>(tensor.getType()).getElementType()).getIntOrFloatBitWidth();
  };
  SmallVector<Attribute> pairs;
  int64_t number = 0;
  for (BlockArgument argument : kernel.function.getArguments()) {
    if (!isa<RankedTensorType>(argument.getType()))
      continue;
    for (auto [result, tensor] : llvm::enumerate(kernel.results()))
      if (width(argument) == width(tensor) && sameExtents(kernel.extents(argument), kernel.extents(tensor)) &&
          !isPitched(kernel.argumentBuffer(argument)) && !isPitched(kernel.resultBuffer(result)))
        pairs.push_back(kernel.builder.getI64ArrayAttr({static_cast<int64_t>(result), number}));
    ++number;
  }
  if (!pairs.empty())
    kernel.function->setAttr("nn.in_place", kernel.builder.getArrayAttr(pairs));
}

//===----------------------------------------------------------------------===//
// Elements side by side
//===----------------------------------------------------------------------===//

/// A concatenation of a few inputs of one element each along the last dimension, the only result; or null.
static nn::ConcatOp findInterleaving(Kernel &kernel) {
  constexpr size_t most = 8; // vectors in registers, and shuffles: one less than inputs for each vector
  auto concat = kernel.results().front().getDefiningOp<nn::ConcatOp>();
  if (!concat || kernel.hasPitches() || kernel.results().size() != 1 || concat.getInputs().size() < 2 ||
      concat.getInputs().size() > most)
    return {};
  auto type = cast<RankedTensorType>(concat.getType());
  bool isLast = static_cast<int64_t>(concat.getAxis()) + 1 == type.getRank() && type.getRank() > 1;
  bool areSingle =
      llvm::all_of(concat.getInputs(), [&](Value input) { return known(kernel.extents(input).back()) == 1; });
  return isLast && areSingle && registerType(type.getElementType()) == storageType(type.getElementType())
             ? concat
             : nn::ConcatOp();
}

/// One row of all elements, where the inputs are read as they lie.
static void joinRows(Kernel &kernel, nn::ConcatOp concat) {
  if (!llvm::all_of(concat.getInputs(), [](Value input) { return isa<BlockArgument>(input); }))
    return;
  ElementEmitter plain = kernel.emitter(1);
  ArrayRef<Value> extents = kernel.extents(concat.getResult());
  Value row = product(plain, extents.drop_back()), last = extents.back();
  for (Value input : concat.getInputs())
    kernel.setExtents(input, {row, plain.constant(1)});
  kernel.setExtents(concat.getResult(), {row, last});
}

/// A vector of each input becomes as many vectors of the result.
static void interleavePhase(Kernel &kernel, nn::ConcatOp concat) {
  ImplicitLocOpBuilder &b = kernel.builder;
  Type element = cast<RankedTensorType>(concat.getType()).getElementType();
  ArrayRef<Value> extents = kernel.extents(concat.getResult()), rows = withoutLastUnits(extents.drop_back());
  int64_t count = concat.getInputs().size();
  ElementEmitter plain = kernel.emitter(1);
  // Where results go: the row's dimension and that of the inputs as one.
  SmallVector<Value> merged(rows);
  merged.back() = plain.mul(merged.back(), plain.constant(count));
  RowWork work{kernel.lanes(rows.back()), std::max<int64_t>(elementsPerTask / count, 1), plain.constant(count)};
  rowPhase(kernel, rows, work, [&](ElementEmitter &e, ArrayRef<LaneIndex> outer, Value first, Value last) {
    auto at = [&](LaneIndex position) {
      SmallVector<LaneIndex> indices(outer);
      indices.push_back(position);
      return indices;
    };
    auto elements = [&](ElementEmitter &from, LaneIndex position) {
      ElementEmitter::Scope scope(from);
      SmallVector<LaneIndex> indices = at(position);
      indices.resize(extents.size(), {from.constant(0)});
      return llvm::map_to_vector(concat.getInputs(), [&](Value input) { return from.emit(input, indices); });
    };
    int64_t lanes = e.lanes();
    Value step = e.constant(lanes), whole = e.add(first, e.mul(e.div(e.sub(last, first), step), step));
    if (lanes > 1)
      countedLoop(b, first, whole, step, [&](Value position) {
        SmallVector<Value> vectors = rearrangeLanes(b, elements(e, {position, 1}), lanes,
                                                    [&](int64_t i) { return i % count * lanes + i / count; });
        for (int64_t v = 0; v < count; ++v) {
          Value to = e.add(e.mul(position, e.constant(count)), e.constant(v * lanes));
          e.store(vectors[v], element, kernel.resultBuffer(0), merged, at({to, 1}));
        }
      });
    ElementEmitter scalar(e, 1);
    countedLoop(b, lanes > 1 ? whole : first, last, e.constant(1), [&](Value position) {
      for (auto [c, value] : llvm::enumerate(elements(scalar, {position}))) {
        Value to = e.add(e.mul(position, e.constant(count)), e.constant(c));
        scalar.store(value, element, kernel.resultBuffer(0), merged, at({to}));
      }
    });
  });
}

void scheduleMap(Kernel &kernel) {
  if (!kernel.reference) {
    markInPlace(kernel);
    collapseDimensions(kernel);
    if (nn::ConcatOp concat = findInterleaving(kernel)) {
      joinRows(kernel, concat);
      return interleavePhase(kernel, concat);
    }
  }
  SmallVector<Sweep> sweeps;
  auto sweepOver = [&](ArrayRef<Value> extents) -> Sweep & {
    for (Sweep &sweep : sweeps)
      if (sameExtents(sweep.extents, extents))
        return sweep;
    return sweeps.emplace_back(Sweep{{}, SmallVector<Value>(extents)});
  };
  ElementEmitter plain = kernel.emitter(1);
  for (auto [number, tensor] : llvm::enumerate(kernel.results())) {
    auto concat = tensor.getDefiningOp<nn::ConcatOp>();
    if (!concat || kernel.reference) {
      sweepOver(kernel.extents(tensor)).targets.push_back({number, tensor});
      continue;
    }
    Value start = plain.constant(0);
    int64_t axis = concat.getAxis();
    for (Value input : concat.getInputs()) {
      sweepOver(kernel.extents(input)).targets.push_back({number, input, axis, start});
      start = plain.add(start, kernel.extents(input)[axis]);
    }
  }
  for (const Sweep &sweep : sweeps)
    sweepPhase(kernel, sweep);
}

} // namespace tenon::schedule
