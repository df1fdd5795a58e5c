//===- Window.cpp - attributes of operators with sliding windows ---------------------------===//
//
// See Window.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Window.h"

#include "compiler/Import/Body.h"

namespace tenon::importer {

IntVector WindowAttributes::pads() const {
  IntVector both(low);
  both.append(high.begin(), high.end());
  return both;
}

mlir::Value WindowAttributes::padDynamically(Builder &b, mlir::Value input, double fill) const {
  if (dynamicLow.empty())
    return input;
  ScalarVector lowPads(2, b.index(0)), highPads(2, b.index(0));
  lowPads.append(dynamicLow.begin(), dynamicLow.end());
  highPads.append(dynamicHigh.begin(), dynamicHigh.end());
  return b.pad(nn::PadMode::constant, input, lowPads, highPads, b.constant(fill, elementOf(input)));
}

IntVector windowList(NodeContext &c, llvm::StringRef name, int64_t count, int64_t low, int64_t absent) {
  IntVector list = c.integers(name);
  if (list.empty())
    return IntVector(count, absent);
  if (static_cast<int64_t>(list.size()) != count)
    fail("attribute '" + name + "' has " + std::to_string(list.size()) + " entries, expected " + std::to_string(count));
  for (int64_t entry : list)
    if (entry < low || entry > INT32_MAX)
      fail("attribute '" + name + "' has the entry " + std::to_string(entry) + ", expected " + std::to_string(low) +
           " to " + std::to_string(INT32_MAX));
  return list;
}

ScalarVector kernelOf(NodeContext &c, mlir::Value filter) {
  Builder &b = c.b;
  IntVector fromType(typeOf(filter).getShape().drop_front(2)), given = c.integers("kernel_shape");
  ScalarVector kernel(llvm::drop_begin(b.extents(filter), 2));
  if (!given.empty() && given.size() != fromType.size())
    fail("attribute 'kernel_shape' has " + std::to_string(given.size()) + " entries, expected " +
         std::to_string(fromType.size()));
  for (size_t i = 0; i < fromType.size(); ++i) {
    bool isOpen = mlir::ShapedType::isDynamic(fromType[i]);
    if (!given.empty()) {
      if (!isOpen && given[i] != fromType[i])
        fail("attribute 'kernel_shape' has " + std::to_string(given[i]) + " in dimension " + std::to_string(i) +
             ", but the filter has " + std::to_string(fromType[i]));
      if (isOpen)
        requireEqual(b, kernel[i], b.index(given[i]), "dimension " + llvm::Twine(i) + " of the kernel");
      kernel[i] = b.index(given[i]);
    } else if (isOpen) {
      Scalar bounded = b.min(b.max(kernel[i], b.index(1)), b.index(INT32_MAX));
      b.require(b.compare(mlir::arith::CmpIPredicate::eq, bounded, kernel[i]), "the kernel has extent %lld",
                {kernel[i]});
    }
  }
  return kernel;
}

void requireGroups(Builder &b, Scalar number, Scalar groups, const char *what) {
  b.require(b.compare(mlir::arith::CmpIPredicate::eq, b.rem(number, groups), b.index(0)),
            llvm::Twine("%lld ") + what + " do not divide into %lld groups", {number, groups});
}

Scalar reachOf(Builder &b, Scalar kernel, int64_t dilation) {
  return b.add(b.mul(b.sub(kernel, b.index(1)), b.index(dilation)), b.index(1));
}

WindowAttributes readWindow(NodeContext &c, mlir::Value input, ScalarVector kernel) {
  Builder &b = c.b;
  auto count = static_cast<int64_t>(kernel.size());
  WindowAttributes window;
  for (Scalar extent : kernel) {
    window.kernel.push_back(Builder::constant(extent).value_or(mlir::ShapedType::kDynamic));
    if (int64_t known = window.kernel.back(); !mlir::ShapedType::isDynamic(known) && (known < 1 || known > INT32_MAX))
      fail("the kernel has extent " + std::to_string(known));
  }
  window.extents = std::move(kernel);
  window.strides = windowList(c, "strides", count, 1, 1);
  window.dilations = windowList(c, "dilations", count, 1, 1);
  window.low.assign(count, 0);
  window.high.assign(count, 0);

  std::string automatic = c.string("auto_pad", "NOTSET");
  if (automatic == "NOTSET" || automatic.empty()) {
    IntVector pads = windowList(c, "pads", 2 * count, 0, 0);
    window.low.assign(pads.begin(), pads.begin() + count);
    window.high.assign(pads.begin() + count, pads.end());
    return window;
  }
  if (automatic == "VALID")
    return window;
  if (automatic != "SAME_UPPER" && automatic != "SAME_LOWER")
    fail("attribute 'auto_pad' is '" + automatic + "', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER");

  bool upper = automatic == "SAME_UPPER", dynamic = false;
  ScalarVector low, high;
  for (int64_t i = 0; i < count; ++i) {
    Scalar reach = reachOf(b, window.extents[i], window.dilations[i]);
    int64_t stride = window.strides[i];
    // The result extent is ceil(D / stride); with stride 1 the pads do not depend on D.
    Scalar total = b.sub(reach, b.index(1));
    if (stride != 1) {
      Scalar extent = b.extent(input, 2 + i);
      Scalar lastStart = b.mul(b.sub(b.ceilDiv(extent, b.index(stride)), b.index(1)), b.index(stride));
      total = b.max(b.sub(b.add(lastStart, reach), extent), b.index(0));
    }
    Scalar less = b.floorDiv(total, b.index(2)), more = b.sub(total, less);
    low.push_back(upper ? less : more);
    high.push_back(upper ? more : less);
    dynamic |= !Builder::constant(total);
  }
  if (dynamic) {
    window.dynamicLow = low;
    window.dynamicHigh = high;
    return window;
  }
  for (int64_t i = 0; i < count; ++i) {
    window.low[i] = *Builder::constant(low[i]);
    window.high[i] = *Builder::constant(high[i]);
  }
  return window;
}

IntVector channelsFirstOrder(int64_t rank) {
  IntVector order = {0, rank - 1};
  llvm::append_range(order, llvm::seq<int64_t>(1, rank - 1));
  return order;
}

IntVector channelsLastOrder(int64_t rank) {
  IntVector order = {0};
  llvm::append_range(order, llvm::seq<int64_t>(2, rank));
  order.push_back(1);
  return order;
}

} // namespace tenon::importer
