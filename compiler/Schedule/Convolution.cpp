//===- Convolution.cpp - convolutions as loops around ukernel.brgemm -----------------------===//
//
// Expects a packed filter and channels-last data; one to three spatial dimensions are brought to three (depth, height,
// width).
//
// The rows of a tile are pixels of one line (a row of the output image), which are a constant apart in memory; the
// batch of the microkernel runs over the kernel's positions. A unit of work is a block of lines, or a part of one, for
// one image and group, and a chunk of the filters.
//
// Padding costs nothing inside a tile: above and below (and in front and behind) the range of kernel positions is cut
// to the image for the whole line; left and right, the lines that a unit needs are copied into scratch with zeros
// around them. The copy also serves inputs that are computed in this kernel, narrow floats, groups of few channels
// (which become contiguous) and pixels that fall on the same sets of the cache.
//
// A single filter has no columns: its tiles are a vector of pixels, see ConvolutionDot.cpp.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Convolution.h"

using namespace mlir;

namespace tenon::schedule {

template <typename Op> void ConvolutionShape::read(Kernel &kernel, Op op, ElementEmitter &e) {
  spatial = op.getKernel().size();
  channelsLast = op.getChannelsLast();
  int64_t first = channelsLast ? 1 : 2;
  ArrayRef<Value> in = kernel.extents(op.getInput()), out = kernel.extents(op.getResult());
  SmallVector<int64_t> real;
  for (int64_t s = 0; s < spatial; ++s)
    if (op.getKernel()[s] != 1 || op.getPads()[s] != 0 || op.getPads()[spatial + s] != 0 || known(in[first + s]) != 1)
      real.push_back(s);
  while (real.size() < 3)
    real.insert(real.begin(), -1);
  for (int64_t d = 0; d < 3; ++d) {
    int64_t s = dimension[d] = real[d];
    input[d] = s < 0 ? e.constant(1) : in[first + s];
    output[d] = s < 0 ? e.constant(1) : out[first + s];
    window[d] = s < 0 ? 1 : op.getKernel()[s];
    stride[d] = s < 0 ? 1 : op.getStrides()[s];
    low[d] = s < 0 ? 0 : op.getPads()[s];
    high[d] = s < 0 ? 0 : op.getPads()[spatial + s];
    dilation[d] = s < 0 ? 1 : op.getDilations()[s];
  }
  images = in.front();
  channels = channelsLast ? in.back() : in[1];
  filters = channelsLast ? out.back() : out[1];
}

ConvolutionShape::ConvolutionShape(Kernel &kernel, nn::ConvOp op, ElementEmitter &e) {
  read(kernel, op, e);
  groups = op.getGroups();
}

ConvolutionShape::ConvolutionShape(Kernel &kernel, nn::PoolOp op, ElementEmitter &e) {
  read(kernel, op, e);
  standsOut = op.getCeilMode();
}

SmallVector<LaneIndex> ConvolutionShape::indices(ElementEmitter &e, LaneIndex image, ArrayRef<LaneIndex> place,
                                                 LaneIndex channel) const {
  SmallVector<LaneIndex> all(spatial + 2, LaneIndex{e.constant(0)});
  all.front() = image;
  (channelsLast ? all.back() : all[1]) = channel;
  for (int64_t d = 0; d < 3; ++d)
    if (dimension[d] >= 0)
      all[(channelsLast ? 1 : 2) + dimension[d]] = place[d];
  return all;
}

WindowCut cutWindow(ElementEmitter &e, const ConvolutionShape &shape, int64_t d, Value position) {
  ImplicitLocOpBuilder &b = e.builder();
  Value zero = e.constant(0), whole = e.constant(shape.window[d]);
  // The first kernel position lies at input coordinate position * stride - low.
  Value origin = e.sub(e.mul(position, e.constant(shape.stride[d])), e.constant(shape.low[d]));
  WindowCut cut{zero, whole, origin};
  Value step = e.constant(shape.dilation[d]);
  auto stepsTo = [&](Value distance) {
    Value positive = b.createOrFold<arith::MaxSIOp>(distance, zero);
    return b.createOrFold<arith::MinSIOp>(b.createOrFold<arith::CeilDivUIOp>(positive, step), whole);
  };
  if (shape.low[d] != 0)
    cut.first = stepsTo(e.sub(zero, origin));
  if (shape.high[d] != 0 || shape.low[d] != 0 || shape.standsOut)
    cut.last = stepsTo(e.sub(shape.input[d], origin));
  cut.count = e.sub(cut.last, cut.first);
  return cut;
}

Value multiplyAdd(ImplicitLocOpBuilder &b, Value x, Value weight, Value acc) {
  if (isa<IntegerType>(getElementTypeOrSelf(acc)))
    return arith::AddIOp::create(b, acc, arith::MulIOp::create(b, x, weight));
  Value product = arith::MulFOp::create(b, x, weight, arith::FastMathFlags::contract);
  return arith::AddFOp::create(b, product, acc, arith::FastMathFlags::contract);
}

bool isFar(Kernel &kernel, const ConvolutionShape &shape, Value input) {
  int64_t imageBytes = known(shape.channels).value_or(1) * storageBytes(input);
  for (Value extent : shape.input)
    imageBytes *= known(extent).value_or(1);
  return isa<BlockArgument>(input) && imageBytes > kernel.machine.l2Bytes;
}

namespace {

/// Units below which the filters are split too: enough for the static partition of a dozen threads.
constexpr int64_t wantedUnits = 16;
/// Tiles of pixels per unit that make a panel of B, once fetched, worth keeping.
constexpr int64_t wantedTiles = 8;

class ConvolutionSchedule {
public:
  ConvolutionSchedule(Kernel &kernel, nn::ConvOp op)
      : kernel(kernel), op(op), b(kernel.builder), e(kernel.emitter(1)), epilogue(kernel, op.getResult()),
        shape(kernel, op, e) {}

