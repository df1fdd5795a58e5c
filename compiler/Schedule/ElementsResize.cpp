//===- ElementsResize.cpp - pointwise definition of nn.resize ------------------------------===//
//
// ONNX Resize: a result coordinate is mapped to the input, then interpolated from neighbours in each resized dimension.
// Coordinates are computed in f64, so that whole numbers come out whole.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// The neighbours of one result coordinate in one dimension with their weights (empty: weight 1).
struct Taps {
  SmallVector<LaneIndex> positions;
  SmallVector<Value> weights; ///< f64, scalars or vectors
  Value outside = {};         ///< i1: the coordinate lies outside the region of interest
};

/// Arithmetic on f64 scalars or vectors.
class Coordinates {
public:
  explicit Coordinates(ElementEmitter &emitter) : emitter(emitter), b(emitter.builder()), math(emitter) {}

  Value constant(double value) { return arith::ConstantOp::create(b, b.getF64FloatAttr(value)); }
  Value add(Value x, Value y) { return binary<arith::AddFOp>(x, y); }
  Value sub(Value x, Value y) { return binary<arith::SubFOp>(x, y); }
  Value mul(Value x, Value y) { return binary<arith::MulFOp>(x, y); }
  Value div(Value x, Value y) { return binary<arith::DivFOp>(x, y); }
  Value floor(Value x) { return math::FloorOp::create(b, x); }
  Value ceil(Value x) { return math::CeilOp::create(b, x); }
  Value abs(Value x) { return math::AbsFOp::create(b, x); }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) {
    math.match(x, y);
    return arith::CmpFOp::create(b, predicate, x, y);
  }
  Value select(Value condition, Value x, Value y) { return math.select(condition, x, y); }
  Value fromIndex(Value index) {
    return arith::SIToFPOp::create(b, like(index, b.getF64Type()),
                                   arith::IndexCastOp::create(b, like(index, b.getI64Type()), index));
  }
  Value toIndex(Value x) {
    return arith::IndexCastOp::create(b, like(x, b.getIndexType()),
                                      arith::FPToSIOp::create(b, like(x, b.getI64Type()), x));
  }
  Value widen(Value f32) { return arith::ExtFOp::create(b, like(f32, b.getF64Type()), f32); }

  ElementEmitter &emitter;
  ImplicitLocOpBuilder &b;
  IndexMath math;

private:
  static Type like(Value value, Type element) {
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      return vector.clone(element);
    return element;
  }
  template <typename Op> Value binary(Value x, Value y) {
    math.match(x, y);
    return Op::create(b, x, y);
  }
};

/// Input coordinate of result index `x` in dimension `d`.
Value inputCoordinate(Coordinates &c, nn::ResizeOp op, size_t d, Value x, Value in, Value out) {
  using C = nn::ResizeCoordinate;
  Value scale = c.widen(op.getScales()[d]), half = c.constant(0.5), zero = c.constant(0), one = c.constant(1);
  Value inF = c.fromIndex(in), outF = c.fromIndex(out);
  // The standard scales the grid by the given scale, though the result's extent was rounded down. A product that is
  // whole but for the rounding of the scale to f32 comes from a scale that stands for two extents: those count, or a
  // position between two elements would fall to either side by chance.
  auto scaledExtent = [&] {
    Value product = c.mul(inF, scale), whole = math::RoundEvenOp::create(c.b, product);
    Value distance = c.abs(c.sub(product, whole)), rounding = c.mul(product, c.constant(0x1p-23));
    return c.select(c.compare(arith::CmpFPredicate::OLE, distance, rounding), whole, product);
  };
  auto toInput = [&](Value position) { return c.div(c.mul(position, inF), scaledExtent()); };
  auto isOne = [&] { return arith::CmpIOp::create(c.b, arith::CmpIPredicate::eq, out, c.emitter.constant(1)); };
  auto centred = [&] { return c.sub(toInput(c.add(x, half)), half); };
  switch (op.getCoordinate()) {
  case C::half_pixel:
    return centred();
  case C::half_pixel_symmetric: {
    Value adjustment = c.div(outF, scaledExtent());
    Value centre = c.mul(inF, half);
    return c.add(c.mul(centre, c.sub(one, adjustment)), centred());
  }
  case C::pytorch_half_pixel:
    return c.select(isOne(), zero, centred());
  case C::align_corners:
    return c.select(isOne(), zero, c.div(c.mul(x, c.sub(inF, one)), c.sub(scaledExtent(), one)));
  case C::asymmetric:
    return toInput(x);
  case C::tf_half_pixel_for_nn:
    return toInput(c.add(x, half));
  case C::tf_crop_and_resize: {
    size_t rank = op.getScales().size();
    Value start = c.widen(op.getRoi()[d]), end = c.widen(op.getRoi()[rank + d]), last = c.sub(inF, one);
    Value many = c.add(c.mul(start, last), c.div(c.mul(c.mul(x, c.sub(end, start)), last), c.sub(outF, one)));
    Value single = c.mul(c.mul(half, c.add(start, end)), last);
    return c.select(isOne(), single, many);
  }
  }
  return Value();
}

