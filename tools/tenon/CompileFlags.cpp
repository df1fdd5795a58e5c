//===- CompileFlags.cpp - the flags of every subcommand that compiles ----------------------===//

#include "tools/tenon/CompileFlags.h"
#include "tools/tenon/Commands.h"
#include "tools/tenon/Reproducer.h"
#include "tools/tenon/Tensor.h"
#include <CLI/CLI.hpp>

namespace tenon::cli {

namespace {

/// Splits "NAME=VALUE" at the last '=': names may hold one, values never do.
std::pair<std::string, std::string> splitAssignment(const std::string &flag, const std::string &text,
                                                    const char *expected) {
  size_t at = text.rfind('=');
  if (at == text.npos || at == 0)
    throw UsageError(flag + " " + text + ": expected " + expected);
  return {text.substr(0, at), text.substr(at + 1)};
}

/// "1x3x?x224": a question mark leaves the dimension dynamic.
std::vector<int64_t> parseShape(const std::string &text, const std::string &value) {
  std::vector<int64_t> shape;
  if (value.empty() || value == "scalar")
    return shape;
  size_t begin = 0;
  while (true) {
    size_t end = value.find_first_of("x,", begin);
    std::string part = value.substr(begin, end - begin);
    auto dims = part.empty() ? std::nullopt : parseDims(part);
    if (part == "?")
      shape.push_back(-1);
    else if (dims && dims->size() == 1)
      shape.push_back(dims->front());
    else
      throw UsageError("--shape " + text + ": expected NAME=1x3x224x224, with ? for a dimension to leave dynamic");
    if (end == value.npos)
      return shape;
    begin = end + 1;
  }
}

} // namespace

void CompileFlags::addModelFlags(CLI::App &command) {
  command.add_option("--target", options.target, "target triple such as aarch64-linux-gnu (default: this machine)");
  command.add_option(
      "--cpu", options.cpu,
      "processor: native, x86-64-v2, x86-64-v3, x86-64-v4, or an LLVM name such as znver4 or neoverse-n1");
  command
      .add_option("--shape", shapes,
                  "NAME=1x3x224x224: pin the shape of an input; ? leaves a dimension dynamic; repeatable")
      ->allow_extra_args(false);
  command.add_option("--dim", dims, "NAME=4: pin a symbolic dimension; NAME=1..8: bound it; repeatable")
      ->allow_extra_args(false);
  command.add_option("--precision", precision, "numeric mode: f32 (as the model says)")->capture_default_str();
  command.add_flag("--reference", options.reference, "use the slow, obvious lowering of every operator");
  command.add_flag("--exact", options.exact, "no approximation of mathematical functions");
  command.add_option("--optimize", optimize, "speed or size")->capture_default_str();
}

void CompileFlags::addDebugFlags(CLI::App &command) {
  std::string group = "For developers of the compiler";
  command.add_option("--print-ir-before", options.printBefore, "print the IR before a pass (its flag, or all)")
      ->allow_extra_args(false)
      ->group(group);
  command.add_option("--print-ir-after", options.printAfter, "print the IR after a pass (its flag, or all)")
      ->allow_extra_args(false)
      ->group(group);
  command.add_flag("--time-passes", options.timePasses, "print how long each pass took")->group(group);
  command.add_option("--reproducer", options.reproducer, "file for the IR before a pass that fails")->group(group);
}

driver::Options CompileFlags::parse() const {
  driver::Options parsed = options;
  if (precision != "f32")
    throw UsageError("--precision " + precision + ": only f32 is supported");
  if (optimize != "speed" && optimize != "size")
    throw UsageError("--optimize " + optimize + ": expected speed or size");
  parsed.optimizeSize = optimize == "size";
  for (const std::string &text : shapes) {
    auto [name, value] = splitAssignment("--shape", text, "NAME=1x3x224x224");
    parsed.shapes.emplace_back(name, parseShape(text, value));
  }
  for (const std::string &text : dims) {
    auto [name, value] = splitAssignment("--dim", text, "NAME=4 or NAME=1..8");
    size_t dots = value.find("..");
    auto smallest = parseDims(value.substr(0, dots));
    auto largest = dots == value.npos ? smallest : parseDims(value.substr(dots + 2));
    if (!smallest || smallest->size() != 1 || !largest || largest->size() != 1)
      throw UsageError("--dim " + text + ": expected NAME=4 or NAME=1..8");
    if (largest->front() < smallest->front())
      throw UsageError("--dim " + text + ": the range is empty");
    parsed.dimensions.emplace_back(name, std::make_pair(smallest->front(), largest->front()));
  }
  return parsed;
}

void printDiagnostics(const std::vector<Diagnostic> &diagnostics) {
  for (const Diagnostic &diagnostic : diagnostics)
    std::fprintf(stderr, "%s\n", formatDiagnostic(diagnostic).c_str());
}

int exitCodeOf(driver::Outcome outcome) {
  switch (outcome) {
  case driver::Outcome::Done:
    return exitDone;
  case driver::Outcome::BadModel:
    return exitBadInput;
  case driver::Outcome::BadUsage:
    return exitUsage;
  default:
    return exitInternal;
  }
}

driver::Result compileOrExplain(const std::string &path, const driver::Options &options) {
  driver::Result result = driver::compile(path, options);
  if (result.outcome != driver::Outcome::Internal)
    return result;
  if (!options.reproducer.empty())
    explainReproducer(options.reproducer);
  if (result.failedPass.empty() || !options.reproducer.empty())
    return result;
  driver::Options again = options;
  again.reproducer = newReproducerPath();
  driver::compile(path, again);
  explainReproducer(again.reproducer);
  return result;
}

} // namespace tenon::cli
