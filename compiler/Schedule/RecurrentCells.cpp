//===- RecurrentCells.cpp - the formulas of LSTM, GRU and RNN on lanes ---------------------===//

#include "compiler/Schedule/RecurrentCells.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace tenon::schedule {

bool Recurrence::directionsAgree() const {
  auto same = [&](auto values) { return values.take_front(functions) == values.drop_front(values.size() - functions); };
  return same(activations) && same(alpha) && same(beta);
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

Value CellMath::sigmoid(Value x) {
  Value power = math::ExpOp::create(b, arith::NegFOp::create(b, x));
  return arith::DivFOp::create(b, constant(1), add(constant(1), power));
}

Value CellMath::select(arith::CmpFPredicate predicate, Value x, Value bound, Value yes, Value no) {
  return arith::SelectOp::create(b, arith::CmpFOp::create(b, predicate, x, bound), yes, no);
}

Value CellMath::activate(int which, Value x) {
  if (double clip = recurrence.clip; clip > 0) {
    x = arith::MinimumFOp::create(b, x, constant(clip));
    x = arith::MaximumFOp::create(b, x, constant(-clip));
  }
  return activateUnclipped(which, x);
}

Value CellMath::activateUnclipped(int which, Value x) {
  int64_t entry = direction * recurrence.functions + which;
  Value alpha = constant(recurrence.alpha[entry]), beta = constant(recurrence.beta[entry]), zero = constant(0);
  auto max = [&](Value y, Value z) { return arith::MaximumFOp::create(b, y, z); };
  auto absolute = [&] { return math::AbsFOp::create(b, x); };
  using A = nn::Activation;
  switch (*nn::symbolizeActivation(recurrence.activations[entry])) {
  case A::sigmoid:
    return sigmoid(x);
  case A::tanh:
    return math::TanhOp::create(b, x);
  case A::relu:
    return max(x, zero);
  case A::affine:
    return add(mul(alpha, x), beta);
  case A::leaky_relu:
    return select(arith::CmpFPredicate::OGE, x, zero, x, mul(alpha, x));
  case A::thresholded_relu:
    return select(arith::CmpFPredicate::OGE, x, alpha, x, zero);
  case A::scaled_tanh:
    return mul(alpha, math::TanhOp::create(b, mul(beta, x)));
  case A::hard_sigmoid:
    return max(arith::MinimumFOp::create(b, add(mul(alpha, x), beta), constant(1)), zero);
  case A::elu:
    return select(arith::CmpFPredicate::OGE, x, zero, x, mul(alpha, math::ExpM1Op::create(b, x)));
  case A::softsign:
    return arith::DivFOp::create(b, x, add(constant(1), absolute()));
  case A::softplus:
    // log1p(exp(x)) without overflow.
    return add(max(x, zero), math::Log1pOp::create(b, math::ExpOp::create(b, arith::NegFOp::create(b, absolute()))));
  }
  return x;
}

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

namespace {

class LstmCell : public CellSchedule {
public:
  explicit LstmCell(nn::LstmOp op) : op(op) {}

  std::pair<int64_t, int64_t> gates(int64_t) override { return {0, nn::LstmOp::gateCount}; }
  std::pair<Value, Value> secondState() override { return {op.getInitialC(), op.getLastC()}; }

  void finish(CellPlace &p, int64_t) override {
    CellMath &m = p.math;
    Value c = p.previous(op.getInitialC(), op.getLastC());
    auto peephole = [&](Value x, int64_t number, Value state) {
      return op.getPeephole() ? m.add(x, m.mul(p.parameter(op.getPeephole(), number), state)) : x;
    };
    Value input = m.activate(0, peephole(p.sum(0), 0, c));
    Value forget = op.getInputForget() ? m.sub(m.constant(1), input) : m.activate(0, peephole(p.sum(2), 2, c));
    Value candidate = m.activate(1, p.sum(3));
    Value next = m.add(m.mul(forget, c), m.mul(input, candidate));
    Value output = m.activate(0, peephole(p.sum(1), 1, next));
    p.keep(op.getLastC(), next);
    // ONNX clips the arguments of f and g only.
    p.setSequence(m.mul(output, m.activateUnclipped(2, next)));
  }

private:
  nn::LstmOp op;
};

/// Gates z, r, h.
class GruCell : public CellSchedule {
public:
  explicit GruCell(nn::GruOp op) : op(op) {}

  void finish(CellPlace &p, int64_t stage) override {
    if (op.getLinearBeforeReset()) {
      Value reset = p.math.activate(0, p.sum(1));
      Value argument = p.math.add(p.projected(2), p.math.mul(reset, p.sum(2)));
      p.setSequence(next(p, p.math.activate(0, p.sum(0)), argument));
    } else if (stage == 0) {
      // last_h holds r * h until the next stage, the sequence's place holds z.
      p.keep(op.getLastH(), p.math.mul(p.math.activate(0, p.sum(1)), p.previousH()));
      p.setSequence(p.math.activate(0, p.sum(0)));
    } else {
      p.setSequence(next(p, p.sequence(), p.sum(2)));
    }
  }

  int64_t stages() override { return op.getLinearBeforeReset() ? 1 : 2; }
  std::pair<int64_t, int64_t> gates(int64_t stage) override {
    if (op.getLinearBeforeReset())
      return {0, 3};
    return stage == 0 ? std::pair(0, 2) : std::pair(2, 3);
  }
  bool multipliesLastH(int64_t stage) override { return stage == 1; }
  std::optional<Value> bias(int64_t gate) override {
    if (gate == 2 && op.getLinearBeforeReset())
      return op.getBias();
    return std::nullopt;
  }

private:
  /// (1 - z) * g(argument) + z * h.
  Value next(CellPlace &p, Value update, Value argument) {
    CellMath &m = p.math;
    Value fresh = m.mul(m.sub(m.constant(1), update), m.activate(1, argument));
    return m.add(fresh, m.mul(update, p.previousH()));
  }

  nn::GruOp op;
};

class RnnCell : public CellSchedule {
public:
  std::pair<int64_t, int64_t> gates(int64_t) override { return {0, 1}; }
  void finish(CellPlace &p, int64_t) override { p.setSequence(p.math.activate(0, p.sum(0))); }
};

} // namespace

std::unique_ptr<CellSchedule> lstmCell(nn::LstmOp op) { return std::make_unique<LstmCell>(op); }
std::unique_ptr<CellSchedule> gruCell(nn::GruOp op) { return std::make_unique<GruCell>(op); }
std::unique_ptr<CellSchedule> rnnCell() { return std::make_unique<RnnCell>(); }

} // namespace tenon::schedule
