//===- ContractionMatmul.cpp - matrix products as loops around ukernel.brgemm --------------===//
//
// One phase. Its tasks are row tiles, times chunks of columns where there are few row tiles, times the batch; a task
// range is worked through in blocks that keep A in the second level of cache while B streams by, panel by panel.
//
//   A  is read where it is (rows are base + a constant each), or copied row by row into scratch: if it is computed
//      in this kernel, if it must be converted, or if its rows fall on the same sets of the first level of cache.
//   B  goes by in blocks of columns that stay in the cache behind that one. It is packed (a constant), read where it is
//      (few rows: packing would cost more than it saves), or packed into scratch, some groups of columns at a time.
//   K  is summed in parts where a group of columns would fill the second level: a part of A's rows serves all the
//      columns of a block, whose sums wait in scratch; the last part ends in the epilogue.
//
// With one right-hand side for the whole batch, the batch's rows are rows of one product.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Contraction.h"
#include "compiler/Schedule/IndexMath.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// Tasks below which columns are split too: enough for the static partition of a dozen threads.
constexpr int64_t wantedTasks = 16;
/// Rows up to which an unpacked B is read where it is.
constexpr int64_t mostFewRows = 2;

/// Columns that a copy of A serves at least, where B is packed.
constexpr int64_t columnsPerCopy = 1024;

/// With more rows B is in the cache for most of them, unless it is summed in parts of K; those of one tile read it as a
/// stream, which processors fetch.
constexpr int64_t mostRowsThatWait = 256;
/// The same where a group of columns is an eighth of the second level or less: those of a model of many layers come
/// from memory (3% of a transformer's products; of larger groups it costs 1% where B is near).
constexpr int64_t mostRowsOfSmallGroups = 1024;
/// Tiles that divide what is fetched ahead among them; there may be more.
constexpr int64_t mostShares = 8;

class MatmulSchedule {
public:
  MatmulSchedule(Kernel &kernel, nn::MatmulOp op)
      : kernel(kernel), op(op), b(kernel.builder), e(kernel.emitter(1)), epilogue(kernel, op.getResult()), plan(e) {}

  /// With `few` the caller knows that there are few rows.
  bool run(bool few = false) {
    if (!epilogue.isPointwise())
      return false;
    readProblem();
    fewRows = few || (known(M) && *known(M) <= mostFewRows);
    choose();
    planScratch();
    if (!fewRows && hasFewVariant())
      emitVariants();
    else
      emitPhase();
    kernel.setPath("brgemm");
    return true;
  }

private:
  enum class Source { direct, packed, scratch };

  Kernel &kernel;
  nn::MatmulOp op;
  ImplicitLocOpBuilder &b;
  ElementEmitter e;
  Epilogue epilogue;

  // The problem.
  Type element, sum;
  int64_t bytes = 4;
  Value M, K, N;            ///< M counts the rows of the whole batch if `flat`
  SmallVector<Value> outer; ///< the result's extents before M and N
  int64_t leastRows = 1;    ///< of a batch, as far as they are known
  bool flat = false, flatEpilogue = false, fewRows = false;

  // The choices.
  Source a = Source::direct, bSource = Source::packed;
  int64_t lanes = 1, nr = 16, kGroup = 1;
  Tile tile;
  std::optional<RowTiles> rows;
  std::optional<ColumnGroups> groups;
  Value chunks;      ///< parts that the columns are split into
  Value blockTiles;  ///< row tiles per block
  Value blockGroups; ///< column groups per block
  Value lda;         ///< from row to row of A in scratch
  int64_t partK = 0; ///< K is summed in parts of this size; 0: at once
  Value partGroups;  ///< groups of columns that a part of K goes over before the next part

  /// A group of columns.
  struct Panel {
    Value column; ///< the first one
    int64_t vectors;
    Value columns;     ///< how many are wanted; null: all
    Value packedGroup; ///< the group at the start of scratch B
  };

  ScratchPlan plan;
  size_t partA = 0, partB = 0, partTile = 0;

  // Inside the phase.
  Value scratchA, scratchB, scratchTile; ///< the last holds a tile, or all tiles of a block if K is summed in parts
  SmallVector<LaneIndex> batch;          ///< indices of `outer`, unless flat
  Value blockStart;                      ///< first row of the block that scratch A holds

