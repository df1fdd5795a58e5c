//===- Indexing.cpp - gathers and scatters -------------------------------------------------===//
//
// Operators whose elements are chosen by values.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Expression.h"
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

/// What `scatter` makes of the input and the updates.
template <typename Scatter> void importScatter(NodeContext &c, mlir::Value input, Scatter scatter) {
  nn::ScatterKind kind = scatterKindOf(c);
  mlir::Value updates = c.input(2);
  mlir::Type type = elementOf(input);
  bool isComplex = llvm::isa<mlir::ComplexType>(type);
  if (kind != nn::ScatterKind::assign && (nn::isStringType(type) || (isComplex && kind != nn::ScatterKind::add)))
    fail("attribute 'reduction' is '" + c.string("reduction", "none") + "' for elements of type " +
         dataTypeName(dataTypeOf(type)) + ", expected none" + (isComplex ? " or add" : ""));
  if (kind != nn::ScatterKind::add || elementOf(updates) != elementOf(input))
    return c.result(scatter(kind, input, updates));
  c.result(c.b.byParts({input, updates}, [&](mlir::ValueRange parts) { return scatter(kind, parts[0], parts[1]); }));
}

void importScatterElements(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 1);
  int64_t axis = c.axis(c.integer("axis", 0), rankOf(input));
  importScatter(c, input, [&](nn::ScatterKind kind, mlir::Value part, mlir::Value updates) {
    return c.b.make<nn::ScatterElementsOp>(kind, part, c.input(1), updates, axis);
  });
}

void importScatterND(NodeContext &c) {
  mlir::Value input = c.inputOfRank(0, 1), indices = c.inputOfRank(1, 1);
  if (mlir::ShapedType::isDynamic(typeOf(indices).getShape().back()))
    fail("the last extent of the indices must be known when the model is compiled");
  importScatter(c, input, [&](nn::ScatterKind kind, mlir::Value part, mlir::Value updates) {
    return c.b.make<nn::ScatterNdOp>(kind, part, indices, updates);
  });
}

void importNonZeroNode(NodeContext &c) { c.result(importNonZero(c.b, c.input(0))); }

void importCompress(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 1), condition = c.inputOfRank(1, 1, 1);
  int64_t axis = 0;
  if (c.hasAttribute("axis"))
    axis = c.axis(c.integer("axis", 0), rankOf(input));
  else
    input = b.reshape(input, {b.size(input)});
  mlir::Value indices = importNonZero(b, condition);
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

/// The first elements of each item's time axis in reverse; the axes are the first two.
void importReverseSequence(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 2), lengths = c.inputOfRank(1, 1, 1);
  int64_t time = c.integer("time_axis", 0), batch = c.integer("batch_axis", 1);
  if (time < 0 || time > 1 || batch != 1 - time)
    fail("attributes 'batch_axis' and 'time_axis' are " + std::to_string(batch) + " and " + std::to_string(time) +
         ", expected 0 and 1 or 1 and 0");
  ScalarVector extents = b.extents(x), square = {extents[0], extents[1]}, column = {extents[0], extents[1], b.index(1)};
  Expression at = positions(b, extents[time], time, 2);
  Expression length(b, b.alignAt(lengths, batch, 2));
  // A length above the extent leads outside, which is an error when the model runs.
  Expression source = select(at < length, length - 1 - at, at), item = positions(b, extents[batch], batch, 2);
  auto full = [&](Expression y) { return y.with(b.broadcast(y, square)).reshape(column); };
  Expression first = time == 0 ? source : item, second = time == 0 ? item : source;
  c.result(b.make<nn::GatherNdOp>(x, b.concat({full(first), full(second)}, 2), 0));
}

/// The cache, with the update from each item's write index on.
void importTensorScatter(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value cache = c.inputOfRank(0, 2), update = c.inputOfRank(1, rankOf(cache), rankOf(cache));
  int64_t axis = c.axis(c.integer("axis", -2), rankOf(cache));
  if (axis == 0)
    fail("the axis is the batch dimension");
  std::string mode = c.string("mode", "linear");
  if (mode != "linear" && mode != "circular")
    fail("attribute 'mode' is '" + mode + "', expected linear or circular");
  ScalarVector extents = b.extents(cache);
  llvm::ArrayRef<Scalar> list = extents;
  Scalar batch = extents[0], length = extents[axis], before = b.product(list.slice(1, axis - 1)),
         after = b.product(list.drop_front(axis + 1)), written = b.extent(update, axis);
  if (Builder::constant(written) == 0)
    return c.result(cache);
  mlir::Type wide = b.raw().getI64Type();
  Expression start = Expression(b, 0, wide).reshape({b.index(1), b.index(1)}), at = positions(b, length, 1, 2),
             count(b, written, wide), size(b, length, wide);
  if (c.hasInput(2))
    start = Expression(b, c.inputOfRank(2, 1, 1)).reshape({b.extent(c.input(2), 0), b.index(1)});
  Expression place = mode == "circular" ? mod(at - start, size) : at - start; // [batch or 1, length]
  Expression isWritten = (place >= 0) & (place < count), index = select(isWritten, place, 0);
  // A write index that leaves no room leads outside of the update, which is an error when the model runs.
  if (mode == "linear")
    index = select((start >= 0) & (start <= size - count), index, count);
  auto spread = [&](Expression x) {
    ScalarVector sizes = b.extents(x);
    return x.reshape({sizes[0], b.index(1), sizes[1], b.index(1)});
  };
  Expression indices = index.with(b.broadcast(spread(index), {batch, before, length, b.index(1)}));
  mlir::Value rows = b.reshape(update, {batch, before, written, after});
  Expression taken(b, b.make<nn::GatherNdOp>(rows, indices, 2));
  Expression old(b, b.reshape(cache, {batch, before, length, after}));
  c.result(select(spread(isWritten), taken, old).reshape(extents));
}

} // namespace

mlir::Value importNonZero(Builder &b, mlir::Value input) {
  if (llvm::isa<mlir::ComplexType>(elementOf(input))) {
    Expression real(b, b.make<nn::RealOp>(input)), imag(b, b.make<nn::ImagOp>(input));
    input = (real != 0) | (imag != 0);
  }
  mlir::Value hits = input;
  if (!elementOf(input).isInteger(1))
    hits = b.make<nn::CompareOp>(nn::ComparePredicate::ne, input, b.constant(0, elementOf(input)));
  IntVector all = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(input)));
  mlir::Value total = b.reduce(nn::ReduceKind::sum, b.cast(hits, b.raw().getI64Type()), all, /*keepDims=*/false);
  return b.make<nn::NonZeroOp>(input, b.value(b.extract(total)->items.front()));
}

void addIndexing(ImporterTable &table) {
  table.add("Compress", importCompress);
  table.add("Gather", importGather);
  table.add("GatherElements", importGatherElements);
  table.add("GatherND", importGatherND);
  table.add("NonZero", importNonZeroNode);
  table.add("OneHot", importOneHot);
  table.add("ReverseSequence", importReverseSequence);
  table.add("Scatter", importScatterElements);
  table.add("ScatterElements", importScatterElements);
  table.add("ScatterND", importScatterND);
  table.add("TensorScatter", importTensorScatter);
}

} // namespace tenon::importer
