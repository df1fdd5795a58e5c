//===- ControlFlow.cpp - If, Loop and Scan -------------------------------------------------===//
//
// Subgraphs become regions of scf.if and scf.while; they read tensors from outside directly. A branch whose condition
// is known is imported in place, and so is one whose other branch cannot be imported, which is then required not to be
// taken. Carried tensors keep their rank; their extents may change.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Body.h"
#include "compiler/Import/Loop.h"
#include "compiler/Import/Registry.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace tenon::importer {

namespace arith = mlir::arith;

static void expectCount(size_t got, size_t expected, const char *what) {
  if (got != expected)
    failMalformed(llvm::Twine(what) + " has " + llvm::Twine(got) + " entries, expected " + llvm::Twine(expected));
}

static std::vector<Binding> importInner(NodeContext &c, const onnx::GraphProto &graph, llvm::ArrayRef<Binding> inputs) {
  expectCount(graph.input_size(), inputs.size(), "the list of the subgraph's inputs");
  Scope scope(&c.scope);
  for (auto [formal, binding] : llvm::zip_equal(graph.input(), inputs))
    if (!scope.define(formal.name(), binding))
      failMalformed("the subgraph has two inputs called '" + formal.name() + "'");
  return c.graph.importGraph(graph, scope, c.frame);
}

std::vector<Binding> importSubgraph(NodeContext &c, const onnx::GraphProto &graph, llvm::ArrayRef<Binding> inputs) {
  try {
    return importInner(c, graph, inputs);
  } catch (const UndecidedRank &) {
    fail("a condition inside the body decides the rank of an output",
         "the ranks of tensors must be known when the model is compiled");
  }
}

namespace {

//===----------------------------------------------------------------------===//
// If
//===----------------------------------------------------------------------===//

constexpr const char *branchNames[] = {"then_branch", "else_branch"};

std::vector<Binding> importBranch(NodeContext &c, int number) {
  std::vector<Binding> outputs = importInner(c, c.subgraph(branchNames[number]), {});
  expectCount(outputs.size(), c.outputCount(), "the list of the branch's outputs");
  return outputs;
}

/// Imports a branch in the place of its node.
void takeBranch(NodeContext &c, int number) {
  c.graph.importInPlace(c, [number](NodeContext &c) {
    for (auto [i, output] : llvm::enumerate(importBranch(c, number)))
      c.result(static_cast<int64_t>(i), output);
  });
}

Diagnostic diagnosticOf(const NodeContext &c, Diagnostic::Severity severity, const std::string &message,
                        const std::string &hint) {
  return {severity, message, c.name, c.node.op_type(), c.node.domain(), c.opset, hint};
}

/// A branch imported into a region of its own.
struct Branch {
  Branch(NodeContext &c, int number) : body(c.b) {
    Builder &b = c.b;
    mlir::Location location = b.location();
    size_t texts = b.strings().texts().size();
    auto record = [&](bool isMalformed, const Diagnostic &diagnostic) {
      if (isMalformed)
        throw;
      fault = diagnostic;
      b.strings().truncate(texts);
    };
    try {
      outputs = importBranch(c, number);
    } catch (const UndecidedRank &) {
      isUndecided = true;
    } catch (const LocatedError &error) {
      record(error.isMalformed, error.diagnostic);
    } catch (const ImportError &error) {
      record(error.isMalformed, diagnosticOf(c, Diagnostic::Severity::error, error.message, error.hint));
    }
    b.setLocation(location);
    body.close();
  }

