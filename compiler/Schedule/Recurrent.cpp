//===- Recurrent.cpp - recurrences over sequences ------------------------------------------===//
//
// A step is a product of the state with the recurrent weights, gates side by side, and then the cell on lanes. Units
// are taken in blocks whose sums stay in registers while the state is read through once; a few batch items share each
// weight that is read. Packed weights are one stream for a panel of units. The sequence itself holds the states of the
// steps before.
//
// Two forms: one task per direction and group of batch items that runs the whole sequence; or, where a step is long
// enough to be shared by threads, phases for each step, with tasks that also divide the units (a thread gets the same
// units in each step, so its part of the weights stays in its cache).
//
// Expects: all results of the op are results of the kernel.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/RecurrentCells.h"
#include "compiler/Schedule/Sequential.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// How many units and batch items are worked on at once.
struct Blocking {
  int64_t items;        ///< batch items that share a weight, at most
  int64_t vectors;      ///< of units in a block
  int64_t accumulators; ///< registers for sums

  /// Vectors of units in one product of `gates` gates and `items` batch items.
  int64_t vectorsFor(int64_t gates, int64_t items) const {
    int64_t fit = std::max<int64_t>(1, accumulators / (gates * items));
    return std::min(vectors, static_cast<int64_t>(llvm::bit_floor(static_cast<uint64_t>(fit))));
  }
};

/// A group of batch items of one direction at one step.
struct Place {
  Value direction, firstItem, items, step;
};

class Schedule {
public:
  Schedule(Kernel &kernel, const Recurrence &recurrence, CellSchedule &cell);

  void run() {
    if (sharesSteps())
      return runByStep();
    runWhole();
  }

private:
  friend class Elements;

  bool sharesSteps();
  void runWhole();
  void runByStep();
  void stagePhase(int64_t stage, Value step);
  void endPhase();

  /// A phase over tasks with the loop around them; in `body` the emitter and scratch are set up. With a step the order
  /// is that of thereAndBack.
  void phase(Value tasks, Value work, function_ref<void(Value task)> body, Value step = {});
  void stage(const Place &place, int64_t stage, Value firstUnit, Value units);
  void loadState(const Place &place, int64_t stage);
  void multiply(const Place &place, int64_t stage, int64_t items, Value firstUnit, Value units);
  void sums(ElementEmitter &lane, const Place &place, int64_t stage, int64_t items, int64_t vectors, Value firstUnit,
            Value unit);
  void cells(const Place &place, int64_t stage, Value firstUnit, Value units);
  void end(const Place &place);

  // Steps and batch items. Only sequences that have lengths know more than the number of steps.
  bool isRagged() { return static_cast<bool>(r.lengths); }
  Value length(Value item);
  Value isReverse(Value direction);
  /// Whether the step is one of the item's; null if it always is.
  Value isAlive(const Place &place, Value item);
  /// Where the step is in the sequence; past an item's end the place that is to be cleared.
  Value time(const Place &place, Value item);
  Value previousH(ElementEmitter &lane, const Place &place, Value item, Value unit);

  /// The weights of units from `unit` on for a gate and unit k of the state.
  Value weight(ElementEmitter &lane, const Place &place, Value k, int64_t gate, Value unit) {
    ArrayRef<Value> extents = kernel.extents(r.recurrent);
    if (extents.size() == 3)
      return read(lane, r.recurrent,
                  {{place.direction}, {k}, along(lane, lane.add(lane.mul(hidden, lane.constant(gate)), unit))});
    Value panel = lane.div(unit, extents.back()), inside = lane.rem(unit, extents.back());
    return read(lane, r.recurrent, {{place.direction}, {panel}, {k}, {lane.constant(gate)}, along(lane, inside)});
  }

  // Elements in the computing type.
  Value read(ElementEmitter &lane, Value tensor, ArrayRef<LaneIndex> at) {
    return lane.convert(lane.emit(tensor, at), elementType, type);
  }
  Buffer buffer(Value result) {
    return kernel.resultBuffer(llvm::find(kernel.results(), result) - kernel.results().begin());
  }
  Value readResult(ElementEmitter &lane, Value result, ArrayRef<LaneIndex> at) {
    return lane.convert(lane.load(elementType, buffer(result), kernel.extents(result), at), elementType, type);
  }
  void writeResult(ElementEmitter &lane, Value result, Value element, ArrayRef<LaneIndex> at) {
    lane.store(lane.convert(element, type, elementType), elementType, buffer(result), kernel.extents(result), at);
  }
  Value projected(ElementEmitter &lane, const Place &place, Value item, int64_t gate, Value unit) {
    Value vectors = e->add(e->mul(place.direction, e->constant(r.gates)), e->constant(gate));
    return read(lane, r.projected, {{time(place, item)}, {item}, along(lane, e->add(e->mul(vectors, hidden), unit))});
  }
  static LaneIndex along(ElementEmitter &lane, Value position) { return {position, lane.lanes() == 1 ? 0 : 1}; }

