//===- MemoryPeak.cpp - what this machine's memory gives -----------------------------------===//

#include "tools/tenon/MemoryPeak.h"
#include "tools/tenon/SumOverThreads.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <unistd.h>
#include <vector>

namespace tenon::cli {

namespace {

/// More than all caches hold, within bounds.
size_t wordsToRead() {
  int64_t cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  int64_t bytes = std::clamp<int64_t>(4 * cache, int64_t(64) << 20, int64_t(256) << 20);
  return static_cast<size_t>(bytes) / sizeof(uint64_t);
}

uint64_t sumOf(const std::vector<uint64_t> &words) {
  uint64_t sums[32] = {};
  for (size_t i = 0; i + 32 <= words.size(); i += 32)
    for (size_t k = 0; k < 32; ++k)
      sums[k] += words[i + k];
  uint64_t sum = 0;
  for (uint64_t part : sums)
    sum += part;
  return sum;
}

/// The best rate of several passes, in bytes per nanosecond.
double measureOneThread(size_t count) {
  using Clock = std::chrono::steady_clock;
  std::vector<uint64_t> words(count, 1);
  volatile uint64_t sink = 0;
  double best = 0;
  Clock::time_point end = Clock::now() + std::chrono::milliseconds(100);
  for (int pass = 0; pass < 3 || Clock::now() < end; ++pass) {
    Clock::time_point start = Clock::now();
    sink = sink + sumOf(words);
    std::chrono::duration<double, std::nano> elapsed = Clock::now() - start;
    best = std::max(best, static_cast<double>(count * sizeof(uint64_t)) / elapsed.count());
  }
  return best;
}

} // namespace

double measureMemoryPeak(unsigned threads) {
  size_t count = wordsToRead() / std::max(threads, 1u);
  return sumOverThreads(threads, [&] { return measureOneThread(count); });
}

} // namespace tenon::cli
