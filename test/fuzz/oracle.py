"""What a node should return, and how far off a correct result may be.

A value is followed several times at once: for each binding of the model's symbols (a world) an exact array, floats in float64,
and a few variants of it that carry the rounding of every step so far, drawn at random. Where the variants disagree on an
integer, a boolean or a shape, the model decides something at a tie, and no one can say what is right: `Ambiguous`. Where
they disagree on a float, their spread is the tolerance. (Stochastic arithmetic: Vignes, Discrete stochastic arithmetic for
validating results of numerical software, 2004.)

ONNX's reference evaluator computes the arrays; for the ops of oracles.json, where it is known wrong, ONNX Runtime does.
"""

import dataclasses
import json
import math
import pathlib
import warnings
from collections.abc import Iterator

import ml_dtypes
import numpy
import onnx.reference
import onnxruntime
from onnx import helper, numpy_helper

import bodies

VARIANTS = 3
# How many times the variants' spread a result may be off. With 4 one seed in 8000 failed by a few percent of the tolerance.
SPREADS = 6
# Units in the last place that one step may be off: those of libm's and of polynomial approximations, with room; halves are
# computed as float32 and rounded.
STEP_ULPS = {"float64": 4, "float32": 4, "float16": 1, "bfloat16": 1}
# A result with more than that many units of the largest element is no test of anything.
WORST_ULPS = {"float64": 1024, "float32": 1024, "float16": 12, "bfloat16": 12}
ARBITRATED = {op: entry["reason"] for entry in json.loads(pathlib.Path(__file__).with_name("oracles.json").read_text()) for op in entry["ops"]}
IR_VERSION = 10


class Rejected(Exception):
    """The node is not valid on these values, or says nothing: the generator tries another."""


class Ambiguous(Rejected):
    """Rounding decides an integer, a boolean or a shape."""


@dataclasses.dataclass
class Sample:
    """A value in one world. `variants[0]` is the exact one; floats are float64."""

    variants: list[numpy.ndarray]

    @property
    def exact(self) -> numpy.ndarray:
        return self.variants[0]


