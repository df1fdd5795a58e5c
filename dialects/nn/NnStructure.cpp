//===- NnStructure.cpp - calls of kernels --------------------------------------------------===//
//
// A launch names a function with the attribute `nn.kernel`. Before Schedule that function takes and returns tensors;
// afterwards it takes one flat buffer per tensor argument and result. Both are accepted.
//
//===---------------------------------------------------------------------------------------===//

#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace tenon::nn;

bool tenon::nn::isSmall(Type element) {
  if (isa<ComplexType>(element))
    return false;
  unsigned width = element.getIntOrFloatBitWidth();
  return isa<FloatType>(element) ? width <= 8 : width < 8 && width != 1;
}

bool tenon::nn::isNumber(Type element) {
  return isa<FloatType, IntegerType>(element) && !isSmall(element) && !element.isInteger(1) && !isStringType(element);
}

Type tenon::nn::storageType(Type element) {
  if (auto complex = dyn_cast<ComplexType>(element))
    return IntegerType::get(element.getContext(), 2 * complex.getElementType().getIntOrFloatBitWidth());
  if (isa<FloatType>(element) && !isSmall(element))
    return element;
  return IntegerType::get(element.getContext(), std::max(8u, element.getIntOrFloatBitWidth()));
}

// Whether a kernel's argument or result can stand for a tensor of type `tensor`.
static bool accepts(Type parameter, Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  if (auto buffer = dyn_cast<MemRefType>(parameter))
    return buffer.getRank() == 1 && buffer.getElementType() == storageType(type.getElementType());
  return areCompatibleTypes(parameter, tensor);
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto kernel = symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, getCalleeAttr());
  if (!kernel)
    return emitOpError("C1: no function ") << getCalleeAttr() << " in this module";
  if (!kernel->hasAttr("nn.kernel"))
    return emitOpError("C1: function ") << getCalleeAttr() << " has no attribute nn.kernel";

  SmallVector<Type> expected(getInputs().getTypes());
  bool scheduled = kernel.getNumResults() == 0 && getNumResults() != 0;
  if (scheduled)
    llvm::append_range(expected, getResultTypes());
  size_t tensors = expected.size();
  llvm::append_range(expected, getScalars().getTypes());
  if (kernel.getNumArguments() != expected.size())
    return emitOpError("C2: ") << getCalleeAttr() << " takes " << kernel.getNumArguments() << " arguments but gets "
                               << expected.size();
  for (auto [index, type] : llvm::enumerate(expected)) {
    Type parameter = kernel.getArgumentTypes()[index];
    if (index < tensors ? !accepts(parameter, type) : parameter != type)
      return emitOpError("C2: argument ")
             << index << " of " << getCalleeAttr() << " is " << parameter << " but gets " << type;
  }
  if (!scheduled && kernel.getNumResults() != getNumResults())
    return emitOpError("C3: ") << getCalleeAttr() << " has " << kernel.getNumResults() << " results but "
                               << getNumResults() << " are expected";
  if (!scheduled)
    for (auto [index, types] : llvm::enumerate(llvm::zip_equal(kernel.getResultTypes(), getResultTypes())))
      if (!accepts(std::get<0>(types), std::get<1>(types)))
        return emitOpError("C3: result ") << index << " of " << getCalleeAttr() << " is " << std::get<0>(types)
                                          << " but " << std::get<1>(types) << " is expected";

  int64_t dynamic = 0;
  for (Type type : getResultTypes())
    dynamic += cast<RankedTensorType>(type).getNumDynamicDims();
  if (static_cast<int64_t>(getExtents().size()) != dynamic)
    return emitOpError("C4: results have ")
           << dynamic << " dynamic extents but " << getExtents().size() << " are given";
  return success();
}

LogicalResult LaunchOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  auto next = getExtents().begin();
  for (Type type : getResultTypes()) {
    SmallVector<OpFoldResult> extents;
    for (int64_t extent : cast<RankedTensorType>(type).getShape()) {
      if (ShapedType::isDynamic(extent))
        extents.push_back(*next++);
      else
        extents.push_back(builder.getIndexAttr(extent));
    }
    shapes.push_back(std::move(extents));
  }
  return success();
}

/// The extents of `result`, which but for the last are those of `like`.
static SmallVector<OpFoldResult> extentsLike(OpBuilder &builder, Value like, RankedTensorType result) {
  SmallVector<OpFoldResult> extents = tensor::getMixedSizes(builder, like.getLoc(), like);
  for (auto [extent, size] : llvm::zip(extents, result.getShape()))
    if (!ShapedType::isDynamic(size))
      extent = builder.getIndexAttr(size);
  return extents;
}

/// Whether `tensor` has rows of a known length, of the rank and element type of `like`.
static bool hasRowsLike(Value tensor, RankedTensorType like) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return type.getRank() == like.getRank() && type.getRank() > 0 && type.getElementType() == like.getElementType();
}

LogicalResult JoinOp::verify() {
  RankedTensorType type = cast<RankedTensorType>(getType());
  if (getParts().size() < 2)
    return emitOpError("C1: needs at least two parts");
  int64_t total = 0;
  for (Value part : getParts()) {
    if (!hasRowsLike(part, type))
      return emitOpError("C1: ") << part.getType() << " and " << type << " differ in element type or rank";
    int64_t extent = cast<RankedTensorType>(part.getType()).getShape().back();
    if (ShapedType::isDynamic(extent))
      return emitOpError("C2: the last extent of ") << part.getType() << " is not known";
    total += extent;
  }
  if (total != type.getShape().back())
    return emitOpError("C2: the last extent is ") << type.getShape().back() << " but that of the parts " << total;
  return success();
}

LogicalResult JoinOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(extentsLike(builder, getParts().front(), cast<RankedTensorType>(getType())));
  return success();
}

LogicalResult PartOp::verify() {
  RankedTensorType type = cast<RankedTensorType>(getType()), whole = cast<RankedTensorType>(getInput().getType());
  if (!hasRowsLike(getInput(), type))
    return emitOpError("C1: ") << whole << " and " << type << " differ in element type or rank";
  int64_t extent = type.getShape().back(), available = whole.getShape().back(), offset = getOffset();
  if (ShapedType::isDynamic(extent) || ShapedType::isDynamic(available))
    return emitOpError("C2: the last extents of ") << whole << " and " << type << " have to be known";
  if (offset < 0 || offset + extent > available)
    return emitOpError("C2: the range from ")
           << offset << " to " << offset + extent << " does not lie in an extent of " << available;
  return success();
}

LogicalResult PartOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(extentsLike(builder, getInput(), cast<RankedTensorType>(getType())));
  return success();
}

LogicalResult FailOp::verify() { return getMessage().empty() ? emitOpError("C1: the message is empty") : success(); }

LogicalResult RequireOp::verify() {
  size_t shown = getMessage().count("%lld");
  if (shown != getValues().size() || shown > 2 || getMessage().count('%') != shown)
    return emitOpError("C1: the message shows ") << shown << " values but there are " << getValues().size();
  return success();
}

LogicalResult RequireOp::canonicalize(RequireOp op, PatternRewriter &rewriter) {
  if (!matchPattern(op.getCondition(), m_One()))
    return failure();
  rewriter.eraseOp(op);
  return success();
}
