// numpy as seen from C++ without its C API; see Numpy.h.
#include "tools/python/Numpy.h"

#include "tenon/tenon.h"

#include <cstdlib>
#include <string_view>

namespace nb = nanobind;

namespace tenon::python {

Numpy &Numpy::get() {
  // Never destroyed: at process exit there is no interpreter to give references back to.
  static Numpy *numpy = [] {
    nb::module_ module = nb::module_::import_("numpy");
    return new Numpy{module.attr("ndarray"), module.attr("generic"), module.attr("asarray"), {}};
  }();
  return *numpy;
}

bool isForeign(uint32_t dtype) { return dtype == TENON_BF16 || (dtype > TENON_BOOL && dtype <= TENON_U2); }

nb::object numpyDtype(uint32_t dtype) {
  if (dtype == TENON_STRING)
    return nb::module_::import_("numpy").attr("dtype")("object");
  // Indexed by enum tenon_dtype.
  static const char *const names[] = {
      nullptr,          "float32",       "float64",       "float16",         "bfloat16",    "int8",
      "int16",          "int32",         "int64",         "uint8",           "uint16",      "uint32",
      "uint64",         "bool",          "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
      "float8_e8m0fnu", "float6_e2m3fn", "float6_e3m2fn", "float4_e2m1fn",   "int4",        "uint4",
      "int2",           "uint2",         "complex64",     "complex128"};
  static_assert(sizeof names / sizeof names[0] == TENON_C128 + 1);
  nb::object &known = Numpy::get().dtypes[dtype];
  if (!known.is_valid()) {
    nb::object make = nb::module_::import_("numpy").attr("dtype");
    known = isForeign(dtype) ? make(nb::module_::import_("ml_dtypes").attr(names[dtype])) : make(names[dtype]);
  }
  return known;
}

uint32_t dtypeOfFormat(const char *format, Py_ssize_t itemBytes) {
  if (!format)
    return 0;
  // Both processors that Tenon runs on are little-endian; one byte has no order.
  if (*format == '@' || *format == '=' || *format == '<' || ((*format == '>' || *format == '!') && itemBytes == 1))
    ++format;
  if (format[0] == 'Z')
    return std::string_view(format) == "Zf" ? TENON_C64 : std::string_view(format) == "Zd" ? TENON_C128 : 0;
  if (format[0] == '\0' || format[1] != '\0')
    return 0;
  auto integer = [&](uint32_t one, uint32_t two, uint32_t four, uint32_t eight) -> uint32_t {
    return itemBytes == 1 ? one : itemBytes == 2 ? two : itemBytes == 4 ? four : itemBytes == 8 ? eight : 0;
  };
  switch (*format) {
  case '?':
    return TENON_BOOL;
  case 'e':
    return TENON_F16;
  case 'f':
    return TENON_F32;
  case 'd':
    return TENON_F64;
  case 'b':
  case 'h':
  case 'i':
  case 'l':
  case 'q':
    return integer(TENON_I8, TENON_I16, TENON_I32, TENON_I64);
  case 'B':
  case 'H':
  case 'I':
  case 'L':
  case 'Q':
    return integer(TENON_U8, TENON_U16, TENON_U32, TENON_U64);
  default:
    return 0;
  }
}

bool isArray(PyObject *object) {
  const Numpy &numpy = Numpy::get();
  return PyObject_TypeCheck(object, reinterpret_cast<PyTypeObject *>(numpy.ndarray.ptr())) ||
         PyObject_TypeCheck(object, reinterpret_cast<PyTypeObject *>(numpy.generic.ptr()));
}

PyObject *asBits(PyObject *object, uint32_t dtype) {
  nb::object array = Numpy::get().asarray(nb::handle(object));
  if (!array.attr("dtype").equal(numpyDtype(dtype)))
    return nullptr;
  return array.attr("view")(dtype == TENON_BF16 ? "uint16" : "uint8").release().ptr();
}

namespace {

/// A Python object that owns a block and shows it as a writable buffer; the `base` of output arrays.
struct Memory {
  PyObject_HEAD void *block;
  Py_ssize_t bytes;
};

int getBuffer(PyObject *self, Py_buffer *view, int flags) {
  auto *memory = reinterpret_cast<Memory *>(self);
  return PyBuffer_FillInfo(view, self, memory->block, memory->bytes, /*readonly=*/0, flags);
}

void deallocate(PyObject *self) {
  PyTypeObject *type = Py_TYPE(self);
  freeBlock(reinterpret_cast<Memory *>(self)->block);
  type->tp_free(self);
  Py_DECREF(type);
}

PyTypeObject *memoryType = nullptr;

} // namespace

void registerMemoryType() {
  static PyType_Slot slots[] = {{Py_bf_getbuffer, reinterpret_cast<void *>(getBuffer)},
                                {Py_tp_dealloc, reinterpret_cast<void *>(deallocate)},
                                {0, nullptr}};
  static PyType_Spec spec = {"tenon._tenon.Memory", sizeof(Memory), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  memoryType = reinterpret_cast<PyTypeObject *>(PyType_FromSpec(&spec));
  if (!memoryType)
    nb::raise_python_error();
}

void *allocateBlock(uint64_t bytes) {
  void *block = nullptr;
  return posix_memalign(&block, TENON_ALIGNMENT, bytes ? bytes : 1) == 0 ? block : nullptr;
}

void freeBlock(void *block) { free(block); }

PyObject *arrayOf(void *block, uint64_t bytes, uint32_t rank, const int64_t *dims, PyObject *dtype) {
  auto *memory = PyObject_New(Memory, memoryType);
  if (!memory) {
    freeBlock(block);
    return nullptr;
  }
  memory->block = block;
  memory->bytes = static_cast<Py_ssize_t>(bytes);
  nb::object owner = nb::steal(reinterpret_cast<PyObject *>(memory));
  nb::object shape = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(rank)));
  if (!shape.is_valid())
    return nullptr;
  for (uint32_t i = 0; i < rank; ++i) {
    PyObject *extent = PyLong_FromLongLong(dims[i]);
    if (!extent)
      return nullptr;
    PyTuple_SET_ITEM(shape.ptr(), static_cast<Py_ssize_t>(i), extent);
  }
  PyObject *arguments[] = {shape.ptr(), dtype, owner.ptr()};
  return PyObject_Vectorcall(Numpy::get().ndarray.ptr(), arguments, 3, nullptr);
}

} // namespace tenon::python