@dataclasses.dataclass
class Value:
    """A named value of the graph in all worlds; `dtype` is the model's. `fixed` values are initializers."""

    name: str
    dtype: numpy.dtype
    samples: list[Sample]
    fixed: bool = False

    @property
    def rank(self) -> int:
        return self.samples[0].exact.ndim

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [sample.exact.shape for sample in self.samples]

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Extents that are the same in all worlds; None for the others."""
        return tuple(extents[0] if len(set(extents)) == 1 else None for extents in zip(*self.shapes))

    @property
    def size(self) -> int:
        return max(sample.exact.size for sample in self.samples)

    @property
    def is_float(self) -> bool:
        return is_float(self.dtype)

    @property
    def is_finite(self) -> bool:
        return not self.is_float or all(numpy.isfinite(sample.exact).all() for sample in self.samples)

    def bounds(self) -> tuple[float, float]:
        """Smallest and largest element of all worlds."""
        arrays = [sample.exact for sample in self.samples if sample.exact.size]
        return (float(numpy.min([array.min() for array in arrays])), float(numpy.max([array.max() for array in arrays]))) if arrays else (0.0, 0.0)

    def info(self, shape) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(self.name, helper.np_dtype_to_tensor_dtype(self.dtype), shape)


def is_float(dtype) -> bool:
    return numpy.dtype(dtype).kind == "f" or numpy.dtype(dtype) == ml_dtypes.bfloat16


def epsilon(dtype) -> float:
    return float(ml_dtypes.finfo(dtype).eps)


def smallest(dtype) -> float:
    return float(ml_dtypes.finfo(dtype).smallest_normal)


def exact_value(name: str, arrays: list[numpy.ndarray], fixed: bool = False) -> Value:
    """An input or a constant: no rounding yet."""
    samples = [Sample([widen(array)] * VARIANTS) for array in arrays]
    return Value(name, arrays[0].dtype, samples, fixed)


def widen(array: numpy.ndarray) -> numpy.ndarray:
    return array.astype(numpy.float64) if is_float(array.dtype) else array


def narrow(array: numpy.ndarray, dtype) -> numpy.ndarray:
    with numpy.errstate(all="ignore"):
        return array.astype(dtype)


class Node:
    """A node that can be evaluated on arrays."""

    def __init__(self, node: onnx.NodeProto, inputs: list[Value], opsets: dict[str, int]):
        self.node, self.opsets, self.inputs = node, opsets, inputs
        self.arbitrated = node.op_type in ARBITRATED or node.domain == "com.microsoft"
        infos = [value.info(value.shape) for value in inputs]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = helper.make_graph([node], "node", infos, outputs)
        inferred, self.types = infer_types(graph, opsets)
        self.factors = {}
        if bodies.has_bodies(node):
            node, factors = bodies.with_factors(inferred.graph.node[0])
            self.factors = {info.name: helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type) for info in factors}
            graph = helper.make_graph([node], "node", [*infos, *factors], outputs)
        if not self.arbitrated:
            try:
                self.evaluator = onnx.reference.ReferenceEvaluator(graph, opsets=opsets)
            except Exception:  # It has no implementation of the op, or none of this opset.
                self.arbitrated = True
        if self.arbitrated:
            self.session = make_session(make_model(graph, opsets))

    def run(self, arrays: list[numpy.ndarray], random: numpy.random.Generator | None = None) -> list[numpy.ndarray]:
        """Arrays of `widen`; the results are such too. `random` draws the roundings inside of bodies."""
        feeds = {value.name: array for value, array in zip(self.inputs, arrays)}
        for name, dtype in self.factors.items():
            feeds[name] = _perturb(numpy.ones(()), dtype, random) if random else numpy.ones(())
        try:
            with warnings.catch_warnings(), numpy.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                results = self._run(feeds)
        except Exception as error:  # Whatever the evaluator raises, the node is not for it.
            raise Rejected(f"{type(error).__name__}: {error}") from None
        if any(not isinstance(result, (numpy.ndarray, numpy.generic)) for result in results):
            raise Rejected("no tensor")
        if any(str(dtype) == "float64" and result.dtype.itemsize < 8 for dtype, result in zip(self.types, results)):
            raise Rejected("the evaluator computes in a narrower type")
        return [widen(numpy.asarray(result)) for result in results]

    def _run(self, feeds: dict[str, numpy.ndarray]):
        if not self.arbitrated:
            return self.evaluator.run(None, feeds)
        # ONNX Runtime divides by an extent of 0 here and there, which is the end of the process.
        if any(not array.size for array in feeds.values()):
            raise Rejected("nothing to compute on")
        types = {value.name: value.dtype for value in self.inputs} | self.factors
        return self.session.run(None, {name: narrow(array, types[name]) for name, array in feeds.items()})


def infer_types(graph: onnx.GraphProto, opsets: dict[str, int]) -> tuple[onnx.ModelProto, list[numpy.dtype]]:
    """What ONNX's own inference, which also checks the node, makes of the graph; and element types of its outputs."""
    model = make_model(graph, opsets)
    try:
        onnx.checker.check_model(_with_output_types(model))
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:
        raise Rejected(f"{type(error).__name__}: {error}") from None
    types = {info.name: info.type.tensor_type.elem_type for info in [*inferred.graph.output, *inferred.graph.value_info]}
    if any(not types.get(info.name) for info in graph.output):
        raise Rejected("no type is inferred")
    return inferred, [helper.tensor_dtype_to_np_dtype(types[info.name]) for info in graph.output]


def _with_output_types(model: onnx.ModelProto) -> onnx.ModelProto:
    """The checker wants a type and a shape for each output; any do."""
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    for info in copy.graph.output:
        if not info.type.WhichOneof("value"):
            info.type.tensor_type.elem_type = 1
            info.type.tensor_type.shape.SetInParent()
    return copy


def make_model(graph: onnx.GraphProto, opsets: dict[str, int]) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(domain, version) for domain, version in opsets.items()], ir_version=IR_VERSION)


