// A run on dimensions that the session knows allocates nothing. Every allocation function is wrapped by the linker
// (--wrap, see CMakeLists.txt) and counted.
#include "test/runtime/TestModel.h"

#include <sys/mman.h>

#include <atomic>

using namespace tenon::test;

static std::atomic<int> allocations{0};

extern "C" {
void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
int __real_posix_memalign(void **, size_t, size_t);
void *__real_mmap(void *, size_t, int, int, int, off_t);

void *__wrap_malloc(size_t bytes) {
  ++allocations;
  return __real_malloc(bytes);
}
void *__wrap_calloc(size_t count, size_t bytes) {
  ++allocations;
  return __real_calloc(count, bytes);
}
void *__wrap_realloc(void *memory, size_t bytes) {
  ++allocations;
  return __real_realloc(memory, bytes);
}
int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes) {
  ++allocations;
  return __real_posix_memalign(memory, alignment, bytes);
}
void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
  ++allocations;
  return __real_mmap(address, bytes, protection, flags, file, offset);
}
}

namespace {

// Allocations of one run, which must succeed.
int allocationsOf(Opened &opened, const tenon_tensor &input) {
  tenon_tensor output = {};
  int before = allocations;
  int32_t status = tenon_run(opened.session, &input, 1, &output, 1);
  int after = allocations;
  EXPECT_EQ(status, TENON_OK) << opened.error();
  return after - before;
}

TEST(Allocation, WrappersCount) {
  TestModel model = Affine::make();
  Opened opened(model.finish());
  std::vector<float> x(300);
  EXPECT_GT(allocationsOf(opened, tensor(x, {100, 3})), 0) << "the first run of a shape has to allocate";
}

TEST(Allocation, NoneOnAKnownShape) {
  for (uint32_t threads : {1u, 3u}) {
    Affine::work_ns = threads > 1 ? 1'000'000 : 0;
    TestModel model = Affine::make();
    Opened opened(model.finish(), threads);
    std::vector<float> x(300);
    tenon_tensor large = tensor(x, {100, 3}), small = tensor(x, {2, 3});
    // Not dense: staged.
    tenon_tensor strided = tensor(x, {10, 3});
    strided.byte_strides[0] = 24;
    strided.capacity_bytes = 1200;
    for (const tenon_tensor &input : {large, small, strided})
      allocationsOf(opened, input);
    for (int round = 0; round < 3; ++round)
      for (const tenon_tensor &input : {large, small, strided})
        EXPECT_EQ(allocationsOf(opened, input), 0) << threads << " threads";
  }
  Affine::work_ns = 0;
}

// Three blocks of different sizes from the host, then an output of one element.
int32_t allocateThrice(tenon_host *host, const void *const *, const int64_t *table, void *, const void *) {
  int64_t one[] = {1};
  for (int64_t size : {table[2], 300'000 + table[2], int64_t(1)})
    if (!host->allocate(host, size))
      return TENON_OUT_OF_MEMORY;
  return host->output(host, 0, one) ? TENON_OK : TENON_INTERNAL;
}

TEST(Allocation, NoneForRepeatedDynamicSizes) {
  TestModel model(
      [](tenon_host *, const int64_t *dims, int64_t *table) -> int32_t {
        table[2] = dims[0];
        return TENON_OK;
      },
      allocateThrice);
  model.input("x", TENON_F32, {-1}).output("y", TENON_F32, {1});
  Opened opened(model.finish());
  std::vector<float> x(1000);
  allocationsOf(opened, tensor(x, {1000}));
  EXPECT_EQ(allocationsOf(opened, tensor(x, {1000})), 0);
  allocationsOf(opened, tensor(x, {10}));
  EXPECT_EQ(allocationsOf(opened, tensor(x, {10})), 0);
}

TEST(Allocation, NoneForNamesAndCallerBuffers) {
  TestModel model = Affine::make();
  Opened opened(model.finish());
  std::vector<float> x(6), y(6);
  for (int round = 0; round < 2; ++round) {
    tenon_named_tensor input = {"x", tensor(x, {2, 3})}, output = {"y", tensor(y, {2, 3})};
    int before = allocations;
    int32_t status = tenon_run_named(opened.session, &input, 1, &output, 1);
    int after = allocations;
    EXPECT_EQ(status, TENON_OK) << opened.error();
    EXPECT_EQ(output.tensor.data, y.data());
    if (round > 0)
      EXPECT_EQ(after - before, 0);
  }
}

} // namespace
