//===- NnShapes.cpp - extents of nn ops ----------------------------------------------------===//
//
// See NnShapes.h.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/NnShapes.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace tenon::nn {

// Rounds towards minus infinity; b is positive.
static int64_t floorDivide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

int64_t Window::resultExtent(int64_t input) const {
  // The start of the last window that fits, counted from the start of the low padding.
  int64_t lastStart = input + padLow + padHigh - (kernel - 1) * dilation - 1;
  int64_t extent = ceilMode ? floorDivide(lastStart + stride - 1, stride) + 1 : floorDivide(lastStart, stride) + 1;
  if (ceilMode && extent > 0 && (extent - 1) * stride >= input + padLow)
    --extent;
  return std::max<int64_t>(extent, 0);
}

//===----------------------------------------------------------------------===//
// Questions
//===----------------------------------------------------------------------===//

Extents::Extents(MLIRContext *context, std::optional<Location> location, StringRef name)
    : context(context), location(location.value_or(UnknownLoc::get(context))), reportAt(location), name(name) {}

Extents::Extents(OpBuilder &builder, Location location, SmallVectorImpl<ExtentRequirement> *requirements)
    : context(builder.getContext()), builder(&builder), location(location), requirements(requirements) {}

Type Extents::part(Value tensor) {
  auto complex = dyn_cast<ComplexType>(element(tensor));
  return complex ? complex.getElementType() : element(tensor);
}

Type Extents::complexOf(Value tensor) {
  return isa<FloatType>(element(tensor)) ? ComplexType::get(element(tensor)) : element(tensor);
}

OpFoldResult Extents::constant(int64_t value) const { return IntegerAttr::get(IndexType::get(context), value); }

std::optional<int64_t> Extents::known(OpFoldResult extent) {
  if (auto attribute = llvm::dyn_cast_if_present<Attribute>(extent))
    return cast<IntegerAttr>(attribute).getInt();
  return std::nullopt;
}

OpFoldResult Extents::of(Value tensor, int64_t dimension) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dimension))
    return constant(type.getDimSize(dimension));
  return builder ? tensor::getMixedSize(*builder, location, tensor, dimension) : OpFoldResult();
}

SmallVector<OpFoldResult> Extents::of(Value tensor) {
  SmallVector<OpFoldResult> extents;
  for (int64_t dimension = 0; dimension < rank(tensor); ++dimension)
    extents.push_back(of(tensor, dimension));
  return extents;
}

OpFoldResult Extents::size(Value index) {
  if (std::optional<int64_t> value = getConstantIntValue(index))
    return constant(*value);
  if (auto dim = index.getDefiningOp<tensor::DimOp>()) {
    auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
    std::optional<int64_t> dimension = dim.getConstantIndex();
    if (type && dimension && *dimension >= 0 && *dimension < type.getRank() && !type.isDynamicDim(*dimension))
      return constant(type.getDimSize(*dimension));
  }
  return builder ? OpFoldResult(index) : OpFoldResult();
}

Value Extents::materialize(OpFoldResult extent) { return getValueOrCreateConstantIndexOp(*builder, location, extent); }

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

OpFoldResult Extents::add(OpFoldResult lhs, OpFoldResult rhs) {
  std::optional<int64_t> a = known(lhs), b = known(rhs);
  if (!lhs || !rhs)
    return {};
  if (a && b)
    return constant(*a + *b);
  if (b && *b == 0)
    return lhs;
  if (a && *a == 0)
    return rhs;
  return arith::AddIOp::create(*builder, location, materialize(lhs), materialize(rhs)).getResult();
}

OpFoldResult Extents::sub(OpFoldResult lhs, OpFoldResult rhs) {
  std::optional<int64_t> a = known(lhs), b = known(rhs);
  if (!lhs || !rhs)
    return {};
  if (a && b)
    return constant(*a - *b);
  if (b)
    return add(lhs, -*b);
  return arith::SubIOp::create(*builder, location, materialize(lhs), materialize(rhs)).getResult();
}

OpFoldResult Extents::mul(OpFoldResult lhs, OpFoldResult rhs) {
  std::optional<int64_t> a = known(lhs), b = known(rhs);
  if (!lhs || !rhs)
    return {};
  if (a && b)
    return constant(*a * *b);
  if (b && *b == 1)
    return lhs;
  if (a && *a == 1)
    return rhs;
  return arith::MulIOp::create(*builder, location, materialize(lhs), materialize(rhs)).getResult();
}

OpFoldResult Extents::floorDiv(OpFoldResult lhs, int64_t rhs) {
  if (!lhs || rhs == 1)
    return lhs;
  if (std::optional<int64_t> a = known(lhs))
    return constant(floorDivide(*a, rhs));
  // Extents are not negative where this is called, so that the quotient of unsigned numbers is the floor.
  return arith::DivUIOp::create(*builder, location, materialize(lhs), materialize(constant(rhs))).getResult();
}

