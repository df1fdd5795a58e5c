//===- Learned.cpp - features and linear models of ai.onnx.ml ------------------------------===//
//
// Models' parameters are attributes, which become constants.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Learned.h"

#include "compiler/Import/Lookup.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

Expression floatTensor(NodeContext &c, llvm::ArrayRef<float> values, IntVector shape) {
  return constantTensor<float>(c, values.vec(), std::move(shape), c.b.raw().getF32Type());
}

Expression intVector(NodeContext &c, llvm::ArrayRef<int64_t> values) {
  return constantTensor<int64_t>(c, values.vec(), {static_cast<int64_t>(values.size())}, c.b.raw().getI64Type());
}

std::optional<Expression> classLabels(NodeContext &c, llvm::StringRef numbers) {
  std::vector<std::string> texts = c.strings("classlabels_strings");
  IntVector values = c.integers(numbers);
  if (!texts.empty() && !values.empty())
    fail("attributes 'classlabels_strings' and '" + numbers + "' are both given, expected one");
  if (!texts.empty())
    return Expression(c.b, stringVector(c.b, texts));
  if (!values.empty())
    return intVector(c, values);
  return std::nullopt;
}

int64_t classLabelCount(NodeContext &c) {
  std::optional<Expression> labels = classLabels(c);
  return labels ? typeOf(*labels).getDimSize(0) : 0;
}

Expression onlyLabel(NodeContext &c, Expression isClass) {
  Builder &b = c.b;
  std::optional<Expression> labels = classLabels(c);
  if (labels && nn::isStringType(labels->type())) {
    Expression first = labels->with(b.sliceDimension(*labels, 0, b.index(0), b.index(1)));
    return select(isClass, first, Expression(b, stringConstant(b, {"0"}, {})));
  }
  IntVector numbers = c.integers("classlabels_ints");
  Expression label(b, b.index(numbers.empty() ? 1 : numbers[0]), b.raw().getI64Type());
  return select(isClass, label, 0);
}

Expression featureRows(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 1, 2);
  if (rankOf(x) == 1)
    x = b.reshape(x, {b.index(1), b.extent(x, 0)});
  return Expression(b, x).cast(elementOf(x).isF64() ? elementOf(x) : mlir::Type(b.raw().getF32Type()));
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

static Expression softmax(Expression x, bool keepsZero) {
  Expression largest = reduce(nn::ReduceKind::max, x, {1}, true), power = exp(x - largest);
  if (keepsZero)
    power = select(abs(x) > 0.0000001, power, x * exp(negate(largest)));
  Expression sum = reduce(nn::ReduceKind::sum, power, {1}, true);
  return keepsZero ? select(sum == 0, x.with(0.5), power / sum) : power / sum;
}

/// sqrt(2) * erf^-1(2 x - 1), by Winitzki's approximation with a = 0.147, as ONNX's reference computes it.
static Expression probit(Expression x) {
  constexpr double a = 0.147;
  Expression y = x * 2 - 1, rest = (1 - y) * (1 + y), logarithm = log(rest);
  Expression v = logarithm * 0.5 + 2 / (3.14159265358979323846 * a);
  Expression root = sqrt(sqrt(v * v - logarithm * (1 / a)) - v);
  return select(rest == 0, x.with(0.0), select(y < 0, negate(root), root)) * 1.41421356;
}

Expression transformedScores(NodeContext &c, Expression scores) {
  return transformedScores(scores, c.string("post_transform", "NONE"));
}

Expression transformedScores(Expression scores, llvm::StringRef transform) {
  if (transform == "NONE")
    return scores;
  if (transform == "LOGISTIC")
    return sigmoid(scores);
  if (transform == "SOFTMAX")
    return softmax(scores, /*keepsZero=*/false);
  if (transform == "SOFTMAX_ZERO")
    return softmax(scores, /*keepsZero=*/true);
  if (transform == "PROBIT")
    return probit(scores);
  fail("attribute 'post_transform' is '" + transform + "', expected NONE, LOGISTIC, SOFTMAX, SOFTMAX_ZERO or PROBIT");
}

