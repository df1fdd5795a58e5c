//===- Driver.h - from an ONNX file to an artefact -----------------------------------------===//
//
// The only entry for tools: import, all stages in order, emission. Plain data and the standard library only, so that
// programs with and without exceptions use it. Nothing here prints, except what options ask for (IR, times), which goes
// to stderr.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_DRIVER_H
#define TENON_COMPILER_DRIVER_DRIVER_H

#include "compiler/Support/Diagnostic.h"
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tenon::driver {

/// What is written.
enum class Emit { SharedLibrary, StaticLibrary, Object, Assembly, Llvm, Nn, Fused, Scheduled, Loops };

/// The kind that `--emit` calls `name`.
std::optional<Emit> emitByName(const std::string &name);
/// All names, separated by commas.
std::string emitNames();
/// The extension of an output file, with its dot.
std::string emitExtension(Emit emit);

/// Everything that the command line can say about a compilation.
struct Options {
  std::string outputPath; ///< "-": standard output, for text; empty: the model's name with the extension of what is
                          ///< written, in the current folder
  Emit emit = Emit::SharedLibrary;
  std::string target; ///< LLVM triple; empty: this machine's
  std::string cpu;    ///< LLVM name, x86-64-v2/v3/v4 or native; empty: native
  std::vector<std::pair<std::string, std::vector<int64_t>>> shapes; ///< by input name; -1 leaves a dimension alone
  /// Smallest and largest extent by name of a symbolic dimension; equal ones pin it.
  std::vector<std::pair<std::string, std::pair<int64_t, int64_t>>> dimensions;
  bool reference = false;             ///< the slow, obvious lowering
  bool exact = false;                 ///< no approximation of functions
  bool optimizeSize = false;          ///< code and weights small rather than fast
  bool weightsFile = false;           ///< weights in a file of their own
  std::string name;                   ///< of the model, for people; empty: the file's
  std::string symbol = "tenon_model"; ///< of the descriptor
  unsigned threads = 0;               ///< that compile; 0: all processors

  std::vector<std::string> printBefore,
      printAfter; ///< flags of passes whose input or output is printed; "all": every pass
  bool timePasses = false;
  /// Where to write a reproducer if a pass fails; empty: none. Compiles on one thread.
  std::string reproducer;
};

/// How long and how much.
struct Statistics {
  double importSeconds = 0, passSeconds = 0, emitSeconds = 0;
  int64_t codeBytes = 0, weightBytes = 0;
  std::string target, cpu;
};

enum class Outcome {
  Done,
  BadModel, ///< the model, or a file, is at fault
  BadUsage, ///< the options are at fault
  Internal  ///< the compiler is at fault
};

struct Result {
  Outcome outcome = Outcome::Done;
  std::vector<Diagnostic> diagnostics; ///< warnings too
  std::vector<std::string> files;      ///< what was written, the artefact first
  Statistics statistics;
  std::string failedPass; ///< the pass that failed, if one did

  bool ok() const { return outcome == Outcome::Done; }
};

/// Compiles the model at `path`: an ONNX file, or MLIR text (extension .mlir) at the first stage's border or in the
/// LLVM dialect. Any thread; several compilations may run at once, except that links take turns.
Result compile(const std::string &path, const Options &options);

/// The same for an ONNX model in memory. `folder` is where its external data lies. `options.outputPath` must be given.
Result compileBytes(const void *data, size_t sizeBytes, const std::string &folder, const Options &options);

} // namespace tenon::driver

#endif // TENON_COMPILER_DRIVER_DRIVER_H
