//===- ElementsMovement.cpp - pointwise definitions of shape, movement and indexing ops ----===//

#include "compiler/Schedule/IndexMath.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon::schedule {

static Type elementTypeOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

Value ElementEmitter::emitReshape(nn::ReshapeOp op, ArrayRef<LaneIndex> indices) {
  Value input = op.getInput();
  SmallVector<Value> from(extents(input)), to(extents(op.getResult()));
  if (auto it = buffers.find(input); it != buffers.end()) {
    LaneIndex linear = linearIndex(*this, to, indices);
    return load(elementTypeOf(input), it->second, {constant(0)}, {linear});
  }
  // Equal trailing extents keep their indices, and their lanes.
  size_t same = 0;
  while (same < from.size() && same < to.size()) {
    Value x = from[from.size() - 1 - same], y = to[to.size() - 1 - same];
    std::optional<int64_t> c = getConstantIntValue(OpFoldResult(x));
    if (x != y && (!c || c != getConstantIntValue(OpFoldResult(y))))
      break;
    ++same;
  }
  LaneIndex linear = linearIndex(*this, ArrayRef(to).drop_back(same), indices.drop_back(same));
  SmallVector<LaneIndex> mapped = delinearize(*this, ArrayRef(from).drop_back(same), linear);
  llvm::append_range(mapped, indices.take_back(same));
  return emit(input, mapped);
}

Value ElementEmitter::emitConcat(nn::ConcatOp op, ArrayRef<LaneIndex> indices) {
  int64_t axis = op.getAxis();
  IndexMath math(*this);
  Type type = laneType(elementTypeOf(op.getResult()));
  Value position = math.value(indices[axis]);
  SmallVector<Value> starts{constant(0)};
  for (Value input : op.getInputs())
    starts.push_back(add(starts.back(), extents(input)[axis]));

  auto local = [&](size_t k) {
    SmallVector<LaneIndex> mapped(indices);
    LaneIndex &index = mapped[axis];
    index = index.lanes ? math.index(math.sub(index.lanes, starts[k]))
                        : LaneIndex{sub(index.base, starts[k]), index.stride};
    return mapped;
  };
  size_t count = op.getInputs().size();
  if (indices[axis].isUniform()) {
    std::function<Value(size_t)> from = [&](size_t k) -> Value {
      Scope scope(*this);
      if (k + 1 == count)
        return emit(op.getInputs()[k], local(k));
      Value before = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, position, starts[k + 1]);
      return choose(
          b, before, type,
          [&] {
            Scope inner(*this);
            return emit(op.getInputs()[k], local(k));
          },
          [&] { return from(k + 1); });
    };
    return from(0);
  }
  Value outer = mask, result = splatConstant(elementTypeOf(op.getResult()), 0);
  for (size_t k = 0; k < count; ++k) {
    Scope scope(*this);
    Value inside = math.inside(math.sub(position, starts[k]), extents(op.getInputs()[k])[axis]);
    mask = outer ? Value(arith::AndIOp::create(b, outer, inside)) : inside;
    result = arith::SelectOp::create(b, inside, emit(op.getInputs()[k], local(k)), result);
  }
  mask = outer;
  return result;
}

/// `position` of a dimension of `extent` with its borders, counted from the first element, as that element which it
/// shows. Where `isOnce`, no position lies further outside than there are elements (in reflect: but one).
static Value borderPosition(IndexMath &math, nn::PadMode mode, Value position, Value extent, bool isOnce) {
  using P = arith::CmpIPredicate;
  Value zero = math.constant(0), last = math.sub(extent, math.constant(1));
  switch (mode) {
  case nn::PadMode::constant:
    return position;
  case nn::PadMode::edge:
    return math.max(math.min(position, last), zero);
  case nn::PadMode::reflect: {
    Value twice = math.mul(last, math.constant(2));
    if (isOnce) {
      Value p = math.max(position, math.sub(zero, position));
      return math.min(p, math.sub(twice, p));
    }
    // The period of a mirrored run is 2 (n - 1), or 1 for a single element.
    Value period = math.max(twice, math.constant(1)), p = math.signedRem(position, period);
    p = math.select(math.compare(P::slt, p, zero), math.add(p, period), p);
    return math.select(math.compare(P::sgt, p, last), math.sub(period, p), p);
  }
  case nn::PadMode::wrap: {
    Value p = position;
    if (isOnce)
      p = math.select(math.compare(P::sgt, p, last), math.sub(p, extent), p);
    else
      p = math.signedRem(p, extent);
    return math.select(math.compare(P::slt, p, zero), math.add(p, extent), p);
  }
  }
  llvm_unreachable("all cases return");
}

