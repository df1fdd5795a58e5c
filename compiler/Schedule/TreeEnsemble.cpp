//===- TreeEnsemble.cpp - walks down decision trees ----------------------------------------===//
//
// Walks wait for memory, so many of them advance together: of few rows down many trees, of many rows down the same
// tree, whose nodes are then near. Where every walk of a group has reached a leaf is asked after each second step: a
// leaf leads to itself. Scores add up in the order of the trees whatever the number of threads.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Sequential.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

// Measured on 9988 trees of depth 10 (docs/performance/2026-11-trees.md).
constexpr int64_t treeLanes = 16, rowLanes = 8, stepsPerTest = 2;
/// Rows that go down a tree while its nodes are in the nearest cache, unless their bins take more than half of the next
/// one.
constexpr int64_t mostRows = 128, mostBinBytes = 128 << 10;
/// Of a step among interleaved ones.
constexpr int64_t nanosecondsPerStep = 2;

class Ensemble {
public:
  Ensemble(Kernel &kernel, nn::TreeEnsembleOp op)
      : kernel(kernel), op(op), b(kernel.builder), plain(kernel.emitter(1)), x(kernel.extents(op.getX())),
        scoreExtents(kernel.extents(op.getResult())), leafExtents(kernel.extents(op.getLeaves())), rows(x[0]),
        trees(kernel.extents(op.getRoots())[0]), columns(kernel.extents(op.getColumns())[0]) {
    for (auto [number, result] : llvm::enumerate(kernel.results()))
      (result == op.getResult() ? scoreBuffer : leafBuffer) = kernel.resultBuffer(number);
    scoreType = cast<RankedTensorType>(op.getResult().getType()).getElementType();
    int64_t bits = op.getRankBits();
    binType = b.getIntegerType(bits <= 8 ? 8 : bits <= 16 ? 16 : 32);
    wordType = registerType(cast<RankedTensorType>(op.getNodes().getType()).getElementType());
    canFail = cast<RankedTensorType>(op.getX().getType()).isDynamicDim(1);
  }

  void run();

private:
  void fewRows();
  void manyRows();
  void eachRow();

  ElementEmitter emitter(Value status) {
    ElementEmitter e = kernel.emitter(1);
    e.setStatus(status);
    return e;
  }
  Value index(Value number) { return arith::IndexCastUIOp::create(b, b.getIndexType(), number); }
  Value entry(ElementEmitter &e, Value tensor, ArrayRef<LaneIndex> at) { return index(e.emit(tensor, at)); }
  Value work(int64_t nanosecondsPerTree) {
    int64_t perRow = op.getSteps() * nanosecondsPerStep;
    return plain.mul(rows, plain.constant(std::max<int64_t>(perRow, nanosecondsPerTree)));
  }
  /// Part of scratch as a list.
  Value list(ElementEmitter &e, Type type, Value scratch, Value sizeBytes, Value length) {
    return memref::ViewOp::create(b, MemRefType::get({ShapedType::kDynamic}, type), scratch, sizeBytes,
                                  ValueRange(length));
  }
  int64_t binBytes() { return binType.getIntOrFloatBitWidth() / 8; }

  struct Column {
    Value feature, comesLast, begin, end, number, isNan;
  };
  Column column(ElementEmitter &e, Value row, Value place);
  Value isBeyond(ElementEmitter &e, const Column &column, Value cut) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::UGT, column.number, e.emit(op.getCuts(), {{cut}}));
  }
  Value withNan(ElementEmitter &e, const Column &column, Value found) {
    Value count = e.sub(column.end, column.begin);
    Value ofNan = arith::SelectOp::create(b, column.comesLast, count, e.constant(0));
    return arith::SelectOp::create(b, column.isNan, ofNan, found);
  }
  Value searchBin(ElementEmitter &e, Value row, Value place);
  Value countBin(ElementEmitter &e, Value row, Value place);
  void storeBins(ElementEmitter &e, Value bins, Value firstRow, Value count);

  struct Node {
    Value rank, column, delta;
  };
  Node node(ElementEmitter &e, Value place);
  Value field(Value word, int64_t first, int64_t bits);
  SmallVector<Value> walk(ElementEmitter &e, ArrayRef<Value> roots, Value bins, Value stride);

  void clearScores(ElementEmitter &e, Value row);
  void give(ElementEmitter &e, Value row, Value tree, Value leaf);
  void addTo(ElementEmitter &e, Value row, Value target, Value weight);
  void giveAll(ElementEmitter &e, Value row);

  Kernel &kernel;
  nn::TreeEnsembleOp op;
  ImplicitLocOpBuilder &b;
  ElementEmitter plain;
  SmallVector<Value> x, scoreExtents, leafExtents;
  Value rows, trees, columns;
  Buffer scoreBuffer, leafBuffer;
  Type scoreType, binType, wordType;
  bool canFail;
};

