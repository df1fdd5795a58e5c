//===- TreeTables.h - decision trees as the tables of nn.tree_ensemble ---------------------===//

#ifndef TENON_COMPILER_IMPORT_TREETABLES_H
#define TENON_COMPILER_IMPORT_TREETABLES_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace tenon::importer {

/// Decision trees as operators give them. A child or root is the index of a node, or ~l for the leaf l.
struct Forest {
  enum class Test : uint8_t { le, lt, ge, gt, eq, ne, member };
  struct Node {
    int64_t feature = 0;
    Test test = Test::le;
    bool isNanTrue = false; ///< where NaN goes, unless the test is true of it (ne)
    double threshold = 0;   ///< of `member`: the number of its set
    int32_t onTrue = 0, onFalse = 0;
  };
  std::vector<Node> nodes;
  std::vector<std::vector<double>> sets;
  std::vector<int32_t> roots;
  /// Leaf l gives weights[i] to targets[i] for i in [starts[l], starts[l + 1]).
  std::vector<int64_t> starts;
  std::vector<int32_t> targets;
  std::vector<double> weights;
};

/// Operands and attributes of nn.tree_ensemble, which describes them.
struct TreeTables {
  std::vector<int32_t> columns; ///< [C, 4]
  std::vector<double> cuts;     ///< numbers of the input's type
  std::vector<uint64_t> nodes;
  std::vector<int32_t> roots, order;
  std::vector<int32_t> ranges; ///< [P, 2], or empty
  std::vector<int32_t> targets;
  std::vector<double> weights;
  int64_t rankBits = 0, columnBits = 0, wordBits = 0, steps = 0;
};

/// Tables for inputs of f64 or f32. `needsRanges` where a leaf that gives nothing may not give zero instead. Fails if
/// the nodes that the roots lead to are no forest, or too many.
TreeTables buildTreeTables(const Forest &forest, bool isDouble, bool needsRanges);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_TREETABLES_H
