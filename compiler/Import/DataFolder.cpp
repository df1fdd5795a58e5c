//===- DataFolder.cpp - mapped files, and external data confined to a folder ---------------===//
//
// See DataFolder.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/DataFolder.h"

#include "compiler/Import/Error.h"
#include "llvm/ADT/SmallVector.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tenon::importer {

namespace {

/// Closes a descriptor when it goes out of scope.
class Descriptor {
public:
  explicit Descriptor(int number) : number(number) {}
  ~Descriptor() {
    if (number >= 0)
      ::close(number);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const { return number; }
  int release() { return std::exchange(number, -1); }
  void reset(int next) {
    if (number >= 0)
      ::close(number);
    number = next;
  }

private:
  int number;
};

} // namespace

MappedFile::MappedFile(int number, const std::string &shownName, bool refuseLinks) {
  Descriptor descriptor(number);
  struct stat status;
  if (::fstat(descriptor.get(), &status) != 0)
    failMalformed("cannot read '" + shownName + "': " + std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    failMalformed("'" + shownName + "' is not a regular file");
  if (refuseLinks && status.st_nlink != 1)
    failMalformed("external data file '" + shownName + "' has " + std::to_string(status.st_nlink) +
                      " names (hard links), expected 1",
                  "copy the file into the model's folder");
  size = static_cast<size_t>(status.st_size);
  if (size == 0)
    return;
  void *address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (address == MAP_FAILED)
    failMalformed("cannot map '" + shownName + "': " + std::strerror(errno));
  data = static_cast<const char *>(address);
}

MappedFile::~MappedFile() {
  if (data)
    ::munmap(const_cast<char *>(data), size);
}

std::shared_ptr<MappedFile> mapFile(const std::string &path) {
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    failMalformed("cannot open '" + path + "': " + std::strerror(errno));
  return std::make_shared<MappedFile>(descriptor, path, /*refuseLinks=*/false);
}

std::shared_ptr<MappedFile> DataFolder::map(const std::string &location) {
  auto known = files.find(location);
  if (known != files.end())
    return known->second;
  if (path.empty())
    failMalformed("external data '" + location + "' in a model that was not read from a file");
  if (location.empty() || location.find('\0') != std::string::npos || location.front() == '/')
    failMalformed("external data location '" + location + "' is not a path inside the model's folder");

  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(location).split(parts, '/', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  llvm::erase(parts, ".");
  if (parts.empty() || llvm::is_contained(parts, ".."))
    failMalformed("external data location '" + location + "' leaves the model's folder");

  // One component after the other, so that no link anywhere in the path is followed.
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0)
    failMalformed("cannot open folder '" + path + "': " + std::strerror(errno));
  for (llvm::StringRef part : llvm::ArrayRef(parts).drop_back()) {
    int next = ::openat(folder.get(), part.str().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0)
      failMalformed("cannot open external data '" + location + "': " + std::strerror(errno));
    folder.reset(next);
  }
  int file = ::openat(folder.get(), parts.back().str().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    failMalformed("cannot open external data '" + location +
                      "': " + (errno == ELOOP ? "it is a symbolic link" : std::strerror(errno)),
                  errno == ELOOP ? "copy the file into the model's folder" : "");
  auto mapped = std::make_shared<MappedFile>(file, location, /*refuseLinks=*/true);
  files.emplace(location, mapped);
  return mapped;
}

} // namespace tenon::importer
