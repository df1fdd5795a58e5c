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

/// What is known of one result from both branches: extents and elements that come from outside and are equal.
static Binding joined(Builder &b, mlir::Value result, const Binding &onTrue, const Binding &onFalse,
                      llvm::function_ref<bool(Scalar)> isOutside) {
  auto same = [&](Scalar lhs, Scalar rhs) { return lhs == rhs && isOutside(lhs); };
  b.ownExtents(result);
  ScalarVector left = b.extents(onTrue.tensor), right = b.extents(onFalse.tensor), extents = b.extents(result);
  for (auto [extent, lhs, rhs] : llvm::zip_equal(extents, left, right))
    if (same(lhs, rhs))
      extent = lhs;
  b.setExtents(result, extents);
  Binding binding{result, std::nullopt};
  if (!onTrue.scalars || !onFalse.scalars || onTrue.scalars->shape != onFalse.scalars->shape)
    return binding;
  for (auto [lhs, rhs] : llvm::zip_equal(onTrue.scalars->items, onFalse.scalars->items))
    if (!same(lhs, rhs))
      return binding;
  binding.scalars = onTrue.scalars;
  return binding;
}

/// The tensors of both branches as results of an scf.if.
static std::vector<Binding> joinTensors(Builder &b, mlir::Value flag, Body &thenBody, llvm::ArrayRef<Binding> onTrue,
                                        Body &elseBody, llvm::ArrayRef<Binding> onFalse) {
  llvm::SmallVector<mlir::Type> types;
  for (auto [lhs, rhs] : llvm::zip_equal(onTrue, onFalse))
    types.push_back(commonType(lhs.tensor, rhs.tensor, "an output"));
  auto tensorsOf = [](llvm::ArrayRef<Binding> outputs) {
    return llvm::map_to_vector(outputs, [](const Binding &binding) { return binding.tensor; });
  };
  mlir::Operation *op = createIf(b, flag, types, thenBody, tensorsOf(onTrue), elseBody, tensorsOf(onFalse));
  auto isOutside = [&](Scalar scalar) {
    auto value = llvm::dyn_cast_if_present<mlir::Value>(scalar);
    // The body around this op may have no op yet.
    mlir::Operation *parent = value ? value.getParentBlock()->getParentOp() : nullptr;
    return !parent || !op->isAncestor(parent);
  };
  std::vector<Binding> results;
  for (auto [result, lhs, rhs] : llvm::zip_equal(op->getResults(), onTrue, onFalse))
    results.push_back(joined(b, result, lhs, rhs, isOutside));
  return results;
}

Structure commonStructure(const Binding &lhs, const Binding &rhs, const char *what) {
  if (std::optional<Structure> common = join(structureOf(lhs), structureOf(rhs)))
    return *common;
  // Says what differs.
  if (!lhs.container && !rhs.container)
    commonType(lhs.tensor, rhs.tensor, what);
  if (kindOf(lhs) == kindOf(rhs))
    fail(llvm::Twine(what) + " is " + describe(kindOf(lhs)) + " with elements of two types or ranks");
  fail(llvm::Twine(what) + " is " + describe(kindOf(lhs)) + " or " + describe(kindOf(rhs)));
}

bool canJoin(llvm::ArrayRef<Binding> lhs, llvm::ArrayRef<Binding> rhs) {
  return llvm::all_of(llvm::zip_equal(lhs, rhs), [](const auto &pair) {
    auto &[left, right] = pair;
    bool ranksDiffer = !left.container && !right.container && rankOf(left.tensor) != rankOf(right.tensor);
    return !ranksDiffer && (!left.container || join(structureOf(left), structureOf(right)));
  });
}

std::vector<Binding> joinBranches(Builder &b, mlir::Value flag, Body &thenBody, llvm::ArrayRef<Binding> onTrue,
                                  Body &elseBody, llvm::ArrayRef<Binding> onFalse) {
  std::vector<Structure> types;
  for (auto [lhs, rhs] : llvm::zip_equal(onTrue, onFalse))
    types.push_back(commonStructure(lhs, rhs, "an output"));
  auto partsOf = [&](Body &body, llvm::ArrayRef<Binding> outputs) {
    std::vector<Binding> parts;
    body.open();
    for (auto [output, type] : llvm::zip_equal(outputs, types))
      flatten(b, output, type, parts);
    body.close();
    return parts;
  };
  std::vector<Binding> trueParts = partsOf(thenBody, onTrue), falseParts = partsOf(elseBody, onFalse);
  std::vector<Binding> parts = joinTensors(b, flag, thenBody, trueParts, elseBody, falseParts), results;
  llvm::ArrayRef<Binding> rest = parts;
  for (const Structure &type : types)
    results.push_back(rebuild(type, rest));
  return results;
}

void requireEqual(Builder &b, Scalar extent, Scalar expected, const llvm::Twine &what) {
  b.require(b.compare(mlir::arith::CmpIPredicate::eq, extent, expected), what + " is %lld, expected %lld",
            {extent, expected});
}

void requireAtMost(Builder &b, Scalar extent, Scalar bound, const llvm::Twine &what) {
  b.require(b.compare(mlir::arith::CmpIPredicate::sle, extent, bound), what + " is %lld, expected at most %lld",
            {extent, bound});
}

} // namespace tenon::importer
