//===- RowProgram.cpp - what a kernel computes of rows, before anything is emitted ---------===//

#include "compiler/Schedule/RowProgram.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

bool isCostly(Operation *op) {
  return isa<nn::ExpOp, nn::LogOp, nn::ErfOp, nn::TanhOp, nn::SigmoidOp, nn::PowOp, nn::SinOp, nn::CosOp, nn::SqrtOp,
             nn::Expm1Op, nn::Log1pOp>(op);
}

/// The space and the axes that all reductions share.
std::optional<RowProgram> findRows(Kernel &kernel) {
  RowProgram program;
  bool found = false;
  for (Operation *op : kernel.ops()) {
    auto reduce = dyn_cast<nn::ReduceOp>(op);
    if (!reduce) {
      if (!op->hasTrait<nn::Elementwise>() && !isa<nn::BroadcastOp, nn::ConstantOp>(op))
        return std::nullopt;
      continue;
    }
    if (!found) {
      program.space = SmallVector<Value>(kernel.extents(reduce.getInput()));
      program.axes = SmallVector<int64_t>(reduce.getAxes());
      program.keepsDims = reduce.getKeepDims();
      found = true;
    } else if (!llvm::equal(program.axes, reduce.getAxes()) || program.keepsDims != reduce.getKeepDims() ||
               !sameExtents(program.space, kernel.extents(reduce.getInput()))) {
      return std::nullopt;
    }
  }
  if (!found || program.space.empty() || program.axes.empty())
    return std::nullopt;
  int64_t last = program.space.size() - 1, lastLong = withoutLastUnits(program.space).size() - 1;
  program.lanesInRow = program.isReduced(last) || program.isReduced(lastLong);
  // Lanes run along the last of the axes, which should have elements.
  llvm::sort(program.axes, [&](int64_t x, int64_t y) {
    return std::pair(known(program.space[x]) != 1, x) < std::pair(known(program.space[y]) != 1, y);
  });
  return program;
}

/// Whether a NaN among what `sum` adds up makes all results NaN: they are arithmetic on the sum.
bool reachesResults(Kernel &kernel, nn::ReduceOp sum) {
  llvm::DenseSet<Value> reached{sum.getResult()};
  for (Operation *op : kernel.ops())
    if (isa<nn::AddOp, nn::SubOp, nn::MulOp, nn::DivOp, nn::LogOp>(op) &&
        llvm::any_of(op->getOperands(), [&](Value operand) { return reached.contains(operand); }))
      reached.insert(op->getResult(0));
  return llvm::all_of(kernel.results(), [&](Value result) { return reached.contains(result); });
}

/// The maxima of softmax: max(x) is wanted for exp(x - max(x)) alone, and a NaN of x is in the sum of those, which all
/// results are made of. Not to ask for it makes a step of the maximum one instruction instead of three.
void findMaximaWithoutNan(Kernel &kernel, RowProgram &program) {
  for (Operation *op : kernel.ops()) {
    auto maximum = dyn_cast<nn::ReduceOp>(op);
    if (!maximum || maximum.getKind() != nn::ReduceKind::max || !maximum->hasOneUse())
      continue;
    auto difference = dyn_cast<nn::SubOp>(*maximum->user_begin());
    if (!difference || difference.getLhs() != maximum.getInput() || difference.getRhs() != maximum.getResult())
      continue;
    for (Operation *reader : kernel.ops()) {
      auto sum = dyn_cast<nn::ReduceOp>(reader);
      auto exponential = sum ? sum.getInput().getDefiningOp<nn::ExpOp>() : nn::ExpOp();
      if (exponential && sum.getKind() == nn::ReduceKind::sum && exponential.getInput() == difference.getResult() &&
          reachesResults(kernel, sum))
        program.skipsNan.insert(maximum);
    }
  }
}

/// Whether a constant has more than one element along a reduced dimension.
bool spansRow(const RowProgram &program, Value constant) {
  auto type = cast<RankedTensorType>(constant.getType());
  int64_t missing = static_cast<int64_t>(program.space.size()) - type.getRank();
  return llvm::any_of(program.axes,
                      [&](int64_t axis) { return axis >= missing && type.getDimSize(axis - missing) != 1; });
}

