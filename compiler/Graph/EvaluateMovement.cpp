//===- EvaluateMovement.cpp - data movement and indexing on constants ----------------------===//
//
// Every op here is one or a few strided copies: an element goes where the op's formula in dialects/nn says.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/Evaluator.h"
#include "compiler/Graph/NumberFormat.h"
#include "dialects/nn/NnResizeGrid.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon::graph {

namespace {
/// A strided copy of `shape` elements; strides are in elements.
struct StridedCopy {
  SmallVector<int64_t> shape, targetStrides, sourceStrides;
  int64_t elementBytes;

  void run(char *target, const char *source) {
    if (llvm::is_contained(shape, 0))
      return;
    if (shape.empty()) {
      std::memcpy(target, source, elementBytes);
      return;
    }
    merge();
    copyDimension(0, target, source);
  }

private:
  // Makes one dimension of neighbours that both sides walk through evenly.
  void merge() {
    for (size_t dimension = shape.size() - 1; dimension > 0; --dimension) {
      if (targetStrides[dimension - 1] != targetStrides[dimension] * shape[dimension] ||
          sourceStrides[dimension - 1] != sourceStrides[dimension] * shape[dimension])
        continue;
      shape[dimension - 1] *= shape[dimension];
      shape.erase(shape.begin() + dimension);
      targetStrides.erase(targetStrides.begin() + dimension - 1);
      sourceStrides.erase(sourceStrides.begin() + dimension - 1);
    }
  }

  void copyDimension(size_t dimension, char *target, const char *source) {
    int64_t targetStep = targetStrides[dimension] * elementBytes, sourceStep = sourceStrides[dimension] * elementBytes;
    if (dimension + 1 < shape.size()) {
      for (int64_t index = 0; index < shape[dimension]; ++index)
        copyDimension(dimension + 1, target + index * targetStep, source + index * sourceStep);
      return;
    }
    if (targetStep == elementBytes && sourceStep == elementBytes) {
      std::memcpy(target, source, shape[dimension] * elementBytes);
      return;
    }
    switch (elementBytes) {
    case 1:
      return copyRow<1>(shape[dimension], target, targetStep, source, sourceStep);
    case 2:
      return copyRow<2>(shape[dimension], target, targetStep, source, sourceStep);
    case 4:
      return copyRow<4>(shape[dimension], target, targetStep, source, sourceStep);
    case 16:
      return copyRow<16>(shape[dimension], target, targetStep, source, sourceStep);
    default:
      return copyRow<8>(shape[dimension], target, targetStep, source, sourceStep);
    }
  }

  template <int bytes>
  static void copyRow(int64_t count, char *target, int64_t targetStep, const char *source, int64_t sourceStep) {
    for (int64_t index = 0; index < count; ++index)
      std::memcpy(target + index * targetStep, source + index * sourceStep, bytes);
  }
};
} // namespace

static int64_t leadingDimensions(RankedTensorType type, const ConstantData &operand) {
  return type.getRank() - operand.type.getRank();
}

static ElementsAttr evaluateTranspose(nn::TransposeOp op, const ConstantData &input, RankedTensorType type) {
  NewConstant result(type);
  SmallVector<int64_t> own = input.strides();
  auto strides = llvm::map_to_vector(op.getPermutation(), [&](int64_t dimension) { return own[dimension]; });
  StridedCopy{SmallVector<int64_t>(type.getShape()), rowMajorStrides(type.getShape()), strides, input.elementBytes()}
      .run(result.data(), input.bytes.data());
  return std::move(result).take();
}

static ElementsAttr evaluateBroadcast(const ConstantData &input, RankedTensorType type) {
  NewConstant result(type);
  SmallVector<int64_t> strides(leadingDimensions(type, input), 0);
  for (auto [extent, stride] : llvm::zip_equal(input.type.getShape(), input.strides()))
    strides.push_back(extent == 1 ? 0 : stride);
  StridedCopy{SmallVector<int64_t>(type.getShape()), rowMajorStrides(type.getShape()), strides, input.elementBytes()}
      .run(result.data(), input.bytes.data());
  return std::move(result).take();
}

static FailureOr<ElementsAttr> evaluateSlice(nn::SliceOp op, const ConstantOperands &operands, RankedTensorType type) {
  const ConstantData &input = operands.tensors.front();
  size_t rank = type.getRank();
  ArrayRef<int64_t> numbers = operands.numbers;
  ArrayRef<int64_t> offsets = numbers.take_front(rank), steps = numbers.take_back(rank);
  SmallVector<int64_t> own = input.strides(), strides;
  NewConstant result(type);
  int64_t start = 0;
  for (size_t dimension = 0; dimension < rank; ++dimension) {
    // Inference has checked that the slice stays inside.
    start += offsets[dimension] * own[dimension];
    strides.push_back(steps[dimension] * own[dimension]);
  }
  if (type.getNumElements() != 0)
    StridedCopy{SmallVector<int64_t>(type.getShape()), rowMajorStrides(type.getShape()), strides, input.elementBytes()}
        .run(result.data(), input.bytes.data() + start * input.elementBytes());
  return std::move(result).take();
}

