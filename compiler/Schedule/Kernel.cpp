//===- Kernel.cpp - buffers, extents and phases of a kernel being scheduled ----------------===//

#include "compiler/Schedule/Kernel.h"
#include "compiler/Schedule/IndexMath.h"

#include "dialects/nn/NnPlaces.h"
#include "dialects/nn/NnWork.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include <numeric>

using namespace mlir;

namespace tenon::schedule {

static MemRefType bufferType(Type tensor) {
  return MemRefType::get({ShapedType::kDynamic}, storageType(cast<RankedTensorType>(tensor).getElementType()));
}

Kernel::Kernel(func::FuncOp function, const Machine &machine, bool reference)
    : function(function), machine(machine), reference(reference), builder(function.getLoc(), function.getContext()) {
  Block &entry = function.getBody().front();
  auto terminator = cast<func::ReturnOp>(entry.getTerminator());
  for (Operation &op : entry.without_terminator())
    if (llvm::any_of(op.getResultTypes(), llvm::IsaPred<RankedTensorType>))
      bodyOps.push_back(&op);
  llvm::append_range(resultTensors, terminator.getOperands());

  // Buffers come before the scalars: one for each tensor argument, then one for each result.
  SmallVector<BlockArgument> tensors;
  for (BlockArgument argument : entry.getArguments())
    if (isa<RankedTensorType>(argument.getType()))
      tensors.push_back(argument);
  unsigned position = tensors.size();
  auto addBuffer = [&](Value tensor) {
    Buffer buffer{entry.insertArgument(position, bufferType(tensor.getType()), tensor.getLoc())};
    buffer.pitch = nn::pitchOf(function, position++ - tensors.size());
    buffer.row = buffer.pitch ? nn::rowLength(tensor) : 0;
    buffer.pitchIsMissed = &pitchIsMissed;
    return buffer;
  };
  for (BlockArgument tensor : tensors)
    argumentBuffers[tensor] = addBuffer(tensor);
  for (Value result : resultTensors)
    resultBuffers.push_back(addBuffer(result));
  builder.setInsertionPoint(terminator);
  computeExtents();
}

void Kernel::computeExtents() {
  auto lists = function->getAttrOfType<ArrayAttr>("nn.extents");
  SmallVector<Value> scalars;
  for (BlockArgument argument : function.getArguments())
    if (!isa<RankedTensorType, MemRefType>(argument.getType()))
      scalars.push_back(argument);
  size_t number = 0;
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    ArrayRef<int64_t> named;
    if (lists)
      named = cast<DenseI64ArrayAttr>(lists[number]).asArrayRef();
    ++number;
    SmallVector<Value> extents;
    for (int64_t size : type.getShape()) {
      if (ShapedType::isDynamic(size)) {
        extents.push_back(scalars[named.front()]);
        named = named.drop_front();
      } else {
        extents.push_back(arith::ConstantIndexOp::create(builder, size));
      }
    }
    allExtents.set(argument, extents);
  }

  for (Operation *op : bodyOps)
    allExtents.add(builder, op);
}

Value Kernel::dense(Buffer buffer) {
  if (buffer.pitch)
    *buffer.pitchIsMissed = true;
  return buffer.memref;
}

SmallVector<Value> Kernel::storageExtents(Value tensor) {
  SmallVector<Value> storage(extents(tensor));
  if (int64_t pitch = argumentBuffers.lookup(tensor).pitch)
    storage.back() = arith::ConstantIndexOp::create(builder, pitch);
  return storage;
}

bool Kernel::hasPitches() const {
  auto isPitched = [](const Buffer &buffer) { return buffer.pitch != 0; };
  return llvm::any_of(resultBuffers, isPitched) || llvm::any_of(llvm::make_second_range(argumentBuffers), isPitched);
}

ElementEmitter Kernel::emitter(int64_t lanes) {
  ElementEmitter emitter(builder, lanes, reference);
  for (auto &[tensor, buffer] : argumentBuffers)
    emitter.bind(tensor, buffer);
  for (auto &[tensor, buffer] : argumentBuffers)
    emitter.bindExtents(tensor, extents(tensor));
  for (Operation *op : bodyOps)
    for (Value tensor : op->getResults())
      emitter.bindExtents(tensor, extents(tensor));
  return emitter;
}

/// Conversions of floats of at most 8 bits are arithmetic on 32 bits.
static bool convertsSmallFloat(Operation *op) {
  auto isSmallFloat = [](Type element) { return isa<FloatType>(element) && nn::isSmall(element); };
  auto cast = dyn_cast<nn::CastOp>(op);
  return cast && (isSmallFloat(cast.getElementType()) || isSmallFloat(getElementTypeOrSelf(cast.getInput().getType())));
}

