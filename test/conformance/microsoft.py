"""ONNX Runtime's own operators: which of its processor kernels there are, and which Tenon is compared with in test/numerics."""

import collections
import contextlib
import io
import pathlib
import sys

import onnx
import onnxruntime.capi.onnxruntime_pybind11_state as runtime
import pytest

DOMAIN = "com.microsoft"
NUMERICS = pathlib.Path(__file__).resolve().parents[1] / "numerics"
# Type variable of the schema, or the type itself where an input has only one -> types.
Types = dict[str, set[str]]


def kernel_types(domain: str) -> dict[str, Types]:
    """Types by type variable that ONNX Runtime has kernels for on processors, by operator; those that make tensors, not strings."""
    result: dict[str, Types] = collections.defaultdict(lambda: collections.defaultdict(set))
    for kernel in runtime.get_all_opkernel_def():
        if kernel.domain == domain and kernel.provider == "CPUExecutionProvider":
            types = result[kernel.op_name]
            for variable, allowed in kernel.type_constraints.items():
                types[variable].update(allowed)
    return result


def compared() -> tuple[dict[str, Types], collections.Counter]:
    """Types by type variable, and numbers of cases, that the numeric tests compare with ONNX Runtime, by operator."""
    schemas = {schema.name: schema for schema in runtime.get_all_operator_schema() if schema.domain == DOMAIN}
    types: dict[str, Types] = collections.defaultdict(lambda: collections.defaultdict(set))
    counts = collections.Counter()
    for case in _cases():
        if case.node.domain != DOMAIN:
            continue
        counts[case.node.op_type] += 1
        schema, arrays = schemas[case.node.op_type], case.inputs | case.constants
        for place, name in enumerate(case.node.input):
            if name:
                formal = schema.inputs[min(place, len(schema.inputs) - 1)]
                data_type = onnx.helper.np_dtype_to_tensor_dtype(arrays[name].dtype)
                types[case.node.op_type][formal.typeStr].add(f"tensor({onnx.TensorProto.DataType.Name(data_type).lower()})")
    return types, counts


def _cases() -> list:
    """The cases of test_microsoft.py, which are made but not compiled here."""
    sys.path.insert(0, str(NUMERICS))
    import harness
    check, cases = harness.Batch.check, []
    harness.Batch.check = lambda batch, mode: cases.extend(batch.cases)
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            status = pytest.main(["-q", "-p", "no:cacheprovider", "-k", "static", str(NUMERICS / "test_microsoft.py")])
    finally:
        harness.Batch.check = check
        sys.path.remove(str(NUMERICS))
    if status != pytest.ExitCode.OK:
        raise RuntimeError(f"test_microsoft.py cannot make its cases:\n{output.getvalue()}")
    return cases
