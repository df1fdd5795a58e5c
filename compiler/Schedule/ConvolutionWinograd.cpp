//===- ConvolutionWinograd.cpp - convolutions by Winograd's algorithm -----------------------===//
//
// Expects a filter that Layout has transformed (nn.packing with `winograd`). A unit of work is a block of tiles for all
// or a chunk of the filters, in three steps that leave their results in the unit's scratch, which fits the second level
// of cache:
//
//   V[position, tile, channel]  the transformed input, a vector of channels at a time
//   M[position, tile, filter]   a matrix product per position, for one group of filters
//   result                      M transformed back, a vector of filters at a time, and the epilogue
//
// A window's planes are summed as channels are: the transformed planes of a tile lie side by side in its row of V.
// With a dilation the results of a tile, and its inputs, lie that far apart. Tiles at the image's border read zeros
// outside of it and store only what is inside; the others have code of their own that does not ask. A block's tiles are
// rows of microkernels of two heights, which the run time chooses where blocks differ in size; where the block has
// fewer than the lowest microkernel, rows of V repeat the last tile.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Convolution.h"
#include "compiler/Support/Winograd.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

//===----------------------------------------------------------------------===//
// Small linear maps on registers
//===----------------------------------------------------------------------===//

namespace {

/// Applies a constant matrix to registers (all vectors, or all scalars).
class LinearMap {
public:
  LinearMap(ImplicitLocOpBuilder &b, const WinogradTransform::Matrix &matrix) : b(b), matrix(matrix) {}

  SmallVector<Value> apply(ArrayRef<Value> inputs) {
    if (matrix.size() == 1 && inputs.size() == 1)
      return SmallVector<Value>(inputs);
    // Columns that differ only in the signs of some rows share a sum and a difference.
    ArrayRef<Value> values = inputs;
    const WinogradTransform::Matrix &rows = matrix;
    SmallVector<Value> sums(values.size()), differences(values.size());
    SmallVector<int64_t> partner(values.size(), -1);
    for (size_t j = 0; j + 1 < values.size(); ++j) {
      if (partner[j] >= 0 || !samePair(rows, j, j + 1))
        continue;
      partner[j] = j + 1;
      partner[j + 1] = j;
      sums[j] = combine(values[j], 1, values[j + 1], 1);
      differences[j] = combine(values[j], 1, values[j + 1], -1);
    }
    SmallVector<Value> results(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      if (results[i])
        continue;
      // Rows that differ only in some signs are the sum and the difference of two parts.
      if (i + 1 < rows.size() && llvm::all_of(partner, [](int64_t p) { return p < 0; }) &&
          sameRows(rows[i], rows[i + 1])) {
        Value even, odd;
        for (size_t j = 0; j < values.size(); ++j)
          add(rows[i][j] == rows[i + 1][j] ? even : odd, values[j], rows[i][j]);
        if (even && odd) {
          results[i] = combine(even, 1, odd, 1);
          results[i + 1] = combine(even, 1, odd, -1);
          continue;
        }
      }
      Value sum;
      for (size_t j = 0; j < values.size(); ++j) {
        if (partner[j] < 0)
          add(sum, values[j], rows[i][j]);
        else if (static_cast<size_t>(partner[j]) > j)
          add(sum, rows[i][j] == rows[i][j + 1] ? sums[j] : differences[j], rows[i][j]);
      }
      results[i] = sum;
    }
    return results;
  }

private:
  ImplicitLocOpBuilder &b;
  const WinogradTransform::Matrix &matrix;

  static bool samePair(const WinogradTransform::Matrix &rows, size_t j, size_t k) {
    bool differs = false;
    for (ArrayRef<double> row : rows) {
      if (std::abs(row[j]) != std::abs(row[k]))
        return false;
      differs |= row[j] != row[k];
    }
    return differs;
  }

  static bool sameRows(ArrayRef<double> x, ArrayRef<double> y) {
    return llvm::all_of(llvm::zip(x, y),
                        [](auto pair) { return std::abs(std::get<0>(pair)) == std::abs(std::get<1>(pair)); });
  }

  Value scaled(Value value, double factor) {
    if (factor == 1)
      return value;
    return arith::MulFOp::create(b, value, constant(value.getType(), factor), contract());
  }

