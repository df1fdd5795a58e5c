//===- Elements.cpp - bindings, memory access and the walk down an expression --------------===//
//
// Expects: operands of every emitted op are bound to buffers or have defining nn ops in the kernel body.
// Guarantees: no memory outside a tensor is touched for lanes that the mask switches off.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Elements.h"
#include "compiler/Schedule/IndexMath.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

#include <complex>

using namespace mlir;

namespace tenon::schedule {

Type registerType(Type element) {
  if (isa<ComplexType>(element))
    return storageType(element);
  if (isa<IntegerType>(element) || nn::isSmall(element))
    return IntegerType::get(element.getContext(), element.getIntOrFloatBitWidth());
  return element;
}

/// `value` (a scalar or a vector) with elements of `element`.
static Type likeWith(Value value, Type element) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? Type(vector.clone(element)) : element;
}

ElementEmitter::ElementEmitter(const ElementEmitter &other, int64_t lanes)
    : b(other.b), laneCount(lanes), reference(other.reference), status(other.status), scalarPath(other.scalarPath),
      buffers(other.buffers), knownExtents(other.knownExtents) {
  for (auto [tensor, element] : other.registers)
    if (!isa<VectorType>(element.getType()))
      registers[tensor] = element;
}

//===----------------------------------------------------------------------===//
// Bindings
//===----------------------------------------------------------------------===//

void ElementEmitter::bind(Value tensor, Buffer buffer) {
  buffers[tensor] = buffer;
  memo.clear();
}

void ElementEmitter::bindRegister(Value tensor, Value element) {
  registers[tensor] = element;
  memo.clear();
}

void ElementEmitter::unbindRegister(Value tensor) {
  registers.erase(tensor);
  memo.clear();
}

void ElementEmitter::bindExtents(Value tensor, ArrayRef<Value> extents) {
  knownExtents[tensor] = SmallVector<Value>(extents);
}

ArrayRef<Value> ElementEmitter::extents(Value tensor) {
  auto it = knownExtents.find(tensor);
  assert(it != knownExtents.end() && "extents are bound before emission");
  return it->second;
}

//===----------------------------------------------------------------------===//
// Small builders
//===----------------------------------------------------------------------===//

static std::optional<int64_t> constantValue(Value value) { return getConstantIntValue(OpFoldResult(value)); }

Value ElementEmitter::constant(int64_t value) { return arith::ConstantIndexOp::create(b, value); }

Value ElementEmitter::add(Value lhs, Value rhs) {
  if (constantValue(lhs) == 0)
    return rhs;
  return b.createOrFold<arith::AddIOp>(lhs, rhs);
}

Value ElementEmitter::sub(Value lhs, Value rhs) { return b.createOrFold<arith::SubIOp>(lhs, rhs); }

Value ElementEmitter::mul(Value lhs, Value rhs) {
  if (constantValue(lhs) == 0 || constantValue(rhs) == 1)
    return lhs;
  if (constantValue(rhs) == 0 || constantValue(lhs) == 1)
    return rhs;
  return b.createOrFold<arith::MulIOp>(lhs, rhs);
}

Value ElementEmitter::div(Value lhs, Value rhs) { return b.createOrFold<arith::DivUIOp>(lhs, rhs); }
Value ElementEmitter::rem(Value lhs, Value rhs) {
  if (constantValue(rhs) == 1)
    return constant(0);
  return b.createOrFold<arith::RemUIOp>(lhs, rhs);
}

Type ElementEmitter::laneType(Type elementType) const {
  Type element = registerType(elementType);
  return laneCount == 1 ? element : Type(VectorType::get({laneCount}, element));
}

Value ElementEmitter::splat(Value scalar) {
  if (laneCount == 1 || isa<VectorType>(scalar.getType()))
    return scalar;
  return vector::BroadcastOp::create(b, VectorType::get({laneCount}, scalar.getType()), scalar);
}

