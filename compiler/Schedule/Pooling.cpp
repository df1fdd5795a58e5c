//===- Pooling.cpp - channels-last pooling, several pixels at a time -----------------------===//
//
// Expects channels-last data. As ConvolutionDepthwise.cpp without weights: a task is a block of lines of an image, or a
// part of a long one; for a vector of channels several pixels of a line are reduced together in registers, and an input
// pixel is loaded once for all windows that it belongs to. Windows that leave the line are cut as there.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/LineTiles.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

class PoolingSchedule {
public:
  PoolingSchedule(Kernel &kernel, nn::PoolOp op)
      : kernel(kernel), op(op), b(kernel.builder), e(kernel.emitter(1)), epilogue(kernel, op.getResult()),
        shape(kernel, op, e) {}

  bool run() {
    std::optional<int64_t> channels = known(shape.channels);
    element = cast<RankedTensorType>(op.getInput().getType()).getElementType();
    sum = accumulatorType(element);
    reduced = isa<FloatType>(sum) ? sum : element;
    bool divides = op.getKind() == nn::PoolKind::average || op.getKind() == nn::PoolKind::average_include_pad;
    if (!epilogue.isPointwise() || !channels || (divides && !isa<FloatType>(sum)))
      return false;
    C = *channels;
    choose();
    emitPhase();
    kernel.setPath("pooling");
    return true;
  }

private:
  Kernel &kernel;
  nn::PoolOp op;
  ImplicitLocOpBuilder &b;
  ElementEmitter e;
  Epilogue epilogue;
  ConvolutionShape shape;

  Type element, sum;
  Type reduced;                       ///< `sum` with the sign of integers
  int64_t C = 0, lanes = 1, most = 8; ///< `most` pixels at a time
  std::optional<LineTiles> tiles;     ///< of a line
  Value partTiles;
  Value blockLines;
  bool far = false; ///< the input is asked for ahead
  Value status;

  /// A line of the output.
  struct Line {
    Value image, depth, part, line;
    WindowCut depthCut, lineCut;
  };
  /// A vector of channels, and the emitter with its lanes and mask.
  struct Channels {
    Value first;
    ElementEmitter &at;
  };

  void choose() {
    const Machine &machine = kernel.machine;
    lanes = machine.lanes(llvm::divideCeil(sum.getIntOrFloatBitWidth(), 8));
    lanes = std::min<int64_t>(lanes, llvm::PowerOf2Ceil(std::max<int64_t>(C, 1)));
    // A maximum takes two registers beside its operands.
    most = std::clamp<int64_t>(machine.vectorRegisters / 4, 2, 8);
    tiles.emplace(e, shape, most);
    partTiles = tiles->partTiles(C);
    far = isFar(kernel, shape, op.getInput());
    Value lineElements = b.createOrFold<arith::MaxUIOp>(e.mul(shape.output[2], e.constant(C)), e.constant(1));
    blockLines = b.createOrFold<arith::CeilDivUIOp>(e.constant(elementsPerTask), lineElements);
  }

  void emitPhase() {
    Value lineBlocks = b.createOrFold<arith::CeilDivUIOp>(shape.output[1], blockLines);
    SmallVector<Value> places = {shape.images, shape.output[0], lineBlocks, tiles->countParts(partTiles)};
    Value elements = e.mul(e.mul(shape.images, product(e, shape.output)), e.constant(C));
    kernel.phase(
        product(e, places), kernel.workOf(elements), e.constant(0), kernel.canFail(),
        [&](Value begin, Value end, Value, Value status) {
          e.setStatus(status);
          this->status = status;
          countedLoop(b, begin, end, e.constant(1), [&](Value unit) {
            SmallVector<LaneIndex> place = delinearize(e, places, {unit});
            Value firstLine = e.mul(place[2].base, blockLines);
            Value lastLine = b.createOrFold<arith::MinUIOp>(e.add(firstLine, blockLines), shape.output[1]);
            WindowCut depthCut = cutWindow(e, shape, 0, place[1].base);
            countedLoop(b, firstLine, lastLine, e.constant(1), [&](Value number) {
              emitLine({place[0].base, place[1].base, place[3].base, number, depthCut, cutWindow(e, shape, 1, number)});
            });
          });
        });
  }

  void emitLine(const Line &line) {
    tiles->forEach(line.part, partTiles,
                   [&](Value pixel, int64_t count, auto inside) { emitPixels(line, pixel, count, inside); });
  }

  SmallVector<LaneIndex> indices(const Line &line, const Channels &channels, Value depth, Value row, Value pixel) {
    LaneIndex channel{channels.first, channels.at.lanes() > 1 ? 1 : 0};
    return shape.indices(e, {line.image}, {{depth}, {row}, {pixel}}, channel);
  }

  /// `count` pixels from `pixel` on, all channels of theirs.
  void emitPixels(const Line &line, Value pixel, int64_t count, std::optional<ColumnsInside> inside) {
    ElementEmitter vectors = kernel.emitter(lanes);
    vectors.setStatus(status);
    vectorLoop(vectors, kernel.machine, e.constant(0), e.constant(C),
               [&](ElementEmitter &at, Value channel) { emitChannels(line, {channel, at}, pixel, count, inside); });
  }