  bool isArgument(Value tensor) { return isa<BlockArgument>(tensor); }

  void readProblem() {
    ArrayRef<Value> lhs = kernel.extents(op.getLhs()), result = kernel.extents(op.getResult());
    element = cast<RankedTensorType>(op.getLhs().getType()).getElementType();
    sum = accumulatorType(element);
    bytes = llvm::divideCeil(sum.getIntOrFloatBitWidth(), 8);
    M = result[result.size() - 2];
    N = result.back();
    K = lhs[lhs.size() - (op.getTransposeLhs() ? 2 : 1)];
    outer = SmallVector<Value>(result.drop_back(2));
    for (Value extent : result.drop_back())
      leastRows *= std::max<int64_t>(known(extent).value_or(1), 1);
    int64_t rhsOuter = kernel.extents(op.getRhs()).size() - (op.getPacking() ? 3 : 2);
    bool oneRhs = llvm::all_of(kernel.extents(op.getRhs()).take_front(rhsOuter), [](Value v) { return known(v) == 1; });
    bool sameOuter = sameExtents(lhs.drop_back(2), outer);
    if (oneRhs && sameOuter && (!op.getTransposeLhs() || outer.empty())) {
      flat = true;
      M = e.mul(product(e, outer), M);
      flatEpilogue = epilogue.flattenRows(M);
      outer.clear();
    }
  }

  void choose() {
    nn::PackingAttr packing = op.getPackingAttr();
    int64_t most = kernel.machine.lanes(bytes);
    std::optional<int64_t> columns = known(N);
    bool narrow = element != sum && registerType(element) != sum;
    lanes = most;
    if (packing) {
      nr = packing.getNr();
      kGroup = packing.getGroup();
      lanes = std::min(most, nr);
      bSource = Source::packed;
    } else {
      if (columns)
        lanes = std::min<int64_t>(most, llvm::PowerOf2Ceil(std::max<int64_t>(*columns, 1)));
      bSource = fewRows && isArgument(op.getRhs()) && !op.getTransposeRhs() ? Source::direct : Source::scratch;
    }
    std::optional<int64_t> rowCount = fewRows && !known(M) ? mostFewRows : known(M);
    TileProblem problem{bytes, lanes, nr, rowCount, columns, bSource != Source::packed, 1, kGroup > 1};
    tile = chooseTile(kernel.machine, problem);
    rows.emplace(e, M, tile.rows);
    groups.emplace(e, N, tile.vectors, lanes);
    if (bSource != Source::packed)
      nr = groups->width();
    // Groups of k are contiguous in A.
    bool scattered = kGroup > 1 && op.getTransposeLhs();
    bool direct = isArgument(op.getLhs()) && !(narrow && !op.getTransposeLhs()) && !scattered && !rowsCollide();
    // A transposed A that is computed here is read through the emitter like any other.
    a = direct ? Source::direct : Source::scratch;
    chooseBlocks();
  }

  /// Whether the rows of a tile of A evict each other, and there are enough columns to pay for a copy of A.
  bool rowsCollide() {
    std::optional<int64_t> step = known(kernel.storageExtents(op.getLhs()).back()), columns = known(N);
    if (op.getTransposeLhs() || !step || (columns && *columns < 4 * groups->width()))
      return false;
    return evictEachOther(kernel.machine, *step * element.getIntOrFloatBitWidth() / 8, rows->height());
  }

