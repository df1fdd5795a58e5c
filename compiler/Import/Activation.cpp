//===- Activation.cpp - activation functions as primitive nn ops ---------------------------===//
//
// Formulas follow the ONNX reference; where it is not stable (Softplus), an equal form that is.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Arithmetic.h"
#include "compiler/Import/Registry.h"
#include "compiler/Import/ShapeText.h"

namespace tenon::importer {

namespace {

Arithmetic arithmeticOf(NodeContext &c) { return {c.b, elementOf(c.input(0))}; }

void importRelu(NodeContext &c) { c.result(arithmeticOf(c).max(c.input(0), 0)); }

void importLeakyRelu(NodeContext &c) {
  Arithmetic a = arithmeticOf(c);
  mlir::Value x = c.input(0);
  c.result(a.select(nn::ComparePredicate::lt, x, 0, a.mul(x, c.number("alpha", 0.01f)), x));
}

void importPRelu(NodeContext &c) {
  Arithmetic a = arithmeticOf(c);
  mlir::Value x = c.input(0), slope = c.input(1);
  // Before opset 7 a vector is one slope per channel.
  if (c.opset < 7 && rankOf(slope) == 1 && rankOf(x) >= 2 && typeOf(slope).getDimSize(0) != 1)
    slope = c.b.alignAt(slope, 1, rankOf(x));
  llvm::ArrayRef<int64_t> shape = typeOf(x).getShape(), given = typeOf(slope).getShape();
  bool fits = given.size() <= shape.size();
  for (auto [extent, own] : llvm::zip(llvm::reverse(given), llvm::reverse(shape)))
    fits &= extent == 1 || extent == own || mlir::ShapedType::isDynamic(extent) || mlir::ShapedType::isDynamic(own);
  if (!fits)
    fail("the slope has shape " + shapeText(slope) + ", which does not broadcast to that of the input, " + shapeText(x),
         "shapes are aligned at the last dimension; one slope for each channel of [N, C, H, W] has shape [C, 1, 1]");
  c.result(a.select(nn::ComparePredicate::lt, x, 0, a.mul(x, slope), x));
}

void importElu(NodeContext &c) {
  Arithmetic a = arithmeticOf(c);
  mlir::Value x = c.input(0);
  mlir::Value negative = a.mul(c.b.make<nn::Expm1Op>(x), c.number("alpha", 1.0f));
  c.result(a.select(nn::ComparePredicate::lt, x, 0, negative, x));
}

void importCelu(NodeContext &c) {
  Arithmetic a = arithmeticOf(c);
  mlir::Value x = c.input(0);
  double alpha = c.number("alpha", 1.0f);
  mlir::Value negative = a.mul(c.b.make<nn::Expm1Op>(a.div(x, alpha)), alpha);
  c.result(a.add(a.max(x, 0), a.min(negative, 0)));
}

void importSelu(NodeContext &c) {
  Arithmetic a = arithmeticOf(c);
  mlir::Value x = c.input(0);
  // Operator version 1 rounds its defaults differently.
  bool first = c.opset < 6;
  double alpha = c.number("alpha", first ? 1.6732f : 1.67326319217681884765625f);
  double gamma = c.number("gamma", first ? 1.0507f : 1.05070102214813232421875f);
  mlir::Value negative = a.mul(c.b.make<nn::Expm1Op>(x), alpha);
  c.result(a.mul(a.select(nn::ComparePredicate::le, x, 0, negative, x), gamma));
}

void importGelu(NodeContext &c) {
  Arithmetic a = arithmeticOf(c);
  mlir::Value x = c.input(0);
  std::string approximate = c.string("approximate", "none");
  mlir::Value inner;
  if (approximate == "tanh") {
    // sqrt(2 / pi) * (x + 0.044715 * x^3)
    mlir::Value cube = a.mul(a.mul(x, x), x);
    inner = c.b.make<nn::TanhOp>(a.mul(a.add(x, a.mul(cube, 0.044715)), 0.79788456080286535588));
  } else if (approximate == "none") {
    inner = c.b.make<nn::ErfOp>(a.mul(x, 0.70710678118654752440));
  } else {
    fail("attribute 'approximate' is '" + approximate + "', expected none or tanh");
  }
  c.result(a.mul(a.mul(x, 0.5), a.add(inner, 1)));
}

/// x tanh(log(1 + e^x)): with n = (1 + e^x)^2 - 1 that is x n / (n + 2). Both are scaled by e^-2x where x is positive,
/// so that t = e^-|x| is all they need.
void importMish(NodeContext &c) {
  Arithmetic a = arithmeticOf(c);
  mlir::Value x = c.input(0);
  mlir::Value t = c.b.make<nn::ExpOp>(c.b.make<nn::NegOp>(c.b.make<nn::AbsOp>(x))), square = a.mul(t, t);
  mlir::Value n = a.select(nn::ComparePredicate::ge, x, 0, a.add(a.mul(t, 2), 1), a.add(square, a.mul(t, 2)));
  mlir::Value two = a.select(nn::ComparePredicate::ge, x, 0, a.mul(square, 2), a.number(2));
  c.result(a.mul(x, c.b.make<nn::DivOp>(n, a.add(n, two))));
}

void importHardSigmoid(NodeContext &c) {
  Arithmetic a = arithmeticOf(c);
  mlir::Value line = a.add(a.mul(c.input(0), c.number("alpha", 0.2f)), c.number("beta", 0.5f));
  c.result(a.min(a.max(line, 0), 1));
}

void importHardSwish(NodeContext &c) {
  Arithmetic a = arithmeticOf(c);
  mlir::Value x = c.input(0);
  c.result(a.mul(x, a.min(a.max(a.add(a.mul(x, 1.0 / 6), 0.5), 0), 1)));
}

void importSoftplus(NodeContext &c) { c.result(arithmeticOf(c).softplus(c.input(0))); }

void importSoftsign(NodeContext &c) {
  Arithmetic a = arithmeticOf(c);
  mlir::Value x = c.input(0);
  c.result(c.b.make<nn::DivOp>(x, a.add(c.b.make<nn::AbsOp>(x), 1)));
}

void importThresholdedRelu(NodeContext &c) {
  // The threshold is no half.
  mlir::Value x = c.b.widenedHalf(c.input(0));
  Arithmetic a(c.b, elementOf(x));
  mlir::Value result = a.select(nn::ComparePredicate::gt, x, c.number("alpha", 1.0f), x, a.number(0));
  c.result(c.b.cast(result, elementOf(c.input(0))));
}

void importShrink(NodeContext &c) {
  mlir::Type type = elementOf(c.input(0));
  // Integers are compared as floats, for the threshold may be a fraction, and is no half.
  mlir::Value x =
      llvm::isa<mlir::FloatType>(type) ? c.b.widenedHalf(c.input(0)) : c.b.cast(c.input(0), c.b.raw().getF64Type());
  Arithmetic a(c.b, elementOf(x));
  double bias = c.number("bias", 0), lambd = c.number("lambd", 0.5f);
  mlir::Value positive = a.select(nn::ComparePredicate::gt, x, lambd, a.sub(x, bias), a.number(0));
  c.result(c.b.cast(a.select(nn::ComparePredicate::lt, x, -lambd, a.add(x, bias), positive), type));
}

void importSigmoid(NodeContext &c) { c.result(c.b.make<nn::SigmoidOp>(c.input(0))); }
void importTanh(NodeContext &c) { c.result(c.b.make<nn::TanhOp>(c.input(0))); }

void importSwish(NodeContext &c) {
  Arithmetic a = arithmeticOf(c);
  mlir::Value x = c.input(0);
  c.result(a.mul(x, c.b.make<nn::SigmoidOp>(a.mul(x, c.number("alpha", 1.0f)))));
}

} // namespace

void addActivations(ImporterTable &table) {
  table.add("Celu", importCelu);
  table.add("Elu", importElu);
  table.add("Gelu", importGelu);
  table.add("HardSigmoid", importHardSigmoid);
  table.add("HardSwish", importHardSwish);
  table.add("LeakyRelu", importLeakyRelu);
  table.add("Mish", importMish);
  table.add("PRelu", importPRelu);
  table.add("Relu", importRelu);
  table.add("Selu", importSelu);
  table.add("Shrink", importShrink);
  table.add("Sigmoid", importSigmoid);
  table.add("Softplus", importSoftplus);
  table.add("Softsign", importSoftsign);
  table.add("Swish", importSwish);
  table.add("Tanh", importTanh);
  table.add("ThresholdedRelu", importThresholdedRelu);
}

} // namespace tenon::importer
