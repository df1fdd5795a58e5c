//===- Indexing.cpp - gathers and scatters -------------------------------------------------===//
//
// Operators whose elements are chosen by values.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

void importGather(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 1);
  c.result(c.b.make<nn::GatherOp>(input, c.input(1), c.axis(c.integer("axis", 0), rankOf(input))));
}

void importGatherElements(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 1);
  c.result(c.b.make<nn::GatherElementsOp>(input, c.input(1), c.axis(c.integer("axis", 0), rankOf(input))));
}

void importGatherND(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 1), indices = c.inputOfRank(1, 1);
  if (mlir::ShapedType::isDynamic(typeOf(indices).getShape().back()))
    fail("the last extent of the indices must be known when the model is compiled");
  int64_t batch = c.integer("batch_dims", 0);
  if (batch < 0 || batch >= std::min(rankOf(input), rankOf(indices)))
    fail("attribute 'batch_dims' is " + std::to_string(batch) + ", expected 0 to " +
         std::to_string(std::min(rankOf(input), rankOf(indices)) - 1));
  c.result(c.b.make<nn::GatherNdOp>(input, indices, batch));
}

nn::ScatterKind scatterKindOf(NodeContext &c) {
  std::string reduction = c.string("reduction", "none");
  if (reduction == "none")
    return nn::ScatterKind::assign;
  if (reduction == "add")
    return nn::ScatterKind::add;
  if (reduction == "mul")
    return nn::ScatterKind::mul;
  if (reduction == "max")
    return nn::ScatterKind::max;
  if (reduction == "min")
    return nn::ScatterKind::min;
  fail("attribute 'reduction' is '" + reduction + "', expected none, add, mul, max or min");
}

void importScatterElements(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 1);
  c.result(c.b.make<nn::ScatterElementsOp>(scatterKindOf(c), input, c.input(1), c.input(2),
                                           c.axis(c.integer("axis", 0), rankOf(input))));
}

void importScatterND(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 1), indices = c.inputOfRank(1, 1);
  if (mlir::ShapedType::isDynamic(typeOf(indices).getShape().back()))
    fail("the last extent of the indices must be known when the model is compiled");
  c.result(c.b.make<nn::ScatterNdOp>(scatterKindOf(c), input, indices, c.input(2)));
}

/// The indices, and how many there are: the elements that are not zero are counted first.
mlir::Value nonZero(Builder &b, mlir::Value input) {
  mlir::Value hits = input;
  if (!elementOf(input).isInteger(1))
    hits = b.make<nn::CompareOp>(nn::ComparePredicate::ne, input, b.constant(0, elementOf(input)));
  IntVector all = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(input)));
  mlir::Value total = b.reduce(nn::ReduceKind::sum, b.cast(hits, b.raw().getI64Type()), all, /*keepDims=*/false);
  return b.make<nn::NonZeroOp>(input, b.value(b.extract(total)->items.front()));
}

void importNonZero(NodeContext &c) { c.result(nonZero(c.b, c.input(0))); }

void importCompress(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 1), condition = c.inputOfRank(1, 1, 1);
  int64_t axis = 0;
  if (c.hasAttribute("axis"))
    axis = c.axis(c.integer("axis", 0), rankOf(input));
  else
    input = b.reshape(input, {b.size(input)});
  mlir::Value indices = nonZero(b, condition);
  indices = b.reshape(indices, {b.extent(indices, 1)});
  c.result(b.make<nn::GatherOp>(input, indices, axis));
}

/// on_value where the new dimension's index equals the (non-negative) index, off_value elsewhere and for indices
/// outside.
void importOneHot(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value indices = c.input(0), values = c.inputOfRank(2, 1, 1);
  mlir::Type wide = b.raw().getI64Type();
  indices = b.cast(indices, wide);
  Scalar depth = b.toIndex(c.scalar(1, "depth"), Builder::Rounding::towardsZero);
  if (std::optional<int64_t> known = Builder::constant(depth); known && *known < 0)
    fail("the depth is " + std::to_string(*known));
  int64_t rank = rankOf(indices) + 1, axis = c.axis(c.integer("axis", -1), rank);

  mlir::Value zero = b.constant(0, wide);
  mlir::Value fromEnd = b.make<nn::AddOp>(indices, b.scalarTensor(depth, wide));
  indices = b.make<nn::SelectOp>(b.make<nn::CompareOp>(nn::ComparePredicate::lt, indices, zero), fromEnd, indices);
  ScalarVector sizes = b.extents(indices);
  sizes.insert(sizes.begin() + axis, b.index(1));
  indices = b.reshape(indices, sizes);
  mlir::Value positions = b.alignAt(b.make<nn::IotaOp>(b.values({depth}), 0), axis, rank);
  mlir::Value hit = b.make<nn::CompareOp>(nn::ComparePredicate::eq, indices, positions);
  auto valueAt = [&](int64_t i) { return b.reshape(b.sliceDimension(values, 0, b.index(i), b.index(1)), {}); };
  c.result(b.make<nn::SelectOp>(hit, valueAt(1), valueAt(0)));
}

} // namespace

void addIndexing(ImporterTable &table) {
  table.add("Compress", importCompress);
  table.add("Gather", importGather);
  table.add("GatherElements", importGatherElements);
  table.add("GatherND", importGatherND);
  table.add("NonZero", importNonZero);
  table.add("OneHot", importOneHot);
  table.add("Scatter", importScatterElements);
  table.add("ScatterElements", importScatterElements);
  table.add("ScatterND", importScatterND);
}

} // namespace tenon::importer
