//===- RunCommand.cpp - `tenon run` --------------------------------------------------------===//

#include "tools/tenon/Commands.h"
#include "tools/tenon/Model.h"
#include "tools/tenon/TensorFile.h"
#include <CLI/CLI.hpp>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

namespace tenon::cli {

namespace {

struct RunFlags {
  std::string model, outputDir;
  InputFlags inputs;
  unsigned threads = 1;
  bool json = false;
};

/// A file name for any output name: letters, digits, '.', '_' and '-' stay, no name twice, no hidden file.
std::string fileNameFor(const std::string &name, std::set<std::string> &used) {
  std::string base;
  for (char c : name)
    base += isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || (c == '.' && !base.empty()) ? c : '_';
  base = base.empty() ? "output" : base.substr(0, 200);
  std::string unique = base;
  for (int number = 1; !used.insert(unique).second; ++number)
    unique = base + "_" + std::to_string(number);
  return unique + ".npy";
}

/// Smallest, largest and mean value of numbers that have an order, and the first few.
nlohmann::json summarize(const Tensor &tensor) {
  nlohmann::json summary = {{"dtype", tenon_dtype_name(tensor.dtype)}, {"dims", tensor.dims}};
  double low = INFINITY, high = -INFINITY, sum = 0;
  size_t nans = 0;
  bool areNumbers = tensor.dtype != TENON_STRING && tensor.parts() == 1;
  for (size_t i = 0; areNumbers && i < tensor.numElements(); ++i) {
    double value = tensor.at(i);
    if (std::isnan(value)) {
      ++nans;
      continue;
    }
    low = std::min(low, value);
    high = std::max(high, value);
    sum += value;
  }
  if (size_t count = tensor.numElements() - nans; areNumbers && count != 0) {
    summary["min"] = low;
    summary["max"] = high;
    summary["mean"] = sum / static_cast<double>(count);
  }
  if (nans)
    summary["nans"] = nans;
  for (size_t i = 0; i < std::min<size_t>(tensor.numElements(), 5); ++i)
    summary["first"].push_back(tensor.textAt(i));
  return summary;
}

void printOutput(const std::string &name, const Tensor &tensor, const nlohmann::json &summary,
                 const std::string &file) {
  std::printf("%s  %s[%s]", name.c_str(), tenon_dtype_name(tensor.dtype),
              tensor.dims.empty() ? "" : dimsText(tensor.dims).c_str());
  if (summary.contains("min"))
    std::printf("  min %g  max %g  mean %g", summary["min"].get<double>(), summary["max"].get<double>(),
                summary["mean"].get<double>());
  if (summary.contains("nans"))
    std::printf("  %zu NaN", summary["nans"].get<size_t>());
  if (file.empty() && summary.contains("first")) {
    std::printf("\n ");
    for (const auto &value : summary["first"])
      std::printf(" %s", value.get<std::string>().c_str());
    std::printf(tensor.numElements() > summary["first"].size() ? " ..." : "");
  }
  std::printf(file.empty() ? "\n" : "  -> %s\n", file.c_str());
}

void run(const RunFlags &flags) {
  Model model(flags.model, flags.threads);
  std::vector<Tensor> inputs = makeInputs(model, flags.inputs, /*complete=*/true);
  std::vector<tenon_tensor> views;
  for (const Tensor &input : inputs)
    views.push_back(input.view());
  std::vector<OutputValue> outputs = model.run(views);

  nlohmann::json index = {{"outputs", nlohmann::json::array()}};
  std::vector<const NamedTensor *> tensors;
  for (const OutputValue &value : outputs) {
    for (const NamedTensor &tensor : value.tensors)
      tensors.push_back(&tensor);
    if (!value.count)
      continue;
    nlohmann::json entry = {{"name", value.name}, {"count", *value.count}};
    if (*value.count < 0)
      entry["count"] = nullptr;
    index["values"].push_back(std::move(entry));
    if (!flags.json)
      std::printf("%s  %s\n", value.name.c_str(),
                  *value.count < 0 ? "absent" : (std::to_string(*value.count) + " elements").c_str());
  }
  std::set<std::string> used = {"index"};
  if (!flags.outputDir.empty()) {
    std::error_code error;
    std::filesystem::create_directories(flags.outputDir, error);
    if (error)
      throw InputError(flags.outputDir + ": " + error.message());
  }
  for (const NamedTensor *output : tensors) {
    nlohmann::json entry = summarize(output->tensor);
    std::string path;
    entry["name"] = output->name;
    if (!flags.outputDir.empty()) {
      std::string file = fileNameFor(output->name, used);
      path = (std::filesystem::path(flags.outputDir) / file).string();
      writeFile(path, npyBytes(output->tensor));
      entry["file"] = file;
    }
    if (!flags.json)
      printOutput(output->name, output->tensor, entry, path);
    index["outputs"].push_back(std::move(entry));
  }
  // Names are any UTF-8, and a model may hold what is none.
  std::string text = index.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (!flags.outputDir.empty())
    writeFile((std::filesystem::path(flags.outputDir) / "index.json").string(), text);
  if (flags.json)
    std::fputs(text.c_str(), stdout);
}

} // namespace

void addRunCommand(CLI::App &app, int &) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App *command = app.add_subcommand("run", "Run a compiled model once");
  command->add_option("model", flags->model, "compiled model (.so)")->required();
  command
      ->add_option(
          "-i,--input", flags->inputs.inputs,
          "NAME=FILE (.npy, .npz, ONNX .pb), NAME=random[:SEED], or FILE.npz with all inputs; repeat for each input. "
          "Elements of a sequence: NAME=FILE,FILE,...; an optional value that is absent: NAME=none")
      ->allow_extra_args(false);
  command->add_option("--shape", flags->inputs.shapes, "NAME=1x3x224x224: shape of a random input")
      ->allow_extra_args(false);
  command->add_option("--dim", flags->inputs.dims, "NAME=EXTENT: a dynamic dimension of random inputs")
      ->allow_extra_args(false);
  command->add_option("-o,--output-dir", flags->outputDir,
                      "folder for the outputs, each as a .npy file, and index.json with their names");
  command->add_option("-t,--threads", flags->threads, "threads; 0: all processors")->capture_default_str();
  command->add_flag("--json", flags->json, "print a description of the outputs as JSON");
  command->callback([flags] { run(*flags); });
}

} // namespace tenon::cli
