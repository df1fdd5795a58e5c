//===- Builder.cpp - checked construction of nn ops ----------------------------------------===//
//
// Creation, verification, extents and frequent tensor ops; scalars are in Scalars.cpp. See Builder.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Builder.h"

#include "compiler/Import/Elements.h"
#include "compiler/Support/SmallFloat.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace tenon::importer {

unsigned NumberTable::Equality::getHashValue(const mlir::Operation *op) {
  using mlir::OperationEquivalence;
  return OperationEquivalence::computeHash(const_cast<mlir::Operation *>(op), OperationEquivalence::directHashValue,
                                           OperationEquivalence::ignoreHashValue,
                                           OperationEquivalence::IgnoreLocations);
}

bool NumberTable::Equality::isEqual(const mlir::Operation *lhs, const mlir::Operation *rhs) {
  if (lhs == rhs)
    return true;
  if (lhs == getEmptyKey() || lhs == getTombstoneKey() || rhs == getEmptyKey() || rhs == getTombstoneKey())
    return false;
  return mlir::OperationEquivalence::isEquivalentTo(const_cast<mlir::Operation *>(lhs),
                                                    const_cast<mlir::Operation *>(rhs),
                                                    mlir::OperationEquivalence::IgnoreLocations);
}

Builder::Builder(mlir::MLIRContext *context, const ImportLimits &limits)
    : ir(context), place(mlir::UnknownLoc::get(context)), bounds(limits),
      handler(context, [this](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
          lastError = diagnostic.str();
        return mlir::success();
      }) {}

void Builder::failWithLastError(llvm::StringRef opName) {
  std::string message = std::exchange(lastError, {});
  fail(message.empty() ? "cannot build " + opName.str() : message);
}

void Builder::verify(mlir::Operation *op) {
  if (mlir::succeeded(op->getName().verifyInvariants(op)))
    return;
  std::string name = op->getName().getStringRef().str();
  op->erase();
  failWithLastError(name);
}

void Builder::finish(mlir::Operation *op) {
  bool dynamic = false;
  for (mlir::Value result : op->getResults()) {
    if (auto type = llvm::dyn_cast<mlir::RankedTensorType>(result.getType())) {
      (void)checkedTensorType(type.getShape(), type.getElementType(), bounds);
      dynamic |= !type.hasStaticShape();
    }
  }
  requireExtents(op);
  if (dynamic)
    recordExtents(op);
}

llvm::DenseMap<mlir::Value, mlir::Value> Builder::simplify(mlir::Operation *first, mlir::Operation *end) {
  // Listed before any goes, for what folds is erased.
  llvm::SmallVector<mlir::Operation *> made;
  for (mlir::Operation *next = first; next && next != end; next = next->getNextNode())
    made.push_back(next);
  llvm::DenseMap<mlir::Value, mlir::Value> replaced;
  for (mlir::Operation *next : made) {
    if (next->getNumResults() != 1)
      continue;
    mlir::Value before = next->getResult(0), after = simplify(next);
    if (after != before)
      replaced[before] = after;
  }
  return replaced;
}

void Builder::require(Scalar condition, const llvm::Twine &message, llvm::ArrayRef<Scalar> shown) {
  if (std::optional<int64_t> holds = constant(condition)) {
    if (*holds != 0)
      return;
    std::string text = message.str();
    for (Scalar item : shown)
      if (std::optional<int64_t> number = constant(item))
        text.replace(text.find("%lld"), 4, std::to_string(*number));
    fail(llvm::StringRef(text).contains("%lld") ? "the extents of the inputs do not fit" : text);
  }
  auto op = nn::RequireOp::create(ir, place, value(condition), ir.getStringAttr(message), values(shown));
  if (numberTable.lookup(op))
    op.erase();
  else
    numberTable.insert(op);
}