  Value constant(Type type, double value) {
    TypedAttr element = b.getFloatAttr(getElementTypeOrSelf(type), value);
    if (auto vector = dyn_cast<VectorType>(type))
      element = DenseElementsAttr::get(vector, Attribute(element));
    return arith::ConstantOp::create(b, element);
  }

  arith::FastMathFlagsAttr contract() {
    return arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::contract);
  }

  /// x * f + y * g.
  Value combine(Value x, double f, Value y, double g) {
    if (g == -1)
      return arith::SubFOp::create(b, scaled(x, f), y, contract());
    return arith::AddFOp::create(b, scaled(x, f), scaled(y, g), contract());
  }

  void add(Value &sum, Value value, double factor) {
    if (factor == 0)
      return;
    if (!sum)
      sum = scaled(value, factor);
    else if (factor == -1)
      sum = arith::SubFOp::create(b, sum, value, contract());
    else
      sum = arith::AddFOp::create(b, scaled(value, factor), sum, contract());
  }
};

//===----------------------------------------------------------------------===//
// The schedule
//===----------------------------------------------------------------------===//

/// Blocks that give a few threads equal shares.
constexpr int64_t wantedBlocks = 4;
/// Tiles of a block: enough that a panel of the filter, once fetched, is used often; no more than pays.
constexpr int64_t fewestTiles = 8, mostTiles = 24;
/// Tiles of rows that divide what is fetched ahead among them.
constexpr int64_t mostShares = 8;

class WinogradSchedule {
public:
  WinogradSchedule(Kernel &kernel, nn::ConvOp op)
      : kernel(kernel), op(op), b(kernel.builder), e(kernel.emitter(1)), epilogue(kernel, op.getResult()),
        shape(kernel, op, e), vertical(dimension(1)), horizontal(dimension(2)),
        down(outputsOf(vertical), vertical.taps), along(outputsOf(horizontal), horizontal.taps) {}

  bool run() {
    if (!epilogue.isPointwise())
      return false;
    C = *known(shape.channels);
    slices = shape.window[0] * vertical.phases * horizontal.phases;
    K = slices * C;
    F = *known(shape.filters);
    choose();
    emitPhase();
    kernel.setPath("winograd");
    return true;
  }

private:
  Kernel &kernel;
  nn::ConvOp op;
  ImplicitLocOpBuilder &b;
  ElementEmitter e;
  Epilogue epilogue;
  ConvolutionShape shape;
  nn::WinogradDimension vertical, horizontal;
  WinogradTransform down, along; ///< of the height and of the width

  Type element;
  int64_t C = 0, K = 0, F = 0, nr = 16, lanes = 1; ///< K: channels of all slices
  int64_t slices = 1;                              ///< planes of the window, and phases of the input in each
  Tile tile;
  std::optional<ColumnGroups> columns;
  SmallVector<int64_t> blockSizes;        ///< all that there are, if that is known
  Value blockTiles;                       ///< of each block but the last
  int64_t mostInBlock = 1, rows = 1;      ///< tiles of a block at most, and rows of V for them
  int64_t channelStep = 0;                ///< from tile to tile in V
  int64_t inputStep = 0, productStep = 0; ///< from position to position in V and in M
  Value tilesDown, tilesAlong;
  Value segments, segment; ///< what blocks cut, and its tiles
  Value blocksOfSegment, blocks, chunks;
  Value scratchV, scratchM, scratchTile;

  bool far = false;   ///< the input is asked for ahead
  bool joins = false; ///< a line is read as elements, the channels of a pixel's phases as one run

  int64_t positions() const { return down.size() * along.size(); }
  nn::WinogradDimension dimension(int64_t d) {
    return nn::winogradDimension(shape.window[d], shape.stride[d], shape.low[d]);
  }
  int64_t outputsOf(nn::WinogradDimension d) { return d.taps == 1 ? 1 : op.getPacking()->getWinograd(); }
  /// From position to position of a tile, in input coordinates.
  int64_t stepOf(int64_t d) { return shape.dilation[d] * (d == 1 ? vertical : horizontal).phases; }

  /// A tile's place: image and plane, first input coordinates, first result coordinates.
  struct Place {
    Value image, depth, inputLine, inputPixel, line, pixel;
  };

  //===--- Sizes ---===//

