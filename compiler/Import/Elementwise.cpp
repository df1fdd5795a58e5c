//===- Elementwise.cpp - arithmetic, comparison, logic, conversion -------------------------===//
//
// Operators that are one nn op, or a few, per element; activations are in Activation.cpp.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

bool isFloat(mlir::Type type) { return llvm::isa<mlir::FloatType>(type); }

/// The second operand of a binary operator. Before opset 7 it is aligned at attribute `axis` of the first one, if
/// `broadcast` is set.
mlir::Value alignedRhs(NodeContext &c) {
  mlir::Value lhs = c.input(0), rhs = c.input(1);
  if (c.opset >= 7 || !c.integer("broadcast", 0) || !c.hasAttribute("axis"))
    return rhs;
  int64_t axis = c.axis(c.integer("axis", 0), std::max<int64_t>(rankOf(lhs), 1));
  if (axis + rankOf(rhs) > rankOf(lhs))
    fail("axis " + std::to_string(axis) + " leaves no room for a second input of rank " + std::to_string(rankOf(rhs)));
  ScalarVector sizes = c.b.extents(rhs);
  sizes.resize(rankOf(lhs) - axis, c.b.index(1));
  return c.b.reshape(rhs, sizes);
}

template <typename OpTy> void importUnary(NodeContext &c) { c.result(c.b.make<OpTy>(c.input(0))); }

template <typename OpTy> void importBinary(NodeContext &c) {
  mlir::Value rhs = alignedRhs(c);
  c.result(c.b.make<OpTy>(c.input(0), rhs));
}

template <nn::ComparePredicate predicate> void importCompare(NodeContext &c) {
  mlir::Value rhs = alignedRhs(c);
  c.result(c.b.make<nn::CompareOp>(predicate, c.input(0), rhs));
}

template <typename OpTy> void importVariadic(NodeContext &c) {
  mlir::Value result = c.input(0);
  for (int64_t i = 1; i < c.inputCount(); ++i)
    result = c.b.make<OpTy>(result, c.input(i));
  c.result(result);
}

void importMean(NodeContext &c) {
  mlir::Value sum = c.input(0);
  for (int64_t i = 1; i < c.inputCount(); ++i)
    sum = c.b.make<nn::AddOp>(sum, c.input(i));
  c.result(c.b.make<nn::DivOp>(sum, c.b.constant(static_cast<double>(c.inputCount()), elementOf(sum))));
}

void importMod(NodeContext &c) {
  bool truncated = c.integer("fmod", 0) != 0;
  if (!truncated && c.opset < 28 && isFloat(elementOf(c.input(0))))
    fail("attribute 'fmod' is 0 for floating point inputs, expected 1");
  c.result(truncated ? c.b.make<nn::RemOp>(c.input(0), c.input(1)) : c.b.make<nn::ModOp>(c.input(0), c.input(1)));
}

/// The result has the type of the base; the two are computed in one type that holds both.
void importPow(NodeContext &c) {
  mlir::Value base = c.input(0), exponent = alignedRhs(c);
  mlir::Type type = elementOf(base), other = elementOf(exponent);
  if (!isFloat(type) && isFloat(other)) {
    mlir::Type wide = c.b.raw().getF64Type();
    mlir::Value power = c.b.make<nn::PowOp>(c.b.cast(base, wide), c.b.cast(exponent, wide));
    return c.result(c.b.cast(power, type));
  }
  c.result(c.b.make<nn::PowOp>(base, c.b.cast(exponent, type)));
}

/// Of integers truncated, from f32 as in ONNX's reference: what rounds to 1 there, from 4 on, is 1, and the rest 0.
void importErf(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value x = c.input(0);
  mlir::Type type = elementOf(x);
  if (isFloat(type))
    return c.result(b.make<nn::ErfOp>(x));
  auto isBeyond = [&](nn::ComparePredicate predicate, double bound) {
    return b.cast(b.make<nn::CompareOp>(predicate, x, b.constant(bound, type)), type);
  };
  mlir::Value result = isBeyond(nn::ComparePredicate::ge, 4);
  if (!type.isUnsignedInteger())
    result = b.make<nn::SubOp>(result, isBeyond(nn::ComparePredicate::le, -4));
  c.result(result);
}

void importBitShift(NodeContext &c) {
  std::string direction = c.string("direction", "");
  if (direction == "LEFT")
    return importBinary<nn::ShlOp>(c);
  if (direction == "RIGHT")
    return importBinary<nn::ShrOp>(c);
  fail("attribute 'direction' is '" + direction + "', expected LEFT or RIGHT");
}

