//===- Sorting.cpp - TopK and Unique -------------------------------------------------------===//
//
// Both order the elements of lines, equal ones by their index; NaN counts as the largest number.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Expression.h"
#include "compiler/Import/Loop.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

Expression isNoNumber(Expression x) {
  if (llvm::isa<mlir::FloatType>(x.type()))
    return isNan(x);
  return {x.b(), 0, x.b().raw().getI1Type()};
}

Expression isSame(Expression x, Expression y) { return (x == y) | (isNoNumber(x) & isNoNumber(y)); }

void importTopK(NodeContext &c) {
  mlir::Value x = c.inputOfRank(0, 1);
  int64_t axis = c.axis(c.integer("axis", -1), rankOf(x));
  Scalar k = c.opset < 10 ? c.b.index(c.integer("k", 0)) : c.scalar(1, "k");
  std::optional<int64_t> known = Builder::constant(k);
  int64_t extent = typeOf(x).getDimSize(axis);
  if (known && (*known < 0 || (!mlir::ShapedType::isDynamic(extent) && *known > extent)))
    fail("k is " + std::to_string(*known) + ", expected 0 to " + std::to_string(extent));
  auto op = c.b.create<nn::TopKOp>(x, c.b.value(k), axis, c.integer("largest", 1) == 0);
  c.result(0, op.getValues());
  c.result(1, op.getIndices());
}

//===----------------------------------------------------------------------===//
// Unique
//===----------------------------------------------------------------------===//

/// The order of rows [n, m] by their first elements, then their second ones ...: sorted by the last ones first, as each
/// sort keeps what the one before made of equal elements.
Expression orderOfRows(Expression rows) {
  Builder &b = rows.b();
  Scalar count = b.extent(rows, 0), width = b.extent(rows, 1);
  auto sortedBy = [&](Expression order, Scalar column) {
    mlir::Value keys = b.reshape(b.sliceDimension(rows, 1, column, b.index(1)), {count});
    mlir::Value inOrder = gather(rows.with(keys), order);
    return gather(order, rows.with(b.create<nn::TopKOp>(inOrder, b.value(count), 0, true).getIndices()));
  };
  Expression order = positions(b, count);
  if (Builder::constant(width) == 1)
    return sortedBy(order, b.index(0));
  LoopShape loop;
  loop.trips = width;
  loop.condition = b.value(b.raw().getBoolAttr(true));
  loop.initial = {order};
  auto results = buildLoop(b, loop, [&](mlir::Value iteration, mlir::ValueRange tensors) {
    Scalar column = b.sub(b.sub(width, b.index(1)), iteration);
    mlir::Value next = sortedBy(rows.with(tensors.front()), column);
    return std::pair(mlir::Value(), llvm::SmallVector<mlir::Value>{next});
  });
  b.setExtents(results.front(), {count});
  return rows.with(results.front());
}

/// Where each place in the order of rows starts a new group: the first one, and all that differ from the one before.
Expression groupStarts(Expression rows, Expression order) {
  Builder &b = rows.b();
  Expression at = positions(b, b.extent(rows, 0));
  Expression before = gather(order, max(at - 1, 0));
  Expression differs = ~isSame(gather(rows, order), gather(rows, before));
  return reduce(nn::ReduceKind::max, differs, {1}) | (at == 0);
}

Expression zeros(Builder &b, Scalar count) { return {b, b.broadcast(b.constant(0, b.raw().getI64Type()), {count})}; }

Expression scattered(nn::ScatterKind kind, Expression into, Expression indices, Expression updates) {
  return into.with(into.b().make<nn::ScatterElementsOp>(kind, into, indices, updates, 0));
}

/// How many true elements lie before each, for a true one its number among them.
Expression numbered(Expression flags) {
  Builder &b = flags.b();
  Expression numbers = flags.cast(b.raw().getI64Type());
  return flags.with(b.make<nn::CumulativeOp>(nn::ReduceKind::sum, numbers, 0, false, false)) - 1;
}

/// The number of the group of each row: equal rows are a group, groups are numbered in the order of their rows.
Expression groupNumbers(Expression rows, Expression sorted) {
  Scalar count = rows.b().extent(rows, 0);
  return scattered(nn::ScatterKind::assign, zeros(rows.b(), count), sorted, numbered(groupStarts(rows, sorted)));
}

/// Numbers in the order of the complex ones [n, m], by the real part and then the imaginary one; i64.
Expression complexRanks(Expression x) {
  Builder &b = x.b();
  ScalarVector sizes = b.extents(x);
  Scalar count = b.size(x);
  auto ranks = [&](mlir::Value part) {
    Expression column = x.with(b.reshape(part, {count, b.index(1)}));
    return groupNumbers(column, orderOfRows(column));
  };
  Expression real = ranks(b.make<nn::RealOp>(x)), imag = ranks(b.make<nn::ImagOp>(x));
  return (real * Expression(b, count, real.type()) + imag).reshape(sizes);
}

Expression placesOf(Expression flags) {
  Builder &b = flags.b();
  mlir::Value places = importNonZero(b, flags);
  return flags.with(b.reshape(places, {b.extent(places, 1)}));
}

void importUnique(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.input(0);
  int64_t axis = 0;
  if (c.hasAttribute("axis"))
    axis = c.axis(c.integer("axis", 0), rankOf(x));
  else
    x = b.reshape(x, {b.size(x)});
  mlir::Type type = elementOf(x);
  Scalar count = b.extent(x, axis);
  IntVector order = {axis};
  ScalarVector others;
  for (int64_t d = 0; d < rankOf(x); ++d) {
    if (d == axis)
      continue;
    order.push_back(d);
    others.push_back(b.extent(x, d));
  }
  mlir::Value comparable = type.isInteger(1)        ? b.cast(x, b.raw().getI8Type())
                           : nn::isStringType(type) ? b.make<nn::StringRankOp>(x)
                                                    : x;
  Expression rows(b, b.reshape(b.transpose(comparable, order), {count, b.product(others)}));
  if (llvm::isa<mlir::ComplexType>(type))
    rows = complexRanks(rows);

  Expression sorted = orderOfRows(rows), starts = groupStarts(rows, sorted);
  Expression places = placesOf(starts), first = gather(sorted, places); // [unique]
  Scalar unique = b.extent(places, 0);
  Expression inverse = groupNumbers(rows, sorted);
  Expression ones(b, b.broadcast(b.constant(1, b.raw().getI64Type()), {count}));
  if (c.integer("sorted", 1) == 0) {
    // Groups are numbered anew, by their first elements.
    Expression ofFirst(b, b.broadcast(b.constant(1, b.raw().getI64Type()), {unique}));
    Expression isFirst = scattered(nn::ScatterKind::assign, zeros(b, count), first, ofFirst) != 0;
    inverse = gather(gather(numbered(isFirst), first), inverse);
    places = placesOf(isFirst);
    // As many as before.
    b.setExtents(places, {unique});
    first = places;
  }
  c.result(0, gather(Expression(b, x), first, axis));
  c.result(1, first);
  c.result(2, inverse);
  if (c.wants(3))
    c.result(3, scattered(nn::ScatterKind::add, zeros(b, unique), inverse, ones));
}

} // namespace

void addSorting(ImporterTable &table) {
  table.add("TopK", importTopK);
  table.add("Unique", importUnique);
}

} // namespace tenon::importer
