//===- MemoryPeak.h - what this machine's memory gives -------------------------------------===//

#ifndef TENON_TOOLS_TENON_MEMORYPEAK_H
#define TENON_TOOLS_TENON_MEMORYPEAK_H

namespace tenon::cli {

/// Gigabytes per second that `threads` threads together read in order from memory that no cache holds. Measured for
/// about a fifth of a second.
double measureMemoryPeak(unsigned threads);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_MEMORYPEAK_H
