//===- ScheduleBroadcast.cpp - broadcasts as copies of runs or of lanes --------------------===//
//
// The result is made block by block. A block is a run of the input, copied by vectors; or a few short dimensions (and a
// part of the next one), whose elements come from one or two vectors of the input by constant shuffles: Tile of rows of
// 7 to rows of 28 stores whole vectors. The cheapest block is taken. Vectors at the end of a block, and parts at the
// end of a dimension, overlap those before them: no masks.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Kernel.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

/// The result's dimensions, neighbours that advance alike in the input as one, without those of one element.
struct Spread {
  SmallVector<Value> extents;
  SmallVector<bool> advances; ///< else the input has one element there
};

/// The last dimensions, from number `first` on, and `part` of the elements of the one before, if there are any.
struct Block {
  size_t first;
  int64_t part = 0;
  SmallVector<int64_t> places; ///< of each element among those of the input; empty: the last dimension, as it lies
};

/// Lanes of a vector whose shuffles are few instructions.
int64_t shuffledLanes(const Machine &machine, int64_t bytes) { return std::min<int64_t>(machine.lanes(bytes), 16); }

} // namespace

static std::optional<Spread> findSpread(Kernel &kernel, nn::BroadcastOp op) {
  ElementEmitter plain = kernel.emitter(1);
  ArrayRef<Value> to = kernel.extents(op.getResult()), from = kernel.extents(op.getInput());
  Spread spread;
  for (size_t d = 0; d < to.size(); ++d) {
    if (known(to[d]) == 1)
      continue;
    size_t skipped = to.size() - from.size();
    bool repeats = d < skipped || known(from[d - skipped]) == 1;
    if (!repeats && !sameExtent(from[d - skipped], to[d]))
      return std::nullopt;
    if (!spread.advances.empty() && spread.advances.back() == !repeats) {
      spread.extents.back() = plain.mul(spread.extents.back(), to[d]);
    } else {
      spread.extents.push_back(to[d]);
      spread.advances.push_back(!repeats);
    }
  }
  if (spread.extents.empty())
    return std::nullopt;
  return spread;
}

/// Vectors of at most `lanes` lanes, a power of two, for `count` elements.
static SmallVector<int64_t> vectorStarts(int64_t count, int64_t lanes) {
  SmallVector<int64_t> starts;
  for (int64_t at = 0; at < count; at += lanes)
    starts.push_back(std::max<int64_t>(std::min(at, count - lanes), 0));
  return starts;
}

/// Lanes of the vectors of a run, of which it has at least one.
static int64_t lanesOfRun(int64_t count, int64_t lanes) {
  return std::min<int64_t>(lanes, llvm::bit_floor<uint64_t>(count));
}

/// Places of the elements of [part, last dimensions].
static SmallVector<int64_t> placesOf(const Spread &spread, size_t first, int64_t part) {
  SmallVector<int64_t> places{0};
  int64_t inputs = 1;
  auto repeat = [&](int64_t times, bool advances) {
    SmallVector<int64_t> inner(places);
    for (int64_t i = 1; i < times; ++i)
      for (int64_t place : inner)
        places.push_back(place + (advances ? i * inputs : 0));
    inputs *= advances ? times : 1;
  };
  for (size_t d = spread.extents.size(); d-- > first;)
    repeat(*known(spread.extents[d]), spread.advances[d]);
  if (part > 0)
    repeat(part, spread.advances[first - 1]);
  return places;
}

