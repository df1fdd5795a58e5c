//===- Builder.h - checked construction of nn ops and of index arithmetic ------------------===//
//
// The only way importers make IR. MLIR's release library checks nothing, so every op's result types are inferred with
// errors caught, its invariants verified at once, and a fault becomes an ImportError. Extents of every tensor are known
// as attributes or index values; scalar arithmetic is folded and numbered, so equal extents are the same SSA value.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_BUILDER_H
#define TENON_COMPILER_IMPORT_BUILDER_H

#include "compiler/Import/Error.h"
#include "compiler/Import/Import.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"

#include <optional>

namespace tenon::importer {

/// An extent, offset or other scalar: an attribute where known, else a value. `index` unless said otherwise.
using Scalar = mlir::OpFoldResult;
using ScalarVector = llvm::SmallVector<mlir::OpFoldResult>;
using IntVector = llvm::SmallVector<int64_t>;

/// A tensor of static shape whose elements are known one by one: integers (and whole floats that come from integers) as
/// `index`, floats as f32, booleans as i1; in row-major order.
struct ScalarTensor {
  mlir::Type elementType;
  IntVector shape;
  ScalarVector items;
};

/// Side-effect free operations by what they compute, so that equal ones are made once. A region has a scope of its own,
/// inside which the operations of the outer ones are found as well.
class NumberTable {
  struct Equality {
    static mlir::Operation *getEmptyKey() { return llvm::DenseMapInfo<mlir::Operation *>::getEmptyKey(); }
    static mlir::Operation *getTombstoneKey() { return llvm::DenseMapInfo<mlir::Operation *>::getTombstoneKey(); }
    static unsigned getHashValue(const mlir::Operation *op);
    static bool isEqual(const mlir::Operation *lhs, const mlir::Operation *rhs);
  };

public:
  using Scope = llvm::DenseSet<mlir::Operation *, Equality>;

  NumberTable() { push({}); }
  /// The equal operation, or null.
  mlir::Operation *lookup(mlir::Operation *op) const {
    for (const Scope &scope : llvm::reverse(scopes))
      if (auto entry = scope.find(op); entry != scope.end())
        return *entry;
    return nullptr;
  }
  void insert(mlir::Operation *op) { scopes.back().insert(op); }
  /// Adds what a region's scope has, whose operations were moved to where the innermost scope is.
  void merge(const Scope &scope) { scopes.back().insert(scope.begin(), scope.end()); }
  void push(Scope scope) { scopes.push_back(std::move(scope)); }
  Scope pop() { return scopes.pop_back_val(); }

private:
  llvm::SmallVector<Scope> scopes;
};

/// The texts of a model's constants, each once. A text's number is what stands for it in tensors.
class StringPool {
public:
  /// 0 for the empty text. Fails if the text is not UTF-8.
  int64_t number(llvm::StringRef text);
  /// Texts 1, 2, ...
  llvm::ArrayRef<llvm::StringRef> texts() const { return list; }
  /// Forgets all but the first `count` texts, of constants that are gone.
  void truncate(size_t count);

private:
  llvm::StringMap<int64_t> numbers;
  std::vector<llvm::StringRef> list; // the map's own keys
};

class Builder {
public:
  Builder(mlir::MLIRContext *context, const ImportLimits &limits);

  mlir::MLIRContext *context() const { return ir.getContext(); }
  mlir::Location location() const { return place; }
  void setLocation(mlir::Location next) { place = next; }
  const ImportLimits &limits() const { return bounds; }
  /// The raw builder, for structure (functions, regions, returns).
  mlir::OpBuilder &raw() { return ir; }
  /// A region's own scope of numbered operations.
  NumberTable &numbers() { return numberTable; }
  /// The texts of constants made so far.
  StringPool &strings() { return stringPool; }

  //===--- Operations -----------------------------------------------------------------------------------===//

  /// An op whose result types are inferred. `arguments` are those of the op's ODS builder without result types.
  template <typename OpTy, typename... Arguments> OpTy create(Arguments &&...arguments) {
    mlir::FailureOr<OpTy> op = nn::createChecked<OpTy>(ir, place, std::forward<Arguments>(arguments)...);
    if (mlir::failed(op))
      failWithLastError(OpTy::getOperationName());
    finish(*op);
    return *op;
  }
  /// The same for an op with one result, which is returned.
  template <typename OpTy, typename... Arguments> mlir::Value make(Arguments &&...arguments) {
    return create<OpTy>(std::forward<Arguments>(arguments)...)->getResult(0);
  }
  /// An op whose result types are given.
  template <typename OpTy, typename... Arguments> OpTy createTyped(mlir::TypeRange types, Arguments &&...arguments) {
    mlir::OperationState state(place, OpTy::getOperationName());
    OpTy::build(ir, state, types, std::forward<Arguments>(arguments)...);
    mlir::Operation *op = ir.create(state);
    verify(op);
    finish(op);
    return llvm::cast<OpTy>(op);
  }
  /// Checks limits, requires what types leave open of the op's constraints, and records the extents of its results. For
  /// an op that was made without this class.
  void finish(mlir::Operation *op);
  /// The last error that MLIR reported.
  std::string takeError() { return std::exchange(lastError, {}); }

