//===- Recurrent.cpp - LSTM sequences ------------------------------------------------------===//
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

/// Arithmetic of a cell on registers of the computing type (f32, or f64 for f64 models).
class Cell {
public:
  Cell(ElementEmitter &emitter, Type type, nn::LstmOp op, int64_t direction)
      : e(emitter), b(emitter.builder()), type(type), op(op), direction(direction) {}

  Value constant(double value) { return e.splatConstant(type, value); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value max(Value x, Value y) { return arith::MaximumFOp::create(b, x, y); }
  Value min(Value x, Value y) { return arith::MinimumFOp::create(b, x, y); }
  Value sigmoid(Value x) {
    return div(constant(1), add(constant(1), math::ExpOp::create(b, arith::NegFOp::create(b, x))));
  }
  Value positive(Value x) { return arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, x, constant(0)); }
  Value select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, condition, x, y); }

  /// Activation number `which` (0 f, 1 g, 2 h) of this direction.
  Value activate(int which, Value x) {
    if (double clip = op.getClip().convertToDouble(); clip > 0 && which != 2)
      x = max(min(x, constant(clip)), constant(-clip));
    int64_t entry = direction * 3 + which;
    Value alpha = constant(op.getAlpha()[entry]), beta = constant(op.getBeta()[entry]);
    using A = nn::Activation;
    switch (*nn::symbolizeActivation(op.getActivations()[entry])) {
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
      return div(x, add(constant(1), math::AbsFOp::create(b, x)));
    case A::softplus:
      return math::Log1pOp::create(b, math::ExpOp::create(b, x));
    }
    return x;
  }

private:
  ElementEmitter &e;
  ImplicitLocOpBuilder &b;
  Type type;
  nn::LstmOp op;
  int64_t direction;
};

/// One task: a direction and a batch item.
struct Sequence {
  Kernel &kernel;
  nn::LstmOp op;
  ElementEmitter &e; ///< with lanes
  Type elementType, type;
  int64_t direction;
  Value batch, hidden, steps;
  Buffer gates, h, c; ///< scratch of the computing type

  Value directionIndex() { return e.constant(direction); }
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
  Value get(ElementEmitter &lane, Buffer buffer, LaneIndex at) { return lane.load(type, buffer, {hidden}, {at}); }
  void put(ElementEmitter &lane, Buffer buffer, Value element, LaneIndex at) {
    lane.store(element, type, buffer, {hidden}, {at});
  }
  LaneIndex lane(ElementEmitter &emitter, Value position) { return {position, emitter.lanes() == 1 ? 0 : 1}; }
};

} // namespace

/// Vectors of gates in flight: enough to hide the latency of a multiply-add.
static constexpr int64_t accumulators = 8;

/// gates = projected[t, batch, direction] + h . R for `count` vectors of gates from `first` on.
static void gateBlock(Sequence &s, ElementEmitter &e, Value time, Value first, int64_t count) {
  ImplicitLocOpBuilder &b = e.builder();
  Value offset = e.mul(s.directionIndex(), e.mul(s.hidden, e.constant(4)));
  SmallVector<Value> initial;
  auto column = [&](int64_t v) { return e.add(first, e.constant(v * e.lanes())); };
  for (int64_t v = 0; v < count; ++v)
    initial.push_back(s.read(e, s.op.getProjected(), {{time}, {s.batch}, s.lane(e, e.add(offset, column(v)))}));
  SmallVector<Value> sums =
      carriedLoops(b, {e.constant(0)}, {s.hidden}, initial, [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
        ElementEmitter::Scope scope(e);
        ElementEmitter scalar(e, 1);
        Value state = e.splat(s.get(scalar, s.h, {at[0]}));
        SmallVector<Value> next;
        for (int64_t v = 0; v < count; ++v) {
          Value weight = s.read(e, s.op.getRecurrent(), {{s.directionIndex()}, {at[0]}, s.lane(e, column(v))});
          next.push_back(math::FmaOp::create(b, state, weight, acc[v]));
        }
        return next;
      });
  Value all = e.mul(s.hidden, e.constant(4));
  for (int64_t v = 0; v < count; ++v)
    e.store(sums[v], s.type, s.gates, {all}, {s.lane(e, column(v))});
}

