// Time per kernel is collected when asked for, and only then.
#include "test/runtime/TestModel.h"

#include <ctime>

using namespace tenon::test;

namespace {

TEST(Profile, CountsAndTimes) {
  TestModel model = Affine::make();
  Opened opened(model.finish());
  Affine::work_ns = 7;
  std::vector<tenon_profile> profile(2);
  ASSERT_EQ(tenon_set_profile(opened.session, profile.data(), 2), TENON_OK);
  std::vector<float> x(30'000);
  std::vector<tenon_tensor> outputs(1);
  timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(opened.run({tensor(x, {10'000, 3})}, outputs), TENON_OK);
  clock_gettime(CLOCK_MONOTONIC, &end);
  uint64_t total = 0;
  for (const tenon_profile &entry : profile) {
    EXPECT_EQ(entry.calls, 3u);
    EXPECT_EQ(entry.estimated_ns, 3u * 7 * 10'000);
    EXPECT_EQ(entry.parallel_calls, 0u);
    EXPECT_EQ(entry.launches, 0u) << "the test's model does not tell them";
    EXPECT_GT(entry.total_ns, 0u);
    total += entry.total_ns;
  }
  EXPECT_LE(total, static_cast<uint64_t>((end.tv_sec - start.tv_sec) * 1'000'000'000 + end.tv_nsec - start.tv_nsec));

  ASSERT_EQ(tenon_set_profile(opened.session, nullptr, 0), TENON_OK);
  ASSERT_EQ(opened.run({tensor(x, {10'000, 3})}, outputs), TENON_OK);
  EXPECT_EQ(profile[0].calls, 3u);
  Affine::work_ns = 0;
}

TEST(Profile, SaysWhatRanOnSeveralThreads) {
  TestModel model = Affine::make();
  Opened opened(model.finish(), 2);
  Affine::work_ns = 1'000'000;
  std::vector<tenon_profile> profile(2);
  ASSERT_EQ(tenon_set_profile(opened.session, profile.data(), 2), TENON_OK);
  std::vector<float> x(30);
  std::vector<tenon_tensor> outputs(1);
  ASSERT_EQ(opened.run({tensor(x, {10, 3})}, outputs), TENON_OK);
  EXPECT_EQ(profile[0].parallel_calls, 1u);
  Affine::work_ns = 0;
}

TEST(Profile, CountMustMatch) {
  TestModel model = Affine::make();
  Opened opened(model.finish());
  tenon_profile entry;
  EXPECT_EQ(tenon_set_profile(opened.session, &entry, 1), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "got 1 profile entries but the model has 2 kernels");
}

} // namespace
