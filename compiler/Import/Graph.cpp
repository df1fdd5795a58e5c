//===- Graph.cpp - nodes, functions and subgraphs of an ONNX model -------------------------===//
//
// See Graph.h. The main graph's inputs and outputs are in Main.cpp.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Graph.h"

#include "compiler/Import/Body.h"
#include "compiler/Import/Container.h"
#include "compiler/Import/Elements.h"
#include "compiler/Import/Node.h"
#include "onnx/defs/data_type_utils.h"
#include "onnx/defs/function.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/SaveAndRestore.h"

#include <new>

namespace tenon::importer {

namespace {

/// Counts how deep graphs and functions are inside each other.
class Nesting {
public:
  Nesting(int64_t &depth, int64_t limit) : depth(depth) {
    if (depth >= limit)
      failMalformed("subgraphs and functions are nested deeper than " + std::to_string(limit) +
                    " levels (or a function calls itself)");
    ++depth;
  }
  ~Nesting() { --depth; }

private:
  int64_t &depth;
};

mlir::Location nodeLocation(mlir::MLIRContext *context, llvm::StringRef name, llvm::StringRef opType) {
  auto string = [&](llvm::StringRef text) { return mlir::StringAttr::get(context, text.empty() ? "unnamed" : text); };
  return mlir::NameLoc::get(string(name), mlir::NameLoc::get(string(opType)));
}

/// A node whose attributes are values, not references to a function's attributes.
onnx::NodeProto resolved(const onnx::NodeProto &node, const Frame &frame) {
  onnx::NodeProto copy = node;
  copy.clear_attribute();
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.ref_attr_name().empty()) {
      *copy.add_attribute() = attribute;
      continue;
    }
    auto entry = frame.attributes.find(attribute.ref_attr_name());
    if (entry == frame.attributes.end())
      continue;
    *copy.add_attribute() = *entry->second;
    copy.mutable_attribute(copy.attribute_size() - 1)->set_name(attribute.name());
  }
  return copy;
}

} // namespace

std::string normalDomain(const std::string &domain) { return domain == "ai.onnx" ? "" : domain; }

void checkNode(const onnx::NodeProto &node, const onnx::OpSchema &schema, llvm::ArrayRef<Binding> inputs) {
  schema.Verify(node);
  llvm::StringMap<std::string> variables;
  for (auto [i, input] : llvm::enumerate(inputs)) {
    if (!input.exists() || schema.inputs().empty())
      continue;
    const auto &formal = schema.inputs()[std::min(i, schema.inputs().size() - 1)];
    std::string type = *onnx::Utils::DataTypeUtils::ToType(protoTypeOf(input));
    if (!formal.GetTypes().count(onnx::Utils::DataTypeUtils::ToType(type)))
      failMalformed("input " + std::to_string(i) + " ('" + node.input(static_cast<int>(i)) + "') is a " + type +
                    ", which " + schema.Name() + " of opset " + std::to_string(schema.SinceVersion()) +
                    " does not take");
    bool homogeneous = formal.GetOption() != onnx::OpSchema::Variadic || formal.GetIsHomogeneous();
    auto [entry, isNew] = variables.try_emplace(formal.GetTypeStr(), type);
    if (homogeneous && !isNew && entry->second != type)
      failMalformed("input " + std::to_string(i) + " ('" + node.input(static_cast<int>(i)) + "') is a " + type +
                    ", expected " + entry->second + " as of the inputs before it");
  }
}

Binding GraphImporter::bindingOf(mlir::ElementsAttr elements) {
  return {b.constantOf(elements), b.scalarsOfConstant(elements)};
}

Binding GraphImporter::bindingOf(const onnx::TensorProto &tensor, const Frame &frame) {
  if (tensor.data_type() == onnx::TensorProto::STRING)
    return bindingOf(stringElements(tensor, b.strings(), b.context(), b.limits()));
  return bindingOf(elementsOf(tensor, frame.owner, folder, b.context(), b.limits()));
}

void GraphImporter::importInitializers(const onnx::GraphProto &graph, Scope &scope, const Frame &frame) {
  if (graph.sparse_initializer_size() > 0)
    fail("sparse initializers are not supported", "make them dense");
  for (const onnx::TensorProto &tensor : graph.initializer()) {
    if (tensor.name().empty())
      failMalformed("an initializer has no name");
    b.setLocation(nodeLocation(b.context(), tensor.name(), "Initializer"));
    if (!scope.define(tensor.name(), bindingOf(tensor, frame)))
      failMalformed("initializer '" + tensor.name() + "' is given more than once");
  }
}

