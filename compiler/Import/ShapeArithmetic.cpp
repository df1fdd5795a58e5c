//===- ShapeArithmetic.cpp - operators on tensors whose elements are scalars ---------------===//
//
// Computes a node on the scalars of its inputs, where these are known one by one: shapes become index arithmetic in
// main instead of small tensors. What it cannot do is left to the operator's importer.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Node.h"
#include "mlir/Dialect/Traits.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

namespace tenon::importer {

namespace {

namespace arith = mlir::arith;
using arith::CmpIPredicate;

using ItemFunction = llvm::function_ref<Scalar(llvm::ArrayRef<Scalar>)>;

bool isFloat(mlir::Type type) { return llvm::isa<mlir::FloatType>(type); }

/// Integers, and floats that are integers in disguise.
bool isWhole(Scalar item) {
  if (auto attribute = llvm::dyn_cast_if_present<mlir::Attribute>(item))
    return llvm::isa<mlir::IntegerAttr>(attribute);
  return llvm::cast<mlir::Value>(item).getType().isIndex();
}

/// The number of elements; the largest number for more than that.
int64_t countOf(llvm::ArrayRef<int64_t> shape) {
  if (llvm::is_contained(shape, 0))
    return 0;
  int64_t count = 1;
  for (int64_t extent : shape)
    if (llvm::MulOverflow(count, extent, count))
      return std::numeric_limits<int64_t>::max();
  return count;
}

/// Whether all inputs are known.
bool allKnown(NodeContext &c) {
  for (int64_t i = 0; i < c.inputCount(); ++i)
    if (!c.hasInput(i) || !c.knownScalars(i))
      return false;
  return c.inputCount() > 0;
}

/// Constants of narrow types wrap.
Scalar wrapped(Builder &b, Scalar item, mlir::Type type) {
  std::optional<int64_t> known = Builder::constant(item);
  if (!known || isFloat(type) || type.isInteger(1) || type.getIntOrFloatBitWidth() == 64)
    return item;
  llvm::APInt number(64, static_cast<uint64_t>(*known), /*isSigned=*/true);
  number = number.trunc(type.getIntOrFloatBitWidth());
  return b.index(type.isUnsignedInteger() ? static_cast<int64_t>(number.getZExtValue()) : number.getSExtValue());
}

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

/// Applies `function` to the broadcast of all inputs.
bool elementwise(NodeContext &c, mlir::Type resultType, ItemFunction function) {
  if (!allKnown(c) || (c.opset < 7 && c.hasAttribute("axis")))
    return false;
  IntVector shape;
  for (int64_t i = 0; i < c.inputCount(); ++i) {
    IntVector next;
    if (!mlir::OpTrait::util::getBroadcastedShape(shape, c.knownScalars(i)->shape, next))
      return false;
    shape = next;
  }
  int64_t count = countOf(shape);
  if (count > maxScalars)
    return false;
  IntVector strides = mlir::computeStrides(shape);
  ScalarTensor result{resultType, shape, {}};
  for (int64_t position = 0; position < count; ++position) {
    IntVector coordinates = mlir::delinearize(position, strides);
    ScalarVector items;
    for (int64_t i = 0; i < c.inputCount(); ++i) {
      const ScalarTensor &input = *c.knownScalars(i);
      int64_t leading = static_cast<int64_t>(shape.size() - input.shape.size()), offset = 0;
      for (size_t d = 0; d < input.shape.size(); ++d)
        offset = offset * input.shape[d] + (input.shape[d] == 1 ? 0 : coordinates[leading + d]);
      items.push_back(input.items[offset]);
    }
    result.items.push_back(wrapped(c.b, function(items), resultType));
  }
  c.result(0, std::move(result));
  return true;
}

using BinaryMethod = Scalar (Builder::*)(Scalar, Scalar);

/// `method` on whole numbers, `FloatOp` on others.
template <typename FloatOp> bool arithmetic(NodeContext &c, BinaryMethod method, bool exact = true) {
  if (!allKnown(c))
    return false;
  Builder &b = c.b;
  mlir::Type type = elementOf(c.input(0));
  if (type.isInteger(1) || (isFloat(type) && !type.isF32()))
    return false;
  return elementwise(c, type, [&](llvm::ArrayRef<Scalar> items) {
    Scalar result = items[0];
    for (Scalar next : items.drop_front()) {
      // A float that is whole joins whole ones, so that extents stay what they are.
      Scalar lhs = result, rhs = next;
      if (isFloat(type) && isWhole(lhs) != isWhole(rhs)) {
        lhs = b.wholeNumber(lhs);
        rhs = b.wholeNumber(rhs);
      }
      if (isWhole(lhs) && isWhole(rhs) && (exact || !isFloat(type)))
        result = (b.*method)(lhs, rhs);
      else
        result = b.scalar<FloatOp>(b.value(b.toFloat(lhs)), b.value(b.toFloat(rhs)));
    }
    return result;
  });
}

bool compare(NodeContext &c, CmpIPredicate predicate) {
  if (!allKnown(c) || isFloat(elementOf(c.input(0))))
    return false;
  // Values of unsigned types are not negative here, so the signed comparison is right for them too.
  return elementwise(c, c.b.raw().getI1Type(),
                     [&](llvm::ArrayRef<Scalar> items) { return c.b.compare(predicate, items[0], items[1]); });
}

template <typename OpTy> bool logical(NodeContext &c) {
  if (!allKnown(c) || !elementOf(c.input(0)).isInteger(1))
    return false;
  return elementwise(c, elementOf(c.input(0)), [&](llvm::ArrayRef<Scalar> items) {
    return c.b.scalar<OpTy>(c.b.value(items[0]), c.b.value(items[1]));
  });
}

bool logicalNot(NodeContext &c) {
  if (!allKnown(c))
    return false;
  return elementwise(c, elementOf(c.input(0)), [&](llvm::ArrayRef<Scalar> items) {
    return c.b.scalar<arith::XOrIOp>(c.b.value(items[0]), c.b.value(c.b.raw().getBoolAttr(true)));
  });
}

bool modulo(NodeContext &c) {
  Builder &b = c.b;
  if (!allKnown(c) || isFloat(elementOf(c.input(0))))
    return false;
  bool truncated = c.integer("fmod", 0) != 0;
  return elementwise(c, elementOf(c.input(0)), [&](llvm::ArrayRef<Scalar> items) {
    Scalar rest = b.rem(items[0], items[1]);
    if (truncated)
      return rest;
    // The sign of the divisor: ((a % m) + m) % m.
    return b.rem(b.add(rest, items[1]), items[1]);
  });
}

bool negate(NodeContext &c) {
  Builder &b = c.b;
  if (!allKnown(c) || (isFloat(elementOf(c.input(0))) && !llvm::all_of(c.knownScalars(0)->items, isWhole)))
    return false;
  return elementwise(c, elementOf(c.input(0)),
                     [&](llvm::ArrayRef<Scalar> items) { return b.sub(b.index(0), items[0]); });
}

bool absolute(NodeContext &c) {
  Builder &b = c.b;
  if (!allKnown(c) || (isFloat(elementOf(c.input(0))) && !llvm::all_of(c.knownScalars(0)->items, isWhole)))
    return false;
  return elementwise(c, elementOf(c.input(0)),
                     [&](llvm::ArrayRef<Scalar> items) { return b.max(items[0], b.sub(b.index(0), items[0])); });
}

bool rounded(NodeContext &c, Builder::Rounding rounding) {
  if (!allKnown(c) || !elementOf(c.input(0)).isF32())
    return false;
  return elementwise(c, elementOf(c.input(0)),
                     [&](llvm::ArrayRef<Scalar> items) { return c.b.toIndex(items[0], rounding); });
}

bool choose(NodeContext &c) {
  Builder &b = c.b;
  if (!allKnown(c))
    return false;
  return elementwise(c, elementOf(c.input(1)), [&](llvm::ArrayRef<Scalar> items) {
    if (!Builder::constant(items[0]) && isWhole(items[1]) != isWhole(items[2]))
      return b.select(items[0], b.toFloat(items[1]), b.toFloat(items[2]));
    return b.select(items[0], items[1], items[2]);
  });
}

bool convert(NodeContext &c) {
  Builder &b = c.b;
  if (c.opset < 6 || !c.knownScalars(0))
    return false;
  mlir::Type from = elementOf(c.input(0)), to = c.elementType(c.integer("to", 0), /*movedOnly=*/true);
  const ScalarVector &items = c.knownScalars(0)->items;
  bool whole = llvm::all_of(items, isWhole);
  if (nn::isStringType(to) || nn::isSmall(to))
    return false;
  // Other floats than f32 are only carried as whole numbers.
  if (isFloat(to) && !to.isF32() && !whole)
    return false;
  if (to.isUnsignedInteger() &&
      !llvm::all_of(items, [&](Scalar item) { return Builder::constant(item).value_or(-1) >= 0; }))
    return false;
  return elementwise(c, to, [&](llvm::ArrayRef<Scalar> item) -> Scalar {
    if (from == to)
      return item[0];
    if (from.isInteger(1))
      return b.select(item[0], b.index(1), b.index(0));
    if (to.isInteger(1)) {
      if (isWhole(item[0]))
        return b.compare(CmpIPredicate::ne, item[0], b.index(0));
      return b.scalar<arith::CmpFOp>(arith::CmpFPredicate::UNE, b.value(item[0]), b.value(b.toFloat(b.index(0))));
    }
    return isFloat(to) ? item[0] : b.toIndex(item[0], Builder::Rounding::towardsZero);
  });
}

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

/// A result of `shape` whose element at each coordinate is the input's element that `source` names.
bool move(NodeContext &c, int64_t output, const ScalarTensor &input, llvm::ArrayRef<int64_t> shape,
          llvm::function_ref<int64_t(llvm::ArrayRef<int64_t>)> source) {
  int64_t count = countOf(shape);
  if (count > maxScalars)
    return false;
  IntVector strides = mlir::computeStrides(shape);
  ScalarTensor result{input.elementType, IntVector(shape), {}};
  for (int64_t position = 0; position < count; ++position)
    result.items.push_back(input.items[source(mlir::delinearize(position, strides))]);
  c.result(output, std::move(result));
  return true;
}

int64_t linear(llvm::ArrayRef<int64_t> coordinates, llvm::ArrayRef<int64_t> shape) {
  int64_t offset = 0;
  for (auto [coordinate, extent] : llvm::zip_equal(coordinates, shape))
    offset = offset * extent + coordinate;
  return offset;
}

std::optional<IntVector> numbersOf(NodeContext &c, int64_t i) {
  if (!c.hasInput(i) || !c.knownScalars(i))
    return std::nullopt;
  IntVector numbers;
  for (Scalar item : c.knownScalars(i)->items) {
    std::optional<int64_t> known = Builder::constant(item);
    if (!known)
      return std::nullopt;
    numbers.push_back(*known);
  }
  return numbers;
}

bool gather(NodeContext &c) {
  std::optional<IntVector> indices = numbersOf(c, 1);
  if (!c.knownScalars(0) || !indices || c.knownScalars(0)->shape.empty())
    return false;
  const ScalarTensor &input = *c.knownScalars(0);
  auto rank = static_cast<int64_t>(input.shape.size());
  int64_t axis = c.axis(c.integer("axis", 0), rank);
  for (int64_t &entry : *indices) {
    if (entry < -input.shape[axis] || entry >= input.shape[axis])
      fail("index " + std::to_string(entry) + " is outside of an axis of extent " + std::to_string(input.shape[axis]));
    entry += entry < 0 ? input.shape[axis] : 0;
  }
  const IntVector &indexShape = c.knownScalars(1)->shape;
  IntVector shape(input.shape.begin(), input.shape.begin() + axis);
  shape.append(indexShape.begin(), indexShape.end());
  shape.append(input.shape.begin() + axis + 1, input.shape.end());
  return move(c, 0, input, shape, [&](llvm::ArrayRef<int64_t> at) {
    IntVector from(at.take_front(axis));
    from.push_back((*indices)[linear(at.slice(axis, indexShape.size()), indexShape)]);
    llvm::append_range(from, at.drop_front(axis + indexShape.size()));
    return linear(from, input.shape);
  });
}

bool slice(NodeContext &c) {
  if (!c.knownScalars(0))
    return false;
  const ScalarTensor &input = *c.knownScalars(0);
  auto rank = static_cast<int64_t>(input.shape.size());
  std::optional<IntVector> starts, ends, axes, steps;
  if (c.opset < 10) {
    starts = c.integers("starts");
    ends = c.integers("ends");
    if (c.hasAttribute("axes"))
      axes = c.integers("axes");
  } else {
    starts = numbersOf(c, 1);
    ends = numbersOf(c, 2);
    axes = numbersOf(c, 3);
    steps = numbersOf(c, 4);
    if ((c.hasInput(3) && !axes) || (c.hasInput(4) && !steps))
      return false;
  }
  if (!starts || !ends)
    return false;
  if (!axes)
    axes = llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(starts->size())));
  if (!steps)
    steps = IntVector(starts->size(), 1);
  if (starts->size() != ends->size() || starts->size() != axes->size() || starts->size() != steps->size())
    return false;
  IntVector offsets(rank, 0), strides(rank, 1), shape(input.shape);
  for (size_t i = 0; i < starts->size(); ++i) {
    int64_t axis = c.axis((*axes)[i], rank), extent = input.shape[axis];
    int64_t step = std::clamp<int64_t>((*steps)[i], -maxScalars - 1, maxScalars + 1);
    auto bound = [&](int64_t value, int64_t low, int64_t high) {
      if (value < 0)
        value = value < -extent ? low : value + extent;
      return std::clamp(value, low, std::max(low, high));
    };
    if (step == 0)
      return false;
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;
    int64_t from = bound((*starts)[i], 0, high), to = bound((*ends)[i], low, high);
    offsets[axis] = from;
    strides[axis] = step;
    int64_t span = step > 0 ? to - from : from - to, stride = std::abs(step);
    shape[axis] = extent == 0 || span <= 0 ? 0 : (span + stride - 1) / stride;
  }
  return move(c, 0, input, shape, [&](llvm::ArrayRef<int64_t> at) {
    IntVector from;
    for (int64_t d = 0; d < rank; ++d)
      from.push_back(offsets[d] + at[d] * strides[d]);
    return linear(from, input.shape);
  });
}