static ElementsAttr evaluateConcat(nn::ConcatOp op, ArrayRef<ConstantData> inputs, RankedTensorType type) {
  NewConstant result(type);
  SmallVector<int64_t> strides = rowMajorStrides(type.getShape());
  int64_t axis = op.getAxis(), position = 0;
  for (const ConstantData &input : inputs) {
    int64_t bytes = input.elementBytes();
    StridedCopy{SmallVector<int64_t>(input.type.getShape()), strides, input.strides(), bytes}.run(
        result.data() + position * strides[axis] * bytes, input.bytes.data());
    position += input.type.getDimSize(axis);
  }
  return std::move(result).take();
}

// The input position that a padded position shows, or -1 for the fill value.
static int64_t paddedSource(nn::PadMode mode, int64_t position, int64_t extent) {
  if (position >= 0 && position < extent)
    return position;
  switch (mode) {
  case nn::PadMode::constant:
    return -1;
  case nn::PadMode::edge:
    return position < 0 ? 0 : extent - 1;
  case nn::PadMode::wrap:
    return ((position % extent) + extent) % extent;
  case nn::PadMode::reflect: {
    int64_t period = std::max<int64_t>(2 * (extent - 1), 1);
    int64_t place = ((position % period) + period) % period;
    return place < extent ? place : period - place;
  }
  }
  return -1;
}

static FailureOr<ElementsAttr> evaluatePad(nn::PadOp op, const ConstantOperands &operands, RankedTensorType type) {
  const ConstantData &input = operands.tensors.front();
  int64_t rank = type.getRank(), bytes = input.elementBytes();
  if (input.type.getNumElements() == 0 && op.getMode() != nn::PadMode::constant)
    return failure();
  NewConstant result(type);
  SmallVector<int64_t> strides = input.strides(), index(rank, 0);
  for (int64_t element = 0; element < type.getNumElements(); ++element) {
    int64_t offset = 0;
    for (int64_t dimension = 0; dimension < rank && offset >= 0; ++dimension) {
      int64_t source =
          paddedSource(op.getMode(), index[dimension] - operands.numbers[dimension], input.type.getDimSize(dimension));
      offset = source < 0 ? -1 : offset + source * strides[dimension];
    }
    const char *source = offset < 0 ? operands.tensors.back().bytes.data() : input.bytes.data() + offset * bytes;
    std::memcpy(result.data() + element * bytes, source, bytes);
    for (int64_t dimension = rank - 1; dimension >= 0 && ++index[dimension] == type.getDimSize(dimension); --dimension)
      index[dimension] = 0;
  }
  return std::move(result).take();
}

static ElementsAttr evaluateIota(nn::IotaOp op, RankedTensorType type) {
  NewConstant result(type);
  int64_t dimension = op.getDimension(), extent = type.getDimSize(dimension);
  int64_t stride = rowMajorStrides(type.getShape())[dimension];
  for (int64_t element = 0; element < type.getNumElements(); ++element) {
    int64_t value = element / stride % extent;
    storeElements(type.getElementType(), &value, 1, result.data() + element * sizeof(int64_t));
  }
  return std::move(result).take();
}

// input [..., K, N] -> [..., N / nr, K, nr], the last panel filled with zeros.
static ElementsAttr evaluatePack(nn::PackOp op, const ConstantData &input, RankedTensorType type) {
  NewConstant result(type);
  int64_t rank = type.getRank(), bytes = input.elementBytes();
  int64_t panels = type.getDimSize(rank - 3), depth = type.getDimSize(rank - 2), nr = type.getDimSize(rank - 1);
  int64_t columns = op.getPacking().getColumns();
  std::memset(result.data(), 0, type.getNumElements() * bytes);
  SmallVector<int64_t> strides = input.strides();
  int64_t columnStride = strides.back(), rowStride = strides[strides.size() - 2];
  int64_t matrix = input.splat ? 0 : depth * columns;
  for (int64_t batch = 0, end = type.getNumElements() / std::max<int64_t>(1, panels * depth * nr); batch < end; ++batch)
    for (int64_t panel = 0; panel < panels; ++panel)
      StridedCopy{{depth, std::min(nr, columns - panel * nr)}, {nr, 1}, {rowStride, columnStride}, bytes}.run(
          result.data() + (batch * panels + panel) * depth * nr * bytes,
          input.bytes.data() + (batch * matrix + panel * nr * columnStride) * bytes);
  return std::move(result).take();
}

