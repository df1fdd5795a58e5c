//===- Learned.h - what models of ai.onnx.ml have in common --------------------------------===//
//
// Rows of features, parameters that are attributes, and what becomes of scores.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_LEARNED_H
#define TENON_COMPILER_IMPORT_LEARNED_H

#include "compiler/Import/Expression.h"
#include "compiler/Import/Node.h"

namespace tenon::importer {

/// A constant of elements that are a T in memory.
template <typename T>
Expression constantTensor(NodeContext &c, std::vector<T> values, IntVector shape, mlir::Type elementType) {
  auto type = checkedTensorType(shape, elementType, c.b.limits());
  auto kept = std::make_shared<std::vector<T>>(std::move(values));
  llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(kept->data()), kept->size() * sizeof(T));
  return {c.b, c.b.constantOf(elementsFromBytes(type, bytes, c.name, kept))};
}

/// Attributes' numbers as constants; f32 and i64.
Expression floatTensor(NodeContext &c, llvm::ArrayRef<float> values, IntVector shape);
Expression intVector(NodeContext &c, llvm::ArrayRef<int64_t> values);

/// What a classifier's classes are called: attribute classlabels_strings or `numbers` as a vector; none if both are
/// empty.
std::optional<Expression> classLabels(NodeContext &c, llvm::StringRef numbers = "classlabels_ints");
/// How many there are.
int64_t classLabelCount(NodeContext &c);
/// One of two labels of an only class: the first entry where `isClass` holds, else 0 or "0".
Expression onlyLabel(NodeContext &c, Expression isClass);

/// Input 0 as [rows, features] of f64 if it is that, else of f32.
Expression featureRows(NodeContext &c);

/// x[N, K] times the transposed matrix[M, K].
Expression rowProduct(Expression x, Expression matrix);

/// Attribute post_transform, or the transform of that name, on scores [rows, classes].
Expression transformedScores(NodeContext &c, Expression scores);
Expression transformedScores(Expression scores, llvm::StringRef transform);

/// The first index of each row's largest score.
Expression largestClass(Expression scores);

void importSvmClassifier(NodeContext &c);
void importSvmRegressor(NodeContext &c);
void importTreeEnsemble(NodeContext &c);
void importTreeEnsembleClassifier(NodeContext &c);
void importTreeEnsembleRegressor(NodeContext &c);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_LEARNED_H