/// The block with the fewest instructions per element of the result, if the last dimension is known.
static std::optional<Block> chooseBlock(const Machine &machine, const Spread &spread, int64_t bytes) {
  constexpr int64_t mostStores = 8; // in a row, each of which may need a shuffle with a constant of its own
  std::optional<Block> best;
  double bestCost = 0;
  auto vectors = [](int64_t count, int64_t lanes) {
    return static_cast<int64_t>(vectorStarts(count, lanesOfRun(count, lanes)).size());
  };
  // Besides a store for each vector: half a load or shuffle, and the loop.
  auto consider = [&](Block block, int64_t loads, int64_t stores, int64_t shuffles, double elements) {
    double cost = (1 + stores + (loads + shuffles) / 2.0) / elements;
    if (!best || cost < bestCost) {
      best = std::move(block);
      bestCost = cost;
    }
  };
  size_t rank = spread.extents.size();
  if (std::optional<int64_t> run = known(spread.extents.back()); run && *run > 0 && spread.advances.back()) {
    int64_t copies = vectors(*run, machine.lanes(bytes));
    consider({rank - 1, 0, {}}, copies, copies, 0, static_cast<double>(*run));
  }
  int64_t lanes = shuffledLanes(machine, bytes), elements = 1, inputs = 1;
  for (size_t first = rank; first-- > 0;) {
    std::optional<int64_t> extent = known(spread.extents[first]);
    if (!extent || *extent < 1)
      break;
    for (int64_t part = 1; part <= *extent; ++part) {
      int64_t made = elements * part, read = inputs * (spread.advances[first] ? part : 1);
      if (read > 2 * lanes || vectors(made, lanes) > mostStores)
        break;
      if (first + 1 == rank && part < *extent && rank > 1)
        continue;
      bool isWhole = part == *extent;
      int64_t stores = vectors(made, lanes);
      // Elements that the last part makes again do not count.
      double usual = static_cast<double>(elements * *extent) / static_cast<double>(llvm::divideCeil(*extent, part));
      Block block{isWhole ? first : first + 1, isWhole ? 0 : part, {}};
      block.places = placesOf(spread, block.first, block.part);
      consider(std::move(block), vectors(read, lanes), stores, stores, usual);
    }
    elements *= *extent;
    inputs *= spread.advances[first] ? *extent : 1;
    if (inputs > 2 * lanes || vectors(elements, lanes) > mostStores)
      break;
  }
  return best;
}

namespace {

/// One broadcast, whose blocks are known.
class Broadcast {
public:
  Broadcast(Kernel &kernel, nn::BroadcastOp op, const Spread &spread, Block chosen)
      : kernel(kernel), b(kernel.builder), block(std::move(chosen)),
        element(storageType(cast<RankedTensorType>(op.getType()).getElementType())),
        source(kernel.argumentBuffer(cast<BlockArgument>(op.getInput()))), target(kernel.resultBuffer(0)) {
    ElementEmitter e = kernel.emitter(1);
    size_t outer = block.first - (block.part ? 1 : 0);
    for (size_t d = 0; d < spread.extents.size(); ++d) {
      Value extent = spread.extents[d], inInput = spread.advances[d] ? extent : e.constant(1);
      if (d <= outer) {
        to.push_back(extent);
        from.push_back(inInput);
        advances.push_back(spread.advances[d]);
      } else {
        to.back() = e.mul(to.back(), extent);
        from.back() = e.mul(from.back(), inInput);
      }
      if (d >= block.first) {
        elements *= *known(extent);
        inputs *= *known(inInput);
      }
    }
    partExtent = block.part ? *known(spread.extents[outer]) : 0;
    partAdvances = block.part && spread.advances[outer];
  }

  void emitPhase() {
    ElementEmitter plain = kernel.emitter(1);
    // The loops: of the dimension that blocks are parts of, over its parts.
    SmallVector<Value> loops(ArrayRef(to).drop_back());
    if (block.part)
      loops.push_back(plain.constant(llvm::divideCeil(partExtent, block.part)));
    if (loops.empty())
      loops.push_back(plain.constant(1));
    loops.push_back(plain.constant(elements * std::max<int64_t>(block.part, 1)));
    int64_t bytes = element.getIntOrFloatBitWidth() / 8;
    int64_t lanes = block.places.empty() ? kernel.machine.lanes(bytes) : shuffledLanes(kernel.machine, bytes);
    runPhase(kernel, loops, [&](ArrayRef<LaneIndex> at) {
      ElementEmitter e = kernel.emitter(1);
      SmallVector<LaneIndex> outer(at.take_front(to.size() - 1));
      Value part;
      if (block.part)
        part = b.createOrFold<arith::MinUIOp>(e.mul(at.back().base, e.constant(block.part)),
                                              e.constant(partExtent - block.part));
      if (block.places.empty())
        copyRun(lanes, outer);
      else
        makeBlock(lanes, outer, part);
    });
  }

private:
  Kernel &kernel;
  ImplicitLocOpBuilder &b;
  Block block;
  Type element;
  Buffer source, target;
  SmallVector<Value> to, from; ///< extents; the last one has all of a block in it
  SmallVector<bool> advances;
  int64_t elements = 1, inputs = 1; ///< of the dimensions that are in a block as a whole
  int64_t partExtent = 0;
  bool partAdvances = false;

