//===- Resize.cpp - Resize and Upsample ----------------------------------------------------===//
//
// Result extents and scales become one index and one f32 per dimension, whichever of the two the model gives.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

namespace arith = mlir::arith;

std::optional<double> knownFloat(Scalar scalar) {
  auto attribute = llvm::dyn_cast_if_present<mlir::Attribute>(scalar);
  if (auto number = llvm::dyn_cast_if_present<mlir::FloatAttr>(attribute))
    return number.getValueAsDouble();
  return std::nullopt;
}

Scalar floatScalar(Builder &b, double value) { return b.raw().getF32FloatAttr(static_cast<float>(value)); }

/// floor(extent * factor) in f32, as ONNX Runtime computes it; whole factors and their inverses stay index arithmetic.
Scalar scaledExtent(Builder &b, Scalar extent, Scalar factor) {
  std::optional<double> known = knownFloat(factor);
  std::optional<int64_t> size = Builder::constant(extent);
  if (known) {
    if (!(*known > 0) || *known > 1e9)
      fail("a scale is " + std::to_string(*known) + ", expected a positive number");
    if (*known == std::floor(*known))
      return b.mul(extent, b.index(static_cast<int64_t>(*known)));
    if (size) {
      double scaled = std::floor(static_cast<float>(*size) * static_cast<float>(*known));
      if (scaled > 1e15)
        fail("the result has extent " + std::to_string(scaled));
      return b.index(static_cast<int64_t>(scaled));
    }
  }
  Scalar product = b.scalar<arith::MulFOp>(b.value(b.toFloat(extent)), b.value(b.toFloat(factor)));
  return b.toIndex(product, Builder::Rounding::towardsZero);
}

/// to / from in f32.
Scalar ratio(Builder &b, Scalar to, Scalar from) {
  if (to == from)
    return floatScalar(b, 1);
  std::optional<int64_t> t = Builder::constant(to), f = Builder::constant(from);
  if (t && f)
    return floatScalar(b, *f == 0 ? 1 : static_cast<float>(*t) / static_cast<float>(*f));
  return b.scalar<arith::DivFOp>(b.value(b.toFloat(to)), b.value(b.toFloat(from)));
}

/// Spreads values given for `axes` over all dimensions.
ScalarVector spread(Builder &b, llvm::ArrayRef<Scalar> values, llvm::ArrayRef<int64_t> axes, ScalarVector all,
                    const char *what) {
  if (values.size() != axes.size())
    fail(llvm::Twine("there are ") + llvm::Twine(values.size()) + " " + what + ", expected " +
         llvm::Twine(axes.size()));
  for (auto [axis, item] : llvm::zip_equal(axes, values))
    all[axis] = item;
  return all;
}

/// One scale for all `axes`, so that the result is not larger (or smaller) than `sizes`.
void keepAspectRatio(NodeContext &c, const std::string &policy, llvm::ArrayRef<int64_t> axes,
                     llvm::ArrayRef<Scalar> extents, ScalarVector &sizes, ScalarVector &scales) {
  Builder &b = c.b;
  if (policy != "not_larger" && policy != "not_smaller")
    fail("attribute 'keep_aspect_ratio_policy' is '" + policy + "', expected stretch, not_larger or not_smaller");
  std::optional<Scalar> scale;
  for (int64_t axis : axes) {
    Scalar candidate = ratio(b, sizes[axis], extents[axis]);
    if (!scale)
      scale = candidate;
    else if (policy == "not_larger")
      scale = b.scalar<arith::MinimumFOp>(b.value(*scale), b.value(candidate));
    else
      scale = b.scalar<arith::MaximumFOp>(b.value(*scale), b.value(candidate));
  }
  mlir::Value half = b.value(floatScalar(b, 0.5));
  for (int64_t axis : axes) {
    mlir::Value scaled = b.value(b.scalar<arith::MulFOp>(b.value(*scale), b.value(b.toFloat(extents[axis]))));
    sizes[axis] = b.toIndex(b.scalar<arith::AddFOp>(scaled, half), Builder::Rounding::down);
    scales[axis] = *scale;
  }
}

