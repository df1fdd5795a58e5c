//===- ScheduleMap.cpp - results element by element along the last dimension -----------------------------------------===//
//
// Expects: every op of the body has a pointwise definition. Guarantees: each result element is computed and stored
// once; tasks are runs of rows (or of elements where there is one row).
//
//===---------------------------------------------------------------------------------------------------===//

#include "compiler/Schedule/IndexMath.h"
#include "compiler/Schedule/Kernel.h"

using namespace mlir;

namespace tenon::schedule {

/// Elements a task covers at least: about a microsecond of simple work, well above the cost of handing it over.
static constexpr int64_t elementsPerTask = 4096;

namespace {
/// Results of one shape, computed in one sweep.
struct Sweep {
  SmallVector<size_t> results;
  SmallVector<Value> extents;
};
} // namespace

static void storeResults(Kernel &kernel, const Sweep &sweep, ElementEmitter &emitter, ArrayRef<LaneIndex> indices) {
  for (size_t number : sweep.results) {
    Value tensor = kernel.results()[number];
    Type elementType = cast<RankedTensorType>(tensor.getType()).getElementType();
    Value element = emitter.emit(tensor, indices);
    emitter.store(element, elementType, kernel.resultBuffer(number), sweep.extents, indices);
  }
}

static void sweepPhase(Kernel &kernel, const Sweep &sweep) {
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter plain = kernel.emitter(1);
  bool scalar = sweep.extents.empty();
  Value inner = scalar ? plain.constant(1) : sweep.extents.back();
  ArrayRef<Value> outer = scalar ? ArrayRef<Value>() : ArrayRef(sweep.extents).drop_back();
  Value rows = product(plain, outer), elements = plain.mul(rows, inner);
  int64_t lanes = scalar ? 1 : kernel.lanes(inner);
  bool oneRow = getConstantIntValue(OpFoldResult(rows)) == 1;

  // A task is `chunk` rows, or `chunk` elements of the only row (a multiple of every vector length).
  Value chunk;
  if (oneRow) {
    chunk = plain.constant(elementsPerTask);
  } else {
    Value positive = b.createOrFold<arith::MaxUIOp>(inner, plain.constant(1));
    chunk = b.createOrFold<arith::CeilDivUIOp>(plain.constant(elementsPerTask), positive);
  }
  Value units = oneRow ? inner : rows;
  Value tasks = b.createOrFold<arith::CeilDivUIOp>(units, chunk);
  kernel.phase(tasks, kernel.workOf(elements), plain.constant(0), kernel.canFail(), [&](Value begin, Value end, Value, Value status) {
    ElementEmitter emitter = kernel.emitter(lanes);
    emitter.setStatus(status);
    Value from = emitter.mul(begin, chunk), to = b.createOrFold<arith::MinUIOp>(emitter.mul(end, chunk), units);
    auto row = [&](ArrayRef<LaneIndex> outerIndices, Value first, Value last) {
      vectorLoop(emitter, kernel.machine, first, last, [&](ElementEmitter &e, Value position) {
        SmallVector<LaneIndex> indices(outerIndices);
        if (!scalar)
          indices.push_back({position, e.lanes() == 1 ? 0 : 1});
        storeResults(kernel, sweep, e, indices);
      });
    };
    if (oneRow) {
      row(SmallVector<LaneIndex>(outer.size(), LaneIndex{emitter.constant(0)}), from, to);
    } else {
      auto loop = scf::ForOp::create(b, from, to, emitter.constant(1));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      ElementEmitter::Scope scope(emitter);
      row(delinearize(emitter, outer, {loop.getInductionVar()}), emitter.constant(0), inner);
    }
    kernel.setPath(kernel.reference ? "reference" : emitter.usedScalarPath() ? "gather" : "vector");
  });
}

void scheduleMap(Kernel &kernel) {
  SmallVector<Sweep> sweeps;
  for (auto [number, tensor] : llvm::enumerate(kernel.results())) {
    SmallVector<Value> extents(kernel.extents(tensor));
    Sweep *found = nullptr;
    for (Sweep &sweep : sweeps)
      if (sameExtents(sweep.extents, extents))
        found = &sweep;
    if (!found)
      found = &sweeps.emplace_back(Sweep{{}, extents});
    found->results.push_back(number);
  }
  for (const Sweep &sweep : sweeps)
    sweepPhase(kernel, sweep);
}

} // namespace tenon::schedule