/// What has to hold, and what to say where it does not.
static std::pair<Scalar, std::string> conditionOf(Builder &b, const nn::ExtentRequirement &requirement) {
  using mlir::arith::CmpIPredicate;
  Scalar lhs = requirement.lhs, rhs = requirement.rhs, one = b.index(1);
  auto either = [&](Scalar x, Scalar y) { return b.scalar<mlir::arith::OrIOp>(b.value(x), b.value(y)); };
  Scalar equal = b.compare(CmpIPredicate::eq, lhs, rhs), stretches = b.compare(CmpIPredicate::eq, lhs, one);
  switch (requirement.kind) {
  case nn::ExtentRequirement::equal:
    return {equal, requirement.what.str() + ": %lld and %lld have to be equal"};
  case nn::ExtentRequirement::atMost:
    return {b.compare(CmpIPredicate::sle, lhs, rhs), requirement.what.str() + ": %lld is more than %lld"};
  case nn::ExtentRequirement::expands:
    return {either(stretches, equal), requirement.what.str() + ": %lld is neither 1 nor %lld"};
  case nn::ExtentRequirement::agree:
    return {either(either(stretches, b.compare(CmpIPredicate::eq, rhs, one)), equal),
            requirement.what.str() + ": %lld and %lld are neither equal nor 1"};
  }
  llvm_unreachable("all kinds are handled");
}

void Builder::requireExtents(mlir::Operation *op) {
  auto isOpen = [](mlir::Type type) {
    auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
    return !tensor || !tensor.hasStaticShape();
  };
  if (llvm::none_of(op->getOperandTypes(), isOpen))
    return;
  mlir::OpBuilder::InsertionGuard guard(ir);
  mlir::Operation *previous = op->getPrevNode();
  ir.setInsertionPoint(op);
  llvm::SmallVector<nn::ExtentRequirement> requirements = nn::extentRequirements(ir, op);
  llvm::DenseMap<mlir::Value, mlir::Value> replaced =
      simplify(previous ? previous->getNextNode() : &op->getBlock()->front(), op);
  for (nn::ExtentRequirement &requirement : requirements) {
    for (Scalar *side : {&requirement.lhs, &requirement.rhs})
      if (auto extent = llvm::dyn_cast<mlir::Value>(*side))
        *side = mlir::getAsOpFoldResult(replaced.lookup_or(extent, extent));
    if (requirement.lhs == requirement.rhs)
      continue;
    auto [condition, message] = conditionOf(*this, requirement);
    require(condition, message, {requirement.lhs, requirement.rhs});
  }
}

void Builder::recordExtents(mlir::Operation *op) {
  mlir::Block *block = ir.getInsertionBlock();
  mlir::Operation *end = ir.getInsertionPoint() == block->end() ? nullptr : &*ir.getInsertionPoint();
  auto lists = nn::reifyExtents(ir, op);
  if (mlir::failed(lists) || lists->size() != op->getNumResults()) {
    // At once, for later the insertion point may be inside a region.
    for (mlir::Value result : op->getResults())
      ownExtents(result);
    return;
  }
  llvm::DenseMap<mlir::Value, mlir::Value> replaced = simplify(op->getNextNode(), end);
  for (auto [result, list] : llvm::zip_equal(op->getResults(), *lists)) {
    auto type = llvm::cast<mlir::RankedTensorType>(result.getType());
    IntVector shape(type.getShape());
    for (auto [dimension, extent] : llvm::enumerate(list)) {
      if (!type.isDynamicDim(dimension)) {
        extent = index(type.getDimSize(dimension));
        continue;
      }
      if (auto value = llvm::dyn_cast_if_present<mlir::Value>(extent))
        extent = mlir::getAsOpFoldResult(replaced.lookup_or(value, value));
      if (std::optional<int64_t> size = constant(extent))
        shape[dimension] = std::max<int64_t>(*size, 0);
    }
    // Nothing uses the op yet, so its type may become more precise.
    result.setType(checkedTensorType(shape, type.getElementType(), bounds));
    setExtents(result, list);
  }
}

void Builder::setExtents(mlir::Value tensor, ScalarVector list) {
  for (Scalar extent : list)
    if (auto value = llvm::dyn_cast_if_present<mlir::Value>(extent))
      nonNegative.insert(value);
  known[tensor] = std::move(list);
}

bool Builder::isNonNegative(Scalar scalar) const {
  if (std::optional<int64_t> number = constant(scalar))
    return *number >= 0;
  return nonNegative.contains(llvm::cast<mlir::Value>(scalar));
}

ScalarVector Builder::extents(mlir::Value tensor) {
  auto type = typeOf(tensor);
  if (type.hasStaticShape())
    return indices(type.getShape());
  if (!known.contains(tensor))
    ownExtents(tensor);
  return known.lookup(tensor);
}

