//===- ScheduleFewNeighbours.cpp - rows side by side, fewer than two vectors have lanes ----===//
//
// N neighbouring rows of K elements each are one run of K N elements, which is read by whole vectors. Lane l of the
// vector at position p belongs to row (p + l) mod N; that repeats after N / gcd(N, L) vectors of L lanes, the period,
// each of which has sums of its own. At the end of a pass the lanes of each row are combined, in all of its lanes. With
// N = 3 and L = 16 a pass over [4096, 3] takes 768 vectors in three chains, instead of 4,096 of three lanes in one.
//
// A vector at the end of the run ends with the last element, and its first lanes do not count in sums.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/RowEmitter.h"

#include <numeric>

using namespace mlir;

namespace tenon::schedule {

namespace {

/// Known numbers of a space [outer dimensions, K, N].
struct FewNeighbours {
  size_t outer;                              ///< dimensions
  int64_t length, neighbours, lanes, period; ///< length: K N
};

std::optional<FewNeighbours> findFewNeighbours(Kernel &kernel, const RowProgram &program) {
  if (program.lanesInRow || kernel.canFail() || kernel.reference)
    return std::nullopt;
  int64_t first = program.space.size(), last = 0;
  for (int64_t axis : program.axes) {
    first = std::min(first, axis);
    last = std::max(last, axis);
  }
  FewNeighbours few{static_cast<size_t>(first), 1, 1, 1, 1};
  for (int64_t d = first; d < static_cast<int64_t>(program.space.size()); ++d) {
    std::optional<int64_t> extent = known(program.space[d]);
    if (!extent || (d < last && *extent != 1 && !program.isReduced(d)))
      return std::nullopt;
    few.length *= *extent;
    few.neighbours *= d > last ? *extent : 1;
  }
  few.lanes = kernel.lanes(kernel.emitter(1).constant(few.length));
  few.period = few.neighbours / std::gcd(few.neighbours, few.lanes);
  // Sums of a period and what is made of them stay in registers; combining lanes is little beside the passes.
  constexpr int64_t mostInPeriod = 7, leastPeriods = 4;
  if (few.neighbours < 2 || few.neighbours >= 2 * few.lanes || few.period > mostInPeriod ||
      few.length < leastPeriods * few.period * few.lanes)
    return std::nullopt;
  return few;
}

/// Looks at all tensors as [outer dimensions, K N] or, of one element per row, [outer dimensions, 1]. Returns false if
/// there are others, and changes nothing.
bool flatten(Kernel &kernel, const RowProgram &program, const FewNeighbours &few) {
  auto isOne = [](Value extent) { return known(extent) == 1; };
  SmallVector<std::pair<Value, SmallVector<Value>>> shapes;
  ElementEmitter plain = kernel.emitter(1);
  Value one = plain.constant(1), length = plain.constant(few.length);
  ArrayRef<Value> outer = ArrayRef(program.space).take_front(few.outer);
  auto visit = [&](Value tensor) {
    ArrayRef<Value> extents = kernel.extents(tensor);
    if (llvm::all_of(extents, isOne) || tensor.getDefiningOp<nn::ConstantOp>()) {
      shapes.push_back({tensor, {}});
      return true;
    }
    bool ofRows = program.rowValues.contains(tensor);
    if (!ofRows && !sameExtents(extents, program.space))
      return false;
    SmallVector<Value> shape(outer);
    shape.push_back(ofRows ? one : length);
    shapes.push_back({tensor, shape});
    return true;
  };
  for (BlockArgument argument : kernel.function.getArguments())
    if (isa<RankedTensorType>(argument.getType()) && !visit(argument))
      return false;
  for (Operation *op : kernel.ops())
    if (!visit(op->getResult(0)))
      return false;
  for (auto &[tensor, shape] : shapes)
    kernel.setExtents(tensor, shape);
  return true;
}

/// Code for the rows at one place of the outer dimensions.
class NeighbourEmitter {
public:
  NeighbourEmitter(Kernel &kernel, const RowProgram &program, const FewNeighbours &few)
      : kernel(kernel), program(program), b(kernel.builder), few(few) {
    for (int64_t v = 0; v < few.period; ++v)
      vectors.push_back(kernel.emitter(few.lanes));
    // Enough sums for the latency of an addition.
    unrolled = few.period * llvm::divideCeil(rowAccumulators, few.period);
  }

