//===- SequenceConversion.cpp - tensors to sequences and back ------------------------------===//
//
// SplitToSequence, ConcatFromSequence and SequenceMap. Where the number of elements is known, each is a slice or an
// operand of its own; else data moves as a whole where elements are alike, or in a loop.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Body.h"
#include "compiler/Import/Expression.h"
#include "compiler/Import/Loop.h"
#include "compiler/Import/Registry.h"
#include "compiler/Import/Sequence.h"

namespace tenon::importer {

namespace {

namespace arith = mlir::arith;
using Kind = Structure::Kind;

/// A split into more parts is a sequence even where their number is known: each part of a list is code.
constexpr int64_t longestList = 64;
/// The same for a mapped graph, which is imported once for each element of a list.
constexpr int64_t mostCopies = 16;

//===----------------------------------------------------------------------===//
// SplitToSequence
//===----------------------------------------------------------------------===//

class Splitter {
public:
  explicit Splitter(NodeContext &c)
      : c(c), b(c.b), input(c.inputOfRank(0, 1)), axis(c.axis(c.integer("axis", 0), rankOf(input))),
        extent(b.extent(input, axis)), keepsDimension(c.hasInput(1) || c.integer("keepdims", 1) != 0) {}

  Binding split() {
    if (c.hasInput(1) && rankOf(c.inputOfRank(1, 0, 1)) == 1)
      return splitBySizes();
    Scalar chunk = c.hasInput(1) ? c.scalar(1, "size") : b.index(1);
    require(c, b.compare(arith::CmpIPredicate::sgt, chunk, b.index(0)), "the size of the parts is not positive");
    Scalar count = b.ceilDiv(extent, chunk);
    std::optional<int64_t> known = Builder::constant(count);
    if (!known || *known > longestList)
      return equalParts(chunk, count);
    ScalarVector sizes;
    for (int64_t i = 0; i < *known; ++i)
      sizes.push_back(b.min(chunk, b.sub(extent, b.mul(chunk, b.index(i)))));
    return list(sizes);
  }

private:
  mlir::Value part(Scalar offset, Scalar size) {
    mlir::Value slice = b.sliceDimension(input, axis, offset, size);
    if (keepsDimension)
      return slice;
    ScalarVector sizes = b.extents(slice);
    sizes.erase(sizes.begin() + axis);
    return b.reshape(slice, sizes);
  }

  Binding list(llvm::ArrayRef<Scalar> sizes) {
    std::vector<Binding> elements;
    Scalar offset = b.index(0);
    for (Scalar size : sizes) {
      elements.push_back({part(offset, size)});
      offset = b.add(offset, size);
    }
    return listOf(elementOf(input), std::move(elements));
  }

  /// The table of extents, whose column for the axis is `column` [count, 1], or none where that dimension goes.
  mlir::Value table(mlir::Value column, Scalar count) {
    mlir::Type i64 = b.raw().getI64Type();
    llvm::SmallVector<mlir::Value> columns;
    for (auto [d, size] : llvm::enumerate(b.extents(input)))
      if (static_cast<int64_t>(d) != axis)
        columns.push_back(b.broadcast(b.scalarTensor(size, i64), {count, b.index(1)}));
      else if (keepsDimension)
        columns.push_back(column);
    if (columns.empty())
      return b.broadcast(b.constant(0, i64), {count, b.index(0)});
    return b.concat(columns, 1);
  }

  Binding sequence(mlir::Value data, mlir::Value extents) {
    int64_t rank = rankOf(input) - (keepsDimension ? 0 : 1);
    return sequenceOf(elementOf(input), rankSet(rank), {{data}, {extents}});
  }

