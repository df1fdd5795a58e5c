// Weights in a file beside the artefact: found, checked, mapped; see Module.h.
#include "runtime/Module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tenon::runtime {

// FNV-1a, 64 bits (Fowler, Noll, Vo; draft-eastlake-fnv, section 2).
static uint64_t fnv1a(const unsigned char *bytes, size_t count) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < count; ++i)
    hash = (hash ^ bytes[i]) * 0x100000001b3u;
  return hash;
}

static bool isBaseName(const char *name) {
  return name[0] != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int32_t mapFile(tenon_module &module, const char *path, int file, ErrorText &error) {
  const tenon_model &model = *module.model;
  struct stat info;
  if (fstat(file, &info) != 0)
    return error.fail(TENON_IO_ERROR, "cannot read weights file '%s': %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode))
    return error.fail(TENON_IO_ERROR, "weights file '%s' is not a regular file", path);
  if (static_cast<uint64_t>(info.st_size) != model.weights_bytes)
    return error.fail(TENON_INCOMPATIBLE, "weights file '%s' has %llu bytes but the model expects %llu", path,
                      static_cast<unsigned long long>(info.st_size),
                      static_cast<unsigned long long>(model.weights_bytes));
  if (model.weights_bytes == 0)
    return TENON_OK;
  auto bytes = static_cast<size_t>(model.weights_bytes);
  void *memory = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, file, 0);
  if (memory == MAP_FAILED)
    return error.fail(TENON_IO_ERROR, "cannot map weights file '%s': %s", path, strerror(errno));
  module.mapping = memory;
  module.mappingBytes = bytes;
  madvise(memory, bytes, MADV_SEQUENTIAL);
  uint64_t digest = fnv1a(static_cast<const unsigned char *>(memory), bytes);
  madvise(memory, bytes, MADV_NORMAL);
  if (digest != model.weights_digest)
    return error.fail(TENON_INCOMPATIBLE, "weights file '%s' has digest %016llx but the model expects %016llx", path,
                      static_cast<unsigned long long>(digest), static_cast<unsigned long long>(model.weights_digest));
  module.weights = memory;
  return TENON_OK;
}

int32_t mapWeights(tenon_module &module, const char *folder, size_t folderLength, ErrorText &error) {
  const char *name = module.model->weights_file;
  if (!isBaseName(name))
    return error.fail(TENON_INCOMPATIBLE,
                      "the model names weights file '%s' but only a name without a folder is allowed", name);
  size_t nameLength = strlen(name);
  auto *path = static_cast<char *>(malloc(folderLength + nameLength + 2));
  if (!path)
    return error.fail(TENON_OUT_OF_MEMORY, "no memory to open weights file '%s'", name);
  memcpy(path, folder, folderLength);
  path[folderLength] = '/';
  memcpy(path + folderLength + 1, name, nameLength + 1);

  int32_t status;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    status = error.fail(TENON_IO_ERROR, "cannot open weights file '%s': %s", path, strerror(errno));
  } else {
    status = mapFile(module, path, file, error);
    close(file);
  }
  free(path);
  return status;
}

} // namespace tenon::runtime
