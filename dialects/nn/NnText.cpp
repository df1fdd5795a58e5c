//===- NnText.cpp - shapes of text ops -----------------------------------------------------===//

#include "dialects/nn/Nn.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace tenon::nn;

static Type stringElement(Value tensor) { return getStringType(tensor.getContext()); }

LogicalResult StringConcatOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Value lhs = adaptor.getLhs(), rhs = adaptor.getRhs();
  if (failed(verifyCompatibleShape(lhs.getType(), rhs.getType())))
    return extents.fail("C1: lhs ", lhs.getType(), " and rhs ", rhs.getType(), " differ in shape");
  TensorShape shape{stringElement(lhs), {}};
  for (auto [left, right] : llvm::zip_equal(extents.of(lhs), extents.of(rhs)))
    shape.extents.push_back(*extents.same(left, right, "extents of the texts"));
  results.push_back(shape);
  return success();
}

LogicalResult StringCaseOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  results.push_back({stringElement(adaptor.getInput()), extents.of(adaptor.getInput())});
  return success();
}

LogicalResult StringMatchOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  if (int64_t rank = Extents::rank(adaptor.getProgram()); rank != 1)
    return extents.fail("C1: the program has rank ", rank, " but needs 1");
  results.push_back({extents.boolean(), extents.of(adaptor.getInput())});
  return success();
}

static LogicalResult checkDelimiter(Extents &extents, Value delimiter) {
  if (int64_t rank = Extents::rank(delimiter); rank != 0)
    return extents.fail("C1: the delimiter has rank ", rank, " but needs 0");
  return success();
}

LogicalResult StringSplitCountOp::resultShapes(Adaptor adaptor, Extents &extents,
                                               SmallVectorImpl<TensorShape> &results) {
  if (failed(checkDelimiter(extents, adaptor.getDelimiter())))
    return failure();
  results.push_back({extents.int64(), extents.of(adaptor.getInput())});
  return success();
}

LogicalResult StringSplitOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  if (failed(checkDelimiter(extents, adaptor.getDelimiter())))
    return failure();
  TensorShape shape{stringElement(adaptor.getInput()), extents.of(adaptor.getInput())};
  shape.extents.push_back(extents.size(adaptor.getWidth()));
  results.push_back(shape);
  return success();
}

LogicalResult StringRankOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  results.push_back({extents.int64(), extents.of(adaptor.getInput())});
  return success();
}

LogicalResult StringParseOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  if (isStringType(adaptor.getElementType()))
    return extents.fail("C1: the element type is that of strings");
  results.push_back({adaptor.getElementType(), extents.of(adaptor.getInput())});
  return success();
}

LogicalResult StringFormatOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  results.push_back({stringElement(adaptor.getInput()), extents.of(adaptor.getInput())});
  return success();
}
