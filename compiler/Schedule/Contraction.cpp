//===- Contraction.cpp - what schedules of matrix products and convolutions share ----------===//
//
// Expects: one contraction in the body; what follows it is pointwise. Guarantees: each result element is stored once,
// from the accumulator's register (or, for a long epilogue, from a tile of accumulators in the first level of cache).
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Contraction.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace tenon::schedule {

/// Up to this height tiles come in every lower height too.
static constexpr int64_t mostRestHeights = 9;

Type accumulatorType(Type element) {
  Type type = registerType(element);
  if (type.isF16() || type.isBF16())
    return Float32Type::get(type.getContext());
  return type;
}

Value widenTo(ImplicitLocOpBuilder &b, Value value, Type elementType) {
  Type type = elementType;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = VectorType::get(vector.getShape(), elementType);
  return value.getType() == type ? value : Value(arith::ExtFOp::create(b, type, value));
}

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

/// Whether two extents can be taken as equal where Fuse has found them to be: not both are known and different.
static bool mayBeEqual(Value lhs, Value rhs) { return sameExtent(lhs, rhs) || (!known(lhs) && !known(rhs)); }

Epilogue::Epilogue(Kernel &kernel, Value contraction) : kernel(kernel), contraction(contraction) {
  // Fuse gives a contraction only ops of its own extents. Where those are computed in two ways, the contraction's
  // count.
  ArrayRef<Value> whole = kernel.extents(contraction);
  after.insert(contraction);
  for (Operation *op : kernel.ops()) {
    if (!llvm::any_of(op->getOperands(), [&](Value operand) { return after.contains(operand); }))
      continue;
    for (Value result : op->getResults()) {
      after.insert(result);
      ArrayRef<Value> extents = kernel.extents(result);
      bool equal = op->hasTrait<nn::Elementwise>() && extents.size() == whole.size();
      for (size_t d = 0; equal && d < whole.size(); ++d)
        equal = mayBeEqual(extents[d], whole[d]);
      pointwise &= equal;
      if (equal)
        bound.push_back({result, SmallVector<Value>(whole)});
    }
  }
}

bool Epilogue::isPointwise() const {
  return pointwise && llvm::all_of(kernel.results(), [&](Value result) { return after.contains(result); });
}

bool Epilogue::flattenRows(Value rows) {
  ArrayRef<Value> whole = kernel.extents(contraction);
  Value one = arith::ConstantIndexOp::create(kernel.builder, 1);
  SmallVector<std::pair<Value, SmallVector<Value>>> merged;
  auto merge = [&](Value tensor) {
    ArrayRef<Value> extents = kernel.extents(tensor);
    if (extents.size() > whole.size())
      return false;
    if (extents.empty())
      return true;
    ArrayRef<Value> outer = extents.drop_back();
    bool all = extents.size() == whole.size() && sameExtents(outer, whole.drop_back());
    bool none = llvm::all_of(outer, [](Value extent) { return known(extent) == 1; });
    if (!all && !none)
      return false;
    merged.push_back({tensor, {all ? rows : one, extents.back()}});
    return true;
  };
  // All that hangs on the contraction, and what it is combined with.
  bool valid = true;
  for (Value tensor : after)
    merged.push_back({tensor, {rows, whole.back()}});
  for (Operation *op : kernel.ops()) {
    if (!after.contains(op->getResult(0)) || op->getResult(0) == contraction)
      continue;
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType()) && !after.contains(operand)) {
        // A tensor computed beside the contraction would need the flat view all the way down.
        Operation *side = operand.getDefiningOp();
        valid &= (!side || isa<nn::ConstantOp>(side)) && merge(operand);
      }
  }
  if (valid)
    bound = std::move(merged);
  return valid;
}

bool Epilogue::isLong() const {
  int64_t length = 0;
  for (Operation *op : kernel.ops())
    if (op->hasTrait<nn::Elementwise>())
      length += isTranscendental(op) ? 30 : 2;
  return length > 20;
}

ElementEmitter &Epilogue::emitter(int64_t lanes) {
  std::unique_ptr<ElementEmitter> &emitter = emitters[lanes];
  if (!emitter) {
    emitter = std::make_unique<ElementEmitter>(kernel.emitter(lanes));
    for (auto &[tensor, extents] : bound)
      emitter->bindExtents(tensor, extents);
  }
  return *emitter;
}

