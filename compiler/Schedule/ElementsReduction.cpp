//===- ElementsReduction.cpp - pointwise definitions of reductions, windows and contractions --===//
//
// An element of these ops is a loop over other elements. Fast schedules replace the hot ones; these are the reference.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"

using namespace mlir;

namespace tenon::schedule {

static Type elementTypeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

/// The type sums are kept in.
static Type accumulatorType(Type elementType) {
  if (elementType.isF16() || elementType.isBF16())
    return Float32Type::get(elementType.getContext());
  return elementType;
}

Value ElementEmitter::emitReduce(nn::ReduceOp op, ArrayRef<LaneIndex> indices) {
  Value input = op.getInput();
  Type elementType = elementTypeOf(input), accType = accumulatorType(elementType);
  SmallVector<Value> all(extents(input)), lower, upper;
  SmallVector<LaneIndex> mapped(all.size());
  size_t next = 0;
  for (size_t d = 0; d < all.size(); ++d) {
    bool reduced = llvm::is_contained(op.getAxes(), static_cast<int64_t>(d));
    if (reduced) {
      lower.push_back(constant(0));
      upper.push_back(all[d]);
      next += op.getKeepDims();
    } else {
      mapped[d] = indices[next++];
    }
  }
  auto step = [&](ArrayRef<Value> at, Value acc) {
    for (auto [axis, position] : llvm::zip(op.getAxes(), at))
      mapped[axis] = {position};
    return combine(op.getKind(), accType, acc, widen(emit(input, mapped)));
  };
  if (std::optional<int64_t> count = shortReduction(*this, op); count && !reference) {
    Value acc = neutral(op.getKind(), accType);
    for (int64_t i = 0; i < *count; ++i)
      acc = step(llvm::map_to_vector(delinearize(*this, upper, {constant(i)}), [](LaneIndex at) { return at.base; }),
                 acc);
    return narrow(acc, elementType);
  }
  SmallVector<Value> result =
      carriedLoops(b, lower, upper, {neutral(op.getKind(), accType)}, [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
        Scope scope(*this);
        return SmallVector<Value>{step(at, acc[0])};
      });
  return narrow(result[0], elementType);
}

std::optional<int64_t> shortReduction(ElementEmitter &emitter, nn::ReduceOp op) {
  int64_t count = 1;
  for (int64_t axis : op.getAxes()) {
    std::optional<int64_t> extent = getConstantIntValue(OpFoldResult(emitter.extents(op.getInput())[axis]));
    if (!extent || *extent > mostShuffledStride)
      return std::nullopt;
    count *= *extent;
  }
  return count <= mostShuffledStride ? std::optional(count) : std::nullopt;
}

namespace {
/// The comparisons of one ArgReduceOp. A NaN is the extreme value, the first one or the last.
class Contest {
public:
  explicit Contest(ElementEmitter &emitter, nn::ArgReduceOp op)
      : b(emitter.builder()), largest(op.getKind() == nn::ReduceKind::max), last(op.getSelectLast()),
        isUnsigned(elementTypeOf(op.getInput()).isUnsignedInteger()) {}

  /// Whether a value that comes later wins.
  Value laterWins(Value value, Value best) {
    if (!isFloat(value))
      return arith::CmpIOp::create(b, integerPredicate(last), value, best);
    auto strict = largest ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT;
    auto equal = largest ? arith::CmpFPredicate::OGE : arith::CmpFPredicate::OLE;
    Value wins = arith::CmpFOp::create(b, last ? equal : strict, value, best);
    Value takes = isNan(value);
    if (!last)
      takes = arith::AndIOp::create(b, takes, negate(isNan(best)));
    return arith::OrIOp::create(b, wins, takes);
  }

  /// The position of the best of a vector of values, each of which was at a position of its own.
  Value winner(Value values, Value positions) {
    Value keys = ordered(values), best = vector::ReductionOp::create(b, vector::CombiningKind::MAXUI, keys);
    Value isBest =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, keys, vector::BroadcastOp::create(b, keys.getType(), best));
    auto type = cast<VectorType>(positions.getType());
    int64_t loser = last ? -1 : std::numeric_limits<int64_t>::max();
    Value none = arith::ConstantOp::create(b, DenseElementsAttr::get(type, b.getI64IntegerAttr(loser)));
    return vector::ReductionOp::create(b, last ? vector::CombiningKind::MAXSI : vector::CombiningKind::MINSI,
                                       arith::SelectOp::create(b, isBest, positions, none));
  }

private:
  /// Unsigned integers in the order of the values, the best one largest, NaN above all.
  Value ordered(Value values) {
    Value keys = orderedBits(b, values, isUnsigned);
    if (largest)
      return keys;
    Value ones = arith::ConstantOp::create(
        b, DenseElementsAttr::get(cast<VectorType>(keys.getType()), b.getIntegerAttr(getElementTypeOrSelf(keys), -1)));
    keys = arith::XOrIOp::create(b, keys, ones);
    return isFloat(values) ? Value(arith::SelectOp::create(b, isNan(values), ones, keys)) : keys;
  }

