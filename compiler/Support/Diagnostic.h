//===- Diagnostic.h - what the user is told -------------------------------------------------------===//
//
// A fault of the model or of a request, in plain data: it crosses from the stages over the driver to the command line and
// the Python package. Standard headers only, so that code with and without exceptions shares it.
//
//===----------------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_SUPPORT_DIAGNOSTIC_H
#define TENON_COMPILER_SUPPORT_DIAGNOSTIC_H

#include <cstdint>
#include <string>

namespace tenon {

enum class Severity { Error, Warning, Remark };

struct Diagnostic {
  Severity severity = Severity::Error;
  std::string message; ///< lower case, no full stop, got and expected
  std::string node;    ///< name of the ONNX node, "" if it is about no node
  std::string opType;  ///< its operator
  std::string domain;  ///< the operator's domain, "" for ONNX's own
  int64_t opset = 0;   ///< the domain's opset version, 0 if unknown
  std::string hint;    ///< what the user may do, "" if there is nothing to say
};

} // namespace tenon

#endif // TENON_COMPILER_SUPPORT_DIAGNOSTIC_H
