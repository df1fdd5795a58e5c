//===- ConvolutionDepthwise.cpp - convolutions with few channels per group -----------------===//
//
// Expects channels-last data and a filter packed as [1, ceil(F / nr), K, nr]: for a vector of filters, the weights of
// all kernel positions and channels of a group lie one after the other.
//
// A task is a block of lines of an image, or a part of a long one, and where those are few, of filters. For a vector of
// filters it walks the lines, and along a line several pixels at a time: their sums stay in registers, an input pixel
// is loaded once for all sums it belongs to, a weight once for all pixels. Kernel lines outside the image are left out
// by the range of the loop; of windows that leave the image sideways see LineTiles.h.
//
// With one channel and one filter per group, lanes of the input are those of the result. Else lane l wants channel c of
// the group that filter l belongs to: the channels of a vector's groups are one run in memory, which is loaded once and
// whose lanes are picked for each c.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/LineTiles.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

#include <numeric>

using namespace mlir;

namespace tenon::schedule {

namespace {

class DepthwiseSchedule {
public:
  DepthwiseSchedule(Kernel &kernel, nn::ConvOp op)
      : kernel(kernel), op(op), b(kernel.builder), e(kernel.emitter(1)), epilogue(kernel, op.getResult()),
        shape(kernel, op, e) {}

  bool run() {
    std::optional<int64_t> channels = known(shape.channels), filters = known(shape.filters);
    if (!epilogue.isPointwise() || !channels || !filters || !isa<BlockArgument>(op.getFilter()))
      return false;
    F = *filters;
    groupChannels = *channels / shape.groups;
    groupFilters = F / shape.groups;
    choose();
    emitPhase();
    kernel.setPath("depthwise");
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
  int64_t F = 0, groupFilters = 1, groupChannels = 1;
  int64_t nr = 16, lanes = 1, most = 8; ///< `most` pixels at a time
  int64_t period = 1;                   ///< vectors of filters until one starts at the same place in a group
  std::optional<LineTiles> tiles;       ///< of a line
  Value blockLines;
  Value blockFilters, lineBlocks, filterBlocks, partTiles, parts;

  /// A vector of filters.
  struct Filters {
    ElementEmitter *at = nullptr; ///< with its lanes and mask
    Value first;
    int64_t inGroup = 0; ///< the first one's place in its group
    int64_t wanted = 1;
  };

  /// A line of the output for a vector of filters.
  struct Line {
    Value image, depth, part, line;
    WindowCut depthCut, lineCut;
    Filters filters;
  };

  void choose() {
    const Machine &machine = kernel.machine;
    element = cast<RankedTensorType>(op.getInput().getType()).getElementType();
    sum = accumulatorType(element);
    nr = op.getPacking()->getNr();
    lanes = std::min<int64_t>(machine.lanes(llvm::divideCeil(sum.getIntOrFloatBitWidth(), 8)), nr);
    // Sums, the weights of a kernel line and an input pixel in registers; enough sums to hide the latency of the
    // multiply-add.
    int64_t weights = std::min(shape.window[2], unrolledColumns) * groupChannels;
    most = std::clamp<int64_t>(machine.vectorRegisters - weights - 3, 2, 8);
    // More weights than registers are read for each sum, which the latency of few sums would cost more than.
    if (groupChannels > 1)
      most = std::max<int64_t>(most, std::min<int64_t>(machine.vectorRegisters - groupChannels - 4, 8));
    period = groupFilters % lanes == 0 ? 1 : groupFilters / std::gcd(groupFilters, lanes);
    tiles.emplace(e, shape, most);
    partTiles = tiles->partTiles(F);
    parts = tiles->countParts(partTiles);
    Value one = e.constant(1), width = atLeast(one, shape.output[2]);
    Value worth = b.createOrFold<arith::CeilDivUIOp>(e.constant(elementsPerTask),
                                                     e.mul(width, e.constant(std::max<int64_t>(F, 1))));
    blockLines = atLeast(one, atMost(atLeast(worth, sharingLines()), shape.output[1]));
    lineBlocks = b.createOrFold<arith::CeilDivUIOp>(shape.output[1], blockLines);
    chooseFilters(width);
  }

  Value atLeast(Value x, Value y) { return b.createOrFold<arith::MaxUIOp>(x, y); }
  Value atMost(Value x, Value y) { return b.createOrFold<arith::MinUIOp>(x, y); }

  /// Lines in a row that make good use of the input's: a vector of channels finds most of theirs in the first level of
  /// cache, where the line before has left them, and reads one in `fewestShares` again for the next block. One where
  /// the window's lines do not stay there; of a few too many a part does.
  Value sharingLines() {
    constexpr int64_t fewestShares = 8;
    int64_t span = (shape.window[1] - 1) * shape.dilation[1] + 1, overlap = span - shape.stride[1];
    int64_t pixelBytes = *known(kernel.storageExtents(op.getInput()).back()) * storageBytes(op.getInput());
    Value one = e.constant(1), pixels = e.mul(shape.input[2], e.constant(span));
    if (overlap <= 0)
      return one;
    Value stays = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule, pixels,
                                                e.constant(linesThatStay(kernel.machine, pixelBytes) * 5 / 4));
    Value lines = e.constant(llvm::divideCeil(fewestShares * overlap, shape.stride[1]));
    return b.createOrFold<arith::SelectOp>(stays, lines, one);
  }