/// Levels, and which values have one element per row.
void assignLevels(Kernel &kernel, RowProgram &program) {
  for (Operation *op : kernel.ops()) {
    Value result = op->getResult(0);
    unsigned level = 0;
    // A broadcast makes a full row even of a row's value; a constant goes with either, unless it is as long as a row.
    bool hasRow = false, hasFull = isa<nn::BroadcastOp>(op);
    for (Value operand : op->getOperands()) {
      if (!isa<RankedTensorType>(operand.getType()))
        continue;
      level = std::max(level, program.level.lookup(operand));
      if (program.rowValues.contains(operand))
        hasRow = true;
      else if (!operand.getDefiningOp<nn::ConstantOp>() || (program.keepsDims && spansRow(program, operand)))
        hasFull = true;
    }
    bool ofRows = hasRow && !hasFull;
    if (auto reduce = dyn_cast<nn::ReduceOp>(op)) {
      if (program.passes.size() <= level)
        program.passes.resize(level + 1);
      program.passes[level].push_back(reduce);
      ++level;
      ofRows = true;
    }
    if (isa<nn::ConstantOp>(op))
      continue;
    program.level[result] = level;
    // Anything else that is not a full row must be made of row values and the like; its shape decides. What a broadcast
    // makes of them is a full row.
    bool isFull = sameExtents(kernel.extents(result), program.space);
    if (!isFull || (ofRows && !isa<nn::BroadcastOp>(op)))
      program.rowValues.insert(result);
  }
}

/// Full values that `root` needs, not looking past row values and what `stop` has.
void collectFull(const RowProgram &program, Value root, const llvm::SetVector<Value> &stop,
                 llvm::DenseSet<Value> &seen) {
  Operation *op = root.getDefiningOp();
  if (!op || program.rowValues.contains(root) || !seen.insert(root).second || stop.contains(root))
    return;
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()))
      collectFull(program, operand, stop, seen);
}

void collectRoots(Kernel &kernel, RowProgram &program) {
  for (auto &pass : program.passes) {
    program.roots.emplace_back();
    for (nn::ReduceOp reduce : pass)
      program.roots.back().push_back(reduce.getInput());
  }
  program.roots.emplace_back();
  for (Value result : kernel.results())
    if (!program.rowValues.contains(result))
      program.roots.back().push_back(result);
}

/// Whether values of neighbouring rows are worth keeping: most vectors are whole, for what a masked store has just
/// written is slow to load; and results are near, for memory costs more to write twice than an exponential (measured:
/// 2 MB gain, 16 MB lose, with 1 MB of second level). A load waits for a store that lies a multiple of a page before
/// it, as all of them do where a step along the rows is one (measured: 1.4 to 1.8 times slower; else 0.75 times).
bool keepsNeighbours(Kernel &kernel, const RowProgram &program) {
  constexpr int64_t pageBytes = 4096;
  int64_t step = 1;
  for (size_t d = program.space.size(); d-- > 0 && !program.isReduced(d);)
    step *= known(program.space[d]).value_or(1);
  if (llvm::any_of(kernel.results(), [&](Value result) { return step * storageBytes(result) % pageBytes == 0; }))
    return false;
  int64_t elements = 1, mostBytes = 4 * kernel.machine.l2Bytes;
  for (Value extent : program.space)
    elements = std::min(elements, mostBytes) * known(extent).value_or(mostBytes);
  bool isNear =
      llvm::all_of(kernel.results(), [&](Value result) { return elements <= mostBytes / storageBytes(result); });
  Value neighbours = withoutLastUnits(program.space).back();
  return isNear && known(neighbours).value_or(0) >= 2 * kernel.lanes(neighbours);
}