  static bool isFloat(Value value) { return isa<FloatType>(getElementTypeOrSelf(value.getType())); }
  Value isNan(Value value) { return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value); }
  Value negate(Value condition) {
    Value none = arith::ConstantOp::create(b, b.getZeroAttr(condition.getType()));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, condition, none);
  }
  arith::CmpIPredicate integerPredicate(bool orEqual) const {
    using P = arith::CmpIPredicate;
    if (largest)
      return orEqual ? (isUnsigned ? P::uge : P::sge) : (isUnsigned ? P::ugt : P::sgt);
    return orEqual ? (isUnsigned ? P::ule : P::sle) : (isUnsigned ? P::ult : P::slt);
  }

  ImplicitLocOpBuilder &b;
  bool largest, last, isUnsigned;
};
} // namespace

Value ElementEmitter::emitArgReduce(nn::ArgReduceOp op, ArrayRef<LaneIndex> indices) {
  Value input = op.getInput();
  int64_t axis = op.getAxis();
  Type i64 = b.getI64Type();
  SmallVector<LaneIndex> mapped(indices);
  if (op.getKeepDims())
    mapped[axis] = {constant(0)};
  else
    mapped.insert(mapped.begin() + axis, LaneIndex{constant(0)});
  Contest contest(*this, op);
  Value length = extents(input)[axis];
  Value first = widen(emit(input, mapped)), zero = splatConstant(i64, 0);
  auto select = [&](Value condition, Value x, Value y) { return arith::SelectOp::create(b, condition, x, y); };

  // Lanes along the axis: each keeps the best of its own positions, and the best of them starts the rest.
  SmallVector<Value> start{first, zero};
  Value from = constant(1);
  if (laneCount == 1 && rowLanes > 1 && axis + 1 == static_cast<int64_t>(mapped.size())) {
    ElementEmitter row(*this, rowLanes);
    Value step = constant(rowLanes);
    from = mul(div(length, step), step);
    Value lane = arith::IndexCastOp::create(b, VectorType::get({rowLanes}, i64), row.laneVector({constant(0), 1}));
    auto contend = [&](Value position, ValueRange best) {
      Scope scope(row);
      mapped[axis] = {position, 1};
      Value value = row.widen(row.emit(input, mapped));
      Value here = arith::AddIOp::create(b, row.splat(arith::IndexCastOp::create(b, i64, position)), lane);
      Value wins = contest.laterWins(value, best[0]);
      return SmallVector<Value>{select(wins, value, best[0]), select(wins, here, best[1])};
    };
    SmallVector<Value> best =
        carriedLoops(b, {constant(0)}, {div(length, step)}, {row.splat(first), row.splat(zero)},
                     [&](ArrayRef<Value> at, ArrayRef<Value> carried) { return contend(mul(at[0], step), carried); });
    // What is left of a known length is the end of a last vector, most of which was there before.
    if (std::optional<int64_t> known = getConstantIntValue(OpFoldResult(length)); known && *known >= rowLanes) {
      if (*known % rowLanes)
        best = contend(constant(*known - rowLanes), best);
      return contest.winner(best[0], best[1]);
    }
    Value place = contest.winner(best[0], best[1]);
    mapped[axis] = {arith::IndexCastOp::create(b, b.getIndexType(), place)};
    start = {widen(emit(input, mapped)), place};
  }
  SmallVector<Value> result = carriedLoops(b, {from}, {length}, start, [&](ArrayRef<Value> at, ArrayRef<Value> best) {
    Scope scope(*this);
    mapped[axis] = {at[0]};
    Value value = widen(emit(input, mapped));
    Value wins = contest.laterWins(value, best[0]);
    Value here = splat(arith::IndexCastOp::create(b, i64, at[0]));
    return SmallVector<Value>{select(wins, value, best[0]), select(wins, here, best[1])};
  });
  return result[1];
}

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