  void chooseBlocks() {
    const Machine &machine = kernel.machine;
    Value one = e.constant(1);
    auto atLeastOne = [&](Value value) { return b.createOrFold<arith::MaxUIOp>(value, one); };
    std::optional<int64_t> k = known(K), n = known(N);

    // A group of B that takes more than its share of the second level is summed in parts of K, so that the tiles of a
    // block find the part there. Parts are equal, of an even length.
    int64_t tiles = known(rows->count()).value_or(2);
    if (k && tiles > 1 && *k * groups->width() * bytes > machine.l2Bytes / 4) {
      int64_t parts = llvm::divideCeil(*k * groups->width() * bytes, machine.l2Bytes / 4);
      partK = llvm::alignTo(llvm::divideCeil(*k, parts), 16);
    }
    Value length = partK ? e.constant(partK) : K;

    // An odd number of lines from row to row spreads rows over all sets.
    Value line = e.constant(std::max<int64_t>(64 / bytes, 1));
    Value lines = b.createOrFold<arith::CeilDivUIOp>(length, line);
    lda = e.mul(b.createOrFold<arith::OrIOp>(lines, one), line);

    bool smallB = k && n && *k * *n * bytes <= machine.l1Bytes / 2;
    int64_t share = bSource == Source::scratch ? machine.l2Bytes / 4
                    : smallB                   ? machine.l1Bytes / 2
                    : partK                    ? machine.l2Bytes * 3 / 8 // beside two parts of groups of B
                                               : machine.l2Bytes / 2;
    Value rowBytes = atLeastOne(e.mul(length, e.constant(bytes * rows->height())));
    blockTiles = atLeastOne(e.div(e.constant(share), rowBytes));
    // Without a bound from unknown extents, scratch has the same size for all of them.
    if (known(M))
      blockTiles = b.createOrFold<arith::MinUIOp>(blockTiles, atLeastOne(rows->count()));
    Value groupBytes = atLeastOne(e.mul(K, e.constant(bytes * groups->width())));
    // Packed here: half of the second level. Packed before: what stays in a share of the third level, which is taken as
    // four times the second.
    int64_t columnShare = bSource == Source::scratch ? machine.l2Bytes / 2 : machine.l2Bytes * 4;
    blockGroups = atLeastOne(e.div(e.constant(columnShare), groupBytes));
    // A copy of A is made for each block of columns, at the cost of some 20 columns' products.
    if (a == Source::scratch && bSource == Source::packed)
      blockGroups =
          b.createOrFold<arith::MaxUIOp>(blockGroups, e.constant(llvm::divideCeil(columnsPerCopy, groups->width())));
    if (known(N))
      blockGroups = b.createOrFold<arith::MinUIOp>(blockGroups, atLeastOne(groups->count()));

    // Parts go over all groups of a block, so that a part of A serves them all. Where all of A stays in its share, B is
    // read in order: few rows wait for it.
    partGroups = blockGroups;
    if (partK && a == Source::direct) {
      Value stays = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule, M, e.constant(share / bytes / *k));
      partGroups = b.createOrFold<arith::SelectOp>(stays, one, blockGroups);
    }