void chooseCached(Kernel &kernel, RowProgram &program) {
  auto fullValues = [&](ArrayRef<Value> roots) {
    llvm::DenseSet<Value> seen;
    for (Value root : roots)
      collectFull(program, root, program.cached, seen);
    return seen;
  };
  for (Operation *op : kernel.ops()) {
    Value value = op->getResult(0);
    if (!isCostly(op) || program.rowValues.contains(value))
      continue;
    if (llvm::count_if(program.roots, [&](ArrayRef<Value> roots) { return fullValues(roots).contains(value); }) > 1)
      program.cached.insert(value);
  }
  // Neighbouring rows have no scratch.
  if (!program.lanesInRow) {
    if (keepsNeighbours(kernel, program))
      keepInResults(kernel, program);
    program.cached.remove_if([&](Value value) { return !program.inResult.contains(value); });
  }
  for (auto [pass, roots] : llvm::enumerate(program.roots)) {
    llvm::DenseSet<Value> needed = fullValues(roots);
    program.cachedFor.emplace_back();
    for (Value value : program.cached)
      if (needed.contains(value)) {
        program.cachedFor.back().push_back(value);
        program.keptBy.try_emplace(value, pass);
      }
  }
}

/// Looks at all tensors as if the last dimensions, which are all reduced or all not, were one, whose extent is their
/// product, behind dimensions of one element. Returns whether that is so, and more than one of them had elements.
bool mergeLastDimensions(Kernel &kernel, const RowProgram &program) {
  size_t rank = program.space.size(), first = rank - 1;
  bool areReduced = program.isReduced(first);
  while (first > 0 && program.isReduced(first - 1) == areReduced)
    --first;
  ArrayRef<Value> merged = ArrayRef(program.space).drop_front(first);
  if (llvm::count_if(merged, [](Value extent) { return known(extent) != 1; }) < 2)
    return false;
  // What is made of reduced values does not have the dimensions, if they are not kept.
  bool keepsThem = program.keepsDims || !areReduced;
  SmallVector<Value> tensors;
  llvm::DenseSet<Value> reduced;
  for (Operation *op : kernel.ops()) {
    bool isOfReduced = llvm::any_of(op->getOperands(), [&](Value operand) { return reduced.contains(operand); });
    if (!keepsThem && (isOfReduced || isa<nn::ReduceOp>(op)))
      reduced.insert(op->result_begin(), op->result_end());
    else
      llvm::append_range(tensors, op->getResults());
    if (!keepsThem && isOfReduced && kernel.extents(op->getResult(0)).size() >= rank)
      return false;
    if (!keepsThem && isOfReduced)
      continue;
    llvm::copy_if(op->getOperands(), std::back_inserter(tensors),
                  [](Value operand) { return isa<RankedTensorType>(operand.getType()); });
  }
  auto isOne = [](Value extent) { return known(extent) == 1; };
  auto spans = [&](Value tensor) { return sameExtents(kernel.extents(tensor).take_back(merged.size()), merged); };
  if (!llvm::all_of(tensors, [&](Value tensor) {
        ArrayRef<Value> extents = kernel.extents(tensor);
        return llvm::all_of(extents.take_back(std::min(merged.size(), extents.size())), isOne) ||
               (extents.size() >= merged.size() && spans(tensor));
      }))
    return false;
  ElementEmitter e = kernel.emitter(1);
  SmallVector<Value> ones(merged.size(), e.constant(1));
  ones.back() = product(e, merged);
  llvm::SetVector<Value> wide;
  for (Value tensor : tensors)
    if (kernel.extents(tensor).size() >= merged.size() && spans(tensor))
      wide.insert(tensor);
  for (Value tensor : wide) {
    SmallVector<Value> extents(kernel.extents(tensor).drop_back(merged.size()));
    llvm::append_range(extents, ones);
    kernel.setExtents(tensor, extents);
  }
  return true;
}

} // namespace

void keepInResults(Kernel &kernel, RowProgram &program) {
  for (auto [number, result] : llvm::enumerate(kernel.results()))
    for (Value value : program.cached)
      if (elementTypeOf(value) == elementTypeOf(result) && !program.rowValues.contains(result) &&
          sameExtents(kernel.extents(result), program.space) && !program.inResult.contains(value)) {
        program.inResult[value] = number;
        break;
      }
}

std::optional<RowProgram> analyzeRows(Kernel &kernel) {
  std::optional<RowProgram> program = findRows(kernel);
  if (!program)
    return std::nullopt;
  if (mergeLastDimensions(kernel, *program))
    program = findRows(kernel);
  assignLevels(kernel, *program);
  collectRoots(kernel, *program);
  chooseCached(kernel, *program);
  findMaximaWithoutNan(kernel, *program);
  return program;
}

} // namespace tenon::schedule