int64_t Kernel::lanes(Value inner) const {
  if (reference)
    return 1;
  int64_t floatBytes = 0, bytes = 1;
  auto visit = [&](Value tensor) {
    Type element = storageType(cast<RankedTensorType>(tensor.getType()).getElementType());
    int64_t size = element.getIntOrFloatBitWidth() / 8;
    bytes = std::max(bytes, size);
    if (isa<FloatType>(element))
      floatBytes = std::max(floatBytes, std::max<int64_t>(size, 4));
  };
  for (Operation *op : bodyOps) {
    llvm::for_each(op->getResults(), visit);
    auto resample = dyn_cast<nn::ResampleOp>(op);
    if (convertsSmallFloat(op) || (resample && !resample.getWeights().empty()))
      floatBytes = std::max<int64_t>(floatBytes, 4);
  }
  for (Value tensor : resultTensors)
    visit(tensor);
  int64_t lanes = machine.lanes(floatBytes ? floatBytes : bytes);
  if (std::optional<int64_t> size = getConstantIntValue(OpFoldResult(inner)))
    lanes = std::min<int64_t>(lanes, llvm::PowerOf2Ceil(std::max<int64_t>(*size, 1)));
  return std::max<int64_t>(lanes, 1);
}

void Kernel::phase(Value tasks, Value work, Value scratchBytes, bool canFail,
                   function_ref<void(Value, Value, Value, Value)> build) {
  OpBuilder::InsertionGuard guard(builder);
  ukernel::PhaseOp::create(
      builder, tasks, work, scratchBytes, [&](OpBuilder &, Location, Value begin, Value end, Value scratch) {
        Value status;
        if (canFail) {
          auto type = MemRefType::get({1}, builder.getI32Type());
          status = memref::AllocaOp::create(builder, type);
          Value zero = arith::ConstantIndexOp::create(builder, 0);
          memref::StoreOp::create(builder, arith::ConstantIntOp::create(builder, 0, 32), status, zero);
        }
        build(begin, end, scratch, status);
        Value code;
        if (canFail)
          code = memref::LoadOp::create(builder, status, ValueRange(Value(arith::ConstantIndexOp::create(builder, 0))));
        ukernel::EndOp::create(builder, TypeRange(), code ? ValueRange(code) : ValueRange());
      });
}

bool Kernel::canFail() const {
  return llvm::any_of(bodyOps, [](Operation *op) {
    return isa<nn::GatherOp, nn::GatherElementsOp, nn::GatherNdOp, nn::ScatterElementsOp, nn::ScatterNdOp,
               nn::NonMaxSuppressionOp>(op);
  });
}

/// Rough cost of one element of an op in cycles of one lane (Agner Fog's tables for polynomial lengths).
static double elementCycles(Operation *op) {
  if (isa<nn::ExpOp, nn::TanhOp, nn::SigmoidOp, nn::ErfOp, nn::LogOp>(op))
    return 12;
  if (isa<nn::PowOp, nn::SinOp, nn::CosOp, nn::TanOp>(op))
    return 40;
  if (isa<nn::DivOp, nn::SqrtOp>(op))
    return 4;
  if (convertsSmallFloat(op))
    return 10;
  // Each place of a window is a load and an operation.
  if (auto pool = dyn_cast<nn::PoolOp>(op))
    return 2.0 * std::accumulate(pool.getKernel().begin(), pool.getKernel().end(), int64_t(1), std::multiplies<>());
  return 1;
}

Value Kernel::workOf(Value elements) {
  double cycles = 2;
  for (Operation *op : bodyOps)
    cycles += elementCycles(op);
  Type element = storageType(cast<RankedTensorType>(resultTensors.front().getType()).getElementType());
  double bytes = 2.0 * element.getIntOrFloatBitWidth() / 8;
  double nanosecondsPerKilo =
      1000.0 * (cycles / (machine.gigahertz * (reference ? 1 : machine.lanes(4))) + bytes / machine.usualGbps);
  Value factor =
      arith::ConstantIndexOp::create(builder, std::max<int64_t>(1, static_cast<int64_t>(nanosecondsPerKilo)));
  Value scaled = builder.createOrFold<arith::MulIOp>(elements, factor);
  return builder.createOrFold<arith::DivUIOp>(scaled, arith::ConstantIndexOp::create(builder, 1000).getResult());
}

/// Bytes of a tensor in memory. Of what is gathered or cut from, only what is taken counts.
static Value bytesOf(ElementEmitter &e, Kernel &kernel, Value tensor) {
  Value counted = tensor;
  for (Operation *user : tensor.getUsers())
    if (tensor.hasOneUse() && isa<nn::GatherOp, nn::GatherElementsOp, nn::GatherNdOp, nn::SliceOp>(user) &&
        user->getOperand(0) == tensor)
      counted = user->getResult(0);
  Type element = storageType(cast<RankedTensorType>(tensor.getType()).getElementType());
  return e.mul(product(e, kernel.extents(counted)), e.constant(element.getIntOrFloatBitWidth() / 8));
}

