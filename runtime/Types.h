// Names and sizes of element types and statuses: the rows behind tenon_dtype_name, tenon_dtype_bytes,
// tenon_status_name, and shapes as text.
#ifndef TENON_RUNTIME_TYPES_H
#define TENON_RUNTIME_TYPES_H

#include "tenon/model_abi.h"

namespace tenon::runtime {

/// "1x3x224", "" for rank 0. Long shapes are cut.
struct ShapeText {
  ShapeText(uint32_t rank, const int64_t *dims);
  /// -1 becomes the symbol's name, or "?" where there is none.
  ShapeText(const tenon_tensor_spec &spec, const char *const *symbols);
  char text[192];
};

} // namespace tenon::runtime

#endif // TENON_RUNTIME_TYPES_H
