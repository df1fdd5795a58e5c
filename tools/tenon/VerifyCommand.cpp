//===- VerifyCommand.cpp - `tenon verify` --------------------------------------------------===//
//
// Compiles a model, runs it, and compares its outputs with an oracle's. If they differ, the first node whose value
// differs is found by compiling again with the values between as further outputs.
//
//===---------------------------------------------------------------------------------------===//

#include "tools/tenon/Commands.h"
#include "tools/tenon/Compare.h"
#include "tools/tenon/CompileFlags.h"
#include "tools/tenon/Model.h"
#include "tools/tenon/OnnxModel.h"
#include "tools/tenon/Oracle.h"
#include "tools/tenon/Table.h"
#include "tools/tenon/TemporaryFolder.h"
#include "tools/tenon/TensorFile.h"
#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

namespace tenon::cli {

namespace {

struct VerifyFlags {
  CompileFlags compile;
  InputFlags inputs;
  Tolerance tolerance;
  std::string model, against = "reference";
  unsigned threads = 1;
  bool json = false;
};

/// A value between nodes.
struct Value {
  std::string name, node, opType;
};

struct Difference {
  Value value;
  Comparison comparison;
};

const OutputValue *find(const std::vector<OutputValue> &values, const std::string &name) {
  for (const OutputValue &value : values)
    if (value.name == name)
      return &value;
  return nullptr;
}

const Tensor *findTensor(const OutputValue &value, const std::string &name) {
  for (const NamedTensor &entry : value.tensors)
    if (entry.name == name)
      return &entry.tensor;
  return nullptr;
}

std::string countText(int64_t count) { return count < 0 ? "is absent" : "has " + std::to_string(count) + " elements"; }

/// Compares a tensor, or how much a value holds and all that. An oracle may list the tensors of a value as outputs of
/// their own. Nothing if it has none of them.
std::optional<Comparison> compareValue(const OutputValue &actual, const std::vector<OutputValue> &expected,
                                       const Tolerance &tolerance) {
  const OutputValue *wanted = find(expected, actual.name);
  bool isKnown = wanted != nullptr;
  Comparison result;
  auto note = [&](const std::string &reason) { result.reason = result.reason.empty() ? reason : result.reason; };
  // Only some oracles tell a tensor from an optional one that is there.
  if (wanted && actual.count.value_or(1) != wanted->count.value_or(1))
    note(countText(actual.count.value_or(1)) + ", expected: " + countText(wanted->count.value_or(1)));
  for (const NamedTensor &entry : actual.tensors) {
    const OutputValue *holder = wanted ? wanted : find(expected, entry.name);
    const Tensor *want = holder ? findTensor(*holder, entry.name) : nullptr;
    if (!want) {
      note("the oracle has no '" + entry.name + "'");
      continue;
    }
    isKnown = true;
    Comparison part = compare(entry.tensor, *want, tolerance);
    result.maxError = std::max(result.maxError, part.maxError);
    result.maxRelativeError = std::max(result.maxRelativeError, part.maxRelativeError);
    if (!part.passed)
      note((entry.name == actual.name ? "" : "'" + entry.name + "': ") + part.reason);
  }
  if (std::string next = actual.name + "[" + std::to_string(actual.tensors.size()) + "]";
      actual.count && find(expected, next)) {
    note(countText(*actual.count) + ", expected more");
    isKnown = true;
  }
  result.passed = result.reason.empty();
  return isKnown ? std::optional(result) : std::nullopt;
}

class Verifier {
public:
  explicit Verifier(const VerifyFlags &flags)
      : flags(flags), bytes(readFile(flags.model)), folder(std::filesystem::path(flags.model).parent_path().string()) {
    if (folder.empty())
      folder = ".";
    driver::Options options = flags.compile.parse();
    compiled = compiledOracle(options, flags.threads);
    if (flags.against == "reference") {
      options.reference = true;
      oracle = compiledOracle(options, flags.threads);
    } else if (flags.against == "onnxruntime") {
      oracle = onnxRuntimeOracle();
    } else if (flags.against.ends_with(".npz")) {
      oracle = fileOracle(flags.against);
    } else {
      throw UsageError("--against " + flags.against + ": expected reference, onnxruntime or a .npz file with outputs");
    }
    makeFeeds(options);
  }