static TypedAttr scalarAttribute(Type type, double value) {
  if (isa<FloatType>(type))
    return FloatAttr::get(type, value);
  if (isa<IndexType>(type))
    return IntegerAttr::get(type, static_cast<int64_t>(value));
  return IntegerAttr::get(type, APInt(type.getIntOrFloatBitWidth(), static_cast<uint64_t>(static_cast<int64_t>(value)),
                                      /*isSigned=*/true, /*implicitTrunc=*/true));
}

Value ElementEmitter::splatConstant(Type elementType, double value) {
  TypedAttr scalar = scalarAttribute(registerType(elementType), value);
  if (laneCount == 1)
    return arith::ConstantOp::create(b, scalar);
  auto type = VectorType::get({laneCount}, scalar.getType());
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, Attribute(scalar)));
}

Value ElementEmitter::laneVector(const LaneIndex &index) {
  if (index.lanes)
    return index.lanes;
  auto type = VectorType::get({laneCount}, b.getIndexType());
  Value base = vector::BroadcastOp::create(b, type, index.base);
  if (index.stride == 0)
    return base;
  SmallVector<int64_t> steps;
  for (int64_t lane = 0; lane < laneCount; ++lane)
    steps.push_back(lane * index.stride);
  Value offsets = arith::ConstantOp::create(b, DenseIntElementsAttr::get(type, steps));
  return arith::AddIOp::create(b, base, offsets);
}

LaneIndex ElementEmitter::laneOf(const LaneIndex &index, Value lane) {
  if (index.lanes)
    return {vector::ExtractOp::create(b, index.lanes, OpFoldResult(lane))};
  if (index.stride == 0)
    return {index.base};
  return {add(index.base, mul(lane, constant(index.stride)))};
}

