// Inputs and outputs that are more than one tensor.
//
// What it expects: tensors whose types, ranks and dimensions have been checked, bound as dense buffers.
// What it guarantees: a table of extents describes exactly the data beside it, keys ascend.
#ifndef TENON_RUNTIME_VALUES_H
#define TENON_RUNTIME_VALUES_H

#include "runtime/Memory.h"
#include "tenon/tenon.h"

namespace tenon::runtime {

/// What a session keeps per value, for tenon_pack.
struct ValueState {
  Buffer data, table;
  uint8_t isPresent = 0;
};

/// Checks the inputs that are more than one tensor.
int32_t checkValues(tenon_session &session);

} // namespace tenon::runtime

#endif // TENON_RUNTIME_VALUES_H
