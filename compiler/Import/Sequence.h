//===- Sequence.h - operations on sequences ------------------------------------------------===//
//
// What the sequence operators have in common. Positions are in range already.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_SEQUENCE_H
#define TENON_COMPILER_IMPORT_SEQUENCE_H

#include "compiler/Import/Container.h"
#include "compiler/Import/Node.h"

namespace tenon::importer {

/// The number of elements.
Scalar lengthOf(Builder &b, const Binding &sequence);

/// The ranks that elements may have.
RankSet ranksOf(const Binding &sequence);

/// A copy with `element` in front of the one at `position`.
Binding inserted(Builder &b, const Binding &sequence, Scalar position, const Binding &element);

/// A copy without the element at `position`.
Binding erased(Builder &b, const Binding &sequence, Scalar position);

/// The element at `position`, which has this rank.
Binding elementAt(Builder &b, const Binding &sequence, Scalar position, int64_t rank);

/// A sequence as tensors: see Container.
struct SequenceTable {
  /// With room for elements of the ranks `more`.
  SequenceTable(Builder &b, const Binding &sequence, RankSet more = 0) : b(b), binding(packed(b, sequence, more)) {}

  mlir::Value data() const { return binding.container->parts[0].tensor; }
  mlir::Value extents() const { return binding.container->parts[1].tensor; }
  bool hasRanks() const { return binding.container->parts.size() > 2; }
  mlir::Value ranks() const { return binding.container->parts[2].tensor; }
  Scalar length() const { return b.extent(extents(), 0); }
  int64_t width() const { return widthOf(binding.container->type.ranks); }
  /// Extents of the element at a position, filled up with 1.
  ScalarVector extentsAt(Scalar position) const;
  Scalar rankAt(Scalar position) const;
  /// Where the element's data starts: the sizes of those before it.
  Scalar offsetOf(Scalar position) const;

  Builder &b;
  Binding binding;
};

/// Input `i`, which must be a sequence.
const Binding &sequenceInput(NodeContext &c, int64_t i);

/// Fails, now or when the model runs, unless `condition` (an i1) holds; the text names the node.
void require(NodeContext &c, Scalar condition, const llvm::Twine &message);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_SEQUENCE_H
