//===- TreeEnsemble.cpp - ensembles of decision trees of ai.onnx.ml ------------------------===//
//
// The trees become tables, the scores of all rows one op; what the operators do with scores follows as usual. Whole
// numbers are compared as f64. Where two classes have the scores of one, labels and scores follow ONNX Runtime, since
// the standard says nothing.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Learned.h"
#include "compiler/Import/TreeNodes.h"

#include "llvm/ADT/StringSwitch.h"

namespace tenon::importer {

namespace {

enum class Aggregate { sum, average, min, max };

/// Rows of features, in a type in which they are compared: f32 or f64.
Expression comparedRows(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 1, 2);
  if (rankOf(x) == 1)
    x = b.reshape(x, {b.index(1), b.extent(x, 0)});
  mlir::Type type = elementOf(x);
  bool isNarrow = type.isF32() || type.isF16() || type.isBF16();
  mlir::OpBuilder &ir = b.raw();
  return Expression(b, x).cast(isNarrow ? mlir::Type(ir.getF32Type()) : mlir::Type(ir.getF64Type()));
}

int64_t featuresOf(Expression x) {
  int64_t features = typeOf(x).getDimSize(1);
  return mlir::ShapedType::isDynamic(features) ? -1 : features;
}

std::vector<float> narrowed(llvm::ArrayRef<double> numbers) { return {numbers.begin(), numbers.end()}; }

Expression floats(NodeContext &c, std::vector<double> numbers, mlir::Type type) {
  IntVector shape = {static_cast<int64_t>(numbers.size())};
  return type.isF64() ? constantTensor(c, std::move(numbers), shape, type)
                      : constantTensor(c, narrowed(numbers), shape, type);
}

Expression int32s(NodeContext &c, std::vector<int32_t> numbers, int64_t columns = 0) {
  auto count = static_cast<int64_t>(numbers.size());
  IntVector shape = {count};
  if (columns > 0)
    shape = {count / columns, columns};
  return constantTensor(c, std::move(numbers), shape, c.b.raw().getI32Type());
}

Expression words(NodeContext &c, std::vector<uint64_t> numbers, int64_t bits) {
  mlir::Type type = mlir::IntegerType::get(c.b.context(), bits, mlir::IntegerType::Unsigned);
  IntVector shape = {static_cast<int64_t>(numbers.size())};
  if (bits == 64)
    return constantTensor(c, std::move(numbers), shape, type);
  return constantTensor(c, std::vector<uint32_t>(numbers.begin(), numbers.end()), shape, type);
}

/// Scores [rows, targets] of f64 or f32.
Expression treeScores(NodeContext &c, Expression x, const Forest &forest, Aggregate aggregate, int64_t targets,
                      mlir::Type type) {
  if (featuresOf(x) == 0)
    fail("the input has no features");
  bool isSum = aggregate == Aggregate::sum || aggregate == Aggregate::average;
  nn::ReduceKind kind = isSum                         ? nn::ReduceKind::sum
                        : aggregate == Aggregate::min ? nn::ReduceKind::min
                                                      : nn::ReduceKind::max;
  TreeTables tables = buildTreeTables(forest, x.type().isF64(), !isSum);
  auto trees = static_cast<double>(tables.roots.size());
  mlir::Value ranges;
  if (!tables.ranges.empty())
    ranges = int32s(c, std::move(tables.ranges), 2);
  Expression scores = x.with(
      c.b.create<nn::TreeEnsembleOp>(
             kind, x, int32s(c, std::move(tables.columns), 4), floats(c, std::move(tables.cuts), x.type()),
             words(c, std::move(tables.nodes), tables.wordBits), int32s(c, std::move(tables.roots)),
             int32s(c, std::move(tables.order)), ranges, int32s(c, std::move(tables.targets)),
             floats(c, std::move(tables.weights), type), targets, tables.rankBits, tables.columnBits, tables.steps)
          .getResult());
  if (aggregate == Aggregate::average)
    return scores / trees;
  if (isSum)
    return scores;
  // To what no leaf gives anything is 0.
  double neutral = std::numeric_limits<double>::infinity() * (aggregate == Aggregate::min ? 1 : -1);
  return select(scores == neutral, scores.with(0.0), scores);
}

Expression withBase(NodeContext &c, Expression scores, std::vector<double> base, int64_t targets) {
  if (base.empty())
    return scores;
  if (static_cast<int64_t>(base.size()) != targets)
    fail("attribute 'base_values' has " + std::to_string(base.size()) + " entries, expected 0 or " +
         std::to_string(targets));
  return scores + floats(c, std::move(base), scores.type());
}

/// The type of the scores: that of f64 inputs and of weights given as f64.
mlir::Type scoreType(NodeContext &c, const NumberList &weights) {
  bool isDouble = elementOf(c.input(0)).isF64() || weights.isDouble;
  return isDouble ? mlir::Type(c.b.raw().getF64Type()) : mlir::Type(c.b.raw().getF32Type());
}

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

/// One score decides between two classes.
void classifyByOne(NodeContext &c, Expression labels, Expression score, int64_t ofClass, bool isPositive) {
  Builder &b = c.b;
  std::string transform = c.string("post_transform", "NONE");
  Expression isSecond = score.reshape({b.extent(score, 0)}) > (isPositive ? 0.5 : 0.0);
  auto label = [&](int64_t i) { return labels.with(b.sliceDimension(labels, 0, b.index(i), b.index(1))); };
  c.result(0, select(isSecond, label(1), label(0)));
  Expression other = ofClass == 1 ? score * 0 : isPositive && transform != "LOGISTIC" ? 1 - score : negate(score);
  Expression both = score.with(b.concat({other, score}, 1));
  bool changes = ofClass == 1 || transform == "LOGISTIC" || transform == "PROBIT";
  c.result(1, (changes ? transformedScores(both, transform) : both).cast(b.raw().getF32Type()));
}

/// The greatest score decides. Without base values, a class that no leaf knows is not chosen.
void classifyByAll(NodeContext &c, Expression labels, Expression scores, const Forest &forest, bool hasBase) {
  std::vector<double> handicap(typeOf(labels).getDimSize(0), -std::numeric_limits<double>::infinity());
  for (int32_t target : forest.targets)
    handicap[target] = 0;
  Expression ballot = scores;
  if (!hasBase && llvm::is_contained(handicap, -std::numeric_limits<double>::infinity()))
    ballot = ballot + floats(c, handicap, scores.type());
  c.result(0, gather(labels, largestClass(ballot)));
  c.result(1, transformedScores(c, scores).cast(c.b.raw().getF32Type()));
}

} // namespace

