//===- MemoryPlan.cpp - where the tensors of main live -------------------------------------===//
//
// In this order: life times; outputs that a launch can write directly; results written over operands that die; constant
// offsets for constant sizes; offsets from the model's plan for sizes that follow from the inputs' extents; the heap
// for the rest.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/MemoryPlan.h"

#include "compiler/Codegen/Abi.h"
#include "compiler/Codegen/ArenaPacking.h"
#include "compiler/Codegen/Names.h"
#include "compiler/Codegen/SizeEstimate.h"
#include "compiler/Support/Weights.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace tenon::codegen {

int64_t bufferElementBytes(Type element) { return isa<IndexType>(element) ? 8 : elementBytes(element); }

namespace {

class MemoryPlanner {
public:
  explicit MemoryPlanner(func::FuncOp main) : main(main), planValues(main), extents(main) {}

  MemoryPlan run() {
    number(main.front());
    now = 0;
    for (Value argument : main.getArguments())
      addBuffer(argument, Buffer::Kind::Input);
    visitBlock(main.front());
    placeOutputs();
    main.walk<WalkOrder::PreOrder>([&](nn::LaunchOp launch) { writeInPlace(launch); });
    pack();
    return std::move(plan);
  }

private:
  using Roots = SmallVector<unsigned, 1>;

  // Life times.
  void number(Block &block);
  void visitBlock(Block &block);
  void visitOp(Operation *op);
  void visitIf(scf::IfOp op);
  void visitWhile(scf::WhileOp op);
  unsigned addBuffer(Value value, Buffer::Kind kind);
  void addPart(Value value);
  void use(Value tensor, Operation *user);
  void alias(Value value, ArrayRef<Value> sources);
  int64_t endOfUse(Operation *user, Block *definedIn);

  // Decisions.
  void placeOutputs();
  bool collectExclusive(Value value, SmallVectorImpl<unsigned> &found);
  bool isRankKnownBefore(unsigned output, Operation *launch);
  void writeInPlace(nn::LaunchOp launch);
  bool canWriteOver(nn::LaunchOp launch, Value result, int64_t operand);
  void pack();
  void packFixed(ArrayRef<unsigned> indices);
  void orderPlanned(ArrayRef<unsigned> indices);
  bool haveEqualSizes(Value a, Value b);
  unsigned owner(unsigned buffer);

  func::FuncOp main;
  SymbolTable symbols{main->getParentOfType<ModuleOp>()};
  nn::Places places{main};
  PlanValues planValues;
  MainExtents extents;
  MemoryPlan plan;
  llvm::DenseMap<Value, Roots> roots;
  llvm::DenseMap<Operation *, int64_t> begin, end;
  SmallVector<Block *> blockOf; ///< per buffer: the block whose op makes it
  llvm::SmallDenseSet<unsigned> carriedBuffers, needsScratch;
  llvm::DenseMap<unsigned, unsigned> writtenOver; ///< buffer -> the one whose memory it takes
  int64_t now = 0;
};

} // namespace

static bool isTensor(Value value) { return isa<RankedTensorType>(value.getType()); }

//===----------------------------------------------------------------------===//
// Life times
//===----------------------------------------------------------------------===//

unsigned MemoryPlanner::addBuffer(Value value, Buffer::Kind kind) {
  Buffer buffer;
  buffer.value = value;
  buffer.kind = kind;
  buffer.first = buffer.last = now;
  auto type = cast<RankedTensorType>(value.getType());
  if (type.hasStaticShape())
    buffer.bytes = llvm::alignTo(type.getNumElements() * bufferElementBytes(type.getElementType()), TENON_ALIGNMENT);
  unsigned index = plan.buffers.size();
  plan.buffers.push_back(buffer);
  blockOf.push_back(value.getParentBlock());
  roots[value] = {index};
  return index;
}

/// A tensor that lies in a join, whose buffer starts to live with the first one.
void MemoryPlanner::addPart(Value value) {
  auto [root, offset] = places.of(value);
  if (!roots.contains(root))
    addBuffer(root, Buffer::Kind::Heap);
  unsigned join = roots[root].front(), part = addBuffer(value, Buffer::Kind::Part);
  plan.buffers[part].place = join;
  plan.buffers[part].offset = offset * bufferElementBytes(cast<RankedTensorType>(value.getType()).getElementType());
  roots[value] = {join};
}

