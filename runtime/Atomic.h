// Atomic integers and the spin-loop hint, without the C++ library.
//
// What it expects: 4- or 8-byte integers on a processor with native atomics for them.
// What it guarantees: the C++ memory model's meaning of each order, understood by ThreadSanitizer.
#ifndef TENON_RUNTIME_ATOMIC_H
#define TENON_RUNTIME_ATOMIC_H

namespace tenon::runtime {

/// An integer that threads share. Plain reads and writes do not exist, so that every access says its order.
template <typename T> class Atomic {
public:
  constexpr Atomic(T initial = T()) : value(initial) {}
  Atomic(const Atomic &) = delete;
  Atomic &operator=(const Atomic &) = delete;

  T loadRelaxed() const { return __atomic_load_n(&value, __ATOMIC_RELAXED); }
  T loadAcquire() const { return __atomic_load_n(&value, __ATOMIC_ACQUIRE); }
  /// Sequentially consistent: for the store-then-load handshakes of Pool.cpp.
  T load() const { return __atomic_load_n(&value, __ATOMIC_SEQ_CST); }
  void storeRelaxed(T desired) { __atomic_store_n(&value, desired, __ATOMIC_RELAXED); }
  void storeRelease(T desired) { __atomic_store_n(&value, desired, __ATOMIC_RELEASE); }
  void store(T desired) { __atomic_store_n(&value, desired, __ATOMIC_SEQ_CST); }

  /// Both return the value before.
  T fetchAdd(T amount) { return __atomic_fetch_add(&value, amount, __ATOMIC_SEQ_CST); }
  T fetchSub(T amount) { return __atomic_fetch_sub(&value, amount, __ATOMIC_SEQ_CST); }

  /// Stores `desired` if the value is `expected`; says whether it did.
  bool compareExchange(T expected, T desired) {
    return __atomic_compare_exchange_n(&value, &expected, desired, /*weak=*/false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  }

  /// The address the kernel's futex call needs.
  T *address() { return &value; }

private:
  T value;
};

/// Tells the processor that this is a spin loop: saves power and leaves the other hardware thread its share.
inline void relaxCpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

} // namespace tenon::runtime

#endif // TENON_RUNTIME_ATOMIC_H
