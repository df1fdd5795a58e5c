// A loaded model for Python; see Model.h. run() is the hot path: names and dtypes are made once, nothing is looked up
// by attribute, and everything else is one call of tenon_run.
#include "tools/python/Model.h"

#include "tools/python/Numpy.h"

#include <cstring>
#include <utility>

namespace nb = nanobind;

namespace tenon::python {

// `text` may hold any bytes: names come from models.
static nb::object decode(const char *text) {
  PyObject *object = PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(strlen(text)), "replace");
  if (!object)
    nb::raise_python_error();
  return nb::steal(object);
}

[[noreturn]] static void raise(const char *type, nb::handle text) {
  nb::object exception = nb::module_::import_("tenon._errors").attr(type);
  PyErr_SetObject(exception.ptr(), text.ptr());
  nb::raise_python_error();
}

/// Raises tenon.RunError; `format` as for PyUnicode_FromFormat.
template <typename... Arguments> [[noreturn]] static void raiseRunError(const char *format, Arguments... arguments) {
  PyObject *text = PyUnicode_FromFormat(format, arguments...);
  if (!text)
    nb::raise_python_error();
  raise("RunError", nb::steal(text));
}

Model::Model(const std::string &path, uint32_t threads) : path(path), threads(threads) {
  char error[1024];
  int32_t status;
  {
    nb::gil_scoped_release release; // large weights are read
    status = tenon_open(path.c_str(), nullptr, &module, error, sizeof error);
  }
  if (status != TENON_OK)
    raise("LoadError", decode(error));
  auto port = [](const tenon_tensor_spec *spec) {
    nb::object name = decode(spec->name);
    return Port{name, numpyDtype(spec->dtype), spec};
  };
  try {
    for (uint32_t i = 0; i < tenon_num_inputs(module); ++i)
      inputPorts.push_back(port(tenon_input(module, i)));
    for (uint32_t i = 0; i < tenon_num_outputs(module); ++i)
      outputPorts.push_back(port(tenon_output(module, i)));
    inputs = describe(inputPorts);
    outputs = describe(outputPorts);
    // Now, so that what is wrong shows at load.
    idle.push_back(takeRunner());
  } catch (...) {
    tenon_close(module);
    throw;
  }
}

Model::~Model() {
  idle.clear();
  tenon_close(module);
}

nb::object Model::describe(const std::vector<Port> &ports) const {
  nb::object specType = nb::module_::import_("tenon._types").attr("TensorSpec");
  nb::list specs;
  for (const Port &port : ports) {
    nb::list shape;
    for (uint32_t i = 0; i < port.spec->rank; ++i) {
      if (port.spec->dims[i] >= 0)
        shape.append(port.spec->dims[i]);
      else if (const char *symbol = tenon_symbol_name(module, port.spec->symbols[i]))
        shape.append(decode(symbol));
      else
        shape.append(nb::none());
    }
    specs.append(specType(port.name, port.dtype, nb::tuple(shape)));
  }
  return nb::tuple(specs);
}

// Called by the model while it runs, without the GIL.
static void *allocateOutput(void *user, uint32_t index, const tenon_tensor *, uint64_t sizeBytes) {
  return static_cast<Runner *>(user)->blocks[index] = allocateBlock(sizeBytes);
}

std::unique_ptr<Runner> Model::takeRunner() {
  if (!idle.empty()) {
    std::unique_ptr<Runner> runner = std::move(idle.back());
    idle.pop_back();
    return runner;
  }
  auto runner = std::make_unique<Runner>();
  char error[256];
  if (tenon_session_create(module, threads, &runner->session, error, sizeof error) != TENON_OK)
    raise("LoadError", decode(error));
  tenon_set_output_allocator(runner->session, allocateOutput, runner.get());
  runner->inputs.resize(inputPorts.size());
  runner->outputs.resize(outputPorts.size());
  runner->views.reserve(inputPorts.size());
  runner->strings.resize(inputPorts.size());
  runner->blocks.resize(outputPorts.size());
  return runner;
}

static nb::object textOf(nb::handle object) {
  PyObject *text = PyObject_Str(object.ptr());
  if (!text)
    nb::raise_python_error();
  return nb::steal(text);
}

// What the user passed, for an error text: the dtype of arrays, the type of anything else.
static nb::object describeType(PyObject *object) {
  if (isArray(object))
    return textOf(nb::object(nb::handle(object).attr("dtype")));
  return nb::handle(reinterpret_cast<PyObject *>(Py_TYPE(object))).attr("__name__");
}

