//===- Reproducer.cpp - what is left for developers when the compiler fails ----------------===//

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

constexpr char secondTryVariable[] = "TENON_SECOND_TRY";

// What the signal handler needs, prepared before: it may not allocate. Empty: no second try.
std::string reproducerFlag, secondTryEntry;
std::vector<char *> secondArguments, secondEnvironment;

void say(const char *text) { [[maybe_unused]] ssize_t written = write(STDERR_FILENO, text, std::strlen(text)); }

void handleCrash(int signal) {
  say("error: internal error: the compiler crashed (");
  say(signal == SIGSEGV   ? "segmentation fault"
      : signal == SIGABRT ? "abort"
      : signal == SIGFPE  ? "arithmetic"
                          : "signal");
  say(")\n");
  if (!secondArguments.empty()) {
    execve("/proc/self/exe", secondArguments.data(), secondEnvironment.data());
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

bool isSecondTry() { return std::getenv(secondTryVariable) != nullptr; }

void installCrashHandler(int argc, char **argv) {
  bool compiles = argc > 1 && std::strcmp(argv[1], "compile") == 0 && !isSecondTry();
  for (int i = 1; i < argc; ++i)
    compiles &= std::strncmp(argv[i], "--reproducer", 12) != 0;
  if (compiles) {
    reproducerFlag = "--reproducer=" + newReproducerPath();
    secondTryEntry = std::string(secondTryVariable) + "=1";
    secondArguments.assign(argv, argv + argc);
    // Before the model's name, which a "--" may precede.
    secondArguments.insert(secondArguments.begin() + 2, reproducerFlag.data());
    secondArguments.push_back(nullptr);
    for (char **entry = environ; *entry; ++entry)
      secondEnvironment.push_back(*entry);
    secondEnvironment.push_back(secondTryEntry.data());
    secondEnvironment.push_back(nullptr);
  }
  // A stack that has overflowed cannot run the handler.
  static char handlerStack[64 * 1024];
  stack_t stack = {};
  stack.ss_sp = handlerStack;
  stack.ss_size = sizeof(handlerStack);
  sigaltstack(&stack, nullptr);
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
    struct sigaction action = {};
    action.sa_handler = handleCrash;
    action.sa_flags = SA_NODEFER | SA_RESETHAND | SA_ONSTACK;
    sigaction(signal, &action, nullptr);
  }
}

} // namespace tenon::cli
