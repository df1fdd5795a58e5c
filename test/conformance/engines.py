"""What runs a variant of a test and compares: compiled models, and ONNX Runtime beside them for its count."""

import ctypes
import os
import re
import tempfile
from collections.abc import Callable
from typing import Any

import numpy
import onnx
import onnx.numpy_helper

# The suite has operators of the newest operator set, which ONNX Runtime refuses before it was released unless told otherwise.
os.environ.setdefault("ALLOW_RELEASED_ONNX_OPSET_ONLY", "0")
import onnxruntime  # noqa: E402

import tenon  # noqa: E402
import tenon.backend  # noqa: E402
import workers  # noqa: E402
from cases import Case  # noqa: E402
from forms import Variant  # noqa: E402

FATAL_ERRORS_ONLY = 4
# Element types that ONNX Runtime's Python package does not give as arrays.
NOT_OF_NUMPY = r"bfloat16|float8|float4|int4|int2\b"

Stage = Callable[[str], None]


def run_tenon(case: Case, variants: list[Variant], options: dict, enter_stage: Stage) -> None:
    """Compiles, loads, runs and compares; raises workers.Failure."""
    for variant in variants:
        with tempfile.TemporaryDirectory(prefix="tenon-conformance-") as folder:
            library = os.path.join(folder, "model.so")
            enter_stage("compile")
            try:
                tenon.compile(variant.model, library, **options)
            except tenon.CompileError as error:
                raise workers.Failure(compile_failure_kind(error), str(error)) from None
            enter_stage("load")
            model = tenon.backend.TenonBackendRep(tenon.load(library, threads=1))
        for data in variant.data_sets:
            enter_stage("run")
            outputs = list(model.run(data.inputs))
            _compare(case, outputs, data.outputs, enter_stage)


def run_onnxruntime(case: Case, variants: list[Variant], enter_stage: Stage) -> None:
    """The same with ONNX Runtime on one thread, as its Python package does it by default."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ERRORS_ONLY
    for variant in variants:
        enter_stage("compile")
        source = variant.model if isinstance(variant.model, str) else variant.model.SerializeToString()
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        for data in variant.data_sets:
            enter_stage("run")
            outputs = _run_session(session, data.inputs)
            _compare(case, outputs, data.outputs, enter_stage)


def _run_session(session: onnxruntime.InferenceSession, inputs: list[Any]) -> list[Any]:
    feeds = {value.name: numpy.asarray(array) if isinstance(array, numpy.generic) else array
             for value, array in zip(session.get_inputs(), inputs)}
    if not any(re.search(NOT_OF_NUMPY, value.type) for value in [*session.get_inputs(), *session.get_outputs()]):
        return session.run(None, feeds)
    return [_array_of(value) for value in session.run_with_ort_values(None, {name: _value_of(array) for name, array in feeds.items()})]


def _value_of(array: numpy.ndarray) -> onnxruntime.OrtValue:
    """Also of types that are none of numpy's own: the bytes that the standard stores, in an array of the same extents."""
    tensor = onnx.numpy_helper.from_array(array)
    if not re.search(NOT_OF_NUMPY, onnx.TensorProto.DataType.Name(tensor.data_type).lower()):
        return onnxruntime.OrtValue.ortvalue_from_numpy(array)
    stored = numpy.zeros(array.shape, numpy.uint16 if array.dtype.itemsize == 2 else numpy.uint8)
    stored.reshape(-1).view(numpy.uint8)[:len(tensor.raw_data)] = numpy.frombuffer(tensor.raw_data, numpy.uint8)
    return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(stored, tensor.data_type)


def _array_of(value: onnxruntime.OrtValue) -> numpy.ndarray:
    if not re.search(NOT_OF_NUMPY, value.data_type()):
        return value.numpy()
    stored = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    return onnx.numpy_helper.to_array(onnx.TensorProto(data_type=value.element_type(), dims=value.shape(), raw_data=stored))


def _compare(case: Case, outputs: list[Any], expected: list[Any], enter_stage: Stage) -> None:
    enter_stage("compare")
    try:
        case.check(outputs, expected)
    except AssertionError as error:
        raise workers.Failure("mismatch", _first_lines(str(error), 12)) from None


def compile_failure_kind(error: tenon.CompileError) -> str:
    """A model that was refused, a pass that failed, or a compiler that died: only the first may be expected."""
    if not error.diagnostics:
        return "crash"
    return "internal" if re.search(r"the pass '.*' failed|a pass crashed", str(error)) else "diagnostic"


def _first_lines(text: str, count: int) -> str:
    return "\n".join([line for line in text.strip().splitlines() if line.strip()][:count])
