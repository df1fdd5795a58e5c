//===- Movement.cpp - shapes and data movement ---------------------------------------------===//
//
// Reshape and its kin, Transpose, Concat, Expand, Tile, blocks of pixels; slices and pads are in Slicing.cpp.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Registry.h"
#include "compiler/Import/RuntimeAxes.h"

namespace tenon::importer {

namespace {

void importIdentity(NodeContext &c) { c.result(0, c.inputBinding(0)); }

//===----------------------------------------------------------------------===//
// Reshape
//===----------------------------------------------------------------------===//

/// Extents from a shape in which one entry may be -1 (the rest) and 0 copies the input's extent; entries may be known
/// at run time only.
ScalarVector reshapeSizes(NodeContext &c, mlir::Value input, const ScalarVector &shape, bool allowZero) {
  Builder &b = c.b;
  ScalarVector extents = b.extents(input), sizes(shape);
  Scalar zero = b.index(0), minusOne = b.index(-1);
  int64_t inferred = -1;
  bool maybeInferred = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    std::optional<int64_t> known = Builder::constant(sizes[i]);
    if (known == -1) {
      if (inferred >= 0)
        fail("the shape has more than one -1");
      inferred = static_cast<int64_t>(i);
    } else if (known && *known < -1) {
      fail("the shape has the entry " + std::to_string(*known));
    } else if (known == 0 && !allowZero) {
      if (i >= extents.size())
        fail("the shape has 0 at position " + std::to_string(i) + ", but the input has rank " +
             std::to_string(extents.size()));
      sizes[i] = extents[i];
    } else if (!known && !b.isExtent(sizes[i])) {
      maybeInferred = true;
      if (!allowZero && i < extents.size())
        sizes[i] = b.select(b.compare(mlir::arith::CmpIPredicate::eq, sizes[i], zero), extents[i], sizes[i]);
    }
  }
  auto rest = [&](int64_t position, bool checked) {
    ScalarVector others;
    for (auto [i, size] : llvm::enumerate(sizes)) {
      if (static_cast<int64_t>(i) == position)
        continue;
      bool mayBeMinusOne = checked && !Builder::constant(size);
      others.push_back(mayBeMinusOne ? b.max(size, b.index(1)) : size);
    }
    return b.quotient(extents, others);
  };
  if (inferred >= 0) {
    sizes[inferred] = rest(inferred, /*checked=*/false);
  } else if (maybeInferred) {
    ScalarVector resolved = sizes;
    for (size_t i = 0; i < sizes.size(); ++i)
      if (!Builder::constant(sizes[i]) && !b.isExtent(shape[i]))
        resolved[i] = b.select(b.compare(mlir::arith::CmpIPredicate::eq, sizes[i], minusOne),
                               rest(static_cast<int64_t>(i), /*checked=*/true), sizes[i]);
    sizes = resolved;
  }
  return sizes;
}

void importReshape(NodeContext &c) {
  mlir::Value input = c.input(0);
  ScalarVector shape;
  if (c.opset < 5) {
    shape = c.b.indices(c.integers("shape"));
  } else {
    if (int64_t rank = rankOf(c.input(1)); rank > 1)
      fail("the shape has rank " + std::to_string(rank) + ", expected 1");
    shape = c.shape(1);
  }
  c.result(c.b.reshape(input, reshapeSizes(c, input, shape, c.integer("allowzero", 0) != 0)));
}

void importFlatten(NodeContext &c) {
  mlir::Value input = c.input(0);
  int64_t rank = rankOf(input), axis = c.integer("axis", 1);
  if (axis != rank)
    axis = rank == 0 ? 0 : c.axis(axis, rank);
  ScalarVector extents = c.b.extents(input);
  llvm::ArrayRef<Scalar> all = extents;
  c.result(c.b.reshape(input, {c.b.product(all.take_front(axis)), c.b.product(all.drop_front(axis))}));
}

void squeezeAxes(NodeContext &c, llvm::ArrayRef<int64_t> axes) {
  mlir::Value input = c.input(0);
  ScalarVector sizes;
  for (auto [i, extent] : llvm::enumerate(c.b.extents(input))) {
    if (!llvm::is_contained(axes, static_cast<int64_t>(i)))
      sizes.push_back(extent);
    else if (std::optional<int64_t> known = Builder::constant(extent); known && *known != 1)
      fail("dimension " + std::to_string(i) + " has extent " + std::to_string(*known) + ", expected 1");
  }
  c.result(c.b.reshape(input, sizes));
}

/// Squeezes `axes` and all dimensions from `dimension` on that have an extent of 1, which the run time may decide.
void squeezeFrom(NodeContext &c, int64_t dimension, IntVector axes) {
  ScalarVector extents = c.b.extents(c.input(0));
  for (; dimension < static_cast<int64_t>(extents.size()); ++dimension) {
    Scalar isOne = c.b.compare(mlir::arith::CmpIPredicate::eq, extents[dimension], c.b.index(1));
    std::optional<int64_t> known = Builder::constant(isOne);
    if (!known) {
      auto rest = [dimension](NodeContext &c, IntVector axes) { squeezeFrom(c, dimension + 1, std::move(axes)); };
      IntVector more = axes;
      more.push_back(dimension);
      return c.fork(
          c.b.value(isOne), [rest, more](NodeContext &c) { rest(c, more); },
          [rest, axes](NodeContext &c) { rest(c, axes); });
    }
    if (*known)
      axes.push_back(dimension);
  }
  squeezeAxes(c, axes);
}

void importSqueeze(NodeContext &c) {
  mlir::Value input = c.input(0);
  auto type = typeOf(input);
  if (c.hasRuntimeAxes(1)) {
    ScalarVector given = c.scalars(1, "axes").items;
    int64_t rank = type.getRank() - static_cast<int64_t>(given.size());
    return c.result(
        c.b.reshape(input, extentsWithout(c.b, c.b.extents(input), axisFlags(c.b, given, type.getRank()), rank)));
  }
  if (std::optional<IntVector> given = c.axesOf("axes", 1))
    return squeezeAxes(c, c.axes(*given, type.getRank()));
  squeezeFrom(c, 0, {});
}

void importUnsqueeze(NodeContext &c) {
  mlir::Value input = c.input(0);
  if (c.hasRuntimeAxes(1)) {
    ScalarVector axes = c.scalars(1, "axes").items;
    ScalarVector flags = axisFlags(c.b, axes, rankOf(input) + static_cast<int64_t>(axes.size()));
    return c.result(c.b.reshape(input, extentsWithOnes(c.b, c.b.extents(input), flags)));
  }
  IntVector given = c.axesOf("axes", 1).value_or(IntVector());
  int64_t rank = rankOf(input) + static_cast<int64_t>(given.size());
  IntVector axes = c.axes(given, rank);
  ScalarVector sizes, extents = c.b.extents(input);
  for (int64_t i = 0, next = 0; i < rank; ++i)
    sizes.push_back(llvm::is_contained(axes, i) ? c.b.index(1) : extents[next++]);
  c.result(c.b.reshape(input, sizes));
}

void importTranspose(NodeContext &c) {
  mlir::Value input = c.input(0);
  IntVector permutation = c.integers("perm");
  int64_t rank = rankOf(input);
  if (!c.hasAttribute("perm"))
    permutation = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  if (static_cast<int64_t>(permutation.size()) != rank)
    fail("attribute 'perm' has " + std::to_string(permutation.size()) + " entries, expected " + std::to_string(rank));
  for (int64_t &entry : permutation)
    entry = c.axis(entry, rank);
  c.result(c.b.transpose(input, permutation));
}

void importConcat(NodeContext &c) {
  mlir::Value first = c.inputOfRank(0, 1);
  // Version 1 has a default.
  int64_t axis = c.axis(c.integer("axis", 1), rankOf(first));
  c.result(c.b.concat(c.allInputs(), axis));
}

//===----------------------------------------------------------------------===//
// Repetition
//===----------------------------------------------------------------------===//

/// The extent of a dimension of a two-sided broadcast.
Scalar broadcastExtent(Builder &b, Scalar lhs, Scalar rhs) {
  std::optional<int64_t> l = Builder::constant(lhs), r = Builder::constant(rhs);
  if (lhs == rhs || r == 1)
    return lhs;
  if (l == 1)
    return rhs;
  if (l && r)
    fail("extents " + std::to_string(*l) + " and " + std::to_string(*r) + " do not broadcast");
  if (l || r)
    return l ? lhs : rhs;
  return b.select(b.compare(mlir::arith::CmpIPredicate::eq, rhs, b.index(1)), lhs, rhs);
}

/// The shape of an Expand. An open list may be shorter than the rank that the model declares, if the input has that.
ScalarVector expandedShape(NodeContext &c) {
  Builder &b = c.b;
  std::optional<int64_t> rank = c.isOpenList(1) ? c.declaredRank() : std::nullopt;
  if (rank != rankOf(c.input(0)) || *rank > maxScalars)
    return c.shape(1);
  mlir::Value list = c.input(1);
  Scalar length = b.extent(list, 0);
  b.require(b.compare(mlir::arith::CmpIPredicate::sle, length, b.index(*rank)),
            "there are %lld entries of the shape, expected at most %lld", {length, b.index(*rank)});
  // The last `rank` of as many ones in front of the list.
  mlir::Value filled =
      b.pad(nn::PadMode::constant, list, {b.index(*rank)}, {b.index(0)}, b.scalarTensor(b.index(1), elementOf(list)));
  return b.extract(b.slice(filled, {length}, {b.index(*rank)}, {b.index(1)}))->items;
}

void importExpand(NodeContext &c) {
  mlir::Value input = c.input(0);
  ScalarVector shape = expandedShape(c), extents = c.b.extents(input);
  for (Scalar entry : shape)
    if (std::optional<int64_t> known = Builder::constant(entry); known && *known < 0)
      fail("the shape has the entry " + std::to_string(*known));
  size_t rank = std::max(shape.size(), extents.size());
  shape.insert(shape.begin(), rank - shape.size(), c.b.index(1));
  extents.insert(extents.begin(), rank - extents.size(), c.b.index(1));
  for (size_t i = 0; i < rank; ++i)
    shape[i] = broadcastExtent(c.b, extents[i], shape[i]);
  c.result(c.b.broadcast(input, shape));
}

/// Each dimension is repeated: [d] becomes [1, d], broadcast to [r, d] and flattened.
mlir::Value tile(Builder &b, mlir::Value input, llvm::ArrayRef<Scalar> repeats) {
  ScalarVector split, spread, merged;
  for (auto [extent, repeat] : llvm::zip_equal(b.extents(input), repeats)) {
    if (Builder::constant(repeat) != 1) {
      split.push_back(b.index(1));
      spread.push_back(repeat);
    }
    split.push_back(extent);
    spread.push_back(extent);
    merged.push_back(b.mul(repeat, extent));
  }
  return b.reshape(b.broadcast(b.reshape(input, split), spread), merged);
}

void importTile(NodeContext &c) {
  mlir::Value input = c.input(0);
  ScalarVector repeats;
  if (c.opset < 6) {
    // Both are of the input's type, floats mostly.
    auto whole = [&](int64_t i, const char *what) {
      return c.b.toIndex(c.scalar(i, what), Builder::Rounding::towardsZero);
    };
    std::optional<int64_t> axis = Builder::constant(whole(2, "axis"));
    if (!axis)
      fail("the axis must be constant");
    repeats.assign(rankOf(input), c.b.index(1));
    repeats[c.axis(*axis, rankOf(input))] = whole(1, "tiles");
  } else {
    repeats = c.listOf(1, rankOf(input), "repeats");
  }
  for (Scalar repeat : repeats)
    if (std::optional<int64_t> known = Builder::constant(repeat); known && (*known < 0 || *known > INT32_MAX))
      fail("a repeat is " + std::to_string(*known));
  c.result(tile(c.b, input, repeats));
}

//===----------------------------------------------------------------------===//
// Blocks of pixels
//===----------------------------------------------------------------------===//

Scalar blockSize(NodeContext &c) {
  int64_t size = c.integer("blocksize", 0);
  if (size < 1 || size > 65536)
    fail("attribute 'blocksize' is " + std::to_string(size) + ", expected 1 or more");
  return c.b.index(size);
}

void checkDivides(Scalar extent, Scalar divisor, const char *what) {
  std::optional<int64_t> value = Builder::constant(extent), by = Builder::constant(divisor);
  if (value && by && *value % *by != 0)
    fail(llvm::Twine(what) + " is " + llvm::Twine(*value) + ", not a multiple of " + llvm::Twine(*by));
}

/// Whether the place inside a block comes before the channel.
bool areBlocksFirst(NodeContext &c) {
  std::string mode = c.string("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    fail("attribute 'mode' is '" + mode + "', expected DCR or CRD");
  return mode == "DCR";
}

void importDepthToSpace(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 4, 4);
  Scalar size = blockSize(c), area = b.mul(size, size);
  ScalarVector d = b.extents(input);
  checkDivides(d[1], area, "the number of channels");
  Scalar depth = b.quotient({d[1]}, {area});
  bool blocksFirst = areBlocksFirst(c);
  mlir::Value split = blocksFirst ? b.reshape(input, {d[0], size, size, depth, d[2], d[3]})
                                  : b.reshape(input, {d[0], depth, size, size, d[2], d[3]});
  llvm::SmallVector<int64_t, 6> permutation =
      blocksFirst ? llvm::SmallVector<int64_t, 6>{0, 3, 4, 1, 5, 2} : llvm::SmallVector<int64_t, 6>{0, 1, 4, 2, 5, 3};
  c.result(b.reshape(b.transpose(split, permutation), {d[0], depth, b.mul(d[2], size), b.mul(d[3], size)}));
}

void importSpaceToDepth(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 4, 4);
  Scalar size = blockSize(c);
  ScalarVector d = b.extents(input);
  checkDivides(d[2], size, "the height");
  checkDivides(d[3], size, "the width");
  Scalar height = b.quotient({d[2]}, {size}), width = b.quotient({d[3]}, {size});
  mlir::Value split = b.reshape(input, {d[0], d[1], height, size, width, size});
  std::string mode = c.string("mode", "DCR");
  if (mode != "DCR" && mode != "CRD")
    fail("attribute 'mode' is '" + mode + "', expected DCR or CRD");
  // Block positions come before the channels (depth, column, row), or after them.
  mlir::Value moved = mode == "DCR" ? b.transpose(split, {0, 3, 5, 1, 2, 4}) : b.transpose(split, {0, 1, 3, 5, 2, 4});
  c.result(b.reshape(moved, {d[0], b.mul(d[1], b.mul(size, size)), height, width}));
}

} // namespace

void addMovement(ImporterTable &table) {
  table.add("Concat", importConcat);
  table.add("DepthToSpace", importDepthToSpace);
  table.add("Expand", importExpand);
  table.add("Flatten", importFlatten);
  table.add("Identity", importIdentity);
  table.add("Reshape", importReshape);
  table.add("SpaceToDepth", importSpaceToDepth);
  table.add("Squeeze", importSqueeze);
  table.add("Tile", importTile);
  table.add("Transpose", importTranspose);
  table.add("Unsqueeze", importUnsqueeze);
}

} // namespace tenon::importer