  bool run() {
    std::optional<int64_t> channels = known(shape.channels), filters = known(shape.filters);
    if (!epilogue.isPointwise() || !channels || !filters || !op.getPacking() || !op.getChannelsLast() ||
        !isa<BlockArgument>(op.getFilter()))
      return false;
    C = *channels;
    F = *filters / shape.groups;
    Cg = C / shape.groups;
    inputPitch = *known(kernel.storageExtents(op.getInput()).back());
    choose();
    emitPhase();
    kernel.setPath(isDot ? "dot" : "brgemm");
    return true;
  }

private:
  Kernel &kernel;
  nn::ConvOp op;
  ImplicitLocOpBuilder &b;
  ElementEmitter e;
  Epilogue epilogue;
  ConvolutionShape shape;

  Type element, sum;
  int64_t bytes = 4, C = 0, Cg = 0, F = 0; ///< channels, channels and filters of a group
  int64_t lanes = 1, nr = 16, kGroup = 1;
  Tile tile;
  std::optional<RowTiles> pixels; ///< of one line
  std::optional<RowTiles> lines;  ///< if tiles are whole lines
  std::optional<ColumnGroups> columns;
  bool copies = false;    ///< A is read from scratch
  bool joined = false;    ///< kernel columns and channels are one run of K
  int64_t inputPitch = 0; ///< from pixel to pixel of the input in memory, in elements
  int64_t pixelStep = 0;  ///< from pixel to pixel of A
  int64_t blockLines = 1, blockTiles = 1;
  int64_t lineTiles = 0; ///< tiles per block, if tiles are whole lines
  bool isDot = false;    ///< one filter
  bool inParts = false;  ///< sums are kept in scratch while kernel lines are added one after the other
  Value lineBlocks, tileBlocks, chunks;
  Value slotColumns, slotLines; ///< pixels of a copied line, copied lines per kernel depth

  Value scratchA, scratchTile;

  /// A group of filters.
  struct Filters {
    Value column; ///< the first one, counted in the unit's group
    int64_t vectors;
    Value wanted; ///< how many; null: all
  };

