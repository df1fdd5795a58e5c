//===- Registry.h - operators and their importers ------------------------------------------===//
//
// One table from operator to importer. Each family of operators adds its rows.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_REGISTRY_H
#define TENON_COMPILER_IMPORT_REGISTRY_H

#include "compiler/Import/Node.h"

namespace tenon::importer {

class ImporterTable {
public:
  /// ONNX's own domain.
  void add(llvm::StringRef opType, Importer importer) { add("", opType, std::move(importer)); }
  void add(llvm::StringRef domain, llvm::StringRef opType, Importer importer) {
    importers[key(domain, opType)] = std::move(importer);
  }
  const Importer *find(llvm::StringRef domain, llvm::StringRef opType) const {
    auto entry = importers.find(key(domain, opType));
    return entry == importers.end() ? nullptr : &entry->second;
  }

  /// Domain and type of every operator, in order.
  std::vector<std::pair<std::string, std::string>> operators() const {
    std::vector<std::pair<std::string, std::string>> all;
    for (const auto &entry : importers) {
      auto [domain, opType] = entry.getKey().split('\n');
      all.emplace_back(domain.str(), opType.str());
    }
    llvm::sort(all);
    return all;
  }

private:
  static std::string key(llvm::StringRef domain, llvm::StringRef opType) { return (domain + "\n" + opType).str(); }
  llvm::StringMap<Importer> importers;
};

void addElementwise(ImporterTable &table);
void addActivations(ImporterTable &table);
void addContractions(ImporterTable &table);
void addConvolutions(ImporterTable &table);
void addEinsum(ImporterTable &table);
void addPooling(ImporterTable &table);
void addReductions(ImporterTable &table);
void addLosses(ImporterTable &table);
void addNormalizations(ImporterTable &table);
void addMovement(ImporterTable &table);
void addSlicing(ImporterTable &table);
void addIndexing(ImporterTable &table);
void addGenerators(ImporterTable &table);
void addResize(ImporterTable &table);
void addRecurrent(ImporterTable &table);
void addControlFlow(ImporterTable &table);
void addQuantization(ImporterTable &table);
void addSampling(ImporterTable &table);
void addDetection(ImporterTable &table);
void addSpectral(ImporterTable &table);
void addRandom(ImporterTable &table);
void addLearned(ImporterTable &table);
void addOptimizers(ImporterTable &table);
void addOptionals(ImporterTable &table);
void addSequenceConversions(ImporterTable &table);
void addSequences(ImporterTable &table);
void addSorting(ImporterTable &table);
void addLinearAlgebra(ImporterTable &table);
void addText(ImporterTable &table);
void addVectorizer(ImporterTable &table);
// Operators of ONNX Runtime.
void addMicrosoftActivations(ImporterTable &table);
void addMicrosoftAttention(ImporterTable &table);
void addMicrosoftContractions(ImporterTable &table);
void addMicrosoftGroupQuery(ImporterTable &table);
void addMicrosoftNormalizations(ImporterTable &table);
void addMicrosoftQuantization(ImporterTable &table);
void addMicrosoftRecurrent(ImporterTable &table);

/// Imports a subgraph of the node for these inputs and gives what its outputs stand for.
std::vector<Binding> importSubgraph(NodeContext &c, const onnx::GraphProto &graph, llvm::ArrayRef<Binding> inputs);

/// exp(x) / sum of exp(x) over `axes`; a float type other than f16 and bf16.
mlir::Value softmax(Builder &b, mlir::Value x, llvm::ArrayRef<int64_t> axes);

/// Pools of an input [N, C, spatial...] with the node's attributes.
mlir::Value maxPool(NodeContext &c, mlir::Value input);
mlir::Value averagePool(NodeContext &c, mlir::Value input);

/// input[N, C, D...] convolved with filter[F, C / group, kernel...] by the node's attributes.
mlir::Value convolution(NodeContext &c, mlir::Value input, mlir::Value filter);
/// The convolution of the node's first two inputs, plus the bias of the third.
mlir::Value convolution(NodeContext &c);

/// alpha * A * B + beta * C of the node's inputs, transposed as its attributes say.
mlir::Value gemm(NodeContext &c);

/// MatMul of two tensors of rank 1 or more: vectors count as one row or one column.
mlir::Value importMatrixProduct(Builder &b, mlir::Value lhs, mlir::Value rhs);

/// NonZero: indices [rank, count] of the elements that are not zero, which are counted first.
mlir::Value importNonZero(Builder &b, mlir::Value input);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_REGISTRY_H
