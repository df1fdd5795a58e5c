//===- Planes.cpp - windows over channels-first planes, vectors along their lines ----------===//
//
// Expects nn::isPlanewise: pooling, or a convolution with one channel in a group. A task is a block of lines, or of
// parts of long ones, of one plane of the result. The lines of the input that it reads are copied into scratch, in the
// type that is accumulated in, with what a window sees outside of the image around them; columns that are a stride
// apart lie side by side there. So every window lies inside, each of its columns is a vector that is a constant away,
// and borders, strides, narrow floats and ops in front of the window cost one pass that is short beside the windows.
//
// For a vector of pixels, several lines of the result are computed together in registers: a vector of the input is
// loaded once for all lines that read it, and a weight once for all lines.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Convolution.h"
#include "dialects/nn/NnPlanes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

class PlaneSchedule {
public:
  template <typename Op>
  PlaneSchedule(Kernel &kernel, Op op)
      : kernel(kernel), convolution(dyn_cast<nn::ConvOp>(op.getOperation())),
        pool(dyn_cast<nn::PoolOp>(op.getOperation())), input(op.getInput()), b(kernel.builder), e(kernel.emitter(1)),
        epilogue(kernel, op.getResult()), shape(kernel, op, e), scratchPlan(e) {}

  bool run() {
    element = cast<RankedTensorType>(input.getType()).getElementType();
    sum = accumulatorType(element);
    reduced = isa<FloatType>(sum) ? sum : element;
    divides = pool && llvm::is_contained({nn::PoolKind::average, nn::PoolKind::average_include_pad}, pool.getKind());
    if (!epilogue.isPointwise() || (divides && !isa<FloatType>(sum)))
      return false;
    if (pool)
      kind = pool.getKind() == nn::PoolKind::max ? nn::ReduceKind::max : nn::ReduceKind::sum;
    choose();
    emitPhase();
    kernel.setPath("planes");
    return true;
  }

private:
  Kernel &kernel;
  nn::ConvOp convolution; ///< this or the next is null
  nn::PoolOp pool;
  Value input;
  ImplicitLocOpBuilder &b;
  ElementEmitter e;
  Epilogue epilogue;
  ConvolutionShape shape;

  Type element, sum;
  Type reduced; ///< `sum` with the sign of integers
  nn::ReduceKind kind = nn::ReduceKind::sum;
  bool divides = false;
  int64_t lanes = 1, most = 8; ///< `most` lines at a time
  std::array<int64_t, 3> span; ///< of a window, in pixels of the input

  // A line of the input in scratch: for each of `stride` columns a run of pixels, as many as vectors of results read.
  Value runLength, linePitch;
  Value blockColumns;             ///< of the result
  Value blockLines, scratchLines; ///< of the result and of the input
  ScratchPlan scratchPlan;
  size_t planePart = 0, countPart = 0, restPart = 0;
  Value planes, counts, restLanes; ///< memory of a task
  Value status;

  /// A block of lines, or of parts of them, of one plane of the result.
  struct Block {
    Value image, plane, depth, firstLine, firstColumn;
    Value lines, columns;
    WindowCut depthCut;
  };

  Value atMost(Value x, Value y) { return b.createOrFold<arith::MinUIOp>(x, y); }
  Value roundUp(Value x, int64_t step) {
    return e.mul(b.createOrFold<arith::CeilDivUIOp>(x, e.constant(step)), e.constant(step));
  }

  void choose() {
    const Machine &machine = kernel.machine;
    int64_t bytes = llvm::divideCeil(sum.getIntOrFloatBitWidth(), 8);
    Value width = shape.output[2];
    lanes = machine.lanes(bytes);
    if (std::optional<int64_t> pixels = known(width))
      lanes = std::min<int64_t>(lanes, llvm::PowerOf2Ceil(std::max<int64_t>(*pixels, 1)));
    for (int64_t d = 0; d < 3; ++d)
      span[d] = (shape.window[d] - 1) * shape.dilation[d] + 1;
    // Sums, the weights of a column of the window, and two vectors of pixels.
    most = std::clamp<int64_t>(machine.vectorRegisters - shape.window[1] - 2, 2, 8);
    if (epilogue.isLong())
      most = 2;
    chooseColumns(bytes);
    runLength = e.add(roundUp(blockColumns, lanes), e.constant((span[2] - 1) / shape.stride[2]));
    linePitch = e.mul(runLength, e.constant(shape.stride[2]));
    chooseLines(bytes);
    // The last vector of a line may write over its end.
    Value pixels = e.mul(e.mul(e.constant(shape.window[0]), scratchLines), linePitch);
    planePart = scratchPlan.reserve(sum, e.add(pixels, e.constant(lanes)));
    restPart = scratchPlan.reserve(sum, e.constant(lanes));
    if (divides)
      countPart = scratchPlan.reserve(sum, roundUp(blockColumns, lanes));
  }