  /// Fails, now or when the model runs, unless `condition`, an i1, holds. Each %lld of the message stands for one of
  /// `shown`, of which there are two at most.
  void require(Scalar condition, const llvm::Twine &message, llvm::ArrayRef<Scalar> shown);

  //===--- Extents --------------------------------------------------------------------------------------===//

  ScalarVector extents(mlir::Value tensor);
  Scalar extent(mlir::Value tensor, int64_t dimension) { return extents(tensor)[dimension]; }
  /// Says what the extents of a value are that no op defines here (a function argument).
  void setExtents(mlir::Value tensor, ScalarVector list);
  /// Says that a tensor's dynamic extents are read from the tensor itself, here.
  void ownExtents(mlir::Value tensor);
  /// Forgets what is recorded of values in a region that is about to go.
  void forget(mlir::Region &region);
  /// Whether a scalar is certainly not negative: a constant, or an extent of some tensor.
  bool isNonNegative(Scalar scalar) const;
  /// Whether a scalar is computed from extents and constants only, not read from a tensor.
  bool isExtent(Scalar scalar) { return isExtent(scalar, 0); }
  /// Number of elements.
  Scalar size(mlir::Value tensor) { return product(extents(tensor)); }

  //===--- Scalars --------------------------------------------------------------------------------------===//

  Scalar index(int64_t value) { return ir.getIndexAttr(value); }
  ScalarVector indices(llvm::ArrayRef<int64_t> values);
  static std::optional<int64_t> constant(Scalar scalar);
  mlir::Value value(Scalar scalar);
  llvm::SmallVector<mlir::Value> values(llvm::ArrayRef<Scalar> scalars);

  Scalar add(Scalar lhs, Scalar rhs);
  Scalar sub(Scalar lhs, Scalar rhs);
  Scalar mul(Scalar lhs, Scalar rhs);
  /// Truncating quotient, as ONNX has it for integers.
  Scalar div(Scalar lhs, Scalar rhs);
  /// Quotients rounded down and up; the divisor is positive.
  Scalar floorDiv(Scalar lhs, Scalar rhs);
  Scalar ceilDiv(Scalar lhs, Scalar rhs);
  /// Remainder with the sign of the dividend.
  Scalar rem(Scalar lhs, Scalar rhs);
  Scalar max(Scalar lhs, Scalar rhs);
  Scalar min(Scalar lhs, Scalar rhs);
  /// An i1.
  Scalar compare(mlir::arith::CmpIPredicate predicate, Scalar lhs, Scalar rhs);
  Scalar select(Scalar condition, Scalar onTrue, Scalar onFalse);
  Scalar product(llvm::ArrayRef<Scalar> factors);
  /// product(dividend) / product(divisor), which is exact; common factors cancel.
  Scalar quotient(llvm::ArrayRef<Scalar> dividend, llvm::ArrayRef<Scalar> divisor);
  /// A scalar op of arith or tensor, folded and numbered.
  template <typename OpTy, typename... Arguments> Scalar scalar(Arguments &&...arguments) {
    return simplified(OpTy::create(ir, place, std::forward<Arguments>(arguments)...));
  }
  /// An f32 from an index scalar or an f32 scalar.
  Scalar toFloat(Scalar scalar);
  /// An index from an index scalar (which is returned) or an f32 scalar, rounded. Quotients of whole numbers stay
  /// integer divisions, so extents keep their identity through floating point.
  enum class Rounding { down, up, towardsZero };
  Scalar toIndex(Scalar scalar, Rounding rounding);
  /// A float constant that is a whole number as an index; anything else as it is.
  Scalar wholeNumber(Scalar scalar);

  //===--- Tensors of scalars ---------------------------------------------------------------------------===//

