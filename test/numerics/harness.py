"""Many small cases in one model: each is a node with inputs, what it should return, and how far off it may be.

    batch = Batch()
    batch.add("relu 1x17", "Relu", [x], numpy.maximum(x, 0))
    batch.check(mode)

A case's expected values are computed by the test, in float64 or with integers, never by Tenon. Types and shapes are
exact; `bound` is the largest absolute error of each element, 0 unless given. A batch compiles all its cases as one
model, runs it in a process of its own with one thread and with two, and wants the same bits of both. When that
compilation or run fails, the cases are compiled in halves until those at fault stand alone.
"""

import dataclasses
import multiprocessing
import os
import signal
import tempfile
import time
from typing import Any

import numpy
import onnx
from onnx import helper, numpy_helper

import tenon

MODES = ("static", "dynamic", "reference")
OPSET = 21
ML_OPSET = 3
# Another processor level than this machine's, such as x86-64-v2, for a run by hand.
CPU = os.environ.get("TENON_NUMERICS_CPU")
# Searching for the cases at fault is not worth more.
SEARCH_SECONDS = 60
RUN_LIMIT_SECONDS = 120


@dataclasses.dataclass
class Case:
    name: str
    node: onnx.NodeProto
    nodes: list[onnx.NodeProto]  # with what stands around it
    inputs: dict[str, numpy.ndarray]
    constants: dict[str, numpy.ndarray]
    expected: dict[str, numpy.ndarray]
    bounds: dict[str, Any]
    known: set[str]


class Batch:
    """Cases that are compiled together. `opset` is the version of the default domain, `ml_opset` that of ai.onnx.ml.

    With `channels_last` the model takes each node's first input, and gives its results, with dimension 1 as the last.
    """

    def __init__(self, opset: int = OPSET, ml_opset: int = ML_OPSET, channels_last: bool = False):
        self.opset, self.ml_opset, self.channels_last = opset, ml_opset, channels_last
        self.cases: list[Case] = []

    def add(self, name: str, op: str, inputs: list, expected, bound=0, constants=(), known=(), domain: str = "",
            **attributes) -> None:
        """One node. `inputs` may hold None for omitted ones; `constants` are the places of inputs that are initializers,
        `known` of those whose extents are known in the dynamic mode too.

        `expected` is an array, or a list with None for outputs that are left out; `bound` is a number, an array, or a list.
        """
        prefix = f"{len(self.cases)} {name}"
        names = ["" if value is None else f"{prefix} in{place}" for place, value in enumerate(inputs)]
        arrays = {names[place]: numpy.asarray(value) for place, value in enumerate(inputs) if value is not None}
        fixed = {names[place] for place in constants}
        values = expected if isinstance(expected, list) else [expected]
        limits = bound if isinstance(bound, list) else [bound] * len(values)
        outputs = ["" if value is None else f"{prefix} out{place}" for place, value in enumerate(values)]
        node = helper.make_node(op, names, outputs, name=prefix, domain=domain, **attributes)
        nodes = [node]
        if self.channels_last:
            nodes = _between_transpositions(node, arrays[names[0]].ndim)
            arrays[names[0]] = _last(arrays[names[0]])
            values = [value if value is None else _last(numpy.asarray(value)) for value in values]
            limits = [_last(limit) if numpy.ndim(limit) else limit for limit in limits]
        self.cases.append(Case(
            prefix, node, nodes,
            {key: value for key, value in arrays.items() if key not in fixed},
            {key: value for key, value in arrays.items() if key in fixed},
            {key: numpy.asarray(value) for key, value in zip(outputs, values) if key},
            {key: limit for key, limit in zip(outputs, limits) if key}, {names[place] for place in known if place < len(names)}))

    def check(self, mode: str) -> None:
        """Compiles and runs all cases in this mode; fails with a line for each case that is wrong."""
        assert self.cases, "the batch is empty"
        problems = self._outcome(self.cases, mode, time.monotonic() + SEARCH_SECONDS)
        assert not problems, f"{len(problems)} problems in {len(self.cases)} cases, {mode}:\n" + "\n".join(problems[:40])

    def _outcome(self, cases: list[Case], mode: str, deadline: float) -> list[str]:
        error, results = apart(lambda: _compile_and_run(self._model(cases, mode), cases, mode))
        if not error:
            return [problem for case in cases for problem in _compare(case, results)]
        if len(cases) == 1:
            return [f"{cases[0].name}: {error}"]
        if time.monotonic() > deadline:
            return [f"among {len(cases)} cases from `{cases[0].name}` on: {error}"]
        middle = len(cases) // 2
        return self._outcome(cases[:middle], mode, deadline) + self._outcome(cases[middle:], mode, deadline)

    def _model(self, cases: list[Case], mode: str) -> onnx.ModelProto:
        dynamic = mode == "dynamic"
        graph = helper.make_graph(
            [node for case in cases for node in case.nodes], "numerics",
            [_value_info(key, value, dynamic and key not in case.known) for case in cases for key, value in case.inputs.items()],
            [_value_info(key, value, True) for case in cases for key, value in case.expected.items()],
            [numpy_helper.from_array(value, key) for case in cases for key, value in case.constants.items()])
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("ai.onnx.ml", self.ml_opset),
                  helper.make_opsetid("ai.onnx.preview.training", 1)]
        return helper.make_model(graph, opset_imports=opsets)


def _last(array: numpy.ndarray) -> numpy.ndarray:
    return numpy.ascontiguousarray(numpy.moveaxis(array, 1, -1))