  // Scratch: the state of each item of a group, then the sums of a block.
  Buffer stateOf(Value number) { return {memory, e->mul(number, hidden)}; }
  Buffer sumsOf(Value number, int64_t gate) {
    Value row = e->add(e->mul(number, e->constant(r.gates)), e->constant(gate));
    return {memory, e->add(e->mul(hidden, e->constant(blocking.items)), e->mul(row, blockUnits))};
  }
  Value scratchBytes() {
    Value rows = e->add(hidden, e->mul(blockUnits, e->constant(r.gates)));
    return e->mul(rows, e->constant(blocking.items * type.getIntOrFloatBitWidth() / 8));
  }

  Value itemGroups() { return b.createOrFold<arith::CeilDivUIOp>(batch, e->constant(blocking.items)); }
  Value unitBlocks() { return b.createOrFold<arith::CeilDivUIOp>(hidden, blockUnits); }
  Place placeOf(Value group, Value step);
  Value thereAndBack(Value step, Value begin, Value number, Value end);

  Kernel &kernel;
  const Recurrence &r;
  CellSchedule &cell;
  ImplicitLocOpBuilder &b;
  Type elementType, type;
  Value steps, batch, hidden, blockUnits, memory;
  std::optional<int64_t> knownBatch, knownHidden;
  int64_t lanes;
  Blocking blocking;
  ElementEmitter plain;
  ElementEmitter *e = nullptr; ///< with lanes inside phases
};

/// CellPlace over the buffers of a schedule.
class Elements : public CellPlace {
public:
  Elements(Schedule &s, ElementEmitter &lane, const Place &place, int64_t direction, Value number, Value firstUnit,
           Value unit)
      : CellPlace(lane, s.type, s.r, direction, unit), s(s), place(place), number(number), firstUnit(firstUnit),
        item(s.e->add(place.firstItem, number)), alive(s.isAlive(place, item)) {}

  Value sum(int64_t gate) override {
    return lane.load(s.type, s.sumsOf(number, gate), {s.blockUnits}, {s.along(lane, s.e->sub(unit, firstUnit))});
  }
  Value projected(int64_t gate) override { return s.projected(lane, place, item, gate, unit); }
  Value parameter(Value tensor, int64_t count) override {
    Value position = s.e->add(s.e->mul(s.hidden, s.e->constant(count)), unit);
    return s.read(lane, tensor, {{place.direction}, s.along(lane, position)});
  }
  Value previousH() override { return s.previousH(lane, place, item, unit); }
  Value previous(Value initial, Value last) override {
    Value isFirst = arith::CmpIOp::create(s.b, arith::CmpIPredicate::eq, place.step, s.e->constant(0));
    return choose(
        s.b, isFirst, lane.laneType(s.type),
        [&] {
          ElementEmitter::Scope scope(lane);
          return s.read(lane, initial, stateAt());
        },
        [&] { return s.readResult(lane, last, stateAt()); });
  }
  void keep(Value last, Value element) override {
    s.writeResult(lane, last, whereAlive(element, [&] { return s.readResult(lane, last, stateAt()); }), stateAt());
  }
  Value sequence() override { return s.readResult(lane, s.r.sequence, sequenceAt()); }
  void setSequence(Value element) override {
    s.writeResult(lane, s.r.sequence, whereAlive(element, [&] { return math.constant(0); }), sequenceAt());
  }

private:
  SmallVector<LaneIndex> stateAt() { return {{place.direction}, {item}, s.along(lane, unit)}; }
  SmallVector<LaneIndex> sequenceAt() {
    return {{s.time(place, item)}, {place.direction}, {item}, s.along(lane, unit)};
  }
  Value whereAlive(Value element, function_ref<Value()> other) {
    return alive ? Value(arith::SelectOp::create(s.b, alive, element, other())) : element;
  }

