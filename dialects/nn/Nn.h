//===- Nn.h - the nn dialect: its ops, attributes and the questions one asks of them -------===//
//
// Include this to use the dialect. What it computes is in the .td files beside it.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_DIALECTS_NN_NN_H
#define TENON_DIALECTS_NN_NN_H

#include "dialects/nn/NnShapes.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace tenon::nn {

/// Marks ops whose operands broadcast and whose result element depends on one element of each operand.
template <typename ConcreteOp> class Elementwise : public mlir::OpTrait::TraitBase<ConcreteOp, Elementwise> {};

/// Marks ops that compute with what they have written to their results: a kernel keeps all of them, used or not.
template <typename ConcreteOp> class NeedsAllResults : public mlir::OpTrait::TraitBase<ConcreteOp, NeedsAllResults> {};

/// Marks ops whose kernel is one call of a function of runtime/text.
template <typename ConcreteOp> class Text : public mlir::OpTrait::TraitBase<ConcreteOp, Text> {};

/// The element type of tensors of strings: the number of a text in a table. Signed integers have signless types, so
/// that no number has this one.
inline mlir::Type getStringType(mlir::MLIRContext *context) {
  return mlir::IntegerType::get(context, 64, mlir::IntegerType::Signed);
}
inline bool isStringType(mlir::Type type) { return type.isSignedInteger(64); }

/// Whether each pair of types could describe the same tensors: equal element types and ranks, extents equal where both
/// are static.
bool areCompatibleTypes(mlir::TypeRange lhs, mlir::TypeRange rhs);

/// The most precise type of the numpy broadcast of `shapes` with element type `element`, or null if two static extents
/// clash. A dimension that is dynamic in one operand and static but not 1 in another is static.
mlir::RankedTensorType inferBroadcast(mlir::ValueRange operands, mlir::Type element);

/// Whether elements of the type are moved and cast only: floats of at most 8 bits, integers below a byte.
bool isSmall(mlir::Type element);

/// Whether ops compute with elements of the type: integers and floats that are not small.
bool isNumber(mlir::Type element);

/// The type of an element in memory: integers without sign, one byte for booleans and whatever else is below a byte,
/// the code of a float of at most 8 bits, an integer with the real part in its low half for a complex number.
mlir::Type storageType(mlir::Type element);

/// The extents of `value` as attributes or `index` values, by tensor.dim where dynamic.
llvm::SmallVector<mlir::OpFoldResult> getExtents(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value);

/// Result extents of `op` in terms of its operands, without reading the results themselves.
mlir::FailureOr<llvm::SmallVector<llvm::SmallVector<mlir::OpFoldResult>>> reifyExtents(mlir::OpBuilder &builder,
                                                                                       mlir::Operation *op);

/// Planes of a window of three dimensions that Winograd's algorithm sums as it sums channels: 1 where tiles take all
/// dimensions, 0 if the window's shape is none that it has.
int64_t winogradPlanes(llvm::ArrayRef<int64_t> kernel);

/// A dimension of a convolution's window as Winograd's algorithm takes it. With i = s u + r, the phases r of an input
/// whose windows move by a stride s are channels, and the stride is 1: y[o] = sum over u, r of w'[u, r] x[s (o + u) + r
/// - low] with w'[u, r] = w[s u + r - shift], or 0 where there is no such tap.
struct WinogradDimension {
  int64_t phases; ///< 1 where the window has one tap, whatever its stride
  int64_t taps;   ///< positions u
  int64_t low, shift;
};
WinogradDimension winogradDimension(int64_t taps, int64_t stride, int64_t lowPad);

/// Those of a whole window; none if the algorithm does not cover it. The planes of a window in three dimensions count
/// as phases of the first.
llvm::SmallVector<WinogradDimension, 3> winogradDimensions(llvm::ArrayRef<int64_t> kernel,
                                                           llvm::ArrayRef<int64_t> strides,
                                                           llvm::ArrayRef<int64_t> pads,
                                                           llvm::ArrayRef<int64_t> dilations);

/// Which dimension of recurrent weights, packed or not, holds the units of the state.
inline int64_t hiddenDimension(mlir::Value recurrent) {
  return mlir::cast<mlir::RankedTensorType>(recurrent.getType()).getRank() == 5 ? 2 : 1;
}

/// What has to hold of the extents of the operands of `op` beyond what their types say.
llvm::SmallVector<ExtentRequirement> extentRequirements(mlir::OpBuilder &builder, mlir::Operation *op);

} // namespace tenon::nn

#include "dialects/nn/NnInterfaces.h.inc"
#include "dialects/nn/NnOpsDialect.h.inc"
#include "dialects/nn/NnOpsEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NnOpsAttributes.h.inc"

#define GET_OP_CLASSES
#include "dialects/nn/NnOps.h.inc"

namespace tenon::nn {

/// How many results an op with inferred results has.
template <typename OpTy> inline constexpr size_t resultCount = 1;
template <> inline constexpr size_t resultCount<TopKOp> = 2;
template <> inline constexpr size_t resultCount<LstmOp> = 3;
template <> inline constexpr size_t resultCount<GruOp> = 2;
template <> inline constexpr size_t resultCount<RnnOp> = 2;
template <> inline constexpr size_t resultCount<TreeEnsembleOp> = 2;

/// Creates an op and reports what is wrong with its operands instead of stopping: `OpTy::create` ends the process if
/// the result types cannot be inferred. Takes what `OpTy::create` takes without result types.
template <typename OpTy, typename... Args>
mlir::FailureOr<OpTy> createChecked(mlir::OpBuilder &builder, mlir::Location location, Args &&...args) {
  mlir::OperationState state(location, OpTy::getOperationName());
  llvm::SmallVector<mlir::Type> types(resultCount<OpTy>, builder.getNoneType());
  OpTy::build(builder, state, mlir::TypeRange(types), std::forward<Args>(args)...);
  state.types.clear();
  if (mlir::failed(OpTy::inferReturnTypes(builder.getContext(), location, state.operands,
                                          state.attributes.getDictionary(builder.getContext()),
                                          state.getRawProperties(), state.regions, state.types)))
    return mlir::failure();
  mlir::Operation *op = builder.create(state);
  if (mlir::failed(op->getName().verifyInvariants(op))) {
    op->erase();
    return mlir::failure();
  }
  return mlir::cast<OpTy>(op);
}

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_NN_H