Expression largestClass(Expression scores) {
  return scores.with(scores.b().make<nn::ArgReduceOp>(nn::ReduceKind::max, scores, 1, false, false));
}

Expression rowProduct(Expression x, Expression matrix) {
  return x.with(x.b().make<nn::MatmulOp>(x, matrix.cast(x.type()), false, true, nn::PackingAttr()));
}

namespace {

//===----------------------------------------------------------------------===//
// Linear models
//===----------------------------------------------------------------------===//

/// x times the coefficients [outputs, features] transposed, plus one intercept per output.
Expression linearScores(NodeContext &c, Expression x, int64_t outputs) {
  llvm::SmallVector<float> coefficients = c.numbers("coefficients"), intercepts = c.numbers("intercepts");
  auto count = static_cast<int64_t>(coefficients.size());
  if (outputs < 1 || count % outputs != 0)
    fail("attribute 'coefficients' has " + std::to_string(count) + " entries, which " + std::to_string(outputs) +
         " outputs do not divide");
  Expression scores = rowProduct(x, floatTensor(c, coefficients, {outputs, count / outputs}));
  if (intercepts.empty())
    return scores;
  if (static_cast<int64_t>(intercepts.size()) != outputs && intercepts.size() != 1)
    fail("attribute 'intercepts' has " + std::to_string(intercepts.size()) + " entries, expected " +
         std::to_string(outputs));
  return scores + floatTensor(c, intercepts, {static_cast<int64_t>(intercepts.size())}).cast(x.type());
}

void importLinearRegressor(NodeContext &c) {
  Expression scores = linearScores(c, featureRows(c), c.integer("targets", 1));
  c.result(transformedScores(c, scores).cast(c.b.raw().getF32Type()));
}

void importLinearClassifier(NodeContext &c) {
  Builder &b = c.b;
  int64_t labels = classLabelCount(c);
  Expression x = featureRows(c);
  int64_t features = typeOf(x).getDimSize(1);
  auto coefficients = static_cast<int64_t>(c.numbers("coefficients").size());
  auto outputs = static_cast<int64_t>(c.numbers("intercepts").size());
  if (!mlir::ShapedType::isDynamic(features) && features > 0)
    outputs = coefficients / features;
  else if (outputs == 0)
    outputs = std::max<int64_t>(labels, 1);
  Expression scores = linearScores(c, x, outputs);
  if (outputs == 1 && labels == 2)
    scores = scores.with(b.concat({negate(scores), scores}, 1));
  else if (labels != 0 && labels != outputs)
    fail("there are " + std::to_string(labels) + " class labels, expected " + std::to_string(outputs));
  scores = transformedScores(c, scores);
  c.result(1, scores.cast(b.raw().getF32Type()));
  if (outputs > 1 || labels == 2) {
    Expression chosen = largestClass(scores);
    return c.result(0, labels == 0 ? chosen : gather(*classLabels(c), chosen));
  }
  double threshold = c.string("post_transform", "NONE") == "NONE" ? 0 : 0.5;
  c.result(0, onlyLabel(c, scores.reshape({b.extent(scores, 0)}) >= threshold));
}

//===----------------------------------------------------------------------===//
// Features
//===----------------------------------------------------------------------===//

/// The last dimension's entries at indices; a vector becomes one row.
void importArrayFeatureExtractor(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 1), indices = c.input(1);
  mlir::Value flat = b.reshape(indices, {b.size(indices)});
  mlir::Value taken = b.make<nn::GatherOp>(x, flat, rankOf(x) - 1);
  c.result(rankOf(x) == 1 ? b.reshape(taken, {b.index(1), b.extent(taken, 0)}) : taken);
}

