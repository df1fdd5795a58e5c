// What tenon_run accepts as inputs, and what it says about the rest.
#include "test/runtime/TestModel.h"

#include <numeric>

using namespace tenon::test;

namespace {

// sum[n,m] = a[n,m] + b[n,m]; the extents of a and b are the same symbols.
struct Add {
  static int32_t plan(tenon_host *, const int64_t *inputDims, int64_t *table) {
    table[2] = inputDims[0];
    table[3] = inputDims[1];
    return TENON_OK;
  }
  static int32_t run(tenon_host *host, const void *const *inputs, const int64_t *table, void *, const void *) {
    int64_t dims[] = {table[2], table[3]};
    auto *sum = static_cast<float *>(host->output(host, 0, dims));
    if (!sum)
      return TENON_INTERNAL;
    for (int64_t i = 0; i < dims[0] * dims[1]; ++i)
      sum[i] = static_cast<const float *>(inputs[0])[i] + static_cast<const float *>(inputs[1])[i];
    return TENON_OK;
  }
  static TestModel make() {
    TestModel model(plan, run);
    model.symbol("rows").symbol("columns");
    model.input("a", TENON_F32, {-1, -1}, {0, 1}).input("b:0", TENON_F32, {-1, -1}, {0, 1});
    model.output("sum", TENON_F32, {-1, -1}, {0, 1});
    return model;
  }
};

class Inputs : public testing::Test {
protected:
  // Runs and expects the failure with this text.
  void expectError(const std::vector<tenon_tensor> &inputs, const std::string &text,
                   int32_t status = TENON_INVALID_ARGUMENT) {
    std::vector<tenon_tensor> outputs(1);
    EXPECT_EQ(opened.run(inputs, outputs), status);
    EXPECT_EQ(opened.error(), text);
  }

