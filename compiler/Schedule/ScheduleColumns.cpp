//===- ScheduleColumns.cpp - reductions of many rows side by side that come from far -------===//
//
// A block of columns is a page wide or more: a few lines of it at a time are read from end to end and added to sums in
// scratch memory. So memory is read in long runs, which a processor fetches ahead; sums in registers read 128 to 1,024
// bytes of a line before they go to the next one.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/RowEmitter.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// Lines that are added to sums between loading and storing those.
constexpr int64_t linesPerStep = 8;

/// A reduction along one dimension of known extent, and how much of its columns is reduced at a time.
struct Columns {
  int64_t length, lines;  ///< columns, and how many elements each has
  int64_t width, inBlock; ///< columns of a group of vectors, and of a task
};

std::optional<Columns> findColumns(Kernel &kernel, const RowProgram &program, ArrayRef<Value> neighbours) {
  bool isAlone = program.passes.size() == 1 && program.passes.front().size() == 1 && !program.hasFullResults();
  if (program.lanesInRow || !isAlone || kernel.canFail() || program.axes.size() != 1 || !known(program.innermost()) ||
      !known(neighbours.back()))
    return std::nullopt;
  constexpr int64_t pageBytes = 4096, leastLines = 16;
  nn::ReduceOp reduce = program.passes.front().front();
  int64_t vector = kernel.lanes(neighbours.back()), bytes = storageBytes(reduce.getInput()), all = bytes;
  // Where sums in registers read a kilobyte (32 of 64 bytes), a page is no faster, two are (measured).
  int64_t inRegisters = kernel.machine.vectorRegisters / 2 * vector * bytes;
  int64_t inBlock = std::max(pageBytes, 8 * inRegisters) / bytes;
  Columns columns{*known(neighbours.back()), *known(program.innermost()), rowAccumulators * vector, inBlock};
  for (Value extent : program.space)
    all *= known(extent).value_or(1);
  bool isFar = all > kernel.machine.l2Bytes;
  if (elementTypeOf(reduce.getInput()).isInteger(1) || vector < 2 || !isFar || columns.length < 2 * columns.inBlock ||
      columns.lines < leastLines)
    return std::nullopt;
  return columns;
}

/// The sums of a block of columns.
class ColumnSums {
public:
  ColumnSums(Kernel &kernel, const RowProgram &program, const Columns &columns, Value scratch, size_t rank)
      : program(program), b(kernel.builder), columns(columns), rank(rank),
        emitter(kernel, program, columns.width, scratch, /*status=*/Value()), rows(emitter.emitter()) {
    type = emitter.accumulatorType(program.passes.front().front());
    auto memory = MemRefType::get({ShapedType::kDynamic}, storageType(type));
    sums = {memref::ViewOp::create(b, memory, scratch, rows.constant(0), ValueRange(rows.constant(columns.inBlock)))};
  }

  /// Columns [first, stop) of the rows at `outer`.
  void emit(ArrayRef<LaneIndex> outer, Value first, Value stop) {
    Value groups = b.createOrFold<arith::CeilDivUIOp>(rows.sub(stop, first), rows.constant(columns.width));
    auto forGroups = [&](function_ref<void(LaneIndex)> body) {
      countedLoop(b, rows.constant(0), groups, rows.constant(1), [&](Value group) {
        ElementEmitter::Scope scope(rows);
        Value offset = rows.mul(group, rows.constant(columns.width));
        // The last group of a run ends with it, and has some of the columns before again.
        Value column =
            b.createOrFold<arith::MinUIOp>(rows.add(first, offset), rows.constant(columns.length - columns.width));
        SmallVector<LaneIndex> at(outer);
        at.push_back({column, 1});
        at.resize(rank, {rows.constant(0)});
        emitter.place(at, rows.constant(0));
        body({offset, 1});
      });
    };
    auto add = [&](Value line, int64_t count) {
      forGroups([&](LaneIndex place) {
        SmallVector<Value> sum{load(place)};
        for (int64_t i = 0; i < count; ++i)
          sum = emitter.stepAcross(rows, 0, {rows.add(line, rows.constant(i))}, sum);
        store(sum.front(), place);
      });
    };
    forGroups([&](LaneIndex place) { store(emitter.neutrals(rows, program.passes.front()).front(), place); });
    int64_t whole = columns.lines / linesPerStep * linesPerStep;
    countedLoop(b, rows.constant(0), rows.constant(whole), rows.constant(linesPerStep),
                [&](Value line) { add(line, linesPerStep); });
    if (whole < columns.lines)
      add(rows.constant(whole), columns.lines - whole);
    forGroups([&](LaneIndex place) {
      emitter.bindReduced(rows, 0, {load(place)});
      emitter.storeRowResults(rows);
      emitter.unbind(rows);
    });
  }

private:
  const RowProgram &program;
  ImplicitLocOpBuilder &b;
  Columns columns;
  size_t rank;
  RowEmitter emitter;
  ElementEmitter &rows;
  Type type;
  Buffer sums;

  Value load(LaneIndex place) { return rows.load(type, sums, {rows.constant(columns.inBlock)}, {place}); }
  void store(Value sum, LaneIndex place) { rows.store(sum, type, sums, {rows.constant(columns.inBlock)}, {place}); }
};

} // namespace

bool scheduleColumns(Kernel &kernel, const RowProgram &program) {
  SmallVector<Value> outerExtents;
  for (size_t d = 0; d < program.space.size(); ++d)
    if (!program.isReduced(d))
      outerExtents.push_back(program.space[d]);
  ArrayRef<Value> neighbours = withoutLastUnits(outerExtents);
  std::optional<Columns> columns;
  if (!neighbours.empty())
    columns = findColumns(kernel, program, neighbours);
  if (!columns)
    return false;
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter plain = kernel.emitter(1);
  Value width = plain.constant(columns->inBlock), last = neighbours.back();
  Value blocks = b.createOrFold<arith::CeilDivUIOp>(last, width);
  Value tasks = plain.mul(product(plain, neighbours.drop_back()), blocks);
  Value elements = plain.mul(product(plain, neighbours), plain.constant(columns->lines));
  kernel.phase(tasks, kernel.workOf(elements), plain.constant(columns->inBlock * 8), /*canFail=*/false,
               [&](Value begin, Value end, Value scratch, Value) {
                 ColumnSums sums(kernel, program, *columns, scratch, outerExtents.size());
                 ElementEmitter e = kernel.emitter(1);
                 countedLoop(b, begin, end, e.constant(1), [&](Value task) {
                   Value first = e.mul(e.rem(task, blocks), width);
                   SmallVector<LaneIndex> outer = delinearize(e, neighbours.drop_back(), {e.div(task, blocks)});
                   sums.emit(outer, first, b.createOrFold<arith::MinUIOp>(e.add(first, width), last));
                 });
               });
  return true;
}

} // namespace tenon::schedule