void importReciprocal(NodeContext &c) {
  mlir::Value x = c.input(0);
  c.result(c.b.make<nn::DivOp>(c.b.constant(1, elementOf(x)), x));
}

/// The input as a float to compute with.
mlir::Value computable(NodeContext &c) {
  mlir::Value x = c.input(0);
  return nn::isSmall(elementOf(x)) ? c.b.cast(x, c.b.raw().getF32Type()) : x;
}

void importIsNaN(NodeContext &c) { c.result(c.b.make<nn::IsNanOp>(computable(c))); }

void importIsInf(NodeContext &c) {
  mlir::Value x = computable(c);
  c.result(c.b.make<nn::IsInfOp>(x, c.integer("detect_positive", 1) != 0, c.integer("detect_negative", 1) != 0));
}

void importWhere(NodeContext &c) { c.result(c.b.make<nn::SelectOp>(c.input(0), c.input(1), c.input(2))); }

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

/// The input with elements of another type, as the node's attributes say.
mlir::Value converted(NodeContext &c, mlir::Type type) {
  mlir::Value x = c.input(0);
  if (elementOf(x) == type)
    return x;
  if (nn::isStringType(type) || nn::isStringType(elementOf(x)))
    return c.b.cast(x, type);
  std::string mode = c.string("round_mode", "up");
  std::optional<nn::ScaleRounding> rounding = nn::symbolizeScaleRounding(mode);
  if (!rounding)
    fail("attribute 'round_mode' is '" + mode + "', expected up, down or nearest");
  return c.b.make<nn::CastOp>(x, type, c.integer("saturate", 1) != 0, *rounding);
}

void importCast(NodeContext &c) {
  mlir::Type type;
  if (c.opset >= 6) {
    type = c.elementType(c.integer("to", 0), /*movedOnly=*/true);
  } else {
    std::string name = llvm::StringRef(c.string("to", "")).upper();
    onnx::TensorProto::DataType dataType;
    if (!onnx::TensorProto::DataType_Parse(name, &dataType))
      fail("attribute 'to' is '" + name + "', expected the name of an element type");
    type = c.elementType(dataType);
  }
  c.result(converted(c, type));
}

void importCastLike(NodeContext &c) { c.result(converted(c, elementOf(c.input(1)))); }

void importBitCast(NodeContext &c) {
  mlir::Type type = c.elementType(c.integer("to", 0), /*movedOnly=*/true);
  mlir::Value x = c.input(0);
  // A boolean is one byte, 0 or 1.
  bool boolean = elementOf(x).isInteger(1) || type.isInteger(1);
  if (boolean && bytesOf(elementOf(x)) != bytesOf(type))
    fail("attribute 'to' is a type of another width than the input's");
  c.result(boolean || elementOf(x) == type ? c.b.cast(x, type) : c.b.make<nn::BitcastOp>(x, mlir::TypeAttr::get(type)));
}

/// A bound of Clip as a tensor of rank 0, or null.
mlir::Value clipBound(NodeContext &c, int64_t inputIndex, const char *attribute, double absent) {
  mlir::Type type = elementOf(c.input(0));
  if (c.opset >= 11) {
    mlir::Value bound = c.optionalInput(inputIndex);
    if (bound && rankOf(bound) != 0)
      bound = c.b.reshape(bound, {});
    return bound;
  }
  float value = c.number(attribute, static_cast<float>(absent));
  return value == static_cast<float>(absent) ? mlir::Value() : c.b.constant(value, type);
}

void importClip(NodeContext &c) {
  mlir::Value x = c.input(0);
  if (mlir::Value low = clipBound(c, 1, "min", -std::numeric_limits<float>::max()))
    x = c.b.make<nn::MaxOp>(x, low);
  if (mlir::Value high = clipBound(c, 2, "max", std::numeric_limits<float>::max()))
    x = c.b.make<nn::MinOp>(x, high);
  c.result(x);
}

//===----------------------------------------------------------------------===//
// ai.onnx.ml
//===----------------------------------------------------------------------===//

