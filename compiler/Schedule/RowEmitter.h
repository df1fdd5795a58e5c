//===- RowEmitter.h - code for one row, or for one group of neighbouring rows --------------===//

#ifndef TENON_COMPILER_SCHEDULE_ROWEMITTER_H
#define TENON_COMPILER_SCHEDULE_ROWEMITTER_H

#include "compiler/Schedule/RowProgram.h"

namespace tenon::schedule {

/// Accumulators in flight in a pass along the row: addition has a latency of 3 to 4 cycles at two per cycle.
inline constexpr int64_t rowAccumulators = 4;

/// A position in a row, of lane 0.
struct RowPosition {
  Value at;
  bool oneLane = false;
  Value mask = {}; ///< of the lanes that are wanted, or null
};

/// The pass over a row that asks for what is `distance` elements behind: the next row, if 0.
struct AskingPass {
  size_t pass;
  int64_t distance;
};

/// Loops along the innermost dimension, of `length`: blocks of several vectors, each with sums of its own, then single
/// vectors, then the rest. `sums` are `count` values of each of the vectors in flight, then (where `hasScalars`) of one
/// lane.
SmallVector<Value> loopAlongRow(ElementEmitter &e, Value length, size_t count, bool hasScalars,
                                llvm::ArrayRef<Value> sums,
                                llvm::function_ref<SmallVector<Value>(RowPosition, llvm::ArrayRef<Value>)> step);

/// Emits the passes over one row, or over one group of neighbouring rows.
class RowEmitter {
public:
  /// `scratch`: the memory of cached values. `ahead`: for large arguments.
  RowEmitter(Kernel &kernel, const RowProgram &program, int64_t lanes, Value scratch, Value status,
             std::optional<AskingPass> ahead = {});

  ElementEmitter &emitter() { return e; }

  /// All passes. `at`: indices of the dimensions that are not reduced. `rows` has one lane where lanes run along the
  /// row.
  void emitRows(ElementEmitter &rows, llvm::ArrayRef<LaneIndex> at);

  // The parts of that, for a schedule of its own.

  /// Says which row it is, and in which slot of scratch memory its cached values are.
  void place(llvm::ArrayRef<LaneIndex> at, Value slot);
  /// Says what a row value is, until `unbind`.
  void bind(ElementEmitter &rows, Value tensor, Value element);
  void unbind(ElementEmitter &rows);
  llvm::ArrayRef<std::pair<Value, Value>> boundValues() const { return bound; }

  /// What the sums of a pass start from: for each of the vectors in flight, and of one lane.
  SmallVector<Value> neutrals(ElementEmitter &lane, llvm::ArrayRef<nn::ReduceOp> pass);
  /// The reductions' inputs of a pass at a position, combined into `sums`. `at`: outer reduced dimensions.
  SmallVector<Value> step(size_t pass, llvm::ArrayRef<Value> at, RowPosition position, llvm::ArrayRef<Value> sums);
  /// Binds what a pass reduced, and the row values made of it. `sums` are those of loopAlongRow with `count`, of which
  /// the pass has some from number `first`.
  void finishPass(ElementEmitter &rows, size_t pass, llvm::ArrayRef<Value> sums, size_t count, size_t first);
  /// The same where lanes run over neighbouring rows, at `at` in the reduced dimensions.
  SmallVector<Value> stepAcross(ElementEmitter &rows, size_t pass, llvm::ArrayRef<Value> at,
                                llvm::ArrayRef<Value> sums);
  /// Binds what a pass reduced, and the row values made of it.
  void bindReduced(ElementEmitter &rows, size_t pass, llvm::ArrayRef<Value> reduced);
  Type accumulatorType(nn::ReduceOp reduce);
  void storeRowResults(ElementEmitter &rows);
  void storeFullAt(llvm::ArrayRef<Value> at, RowPosition position);
  /// Whether the rest of a row goes one by one.
  bool hasScalars() { return e.lanes() > 1 && !kernel.machine.maskedMemory; }

private:
  bool isFar(mlir::BlockArgument argument);
  SmallVector<LaneIndex> fullIndices(llvm::ArrayRef<LaneIndex> inRow);
  SmallVector<LaneIndex> rowIndices(size_t rank);
  Value linearPosition(llvm::ArrayRef<Value> at, Value inner);
  struct Place {
    Buffer buffer;
    SmallVector<Value> extents;
    SmallVector<LaneIndex> indices;
  };
  Place cacheOf(Value value, LaneIndex position, llvm::ArrayRef<LaneIndex> indices);
  void provideCached(ElementEmitter &lane, size_t pass, Value position, llvm::ArrayRef<LaneIndex> indices);
  SmallVector<Value> stepWith(ElementEmitter &lane, size_t pass, llvm::ArrayRef<Value> at, Value inner,
                              llvm::ArrayRef<Value> sums);
  void storeFullWith(ElementEmitter &lane, llvm::ArrayRef<Value> at, Value inner);
  void reduceAlongLanes(ElementEmitter &rows, size_t pass);
  void askForNeighbours(llvm::ArrayRef<LaneIndex> indices);
  void reduceAcross(ElementEmitter &rows, size_t pass);
  void emitRowValues(ElementEmitter &rows, unsigned level);
  void storeFullResults(ElementEmitter &rows);

  Kernel &kernel;
  const RowProgram &program;
  ImplicitLocOpBuilder &b;
  ElementEmitter e;
  Value scratch, rowLength, slot;
  std::optional<AskingPass> ahead;
  SmallVector<Value> far; ///< arguments whose next row is asked for
  SmallVector<LaneIndex> outer;
  SmallVector<std::pair<Value, Value>> bound;
};

/// Reductions alone of many neighbouring rows that come from far. Returns false if rows are others.
bool scheduleColumns(Kernel &kernel, const RowProgram &program);

/// Long rows side by side, fewer than two vectors have lanes. Returns false if rows are others.
bool scheduleFewNeighbours(Kernel &kernel, const RowProgram &program);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_ROWEMITTER_H
