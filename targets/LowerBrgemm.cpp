//===- LowerBrgemm.cpp - ukernel.brgemm to loops over vectors ------------------------------===//
//
// Expects tiles whose accumulators fit the register file (the schedule's choice). Gives a nest of scf.for over the
// batch and over k that carries the accumulators as 1-D vectors, and the epilogue once per accumulator.
//
// Two ways to feed the multiply-adds, by what the machine has:
//  - an element of A is loaded and broadcast (x86: one instruction, or part of the multiply-add);
//  - a vector of A along k is loaded and its lanes are factors (NEON's multiply-add by element).
//
// Where B holds g steps of k side by side (k_group), what is broadcast is g elements of A, and a vector holds a part of
// the sum of each column in g lanes, which are added at the end.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/ukernel/Ukernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "targets/LowerUkernels.h"

using namespace mlir;

namespace tenon {

namespace {

/// Builds one tile's code. Holds what stays the same over all its loops.
class BrgemmBuilder {
public:
  BrgemmBuilder(ukernel::BrgemmOp op, const Machine &machine)
      : op(op), machine(machine), builder(op), loc(op.getLoc()), accumulator(op.getAccumulatorType()) {
    element = op.getA().getType().getElementType();
    lanes = accumulator.getNumElements();
    group = op.getKGroup();
    partial = VectorType::get({lanes * group}, accumulator.getElementType());
    rows = op.getRows().size();
    vectors = op.getVectors();
    byLane = machine.laneOperand && element == accumulator.getElementType() && isa<FloatType>(element) && lanes > 1 &&
             group == 1 && matchPattern(op.getAKStep(), m_One());
    laneSteps = machine.vectorBytes * 8 / element.getIntOrFloatBitWidth();
    sets = countSets();
  }

  void build() {
    Value zeros = arith::ConstantOp::create(builder, loc, partial, builder.getZeroAttr(partial));
    if (op.getColumns())
      makeMasks();
    SmallVector<Value> sums =
        reduceBatch(0, op.getAOffset(), op.getBOffset(), SmallVector<Value>(sets * rows * vectors, zeros));
    storeTile(addGroups(addSets(sums)));
    op.erase();
  }

private:
  ukernel::BrgemmOp op;
  const Machine &machine;
  OpBuilder builder;
  Location loc;
  VectorType accumulator, partial; ///< of the tile; of the sums, whose lanes are those of `group` steps of k
  Type element;
  int64_t group, lanes, rows, vectors, laneSteps, sets;
  bool byLane;
  SmallVector<Value> masks;
  SmallVector<Value> rowOffsets; ///< of A's rows from the position at hand

  Value index(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }

  Value add(Value lhs, Value rhs) {
    if (matchPattern(lhs, m_Zero()))
      return rhs;
    if (matchPattern(rhs, m_Zero()))
      return lhs;
    return builder.createOrFold<arith::AddIOp>(loc, lhs, rhs);
  }

  Value multiply(Value lhs, Value rhs) {
    if (matchPattern(lhs, m_Zero()) || matchPattern(rhs, m_One()))
      return lhs;
    if (matchPattern(rhs, m_Zero()) || matchPattern(lhs, m_One()))
      return rhs;
    return builder.createOrFold<arith::MulIOp>(loc, lhs, rhs);
  }

  void makeMasks() {
    VectorType type = accumulator.clone(builder.getI1Type());
    for (int64_t v = 0; v < vectors; ++v) {
      Value rest = arith::SubIOp::create(builder, loc, op.getColumns(), index(v * lanes));
      masks.push_back(vector::CreateMaskOp::create(builder, loc, type, rest));
    }
  }

  Value convert(Value value) {
    Type type = accumulator.getElementType();
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      type = vector.clone(type);
    if (value.getType() == type)
      return value;
    return arith::ExtFOp::create(builder, loc, type, value);
  }

