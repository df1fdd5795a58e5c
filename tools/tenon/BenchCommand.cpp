//===- BenchCommand.cpp - `tenon bench` ----------------------------------------------------===//

#include "tools/tenon/Commands.h"
#include "tools/tenon/FmaPeak.h"
#include "tools/tenon/Manifest.h"
#include "tools/tenon/MemoryPeak.h"
#include "tools/tenon/Model.h"
#include "tools/tenon/Table.h"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sched.h>

namespace tenon::cli {

namespace {

struct BenchFlags {
  std::string model;
  InputFlags inputs;
  unsigned threads = 1;
  uint64_t repeat = 0;
  double seconds = 2;
  bool pin = false, profile = false, json = false;
};

/// Keeps this process on as many processors as it has threads, so that nothing migrates and no engine takes more than
/// its share.
void pinProcess(unsigned threads) {
  cpu_set_t allowed, chosen;
  CPU_ZERO(&chosen);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
    throw InputError("the processors of this process cannot be read");
  unsigned count = 0;
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && count < threads; --cpu)
    if (CPU_ISSET(cpu, &allowed)) {
      CPU_SET(cpu, &chosen);
      ++count;
    }
  if (count < threads || sched_setaffinity(0, sizeof(chosen), &chosen) != 0)
    throw InputError("cannot pin " + std::to_string(threads) + " threads to as many processors");
}

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

/// Times of runs in milliseconds, sorted. The first runs, which touch the memory and wake the threads, do not count.
std::vector<double> measure(Model &model, const std::vector<tenon_tensor> &inputs, const BenchFlags &flags) {
  std::vector<tenon_tensor> outputs(model.numOutputs());
  Clock::time_point warmEnd = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                 std::chrono::duration<double>(flags.repeat ? 0 : flags.seconds / 10));
  do
    model.runInPlace(inputs, outputs);
  while (Clock::now() < warmEnd);

  std::vector<double> times;
  Clock::time_point end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(flags.seconds));
  do {
    Clock::time_point start = Clock::now();
    model.runInPlace(inputs, outputs);
    times.push_back(milliseconds(Clock::now() - start));
  } while (flags.repeat ? times.size() < flags.repeat : Clock::now() < end);
  std::sort(times.begin(), times.end());
  return times;
}

/// The value below which `part` of the sorted times lie (nearest rank).
double percentile(const std::vector<double> &times, double part) {
  size_t rank = static_cast<size_t>(std::ceil(part * static_cast<double>(times.size())));
  return times[std::min(std::max<size_t>(rank, 1), times.size()) - 1];
}

/// What a kernel did in a run, with the rates that follow.
nlohmann::json describeKernel(const tenon_kernel_info &kernel, const tenon_profile &entry, double runs) {
  auto perRun = [&](uint64_t total) { return static_cast<double>(total) / runs; };
  nlohmann::json result = {{"name", kernel.name},
                           {"nodes", kernel.nodes},
                           {"microseconds", perRun(entry.total_ns) / 1e3},
                           {"estimated_microseconds", perRun(entry.estimated_ns) / 1e3},
                           {"launches", perRun(entry.launches)},
                           {"phases", perRun(entry.calls)},
                           {"flops", perRun(entry.flops)},
                           {"bytes", perRun(entry.bytes)}};
  if (entry.total_ns) {
    double time_ns = static_cast<double>(entry.total_ns);
    result["gflops"] = static_cast<double>(entry.flops) / time_ns;
    result["gbps"] = static_cast<double>(entry.bytes) / time_ns;
  }
  return result;
}

/// Time per kernel over `runs` further runs.
nlohmann::json profileKernels(Model &model, const std::vector<tenon_tensor> &inputs, size_t runs) {
  const tenon_model &descriptor = model.descriptor();
  std::vector<tenon_profile> entries(descriptor.num_kernels);
  std::vector<tenon_tensor> outputs(model.numOutputs());
  if (tenon_set_profile(model.session(), entries.data(), entries.size()) != TENON_OK)
    throw InternalError(tenon_session_error(model.session()));
  for (size_t i = 0; i < runs; ++i)
    model.runInPlace(inputs, outputs);
  tenon_set_profile(model.session(), nullptr, 0);

  std::vector<uint32_t> order(entries.size());
  for (uint32_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::pair(entries[b].total_ns, a) < std::pair(entries[a].total_ns, b);
  });
  std::map<std::string, nlohmann::json> paths;
  nlohmann::json manifest = parseManifest(descriptor.manifest);
  if (manifest.contains("kernels") && manifest["kernels"].is_array())
    for (const auto &kernel : manifest["kernels"])
      if (kernel.contains("path"))
        paths[kernel.value("name", "")] = kernel["path"];
  nlohmann::json kernels = nlohmann::json::array();
  for (uint32_t i : order) {
    kernels.push_back(describeKernel(descriptor.kernels[i], entries[i], static_cast<double>(runs)));
    if (auto path = paths.find(descriptor.kernels[i].name); path != paths.end())
      kernels.back()["path"] = path->second;
  }
  return kernels;
}