  void emit(ArrayRef<LaneIndex> place) {
    outer = SmallVector<LaneIndex>(place);
    for (size_t pass = 0; pass < program.passes.size(); ++pass)
      reduce(pass);
    storeRowResults();
    if (program.hasFullResults())
      alongRun({}, [&](ElementEmitter &e, Value position, Value, ArrayRef<Value>) {
        storeFull(e, position);
        return SmallVector<Value>();
      });
    for (ElementEmitter &e : vectors)
      for (Value tensor : bound)
        e.unbindRegister(tensor);
    bound.clear();
  }

private:
  using Step = function_ref<SmallVector<Value>(ElementEmitter &, Value position, Value wanted, ArrayRef<Value>)>;

  Kernel &kernel;
  const RowProgram &program;
  ImplicitLocOpBuilder &b;
  FewNeighbours few;
  SmallVector<ElementEmitter> vectors; ///< of a period, each with what the rows of its lanes have
  int64_t unrolled = 1;
  SmallVector<LaneIndex> outer;
  SmallVector<Value> bound;

  SmallVector<LaneIndex> at(LaneIndex position) {
    SmallVector<LaneIndex> indices(outer);
    indices.push_back(position);
    return indices;
  }

  Type accumulatorType(nn::ReduceOp reduce) {
    Type type = elementTypeOf(reduce.getInput());
    return type.isF16() || type.isBF16() ? Type(b.getF32Type()) : type;
  }

  /// Calls `step` for all vectors of the run with the sums of its chain. `wanted`: a mask of lanes that no other vector
  /// has, or null.
  SmallVector<Value> alongRun(ArrayRef<Value> initial, Step step) {
    ElementEmitter &plain = vectors.front();
    size_t count = initial.size() / unrolled;
    int64_t block = unrolled * few.lanes, whole = few.length / block * block;
    auto one = [&](int64_t u, Value position, Value wanted, MutableArrayRef<Value> sums) {
      MutableArrayRef<Value> chain = sums.slice(u * count, count);
      ElementEmitter &e = vectors[u % few.period];
      ElementEmitter::Scope scope(e);
      llvm::copy(step(e, position, wanted, chain), chain.begin());
    };
    SmallVector<Value> sums = carriedLoops(b, {plain.constant(0)}, {plain.constant(whole / block)}, initial,
                                           [&](ArrayRef<Value> blocks, ArrayRef<Value> carried) {
                                             SmallVector<Value> next(carried);
                                             Value start = plain.mul(blocks[0], plain.constant(block));
                                             for (int64_t u = 0; u < unrolled; ++u)
                                               one(u, plain.add(start, plain.constant(u * few.lanes)), Value(), next);
                                             return next;
                                           });
    int64_t position = whole;
    for (int64_t u = 0; position + few.lanes <= few.length; ++u, position += few.lanes)
      one(u, plain.constant(position), Value(), sums);
    if (position < few.length) {
      // The vector of the period that has the same rows in its lanes.
      int64_t start = few.length - few.lanes, u = 0;
      while ((u * few.lanes - start) % few.neighbours != 0)
        ++u;
      SmallVector<bool> wanted(few.lanes, true);
      std::fill_n(wanted.begin(), position - start, false);
      auto type = VectorType::get({few.lanes}, b.getI1Type());
      one(u, plain.constant(start), arith::ConstantOp::create(b, DenseElementsAttr::get(type, wanted)), sums);
    }
    return sums;
  }

  void reduce(size_t pass) {
    ArrayRef<nn::ReduceOp> reduces = program.passes[pass];
    SmallVector<Value> initial;
    for (int64_t u = 0; u < unrolled; ++u)
      for (nn::ReduceOp reduce : reduces)
        initial.push_back(vectors.front().neutral(reduce.getKind(), accumulatorType(reduce)));
    SmallVector<Value> sums =
        alongRun(initial, [&](ElementEmitter &e, Value position, Value wanted, ArrayRef<Value> old) {
          SmallVector<Value> next;
          for (auto [constReduce, sum] : llvm::zip(reduces, old)) {
            nn::ReduceOp reduce = constReduce;
            Type type = accumulatorType(reduce);
            Value value =
                e.convert(e.emit(reduce.getInput(), at({position, 1})), elementTypeOf(reduce.getInput()), type);
            Value combined = e.combine(reduce.getKind(), type, sum, value, program.skipsNan.contains(reduce));
            next.push_back(wanted ? arith::SelectOp::create(b, wanted, combined, sum) : combined);
          }
          return next;
        });
    for (auto [number, constReduce] : llvm::enumerate(reduces)) {
      SmallVector<Value> ofPeriod;
      for (int64_t u = 0; u < unrolled; ++u)
        ofPeriod.push_back(sums[u * reduces.size() + number]);
      bindReduced(constReduce, ofPeriod);
    }
    emitRowValues(pass + 1);
  }