  /// Parts of `chunk`, of which the last may be smaller.
  Binding equalParts(Scalar chunk, Scalar count) {
    mlir::Type i64 = b.raw().getI64Type();
    Expression numbers = positions(b, count, 0, 2);
    Expression rest = Expression(b, extent, i64) - numbers * Expression(b, chunk, i64);
    mlir::Value column = min(rest, Expression(b, chunk, i64));
    ScalarVector sizes = b.extents(input);
    Scalar outer = b.product(llvm::ArrayRef(sizes).take_front(axis));
    Scalar inner = b.product(llvm::ArrayRef(sizes).drop_front(axis + 1));
    Scalar total = b.product(sizes);
    if (Builder::constant(outer) == 1)
      return sequence(b.reshape(input, {total}), table(column, count));
    // All whole parts together, then what is left.
    mlir::Value flat = b.reshape(input, {outer, extent, inner});
    Scalar parts = b.floorDiv(extent, chunk), whole = b.mul(parts, chunk), left = b.sub(extent, whole);
    mlir::Value front = b.reshape(b.sliceDimension(flat, 1, b.index(0), whole), {outer, parts, chunk, inner});
    front = b.transpose(front, {1, 0, 2, 3});
    front = b.reshape(front, {b.product({parts, outer, chunk, inner})});
    mlir::Value back = b.reshape(b.sliceDimension(flat, 1, whole, left), {b.product({outer, left, inner})});
    return sequence(b.concat({front, back}, 0), table(column, count));
  }

  Binding splitBySizes() {
    mlir::Value given = c.input(1);
    int64_t known = typeOf(given).getDimSize(0);
    bool isList = !mlir::ShapedType::isDynamic(known) && known <= longestList;
    if (isList) {
      ScalarVector sizes = c.scalars(1, "sizes").items;
      Scalar total = b.index(0);
      for (Scalar size : sizes) {
        require(c, b.compare(arith::CmpIPredicate::sge, size, b.index(0)), "the size of a part is negative");
        total = b.add(total, size);
      }
      requireTotal(total);
      return list(sizes);
    }
    Expression sizes = Expression(b, given).cast(b.raw().getI64Type());
    Scalar least = b.extract(reduce(nn::ReduceKind::min, sizes, {0}))->items.front();
    require(c, b.compare(arith::CmpIPredicate::sge, least, b.index(0)), "the size of a part is negative");
    requireTotal(b.extract(reduce(nn::ReduceKind::sum, sizes, {0}))->items.front());
    Scalar count = b.extent(given, 0);
    if (axis == 0)
      return sequence(b.reshape(input, {b.size(input)}), table(sizes.reshape({count, b.index(1)}), count));
    // Each part is gathered from rows of its own.
    ValueLoop loop(b, count, b.value(b.raw().getBoolAttr(true)));
    loop.carry(listOf(elementOf(input), {}));
    loop.carry({b.constant(0, b.raw().getI64Type())});
    auto results = loop.build([&](mlir::Value number, std::vector<Binding> values) {
      Scalar size = b.extract(b.sliceDimension(sizes, 0, number, b.index(1)))->items.front();
      Scalar offset = b.extract(values[1].tensor)->items.front();
      std::vector<Binding> next = {inserted(b, values[0], lengthOf(b, values[0]), {part(offset, size)}),
                                   {b.scalarTensor(b.add(offset, size), b.raw().getI64Type())}};
      return std::pair(mlir::Value(), next);
    });
    return results.front();
  }

  void requireTotal(Scalar total) {
    std::optional<int64_t> sum = Builder::constant(total), size = Builder::constant(extent);
    std::string text = sum && size
                           ? "the sizes add up to " + std::to_string(*sum) + ", expected " + std::to_string(*size)
                           : "the sizes do not add up to the extent of the axis";
    require(c, b.compare(arith::CmpIPredicate::eq, total, extent), text);
  }

