//===- Artefact.cpp - what a compiled library says about itself ----------------------------===//

#include "tools/tenon/Artefact.h"
#include "tenon/model_abi.h"
#include "tools/tenon/Commands.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;
using namespace llvm::object;

namespace tenon::cli {

namespace {

/// No model has more inputs, dimensions or kernels; a damaged file may say so.
constexpr uint32_t maxEntries = 1 << 20;

/// A loaded image, by virtual address.
class Image {
public:
  Image(const ELF64LEFile &file, const std::string &path) : file(file), path(path) {
    auto headers = file.program_headers();
    if (!headers)
      fail(toString(headers.takeError()));
    for (const auto &header : *headers)
      if (header.p_type == ELF::PT_LOAD)
        segments.push_back({header.p_vaddr, header.p_filesz, header.p_offset});
  }

  [[noreturn]] void fail(const std::string &why) const { throw InputError(path + ": " + why); }

  template <typename T> T read(uint64_t address) const {
    T value;
    std::memcpy(&value, bytes(address, sizeof(T)), sizeof(T));
    return value;
  }

  /// A pointer in data: what the dynamic linker writes there with a load address of 0.
  uint64_t readPointer(uint64_t address) const {
    auto found = pointers.find(address);
    return found == pointers.end() ? read<uint64_t>(address) : found->second;
  }

  std::string readText(uint64_t address) const {
    std::string text;
    if (address == 0)
      return text;
    for (char c; (c = read<char>(address)) != '\0'; ++address)
      text += c;
    return text;
  }

  void addPointer(uint64_t address, uint64_t value) { pointers[address] = value; }

private:
  struct Segment {
    uint64_t address, sizeBytes, offset;
  };

  const uint8_t *bytes(uint64_t address, uint64_t count) const {
    for (const Segment &segment : segments)
      if (address >= segment.address && count <= segment.sizeBytes &&
          address - segment.address <= segment.sizeBytes - count) {
        uint64_t offset = segment.offset + (address - segment.address);
        if (offset <= file.getBufSize() && count <= file.getBufSize() - offset)
          return file.base() + offset;
      }
    fail("the model's descriptor is damaged");
  }

