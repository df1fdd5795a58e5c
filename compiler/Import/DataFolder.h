//===- DataFolder.h - mapped files, and external data confined to a folder -----------------===//
//
// Files are mapped read-only and never copied. External data must be a regular file with one name below the model's
// folder; links of any kind are refused, because a model is untrusted and may name any path.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_DATAFOLDER_H
#define TENON_COMPILER_IMPORT_DATAFOLDER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <map>
#include <memory>
#include <string>

namespace tenon::importer {

/// A read-only mapping of a whole file; empty files have no mapping.
class MappedFile {
public:
  /// Maps what `descriptor` refers to, which must be a regular file; takes the descriptor. Throws ImportError.
  MappedFile(int descriptor, const std::string &shownName, bool refuseLinks);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  llvm::ArrayRef<char> bytes() const { return {data, size}; }

private:
  const char *data = nullptr;
  size_t size = 0;
};

/// Opens and maps the file at `path`. Throws ImportError.
std::shared_ptr<MappedFile> mapFile(const std::string &path);

/// The folder below which external data may lie.
class DataFolder {
public:
  /// An empty path is a model without a folder: every use is an error.
  explicit DataFolder(std::string path) : path(std::move(path)) {}

  /// The mapping of the file `location`, relative to the folder, kept for later calls. Throws ImportError.
  std::shared_ptr<MappedFile> map(const std::string &location);

private:
  std::string path;
  std::map<std::string, std::shared_ptr<MappedFile>> files;
};

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_DATAFOLDER_H