bool transpose(NodeContext &c) {
  if (!c.knownScalars(0))
    return false;
  const ScalarTensor &input = *c.knownScalars(0);
  auto rank = static_cast<int64_t>(input.shape.size());
  IntVector permutation = c.integers("perm");
  if (!c.hasAttribute("perm"))
    permutation = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  if (static_cast<int64_t>(permutation.size()) != rank || !mlir::isPermutationVector(permutation))
    return false;
  return move(c, 0, input, mlir::applyPermutation(input.shape, permutation), [&](llvm::ArrayRef<int64_t> at) {
    IntVector from(rank);
    for (int64_t d = 0; d < rank; ++d)
      from[permutation[d]] = at[d];
    return linear(from, input.shape);
  });
}

/// Inputs that are not known are read, if one of them is.
bool concat(NodeContext &c) {
  if (c.inputCount() == 0)
    return false;
  llvm::SmallVector<ScalarTensor> parts;
  bool some = false;
  int64_t total = 0;
  for (int64_t i = 0; i < c.inputCount(); ++i)
    some |= c.knownScalars(i).has_value();
  for (int64_t i = 0; i < c.inputCount() && some; ++i) {
    std::optional<ScalarTensor> part = c.knownScalars(i);
    if (!part && !isFloat(elementOf(c.input(i))))
      part = c.b.extract(c.input(i));
    if (!part)
      return false;
    total += static_cast<int64_t>(part->items.size());
    parts.push_back(std::move(*part));
  }
  if (!some || total > maxScalars || parts.front().shape.empty())
    return false;
  IntVector shape = parts.front().shape;
  int64_t axis = c.axis(c.integer("axis", 1), static_cast<int64_t>(shape.size()));
  shape[axis] = 0;
  for (const ScalarTensor &part : parts) {
    IntVector same = part.shape;
    if (same.size() != shape.size())
      return false;
    shape[axis] += same[axis];
    same[axis] = shape[axis];
    if (same != shape)
      return false;
  }
  // Row by row: everything before the axis, then each part's block.
  ScalarTensor result{parts.front().elementType, shape, {}};
  int64_t rows = countOf(llvm::ArrayRef(shape).take_front(axis));
  for (int64_t row = 0; row < rows; ++row)
    for (const ScalarTensor &part : parts) {
      size_t block = part.items.size() / static_cast<size_t>(rows);
      llvm::append_range(result.items, llvm::ArrayRef(part.items).slice(row * block, block));
    }
  if (llvm::all_of(llvm::seq<int64_t>(0, c.inputCount()), [&](int64_t i) { return c.knownScalars(i).has_value(); })) {
    c.result(0, std::move(result));
    return true;
  }
  // As data the tensor is better off without a way through scalars.
  mlir::Value tensor = c.b.concat(c.allInputs(), axis);
  c.result(0, Binding{tensor, std::move(result)});
  return true;
}

