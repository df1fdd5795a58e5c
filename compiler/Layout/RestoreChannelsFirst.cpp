//===- RestoreChannelsFirst.cpp - channels first between two transpositions ----------------===//
//
// Expects what ConvertToChannelsLast leaves: transpositions directly around what was converted. An island is a set of
// channels-last planewise and elementwise ops, and convolutions with a window of one position, which reads and is read
// by nothing but transpositions from and to channels first, and itself. Rewrites each island on channels-first data,
// where such a convolution is a product of the filter with the pixels.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Layout/ChannelOrder.h"
#include "compiler/Layout/Passes.h"

#include "dialects/nn/Nn.h"
#include "dialects/nn/NnPlanes.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;

namespace tenon::layout {

#define GEN_PASS_DEF_RESTORECHANNELSFIRSTPASS
#include "compiler/Layout/Passes.h.inc"

namespace {

bool isTransposition(Operation *op, ArrayRef<int64_t> permutation) {
  auto transpose = dyn_cast_if_present<nn::TransposeOp>(op);
  return transpose && transpose.getPermutation() == permutation;
}

bool isChannelsLast(Operation *op) {
  if (auto pool = dyn_cast<nn::PoolOp>(op))
    return pool.getChannelsLast();
  auto convolution = dyn_cast<nn::ConvOp>(op);
  return convolution && convolution.getChannelsLast();
}

/// Whether windows are one position, the pixel of the result, with several channels.
bool isProduct(nn::ConvOp op) {
  auto isOne = [](int64_t number) { return number == 1; };
  return !nn::isPlanewise(op) && llvm::all_of(op.getKernel(), isOne) && llvm::all_of(op.getStrides(), isOne) &&
         llvm::all_of(op.getPads(), [](int64_t pad) { return pad == 0; });
}

Value product(OpBuilder &b, Location loc, ArrayRef<Value> factors) {
  Value result = factors.front();
  for (Value factor : factors.drop_front())
    result = b.createOrFold<arith::MulIOp>(loc, result, factor);
  return result;
}

Value reshape(OpBuilder &b, Location loc, Value tensor, ArrayRef<int64_t> shape, ArrayRef<Value> sizes) {
  return nn::ReshapeOp::create(b, loc, RankedTensorType::get(shape, typeOf(tensor).getElementType()), tensor, sizes);
}

class Island {
public:
  Island(Operation *window, int64_t vectorBytes)
      : block(window->getBlock()), rank(typeOf(window->getResult(0)).getRank()), first(toChannelsFirst(rank)),
        last(invertPermutationVector(first)), vectorBytes(vectorBytes) {
    valid = include(window);
    for (size_t i = 0; valid && i < members.size(); ++i)
      valid = visit(members[i]);
    countSaved();
  }

  /// Whether it is one, and no transpositions cost less than what is slower without them.
  bool pays() const { return valid && lostCycles < savedCycles; }
  ArrayRef<Operation *> operations() const { return members.getArrayRef(); }

  void rewrite() {
    SmallVector<Operation *> ordered(members.getArrayRef());
    llvm::sort(ordered, [](Operation *x, Operation *y) { return x->isBeforeInBlock(y); });
    for (Operation *op : ordered)
      convert(op);
    for (Operation *op : llvm::reverse(ordered))
      replace(op);
  }

private:
  Block *block;
  int64_t rank;
  Permutation first, last; ///< transpositions to channels first, and to channels last
  int64_t vectorBytes;
  bool valid = false;
  double savedCycles = 0, lostCycles = 0;              ///< for a pixel
  llvm::SetVector<Operation *> members, before, after; ///< and the transpositions
  IRMapping converted;

  /// Operands that have the result's layout.
  OperandRange data(Operation *op) { return isChannelsLast(op) ? op->getOperands().take_front(1) : op->getOperands(); }

  int64_t lanesOf(RankedTensorType type) {
    return std::max<int64_t>(vectorBytes / llvm::divideCeil(type.getElementTypeBitWidth(), 8), 1);
  }

  /// Whether lines of the result are so long, for their windows, that vectors along them have enough lanes in use: what
  /// the others cost is less than a multiply-add of a vector per result, for moving the channels of input and result
  /// takes longer.
  bool hasLongLines(Operation *op, ArrayRef<int64_t> window) {
    RankedTensorType type = typeOf(op->getResult(0));
    double width = std::max<int64_t>(type.getDimSize(rank - 2), 1), lanes = lanesOf(type);
    double unused = std::ceil(width / lanes) / width - 1 / lanes; // vectors per result
    return type.isDynamicDim(rank - 2) || llvm::product_of(window) * unused < 1;
  }

