// Models that break their contract, failures that models report, and memory whose size depends on data.
#include "test/runtime/TestModel.h"

#include <set>

using namespace tenon::test;

namespace {

int32_t emptyPlan(tenon_host *, const int64_t *, int64_t *) { return TENON_OK; }

// A model with an i64[n] input and an i64[?] output whose run is `run`.
TestModel makeModel(decltype(tenon_model::run) run, decltype(tenon_model::plan) plan = emptyPlan) {
  TestModel model(plan, run);
  model.symbol("n").input("x", TENON_I64, {-1}, {0}).output("y", TENON_I64, {-1});
  return model;
}

void expectFailure(TestModel model, int32_t status, const char *text) {
  Opened opened(model.finish());
  std::vector<int64_t> x = {3, 0, 4};
  std::vector<tenon_tensor> outputs(1);
  EXPECT_EQ(opened.run({tensor(x, {3})}, outputs), status);
  EXPECT_EQ(opened.error(), text);
}

TEST(Contract, OutputMissing) {
  expectFailure(makeModel([](tenon_host *, const void *const *, const int64_t *, void *, const void *) -> int32_t {
                  return TENON_OK;
                }),
                TENON_INTERNAL, "the model did not produce output 'y'");
}

TEST(Contract, OutputTwice) {
  expectFailure(makeModel([](tenon_host *host, const void *const *, const int64_t *, void *, const void *) -> int32_t {
                  int64_t dims[] = {1};
                  EXPECT_NE(host->output(host, 0, dims), nullptr);
                  EXPECT_EQ(host->output(host, 0, dims), nullptr);
                  return TENON_OK;
                }),
                TENON_INTERNAL, "the model produced output 'y' twice");
}

TEST(Contract, OutputIndexOutOfRange) {
  expectFailure(makeModel([](tenon_host *host, const void *const *, const int64_t *, void *, const void *) -> int32_t {
                  EXPECT_EQ(host->output(host, 1, nullptr), nullptr);
                  return TENON_INTERNAL;
                }),
                TENON_INTERNAL, "the model produced output 1 but it has 1");
}

TEST(Contract, OutputWithNegativeExtent) {
  expectFailure(makeModel([](tenon_host *host, const void *const *, const int64_t *, void *, const void *) -> int32_t {
                  int64_t dims[] = {-2};
                  EXPECT_EQ(host->output(host, 0, dims), nullptr);
                  return TENON_INTERNAL;
                }),
                TENON_INTERNAL, "output 'y' dimension 0 became -2 but ? was expected");
}

TEST(Contract, OutputTooLarge) {
  expectFailure(makeModel([](tenon_host *host, const void *const *, const int64_t *, void *, const void *) -> int32_t {
                  int64_t dims[] = {int64_t(1) << 61};
                  EXPECT_EQ(host->output(host, 0, dims), nullptr);
                  return TENON_INTERNAL;
                }),
                TENON_INTERNAL, "output 'y' (2305843009213693952) is too large");
}

TEST(Contract, OutputWithoutMemory) {
  expectFailure(makeModel([](tenon_host *host, const void *const *, const int64_t *, void *, const void *) -> int32_t {
                  int64_t dims[] = {int64_t(1) << 58};
                  EXPECT_EQ(host->output(host, 0, dims), nullptr);
                  return TENON_INTERNAL;
                }),
                TENON_OUT_OF_MEMORY, "no memory for output 'y' of 2305843009213693952 bytes");
}

TEST(Contract, StatusWithoutText) {
  expectFailure(makeModel([](tenon_host *, const void *const *, const int64_t *, void *, const void *) -> int32_t {
                  return TENON_OUT_OF_RANGE;
                }),
                TENON_OUT_OF_RANGE, "the model's run function failed: out of range");
}

TEST(Contract, FailureText) {
  expectFailure(makeModel([](tenon_host *host, const void *const *, const int64_t *, void *, const void *) -> int32_t {
                  return host->fail(host, TENON_OUT_OF_RANGE, "gather 'g%s' 100%: index %lld is outside [0, %lld) %lld",
                                    7, 3);
                }),
                TENON_OUT_OF_RANGE, "gather 'g%s' 100%: index 7 is outside [0, 3) %lld");
}

TEST(Contract, FirstFailureIsReported) {
  expectFailure(makeModel([](tenon_host *host, const void *const *, const int64_t *, void *, const void *) -> int32_t {
                  host->fail(host, TENON_OUT_OF_RANGE, "first", 0, 0);
                  host->fail(host, TENON_INTERNAL, "second", 0, 0);
                  return TENON_OK;
                }),
                TENON_OUT_OF_RANGE, "first");
}

TEST(Contract, LongTextIsCutAtACharacter) {
  auto model = makeModel([](tenon_host *host, const void *const *, const int64_t *, void *, const void *) -> int32_t {
    // 'x' and then two-byte characters: the cut would fall inside one.
    std::string text = "x";
    for (int i = 0; i < 2000; ++i)
      text += "\xc3\xa4";
    return host->fail(host, TENON_OUT_OF_RANGE, text.c_str(), 0, 0);
  });
  Opened opened(model.finish());
  std::vector<int64_t> x = {1};
  std::vector<tenon_tensor> outputs(1);
  EXPECT_EQ(opened.run({tensor(x, {1})}, outputs), TENON_OUT_OF_RANGE);
  std::string text = opened.error();
  EXPECT_GT(text.size(), 500u);
  EXPECT_EQ(text.size() % 2, 1u) << "ends inside a character";
}

TEST(Contract, PlanFailure) {
  TestModel model = makeModel(
      [](tenon_host *, const void *const *, const int64_t *, void *, const void *) -> int32_t {
        ADD_FAILURE() << "run after a failed plan";
        return TENON_OK;
      },
      [](tenon_host *host, const int64_t *dims, int64_t *) -> int32_t {
        return host->fail(host, TENON_INVALID_ARGUMENT, "%lld elements do not fit %lld", dims[0], 4);
      });
  Opened opened(model.finish());
  std::vector<int64_t> x = {3, 0, 4};
  // Twice: a failed plan must not be found the second time.
  for (int i = 0; i < 2; ++i) {
    std::vector<tenon_tensor> outputs(1);
    EXPECT_EQ(opened.run({tensor(x, {3})}, outputs), TENON_INVALID_ARGUMENT);
    EXPECT_EQ(opened.error(), "3 elements do not fit 4");
  }
}

TEST(Contract, ArenaWithoutMemory) {
  expectFailure(makeModel(
                    [](tenon_host *, const void *const *, const int64_t *, void *, const void *) -> int32_t {
                      ADD_FAILURE() << "run without an arena";
                      return TENON_OK;
                    },
                    [](tenon_host *, const int64_t *, int64_t *table) -> int32_t {
                      table[TENON_TABLE_ARENA_BYTES] = int64_t(1) << 60;
                      return TENON_OK;
                    }),
                TENON_OUT_OF_MEMORY, "no memory for an arena of 1152921504606846976 bytes");
}

// Indices of the elements that are not zero; collects them in memory of the host first.
int32_t nonZero(tenon_host *host, const void *const *inputs, const int64_t *table, void *, const void *) {
  auto *x = static_cast<const int64_t *>(inputs[0]);
  auto *found = static_cast<int64_t *>(host->allocate(host, table[2] * 8));
  auto *copy = static_cast<int64_t *>(host->allocate(host, table[2] * 8));
  if (!found || !copy)
    return TENON_OUT_OF_MEMORY;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(found) % TENON_ALIGNMENT, 0u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(copy) % TENON_ALIGNMENT, 0u);
  memset(copy, 0xff, static_cast<size_t>(table[2]) * 8);
  int64_t count = 0;
  for (int64_t i = 0; i < table[2]; ++i)
    if (x[i] != 0)
      found[count++] = i;
  auto *y = static_cast<int64_t *>(host->output(host, 0, &count));
  if (!y)
    return TENON_INTERNAL;
  memcpy(y, found, static_cast<size_t>(count) * 8);
  return TENON_OK;
}