void MemoryPlanner::number(Block &block) {
  for (Operation &op : block) {
    begin[&op] = now++;
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        number(inner);
    end[&op] = now - 1;
  }
}

void MemoryPlanner::visitBlock(Block &block) {
  for (Operation &op : block) {
    now = begin.lookup(&op);
    if (auto ifOp = dyn_cast<scf::IfOp>(op))
      visitIf(ifOp);
    else if (auto whileOp = dyn_cast<scf::WhileOp>(op))
      visitWhile(whileOp);
    else
      visitOp(&op);
  }
}

void MemoryPlanner::visitOp(Operation *op) {
  if (op->hasTrait<OpTrait::IsTerminator>() && !isa<func::ReturnOp>(op))
    return; // values that cross regions are visited with the op around them
  if (isa<nn::ReshapeOp, nn::PartOp, tensor::CastOp>(op))
    return alias(op->getResult(0), op->getOperand(0));
  for (Value operand : op->getOperands())
    if (isTensor(operand))
      use(operand, op);
  if (auto join = dyn_cast<nn::JoinOp>(op))
    return alias(join.getResult(), join.getParts().front());
  for (Value result : op->getResults())
    if (isTensor(result) && places.isPlaced(result))
      addPart(result);
    else if (isTensor(result))
      addBuffer(result, isa<nn::ConstantOp>(op) ? Buffer::Kind::Constant : Buffer::Kind::Heap);
}

void MemoryPlanner::visitIf(scf::IfOp op) {
  for (Region &region : op->getRegions())
    if (!region.empty())
      visitBlock(region.front());
  for (auto [index, result] : llvm::enumerate(op.getResults()))
    if (isTensor(result))
      alias(result, {op.thenYield().getOperand(index), op.elseYield().getOperand(index)});
}

/// Carried tensors have buffers of their own, to which initial and yielded values are copied.
void MemoryPlanner::visitWhile(scf::WhileOp op) {
  SmallVector<unsigned> carried;
  for (auto [init, argument] : llvm::zip(op.getInits(), op.getBeforeArguments())) {
    if (!isTensor(argument))
      continue;
    use(init, op);
    unsigned buffer = addBuffer(argument, Buffer::Kind::Heap);
    plan.buffers[buffer].last = end.lookup(op);
    carried.push_back(buffer);
  }
  carriedBuffers.insert(carried.begin(), carried.end());
  visitBlock(*op.getBeforeBody());
  auto forwarded = op.getConditionOp().getArgs();
  for (auto [value, argument, result] : llvm::zip(forwarded, op.getAfterArguments(), op.getResults())) {
    if (!isTensor(value))
      continue;
    alias(argument, value);
    alias(result, value);
  }
  visitBlock(*op.getAfterBody());
  for (auto [value, argument] : llvm::zip(op.getYieldOp().getOperands(), op.getBeforeArguments())) {
    if (!isTensor(value))
      continue;
    use(value, op.getYieldOp());
    unsigned own = roots[argument].front();
    // Copies are made in order: a value in the buffer of an earlier one is overwritten by then.
    auto earlier = ArrayRef(carried).take_until([&](unsigned root) { return root == own; });
    if (llvm::any_of(roots[value], [&](unsigned root) { return llvm::is_contained(earlier, root); }))
      needsScratch.insert(own);
  }
}

/// The time until which what `user` reads must be kept, if it was made in `definedIn`: the end of the outermost loop
/// around `user` that is not around the maker.
int64_t MemoryPlanner::endOfUse(Operation *user, Block *definedIn) {
  int64_t last = begin.lookup(user);
  for (Operation *op = user->getParentOp(); op != main; op = op->getParentOp()) {
    if (op->isAncestor(definedIn->getParentOp()))
      break;
    if (isa<scf::WhileOp>(op))
      last = end.lookup(op);
  }
  return last;
}

void MemoryPlanner::use(Value tensor, Operation *user) {
  for (unsigned root : roots[tensor])
    plan.buffers[root].last = std::max(plan.buffers[root].last, endOfUse(user, blockOf[root]));
}

