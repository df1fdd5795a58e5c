//===- Generators.cpp - constants, shapes, ranges and masks --------------------------------===//
//
// Operators whose result does not come from a tensor's elements.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Lookup.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

template <typename T>
Binding vectorBinding(NodeContext &c, const std::vector<T> &values, mlir::Type type, bool isScalar) {
  auto bytes = std::make_shared<std::vector<T>>(values);
  IntVector shape;
  if (!isScalar)
    shape.push_back(static_cast<int64_t>(values.size()));
  llvm::ArrayRef<char> view(reinterpret_cast<const char *>(bytes->data()), bytes->size() * sizeof(T));
  return c.graph.bindingOf(elementsFromBytes(mlir::RankedTensorType::get(shape, type), view, c.name, bytes));
}

void importConstant(NodeContext &c) {
  mlir::OpBuilder &ir = c.b.raw();
  int64_t forms = 0;
  for (const char *name : {"value", "sparse_value", "value_float", "value_floats", "value_int", "value_ints",
                           "value_string", "value_strings"})
    forms += c.hasAttribute(name);
  if (forms != 1)
    fail("there are " + std::to_string(forms) + " attributes with a value, expected 1");
  if (const onnx::TensorProto *tensor = c.tensor("value"))
    return c.result(0, c.graph.bindingOf(*tensor, c.frame));
  if (c.hasAttribute("value_float"))
    return c.result(0, vectorBinding<float>(c, {c.number("value_float", 0)}, ir.getF32Type(), true));
  if (c.hasAttribute("value_int"))
    return c.result(0, vectorBinding<int64_t>(c, {c.integer("value_int", 0)}, ir.getI64Type(), true));
  if (c.hasAttribute("value_floats")) {
    auto values = c.numbers("value_floats");
    return c.result(0, vectorBinding<float>(c, {values.begin(), values.end()}, ir.getF32Type(), false));
  }
  if (c.hasAttribute("value_ints")) {
    IntVector values = c.integers("value_ints");
    return c.result(0, vectorBinding<int64_t>(c, {values.begin(), values.end()}, ir.getI64Type(), false));
  }
  if (c.hasAttribute("value_string"))
    return c.result(stringConstant(c.b, {c.string("value_string", "")}, {}));
  if (c.hasAttribute("value_strings"))
    return c.result(stringVector(c.b, c.strings("value_strings")));
  fail("sparse constants are not supported");
}

void importConstantOfShape(NodeContext &c) {
  mlir::Value fill;
  if (const onnx::TensorProto *value = c.tensor("value")) {
    mlir::Value given = c.graph.bindingOf(*value, c.frame).tensor;
    if (typeOf(given).getNumElements() != 1)
      fail("attribute 'value' has " + std::to_string(typeOf(given).getNumElements()) + " elements, expected 1");
    auto elements = llvm::cast<mlir::DenseElementsAttr>(given.getDefiningOp<nn::ConstantOp>().getValue());
    fill = c.b.constantOf(elements.reshape(mlir::RankedTensorType::get({}, elementOf(given))));
  } else {
    fill = c.b.constant(0, c.b.raw().getF32Type());
  }
  ScalarVector sizes = c.shape(0);
  for (Scalar size : sizes)
    if (std::optional<int64_t> known = Builder::constant(size); known && *known < 0)
      fail("the shape has the entry " + std::to_string(*known));
  c.result(c.b.broadcast(fill, sizes));
}

ScalarTensor shapeOf(NodeContext &c) {
  ScalarVector extents = c.b.extents(c.input(0));
  auto rank = static_cast<int64_t>(extents.size());
  auto bound = [&](const char *name, int64_t absent) {
    int64_t value = c.integer(name, absent);
    return std::clamp<int64_t>(value < 0 ? value + rank : value, 0, rank);
  };
  int64_t start = bound("start", 0), end = std::max(bound("end", rank), start);
  return {c.b.raw().getI64Type(), {end - start}, ScalarVector(extents.begin() + start, extents.begin() + end)};
}

void importShape(NodeContext &c) { c.result(0, shapeOf(c)); }

void importSize(NodeContext &c) { c.result(0, ScalarTensor{c.b.raw().getI64Type(), {}, {c.b.size(c.input(0))}}); }

//===----------------------------------------------------------------------===//
// Range
//===----------------------------------------------------------------------===//

