//===- ScheduleRows.cpp - reductions and elementwise ops over common rows ------------------===//
//
// A row is the set of positions that one reduced value comes from. Dependent reductions need one pass over the row each
// (softmax: maximum, sum, result); independent ones share a pass. Lanes run along the last dimension: inside the row if
// that dimension is reduced, else over neighbouring rows. Costly values needed by several passes are kept in scratch.
//
// Expects: all reductions have the same input extents, axes and keep_dims; other ops are elementwise or broadcasts.
// Guarantees: each input element is read once per pass, each result written once.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Kernel.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace tenon::schedule {

/// Accumulators in flight in a pass along the row: addition has a latency of 3 to 4 cycles at two per cycle.
static constexpr int64_t accumulators = 4;

static Type elementTypeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

namespace {

/// What is known of the body before anything is emitted.
struct RowProgram {
  SmallVector<Value> space;
  SmallVector<int64_t> axes;
  bool keepsDims = false, lanesInRow = false;
  SmallVector<SmallVector<nn::ReduceOp>> passes; ///< reductions by level
  llvm::DenseMap<Value, unsigned> level;         ///< passes that must end before a value can be computed
  llvm::SetVector<Value> cached;                 ///< full values kept in scratch
  llvm::DenseSet<Value> rowValues;               ///< values with one element per row
  llvm::DenseSet<Operation *> skipsNan;          ///< maxima that need not see a NaN: it comes another way

