// Names and sizes of element types and statuses; see Types.h.
#include "runtime/Types.h"

#include "tenon/tenon.h"

#include <stdio.h>

namespace tenon::runtime {

namespace {
struct TypeRow {
  const char *name;
  uint32_t bytes;
};
} // namespace

// Indexed by enum tenon_dtype.
static constexpr TypeRow kTypes[] = {
    {"unknown type", 0}, {"f32", 4},      {"f64", 8},      {"f16", 2},        {"bf16", 2},   {"i8", 1},
    {"i16", 2},          {"i32", 4},      {"i64", 8},      {"u8", 1},         {"u16", 2},    {"u32", 4},
    {"u64", 8},          {"bool", 1},     {"f8e4m3fn", 1}, {"f8e4m3fnuz", 1}, {"f8e5m2", 1}, {"f8e5m2fnuz", 1},
    {"f8e8m0fnu", 1},    {"f6e2m3fn", 1}, {"f6e3m2fn", 1}, {"f4e2m1fn", 1},   {"i4", 1},     {"u4", 1},
    {"i2", 1},           {"u2", 1},       {"c64", 8},      {"c128", 16}};
static_assert(sizeof kTypes / sizeof kTypes[0] == TENON_C128 + 1);

// Indexed by enum tenon_status.
static constexpr const char *kStatuses[] = {"ok",           "invalid argument",      "out of range",  "out of memory",
                                            "incompatible", "input or output error", "internal error"};
static_assert(sizeof kStatuses / sizeof kStatuses[0] == TENON_INTERNAL + 1);

static constexpr TypeRow kStringType = {"string", sizeof(tenon_string)};

static const TypeRow &typeRow(uint32_t dtype) {
  return dtype == TENON_STRING ? kStringType : kTypes[dtype <= TENON_C128 ? dtype : 0];
}

// Appends to text[used..]; returns the new length, at most bytes - 1.
static size_t appendExtent(char *text, size_t bytes, size_t used, bool first, int64_t extent, const char *name) {
  int length = name ? snprintf(text + used, bytes - used, "%s%s", first ? "" : "x", name)
                    : snprintf(text + used, bytes - used, "%s%lld", first ? "" : "x", static_cast<long long>(extent));
  used += static_cast<size_t>(length);
  return used < bytes ? used : bytes - 1;
}

ShapeText::ShapeText(uint32_t rank, const int64_t *dims) {
  text[0] = '\0';
  size_t used = 0;
  for (uint32_t i = 0; i < rank; ++i)
    used = appendExtent(text, sizeof text, used, i == 0, dims[i], nullptr);
}

ShapeText::ShapeText(const tenon_tensor_spec &spec, const char *const *symbols) {
  text[0] = '\0';
  size_t used = 0;
  for (uint32_t i = 0; i < spec.rank; ++i) {
    const char *name = spec.dims[i] >= 0 ? nullptr : spec.symbols[i] >= 0 ? symbols[spec.symbols[i]] : "?";
    used = appendExtent(text, sizeof text, used, i == 0, spec.dims[i], name);
  }
}

} // namespace tenon::runtime

using namespace tenon::runtime;

extern "C" {

const char *tenon_version(void) { return TENON_VERSION; }

const char *tenon_status_name(int32_t status) {
  return status >= 0 && status <= TENON_INTERNAL ? kStatuses[status] : "unknown status";
}

const char *tenon_dtype_name(uint32_t dtype) { return typeRow(dtype).name; }

uint32_t tenon_dtype_bytes(uint32_t dtype) { return typeRow(dtype).bytes; }
}
