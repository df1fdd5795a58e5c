//===- Body.cpp - regions under construction -----------------------------------------------===//
//
// See Body.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Body.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace tenon::importer {

mlir::RankedTensorType commonType(mlir::Value lhs, mlir::Value rhs, const char *what) {
  auto left = typeOf(lhs), right = typeOf(rhs);
  if (left.getElementType() != right.getElementType())
    fail(llvm::Twine(what) + " has two element types");
  if (left.getRank() != right.getRank())
    fail(llvm::Twine(what) + " has rank " + llvm::Twine(left.getRank()) + " or " + llvm::Twine(right.getRank()),
         "the ranks of tensors must be known when the model is compiled");
  IntVector shape(left.getShape());
  for (auto [extent, other] : llvm::zip_equal(shape, right.getShape()))
    if (extent != other)
      extent = mlir::ShapedType::kDynamic;
  return mlir::RankedTensorType::get(shape, left.getElementType());
}

mlir::Operation *createIf(Builder &b, mlir::Value flag, llvm::ArrayRef<mlir::Type> types, Body &thenBody,
                          llvm::ArrayRef<mlir::Value> onTrue, Body &elseBody, llvm::ArrayRef<mlir::Value> onFalse) {
  mlir::OperationState state(b.location(), mlir::scf::IfOp::getOperationName());
  state.addOperands(flag);
  state.addTypes(types);
  auto finish = [&](Body &body, llvm::ArrayRef<mlir::Value> values) {
    body.open();
    llvm::SmallVector<mlir::Value> results;
    for (auto [value, type] : llvm::zip_equal(values, types))
      results.push_back(b.retype(value, llvm::cast<mlir::RankedTensorType>(type)));
    mlir::scf::YieldOp::create(b.raw(), b.location(), results);
    body.moveTo(state.addRegion());
  };
  finish(thenBody, onTrue);
  finish(elseBody, onFalse);
  return b.raw().create(state);
}

} // namespace tenon::importer