  Schedule &s;
  const Place &place;
  Value number, firstUnit, item, alive;
};

} // namespace

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// Groups of batch items of equal size, as large as the registers allow.
static int64_t itemsAtOnce(int64_t limit, std::optional<int64_t> batch) {
  if (!batch)
    return limit;
  int64_t count = std::max<int64_t>(1, *batch);
  return llvm::divideCeil(count, llvm::divideCeil(count, limit));
}

Schedule::Schedule(Kernel &kernel, const Recurrence &recurrence, CellSchedule &cell)
    : kernel(kernel), r(recurrence), cell(cell), b(kernel.builder), plain(kernel.emitter(1)), e(&plain) {
  elementType = cast<RankedTensorType>(r.projected.getType()).getElementType();
  type = elementType.isF64() ? elementType : Type(b.getF32Type());
  lanes = kernel.reference ? 1 : kernel.machine.lanes(type.getIntOrFloatBitWidth() / 8);
  steps = kernel.extents(r.projected)[0];
  batch = kernel.extents(r.projected)[1];
  hidden = kernel.extents(r.recurrent)[nn::hiddenDimension(r.recurrent)];
  knownBatch = getConstantIntValue(OpFoldResult(batch));
  knownHidden = getConstantIntValue(OpFoldResult(hidden));

  // A quarter of the registers is for weights and factors.
  blocking.accumulators = kernel.machine.vectorRegisters * 3 / 4;
  blocking.items =
      kernel.reference ? 1 : itemsAtOnce(std::clamp<int64_t>(blocking.accumulators / r.gates, 1, 4), knownBatch);
  // Eight sums hide the latency of a multiply-add; more of them make the rows of weights no faster to read.
  blocking.vectors = kernel.reference ? 1 : llvm::bit_floor(static_cast<uint64_t>(8 / r.gates));
  blockUnits = plain.constant(blocking.vectors * lanes);
}

/// Each weight comes from the second-level cache: a vector in two cycles.
static constexpr double nanosecondsPerVector = 0.625;

/// A step must last long enough, even of one batch item, for threads to meet at its end: see kMinPart_ns of the pool.
/// Two directions are tasks enough for two threads that never meet, each with weights of its own in its cache.
bool Schedule::sharesSteps() {
  constexpr double enough_ns = 6000;
  return knownHidden && !kernel.reference &&
         double(r.gates) * *knownHidden * *knownHidden / lanes * nanosecondsPerVector >= enough_ns * r.directions();
}

//===----------------------------------------------------------------------===//
// Steps and batch items
//===----------------------------------------------------------------------===//

Value Schedule::length(Value item) {
  ElementEmitter scalar(*e, 1);
  scalar.setMask({});
  Value given = arith::IndexCastOp::create(b, b.getIndexType(), scalar.emit(r.lengths, {{item}}));
  return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, given, e->constant(0)), steps);
}

Value Schedule::isReverse(Value direction) {
  if (r.direction != nn::Direction::bidirectional)
    return arith::ConstantIntOp::create(b, r.direction == nn::Direction::reverse, 1);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, direction, e->constant(1));
}

Value Schedule::isAlive(const Place &place, Value item) {
  return isRagged() ? Value(arith::CmpIOp::create(b, arith::CmpIPredicate::ult, place.step, length(item))) : Value();
}

Value Schedule::time(const Place &place, Value item) {
  if (r.direction == nn::Direction::forward)
    return place.step;
  Value last = e->sub(isRagged() ? length(item) : steps, e->constant(1));
  Value fromEnd = e->sub(last, place.step);
  Value turned = isReverse(place.direction);
  if (Value alive = isAlive(place, item))
    turned = arith::AndIOp::create(b, turned, alive);
  return arith::SelectOp::create(b, turned, fromEnd, place.step);
}

Value Schedule::previousH(ElementEmitter &lane, const Place &place, Value item, Value unit) {
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, place.step, e->constant(0));
  return choose(
      b, isFirst, lane.laneType(type),
      [&] {
        ElementEmitter::Scope scope(lane);
        return read(lane, r.initialH, {{place.direction}, {item}, along(lane, unit)});
      },
      [&] {
        Place before = place;
        before.step = e->sub(place.step, e->constant(1));
        return readResult(lane, r.sequence, {{time(before, item)}, {place.direction}, {item}, along(lane, unit)});
      });
}

