// Opening models: from files and linked ones, ABI checks, weights in a file of their own.
#include "test/runtime/TestModel.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

using namespace tenon::test;
namespace fs = std::filesystem;

namespace {

class Modules : public testing::Test {
protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "tenon-module-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }

  // A copy of one of the libraries that were built beside this test.
  std::string install(const char *library, const char *as) {
    fs::path target = folder / as;
    fs::copy_file(fs::path(TEST_LIBRARIES) / library, target, fs::copy_options::overwrite_existing);
    return target;
  }

  void write(const char *name, const std::string &content) {
    std::ofstream(folder / name, std::ios::binary) << content;
  }

  int32_t open(const std::string &path, const char *symbol = nullptr) {
    tenon_close(module);
    char text[1024];
    int32_t status = tenon_open(path.c_str(), symbol, &module, text, sizeof text);
    EXPECT_EQ(module != nullptr, status == TENON_OK);
    error = text;
    return status;
  }

  // What the opened model makes of one row.
  static std::vector<float> run(tenon_module *module, const std::vector<float> &row) {
    tenon_session *session = nullptr;
    EXPECT_EQ(tenon_session_create(module, 1, &session, nullptr, 0), TENON_OK);
    tenon_tensor x = tensor(row, {1, 3}), y = {};
    EXPECT_EQ(tenon_run(session, &x, 1, &y, 1), TENON_OK) << tenon_session_error(session);
    std::vector<float> result = values<float>(y);
    tenon_session_destroy(session);
    return result;
  }

  ~Modules() override { tenon_close(module); }

