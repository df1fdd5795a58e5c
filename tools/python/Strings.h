// Arrays of strings for a run, and arrays of what comes out of one.
//
// What it expects: the GIL held.
// What it guarantees: texts are borrowed from Python's own strings, which the Strings object keeps.
#ifndef TENON_TOOLS_PYTHON_STRINGS_H
#define TENON_TOOLS_PYTHON_STRINGS_H

#include "tenon/tenon.h"

#include <nanobind/nanobind.h>

#include <vector>

namespace tenon::python {

/// The elements of an input while the model runs.
struct Strings {
  nanobind::object owners; // a list of str and bytes
  std::vector<tenon_string> texts;
};

/// Takes the elements of a numpy array of objects (str or bytes), of str or of bytes, in row-major order; false, with
/// no Python error set, if it is an array of something else. `wrong` is then the first such element, if it is one
/// element.
bool takeStrings(PyObject *array, Strings &strings, nanobind::object &wrong);

/// A new array of str objects.
nanobind::object stringArray(const tenon_tensor &tensor);

} // namespace tenon::python

#endif // TENON_TOOLS_PYTHON_STRINGS_H
