//===- FmaPeak.cpp - what this machine's multiply-add units give ---------------------------===//
//
// Twelve independent chains: enough to hide a latency of 4 to 5 cycles with two units (Agner Fog's tables), few enough
// for sixteen vector registers.
//
//===---------------------------------------------------------------------------------------===//

#include "tools/tenon/FmaPeak.h"
#include "tools/tenon/SumOverThreads.h"
#include <algorithm>
#include <chrono>
#include <cstdint>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace tenon::cli {

namespace {

constexpr int numChains = 12;
constexpr int64_t stepsPerCall = 20000;

/// One kind of vector: floating-point operations of a call of `run`.
struct Kernel {
  int64_t flops;
  float (*run)();
};

#if defined(__x86_64__)
__attribute__((target("avx512f"))) float runAvx512() {
  __m512 chains[numChains], factor = _mm512_set1_ps(0.999f), addend = _mm512_set1_ps(0.001f);
  for (__m512 &chain : chains)
    chain = addend;
  for (int64_t step = 0; step < stepsPerCall; ++step) {
#pragma clang loop unroll(full)
    for (int i = 0; i < numChains; ++i) {
      chains[i] = _mm512_fmadd_ps(chains[i], factor, addend);
      asm volatile("" : "+v"(chains[i]));
    }
  }
  float sum = 0;
  for (__m512 chain : chains)
    sum += _mm512_reduce_add_ps(chain);
  return sum;
}

__attribute__((target("avx2,fma"))) float runAvx2() {
  __m256 chains[numChains], factor = _mm256_set1_ps(0.999f), addend = _mm256_set1_ps(0.001f);
  for (__m256 &chain : chains)
    chain = addend;
  for (int64_t step = 0; step < stepsPerCall; ++step) {
#pragma clang loop unroll(full)
    for (int i = 0; i < numChains; ++i) {
      chains[i] = _mm256_fmadd_ps(chains[i], factor, addend);
      asm volatile("" : "+x"(chains[i]));
    }
  }
  __m256 sum = _mm256_setzero_ps();
  for (__m256 chain : chains)
    sum = _mm256_add_ps(sum, chain);
  return _mm256_cvtss_f32(sum);
}

float runSse() {
  __m128 chains[numChains], factor = _mm_set1_ps(0.999f), addend = _mm_set1_ps(0.001f);
  for (__m128 &chain : chains)
    chain = addend;
  for (int64_t step = 0; step < stepsPerCall; ++step) {
#pragma clang loop unroll(full)
    for (int i = 0; i < numChains; ++i) {
      chains[i] = _mm_add_ps(_mm_mul_ps(chains[i], factor), addend);
      asm volatile("" : "+x"(chains[i]));
    }
  }
  __m128 sum = _mm_setzero_ps();
  for (__m128 chain : chains)
    sum = _mm_add_ps(sum, chain);
  return _mm_cvtss_f32(sum);
}

Kernel widestKernel() {
  if (__builtin_cpu_supports("avx512f"))
    return {stepsPerCall * numChains * 16 * 2, runAvx512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {stepsPerCall * numChains * 8 * 2, runAvx2};
  return {stepsPerCall * numChains * 4 * 2, runSse};
}
#elif defined(__aarch64__)
float runNeon() {
  float32x4_t chains[numChains], factor = vdupq_n_f32(0.999f), addend = vdupq_n_f32(0.001f);
  for (float32x4_t &chain : chains)
    chain = addend;
  for (int64_t step = 0; step < stepsPerCall; ++step) {
#pragma clang loop unroll(full)
    for (int i = 0; i < numChains; ++i) {
      chains[i] = vfmaq_f32(addend, chains[i], factor);
      asm volatile("" : "+w"(chains[i]));
    }
  }
  float32x4_t sum = vdupq_n_f32(0);
  for (float32x4_t chain : chains)
    sum = vaddq_f32(sum, chain);
  return vaddvq_f32(sum);
}

Kernel widestKernel() { return {stepsPerCall * numChains * 4 * 2, runNeon}; }
#endif

FmaRates measureOneThread(const Kernel &kernel) {
  using Clock = std::chrono::steady_clock;
  auto rate = [](double flops, Clock::duration elapsed) {
    return flops / std::chrono::duration<double, std::nano>(elapsed).count();
  };
  volatile float sink = 0;
  FmaRates rates{0, 0};
  double flops = 0;
  Clock::time_point begin = Clock::now(), start = begin;
  while (start - begin < std::chrono::milliseconds(100)) {
    sink = sink + kernel.run();
    Clock::time_point end = Clock::now();
    // Interruptions only make a call slower.
    rates.peak = std::max(rates.peak, rate(kernel.flops, end - start));
    flops += kernel.flops;
    start = end;
  }
  rates.sustained = rate(flops, start - begin);
  return rates;
}

} // namespace

FmaRates measureFmaRates(unsigned threads) {
  Kernel kernel = widestKernel();
  return sumOverThreads(threads, [&] { return measureOneThread(kernel); });
}

} // namespace tenon::cli
