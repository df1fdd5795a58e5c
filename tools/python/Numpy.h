// numpy as seen from C++ without its C API: arrays come in through the buffer protocol and go out through
// numpy.ndarray.
//
// What it expects: the GIL held, except where a function says otherwise.
// What it guarantees: no numpy header is needed, so that one build of the extension works with any numpy.
#ifndef TENON_TOOLS_PYTHON_NUMPY_H
#define TENON_TOOLS_PYTHON_NUMPY_H

#include "tenon/model_abi.h"

#include <nanobind/nanobind.h>

#include <cstdint>

namespace tenon::python {

/// The objects of numpy that every run needs, looked up once per process.
struct Numpy {
  nanobind::object ndarray; // numpy.ndarray
  nanobind::object generic; // numpy.generic: the scalars
  nanobind::object asarray; // numpy.asarray
  // Dtypes by enum tenon_dtype; each empty until a model needs it.
  nanobind::object dtypes[TENON_C128 + 1];
  static Numpy &get();
};

/// The numpy dtype of an element type. Imports ml_dtypes for those that numpy lacks.
nanobind::object numpyDtype(uint32_t dtype);

/// Whether the dtype is one of ml_dtypes', which the buffer protocol cannot show.
bool isForeign(uint32_t dtype);

/// The element type (enum tenon_dtype) of a buffer's format; 0 for one that models do not have, such as complex numbers
/// or the other byte order.
uint32_t dtypeOfFormat(const char *format, Py_ssize_t itemBytes);

/// Whether the object is an array or a scalar of numpy.
bool isArray(PyObject *object);

/// A new reference to an array with the elements of a foreign array or scalar as unsigned integers, which the buffer
/// protocol can show; null, with no Python error set, when the object is not of that type.
PyObject *asBits(PyObject *object, uint32_t dtype);

/// Adds the type of memory blocks to the process; at import.
void registerMemoryType();

/// Memory for an array, aligned for vector instructions; null when there is none. Needs no GIL. Freed by the array that
/// `arrayOf` makes of it, or by freeBlock.
void *allocateBlock(uint64_t bytes);
void freeBlock(void *block);

/// A new reference to an array over the block, which it owns from now on (also after a failure).
PyObject *arrayOf(void *block, uint64_t bytes, uint32_t rank, const int64_t *dims, PyObject *dtype);

} // namespace tenon::python

#endif // TENON_TOOLS_PYTHON_NUMPY_H