void printKernels(const nlohmann::json &report) {
  Table table({"kernel", ">us", ">share", ">GFLOP/s", ">of peak", ">GB/s", ">of memory", "path", "nodes"});
  double sum = 0;
  for (const auto &kernel : report["kernels"])
    sum += kernel["microseconds"].get<double>();
  auto percent = [](double part, double whole) { return fixed(whole > 0 ? 100 * part / whole : 0, 1) + "%"; };
  for (const auto &kernel : report["kernels"]) {
    double time = kernel["microseconds"].get<double>();
    // A kernel without contractions has no arithmetic that is compared with the peak.
    double gflops = kernel.value("gflops", 0.0), gbps = kernel.value("gbps", 0.0);
    table.add({kernel["name"].get<std::string>(), fixed(time, 1), percent(time, sum),
               gflops > 0 ? fixed(gflops, 1) : "", gflops > 0 ? percent(gflops, report["peak_gflops"]) : "",
               fixed(gbps, 1), percent(gbps, report["peak_gbps"]), kernel.value("path", ""),
               shorten(kernel["nodes"].get<std::string>(), 60)});
  }
  std::fputs(table.text().c_str(), stdout);
}

void printReport(const nlohmann::json &report) {
  auto number = [&](const char *key) { return report[key].get<double>(); };
  std::printf("threads    %u\nruns       %zu\n", report["threads"].get<unsigned>(), report["runs"].get<size_t>());
  for (const auto &input : report["inputs"])
    std::printf("input      %s %s%s\n", input["name"].get<std::string>().c_str(),
                input["dtype"].get<std::string>().c_str(),
                ("[" + dimsText(input["dims"].get<std::vector<int64_t>>()) + "]").c_str());
  std::printf("min        %.4f ms\nmedian     %.4f ms\np99        %.4f ms\n", number("min_ms"), number("median_ms"),
              number("p99_ms"));
  if (report.contains("gflops"))
    std::printf("speed      %.1f GFLOP/s, %.1f %% of this machine's %.1f\n", number("gflops"), number("peak_percent"),
                number("peak_gflops"));
  std::printf("arena      %llu bytes\n", static_cast<unsigned long long>(report["arena_bytes"].get<uint64_t>()));
  if (!report.contains("kernels"))
    return;
  std::printf("memory     %.1f GB/s read in order\n\n", number("peak_gbps"));
  printKernels(report);
}

void bench(const BenchFlags &flags) {
  Model model(flags.model, flags.threads);
  std::vector<Tensor> inputs = makeInputs(model, flags.inputs, /*complete=*/false);
  unsigned threads = tenon_session_threads(model.session());
  if (flags.pin)
    pinProcess(threads);
  std::vector<tenon_tensor> views;
  nlohmann::json report = {{"model", flags.model}, {"threads", threads}};
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    views.push_back(inputs[i].view());
    report["inputs"].push_back(
        {{"name", model.input(i).name}, {"dtype", tenon_dtype_name(inputs[i].dtype)}, {"dims", inputs[i].dims}});
  }
  std::vector<double> times = measure(model, views, flags);
  report["runs"] = times.size();
  report["min_ms"] = times.front();
  report["median_ms"] = percentile(times, 0.5);
  report["p99_ms"] = percentile(times, 0.99);
  report["arena_bytes"] = tenon_session_memory(model.session()).arena_bytes;
  FmaRates machine = measureFmaRates(threads);
  report["peak_gflops"] = machine.peak;
  report["sustained_gflops"] = machine.sustained;
  double flops = manifestFlops(parseManifest(model.descriptor().manifest)).value_or(0);
  if (flags.profile) {
    report["peak_gbps"] = measureMemoryPeak(threads);
    report["kernels"] = profileKernels(model, views, std::clamp<size_t>(times.size() / 4, 1, 1000));
    flops = 0;
    for (const auto &kernel : report["kernels"])
      flops += kernel["flops"].get<double>();
  }
  if (flops > 0) {
    double rate = flops / (percentile(times, 0.5) * 1e6);
    report["flops"] = flops;
    report["gflops"] = rate;
    report["peak_percent"] = 100 * rate / machine.peak;
  }
  if (flags.json)
    std::puts(report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  else
    printReport(report);
}

} // namespace

void addBenchCommand(CLI::App &app, int &) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App *command = app.add_subcommand("bench", "Measure how fast a compiled model is");
  command->add_option("model", flags->model, "compiled model (.so)")->required();
  command->add_option("-t,--threads", flags->threads, "threads; 0: all processors")->capture_default_str();
  command->add_option("-i,--input", flags->inputs.inputs, "as for `tenon run`; inputs not given are random")
      ->allow_extra_args(false);
  command->add_option("--shape", flags->inputs.shapes, "NAME=1x3x224x224: shape of a random input")
      ->allow_extra_args(false);
  command->add_option("--dim", flags->inputs.dims, "NAME=EXTENT: a dynamic dimension of random inputs (default 1)")
      ->allow_extra_args(false);
  command->add_option("--repeat", flags->repeat, "number of runs, instead of a time");
  command->add_option("--seconds", flags->seconds, "how long to measure")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_flag("--pin", flags->pin, "stay on as many processors as there are threads");
  command->add_flag("--profile", flags->profile, "list time, GFLOP/s and GB/s of each kernel");
  command->add_flag("--json", flags->json, "print the report as JSON");
  command->callback([flags] { bench(*flags); });
}

} // namespace tenon::cli
