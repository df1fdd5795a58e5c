// Opened models: the shared library, the checked descriptor and the weights.
//
// What it expects: descriptors of trusted origin; what is checked is that they fit this runtime and processor.
// What it guarantees: an open module is immutable and complete; everything it borrows lives until the last reference.
#ifndef TENON_RUNTIME_MODULE_H
#define TENON_RUNTIME_MODULE_H

#include "runtime/Atomic.h"
#include "runtime/ErrorText.h"
#include "runtime/StringTable.h"
#include "tenon/tenon.h"

#include <sys/types.h>

/// Files are told apart by device and inode, so that a library that was replaced under the same name is opened anew.
struct tenon_module {
  tenon::runtime::Atomic<uint32_t> references{1};
  const tenon_model *model = nullptr;
  const void *weights = nullptr;
  tenon::runtime::StringTable strings; // of the model's constants

  void *mapping = nullptr; // the weights file
  size_t mappingBytes = 0;

  void *library = nullptr; // of dlopen; null for linked descriptors
  char *path = nullptr;
  dev_t device = 0;
  ino_t inode = 0;
  tenon_module *next = nullptr; // in the list of opened libraries
};

namespace tenon::runtime {

void retainModule(tenon_module *module);
void releaseModule(tenon_module *module);

/// Checks version, sizes and the tables of a descriptor, then the processor.
int32_t checkDescriptor(const tenon_model *model, ErrorText &error);

/// Maps and checks the weights file of the module's model; `folder` of `folderLength` bytes is where it lies.
int32_t mapWeights(tenon_module &module, const char *folder, size_t folderLength, ErrorText &error);

} // namespace tenon::runtime

#endif // TENON_RUNTIME_MODULE_H