  /// Whole lines, unless half of the first level of cache has no room for as many as are computed together.
  void chooseColumns(int64_t bytes) {
    constexpr int64_t fewestVectors = 4;
    int64_t lines = std::min((most - 1) * shape.stride[1] + span[1], known(shape.input[1]).value_or(span[1] + most));
    int64_t pixels = kernel.machine.l1Bytes / 2 / (bytes * shape.window[0] * lines * shape.stride[2]);
    int64_t fits = std::max(pixels / lanes, fewestVectors) * lanes;
    blockColumns = atMost(shape.output[2], e.constant(fits));
    if (std::optional<int64_t> width = known(shape.output[2]); width && *width > fits)
      blockColumns = roundUp(e.constant(llvm::divideCeil(*width, llvm::divideCeil(*width, fits))), lanes);
  }

  /// As many lines as half of the first level of cache has room for, in equal blocks where that is possible.
  void chooseLines(int64_t bytes) {
    Value planeBytes = e.mul(linePitch, e.constant(bytes * shape.window[0]));
    planeBytes = b.createOrFold<arith::MaxUIOp>(planeBytes, e.constant(1));
    Value room = e.div(e.constant(kernel.machine.l1Bytes / 2), planeBytes);
    Value least = e.constant(most), one = e.constant(1);
    Value above = b.createOrFold<arith::MaxUIOp>(room, e.constant(span[1]));
    Value fits = e.add(e.div(e.sub(above, e.constant(span[1])), e.constant(shape.stride[1])), one);
    blockLines = atMost(b.createOrFold<arith::MaxUIOp>(fits, least), shape.output[1]);
    blockLines = b.createOrFold<arith::MaxUIOp>(blockLines, one);
    std::optional<int64_t> lines = known(shape.output[1]), mostLines = known(blockLines);
    if (lines && mostLines && *lines > 0) {
      int64_t blocks = llvm::divideCeil(*lines, *mostLines), equal = blocks;
      while (equal < 2 * blocks && *lines % equal != 0)
        ++equal;
      blockLines = e.constant(llvm::divideCeil(*lines, *lines % equal == 0 ? equal : blocks));
    }
    Value steps = e.mul(e.sub(blockLines, one), e.constant(shape.stride[1]));
    scratchLines = e.add(steps, e.constant(span[1]));
  }

  /// Estimated nanoseconds of all results.
  Value work() {
    Value results = e.mul(e.mul(shape.images, shape.filters), product(e, shape.output));
    if (pool)
      return kernel.workOf(results);
    int64_t positions = shape.window[0] * shape.window[1] * shape.window[2];
    Value products = e.mul(results, e.constant(2 * positions));
    return contractionWork(kernel, e, products, llvm::divideCeil(sum.getIntOrFloatBitWidth(), 8));
  }

