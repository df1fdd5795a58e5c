//===- Groups.cpp - grow groups of ops along producer-consumer edges -----------------------===//
//
// Two groups merge along an edge if the consumer computes on the producer's iteration space (so that nothing is
// computed twice) and no path leads from the producer to the consumer through a third place (so that an order exists).
// A space that is the producer's unless the run broadcasts it is taken to be the same: where it does, elements that
// cost next to nothing are computed again.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Fuse/Groups.h"

#include "dialects/nn/AttentionPattern.h"
#include "dialects/nn/NnPlanes.h"

#include "llvm/ADT/SetVector.h"

#include <queue>

using namespace mlir;

namespace tenon::fuse {

bool isKernelOp(Operation *op) {
  return isa<nn::NnDialect>(op->getDialect()) && op->getNumResults() != 0 &&
         !isa<nn::ConstantOp, nn::ReshapeOp, nn::LaunchOp, nn::JoinOp, nn::PartOp>(op);
}

bool isSplatConstant(Value value) {
  auto constant = value.getDefiningOp<nn::ConstantOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  return elements && elements.isSplat();
}

bool dependsOnData(Value scalar) {
  SmallVector<Value> stack{scalar};
  llvm::DenseSet<Value> seen;
  while (!stack.empty()) {
    Value value = stack.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    Operation *op = value.getDefiningOp();
    if (!op) {
      if (!isa<func::FuncOp>(value.getParentBlock()->getParentOp()))
        return true; // carried by a loop
      continue;
    }
    if (isa<tensor::ExtractOp>(op) || op->getNumRegions() > 0)
      return true;
    if (auto dim = dyn_cast<tensor::DimOp>(op)) {
      if (!isa<BlockArgument>(dim.getSource()) ||
          dim.getSource().getParentBlock() != &dim->getParentOfType<func::FuncOp>().getBody().front())
        return true;
      continue;
    }
    llvm::append_range(stack, op->getOperands());
  }
  return false;
}

/// Movement ops that keep runs along the last dimension together, so that vectors of their results are cheap.
static bool keepsRuns(Operation *op) {
  if (isa<nn::BroadcastOp, nn::IotaOp, nn::ResampleOp>(op))
    return true;
  if (auto slice = dyn_cast<nn::SliceOp>(op))
    return slice.getSteps().empty() || getConstantIntValue(OpFoldResult(Value(slice.getSteps().back()))) == 1;
  if (auto gather = dyn_cast<nn::GatherOp>(op))
    return static_cast<int64_t>(gather.getAxis()) + 1 < cast<RankedTensorType>(gather.getInput().getType()).getRank();
  if (auto transpose = dyn_cast<nn::TransposeOp>(op)) {
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    return !permutation.empty() && permutation.back() + 1 == static_cast<int64_t>(permutation.size());
  }
  if (auto pool = dyn_cast<nn::PoolOp>(op))
    return pool.getChannelsLast();
  if (auto resize = dyn_cast<nn::ResizeOp>(op)) {
    auto in = cast<RankedTensorType>(resize.getInput().getType()), out = cast<RankedTensorType>(resize.getType());
    return !in.isDynamicDim(in.getRank() - 1) && in.getShape().back() == out.getShape().back();
  }
  return false;
}

static GroupKind initialKind(Operation *op) {
  if (op->hasTrait<nn::Elementwise>() || keepsRuns(op))
    return GroupKind::map;
  if (isa<nn::ReduceOp>(op))
    return GroupKind::rows;
  // Planes have a schedule of their own, for one window and what follows.
  bool isOnPlanes = isa<nn::PoolOp>(op) && nn::isPlanewise(op);
  if (isa<nn::ConvOp, nn::MatmulOp>(op) || isOnPlanes)
    return GroupKind::contraction;
  return GroupKind::single;
}

Grouping::Grouping(Block &block, nn::ExtentMap &extents, bool singleOp, bool attention)
    : block(block), extents(extents), singleOp(singleOp), attention(attention) {
  number();
  for (Operation &op : block) {
    if (!isKernelOp(&op))
      continue;
    auto group = std::make_unique<Group>();
    group->kind = initialKind(&op);
    group->ops.push_back(&op);
    if (auto reduce = dyn_cast<nn::ReduceOp>(op)) {
      group->space = SmallVector<Value>(extents.at(reduce.getInput()));
      group->axes = SmallVector<int64_t>(reduce.getAxes());
      group->keepsDims = reduce.getKeepDims();
    } else {
      group->space = SmallVector<Value>(extents.at(op.getResult(0)));
    }
    groupOf[&op] = group.get();
    owned.push_back(std::move(group));
  }
}

void Grouping::number() {
  unsigned next = 0;
  for (Operation &op : block)
    order[&op] = next++;
}

std::vector<Group *> Grouping::groups() {
  if (!singleOp)
    merge();
  reorder();
  std::vector<Group *> result;
  for (auto &group : owned)
    if (!group->ops.empty())
      result.push_back(group.get());
  llvm::sort(result, [&](Group *x, Group *y) { return order[x->ops.front()] < order[y->ops.front()]; });
  return result;
}

//===----------------------------------------------------------------------===//
// Merging
//===----------------------------------------------------------------------===//

/// Bounds compile time and the registers that a vector of the whole expression needs.
static constexpr size_t maxGroupOps = 64;

/// The values of `ops` that others use.
static unsigned liveOutCount(const llvm::SetVector<Operation *> &ops) {
  unsigned count = 0;
  for (Operation *op : ops)
    for (Value result : op->getResults())
      count += llvm::any_of(result.getUsers(), [&](Operation *user) { return !ops.contains(user); });
  return count;
}

/// Gives a contraction the elementwise ops after it that leave one value to store: bias, activation, residual ... An
/// activation may read its argument several times (x * sigmoid(x)), so ops are tried together and the largest set is
/// kept.
void Grouping::absorbEpilogue(Operation *contraction) {
  ArrayRef<Value> space = extents.at(contraction->getResult(0));
  llvm::SetVector<Operation *> tried;
  llvm::DenseSet<Operation *> dependent;
  tried.insert(contraction);
  size_t best = 1;
  for (Operation *op = contraction->getNextNode(); op && tried.size() < maxGroupOps; op = op->getNextNode()) {
    bool uses = false, blocked = false;
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (Operation *producer = operand.getDefiningOp())
          if (Operation *inBlock = block.findAncestorOpInBlock(*producer)) {
            uses |= tried.contains(inBlock);
            blocked |= dependent.contains(inBlock);
          }
    });
    if (!uses && !blocked)
      continue;
    auto it = groupOf.find(op);
    bool joins = !blocked && op->hasTrait<nn::Elementwise>() && it != groupOf.end() && it->second->ops.size() == 1 &&
                 extents.equal(extents.at(op->getResult(0)), space);
    if (!joins) {
      dependent.insert(op);
      continue;
    }
    tried.insert(op);
    if (liveOutCount(tried) == 1)
      best = tried.size();
  }
  Group *group = groupOf[contraction];
  for (Operation *op : tried.getArrayRef().take_front(best).drop_front())
    absorb(group, groupOf[op]);
}

