//===- Recurrent.cpp - recurrences over sequences ------------------------------------------===//
//
// One task per direction and batch item runs the whole sequence with state and gates in scratch. A step is a
// vector-matrix product, gates side by side on the lanes (several accumulators in flight), then the cell on lanes.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Sequential.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// What the schedule needs to know of any of the recurrent ops.
struct Recurrence {
  Value projected, recurrent, initialH, lengths, sequence, lastH;
  nn::Direction direction;
  ArrayRef<int32_t> activations;
  ArrayRef<float> alpha, beta;
  int64_t gates, functions; ///< per step and direction
  double clip;

  template <typename OpTy>
  explicit Recurrence(OpTy op)
      : projected(op.getProjected()), recurrent(op.getRecurrent()), initialH(op.getInitialH()),
        lengths(op.getLengths()), sequence(op.getSequence()), lastH(op.getLastH()), direction(op.getDirection()),
        activations(op.getActivations()), alpha(op.getAlpha()), beta(op.getBeta()), gates(OpTy::gateCount),
        functions(OpTy::functionCount), clip(op.getClip().convertToDouble()) {}

  int64_t directions() const { return direction == nn::Direction::bidirectional ? 2 : 1; }
};

/// Arithmetic of a cell on registers of the computing type (f32, or f64 for f64 models).
class Cell {
public:
  Cell(ElementEmitter &emitter, Type type, const Recurrence &recurrence, int64_t direction)
      : e(emitter), b(emitter.builder()), type(type), recurrence(recurrence), direction(direction) {}

  Value constant(double value) { return e.splatConstant(type, value); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value max(Value x, Value y) { return arith::MaximumFOp::create(b, x, y); }
  Value min(Value x, Value y) { return arith::MinimumFOp::create(b, x, y); }
  Value negative(Value x) { return arith::NegFOp::create(b, x); }
  Value absolute(Value x) { return math::AbsFOp::create(b, x); }
  Value sigmoid(Value x) { return div(constant(1), add(constant(1), math::ExpOp::create(b, negative(x)))); }
  Value positive(Value x) { return arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, x, constant(0)); }
  Value select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, condition, x, y); }

  /// Activation number `which` (0 f, 1 g, 2 h) of this direction, of an argument within the clip's bounds.
  Value activate(int which, Value x) {
    if (double clip = recurrence.clip; clip > 0)
      x = max(min(x, constant(clip)), constant(-clip));
    return activateUnclipped(which, x);
  }

  Value activateUnclipped(int which, Value x) {
    int64_t entry = direction * recurrence.functions + which;
    Value alpha = constant(recurrence.alpha[entry]), beta = constant(recurrence.beta[entry]);
    using A = nn::Activation;
    switch (*nn::symbolizeActivation(recurrence.activations[entry])) {
    case A::sigmoid:
      return sigmoid(x);
    case A::tanh:
      return math::TanhOp::create(b, x);
    case A::relu:
      return max(x, constant(0));
    case A::affine:
      return add(mul(alpha, x), beta);
    case A::leaky_relu:
      return select(positive(x), x, mul(alpha, x));
    case A::thresholded_relu:
      return select(arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, x, alpha), x, constant(0));
    case A::scaled_tanh:
      return mul(alpha, math::TanhOp::create(b, mul(beta, x)));
    case A::hard_sigmoid:
      return max(min(add(mul(alpha, x), beta), constant(1)), constant(0));
    case A::elu:
      return select(positive(x), x, mul(alpha, math::ExpM1Op::create(b, x)));
    case A::softsign:
      return div(x, add(constant(1), absolute(x)));
    case A::softplus:
      // log1p(exp(x)) without overflow.
      return add(max(x, constant(0)), math::Log1pOp::create(b, math::ExpOp::create(b, negative(absolute(x)))));
    }
    return x;
  }

private:
  ElementEmitter &e;
  ImplicitLocOpBuilder &b;
  Type type;
  const Recurrence &recurrence;
  int64_t direction;
};

/// One task: a direction and a batch item. Scratch holds vectors of H numbers of the computing type: the gates, then h,
/// then what else a cell keeps.
struct Sequence {
  Kernel &kernel;
  const Recurrence &r;
  ElementEmitter &e; ///< with lanes
  Type elementType, type;
  int64_t direction;
  Value batch, hidden, steps, memory;