static void computeGates(Sequence &s, Value time) {
  ElementEmitter &e = s.e;
  ImplicitLocOpBuilder &b = e.builder();
  Value all = e.mul(s.hidden, e.constant(4)), step = e.constant(accumulators * e.lanes());
  Value whole = e.mul(e.div(all, step), step);
  auto blocks = scf::ForOp::create(b, e.constant(0), whole, step);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(blocks.getBody());
    ElementEmitter::Scope scope(e);
    gateBlock(s, e, time, blocks.getInductionVar(), accumulators);
  }
  vectorLoop(e, s.kernel.machine, whole, all,
             [&](ElementEmitter &lane, Value first) { gateBlock(s, lane, time, first, 1); });
}

/// The cell for one step: gates to new c and h, and the sequence result.
static void computeCell(Sequence &s, Value time) {
  Value all = s.e.mul(s.hidden, s.e.constant(4));
  vectorLoop(s.e, s.kernel.machine, s.e.constant(0), s.hidden, [&](ElementEmitter &e, Value j) {
    Cell cell(e, s.type, s.op, s.direction);
    LaneIndex at = s.lane(e, j);
    auto gate = [&](int64_t number) {
      Value position = e.add(e.mul(s.hidden, e.constant(number)), j);
      return e.load(s.type, s.gates, {all}, {s.lane(e, position)});
    };
    auto peephole = [&](Value x, int64_t number, Value state) {
      if (!s.op.getPeephole())
        return x;
      Value position = e.add(e.mul(s.hidden, e.constant(number)), j);
      return cell.add(x, cell.mul(s.read(e, s.op.getPeephole(), {{s.directionIndex()}, s.lane(e, position)}), state));
    };
    Value c = s.get(e, s.c, at);
    Value input = cell.activate(0, peephole(gate(0), 0, c));
    Value forget =
        s.op.getInputForget() ? cell.sub(cell.constant(1), input) : cell.activate(0, peephole(gate(2), 2, c));
    Value candidate = cell.activate(1, gate(3));
    Value nextC = cell.add(cell.mul(forget, c), cell.mul(input, candidate));
    Value output = cell.activate(0, peephole(gate(1), 1, nextC));
    Value nextH = cell.mul(output, cell.activate(2, nextC));
    s.put(e, s.c, nextC, at);
    s.put(e, s.h, nextH, at);
    s.write(e, s.op.getSequence(), nextH, {{time}, {s.directionIndex()}, {s.batch}, at});
  });
}

static void runSequence(Sequence &s) {
  ElementEmitter &e = s.e;
  ImplicitLocOpBuilder &b = e.builder();
  Value zero = e.constant(0), one = e.constant(1);
  SmallVector<LaneIndex> stateAt{{s.directionIndex()}, {s.batch}, {}};
  vectorLoop(e, s.kernel.machine, zero, s.hidden, [&](ElementEmitter &lane, Value j) {
    stateAt[2] = s.lane(lane, j);
    s.put(lane, s.h, s.read(lane, s.op.getInitialH(), stateAt), stateAt[2]);
    s.put(lane, s.c, s.read(lane, s.op.getInitialC(), stateAt), stateAt[2]);
  });

  Value length = s.steps;
  if (s.op.getLengths()) {
    ElementEmitter scalar(e, 1);
    Value given = arith::IndexCastOp::create(b, b.getIndexType(), scalar.emit(s.op.getLengths(), {{s.batch}}));
    length = arith::MinSIOp::create(b, arith::MaxSIOp::create(b, given, zero), s.steps);
  }
  bool reverse = s.op.getDirection() == nn::Direction::reverse || s.direction == 1;
  auto loop = scf::ForOp::create(b, zero, length, one);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    ElementEmitter::Scope scope(e);
    Value step = loop.getInductionVar();
    Value time = reverse ? e.sub(e.sub(length, one), step) : step;
    computeGates(s, time);
    computeCell(s, time);
  }
  if (s.op.getLengths() && s.wants(s.op.getSequence())) {
    auto rest = scf::ForOp::create(b, length, s.steps, one);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(rest.getBody());
    ElementEmitter::Scope scope(e);
    vectorLoop(e, s.kernel.machine, zero, s.hidden, [&](ElementEmitter &lane, Value j) {
      s.write(lane, s.op.getSequence(), lane.splatConstant(s.type, 0),
              {{rest.getInductionVar()}, {s.directionIndex()}, {s.batch}, s.lane(lane, j)});
    });
  }
  vectorLoop(e, s.kernel.machine, zero, s.hidden, [&](ElementEmitter &lane, Value j) {
    stateAt[2] = s.lane(lane, j);
    s.write(lane, s.op.getLastH(), s.get(lane, s.h, stateAt[2]), stateAt);
    s.write(lane, s.op.getLastC(), s.get(lane, s.c, stateAt[2]), stateAt);
  });
}

