//===- Link.cpp - objects to a shared library or to one object -----------------------------===//
//
// LLD runs inside this process. It keeps state in globals, so links take turns; it writes its output beside its name
// and renames.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Emit/Link.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/InterfaceStub/ELFObjHandler.h"
#include "llvm/InterfaceStub/IFSStub.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include <mutex>
#include <set>

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace tenon::emit {

namespace {

/// What LLVM's code generators call for operations on memory.
constexpr StringLiteral libcFunctions[] = {"memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen", "abort"};

/// C99's functions on double, all of which exist with the suffix f too.
constexpr StringLiteral libmFunctions[] = {
    "acos",      "acosh",     "asin", "asinh",     "atan",   "atan2", "atanh",     "cbrt",   "ceil",   "copysign",
    "cos",       "cosh",      "erf",  "erfc",      "exp",    "exp10", "exp2",      "expm1",  "fabs",   "fdim",
    "floor",     "fma",       "fmax", "fmin",      "fmod",   "frexp", "hypot",     "ilogb",  "ldexp",  "lgamma",
    "llrint",    "llround",   "log",  "log10",     "log1p",  "log2",  "logb",      "lrint",  "lround", "modf",
    "nearbyint", "nextafter", "pow",  "remainder", "rint",   "round", "roundeven", "scalbn", "sin",    "sincos",
    "sinh",      "sqrt",      "tan",  "tanh",      "tgamma", "trunc"};

bool isMathFunction(StringRef name) {
  static const StringSet<> names = [] {
    StringSet<> set;
    for (StringRef function : libmFunctions) {
      set.insert(function);
      set.insert((function + "f").str());
    }
    return set;
  }();
  return names.contains(name);
}

Error runLinker(ArrayRef<std::string> arguments) {
  static std::mutex mutex;
  static bool usable = true;
  std::lock_guard lock(mutex);
  if (!usable)
    return createStringError("the linker crashed before and cannot run again in this process");
  SmallVector<const char *> pointers = {"ld.lld"};
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string messages;
  raw_string_ostream os(messages);
  lld::Result result = lld::lldMain(pointers, os, os, {{lld::Gnu, &lld::elf::link}});
  usable = result.canRunAgain;
  if (result.retCode == 0)
    return Error::success();
  return createStringError("linking failed: %s", StringRef(messages).rtrim().str().c_str());
}

/// A shared library that defines `functions` without code, in a temporary file that `removers` deletes.
Expected<std::string> writeStub(StringRef name, ArrayRef<std::string> functions, uint16_t elfMachine,
                                std::vector<std::unique_ptr<FileRemover>> &removers) {
  SmallString<128> path;
  if (std::error_code code = sys::fs::createTemporaryFile("tenon-stub", "so", path))
    return createStringError(code, "cannot create a temporary file: %s", code.message().c_str());
  removers.push_back(std::make_unique<FileRemover>(path));
  ifs::IFSStub stub;
  stub.IfsVersion = VersionTuple(3, 0);
  stub.SoName = name.str();
  stub.Target.Arch = elfMachine;
  stub.Target.BitWidth = ifs::IFSBitWidthType::IFS64;
  stub.Target.Endianness = ifs::IFSEndiannessType::Little;
  for (const std::string &function : functions) {
    ifs::IFSSymbol symbol(function);
    symbol.Type = ifs::IFSSymbolType::Func;
    stub.Symbols.push_back(symbol);
  }
  if (Error error = ifs::writeBinaryStub(path, stub))
    return error;
  return path.str().str();
}

} // namespace

Expected<ExternalFunctions> findExternalFunctions(ArrayRef<MemoryBufferRef> objects, StringRef provided) {
  StringSet<> defined;
  std::set<std::string> undefined;
  for (MemoryBufferRef buffer : objects) {
    Expected<std::unique_ptr<object::ObjectFile>> object = object::ObjectFile::createObjectFile(buffer);
    if (!object)
      return object.takeError();
    for (const object::SymbolRef &symbol : (*object)->symbols()) {
      Expected<uint32_t> flags = symbol.getFlags();
      Expected<StringRef> name = symbol.getName();
      if (!flags || !name)
        return joinErrors(flags.takeError(), name.takeError());
      if (*flags & object::SymbolRef::SF_Undefined)
        undefined.insert(name->str());
      else if (*flags & object::SymbolRef::SF_Global)
        defined.insert(*name);
    }
  }
  ExternalFunctions functions;
  for (const std::string &name : undefined) {
    if (name.empty() || name == provided || defined.contains(name))
      continue;
    if (is_contained(libcFunctions, name))
      functions.c.push_back(name);
    else if (isMathFunction(name))
      functions.math.push_back(name);
    else
      return createStringError("the code calls '%s', which is neither in libc nor in libm", name.c_str());
  }
  return functions;
}

Error linkShared(ArrayRef<std::string> inputs, const ExternalFunctions &functions, uint16_t elfMachine,
                 StringRef output) {
  std::vector<std::unique_ptr<FileRemover>> stubs;
  // Sections keep their input order and nothing depends on time or place, so equal inputs give equal bytes.
  std::vector<std::string> arguments = {"-shared",
                                        "--gc-sections",
                                        "-z",
                                        "relro",
                                        "-z",
                                        "now",
                                        "-z",
                                        "noexecstack",
                                        "-z",
                                        "defs",
                                        "--as-needed",
                                        "--hash-style=gnu",
                                        "--build-id=none",
                                        "-O1",
                                        "--discard-locals",
                                        "--threads=1",
                                        "-o",
                                        output.str()};
  llvm::append_range(arguments, inputs);
  for (auto [name, symbols] :
       {std::pair(StringRef("libm.so.6"), &functions.math), {StringRef("libc.so.6"), &functions.c}}) {
    if (symbols->empty())
      continue;
    Expected<std::string> stub = writeStub(name, *symbols, elfMachine, stubs);
    if (!stub)
      return stub.takeError();
    arguments.push_back(*stub);
  }
  return runLinker(arguments);
}

Error linkRelocatable(ArrayRef<std::string> inputs, StringRef output) {
  std::vector<std::string> arguments = {"-r", "--threads=1", "-o", output.str()};
  llvm::append_range(arguments, inputs);
  return runLinker(arguments);
}

} // namespace tenon::emit
