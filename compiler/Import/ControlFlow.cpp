//===- ControlFlow.cpp - If, Loop and Scan -------------------------------------------------===//
//
// Subgraphs become regions of scf.if and scf.while; they read tensors from outside directly. A branch whose condition
// is known is imported in place. Carried tensors keep their rank; their extents may change.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Body.h"
#include "compiler/Import/Loop.h"
#include "compiler/Import/Registry.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace tenon::importer {

namespace {

namespace arith = mlir::arith;

void expectCount(size_t got, size_t expected, const char *what) {
  if (got != expected)
    fail(llvm::Twine(what) + " has " + llvm::Twine(got) + " entries, expected " + llvm::Twine(expected));
}

std::vector<Binding> importSubgraph(NodeContext &c, const onnx::GraphProto &graph, llvm::ArrayRef<Binding> inputs) {
  expectCount(graph.input_size(), inputs.size(), "the list of the subgraph's inputs");
  Scope scope(&c.scope);
  for (auto [formal, binding] : llvm::zip_equal(graph.input(), inputs))
    if (!scope.define(formal.name(), binding))
      fail("the subgraph has two inputs called '" + formal.name() + "'");
  return c.graph.importGraph(graph, scope, c.frame);
}

//===----------------------------------------------------------------------===//
// If
//===----------------------------------------------------------------------===//

bool haveEqualRanks(llvm::ArrayRef<Binding> lhs, llvm::ArrayRef<Binding> rhs) {
  return llvm::all_of(llvm::zip_equal(lhs, rhs), [](const auto &pair) {
    auto &[left, right] = pair;
    return rankOf(left.tensor) == rankOf(right.tensor);
  });
}

void importIf(NodeContext &c) {
  Builder &b = c.b;
  Scalar condition = c.scalar(0, "condition");
  auto importBranch = [](NodeContext &c, const char *name) {
    std::vector<Binding> outputs = importSubgraph(c, c.subgraph(name), {});
    expectCount(outputs.size(), c.outputCount(), "the list of the branch's outputs");
    return outputs;
  };
  auto take = [importBranch](NodeContext &c, const char *name) {
    for (auto [i, output] : llvm::enumerate(importBranch(c, name)))
      c.result(static_cast<int64_t>(i), output);
  };
  if (std::optional<int64_t> known = Builder::constant(condition))
    return take(c, *known ? "then_branch" : "else_branch");
  mlir::Value flag = b.value(condition);
  mlir::Location location = b.location();
  {
    Body thenBody(b);
    std::vector<Binding> onTrue = importBranch(c, "then_branch");
    b.setLocation(location);
    thenBody.close();
    Body elseBody(b);
    std::vector<Binding> onFalse = importBranch(c, "else_branch");
    b.setLocation(location);
    elseBody.close();
    if (haveEqualRanks(onTrue, onFalse)) {
      for (auto [i, output] : llvm::enumerate(joinBranches(b, flag, thenBody, onTrue, elseBody, onFalse)))
        c.result(static_cast<int64_t>(i), output);
      return;
    }
  }
  c.fork(flag, [take](NodeContext &c) { take(c, "then_branch"); }, [take](NodeContext &c) { take(c, "else_branch"); });
}

//===----------------------------------------------------------------------===//
// Loop and Scan
//===----------------------------------------------------------------------===//

/// A tensor without rows, to which rows of `row`'s type are added along `axis`. Extents that only the run time knows
/// are 0 until there is one.
mlir::Value emptyRows(Builder &b, mlir::RankedTensorType row, int64_t axis) {
  IntVector shape(row.getShape()), empty(shape);
  for (int64_t &extent : empty)
    if (mlir::ShapedType::isDynamic(extent))
      extent = 0;
  shape.insert(shape.begin() + axis, 0);
  empty.insert(empty.begin() + axis, 0);
  auto type = checkedTensorType(empty, row.getElementType(), b.limits());
  mlir::Value rows = b.constantOf(mlir::DenseElementsAttr::get(type, llvm::ArrayRef<mlir::Attribute>()));
  return b.retype(rows, mlir::RankedTensorType::get(shape, row.getElementType()));
}

mlir::Value withUnitAt(Builder &b, mlir::Value row, int64_t axis) {
  ScalarVector sizes = b.extents(row);
  sizes.insert(sizes.begin() + axis, b.index(1));
  return b.reshape(row, sizes);
}

/// `rows` with one row more, behind or before the others.
mlir::Value appended(Builder &b, mlir::Value iteration, mlir::Value rows, mlir::Value row, int64_t axis, bool inFront) {
  mlir::Value one = withUnitAt(b, row, axis);
  auto concat = [&] { return b.concat(inFront ? mlir::ValueRange{one, rows} : mlir::ValueRange{rows, one}, axis); };
  if (typeOf(row).hasStaticShape())
    return concat();
  // The first row says what the extents are that were unknown.
  mlir::Value isFirst = b.value(b.compare(arith::CmpIPredicate::eq, iteration, b.index(0)));
  Body thenBody(b);
  thenBody.close();
  Body elseBody(b);
  mlir::Value more = concat();
  elseBody.close();
  return joinBranches(b, isFirst, thenBody, {Binding{one}}, elseBody, {Binding{more}}).front().tensor;
}

/// The types of the outputs of a subgraph for inputs of some types: imports it into a region that is thrown away.
llvm::SmallVector<mlir::RankedTensorType>
outputTypes(Builder &b, llvm::ArrayRef<mlir::Type> inputTypes,
            llvm::function_ref<std::vector<Binding>(mlir::ValueRange)> import) {
  mlir::Location location = b.location();
  Body body(b);
  llvm::SmallVector<mlir::Value> arguments = body.addArguments(inputTypes);
  llvm::SmallVector<mlir::RankedTensorType> types;
  for (const Binding &binding : import(arguments))
    types.push_back(typeOf(binding.tensor));
  b.setLocation(location);
  return types;
}

void importLoop(NodeContext &c) {
  Builder &b = c.b;
  mlir::OpBuilder &ir = b.raw();
  const onnx::GraphProto &graph = c.subgraph("body");
  LoopShape loop;
  if (c.hasInput(0))
    loop.trips = c.scalar(0, "trip count");
  loop.condition = c.hasInput(1) ? b.value(c.scalar(1, "condition")) : b.value(ir.getBoolAttr(true));
  for (int64_t i = 2; i < c.inputCount(); ++i)
    loop.initial.push_back(c.input(i));
  auto carried = static_cast<int64_t>(loop.initial.size()), collected = c.outputCount() - carried;
  expectCount(graph.output_size(), 1 + c.outputCount(), "the list of the body's outputs");
  if (collected < 0)
    fail("there are " + std::to_string(c.outputCount()) + " outputs, expected at least " + std::to_string(carried));

  auto importBody = [&](mlir::Value iteration, mlir::ValueRange tensors) {
    llvm::SmallVector<Binding> inputs;
    ScalarTensor number{ir.getI64Type(), {}, {iteration}};
    inputs.push_back({b.tensorOf(number), number});
    inputs.push_back({b.scalarTensor(b.raw().getBoolAttr(true), ir.getI1Type()), std::nullopt});
    for (mlir::Value tensor : tensors.take_front(carried))
      inputs.push_back({tensor, std::nullopt});
    return importSubgraph(c, graph, inputs);
  };
  if (collected > 0) {
    llvm::SmallVector<mlir::Type> types = {ir.getIndexType()};
    llvm::append_range(types, mlir::ValueRange(loop.initial).getTypes());
    auto rows = outputTypes(
        b, types, [&](mlir::ValueRange arguments) { return importBody(arguments.front(), arguments.drop_front()); });
    for (mlir::RankedTensorType row : llvm::ArrayRef(rows).drop_front(1 + carried))
      loop.initial.push_back(emptyRows(b, row, 0));
  }
  auto results = buildLoop(b, loop, [&](mlir::Value iteration, mlir::ValueRange tensors) {
    std::vector<Binding> outputs = importBody(iteration, tensors);
    const Binding &condition = outputs.front();
    std::optional<ScalarTensor> flag = condition.scalars ? condition.scalars : b.extract(condition.tensor);
    if (!flag || flag->items.size() != 1 || !flag->elementType.isInteger(1))
      fail("the body's condition is not one boolean");
    llvm::SmallVector<mlir::Value> next;
    for (int64_t i = 0; i < carried; ++i)
      next.push_back(outputs[1 + i].tensor);
    for (int64_t i = carried; i < c.outputCount(); ++i)
      next.push_back(appended(b, iteration, tensors[i], outputs[1 + i].tensor, 0, /*inFront=*/false));
    return std::pair(b.value(flag->items.front()), next);
  });
  for (auto [i, result] : llvm::enumerate(results))
    c.result(static_cast<int64_t>(i), result);
}

/// An entry of a list attribute with one entry per tensor, or `absent`.
IntVector perTensor(NodeContext &c, llvm::StringRef name, int64_t count, int64_t absent) {
  IntVector list = c.integers(name);
  if (list.empty())
    list.assign(count, absent);
  expectCount(list.size(), count, name.str().c_str());
  return list;
}

void importScan(NodeContext &c) {
  Builder &b = c.b;
  if (c.opset < 9)
    fail("Scan of opset 8 is not supported", "export the model for opset 9 or later");
  const onnx::GraphProto &graph = c.subgraph("body");
  int64_t scanned = c.integer("num_scan_inputs", 0), states = c.inputCount() - scanned;
  if (scanned < 1 || states < 0)
    fail("attribute 'num_scan_inputs' is " + std::to_string(scanned) + ", expected 1 to " +
         std::to_string(c.inputCount()));
  int64_t collected = c.outputCount() - states;
  if (collected < 0)
    fail("there are " + std::to_string(c.outputCount()) + " outputs, expected at least " + std::to_string(states));
  expectCount(graph.output_size(), c.outputCount(), "the list of the body's outputs");
  IntVector inputAxes = perTensor(c, "scan_input_axes", scanned, 0);
  IntVector inputReversed = perTensor(c, "scan_input_directions", scanned, 0);
  IntVector outputAxes = perTensor(c, "scan_output_axes", collected, 0);
  IntVector outputReversed = perTensor(c, "scan_output_directions", collected, 0);
  LoopShape loop;
  loop.condition = b.value(b.raw().getBoolAttr(true));
  for (int64_t i = 0; i < states; ++i)
    loop.initial.push_back(c.input(i));
  for (int64_t i = 0; i < scanned; ++i)
    inputAxes[i] = c.axis(inputAxes[i], rankOf(c.input(states + i)));
  Scalar trips = b.extent(c.input(states), inputAxes[0]);
  loop.trips = trips;

  auto importBody = [&](mlir::Value iteration, mlir::ValueRange tensors) {
    llvm::SmallVector<Binding> inputs;
    for (mlir::Value tensor : tensors.take_front(states))
      inputs.push_back({tensor, std::nullopt});
    for (int64_t i = 0; i < scanned; ++i) {
      mlir::Value whole = c.input(states + i);
      Scalar position = iteration;
      if (inputReversed[i])
        position = b.sub(b.sub(trips, b.index(1)), position);
      mlir::Value row = b.sliceDimension(whole, inputAxes[i], position, b.index(1));
      ScalarVector sizes = b.extents(row);
      sizes.erase(sizes.begin() + inputAxes[i]);
      inputs.push_back({b.reshape(row, sizes), std::nullopt});
    }
    return importSubgraph(c, graph, inputs);
  };
  if (collected > 0) {
    llvm::SmallVector<mlir::Type> types = {b.raw().getIndexType()};
    llvm::append_range(types, mlir::ValueRange(loop.initial).getTypes());
    auto rows = outputTypes(
        b, types, [&](mlir::ValueRange arguments) { return importBody(arguments.front(), arguments.drop_front()); });
    for (int64_t i = 0; i < collected; ++i) {
      outputAxes[i] = c.axis(outputAxes[i], rows[states + i].getRank() + 1);
      loop.initial.push_back(emptyRows(b, rows[states + i], outputAxes[i]));
    }
  }
  auto results = buildLoop(b, loop, [&](mlir::Value iteration, mlir::ValueRange tensors) {
    std::vector<Binding> outputs = importBody(iteration, tensors);
    llvm::SmallVector<mlir::Value> next;
    for (int64_t i = 0; i < states; ++i)
      next.push_back(outputs[i].tensor);
    for (int64_t i = 0; i < collected; ++i)
      next.push_back(appended(b, iteration, tensors[states + i], outputs[states + i].tensor, outputAxes[i],
                              outputReversed[i] != 0));
    return std::pair(mlir::Value(), next);
  });
  for (int64_t i = 0; i < c.outputCount(); ++i) {
    if (i >= states) {
      ScalarVector extents = b.extents(results[i]);
      extents[outputAxes[i - states]] = trips;
      b.setExtents(results[i], extents);
    }
    c.result(i, results[i]);
  }
}

} // namespace

void addControlFlow(ImporterTable &table) {
  table.add("If", importIf);
  table.add("Loop", importLoop);
  table.add("Scan", importScan);
}

} // namespace tenon::importer
