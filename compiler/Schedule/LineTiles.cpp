//===- LineTiles.cpp - the pixels of a line of a convolution in tiles ----------------------===//
//
// Expects extents that may be known or not; see LineTiles.h for what tiles there are. Each kind of tile is code of its
// own, so a tile whose windows leave the line knows which of their columns do.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/LineTiles.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace tenon::schedule {

static int64_t windowSpan(const ConvolutionShape &shape) { return (shape.window[2] - 1) * shape.dilation[2] + 1; }

/// `if (condition) then()`, decided here where that is possible.
static void emitIf(ImplicitLocOpBuilder &b, Value condition, function_ref<void()> then,
                   function_ref<void()> otherwise = {}) {
  if (matchPattern(condition, m_One()))
    return then();
  if (matchPattern(condition, m_Zero()))
    return otherwise ? otherwise() : void();
  auto choice = scf::IfOp::create(b, condition, /*withElseRegion=*/static_cast<bool>(otherwise));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(choice.thenBlock());
  then();
  if (!otherwise)
    return;
  b.setInsertionPointToStart(choice.elseBlock());
  otherwise();
}

LineTiles::LineTiles(ElementEmitter &e, const ConvolutionShape &shape, int64_t most) : e(e), shape(shape) {
  ImplicitLocOpBuilder &b = e.builder();
  leftCut = llvm::divideCeil(shape.low[2], shape.stride[2]);
  innerFirst = b.createOrFold<arith::MinSIOp>(e.constant(leftCut), shape.output[2]);
  // The last window inside starts at input extent - span.
  Value room = e.add(e.sub(shape.input[2], e.constant(windowSpan(shape))), e.constant(shape.low[2] + shape.stride[2]));
  Value last = e.div(b.createOrFold<arith::MaxSIOp>(room, e.constant(0)), e.constant(shape.stride[2]));
  last = b.createOrFold<arith::MinSIOp>(last, shape.output[2]);
  innerLast = b.createOrFold<arith::MaxSIOp>(last, innerFirst);
  if (known(shape.output[2]) && known(shape.input[2]))
    chooseCutTiles(most);
  else
    chooseOverlappingTiles(most);
  bool all = cutsTiles || !widths.empty();
  tiles.emplace(e, all ? shape.output[2] : e.sub(innerLast, innerFirst), most);
}

/// Cut tiles have code of their own: as many pixels as a few tiles at each border.
void LineTiles::chooseCutTiles(int64_t most) {
  constexpr int64_t mostCutTiles = 3;
  int64_t first = *known(innerFirst), last = *known(innerLast);
  if (shape.window[2] > unrolledColumns)
    return;
  RowSplit split = splitRows(*known(shape.output[2]), most);
  SmallVector<int64_t> starts;
  for (int64_t t = 0; t <= split.count; ++t)
    starts.push_back(t * split.tall - std::max<int64_t>(t - split.numTall, 0));
  // Where no pixel is inside, all tiles are left ones.
  while (leftTiles < split.count && (starts[leftTiles] < first || first == last))
    ++leftTiles;
  firstRightTile = split.count;
  while (firstRightTile > leftTiles && starts[firstRightTile] > last)
    --firstRightTile;
  cutsTiles = leftTiles <= mostCutTiles && split.count - firstRightTile <= mostCutTiles;
}

/// Widths with at most one cut tile at each border, and room between for one that lies inside.
void LineTiles::chooseOverlappingTiles(int64_t most) {
  constexpr size_t mostOverhangs = 3;
  int64_t stride = shape.stride[2], highest = shape.high[2] + (shape.standsOut ? stride - 1 : 0);
  int64_t rightCut = llvm::divideCeil(std::max<int64_t>(highest, 0), stride);
  for (int64_t overhang = highest; overhang > shape.high[2] - stride && overhang >= 0; --overhang)
    overhangs.push_back(overhang);
  if (overhangs.empty())
    overhangs.push_back(0);
  if (shape.window[2] > unrolledColumns || overhangs.size() > mostOverhangs)
    return;
  for (int64_t width : {most, most / 2, most / 4})
    if (width > 1 && std::max(leftCut, rightCut) <= width && leftCut + rightCut <= width + 1)
      widths.push_back(width);
}