  void emitChannels(const Line &line, const Channels &channels, Value pixel, int64_t count,
                    std::optional<ColumnsInside> inside) {
    ElementEmitter &at = channels.at;
    nn::ReduceKind kind = op.getKind() == nn::PoolKind::max ? nn::ReduceKind::max : nn::ReduceKind::sum;
    Value origin = e.sub(e.mul(pixel, e.constant(shape.stride[2])), e.constant(shape.low[2]));
    Value all = e.constant(shape.window[2]);
    WindowCut columns = inside ? WindowCut{e.constant(0), all, origin, all} : cutWindow(e, shape, 2, pixel);
    SmallVector<Value> results(count, at.neutral(kind, reduced));
    results = carriedLoops(
        b, {line.depthCut.first, line.lineCut.first}, {line.depthCut.last, line.lineCut.last}, results,
        [&](ArrayRef<Value> r, ArrayRef<Value> carried) {
          Value plane = e.add(line.depthCut.origin, e.mul(r[0], e.constant(shape.dilation[0])));
          Value row = e.add(line.lineCut.origin, e.mul(r[1], e.constant(shape.dilation[1])));
          auto input = [&](Value column) {
            ElementEmitter::Scope scope(at);
            return widenTo(b, at.emit(op.getInput(), indices(line, channels, plane, row, column)), sum);
          };
          if (inside && shape.window[2] <= unrolledColumns)
            return addColumns(at, kind, origin, carried, *inside, [&](Value column) {
              if (far && count == most && inside->holdsAll()) {
                Value next = e.add(column, e.constant(most * shape.stride[2]));
                askAhead(kernel, e, op.getInput(), indices(line, channels, plane, row, next));
              }
              return input(column);
            });
          return carriedLoops(b, {columns.first}, {columns.last}, carried, [&](ArrayRef<Value> s, ArrayRef<Value> acc) {
            Value column = e.add(origin, e.mul(s[0], e.constant(shape.dilation[2])));
            SmallVector<Value> next;
            for (int64_t i = 0; i < count; ++i)
              next.push_back(at.combine(kind, reduced, acc[i], input(e.add(column, e.constant(i * shape.stride[2])))));
            return next;
          });
        });
    for (int64_t i = 0; i < count; ++i) {
      Value place = e.add(pixel, e.constant(i)), mask = at.lanes() > 1 ? at.currentMask() : Value();
      Value wide = inside && !inside->holdsAll() ? cutWindow(e, shape, 2, place).count : columns.count;
      Value result = average(at, line, results[i], wide, place);
      epilogue.emit(result, indices(line, channels, line.depth, line.line, place), mask);
    }
  }

  /// One kernel line, as far as it is `inside`: each input pixel is loaded once.
  SmallVector<Value> addColumns(ElementEmitter &at, nn::ReduceKind kind, Value origin, ArrayRef<Value> carried,
                                const ColumnsInside &inside, function_ref<Value(Value)> input) {
    SmallVector<Value> next(carried);
    std::map<int64_t, Value> loaded;
    for (int64_t s = 0; s < shape.window[2]; ++s)
      for (int64_t i = 0; i < static_cast<int64_t>(next.size()); ++i) {
        int64_t offset = i * shape.stride[2] + s * shape.dilation[2];
        if (!inside.holds(offset))
          continue;
        Value &x = loaded[offset];
        if (!x)
          x = input(e.add(origin, e.constant(offset)));
        next[i] = at.combine(kind, reduced, next[i], x);
      }
    return next;
  }

  /// The sum of a window, divided by the number of its positions where the op asks for that. `columns` are inside.
  Value average(ElementEmitter &at, const Line &line, Value total, Value columns, Value pixel) {
    Value count;
    if (op.getKind() == nn::PoolKind::average) {
      count = e.mul(e.mul(line.depthCut.count, line.lineCut.count), columns);
    } else if (op.getKind() == nn::PoolKind::average_include_pad) {
      count = e.mul(e.mul(paddedCount(0, line.depth), paddedCount(1, line.line)), paddedCount(2, pixel));
    } else {
      return total;
    }
    Value divisor = arith::SIToFPOp::create(b, sum, arith::IndexCastOp::create(b, b.getI64Type(), count));
    return arith::DivFOp::create(b, total, at.splat(divisor));
  }

  /// Kernel positions of dimension `d` inside of the padded input: a window may stand out behind it (ceil_mode).
  Value paddedCount(int64_t d, Value position) {
    Value origin = e.sub(e.mul(position, e.constant(shape.stride[d])), e.constant(shape.low[d]));
    Value room = e.sub(e.add(shape.input[d], e.constant(shape.high[d])), origin);
    Value count = b.createOrFold<arith::CeilDivUIOp>(room, e.constant(shape.dilation[d]));
    return b.createOrFold<arith::MinSIOp>(count, e.constant(shape.window[d]));
  }
};

} // namespace

bool schedulePooling(Kernel &kernel) {
  nn::PoolOp pool;
  for (Operation *op : kernel.ops()) {
    auto found = dyn_cast<nn::PoolOp>(op);
    if (found && pool)
      return false;
    pool = found ? found : pool;
  }
  return pool && pool.getChannelsLast() && PoolingSchedule(kernel, pool).run();
}

} // namespace tenon::schedule
