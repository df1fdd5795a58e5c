//===- ReshapeSegments.cpp - which dimensions of a reshape belong together -----------------===//
//
// Equal extents are matched from both ends; what is left in the middle has as many elements on both sides, because the
// whole has. A middle of known extents is cut where running products agree. So is one with a single unknown extent on
// each side beside equal known products: the two unknown extents are equal then. Of another middle, known extents that
// it begins with are cut off as long as their products agree.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Layout/ReshapeSegments.h"

#include "dialects/nn/ExtentEquality.h"

using namespace mlir;

namespace tenon::layout {

namespace {
struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};
} // namespace

/// Cuts a middle of static extents into the shortest segments of equal products.
static void cutStatic(ArrayRef<int64_t> from, ArrayRef<int64_t> to, Range in, Range out,
                      SmallVectorImpl<ReshapeSegment> &segments) {
  int64_t i = in.begin, o = out.begin;
  while (i < in.end || o < out.end) {
    ReshapeSegment segment;
    int64_t left = 1, right = 1;
    auto takeIn = [&] {
      left *= from[i];
      segment.from.push_back(i++);
    };
    auto takeOut = [&] {
      right *= to[o];
      segment.to.push_back(o++);
    };
    // A lone 1 is a segment of its own unless it is the last of a side and the other side has one too.
    if (i < in.end)
      takeIn();
    if (o < out.end && !(left == 1 && to[o] != 1))
      takeOut();
    while (left != right) {
      if (left < right && i < in.end)
        takeIn();
      else if (o < out.end)
        takeOut();
      else
        break;
    }
    segments.push_back(segment);
  }
}

/// A prime that no product of small extents contains.
static constexpr int64_t unknownExtent = 2147483647;

/// The number of unknown extents in a range of a shape, and the product of the others.
static std::pair<int64_t, int64_t> countMiddle(ArrayRef<int64_t> shape, Range range) {
  int64_t dynamic = 0, product = 1;
  for (int64_t size : shape.slice(range.begin, range.size()))
    (ShapedType::isDynamic(size) ? dynamic : product) = ShapedType::isDynamic(size) ? dynamic + 1 : product * size;
  return {dynamic, product};
}

/// How many of the known extents that each side begins with have equal products, as many as there are.
static std::pair<Range, Range> knownBeginning(ArrayRef<int64_t> from, ArrayRef<int64_t> to, Range in, Range out) {
  Range knownIn{in.begin, in.begin}, knownOut{out.begin, out.begin};
  int64_t left = 1, right = 1;
  for (int64_t i = in.begin, o = out.begin;;) {
    bool takesIn = left <= right;
    int64_t &next = takesIn ? i : o, end = takesIn ? in.end : out.end;
    int64_t size = next < end ? (takesIn ? from : to)[next] : ShapedType::kDynamic;
    if (ShapedType::isDynamic(size))
      return {knownIn, knownOut};
    (takesIn ? left : right) *= size;
    ++next;
    if (left == right) {
      knownIn.end = i;
      knownOut.end = o;
    }
  }
}

std::optional<SmallVector<ReshapeSegment>> findSegments(nn::ReshapeOp op) {
  auto from = cast<RankedTensorType>(op.getInput().getType()), to = cast<RankedTensorType>(op.getType());
  nn::ExtentEquality extents(op.getContext());
  auto equal = [&](int64_t i, int64_t o) {
    if (!from.isDynamicDim(i) || !to.isDynamicDim(o))
      return from.getDimSize(i) == to.getDimSize(o);
    return extents.equal(op.getInput(), i, op.getResult(), o);
  };
  // An extent of 0 would make any two sides agree.
  if (llvm::is_contained(from.getShape(), 0) || llvm::is_contained(to.getShape(), 0))
    return std::nullopt;
  Range in{0, from.getRank()}, out{0, to.getRank()};
  SmallVector<ReshapeSegment> front, back, middle;
  while (in.size() > 0 && out.size() > 0 && equal(in.begin, out.begin))
    front.push_back({{in.begin++}, {out.begin++}});
  while (in.size() > 0 && out.size() > 0 && equal(in.end - 1, out.end - 1))
    back.push_back({{--in.end}, {--out.end}});
  SmallVector<int64_t> fromShape(from.getShape()), toShape(to.getShape());
  auto [fromDynamic, fromProduct] = countMiddle(fromShape, in);
  auto [toDynamic, toProduct] = countMiddle(toShape, out);
  if (fromDynamic == toDynamic && fromDynamic <= 1 && fromProduct == toProduct) {
    // A prime stands for the unknown extent: running products agree only where both sides have passed it.
    for (SmallVector<int64_t> *shape : {&fromShape, &toShape})
      llvm::replace(*shape, ShapedType::kDynamic, unknownExtent);
    cutStatic(fromShape, toShape, in, out, middle);
  } else {
    auto [knownIn, knownOut] = knownBeginning(fromShape, toShape, in, out);
    cutStatic(fromShape, toShape, knownIn, knownOut, middle);
    ReshapeSegment rest;
    llvm::append_range(rest.from, llvm::seq(knownIn.end, in.end));
    llvm::append_range(rest.to, llvm::seq(knownOut.end, out.end));
    middle.push_back(rest);
  }
  SmallVector<ReshapeSegment> segments(front);
  llvm::append_range(segments, middle);
  llvm::append_range(segments, llvm::reverse(back));
  return segments;
}

} // namespace tenon::layout