OpFoldResult Extents::clampToZero(OpFoldResult extent) {
  if (!extent)
    return extent;
  if (std::optional<int64_t> value = known(extent))
    return constant(std::max<int64_t>(*value, 0));
  return arith::MaxSIOp::create(*builder, location, materialize(extent), materialize(constant(0))).getResult();
}

OpFoldResult Extents::window(OpFoldResult input, const Window &window) {
  if (!input)
    return {};
  if (std::optional<int64_t> value = known(input))
    return constant(window.resultExtent(*value));
  // Window::resultExtent, with the addition of 1 moved below the division: floor((D + added) / stride), at least 0.
  int64_t added = window.padLow + window.padHigh - (window.kernel - 1) * window.dilation - 1 + window.stride;
  if (window.ceilMode)
    added += window.stride - 1;
  OpFoldResult sum = add(input, added);
  OpFoldResult extent = floorDiv(added < 0 ? clampToZero(sum) : sum, window.stride);
  if (!window.ceilMode)
    return extent;
  // Without a window that starts behind the input and its low padding.
  Value value = materialize(extent), one = materialize(constant(1));
  Value fewer = arith::SubIOp::create(*builder, location, value, one);
  Value start = materialize(mul(OpFoldResult(fewer), window.stride));
  Value behind = arith::CmpIOp::create(*builder, location, arith::CmpIPredicate::sge, start,
                                       materialize(add(input, window.padLow)));
  Value some = arith::CmpIOp::create(*builder, location, arith::CmpIPredicate::sgt, value, materialize(constant(0)));
  Value drop = arith::AndIOp::create(*builder, location, behind, some);
  return arith::SelectOp::create(*builder, location, drop, fewer, value).getResult();
}

// Whether two extents are the same value, or tensor.dim of the same dimension.
static bool isSameExtent(OpFoldResult lhs, OpFoldResult rhs) {
  if (lhs == rhs)
    return true;
  auto a = llvm::dyn_cast_if_present<Value>(lhs), b = llvm::dyn_cast_if_present<Value>(rhs);
  auto dimA = a ? a.getDefiningOp<tensor::DimOp>() : nullptr, dimB = b ? b.getDefiningOp<tensor::DimOp>() : nullptr;
  return dimA && dimB && dimA.getSource() == dimB.getSource() && dimA.getConstantIndex() &&
         dimA.getConstantIndex() == dimB.getConstantIndex();
}

void Extents::require(ExtentRequirement::Kind kind, OpFoldResult lhs, OpFoldResult rhs, StringRef what) {
  if (requirements && lhs && rhs && !isSameExtent(lhs, rhs))
    requirements->push_back({kind, lhs, rhs, what});
}

bool Extents::clash(OpFoldResult lhs, OpFoldResult rhs, StringRef what) {
  std::optional<int64_t> a = known(lhs), b = known(rhs);
  if (a && b)
    return *a != *b;
  require(ExtentRequirement::equal, lhs, rhs, what);
  return false;
}

bool Extents::exceeds(OpFoldResult extent, OpFoldResult bound, StringRef what) {
  std::optional<int64_t> a = known(extent), b = known(bound);
  if (a && b)
    return *a > *b;
  require(ExtentRequirement::atMost, extent, bound, what);
  return false;
}

bool Extents::cannotExpand(OpFoldResult from, OpFoldResult to) {
  std::optional<int64_t> a = known(from), b = known(to);
  if (a && (b || *a == 1))
    return *a != 1 && *a != *b;
  require(ExtentRequirement::expands, from, to, "a dimension and what it is broadcast to");
  return false;
}

FailureOr<OpFoldResult> Extents::same(OpFoldResult lhs, OpFoldResult rhs, StringRef what) {
  if (clash(lhs, rhs, what))
    return failure();
  return known(lhs) || (lhs && !known(rhs)) ? lhs : rhs;
}

FailureOr<OpFoldResult> Extents::broadcast(OpFoldResult lhs, OpFoldResult rhs) {
  std::optional<int64_t> a = known(lhs), b = known(rhs);
  if (a && *a == 1)
    return rhs;
  if (b && *b == 1)
    return lhs;
  if (a && b && *a != *b)
    return failure();
  require(ExtentRequirement::agree, lhs, rhs, "dimensions that broadcast");
  if (a || b)
    return a ? lhs : rhs;
  if (!lhs || !rhs || isSameExtent(lhs, rhs))
    return builder && lhs ? lhs : OpFoldResult();
  Value isOne =
      arith::CmpIOp::create(*builder, location, arith::CmpIPredicate::eq, materialize(lhs), materialize(constant(1)));
  return OpFoldResult(
      arith::SelectOp::create(*builder, location, isOne, materialize(rhs), materialize(lhs)).getResult());
}