  Body body;
  std::vector<Binding> outputs;
  /// A condition inside decides the rank of an output.
  bool isUndecided = false;
  /// Why it cannot be imported.
  std::optional<Diagnostic> fault;
};

/// Takes the branch that could be imported; a run that takes the other fails.
void takeOnly(NodeContext &c, mlir::Value flag, int number, Branch &branch, const Diagnostic &faultOfOther) {
  Builder &b = c.b;
  Scalar isTaken = flag;
  if (number == 1)
    isTaken = b.scalar<arith::XOrIOp>(flag, b.value(b.raw().getBoolAttr(true)));
  std::string message = std::string(branchNames[1 - number]) + " cannot run: " + lineOf(faultOfOther);
  std::string hint = "a run that takes this branch fails";
  if (!faultOfOther.hint.empty())
    hint += "; " + faultOfOther.hint;
  c.graph.requireWithWarning(isTaken, message, diagnosticOf(c, Diagnostic::Severity::warning, message, hint));
  if (branch.isUndecided)
    return takeBranch(c, number);
  branch.body.inlineHere();
  for (auto [i, output] : llvm::enumerate(branch.outputs))
    c.result(static_cast<int64_t>(i), output);
}

void importIf(NodeContext &c) {
  Builder &b = c.b;
  Scalar condition = c.scalar(0, "condition");
  if (std::optional<int64_t> known = Builder::constant(condition))
    return takeBranch(c, *known ? 0 : 1);
  mlir::Value flag = b.value(condition);
  Branch onTrue(c, 0), onFalse(c, 1);
  if (onTrue.fault && onFalse.fault)
    throw LocatedError{*onTrue.fault};
  if (onTrue.fault)
    return takeOnly(c, flag, 1, onFalse, *onTrue.fault);
  if (onFalse.fault)
    return takeOnly(c, flag, 0, onTrue, *onFalse.fault);
  if (!onTrue.isUndecided && !onFalse.isUndecided && canJoin(onTrue.outputs, onFalse.outputs)) {
    for (auto [i, output] :
         llvm::enumerate(joinBranches(b, flag, onTrue.body, onTrue.outputs, onFalse.body, onFalse.outputs)))
      c.result(static_cast<int64_t>(i), output);
    return;
  }
  c.fork(flag, [](NodeContext &c) { takeBranch(c, 0); }, [](NodeContext &c) { takeBranch(c, 1); });
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
  std::optional<Scalar> trips;
  if (c.hasInput(0))
    trips = c.scalar(0, "trip count");
  ValueLoop loop(b, trips, c.hasInput(1) ? b.value(c.scalar(1, "condition")) : b.value(ir.getBoolAttr(true)));
  int64_t carried = std::max<int64_t>(c.inputCount() - 2, 0), collected = c.outputCount() - carried;
  expectCount(graph.output_size(), 1 + c.outputCount(), "the list of the body's outputs");
  expectCount(graph.input_size(), 2 + carried, "the list of the subgraph's inputs");
  if (collected < 0)
    fail("there are " + std::to_string(c.outputCount()) + " outputs, expected at least " + std::to_string(carried));
  for (int64_t i = 0; i < carried; ++i)
    loop.carry(c.value(2 + i), &graph.input(static_cast<int>(2 + i)).type());

  auto importBody = [&](mlir::Value iteration, std::vector<Binding> values) {
    ScalarTensor number{ir.getI64Type(), {}, {iteration}};
    std::vector<Binding> inputs = {{b.tensorOf(number), number},
                                   {b.scalarTensor(ir.getBoolAttr(true), ir.getI1Type()), std::nullopt}};
    inputs.insert(inputs.end(), values.begin(), values.begin() + carried);
    std::vector<Binding> outputs = importSubgraph(c, graph, inputs);
    const Binding &condition = outputs.front();
    std::optional<ScalarTensor> flag = condition.scalars;
    if (!flag && condition.tensor)
      flag = b.extract(condition.tensor);
    if (!flag || flag->items.size() != 1 || !flag->elementType.isInteger(1))
      fail("the body's condition is not one boolean");
    outputs.erase(outputs.begin());
    return std::pair(b.value(flag->items.front()), outputs);
  };
  if (collected > 0)
    for (mlir::RankedTensorType row : loop.otherTypes(importBody))
      loop.carry({emptyRows(b, row, 0)});
  auto results = loop.build([&](mlir::Value iteration, std::vector<Binding> values) {
    auto [condition, next] = importBody(iteration, values);
    for (int64_t i = carried; i < c.outputCount(); ++i)
      next[i] = {appended(b, iteration, values[i].tensor, next[i].tensor, 0, /*inFront=*/false)};
    return std::pair(condition, next);
  });
  for (auto [i, result] : llvm::enumerate(results))
    c.result(static_cast<int64_t>(i), result);
}

/// A subgraph whose outputs must be tensors.
std::vector<Binding> importTensorSubgraph(NodeContext &c, const onnx::GraphProto &graph,
                                          llvm::ArrayRef<Binding> inputs) {
  std::vector<Binding> outputs = importSubgraph(c, graph, inputs);
  for (auto [i, output] : llvm::enumerate(outputs))
    if (output.container)
      fail("output " + llvm::Twine(i) + " of the body is " + describe(kindOf(output)) + ", expected a tensor");
  return outputs;
}

/// An entry of a list attribute with one entry per tensor, or `absent`.
IntVector perTensor(NodeContext &c, llvm::StringRef name, int64_t count, int64_t absent) {
  IntVector list = c.integers(name);
  if (list.empty())
    list.assign(count, absent);
  expectCount(list.size(), count, name.str().c_str());
  return list;
}

/// Scan of version 8: states and sequences have a batch dimension, and each item a length of its own. Items are scanned
/// one after the other.
class BatchScan {
public:
  explicit BatchScan(NodeContext &c)
      : c(c), b(c.b), graph(c.subgraph("body")), scanned(c.integer("num_scan_inputs", 0)),
        states(c.inputCount() - 1 - scanned) {
    if (scanned < 1 || states < 0)
      fail("attribute 'num_scan_inputs' is " + std::to_string(scanned) + ", expected 1 to " +
           std::to_string(c.inputCount() - 1));
    if (c.outputCount() < states)
      fail("there are " + std::to_string(c.outputCount()) + " outputs, expected at least " + std::to_string(states));
    expectCount(graph.output_size(), c.outputCount(), "the list of the body's outputs");
    reversed = perTensor(c, "directions", scanned, 0);
    longest = b.extent(c.inputOfRank(1 + states, 2), 1);
  }