  void emitPhase() {
    Value one = e.constant(1), lineBlocks = b.createOrFold<arith::CeilDivUIOp>(shape.output[1], blockLines);
    Value columnBlocks =
        b.createOrFold<arith::CeilDivUIOp>(shape.output[2], b.createOrFold<arith::MaxUIOp>(blockColumns, one));
    SmallVector<Value> places = {shape.images, shape.filters, shape.output[0], lineBlocks, columnBlocks};
    // Parts are equal, but for the last.
    auto partOf = [&](Value whole, Value part, Value start) {
      return isDivisor(part, whole) ? part : atMost(part, e.sub(whole, start));
    };
    kernel.phase(product(e, places), work(), scratchPlan.bytes(), kernel.canFail(),
                 [&](Value begin, Value end, Value scratch, Value status) {
                   this->status = status;
                   planes = scratchPlan.view(scratch, planePart);
                   restLanes = scratchPlan.view(scratch, restPart);
                   bool isWhole = known(columnBlocks) == 1;
                   if (divides)
                     counts = scratchPlan.view(scratch, countPart);
                   if (divides && isWhole)
                     countColumns(e.constant(0), blockColumns);
                   forEachPlace(e, places, begin, end, [&](ArrayRef<LaneIndex> place) {
                     Block block;
                     block.image = place[0].base, block.plane = place[1].base, block.depth = place[2].base;
                     block.firstLine = e.mul(place[3].base, blockLines);
                     block.firstColumn = isWhole ? e.constant(0) : e.mul(place[4].base, blockColumns);
                     block.lines = partOf(shape.output[1], blockLines, block.firstLine);
                     block.columns = partOf(shape.output[2], blockColumns, block.firstColumn);
                     block.depthCut = cutWindow(e, shape, 0, block.depth);
                     if (divides && !isWhole)
                       countColumns(block.firstColumn, block.columns);
                     copyPlanes(block);
                     emitBlock(block);
                   });
                 });
  }

  static bool isDivisor(Value part, Value whole) {
    std::optional<int64_t> x = known(part), y = known(whole);
    return x && y && *y % *x == 0;
  }

  //===--------------------------------------------------------------------===//
  // The input's lines in scratch
  //===--------------------------------------------------------------------===//

  void copyPlanes(const Block &block) {
    // The channel that a filter reads: there are as many filters for each.
    Value perChannel = e.div(shape.filters, shape.channels);
    Value channel = convolution ? e.div(block.plane, perChannel) : block.plane;
    Value zero = e.constant(0), one = e.constant(1);
    Value firstLine = e.sub(e.mul(block.firstLine, e.constant(shape.stride[1])), e.constant(shape.low[1]));
    Value lines = e.add(e.mul(e.sub(block.lines, one), e.constant(shape.stride[1])), e.constant(span[1]));
    countedLoop(b, block.depthCut.first, block.depthCut.last, one, [&](Value r) {
      Value depth = e.add(block.depthCut.origin, e.mul(r, e.constant(shape.dilation[0])));
      countedLoop(b, zero, lines, one, [&](Value number) {
        Value line = e.add(firstLine, number), to = e.mul(e.add(e.mul(r, scratchLines), number), linePitch);
        auto copy = [&] {
          copyLine(to, block.firstColumn, [&](ElementEmitter &at, LaneIndex column) {
            Value pixels = at.emit(input, shape.indices(e, {block.image}, {{depth}, {line}, column}, {channel}));
            return widenTo(b, pixels, sum);
          });
        };
        if (shape.low[1] == 0 && shape.high[1] == 0 && !shape.standsOut)
          return copy();
        Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, line, shape.input[1]);
        auto choice = scf::IfOp::create(b, inside, /*withElseRegion=*/true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(choice.thenBlock());
        copy();
        b.setInsertionPointToStart(choice.elseBlock());
        for (int64_t phase = 0; phase < shape.stride[2]; ++phase)
          fill(e.add(to, e.mul(e.constant(phase), runLength)), runLength);
      });
    });
  }

  /// What a window sees outside of the image: `count` pixels from `to` on, and up to a vector more.
  void fill(Value to, Value count) {
    ElementEmitter vectors = kernel.emitter(lanes);
    Value outside = pool ? vectors.neutral(kind, reduced) : vectors.splatConstant(sum, 0);
    auto store = [&](Value at) { storePixels(outside, e.add(to, at)); };
    constexpr int64_t mostInRow = 4;
    if (std::optional<int64_t> pixels = known(count); pixels && *pixels <= mostInRow * lanes) {
      for (int64_t at = 0; at < *pixels; at += lanes)
        store(e.constant(at));
      return;
    }
    countedLoop(b, e.constant(0), count, e.constant(lanes), store);
  }

  void storePixels(Value pixels, Value at) {
    if (isa<VectorType>(pixels.getType()))
      vector::StoreOp::create(b, pixels, planes, at);
    else
      memref::StoreOp::create(b, pixels, planes, at);
  }

