"""Conversions between f16, bf16, f32 and f64 round once, to nearest even, with and without the processor's own instructions.

Every 16-bit number goes to every wider type; numbers that lie on, just below and just above the middle between two 16-bit numbers
come back. NaN stays NaN, subnormals and signed zeros are kept.
"""

import platform

import ml_dtypes
import numpy as np
import onnx
import pytest
import tenon
from onnx import TensorProto, helper

TYPES = {
    "f16": (TensorProto.FLOAT16, np.dtype(np.float16)),
    "bf16": (TensorProto.BFLOAT16, np.dtype(ml_dtypes.bfloat16)),
    "f32": (TensorProto.FLOAT, np.dtype(np.float32)),
    "f64": (TensorProto.DOUBLE, np.dtype(np.float64)),
}
# x86-64-v2 has no conversion instructions.
PROCESSORS = ["native"] + (["x86-64-v2"] if platform.machine() == "x86_64" else [])
NARROWING = [("f32", "f16"), ("f64", "f16"), ("f32", "bf16"), ("f64", "bf16")]
WIDENING = [("f16", "f32"), ("f16", "f64"), ("bf16", "f32"), ("bf16", "f64")]


def cast(tmp_path, source, target, cpu, values):
    graph = helper.make_graph(
        [helper.make_node("Cast", ["x"], ["y"], to=TYPES[target][0])], "cast",
        [helper.make_tensor_value_info("x", TYPES[source][0], ["n"])], [helper.make_tensor_value_info("y", TYPES[target][0], ["n"])])
    model = tmp_path / "cast.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), model)
    tenon.compile(str(model), str(tmp_path / "cast.so"), cpu=cpu)
    return tenon.load(str(tmp_path / "cast.so")).run({"x": values})["y"]


def all_numbers(name):
    return np.arange(1 << 16, dtype=np.uint16).view(TYPES[name][1])


def critical_numbers(target, dtype):
    """The finite 16-bit numbers, the middles between neighbours, what is next to those, and what overflows."""
    with np.errstate(all="ignore"):
        numbers = np.sort(all_numbers(target).astype(np.float64))
    numbers = np.unique(numbers[np.isfinite(numbers)])
    largest = numbers[-1]
    with np.errstate(over="ignore"):
        middles = ((numbers[:-1] + numbers[1:]) / 2).astype(dtype)
        beyond = np.array([largest * 1.0001, largest * 1.004, largest * 2, 1e38, np.inf, np.nan, 0.0, 1e-45, 1e-30]).astype(dtype)
    around = [np.nextafter(middles, dtype.type(side)) for side in (np.inf, -np.inf)]
    return np.concatenate([numbers.astype(dtype), middles, *around, beyond, -beyond])


def round_once(values, target):
    """The nearest number of the 16-bit type, by search: numpy and ml_dtypes round f64 to bf16 twice."""
    with np.errstate(all="ignore"):
        candidates = all_numbers(target).astype(np.float64)
    order = np.argsort(np.where(np.isfinite(candidates), candidates, np.inf), kind="stable")
    finite = order[: np.isfinite(candidates).sum()]
    finite = finite[candidates[finite] > 0]
    table = np.concatenate([[0.0], candidates[finite]])
    bits = np.concatenate([[0], finite]).astype(np.uint16)
    magnitude = np.abs(values.astype(np.float64))
    # What would be the next number after the largest is where infinity begins, rounded to.
    table = np.append(table, table[-1] + (table[-1] - table[-2]))
    bits = np.append(bits, np.uint16(bits[-1] + 1))
    upper = np.clip(np.searchsorted(table, magnitude), 0, len(table) - 1)
    lower = np.clip(upper - 1, 0, None)
    to_upper, to_lower = table[upper] - magnitude, magnitude - table[lower]
    choose_upper = (to_upper < to_lower) | ((to_upper == to_lower) & (bits[upper] % 2 == 0))
    result = np.where(choose_upper | (magnitude > table[-1]), bits[upper], bits[lower])
    return (result | (np.signbit(values).astype(np.uint16) << 15)).astype(np.uint16)


@pytest.mark.parametrize("cpu", PROCESSORS)
@pytest.mark.parametrize("source, target", NARROWING)
def test_narrowing_rounds_once(tmp_path, source, target, cpu):
    values = critical_numbers(target, TYPES[source][1])
    result = cast(tmp_path, source, target, cpu, values)
    is_nan = np.isnan(values)
    np.testing.assert_array_equal(np.isnan(result.astype(np.float32)), is_nan)
    np.testing.assert_array_equal(result.view(np.uint16)[~is_nan], round_once(values[~is_nan], target))


@pytest.mark.parametrize("cpu", PROCESSORS)
@pytest.mark.parametrize("source, target", WIDENING)
def test_widening_is_exact(tmp_path, source, target, cpu):
    values = all_numbers(source)
    result = cast(tmp_path, source, target, cpu, values)
    with np.errstate(all="ignore"):
        expected = values.astype(np.float32).astype(TYPES[target][1])
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))
