//===- Oracle.h - where expected results come from -----------------------------------------===//

#ifndef TENON_TOOLS_TENON_ORACLE_H
#define TENON_TOOLS_TENON_ORACLE_H

#include "compiler/Driver/Driver.h"
#include "tools/tenon/Model.h"

namespace tenon::cli {

/// An input of a model.
struct Feed {
  std::string name;
  /// What it is; none for a tensor.
  std::optional<tenon_value_kind> kind;
  bool isAbsent = false;
  /// As a compiled model takes it: one tensor, or those of its value.
  std::vector<NamedTensor> parts;
  /// As everyone else does: one tensor, the elements of a sequence, keys and values of a map.
  std::vector<Tensor> elements;
};

/// Computes what a model should give.
class Oracle {
public:
  virtual ~Oracle() = default;
  /// Outputs of the serialized model, whose external data is in `folder`. Inputs are by name. Throws InputError.
  virtual std::vector<OutputValue> run(const std::string &modelBytes, const std::string &folder,
                                       const std::vector<Feed> &inputs) = 0;
  /// Whether it can run models other than the one the user gave.
  virtual bool runsAnyModel() const { return true; }
};

/// Compiles with `options` and runs. Also used for what is to be verified.
std::unique_ptr<Oracle> compiledOracle(driver::Options options, unsigned threads);

/// Runs ONNX Runtime in a Python process: $TENON_PYTHON or python3.
std::unique_ptr<Oracle> onnxRuntimeOracle();

/// Outputs that were computed before, in a .npz file: each tensor of it is one, whatever it is part of.
std::unique_ptr<Oracle> fileOracle(const std::string &path);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_ORACLE_H