  NodeContext &c;
  Builder &b;
  mlir::Value input;
  int64_t axis;
  Scalar extent;
  bool keepsDimension;
};

//===----------------------------------------------------------------------===//
// ConcatFromSequence
//===----------------------------------------------------------------------===//

/// Smallest and largest entry of a column of the table of extents.
std::pair<Scalar, Scalar> boundsOf(const SequenceTable &table, int64_t column) {
  Builder &b = table.b;
  Expression entries(b, b.sliceDimension(table.extents(), 1, b.index(column), b.index(1)));
  return {b.extract(reduce(nn::ReduceKind::min, entries, {0, 1}))->items.front(),
          b.extract(reduce(nn::ReduceKind::max, entries, {0, 1}))->items.front()};
}

mlir::Value concatOfList(NodeContext &c, const Container &list) {
  Builder &b = c.b;
  if (list.parts.empty())
    fail("the sequence is empty");
  bool isNew = c.integer("new_axis", 0) != 0;
  int64_t rank = rankOf(list.parts.front().tensor) + (isNew ? 1 : 0);
  int64_t axis = c.axis(c.integer("axis", 0), rank);
  llvm::SmallVector<mlir::Value> operands;
  for (const Binding &element : list.parts) {
    ScalarVector sizes = b.extents(element.tensor);
    if (isNew)
      sizes.insert(sizes.begin() + std::min<int64_t>(axis, sizes.size()), b.index(1));
    operands.push_back(b.reshape(element.tensor, sizes));
  }
  return b.concat(operands, axis);
}

/// Elements whose extents along the axis differ, one after the other.
mlir::Value concatInLoop(Builder &b, const SequenceTable &table, int64_t axis, llvm::ArrayRef<Scalar> sizes) {
  auto rank = static_cast<int64_t>(sizes.size());
  ValueLoop loop(b, b.sub(table.length(), b.index(1)), b.value(b.raw().getBoolAttr(true)));
  loop.carry(elementAt(b, table.binding, b.index(0), rank));
  mlir::Value all = loop.build([&](mlir::Value number, std::vector<Binding> values) {
                          mlir::Value next = elementAt(b, table.binding, b.add(number, b.index(1)), rank).tensor;
                          std::vector<Binding> more = {{b.concat({values[0].tensor, next}, axis)}};
                          return std::pair(mlir::Value(), more);
                        })
                        .front()
                        .tensor;
  return b.reshape(all, sizes);
}

mlir::Value concatOfSequence(NodeContext &c, const Binding &sequence) {
  Builder &b = c.b;
  SequenceTable table(b, sequence);
  RankSet ranks = sequence.container->type.ranks;
  std::optional<int64_t> only = onlyRank(ranks);
  if (!only)
    fail("the rank of the sequence's elements is not known", "give the sequence's elements a shape");
  int64_t rank = *only;
  bool isNew = c.integer("new_axis", 0) != 0;
  int64_t axis = c.axis(c.integer("axis", 0), rank + (isNew ? 1 : 0));
  Scalar length = table.length();
  require(c, b.compare(arith::CmpIPredicate::sgt, length, b.index(0)), "the sequence is empty");
  ScalarVector sizes = table.extentsAt(b.index(0));
  for (int64_t d = 0; d < rank; ++d) {
    if (!isNew && d == axis)
      continue;
    auto [least, most] = boundsOf(table, d);
    require(c, b.compare(arith::CmpIPredicate::eq, least, most),
            "the sequence's elements differ in dimension " + llvm::Twine(d));
  }
  if (isNew) {
    sizes.insert(sizes.begin(), length);
    IntVector order = llvm::to_vector(llvm::seq<int64_t>(1, rank + 1));
    order.insert(order.begin() + axis, 0);
    return b.transpose(b.reshape(table.data(), sizes), order);
  }
  Scalar each = sizes[axis];
  Scalar outer = b.product(llvm::ArrayRef(sizes).take_front(axis));
  Scalar inner = b.product(llvm::ArrayRef(sizes).drop_front(axis + 1));
  Expression column(b, b.sliceDimension(table.extents(), 1, b.index(axis), b.index(1)));
  sizes[axis] = b.extract(reduce(nn::ReduceKind::sum, column, {0, 1}))->items.front();
  if (axis == 0)
    return b.reshape(table.data(), sizes);
  auto [least, most] = boundsOf(table, axis);
  Scalar alike = b.compare(arith::CmpIPredicate::eq, least, most);
  Body thenBody(b);
  mlir::Value rows = b.reshape(table.data(), {length, outer, each, inner});
  mlir::Value together = b.reshape(b.transpose(rows, {1, 0, 2, 3}), sizes);
  thenBody.close();
  Body elseBody(b);
  mlir::Value looped = concatInLoop(b, table, axis, sizes);
  elseBody.close();
  return joinBranches(b, b.value(alike), thenBody, {Binding{together}}, elseBody, {Binding{looped}}).front().tensor;
}

void importConcatFromSequence(NodeContext &c) {
  const Binding &sequence = sequenceInput(c, 0);
  if (sequence.container->type.kind == Kind::list)
    return c.result(concatOfList(c, *sequence.container));
  c.result(concatOfSequence(c, sequence));
}

//===----------------------------------------------------------------------===//
// SequenceMap
//===----------------------------------------------------------------------===//

class Mapper {
public:
  explicit Mapper(NodeContext &c) : c(c), b(c.b), graph(c.subgraph("body")), length(lengthOf(b, sequenceInput(c, 0))) {
    if (graph.output_size() != c.outputCount())
      fail("the body has " + std::to_string(graph.output_size()) + " outputs, expected " +
           std::to_string(c.outputCount()));
    if (graph.input_size() != c.inputCount())
      fail("the body has " + std::to_string(graph.input_size()) + " inputs, expected " +
           std::to_string(c.inputCount()));
    for (int64_t i = 1; i < c.inputCount(); ++i)
      if (isSequence(c.value(i)))
        require(c, b.compare(arith::CmpIPredicate::eq, lengthOf(b, c.value(i)), length),
                "input " + llvm::Twine(i) + " has another length than input 0");
  }

