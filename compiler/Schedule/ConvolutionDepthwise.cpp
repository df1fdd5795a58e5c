//===- ConvolutionDepthwise.cpp - convolutions with one channel per group ------------------===//
//
// Expects channels-last data and a filter packed as [1, ceil(C / nr), K, nr]: for a vector of channels, the weights of
// all kernel positions lie one after the other.
//
// A task is a block of lines of an image, and where those are few, of channels. For a vector of channels it walks the
// lines, and along a line several pixels at a time: their sums stay in registers, an input pixel is loaded once for all
// sums it belongs to, a weight once for all pixels. Kernel lines outside the image are left out by the range of the
// loop; the few pixels whose window leaves the image sideways are done one by one with a range of kernel columns.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Convolution.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

class DepthwiseSchedule {
public:
  DepthwiseSchedule(Kernel &kernel, nn::ConvOp op)
      : kernel(kernel), op(op), b(kernel.builder), e(kernel.emitter(1)), epilogue(kernel, op.getResult()),
        shape(kernel, op, e) {}

  bool run() {
    std::optional<int64_t> channels = known(shape.channels);
    if (!epilogue.isPointwise() || !channels || !isa<BlockArgument>(op.getFilter()))
      return false;
    C = *channels;
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
  int64_t C = 0, nr = 16, lanes = 1, most = 8; ///< `most` pixels at a time
  InnerPixels inner;
  int64_t blockLines = 1;
  Value blockChannels, lineBlocks, channelBlocks;

  /// A line of the output for a vector of channels.
  struct Line {
    Value image, depth, line, channel;
    WindowCut depthCut, lineCut;
    ElementEmitter *at = nullptr; ///< with lanes and mask of the channels
  };

  void choose() {
    const Machine &machine = kernel.machine;
    element = cast<RankedTensorType>(op.getInput().getType()).getElementType();
    sum = accumulatorType(element);
    nr = op.getPacking()->getNr();
    lanes = std::min<int64_t>(machine.lanes(llvm::divideCeil(sum.getIntOrFloatBitWidth(), 8)), nr);
    // Sums, the weights of a kernel line and an input pixel in registers; enough sums to hide the latency of the
    // multiply-add.
    int64_t weights = std::min(shape.window[2], unrolledColumns);
    most = std::clamp<int64_t>(machine.vectorRegisters - weights - 3, 2, 8);
    inner = innerPixels(e, shape);
    int64_t width = known(shape.output[2]).value_or(32);
    blockLines = std::max<int64_t>(llvm::divideCeil(elementsPerTask, std::max<int64_t>(width * C, 1)), sharingLines());
    blockLines = std::max<int64_t>(std::min(blockLines, known(shape.output[1]).value_or(blockLines)), 1);
    lineBlocks = b.createOrFold<arith::CeilDivUIOp>(shape.output[1], e.constant(blockLines));
    chooseChannels(width);
  }

  /// Lines in a row that make good use of the input's: a vector of channels finds most of theirs in the first level of
  /// cache, where the line before has left them, and reads one in `fewestShares` again for the next block. One where
  /// the window's lines do not stay there; of a few too many a part does.
  int64_t sharingLines() {
    constexpr int64_t fewestShares = 8;
    int64_t span = (shape.window[1] - 1) * shape.dilation[1] + 1, overlap = span - shape.stride[1];
    int64_t pixelBytes = *known(kernel.storageExtents(op.getInput()).back()) * storageBytes(op.getInput());
    int64_t pixels = span * known(shape.input[2]).value_or(32);
    bool stays = pixels <= linesThatStay(kernel.machine, pixelBytes) * 5 / 4;
    return stays && overlap > 0 ? llvm::divideCeil(fewestShares * overlap, shape.stride[1]) : 1;
  }

  /// All channels, unless there are so few blocks of lines that threads would get unequal shares.
  void chooseChannels(int64_t width) {
    constexpr int64_t wantedTasks = 16;
    Value one = e.constant(1), all = e.constant(C);
    Value tasks = b.createOrFold<arith::MaxUIOp>(e.mul(e.mul(shape.images, shape.output[0]), lineBlocks), one);
    int64_t fewest = std::max<int64_t>(llvm::divideCeil(elementsPerTask, std::max<int64_t>(blockLines * width, 1)), nr);
    Value parts = b.createOrFold<arith::CeilDivUIOp>(e.constant(wantedTasks), tasks);
    parts = b.createOrFold<arith::MinUIOp>(parts, e.constant(std::max<int64_t>(C / fewest, 1)));
    Value panels = b.createOrFold<arith::CeilDivUIOp>(e.constant(llvm::divideCeil(C, nr)), parts);
    blockChannels = b.createOrFold<arith::MinUIOp>(e.mul(panels, e.constant(nr)), all);
    channelBlocks = known(blockChannels) == C ? one : b.createOrFold<arith::CeilDivUIOp>(all, blockChannels);
  }

  void emitPhase() {
    SmallVector<Value> places = {shape.images, shape.output[0], lineBlocks, channelBlocks};
    Value positions = e.constant(shape.window[0] * shape.window[1] * shape.window[2] * C);
    Value products = e.mul(e.mul(shape.images, product(e, shape.output)), positions);
    // A weight and a pixel are loaded for fewer multiply-adds than in a matrix product: about half of its speed.
    Value work =
        contractionWork(kernel, e, e.mul(products, e.constant(2)), llvm::divideCeil(sum.getIntOrFloatBitWidth(), 8));
    kernel.phase(
        product(e, places), work, e.constant(0), kernel.canFail(), [&](Value begin, Value end, Value, Value status) {
          e.setStatus(status);
          countedLoop(b, begin, end, e.constant(1), [&](Value unit) {
            SmallVector<LaneIndex> place = delinearize(e, places, {unit});
            Value firstLine = e.mul(place[2].base, e.constant(blockLines));
            Value lastLine = b.createOrFold<arith::MinUIOp>(e.add(firstLine, e.constant(blockLines)), shape.output[1]);
            forEachChannels(place[3].base, [&](ElementEmitter &at, Value channel) {
              Line line{place[0].base, place[1].base, Value(), channel, cutWindow(e, shape, 0, place[1].base), {}, &at};
              countedLoop(b, firstLine, lastLine, e.constant(1), [&](Value number) {
                line.line = number;
                line.lineCut = cutWindow(e, shape, 1, number);
                emitLine(line);
              });
            });
          });
        });
  }

  /// The vectors of a block of channels.
  void forEachChannels(Value block, function_ref<void(ElementEmitter &, Value)> body) {
    ElementEmitter channels = kernel.emitter(lanes);
    Value first = e.constant(0), last = e.constant(C);
    bool isWhole = known(channelBlocks) == 1;
    if (!isWhole) {
      first = e.mul(block, blockChannels);
      last = b.createOrFold<arith::MinUIOp>(e.add(first, blockChannels), last);
    }
    if (!isWhole && C % lanes == 0) // no vector is cut
      countedLoop(b, first, last, e.constant(lanes), [&](Value channel) { body(channels, channel); });
    else
      vectorLoop(channels, kernel.machine, first, last, body);
  }

  void emitLine(const Line &line) {
    forEachPixel(e, shape, inner, most,
                 [&](Value pixel, int64_t count, bool whole) { emitPixels(line, pixel, count, whole); });
  }

  SmallVector<LaneIndex> indices(Value image, Value depth, Value line, Value pixel, const Line &at) {
    return shape.indices(e, {image}, {{depth}, {line}, {pixel}}, {at.channel, at.at->lanes() > 1 ? 1 : 0});
  }

  Value loadWeight(const Line &line, Value position) {
    ElementEmitter &at = *line.at;
    Value width = e.constant(nr), K = e.constant(shape.window[0] * shape.window[1] * shape.window[2]);
    Value offset = e.mul(e.add(e.mul(e.div(line.channel, width), K), position), width);
    offset = e.add(offset, e.rem(line.channel, width));
    Buffer filter = kernel.argumentBuffer(cast<BlockArgument>(op.getFilter()));
    // Panels are filled with zeros, so that no mask is needed.
    Value outerMask = at.currentMask();
    at.setMask(Value());
    Value weight = at.load(element, filter, {e.constant(1)}, {LaneIndex{offset, at.lanes() > 1 ? 1 : 0}});
    at.setMask(outerMask);
    return widenTo(b, weight, sum);
  }

  Value multiplyAdd(Value x, Value weight, Value acc) {
    if (isa<IntegerType>(sum))
      return arith::AddIOp::create(b, acc, arith::MulIOp::create(b, x, weight));
    Value product = arith::MulFOp::create(b, x, weight, arith::FastMathFlags::contract);
    return arith::AddFOp::create(b, product, acc, arith::FastMathFlags::contract);
  }

  /// The sums of `count` pixels from `pixel` on, and the epilogue. Unless `whole`, kernel columns are cut to the line.
  void emitPixels(const Line &line, Value pixel, int64_t count, bool whole) {
    ElementEmitter &at = *line.at;
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
            ElementEmitter::Scope scope(at);
            return widenTo(b, at.emit(op.getInput(), indices(line.image, plane, row, column, line)), sum);
          };
          if (whole && shape.window[2] <= unrolledColumns)
            return addColumns(line, position, origin, carried, input);
          WindowCut cut = whole ? WindowCut{zero, e.constant(shape.window[2]), origin} : cutWindow(e, shape, 2, pixel);
          return carriedLoops(b, {cut.first}, {cut.last}, carried, [&](ArrayRef<Value> s, ArrayRef<Value> inner) {
            Value weight = loadWeight(line, e.add(position, s[0]));
            Value column = e.add(origin, e.mul(s[0], e.constant(shape.dilation[2])));
            SmallVector<Value> next;
            for (int64_t i = 0; i < count; ++i)
              next.push_back(multiplyAdd(input(e.add(column, e.constant(i * shape.stride[2]))), weight, inner[i]));
            return next;
          });
        });
    for (int64_t i = 0; i < count; ++i) {
      Value outer = at.lanes() > 1 ? at.currentMask() : Value();
      epilogue.emit(sums[i], indices(line.image, line.depth, line.line, e.add(pixel, e.constant(i)), line), outer);
    }
  }

  /// One kernel line for pixels inside: each input pixel is loaded once.
  SmallVector<Value> addColumns(const Line &line, Value position, Value origin, ArrayRef<Value> carried,
                                function_ref<Value(Value)> input) {
    SmallVector<Value> next(carried), weights;
    for (int64_t s = 0; s < shape.window[2]; ++s)
      weights.push_back(loadWeight(line, e.add(position, e.constant(s))));
    std::map<int64_t, Value> loaded;
    for (int64_t s = 0; s < shape.window[2]; ++s)
      for (int64_t i = 0; i < static_cast<int64_t>(next.size()); ++i) {
        int64_t offset = i * shape.stride[2] + s * shape.dilation[2];
        Value &x = loaded[offset];
        if (!x)
          x = input(e.add(origin, e.constant(offset)));
        next[i] = multiplyAdd(x, weights[s], next[i]);
      }
    return next;
  }
};

} // namespace

bool scheduleDepthwise(Kernel &kernel, nn::ConvOp op) {
  // The form of the packed filter says that Layout found the convolution to be depthwise.
  bool depthwise = op.getPacking() && op.getChannelsLast() && op.getGroups() > 1 &&
                   cast<RankedTensorType>(op.getFilter().getType()).getDimSize(0) == 1;
  return depthwise && DepthwiseSchedule(kernel, op).run();
}

} // namespace tenon::schedule
