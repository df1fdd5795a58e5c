//===- NodeNames.cpp - names of ONNX nodes out of locations --------------------------------===//

#include "compiler/Codegen/NodeNames.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon::codegen {

void collectNodeNames(Location location, llvm::SetVector<StringRef> &names) {
  llvm::TypeSwitch<LocationAttr>(location)
      .Case([&](NameLoc named) {
        if (!named.getName().empty())
          names.insert(named.getName().getValue());
      })
      .Case([&](FusedLoc fused) {
        for (Location part : fused.getLocations())
          collectNodeNames(part, names);
      })
      .Case([&](CallSiteLoc call) { collectNodeNames(call.getCallee(), names); });
}

std::string joinNames(ArrayRef<StringRef> names, size_t limit) {
  std::string text = llvm::join(names.take_front(limit), ", ");
  return names.size() > limit ? text + ", ..." : text;
}

std::string nodeMessage(Location location, StringRef what) {
  llvm::SetVector<StringRef> names;
  collectNodeNames(location, names);
  if (names.empty())
    return what.str();
  std::string text = joinNames(names.getArrayRef(), 3);
  std::replace(text.begin(), text.end(), '%', '_');
  return "node " + text + ": " + what.str();
}

} // namespace tenon::codegen
