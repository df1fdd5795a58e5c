//===- UkernelDialect.cpp - registration and verifiers of the ukernel dialect --------------===//

#include "dialects/ukernel/Ukernel.h"

#include "dialects/ukernel/UkernelOpsDialect.cpp.inc"

#define GET_OP_CLASSES
#include "dialects/ukernel/UkernelOps.cpp.inc"

using namespace mlir;
using namespace tenon::ukernel;

void UkernelDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/ukernel/UkernelOps.cpp.inc"
      >();
}

void PhaseOp::build(OpBuilder &builder, OperationState &state, Value tasks, Value work, Value scratch,
                    llvm::function_ref<void(OpBuilder &, Location, Value, Value, Value)> build) {
  state.addOperands({tasks, work, scratch});
  Region *body = state.addRegion();
  Type index = builder.getIndexType();
  Type bytes = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(body, {}, {index, index, bytes}, SmallVector<Location>(3, state.location));
  build(builder, state.location, block->getArgument(0), block->getArgument(1), block->getArgument(2));
}

LogicalResult PhaseOp::verify() {
  Block &block = getBody().front();
  Type index = IndexType::get(getContext());
  Type bytes = MemRefType::get({ShapedType::kDynamic}, IntegerType::get(getContext(), 8));
  if (block.getArgumentTypes() != TypeRange({index, index, bytes}))
    return emitOpError("region arguments must be (index, index, memref<?xi8>)");
  if (!isa<EndOp>(block.back()))
    return emitOpError("region must end in ukernel.end");
  return success();
}

LogicalResult CallOp::verify() {
  return getCallee().starts_with("tenon_text_")
             ? success()
             : emitOpError("C1: the callee is ") << getCalleeAttr() << " but must start with \"tenon_text_\"";
}

LogicalResult ScaleOp::verify() {
  VectorType type = getType();
  int64_t bits = type.getNumElements() * type.getElementTypeBitWidth();
  return bits == 128 || bits == 256 || bits == 512
             ? success()
             : emitOpError("C1: a vector of ") << bits << " bits, but registers have 128, 256 or 512";
}

LogicalResult LookupOp::verify() {
  int64_t lanes = getType().getNumElements(), entries = getTable().size();
  if (lanes != 8 && lanes != 16)
    return emitOpError("C1: a vector of ") << lanes << " lanes, but must have 8 or 16";
  return entries == lanes ? success() : emitOpError("C2: ") << entries << " entries for " << lanes << " lanes";
}

void EndOp::build(OpBuilder &, OperationState &) {}
void YieldOp::build(OpBuilder &, OperationState &) {}

void BrgemmOp::build(OpBuilder &builder, OperationState &state, const BrgemmShape &shape,
                     llvm::function_ref<void(OpBuilder &, Location, Value, Value, Value, Value)> epilogue) {
  state.addOperands({shape.a, shape.aOffset});
  state.addOperands(shape.rows);
  state.addOperands({shape.aStep, shape.b, shape.bOffset, shape.bStep, shape.panelStep, shape.k});
  state.addOperands(shape.batch);
  state.addOperands(shape.aSteps);
  state.addOperands(shape.bSteps);
  if (shape.columns)
    state.addOperands(shape.columns);
  if (shape.prefetch)
    state.addOperands(shape.prefetch);
  auto count = [](const SmallVector<Value> &values) { return static_cast<int32_t>(values.size()); };
  Properties &properties = state.getOrAddProperties<Properties>();
  properties.operandSegmentSizes = {1,
                                    1,
                                    count(shape.rows),
                                    1,
                                    1,
                                    1,
                                    1,
                                    1,
                                    1,
                                    count(shape.batch),
                                    count(shape.aSteps),
                                    count(shape.bSteps),
                                    shape.columns ? 1 : 0,
                                    shape.prefetch ? 1 : 0};
  properties.vectors = builder.getI64IntegerAttr(shape.vectors);
  properties.nr = builder.getI64IntegerAttr(shape.nr);
  properties.k_group = builder.getI64IntegerAttr(shape.kGroup);
  if (shape.maskB)
    properties.mask_b = builder.getUnitAttr();
  properties.prefetch_shares = builder.getI64IntegerAttr(shape.prefetchShares);
  Type index = builder.getIndexType();
  SmallVector<Type> types = {shape.accumulator, index, index};
  if (shape.columns)
    types.push_back(VectorType::get(shape.accumulator.getShape(), builder.getI1Type()));
  OpBuilder::InsertionGuard guard(builder);
  Region *body = state.addRegion();
  Block *block = builder.createBlock(body, {}, types, SmallVector<Location>(types.size(), state.location));
  epilogue(builder, state.location, block->getArgument(0), block->getArgument(1), block->getArgument(2),
           shape.columns ? block->getArgument(3) : Value());
  if (block->empty() || !block->back().hasTrait<OpTrait::IsTerminator>())
    YieldOp::create(builder, state.location);
}

