//===- ContractionTiles.h - register tiles of matrix products, by formula ------------------===//

#ifndef TENON_COMPILER_SCHEDULE_CONTRACTIONTILES_H
#define TENON_COMPILER_SCHEDULE_CONTRACTIONTILES_H

#include "targets/Target.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace tenon::schedule {

/// MR rows by NR = vectors * lanes columns of accumulators.
struct Tile {
  int64_t rows = 1, vectors = 1;
};

/// A matrix product as far as tiles depend on it.
struct TileProblem {
  int64_t elementBytes = 4; ///< of an accumulator
  int64_t lanes = 1;        ///< of an accumulator vector
  int64_t nr = 16;          ///< columns of a packed panel; a multiple of lanes
  std::optional<int64_t> rows, columns;
  bool anyWidth = false; ///< panels are packed by the schedule itself, as wide as the tile
  int64_t rowUnit = 1;   ///< a tile's rows are a multiple of this; `rows` is one too
  bool grouped = false;  ///< a vector holds several steps of k
};

/// How many lines of cache `stepBytes` apart the first level holds: few, where they fall on few of its sets.
int64_t linesThatStay(const Machine &machine, int64_t stepBytes);

/// Whether lines `stepBytes` apart, one for each of `rows` rows, take so many ways of their sets in the first level of
/// cache that they evict each other. Nine of twelve do not (measured: 512 rows, K = 2048).
bool evictEachOther(const Machine &machine, int64_t stepBytes, int64_t rows);

/// The tile with the fewest estimated cycles for the whole problem, among those that fit the register file.
///
/// A step of k of a tile costs the larger of its multiply-adds over the pipes and its loads over two load ports, and a
/// little for each load of A and B beyond the first level of cache. Rows are split into equal parts, so a tile of fewer
/// rows that divides them is as good as a taller one.
/// Of columns that are not known, some of the last group's are computed in vain.
Tile chooseTile(const Machine &machine, const TileProblem &problem);

/// `total` rows in equal parts of at most `largest`: the first `numTall` have `tall` rows, the others one less.
struct RowSplit {
  int64_t count = 0, numTall = 0, tall = 0;
};
RowSplit splitRows(int64_t total, int64_t largest);

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_CONTRACTIONTILES_H