void Epilogue::emit(Value accumulator, ArrayRef<LaneIndex> indices, Value mask) {
  auto vector = dyn_cast<VectorType>(accumulator.getType());
  if (vector && vector.getNumElements() == 1) {
    accumulator = vector::ExtractOp::create(kernel.builder, accumulator, int64_t(0));
    vector = VectorType();
    mask = Value();
  }
  ElementEmitter &e = emitter(vector ? vector.getNumElements() : 1);
  Type element = registerType(cast<RankedTensorType>(contraction.getType()).getElementType());
  if (getElementTypeOrSelf(accumulator) != element) {
    Type narrow = vector ? Type(VectorType::get(vector.getShape(), element)) : element;
    accumulator = arith::TruncFOp::create(kernel.builder, narrow, accumulator);
  }
  e.setMask(mask);
  e.bindRegister(contraction, accumulator);
  for (auto [number, result] : llvm::enumerate(kernel.results())) {
    Type type = cast<RankedTensorType>(result.getType()).getElementType();
    e.store(e.emit(result, indices), type, kernel.resultBuffer(number), SmallVector<Value>(e.extents(contraction)),
            indices);
  }
  e.unbindRegister(contraction);
  e.setMask(Value());
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

RowTiles::RowTiles(ElementEmitter &e, Value total, int64_t largest)
    : e(e), total(total), known(schedule::known(total)) {
  if (known) {
    split = splitRows(*known, largest);
    tiles = e.constant(split.count);
  } else {
    split.tall = largest;
    tiles = e.builder().createOrFold<arith::CeilDivUIOp>(total, e.constant(largest));
  }
}

Value RowTiles::start(Value tile) const {
  ImplicitLocOpBuilder &b = e.builder();
  if (!known)
    return b.createOrFold<arith::MinUIOp>(e.mul(tile, e.constant(split.tall)), total);
  if (split.numTall == split.count)
    return e.mul(tile, e.constant(split.tall));
  Value extra = b.createOrFold<arith::MinUIOp>(tile, e.constant(split.numTall));
  return e.add(e.mul(tile, e.constant(split.tall - 1)), extra);
}

Value RowTiles::begin(Value tile) const {
  // Of a minimum LLVM knows less: it would compute the address of each row anew in the innermost loop.
  return known ? start(tile) : e.mul(tile, e.constant(split.tall));
}

/// Heights of tiles for what is left over, descending, each to be used at most once: every one, so that a few rows are
/// one tile, unless that were much code; else halves, whose sums give every number.
static SmallVector<int64_t> restHeights(int64_t tall) {
  SmallVector<int64_t> heights;
  for (int64_t rows = tall; rows > 1;)
    heights.push_back(rows = tall <= mostRestHeights ? rows - 1 : llvm::divideCeil(rows, 2));
  return heights;
}

void RowTiles::forEach(Value first, Value last, function_ref<void(Value, int64_t)> body) const {
  ImplicitLocOpBuilder &b = e.builder();
  Value one = e.constant(1);
  auto tilesOf = [&](Value from, Value to, int64_t rows) {
    if (schedule::known(e.sub(to, from)) == 1) // one tile: no loop
      body(begin(from), rows);
    else
      countedLoop(b, from, to, one, [&](Value tile) { body(begin(tile), rows); });
  };
  if (known) {
    if (split.count == 0)
      return;
    if (split.numTall == split.count)
      return tilesOf(first, last, split.tall);
    Value border = e.constant(split.numTall);
    tilesOf(first, b.createOrFold<arith::MinUIOp>(last, border), split.tall);
    tilesOf(b.createOrFold<arith::MaxUIOp>(first, border), last, split.tall - 1);
    return;
  }
  Value whole = e.div(total, e.constant(split.tall));
  tilesOf(first, b.createOrFold<arith::MinUIOp>(last, whole), split.tall);
  Value row = e.mul(b.createOrFold<arith::MaxUIOp>(first, whole), e.constant(split.tall)), end = start(last);
  if (split.tall == 1)
    return;
  // The rest is empty, `end` below `row`, where the last tile is not among ours.
  Value left = b.createOrFold<arith::MaxSIOp>(e.sub(end, row), e.constant(0));
  for (int64_t rows : restHeights(split.tall)) {
    Value height = e.constant(rows);
    Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, left, height);
    auto choice = scf::IfOp::create(b, fits, /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(choice.thenBlock());
      body(row, rows);
    }
    Value done = arith::SelectOp::create(b, fits, height, e.constant(0));
    row = e.add(row, done);
    left = e.sub(left, done);
  }
}

