//===- Reproducer.h - what is left for developers when the compiler fails ------------------===//
//
// After a failed pass the compilation is repeated on one thread with MLIR's reproducer on. After a crash the process
// executes itself again with `--reproducer FILE`, since nothing in a crashed process can be trusted.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_TENON_REPRODUCER_H
#define TENON_TOOLS_TENON_REPRODUCER_H

#include <string>

namespace tenon::cli {

/// A new path in the folder for temporary files; the file does not exist yet.
std::string newReproducerPath();

/// Says on stderr what to run, if the file was written.
void explainReproducer(const std::string &path);

/// From now on a crash of this process ends with exit code 70; a compilation is tried a second time before, with a
/// reproducer. The arguments are those of main.
void installCrashHandler(int argc, char **argv);

/// Whether this process is the second try: whatever it achieves, the compilation has failed.
bool isSecondTry();

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_REPRODUCER_H
