"""Random graphs of well-conditioned ops, with their results in float64 by numpy.

Every op is Lipschitz on bounded values, so rounding stays rounding: a result that is off by more is wrong. What the graphs
look for is what single ops cannot show: fusion, views, layouts, buffers that are used again.
"""

import dataclasses
import math

import numpy
from onnx import TensorProto, helper, numpy_helper

import windows

LARGEST = 8000  # elements of a value


@dataclasses.dataclass
class Value:
    name: str
    data: numpy.ndarray  # float64

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def rank(self) -> int:
        return self.data.ndim


class RandomGraph:
    """Grows by one node at a time; `model` is the ONNX model, `feeds` its inputs, `expected` its outputs in float64."""

    def __init__(self, seed: int, nodes: int):
        self.random = numpy.random.default_rng(seed)
        self.nodes, self.constants, self.values = [], [], []
        self.used: set[str] = set()
        self.feeds: dict[str, numpy.ndarray] = {}
        for number in range(self.random.integers(1, 4)):
            shape = self.shape()
            self.feeds[f"x{number}"] = self.random.uniform(-2, 2, shape).astype(numpy.float32)
            self.values.append(Value(f"x{number}", self.feeds[f"x{number}"].astype(numpy.float64)))
        while len(self.nodes) < nodes:
            getattr(self, self.pick(GROWTHS))(self.pick(self.values[-6:]))
        results = [value for value in self.values if value.name not in self.feeds]
        # Whatever nothing reads, and something that is read as well.
        outputs = [value for value in results if value.name not in self.used] + results[:1]
        self.expected = {value.name: value.data for value in outputs}

    def model(self, dynamic: bool):
        def info(name, shape):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        inputs = [info(name, [None] * value.ndim if dynamic else value.shape) for name, value in self.feeds.items()]
        outputs = [info(name, [None] * value.ndim) for name, value in self.expected.items()]
        graph = helper.make_graph(self.nodes, "random", inputs, outputs, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])

    # Choices

    def pick(self, options):
        return options[self.random.integers(len(options))]

    def shape(self) -> tuple[int, ...]:
        rank = self.random.integers(1, 5)
        return tuple(int(self.pick((1, 2, 3, 4, 5, 7, 8, 9, 16, 17))) for _ in range(rank))

    def axes(self, rank: int) -> list[int]:
        return sorted(self.random.permutation(rank)[: self.random.integers(1, rank + 1)].tolist())

    def constant(self, array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numpy.asarray(array), name))
        return name

    def weights(self, *shape) -> tuple[str, numpy.ndarray]:
        """Small enough that a sum over all but the first dimension stays bounded."""
        array = (self.random.uniform(-1, 1, shape) / math.sqrt(math.prod(shape[1:]))).astype(numpy.float32)
        return self.constant(array), array.astype(numpy.float64)

    def add(self, op: str, inputs: list, result, **attributes) -> None:
        result = numpy.asarray(result, numpy.float64)
        # Values that grow are left alone: errors would grow too.
        if result.size > LARGEST or result.ndim > 6 or numpy.abs(result).max(initial=0) > 50:
            return
        names = [value.name if isinstance(value, Value) else value for value in inputs]
        self.used.update(names)
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, names, [name], name=f"{op}_{len(self.nodes)}", **attributes))
        self.values.append(Value(name, result))

    # Ways to grow

    def unary(self, x: Value) -> None:
        op, function = self.pick((
            ("Relu", lambda v: numpy.maximum(v, 0)), ("Tanh", numpy.tanh), ("Sigmoid", lambda v: 1 / (1 + numpy.exp(-v))), ("Neg", numpy.negative),
            ("Abs", numpy.abs), ("Erf", numpy.vectorize(math.erf, otypes=[float])), ("Softsign", lambda v: v / (1 + abs(v))),
            ("HardSwish", lambda v: v * numpy.clip(v / 6 + 0.5, 0, 1)), ("Identity", lambda v: v), ("LeakyRelu", lambda v: numpy.where(v < 0, numpy.float32(0.01) * v, v))))
        self.add(op, [x], function(x.data))

    def binary(self, x: Value) -> None:
        op, function = self.pick((("Add", numpy.add), ("Sub", numpy.subtract), ("Mul", numpy.multiply), ("Max", numpy.maximum), ("Min", numpy.minimum)))
        other = self.pick(self.values)
        try:
            result = function(x.data, other.data)
        except ValueError:
            # Extents that do not go together: a constant that does.
            shape = [extent if self.random.integers(2) else 1 for extent in x.shape[self.random.integers(x.rank + 1):]]
            array = self.random.uniform(-1.5, 1.5, shape).astype(numpy.float32)
            self.add(op, [x, self.constant(array)], function(x.data, array.astype(numpy.float64)))
            return
        self.add(op, [x, other] if self.random.integers(2) or op == "Sub" else [other, x], result)

    def where(self, x: Value) -> None:
        mask = self.random.integers(0, 2, x.shape).astype(bool)
        others = [value for value in self.values if value.shape == x.shape]
        other = self.pick(others)
        self.add("Where", [self.constant(mask), x, other], numpy.where(mask, x.data, other.data))

    def reduce(self, x: Value) -> None:
        if x.rank == 0:
            return
        op, function = self.pick((("ReduceSum", numpy.sum), ("ReduceMean", numpy.mean), ("ReduceMax", numpy.max), ("ReduceMin", numpy.min)))
        axes, keep = self.axes(x.rank), int(self.random.integers(2))
        if op == "ReduceSum" and math.prod(x.shape[axis] for axis in axes) > 100:
            return  # What cancels in a long sum leaves errors of the size of its terms.
        self.add(op, [x, self.constant(numpy.array(axes))], function(x.data, axis=tuple(axes), keepdims=bool(keep)), keepdims=keep)

    def normalize(self, x: Value) -> None:
        if x.rank == 0:
            return
        if self.random.integers(2):
            axis = int(self.random.integers(x.rank))
            power = numpy.exp(x.data - x.data.max(axis=axis, keepdims=True))
            self.add("Softmax", [x], power / power.sum(axis=axis, keepdims=True), axis=axis)
            return
        deviation = x.data.std(axis=-1, keepdims=True)
        if deviation.min() > 0.2:
            scale = self.random.uniform(-1, 1, x.shape[-1]).astype(numpy.float32)
            result = (x.data - x.data.mean(axis=-1, keepdims=True)) / numpy.sqrt(deviation**2 + float(numpy.float32(1e-5))) * scale
            self.add("LayerNormalization", [x, self.constant(scale)], result)

    def transpose(self, x: Value) -> None:
        order = self.random.permutation(x.rank).tolist()
        if x.rank:
            self.add("Transpose", [x], x.data.transpose(order), perm=order)

    def reshape(self, x: Value) -> None:
        rest, shape = x.data.size, []
        while rest > 1 and len(shape) < 4:
            factor = self.pick([divisor for divisor in range(2, rest + 1) if rest % divisor == 0])
            shape.append(factor)
            rest //= factor
        shape = shape + [rest] if rest > 1 else shape
        for _ in range(self.random.integers(0, 2)):
            shape.insert(self.random.integers(len(shape) + 1), 1)
        target = list(shape)
        if target and self.random.integers(2):
            target[self.random.integers(len(target))] = -1
        self.add("Reshape", [x, self.constant(numpy.array(target, numpy.int64))], x.data.reshape(shape))

    def concatenate(self, x: Value) -> None:
        if x.rank == 0:
            return
        axis = int(self.random.integers(x.rank))
        fits = [value for value in self.values if value.rank == x.rank and value.shape[:axis] == x.shape[:axis] and value.shape[axis + 1:] == x.shape[axis + 1:]]
        parts = [x, *(self.pick(fits) for _ in range(self.random.integers(1, 3)))]
        self.add("Concat", parts, numpy.concatenate([part.data for part in parts], axis), axis=axis)

    def slice(self, x: Value) -> None:
        if x.rank == 0:
            return
        axis = int(self.random.integers(x.rank))
        extent, step = x.shape[axis], int(self.pick((1, 1, 2, 3, -1, -2)))
        start, end = sorted(self.random.integers(0, extent, 2).tolist())
        if step > 0:
            end, index = end + 1, slice(start, end + 1, step)
        else:
            start, end = end, start - 1 if start else -extent - 1
            index = slice(start, end if end >= 0 else None, step)
        names = [self.constant(numpy.array([number], numpy.int64)) for number in (start, end, axis, step)]
        self.add("Slice", [x, *names], x.data[(slice(None),) * axis + (index,)])

    def pad(self, x: Value) -> None:
        if x.rank == 0:
            return
        pads = self.random.integers(0, 3, (2, x.rank))
        self.add("Pad", [x, self.constant(pads.ravel())], numpy.pad(x.data, pads.T))

    def gather(self, x: Value) -> None:
        if x.rank == 0:
            return
        axis = int(self.random.integers(x.rank))
        indices = self.random.integers(-x.shape[axis], x.shape[axis], self.random.integers(1, 6))
        self.add("Gather", [x, self.constant(indices)], numpy.take(x.data, indices, axis), axis=axis)

    def repeat(self, x: Value) -> None:
        if x.rank == 0:
            return
        if self.random.integers(2):
            repeats = self.random.integers(1, 4, x.rank)
            self.add("Tile", [x, self.constant(repeats)], numpy.tile(x.data, repeats))
        else:
            shape = [int(self.pick((2, 3, 5))) if extent == 1 else extent for extent in x.shape]
            shape = [int(self.random.integers(1, 4))] * int(self.random.integers(2)) + shape
            self.add("Expand", [x, self.constant(numpy.array(shape, numpy.int64))], numpy.broadcast_to(x.data, shape))

    def multiply(self, x: Value) -> None:
        if x.rank < 2:
            return
        pairs = [value for value in self.values if value.rank >= 2 and value.shape[-2] == x.shape[-1] and value.rank == x.rank and value.shape[:-2] == x.shape[:-2]]
        if pairs and self.random.integers(2):
            other = self.pick(pairs)
            self.add("MatMul", [x, other], x.data @ other.data)
            return
        columns = int(self.pick((1, 3, 8, 16, 19)))
        name, weights = self.weights(columns, x.shape[-1])
        self.add("MatMul", [x, self.constant(weights.T.astype(numpy.float32))], x.data @ weights.T)

    def convolve(self, x: Value) -> None:
        if x.rank not in (3, 4) or x.shape[1] > 32:
            return
        axes, channels = x.rank - 2, x.shape[1]
        depthwise = channels > 1 and self.random.integers(3) == 0
        groups, filters = (channels, channels) if depthwise else (1, int(self.pick((1, 4, 8, 17))))
        kernel = [int(self.pick((1, 2, 3))) for _ in range(axes)]
        strides = [int(self.pick((1, 1, 2))) for _ in range(axes)]
        pads = [(extent // 2, extent // 2) for extent in kernel]
        name, weights = self.weights(filters, channels // groups, *kernel)
        bias = self.random.uniform(-1, 1, filters).astype(numpy.float32)
        result = windows.convolve(x.data, weights, strides, [1] * axes, pads, groups) + bias.astype(float).reshape(-1, *[1] * axes)
        self.add("Conv", [x, name, self.constant(bias)], result, group=groups, strides=strides, pads=[pad for pad, _ in pads] * 2)

    def pool(self, x: Value) -> None:
        if x.rank not in (3, 4) or min(x.shape[2:]) < 2:
            return
        axes = x.rank - 2
        kernel, strides = [2] * axes, [int(self.pick((1, 2))) for _ in range(axes)]
        maximum = self.random.integers(2)
        parts = [part for _, part in windows.taps(x.data, kernel, strides, [1] * axes, [(0, 0)] * axes, 0)]
        self.add("MaxPool" if maximum else "AveragePool", [x], numpy.max(parts, 0) if maximum else numpy.mean(parts, 0), kernel_shape=kernel, strides=strides)


GROWTHS = ("unary", "unary", "unary", "binary", "binary", "binary", "where", "reduce", "normalize", "transpose", "transpose", "reshape", "concatenate", "slice",
           "pad", "gather", "repeat", "multiply", "multiply", "convolve", "convolve", "pool")
