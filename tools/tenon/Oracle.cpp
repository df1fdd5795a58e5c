//===- Oracle.cpp - where expected results come from ---------------------------------------===//

#include "tools/tenon/Oracle.h"
#include "tools/tenon/Commands.h"
#include "tools/tenon/Model.h"
#include "tools/tenon/TemporaryFolder.h"
#include "tools/tenon/TensorFile.h"
#include "llvm/Support/Program.h"
#include <algorithm>
#include <nlohmann/json.hpp>

namespace tenon::cli {

namespace {

class CompiledOracle : public Oracle {
public:
  CompiledOracle(driver::Options options, unsigned threads) : options(std::move(options)), threads(threads) {}

  std::vector<NamedTensor> run(const std::string &modelBytes, const std::string &folder,
                               const std::vector<NamedTensor> &inputs) override {
    TemporaryFolder scratch;
    options.outputPath = scratch.file("model.so");
    driver::Result result = driver::compileBytes(modelBytes.data(), modelBytes.size(), folder, options);
    for (const Diagnostic &diagnostic : result.diagnostics)
      if (!result.ok() && diagnostic.severity == Diagnostic::Severity::error) {
        if (result.outcome == driver::Outcome::BadUsage)
          throw UsageError(diagnostic.message);
        if (result.outcome == driver::Outcome::Internal)
          throw InternalError(formatDiagnostic(diagnostic));
        throw InputError(formatDiagnostic(diagnostic));
      }
    Model model(options.outputPath, threads);
    std::vector<tenon_tensor> views, outputs(model.numOutputs());
    for (uint32_t i = 0; i < model.numInputs(); ++i) {
      auto given = std::find_if(inputs.begin(), inputs.end(),
                                [&](const NamedTensor &t) { return t.name == model.input(i).name; });
      if (given == inputs.end())
        throw InputError(std::string("input '") + model.input(i).name + "' is missing");
      views.push_back(given->tensor.view());
    }
    model.runInPlace(views, outputs);
    std::vector<NamedTensor> results;
    for (uint32_t i = 0; i < outputs.size(); ++i)
      results.push_back({model.output(i).name, Tensor::copyOf(outputs[i])});
    return results;
  }

private:
  driver::Options options;
  unsigned threads;
};

/// Reads a request, runs the model without optimizations, writes the outputs.
constexpr char onnxRuntimeScript[] = R"(
import json, sys
import numpy, onnxruntime
folder = sys.argv[1]
request = json.load(open(folder + "/request.json"))
options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
options.log_severity_level = 3
session = onnxruntime.InferenceSession(request["model"], options, providers=["CPUExecutionProvider"])
feeds = {entry["name"]: numpy.load(folder + "/" + entry["file"]) for entry in request["inputs"]}
names = [output.name for output in session.get_outputs()]
files = []
for index, value in enumerate(session.run(names, feeds)):
    files.append("output_%d.npy" % index)
    if getattr(value, "dtype", None) == object:
        value = value.astype(str)
    numpy.save(folder + "/" + files[-1], numpy.ascontiguousarray(value).reshape(numpy.shape(value)))
json.dump([{"name": name, "file": file} for name, file in zip(names, files)], open(folder + "/answer.json", "w"))
)";

class OnnxRuntimeOracle : public Oracle {
public:
  std::vector<NamedTensor> run(const std::string &modelBytes, const std::string &folder,
                               const std::vector<NamedTensor> &inputs) override {
    TemporaryFolder scratch;
    // Beside its external data; elsewhere ONNX Runtime would not find it.
    std::string model =
        (std::filesystem::path(folder) / (".tenon-verify-" + std::to_string(getpid()) + ".onnx")).string();
    struct Remover {
      std::string path;
      ~Remover() { std::filesystem::remove(path); }
    } remover{model};
    writeFile(model, modelBytes);
    nlohmann::json request = {{"model", std::filesystem::absolute(model).string()},
                              {"inputs", nlohmann::json::array()}};
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::string file = "input_" + std::to_string(i) + ".npy";
      writeFile(scratch.file(file), npyBytes(inputs[i].tensor));
      request["inputs"].push_back({{"name", inputs[i].name}, {"file", file}});
    }
    writeFile(scratch.file("request.json"), request.dump());
    writeFile(scratch.file("run.py"), onnxRuntimeScript);
    runPython(scratch);

    std::vector<NamedTensor> outputs;
    nlohmann::json answer = nlohmann::json::parse(readFile(scratch.file("answer.json")));
    for (const auto &entry : answer)
      outputs.push_back({entry["name"].get<std::string>(),
                         readNpy(readFile(scratch.file(entry["file"].get<std::string>())), "a result of onnxruntime")});
    return outputs;
  }

private:
  static void runPython(const TemporaryFolder &scratch) {
    const char *chosen = std::getenv("TENON_PYTHON");
    llvm::ErrorOr<std::string> python = llvm::sys::findProgramByName(chosen ? chosen : "python3");
    if (!python)
      throw InputError("no Python was found for onnxruntime: set TENON_PYTHON to one");
    std::string script = scratch.file("run.py"), folder = scratch.file(""), log = scratch.file("log.txt"), error;
    int status =
        llvm::sys::ExecuteAndWait(*python, {*python, script, folder}, std::nullopt,
                                  {llvm::StringRef(""), llvm::StringRef(log), llvm::StringRef(log)}, 0, 0, &error);
    if (status == 0)
      return;
    std::string text = error.empty() ? readFile(log) : error;
    while (text.ends_with('\n'))
      text.pop_back();
    throw InputError("onnxruntime failed (" + *python + "): " + text.substr(text.rfind('\n') + 1));
  }
};

class FileOracle : public Oracle {
public:
  explicit FileOracle(const std::string &path) : path(path) {}
  std::vector<NamedTensor> run(const std::string &, const std::string &, const std::vector<NamedTensor> &) override {
    return readTensorFile(path);
  }
  bool runsAnyModel() const override { return false; }

private:
  std::string path;
};

} // namespace

std::unique_ptr<Oracle> compiledOracle(driver::Options options, unsigned threads) {
  return std::make_unique<CompiledOracle>(std::move(options), threads);
}

std::unique_ptr<Oracle> onnxRuntimeOracle() { return std::make_unique<OnnxRuntimeOracle>(); }

std::unique_ptr<Oracle> fileOracle(const std::string &path) { return std::make_unique<FileOracle>(path); }

} // namespace tenon::cli
