//===- NodeOrder.cpp - the order in which a graph's nodes are imported ---------------------===//
//
// Kahn's algorithm with the smallest ready position first, which leaves sorted graphs as they are. See NodeOrder.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/NodeOrder.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include <functional>
#include <queue>

namespace tenon::importer {

namespace {

void addReads(const onnx::NodeProto &node, llvm::function_ref<void(llvm::StringRef)> add);

/// Calls `add` for the names a subgraph reads from outside.
void addOuterReads(const onnx::GraphProto &graph, llvm::function_ref<void(llvm::StringRef)> add) {
  llvm::StringSet<> inside;
  for (const onnx::ValueInfoProto &input : graph.input())
    inside.insert(input.name());
  for (const onnx::TensorProto &tensor : graph.initializer())
    inside.insert(tensor.name());
  for (const onnx::NodeProto &node : graph.node())
    for (const std::string &output : node.output())
      inside.insert(output);
  auto addOuter = [&](llvm::StringRef name) {
    if (!inside.contains(name))
      add(name);
  };
  for (const onnx::NodeProto &node : graph.node())
    addReads(node, addOuter);
  for (const onnx::ValueInfoProto &output : graph.output())
    addOuter(output.name());
}

void addReads(const onnx::NodeProto &node, llvm::function_ref<void(llvm::StringRef)> add) {
  for (const std::string &input : node.input())
    if (!input.empty())
      add(input);
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (attribute.has_g())
      addOuterReads(attribute.g(), add);
}

/// What a node waits for.
struct Read {
  int producer;
  std::string name;
};

} // namespace

NodeOrder orderNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes) {
  llvm::StringMap<int> producers;
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string &output : nodes[i].output())
      if (!output.empty())
        producers.try_emplace(output, i);

  std::vector<std::vector<Read>> reads(nodes.size());
  std::vector<std::vector<int>> readers(nodes.size());
  std::vector<size_t> waiting(nodes.size());
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < nodes.size(); ++i) {
    addReads(nodes[i], [&](llvm::StringRef name) {
      auto entry = producers.find(name);
      if (entry == producers.end())
        return;
      reads[i].push_back({entry->second, name.str()});
      readers[entry->second].push_back(i);
    });
    waiting[i] = reads[i].size();
    if (waiting[i] == 0)
      ready.push(i);
  }

  NodeOrder order;
  std::vector<bool> done(nodes.size());
  while (!ready.empty()) {
    int next = ready.top();
    ready.pop();
    done[next] = true;
    order.positions.push_back(next);
    for (int reader : readers[next])
      if (--waiting[reader] == 0)
        ready.push(reader);
  }
  if (order.positions.size() == done.size())
    return order;

  // Every node that is left waits for another one that is left; following them ends in a cycle.
  std::vector<bool> seen(nodes.size());
  auto position = static_cast<int>(llvm::find(done, false) - done.begin());
  while (true) {
    auto read = llvm::find_if(reads[position], [&](const Read &entry) { return !done[entry.producer]; });
    if (seen[position]) {
      order.cycle = {position, read->name};
      return order;
    }
    seen[position] = true;
    position = read->producer;
  }
}

} // namespace tenon::importer
