//===- Contraction.h - what schedules of matrix products and convolutions share ------------===//

#ifndef TENON_COMPILER_SCHEDULE_CONTRACTION_H
#define TENON_COMPILER_SCHEDULE_CONTRACTION_H

#include "compiler/Schedule/ContractionTiles.h"
#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Kernel.h"
#include "llvm/ADT/SetVector.h"
#include <map>

namespace tenon::schedule {

/// The type products of `element` are summed in: f32 for f16 and bf16, else the type itself (as iN for uiN).
Type accumulatorType(Type element);

/// Registers of a narrow float as `type`'s elements; others unchanged.
Value widenTo(ImplicitLocOpBuilder &b, Value value, Type elementType);

/// What follows a contraction in its kernel: every result of the kernel at the indices of an accumulator.
class Epilogue {
public:
  Epilogue(Kernel &kernel, Value contraction);

  /// Whether all results are elementwise functions of the contraction, so that an accumulator at an index is all they
  /// need of it.
  bool isPointwise() const;

  /// Treats all dimensions but the last as one of `rows`. Returns false, and changes nothing, if an operand is not the
  /// same for all of them or of its own for each.
  bool flattenRows(Value rows);

  /// Whether the code per accumulator is too long to repeat for each accumulator of a tile.
  bool isLong() const;

  /// Stores the results at `indices` (as many as the contraction has dimensions, or two after flattenRows).
  /// `accumulator` is a vector or, for one lane, a scalar; `mask` may be null.
  void emit(Value accumulator, llvm::ArrayRef<LaneIndex> indices, Value mask);

private:
  ElementEmitter &emitter(int64_t lanes);

  Kernel &kernel;
  Value contraction;
  bool pointwise = true;
  llvm::SetVector<Value> after;                            ///< the contraction and all that is computed from it
  SmallVector<std::pair<Value, SmallVector<Value>>> bound; ///< extents that replace the kernel's
  std::map<int64_t, std::unique_ptr<ElementEmitter>> emitters;
};

/// Rows in tiles: equal parts where the number is known, else full tiles and a rest in tiles of a third and of one row,
/// so that at most three microkernels are made.
class RowTiles {
public:
  /// `total` rows (an index value) in tiles of at most `largest`.
  RowTiles(ElementEmitter &e, Value total, int64_t largest);

  /// Number of tiles, the last of which may be a rest.
  Value count() const { return tiles; }
  /// First row of tile `tile`; of `count()`: the number of rows.
  Value start(Value tile) const;
  /// First row of a tile that there is.
  Value begin(Value tile) const;
  /// Rows of the tallest tile.
  int64_t height() const { return split.tall; }
  /// Loops over the tiles [first, last); `body` gets the first row and how many there are.
  void forEach(Value first, Value last, llvm::function_ref<void(Value row, int64_t rows)> body) const;

private:
  ElementEmitter &e;
  Value total, tiles;
  std::optional<int64_t> known;
  RowSplit split;
};

/// Rows in tiles of heights that differ by at most one, as few as possible, for code that is short enough to exist in
/// every height.
class EvenRowTiles {
public:
  /// `total` rows (an index value, not zero) in tiles of at most `largest`, and of at least half as many: fewer rows
  /// are treated as `used()`. `possible`: all that `total` may be, if that is known.
  EvenRowTiles(ElementEmitter &e, Value total, int64_t largest, llvm::ArrayRef<int64_t> possible = {});

  /// The lowest tile.
  static int64_t leastHeight(int64_t largest) { return llvm::divideCeil(largest, 2); }
  /// Rows that tiles cover: `total`, or the lowest tile's.
  Value used() const { return covered; }
  /// Loops over all tiles; `body` gets the first row and how many there are.
  void forEach(llvm::function_ref<void(Value row, int64_t rows)> body) const;

private:
  ElementEmitter &e;
  SmallVector<int64_t> heights; ///< descending
  Value covered, tall, numTall, numLow;
};

/// Columns in groups of `vectors` vectors; the last group may have fewer (half as many, where the run time knows), and
/// lanes that are not wanted.
class ColumnGroups {
public:
  ColumnGroups(ElementEmitter &e, Value total, int64_t vectors, int64_t lanes);

