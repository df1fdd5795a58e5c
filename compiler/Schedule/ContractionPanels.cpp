//===- ContractionPanels.cpp - right-hand sides into panels of scratch memory --------------===//
//
// As wide as the tile of the schedule that reads them. A transposed right-hand side goes through square tiles, so that
// memory is read in runs either way.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Contraction.h"
#include "compiler/Schedule/IndexMath.h"

using namespace mlir;

namespace tenon::schedule {

namespace {

struct PanelPacker {
  Kernel &kernel;
  nn::MatmulOp op;
  const ColumnGroups &groups;
  int64_t lanes;
  Value memory;
  ArrayRef<LaneIndex> outer;
  ElementEmitter e;
  Type sum;
  Value K, N;

  ImplicitLocOpBuilder &b() { return kernel.builder; }

  /// Where row k, vector v of the group at `base` is.
  LaneIndex place(Value base, Value k, int64_t v) {
    Value row = e.add(base, e.mul(k, e.constant(groups.width())));
    return {e.add(row, e.constant(v * lanes)), lanes > 1 ? 1 : 0};
  }

  SmallVector<LaneIndex> indices(LaneIndex k, LaneIndex column) {
    SmallVector<LaneIndex> all(outer);
    all.append({op.getTransposeRhs() ? column : k, op.getTransposeRhs() ? k : column});
    return all;
  }

  void packGroup(Value base, Value column, int64_t vectors, Value columns) {
    Value transposed = e.constant(0);
    if (op.getTransposeRhs() && lanes >= 4) {
      Value step = e.constant(lanes);
      transposed = e.mul(e.div(K, step), step);
      countedLoop(b(), e.constant(0), transposed, step, [&](Value k) { packTransposed(column, vectors, base, k); });
    }
    SmallVector<Value> masks(vectors);
    if (columns && lanes > 1)
      for (int64_t v = 0; v < vectors; ++v)
        masks[v] = vector::CreateMaskOp::create(b(), VectorType::get({lanes}, b().getI1Type()),
                                                e.sub(columns, e.constant(v * lanes)));
    countedLoop(b(), transposed, K, e.constant(1), [&](Value k) {
      ElementEmitter source = kernel.emitter(lanes);
      for (int64_t v = 0; v < vectors; ++v) {
        source.setMask(masks[v]);
        LaneIndex lane{e.add(column, e.constant(v * lanes)), lanes > 1 ? 1 : 0};
        Value value = widenTo(b(), source.emit(op.getRhs(), indices({k}, lane)), sum);
        source.setMask(Value());
        source.store(value, sum, {memory}, {e.constant(1)}, {place(base, k, v)});
      }
    });
  }

  /// As many steps of k as there are lanes, from a transposed right-hand side: square tiles of it.
  void packTransposed(Value column, int64_t vectors, Value base, Value k) {
    ElementEmitter source = kernel.emitter(lanes);
    Value last = e.sub(N, e.constant(1));
    for (int64_t v = 0; v < vectors; ++v) {
      SmallVector<Value> square;
      for (int64_t i = 0; i < lanes; ++i) {
        Value n = b().createOrFold<arith::MinUIOp>(e.add(column, e.constant(v * lanes + i)), last);
        square.push_back(widenTo(b(), source.emit(op.getRhs(), indices({k, 1}, {n})), sum));
      }
      transposeTile(b(), square);
      for (int64_t i = 0; i < lanes; ++i)
        source.store(square[i], sum, {memory}, {e.constant(1)}, {place(base, e.add(k, e.constant(i)), v)});
    }
  }
};

} // namespace

void packPanels(Kernel &kernel, nn::MatmulOp op, const ColumnGroups &groups, int64_t lanes, Value from, Value to,
                Value memory, ArrayRef<LaneIndex> outer) {
  ArrayRef<Value> rhs = kernel.extents(op.getRhs());
  Value rows = rhs[rhs.size() - 2], columns = rhs.back();
  if (op.getTransposeRhs())
    std::swap(rows, columns);
  Type element = cast<RankedTensorType>(op.getRhs().getType()).getElementType();
  PanelPacker packer{kernel, op,     groups, lanes, memory, outer, kernel.emitter(1), accumulatorType(element),
                     rows,   columns};
  ElementEmitter &e = packer.e;
  groups.forEach(from, to, [&](Value column, int64_t vectors, Value wanted) {
    Value group = e.sub(e.div(column, e.constant(groups.width())), from);
    packer.packGroup(e.mul(e.mul(group, rows), e.constant(groups.width())), column, vectors, wanted);
  });
}

} // namespace tenon::schedule