bool scheduleLstm(Kernel &kernel, nn::LstmOp op) {
  ElementEmitter plain = kernel.emitter(1);
  ImplicitLocOpBuilder &b = kernel.builder;
  SmallVector<Value> projected(kernel.extents(op.getProjected())), recurrent(kernel.extents(op.getRecurrent()));
  Value steps = projected[0], batch = projected[1], hidden = recurrent[1];
  Type elementType = cast<RankedTensorType>(op.getProjected().getType()).getElementType();
  Type type = elementType.isF64() ? elementType : Type(b.getF32Type());
  int64_t directions = op.getDirection() == nn::Direction::bidirectional ? 2 : 1;
  int64_t lanes = kernel.reference ? 1 : kernel.machine.lanes(type.getIntOrFloatBitWidth() / 8);

  Value tasks = plain.mul(plain.constant(directions), batch);
  Value perTask = plain.mul(steps, plain.mul(hidden, plain.mul(hidden, plain.constant(4))));
  // Each multiply-add of the product reads a weight from the second-level cache: about one vector per two cycles.
  Value work = plain.div(plain.mul(tasks, perTask), plain.constant(std::max<int64_t>(1, lanes)));
  Value typeBytes = plain.constant(type.getIntOrFloatBitWidth() / 8);
  kernel.phase(tasks, work, plain.mul(plain.mul(hidden, plain.constant(6)), typeBytes), false,
               [&](Value begin, Value end, Value scratch, Value) {
                 ElementEmitter e = kernel.emitter(lanes);
                 Value count = e.mul(hidden, e.constant(6));
                 Value memory = memref::ViewOp::create(b, MemRefType::get({ShapedType::kDynamic}, type), scratch,
                                                       e.constant(0), ValueRange(count));
                 auto part = [&](int64_t number) { return Buffer{memory, e.mul(hidden, e.constant(number))}; };
                 auto loop = scf::ForOp::create(b, begin, end, e.constant(1));
                 OpBuilder::InsertionGuard guard(b);
                 b.setInsertionPointToStart(loop.getBody());
                 Value item = e.rem(loop.getInductionVar(), batch);
                 auto run = [&](int64_t direction) {
                   ElementEmitter::Scope scope(e);
                   Sequence sequence{kernel, op,     e,     elementType, type,    direction,
                                     item,   hidden, steps, {memory},    part(4), part(5)};
                   runSequence(sequence);
                 };
                 if (directions == 1) {
                   run(0);
                 } else {
                   Value isForward = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, loop.getInductionVar(), batch);
                   auto choice = scf::IfOp::create(b, isForward, /*withElseRegion=*/true);
                   OpBuilder::InsertionGuard inner(b);
                   b.setInsertionPointToStart(choice.thenBlock());
                   run(0);
                   b.setInsertionPointToStart(choice.elseBlock());
                   run(1);
                 }
               });
  kernel.setPath(kernel.reference ? "reference" : "lstm");
  return true;
}

} // namespace tenon::schedule