EvenRowTiles::EvenRowTiles(ElementEmitter &e, Value total, int64_t largest, ArrayRef<int64_t> possible) : e(e) {
  int64_t least = leastHeight(largest);
  auto occurs = [&](int64_t height, int64_t rows) {
    RowSplit split = splitRows(std::max(rows, least), largest);
    return height == split.tall || (height == split.tall - 1 && split.numTall < split.count);
  };
  for (int64_t height = largest; height >= least; --height)
    if (possible.empty() || llvm::any_of(possible, [&](int64_t rows) { return occurs(height, rows); }))
      heights.push_back(height);
  ImplicitLocOpBuilder &b = e.builder();
  covered = b.createOrFold<arith::MaxUIOp>(total, e.constant(least));
  Value count = b.createOrFold<arith::CeilDivUIOp>(covered, e.constant(largest));
  tall = b.createOrFold<arith::CeilDivUIOp>(covered, count);
  numLow = e.sub(e.mul(tall, count), covered);
  numTall = e.sub(count, numLow);
}

void EvenRowTiles::forEach(function_ref<void(Value, int64_t)> body) const {
  ImplicitLocOpBuilder &b = e.builder();
  auto numberIf = [&](int64_t isTall, Value number, Value otherwise) {
    Value equal = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, tall, e.constant(isTall));
    return b.createOrFold<arith::SelectOp>(equal, number, otherwise);
  };
  Value row = e.constant(0);
  for (int64_t height : heights) {
    Value number = numberIf(height, numTall, numberIf(height + 1, numLow, e.constant(0)));
    Value end = e.add(row, e.mul(number, e.constant(height)));
    countedLoop(b, row, end, e.constant(height), [&](Value first) { body(first, height); });
    row = end;
  }
}

ColumnGroups::ColumnGroups(ElementEmitter &e, Value total, int64_t vectors, int64_t lanes)
    : e(e), total(total), vectors(vectors), lanes(lanes) {
  Value width = e.constant(vectors * lanes);
  full = e.div(total, width);
  groups = e.builder().createOrFold<arith::CeilDivUIOp>(total, width);
}

void ColumnGroups::forEach(Value first, Value last, function_ref<void(Value, int64_t, Value)> body) const {
  ImplicitLocOpBuilder &b = e.builder();
  Value width = e.constant(this->width());
  auto group = [&](Value number) { body(e.mul(number, width), vectors, Value()); };
  Value fullLast = b.createOrFold<arith::MinUIOp>(last, full);
  std::optional<int64_t> columns = known(total);
  if (known(e.sub(fullLast, first)) == 1)
    group(first);
  else if (known(full) != 0)
    countedLoop(b, first, fullLast, e.constant(1), group);
  int64_t rest = columns.value_or(1) % this->width();
  if (rest == 0)
    return;
  auto restGroup = [&] {
    Value column = e.mul(full, width);
    if (columns)
      return body(column, llvm::divideCeil(rest, lanes), rest % lanes ? e.constant(rest) : Value());
    Value wanted = e.sub(total, column);
    if (vectors == 1)
      return body(column, vectors, wanted);
    Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, wanted, e.constant(vectors / 2 * lanes));
    auto choice = scf::IfOp::create(b, fits, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    body(column, vectors / 2, wanted);
    b.setInsertionPointToStart(choice.elseBlock());
    body(column, vectors, wanted);
  };
  Value wanted = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ugt, last, full);
  if (matchPattern(wanted, m_One()))
    return restGroup();
  auto condition = scf::IfOp::create(b, wanted, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(condition.thenBlock());
  restGroup();
}

//===----------------------------------------------------------------------===//
// Scratch, microkernels, work
//===----------------------------------------------------------------------===//

