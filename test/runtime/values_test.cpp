// Sequences, optional values and maps: packing, unpacking, and what is said about tensors that do not fit together.
#include "test/runtime/TestModel.h"

#include <algorithm>
#include <optional>

using namespace tenon::test;

namespace {

// Outputs are the inputs: an optional sequence of elements of rank 0 to 2, a sequence of vectors, a map, an optional
// tensor.
struct Echo {
  static constexpr uint32_t count = 10;
  static int32_t plan(tenon_host *, const int64_t *inputDims, int64_t *table) {
    for (int i = 0; i < 11; ++i)
      table[2 + i] = inputDims[i];
    return TENON_OK;
  }
  static int32_t run(tenon_host *host, const void *const *inputs, const int64_t *table, void *, const void *) {
    static constexpr uint32_t ranks[count] = {0, 1, 2, 1, 1, 2, 1, 1, 0, 2};
    static constexpr size_t bytes[count] = {1, 4, 8, 8, 4, 8, 8, 4, 1, 4};
    const int64_t *dims = table + 2;
    for (uint32_t i = 0; i < count; ++i) {
      size_t size = bytes[i];
      for (uint32_t d = 0; d < ranks[i]; ++d)
        size *= static_cast<size_t>(dims[d]);
      void *memory = host->output(host, i, dims);
      if (!memory)
        return TENON_INTERNAL;
      memcpy(memory, inputs[i], size);
      dims += ranks[i];
    }
    return TENON_OK;
  }
  static TestModel make() {
    TestModel model(plan, run);
    auto add = [&](const char *name, uint32_t dtype, const std::vector<int64_t> &dims) {
      model.input(name, dtype, dims).output(name, dtype, dims);
    };
    add("s[present]", TENON_BOOL, {});
    add("s[data]", TENON_F32, {-1});
    add("s[extents]", TENON_I64, {-1, 2});
    add("s[ranks]", TENON_I64, {-1});
    add("v[data]", TENON_F32, {-1});
    add("v[extents]", TENON_I64, {-1, 1});
    add("m[keys]", TENON_I64, {-1});
    add("m[values]", TENON_F32, {-1});
    add("o[present]", TENON_BOOL, {});
    add("o[value]", TENON_F32, {-1, 2});
    return model;
  }
};

class Values : public testing::Test {
protected:
  Values() {
    for (uint32_t output : {0u, 1u}) {
      specs.push_back({"s", TENON_SEQUENCE, output, 1, 0, 4});
      specs.push_back({"v", TENON_SEQUENCE, output, 0, 4, 2});
      specs.push_back({"m", TENON_MAP, output, 0, 6, 2});
      specs.push_back({"o", TENON_OPTIONAL_TENSOR, output, 1, 8, 2});
    }
    tenon_model &descriptor = model.finish();
    descriptor.values = specs.data();
    descriptor.num_values = 8;
    descriptor.table_slots = 16;
    opened.emplace(descriptor);
    inputs = std::vector<tenon_tensor>(Echo::count);
    inputs[6] = tensor(keys, {2});
    inputs[7] = tensor(numbers, {2});
    EXPECT_EQ(pack(0, {}), TENON_OK);
    EXPECT_EQ(pack(1, {}), TENON_OK);
    EXPECT_EQ(packAbsent(3), TENON_OK);
  }

  int32_t pack(uint32_t value, const std::vector<tenon_tensor> &elements) {
    return tenon_pack(opened->session, value, elements.data(), static_cast<int64_t>(elements.size()),
                      &inputs[specs[value].first_tensor]);
  }
  int32_t packAbsent(uint32_t value) {
    return tenon_pack(opened->session, value, nullptr, -1, &inputs[specs[value].first_tensor]);
  }
  void expectError(const char *text) {
    EXPECT_EQ(opened->run(inputs, outputs), TENON_INVALID_ARGUMENT);
    EXPECT_EQ(opened->error(), text);
  }
  std::vector<tenon_tensor> unpacked(uint32_t value) {
    const tenon_value_spec &spec = specs[4 + value];
    const tenon_tensor *parts = &outputs[spec.first_tensor];
    std::vector<tenon_tensor> elements(static_cast<size_t>(std::max<int64_t>(tenon_count(&spec, parts), 0)));
    tenon_unpack(&spec, parts, elements.data());
    return elements;
  }