/// Elements stay in order; the shape is the importer's.
bool reorder(NodeContext &c) {
  if (!c.knownScalars(0))
    return false;
  const Importer *importer = findImporter("", c.node.op_type());
  (*importer)(c);
  auto type = typeOf(c.output(0).tensor);
  if (type.hasStaticShape())
    c.result(0, ScalarTensor{type.getElementType(), IntVector(type.getShape()), c.knownScalars(0)->items});
  return true;
}

/// The one element of a vector of equal entries, or an Expand of small lists.
bool expand(NodeContext &c) {
  std::optional<IntVector> wanted = numbersOf(c, 1);
  if (!c.knownScalars(0) || !wanted)
    return false;
  const ScalarTensor &input = *c.knownScalars(0);
  IntVector shape;
  if (!mlir::OpTrait::util::getBroadcastedShape(input.shape, *wanted, shape))
    return false;
  size_t leading = shape.size() - input.shape.size();
  return move(c, 0, input, shape, [&](llvm::ArrayRef<int64_t> at) {
    IntVector from;
    for (auto [d, extent] : llvm::enumerate(input.shape))
      from.push_back(extent == 1 ? 0 : at[leading + d]);
    return linear(from, input.shape);
  });
}

bool constantOfShape(NodeContext &c) {
  std::optional<IntVector> shape = numbersOf(c, 0);
  if (!shape)
    return false;
  int64_t count = 1;
  for (int64_t extent : *shape)
    if (extent < 0 || extent > maxScalars || (count *= extent) > maxScalars)
      return false;
  ScalarTensor fill{c.b.raw().getF32Type(), {1}, {c.b.raw().getF32FloatAttr(0)}};
  if (const onnx::TensorProto *value = c.tensor("value")) {
    std::optional<ScalarTensor> known = c.graph.bindingOf(*value, c.frame).scalars;
    if (!known || known->items.size() != 1)
      return false;
    fill = *known;
  }
  c.result(0, ScalarTensor{fill.elementType, *shape, ScalarVector(count, fill.items.front())});
  return true;
}