void MemoryPlanner::alias(Value value, ArrayRef<Value> sources) {
  Roots all;
  for (Value source : sources)
    for (unsigned root : roots[source])
      if (!llvm::is_contained(all, root))
        all.push_back(root);
  roots[value] = all;
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

/// Finds the launch results of which exactly one becomes `value`. Fails if it may be anything else, or if one of them
/// is an output already.
bool MemoryPlanner::collectExclusive(Value value, SmallVectorImpl<unsigned> &found) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<nn::ReshapeOp, tensor::CastOp>(op))
    return collectExclusive(op->getOperand(0), found);
  if (auto ifOp = dyn_cast<scf::IfOp>(op)) {
    unsigned index = cast<OpResult>(value).getResultNumber();
    return llvm::all_of(ifOp->getRegions(), [&](Region &region) {
      size_t before = found.size();
      if (!collectExclusive(region.front().getTerminator()->getOperand(index), found))
        return false;
      // Made in this branch: alive in no other.
      return llvm::all_of(ArrayRef(found).drop_front(before),
                          [&](unsigned root) { return region.isAncestor(blockOf[root]->getParent()); });
    });
  }
  unsigned root = isa<nn::LaunchOp>(op) ? roots[value].front() : 0;
  if (!isa<nn::LaunchOp>(op) || plan.buffers[root].kind == Buffer::Kind::Output || places.isPlaced(value))
    return false;
  found.push_back(root);
  return true;
}

/// Whether the rank of an output whose rank the run decides is computed before the op of main that is or holds
/// `launch`.
bool MemoryPlanner::isRankKnownBefore(unsigned output, Operation *launch) {
  Operation *holder = main.front().findAncestorOpInBlock(*launch);
  for (auto op : main.front().getOps<nn::OutputRankOp>()) {
    Operation *maker = op.getOutput() == output ? op.getRank().getDefiningOp() : nullptr;
    if (maker && !maker->isBeforeInBlock(holder))
      return false;
  }
  return true;
}

void MemoryPlanner::placeOutputs() {
  for (auto [index, value] : llvm::enumerate(main.front().getTerminator()->getOperands())) {
    SmallVector<unsigned> found;
    if (!collectExclusive(value, found))
      continue;
    // The host is asked where the memory is filled, or before the branches that fill it: the extents have to be known
    // there.
    bool isResult = value.getDefiningOp<nn::LaunchOp>() != nullptr;
    if (!isResult &&
        !llvm::all_of(extents.get(value), [&](OpFoldResult extent) { return planValues.contains(extent); }))
      continue;
    if (!isResult && !isRankKnownBefore(index, plan.buffers[found.front()].value.getDefiningOp()))
      continue;
    for (unsigned root : found) {
      plan.buffers[root].kind = Buffer::Kind::Output;
      plan.buffers[root].place = index;
    }
  }
}

//===----------------------------------------------------------------------===//
// In place
//===----------------------------------------------------------------------===//

unsigned MemoryPlanner::owner(unsigned buffer) {
  for (auto it = writtenOver.find(buffer); it != writtenOver.end(); it = writtenOver.find(buffer))
    buffer = it->second;
  return buffer;
}

bool MemoryPlanner::haveEqualSizes(Value a, Value b) {
  auto key = [&](Value tensor) {
    auto type = cast<RankedTensorType>(tensor.getType());
    int64_t bytes = bufferElementBytes(type.getElementType());
    SmallVector<void *> values;
    for (OpFoldResult extent : extents.get(tensor)) {
      if (auto constant = getConstantIntValue(extent))
        bytes *= *constant;
      else
        values.push_back(cast<Value>(extent).getAsOpaquePointer());
    }
    llvm::sort(values);
    return std::pair(bytes, values);
  };
  return key(a) == key(b);
}

bool MemoryPlanner::canWriteOver(nn::LaunchOp launch, Value result, int64_t operand) {
  Value over = launch.getInputs()[operand];
  if (roots[over].size() != 1 || places.isPlaced(result) || places.isPlaced(over))
    return false;
  unsigned root = owner(roots[over].front()), own = roots[result].front();
  Buffer &buffer = plan.buffers[root];
  if (buffer.kind != Buffer::Kind::Heap || plan.buffers[own].kind != Buffer::Kind::Heap ||
      carriedBuffers.contains(root) || buffer.last != begin.lookup(launch))
    return false;
  // Its other operands are read at other indices.
  for (auto [index, input] : llvm::enumerate(launch.getInputs()))
    if (static_cast<int64_t>(index) != operand &&
        llvm::any_of(roots[input], [&](unsigned other) { return owner(other) == root; }))
      return false;
  return haveEqualSizes(buffer.value, result);
}