  SmallVector<LaneIndex> inInput(ElementEmitter &e, ArrayRef<LaneIndex> outer, LaneIndex position) {
    SmallVector<LaneIndex> indices;
    for (auto [index, moves] : llvm::zip(outer, advances))
      indices.push_back(moves ? index : LaneIndex{e.constant(0)});
    indices.push_back(position);
    return indices;
  }
  static SmallVector<LaneIndex> inResult(ArrayRef<LaneIndex> outer, LaneIndex position) {
    SmallVector<LaneIndex> indices(outer);
    indices.push_back(position);
    return indices;
  }

  void copyRun(int64_t most, ArrayRef<LaneIndex> outer) {
    constexpr int64_t mostInRow = 8; // vectors without a loop
    ElementEmitter e = kernel.emitter(lanesOfRun(elements, most));
    int64_t lanes = e.lanes(), stride = lanes > 1 ? 1 : 0, whole = elements / lanes * lanes;
    auto copy = [&](Value position) {
      Value run = e.load(element, source, from, inInput(e, outer, {position, stride}));
      e.store(run, element, target, to, inResult(outer, {position, stride}));
    };
    if (elements > mostInRow * lanes) {
      countedLoop(b, e.constant(0), e.constant(whole), e.constant(lanes), [&](Value position) {
        ElementEmitter::Scope scope(e);
        copy(position);
      });
      if (whole < elements)
        copy(e.constant(elements - lanes));
      return;
    }
    for (int64_t start : vectorStarts(elements, lanes))
      copy(e.constant(start));
  }

  void makeBlock(int64_t most, ArrayRef<LaneIndex> outer, Value part) {
    int64_t made = block.places.size(), read = inputs * (partAdvances ? block.part : 1);
    ElementEmitter reader = kernel.emitter(lanesOfRun(read, most)), writer = kernel.emitter(lanesOfRun(made, most));
    Value first = part && partAdvances ? reader.mul(part, reader.constant(inputs)) : reader.constant(0);
    SmallVector<Value> vectors;
    SmallVector<int64_t> starts = vectorStarts(read, reader.lanes());
    for (int64_t start : starts) {
      LaneIndex position{reader.add(first, reader.constant(start)), reader.lanes() > 1 ? 1 : 0};
      vectors.push_back(reader.load(element, source, from, inInput(reader, outer, position)));
    }
    Value result = part ? writer.mul(part, writer.constant(elements)) : writer.constant(0);
    for (int64_t start : vectorStarts(made, writer.lanes())) {
      Value picked = vectors.front();
      if (reader.lanes() > 1)
        picked = pickLanes(b, vectors, writer.lanes(), [&](int64_t lane) {
          // In the first vector, or in the second, which may begin inside the first.
          int64_t place = block.places[start + lane];
          return place < reader.lanes() ? place : reader.lanes() + place - starts.back();
        });
      LaneIndex position{writer.add(result, writer.constant(start)), writer.lanes() > 1 ? 1 : 0};
      writer.store(picked, element, target, to, inResult(outer, position));
    }
  }
};

} // namespace

bool scheduleBroadcast(Kernel &kernel) {
  auto op = kernel.ops().size() == 1 ? dyn_cast<nn::BroadcastOp>(kernel.ops().front()) : nn::BroadcastOp();
  if (!op || !isa<BlockArgument>(op.getInput()))
    return false;
  std::optional<Spread> spread = findSpread(kernel, op);
  if (!spread)
    return false;
  Type element = storageType(cast<RankedTensorType>(op.getType()).getElementType());
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  std::optional<Block> block;
  if (kernel.machine.lanes(bytes) > 1)
    block = chooseBlock(kernel.machine, *spread, bytes);
  // A run that is all of the result is no matter of blocks.
  if (!block || spread->extents.size() == 1)
    return false;
  Broadcast(kernel, op, *spread, std::move(*block)).emitPhase();
  kernel.setPath("vector");
  return true;
}

} // namespace tenon::schedule