bool range(NodeContext &c) {
  std::optional<IntVector> start = numbersOf(c, 0), limit = numbersOf(c, 1), delta = numbersOf(c, 2);
  if (!start || !limit || !delta || start->size() != 1 || limit->size() != 1 || delta->size() != 1 ||
      delta->front() == 0)
    return false;
  int64_t step = delta->front();
  ScalarTensor result{elementOf(c.input(0)), {}, {}};
  for (int64_t next = start->front(); step > 0 ? next < limit->front() : next > limit->front();) {
    if (result.items.size() == maxScalars)
      return false;
    result.items.push_back(c.b.index(next));
    if (llvm::AddOverflow(next, step, next))
      return false;
  }
  result.shape.push_back(static_cast<int64_t>(result.items.size()));
  c.result(0, std::move(result));
  return true;
}

bool split(NodeContext &c) {
  std::optional<IntVector> sizes = c.hasAttribute("split") ? std::optional(c.integers("split")) : numbersOf(c, 1);
  if (!c.knownScalars(0) || !sizes || static_cast<int64_t>(sizes->size()) != c.outputCount())
    return false;
  const ScalarTensor &input = *c.knownScalars(0);
  int64_t axis = c.axis(c.integer("axis", 0), static_cast<int64_t>(input.shape.size())), offset = 0;
  for (int64_t size : *sizes)
    if (size < 0 || (offset += size) > input.shape[axis])
      return false;
  if (offset != input.shape[axis])
    return false;
  offset = 0;
  for (auto [i, size] : llvm::enumerate(*sizes)) {
    IntVector shape = input.shape;
    shape[axis] = size;
    move(c, static_cast<int64_t>(i), input, shape, [&](llvm::ArrayRef<int64_t> at) {
      IntVector from(at);
      from[axis] += offset;
      return linear(from, input.shape);
    });
    offset += size;
  }
  return true;
}

