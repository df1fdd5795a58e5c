//===- Node.h - a node on its way into nn --------------------------------------------------===//
//
// What an importer sees of its node: inputs as values, attributes with defaults, the operator set, and where results
// go. Number and types of inputs have been checked against the schema before an importer runs; ranks and extents have
// not.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_NODE_H
#define TENON_COMPILER_IMPORT_NODE_H

#include "compiler/Import/Elements.h"
#include "compiler/Import/Graph.h"

#include <functional>

namespace tenon::importer {

class NodeContext;

/// A condition that decides the rank of a node's results, and what sets them in either case.
struct NodeFork {
  mlir::Value flag;
  std::function<void(NodeContext &)> onTrue, onFalse;
};

class NodeContext {
public:
  NodeContext(GraphImporter &graph, const onnx::NodeProto &node, const std::string &name, int64_t opset, Scope &scope,
              const Frame &frame, std::vector<Binding> inputs)
      : b(graph.builder()), graph(graph), node(node), name(name), opset(opset), scope(scope), frame(frame),
        inputs(std::move(inputs)), outputs(node.output_size()) {}

  Builder &b;
  GraphImporter &graph;
  const onnx::NodeProto &node;
  const std::string &name;
  /// Version of the node's domain that the model imports.
  const int64_t opset;
  Scope &scope;
  const Frame &frame;

  //===--- Inputs -----------------------------------------------------------------------------------------===//

  int64_t inputCount() const { return static_cast<int64_t>(inputs.size()); }
  bool hasInput(int64_t i) const { return i < inputCount() && inputs[i].tensor; }
  mlir::Value input(int64_t i) const {
    if (!hasInput(i))
      failWithoutTensor(i);
    return inputs[i].tensor;
  }
  /// Input `i`, of any kind.
  const Binding &value(int64_t i) const {
    if (i >= inputCount() || !inputs[i].exists())
      failMalformed("input " + std::to_string(i) + " is missing");
    return inputs[i];
  }
  /// Null if the node has no such input.
  mlir::Value optionalInput(int64_t i) const { return hasInput(i) ? inputs[i].tensor : mlir::Value(); }
  llvm::SmallVector<mlir::Value> allInputs() const;
  /// Input `i`, whose rank must be in [low, high].
  mlir::Value inputOfRank(int64_t i, int64_t low, int64_t high = INT64_MAX) const;

  /// The elements of an input where they are known without reading a tensor.
  const std::optional<ScalarTensor> &knownScalars(int64_t i) const { return inputs[i].scalars; }
  /// The elements of an input, read at run time if need be. `what` names them in errors.
  ScalarTensor scalars(int64_t i, const char *what);
  /// Whether an input is a list whose number of elements is known at run time only.
  bool isOpenList(int64_t i) const;
  /// The elements of a list; of an open one `length`, where `fill` stands behind those that there are.
  ScalarVector list(int64_t i, int64_t length, int64_t fill, const char *what);
  /// The elements of a list that must have `length` of them, which of an open one a run checks.
  ScalarVector listOf(int64_t i, int64_t length, const char *what);
  /// The entries of a list that is the first result's shape: of an open one as many as the rank that the model
  /// declares.
  ScalarVector shape(int64_t i);
  /// The rank that the model declares for the first result.
  std::optional<int64_t> declaredRank() const;
  /// The elements of an input as numbers known now.
  IntVector constants(int64_t i, const char *what);
  /// The one element of an input.
  Scalar scalar(int64_t i, const char *what);
  int64_t constant(int64_t i, const char *what);

  //===--- Attributes --------------------------------------------------------------------------------------===//

  /// Null if absent. References to a function's attributes are resolved.
  const onnx::AttributeProto *attribute(llvm::StringRef name) const;
  bool hasAttribute(llvm::StringRef name) const { return attribute(name) != nullptr; }
  int64_t integer(llvm::StringRef name, int64_t absent) const;
  float number(llvm::StringRef name, float absent) const;
  std::string string(llvm::StringRef name, llvm::StringRef absent) const;
  IntVector integers(llvm::StringRef name) const;
  llvm::SmallVector<float> numbers(llvm::StringRef name) const;
  std::vector<std::string> strings(llvm::StringRef name) const;
  /// The same without a copy, for lists of millions of entries.
  llvm::ArrayRef<int64_t> integerList(llvm::StringRef name) const;
  llvm::ArrayRef<float> numberList(llvm::StringRef name) const;
  const onnx::TensorProto *tensor(llvm::StringRef name) const;
  const onnx::GraphProto &subgraph(llvm::StringRef name) const;

