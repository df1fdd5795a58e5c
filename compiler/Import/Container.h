//===- Container.h - sequences, optional values and maps -----------------------------------===//
//
// nn has tensors only. What else an ONNX name may stand for is taken apart here: a sequence of known length is a list
// of tensors; any other one is three tensors, in which elements of different shapes and ranks lie one after the other
// (docs/decisions/0011-sequences-are-taken-apart.md).
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_CONTAINER_H
#define TENON_COMPILER_IMPORT_CONTAINER_H

#include "compiler/Import/Graph.h"

namespace tenon::importer {

/// A set of ranks: bit r stands for rank r.
using RankSet = uint32_t;
inline RankSet rankSet(int64_t rank) { return RankSet(1) << rank; }
/// Columns of the table of extents: the highest rank.
int64_t widthOf(RankSet ranks);
/// The only rank of the set, or none.
std::optional<int64_t> onlyRank(RankSet ranks);

/// What is known of a value when the model is compiled.
struct Structure {
  enum class Kind {
    tensor,
    list,     // a sequence of known length
    sequence, // one whose length the run time knows
    optional,
    map, // or a sequence of maps with the same keys
  };
  Kind kind = Kind::tensor;
  /// Of tensors, also those inside, and of a map's values.
  mlir::Type elementType = {};
  /// Of a tensor; -1 if there is none yet that could have a rank. Of a map's values: 1, or 2 for a sequence of maps.
  int64_t rank = 0;
  /// Of a sequence: ranks that elements may have. None: it has been empty so far.
  RankSet ranks = 0;
  /// Of a list: its elements. Of an optional: what it may hold.
  std::vector<Structure> inner = {};
  /// Of a map's keys: i64 or strings.
  mlir::Type keyType = {};

  bool operator==(const Structure &other) const;
};

/// What a name stands for that is no tensor.
struct Container {
  Structure type;
  /// list: its elements. sequence: all elements' data as one vector; their extents, an i64 table [length, width] filled
  /// up with 1; where there is more than one rank, those, an i64 vector. optional: whether there is a value, an i1, and
  /// the value unless there is certainly none. map: keys and values.
  std::vector<Binding> parts;
};

Binding listOf(mlir::Type elementType, std::vector<Binding> elements);
Binding sequenceOf(mlir::Type elementType, RankSet ranks, std::vector<Binding> parts);
/// `has` is an i1; `content` may be missing where it is certainly false.
Binding optionalOf(Builder &b, Scalar has, Structure content, const Binding *value);
Binding mapOf(mlir::Value keys, mlir::Value values);

Structure structureOf(const Binding &value);
inline Structure::Kind kindOf(const Binding &value) {
  return value.container ? value.container->type.kind : Structure::Kind::tensor;
}
inline bool isSequence(const Binding &value) {
  return kindOf(value) == Structure::Kind::list || kindOf(value) == Structure::Kind::sequence;
}
/// "a sequence", "a tensor", ...
std::string describe(Structure::Kind kind);

/// The structure of an ONNX type; `limit` is the highest rank. Throws ImportError for types that are not supported.
Structure structureOf(mlir::MLIRContext *context, const onnx::TypeProto &type, int64_t limit);

/// The ONNX type of a value, as far as it is known.
onnx::TypeProto protoTypeOf(const Binding &value);

/// What can stand for values of either structure, or none.
std::optional<Structure> join(const Structure &lhs, const Structure &rhs);

/// The tensors that make up `value` once it has the structure `type`, which `join` made from its own.
void flatten(Builder &b, const Binding &value, const Structure &type, std::vector<Binding> &parts);
/// The value that `flatten` took apart; removes its tensors from the front of `parts`.
Binding rebuild(const Structure &type, llvm::ArrayRef<Binding> &parts);

/// A value of that structure that is never looked at.
Binding placeholder(Builder &b, const Structure &type);

/// A sequence as its three tensors, with room for elements of `ranks`.
Binding packed(Builder &b, const Binding &sequence, RankSet ranks);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_CONTAINER_H
