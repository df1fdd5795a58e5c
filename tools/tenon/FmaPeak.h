//===- FmaPeak.h - what this machine's multiply-add units give -----------------------------===//

#ifndef TENON_TOOLS_TENON_FMAPEAK_H
#define TENON_TOOLS_TENON_FMAPEAK_H

namespace tenon::cli {

/// Gigaflops per second of f32 multiply-adds in registers.
struct FmaRates {
  double peak;      ///< of the best of many calls of some microseconds
  double sustained; ///< over a tenth of a second: clocks change, and a processor is taken away now and then
};

inline FmaRates operator+(const FmaRates &lhs, const FmaRates &rhs) {
  return {lhs.peak + rhs.peak, lhs.sustained + rhs.sustained};
}

/// What `threads` threads reach together, by the widest vectors that the host has. Measured for about a tenth of a
/// second.
FmaRates measureFmaRates(unsigned threads);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_FMAPEAK_H
