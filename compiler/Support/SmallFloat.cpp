//===- SmallFloat.cpp - floats of 4 to 8 bits as integer codes -----------------------------===//
//
// See SmallFloat.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Support/SmallFloat.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;

namespace tenon {

std::optional<SmallFloatFormat> smallFloatFormat(Type type) {
  using Nan = SmallFloatFormat::Nan;
  using Format = std::optional<SmallFloatFormat>;
  return TypeSwitch<Type, Format>(type)
      .Case<Float4E2M1FNType>([](Type) { return Format({4, 1, 1, 0x7, false, Nan::none}); })
      .Case<Float6E2M3FNType>([](Type) { return Format({6, 3, 1, 0x1f, false, Nan::none}); })
      .Case<Float6E3M2FNType>([](Type) { return Format({6, 2, 3, 0x1f, false, Nan::none}); })
      .Case<Float8E4M3FNType>([](Type) { return Format({8, 3, 7, 0x7e, false, Nan::aboveLargest}); })
      .Case<Float8E4M3FNUZType>([](Type) { return Format({8, 3, 8, 0x7f, false, Nan::negativeZero}); })
      .Case<Float8E5M2Type>([](Type) { return Format({8, 2, 15, 0x7b, true, Nan::aboveLargest}); })
      .Case<Float8E5M2FNUZType>([](Type) { return Format({8, 2, 16, 0x7f, false, Nan::negativeZero}); })
      .Case<Float8E8M0FNUType>([](Type) { return Format({8, 0, 127, 0xfe, false, Nan::aboveLargest, true}); })
      .Default([](Type) { return Format(); });
}

uint32_t singleBitsRoundedToOdd(double value) {
  auto single = static_cast<float>(value);
  auto bits = llvm::bit_cast<uint32_t>(single);
  if (static_cast<double>(single) == value || std::isnan(value) || (bits & 1))
    return bits;
  // Numbers of one sign are ordered like their bits.
  return std::fabs(static_cast<double>(single)) > std::fabs(value) ? bits - 1 : bits + 1;
}

// Of 64 bits at most 53 may count: the last of these says whether any below was set.
template <typename T> static T withoutLowBits(T value) {
  T lost = value & 0xfff;
  return lost == 0 ? value : (value - lost) | 0x800;
}

double roundedToOdd(int64_t value) {
  int64_t limit = int64_t(1) << 53;
  return static_cast<double>(value > limit || value < -limit ? withoutLowBits(value) : value);
}

double roundedToOdd(uint64_t value) {
  return static_cast<double>(value > uint64_t(1) << 53 ? withoutLowBits(value) : value);
}

} // namespace tenon
