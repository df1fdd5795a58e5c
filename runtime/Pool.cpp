// The thread pool of the process; see Pool.h.
//
// A phase has one part for each thread, so that phases over the same data find it in the same caches. A part is cut
// into a few pieces, which are claimed one by one: a thread takes the pieces of its own part and then those that others
// have not come to, so nobody waits for a worker that still wakes up or has lost its processor. A claim is a
// compare-exchange on the part's word, which also holds the number of pieces: it succeeds only while the phase under
// way has a piece left, and that piece keeps the phase from ending. So a worker that comes late finds nothing, or the
// next phase.
//
// A worker waits for its ticket to change; the caller waits for `pending`, the number of pieces not done, to be 0. Both
// wait in two steps: they spin for as long as a wake-up would cost, then sleep in the kernel (futex). Sleeping needs a
// handshake: the waiter says that it sleeps and then looks at the value once more; the other side changes the value and
// then looks whether anyone sleeps. All four are sequentially consistent, so at least one side sees the other.
//
// Workers that all sleep are woken only when the time that they could have saved lately is worth it: a wake-up costs
// the caller as much as a small phase takes.
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

// Waking takes some 10 us of the caller's time, and the worker comes 20 us later. Whoever wakes when as much has been
// missed as that costs loses at most twice what the best choice would (Karlin et al.). Measured: docs/embedding.md,
// "Threads".
constexpr int64_t kWorthWaking_ns = 20'000;

// Spinning threads let others run after this time: a phase of balanced parts is over by then.
constexpr int64_t kYield_ns = 10'000;

// Starting and ending a phase on spinning workers takes 0.15 to 0.65 us, claiming a piece 0.02 us: a small portion of a
// part, or a piece, of this size. Measured: docs/embedding.md, "Threads".
constexpr int64_t kMinPart_ns = 3'000;

// Processors that share no cache take five times as long to hand over a line, and data with it. A virtual machine's
// processors may be such at one moment and not at the next, so that is measured: by the time it takes to write a ticket
// that the worker reads (30 ns with a shared cache, 100 and more without).
constexpr int64_t kFar_ns = 70;
constexpr int64_t kMinFarPart_ns = 15'000;

// One phase of four is measured, as the clock takes as long. Times are averaged over about so many; what takes longer
// than the most was an interruption. Phases that are too small for far processors are not measured: after some hundreds
// of them it is tried again.
constexpr uint32_t kMeasured = 4;
constexpr int64_t kAveraged = 8, kMostReach_ns = 200, kForgotten = 256;

// With this many pieces a thread that falls out costs the others at most a quarter of its part in waiting.
constexpr int64_t kMaxPieces = 4;

// What the phase under way looks like to all of its threads.
struct Job {
  Phase phase;
  int64_t parts;
  int64_t pieces; // of each part
};

/// The first failure in task order among the pieces that one thread ran.
struct Failure {
  int64_t begin;
  int32_t status;

  void note(int64_t at, int32_t what) {
    if (what != TENON_OK && (status == TENON_OK || at < begin))
      *this = {at, what};
  }
};

// What is left of a part, in one word: threads of the phase (their scratch exists), pieces, pieces that are claimed.
struct Claims {
  uint32_t word;

  static Claims of(uint32_t threads, uint32_t pieces) { return {threads << 16 | pieces << 8}; }
  uint32_t next() const { return word & 0xff; }
  bool mayClaim(uint32_t thread) const { return next() < (word >> 8 & 0xff) && thread < word >> 16; }
};

struct alignas(128) Part {
  Atomic<uint32_t> claims;
};

// Two cache lines: processors fetch lines in pairs.
struct alignas(128) Worker {
  Atomic<uint32_t> ticket; // grows with each phase that the worker is to take part in
  Atomic<uint32_t> sleeping;
  pthread_t thread;
};