  /// The columns that windows from `firstColumn` on see. Runs are written in the order they lie in: what a vector
  /// writes behind one is not written yet.
  void copyLine(Value to, Value firstColumn, function_ref<Value(ElementEmitter &, LaneIndex)> pixels) {
    Value zero = e.constant(0), stride = e.constant(shape.stride[2]);
    auto count = [&](Value columns) {
      return b.createOrFold<arith::CeilDivUIOp>(b.createOrFold<arith::MaxSIOp>(columns, zero), stride);
    };
    for (int64_t phase = 0; phase < shape.stride[2]; ++phase) {
      Value run = e.add(to, e.mul(e.constant(phase), runLength));
      Value origin = e.add(e.mul(firstColumn, stride), e.constant(phase - shape.low[2]));
      Value outside = atMost(count(e.sub(zero, origin)), runLength), room = e.sub(runLength, outside);
      Value column = e.add(origin, e.mul(outside, stride));
      Value inside = atMost(count(e.sub(shape.input[2], column)), room);
      fill(run, outside);
      Value begin = e.add(run, outside);
      auto copy = [&](ElementEmitter &at, Value pixel) {
        LaneIndex index{e.add(column, e.mul(pixel, stride)), at.lanes() > 1 ? shape.stride[2] : 0};
        storePixels(pixels(at, index), e.add(begin, pixel));
      };
      runLoop(inside, copy, lanes);
      fill(e.add(begin, inside), e.sub(room, inside));
    }
  }

  /// The pixels [0, count) in the longest vectors that they fill, the last of which ends with them.
  void runLoop(Value count, function_ref<void(ElementEmitter &, Value)> body, int64_t mostLanes) {
    std::optional<int64_t> pixels = known(count);
    if (pixels && *pixels < mostLanes)
      mostLanes = llvm::bit_floor<uint64_t>(*pixels);
    if (mostLanes == 0)
      return;
    ElementEmitter vectors = kernel.emitter(mostLanes);
    vectors.setStatus(status);
    auto vectorAt = [&](Value pixel) {
      ElementEmitter::Scope scope(vectors);
      body(vectors, pixel);
    };
    auto inVectors = [&] {
      Value step = e.constant(mostLanes), whole = e.mul(e.div(count, step), step);
      countedLoop(b, e.constant(0), whole, step, vectorAt);
      if (known(e.sub(count, whole)) != 0)
        vectorAt(e.sub(count, step));
    };
    if (pixels || mostLanes == 1)
      return inVectors();
    Value isLong = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, count, e.constant(mostLanes));
    auto choice = scf::IfOp::create(b, isLong, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    inVectors();
    b.setInsertionPointToStart(choice.elseBlock());
    runLoop(count, body, mostLanes > 4 ? mostLanes / 2 : 1);
  }

  //===--------------------------------------------------------------------===//
  // Windows
  //===--------------------------------------------------------------------===//

  void emitBlock(const Block &block) {
    Value whole = e.mul(e.div(block.columns, e.constant(lanes)), e.constant(lanes)), rest = e.sub(block.columns, whole);
    RowTiles tiles(e, block.lines, most);
    tiles.forEach(e.constant(0), tiles.count(), [&](Value line, int64_t count) {
      if (known(whole) != 0)
        countedLoop(b, e.constant(0), whole, e.constant(lanes),
                    [&](Value pixel) { emitTile(block, line, count, pixel, Value()); });
      if (known(rest) == 0)
        return;
      // Pixels that two vectors share are computed twice, with the same bits.
      if (known(block.columns).value_or(0) >= lanes)
        return emitTile(block, line, count, e.sub(block.columns, e.constant(lanes)), Value());
      if (known(rest))
        return emitTile(block, line, count, whole, rest);
      Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, rest, e.constant(0));
      auto condition = scf::IfOp::create(b, some, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(condition.thenBlock());
      emitTile(block, line, count, whole, rest);
    });
  }

