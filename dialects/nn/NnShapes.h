//===- NnShapes.h - result shapes of nn ops, said once for inference and reification -------===//
//
// An op with inferred results has one function `resultShapes` that checks its operands and gives element type and
// extents of each result. It speaks to `Extents`, which answers in one of two ways:
//
// - without a builder, extents are constants or unknown (null): this is type inference, and constraints that do not
//   hold are reported;
// - with a builder, extents that are not constant are `index` values made from the operands: this is reification.
//   Nothing is reported, because the op has been verified. What types leave open of its constraints can be listed.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_DIALECTS_NN_NNSHAPES_H
#define TENON_DIALECTS_NN_NNSHAPES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include <optional>

namespace tenon::nn {

/// Element type and extents of a tensor. An extent is an index attribute, an `index` value, or null (unknown).
struct TensorShape {
  mlir::Type element;
  llvm::SmallVector<mlir::OpFoldResult> extents;
};

/// Where a window of `kernel` positions, `dilation` apart, moves over an input dimension in steps of `stride`, after
/// padding. All values are in elements; see `nn.conv` and `nn.pool` for the result extents.
struct Window {
  int64_t kernel, stride, padLow, padHigh, dilation;
  bool ceilMode = false;
  /// The result extent for a static input extent; 0 if the kernel is larger than the padded input.
  int64_t resultExtent(int64_t input) const;
};

/// What an op needs of two extents of its operands that types do not show.
struct ExtentRequirement {
  enum Kind {
    equal,
    atMost,  ///< lhs is not larger than rhs
    expands, ///< lhs is 1 or equal to rhs
    agree,   ///< one of both is 1, or they are equal
  };
  Kind kind;
  mlir::OpFoldResult lhs, rhs;
  llvm::StringRef what; ///< what the extents are of; a literal
};

class Extents {
public:
  /// For inference of the results of an op called `name`. Errors are reported if there is a location.
  Extents(mlir::MLIRContext *context, std::optional<mlir::Location> location, llvm::StringRef name);
  /// For reification: index arithmetic is made by `builder`.
  /// What the op needs of extents and types leave open goes to `requirements`.
  Extents(mlir::OpBuilder &builder, mlir::Location location,
          llvm::SmallVectorImpl<ExtentRequirement> *requirements = nullptr);

  static mlir::Type element(mlir::Value tensor) {
    return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getElementType();
  }
  /// The element type of the parts of complex numbers, and of complex numbers with such parts; of other tensors, which
  /// the verifier refuses, their own.
  static mlir::Type part(mlir::Value tensor);
  static mlir::Type complexOf(mlir::Value tensor);
  static int64_t rank(mlir::Value tensor) { return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getRank(); }
  mlir::Type boolean() const { return mlir::IntegerType::get(context, 1); }
  mlir::Type int64() const { return mlir::IntegerType::get(context, 64); }

  /// The extent of a dimension of a tensor.
  mlir::OpFoldResult of(mlir::Value tensor, int64_t dimension);
  llvm::SmallVector<mlir::OpFoldResult> of(mlir::Value tensor);
  /// The extent that an `index` operand says.
  mlir::OpFoldResult size(mlir::Value index);
  mlir::OpFoldResult constant(int64_t value) const;
  /// The value of a constant extent.
  static std::optional<int64_t> known(mlir::OpFoldResult extent);

  mlir::OpFoldResult add(mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
  mlir::OpFoldResult add(mlir::OpFoldResult lhs, int64_t rhs) { return add(lhs, constant(rhs)); }
  mlir::OpFoldResult sub(mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
  mlir::OpFoldResult mul(mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
  mlir::OpFoldResult mul(mlir::OpFoldResult lhs, int64_t rhs) { return mul(lhs, constant(rhs)); }
  mlir::OpFoldResult floorDiv(mlir::OpFoldResult lhs, int64_t rhs);
  mlir::OpFoldResult ceilDiv(mlir::OpFoldResult lhs, int64_t rhs) { return floorDiv(add(lhs, rhs - 1), rhs); }
  /// max(extent, 0).
  mlir::OpFoldResult clampToZero(mlir::OpFoldResult extent);
  /// The result extent of a window op, as Window::resultExtent.
  mlir::OpFoldResult window(mlir::OpFoldResult input, const Window &window);

  /// Constraints of the op: whether it is certain that they do not hold. What is not certain is a requirement.
  bool clash(mlir::OpFoldResult lhs, mlir::OpFoldResult rhs, llvm::StringRef what);
  bool exceeds(mlir::OpFoldResult extent, mlir::OpFoldResult bound, llvm::StringRef what);
  /// `from` is 1 or equal to `to`.
  bool cannotExpand(mlir::OpFoldResult from, mlir::OpFoldResult to);

  /// One extent for two dimensions that have to be equal. Prefers what is constant; fails if they are not equal.
  mlir::FailureOr<mlir::OpFoldResult> same(mlir::OpFoldResult lhs, mlir::OpFoldResult rhs, llvm::StringRef what);
  /// One dimension of a numpy broadcast. Fails if two constant extents clash.
  mlir::FailureOr<mlir::OpFoldResult> broadcast(mlir::OpFoldResult lhs, mlir::OpFoldResult rhs);
  /// The numpy broadcast of shapes, aligned at the last dimension.
  mlir::FailureOr<llvm::SmallVector<mlir::OpFoldResult>> broadcast(llvm::ArrayRef<mlir::OpFoldResult> lhs,
                                                                   llvm::ArrayRef<mlir::OpFoldResult> rhs);

  /// The results of an elementwise op: C1: `compared` have one element type; C2: the shapes of `operands` broadcast.
  llvm::LogicalResult appendElementwise(mlir::ValueRange operands, mlir::ValueRange compared, mlir::Type element,
                                        llvm::SmallVectorImpl<TensorShape> &results);

  /// Reports `parts` as the op's error (inference only) and fails.
  template <typename... Parts> llvm::LogicalResult fail(Parts &&...parts) const {
    return mlir::emitOptionalError(reportAt, "'", name, "' op ", std::forward<Parts>(parts)...);
  }

  /// Inference: the tensor types of `results`. Fails if an extent is negative or a tensor has more than 2^60 elements.
  llvm::LogicalResult appendTypes(llvm::ArrayRef<TensorShape> results, llvm::SmallVectorImpl<mlir::Type> &types) const;
  /// Reification: the extents of `results`, as constants where `types` say so.
  llvm::LogicalResult appendExtents(llvm::ArrayRef<TensorShape> results, mlir::TypeRange types,
                                    mlir::ReifiedRankedShapedTypeDims &shapes) const;

private:
  mlir::MLIRContext *context;
  mlir::OpBuilder *builder = nullptr;
  mlir::Location location;
  std::optional<mlir::Location> reportAt;
  llvm::StringRef name;
  llvm::SmallVectorImpl<ExtentRequirement> *requirements = nullptr;

  void require(ExtentRequirement::Kind kind, mlir::OpFoldResult lhs, mlir::OpFoldResult rhs, llvm::StringRef what);
  /// `extent` as a value; only with a builder.
  mlir::Value materialize(mlir::OpFoldResult extent);
};

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_NNSHAPES_H
