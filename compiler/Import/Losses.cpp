//===- Losses.cpp - losses of classification -----------------------------------------------===//
//
// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss. f16 and bf16 are computed in f32.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Interpolation.h"
#include "compiler/Import/Registry.h"
#include "compiler/Import/ShapeText.h"

namespace tenon::importer {

namespace {

/// The class of each item, [N, d...]: the shape of the scores [N, C, d...] without their classes.
mlir::Value classesOf(NodeContext &c, mlir::Value scores) {
  Builder &b = c.b;
  mlir::Value classes = c.input(1);
  ScalarVector expected = b.extents(scores), got = b.extents(classes);
  expected.erase(expected.begin() + 1);
  bool fits = expected.size() == got.size();
  for (auto [want, have] : llvm::zip(expected, got)) {
    std::optional<int64_t> wanted = Builder::constant(want), given = Builder::constant(have);
    fits &= !wanted || !given || *wanted == *given;
  }
  if (!fits)
    fail("input 1 has shape " + shapeText(classes) + ", expected that of input 0, " + shapeText(scores) +
             ", without dimension 1",
         "there is one class for each item and position, as a number");
  for (auto [want, have] : llvm::zip_equal(expected, got))
    if (want != have)
      b.require(b.compare(mlir::arith::CmpIPredicate::eq, want, have),
                "a dimension of input 1 is %lld, expected %lld as of input 0", {have, want});
  return classes;
}

/// What is known of each item's class.
struct Targets {
  Expression index;                  ///< i64, 0 for an item that is left out
  std::optional<Expression> isTaken; ///< null: all are
};

Targets targetsOf(NodeContext &c, mlir::Value scores) {
  Expression classes(c.b, classesOf(c, scores));
  classes = classes.cast(c.b.raw().getI64Type());
  if (!c.hasAttribute("ignore_index"))
    return {classes, std::nullopt};
  Expression left(c.b, c.b.index(c.integer("ignore_index", 0)), classes.type()), isTaken = classes != left;
  return {select(isTaken, classes, 0), isTaken};
}

/// The loss of each item, minus the logarithm of its class's probability times the class's weight, reduced.
Expression lossOf(NodeContext &c, Expression logarithms, const Targets &targets) {
  Builder &b = c.b;
  std::string reduction = c.string("reduction", "mean");
  if (reduction != "none" && reduction != "sum" && reduction != "mean")
    fail("attribute 'reduction' is '" + reduction + "', expected none, sum or mean");
  ScalarVector items = b.extents(targets.index), column = items;
  column.insert(column.begin() + 1, b.index(1));
  Expression chosen(b, b.make<nn::GatherElementsOp>(logarithms, targets.index.reshape(column), 1));
  Expression loss = negate(chosen.reshape(items));
  std::optional<Expression> weights;
  if (c.hasInput(2))
    weights = gather(Expression(b, c.inputOfRank(2, 1, 1)).cast(loss.type()), targets.index);
  if (targets.isTaken)
    weights = weights ? select(*targets.isTaken, *weights, 0) : targets.isTaken->cast(loss.type());
  if (weights)
    loss = loss * *weights;
  // What is left out counts nothing, whatever its score.
  if (targets.isTaken)
    loss = select(*targets.isTaken, loss, 0);
  if (reduction == "none")
    return loss;
  auto sumOf = [&](Expression x) {
    return reduce(nn::ReduceKind::sum, x, llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x))));
  };
  if (reduction == "sum")
    return sumOf(loss);
  return sumOf(loss) / (weights ? sumOf(*weights) : Expression(b, b.product(items), loss.type()));
}

void importNegativeLogLikelihoodLoss(NodeContext &c) {
  mlir::Value logarithms = c.inputOfRank(0, 2);
  mlir::Type type = elementOf(logarithms);
  Expression wide = Expression(c.b, logarithms).cast(computingType(type));
  c.result(lossOf(c, wide, targetsOf(c, logarithms)).cast(type));
}

void importSoftmaxCrossEntropyLoss(NodeContext &c) {
  mlir::Value scores = c.inputOfRank(0, 2);
  mlir::Type type = elementOf(scores);
  Expression wide = Expression(c.b, scores).cast(computingType(type));
  Expression shifted = wide - reduce(nn::ReduceKind::max, wide, {1}, /*keepDims=*/true);
  Expression logarithms = shifted - log(reduce(nn::ReduceKind::sum, exp(shifted), {1}, /*keepDims=*/true));
  c.result(0, lossOf(c, logarithms, targetsOf(c, scores)).cast(type));
  c.result(1, logarithms.cast(type));
}

} // namespace

void addLosses(ImporterTable &table) {
  table.add("NegativeLogLikelihoodLoss", importNegativeLogLikelihoodLoss);
  table.add("SoftmaxCrossEntropyLoss", importSoftmaxCrossEntropyLoss);
}

} // namespace tenon::importer
