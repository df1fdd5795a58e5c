//===- SupportVectors.cpp - support vector machines of ai.onnx.ml --------------------------===//
//
// Kernels of all rows with all support vectors are one tensor; what each pair of classes takes of them is a product
// with a constant matrix. Probabilities couple the pairs by the iteration of Wu, Lin and Weng, "Probability estimates
// for multi-class classification by pairwise coupling", JMLR 5 (2004), algorithm 2, as libsvm has it.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Learned.h"
#include "compiler/Import/Loop.h"

namespace tenon::importer {

namespace {

void expectEntries(const char *name, size_t got, int64_t expected) {
  if (static_cast<int64_t>(got) != expected)
    fail(llvm::Twine("attribute '") + name + "' has " + llvm::Twine(got) + " entries, expected " +
         llvm::Twine(expected));
}

/// Kernel values of rows x[N, F] with vectors [V, F]: [N, V].
Expression kernelValues(NodeContext &c, Expression x, Expression vectors) {
  Builder &b = c.b;
  std::string kind = c.string("kernel_type", "LINEAR");
  llvm::SmallVector<float> parameters = c.numbers("kernel_params");
  if (!parameters.empty())
    expectEntries("kernel_params", parameters.size(), 3);
  parameters.resize(3, 0);
  double gamma = parameters[0], constant = parameters[1], degree = std::trunc(parameters[2]);
  if (kind == "RBF") {
    Scalar rows = b.extent(x, 0), features = b.extent(x, 1);
    Expression difference = x.reshape({rows, b.index(1), features}) - vectors.cast(x.type());
    return exp(reduce(nn::ReduceKind::sum, difference * difference, {2}) * -gamma);
  }
  Expression products = rowProduct(x, vectors);
  if (kind == "LINEAR")
    return products;
  if (kind == "POLY")
    return pow(products * gamma + constant, degree);
  if (kind == "SIGMOID")
    return tanh(products * gamma + constant);
  fail("attribute 'kernel_type' is '" + kind + "', expected LINEAR, POLY, RBF or SIGMOID");
}

/// The attribute's vectors as [count, features].
Expression supportVectors(NodeContext &c, int64_t count) {
  llvm::SmallVector<float> entries = c.numbers("support_vectors");
  auto size = static_cast<int64_t>(entries.size());
  if (size == 0 || size % count != 0)
    fail("attribute 'support_vectors' has " + std::to_string(size) + " entries, expected a multiple of " +
         std::to_string(count));
  return floatTensor(c, entries, {count, size / count});
}

llvm::SmallVector<float> offsets(NodeContext &c) {
  llvm::SmallVector<float> rho = c.numbers("rho");
  if (rho.empty())
    fail("attribute 'rho' is missing");
  return rho;
}

//===----------------------------------------------------------------------===//
// Pairs of classes
//===----------------------------------------------------------------------===//

struct Pair {
  int64_t first, second;
};

/// There is one entry of rho for each.
llvm::SmallVector<Pair> pairsOf(int64_t classes, llvm::ArrayRef<float> rho) {
  expectEntries("rho", rho.size(), classes * (classes - 1) / 2);
  llvm::SmallVector<Pair> pairs;
  for (int64_t i = 0; i < classes; ++i)
    for (int64_t j = i + 1; j < classes; ++j)
      pairs.push_back({i, j});
  return pairs;
}

/// Scores [N, pairs] by the vectors of both classes: those of the first have the coefficients of row j - 1, those of
/// the second the ones of row i.
Expression pairScores(NodeContext &c, Expression x, llvm::ArrayRef<int64_t> perClass, llvm::ArrayRef<Pair> pairs) {
  auto classes = static_cast<int64_t>(perClass.size());
  IntVector starts;
  int64_t count = 0;
  for (int64_t size : perClass) {
    if (size < 0 || size > INT32_MAX)
      fail("attribute 'vectors_per_class' has the entry " + std::to_string(size));
    starts.push_back(count);
    count += size;
  }
  llvm::SmallVector<float> coefficients = c.numbers("coefficients"), rho = offsets(c);
  auto pairCount = static_cast<int64_t>(pairs.size());
  // Limits keep the products small.
  constexpr int64_t mostWeights = int64_t(1) << 28;
  if (count > static_cast<int64_t>(coefficients.size()) || pairCount * count > mostWeights)
    fail("there are " + llvm::Twine(count) + " support vectors, but " + llvm::Twine(coefficients.size()) +
         " coefficients");
  expectEntries("coefficients", coefficients.size(), (classes - 1) * count);
  std::vector<float> weights(pairCount * count, 0.0F);
  for (auto [place, pair] : llvm::enumerate(pairs))
    for (auto [own, row] : {std::pair(pair.first, pair.second - 1), std::pair(pair.second, pair.first)})
      for (int64_t v = starts[own]; v < starts[own] + perClass[own]; ++v)
        weights[static_cast<int64_t>(place) * count + v] = coefficients[row * count + v];
  Expression kernels = kernelValues(c, x, supportVectors(c, count));
  return rowProduct(kernels, floatTensor(c, weights, {pairCount, count})) +
         floatTensor(c, rho, {pairCount}).cast(x.type());
}

/// How many pairs each class wins: [N, classes].
Expression votes(NodeContext &c, Expression scores, int64_t classes, llvm::ArrayRef<Pair> pairs) {
  auto pairCount = static_cast<int64_t>(pairs.size());
  // A class has a vote for each pair in which it is second, less those that its opponent wins.
  std::vector<float> change(classes * pairCount, 0.0F), all(classes, 0.0F);
  for (auto [place, pair] : llvm::enumerate(pairs)) {
    change[pair.first * pairCount + static_cast<int64_t>(place)] = 1;
    change[pair.second * pairCount + static_cast<int64_t>(place)] = -1;
    all[pair.second] += 1;
  }
  Expression wins = (scores > 0).cast(scores.type());
  return rowProduct(wins, floatTensor(c, change, {classes, pairCount})) +
         floatTensor(c, all, {classes}).cast(scores.type());
}

//===----------------------------------------------------------------------===//
// Probabilities
//===----------------------------------------------------------------------===//

/// Entry k of the last dimension, which stays with extent 1.
Expression entry(Expression x, int64_t k) {
  return x.with(x.b().sliceDimension(x, rankOf(x) - 1, x.b().index(k), x.b().index(1)));
}

/// One round: each class's probability in turn takes the value that is best while the others keep their ratios.
Expression coupledOnce(Expression p, Expression q, Expression product, Expression quadratic, int64_t classes) {
  Builder &b = p.b();
  Scalar rows = b.extent(p, 0);
  for (int64_t t = 0; t < classes; ++t) {
    Expression row = q.with(b.sliceDimension(q, 1, b.index(t), b.index(1))).reshape({rows, b.index(classes)});
    Expression own = entry(row, t), change = (quadratic - entry(product, t)) / own, scale = change + 1;
    quadratic = (quadratic + change * (change * own + entry(product, t) * 2)) / (scale * scale);
    Expression isOwn = positions(b, b.index(classes)) == static_cast<double>(t);
    p = select(isOwn, p + change, p) / scale;
    product = (product + change * row) / scale;
  }
  return p;
}

/// r[N, k, k]: the probability of class i among i and j. Gives [N, k].
Expression coupled(Expression r, int64_t classes) {
  Builder &b = r.b();
  Scalar rows = b.extent(r, 0), count = b.index(classes);
  ScalarVector square = {rows, count, count};
  // q[i, j] = -r[j, i] r[i, j], q[i, i] = sum over j of r[j, i]^2
  Expression mirrored = r.with(b.transpose(r, {0, 2, 1}));
  Expression isDiagonal = positions(b, count, 0, 2) == positions(b, count, 1, 2);
  Expression diagonal = reduce(nn::ReduceKind::sum, mirrored * mirrored, {2}, true);
  Expression q = select(isDiagonal, diagonal, negate(mirrored * r));

  LoopShape loop;
  loop.trips = b.index(std::max<int64_t>(100, classes));
  loop.condition = b.value(b.raw().getBoolAttr(true));
  Expression start(b, 1.0 / static_cast<double>(classes), r.type());
  mlir::Value initial = b.broadcast(start, {rows, count});
  auto state = llvm::SmallVector<mlir::Value>{initial};
  loop.initial = state;
  auto results = buildLoop(b, loop, [&](mlir::Value, mlir::ValueRange tensors) {
    Expression p(b, tensors.front());
    Expression product = reduce(nn::ReduceKind::sum, q * p.reshape({rows, b.index(1), count}), {2});
    Expression quadratic = reduce(nn::ReduceKind::sum, p * product, {1}, true);
    Expression error = reduce(nn::ReduceKind::max, abs(product - quadratic), {1}, true);
    Expression goesOn = error >= 0.005 / static_cast<double>(classes);
    Expression next = select(goesOn, coupledOnce(p, q, product, quadratic, classes), p);
    Expression some = reduce(nn::ReduceKind::max, goesOn, {0, 1});
    return std::pair(b.value(b.extract(some)->items.front()), llvm::SmallVector<mlir::Value>{next});
  });
  b.setExtents(results.front(), {rows, count});
  return r.with(results.front());
}

/// Probabilities [N, classes] from the pairs' scores by Platt's sigmoids.
Expression probabilities(NodeContext &c, Expression scores, int64_t classes, llvm::ArrayRef<Pair> pairs) {
  Builder &b = c.b;
  llvm::SmallVector<float> slopes = c.numbers("prob_a"), shifts = c.numbers("prob_b");
  auto pairCount = static_cast<int64_t>(pairs.size());
  expectEntries("prob_a", slopes.size(), pairCount);
  expectEntries("prob_b", shifts.size(), pairCount);
  if (classes > 64)
    fail("probabilities of " + std::to_string(classes) + " classes, expected at most 64");
  Expression value = scores * floatTensor(c, slopes, {pairCount}).cast(scores.type()) +
                     floatTensor(c, shifts, {pairCount}).cast(scores.type());
  Expression first = max(min(1 - sigmoid(value), 1 - 1e-7), 1e-7);
  // Behind the pairs' probabilities come those of the other classes and a 0 for the diagonal.
  Expression zero = entry(first, 0) * 0;
  Expression both(b, b.concat({first, 1 - first, zero}, 1));
  IntVector places(classes * classes, 2 * pairCount);
  for (auto [place, pair] : llvm::enumerate(pairs)) {
    places[pair.first * classes + pair.second] = static_cast<int64_t>(place);
    places[pair.second * classes + pair.first] = pairCount + static_cast<int64_t>(place);
  }
  Expression square = gather(both, intVector(c, places), 1);
  return coupled(square.reshape({b.extent(scores, 0), b.index(classes), b.index(classes)}), classes);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// The scores that are given out: a single one of two classes becomes two.
Expression outputScores(NodeContext &c, Expression scores, int64_t columns, int64_t labels) {
  if (columns == 1 && labels == 2 && c.string("post_transform", "NONE") != "PROBIT")
    scores = scores.with(c.b.concat({negate(scores), scores}, 1));
  return transformedScores(c, scores);
}

} // namespace

void importSvmClassifier(NodeContext &c) {
  Builder &b = c.b;
  int64_t labels = classLabelCount(c);
  IntVector perClass = c.integers("vectors_per_class");
  auto classes = std::max<int64_t>(labels, 1), columns = classes;
  Expression x = featureRows(c), scores = x, ballot = x;
  llvm::SmallVector<float> coefficients = c.numbers("coefficients"), rho = offsets(c);
  bool hasVectors = llvm::any_of(perClass, [](int64_t count) { return count != 0; }), hasProbabilities = false;
  if (hasVectors) {
    if (labels == 0)
      classes = static_cast<int64_t>(perClass.size());
    expectEntries("vectors_per_class", perClass.size(), classes);
    if (classes < 2 || classes > INT32_MAX)
      fail("there are " + std::to_string(classes) + " classes, expected 2 or more");
    llvm::SmallVector<Pair> pairs = pairsOf(classes, rho);
    scores = pairScores(c, x, perClass, pairs);
    ballot = votes(c, scores, classes, pairs);
    columns = static_cast<int64_t>(pairs.size());
    hasProbabilities = !c.numbers("prob_a").empty();
    if (hasProbabilities) {
      scores = probabilities(c, scores, classes, pairs);
      columns = classes;
    }
  } else {
    auto count = static_cast<int64_t>(coefficients.size());
    if (count == 0 || count % classes != 0)
      fail("attribute 'coefficients' has " + std::to_string(count) + " entries, expected a multiple of " +
           std::to_string(classes));
    scores = rowProduct(x, floatTensor(c, coefficients, {classes, count / classes})) + static_cast<double>(rho[0]);
    ballot = scores;
  }

  Expression chosen = largestClass(ballot);
  Expression largest = reduce(nn::ReduceKind::max, ballot, {1});
  bool areWeightsPositive = llvm::all_of(coefficients, [](float weight) { return weight >= 0; });
  std::optional<Expression> names = classLabels(c);
  Expression label = names ? gather(*names, chosen) : chosen;
  if (rho.size() == 1 && labels != 2) {
    Expression isClass = (largest > 0).cast(b.raw().getI64Type());
    label = names && nn::isStringType(names->type()) ? isClass.cast(names->type()) : isClass;
  } else if (rho.size() == 1 && !hasProbabilities && areWeightsPositive) {
    Expression second = names->with(b.sliceDimension(*names, 0, b.index(1), b.index(1)));
    label = select(largest >= 0.5, second, label);
  }
  c.result(0, label);
  c.result(1, outputScores(c, scores, columns, labels).cast(b.raw().getF32Type()));
}

void importSvmRegressor(NodeContext &c) {
  Builder &b = c.b;
  Expression x = featureRows(c), score = x;
  llvm::SmallVector<float> coefficients = c.numbers("coefficients");
  auto count = static_cast<int64_t>(coefficients.size());
  int64_t supports = c.integer("n_supports", 0);
  if (supports < 0 || supports > INT32_MAX)
    fail("attribute 'n_supports' is " + std::to_string(supports) + ", expected 0 or more");
  if (supports > 0) {
    expectEntries("coefficients", coefficients.size(), supports);
    x = kernelValues(c, x, supportVectors(c, supports));
  }
  score = rowProduct(x, floatTensor(c, coefficients, {1, count})) + static_cast<double>(offsets(c)[0]);
  if (c.integer("one_class", 0))
    score = select(score > 0, score.with(1.0), -1);
  c.result(transformedScores(c, score).cast(b.raw().getF32Type()));
}

} // namespace tenon::importer