  Value directionIndex() { return e.constant(direction); }
  Value timesHidden(int64_t factor) { return e.mul(hidden, e.constant(factor)); }
  size_t resultNumber(Value tensor) { return llvm::find(kernel.results(), tensor) - kernel.results().begin(); }
  bool wants(Value tensor) { return llvm::is_contained(kernel.results(), tensor); }

  /// An operand's element in the computing type.
  Value read(ElementEmitter &lane, Value tensor, ArrayRef<LaneIndex> at) {
    return lane.convert(lane.emit(tensor, at), elementType, type);
  }
  void write(ElementEmitter &lane, Value tensor, Value element, ArrayRef<LaneIndex> at) {
    if (wants(tensor))
      lane.store(lane.convert(element, type, elementType), elementType, kernel.resultBuffer(resultNumber(tensor)),
                 kernel.extents(tensor), at);
  }
  /// The inputs' part of the gates from `column` on.
  Value projected(ElementEmitter &lane, Value time, Value column) {
    Value position = lane.add(timesHidden(direction * r.gates), column);
    return read(lane, r.projected, {{time}, {batch}, at(lane, position)});
  }

  Buffer part(int64_t number) { return {memory, timesHidden(number)}; }
  Buffer state() { return part(r.gates); }
  Value get(ElementEmitter &lane, int64_t number, LaneIndex at) {
    return lane.load(type, part(number), {hidden}, {at});
  }
  void put(ElementEmitter &lane, int64_t number, Value element, LaneIndex at) {
    lane.store(element, type, part(number), {hidden}, {at});
  }
  LaneIndex at(ElementEmitter &lane, Value position) { return {position, lane.lanes() == 1 ? 0 : 1}; }

  /// `body` for all positions of a vector of H numbers.
  void forHidden(function_ref<void(ElementEmitter &, Value)> body) {
    vectorLoop(e, kernel.machine, e.constant(0), hidden, body);
  }
};

/// A cell is told apart from others by what follows the products: see the formulas in NnRecurrent.td.
class CellSchedule {
public:
  virtual ~CellSchedule() = default;
  /// Numbers of scratch beside gates and h, in vectors of H.
  virtual int64_t extraParts() { return 0; }
  /// What else there is at the start and at the end of the sequence, for the elements from j on.
  virtual void begin(Sequence &, ElementEmitter &, Value /*j*/) {}
  virtual void end(Sequence &, ElementEmitter &, Value /*j*/) {}
  /// From h to the next h, and its place in the sequence.
  virtual void step(Sequence &s, Value time) = 0;
};

} // namespace

/// Vectors of gates in flight: enough to hide the latency of a multiply-add.
static constexpr int64_t accumulators = 8;

/// What a product adds to: the columns from the index on.
using Start = function_ref<Value(ElementEmitter &, Value column)>;

/// gates = start + vector . R for `count` vectors of columns from `first` on.
static void gateBlock(Sequence &s, ElementEmitter &e, Buffer vector, Value first, int64_t count, Start start) {
  ImplicitLocOpBuilder &b = e.builder();
  SmallVector<Value> initial;
  auto column = [&](int64_t v) { return e.add(first, e.constant(v * e.lanes())); };
  for (int64_t v = 0; v < count; ++v)
    initial.push_back(start(e, column(v)));
  SmallVector<Value> sums =
      carriedLoops(b, {e.constant(0)}, {s.hidden}, initial, [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
        ElementEmitter::Scope scope(e);
        ElementEmitter scalar(e, 1);
        Value factor = e.splat(scalar.load(s.type, vector, {s.hidden}, {{at[0]}}));
        SmallVector<Value> next;
        for (int64_t v = 0; v < count; ++v) {
          Value weight = s.read(e, s.r.recurrent, {{s.directionIndex()}, {at[0]}, s.at(e, column(v))});
          next.push_back(math::FmaOp::create(b, factor, weight, acc[v]));
        }
        return next;
      });
  for (int64_t v = 0; v < count; ++v)
    e.store(sums[v], s.type, {s.memory}, {s.timesHidden(s.r.gates)}, {s.at(e, column(v))});
}