  /// `axis` of [-rank, rank) as one of [0, rank).
  int64_t axis(int64_t axis, int64_t rank) const;
  /// The same for a list without repetitions; sorted.
  IntVector axes(llvm::ArrayRef<int64_t> axes, int64_t rank) const;
  /// Attribute `axes` as it is ordered, of [0, rank); all axes without it.
  IntVector axesInOrder(int64_t rank) const;
  /// Whether axes are given by an input whose elements are known at run time only.
  bool hasRuntimeAxes(int64_t inputIndex) const;
  /// The axes of an attribute or, from some version on, of an input; none if there are neither.
  std::optional<IntVector> axesOf(llvm::StringRef attributeName, int64_t inputIndex) const;

  /// Of an operator without a schema: fails unless the inputs are `low` to `high` and the attributes among `names`.
  void expectSignature(int64_t low, int64_t high, llvm::ArrayRef<llvm::StringRef> names = {}) const;
  /// The same: fails unless input `i` has floating point elements.
  void expectFloats(int64_t i) const;

  //===--- Outputs ----------------------------------------------------------------------------------------===//

  int64_t outputCount() const { return static_cast<int64_t>(outputs.size()); }
  bool wants(int64_t i) const { return i < outputCount() && !node.output(static_cast<int>(i)).empty(); }
  void result(int64_t i, Binding binding) {
    if (i < outputCount())
      outputs[i] = std::move(binding);
  }
  void result(int64_t i, mlir::Value tensor) { result(i, Binding{tensor, std::nullopt}); }
  void result(mlir::Value tensor) { result(0, tensor); }
  /// A result whose elements are known.
  void result(int64_t i, ScalarTensor scalars) {
    mlir::Value tensor = b.tensorOf(scalars);
    result(i, Binding{tensor, std::move(scalars)});
  }
  const Binding &output(int64_t i) const { return outputs[i]; }
  const Binding &inputBinding(int64_t i) const { return inputs[i]; }

  //===--- Ranks that a condition decides -------------------------------------------------------------------===//

  /// The results have another rank where `flag` (an i1) holds than where it does not: either function sets them, or
  /// forks again. The rest of the graph is then imported for each case.
  void fork(mlir::Value flag, std::function<void(NodeContext &)> onTrue, std::function<void(NodeContext &)> onFalse) {
    forked = NodeFork{flag, std::move(onTrue), std::move(onFalse)};
  }
  bool isForked() const { return forked.has_value(); }
  std::optional<NodeFork> takeFork() { return std::exchange(forked, std::nullopt); }

  /// `movedOnly` allows those that can only be moved and cast.
  mlir::Type elementType(int64_t dataType, bool movedOnly = false) const;

private:
  [[noreturn]] void failWithoutTensor(int64_t i) const;
  const onnx::AttributeProto *attributeOf(llvm::StringRef name, onnx::AttributeProto::AttributeType type) const;

  std::vector<Binding> inputs;
  std::vector<Binding> outputs;
  std::optional<NodeFork> forked;
};

/// Imports one node: reads it from the context and sets its results. Throws ImportError.
using Importer = std::function<void(NodeContext &)>;

/// The domain of ONNX Runtime's operators.
inline constexpr llvm::StringLiteral runtimeDomain = "com.microsoft";
/// Where importers stand for operators that ONNX Runtime has in ONNX's domain and ONNX has not, or only in later
/// versions.
inline constexpr llvm::StringLiteral runtimeExtensions = "ONNX Runtime";

/// The importer of an operator, or null. `domain` is normal.
const Importer *findImporter(llvm::StringRef domain, llvm::StringRef opType);

/// Computes the node on scalars if its inputs are known that way (docs/architecture.md, extents are SSA values); false
/// if it is not that kind of node.
bool importScalars(NodeContext &c);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_NODE_H