Value LineTiles::partTiles(int64_t channels) const {
  // A line in parts has its weights loaded for each of them; a line that is a task, or a few, stays whole.
  constexpr int64_t manyTasks = 16, fewestTiles = 4;
  std::optional<int64_t> width = known(shape.output[2]);
  bool isLong = width ? *width * channels >= manyTasks * elementsPerTask : known(shape.output[1]) == 1;
  if (!isLong)
    return tiles->count();
  return e.constant(std::max<int64_t>(llvm::divideCeil(elementsPerTask, tiles->height() * channels), fewestTiles));
}

Value LineTiles::countParts(Value partTiles) const {
  Value one = e.constant(1);
  if (partTiles == tiles->count())
    return one;
  ImplicitLocOpBuilder &b = e.builder();
  return b.createOrFold<arith::MaxUIOp>(b.createOrFold<arith::CeilDivUIOp>(tiles->count(), partTiles), one);
}

void LineTiles::forEach(Value part, Value partTiles, Body body) const {
  ImplicitLocOpBuilder &b = e.builder();
  Value zero = e.constant(0), end = shape.output[2], first = e.mul(part, partTiles);
  Value last = b.createOrFold<arith::MinUIOp>(e.add(first, partTiles), tiles->count());
  if (cutsTiles)
    return forEachOfAll(first, last, body);
  if (!widths.empty())
    return forEachOverlapping(first, last, body);
  auto border = [&](Value from, Value to) {
    if (!sameExtent(from, to))
      countedLoop(b, from, to, e.constant(1), [&](Value pixel) { body(pixel, 1, std::nullopt); });
  };
  auto chooseIf = [&](Value lhs, Value rhs, Value then, Value otherwise) {
    Value equal = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, lhs, rhs);
    return b.createOrFold<arith::SelectOp>(equal, then, otherwise);
  };
  // The borders go with the tiles beside them.
  border(zero, chooseIf(first, zero, innerFirst, zero));
  if (known(tiles->count()) != 0)
    tiles->forEach(first, last,
                   [&](Value pixel, int64_t pixels) { body(e.add(innerFirst, pixel), pixels, ColumnsInside{}); });
  border(chooseIf(last, tiles->count(), innerLast, end), end);
}

/// The tiles [first, last).
void LineTiles::forEachOfAll(Value first, Value last, Body body) const {
  ImplicitLocOpBuilder &b = e.builder();
  int64_t count = *known(tiles->count());
  auto cut = [&](int64_t tile) {
    Value number = e.constant(tile);
    Value begins = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule, first, number);
    Value ends = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, number, last);
    emitIf(b, b.createOrFold<arith::AndIOp>(begins, ends), [&] {
      Value pixel = tiles->start(number), next = tiles->start(e.constant(tile + 1));
      int64_t origin = *known(pixel) * shape.stride[2] - shape.low[2];
      body(pixel, *known(next) - *known(pixel), ColumnsInside{-origin, *known(shape.input[2]) - origin});
    });
  };
  for (int64_t tile = 0; tile < leftTiles; ++tile)
    cut(tile);
  if (leftTiles < firstRightTile)
    tiles->forEach(b.createOrFold<arith::MaxUIOp>(first, e.constant(leftTiles)),
                   b.createOrFold<arith::MinUIOp>(last, e.constant(firstRightTile)),
                   [&](Value pixel, int64_t pixels) { body(pixel, pixels, ColumnsInside{}); });
  for (int64_t tile = firstRightTile; tile < count; ++tile)
    cut(tile);
}

