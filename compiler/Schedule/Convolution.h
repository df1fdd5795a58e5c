//===- Convolution.h - the shape of a channels-last convolution, in three spatial dimensions ----------------------------===//

#ifndef TENON_COMPILER_SCHEDULE_CONVOLUTION_H
#define TENON_COMPILER_SCHEDULE_CONVOLUTION_H

#include "compiler/Schedule/Contraction.h"
#include "compiler/Schedule/IndexMath.h"
#include <array>

namespace tenon::schedule {

/// Extents and attributes with leading spatial dimensions of extent 1 added up to three: depth, height, width.
struct ConvolutionShape {
  ConvolutionShape(Kernel &kernel, nn::ConvOp op, ElementEmitter &e);

  int64_t spatial; ///< dimensions the op has
  std::array<Value, 3> input, output;
  std::array<int64_t, 3> window, stride, low, high, dilation;
  Value images, channels, filters;
  int64_t groups;
};

/// The kernel positions [first, last) of one dimension that fall into the image, and the input coordinate of position 0.
struct WindowCut {
  Value first, last, origin;
};

/// For output coordinate `position` of dimension `d`.
WindowCut cutWindow(ElementEmitter &e, const ConvolutionShape &shape, int64_t d, Value position);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_CONVOLUTION_H