bool isUnpadded(nn::PadOp op, size_t dim) {
  return getConstantIntValue(OpFoldResult(op.getLow()[dim])) == 0 &&
         getConstantIntValue(OpFoldResult(op.getHigh()[dim])) == 0;
}

LaneIndex unpaddedIndex(ElementEmitter &emitter, nn::PadOp op, size_t dim, const LaneIndex &index) {
  if (isUnpadded(op, dim))
    return index;
  Value low = op.getLow()[dim], extent = emitter.extents(op.getInput())[dim];
  if (op.getMode() == nn::PadMode::constant && !index.lanes)
    return {emitter.sub(index.base, low), index.stride};
  auto isBelow = [&](Value pad) {
    std::optional<int64_t> known = getConstantIntValue(OpFoldResult(pad)),
                           bound = getConstantIntValue(OpFoldResult(extent));
    return known && bound && *known < *bound;
  };
  IndexMath math(emitter);
  bool isOnce = isBelow(low) && isBelow(op.getHigh()[dim]);
  return math.index(borderPosition(math, op.getMode(), math.sub(math.value(index), low), extent, isOnce));
}

Value ElementEmitter::emitPad(nn::PadOp op, ArrayRef<LaneIndex> indices) {
  IndexMath math(*this);
  SmallVector<LaneIndex> mapped;
  Value uniformInside, laneInside;
  for (size_t d = 0; d < indices.size(); ++d) {
    mapped.push_back(unpaddedIndex(*this, op, d, indices[d]));
    if (op.getMode() != nn::PadMode::constant || isUnpadded(op, d))
      continue;
    Value inside = math.inside(math.value(mapped.back()), extents(op.getInput())[d]);
    Value &all = indices[d].isUniform() ? uniformInside : laneInside;
    all = math.both(all, inside);
  }
  if (!uniformInside && !laneInside)
    return emit(op.getInput(), mapped);

  Type elementType = elementTypeOf(op.getResult());
  Value fill = op.getValue() ? emitUniform(op.getValue(), {}) : neutral(nn::ReduceKind::sum, elementType, true);
  auto inside = [&]() -> Value {
    Scope scope(*this);
    if (!laneInside)
      return emit(op.getInput(), mapped);
    Value outer = mask;
    mask = outer ? Value(arith::AndIOp::create(b, outer, laneInside)) : laneInside;
    Value value = emit(op.getInput(), mapped);
    mask = outer;
    return arith::SelectOp::create(b, laneInside, value, splat(fill));
  };
  if (!uniformInside)
    return inside();
  return choose(b, uniformInside, laneType(elementType), inside, [&] { return splat(fill); });
}

Value ElementEmitter::emitGather(nn::GatherOp op, ArrayRef<LaneIndex> indices) {
  int64_t axis = op.getAxis();
  size_t count = extents(op.getIndices()).size();
  ArrayRef<LaneIndex> at = indices.slice(axis, count);
  bool uniform = llvm::all_of(at, [](const LaneIndex &index) { return index.isUniform(); });
  Value position = uniform ? emitUniform(op.getIndices(), at) : emit(op.getIndices(), at);
  SmallVector<LaneIndex> mapped(indices.take_front(axis));
  mapped.push_back(checkedIndex(position, extents(op.getInput())[axis]));
  llvm::append_range(mapped, indices.drop_front(axis + count));
  return emit(op.getInput(), mapped);
}

Value ElementEmitter::emitGatherElements(nn::GatherElementsOp op, ArrayRef<LaneIndex> indices) {
  Value position = emit(op.getIndices(), indices);
  SmallVector<LaneIndex> mapped(indices);
  mapped[op.getAxis()] = checkedIndex(position, extents(op.getInput())[op.getAxis()]);
  return emit(op.getInput(), mapped);
}

