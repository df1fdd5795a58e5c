//===- Artefact.h - what a compiled library says about itself ------------------------------===//
//
// Read from the file's bytes: nothing in it is executed, so artefacts for other processors, and of unknown origin, can
// be inspected.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_TOOLS_TENON_ARTEFACT_H
#define TENON_TOOLS_TENON_ARTEFACT_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tenon::cli {

struct ArtefactTensor {
  std::string name;
  uint32_t dtype = 0;
  std::vector<int64_t> dims;        ///< -1 where dynamic
  std::vector<std::string> symbols; ///< "" where a dimension has none
};

struct ArtefactKernel {
  std::string name, nodes;
};

/// The descriptor of model_abi.h, copied out of the file.
struct Artefact {
  uint32_t abiVersion = 0;
  std::string name, producer, triple, cpu, weightsFile, manifest;
  std::vector<std::string> features;
  std::vector<ArtefactTensor> inputs, outputs;
  std::vector<ArtefactKernel> kernels;
  uint64_t weightsBytes = 0, fileBytes = 0;
  std::map<std::string, uint64_t> functionBytes; ///< code size by symbol
};

/// Reads the shared library at `path`, whose descriptor is called `symbol`. Throws InputError.
Artefact readArtefact(const std::string &path, const std::string &symbol);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_ARTEFACT_H