  Value multiplyAdd(Value a, Value b, Value sum) {
    if (isa<IntegerType>(accumulator.getElementType()))
      return arith::AddIOp::create(builder, loc, arith::MulIOp::create(builder, loc, a, b), sum);
    if (machine.fma)
      return vector::FMAOp::create(builder, loc, a, b, sum);
    auto contract = arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::contract);
    Value product = arith::MulFOp::create(builder, loc, a, b, contract);
    return arith::AddFOp::create(builder, loc, product, sum, contract);
  }

  /// The vectors of row k of B; `position` is the offset of its first column.
  SmallVector<Value> loadB(Value position) {
    SmallVector<Value> loaded;
    VectorType type = VectorType::get({lanes * group}, op.getB().getType().getElementType());
    for (int64_t v = 0; v < vectors; ++v) {
      int64_t column = v * lanes, nr = op.getNr();
      Value at = add(position, multiply(index(column / nr), op.getPanelStep()));
      at = add(at, index(column % nr * group));
      Value value;
      if (op.getMaskB()) {
        Value zeros = arith::ConstantOp::create(builder, loc, type, builder.getZeroAttr(type));
        value = vector::MaskedLoadOp::create(builder, loc, type, op.getB(), at, masks[v], zeros);
      } else {
        value = vector::LoadOp::create(builder, loc, type, op.getB(), at);
      }
      loaded.push_back(convert(value));
    }
    return loaded;
  }

  /// Asks for rows of B that the next tiles will read, for `steps` steps of k (or groups) from `k` on: processors that
  /// fetch ahead on their own follow a stream to the end of its page, and weights are many pages that are read once.
  void prefetchB(Value b, Value k, int64_t steps) {
    if (!op.getPrefetch())
      return;
    constexpr int64_t lineBytes = 64, secondLevel = 2;
    int64_t elementBytes = op.getB().getType().getElementType().getIntOrFloatBitWidth() / 8;
    auto nr = static_cast<int64_t>(op.getNr()), shares = static_cast<int64_t>(op.getPrefetchShares());
    int64_t lineColumns = std::max<int64_t>(lineBytes / elementBytes / group, 1);
    Value row = builder.createOrFold<arith::DivUIOp>(loc, k, index(shares));
    Value position = add(add(b, op.getPrefetch()), multiply(row, op.getBKStep()));
    for (int64_t u = 0; u < steps; u += shares)
      for (int64_t column = 0; column < vectors * lanes; column += lineColumns) {
        Value at = add(position, multiply(index(u / shares * group), op.getBKStep()));
        at = add(add(at, multiply(index(column / nr), op.getPanelStep())), index(column % nr * group));
        memref::PrefetchOp::create(builder, loc, op.getB(), at, /*isWrite=*/false, secondLevel, /*isDataCache=*/true);
      }
  }

  /// How many sums each element of the tile is split into, by k modulo that number: a chain of multiply-adds takes its
  /// latency per step, so small tiles need more chains to keep the pipes busy. A power of two.
  int64_t countSets() {
    int64_t wanted = machine.fmaLatency * machine.fmaPipes, tile = rows * vectors, count = 1;
    if (std::optional<int64_t> k = getConstantIntValue(op.getK()); k && *k / group < wanted)
      return 1;
    // Beside the sums there is a step of B, a factor and one to spare.
    auto fits = [&](int64_t sums) { return sums + vectors + 2 <= machine.vectorRegisters; };
    while (tile * count < wanted && fits(2 * tile * count) && count < 8)
      count *= 2;
    return byLane ? std::min(count, laneSteps) : count;
  }

  SmallVector<Value> addSets(SmallVector<Value> sums) {
    int64_t tile = rows * vectors;
    for (int64_t count = sets / 2; count > 0; count /= 2)
      for (int64_t i = 0; i < count * tile; ++i)
        sums[i] = isa<FloatType>(accumulator.getElementType())
                      ? Value(arith::AddFOp::create(builder, loc, sums[i], sums[i + count * tile]))
                      : Value(arith::AddIOp::create(builder, loc, sums[i], sums[i + count * tile]));
    sums.truncate(tile);
    return sums;
  }