  const ELF64LEFile &file;
  const std::string &path;
  std::vector<Segment> segments;
  DenseMap<uint64_t, uint64_t> pointers;
};

/// Reads the relocations, the descriptor's address and the sizes of functions.
uint64_t readTables(const ELF64LEObjectFile &object, StringRef symbol, Image &image, Artefact &artefact) {
  const ELF64LEFile &file = object.getELFFile();
  auto sections = file.sections();
  if (!sections)
    image.fail(toString(sections.takeError()));
  for (const auto &section : *sections) {
    if (section.sh_type != ELF::SHT_RELA)
      continue;
    auto relocations = file.relas(section);
    if (!relocations)
      image.fail(toString(relocations.takeError()));
    for (const auto &relocation : *relocations)
      if (relocation.getSymbol(false) == 0)
        image.addPointer(relocation.r_offset, static_cast<uint64_t>(relocation.r_addend));
  }
  uint64_t descriptor = 0;
  auto visit = [&](const ELFSymbolRef &entry) {
    Expected<StringRef> name = entry.getName();
    Expected<uint64_t> address = entry.getAddress();
    if (!name || !address) {
      consumeError(name.takeError());
      return consumeError(address.takeError());
    }
    if (*name == symbol)
      descriptor = *address;
    if (entry.getELFType() == ELF::STT_FUNC && entry.getSize() != 0)
      artefact.functionBytes[name->str()] = entry.getSize();
  };
  for (const ELFSymbolRef &entry : object.getDynamicSymbolIterators())
    visit(entry);
  for (const ELFSymbolRef &entry : object.symbols())
    visit(entry);
  if (descriptor == 0)
    image.fail(("no compiled model: it has no symbol '" + symbol + "'").str());
  return descriptor;
}

uint32_t checkedCount(const Image &image, uint32_t count) {
  if (count > maxEntries)
    image.fail("the model's descriptor is damaged");
  return count;
}

std::vector<std::string> readTexts(const Image &image, uint64_t address, uint32_t count) {
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < checkedCount(image, count); ++i)
    texts.push_back(image.readText(image.readPointer(address + i * sizeof(void *))));
  return texts;
}

std::vector<ArtefactTensor> readTensors(const Image &image, uint64_t address, uint32_t count,
                                        const std::vector<std::string> &symbols) {
  std::vector<ArtefactTensor> tensors;
  for (uint32_t i = 0; i < checkedCount(image, count); ++i, address += sizeof(tenon_tensor_spec)) {
    ArtefactTensor &tensor = tensors.emplace_back();
    auto at = [&](size_t offset) { return image.readPointer(address + offset); };
    tensor.name = image.readText(at(offsetof(tenon_tensor_spec, name)));
    tensor.dtype = image.read<uint32_t>(address + offsetof(tenon_tensor_spec, dtype));
    uint32_t rank = checkedCount(image, image.read<uint32_t>(address + offsetof(tenon_tensor_spec, rank)));
    uint64_t dims = rank ? at(offsetof(tenon_tensor_spec, dims)) : 0,
             indices = rank ? at(offsetof(tenon_tensor_spec, symbols)) : 0;
    for (uint32_t d = 0; d < rank; ++d) {
      tensor.dims.push_back(image.read<int64_t>(dims + d * sizeof(int64_t)));
      int32_t index = image.read<int32_t>(indices + d * sizeof(int32_t));
      tensor.symbols.push_back(index >= 0 && static_cast<size_t>(index) < symbols.size() ? symbols[index] : "");
    }
  }
  return tensors;
}

void readDescriptor(const Image &image, uint64_t base, Artefact &artefact) {
  auto number = [&](size_t offset) { return image.read<uint32_t>(base + offset); };
  auto pointer = [&](size_t offset) { return image.readPointer(base + offset); };
  artefact.abiVersion = number(offsetof(tenon_model, abi_version));
  if (artefact.abiVersion != TENON_ABI_VERSION)
    image.fail("compiled for version " + std::to_string(artefact.abiVersion) + " of the model ABI, but version " +
               std::to_string(TENON_ABI_VERSION) + " is expected");
  if (uint32_t size = number(offsetof(tenon_model, size_bytes)); size != sizeof(tenon_model))
    image.fail("the model's descriptor has " + std::to_string(size) + " bytes, but " +
               std::to_string(sizeof(tenon_model)) + " are expected");
  artefact.name = image.readText(pointer(offsetof(tenon_model, name)));
  artefact.producer = image.readText(pointer(offsetof(tenon_model, producer)));
  artefact.triple = image.readText(pointer(offsetof(tenon_model, triple)));
  artefact.cpu = image.readText(pointer(offsetof(tenon_model, cpu)));
  artefact.features =
      readTexts(image, pointer(offsetof(tenon_model, features)), number(offsetof(tenon_model, num_features)));
  std::vector<std::string> symbols =
      readTexts(image, pointer(offsetof(tenon_model, symbols)), number(offsetof(tenon_model, num_symbols)));
  artefact.inputs =
      readTensors(image, pointer(offsetof(tenon_model, inputs)), number(offsetof(tenon_model, num_inputs)), symbols);
  artefact.outputs =
      readTensors(image, pointer(offsetof(tenon_model, outputs)), number(offsetof(tenon_model, num_outputs)), symbols);
  uint64_t kernels = pointer(offsetof(tenon_model, kernels));
  for (uint32_t i = 0; i < checkedCount(image, number(offsetof(tenon_model, num_kernels))); ++i) {
    uint64_t entry = kernels + i * sizeof(tenon_kernel_info);
    artefact.kernels.push_back({image.readText(image.readPointer(entry + offsetof(tenon_kernel_info, name))),
                                image.readText(image.readPointer(entry + offsetof(tenon_kernel_info, nodes)))});
  }
  artefact.weightsBytes = image.read<uint64_t>(base + offsetof(tenon_model, weights_bytes));
  artefact.weightsFile = image.readText(pointer(offsetof(tenon_model, weights_file)));
  artefact.manifest = image.readText(pointer(offsetof(tenon_model, manifest)));
}

} // namespace

Artefact readArtefact(const std::string &path, const std::string &symbol) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(path, false, false);
  if (!buffer)
    throw InputError(path + ": " + buffer.getError().message());
  Expected<std::unique_ptr<ObjectFile>> object = ObjectFile::createObjectFile((*buffer)->getMemBufferRef());
  if (!object)
    throw InputError(path + ": " + toString(object.takeError()));
  auto *elf = dyn_cast<ELF64LEObjectFile>(object->get());
  if (!elf)
    throw InputError(path + ": not a little-endian ELF64 library");
  Artefact artefact;
  artefact.fileBytes = (*buffer)->getBufferSize();
  Image image(elf->getELFFile(), path);
  readDescriptor(image, readTables(*elf, symbol, image, artefact), artefact);
  return artefact;
}

} // namespace tenon::cli