  bool isReduced(int64_t d) const { return llvm::is_contained(axes, d); }
};

bool isCostly(Operation *op) {
  return isa<nn::ExpOp, nn::LogOp, nn::ErfOp, nn::TanhOp, nn::SigmoidOp, nn::PowOp, nn::SinOp, nn::CosOp, nn::SqrtOp,
             nn::Expm1Op, nn::Log1pOp>(op);
}

/// Finds the program of a body, or nothing if it is not of this form.
std::optional<RowProgram> analyze(Kernel &kernel) {
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
  program.lanesInRow = program.isReduced(last) || program.axes.back() == lastLong;
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
bool assignLevels(Kernel &kernel, RowProgram &program) {
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
  return true;
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

void chooseCached(Kernel &kernel, RowProgram &program) {
  if (!program.lanesInRow)
    return;
  SmallVector<SmallVector<Value>> roots;
  for (auto &pass : program.passes) {
    roots.emplace_back();
    for (nn::ReduceOp reduce : pass)
      roots.back().push_back(reduce.getInput());
  }
  roots.emplace_back();
  for (Value result : kernel.results())
    if (!program.rowValues.contains(result))
      roots.back().push_back(result);
  for (Operation *op : kernel.ops()) {
    Value value = op->getResult(0);
    if (!isCostly(op) || program.rowValues.contains(value))
      continue;
    unsigned uses = 0;
    for (auto &list : roots) {
      llvm::DenseSet<Value> seen;
      for (Value root : list)
        collectFull(program, root, program.cached, seen);
      uses += seen.contains(value);
    }
    if (uses > 1)
      program.cached.insert(value);
  }
}

/// Emits one row, or one group of neighbouring rows.
class RowEmitter {
public:
  RowEmitter(Kernel &kernel, const RowProgram &program, int64_t lanes, Value scratch, Value status)
      : kernel(kernel), program(program), b(kernel.builder), e(kernel.emitter(lanes)), scratch(scratch) {
    e.setStatus(status);
    rowLength = e.constant(1);
    for (int64_t axis : program.axes)
      rowLength = e.mul(rowLength, program.space[axis]);
  }

  ElementEmitter &emitter() { return e; }

  /// `at`: indices of the dimensions that are not reduced. `emitter` has one lane where lanes run along the row.
  void emitRows(ElementEmitter &rows, ArrayRef<LaneIndex> at) {
    outer = SmallVector<LaneIndex>(at);
    for (auto [number, pass] : llvm::enumerate(program.passes)) {
      SmallVector<Value> reduced = program.lanesInRow ? reduceAlongLanes(pass, number) : reduceAcross(rows, pass);
      for (auto [constReduce, value] : llvm::zip(pass, reduced)) {
        nn::ReduceOp reduce = constReduce;
        Value narrowed = rows.convert(value, accumulatorType(reduce), elementTypeOf(reduce.getResult()));
        bind(rows, reduce.getResult(), narrowed);
      }
      emitRowValues(rows, number + 1);
    }
    storeRowResults(rows);
    storeFullResults(rows);
    for (Value value : bound) {
      rows.unbindRegister(value);
      e.unbindRegister(value);
    }
    bound.clear();
  }

private:
  Type accumulatorType(nn::ReduceOp reduce) {
    Type type = elementTypeOf(reduce.getInput());
    return type.isF16() || type.isBF16() ? Type(b.getF32Type()) : type;
  }

  void bind(ElementEmitter &rows, Value tensor, Value element) {
    rows.bindRegister(tensor, element);
    if (program.lanesInRow)
      e.bindRegister(tensor, element);
    bound.push_back(tensor);
  }

  /// Indices of a full value at a position of the row.
  SmallVector<LaneIndex> fullIndices(ArrayRef<LaneIndex> inRow) {
    SmallVector<LaneIndex> indices;
    size_t nextOuter = 0, nextInner = 0;
    for (size_t d = 0; d < program.space.size(); ++d)
      indices.push_back(program.isReduced(d) ? inRow[nextInner++] : outer[nextOuter++]);
    return indices;
  }
  /// Indices of a row value of the given rank.
  SmallVector<LaneIndex> rowIndices(size_t rank) {
    SmallVector<LaneIndex> all;
    size_t next = 0;
    for (size_t d = 0; d < program.space.size(); ++d) {
      if (!program.isReduced(d))
        all.push_back(outer[next++]);
      else if (program.keepsDims)
        all.push_back({e.constant(0)});
    }
    return SmallVector<LaneIndex>(ArrayRef(all).take_back(rank));
  }

  /// Position within the row of the innermost loop at `inner` under the outer loops at `at`.
  Value rowPosition(ArrayRef<Value> at, Value inner) {
    Value position = e.constant(0);
    for (size_t d = 0; d + 1 < program.axes.size(); ++d)
      position = e.add(e.mul(position, program.space[program.axes[d]]), at[d]);
    return e.add(e.mul(position, program.space[program.axes.back()]), inner);
  }

  Buffer cacheOf(Value value) {
    Value size = rowLength;
    auto type = MemRefType::get({ShapedType::kDynamic}, storageType(elementTypeOf(value)));
    size_t slot = std::distance(program.cached.begin(), llvm::find(program.cached, value));
    Value offset = e.mul(e.mul(rowLength, e.constant(8)), e.constant(slot));
    return {memref::ViewOp::create(b, type, scratch, offset, ValueRange(size))};
  }

  /// Makes the cached values that `pass` needs available at a position: loaded if an earlier pass kept them, else
  /// computed and kept.
  void provideCached(ElementEmitter &lane, ArrayRef<Value> roots, size_t pass, Value position,
                     ArrayRef<LaneIndex> indices, SmallVectorImpl<Value> &provided) {
    llvm::DenseSet<Value> needed;
    for (Value root : roots)
      collectFull(program, root, program.cached, needed);
    for (Value value : program.cached) {
      if (!needed.contains(value))
        continue;
      LaneIndex at{position, lane.lanes() == 1 ? 0 : 1};
      Value element;
      if (keptIn.contains(value) && keptIn[value] < pass) {
        element = lane.load(elementTypeOf(value), cacheOf(value), {rowLength}, {at});
      } else {
        element = lane.emit(value, indices);
        lane.store(element, elementTypeOf(value), cacheOf(value), {rowLength}, {at});
        keptIn[value] = pass;
      }
      lane.bindRegister(value, element);
      provided.push_back(value);
    }
  }

  /// One element of each reduction's input at a position of the row, combined into `acc`.
  SmallVector<Value> step(ElementEmitter &lane, ArrayRef<nn::ReduceOp> pass, size_t number, ArrayRef<Value> at,
                          Value inner, ArrayRef<Value> acc) {
    ElementEmitter::Scope scope(lane);
    SmallVector<LaneIndex> inRow;
    for (size_t d = 0; d + 1 < program.axes.size(); ++d)
      inRow.push_back({at[d]});
    inRow.push_back({inner, lane.lanes() == 1 ? 0 : 1});
    SmallVector<LaneIndex> indices = fullIndices(inRow);
    SmallVector<Value> roots, provided, next;
    for (nn::ReduceOp reduce : pass)
      roots.push_back(reduce.getInput());
    provideCached(lane, roots, number, rowPosition(at, inner), indices, provided);
    for (auto [constReduce, old] : llvm::zip(pass, acc)) {
      nn::ReduceOp reduce = constReduce;
      Type accType = accumulatorType(reduce);
      Value value = lane.convert(lane.emit(reduce.getInput(), indices), elementTypeOf(reduce.getInput()), accType);
      Value combined = lane.combine(reduce.getKind(), accType, old, value, program.skipsNan.contains(reduce));
      if (Value mask = lane.currentMask())
        combined = arith::SelectOp::create(b, mask, combined, old);
      next.push_back(combined);
    }
    for (Value value : provided)
      lane.unbindRegister(value);
    return next;
  }

  SmallVector<Value> neutrals(ElementEmitter &lane, ArrayRef<nn::ReduceOp> pass) {
    SmallVector<Value> initial;
    for (nn::ReduceOp reduce : pass)
      initial.push_back(lane.neutral(reduce.getKind(), accumulatorType(reduce)));
    return initial;
  }

  SmallVector<Value> reduceAlongLanes(ArrayRef<nn::ReduceOp> pass, size_t number) {
    SmallVector<Value> outerExtents, lower;
    for (int64_t axis : ArrayRef(program.axes).drop_back()) {
      outerExtents.push_back(program.space[axis]);
      lower.push_back(e.constant(0));
    }
    size_t count = pass.size();
    SmallVector<Value> initial;
    for (int64_t u = 0; u < accumulators; ++u)
      llvm::append_range(initial, neutrals(e, pass));
    ElementEmitter scalar(e, 1);
    bool scalarRest = e.lanes() > 1 && !kernel.machine.maskedMemory;
    if (scalarRest)
      llvm::append_range(initial, neutrals(scalar, pass));
    Value length = program.space[program.axes.back()];
    SmallVector<Value> sums =
        carriedLoops(b, lower, outerExtents, initial, [&](ArrayRef<Value> at, ArrayRef<Value> carried) {
          return reduceInnermost(pass, number, at, carried, length, scalarRest);
        });
    SmallVector<Value> reduced;
    for (size_t r = 0; r < count; ++r) {
      nn::ReduceOp reduce = pass[r];
      Type accType = accumulatorType(reduce);
      bool skipsNan = program.skipsNan.contains(reduce);
      Value total = sums[r];
      for (int64_t u = 1; u < accumulators; ++u)
        total = e.combine(reduce.getKind(), accType, total, sums[u * count + r], skipsNan);
      total = e.combineLanes(reduce.getKind(), accType, total, skipsNan);
      if (scalarRest)
        total = scalar.combine(reduce.getKind(), accType, total, sums[accumulators * count + r], skipsNan);
      reduced.push_back(total);
    }
    return reduced;
  }

  /// The innermost reduced dimension: blocks of several vectors, then single vectors, then the rest.
  SmallVector<Value> reduceInnermost(ArrayRef<nn::ReduceOp> pass, size_t number, ArrayRef<Value> at,
                                     ArrayRef<Value> carried, Value length, bool scalarRest) {
    size_t count = pass.size();
    Value lanes = e.constant(e.lanes()), block = e.constant(accumulators * e.lanes());
    Value blocks = e.mul(e.div(length, block), block), whole = e.mul(e.div(length, lanes), lanes);
    SmallVector<Value> sums(carried);
    auto loop = [&](Value from, Value to, Value by, SmallVector<Value> initial,
                    function_ref<SmallVector<Value>(Value, ArrayRef<Value>)> body) {
      auto made = scf::ForOp::create(b, from, to, by, initial);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(made.getBody());
      SmallVector<Value> inner(made.getRegionIterArgs());
      scf::YieldOp::create(b, body(made.getInductionVar(), inner));
      return SmallVector<Value>(made.getResults());
    };
    SmallVector<Value> vectors(ArrayRef(sums).take_front(accumulators * count));
    vectors = loop(e.constant(0), blocks, block, vectors, [&](Value position, ArrayRef<Value> acc) {
      SmallVector<Value> next;
      for (int64_t u = 0; u < accumulators; ++u)
        llvm::append_range(
            next, step(e, pass, number, at, e.add(position, e.constant(u * e.lanes())), acc.slice(u * count, count)));
      return next;
    });
    SmallVector<Value> first(ArrayRef(vectors).take_front(count));
    first = loop(blocks, whole, lanes, first,
                 [&](Value position, ArrayRef<Value> acc) { return step(e, pass, number, at, position, acc); });
    if (e.lanes() > 1 && !scalarRest && !sameExtent(whole, length)) {
      Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, whole, length);
      auto rest = scf::IfOp::create(b, ValueRange(first).getTypes(), some, /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(rest.thenBlock());
      e.setMask(vector::CreateMaskOp::create(b, VectorType::get({e.lanes()}, b.getI1Type()), e.sub(length, whole)));
      scf::YieldOp::create(b, step(e, pass, number, at, whole, first));
      e.setMask(Value());
      b.setInsertionPointToStart(rest.elseBlock());
      scf::YieldOp::create(b, first);
      first = SmallVector<Value>(rest.getResults());
    }
    llvm::copy(first, vectors.begin());
    SmallVector<Value> result(vectors);
    if (scalarRest) {
      ElementEmitter scalar(e, 1);
      SmallVector<Value> rest(ArrayRef(sums).take_back(count));
      llvm::append_range(result, loop(whole, length, e.constant(1), rest, [&](Value position, ArrayRef<Value> acc) {
                           return step(scalar, pass, number, at, position, acc);
                         }));
    }
    return result;
  }

  /// Lanes over neighbouring rows: plain loops over the row.
  SmallVector<Value> reduceAcross(ElementEmitter &rows, ArrayRef<nn::ReduceOp> pass) {
    SmallVector<Value> lower, upper;
    for (int64_t axis : program.axes) {
      lower.push_back(e.constant(0));
      upper.push_back(program.space[axis]);
    }
    return carriedLoops(b, lower, upper, neutrals(rows, pass), [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
      ElementEmitter::Scope scope(rows);
      SmallVector<LaneIndex> inRow;
      for (Value position : at)
        inRow.push_back({position});
      SmallVector<LaneIndex> indices = fullIndices(inRow);
      SmallVector<Value> next;
      for (auto [constReduce, old] : llvm::zip(pass, acc)) {
        nn::ReduceOp reduce = constReduce;
        Type accType = accumulatorType(reduce);
        Value value = rows.convert(rows.emit(reduce.getInput(), indices), elementTypeOf(reduce.getInput()), accType);
        next.push_back(rows.combine(reduce.getKind(), accType, old, value, program.skipsNan.contains(reduce)));
      }
      return next;
    });
  }

  /// Elementwise ops on row values whose level has been reached, once per row.
  void emitRowValues(ElementEmitter &rows, unsigned level) {
    for (Operation *op : kernel.ops()) {
      Value value = op->getResult(0);
      if (isa<nn::ReduceOp>(op) || !program.rowValues.contains(value) || program.level.lookup(value) != level)
        continue;
      bind(rows, value, rows.emit(value, rowIndices(kernel.extents(value).size())));
    }
  }

  void storeRowResults(ElementEmitter &rows) {
    for (auto [number, result] : llvm::enumerate(kernel.results())) {
      if (!program.rowValues.contains(result))
        continue;
      SmallVector<Value> extents(kernel.extents(result));
      SmallVector<LaneIndex> indices = rowIndices(extents.size());
      rows.store(rows.emit(result, indices), elementTypeOf(result), kernel.resultBuffer(number), extents, indices);
    }
  }

  void storeFullAt(ElementEmitter &lane, ArrayRef<Value> roots, ArrayRef<Value> at, Value inner) {
    SmallVector<LaneIndex> inRow;
    for (Value position : at)
      inRow.push_back({position});
    if (program.lanesInRow)
      inRow.push_back({inner, lane.lanes() == 1 ? 0 : 1});
    SmallVector<LaneIndex> indices = fullIndices(inRow);
    SmallVector<Value> provided;
    if (program.lanesInRow)
      provideCached(lane, roots, program.passes.size(), rowPosition(at, inner), indices, provided);
    for (auto [number, result] : llvm::enumerate(kernel.results()))
      if (!program.rowValues.contains(result))
        lane.store(lane.emit(result, indices), elementTypeOf(result), kernel.resultBuffer(number),
                   kernel.extents(result), indices);
    for (Value value : provided)
      lane.unbindRegister(value);
  }

  void storeFullResults(ElementEmitter &rows) {
    SmallVector<Value> roots;
    for (Value result : kernel.results())
      if (!program.rowValues.contains(result))
        roots.push_back(result);
    if (roots.empty())
      return;
    SmallVector<Value> lower, upper;
    ArrayRef<int64_t> loops = ArrayRef(program.axes).drop_back(program.lanesInRow ? 1 : 0);
    for (int64_t axis : loops) {
      lower.push_back(e.constant(0));
      upper.push_back(program.space[axis]);
    }
    carriedLoops(b, lower, upper, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
      if (program.lanesInRow) {
        ElementEmitter::Scope scope(e);
        vectorLoop(e, kernel.machine, e.constant(0), program.space[program.axes.back()],
                   [&](ElementEmitter &lane, Value inner) { storeFullAt(lane, roots, at, inner); });
      } else {
        ElementEmitter::Scope scope(rows);
        storeFullAt(rows, roots, at, Value());
      }
      return SmallVector<Value>();
    });
  }

  Kernel &kernel;
  const RowProgram &program;
  ImplicitLocOpBuilder &b;
  ElementEmitter e;
  Value scratch, rowLength;
  SmallVector<LaneIndex> outer;
  SmallVector<Value> bound;
  llvm::DenseMap<Value, size_t> keptIn;
};

} // namespace

/// One task is a run of rows.
static void phaseAlongLanes(Kernel &kernel, const RowProgram &program, ArrayRef<Value> outerExtents) {
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter plain = kernel.emitter(1);
  Value rows = product(plain, outerExtents), rowLength = plain.constant(1);
  for (int64_t axis : program.axes)
    rowLength = plain.mul(rowLength, program.space[axis]);
  Value positive = b.createOrFold<arith::MaxUIOp>(rowLength, plain.constant(1));
  Value chunk = b.createOrFold<arith::CeilDivUIOp>(plain.constant(elementsPerTask), positive);
  Value tasks = b.createOrFold<arith::CeilDivUIOp>(rows, chunk);
  Value scratchBytes = plain.mul(plain.mul(rowLength, plain.constant(8)), plain.constant(program.cached.size()));
  int64_t lanes = kernel.lanes(program.space[program.axes.back()]);
  kernel.phase(tasks, kernel.workOf(plain.mul(rows, rowLength)), scratchBytes, kernel.canFail(),
               [&](Value begin, Value end, Value scratch, Value status) {
                 RowEmitter emitter(kernel, program, lanes, scratch, status);
                 ElementEmitter scalar(emitter.emitter(), 1);
                 Value from = scalar.mul(begin, chunk),
                       to = b.createOrFold<arith::MinUIOp>(scalar.mul(end, chunk), rows);
                 auto loop = scf::ForOp::create(b, from, to, scalar.constant(1));
                 OpBuilder::InsertionGuard guard(b);
                 b.setInsertionPointToStart(loop.getBody());
                 ElementEmitter::Scope scope(scalar);
                 emitter.emitRows(scalar, delinearize(scalar, outerExtents, {loop.getInductionVar()}));
               });
}

/// One task is a run of groups of neighbouring rows.
static void phaseAcrossLanes(Kernel &kernel, const RowProgram &program, ArrayRef<Value> outerExtents) {
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter plain = kernel.emitter(1);
  Value last = program.space.back(), rowLength = plain.constant(1);
  for (int64_t axis : program.axes)
    rowLength = plain.mul(rowLength, program.space[axis]);
  int64_t lanes = kernel.lanes(last);
  // Several vectors at once hide the latency of accumulation.
  std::optional<int64_t> known = getConstantIntValue(OpFoldResult(last));
  if (lanes > 1 && known && *known % (accumulators * lanes) == 0)
    lanes *= accumulators;
  Value width = plain.constant(lanes);
  Value groups = b.createOrFold<arith::CeilDivUIOp>(last, width);
  Value outer = product(plain, outerExtents.drop_back());
  Value units = plain.mul(outer, groups);
  Value perUnit = b.createOrFold<arith::MaxUIOp>(plain.mul(rowLength, width), plain.constant(1));
  Value chunk = b.createOrFold<arith::CeilDivUIOp>(plain.constant(elementsPerTask), perUnit);
  Value tasks = b.createOrFold<arith::CeilDivUIOp>(units, chunk);
  kernel.phase(tasks, kernel.workOf(plain.mul(plain.mul(outer, last), rowLength)), plain.constant(0), kernel.canFail(),
               [&](Value begin, Value end, Value scratch, Value status) {
                 RowEmitter emitter(kernel, program, lanes, scratch, status);
                 ElementEmitter &e = emitter.emitter();
                 Value from = e.mul(begin, chunk), to = b.createOrFold<arith::MinUIOp>(e.mul(end, chunk), units);
                 auto loop = scf::ForOp::create(b, from, to, e.constant(1));
                 OpBuilder::InsertionGuard guard(b);
                 b.setInsertionPointToStart(loop.getBody());
                 ElementEmitter::Scope scope(e);
                 Value unit = loop.getInductionVar();
                 Value first = e.mul(e.rem(unit, groups), width);
                 SmallVector<LaneIndex> at = delinearize(e, outerExtents.drop_back(), {e.div(unit, groups)});
                 // A group is full, or the last one of its run.
                 Value stop = b.createOrFold<arith::MinUIOp>(e.add(first, width), last);
                 vectorLoop(e, kernel.machine, first, stop, [&](ElementEmitter &rows, Value position) {
                   SmallVector<LaneIndex> indices(at);
                   indices.push_back({position, rows.lanes() == 1 ? 0 : 1});
                   emitter.emitRows(rows, indices);
                 });
               });
}

/// Results of one element per row, each of a few neighbours: lanes over the results do better than lanes in the row.
static bool isMapOfShortRows(Kernel &kernel, const RowProgram &program) {
  ElementEmitter plain = kernel.emitter(1);
  return program.lanesInRow && program.passes.size() == 1 && shortReduction(plain, program.passes[0].front()) &&
         llvm::all_of(kernel.results(), [&](Value result) { return program.rowValues.contains(result); });
}

bool scheduleRows(Kernel &kernel) {
  std::optional<RowProgram> program = analyze(kernel);
  if (!program || !assignLevels(kernel, *program) || isMapOfShortRows(kernel, *program))
    return false;
  chooseCached(kernel, *program);
  findMaximaWithoutNan(kernel, *program);
  SmallVector<Value> outerExtents;
  for (size_t d = 0; d < program->space.size(); ++d)
    if (!program->isReduced(d))
      outerExtents.push_back(program->space[d]);
  if (program->lanesInRow)
    phaseAlongLanes(kernel, *program, outerExtents);
  else
    phaseAcrossLanes(kernel, *program, outerExtents);
  kernel.setPath("vector");
  return true;
}

} // namespace tenon::schedule
