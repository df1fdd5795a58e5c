//===- InspectCommand.cpp - `tenon inspect` ------------------------------------------------===//
//
// A model is described by its file and by what it compiles to; a compiled library by its descriptor and manifest.
//
//===---------------------------------------------------------------------------------------===//

#include "tools/tenon/Artefact.h"
#include "tools/tenon/Commands.h"
#include "tools/tenon/CompileFlags.h"
#include "tools/tenon/Manifest.h"
#include "tools/tenon/OnnxModel.h"
#include "tools/tenon/Table.h"
#include "tools/tenon/TemporaryFolder.h"
#include "tools/tenon/Tensor.h"
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace tenon::cli {

namespace {

using nlohmann::json;

struct InspectFlags {
  CompileFlags compile;
  std::string file;
  bool json = false;
};

json describe(const std::vector<ArtefactTensor> &tensors) {
  json list = json::array();
  for (const ArtefactTensor &tensor : tensors) {
    json dims = json::array();
    for (size_t d = 0; d < tensor.dims.size(); ++d)
      if (tensor.dims[d] >= 0)
        dims.push_back(tensor.dims[d]);
      else
        dims.push_back(tensor.symbols[d].empty() ? json() : json(tensor.symbols[d]));
    list.push_back({{"name", tensor.name}, {"dtype", tenon_dtype_name(tensor.dtype)}, {"dims", std::move(dims)}});
  }
  return list;
}

/// Bytes of code by kernel: a function belongs to the kernel with the longest name that its own starts with.
std::map<std::string, uint64_t> codeByKernel(const Artefact &artefact) {
  std::map<std::string, uint64_t> bytes;
  for (const auto &[function, size] : artefact.functionBytes) {
    const std::string *owner = nullptr;
    for (const ArtefactKernel &kernel : artefact.kernels)
      if (function == kernel.name || function.starts_with(kernel.name + "_"))
        if (!owner || kernel.name.size() > owner->size())
          owner = &kernel.name;
    if (owner)
      bytes[*owner] += size;
  }
  return bytes;
}

void describeArtefact(const Artefact &artefact, json &report) {
  json manifest = parseManifest(artefact.manifest);
  std::map<std::string, uint64_t> code = codeByKernel(artefact);
  uint64_t codeBytes = 0;
  for (const auto &[function, size] : artefact.functionBytes)
    codeBytes += size;
  report["name"] = artefact.name;
  report["producer"] = artefact.producer;
  report["target"] = artefact.triple;
  report["cpu"] = artefact.cpu;
  report["features"] = artefact.features;
  report["inputs"] = describe(artefact.inputs);
  report["outputs"] = describe(artefact.outputs);
  report["library_bytes"] = artefact.fileBytes;
  report["code_bytes"] = codeBytes;
  report["weights_bytes"] = artefact.weightsBytes;
  if (!artefact.weightsFile.empty())
    report["weights_file"] = artefact.weightsFile;
  for (const char *key :
       {"ranges", "transformed_weights_bytes", "arena_bytes", "buffers", "nodes", "launches", "table_slots"})
    if (manifest.contains(key))
      report[key] = manifest[key];
  if (std::optional<double> flops = manifestFlops(manifest))
    report["flops"] = *flops;

  std::map<std::string, json> details;
  if (manifest.contains("kernels") && manifest["kernels"].is_array())
    for (const json &kernel : manifest["kernels"])
      details[kernel.value("name", "")] = kernel;
  report["kernels"] = json::array();
  for (const ArtefactKernel &kernel : artefact.kernels) {
    json entry = details.count(kernel.name) ? details[kernel.name] : json{{"nodes", kernel.nodes}};
    entry["name"] = kernel.name;
    entry["code_bytes"] = code[kernel.name];
    report["kernels"].push_back(std::move(entry));
  }
}

void describeModel(const OnnxModel &model, json &report) {
  report["model"] = {{"producer", model.producer},
                     {"opsets", model.opsets},
                     {"operators", model.operators},
                     {"parameters", model.parameters},
                     {"parameter_bytes", model.parameterBytes}};
}

std::string text(const json &value) {
  if (value.is_string())
    return value.get<std::string>();
  if (value.is_array()) {
    std::string joined;
    for (const json &element : value)
      joined += (joined.empty() ? "" : ",") + (element.is_null() ? "?" : text(element));
    return joined;
  }
  return value.dump();
}

void printTensors(const char *heading, const json &tensors) {
  Table table({heading, "type"});
  for (const json &tensor : tensors)
    table.add({text(tensor["name"]), text(tensor["dtype"]) + "[" + text(tensor["dims"]) + "]"});
  std::printf("%s\n", table.text().c_str());
}

void printModel(const json &model) {
  std::string opsets;
  for (const auto &[domain, version] : model["opsets"].items())
    opsets += (opsets.empty() ? "" : ", ") + domain + " " + version.dump();
  std::printf("made by       %s\nopsets        %s\nparameters    %s (%s)\n\n", text(model["producer"]).c_str(),
              opsets.c_str(), countText(model["parameters"].get<double>()).c_str(),
              bytesText(model["parameter_bytes"].get<double>()).c_str());
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto &[name, count] : model["operators"].items())
    order.emplace_back(-count.get<int64_t>(), name);
  std::sort(order.begin(), order.end());
  Table table({"operator", ">nodes"});
  for (const auto &[count, name] : order)
    table.add({name, std::to_string(-count)});
  std::printf("%s\n", table.text().c_str());
}

/// The columns that the stages left beside the fixed ones, such as which schedule was taken.
std::vector<std::string> furtherColumns(const json &kernels) {
  std::vector<std::string> columns;
  for (const json &kernel : kernels)
    for (const auto &[key, value] : kernel.items()) {
      static const std::vector<std::string> known = {"name", "nodes", "launches", "phases", "code_bytes", "flops"};
      bool isShort = !value.is_structured();
      if (isShort && std::find(known.begin(), known.end(), key) == known.end() &&
          std::find(columns.begin(), columns.end(), key) == columns.end())
        columns.push_back(key);
    }
  return columns;
}

void printKernels(const json &kernels) {
  std::vector<std::string> further = furtherColumns(kernels), headings = {"kernel", ">launches", ">code"};
  headings.insert(headings.end(), further.begin(), further.end());
  headings.push_back("nodes");
  Table table(headings);
  for (const json &kernel : kernels) {
    std::vector<std::string> cells = {text(kernel["name"]), kernel.contains("launches") ? text(kernel["launches"]) : "",
                                      bytesText(kernel["code_bytes"].get<double>())};
    for (const std::string &column : further)
      cells.push_back(kernel.contains(column) ? text(kernel[column]) : "");
    cells.push_back(kernel.contains("nodes") ? shorten(text(kernel["nodes"]), 80) : "");
    table.add(cells);
  }
  if (!table.empty())
    std::printf("%s\n", table.text().c_str());
}

void printArtefact(const json &report) {
  printTensors("input", report["inputs"]);
  printTensors("output", report["outputs"]);
  printKernels(report["kernels"]);
  std::printf("target        %s, %s\n", text(report["target"]).c_str(), text(report["cpu"]).c_str());
  if (!report["features"].empty())
    std::printf("needs         %s\n", text(report["features"]).c_str());
  std::printf("library       %s\n", bytesText(report["library_bytes"].get<double>()).c_str());
  std::printf("code          %s\n", bytesText(report["code_bytes"].get<double>()).c_str());
  std::printf("weights       %s%s\n", bytesText(report["weights_bytes"].get<double>()).c_str(),
              report.contains("weights_file") ? (" in " + text(report["weights_file"])).c_str() : "");
  if (report.contains("transformed_weights_bytes"))
    std::printf("              %s of them because filters are transformed for speed (not with --optimize size)\n",
                bytesText(report["transformed_weights_bytes"].get<double>()).c_str());
  if (report.contains("arena_bytes"))
    std::printf("arena         %s\n", report["arena_bytes"].is_number()
                                          ? bytesText(report["arena_bytes"].get<double>()).c_str()
                                          : "depends on the inputs' dimensions");
  if (report.contains("flops"))
    std::printf("operations    %s floating-point operations a run\n", countText(report["flops"].get<double>()).c_str());
}

int inspect(const InspectFlags &flags) {
  json report;
  int exitCode = exitDone;
  bool isModel = !flags.file.ends_with(".so");
  if (isModel) {
    describeModel(readOnnxModel(flags.file), report);
    TemporaryFolder folder;
    driver::Options options = flags.compile.parse();
    options.outputPath = folder.file("model.so");
    driver::Result result = compileOrExplain(flags.file, options);
    printDiagnostics(result.diagnostics);
    exitCode = exitCodeOf(result.outcome);
    if (result.ok())
      describeArtefact(readArtefact(options.outputPath, options.symbol), report);
  } else {
    describeArtefact(readArtefact(flags.file, flags.compile.options.symbol), report);
  }
  if (flags.json) {
    std::puts(report.dump(2, ' ', false, json::error_handler_t::replace).c_str());
    return exitCode;
  }
  if (isModel)
    printModel(report["model"]);
  if (report.contains("kernels"))
    printArtefact(report);
  return exitCode;
}

} // namespace

void addInspectCommand(CLI::App &app, int &exitCode) {
  auto flags = std::make_shared<InspectFlags>();
  CLI::App *command = app.add_subcommand("inspect", "Show what a model or a compiled library holds");
  command->add_option("file", flags->file, "ONNX model, or compiled library (.so)")->required();
  command->add_option("--symbol", flags->compile.options.symbol, "C name of the library's descriptor")
      ->capture_default_str();
  flags->compile.addModelFlags(*command);
  command->add_flag("--json", flags->json, "print everything as JSON");
  command->callback([flags, &exitCode] { exitCode = inspect(*flags); });
}

} // namespace tenon::cli