  /// A unit's place.
  struct Unit {
    Value image, depth, group, firstLine, lastLine, firstTile, lastTile, firstGroup, lastGroup;
    Value firstLineTile, lastLineTile; ///< if tiles are whole lines
    WindowCut depthCut;
    Value copiedLine, copiedColumn; ///< input coordinates of the scratch's first line and pixel
  };

  void choose() {
    const Machine &machine = kernel.machine;
    element = cast<RankedTensorType>(op.getInput().getType()).getElementType();
    sum = accumulatorType(element);
    bytes = llvm::divideCeil(sum.getIntOrFloatBitWidth(), 8);
    nr = op.getPacking()->getNr();
    kGroup = op.getPacking()->getGroup();
    lanes = std::min(machine.lanes(bytes), nr);
    isDot = nr == 1;
    if (isDot) {
      tile = {machine.lanes(bytes), 1};
      pixels.emplace(e, shape.output[2], tile.rows);
    } else {
      chooseTiles();
    }
    columns.emplace(e, e.constant(F), tile.vectors, lanes);

    bool narrow = registerType(element) != sum;
    bool padded = shape.low[2] != 0 || shape.high[2] != 0;
    bool collide = pixelsCollide();
    bool paddedLines = lines && (shape.low[1] != 0 || shape.high[1] != 0);
    int64_t line = std::max<int64_t>(64 / bytes, 1);
    bool scattered = shape.groups > 1 && Cg < line; // less than a cache line of a pixel is read
    copies = padded || paddedLines || narrow || collide || scattered || !isa<BlockArgument>(op.getInput());
    pixelStep = !copies ? inputPitch : collide ? (llvm::divideCeil(Cg, line) | 1) * line : Cg;
    joined = shape.dilation[2] == 1 && pixelStep == Cg;
    chooseBlocks();
  }

  /// Pixels of one line; or, where a line is too short to fill a tile, whole lines.
  void chooseTiles() {
    std::optional<int64_t> width = known(shape.output[2]), height = known(shape.output[1]);
    TileProblem problem{bytes, lanes, nr, width, F, false, 1, kGroup > 1};
    tile = chooseTile(kernel.machine, problem);
    pixels.emplace(e, shape.output[2], tile.rows);
    if (!width || *width == 0 || height == 1 || !known(shape.input[2]))
      return;
    problem.rowUnit = *width;
    problem.rows = height ? std::optional<int64_t>(*height * *width) : std::nullopt;
    Tile several = chooseTile(kernel.machine, problem);
    if (several.rows < 2 * *width)
      return;
    tile = several;
    lines.emplace(e, shape.output[1], tile.rows / *width);
    pixels.emplace(e, shape.output[2], *width);
  }

  /// Rows of the tallest tile.
  int64_t tileRows() const { return lines ? tile.rows : pixels->height(); }

  /// As rowsCollide in ContractionMatmul.cpp.
  bool pixelsCollide() {
    return F >= 4 * columns->width() &&
           evictEachOther(kernel.machine, shape.stride[2] * inputPitch * bytes, tileRows());
  }

  int64_t span(int64_t d, int64_t positions) const {
    return (positions - 1) * shape.stride[d] + (shape.window[d] - 1) * shape.dilation[d] + 1;
  }

