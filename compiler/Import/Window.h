//===- Window.h - attributes of operators with sliding windows -----------------------------===//
//
// Kernel, strides, dilations and every form of padding of convolutions and pooling, checked and with defaults.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_WINDOW_H
#define TENON_COMPILER_IMPORT_WINDOW_H

#include "compiler/Import/Node.h"

namespace tenon::importer {

/// One entry per spatial dimension.
struct WindowAttributes {
  /// Open where only a run knows the extent, which `extents` has as a value.
  IntVector kernel;
  ScalarVector extents;
  IntVector strides, dilations, low, high;
  /// Pads that depend on extents known at run time (auto_pad with a stride above 1 or an open kernel); else empty.
  ScalarVector dynamicLow, dynamicHigh;

  /// Whether only a run knows the kernel's extents.
  bool isOpen() const { return llvm::any_of(kernel, mlir::ShapedType::isDynamic); }
  /// All low pads, then all high ones, as nn has them.
  IntVector pads() const;
  bool isPadded() const {
    return llvm::any_of(low, [](int64_t pad) { return pad != 0; }) ||
           llvm::any_of(high, [](int64_t pad) { return pad != 0; });
  }
  /// `input` with the pads known at run time filled with `fill`.
  mlir::Value padDynamically(Builder &b, mlir::Value input, double fill) const;
};

/// A list attribute with `count` entries in [low, 2^31), or `absent` for each if it is not there.
IntVector windowList(NodeContext &c, llvm::StringRef name, int64_t count, int64_t low, int64_t absent);

/// The spatial extents of a filter[F, C, spatial...], from attribute kernel_shape or the filter itself. Requires that
/// those that only a run knows are 1 or more.
ScalarVector kernelOf(NodeContext &c, mlir::Value filter);

/// Fails, now or when the model runs, unless the `number` of channels or filters, which `what` names, is a multiple of
/// that of the groups.
void requireGroups(Builder &b, Scalar number, Scalar groups, const char *what);

/// Positions of the input that a kernel covers, its first and last one included.
Scalar reachOf(Builder &b, Scalar kernel, int64_t dilation);

/// Reads the attributes for an input [N, C, spatial...]; `kernel` has one positive entry per spatial dimension.
WindowAttributes readWindow(NodeContext &c, mlir::Value input, ScalarVector kernel);

/// Permutations between [N, C, spatial...] and [N, spatial..., C].
IntVector channelsFirstOrder(int64_t rank);
IntVector channelsLastOrder(int64_t rank);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_WINDOW_H
