//===- Reduction.cpp - reductions, selections and scans along axes -------------------------===//
//
// ReduceX, Softmax and its kin, ArgMax, CumSum, TopK.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Registry.h"
#include "compiler/Import/RuntimeAxes.h"

namespace tenon::importer {

namespace {

/// What a reduction is about.
struct Reduction {
  mlir::Value input;
  IntVector axes;
  bool keepDims;
  /// Instead of `axes`, where those are known at run time only: one i1 per dimension, and how many of them are set.
  ScalarVector flags;
  int64_t flagCount = 0;

  bool isEmpty() const { return axes.empty() && flags.empty(); }
};

Reduction readReduction(NodeContext &c) {
  mlir::Value input = c.input(0);
  Reduction reduction{input, {}, c.integer("keepdims", 1) != 0, {}, 0};
  if (c.hasRuntimeAxes(1)) {
    // Of an open list, the number matters only where the rank of the result depends on it.
    bool open = reduction.keepDims && c.isOpenList(1);
    ScalarVector axes = open ? c.list(1, rankOf(input), rankOf(input), "axes") : c.scalars(1, "axes").items;
    reduction.flagCount = static_cast<int64_t>(axes.size());
    if (reduction.flagCount > rankOf(input))
      fail("there are " + std::to_string(axes.size()) + " axes, expected at most " + std::to_string(rankOf(input)));
    reduction.flags = axisFlags(c.b, axes, rankOf(input));
    if (open && !c.integer("noop_with_empty_axes", 0)) {
      mlir::Value none =
          c.b.value(c.b.compare(mlir::arith::CmpIPredicate::eq, c.b.extent(c.input(1), 0), c.b.index(0)));
      for (Scalar &flag : reduction.flags)
        flag = c.b.scalar<mlir::arith::OrIOp>(c.b.value(flag), none);
    }
    return reduction;
  }
  std::optional<IntVector> given = c.axesOf("axes", 1);
  if (given && !given->empty())
    reduction.axes = c.axes(*given, rankOf(input));
  else if (!c.integer("noop_with_empty_axes", 0))
    reduction.axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(input)));
  return reduction;
}

mlir::Value reduce(NodeContext &c, nn::ReduceKind kind, const Reduction &reduction, mlir::Value input, bool keepDims) {
  if (reduction.flags.empty())
    return c.b.reduce(kind, input, reduction.axes, keepDims);
  // One dimension after the other, those that are axes.
  ScalarVector extents = c.b.extents(input);
  mlir::Value result = input;
  for (auto [d, flag] : llvm::enumerate(reduction.flags)) {
    IntVector axis{static_cast<int64_t>(d)};
    result = conditional(c.b, flag, [&] { return c.b.reduce(kind, result, axis, /*keepDims=*/true); }, result);
  }
  if (!keepDims)
    return c.b.reshape(result, extentsWithout(c.b, extents, reduction.flags, rankOf(input) - reduction.flagCount));
  return result;
}

mlir::Value sumOf(NodeContext &c, const Reduction &reduction, mlir::Value input) {
  return reduce(c, nn::ReduceKind::sum, reduction, input, reduction.keepDims);
}

/// Logarithms and roots of integers are computed in f64; `result` converts back.
mlir::Value widened(NodeContext &c, mlir::Value input) {
  return llvm::isa<mlir::FloatType>(elementOf(input)) ? c.b.widenedHalf(input)
                                                      : c.b.cast(input, c.b.raw().getF64Type());
}
void narrowedResult(NodeContext &c, mlir::Value value) { c.result(c.b.cast(value, elementOf(c.input(0)))); }

template <nn::ReduceKind kind> void importReduce(NodeContext &c) {
  Reduction reduction = readReduction(c);
  c.result(reduce(c, kind, reduction, reduction.input, reduction.keepDims));
}

