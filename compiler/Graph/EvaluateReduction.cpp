//===- EvaluateReduction.cpp - reductions on constants -------------------------------------===//
//
// Elements are visited in row-major order. Floats of up to 32 bits are accumulated in double and rounded once, f64 in
// double, integers in 64 bits and wrapped.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/Evaluator.h"
#include "compiler/Graph/NumberFormat.h"
#include "dialects/nn/Nn.h"
#include <cmath>

#pragma STDC FP_CONTRACT OFF

using namespace mlir;

namespace tenon::graph {

// The lowest value of a type for max, the highest for min: what an empty reduction gives.
template <typename T> static T extreme(Type element, bool lowest) {
  if constexpr (std::is_floating_point_v<T>)
    return lowest ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
  unsigned width = element.getIntOrFloatBitWidth();
  if constexpr (std::is_signed_v<T>)
    return lowest ? static_cast<T>(APInt::getSignedMinValue(width).getSExtValue())
                  : static_cast<T>(APInt::getSignedMaxValue(width).getSExtValue());
  return lowest ? 0 : static_cast<T>(APInt::getMaxValue(width).getZExtValue());
}

template <typename T> static bool replaces(T value, T old, bool max) {
  if constexpr (std::is_floating_point_v<T>)
    if (std::isnan(old) || std::isnan(value))
      return !std::isnan(old);
  return max ? value > old : value < old;
}

template <typename T> static ElementsAttr reduceIn(nn::ReduceOp op, const ConstantData &input, RankedTensorType type) {
  // Where each input dimension goes in the result; reduced ones stay on the spot.
  SmallVector<int64_t> targetStrides(input.type.getRank(), 0), resultStrides = rowMajorStrides(type.getShape());
  int64_t next = 0;
  for (int64_t dimension = 0; dimension < input.type.getRank(); ++dimension) {
    bool reduced = llvm::is_contained(op.getAxes(), dimension);
    if (!reduced)
      targetStrides[dimension] = resultStrides[next];
    next += !reduced || op.getKeepDims();
  }

  Type element = type.getElementType();
  nn::ReduceKind kind = op.getKind();
  T initial = kind == nn::ReduceKind::sum    ? T(0)
              : kind == nn::ReduceKind::prod ? T(1)
                                             : extreme<T>(element, kind == nn::ReduceKind::max);
  std::vector<T> sums(type.getNumElements(), initial);
  SmallVector<int64_t> index(input.type.getRank(), 0);
  int64_t target = 0, bytes = input.elementBytes();
  for (int64_t position = 0, count = input.type.getNumElements(); position < count; ++position) {
    T value;
    loadElements(element, input.bytes.data() + (input.splat ? 0 : position * bytes), 0, 1, &value);
    T &sum = sums[target];
    if (kind == nn::ReduceKind::sum)
      sum += value;
    else if (kind == nn::ReduceKind::prod)
      sum *= value;
    else if (replaces(value, sum, kind == nn::ReduceKind::max))
      sum = value;
    for (int64_t dimension = input.type.getRank() - 1; dimension >= 0; --dimension) {
      target += targetStrides[dimension];
      if (++index[dimension] < input.type.getDimSize(dimension))
        break;
      target -= targetStrides[dimension] * index[dimension];
      index[dimension] = 0;
    }
  }
  NewConstant result(type);
  storeElements(element, sums.data(), type.getNumElements(), result.data());
  return std::move(result).take();
}

FailureOr<ElementsAttr> evaluateReduction(Operation *op, ArrayRef<ConstantData> operands, RankedTensorType type) {
  auto reduce = dyn_cast<nn::ReduceOp>(op);
  if (!reduce)
    return failure();
  switch (numberKind(type.getElementType())) {
  case NumberKind::f32:
  case NumberKind::f64:
    return reduceIn<double>(reduce, operands.front(), type);
  case NumberKind::i64: {
    // Unsigned arithmetic wraps; maxima and minima need the sign.
    bool ordered = reduce.getKind() == nn::ReduceKind::max || reduce.getKind() == nn::ReduceKind::min;
    return ordered ? reduceIn<int64_t>(reduce, operands.front(), type)
                   : reduceIn<uint64_t>(reduce, operands.front(), type);
  }
  case NumberKind::u64:
    return reduceIn<uint64_t>(reduce, operands.front(), type);
  }
  return failure();
}

} // namespace tenon::graph
