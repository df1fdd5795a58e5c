//===- Reproducer.cpp - what is left for developers when the compiler fails ------------------------------------===//

#include "tools/tenon/Reproducer.h"
#include "tools/tenon/Commands.h"
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <unistd.h>
#include <vector>

namespace tenon::cli {

namespace {

// What the signal handler needs, prepared before: it may not allocate.
std::string reproducerFlag;
std::vector<char *> reproducerArguments;
bool isSecondTry = false;

void say(const char *text) { [[maybe_unused]] ssize_t written = write(STDERR_FILENO, text, std::strlen(text)); }

void handleCrash(int signal) {
  say("error: internal error: the compiler crashed (");
  say(signal == SIGSEGV   ? "segmentation fault"
      : signal == SIGABRT ? "abort"
      : signal == SIGFPE  ? "arithmetic"
                          : "signal");
  say(")\n");
  if (!isSecondTry) {
    execv("/proc/self/exe", reproducerArguments.data());
    say("the second try that writes a reproducer could not be started\n");
  }
  _exit(exitInternal);
}

} // namespace

std::string newReproducerPath() {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error)
    folder = ".";
  return (folder / ("tenon-reproducer-" + std::to_string(getpid()) + ".mlir")).string();
}

void explainReproducer(const std::string &path) {
  std::error_code error;
  if (std::filesystem::exists(path, error))
    std::fprintf(stderr,
                 "this is a fault of the compiler; the IR before the failing pass is in\n  %s\nrun it with\n"
                 "  tenon-opt --run-reproducer %s\n",
                 path.c_str(), path.c_str());
  else
    std::fprintf(stderr, "this is a fault of the compiler; no reproducer could be written\n");
}

void installCrashHandler(int argc, char **argv) {
  // Only compilations are tried again.
  bool compiles = argc > 1 && std::strcmp(argv[1], "compile") == 0;
  isSecondTry = !compiles;
  for (int i = 1; i < argc; ++i)
    isSecondTry |= std::strncmp(argv[i], "--reproducer", 12) == 0;
  if (!isSecondTry) {
    reproducerFlag = "--reproducer=" + newReproducerPath();
    reproducerArguments.assign(argv, argv + argc);
    // Before the model's name, which a "--" may precede.
    reproducerArguments.insert(reproducerArguments.begin() + 2, reproducerFlag.data());
    reproducerArguments.push_back(nullptr);
  }
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
    struct sigaction action = {};
    action.sa_handler = handleCrash;
    action.sa_flags = SA_NODEFER | SA_RESETHAND | SA_ONSTACK;
    sigaction(signal, &action, nullptr);
  }
}

} // namespace tenon::cli
