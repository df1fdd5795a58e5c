// Where outputs go: memory of the session, of the caller, of an allocator, or an input's buffer.
#include "test/runtime/TestModel.h"

#include <cstdlib>
#include <map>

using namespace tenon::test;

namespace {

class Outputs : public testing::Test {
protected:
  TestModel model = Affine::make();
  Opened opened{model.finish()};
  std::vector<float> two = {0, 1, 2, 3, 4, 5}, one = {7, 8, 9};
  std::vector<float> wantedTwo = {1, 3, 5, 7, 9, 11}, wantedOne = {15, 17, 19};
};

TEST_F(Outputs, OfTheSession) {
  std::vector<tenon_tensor> outputs(1);
  ASSERT_EQ(opened.run({tensor(two, {2, 3})}, outputs), TENON_OK);
  EXPECT_EQ(values<float>(outputs[0]), wantedTwo);
  EXPECT_EQ(outputs[0].flags, TENON_SESSION_OWNED);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(outputs[0].data) % TENON_ALIGNMENT, 0u);
  // The struct may be passed again, also for another size: it is not taken for the caller's buffer.
  std::vector<float> many(300);
  ASSERT_EQ(opened.run({tensor(many, {100, 3})}, outputs), TENON_OK);
  EXPECT_EQ(values<float>(outputs[0]), std::vector<float>(300, 1.f));
  ASSERT_EQ(opened.run({tensor(one, {1, 3})}, outputs), TENON_OK);
  EXPECT_EQ(values<float>(outputs[0]), wantedOne);
}