  /// All filters, unless there are so few blocks of lines that threads would get unequal shares.
  void chooseFilters(Value width) {
    constexpr int64_t wantedTasks = 16;
    Value one = e.constant(1), all = e.constant(F);
    int64_t unit = std::lcm(nr, lanes * period);
    Value tasks = atLeast(e.mul(e.mul(shape.images, shape.output[0]), lineBlocks), one);
    tasks = e.mul(tasks, parts);
    Value worth = b.createOrFold<arith::CeilDivUIOp>(e.constant(elementsPerTask), e.mul(blockLines, width));
    Value mostShares = atLeast(e.div(all, atLeast(worth, e.constant(unit))), one);
    Value shares = b.createOrFold<arith::CeilDivUIOp>(e.constant(wantedTasks), tasks);
    shares = atMost(shares, mostShares);
    Value units = b.createOrFold<arith::CeilDivUIOp>(e.constant(llvm::divideCeil(F, unit)), shares);
    blockFilters = atMost(e.mul(units, e.constant(unit)), all);
    filterBlocks = known(blockFilters) == F ? one : b.createOrFold<arith::CeilDivUIOp>(all, blockFilters);
  }

  void emitPhase() {
    SmallVector<Value> places = {shape.images, shape.output[0], lineBlocks, parts, filterBlocks};
    Value positions = e.constant(shape.window[0] * shape.window[1] * shape.window[2] * groupChannels * F);
    Value products = e.mul(e.mul(shape.images, product(e, shape.output)), positions);
    // A weight and a pixel are loaded for fewer multiply-adds than in a matrix product: about half of its speed.
    Value work =
        contractionWork(kernel, e, e.mul(products, e.constant(2)), llvm::divideCeil(sum.getIntOrFloatBitWidth(), 8));
    kernel.phase(
        product(e, places), work, e.constant(0), kernel.canFail(), [&](Value begin, Value end, Value, Value status) {
          e.setStatus(status);
          countedLoop(b, begin, end, e.constant(1), [&](Value unit) {
            SmallVector<LaneIndex> place = delinearize(e, places, {unit});
            Value firstLine = e.mul(place[2].base, blockLines);
            Value lastLine = b.createOrFold<arith::MinUIOp>(e.add(firstLine, blockLines), shape.output[1]);
            forEachFilters(place[4].base, [&](const Filters &filters) {
              Line line{place[0].base, place[1].base, place[3].base, Value(), cutWindow(e, shape, 0, place[1].base), {},
                        filters};
              countedLoop(b, firstLine, lastLine, e.constant(1), [&](Value number) {
                line.line = number;
                line.lineCut = cutWindow(e, shape, 1, number);
                emitLine(line);
              });
            });
          });
        });
  }

  /// The vectors of a block of filters.
  void forEachFilters(Value block, function_ref<void(const Filters &)> body) {
    ElementEmitter vectors = kernel.emitter(lanes);
    int64_t step = lanes * period, whole = F / step * step;
    Value first = e.constant(0), last = e.constant(F), border = e.constant(whole);
    if (known(filterBlocks) != 1) {
      first = e.mul(block, blockFilters);
      last = b.createOrFold<arith::MinUIOp>(e.add(first, blockFilters), last);
    }
    if (whole > 0)
      countedLoop(b, first, b.createOrFold<arith::MinUIOp>(last, border), e.constant(step), [&](Value filter) {
        for (int64_t v = 0; v < period; ++v)
          body({&vectors, e.add(filter, e.constant(v * lanes)), v * lanes % groupFilters, lanes});
      });
    if (whole == F)
      return;
    Value wanted = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ugt, last, border);
    if (matchPattern(wanted, m_One()))
      return restOfFilters(vectors, whole, body);
    auto condition = scf::IfOp::create(b, wanted, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(condition.thenBlock());
    restOfFilters(vectors, whole, body);
  }