/// ceil((limit - start) / delta), at least 0.
Scalar rangeSize(NodeContext &c, Scalar start, Scalar limit, Scalar delta) {
  Builder &b = c.b;
  auto isWhole = [&](Scalar item) {
    return Builder::constant(item) ||
           (llvm::isa<mlir::Value>(item) && llvm::cast<mlir::Value>(item).getType().isIndex());
  };
  start = b.wholeNumber(start);
  limit = b.wholeNumber(limit);
  delta = b.wholeNumber(delta);
  if (std::optional<int64_t> known = Builder::constant(delta); known == 0)
    fail("delta is 0");
  if (isWhole(start) && isWhole(limit) && isWhole(delta)) {
    Scalar zero = b.index(0), span = b.sub(limit, start);
    if (std::optional<int64_t> known = Builder::constant(delta)) {
      Scalar steps = *known > 0 ? b.ceilDiv(span, delta) : b.ceilDiv(b.sub(zero, span), b.sub(zero, delta));
      return b.max(steps, zero);
    }
    // (span + delta - sign(delta)) / delta truncated is the ceiling for every sign where the result is positive.
    Scalar positive = b.compare(mlir::arith::CmpIPredicate::sgt, delta, zero);
    Scalar sign = b.select(positive, b.index(1), b.index(-1));
    return b.max(b.div(b.sub(b.add(span, delta), sign), delta), zero);
  }
  // Constants of floats fold here.
  mlir::Value span = b.value(b.scalar<mlir::arith::SubFOp>(b.value(b.toFloat(limit)), b.value(b.toFloat(start))));
  Scalar steps = b.scalar<mlir::arith::DivFOp>(span, b.value(b.toFloat(delta)));
  return b.max(b.toIndex(steps, Builder::Rounding::up), b.index(0));
}

void importRange(NodeContext &c) {
  Builder &b = c.b;
  mlir::Type type = elementOf(c.input(0));
  Scalar start = c.scalar(0, "start"), limit = c.scalar(1, "limit"), delta = c.scalar(2, "delta");
  Scalar size = rangeSize(c, start, limit, delta);
  // Half floats cannot count far, so they are computed in f32.
  bool isHalf = type.isF16() || type.isBF16();
  mlir::Type wide = isHalf ? mlir::Type(b.raw().getF32Type()) : type;
  mlir::Value steps = b.cast(b.make<nn::IotaOp>(b.values({size}), 0), wide);
  auto isNumber = [&](Scalar item, double number) {
    auto attribute = llvm::dyn_cast_if_present<mlir::Attribute>(item);
    if (auto real = llvm::dyn_cast_if_present<mlir::FloatAttr>(attribute))
      return real.getValueAsDouble() == number;
    return attribute && Builder::constant(item) == static_cast<int64_t>(number);
  };
  if (!isNumber(delta, 1))
    steps = b.make<nn::MulOp>(steps, b.cast(b.reshape(c.input(2), {}), wide));
  if (!isNumber(start, 0))
    steps = b.make<nn::AddOp>(steps, b.cast(b.reshape(c.input(0), {}), wide));
  c.result(b.cast(steps, type));
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

void importEyeLike(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 2, 2);
  mlir::Type type = c.hasAttribute("dtype") ? c.elementType(c.integer("dtype", 0)) : elementOf(input);
  mlir::Value rows = positions(b, b.extent(input, 0), 0, 2), columns = positions(b, b.extent(input, 1), 1, 2);
  rows = b.make<nn::AddOp>(rows, b.scalarTensor(b.index(c.integer("k", 0)), b.raw().getI64Type()));
  c.result(b.cast(b.make<nn::CompareOp>(nn::ComparePredicate::eq, rows, columns), type));
}

void importTrilu(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 2);
  int64_t rank = rankOf(input);
  mlir::Value rows = positions(b, b.extent(input, rank - 2), 0, 2),
              columns = positions(b, b.extent(input, rank - 1), 1, 2);
  if (c.hasInput(1)) {
    // Beyond the matrix k changes nothing, but the sum must not wrap.
    mlir::Value k = b.reshape(c.input(1), {}), bound = b.scalarTensor(b.index(int64_t(1) << 40), b.raw().getI64Type());
    k = b.make<nn::MaxOp>(b.make<nn::MinOp>(k, bound), b.make<nn::NegOp>(bound));
    rows = b.make<nn::AddOp>(rows, k);
  }
  auto keeps = c.integer("upper", 1) ? nn::ComparePredicate::le : nn::ComparePredicate::ge;
  mlir::Value mask = b.make<nn::CompareOp>(keeps, rows, columns);
  c.result(b.make<nn::SelectOp>(mask, input, b.constant(0, elementOf(input))));
}

} // namespace

void addGenerators(ImporterTable &table) {
  table.add("Constant", importConstant);
  table.add("ConstantOfShape", importConstantOfShape);
  table.add("EyeLike", importEyeLike);
  table.add("Range", importRange);
  table.add("Shape", importShape);
  table.add("Size", importSize);
  table.add("Trilu", importTrilu);
}

} // namespace tenon::importer
