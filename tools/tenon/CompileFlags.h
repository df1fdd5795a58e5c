//===- CompileFlags.h - the flags of every subcommand that compiles ------------------------===//

#ifndef TENON_TOOLS_TENON_COMPILEFLAGS_H
#define TENON_TOOLS_TENON_COMPILEFLAGS_H

#include "compiler/Driver/Driver.h"

namespace CLI {
class App;
}

namespace tenon::cli {

/// Flags as the user wrote them.
struct CompileFlags {
  driver::Options options;
  std::vector<std::string> shapes, dims;
  std::string precision = "f32", optimize = "speed";

  /// Adds the flags that change what is computed or for which processor.
  void addModelFlags(CLI::App &command);
  /// Adds those that show what the compiler does.
  void addDebugFlags(CLI::App &command);
  /// The options they mean. Throws UsageError.
  driver::Options parse() const;
};

/// Prints diagnostics to stderr as text.
void printDiagnostics(const std::vector<Diagnostic> &diagnostics);

/// The exit code for what a compilation ended with.
int exitCodeOf(driver::Outcome outcome);

/// Compiles; after a fault of the compiler compiles once more to write a reproducer, and says where it is on stderr.
driver::Result compileOrExplain(const std::string &path, const driver::Options &options);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_COMPILEFLAGS_H