namespace {
/// The window of a pooling op or convolution at one output position: for each spatial dimension the range of kernel
/// positions inside the input (uniform positions), or the whole kernel and a test per position (lanes).
struct WindowRange {
  SmallVector<Value> lower, upper;
  SmallVector<Value> origin; ///< input position of kernel position 0, scalars or vectors
};
} // namespace

template <typename Op> static int64_t spatialStart(Op op) { return op.getChannelsLast() ? 1 : 2; }

/// ceil(numerator / divisor) clamped to [0, limit], for any numerator.
static Value clampedCeilDiv(ImplicitLocOpBuilder &b, Value numerator, int64_t divisor, Value limit) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value positive = b.createOrFold<arith::MaxSIOp>(numerator, zero);
  Value quotient = b.createOrFold<arith::CeilDivUIOp>(positive, arith::ConstantIndexOp::create(b, divisor));
  return b.createOrFold<arith::MinUIOp>(quotient, limit);
}

static WindowRange windowRange(ElementEmitter &emitter, ArrayRef<LaneIndex> positions, ArrayRef<Value> inputExtents,
                               ArrayRef<int64_t> kernel, ArrayRef<int64_t> strides, ArrayRef<int64_t> pads,
                               ArrayRef<int64_t> dilations) {
  IndexMath math(emitter);
  ImplicitLocOpBuilder &b = emitter.builder();
  WindowRange range;
  for (size_t d = 0; d < kernel.size(); ++d) {
    Value position = math.value(positions[d]);
    Value origin = math.sub(math.mul(position, emitter.constant(strides[d])), emitter.constant(pads[d]));
    Value size = emitter.constant(kernel[d]);
    range.origin.push_back(origin);
    if (positions[d].isUniform()) {
      range.lower.push_back(clampedCeilDiv(b, emitter.sub(emitter.constant(0), origin), dilations[d], size));
      range.upper.push_back(clampedCeilDiv(b, emitter.sub(inputExtents[d], origin), dilations[d], size));
    } else {
      range.lower.push_back(emitter.constant(0));
      range.upper.push_back(size);
    }
  }
  return range;
}

Value ElementEmitter::emitPool(nn::PoolOp op, ArrayRef<LaneIndex> indices) {
  Value input = op.getInput();
  Type elementType = elementTypeOf(input), accType = accumulatorType(elementType);
  int64_t first = spatialStart(op), spatial = op.getKernel().size();
  SmallVector<Value> inputExtents(ArrayRef(extents(input)).slice(first, spatial));
  ArrayRef<LaneIndex> positions = indices.slice(first, spatial);
  WindowRange range =
      windowRange(*this, positions, inputExtents, op.getKernel(), op.getStrides(), op.getPads(), op.getDilations());
  bool averages = op.getKind() == nn::PoolKind::average || op.getKind() == nn::PoolKind::average_include_pad;
  nn::ReduceKind kind = op.getKind() == nn::PoolKind::max ? nn::ReduceKind::max : nn::ReduceKind::sum;
  bool hasLanes = !llvm::all_of(positions, [](const LaneIndex &index) { return index.isUniform(); });
  IndexMath math(*this);
  Type countType = isa<FloatType>(accType) ? accType : Type(b.getF32Type());

  SmallVector<Value> initial{neutral(kind, accType)};
  if (hasLanes)
    initial.push_back(splatConstant(countType, 0));
  SmallVector<LaneIndex> mapped(indices);
  SmallVector<Value> result =
      carriedLoops(b, range.lower, range.upper, initial, [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
        Scope scope(*this);
        Value valid, outer = mask;
        for (int64_t d = 0; d < spatial; ++d) {
          Value position = math.add(range.origin[d], mul(at[d], constant(op.getDilations()[d])));
          const LaneIndex &index = positions[d];
          bool affine = !index.lanes && index.stride != 0;
          mapped[first + d] =
              affine ? LaneIndex{add(sub(mul(index.base, constant(op.getStrides()[d])), constant(op.getPads()[d])),
                                     mul(at[d], constant(op.getDilations()[d]))),
                                 index.stride * op.getStrides()[d]}
                     : math.index(position);
          if (!index.isUniform())
            valid = math.both(valid, math.inside(position, inputExtents[d]));
        }
        if (!valid)
          return SmallVector<Value>{combine(kind, accType, acc[0], widen(emit(input, mapped)))};
        mask = outer ? Value(arith::AndIOp::create(b, outer, valid)) : valid;
        Value value = widen(emit(input, mapped));
        mask = outer;
        Value combined = arith::SelectOp::create(b, valid, combine(kind, accType, acc[0], value), acc[0]);
        Value one = splatConstant(countType, 1);
        Value more = arith::SelectOp::create(b, valid, arith::AddFOp::create(b, acc[1], one), acc[1]);
        return SmallVector<Value>{combined, more};
      });
  Value sum = result[0];
  if (!averages)
    return narrow(sum, elementType);

  Value count;
  if (op.getKind() == nn::PoolKind::average && hasLanes) {
    count = result[1];
  } else {
    // Positions counted per dimension: inside the input, or inside the padded input.
    Value product = constant(1);
    for (int64_t d = 0; d < spatial; ++d) {
      Value inside;
      if (op.getKind() == nn::PoolKind::average) {
        inside = sub(range.upper[d], range.lower[d]);
      } else {
        Value end = math.sub(add(inputExtents[d], constant(op.getPads()[spatial + d])), range.origin[d]);
        Value dilation = constant(op.getDilations()[d]);
        inside = math.div(math.add(end, sub(dilation, constant(1))), dilation);
        inside = math.min(inside, constant(op.getKernel()[d]));
      }
      product = math.mul(product, inside);
    }
    Type i64 = b.getI64Type(), f = countType;
    if (auto vector = dyn_cast<VectorType>(product.getType())) {
      i64 = vector.clone(i64);
      f = vector.clone(f);
    }
    count = splat(arith::SIToFPOp::create(b, f, arith::IndexCastOp::create(b, i64, product)));
  }
  return narrow(arith::DivFOp::create(b, sum, count), elementType);
}