LaneIndex clampedIndex(Coordinates &c, Value coordinate, Value extent) {
  Value index = c.toIndex(coordinate);
  Value last = c.emitter.sub(extent, c.emitter.constant(1));
  return c.math.index(c.math.max(c.math.min(index, last), c.emitter.constant(0)));
}

Value nearestCoordinate(Coordinates &c, nn::ResizeNearest mode, Value x) {
  using N = nn::ResizeNearest;
  switch (mode) {
  case N::round_prefer_floor:
    return c.ceil(c.sub(x, c.constant(0.5)));
  case N::round_prefer_ceil:
    return c.floor(c.add(x, c.constant(0.5)));
  case N::floor:
    return c.floor(x);
  case N::ceil:
    return c.ceil(x);
  }
  return Value();
}

/// Keys' cubic kernel at distance `t` >= 0 (R. Keys, "Cubic convolution interpolation", 1981, eq. 15).
Value cubicKernel(Coordinates &c, Value t, double a) {
  auto polynomial = [&](double c3, double c2, double c1, double c0) {
    Value r = c.add(c.mul(t, c.constant(c3)), c.constant(c2));
    r = c.add(c.mul(r, t), c.constant(c1));
    return c.add(c.mul(r, t), c.constant(c0));
  };
  Value near = polynomial(a + 2, -(a + 3), 0, 1), far = polynomial(a, -5 * a, 8 * a, -4 * a);
  Value isNear = c.compare(arith::CmpFPredicate::OLE, t, c.constant(1));
  Value isFar = c.compare(arith::CmpFPredicate::OLT, t, c.constant(2));
  return c.select(isNear, near, c.select(isFar, far, c.constant(0)));
}

Value triangleKernel(Coordinates &c, Value t) {
  Value weight = c.sub(c.constant(1), t);
  return c.select(c.compare(arith::CmpFPredicate::OGT, weight, c.constant(0)), weight, c.constant(0));
}

Taps interpolationTaps(Coordinates &c, nn::ResizeOp op, Value x, Value extent) {
  Taps taps;
  bool linear = op.getMode() == nn::ResizeMode::linear;
  Value base = c.floor(x);
  Value total;
  for (int offset = linear ? 0 : -1; offset <= (linear ? 1 : 2); ++offset) {
    Value position = c.add(base, c.constant(offset));
    Value distance = c.abs(c.sub(x, position));
    Value weight =
        linear ? triangleKernel(c, distance) : cubicKernel(c, distance, op.getCubicCoefficient().convertToFloat());
    if (op.getExcludeOutside()) {
      Value inside = c.math.inside(c.toIndex(position), extent);
      weight = c.select(inside, weight, c.constant(0));
    }
    taps.positions.push_back(clampedIndex(c, position, extent));
    taps.weights.push_back(weight);
    total = total ? c.add(total, weight) : weight;
  }
  if (op.getExcludeOutside())
    for (Value &weight : taps.weights)
      weight = c.div(weight, total);
  return taps;
}

} // namespace

/// Antialiased interpolation: the kernel is stretched by 1 / scale where that is above 1 and normalised; the number of
/// taps is a run-time number, so dimensions are nested loops; lanes never run along a resized one.
static Value emitAntialiased(ElementEmitter &emitter, nn::ResizeOp op, ArrayRef<LaneIndex> indices,
                             ArrayRef<bool> resized, Type elementType) {
  Coordinates c(emitter);
  ImplicitLocOpBuilder &b = emitter.builder();
  SmallVector<Value> inExtents(emitter.extents(op.getInput())), outExtents(emitter.extents(op.getResult()));
  SmallVector<LaneIndex> mapped(indices);
  bool linear = op.getMode() == nn::ResizeMode::linear;
  std::function<Value(size_t)> along = [&](size_t d) -> Value {
    while (d < indices.size() && !resized[d])
      ++d;
    if (d == indices.size()) {
      Value element = emitter.emit(op.getInput(), mapped);
      return emitter.convert(element, elementType, b.getF64Type());
    }
    Value x = inputCoordinate(c, op, d, c.fromIndex(indices[d].base), inExtents[d], outExtents[d]);
    Value scale = c.widen(op.getScales()[d]), one = c.constant(1);
    Value shrink = c.select(c.compare(arith::CmpFPredicate::OLT, scale, one), scale, one);
    Value support = c.div(c.constant(linear ? 1 : 2), shrink);
    Value from = c.toIndex(c.ceil(c.sub(x, support))), to = c.toIndex(c.floor(c.add(x, support)));
    Value count = emitter.add(emitter.sub(to, from), emitter.constant(1));
    // Lanes may run along a dimension that is not resized: all share the weights, each has its sum.
    SmallVector<Value> sums =
        carriedLoops(b, {emitter.constant(0)}, {count}, {emitter.splatConstant(b.getF64Type(), 0), c.constant(0)},
                     [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
                       ElementEmitter::Scope scope(emitter);
                       Value position = emitter.add(from, at[0]);
                       Value distance = c.mul(c.abs(c.sub(x, c.fromIndex(position))), shrink);
                       Value weight = linear ? triangleKernel(c, distance)
                                             : cubicKernel(c, distance, op.getCubicCoefficient().convertToFloat());
                       if (op.getExcludeOutside())
                         weight = c.select(c.math.inside(position, inExtents[d]), weight, c.constant(0));
                       LaneIndex saved = mapped[d];
                       Value last = emitter.sub(inExtents[d], emitter.constant(1));
                       mapped[d] = {c.math.max(c.math.min(position, last), emitter.constant(0))};
                       Value value = along(d + 1);
                       mapped[d] = saved;
                       return SmallVector<Value>{c.add(acc[0], c.mul(weight, value)), c.add(acc[1], weight)};
                     });
    return c.div(sums[0], sums[1]);
  };
  return emitter.convert(along(0), b.getF64Type(), elementType);
}

