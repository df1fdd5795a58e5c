// The pool: how phases are split, what runs at the same time, failures, sessions side by side, fork().
#include "runtime/Pool.h"
#include "test/runtime/TestModel.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

using namespace tenon::runtime;
using namespace tenon::test;

namespace {

// Work that is always worth all threads.
constexpr int64_t kPlenty_ns = 1'000'000'000;

// What the task functions of one phase saw.
struct Seen {
  std::mutex mutex;
  std::vector<std::pair<int64_t, int64_t>> ranges;
  std::set<void *> scratch;
  std::set<std::thread::id> threads;

  static int32_t task(const int64_t *args, int64_t begin, int64_t end, void *scratch) {
    auto &self = *pointer<Seen>(args[0]);
    std::lock_guard lock(self.mutex);
    self.ranges.push_back({begin, end});
    self.scratch.insert(scratch);
    self.threads.insert(std::this_thread::get_id());
    return TENON_OK;
  }
};

class Pool : public testing::Test {
protected:
  void run(Seen &seen, int64_t tasks, int64_t work_ns, uint32_t threads) {
    int64_t args[] = {slot(&seen)};
    EXPECT_EQ(runPhase({Seen::task, args, tasks, work_ns, scratch, 128}, threads, threadsUsed), TENON_OK);
    std::sort(seen.ranges.begin(), seen.ranges.end());
  }

