//===- Sequence.cpp - operations on sequences ----------------------------------------------===//
//
// Lists are taken apart and put together by name. Where the run time knows length or position, elements are slices of
// the sequence's data, whose place follows from the table of extents. See Sequence.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Sequence.h"

#include "compiler/Import/Body.h"
#include "compiler/Import/Expression.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace arith = mlir::arith;
using Kind = Structure::Kind;

void require(NodeContext &c, Scalar condition, const llvm::Twine &message) { c.b.require(condition, message, {}); }

Scalar lengthOf(Builder &b, const Binding &sequence) {
  const Container &container = *sequence.container;
  if (container.type.kind == Kind::list)
    return b.index(container.parts.size());
  return b.extent(container.parts[1].tensor, 0);
}

RankSet ranksOf(const Binding &sequence) {
  RankSet ranks = sequence.container->type.ranks;
  for (const Structure &element : sequence.container->type.inner)
    ranks |= rankSet(element.rank);
  return ranks;
}

ScalarVector SequenceTable::extentsAt(Scalar position) const {
  if (width() == 0)
    return {};
  return b.extract(b.sliceDimension(extents(), 0, position, b.index(1)))->items;
}

Scalar SequenceTable::rankAt(Scalar position) const {
  if (std::optional<int64_t> rank = onlyRank(binding.container->type.ranks))
    return b.index(*rank);
  return b.extract(b.sliceDimension(ranks(), 0, position, b.index(1)))->items.front();
}

Scalar SequenceTable::offsetOf(Scalar position) const {
  if (width() == 0 || Builder::constant(position) == 0)
    return position;
  Expression before(b, b.sliceDimension(extents(), 0, b.index(0), position));
  Expression sum = reduce(nn::ReduceKind::sum, reduce(nn::ReduceKind::prod, before, {1}), {0});
  return b.extract(sum)->items.front();
}

namespace {

/// `values` with the rows [begin, end) replaced by `middle`, which may be null.
mlir::Value replacedRows(Builder &b, mlir::Value values, Scalar begin, Scalar end, mlir::Value middle) {
  Scalar total = b.extent(values, 0);
  llvm::SmallVector<mlir::Value> pieces;
  if (Builder::constant(begin) != 0)
    pieces.push_back(b.sliceDimension(values, 0, b.index(0), begin));
  if (middle)
    pieces.push_back(middle);
  if (end != total || pieces.empty())
    pieces.push_back(b.sliceDimension(values, 0, end, b.sub(total, end)));
  return b.concat(pieces, 0);
}

/// One of the elements of a list, all of the same rank, by a tree of conditions.
mlir::Value chosen(Builder &b, llvm::ArrayRef<Binding> elements, int64_t first, Scalar position) {
  if (elements.size() == 1)
    return elements.front().tensor;
  auto half = static_cast<int64_t>(elements.size() / 2);
  Scalar isBefore = b.compare(arith::CmpIPredicate::slt, position, b.index(first + half));
  Body thenBody(b);
  mlir::Value before = chosen(b, elements.take_front(half), first, position);
  thenBody.close();
  Body elseBody(b);
  mlir::Value behind = chosen(b, elements.drop_front(half), first + half, position);
  elseBody.close();
  return joinBranches(b, b.value(isBefore), thenBody, {Binding{before}}, elseBody, {Binding{behind}}).front().tensor;
}

} // namespace

Binding inserted(Builder &b, const Binding &sequence, Scalar position, const Binding &element) {
  const Container &container = *sequence.container;
  std::optional<int64_t> known = Builder::constant(position);
  if (container.type.kind == Kind::list && known) {
    std::vector<Binding> elements = container.parts;
    elements.insert(elements.begin() + *known, element);
    return listOf(container.type.elementType, std::move(elements));
  }
  SequenceTable table(b, sequence, rankSet(rankOf(element.tensor)));
  std::vector<Binding> one =
      packed(b, listOf(container.type.elementType, {element}), table.binding.container->type.ranks).container->parts;
  bool atEnd = position == table.length();
  Scalar offset = atEnd ? b.extent(table.data(), 0) : table.offsetOf(position);
  std::vector<Binding> parts = {{replacedRows(b, table.data(), offset, offset, one[0].tensor)},
                                {replacedRows(b, table.extents(), position, position, one[1].tensor)}};
  if (table.hasRanks())
    parts.push_back({replacedRows(b, table.ranks(), position, position, one[2].tensor)});
  return sequenceOf(container.type.elementType, table.binding.container->type.ranks, std::move(parts));
}

Binding erased(Builder &b, const Binding &sequence, Scalar position) {
  const Container &container = *sequence.container;
  if (std::optional<int64_t> known = Builder::constant(position); container.type.kind == Kind::list && known) {
    std::vector<Binding> elements = container.parts;
    elements.erase(elements.begin() + *known);
    return listOf(container.type.elementType, std::move(elements));
  }
  SequenceTable table(b, sequence);
  Scalar next = b.add(position, b.index(1)), offset = table.offsetOf(position);
  Scalar end = b.add(offset, b.product(table.extentsAt(position)));
  std::vector<Binding> parts = {{replacedRows(b, table.data(), offset, end, {})},
                                {replacedRows(b, table.extents(), position, next, {})}};
  if (table.hasRanks())
    parts.push_back({replacedRows(b, table.ranks(), position, next, {})});
  return sequenceOf(container.type.elementType, table.binding.container->type.ranks, std::move(parts));
}