  /// The results for all items.
  void importItems() {
    LoopShape items;
    items.trips = b.extent(c.inputOfRank(1, 1), 0);
    items.condition = b.value(b.raw().getBoolAttr(true));
    auto types = outputTypes(b, {b.raw().getIndexType()}, [&](mlir::ValueRange arguments) {
      std::vector<Binding> outputs;
      for (mlir::Value tensor : scanItem(arguments.front()))
        outputs.push_back({tensor});
      return outputs;
    });
    for (mlir::RankedTensorType type : types)
      items.initial.push_back(emptyRows(b, type, 0));
    auto results = buildLoop(b, items, [&](mlir::Value item, mlir::ValueRange tensors) {
      llvm::SmallVector<mlir::Value> next;
      for (auto [all, mine] : llvm::zip_equal(tensors, scanItem(item)))
        next.push_back(appended(b, item, all, mine, 0, /*inFront=*/false));
      return std::pair(mlir::Value(), next);
    });
    for (auto [i, result] : llvm::enumerate(results)) {
      ScalarVector extents = b.extents(result);
      extents[0] = *items.trips;
      b.setExtents(result, extents);
      c.result(static_cast<int64_t>(i), result);
    }
  }

private:
  mlir::Value at(mlir::Value tensor, Scalar position) {
    mlir::Value one = b.sliceDimension(tensor, 0, position, b.index(1));
    ScalarVector sizes = b.extents(one);
    sizes.erase(sizes.begin());
    return b.reshape(one, sizes);
  }

  std::vector<Binding> importBody(mlir::Value item, Scalar length, mlir::Value iteration, mlir::ValueRange tensors) {
    std::vector<Binding> inputs;
    for (mlir::Value tensor : tensors.take_front(states))
      inputs.push_back({tensor, std::nullopt});
    for (int64_t i = 0; i < scanned; ++i) {
      Scalar position = reversed[i] ? b.sub(b.sub(length, b.index(1)), iteration) : Scalar(iteration);
      inputs.push_back({at(at(c.inputOfRank(1 + states + i, 2), item), position), std::nullopt});
    }
    return importTensorSubgraph(c, graph, inputs);
  }

  /// Final states and collected rows of an item, these filled up with zeros to the length of the longest.
  llvm::SmallVector<mlir::Value> scanItem(mlir::Value item) {
    Scalar length = longest;
    if (c.hasInput(0)) {
      mlir::Value given = at(c.inputOfRank(0, 1, 1), item);
      length = b.min(b.max(b.extract(given)->items.front(), b.index(0)), longest);
    }
    LoopShape loop;
    loop.trips = length;
    loop.condition = b.value(b.raw().getBoolAttr(true));
    for (int64_t i = 0; i < states; ++i)
      loop.initial.push_back(at(c.inputOfRank(1 + i, 1), item));
    llvm::SmallVector<mlir::Type> types = {b.raw().getIndexType()};
    llvm::append_range(types, mlir::ValueRange(loop.initial).getTypes());
    auto rows = outputTypes(b, types, [&](mlir::ValueRange arguments) {
      return importBody(item, length, arguments.front(), arguments.drop_front());
    });
    for (mlir::RankedTensorType row : llvm::ArrayRef(rows).drop_front(states))
      loop.initial.push_back(emptyRows(b, row, 0));
    auto results = buildLoop(b, loop, [&](mlir::Value iteration, mlir::ValueRange tensors) {
      llvm::SmallVector<mlir::Value> next;
      for (auto [i, output] : llvm::enumerate(importBody(item, length, iteration, tensors)))
        next.push_back(static_cast<int64_t>(i) < states
                           ? output.tensor
                           : appended(b, iteration, tensors[i], output.tensor, 0, /*inFront=*/false));
      return std::pair(mlir::Value(), next);
    });
    for (mlir::Value &collected : llvm::MutableArrayRef(results).drop_front(states)) {
      ScalarVector extents = b.extents(collected), low(extents.size(), b.index(0)), high(low);
      extents[0] = length;
      b.setExtents(collected, extents);
      high[0] = b.sub(longest, length);
      collected = b.pad(nn::PadMode::constant, collected, low, high, b.constant(0, elementOf(collected)));
    }
    return results;
  }

  NodeContext &c;
  Builder &b;
  const onnx::GraphProto &graph;
  int64_t scanned, states;
  IntVector reversed;
  Scalar longest;
};

void importScan(NodeContext &c) {
  Builder &b = c.b;
  if (c.opset < 9)
    return BatchScan(c).importItems();
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
    return importTensorSubgraph(c, graph, inputs);
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
