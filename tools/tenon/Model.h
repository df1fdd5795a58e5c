//===- Model.h - a compiled model that is open, and what it is fed -------------------------===//

#ifndef TENON_TOOLS_TENON_MODEL_H
#define TENON_TOOLS_TENON_MODEL_H

#include "tools/tenon/Tensor.h"
#include <memory>
#include <optional>

namespace tenon::cli {

/// An output, or what became of it: a tensor of its name; the elements "s[0]", "s[1]" of a sequence; the tensor of an
/// optional value, or none; "m[keys]" and "m[values]" of a map or a sequence of maps.
struct OutputValue {
  std::string name;
  std::vector<NamedTensor> tensors;
  /// Of what is no tensor: its elements or entries; -1 if it is absent.
  std::optional<int64_t> count;
};

/// An open module with one session.
class Model {
public:
  /// Throws InputError if it cannot be opened.
  Model(const std::string &path, unsigned threads);

  const tenon_model &descriptor() const { return *tenon_descriptor(module.get()); }
  tenon_session *session() { return sessionHandle.get(); }
  const tenon_tensor_spec &input(uint32_t index) const { return *tenon_input(module.get(), index); }
  const tenon_tensor_spec &output(uint32_t index) const { return *tenon_output(module.get(), index); }
  uint32_t numInputs() const { return tenon_num_inputs(module.get()); }
  uint32_t numOutputs() const { return tenon_num_outputs(module.get()); }
  const char *symbol(int32_t index) const { return tenon_symbol_name(module.get(), index); }

  /// Input or output values that are more than one tensor start at that tensor; null elsewhere.
  const tenon_value_spec *valueAt(uint32_t tensor, bool isOutput) const;
  /// The tensors of an input that is a sequence or an optional value; `elements` null: it is absent. Throws InputError.
  std::vector<Tensor> pack(const tenon_value_spec &value, const std::vector<Tensor> *elements);

  /// Runs once with inputs in the model's order; the outputs are copies. Throws InputError.
  std::vector<OutputValue> run(const std::vector<tenon_tensor> &inputs);
  /// Runs once without copying; the result stays with the session.
  void runInPlace(const std::vector<tenon_tensor> &inputs, std::vector<tenon_tensor> &outputs);

private:
  struct Close {
    void operator()(tenon_module *module) const { tenon_close(module); }
    void operator()(tenon_session *session) const { tenon_session_destroy(session); }
  };
  std::unique_ptr<tenon_module, Close> module;
  std::unique_ptr<tenon_session, Close> sessionHandle;
};

/// What the user said about inputs.
struct InputFlags {
  std::vector<std::string> inputs; ///< NAME=FILE, NAME=random, NAME=random:SEED, FILE.npz, or FILE for a model with one
                                   ///< input; NAME=FILES for the elements of a sequence, NAME=none for an absent value
  std::vector<std::string> shapes; ///< NAME=DIMS, for inputs that are random
  std::vector<std::string> dims;   ///< SYMBOL=EXTENT, likewise
};

/// One tensor per input, in the model's order. An input that no flag names is an error if `complete`; otherwise it is
/// random, and a dimension that nothing says is 1. Throws InputError and UsageError.
std::vector<Tensor> makeInputs(Model &model, const InputFlags &flags, bool complete);

/// "f32[1,3,height,224]"
std::string specText(const tenon_tensor_spec &spec, const char *const *symbols);

} // namespace tenon::cli

#endif // TENON_TOOLS_TENON_MODEL_H
