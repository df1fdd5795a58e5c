// A loaded model for Python: the object that tenon.load returns.
//
// What it expects: the GIL held by the caller of every function.
// What it guarantees: runs from several Python threads at once are correct, each has a session of its own; the GIL is
// released while a model computes; results are new arrays that nothing here keeps.
#ifndef TENON_TOOLS_PYTHON_MODEL_H
#define TENON_TOOLS_PYTHON_MODEL_H

#include "tenon/tenon.h"
#include "tools/python/Strings.h"

#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <vector>

namespace tenon::python {

/// A session with the arrays that a run fills.
struct Runner {
  ~Runner() { tenon_session_destroy(session); }

  tenon_session *session = nullptr;
  std::vector<tenon_tensor> inputs, outputs;
  std::vector<Py_buffer> views; // of the inputs bound so far
  std::vector<Strings> strings; // of the inputs bound so far, where they have that type
  std::vector<void *> blocks;   // memory of the outputs allocated so far
};

class Model {
public:
  /// Raises tenon.LoadError.
  Model(const std::string &path, uint32_t threads);
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;
  ~Model();

  /// Raises tenon.RunError.
  nanobind::dict run(nanobind::dict inputs);

  /// Tuples of tenon.TensorSpec.
  nanobind::object inputs;
  nanobind::object outputs;
  std::string path;
  uint32_t threads;

  /// What `tenon inspect` shows, as JSON text.
  const char *manifest() const { return tenon_descriptor(module)->manifest; }

private:
  struct Port {
    nanobind::object name;  // str
    nanobind::object dtype; // numpy.dtype
    const tenon_tensor_spec *spec;
  };

  nanobind::object describe(const std::vector<Port> &ports) const;
  std::unique_ptr<Runner> takeRunner();
  void bindInputs(Runner &runner, PyObject *arrays) const;
  void bindInput(Runner &runner, size_t index, PyObject *array) const;
  void bindStrings(Runner &runner, size_t index, PyObject *array) const;
  nanobind::dict collectOutputs(Runner &runner) const;

  tenon_module *module = nullptr;
  std::vector<Port> inputPorts, outputPorts;
  std::vector<std::unique_ptr<Runner>> idle; // sessions that no thread uses; guarded by the GIL
};

} // namespace tenon::python

#endif // TENON_TOOLS_PYTHON_MODEL_H