/// Makes one kernel of attention, so that its scores need no memory. Its schedule packs keys and values for many rows:
/// fewer are better off with products that read them where they are.
void Grouping::formAttention(nn::MatmulOp outcome) {
  constexpr int64_t fewestRows = 16;
  std::optional<nn::AttentionParts> parts = nn::matchAttention(outcome);
  if (!parts || llvm::any_of(parts->ops, [&](Operation *op) { return op->getBlock() != &block; }))
    return;
  Value scores = parts->scores.getResult();
  ArrayRef<Value> shape = extents.at(scores), result = extents.at(outcome.getResult());
  std::optional<int64_t> rows = getConstantIntValue(OpFoldResult(shape[shape.size() - 2]));
  bool manyRows = rows ? *rows >= fewestRows : extents.equal(shape[shape.size() - 2], shape.back());
  auto isStatic = [&](Value tensor) {
    return !ShapedType::isDynamic(cast<RankedTensorType>(tensor.getType()).getShape().back());
  };
  if (!manyRows || !isStatic(parts->scores.getLhs()) || !isStatic(outcome.getResult()) ||
      !extents.equal(extents.at(parts->logits), shape) || !extents.equal(result.drop_back(), shape.drop_back()))
    return;
  Group *group = groupOf[parts->ops.front()];
  for (Operation *op : ArrayRef(parts->ops).drop_front())
    absorb(group, groupOf[op]);
  group->kind = GroupKind::single;
  group->space = SmallVector<Value>(result);
}