void Builder::ownExtents(mlir::Value tensor) {
  auto type = typeOf(tensor);
  if (type.hasStaticShape())
    return;
  // An entry would be of a value that is gone and had the same address.
  known.erase(tensor);
  ScalarVector list;
  for (int64_t dimension = 0; dimension < type.getRank(); ++dimension) {
    if (type.isDynamicDim(dimension))
      list.push_back(simplified(mlir::tensor::DimOp::create(ir, place, tensor, value(index(dimension)))));
    else
      list.push_back(index(type.getDimSize(dimension)));
  }
  setExtents(tensor, list);
}

void Builder::forget(mlir::Region &region) {
  auto forgetValue = [&](mlir::Value value) {
    known.erase(value);
    extentValues.erase(value);
    nonNegative.erase(value);
  };
  for (mlir::Block &block : region)
    for (mlir::Value argument : block.getArguments())
      forgetValue(argument);
  region.walk([&](mlir::Operation *op) {
    for (mlir::Value result : op->getResults())
      forgetValue(result);
    for (mlir::Region &inner : op->getRegions())
      for (mlir::Block &block : inner)
        for (mlir::Value argument : block.getArguments())
          forgetValue(argument);
  });
}

bool Builder::isExtent(Scalar scalar, int depth) {
  auto value = llvm::dyn_cast_if_present<mlir::Value>(scalar);
  if (!value)
    return true;
  mlir::Operation *op = value.getDefiningOp();
  // The bound only keeps the recursion short; beyond it the answer is the careful one.
  if (!op || depth > 64)
    return false;
  if (auto entry = extentValues.find(value); entry != extentValues.end())
    return entry->second;
  bool result = llvm::isa<mlir::tensor::DimOp>(op) ||
                (!llvm::isa<mlir::tensor::ExtractOp>(op) && op->getNumRegions() == 0 &&
                 llvm::all_of(op->getOperands(), [&](mlir::Value operand) { return isExtent(operand, depth + 1); }));
  extentValues[value] = result;
  return result;
}

mlir::Value Builder::constantOf(mlir::ElementsAttr elements) {
  return createTyped<nn::ConstantOp>(elements.getShapedType(), elements);
}

mlir::Value Builder::constant(double number, mlir::Type elementType) {
  auto type = mlir::RankedTensorType::get({}, elementType);
  if (std::optional<SmallFloatFormat> format = smallFloatFormat(elementType)) {
    uint32_t code =
        SmallFloatNumbers({}, *format).encode(singleBitsRoundedToOdd(number), /*saturate=*/true, ScaleRounding::up);
    return constantOf(mlir::DenseElementsAttr::getFromRawBuffer(type, static_cast<char>(code)));
  }
  if (auto complex = llvm::dyn_cast<mlir::ComplexType>(elementType)) {
    auto part = [&](double value) {
      return mlir::FloatAttr::get(llvm::cast<mlir::FloatType>(complex.getElementType()), value).getValue();
    };
    return constantOf(mlir::DenseElementsAttr::get(type, std::complex<llvm::APFloat>(part(number), part(0))));
  }
  mlir::Attribute element;
  if (llvm::isa<mlir::FloatType>(elementType)) {
    element = mlir::FloatAttr::get(elementType, number);
  } else {
    // Attributes may hold what no integer is: the nearest one, and 0 for NaN.
    llvm::APSInt integer(64, /*isUnsigned=*/false);
    bool isExact;
    llvm::APFloat(number).convertToInteger(integer, llvm::APFloat::rmTowardZero, &isExact);
    element = mlir::IntegerAttr::get(elementType, integer.sextOrTrunc(elementType.getIntOrFloatBitWidth()));
  }
  return constantOf(mlir::DenseElementsAttr::get(type, element));
}

mlir::Value Builder::cast(mlir::Value tensor, mlir::Type elementType) {
  if (elementOf(tensor) == elementType)
    return tensor;
  if (nn::isStringType(elementType))
    return make<nn::StringFormatOp>(tensor);
  if (nn::isStringType(elementOf(tensor)))
    return make<nn::StringParseOp>(tensor, mlir::TypeAttr::get(elementType));
  return make<nn::CastOp>(tensor, mlir::TypeAttr::get(elementType));
}

mlir::Value Builder::widenedHalf(mlir::Value tensor) {
  mlir::Type type = elementOf(tensor);
  return type.isF16() || type.isBF16() ? cast(tensor, ir.getF32Type()) : tensor;
}

