//===- Error.h - how importers report what is wrong ----------------------------------------===//
//
// Inside the importer a fault of the model is an exception, which the node loop turns into a Diagnostic with the node's
// name. It never crosses a frame of MLIR's: no importer throws inside a callback that MLIR calls.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_ERROR_H
#define TENON_COMPILER_IMPORT_ERROR_H

#include "compiler/Support/Diagnostic.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"

#include <string>

namespace tenon::importer {

/// A fault of the model; the place is added where it is caught.
struct ImportError {
  std::string message;
  std::string hint;
  /// No shape, no value and no operator that this project lacks is to blame: the file is wrong, or beyond the limits.
  /// Such a fault ends the import even where no run may come by.
  bool isMalformed = false;
};

/// A fault whose place is known already.
struct LocatedError {
  Diagnostic diagnostic;
  bool isMalformed = false;
};

[[noreturn]] inline void fail(const llvm::Twine &message, const llvm::Twine &hint = {}) {
  throw ImportError{message.str(), hint.str()};
}

[[noreturn]] inline void failMalformed(const llvm::Twine &message, const llvm::Twine &hint = {}) {
  throw ImportError{message.str(), hint.str(), /*isMalformed=*/true};
}

/// A fault with its place, as one line for errors of a run.
inline std::string lineOf(const Diagnostic &fault) {
  return (fault.node.empty() ? "" : "node '" + fault.node + "' (" + fault.opType + "): ") + fault.message;
}

/// A message of ONNX's library in this project's form: lower case, no full stop.
inline std::string foreignMessage(llvm::StringRef text) {
  text = text.trim();
  text.consume_back(".");
  std::string message = text.str();
  if (message.size() > 1 && !llvm::isUpper(message[1]))
    message[0] = llvm::toLower(message[0]);
  return message;
}

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_ERROR_H
