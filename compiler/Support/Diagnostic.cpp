//===- Diagnostic.cpp - diagnostics as text ------------------------------------------------===//
//
// See Diagnostic.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Support/Diagnostic.h"

namespace tenon {

const char *severityName(Diagnostic::Severity severity) {
  switch (severity) {
  case Diagnostic::Severity::error:
    return "error";
  case Diagnostic::Severity::warning:
    return "warning";
  case Diagnostic::Severity::note:
    return "note";
  }
  return "error";
}

std::string formatDiagnostic(const Diagnostic &diagnostic) {
  std::string text = severityName(diagnostic.severity);
  text += ": ";
  if (!diagnostic.node.empty()) {
    text += "node '" + diagnostic.node + "'";
    if (!diagnostic.opType.empty()) {
      text += " (" + (diagnostic.domain.empty() ? "" : diagnostic.domain + ".") + diagnostic.opType;
      if (diagnostic.opset > 0)
        text += ", opset " + std::to_string(diagnostic.opset);
      text += ")";
    }
    text += ": ";
  }
  text += diagnostic.message;
  if (!diagnostic.hint.empty())
    text += "\n  hint: " + diagnostic.hint;
  return text;
}

} // namespace tenon