Value ElementEmitter::emitResize(nn::ResizeOp op, ArrayRef<LaneIndex> indices) {
  Type elementType = cast<RankedTensorType>(op.getInput().getType()).getElementType();
  SmallVector<Value> inExtents(extents(op.getInput())), outExtents(extents(op.getResult()));
  SmallVector<bool> resized;
  bool lanesResized = false;
  for (size_t d = 0; d < indices.size(); ++d) {
    APFloat scale(0.0f);
    std::optional<int64_t> in = getConstantIntValue(OpFoldResult(inExtents[d])),
                           out = getConstantIntValue(OpFoldResult(outExtents[d]));
    bool same = inExtents[d] == outExtents[d] || (in && in == out);
    bool untouched = same && op.getCoordinate() != nn::ResizeCoordinate::tf_crop_and_resize &&
                     matchPattern(op.getScales()[d], m_ConstantFloat(&scale)) && scale.isExactlyValue(1.0);
    resized.push_back(!untouched);
    lanesResized |= !untouched && !indices[d].isUniform();
  }
  bool antialiased = op.getAntialias() && op.getMode() != nn::ResizeMode::nearest;
  if (lanesResized && antialiased)
    return perLane(elementType, indices,
                   [&](ElementEmitter &scalar, ArrayRef<LaneIndex> at) { return scalar.emitResize(op, at); });
  if (antialiased)
    return emitAntialiased(*this, op, indices, resized, elementType);

  Coordinates c(*this);
  SmallVector<Taps> taps(indices.size());
  Value outside;
  for (size_t d = 0; d < indices.size(); ++d) {
    if (!resized[d]) {
      taps[d].positions = {indices[d]};
      continue;
    }
    Value x = inputCoordinate(c, op, d, c.fromIndex(c.math.value(indices[d])), inExtents[d], outExtents[d]);
    if (op.getCoordinate() == nn::ResizeCoordinate::tf_crop_and_resize) {
      Value last = c.fromIndex(sub(inExtents[d], constant(1)));
      Value before = c.compare(arith::CmpFPredicate::OLT, x, c.constant(0));
      Value after = c.compare(arith::CmpFPredicate::OGT, x, last);
      Value out = arith::OrIOp::create(b, before, after);
      if (outside)
        c.math.match(outside, out);
      outside = outside ? Value(arith::OrIOp::create(b, outside, out)) : out;
    }
    if (op.getMode() == nn::ResizeMode::nearest)
      taps[d].positions = {clampedIndex(c, nearestCoordinate(c, op.getNearest(), x), inExtents[d])};
    else
      taps[d] = interpolationTaps(c, op, x, inExtents[d]);
  }

  // Sum over all combinations of neighbours. Weights are vectors in the dimension of the lanes.
  bool single = llvm::all_of(taps, [](const Taps &t) { return t.weights.empty(); });
  Type computed = elementType.isF64() ? elementType : Type(b.getF32Type());
  SmallVector<LaneIndex> mapped(indices.size());
  std::function<Value(size_t)> sum = [&](size_t d) -> Value {
    if (d == indices.size()) {
      Value element = emit(op.getInput(), mapped);
      return single ? element : convert(element, elementType, computed);
    }
    Value total;
    for (size_t t = 0; t < taps[d].positions.size(); ++t) {
      mapped[d] = taps[d].positions[t];
      Value value = sum(d + 1);
      if (!taps[d].weights.empty()) {
        Value weight = taps[d].weights[t];
        auto lanes = dyn_cast<VectorType>(weight.getType());
        if (!computed.isF64())
          weight = arith::TruncFOp::create(b, lanes ? Type(lanes.clone(computed)) : computed, weight);
        value = arith::MulFOp::create(b, value, lanes ? weight : splat(weight));
      }
      total = total ? Value(arith::AddFOp::create(b, total, value)) : value;
    }
    return total;
  };
  Value result = sum(0);
  if (!single)
    result = convert(result, computed, elementType);
  if (outside) {
    Value extrapolation =
        convert(splatConstant(b.getF32Type(), op.getExtrapolation().convertToFloat()), b.getF32Type(), elementType);
    result = c.math.select(outside, extrapolation, result);
  }
  return result;
}

} // namespace tenon::schedule
