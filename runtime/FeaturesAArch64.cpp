// AArch64 Linux: LLVM's feature names as bits of AT_HWCAP and AT_HWCAP2.
//
// Bits: Linux arch/arm64/include/uapi/asm/hwcap.h, written here as numbers because older headers lack the newer ones.
// Names: llvm/lib/Target/AArch64/AArch64Features.td. The kernel reports a feature only if user code may use its
// registers.
#if defined(__aarch64__)

#include "runtime/Features.h"

#include <sys/auxv.h>

namespace tenon::runtime {

namespace {

enum Word : uint8_t { HWCAP, HWCAP2, ALWAYS };

constexpr uint64_t bit(unsigned n) { return uint64_t(1) << n; }

constexpr FeatureRow kRows[] = {
    {"v8a", ALWAYS, 0, 1},
    {"outline-atomics", ALWAYS, 0, 1},
    // For kernels and debuggers: compiled models have no such instructions.
    {"perfmon", ALWAYS, 0, 1},
    {"ras", ALWAYS, 0, 1},
    {"lor", ALWAYS, 0, 1},
    {"pan", ALWAYS, 0, 1},
    {"pan-rwv", ALWAYS, 0, 1},
    {"vh", ALWAYS, 0, 1},
    {"spe", ALWAYS, 0, 1},
    {"ccidx", ALWAYS, 0, 1},
    {"uaops", ALWAYS, 0, 1},
    {"el2vmsa", ALWAYS, 0, 1},
    {"el3", ALWAYS, 0, 1},

    {"fp-armv8", HWCAP, 0, bit(0)},
    {"neon", HWCAP, 0, bit(1)},
    {"aes", HWCAP, 0, bit(3) | bit(4)},
    {"sha2", HWCAP, 0, bit(5) | bit(6)},
    {"crc", HWCAP, 0, bit(7)},
    {"lse", HWCAP, 0, bit(8)},
    {"fullfp16", HWCAP, 0, bit(9) | bit(10)},
    {"rdm", HWCAP, 0, bit(12)},
    {"jsconv", HWCAP, 0, bit(13)},
    {"complxnum", HWCAP, 0, bit(14)},
    {"rcpc", HWCAP, 0, bit(15)},
    {"ccpp", HWCAP, 0, bit(16)},
    {"sha3", HWCAP, 0, bit(17) | bit(21)},
    {"sm4", HWCAP, 0, bit(18) | bit(19)},
    {"dotprod", HWCAP, 0, bit(20)},
    {"sve", HWCAP, 0, bit(22)},
    {"fp16fml", HWCAP, 0, bit(23)},
    {"dit", HWCAP, 0, bit(24)},
    {"lse2", HWCAP, 0, bit(25)},
    {"rcpc-immo", HWCAP, 0, bit(26)},
    {"flagm", HWCAP, 0, bit(27)},
    {"ssbs", HWCAP, 0, bit(28)},
    {"sb", HWCAP, 0, bit(29)},
    {"pauth", HWCAP, 0, bit(30) | bit(31)},

    {"ccdp", HWCAP2, 0, bit(0)},
    {"sve2", HWCAP2, 0, bit(1)},
    {"sve-aes", HWCAP2, 0, bit(2) | bit(3)},
    {"sve2-aes", HWCAP2, 0, bit(2) | bit(3)},
    {"sve-bitperm", HWCAP2, 0, bit(4)},
    {"sve2-bitperm", HWCAP2, 0, bit(4)},
    {"sve-sha3", HWCAP2, 0, bit(5)},
    {"sve2-sha3", HWCAP2, 0, bit(5)},
    {"sve-sm4", HWCAP2, 0, bit(6)},
    {"sve2-sm4", HWCAP2, 0, bit(6)},
    {"altnzcv", HWCAP2, 0, bit(7)},
    {"fptoint", HWCAP2, 0, bit(8)},
    {"f32mm", HWCAP2, 0, bit(10)},
    {"f64mm", HWCAP2, 0, bit(11)},
    {"i8mm", HWCAP2, 0, bit(13)},
    {"bf16", HWCAP2, 0, bit(14)},
    {"rand", HWCAP2, 0, bit(16)},
    {"bti", HWCAP2, 0, bit(17)},
    {"mte", HWCAP2, 0, bit(18)},
    {"sme", HWCAP2, 0, bit(23)},
    {"sme-i16i64", HWCAP2, 0, bit(24)},
    {"sme-f64f64", HWCAP2, 0, bit(25)},
    {"wfxt", HWCAP2, 0, bit(31)},
    {"cssc", HWCAP2, 0, bit(34)},
    {"sve2p1", HWCAP2, 0, bit(36)},
    {"sme2", HWCAP2, 0, bit(37)},
    {"mops", HWCAP2, 0, bit(43)},
};

void read(uint64_t *words) {
  words[HWCAP] = getauxval(AT_HWCAP);
  words[HWCAP2] = getauxval(AT_HWCAP2);
  words[ALWAYS] = ~uint64_t(0);
}

// No row names registers: the kernel's bits stand for instructions and registers together.
bool registersEnabled(uint8_t, const uint64_t *) { return true; }

const char *bestCpu(bool (*)(const char *)) { return "generic"; }

constexpr FeatureTable kTable = {kRows, sizeof kRows / sizeof kRows[0], read, registersEnabled, bestCpu, "aarch64"};

} // namespace

const FeatureTable &hostFeatureTable() { return kTable; }

} // namespace tenon::runtime

#endif // __aarch64__