void Model::bindInput(Runner &runner, size_t index, PyObject *array) const {
  const Port &port = inputPorts[index];
  if (!isArray(array))
    raiseRunError("input '%U' is a %U but a numpy array is expected", port.name.ptr(), describeType(array).ptr());
  if (port.spec->dtype == TENON_STRING)
    return bindStrings(runner, index, array);
  nb::object bits; // keeps the view of an array of ml_dtypes
  PyObject *source = array;
  if (isForeign(port.spec->dtype)) {
    bits = nb::steal(asBits(array, port.spec->dtype));
    source = bits.ptr();
  }
  Py_buffer view;
  uint32_t dtype = 0;
  if (source) {
    if (PyObject_GetBuffer(source, &view, PyBUF_STRIDES | PyBUF_FORMAT) == 0) {
      runner.views.push_back(view);
      dtype = bits.is_valid() ? port.spec->dtype : dtypeOfFormat(view.format, view.itemsize);
    } else {
      PyErr_Clear(); // no buffer of that dtype: reported as a wrong type
    }
  }
  if (dtype != port.spec->dtype)
    raiseRunError("input '%U' has type %U but %U is expected", port.name.ptr(), describeType(array).ptr(),
                  textOf(port.dtype).ptr());
  if (static_cast<uint32_t>(view.ndim) != port.spec->rank)
    raiseRunError("input '%U' has rank %d but %u is expected", port.name.ptr(), view.ndim, port.spec->rank);
  tenon_tensor &tensor = runner.inputs[index];
  tensor.size_bytes = sizeof tensor;
  tensor.abi_version = TENON_ABI_VERSION;
  tensor.dtype = dtype;
  tensor.device = TENON_CPU;
  tensor.rank = port.spec->rank;
  tensor.data = view.buf;
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    tensor.dims[i] = view.shape[i];
    tensor.byte_strides[i] = view.strides[i];
  }
}

void Model::bindStrings(Runner &runner, size_t index, PyObject *array) const {
  const Port &port = inputPorts[index];
  Strings &strings = runner.strings[index];
  nb::object wrong;
  if (!takeStrings(array, strings, wrong)) {
    if (!wrong.is_valid())
      raiseRunError("input '%U' has type %U but strings are expected", port.name.ptr(), describeType(array).ptr());
    raiseRunError("input '%U' has the element %R, which is no text", port.name.ptr(), wrong.ptr());
  }
  nb::tuple shape = nb::cast<nb::tuple>(nb::handle(array).attr("shape"));
  if (shape.size() != port.spec->rank)
    raiseRunError("input '%U' has rank %d but %u is expected", port.name.ptr(), static_cast<int>(shape.size()),
                  port.spec->rank);
  int64_t dims[TENON_MAX_RANK];
  for (size_t i = 0; i < shape.size(); ++i)
    dims[i] = nb::cast<int64_t>(shape[i]);
  // An empty vector has no address; no element is read then.
  static const tenon_string none = {nullptr, 0};
  runner.inputs[index] =
      tenon_dense_tensor(TENON_STRING, port.spec->rank, dims, strings.texts.empty() ? &none : strings.texts.data());
}

void Model::bindInputs(Runner &runner, PyObject *arrays) const {
  for (size_t i = 0; i < inputPorts.size(); ++i) {
    PyObject *array = PyDict_GetItemWithError(arrays, inputPorts[i].name.ptr());
    if (!array) {
      if (PyErr_Occurred())
        nb::raise_python_error();
      raiseRunError("input '%U' is missing", inputPorts[i].name.ptr());
    }
    bindInput(runner, i, array);
  }
  if (static_cast<size_t>(PyDict_GET_SIZE(arrays)) == inputPorts.size())
    return;
  PyObject *key, *value;
  for (Py_ssize_t position = 0; PyDict_Next(arrays, &position, &key, &value);) {
    bool known = false;
    for (const Port &port : inputPorts)
      known |= nb::handle(key).equal(port.name);
    if (!known)
      raiseRunError("the model has no input %R", key);
  }
}

// Takes the blocks: each is owned by its array from here on.
nb::dict Model::collectOutputs(Runner &runner) const {
  nb::dict results;
  for (size_t i = 0; i < outputPorts.size(); ++i) {
    const tenon_tensor &tensor = runner.outputs[i];
    if (tensor.dtype == TENON_STRING) {
      results[outputPorts[i].name] = stringArray(tensor);
      continue;
    }
    void *block = std::exchange(runner.blocks[i], nullptr);
    PyObject *array = arrayOf(block, tensor.capacity_bytes, tensor.rank, tensor.dims, outputPorts[i].dtype.ptr());
    if (!array)
      nb::raise_python_error();
    nb::object owned = nb::steal(array);
    if (PyDict_SetItem(results.ptr(), outputPorts[i].name.ptr(), array) != 0)
      nb::raise_python_error();
  }
  return results;
}

nb::dict Model::run(nb::dict arrays) {
  std::unique_ptr<Runner> runner = takeRunner();
  // Leaves the runner as it found it, however the run ends.
  struct Cleanup {
    Model &model;
    std::unique_ptr<Runner> &runner;
    ~Cleanup() {
      for (Py_buffer &view : runner->views)
        PyBuffer_Release(&view);
      runner->views.clear();
      for (Strings &strings : runner->strings)
        strings = {};
      for (void *&block : runner->blocks)
        freeBlock(std::exchange(block, nullptr));
      model.idle.push_back(std::move(runner));
    }
  } cleanup{*this, runner};
  bindInputs(*runner, arrays.ptr());
  for (tenon_tensor &output : runner->outputs) {
    output.data = nullptr;
    output.flags = 0;
  }
  int32_t status;
  {
    nb::gil_scoped_release release;
    status = tenon_run(runner->session, runner->inputs.data(), static_cast<uint32_t>(runner->inputs.size()),
                       runner->outputs.data(), static_cast<uint32_t>(runner->outputs.size()));
  }
  if (status != TENON_OK)
    raise("RunError", decode(tenon_session_error(runner->session)));
  return collectOutputs(*runner);
}

} // namespace tenon::python
