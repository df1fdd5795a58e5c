//===- TreeNodes.h - the attributes of tree ensembles --------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_TREENODES_H
#define TENON_COMPILER_IMPORT_TREENODES_H

#include "compiler/Import/Node.h"
#include "compiler/Import/TreeTables.h"

namespace tenon::importer {

/// Numbers of an attribute and whether they are given as f64.
struct NumberList {
  std::vector<double> numbers;
  bool isDouble = false;
};

/// A list attribute of floats, or one of a tensor of f16, f32, f64 or ui8; empty if the node has neither. `asTensor`
/// may be the only name.
NumberList numberAttribute(NodeContext &c, llvm::StringRef asFloats, llvm::StringRef asTensor);

/// The trees of TreeEnsembleClassifier ("class") and TreeEnsembleRegressor ("target"), whose leaves give weights to
/// targets in [0, targets). `features` is the extent of the input's rows, negative if unknown.
Forest listedForest(NodeContext &c, const std::string &prefix, llvm::ArrayRef<double> weights, int64_t features,
                    int64_t targets);

/// The trees of TreeEnsemble.
Forest indexedForest(NodeContext &c, llvm::ArrayRef<double> weights, int64_t features, int64_t targets);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_TREENODES_H