  fs::path folder;
  tenon_module *module = nullptr;
  std::string error;
};

TEST_F(Modules, SharedLibrary) {
  ASSERT_EQ(open(install("affine.so", "model.so")), TENON_OK) << error;
  EXPECT_EQ(error, "");
  EXPECT_STREQ(tenon_descriptor(module)->name, "affine");
  EXPECT_EQ(run(module, {1, 2, 3}), (std::vector<float>{3, 14, 106}));
}

TEST_F(Modules, PathWithoutAFolderIsAFile) {
  install("affine.so", "model.so");
  fs::path before = fs::current_path();
  fs::current_path(folder);
  EXPECT_EQ(open("model.so"), TENON_OK) << error;
  fs::current_path(before);
}

TEST_F(Modules, FileIsMissing) {
  std::string path = folder / "no.so";
  EXPECT_EQ(open(path), TENON_IO_ERROR);
  EXPECT_EQ(error, "cannot open '" + path + "': No such file or directory");
}

TEST_F(Modules, NotALibrary) {
  write("text.so", "this is no shared library");
  EXPECT_EQ(open(folder / "text.so"), TENON_INCOMPATIBLE);
  EXPECT_EQ(error, "'" + (folder / "text.so").string() + "' is not a shared library");
  EXPECT_EQ(open(folder), TENON_IO_ERROR);
  EXPECT_EQ(error, "'" + folder.string() + "' is not a regular file");
}

TEST_F(Modules, TruncatedLibrary) {
  std::string path = install("affine.so", "model.so");
  fs::resize_file(path, 300);
  EXPECT_EQ(open(path), TENON_INCOMPATIBLE);
  EXPECT_NE(error.find("cannot load '" + path + "'"), std::string::npos) << error;
}

TEST_F(Modules, OtherProcessor) {
  std::string path = install("affine.so", "model.so");
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
#if defined(__x86_64__)
  const char machine[2] = {char(183), 0}; // EM_AARCH64
  const char *text =
      "' was compiled for aarch64 but this process runs on x86_64; compile it with --target x86_64-linux-gnu";
#else
  const char machine[2] = {62, 0}; // EM_X86_64
  const char *text =
      "' was compiled for x86_64 but this process runs on aarch64; compile it with --target aarch64-linux-gnu";
#endif
  file.seekp(18).write(machine, 2);
  file.close();
  EXPECT_EQ(open(path), TENON_INCOMPATIBLE);
  EXPECT_EQ(error, "'" + path + text);
}

TEST_F(Modules, SymbolIsMissing) {
  std::string path = install("affine.so", "model.so");
  EXPECT_EQ(open(path, "digits"), TENON_INCOMPATIBLE);
  EXPECT_EQ(error, "'" + path + "' is not a compiled model: it has no symbol 'digits'");
}

TEST_F(Modules, ErrorBufferMayBeSmallOrAbsent) {
  char small[8] = "xxxxxxx";
  EXPECT_EQ(tenon_open("/no/such/file", nullptr, &module, small, sizeof small), TENON_IO_ERROR);
  EXPECT_STREQ(small, "cannot ");
  EXPECT_EQ(tenon_open("/no/such/file", nullptr, &module, nullptr, 0), TENON_IO_ERROR);
}

// The dynamic linker alone would give the old library back as long as it is open.
TEST_F(Modules, ReplacedLibraryIsOpenedAnew) {
  std::string path = install("affine.so", "model.so");
  ASSERT_EQ(open(path), TENON_OK) << error;
  tenon_module *old = std::exchange(module, nullptr);
  install("affine-triple.so", "new.so");
  fs::rename(folder / "new.so", path);
  ASSERT_EQ(open(path), TENON_OK) << error;
  EXPECT_EQ(run(module, {1, 2, 3}), (std::vector<float>{4, 16, 109}));
  EXPECT_EQ(run(old, {1, 2, 3}), (std::vector<float>{3, 14, 106}));
  // The same file again is the same library.
  tenon_module *replaced = std::exchange(module, nullptr);
  ASSERT_EQ(open(path), TENON_OK) << error;
  EXPECT_EQ(tenon_descriptor(module), tenon_descriptor(replaced));
  tenon_close(replaced);
  tenon_close(old);
}

TEST_F(Modules, ClosingNothing) { tenon_close(nullptr); }

// ---- The descriptor ----

// Opens a copy of a descriptor that `change` has changed.
template <typename Change> std::pair<int32_t, std::string> openChanged(Change change) {
  TestModel model = Affine::make();
  tenon_model &descriptor = model.finish();
  change(descriptor);
  tenon_module *module = nullptr;
  char text[1024];
  int32_t status = tenon_open_linked(&descriptor, nullptr, &module, text, sizeof text);
  EXPECT_EQ(module != nullptr, status == TENON_OK);
  tenon_close(module);
  return {status, text};
}

TEST_F(Modules, AbiVersionMismatch) {
  auto [status, text] = openChanged([](tenon_model &model) { model.abi_version = 77; });
  EXPECT_EQ(status, TENON_INCOMPATIBLE);
  EXPECT_EQ(text, "the model has ABI version 77 but this runtime expects " + std::to_string(TENON_ABI_VERSION) +
                      "; compile it again");
}

TEST_F(Modules, EmptyRange) {
  static const tenon_extent_range range{8, 1};
  auto [status, text] = openChanged([](tenon_model &model) { model.symbol_ranges = &range; });
  EXPECT_EQ(status, TENON_INCOMPATIBLE);
  EXPECT_EQ(text, "dimension 'n' has the range 8..1");
}

TEST_F(Modules, DescriptorSizeMismatch) {
  auto [status, text] = openChanged([](tenon_model &model) { model.size_bytes -= 8; });
  EXPECT_EQ(status, TENON_INCOMPATIBLE);
  EXPECT_EQ(text, "the model's descriptor has " + std::to_string(sizeof(tenon_model) - 8) +
                      " bytes but this runtime expects " + std::to_string(sizeof(tenon_model)) + "; compile it again");
}

TEST_F(Modules, IncompleteDescriptors) {
  auto incomplete = std::pair<int32_t, std::string>(TENON_INCOMPATIBLE, "the model's descriptor is incomplete");
  EXPECT_EQ(openChanged([](tenon_model &model) { model.run = nullptr; }), incomplete);
  EXPECT_EQ(openChanged([](tenon_model &model) { model.plan = nullptr; }), incomplete);
  EXPECT_EQ(openChanged([](tenon_model &model) { model.table_slots = 1; }), incomplete);
  EXPECT_EQ(openChanged([](tenon_model &model) { model.outputs = nullptr; }), incomplete);
  EXPECT_EQ(openChanged([](tenon_model &model) { model.num_features = 1; }), incomplete);
}

TEST_F(Modules, WrongSpecs) {
  static const int64_t dims[] = {-2, 3};
  static const int32_t symbols[] = {5, -1};
  auto change = [](auto set) {
    auto [status, text] = openChanged([&](tenon_model &model) {
      static tenon_tensor_spec spec;
      spec = model.inputs[0];
      set(spec);
      model.inputs = &spec;
    });
    EXPECT_EQ(status, TENON_INCOMPATIBLE);
    return text;
  };
  EXPECT_EQ(change([](auto &spec) { spec.dtype = 200; }),
            "input 'x' has element type 200, which this runtime does not know");
  EXPECT_EQ(change([](auto &spec) { spec.rank = 17; }), "input 'x' has rank 17 but at most 16 is supported");
  EXPECT_EQ(change([](auto &spec) { spec.dims = dims; }), "input 'x' dimension 0 is -2");
  EXPECT_EQ(change([](auto &spec) { spec.symbols = symbols; }), "input 'x' dimension 0 names symbol 5 of 1");
  EXPECT_EQ(change([](auto &spec) { spec.dims = nullptr; }), "input 'x' has no dimensions");
  EXPECT_EQ(change([](auto &spec) { spec.name = nullptr; }), "input 0 of the model has no name");
}

// ---- Weights in a file ----

const std::string kWeights = [] {
  const float numbers[] = {1, 10, 100};
  return std::string(reinterpret_cast<const char *>(numbers), sizeof numbers);
}();

TEST_F(Modules, WeightsBesideTheLibrary) {
  std::string path = install("affine-weights.so", "model.so");
  write("affine.weights", kWeights);
  ASSERT_EQ(open(path), TENON_OK) << error;
  EXPECT_EQ(run(module, {1, 2, 3}), (std::vector<float>{3, 14, 106}));
}

TEST_F(Modules, WeightsAreNotSearchedElsewhere) {
  std::string path = install("affine-weights.so", "model.so");
  fs::path before = fs::current_path(), elsewhere = folder / "elsewhere";
  fs::create_directory(elsewhere);
  write("elsewhere/affine.weights", kWeights);
  fs::current_path(elsewhere);
  EXPECT_EQ(open(path), TENON_IO_ERROR);
  EXPECT_EQ(error,
            "cannot open weights file '" + (folder / "affine.weights").string() + "': No such file or directory");
  fs::current_path(before);
}

TEST_F(Modules, WeightsOfAnotherSize) {
  std::string path = install("affine-weights.so", "model.so");
  write("affine.weights", kWeights + "x");
  EXPECT_EQ(open(path), TENON_INCOMPATIBLE);
  EXPECT_EQ(error, "weights file '" + (folder / "affine.weights").string() + "' has 13 bytes but the model expects 12");
}

TEST_F(Modules, WeightsWithOtherContents) {
  std::string path = install("affine-weights.so", "model.so"), damaged = kWeights;
  damaged[5] ^= 1;
  write("affine.weights", damaged);
  EXPECT_EQ(open(path), TENON_INCOMPATIBLE);
  EXPECT_NE(error.find("but the model expects 62a313d31226d609"), std::string::npos) << error;
}

TEST_F(Modules, WeightsFolderOfALinkedModel) {
  write("affine.weights", kWeights);
  TestModel model = Affine::make();
  tenon_model &descriptor = model.finish();
  descriptor.weights_file = "affine.weights";
  descriptor.weights_bytes = 12;
  descriptor.weights_digest = 0x62a313d31226d609u;
  char text[1024];
  EXPECT_EQ(tenon_open_linked(&descriptor, nullptr, &module, text, sizeof text), TENON_INVALID_ARGUMENT);
  EXPECT_STREQ(text, "the model needs its weights file 'affine.weights' but no folder was given");
  EXPECT_EQ(tenon_open_linked(&descriptor, folder.c_str(), &module, text, sizeof text), TENON_OK) << text;
}

TEST_F(Modules, WeightsFileIsABaseName) {
  for (const char *name : {"../affine.weights", "/etc/passwd", "a/b", "..", "."}) {
    TestModel model = Affine::make();
    tenon_model &descriptor = model.finish();
    descriptor.weights_file = name;
    char text[1024];
    EXPECT_EQ(tenon_open_linked(&descriptor, folder.c_str(), &module, text, sizeof text), TENON_INCOMPATIBLE);
    EXPECT_EQ(text,
              "the model names weights file '" + std::string(name) + "' but only a name without a folder is allowed");
  }
}

} // namespace
