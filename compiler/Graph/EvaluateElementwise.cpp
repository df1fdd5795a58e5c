//===- EvaluateElementwise.cpp - elementwise ops on constants ------------------------------===//
//
// Operands are loaded in chunks of up to 1024 elements as the number type of their element type, computed on and
// stored. What each op means is said in dialects/nn/NnElementwise.td.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/Evaluator.h"
#include "compiler/Graph/NumberFormat.h"
#include "compiler/Support/Weights.h"
#include "dialects/nn/Nn.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

// Products and sums are rounded each, on every host.
#pragma STDC FP_CONTRACT OFF

using namespace mlir;

namespace tenon::graph {

constexpr int64_t chunkElements = 1024;

namespace {
/// One chunk: `inputs` hold operand elements in number type T, `count` of each.
template <typename T> struct Chunk {
  llvm::SmallVector<std::vector<T>, 3> inputs;
  std::vector<T> numbers;      ///< results of the element type's own kind
  std::vector<uint64_t> flags; ///< results of predicates
  int64_t count = 0;

  template <typename Function> LogicalResult unary(Function function) {
    for (int64_t index = 0; index < count; ++index)
      numbers[index] = function(inputs[0][index]);
    return success();
  }
  template <typename Function> LogicalResult binary(Function function) {
    for (int64_t index = 0; index < count; ++index)
      numbers[index] = function(inputs[0][index], inputs[1][index]);
    return success();
  }
  template <typename Function> LogicalResult flag(Function function) {
    for (int64_t index = 0; index < count; ++index)
      flags[index] = function(inputs[0][index], inputs.size() > 1 ? inputs[1][index] : T());
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

template <typename T> static T integerDivide(T a, T b) {
  if (b == 0)
    return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == -1)
      return static_cast<T>(0 - static_cast<uint64_t>(a));
  return a / b;
}

template <typename T> static T integerRemainder(T a, T b, bool signOfDivisor) {
  if (b == 0)
    return 0;
  if constexpr (std::is_signed_v<T>) {
    if (b == -1)
      return 0;
    T rest = a % b;
    return signOfDivisor && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  }
  return a % b;
}

template <typename T> static T integerPower(T base, T exponent) {
  if constexpr (std::is_signed_v<T>)
    if (exponent < 0) // 1 / base^n, truncated
      return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  uint64_t result = 1, factor = static_cast<uint64_t>(base);
  for (uint64_t rest = static_cast<uint64_t>(exponent); rest != 0; rest >>= 1, factor *= factor)
    if (rest & 1)
      result *= factor;
  return static_cast<T>(result);
}

template <typename T> static T floatModulo(T a, T b) {
  T rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

// With a NaN the result is NaN; 0.0 is above -0.0.
template <typename T> static T floatMaximum(T a, T b) {
  if (std::isnan(a) || std::isnan(b))
    return std::numeric_limits<T>::quiet_NaN();
  return a > b || (a == b && !std::signbit(a)) ? a : b;
}

template <typename T> static bool compareNumbers(nn::ComparePredicate predicate, T a, T b) {
  switch (predicate) {
  case nn::ComparePredicate::eq:
    return a == b;
  case nn::ComparePredicate::ne:
    return a != b;
  case nn::ComparePredicate::lt:
    return a < b;
  case nn::ComparePredicate::le:
    return a <= b;
  case nn::ComparePredicate::gt:
    return a > b;
  case nn::ComparePredicate::ge:
    return a >= b;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

// Ops whose IEEE results are exact or correctly rounded.
template <typename T> static LogicalResult computeExactFloat(Operation *op, Chunk<T> &chunk) {
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<nn::AbsOp>([&](auto) { return chunk.unary([](T x) { return std::fabs(x); }); })
      .template Case<nn::NegOp>([&](auto) { return chunk.unary([](T x) { return -x; }); })
      .template Case<nn::SignOp>(
          [&](auto) { return chunk.unary([](T x) { return std::isnan(x) ? x : static_cast<T>((x > 0) - (x < 0)); }); })
      .template Case<nn::SqrtOp>([&](auto) { return chunk.unary([](T x) { return std::sqrt(x); }); })
      .template Case<nn::FloorOp>([&](auto) { return chunk.unary([](T x) { return std::floor(x); }); })
      .template Case<nn::CeilOp>([&](auto) { return chunk.unary([](T x) { return std::ceil(x); }); })
      .template Case<nn::RoundOp>([&](auto) { return chunk.unary([](T x) { return std::nearbyint(x); }); })
      .template Case<nn::AddOp>([&](auto) { return chunk.binary([](T a, T b) { return a + b; }); })
      .template Case<nn::SubOp>([&](auto) { return chunk.binary([](T a, T b) { return a - b; }); })
      .template Case<nn::MulOp>([&](auto) { return chunk.binary([](T a, T b) { return a * b; }); })
      .template Case<nn::DivOp>([&](auto) { return chunk.binary([](T a, T b) { return a / b; }); })
      .template Case<nn::RemOp>([&](auto) { return chunk.binary([](T a, T b) { return std::fmod(a, b); }); })
      .template Case<nn::ModOp>([&](auto) { return chunk.binary([](T a, T b) { return floatModulo(a, b); }); })
      .template Case<nn::MaxOp>([&](auto) { return chunk.binary([](T a, T b) { return floatMaximum(a, b); }); })
      .template Case<nn::MinOp>([&](auto) { return chunk.binary([](T a, T b) { return -floatMaximum(-a, -b); }); })
      .template Case<nn::IsNanOp>([&](auto) { return chunk.flag([](T x, T) { return std::isnan(x); }); })
      .template Case<nn::IsInfOp>([&](nn::IsInfOp inf) {
        bool positive = inf.getPositive(), negative = inf.getNegative();
        return chunk.flag([=](T x, T) { return std::isinf(x) && (x > 0 ? positive : negative); });
      })
      .template Case<nn::CompareOp>([&](nn::CompareOp compare) {
        nn::ComparePredicate predicate = compare.getPredicate();
        return chunk.flag([=](T a, T b) { return compareNumbers(predicate, a, b); });
      })
      .Default(failure());
}

// Transcendental functions, for floats of up to 32 bits: computed in double and rounded once.
static LogicalResult computeTranscendental(Operation *op, Chunk<float> &chunk) {
  using Function = double (*)(double);
  Function function = TypeSwitch<Operation *, Function>(op)
                          .Case<nn::ExpOp>([](auto) { return [](double x) { return std::exp(x); }; })
                          .Case<nn::Expm1Op>([](auto) { return [](double x) { return std::expm1(x); }; })
                          .Case<nn::LogOp>([](auto) { return [](double x) { return std::log(x); }; })
                          .Case<nn::Log1pOp>([](auto) { return [](double x) { return std::log1p(x); }; })
                          .Case<nn::ErfOp>([](auto) { return [](double x) { return std::erf(x); }; })
                          .Case<nn::SinOp>([](auto) { return [](double x) { return std::sin(x); }; })
                          .Case<nn::CosOp>([](auto) { return [](double x) { return std::cos(x); }; })
                          .Case<nn::TanOp>([](auto) { return [](double x) { return std::tan(x); }; })
                          .Case<nn::AsinOp>([](auto) { return [](double x) { return std::asin(x); }; })
                          .Case<nn::AcosOp>([](auto) { return [](double x) { return std::acos(x); }; })
                          .Case<nn::AtanOp>([](auto) { return [](double x) { return std::atan(x); }; })
                          .Case<nn::SinhOp>([](auto) { return [](double x) { return std::sinh(x); }; })
                          .Case<nn::CoshOp>([](auto) { return [](double x) { return std::cosh(x); }; })
                          .Case<nn::TanhOp>([](auto) { return [](double x) { return std::tanh(x); }; })
                          .Case<nn::AsinhOp>([](auto) { return [](double x) { return std::asinh(x); }; })
                          .Case<nn::AcoshOp>([](auto) { return [](double x) { return std::acosh(x); }; })
                          .Case<nn::AtanhOp>([](auto) { return [](double x) { return std::atanh(x); }; })
                          .Case<nn::SigmoidOp>([](auto) { return [](double x) { return 1.0 / (1.0 + std::exp(-x)); }; })
                          .Default(static_cast<Function>(nullptr));
  if (function)
    return chunk.unary([=](float x) { return static_cast<float>(function(x)); });
  if (isa<nn::PowOp>(op))
    return chunk.binary([](float a, float b) { return static_cast<float>(std::pow(double(a), double(b))); });
  return failure();
}

// Integers and booleans of `width` bits; results wrap when they are stored.
template <typename T> static LogicalResult computeInteger(Operation *op, unsigned width, Chunk<T> &chunk) {
  // Wrapping arithmetic is done on unsigned numbers.
  using U = uint64_t;
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<nn::AbsOp>([&](auto) { return chunk.unary([](T x) { return x < 0 ? static_cast<T>(0 - U(x)) : x; }); })
      .template Case<nn::NegOp>([&](auto) { return chunk.unary([](T x) { return static_cast<T>(0 - U(x)); }); })
      .template Case<nn::SignOp>(
          [&](auto) { return chunk.unary([](T x) { return static_cast<T>((x > 0) - (x < 0)); }); })
      .template Case<nn::NotOp>([&](auto) {
        return width == 1 ? chunk.unary([](T x) { return static_cast<T>(x == 0); })
                          : chunk.unary([](T x) { return ~x; });
      })
      .template Case<nn::AddOp>(
          [&](auto) { return chunk.binary([](T a, T b) { return static_cast<T>(U(a) + U(b)); }); })
      .template Case<nn::SubOp>(
          [&](auto) { return chunk.binary([](T a, T b) { return static_cast<T>(U(a) - U(b)); }); })
      .template Case<nn::MulOp>(
          [&](auto) { return chunk.binary([](T a, T b) { return static_cast<T>(U(a) * U(b)); }); })
      .template Case<nn::DivOp>([&](auto) { return chunk.binary([](T a, T b) { return integerDivide(a, b); }); })
      .template Case<nn::ModOp>(
          [&](auto) { return chunk.binary([](T a, T b) { return integerRemainder(a, b, true); }); })
      .template Case<nn::RemOp>(
          [&](auto) { return chunk.binary([](T a, T b) { return integerRemainder(a, b, false); }); })
      .template Case<nn::PowOp>([&](auto) { return chunk.binary([](T a, T b) { return integerPower(a, b); }); })
      .template Case<nn::MaxOp>([&](auto) { return chunk.binary([](T a, T b) { return std::max(a, b); }); })
      .template Case<nn::MinOp>([&](auto) { return chunk.binary([](T a, T b) { return std::min(a, b); }); })
      .template Case<nn::AndOp>([&](auto) { return chunk.binary([](T a, T b) { return a & b; }); })
      .template Case<nn::OrOp>([&](auto) { return chunk.binary([](T a, T b) { return a | b; }); })
      .template Case<nn::XorOp>([&](auto) { return chunk.binary([](T a, T b) { return a ^ b; }); })
      .template Case<nn::ShlOp>([&](auto) {
        return chunk.binary([=](T a, T b) { return U(b) >= width ? T(0) : static_cast<T>(U(a) << U(b)); });
      })
      .template Case<nn::ShrOp>([&](auto) {
        return chunk.binary([=](T a, T b) { return U(b) >= width ? (a < 0 ? T(-1) : T(0)) : static_cast<T>(a >> b); });
      })
      .template Case<nn::CompareOp>([&](nn::CompareOp compare) {
        nn::ComparePredicate predicate = compare.getPredicate();
        return chunk.flag([=](T a, T b) { return compareNumbers(predicate, a, b); });
      })
      .Default(failure());
}

static LogicalResult computeChunk(Operation *op, unsigned width, Chunk<float> &chunk) {
  return success(succeeded(computeExactFloat(op, chunk)) || succeeded(computeTranscendental(op, chunk)));
}
static LogicalResult computeChunk(Operation *op, unsigned width, Chunk<double> &chunk) {
  return computeExactFloat(op, chunk);
}
static LogicalResult computeChunk(Operation *op, unsigned width, Chunk<int64_t> &chunk) {
  return computeInteger(op, width, chunk);
}
static LogicalResult computeChunk(Operation *op, unsigned width, Chunk<uint64_t> &chunk) {
  return computeInteger(op, width, chunk);
}

//===----------------------------------------------------------------------===//
// Iteration
//===----------------------------------------------------------------------===//

namespace {
/// Walks over a result shape in runs along the last dimension, with the position of each operand.
class Runs {
public:
  Runs(RankedTensorType result, ArrayRef<ConstantData> operands) : shape(result.getShape()) {
    for (const ConstantData &operand : operands) {
      SmallVector<int64_t> strides(shape.size(), 0), own = operand.strides();
      int64_t leading = shape.size() - own.size();
      for (size_t dimension = 0; dimension < own.size(); ++dimension)
        strides[leading + dimension] = operand.type.getDimSize(dimension) == 1 ? 0 : own[dimension];
      operandStrides.push_back(std::move(strides));
    }
    merge();
  }

  /// Calls body(offsets of the operands, their strides, first result element, count) for runs of up to chunkElements.
  template <typename Body> LogicalResult forEach(Body body) {
    int64_t total = 1;
    for (int64_t extent : shape)
      total *= extent;
    if (total == 0)
      return success();
    int64_t inner = shape.back();
    SmallVector<int64_t> index(shape.size(), 0), offsets(operandStrides.size()), steps;
    for (ArrayRef<int64_t> strides : operandStrides)
      steps.push_back(strides.back());
    for (int64_t row = 0; row < total; row += inner) {
      for (int64_t start = 0; start < inner; start += chunkElements) {
        for (auto [offset, strides] : llvm::zip_equal(offsets, operandStrides)) {
          offset = start * strides.back();
          for (size_t dimension = 0; dimension + 1 < shape.size(); ++dimension)
            offset += index[dimension] * strides[dimension];
        }
        if (failed(body(offsets, steps, row + start, std::min(chunkElements, inner - start))))
          return failure();
      }
      for (int64_t dimension = static_cast<int64_t>(shape.size()) - 2; dimension >= 0; --dimension) {
        if (++index[dimension] < shape[dimension])
          break;
        index[dimension] = 0;
      }
    }
    return success();
  }

private:
  // Makes one dimension of neighbours that all operands walk through evenly.
  void merge() {
    if (shape.empty()) {
      shape.push_back(1);
      for (SmallVector<int64_t> &strides : operandStrides)
        strides.push_back(0);
    }
    for (size_t dimension = shape.size() - 1; dimension > 0; --dimension) {
      bool even = llvm::all_of(operandStrides, [&](ArrayRef<int64_t> strides) {
        return strides[dimension - 1] == strides[dimension] * shape[dimension];
      });
      if (!even)
        continue;
      shape[dimension - 1] *= shape[dimension];
      shape.erase(shape.begin() + dimension);
      for (SmallVector<int64_t> &strides : operandStrides)
        strides.erase(strides.begin() + dimension - 1);
    }
  }

  SmallVector<int64_t> shape;
  SmallVector<SmallVector<int64_t>> operandStrides;
};
} // namespace

static const char *elementAt(const ConstantData &operand, int64_t offset) {
  return operand.bytes.data() + offset * operand.elementBytes();
}

// The op's own arithmetic, in the operands' number type T.
template <typename T>
static FailureOr<ElementsAttr> evaluateIn(Operation *op, ArrayRef<ConstantData> operands, RankedTensorType type) {
  Type operandElement = operands.front().type.getElementType();
  Chunk<T> chunk;
  chunk.inputs.resize(operands.size());
  for (std::vector<T> &input : chunk.inputs)
    input.resize(chunkElements);
  chunk.numbers.resize(chunkElements);
  chunk.flags.resize(chunkElements);
  bool predicate = isa<nn::CompareOp, nn::IsNanOp, nn::IsInfOp>(op);
  NewConstant result(type);
  int64_t resultBytes = elementBytes(type.getElementType());
  LogicalResult done = Runs(type, operands)
                           .forEach([&](ArrayRef<int64_t> offsets, ArrayRef<int64_t> steps, int64_t first,
                                        int64_t count) -> LogicalResult {
                             chunk.count = count;
                             for (size_t number = 0; number < operands.size(); ++number)
                               loadElements(operandElement, elementAt(operands[number], offsets[number]), steps[number],
                                            count, chunk.inputs[number].data());
                             if (failed(computeChunk(op, operandElement.getIntOrFloatBitWidth(), chunk)))
                               return failure();
                             char *target = result.data() + first * resultBytes;
                             if (predicate)
                               storeElements(type.getElementType(), chunk.flags.data(), count, target);
                             else
                               storeElements(type.getElementType(), chunk.numbers.data(), count, target);
                             return success();
                           });
  if (failed(done))
    return failure();
  return std::move(result).take();
}

// Conversion by way of T, which holds every value of the operand's type.
template <typename T>
static ElementsAttr evaluateCast(nn::CastOp op, const ConstantData &operand, RankedTensorType type) {
  SmallFloatRounding rounding{op.getSaturate(), static_cast<ScaleRounding>(op.getScaleRounding())};
  std::vector<T> numbers(chunkElements);
  NewConstant result(type);
  int64_t resultBytes = elementBytes(type.getElementType());
  (void)Runs(type, operand)
      .forEach([&](ArrayRef<int64_t> offsets, ArrayRef<int64_t> steps, int64_t first, int64_t count) {
        loadElements(operand.type.getElementType(), elementAt(operand, offsets[0]), steps[0], count, numbers.data());
        storeElements(type.getElementType(), numbers.data(), count, result.data() + first * resultBytes, rounding);
        return success();
      });
  return std::move(result).take();
}

static ElementsAttr evaluateSelect(ArrayRef<ConstantData> operands, RankedTensorType type) {
  NewConstant result(type);
  int64_t bytes = operands[1].elementBytes();
  (void)Runs(type, operands)
      .forEach([&](ArrayRef<int64_t> offsets, ArrayRef<int64_t> steps, int64_t first, int64_t count) {
        for (int64_t index = 0; index < count; ++index) {
          int number = *elementAt(operands[0], offsets[0] + index * steps[0]) ? 1 : 2;
          std::memcpy(result.data() + (first + index) * bytes,
                      elementAt(operands[number], offsets[number] + index * steps[number]), bytes);
        }
        return success();
      });
  return std::move(result).take();
}

// The real part of a complex number lies before the imaginary one. `skipped`: bytes of the operand's element in front
// of the part.
static ElementsAttr evaluatePart(const ConstantData &operand, RankedTensorType type, int64_t skipped) {
  NewConstant result(type);
  int64_t bytes = elementBytes(type.getElementType());
  (void)Runs(type, operand)
      .forEach([&](ArrayRef<int64_t> offsets, ArrayRef<int64_t> steps, int64_t first, int64_t count) {
        for (int64_t index = 0; index < count; ++index)
          std::memcpy(result.data() + (first + index) * bytes,
                      elementAt(operand, offsets[0] + index * steps[0]) + skipped, bytes);
        return success();
      });
  return std::move(result).take();
}

static ElementsAttr evaluateComplex(ArrayRef<ConstantData> parts, RankedTensorType type) {
  NewConstant result(type);
  int64_t bytes = parts.front().elementBytes();
  (void)Runs(type, parts)
      .forEach([&](ArrayRef<int64_t> offsets, ArrayRef<int64_t> steps, int64_t first, int64_t count) {
        for (int64_t index = 0; index < count; ++index)
          for (int part : {0, 1})
            std::memcpy(result.data() + (2 * (first + index) + part) * bytes,
                        elementAt(parts[part], offsets[part] + index * steps[part]), bytes);
        return success();
      });
  return std::move(result).take();
}

FailureOr<ElementsAttr> evaluateElementwise(Operation *op, ArrayRef<ConstantData> operands, RankedTensorType type) {
  if (!op->hasTrait<nn::Elementwise>())
    return failure();
  // A result of equal elements is computed once.
  if (llvm::all_of(operands, [](const ConstantData &operand) { return operand.splat; }) && type.getNumElements() > 1) {
    auto single = RankedTensorType::get({}, type.getElementType());
    SmallVector<ConstantData> scalars(operands);
    for (ConstantData &scalar : scalars)
      scalar.type = RankedTensorType::get({}, scalar.type.getElementType());
    FailureOr<ElementsAttr> value = evaluateElementwise(op, scalars, single);
    if (failed(value))
      return failure();
    return ElementsAttr(cast<DenseElementsAttr>(*value).resizeSplat(type));
  }
  NumberKind kind = numberKind(operands.front().type.getElementType());
  if (isa<nn::BitcastOp>(op)) {
    NewConstant result(type);
    int64_t bytes = operands.front().elementBytes();
    ConstantData bits = operands.front();
    for (int64_t index = 0, step = bits.splat ? 0 : 1; index < type.getNumElements(); ++index)
      std::memcpy(result.data() + index * bytes, elementAt(bits, index * step), bytes);
    return std::move(result).take();
  }
  if (isa<nn::SelectOp>(op))
    return evaluateSelect(operands, type);
  if (isa<nn::RealOp, nn::ImagOp>(op))
    return evaluatePart(operands.front(), type, isa<nn::RealOp>(op) ? 0 : elementBytes(type.getElementType()));
  if (isa<nn::ComplexOp>(op))
    return evaluateComplex(operands, type);
  if (auto cast = dyn_cast<nn::CastOp>(op))
    return kind == NumberKind::i64   ? evaluateCast<int64_t>(cast, operands.front(), type)
           : kind == NumberKind::u64 ? evaluateCast<uint64_t>(cast, operands.front(), type)
                                     : evaluateCast<double>(cast, operands.front(), type);
  switch (kind) {
  case NumberKind::f32:
    return evaluateIn<float>(op, operands, type);
  case NumberKind::f64:
    return evaluateIn<double>(op, operands, type);
  case NumberKind::i64:
    return evaluateIn<int64_t>(op, operands, type);
  case NumberKind::u64:
    return evaluateIn<uint64_t>(op, operands, type);
  }
  return failure();
}

} // namespace tenon::graph
