//===- Attention.cpp - softmax(f(q k)) v without the matrix of scores in memory ------------===//
//
// One phase; a task is a block of a few tiles of rows of q, whose scores are computed for a block of keys at a time:
//
//   scores = q k for the block; f is applied, the row's maximum m grows;
//   p = exp(scores - m); the sums l and the outcomes o so far are scaled by exp(old m - m);
//   l += sum(p), o += p v                                and at the end the result is o / l
//
// (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022.)
// Scores and outcomes of a block stay in the first levels of cache. Keys and values are packed once for all blocks of a
// batch item that a range of tasks has.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/ApproximateMath.h"
#include "compiler/Schedule/Contraction.h"
#include "compiler/Schedule/IndexMath.h"

#include "dialects/nn/AttentionPattern.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// Keys per block: with two tiles of 14 rows the scores take 28 KiB.
constexpr int64_t blockKeys = 256;
constexpr int64_t blockTiles = 2;
/// Sums that run side by side along a row.
constexpr int64_t accumulators = 4;

class AttentionSchedule {
public:
  AttentionSchedule(Kernel &kernel, const nn::AttentionParts &parts)
      : kernel(kernel), parts(parts), b(kernel.builder), e(kernel.emitter(1)), plan(e) {}

  void run() {
    readProblem();
    planScratch();
    Value batches = product(e, outer);
    Value blocks = b.createOrFold<arith::CeilDivUIOp>(rows->count(), e.constant(blockTiles));
    Value scores = e.mul(e.mul(batches, M), N);
    // An exponential and what goes with it are worth about 16 multiply-adds; packing an element, 32; the horizontal
    // maximum and sum of a row and what waits for them, 40 cycles of them.
    Value products = e.mul(scores, e.add(e.add(D, Dv), e.constant(16)));
    products = e.add(products, e.mul(e.mul(batches, N), e.mul(e.add(D, Dv), e.constant(32))));
    products = e.add(products, e.mul(e.mul(batches, M), e.constant(40 * lanes * kernel.machine.fmaPipes)));
    kernel.phase(e.mul(batches, blocks), contractionWork(kernel, e, products, sum.getIntOrFloatBitWidth() / 8),
                 plan.bytes(), kernel.canFail(), [&](Value begin, Value end, Value scratch, Value status) {
                   this->status = status;
                   view(scratch);
                   emitTasks(begin, end, blocks);
                 });
    kernel.setPath("attention");
  }

private:
  Kernel &kernel;
  nn::AttentionParts parts;
  ImplicitLocOpBuilder &b;
  ElementEmitter e;
  ScratchPlan plan;

  // The problem: q[outer..., M, D], k[..., D, N], v[..., N, Dv].
  Type element, sum;   ///< sum: of all that is computed
  bool copies = false; ///< rows of q are widened in scratch
  Value M, N, D, Dv;
  SmallVector<Value> outer;
  int64_t lanes = 1;
  VectorType vector;
  std::optional<RowTiles> rows;
  std::optional<ColumnGroups> keys, values;
  int64_t keyGroups = 1, scoreStride = 1, height = 1; ///< groups of keys per block, from row to row of scores, rows

  // Scratch.
  size_t partQueries = 0, partKeys = 0, partValues = 0, partScores = 0, partOutcome = 0, partMaxima = 0, partSums = 0,
         partScales = 0;
  Value queries, packedKeys, packedValues, scores, outcome, maxima, sums, scales, status;

  // The batch item at hand.
  SmallVector<LaneIndex> batch;

