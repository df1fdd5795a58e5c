// Strings at the border of a model: what becomes of texts, and what callers can get wrong.
#include "test/runtime/TestModel.h"

#include "runtime/StringTable.h"

#include <thread>

namespace tenon::test {
namespace {

tenon_string text(const char *data) { return {data, strlen(data)}; }

std::vector<std::string> texts(const tenon_tensor &tensor) {
  EXPECT_EQ(tensor.dtype, static_cast<uint32_t>(TENON_STRING));
  std::vector<std::string> result;
  for (int64_t i = 0; i < tensor.dims[0]; ++i) {
    auto *at =
        reinterpret_cast<const tenon_string *>(static_cast<const char *>(tensor.data) + i * tensor.byte_strides[0]);
    result.emplace_back(at->data ? at->data : "", at->bytes);
  }
  return result;
}

tenon_tensor strings(const std::vector<tenon_string> &elements) {
  int64_t count = static_cast<int64_t>(elements.size());
  return tenon_dense_tensor(TENON_STRING, 1, &count, elements.data());
}

/// y:string[n] = x[n] with "!" behind each, or the constant "hello" for what equals it; number[n] = the numbers of x.
struct Shout {
  static inline const char bytes[] = "hello!?";
  static inline const uint64_t ends[] = {5, 7};

  static int32_t plan(tenon_host *, const int64_t *dims, int64_t *table) {
    table[TENON_TABLE_FIRST_FREE] = dims[0];
    return TENON_OK;
  }

  static int32_t run(tenon_host *host, const void *const *inputs, const int64_t *table, void *, const void *) {
    int64_t count = table[TENON_TABLE_FIRST_FREE];
    auto *x = static_cast<const int64_t *>(inputs[0]);
    auto *y = static_cast<int64_t *>(host->output(host, 0, &count));
    auto *numbers = static_cast<int64_t *>(host->output(host, 1, &count));
    if (!y || !numbers)
      return TENON_INTERNAL;
    for (int64_t i = 0; i < count; ++i) {
      numbers[i] = x[i];
      int64_t length;
      const char *data = host->text(host, x[i], &length);
      std::string louder = std::string(data, static_cast<size_t>(length)) + "!";
      y[i] = x[i] == 1 ? 1 : host->intern(host, louder.data(), static_cast<int64_t>(louder.size()));
      if (y[i] < 0)
        return TENON_OUT_OF_MEMORY;
    }
    return TENON_OK;
  }

