//===- MergeProducts.cpp - products with the same weights become one -----------------------===//
//
// Expects factors and biases where they stay (FoldIntoWeights). Unrolled recurrences, shared heads and towers multiply
// few rows at a time by the same constant matrix: its bytes come from far for each of them. Products that do not need
// each other's results become one of all rows, with what follows all of them alike.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Graph/Matching.h"
#include "compiler/Graph/Passes.h"
#include "dialects/nn/ExtentEquality.h"
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace tenon::graph {
#define GEN_PASS_DEF_MERGEPRODUCTSPASS
#include "compiler/Graph/Passes.h.inc"

namespace {

/// Smaller weights stay in the first levels of cache from one product to the next.
constexpr int64_t leastBytes = 64 << 10;
/// With this many rows each element of the weights is used often enough.
constexpr int64_t mostRows = 32;
/// Where the number of rows is not known, bringing them together may cost a copy of many: it has to be worth it.
constexpr size_t leastUnknown = 4;

/// The constant matrix, whether it is transposed, and the type of the rows.
using Key = std::tuple<Value, unsigned, Type>;

/// Rows of a product, if known.
std::optional<int64_t> rowsOf(nn::MatmulOp op) {
  ArrayRef<int64_t> outer = tensorType(op.getLhs()).getShape().drop_back();
  if (ShapedType::isDynamicShape(outer))
    return std::nullopt;
  return ShapedType::getNumElements(outer);
}

bool isCandidate(nn::MatmulOp op) {
  RankedTensorType rhs = tensorType(op.getRhs());
  return isConstant(op.getRhs()) && rhs.getRank() == 2 && rhs.hasStaticShape() && !op.getPacking() &&
         !op.getTransposeLhs() && tensorType(op.getLhs()).getRank() >= 2 &&
         rhs.getNumElements() * rhs.getElementTypeBitWidth() / 8 >= leastBytes && rowsOf(op).value_or(1) <= mostRows;
}

/// Whether the weights that are not read again are more than the rows and results that are moved, as far as it is
/// known.
bool pays(nn::MatmulOp op, size_t count) {
  RankedTensorType rhs = tensorType(op.getRhs());
  double weights = static_cast<double>(rhs.getNumElements()), rows = static_cast<double>(rowsOf(op).value_or(1));
  double moved = rows * static_cast<double>(rhs.getDimSize(0) + rhs.getDimSize(1)), all = static_cast<double>(count);
  // What is moved is read and written.
  return count >= (rowsOf(op) ? 2 : leastUnknown) && (all - 1) * weights > 2 * all * moved;
}

/// Products of one block, in its order, none of which needs the result of another; ops that need one of theirs.
struct Independent {
  SmallVector<nn::MatmulOp> products;
  llvm::SmallPtrSet<Operation *, 32> after;

  explicit Independent(ArrayRef<nn::MatmulOp> candidates) {
    llvm::SmallPtrSet<Operation *, 32> wanted(candidates.begin(), candidates.end());
    Block *block = candidates.front()->getBlock();
    for (Operation &op : llvm::make_range(candidates.front()->getIterator(), block->end())) {
      bool needsOne = op.walk([&](Operation *nested) {
                          bool found = llvm::any_of(nested->getOperands(), [&](Value operand) {
                            Operation *producer = operand.getDefiningOp();
                            return producer && after.contains(producer);
                          });
                          return found ? WalkResult::interrupt() : WalkResult::advance();
                        }).wasInterrupted();
      bool isProduct = !needsOne && wanted.contains(&op);
      if (isProduct)
        products.push_back(cast<nn::MatmulOp>(op));
      if (needsOne || isProduct)
        after.insert(&op);
    }
  }
};

/// What the rows of a product are if they are a reshaped slice x[..., position, ...] of one element of a dimension.
struct UnitSlice {
  nn::SliceOp op;
  int64_t dimension = 0, position = 0;
};

std::optional<UnitSlice> unitSlice(Value rows) {
  if (auto reshape = rows.getDefiningOp<nn::ReshapeOp>())
    rows = reshape.getInput();
  auto slice = rows.getDefiningOp<nn::SliceOp>();
  if (!slice)
    return std::nullopt;
  nn::ExtentEquality extents(slice.getContext());
  std::optional<UnitSlice> result;
  for (int64_t d = 0; d < tensorType(slice).getRank(); ++d) {
    std::optional<int64_t> offset = getConstantIntValue(slice.getOffsets()[d]);
    if (!offset || !isConstantIntValue(slice.getSteps()[d], 1))
      return std::nullopt;
    if (*offset == 0 && extents.equal(OpFoldResult(slice.getSizes()[d]), slice.getInput(), d))
      continue;
    if (result || !isConstantIntValue(slice.getSizes()[d], 1))
      return std::nullopt;
    result = UnitSlice{slice, d, *offset};
  }
  return result;
}

class Merge {
public:
  explicit Merge(Independent &group)
      : products(group.products), after(group.after), b(products.front()), location(fusedLocation()) {}

  void run() {
    Operation *first = products.front(), *last = products.back();
    sortBySlices();
    for (nn::MatmulOp op : products)
      results.push_back(op.getResult());
    b.setInsertionPointAfter(last);
    Value rows = stackRows();
    auto whole = nn::MatmulOp::create(b, location, stackedType(results.front()), rows, products.front().getRhs(),
                                      /*transpose_lhs=*/false, products.front().getTransposeRhs(), nn::PackingAttr());
    stacked = whole.getResult();
    while (takeNext())
      continue;
    Operation *position = unstack();
    // What needs a result comes after all of them.
    SmallVector<Operation *> late;
    for (Operation &op : llvm::make_range(first->getIterator(), last->getIterator()))
      if (after.contains(&op) && !llvm::is_contained(replaced, &op))
        late.push_back(&op);
    for (Operation *op : late) {
      op->moveAfter(position);
      position = op;
    }
    for (Operation *op : llvm::reverse(replaced))
      op->erase();
  }

private:
  SmallVector<nn::MatmulOp> products;
  const llvm::SmallPtrSetImpl<Operation *> &after;
  OpBuilder b;
  Location location;
  SmallVector<Value> results;        ///< of each product, or of what follows it in `stacked`
  Value stacked;                     ///< [products, ...]
  SmallVector<Operation *> replaced; ///< products and what follows them
  SmallVector<UnitSlice> slices;     ///< neighbours in one tensor; empty: the rows are others

  Location fusedLocation() {
    return b.getFusedLoc(llvm::map_to_vector(products, [](nn::MatmulOp op) { return op.getLoc(); }));
  }

  RankedTensorType stackedType(Value one) {
    SmallVector<int64_t> shape(tensorType(one).getShape());
    shape.insert(shape.begin(), static_cast<int64_t>(products.size()));
    return RankedTensorType::get(shape, elementType(one));
  }

  /// Orders the products by the places of their rows, if those are neighbouring slices of one tensor.
  void sortBySlices() {
    SmallVector<std::pair<UnitSlice, nn::MatmulOp>> found;
    for (nn::MatmulOp op : products) {
      std::optional<UnitSlice> slice = unitSlice(op.getLhs());
      if (!slice || (!found.empty() && (slice->op.getInput() != found.front().first.op.getInput() ||
                                        slice->dimension != found.front().first.dimension)))
        return;
      found.push_back({*slice, op});
    }
    llvm::sort(found, [](auto &lhs, auto &rhs) { return lhs.first.position < rhs.first.position; });
    for (auto [number, entry] : llvm::enumerate(found))
      if (entry.first.position != found.front().first.position + static_cast<int64_t>(number))
        return;
    for (auto [number, entry] : llvm::enumerate(found)) {
      slices.push_back(entry.first);
      products[number] = entry.second;
    }
  }

  /// The rows of all products as [products, ...].
  Value stackRows() {
    Value one = products.front().getLhs();
    SmallVector<OpFoldResult> extents = nn::getExtents(b, location, one);
    extents.insert(extents.begin(), b.getIndexAttr(slices.empty() ? 1 : products.size()));
    SmallVector<Value> sizes = materialize(b, location, extents);
    if (!slices.empty()) {
      UnitSlice from = slices.front();
      Value zero = makeIndex(b, location, 0), step = makeIndex(b, location, 1);
      int64_t rank = tensorType(from.op).getRank();
      SmallVector<Value> offsets(rank, zero), steps(rank, step), counts(from.op.getSizes());
      offsets[from.dimension] = makeIndex(b, location, from.position);
      counts[from.dimension] = makeIndex(b, location, products.size());
      Value part = nn::SliceOp::create(b, location, from.op.getInput(), offsets, counts, steps);
      SmallVector<int64_t> permutation{from.dimension};
      for (int64_t d = 0; d < rank; ++d)
        if (d != from.dimension)
          permutation.push_back(d);
      Value moved = nn::TransposeOp::create(b, location, part, permutation);
      return nn::ReshapeOp::create(b, location, moved, sizes);
    }
    SmallVector<Value> rows;
    for (nn::MatmulOp op : products)
      rows.push_back(nn::ReshapeOp::create(b, op.getLoc(), op.getLhs(), sizes));
    return nn::ConcatOp::create(b, location, rows, 0);
  }

  /// Takes an elementwise op into `stacked` that is the only user of each result, the same for all.
  bool takeNext() {
    Operation *model = onlyUser(results.front());
    if (!model || !model->hasTrait<nn::Elementwise>() || model->getNumRegions() > 0)
      return false;
    SmallVector<Operation *> users;
    for (Value result : results) {
      Operation *user = onlyUser(result);
      if (!user || user->getName() != model->getName() || user->getAttrDictionary() != model->getAttrDictionary() ||
          user->getResultTypes() != model->getResultTypes() || tensorType(user->getResult(0)) != tensorType(result) ||
          user->getNumOperands() != model->getNumOperands())
        return false;
      for (auto [mine, theirs] : llvm::zip(user->getOperands(), model->getOperands()))
        if ((theirs == results.front()) ? mine != result : (mine != theirs || !isSmallConstant(theirs, result)))
          return false;
      users.push_back(user);
    }
    IRMapping mapping;
    mapping.map(results.front(), stacked);
    for (Value operand : model->getOperands())
      if (Operation *constant = operand.getDefiningOp<nn::ConstantOp>(); constant && operand != results.front())
        mapping.map(operand, b.clone(*constant)->getResult(0));
    Operation *copy = b.clone(*model, mapping);
    copy->setLoc(b.getFusedLoc(llvm::map_to_vector(users, [](Operation *op) { return op->getLoc(); })));
    copy->getResult(0).setType(stackedType(model->getResult(0)));
    for (auto [result, producer, user] : llvm::zip(results, heads(), users)) {
      replaced.push_back(producer);
      result = user->getResult(0);
    }
    stacked = copy->getResult(0);
    return true;
  }

  SmallVector<Operation *> heads() {
    return llvm::map_to_vector(results, [](Value result) { return result.getDefiningOp(); });
  }

  Operation *onlyUser(Value result) {
    Operation *user = result.hasOneUse() ? *result.user_begin() : nullptr;
    return user && user->getBlock() == products.front()->getBlock() ? user : nullptr;
  }

  /// A constant that is broadcast over the leading dimension, too.
  static bool isSmallConstant(Value value, Value result) {
    return isConstant(value) && tensorType(value).getRank() <= tensorType(result).getRank();
  }

  /// Replaces the results by slices of `stacked`. Returns the last op that was made.
  Operation *unstack() {
    Operation *end = nullptr;
    for (auto [number, result] : llvm::enumerate(results)) {
      Operation *producer = result.getDefiningOp();
      Location loc = producer->getLoc();
      Value zero = makeIndex(b, loc, 0), one = makeIndex(b, loc, 1);
      SmallVector<Value> sizes = materialize(b, loc, nn::getExtents(b, loc, stacked));
      SmallVector<Value> offsets(sizes.size(), zero), steps(sizes.size(), one);
      offsets.front() = makeIndex(b, loc, static_cast<int64_t>(number));
      sizes.front() = one;
      Value part = nn::SliceOp::create(b, loc, stacked, offsets, sizes, steps);
      auto reshaped = nn::ReshapeOp::create(b, loc, tensorType(result), part, ArrayRef(sizes).drop_front());
      result.replaceAllUsesWith(reshaped.getResult());
      replaced.push_back(producer);
      end = reshaped;
    }
    return end;
  }
};

/// Merges what can be merged of products with equal operands' types and one right-hand side.
void mergeAlike(ArrayRef<nn::MatmulOp> candidates) {
  nn::MatmulOp first = candidates.front();
  SmallVector<nn::MatmulOp> sameShape;
  nn::ExtentEquality extents(first.getContext());
  for (nn::MatmulOp op : candidates)
    if (extents.sameShape(op.getLhs(), first.getLhs()))
      sameShape.push_back(op);
  Independent group(sameShape);
  if (pays(first, group.products.size()))
    Merge(group).run();
}

struct MergeProducts : impl::MergeProductsPassBase<MergeProducts> {
  void runOnOperation() override {
    SmallVector<SmallVector<nn::MatmulOp>> groups;
    getOperation()->walk([&](Block *block) {
      llvm::MapVector<Key, SmallVector<nn::MatmulOp>> alike;
      for (auto op : block->getOps<nn::MatmulOp>())
        if (isCandidate(op))
          alike[{op.getRhs(), op.getTransposeRhs(), op.getLhs().getType()}].push_back(op);
      for (auto &[key, candidates] : alike)
        if (candidates.size() > 1)
          groups.push_back(candidates);
    });
    for (ArrayRef<nn::MatmulOp> group : groups)
      mergeAlike(group);
  }
};

} // namespace
} // namespace tenon::graph