/// Whether values of `from` convert to `to` without loss: equal, or a narrower float of a wider one.
static bool widens(Type from, Type to) {
  if (from == to)
    return true;
  auto narrow = dyn_cast<FloatType>(from), wide = dyn_cast<FloatType>(to);
  return narrow && wide && narrow.getWidth() < wide.getWidth();
}

/// Steps of k side by side.
static LogicalResult verifyGroup(BrgemmOp op) {
  auto group = static_cast<int64_t>(op.getKGroup());
  if (group == 1)
    return success();
  if (group < 1 || !llvm::isPowerOf2_64(group))
    return op.emitOpError("k_group is ") << group << " but must be a power of two";
  if (!matchPattern(op.getAKStep(), m_One()))
    return op.emitOpError("k_group is ") << group << " but the step of k in a is not 1";
  if (std::optional<int64_t> k = getConstantIntValue(op.getK()); k && *k % group)
    return op.emitOpError("k is ") << *k << " but must be a multiple of k_group " << group;
  Type sum = op.getAccumulatorType().getElementType();
  if (!isa<FloatType>(sum) || op.getA().getType().getElementType() != sum ||
      op.getB().getType().getElementType() != sum)
    return op.emitOpError("k_group needs operands and accumulators of one type of floats");
  return op.getMaskB() ? op.emitOpError("k_group excludes mask_b") : success();
}

LogicalResult BrgemmOp::verify() {
  if (getRows().empty())
    return emitOpError("needs at least one row");
  if (getVectors() < 1)
    return emitOpError("vectors is ") << getVectors() << " but must be positive";
  if (getBatch().size() != getASteps().size() || getBatch().size() != getBSteps().size())
    return emitOpError("batch has ") << getBatch().size() << " entries but a_steps has " << getASteps().size()
                                     << " and b_steps has " << getBSteps().size();
  Block &block = getEpilogue().front();
  size_t expected = getColumns() ? 4 : 3;
  if (block.getNumArguments() != expected)
    return emitOpError("epilogue has ") << block.getNumArguments() << " arguments but needs " << expected;
  auto vector = dyn_cast<VectorType>(block.getArgument(0).getType());
  if (!vector || vector.getRank() != 1 || vector.isScalable())
    return emitOpError("first argument of the epilogue is ")
           << block.getArgument(0).getType() << " but must be a vector";
  if (!block.getArgument(1).getType().isIndex() || !block.getArgument(2).getType().isIndex())
    return emitOpError("row and column of the epilogue must be of type index");
  Type mask = vector.clone(IntegerType::get(getContext(), 1));
  if (getColumns() && block.getArgument(3).getType() != mask)
    return emitOpError("mask of the epilogue is ") << block.getArgument(3).getType() << " but must be " << mask;
  if (getMaskB() && !getColumns())
    return emitOpError("mask_b needs columns");
  if (getNr() < 1 || getNr() % vector.getNumElements())
    return emitOpError("nr is ") << getNr() << " but must be a multiple of " << vector.getNumElements() << " lanes";
  for (Value operand : {Value(getA()), Value(getB())}) {
    Type element = cast<MemRefType>(operand.getType()).getElementType();
    if (!widens(element, vector.getElementType()))
      return emitOpError("operand of ") << element << " cannot be accumulated in " << vector.getElementType();
  }
  if (!isa<YieldOp>(block.back()))
    return emitOpError("epilogue must end in ukernel.yield");
  return verifyGroup(*this);
}
