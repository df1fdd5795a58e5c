//===- ScratchFile.cpp - files that vanish -------------------------------------------------===//

#include "compiler/Emit/ScratchFile.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <sys/mman.h>
#include <unistd.h>

using namespace llvm;

namespace tenon::emit {

namespace {
Error fileError(std::error_code code, StringRef what, StringRef path) {
  return createStringError(code, "cannot %s '%s': %s", what.str().c_str(), path.str().c_str(), code.message().c_str());
}

std::error_code lastError() { return std::error_code(errno, std::generic_category()); }

/// Flushes and reports what went wrong with any write.
Error flush(raw_fd_ostream &os, StringRef path) {
  os.flush();
  if (!os.has_error())
    return Error::success();
  std::error_code code = os.error();
  os.clear_error();
  return fileError(code, "write", path);
}
} // namespace

ScratchFile::ScratchFile(int descriptor)
    : descriptor(descriptor), os(std::make_unique<raw_fd_ostream>(descriptor, /*shouldClose=*/true)) {}

Expected<ScratchFile> ScratchFile::inMemory() {
  int descriptor = memfd_create("tenon", MFD_CLOEXEC);
  if (descriptor < 0)
    return fileError(lastError(), "create", "a file in memory");
  return ScratchFile(descriptor);
}

Expected<ScratchFile> ScratchFile::inFolder(StringRef folder) {
  SmallString<128> model(folder), path;
  sys::path::append(model, ".tenon-%%%%%%%%.tmp");
  int descriptor = -1;
  if (std::error_code code = sys::fs::createUniqueFile(model, descriptor, path))
    return fileError(code, "create a file in", folder.empty() ? "." : folder);
  sys::fs::remove(path);
  return ScratchFile(descriptor);
}

Error ScratchFile::finish() { return flush(*os, "a temporary file"); }

std::string ScratchFile::path() const { return formatv("/proc/self/fd/{0}", descriptor); }

OutputFile::OutputFile(std::optional<sys::fs::TempFile> temporary, StringRef path)
    : file(std::move(temporary)), path(path),
      os(std::make_unique<raw_fd_ostream>(file ? file->FD : STDOUT_FILENO, /*shouldClose=*/false)) {}

OutputFile::OutputFile(OutputFile &&other)
    : file(std::move(other.file)), path(std::move(other.path)), os(std::move(other.os)) {
  other.file.reset();
}

OutputFile::~OutputFile() {
  if (!file)
    return;
  os->clear_error();
  os.reset();
  consumeError(file->discard());
}

Expected<OutputFile> OutputFile::create(StringRef path) {
  if (path == "-")
    return OutputFile(std::nullopt, path);
  Expected<sys::fs::TempFile> file = sys::fs::TempFile::create(path + ".tmp-%%%%%%%%");
  if (!file) {
    std::error_code code = errorToErrorCode(file.takeError());
    return fileError(code, "create", path);
  }
  return OutputFile(std::move(*file), path);
}

Error OutputFile::keep() {
  if (Error error = flush(*os, path))
    return error;
  os.reset();
  if (!file)
    return Error::success();
  Error error = file->keep(path);
  file.reset();
  if (error)
    return fileError(errorToErrorCode(std::move(error)), "write", path);
  return Error::success();
}

} // namespace tenon::emit