  void readProblem() {
    ArrayRef<Value> q = kernel.extents(parts.scores.getLhs()), result = kernel.extents(parts.outcome.getResult());
    element = cast<RankedTensorType>(parts.outcome.getType()).getElementType();
    sum = accumulatorType(element);
    copies = registerType(element) != sum;
    int64_t bytes = sum.getIntOrFloatBitWidth() / 8;
    D = q.back();
    M = result[result.size() - 2];
    Dv = result.back();
    N = kernel.extents(parts.scores.getResult()).back();
    outer = SmallVector<Value>(result.drop_back(2));
    lanes = kernel.machine.lanes(bytes);
    vector = VectorType::get({lanes}, sum);
    Tile tile = chooseTile(kernel.machine, {bytes, lanes, lanes, known(M), known(N), /*anyWidth=*/true});
    rows.emplace(e, M, tile.rows);
    keys.emplace(e, N, tile.vectors, lanes);
    values.emplace(e, Dv, tile.vectors, lanes);
    height = blockTiles * rows->height();
    keyGroups = std::max<int64_t>(1, blockKeys / keys->width());
    if (std::optional<int64_t> groups = known(keys->count()))
      keyGroups = std::min(keyGroups, std::max<int64_t>(*groups, 1));
    // Not a multiple of what a set of the first level holds.
    scoreStride = keyGroups * keys->width() + lanes;
  }

  void planScratch() {
    if (copies)
      partQueries = plan.reserve(sum, e.mul(D, e.constant(height)));
    partKeys = plan.reserve(sum, e.mul(e.mul(keys->count(), e.constant(keys->width())), D));
    partValues = plan.reserve(sum, e.mul(e.mul(values->count(), e.constant(values->width())), N));
    partScores = plan.reserve(sum, e.constant(height * scoreStride));
    partOutcome = plan.reserve(sum, e.mul(e.mul(values->count(), e.constant(values->width())), e.constant(height)));
    for (size_t *part : {&partMaxima, &partSums, &partScales})
      *part = plan.reserve(sum, e.constant(llvm::alignTo(height, lanes)));
  }

  void view(Value scratch) {
    if (copies)
      queries = plan.view(scratch, partQueries);
    packedKeys = plan.view(scratch, partKeys);
    packedValues = plan.view(scratch, partValues);
    scores = plan.view(scratch, partScores);
    outcome = plan.view(scratch, partOutcome);
    maxima = plan.view(scratch, partMaxima);
    sums = plan.view(scratch, partSums);
    scales = plan.view(scratch, partScales);
  }

  ElementEmitter emitter(int64_t count) {
    ElementEmitter made = kernel.emitter(count);
    made.setStatus(status);
    return made;
  }