  /// nn.constant, or tensor.from_elements.
  mlir::Value tensorOf(const ScalarTensor &scalars);
  /// The elements of a constant, if it is small and of a type ScalarTensor can hold.
  std::optional<ScalarTensor> scalarsOfConstant(mlir::ElementsAttr elements);
  /// The elements of a small tensor of static shape, read at run time; none if it is too large or its shape not static.
  std::optional<ScalarTensor> extract(mlir::Value tensor);
  /// A tensor of rank 0 that holds `number`.
  mlir::Value constant(double number, mlir::Type elementType);
  mlir::Value constantOf(mlir::ElementsAttr elements);
  /// A tensor of rank 0 from a scalar.
  mlir::Value scalarTensor(Scalar scalar, mlir::Type elementType);

  //===--- Frequent tensor ops, left out where they do nothing ----------------------------------------------===//

  /// Also between strings and numbers.
  mlir::Value cast(mlir::Value tensor, mlir::Type elementType);
  /// Halves as f32, other types as they are: for operators of several steps, which round once, at the end. Powers of
  /// halves vanish, sums of them overflow, and differences from a mean or a maximum lose most digits.
  mlir::Value widenedHalf(mlir::Value tensor);
  /// What `compute` makes of tensors of one element type, for complex ones of the real and of the imaginary parts:
  /// right for what is linear with real coefficients.
  mlir::Value byParts(mlir::ValueRange tensors, llvm::function_ref<mlir::Value(mlir::ValueRange)> compute);
  mlir::Value reshape(mlir::Value tensor, llvm::ArrayRef<Scalar> sizes);
  mlir::Value transpose(mlir::Value tensor, llvm::ArrayRef<int64_t> permutation);
  mlir::Value broadcast(mlir::Value tensor, llvm::ArrayRef<Scalar> sizes);
  mlir::Value slice(mlir::Value tensor, llvm::ArrayRef<Scalar> offsets, llvm::ArrayRef<Scalar> sizes,
                    llvm::ArrayRef<Scalar> steps);
  /// A slice with step 1 of one dimension; the offset is not negative. Requires that it ends inside the tensor.
  mlir::Value sliceDimension(mlir::Value tensor, int64_t dimension, Scalar offset, Scalar size);
  mlir::Value pad(nn::PadMode mode, mlir::Value tensor, llvm::ArrayRef<Scalar> low, llvm::ArrayRef<Scalar> high,
                  mlir::Value fill);
  mlir::Value concat(mlir::ValueRange tensors, int64_t axis);
  mlir::Value reduce(nn::ReduceKind kind, mlir::Value tensor, llvm::ArrayRef<int64_t> axes, bool keepDims);
  /// Mean over axes that stay as extents of 1.
  mlir::Value mean(mlir::Value tensor, llvm::ArrayRef<int64_t> axes);
  /// Adds extents of 1 so that the vector [n] becomes [n, 1, ...] of `rank`, with n at `axis`.
  mlir::Value alignAt(mlir::Value vector, int64_t axis, int64_t rank);
  /// The tensor under another static type that describes it as well.
  mlir::Value retype(mlir::Value tensor, mlir::RankedTensorType type);

private:
  void verify(mlir::Operation *op);
  void requireExtents(mlir::Operation *op);
  void recordExtents(mlir::Operation *op);
  /// Folds and numbers the scalar ops from `first` to `end`, exclusive; says what became of their results.
  llvm::DenseMap<mlir::Value, mlir::Value> simplify(mlir::Operation *first, mlir::Operation *end);
  /// Folds and numbers an op that was just made at the insertion point; it may be gone afterwards.
  mlir::Value simplify(mlir::Operation *op);
  Scalar simplified(mlir::Operation *op);
  bool isExtent(Scalar scalar, int depth);
  [[noreturn]] void failWithLastError(llvm::StringRef opName);

  mlir::OpBuilder ir;
  mlir::Location place;
  ImportLimits bounds;
  llvm::DenseMap<mlir::Value, ScalarVector> known;
  llvm::DenseMap<mlir::Value, bool> extentValues;
  llvm::DenseSet<mlir::Value> nonNegative;
  NumberTable numberTable;
  std::string lastError;
  mlir::ScopedDiagnosticHandler handler;
  StringPool stringPool;
};

inline mlir::RankedTensorType typeOf(mlir::Value tensor) {
  return llvm::cast<mlir::RankedTensorType>(tensor.getType());
}
inline mlir::Type elementOf(mlir::Value tensor) { return typeOf(tensor).getElementType(); }
inline int64_t rankOf(mlir::Value tensor) { return typeOf(tensor).getRank(); }

/// Largest number of elements of a ScalarTensor.
inline constexpr int64_t maxScalars = 64;

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_BUILDER_H