size_t ScratchPlan::reserve(Type type, Value count) {
  parts.push_back({type, total, count});
  Value size = e.mul(count, e.constant(llvm::divideCeil(type.getIntOrFloatBitWidth(), 8)));
  total = e.add(total, e.mul(e.builder().createOrFold<arith::CeilDivUIOp>(size, e.constant(64)), e.constant(64)));
  return parts.size() - 1;
}

Value ScratchPlan::view(Value scratch, size_t number) {
  const Part &part = parts[number];
  auto type = MemRefType::get({ShapedType::kDynamic}, part.type);
  return memref::ViewOp::create(e.builder(), type, scratch, part.offset, ValueRange(part.count));
}

SmallVector<LaneIndex> broadcastBatch(ElementEmitter &e, ArrayRef<Value> mine, ArrayRef<Value> outer,
                                      ArrayRef<LaneIndex> batch) {
  ImplicitLocOpBuilder &b = e.builder();
  SmallVector<LaneIndex> indices;
  for (auto [d, extent] : llvm::enumerate(mine)) {
    size_t from = outer.size() - mine.size() + d;
    if (known(extent) == 1) {
      indices.push_back({e.constant(0)});
    } else if (known(extent) || extent == outer[from]) {
      indices.push_back(batch[from]);
    } else {
      Value repeats = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, extent, e.constant(1));
      indices.push_back({arith::SelectOp::create(b, repeats, e.constant(0), batch[from].base)});
    }
  }
  return indices;
}

/// The sums with those of earlier parts of K, which lie in `partial`.
static Value addSumsBefore(ImplicitLocOpBuilder &b, Value sums, Value partial, Value at) {
  auto type = cast<VectorType>(sums.getType());
  Value before = vector::LoadOp::create(b, type, partial, at);
  return isa<FloatType>(type.getElementType()) ? Value(arith::AddFOp::create(b, before, sums))
                                               : Value(arith::AddIOp::create(b, before, sums));
}

void emitPartialTile(Kernel &kernel, const ukernel::BrgemmShape &shape, Value partial, Value offset, bool add) {
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter e = kernel.emitter(1);
  ukernel::BrgemmShape whole = shape;
  whole.columns = Value(); // the panel's other columns are there, and harmless
  Value width = e.constant(shape.vectors * shape.accumulator.getNumElements());
  ukernel::BrgemmOp::create(b, whole, [&](OpBuilder &nested, Location, Value sums, Value row, Value column, Value) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(nested.getInsertionBlock(), nested.getInsertionPoint());
    Value at = e.add(offset, e.add(e.mul(row, width), column));
    if (add)
      sums = addSumsBefore(b, sums, partial, at);
    vector::StoreOp::create(b, sums, partial, at);
  });
}

void finishPartialTile(Kernel &kernel, const ukernel::BrgemmShape &shape, Epilogue &epilogue, Value rows, Value column,
                       Value partial, Value offset, function_ref<SmallVector<LaneIndex>(Value)> indices) {
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter e = kernel.emitter(1);
  int64_t lanes = shape.accumulator.getNumElements(), width = shape.vectors * lanes;
  Value zero = e.constant(0);
  countedLoop(b, zero, rows, e.constant(1), [&](Value row) {
    countedLoop(b, zero, e.constant(width), e.constant(lanes), [&](Value inTile) {
      Value mask;
      if (shape.columns)
        mask = vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), e.sub(shape.columns, inTile));
      Value at = e.add(offset, e.add(e.mul(row, e.constant(width)), inTile));
      Value sums = vector::LoadOp::create(b, shape.accumulator, partial, at);
      SmallVector<LaneIndex> place = indices(row);
      place.push_back({e.add(column, inTile), 1});
      epilogue.emit(sums, place, mask);
    });
  });
}