struct Pool {
  // The thread that holds this may start a phase and change `workers`.
  alignas(128) Atomic<uint32_t> taken;
  Atomic<uint32_t> stopping;
  uint32_t workers = 0;
  Atomic<int64_t> spin_ns;
  Atomic<uint32_t> parts; // of the phase under way, for those who look for pieces
  // What workers that slept have not saved, and when that was last added to: by whoever has the pool.
  int64_t missed_ns = 0, missedAt_ns = 0;
  Job job;
  Atomic<int64_t> reach_ps; // average time to reach a worker that is awake
  uint32_t phases = 0;      // counted by whoever has the pool
  alignas(128) Atomic<uint32_t> pending;
  Atomic<uint32_t> callerSleeping;
  Part part[TENON_MAX_THREADS];
  Failure failure[TENON_MAX_THREADS]; // of each thread: written before it counts down `pending`, read after that is 0
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
  for (uint32_t seen;;) {
    sleeping.store(1);
    seen = word.load();
    if (done(seen))
      break;
    futexWait(word, seen);
  }
  sleeping.storeRelaxed(0);
}

/// Wakes who sleeps on `word`; once, however often it is called before they have come to.
void wake(Atomic<uint32_t> &word, Atomic<uint32_t> &sleeping) {
  if (sleeping.load() && sleeping.compareExchange(1, 0))
    futexWakeOne(word);
}

struct Range {
  int64_t begin, end;
};

/// Number `index` of `count` contiguous parts of `range` that differ by at most one in size.
Range split(Range range, int64_t count, int64_t index) {
  int64_t quotient = (range.end - range.begin) / count, remainder = (range.end - range.begin) % count;
  int64_t begin = range.begin + index * quotient + (index < remainder ? index : remainder);
  return {begin, begin + quotient + (index < remainder ? 1 : 0)};
}

/// Runs what is left of a part.
void runPieces(uint32_t part, uint32_t thread) {
  Atomic<uint32_t> &claims = pool.part[part].claims;
  for (Claims seen{claims.loadAcquire()}; seen.mayClaim(thread); seen = {claims.loadAcquire()}) {
    if (!claims.compareExchange(seen.word, seen.word + 1))
      continue;
    // The claim holds the phase: what is read now belongs to it.
    const Phase &phase = pool.job.phase;
    Range piece = split(split({0, phase.tasks}, pool.job.parts, part), pool.job.pieces, seen.next());
    if (piece.begin < piece.end) {
      char *scratch = phase.scratch + thread * phase.scratchStride;
      pool.failure[thread].note(piece.begin, phase.run(phase.args, piece.begin, piece.end, scratch));
    }
    if (pool.pending.fetchSub(1) == 1)
      wake(pool.pending, pool.callerSleeping);
  }
}

/// Runs the thread's own part, then what others have left.
void takePart(uint32_t thread) {
  uint32_t parts = pool.parts.loadRelaxed();
  for (uint32_t i = 0; i < parts; ++i)
    runPieces((thread + i) % parts, thread);
}

void *workerMain(void *argument) {
  auto &self = *static_cast<Worker *>(argument);
  auto thread = static_cast<uint32_t>(&self - pool.worker) + 1;
  // A worker starts with ticket 0; a phase may have come before its first look.
  for (uint32_t seen = 0;;) {
    waitFor(self.ticket, self.sleeping, pool.spin_ns.loadRelaxed(), [&](uint32_t ticket) { return ticket != seen; });
    seen = self.ticket.loadAcquire();
    if (pool.stopping.loadAcquire())
      return nullptr;
    takePart(thread);
  }
}

/// Calls the worker to the phase under way.
void post(Worker &worker) {
  worker.ticket.fetchAdd(1);
  wake(worker.ticket, worker.sleeping);
}

void noteReach(int64_t ns) {
  int64_t known = pool.reach_ps.loadRelaxed(), most = kMostReach_ns * 1000, now = ns * 1000;
  pool.reach_ps.storeRelaxed(known + ((now < most ? now : most) - known) / kAveraged);
}

