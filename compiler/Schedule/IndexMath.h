//===- IndexMath.h - arithmetic on indices of one or of many lanes -------------------------===//

#ifndef TENON_COMPILER_SCHEDULE_INDEXMATH_H
#define TENON_COMPILER_SCHEDULE_INDEXMATH_H

#include "compiler/Schedule/Elements.h"

namespace tenon::schedule {

/// Index arithmetic that works alike on a uniform index (scalars) and on lanes (vectors). Scalars given to it are
/// spread over the lanes when the other side has lanes.
class IndexMath {
public:
  explicit IndexMath(ElementEmitter &emitter) : emitter(emitter), b(emitter.builder()) {}

  /// The index as a scalar or a vector<L x index>.
  Value value(const LaneIndex &index) { return index.isUniform() ? index.base : emitter.laneVector(index); }
  LaneIndex index(Value value) {
    return mlir::isa<mlir::VectorType>(value.getType()) ? LaneIndex{Value(), 0, value} : LaneIndex{value};
  }

  Value constant(int64_t value) { return emitter.constant(value); }
  Value add(Value x, Value y) { return binary<mlir::arith::AddIOp>(x, y); }
  Value sub(Value x, Value y) { return binary<mlir::arith::SubIOp>(x, y); }
  Value mul(Value x, Value y) { return binary<mlir::arith::MulIOp>(x, y); }
  Value div(Value x, Value y) { return binary<mlir::arith::DivUIOp>(x, y); }
  Value rem(Value x, Value y) { return binary<mlir::arith::RemUIOp>(x, y); }
  Value signedRem(Value x, Value y) { return binary<mlir::arith::RemSIOp>(x, y); }
  Value min(Value x, Value y) { return binary<mlir::arith::MinSIOp>(x, y); }
  Value max(Value x, Value y) { return binary<mlir::arith::MaxSIOp>(x, y); }
  Value both(Value x, Value y) { return x ? binary<mlir::arith::AndIOp>(x, y) : y; }
  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y) {
    match(x, y);
    return mlir::arith::CmpIOp::create(b, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y) {
    match(x, y);
    match(condition, x);
    match(condition, y);
    return mlir::arith::SelectOp::create(b, condition, x, y);
  }
  /// Whether 0 <= x < extent.
  Value inside(Value x, Value extent) { return compare(mlir::arith::CmpIPredicate::ult, x, extent); }

  /// Spreads the scalar among the two over the lanes of the other.
  void match(Value &x, Value &y) {
    if (mlir::isa<mlir::VectorType>(x.getType()))
      y = emitter.splat(y);
    else if (mlir::isa<mlir::VectorType>(y.getType()))
      x = emitter.splat(x);
  }

private:
  template <typename Op> Value binary(Value x, Value y) {
    match(x, y);
    return b.createOrFold<Op>(x, y);
  }

  ElementEmitter &emitter;
  ImplicitLocOpBuilder &b;
};

/// `for (i = from; i < to; i += step) body(i)`.
void countedLoop(ImplicitLocOpBuilder &b, Value from, Value to, Value step, llvm::function_ref<void(Value)> body);

/// Nested loops over [lower, upper) in each dimension that carry values. `body` gets the induction variables and the
/// carried values and returns the next ones.
SmallVector<Value>
carriedLoops(ImplicitLocOpBuilder &b, llvm::ArrayRef<Value> lower, llvm::ArrayRef<Value> upper,
             llvm::ArrayRef<Value> initial,
             llvm::function_ref<SmallVector<Value>(llvm::ArrayRef<Value>, llvm::ArrayRef<Value>)> body);

/// `while (condition(state)) state = step(state)`
SmallVector<Value> whileLoop(ImplicitLocOpBuilder &b, llvm::ArrayRef<Value> initial,
                             llvm::function_ref<Value(mlir::ValueRange)> condition,
                             llvm::function_ref<SmallVector<Value>(mlir::ValueRange)> step);

/// `if (condition) then() else other()` with one result.
Value choose(ImplicitLocOpBuilder &b, Value condition, Type type, llvm::function_ref<Value()> then,
             llvm::function_ref<Value()> other);

/// The linear row-major index of `indices` within `extents`.
LaneIndex linearIndex(ElementEmitter &emitter, llvm::ArrayRef<Value> extents, llvm::ArrayRef<LaneIndex> indices);

/// The indices within `extents` of a linear row-major index.
SmallVector<LaneIndex> delinearize(ElementEmitter &emitter, llvm::ArrayRef<Value> extents, const LaneIndex &linear);

/// `for (place = from; place < to; ++place) body(delinearize(place))`; as loops in each other where divisors are not
/// known, for divisions take longer than a short row.
void forEachPlace(ElementEmitter &emitter, llvm::ArrayRef<Value> extents, Value from, Value to,
                  llvm::function_ref<void(llvm::ArrayRef<LaneIndex>)> body);

/// Whether a dimension of a padded tensor has no borders.
bool isUnpadded(nn::PadOp op, size_t dim);

/// The index in the input's dimension `dim` of the element that `index` of the padded one shows; in the borders of mode
/// constant it is outside.
LaneIndex unpaddedIndex(ElementEmitter &emitter, nn::PadOp op, size_t dim, const LaneIndex &index);

/// A vector of `lanes` lanes; lane l is element place(l) of the given vectors taken as one run. More than two of them
/// have as many lanes.
Value pickLanes(ImplicitLocOpBuilder &b, llvm::ArrayRef<Value> from, int64_t lanes,
                llvm::function_ref<int64_t(int64_t)> place);

/// As many vectors as are given; lane l of vector v is element place(v * lanes + l) of those taken as one run.
SmallVector<Value> rearrangeLanes(ImplicitLocOpBuilder &b, llvm::ArrayRef<Value> from, int64_t lanes,
                                  llvm::function_ref<int64_t(int64_t)> place);

/// A vector whose lane i is lane `places[i]` of `vector`. Lanes whose place lies outside have no value. Fast if places
/// are as wide as elements of at most 32 bits, and come from arithmetic on such numbers.
Value permuteLanes(ImplicitLocOpBuilder &b, Value vector, Value places);

/// Transposes `rows` (as many vectors as lanes, a power of two): step s exchanges blocks of s lanes between rows s
/// apart.
void transposeTile(ImplicitLocOpBuilder &b, llvm::SmallVectorImpl<Value> &rows);

/// Unsigned integers, as wide as `values`, in the order of the values (scalars or vectors; floats of 32 or 64 bits).
/// Zeros are equal, NaN is the greatest number.
Value orderedBits(ImplicitLocOpBuilder &b, Value values, bool isUnsigned);

/// A vector whose lane i is the sum of `rows[i]`'s lanes, for as many float vectors as lanes.
Value sumOfEach(ImplicitLocOpBuilder &b, SmallVector<Value> rows);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_INDEXMATH_H