mlir::Value Builder::byParts(mlir::ValueRange tensors, llvm::function_ref<mlir::Value(mlir::ValueRange)> compute) {
  if (!llvm::isa<mlir::ComplexType>(elementOf(tensors.front())))
    return compute(tensors);
  auto real = llvm::map_to_vector(tensors, [&](mlir::Value tensor) { return make<nn::RealOp>(tensor); });
  auto imag = llvm::map_to_vector(tensors, [&](mlir::Value tensor) { return make<nn::ImagOp>(tensor); });
  mlir::Value realResult = compute(real), imagResult = compute(imag);
  return make<nn::ComplexOp>(realResult, imagResult);
}

mlir::Value Builder::reshape(mlir::Value tensor, llvm::ArrayRef<Scalar> sizes) {
  if (extents(tensor) == ScalarVector(sizes))
    return tensor;
  return make<nn::ReshapeOp>(tensor, values(sizes));
}

mlir::Value Builder::transpose(mlir::Value tensor, llvm::ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, rankOf(tensor))))
    return tensor;
  return make<nn::TransposeOp>(tensor, permutation);
}

mlir::Value Builder::broadcast(mlir::Value tensor, llvm::ArrayRef<Scalar> sizes) {
  if (extents(tensor) == ScalarVector(sizes))
    return tensor;
  return make<nn::BroadcastOp>(tensor, values(sizes));
}

mlir::Value Builder::slice(mlir::Value tensor, llvm::ArrayRef<Scalar> offsets, llvm::ArrayRef<Scalar> sizes,
                           llvm::ArrayRef<Scalar> steps) {
  bool forward = llvm::all_of(steps, [](Scalar step) { return constant(step) == 1; });
  if (forward && extents(tensor) == ScalarVector(sizes))
    return tensor;
  return make<nn::SliceOp>(tensor, values(offsets), values(sizes), values(steps));
}

mlir::Value Builder::sliceDimension(mlir::Value tensor, int64_t dimension, Scalar offset, Scalar size) {
  ScalarVector offsets(rankOf(tensor), index(0)), steps(rankOf(tensor), index(1)), sizes = extents(tensor);
  Scalar end = add(offset, size), extent = sizes[dimension];
  if (end != extent)
    require(compare(mlir::arith::CmpIPredicate::sle, end, extent), "a slice up to %lld leaves a dimension of %lld",
            {end, extent});
  offsets[dimension] = offset;
  sizes[dimension] = size;
  return slice(tensor, offsets, sizes, steps);
}

mlir::Value Builder::pad(nn::PadMode mode, mlir::Value tensor, llvm::ArrayRef<Scalar> low, llvm::ArrayRef<Scalar> high,
                         mlir::Value fill) {
  auto isZero = [](Scalar pad) { return constant(pad) == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return tensor;
  return make<nn::PadOp>(mode, tensor, values(low), values(high), fill);
}

mlir::Value Builder::concat(mlir::ValueRange tensors, int64_t axis) {
  if (tensors.size() == 1)
    return tensors.front();
  return make<nn::ConcatOp>(tensors, axis);
}

mlir::Value Builder::reduce(nn::ReduceKind kind, mlir::Value tensor, llvm::ArrayRef<int64_t> axes, bool keepDims) {
  if (axes.empty())
    return tensor;
  return make<nn::ReduceOp>(kind, tensor, axes, keepDims);
}

mlir::Value Builder::mean(mlir::Value tensor, llvm::ArrayRef<int64_t> axes) {
  ScalarVector counts;
  for (int64_t axis : axes)
    counts.push_back(extent(tensor, axis));
  mlir::Value sum = reduce(nn::ReduceKind::sum, widenedHalf(tensor), axes, /*keepDims=*/true);
  return cast(make<nn::DivOp>(sum, scalarTensor(product(counts), elementOf(sum))), elementOf(tensor));
}

mlir::Value Builder::alignAt(mlir::Value vector, int64_t axis, int64_t rank) {
  ScalarVector sizes = extents(vector);
  sizes.resize(std::max<int64_t>(rank - axis, sizes.size()), index(1));
  return reshape(vector, sizes);
}

mlir::Value Builder::retype(mlir::Value tensor, mlir::RankedTensorType type) {
  if (tensor.getType() == type)
    return tensor;
  ScalarVector list = extents(tensor);
  for (auto [extent, size] : llvm::zip_equal(list, type.getShape()))
    if (!mlir::ShapedType::isDynamic(size))
      extent = index(size);
  auto op = mlir::tensor::CastOp::create(ir, place, type, tensor);
  setExtents(op, list);
  return op;
}

} // namespace tenon::importer