  /// Filters from number `first` on; the last vector is cut, or its lanes go one by one.
  void restOfFilters(ElementEmitter &vectors, int64_t first, function_ref<void(const Filters &)> body) {
    for (; first + lanes <= F; first += lanes)
      body({&vectors, e.constant(first), first % groupFilters, lanes});
    if (first == F)
      return;
    if (!kernel.machine.maskedMemory) {
      ElementEmitter single = kernel.emitter(1);
      return countedLoop(b, e.constant(first), e.constant(F), e.constant(1),
                         [&](Value filter) { body({&single, filter, 0, 1}); });
    }
    ElementEmitter::Scope scope(vectors);
    vectors.setMask(
        vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), ValueRange{e.constant(F - first)}));
    body({&vectors, e.constant(first), first % groupFilters, F - first});
    vectors.setMask(Value());
  }

  void emitLine(const Line &line) {
    tiles->forEach(line.part, partTiles,
                   [&](Value pixel, int64_t count, auto inside) { emitPixels(line, pixel, count, inside); });
  }

  SmallVector<LaneIndex> indices(Value image, Value depth, Value line, Value pixel, LaneIndex channel) {
    return shape.indices(e, {image}, {{depth}, {line}, {pixel}}, channel);
  }

  /// The weights of position number `k`, counted with the channels of a group innermost.
  Value loadWeight(const Line &line, Value k) {
    ElementEmitter &at = *line.filters.at;
    Value width = e.constant(nr), filter = line.filters.first;
    Value K = e.constant(shape.window[0] * shape.window[1] * shape.window[2] * groupChannels);
    LaneIndex inPanel{e.rem(filter, width), at.lanes() > 1 ? 1 : 0};
    Buffer buffer = kernel.argumentBuffer(cast<BlockArgument>(op.getFilter()));
    // Panels are filled with zeros, so that no mask is needed.
    Value outerMask = at.currentMask();
    at.setMask(Value());
    Value weight = at.load(element, buffer, {e.constant(1), K, width}, {{e.div(filter, width)}, {k}, inPanel});
    at.setMask(outerMask);
    return widenTo(b, weight, sum);
  }

  /// What the filters of a line read of the pixel at `indices`, for each channel of their groups.
  SmallVector<Value> loadChannels(const Line &line, function_ref<SmallVector<LaneIndex>(LaneIndex)> indices) {
    const Filters &filters = line.filters;
    ElementEmitter &at = *filters.at;
    if (groupFilters == 1 && groupChannels == 1) {
      ElementEmitter::Scope scope(at);
      return {widenTo(b, at.emit(op.getInput(), indices({filters.first, at.lanes() > 1 ? 1 : 0})), sum)};
    }
    auto groupOf = [&](int64_t lane) { return (filters.inGroup + lane) / groupFilters; };
    Value first = e.mul(e.div(filters.first, e.constant(groupFilters)), e.constant(groupChannels));
    // The run of channels in vectors, the last of which ends with it.
    int64_t length = (groupOf(filters.wanted - 1) + 1) * groupChannels;
    int64_t width = std::min<int64_t>(llvm::bit_floor<uint64_t>(length), at.lanes());
    int64_t count = llvm::divideCeil(length, width), lastStart = length - width;
    ElementEmitter run = kernel.emitter(width);
    SmallVector<Value> loaded;
    for (int64_t v = 0; v < count; ++v) {
      LaneIndex channel{e.add(first, e.constant(v + 1 < count ? v * width : lastStart)), width > 1 ? 1 : 0};
      loaded.push_back(widenTo(b, run.emit(op.getInput(), indices(channel)), sum));
    }
    SmallVector<Value> channels;
    for (int64_t c = 0; c < groupChannels; ++c) {
      if (width == 1) {
        channels.push_back(at.splat(loaded[c]));
        continue;
      }
      auto placeOf = [&](int64_t lane) {
        int64_t place = lane < filters.wanted ? groupOf(lane) * groupChannels + c : 0, whole = (count - 1) * width;
        return place < whole ? place : whole + place - lastStart;
      };
      channels.push_back(pickLanes(b, loaded, at.lanes(), placeOf));
    }
    return channels;
  }

