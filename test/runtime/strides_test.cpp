// Byte strides: dense or not, spans, overlaps, and copies against a copy element by element.
#include "runtime/Strides.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

using namespace tenon::runtime;

namespace {

using Dims = std::vector<int64_t>;

bool dense(const Dims &dims, const Dims &strides) {
  return isDense(static_cast<uint32_t>(dims.size()), dims.data(), strides.data(), 4);
}

TEST(Strides, Dense) {
  EXPECT_TRUE(dense({}, {}));
  EXPECT_TRUE(dense({2, 3}, {12, 4}));
  EXPECT_FALSE(dense({2, 3}, {4, 8}));
  EXPECT_FALSE(dense({2, 3}, {16, 4}));
  EXPECT_FALSE(dense({2, 3}, {12, -4}));
  EXPECT_FALSE(dense({2}, {0}));
  EXPECT_TRUE(dense({2, 1, 3}, {12, 999, 4})) << "extent 1";
  EXPECT_TRUE(dense({2, 0}, {1, 1})) << "empty";
}

TEST(Strides, DenseBytes) {
  int64_t bytes = -1;
  Dims dims = {2, 3};
  EXPECT_TRUE(denseBytes(2, dims.data(), 8, bytes));
  EXPECT_EQ(bytes, 48);
  dims = {0, 5};
  EXPECT_TRUE(denseBytes(2, dims.data(), 8, bytes));
  EXPECT_EQ(bytes, 0);
  dims = {int64_t(1) << 31, int64_t(1) << 31};
  EXPECT_FALSE(denseBytes(2, dims.data(), 4, bytes));
  dims = {int64_t(1) << 31, int64_t(1) << 31, 0};
  EXPECT_FALSE(denseBytes(3, dims.data(), 4, bytes)) << "strides of an empty tensor must fit as well";
}

TEST(Strides, Span) {
  int64_t bytes = -1;
  Dims dims = {2, 3}, strides = {100, 8};
  EXPECT_TRUE(spanBytes(2, dims.data(), strides.data(), 4, bytes));
  EXPECT_EQ(bytes, 100 + 16 + 4);
  strides = {100, -8};
  EXPECT_FALSE(spanBytes(2, dims.data(), strides.data(), 4, bytes));
  strides = {int64_t(1) << 62, int64_t(1) << 62};
  EXPECT_FALSE(spanBytes(2, dims.data(), strides.data(), 4, bytes));
  dims = {0, 3};
  strides = {100, 8};
  EXPECT_TRUE(spanBytes(2, dims.data(), strides.data(), 4, bytes));
  EXPECT_EQ(bytes, 0);
}

TEST(Strides, Overlap) {
  auto overlapping = [](const Dims &dims, const Dims &strides) {
    return overlappingDimension(static_cast<uint32_t>(dims.size()), dims.data(), strides.data(), 4);
  };
  EXPECT_EQ(overlapping({2, 3}, {12, 4}), -1);
  EXPECT_EQ(overlapping({2, 3}, {4, 8}), -1);
  EXPECT_EQ(overlapping({2, 3}, {8, 4}), 1);
  EXPECT_EQ(overlapping({2, 3}, {12, 2}), 1);
  EXPECT_EQ(overlapping({3}, {0}), 0);
  EXPECT_EQ(overlapping({2, 1}, {4, 0}), -1);
  EXPECT_EQ(overlapping({0, 3}, {0, 0}), -1);
}

// Random tensors: target dense, source with random order, gaps, signs and repeats; compared element by element.
TEST(Strides, CopiesMatchElementByElement) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    uint32_t elementBytes = 1u << random() % 4;
    uint32_t rank = random() % 6;
    Dims dims(rank), source(rank), target(rank);
    for (int64_t &extent : dims)
      extent = random() % 10 == 0 ? 0 : 1 + random() % 4;
    // Strides of a dense tensor in a random order of dimensions, some scaled.
    std::vector<uint32_t> order(rank);
    for (uint32_t i = 0; i < rank; ++i)
      order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    int64_t stride = elementBytes, lowest = 0, highest = 0;
    for (uint32_t i : order) {
      int kind = static_cast<int>(random() % 6);
      source[i] = kind == 0 ? 0 : kind == 1 ? -stride : stride;
      stride *= (dims[i] ? dims[i] : 1) + (kind == 2);
      int64_t reach = source[i] * (dims[i] ? dims[i] - 1 : 0);
      (reach < 0 ? lowest : highest) += reach;
    }
    std::vector<unsigned char> from(static_cast<size_t>(highest - lowest) + elementBytes);
    for (unsigned char &byte : from)
      byte = static_cast<unsigned char>(random());
    denseStrides(rank, dims.data(), elementBytes, target.data());
    int64_t bytes;
    ASSERT_TRUE(denseBytes(rank, dims.data(), elementBytes, bytes));
    std::vector<unsigned char> to(static_cast<size_t>(bytes)), expected(static_cast<size_t>(bytes));
    copyStrided(rank, dims.data(), elementBytes, to.data(), target.data(), from.data() - lowest, source.data());
    for (int64_t element = 0; element < bytes / elementBytes; ++element) {
      int64_t rest = element, offset = -lowest;
      for (uint32_t i = rank; i-- > 0; rest /= dims[i])
        offset += rest % dims[i] * source[i];
      memcpy(expected.data() + element * elementBytes, from.data() + offset, elementBytes);
    }
    ASSERT_EQ(to, expected) << "round " << round;
  }
}

} // namespace