Value ElementEmitter::emitGatherNd(nn::GatherNdOp op, ArrayRef<LaneIndex> indices) {
  auto indicesType = cast<RankedTensorType>(op.getIndices().getType());
  int64_t batch = op.getBatchDims(), outer = indicesType.getRank() - 1, depth = indicesType.getDimSize(outer);
  SmallVector<LaneIndex> at(indices.take_front(outer));
  bool uniform = llvm::all_of(at, [](const LaneIndex &index) { return index.isUniform(); });
  SmallVector<LaneIndex> mapped(indices.take_front(batch));
  at.push_back({});
  for (int64_t k = 0; k < depth; ++k) {
    at.back() = {constant(k)};
    Value position = uniform ? emitUniform(op.getIndices(), at) : emit(op.getIndices(), at);
    mapped.push_back(checkedIndex(position, extents(op.getInput())[batch + k]));
  }
  llvm::append_range(mapped, indices.drop_front(outer));
  return emit(op.getInput(), mapped);
}

Value ElementEmitter::emitPack(nn::PackOp op, ArrayRef<LaneIndex> indices) {
  IndexMath math(*this);
  size_t rank = indices.size() - 1;
  Value panel = indices[rank - 2].base;
  LaneIndex k = indices[rank - 1], j = indices[rank];
  Value start = mul(panel, constant(op.getPacking().getNr()));
  LaneIndex column = j.lanes ? math.index(math.add(j.lanes, start)) : LaneIndex{add(start, j.base), j.stride};
  SmallVector<LaneIndex> mapped(indices.take_front(rank - 2));
  mapped.push_back(k);
  mapped.push_back(column);
  Value inside = math.inside(math.value(column), extents(op.getInput()).back());
  Type elementType = elementTypeOf(op.getResult());
  if (column.isUniform())
    return choose(
        b, inside, laneType(elementType),
        [&] {
          Scope scope(*this);
          return emit(op.getInput(), mapped);
        },
        [&] { return splatConstant(elementType, 0); });
  Scope scope(*this);
  Value outer = mask;
  mask = outer ? Value(arith::AndIOp::create(b, outer, inside)) : inside;
  Value value = emit(op.getInput(), mapped);
  mask = outer;
  return arith::SelectOp::create(b, inside, value, splatConstant(elementType, 0));
}

Value ElementEmitter::emitMovement(Operation *op, ArrayRef<LaneIndex> indices) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](nn::ReshapeOp op) { return emitReshape(op, indices); })
      .Case([&](nn::TransposeOp op) {
        SmallVector<LaneIndex> mapped(indices.size());
        for (auto [result, input] : llvm::enumerate(op.getPermutation()))
          mapped[input] = indices[result];
        return emit(op.getInput(), mapped);
      })
      .Case([&](nn::BroadcastOp op) {
        SmallVector<Value> resultExtents(extents(op.getResult()));
        return emit(op.getInput(), broadcastIndices(op.getInput(), resultExtents, indices));
      })
      .Case([&](nn::SliceOp op) {
        IndexMath math(*this);
        SmallVector<LaneIndex> mapped;
        for (size_t d = 0; d < indices.size(); ++d) {
          Value offset = op.getOffsets()[d], step = op.getSteps()[d];
          std::optional<int64_t> fixed = getConstantIntValue(OpFoldResult(step));
          const LaneIndex &index = indices[d];
          if (!index.lanes && (fixed || index.stride == 0))
            mapped.push_back({add(offset, mul(index.base, step)), index.stride * fixed.value_or(0)});
          else
            mapped.push_back(math.index(math.add(math.mul(math.value(index), step), offset)));
        }
        return emit(op.getInput(), mapped);
      })
      .Case([&](nn::IotaOp op) {
        IndexMath math(*this);
        Value position = math.value(indices[op.getDimension()]);
        Type type = b.getI64Type();
        if (auto vector = dyn_cast<VectorType>(position.getType()))
          type = vector.clone(type);
        return splat(arith::IndexCastOp::create(b, type, position));
      })
      .Case([&](nn::ConcatOp op) { return emitConcat(op, indices); })
      .Case([&](nn::PadOp op) { return emitPad(op, indices); })
      .Case([&](nn::GatherOp op) { return emitGather(op, indices); })
      .Case([&](nn::GatherElementsOp op) { return emitGatherElements(op, indices); })
      .Case([&](nn::GatherNdOp op) { return emitGatherNd(op, indices); })
      .Case([&](nn::PackOp op) { return emitPack(op, indices); })
      .Case([&](tensor::CastOp op) { return emit(op.getSource(), indices); })
      .Default([](Operation *op) -> Value {
        llvm::report_fatal_error(llvm::Twine("no pointwise definition of ") + op->getName().getStringRef());
      });
}

} // namespace tenon::schedule
