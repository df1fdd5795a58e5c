//===- Loop.h - loops over carried tensors -------------------------------------------------===//
//
// What Loop, Scan and recurrent compositions become: an scf.while whose carried tensors keep their rank.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_LOOP_H
#define TENON_COMPILER_IMPORT_LOOP_H

#include "compiler/Import/Container.h"

namespace tenon::importer {

/// A loop in the making. Operands of its scf.while: the iteration number, the condition, the tensors.
struct LoopShape {
  /// Iterations, or none for as long as the condition holds.
  std::optional<Scalar> trips;
  /// The condition before the first iteration, an i1.
  mlir::Value condition;
  llvm::SmallVector<mlir::Value> initial;
};

/// Imports the body for the current iteration: gives the next condition (null: true) and the next tensors.
using LoopBody = llvm::function_ref<std::pair<mlir::Value, llvm::SmallVector<mlir::Value>>(mlir::Value iteration,
                                                                                           mlir::ValueRange tensors)>;

/// The results for the tensors. Extents that change from one iteration to the next become dynamic, for which the body
/// is imported again.
llvm::SmallVector<mlir::Value> buildLoop(Builder &b, const LoopShape &loop, LoopBody importBody);

/// A loop that carries values of any kind. What is known of them is widened, and the body imported again, until it
/// holds for every iteration: a list that grows becomes a sequence, one that is empty at first gets its elements'
/// ranks.
class ValueLoop {
public:
  /// Gives the next condition (null: true) and the next values, and after them others that are not carried.
  using BodyImport =
      llvm::function_ref<std::pair<mlir::Value, std::vector<Binding>>(mlir::Value iteration, std::vector<Binding>)>;

  ValueLoop(Builder &b, std::optional<Scalar> trips, mlir::Value condition)
      : b(b), trips(trips), condition(condition) {}

  /// `declared` is the type that the model gives the value inside, or null.
  void carry(Binding initial, const onnx::TypeProto *declared = nullptr);
  /// The types of the tensors that the body gives besides those that are carried so far.
  llvm::SmallVector<mlir::RankedTensorType> otherTypes(BodyImport importBody);
  /// The carried values behind the last iteration.
  std::vector<Binding> build(BodyImport importBody);

private:
  llvm::SmallVector<mlir::Value> initialTensors();
  std::vector<Binding> valuesOf(mlir::ValueRange tensors) const;
  void expectStable(llvm::ArrayRef<Binding> next) const;
  template <typename Result> Result untilStable(llvm::function_ref<Result()> attempt);

  Builder &b;
  std::optional<Scalar> trips;
  mlir::Value condition;
  std::vector<Binding> initial;
  std::vector<Structure> types;
};

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_LOOP_H
