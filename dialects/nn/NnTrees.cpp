//===- NnTrees.cpp - ensembles of decision trees -------------------------------------------===//
//
// Constraints and result shapes; the formulas are in NnTrees.td.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace tenon::nn;

static LogicalResult checkExtent(Extents &extents, StringRef label, StringRef name, Value tensor, int64_t dimension,
                                 OpFoldResult expected) {
  std::optional<int64_t> got = Extents::known(extents.of(tensor, dimension)), wanted = Extents::known(expected);
  if (got && wanted && *got != *wanted)
    return extents.fail(label, ": ", name, " have extent ", *got, " in dimension ", dimension, " but need ", *wanted);
  return success();
}

LogicalResult TreeEnsembleOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  struct Named {
    StringRef name;
    Value tensor;
    int64_t rank;
  };
  Value ranges = adaptor.getRanges();
  for (Named operand : {Named{"x", adaptor.getX(), 2},
                        {"columns", adaptor.getColumns(), 2},
                        {"cuts", adaptor.getCuts(), 1},
                        {"nodes", adaptor.getNodes(), 1},
                        {"roots", adaptor.getRoots(), 1},
                        {"order", adaptor.getOrder(), 1},
                        {"ranges", ranges, 2},
                        {"targets", adaptor.getTargets(), 1},
                        {"weights", adaptor.getWeights(), 1}})
    if (operand.tensor && Extents::rank(operand.tensor) != operand.rank)
      return extents.fail("C1: ", operand.name, " has rank ", Extents::rank(operand.tensor), " but needs ",
                          operand.rank);
  OpFoldResult trees = extents.of(adaptor.getRoots(), 0);
  if (failed(checkExtent(extents, "C1", "columns", adaptor.getColumns(), 1, extents.constant(4))))
    return failure();
  if (ranges && (failed(checkExtent(extents, "C1", "ranges", ranges, 0, extents.of(adaptor.getNodes(), 0))) ||
                 failed(checkExtent(extents, "C1", "ranges", ranges, 1, extents.constant(2)))))
    return failure();
  if (Extents::element(adaptor.getCuts()) != Extents::element(adaptor.getX()))
    return extents.fail("C2: cuts of ", Extents::element(adaptor.getCuts()), " but x of ",
                        Extents::element(adaptor.getX()));
  ReduceKind kind = adaptor.getKind();
  if (kind == ReduceKind::prod)
    return extents.fail("C3: kind is sum, min or max, not ", stringifyReduceKind(kind));
  int64_t rankBits = adaptor.getRankBits(), columnBits = adaptor.getColumnBits();
  int64_t wordBits = Extents::element(adaptor.getNodes()).getIntOrFloatBitWidth();
  if (rankBits < 1 || rankBits > 32 || columnBits < 0 || columnBits > 32 || rankBits + columnBits >= wordBits)
    return extents.fail("C4: a node of ", wordBits, " bits has ", rankBits, " for its rank and ", columnBits,
                        " for its column");
  if (failed(checkExtent(extents, "C5", "order", adaptor.getOrder(), 0, trees)) ||
      failed(checkExtent(extents, "C5", "targets", adaptor.getTargets(), 0,
                         ranges ? extents.of(adaptor.getWeights(), 0) : trees)))
    return failure();
  int64_t scores = adaptor.getScores();
  if (scores < 1)
    return extents.fail("C6: scores is ", scores, " but must be positive");

  OpFoldResult rows = extents.of(adaptor.getX(), 0);
  int64_t room = Extents::known(rows).value_or(fewRows);
  if (room > fewRows)
    room = 0;
  results.push_back({Extents::element(adaptor.getWeights()), {rows, extents.constant(scores)}});
  results.push_back({Extents::element(adaptor.getRoots()), {extents.constant(room), trees}});
  return success();
}
