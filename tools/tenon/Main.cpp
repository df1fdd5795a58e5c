//===- Main.cpp - the program `tenon` ------------------------------------------------------===//
//
// Compiles neural networks and runs what it compiled. Exit codes: 0 done, 1 the model or an input is at fault, 2 usage,
// 70 internal.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Support/Version.h"
#include "tenon/model_abi.h"
#include "tools/tenon/Commands.h"
#include "tools/tenon/Reproducer.h"
#include <CLI/CLI.hpp>

using namespace tenon::cli;

namespace {

std::string versionLine() {
  return std::string("tenon ") + tenon::versionText + " (revision " + tenon::revisionText + ", LLVM " +
         tenon::llvmVersionText + ", model ABI " + std::to_string(TENON_ABI_VERSION) + ")";
}

int complain(int exitCode, const char *message) {
  std::fprintf(stderr, "error: %s\n", message);
  return exitCode;
}

} // namespace

int main(int argc, char **argv) {
  installCrashHandler(argc, argv);
  int exitCode = exitDone;
  CLI::App app("Tenon compiles ONNX models to small native libraries.", "tenon");
  app.set_version_flag("--version", versionLine());
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.failure_message([](const CLI::App *, const CLI::Error &error) {
    return std::string("error: ") + error.what() + "\nrun `tenon --help` or `tenon COMMAND --help`\n";
  });
  addCompileCommand(app, exitCode);
  addRunCommand(app, exitCode);
  addBenchCommand(app, exitCode);
  addInspectCommand(app, exitCode);
  addVerifyCommand(app, exitCode);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? exitDone : exitUsage;
  } catch (const UsageError &error) {
    return complain(exitUsage, error.what());
  } catch (const InputError &error) {
    return complain(exitBadInput, error.what());
  } catch (const std::bad_alloc &) {
    return complain(exitBadInput, "out of memory");
  } catch (const std::exception &error) {
    return complain(exitInternal, error.what());
  }
  return exitCode;
}