  Value count() const { return groups; }
  int64_t width() const { return vectors * lanes; }
  /// Loops over the groups [first, last); `body` gets the first column, the number of vectors, and the number of wanted
  /// columns (null: all).
  void forEach(Value first, Value last,
               llvm::function_ref<void(Value column, int64_t vectors, Value columns)> body) const;

private:
  ElementEmitter &e;
  Value total, full, groups;
  int64_t vectors, lanes;
};

/// A part of a phase's scratch memory as elements of `type`. Advances `bytes` past it, to a multiple of 64.
class ScratchPlan {
public:
  explicit ScratchPlan(ElementEmitter &e) : e(e), total(e.constant(0)) {}
  /// Reserves `count` elements; returns the part's number.
  size_t reserve(Type type, Value count);
  Value bytes() const { return total; }
  /// The part as memref<?xtype>, inside the phase.
  Value view(Value scratch, size_t part);

private:
  struct Part {
    Type type;
    Value offset, count;
  };
  ElementEmitter &e;
  Value total;
  SmallVector<Part> parts;
};

/// Indices of an operand's batch dimensions (`mine` are their extents) for the result's, under broadcasting.
SmallVector<LaneIndex> broadcastBatch(ElementEmitter &e, llvm::ArrayRef<Value> mine, llvm::ArrayRef<Value> outer,
                                      llvm::ArrayRef<LaneIndex> batch);

/// Emits a microkernel and the epilogue of its tile. `indices` gives the contraction's indices but the last for a row
/// of the tile, `column` is the index of the tile's first column. `tile`: memory for a tile of accumulators, used if
/// the epilogue is long; may be null if it is not. `before`: where in `tile` the sums of the parts of K before lie,
/// which are added to the microkernel's.
void emitMicrokernel(Kernel &kernel, const ukernel::BrgemmShape &shape, Epilogue &epilogue, Value column, Value tile,
                     llvm::function_ref<SmallVector<LaneIndex>(Value row)> indices, Value before = {});

/// The two halves of it, for sums over a part of K: a microkernel that stores (or adds) its tile to partial[offset +
/// row * width + column], and the epilogue of `rows` rows that lie there.
void emitPartialTile(Kernel &kernel, const ukernel::BrgemmShape &shape, Value partial, Value offset, bool add);
void finishPartialTile(Kernel &kernel, const ukernel::BrgemmShape &shape, Epilogue &epilogue, Value rows, Value column,
                       Value partial, Value offset, llvm::function_ref<SmallVector<LaneIndex>(Value row)> indices);

/// memory[(group - from), k, width] = rhs[outer..., k, column] for the groups [from, to) of columns, of accumulators'
/// type. What lies in columns that do not exist does not matter. `outer`: indices of the dimensions before the matrix.
void packPanels(Kernel &kernel, nn::MatmulOp op, const ColumnGroups &groups, int64_t lanes, Value from, Value to,
                Value memory, llvm::ArrayRef<LaneIndex> outer);

/// Nanoseconds on one thread for `products` multiply-adds of `bytes`-wide accumulators, or for reading `weights` (the
/// right-hand side, if given) where that takes longer.
Value contractionWork(Kernel &kernel, ElementEmitter &e, Value products, int64_t bytes, Value weights = {});

// The schedules. Each returns false, and emits nothing, if it does not cover the op.
bool scheduleMatmul(Kernel &kernel, nn::MatmulOp op);
bool scheduleConvolution(Kernel &kernel, nn::ConvOp op);
bool scheduleWinograd(Kernel &kernel, nn::ConvOp op);
bool scheduleDepthwise(Kernel &kernel, nn::ConvOp op);
bool schedulePack(Kernel &kernel, nn::PackOp op);
/// softmax(f(q k)) v in one phase, the scores of a few rows at a time.
bool scheduleAttention(Kernel &kernel);
/// Few rows (known, or `few` says so) times a transposed right-hand side that is read where it is.
bool scheduleDot(Kernel &kernel, nn::MatmulOp op, bool few = false);

/// Rows up to which packing a square of B (log2(lanes) shuffles for each of its vectors) costs more than it saves.
inline constexpr int64_t mostDotRows = 4;

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_CONTRACTION_H
