//===- Kernel.h - a kernel function while it is being scheduled ----------------------------===//

#ifndef TENON_COMPILER_SCHEDULE_KERNEL_H
#define TENON_COMPILER_SCHEDULE_KERNEL_H

#include "compiler/Schedule/Elements.h"
#include "dialects/nn/NnExtentMap.h"
#include "dialects/ukernel/Ukernel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "targets/Target.h"

namespace tenon::schedule {

/// Elements that a task should at least produce: about a microsecond of simple work, well above the cost of handing a
/// task over.
inline constexpr int64_t elementsPerTask = 4096;

/// The number that an index value is, if it is a constant.
inline std::optional<int64_t> known(Value value) { return mlir::getConstantIntValue(mlir::OpFoldResult(value)); }

/// A kernel function whose tensor body is being replaced by phases. Construction adds the buffer arguments and computes
/// all extents at the end of the entry block; schedules then append phases; `finish` removes the tensors.
class Kernel {
public:
  Kernel(mlir::func::FuncOp function, const Machine &machine, bool reference);

  mlir::func::FuncOp function;
  const Machine &machine;
  const bool reference;
  ImplicitLocOpBuilder builder; ///< at the end of the entry block

  /// The tensors the kernel returns and the buffers they go to.
  llvm::ArrayRef<Value> results() const { return resultTensors; }
  Buffer resultBuffer(size_t index) const { return resultBuffers[index]; }

  /// The buffer of a tensor argument.
  Buffer argumentBuffer(mlir::BlockArgument tensor) const { return argumentBuffers.lookup(tensor); }

  /// The memory of a tensor whose rows lie one after the other, for schedules that address it themselves: fails the
  /// kernel if they do not.
  Value denseArgument(mlir::BlockArgument tensor) { return dense(argumentBuffer(tensor)); }
  Value denseResult(size_t index) { return dense(resultBuffer(index)); }

  /// The extents that addresses of a tensor are computed with: the last is the distance between rows in memory.
  SmallVector<Value> storageExtents(Value tensor);

  /// Whether rows of a tensor argument or result lie apart in memory (nn.pitches), and whether a schedule has taken
  /// them to lie one after the other.
  bool hasPitches() const;
  bool isPitchMissed() const { return pitchIsMissed; }

  /// The nn ops of the body in order.
  llvm::ArrayRef<mlir::Operation *> ops() const { return bodyOps; }

  /// Extents of any tensor of the body, index values that dominate all phases.
  llvm::ArrayRef<Value> extents(Value tensor) const { return allExtents.at(tensor); }

  /// Looks at a tensor under another shape of the same elements.
  void setExtents(Value tensor, llvm::ArrayRef<Value> extents) { allExtents.set(tensor, extents); }

  /// An emitter that knows the arguments' buffers and all extents.
  ElementEmitter emitter(int64_t lanes);

  /// Lanes of a vector for this kernel's element types; `inner` bounds it where the extent is static.
  int64_t lanes(Value inner) const;

  /// Appends a phase. `build` gets an insertion point inside, the task range, scratch, and (where `canFail`) a status
  /// memref to give to the emitters.
  void phase(Value tasks, Value work, Value scratchBytes, bool canFail,
             llvm::function_ref<void(Value begin, Value end, Value scratch, Value status)> build);

  /// Whether an op of the body checks indices at run time.
  bool canFail() const;

  /// Estimated nanoseconds for `elements` result elements of the whole body on one thread.
  Value workOf(Value elements);

  /// Says what a launch amounts to (ukernel.cost).
  void noteCost();

  /// Notes how the kernel was scheduled, for `inspect`: "vector", "scalar", "brgemm" ...
  void setPath(llvm::StringRef path);
  llvm::StringRef path() const;

  /// Removes the tensor body and the tensor arguments; the function now has the form that Codegen expects.
  void finish();

private:
  void computeExtents();
  static Value dense(Buffer buffer);

