//===- ScheduleRows.cpp - reductions and elementwise ops over common rows ------------------===//
//
// A row is the set of positions that one reduced value comes from. Dependent reductions need one pass over the row each
// (softmax: maximum, sum, result); independent ones share a pass. Lanes run along the last dimension: inside the row if
// that dimension is reduced, else over neighbouring rows. Costly values needed by several passes are kept in scratch.
//
// Many short rows go through a pipeline: one loop along the row takes the last pass of one row, the pass before that of
// the next row, and so on. So there is work while a row's lanes are combined into one value, and memory is read and
// written all the time.
//
// Expects: all reductions have the same input extents, axes and keep_dims; other ops are elementwise or broadcasts.
// Guarantees: each input element is read once per pass.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/RowEmitter.h"

#include <deque>

using namespace mlir;

namespace tenon::schedule {

/// Rows that a task has for each one that a pipeline takes more than there are.
static constexpr int64_t rowsPerExtraRow = 8;

/// Whether rows go through a pipeline: while the lines of all rows in it stay in the first level of cache. With 16
/// registers some constants are read each time, which costs less than the pipeline gains. What fills and drains it
/// computes with values that mean nothing, which must not trap.
static bool isPipelined(Kernel &kernel, const RowProgram &program, ArrayRef<Value> outerExtents) {
  if (!program.lanesInRow || program.axes.size() != 1 || kernel.canFail() ||
      (program.passes.size() == 1 && !program.hasFullResults()))
    return false;
  int64_t elementBytes = 1;
  for (Operation *op : kernel.ops())
    for (Value result : op->getResults()) {
      if (Type element = elementTypeOf(result); !isa<FloatType>(element) && !element.isInteger(1))
        return false;
      elementBytes = std::max(elementBytes, storageBytes(result));
    }
  std::optional<int64_t> length = known(program.innermost());
  int64_t rows = 1, passes = program.passes.size();
  for (Value extent : outerExtents)
    rows *= known(extent).value_or(0);
  return length && rows >= rowsPerExtraRow * passes && (passes + 2) * *length * elementBytes <= kernel.machine.l1Bytes;
}

namespace {

/// Stage s of the pipeline is pass s over a row, the last one stores full results; in one step the rows of two stages
/// are neighbours.
class RowPipeline {
public:
  RowPipeline(Kernel &kernel, const RowProgram &program, int64_t lanes, Value scratch, ArrayRef<Value> outerExtents)
      : kernel(kernel), program(program), b(kernel.builder), outerExtents(outerExtents) {
    // The first stage reads one row after the other, and asks for what is a few hundred operations away.
    constexpr int64_t distance = 512;
    for (size_t s = 0; s <= program.passes.size(); ++s)
      stages.emplace_back(kernel, program, lanes, scratch, /*status=*/Value(),
                          s == 0 ? std::optional(AskingPass{0, distance}) : std::nullopt);
    for (RowEmitter &stage : stages)
      rows.emplace_back(stage.emitter(), 1);
  }

  /// Slots of scratch memory, as many as rows that have cached values at a time; a power of two.
  static int64_t slots(const RowProgram &program) {
    auto last = static_cast<unsigned>(program.passes.size()), first = last;
    for (auto [value, pass] : program.keptBy)
      first = std::min(first, pass);
    return llvm::PowerOf2Ceil(last - first + 1);
  }

  /// Rows [from, to). The first steps take row `from` in all stages, the last ones row to - 1: what a stage makes of
  /// values that are not there yet is overwritten when they are.
  void emit(Value from, Value to) {
    ElementEmitter &e = rows.front();
    auto extra = static_cast<int64_t>(program.passes.size());
    SmallVector<Value> initial;
    for (size_t s = 1; s < stages.size(); ++s)
      for (Value tensor : rowValuesBefore(s))
        initial.push_back(e.splatConstant(elementTypeOf(tensor), 0));
    auto loop = scf::ForOp::create(b, from, e.add(to, e.constant(extra)), e.constant(1), initial);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    placeStages(loop.getInductionVar(), from, to);
    size_t next = 0;
    for (size_t s = 1; s < stages.size(); ++s)
      for (Value tensor : rowValuesBefore(s))
        stages[s].bind(rows[s], tensor, loop.getRegionIterArg(next++));
    scf::YieldOp::create(b, emitStep());
    for (auto [stage, row] : llvm::zip(stages, rows))
      stage.unbind(row);
  }

private:
  /// Row values that the passes before `stage` have made, in that order.
  SmallVector<Value> rowValuesBefore(size_t stage) {
    SmallVector<Value> values;
    for (size_t pass = 0; pass < stage; ++pass) {
      for (nn::ReduceOp reduce : program.passes[pass])
        values.push_back(reduce.getResult());
      for (Operation *op : kernel.ops())
        if (Value value = op->getResult(0);
            !isa<nn::ReduceOp>(op) && program.rowValues.contains(value) && program.level.lookup(value) == pass + 1)
          values.push_back(value);
    }
    return values;
  }

