//===- Graph.h - graphs, functions and scopes of an ONNX model -----------------------------===//
//
// Walks the nodes of a graph in order and calls each one's importer. Model-local functions, and operators that have no
// importer but a function body in their schema, are imported in place: their bodies get a scope of their own, so
// nothing is renamed or copied.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_GRAPH_H
#define TENON_COMPILER_IMPORT_GRAPH_H

#include "compiler/Import/Builder.h"
#include "compiler/Import/DataFolder.h"
#include "compiler/Import/NodeOrder.h"
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include <functional>
#include <map>
#include <memory>

namespace tenon::importer {

struct Container;

/// What an ONNX name stands for.
struct Binding {
  /// Null if it is no tensor.
  mlir::Value tensor;
  /// The elements, where they are known one by one.
  std::optional<ScalarTensor> scalars = std::nullopt;
  /// Of outputs of the main graph: the rank, a tensor of rank 0, where it is less than the tensor's at run time. The
  /// tensor then starts with extents of 1.
  mlir::Value rank = {};
  /// A value that is no tensor.
  std::shared_ptr<const Container> container = {};

  bool exists() const { return tensor || container; }
};

/// The names of one graph or function body; subgraphs see their parents' names, functions do not.
class Scope {
public:
  explicit Scope(const Scope *parent = nullptr) : parent(parent) {}
  const Binding *find(llvm::StringRef name) const {
    for (const Scope *scope = this; scope; scope = scope->parent)
      if (auto entry = scope->bindings.find(name); entry != scope->bindings.end())
        return &entry->second;
    return nullptr;
  }
  /// False if this scope has the name already.
  bool define(llvm::StringRef name, Binding binding) { return bindings.try_emplace(name, std::move(binding)).second; }

private:
  const Scope *parent;
  llvm::StringMap<Binding> bindings;
};

using AttributeMap = std::map<std::string, const onnx::AttributeProto *, std::less<>>;

/// What nodes of a graph or function body refer to besides names: versions, and the attributes of a function's caller.
struct Frame {
  std::map<std::string, int64_t, std::less<>> opsets;
  /// Values of a function's attributes, defaults included; subgraphs inside it use the same.
  AttributeMap attributes;
  /// Keeps the message alive that the nodes belong to.
  std::shared_ptr<const void> owner;
  /// Ranks that the model declares for values of its graph; null in a function.
  std::shared_ptr<const llvm::StringMap<int64_t>> ranks = nullptr;
  /// Put in front of the names of nodes in expanded functions.
  std::string prefix;
};

/// Thrown where a condition inside a graph or function decides the rank of one of its outputs. `fork` counts the
/// conditions that decided ranks so far.
struct UndecidedRank {
  mlir::Value flag;
  int64_t fork;
};

class NodeContext;
class Signature;
struct NodeFork;

class GraphImporter {
public:
  GraphImporter(Builder &builder, std::shared_ptr<const onnx::ModelProto> model, DataFolder &folder,
                const ImportOptions &options)
      : b(builder), model(std::move(model)), folder(folder), options(options) {}

  /// The module with `@main`; `warnings` gets what is to be said of it. Throws ImportError or LocatedError.
  mlir::OwningOpRef<mlir::ModuleOp> importMain(std::vector<Diagnostic> &warnings);

  /// Requires `condition` as Builder::require does, and warns that it is required. Graphs are imported more than once
  /// and some thrown away, so that only what is in the module in the end counts.
  void requireWithWarning(Scalar condition, const std::string &message, Diagnostic warning);

  /// Imports what a node stands for in its place: `import` sets the node's results. If a condition inside decides their
  /// rank, the node forks, and each case imports again with the conditions in `decided`, counted from the start.
  void importInPlace(NodeContext &context, const std::function<void(NodeContext &)> &import,
                     const std::vector<std::pair<int64_t, bool>> &decided = {});

  /// Imports initializers and nodes of `graph` at the insertion point and gives what its outputs stand for.
  std::vector<Binding> importGraph(const onnx::GraphProto &graph, Scope &scope, const Frame &frame,
                                   bool isMain = false);

