// Processor features: which the model misses, and what the user is told.
#include "runtime/Features.h"
#include "test/runtime/TestModel.h"

#include <set>

using namespace tenon::runtime;
using namespace tenon::test;

namespace {

class Features : public testing::Test {
protected:
  void TearDown() override { hideFeaturesForTest(nullptr, 0); }

  void hide(std::vector<const char *> names) {
    hidden = std::move(names);
    hideFeaturesForTest(hidden.data(), static_cast<uint32_t>(hidden.size()));
  }

  int32_t open(std::vector<const char *> features) {
    TestModel model = Affine::make();
    tenon_model &descriptor = model.finish();
    descriptor.features = features.data();
    descriptor.num_features = static_cast<uint32_t>(features.size());
    tenon_module *module = nullptr;
    char text[1024];
    int32_t status = tenon_open_linked(&descriptor, nullptr, &module, text, sizeof text);
    EXPECT_EQ(module != nullptr, status == TENON_OK);
    tenon_close(module);
    error = text;
    return status;
  }

  std::vector<const char *> hidden;
  std::string error;
};

TEST_F(Features, RowsAreUnique) {
  const FeatureTable &table = hostFeatureTable();
  std::set<std::string> names;
  for (uint32_t i = 0; i < table.numRows; ++i) {
    EXPECT_TRUE(names.insert(table.rows[i].name).second) << table.rows[i].name;
    EXPECT_LT(table.rows[i].word, kMaxFeatureWords);
    EXPECT_NE(table.rows[i].mask, 0u);
  }
}

TEST_F(Features, UnknownNamesAreRefused) {
  EXPECT_EQ(open({"warp-drive"}), TENON_INCOMPATIBLE);
  EXPECT_NE(error.find("are missing here: warp-drive (unknown to this runtime)"), std::string::npos) << error;
}

#if defined(__x86_64__)
// The compiler's own idea of this processor.
TEST_F(Features, AgreesWithTheCompiler) {
  __builtin_cpu_init();
  auto expectSame = [](const char *name, bool expected) { EXPECT_EQ(hasFeature(name), expected) << name; };
  expectSame("sse3", __builtin_cpu_supports("sse3"));
  expectSame("ssse3", __builtin_cpu_supports("ssse3"));
  expectSame("sse4.1", __builtin_cpu_supports("sse4.1"));
  expectSame("sse4.2", __builtin_cpu_supports("sse4.2"));
  expectSame("popcnt", __builtin_cpu_supports("popcnt"));
  expectSame("avx", __builtin_cpu_supports("avx"));
  expectSame("avx2", __builtin_cpu_supports("avx2"));
  expectSame("bmi", __builtin_cpu_supports("bmi"));
  expectSame("bmi2", __builtin_cpu_supports("bmi2"));
  expectSame("fma", __builtin_cpu_supports("fma"));
  expectSame("avx512f", __builtin_cpu_supports("avx512f"));
  expectSame("avx512vl", __builtin_cpu_supports("avx512vl"));
  expectSame("avx512bw", __builtin_cpu_supports("avx512bw"));
  expectSame("avx512dq", __builtin_cpu_supports("avx512dq"));
  expectSame("avx512cd", __builtin_cpu_supports("avx512cd"));
  expectSame("avx512vbmi", __builtin_cpu_supports("avx512vbmi"));
  expectSame("avx512vnni", __builtin_cpu_supports("avx512vnni"));
  expectSame("avx512bf16", __builtin_cpu_supports("avx512bf16"));
  expectSame("gfni", __builtin_cpu_supports("gfni"));
}

TEST_F(Features, BaseFeaturesArePresent) {
  EXPECT_EQ(open({"64bit", "cmov", "cx8", "fxsr", "mmx", "sse", "sse2", "x87"}), TENON_OK) << error;
}

TEST_F(Features, MissingOnesAreNamedTogether) {
  hide({"avx512f", "avx512bw", "avx2"});
  EXPECT_EQ(open({"sse2", "avx512f", "avx512bw"}), TENON_INCOMPATIBLE);
  EXPECT_NE(
      error.find(
          "the model needs processor features that are missing here: avx512f, avx512bw; compile it with --cpu x86-64"),
      std::string::npos)
      << error;
  EXPECT_EQ(open({"sse2"}), TENON_OK) << error;
}

TEST_F(Features, BestLevelIsNamed) {
  struct Case {
    const char *hidden;
    const char *cpu;
  };
  // Each is the first feature of the next level.
  for (Case test : {Case{"cx16", "x86-64"}, Case{"avx", "x86-64-v2"}, Case{"avx512f", "x86-64-v3"}}) {
    // A processor that lacks the level anyway would name an older one.
    const FeatureTable &table = hostFeatureTable();
    std::string full = table.bestCpu(hasFeature);
    if (full < test.cpu)
      GTEST_SKIP() << "this processor is older than " << test.cpu;
    hide({test.hidden});
    EXPECT_EQ(open({test.hidden}), TENON_INCOMPATIBLE);
    EXPECT_EQ(error, std::string("the model needs processor features that are missing here: ") + test.hidden +
                         "; compile it with --cpu " + test.cpu);
    hide({});
  }
}

TEST_F(Features, RegistersMustBeEnabled) {
  const FeatureTable &table = hostFeatureTable();
  uint64_t words[kMaxFeatureWords] = {0};
  table.read(words);
  for (uint32_t i = 0; i < table.numRows; ++i)
    if (strcmp(table.rows[i].name, "avx2") == 0 || strcmp(table.rows[i].name, "avx512f") == 0 ||
        strcmp(table.rows[i].name, "amx-tile") == 0) {
      // No register state at all: an operating system without XSAVE.
      uint64_t none[kMaxFeatureWords] = {0};
      EXPECT_NE(table.rows[i].registers, 0);
      EXPECT_FALSE(table.registersEnabled(table.rows[i].registers, none)) << table.rows[i].name;
    }
}
#endif

#if defined(__aarch64__)
TEST_F(Features, BaseFeaturesArePresent) { EXPECT_EQ(open({"v8a", "neon", "fp-armv8"}), TENON_OK) << error; }

TEST_F(Features, MissingOnesAreNamed) {
  hide({"dotprod"});
  EXPECT_EQ(open({"neon", "dotprod"}), TENON_INCOMPATIBLE);
  EXPECT_EQ(error, "the model needs processor features that are missing here: dotprod; compile it with --cpu generic");
}
#endif

} // namespace
