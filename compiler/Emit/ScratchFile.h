//===- ScratchFile.h - files that vanish ---------------------------------------------------===//

#ifndef TENON_COMPILER_EMIT_SCRATCHFILE_H
#define TENON_COMPILER_EMIT_SCRATCHFILE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>

namespace tenon::emit {

/// A file without a name, for what the linker reads: it is gone when this object or the process ends, however it ends.
class ScratchFile {
public:
  /// In memory: for code.
  static llvm::Expected<ScratchFile> inMemory();
  /// On the disk of `folder`: for weights.
  static llvm::Expected<ScratchFile> inFolder(llvm::StringRef folder);

  llvm::raw_fd_ostream &stream() { return *os; }
  /// Ends writing.
  llvm::Error finish();
  /// A path that opens the file in this process.
  std::string path() const;

private:
  explicit ScratchFile(int descriptor);
  int descriptor;
  std::unique_ptr<llvm::raw_fd_ostream> os;
};

/// A file that appears under its name when it is complete: written beside it, then renamed. The path "-" is standard
/// output.
class OutputFile {
public:
  static llvm::Expected<OutputFile> create(llvm::StringRef path);
  OutputFile(OutputFile &&other);
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile();

  llvm::raw_fd_ostream &stream() { return *os; }
  /// Gives it its name.
  llvm::Error keep();

private:
  OutputFile(std::optional<llvm::sys::fs::TempFile> temporary, llvm::StringRef path);
  std::optional<llvm::sys::fs::TempFile> file;
  std::string path;
  std::unique_ptr<llvm::raw_fd_ostream> os;
};

} // namespace tenon::emit

#endif // TENON_COMPILER_EMIT_SCRATCHFILE_H