/// The tiles [first, last) in the widest of `widths` that the line has room for, or its pixels one by one.
void LineTiles::forEachOverlapping(Value first, Value last, Body body) const {
  ImplicitLocOpBuilder &b = e.builder();
  Value zero = e.constant(0), one = e.constant(1), W = shape.output[2];
  auto compare = [&](arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return b.createOrFold<arith::CmpIOp>(predicate, lhs, rhs);
  };
  SmallVector<Value> hasRoom;
  for (int64_t width : widths) {
    Value right = compare(arith::CmpIPredicate::uge, W, e.constant(width + leftCut));
    Value left = compare(arith::CmpIPredicate::uge, innerLast, e.constant(width));
    hasRoom.push_back(b.createOrFold<arith::AndIOp>(right, left));
  }
  auto emit = [&](auto &&emit, size_t w) -> void {
    if (w == widths.size())
      return countedLoop(b, zero, W, one, [&](Value pixel) { body(pixel, 1, std::nullopt); });
    // A line without room for the widest tiles is not in parts.
    Value end = w == 0 ? last : b.createOrFold<arith::CeilDivUIOp>(W, e.constant(widths[w]));
    emitIf(
        b, hasRoom[w], [&] { withoutLast(w == 0 ? first : zero, end, widths[w], body); }, [&] { emit(emit, w + 1); });
  };
  emit(emit, 0);
  Value isOurs =
      compare(arith::CmpIPredicate::eq, last, b.createOrFold<arith::CeilDivUIOp>(W, e.constant(widths.front())));
  emitIf(b, b.createOrFold<arith::AndIOp>(isOurs, hasRoom.back()), [&] { lastTile(hasRoom, body); });
}

/// The tiles [first, last) of `width` pixels without the last one of the line.
void LineTiles::withoutLast(Value first, Value last, int64_t width, Body body) const {
  ImplicitLocOpBuilder &b = e.builder();
  Value zero = e.constant(0), one = e.constant(1), pixels = e.constant(width), from = first;
  if (leftCut > 0) {
    Value isFirst = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, first, zero);
    emitIf(b, isFirst, [&] { body(zero, width, ColumnsInside{shape.low[2]}); });
    from = b.createOrFold<arith::MaxUIOp>(first, one);
  }
  Value before = e.sub(b.createOrFold<arith::CeilDivUIOp>(shape.output[2], pixels), one);
  Value lastInside = e.sub(innerLast, pixels);
  countedLoop(b, from, b.createOrFold<arith::MinUIOp>(last, before), one, [&](Value tile) {
    body(b.createOrFold<arith::MinUIOp>(e.mul(tile, pixels), lastInside), width, ColumnsInside{});
  });
}

/// The tile that ends with the line, as narrow as the others leave it.
void LineTiles::lastTile(ArrayRef<Value> hasRoom, Body body) const {
  ImplicitLocOpBuilder &b = e.builder();
  // Pixels less one that are left.
  Value left;
  for (size_t w = widths.size(); w-- > 0;) {
    Value rest = e.rem(e.sub(shape.output[2], e.constant(1)), e.constant(widths[w]));
    left = left ? b.createOrFold<arith::SelectOp>(hasRoom[w], rest, left) : rest;
  }
  auto emit = [&](auto &&emit, size_t w) -> void {
    if (w + 1 == widths.size())
      return tileAtEnd(widths[w], body);
    Value isMore = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::uge, left, e.constant(widths[w + 1]));
    emitIf(b, isMore, [&] { tileAtEnd(widths[w], body); }, [&] { emit(emit, w + 1); });
  };
  emit(emit, 0);
}

/// The last `width` pixels of the line.
void LineTiles::tileAtEnd(int64_t width, Body body) const {
  ImplicitLocOpBuilder &b = e.builder();
  Value pixel = e.sub(shape.output[2], e.constant(width));
  int64_t end = (width - 1) * shape.stride[2] + windowSpan(shape);
  // Of the line, counted from the first window as `end` is.
  Value origin = e.sub(e.mul(pixel, e.constant(shape.stride[2])), e.constant(shape.low[2]));
  Value inside = e.sub(shape.input[2], origin);
  auto emit = [&](auto &&emit, ArrayRef<int64_t> left) -> void {
    int64_t overhang = left.front();
    auto tile = [&] { body(pixel, width, overhang > 0 ? ColumnsInside{0, end - overhang} : ColumnsInside{}); };
    if (left.size() == 1)
      return tile();
    emitIf(b, b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, inside, e.constant(end - overhang)), tile,
           [&] { emit(emit, left.drop_front()); });
  };
  emit(emit, overhangs);
}

} // namespace tenon::schedule