//===----------------------------------------------------------------------===//
// Bins
//===----------------------------------------------------------------------===//

Ensemble::Column Ensemble::column(ElementEmitter &e, Value row, Value place) {
  auto part = [&](int64_t number) { return e.emit(op.getColumns(), {{place}, {e.constant(number)}}); };
  LaneIndex feature = canFail ? e.checkedIndex(part(0), x[1]) : LaneIndex{index(part(0))};
  Column column;
  Value none = arith::ConstantIntOp::create(b, 0, 32);
  column.comesLast = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, part(1), none);
  column.begin = index(part(2));
  column.end = index(part(3));
  column.number = e.emit(op.getX(), {{row}, feature});
  column.isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, column.number, column.number);
  return column;
}

/// By bisection; a column has a cut at least.
Value Ensemble::searchBin(ElementEmitter &e, Value row, Value place) {
  Column c = column(e, row, place);
  Value one = e.constant(1);
  SmallVector<Value> found = whileLoop(
      b, {c.begin, e.sub(c.end, c.begin)},
      [&](ValueRange state) { return arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, state[1], one); },
      [&](ValueRange state) {
        ElementEmitter::Scope scope(e);
        Value half = arith::ShRUIOp::create(b, state[1], one), middle = e.add(state[0], half);
        Value next = arith::SelectOp::create(b, isBeyond(e, c, e.sub(middle, one)), middle, state[0]);
        return SmallVector<Value>{next, e.sub(state[1], half)};
      });
  Value last = arith::SelectOp::create(b, isBeyond(e, c, found[0]), one, e.constant(0));
  return withNan(e, c, e.add(e.sub(found[0], c.begin), last));
}

/// As the op's description says it.
Value Ensemble::countBin(ElementEmitter &e, Value row, Value place) {
  Column c = column(e, row, place);
  Value one = e.constant(1), zero = e.constant(0);
  Value found = carriedLoops(b, {c.begin}, {c.end}, {zero}, [&](ArrayRef<Value> at, ArrayRef<Value> count) {
    ElementEmitter::Scope scope(e);
    Value more = arith::SelectOp::create(b, isBeyond(e, c, at[0]), one, zero);
    return SmallVector<Value>{e.add(count[0], more)};
  })[0];
  return withNan(e, c, found);
}

/// bins[i, c] of the row firstRow + i, or of the last one behind it.
void Ensemble::storeBins(ElementEmitter &e, Value bins, Value firstRow, Value count) {
  Value last = e.sub(rows, e.constant(1));
  simpleLoops(e, {count, columns}, [&](ArrayRef<LaneIndex> at) {
    Value row = b.createOrFold<arith::MinUIOp>(e.add(firstRow, at[0].base), last);
    Value bin = arith::IndexCastUIOp::create(b, binType, searchBin(e, row, at[1].base));
    memref::StoreOp::create(b, bin, bins, ValueRange(e.add(e.mul(at[0].base, columns), at[1].base)));
  });
}

//===----------------------------------------------------------------------===//
// Walks
//===----------------------------------------------------------------------===//

Value Ensemble::field(Value word, int64_t first, int64_t bits) {
  auto constant = [&](const APInt &number) -> Value {
    return arith::ConstantOp::create(b, IntegerAttr::get(wordType, number));
  };
  unsigned width = wordType.getIntOrFloatBitWidth();
  Value shifted = first ? Value(arith::ShRUIOp::create(b, word, constant(APInt(width, first)))) : word;
  if (first + bits == width)
    return shifted;
  return arith::AndIOp::create(b, shifted, constant(APInt::getLowBitsSet(width, bits)));
}