Value ElementEmitter::emitPoolArgmax(nn::PoolArgmaxOp op, ArrayRef<LaneIndex> indices) {
  if (laneCount > 1)
    return perLane(b.getI64Type(), indices,
                   [&](ElementEmitter &scalar, ArrayRef<LaneIndex> at) { return scalar.emitPoolArgmax(op, at); });
  Value input = op.getInput();
  int64_t first = 2, spatial = op.getKernel().size();
  Type elementType = elementTypeOf(input), i64 = b.getI64Type();
  SmallVector<Value> all(extents(input));
  ArrayRef<Value> inputExtents = ArrayRef(all).slice(first, spatial);
  WindowRange range = windowRange(*this, indices.slice(first, spatial), inputExtents, op.getKernel(), op.getStrides(),
                                  op.getPads(), op.getDilations());
  // Row-major plane offset, or with the first spatial dimension fastest.
  auto flat = [&](ArrayRef<Value> position) {
    Value offset = constant(0);
    for (int64_t d = 0; d < spatial; ++d) {
      int64_t dim = op.getColumnMajor() ? spatial - 1 - d : d;
      offset = add(mul(offset, inputExtents[dim]), position[dim]);
    }
    Value plane = add(mul(indices[0].base, all[1]), indices[1].base);
    Value size = constant(1);
    for (Value extent : inputExtents)
      size = mul(size, extent);
    return add(mul(plane, size), offset);
  };
  Value best = neutral(nn::ReduceKind::max, elementType);
  SmallVector<LaneIndex> mapped(indices);
  Value none = arith::ConstantIntOp::create(b, -1, 64);
  SmallVector<Value> result =
      carriedLoops(b, range.lower, range.upper, {best, none}, [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
        Scope scope(*this);
        SmallVector<Value> position;
        for (int64_t d = 0; d < spatial; ++d) {
          position.push_back(add(range.origin[d], mul(at[d], constant(op.getDilations()[d]))));
          mapped[first + d] = {position.back()};
        }
        Value value = emit(input, mapped);
        Value wins =
            isa<FloatType>(elementType)
                ? Value(arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, value, acc[0]))
                : Value(arith::CmpIOp::create(
                      b, elementType.isUnsignedInteger() ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt, value,
                      acc[0]));
        Value isFirst =
            arith::CmpIOp::create(b, arith::CmpIPredicate::slt, acc[1], arith::ConstantIntOp::create(b, 0, 64));
        wins = arith::OrIOp::create(b, wins, isFirst);
        Value here = arith::IndexCastOp::create(b, i64, flat(position));
        return SmallVector<Value>{arith::SelectOp::create(b, wins, value, acc[0]),
                                  arith::SelectOp::create(b, wins, here, acc[1])};
      });
  return result[1];
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

