"""Graphs that grow by random nodes.

    graph = RandomGraph(seed)
    graph.model(), graph.feeds, graph.outputs

A family (families.py) proposes nodes; the graph keeps those that ONNX's checker and the evaluator take in every world, whose
results are of moderate size and well conditioned. Extents of inputs are known, or symbols, shared or not; a world binds the
symbols, so one compiled model is run with several extents.
"""

import contextlib
import dataclasses
import math

import ml_dtypes
import numpy
import onnx
from onnx import helper

import oracle
from oracle import Rejected, Value

LARGEST_ELEMENTS = 6000
LARGEST_MAGNITUDE = {"float64": 3e3, "float32": 3e3, "float16": 300, "bfloat16": 300}
EXTENTS = (1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 8, 9, 12, 16, 17, 33)
OPSETS = (13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 23, 24, 24, 25, 26)
FLOATS = ("float32",) * 8 + ("float16", "float16", "bfloat16", "float64")
INTEGERS = ("int64", "int64", "int32", "int32", "int8", "uint8", "int16", "uint16", "uint32", "uint64")
MOST_TRIES = 300
# In float64 these have constants of float32 by their function's body and exact ones by the text; or the evaluator computes them in float32.
NOT_IN_DOUBLE = ("HardSwish", "Gelu", "Erf", "Shrink", "Resize", "GridSample")
# Modules of families where zeros, of pads and of weights, may or may not meet an infinity.
PRODUCTS = ("contractions", "windows", "schemas", "patterns")
SPECIAL = (numpy.nan, numpy.inf, -numpy.inf, 0.0, -0.0)


@dataclasses.dataclass
class Case:
    """A model with inputs for each world, and what it should return."""

    model: onnx.ModelProto
    feeds: list[dict[str, numpy.ndarray]]
    kinds: dict[str, str]  # rounding of each node, by its first output
    expected: dict[str, Value]