  /// Combines the lanes of each row.
  void bindReduced(nn::ReduceOp reduce, SmallVector<Value> sums) {
    Type type = accumulatorType(reduce);
    ElementEmitter &e = vectors.front();
    auto combine = [&](Value x, Value y) {
      return e.combine(reduce.getKind(), type, x, y, program.skipsNan.contains(reduce));
    };
    for (int64_t u = few.period; u < unrolled; ++u)
      sums[u % few.period] = combine(sums[u % few.period], sums[u]);
    sums.resize(few.period);
    // The run of a period has each row a power of two times: it is added to itself turned by half of them, by a quarter
    // ...
    int64_t elements = few.period * few.lanes;
    for (int64_t turn = elements / 2; turn >= few.neighbours; turn /= 2) {
      SmallVector<Value> turned;
      for (int64_t v = 0; v < few.period; ++v) {
        int64_t start = v * few.lanes + turn, from = start / few.lanes % few.period, to = (from + 1) % few.period;
        turned.push_back(
            pickLanes(b, {sums[from], sums[to]}, few.lanes, [&](int64_t l) { return start % few.lanes + l; }));
      }
      for (auto [sum, other] : llvm::zip(sums, turned))
        sum = combine(sum, other);
    }
    for (auto [lanes, sum] : llvm::zip(vectors, sums))
      lanes.bindRegister(reduce.getResult(), lanes.convert(sum, type, elementTypeOf(reduce.getResult())));
    bound.push_back(reduce.getResult());
  }

  /// Elementwise ops on row values whose level has been reached.
  void emitRowValues(unsigned level) {
    for (Operation *op : kernel.ops()) {
      Value value = op->getResult(0);
      if (isa<nn::ReduceOp>(op) || !program.rowValues.contains(value) || program.level.lookup(value) != level)
        continue;
      for (ElementEmitter &e : vectors)
        e.bindRegister(value, e.emit(value, at({e.constant(0)})));
      bound.push_back(value);
    }
  }

  void storeRowResults() {
    ElementEmitter scalar = kernel.emitter(1);
    for (auto [number, result] : llvm::enumerate(kernel.results())) {
      if (!program.rowValues.contains(result))
        continue;
      SmallVector<Value> extents(ArrayRef(program.space).take_front(few.outer));
      extents.push_back(scalar.constant(few.neighbours));
      for (int64_t row = 0; row < few.neighbours; ++row) {
        Value element = vectors[row / few.lanes].emit(result, at({scalar.constant(0)}));
        scalar.store(vector::ExtractOp::create(b, element, row % few.lanes), elementTypeOf(result),
                     kernel.resultBuffer(number), extents, at({scalar.constant(row)}));
      }
    }
  }

  void storeFull(ElementEmitter &e, Value position) {
    for (auto [number, result] : llvm::enumerate(kernel.results()))
      if (!program.rowValues.contains(result))
        e.store(e.emit(result, at({position, 1})), elementTypeOf(result), kernel.resultBuffer(number),
                kernel.extents(result), at({position, 1}));
  }
};

} // namespace

bool scheduleFewNeighbours(Kernel &kernel, const RowProgram &program) {
  std::optional<FewNeighbours> few = findFewNeighbours(kernel, program);
  if (!few || !flatten(kernel, program, *few))
    return false;
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter plain = kernel.emitter(1);
  ArrayRef<Value> outer = ArrayRef(program.space).take_front(few->outer);
  Value runs = product(plain, outer), length = plain.constant(few->length);
  Value chunk = plain.constant(llvm::divideCeil(elementsPerTask, few->length));
  Value tasks = b.createOrFold<arith::CeilDivUIOp>(runs, chunk);
  kernel.phase(tasks, kernel.workOf(plain.mul(runs, length)), plain.constant(0), /*canFail=*/false,
               [&](Value begin, Value end, Value, Value) {
                 NeighbourEmitter emitter(kernel, program, *few);
                 ElementEmitter e = kernel.emitter(1);
                 Value from = e.mul(begin, chunk), to = b.createOrFold<arith::MinUIOp>(e.mul(end, chunk), runs);
                 forEachPlace(e, outer, from, to, [&](ArrayRef<LaneIndex> place) { emitter.emit(place); });
               });
  return true;
}

} // namespace tenon::schedule