  Value splat(double value) {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(vector, Attribute(b.getFloatAttr(sum, value))));
  }
  Value number(double value) { return arith::ConstantOp::create(b, b.getFloatAttr(sum, value)); }
  /// A vector as elements of the tensors.
  Value narrow(Value value) {
    return element == sum ? value : arith::TruncFOp::create(b, VectorType::get({lanes}, element), value);
  }
  Value loadVector(Value memory, Value at) { return vector::LoadOp::create(b, vector, memory, at); }
  Value load(Value memory, Value at) { return memref::LoadOp::create(b, memory, at); }

  SmallVector<LaneIndex> outerIndices(Value operand) {
    return broadcastBatch(e, kernel.extents(operand).drop_back(2), outer, batch);
  }

  /// Tasks are numbered (batch item, block of rows).
  void emitTasks(Value begin, Value end, Value blocks) {
    Value first = e.div(begin, blocks), last = b.createOrFold<arith::CeilDivUIOp>(end, blocks);
    countedLoop(b, first, last, e.constant(1), [&](Value item) {
      Value base = e.mul(item, blocks);
      Value from = e.sub(b.createOrFold<arith::MaxUIOp>(begin, base), base);
      Value to = e.sub(b.createOrFold<arith::MinUIOp>(end, e.add(base, blocks)), base);
      batch = delinearize(e, outer, {item});
      packPanels(kernel, parts.scores, *keys, lanes, e.constant(0), keys->count(), packedKeys,
                 outerIndices(parts.scores.getRhs()));
      packPanels(kernel, parts.outcome, *values, lanes, e.constant(0), values->count(), packedValues,
                 outerIndices(parts.outcome.getRhs()));
      countedLoop(b, from, to, e.constant(1), [&](Value block) {
        Value firstTile = e.mul(block, e.constant(blockTiles));
        Value lastTile = b.createOrFold<arith::MinUIOp>(e.add(firstTile, e.constant(blockTiles)), rows->count());
        emitBlock(firstTile, lastTile);
      });
    });
  }

  void emitBlock(Value firstTile, Value lastTile) {
    Value zero = e.constant(0), one = e.constant(1);
    Value firstRow = rows->begin(firstTile), count = e.sub(rows->start(lastTile), firstRow);
    if (copies)
      widenQueries(firstRow, count);
    countedLoop(b, zero, count, one, [&](Value row) {
      memref::StoreOp::create(b, number(-std::numeric_limits<double>::infinity()), maxima, row);
      memref::StoreOp::create(b, number(0), sums, row);
    });
    overOutcome(count, [&](Value at, Value, Value, Value) { vector::StoreOp::create(b, splat(0), outcome, at); });

    countedLoop(b, zero, keys->count(), e.constant(keyGroups), [&](Value from) {
      Value to = b.createOrFold<arith::MinUIOp>(e.add(from, e.constant(keyGroups)), keys->count());
      Value firstKey = e.mul(from, e.constant(keys->width()));
      Value keyCount = e.sub(b.createOrFold<arith::MinUIOp>(e.mul(to, e.constant(keys->width())), N), firstKey);
      emitScores(firstTile, lastTile, from, to);
      countedLoop(b, zero, count, one, [&](Value row) { emitRow(row, e.add(firstRow, row), firstKey, keyCount); });
      overOutcome(count, [&](Value at, Value row, Value, Value) {
        Value scale = vector::BroadcastOp::create(b, vector, load(scales, row));
        vector::StoreOp::create(b, arith::MulFOp::create(b, loadVector(outcome, at), scale), outcome, at);
      });
      addOutcome(firstTile, lastTile, firstKey, keyCount);
    });

    ElementEmitter store = emitter(lanes);
    overOutcome(count, [&](Value at, Value row, Value column, Value mask) {
      Value total = vector::BroadcastOp::create(b, vector, load(sums, row));
      SmallVector<LaneIndex> place(batch);
      place.append({{e.add(firstRow, row)}, {column, 1}});
      store.setMask(mask);
      store.store(narrow(arith::DivFOp::create(b, loadVector(outcome, at), total)), element, kernel.resultBuffer(0),
                  SmallVector<Value>(kernel.extents(parts.outcome.getResult())), place);
      store.setMask(Value());
    });
  }

  void widenQueries(Value firstRow, Value count) {
    Value q = parts.scores.getLhs();
    countedLoop(b, e.constant(0), count, e.constant(1), [&](Value row) {
      ElementEmitter source = emitter(lanes);
      vectorLoop(source, kernel.machine, e.constant(0), D, [&](ElementEmitter &at, Value column) {
        ElementEmitter::Scope scope(at);
        int64_t stride = at.lanes() > 1 ? 1 : 0;
        SmallVector<LaneIndex> place = outerIndices(q);
        place.append({{e.add(firstRow, row)}, {column, stride}});
        Value value = widenTo(b, at.emit(q, place), sum);
        at.store(value, sum, {queries}, {e.constant(1)}, {{e.add(e.mul(row, D), column), stride}});
      });
    });
  }

  /// Loops over the vectors of the first `count` rows of the outcome: [group, row, column] with rows as wide as the
  /// group. `body` gets where a vector is, its row, its first column and the mask of wanted ones (null: all).
  void overOutcome(Value count, function_ref<void(Value at, Value row, Value column, Value mask)> body) {
    values->forEach(e.constant(0), values->count(), [&](Value column, int64_t vectors, Value columns) {
      Value base = e.mul(column, e.constant(height)), width = e.constant(vectors * lanes);
      countedLoop(b, e.constant(0), count, e.constant(1), [&](Value row) {
        for (int64_t v = 0; v < vectors; ++v) {
          Value inGroup = e.constant(v * lanes), mask;
          if (columns)
            mask = vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), e.sub(columns, inGroup));
          body(e.add(e.add(base, e.mul(row, width)), inGroup), row, e.add(column, inGroup), mask);
        }
      });
    });
  }

  /// scores[row, key] = q k for the rows of some tiles and some groups of keys.
  void emitScores(Value firstTile, Value lastTile, Value from, Value to) {
    Value q = parts.scores.getLhs(), firstRow = rows->begin(firstTile);
    Value matrix = e.mul(linearIndex(e, kernel.extents(q).drop_back(2), outerIndices(q)).base, e.mul(M, D));
    keys->forEach(from, to, [&](Value column, int64_t vectors, Value) {
      rows->forEach(firstTile, lastTile, [&](Value row, int64_t count) {
        ukernel::BrgemmShape shape = panelShape(packedKeys, D, vectors);
        shape.a = copies ? queries : kernel.denseArgument(cast<BlockArgument>(q));
        shape.aOffset = copies ? e.mul(e.sub(row, firstRow), D) : e.add(matrix, e.mul(row, D));
        for (int64_t m = 0; m < count; ++m)
          shape.rows.push_back(e.mul(e.constant(m), D));
        shape.bOffset = e.mul(column, D);
        Value inBlock = e.sub(column, e.mul(from, e.constant(keys->width())));
        Value base = e.add(e.mul(e.sub(row, firstRow), e.constant(scoreStride)), inBlock);
        ukernel::BrgemmOp::create(b, shape, [&](OpBuilder &nested, Location, Value sum, Value m, Value n, Value) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPoint(nested.getInsertionBlock(), nested.getInsertionPoint());
          Value at = e.add(base, e.add(e.mul(m, e.constant(scoreStride)), n));
          vector::StoreOp::create(b, sum, scores, at);
        });
      });
    });
  }

  ukernel::BrgemmShape panelShape(Value packed, Value depth, int64_t vectors) {
    ukernel::BrgemmShape shape;
    shape.aStep = e.constant(1);
    shape.b = packed;
    shape.bStep = e.constant(keys->width()); // keys and values have groups of one width
    shape.panelStep = e.mul(depth, shape.bStep);
    shape.nr = keys->width();
    shape.k = depth;
    shape.vectors = vectors;
    shape.accumulator = vector;
    return shape;
  }

  /// f of one vector of a row's scores, stored in place. Lanes that the mask leaves out become -infinity.
  Value emitScore(Value at, Value row, Value key, Value mask) {
    ElementEmitter source = emitter(lanes);
    source.setMask(mask);
    source.bindRegister(parts.scores.getResult(), narrow(loadVector(scores, at)));
    SmallVector<LaneIndex> place(batch);
    place.append({{row}, {key, 1}});
    Value score = widenTo(b, source.emit(parts.logits, place), sum);
    if (mask)
      score = arith::SelectOp::create(b, mask, score, splat(-std::numeric_limits<double>::infinity()));
    vector::StoreOp::create(b, score, scores, at);
    return score;
  }

  /// Combines the vectors [0, count) of a row side by side, then to one number.
  Value alongRow(Value count, nn::ReduceKind kind, function_ref<Value(Value vector, Value acc)> step,
                 function_ref<Value(Value acc)> last = {}) {
    ElementEmitter lane = emitter(lanes);
    Value zero = e.constant(0), whole = e.div(count, e.constant(accumulators));
    SmallVector<Value> initial(accumulators, lane.neutral(kind, sum));
    SmallVector<Value> parts = carriedLoops(b, {zero}, {whole}, initial, [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
      SmallVector<Value> next;
      for (int64_t u = 0; u < accumulators; ++u)
        next.push_back(step(e.add(e.mul(at[0], e.constant(accumulators)), e.constant(u)), acc[u]));
      return next;
    });
    parts = carriedLoops(b, {e.mul(whole, e.constant(accumulators))}, {count}, parts,
                         [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
                           SmallVector<Value> next(acc);
                           next[0] = step(at[0], acc[0]);
                           return next;
                         });
    Value all = parts[0];
    for (Value part : ArrayRef(parts).drop_front())
      all = lane.combine(kind, sum, all, part);
    if (last)
      all = last(all);
    return lane.combineLanes(kind, sum, all);
  }

  /// The larger of each lane. A NaN need not come through: its exponential makes the row's sum NaN.
  Value larger(Value x, Value acc) {
    Value greater = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, acc);
    return arith::SelectOp::create(b, greater, x, acc);
  }

  Value exponential(Value x) {
    auto exp = math::ExpOp::create(b, x);
    exp->setAttr(notPositiveAttr, b.getUnitAttr());
    return exp;
  }

  /// Scores of a row of the block become p; its maximum, sum and scale are brought up to date.
  void emitRow(Value inBlock, Value row, Value firstKey, Value keyCount) {
    Value step = e.constant(lanes), base = e.mul(inBlock, e.constant(scoreStride));
    Value whole = e.div(keyCount, step), rest = e.rem(keyCount, step);
    auto score = [&](Value vector, Value mask) {
      Value offset = e.mul(vector, step);
      return emitScore(e.add(base, offset), row, e.add(firstKey, offset), mask);
    };
    auto withRest = [&](Value all) {
      if (known(rest) == 0)
        return all;
      Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, rest, e.constant(0));
      return choose(
          b, some, vector,
          [&] {
            Value mask = vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), rest);
            return larger(score(whole, mask), all);
          },
          [&] { return all; });
    };
    Value most = alongRow(
        whole, nn::ReduceKind::max, [&](Value vector, Value acc) { return larger(score(vector, Value()), acc); },
        withRest);
    Value before = load(maxima, inBlock);
    Value maximum = larger(most, before);
    memref::StoreOp::create(b, maximum, maxima, inBlock);
    // Where all scores so far are -infinity, p is 0.
    Value none =
        arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, maximum, number(-std::numeric_limits<double>::infinity()));
    Value shift = arith::SelectOp::create(b, none, number(0), maximum);
    Value scale = exponential(arith::SubFOp::create(b, before, shift));
    memref::StoreOp::create(b, scale, scales, inBlock);

    Value shifts = vector::BroadcastOp::create(b, vector, shift);
    Value sum =
        alongRow(b.createOrFold<arith::CeilDivUIOp>(keyCount, step), nn::ReduceKind::sum, [&](Value number, Value acc) {
          Value at = e.add(base, e.mul(number, step));
          Value p = exponential(arith::SubFOp::create(b, loadVector(scores, at), shifts));
          vector::StoreOp::create(b, p, scores, at);
          return Value(arith::AddFOp::create(b, acc, p));
        });
    Value total = arith::AddFOp::create(b, arith::MulFOp::create(b, load(sums, inBlock), scale), sum);
    memref::StoreOp::create(b, total, sums, inBlock);
  }

  /// outcome += p v for the keys of a block.
  void addOutcome(Value firstTile, Value lastTile, Value firstKey, Value keyCount) {
    Value firstRow = rows->begin(firstTile);
    values->forEach(e.constant(0), values->count(), [&](Value column, int64_t vectors, Value) {
      rows->forEach(firstTile, lastTile, [&](Value row, int64_t count) {
        ukernel::BrgemmShape shape = panelShape(packedValues, N, vectors);
        Value inBlock = e.sub(row, firstRow);
        shape.a = scores;
        shape.aOffset = e.mul(inBlock, e.constant(scoreStride));
        for (int64_t m = 0; m < count; ++m)
          shape.rows.push_back(e.constant(m * scoreStride));
        shape.bOffset = e.add(e.mul(column, N), e.mul(firstKey, shape.bStep));
        shape.k = keyCount;
        Value base = e.add(e.mul(column, e.constant(height)), e.mul(inBlock, e.constant(vectors * lanes)));
        emitPartialTile(kernel, shape, outcome, base, /*add=*/true);
      });
    });
  }
};

} // namespace

bool scheduleAttention(Kernel &kernel) {
  for (Operation *op : kernel.ops())
    if (auto matmul = dyn_cast<nn::MatmulOp>(op))
      if (std::optional<nn::AttentionParts> parts = nn::matchAttention(matmul)) {
        if (parts->outcome.getResult() != kernel.results()[0])
          return false;
        AttentionSchedule(kernel, *parts).run();
        return true;
      }
  return false;
}

} // namespace tenon::schedule
