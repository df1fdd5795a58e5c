//===- RuntimeAxes.cpp - axes that are known at run time only ------------------------------===//
//
// See RuntimeAxes.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/RuntimeAxes.h"

#include "compiler/Import/Body.h"

namespace tenon::importer {

namespace arith = mlir::arith;

/// Whether an axis, which may be negative, is dimension `d` of `rank`.
static Scalar isDimension(Builder &b, Scalar axis, int64_t d, int64_t rank) {
  mlir::Value fromStart = b.value(b.compare(arith::CmpIPredicate::eq, axis, b.index(d)));
  mlir::Value fromEnd = b.value(b.compare(arith::CmpIPredicate::eq, axis, b.index(d - rank)));
  return b.scalar<arith::OrIOp>(fromStart, fromEnd);
}

ScalarVector axisFlags(Builder &b, llvm::ArrayRef<Scalar> axes, int64_t rank) {
  ScalarVector flags;
  for (int64_t d = 0; d < rank; ++d) {
    Scalar flag = b.raw().getBoolAttr(false);
    for (Scalar axis : axes)
      flag = b.scalar<arith::OrIOp>(b.value(flag), b.value(isDimension(b, axis, d, rank)));
    flags.push_back(flag);
  }
  return flags;
}

ScalarVector valuesByDimension(Builder &b, llvm::ArrayRef<Scalar> axes, llvm::ArrayRef<Scalar> values,
                               ScalarVector absent) {
  auto rank = static_cast<int64_t>(absent.size());
  for (int64_t d = 0; d < rank; ++d)
    for (auto [axis, value] : llvm::zip_equal(axes, values))
      absent[d] = b.select(isDimension(b, axis, d, rank), value, absent[d]);
  return absent;
}

/// Entry `position` of a list.
static Scalar entryAt(Builder &b, llvm::ArrayRef<Scalar> list, Scalar position) {
  Scalar result = b.index(1);
  for (auto [i, entry] : llvm::enumerate(list))
    result = b.select(b.compare(arith::CmpIPredicate::eq, position, b.index(static_cast<int64_t>(i))), entry, result);
  return result;
}

ScalarVector extentsWithout(Builder &b, llvm::ArrayRef<Scalar> extents, llvm::ArrayRef<Scalar> flags, int64_t count) {
  // Where each dimension goes: the number of dimensions before it that stay; those that go away have no place.
  ScalarVector places, result;
  Scalar next = b.index(0);
  for (Scalar flag : flags) {
    places.push_back(b.select(flag, b.index(-1), next));
    next = b.add(next, b.select(flag, b.index(0), b.index(1)));
  }
  for (int64_t position = 0; position < count; ++position) {
    Scalar extent = b.index(1);
    for (auto [place, from] : llvm::zip_equal(places, extents))
      extent = b.select(b.compare(arith::CmpIPredicate::eq, place, b.index(position)), from, extent);
    result.push_back(extent);
  }
  return result;
}

ScalarVector extentsWithOnes(Builder &b, llvm::ArrayRef<Scalar> extents, llvm::ArrayRef<Scalar> flags) {
  ScalarVector result;
  Scalar next = b.index(0);
  for (Scalar flag : flags) {
    result.push_back(b.select(flag, b.index(1), entryAt(b, extents, next)));
    next = b.add(next, b.select(flag, b.index(0), b.index(1)));
  }
  return result;
}

mlir::Value conditional(Builder &b, Scalar flag, llvm::function_ref<mlir::Value()> onTrue, mlir::Value onFalse) {
  if (std::optional<int64_t> known = Builder::constant(flag))
    return *known ? onTrue() : onFalse;
  Body thenBody(b);
  mlir::Value value = onTrue();
  thenBody.close();
  Body elseBody(b);
  elseBody.close();
  mlir::Type type = commonType(value, onFalse, "a tensor");
  mlir::Value result = createIf(b, b.value(flag), type, thenBody, value, elseBody, onFalse)->getResult(0);
  b.ownExtents(result);
  return result;
}

} // namespace tenon::importer