  void placeStages(Value step, Value from, Value to) {
    ElementEmitter &e = rows.front();
    Value last = e.sub(to, e.constant(1));
    int64_t slotCount = slots(program);
    for (size_t s = 0; s < stages.size(); ++s) {
      Value behind = e.constant(s);
      Value row = e.sub(b.createOrFold<arith::MaxUIOp>(step, e.add(from, behind)), behind);
      row = b.createOrFold<arith::MinUIOp>(row, last);
      Value slot = e.rem(e.add(step, e.constant(slotCount * s - s)), e.constant(slotCount));
      stages[s].place(delinearize(rows[s], outerExtents, {row}), slot);
    }
  }

  /// One step of all stages; returns the row values for the next step.
  SmallVector<Value> emitStep() {
    ElementEmitter &e = stages.front().emitter();
    bool hasScalars = stages.front().hasScalars();
    SmallVector<size_t> first{0};
    for (auto &pass : program.passes)
      first.push_back(first.back() + pass.size());
    size_t count = first.back();
    SmallVector<Value> initial;
    for (int64_t u = 0; u < rowAccumulators + (hasScalars ? 1 : 0); ++u)
      for (auto [number, pass] : llvm::enumerate(program.passes))
        llvm::append_range(initial, stages[number].neutrals(u < rowAccumulators ? e : rows.front(), pass));
    stages.back().storeRowResults(rows.back());
    SmallVector<Value> sums = loopAlongRow(
        e, program.innermost(), count, hasScalars, initial, [&](RowPosition position, ArrayRef<Value> acc) {
          SmallVector<Value> next(acc);
          stages.back().storeFullAt({}, position);
          for (size_t pass = program.passes.size(); pass-- > 0;)
            llvm::copy(stages[pass].step(pass, {}, position, acc.slice(first[pass], program.passes[pass].size())),
                       next.begin() + first[pass]);
          return next;
        });
    SmallVector<Value> made;
    for (size_t pass = 0; pass < program.passes.size(); ++pass) {
      stages[pass].finishPass(rows[pass], pass, sums, count, first[pass]);
      for (auto [tensor, element] : stages[pass].boundValues())
        made.push_back(element);
    }
    return made;
  }

