// Opening and closing models; see Module.h.
#include "runtime/Module.h"

#include "runtime/Features.h"
#include "runtime/Memory.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tenon::runtime {

// The libraries that are open, and the lock that opening and closing one takes.
static pthread_mutex_t openLock = PTHREAD_MUTEX_INITIALIZER;
static tenon_module *openModules = nullptr;

static const char *machineName(uint16_t machine) {
  switch (machine) {
  case EM_X86_64:
    return "x86_64";
  case EM_AARCH64:
    return "aarch64";
  default:
    return "another processor";
  }
}

// dlopen's own texts for these cases do not help ("wrong ELF class", "No such file or directory").
static int32_t checkElf(const char *path, tenon_module &module, ErrorText &error) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return error.fail(TENON_IO_ERROR, "cannot open '%s': %s", path, strerror(errno));
  struct stat info = {};
  Elf64_Ehdr header;
  memset(&header, 0, sizeof header);
  int32_t status = TENON_OK;
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode))
    status = error.fail(TENON_IO_ERROR, "'%s' is not a regular file", path);
  else if (read(file, &header, sizeof header) != static_cast<ssize_t>(sizeof header) ||
           memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
           header.e_type != ET_DYN)
    status = error.fail(TENON_INCOMPATIBLE, "'%s' is not a shared library", path);
#if defined(__x86_64__)
  constexpr uint16_t host = EM_X86_64;
#else
  constexpr uint16_t host = EM_AARCH64;
#endif
  if (status == TENON_OK && header.e_machine != host)
    status =
        error.fail(TENON_INCOMPATIBLE,
                   "'%s' was compiled for %s but this process runs on %s; compile it with --target %s-linux-gnu", path,
                   machineName(header.e_machine), hostFeatureTable().architecture, hostFeatureTable().architecture);
  module.device = info.st_dev;
  module.inode = info.st_ino;
  close(file);
  return status;
}

// The dynamic linker looks for an open library of the same name before it looks at the file: a library that was
// compiled anew under its old name would not be seen while the old one is open. `spelling` counts the different files
// that are open under this name; each gets the path with a different number of "./" in front of the file name. The
// result is malloc'd.
static char *respell(const char *path, uint32_t spelling) {
  const char *slash = strrchr(path, '/');
  size_t folder = slash ? static_cast<size_t>(slash - path) + 1 : 0;
  // A path without a slash would be searched for.
  uint32_t dots = spelling + (slash ? 0 : 1);
  size_t rest = strlen(path + folder);
  auto *result = static_cast<char *>(malloc(folder + 2 * dots + rest + 1));
  if (!result)
    return nullptr;
  memcpy(result, path, folder);
  for (uint32_t i = 0; i < dots; ++i)
    memcpy(result + folder + 2 * i, "./", 2);
  memcpy(result + folder + 2 * dots, path + folder, rest + 1);
  return result;
}

static tenon_module *findOpen(const char *spelledPath) {
  for (tenon_module *module = openModules; module; module = module->next)
    if (strcmp(module->path, spelledPath) == 0)
      return module;
  return nullptr;
}

// The caller holds openLock.
static int32_t openLibrary(tenon_module &module, const char *path, ErrorText &error) {
  for (uint32_t spelling = 0;; ++spelling) {
    free(module.path);
    module.path = respell(path, spelling);
    if (!module.path)
      return error.fail(TENON_OUT_OF_MEMORY, "no memory to open '%s'", path);
    tenon_module *other = findOpen(module.path);
    if (!other || (other->device == module.device && other->inode == module.inode))
      break;
  }
  module.library = dlopen(module.path, RTLD_NOW | RTLD_LOCAL);
  if (!module.library) {
    const char *reason = dlerror();
    return error.fail(TENON_INCOMPATIBLE, "cannot load '%s': %s", path, reason ? reason : "unknown reason");
  }
  module.next = openModules;
  openModules = &module;
  return TENON_OK;
}

// Frees everything, in the reverse order of opening.
static void destroyModule(tenon_module *module) {
  if (module->mapping)
    munmap(module->mapping, module->mappingBytes);
  if (module->library) {
    pthread_mutex_lock(&openLock);
    tenon_module **link = &openModules;
    while (*link != module)
      link = &(*link)->next;
    *link = module->next;
    dlclose(module->library);
    pthread_mutex_unlock(&openLock);
  }
  free(module->path);
  destroy(module);
}

void retainModule(tenon_module *module) { module->references.fetchAdd(1); }

void releaseModule(tenon_module *module) {
  if (module->references.fetchSub(1) == 1)
    destroyModule(module);
}

// Takes over `model`; `folder` may be null when there is no weights file.
static int32_t adopt(tenon_module &module, const tenon_model *model, const char *folder, size_t folderLength,
                     ErrorText &error) {
  if (int32_t status = checkDescriptor(model, error))
    return status;
  module.model = model;
  module.weights = model->weights;
  if (!module.strings.addConstants(*model))
    return error.fail(TENON_OUT_OF_MEMORY, "no memory for the model's %llu texts",
                      static_cast<unsigned long long>(model->num_strings));
  if (model->weights || !model->weights_file)
    return TENON_OK;
  if (!folder)
    return error.fail(TENON_INVALID_ARGUMENT, "the model needs its weights file '%s' but no folder was given",
                      model->weights_file);
  return mapWeights(module, folder, folderLength, error);
}

static int32_t openShared(tenon_module &module, const char *path, const char *symbol, ErrorText &error) {
  if (int32_t status = checkElf(path, module, error))
    return status;
  pthread_mutex_lock(&openLock);
  int32_t status = openLibrary(module, path, error);
  pthread_mutex_unlock(&openLock);
  if (status != TENON_OK)
    return status;
  auto *model = static_cast<const tenon_model *>(dlsym(module.library, symbol));
  if (!model)
    return error.fail(TENON_INCOMPATIBLE, "'%s' is not a compiled model: it has no symbol '%s'", path, symbol);
  const char *slash = strrchr(path, '/');
  if (!slash)
    return adopt(module, model, ".", 1, error);
  return adopt(module, model, path, static_cast<size_t>(slash - path), error);
}

static int32_t finishOpen(tenon_module *opened, int32_t status, tenon_module **module, const ErrorText &text,
                          char *error, size_t errorBytes) {
  *module = status == TENON_OK ? opened : nullptr;
  if (opened && status != TENON_OK)
    releaseModule(opened);
  text.copyTo(error, errorBytes);
  return status;
}

} // namespace tenon::runtime

using namespace tenon::runtime;

extern "C" {

int32_t tenon_open(const char *path, const char *symbol, tenon_module **module, char *error, size_t error_bytes) {
  ErrorText text;
  tenon_module *opened = create<tenon_module>();
  int32_t status = opened ? openShared(*opened, path, symbol ? symbol : TENON_MODEL_SYMBOL, text)
                          : text.fail(TENON_OUT_OF_MEMORY, "no memory to open '%s'", path);
  return finishOpen(opened, status, module, text, error, error_bytes);
}

int32_t tenon_open_linked(const tenon_model *descriptor, const char *weights_folder, tenon_module **module, char *error,
                          size_t error_bytes) {
  ErrorText text;
  tenon_module *opened = create<tenon_module>();
  int32_t status = opened
                       ? adopt(*opened, descriptor, weights_folder, weights_folder ? strlen(weights_folder) : 0, text)
                       : text.fail(TENON_OUT_OF_MEMORY, "no memory to open a model");
  return finishOpen(opened, status, module, text, error, error_bytes);
}

void tenon_close(tenon_module *module) {
  if (module)
    releaseModule(module);
}
}