def make_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """ONNX Runtime without its optimizations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise Rejected(f"onnxruntime: {error}") from None


# Roundings that a node may make: none (movement, comparison, integers), one per element, one per term of a sum; "first" is a
# sum whose first input alone holds data: the others say where, and coordinates made of them are rounded too.
KINDS = ("exact", "element", "sum", "first")
COORDINATE_FACTOR = 8


# Ops whose results are discrete though they are floats: what rounding changes in them is no rounding error.
DISCRETE = ("Sign", "Ceil", "Floor", "Round", "Hardmax")
# Fast algorithms (Winograd's) mix all elements of a tile, so that errors have the size of the largest, times what the transforms
# amplify: the factors of F(4x4, 3x3) reach 8. Without the factor one element of 756 was off by a twentieth more than allowed.
NORMWISE = ("Conv", "ConvTranspose")
NORMWISE_FACTOR = 2
# x (1 + f(x)) where f nears -1: errors have the size of x.
CANCELLING = ("Gelu", "FastGelu", "BiasGelu", "HardSwish")
# Errors have the size of 1: ONNX Runtime's gates are between -1 and 1, and 0 for sigmoids below 1e-8; windows add cosines, hard sigmoids a
# constant.
OF_SIZE_ONE = ("GRU", "LSTM", "RNN", "BlackmanWindow", "HammingWindow", "HannWindow", "HardSigmoid")
# They divide by scales and round what was rounded to float32, which may come out as a tie.
QUANTIZING = ("QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul")
# How often a decision is tried with other roundings: two variants would leave one tie in four unseen.
DECISION_TRIES = 6
# Sums of more terms than this lose more to rounding partial sums than STEP_ULPS allow for.
FEW_TERMS = 64


def evaluate(node: onnx.NodeProto, inputs: list[Value], kind: str, opsets: dict[str, int], random: numpy.random.Generator) -> list[Value]:
    """The node's outputs. `inputs` are all values that it reads, once each, those of its subgraphs too."""
    compiled = Node(node, inputs, opsets)
    decides = any(value.is_float for value in inputs) and (node.op_type in DISCRETE or not all(map(is_float, compiled.types)))
    samples = [[] for _ in compiled.types]
    for world in range(len(inputs[0].samples) if inputs else 1):
        here = [value.samples[world] for value in inputs]
        runs = [compiled.run([sample.exact for sample in here])]
        factor = {"sum": _growth(inputs, world, runs[0]), "first": COORDINATE_FACTOR}.get(kind, 1)
        for variant in range(1, VARIANTS):
            arrays = [sample.variants[variant] for sample in here]
            if kind in ("sum", "first"):
                count = 1 if kind == "first" else len(arrays)
                arrays[:count] = [_perturb(array, value.dtype, random, factor) for array, value in zip(arrays[:count], inputs)]
            results = compiled.run([_stored(array, value.dtype) for array, value in zip(arrays, inputs)] if decides else arrays, random)
            if kind != "exact":
                results = [_perturb(result, dtype, random, factor if kind == "sum" else 1, _least_size(node, arrays, result))
                           for result, dtype in zip(results, compiled.types)]
            runs.append(results)
        nearby = [compiled.run(arrays) for arrays in _nearby(node, inputs, world)] if decides else []
        for place, dtype in enumerate(compiled.types):
            check_variants([run[place] for run in [*runs, *nearby]], dtype, node.op_type in DISCRETE)
            samples[place].append(Sample([run[place] for run in runs]))
    if any(len({sample.exact.ndim for sample in list_}) > 1 for list_ in samples):
        raise Rejected("a rank that depends on extents")
    names = [name for name in node.output if name]
    return [Value(name, dtype, list_) for name, dtype, list_ in zip(names, compiled.types, samples)]


def _growth(inputs: list[Value], world: int, results: list[numpy.ndarray]) -> float:
    """How much more than one step a sum of many terms may lose.

    Each of n additions rounds a partial sum. Seen backwards, a term bears the errors of all additions after it, which is sqrt(n) of
    one where they are random. Terms are counted as in a reduction (operand over result) and as in a product of matrices. Sums of
    halves are float32, whose errors are small in theirs.
    """
    if any(value.is_float and value.dtype.itemsize == 2 for value in inputs):
        return 1.0
    sizes = sorted((value.samples[world].exact.size for value in inputs), reverse=True) + [1, 1]
    result = max([1, *(array.size for array in results)])
    terms = max(sizes[0] / result, math.sqrt(sizes[0] * sizes[1] / result))
    return max(1.0, math.sqrt(terms / FEW_TERMS))