Value ElementEmitter::perLane(Type elementType, ArrayRef<LaneIndex> indices,
                              function_ref<Value(ElementEmitter &, ArrayRef<LaneIndex>)> build) {
  ElementEmitter scalar(*this, 1);
  if (laneCount == 1)
    return build(scalar, indices);
  *scalarPath = true;
  Value start = splatConstant(elementType, 0);
  auto loop = scf::ForOp::create(b, constant(0), constant(laneCount), constant(1), ValueRange(start));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value lane = loop.getInductionVar(), vector = loop.getRegionIterArg(0);
  auto one = [&]() -> Value {
    SmallVector<LaneIndex> laneIndices;
    for (const LaneIndex &index : indices)
      laneIndices.push_back(laneOf(index, lane));
    Value element = build(scalar, laneIndices);
    return vector::InsertOp::create(b, element, vector, OpFoldResult(lane));
  };
  Value next;
  if (mask) {
    Value wanted = vector::ExtractOp::create(b, mask, OpFoldResult(lane));
    auto choice = scf::IfOp::create(b, vector.getType(), wanted, /*withElseRegion=*/true);
    {
      OpBuilder::InsertionGuard inner(b);
      b.setInsertionPointToStart(choice.thenBlock());
      scf::YieldOp::create(b, one());
      b.setInsertionPointToStart(choice.elseBlock());
      scf::YieldOp::create(b, vector);
    }
    next = choice.getResult(0);
  } else {
    next = one();
  }
  scf::YieldOp::create(b, next);
  return loop.getResult(0);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

namespace {
/// Where the lanes of an access lie, in elements.
struct Address {
  Value base;          // of lane 0
  int64_t stride = 0;  // between lanes
  Value lanes = {};    // or one offset per lane
  Value advances = {}; // i1: whether the stride holds or all lanes are at the base; null: it holds
};
} // namespace

/// An index as a sum of a value (null: none) and a number.
static std::pair<Value, int64_t> splitConstant(Value index) {
  int64_t constant = 0;
  for (auto sum = index.getDefiningOp<arith::AddIOp>(); sum; sum = index.getDefiningOp<arith::AddIOp>()) {
    std::optional<int64_t> term = constantValue(sum.getRhs());
    if (!term)
      break;
    constant += *term;
    index = sum.getLhs();
  }
  std::optional<int64_t> all = constantValue(index);
  return {all ? Value() : index, constant + all.value_or(0)};
}

/// The row-major index of the bases of `indices`. Numbers that are added to them stay apart as far as extents are
/// known, so that elements near each other are numbers apart from a common address.
static Value linearBase(ElementEmitter &emitter, ArrayRef<Value> extents, ArrayRef<LaneIndex> indices) {
  Value base = emitter.constant(0);
  int64_t apart = 0;
  for (size_t d = 0; d < indices.size(); ++d) {
    auto [index, constant] = splitConstant(indices[d].base);
    std::optional<int64_t> extent = constantValue(extents[d]);
    if (!extent && apart != 0) {
      base = emitter.add(base, emitter.constant(apart));
      apart = 0;
    }
    base = d == 0 ? base : emitter.mul(base, extents[d]);
    base = index ? emitter.add(base, index) : base;
    apart = apart * extent.value_or(0) + constant;
  }
  return apart == 0 ? base : emitter.add(base, emitter.constant(apart));
}

static Address linearize(ElementEmitter &emitter, Buffer buffer, ArrayRef<Value> shape, ArrayRef<LaneIndex> indices) {
  assert(shape.size() == indices.size() && "one index per dimension");
  ImplicitLocOpBuilder &b = emitter.builder();
  SmallVector<Value> extents(shape);
  if (buffer.pitch != 0) {
    // Whoever looks at the tensor as other rows than it has does not know of its pitch.
    if (extents.empty() || constantValue(extents.back()) != buffer.row)
      *buffer.pitchIsMissed = true;
    else
      extents.back() = emitter.constant(buffer.pitch);
  }
  bool general = false;
  int64_t staticStride = 0, inner = 1;
  bool innerKnown = true;
  Value advances;
  for (size_t d = indices.size(); d-- > 0;) {
    if (indices[d].advances && innerKnown && inner == 1 && staticStride == 0 && !advances) {
      advances = indices[d].advances;
      staticStride = 1;
    } else {
      general |= static_cast<bool>(indices[d].lanes);
    }
    if (indices[d].stride != 0) {
      general |= !innerKnown || advances;
      staticStride += indices[d].stride * inner;
    }
    std::optional<int64_t> extent = constantValue(extents[d]);
    innerKnown &= extent.has_value();
    inner *= extent.value_or(0);
  }
  if (!general) {
    Value base = linearBase(emitter, extents, indices);
    if (buffer.offset)
      base = emitter.add(buffer.offset, base);
    return {base, staticStride, {}, advances};
  }
  auto type = VectorType::get({emitter.lanes()}, b.getIndexType());
  Value lanes;
  for (size_t d = 0; d < indices.size(); ++d) {
    Value index = emitter.laneVector(indices[d]);
    if (lanes) {
      Value extent = vector::BroadcastOp::create(b, type, extents[d]);
      lanes = arith::AddIOp::create(b, arith::MulIOp::create(b, lanes, extent), index);
    } else {
      lanes = index;
    }
  }
  if (buffer.offset)
    lanes = arith::AddIOp::create(b, lanes, vector::BroadcastOp::create(b, type, buffer.offset));
  return {emitter.constant(0), 0, lanes};
}

Value ElementEmitter::loadStrided(VectorType type, Value memref, Value base, int64_t stride) {
  // Vectors from the first lane's element on; the last one ends with the last lane's, so that nothing behind is read.
  SmallVector<Value> vectors;
  int64_t lastStart = (stride - 1) * (laneCount - 1);
  for (int64_t v = 0; v < stride; ++v)
    vectors.push_back(
        vector::LoadOp::create(b, type, memref, add(base, constant(v + 1 < stride ? v * laneCount : lastStart))));
  return pickLanes(b, vectors, laneCount, [&](int64_t lane) {
    int64_t at = lane * stride, whole = (stride - 1) * laneCount;
    return at < whole ? at : whole + at - lastStart;
  });
}

Value ElementEmitter::load(Type elementType, Buffer buffer, ArrayRef<Value> extents, ArrayRef<LaneIndex> indices) {
  Type stored = storageType(elementType);
  Address address = linearize(*this, buffer, extents, indices);
  Value loaded;
  if (laneCount == 1 || (!address.lanes && address.stride == 0)) {
    loaded = memref::LoadOp::create(b, buffer.memref, address.base);
  } else {
    auto type = VectorType::get({laneCount}, stored);
    auto zero = [&] { return arith::ConstantOp::create(b, b.getZeroAttr(type)); };
    if (address.advances) {
      auto choice = scf::IfOp::create(b, type, address.advances, /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(choice.thenBlock());
      Value run = mask ? Value(vector::MaskedLoadOp::create(b, type, buffer.memref, address.base, mask, zero()))
                       : Value(vector::LoadOp::create(b, type, buffer.memref, address.base));
      scf::YieldOp::create(b, run);
      b.setInsertionPointToStart(choice.elseBlock());
      Value one = memref::LoadOp::create(b, buffer.memref, address.base);
      scf::YieldOp::create(b, splat(one));
      loaded = choice.getResult(0);
    } else if (!address.lanes && address.stride == -1) {
      // A run, read as it lies and turned round.
      SmallVector<int64_t> reverse(llvm::reverse(llvm::seq<int64_t>(0, laneCount)));
      Value first = sub(address.base, constant(laneCount - 1));
      if (mask) {
        Value wanted = vector::ShuffleOp::create(b, mask, mask, reverse);
        loaded = vector::MaskedLoadOp::create(b, type, buffer.memref, first, wanted, zero());
      } else {
        loaded = vector::LoadOp::create(b, type, buffer.memref, first);
      }
      loaded = vector::ShuffleOp::create(b, loaded, loaded, reverse);
    } else if (!address.lanes && address.stride == 1) {
      loaded = mask ? Value(vector::MaskedLoadOp::create(b, type, buffer.memref, address.base, mask, zero()))
                    : Value(vector::LoadOp::create(b, type, buffer.memref, address.base));
    } else if (!address.lanes && !mask && address.stride > 1 && address.stride <= mostShuffledStride) {
      loaded = loadStrided(type, buffer.memref, address.base, address.stride);
    } else {
      Value offsets = laneVector({address.base, address.stride, address.lanes});
      Value wanted = mask;
      if (!wanted)
        wanted = splatConstant(b.getI1Type(), 1);
      loaded = vector::GatherOp::create(b, type, buffer.memref, constant(0), offsets, wanted, zero());
      // Behind the last whole vector of a row it does not matter.
      *scalarPath |= address.lanes || address.stride > mostShuffledStride;
    }
  }
  if (elementType.isInteger(1)) {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(loaded.getType()));
    loaded = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, loaded, zero);
  } else if (Type inRegister = registerType(elementType); inRegister != stored) {
    loaded = arith::TruncIOp::create(b, likeWith(loaded, inRegister), loaded);
  }
  return splat(loaded);
}