Binding elementAt(Builder &b, const Binding &sequence, Scalar position, int64_t rank) {
  const Container &container = *sequence.container;
  if (container.type.kind == Kind::list) {
    if (std::optional<int64_t> known = Builder::constant(position))
      return container.parts[*known];
    if (onlyRank(ranksOf(sequence)))
      return {chosen(b, container.parts, 0, position)};
  }
  SequenceTable table(b, sequence);
  ScalarVector sizes = table.extentsAt(position);
  sizes.resize(rank, b.index(1));
  mlir::Value data = b.sliceDimension(table.data(), 0, table.offsetOf(position), b.product(sizes));
  return {b.reshape(data, sizes)};
}

//===----------------------------------------------------------------------===//
// Making and changing sequences
//===----------------------------------------------------------------------===//

const Binding &sequenceInput(NodeContext &c, int64_t i) {
  const Binding &value = c.value(i);
  if (!isSequence(value))
    fail("input " + std::to_string(i) + " is " + describe(kindOf(value)) + ", expected a sequence");
  return value;
}

namespace {

void importConstruct(NodeContext &c) {
  std::vector<Binding> elements;
  for (int64_t i = 0; i < c.inputCount(); ++i) {
    c.input(i);
    elements.push_back(c.inputBinding(i));
  }
  mlir::Type type = elementOf(c.input(0));
  c.result(0, listOf(type, std::move(elements)));
}

void importEmpty(NodeContext &c) {
  c.result(0, listOf(c.elementType(c.integer("dtype", onnx::TensorProto::FLOAT), /*movedOnly=*/true), {}));
}

/// The position in input `i`, counted from the start; `extra` is 1 where the end is a position as well.
Scalar positionInput(NodeContext &c, int64_t i, Scalar length, int64_t extra) {
  Builder &b = c.b;
  Scalar given = c.scalar(i, "position");
  Scalar isNegative = b.compare(arith::CmpIPredicate::slt, given, b.index(0));
  Scalar position = b.select(isNegative, b.add(given, length), given);
  std::optional<int64_t> known = Builder::constant(given), size = Builder::constant(length);
  std::string text = known && size ? "position " + std::to_string(*known) + " is outside of a sequence of length " +
                                         std::to_string(*size)
                                   : "the position is outside of the sequence";
  require(c, b.compare(arith::CmpIPredicate::sge, position, b.index(0)), text);
  require(c, b.compare(arith::CmpIPredicate::slt, position, b.add(length, b.index(extra))), text);
  return position;
}

void importInsert(NodeContext &c) {
  Builder &b = c.b;
  const Binding &sequence = sequenceInput(c, 0);
  mlir::Type expected = sequence.container->type.elementType, got = elementOf(c.input(1));
  if (got != expected)
    fail("the tensor has elements of type " + dataTypeName(dataTypeOf(got)) + ", those of the sequence " +
         dataTypeName(dataTypeOf(expected)));
  Scalar length = lengthOf(b, sequence);
  Scalar position = c.hasInput(2) ? positionInput(c, 2, length, 1) : length;
  c.result(0, inserted(b, sequence, position, c.inputBinding(1)));
}

void importErase(NodeContext &c) {
  Builder &b = c.b;
  const Binding &sequence = sequenceInput(c, 0);
  Scalar length = lengthOf(b, sequence);
  Scalar position = c.hasInput(1) ? positionInput(c, 1, length, 0) : b.sub(length, b.index(1));
  if (!c.hasInput(1))
    require(c, b.compare(arith::CmpIPredicate::sgt, length, b.index(0)), "the sequence is empty");
  c.result(0, erased(b, sequence, position));
}

void importLength(NodeContext &c) {
  c.result(0, ScalarTensor{c.b.raw().getI64Type(), {}, {lengthOf(c.b, sequenceInput(c, 0))}});
}

//===----------------------------------------------------------------------===//
// Reading sequences
//===----------------------------------------------------------------------===//

/// Ranks that are told apart where the run time knows which one an element has: each is a copy of the rest.
constexpr int64_t mostRanks = 4;

/// Sets the result to the element at `position`, whose rank is one of `ranks`.
void elementOfRanks(NodeContext &c, const Binding &sequence, Scalar position, RankSet ranks) {
  Builder &b = c.b;
  if (std::optional<int64_t> rank = onlyRank(ranks))
    return c.result(0, elementAt(b, sequence, position, *rank));
  int64_t first = llvm::countr_zero(ranks);
  SequenceTable table(b, sequence);
  Scalar isFirst = b.compare(arith::CmpIPredicate::eq, table.rankAt(position), b.index(first));
  RankSet others = ranks & (ranks - 1);
  c.fork(
      b.value(isFirst),
      [table, position, first](NodeContext &c) { c.result(0, elementAt(c.b, table.binding, position, first)); },
      [table, position, others](NodeContext &c) { elementOfRanks(c, table.binding, position, others); });
}

void importAt(NodeContext &c) {
  Builder &b = c.b;
  const Binding &sequence = sequenceInput(c, 0);
  Scalar position = positionInput(c, 1, lengthOf(b, sequence), 0);
  std::optional<int64_t> known = Builder::constant(position);
  if (sequence.container->type.kind == Kind::list && known)
    return c.result(0, sequence.container->parts[*known]);
  RankSet ranks = ranksOf(sequence);
  if (ranks == 0)
    fail("the rank of the elements of an empty sequence is not known", "give the sequence's elements a shape");
  if (llvm::popcount(ranks) > mostRanks)
    fail("the rank of the sequence's elements is not known", "pin it with --shape, where the sequence is an input");
  elementOfRanks(c, sequence, position, ranks);
}

} // namespace

void addSequences(ImporterTable &table) {
  table.add("SequenceConstruct", importConstruct);
  table.add("SequenceEmpty", importEmpty);
  table.add("SequenceInsert", importInsert);
  table.add("SequenceErase", importErase);
  table.add("SequenceLength", importLength);
  table.add("SequenceAt", importAt);
}

} // namespace tenon::importer