  /// A vector of pixels from `pixel` on in `count` lines; `wanted` of its lanes, or null: all.
  void emitTile(const Block &block, Value line, int64_t count, Value pixel, Value wanted) {
    ElementEmitter at = kernel.emitter(lanes);
    SmallVector<Value> sums(count, pool ? at.neutral(kind, reduced) : at.splatConstant(sum, 0));
    auto addPlane = [&](Value r, ArrayRef<Value> carried) {
      Value first = e.add(e.mul(r, scratchLines), e.mul(line, e.constant(shape.stride[1])));
      Value begin = e.add(e.mul(first, linePitch), pixel);
      return pool ? reducePlane(at, begin, carried) : multiplyPlane(at, block, r, begin, carried);
    };
    if (shape.window[0] == 1 && known(block.depthCut.count) == 1)
      sums = addPlane(e.constant(0), sums);
    else
      sums = carriedLoops(b, {block.depthCut.first}, {block.depthCut.last}, sums,
                          [&](ArrayRef<Value> r, ArrayRef<Value> carried) { return addPlane(r[0], carried); });
    for (int64_t i = 0; i < count; ++i) {
      Value place = e.add(block.firstLine, e.add(line, e.constant(i)));
      if (divides)
        sums[i] = arith::DivFOp::create(b, sums[i], positions(at, block, place, pixel));
      emitResults(block, place, e.add(block.firstColumn, pixel), wanted, sums[i]);
    }
  }

