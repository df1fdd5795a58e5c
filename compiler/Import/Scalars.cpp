//===- Scalars.cpp - index arithmetic of the importer, and tensors of scalars --------------===//
//
// Everything folds where its operands are known; what remains is numbered, so that the same computation is the same
// value. See Builder.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Builder.h"
#include "compiler/Import/Elements.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

namespace tenon::importer {

namespace arith = mlir::arith;

//===----------------------------------------------------------------------===//
// Folding and numbering
//===----------------------------------------------------------------------===//

mlir::Value Builder::simplify(mlir::Operation *op) {
  mlir::OpBuilder::InsertionGuard guard(ir);
  ir.setInsertionPoint(op);
  auto replaceBy = [&](mlir::Value value) {
    op->replaceAllUsesWith(mlir::ValueRange(value));
    op->erase();
    return value;
  };
  if (auto dim = llvm::dyn_cast<mlir::tensor::DimOp>(op)) {
    auto entry = known.find(dim.getSource());
    std::optional<int64_t> dimension = dim.getConstantIndex();
    if (entry != known.end() && dimension && *dimension >= 0 && *dimension < static_cast<int64_t>(entry->second.size()))
      return replaceBy(value(entry->second[*dimension]));
  }
  llvm::SmallVector<mlir::Value> results;
  if (mlir::succeeded(ir.tryFold(op, results)) && results.size() == 1) {
    mlir::Value folded = results.front();
    if (mlir::Operation *constant = folded.getDefiningOp();
        constant && constant->hasTrait<mlir::OpTrait::ConstantLike>()) {
      if (mlir::Operation *equal = numberTable.lookup(constant); equal && equal != constant) {
        constant->erase();
        folded = equal->getResult(0);
      } else if (!equal) {
        numberTable.insert(constant);
      }
    }
    return replaceBy(folded);
  }
  if (mlir::Operation *equal = numberTable.lookup(op); equal && equal != op)
    return replaceBy(equal->getResult(0));
  numberTable.insert(op);
  return op->getResult(0);
}

Scalar Builder::simplified(mlir::Operation *op) { return mlir::getAsOpFoldResult(simplify(op)); }

ScalarVector Builder::indices(llvm::ArrayRef<int64_t> values) {
  ScalarVector list;
  for (int64_t number : values)
    list.push_back(index(number));
  return list;
}

std::optional<int64_t> Builder::constant(Scalar scalar) {
  auto attribute = llvm::dyn_cast_if_present<mlir::Attribute>(scalar);
  auto integer = llvm::dyn_cast_if_present<mlir::IntegerAttr>(attribute);
  if (!integer)
    return std::nullopt;
  if (integer.getType().isInteger(1))
    return integer.getValue().isZero() ? 0 : 1;
  return integer.getValue().getSExtValue();
}

mlir::Value Builder::value(Scalar scalar) {
  if (auto already = llvm::dyn_cast_if_present<mlir::Value>(scalar))
    return already;
  auto attribute = llvm::cast<mlir::TypedAttr>(llvm::cast<mlir::Attribute>(scalar));
  return simplify(arith::ConstantOp::create(ir, place, attribute));
}

llvm::SmallVector<mlir::Value> Builder::values(llvm::ArrayRef<Scalar> scalars) {
  llvm::SmallVector<mlir::Value> list;
  for (Scalar item : scalars)
    list.push_back(value(item));
  return list;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

[[noreturn]] static void failOverflow() { fail("integer overflow in the arithmetic of shapes"); }

Scalar Builder::add(Scalar lhs, Scalar rhs) {
  std::optional<int64_t> a = constant(lhs), b = constant(rhs);
  int64_t result;
  if (a && b)
    return llvm::AddOverflow(*a, *b, result) ? (failOverflow(), lhs) : index(result);
  if (a == 0)
    return rhs;
  if (b == 0)
    return lhs;
  return scalar<arith::AddIOp>(value(lhs), value(rhs));
}

Scalar Builder::sub(Scalar lhs, Scalar rhs) {
  std::optional<int64_t> a = constant(lhs), b = constant(rhs);
  int64_t result;
  if (a && b)
    return llvm::SubOverflow(*a, *b, result) ? (failOverflow(), lhs) : index(result);
  if (lhs == rhs)
    return index(0);
  if (b && *b != INT64_MIN)
    return add(lhs, index(-*b));
  return scalar<arith::SubIOp>(value(lhs), value(rhs));
}

Scalar Builder::mul(Scalar lhs, Scalar rhs) {
  std::optional<int64_t> a = constant(lhs), b = constant(rhs);
  int64_t result;
  if (a && b)
    return llvm::MulOverflow(*a, *b, result) ? (failOverflow(), lhs) : index(result);
  if (a == 1 || b == 0)
    return rhs;
  if (b == 1 || a == 0)
    return lhs;
  return scalar<arith::MulIOp>(value(lhs), value(rhs));
}

Scalar Builder::div(Scalar lhs, Scalar rhs) {
  std::optional<int64_t> a = constant(lhs), b = constant(rhs);
  if (b == 1)
    return lhs;
  if (b == 0)
    fail("division by zero in the arithmetic of shapes");
  if (a && b)
    return *b == -1 ? sub(index(0), lhs) : index(*a / *b);
  return scalar<arith::DivSIOp>(value(lhs), value(rhs));
}

Scalar Builder::floorDiv(Scalar lhs, Scalar rhs) {
  std::optional<int64_t> a = constant(lhs), b = constant(rhs);
  if (b == 1)
    return lhs;
  if (b && *b <= 0)
    fail("division by " + std::to_string(*b) + " in the arithmetic of shapes");
  if (a && b)
    return index(llvm::divideFloorSigned(*a, *b));
  return scalar<arith::FloorDivSIOp>(value(lhs), value(rhs));
}

Scalar Builder::ceilDiv(Scalar lhs, Scalar rhs) {
  std::optional<int64_t> a = constant(lhs), b = constant(rhs);
  if (b == 1)
    return lhs;
  if (b && *b <= 0)
    fail("division by " + std::to_string(*b) + " in the arithmetic of shapes");
  if (a && b)
    return index(llvm::divideCeilSigned(*a, *b));
  return scalar<arith::CeilDivSIOp>(value(lhs), value(rhs));
}

Scalar Builder::rem(Scalar lhs, Scalar rhs) {
  std::optional<int64_t> a = constant(lhs), b = constant(rhs);
  if (b == 0)
    fail("division by zero in the arithmetic of shapes");
  if (b == 1 || b == -1)
    return index(0);
  if (a && b)
    return index(*a % *b);
  return scalar<arith::RemSIOp>(value(lhs), value(rhs));
}

Scalar Builder::max(Scalar lhs, Scalar rhs) {
  std::optional<int64_t> a = constant(lhs), b = constant(rhs);
  if (a && b)
    return index(std::max(*a, *b));
  if (a && *a <= 0 && isNonNegative(rhs))
    return rhs;
  if (b && *b <= 0 && isNonNegative(lhs))
    return lhs;
  return lhs == rhs ? lhs : scalar<arith::MaxSIOp>(value(lhs), value(rhs));
}

Scalar Builder::min(Scalar lhs, Scalar rhs) {
  std::optional<int64_t> a = constant(lhs), b = constant(rhs);
  if (a && b)
    return index(std::min(*a, *b));
  return lhs == rhs ? lhs : scalar<arith::MinSIOp>(value(lhs), value(rhs));
}

Scalar Builder::compare(arith::CmpIPredicate predicate, Scalar lhs, Scalar rhs) {
  return scalar<arith::CmpIOp>(predicate, value(lhs), value(rhs));
}

Scalar Builder::select(Scalar condition, Scalar onTrue, Scalar onFalse) {
  if (onTrue == onFalse)
    return onTrue;
  if (std::optional<int64_t> known = constant(condition))
    return *known ? onTrue : onFalse;
  return scalar<arith::SelectOp>(value(condition), value(onTrue), value(onFalse));
}

Scalar Builder::product(llvm::ArrayRef<Scalar> factors) {
  // Constants first, so that equal products are the same value.
  Scalar result = index(1);
  for (Scalar factor : factors)
    if (constant(factor))
      result = mul(result, factor);
  for (Scalar factor : factors)
    if (!constant(factor))
      result = mul(factor, result);
  return result;
}

/// Splits products into their factors: constants go to `number`, values to `symbols`. Bounded, for a chain may be long.
static bool collectFactors(Scalar scalar, int64_t &number, llvm::SmallVectorImpl<mlir::Value> &symbols, int depth = 0) {
  if (std::optional<int64_t> known = Builder::constant(scalar))
    return !llvm::MulOverflow(number, *known, number);
  auto value = llvm::cast<mlir::Value>(scalar);
  if (auto product = value.getDefiningOp<arith::MulIOp>(); product && depth < 16)
    return collectFactors(mlir::getAsOpFoldResult(product.getLhs()), number, symbols, depth + 1) &&
           collectFactors(mlir::getAsOpFoldResult(product.getRhs()), number, symbols, depth + 1);
  symbols.push_back(value);
  return true;
}

Scalar Builder::quotient(llvm::ArrayRef<Scalar> dividend, llvm::ArrayRef<Scalar> divisor) {
  int64_t numerator = 1, denominator = 1;
  llvm::SmallVector<mlir::Value> above, below;
  for (Scalar factor : dividend)
    if (!collectFactors(factor, numerator, above))
      failOverflow();
  for (Scalar factor : divisor)
    if (!collectFactors(factor, denominator, below))
      failOverflow();
  llvm::erase_if(below, [&](mlir::Value symbol) {
    auto *equal = llvm::find(above, symbol);
    if (equal == above.end())
      return false;
    above.erase(equal);
    return true;
  });
  auto productOf = [&](int64_t number, llvm::ArrayRef<mlir::Value> symbols) {
    ScalarVector factors(symbols.begin(), symbols.end());
    factors.push_back(index(number));
    return product(factors);
  };
  if (denominator == 0)
    return index(0);
  int64_t common = std::gcd(numerator, denominator);
  if (common != 0) {
    numerator /= common;
    denominator /= common;
  }
  Scalar top = productOf(numerator, above), bottom = productOf(denominator, below);
  if (std::optional<int64_t> a = constant(top), b = constant(bottom); b == 1 || (a && b))
    return b == 1 ? top : index(*a / *b);
  return scalar<arith::DivUIOp>(value(top), value(bottom));
}

Scalar Builder::toFloat(Scalar item) {
  if (auto attribute = llvm::dyn_cast_if_present<mlir::Attribute>(item)) {
    if (llvm::isa<mlir::FloatAttr>(attribute))
      return item;
    return ir.getF32FloatAttr(static_cast<float>(*constant(item)));
  }
  mlir::Value number = value(item);
  if (llvm::isa<mlir::FloatType>(number.getType()))
    return item;
  mlir::Value integer = value(scalar<arith::IndexCastOp>(ir.getI64Type(), number));
  return scalar<arith::SIToFPOp>(ir.getF32Type(), integer);
}

namespace {
/// x / divisor with whole numbers, computed as f32.
struct WholeQuotient {
  mlir::Value dividend;
  int64_t divisor;
};
} // namespace

static std::optional<WholeQuotient> matchWholeQuotient(mlir::Value number) {
  auto wholeIndex = [](mlir::Value operand) -> mlir::Value {
    auto convert = operand.getDefiningOp<arith::SIToFPOp>();
    auto cast = convert ? convert.getIn().getDefiningOp<arith::IndexCastOp>() : nullptr;
    return cast ? cast.getIn() : mlir::Value();
  };
  auto wholeNumber = [](double value) -> int64_t {
    return value >= 1 && value <= 65536 && value == std::floor(value) ? static_cast<int64_t>(value) : 0;
  };
  mlir::FloatAttr factor;
  auto match = [&](mlir::Value lhs, mlir::Value rhs, bool divides) -> std::optional<WholeQuotient> {
    mlir::Value dividend = wholeIndex(lhs);
    if (!dividend || !mlir::matchPattern(rhs, mlir::m_Constant(&factor)))
      return std::nullopt;
    double value = factor.getValueAsDouble();
    int64_t divisor = wholeNumber(divides ? value : 1 / value);
    return divisor ? std::optional(WholeQuotient{dividend, divisor}) : std::nullopt;
  };
  if (auto div = number.getDefiningOp<arith::DivFOp>())
    return match(div.getLhs(), div.getRhs(), true);
  if (auto mul = number.getDefiningOp<arith::MulFOp>()) {
    auto found = match(mul.getLhs(), mul.getRhs(), false);
    return found ? found : match(mul.getRhs(), mul.getLhs(), false);
  }
  return std::nullopt;
}

Scalar Builder::wholeNumber(Scalar item) {
  auto number = llvm::dyn_cast_if_present<mlir::FloatAttr>(llvm::dyn_cast_if_present<mlir::Attribute>(item));
  if (!number)
    return item;
  double value = number.getValueAsDouble();
  // f32 has every whole number up to 2^24; -0 is not an integer's zero.
  bool whole = value == std::floor(value) && std::abs(value) < (1 << 24) && !(value == 0 && std::signbit(value));
  return whole ? index(static_cast<int64_t>(value)) : item;
}

Scalar Builder::toIndex(Scalar item, Rounding rounding) {
  if (auto attribute = llvm::dyn_cast_if_present<mlir::Attribute>(item)) {
    auto number = llvm::dyn_cast<mlir::FloatAttr>(attribute);
    if (!number)
      return item;
    double value = number.getValueAsDouble();
    value = rounding == Rounding::down ? std::floor(value)
            : rounding == Rounding::up ? std::ceil(value)
                                       : std::trunc(value);
    if (!(std::abs(value) < 9e18))
      fail("floating point number " + std::to_string(value) + " is no integer");
    return index(static_cast<int64_t>(value));
  }
  mlir::Value number = value(item);
  if (number.getType().isIndex())
    return item;
  if (auto quotient = matchWholeQuotient(number)) {
    Scalar dividend = mlir::getAsOpFoldResult(quotient->dividend), divisor = index(quotient->divisor);
    return rounding == Rounding::down ? floorDiv(dividend, divisor)
           : rounding == Rounding::up ? ceilDiv(dividend, divisor)
                                      : div(dividend, divisor);
  }
  mlir::Value truncated = value(scalar<arith::FPToSIOp>(ir.getI64Type(), number));
  Scalar whole = scalar<arith::IndexCastOp>(ir.getIndexType(), truncated);
  if (rounding == Rounding::towardsZero)
    return whole;
  // The truncation is one off on one side of zero.
  bool up = rounding == Rounding::up;
  mlir::Value back = value(scalar<arith::SIToFPOp>(ir.getF32Type(), truncated));
  Scalar off = scalar<arith::CmpFOp>(up ? arith::CmpFPredicate::OLT : arith::CmpFPredicate::OGT, back, number);
  return select(off, add(whole, index(up ? 1 : -1)), whole);
}

//===----------------------------------------------------------------------===//
// Tensors of scalars
//===----------------------------------------------------------------------===//

/// `item` as an element of a constant.
static mlir::Attribute elementAttribute(Scalar item, mlir::Type elementType) {
  auto attribute = llvm::cast<mlir::Attribute>(item);
  if (llvm::isa<mlir::FloatType>(elementType)) {
    double number = llvm::isa<mlir::FloatAttr>(attribute) ? llvm::cast<mlir::FloatAttr>(attribute).getValueAsDouble()
                                                          : static_cast<double>(*Builder::constant(item));
    return mlir::FloatAttr::get(elementType, number);
  }
  unsigned width = elementType.getIntOrFloatBitWidth();
  auto number = static_cast<uint64_t>(*Builder::constant(item));
  return mlir::IntegerAttr::get(elementType, llvm::APInt(width, number, /*isSigned=*/true, /*implicitTrunc=*/true));
}

mlir::Value Builder::tensorOf(const ScalarTensor &scalars) {
  if (nn::isSmall(scalars.elementType)) {
    mlir::Type wide = ir.getI64Type();
    if (llvm::isa<mlir::FloatType>(scalars.elementType))
      wide = ir.getF32Type();
    return cast(tensorOf({wide, scalars.shape, scalars.items}), scalars.elementType);
  }
  auto type = mlir::RankedTensorType::get(scalars.shape, scalars.elementType);
  if (llvm::all_of(scalars.items, [](Scalar item) { return llvm::isa<mlir::Attribute>(item); })) {
    llvm::SmallVector<mlir::Attribute> elements;
    for (Scalar item : scalars.items)
      elements.push_back(elementAttribute(item, scalars.elementType));
    return constantOf(mlir::DenseElementsAttr::get(type, elements));
  }
  // arith has no unsigned integers, so those are converted as tensors; so are the other floats.
  mlir::Type made = scalars.elementType;
  if (llvm::isa<mlir::FloatType>(made))
    made = ir.getF32Type();
  else if (!made.isSignlessInteger())
    made = ir.getI64Type();
  llvm::SmallVector<mlir::Value> elements;
  for (Scalar item : scalars.items) {
    if (llvm::isa<mlir::FloatType>(made)) {
      elements.push_back(value(toFloat(item)));
      continue;
    }
    mlir::Value number = value(item);
    elements.push_back(number.getType() == made ? number : value(scalar<arith::IndexCastOp>(made, number)));
  }
  auto tensorType = mlir::RankedTensorType::get(scalars.shape, made);
  auto op = mlir::tensor::FromElementsOp::create(ir, place, tensorType, elements);
  return cast(simplify(op), scalars.elementType);
}

mlir::Value Builder::scalarTensor(Scalar item, mlir::Type elementType) { return tensorOf({elementType, {}, {item}}); }

std::optional<ScalarTensor> Builder::scalarsOfConstant(mlir::ElementsAttr elements) {
  auto dense = llvm::dyn_cast<mlir::DenseElementsAttr>(elements);
  if (!dense || dense.getNumElements() > maxScalars)
    return std::nullopt;
  mlir::Type type = dense.getElementType();
  ScalarTensor result{type, IntVector(dense.getType().getShape()), {}};
  if (type.isF32()) {
    for (llvm::APFloat number : dense.getValues<llvm::APFloat>())
      result.items.push_back(mlir::FloatAttr::get(type, number));
    return result;
  }
  if (!llvm::isa<mlir::IntegerType>(type) || nn::isStringType(type) || nn::isSmall(type))
    return std::nullopt;
  for (const llvm::APInt &number : dense.getValues<llvm::APInt>()) {
    if (type.isInteger(1)) {
      result.items.push_back(ir.getBoolAttr(!number.isZero()));
      continue;
    }
    if (type.isUnsignedInteger() && number.getActiveBits() > 63)
      return std::nullopt;
    result.items.push_back(
        index(type.isUnsignedInteger() ? static_cast<int64_t>(number.getZExtValue()) : number.getSExtValue()));
  }
  return result;
}

std::optional<ScalarTensor> Builder::extract(mlir::Value tensor) {
  auto type = typeOf(tensor);
  if (!type.hasStaticShape() || type.getNumElements() > maxScalars ||
      llvm::isa<mlir::ComplexType>(type.getElementType()))
    return std::nullopt;
  ScalarTensor result{type.getElementType(), IntVector(type.getShape()), {}};
  mlir::Type element = type.getElementType();
  if (llvm::isa<mlir::FloatType>(element))
    tensor = cast(tensor, ir.getF32Type());
  else if (!element.isSignlessInteger() || nn::isSmall(element))
    tensor = cast(tensor, ir.getI64Type());
  for (int64_t i = 0, count = type.getNumElements(); i < count; ++i) {
    ScalarVector position(type.getRank(), index(0));
    for (int64_t dimension = type.getRank() - 1, rest = i; dimension >= 0; --dimension) {
      position[dimension] = index(rest % type.getDimSize(dimension));
      rest /= type.getDimSize(dimension);
    }
    Scalar item = scalar<mlir::tensor::ExtractOp>(tensor, values(position));
    bool number = llvm::isa<mlir::IntegerType>(element) && !element.isInteger(1);
    result.items.push_back(number ? scalar<arith::IndexCastOp>(ir.getIndexType(), value(item)) : item);
  }
  return result;
}

} // namespace tenon::importer