    // Columns are split where there are too few row tiles (and the batch) for all threads.
    Value allTiles = atLeastOne(e.mul(product(e, outer), rows->count()));
    Value parts = b.createOrFold<arith::CeilDivUIOp>(e.constant(wantedTasks), allTiles);
    chunks = b.createOrFold<arith::MinUIOp>(parts, atLeastOne(groups->count()));
  }

  /// Whether the run time chooses between packing B and reading it where it is.
  bool hasFewVariant() {
    return !known(M) && !op.getPacking() && isArgument(op.getRhs()) && isArgument(op.getLhs()) &&
           !op.getTransposeLhs() && (!op.getTransposeRhs() || isa<FloatType>(sum));
  }

  void emitVariants() {
    int64_t most = op.getTransposeRhs() ? mostDotRows : mostFewRows;
    Value few = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, M, e.constant(most));
    auto choice = scf::IfOp::create(b, few, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    if (!op.getTransposeRhs() || !scheduleDot(kernel, op, /*few=*/true))
      MatmulSchedule(kernel, op).run(/*few=*/true);
    b.setInsertionPointToStart(choice.elseBlock());
    emitPhase();
  }

  bool needsTile() { return partK || epilogue.isLong(); }

  void planScratch() {
    if (a == Source::scratch)
      partA = plan.reserve(sum, e.mul(e.mul(blockTiles, e.constant(rows->height())), lda));
    if (bSource == Source::scratch)
      partB = plan.reserve(sum, e.mul(e.mul(blockGroups, e.constant(groups->width())), K));
    if (needsTile()) {
      Value tiles = partK ? e.mul(blockTiles, blockGroups) : e.constant(1);
      partTile = plan.reserve(sum, e.mul(tiles, e.constant(rows->height() * groups->width())));
    }
  }

  void emitPhase() {
    Value batches = product(e, outer), tiles = rows->count();
    Value tasks = e.mul(e.mul(batches, chunks), tiles);
    Value products = e.mul(e.mul(e.mul(batches, M), N), K);
    kernel.phase(tasks, contractionWork(kernel, e, products, bytes, op.getRhs()), plan.bytes(), kernel.canFail(),
                 [&](Value begin, Value end, Value scratch, Value status) {
                   e.setStatus(status);
                   if (a == Source::scratch)
                     scratchA = plan.view(scratch, partA);
                   if (bSource == Source::scratch)
                     scratchB = plan.view(scratch, partB);
                   if (needsTile())
                     scratchTile = plan.view(scratch, partTile);
                   emitTasks(begin, end, batches, tiles);
                 });
  }

  /// Tasks are numbered ((batch, chunk), tile); a range is cut at the chunks it touches.
  void emitTasks(Value begin, Value end, Value batches, Value tiles) {
    Value zero = e.constant(0);
    if (known(batches) == 1 && known(chunks) == 1) {
      batch.assign(outer.size(), LaneIndex{zero});
      return emitChunk(begin, end, zero, groups->count());
    }
    Value first = e.div(begin, tiles), last = b.createOrFold<arith::CeilDivUIOp>(end, tiles);
    countedLoop(b, first, last, e.constant(1), [&](Value number) {
      Value base = e.mul(number, tiles);
      Value from = e.sub(b.createOrFold<arith::MaxUIOp>(begin, base), base);
      Value to = e.sub(b.createOrFold<arith::MinUIOp>(end, e.add(base, tiles)), base);
      Value chunk = e.rem(number, chunks);
      batch = delinearize(e, outer, {e.div(number, chunks)});
      Value firstGroup = e.div(e.mul(chunk, groups->count()), chunks);
      Value lastGroup = e.div(e.mul(e.add(chunk, e.constant(1)), groups->count()), chunks);
      emitChunk(from, to, firstGroup, lastGroup);
    });
  }

  void emitChunk(Value firstTile, Value lastTile, Value firstGroup, Value lastGroup) {
    countedLoop(b, firstGroup, lastGroup, blockGroups, [&](Value from) {
      Value to = b.createOrFold<arith::MinUIOp>(e.add(from, blockGroups), lastGroup);
      if (bSource == Source::scratch)
        packB(from, to);
      emitRowBlocks(firstTile, lastTile, from, to, from);
    });
  }

  void emitRowBlocks(Value firstTile, Value lastTile, Value firstGroup, Value lastGroup, Value packedGroup) {
    countedLoop(b, firstTile, lastTile, blockTiles, [&](Value from) {
      Value to = b.createOrFold<arith::MinUIOp>(e.add(from, blockTiles), lastTile);
      blockStart = rows->begin(from);
      if (partK)
        return countedLoop(b, firstGroup, lastGroup, partGroups, [&](Value first) {
          Value last = b.createOrFold<arith::MinUIOp>(e.add(first, partGroups), lastGroup);
          emitInParts(from, to, first, last, packedGroup);
        });
      if (a == Source::scratch)
        packA(blockStart, rows->start(to), e.constant(0), K);
      groups->forEach(firstGroup, lastGroup, [&](Value column, int64_t vectors, Value columns) {
        Panel panel{column, vectors, columns, packedGroup};
        rows->forEach(from, to, [&](Value row, int64_t count) {
          emitMicrokernel(kernel, tileShape(row, count, panel, e.constant(0), K), epilogue, column, scratchTile,
                          [&](Value m) { return resultIndices(e.add(row, m)); });
        });
      });
    });
  }

  /// The tiles [from, to) of a block for some groups of columns, summed in parts of K: a part of the block's rows of A
  /// stays in the second level while a part of each group goes by. The sums wait in scratch, group by group.
  void emitInParts(Value from, Value to, Value firstGroup, Value lastGroup, Value packedGroup) {
    Value zero = e.constant(0), lastRow = rows->start(to), height = e.sub(lastRow, blockStart);
    Value firstColumn = e.mul(firstGroup, e.constant(groups->width()));
    auto offset = [&](const Panel &panel, Value row) {
      Value inGroup = e.mul(e.sub(row, blockStart), e.constant(panel.vectors * lanes));
      return e.add(e.mul(e.sub(panel.column, firstColumn), height), inGroup);
    };
    auto forEachGroup = [&](function_ref<void(const Panel &)> emit) {
      groups->forEach(firstGroup, lastGroup, [&](Value column, int64_t vectors, Value columns) {
        emit(Panel{column, vectors, columns, packedGroup});
      });
    };
    auto part = [&](Value k, Value length,
                    function_ref<void(const ukernel::BrgemmShape &, const Panel &, Value)> emit) {
      if (a == Source::scratch)
        packA(blockStart, lastRow, k, length);
      forEachGroup([&](const Panel &panel) {
        rows->forEach(from, to,
                      [&](Value row, int64_t count) { emit(tileShape(row, count, panel, k, length), panel, row); });
      });
    };
    auto store = [&](bool add) {
      return [&, add](const ukernel::BrgemmShape &shape, const Panel &panel, Value row) {
        emitPartialTile(kernel, shape, scratchTile, offset(panel, row), add);
      };
    };
    Value step = e.constant(partK), last = e.constant((llvm::divideCeil(*known(K), partK) - 1) * partK);
    part(zero, step, store(/*add=*/false));
    if (*known(last) > partK)
      countedLoop(b, step, last, step, [&](Value k) { part(k, step, store(/*add=*/true)); });
    part(last, e.sub(K, last), [&](const ukernel::BrgemmShape &shape, const Panel &panel, Value row) {
      emitMicrokernel(
          kernel, shape, epilogue, panel.column, scratchTile, [&](Value m) { return resultIndices(e.add(row, m)); },
          offset(panel, row));
    });
  }

  /// Indices of an operand's dimensions before the matrix for the batch at hand.
  SmallVector<LaneIndex> outerIndices(Value operand, int64_t matrixRank) {
    ArrayRef<Value> mine = kernel.extents(operand).drop_back(matrixRank);
    if (flat)
      return SmallVector<LaneIndex>(mine.size(), LaneIndex{e.constant(0)});
    return broadcastBatch(e, mine, outer, batch);
  }

  /// Where the matrix of the batch at hand starts in an operand's buffer.
  Value matrixOffset(Value operand, int64_t matrixRank) {
    SmallVector<Value> extents = kernel.storageExtents(operand);
    ArrayRef<Value> all(extents);
    Value base = linearIndex(e, all.drop_back(matrixRank), outerIndices(operand, matrixRank)).base;
    return e.mul(base, product(e, all.take_back(matrixRank)));
  }

  /// Indices of the left-hand side at a row; k is appended or inserted by the caller.
  SmallVector<LaneIndex> lhsIndices(Value row, LaneIndex k) {
    Value lhs = op.getLhs();
    SmallVector<LaneIndex> indices;
    if (flat)
      indices = delinearize(e, kernel.extents(lhs).drop_back(op.getTransposeLhs() ? 2 : 1), {row});
    else
      indices = outerIndices(lhs, 2);
    if (op.getTransposeLhs())
      indices.append({k, LaneIndex{row}});
    else if (flat)
      indices.push_back(k);
    else
      indices.append({LaneIndex{row}, k});
    return indices;
  }

  /// Copies the steps [first, first + length) of K of some rows.
  void packA(Value from, Value to, Value first, Value length) {
    int64_t vectorLanes = kernel.machine.lanes(bytes);
    countedLoop(b, from, to, e.constant(1), [&](Value row) {
      ElementEmitter source = kernel.emitter(vectorLanes);
      Value inBlock = e.sub(row, from);
      vectorLoop(source, kernel.machine, e.constant(0), length, [&](ElementEmitter &at, Value k) {
        LaneIndex lane{k, at.lanes() > 1 ? 1 : 0}, inRow{e.add(first, k), lane.stride};
        Value value = widenTo(b, at.emit(op.getLhs(), lhsIndices(row, inRow)), sum);
        at.store(value, sum, {scratchA}, {e.constant(1), lda}, {LaneIndex{inBlock}, lane});
      });
    });
  }

  void packB(Value from, Value to) {
    packPanels(kernel, op, *groups, lanes, from, to, scratchB, outerIndices(op.getRhs(), 2));
  }

  /// The product of `count` rows from `row` on with a group of columns over `length` steps of K from `k` on.
  ukernel::BrgemmShape tileShape(Value row, int64_t count, const Panel &panel, Value k, Value length) {
    auto [column, vectors, columns, packedGroup] = panel;
    ukernel::BrgemmShape shape;
    shape.k = length;
    shape.vectors = vectors;
    shape.columns = columns;
    shape.accumulator = VectorType::get({lanes}, sum);
    shape.nr = nr;
    shape.kGroup = kGroup;
    // A
    Value rowStep = e.constant(1);
    shape.aStep = e.constant(1);
    if (a == Source::scratch) {
      shape.a = scratchA;
      shape.aOffset = e.mul(e.sub(row, blockStart), lda);
      rowStep = lda;
    } else {
      shape.a = kernel.argumentBuffer(cast<BlockArgument>(op.getLhs())).memref;
      shape.aOffset = matrixOffset(op.getLhs(), 2);
      // From row to row in memory: steps of k if it is transposed.
      Value distance = kernel.storageExtents(op.getLhs()).back();
      (op.getTransposeLhs() ? shape.aStep : rowStep) = distance;
      shape.aOffset = e.add(shape.aOffset, e.mul(row, rowStep));
    }
    // A copy holds the part of K at hand.
    if (a != Source::scratch)
      shape.aOffset = e.add(shape.aOffset, e.mul(k, shape.aStep));
    for (int64_t m = 0; m < count; ++m)
      shape.rows.push_back(e.mul(e.constant(m), rowStep));
    // B
    shape.bStep = e.constant(nr);
    shape.panelStep = e.mul(K, e.constant(nr));
    if (bSource == Source::scratch) {
      shape.b = scratchB;
      Value group = e.sub(e.div(column, e.constant(groups->width())), packedGroup);
      shape.bOffset = e.mul(group, shape.panelStep);
    } else {
      shape.b = kernel.denseArgument(cast<BlockArgument>(op.getRhs()));
      shape.bOffset = matrixOffset(op.getRhs(), bSource == Source::packed ? 3 : 2);
      Value inside = column;
      if (bSource == Source::packed) {
        Value panel = e.div(column, e.constant(nr));
        inside = e.add(e.mul(panel, shape.panelStep), e.mul(e.rem(column, e.constant(nr)), e.constant(kGroup)));
        if (waitsForB(count))
          prefetchNextGroup(shape, row);
      } else {
        shape.bStep = N;
        shape.panelStep = e.constant(0);
        shape.maskB = static_cast<bool>(columns);
      }
      shape.bOffset = e.add(shape.bOffset, inside);
    }
    shape.bOffset = e.add(shape.bOffset, e.mul(k, shape.bStep));
    return shape;
  }

  /// Whether a tile of `count` rows asks for B ahead. Of unknown rows, full tiles do: there may be several.
  bool waitsForB(int64_t count) const {
    bool several = known(M) ? *known(M) > rows->height() : count == rows->height();
    bool isSmall = known(K).value_or(0) * groups->width() * bytes <= kernel.machine.l2Bytes / 8;
    int64_t mostRows = isSmall && known(K) ? mostRowsOfSmallGroups : mostRowsThatWait;
    return several && (partK || leastRows <= mostRows) && known(groups->count()) != 1;
  }

  /// B of the next group of columns (its part of K), each tile of rows its share.
  void prefetchNextGroup(ukernel::BrgemmShape &shape, Value row) {
    int64_t tiles = llvm::divideCeil(leastRows, rows->height());
    if (partK)
      tiles = std::clamp<int64_t>(known(blockTiles).value_or(1), 1, tiles);
    shape.prefetchShares = std::clamp<int64_t>(tiles, 1, mostShares);
    Value panels = e.constant(llvm::divideCeil(shape.vectors * lanes, nr)), height = e.constant(rows->height());
    Value tile = e.rem(b.createOrFold<arith::CeilDivUIOp>(row, height), e.constant(shape.prefetchShares));
    Value part =
        e.mul(e.mul(tile, b.createOrFold<arith::CeilDivUIOp>(shape.k, e.constant(shape.prefetchShares))), shape.bStep);
    shape.prefetch = e.add(e.mul(panels, shape.panelStep), part);
  }

  SmallVector<LaneIndex> resultIndices(Value row) {
    if (flat && flatEpilogue)
      return {LaneIndex{row}};
    if (flat)
      return delinearize(e, kernel.extents(op.getResult()).drop_back(1), {row});
    SmallVector<LaneIndex> indices(batch);
    indices.push_back({row});
    return indices;
  }
};

} // namespace

bool scheduleMatmul(Kernel &kernel, nn::MatmulOp op) { return MatmulSchedule(kernel, op).run(); }

} // namespace tenon::schedule