/// gates = start + vector . R for the columns of the gates [firstGate, lastGate).
static void multiply(Sequence &s, Buffer vector, int64_t firstGate, int64_t lastGate, Start start) {
  ElementEmitter &e = s.e;
  ImplicitLocOpBuilder &b = e.builder();
  Value from = s.timesHidden(firstGate), to = s.timesHidden(lastGate);
  // Ever smaller blocks, so that few columns are summed with few accumulators.
  for (int64_t count = accumulators; count > 1; count /= 2) {
    Value step = e.constant(count * e.lanes());
    Value whole = e.add(from, e.mul(e.div(e.sub(to, from), step), step));
    auto blocks = scf::ForOp::create(b, from, whole, step);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(blocks.getBody());
    ElementEmitter::Scope scope(e);
    gateBlock(s, e, vector, blocks.getInductionVar(), count, start);
    from = whole;
  }
  vectorLoop(e, s.kernel.machine, from, to,
             [&](ElementEmitter &lane, Value first) { gateBlock(s, lane, vector, first, 1, start); });
}

/// gates = projected + h . R.
static void multiplyState(Sequence &s, Value time, int64_t firstGate, int64_t lastGate) {
  multiply(s, s.state(), firstGate, lastGate,
           [&](ElementEmitter &lane, Value column) { return s.projected(lane, time, column); });
}

static void writeState(Sequence &s, ElementEmitter &lane, Value time, Value j, Value nextH) {
  s.put(lane, s.r.gates, nextH, s.at(lane, j));
  s.write(lane, s.r.sequence, nextH, {{time}, {s.directionIndex()}, {s.batch}, s.at(lane, j)});
}

namespace {

class LstmSchedule : public CellSchedule {
public:
  explicit LstmSchedule(nn::LstmOp op) : op(op) {}

  int64_t extraParts() override { return 1; }
  void begin(Sequence &s, ElementEmitter &lane, Value j) override {
    SmallVector<LaneIndex> at{{s.directionIndex()}, {s.batch}, s.at(lane, j)};
    s.put(lane, cellPart, s.read(lane, op.getInitialC(), at), at[2]);
  }
  void end(Sequence &s, ElementEmitter &lane, Value j) override {
    SmallVector<LaneIndex> at{{s.directionIndex()}, {s.batch}, s.at(lane, j)};
    s.write(lane, op.getLastC(), s.get(lane, cellPart, at[2]), at);
  }
  void step(Sequence &s, Value time) override {
    multiplyState(s, time, 0, 4);
    s.forHidden([&](ElementEmitter &lane, Value j) { cell(s, lane, time, j); });
  }

private:
  static constexpr int64_t cellPart = nn::LstmOp::gateCount + 1;

  void cell(Sequence &s, ElementEmitter &lane, Value time, Value j) {
    Cell cell(lane, s.type, s.r, s.direction);
    LaneIndex at = s.at(lane, j);
    auto gate = [&](int64_t number) { return s.get(lane, number, at); };
    auto peephole = [&](Value x, int64_t number, Value state) {
      if (!op.getPeephole())
        return x;
      LaneIndex position = s.at(lane, lane.add(s.timesHidden(number), j));
      return cell.add(x, cell.mul(s.read(lane, op.getPeephole(), {{s.directionIndex()}, position}), state));
    };
    Value c = s.get(lane, cellPart, at);
    Value input = cell.activate(0, peephole(gate(0), 0, c));
    Value forget = op.getInputForget() ? cell.sub(cell.constant(1), input) : cell.activate(0, peephole(gate(2), 2, c));
    Value candidate = cell.activate(1, gate(3));
    Value nextC = cell.add(cell.mul(forget, c), cell.mul(input, candidate));
    Value output = cell.activate(0, peephole(gate(1), 1, nextC));
    s.put(lane, cellPart, nextC, at);
    // ONNX clips the arguments of f and g only.
    writeState(s, lane, time, j, cell.mul(output, cell.activateUnclipped(2, nextC)));
  }

