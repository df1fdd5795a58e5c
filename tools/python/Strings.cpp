// Arrays of strings; see Strings.h.
#include "tools/python/Strings.h"

#include "tools/python/Numpy.h"

#include <cstring>

namespace nb = nanobind;

namespace tenon::python {

bool takeStrings(PyObject *array, Strings &strings, nb::object &wrong) {
  nb::object flat = nb::handle(array).attr("ravel")();
  auto kind = nb::cast<nb::str>(flat.attr("dtype").attr("kind"));
  // Objects, str, bytes and numpy's StringDType.
  if (!strchr("OUST", *kind.c_str()))
    return false;
  nb::list items = nb::cast<nb::list>(flat.attr("tolist")());
  strings.owners = items;
  strings.texts.clear();
  strings.texts.reserve(items.size());
  for (nb::handle item : items) {
    Py_ssize_t bytes = 0;
    char *data = nullptr;
    if (PyUnicode_Check(item.ptr())) {
      data = const_cast<char *>(PyUnicode_AsUTF8AndSize(item.ptr(), &bytes));
      PyErr_Clear(); // lone surrogates
    } else if (PyBytes_Check(item.ptr())) {
      PyBytes_AsStringAndSize(item.ptr(), &data, &bytes);
    }
    if (!data) {
      wrong = nb::borrow(item);
      return false;
    }
    strings.texts.push_back({data, static_cast<uint64_t>(bytes)});
  }
  return true;
}

nb::object stringArray(const tenon_tensor &tensor) {
  nb::list shape;
  size_t count = 1;
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    shape.append(tensor.dims[i]);
    count *= static_cast<size_t>(tensor.dims[i]);
  }
  nb::list items;
  auto *texts = static_cast<const tenon_string *>(tensor.data);
  for (size_t i = 0; i < count; ++i)
    items.append(nb::str(texts[i].data, texts[i].bytes));
  return Numpy::get().asarray(items, numpyDtype(TENON_STRING)).attr("reshape")(nb::tuple(shape));
}

} // namespace tenon::python
