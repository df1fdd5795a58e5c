//===- SumOverThreads.h - a rate that several threads reach together -----------------------===//

#ifndef TENON_TOOLS_TENON_SUMOVERTHREADS_H
#define TENON_TOOLS_TENON_SUMOVERTHREADS_H

#include <algorithm>
#include <numeric>
#include <thread>
#include <vector>

namespace tenon::cli {

/// Runs `measureOne`, which returns a rate or several, on `threads` threads at the same time and adds the rates up.
template <typename Measure> auto sumOverThreads(unsigned threads, Measure measureOne) {
  std::vector<decltype(measureOne())> rates(std::max(threads, 1u));
  std::vector<std::thread> others;
  for (size_t i = 1; i < rates.size(); ++i)
    others.emplace_back([&, i] { rates[i] = measureOne(); });
  rates[0] = measureOne();
  for (std::thread &other : others)
    other.join();
  return std::accumulate(rates.begin() + 1, rates.end(), rates.front());
}

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_SUMOVERTHREADS_H
