//===- Manifest.cpp - the JSON text inside a compiled model --------------------------------===//

#include "tools/tenon/Manifest.h"

namespace tenon::cli {

nlohmann::json parseManifest(const std::string &text) {
  nlohmann::json manifest = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  return manifest.is_object() ? manifest : nlohmann::json::object();
}

std::optional<double> manifestFlops(const nlohmann::json &manifest) {
  if (!manifest.contains("kernels") || !manifest["kernels"].is_array() || manifest["kernels"].empty())
    return std::nullopt;
  double sum = 0;
  for (const nlohmann::json &kernel : manifest["kernels"]) {
    if (!kernel.contains("flops") || !kernel["flops"].is_number())
      return std::nullopt;
    sum += kernel["flops"].get<double>() * kernel.value("launches", 1.0);
  }
  return sum;
}

} // namespace tenon::cli
