// Hand-written models for the runtime's tests, and short ways to open and run them.
#ifndef TENON_TEST_RUNTIME_TESTMODEL_H
#define TENON_TEST_RUNTIME_TESTMODEL_H

#include "tenon/tenon.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

namespace tenon::test {

/// Keeps what a descriptor points to.
class TestModel {
public:
  TestModel(decltype(tenon_model::plan) plan, decltype(tenon_model::run) run) {
    descriptor.size_bytes = sizeof descriptor;
    descriptor.abi_version = TENON_ABI_VERSION;
    descriptor.name = "test";
    descriptor.producer = "hand";
    descriptor.triple = "none";
    descriptor.cpu = "generic";
    descriptor.manifest = "{}";
    descriptor.table_slots = 8;
    descriptor.plan = plan;
    descriptor.run = run;
  }

  /// `symbols` names the dynamic dimensions by index into the symbols added so far; -1 elsewhere.
  TestModel &input(const char *name, uint32_t dtype, std::vector<int64_t> dims, std::vector<int32_t> symbols = {}) {
    inputs.push_back(spec(name, dtype, std::move(dims), std::move(symbols)));
    return *this;
  }
  TestModel &output(const char *name, uint32_t dtype, std::vector<int64_t> dims, std::vector<int32_t> symbols = {}) {
    outputs.push_back(spec(name, dtype, std::move(dims), std::move(symbols)));
    return *this;
  }
  TestModel &symbol(const char *name) {
    symbols.push_back(name);
    return *this;
  }
  TestModel &kernel(const char *name) {
    kernels.push_back({name, name});
    return *this;
  }

  /// The descriptor with its tables; valid as long as this object. Fields may be changed by the test before opening.
  tenon_model &finish() {
    descriptor.inputs = inputs.data();
    descriptor.num_inputs = static_cast<uint32_t>(inputs.size());
    descriptor.outputs = outputs.data();
    descriptor.num_outputs = static_cast<uint32_t>(outputs.size());
    descriptor.symbols = symbols.data();
    descriptor.num_symbols = static_cast<uint32_t>(symbols.size());
    descriptor.kernels = kernels.data();
    descriptor.num_kernels = static_cast<uint32_t>(kernels.size());
    return descriptor;
  }

private:
  tenon_tensor_spec spec(const char *name, uint32_t dtype, std::vector<int64_t> dims,
                         std::vector<int32_t> symbolIndices) {
    symbolIndices.resize(dims.size(), -1);
    dimStorage.push_back(std::move(dims));
    symbolStorage.push_back(std::move(symbolIndices));
    return {name, dtype, static_cast<uint32_t>(dimStorage.back().size()), dimStorage.back().data(),
            symbolStorage.back().data()};
  }

  tenon_model descriptor = {};
  std::deque<std::vector<int64_t>> dimStorage;
  std::deque<std::vector<int32_t>> symbolStorage;
  std::vector<tenon_tensor_spec> inputs, outputs;
  std::vector<const char *> symbols;
  std::vector<tenon_kernel_info> kernels;
};

/// A module and a session that are closed at the end of the test.
class Opened {
public:
  explicit Opened(const tenon_model &model, uint32_t threads = 1, const char *weightsFolder = nullptr) {
    char error[512] = "";
    EXPECT_EQ(tenon_open_linked(&model, weightsFolder, &module, error, sizeof error), TENON_OK) << error;
    if (module)
      EXPECT_EQ(tenon_session_create(module, threads, &session, error, sizeof error), TENON_OK) << error;
  }
  Opened(const Opened &) = delete;
  Opened &operator=(const Opened &) = delete;
  ~Opened() {
    tenon_session_destroy(session);
    tenon_close(module);
  }

  int32_t run(const std::vector<tenon_tensor> &inputs, std::vector<tenon_tensor> &outputs) {
    return tenon_run(session, inputs.data(), static_cast<uint32_t>(inputs.size()), outputs.data(),
                     static_cast<uint32_t>(outputs.size()));
  }
  std::string error() const { return tenon_session_error(session); }

