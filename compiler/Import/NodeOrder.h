//===- NodeOrder.h - the order in which a graph's nodes are imported -----------------------===//
//
// ONNX wants nodes in topological order, but some converters do not sort them, and ONNX Runtime takes such graphs.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_NODEORDER_H
#define TENON_COMPILER_IMPORT_NODEORDER_H

#include "onnx/onnx_pb.h"

#include <optional>
#include <string>
#include <vector>

namespace tenon::importer {

struct NodeOrder {
  /// Positions of the nodes in the graph.
  std::vector<int> positions;
  /// Where there is a cycle: a node on it, and the input of that node through which it goes.
  struct Cycle {
    int position;
    std::string input;
  };
  std::optional<Cycle> cycle = std::nullopt;
};

/// Each node comes after those whose outputs it reads, itself or inside its subgraphs; apart from that the order is the
/// graph's.
NodeOrder orderNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_NODEORDER_H
