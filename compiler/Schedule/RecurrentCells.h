//===- RecurrentCells.h - what an LSTM, GRU or RNN does at one step ------------------------===//
//
// A step of a recurrence is one or two stages. A stage is a product of a state vector with columns of the recurrent
// weights, and then the cell: elementwise arithmetic on the sums of a few units. The schedule owns loops and memory,
// a cell owns the formulas (see NnRecurrent.td).
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_SCHEDULE_RECURRENTCELLS_H
#define TENON_COMPILER_SCHEDULE_RECURRENTCELLS_H

#include "compiler/Schedule/Kernel.h"

namespace tenon::schedule {

/// What is common to the recurrent ops.
struct Recurrence {
  Value projected, recurrent, initialH, lengths, sequence, lastH;
  nn::Direction direction;
  llvm::ArrayRef<int32_t> activations;
  llvm::ArrayRef<float> alpha, beta;
  int64_t gates, functions; ///< per step and direction
  double clip;

  template <typename OpTy>
  explicit Recurrence(OpTy op)
      : projected(op.getProjected()), recurrent(op.getRecurrent()), initialH(op.getInitialH()),
        lengths(op.getLengths()), sequence(op.getSequence()), lastH(op.getLastH()), direction(op.getDirection()),
        activations(op.getActivations()), alpha(op.getAlpha()), beta(op.getBeta()), gates(OpTy::gateCount),
        functions(OpTy::functionCount), clip(op.getClip().convertToDouble()) {}

  int64_t directions() const { return direction == nn::Direction::bidirectional ? 2 : 1; }
  /// Whether both directions use the same functions, so that one piece of code serves them.
  bool directionsAgree() const;
};

/// Arithmetic on registers of the computing type, and the activations of one direction.
class CellMath {
public:
  CellMath(ElementEmitter &emitter, Type type, const Recurrence &recurrence, int64_t direction)
      : e(emitter), b(emitter.builder()), type(type), recurrence(recurrence), direction(direction) {}

  Value constant(double value) { return e.splatConstant(type, value); }
  Value add(Value x, Value y) { return mlir::arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return mlir::arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return mlir::arith::MulFOp::create(b, x, y); }
  /// Activation number `which` (0 f, 1 g, 2 h), of an argument within the clip's bounds.
  Value activate(int which, Value x);
  Value activateUnclipped(int which, Value x);

private:
  Value sigmoid(Value x);
  Value select(mlir::arith::CmpFPredicate predicate, Value x, Value bound, Value yes, Value no);

  ElementEmitter &e;
  ImplicitLocOpBuilder &b;
  Type type;
  const Recurrence &recurrence;
  int64_t direction;
};

/// Where a cell is: lanes of units from `unit` on, of one batch item at one step. Values outside a batch item's length
/// are computed like others but not kept.
class CellPlace {
public:
  virtual ~CellPlace() = default;
  CellPlace(ElementEmitter &lane, Type type, const Recurrence &recurrence, int64_t direction, Value unit)
      : lane(lane), math(lane, type, recurrence, direction), unit(unit) {}

  /// The stage's sum of a gate.
  virtual Value sum(int64_t gate) = 0;
  /// The inputs' part of a gate.
  virtual Value projected(int64_t gate) = 0;
  /// The elements of a tensor[D, n * H] for the n-th vector of units.
  virtual Value parameter(Value tensor, int64_t number) = 0;
  /// h before this step.
  virtual Value previousH() = 0;
  /// A state before this step that is not h: in `last`, at the first step in `initial` (both [D, B, H]).
  virtual Value previous(Value initial, Value last) = 0;
  /// Sets that state.
  virtual void keep(Value last, Value element) = 0;
  /// h after this step, or what the next stage of the step wants to find there.
  virtual Value sequence() = 0;
  virtual void setSequence(Value element) = 0;

  ElementEmitter &lane;
  CellMath math;
  Value unit;
};

/// The formulas of one op.
class CellSchedule {
public:
  virtual ~CellSchedule() = default;
  /// Stages of a step. All units' stages end before the next one starts.
  virtual int64_t stages() { return 1; }
  /// The gates [first, last) that the stage's product gives.
  virtual std::pair<int64_t, int64_t> gates(int64_t stage) = 0;
  /// Whether the product is with what the stage before put in last_h, not with h.
  virtual bool multipliesLastH(int64_t /*stage*/) { return false; }
  /// What the product of a gate is added to: a bias[D, H], null for zero, or nothing said: the inputs' part.
  virtual std::optional<Value> bias(int64_t /*gate*/) { return std::nullopt; }
  /// From the sums to the next state.
  virtual void finish(CellPlace &place, int64_t stage) = 0;
  /// A second state, {initial, last}; null if there is none.
  virtual std::pair<Value, Value> secondState() { return {}; }
};

std::unique_ptr<CellSchedule> lstmCell(nn::LstmOp op);
std::unique_ptr<CellSchedule> gruCell(nn::GruOp op);
std::unique_ptr<CellSchedule> rnnCell();

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_RECURRENTCELLS_H