  /// Adds the lanes of each column, pairs of neighbours again and again.
  SmallVector<Value> addGroups(SmallVector<Value> sums) {
    for (int64_t size = lanes * group; size > lanes; size /= 2) {
      SmallVector<int64_t> even, odd;
      for (int64_t lane = 0; lane < size; lane += 2) {
        even.push_back(lane);
        odd.push_back(lane + 1);
      }
      for (Value &sum : sums)
        sum = arith::AddFOp::create(builder, loc, vector::ShuffleOp::create(builder, loc, sum, sum, even),
                                    vector::ShuffleOp::create(builder, loc, sum, sum, odd));
    }
    return sums;
  }

  /// `set` says which of the sums to add to.
  void addStep(function_ref<Value(int64_t)> factor, Value bPosition, int64_t set, SmallVector<Value> &sums) {
    SmallVector<Value> b = loadB(bPosition);
    for (int64_t m = 0; m < rows; ++m) {
      Value a = factor(m);
      for (int64_t v = 0; v < vectors; ++v) {
        Value &sum = sums[((set % sets) * rows + m) * vectors + v];
        sum = multiplyAdd(a, b[v], sum);
      }
    }
  }

  /// The elements of A from `position` on, once for each column of a vector.
  Value loadGroup(Value position) {
    VectorType type = VectorType::get({group}, element);
    Value loaded = vector::LoadOp::create(builder, loc, type, op.getA(), position);
    SmallVector<int64_t> repeated;
    for (int64_t lane = 0; lane < lanes * group; ++lane)
      repeated.push_back(lane % group);
    return vector::ShuffleOp::create(builder, loc, loaded, loaded, repeated);
  }

  /// One step of k (a group of them) by broadcast loads; `a` and `b` are the positions of that k.
  void addBroadcastStep(Value a, Value b, int64_t set, SmallVector<Value> &sums) {
    auto factor = [&](int64_t m) {
      Value position = add(a, rowOffsets[m]);
      if (group > 1)
        return loadGroup(position);
      Value scalar = memref::LoadOp::create(builder, loc, op.getA(), position);
      return Value(vector::BroadcastOp::create(builder, loc, accumulator, convert(scalar)));
    };
    addStep(factor, b, set, sums);
  }

  /// As many steps of k as A has lanes, each lane of A's vectors a factor.
  void addLaneSteps(Value a, Value b, SmallVector<Value> &sums) {
    SmallVector<Value> factors;
    VectorType type = VectorType::get({laneSteps}, element);
    for (Value row : rowOffsets)
      factors.push_back(vector::LoadOp::create(builder, loc, type, op.getA(), add(a, row)));
    for (int64_t u = 0; u < laneSteps; ++u) {
      auto factor = [&](int64_t m) {
        Value scalar = vector::ExtractOp::create(builder, loc, factors[m], u);
        return Value(vector::BroadcastOp::create(builder, loc, accumulator, scalar));
      };
      addStep(factor, add(b, multiply(index(u), op.getBKStep())), u, sums);
    }
  }

  /// `count` steps of k (of groups of them) from the positions on, without a loop.
  void addSteps(Value a, Value b, int64_t count, SmallVector<Value> &sums) {
    int64_t u = 0;
    auto position = [&](Value base, Value step) { return add(base, multiply(index(u * group), step)); };
    for (; byLane && u + laneSteps <= count; u += laneSteps)
      addLaneSteps(position(a, op.getAKStep()), position(b, op.getBKStep()), sums);
    for (; u < count; ++u) {
      if (u > 0)
        keepOrder();
      addBroadcastStep(position(a, op.getAKStep()), position(b, op.getBKStep()), u, sums);
    }
  }

  /// Keeps loads of a step behind the step before, without an instruction: LLVM's scheduler would start them early, and
  /// spill sums for want of registers.
  void keepOrder() {
    if (rows * vectors * sets * 4 >= machine.vectorRegisters * 3)
      LLVM::FenceOp::create(builder, loc, LLVM::AtomicOrdering::seq_cst, "singlethread");
  }