std::vector<Binding> GraphImporter::outputsOf(const onnx::GraphProto &graph, const Scope &scope) {
  std::vector<Binding> outputs;
  for (const onnx::ValueInfoProto &output : graph.output()) {
    const Binding *binding = scope.find(output.name());
    if (!binding || !binding->exists())
      failMalformed("graph output '" + output.name() + "' is not produced by any node");
    outputs.push_back(*binding);
  }
  return outputs;
}

std::vector<Binding> GraphImporter::importGraph(const onnx::GraphProto &graph, Scope &scope, const Frame &frame,
                                                bool isMain) {
  Nesting nesting(depth, options.limits.nesting);
  importInitializers(graph, scope, frame);
  auto outputs = [&](const Scope &inner) { return outputsOf(graph, inner); };
  return importNodes({graph.node(), outputs, frame, orderNodes(graph.node()), isMain}, 0, scope);
}

void GraphImporter::located(const onnx::NodeProto &node, const std::string &name, const Frame &frame,
                            llvm::function_ref<void()> import) {
  std::string message, hint;
  // What is no error of ours is one of memory or of ONNX's own checks and function builders.
  bool isMalformed = true;
  try {
    b.setLocation(nodeLocation(b.context(), name, node.op_type()));
    return import();
  } catch (const ImportError &error) {
    message = error.message;
    hint = error.hint;
    isMalformed = error.isMalformed;
  } catch (const std::bad_alloc &) {
    message = "out of memory";
  } catch (const std::exception &error) {
    message = foreignMessage(error.what());
  }
  auto opset = frame.opsets.find(normalDomain(node.domain()));
  throw LocatedError{{Diagnostic::Severity::error, message, name, node.op_type(), node.domain(),
                      opset == frame.opsets.end() ? 0 : opset->second, hint},
                     isMalformed};
}

std::vector<Binding> GraphImporter::importNodes(const NodeList &list, size_t first, Scope &scope) {
  mlir::Location outer = b.location();
  auto nameOf = [&](int position) {
    const onnx::NodeProto &node = list.nodes[position];
    std::string name = node.name().empty() ? node.op_type() + "_" + std::to_string(position) : node.name();
    return list.frame.prefix.empty() ? name : list.frame.prefix + "/" + name;
  };
  if (const auto &cycle = list.order.cycle)
    located(list.nodes[cycle->position], nameOf(cycle->position), list.frame, [&] {
      failMalformed("input '" + cycle->input + "' depends on an output of this node itself", "the graph has a cycle");
    });
  for (size_t i = first; i < list.order.positions.size(); ++i) {
    int position = list.order.positions[i];
    const onnx::NodeProto &node = list.nodes[position];
    if (++nodeCount > options.limits.nodes)
      failMalformed("the model has more than " + std::to_string(options.limits.nodes) +
                    " nodes after its functions were expanded");
    std::string name = nameOf(position);
    std::unique_ptr<NodeContext> forked;
    located(node, name, list.frame, [&] {
      for (const std::string &input : node.input())
        if (!input.empty() && !scope.find(input))
          failMalformed("input '" + input + "' is not an input, an initializer or a node's output");
      importNode(node, name, scope, list.frame, forked);
    });
    if (forked) {
      NodeFork fork = *forked->takeFork();
      return importForked(list, i + 1, scope, *forked, fork);
    }
  }
  b.setLocation(outer);
  return list.outputs(scope);
}

//===----------------------------------------------------------------------===//
// Ranks that a condition decides
//===----------------------------------------------------------------------===//

/// Each doubles the rest of the graph.
static constexpr int64_t mostForks = 8;

/// `binding` with as many dimensions as `rank`: extents of 1 in front, and its own rank beside it.
static Binding withRank(Builder &b, const Binding &binding, int64_t rank) {
  ScalarVector sizes = b.extents(binding.tensor);
  Binding result = binding;
  if (!result.rank)
    result.rank = b.scalarTensor(b.index(rankOf(binding.tensor)), b.raw().getI64Type());
  sizes.insert(sizes.begin(), rank - rankOf(binding.tensor), b.index(1));
  result.tensor = b.reshape(binding.tensor, sizes);
  result.scalars.reset();
  return result;
}