  int run() {
    std::vector<OutputValue> actual = compiled->run(bytes, folder, feeds), expected = oracle->run(bytes, folder, feeds);
    nlohmann::json report = {{"model", flags.model}, {"against", flags.against}, {"outputs", nlohmann::json::array()}};
    bool passed = true;
    for (const OutputValue &output : actual) {
      std::optional<Comparison> comparison = compareValue(output, expected, flags.tolerance);
      if (!comparison && !oracle->runsAnyModel())
        continue;
      if (!comparison) {
        comparison.emplace();
        comparison->reason = "the oracle has no such output";
      }
      passed &= comparison->passed;
      report["outputs"].push_back(toJson(output.name, *comparison));
    }
    if (report["outputs"].empty())
      throw InputError(flags.against + ": holds none of the model's outputs");
    report["ok"] = passed;
    if (!passed && oracle->runsAnyModel())
      if (std::optional<Difference> first = findFirst()) {
        report["first_difference"] = toJson(first->value.name, first->comparison);
        report["first_difference"]["node"] = first->value.node;
        report["first_difference"]["op"] = first->value.opType;
      }
    print(report);
    return passed ? exitDone : exitBadInput;
  }

private:
  /// Inputs by name: their types and shapes are those of the compiled model.
  void makeFeeds(driver::Options options) {
    TemporaryFolder scratch;
    options.outputPath = scratch.file("model.so");
    driver::Result result = compileOrExplain(flags.model, options);
    if (!result.ok()) {
      printDiagnostics(result.diagnostics);
      if (result.outcome == driver::Outcome::Internal)
        throw InternalError("the model does not compile");
      throw InputError("the model does not compile");
    }
    Model model(options.outputPath, 1);
    InputFlags inputFlags = flags.inputs;
    std::vector<Tensor> tensors = makeInputs(model, inputFlags, /*complete=*/false);
    for (uint32_t i = 0; i < tensors.size();) {
      const tenon_value_spec *value = model.valueAt(i, /*isOutput=*/false);
      uint32_t count = value ? value->num_tensors : 1;
      Feed &feed =
          feeds.emplace_back(value ? valueFeed(*value, &tensors[i]) : tensorFeed(model.input(i).name, tensors[i]));
      for (uint32_t part = i; part < i + count; ++part)
        feed.parts.push_back({model.input(part).name, std::move(tensors[part])});
      i += count;
    }
  }

  static Feed tensorFeed(std::string name, const Tensor &tensor) {
    Feed feed;
    feed.name = std::move(name);
    feed.elements.push_back(Tensor::copyOf(tensor.view()));
    return feed;
  }

  static Feed valueFeed(const tenon_value_spec &value, const Tensor *parts) {
    Feed feed;
    feed.name = value.name;
    feed.kind = static_cast<tenon_value_kind>(value.kind);
    std::vector<tenon_tensor> views;
    for (uint32_t part = 0; part < value.num_tensors; ++part)
      views.push_back(parts[part].view());
    int64_t count = tenon_count(&value, views.data());
    feed.isAbsent = count < 0;
    std::vector<tenon_tensor> elements;
    if (value.kind == TENON_MAP || value.kind == TENON_MAPS) {
      elements.assign(views.begin() + value.is_optional, views.end());
    } else {
      elements.resize(std::max<int64_t>(count, 0));
      tenon_unpack(&value, views.data(), elements.data());
    }
    for (const tenon_tensor &element : elements)
      feed.elements.push_back(Tensor::copyOf(element));
    return feed;
  }

  /// Compares the values after making them outputs; the first that differs.
  std::optional<Difference> firstAmong(const std::vector<Value> &values) {
    std::vector<std::string> names;
    for (const Value &value : values)
      names.push_back(value.name);
    std::string extended = withOutputs(bytes, names);
    std::vector<OutputValue> actual = compiled->run(extended, folder, feeds),
                             expected = oracle->run(extended, folder, feeds);
    for (const Value &value : values) {
      const OutputValue *got = find(actual, value.name);
      std::optional<Comparison> comparison = got ? compareValue(*got, expected, flags.tolerance) : std::nullopt;
      if (comparison && !comparison->passed)
        return Difference{value, *comparison};
    }
    return std::nullopt;
  }