  /// Steps of k (or groups) per pass of the innermost loop: a lane's worth where lanes are used; else enough to hide
  /// the loop's own instructions (two or three) behind some 30 multiply-adds. A small product has no loop at all. With
  /// groups, factors are loads apart from the multiply-adds, and LLVM 22 moves them as far ahead as a pass is long:
  /// measured by counting spills, none up to two multiply-adds per register.
  int64_t unroll() {
    int64_t tile = rows * vectors, most = group > 1 ? 2 * machine.vectorRegisters : 128;
    if (std::optional<int64_t> k = getConstantIntValue(op.getK()); k && *k > 0 && *k / group * tile <= most)
      return *k / group;
    int64_t steps = tile >= 24 ? 2 : tile >= 8 ? 4 : 8;
    while (steps > 1 && steps * tile > most)
      steps /= 2;
    return std::max(steps, byLane ? laneSteps : sets);
  }

  SmallVector<Value> loop(Value begin, Value end, int64_t step, ValueRange init,
                          function_ref<void(Value, SmallVector<Value> &)> body) {
    auto forOp = scf::ForOp::create(builder, loc, begin, end, index(step), init,
                                    [&](OpBuilder &nested, Location, Value k, ValueRange carried) {
                                      OpBuilder::InsertionGuard guard(builder);
                                      builder.setInsertionPoint(nested.getBlock(), nested.getInsertionPoint());
                                      SmallVector<Value> sums(carried);
                                      body(k, sums);
                                      scf::YieldOp::create(builder, loc, sums);
                                    });
    builder.setInsertionPointAfter(forOp);
    return SmallVector<Value>(forOp.getResults());
  }

  /// The step that each of `rows` is a multiple of, by its number, if it is no constant.
  Value unknownRowStep() {
    Value step = rows > 1 ? op.getRows()[1] : Value();
    if (!step || getConstantIntValue(step))
      return {};
    for (int64_t m = 2; m < rows; ++m) {
      auto product = op.getRows()[m].getDefiningOp<arith::MulIOp>();
      bool isMultiple = product && llvm::is_contained({product.getLhs(), product.getRhs()}, step) &&
                        getConstantIntValue(product.getLhs() == step ? product.getRhs() : product.getLhs()) == m;
      if (!isMultiple)
        return {};
    }
    return matchPattern(op.getRows()[0], m_Zero()) ? step : Value();
  }

