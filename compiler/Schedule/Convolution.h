//===- Convolution.h - the shape of a convolution, in three spatial dimensions -------------===//

#ifndef TENON_COMPILER_SCHEDULE_CONVOLUTION_H
#define TENON_COMPILER_SCHEDULE_CONVOLUTION_H

#include "compiler/Schedule/Contraction.h"
#include "compiler/Schedule/IndexMath.h"
#include <array>

namespace tenon::schedule {

/// Kernel columns up to which their loop is unrolled.
inline constexpr int64_t unrolledColumns = 9;

/// Extents and attributes in three spatial dimensions: depth, height, width. Leading ones of extent 1 are made up where
/// the op has fewer; dimensions in which input and kernel have extent 1 are left out, so that the width is the longest
/// run there is.
struct ConvolutionShape {
  ConvolutionShape(Kernel &kernel, nn::ConvOp op, ElementEmitter &e);
  /// Of pooling: `filters` are the channels, `groups` means nothing.
  ConvolutionShape(Kernel &kernel, nn::PoolOp op, ElementEmitter &e);

  /// The indices of the op's input or result.
  SmallVector<LaneIndex> indices(ElementEmitter &e, LaneIndex image, llvm::ArrayRef<LaneIndex> place,
                                 LaneIndex channel) const;

  int64_t spatial; ///< dimensions the op has
  bool channelsLast;
  std::array<int64_t, 3> dimension; ///< of the op's spatial dimensions, or -1
  std::array<Value, 3> input, output;
  std::array<int64_t, 3> window, stride, low, high, dilation;
  Value images, channels, filters;
  int64_t groups = 1;
  bool standsOut = false; ///< windows may end behind the padded input (ceil_mode)

private:
  template <typename Op> void read(Kernel &kernel, Op op, ElementEmitter &e);
};

/// The kernel positions [first, last) of one dimension that fall into the image, and the input coordinate of position
/// 0.
struct WindowCut {
  Value first, last, origin;
  Value count = {}; ///< last - first
};

/// For output coordinate `position` of dimension `d`.
WindowCut cutWindow(ElementEmitter &e, const ConvolutionShape &shape, int64_t d, Value position);

/// acc + x * weight, in integers or in one rounding.
Value multiplyAdd(ImplicitLocOpBuilder &b, Value x, Value weight, Value acc);

/// Whether an image of `input` is known to be larger than the second level of cache: asking for pixels ahead pays, for
/// pieces of a few lines are no stream that a processor fetches on its own.
bool isFar(Kernel &kernel, const ConvolutionShape &shape, Value input);

/// The tile of a convolution with one filter, whose weights are contiguous (nr = 1): up to as many pixels as `sums` has
/// lanes. `place` are the indices of the results, with lanes along the line.
void emitDotTile(Kernel &kernel, const ukernel::BrgemmShape &shape, mlir::VectorType sums, Epilogue &epilogue,
                 llvm::ArrayRef<LaneIndex> place);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_CONVOLUTION_H
