// x86-64: LLVM's feature names as bits of CPUID and XCR0.
//
// Bits: Intel Software Developer's Manual vol. 2A, CPUID; AMD64 Architecture Programmer's Manual vol. 3, appendix E.
// Names: llvm/lib/Target/X86/X86.td. Register states: SDM vol. 1, 13.3 (XCR0); AMX permission: Linux
// Documentation/arch/x86/xstate.rst.
#if defined(__x86_64__)

#include "runtime/Features.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tenon::runtime {

namespace {

enum Word : uint8_t {
  L1C,    // leaf 1 ecx
  L1D,    // leaf 1 edx
  L7B,    // leaf 7.0 ebx
  L7C,    // leaf 7.0 ecx
  L7D,    // leaf 7.0 edx
  L71A,   // leaf 7.1 eax
  L71D,   // leaf 7.1 edx
  LDA,    // leaf 0xd.1 eax
  L14B,   // leaf 0x14.0 ebx
  L19B,   // leaf 0x19 ebx
  E1C,    // leaf 0x80000001 ecx
  E1D,    // leaf 0x80000001 edx
  E8B,    // leaf 0x80000008 ebx
  XCR0,   // extended control register 0
  ALWAYS, // all ones: part of x86-64 itself
  NUM_WORDS
};
static_assert(NUM_WORDS <= kMaxFeatureWords);

enum Registers : uint8_t { NONE, YMM, ZMM, TILES };

constexpr uint64_t bit(unsigned n) { return uint64_t(1) << n; }

constexpr FeatureRow kRows[] = {
    {"64bit", ALWAYS, NONE, 1},
    {"x87", ALWAYS, NONE, 1},
    {"cmov", ALWAYS, NONE, 1},
    {"cx8", ALWAYS, NONE, 1},
    {"mmx", ALWAYS, NONE, 1},
    {"fxsr", ALWAYS, NONE, 1},
    {"sse", ALWAYS, NONE, 1},
    {"sse2", ALWAYS, NONE, 1},

    {"sse3", L1C, NONE, bit(0)},
    {"pclmul", L1C, NONE, bit(1)},
    {"ssse3", L1C, NONE, bit(9)},
    {"fma", L1C, YMM, bit(12)},
    {"cx16", L1C, NONE, bit(13)},
    {"sse4.1", L1C, NONE, bit(19)},
    {"sse4.2", L1C, NONE, bit(20)},
    {"crc32", L1C, NONE, bit(20)},
    {"movbe", L1C, NONE, bit(22)},
    {"popcnt", L1C, NONE, bit(23)},
    {"aes", L1C, NONE, bit(25)},
    {"xsave", L1C, NONE, bit(26) | bit(27)},
    {"avx", L1C, YMM, bit(28)},
    {"f16c", L1C, YMM, bit(29)},
    {"rdrnd", L1C, NONE, bit(30)},

    {"fsgsbase", L7B, NONE, bit(0)},
    {"bmi", L7B, NONE, bit(3)},
    {"avx2", L7B, YMM, bit(5)},
    {"bmi2", L7B, NONE, bit(8)},
    {"invpcid", L7B, NONE, bit(10)},
    {"rtm", L7B, NONE, bit(11)},
    {"avx512f", L7B, ZMM, bit(16)},
    {"avx512dq", L7B, ZMM, bit(17)},
    {"rdseed", L7B, NONE, bit(18)},
    {"adx", L7B, NONE, bit(19)},
    {"avx512ifma", L7B, ZMM, bit(21)},
    {"clflushopt", L7B, NONE, bit(23)},
    {"clwb", L7B, NONE, bit(24)},
    {"avx512cd", L7B, ZMM, bit(28)},
    {"sha", L7B, NONE, bit(29)},
    {"avx512bw", L7B, ZMM, bit(30)},
    {"avx512vl", L7B, ZMM, bit(31)},

    {"avx512vbmi", L7C, ZMM, bit(1)},
    {"pku", L7C, NONE, bit(4)},
    {"waitpkg", L7C, NONE, bit(5)},
    {"avx512vbmi2", L7C, ZMM, bit(6)},
    {"shstk", L7C, NONE, bit(7)},
    {"gfni", L7C, NONE, bit(8)},
    {"vaes", L7C, YMM, bit(9)},
    {"vpclmulqdq", L7C, YMM, bit(10)},
    {"avx512vnni", L7C, ZMM, bit(11)},
    {"avx512bitalg", L7C, ZMM, bit(12)},
    {"avx512vpopcntdq", L7C, ZMM, bit(14)},
    {"rdpid", L7C, NONE, bit(22)},
    {"kl", L7C, NONE, bit(23)},
    {"cldemote", L7C, NONE, bit(25)},
    {"movdiri", L7C, NONE, bit(27)},
    {"movdir64b", L7C, NONE, bit(28)},
    {"enqcmd", L7C, NONE, bit(29)},

    {"uintr", L7D, NONE, bit(5)},
    {"avx512vp2intersect", L7D, ZMM, bit(8)},
    {"serialize", L7D, NONE, bit(14)},
    {"tsxldtrk", L7D, NONE, bit(16)},
    {"pconfig", L7D, NONE, bit(18)},
    {"amx-bf16", L7D, TILES, bit(22)},
    {"avx512fp16", L7D, ZMM, bit(23)},
    {"amx-tile", L7D, TILES, bit(24)},
    {"amx-int8", L7D, TILES, bit(25)},

    {"sha512", L71A, YMM, bit(0)},
    {"sm3", L71A, YMM, bit(1)},
    {"sm4", L71A, YMM, bit(2)},
    {"raoint", L71A, NONE, bit(3)},
    {"avxvnni", L71A, YMM, bit(4)},
    {"avx512bf16", L71A, ZMM, bit(5)},
    {"cmpccxadd", L71A, NONE, bit(7)},
    {"amx-fp16", L71A, TILES, bit(21)},
    {"hreset", L71A, NONE, bit(22)},
    {"avxifma", L71A, YMM, bit(23)},

    {"avxvnniint8", L71D, YMM, bit(4)},
    {"avxneconvert", L71D, YMM, bit(5)},
    {"amx-complex", L71D, TILES, bit(8)},
    {"avxvnniint16", L71D, YMM, bit(10)},
    {"prefetchi", L71D, NONE, bit(14)},
    {"usermsr", L71D, NONE, bit(15)},

    {"xsaveopt", LDA, NONE, bit(0)},
    {"xsavec", LDA, NONE, bit(1)},
    {"xsaves", LDA, NONE, bit(3)},
    {"ptwrite", L14B, NONE, bit(4)},
    {"widekl", L19B, NONE, bit(2)},

    {"sahf", E1C, NONE, bit(0)},
    {"lzcnt", E1C, NONE, bit(5)},
    {"sse4a", E1C, NONE, bit(6)},
    {"prfchw", E1C, NONE, bit(8)},
    {"xop", E1C, YMM, bit(11)},
    {"lwp", E1C, NONE, bit(15)},
    {"fma4", E1C, YMM, bit(16)},
    {"tbm", E1C, NONE, bit(21)},
    {"mwaitx", E1C, NONE, bit(29)},
    {"clzero", E8B, NONE, bit(0)},
    {"rdpru", E8B, NONE, bit(4)},
    {"wbnoinvd", E8B, NONE, bit(9)},
};

void read(uint64_t *words) {
  auto leaf = [](uint32_t number, uint32_t subleaf, uint32_t (&registers)[4]) {
    registers[0] = registers[1] = registers[2] = registers[3] = 0;
    __get_cpuid_count(number, subleaf, &registers[0], &registers[1], &registers[2], &registers[3]);
  };
  uint32_t r[4]; // eax, ebx, ecx, edx
  leaf(1, 0, r);
  words[L1C] = r[2];
  words[L1D] = r[3];
  leaf(7, 0, r);
  uint32_t lastSubleaf = r[0];
  words[L7B] = r[1];
  words[L7C] = r[2];
  words[L7D] = r[3];
  if (lastSubleaf >= 1) {
    leaf(7, 1, r);
    words[L71A] = r[0];
    words[L71D] = r[3];
  }
  leaf(0xd, 1, r);
  words[LDA] = r[0];
  leaf(0x14, 0, r);
  words[L14B] = r[1];
  leaf(0x19, 0, r);
  words[L19B] = r[1];
  leaf(0x80000001, 0, r);
  words[E1C] = r[2];
  words[E1D] = r[3];
  leaf(0x80000008, 0, r);
  words[E8B] = r[1];
  words[ALWAYS] = ~uint64_t(0);
  // XGETBV exists when the operating system has set OSXSAVE.
  if (words[L1C] & bit(27)) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    words[XCR0] = uint64_t(high) << 32 | low;
  }
}

