//===- Evaluator.h - nn ops computed at compile time ---------------------------------------===//
//
// A native interpreter of single nn ops on constants: elementwise ops, data movement, indexing, reductions
// and small contractions. Arithmetic is strict IEEE in fixed order; transcendental functions are computed in double and
// rounded once to f32, f16 or bf16. Results are therefore the same on every host. What is not covered (recurrences,
// transcendental functions in f64) stays for run time; see
// docs/decisions/0006-constants-are-folded-by-a-native-evaluator.md.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_GRAPH_EVALUATOR_H
#define TENON_COMPILER_GRAPH_EVALUATOR_H

#include "compiler/Graph/ConstantData.h"
#include "mlir/IR/Operation.h"

namespace tenon::graph {

/// The values of an op's operands.
struct ConstantOperands {
  llvm::SmallVector<ConstantData> tensors; ///< the tensor operands, in order
  llvm::SmallVector<int64_t> numbers;      ///< the index operands, in order
  llvm::SmallVector<double> floats;        ///< the floating-point scalars, in order
};

/// Reads the operands of `op`; none if one is not constant.
std::optional<ConstantOperands> readOperands(mlir::Operation *op);

/// Computes the results of `op`; fails if the evaluator does not cover it or an index lies outside its tensor. Result
/// types are inferred from the operands and static.
mlir::FailureOr<llvm::SmallVector<mlir::ElementsAttr>> evaluate(mlir::Operation *op, const ConstantOperands &operands);

/// The parts of `evaluate`; each fails for an op of another family.
mlir::FailureOr<mlir::ElementsAttr> evaluateElementwise(mlir::Operation *op, llvm::ArrayRef<ConstantData> operands,
                                                        mlir::RankedTensorType type);
mlir::FailureOr<mlir::ElementsAttr> evaluateMovement(mlir::Operation *op, const ConstantOperands &operands,
                                                     mlir::RankedTensorType type);
mlir::FailureOr<mlir::ElementsAttr> evaluateReduction(mlir::Operation *op, llvm::ArrayRef<ConstantData> operands,
                                                      mlir::RankedTensorType type);

mlir::FailureOr<mlir::ElementsAttr> evaluateContraction(mlir::Operation *op, llvm::ArrayRef<ConstantData> operands,
                                                        mlir::RankedTensorType type);

/// Row-major strides, in elements, of a shape.
llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape);

} // namespace tenon::graph

#endif // TENON_COMPILER_GRAPH_EVALUATOR_H
