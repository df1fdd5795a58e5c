//===- SumOverThreads.h - a rate that several threads reach together -----------------------===//

#ifndef TENON_TOOLS_TENON_SUMOVERTHREADS_H
#define TENON_TOOLS_TENON_SUMOVERTHREADS_H

#include <algorithm>
#include <thread>
#include <vector>

namespace tenon::cli {

/// Runs `measureOne`, which returns a rate, on `threads` threads at the same time and adds the rates up.
template <typename Measure> double sumOverThreads(unsigned threads, Measure measureOne) {
  std::vector<double> rates(std::max(threads, 1u));
  std::vector<std::thread> others;
  for (size_t i = 1; i < rates.size(); ++i)
    others.emplace_back([&, i] { rates[i] = measureOne(); });
  rates[0] = measureOne();
  double sum = 0;
  for (std::thread &other : others)
    other.join();
  for (double rate : rates)
    sum += rate;
  return sum;
}

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_SUMOVERTHREADS_H
