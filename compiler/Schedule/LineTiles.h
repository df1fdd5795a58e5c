//===- LineTiles.h - the pixels of a line of a convolution in tiles ------------------------===//

#ifndef TENON_COMPILER_SCHEDULE_LINETILES_H
#define TENON_COMPILER_SCHEDULE_LINETILES_H

#include "compiler/Schedule/Convolution.h"
#include <limits>

namespace tenon::schedule {

/// Which of the columns under a tile's windows lie in the input's line: [first, last), counted from the first column of
/// the first window.
struct ColumnsInside {
  int64_t first = 0, last = std::numeric_limits<int64_t>::max();

  bool holds(int64_t column) const { return column >= first && column < last; }
  bool holdsAll() const { return first <= 0 && last == std::numeric_limits<int64_t>::max(); }
};

/// The pixels of a line of the output in tiles of several pixels, with code of their own for windows that leave the
/// line.
///
/// Of known extents tiles are of nearly equal width. Else the last ones begin before those in front of them end: what
/// two tiles share is computed twice, with the same bits. So the first tile begins where the line does and the last one
/// ends there, and their windows leave it by columns that are known; all others lie inside. A line that is too short
/// for that is tried with tiles half and a quarter as wide, then goes pixel by pixel.
class LineTiles {
public:
  /// `columns`: null for one pixel whose columns the run time knows.
  using Body = llvm::function_ref<void(Value pixel, int64_t count, std::optional<ColumnsInside> columns)>;

  /// Tiles of at most `most` pixels.
  LineTiles(ElementEmitter &e, const ConvolutionShape &shape, int64_t most);

  /// Tiles that a part of a line has which is worth a task with `channels` results per pixel; all, unless the line is
  /// worth many.
  Value partTiles(int64_t channels) const;
  /// Parts of that many tiles.
  Value countParts(Value partTiles) const;

  /// Calls `body` for the pixels of a part.
  void forEach(Value part, Value partTiles, Body body) const;

private:
  ElementEmitter &e;
  const ConvolutionShape &shape;
  Value innerFirst, innerLast;               ///< pixels whose windows lie inside
  std::optional<RowTiles> tiles;             ///< of the inner pixels, or of all
  bool cutsTiles = false;                    ///< of all, which are of known extents
  int64_t leftTiles = 0, firstRightTile = 0; ///< if so: those that are cut
  SmallVector<int64_t> widths;               ///< of tiles that overlap, if they do, descending
  int64_t leftCut = 0;                       ///< pixels whose windows begin in front of the line
  SmallVector<int64_t> overhangs;            ///< columns by which the last window may leave the line; 0: or fewer

  void chooseCutTiles(int64_t most);
  void chooseOverlappingTiles(int64_t most);
  void forEachOfAll(Value first, Value last, Body body) const;
  void forEachOverlapping(Value first, Value last, Body body) const;
  void withoutLast(Value first, Value last, int64_t width, Body body) const;
  void lastTile(llvm::ArrayRef<Value> hasRoom, Body body) const;
  void tileAtEnd(int64_t width, Body body) const;
};

} // namespace tenon::schedule

#endif // TENON_COMPILER_SCHEDULE_LINETILES_H