def _least_size(node: onnx.NodeProto, operands: list[numpy.ndarray], result: numpy.ndarray) -> float:
    """What errors of the node are relative to where its results are smaller."""
    if node.op_type in NORMWISE:
        return NORMWISE_FACTOR * float(numpy.abs(result).max(initial=0, where=numpy.isfinite(result)))
    if node.op_type in OF_SIZE_ONE:
        return 1.0
    return float(numpy.abs(operands[0]).max(initial=0)) if node.op_type in CANCELLING else 0.0


def _stored(array: numpy.ndarray, dtype) -> numpy.ndarray:
    """As memory holds it: what is different may be equal there."""
    return widen(narrow(array, dtype)) if is_float(dtype) else array


def _nearby(node: onnx.NodeProto, inputs: list[Value], world: int) -> Iterator[list[numpy.ndarray]]:
    """Other correct operands of a node that decides something: equal or zero where they may be so, which random numbers seldom are, and random ones."""
    random = numpy.random.default_rng(0)
    here = [(value.samples[world], value.dtype) for value in inputs]
    limits = [numpy.where(spread(sample) > 0, tolerance(sample, dtype), 0) if is_float(dtype) else None for sample, dtype in here]
    yield [sample.exact if limit is None else numpy.where(numpy.abs(sample.exact) <= limit, 0.0, _stored(sample.exact, dtype))
           for (sample, dtype), limit in zip(here, limits)]
    if node.op_type in QUANTIZING:
        for sign in (-1, 1):
            first = next(place for place, limit in enumerate(limits) if limit is not None)
            yield [sample.exact * (1 + sign * epsilon(dtype)) if place == first else sample.exact for place, (sample, dtype) in enumerate(here)]
    if node.op_type == "Equal" and len(inputs) == 2 and is_float(inputs[0].dtype):
        left, right = numpy.broadcast_arrays(*(sample.exact for sample, _ in here))
        with numpy.errstate(invalid="ignore"):
            near = numpy.abs(left - right) <= limits[0] + limits[1]
        yield [left, numpy.where(near, left, right)]
    for _ in range(DECISION_TRIES):
        yield [sample.exact if limit is None else _stored(sample.exact + limit * random.uniform(-1, 1, limit.shape), dtype)
               for (sample, dtype), limit in zip(here, limits)]


def _perturb(array: numpy.ndarray, dtype, random, factor: float = 1, least_size: float = 0) -> numpy.ndarray:
    if not is_float(dtype) or not array.size:
        return array
    noise = random.uniform(-1, 1, array.shape)
    array, infinite = numpy.where(numpy.isinf(array), 0, array), array
    size = numpy.maximum(numpy.abs(array), least_size)
    changed = array + factor * STEP_ULPS[str(numpy.dtype(dtype))] * noise * (size * epsilon(dtype) + (array != 0) * smallest(dtype))
    return numpy.where(numpy.isinf(infinite), infinite, changed)


def check_variants(arrays: list[numpy.ndarray], dtype, discrete: bool = False) -> None:
    """Raises Rejected where variants of a result are not the same but for rounding errors."""
    first = arrays[0]
    if is_float(dtype) != is_float(first.dtype) or (not is_float(dtype) and first.dtype != dtype):
        raise Rejected(f"the evaluator returns {first.dtype} for {dtype}")
    if any(array.shape != first.shape for array in arrays):
        raise Ambiguous("shapes differ")
    if not is_float(dtype):
        if any(not numpy.array_equal(array, first) for array in arrays):
            raise Ambiguous("integers differ")
        return
    if discrete and any(not numpy.array_equal(array, first, equal_nan=True) for array in arrays):
        raise Ambiguous("discrete results differ")
    if any(not numpy.array_equal(numpy.isnan(array), numpy.isnan(first)) or not numpy.array_equal(numpy.isinf(array), numpy.isinf(first)) for array in arrays):
        raise Ambiguous("NaN or infinities differ")