void importBinarizer(NodeContext &c) {
  Expression x(c.b, c.input(0));
  // Whole numbers are compared with a threshold that may be none.
  mlir::Type real = x.type().isF32() ? x.type() : mlir::Type(c.b.raw().getF64Type());
  c.result((x.cast(real) > c.number("threshold", 0)).cast(x.type()));
}

/// Each input cut or filled up with zeros to its number of columns, one beside the other.
void importFeatureVectorizer(NodeContext &c) {
  Builder &b = c.b;
  IntVector widths = c.integers("inputdimensions");
  if (!widths.empty() && static_cast<int64_t>(widths.size()) != c.inputCount())
    fail("attribute 'inputdimensions' has " + std::to_string(widths.size()) + " entries, expected " +
         std::to_string(c.inputCount()));
  llvm::SmallVector<mlir::Value> parts;
  for (int64_t i = 0; i < c.inputCount(); ++i) {
    mlir::Value x = b.cast(c.inputOfRank(i, 1, 2), b.raw().getF32Type());
    if (rankOf(x) == 1)
      x = b.reshape(x, {b.extent(x, 0), b.index(1)});
    if (!widths.empty()) {
      if (widths[i] < 0 || widths[i] > INT32_MAX)
        fail("attribute 'inputdimensions' has the entry " + std::to_string(widths[i]));
      Scalar zero = b.index(0), width = b.index(widths[i]), kept = b.min(b.extent(x, 1), width);
      x = b.pad(nn::PadMode::constant, b.sliceDimension(x, 1, zero, kept), {zero, zero}, {zero, b.sub(width, kept)},
                b.constant(0, b.raw().getF32Type()));
    }
    parts.push_back(x);
  }
  c.result(b.concat(parts, 1));
}

void importImputer(NodeContext &c) {
  Builder &b = c.b;
  Expression x(b, c.inputOfRank(0, 1));
  bool isFloat = llvm::isa<mlir::FloatType>(x.type());
  llvm::SmallVector<float> floats = c.numbers("imputed_value_floats");
  IntVector ints = c.integers("imputed_value_int64s");
  auto count = static_cast<int64_t>(isFloat ? floats.size() : ints.size());
  const char *name = isFloat ? "imputed_value_floats" : "imputed_value_int64s";
  int64_t features = typeOf(x).getShape().back();
  if (count < 1 || (count != 1 && !mlir::ShapedType::isDynamic(features) && features != count))
    fail(llvm::Twine("attribute '") + name + "' has " + llvm::Twine(count) + " entries, expected 1 or " +
         (mlir::ShapedType::isDynamic(features) ? std::string("one per feature") : std::to_string(features)));
  Expression imputed = (isFloat ? floatTensor(c, floats, {count}) : intVector(c, ints)).cast(x.type());
  float replaced = c.number("replaced_value_float", 0);
  Expression missing = !isFloat ? x == Expression(b, b.index(c.integer("replaced_value_int64", 0)), x.type())
                       : std::isnan(replaced) ? isNan(x)
                                              : x == replaced;
  c.result(select(missing, imputed, x));
}

/// x / max |x|, sum |x| or sqrt(sum x^2) of a row.
void importNormalizer(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 1, 2);
  Expression x = featureRows(c);
  std::string norm = c.string("norm", "MAX");
  auto over = [&](nn::ReduceKind kind, Expression y) { return reduce(kind, y, {1}, true); };
  Expression size = x;
  if (norm == "MAX")
    size = over(nn::ReduceKind::max, abs(x));
  else if (norm == "L1")
    size = over(nn::ReduceKind::sum, abs(x));
  else if (norm == "L2")
    size = sqrt(over(nn::ReduceKind::sum, x * x));
  else
    fail("attribute 'norm' is '" + norm + "', expected MAX, L1 or L2");
  Expression result = (x / max(size, 1e-30)).cast(b.raw().getF32Type());
  c.result(result.reshape(b.extents(input)));
}

