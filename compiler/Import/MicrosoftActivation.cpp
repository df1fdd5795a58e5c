//===- MicrosoftActivation.cpp - ONNX Runtime's activation functions -----------------------===//
//
// Gaussian error linear units in their exact and their cheap forms, with a bias added first. f16 is computed in f32.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Arithmetic.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

/// Input 0 plus the bias of input 1, if there is one, in f32 for half types.
mlir::Value biased(NodeContext &c) {
  mlir::Type type = elementOf(c.input(0));
  mlir::Type wide = type.isF16() || type.isBF16() ? mlir::Type(c.b.raw().getF32Type()) : type;
  mlir::Value x = c.b.cast(c.input(0), wide);
  if (!c.hasInput(1))
    return x;
  mlir::Value sum = c.b.make<nn::AddOp>(x, c.b.cast(c.inputOfRank(1, 1, 1), wide));
  if (mlir::failed(mlir::verifyCompatibleShape(typeOf(sum).getShape(), typeOf(x).getShape())))
    fail("the bias does not broadcast to the input");
  return sum;
}

/// x * (1 + erf(x / sqrt(2))) / 2
mlir::Value gelu(Builder &b, mlir::Value x) {
  Arithmetic a(b, elementOf(x));
  mlir::Value inner = b.make<nn::ErfOp>(a.mul(x, 0.70710678118654752440));
  return a.mul(a.mul(x, 0.5), a.add(inner, 1));
}

void narrowedResult(NodeContext &c, mlir::Value value) { c.result(c.b.cast(value, elementOf(c.input(0)))); }

void importGelu(NodeContext &c) {
  c.expectSignature(1, 1);
  narrowedResult(c, gelu(c.b, biased(c)));
}

void importBiasGelu(NodeContext &c) {
  c.expectSignature(2, 2);
  narrowedResult(c, gelu(c.b, biased(c)));
}

/// x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2
void importFastGelu(NodeContext &c) {
  c.expectSignature(1, 2);
  mlir::Value x = biased(c);
  Arithmetic a(c.b, elementOf(x));
  mlir::Value cube = a.mul(a.mul(x, x), x);
  mlir::Value inner = c.b.make<nn::TanhOp>(a.mul(a.add(x, a.mul(cube, 0.044715)), 0.79788456080286535588));
  narrowedResult(c, a.mul(a.mul(x, 0.5), a.add(inner, 1)));
}

/// x * sigmoid(alpha * x)
void importQuickGelu(NodeContext &c) {
  c.expectSignature(1, 1, {"alpha"});
  mlir::Value x = biased(c);
  Arithmetic a(c.b, elementOf(x));
  narrowedResult(c, a.mul(x, c.b.make<nn::SigmoidOp>(a.mul(x, c.number("alpha", 1.702f)))));
}

} // namespace

void addMicrosoftActivations(ImporterTable &table) {
  table.add(runtimeDomain, "BiasGelu", importBiasGelu);
  table.add(runtimeDomain, "FastGelu", importFastGelu);
  table.add(runtimeDomain, "Gelu", importGelu);
  table.add(runtimeDomain, "QuickGelu", importQuickGelu);
}

} // namespace tenon::importer
