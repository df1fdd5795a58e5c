//===- NnRecurrent.cpp - recurrences over time ---------------------------------------------===//
//
// Constraints and result shapes; the formulas are in NnRecurrent.td.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace tenon::nn;

LogicalResult LstmOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  int64_t directions = adaptor.getDirection() == Direction::bidirectional ? 2 : 1;
  Value projected = adaptor.getProjected(), recurrent = adaptor.getRecurrent();
  Type element = Extents::element(projected);
  if (Extents::rank(projected) != 3 || Extents::rank(recurrent) != 3)
    return extents.fail("C1: projected and recurrent have ranks ", Extents::rank(projected), " and ",
                        Extents::rank(recurrent), " but need 3");
  OpFoldResult steps = extents.of(projected, 0), batch = extents.of(projected, 1), hidden = extents.of(recurrent, 1);

  // Each operand's expected extents; what is known of them must agree.
  auto check = [&](StringRef name, Value operand, ArrayRef<OpFoldResult> expected) -> LogicalResult {
    if (!operand)
      return success();
    if (Extents::rank(operand) != static_cast<int64_t>(expected.size()))
      return extents.fail("C2: ", name, " has rank ", Extents::rank(operand), " but needs ", expected.size());
    for (auto [dimension, extent] : llvm::enumerate(expected)) {
      std::optional<int64_t> got = Extents::known(extents.of(operand, dimension)), want = Extents::known(extent);
      if (got && want && *got != *want)
        return extents.fail("C2: ", name, " dimension ", dimension, " is ", *got, " but must be ", *want);
    }
    if (operand != adaptor.getLengths() && Extents::element(operand) != element)
      return extents.fail("C2: ", name, " has element type ", Extents::element(operand), " but projected has ",
                          element);
    return success();
  };
  std::optional<int64_t> size = Extents::known(hidden);
  auto timesHidden = [&](int64_t factor) { return size ? extents.constant(*size * factor) : OpFoldResult(); };
  OpFoldResult count = extents.constant(directions);
  if (failed(check("projected", projected, {steps, batch, timesHidden(4 * directions)})) ||
      failed(check("recurrent", recurrent, {count, hidden, timesHidden(4)})) ||
      failed(check("initial_h", adaptor.getInitialH(), {count, batch, hidden})) ||
      failed(check("initial_c", adaptor.getInitialC(), {count, batch, hidden})) ||
      failed(check("peephole", adaptor.getPeephole(), {count, timesHidden(3)})) ||
      failed(check("lengths", adaptor.getLengths(), {batch})))
    return failure();

  size_t functions = 3 * directions;
  if (adaptor.getActivations().size() != functions || adaptor.getAlpha().size() != functions ||
      adaptor.getBeta().size() != functions)
    return extents.fail("C3: activations, alpha and beta have ", adaptor.getActivations().size(), ", ",
                        adaptor.getAlpha().size(), " and ", adaptor.getBeta().size(), " entries but need ", functions);
  for (int32_t activation : adaptor.getActivations())
    if (!symbolizeActivation(activation))
      return extents.fail("C3: ", activation, " is no activation");

  results.push_back({element, {steps, count, batch, hidden}});
  results.push_back({element, {count, batch, hidden}});
  results.push_back({element, {count, batch, hidden}});
  return success();
}