void importReduceMean(NodeContext &c) {
  Reduction reduction = readReduction(c);
  ScalarVector counts;
  for (int64_t axis : reduction.axes)
    counts.push_back(c.b.extent(reduction.input, axis));
  for (auto [d, flag] : llvm::enumerate(reduction.flags))
    counts.push_back(c.b.select(flag, c.b.extent(reduction.input, static_cast<int64_t>(d)), c.b.index(1)));
  mlir::Value sum = sumOf(c, reduction, c.b.widenedHalf(reduction.input));
  if (reduction.isEmpty())
    return narrowedResult(c, sum);
  narrowedResult(c, c.b.make<nn::DivOp>(sum, c.b.scalarTensor(c.b.product(counts), elementOf(sum))));
}

void importReduceL1(NodeContext &c) {
  Reduction reduction = readReduction(c);
  // ONNX allows unsigned integers, which have no sign to lose.
  bool isUnsigned = elementOf(reduction.input).isUnsignedInteger();
  c.result(sumOf(c, reduction, isUnsigned ? reduction.input : c.b.make<nn::AbsOp>(reduction.input)));
}

void importReduceSumSquare(NodeContext &c) {
  Reduction reduction = readReduction(c);
  mlir::Value x = c.b.widenedHalf(reduction.input);
  narrowedResult(c, sumOf(c, reduction, c.b.make<nn::MulOp>(x, x)));
}

void importReduceL2(NodeContext &c) {
  Reduction reduction = readReduction(c);
  mlir::Value x = widened(c, reduction.input);
  narrowedResult(c, c.b.make<nn::SqrtOp>(sumOf(c, reduction, c.b.make<nn::MulOp>(x, x))));
}

void importReduceLogSum(NodeContext &c) {
  Reduction reduction = readReduction(c);
  narrowedResult(c, c.b.make<nn::LogOp>(sumOf(c, reduction, widened(c, reduction.input))));
}

/// log(sum(exp(x))) with the largest element taken out of the exponent, unless it is infinite.
void importReduceLogSumExp(NodeContext &c) {
  Builder &b = c.b;
  Reduction reduction = readReduction(c);
  mlir::Value x = widened(c, reduction.input);
  mlir::Value largest = reduce(c, nn::ReduceKind::max, reduction, x, /*keepDims=*/true);
  mlir::Value zero = b.constant(0, elementOf(x));
  largest = b.make<nn::SelectOp>(b.make<nn::IsInfOp>(largest, true, true), zero, largest);
  mlir::Value sum = sumOf(c, reduction, b.make<nn::ExpOp>(b.make<nn::SubOp>(x, largest)));
  mlir::Value logarithm = b.make<nn::LogOp>(sum);
  if (!reduction.keepDims)
    largest = b.reshape(largest, b.extents(logarithm));
  narrowedResult(c, b.make<nn::AddOp>(logarithm, largest));
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// The axes a softmax runs over: before opset 13 the input counts as a matrix split at `axis`.
IntVector softmaxAxes(NodeContext &c, mlir::Value input) {
  int64_t rank = rankOf(input);
  if (c.opset >= 13)
    return rank == 0 ? IntVector() : IntVector{c.axis(c.integer("axis", -1), rank)};
  // Here axis may be the rank itself.
  int64_t axis = c.integer("axis", 1);
  if (axis != rank)
    axis = c.axis(axis, rank);
  return llvm::to_vector(llvm::seq<int64_t>(axis, rank));
}

void importSoftmax(NodeContext &c) {
  mlir::Value x = c.b.widenedHalf(c.input(0));
  narrowedResult(c, softmax(c.b, x, softmaxAxes(c, x)));
}

void importLogSoftmax(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.b.widenedHalf(c.input(0));
  IntVector axes = softmaxAxes(c, x);
  mlir::Value shifted = b.make<nn::SubOp>(x, b.reduce(nn::ReduceKind::max, x, axes, true));
  mlir::Value sum = b.reduce(nn::ReduceKind::sum, b.make<nn::ExpOp>(shifted), axes, true);
  narrowedResult(c, b.make<nn::SubOp>(shifted, b.make<nn::LogOp>(sum)));
}

/// 1 at the first largest element, 0 elsewhere.
void importHardmax(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.input(0);
  IntVector axes = softmaxAxes(c, x);
  ScalarVector extents = b.extents(x);
  if (axes.empty())
    return c.result(b.broadcast(b.constant(1, elementOf(x)), extents));
  // Several axes are flattened into one.
  ScalarVector leading(extents.begin(), extents.begin() + axes.front());
  ScalarVector reduced(extents.begin() + axes.front(), extents.begin() + axes.back() + 1);
  ScalarVector trailing(extents.begin() + axes.back() + 1, extents.end());
  ScalarVector flat = leading;
  flat.push_back(b.product(reduced));
  flat.append(trailing.begin(), trailing.end());
  auto axis = static_cast<int64_t>(leading.size());
  mlir::Value values = b.reshape(x, flat);
  mlir::Value first =
      b.make<nn::ArgReduceOp>(nn::ReduceKind::max, values, axis, /*keep_dims=*/true, /*select_last=*/false);
  mlir::Value position = b.alignAt(b.make<nn::IotaOp>(b.values({flat[axis]}), 0), axis, rankOf(values));
  mlir::Value hit = b.make<nn::CompareOp>(nn::ComparePredicate::eq, position, first);
  c.result(b.reshape(b.cast(hit, elementOf(x)), extents));
}

//===----------------------------------------------------------------------===//
// Selections and scans
//===----------------------------------------------------------------------===//

template <nn::ReduceKind kind> void importArgReduce(NodeContext &c) {
  mlir::Value x = c.inputOfRank(0, 1);
  int64_t axis = c.axis(c.integer("axis", 0), rankOf(x));
  c.result(
      c.b.make<nn::ArgReduceOp>(kind, x, axis, c.integer("keepdims", 1) != 0, c.integer("select_last_index", 0) != 0));
}

template <nn::ReduceKind kind> void importCumulative(NodeContext &c) {
  mlir::Value x = c.inputOfRank(0, 1);
  auto along = [&](int64_t axis) -> mlir::Value {
    return c.b.make<nn::CumulativeOp>(kind, x, axis, c.integer("exclusive", 0) != 0, c.integer("reverse", 0) != 0);
  };
  if (!c.hasRuntimeAxes(1))
    return c.result(along(c.axis(c.constant(1, "axis"), rankOf(x))));
  mlir::Value result = x;
  for (auto [d, flag] : llvm::enumerate(axisFlags(c.b, {c.scalar(1, "axis")}, rankOf(x))))
    result = conditional(c.b, flag, [&] { return along(static_cast<int64_t>(d)); }, result);
  c.result(result);
}

} // namespace

