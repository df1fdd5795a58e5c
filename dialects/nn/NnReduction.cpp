//===- NnReduction.cpp - reductions, scans and selections along axes -----------------------===//
//
// Constraints and result shapes; the formulas are in NnReduction.td.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace tenon::nn;

static LogicalResult checkAxis(Extents &extents, StringRef label, int64_t axis, int64_t rank) {
  if (axis < 0 || axis >= rank)
    return extents.fail(label, ": axis ", axis, " is outside [0, ", rank, ")");
  return success();
}

// The extents of `input` without those of `axes`, or with 1 in their place.
static SmallVector<OpFoldResult> reducedExtents(Extents &extents, Value input, ArrayRef<int64_t> axes, bool keepDims) {
  SmallVector<OpFoldResult> result;
  for (int64_t dimension = 0; dimension < Extents::rank(input); ++dimension) {
    if (!llvm::is_contained(axes, dimension))
      result.push_back(extents.of(input, dimension));
    else if (keepDims)
      result.push_back(extents.constant(1));
  }
  return result;
}

LogicalResult ReduceOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput();
  int64_t previous = -1;
  for (int64_t axis : adaptor.getAxes()) {
    if (failed(checkAxis(extents, "C1", axis, Extents::rank(input))))
      return failure();
    if (axis <= previous)
      return extents.fail("C1: axes must ascend but ", axis, " follows ", previous);
    previous = axis;
  }
  ReduceKind kind = adaptor.getKind();
  if (Extents::element(input).isInteger(1) && kind != ReduceKind::max && kind != ReduceKind::min)
    return extents.fail("C2: booleans reduce with max or min, not ", stringifyReduceKind(kind));
  results.push_back(
      {Extents::element(input), reducedExtents(extents, input, adaptor.getAxes(), adaptor.getKeepDims())});
  return success();
}

LogicalResult ArgReduceOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput();
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(extents, "C1", axis, Extents::rank(input))))
    return failure();
  ReduceKind kind = adaptor.getKind();
  if (kind != ReduceKind::max && kind != ReduceKind::min)
    return extents.fail("C2: kind is max or min, not ", stringifyReduceKind(kind));
  results.push_back({extents.int64(), reducedExtents(extents, input, {axis}, adaptor.getKeepDims())});
  return success();
}

LogicalResult CumulativeOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput();
  if (failed(checkAxis(extents, "C1", adaptor.getAxis(), Extents::rank(input))))
    return failure();
  ReduceKind kind = adaptor.getKind();
  if (kind != ReduceKind::sum && kind != ReduceKind::prod)
    return extents.fail("C2: kind is sum or prod, not ", stringifyReduceKind(kind));
  results.push_back({Extents::element(input), extents.of(input)});
  return success();
}

LogicalResult TopKOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput();
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(extents, "C1", axis, Extents::rank(input))))
    return failure();
  SmallVector<OpFoldResult> shape = extents.of(input);
  OpFoldResult k = extents.size(adaptor.getK());
  if (extents.exceeds(k, shape[axis], "k"))
    return extents.fail("C2: k is ", *Extents::known(k), " but the axis has extent ", *Extents::known(shape[axis]));
  shape[axis] = k;
  results.push_back({Extents::element(input), shape});
  results.push_back({extents.int64(), shape});
  return success();
}

LogicalResult NonMaxSuppressionOp::resultShapes(Adaptor adaptor, Extents &extents,
                                                SmallVectorImpl<TensorShape> &results) {
  Value boxes = adaptor.getBoxes(), scores = adaptor.getScores();
  if (Extents::rank(boxes) != 3)
    return extents.fail("C1: boxes have rank ", Extents::rank(boxes), " but need 3");
  if (extents.clash(extents.of(boxes, 2), extents.constant(4), "entries of a box"))
    return extents.fail("C1: a box has ", *Extents::known(extents.of(boxes, 2)), " entries but needs 4");
  if (Extents::rank(scores) != 3)
    return extents.fail("C2: scores have rank ", Extents::rank(scores), " but need 3");
  for (auto [ofBoxes, ofScores] : {std::pair(0, 0), std::pair(1, 2)}) {
    OpFoldResult expected = extents.of(boxes, ofBoxes), got = extents.of(scores, ofScores);
    if (extents.clash(expected, got, "extents of boxes and scores"))
      return extents.fail("C2: boxes have extent ", *Extents::known(expected), " in dimension ", ofBoxes,
                          " but scores have ", *Extents::known(got), " in dimension ", ofScores);
  }
  results.push_back(
      {extents.int64(), {extents.of(scores, 0), extents.of(scores, 1), extents.size(adaptor.getLimit())}});
  return success();
}
