//===- ImpliedExtents.h - extents of inputs that follow from their nodes -------------------===//
//
// Ranks of tensors and hidden sizes must be known when a model is compiled, and windows of known kernels are faster. A
// node may take them from an extent that a graph input leaves open: the number of elements of a shape is the rank of
// the result. Where the model says the same elsewhere (in an attribute, the number of outputs, the rank it declares for
// a value), the extent is known after all. The runtime refuses inputs with another one.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_IMPLIEDEXTENTS_H
#define TENON_COMPILER_IMPORT_IMPLIEDEXTENTS_H

#include "onnx/onnx_pb.h"
#include "llvm/ADT/StringMap.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace tenon::importer {

/// Ranks of the values of `graph`: those that it declares, and those that follow through nodes that keep ranks.
llvm::StringMap<int64_t> declaredRanks(const onnx::GraphProto &graph);

/// By name of an input and dimension: the extent that a node of `graph` implies. Contradictions are left to the nodes.
std::map<std::pair<std::string, int64_t>, int64_t> impliedExtents(const onnx::GraphProto &graph);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_IMPLIEDEXTENTS_H