/// acc + x * y in the accumulator type.
static Value multiplyAdd(ElementEmitter &emitter, Type accType, Value acc, Value x, Value y) {
  ImplicitLocOpBuilder &b = emitter.builder();
  Value product =
      isa<FloatType>(accType) ? Value(arith::MulFOp::create(b, x, y)) : Value(arith::MulIOp::create(b, x, y));
  return emitter.combine(nn::ReduceKind::sum, accType, acc, product);
}

Value ElementEmitter::emitMatmul(nn::MatmulOp op, ArrayRef<LaneIndex> indices) {
  Value lhs = op.getLhs(), rhs = op.getRhs();
  Type resultType = elementTypeOf(op.getResult()), accType = accumulatorType(resultType);
  SmallVector<Value> lhsExtents(extents(lhs)), rhsExtents(extents(rhs)), resultExtents(extents(op.getResult()));
  size_t outer = indices.size() - 2;
  auto batched = [&](Value operand, size_t inner) {
    ArrayRef<Value> mine = extents(operand);
    SmallVector<LaneIndex> mapped;
    size_t count = mine.size() - inner;
    for (size_t d = 0; d < count; ++d) {
      size_t from = outer - count + d;
      std::optional<int64_t> fixed = getConstantIntValue(OpFoldResult(mine[d]));
      if (fixed == 1)
        mapped.push_back({constant(0)});
      else if (fixed || mine[d] == resultExtents[from])
        mapped.push_back(indices[from]);
      else
        mapped.push_back(
            {arith::SelectOp::create(b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, mine[d], constant(1)),
                                     constant(0), indices[from].base)});
    }
    return mapped;
  };
  bool packed = static_cast<bool>(op.getPacking());
  SmallVector<LaneIndex> left = batched(lhs, 2), right = batched(rhs, packed ? 3 : 2);
  LaneIndex row = indices[outer], column = indices[outer + 1];
  Value depth = lhsExtents[lhsExtents.size() - (op.getTransposeLhs() ? 2 : 1)];
  SmallVector<Value> result = carriedLoops(
      b, {constant(0)}, {depth}, {splatConstant(accType, 0)}, [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
        Scope scope(*this);
        LaneIndex k{at[0]};
        SmallVector<LaneIndex> l(left), r(right);
        l.append({op.getTransposeLhs() ? k : row, op.getTransposeLhs() ? row : k});
        if (packed) {
          IndexMath math(*this);
          Value nr = constant(op.getPacking()->getNr()), group = constant(op.getPacking()->getGroup());
          Value n = math.value(column), inGroup = rem(k.base, group);
          Value place = math.add(math.mul(math.rem(n, nr), group), inGroup);
          LaneIndex row = math.index(math.add(math.div(place, nr), sub(k.base, inGroup)));
          r.append({math.index(math.div(n, nr)), row, math.index(math.rem(place, nr))});
        } else {
          r.append({op.getTransposeRhs() ? column : k, op.getTransposeRhs() ? k : column});
        }
        Value x = convert(emit(lhs, l), elementTypeOf(lhs), accType),
              y = convert(emit(rhs, r), elementTypeOf(rhs), accType);
        return SmallVector<Value>{multiplyAdd(*this, accType, acc[0], x, y)};
      });
  return narrow(result[0], resultType);
}

