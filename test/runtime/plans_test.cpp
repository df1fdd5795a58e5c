// Plans are made once per set of input dimensions, kept for the last TENON_MAX_PLANS ones.
#include "test/runtime/TestModel.h"

using namespace tenon::test;

namespace {

class Plans : public testing::Test {
protected:
  // How many plans running with these numbers of rows made.
  int plansFor(std::vector<int64_t> rows) {
    int before = Affine::plans;
    for (int64_t n : rows) {
      std::vector<float> x(static_cast<size_t>(n) * 3, static_cast<float>(n));
      std::vector<tenon_tensor> outputs(1);
      EXPECT_EQ(opened.run({tensor(x, {n, 3})}, outputs), TENON_OK) << opened.error();
      EXPECT_EQ(values<float>(outputs[0]),
                std::vector<float>(static_cast<size_t>(n) * 3, 2.f * static_cast<float>(n) + 1));
    }
    return Affine::plans - before;
  }

  TestModel model = Affine::make();
  Opened opened{model.finish()};
};

TEST_F(Plans, OncePerShape) {
  EXPECT_EQ(plansFor({1, 1, 1}), 1);
  EXPECT_EQ(plansFor({2, 1, 2, 1}), 1);
}

TEST_F(Plans, BoundedNumberIsKept) {
  std::vector<int64_t> all;
  for (int64_t n = 1; n <= TENON_MAX_PLANS; ++n)
    all.push_back(n);
  EXPECT_EQ(plansFor(all), static_cast<int>(TENON_MAX_PLANS));
  EXPECT_EQ(plansFor(all), 0);
}

TEST_F(Plans, LeastRecentlyUsedMakesRoom) {
  for (int64_t n = 1; n <= TENON_MAX_PLANS; ++n)
    plansFor({n});
  plansFor({1});
  EXPECT_EQ(plansFor({100}), 1);
  EXPECT_EQ(plansFor({1, 100}), 0) << "1 was used after 2";
  EXPECT_EQ(plansFor({2}), 1) << "2 was the oldest";
  EXPECT_EQ(plansFor({4}), 0);
}

TEST_F(Plans, MemoryGrowsOnlyWhenAPlanNeedsIt) {
  plansFor({100});
  uint64_t arena = tenon_session_memory(opened.session).arena_bytes;
  EXPECT_GE(arena, 1200u);
  plansFor({1, 50, 100});
  EXPECT_EQ(tenon_session_memory(opened.session).arena_bytes, arena);
  plansFor({200});
  EXPECT_GE(tenon_session_memory(opened.session).arena_bytes, 2400u);
}

TEST_F(Plans, BoundsReserveMemoryAhead) {
  tenon_model bounded = model.finish();
  tenon_extent_range range{2, 200};
  bounded.symbol_ranges = &range;
  Opened other(bounded);
  EXPECT_GE(tenon_session_memory(other.session).arena_bytes, 2400u);
  std::vector<float> x(603);
  std::vector<tenon_tensor> outputs(1);
  EXPECT_EQ(other.run({tensor(x, {200, 3})}, outputs), TENON_OK) << other.error();
  EXPECT_EQ(other.run({tensor(x, {201, 3})}, outputs), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(other.error(), "input 'x' dimension 0 ('n') is 201 but the model was compiled for 2..200");
  EXPECT_EQ(other.run({tensor(x, {1, 3})}, outputs), TENON_INVALID_ARGUMENT);
  // Without an upper bound nothing can be reserved.
  range.largest = INT64_MAX;
  Opened wide(bounded);
  EXPECT_EQ(tenon_session_memory(wide.session).arena_bytes, 0u);
  EXPECT_EQ(wide.run({tensor(x, {201, 3})}, outputs), TENON_OK) << wide.error();
}

TEST_F(Plans, SessionsHaveTheirOwn) {
  EXPECT_EQ(plansFor({5}), 1);
  Opened other(model.finish());
  int before = Affine::plans;
  std::vector<float> x(15);
  std::vector<tenon_tensor> outputs(1);
  EXPECT_EQ(other.run({tensor(x, {5, 3})}, outputs), TENON_OK);
  EXPECT_EQ(Affine::plans, before + 1);
}

} // namespace
