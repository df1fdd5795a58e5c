//===- Elements.h - values of tensor expressions, one group of lanes at a time -------------===//
//
// The heart of scheduling: every nn op that has a pointwise definition (its element at an index, in terms of its
// operands' elements) is emitted through an ElementEmitter. A schedule decides loops, lanes and where results are
// stored; the emitter follows the expression from a result down to buffers. With one lane and no approximations the
// same definitions are the reference lowering.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_SCHEDULE_ELEMENTS_H
#define TENON_COMPILER_SCHEDULE_ELEMENTS_H

#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tenon::schedule {

using mlir::ImplicitLocOpBuilder;
using mlir::RankedTensorType;
using mlir::SmallVector;
using mlir::Type;
using mlir::Value;

/// Elements so far apart are loaded as whole vectors, from which lanes are picked. Farther ones are gathered.
inline constexpr int64_t mostShuffledStride = 4;

/// The index in one dimension for all lanes: lane l has `base + l * stride`, or element l of `lanes` if that is set.
struct LaneIndex {
  Value base;
  int64_t stride = 0;
  Value lanes = {};    ///< vector<L x index>; then base and stride mean nothing
  Value advances = {}; ///< i1, beside `lanes`: they are base + l if it is true, else all base

  bool isUniform() const { return !lanes && stride == 0; }
  bool operator==(const LaneIndex &other) const {
    return base == other.base && stride == other.stride && lanes == other.lanes;
  }
};

/// A row-major tensor in memory. `memref` is memref<?xT> with T the storage type; `offset` (elements) may be null.
/// Where `pitch` is not 0, its rows are `row` elements long and start `pitch` elements apart; else they lie one after
/// the other.
struct Buffer {
  Value memref;
  Value offset = {};
  int64_t row = 0, pitch = 0;
  bool *pitchIsMissed = nullptr; ///< set by who takes rows `pitch` apart to lie one after the other
};

using nn::storageType;

/// The type of an element in a register: iN for uiN and for floats of at most 8 bits, which are their code.
Type registerType(Type element);

/// Emits elements of the tensors of one kernel body.
class ElementEmitter {
  using Memo = llvm::DenseMap<Value, SmallVector<std::pair<SmallVector<LaneIndex>, Value>>>;

public:
  /// `lanes` is the vector length (1: scalars). `reference` keeps every operation as the op's definition says
  /// (library functions instead of polynomials).
  ElementEmitter(ImplicitLocOpBuilder &builder, int64_t lanes, bool reference)
      : b(builder), laneCount(lanes), reference(reference) {}

  /// Shares bindings with `other`, with another number of lanes.
  ElementEmitter(const ElementEmitter &other, int64_t lanes);

  ImplicitLocOpBuilder &builder() { return b; }
  int64_t lanes() const { return laneCount; }

  /// Says where the elements of `tensor` are: in memory ...
  void bind(Value tensor, Buffer buffer);
  /// ... or already in a register, for the indices at hand (an accumulator, a reduced value). It overrides a buffer.
  void bindRegister(Value tensor, Value element);
  void unbindRegister(Value tensor);
  /// Says what the extents of `tensor` are (index values, one per dimension).
  void bindExtents(Value tensor, llvm::ArrayRef<Value> extents);
  llvm::ArrayRef<Value> extents(Value tensor);

  /// Where a failing element (an index out of range) leaves its status: memref<1xi32> or null.
  void setStatus(Value memref) { status = memref; }

  /// Only lanes whose bit is set are wanted; the others touch no memory. Null: all lanes.
  void setMask(Value mask) { this->mask = mask; }
  Value currentMask() const { return mask; }

  /// How many lanes may run along an axis that one element is a loop over, where the element itself is one lane.
  void setRowLanes(int64_t lanes) { rowLanes = lanes; }

  /// The element(s) of `tensor` at `indices`: registerType for one lane, a vector of it for more. Emitted at the
  /// builder's insertion point. Values are reused while the insertion block stays the same (see Scope).
  Value emit(Value tensor, llvm::ArrayRef<LaneIndex> indices);

  /// The element of `tensor` at uniform indices, as one scalar register whatever the number of lanes.
  Value emitUniform(Value tensor, llvm::ArrayRef<LaneIndex> indices);

  /// Stores `element` (as from emit) to a buffer of `type` and `extents` at `indices`.
  void store(Value element, Type elementType, Buffer buffer, llvm::ArrayRef<Value> extents,
             llvm::ArrayRef<LaneIndex> indices);

  /// Loads from memory (used by emit for bound tensors).
  Value load(Type elementType, Buffer buffer, llvm::ArrayRef<Value> extents, llvm::ArrayRef<LaneIndex> indices);

  /// Starts a new region of code: values emitted inside are forgotten at its end.
  class Scope {
  public:
    explicit Scope(ElementEmitter &emitter) : emitter(emitter), saved(emitter.memo) {}
    ~Scope() { emitter.memo = saved; }

  private:
    ElementEmitter &emitter;
    Memo saved;
  };