  void chooseBlocks() {
    std::optional<int64_t> tiles = known(pixels->count()), height = known(shape.output[1]);
    int64_t depthK = shape.window[0] * shape.window[1] * shape.window[2] * Cg;
    // Where extents are not known: a line of an image is taken as eight tiles wide, the only line of a sequence as long
    // enough to split, into parts of some microseconds.
    constexpr int64_t multiplyAdds = 1 << 19;
    int64_t unknown = wantedTiles;
    if (height == 1)
      unknown =
          std::clamp(multiplyAdds / std::max<int64_t>(tile.rows * depthK * F, 1), wantedTiles / 2, 4 * wantedTiles);
    blockTiles = tiles.value_or(unknown);
    if (tiles && height == 1 && blockTiles > 2 * wantedTiles)
      blockTiles = std::max<int64_t>(llvm::divideCeil(blockTiles, wantedUnits), wantedTiles / 2);
    blockTiles = std::max<int64_t>(blockTiles, 1);
    bool overlap = copies && shape.window[1] > shape.stride[1];
    int64_t step = lines ? lines->height() : 1; // lines per tile
    blockLines = std::max<int64_t>(overlap ? 4 : 1, llvm::divideCeil(wantedTiles, blockTiles) * step);
    blockLines = std::max<int64_t>(std::min(blockLines, height.value_or(blockLines)), 1);
    auto blockBytes = [&] {
      int64_t width = span(2, blockTiles * pixels->height());
      return shape.window[0] * span(1, blockLines) * width * std::max<int64_t>(pixelStep, 1) * bytes;
    };
    while (copies && blockBytes() > kernel.machine.l2Bytes / 2 && (blockLines > step || blockTiles > 1))
      (blockLines > step ? blockLines : blockTiles) = llvm::divideCeil(blockLines > step ? blockLines : blockTiles, 2);

    if (lines) {
      lineTiles = std::max<int64_t>(blockLines / step, 1);
      blockLines = lineTiles * step;
      lineBlocks = b.createOrFold<arith::CeilDivUIOp>(lines->count(), e.constant(lineTiles));
    } else {
      lineBlocks = b.createOrFold<arith::CeilDivUIOp>(shape.output[1], e.constant(blockLines));
    }
    tileBlocks = b.createOrFold<arith::CeilDivUIOp>(pixels->count(), e.constant(blockTiles));
    slotLines = e.constant(span(1, blockLines));
    slotColumns = e.constant(span(2, blockTiles * pixels->height()));
    // As in ContractionMatmul.cpp: B is summed in parts where a group of it takes more than its share of the second
    // level.
    inParts = !isDot && shape.window[1] > 1 && blockLines * blockTiles > 1 &&
              depthK * columns->width() * bytes > kernel.machine.l2Bytes / 4;

    Value units = e.mul(e.mul(shape.images, shape.output[0]), e.mul(lineBlocks, tileBlocks));
    units = b.createOrFold<arith::MaxUIOp>(e.mul(units, e.constant(shape.groups)), e.constant(1));
    Value parts = b.createOrFold<arith::CeilDivUIOp>(e.constant(wantedUnits), units);
    chunks = b.createOrFold<arith::MinUIOp>(parts, columns->count());
  }

  void emitPhase() {
    ScratchPlan plan(e);
    size_t partA = 0, partTile = 0;
    if (copies)
      partA = plan.reserve(
          sum, e.mul(e.mul(e.constant(shape.window[0]), slotLines), e.mul(slotColumns, e.constant(pixelStep))));
    if (inParts || (epilogue.isLong() && !isDot)) {
      int64_t tiles = inParts ? blockLines * blockTiles : 1;
      partTile = plan.reserve(sum, e.constant(tiles * tileRows() * columns->width()));
    }
    SmallVector<Value> places = {chunks,    e.constant(shape.groups), shape.images, shape.output[0], lineBlocks,
                                 tileBlocks};
    Value products = e.mul(e.mul(shape.images, product(e, shape.output)),
                           e.constant(F * shape.groups * Cg * shape.window[0] * shape.window[1] * shape.window[2]));
    kernel.phase(product(e, places), contractionWork(kernel, e, products, bytes, op.getFilter()), plan.bytes(),
                 kernel.canFail(), [&](Value begin, Value end, Value scratch, Value status) {
                   e.setStatus(status);
                   if (copies)
                     scratchA = plan.view(scratch, partA);
                   if (inParts || (epilogue.isLong() && !isDot))
                     scratchTile = plan.view(scratch, partTile);
                   countedLoop(b, begin, end, e.constant(1),
                               [&](Value unit) { emitUnit(delinearize(e, places, {unit})); });
                 });
  }