void Grouping::merge() {
  if (attention)
    for (auto outcome : llvm::make_early_inc_range(block.getOps<nn::MatmulOp>()))
      formAttention(outcome);
  for (Operation &op : block)
    if (auto it = groupOf.find(&op);
        it != groupOf.end() && it->second->kind == GroupKind::contraction && it->second->ops.size() == 1)
      absorbEpilogue(&op);
  for (Operation &op : block) {
    if (!groupOf.contains(&op))
      continue;
    for (Value operand : op.getOperands()) {
      Operation *producer = operand.getDefiningOp();
      auto it = groupOf.find(producer);
      if (!producer || it == groupOf.end() || it->second == groupOf[&op])
        continue;
      tryJoin(it->second, groupOf[&op], &op, operand);
    }
  }
}

bool Grouping::tryJoin(Group *producer, Group *consumer, Operation *op, Value edge) {
  if (!canJoin(*producer, *consumer, op, edge) || reaches(producer, consumer))
    return false;
  if (producer->kind == GroupKind::map && consumer->kind == GroupKind::map)
    producer->space = consumer->space;
  absorb(producer, consumer);
  return true;
}

bool Grouping::canJoin(const Group &producer, const Group &consumer, Operation *op, Value edge) {
  if (llvm::is_contained({producer.kind, consumer.kind}, GroupKind::single) ||
      llvm::is_contained({producer.kind, consumer.kind}, GroupKind::contraction) ||
      producer.ops.size() + consumer.ops.size() > maxGroupOps)
    return false;
  if (producer.kind == GroupKind::rows && consumer.kind == GroupKind::rows && consumer.ops.size() != 1 &&
      (producer.axes != consumer.axes || producer.keepsDims != consumer.keepsDims ||
       !extents.equal(producer.space, consumer.space)))
    return false;
  if (auto reduce = dyn_cast<nn::ReduceOp>(op))
    return canJoinReduce(producer, reduce, edge);
  if (op->hasTrait<nn::Elementwise>())
    return canJoinElementwise(producer, op, edge);
  return false;
}

bool Grouping::isRowValue(const Group &group, Value tensor) {
  ArrayRef<Value> shape = extents.at(tensor);
  SmallVector<Value> reduced;
  for (auto [d, extent] : llvm::enumerate(group.space)) {
    bool isReduced = llvm::is_contained(group.axes, static_cast<int64_t>(d));
    if (!isReduced)
      reduced.push_back(extent);
  }
  if (!group.keepsDims)
    return extents.equal(shape, reduced);
  if (shape.size() != group.space.size())
    return false;
  for (auto [d, extent] : llvm::enumerate(group.space)) {
    bool isReduced = llvm::is_contained(group.axes, static_cast<int64_t>(d));
    if (isReduced ? getConstantIntValue(OpFoldResult(shape[d])) != 1 : !extents.equal(shape[d], extent))
      return false;
  }
  return true;
}

/// Whether computing an element is hardly more than reading it.
static bool isCheap(Operation *op) {
  return isa<nn::AddOp, nn::SubOp, nn::MulOp, nn::MaxOp, nn::MinOp, nn::SelectOp, nn::BroadcastOp, nn::ResampleOp>(op);
}

/// Whether extent `to` is `from` unless one of two that broadcast is 1: select(x == 1, y, x) of one that is `from`.
bool Grouping::isUsually(Value from, Value to) {
  if (extents.equal(from, to))
    return true;
  auto choice = to.getDefiningOp<arith::SelectOp>();
  auto test = choice ? choice.getCondition().getDefiningOp<arith::CmpIOp>() : arith::CmpIOp();
  return test && test.getPredicate() == arith::CmpIPredicate::eq &&
         getConstantIntValue(OpFoldResult(test.getRhs())) == 1 &&
         extents.equal(test.getLhs(), choice.getFalseValue()) &&
         (extents.equal(from, choice.getTrueValue()) || extents.equal(from, choice.getFalseValue()));
}

