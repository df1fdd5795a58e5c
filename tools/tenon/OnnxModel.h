//===- OnnxModel.h - what an ONNX file holds, before any compilation -----------------------===//

#ifndef TENON_TOOLS_TENON_ONNXMODEL_H
#define TENON_TOOLS_TENON_ONNXMODEL_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tenon::cli {

/// A node of the main graph.
struct OnnxNode {
  std::string name, opType;
  std::vector<std::string> outputs;
};

struct OnnxModel {
  std::string producer;
  std::map<std::string, int64_t> opsets;       ///< by domain; ONNX's own is "ai.onnx"
  std::map<std::string, int64_t> operators;    ///< how often each occurs, subgraphs and functions included
  uint64_t parameters = 0, parameterBytes = 0; ///< elements and bytes of all initializers
  std::vector<OnnxNode> nodes;
  std::vector<std::string> outputs;
};

/// Reads the file's structure. Throws InputError if it is no model.
OnnxModel readOnnxModel(const std::string &path);

/// The bytes of the model with further outputs of its graph, by name: values that its nodes compute.
std::string withOutputs(const std::string &modelBytes, const std::vector<std::string> &names);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_ONNXMODEL_H