  /// `value` as a number of which LLVM does not know where it comes from, without an instruction.
  Value opaque(Value value) {
    Type type = builder.getI64Type();
    Value number = arith::IndexCastOp::create(builder, loc, type, value);
    auto same = LLVM::InlineAsmOp::create(builder, loc, type, number, /*asm_string=*/"", /*constraints=*/"=r,0",
                                          /*has_side_effects=*/false, /*is_align_stack=*/false,
                                          LLVM::TailCallKind::None, /*asm_dialect=*/nullptr,
                                          /*operand_attrs=*/nullptr);
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), same.getRes());
  }

  /// Moves the position of A into the offsets of its rows where the distance between them is no constant. Each third
  /// row has an address of its own, which the others are one or two steps behind, as an instruction can say. LLVM's
  /// strength reduction would compute addresses anew for every step of k, and loads that wait for them would be started
  /// early and spill sums.
  Value placeRows(Value a) {
    constexpr int64_t rowsPerAddress = 3;
    rowOffsets = SmallVector<Value>(op.getRows());
    Value step = unknownRowStep();
    if (!step)
      return a;
    Value base;
    step = opaque(step);
    for (int64_t m = 0; m < rows; ++m) {
      int64_t behind = m % rowsPerAddress;
      if (behind == 0)
        base = opaque(add(a, multiply(index(m), step)));
      rowOffsets[m] = add(base, multiply(index(behind), step));
    }
    return index(0);
  }

  /// The sum over k from the given positions.
  SmallVector<Value> reduceK(Value a, Value b, SmallVector<Value> sums) {
    a = placeRows(a);
    int64_t unrolled = unroll(), step = unrolled * group;
    auto body = [&](int64_t steps) {
      return [&, steps](Value k, SmallVector<Value> &carried) {
        prefetchB(b, k, steps);
        addSteps(add(a, multiply(k, op.getAKStep())), add(b, multiply(k, op.getBKStep())), steps, carried);
      };
    };
    if (std::optional<int64_t> k = getConstantIntValue(op.getK())) {
      int64_t whole = *k / step * step;
      if (whole == step) {
        prefetchB(b, index(0), unrolled);
        addSteps(a, b, unrolled, sums);
      } else if (whole > 0) {
        sums = loop(index(0), index(whole), step, sums, body(unrolled));
      }
      addSteps(add(a, multiply(index(whole), op.getAKStep())), add(b, multiply(index(whole), op.getBKStep())),
               (*k - whole) / group, sums);
      return sums;
    }
    Value rest = arith::RemUIOp::create(builder, loc, op.getK(), index(step));
    Value whole = arith::SubIOp::create(builder, loc, op.getK(), rest);
    sums = loop(index(0), whole, step, sums, body(unrolled));
    return loop(whole, op.getK(), group, sums, body(1));
  }

  /// The sum over the batch's dimensions from `dimension` on.
  SmallVector<Value> reduceBatch(size_t dimension, Value a, Value b, SmallVector<Value> sums) {
    if (dimension == op.getBatch().size())
      return reduceK(a, b, sums);
    Value size = op.getBatch()[dimension];
    if (matchPattern(size, m_One()))
      return reduceBatch(dimension + 1, a, b, sums);
    return loop(index(0), size, 1, sums, [&](Value i, SmallVector<Value> &carried) {
      carried = reduceBatch(dimension + 1, add(a, multiply(i, op.getASteps()[dimension])),
                            add(b, multiply(i, op.getBSteps()[dimension])), carried);
    });
  }

  void storeTile(ArrayRef<Value> sums) {
    Block &epilogue = op.getEpilogue().front();
    for (int64_t m = 0; m < rows; ++m) {
      for (int64_t v = 0; v < vectors; ++v) {
        IRMapping mapping;
        mapping.map(epilogue.getArgument(0), sums[m * vectors + v]);
        mapping.map(epilogue.getArgument(1), index(m));
        mapping.map(epilogue.getArgument(2), index(v * lanes));
        if (op.getColumns())
          mapping.map(epilogue.getArgument(3), masks[v]);
        for (Operation &nested : epilogue.without_terminator())
          builder.clone(nested, mapping);
      }
    }
  }
};

struct LowerBrgemmPass : PassWrapper<LowerBrgemmPass, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerBrgemmPass)

  explicit LowerBrgemmPass(const Machine &machine) : machine(machine) {}

  StringRef getArgument() const override { return "tenon-lower-brgemm"; }
  StringRef getDescription() const override { return "lower ukernel.brgemm to loops over vectors"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, LLVM::LLVMDialect, memref::MemRefDialect, scf::SCFDialect,
                    vector::VectorDialect>();
  }

  void runOnOperation() override {
    SmallVector<ukernel::BrgemmOp> ops;
    getOperation()->walk([&](ukernel::BrgemmOp op) { ops.push_back(op); });
    for (ukernel::BrgemmOp op : ops)
      BrgemmBuilder(op, machine).build();
  }

  Machine machine;
};

} // namespace

std::unique_ptr<Pass> createLowerBrgemmPass(const Machine &machine) {
  return std::make_unique<LowerBrgemmPass>(machine);
}

void addUkernelLowering(OpPassManager &pm, const Machine &machine) {
  pm.addNestedPass<func::FuncOp>(createLowerBrgemmPass(machine));
}

} // namespace tenon