/// Item `number` of [begin, end), from the other end in every other step: what a step read last is in the cache for the
/// next one, even if all of it does not fit.
Value Schedule::thereAndBack(Value step, Value begin, Value number, Value end) {
  Value isOdd = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, e->rem(step, e->constant(2)), e->constant(1));
  Value fromEnd = e->sub(e->add(begin, e->sub(end, e->constant(1))), number);
  return arith::SelectOp::create(b, isOdd, fromEnd, number);
}

Place Schedule::placeOf(Value group, Value step) {
  Value groups = itemGroups(), size = e->constant(blocking.items);
  Value first = e->mul(e->rem(group, groups), size);
  Value items = b.createOrFold<arith::MinUIOp>(size, e->sub(batch, first));
  return {e->div(group, groups), first, knownBatch && *knownBatch == blocking.items ? size : items, step};
}

//===----------------------------------------------------------------------===//
// A stage of a step
//===----------------------------------------------------------------------===//

/// The state goes to scratch, where a broadcast can read it whatever it was made of.
void Schedule::loadState(const Place &place, int64_t stage) {
  carriedLoops(b, {e->constant(0)}, {place.items}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
    ElementEmitter::Scope scope(*e);
    Value item = e->add(place.firstItem, at[0]);
    vectorLoop(*e, kernel.machine, e->constant(0), hidden, [&](ElementEmitter &lane, Value unit) {
      Value state = cell.multipliesLastH(stage)
                        ? readResult(lane, r.lastH, {{place.direction}, {item}, along(lane, unit)})
                        : previousH(lane, place, item, unit);
      lane.store(state, type, stateOf(at[0]), {hidden}, {along(lane, unit)});
    });
    return SmallVector<Value>();
  });
}

/// Sums of all gates of the stage for `vectors` vectors of units from `unit` on.
void Schedule::sums(ElementEmitter &lane, const Place &place, int64_t stage, int64_t items, int64_t vectors,
                    Value firstUnit, Value unit) {
  auto [firstGate, lastGate] = cell.gates(stage);
  auto unitOf = [&](int64_t v) { return lane.add(unit, lane.constant(v * lane.lanes())); };
  auto forSums = [&](function_ref<void(int64_t gate, int64_t v, int64_t item)> body) {
    for (int64_t gate = firstGate; gate < lastGate; ++gate)
      for (int64_t v = 0; v < vectors; ++v)
        for (int64_t item = 0; item < items; ++item)
          body(gate, v, item);
  };
  SmallVector<Value> initial;
  forSums([&](int64_t gate, int64_t v, int64_t item) {
    std::optional<Value> bias = cell.bias(gate);
    if (!bias)
      initial.push_back(projected(lane, place, lane.add(place.firstItem, lane.constant(item)), gate, unitOf(v)));
    else if (*bias)
      initial.push_back(read(lane, *bias, {{place.direction}, along(lane, unitOf(v))}));
    else
      initial.push_back(lane.splatConstant(type, 0));
  });
  auto loop = [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
    ElementEmitter::Scope scope(lane);
    ElementEmitter scalar(lane, 1);
    scalar.setMask({});
    SmallVector<Value> factors, next;
    for (int64_t item = 0; item < items; ++item)
      factors.push_back(lane.splat(scalar.load(type, stateOf(lane.constant(item)), {hidden}, {{at[0]}})));
    forSums([&](int64_t gate, int64_t v, int64_t item) {
      Value factor = weight(lane, place, at[0], gate, unitOf(v));
      next.push_back(math::FmaOp::create(b, factors[item], factor, acc[next.size()]));
    });
    return next;
  };
  SmallVector<Value> results = carriedLoops(b, {lane.constant(0)}, {hidden}, initial, loop);
  size_t number = 0;
  forSums([&](int64_t gate, int64_t v, int64_t item) {
    lane.store(results[number++], type, sumsOf(lane.constant(item), gate), {blockUnits},
               {along(lane, lane.sub(unitOf(v), firstUnit))});
  });
}

