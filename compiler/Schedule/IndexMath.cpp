//===- IndexMath.cpp - loops that carry values, linear indices -----------------------------===//

#include "compiler/Schedule/IndexMath.h"

using namespace mlir;

namespace tenon::schedule {

using LoopBody = function_ref<SmallVector<Value>(ArrayRef<Value>, ArrayRef<Value>)>;

static SmallVector<Value> nest(ImplicitLocOpBuilder &b, ArrayRef<Value> lower, ArrayRef<Value> upper,
                               ArrayRef<Value> carried, SmallVector<Value> &inductions, LoopBody body) {
  if (inductions.size() == lower.size())
    return body(inductions, carried);
  size_t d = inductions.size();
  auto loop = scf::ForOp::create(b, lower[d], upper[d], arith::ConstantIndexOp::create(b, 1), ValueRange(carried));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  inductions.push_back(loop.getInductionVar());
  SmallVector<Value> inner(loop.getRegionIterArgs());
  SmallVector<Value> next = nest(b, lower, upper, inner, inductions, body);
  inductions.pop_back();
  // A loop without carried values already has its terminator.
  if (carried.empty())
    return {};
  scf::YieldOp::create(b, next);
  return SmallVector<Value>(loop.getResults());
}

void countedLoop(ImplicitLocOpBuilder &b, Value from, Value to, Value step, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, from, to, step);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

SmallVector<Value> carriedLoops(ImplicitLocOpBuilder &b, ArrayRef<Value> lower, ArrayRef<Value> upper,
                                ArrayRef<Value> initial, LoopBody body) {
  SmallVector<Value> inductions;
  return nest(b, lower, upper, initial, inductions, body);
}

SmallVector<Value> whileLoop(ImplicitLocOpBuilder &b, ArrayRef<Value> initial,
                             function_ref<Value(ValueRange)> condition,
                             function_ref<SmallVector<Value>(ValueRange)> step) {
  SmallVector<Type> types = llvm::to_vector_of<Type>(ValueRange(initial).getTypes());
  SmallVector<Location> locations(types.size(), b.getLoc());
  auto loop = scf::WhileOp::create(b, TypeRange(types), ValueRange(initial));
  OpBuilder::InsertionGuard guard(b);
  Block *before = b.createBlock(&loop.getBefore(), {}, types, locations);
  scf::ConditionOp::create(b, condition(before->getArguments()), before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, types, locations);
  scf::YieldOp::create(b, step(after->getArguments()));
  return SmallVector<Value>(loop.getResults());
}

Value choose(ImplicitLocOpBuilder &b, Value condition, Type type, function_ref<Value()> then,
             function_ref<Value()> other) {
  auto choice = scf::IfOp::create(b, TypeRange(type), condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::YieldOp::create(b, then());
  b.setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(b, other());
  return choice.getResult(0);
}

LaneIndex linearIndex(ElementEmitter &emitter, ArrayRef<Value> extents, ArrayRef<LaneIndex> indices) {
  // Lanes in the last dimension stay an affine run.
  bool lastOnly = true;
  for (size_t d = 0; d + 1 < indices.size(); ++d)
    lastOnly &= indices[d].isUniform();
  if (indices.empty())
    return {emitter.constant(0)};
  if (lastOnly && !indices.back().lanes) {
    Value base = emitter.constant(0);
    for (size_t d = 0; d < indices.size(); ++d)
      base = emitter.add(emitter.mul(base, extents[d]), indices[d].base);
    return {base, indices.back().stride};
  }
  IndexMath math(emitter);
  Value linear = emitter.constant(0);
  for (size_t d = 0; d < indices.size(); ++d)
    linear = math.add(math.mul(linear, extents[d]), math.value(indices[d]));
  return math.index(linear);
}

SmallVector<LaneIndex> delinearize(ElementEmitter &emitter, ArrayRef<Value> extents, const LaneIndex &linear) {
  IndexMath math(emitter);
  SmallVector<LaneIndex> indices(extents.size());
  Value rest = math.value(linear);
  for (size_t d = extents.size(); d-- > 0;) {
    if (d == 0) {
      indices[d] = math.index(rest);
      break;
    }
    indices[d] = math.index(math.rem(rest, extents[d]));
    rest = math.div(rest, extents[d]);
  }
  return indices;
}

void forEachPlace(ElementEmitter &emitter, ArrayRef<Value> extents, Value from, Value to,
                  function_ref<void(ArrayRef<LaneIndex>)> body) {
  ImplicitLocOpBuilder &b = emitter.builder();
  auto isKnown = [](Value extent) { return getConstantIntValue(OpFoldResult(extent)).has_value(); };
  Value one = emitter.constant(1);
  if (extents.empty() || llvm::all_of(extents.drop_front(), isKnown))
    return countedLoop(b, from, to, one, [&](Value place) {
      ElementEmitter::Scope scope(emitter);
      body(delinearize(emitter, extents, {place}));
    });
  Value run = extents.back();
  countedLoop(b, emitter.div(from, run), b.createOrFold<arith::CeilDivUIOp>(to, run), one, [&](Value outer) {
    Value start = emitter.mul(outer, run);
    Value first = emitter.sub(b.createOrFold<arith::MaxUIOp>(from, start), start);
    Value last = b.createOrFold<arith::MinUIOp>(emitter.sub(to, start), run);
    SmallVector<LaneIndex> indices = delinearize(emitter, extents.drop_back(), {outer});
    indices.emplace_back();
    countedLoop(b, first, last, one, [&](Value index) {
      ElementEmitter::Scope scope(emitter);
      indices.back() = {index};
      body(indices);
    });
  });
}

Value pickLanes(ImplicitLocOpBuilder &b, ArrayRef<Value> from, int64_t lanes, function_ref<int64_t(int64_t)> place) {
  Value merged = from[0];
  int64_t width = cast<VectorType>(merged.getType()).getNumElements();
  assert((from.size() <= 2 || width == lanes) && "what has been merged has the lanes of a source");
  if (from.size() == 1) {
    SmallVector<int64_t> pick = llvm::map_to_vector(llvm::seq<int64_t>(0, lanes), place);
    return vector::ShuffleOp::create(b, merged, merged, pick);
  }
  for (int64_t source = 1; source < static_cast<int64_t>(from.size()); ++source) {
    // Lanes of the sources before this one are in place already, except the first time.
    SmallVector<int64_t> pick;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      int64_t at = place(lane), owner = at / width;
      pick.push_back(owner == source ? width + at % width : source == 1 ? at % width : lane);
    }
    merged = vector::ShuffleOp::create(b, merged, from[source], pick);
  }
  return merged;
}

SmallVector<Value> rearrangeLanes(ImplicitLocOpBuilder &b, ArrayRef<Value> from, int64_t lanes,
                                  function_ref<int64_t(int64_t)> place) {
  SmallVector<Value> result;
  for (int64_t v = 0; v < static_cast<int64_t>(from.size()); ++v)
    result.push_back(pickLanes(b, from, lanes, [&](int64_t lane) { return place(v * lanes + lane); }));
  return result;
}

Value permuteLanes(ImplicitLocOpBuilder &b, Value vector, Value places) {
  auto type = cast<VectorType>(vector.getType());
  Type element = type.getElementType();
  unsigned bits = element.getIntOrFloatBitWidth();
  // Elements that no instruction permutes: as bytes, or as what has their bits.
  if (bits < 8) {
    Value bytes = arith::ExtUIOp::create(b, type.clone(b.getI8Type()), vector);
    return arith::TruncIOp::create(b, type, permuteLanes(b, bytes, places));
  }
  if (bits == 16 && isa<FloatType>(element)) {
    Value integers = vector::BitCastOp::create(b, type.clone(b.getI16Type()), vector);
    return vector::BitCastOp::create(b, type, permuteLanes(b, integers, places));
  }
  // LLVM makes one instruction of all these, where there is one (CompletePermutations in compiler/Emit).
  Value numbers = arith::IndexCastUIOp::create(b, type.clone(b.getIndexType()), places);
  SmallVector<Value> lanes;
  for (int64_t lane = 0; lane < type.getNumElements(); ++lane) {
    Value place = vector::ExtractOp::create(b, numbers, lane);
    lanes.push_back(vector::ExtractOp::create(b, vector, OpFoldResult(place)));
  }
  return vector::FromElementsOp::create(b, type, lanes);
}

Value orderedBits(ImplicitLocOpBuilder &b, Value values, bool isUnsigned) {
  Type type = values.getType();
  unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  auto vector = dyn_cast<VectorType>(type);
  Type element = b.getIntegerType(width), bits = vector ? Type(vector.clone(element)) : element;
  auto constant = [&](const APInt &value) -> Value {
    IntegerAttr number = b.getIntegerAttr(element, value);
    return arith::ConstantOp::create(
        b, vector ? TypedAttr(DenseElementsAttr::get(cast<VectorType>(bits), Attribute(number))) : TypedAttr(number));
  };
  Value sign = constant(APInt::getSignMask(width));
  if (!isa<FloatType>(getElementTypeOrSelf(type)))
    return isUnsigned ? values : Value(arith::XOrIOp::create(b, values, sign));
  // Of negative numbers all bits are turned round, for their magnitudes count backwards.
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  Value code = arith::BitcastOp::create(b, bits, arith::AddFOp::create(b, values, zero));
  Value isNegative = arith::ShRSIOp::create(b, code, constant(APInt(width, width - 1)));
  Value result = arith::XOrIOp::create(b, code, arith::OrIOp::create(b, isNegative, sign));
  Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, values, values);
  return arith::SelectOp::create(b, isNan, constant(APInt::getAllOnes(width)), result);
}

} // namespace tenon::schedule
