//===- Random.cpp - random numbers ---------------------------------------------------------===//
//
// The generator is Philox-2x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011): a keyed function of a counter, so that each element is computed by itself and results are the same for any
// number of threads, on every processor and in every run. The counter is the element's row-major index. The key comes
// from the attribute seed, without one from the node's name: nodes draw different numbers, and a model draws the same
// ones in each run.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Expression.h"
#include "compiler/Import/Interpolation.h"
#include "compiler/Import/Registry.h"

#include <bit>
#include <numbers>

namespace tenon::importer {

namespace {

/// The last mixing step of MurmurHash3, which is a bijection.
uint32_t mixed(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85ebca6bU;
  x = (x ^ (x >> 13)) * 0xc2b2ae35U;
  return x ^ (x >> 16);
}

uint32_t keyOf(NodeContext &c) {
  if (const onnx::AttributeProto *seed = c.attribute("seed")) {
    // Dropout's seed is an integer, the others' a float.
    if (seed->type() == onnx::AttributeProto::INT) {
      auto bits = static_cast<uint64_t>(seed->i());
      return mixed(static_cast<uint32_t>(bits) ^ mixed(static_cast<uint32_t>(bits >> 32)));
    }
    return mixed(std::bit_cast<uint32_t>(c.number("seed", 0)));
  }
  // FNV-1a
  uint32_t hash = 2166136261U;
  for (char letter : c.name)
    hash = (hash ^ static_cast<unsigned char>(letter)) * 16777619U;
  return mixed(hash);
}

/// Two words of 32 random bits for each element; ui32.
struct Words {
  Expression first, second;
};

Words philox(Builder &b, llvm::ArrayRef<Scalar> sizes, uint32_t key) {
  mlir::OpBuilder &ir = b.raw();
  mlir::Type word = ir.getIntegerType(32, /*isSigned=*/false), wide = ir.getIntegerType(64, /*isSigned=*/false);
  Expression index = positions(b, b.product(sizes)).reshape(sizes).cast(wide), half(b, 32, wide);
  auto high = [&](Expression x) { return x.with(b.make<nn::ShrOp>(x, half)).cast(word); };
  Expression left = index.cast(word), right = high(index);
  for (int round = 0; round < 10; ++round) {
    Expression product = left.cast(wide) * static_cast<double>(0xd256d193U);
    left = high(product) ^ right ^ Expression(b, static_cast<double>(key), word);
    right = product.cast(word);
    key += 0x9e3779b9U;
  }
  return {left, right};
}

/// The upper 24 bits of words as f32 in [0, 1).
Expression fraction(Expression words) {
  Builder &b = words.b();
  Expression bits = words.with(b.make<nn::ShrOp>(words, words.with(8)));
  return bits.cast(b.raw().getI32Type()).cast(b.raw().getF32Type()) * std::ldexp(1, -24);
}

/// 53 bits of two words as f64 in [0, 1).
Expression wideFraction(const Words &words) {
  Builder &b = words.first.b();
  mlir::Type real = b.raw().getF64Type(), whole = b.raw().getI64Type();
  auto shifted = [&](Expression x, double by) {
    return x.with(b.make<nn::ShrOp>(x, x.with(by))).cast(whole).cast(real);
  };
  return (shifted(words.first, 5) * 67108864 + shifted(words.second, 6)) * std::ldexp(1, -53);
}

/// Uniform in [0, 1), of type f32 or f64.
Expression uniform(Builder &b, llvm::ArrayRef<Scalar> sizes, uint32_t key, mlir::Type type) {
  Words words = philox(b, sizes, key);
  return type.isF64() ? wideFraction(words) : fraction(words.first);
}

/// Standard normal by Box and Muller (1958), of type f32 or f64.
Expression normal(Builder &b, llvm::ArrayRef<Scalar> sizes, uint32_t key, mlir::Type type) {
  auto pair = [&]() -> std::pair<Expression, Expression> {
    Words words = philox(b, sizes, key);
    if (type.isF64())
      return {wideFraction(words), wideFraction(philox(b, sizes, mixed(key)))};
    return {fraction(words.first), fraction(words.second)};
  };
  auto [radius, angle] = pair();
  return sqrt(log(1 - radius) * -2) * cos(angle * (2 * std::numbers::pi));
}

/// The element type that attribute dtype asks for; `absent` without it.
mlir::Type drawnType(NodeContext &c, mlir::Type absent) {
  mlir::Type type = c.hasAttribute("dtype") ? c.elementType(c.integer("dtype", 0)) : absent;
  if (!llvm::isa<mlir::FloatType>(type))
    fail("random numbers of type " + dataTypeName(dataTypeOf(type)) + ", expected a floating point type");
  return type;
}

/// Sizes and element type of RandomX (attributes) or RandomXLike (the input's).
std::pair<ScalarVector, mlir::Type> drawnShape(NodeContext &c) {
  if (c.inputCount() > 0)
    return {c.b.extents(c.input(0)), drawnType(c, elementOf(c.input(0)))};
  IntVector shape = c.integers("shape");
  for (int64_t extent : shape)
    if (extent < 0)
      fail("attribute 'shape' has the entry " + std::to_string(extent));
  return {c.b.indices(shape), drawnType(c, c.b.raw().getF32Type())};
}

void importRandomNormal(NodeContext &c) {
  auto [sizes, type] = drawnShape(c);
  Expression x = normal(c.b, sizes, keyOf(c), computingType(type));
  c.result((x * c.number("scale", 1) + c.number("mean", 0)).cast(type));
}

void importRandomUniform(NodeContext &c) {
  auto [sizes, type] = drawnShape(c);
  double low = c.number("low", 0), high = c.number("high", 1);
  Expression x = uniform(c.b, sizes, keyOf(c), computingType(type));
  c.result((x * (high - low) + low).cast(type));
}

void importBernoulli(NodeContext &c) {
  Builder &b = c.b;
  Expression probability(b, c.input(0));
  mlir::Type compute = computingType(probability.type());
  mlir::Type type = c.hasAttribute("dtype") ? c.elementType(c.integer("dtype", 0)) : probability.type();
  Expression drawn = uniform(b, b.extents(probability), keyOf(c), compute) < probability.cast(compute);
  c.result(drawn.cast(type));
}

/// A class is drawn where the cumulative probability first exceeds a uniform number. The input has logarithms.
void importMultinomial(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 2, 2);
  int64_t count = c.integer("sample_size", 1);
  if (count < 1 || count > INT32_MAX)
    fail("attribute 'sample_size' is " + std::to_string(count) + ", expected 1 or more");
  mlir::Type type = c.elementType(c.integer("dtype", onnx::TensorProto::INT32)), wide = b.raw().getI64Type();
  Scalar rows = b.extent(input, 0), classes = b.extent(input, 1);
  Expression logits = Expression(b, input).cast(computingType(elementOf(input)));
  Expression weights = exp(logits - reduce(nn::ReduceKind::max, logits, {1}, true));
  Expression sums = weights.with(b.make<nn::CumulativeOp>(nn::ReduceKind::sum, weights, 1, false, false));
  Expression total = reduce(nn::ReduceKind::sum, weights, {1}).reshape({rows, b.index(1), b.index(1)});
  Expression threshold =
      uniform(b, {rows, b.index(count)}, keyOf(c), weights.type()).reshape({rows, b.index(count), b.index(1)}) * total;
  Expression passed = (sums.reshape({rows, b.index(1), classes}) <= threshold).cast(wide);
  Expression drawn = reduce(nn::ReduceKind::sum, passed, {2});
  // Sums in another order may round to less than the total.
  c.result(min(drawn, Expression(b, b.sub(classes, b.index(1)), wide)).cast(type));
}

/// In training an element is dropped with probability `ratio`, and those that stay make up for it.
void importDropout(NodeContext &c) {
  Builder &b = c.b;
  mlir::Type flagType = b.raw().getI1Type();
  std::optional<int64_t> known = 0;
  if (c.hasInput(2))
    known = c.knownScalars(2) && c.knownScalars(2)->items.size() == 1
                ? Builder::constant(c.knownScalars(2)->items.front())
                : std::nullopt;
  ScalarVector sizes = b.extents(c.input(0));
  if (known == 0) {
    c.result(0, c.inputBinding(0));
    // The mask is boolean since version 10, and all elements are kept.
    if (c.wants(1))
      c.result(1, b.broadcast(b.constant(1, c.opset < 10 ? elementOf(c.input(0)) : flagType), sizes));
    return;
  }
  Expression x(b, c.input(0));
  mlir::Type compute = computingType(x.type());
  Expression ratio(b, 0.5, compute);
  if (c.hasInput(1))
    ratio = Expression(b, c.inputOfRank(1, 0, 1)).reshape({}).cast(compute);
  Expression kept = uniform(b, sizes, keyOf(c), compute) >= ratio;
  Expression result = select(kept, x.cast(compute) / (1 - ratio), 0).cast(x.type());
  if (!known) {
    Expression training = Expression(b, c.inputOfRank(2, 0, 1)).reshape({});
    kept = kept | ~training;
    result = select(training, result, x);
  }
  c.result(0, result);
  c.result(1, kept);
}

} // namespace

void addRandom(ImporterTable &table) {
  table.add("Bernoulli", importBernoulli);
  table.add("Dropout", importDropout);
  table.add("Multinomial", importMultinomial);
  table.add("RandomNormal", importRandomNormal);
  table.add("RandomNormalLike", importRandomNormal);
  table.add("RandomUniform", importRandomUniform);
  table.add("RandomUniformLike", importRandomUniform);
}

} // namespace tenon::importer