  tenon_module *module = nullptr;
  tenon_session *session = nullptr;
};

template <typename T> constexpr uint32_t dtypeOf();
template <> constexpr uint32_t dtypeOf<float>() { return TENON_F32; }
template <> constexpr uint32_t dtypeOf<double>() { return TENON_F64; }
template <> constexpr uint32_t dtypeOf<int64_t>() { return TENON_I64; }
template <> constexpr uint32_t dtypeOf<uint8_t>() { return TENON_U8; }

template <typename T> tenon_tensor tensor(const std::vector<T> &values, const std::vector<int64_t> &dims) {
  return tenon_dense_tensor(dtypeOf<T>(), static_cast<uint32_t>(dims.size()), dims.data(), values.data());
}

/// The elements of a dense tensor.
template <typename T> std::vector<T> values(const tenon_tensor &tensor) {
  EXPECT_EQ(tensor.dtype, dtypeOf<T>());
  size_t count = 1;
  for (uint32_t i = 0; i < tensor.rank; ++i)
    count *= static_cast<size_t>(tensor.dims[i]);
  auto *data = static_cast<const T *>(tensor.data);
  return std::vector<T>(data, data + count);
}

inline std::vector<int64_t> dims(const tenon_tensor &tensor) { return {tensor.dims, tensor.dims + tensor.rank}; }

/// Pointers in the 8-byte slots of task arguments.
template <typename T> int64_t slot(T *pointer) { return static_cast<int64_t>(reinterpret_cast<intptr_t>(pointer)); }
template <typename T> T *pointer(int64_t slot) { return reinterpret_cast<T *>(static_cast<intptr_t>(slot)); }

/// y[n,3] = 2*x[n,3] + 1, one task per row, through the arena: an input "x", an output "y", a symbol "n", a kernel.
/// `work_ns` per row decides whether rows go to other threads.
struct Affine {
  static inline int64_t work_ns = 0;
  static inline std::atomic<int> plans{0};

  static int32_t plan(tenon_host *, const int64_t *inputDims, int64_t *table) {
    ++plans;
    table[TENON_TABLE_ARENA_BYTES] = inputDims[0] * 3 * 4;
    table[TENON_TABLE_SCRATCH_BYTES] = 16;
    table[TENON_TABLE_FIRST_FREE] = inputDims[0];
    return TENON_OK;
  }

  static int32_t doubleRows(const int64_t *args, int64_t begin, int64_t end, void *scratch) {
    auto *x = pointer<const float>(args[0]);
    auto *middle = pointer<float>(args[1]);
    // Passing through scratch shows when two threads have the same one.
    auto *row = static_cast<float *>(scratch);
    for (int64_t i = begin; i < end; ++i) {
      for (int c = 0; c < 3; ++c)
        row[c] = 2 * x[i * 3 + c];
      memcpy(middle + i * 3, row, 3 * sizeof *row);
    }
    return TENON_OK;
  }

  static int32_t addOne(const int64_t *args, int64_t begin, int64_t end, void *) {
    auto *middle = pointer<const float>(args[1]);
    auto *y = pointer<float>(args[2]);
    for (int64_t i = begin * 3; i < end * 3; ++i)
      y[i] = middle[i] + 1;
    return TENON_OK;
  }

  static int32_t run(tenon_host *host, const void *const *inputs, const int64_t *table, void *arena, const void *) {
    int64_t rows = table[TENON_TABLE_FIRST_FREE];
    int64_t dims[] = {rows, 3};
    void *y = host->output(host, 0, dims);
    if (!y)
      return TENON_INTERNAL;
    int64_t args[] = {slot(inputs[0]), slot(arena), slot(y)};
    if (int32_t status = host->parallel(host, doubleRows, args, rows, rows * work_ns, 0))
      return status;
    return host->parallel(host, addOne, args, rows, rows * work_ns, 1);
  }

  static TestModel make() {
    TestModel model(plan, run);
    model.symbol("n").kernel("double").kernel("add_one");
    model.input("x", TENON_F32, {-1, 3}, {0, -1}).output("y", TENON_F32, {-1, 3}, {0, -1});
    return model;
  }
};

} // namespace tenon::test

#endif // TENON_TEST_RUNTIME_TESTMODEL_H
