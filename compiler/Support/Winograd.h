//===- Winograd.h - minimal filtering: convolutions as products of transforms ---------------===//
//
// Winograd's algorithm in the form of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016):
// `outputs` results of a filter with `taps` taps cost `outputs + taps - 1` products,
//
//     y = A^T ((G g) * (B^T d))
//
// elementwise in the middle, d the input and g the filter. Two dimensions nest: Y = A^T ((G g G^T) * (B^T d B)) A.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_SUPPORT_WINOGRAD_H
#define TENON_COMPILER_SUPPORT_WINOGRAD_H

#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace tenon {

/// The transforms of one dimension, by the Toom-Cook construction on the points 0, 1, -1, 2, -2, 1/2, -1/2 and
/// infinity.
class WinogradTransform {
public:
  using Matrix = llvm::SmallVector<llvm::SmallVector<double>>; ///< rows

  /// At most seven finite points: outputs + taps is at most 9. One tap and one output give matrices of one element.
  WinogradTransform(int64_t outputs, int64_t taps);

  int64_t outputs() const { return numOutputs; }
  int64_t taps() const { return numTaps; }
  /// Products per tile, and inputs that a tile reads.
  int64_t size() const { return numOutputs + numTaps - 1; }

  const Matrix &filter() const { return filterMatrix; } ///< G: size x taps
  const Matrix &input() const { return inputMatrix; }   ///< B^T: size x size
  const Matrix &output() const { return outputMatrix; } ///< A^T: outputs x size

private:
  int64_t numOutputs, numTaps;
  Matrix filterMatrix, inputMatrix, outputMatrix;
};

} // namespace tenon

#endif // TENON_COMPILER_SUPPORT_WINOGRAD_H