/// A tensor for a result that is never read.
static mlir::Value placeholder(Builder &b, mlir::RankedTensorType type) {
  ScalarVector sizes;
  for (int64_t extent : type.getShape())
    sizes.push_back(b.index(mlir::ShapedType::isDynamic(extent) ? 0 : extent));
  return b.retype(b.broadcast(b.constant(0, type.getElementType()), sizes), type);
}

static Binding placeholder(Builder &b, const Binding &other) {
  if (other.container)
    return placeholder(b, other.container->type);
  return {placeholder(b, typeOf(other.tensor)), std::nullopt,
          other.rank ? placeholder(b, typeOf(other.rank)) : mlir::Value()};
}

/// Outputs of both cases with a rank beside each whose rank is not the same.
static std::vector<Binding> joinRanks(Builder &b, mlir::Value flag, std::optional<Body> (&bodies)[2],
                                      std::vector<Binding> (&outputs)[2]) {
  size_t count = outputs[0].size();
  llvm::SmallVector<size_t> ranked;
  // Two constants are chosen as numbers: a choice between constant tensors has no place in main.
  std::map<size_t, Scalar> known;
  for (size_t k = 0; k < count; ++k) {
    const Binding &lhs = outputs[0][k], &rhs = outputs[1][k];
    if (lhs.container || rhs.container)
      continue;
    if (!lhs.rank && !rhs.rank && rankOf(lhs.tensor) == rankOf(rhs.tensor))
      continue;
    int64_t rank = std::max(rankOf(lhs.tensor), rankOf(rhs.tensor));
    if (!lhs.rank && !rhs.rank)
      known[k] = b.select(flag, b.index(rankOf(lhs.tensor)), b.index(rankOf(rhs.tensor)));
    for (int i = 0; i < 2; ++i) {
      bodies[i]->open();
      outputs[i][k] = withRank(b, outputs[i][k], rank);
      if (!known.count(k))
        outputs[i].push_back({outputs[i][k].rank});
      bodies[i]->close();
    }
    if (!known.count(k))
      ranked.push_back(k);
  }
  std::vector<Binding> joined = joinBranches(b, flag, *bodies[0], outputs[0], *bodies[1], outputs[1]);
  for (auto [number, k] : llvm::enumerate(ranked))
    joined[k].rank = joined[count + number].tensor;
  for (auto [k, rank] : known)
    joined[k].rank = b.scalarTensor(rank, b.raw().getI64Type());
  joined.resize(count);
  return joined;
}

std::vector<Binding> GraphImporter::importCase(const NodeList &list, size_t next, Scope &scope, NodeContext context,
                                               const std::function<void(NodeContext &)> &fill) {
  Scope inner(&scope);
  std::optional<NodeFork> fork;
  located(context.node, context.name, list.frame, [&] {
    fill(context);
    fork = context.takeFork();
    if (!fork)
      defineResults(context, inner);
  });
  return fork ? importForked(list, next, inner, context, *fork) : importNodes(list, next, inner);
}

