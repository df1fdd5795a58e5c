//===- NnResizeGrid.h - where elements of a resized dimension come from --------------------===//
//
// ONNX Resize: a result index is mapped to a coordinate of the input, which has neighbours with weights. Said once for
// all kinds of arithmetic on f64: numbers (constants are folded), and values of generated code. f64, so that whole
// numbers come out whole.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_DIALECTS_NN_NNRESIZEGRID_H
#define TENON_DIALECTS_NN_NNRESIZEGRID_H

#include "dialects/nn/Nn.h"

#include <cmath>

namespace tenon::nn {

/// How nn.resize interpolates, but for its numbers; see there.
struct ResizeRule {
  ResizeMode mode;
  ResizeCoordinate coordinate;
  ResizeNearest nearest = ResizeNearest::floor;
  double cubicCoefficient = 0;
  bool excludeOutside = false;

  /// Neighbours of a result.
  int64_t taps() const { return mode == ResizeMode::nearest ? 1 : mode == ResizeMode::linear ? 2 : 4; }
};

/// Arithmetic on plain numbers.
struct PlainArithmetic {
  using Number = double;
  double constant(double value) { return value; }
  double add(double x, double y) { return x + y; }
  double sub(double x, double y) { return x - y; }
  double mul(double x, double y) { return x * y; }
  double div(double x, double y) { return x / y; }
  double floor(double x) { return std::floor(x); }
  double ceil(double x) { return std::ceil(x); }
  double roundEven(double x) { return std::nearbyint(x); }
  double abs(double x) { return std::fabs(x); }
  bool less(double x, double y) { return x < y; }
  bool atMost(double x, double y) { return x <= y; }
  bool both(bool x, bool y) { return x && y; }
  double select(bool condition, double x, double y) { return condition ? x : y; }
};

/// One dimension that is resized. `Arithmetic` has a type Number and the functions of PlainArithmetic; conditions are
/// only passed on.
template <typename Arithmetic> class ResizeGrid {
public:
  using Number = typename Arithmetic::Number;

  /// `extent` is the input's, `size` the result's. `start` and `end` are the region's, for tf_crop_and_resize only.
  ResizeGrid(Arithmetic &a, const ResizeRule &rule, Number extent, Number size, Number scale, Number start = {},
             Number end = {})
      : a(a), rule(rule), extent(extent), size(size), scale(scale), start(start), end(end) {}

  /// The coordinate in the input of result index `x`.
  Number coordinate(Number x) {
    Number half = a.constant(0.5), zero = a.constant(0), one = a.constant(1);
    auto toInput = [&](Number position) { return a.div(a.mul(position, extent), scaledExtent()); };
    auto isOne = [&] { return a.atMost(size, one); };
    auto centred = [&] { return a.sub(toInput(a.add(x, half)), half); };
    auto last = [&] { return a.sub(extent, one); };
    switch (rule.coordinate) {
    case ResizeCoordinate::half_pixel:
      return centred();
    case ResizeCoordinate::half_pixel_symmetric: {
      Number adjustment = a.div(size, scaledExtent()), centre = a.mul(extent, half);
      return a.add(a.mul(centre, a.sub(one, adjustment)), centred());
    }
    case ResizeCoordinate::pytorch_half_pixel:
      return a.select(isOne(), zero, centred());
    case ResizeCoordinate::align_corners:
      return a.select(isOne(), zero, a.div(a.mul(x, last()), a.sub(scaledExtent(), one)));
    case ResizeCoordinate::asymmetric:
      return toInput(x);
    case ResizeCoordinate::tf_half_pixel_for_nn:
      return toInput(a.add(x, half));
    case ResizeCoordinate::tf_crop_and_resize: {
      Number steps = a.mul(a.mul(x, a.sub(end, start)), last());
      Number many = a.add(a.mul(start, last()), a.div(steps, a.sub(size, one)));
      Number single = a.mul(a.mul(half, a.add(start, end)), last());
      return a.select(isOne(), single, many);
    }
    }
    llvm_unreachable("all cases return");
  }

  /// The whole number at which neighbour `tap` of `coordinate` lies; it may be outside the input.
  Number neighbour(Number coordinate, Number tap) {
    if (rule.mode != ResizeMode::nearest)
      return a.add(a.floor(coordinate), a.sub(tap, a.constant(rule.mode == ResizeMode::linear ? 0 : 1)));
    switch (rule.nearest) {
    case ResizeNearest::round_prefer_floor:
      return a.ceil(a.sub(coordinate, a.constant(0.5)));
    case ResizeNearest::round_prefer_ceil:
      return a.floor(a.add(coordinate, a.constant(0.5)));
    case ResizeNearest::floor:
      return a.floor(coordinate);
    case ResizeNearest::ceil:
      return a.ceil(coordinate);
    }
    llvm_unreachable("all cases return");
  }

  /// The index in the input that stands for neighbour `tap`: outside, that of the border.
  Number position(Number coordinate, Number tap) {
    Number at = neighbour(coordinate, tap), last = a.sub(extent, a.constant(1)), zero = a.constant(0);
    at = a.select(a.less(at, last), at, last);
    return a.select(a.less(zero, at), at, zero);
  }

  /// The weight of neighbour `tap` (linear, cubic).
  Number weight(Number coordinate, Number tap) {
    if (!rule.excludeOutside)
      return plainWeight(coordinate, tap);
    Number total = includedWeight(coordinate, a.constant(0));
    for (int64_t other = 1; other < rule.taps(); ++other)
      total = a.add(total, includedWeight(coordinate, a.constant(other)));
    return a.div(includedWeight(coordinate, tap), total);
  }

  /// The kernel of the interpolation at `distance` >= 0.
  Number kernel(Number distance) { return rule.mode == ResizeMode::linear ? triangle(distance) : cubic(distance); }

private:
  // The standard scales the grid by the given scale, though the result's extent was rounded down. A product that is
  // whole but for the rounding of the scale to f32 comes from a scale that stands for two extents: those count, or a
  // position between two elements would fall to either side by chance.
  Number scaledExtent() {
    Number product = a.mul(extent, scale), whole = a.roundEven(product);
    Number distance = a.abs(a.sub(product, whole)), rounding = a.mul(product, a.constant(0x1p-23));
    return a.select(a.atMost(distance, rounding), whole, product);
  }

  Number plainWeight(Number coordinate, Number tap) {
    return kernel(a.abs(a.sub(coordinate, neighbour(coordinate, tap))));
  }

  Number includedWeight(Number coordinate, Number tap) {
    Number at = neighbour(coordinate, tap), zero = a.constant(0);
    auto inside = a.both(a.atMost(zero, at), a.less(at, extent));
    return a.select(inside, plainWeight(coordinate, tap), zero);
  }

  Number triangle(Number distance) {
    Number weight = a.sub(a.constant(1), distance), zero = a.constant(0);
    return a.select(a.less(zero, weight), weight, zero);
  }

  /// Keys' cubic kernel (R. Keys, "Cubic convolution interpolation", 1981, eq. 15).
  Number cubic(Number distance) {
    double k = rule.cubicCoefficient;
    auto polynomial = [&](double c3, double c2, double c1, double c0) {
      Number r = a.add(a.mul(distance, a.constant(c3)), a.constant(c2));
      r = a.add(a.mul(r, distance), a.constant(c1));
      return a.add(a.mul(r, distance), a.constant(c0));
    };
    Number near = polynomial(k + 2, -(k + 3), 0, 1), far = polynomial(k, -5 * k, 8 * k, -4 * k);
    auto isNear = a.atMost(distance, a.constant(1)), isFar = a.less(distance, a.constant(2));
    return a.select(isNear, near, a.select(isFar, far, a.constant(0)));
  }

  Arithmetic &a;
  ResizeRule rule;
  Number extent, size, scale, start, end;
};

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_NNRESIZEGRID_H