Value ElementEmitter::emitConv(nn::ConvOp op, ArrayRef<LaneIndex> indices) {
  Type resultType = elementTypeOf(op.getResult()), accType = accumulatorType(resultType);
  bool allUniform = true;
  int64_t first = spatialStart(op), spatial = op.getKernel().size();
  int64_t channelDim = op.getChannelsLast() ? first + spatial : 1;
  for (size_t d = 0; d < indices.size(); ++d)
    allUniform &= indices[d].isUniform();
  if (!allUniform)
    return perLane(resultType, indices,
                   [&](ElementEmitter &scalar, ArrayRef<LaneIndex> at) { return scalar.emitConv(op, at); });
  Value input = op.getInput(), filter = op.getFilter();
  SmallVector<Value> inputExtents(extents(input));
  ArrayRef<Value> spatialExtents = ArrayRef(inputExtents).slice(first, spatial);
  int64_t groups = op.getGroups();
  Value groupChannels = div(inputExtents[channelDim], constant(groups));
  Value groupFilters = div(extents(op.getResult())[channelDim], constant(groups));
  Value f = indices[channelDim].base, group = div(f, groupFilters);
  WindowRange range = windowRange(*this, indices.slice(first, spatial), spatialExtents, op.getKernel(), op.getStrides(),
                                  op.getPads(), op.getDilations());
  SmallVector<Value> lower(range.lower), upper(range.upper);
  lower.push_back(constant(0));
  upper.push_back(groupChannels);
  SmallVector<Value> result =
      carriedLoops(b, lower, upper, {splatConstant(accType, 0)}, [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
        Scope scope(*this);
        SmallVector<LaneIndex> x(inputExtents.size()), w;
        Value channel = at.back();
        x[0] = indices[0];
        x[channelDim] = {add(mul(group, groupChannels), channel)};
        Value position = constant(0);
        for (int64_t d = 0; d < spatial; ++d) {
          x[first + d] = {add(range.origin[d], mul(at[d], constant(op.getDilations()[d])))};
          position = add(mul(position, constant(op.getKernel()[d])), at[d]);
        }
        if (op.getPacking()) {
          Value nr = constant(op.getPacking()->getNr()), kGroup = constant(op.getPacking()->getGroup());
          bool across = op.isPackedAcrossGroups();
          Value n = across ? f : rem(f, groupFilters), k = add(mul(position, groupChannels), channel),
                inGroup = rem(k, kGroup);
          Value place = add(mul(rem(n, nr), kGroup), inGroup);
          w = {{across ? constant(0) : group}, {div(n, nr)}, {add(sub(k, inGroup), div(place, nr))}, {rem(place, nr)}};
        } else {
          w = {{f}, {channel}};
          for (Value p : at.drop_back())
            w.push_back({p});
        }
        Value xs = convert(emit(input, x), elementTypeOf(input), accType),
              ws = convert(emit(filter, w), elementTypeOf(filter), accType);
        return SmallVector<Value>{multiplyAdd(*this, accType, acc[0], xs, ws)};
      });
  return splat(narrow(result[0], resultType));
}

Value ElementEmitter::emitConvTranspose(nn::ConvTransposeOp op, ArrayRef<LaneIndex> indices) {
  Type resultType = elementTypeOf(op.getResult()), accType = accumulatorType(resultType);
  if (laneCount > 1)
    return perLane(resultType, indices,
                   [&](ElementEmitter &scalar, ArrayRef<LaneIndex> at) { return scalar.emitConvTranspose(op, at); });
  Value input = op.getInput(), filter = op.getFilter();
  SmallVector<Value> inputExtents(extents(input)), filterExtents(extents(filter));
  size_t spatial = inputExtents.size() - 2;
  Value groups = constant(op.getGroups());
  Value groupChannels = div(inputExtents[1], groups), groupFilters = filterExtents[1];
  Value f = indices[1].base, group = div(f, groupFilters);
  SmallVector<Value> lower(spatial + 1, constant(0)), upper(ArrayRef(filterExtents).drop_front(2));
  upper.push_back(groupChannels);
  SmallVector<Value> result =
      carriedLoops(b, lower, upper, {splatConstant(accType, 0)}, [&](ArrayRef<Value> at, ArrayRef<Value> acc) {
        Scope scope(*this);
        // Kernel position r reaches this output from input (p + pad - r * dilation) / stride, if that is a whole number
        // inside.
        Value valid;
        Value channel = add(mul(group, groupChannels), at.back());
        SmallVector<LaneIndex> x{indices[0], {channel}}, w{{channel}, {rem(f, groupFilters)}};
        IndexMath math(*this);
        for (size_t d = 0; d < spatial; ++d) {
          Value stride = constant(op.getStrides()[d]);
          Value reached =
              sub(add(indices[2 + d].base, constant(op.getPads()[d])), mul(at[d], constant(op.getDilations()[d])));
          Value position = b.createOrFold<arith::DivSIOp>(reached, stride);
          Value whole = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, mul(position, stride), reached);
          valid = math.both(math.both(valid, whole), math.inside(position, inputExtents[2 + d]));
          x.push_back({position});
          w.push_back({at[d]});
        }
        Value next = choose(
            b, valid, acc[0].getType(),
            [&] {
              Scope inner(*this);
              return multiplyAdd(*this, accType, acc[0], widen(emit(input, x)), widen(emit(filter, w)));
            },
            [&] { return acc[0]; });
        return SmallVector<Value>{next};
      });
  return narrow(result[0], resultType);
}

} // namespace tenon::schedule
