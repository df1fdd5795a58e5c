//===- Commands.h - the subcommands of `tenon` ---------------------------------------------===//
//
// Each function adds a subcommand with its flags to the parser. What the subcommand does runs when the parser has seen
// all arguments; it throws one of the errors below, or sets `exitCode`.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_TENON_COMMANDS_H
#define TENON_TOOLS_TENON_COMMANDS_H

#include <stdexcept>
#include <string>

namespace CLI {
class App;
}

namespace tenon::cli {

/// What the process ends with.
enum ExitCode { exitDone = 0, exitBadInput = 1, exitUsage = 2, exitInternal = 70 };

/// A model, a file or a value in it is at fault.
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The command line is at fault.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// This program is at fault.
struct InternalError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void addCompileCommand(CLI::App &app, int &exitCode);
void addRunCommand(CLI::App &app, int &exitCode);
void addBenchCommand(CLI::App &app, int &exitCode);
void addInspectCommand(CLI::App &app, int &exitCode);
void addVerifyCommand(CLI::App &app, int &exitCode);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_COMMANDS_H