  nn::LstmOp op;
};

class GruSchedule : public CellSchedule {
public:
  explicit GruSchedule(nn::GruOp op) : op(op) {}

  void step(Sequence &s, Value time) override {
    multiplyState(s, time, 0, 2);
    if (op.getLinearBeforeReset())
      multiply(s, s.state(), 2, 3, [&](ElementEmitter &lane, Value column) { return bias(s, lane, column); });
    else
      multiplyReset(s, time);
    s.forHidden([&](ElementEmitter &lane, Value j) { cell(s, lane, time, j); });
  }

private:
  Value bias(Sequence &s, ElementEmitter &lane, Value column) {
    if (!op.getBias())
      return lane.splatConstant(s.type, 0);
    LaneIndex position = s.at(lane, lane.sub(column, s.timesHidden(2)));
    return s.read(lane, op.getBias(), {{s.directionIndex()}, position});
  }

  /// The reset gate's place takes r * h, from which the third product is made.
  void multiplyReset(Sequence &s, Value time) {
    s.forHidden([&](ElementEmitter &lane, Value j) {
      Cell cell(lane, s.type, s.r, s.direction);
      LaneIndex at = s.at(lane, j);
      Value reset = cell.activate(0, s.get(lane, 1, at));
      s.put(lane, 1, cell.mul(reset, s.get(lane, s.r.gates, at)), at);
    });
    multiply(s, s.part(1), 2, 3, [&](ElementEmitter &lane, Value column) { return s.projected(lane, time, column); });
  }

  void cell(Sequence &s, ElementEmitter &lane, Value time, Value j) {
    Cell cell(lane, s.type, s.r, s.direction);
    LaneIndex at = s.at(lane, j);
    Value update = cell.activate(0, s.get(lane, 0, at)), argument = s.get(lane, 2, at);
    if (op.getLinearBeforeReset()) {
      Value reset = cell.activate(0, s.get(lane, 1, at));
      argument = cell.add(s.projected(lane, time, lane.add(s.timesHidden(2), j)), cell.mul(reset, argument));
    }
    Value candidate = cell.activate(1, argument);
    Value fresh = cell.mul(cell.sub(cell.constant(1), update), candidate);
    writeState(s, lane, time, j, cell.add(fresh, cell.mul(update, s.get(lane, s.r.gates, at))));
  }

  nn::GruOp op;
};

class RnnSchedule : public CellSchedule {
public:
  void step(Sequence &s, Value time) override {
    multiplyState(s, time, 0, 1);
    s.forHidden([&](ElementEmitter &lane, Value j) {
      Cell cell(lane, s.type, s.r, s.direction);
      writeState(s, lane, time, j, cell.activate(0, s.get(lane, 0, s.at(lane, j))));
    });
  }
};

} // namespace

/// Zeros in the sequence from `length` on.
static void clearRest(Sequence &s, Value length) {
  ElementEmitter &e = s.e;
  auto rest = scf::ForOp::create(e.builder(), length, s.steps, e.constant(1));
  OpBuilder::InsertionGuard guard(e.builder());
  e.builder().setInsertionPointToStart(rest.getBody());
  ElementEmitter::Scope scope(e);
  s.forHidden([&](ElementEmitter &lane, Value j) {
    s.write(lane, s.r.sequence, lane.splatConstant(s.type, 0),
            {{rest.getInductionVar()}, {s.directionIndex()}, {s.batch}, s.at(lane, j)});
  });
}