/// What is to be looked up: whole numbers exactly, others as f64, texts as they are.
Expression comparable(Expression x) {
  if (nn::isStringType(x.type()))
    return x;
  mlir::Builder ir(x.type().getContext());
  return x.cast(llvm::isa<mlir::FloatType>(x.type()) ? mlir::Type(ir.getF64Type()) : mlir::Type(ir.getI64Type()));
}

/// x with a last dimension of extent 1.
Expression withUnit(Expression x) {
  ScalarVector sizes = x.b().extents(x);
  sizes.push_back(x.b().index(1));
  return x.reshape(sizes);
}

void importOneHotEncoder(NodeContext &c) {
  Builder &b = c.b;
  Expression x = comparable(Expression(b, c.input(0)));
  bool areTexts = nn::isStringType(x.type());
  std::vector<std::string> texts = c.strings("cats_strings");
  IntVector categories = c.integers("cats_int64s");
  if (areTexts ? texts.empty() : categories.empty())
    fail(llvm::Twine("attribute '") + (areTexts ? "cats_strings" : "cats_int64s") + "' is missing");
  Expression known = areTexts ? Expression(b, stringVector(b, texts)) : intVector(c, categories).cast(x.type());
  Expression hit = withUnit(x) == known;
  Expression result = hit.cast(b.raw().getF32Type());
  if (!c.integer("zeros", 1)) {
    // A number of no category is an index outside of a tensor with one element: an error when the model runs.
    Expression isKnown = reduce(nn::ReduceKind::max, hit, {rankOf(hit) - 1}, true);
    Expression zero(b, b.index(0), b.raw().getI64Type()), one(b, b.index(1), b.raw().getI64Type());
    result = result + gather(floatTensor(c, {0.0F}, {1}), select(isKnown, zero, one));
  }
  c.result(result);
}

/// Keys or values: a list of floats, integers or texts, or a tensor.
Expression labels(NodeContext &c, const std::string &kind) {
  llvm::SmallVector<float> floats = c.numbers(kind + "_floats");
  IntVector ints = c.integers(kind + "_int64s");
  if (!floats.empty())
    return floatTensor(c, floats, {static_cast<int64_t>(floats.size())});
  if (!ints.empty())
    return intVector(c, ints);
  if (std::vector<std::string> texts = c.strings(kind + "_strings"); !texts.empty())
    return {c.b, stringVector(c.b, texts)};
  if (const onnx::TensorProto *tensor = c.tensor(kind + "_tensor")) {
    Expression given(c.b, c.graph.bindingOf(*tensor, c.frame).tensor);
    return given.reshape({c.b.size(given)});
  }
  fail("attributes '" + kind + "_floats', '" + kind + "_int64s', '" + kind + "_strings' and '" + kind +
       "_tensor' are missing");
}

Expression defaultLabel(NodeContext &c, mlir::Type type) {
  if (const onnx::TensorProto *tensor = c.tensor("default_tensor")) {
    Expression given(c.b, c.graph.bindingOf(*tensor, c.frame).tensor);
    if (typeOf(given).getNumElements() != 1)
      fail("attribute 'default_tensor' has " + std::to_string(typeOf(given).getNumElements()) +
           " elements, expected 1");
    if (nn::isStringType(given.type()) != nn::isStringType(type))
      fail("attribute 'default_tensor' has another type than the values");
    return given.reshape({}).cast(type);
  }
  if (nn::isStringType(type))
    return {c.b, stringConstant(c.b, {c.string("default_string", "_Unused")}, {})};
  if (llvm::isa<mlir::FloatType>(type))
    return {c.b, c.number("default_float", -0.0F), type};
  return {c.b, c.b.index(c.integer("default_int64", -1)), type};
}

void checkLabels(int64_t keys, Expression values) {
  if (typeOf(values).getDimSize(0) != keys)
    fail("there are " + std::to_string(keys) + " keys and " + std::to_string(typeOf(values).getDimSize(0)) + " values");
}