  TestModel model = Add::make();
  Opened opened{model.finish()};
  std::vector<float> numbers = [] {
    std::vector<float> values(24);
    std::iota(values.begin(), values.end(), 0.f);
    return values;
  }();
};

TEST_F(Inputs, DenseInputsAreReadInPlace) {
  std::vector<tenon_tensor> outputs(1);
  ASSERT_EQ(opened.run({tensor(numbers, {2, 3}), tensor(numbers, {2, 3})}, outputs), TENON_OK) << opened.error();
  EXPECT_EQ(values<float>(outputs[0]), (std::vector<float>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(dims(outputs[0]), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(tenon_session_memory(opened.session).staging_bytes, 0u);
}

TEST_F(Inputs, AnyStridesAreAccepted) {
  // a: the transpose of a dense [3,2]; b: every second column, from the right.
  tenon_tensor a = tensor(numbers, {2, 3});
  a.byte_strides[0] = 4;
  a.byte_strides[1] = 8;
  tenon_tensor b = tensor(numbers, {2, 3});
  b.data = numbers.data() + 5;
  b.byte_strides[0] = 24;
  b.byte_strides[1] = -8;
  b.capacity_bytes = 0;
  std::vector<tenon_tensor> outputs(1);
  ASSERT_EQ(opened.run({a, b}, outputs), TENON_OK) << opened.error();
  EXPECT_EQ(values<float>(outputs[0]), (std::vector<float>{0 + 5, 2 + 3, 4 + 1, 1 + 11, 3 + 9, 5 + 7}));
  EXPECT_GE(tenon_session_memory(opened.session).staging_bytes, 48u);
}

TEST_F(Inputs, StrideZeroRepeatsAnElement) {
  tenon_tensor a = tensor(numbers, {2, 3});
  a.data = numbers.data() + 7;
  a.byte_strides[0] = a.byte_strides[1] = 0;
  a.capacity_bytes = 4;
  std::vector<tenon_tensor> outputs(1);
  ASSERT_EQ(opened.run({a, tensor(numbers, {2, 3})}, outputs), TENON_OK) << opened.error();
  EXPECT_EQ(values<float>(outputs[0]), (std::vector<float>{7, 8, 9, 10, 11, 12}));
}

TEST_F(Inputs, StridesOfExtentOneDoNotMatter) {
  tenon_tensor a = tensor(numbers, {1, 3});
  a.byte_strides[0] = 12345;
  std::vector<tenon_tensor> outputs(1);
  ASSERT_EQ(opened.run({a, tensor(numbers, {1, 3})}, outputs), TENON_OK) << opened.error();
  EXPECT_EQ(tenon_session_memory(opened.session).staging_bytes, 0u);
}

TEST_F(Inputs, UnalignedDataIsCopied) {
  std::vector<char> bytes(25);
  memcpy(bytes.data() + 1, numbers.data(), 24);
  tenon_tensor a = tensor(numbers, {2, 3});
  a.data = bytes.data() + 1;
  std::vector<tenon_tensor> outputs(1);
  ASSERT_EQ(opened.run({a, tensor(numbers, {2, 3})}, outputs), TENON_OK) << opened.error();
  EXPECT_EQ(values<float>(outputs[0]), (std::vector<float>{0, 2, 4, 6, 8, 10}));
}

TEST_F(Inputs, EmptyTensorsRun) {
  tenon_tensor a = tensor(numbers, {0, 3});
  a.data = nullptr;
  std::vector<tenon_tensor> outputs(1);
  ASSERT_EQ(opened.run({a, tensor(numbers, {0, 3})}, outputs), TENON_OK) << opened.error();
  EXPECT_EQ(dims(outputs[0]), (std::vector<int64_t>{0, 3}));
  EXPECT_NE(outputs[0].data, nullptr);
}

TEST_F(Inputs, WrongCounts) {
  expectError({tensor(numbers, {2, 3})}, "got 1 inputs but the model has 2");
  std::vector<tenon_tensor> inputs = {tensor(numbers, {2, 3}), tensor(numbers, {2, 3})}, outputs(2);
  EXPECT_EQ(opened.run(inputs, outputs), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "got 2 outputs but the model has 1");
}

TEST_F(Inputs, WrongType) {
  std::vector<double> doubles(6);
  expectError({tensor(numbers, {2, 3}), tensor(doubles, {2, 3})}, "input 'b:0' has type f64 but expected f32");
}

TEST_F(Inputs, WrongRank) {
  expectError({tensor(numbers, {2, 3, 1}), tensor(numbers, {2, 3})},
              "input 'a' has rank 3 but expected 2 (rowsxcolumns)");
}

TEST_F(Inputs, UnequalSymbols) {
  expectError({tensor(numbers, {2, 3}), tensor(numbers, {2, 4})},
              "input 'b:0' dimension 1 is 4 but dimension 1 of input 'a' is 3; both are 'columns'");
}

TEST_F(Inputs, NegativeExtent) {
  tenon_tensor a = tensor(numbers, {2, 3});
  a.dims[1] = -3;
  expectError({a, tensor(numbers, {2, 3})}, "input 'a' has dimensions 2x-3 but expected rowsxcolumns");
}

TEST_F(Inputs, TooLarge) {
  tenon_tensor a = tensor(numbers, {2, 3});
  a.dims[0] = a.dims[1] = int64_t(1) << 40;
  a.capacity_bytes = 0;
  tenon_tensor b = a;
  expectError({a, b}, "input 'a' (1099511627776x1099511627776) is too large");
}

TEST_F(Inputs, CapacityTooSmall) {
  tenon_tensor a = tensor(numbers, {2, 3});
  a.capacity_bytes = 20;
  expectError({a, tensor(numbers, {2, 3})}, "input 'a' (2x3) needs 24 bytes but its buffer has 20");
}

TEST_F(Inputs, NoData) {
  tenon_tensor a = tensor(numbers, {2, 3});
  a.data = nullptr;
  expectError({a, tensor(numbers, {2, 3})}, "input 'a' has no data");
}

TEST_F(Inputs, UninitializedStruct) {
  expectError({tenon_tensor{}, tensor(numbers, {2, 3})},
              "the tensor of input 'a' has 0 bytes and ABI version 0 but expected 296 and " +
                  std::to_string(TENON_ABI_VERSION),
              TENON_INCOMPATIBLE);
}

TEST_F(Inputs, OtherDevice) {
  tenon_tensor a = tensor(numbers, {2, 3});
  a.device = 3;
  expectError({a, tensor(numbers, {2, 3})}, "input 'a' is on device 3 but this model takes only 0");
}

TEST_F(Inputs, SessionStaysUsableAfterAFailure) {
  expectError({tensor(numbers, {2, 3})}, "got 1 inputs but the model has 2");
  std::vector<tenon_tensor> outputs(1);
  EXPECT_EQ(opened.run({tensor(numbers, {2, 3}), tensor(numbers, {2, 3})}, outputs), TENON_OK);
  EXPECT_EQ(opened.error(), "");
}

TEST_F(Inputs, StaticDimensionsAreCompared) {
  TestModel affine = Affine::make();
  Opened other(affine.finish());
  std::vector<tenon_tensor> outputs(1);
  EXPECT_EQ(other.run({tensor(numbers, {2, 4})}, outputs), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(other.error(), "input 'x' has dimensions 2x4 but expected nx3");
}

TEST_F(Inputs, ByName) {
  std::vector<tenon_named_tensor> inputs = {{"b:0", tensor(numbers, {2, 3})}, {"a", tensor(numbers, {2, 3})}};
  std::vector<tenon_named_tensor> outputs = {{"sum", {}}};
  ASSERT_EQ(tenon_run_named(opened.session, inputs.data(), 2, outputs.data(), 1), TENON_OK) << opened.error();
  EXPECT_EQ(values<float>(outputs[0].tensor), (std::vector<float>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(tenon_run_named(opened.session, inputs.data(), 2, nullptr, 0), TENON_OK) << opened.error();
}

TEST_F(Inputs, WrongNames) {
  tenon_tensor a = tensor(numbers, {2, 3});
  auto expectFailure = [&](std::vector<tenon_named_tensor> inputs, std::vector<tenon_named_tensor> outputs,
                           const char *text) {
    EXPECT_EQ(tenon_run_named(opened.session, inputs.data(), static_cast<uint32_t>(inputs.size()), outputs.data(),
                              static_cast<uint32_t>(outputs.size())),
              TENON_INVALID_ARGUMENT);
    EXPECT_EQ(opened.error(), text);
  };
  expectFailure({{"a", a}}, {}, "input 'b:0' is missing");
  expectFailure({{"a", a}, {"c", a}}, {}, "the model has no input 'c'");
  expectFailure({{"a", a}, {"a", a}}, {}, "input 'a' is given twice");
  expectFailure({{"a", tenon_tensor{}}}, {}, "the tensor of input 'a' is not filled in");
  expectFailure({{"a", a}, {"b:0", a}}, {{"y", {}}}, "the model has no output 'y'");
  expectFailure({{"a", a}, {"b:0", a}}, {{"sum", {}}, {"sum", {}}}, "output 'sum' is given twice");
}

TEST_F(Inputs, Queries) {
  EXPECT_EQ(tenon_num_inputs(opened.module), 2u);
  EXPECT_EQ(tenon_num_outputs(opened.module), 1u);
  EXPECT_STREQ(tenon_input(opened.module, 1)->name, "b:0");
  EXPECT_EQ(tenon_input(opened.module, 2), nullptr);
  EXPECT_EQ(tenon_output(opened.module, 0)->rank, 2u);
  EXPECT_EQ(tenon_output(opened.module, 1), nullptr);
  EXPECT_EQ(tenon_find_input(opened.module, "b:0"), 1);
  EXPECT_EQ(tenon_find_input(opened.module, "sum"), -1);
  EXPECT_EQ(tenon_find_output(opened.module, "sum"), 0);
  EXPECT_STREQ(tenon_symbol_name(opened.module, 1), "columns");
  EXPECT_EQ(tenon_symbol_name(opened.module, -1), nullptr);
  EXPECT_EQ(tenon_symbol_name(opened.module, 2), nullptr);
}

TEST_F(Inputs, NamesOfTypesAndStatuses) {
  EXPECT_STREQ(tenon_dtype_name(TENON_BF16), "bf16");
  EXPECT_STREQ(tenon_dtype_name(TENON_F8E4M3FN), "f8e4m3fn");
  EXPECT_STREQ(tenon_dtype_name(TENON_U2), "u2");
  EXPECT_STREQ(tenon_dtype_name(TENON_C128), "c128");
  EXPECT_STREQ(tenon_dtype_name(99), "unknown type");
  EXPECT_EQ(tenon_dtype_bytes(TENON_F64), 8u);
  EXPECT_EQ(tenon_dtype_bytes(TENON_BOOL), 1u);
  EXPECT_EQ(tenon_dtype_bytes(TENON_F8E8M0FNU), 1u);
  EXPECT_EQ(tenon_dtype_bytes(TENON_I4), 1u);
  EXPECT_EQ(tenon_dtype_bytes(TENON_C64), 8u);
  EXPECT_EQ(tenon_dtype_bytes(TENON_C128 + 1), 0u);
  EXPECT_EQ(tenon_dtype_bytes(0), 0u);
  EXPECT_STREQ(tenon_status_name(TENON_OUT_OF_RANGE), "out of range");
  EXPECT_STREQ(tenon_status_name(-1), "unknown status");
}

} // namespace