  void emitUnit(ArrayRef<LaneIndex> place) {
    Unit unit;
    Value one = e.constant(1);
    unit.group = place[1].base;
    unit.image = place[2].base;
    unit.depth = place[3].base;
    unit.firstGroup = e.div(e.mul(place[0].base, columns->count()), chunks);
    unit.lastGroup = e.div(e.mul(e.add(place[0].base, one), columns->count()), chunks);
    if (lines) {
      unit.firstLineTile = e.mul(place[4].base, e.constant(lineTiles));
      unit.lastLineTile =
          b.createOrFold<arith::MinUIOp>(e.add(unit.firstLineTile, e.constant(lineTiles)), lines->count());
      unit.firstLine = lines->begin(unit.firstLineTile);
      unit.lastLine = lines->start(unit.lastLineTile);
    } else {
      unit.firstLine = e.mul(place[4].base, e.constant(blockLines));
      unit.lastLine = b.createOrFold<arith::MinUIOp>(e.add(unit.firstLine, e.constant(blockLines)), shape.output[1]);
    }
    unit.firstTile = e.mul(place[5].base, e.constant(blockTiles));
    unit.lastTile = b.createOrFold<arith::MinUIOp>(e.add(unit.firstTile, e.constant(blockTiles)), pixels->count());
    unit.depthCut = cutWindow(e, shape, 0, unit.depth);
    if (copies)
      copyInput(unit);
    columns->forEach(unit.firstGroup, unit.lastGroup, [&](Value column, int64_t vectors, Value wanted) {
      Filters filters{column, vectors, wanted};
      if (inParts)
        return emitInParts(unit, filters);
      forEachTile(unit, [&](Value line, Value pixel, int64_t count) {
        if (isDot) {
          SmallVector<LaneIndex> place =
              shape.indices(e, {unit.image}, {{unit.depth}, {line}, {pixel, 1}}, {channelOf(unit, filters)});
          return emitDotTile(kernel, tileShape(unit, cutLine(line), pixel, count, filters),
                             VectorType::get({tile.rows}, sum), epilogue, place);
        }
        emitMicrokernel(kernel, tileShape(unit, cutLine(line), pixel, count, filters), epilogue,
                        channelOf(unit, filters), scratchTile,
                        [&](Value m) { return resultIndices(unit, line, pixel, m); });
      });
    });
  }

  /// Calls `body` with the first line and pixel of each tile, and the number of its pixels.
  void forEachTile(const Unit &unit, function_ref<void(Value, Value, int64_t)> body) {
    if (lines) {
      int64_t width = pixels->height();
      return lines->forEach(unit.firstLineTile, unit.lastLineTile,
                            [&](Value line, int64_t count) { body(line, e.constant(0), count * width); });
    }
    countedLoop(b, unit.firstLine, unit.lastLine, e.constant(1), [&](Value line) {
      pixels->forEach(unit.firstTile, unit.lastTile, [&](Value pixel, int64_t count) { body(line, pixel, count); });
    });
  }

  /// The kernel lines inside the image; all of them where tiles are whole lines, which have zeros around them.
  WindowCut cutLine(Value line) {
    WindowCut cut = cutWindow(e, shape, 1, line);
    if (lines)
      return {e.constant(0), e.constant(shape.window[1]), cut.origin, e.constant(shape.window[1])};
    return cut;
  }