/// Sums of a block of units for a group of that many items.
void Schedule::multiply(const Place &place, int64_t stage, int64_t items, Value firstUnit, Value units) {
  auto [firstGate, lastGate] = cell.gates(stage);
  Value done = e->constant(0);
  // Ever smaller steps, so that few units are summed with few accumulators.
  for (int64_t count = blocking.vectorsFor(lastGate - firstGate, items); count > 1; count /= 2) {
    Value step = e->constant(count * lanes);
    Value whole = e->add(done, e->mul(e->div(e->sub(units, done), step), step));
    auto blocks = scf::ForOp::create(b, done, whole, step);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(blocks.getBody());
    ElementEmitter::Scope scope(*e);
    sums(*e, place, stage, items, count, firstUnit, e->add(firstUnit, blocks.getInductionVar()));
    done = whole;
  }
  vectorLoop(*e, kernel.machine, done, units, [&](ElementEmitter &lane, Value position) {
    sums(lane, place, stage, items, 1, firstUnit, lane.add(firstUnit, position));
  });
}

void Schedule::cells(const Place &place, int64_t stage, Value firstUnit, Value units) {
  auto forDirection = [&](int64_t direction) {
    carriedLoops(b, {e->constant(0)}, {place.items}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
      ElementEmitter::Scope scope(*e);
      vectorLoop(*e, kernel.machine, firstUnit, e->add(firstUnit, units), [&](ElementEmitter &lane, Value unit) {
        Elements elements(*this, lane, place, direction, at[0], firstUnit, unit);
        cell.finish(elements, stage);
      });
      return SmallVector<Value>();
    });
  };
  if (r.directionsAgree())
    return forDirection(0);
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, place.direction, e->constant(0));
  auto choice = scf::IfOp::create(b, isFirst, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  forDirection(0);
  b.setInsertionPointToStart(choice.elseBlock());
  forDirection(1);
}

/// One block of units, once the state is in scratch.
void Schedule::stage(const Place &place, int64_t stage, Value firstUnit, Value units) {
  auto forItems = [&](int64_t items) { multiply(place, stage, items, firstUnit, units); };
  // A group is full, or holds what is left over.
  SmallVector<int64_t> sizes;
  for (int64_t items = 1; items < blocking.items; ++items)
    if (!knownBatch || *knownBatch % blocking.items == items)
      sizes.push_back(items);
  {
    OpBuilder::InsertionGuard guard(b);
    for (int64_t items : sizes) {
      Value isSize = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, place.items, e->constant(items));
      auto choice = scf::IfOp::create(b, isSize, /*withElseRegion=*/true);
      b.setInsertionPointToStart(choice.thenBlock());
      ElementEmitter::Scope scope(*e);
      forItems(items);
      b.setInsertionPointToStart(choice.elseBlock());
    }
    ElementEmitter::Scope scope(*e);
    forItems(blocking.items);
  }
  cells(place, stage, firstUnit, units);
}