/// The first version: texts by number, and numbers of texts.
void importIndexedLabels(NodeContext &c) {
  Builder &b = c.b;
  std::vector<std::string> classes = c.strings("classes_strings");
  Expression x(b, c.input(0)),
      absent = defaultLabel(c, nn::isStringType(x.type()) ? b.raw().getI64Type() : nn::getStringType(b.context()));
  if (classes.empty())
    fail("attribute 'classes_strings' is missing");
  if (nn::isStringType(x.type())) {
    Expression place = placesIn(textNumbers(b, classes), asNumbers(x));
    return c.result(select(place >= 0, place, absent));
  }
  auto last = static_cast<double>(classes.size()) - 1;
  Expression texts(b, stringVector(b, classes)), isClass = (x >= 0) & (x <= last);
  c.result(select(isClass, gather(texts, min(max(x, 0), last)), absent));
}

/// values[i] for x == keys[i], the last one if there are several; a default for others. NaN is a key like any other.
void importLabelEncoder(NodeContext &c) {
  Builder &b = c.b;
  if (c.opset < 2)
    return importIndexedLabels(c);
  std::vector<std::string> texts = c.strings("keys_strings");
  if (const onnx::TensorProto *tensor = c.tensor("keys_tensor"))
    texts.assign(tensor->string_data().begin(), tensor->string_data().end());
  if (nn::isStringType(elementOf(c.input(0))) && !texts.empty()) {
    Expression values = labels(c, "values");
    checkLabels(static_cast<int64_t>(texts.size()), values);
    Expression place = placesIn(textNumbers(b, texts), asNumbers(Expression(b, c.input(0))));
    return c.result(select(place >= 0, gather(values, max(place, 0)), defaultLabel(c, values.type())));
  }
  Expression keys = labels(c, "keys"), values = labels(c, "values");
  int64_t count = typeOf(keys).getDimSize(0);
  checkLabels(count, values);
  if (nn::isStringType(keys.type()) != nn::isStringType(elementOf(c.input(0))))
    fail("the keys have another type than the input");
  Expression x = withUnit(comparable(Expression(b, c.input(0)))), wanted = keys.cast(x.type());
  Expression hit = x == wanted;
  if (llvm::isa<mlir::FloatType>(x.type()))
    hit = hit | (isNan(x) & isNan(wanted));
  Expression none(b, b.index(-1), b.raw().getI64Type());
  Expression place = reduce(nn::ReduceKind::max, select(hit, positions(b, b.index(count)), none), {rankOf(x) - 1});
  c.result(select(place >= 0, gather(values, max(place, 0)), defaultLabel(c, values.type())));
}

} // namespace

void addLearned(ImporterTable &table) {
  constexpr llvm::StringLiteral domain = "ai.onnx.ml";
  table.add(domain, "ArrayFeatureExtractor", importArrayFeatureExtractor);
  table.add(domain, "Binarizer", importBinarizer);
  table.add(domain, "FeatureVectorizer", importFeatureVectorizer);
  table.add(domain, "Imputer", importImputer);
  table.add(domain, "LabelEncoder", importLabelEncoder);
  table.add(domain, "LinearClassifier", importLinearClassifier);
  table.add(domain, "LinearRegressor", importLinearRegressor);
  table.add(domain, "Normalizer", importNormalizer);
  table.add(domain, "OneHotEncoder", importOneHotEncoder);
  table.add(domain, "SVMClassifier", importSvmClassifier);
  table.add(domain, "SVMRegressor", importSvmRegressor);
  table.add(domain, "TreeEnsemble", importTreeEnsemble);
  table.add(domain, "TreeEnsembleClassifier", importTreeEnsembleClassifier);
  table.add(domain, "TreeEnsembleRegressor", importTreeEnsembleRegressor);
}

} // namespace tenon::importer
