//===- Winograd.cpp - minimal filtering: convolutions as products of transforms -------------===//

#include "compiler/Support/Winograd.h"

#include "llvm/ADT/STLExtras.h"
#include <cassert>

namespace tenon {

/// Coefficients, lowest first, of the product of (x - p) over the points but `without`.
static llvm::SmallVector<double> productOfRoots(llvm::ArrayRef<double> points, int64_t without) {
  llvm::SmallVector<double> polynomial{1};
  for (auto [i, point] : llvm::enumerate(points)) {
    if (static_cast<int64_t>(i) == without)
      continue;
    polynomial.push_back(0);
    for (size_t d = polynomial.size(); d-- > 0;)
      polynomial[d] = (d > 0 ? polynomial[d - 1] : 0) - point * polynomial[d];
  }
  return polynomial;
}

static double power(double base, int64_t exponent) {
  double result = 1;
  for (int64_t i = 0; i < exponent; ++i)
    result *= base;
  return result;
}

WinogradTransform::WinogradTransform(int64_t outputs, int64_t taps) : numOutputs(outputs), numTaps(taps) {
  static constexpr double allPoints[] = {0, 1, -1, 2, -2, 0.5, -0.5};
  int64_t finite = size() - 1;
  assert(outputs > 0 && taps > 0 && finite <= static_cast<int64_t>(std::size(allPoints)) && "too large a tile");
  llvm::ArrayRef<double> points = llvm::ArrayRef(allPoints).take_front(finite);
  for (int64_t j = 0; j < finite; ++j) {
    double scale = 1;
    for (int64_t i = 0; i < finite; ++i)
      if (i != j)
        scale *= points[j] - points[i];
    llvm::SmallVector<double> row;
    for (int64_t k = 0; k < taps; ++k)
      row.push_back(power(points[j], k) / scale);
    filterMatrix.push_back(row);
    inputMatrix.push_back(productOfRoots(points, j));
    inputMatrix.back().resize(size(), 0);
  }
  // The point at infinity: the highest coefficients.
  filterMatrix.push_back(llvm::SmallVector<double>(taps, 0));
  filterMatrix.back().back() = 1;
  inputMatrix.push_back(productOfRoots(points, -1));
  for (int64_t i = 0; i < outputs; ++i) {
    llvm::SmallVector<double> row;
    for (int64_t j = 0; j < finite; ++j)
      row.push_back(power(points[j], i));
    row.push_back(i == outputs - 1 ? 1 : 0);
    outputMatrix.push_back(row);
  }
}

} // namespace tenon