  /// Whether the op works on channels-first data; counts what it loses there.
  bool worksOnPlanes(Operation *op) {
    if (auto pool = dyn_cast<nn::PoolOp>(op))
      return nn::isPlanewise(op) && hasLongLines(op, pool.getKernel());
    auto convolution = cast<nn::ConvOp>(op);
    if (nn::isPlanewise(op))
      return hasLongLines(op, convolution.getKernel());
    RankedTensorType filter = typeOf(convolution.getFilter());
    if (!isProduct(convolution) || convolution.getPacking() || !filter.hasStaticShape())
      return false;
    // Pixels as the product's right-hand side are not packed ahead; of few, the last vector has lanes that are unused.
    // Fitted to a dozen shapes (docs/performance).
    constexpr double slowdown = 0.09, cyclesPerUnusedVector = 0.25;
    ArrayRef<int64_t> places = typeOf(op->getResult(0)).getShape().drop_front().drop_back();
    double lanes = lanesOf(filter), weights = filter.getNumElements();
    lostCycles += slowdown * weights / (2 * lanes);
    if (llvm::any_of(places, ShapedType::isDynamic))
      return true;
    double pixels = llvm::product_of(places);
    lostCycles += cyclesPerUnusedVector * weights * (std::ceil(pixels / lanes) / pixels - 1 / lanes);
    return pixels >= lanes;
  }

  bool include(Operation *op) {
    if (members.contains(op))
      return true;
    if (op->getBlock() != block || op->getNumResults() != 1 || typeOf(op->getResult(0)).getRank() != rank ||
        !(isChannelsLast(op) ? worksOnPlanes(op) : op->hasTrait<nn::Elementwise>()))
      return false;
    members.insert(op);
    return true;
  }

  /// Whether transposing the tensor costs next to nothing.
  static bool isCheap(Value value) {
    return llvm::count_if(typeOf(value).getShape(), [](int64_t size) { return size != 1; }) <= 1;
  }

  /// Of transpositions that nothing else needs, and that something does.
  void countSaved() {
    constexpr double cyclesPerElement = 0.5;
    auto count = [&](Value channelsLast) {
      int64_t channels = typeOf(channelsLast).getDimSize(rank - 1);
      savedCycles += cyclesPerElement * (ShapedType::isDynamic(channels) ? 1 : channels);
    };
    for (Operation *op : before)
      if (llvm::all_of(op->getUsers(), [&](Operation *user) { return members.contains(user); }))
        count(op->getResult(0));
    for (Operation *op : after)
      if (!op->use_empty())
        count(op->getOperand(0));
  }

  /// Includes the neighbours of a member. Returns false if one keeps the island from its transpositions.
  bool visit(Operation *op) {
    for (Value operand : data(op)) {
      Operation *producer = operand.getDefiningOp();
      if (isTransposition(producer, last))
        before.insert(producer);
      else if (!isCheap(operand) && (!producer || !include(producer)))
        return false;
    }
    for (OpOperand &use : op->getUses()) {
      Operation *user = use.getOwner();
      if (isTransposition(user, first))
        after.insert(user);
      else if (!isa<tensor::DimOp>(user) && (!llvm::is_contained(data(user), use.get()) || !include(user)))
        return false;
    }
    return true;
  }

  /// A cheap operand, which may have a lower rank, with channels first.
  Value alignedCheap(OpBuilder &b, Location loc, Value operand) {
    RankedTensorType type = typeOf(operand);
    if (type.getRank() == 0)
      return operand;
    SmallVector<int64_t> shape(rank - type.getRank(), 1);
    llvm::append_range(shape, type.getShape());
    SmallVector<OpFoldResult> sizes(rank - type.getRank(), b.getIndexAttr(1));
    llvm::append_range(sizes, nn::getExtents(b, loc, operand));
    shape = applyPermutation(shape, first);
    sizes = applyPermutation(sizes, first);
    return nn::ReshapeOp::create(b, loc, RankedTensorType::get(shape, type.getElementType()), operand,
                                 getValueOrCreateConstantIndexOp(b, loc, sizes));
  }