class RandomGraph:
    """Grows one graph; everything follows from the seed."""

    def __init__(self, seed: int, families: dict):
        self.random = numpy.random.default_rng(seed)
        self.opset = int(self.pick(OPSETS))
        self.opsets = {"": self.opset}
        self.dynamic = self.chance(0.6)
        # NaN, infinities and zeros of both signs go through.
        self.wild = self.chance(0.08)
        self.worlds = 3 if self.dynamic else 1
        self.symbols = [[int(self.pick(EXTENTS[2:])) for _ in range(self.worlds)] for _ in range(3)]
        if self.dynamic:
            for extents in self.symbols:
                extents[2] = int(self.pick((1, 1, 2, 5, 40)))
        self.nodes: list[onnx.NodeProto] = []
        self.kinds: dict[str, str] = {}
        self.values: list[Value] = []
        self.inputs: list[tuple[Value, list]] = []
        self.initializers: list[onnx.TensorProto] = []
        self.used: set[str] = set()
        self.float_type = self.pick(FLOATS)
        self.grow(families)

    def grow(self, families: dict) -> None:
        count = self.integer(1, 3)
        while len(self.inputs) < count:
            with contextlib.suppress(Rejected):
                self.new_input(self.shape(), self.float_type if self.chance(0.8) else self.pick(INTEGERS))
        if self.wild:
            families = {name: family for name, family in families.items() if family[1].__module__ not in PRODUCTS}
        names, weights = list(families), numpy.array([weight for weight, _ in families.values()], float)
        wanted = int(self.random.integers(3, 16))
        for _ in range(MOST_TRIES):
            if len(self.nodes) >= wanted:
                break
            family = families[names[self.random.choice(len(names), p=weights / weights.sum())]][1]
            mark = self.mark()
            try:
                family(self)
            except Rejected:
                self.forget(mark)
        else:
            if not self.nodes:
                raise Rejected("no node in the whole graph")

    def case(self) -> Case:
        results = [value for value in self.values if self.is_result(value)]
        leaves = [value for value in results if value.name not in self.used]
        outputs = leaves + [value for value in results if value.name in self.used][:1 + int(self.random.integers(2))]
        graph = helper.make_graph(
            self.nodes, "random", [value.info(shape) for value, shape in self.inputs],
            [value.info([None] * value.rank) for value in outputs], self.initializers)
        feeds = [{value.name: oracle.narrow(value.samples[world].exact, value.dtype) for value, _ in self.inputs} for world in range(self.worlds)]
        model = oracle.make_model(graph, self.opsets)
        prune(model.graph)
        for feed in feeds:
            for name in set(feed) - {info.name for info in model.graph.input}:
                del feed[name]
        return Case(model, feeds, dict(self.kinds), {value.name: value for value in outputs})

    def is_result(self, value: Value) -> bool:
        return not value.fixed and not any(value is known for known, _ in self.inputs)

    def mark(self) -> tuple:
        return len(self.nodes), len(self.values), len(self.inputs), len(self.initializers), set(self.used)

    def forget(self, mark: tuple) -> None:
        """Takes back what a family did before it failed."""
        del self.nodes[mark[0]:], self.values[mark[1]:], self.inputs[mark[2]:], self.initializers[mark[3]:]
        self.used = mark[4]

    # Choices

    def pick(self, options):
        if not len(options):
            raise Rejected("nothing to choose from")
        return options[int(self.random.integers(len(options)))]

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return int(self.random.integers(low, high + 1))

    def shape(self, low: int = 0, high: int = 4) -> list[list[int]]:
        """Extents per dimension; each is a list over worlds."""
        rank = self.integer(max(low, 1) if self.chance(0.95) else low, high)
        return [self.extent() for _ in range(rank)]

    def extent(self) -> list[int]:
        if self.dynamic and self.chance(0.6):
            return self.pick(self.symbols)
        return [0 if self.chance(0.01) else int(self.pick(EXTENTS))] * self.worlds

    # Values

    def new_name(self) -> str:
        return f"v{len(self.values)}"

    def new_input(self, shape: list[list[int]], dtype: str, data=None) -> Value:
        """A graph input; `data` makes the array of a shape."""
        arrays = [(data or self.data)(tuple(extents[world] for extents in shape), dtype) for world in range(self.worlds)]
        if max(array.size for array in arrays) > LARGEST_ELEMENTS:
            raise Rejected("too large")
        value = oracle.exact_value(f"x{len(self.inputs)}_{len(self.values)}", arrays)
        self.values.append(value)
        self.inputs.append((value, [self.declared(extents) for extents in shape]))
        return value

    def declared(self, extents: list[int]):
        """How the model's input says it: a number, a symbol's name, or nothing."""
        if len(set(extents)) == 1 and extents not in self.symbols:
            return extents[0]
        if not self.dynamic:
            return extents[0]
        named = self.chance(0.85) and extents in self.symbols
        return f"s{self.symbols.index(extents)}" if named else None

    def data(self, shape: tuple[int, ...], dtype: str) -> numpy.ndarray:
        """Numbers that are harmless in most ops."""
        dtype = numpy.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
        if dtype == bool:
            return self.random.integers(0, 2, shape).astype(bool)
        if oracle.is_float(dtype):
            array = self.random.uniform(-2, 2, shape).astype(dtype)
            if self.wild:
                array = numpy.where(self.random.random(shape) < 0.1, self.random.choice(SPECIAL, shape).astype(dtype), array)
            return array
        low = 0 if dtype.kind == "u" else -9
        return self.random.integers(low, 10, shape).astype(dtype)

    def constant(self, array) -> Value:
        """An initializer, or an input, where nothing has to be known."""
        array = numpy.asarray(array)
        value, tensor = oracle.constant(f"c{len(self.initializers)}_{len(self.values)}", array, self.worlds)
        self.initializers.append(tensor)
        self.values.append(value)
        return value

    def parameter(self, shape, dtype, low=-1.0, high=1.0) -> Value:
        """Weights of a known shape: mostly constant, now and then an input."""
        array = self.random.uniform(low, high, tuple(shape)).astype(dtype)
        if array.size > LARGEST_ELEMENTS:
            raise Rejected("too large")
        if self.chance(0.8):
            return self.constant(array)
        return self.new_input([[extent] * self.worlds for extent in shape], str(dtype), lambda *_: array)

    def integers(self, numbers, dtype="int64") -> Value:
        """A list that an op takes as an input: a constant, seldom an input of the model."""
        array = numpy.asarray(numbers, dtype)
        if self.chance(0.9):
            return self.constant(array)
        return self.new_input([[extent] * self.worlds for extent in array.shape], dtype, lambda *_: array)

    def value(self, accept=lambda value: True) -> Value:
        """A value of the graph, mostly a late one, that is neither a list of parameters nor refused by `accept`."""
        found = [value for value in self.values if not value.fixed and value.size <= LARGEST_ELEMENTS and accept(value)]
        if not found:
            raise Rejected("no such value")
        return self.pick(found[-4:]) if self.chance(0.7) else self.pick(found)

    def floating(self, low_rank: int = 0, accept=lambda value: True, high_rank: int = 8) -> Value:
        """A value of floats; now and then, and where there is none, a new input."""
        def fits(value):
            return value.is_float and low_rank <= value.rank <= high_rank and accept(value)

        if self.chance(0.95):
            with contextlib.suppress(Rejected):
                return self.value(fits)
        for _ in range(5):
            with contextlib.suppress(Rejected):
                mark = self.mark()
                value = self.new_input(self.shape(low_rank, min(high_rank, max(4, low_rank))), self.float_type if self.chance(0.9) else "float32")
                if fits(value):
                    return value
                self.forget(mark)
        raise Rejected("no such value")

    def integral(self, low_rank: int = 0, accept=lambda value: True) -> Value:
        return self.value(lambda value: value.dtype.kind in "iu" and value.rank >= low_rank and accept(value))

    def boolean(self) -> Value:
        """A boolean value; made of another one by a comparison if there is none."""
        if self.chance(0.5):
            try:
                return self.value(lambda value: value.dtype == bool)
            except Rejected:
                pass
        x = self.value(lambda value: value.dtype != bool)
        return self.add(self.pick(("Greater", "Less")), [x, self.scalar(x, self.pick((0, 1, 0.5)))], "exact")[0]

    def scalar(self, like: Value, number) -> Value:
        return self.constant(numpy.array(number).astype(like.dtype))

    # Nodes

    def add(self, op: str, inputs: list, kind: str = "element", outputs: int = 1, domain: str = "", reads: list[Value] = (), **attributes) -> list[Value]:
        """Adds a node; raises Rejected where it is none. `inputs` may hold None; `reads` are what subgraphs take from outside.

        Integer results are exact by themselves; `kind` is one of oracle.KINDS.
        """
        if op in NOT_IN_DOUBLE and any(value is not None and str(value.dtype) == "float64" for value in inputs):
            raise Rejected("constants of float32")
        names = [value.name if value is not None else "" for value in inputs]
        while names and not names[-1]:
            names.pop()
        results = [f"v{len(self.values) + place}" for place in range(outputs)]
        # An empty list has no type, and means what an absent one does.
        attributes = {key: value for key, value in attributes.items() if value is not None and value != []}
        node = helper.make_node(op, names, results, name=f"{op}_{len(self.nodes)}", domain=domain, **attributes)
        read = [value for value in {value.name: value for value in [*inputs, *reads] if value is not None}.values() if value.name in oracle.reads(node)]
        made = oracle.evaluate(node, read, kind, self.opsets, self.random)
        for value in made:
            self.check(value)
        self.nodes.append(node)
        self.kinds[results[0]] = kind
        self.values.extend(made)
        self.used.update(value.name for value in read)
        return made

    def check(self, value: Value) -> None:
        if value.size > LARGEST_ELEMENTS:
            raise Rejected("too large")
        if value.rank > 7:
            raise Rejected("rank")
        if value.is_float:
            for sample in value.samples:
                finite = sample.exact[numpy.isfinite(sample.exact)]
                if (finite.size < sample.exact.size and not self.wild) or numpy.abs(finite).max(initial=0) > LARGEST_MAGNITUDE[str(value.dtype)]:
                    raise Rejected("magnitude")
            if not oracle.well_conditioned(value):
                raise Rejected("ill conditioned")

    def since(self, opset: int) -> bool:
        return self.opset >= opset

    def same_shape(self, like: Value, dtype=None) -> list[Value]:
        return [value for value in self.values if value.shapes == like.shapes and (dtype is None or value.dtype == dtype)]

    def broadcasting(self, like: Value) -> Value:
        """A value that goes with `like` by broadcasting in every world, or a constant that does."""
        found = [value for value in self.values if value.dtype == like.dtype and not value.fixed and broadcasts(value, like)]
        if found and self.chance(0.6):
            return self.pick(found[-6:])
        # Where `like` has extent 1, the constant may be longer: as long as what it was reduced from, perhaps.
        dims = [self.pick(EXTENTS) if extent == 1 and self.chance(0.3) else extent for extent in like.shape[self.integer(0, like.rank):]]
        longer = [value for value in self.values[-8:] if value.rank == like.rank]
        if longer and self.chance(0.3):
            dims = [long if short == 1 else short for long, short in zip(self.pick(longer).shape, like.shape)]
        shape = tuple(1 if extent is None or self.chance(0.3) else extent for extent in dims)
        array = self.data(shape, str(like.dtype))
        # One number in all places: compilers keep such a constant by itself.
        return self.constant(numpy.full_like(array, array.flat[0]) if array.size and self.chance(0.25) else array)


def broadcasts(left: Value, right: Value) -> bool:
    """In each world, and for each dimension in the same way: equal, or one of both 1 in all worlds."""
    rank = max(left.rank, right.rank)
    total = 0
    for place in range(1, rank + 1):
        if place > left.rank or place > right.rank:
            continue
        a, b = ([shape[-place] for shape in value.shapes] for value in (left, right))
        if a != b and set(a) != {1} and set(b) != {1}:
            return False
    for a, b in zip(left.shapes, right.shapes):
        total = max(total, math.prod(numpy.broadcast_shapes(a, b)))
    return total <= LARGEST_ELEMENTS


def prune(graph: onnx.GraphProto) -> None:
    """Takes out nodes, initializers and inputs that no output needs."""
    needed = {info.name for info in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed.update(oracle.reads(node))
    for field, keep in ((graph.node, list(reversed(kept))), (graph.initializer, [tensor for tensor in graph.initializer if tensor.name in needed]),
                        (graph.input, [info for info in graph.input if info.name in needed])):
        del field[:]
        field.extend(keep)