static void runSequence(Sequence &s, CellSchedule &cell) {
  ElementEmitter &e = s.e;
  ImplicitLocOpBuilder &b = e.builder();
  Value zero = e.constant(0), one = e.constant(1);
  s.forHidden([&](ElementEmitter &lane, Value j) {
    SmallVector<LaneIndex> at{{s.directionIndex()}, {s.batch}, s.at(lane, j)};
    s.put(lane, s.r.gates, s.read(lane, s.r.initialH, at), at[2]);
    cell.begin(s, lane, j);
  });

  Value length = s.steps;
  if (s.r.lengths) {
    ElementEmitter scalar(e, 1);
    Value given = arith::IndexCastOp::create(b, b.getIndexType(), scalar.emit(s.r.lengths, {{s.batch}}));
    length = arith::MinSIOp::create(b, arith::MaxSIOp::create(b, given, zero), s.steps);
  }
  bool reverse = s.r.direction == nn::Direction::reverse || s.direction == 1;
  auto loop = scf::ForOp::create(b, zero, length, one);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    ElementEmitter::Scope scope(e);
    Value step = loop.getInductionVar();
    cell.step(s, reverse ? e.sub(e.sub(length, one), step) : step);
  }
  if (s.r.lengths && s.wants(s.r.sequence))
    clearRest(s, length);
  s.forHidden([&](ElementEmitter &lane, Value j) {
    SmallVector<LaneIndex> at{{s.directionIndex()}, {s.batch}, s.at(lane, j)};
    s.write(lane, s.r.lastH, s.get(lane, s.r.gates, at[2]), at);
    cell.end(s, lane, j);
  });
}

/// Runs `run` for the direction of task `task`: all batch items forward, then all backward.
static void forDirection(ElementEmitter &e, Value task, Value batch, int64_t directions,
                         function_ref<void(int64_t)> run) {
  if (directions == 1)
    return run(0);
  ImplicitLocOpBuilder &b = e.builder();
  Value isForward = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, task, batch);
  auto choice = scf::IfOp::create(b, isForward, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  run(0);
  b.setInsertionPointToStart(choice.elseBlock());
  run(1);
}

static void schedule(Kernel &kernel, const Recurrence &recurrence, CellSchedule &&cell) {
  ElementEmitter plain = kernel.emitter(1);
  ImplicitLocOpBuilder &b = kernel.builder;
  SmallVector<Value> projected(kernel.extents(recurrence.projected)), recurrent(kernel.extents(recurrence.recurrent));
  Value steps = projected[0], batch = projected[1], hidden = recurrent[1];
  Type elementType = cast<RankedTensorType>(recurrence.projected.getType()).getElementType();
  Type type = elementType.isF64() ? elementType : Type(b.getF32Type());
  int64_t lanes = kernel.reference ? 1 : kernel.machine.lanes(type.getIntOrFloatBitWidth() / 8);

  Value tasks = plain.mul(plain.constant(recurrence.directions()), batch);
  Value perTask = plain.mul(steps, plain.mul(hidden, plain.mul(hidden, plain.constant(recurrence.gates))));
  // Each multiply-add of the product reads a weight from the second-level cache: about one vector per two cycles.
  Value work = plain.div(plain.mul(tasks, perTask), plain.constant(std::max<int64_t>(1, lanes)));
  Value count = plain.mul(hidden, plain.constant(recurrence.gates + 1 + cell.extraParts()));
  Value bytes = plain.mul(count, plain.constant(type.getIntOrFloatBitWidth() / 8));
  kernel.phase(tasks, work, bytes, false, [&](Value begin, Value end, Value scratch, Value) {
    ElementEmitter e = kernel.emitter(lanes);
    Value memory = memref::ViewOp::create(b, MemRefType::get({ShapedType::kDynamic}, type), scratch, e.constant(0),
                                          ValueRange(count));
    auto loop = scf::ForOp::create(b, begin, end, e.constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value task = loop.getInductionVar(), item = e.rem(task, batch);
    forDirection(e, task, batch, recurrence.directions(), [&](int64_t direction) {
      ElementEmitter::Scope scope(e);
      Sequence sequence{kernel, recurrence, e, elementType, type, direction, item, hidden, steps, memory};
      runSequence(sequence, cell);
    });
  });
}

bool scheduleRecurrence(Kernel &kernel, Operation *op) {
  if (auto lstm = dyn_cast<nn::LstmOp>(op))
    schedule(kernel, Recurrence(lstm), LstmSchedule(lstm));
  else if (auto gru = dyn_cast<nn::GruOp>(op))
    schedule(kernel, Recurrence(gru), GruSchedule(gru));
  else if (auto rnn = dyn_cast<nn::RnnOp>(op))
    schedule(kernel, Recurrence(rnn), RnnSchedule());
  else
    return false;
  kernel.setPath(kernel.reference ? "reference" : "recurrence");
  return true;
}

} // namespace tenon::schedule
