//===- EvaluateContraction.cpp - small contractions and pools on constants -----------------===//
//
// The formulas of dialects/nn/NnContraction.td as loops, for models that compute with constants. Floats are accumulated
// in double and rounded once, integers in 64 bits and wrapped. Contractions above a number of products stay for run
// time.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/Evaluator.h"
#include "compiler/Graph/NumberFormat.h"
#include "dialects/nn/Nn.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

#pragma STDC FP_CONTRACT OFF

using namespace mlir;

namespace tenon::graph {

/// About a tenth of a second.
constexpr int64_t maxProducts = int64_t(1) << 26;

namespace {
/// All elements of a constant as numbers, with row-major strides.
template <typename T> struct Numbers {
  std::vector<T> values;
  SmallVector<int64_t> shape, strides;

  explicit Numbers(const ConstantData &data)
      : values(data.type.getNumElements()), shape(data.type.getShape()), strides(rowMajorStrides(shape)) {
    if (!values.empty())
      loadElements(data.type.getElementType(), data.bytes.data(), data.splat ? 0 : 1, values.size(), values.data());
  }
};

/// The positions that a window reads: one spatial dimension of a convolution or pool.
struct WindowDimension {
  int64_t extent, kernel, stride, low, high, dilation;
  /// The input position of element r of window p; negative or too large in the padding.
  int64_t position(int64_t p, int64_t r) const { return p * stride + r * dilation - low; }
  bool inside(int64_t position) const { return position >= 0 && position < extent; }
  bool insidePadded(int64_t position) const { return position >= -low && position < extent + high; }
};

/// Steps `index` through `shape` in row-major order; false after the last.
bool advance(MutableArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  for (int64_t dimension = static_cast<int64_t>(shape.size()) - 1; dimension >= 0; --dimension) {
    if (++index[dimension] < shape[dimension])
      return true;
    index[dimension] = 0;
  }
  return false;
}
} // namespace

template <typename T> static ElementsAttr store(RankedTensorType type, const std::vector<T> &values) {
  NewConstant result(type);
  storeElements(type.getElementType(), values.data(), values.size(), result.data());
  return std::move(result).take();
}

template <typename T>
static FailureOr<ElementsAttr> evaluateMatmul(nn::MatmulOp op, ArrayRef<ConstantData> operands, RankedTensorType type) {
  ArrayRef<int64_t> shape = type.getShape();
  size_t rank = shape.size();
  ArrayRef<int64_t> lhsShape = operands[0].type.getShape();
  int64_t depth = lhsShape[lhsShape.size() - (op.getTransposeLhs() ? 2 : 1)];
  if (op.getPacking() || type.getNumElements() * std::max<int64_t>(depth, 1) > maxProducts)
    return failure();
  Numbers<T> lhs(operands[0]), rhs(operands[1]);
  auto steps = [](const Numbers<T> &side, bool transposed) {
    size_t last = side.strides.size() - 1;
    return transposed ? std::pair(side.strides[last], side.strides[last - 1])
                      : std::pair(side.strides[last - 1], side.strides[last]);
  };
  auto [lhsRow, lhsDepth] = steps(lhs, op.getTransposeLhs());
  auto [rhsDepth, rhsColumn] = steps(rhs, op.getTransposeRhs());
  std::vector<T> values(type.getNumElements());
  SmallVector<int64_t> index(rank, 0);
  size_t next = 0;
  if (!values.empty())
    do {
      // Leading dimensions broadcast.
      auto batchOffset = [&](const Numbers<T> &side) {
        int64_t offset = 0, leading = static_cast<int64_t>(rank) - static_cast<int64_t>(side.shape.size());
        for (size_t dimension = 0; dimension + 2 < side.shape.size(); ++dimension)
          offset += side.shape[dimension] == 1 ? 0 : index[leading + dimension] * side.strides[dimension];
        return offset;
      };
      int64_t left = batchOffset(lhs) + index[rank - 2] * lhsRow,
              right = batchOffset(rhs) + index[rank - 1] * rhsColumn;
      T sum = 0;
      for (int64_t k = 0; k < depth; ++k)
        sum += lhs.values[left + k * lhsDepth] * rhs.values[right + k * rhsDepth];
      values[next++] = sum;
    } while (advance(index, shape));
  return store(type, values);
}

// Spatial dimensions of an op with `kernel`, `strides`, `pads` and `dilations`, and where its channels are.
template <typename Op> static SmallVector<WindowDimension> windowDimensions(Op op, ArrayRef<int64_t> input) {
  SmallVector<WindowDimension> dimensions;
  size_t count = op.getKernel().size(), first = op.getChannelsLast() ? 1 : 2;
  for (size_t i = 0; i < count; ++i)
    dimensions.push_back({input[first + i], op.getKernel()[i], op.getStrides()[i], op.getPads()[i],
                          op.getPads()[count + i], op.getDilations()[i]});
  return dimensions;
}

template <typename T>
static FailureOr<ElementsAttr> evaluateConv(nn::ConvOp op, ArrayRef<ConstantData> operands, RankedTensorType type) {
  int64_t perResult = operands[1].type.getNumElements() / std::max<int64_t>(operands[1].type.getDimSize(0), 1);
  if (op.getPacking() || type.getNumElements() * std::max<int64_t>(perResult, 1) > maxProducts)
    return failure();
  Numbers<T> input(operands[0]), filter(operands[1]);
  SmallVector<WindowDimension> dimensions = windowDimensions(op, input.shape);
  size_t rank = type.getRank(), channelAt = op.getChannelsLast() ? rank - 1 : 1,
         spatialAt = op.getChannelsLast() ? 1 : 2;
  int64_t channels = filter.shape[1],
          filtersPerGroup = std::max<int64_t>(filter.shape[0] / static_cast<int64_t>(op.getGroups()), 1);
  std::vector<T> values(type.getNumElements());
  SmallVector<int64_t> index(rank, 0);
  size_t next = 0;
  if (!values.empty())
    do {
      int64_t group = index[channelAt] / filtersPerGroup;
      SmallVector<int64_t> element(dimensions.size(), 0);
      T sum = 0;
      do {
        int64_t source = index[0] * input.strides[0], weight = index[channelAt] * filter.strides[0];
        bool inside = true;
        for (auto [i, dimension] : llvm::enumerate(dimensions)) {
          int64_t position = dimension.position(index[spatialAt + i], element[i]);
          inside &= dimension.inside(position);
          source += position * input.strides[spatialAt + i];
          weight += element[i] * filter.strides[2 + i];
        }
        for (int64_t channel = 0; channel < channels && inside; ++channel)
          sum += input.values[source + (group * channels + channel) * input.strides[channelAt]] *
                 filter.values[weight + channel * filter.strides[1]];
      } while (advance(element, op.getKernel()));
      values[next++] = sum;
    } while (advance(index, type.getShape()));
  return store(type, values);
}

template <typename T>
static FailureOr<ElementsAttr> evaluateConvTranspose(nn::ConvTransposeOp op, ArrayRef<ConstantData> operands,
                                                     RankedTensorType type) {
  Numbers<T> input(operands[0]), filter(operands[1]);
  int64_t groups = op.getGroups(), channels = filter.shape[0] / groups, filters = filter.shape[1];
  if (operands[0].type.getNumElements() *
          std::max<int64_t>(1, operands[1].type.getNumElements() / std::max<int64_t>(1, filter.shape[0])) >
      maxProducts)
    return failure();
  SmallVector<int64_t> strides = rowMajorStrides(type.getShape());
  std::vector<T> values(type.getNumElements(), T(0));
  SmallVector<int64_t> index(input.shape.size(), 0);
  size_t spatial = input.shape.size() - 2, next = 0;
  ArrayRef<int64_t> kernel = ArrayRef(filter.shape).drop_front(2);
  if (!input.values.empty() && !filter.values.empty())
    do {
      T value = input.values[next++];
      int64_t group = index[1] / channels;
      SmallVector<int64_t> element(spatial, 0);
      do {
        int64_t target = index[0] * strides[0], weight = index[1] * filter.strides[0];
        bool inside = true;
        for (size_t i = 0; i < spatial; ++i) {
          int64_t position = index[2 + i] * op.getStrides()[i] + element[i] * op.getDilations()[i] - op.getPads()[i];
          inside &= position >= 0 && position < type.getDimSize(2 + i);
          target += position * strides[2 + i];
          weight += element[i] * filter.strides[2 + i];
        }
        for (int64_t f = 0; f < filters && inside; ++f)
          values[target + (group * filters + f) * strides[1]] += value * filter.values[weight + f * filter.strides[1]];
      } while (advance(element, kernel));
    } while (advance(index, input.shape));
  return store(type, values);
}

template <typename T>
static FailureOr<ElementsAttr> evaluatePool(nn::PoolOp op, ArrayRef<ConstantData> operands, RankedTensorType type) {
  int64_t window = 1;
  for (int64_t extent : op.getKernel())
    window *= extent;
  bool averages = op.getKind() == nn::PoolKind::average || op.getKind() == nn::PoolKind::average_include_pad;
  if (type.getNumElements() * window > maxProducts || (averages && !isa<FloatType>(type.getElementType())))
    return failure();
  Numbers<T> input(operands[0]);
  SmallVector<WindowDimension> dimensions = windowDimensions(op, input.shape);
  size_t rank = type.getRank(), channelAt = op.getChannelsLast() ? rank - 1 : 1,
         spatialAt = op.getChannelsLast() ? 1 : 2;
  std::vector<T> values(type.getNumElements());
  SmallVector<int64_t> index(rank, 0);
  size_t next = 0;
  if (!values.empty())
    do {
      SmallVector<int64_t> element(dimensions.size(), 0);
      T result = 0;
      int64_t count = 0, padded = 0;
      do {
        int64_t source = index[0] * input.strides[0] + index[channelAt] * input.strides[channelAt];
        bool inside = true, insidePadded = true;
        for (auto [i, dimension] : llvm::enumerate(dimensions)) {
          int64_t position = dimension.position(index[spatialAt + i], element[i]);
          inside &= dimension.inside(position);
          insidePadded &= dimension.insidePadded(position);
          source += position * input.strides[spatialAt + i];
        }
        padded += insidePadded;
        if (!inside)
          continue;
        T value = input.values[source];
        bool first = count++ == 0;
        if (op.getKind() != nn::PoolKind::max)
          result += value;
        else if (first || !(value <= result)) // NaN stays
          result = std::isnan(static_cast<double>(result)) && !first ? result : value;
      } while (advance(element, op.getKernel()));
      // A maximum over nothing is not covered.
      if (op.getKind() == nn::PoolKind::max && count == 0)
        return failure();
      if (averages)
        result /= static_cast<T>(op.getKind() == nn::PoolKind::average ? count : padded);
      values[next++] = result;
    } while (advance(index, type.getShape()));
  return store(type, values);
}

template <typename T>
static FailureOr<ElementsAttr> evaluateIn(Operation *op, ArrayRef<ConstantData> operands, RankedTensorType type) {
  return TypeSwitch<Operation *, FailureOr<ElementsAttr>>(op)
      .Case<nn::MatmulOp>([&](nn::MatmulOp matmul) { return evaluateMatmul<T>(matmul, operands, type); })
      .template Case<nn::ConvOp>([&](nn::ConvOp conv) { return evaluateConv<T>(conv, operands, type); })
      .template Case<nn::ConvTransposeOp>(
          [&](nn::ConvTransposeOp conv) { return evaluateConvTranspose<T>(conv, operands, type); })
      .template Case<nn::PoolOp>([&](nn::PoolOp pool) { return evaluatePool<T>(pool, operands, type); })
      .Default(failure());
}

FailureOr<ElementsAttr> evaluateContraction(Operation *op, ArrayRef<ConstantData> operands, RankedTensorType type) {
  if (!isa<nn::MatmulOp, nn::ConvOp, nn::ConvTransposeOp, nn::PoolOp>(op))
    return failure();
  if (isa<FloatType>(type.getElementType()))
    return evaluateIn<double>(op, operands, type);
  // Sums and products wrap alike for both signs; a maximum needs the sign.
  bool isSigned = numberKind(type.getElementType()) == NumberKind::i64;
  return isa<nn::PoolOp>(op) && isSigned ? evaluateIn<int64_t>(op, operands, type)
                                         : evaluateIn<uint64_t>(op, operands, type);
}

} // namespace tenon::graph