  TestModel model = Echo::make();
  std::vector<tenon_value_spec> specs;
  std::optional<Opened> opened;
  std::vector<float> numbers = {1, 2, 3, 4, 5, 6};
  std::vector<int64_t> keys = {-3, 8}, table, rankList;
  std::vector<tenon_tensor> inputs, outputs = std::vector<tenon_tensor>(Echo::count);
};

TEST_F(Values, AreFoundByName) {
  EXPECT_EQ(tenon_num_values(opened->module), 8u);
  EXPECT_EQ(tenon_find_value(opened->module, "v", 0), 1);
  EXPECT_EQ(tenon_find_value(opened->module, "v", 1), 5);
  EXPECT_EQ(tenon_find_value(opened->module, "w", 0), -1);
  EXPECT_EQ(tenon_value(opened->module, 2)->kind, static_cast<uint32_t>(TENON_MAP));
  EXPECT_EQ(tenon_value(opened->module, 8), nullptr);
}

TEST_F(Values, ElementsOfAnyShapeAndRank) {
  tenon_tensor turned = tensor(numbers, {2, 3});
  std::swap(turned.dims[0], turned.dims[1]);
  std::swap(turned.byte_strides[0], turned.byte_strides[1]);
  ASSERT_EQ(pack(0, {turned, tensor(numbers, {}), tensor(numbers, {2, 0}), tensor(numbers, {4})}), TENON_OK);
  ASSERT_EQ(opened->run(inputs, outputs), TENON_OK) << opened->error();
  std::vector<tenon_tensor> elements = unpacked(0);
  ASSERT_EQ(elements.size(), 4u);
  EXPECT_EQ(dims(elements[0]), (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(values<float>(elements[0]), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(dims(elements[1]), (std::vector<int64_t>{}));
  EXPECT_EQ(values<float>(elements[1]), (std::vector<float>{1}));
  EXPECT_EQ(dims(elements[2]), (std::vector<int64_t>{2, 0}));
  EXPECT_EQ(values<float>(elements[3]), (std::vector<float>{1, 2, 3, 4}));
}

TEST_F(Values, AbsentAndEmpty) {
  ASSERT_EQ(packAbsent(0), TENON_OK);
  ASSERT_EQ(opened->run(inputs, outputs), TENON_OK) << opened->error();
  EXPECT_EQ(tenon_count(&specs[4], &outputs[0]), -1);
  EXPECT_EQ(tenon_count(&specs[5], &outputs[4]), 0);
  EXPECT_EQ(tenon_count(&specs[6], &outputs[6]), 2);
  EXPECT_EQ(tenon_count(&specs[7], &outputs[8]), -1);
  ASSERT_EQ(pack(0, {}), TENON_OK);
  ASSERT_EQ(pack(3, {tensor(numbers, {3, 2})}), TENON_OK);
  ASSERT_EQ(opened->run(inputs, outputs), TENON_OK) << opened->error();
  EXPECT_EQ(tenon_count(&specs[4], &outputs[0]), 0);
  ASSERT_EQ(unpacked(3).size(), 1u);
  EXPECT_EQ(values<float>(unpacked(3)[0]), numbers);
}

TEST_F(Values, PackingSaysWhatIsWrong) {
  auto expect = [&](int32_t status, const char *text) {
    EXPECT_EQ(status, TENON_INVALID_ARGUMENT);
    EXPECT_EQ(opened->error(), text);
  };
  expect(pack(1, {tensor(numbers, {2}), tensor(keys, {2})}), "input 'v' element 1 has type i64 but expected f32");
  expect(pack(1, {tensor(numbers, {2, 1})}), "input 'v' element 0 has rank 2 but expected 1");
  expect(pack(0, {tensor(numbers, {1, 2, 1})}), "input 's' element 0 has rank 3 but expected at most 2");
  expect(pack(1, {tenon_dense_tensor(TENON_F32, 1, keys.data() + 1, nullptr)}),
         "input 'v' element 0 (8) has no data or no valid extents");
  expect(packAbsent(1), "input 'v' is not optional");
  expect(pack(3, {}), "input 'o' is one tensor but got 0");
  expect(pack(2, {}), "input 'm' is a map: its tensors are passed as they are");
  expect(tenon_pack(opened->session, 5, nullptr, 0, outputs.data()), "value 5 of the model is no input");
  expect(tenon_pack(opened->session, 8, nullptr, 0, outputs.data()), "value 8 of the model is no input");
}

TEST_F(Values, TablesThatDoNotFitTheirData) {
  auto set = [&](std::vector<int64_t> extents, std::vector<int64_t> ranks, int64_t size) {
    table = std::move(extents);
    rankList = std::move(ranks);
    auto length = static_cast<int64_t>(table.size() / 2);
    inputs[1] = tensor(numbers, {size});
    inputs[2] = tensor(table, {length, 2});
    inputs[3] = tensor(rankList, {static_cast<int64_t>(rankList.size())});
  };
  const char *invalid = "input 's' element 0 has no valid rank or extents";
  set({2, 3}, {2}, 5);
  expectError("input 's' has data of 5 numbers but its elements have 6");
  set({2, 3}, {2, 1}, 6);
  expectError("input 's' has extents of 1 elements and ranks of 2");
  set({2, 3}, {1}, 6);
  expectError(invalid);
  set({2, 3}, {3}, 6);
  expectError(invalid);
  set({-2, -3}, {2}, 6);
  expectError(invalid);
  set({int64_t(1) << 62, 8}, {2}, 6);
  expectError(invalid);
  set({2, 3}, {2}, 6);
  EXPECT_EQ(opened->run(inputs, outputs), TENON_OK) << opened->error();
}

TEST_F(Values, KeysThatDoNotAscend) {
  keys = {8, 8};
  expectError("input 'm' has key 8 before 8, expected ascending keys");
  inputs[7] = tensor(numbers, {3});
  expectError("input 'm' has 2 keys and 3 values");
}

TEST_F(Values, APresentThatIsNoBoolean) {
  uint8_t present = 2;
  inputs[0] = tenon_dense_tensor(TENON_BOOL, 0, nullptr, &present);
  expectError("input 's' is neither present nor absent");
}

TEST(ValueDescriptor, IsChecked) {
  TestModel model = Echo::make();
  tenon_model &descriptor = model.finish();
  auto expect = [&](tenon_value_spec spec, const char *text) {
    descriptor.values = &spec;
    descriptor.num_values = 1;
    tenon_module *module = nullptr;
    char error[256] = "";
    EXPECT_EQ(tenon_open_linked(&descriptor, nullptr, &module, error, sizeof error), TENON_INCOMPATIBLE);
    EXPECT_STREQ(error, text);
  };
  const char *unknown = "the model describes a value that this runtime does not know";
  expect({"s", 9, 0, 1, 0, 4}, unknown);
  expect({"s", TENON_SEQUENCE, 0, 1, 0, 5}, unknown);
  expect({"s", TENON_SEQUENCE, 0, 0, 9, 2}, unknown);
  expect({"s", TENON_SEQUENCE, 0, 1, 0, 0}, unknown);
  expect({nullptr, TENON_SEQUENCE, 0, 1, 0, 4}, unknown);
  expect({"s", TENON_SEQUENCE, 0, 0, 0, 2}, "the tensors of value 's' are not those of its kind");
  expect({"s", TENON_MAP, 0, 0, 4, 2}, "the tensors of value 's' are not those of its kind");
}

} // namespace