  /// [N, G * f, P] = filter[G, f, c] * pixels[N, G, c, P] in place of a convolution; one group has no dimension.
  Value pointwiseProduct(OpBuilder &b, nn::ConvOp op, Value input) {
    Location loc = op.getLoc();
    int64_t groups = op.getGroups(), filters = typeOf(op.getFilter()).getDimSize(0) / groups,
            channels = typeOf(op.getFilter()).getDimSize(1);
    auto constant = [&](int64_t number) { return Value(arith::ConstantIndexOp::create(b, loc, number)); };
    SmallVector<Value> extents = getValueOrCreateConstantIndexOp(b, loc, nn::getExtents(b, loc, input));
    ArrayRef<int64_t> shape = typeOf(input).getShape();
    ArrayRef<Value> places = ArrayRef(extents).drop_front(2);
    int64_t pixels = llvm::any_of(shape.drop_front(2), ShapedType::isDynamic) ? ShapedType::kDynamic
                                                                              : llvm::product_of(shape.drop_front(2));
    SmallVector<int64_t> inputShape = {shape[0]}, filterShape, resultShape = {shape[0]};
    SmallVector<Value> inputSizes = {extents[0]}, filterSizes;
    if (groups > 1) {
      for (SmallVector<int64_t> *sizes : {&inputShape, &filterShape, &resultShape})
        sizes->push_back(groups);
      inputSizes.push_back(constant(groups));
      filterSizes.push_back(constant(groups));
    }
    llvm::append_values(inputShape, channels, pixels);
    llvm::append_values(filterShape, filters, channels);
    llvm::append_values(resultShape, filters, pixels);
    llvm::append_values(inputSizes, constant(channels), product(b, loc, places));
    llvm::append_values(filterSizes, constant(filters), constant(channels));
    Value matrix = reshape(b, loc, op.getFilter(), filterShape, filterSizes);
    Value result = nn::MatmulOp::create(b, loc, RankedTensorType::get(resultShape, typeOf(input).getElementType()),
                                        matrix, reshape(b, loc, input, inputShape, inputSizes), /*transpose_lhs=*/false,
                                        /*transpose_rhs=*/false, nn::PackingAttr());
    SmallVector<int64_t> whole(shape);
    whole[1] = groups * filters;
    extents[1] = constant(whole[1]);
    return reshape(b, loc, result, whole, extents);
  }

  void convert(Operation *op) {
    OpBuilder b(op);
    SmallVector<Value> operands;
    for (Value operand : data(op)) {
      Value source = converted.lookupOrNull(operand);
      if (!source && isTransposition(operand.getDefiningOp(), last))
        source = operand.getDefiningOp<nn::TransposeOp>().getInput();
      operands.push_back(source ? source : alignedCheap(b, op->getLoc(), operand));
    }
    if (auto convolution = dyn_cast<nn::ConvOp>(op); convolution && isProduct(convolution)) {
      converted.map(op->getResult(0), pointwiseProduct(b, convolution, operands.front()));
      return;
    }
    Operation *copy = b.clone(*op);
    copy->setOperands(0, operands.size(), operands);
    RankedTensorType type = typeOf(op->getResult(0));
    SmallVector<int64_t> shape = applyPermutation(type.getShape(), first);
    copy->getResult(0).setType(RankedTensorType::get(shape, type.getElementType()));
    if (auto pool = dyn_cast<nn::PoolOp>(copy))
      pool.setChannelsLast(false);
    if (auto convolution = dyn_cast<nn::ConvOp>(copy))
      convolution.setChannelsLast(false);
    converted.map(op->getResult(0), copy->getResult(0));
  }

  void replace(Operation *op) {
    Value result = op->getResult(0), now = converted.lookup(result);
    OpBuilder b(op);
    for (Operation *user : llvm::make_early_inc_range(result.getUsers()))
      if (isTransposition(user, first)) {
        Value same = now;
        if (user->getResult(0).getType() != now.getType())
          same = tensor::CastOp::create(b, op->getLoc(), user->getResult(0).getType(), now);
        user->getResult(0).replaceAllUsesWith(same);
        user->erase();
      }
    // Extents that are asked of it follow from its operands.
    if (!result.use_empty())
      result.replaceAllUsesWith(nn::TransposeOp::create(b, op->getLoc(), typeOf(result), now, last));
    op->erase();
  }
};

struct RestoreChannelsFirst : impl::RestoreChannelsFirstPassBase<RestoreChannelsFirst> {
  using RestoreChannelsFirstPassBase::RestoreChannelsFirstPassBase;

  void runOnOperation() override {
    SmallVector<Operation *> windows;
    getOperation()->walk([&](Operation *op) {
      if (isChannelsLast(op))
        windows.push_back(op);
    });
    // An island has all its windows rewritten: the others find themselves gone.
    llvm::DenseSet<Operation *> left(windows.begin(), windows.end());
    for (Operation *window : windows) {
      if (!left.contains(window))
        continue;
      Island island(window, vectorBytes);
      if (!island.pays())
        continue;
      for (Operation *member : island.operations())
        left.erase(member);
      island.rewrite();
    }
  }
};

} // namespace
} // namespace tenon::layout