  /// The unit for one group of filters, one kernel line after the other.
  void emitInParts(const Unit &unit, const Filters &filters) {
    Value zero = e.constant(0), one = e.constant(1), width = e.constant(filters.vectors * lanes);
    Value firstPixel = pixels->begin(unit.firstTile), numPixels = e.sub(pixels->start(unit.lastTile), firstPixel);
    auto offset = [&](Value line, Value pixel) {
      return e.mul(e.add(e.mul(e.sub(line, unit.firstLine), numPixels), e.sub(pixel, firstPixel)), width);
    };
    VectorType type = VectorType::get({lanes}, sum);
    Value zeros = arith::ConstantOp::create(b, type, b.getZeroAttr(type));
    countedLoop(b, zero, offset(unit.lastLine, firstPixel), e.constant(lanes),
                [&](Value at) { vector::StoreOp::create(b, zeros, scratchTile, at); });
    countedLoop(b, zero, e.constant(shape.window[1]), one, [&](Value r) {
      forEachTile(unit, [&](Value line, Value pixel, int64_t count) {
        WindowCut cut = cutLine(line);
        Value inside = arith::AndIOp::create(b, arith::CmpIOp::create(b, arith::CmpIPredicate::uge, r, cut.first),
                                             arith::CmpIOp::create(b, arith::CmpIPredicate::ult, r, cut.last));
        auto condition = scf::IfOp::create(b, inside, /*withElseRegion=*/false);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(condition.thenBlock());
        WindowCut single{r, e.add(r, one), cut.origin, one};
        emitPartialTile(kernel, tileShape(unit, single, pixel, count, filters), scratchTile, offset(line, pixel),
                        /*add=*/true);
      });
    });
    ukernel::BrgemmShape tile = tileShape(unit, cutLine(unit.firstLine), firstPixel, 1, filters);
    countedLoop(b, unit.firstLine, unit.lastLine, one, [&](Value line) {
      finishPartialTile(kernel, tile, epilogue, numPixels, channelOf(unit, filters), scratchTile,
                        offset(line, firstPixel), [&](Value m) {
                          SmallVector<LaneIndex> at = shape.indices(
                              e, {unit.image}, {{unit.depth}, {line}, {e.add(firstPixel, m)}}, LaneIndex());
                          at.pop_back();
                          return at;
                        });
    });
  }

  Value channelOf(const Unit &unit, const Filters &filters) {
    return e.add(e.mul(unit.group, e.constant(F)), filters.column);
  }

  /// The place of row m of a tile, without the channel.
  SmallVector<LaneIndex> resultIndices(const Unit &unit, Value line, Value pixel, Value m) {
    Value width = e.constant(pixels->height());
    LaneIndex atLine{lines ? e.add(line, e.div(m, width)) : line};
    LaneIndex atPixel{lines ? e.rem(m, width) : e.add(pixel, m)};
    SmallVector<LaneIndex> all = shape.indices(e, {unit.image}, {{unit.depth}, atLine, atPixel}, LaneIndex());
    all.pop_back();
    return all;
  }

  /// Copies what the unit reads: scratch[kernel depth, line, pixel, channel], zero where a pixel lies left or right of
  /// the image. Lines outside the image are not copied, and not read.
  void copyInput(Unit &unit) {
    Value zero = e.constant(0), one = e.constant(1);
    Value top = e.sub(e.mul(unit.firstLine, e.constant(shape.stride[1])), e.constant(shape.low[1]));
    Value below = e.add(e.sub(e.mul(e.sub(unit.lastLine, one), e.constant(shape.stride[1])), e.constant(shape.low[1])),
                        e.constant((shape.window[1] - 1) * shape.dilation[1] + 1));
    if (!lines) {
      top = b.createOrFold<arith::MaxSIOp>(top, zero);
      below = b.createOrFold<arith::MinSIOp>(below, shape.input[1]);
    }
    Value firstPixel = pixels->begin(unit.firstTile), lastPixel = pixels->start(unit.lastTile);
    Value left = e.sub(e.mul(firstPixel, e.constant(shape.stride[2])), e.constant(shape.low[2]));
    Value width = e.add(e.mul(e.sub(e.sub(lastPixel, firstPixel), one), e.constant(shape.stride[2])),
                        e.constant((shape.window[2] - 1) * shape.dilation[2] + 1));
    unit.copiedLine = top;
    unit.copiedColumn = left;
    // Pixels [zerosLeft, inside) of a copied line are in the image.
    auto clamp = [&](Value value) {
      return b.createOrFold<arith::MinSIOp>(b.createOrFold<arith::MaxSIOp>(value, zero), width);
    };
    Value zerosLeft = clamp(e.sub(zero, left)), inside = clamp(e.sub(shape.input[2], left));
    countedLoop(b, unit.depthCut.first, unit.depthCut.last, one, [&](Value r) {
      Value plane = e.add(unit.depthCut.origin, e.mul(r, e.constant(shape.dilation[0])));
      Value slot = e.mul(e.sub(r, unit.depthCut.first), slotLines);
      countedLoop(b, top, below, one, [&](Value line) {
        Value row = e.mul(e.add(slot, e.sub(line, top)), slotColumns);
        auto copyLine = [&] {
          zeroPixels(row, zero, zerosLeft);
          copyPixels(unit, plane, line, row, zerosLeft, inside);
          zeroPixels(row, inside, width);
        };
        if (!lines || (shape.low[1] == 0 && shape.high[1] == 0))
          return copyLine();
        Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, line, shape.input[1]);
        auto condition = scf::IfOp::create(b, exists, /*withElseRegion=*/true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(condition.thenBlock());
        copyLine();
        b.setInsertionPointToStart(condition.elseBlock());
        zeroPixels(row, zero, width);
      });
    });
  }