static FailureOr<ElementsAttr> evaluateGather(nn::GatherOp op, ArrayRef<ConstantData> operands, RankedTensorType type) {
  const ConstantData &input = operands[0], &indices = operands[1];
  int64_t axis = op.getAxis(), extent = input.type.getDimSize(axis), bytes = input.elementBytes();
  int64_t inner = 1, outer = 1, count = indices.type.getNumElements();
  for (int64_t dimension = 0; dimension < input.type.getRank(); ++dimension)
    (dimension < axis ? outer : inner) *= dimension == axis ? 1 : input.type.getDimSize(dimension);
  std::vector<int64_t> numbers(count);
  if (count != 0)
    loadElements(indices.type.getElementType(), indices.bytes.data(), indices.splat ? 0 : 1, count, numbers.data());
  NewConstant result(type);
  for (int64_t row = 0; row < outer; ++row) {
    for (int64_t index = 0; index < count; ++index) {
      int64_t position = numbers[index] < 0 ? numbers[index] + extent : numbers[index];
      if (position < 0 || position >= extent)
        return failure();
      int64_t step = input.splat ? 0 : 1;
      StridedCopy{{inner}, {1}, {step}, bytes}.run(result.data() + (row * count + index) * inner * bytes,
                                                   input.bytes.data() +
                                                       step * (row * extent + position) * inner * bytes);
    }
  }
  return std::move(result).take();
}

/// A table of a resized dimension: `value` of each neighbour's number and each result's coordinate.
template <typename Element>
static ElementsAttr evaluateTable(const nn::ResizeRule &rule, const ConstantOperands &operands, RankedTensorType type,
                                  double (nn::ResizeGrid<nn::PlainArithmetic>::*value)(double, double)) {
  nn::PlainArithmetic arithmetic;
  nn::ResizeGrid grid(arithmetic, rule, static_cast<double>(operands.numbers[0]),
                      static_cast<double>(operands.numbers[1]), operands.floats[0]);
  NewConstant result(type);
  int64_t size = type.getDimSize(1);
  for (int64_t tap = 0; tap < type.getDimSize(0); ++tap)
    for (int64_t x = 0; x < size; ++x) {
      auto element = static_cast<Element>((grid.*value)(grid.coordinate(x), tap));
      std::memcpy(result.data() + (tap * size + x) * sizeof(Element), &element, sizeof(Element));
    }
  return std::move(result).take();
}

static ElementsAttr evaluateResizePositions(nn::ResizePositionsOp op, const ConstantOperands &operands,
                                            RankedTensorType type) {
  nn::ResizeRule rule{op.getMode(), op.getCoordinate(), op.getNearest()};
  return evaluateTable<int32_t>(rule, operands, type, &nn::ResizeGrid<nn::PlainArithmetic>::position);
}

static ElementsAttr evaluateResizeWeights(nn::ResizeWeightsOp op, const ConstantOperands &operands,
                                          RankedTensorType type) {
  nn::ResizeRule rule{op.getMode(), op.getCoordinate(), nn::ResizeNearest::floor,
                      op.getCubicCoefficient().convertToFloat(), op.getExcludeOutside()};
  auto weight = &nn::ResizeGrid<nn::PlainArithmetic>::weight;
  return op.getElement().isF64() ? evaluateTable<double>(rule, operands, type, weight)
                                 : evaluateTable<float>(rule, operands, type, weight);
}

FailureOr<ElementsAttr> evaluateMovement(Operation *op, const ConstantOperands &operands, RankedTensorType type) {
  ArrayRef<ConstantData> tensors = operands.tensors;
  using Result = FailureOr<ElementsAttr>;
  return TypeSwitch<Operation *, Result>(op)
      .Case<nn::TransposeOp>([&](auto movement) -> Result { return evaluateTranspose(movement, tensors[0], type); })
      .Case<nn::BroadcastOp>([&](auto) -> Result { return evaluateBroadcast(tensors[0], type); })
      .Case<nn::SliceOp>([&](auto movement) { return evaluateSlice(movement, operands, type); })
      .Case<nn::ConcatOp>([&](auto movement) -> Result { return evaluateConcat(movement, tensors, type); })
      .Case<nn::PadOp>([&](auto movement) { return evaluatePad(movement, operands, type); })
      .Case<nn::IotaOp>([&](auto movement) -> Result { return evaluateIota(movement, type); })
      .Case<nn::PackOp>([&](auto movement) -> Result { return evaluatePack(movement, tensors[0], type); })
      .Case<nn::ResizePositionsOp>([&](auto table) -> Result { return evaluateResizePositions(table, operands, type); })
      .Case<nn::ResizeWeightsOp>([&](auto table) -> Result { return evaluateResizeWeights(table, operands, type); })
      .Case<nn::GatherOp>([&](auto movement) { return evaluateGather(movement, tensors, type); })
      .Default(failure());
}

} // namespace tenon::graph