/// A reduction of everything.
bool reduceAll(NodeContext &c, BinaryMethod method, int64_t start, bool startCounts) {
  if (!c.knownScalars(0))
    return false;
  const ScalarTensor &input = *c.knownScalars(0);
  std::optional<IntVector> axes = c.hasAttribute("axes") ? std::optional(c.integers("axes")) : numbersOf(c, 1);
  if ((c.hasInput(1) && !axes) || !llvm::all_of(input.items, isWhole) || input.elementType.isInteger(1))
    return false;
  if (axes && !axes->empty() && c.axes(*axes, static_cast<int64_t>(input.shape.size())).size() != input.shape.size())
    return false;
  if (((!axes || axes->empty()) && c.integer("noop_with_empty_axes", 0)) || (!startCounts && input.items.empty()))
    return false;
  Scalar result = startCounts ? c.b.index(start) : input.items.front();
  for (Scalar item : startCounts ? llvm::ArrayRef(input.items) : llvm::ArrayRef(input.items).drop_front())
    result = (c.b.*method)(item, result);
  IntVector shape(c.integer("keepdims", 1) ? input.shape.size() : 0, 1);
  c.result(0, ScalarTensor{input.elementType, shape, {wrapped(c.b, result, input.elementType)}});
  return true;
}

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

