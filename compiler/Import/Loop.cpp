//===- Loop.cpp - loops over carried tensors -----------------------------------------------===//
//
// See Loop.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Loop.h"

#include "compiler/Import/Body.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <exception>

namespace tenon::importer {

namespace arith = mlir::arith;

llvm::SmallVector<mlir::Value> buildLoop(Builder &b, const LoopShape &loop, LoopBody importBody) {
  mlir::OpBuilder &ir = b.raw();
  mlir::Location location = b.location();
  llvm::SmallVector<mlir::Type> types = llvm::to_vector_of<mlir::Type>(mlir::ValueRange(loop.initial).getTypes());
  while (true) {
    llvm::SmallVector<mlir::Type> all = {ir.getIndexType(), ir.getI1Type()};
    llvm::append_range(all, types);
    Body after(b);
    llvm::SmallVector<mlir::Value> arguments = after.addArguments(all);
    mlir::ValueRange tensors = mlir::ValueRange(arguments).drop_front(2);
    auto [next, values] = importBody(arguments.front(), tensors);
    b.setLocation(location);
    bool stable = true;
    for (size_t i = 0; i < types.size(); ++i) {
      mlir::Type common = commonType(tensors[i], values[i], "a carried tensor");
      stable &= common == types[i];
      types[i] = common;
    }
    if (!stable)
      continue;
    llvm::SmallVector<mlir::Value> yields = {b.value(b.add(arguments.front(), b.index(1))),
                                             next ? next : b.value(ir.getBoolAttr(true))};
    for (auto [value, type] : llvm::zip_equal(values, types))
      yields.push_back(b.retype(value, llvm::cast<mlir::RankedTensorType>(type)));
    mlir::scf::YieldOp::create(ir, location, yields);
    after.close();

    Body before(b);
    llvm::SmallVector<mlir::Value> state = before.addArguments(all);
    mlir::Value goesOn = state[1];
    if (loop.trips) {
      Scalar more = b.compare(arith::CmpIPredicate::slt, state[0], *loop.trips);
      goesOn = b.value(b.scalar<arith::AndIOp>(b.value(more), goesOn));
    }
    mlir::scf::ConditionOp::create(ir, location, goesOn, state);
    before.close();

    mlir::OperationState whileState(location, mlir::scf::WhileOp::getOperationName());
    whileState.addTypes(all);
    before.moveTo(whileState.addRegion());
    after.moveTo(whileState.addRegion());
    whileState.addOperands({b.value(b.index(0)), loop.condition});
    for (auto [value, type] : llvm::zip_equal(loop.initial, types))
      whileState.addOperands(b.retype(value, llvm::cast<mlir::RankedTensorType>(type)));
    mlir::Operation *op = ir.create(whileState);
    llvm::SmallVector<mlir::Value> results;
    for (mlir::Value result : op->getResults().drop_front(2)) {
      b.ownExtents(result);
      results.push_back(result);
    }
    return results;
  }
}

//===----------------------------------------------------------------------===//
// Values of any kind
//===----------------------------------------------------------------------===//

namespace {

/// Thrown where what is known of the carried values does not hold behind an iteration.
struct Widened {
  std::vector<Structure> types;
};

bool widenLists(Structure &type) {
  bool changed = false;
  for (Structure &inner : type.inner)
    changed |= widenLists(inner);
  if (type.kind != Structure::Kind::list)
    return changed;
  type = *join(type, {Structure::Kind::sequence, type.elementType});
  return true;
}

} // namespace

void ValueLoop::carry(Binding value, const onnx::TypeProto *declared) {
  Structure type = structureOf(value);
  // Nothing can be read from a list that stays empty, so it is going to grow.
  if (type.kind == Structure::Kind::list && type.inner.empty())
    widenLists(type);
  if (type.kind == Structure::Kind::sequence && type.ranks == 0 && declared && declared->has_sequence_type()) {
    const onnx::TypeProto &element = declared->sequence_type().elem_type();
    if (element.tensor_type().has_shape())
      type.ranks = rankSet(std::min<int64_t>(element.tensor_type().shape().dim_size(), b.limits().rank));
  }
  initial.push_back(std::move(value));
  types.push_back(std::move(type));
}

llvm::SmallVector<mlir::Value> ValueLoop::initialTensors() {
  std::vector<Binding> parts;
  for (auto [value, type] : llvm::zip_equal(initial, types))
    flatten(b, value, type, parts);
  return llvm::map_to_vector(parts, [](const Binding &part) { return part.tensor; });
}

std::vector<Binding> ValueLoop::valuesOf(mlir::ValueRange tensors) const {
  std::vector<Binding> parts, values;
  for (mlir::Value tensor : tensors)
    parts.push_back({tensor});
  llvm::ArrayRef<Binding> rest = parts;
  for (const Structure &type : types)
    values.push_back(rebuild(type, rest));
  return values;
}

void ValueLoop::expectStable(llvm::ArrayRef<Binding> next) const {
  std::vector<Structure> wider;
  for (auto [type, value] : llvm::zip(types, next)) {
    Structure after = structureOf(value);
    std::optional<Structure> common = join(type, after);
    // Tensors are compared with their shapes by buildLoop.
    if (!common && type.kind == Structure::Kind::tensor && after.kind == Structure::Kind::tensor)
      common = type;
    if (!common)
      fail("a carried value is " + describe(type.kind) + " before an iteration and " + describe(after.kind) +
           " behind it, or its elements change their type or rank");
    wider.push_back(std::move(*common));
  }
  if (wider != types)
    throw Widened{std::move(wider)};
}

template <typename Result> Result ValueLoop::untilStable(llvm::function_ref<Result()> attempt) {
  mlir::Location location = b.location();
  std::exception_ptr firstError;
  while (true) {
    try {
      return attempt();
    } catch (const Widened &widened) {
      types = widened.types;
    } catch (...) {
      // A position may be outside of the list as it is before the first iteration.
      if (!firstError)
        firstError = std::current_exception();
      bool changed = false;
      for (Structure &type : types)
        changed |= widenLists(type);
      if (!changed)
        std::rethrow_exception(firstError);
    }
    b.setLocation(location);
  }
}

llvm::SmallVector<mlir::RankedTensorType> ValueLoop::otherTypes(BodyImport importBody) {
  using Types = llvm::SmallVector<mlir::RankedTensorType>;
  return untilStable<Types>([&] {
    mlir::Location location = b.location();
    llvm::SmallVector<mlir::Value> tensors = initialTensors();
    llvm::SmallVector<mlir::Type> arguments = {b.raw().getIndexType()};
    llvm::append_range(arguments, mlir::ValueRange(tensors).getTypes());
    Body body(b);
    llvm::SmallVector<mlir::Value> values = body.addArguments(arguments);
    std::vector<Binding> outputs = importBody(values.front(), valuesOf(mlir::ValueRange(values).drop_front())).second;
    expectStable(outputs);
    Types others;
    for (const Binding &other : llvm::ArrayRef(outputs).drop_front(types.size())) {
      if (other.container)
        fail("the loop collects " + describe(kindOf(other)) + ", expected tensors");
      others.push_back(typeOf(other.tensor));
    }
    b.setLocation(location);
    return others;
  });
}

std::vector<Binding> ValueLoop::build(BodyImport importBody) {
  return untilStable<std::vector<Binding>>([&] {
    LoopShape loop{trips, condition, initialTensors()};
    auto results = buildLoop(b, loop, [&](mlir::Value iteration, mlir::ValueRange tensors) {
      auto [next, values] = importBody(iteration, valuesOf(tensors));
      expectStable(values);
      std::vector<Binding> parts;
      for (auto [value, type] : llvm::zip_equal(values, types))
        flatten(b, value, type, parts);
      return std::pair(next, llvm::map_to_vector(parts, [](const Binding &part) { return part.tensor; }));
    });
    return valuesOf(results);
  });
}

} // namespace tenon::importer