Ensemble::Node Ensemble::node(ElementEmitter &e, Value place) {
  Value word = e.emit(op.getNodes(), {{place}});
  int64_t rankBits = op.getRankBits(), columnBits = op.getColumnBits(), width = wordType.getIntOrFloatBitWidth();
  Value rank = field(word, 0, rankBits);
  if (rank.getType() != binType)
    rank = arith::TruncIOp::create(b, binType, rank);
  return {rank, index(field(word, rankBits, columnBits)),
          field(word, rankBits + columnBits, width - rankBits - columnBits)};
}

/// Leaves below `roots`. The bins of walk k start `stride` elements (a constant) behind those of walk k - 1.
SmallVector<Value> Ensemble::walk(ElementEmitter &e, ArrayRef<Value> roots, Value bins, Value stride) {
  SmallVector<Type> types(roots.size(), b.getIndexType());
  SmallVector<Location> locations(roots.size(), b.getLoc());
  auto loop = scf::WhileOp::create(b, TypeRange(types), ValueRange(roots));
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  ElementEmitter::Scope scope(e);
  SmallVector<Value> places(before->getArguments());
  Value any;
  for (int64_t step = 0; step < stepsPerTest; ++step)
    for (auto [k, place] : llvm::enumerate(places)) {
      Node at = node(e, place);
      Value offset = e.add(at.column, e.mul(stride, e.constant(static_cast<int64_t>(k))));
      Value bin = memref::LoadOp::create(b, bins, ValueRange(offset));
      Value isRight = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at.rank, bin);
      place = e.add(e.add(place, index(at.delta)), index(arith::ExtUIOp::create(b, wordType, isRight)));
      if (step + 1 == stepsPerTest)
        any = any ? Value(arith::OrIOp::create(b, any, at.delta)) : at.delta;
    }
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(wordType));
  Value goesOn = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, any, zero);
  scf::ConditionOp::create(b, goesOn, places);
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  scf::YieldOp::create(b, after->getArguments());
  return SmallVector<Value>(loop.getResults());
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

void Ensemble::clearScores(ElementEmitter &e, Value row) {
  simpleLoops(e, {scoreExtents[1]}, [&](ArrayRef<LaneIndex> at) {
    e.store(e.neutral(op.getKind(), scoreType), scoreType, scoreBuffer, scoreExtents, {{row}, at[0]});
  });
}

void Ensemble::addTo(ElementEmitter &e, Value row, Value target, Value weight) {
  Value old = e.load(scoreType, scoreBuffer, scoreExtents, {{row}, {target}});
  e.store(e.combine(op.getKind(), scoreType, old, weight), scoreType, scoreBuffer, scoreExtents, {{row}, {target}});
}

/// Adds what a leaf gives to the scores.
void Ensemble::give(ElementEmitter &e, Value row, Value tree, Value leaf) {
  ElementEmitter::Scope scope(e);
  if (!op.getRanges())
    return addTo(e, row, entry(e, op.getTargets(), {{tree}}), e.emit(op.getWeights(), {{leaf}}));
  Value begin = entry(e, op.getRanges(), {{leaf}, {e.constant(0)}});
  Value end = entry(e, op.getRanges(), {{leaf}, {e.constant(1)}});
  carriedLoops(b, {begin}, {end}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
    ElementEmitter::Scope inner(e);
    addTo(e, row, entry(e, op.getTargets(), {{at[0]}}), e.emit(op.getWeights(), {{at[0]}}));
    return SmallVector<Value>();
  });
}

