//===- Contraction.cpp - MatMul and Gemm ---------------------------------------------------===//
//
// Vectors become matrices with one row or column; scales and addends become elementwise ops.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

mlir::Value scaled(NodeContext &c, mlir::Value value, float factor) {
  return factor == 1 ? value : c.b.make<nn::MulOp>(value, c.b.constant(factor, elementOf(value)));
}

void importMatMul(NodeContext &c) { c.result(importMatrixProduct(c.b, c.inputOfRank(0, 1), c.inputOfRank(1, 1))); }

void importGemm(NodeContext &c) { c.result(gemm(c)); }

} // namespace

mlir::Value gemm(NodeContext &c) {
  mlir::Value lhs = c.inputOfRank(0, 2, 2), rhs = c.inputOfRank(1, 2, 2);
  mlir::Value product =
      c.b.make<nn::MatmulOp>(lhs, rhs, c.integer("transA", 0) != 0, c.integer("transB", 0) != 0, nn::PackingAttr());
  float alpha = c.number("alpha", 1), beta = c.number("beta", 1);
  mlir::Type type = elementOf(product);
  bool hasAddend = c.hasInput(2) && beta != 0;
  // A sum of fractions of integers is truncated once.
  bool isFraction = alpha != std::trunc(alpha) || (hasAddend && beta != std::trunc(beta));
  mlir::Type summed = llvm::isa<mlir::IntegerType>(type) && isFraction ? mlir::Type(c.b.raw().getF64Type()) : type;
  product = scaled(c, c.b.cast(product, summed), alpha);
  if (hasAddend) {
    mlir::Value addend = scaled(c, c.b.cast(c.inputOfRank(2, 0, 2), summed), beta);
    mlir::Value sum = c.b.make<nn::AddOp>(product, addend);
    if (mlir::failed(mlir::verifyCompatibleShape(typeOf(sum).getShape(), typeOf(product).getShape())))
      fail("the third input does not broadcast to the product");
    product = sum;
  }
  return c.b.cast(product, type);
}

mlir::Value importMatrixProduct(Builder &b, mlir::Value lhs, mlir::Value rhs) {
  bool isRow = rankOf(lhs) == 1, isColumn = rankOf(rhs) == 1;
  if (isRow)
    lhs = b.reshape(lhs, {b.index(1), b.extent(lhs, 0)});
  if (isColumn)
    rhs = b.reshape(rhs, {b.extent(rhs, 0), b.index(1)});
  mlir::Value result = b.make<nn::MatmulOp>(lhs, rhs, false, false, nn::PackingAttr());
  ScalarVector sizes = b.extents(result);
  if (isColumn)
    sizes.pop_back();
  if (isRow)
    sizes.erase(sizes.end() - (isColumn ? 1 : 2));
  return b.reshape(result, sizes);
}

void addContractions(ImporterTable &table) {
  table.add("Gemm", importGemm);
  table.add("MatMul", importMatMul);
}

} // namespace tenon::importer
