//===- Manifest.h - the JSON text inside a compiled model ----------------------------------===//

#ifndef TENON_TOOLS_TENON_MANIFEST_H
#define TENON_TOOLS_TENON_MANIFEST_H

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace tenon::cli {

/// Parses it; an empty object if it is no JSON object.
nlohmann::json parseManifest(const std::string &text);

/// Floating-point operations of a run, if every kernel says how many it has.
std::optional<double> manifestFlops(const nlohmann::json &manifest);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_MANIFEST_H