  char scratch[128 * 8];
  uint32_t threadsUsed = 0;
};

TEST_F(Pool, PartsAreContiguousAndCutIntoPieces) {
  ASSERT_TRUE(poolJoin(2));
  Seen seen;
  run(seen, 19, kPlenty_ns, 2);
  // Parts of 10 and 9 tasks, four pieces of each.
  EXPECT_EQ(seen.ranges, (std::vector<std::pair<int64_t, int64_t>>{
                             {0, 3}, {3, 6}, {6, 8}, {8, 10}, {10, 13}, {13, 15}, {15, 17}, {17, 19}}));
  EXPECT_EQ(threadsUsed, 2u);
  poolLeave();
}

TEST_F(Pool, EveryThreadTakesPart) {
  ASSERT_TRUE(poolJoin(4));
  Seen seen;
  // Each thread waits in its first task until all have come.
  auto task = [](const int64_t *args, int64_t begin, int64_t end, void *scratch) -> int32_t {
    auto &seen = *pointer<Seen>(args[0]);
    Seen::task(args, begin, end, scratch);
    for (size_t threads = 0; threads < 4; usleep(100)) {
      std::lock_guard lock(seen.mutex);
      threads = seen.threads.size();
    }
    return TENON_OK;
  };
  int64_t args[] = {slot(&seen)};
  EXPECT_EQ(runPhase({task, args, 4, kPlenty_ns, scratch, 128}, 4, threadsUsed), TENON_OK);
  std::sort(seen.ranges.begin(), seen.ranges.end());
  EXPECT_EQ(seen.ranges, (std::vector<std::pair<int64_t, int64_t>>{{0, 1}, {1, 2}, {2, 3}, {3, 4}}));
  EXPECT_EQ(seen.scratch, (std::set<void *>{scratch, scratch + 128, scratch + 256, scratch + 384}));
  EXPECT_TRUE(seen.threads.count(std::this_thread::get_id()));
  EXPECT_EQ(threadsUsed, 4u);
  poolLeave();
}

TEST_F(Pool, OthersTakeWhatASlowThreadLeaves) {
  ASSERT_TRUE(poolJoin(2));
  // Who runs task 0, a piece of its own, stays there until all other tasks are done.
  std::atomic<int64_t> done{0};
  auto task = [](const int64_t *args, int64_t begin, int64_t end, void *) -> int32_t {
    auto &done = *pointer<std::atomic<int64_t>>(args[0]);
    if (begin == 0)
      while (done.load() < 7)
        usleep(100);
    done += end - begin;
    return TENON_OK;
  };
  int64_t args[] = {slot(&done)};
  for (int round = 0; round < 20; ++round) {
    done = 0;
    EXPECT_EQ(runPhase({task, args, 8, kPlenty_ns, scratch, 128}, 2, threadsUsed), TENON_OK);
    EXPECT_EQ(done.load(), 8);
  }
  poolLeave();
}

TEST_F(Pool, FewerTasksThanThreads) {
  ASSERT_TRUE(poolJoin(4));
  Seen seen;
  run(seen, 2, kPlenty_ns, 4);
  EXPECT_EQ(seen.ranges, (std::vector<std::pair<int64_t, int64_t>>{{0, 1}, {1, 2}}));
  poolLeave();
}

TEST_F(Pool, SmallWorkStaysOnTheCallingThread) {
  ASSERT_TRUE(poolJoin(4));
  Seen seen;
  run(seen, 10, 100, 4);
  EXPECT_EQ(seen.ranges, (std::vector<std::pair<int64_t, int64_t>>{{0, 10}}));
  EXPECT_EQ(seen.threads, (std::set<std::thread::id>{std::this_thread::get_id()}));
  EXPECT_EQ(threadsUsed, 1u);
  poolLeave();
}

TEST_F(Pool, NoTaskNoCall) {
  Seen seen;
  run(seen, 0, kPlenty_ns, 4);
  EXPECT_TRUE(seen.ranges.empty());
}

TEST_F(Pool, HugeTaskCountsDoNotOverflow) {
  ASSERT_TRUE(poolJoin(3));
  Seen seen;
  run(seen, INT64_MAX, kPlenty_ns, 3);
  ASSERT_EQ(seen.ranges.size(), 12u);
  for (size_t i = 0; i < 12; ++i)
    EXPECT_EQ(seen.ranges[i].first, i == 0 ? 0 : seen.ranges[i - 1].second);
  EXPECT_EQ(seen.ranges[11].second, INT64_MAX);
  poolLeave();
}

TEST_F(Pool, WorkersFollowTheLargestSession) {
  EXPECT_EQ(poolWorkers(), 0u);
  ASSERT_TRUE(poolJoin(2));
  EXPECT_EQ(poolWorkers(), 1u);
  ASSERT_TRUE(poolJoin(5));
  EXPECT_EQ(poolWorkers(), 4u);
  ASSERT_TRUE(poolJoin(3));
  EXPECT_EQ(poolWorkers(), 4u);
  poolLeave();
  poolLeave();
  EXPECT_EQ(poolWorkers(), 4u);
  poolLeave();
  EXPECT_EQ(poolWorkers(), 0u) << "they end with the last session";
}

TEST_F(Pool, FirstFailureInTaskOrder) {
  ASSERT_TRUE(poolJoin(4));
  // Tasks 3 to 9 fail with their own number; later parts fail sooner in time.
  auto task = [](const int64_t *, int64_t begin, int64_t end, void *) -> int32_t {
    usleep(static_cast<useconds_t>(10'000 - begin * 1000));
    for (int64_t i = begin; i < end; ++i)
      if (i >= 3)
        return static_cast<int32_t>(100 + i);
    return TENON_OK;
  };
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(runPhase({task, nullptr, 10, kPlenty_ns, scratch, 128}, 4, threadsUsed), 103);
    EXPECT_EQ(threadsUsed, 4u);
  }
  poolLeave();
}

TEST_F(Pool, ManyPhasesInARow) {
  ASSERT_TRUE(poolJoin(3));
  std::atomic<int64_t> sum{0};
  auto task = [](const int64_t *args, int64_t begin, int64_t end, void *) -> int32_t {
    for (int64_t i = begin; i < end; ++i)
      pointer<std::atomic<int64_t>>(args[0])->fetch_add(i, std::memory_order_relaxed);
    return TENON_OK;
  };
  int64_t args[] = {slot(&sum)};
  for (int round = 0; round < 2000; ++round) {
    // Now and then long enough for the workers to fall asleep.
    if (round % 500 == 250)
      usleep(2000);
    EXPECT_EQ(runPhase({task, args, 100, kPlenty_ns, scratch, 128}, 3, threadsUsed), TENON_OK);
  }
  EXPECT_EQ(sum.load(), 2000 * 4950);
  poolLeave();
}

TEST_F(Pool, SleepingWorkersAreWokenWhenEnoughWasMissed) {
  ASSERT_TRUE(poolJoin(2));
  constexpr int64_t sleep_us = 20'000, small_ns = 10'000;
  Seen seen;
  // On a busy machine a worker may take longer to fall asleep.
  for (int tries = 0; threadsUsed != 1; ++tries) {
    ASSERT_LT(tries, 100) << "a small phase is done before anyone comes";
    run(seen, 8, kPlenty_ns, 2);
    usleep(sleep_us);
    run(seen, 8, small_ns, 2);
  }
  usleep(sleep_us);
  run(seen, 8, kPlenty_ns, 2);
  EXPECT_EQ(threadsUsed, 2u) << "a large one is worth waking for";
  // Small ones close to each other add up; on a busy machine pauses may come between them.
  for (int tries = 0, phases = 0; phases < 4 || threadsUsed < 2; ++phases) {
    if (phases % 8 == 0) {
      ASSERT_LT(tries++, 100);
      usleep(sleep_us);
    }
    run(seen, 8, small_ns, 2);
  }
  poolLeave();
}

TEST_F(Pool, LateWorkersKeepOutOfPhasesOfFewerThreads) {
  ASSERT_TRUE(poolJoin(8));
  Seen wide, narrow;
  for (int round = 0; round < 500; ++round) {
    run(wide, 8, kPlenty_ns, 8);
    run(narrow, 64, kPlenty_ns, 2);
  }
  EXPECT_EQ(wide.ranges.size(), 500u * 8);
  EXPECT_EQ(narrow.ranges.size(), 500u * 8);
  for (void *used : narrow.scratch)
    EXPECT_LE(used, static_cast<void *>(scratch + 128)) << "the phase has scratch for two threads";
  poolLeave();
}

TEST_F(Pool, SecondCallerRunsAloneWhileThePoolIsTaken) {
  ASSERT_TRUE(poolJoin(2));
  // The outer phase waits until the inner one, started by another thread, has run.
  std::atomic<bool> outerStarted{false}, innerDone{false};
  auto outer = [](const int64_t *args, int64_t, int64_t, void *) -> int32_t {
    pointer<std::atomic<bool>>(args[0])->store(true);
    while (!pointer<std::atomic<bool>>(args[1])->load())
      usleep(100);
    return TENON_OK;
  };
  Seen seen;
  uint32_t innerThreads = 0;
  std::thread other([&] {
    while (!outerStarted.load())
      usleep(100);
    int64_t args[] = {slot(&seen)};
    char own[256];
    EXPECT_EQ(runPhase({Seen::task, args, 10, kPlenty_ns, own, 128}, 2, innerThreads), TENON_OK);
    innerDone.store(true);
  });
  int64_t args[] = {slot(&outerStarted), slot(&innerDone)};
  EXPECT_EQ(runPhase({outer, args, 2, kPlenty_ns, scratch, 128}, 2, threadsUsed), TENON_OK);
  other.join();
  EXPECT_EQ(threadsUsed, 2u);
  EXPECT_EQ(innerThreads, 1u);
  EXPECT_EQ(seen.ranges, (std::vector<std::pair<int64_t, int64_t>>{{0, 10}}));
  poolLeave();
}

// Runs the affine model `rounds` times with `rows` rows; says whether every result was right.
bool runAffine(Opened &opened, int64_t rows, int rounds) {
  std::vector<float> x(static_cast<size_t>(rows) * 3), wanted(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<float>(i % 100);
    wanted[i] = 2 * x[i] + 1;
  }
  for (int i = 0; i < rounds; ++i) {
    std::vector<tenon_tensor> outputs(1);
    if (opened.run({tensor(x, {rows, 3})}, outputs) != TENON_OK || values<float>(outputs[0]) != wanted)
      return false;
  }
  return true;
}

class Sessions : public testing::Test {
protected:
  void SetUp() override { Affine::work_ns = 1'000'000; }
  void TearDown() override { Affine::work_ns = 0; }
};

TEST_F(Sessions, TwoModelsShareThePool) {
  TestModel first = Affine::make(), second = Affine::make();
  Opened a(first.finish(), 3), b(second.finish(), 2);
  EXPECT_EQ(poolWorkers(), 2u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(runAffine(a, 50, 1));
    EXPECT_TRUE(runAffine(b, 31, 1));
  }
}

TEST_F(Sessions, ConcurrentSessionsOfOneModule) {
  TestModel model = Affine::make();
  Opened opened(model.finish(), 1);
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      // Sessions come and go while others run; the module is shared.
      for (int round = 0; round < 5; ++round) {
        tenon_session *session = nullptr;
        if (tenon_session_create(opened.module, static_cast<uint32_t>(1 + (t + round) % 3), &session, nullptr, 0) !=
            TENON_OK)
          return;
        std::vector<float> x(60, static_cast<float>(t));
        bool ok = true;
        for (int i = 0; i < 20; ++i) {
          tenon_tensor in = tensor(x, {20, 3}), out = {};
          ok &= tenon_run(session, &in, 1, &out, 1) == TENON_OK &&
                values<float>(out) == std::vector<float>(60, 2.f * static_cast<float>(t) + 1);
        }
        tenon_session_destroy(session);
        right += ok;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(right.load(), 20);
}

TEST_F(Sessions, MoreThreadsThanProcessors) {
  TestModel model = Affine::make();
  Opened opened(model.finish(), availableProcessors() + 3);
  EXPECT_TRUE(runAffine(opened, 100, 20));
}

TEST_F(Sessions, ThreadCounts) {
  TestModel model = Affine::make();
  Opened opened(model.finish(), 0);
  EXPECT_EQ(tenon_session_threads(opened.session), availableProcessors());
  tenon_session *session;
  char error[100];
  EXPECT_EQ(tenon_session_create(opened.module, 257, &session, error, sizeof error), TENON_INVALID_ARGUMENT);
  EXPECT_STREQ(error, "got 257 threads but at most 256 are supported");
  EXPECT_EQ(session, nullptr);
}

TEST_F(Sessions, ModuleLivesAsLongAsItsSessions) {
  TestModel model = Affine::make();
  Opened opened(model.finish(), 2);
  tenon_close(opened.module);
  opened.module = nullptr;
  EXPECT_TRUE(runAffine(opened, 10, 2));
}

TEST_F(Sessions, SameBitsForAnyNumberOfThreads) {
  TestModel model = Affine::make();
  std::vector<float> x(3000);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = 1.f / static_cast<float>(i + 1);
  std::vector<float> first;
  for (uint32_t threads : {1u, 2u, 3u, 5u}) {
    Opened opened(model.finish(), threads);
    std::vector<tenon_tensor> outputs(1);
    ASSERT_EQ(opened.run({tensor(x, {1000, 3})}, outputs), TENON_OK);
    std::vector<float> result = values<float>(outputs[0]);
    if (first.empty())
      first = result;
    EXPECT_EQ(memcmp(first.data(), result.data(), result.size() * 4), 0) << threads << " threads";
  }
}

// Runs `work` in a child process; says whether it returned true within 20 s.
template <typename Work> bool inChild(Work work) {
  pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(work() ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(Sessions, ChildAfterForkGoesOn) {
  TestModel model = Affine::make();
  Opened opened(model.finish(), 3);
  EXPECT_TRUE(runAffine(opened, 50, 3));
  EXPECT_TRUE(inChild([&] { return runAffine(opened, 50, 3) && poolWorkers() == 2; }));
  EXPECT_TRUE(runAffine(opened, 50, 3)) << "the parent goes on as well";
  // A child that destroys the session, and one that makes its own.
  EXPECT_TRUE(inChild([&] {
    tenon_session_destroy(opened.session);
    Opened own(model.finish(), 2);
    return runAffine(own, 50, 3);
  }));
}

TEST_F(Sessions, ForkWhileAnotherThreadRuns) {
  TestModel model = Affine::make();
  Opened busy(model.finish(), 2), idle(model.finish(), 2);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop.load())
      runAffine(busy, 200, 1);
  });
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(inChild([&] { return runAffine(idle, 50, 2); }));
  stop.store(true);
  other.join();
}

} // namespace