  SmallVector<mlir::Operation *> bodyOps;
  SmallVector<Value> resultTensors;
  SmallVector<Buffer> resultBuffers;
  llvm::DenseMap<Value, Buffer> argumentBuffers;
  nn::ExtentMap allExtents;
  bool pitchIsMissed = false;
};

/// Bytes of an element of `tensor` in memory.
int64_t storageBytes(Value tensor);

/// Asks for the element of `input`, an argument, that is `distance` elements (null: none) behind the one at `indices`.
void askAhead(Kernel &kernel, ElementEmitter &e, Value input, llvm::ArrayRef<LaneIndex> indices, Value distance = {});

/// The product of `extents`.
Value product(ElementEmitter &emitter, llvm::ArrayRef<Value> extents);

/// `extents` up to the last one that may be other than 1; at least one, if there are any.
llvm::ArrayRef<Value> withoutLastUnits(llvm::ArrayRef<Value> extents);

/// Whether two extents are known to be equal.
bool sameExtent(Value lhs, Value rhs);
bool sameExtents(llvm::ArrayRef<Value> lhs, llvm::ArrayRef<Value> rhs);

/// A transposition without the dimensions that are known to have one element: they move no data.
struct Permutation {
  SmallVector<int64_t> dims; ///< as nn.transpose's: dimension d of the result is dimension dims[d] of the input
  SmallVector<Value> from, to;
};
Permutation withoutUnitDimensions(Kernel &kernel, nn::TransposeOp op);

/// A loop over [from, to) in steps of `emitter.lanes()`, then the rest: masked where the machine has masks, else one by
/// one. `body` gets the emitter to use (its mask is set) and the position of lane 0. Up to `mostInRow` whole vectors,
/// if their number is known, are emitted one after the other.
void vectorLoop(ElementEmitter &emitter, const Machine &machine, Value from, Value to,
                llvm::function_ref<void(ElementEmitter &, Value)> body, int64_t mostInRow = 0);

/// How a phase over rows is shared out.
struct RowWork {
  int64_t lanes = 1;
  int64_t perTask = elementsPerTask; ///< elements
  Value perElement = {};             ///< operations that an element stands for; null: one
};

/// A phase over a space of `extents`, row by row along the last dimension. Tasks are runs of rows, or of elements where
/// there is one row. `row` gets the indices of the other dimensions, and the first and the end of the part of the row
/// that it has to compute.
void rowPhase(Kernel &kernel, llvm::ArrayRef<Value> extents, const RowWork &work,
              llvm::function_ref<void(ElementEmitter &, llvm::ArrayRef<LaneIndex>, Value, Value)> row);

/// A phase over a space of `extents` of at least two dimensions, run by run of the last one: loops over the others, of
/// which only the start of a task is found by division. `run` gets their indices.
void runPhase(Kernel &kernel, llvm::ArrayRef<Value> extents, llvm::function_ref<void(llvm::ArrayRef<LaneIndex>)> run);

// The schedules. Each appends phases that compute all results of the kernel.

/// Channels-last pooling with elementwise ops around it. Returns false if the body is something else.
bool schedulePooling(Kernel &kernel);

/// Channels-first pooling, or convolution with one channel in a group, with elementwise ops around it. Returns false if
/// the body is something else.
bool schedulePlanes(Kernel &kernel);

/// Every result element by its pointwise definition, vectorised along the last dimension.
void scheduleMap(Kernel &kernel);

/// Reductions and elementwise ops over common rows, in as many passes over a row as there are dependent reductions.
/// Returns false (and emits nothing) if the body is not of that form.
bool scheduleRows(Kernel &kernel);

/// Padding of the last dimension with elements of the input. Returns false if the body is something else.
bool schedulePad(Kernel &kernel);

/// A transposition that makes two or three channels the last dimension, or takes them from there. Returns false if the
/// body is something else.
bool scheduleInterleave(Kernel &kernel);

/// A transposition that keeps the last dimension, whose elements move in runs. Returns false if the body is something
/// else.
bool scheduleRuns(Kernel &kernel);

/// A broadcast of an argument. Returns false if the body is something else, or nothing is known of the last dimension.
bool scheduleBroadcast(Kernel &kernel);

/// A transposition that moves the last dimension. Returns false if the body is something else.
bool scheduleTranspose(Kernel &kernel);

/// Ops whose results depend on the order of steps: scatters, scans, selections, recurrences. One op in the body.
bool scheduleSequential(Kernel &kernel);

/// Convolutions and matrix products on microkernels. Returns false if the body has none that they cover.
bool scheduleContraction(Kernel &kernel);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_KERNEL_H
