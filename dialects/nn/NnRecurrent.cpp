//===- NnRecurrent.cpp - recurrences over time ---------------------------------------------===//
//
// Constraints and result shapes; the formulas are in NnRecurrent.td.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace tenon::nn;

namespace {

/// The common part of the constraints and shapes of an op that runs a cell over a sequence. The extents are
/// there once `checkOperands` has succeeded.
template <typename OpTy> class Recurrence {
public:
  Recurrence(typename OpTy::Adaptor adaptor, Extents &extents)
      : adaptor(adaptor), extents(extents), directions(adaptor.getDirection() == Direction::bidirectional ? 2 : 1) {}

  /// C1, and C2 for the operands that every such op has.
  LogicalResult checkOperands() {
    Value projected = adaptor.getProjected(), recurrent = adaptor.getRecurrent();
    bool packed = Extents::rank(recurrent) == 5;
    if (Extents::rank(projected) != 3 || (Extents::rank(recurrent) != 3 && !packed))
      return extents.fail("C1: projected and recurrent have ranks ", Extents::rank(projected), " and ",
                          Extents::rank(recurrent), " but need 3, or recurrent 5 if it is packed");
    steps = extents.of(projected, 0);
    batch = extents.of(projected, 1);
    hidden = extents.of(recurrent, hiddenDimension(recurrent));
    count = extents.constant(directions);
    SmallVector<OpFoldResult> weights{count, hidden, timesHidden(OpTy::gateCount)};
    if (packed) {
      OpFoldResult width = extents.of(recurrent, 4);
      if (!Extents::known(hidden) || Extents::known(width).value_or(0) < 1)
        return extents.fail("C1: packed recurrent weights need known extents");
      int64_t panels = llvm::divideCeil(*Extents::known(hidden), *Extents::known(width));
      weights = {count, extents.constant(panels), hidden, extents.constant(OpTy::gateCount), width};
    }
    if (failed(check("projected", projected, {steps, batch, timesHidden(OpTy::gateCount * directions)})) ||
        failed(check("recurrent", recurrent, weights)) ||
        failed(check("initial_h", adaptor.getInitialH(), {count, batch, hidden})))
      return failure();
    return check("lengths", adaptor.getLengths(), {batch});
  }

  /// C2 for one operand, which may be absent; what is known of extents must agree.
  LogicalResult check(StringRef name, Value operand, ArrayRef<OpFoldResult> expected) {
    if (!operand)
      return success();
    if (Extents::rank(operand) != static_cast<int64_t>(expected.size()))
      return extents.fail("C2: ", name, " has rank ", Extents::rank(operand), " but needs ", expected.size());
    for (auto [dimension, extent] : llvm::enumerate(expected)) {
      OpFoldResult got = extents.of(operand, dimension);
      if (extents.clash(got, extent, "extents of the operands"))
        return extents.fail("C2: ", name, " dimension ", dimension, " is ", *Extents::known(got), " but must be ",
                            *Extents::known(extent));
    }
    Type element = Extents::element(adaptor.getProjected());
    if (operand != adaptor.getLengths() && Extents::element(operand) != element)
      return extents.fail("C2: ", name, " has element type ", Extents::element(operand), " but projected has ",
                          element);
    return success();
  }

  /// C3.
  LogicalResult checkActivations() {
    size_t functions = OpTy::functionCount * directions;
    if (adaptor.getActivations().size() != functions || adaptor.getAlpha().size() != functions ||
        adaptor.getBeta().size() != functions)
      return extents.fail("C3: activations, alpha and beta have ", adaptor.getActivations().size(), ", ",
                          adaptor.getAlpha().size(), " and ", adaptor.getBeta().size(), " entries but need ",
                          functions);
    for (int32_t activation : adaptor.getActivations())
      if (!symbolizeActivation(activation))
        return extents.fail("C3: ", activation, " is no activation");
    return success();
  }

  /// sequence[T, D, B, H] and as many states[D, B, H] as the op has.
  void appendResults(SmallVectorImpl<TensorShape> &results) {
    Type element = Extents::element(adaptor.getProjected());
    results.push_back({element, {steps, count, batch, hidden}});
    while (results.size() < resultCount<OpTy>)
      results.push_back({element, {count, batch, hidden}});
  }

  OpFoldResult timesHidden(int64_t factor) { return extents.mul(hidden, factor); }

  OpFoldResult steps, batch, hidden, count; ///< count: of directions

private:
  typename OpTy::Adaptor adaptor;
  Extents &extents;
  int64_t directions;
};

} // namespace

LogicalResult LstmOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Recurrence<LstmOp> recurrence(adaptor, extents);
  if (failed(recurrence.checkOperands()) ||
      failed(recurrence.check("initial_c", adaptor.getInitialC(),
                              {recurrence.count, recurrence.batch, recurrence.hidden})) ||
      failed(recurrence.check("peephole", adaptor.getPeephole(), {recurrence.count, recurrence.timesHidden(3)})) ||
      failed(recurrence.checkActivations()))
    return failure();
  recurrence.appendResults(results);
  return success();
}

LogicalResult GruOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Recurrence<GruOp> recurrence(adaptor, extents);
  if (failed(recurrence.checkOperands()) ||
      failed(recurrence.check("bias", adaptor.getBias(), {recurrence.count, recurrence.hidden})) ||
      failed(recurrence.checkActivations()))
    return failure();
  if (adaptor.getBias() && !adaptor.getLinearBeforeReset())
    return extents.fail("C4: bias is given without linear_before_reset");
  recurrence.appendResults(results);
  return success();
}

LogicalResult RnnOp::resultShapes(Adaptor adaptor, Extents &extents, SmallVectorImpl<TensorShape> &results) {
  Recurrence<RnnOp> recurrence(adaptor, extents);
  if (failed(recurrence.checkOperands()) || failed(recurrence.checkActivations()))
    return failure();
  recurrence.appendResults(results);
  return success();
}