  Kernel &kernel;
  const RowProgram &program;
  ImplicitLocOpBuilder &b;
  ArrayRef<Value> outerExtents;
  std::deque<RowEmitter> stages;
  std::deque<ElementEmitter> rows; ///< one lane, for row values
};

} // namespace

/// One task is a run of rows.
static void phaseAlongLanes(Kernel &kernel, const RowProgram &program, ArrayRef<Value> outerExtents, bool pipelined) {
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter plain = kernel.emitter(1);
  Value rows = product(plain, outerExtents), rowLength = plain.constant(1);
  for (int64_t axis : program.axes)
    rowLength = plain.mul(rowLength, program.space[axis]);
  Value positive = b.createOrFold<arith::MaxUIOp>(rowLength, plain.constant(1));
  Value chunk = b.createOrFold<arith::CeilDivUIOp>(plain.constant(elementsPerTask), positive);
  int64_t cachedRows = program.inScratch();
  if (pipelined) {
    chunk = b.createOrFold<arith::MaxUIOp>(chunk, plain.constant(rowsPerExtraRow * program.passes.size()));
    cachedRows *= RowPipeline::slots(program);
  }
  Value tasks = b.createOrFold<arith::CeilDivUIOp>(rows, chunk);
  Value scratchBytes = plain.mul(plain.mul(rowLength, plain.constant(8)), plain.constant(cachedRows));
  int64_t lanes = kernel.lanes(program.innermost());
  // The last reduction has the costly values of most programs.
  std::optional<AskingPass> ahead;
  if (!pipelined && program.axes.size() == 1)
    ahead = AskingPass{program.passes.size() - 1, /*distance=*/0};
  kernel.phase(tasks, kernel.workOf(plain.mul(rows, rowLength)), scratchBytes, kernel.canFail(),
               [&](Value begin, Value end, Value scratch, Value status) {
                 RowEmitter emitter(kernel, program, lanes, scratch, status, ahead);
                 ElementEmitter scalar(emitter.emitter(), 1);
                 Value from = scalar.mul(begin, chunk),
                       to = b.createOrFold<arith::MinUIOp>(scalar.mul(end, chunk), rows);
                 if (pipelined)
                   return RowPipeline(kernel, program, lanes, scratch, outerExtents).emit(from, to);
                 forEachPlace(scalar, outerExtents, from, to,
                              [&](ArrayRef<LaneIndex> place) { emitter.emitRows(scalar, place); });
               });
}

/// One task is a run of groups of neighbouring rows.
static void phaseAcrossLanes(Kernel &kernel, const RowProgram &program, ArrayRef<Value> outerExtents) {
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter plain = kernel.emitter(1);
  ArrayRef<Value> neighbours = withoutLastUnits(outerExtents);
  Value last = neighbours.back(), rowLength = plain.constant(1);
  for (int64_t axis : program.axes)
    rowLength = plain.mul(rowLength, program.space[axis]);
  int64_t lanes = kernel.lanes(last), wide = lanes;
  // Several vectors at once hide the latency of accumulation; what is left of a run goes one by one.
  std::optional<int64_t> length = known(last);
  if (lanes > 1 && length && *length >= rowAccumulators * lanes)
    wide *= rowAccumulators;
  // A sum alone reads as much of each row as registers hold: memory likes long runs.
  int64_t most = kernel.machine.vectorRegisters / 2;
  bool isSum = program.passes.size() == 1 && program.passes.front().size() == 1 && !program.hasFullResults();
  if (isSum && wide > lanes && *length >= 4 * most * lanes && *length % (most * lanes) == 0)
    wide = most * lanes;
  // Memory is read while the last reduction computes, which has the costly values of most programs.
  std::optional<AskingPass> ahead;
  if (program.passes.size() > 1 && wide > lanes)
    ahead = AskingPass{program.passes.size() - 1, wide};
  Value width = plain.constant(wide);
  Value groups = b.createOrFold<arith::CeilDivUIOp>(last, width);
  Value outer = product(plain, neighbours.drop_back());
  Value units = plain.mul(outer, groups);
  Value perUnit = b.createOrFold<arith::MaxUIOp>(plain.mul(rowLength, width), plain.constant(1));
  Value chunk = b.createOrFold<arith::CeilDivUIOp>(plain.constant(elementsPerTask), perUnit);
  Value tasks = b.createOrFold<arith::CeilDivUIOp>(units, chunk);
  kernel.phase(tasks, kernel.workOf(plain.mul(plain.mul(outer, last), rowLength)), plain.constant(0), kernel.canFail(),
               [&](Value begin, Value end, Value scratch, Value status) {
                 RowEmitter several(kernel, program, wide, scratch, status, ahead);
                 RowEmitter single(kernel, program, lanes, scratch, status);
                 ElementEmitter &e = several.emitter();
                 Value from = e.mul(begin, chunk), to = b.createOrFold<arith::MinUIOp>(e.mul(end, chunk), units);
                 auto loop = scf::ForOp::create(b, from, to, e.constant(1));
                 OpBuilder::InsertionGuard guard(b);
                 b.setInsertionPointToStart(loop.getBody());
                 ElementEmitter::Scope scope(e);
                 Value unit = loop.getInductionVar();
                 Value first = e.mul(e.rem(unit, groups), width);
                 SmallVector<LaneIndex> at = delinearize(e, neighbours.drop_back(), {e.div(unit, groups)});
                 Value stop = b.createOrFold<arith::MinUIOp>(e.add(first, width), last);
                 auto emitAt = [&](RowEmitter &emitter, ElementEmitter &rows, Value position) {
                   SmallVector<LaneIndex> indices(at);
                   indices.push_back({position, rows.lanes() == 1 ? 0 : 1});
                   indices.resize(outerExtents.size(), {rows.constant(0)});
                   emitter.emitRows(rows, indices);
                 };
                 auto emitSingle = [&] {
                   vectorLoop(single.emitter(), kernel.machine, first, stop,
                              [&](ElementEmitter &rows, Value position) { emitAt(single, rows, position); });
                 };
                 // A group is full, or the last one of its run.
                 if (wide == lanes)
                   return emitSingle();
                 if (*length % wide == 0)
                   return emitAt(several, e, first);
                 Value isFull = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, e.sub(stop, first), width);
                 auto choice = scf::IfOp::create(b, isFull, /*withElseRegion=*/true);
                 b.setInsertionPointToStart(choice.thenBlock());
                 emitAt(several, e, first);
                 b.setInsertionPointToStart(choice.elseBlock());
                 emitSingle();
               });
}

/// Results of one element per row, each of a few neighbours: lanes over the results do better than lanes in the row.
static bool isMapOfShortRows(Kernel &kernel, const RowProgram &program) {
  ElementEmitter plain = kernel.emitter(1);
  return program.lanesInRow && program.passes.size() == 1 && shortReduction(plain, program.passes[0].front()) &&
         !program.hasFullResults();
}

bool scheduleRows(Kernel &kernel) {
  std::optional<RowProgram> program = analyzeRows(kernel);
  if (!program || isMapOfShortRows(kernel, *program))
    return false;
  if (scheduleFewNeighbours(kernel, *program) || scheduleColumns(kernel, *program)) {
    kernel.setPath("vector");
    return true;
  }
  SmallVector<Value> outerExtents;
  for (size_t d = 0; d < program->space.size(); ++d)
    if (!program->isReduced(d))
      outerExtents.push_back(program->space[d]);
  bool pipelined = isPipelined(kernel, *program, outerExtents);
  // Not in a pipeline, whose last steps keep values of a row again.
  if (program->lanesInRow && !pipelined)
    keepInResults(kernel, *program);
  if (program->lanesInRow)
    phaseAlongLanes(kernel, *program, outerExtents, pipelined);
  else
    phaseAcrossLanes(kernel, *program, outerExtents);
  kernel.setPath("vector");
  return true;
}

} // namespace tenon::schedule