  std::optional<Difference> findFirst() {
    OnnxModel model = readOnnxModel(flags.model);
    std::set<std::string> outputs(model.outputs.begin(), model.outputs.end());
    std::vector<Value> inner, all;
    for (const OnnxNode &node : model.nodes)
      for (const std::string &name : node.outputs)
        if (!name.empty() && node.opType != "Constant") {
          all.push_back({name, node.name, node.opType});
          if (!outputs.count(name))
            inner.push_back(all.back());
        }
    // All values at once: one compilation, but nothing is fused.
    try {
      if (std::optional<Difference> found = firstAmong(inner))
        return found;
    } catch (const std::runtime_error &) {
      // A value may have a type that cannot be an output: one at a time then.
    }
    return bisect(inner);
  }

  /// One value at a time, which leaves the rest fused: halves the range in front of the first value seen to differ.
  std::optional<Difference> bisect(const std::vector<Value> &values) {
    std::optional<Difference> found;
    size_t low = 0, high = values.size();
    while (low < high) {
      size_t middle = low + (high - low) / 2;
      std::optional<Difference> here;
      try {
        here = firstAmong({values[middle]});
      } catch (const std::runtime_error &) {
        here = std::nullopt;
      }
      if (here) {
        found = here;
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return found;
  }

  nlohmann::json toJson(const std::string &name, const Comparison &comparison) const {
    nlohmann::json json = {{"name", name},
                           {"passed", comparison.passed},
                           {"max_error", comparison.maxError},
                           {"max_relative_error", comparison.maxRelativeError}};
    if (!comparison.passed)
      json["reason"] = comparison.reason;
    return json;
  }

  void print(const nlohmann::json &report) const {
    if (flags.json) {
      std::puts(report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
      return;
    }
    Table table({"output", ">max error", ">relative", "result"});
    auto number = [](const nlohmann::json &value) {
      char text[32];
      std::snprintf(text, sizeof(text), "%.2e", value.is_number() ? value.get<double>() : INFINITY);
      return std::string(text);
    };
    for (const auto &output : report["outputs"])
      table.add({output["name"].get<std::string>(), number(output["max_error"]), number(output["max_relative_error"]),
                 output["passed"].get<bool>() ? "agrees" : "DIFFERS: " + output["reason"].get<std::string>()});
    std::printf("%s", table.text().c_str());
    if (report.contains("first_difference")) {
      const auto &first = report["first_difference"];
      std::printf("first difference: node '%s' (%s), value '%s': %s\n", first["node"].get<std::string>().c_str(),
                  first["op"].get<std::string>().c_str(), first["name"].get<std::string>().c_str(),
                  first["reason"].get<std::string>().c_str());
    } else if (!report["ok"].get<bool>() && oracle->runsAnyModel()) {
      std::printf("no value between differs on its own: only the outputs' own nodes, or fusion with them, remain\n");
    }
  }

  const VerifyFlags &flags;
  std::string bytes, folder;
  std::unique_ptr<Oracle> compiled, oracle;
  std::vector<Feed> feeds;
};

} // namespace

void addVerifyCommand(CLI::App &app, int &exitCode) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App *command = app.add_subcommand("verify", "Compare a model's compiled results with reference results");
  command->add_option("model", flags->model, "ONNX model (.onnx)")->required();
  command
      ->add_option("--against", flags->against,
                   "reference (the slow lowering), onnxruntime (in a Python process), or a .npz file with outputs")
      ->capture_default_str();
  command->add_option("-i,--input", flags->inputs.inputs, "as for `tenon run`; inputs not given are random")
      ->allow_extra_args(false);
  command->add_option("--rtol", flags->tolerance.relative,
                      "error allowed, relative to the largest magnitude of an output");
  command->add_option("--atol", flags->tolerance.absolute, "error allowed besides")->capture_default_str();
  command->add_option("-t,--threads", flags->threads, "threads that run the model")->capture_default_str();
  flags->compile.addModelFlags(*command);
  command->add_flag("--json", flags->json, "print the report as JSON");
  command->callback([flags, &exitCode] { exitCode = Verifier(*flags).run(); });
}

} // namespace tenon::cli