/// Whether a map group may be computed where `op` is, of whose result it usually has the extents.
bool Grouping::canStretch(const Group &producer, Operation *op) {
  constexpr size_t mostComputedAgain = 4;
  ArrayRef<Value> result = extents.at(op->getResult(0));
  if (groupOf[op]->kind != GroupKind::map || producer.ops.size() > mostComputedAgain ||
      result.size() != producer.space.size() || result.empty() || !extents.equal(result.back(), producer.space.back()))
    return false;
  for (auto [from, to] : llvm::zip_equal(producer.space, result))
    if (!isUsually(from, to))
      return false;
  // A result that others read as well would be computed on its own and again here.
  return llvm::all_of(producer.ops, [&](Operation *member) {
    return isCheap(member) && llvm::all_of(member->getUsers(), [&](Operation *user) {
             return user == op || llvm::is_contained(producer.ops, user);
           });
  });
}

bool Grouping::canJoinElementwise(const Group &producer, Operation *op, Value edge) {
  ArrayRef<Value> result = extents.at(op->getResult(0));
  switch (producer.kind) {
  case GroupKind::map:
    return extents.equal(extents.at(edge), producer.space) &&
           (extents.equal(result, producer.space) || canStretch(producer, op));
  case GroupKind::rows:
    // On full rows, or on the values that rows were reduced to. Without kept dimensions, reduced values do not
    // broadcast back over the rows they came from.
    return (producer.keepsDims && extents.equal(result, producer.space)) || isRowValue(producer, op->getResult(0));
  case GroupKind::contraction:
  case GroupKind::single:
    return false;
  }
  return false;
}

bool Grouping::canJoinReduce(const Group &producer, nn::ReduceOp op, Value edge) {
  if (!extents.equal(extents.at(edge), producer.space) || producer.kind == GroupKind::contraction)
    return false;
  if (producer.kind == GroupKind::map) // gathers and windows would run once for each pass over a row
    return llvm::all_of(producer.ops, [&](Operation *op) {
      return (op->hasTrait<nn::Elementwise>() || isa<nn::BroadcastOp>(op)) &&
             extents.equal(extents.at(op->getResult(0)), producer.space);
    });
  return llvm::equal(producer.axes, op.getAxes()) && producer.keepsDims == op.getKeepDims();
}

/// Whether a path leads from one group to the other through ops of neither.
bool Grouping::reaches(Group *from, Group *to) {
  unsigned last = 0;
  for (Operation *op : to->ops)
    last = std::max(last, order[op]);
  SmallVector<Operation *> stack;
  llvm::DenseSet<Operation *> seen;
  bool found = false;
  // A group is reached, and left, as a whole.
  auto visitUsers = [&](ArrayRef<Operation *> members, bool isStart) {
    for (Operation *member : members)
      for (Operation *user : member->getUsers()) {
        Operation *inBlock = block.findAncestorOpInBlock(*user);
        Group *group = inBlock ? groupOf.lookup(inBlock) : nullptr;
        if (!inBlock || group == from)
          continue;
        if (group == to) {
          found |= !isStart;
          continue;
        }
        Operation *place = group ? group->ops.front() : inBlock;
        if ((group || order[inBlock] <= last) && seen.insert(place).second)
          stack.push_back(place);
      }
  };
  visitUsers(from->ops, /*isStart=*/true);
  while (!stack.empty() && !found) {
    Operation *place = stack.pop_back_val();
    Group *group = groupOf.lookup(place);
    visitUsers(group ? ArrayRef<Operation *>(group->ops) : ArrayRef<Operation *>(place), /*isStart=*/false);
  }
  return found;
}