template <typename Enum>
Enum parse(const std::string &text, std::optional<Enum> (*symbolize)(llvm::StringRef), const char *name) {
  std::optional<Enum> value = symbolize(text);
  if (!value)
    fail(llvm::Twine("attribute '") + name + "' has the unknown value '" + text + "'");
  return *value;
}

struct Interpolation {
  nn::ResizeMode mode = nn::ResizeMode::nearest;
  nn::ResizeCoordinate coordinate = nn::ResizeCoordinate::asymmetric;
  nn::ResizeNearest nearest = nn::ResizeNearest::floor;
  float cubic = -0.75f, extrapolation = 0;
  bool excludeOutside = false, antialias = false;
};

/// Before opset 11 there is one rule: asymmetric coordinates, rounded down.
Interpolation readInterpolation(NodeContext &c) {
  Interpolation result;
  std::string mode = c.string("mode", "nearest");
  // Upsample calls it bilinear or trilinear in its first version.
  if (c.opset < 11 && (mode == "bilinear" || mode == "trilinear"))
    mode = "linear";
  result.mode = parse(mode, nn::symbolizeResizeMode, "mode");
  if (c.opset < 11)
    return result;
  result.coordinate = parse(c.string("coordinate_transformation_mode", "half_pixel"), nn::symbolizeResizeCoordinate,
                            "coordinate_transformation_mode");
  result.nearest = parse(c.string("nearest_mode", "round_prefer_floor"), nn::symbolizeResizeNearest, "nearest_mode");
  result.cubic = c.number("cubic_coeff_a", -0.75f);
  result.extrapolation = c.number("extrapolation_value", 0);
  result.excludeOutside = c.integer("exclude_outside", 0) != 0;
  result.antialias = c.integer("antialias", 0) != 0;
  return result;
}

void finishResize(NodeContext &c, mlir::Value input, llvm::ArrayRef<Scalar> sizes, llvm::ArrayRef<Scalar> scales,
                  llvm::ArrayRef<Scalar> roi, const Interpolation &how) {
  Builder &b = c.b;
  ScalarVector floats;
  for (Scalar scale : scales)
    floats.push_back(b.toFloat(scale));
  auto resized = [&](mlir::Value x, float extrapolation) {
    return b.make<nn::ResizeOp>(x, b.values(sizes), b.values(floats), b.values(roi), how.mode, how.coordinate,
                                how.nearest, llvm::APFloat(how.cubic), llvm::APFloat(extrapolation), how.excludeOutside,
                                how.antialias);
  };
  mlir::Type type = elementOf(input);
  bool movesOnly = how.mode == nn::ResizeMode::nearest && how.coordinate != nn::ResizeCoordinate::tf_crop_and_resize;
  if (movesOnly || nn::isNumber(type))
    return c.result(resized(input, how.extrapolation));
  if (llvm::isa<mlir::ComplexType>(type)) {
    mlir::Value real = resized(b.make<nn::RealOp>(input), how.extrapolation);
    return c.result(b.make<nn::ComplexOp>(real, resized(b.make<nn::ImagOp>(input), 0)));
  }
  if (!type.isInteger(1))
    fail("elements of type " + dataTypeName(dataTypeOf(type)) +
         " are not interpolated, expected mode nearest and another coordinate_transformation_mode than "
         "tf_crop_and_resize");
  // Between true and false there is something, which is not false.
  c.result(b.cast(resized(b.cast(input, b.raw().getF32Type()), how.extrapolation), type));
}

/// roi for all dimensions: starts, then ends; dimensions without one keep everything.
ScalarVector readRoi(NodeContext &c, llvm::ArrayRef<int64_t> axes, int64_t rank) {
  Builder &b = c.b;
  ScalarVector given = c.scalars(1, "entries of roi").items;
  if (given.size() != 2 * axes.size())
    fail("there are " + std::to_string(given.size()) + " entries of roi, expected " + std::to_string(2 * axes.size()));
  ScalarVector roi(rank, floatScalar(b, 0));
  roi.append(rank, floatScalar(b, 1));
  for (size_t i = 0; i < axes.size(); ++i) {
    roi[axes[i]] = b.toFloat(given[i]);
    roi[rank + axes[i]] = b.toFloat(given[axes.size() + i]);
  }
  return roi;
}

