//===- WriteWeights.cpp - the weights as an object or as a file ----------------------------===//
//
// The object is written by hand because LLVM's writers want all bytes in memory first. It is the smallest that linkers
// take:
//
//   header | weights | symbol table | names of symbols | names of sections | section headers
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Emit/WriteWeights.h"
#include "compiler/Support/ReleasePages.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFTypes.h"

using namespace llvm;

namespace tenon::emit {

namespace {

using Elf = object::ELF64LE;

constexpr uint64_t fnvOffset = 0xcbf29ce484222325, fnvPrime = 0x100000001b3;

uint64_t extendHash(uint64_t hash, ArrayRef<char> bytes) {
  for (char byte : bytes)
    hash = (hash ^ static_cast<unsigned char>(byte)) * fnvPrime;
  return hash;
}

/// A table of NUL-terminated names as ELF has them.
class NameTable {
public:
  uint32_t add(StringRef name) {
    uint32_t offset = bytes.size();
    bytes += name;
    bytes += '\0';
    return offset;
  }
  StringRef data() const { return bytes; }

private:
  std::string bytes = std::string(1, '\0');
};

template <typename T> void writeStruct(raw_ostream &os, const T &value) {
  os.write(reinterpret_cast<const char *>(&value), sizeof(value));
}

typename Elf::Ehdr elfHeader(uint16_t machine, uint32_t flags, uint64_t sectionTable, uint16_t numSections) {
  typename Elf::Ehdr header = {};
  llvm::copy(StringRef(ELF::ElfMagic, 4), header.e_ident);
  header.e_ident[ELF::EI_CLASS] = ELF::ELFCLASS64;
  header.e_ident[ELF::EI_DATA] = ELF::ELFDATA2LSB;
  header.e_ident[ELF::EI_VERSION] = ELF::EV_CURRENT;
  header.e_type = ELF::ET_REL;
  header.e_machine = machine;
  header.e_version = ELF::EV_CURRENT;
  header.e_shoff = sectionTable;
  header.e_flags = flags;
  header.e_ehsize = sizeof(typename Elf::Ehdr);
  header.e_shentsize = sizeof(typename Elf::Shdr);
  header.e_shnum = numSections;
  header.e_shstrndx = numSections - 1;
  return header;
}

} // namespace

Expected<uint64_t> writeWeights(ArrayRef<Weight> weights, raw_ostream &os, bool hashed) {
  uint64_t hash = hashed ? fnvOffset : 0;
  int64_t position = 0;
  auto put = [&](ArrayRef<char> bytes) {
    os.write(bytes.data(), bytes.size());
    if (hashed)
      hash = extendHash(hash, bytes);
    position += bytes.size();
    releasePages(bytes);
  };
  auto padTo = [&](int64_t offset) {
    static constexpr char zeros[4096] = {};
    while (position < offset)
      put(ArrayRef(zeros, std::min<int64_t>(sizeof(zeros), offset - position)));
  };
  for (const Weight &weight : weights) {
    padTo(weight.offset);
    if (failed(readWeight(weight.value, put)))
      return createStringError("the bytes of the weight at offset %lld are missing or not as many as its type says",
                               static_cast<long long>(weight.offset));
  }
  padTo(weightSectionBytes(weights));
  return hash;
}

Error writeWeightObject(ArrayRef<Weight> weights, StringRef symbol, uint16_t elfMachine, uint32_t elfFlags,
                        raw_ostream &os) {
  bool large = elfMachine == ELF::EM_X86_64;
  uint64_t sizeBytes = weightSectionBytes(weights);
  NameTable symbolNames, sectionNames;

  typename Elf::Sym symbols[2] = {};
  symbols[1].st_name = symbolNames.add(symbol);
  symbols[1].setBindingAndType(ELF::STB_GLOBAL, ELF::STT_OBJECT);
  symbols[1].st_other = ELF::STV_HIDDEN;
  symbols[1].st_shndx = 1;
  symbols[1].st_size = sizeBytes;

  // Null, weights, stack note, symbol table, symbol names, section names.
  constexpr unsigned numSections = 6, symbolNamesIndex = 4;
  typename Elf::Shdr sections[numSections] = {};
  uint64_t offset = weightAlignment;
  auto place = [&](unsigned index, StringRef name, uint32_t type, uint64_t flags, uint64_t size, uint64_t alignment) {
    typename Elf::Shdr &section = sections[index];
    section.sh_name = sectionNames.add(name);
    section.sh_type = type;
    section.sh_flags = flags;
    section.sh_offset = offset;
    section.sh_size = size;
    section.sh_addralign = alignment;
    offset += size;
  };
  place(1, large ? ".lrodata.tenon" : ".rodata.tenon", ELF::SHT_PROGBITS,
        ELF::SHF_ALLOC | (large ? uint64_t(ELF::SHF_X86_64_LARGE) : 0), sizeBytes, weightAlignment);
  place(2, ".note.GNU-stack", ELF::SHT_PROGBITS, 0, 0, 1);
  place(3, ".symtab", ELF::SHT_SYMTAB, 0, sizeof(symbols), alignof(uint64_t));
  sections[3].sh_link = symbolNamesIndex;
  sections[3].sh_info = 1; // the first symbol that is not local
  sections[3].sh_entsize = sizeof(typename Elf::Sym);
  place(symbolNamesIndex, ".strtab", ELF::SHT_STRTAB, 0, symbolNames.data().size(), 1);
  uint32_t ownName = sectionNames.add(".shstrtab");
  place(5, "", ELF::SHT_STRTAB, 0, 0, 1);
  sections[5].sh_name = ownName;
  sections[5].sh_size = sectionNames.data().size();
  offset += sectionNames.data().size();
  uint64_t sectionTable = alignTo(offset, alignof(uint64_t));

  writeStruct(os, elfHeader(elfMachine, elfFlags, sectionTable, numSections));
  static_assert(sizeof(typename Elf::Ehdr) == weightAlignment, "the weights follow the header, aligned");
  Expected<uint64_t> written = writeWeights(weights, os, /*hashed=*/false);
  if (!written)
    return written.takeError();
  writeStruct(os, symbols);
  os << symbolNames.data() << sectionNames.data();
  os.write_zeros(sectionTable - offset);
  writeStruct(os, sections);
  return Error::success();
}

} // namespace tenon::emit
