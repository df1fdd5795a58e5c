//===- OnnxModel.cpp - what an ONNX file holds, before any compilation ---------------------===//

#include "tools/tenon/OnnxModel.h"
#include "tools/tenon/Commands.h"
#include "tools/tenon/TensorFile.h"
#include <onnx/onnx_pb.h>

namespace tenon::cli {

namespace {

/// Bits of an element of a TensorProto.
int64_t elementBits(int32_t type) {
  switch (type) {
  case onnx::TensorProto::FLOAT16:
  case onnx::TensorProto::BFLOAT16:
  case onnx::TensorProto::INT16:
  case onnx::TensorProto::UINT16:
    return 16;
  case onnx::TensorProto::FLOAT:
  case onnx::TensorProto::INT32:
  case onnx::TensorProto::UINT32:
    return 32;
  case onnx::TensorProto::DOUBLE:
  case onnx::TensorProto::INT64:
  case onnx::TensorProto::UINT64:
  case onnx::TensorProto::COMPLEX64:
    return 64;
  case onnx::TensorProto::INT4:
  case onnx::TensorProto::UINT4:
  case onnx::TensorProto::FLOAT4E2M1:
    return 4;
  case onnx::TensorProto::INT2:
  case onnx::TensorProto::UINT2:
    return 2;
  case onnx::TensorProto::FLOAT6E2M3:
  case onnx::TensorProto::FLOAT6E3M2:
    return 6;
  default:
    return 8;
  }
}

class Counter {
public:
  explicit Counter(OnnxModel &model) : model(model) {}

  void countGraph(const onnx::GraphProto &graph, int depth) {
    if (depth > 64)
      throw InputError("subgraphs are nested too deeply");
    for (const onnx::TensorProto &tensor : graph.initializer())
      countTensor(tensor);
    countNodes(graph.node(), depth);
  }

  template <typename Nodes> void countNodes(const Nodes &nodes, int depth) {
    for (const onnx::NodeProto &node : nodes) {
      bool isOwn = node.domain().empty() || node.domain() == "ai.onnx";
      ++model.operators[isOwn ? node.op_type() : node.domain() + "." + node.op_type()];
      for (const onnx::AttributeProto &attribute : node.attribute()) {
        if (attribute.has_t() && node.op_type() == "Constant")
          countTensor(attribute.t());
        if (attribute.has_g())
          countGraph(attribute.g(), depth + 1);
        for (const onnx::GraphProto &graph : attribute.graphs())
          countGraph(graph, depth + 1);
      }
    }
  }

private:
  void countTensor(const onnx::TensorProto &tensor) {
    uint64_t elements = 1;
    for (int64_t dim : tensor.dims())
      elements *= static_cast<uint64_t>(dim);
    model.parameters += elements;
    model.parameterBytes += (elements * elementBits(tensor.data_type()) + 7) / 8;
  }

  OnnxModel &model;
};

} // namespace

OnnxModel readOnnxModel(const std::string &path) {
  onnx::ModelProto proto;
  std::string bytes = readFile(path);
  if (!proto.ParseFromString(bytes) || !proto.has_graph())
    throw InputError(path + ": not an ONNX model");
  OnnxModel model;
  model.producer = proto.producer_name() + (proto.producer_version().empty() ? "" : " " + proto.producer_version());
  for (const auto &import : proto.opset_import())
    model.opsets[import.domain().empty() ? "ai.onnx" : import.domain()] = import.version();
  Counter counter(model);
  counter.countGraph(proto.graph(), 0);
  for (const onnx::FunctionProto &function : proto.functions())
    counter.countNodes(function.node(), 0);
  for (const onnx::NodeProto &node : proto.graph().node())
    model.nodes.push_back({node.name(), node.op_type(), {node.output().begin(), node.output().end()}});
  for (const onnx::ValueInfoProto &output : proto.graph().output())
    model.outputs.push_back(output.name());
  return model;
}

std::string withOutputs(const std::string &modelBytes, const std::vector<std::string> &names) {
  // Serialized messages merge when they are put behind each other: repeated fields add up.
  onnx::ModelProto addition;
  for (const std::string &name : names)
    addition.mutable_graph()->add_output()->set_name(name);
  return modelBytes + addition.SerializePartialAsString();
}

} // namespace tenon::cli
