// The extension module tenon._tenon: loading and running compiled models. Its Python side is in tenon/.
#include "tools/python/Model.h"
#include "tools/python/Numpy.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

namespace nb = nanobind;
using namespace tenon::python;

NB_MODULE(_tenon, module) {
  // Models that are alive when the interpreter ends are no leak.
  nb::set_leak_warnings(false);
  registerMemoryType();
  Numpy::get();

  module.doc() = "Compiled models: loading and running. Use the package tenon.";
  module.def("version", &tenon_version, "The version of the runtime.");

  nb::class_<Model>(module, "Model",
                    "A compiled model, ready to run. Made by tenon.load.\n\n"
                    "run() may be called from several threads at once; each call has memory of its own.")
      .def(
          "__init__", [](Model *self, nb::bytes path, uint32_t threads) { new (self) Model(path.c_str(), threads); },
          nb::arg("path"), nb::arg("threads"))
      .def("run", &Model::run, nb::arg("inputs"),
           "Runs the model on a dict of input name to numpy array and returns a dict of output name to numpy array.\n\n"
           "Inputs may have any strides and are never written. The returned arrays belong to the caller. Raises\n"
           "tenon.RunError when a name, type, rank or extent is wrong or the model reports a failure. The GIL is\n"
           "released while the model computes.")
      .def_ro("inputs", &Model::inputs, "A tuple of TensorSpec, in the model's order.")
      .def_ro("outputs", &Model::outputs, "A tuple of TensorSpec, in the model's order.")
      .def_prop_ro(
          "path", [](const Model &model) { return nb::steal(PyUnicode_DecodeFSDefault(model.path.c_str())); },
          "The file that was loaded.")
      .def_ro("threads", &Model::threads, "The threads given to tenon.load.")
      .def_prop_ro("manifest", &Model::manifest, "What the compiler recorded about the model, as JSON text.")
      .def("__repr__", [](const Model &model) {
        return nb::str("<tenon.Model {!r} inputs={} outputs={}>")
            .attr("format")(nb::steal(PyUnicode_DecodeFSDefault(model.path.c_str())), nb::len(model.inputs),
                            nb::len(model.outputs));
      });
}