mlir::Value softmax(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> axes) {
  mlir::Value shifted = b.make<nn::SubOp>(x, b.reduce(nn::ReduceKind::max, x, axes, true));
  mlir::Value power = b.make<nn::ExpOp>(shifted);
  // One division per row: the sum is 1 at least, so its reciprocal is a normal number, one rounding off.
  mlir::Value sum = b.reduce(nn::ReduceKind::sum, power, axes, true);
  mlir::Value reciprocal = b.make<nn::DivOp>(b.constant(1, elementOf(sum)), sum);
  return b.make<nn::MulOp>(power, reciprocal);
}

void addReductions(ImporterTable &table) {
  table.add("ArgMax", importArgReduce<nn::ReduceKind::max>);
  table.add("ArgMin", importArgReduce<nn::ReduceKind::min>);
  table.add("CumProd", importCumulative<nn::ReduceKind::prod>);
  table.add("CumSum", importCumulative<nn::ReduceKind::sum>);
  table.add("Hardmax", importHardmax);
  table.add("LogSoftmax", importLogSoftmax);
  table.add("ReduceL1", importReduceL1);
  table.add("ReduceL2", importReduceL2);
  table.add("ReduceLogSum", importReduceLogSum);
  table.add("ReduceLogSumExp", importReduceLogSumExp);
  table.add("ReduceMax", importReduce<nn::ReduceKind::max>);
  table.add("ReduceMean", importReduceMean);
  table.add("ReduceMin", importReduce<nn::ReduceKind::min>);
  table.add("ReduceProd", importReduce<nn::ReduceKind::prod>);
  table.add("ReduceSum", importReduce<nn::ReduceKind::sum>);
  table.add("ReduceSumSquare", importReduceSumSquare);
  table.add("Softmax", importSoftmax);
}

} // namespace tenon::importer
