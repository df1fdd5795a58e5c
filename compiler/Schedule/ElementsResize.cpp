//===- ElementsResize.cpp - pointwise definitions of nn.resize and its tables --------------===//
//
// ONNX Resize: a result coordinate is mapped to the input, then interpolated from neighbours in each resized dimension.
// What NnResizeGrid.h says of one dimension is emitted here.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "dialects/nn/NnResizeGrid.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// Arithmetic on f64 scalars or vectors.
class Coordinates {
public:
  using Number = Value;

  explicit Coordinates(ElementEmitter &emitter) : emitter(emitter), b(emitter.builder()), math(emitter) {}

  Value constant(double value) { return arith::ConstantOp::create(b, b.getF64FloatAttr(value)); }
  Value add(Value x, Value y) { return binary<arith::AddFOp>(x, y); }
  Value sub(Value x, Value y) { return binary<arith::SubFOp>(x, y); }
  Value mul(Value x, Value y) { return binary<arith::MulFOp>(x, y); }
  Value div(Value x, Value y) { return binary<arith::DivFOp>(x, y); }
  Value floor(Value x) { return math::FloorOp::create(b, x); }
  Value ceil(Value x) { return math::CeilOp::create(b, x); }
  Value roundEven(Value x) { return math::RoundEvenOp::create(b, x); }
  Value abs(Value x) { return math::AbsFOp::create(b, x); }
  Value less(Value x, Value y) { return compare(arith::CmpFPredicate::OLT, x, y); }
  Value atMost(Value x, Value y) { return compare(arith::CmpFPredicate::OLE, x, y); }
  Value both(Value x, Value y) { return math.both(x, y); }
  Value select(Value condition, Value x, Value y) { return math.select(condition, x, y); }

  Value fromIndex(Value index) {
    return arith::SIToFPOp::create(b, like(index, b.getF64Type()),
                                   arith::IndexCastOp::create(b, like(index, b.getI64Type()), index));
  }
  Value toInteger(Value x, unsigned bits) { return arith::FPToSIOp::create(b, like(x, b.getIntegerType(bits)), x); }
  Value toIndex(Value x) { return arith::IndexCastOp::create(b, like(x, b.getIndexType()), toInteger(x, 64)); }
  Value widen(Value f32) { return arith::ExtFOp::create(b, like(f32, b.getF64Type()), f32); }
  Value round(Value x, Type element) {
    return element.isF64() ? x : Value(arith::TruncFOp::create(b, like(x, element), x));
  }

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
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) {
    math.match(x, y);
    return arith::CmpFOp::create(b, predicate, x, y);
  }
};

using Grid = nn::ResizeGrid<Coordinates>;

nn::ResizeRule ruleOf(nn::ResizeOp op) {
  return {op.getMode(), op.getCoordinate(), op.getNearest(), op.getCubicCoefficient().convertToFloat(),
          op.getExcludeOutside()};
}

/// The grid of dimension `d`.
Grid gridOf(Coordinates &c, nn::ResizeOp op, size_t d) {
  nn::ResizeRule rule = ruleOf(op);
  Value in = c.fromIndex(c.emitter.extents(op.getInput())[d]), out = c.fromIndex(c.emitter.extents(op.getResult())[d]);
  Value scale = c.widen(op.getScales()[d]);
  if (rule.coordinate != nn::ResizeCoordinate::tf_crop_and_resize)
    return Grid(c, rule, in, out, scale);
  return Grid(c, rule, in, out, scale, c.widen(op.getRoi()[d]), c.widen(op.getRoi()[op.getScales().size() + d]));
}

/// The neighbours of one result coordinate in one dimension with their weights (empty: weight 1).
struct Taps {
  SmallVector<LaneIndex> positions;
  SmallVector<Value> weights; ///< f64, scalars or vectors
};

Taps tapsAt(Coordinates &c, Grid &grid, const nn::ResizeRule &rule, Value coordinate) {
  Taps taps;
  for (int64_t tap = 0; tap < rule.taps(); ++tap) {
    Value number = c.constant(tap);
    taps.positions.push_back(c.math.index(c.toIndex(grid.position(coordinate, number))));
    if (rule.mode != nn::ResizeMode::nearest)
      taps.weights.push_back(grid.weight(coordinate, number));
  }
  return taps;
}

} // namespace

