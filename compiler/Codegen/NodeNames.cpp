//===- NodeNames.cpp - names of ONNX nodes out of locations --------------------------------===//

#include "compiler/Codegen/NodeNames.h"

#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon::codegen {

static void collectNodes(Location location, llvm::SetVector<NameLoc> &nodes) {
  llvm::TypeSwitch<LocationAttr>(location)
      .Case([&](NameLoc named) {
        if (!named.getName().empty())
          nodes.insert(named);
      })
      .Case([&](FusedLoc fused) {
        for (Location part : fused.getLocations())
          collectNodes(part, nodes);
      })
      .Case([&](CallSiteLoc call) { collectNodes(call.getCallee(), nodes); });
}

void collectNodeNames(Location location, llvm::SetVector<StringRef> &names) {
  llvm::SetVector<NameLoc> nodes;
  collectNodes(location, nodes);
  for (NameLoc node : nodes)
    names.insert(node.getName().getValue());
}

std::string joinNames(ArrayRef<StringRef> names, size_t limit) {
  std::string text = llvm::join(names.take_front(limit), ", ");
  return names.size() > limit ? text + ", ..." : text;
}

/// The name in quotes, and the operator's in parentheses if it is known.
static std::string describe(NameLoc node) {
  std::string text = "'" + node.getName().str() + "'";
  auto type = dyn_cast<NameLoc>(node.getChildLoc());
  return type && !type.getName().empty() ? text + " (" + type.getName().str() + ")" : text;
}

std::string nodeMessage(Location location, StringRef what) {
  llvm::SetVector<NameLoc> nodes;
  collectNodes(location, nodes);
  if (nodes.empty())
    return what.str();
  SmallVector<std::string> described = llvm::map_to_vector(nodes, describe);
  SmallVector<StringRef> names(described.begin(), described.end());
  std::string text = joinNames(names, 3);
  std::replace(text.begin(), text.end(), '%', '_');
  return (nodes.size() > 1 ? "nodes " : "node ") + text + ": " + what.str();
}

} // namespace tenon::codegen
