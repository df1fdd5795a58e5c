//===- FmaPeak.h - what this machine's multiply-add units give -----------------------------===//

#ifndef TENON_TOOLS_TENON_FMAPEAK_H
#define TENON_TOOLS_TENON_FMAPEAK_H

namespace tenon::cli {

/// Gigaflops per second of f32 multiply-adds in registers, `threads` threads together, by the widest vectors that the
/// host has. Measured for about a tenth of a second.
double measureFmaPeak(unsigned threads);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_FMAPEAK_H
