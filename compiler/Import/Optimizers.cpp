//===- Optimizers.cpp - steps of training --------------------------------------------------===//
//
// Momentum, Adagrad and Adam of ai.onnx.preview.training: inputs are the rate, the number of steps done, and then all
// tensors, all gradients, and the state's tensors.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Expression.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

/// What a step sees of one tensor; numbers have its type.
struct Step {
  Expression rate, count;
  llvm::SmallVector<Expression> tensors; ///< the tensor, its gradient, its state
};

/// Calls `update` for each group of `size` inputs. It returns what the tensor and its state become.
void updateAll(NodeContext &c, int64_t size, llvm::function_ref<llvm::SmallVector<Expression>(const Step &)> update) {
  Builder &b = c.b;
  int64_t groups = (c.inputCount() - 2) / size;
  if (groups < 1 || (c.inputCount() - 2) % size != 0)
    fail("there are " + std::to_string(c.inputCount()) + " inputs, expected 2 and a multiple of " +
         std::to_string(size));
  for (int64_t group = 0; group < groups; ++group) {
    mlir::Type type = elementOf(c.input(2 + group));
    auto number = [&](int64_t i) { return Expression(b, c.inputOfRank(i, 0, 1)).reshape({}).cast(type); };
    Step step{number(0), number(1), {}};
    for (int64_t i = 0; i < size; ++i)
      step.tensors.emplace_back(b, c.input(2 + i * groups + group));
    for (auto [i, result] : llvm::enumerate(update(step)))
      c.result(static_cast<int64_t>(i) * groups + group, result);
  }
}

/// The gradient with that of the regularization term.
Expression regularized(NodeContext &c, const Step &step) {
  return step.tensors[0] * c.number("norm_coefficient", 0) + step.tensors[1];
}

void importMomentum(NodeContext &c) {
  std::string mode = c.string("mode", "");
  if (mode != "standard" && mode != "nesterov")
    fail("attribute 'mode' is '" + mode + "', expected standard or nesterov");
  double alpha = c.number("alpha", 0), beta = c.number("beta", 0);
  updateAll(c, 3, [&](const Step &step) -> llvm::SmallVector<Expression> {
    Expression gradient = regularized(c, step);
    // The first step takes the whole gradient.
    Expression weight = select(step.count > 0, step.rate.with(beta), 1);
    Expression velocity = step.tensors[2] * alpha + weight * gradient;
    Expression direction = mode == "nesterov" ? gradient + velocity * alpha : velocity;
    return {step.tensors[0] - step.rate * direction, velocity};
  });
}

void importAdagrad(NodeContext &c) {
  double decay = c.number("decay_factor", 0), epsilon = c.number("epsilon", 1e-6f);
  updateAll(c, 3, [&](const Step &step) -> llvm::SmallVector<Expression> {
    Expression gradient = regularized(c, step), rate = step.rate / (step.count * decay + 1);
    Expression squares = step.tensors[2] + gradient * gradient;
    return {step.tensors[0] - rate * gradient / (sqrt(squares) + epsilon), squares};
  });
}

void importAdam(NodeContext &c) {
  double alpha = c.number("alpha", 0.9f), beta = c.number("beta", 0.999f), epsilon = c.number("epsilon", 1e-6f);
  double after = c.number("norm_coefficient_post", 0);
  updateAll(c, 4, [&](const Step &step) -> llvm::SmallVector<Expression> {
    Expression gradient = regularized(c, step);
    Expression velocity = step.tensors[2] * alpha + gradient * (1 - alpha);
    Expression squares = step.tensors[3] * beta + gradient * gradient * (1 - beta);
    auto power = [&](double base) { return pow(step.rate.with(base), step.count); };
    // Both means start at 0, which this makes up for; before the first step there is nothing to make up for.
    Expression corrected = step.rate * sqrt(1 - power(beta)) / (1 - power(alpha));
    Expression rate = select(step.count > 0, corrected, step.rate);
    Expression next = step.tensors[0] - rate * (velocity / (sqrt(squares) + epsilon));
    return {next * (1 - after), velocity, squares};
  });
}

} // namespace

void addOptimizers(ImporterTable &table) {
  constexpr llvm::StringLiteral domain = "ai.onnx.preview.training";
  table.add(domain, "Adagrad", importAdagrad);
  table.add(domain, "Adam", importAdam);
  table.add(domain, "Momentum", importMomentum);
}

} // namespace tenon::importer
