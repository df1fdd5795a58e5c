//===- CompileCommand.cpp - `tenon compile` ------------------------------------------------===//

#include "tools/tenon/Commands.h"
#include "tools/tenon/CompileFlags.h"
#include "tools/tenon/Reproducer.h"
#include "tools/tenon/Table.h"
#include "tools/tenon/TemporaryFolder.h"
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace tenon::cli {

namespace {

struct CompileCommandFlags {
  CompileFlags compile;
  std::string model, emit = "so";
  bool json = false, verbose = false;
};

nlohmann::json toJson(const driver::Result &result) {
  nlohmann::json diagnostics = nlohmann::json::array();
  for (const Diagnostic &diagnostic : result.diagnostics)
    diagnostics.push_back({{"severity", severityName(diagnostic.severity)},
                           {"message", diagnostic.message},
                           {"node", diagnostic.node},
                           {"op", diagnostic.opType},
                           {"domain", diagnostic.domain},
                           {"opset", diagnostic.opset},
                           {"hint", diagnostic.hint}});
  const driver::Statistics &statistics = result.statistics;
  nlohmann::json json = {{"ok", result.ok()},
                         {"output", result.files.empty() ? nlohmann::json() : nlohmann::json(result.files.front())},
                         {"files", result.files},
                         {"diagnostics", std::move(diagnostics)},
                         {"stats",
                          {{"import_seconds", statistics.importSeconds},
                           {"pass_seconds", statistics.passSeconds},
                           {"emit_seconds", statistics.emitSeconds},
                           {"code_bytes", statistics.codeBytes},
                           {"weight_bytes", statistics.weightBytes},
                           {"target", statistics.target},
                           {"cpu", statistics.cpu}}}};
  if (!result.failedPass.empty())
    json["failed_pass"] = result.failedPass;
  return json;
}

void printVerbose(const driver::Result &result) {
  const driver::Statistics &statistics = result.statistics;
  std::fprintf(stderr, "target   %s, %s\n", statistics.target.c_str(), statistics.cpu.c_str());
  std::fprintf(stderr, "time     import %.3f s, passes %.3f s, emission %.3f s\n", statistics.importSeconds,
               statistics.passSeconds, statistics.emitSeconds);
  std::fprintf(stderr, "size     code %s, weights %s\n", bytesText(statistics.codeBytes).c_str(),
               bytesText(statistics.weightBytes).c_str());
  for (const std::string &file : result.files)
    std::fprintf(stderr, "written  %s\n", file.c_str());
}

driver::Result compile(const CompileCommandFlags &flags) {
  driver::Options options = flags.compile.parse();
  std::optional<driver::Emit> emit = driver::emitByName(flags.emit);
  if (!emit)
    throw UsageError("--emit " + flags.emit + ": expected one of " + driver::emitNames());
  options.emit = *emit;
  if (!isSecondTry())
    return compileOrExplain(flags.model, options);

  // The first try crashed. If this one does not, the crash depends on chance, and its result is not to be trusted.
  TemporaryFolder folder;
  options.outputPath = folder.file("output");
  driver::Result result = compileOrExplain(flags.model, options);
  if (result.ok()) {
    result.outcome = driver::Outcome::Internal;
    result.files.clear();
    result.diagnostics.emplace_back().message = "the compiler crashed, but not when it was run again";
  }
  return result;
}

int runCompile(const CompileCommandFlags &flags) {
  driver::Result result;
  try {
    result = compile(flags);
  } catch (const UsageError &error) {
    // A program that asked for JSON gets it in this case too.
    result.outcome = driver::Outcome::BadUsage;
    result.diagnostics.emplace_back().message = error.what();
  }
  printDiagnostics(result.diagnostics);
  if (flags.verbose)
    printVerbose(result);
  if (flags.json)
    std::puts(toJson(result).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  return exitCodeOf(result.outcome);
}

} // namespace

void addCompileCommand(CLI::App &app, int &exitCode) {
  auto flags = std::make_shared<CompileCommandFlags>();
  CLI::App *command = app.add_subcommand("compile", "Compile an ONNX model to native code");
  command->add_option("model", flags->model, "ONNX model (.onnx)")->required();
  driver::Options &options = flags->compile.options;
  command->add_option(
      "-o,--output", options.outputPath,
      "output file (default: the model's name, in the current folder); - is standard output for what is text");
  command
      ->add_option(
          "--emit", flags->emit,
          "what to write: so (shared library), lib (static library and C header), obj, asm, llvm, or the IR after a "
          "stage: nn, fused, scheduled, loops")
      ->capture_default_str();
  flags->compile.addModelFlags(*command);
  command->add_flag("--weights-file", options.weightsFile,
                    "put the weights into a file of their own beside the output");
  command->add_option("--name", options.name, "name of the model (default: the file's)");
  command->add_option("--symbol", options.symbol, "C name of the model's descriptor")->capture_default_str();
  command->add_option("--threads", options.threads, "threads that compile; 0: all processors")->capture_default_str();
  command->add_flag("--json", flags->json, "print the result and all diagnostics as JSON on stdout");
  command->add_flag("-v,--verbose", flags->verbose, "print times and sizes");
  flags->compile.addDebugFlags(*command);
  command->callback([flags, &exitCode] { exitCode = runCompile(*flags); });
}

} // namespace tenon::cli