int32_t countPlan(tenon_host *, const int64_t *dims, int64_t *table) {
  table[2] = dims[0];
  return TENON_OK;
}

TEST(Contract, SizesThatDependOnData) {
  TestModel model = makeModel(nonZero, countPlan);
  Opened opened(model.finish());
  std::vector<tenon_tensor> outputs(1);
  for (std::vector<int64_t> x : {std::vector<int64_t>{3, 0, 4}, {0, 0, 0}, {1, 2, 3}}) {
    ASSERT_EQ(opened.run({tensor(x, {3})}, outputs), TENON_OK) << opened.error();
    std::vector<int64_t> expected;
    for (int64_t i = 0; i < 3; ++i)
      if (x[static_cast<size_t>(i)])
        expected.push_back(i);
    EXPECT_EQ(values<int64_t>(outputs[0]), expected);
  }
  // A large run, then many small ones: memory is reused, it does not grow.
  std::vector<int64_t> large(100'000, 1);
  ASSERT_EQ(opened.run({tensor(large, {100'000})}, outputs), TENON_OK);
  uint64_t held = tenon_session_memory(opened.session).dynamic_bytes;
  EXPECT_GE(held, 1'600'000u);
  EXPECT_LE(held, 4'000'000u);
  for (int i = 0; i < 50; ++i)
    ASSERT_EQ(opened.run({tensor(large, {100'000 - i})}, outputs), TENON_OK);
  EXPECT_EQ(tenon_session_memory(opened.session).dynamic_bytes, held);
}

TEST(Contract, AllocateWithoutMemory) {
  expectFailure(makeModel([](tenon_host *host, const void *const *, const int64_t *, void *, const void *) -> int32_t {
                  EXPECT_EQ(host->allocate(host, int64_t(1) << 60), nullptr);
                  return TENON_INTERNAL;
                }),
                TENON_OUT_OF_MEMORY, "no memory for 1152921504606846976 bytes whose size depends on data");
}

// Fills as much scratch as x[0] says, on each thread, and returns how many tasks did.
int32_t useScratch(tenon_host *host, const void *const *inputs, const int64_t *, void *, const void *) {
  int64_t bytes = *static_cast<const int64_t *>(inputs[0]), dims[] = {3};
  if (int32_t status = host->reserve(host, bytes))
    return status;
  void *y = host->output(host, 0, dims);
  if (!y)
    return TENON_INTERNAL;
  auto fill = [](const int64_t *args, int64_t begin, int64_t end, void *scratch) -> int32_t {
    for (int64_t i = begin; i < end; ++i) {
      memset(scratch, static_cast<int>(i), static_cast<size_t>(args[0]));
      pointer<int64_t>(args[1])[i] = static_cast<unsigned char *>(scratch)[args[0] - 1];
    }
    return TENON_OK;
  };
  int64_t args[] = {bytes, slot(y)};
  return host->parallel(host, fill, args, 3, 1'000'000, 0);
}

TEST(Contract, ScratchThatDependsOnData) {
  TestModel model = makeModel(useScratch);
  Opened opened(model.finish(), 3);
  std::vector<tenon_tensor> outputs(1);
  for (int64_t bytes : {1, 1000, 300'000, 5}) {
    std::vector<int64_t> x = {bytes};
    ASSERT_EQ(opened.run({tensor(x, {1})}, outputs), TENON_OK) << opened.error();
    EXPECT_EQ(values<int64_t>(outputs[0]), (std::vector<int64_t>{0, 1, 2}));
  }
  EXPECT_GE(tenon_session_memory(opened.session).scratch_bytes, 900'000u);
}

TEST(Contract, ScratchWithoutMemory) {
  auto reserve = [](int64_t bytes) {
    static int64_t asked;
    asked = bytes;
    return makeModel([](tenon_host *host, const void *const *, const int64_t *, void *, const void *) {
      return host->reserve(host, asked);
    });
  };
  expectFailure(reserve(int64_t(1) << 60), TENON_OUT_OF_MEMORY,
                "no memory for scratch of 1152921504606846976 bytes on each of 1 threads");
  expectFailure(reserve(INT64_MAX), TENON_OUT_OF_MEMORY,
                "no memory for scratch of 9223372036854775807 bytes on each of 1 threads");
  expectFailure(reserve(-1), TENON_INTERNAL, "a kernel asks for scratch of -1 bytes");
}

TEST(Contract, HostTableSaysItsSizeAndVersion) {
  auto model = makeModel([](tenon_host *host, const void *const *, const int64_t *, void *, const void *) -> int32_t {
    EXPECT_EQ(host->size_bytes, sizeof(tenon_host));
    EXPECT_EQ(host->abi_version, TENON_ABI_VERSION);
    int64_t dims[] = {0};
    return host->output(host, 0, dims) ? TENON_OK : TENON_INTERNAL;
  });
  Opened opened(model.finish());
  std::vector<int64_t> x = {1};
  std::vector<tenon_tensor> outputs(1);
  EXPECT_EQ(opened.run({tensor(x, {1})}, outputs), TENON_OK);
}

} // namespace
