//===- Diagnostic.h - what is said to the user about a model -------------------------------===//
//
// One finding about a model or an input: what is wrong, where, and what to do about it. Stages append diagnostics to a
// list; the driver prints them as text or as JSON.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_SUPPORT_DIAGNOSTIC_H
#define TENON_COMPILER_SUPPORT_DIAGNOSTIC_H

#include <cstdint>
#include <string>

namespace tenon {

struct Diagnostic {
  enum class Severity { error, warning, note };

  Severity severity = Severity::error;
  /// Lower case, no full stop, what was got and what was expected.
  std::string message;
  /// The node's name, or `<OpType>_<index>` for an unnamed one; empty where the finding is about the whole model.
  std::string node;
  std::string opType;
  /// Empty is ONNX's own domain.
  std::string domain;
  /// Version of the domain's operator set that the model imports; 0 where it does not matter.
  int64_t opset = 0;
  /// What the user can do; may be empty.
  std::string hint;
};

/// "error", "warning" or "note".
const char *severityName(Diagnostic::Severity severity);

/// One or two lines of text without a trailing newline:
///     error: node 'conv1' (Conv, opset 13): input 1 has rank 1, expected 3 to 5
///       hint: ...
std::string formatDiagnostic(const Diagnostic &diagnostic);

} // namespace tenon

#endif // TENON_COMPILER_SUPPORT_DIAGNOSTIC_H