/// Scores of a row whose leaves are known. A single one stays in a register: each tree would wait for the store before.
void Ensemble::giveAll(ElementEmitter &e, Value row) {
  auto leafOf = [&](Value tree) { return index(e.load(b.getI32Type(), leafBuffer, leafExtents, {{row}, {tree}})); };
  if (op.getScores() == 1 && !op.getRanges()) {
    Value neutral = e.neutral(op.getKind(), scoreType, /*scalar=*/true);
    Value score = carriedLoops(b, {e.constant(0)}, {trees}, {neutral}, [&](ArrayRef<Value> at, ArrayRef<Value> sum) {
      ElementEmitter::Scope scope(e);
      Value weight = e.emit(op.getWeights(), {{leafOf(at[0])}});
      return SmallVector<Value>{e.combine(op.getKind(), scoreType, sum[0], weight)};
    })[0];
    return e.store(score, scoreType, scoreBuffer, scoreExtents, {{row}, {e.constant(0)}});
  }
  clearScores(e, row);
  simpleLoops(e, {trees}, [&](ArrayRef<LaneIndex> at) { give(e, row, at[0].base, leafOf(at[0].base)); });
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

/// Tasks are groups of trees of like depth, each for all rows; then the leaves' weights are added up row by row.
void Ensemble::fewRows() {
  Value lanes = plain.constant(treeLanes), room = plain.constant(nn::TreeEnsembleOp::fewRows);
  Value groups = plain.div(plain.add(trees, plain.constant(treeLanes - 1)), lanes);
  Value scratchBytes = plain.mul(plain.add(plain.mul(room, columns), lanes), plain.constant(binBytes()));
  kernel.phase(groups, work(0), scratchBytes, canFail, [&](Value begin, Value end, Value scratch, Value status) {
    ElementEmitter e = emitter(status);
    Value zero = e.constant(0), last = e.sub(trees, e.constant(1));
    storeBins(e, list(e, binType, scratch, zero, e.mul(rows, columns)), zero, rows);
    carriedLoops(b, {begin, zero}, {end, rows}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
      ElementEmitter::Scope scope(e);
      Value start = e.mul(e.mul(at[1], columns), e.constant(binBytes())), first = e.mul(at[0], lanes);
      Value bins = list(e, binType, scratch, start, e.add(columns, lanes));
      SmallVector<Value> numbers, roots;
      for (int64_t k = 0; k < treeLanes; ++k) {
        // Behind the last tree it is walked again.
        Value place = b.createOrFold<arith::MinUIOp>(e.add(first, e.constant(k)), last);
        numbers.push_back(entry(e, op.getOrder(), {{place}}));
        roots.push_back(entry(e, op.getRoots(), {{numbers.back()}}));
      }
      SmallVector<Value> leaves = walk(e, roots, bins, zero);
      for (auto [tree, leaf] : llvm::zip_equal(numbers, leaves))
        e.store(arith::IndexCastUIOp::create(b, b.getI32Type(), leaf), b.getI32Type(), leafBuffer, leafExtents,
                {{at[1]}, {tree}});
      return SmallVector<Value>();
    });
  });
  Value additions = plain.mul(rows, plain.mul(trees, plain.constant(nanosecondsPerStep)));
  kernel.phase(rows, additions, plain.constant(0), false, [&](Value begin, Value end, Value, Value) {
    ElementEmitter e = kernel.emitter(1);
    carriedLoops(b, {begin}, {end}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
      ElementEmitter::Scope scope(e);
      giveAll(e, at[0]);
      return SmallVector<Value>();
    });
  });
}

