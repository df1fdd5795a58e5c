// The thread pool of the process; see Pool.h.
//
// A worker waits for its ticket to change, runs its part of the phase, and counts down `pending`; the caller waits for
// `pending` to be 0. Both wait in two steps: they spin for as long as a wake-up would cost, then sleep in the kernel
// (futex). Sleeping needs a handshake: the waiter says that it sleeps and then looks at the value once more; the other
// side changes the value and then looks whether anyone sleeps. All four are sequentially consistent, so at least one
// side sees the other.
#include "runtime/Pool.h"

#include "runtime/Atomic.h"
#include "tenon/tenon.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace tenon::runtime {

namespace {

// From the wake-up of a sleeping worker until its part is done and seen: 20 to 45 us on a virtual machine with two
// processors. Measured: docs/embedding.md, "Threads".
constexpr int64_t kWake_ns = 30'000;

// Spinning for as long as a wake-up takes costs at most twice the optimum (Karlin et al., Competitive randomized
// algorithms for non-uniform problems, 1990). Twice as long, so that a caller is still there when a worker it has woken
// comes.
constexpr int64_t kSpin_ns = 2 * kWake_ns;

// Spinning threads let others run after this time: a phase of balanced parts is over by then.
constexpr int64_t kYield_ns = 10'000;

// Starting and ending a phase on spinning workers takes 0.15 to 0.65 us: at most a tenth of a part of this size.
// Measured: docs/embedding.md, "Threads".
constexpr int64_t kMinPart_ns = 5'000;

// What the phase under way looks like to all of its threads.
struct Job {
  Phase phase;
  int64_t quotient;  // tasks per part
  int64_t remainder; // the first `remainder` parts have one task more
};

// Two cache lines: processors fetch lines in pairs.
struct alignas(128) Worker {
  // Grows by 2 for each part of a phase. Odd: the worker is to come out of sleep and spin; it makes it even again.
  Atomic<uint32_t> ticket;
  Atomic<uint32_t> sleeping;
  int32_t status; // written by the worker, read by the caller after `pending` is 0
  pthread_t thread;
};

struct Pool {
  // The thread that holds this may start a phase and change `workers`.
  alignas(128) Atomic<uint32_t> taken;
  Atomic<uint32_t> stopping;
  uint32_t workers = 0;
  Atomic<int64_t> spin_ns;
  Job job;
  alignas(128) Atomic<uint32_t> pending;
  Atomic<uint32_t> callerSleeping;
  Worker worker[TENON_MAX_THREADS - 1];
};

Pool pool;

// Guards joining and leaving, which are rare.
pthread_mutex_t lifecycle = PTHREAD_MUTEX_INITIALIZER;
uint32_t numSessions = 0;
bool forkHandlerSet = false;

int64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void futexWait(Atomic<uint32_t> &word, uint32_t seen) {
  syscall(SYS_futex, word.address(), FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
}

void futexWakeOne(Atomic<uint32_t> &word) {
  syscall(SYS_futex, word.address(), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

/// Waits until `done(word)`; spins first. `sleeping` tells the other side to wake us.
template <typename Done> void waitFor(Atomic<uint32_t> &word, Atomic<uint32_t> &sleeping, int64_t spin_ns, Done done) {
  if (done(word.loadAcquire()))
    return;
  int64_t start = now_ns();
  for (int64_t waited = 0; waited < spin_ns; waited = now_ns() - start) {
    // The clock takes about as long as 32 rounds.
    for (int round = 0; round < 32; ++round) {
      if (done(word.loadAcquire()))
        return;
      relaxCpu();
    }
    // When other programs are busy, the thread that is waited for may stand in line behind this one.
    if (waited > kYield_ns)
      sched_yield();
  }
  sleeping.store(1);
  for (uint32_t seen = word.load(); !done(seen); seen = word.load())
    futexWait(word, seen);
  sleeping.storeRelaxed(0);
}

int32_t runPart(const Job &job, uint32_t part) {
  int64_t extra = part < job.remainder ? part : job.remainder;
  int64_t begin = part * job.quotient + extra;
  int64_t end = begin + job.quotient + (part < job.remainder ? 1 : 0);
  return job.phase.run(job.phase.args, begin, end, job.phase.scratch + part * job.phase.scratchStride);
}

void *workerMain(void *argument) {
  auto &self = *static_cast<Worker *>(argument);
  auto part = static_cast<uint32_t>(&self - pool.worker) + 1;
  // A worker starts with ticket 0; a dispatch may have come before its first look.
  for (uint32_t seen = 0;;) {
    waitFor(self.ticket, self.sleeping, pool.spin_ns.loadRelaxed(), [&](uint32_t ticket) { return ticket != seen; });
    uint32_t ticket = self.ticket.loadAcquire();
    if (pool.stopping.loadAcquire())
      return nullptr;
    // When a part has come in between, the exchange fails and the next round finds it.
    if (ticket % 2 != 0) {
      self.ticket.compareExchange(ticket, ticket - 1);
      continue;
    }
    seen = ticket;
    self.status = runPart(pool.job, part);
    if (pool.pending.fetchSub(1) == 1 && pool.callerSleeping.load())
      futexWakeOne(pool.pending);
  }
}

void wake(Worker &worker) {
  if (worker.sleeping.load())
    futexWakeOne(worker.ticket);
}

/// Hands the worker its part of the phase.
void post(Worker &worker) {
  uint32_t ticket = worker.ticket.loadRelaxed();
  while (!worker.ticket.compareExchange(ticket, ticket / 2 * 2 + 2))
    ticket = worker.ticket.loadRelaxed();
  wake(worker);
}

/// Makes the worker come out of sleep. Asking again before it has is for nothing.
void rouse(Worker &worker) {
  uint32_t ticket = worker.ticket.loadRelaxed();
  if (ticket % 2 == 0 && worker.ticket.compareExchange(ticket, ticket + 1))
    wake(worker);
}

/// How many of the first `wanted` workers are to take part. A phase that would be over before a sleeping worker has
/// come to is not held up for it; the worker is woken for the phases to come.
uint32_t recruit(uint32_t wanted, int64_t work_ns) {
  if (work_ns >= 2 * kWake_ns)
    return wanted;
  uint32_t ready = 0;
  while (ready < wanted && !pool.worker[ready].sleeping.loadRelaxed())
    ++ready;
  for (uint32_t i = ready; i < wanted; ++i)
    if (pool.worker[i].sleeping.loadRelaxed())
      rouse(pool.worker[i]);
  return ready;
}

bool tryTake() { return pool.taken.loadRelaxed() == 0 && pool.taken.compareExchange(0, 1); }
void giveBack() { pool.taken.storeRelease(0); }

void take() {
  while (!tryTake()) {
    timespec pause = {0, 50'000};
    nanosleep(&pause, nullptr);
  }
}

/// Starts workers until there are `wanted`. The caller has taken the pool.
bool grow(uint32_t wanted) {
  if (pool.workers >= wanted)
    return true;
  // Signals of the program go to the program's threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool ok = true;
  for (; ok && pool.workers < wanted; pool.workers += ok) {
    Worker &next = pool.worker[pool.workers];
    next.ticket.store(0);
    next.sleeping.store(0);
    ok = pthread_create(&next.thread, nullptr, workerMain, &next) == 0;
    if (ok) {
      char name[24];
      snprintf(name, sizeof name, "tenon-%u", pool.workers + 1);
      pthread_setname_np(next.thread, name);
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return ok;
}

// More threads than processors: whoever spins keeps the processor from the one it waits for.
int64_t spinTimeFor(uint32_t threads) { return threads <= availableProcessors() ? kSpin_ns : 0; }

/// Ends all workers. The caller has taken the pool.
void stop() {
  pool.stopping.store(1);
  for (uint32_t i = 0; i < pool.workers; ++i)
    post(pool.worker[i]);
  for (uint32_t i = 0; i < pool.workers; ++i)
    pthread_join(pool.worker[i].thread, nullptr);
  pool.workers = 0;
  pool.stopping.store(0);
}

// In the child only the thread that called fork() exists. Another thread may have had the pool or the mutex.
void resetAfterFork() {
  pool.taken.store(0);
  pool.stopping.store(0);
  pool.pending.store(0);
  pool.callerSleeping.store(0);
  pool.workers = 0;
  lifecycle = PTHREAD_MUTEX_INITIALIZER;
}

} // namespace

uint32_t availableProcessors() {
  cpu_set_t set;
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
  if (count <= 0)
    count = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  if (count <= 0)
    return 1;
  return static_cast<uint32_t>(count) > TENON_MAX_THREADS ? TENON_MAX_THREADS : static_cast<uint32_t>(count);
}

bool poolJoin(uint32_t threads) {
  pthread_mutex_lock(&lifecycle);
  if (!forkHandlerSet)
    forkHandlerSet = pthread_atfork(nullptr, nullptr, resetAfterFork) == 0;
  take();
  bool ok = grow(threads - 1);
  pool.spin_ns.storeRelaxed(spinTimeFor(pool.workers + 1));
  if (ok)
    ++numSessions;
  else if (numSessions == 0)
    stop();
  giveBack();
  pthread_mutex_unlock(&lifecycle);
  return ok;
}

void poolLeave() {
  pthread_mutex_lock(&lifecycle);
  if (--numSessions == 0) {
    take();
    stop();
    giveBack();
  }
  pthread_mutex_unlock(&lifecycle);
}

uint32_t poolWorkers() {
  take();
  uint32_t workers = pool.workers;
  giveBack();
  return workers;
}

int32_t runPhase(const Phase &phase, uint32_t threads, uint32_t &threadsUsed) {
  int64_t parts = phase.work_ns / kMinPart_ns;
  if (parts > phase.tasks)
    parts = phase.tasks;
  if (parts > threads)
    parts = threads;
  threadsUsed = 1;
  if (parts > 1 && tryTake()) {
    // Workers are missing only in a child after fork().
    if (pool.workers + 1 < parts && !grow(static_cast<uint32_t>(parts) - 1))
      parts = pool.workers + 1;
    parts = 1 + recruit(static_cast<uint32_t>(parts) - 1, phase.work_ns);
    if (parts > 1) {
      threadsUsed = static_cast<uint32_t>(parts);
      pool.job = {phase, phase.tasks / parts, phase.tasks % parts};
      pool.pending.storeRelaxed(threadsUsed - 1);
      for (uint32_t i = 0; i + 1 < threadsUsed; ++i)
        post(pool.worker[i]);
      int32_t status = runPart(pool.job, 0);
      waitFor(pool.pending, pool.callerSleeping, pool.spin_ns.loadRelaxed(),
              [](uint32_t pending) { return pending == 0; });
      for (uint32_t i = 0; status == TENON_OK && i + 1 < threadsUsed; ++i)
        status = pool.worker[i].status;
      giveBack();
      return status;
    }
    giveBack();
  }
  return phase.tasks > 0 ? phase.run(phase.args, 0, phase.tasks, phase.scratch) : TENON_OK;
}

} // namespace tenon::runtime