  static TestModel make() {
    TestModel model(plan, run);
    model.symbol("n").input("x", TENON_STRING, {-1}, {0});
    model.output("y", TENON_STRING, {-1}, {0}).output("number", TENON_I64, {-1}, {0});
    return model;
  }
  static tenon_model &finish(TestModel &model) {
    tenon_model &descriptor = model.finish();
    descriptor.num_strings = 2;
    descriptor.string_bytes = bytes;
    descriptor.string_ends = ends;
    return descriptor;
  }
};

TEST(Strings, HaveATypeOfTheirOwn) {
  EXPECT_STREQ(tenon_dtype_name(TENON_STRING), "string");
  EXPECT_EQ(tenon_dtype_bytes(TENON_STRING), sizeof(tenon_string));
}

TEST(Strings, EqualTextsHaveEqualNumbersAndConstantsHaveTheirs) {
  TestModel model = Shout::make();
  Opened opened(Shout::finish(model));
  std::string again = "one";
  std::vector<tenon_tensor> outputs(2);
  ASSERT_EQ(opened.run({strings({text("one"), text("hello"), text(""), {again.data(), 3}, {"a\0b", 3}, {nullptr, 0}})},
                       outputs),
            TENON_OK)
      << opened.error();
  EXPECT_EQ(texts(outputs[0]), (std::vector<std::string>{"one!", "hello", "!", "one!", std::string("a\0b!", 4), "!"}));
  EXPECT_EQ(values<int64_t>(outputs[1]), (std::vector<int64_t>{3, 1, 0, 3, 4, 0}));
}

TEST(Strings, ARunForgetsTheTextsOfTheOneBefore) {
  TestModel model = Shout::make();
  Opened opened(Shout::finish(model));
  std::vector<tenon_tensor> outputs(2);
  size_t held = 0;
  for (int i = 0; i < 300; ++i) {
    std::string own = "text " + std::to_string(i) + std::string(1000, 'x');
    ASSERT_EQ(opened.run({strings({{own.data(), own.size()}})}, outputs), TENON_OK);
    EXPECT_EQ(texts(outputs[0]), std::vector<std::string>{own + "!"});
    size_t now = tenon_session_memory(opened.session).dynamic_bytes;
    if (i > 10)
      EXPECT_EQ(now, held);
    held = now;
  }
}

TEST(Strings, InputsMayHaveAnyStridesAndOutputsACallersBuffer) {
  TestModel model = Shout::make();
  Opened opened(Shout::finish(model));
  tenon_string elements[] = {text("a"), text("b"), text("c"), text("d"), text("e")};
  int64_t count = 3;
  tenon_tensor x = tenon_dense_tensor(TENON_STRING, 1, &count, elements + 4);
  x.byte_strides[0] = -2 * static_cast<int64_t>(sizeof(tenon_string));
  x.capacity_bytes = 0;
  tenon_string buffer[3];
  std::vector<tenon_tensor> outputs(2);
  outputs[0] = tenon_dense_tensor(TENON_STRING, 1, &count, buffer);
  ASSERT_EQ(opened.run({x}, outputs), TENON_OK) << opened.error();
  EXPECT_EQ(outputs[0].data, buffer);
  EXPECT_EQ(texts(outputs[0]), (std::vector<std::string>{"e!", "c!", "a!"}));
  outputs[0].capacity_bytes = 2 * sizeof(tenon_string);
  EXPECT_EQ(opened.run({x}, outputs), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "output 'y' (3) needs 48 bytes but its buffer has 32");
}

TEST(Strings, WhatIsNoUtf8IsRefused) {
  TestModel model = Shout::make();
  Opened opened(Shout::finish(model));
  std::vector<tenon_tensor> outputs(2);
  for (const char *bad :
       {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x9f\x98", "\xff"}) {
    EXPECT_EQ(opened.run({strings({text("fine"), text(bad)})}, outputs), TENON_INVALID_ARGUMENT);
    EXPECT_EQ(opened.error(), "input 'x' element 1 is not a text in UTF-8");
  }
  for (const char *good : {"\x7f", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_EQ(opened.run({strings({text(good)})}, outputs), TENON_OK) << opened.error();
}

TEST(Strings, ATextWithoutDataIsRefused) {
  TestModel model = Shout::make();
  Opened opened(Shout::finish(model));
  std::vector<tenon_tensor> outputs(2);
  EXPECT_EQ(opened.run({strings({{nullptr, 1}})}, outputs), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.run({strings({{"x", UINT64_MAX}})}, outputs), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "input 'x' element 0 is not a text in UTF-8");
}

TEST(Strings, AreNotWrittenInPlace) {
  TestModel model = Shout::make();
  Opened opened(Shout::finish(model));
  EXPECT_EQ(tenon_alias(opened.session, 0, 0), TENON_INVALID_ARGUMENT);
  EXPECT_EQ(opened.error(), "input 'x' holds strings, which cannot be written in place");
}

TEST(Strings, ANumberThatIsNoTextIsTheModelsFault) {
  TestModel model(Shout::plan, [](tenon_host *host, const void *const *, const int64_t *table, void *, const void *) {
    auto *y = static_cast<int64_t *>(host->output(host, 0, table + TENON_TABLE_FIRST_FREE));
    *y = 99;
    int64_t length = -1;
    EXPECT_STREQ(host->text(host, 99, &length), "");
    EXPECT_EQ(length, 0);
    return static_cast<int32_t>(TENON_OK);
  });
  model.symbol("n").input("x", TENON_STRING, {-1}, {0}).output("y", TENON_STRING, {-1}, {0});
  Opened opened(model.finish());
  std::vector<tenon_tensor> outputs(1);
  EXPECT_EQ(opened.run({strings({text("a")})}, outputs), TENON_INTERNAL);
  EXPECT_EQ(opened.error(), "output 'y' element 0 is no text but 99");
}

TEST(Strings, ATextThatDoesNotFitMemoryEndsTheRun) {
  TestModel model(Shout::plan, [](tenon_host *host, const void *const *, const int64_t *, void *, const void *) {
    EXPECT_EQ(host->intern(host, "x", -1), -1);
    return static_cast<int32_t>(TENON_OK);
  });
  model.symbol("n").input("x", TENON_STRING, {-1}, {0}).output("y", TENON_STRING, {-1}, {0});
  Opened opened(model.finish());
  std::vector<tenon_tensor> outputs(1);
  EXPECT_EQ(opened.run({strings({text("a")})}, outputs), TENON_OUT_OF_MEMORY);
  EXPECT_EQ(opened.error(), "no memory for a text of -1 bytes");
}

TEST(Strings, ADescriptorWithEmptyTextsIsRefused) {
  TestModel model = Shout::make();
  tenon_model &descriptor = Shout::finish(model);
  static const uint64_t ends[] = {5, 5};
  descriptor.string_ends = ends;
  tenon_module *module;
  char error[256];
  EXPECT_EQ(tenon_open_linked(&descriptor, nullptr, &module, error, sizeof error), TENON_INCOMPATIBLE);
  EXPECT_STREQ(error, "text 1 of the model is empty");
  descriptor.string_ends = nullptr;
  EXPECT_EQ(tenon_open_linked(&descriptor, nullptr, &module, error, sizeof error), TENON_INCOMPATIBLE);
  EXPECT_STREQ(error, "the model's descriptor is incomplete");
}

TEST(Strings, SessionsOnSeveralThreadsHaveTablesOfTheirOwn) {
  TestModel model = Shout::make();
  tenon_model &descriptor = Shout::finish(model);
  Opened opened(descriptor);
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number)
    threads.emplace_back([&, number] {
      char error[256];
      tenon_session *session;
      ASSERT_EQ(tenon_session_create(opened.module, 1, &session, error, sizeof error), TENON_OK) << error;
      for (int i = 0; i < 200; ++i) {
        std::string own = std::to_string(number) + "/" + std::to_string(i);
        std::vector<tenon_string> elements = {{own.data(), own.size()}, text("hello")};
        tenon_tensor x = strings(elements), outputs[2] = {};
        ASSERT_EQ(tenon_run(session, &x, 1, outputs, 2), TENON_OK);
        ASSERT_EQ(texts(outputs[0]), (std::vector<std::string>{own + "!", "hello"}));
        ASSERT_EQ(values<int64_t>(outputs[1]), (std::vector<int64_t>{3, 1}));
      }
      tenon_session_destroy(session);
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST(StringTable, ManyTextsKeepTheirNumbers) {
  runtime::StringTable table;
  for (int round = 0; round < 2; ++round) {
    for (int64_t i = 0; i < 20000; ++i) {
      std::string own = std::to_string(i);
      ASSERT_EQ(table.intern(own.data(), own.size()), i + 1);
    }
    for (int64_t i = 19999; i >= 0; --i) {
      std::string own = std::to_string(i);
      ASSERT_EQ(table.intern(own.data(), own.size()), i + 1);
      tenon_string found;
      ASSERT_TRUE(table.find(i + 1, found));
      ASSERT_EQ(std::string(found.data, found.bytes), own);
    }
    tenon_string found;
    EXPECT_FALSE(table.find(20001, found));
    EXPECT_FALSE(table.find(-1, found));
    EXPECT_TRUE(table.find(0, found));
    EXPECT_EQ(found.bytes, 0u);
    table.reset();
    EXPECT_FALSE(table.find(1, found));
  }
}

} // namespace
} // namespace tenon::test