  /// The sums of `count` pixels from `pixel` on, and the epilogue.
  void emitPixels(const Line &line, Value pixel, int64_t count, std::optional<ColumnsInside> inside) {
    ElementEmitter &at = *line.filters.at;
    Value zero = e.constant(0);
    SmallVector<Value> sums(count, at.splatConstant(sum, 0));
    Value origin = e.sub(e.mul(pixel, e.constant(shape.stride[2])), e.constant(shape.low[2]));
    sums = carriedLoops(
        b, {line.depthCut.first, line.lineCut.first}, {line.depthCut.last, line.lineCut.last}, sums,
        [&](ArrayRef<Value> r, ArrayRef<Value> carried) {
          Value plane = e.add(line.depthCut.origin, e.mul(r[0], e.constant(shape.dilation[0])));
          Value row = e.add(line.lineCut.origin, e.mul(r[1], e.constant(shape.dilation[1])));
          Value position = e.mul(e.add(e.mul(r[0], e.constant(shape.window[1])), r[1]), e.constant(shape.window[2]));
          auto input = [&](Value column) {
            return loadChannels(line,
                                [&](LaneIndex channel) { return indices(line.image, plane, row, column, channel); });
          };
          if (inside && shape.window[2] <= unrolledColumns)
            return addColumns(line, position, origin, carried, input, *inside);
          WindowCut cut = inside ? WindowCut{zero, e.constant(shape.window[2]), origin} : cutWindow(e, shape, 2, pixel);
          return carriedLoops(b, {cut.first}, {cut.last}, carried, [&](ArrayRef<Value> s, ArrayRef<Value> inner) {
            SmallVector<Value> weights = loadWeights(line, e.add(position, s[0]));
            Value column = e.add(origin, e.mul(s[0], e.constant(shape.dilation[2])));
            SmallVector<Value> next(inner);
            for (int64_t i = 0; i < count; ++i)
              next[i] = addChannels(input(e.add(column, e.constant(i * shape.stride[2]))), weights, next[i]);
            return next;
          });
        });
    for (int64_t i = 0; i < count; ++i) {
      Value outer = at.lanes() > 1 ? at.currentMask() : Value();
      LaneIndex filter{line.filters.first, at.lanes() > 1 ? 1 : 0};
      epilogue.emit(sums[i], indices(line.image, line.depth, line.line, e.add(pixel, e.constant(i)), filter), outer);
    }
  }

  /// Of the kernel position `column` behind `position`, for each channel of a group.
  SmallVector<Value> loadWeights(const Line &line, Value position, int64_t column = 0) {
    SmallVector<Value> weights;
    Value first = e.mul(position, e.constant(groupChannels));
    for (int64_t c = 0; c < groupChannels; ++c)
      weights.push_back(loadWeight(line, e.add(first, e.constant(column * groupChannels + c))));
    return weights;
  }

  Value addChannels(ArrayRef<Value> channels, ArrayRef<Value> weights, Value acc) {
    for (auto [x, weight] : llvm::zip_equal(channels, weights))
      acc = multiplyAdd(b, x, weight, acc);
    return acc;
  }

  /// One kernel line, as far as it is `inside`: each input pixel is loaded once.
  SmallVector<Value> addColumns(const Line &line, Value position, Value origin, ArrayRef<Value> carried,
                                function_ref<SmallVector<Value>(Value)> input, const ColumnsInside &inside) {
    SmallVector<Value> next(carried);
    SmallVector<SmallVector<Value>> weights;
    for (int64_t s = 0; s < shape.window[2]; ++s)
      weights.push_back(loadWeights(line, position, s));
    // By input pixels, so that one at a time is in registers.
    std::map<int64_t, SmallVector<std::pair<int64_t, int64_t>>> readers;
    for (int64_t s = 0; s < shape.window[2]; ++s)
      for (int64_t i = 0; i < static_cast<int64_t>(next.size()); ++i) {
        int64_t column = i * shape.stride[2] + s * shape.dilation[2];
        if (inside.holds(column))
          readers[column].push_back({i, s});
      }
    for (auto &[offset, places] : readers) {
      SmallVector<Value> x = input(e.add(origin, e.constant(offset)));
      for (auto [i, s] : places)
        next[i] = addChannels(x, weights[s], next[i]);
    }
    return next;
  }
};

} // namespace

bool scheduleDepthwise(Kernel &kernel, nn::ConvOp op) {
  // The form of the packed filter says how Layout found the convolution to be summed.
  return op.isPackedAcrossGroups() && op.getChannelsLast() && DepthwiseSchedule(kernel, op).run();
}

} // namespace tenon::schedule
