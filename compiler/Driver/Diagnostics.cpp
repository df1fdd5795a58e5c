//===- Diagnostics.cpp - MLIR's diagnostics as ours ----------------------------------------===//

#include "compiler/Driver/Diagnostics.h"
#include "mlir/IR/Location.h"

using namespace mlir;

namespace tenon::driver {

namespace {

/// The first NameLoc in `location`: an op's node.
NameLoc findNode(Location location) {
  if (auto name = dyn_cast<NameLoc>(location))
    return name;
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (NameLoc name = findNode(part))
        return name;
  if (auto call = dyn_cast<CallSiteLoc>(location))
    return findNode(call.getCallee());
  return {};
}

Diagnostic::Severity severityOf(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Error:
    return Diagnostic::Severity::error;
  case DiagnosticSeverity::Warning:
    return Diagnostic::Severity::warning;
  default:
    return Diagnostic::Severity::note;
  }
}

Diagnostic convert(mlir::Diagnostic &source) {
  Diagnostic result;
  result.severity = severityOf(source.getSeverity());
  result.message = source.str();
  if (NameLoc node = findNode(source.getLocation())) {
    result.node = node.getName().str();
    if (auto type = dyn_cast<NameLoc>(node.getChildLoc())) {
      auto [domain, opType] = type.getName().strref().rsplit('.');
      result.domain = opType.empty() ? "" : domain.str();
      result.opType = (opType.empty() ? domain : opType).str();
    }
  }
  for (mlir::Diagnostic &note : source.getNotes()) {
    std::string text = note.str();
    if (!StringRef(text).starts_with("see current operation"))
      result.hint += (result.hint.empty() ? "" : "; ") + text;
  }
  return result;
}

} // namespace

DiagnosticCollector::DiagnosticCollector(MLIRContext *context, std::vector<Diagnostic> &list)
    : handler(context, [&list](mlir::Diagnostic &diagnostic) {
        list.push_back(convert(diagnostic));
        return success();
      }) {}

} // namespace tenon::driver