/// A vector of floats along the last dimension.
mlir::Value vectorConstant(NodeContext &c, llvm::ArrayRef<float> values) {
  auto type = mlir::RankedTensorType::get({static_cast<int64_t>(values.size())}, c.b.raw().getF32Type());
  auto bytes = std::make_shared<std::vector<float>>(values.begin(), values.end());
  llvm::ArrayRef<char> view(reinterpret_cast<const char *>(bytes->data()), bytes->size() * sizeof(float));
  return c.b.constantOf(elementsFromBytes(type, view, c.name, bytes));
}

void importScaler(NodeContext &c) {
  mlir::Value x = c.b.cast(c.inputOfRank(0, 1), c.b.raw().getF32Type());
  llvm::SmallVector<float> offset = c.numbers("offset"), scale = c.numbers("scale");
  int64_t features = typeOf(x).getShape().back();
  for (size_t length : {offset.size(), scale.size()})
    if (length > 1 && !mlir::ShapedType::isDynamic(features) && static_cast<int64_t>(length) != features)
      fail("offset or scale has " + std::to_string(length) + " elements, expected 1 or " + std::to_string(features));
  if (!offset.empty())
    x = c.b.make<nn::SubOp>(x, vectorConstant(c, offset));
  if (!scale.empty())
    x = c.b.make<nn::MulOp>(x, vectorConstant(c, scale));
  c.result(x);
}

} // namespace

void addElementwise(ImporterTable &table) {
  table.add("Abs", importUnary<nn::AbsOp>);
  table.add("Acos", importUnary<nn::AcosOp>);
  table.add("Acosh", importUnary<nn::AcoshOp>);
  table.add("Add", importBinary<nn::AddOp>);
  table.add("And", importBinary<nn::AndOp>);
  table.add("Asin", importUnary<nn::AsinOp>);
  table.add("Asinh", importUnary<nn::AsinhOp>);
  table.add("Atan", importUnary<nn::AtanOp>);
  table.add("Atanh", importUnary<nn::AtanhOp>);
  table.add("BitCast", importBitCast);
  table.add("BitShift", importBitShift);
  table.add("BitwiseAnd", importBinary<nn::AndOp>);
  table.add("BitwiseNot", importUnary<nn::NotOp>);
  table.add("BitwiseOr", importBinary<nn::OrOp>);
  table.add("BitwiseXor", importBinary<nn::XorOp>);
  table.add("Cast", importCast);
  table.add("CastLike", importCastLike);
  table.add("Ceil", importUnary<nn::CeilOp>);
  table.add("Clip", importClip);
  table.add("Cos", importUnary<nn::CosOp>);
  table.add("Cosh", importUnary<nn::CoshOp>);
  table.add("Div", importBinary<nn::DivOp>);
  table.add("Equal", importCompare<nn::ComparePredicate::eq>);
  table.add("Erf", importErf);
  table.add("Exp", importUnary<nn::ExpOp>);
  table.add("Floor", importUnary<nn::FloorOp>);
  table.add("Greater", importCompare<nn::ComparePredicate::gt>);
  table.add("GreaterOrEqual", importCompare<nn::ComparePredicate::ge>);
  table.add("IsInf", importIsInf);
  table.add("IsNaN", importIsNaN);
  table.add("Less", importCompare<nn::ComparePredicate::lt>);
  table.add("LessOrEqual", importCompare<nn::ComparePredicate::le>);
  table.add("Log", importUnary<nn::LogOp>);
  table.add("Max", importVariadic<nn::MaxOp>);
  table.add("Mean", importMean);
  table.add("Min", importVariadic<nn::MinOp>);
  table.add("Mod", importMod);
  table.add("Mul", importBinary<nn::MulOp>);
  table.add("Neg", importUnary<nn::NegOp>);
  table.add("Not", importUnary<nn::NotOp>);
  table.add("Or", importBinary<nn::OrOp>);
  table.add("Pow", importPow);
  table.add("Reciprocal", importReciprocal);
  table.add("Round", importUnary<nn::RoundOp>);
  table.add("Sign", importUnary<nn::SignOp>);
  table.add("Sin", importUnary<nn::SinOp>);
  table.add("Sinh", importUnary<nn::SinhOp>);
  table.add("Sqrt", importUnary<nn::SqrtOp>);
  table.add("Sub", importBinary<nn::SubOp>);
  table.add("Sum", importVariadic<nn::AddOp>);
  table.add("Tan", importUnary<nn::TanOp>);
  table.add("Where", importWhere);
  table.add("Xor", importBinary<nn::XorOp>);
  table.add("ai.onnx.ml", "Scaler", importScaler);
}

} // namespace tenon::importer
