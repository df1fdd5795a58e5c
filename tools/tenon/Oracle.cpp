//===- Oracle.cpp - where expected results come from ---------------------------------------===//

#include "tools/tenon/Oracle.h"
#include "tools/tenon/Commands.h"
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

  std::vector<OutputValue> run(const std::string &modelBytes, const std::string &folder,
                               const std::vector<Feed> &inputs) override {
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
    std::vector<tenon_tensor> views;
    for (uint32_t i = 0; i < model.numInputs(); ++i)
      views.push_back(part(inputs, model.input(i).name).view());
    return model.run(views);
  }

private:
  static const Tensor &part(const std::vector<Feed> &inputs, const std::string &name) {
    for (const Feed &input : inputs)
      for (const NamedTensor &part : input.parts)
        if (part.name == name)
          return part.tensor;
    throw InputError("input '" + name + "' is missing");
  }

  driver::Options options;
  unsigned threads;
};

/// Reads a request, runs the model without optimizations, writes the outputs.
constexpr char onnxRuntimeScript[] = R"python(
import json, re, sys
import numpy, onnxruntime
folder = sys.argv[1]
request = json.load(open(folder + "/request.json"))
options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
options.log_severity_level = 3
session = onnxruntime.InferenceSession(request["model"], options, providers=["CPUExecutionProvider"])

def feed(entry):
    arrays = [numpy.load(folder + "/" + file) for file in entry["files"]]
    if entry["absent"]:
        return None
    if entry["kind"] == "map":
        return dict(zip(arrays[0].tolist(), arrays[1].tolist()))
    return arrays if entry["kind"] == "sequence" else arrays[0]

files = []
def save(name, value):
    if getattr(value, "dtype", None) == object:
        value = value.astype(str)
    files.append("output_%d.npy" % len(files))
    numpy.save(folder + "/" + files[-1], numpy.ascontiguousarray(value).reshape(numpy.shape(value)))
    return {"name": name, "file": files[-1]}

NUMPY = {"float": "float32", "double": "float64", "string": "str"}
def answer(output, value):
    name = output.name
    if value is None:
        return {"name": name, "count": -1, "tensors": []}
    kind = re.search(r"map\((\w+),tensor\((\w+)\)", output.type)
    if kind:
        key, number = (NUMPY.get(text, text) for text in kind.groups())
        maps = value if isinstance(value, list) else [value]
        keys = sorted(maps[0]) if maps else []
        rows = numpy.array([[row[entry] for entry in keys] for row in maps], number).reshape(len(maps), len(keys))
        tensors = [save(name + "[keys]", numpy.array(keys, key)), save(name + "[values]", rows if isinstance(value, list) else rows[0])]
        return {"name": name, "count": len(value), "tensors": tensors}
    if isinstance(value, list):
        return {"name": name, "count": len(value), "tensors": [save("%s[%d]" % (name, i), element) for i, element in enumerate(value)]}
    return {"name": name, "tensors": [save(name, value)]}

outputs = session.get_outputs()
results = session.run([output.name for output in outputs], {entry["name"]: feed(entry) for entry in request["inputs"]})
json.dump([answer(*each) for each in zip(outputs, results)], open(folder + "/answer.json", "w"))
)python";

class OnnxRuntimeOracle : public Oracle {
public:
  std::vector<OutputValue> run(const std::string &modelBytes, const std::string &folder,
                               const std::vector<Feed> &inputs) override {
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
    for (const Feed &input : inputs)
      request["inputs"].push_back(describe(input, request["inputs"].size(), scratch));
    writeFile(scratch.file("request.json"), request.dump());
    writeFile(scratch.file("run.py"), onnxRuntimeScript);
    runPython(scratch);

    std::vector<OutputValue> outputs;
    nlohmann::json answer = nlohmann::json::parse(readFile(scratch.file("answer.json")));
    for (const auto &entry : answer) {
      OutputValue &output = outputs.emplace_back();
      output.name = entry["name"].get<std::string>();
      if (entry.contains("count"))
        output.count = entry["count"].get<int64_t>();
      for (const auto &tensor : entry["tensors"])
        output.tensors.push_back(
            {tensor["name"].get<std::string>(),
             readNpy(readFile(scratch.file(tensor["file"].get<std::string>())), "a result of onnxruntime")});
    }
    return outputs;
  }

private:
  /// Writes the tensors of an input to files.
  static nlohmann::json describe(const Feed &input, size_t place, const TemporaryFolder &scratch) {
    if (input.kind == TENON_MAPS)
      throw InputError("input '" + input.name + "' is a sequence of maps, which onnxruntime does not take");
    const char *kind = input.kind == TENON_SEQUENCE ? "sequence" : input.kind == TENON_MAP ? "map" : "tensor";
    nlohmann::json entry = {
        {"name", input.name}, {"absent", input.isAbsent}, {"kind", kind}, {"files", nlohmann::json::array()}};
    for (const Tensor &element : input.elements) {
      std::string file = "input_" + std::to_string(place) + "_" + std::to_string(entry["files"].size()) + ".npy";
      writeFile(scratch.file(file), npyBytes(element));
      entry["files"].push_back(file);
    }
    return entry;
  }

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
  std::vector<OutputValue> run(const std::string &, const std::string &, const std::vector<Feed> &) override {
    std::vector<OutputValue> outputs;
    for (NamedTensor &entry : readTensorFile(path)) {
      OutputValue &output = outputs.emplace_back();
      output.name = entry.name;
      output.tensors.push_back(std::move(entry));
    }
    return outputs;
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