void Kernel::noteCost() {
  ElementEmitter e = emitter(1);
  Value flops = e.constant(0), bytes = e.constant(0);
  for (Operation *op : bodyOps)
    if (std::optional<nn::ExtentProduct> count = nn::multiplyAdds(op)) {
      Value term = e.constant(2 * count->factor);
      for (auto [tensor, dim] : count->extents)
        term = e.mul(term, extents(tensor)[dim]);
      flops = e.add(flops, e.div(term, e.constant(count->divisor)));
    }
  // A run reads one form of a filter.
  auto isAlternative = [](OpOperand &use) {
    auto convolution = dyn_cast<nn::ConvOp>(use.getOwner());
    return convolution && llvm::is_contained(convolution.getAlternatives(), use.get());
  };
  for (BlockArgument argument : function.getArguments())
    if (isa<RankedTensorType>(argument.getType()) &&
        (argument.use_empty() || !llvm::all_of(argument.getUses(), isAlternative)))
      bytes = e.add(bytes, bytesOf(e, *this, argument));
  for (Value result : resultTensors)
    bytes = e.add(bytes, bytesOf(e, *this, result));
  ukernel::CostOp::create(builder, flops, bytes);
}

void Kernel::setPath(StringRef path) { function->setAttr("nn.path", builder.getStringAttr(path)); }

StringRef Kernel::path() const {
  auto path = function->getAttrOfType<StringAttr>("nn.path");
  return path ? path.getValue() : "";
}

void Kernel::finish() {
  Block &entry = function.getBody().front();
  auto terminator = cast<func::ReturnOp>(entry.getTerminator());
  function->setAttr("nn.results", builder.getI64IntegerAttr(resultTensors.size()));
  terminator->setOperands({});
  for (Operation *op : llvm::reverse(bodyOps))
    op->erase();
  BitVector tensors(entry.getNumArguments());
  for (BlockArgument argument : entry.getArguments())
    if (isa<RankedTensorType>(argument.getType()))
      tensors.set(argument.getArgNumber());
  entry.eraseArguments(tensors);
  function->removeAttr("nn.extents");
  function.setFunctionType(FunctionType::get(function.getContext(), entry.getArgumentTypes(), {}));
}

Value product(ElementEmitter &emitter, ArrayRef<Value> extents) {
  Value result = emitter.constant(1);
  for (Value extent : extents)
    result = emitter.mul(result, extent);
  return result;
}

ArrayRef<Value> withoutLastUnits(ArrayRef<Value> extents) {
  while (extents.size() > 1 && known(extents.back()) == 1)
    extents = extents.drop_back();
  return extents;
}

bool sameExtent(Value lhs, Value rhs) {
  if (lhs == rhs)
    return true;
  std::optional<int64_t> x = getConstantIntValue(OpFoldResult(lhs));
  return x && x == getConstantIntValue(OpFoldResult(rhs));
}

bool sameExtents(ArrayRef<Value> lhs, ArrayRef<Value> rhs) {
  return lhs.size() == rhs.size() &&
         llvm::all_of(llvm::zip(lhs, rhs), [](auto pair) { return sameExtent(std::get<0>(pair), std::get<1>(pair)); });
}

int64_t storageBytes(Value tensor) {
  Type element = storageType(cast<RankedTensorType>(tensor.getType()).getElementType());
  return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

void askAhead(Kernel &kernel, ElementEmitter &e, Value input, ArrayRef<LaneIndex> indices, Value distance) {
  constexpr int64_t firstLevel = 3;
  Value at = linearIndex(e, kernel.storageExtents(input), indices).base;
  if (distance)
    at = e.add(at, distance);
  memref::PrefetchOp::create(e.builder(), kernel.argumentBuffer(cast<BlockArgument>(input)).memref, at,
                             /*isWrite=*/false, firstLevel, /*isDataCache=*/true);
}

void vectorLoop(ElementEmitter &emitter, const Machine &machine, Value from, Value to,
                function_ref<void(ElementEmitter &, Value)> body, int64_t mostInRow) {
  ImplicitLocOpBuilder &b = emitter.builder();
  int64_t lanes = emitter.lanes();
  Value step = emitter.constant(lanes);
  Value length = emitter.sub(to, from);
  Value whole = emitter.add(from, emitter.mul(emitter.div(length, step), step));
  std::optional<int64_t> first = getConstantIntValue(OpFoldResult(from)),
                         end = getConstantIntValue(OpFoldResult(whole));
  if (first && end && *end - *first <= mostInRow * lanes) {
    for (int64_t position = *first; position < *end; position += lanes)
      body(emitter, emitter.constant(position));
  } else {
    auto loop = scf::ForOp::create(b, from, whole, step);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    ElementEmitter::Scope scope(emitter);
    body(emitter, loop.getInductionVar());
  }
  if (lanes == 1 || sameExtent(whole, to))
    return;
  OpBuilder::InsertionGuard guard(b);
  ElementEmitter::Scope scope(emitter);
  if (!machine.maskedMemory) {
    auto rest = scf::ForOp::create(b, whole, to, emitter.constant(1));
    b.setInsertionPointToStart(rest.getBody());
    ElementEmitter scalar(emitter, 1);
    body(scalar, rest.getInductionVar());
    return;
  }
  Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, whole, to);
  auto rest = scf::IfOp::create(b, some, /*withElseRegion=*/false);
  b.setInsertionPointToStart(rest.thenBlock());
  Value left = emitter.sub(to, whole);
  Value outer = emitter.currentMask();
  emitter.setMask(vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), left));
  body(emitter, whole);
  emitter.setMask(outer);
}

} // namespace tenon::schedule