void ElementEmitter::store(Value element, Type elementType, Buffer buffer, ArrayRef<Value> extents,
                           ArrayRef<LaneIndex> indices) {
  // What is below a byte is stored with zeros above.
  if (Type stored = storageType(elementType); registerType(elementType) != stored)
    element = arith::ExtUIOp::create(b, likeWith(element, stored), element);
  Address address = linearize(*this, buffer, extents, indices);
  if (laneCount == 1) {
    memref::StoreOp::create(b, element, buffer.memref, address.base);
    return;
  }
  element = splat(element);
  if (!address.lanes && address.stride == 1) {
    if (mask)
      vector::MaskedStoreOp::create(b, buffer.memref, address.base, mask, element);
    else
      vector::StoreOp::create(b, element, buffer.memref, address.base);
    return;
  }
  Value wanted = mask;
  if (!wanted)
    wanted = splatConstant(b.getI1Type(), 1);
  // A constant distance apart it is one store for each, with no arithmetic.
  *scalarPath |= static_cast<bool>(address.lanes);
  Value offsets = laneVector({address.base, address.stride, address.lanes});
  vector::ScatterOp::create(b, Type(), buffer.memref, constant(0), offsets, wanted, element);
}

//===----------------------------------------------------------------------===//
// The walk
//===----------------------------------------------------------------------===//

