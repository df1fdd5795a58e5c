//===- Compare.h - whether two tensors agree -----------------------------------------------===//

#ifndef TENON_TOOLS_TENON_COMPARE_H
#define TENON_TOOLS_TENON_COMPARE_H

#include "tools/tenon/Tensor.h"

namespace tenon::cli {

/// What may differ. Floating point: |actual - expected| <= absolute + relative * (largest magnitude expected).
struct Tolerance {
  double relative = -1; ///< negative: by type, 1e-4 for f32 and f64, 1e-2 for f16, 4e-2 for bf16
  double absolute = 1e-6;
};

struct Comparison {
  bool passed = false;
  std::string reason;          ///< why not
  double maxError = 0;         ///< largest |actual - expected|
  double maxRelativeError = 0; ///< that, over the largest magnitude expected
};

/// Types and dimensions must be equal; integers and booleans exactly, floating point within the tolerance. NaN never
/// passes; an infinity passes where the same is expected.
Comparison compare(const Tensor &actual, const Tensor &expected, const Tolerance &tolerance);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_COMPARE_H