/// Antialiased interpolation: the kernel is stretched by 1 / scale where that is above 1 and normalised; the number of
/// taps is a run-time number, so dimensions are nested loops; lanes never run along a resized one.
static Value emitAntialiased(ElementEmitter &emitter, nn::ResizeOp op, ArrayRef<LaneIndex> indices,
                             ArrayRef<bool> resized, Type elementType) {
  Coordinates c(emitter);
  ImplicitLocOpBuilder &b = emitter.builder();
  SmallVector<Value> inExtents(emitter.extents(op.getInput()));
  SmallVector<LaneIndex> mapped(indices);
  bool linear = op.getMode() == nn::ResizeMode::linear;
  std::function<Value(size_t)> along = [&](size_t d) -> Value {
    while (d < indices.size() && !resized[d])
      ++d;
    if (d == indices.size()) {
      Value element = emitter.emit(op.getInput(), mapped);
      return emitter.convert(element, elementType, b.getF64Type());
    }
    Grid grid = gridOf(c, op, d);
    Value x = grid.coordinate(c.fromIndex(indices[d].base));
    Value scale = c.widen(op.getScales()[d]), one = c.constant(1);
    Value shrink = c.select(c.less(scale, one), scale, one);
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
                       Value weight = grid.kernel(distance);
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
  nn::ResizeRule rule = ruleOf(op);
  SmallVector<Taps> taps(indices.size());
  Value outside;
  for (size_t d = 0; d < indices.size(); ++d) {
    if (!resized[d]) {
      taps[d].positions = {indices[d]};
      continue;
    }
    Grid grid = gridOf(c, op, d);
    Value x = grid.coordinate(c.fromIndex(c.math.value(indices[d])));
    if (rule.coordinate == nn::ResizeCoordinate::tf_crop_and_resize) {
      Value last = c.fromIndex(sub(inExtents[d], constant(1)));
      Value out = arith::OrIOp::create(b, c.less(x, c.constant(0)), c.less(last, x));
      if (outside)
        c.math.match(outside, out);
      outside = outside ? Value(arith::OrIOp::create(b, outside, out)) : out;
    }
    taps[d] = tapsAt(c, grid, rule, x);
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
        value = arith::MulFOp::create(b, value, splat(c.round(taps[d].weights[t], computed)));
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

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// The grid of a table, the coordinate of a result and the number of a neighbour.
namespace {
struct TablePlace {
  template <typename Op>
  TablePlace(Coordinates &c, Op op, const nn::ResizeRule &rule, ArrayRef<LaneIndex> indices)
      : grid(c, rule, c.fromIndex(op.getExtent()), c.fromIndex(op.getSize()), c.widen(op.getScale())),
        coordinate(grid.coordinate(c.fromIndex(c.math.value(indices[1])))), tap(c.fromIndex(c.math.value(indices[0]))) {
  }

  Grid grid;
  Value coordinate, tap;
};
} // namespace

Value ElementEmitter::emitResizePositions(nn::ResizePositionsOp op, ArrayRef<LaneIndex> indices) {
  Coordinates c(*this);
  TablePlace at(c, op, {op.getMode(), op.getCoordinate(), op.getNearest()}, indices);
  return splat(c.toInteger(at.grid.position(at.coordinate, at.tap), 32));
}

Value ElementEmitter::emitResizeWeights(nn::ResizeWeightsOp op, ArrayRef<LaneIndex> indices) {
  Coordinates c(*this);
  nn::ResizeRule rule{op.getMode(), op.getCoordinate(), nn::ResizeNearest::floor,
                      op.getCubicCoefficient().convertToFloat(), op.getExcludeOutside()};
  TablePlace at(c, op, rule, indices);
  return splat(c.round(at.grid.weight(at.coordinate, at.tap), op.getElement()));
}

} // namespace tenon::schedule