SmallVector<LaneIndex> ElementEmitter::broadcastIndices(Value operand, ArrayRef<Value> resultExtents,
                                                        ArrayRef<LaneIndex> indices) {
  ArrayRef<Value> operandExtents = extents(operand);
  size_t skipped = indices.size() - operandExtents.size();
  SmallVector<LaneIndex> result;
  for (size_t d = 0; d < operandExtents.size(); ++d) {
    const LaneIndex &index = indices[d + skipped];
    Value mine = operandExtents[d], whole = resultExtents[d + skipped];
    std::optional<int64_t> known = constantValue(mine);
    if (known == 1) {
      result.push_back({constant(0)});
    } else if (known || mine == whole) {
      result.push_back(index);
    } else {
      // Only the run time knows whether this dimension repeats.
      Value repeats = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, mine, constant(1));
      if (index.isUniform()) {
        result.push_back({arith::SelectOp::create(b, repeats, constant(0), index.base)});
      } else {
        Value lanes = laneVector(index);
        Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(lanes.getType()));
        LaneIndex mapped{Value(), 0, arith::SelectOp::create(b, repeats, zeros, lanes)};
        if (index.stride == 1 || index.advances) {
          Value once = arith::ConstantIntOp::create(b, 0, 1);
          Value advances = index.advances ? index.advances : arith::ConstantIntOp::create(b, 1, 1);
          mapped.base = arith::SelectOp::create(b, repeats, constant(0), index.base);
          mapped.advances = b.createOrFold<arith::SelectOp>(repeats, once, advances);
        }
        result.push_back(mapped);
      }
    }
  }
  return result;
}

Value ElementEmitter::emitUniform(Value tensor, ArrayRef<LaneIndex> indices) {
  ElementEmitter scalar(*this, 1);
  return scalar.emit(tensor, indices);
}

Value ElementEmitter::emit(Value tensor, ArrayRef<LaneIndex> indices) {
  if (auto it = registers.find(tensor); it != registers.end())
    return splat(it->second);
  auto &known = memo[tensor];
  for (auto &[knownIndices, value] : known)
    if (ArrayRef<LaneIndex>(knownIndices) == indices)
      return value;

  Value result;
  Type elementType = cast<RankedTensorType>(tensor.getType()).getElementType();
  if (auto it = buffers.find(tensor); it != buffers.end()) {
    result = load(elementType, it->second, extents(tensor), indices);
  } else {
    auto opResult = cast<OpResult>(tensor);
    result = emitOp(opResult.getOwner(), opResult.getResultNumber(), indices);
  }
  memo[tensor].push_back({SmallVector<LaneIndex>(indices), result});
  return result;
}

