//===- Sequential.h - schedules of single ops with an order of steps -----------------------===//

#ifndef TENON_COMPILER_SCHEDULE_SEQUENTIAL_H
#define TENON_COMPILER_SCHEDULE_SEQUENTIAL_H

#include "compiler/Schedule/Kernel.h"

namespace tenon::schedule {

/// Scalar loops over all of `extents`.
SmallVector<Value> simpleLoops(ElementEmitter &emitter, llvm::ArrayRef<Value> extents,
                               llvm::function_ref<void(llvm::ArrayRef<LaneIndex>)> body);

/// Whether the element with index `x` comes strictly before the one with index `y`.
using Comparison = llvm::function_ref<Value(Value x, Value y)>;

/// Sorts the first `length` indices of `order` (memref<?xindex> with room for twice as many), stably. Returns where the
/// sorted list starts.
Value mergeSort(ElementEmitter &emitter, Value order, Value length, Comparison comesBefore);

/// A stable merge sort of each line's indices in scratch, then the first k.
bool scheduleTopK(Kernel &kernel, nn::TopKOp op);

/// One task per batch item and class: candidates by falling score, each against the chosen ones.
bool scheduleNonMaxSuppression(Kernel &kernel, nn::NonMaxSuppressionOp op);

/// Many walks at once, of few rows down many trees or of many rows down each tree.
bool scheduleTreeEnsemble(Kernel &kernel, nn::TreeEnsembleOp op);

/// nn.lstm, nn.gru or nn.rnn, all of whose results the kernel returns. False for other ops.
bool scheduleRecurrence(Kernel &kernel, mlir::Operation *op);

/// A text op: one call of the function of runtime/text that computes it.
bool scheduleText(Kernel &kernel, mlir::Operation *op);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_SEQUENTIAL_H