bool registersEnabled(uint8_t registers, const uint64_t *words) {
  constexpr uint64_t ymm = bit(1) | bit(2);                // SSE and AVX state
  constexpr uint64_t zmm = ymm | bit(5) | bit(6) | bit(7); // opmask, upper halves, zmm16 to 31
  constexpr uint64_t tiles = bit(17) | bit(18);            // TILECFG and TILEDATA
  switch (registers) {
  case YMM:
    return (words[XCR0] & ymm) == ymm;
  case ZMM:
    return (words[XCR0] & zmm) == zmm;
  default: {
    if ((words[XCR0] & tiles) != tiles)
      return false;
    // Linux hands out the tile registers on request only: ARCH_REQ_XCOMP_PERM for state component 18.
    constexpr long requestPermission = 0x1023;
    constexpr long tileData = 18;
    return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
  }
  }
}

// The levels of the x86-64 psABI, as LLVM has them.
const char *bestCpu(bool (*has)(const char *)) {
  struct Level {
    const char *cpu;
    const char *needs[9];
  };
  constexpr Level levels[] = {
      {"x86-64-v2", {"cx16", "popcnt", "sahf", "sse3", "sse4.1", "sse4.2", "ssse3"}},
      {"x86-64-v3", {"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"}},
      {"x86-64-v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}},
  };
  const char *best = "x86-64";
  for (const Level &level : levels) {
    for (const char *feature : level.needs)
      if (feature && !has(feature))
        return best;
    best = level.cpu;
  }
  return best;
}

constexpr FeatureTable kTable = {kRows, sizeof kRows / sizeof kRows[0], read, registersEnabled, bestCpu, "x86_64"};

} // namespace

const FeatureTable &hostFeatureTable() { return kTable; }

} // namespace tenon::runtime

#endif // __x86_64__