void Grouping::absorb(Group *producer, Group *consumer) {
  if (producer->kind == GroupKind::map && consumer->kind == GroupKind::rows) {
    producer->axes = consumer->axes;
    producer->keepsDims = consumer->keepsDims;
    producer->kind = GroupKind::rows;
  }
  for (Operation *op : consumer->ops)
    groupOf[op] = producer;
  llvm::append_range(producer->ops, consumer->ops);
  llvm::sort(producer->ops, [&](Operation *x, Operation *y) { return order[x] < order[y]; });
  consumer->ops.clear();
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

/// A group, or an op that is in none.
struct Unit {
  SmallVector<Operation *> ops;
  llvm::SetVector<unsigned> producers, users;
};

/// Whether an op may end the run for a reason that only data decides. What the plan checks comes before everything.
static bool mayFail(Operation *op) {
  if (auto requirement = dyn_cast<nn::RequireOp>(op))
    return dependsOnData(requirement.getCondition());
  return op->getNumRegions() != 0 && !isMemoryEffectFree(op);
}

/// The units that `unit` needs, directly or not.
static llvm::DenseSet<unsigned> ancestors(const std::vector<Unit> &units, unsigned unit) {
  llvm::DenseSet<unsigned> seen;
  SmallVector<unsigned> stack{unit};
  while (!stack.empty())
    for (unsigned producer : units[stack.pop_back_val()].producers)
      if (seen.insert(producer).second)
        stack.push_back(producer);
  return seen;
}

/// What may end the run stays ahead of what it guards, which comes after it, though a kernel also holds ops from
/// before.
void Grouping::keepGuardsAhead(std::vector<Unit> &units) {
  for (unsigned guard = 0; guard < units.size(); ++guard) {
    Operation *op = units[guard].ops.front();
    if (groupOf.contains(op) || !mayFail(op))
      continue;
    llvm::DenseSet<unsigned> needed = ancestors(units, guard);
    for (unsigned unit = 0; unit < units.size(); ++unit)
      if (unit != guard && !needed.contains(unit) && order[units[unit].ops.back()] > order[op]) {
        units[guard].users.insert(unit);
        units[unit].producers.insert(guard);
      }
  }
}

/// Sorts the block topologically with groups as units, keeping the given order where it is free.
void Grouping::reorder() {
  std::vector<Unit> units;
  llvm::DenseMap<Operation *, unsigned> unitOf;
  for (Operation &op : block.without_terminator()) {
    if (unitOf.contains(&op))
      continue;
    Group *group = groupOf.lookup(&op);
    SmallVector<Operation *> members = group ? group->ops : SmallVector<Operation *>{&op};
    for (Operation *member : members)
      unitOf[member] = units.size();
    units.push_back({members, {}, {}});
  }
  for (auto [number, unit] : llvm::enumerate(units)) {
    auto need = [&, number = number](Value value) {
      Operation *producer = value.getDefiningOp();
      Operation *inBlock = producer ? block.findAncestorOpInBlock(*producer) : nullptr;
      auto it = inBlock ? unitOf.find(inBlock) : unitOf.end();
      if (it == unitOf.end() || it->second == number)
        return;
      units[number].producers.insert(it->second);
      units[it->second].users.insert(number);
    };
    for (Operation *member : unit.ops) {
      member->walk([&](Operation *inner) { llvm::for_each(inner->getOperands(), need); });
      // The launch will also take the extents of what goes in and out.
      if (groupOf.contains(member))
        for (Value tensor :
             llvm::concat<Value>(SmallVector<Value>(member->getOperands()), SmallVector<Value>(member->getResults())))
          if (extents.has(tensor))
            llvm::for_each(extents.at(tensor), need);
    }
  }
  keepGuardsAhead(units);

  std::priority_queue<unsigned, std::vector<unsigned>, std::greater<unsigned>> ready;
  std::vector<size_t> missing;
  for (auto [number, unit] : llvm::enumerate(units)) {
    missing.push_back(unit.producers.size());
    if (unit.producers.empty())
      ready.push(number);
  }
  Operation *terminator = block.getTerminator();
  while (!ready.empty()) {
    unsigned next = ready.top();
    ready.pop();
    for (Operation *member : units[next].ops)
      member->moveBefore(terminator);
    for (unsigned user : units[next].users)
      if (--missing[user] == 0)
        ready.push(user);
  }
  number();
}

} // namespace tenon::fuse