  void emitResults(const Block &block, Value line, Value pixel, Value wanted, Value results) {
    auto emit = [&](Value results, LaneIndex column, Value mask) {
      epilogue.emit(results, shape.indices(e, {block.image}, {{block.depth}, {line}, column}, {block.plane}), mask);
    };
    if (lanes == 1)
      return emit(results, {pixel}, Value());
    if (!wanted)
      return emit(results, {pixel, 1}, Value());
    if (kernel.machine.maskedMemory) {
      Value mask = vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), ValueRange{wanted});
      return emit(results, {pixel, 1}, mask);
    }
    // Through memory: LLVM computes an extracted lane apart from the others.
    vector::StoreOp::create(b, results, restLanes, e.constant(0));
    countedLoop(b, e.constant(0), wanted, e.constant(1),
                [&](Value lane) { emit(memref::LoadOp::create(b, restLanes, lane), {e.add(pixel, lane)}, Value()); });
  }

  /// The vector of pixels that column `column` of the windows sees in line `line`, from the first window's on.
  Value load(Value begin, int64_t line, int64_t column) {
    int64_t offset = column * shape.dilation[2];
    Value run = e.add(e.mul(e.constant(line), linePitch), e.mul(e.constant(offset % shape.stride[2]), runLength));
    Value at = e.add(begin, e.add(run, e.constant(offset / shape.stride[2])));
    return lanes == 1 ? Value(memref::LoadOp::create(b, planes, at))
                      : Value(vector::LoadOp::create(b, VectorType::get({lanes}, sum), planes, at));
  }

  /// Calls `body` for each line of the input that windows of `count` lines of the result see.
  template <typename Body> void forEachLine(int64_t count, Body body) {
    int64_t last = (count - 1) * shape.stride[1] + span[1];
    for (int64_t line = 0; line < last; ++line) {
      SmallVector<std::pair<int64_t, int64_t>> readers; // of the result, and the window's line
      for (int64_t i = 0; i < count; ++i)
        if (int64_t within = line - i * shape.stride[1];
            within >= 0 && within % shape.dilation[1] == 0 && within / shape.dilation[1] < shape.window[1])
          readers.push_back({i, within / shape.dilation[1]});
      if (!readers.empty())
        body(line, readers);
    }
  }

  /// A line's columns are reduced once for all windows that see it.
  SmallVector<Value> reducePlane(ElementEmitter &at, Value begin, ArrayRef<Value> carried) {
    SmallVector<Value> next(carried);
    forEachLine(next.size(), [&](int64_t line, ArrayRef<std::pair<int64_t, int64_t>> readers) {
      Value along = load(begin, line, 0);
      for (int64_t column = 1; column < shape.window[2]; ++column)
        along = at.combine(kind, reduced, along, load(begin, line, column));
      for (auto [i, within] : readers)
        next[i] = at.combine(kind, reduced, next[i], along);
    });
    return next;
  }

  SmallVector<Value> multiplyPlane(ElementEmitter &at, const Block &block, Value r, Value begin,
                                   ArrayRef<Value> carried) {
    SmallVector<Value> next(carried);
    for (int64_t column = 0; column < shape.window[2]; ++column) {
      SmallVector<Value> weights;
      for (int64_t line = 0; line < shape.window[1]; ++line)
        weights.push_back(weight(at, block, r, line, column));
      forEachLine(next.size(), [&](int64_t line, ArrayRef<std::pair<int64_t, int64_t>> readers) {
        Value pixels = load(begin, line, column);
        for (auto [i, within] : readers)
          next[i] = multiplyAdd(b, pixels, weights[within], next[i]);
      });
    }
    return next;
  }

  /// One weight in all lanes.
  Value weight(ElementEmitter &at, const Block &block, Value r, int64_t line, int64_t column) {
    SmallVector<LaneIndex> place(shape.spatial + 2, LaneIndex{e.constant(0)});
    place.front() = {block.plane};
    std::array<Value, 3> position = {r, e.constant(line), e.constant(column)};
    for (int64_t d = 0; d < 3; ++d)
      if (shape.dimension[d] >= 0)
        place[2 + shape.dimension[d]] = {position[d]};
    ElementEmitter::Scope scope(at);
    return widenTo(b, at.emit(convolution.getFilter(), place), sum);
  }

  //===--------------------------------------------------------------------===//
  // Averages
  //===--------------------------------------------------------------------===//

  /// The pixels outside of the image in front of and behind dimension `d` that count.
  std::pair<int64_t, int64_t> countedPads(int64_t d) {
    bool isPadded = pool.getKind() == nn::PoolKind::average_include_pad;
    return {isPadded ? shape.low[d] : 0, isPadded ? shape.high[d] : 0};
  }

  /// Positions of a window in dimension `d` that count.
  Value countAlong(int64_t d, Value position) {
    auto [low, high] = countedPads(d);
    Value origin = e.sub(e.mul(position, e.constant(shape.stride[d])), e.constant(shape.low[d])), count = e.constant(0);
    Value extent = e.add(shape.input[d], e.constant(low + high));
    for (int64_t k = 0; k < shape.window[d]; ++k) {
      Value place = e.add(origin, e.constant(k * shape.dilation[d] + low));
      Value inside = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, place, extent);
      count = e.add(count, b.createOrFold<arith::SelectOp>(inside, e.constant(1), e.constant(0)));
    }
    return count;
  }

  Value asSum(Value count) {
    return arith::SIToFPOp::create(b, sum, arith::IndexCastOp::create(b, b.getI64Type(), count));
  }

  /// For `columns` of the result from `first` on, and up to a vector more, how many of the window's columns count.
  void countColumns(Value first, Value columns) {
    countedLoop(b, e.constant(0), roundUp(columns, lanes), e.constant(1), [&](Value column) {
      memref::StoreOp::create(b, asSum(countAlong(2, e.add(first, column))), counts, column);
    });
  }

  /// How many positions of the windows of a vector of pixels count.
  Value positions(ElementEmitter &at, const Block &block, Value line, Value pixel) {
    Value columns = lanes == 1 ? Value(memref::LoadOp::create(b, counts, pixel))
                               : Value(vector::LoadOp::create(b, VectorType::get({lanes}, sum), counts, pixel));
    Value lines = asSum(e.mul(countAlong(0, block.depth), countAlong(1, line)));
    return arith::MulFOp::create(b, columns, at.splat(lines));
  }
};

} // namespace

bool schedulePlanes(Kernel &kernel) {
  Operation *window = nullptr;
  for (Operation *op : kernel.ops()) {
    if (!isa<nn::PoolOp, nn::ConvOp>(op))
      continue;
    if (window)
      return false;
    window = op;
  }
  if (!window || !nn::isPlanewise(window))
    return false;
  if (auto pool = dyn_cast<nn::PoolOp>(window))
    return !pool.getChannelsLast() && PlaneSchedule(kernel, pool).run();
  auto convolution = cast<nn::ConvOp>(window);
  return !convolution.getChannelsLast() && PlaneSchedule(kernel, convolution).run();
}

} // namespace tenon::schedule