std::vector<Binding> GraphImporter::importForked(const NodeList &list, size_t next, Scope &scope,
                                                 const NodeContext &context, const NodeFork &fork) {
  located(context.node, context.name, list.frame, [&] {
    if (forkDepth >= mostForks)
      fail("more than " + std::to_string(mostForks) + " conditions, one behind the other, decide ranks",
           "pin the dimensions that decide with --shape");
  });
  llvm::SaveAndRestore<int64_t> deeper(forkDepth, forkDepth + 1);
  int64_t number = forkCount++;
  if (auto decided = decisions.find(number); decided != decisions.end())
    return importCase(list, next, scope, context, decided->second ? fork.onTrue : fork.onFalse);
  mlir::Location location = b.location();
  bool isUndecided = false;
  std::optional<Body> bodies[2];
  std::vector<Binding> outputs[2];
  std::optional<LocatedError> errors[2];
  for (int i = 0; i < 2; ++i) {
    bodies[i].emplace(b);
    try {
      outputs[i] = importCase(list, next, scope, context, i == 0 ? fork.onTrue : fork.onFalse);
      bodies[i]->close();
    } catch (const LocatedError &error) {
      errors[i] = error;
      bodies[i].reset();
    } catch (const UndecidedRank &) {
      isUndecided = true;
      bodies[i].reset();
    }
    b.setLocation(location);
  }
  if (errors[0] && errors[1])
    throw *errors[0];
  if (isUndecided || (!list.isMain && !errors[0] && !errors[1] && !canJoin(outputs[0], outputs[1]))) {
    for (std::optional<Body> &body : bodies)
      body.reset();
    throw UndecidedRank{fork.flag, number};
  }
  for (int i = 0; i < 2; ++i) {
    if (!errors[i])
      continue;
    // A case that has no meaning in the rest of the graph fails when it comes up.
    bodies[i].emplace(b);
    nn::FailOp::create(b.raw(), location, b.raw().getStringAttr(lineOf(errors[i]->diagnostic)));
    for (const Binding &other : outputs[1 - i])
      outputs[i].push_back(placeholder(b, other));
    bodies[i]->close();
  }
  std::vector<Binding> joined;
  located(context.node, context.name, list.frame, [&] {
    joined = list.isMain ? joinRanks(b, fork.flag, bodies, outputs)
                         : joinBranches(b, fork.flag, *bodies[0], outputs[0], *bodies[1], outputs[1]);
  });
  return joined;
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

void GraphImporter::importNode(const onnx::NodeProto &node, const std::string &name, Scope &scope, const Frame &frame,
                               std::unique_ptr<NodeContext> &forked) {
  std::string domain = normalDomain(node.domain());
  auto function = functions.find({domain, node.op_type(), node.overload()});
  if (function != functions.end()) {
    Frame inner;
    inner.owner = model;
    for (const auto &import : function->second->opset_import())
      inner.opsets[normalDomain(import.domain())] = import.version();
    for (const onnx::AttributeProto &attribute : function->second->attribute_proto())
      inner.attributes[attribute.name()] = &attribute;
    NodeContext context(*this, node, name, 0, scope, frame, {});
    const onnx::FunctionProto *body = function->second;
    importInPlace(context, [this, inner, body](NodeContext &c) { importCall(c, inner, *body); });
    finishNode(std::move(context), scope, forked);
    return;
  }
  auto opset = frame.opsets.find(domain);
  if (opset == frame.opsets.end())
    failMalformed("the model does not import an operator set of domain '" + (domain.empty() ? "ai.onnx" : domain) +
                  "'");
  dispatch(node, name, scope, frame, opset->second, domain, forked);
}

void GraphImporter::dispatch(const onnx::NodeProto &node, const std::string &name, Scope &scope, const Frame &frame,
                             int64_t opset, const std::string &domain, std::unique_ptr<NodeContext> &forked) {
  const onnx::OpSchema *schema =
      onnx::OpSchemaRegistry::Schema(node.op_type(), static_cast<int>(std::min<int64_t>(opset, INT32_MAX)), domain);
  const Importer *importer = findImporter(schema || !domain.empty() ? domain : runtimeExtensions.str(), node.op_type());
  // ONNX's library has no schemas of ONNX Runtime's own operators; their importers check for themselves.
  if (!schema && !(importer && (domain.empty() || domain == runtimeDomain)))
    fail("there is no operator '" + node.op_type() + "' in opset " + std::to_string(opset) + " of domain '" +
         (domain.empty() ? "ai.onnx" : domain) + "'");

  std::vector<Binding> inputs;
  for (const std::string &input : node.input()) {
    const Binding *binding = input.empty() ? nullptr : scope.find(input);
    inputs.push_back(binding ? *binding : Binding());
  }
  if (schema && !importer && !schema->HasFunction() && !schema->HasContextDependentFunction())
    fail("operator '" + node.op_type() + "' is not supported");
  if (schema)
    checkNode(node, *schema, inputs);
  for (auto [i, input] : llvm::enumerate(inputs))
    if (!schema && input.container)
      failMalformed("input " + llvm::Twine(i) + " is " + describe(kindOf(input)) + ", expected a tensor");

  NodeContext context(*this, node, name, opset, scope, frame, std::move(inputs));
  if (!importScalars(context)) {
    if (importer)
      (*importer)(context);
    else
      importSchemaBody(context, *schema, domain);
  }
  finishNode(std::move(context), scope, forked);
}

void GraphImporter::finishNode(NodeContext context, Scope &scope, std::unique_ptr<NodeContext> &forked) {
  if (context.isForked())
    forked = std::make_unique<NodeContext>(std::move(context));
  else
    defineResults(context, scope);
}

void GraphImporter::importInPlace(NodeContext &context, const std::function<void(NodeContext &)> &import,
                                  const std::vector<std::pair<int64_t, bool>> &decided) {
  int64_t start = forkCount;
  for (auto [fork, taken] : decided)
    decisions[start + fork] = taken;
  try {
    import(context);
  } catch (const UndecidedRank &undecided) {
    auto with = [&](bool taken) {
      std::vector<std::pair<int64_t, bool>> more = decided;
      more.push_back({undecided.fork - start, taken});
      return [import, more](NodeContext &c) { c.graph.importInPlace(c, import, more); };
    };
    context.fork(undecided.flag, with(true), with(false));
  }
}

void GraphImporter::defineResults(NodeContext &context, Scope &scope) {
  for (int64_t i = 0; i < context.outputCount(); ++i) {
    if (!context.wants(i))
      continue;
    const std::string &output = context.node.output(static_cast<int>(i));
    if (!context.output(i).exists())
      fail("output " + std::to_string(i) + " ('" + output + "') is not supported");
    if (!scope.define(output, context.output(i)))
      failMalformed("output '" + output + "' has the name of another value");
  }
}

void GraphImporter::importSchemaBody(NodeContext &context, const onnx::OpSchema &schema, const std::string &domain) {
  const onnx::NodeProto &node = context.node;
  const Frame &frame = context.frame;
  // The body must outlive the constants made from it.
  auto body = std::make_shared<onnx::FunctionProto>();
  int version = static_cast<int>(context.opset);
  if (const onnx::FunctionProto *fixed = schema.GetFunction(version)) {
    *body = *fixed;
  } else {
    bool built = false;
    if (schema.HasContextDependentFunction()) {
      std::vector<onnx::TypeProto> types;
      for (int64_t i = 0; i < context.inputCount(); ++i)
        types.push_back(protoTypeOf(context.inputBinding(i)));
      // The context points into this node's attributes.
      onnx::NodeProto values = resolved(node, frame);
      onnx::FunctionBodyBuildContextImpl given(values, types);
      built = schema.BuildContextDependentFunction(given, *body, version);
    }
    if (!built)
      fail("operator '" + node.op_type() + "' is not supported");
  }
  Frame inner;
  inner.owner = body;
  for (const auto &import : body->opset_import())
    inner.opsets[normalDomain(import.domain())] = import.version();
  for (const auto &[imported, importedVersion] : frame.opsets)
    inner.opsets.try_emplace(imported, importedVersion);
  for (const auto &[attributeName, attribute] : schema.attributes())
    if (attribute.default_value.type() != onnx::AttributeProto::UNDEFINED)
      inner.attributes[attributeName] = &attribute.default_value;
  importInPlace(context, [this, inner, body](NodeContext &c) { importCall(c, inner, *body); });
}

void GraphImporter::importCall(NodeContext &context, Frame inner, const onnx::FunctionProto &function) {
  const onnx::NodeProto &node = context.node;
  Nesting nesting(depth, options.limits.nesting);
  if (node.input_size() > function.input_size() || node.output_size() > function.output_size())
    failMalformed("call with " + std::to_string(node.input_size()) + " inputs and " +
                  std::to_string(node.output_size()) + " outputs of a function with " +
                  std::to_string(function.input_size()) + " and " + std::to_string(function.output_size()));
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (attribute.ref_attr_name().empty()) {
      inner.attributes[attribute.name()] = &attribute;
      continue;
    }
    auto entry = context.frame.attributes.find(attribute.ref_attr_name());
    if (entry != context.frame.attributes.end())
      inner.attributes[attribute.name()] = entry->second;
  }
  inner.prefix = context.name;

  Scope body;
  for (int i = 0; i < function.input_size(); ++i) {
    const Binding *binding =
        i < node.input_size() && !node.input(i).empty() ? context.scope.find(node.input(i)) : nullptr;
    if (!body.define(function.input(i), binding ? *binding : Binding()))
      failMalformed("function has two inputs called '" + function.input(i) + "'");
  }
  auto outputsOf = [&](const Scope &scope) {
    std::vector<Binding> outputs;
    for (int i = 0; i < node.output_size(); ++i) {
      if (node.output(i).empty())
        continue;
      const Binding *binding = scope.find(function.output(i));
      if (!binding || !binding->exists())
        failMalformed("the function's output '" + function.output(i) + "' is not produced");
      outputs.push_back(*binding);
    }
    return outputs;
  };
  std::vector<Binding> outputs = importNodes({function.node(), outputsOf, inner, orderNodes(function.node())}, 0, body);
  auto next = outputs.begin();
  for (int i = 0; i < node.output_size(); ++i)
    if (!node.output(i).empty())
      context.result(i, *next++);
}

} // namespace tenon::importer