Value ElementEmitter::emitOp(Operation *op, unsigned result, ArrayRef<LaneIndex> indices) {
  if (op->hasTrait<nn::Elementwise>()) {
    SmallVector<Value> operands;
    SmallVector<Value> resultExtents(extents(op->getResult(0)));
    for (Value operand : op->getOperands())
      operands.push_back(emit(operand, broadcastIndices(operand, resultExtents, indices)));
    return elementwise(op, operands);
  }
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](nn::ConstantOp op) { return emitConstant(op, indices); })
      .Case([&](nn::ReduceOp op) { return emitReduce(op, indices); })
      .Case([&](nn::ArgReduceOp op) { return emitArgReduce(op, indices); })
      .Case([&](nn::PoolOp op) { return emitPool(op, indices); })
      .Case([&](nn::PoolArgmaxOp op) { return emitPoolArgmax(op, indices); })
      .Case([&](nn::ResizeOp op) { return emitResize(op, indices); })
      .Case([&](nn::ResizePositionsOp op) { return emitResizePositions(op, indices); })
      .Case([&](nn::ResizeWeightsOp op) { return emitResizeWeights(op, indices); })
      .Case([&](nn::ResampleOp op) { return emitResample(*this, op, indices); })
      .Case([&](nn::MatmulOp op) { return emitMatmul(op, indices); })
      .Case([&](nn::ConvOp op) { return emitConv(op, indices); })
      .Case([&](nn::ConvTransposeOp op) { return emitConvTranspose(op, indices); })
      .Default([&](Operation *op) { return emitMovement(op, indices); });
}

/// The element of a splat as a register holds it.
static TypedAttr registerConstant(DenseElementsAttr splat) {
  Type type = registerType(splat.getElementType());
  if (isa<ComplexType>(splat.getElementType())) {
    auto number = splat.getSplatValue<std::complex<APFloat>>();
    return IntegerAttr::get(type, number.imag().bitcastToAPInt().concat(number.real().bitcastToAPInt()));
  }
  auto attribute = splat.getSplatValue<Attribute>();
  if (isa<FloatType>(type))
    return cast<TypedAttr>(attribute);
  auto number = dyn_cast<FloatAttr>(attribute);
  return IntegerAttr::get(type, number ? number.getValue().bitcastToAPInt() : cast<IntegerAttr>(attribute).getValue());
}

Value ElementEmitter::emitConstant(nn::ConstantOp op, ArrayRef<LaneIndex>) {
  auto value = cast<DenseElementsAttr>(op.getValue());
  assert(value.isSplat() && "only splat constants stay inside kernels");
  TypedAttr scalar = registerConstant(value);
  Type type = scalar.getType();
  if (laneCount == 1)
    return arith::ConstantOp::create(b, scalar);
  return arith::ConstantOp::create(b, DenseElementsAttr::get(VectorType::get({laneCount}, type), Attribute(scalar)));
}

//===----------------------------------------------------------------------===//
// Failures
//===----------------------------------------------------------------------===//

void ElementEmitter::failIf(Value condition) {
  if (!status)
    return;
  if (isa<VectorType>(condition.getType())) {
    if (mask)
      condition = arith::AndIOp::create(b, condition, mask);
    condition = vector::ReductionOp::create(b, vector::CombiningKind::OR, condition);
  }
  auto failing = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(failing.thenBlock());
  Value code = arith::ConstantIntOp::create(b, 2 /* TENON_OUT_OF_RANGE */, 32);
  memref::StoreOp::create(b, code, status, constant(0));
}

LaneIndex ElementEmitter::checkedIndex(Value value, Value extent) {
  Type type = b.getIndexType();
  auto vectorType = dyn_cast<VectorType>(value.getType());
  if (vectorType)
    type = vectorType.clone(type);
  Value index = arith::IndexCastOp::create(b, type, value);
  if (vectorType)
    extent = vector::BroadcastOp::create(b, type, extent);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  Value negative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, zero);
  index = arith::SelectOp::create(b, negative, arith::AddIOp::create(b, index, extent), index);
  // As unsigned numbers, negative ones are too large as well.
  Value outside = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, index, extent);
  failIf(outside);
  index = arith::SelectOp::create(b, outside, zero, index);
  return vectorType ? LaneIndex{Value(), 0, index} : LaneIndex{index};
}

} // namespace tenon::schedule