def _between_transpositions(node: onnx.NodeProto, rank: int) -> list[onnx.NodeProto]:
    """The node on its first input with dimension 1 moved to where it was, its results with it as the last one."""
    inside = [f"{name} first" if name else "" for name in [node.input[0], *node.output]]
    before = helper.make_node("Transpose", [node.input[0]], inside[:1], perm=[0, rank - 1, *range(1, rank - 1)])
    after = [helper.make_node("Transpose", [first], [name], perm=[0, *range(2, rank), 1]) for first, name in zip(inside[1:], node.output) if name]
    node.input[0] = inside[0]
    node.output[:] = inside[1:]
    return [before, node, *after]


def _value_info(name: str, value: numpy.ndarray, dynamic: bool) -> onnx.ValueInfoProto:
    shape = [None] * value.ndim if dynamic else value.shape
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), shape)


def _compile_and_run(model: onnx.ModelProto, cases: list[Case], mode: str) -> dict[str, numpy.ndarray]:
    feeds = {key: value for case in cases for key, value in case.inputs.items()}
    with tempfile.TemporaryDirectory(prefix="tenon-numerics-") as folder:
        library = os.path.join(folder, "model.so")
        tenon.compile(model, library, reference=mode == "reference", cpu=CPU)
        results = tenon.load(library, threads=1).run(feeds)
        again = tenon.load(library, threads=2).run(feeds)
    for name, value in results.items():
        if bits(value) != bits(again[name]):
            raise AssertionError(f"{name} has other bits with two threads")
    return results


def bits(array: numpy.ndarray):
    """What two arrays have in common if they are the same in every bit; strings are objects."""
    return array.tolist() if array.dtype == object else array.tobytes()


def apart(function) -> tuple[str, Any]:
    """Calls the function in a forked process; returns what went wrong, and its result."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def serve() -> None:
        os.setsid()
        try:
            sender.send(("", function()))
        except Exception as error:
            sender.send((f"{type(error).__name__}: {error}", None))

    process = context.Process(target=serve)
    process.start()
    sender.close()
    try:
        if not receiver.poll(RUN_LIMIT_SECONDS):
            return f"took more than {RUN_LIMIT_SECONDS} s", None
        return receiver.recv()
    except EOFError:
        process.join()
        return f"the process ended with status {process.exitcode}", None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.join()


def _compare(case: Case, results: dict[str, numpy.ndarray]) -> list[str]:
    problems = []
    for key, expected in case.expected.items():
        text = difference(results[key], expected, case.bounds[key])
        if text:
            problems.append(f"{key}: {text}")
    return problems


def difference(actual: numpy.ndarray, expected: numpy.ndarray, bound=0) -> str:
    """Says where two arrays differ by more than the bound; empty if nowhere. NaN equals NaN, infinities are exact."""
    if actual.dtype != expected.dtype:
        return f"type {actual.dtype}, expected {expected.dtype}"
    if actual.shape != expected.shape:
        return f"shape {actual.shape}, expected {expected.shape}"
    if expected.dtype.kind == "c":
        parts = [numpy.stack([array.real, array.imag], -1) for array in (actual, expected)]
        return difference(*parts, numpy.asarray(bound)[..., None])
    if not is_float(expected.dtype):
        small = is_small(expected.dtype)
        wrong = actual.view("uint8") != expected.view("uint8") if small else actual != expected
        return _place(wrong, actual, expected) if wrong.any() else ""
    got, want = actual.astype(numpy.float64), expected.astype(numpy.float64)
    with numpy.errstate(invalid="ignore"):
        equal = (got == want) | (numpy.isnan(got) & numpy.isnan(want))
        near = numpy.isfinite(got) & numpy.isfinite(want) & (numpy.abs(got - want) <= bound)
    wrong = ~(equal | near)
    return _place(wrong, actual, expected, bound) if wrong.any() else ""


def _place(wrong: numpy.ndarray, actual: numpy.ndarray, expected: numpy.ndarray, bound=0) -> str:
    place = tuple(int(index) for index in numpy.argwhere(wrong)[0])
    limit = numpy.broadcast_to(bound, expected.shape)[place]
    return (f"{numpy.count_nonzero(wrong)} of {wrong.size} wrong, first at {list(place)}: got {actual[place]!r}, "
            f"expected {expected[place]!r}{f' within {limit:.3g}' if limit else ''}")


def is_small(dtype: numpy.dtype) -> bool:
    """Floats of at most 8 bits and integers below a byte: types of ml_dtypes with one byte, whose bits are exact."""
    return numpy.dtype(dtype).itemsize == 1 and numpy.dtype(dtype).kind not in "iub"


def is_float(dtype: numpy.dtype) -> bool:
    return not is_small(dtype) and (numpy.dtype(dtype).kind == "f" or numpy.dtype(dtype).name == "bfloat16")


def epsilon(dtype) -> float:
    """The distance from 1 to the next number of the type."""
    if numpy.dtype(dtype).name == "bfloat16":
        return 2.0**-7
    return float(numpy.finfo(dtype).eps)


def smallest(dtype) -> float:
    """The smallest positive number of the type, a denormal one."""
    if numpy.dtype(dtype).name == "bfloat16":
        return 2.0**-133
    return float(numpy.finfo(dtype).smallest_subnormal)


def ulps(exact, count: float, dtype) -> numpy.ndarray:
    """An error of `count` units in the last place of the exact values in this type."""
    return count * numpy.maximum(numpy.abs(numpy.asarray(exact, numpy.float64)) * epsilon(dtype), smallest(dtype))


def summed(magnitude, terms: int, dtype) -> numpy.ndarray:
    """The error of a sum in any order: terms * epsilon / 2 times the sum of magnitudes, and the last rounding.

    Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, equation 4.4, with one more for a product.
    """
    return (0.5 * (terms + 1) * epsilon(dtype) * 1.01) * numpy.asarray(magnitude, numpy.float64) + smallest(dtype)