def spread(sample: Sample) -> numpy.ndarray:
    """How far rounding carried the variants from the exact value."""
    finite = numpy.isfinite(sample.exact)
    with numpy.errstate(invalid="ignore"):
        apart = numpy.max([numpy.abs(array - sample.exact) for array in sample.variants], axis=0)
    return numpy.where(finite, apart, 0)


def well_conditioned(value: Value) -> bool:
    """Whether the tolerance is small against the value."""
    for sample in value.samples if value.is_float else ():
        finite = sample.exact[numpy.isfinite(sample.exact)]
        largest = float(numpy.abs(finite).max(initial=0))
        if float(spread(sample).max(initial=0)) > WORST_ULPS[str(value.dtype)] * epsilon(value.dtype) * max(largest, 1e-3):
            return False
    return True


def tolerance(sample: Sample, dtype) -> numpy.ndarray:
    """The largest error of each element of a correct result.

    Few variants may by chance agree on an element, or all be cut off by a Relu near its edge, so an element is also given the
    spread that others of the array have, absolutely and relative to their size; and the last rounding to its type.
    """
    apart, size = spread(sample), numpy.where(numpy.isfinite(sample.exact), numpy.abs(sample.exact), 0)
    largest = float(size.max(initial=0))
    relative = float(apart.max(initial=0)) / largest if largest else 0.0
    typical = float(numpy.median(apart[apart > 0])) if apart.any() else 0.0
    return SPREADS * (apart + typical + relative * size) + 2 * epsilon(dtype) * size + smallest(dtype)


def difference(actual: numpy.ndarray, value: Value, world: int) -> str:
    """Says where a result is wrong; empty if nowhere."""
    sample = value.samples[world]
    if actual.dtype != value.dtype:
        return f"type {actual.dtype}, expected {value.dtype}"
    if actual.shape != sample.exact.shape:
        return f"shape {list(actual.shape)}, expected {list(sample.exact.shape)}"
    if not value.is_float:
        wrong, limit = actual != sample.exact, None
    else:
        got, want = actual.astype(numpy.float64), narrow(narrow(sample.exact, value.dtype), numpy.float64)
        limit = tolerance(sample, value.dtype)
        with numpy.errstate(invalid="ignore"):
            near = numpy.isfinite(got) & numpy.isfinite(sample.exact) & (numpy.abs(got - sample.exact) <= limit)
            wrong = ~((got == want) | (numpy.isnan(got) & numpy.isnan(want)) | near)
    if not wrong.any():
        return ""
    place = tuple(int(index) for index in numpy.argwhere(wrong)[0])
    within = "" if limit is None else f" within {limit[place]:.3g}"
    return (f"{numpy.count_nonzero(wrong)} of {wrong.size} elements wrong, first at {list(place)}: got {actual[place]!r}, "
            f"expected {sample.exact[place]!r}{within}")


def evaluate_model(model: onnx.ModelProto, feeds: list[dict], kinds: dict[str, str]) -> dict[str, Value]:
    """All values of a model; `kinds` says how each node rounds, by its first output. Raises Rejected."""
    random = numpy.random.default_rng(0)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    values = {info.name: exact_value(info.name, [feed[info.name] for feed in feeds]) for info in model.graph.input}
    for tensor in model.graph.initializer:
        values[tensor.name] = exact_value(tensor.name, [numpy_helper.to_array(tensor)] * len(feeds), fixed=True)
    for node in model.graph.node:
        inputs = [values[name] for name in dict.fromkeys(reads(node))]
        for value in evaluate(node, inputs, kinds.get(node.output[0], "sum"), opsets, random):
            values[value.name] = value
    return values


def reads(node: onnx.NodeProto) -> list[str]:
    """Names that a node takes from its graph, those of its subgraphs too."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            graph = attribute.g
            own = {info.name for info in graph.input} | {tensor.name for tensor in graph.initializer}
            own |= {name for inner in graph.node for name in inner.output}
            names += [name for inner in graph.node for name in reads(inner) if name not in own]
            names += [info.name for info in graph.output if info.name not in own]
    return list(dict.fromkeys(names))


def constant(name: str, array: numpy.ndarray, worlds: int) -> tuple[Value, onnx.TensorProto]:
    return exact_value(name, [array] * worlds, fixed=True), numpy_helper.from_array(array, name)