void emitMicrokernel(Kernel &kernel, const ukernel::BrgemmShape &shape, Epilogue &epilogue, Value column, Value tile,
                     function_ref<SmallVector<LaneIndex>(Value)> indices, Value before) {
  ImplicitLocOpBuilder &b = kernel.builder;
  ElementEmitter e = kernel.emitter(1);
  int64_t rows = shape.rows.size();
  if (tile && epilogue.isLong() && rows * shape.vectors > 2 && !shape.maskB) {
    Value offset = before ? before : e.constant(0);
    emitPartialTile(kernel, shape, tile, offset, /*add=*/static_cast<bool>(before));
    finishPartialTile(kernel, shape, epilogue, e.constant(rows), column, tile, offset, indices);
    return;
  }
  Value width = e.constant(shape.vectors * shape.accumulator.getNumElements());
  ukernel::BrgemmOp::create(b, shape,
                            [&](OpBuilder &nested, Location, Value sums, Value row, Value offset, Value mask) {
                              OpBuilder::InsertionGuard guard(b);
                              b.setInsertionPoint(nested.getInsertionBlock(), nested.getInsertionPoint());
                              if (before)
                                sums = addSumsBefore(b, sums, tile, e.add(before, e.add(e.mul(row, width), offset)));
                              SmallVector<LaneIndex> place = indices(row);
                              place.push_back({e.add(column, offset), 1});
                              epilogue.emit(sums, place, mask);
                            });
}

Value contractionWork(Kernel &kernel, ElementEmitter &e, Value products, int64_t bytes, Value weights) {
  // From the last level of cache; from memory it is more.
  const Machine &machine = kernel.machine;
  double perNanosecond = machine.gigahertz * machine.lanes(bytes) * machine.fmaPipes;
  Value multiplying = e.div(products, e.constant(std::max<int64_t>(1, static_cast<int64_t>(perNanosecond))));
  if (weights) {
    Value size = e.mul(product(e, kernel.storageExtents(weights)), e.constant(storageBytes(weights)));
    multiplying = e.builder().createOrFold<arith::MaxUIOp>(
        multiplying, e.div(size, e.constant(static_cast<int64_t>(machine.lastLevelGbps))));
  }
  // Where few are added up, what is done to the sums takes longer.
  return e.add(multiplying, kernel.workOf(product(e, kernel.extents(kernel.results().front()))));
}

/// A convolution with the filter as it is packed.
static bool schedulePackedConvolution(Kernel &kernel, nn::ConvOp op) {
  return scheduleWinograd(kernel, op) || scheduleDepthwise(kernel, op) || scheduleConvolution(kernel, op);
}

/// Phases for each form of the filter, of which the run takes one.
static bool scheduleForms(Kernel &kernel, nn::ConvOp op) {
  if (op.getAlternatives().empty())
    return schedulePackedConvolution(kernel, op);
  ImplicitLocOpBuilder &b = kernel.builder;
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Value> filters(op.getAlternatives());
  SmallVector<Attribute> packings(op.getAlternativePackings()->getValue());
  std::string paths;
  bool isScheduled = true;
  auto schedule = [&] {
    isScheduled &= schedulePackedConvolution(kernel, op);
    if (!llvm::is_contained(llvm::split(paths, '|'), kernel.path()))
      paths += (paths.empty() ? "" : "|") + kernel.path().str();
  };
  for (auto [number, filter, packing] : llvm::enumerate(filters, packings)) {
    Value isThis =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, op.getForm(), arith::ConstantIndexOp::create(b, number));
    auto choice = scf::IfOp::create(b, isThis, /*withElseRegion=*/true);
    b.setInsertionPointToStart(choice.thenBlock());
    schedule();
    op.getFilterMutable().assign(filter);
    op.setPackingAttr(cast<nn::PackingAttr>(packing));
    b.setInsertionPointToStart(choice.elseBlock());
  }
  schedule();
  kernel.setPath(paths);
  return isScheduled;
}

bool scheduleContraction(Kernel &kernel) {
  if (kernel.ops().size() == 1)
    if (auto pack = dyn_cast<nn::PackOp>(kernel.ops().front()))
      return schedulePack(kernel, pack);
  if (scheduleAttention(kernel))
    return true;
  Operation *root = nullptr;
  for (Operation *op : kernel.ops()) {
    if (!isa<nn::MatmulOp, nn::ConvOp>(op))
      continue;
    if (root)
      return false;
    root = op;
  }
  if (!root)
    return false;
  if (auto matmul = dyn_cast<nn::MatmulOp>(root))
    return scheduleDot(kernel, matmul) || scheduleMatmul(kernel, matmul);
  return scheduleForms(kernel, cast<nn::ConvOp>(root));
}

} // namespace tenon::schedule