  Binding bindingOf(const onnx::TensorProto &tensor, const Frame &frame);
  Binding bindingOf(mlir::ElementsAttr elements);
  Builder &builder() { return b; }

private:
  using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;
  using FunctionKey = std::tuple<std::string, std::string, std::string>;

  mlir::RankedTensorType inputType(const onnx::ValueInfoProto &input, const onnx::TypeProto::Tensor &tensor);
  /// An input as arguments of main. Equal names of dimensions are one extent, kept in `symbols`.
  Binding importInput(const onnx::ValueInfoProto &input, Signature &signature, std::map<std::string, Scalar> &symbols);
  /// The same for one that is no tensor.
  Binding importContainer(const onnx::ValueInfoProto &input, Signature &signature);
  void pinDimensions(const onnx::GraphProto &graph, const llvm::StringSet<> &constants);
  /// Says which dimensions are bounded, in the module's attribute nn.ranges.
  void describeRanges(mlir::ModuleOp module);
  /// Nodes, and what their graph or function has as outputs.
  struct NodeList {
    const Nodes &nodes;
    llvm::function_ref<std::vector<Binding>(const Scope &)> outputs;
    const Frame &frame;
    NodeOrder order;
    bool isMain = false;
  };
  /// Imports the nodes from the `first` in order on and gives the outputs.
  std::vector<Binding> importNodes(const NodeList &list, size_t first, Scope &scope);
  /// A node's results, or a condition that decides their rank: then the context is in `forked`.
  void importNode(const onnx::NodeProto &node, const std::string &name, Scope &scope, const Frame &frame,
                  std::unique_ptr<NodeContext> &forked);
  void dispatch(const onnx::NodeProto &node, const std::string &name, Scope &scope, const Frame &frame, int64_t opset,
                const std::string &domain, std::unique_ptr<NodeContext> &forked);
  /// Imports the nodes from the `next` in order on for both cases of the node before them.
  std::vector<Binding> importForked(const NodeList &list, size_t next, Scope &scope, const NodeContext &context,
                                    const NodeFork &fork);
  std::vector<Binding> importCase(const NodeList &list, size_t next, Scope &scope, NodeContext context,
                                  const std::function<void(NodeContext &)> &fill);
  void defineResults(NodeContext &context, Scope &scope);
  /// Defines the results, or leaves a node that forks in `forked`.
  void finishNode(NodeContext context, Scope &scope, std::unique_ptr<NodeContext> &forked);
  /// Calls `import`; what it throws gets the node's place.
  void located(const onnx::NodeProto &node, const std::string &name, const Frame &frame,
               llvm::function_ref<void()> import);
  /// Imports a function's body in place of the node that calls it. `inner` has the body's versions and default
  /// attributes.
  void importCall(NodeContext &context, Frame inner, const onnx::FunctionProto &function);
  void importSchemaBody(NodeContext &context, const onnx::OpSchema &schema, const std::string &domain);
  /// The warnings of what the module requires, in its order.
  void addWarnings(mlir::ModuleOp module, std::vector<Diagnostic> &warnings);
  void importInitializers(const onnx::GraphProto &graph, Scope &scope, const Frame &frame);
  static std::vector<Binding> outputsOf(const onnx::GraphProto &graph, const Scope &scope);

  Builder &b;
  std::shared_ptr<const onnx::ModelProto> model;
  DataFolder &folder;
  const ImportOptions &options;
  std::map<FunctionKey, const onnx::FunctionProto *> functions;
  std::map<std::string, int64_t> pins;
  /// Extents of inputs that nodes imply.
  std::map<std::pair<std::string, int64_t>, int64_t> implied;
  int64_t nodeCount = 0;
  int64_t depth = 0;
  int64_t forkDepth = 0;
  int64_t forkCount = 0;
  /// Which case to import where a fork, by its number, is decided already.
  std::map<int64_t, bool> decisions;
  /// By place and message of the requirement.
  std::map<std::pair<const void *, const void *>, Diagnostic> warningsOfRequirements;
};

/// Checks number and types of a node's inputs, outputs and attributes against its schema. Throws ImportError.
void checkNode(const onnx::NodeProto &node, const onnx::OpSchema &schema, llvm::ArrayRef<Binding> inputs);

/// "" for ONNX's own domain under both of its names.
std::string normalDomain(const std::string &domain);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_GRAPH_H