/// The last states: what was there at first of an empty sequence.
void Schedule::end(const Place &place) {
  carriedLoops(b, {e->constant(0)}, {place.items}, {}, [&](ArrayRef<Value> at, ArrayRef<Value>) {
    ElementEmitter::Scope scope(*e);
    Value item = e->add(place.firstItem, at[0]);
    Place after = place;
    after.step = isRagged() ? length(item) : steps;
    vectorLoop(*e, kernel.machine, e->constant(0), hidden, [&](ElementEmitter &lane, Value unit) {
      SmallVector<LaneIndex> position{{place.direction}, {item}, along(lane, unit)};
      writeResult(lane, r.lastH, previousH(lane, after, item, unit), position);
      auto [initial, last] = cell.secondState();
      if (!last)
        return;
      Value isEmpty = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, after.step, e->constant(0));
      auto choice = scf::IfOp::create(b, isEmpty, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(choice.thenBlock());
      ElementEmitter::Scope scope(lane);
      writeResult(lane, last, read(lane, initial, position), position);
    });
    return SmallVector<Value>();
  });
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

void Schedule::phase(Value tasks, Value work, function_ref<void(Value)> body, Value step) {
  kernel.phase(tasks, work, scratchBytes(), false, [&](Value begin, Value end, Value scratch, Value) {
    ElementEmitter emitter = kernel.emitter(lanes);
    e = &emitter;
    memory = memref::ViewOp::create(
        b, MemRefType::get({ShapedType::kDynamic}, type), scratch, e->constant(0),
        ValueRange(b.createOrFold<arith::DivUIOp>(scratchBytes(), e->constant(type.getIntOrFloatBitWidth() / 8))));
    auto loop = scf::ForOp::create(b, begin, end, e->constant(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value task = loop.getInductionVar();
    body(step ? thereAndBack(step, begin, task, end) : task);
    e = &plain;
  });
}

/// Nanoseconds for a step of one group and `units` units, whatever the number of items that share a weight.
static Value stepWork(ElementEmitter &e, const Recurrence &r, Value hidden, Value units, int64_t lanes) {
  Value vectors = e.div(e.mul(e.mul(hidden, units), e.constant(r.gates)), e.constant(lanes));
  return e.div(e.mul(vectors, e.constant(static_cast<int64_t>(8 * nanosecondsPerVector))), e.constant(8));
}

void Schedule::runWhole() {
  Value groups = plain.mul(plain.constant(r.directions()), itemGroups());
  Value work = plain.mul(plain.mul(groups, steps), stepWork(plain, r, hidden, hidden, lanes));
  phase(groups, work, [&](Value task) {
    auto loop = scf::ForOp::create(b, e->constant(0), steps, e->constant(1));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      ElementEmitter::Scope scope(*e);
      Place place = placeOf(task, loop.getInductionVar());
      for (int64_t number = 0; number < cell.stages(); ++number) {
        loadState(place, number);
        auto blocks = scf::ForOp::create(b, e->constant(0), unitBlocks(), e->constant(1));
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(blocks.getBody());
        ElementEmitter::Scope scope(*e);
        Value first =
            e->mul(thereAndBack(place.step, e->constant(0), blocks.getInductionVar(), unitBlocks()), blockUnits);
        stage(place, number, first, b.createOrFold<arith::MinUIOp>(blockUnits, e->sub(hidden, first)));
      }
    }
    end(placeOf(task, steps));
  });
}

void Schedule::stagePhase(int64_t number, Value step) {
  Value groups = plain.mul(plain.constant(r.directions()), itemGroups());
  Value tasks = plain.mul(groups, unitBlocks());
  phase(
      tasks, plain.mul(tasks, stepWork(plain, r, hidden, blockUnits, lanes)),
      [&](Value task) {
        // By direction, block of units, group of items: a thread keeps to few weights.
        SmallVector<LaneIndex> at = delinearize(*e, {groups, unitBlocks(), itemGroups()}, {task});
        Place place = placeOf(e->add(e->mul(at[0].base, itemGroups()), at[2].base), step);
        loadState(place, number);
        Value first = e->mul(at[1].base, blockUnits);
        stage(place, number, first, b.createOrFold<arith::MinUIOp>(blockUnits, e->sub(hidden, first)));
      },
      step);
}

void Schedule::endPhase() {
  Value groups = plain.mul(plain.constant(r.directions()), itemGroups());
  phase(groups, plain.mul(groups, hidden), [&](Value task) { end(placeOf(task, steps)); });
}

void Schedule::runByStep() {
  Type index = b.getIndexType();
  auto loop = scf::WhileOp::create(
      b, TypeRange(index), ValueRange(plain.constant(0)),
      [&](OpBuilder &builder, Location loc, ValueRange step) {
        Value more = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ult, step[0], steps);
        scf::ConditionOp::create(builder, loc, more, step);
      },
      [&](OpBuilder &builder, Location loc, ValueRange step) {
        Value next = arith::AddIOp::create(builder, loc, step[0], plain.constant(1));
        scf::YieldOp::create(builder, loc, next);
      });
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getYieldOp());
    for (int64_t number = 0; number < cell.stages(); ++number)
      stagePhase(number, loop.getAfterArguments().front());
  }
  endPhase();
}

template <typename OpTy> static bool schedule(Kernel &kernel, OpTy op, std::unique_ptr<CellSchedule> cell) {
  if (!llvm::all_of(op->getResults(), [&](Value result) { return llvm::is_contained(kernel.results(), result); }))
    return false;
  Recurrence recurrence(op);
  Schedule(kernel, recurrence, *cell).run();
  kernel.setPath(kernel.reference ? "reference" : "recurrence");
  return true;
}

bool scheduleRecurrence(Kernel &kernel, Operation *op) {
  if (auto lstm = dyn_cast<nn::LstmOp>(op))
    return schedule(kernel, lstm, lstmCell(lstm));
  if (auto gru = dyn_cast<nn::GruOp>(op))
    return schedule(kernel, gru, gruCell(gru));
  if (auto rnn = dyn_cast<nn::RnnOp>(op))
    return schedule(kernel, rnn, rnnCell());
  return false;
}

} // namespace tenon::schedule