void MemoryPlanner::writeInPlace(nn::LaunchOp launch) {
  auto kernel = symbols.lookup(launch.getCallee());
  auto pairs = kernel->getAttrOfType<ArrayAttr>(inPlaceAttr);
  if (!pairs)
    return;
  llvm::SmallDenseSet<unsigned> taken;
  for (Attribute pair : pairs) {
    auto numbers = cast<ArrayAttr>(pair);
    Value result = launch.getResults()[cast<IntegerAttr>(numbers[0]).getInt()];
    int64_t operand = cast<IntegerAttr>(numbers[1]).getInt();
    unsigned own = roots[result].front();
    if (writtenOver.contains(own) || !canWriteOver(launch, result, operand))
      continue;
    unsigned root = owner(roots[launch.getInputs()[operand]].front());
    if (taken.contains(root))
      continue;
    plan.buffers[own].operand = operand;
    writtenOver[own] = root;
    taken.insert(root);
    plan.buffers[root].last = std::max(plan.buffers[root].last, plan.buffers[own].last);
  }
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// What has a constant size and is small stays at a constant offset even if others are planned when the model runs.
static constexpr int64_t smallBytes = 4096;

void MemoryPlanner::pack() {
  auto isOpen = [](const Buffer &buffer) { return buffer.kind == Buffer::Kind::Heap && buffer.operand < 0; };
  SmallVector<unsigned> fixed, planned;
  for (auto [index, buffer] : llvm::enumerate(plan.buffers)) {
    if (!isOpen(buffer))
      continue;
    // A loop's carried tensor may have other extents each time: it stays on the heap unless its size is constant.
    bool isPlanned =
        !carriedBuffers.contains(index) &&
        llvm::all_of(extents.get(buffer.value), [&](OpFoldResult extent) { return planValues.contains(extent); });
    if (buffer.bytes >= 0)
      fixed.push_back(index);
    else if (isPlanned)
      planned.push_back(index);
  }
  if (!planned.empty()) {
    auto joins = [&](unsigned index) {
      return plan.buffers[index].bytes > smallBytes && !carriedBuffers.contains(index);
    };
    llvm::copy_if(fixed, std::back_inserter(planned), joins);
    llvm::erase_if(fixed, joins);
  }
  packFixed(fixed);
  orderPlanned(planned);
}

void MemoryPlanner::packFixed(ArrayRef<unsigned> indices) {
  SmallVector<PackedBuffer> packed;
  SmallVector<int64_t *> places;
  for (unsigned index : indices) {
    Buffer &buffer = plan.buffers[index];
    buffer.kind = Buffer::Kind::Arena;
    packed.push_back({buffer.bytes, buffer.first, buffer.last});
    places.push_back(&buffer.place);
    if (needsScratch.contains(index)) {
      packed.push_back(packed.back());
      places.push_back(&buffer.scratch);
    }
  }
  plan.arenaBytes = packBuffers(packed);
  for (auto [buffer, place] : llvm::zip(packed, places))
    *place = buffer.offset;
}

void MemoryPlanner::orderPlanned(ArrayRef<unsigned> indices) {
  auto estimated = llvm::map_to_vector(indices, [&](unsigned index) {
    const Buffer &buffer = plan.buffers[index];
    int64_t element = bufferElementBytes(cast<RankedTensorType>(buffer.value.getType()).getElementType());
    return PackedBuffer{estimateSize(extents.get(buffer.value)) * element, buffer.first, buffer.last};
  });
  SmallVector<PackedBuffer> ordered;
  for (unsigned position : packingOrder(estimated)) {
    Buffer &buffer = plan.buffers[indices[position]];
    buffer.kind = Buffer::Kind::Planned;
    buffer.place = ordered.size();
    ordered.push_back(estimated[position]);
  }
  plan.conflicts = findConflicts(ordered);
}

MemoryPlan planMemory(func::FuncOp main) { return MemoryPlanner(main).run(); }

} // namespace tenon::codegen
