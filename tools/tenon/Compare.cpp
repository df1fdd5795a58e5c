//===- Compare.cpp - whether two tensors agree ---------------------------------------------===//

#include "tools/tenon/Compare.h"
#include <cmath>
#include <cstring>

namespace tenon::cli {

namespace {

double defaultRelative(uint32_t dtype) {
  switch (dtype) {
  case TENON_F32:
  case TENON_F64:
  case TENON_C64:
  case TENON_C128:
    return 1e-4;
  case TENON_F16:
    return 1e-2;
  case TENON_BF16:
    return 4e-2;
  default:
    return 0;
  }
}

std::string indexText(size_t index, const std::vector<int64_t> &dims) {
  std::string text;
  for (size_t d = dims.size(); d-- > 0;) {
    size_t dim = static_cast<size_t>(dims[d]);
    text = std::to_string(index % dim) + (text.empty() ? "" : ",") + text;
    index /= dim;
  }
  return "[" + text + "]";
}

std::string typeText(const Tensor &tensor) {
  return std::string(tenon_dtype_name(tensor.dtype)) + " " + dimsText(tensor.dims);
}

} // namespace

Comparison compare(const Tensor &actual, const Tensor &expected, const Tolerance &tolerance) {
  Comparison result;
  auto differ = [&](size_t i) {
    result.reason =
        "element " + indexText(i, actual.dims) + " is " + actual.textAt(i) + ", expected " + expected.textAt(i);
    return result;
  };
  if (!expected.mayBe(actual.dtype) || actual.dims != expected.dims) {
    result.reason = "is " + typeText(actual) + ", expected " + typeText(expected);
    return result;
  }
  if (actual.dtype == TENON_STRING) {
    for (size_t i = 0; i < actual.numElements(); ++i)
      if (actual.text(i) != expected.text(i))
        return differ(i);
    result.passed = true;
    return result;
  }
  bool isFloat = defaultRelative(actual.dtype) > 0;
  if (!isFloat) {
    size_t elementBytes = tenon_dtype_bytes(actual.dtype);
    for (size_t i = 0; i < actual.numElements(); ++i)
      if (std::memcmp(actual.data() + i * elementBytes, expected.data() + i * elementBytes, elementBytes) != 0) {
        result.maxError = std::fabs(actual.at(i) - expected.at(i));
        return differ(i);
      }
    result.passed = true;
    return result;
  }

  double magnitude = 0;
  size_t worst = 0;
  for (size_t number = 0; number < actual.numElements() * actual.parts(); ++number) {
    size_t i = number / actual.parts(), part = number % actual.parts();
    double got = actual.at(i, part), want = expected.at(i, part);
    if (std::isnan(got) || std::isnan(want) || ((std::isinf(got) || std::isinf(want)) && got != want)) {
      result.maxError = result.maxRelativeError = INFINITY;
      return differ(i);
    }
    if (std::isinf(want))
      continue;
    magnitude = std::max(magnitude, std::fabs(want));
    if (std::fabs(got - want) > result.maxError) {
      result.maxError = std::fabs(got - want);
      worst = i;
    }
  }
  result.maxRelativeError = magnitude > 0 ? result.maxError / magnitude : result.maxError > 0 ? INFINITY : 0;
  double relative = tolerance.relative >= 0 ? tolerance.relative : defaultRelative(actual.dtype);
  if (result.maxError > tolerance.absolute + relative * magnitude)
    return differ(worst);
  result.passed = true;
  return result;
}

} // namespace tenon::cli
