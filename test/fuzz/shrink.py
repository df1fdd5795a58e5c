"""Makes a failing case small: fewer outputs, worlds, nodes and elements, as long as it fails in the same way."""

import time
from collections.abc import Iterator

import numpy
import onnx
from onnx import numpy_helper

import judge
import oracle
from graph import Case, prune
from harness import apart

LIMIT_SECONDS = 60


def shrink(case: Case, problem: judge.Problem) -> tuple[Case, judge.Problem]:
    """The smallest case found in LIMIT_SECONDS that fails as `problem` does, and how that fails."""
    deadline = time.monotonic() + LIMIT_SECONDS
    progress = True
    while progress:
        progress = False
        for step in (fewer_worlds, fewer_outputs, cut_values, skip_nodes, plain_inputs, smaller_extents, simple_data):
            found = True
            while found:
                found = False
                for candidate in step(case):
                    if time.monotonic() > deadline:
                        return case, problem
                    again = failure_of(candidate, problem.mode)
                    if again and again.signature == problem.signature:
                        case, problem, found, progress = candidate, again, True, True
                        break
    return case, problem


def failure_of(case: Case, mode: str) -> judge.Problem | None:
    """The case's problem in this mode; a death of the process is one too."""
    error, problem = apart(lambda: judge.check(case, [mode]))
    return judge.Problem(mode, "crash", error) if error else problem


def rebuilt(case: Case, model: onnx.ModelProto, feeds: list[dict]) -> Case | None:
    """The case with another model; None where that is not valid or has nothing left."""
    prune(model.graph)
    if not model.graph.node or not model.graph.output:
        return None
    feeds = [{info.name: feed[info.name] for info in model.graph.input} for feed in feeds]
    try:
        onnx.checker.check_model(model)
        values = oracle.evaluate_model(model, feeds, case.kinds)
    except (oracle.Rejected, onnx.checker.ValidationError):
        return None
    expected = {info.name: values[info.name] for info in model.graph.output}
    if not all(oracle.well_conditioned(value) for value in expected.values()):
        return None
    return Case(model, feeds, case.kinds, expected)


def copy_of(case: Case) -> onnx.ModelProto:
    return onnx.ModelProto.FromString(case.model.SerializeToString())


def candidates(cases) -> Iterator[Case]:
    return (case for case in cases if case is not None)


def fewer_worlds(case: Case) -> Iterator[Case]:
    if len(case.feeds) > 1:
        for feeds in case.feeds:
            yield from candidates([rebuilt(case, copy_of(case), [feeds])])


def fewer_outputs(case: Case) -> Iterator[Case]:
    for name in [info.name for info in case.model.graph.output]:
        if len(case.model.graph.output) > 1:
            model = copy_of(case)
            kept = [info for info in model.graph.output if info.name == name]
            del model.graph.output[:]
            model.graph.output.extend(kept)
            yield from candidates([rebuilt(case, model, case.feeds)])


def all_values(case: Case) -> dict[str, oracle.Value]:
    """Of other roundings than the generator's: it may be that the oracle takes the case no more."""
    try:
        return oracle.evaluate_model(case.model, case.feeds, case.kinds)
    except oracle.Rejected:
        return {}


def cut_values(case: Case) -> Iterator[Case]:
    """Makes a value between nodes an input, the last ones first; or an inner value the output."""
    values = all_values(case)
    if not values:
        return
    outputs = {info.name for info in case.model.graph.output}
    inner = [name for node in case.model.graph.node for name in node.output if name and name not in outputs and not name.endswith("_unused")]
    for name in reversed(inner):
        value, model = values[name], copy_of(case)
        for node in model.graph.node:
            if name in node.output:
                node.output[list(node.output).index(name)] = f"{name}_unused"
        model.graph.input.append(value.info(value.shape))
        feeds = [{**feed, name: oracle.narrow(sample.exact, value.dtype)} for feed, sample in zip(case.feeds, value.samples)]
        yield from candidates([rebuilt(case, model, feeds)])
    for name in inner:
        model = copy_of(case)
        del model.graph.output[:]
        model.graph.output.append(values[name].info([None] * values[name].rank))
        yield from candidates([rebuilt(case, model, case.feeds)])


def skip_nodes(case: Case) -> Iterator[Case]:
    """Lets users of a node read its first input, or an earlier value of the same shape and type."""
    values = all_values(case)
    if not values:
        return
    for place, node in enumerate(case.model.graph.node):
        for name in node.input:
            if name and node.output[0] and values[name].dtype == values[node.output[0]].dtype and values[name].shapes == values[node.output[0]].shapes:
                model = copy_of(case)
                for later in list(model.graph.node)[place + 1:]:
                    for index, read in enumerate(later.input):
                        if read == node.output[0]:
                            later.input[index] = name
                yield from candidates([rebuilt(case, model, case.feeds)])


def plain_inputs(case: Case) -> Iterator[Case]:
    """Known extents, then inputs as constants."""
    if any(dimension.WhichOneof("value") != "dim_value" for info in case.model.graph.input for dimension in info.type.tensor_type.shape.dim) and len(case.feeds) == 1:
        model = copy_of(case)
        for info in model.graph.input:
            for dimension, extent in zip(info.type.tensor_type.shape.dim, case.feeds[0][info.name].shape):
                dimension.dim_value = extent
        yield from candidates([rebuilt(case, model, case.feeds)])


def smaller_extents(case: Case) -> Iterator[Case]:
    """Cuts all dimensions of inputs and initializers that have one extent to a smaller one."""
    if len(case.feeds) > 1:
        return
    arrays = {**case.feeds[0], **{tensor.name: numpy_helper.to_array(tensor) for tensor in case.model.graph.initializer}}
    extents = sorted({extent for array in arrays.values() for extent in array.shape if extent > 1}, reverse=True)
    for extent in extents:
        for smaller in dict.fromkeys((1, 2, extent // 2, extent - 1)):
            if 0 < smaller < extent:
                cut = {name: array[tuple(slice(smaller) if size == extent else slice(None) for size in array.shape)] for name, array in arrays.items()}
                yield from candidates([with_arrays(case, cut)])
    for name, array in arrays.items():
        for axis, extent in enumerate(array.shape):
            if extent > 1:
                yield from candidates([with_arrays(case, {**arrays, name: array.take(range(extent // 2), axis)})])


def with_arrays(case: Case, arrays: dict[str, numpy.ndarray]) -> Case | None:
    model = copy_of(case)
    for info in model.graph.input:
        for dimension, extent in zip(info.type.tensor_type.shape.dim, arrays[info.name].shape):
            if dimension.WhichOneof("value") == "dim_value":
                dimension.dim_value = extent
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy.ascontiguousarray(arrays[tensor.name]), tensor.name))
    return rebuilt(case, model, [{name: arrays[name] for name in case.feeds[0]}])


def simple_data(case: Case) -> Iterator[Case]:
    """Rounded floats."""
    rounded = [{name: numpy.round(array.astype("float32") * 2).astype(array.dtype) / array.dtype.type(2) if oracle.is_float(array.dtype) else array
                for name, array in feed.items()} for feed in case.feeds]
    if any(not numpy.array_equal(a[name], b[name]) for a, b in zip(rounded, case.feeds) for name in a):
        yield from candidates([rebuilt(case, copy_of(case), rounded)])
