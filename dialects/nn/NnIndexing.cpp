//===- NnIndexing.cpp - elements chosen by values ------------------------------------------===//
//
// Constraints and result shapes; the formulas are in NnIndexing.td.
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

static LogicalResult checkRanks(Extents &extents, StringRef label, Value input, Value indices) {
  if (Extents::rank(input) != Extents::rank(indices))
    return extents.fail(label, ": input has rank ", Extents::rank(input), " but indices have rank ",
                        Extents::rank(indices));
  return success();
}

/// Whether updates may have the shape that is expected of them.
static bool agree(Extents &extents, ArrayRef<OpFoldResult> shape, ArrayRef<OpFoldResult> expected) {
  return shape.size() == expected.size() && llvm::all_of(llvm::zip_equal(shape, expected), [&](auto pair) {
           return !extents.clash(std::get<0>(pair), std::get<1>(pair), "extents of the updates");
         });
}

static LogicalResult checkUpdates(Extents &extents, StringRef label, Value input, Value updates) {
  if (Extents::element(input) != Extents::element(updates))
    return extents.fail(label, ": input has element type ", Extents::element(input), " but updates have ",
                        Extents::element(updates));
  return success();
}

static LogicalResult checkCombines(Extents &extents, StringRef label, ScatterKind kind, Value input) {
  Type element = Extents::element(input);
  if (kind != ScatterKind::assign && (isStringType(element) || isa<ComplexType>(element)))
    return extents.fail(label, ": elements of type ", element, " are not combined by ", stringifyScatterKind(kind));
  return success();
}

/// Dimensions of the indices but `axis` are positions of the input as well.
static LogicalResult checkPositions(Extents &extents, StringRef label, Value input, Value indices, int64_t axis) {
  for (int64_t dimension = 0; dimension < Extents::rank(input); ++dimension) {
    OpFoldResult bound = extents.of(input, dimension), extent = extents.of(indices, dimension);
    if (dimension != axis && extents.exceeds(extent, bound, "indices' extent"))
      return extents.fail(label, ": indices have extent ", *Extents::known(extent), " in dimension ", dimension,
                          " but input only ", *Extents::known(bound));
  }
  return success();
}

LogicalResult GatherOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(extents, "C1", axis, Extents::rank(adaptor.getInput()))))
    return failure();
  SmallVector<OpFoldResult> input = extents.of(adaptor.getInput()), indices = extents.of(adaptor.getIndices());
  TensorShape result{Extents::element(adaptor.getInput()), {}};
  result.extents.append(input.begin(), input.begin() + axis);
  result.extents.append(indices);
  result.extents.append(input.begin() + axis + 1, input.end());
  results.push_back(std::move(result));
  return success();
}

LogicalResult GatherElementsOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput(), indices = adaptor.getIndices();
  if (failed(checkRanks(extents, "C1", input, indices)) ||
      failed(checkAxis(extents, "C2", adaptor.getAxis(), Extents::rank(input))) ||
      failed(checkPositions(extents, "C3", input, indices, adaptor.getAxis())))
    return failure();
  results.push_back({Extents::element(input), extents.of(indices)});
  return success();
}

LogicalResult GatherNdOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput(), indices = adaptor.getIndices();
  int64_t batch = adaptor.getBatchDims(), inputRank = Extents::rank(input), indicesRank = Extents::rank(indices);
  if (batch < 0 || batch >= indicesRank || batch > inputRank)
    return extents.fail("C1: batch_dims is ", batch, " but ranks are ", inputRank, " and ", indicesRank);
  std::optional<int64_t> depth = Extents::known(extents.of(indices, indicesRank - 1));
  if (!depth)
    return extents.fail("C2: the last extent of indices must be static");
  if (*depth < 0 || batch + *depth > inputRank)
    return extents.fail("C2: indices address ", *depth, " dimensions after ", batch, " but input has rank ", inputRank);
  SmallVector<OpFoldResult> inputExtents = extents.of(input), indicesExtents = extents.of(indices);
  TensorShape result{Extents::element(input), {}};
  for (int64_t dimension = 0; dimension < batch; ++dimension) {
    FailureOr<OpFoldResult> extent =
        extents.same(inputExtents[dimension], indicesExtents[dimension], "batch dimensions");
    if (failed(extent))
      return extents.fail("C1: batch dimension ", dimension, " is ", *Extents::known(inputExtents[dimension]), " and ",
                          *Extents::known(indicesExtents[dimension]));
    result.extents.push_back(*extent);
  }
  result.extents.append(indicesExtents.begin() + batch, indicesExtents.end() - 1);
  result.extents.append(inputExtents.begin() + batch + *depth, inputExtents.end());
  results.push_back(std::move(result));
  return success();
}

LogicalResult ScatterElementsOp::resultShapes(Adaptor adaptor, Extents &extents,
                                              SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput(), indices = adaptor.getIndices(), updates = adaptor.getUpdates();
  if (failed(checkRanks(extents, "C1", input, indices)) ||
      failed(checkAxis(extents, "C2", adaptor.getAxis(), Extents::rank(input))) ||
      failed(checkUpdates(extents, "C3", input, updates)))
    return failure();
  if (Extents::rank(indices) != Extents::rank(updates) || !agree(extents, extents.of(indices), extents.of(updates)))
    return extents.fail("C3: indices ", indices.getType(), " and updates ", updates.getType(), " differ in shape");
  if (failed(checkPositions(extents, "C4", input, indices, adaptor.getAxis())) ||
      failed(checkCombines(extents, "C5", adaptor.getKind(), input)))
    return failure();
  results.push_back({Extents::element(input), extents.of(input)});
  return success();
}

LogicalResult ScatterNdOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value input = adaptor.getInput(), indices = adaptor.getIndices(), updates = adaptor.getUpdates();
  if (failed(checkUpdates(extents, "C1", input, updates)))
    return failure();
  int64_t inputRank = Extents::rank(input), indicesRank = Extents::rank(indices);
  if (indicesRank < 1)
    return extents.fail("C2: indices have rank 0 but need 1 or more");
  std::optional<int64_t> depth = Extents::known(extents.of(indices, indicesRank - 1));
  if (!depth)
    return extents.fail("C2: the last extent of indices must be static");
  if (*depth > inputRank)
    return extents.fail("C2: indices address ", *depth, " dimensions but input has rank ", inputRank);
  SmallVector<OpFoldResult> inputExtents = extents.of(input), expected = extents.of(indices);
  expected.pop_back();
  expected.append(inputExtents.begin() + *depth, inputExtents.end());
  if (!agree(extents, extents.of(updates), expected)) {
    auto shape = llvm::map_to_vector(
        expected, [](OpFoldResult extent) { return Extents::known(extent).value_or(ShapedType::kDynamic); });
    return extents.fail("C3: updates are ", updates.getType(), " but need ",
                        RankedTensorType::get(shape, Extents::element(updates)));
  }
  if (failed(checkCombines(extents, "C4", adaptor.getKind(), input)))
    return failure();
  results.push_back({Extents::element(input), extents.of(input)});
  return success();
}

LogicalResult NonZeroOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  results.push_back(
      {extents.int64(), {extents.constant(Extents::rank(adaptor.getInput())), extents.size(adaptor.getCount())}});
  return success();
}