  void zeroPixels(Value row, Value from, Value to) {
    if (sameExtent(from, to))
      return;
    Value step = e.constant(pixelStep);
    ElementEmitter target = kernel.emitter(kernel.machine.lanes(bytes));
    Value first = e.mul(e.add(row, from), step), last = e.mul(e.add(row, to), step);
    vectorLoop(target, kernel.machine, first, last, [&](ElementEmitter &at, Value position) {
      at.store(at.splatConstant(sum, 0), sum, {scratchA}, {e.constant(1)},
               {LaneIndex{position, at.lanes() > 1 ? 1 : 0}});
    });
  }

  void copyPixels(const Unit &unit, Value plane, Value line, Value row, Value from, Value to) {
    Value channelBase = e.mul(unit.group, e.constant(Cg));
    int64_t vectorLanes = kernel.machine.lanes(bytes);
    auto inputIndices = [&](Value column, LaneIndex channel) {
      return shape.indices(e, {unit.image}, {{plane}, {line}, {column}}, channel);
    };
    auto copy = [&](ElementEmitter &at, ArrayRef<LaneIndex> source, Value target) {
      Value value = widenTo(b, at.emit(op.getInput(), source), sum);
      at.store(value, sum, {scratchA}, {e.constant(1)}, {LaneIndex{target, at.lanes() > 1 ? 1 : 0}});
    };
    if (pixelStep == C && inputPitch == C && isa<BlockArgument>(op.getInput())) {
      // The pixels are one run in memory: a tensor of lines for this purpose.
      ElementEmitter source = kernel.emitter(vectorLanes);
      Value length = e.mul(shape.input[2], e.constant(C));
      source.bindExtents(op.getInput(), {e.constant(1), length});
      Value lineNumber = e.add(e.mul(e.add(e.mul(unit.image, shape.input[0]), plane), shape.input[1]), line);
      Value start = e.mul(e.add(unit.copiedColumn, from), e.constant(C));
      Value target = e.mul(e.add(row, from), e.constant(C));
      Value count = e.mul(b.createOrFold<arith::MaxSIOp>(e.sub(to, from), e.constant(0)), e.constant(C));
      vectorLoop(source, kernel.machine, e.constant(0), count, [&](ElementEmitter &at, Value k) {
        LaneIndex lane{e.add(start, k), at.lanes() > 1 ? 1 : 0};
        copy(at, {LaneIndex{lineNumber}, lane}, e.add(target, k));
      });
      return;
    }
    int64_t channelLanes = std::min<int64_t>(vectorLanes, llvm::PowerOf2Ceil(Cg));
    countedLoop(b, from, to, e.constant(1), [&](Value pixel) {
      ElementEmitter source = kernel.emitter(channelLanes);
      Value target = e.mul(e.add(row, pixel), e.constant(pixelStep));
      Value column = e.add(unit.copiedColumn, pixel);
      vectorLoop(source, kernel.machine, e.constant(0), e.constant(Cg), [&](ElementEmitter &at, Value c) {
        LaneIndex lane{e.add(channelBase, c), at.lanes() > 1 ? 1 : 0};
        copy(at, inputIndices(column, lane), e.add(target, c));
      });
    });
  }

