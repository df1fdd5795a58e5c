//===- TemporaryFolder.h - a folder that is gone afterwards --------------------------------===//

#ifndef TENON_TOOLS_TENON_TEMPORARYFOLDER_H
#define TENON_TOOLS_TENON_TEMPORARYFOLDER_H

#include "tools/tenon/Commands.h"
#include <cstdlib>
#include <filesystem>
#include <string>

namespace tenon::cli {

/// A new folder among the system's temporary files, removed with all it holds when this ends.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::error_code error;
    path = (std::filesystem::temp_directory_path(error) / "tenon-XXXXXX").string();
    if (error || !mkdtemp(path.data()))
      throw InputError("cannot create a folder for temporary files");
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path, error);
  }
  std::string file(const std::string &name) const { return (std::filesystem::path(path) / name).string(); }

private:
  std::string path;
};

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_TEMPORARYFOLDER_H