  void choose() {
    element = cast<RankedTensorType>(op.getInput().getType()).getElementType();
    nr = op.getPacking()->getNr();
    lanes = std::min<int64_t>(kernel.machine.lanes(sizeof(float)), nr);
    int64_t line = 64 / sizeof(float);
    // An odd number of lines: tiles fall on all sets of the first level of cache.
    channelStep = K < 2 * line ? K : (llvm::divideCeil(K, line) | 1) * line;
    tilesDown = tilesOf(1, down);
    tilesAlong = tilesOf(2, along);
    chooseSegment();
    joins = joinsPhases();
    far = shape.dilation[2] == 1 && !joins && isFar(kernel, shape, op.getInput());
    chooseBlock();
    TileProblem problem{sizeof(float), lanes, nr, mostInBlock, F, false, 1};
    // Of a block of unknown size a tall tile, where its panels come from memory: it reads them less often.
    int64_t filterBytes = positions() * K * F * sizeof(float);
    if (!known(blockTiles) && filterBytes > kernel.machine.lastLevelBytes / 2)
      problem.rows = std::nullopt;
    tile = chooseTile(kernel.machine, problem);
    if (affordableChunks() > 1 && known(blocksOfSegment).value_or(1) == 1 && F > lanes && F <= tile.vectors * lanes) {
      // Narrower tiles, so that there is something to divide.
      problem.columns = llvm::alignTo(llvm::divideCeil(F, 2), lanes);
      tile = chooseTile(kernel.machine, problem);
    }
    if (std::optional<int64_t> all = known(segment); all && known(blockTiles)) {
      blockSizes.push_back(mostInBlock);
      if (int64_t last = *all % mostInBlock)
        blockSizes.push_back(last);
    }
    rows = std::max(mostInBlock, EvenRowTiles::leastHeight(tile.rows));
    columns.emplace(e, e.constant(F), tile.vectors, lanes);
    auto spread = [&](int64_t elements) { return (llvm::divideCeil(elements, line) | 1) * line; };
    inputStep = spread(rows * channelStep);
    productStep = spread(rows * columns->width());
    chooseChunks();
  }

  /// Where pixels fill no vectors: the phases of a line lie side by side.
  bool joinsPhases() {
    return horizontal.phases > 1 && C % lanes != 0 && isa<BlockArgument>(op.getInput()) &&
           known(kernel.storageExtents(op.getInput()).back()) == C;
  }

  /// Results a dilation apart share a tile: as many interleaved sequences of tiles as the dilation says.
  Value tilesOf(int64_t d, const WinogradTransform &transform) {
    Value dilation = e.constant(shape.dilation[d]);
    Value sequence = b.createOrFold<arith::CeilDivUIOp>(shape.output[d], dilation);
    return e.mul(b.createOrFold<arith::CeilDivUIOp>(sequence, e.constant(transform.outputs())), dilation);
  }

  /// The first result coordinate of a tile.
  Value startOf(int64_t d, const WinogradTransform &transform, Value tile) {
    Value dilation = e.constant(shape.dilation[d]);
    Value inSequence = e.mul(e.div(tile, dilation), e.constant(transform.outputs() * shape.dilation[d]));
    return e.add(inSequence, e.rem(tile, dilation));
  }

  /// Blocks cut all tiles or, where the number of images is not known but that of an image's tiles is and fills a
  /// block, those of each image: then their sizes are known.
  void chooseSegment() {
    Value ofImage = product(e, {shape.output[0], tilesDown, tilesAlong});
    bool isEach = !known(shape.images) && known(ofImage).value_or(0) >= mostTiles / 2;
    segments = isEach ? shape.images : e.constant(1);
    segment = isEach ? ofImage : e.mul(shape.images, ofImage);
  }