using Evaluator = bool (*)(NodeContext &);

const llvm::StringMap<Evaluator> &evaluators() {
  static const llvm::StringMap<Evaluator> table = {
      {"Abs", absolute},
      {"Add", [](NodeContext &c) { return arithmetic<arith::AddFOp>(c, &Builder::add); }},
      {"And", logical<arith::AndIOp>},
      {"Cast", convert},
      {"Ceil", [](NodeContext &c) { return rounded(c, Builder::Rounding::up); }},
      {"Concat", concat},
      {"ConstantOfShape", constantOfShape},
      {"Div", [](NodeContext &c) { return arithmetic<arith::DivFOp>(c, &Builder::div, /*exact=*/false); }},
      {"Equal", [](NodeContext &c) { return compare(c, CmpIPredicate::eq); }},
      {"Expand", expand},
      {"Flatten", reorder},
      {"Floor", [](NodeContext &c) { return rounded(c, Builder::Rounding::down); }},
      {"Gather", gather},
      {"Greater", [](NodeContext &c) { return compare(c, CmpIPredicate::sgt); }},
      {"GreaterOrEqual", [](NodeContext &c) { return compare(c, CmpIPredicate::sge); }},
      {"Less", [](NodeContext &c) { return compare(c, CmpIPredicate::slt); }},
      {"LessOrEqual", [](NodeContext &c) { return compare(c, CmpIPredicate::sle); }},
      {"Max", [](NodeContext &c) { return arithmetic<arith::MaximumFOp>(c, &Builder::max); }},
      {"Min", [](NodeContext &c) { return arithmetic<arith::MinimumFOp>(c, &Builder::min); }},
      {"Mod", modulo},
      {"Mul", [](NodeContext &c) { return arithmetic<arith::MulFOp>(c, &Builder::mul); }},
      {"Neg", negate},
      {"Not", logicalNot},
      {"Or", logical<arith::OrIOp>},
      {"Range", range},
      {"ReduceMax", [](NodeContext &c) { return reduceAll(c, &Builder::max, 0, false); }},
      {"ReduceMin", [](NodeContext &c) { return reduceAll(c, &Builder::min, 0, false); }},
      {"ReduceProd", [](NodeContext &c) { return reduceAll(c, &Builder::mul, 1, true); }},
      {"ReduceSum", [](NodeContext &c) { return reduceAll(c, &Builder::add, 0, true); }},
      {"Reshape", reorder},
      {"Slice", slice},
      {"Split", split},
      {"Squeeze", reorder},
      {"Sub", [](NodeContext &c) { return arithmetic<arith::SubFOp>(c, &Builder::sub); }},
      {"Transpose", transpose},
      {"Unsqueeze", reorder},
      {"Where", choose},
      {"Xor", logical<arith::XOrIOp>},
  };
  return table;
}

} // namespace

bool importScalars(NodeContext &c) {
  if (!c.node.domain().empty() && c.node.domain() != "ai.onnx")
    return false;
  auto evaluator = evaluators().find(c.node.op_type());
  if (evaluator == evaluators().end())
    return false;
  try {
    return evaluator->second(c);
  } catch (const ImportError &) {
    // Overflow or division by zero: the operator's importer decides, or says what is wrong.
    return false;
  }
}

} // namespace tenon::importer