  std::vector<Binding> map() {
    std::optional<int64_t> known = Builder::constant(length);
    if (known && *known > 0 && *known <= mostCopies)
      return mapList(*known);
    ValueLoop loop(b, length, b.value(b.raw().getBoolAttr(true)));
    for (mlir::RankedTensorType type : loop.otherTypes(
             [&](mlir::Value number, std::vector<Binding>) { return std::pair(mlir::Value(), importBody(number)); }))
      loop.carry(listOf(type.getElementType(), {}));
    return loop.build([&](mlir::Value number, std::vector<Binding> values) {
      std::vector<Binding> outputs = importBody(number);
      for (auto [output, value] : llvm::zip_equal(outputs, values))
        output = inserted(b, value, lengthOf(b, value), output);
      return std::pair(mlir::Value(), outputs);
    });
  }

private:
  std::vector<Binding> mapList(int64_t count) {
    std::vector<std::vector<Binding>> results(c.outputCount());
    for (int64_t i = 0; i < count; ++i)
      for (auto [k, output] : llvm::enumerate(importBody(b.index(i))))
        results[k].push_back(output);
    std::vector<Binding> lists;
    for (std::vector<Binding> &elements : results) {
      mlir::Type type = elementOf(elements.front().tensor);
      lists.push_back(listOf(type, std::move(elements)));
    }
    return lists;
  }

  std::vector<Binding> importBody(Scalar number) {
    std::vector<Binding> inputs;
    for (int64_t i = 0; i < c.inputCount(); ++i)
      inputs.push_back(isSequence(c.value(i)) ? element(i, number) : c.value(i));
    std::vector<Binding> outputs = importSubgraph(c, graph, inputs);
    for (const Binding &output : outputs)
      if (output.container)
        fail("the body gives " + describe(kindOf(output)) + ", expected tensors");
    return outputs;
  }

  Binding element(int64_t i, Scalar number) {
    const Binding &sequence = c.value(i);
    if (std::optional<int64_t> known = Builder::constant(number); known && sequence.container->type.kind == Kind::list)
      return sequence.container->parts[*known];
    if (std::optional<int64_t> rank = onlyRank(ranksOf(sequence)))
      return elementAt(b, sequence, number, *rank);
    const onnx::TypeProto &declared = graph.input(static_cast<int>(i)).type();
    if (!declared.tensor_type().has_shape())
      fail("the rank of the elements of input " + std::to_string(i) + " is not known", "give the body's input a shape");
    int64_t rank = declared.tensor_type().shape().dim_size();
    SequenceTable table(b, sequence);
    require(c, b.compare(arith::CmpIPredicate::eq, table.rankAt(number), b.index(rank)),
            "an element of input " + llvm::Twine(i) + " has not the rank " + llvm::Twine(rank) +
                " of the body's input");
    return elementAt(b, table.binding, number, rank);
  }

  NodeContext &c;
  Builder &b;
  const onnx::GraphProto &graph;
  Scalar length;
};

} // namespace

void addSequenceConversions(ImporterTable &table) {
  table.add("SplitToSequence", [](NodeContext &c) { c.result(0, Splitter(c).split()); });
  table.add("ConcatFromSequence", importConcatFromSequence);
  table.add("SequenceMap", [](NodeContext &c) {
    for (auto [i, output] : llvm::enumerate(Mapper(c).map()))
      c.result(static_cast<int64_t>(i), output);
  });
}

} // namespace tenon::importer