  /// V and a group's M in three quarters of the second level, and equal shares for a few threads: blocks of equal size,
  /// whose number is a power of two or a multiple of four.
  void chooseBlock() {
    int64_t bytesPerTile = positions() * (channelStep + 2 * nr) * sizeof(float);
    mostInBlock = std::clamp<int64_t>(kernel.machine.l2Bytes * 3 / 4 / bytesPerTile, fewestTiles, mostTiles);
    Value one = e.constant(1), share = e.constant(wantedBlocks);
    Value number = b.createOrFold<arith::CeilDivUIOp>(segment, e.constant(mostInBlock));
    Value rounded = e.mul(b.createOrFold<arith::CeilDivUIOp>(number, share), share);
    Value few = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule, number, e.constant(2));
    number = b.createOrFold<arith::SelectOp>(few, number, rounded);
    number = b.createOrFold<arith::MaxUIOp>(number, one);
    blockTiles = b.createOrFold<arith::MaxUIOp>(b.createOrFold<arith::CeilDivUIOp>(segment, number), one);
    blocksOfSegment = b.createOrFold<arith::CeilDivUIOp>(segment, blockTiles);
    blocks = e.mul(segments, blocksOfSegment);
    mostInBlock = known(blockTiles).value_or(mostInBlock);
  }

  /// Vector instructions that transform a vector of channels of a tile: loads, multiply-adds, stores.
  int64_t transformInstructions() {
    auto terms = [](const WinogradTransform::Matrix &matrix) {
      int64_t count = 0;
      for (ArrayRef<double> row : matrix)
        count += llvm::count_if(row, [](double factor) { return factor != 0; });
      return count;
    };
    return 2 * positions() + along.size() * terms(down.input()) + down.size() * terms(along.input());
  }

  /// How many parts of the filters may each transform the input again: that has to cost little beside the product, a
  /// twelfth for the second part.
  int64_t affordableChunks() {
    int64_t multiplyAdds = positions() * lanes * llvm::divideCeil(F, lanes);
    int64_t affordable = std::max<int64_t>(F / lanes / 60, multiplyAdds >= 12 * transformInstructions() ? 2 : 1);
    return std::min(affordable, wantedBlocks);
  }

  /// Few blocks are divided by filters.
  void chooseChunks() {
    Value wanted = b.createOrFold<arith::CeilDivUIOp>(e.constant(wantedBlocks),
                                                      b.createOrFold<arith::MaxUIOp>(blocks, e.constant(1)));
    chunks = b.createOrFold<arith::MinUIOp>(wanted, e.constant(affordableChunks()));
    chunks = b.createOrFold<arith::MinUIOp>(chunks, columns->count());
  }

  //===--- The phase ---===//

  void emitPhase() {
    ScratchPlan plan(e);
    size_t partV = plan.reserve(element, e.constant(positions() * inputStep));
    size_t partM = plan.reserve(element, e.constant(positions() * productStep));
    size_t partTile = plan.reserve(element, e.constant(down.outputs() * along.outputs() * lanes));
    Value products = e.mul(e.mul(segments, segment), e.constant(K * F * positions()));
    SmallVector<Value> places = {chunks, segments, blocksOfSegment};
    kernel.phase(product(e, places), contractionWork(kernel, e, products, sizeof(float), op.getFilter()), plan.bytes(),
                 kernel.canFail(), [&](Value begin, Value end, Value scratch, Value status) {
                   e.setStatus(status);
                   scratchV = plan.view(scratch, partV);
                   scratchM = plan.view(scratch, partM);
                   scratchTile = plan.view(scratch, partTile);
                   countedLoop(b, begin, end, e.constant(1), [&](Value unit) {
                     SmallVector<LaneIndex> place = delinearize(e, places, {unit});
                     emitUnit(place[0].base, place[1].base, place[2].base);
                   });
                 });
  }

  void emitUnit(Value chunk, Value number, Value block) {
    Value one = e.constant(1);
    Value inSegment = e.mul(block, blockTiles), first = e.add(e.mul(number, segment), inSegment);
    Value count =
        blockSizes.size() == 1 ? blockTiles : b.createOrFold<arith::MinUIOp>(blockTiles, e.sub(segment, inSegment));
    EvenRowTiles rowTiles(e, count, tile.rows, blockSizes);
    forEachTile(first, count, rowTiles.used(), [&](const Place &place, Value row) { transformInput(place, row); });
    Value firstGroup = e.div(e.mul(chunk, columns->count()), chunks);
    Value lastGroup = e.div(e.mul(e.add(chunk, one), columns->count()), chunks);
    columns->forEach(firstGroup, lastGroup, [&](Value column, int64_t vectors, Value wanted) {
      countedLoop(b, e.constant(0), e.constant(positions()), one, [&](Value position) {
        rowTiles.forEach([&](Value row, int64_t count) { multiply(position, row, count, column, vectors); });
      });
      Value width = wanted ? wanted : e.constant(vectors * lanes);
      forEachTile(first, count, count,
                  [&](const Place &place, Value row) { transformOutput(place, row, column, vectors, width); });
    });
  }

  /// Calls `body` for rows [0, used) with the places of tiles from `first` on; rows from `count` on repeat the last
  /// tile. Places are counted, not divided out of a number: LLVM would repeat the division for every address.
  void forEachTile(Value first, Value count, Value used, function_ref<void(const Place &, Value)> body) {
    SmallVector<Value> extents = {shape.images, shape.output[0], tilesDown, tilesAlong};
    SmallVector<Value> start;
    for (const LaneIndex &index : delinearize(e, extents, {first}))
      start.push_back(index.base);
    Value one = e.constant(1), zero = e.constant(0);
    carriedLoops(b, {zero}, {used}, start, [&](ArrayRef<Value> at, ArrayRef<Value> tile) {
      Value line = startOf(1, down, tile[2]), pixel = startOf(2, along, tile[3]);
      Value inputLine = e.sub(e.mul(line, e.constant(shape.stride[1])), e.constant(vertical.low));
      Value inputPixel = e.sub(e.mul(pixel, e.constant(shape.stride[2])), e.constant(horizontal.low));
      body({tile[0], tile[1], inputLine, inputPixel, line, pixel}, at[0]);
      Value moves = compare(arith::CmpIPredicate::ult, e.add(at[0], one), count);
      SmallVector<Value> next(tile);
      for (size_t d = extents.size(); d-- > 0;) {
        Value advanced = arith::SelectOp::create(b, moves, e.add(tile[d], one), tile[d]);
        Value wraps = compare(arith::CmpIPredicate::eq, advanced, extents[d]);
        // The first dimension ends with the last tile.
        next[d] = d == 0 ? advanced : Value(arith::SelectOp::create(b, wraps, zero, advanced));
        moves = wraps;
      }
      return next;
    });
  }

  void branch(Value condition, function_ref<void()> then, function_ref<void()> otherwise) {
    auto choice = scf::IfOp::create(b, condition, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    then();
    b.setInsertionPointToStart(choice.elseBlock());
    otherwise();
  }

  Value both(Value x, Value y) { return b.createOrFold<arith::AndIOp>(x, y); }
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return b.createOrFold<arith::CmpIOp>(predicate, x, y);
  }

  //===--- Input ---===//

  /// A part of the channels of V: those of one phase of the input in one plane, or of a line's phases.
  struct Slice {
    Value depth, line, pixel; ///< input coordinates of a tile's first position
    Value start;              ///< in every position of V
    Value exists;             ///< whether there is such a plane; null: there is
  };

  void transformInput(const Place &place, Value row) {
    auto inside = [&](Value origin, int64_t d, int64_t size, int64_t phases) {
      Value last = e.add(origin, e.constant((size - 1) * stepOf(d) + phases - 1));
      return both(compare(arith::CmpIPredicate::sge, origin, e.constant(0)),
                  compare(arith::CmpIPredicate::slt, last, shape.input[d]));
    };
    Value inner = both(inside(place.inputLine, 1, down.size(), vertical.phases),
                       inside(place.inputPixel, 2, along.size(), horizontal.phases));
    int64_t inLine = joins ? 1 : horizontal.phases, inPlane = vertical.phases * inLine;
    Value count = e.constant(shape.window[0] * inPlane), width = e.constant(slices * C / (shape.window[0] * inPlane));
    countedLoop(b, e.constant(0), count, e.constant(1), [&](Value number) {
      Value from = e.sub(e.mul(place.depth, e.constant(shape.stride[0])), e.constant(shape.low[0]));
      Value plane = e.div(number, e.constant(inPlane)), phase = e.rem(number, e.constant(inPlane));
      Slice slice;
      slice.depth = e.add(from, e.mul(plane, e.constant(shape.dilation[0])));
      slice.line = e.add(place.inputLine, e.div(phase, e.constant(inLine)));
      slice.pixel = e.add(place.inputPixel, e.rem(phase, e.constant(inLine)));
      slice.start = e.add(e.mul(row, e.constant(channelStep)), e.mul(number, width));
      if (shape.low[0] || shape.high[0])
        slice.exists = compare(arith::CmpIPredicate::ult, slice.depth, shape.input[0]);
      auto transform = [&](Slice slice, bool border) {
        joins ? transformLines(place, slice, border) : transformTile(place, slice, border);
      };
      branch(
          slice.exists ? both(inner, slice.exists) : inner,
          [&] { transform({slice.depth, slice.line, slice.pixel, slice.start, {}}, /*border=*/false); },
          [&] { transform(slice, /*border=*/true); });
    });
  }

  /// Coordinates from `origin` on: clamped to the image, and whether they were inside.
  struct Line {
    SmallVector<Value> at, exists;
  };
  Line coordinates(Value origin, int64_t d, int64_t size, bool border) {
    Line line;
    Value zero = e.constant(0), extent = shape.input[d], end = e.sub(extent, e.constant(1));
    for (int64_t i = 0; i < size; ++i) {
      Value at = e.add(origin, e.constant(i * stepOf(d)));
      if (border) {
        line.exists.push_back(compare(arith::CmpIPredicate::ult, at, extent));
        at = b.createOrFold<arith::MaxSIOp>(b.createOrFold<arith::MinSIOp>(at, end), zero);
      }
      line.at.push_back(at);
    }
    return line;
  }

  /// A tile of the input, channels by vectors. `border`: positions may lie outside, as may the plane.
  void transformTile(const Place &place, const Slice &slice, bool border) {
    Value depth = slice.depth;
    if (slice.exists)
      depth = arith::SelectOp::create(b, slice.exists, depth, e.constant(0));
    Line lines = coordinates(slice.line, 1, down.size(), border);
    Line pixels = coordinates(slice.pixel, 2, along.size(), border);
    ElementEmitter source = kernel.emitter(std::min<int64_t>(lanes, llvm::PowerOf2Ceil(C)));
    vectorLoop(source, kernel.machine, e.constant(0), e.constant(C), [&](ElementEmitter &at, Value channel) {
      LaneIndex lane{channel, at.lanes() > 1 ? 1 : 0};
      transformPositions(at, slice, lane, [&](int64_t i, int64_t j) {
        Value value =
            at.emit(op.getInput(), shape.indices(e, {place.image}, {{depth}, {lines.at[i]}, {pixels.at[j]}}, lane));
        if (border) {
          Value counts = both(lines.exists[i], pixels.exists[j]);
          counts = slice.exists ? both(counts, slice.exists) : counts;
          return Value(arith::SelectOp::create(b, counts, value, at.splatConstant(element, 0)));
        }
        if (far && j >= along.size() - along.outputs())
          askForNextTile(place, depth, lines.at[i], pixels.at[j], lane);
        return value;
      });
    });
  }

  /// The same of pixels whose channels and phases are one run of a line's elements.
  void transformLines(const Place &place, const Slice &slice, bool border) {
    int64_t run = horizontal.phases * C;
    Value length = e.mul(shape.input[2], e.constant(C)), zero = e.constant(0);
    Line lines = coordinates(slice.line, 1, down.size(), border);
    Value depth = slice.depth;
    if (slice.exists) {
      depth = arith::SelectOp::create(b, slice.exists, depth, zero);
      for (Value &exists : lines.exists)
        exists = both(exists, slice.exists);
    }
    Value plane = e.add(e.mul(place.image, shape.input[0]), depth);
    bool byElement = border && !kernel.machine.maskedMemory;
    ElementEmitter source = kernel.emitter(byElement ? 1 : std::min<int64_t>(lanes, llvm::PowerOf2Ceil(run)));
    source.bindExtents(op.getInput(), {e.constant(1), length});
    vectorLoop(source, kernel.machine, zero, e.constant(run), [&](ElementEmitter &at, Value first) {
      bool isVector = at.lanes() > 1;
      transformPositions(at, slice, {first, isVector ? 1 : 0}, [&](int64_t i, int64_t j) {
        Value number = e.add(e.mul(plane, shape.input[1]), lines.at[i]);
        Value pixel = e.add(slice.pixel, e.constant(j * stepOf(2)));
        Value from = e.add(e.mul(pixel, e.constant(C)), first);
        if (!border)
          return at.emit(op.getInput(), {LaneIndex{number}, LaneIndex{from, isVector ? 1 : 0}});
        if (!isVector) {
          Value exists = both(lines.exists[i], compare(arith::CmpIPredicate::ult, from, length));
          Value last = e.sub(length, e.constant(1));
          Value clamped = b.createOrFold<arith::MaxSIOp>(b.createOrFold<arith::MinSIOp>(from, last), zero);
          Value value = at.emit(op.getInput(), {LaneIndex{number}, LaneIndex{clamped}});
          return Value(arith::SelectOp::create(b, exists, value, at.splatConstant(element, 0)));
        }
        // The lanes [-from, length - from), of those that are wanted.
        Value outer = at.currentMask(), end = e.sub(length, from);
        end = arith::SelectOp::create(b, lines.exists[i], end, zero);
        auto type = VectorType::get({at.lanes()}, b.getI1Type());
        Value before = vector::CreateMaskOp::create(b, type, e.sub(zero, from));
        Value mask = vector::CreateMaskOp::create(b, type, end);
        Value all = arith::ConstantOp::create(b, DenseElementsAttr::get(type, true));
        mask = arith::AndIOp::create(b, mask, arith::XOrIOp::create(b, before, all));
        at.setMask(outer ? Value(arith::AndIOp::create(b, outer, mask)) : mask);
        Value value = at.emit(op.getInput(), {LaneIndex{number}, LaneIndex{from, 1}});
        at.setMask(outer);
        return Value(arith::SelectOp::create(b, mask, value, at.splatConstant(element, 0)));
      });
    });
  }

  /// Transforms what `load` gives for each position of a tile, and stores it to V.
  void transformPositions(ElementEmitter &at, const Slice &slice, LaneIndex channel,
                          function_ref<Value(int64_t, int64_t)> load) {
    SmallVector<SmallVector<Value>> half(down.size());
    for (int64_t j = 0; j < along.size(); ++j) {
      SmallVector<Value> column;
      for (int64_t i = 0; i < down.size(); ++i)
        column.push_back(load(i, j));
      for (auto [i, value] : llvm::enumerate(LinearMap(b, down.input()).apply(column)))
        half[i].push_back(value);
    }
    Value base = e.add(slice.start, channel.base);
    for (int64_t i = 0; i < down.size(); ++i)
      for (auto [j, value] : llvm::enumerate(LinearMap(b, along.input()).apply(half[i]))) {
        Value target = e.add(base, e.constant((i * along.size() + j) * inputStep));
        at.store(value, element, {scratchV}, {e.constant(1)}, {LaneIndex{target, channel.stride}});
      }
  }

  /// A pixel that the next tile of the line will read and this one has not.
  void askForNextTile(const Place &place, Value depth, Value line, Value pixel, LaneIndex channel) {
    Value next = e.add(pixel, e.constant(along.outputs() * shape.stride[2]));
    askAhead(kernel, e, op.getInput(), shape.indices(e, {place.image}, {{depth}, {line}, {next}}, channel));
  }

  //===--- Products ---===//

  void multiply(Value position, Value row, int64_t count, Value column, int64_t vectors) {
    ukernel::BrgemmShape product;
    product.a = scratchV;
    product.aOffset = e.add(e.mul(position, e.constant(inputStep)), e.mul(row, e.constant(channelStep)));
    for (int64_t m = 0; m < count; ++m)
      product.rows.push_back(e.constant(m * channelStep));
    product.aStep = e.constant(1);
    product.k = e.constant(K);
    product.b = kernel.denseArgument(cast<BlockArgument>(op.getFilter()));
    product.bStep = e.constant(nr);
    Value matrix = e.constant(K * nr);
    product.panelStep = e.constant(positions() * K * nr);
    Value panel = e.mul(e.div(column, e.constant(nr)), product.panelStep);
    product.bOffset = e.add(e.add(panel, e.mul(position, matrix)), e.rem(column, e.constant(nr)));
    product.nr = nr;
    product.vectors = vectors;
    // Later blocks find the filters in the second level, unless it is too small for them.
    int64_t filterBytes = positions() * K * F * sizeof(float);
    if (known(blocksOfSegment).value_or(1) <= 2 || filterBytes > kernel.machine.l2Bytes / 2) {
      // The next position's matrix, each tile of rows its part; behind the last position lies the next panel.
      // Of tiles whose number is not known the first two.
      product.prefetchShares =
          std::clamp<int64_t>(llvm::divideCeil(mostInBlock, tile.rows), 1, known(segment) ? mostShares : 2);
      Value part =
          e.rem(b.createOrFold<arith::CeilDivUIOp>(row, e.constant(tile.rows)), e.constant(product.prefetchShares));
      product.prefetch = e.add(matrix, e.mul(part, e.constant(llvm::divideCeil(K, product.prefetchShares) * nr)));
    }
    product.accumulator = VectorType::get({lanes}, element);
    Value target = e.add(e.mul(position, e.constant(productStep)), e.mul(row, e.constant(vectors * lanes)));
    emitPartialTile(kernel, product, scratchM, target, /*add=*/false);
  }

  //===--- Results ---===//

  void transformOutput(const Place &place, Value row, Value column, int64_t vectors, Value width) {
    ElementEmitter source = kernel.emitter(lanes);
    vectorLoop(source, kernel.machine, e.constant(0), width, [&](ElementEmitter &at, Value filter) {
      LaneIndex lane{filter, at.lanes() > 1 ? 1 : 0};
      Value base = e.add(e.mul(row, e.constant(vectors * lanes)), filter);
      SmallVector<SmallVector<Value>> half(down.outputs());
      for (int64_t j = 0; j < along.size(); ++j) {
        SmallVector<Value> products;
        for (int64_t i = 0; i < down.size(); ++i) {
          Value from = e.add(base, e.constant((i * along.size() + j) * productStep));
          products.push_back(at.load(element, {scratchM}, {e.constant(1)}, {LaneIndex{from, lane.stride}}));
        }
        for (auto [i, value] : llvm::enumerate(LinearMap(b, down.output()).apply(products)))
          half[i].push_back(value);
      }
      SmallVector<SmallVector<Value>> results;
      for (ArrayRef<Value> line : half)
        results.push_back(LinearMap(b, along.output()).apply(line));
      storeResults(place, results, at, {e.add(column, filter), lane.stride});
    });
  }

  void storeResults(const Place &place, ArrayRef<SmallVector<Value>> results, ElementEmitter &at, LaneIndex filter) {
    auto store = [&](Value value, Value line, Value pixel) {
      SmallVector<LaneIndex> indices = shape.indices(e, {place.image}, {{place.depth}, {line}, {pixel}}, filter);
      epilogue.emit(value, indices, at.currentMask());
    };
    auto all = [&] {
      for (auto [i, line] : llvm::enumerate(results))
        for (auto [j, value] : llvm::enumerate(line))
          store(value, e.add(place.line, e.constant(i * shape.dilation[1])),
                e.add(place.pixel, e.constant(j * shape.dilation[2])));
    };
    // Of a sequence past the end of a short image there is nothing left.
    auto leftOf = [&](int64_t d, Value from) {
      Value distance = b.createOrFold<arith::MaxSIOp>(e.sub(shape.output[d], from), e.constant(0));
      return b.createOrFold<arith::CeilDivUIOp>(distance, e.constant(shape.dilation[d]));
    };
    Value linesLeft = leftOf(1, place.line), pixelsLeft = leftOf(2, place.pixel);
    // Through memory: one copy of the epilogue for all of the tile's results that exist.
    auto one = [&] {
      int64_t width = along.outputs() * lanes;
      for (auto [i, line] : llvm::enumerate(results))
        for (auto [j, value] : llvm::enumerate(line))
          at.store(value, element, {scratchTile}, {e.constant(1)},
                   {LaneIndex{e.constant(i * width + j * lanes), filter.stride}});
      Value lastLine = b.createOrFold<arith::MinUIOp>(linesLeft, e.constant(down.outputs()));
      Value lastPixel = b.createOrFold<arith::MinUIOp>(pixelsLeft, e.constant(along.outputs()));
      countedLoop(b, e.constant(0), lastLine, e.constant(1), [&](Value i) {
        countedLoop(b, e.constant(0), lastPixel, e.constant(1), [&](Value j) {
          ElementEmitter::Scope scope(at);
          Value from = e.add(e.mul(i, e.constant(width)), e.mul(j, e.constant(lanes)));
          Value value = at.load(element, {scratchTile}, {e.constant(1)}, {LaneIndex{from, filter.stride}});
          store(value, e.add(place.line, e.mul(i, e.constant(shape.dilation[1]))),
                e.add(place.pixel, e.mul(j, e.constant(shape.dilation[2]))));
        });
      });
    };
    if (epilogue.isLong())
      return one();
    Value whole = both(compare(arith::CmpIPredicate::uge, linesLeft, e.constant(down.outputs())),
                       compare(arith::CmpIPredicate::uge, pixelsLeft, e.constant(along.outputs())));
    if (matchPattern(whole, m_One()))
      return all();
    branch(whole, all, one);
  }
};

} // namespace

bool scheduleWinograd(Kernel &kernel, nn::ConvOp op) {
  return op.getPacking() && op.getPacking()->getWinograd() && WinogradSchedule(kernel, op).run();
}

} // namespace tenon::schedule