void forgetReach() {
  int64_t known = pool.reach_ps.loadRelaxed();
  pool.reach_ps.storeRelaxed(known - known / kForgotten);
}

int64_t minPart_ns() { return pool.reach_ps.loadRelaxed() > kFar_ns * 1000 ? kMinFarPart_ns : kMinPart_ns; }

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
  for (Part &part : pool.part)
    part.claims.store(0);
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

/// Whether one of the workers that a phase of `parts` parts would call is awake, or it is worth waking them.
static bool isWorthCalling(const Phase &phase, int64_t parts) {
  for (int64_t i = 0; i + 1 < parts; ++i)
    if (!pool.worker[i].sleeping.loadRelaxed())
      return true;
  int64_t now = now_ns();
  // Longer ago than workers would have stayed awake: waking them then would have been of no use now.
  if (now - pool.missedAt_ns > kSpin_ns)
    pool.missed_ns = 0;
  pool.missedAt_ns = now;
  pool.missed_ns += phase.work_ns - phase.work_ns / parts;
  if (pool.missed_ns < kWorthWaking_ns)
    return false;
  pool.missed_ns = 0;
  return true;
}

/// Runs the phase on this thread and parts - 1 workers. The caller has taken the pool.
static int32_t runParts(const Phase &phase, uint32_t parts) {
  int64_t pieces = phase.work_ns / (parts * minPart_ns());
  if (pieces < 1)
    pieces = 1;
  if (pieces > kMaxPieces)
    pieces = kMaxPieces;
  pool.job = {phase, parts, pieces};
  pool.parts.storeRelaxed(parts);
  pool.pending.storeRelaxed(parts * static_cast<uint32_t>(pieces));
  for (uint32_t i = 0; i < parts; ++i)
    pool.failure[i] = {0, TENON_OK};
  for (uint32_t i = 0; i < parts; ++i)
    pool.part[i].claims.storeRelease(Claims::of(parts, static_cast<uint32_t>(pieces)).word);
  bool measured = pool.phases++ % kMeasured == 0 && !pool.worker[0].sleeping.loadRelaxed();
  int64_t before = measured ? now_ns() : 0;
  post(pool.worker[0]);
  if (measured)
    noteReach(now_ns() - before);
  for (uint32_t i = 1; i + 1 < parts; ++i)
    post(pool.worker[i]);
  takePart(0);
  waitFor(pool.pending, pool.callerSleeping, pool.spin_ns.loadRelaxed(), [](uint32_t pending) { return pending == 0; });
  Failure first = {0, TENON_OK};
  for (uint32_t i = 0; i < parts; ++i)
    first.note(pool.failure[i].begin, pool.failure[i].status);
  return first.status;
}

int32_t runPhase(const Phase &phase, uint32_t threads, uint32_t &threadsUsed) {
  int64_t minimum = minPart_ns(), parts = phase.work_ns / minimum;
  if (parts < 2 && phase.work_ns >= 2 * kMinPart_ns)
    forgetReach();
  if (parts > phase.tasks)
    parts = phase.tasks;
  if (parts > threads)
    parts = threads;
  threadsUsed = 1;
  if (parts > 1 && tryTake()) {
    // Workers are missing only in a child after fork().
    if (pool.workers + 1 < parts && !grow(static_cast<uint32_t>(parts) - 1))
      parts = pool.workers + 1;
    if (parts > 1 && isWorthCalling(phase, parts)) {
      threadsUsed = static_cast<uint32_t>(parts);
      int32_t status = runParts(phase, threadsUsed);
      giveBack();
      return status;
    }
    giveBack();
  }
  return phase.tasks > 0 ? phase.run(phase.args, 0, phase.tasks, phase.scratch) : TENON_OK;
}

} // namespace tenon::runtime