  /// The product for `count` pixels of a line from `pixel` on, over the kernel lines of `lineCut`.
  ukernel::BrgemmShape tileShape(const Unit &unit, const WindowCut &lineCut, Value pixel, int64_t count,
                                 const Filters &filters) {
    auto [column, vectors, wanted] = filters;
    ukernel::BrgemmShape tileShape;
    Value stepOfPixel = e.constant(pixelStep), lineStep, planeStep;
    Value inputLine = e.add(lineCut.origin, e.mul(lineCut.first, e.constant(shape.dilation[1])));
    Value inputPixel = e.sub(e.mul(pixel, e.constant(shape.stride[2])), e.constant(shape.low[2]));
    if (copies) {
      tileShape.a = scratchA;
      lineStep = e.mul(slotColumns, stepOfPixel);
      planeStep = e.mul(slotLines, lineStep);
      tileShape.aOffset = e.add(e.mul(e.sub(inputLine, unit.copiedLine), lineStep),
                                e.mul(e.sub(inputPixel, unit.copiedColumn), stepOfPixel));
    } else {
      tileShape.a = kernel.argumentBuffer(cast<BlockArgument>(op.getInput())).memref;
      lineStep = e.mul(shape.input[2], stepOfPixel);
      Value plane = e.mul(shape.input[1], lineStep);
      Value depth = e.add(unit.depthCut.origin, e.mul(unit.depthCut.first, e.constant(shape.dilation[0])));
      planeStep = e.mul(plane, e.constant(shape.dilation[0]));
      Value base = e.mul(e.add(e.mul(unit.image, shape.input[0]), depth), plane);
      tileShape.aOffset = e.add(e.add(base, e.mul(inputLine, lineStep)), e.mul(inputPixel, stepOfPixel));
      tileShape.aOffset = e.add(tileShape.aOffset, e.mul(unit.group, e.constant(Cg)));
    }
    int64_t width = lines ? pixels->height() : count;
    for (int64_t m = 0; m < count; ++m) {
      Value inLine = e.constant(m % width * shape.stride[2] * pixelStep);
      tileShape.rows.push_back(e.add(inLine, e.mul(e.constant(m / width * shape.stride[1]), lineStep)));
    }
    tileShape.aStep = e.constant(1);

    // The batch: kernel depth, kernel lines and, unless they join with the channels, kernel columns.
    int64_t columnK = Cg, lineK = shape.window[2] * columnK, planeK = shape.window[1] * lineK;
    auto batch = [&](Value size, Value aStep, int64_t k) {
      tileShape.batch.push_back(size);
      tileShape.aSteps.push_back(aStep);
      tileShape.bSteps.push_back(e.constant(k * nr));
    };
    batch(unit.depthCut.count, planeStep, planeK);
    batch(lineCut.count, e.mul(lineStep, e.constant(shape.dilation[1])), lineK);
    if (!joined)
      batch(e.constant(shape.window[2]), e.mul(stepOfPixel, e.constant(shape.dilation[2])), columnK);
    tileShape.k = e.constant(joined ? lineK : columnK);

    int64_t depthK = shape.window[0] * planeK, panels = llvm::divideCeil(F, nr);
    tileShape.b = kernel.denseArgument(cast<BlockArgument>(op.getFilter()));
    tileShape.bStep = e.constant(nr);
    tileShape.panelStep = e.constant(depthK * nr);
    Value panel = e.add(e.mul(unit.group, e.constant(panels)), e.div(column, e.constant(nr)));
    Value position = e.add(e.mul(unit.depthCut.first, e.constant(planeK)), e.mul(lineCut.first, e.constant(lineK)));
    Value inPanel = e.mul(e.rem(column, e.constant(nr)), e.constant(kGroup));
    tileShape.bOffset = e.add(e.add(e.mul(panel, tileShape.panelStep), e.mul(position, e.constant(nr))), inPanel);
    tileShape.nr = nr;
    tileShape.kGroup = kGroup;
    tileShape.vectors = vectors;
    tileShape.columns = wanted;
    tileShape.accumulator = VectorType::get({lanes}, sum);
    return tileShape;
  }
};

} // namespace

bool scheduleConvolution(Kernel &kernel, nn::ConvOp op) { return ConvolutionSchedule(kernel, op).run(); }

} // namespace tenon::schedule