TEST_F(Outputs, OfTheCaller) {
  std::vector<float> buffer(7, -1.f);
  std::vector<tenon_tensor> outputs = {tensor(buffer, {7})};
  ASSERT_EQ(opened.run({tensor(two, {2, 3})}, outputs), TENON_OK) << opened.error();
  EXPECT_EQ(outputs[0].data, buffer.data());
  EXPECT_EQ(dims(outputs[0]), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(outputs[0].byte_strides[0], 12);
  EXPECT_EQ(outputs[0].capacity_bytes, 28u);
  EXPECT_EQ(values<float>(outputs[0]), wantedTwo);
  EXPECT_EQ(buffer[6], -1.f);
}

TEST_F(Outputs, CallerBufferTooSmall) {
  std::vector<float> buffer(5);
  std::vector<tenon_tensor> outputs = {tensor(buffer, {5})};
  EXPECT_EQ(opened.run({tensor(two, {2, 3})}, outputs), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "output 'y' (2x3) needs 24 bytes but its buffer has 20");
  // The caller learns what is needed.
  EXPECT_EQ(dims(outputs[0]), (std::vector<int64_t>{2, 3}));
}

TEST_F(Outputs, CallerBufferUnaligned) {
  std::vector<char> buffer(64);
  std::vector<tenon_tensor> outputs = {tensor(two, {2, 3})};
  outputs[0].data = reinterpret_cast<char *>((reinterpret_cast<uintptr_t>(buffer.data()) | 3u) + 2);
  EXPECT_EQ(opened.run({tensor(two, {2, 3})}, outputs), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "the buffer of output 'y' is not aligned to 4 bytes");
}

TEST_F(Outputs, CallerBufferOverlapsInput) {
  std::vector<float> shared(9);
  std::vector<tenon_tensor> outputs = {tensor(shared, {6})};
  tenon_tensor x = tensor(shared, {2, 3});
  x.data = shared.data() + 3;
  EXPECT_EQ(opened.run({x}, outputs), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "the buffer of output 'y' overlaps input 'x'");
}

// Blocks handed out by an output allocator.
struct Blocks {
  std::map<uint32_t, std::vector<float>> blocks;
  bool refuse = false;
  static void *allocate(void *user, uint32_t index, const tenon_tensor *tensor, uint64_t sizeBytes) {
    auto &self = *static_cast<Blocks *>(user);
    EXPECT_EQ(tensor->rank, 2u);
    EXPECT_EQ(static_cast<uint64_t>(tensor->dims[0] * tensor->dims[1] * 4), sizeBytes);
    if (self.refuse)
      return nullptr;
    return (self.blocks[index] = std::vector<float>(sizeBytes / 4 + 1)).data();
  }
};

TEST_F(Outputs, OfAnAllocator) {
  Blocks blocks;
  tenon_set_output_allocator(opened.session, Blocks::allocate, &blocks);
  std::vector<tenon_tensor> outputs(1);
  ASSERT_EQ(opened.run({tensor(two, {2, 3})}, outputs), TENON_OK);
  EXPECT_EQ(outputs[0].data, blocks.blocks[0].data());
  EXPECT_EQ(outputs[0].flags, 0u);
  EXPECT_EQ(values<float>(outputs[0]), wantedTwo);

  blocks.refuse = true;
  outputs[0] = {};
  EXPECT_EQ(opened.run({tensor(two, {2, 3})}, outputs), TENON_OUT_OF_MEMORY);
  EXPECT_EQ(opened.error(), "no memory for output 'y' of 24 bytes");

  tenon_set_output_allocator(opened.session, nullptr, nullptr);
  ASSERT_EQ(opened.run({tensor(two, {2, 3})}, outputs), TENON_OK);
  EXPECT_EQ(outputs[0].flags, TENON_SESSION_OWNED);
}

// y of declared rank 2 has one dimension in this run, the last one.
TEST(OutputRank, LessThanDeclared) {
  auto plan = [](tenon_host *, const int64_t *, int64_t *) -> int32_t { return TENON_OK; };
  auto run = [](tenon_host *host, const void *const *inputs, const int64_t *, void *, const void *) -> int32_t {
    int64_t dims[] = {3, -1};
    void *y = host->output(host, 0, dims);
    if (!y)
      return TENON_INTERNAL;
    memcpy(y, inputs[0], 12);
    return TENON_OK;
  };
  TestModel model(plan, run);
  model.input("x", TENON_F32, {3}).output("y", TENON_F32, {-1, 3});
  Opened opened(model.finish());
  std::vector<float> x = {1, 2, 3};
  std::vector<tenon_tensor> outputs(1);
  ASSERT_EQ(opened.run({tensor(x, {3})}, outputs), TENON_OK) << opened.error();
  EXPECT_EQ(outputs[0].rank, 1u);
  EXPECT_EQ(dims(outputs[0]), (std::vector<int64_t>{3}));
  EXPECT_EQ(values<float>(outputs[0]), x);
}

// A decoder's cache: present[1,2,t+1,2] = concat(past[1,2,t,2], step[1,2,1,2]) over dimension 2; total = sum(past).
struct Cache {
  static int32_t plan(tenon_host *, const int64_t *inputDims, int64_t *table) {
    table[2] = inputDims[2];
    return TENON_OK;
  }
  static int32_t run(tenon_host *host, const void *const *inputs, const int64_t *table, void *, const void *) {
    int64_t t = table[2], dims[] = {1, 2, t + 1, 2};
    auto *past = static_cast<const float *>(inputs[0]), *step = static_cast<const float *>(inputs[1]);
    auto *present = static_cast<float *>(host->output(host, 0, dims));
    auto *total = static_cast<float *>(host->output(host, 1, nullptr));
    if (!present || !total)
      return TENON_INTERNAL;
    for (int64_t head = 0; head < 2; ++head) {
      memcpy(present + head * (t + 1) * 2, past + head * t * 2, static_cast<size_t>(t) * 8);
      memcpy(present + head * (t + 1) * 2 + t * 2, step + head * 2, 8);
    }
    *total = 0;
    for (int64_t i = 0; i < 2 * t * 2; ++i)
      *total += past[i];
    return TENON_OK;
  }
  static TestModel make() {
    TestModel model(plan, run);
    model.symbol("t");
    model.input("past", TENON_F32, {1, 2, -1, 2}, {-1, -1, 0, -1}).input("step", TENON_F32, {1, 2, 1, 2});
    model.output("present", TENON_F32, {1, 2, -1, 2}).output("total", TENON_F32, {});
    return model;
  }
};

TEST(Alias, CacheGrowsInPlace) {
  TestModel model = Cache::make();
  Opened opened(model.finish());
  ASSERT_EQ(tenon_alias(opened.session, 0, 0), TENON_OK);
  // Room for 3 steps per head; the cache starts empty.
  constexpr int64_t room = 3;
  std::vector<float> cache(2 * room * 2, -1.f);
  tenon_tensor past = tensor(cache, {1, 2, 0, 2});
  past.capacity_bytes = cache.size() * 4;
  past.byte_strides[0] = 2 * room * 8;
  past.byte_strides[1] = room * 8;
  past.byte_strides[2] = 8;
  past.byte_strides[3] = 4;
  std::vector<tenon_tensor> outputs(2);
  float expectedTotal = 0;
  for (int64_t t = 0; t < room; ++t) {
    float base = static_cast<float>(10 * t);
    std::vector<float> step = {base, base + 1, base + 2, base + 3};
    ASSERT_EQ(opened.run({past, tensor(step, {1, 2, 1, 2})}, outputs), TENON_OK) << opened.error();
    EXPECT_EQ(outputs[0].data, cache.data());
    EXPECT_EQ(outputs[0].dims[2], t + 1);
    EXPECT_EQ(outputs[0].byte_strides[1], room * 8);
    EXPECT_EQ(outputs[0].capacity_bytes, cache.size() * 4);
    EXPECT_EQ(*static_cast<float *>(outputs[1].data), expectedTotal);
    expectedTotal += 4 * base + 6;
    past = outputs[0];
  }
  EXPECT_EQ(cache, (std::vector<float>{0, 1, 10, 11, 20, 21, 2, 3, 12, 13, 22, 23}));

  std::vector<float> step(4), before = cache;
  EXPECT_EQ(opened.run({past, tensor(step, {1, 2, 1, 2})}, outputs), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(),
            "output 'present' (1x2x4x2) does not fit the strides of input 'past': dimension 2 runs into the next");
  EXPECT_EQ(cache, before);
}

TEST(Alias, CapacityIsChecked) {
  TestModel model = Cache::make();
  Opened opened(model.finish());
  ASSERT_EQ(tenon_alias(opened.session, 0, 0), TENON_OK);
  std::vector<float> cache(12), step(4);
  tenon_tensor past = tensor(cache, {1, 2, 2, 2});
  past.byte_strides[1] = 24;
  past.byte_strides[2] = 8;
  past.byte_strides[3] = 4;
  past.capacity_bytes = 44;
  std::vector<tenon_tensor> outputs(2);
  EXPECT_EQ(opened.run({past, tensor(step, {1, 2, 1, 2})}, outputs), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "output 'present' (1x2x3x2) needs 48 bytes but the buffer of input 'past' has 44");
}

TEST(Alias, WrongPairs) {
  TestModel model = Cache::make();
  Opened opened(model.finish());
  EXPECT_EQ(tenon_alias(opened.session, 2, 0), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "got output 2 but the model has 2");
  EXPECT_EQ(tenon_alias(opened.session, 0, 2), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "got input 2 but the model has 2");
  EXPECT_EQ(tenon_alias(opened.session, 1, 0), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "output 'total' (f32, rank 0) cannot share the buffer of input 'past' (f32, rank 4)");
}

TEST(Alias, TakenBack) {
  TestModel model = Cache::make();
  Opened opened(model.finish());
  ASSERT_EQ(tenon_alias(opened.session, 0, 0), TENON_OK);
  ASSERT_EQ(tenon_alias(opened.session, 0, -1), TENON_OK);
  std::vector<float> cache(4, 5.f), step(4);
  std::vector<tenon_tensor> outputs(2);
  ASSERT_EQ(opened.run({tensor(cache, {1, 2, 1, 2}), tensor(step, {1, 2, 1, 2})}, outputs), TENON_OK);
  EXPECT_NE(outputs[0].data, cache.data());
  EXPECT_EQ(cache, std::vector<float>(4, 5.f));
}

} // namespace