  // Small builders that fold constants.
  Value constant(int64_t value);
  Value add(Value lhs, Value rhs);
  Value sub(Value lhs, Value rhs);
  Value mul(Value lhs, Value rhs);
  /// lhs / rhs for values that are not negative.
  Value div(Value lhs, Value rhs);
  Value rem(Value lhs, Value rhs);

  /// A constant of a register type, in all lanes.
  Value splatConstant(Type elementType, double value);
  /// The scalar in all lanes (itself for one lane).
  Value splat(Value scalar);
  /// A register type for this number of lanes.
  Type laneType(Type elementType) const;
  /// Index of each lane as a vector<L x index>.
  Value laneVector(const LaneIndex &index);
  /// Makes `index` uniform by taking lane `lane`.
  LaneIndex laneOf(const LaneIndex &index, Value lane);
  /// Calls `build` for each lane with an emitter of one lane and collects the results.
  Value perLane(Type elementType, llvm::ArrayRef<LaneIndex> indices,
                llvm::function_ref<Value(ElementEmitter &, llvm::ArrayRef<LaneIndex>)> build);

  /// The operand's indices for a result's indices under numpy broadcasting.
  SmallVector<LaneIndex> broadcastIndices(Value operand, llvm::ArrayRef<Value> resultExtents,
                                          llvm::ArrayRef<LaneIndex> indices);

  /// Elementwise arithmetic on registers: `op` is an nn elementwise op, operands as from emit.
  Value elementwise(mlir::Operation *op, llvm::ArrayRef<Value> operands);

  /// acc (+) value in a reduction, registers of `elementType`. `skipsNan`: a NaN leaves a maximum as it is.
  Value combine(nn::ReduceKind kind, Type elementType, Value acc, Value value, bool skipsNan = false);
  /// All lanes of a vector combined into one scalar, in a tree.
  Value combineLanes(nn::ReduceKind kind, Type elementType, Value vector, bool skipsNan = false);
  /// The result of an empty reduction, one register (no lanes if `scalar`).
  Value neutral(nn::ReduceKind kind, Type elementType, bool scalar = false);
  /// Conversion of registers from one tensor element type to another (nn.cast).
  Value convert(Value value, Type from, Type to, bool saturate = true,
                nn::ScaleRounding rounding = nn::ScaleRounding::up);
  /// An index tensor's element, made non-negative with `extent`; outside it the failure is noted and 0 taken.
  LaneIndex checkedIndex(Value value, Value extent);
  /// Notes a failure if `condition` (i1 or a vector of it) holds for a wanted lane.
  void failIf(Value condition);

  /// Whether lanes went one by one, or through gathers: what `inspect` calls a scalar path.
  bool usedScalarPath() const { return *scalarPath; }
  bool isReference() const { return reference; }

private:
  friend class Scope;
  /// Elements `stride` apart, without a mask.
  Value loadStrided(mlir::VectorType type, Value memref, Value base, int64_t stride);
  Value emitOp(mlir::Operation *op, unsigned result, llvm::ArrayRef<LaneIndex> indices);
  Value emitMovement(mlir::Operation *op, llvm::ArrayRef<LaneIndex> indices);
  Value emitReshape(nn::ReshapeOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitConcat(nn::ConcatOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitPad(nn::PadOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitGather(nn::GatherOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitGatherElements(nn::GatherElementsOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitGatherNd(nn::GatherNdOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitResize(nn::ResizeOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitResizePositions(nn::ResizePositionsOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitResizeWeights(nn::ResizeWeightsOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitReduce(nn::ReduceOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitArgReduce(nn::ArgReduceOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitPool(nn::PoolOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitPoolArgmax(nn::PoolArgmaxOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitMatmul(nn::MatmulOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitConv(nn::ConvOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitConvTranspose(nn::ConvTransposeOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitPack(nn::PackOp op, llvm::ArrayRef<LaneIndex> indices);
  Value emitConstant(nn::ConstantOp op, llvm::ArrayRef<LaneIndex> indices);

  /// nn.real, nn.imag and nn.complex: the halves of an integer.
  Value complexParts(mlir::Operation *op, llvm::ArrayRef<Value> operands);
  /// Floating arithmetic in a type in which it is exact enough (f32 for f16 and bf16).
  Value widen(Value value);
  Value narrow(Value value, Type elementType);

  ImplicitLocOpBuilder &b;
  int64_t laneCount, rowLanes = 1;
  bool reference;
  Value mask, status;
  std::shared_ptr<bool> scalarPath = std::make_shared<bool>(false);
  llvm::DenseMap<Value, Buffer> buffers;
  llvm::DenseMap<Value, Value> registers;
  llvm::DenseMap<Value, SmallVector<Value>> knownExtents;
  Memo memo;
};

/// The element(s) of an nn.resample at `indices`.
Value emitResample(ElementEmitter &emitter, nn::ResampleOp op, llvm::ArrayRef<LaneIndex> indices);

/// How many elements are reduced, if those are so few that lanes may run over the results.
std::optional<int64_t> shortReduction(ElementEmitter &emitter, nn::ReduceOp op);

/// Whether an elementwise op is a function that is approximated: some thirty operations, and an error of more than half
/// a unit in the last place.
bool isTranscendental(mlir::Operation *op);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_ELEMENTS_H