FailureOr<SmallVector<OpFoldResult>> Extents::broadcast(ArrayRef<OpFoldResult> lhs, ArrayRef<OpFoldResult> rhs) {
  if (lhs.size() < rhs.size())
    std::swap(lhs, rhs);
  SmallVector<OpFoldResult> result(lhs);
  size_t leading = lhs.size() - rhs.size();
  for (auto [dimension, extent] : llvm::enumerate(rhs)) {
    FailureOr<OpFoldResult> merged = broadcast(lhs[leading + dimension], extent);
    if (failed(merged))
      return failure();
    result[leading + dimension] = *merged;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

LogicalResult Extents::appendElementwise(ValueRange operands, ValueRange compared, Type element,
                                         SmallVectorImpl<TensorShape> &results) {
  for (Value other : compared)
    if (Extents::element(other) != Extents::element(compared.front()))
      return fail("C1: operands have element types ", Extents::element(compared.front()), " and ",
                  Extents::element(other));
  TensorShape result{element, of(operands.front())};
  for (Value operand : operands.drop_front()) {
    FailureOr<SmallVector<OpFoldResult>> merged = broadcast(result.extents, of(operand));
    if (failed(merged))
      return fail("C2: shapes ", operands.front().getType(), " and ", operand.getType(), " do not broadcast");
    result.extents = *merged;
  }
  results.push_back(std::move(result));
  return success();
}

LogicalResult Extents::appendTypes(ArrayRef<TensorShape> results, SmallVectorImpl<Type> &types) const {
  constexpr int64_t maxElements = int64_t(1) << 60;
  for (const TensorShape &result : results) {
    SmallVector<int64_t> shape;
    int64_t elements = 1;
    for (OpFoldResult extent : result.extents) {
      std::optional<int64_t> value = known(extent);
      shape.push_back(value.value_or(ShapedType::kDynamic));
      if (!value)
        continue;
      if (*value < 0)
        return fail("result extent ", *value, " is negative");
      if (llvm::MulOverflow(elements, std::max<int64_t>(*value, 1), elements) || elements > maxElements)
        return fail("result has more than 2^60 elements");
    }
    types.push_back(RankedTensorType::get(shape, result.element));
  }
  return success();
}

LogicalResult Extents::appendExtents(ArrayRef<TensorShape> results, TypeRange types,
                                     ReifiedRankedShapedTypeDims &shapes) const {
  for (auto [result, type] : llvm::zip_equal(results, types)) {
    SmallVector<OpFoldResult> extents = result.extents;
    for (auto [extent, size] : llvm::zip_equal(extents, cast<RankedTensorType>(type).getShape()))
      if (!ShapedType::isDynamic(size))
        extent = constant(size);
    shapes.push_back(std::move(extents));
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Nn.h
//===----------------------------------------------------------------------===//

bool areCompatibleTypes(TypeRange lhs, TypeRange rhs) {
  if (lhs.size() != rhs.size())
    return false;
  for (auto [a, b] : llvm::zip_equal(lhs, rhs)) {
    auto left = dyn_cast<RankedTensorType>(a), right = dyn_cast<RankedTensorType>(b);
    if (!left || !right || left.getElementType() != right.getElementType() ||
        failed(verifyCompatibleShape(left.getShape(), right.getShape())))
      return false;
  }
  return true;
}

RankedTensorType inferBroadcast(ValueRange operands, Type element) {
  Extents extents(element.getContext(), std::nullopt, "");
  SmallVector<TensorShape> results;
  SmallVector<Type> types;
  if (failed(extents.appendElementwise(operands, {}, element, results)) || failed(extents.appendTypes(results, types)))
    return nullptr;
  return cast<RankedTensorType>(types.front());
}

SmallVector<ExtentRequirement> extentRequirements(OpBuilder &builder, Operation *op) {
  SmallVector<ExtentRequirement> requirements;
  if (auto interface = dyn_cast<ExtentRequirements>(op))
    interface.appendExtentRequirements(builder, requirements);
  return requirements;
}

SmallVector<OpFoldResult> getExtents(OpBuilder &builder, Location location, Value value) {
  return Extents(builder, location).of(value);
}

FailureOr<SmallVector<SmallVector<OpFoldResult>>> reifyExtents(OpBuilder &builder, Operation *op) {
  if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    SmallVector<OpFoldResult> extents = getExtents(builder, op->getLoc(), cast.getSource());
    return SmallVector<SmallVector<OpFoldResult>>{std::move(extents)};
  }
  auto interface = dyn_cast<ReifyRankedShapedTypeOpInterface>(op);
  ReifiedRankedShapedTypeDims shapes;
  if (!interface || failed(interface.reifyResultShapes(builder, shapes)))
    return failure();
  return SmallVector<SmallVector<OpFoldResult>>(shapes.begin(), shapes.end());
}

} // namespace tenon::nn