void importResize(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 1);
  int64_t rank = rankOf(input);
  ScalarVector extents = b.extents(input), sizes = extents, scales(rank, floatScalar(b, 1)), roi;
  Interpolation how = readInterpolation(c);
  IntVector axes = c.axesInOrder(rank);
  bool crops = how.coordinate == nn::ResizeCoordinate::tf_crop_and_resize;
  if (crops)
    roi = readRoi(c, axes, rank);

  int64_t scalesInput = c.opset < 11 ? 1 : 2;
  // An input without elements counts as absent.
  auto given = [&](int64_t i) { return c.hasInput(i) && typeOf(c.input(i)).getShape() != llvm::ArrayRef<int64_t>{0}; };
  bool bySizes = c.opset >= 11 && given(3);
  if (bySizes == given(scalesInput))
    fail("expected either scales or sizes");
  if (bySizes) {
    sizes = spread(b, c.scalars(3, "sizes").items, axes, extents, "sizes");
    for (Scalar size : sizes)
      if (std::optional<int64_t> known = Builder::constant(size); known && *known < 0)
        fail("a size is " + std::to_string(*known));
    std::string policy = c.string("keep_aspect_ratio_policy", "stretch");
    for (int64_t axis : axes)
      scales[axis] = ratio(b, sizes[axis], extents[axis]);
    if (policy != "stretch")
      keepAspectRatio(c, policy, axes, extents, sizes, scales);
  } else {
    ScalarVector list;
    for (Scalar scale : c.scalars(scalesInput, "scales").items)
      list.push_back(b.toFloat(scale));
    scales = spread(b, list, axes, scales, "scales");
    for (int64_t axis : axes) {
      Scalar extent = extents[axis];
      if (crops) {
        // floor(D * (end - start) * scale)
        mlir::Value span = b.value(b.scalar<arith::SubFOp>(b.value(roi[rank + axis]), b.value(roi[axis])));
        mlir::Value covered = b.value(b.scalar<arith::MulFOp>(b.value(b.toFloat(extent)), span));
        Scalar product = b.scalar<arith::MulFOp>(covered, b.value(scales[axis]));
        std::optional<double> known = knownFloat(product);
        if (known && !(*known >= 0 && *known < 1e15))
          fail("the result has extent " + std::to_string(*known));
        sizes[axis] = b.toIndex(product, Builder::Rounding::towardsZero);
      } else {
        sizes[axis] = scaledExtent(b, extent, scales[axis]);
      }
    }
  }
  finishResize(c, input, sizes, scales, roi, how);
}

void importUpsample(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 1);
  int64_t rank = rankOf(input);
  ScalarVector extents = b.extents(input), scales(rank, floatScalar(b, 1)), sizes;
  if (c.opset < 7) {
    if (rank != 4)
      fail("input 0 has rank " + std::to_string(rank) + ", expected 4");
    scales[2] = floatScalar(b, c.number("height_scale", 1));
    scales[3] = floatScalar(b, c.number("width_scale", 1));
  } else {
    ScalarVector list;
    if (c.opset < 9) {
      for (float scale : c.numbers("scales"))
        list.push_back(floatScalar(b, scale));
    } else {
      for (Scalar scale : c.scalars(1, "scales").items)
        list.push_back(b.toFloat(scale));
    }
    scales = spread(b, list, llvm::to_vector(llvm::seq<int64_t>(0, rank)), scales, "scales");
  }
  for (auto [extent, scale] : llvm::zip_equal(extents, scales))
    sizes.push_back(scaledExtent(b, extent, scale));
  finishResize(c, input, sizes, scales, {}, readInterpolation(c));
}

} // namespace

void addResize(ImporterTable &table) {
  table.add("Resize", importResize);
  table.add("Upsample", importUpsample);
}

} // namespace tenon::importer