/// Tasks are blocks of rows. A block goes down one tree after the other.
void Ensemble::manyRows() {
  auto type = cast<RankedTensorType>(op.getColumns().getType());
  int64_t rowBytes = std::max<int64_t>(type.isDynamicDim(0) ? 1 : type.getDimSize(0), 1) * binBytes();
  int64_t most = std::clamp(mostBinBytes / rowBytes / rowLanes * rowLanes, rowLanes, mostRows);
  Value lanes = plain.constant(rowLanes);
  auto upTo = [&](Value count, Value divisor) {
    return plain.div(plain.add(count, plain.sub(divisor, plain.constant(1))), divisor);
  };
  // Two tasks at least, so that two threads have work.
  Value half = plain.mul(upTo(rows, plain.constant(2 * rowLanes)), lanes);
  Value block = b.createOrFold<arith::MinUIOp>(half, plain.constant(most));
  Value bytes = plain.constant(binBytes());
  Value leafBytes = plain.constant(most * 4);
  Value scratchBytes =
      plain.add(leafBytes, plain.mul(plain.add(plain.mul(plain.constant(most), columns), lanes), bytes));
  kernel.phase(
      upTo(rows, block), work(0), scratchBytes, canFail, [&](Value begin, Value end, Value scratch, Value status) {
        ElementEmitter e = emitter(status);
        auto tasks = scf::ForOp::create(b, begin, end, e.constant(1));
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(tasks.getBody());
        Value zero = e.constant(0), from = e.mul(tasks.getInductionVar(), block);
        Value count = b.createOrFold<arith::MinUIOp>(block, e.sub(rows, from)), groups = upTo(count, lanes);
        Value leaves = list(e, b.getI32Type(), scratch, zero, e.constant(most));
        Value length = e.mul(e.mul(groups, lanes), columns);
        storeBins(e, list(e, binType, scratch, leafBytes, length), from, e.mul(groups, lanes));
        simpleLoops(e, {count}, [&](ArrayRef<LaneIndex> at) { clearScores(e, e.add(from, at[0].base)); });
        simpleLoops(e, {trees}, [&](ArrayRef<LaneIndex> tree) {
          Value root = entry(e, op.getRoots(), tree);
          simpleLoops(e, {groups}, [&](ArrayRef<LaneIndex> group) {
            Value row = e.mul(group[0].base, lanes), start = e.add(leafBytes, e.mul(e.mul(row, columns), bytes));
            Value bins = list(e, binType, scratch, start, e.mul(lanes, columns));
            SmallVector<Value> found = walk(e, SmallVector<Value>(rowLanes, root), bins, columns);
            for (auto [k, leaf] : llvm::enumerate(found))
              memref::StoreOp::create(b, arith::IndexCastUIOp::create(b, b.getI32Type(), leaf).getResult(), leaves,
                                      ValueRange(e.add(row, e.constant(static_cast<int64_t>(k)))));
          });
          simpleLoops(e, {count}, [&](ArrayRef<LaneIndex> at) {
            Value leaf = memref::LoadOp::create(b, leaves, ValueRange(at[0].base));
            give(e, e.add(from, at[0].base), tree[0].base, index(leaf));
          });
        });
      });
}

/// The reference: one walk after the other, each bin counted where it is asked for.
void Ensemble::eachRow() {
  kernel.phase(rows, work(0), plain.constant(0), canFail, [&](Value begin, Value end, Value, Value status) {
    ElementEmitter e = emitter(status);
    carriedLoops(b, {begin}, {end}, {}, [&](ArrayRef<Value> row, ArrayRef<Value>) {
      ElementEmitter::Scope scope(e);
      clearScores(e, row[0]);
      simpleLoops(e, {trees}, [&](ArrayRef<LaneIndex> tree) {
        Value zero = arith::ConstantOp::create(b, b.getZeroAttr(wordType));
        Value leaf = whileLoop(
            b, {entry(e, op.getRoots(), tree)},
            [&](ValueRange place) {
              ElementEmitter::Scope inner(e);
              return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, node(e, place[0]).delta, zero);
            },
            [&](ValueRange place) {
              ElementEmitter::Scope inner(e);
              Node at = node(e, place[0]);
              Value bin = countBin(e, row[0], at.column), next = e.add(place[0], index(at.delta));
              Value isRight = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, index(at.rank), bin);
              return SmallVector<Value>{Value(arith::SelectOp::create(b, isRight, e.add(next, e.constant(1)), next))};
            })[0];
        give(e, row[0], tree[0].base, leaf);
      });
      return SmallVector<Value>();
    });
  });
}

void Ensemble::run() {
  if (kernel.reference)
    return eachRow();
  Value few =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule, rows, plain.constant(nn::TreeEnsembleOp::fewRows));
  if (std::optional<int64_t> known = getConstantIntValue(OpFoldResult(few)))
    return *known ? fewRows() : manyRows();
  auto choice = scf::IfOp::create(b, few, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  fewRows();
  b.setInsertionPointToStart(choice.elseBlock());
  manyRows();
}

} // namespace

bool scheduleTreeEnsemble(Kernel &kernel, nn::TreeEnsembleOp op) {
  Ensemble(kernel, op).run();
  return true;
}

} // namespace tenon::schedule