void importTreeEnsembleClassifier(NodeContext &c) {
  Builder &b = c.b;
  std::optional<Expression> labels = classLabels(c, "classlabels_int64s");
  if (!labels)
    fail("attributes 'classlabels_int64s' and 'classlabels_strings' are missing, expected one");
  int64_t classes = typeOf(*labels).getDimSize(0);
  Expression x = comparedRows(c);
  NumberList weights = numberAttribute(c, "class_weights", "class_weights_as_tensor");
  std::vector<double> base = numberAttribute(c, "base_values", "base_values_as_tensor").numbers;
  Forest forest = listedForest(c, "class", weights.numbers, featuresOf(x), classes);
  mlir::Type type = scoreType(c, weights);
  int64_t first = forest.targets.empty() ? 0 : forest.targets.front();
  bool isOne = llvm::all_of(forest.targets, [&](int32_t target) { return target == first; });
  bool byOne = classes == 2 && isOne && base.size() <= 1;
  int64_t targets = byOne ? 1 : classes;
  if (byOne)
    std::fill(forest.targets.begin(), forest.targets.end(), 0);
  Expression scores = withBase(c, treeScores(c, x, forest, Aggregate::sum, targets, type), base, targets);
  if (byOne) {
    bool isPositive = llvm::none_of(weights.numbers, [](double weight) { return weight < 0; });
    return classifyByOne(c, *labels, scores, first, isPositive);
  }
  if (classes > 1)
    return classifyByAll(c, *labels, scores, forest, !base.empty());
  // A single class: whether a row belongs to it, a number; a text has no other one to say no with.
  ScalarVector rows = {b.extent(scores, 0)};
  if (nn::isStringType(labels->type()))
    c.result(0, b.broadcast(*labels, rows));
  else
    c.result(0, (scores.reshape(rows) > 0).cast(b.raw().getI64Type()));
  bool changes = c.string("post_transform", "NONE") == "PROBIT";
  c.result(1, (changes ? transformedScores(c, scores) : scores).cast(b.raw().getF32Type()));
}

void importTreeEnsembleRegressor(NodeContext &c) {
  Expression x = comparedRows(c);
  int64_t targets = c.integer("n_targets", 1);
  if (targets < 1 || targets > INT32_MAX)
    fail("attribute 'n_targets' is " + std::to_string(targets) + ", expected 1 or more");
  std::string function = c.string("aggregate_function", "SUM");
  auto aggregate = llvm::StringSwitch<std::optional<Aggregate>>(function)
                       .Case("SUM", Aggregate::sum)
                       .Case("AVERAGE", Aggregate::average)
                       .Case("MIN", Aggregate::min)
                       .Case("MAX", Aggregate::max)
                       .Default(std::nullopt);
  if (!aggregate)
    fail("attribute 'aggregate_function' is '" + function + "', expected SUM, AVERAGE, MIN or MAX");
  NumberList weights = numberAttribute(c, "target_weights", "target_weights_as_tensor");
  Forest forest = listedForest(c, "target", weights.numbers, featuresOf(x), targets);
  Expression scores = treeScores(c, x, forest, *aggregate, targets, scoreType(c, weights));
  scores = withBase(c, scores, numberAttribute(c, "base_values", "base_values_as_tensor").numbers, targets);
  c.result(transformedScores(c, scores).cast(c.b.raw().getF32Type()));
}

void importTreeEnsemble(NodeContext &c) {
  constexpr Aggregate aggregates[] = {Aggregate::average, Aggregate::sum, Aggregate::min, Aggregate::max};
  constexpr llvm::StringLiteral transforms[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  auto choice = [&](const char *name, int64_t absent, size_t count) {
    int64_t number = c.integer(name, absent);
    if (number < 0 || static_cast<size_t>(number) >= count)
      fail(llvm::Twine("attribute '") + name + "' is " + llvm::Twine(number) + ", expected 0 to " +
           llvm::Twine(count - 1));
    return static_cast<size_t>(number);
  };
  Aggregate aggregate = aggregates[choice("aggregate_function", 1, std::size(aggregates))];
  llvm::StringRef transform = transforms[choice("post_transform", 0, std::size(transforms))];
  Expression x = comparedRows(c);
  int64_t targets = c.integer("n_targets", 1);
  if (targets < 1 || targets > INT32_MAX)
    fail("attribute 'n_targets' is " + std::to_string(targets) + ", expected 1 or more");
  NumberList weights = numberAttribute(c, "leaf_weights", "leaf_weights");
  Forest forest = indexedForest(c, weights.numbers, featuresOf(x), targets);
  Expression scores = treeScores(c, x, forest, aggregate, targets, scoreType(c, weights));
  c.result(transformedScores(scores, transform).cast(elementOf(c.input(0))));
}

} // namespace tenon::importer
