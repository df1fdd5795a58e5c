//===- Slicing.cpp - Slice, Split and Pad --------------------------------------------------===//
//
// Bounds are clamped in index arithmetic, which folds where they are known.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Body.h"
#include "compiler/Import/Registry.h"
#include "compiler/Import/RuntimeAxes.h"

namespace tenon::importer {

namespace {

using mlir::arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// Slice
//===----------------------------------------------------------------------===//

/// No std::abs: the smallest number has none.
bool isFar(int64_t number, int64_t limit) { return number >= limit || number <= -limit; }

/// An index counted from the end where negative, clamped to [low, high].
Scalar clampedBound(Builder &b, Scalar bound, Scalar extent, Scalar low, Scalar high) {
  std::optional<int64_t> known = Builder::constant(bound);
  if (known) {
    // Exporters write bounds from 10^9 on for "to the end"; no dynamic extent gets there. Sums must not overflow.
    constexpr int64_t far = 1'000'000'000, limit = int64_t(1) << 48;
    bound = b.index(std::clamp(*known, -limit, limit));
    if (!Builder::constant(extent) && isFar(*known, far))
      return *known > 0 ? high : low;
    if (*known < 0)
      bound = b.add(extent, bound);
    else if (*known == 0 && Builder::constant(low) == 0 && b.isNonNegative(high))
      return low;
  } else if (!b.isExtent(bound)) {
    Scalar negative = b.compare(CmpIPredicate::slt, bound, b.index(0));
    bound = b.select(negative, b.add(bound, extent), bound);
  }
  return b.min(b.max(bound, low), high);
}

struct SliceRange {
  Scalar offset, size;
};

/// Elements start, start + step ... before end, as ONNX clamps them, for a step of known sign.
SliceRange clampedRange(Builder &b, Scalar extent, Scalar start, Scalar end, Scalar step, bool forward) {
  Scalar zero = b.index(0), one = b.index(1);
  if (forward) {
    Scalar from = clampedBound(b, start, extent, zero, extent), to = clampedBound(b, end, extent, zero, extent);
    Scalar size = b.ceilDiv(b.max(b.sub(to, from), zero), step);
    return {from, size};
  }
  Scalar last = b.sub(extent, one), minusOne = b.index(-1);
  Scalar from = clampedBound(b, start, extent, zero, last), to = clampedBound(b, end, extent, minusOne, last);
  Scalar size = b.ceilDiv(b.max(b.sub(from, to), zero), b.sub(zero, step));
  return {from, size};
}

/// The number of starts, ends, axes and steps, if it is known of one of them.
std::optional<int64_t> sliceCount(NodeContext &c) {
  for (int64_t i = 1; i <= 4; ++i)
    if (c.hasInput(i) && !c.isOpenList(i))
      return static_cast<int64_t>(c.scalars(i, "starts, ends, axes or steps").items.size());
  return std::nullopt;
}

/// The axes 0 to `count` - 1, and none up to `rank` entries.
ScalarVector firstAxes(Builder &b, Scalar count, int64_t rank) {
  ScalarVector axes;
  for (int64_t d = 0; d < rank; ++d)
    axes.push_back(b.select(b.compare(CmpIPredicate::slt, b.index(d), count), b.index(d), b.index(rank)));
  return axes;
}

void importSlice(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.input(0);
  int64_t rank = rankOf(input);
  ScalarVector starts, ends, steps;
  IntVector axes;
  if (c.opset < 10) {
    starts = b.indices(c.integers("starts"));
    ends = b.indices(c.integers("ends"));
    axes = c.integers("axes");
  } else {
    std::optional<int64_t> count = sliceCount(c);
    int64_t length = count.value_or(rank);
    // An axis of no dimension stands behind the entries of an open list.
    starts = c.list(1, length, rank, "starts");
    ends = c.list(2, length, rank, "ends");
    if (c.hasInput(4))
      steps = c.list(4, length, rank, "steps");
    if (!count || c.hasRuntimeAxes(3)) {
      // Every dimension gets a range; without an axis it is the whole extent.
      ScalarVector given =
          c.hasInput(3) ? c.list(3, length, rank, "axes") : firstAxes(b, b.extent(c.input(1), 0), rank);
      if (steps.empty())
        steps.assign(given.size(), b.index(1));
      if (starts.size() != given.size() || ends.size() != given.size() || steps.size() != given.size())
        fail("there are " + std::to_string(given.size()) + " axes, but not as many starts, ends and steps");
      starts = valuesByDimension(b, given, starts, ScalarVector(rank, b.index(0)));
      ends = valuesByDimension(b, given, ends, b.extents(input));
      steps = valuesByDimension(b, given, steps, ScalarVector(rank, b.index(1)));
      axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    } else if (c.hasInput(3)) {
      axes = c.constants(3, "axes");
    }
  }
  bool hasAxes = c.opset < 10 ? c.hasAttribute("axes") : c.hasInput(3);
  if (!hasAxes && axes.empty())
    axes = llvm::to_vector(llvm::seq<int64_t>(0, static_cast<int64_t>(starts.size())));
  if (steps.empty())
    steps.assign(starts.size(), b.index(1));
  if (starts.size() != ends.size() || starts.size() != axes.size() || starts.size() != steps.size())
    fail("there are " + std::to_string(starts.size()) + " starts, " + std::to_string(ends.size()) + " ends, " +
         std::to_string(axes.size()) + " axes and " + std::to_string(steps.size()) + " steps");
  (void)c.axes(axes, rank);

  ScalarVector offsets(rank, b.index(0)), sizes = b.extents(input), strides(rank, b.index(1));
  for (size_t i = 0; i < starts.size(); ++i) {
    int64_t axis = c.axis(axes[i], rank);
    Scalar extent = sizes[axis], step = steps[i];
    SliceRange range;
    if (std::optional<int64_t> known = Builder::constant(step)) {
      if (*known == 0)
        fail("a step is 0");
      // Longer steps than any extent select one element.
      step = b.index(std::clamp<int64_t>(*known, -(int64_t(1) << 48), int64_t(1) << 48));
      range = clampedRange(b, extent, starts[i], ends[i], step, *known > 0);
    } else {
      Scalar zero = b.index(0), one = b.index(1);
      Scalar isForward = b.compare(CmpIPredicate::sgt, step, zero);
      SliceRange forward = clampedRange(b, extent, starts[i], ends[i], b.select(isForward, step, one), true);
      SliceRange backward = clampedRange(b, extent, starts[i], ends[i], b.select(isForward, b.index(-1), step), false);
      range = {b.select(isForward, forward.offset, backward.offset), b.select(isForward, forward.size, backward.size)};
    }
    offsets[axis] = range.offset;
    sizes[axis] = range.size;
    // A step does nothing where there is at most one element.
    std::optional<int64_t> size = Builder::constant(range.size);
    strides[axis] = size && *size <= 1 ? b.index(1) : step;
    if (size == 0)
      offsets[axis] = b.index(0);
  }
  c.result(b.slice(input, offsets, sizes, strides));
}

//===----------------------------------------------------------------------===//
// Split
//===----------------------------------------------------------------------===//

void importSplit(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.inputOfRank(0, 1);
  int64_t axis = c.axis(c.integer("axis", 0), rankOf(input)), count = c.outputCount();
  Scalar extent = b.extent(input, axis);
  std::optional<int64_t> known = Builder::constant(extent);
  ScalarVector sizes;
  if (c.hasAttribute("split"))
    sizes = b.indices(c.integers("split"));
  else if (c.hasInput(1))
    sizes = c.scalars(1, "sizes").items;
  if (c.opset >= 18 && c.hasAttribute("num_outputs") && c.integer("num_outputs", 0) != count)
    fail("attribute 'num_outputs' is " + std::to_string(c.integer("num_outputs", 0)) + ", but there are " +
         std::to_string(count) + " outputs");
  if (sizes.empty()) {
    if (known && c.opset < 18 && *known % count != 0)
      fail("extent " + std::to_string(*known) + " does not split into " + std::to_string(count) + " equal parts");
    // The last part may be smaller, since opset 18.
    Scalar part = known || c.opset >= 18 ? b.ceilDiv(extent, b.index(count)) : b.quotient({extent}, {b.index(count)});
    sizes.assign(count, part);
    if (c.opset >= 18) {
      Scalar others = b.mul(part, b.index(count - 1));
      requireAtMost(b, others, extent, "the sum of " + llvm::Twine(count - 1) + " equal parts");
      sizes.back() = b.sub(extent, others);
    }
  }
  if (static_cast<int64_t>(sizes.size()) != count)
    fail("there are " + std::to_string(sizes.size()) + " sizes, expected " + std::to_string(count));
  Scalar offset = b.index(0);
  for (int64_t i = 0; i < count; ++i) {
    if (std::optional<int64_t> size = Builder::constant(sizes[i]); size && *size < 0)
      fail("a size is " + std::to_string(*size));
    c.result(i, b.sliceDimension(input, axis, offset, sizes[i]));
    offset = b.add(offset, sizes[i]);
  }
  requireEqual(b, offset, extent, "the sum of the sizes");
}

//===----------------------------------------------------------------------===//
// Pad
//===----------------------------------------------------------------------===//

nn::PadMode padModeOf(NodeContext &c) {
  std::string mode = c.string("mode", "constant");
  if (mode == "constant")
    return nn::PadMode::constant;
  if (mode == "edge")
    return nn::PadMode::edge;
  if (mode == "reflect")
    return nn::PadMode::reflect;
  if (mode == "wrap")
    return nn::PadMode::wrap;
  fail("attribute 'mode' is '" + mode + "', expected constant, edge, reflect or wrap");
}

/// Pads for as many axes as the run knows: what is left of `rank` of them is an axis that there is not.
ScalarVector padsOfOpenAxes(NodeContext &c, int64_t rank) {
  Builder &b = c.b;
  Scalar count = b.extent(c.input(3), 0), zero = b.index(0);
  mlir::Value both = c.inputOfRank(1, 1, 1);
  requireEqual(b, b.extent(both, 0), b.mul(count, b.index(2)), "the number of pads");
  requireAtMost(b, count, b.index(rank), "the number of axes");
  ScalarVector axes = c.list(3, rank, rank, "axes"), none(rank, zero), pads;
  for (Scalar from : {zero, count}) {
    mlir::Value half = b.pad(nn::PadMode::constant, b.sliceDimension(both, 0, from, count), {zero},
                             {b.sub(b.index(rank), count)}, b.constant(0, elementOf(both)));
    ScalarVector values = b.extract(b.sliceDimension(half, 0, zero, b.index(rank)))->items;
    llvm::append_range(pads, valuesByDimension(b, axes, values, none));
  }
  return pads;
}

/// All pads of the node: low ones, then high ones, for each of the input's dimensions.
ScalarVector padsOf(NodeContext &c, int64_t rank) {
  if (c.opset < 11) {
    ScalarVector pads = c.b.indices(c.integers(c.opset < 2 ? "paddings" : "pads"));
    if (static_cast<int64_t>(pads.size()) != 2 * rank)
      fail("there are " + std::to_string(pads.size()) + " pads, expected " + std::to_string(2 * rank));
    return pads;
  }
  if (c.isOpenList(3))
    return padsOfOpenAxes(c, rank);
  ScalarVector given = c.scalars(1, "pads").items;
  if (c.hasRuntimeAxes(3)) {
    ScalarVector axes = c.scalars(3, "axes").items, none(rank, c.b.index(0));
    if (given.size() != 2 * axes.size())
      fail("there are " + std::to_string(given.size()) + " pads, expected " + std::to_string(2 * axes.size()));
    llvm::ArrayRef<Scalar> both = given;
    ScalarVector pads = valuesByDimension(c.b, axes, both.take_front(axes.size()), none);
    llvm::append_range(pads, valuesByDimension(c.b, axes, both.drop_front(axes.size()), none));
    return pads;
  }
  IntVector axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (c.hasInput(3)) {
    axes = c.constants(3, "axes");
    (void)c.axes(axes, rank);
  }
  if (given.size() != 2 * axes.size())
    fail("there are " + std::to_string(given.size()) + " pads, expected " + std::to_string(2 * axes.size()));
  ScalarVector pads(2 * rank, c.b.index(0));
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t axis = c.axis(axes[i], rank);
    pads[axis] = given[i];
    pads[rank + axis] = given[axes.size() + i];
  }
  return pads;
}

/// Cuts off what negative pads say and leaves the others.
mlir::Value cropNegative(Builder &b, mlir::Value input, ScalarVector &pads) {
  int64_t rank = rankOf(input);
  ScalarVector offsets(rank, b.index(0)), sizes = b.extents(input), steps(rank, b.index(1));
  bool crops = false;
  auto cut = [&](Scalar &pad) {
    std::optional<int64_t> known = Builder::constant(pad);
    if (known ? *known >= 0 : b.isExtent(pad))
      return b.index(0);
    crops = true;
    Scalar amount = b.max(b.sub(b.index(0), pad), b.index(0));
    pad = b.max(pad, b.index(0));
    return amount;
  };
  for (int64_t i = 0; i < rank; ++i) {
    offsets[i] = cut(pads[i]);
    sizes[i] = b.sub(b.sub(sizes[i], offsets[i]), cut(pads[rank + i]));
    if (std::optional<int64_t> known = Builder::constant(sizes[i]); known && *known < 0)
      fail("negative pads cut off more than the extent of dimension " + std::to_string(i));
  }
  return crops ? b.slice(input, offsets, sizes, steps) : input;
}

void importPad(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.input(0);
  int64_t rank = rankOf(input);
  nn::PadMode mode = padModeOf(c);
  ScalarVector pads = padsOf(c, rank);
  for (Scalar pad : pads)
    if (std::optional<int64_t> known = Builder::constant(pad); known && isFar(*known, int64_t(1) << 40))
      fail("a pad is " + std::to_string(*known));
  input = cropNegative(b, input, pads);
  mlir::Value fill;
  if (mode == nn::PadMode::constant) {
    if (c.opset >= 11 && c.hasInput(2))
      fill = b.reshape(c.input(2), {});
    else
      fill = b.constant(c.opset < 11 ? c.number("value", 0) : 0, elementOf(input));
  }
  llvm::ArrayRef<Scalar> both = pads;
  c.result(b.pad(mode, input, both.take_front(rank), both.drop_front(rank), fill));
}

//===----------------------------------------------------------------------===//
// CenterCropPad
//===----------------------------------------------------------------------===//

/// The middle of the input, or the input in the middle of zeros; what is odd is cut off or added at the end.
void importCenterCropPad(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value input = c.input(0);
  int64_t rank = rankOf(input);
  IntVector axes = c.axesInOrder(rank);
  ScalarVector shape = c.scalars(1, "entries of the shape").items;
  if (shape.size() != axes.size())
    fail("the shape has " + std::to_string(shape.size()) + " entries, expected " + std::to_string(axes.size()));
  ScalarVector offsets(rank, b.index(0)), sizes = b.extents(input), steps(rank, b.index(1)), low = offsets,
                                          high = offsets;
  for (auto [axis, wanted] : llvm::zip_equal(axes, shape)) {
    if (std::optional<int64_t> known = Builder::constant(wanted); known && *known < 0)
      fail("the shape has the entry " + std::to_string(*known));
    Scalar target = b.max(wanted, b.index(0)), extent = sizes[axis], none = b.index(0);
    offsets[axis] = b.floorDiv(b.max(b.sub(extent, target), none), b.index(2));
    sizes[axis] = b.min(extent, target);
    Scalar added = b.max(b.sub(target, extent), none);
    low[axis] = b.floorDiv(added, b.index(2));
    high[axis] = b.sub(added, low[axis]);
  }
  mlir::Value middle = b.slice(input, offsets, sizes, steps);
  c.result(b.pad(nn::PadMode::constant, middle, low, high, b.constant(0, elementOf(input))));
}

} // namespace

void addSlicing(ImporterTable &table) {
  table.add("CenterCropPad", importCenterCropPad);
  table.add("Pad", importPad);
  table.add("Slice", importSlice);
  table.add("Split", importSplit);
}

} // namespace tenon::importer
