// The thread pool of the process, shared by all modules and sessions.
//
// What it expects: poolJoin before and poolLeave after the life of every session with more than one thread.
// What it guarantees:
//   - A phase is split statically: thread p of P computes tasks [p*T/P, (p+1)*T/P). The calling thread takes part.
//   - One session at a time has the pool, for one phase. Another that finds it taken runs its phase alone on its own
//   thread
//     and does not wait: it has a thread, and results do not depend on the split.
//   - Small work stays on the calling thread.
//   - No allocation in runPhase, except after fork(): the child has no workers and starts new ones when it needs them.
//   - Workers end when the last session has left, so that a library that contains the runtime can be unloaded.
#ifndef TENON_RUNTIME_POOL_H
#define TENON_RUNTIME_POOL_H

#include "tenon/model_abi.h"

#include <stddef.h>

namespace tenon::runtime {

/// One phase: `run` over parts of [0, tasks), with the private memory of thread p at scratch + p * scratchStride. Which
/// parts a thread gets, and how many, is not said.
struct Phase {
  tenon_task_fn run;
  const int64_t *args;
  int64_t tasks;
  int64_t work_ns; // estimate for one thread
  char *scratch;
  size_t scratchStride;
};

/// How many processors this process may use.
uint32_t availableProcessors();

/// Announces a session with `threads` threads and starts the workers that are missing. False if they cannot be started.
bool poolJoin(uint32_t threads);
void poolLeave();

/// Runs the phase on up to `threads` threads. Returns the first status in task order that is not TENON_OK;
/// `threadsUsed` says how many threads took part.
int32_t runPhase(const Phase &phase, uint32_t threads, uint32_t &threadsUsed);

/// For tests: how many workers exist.
uint32_t poolWorkers();

} // namespace tenon::runtime

#endif // TENON_RUNTIME_POOL_H
