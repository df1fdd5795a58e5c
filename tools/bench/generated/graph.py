"""Builds ONNX graphs of random weights, a node at a time."""

import math

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """A graph with one input set and one output. Weights are normal, scaled so that activations keep their size."""

    def __init__(self, opset: int = 20):
        self._opset, self._nodes, self._constants, self._inputs, self._count = opset, [], [], [], 0
        self._random = numpy.random.default_rng(0)

    def input(self, name: str, *shape: int, dtype=TensorProto.FLOAT) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def constant(self, values, dtype=numpy.float32) -> str:
        self._count += 1
        self._constants.append(numpy_helper.from_array(numpy.asarray(values, dtype), f"c{self._count}"))
        return f"c{self._count}"

    def weight(self, *shape: int, fan_in: int = 0) -> str:
        scale = 1 / math.sqrt(fan_in or math.prod(shape[1:]) or 1)
        return self.constant(self._random.standard_normal(shape, dtype=numpy.float32) * scale)

    def op(self, kind: str, *inputs: str, **attributes) -> str:
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, results: int, *inputs: str, **attributes) -> list[str]:
        self._count += 1
        names = [f"v{self._count}_{number}" for number in range(results)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, name=f"{kind}_{self._count}", **attributes))
        return names

    def model(self, *outputs: str) -> onnx.ModelProto:
        graph = helper.make_graph(self._nodes, "generated", self._inputs, [onnx.ValueInfoProto(name=name) for name in outputs], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self._opset)], ir_version=9)
        inferred = {value.name: value for value in onnx.shape_inference.infer_shapes(model).graph.output}
        for output in model.graph.output:
            output.CopyFrom(inferred[output.name])
        return model

    # What networks are made of.

    def activation(self, x: str, kind: str | None) -> str:
        match kind:
            case None:
                return x
            case "silu":
                return self.op("Mul", x, self.op("Sigmoid", x))
            case "relu6":
                return self.op("Clip", x, self.constant(0), self.constant(6))
            case "leaky":
                return self.op("LeakyRelu", x, alpha=0.1)
            case _:
                return self.op({"relu": "Relu", "hardswish": "HardSwish", "mish": "Mish", "gelu": "Gelu", "tanh": "Tanh", "sigmoid": "Sigmoid"}[kind], x)

    def conv(self, x: str, inputs: int, outputs: int, kernel=3, stride=1, group: int = 1, act: str | None = None, dilation: int = 1, dims: int = 2) -> str:
        """A convolution of the same extents (over the stride), with a bias."""
        sizes = [kernel] * dims if isinstance(kernel, int) else list(kernel)
        strides = [stride] * dims if isinstance(stride, int) else list(stride)
        pads = [dilation * (size - 1) // 2 for size in sizes]
        y = self.op("Conv", x, self.weight(outputs, inputs // group, *sizes), self.weight(outputs, fan_in=100), kernel_shape=sizes,
                    strides=strides, pads=pads * 2, group=group, dilations=[dilation] * len(sizes))
        return self.activation(y, act)

    def conv_transpose(self, x: str, inputs: int, outputs: int, kernel: int, stride: int, dims: int = 2) -> str:
        pad = (kernel - stride) // 2
        return self.op("ConvTranspose", x, self.weight(inputs, outputs, *[kernel] * dims, fan_in=inputs), self.weight(outputs, fan_in=100),
                       strides=[stride] * dims, pads=[pad] * (2 * dims))

    def linear(self, x: str, inputs: int, outputs: int, act: str | None = None) -> str:
        y = self.op("Add", self.op("MatMul", x, self.weight(inputs, outputs, fan_in=inputs)), self.weight(outputs, fan_in=100))
        return self.activation(y, act)

    def layer_norm(self, x: str, size: int) -> str:
        return self.op("LayerNormalization", x, self.constant(numpy.ones(size)), self.constant(numpy.zeros(size)), axis=-1)

    def rms_norm(self, x: str, size: int) -> str:
        mean = self.op("ReduceMean", self.op("Mul", x, x), self.constant([-1], numpy.int64))
        root = self.op("Sqrt", self.op("Add", mean, self.constant(1e-5)))
        return self.op("Mul", self.op("Div", x, root), self.constant(numpy.ones(size)))

    def group_norm(self, x: str, channels: int, groups: int) -> str:
        """As PyTorch exports it: an instance normalization of groups."""
        shape = self.op("Shape", x)
        rows = self.op("Reshape", x, self.constant([0, groups, -1], numpy.int64))
        y = self.op("InstanceNormalization", rows, self.constant(numpy.ones(groups)), self.constant(numpy.zeros(groups)))
        y = self.op("Reshape", y, shape)
        return self.op("Add", self.op("Mul", y, self.constant(numpy.ones((channels, 1, 1)))), self.constant(numpy.zeros((channels, 1, 1))))

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.constant(shape, numpy.int64))

    def pool(self, x: str, kernel: int = 2, stride: int = 2, pad: int = 0, kind: str = "MaxPool") -> str:
        return self.op(kind, x, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def resize(self, x: str, scale: float, mode: str = "nearest") -> str:
        extra = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"} if mode == "nearest" else {}
        return self.op("Resize", x, "", self.constant([1, 1, scale, scale]), mode=mode, **extra)

    def classifier(self, x: str, channels: int, classes: int = 1000) -> str:
        return self.linear(self.op("Flatten", self.op("GlobalAveragePool", x)), channels, classes)

    def squeeze_excite(self, x: str, channels: int, reduced: int, act: str = "relu", gate: str = "Sigmoid") -> str:
        y = self.conv(self.op("GlobalAveragePool", x), channels, reduced, 1, act=act)
        return self.op("Mul", x, self.op(gate, self.conv(y, reduced, channels, 1)))

    def attention(self, x: str, length: int, size: int, heads: int, mask: str | None = None, batch: int = 1) -> str:
        def split(y: str, *order: int) -> str:
            return self.op("Transpose", self.reshape(y, batch, length, heads, size // heads), perm=order)

        query, value = split(self.linear(x, size, size), 0, 2, 1, 3), split(self.linear(x, size, size), 0, 2, 1, 3)
        key = split(self.linear(x, size, size), 0, 2, 3, 1)
        scores = self.op("Mul", self.op("MatMul", query, key), self.constant(1 / math.sqrt(size // heads)))
        scores = self.op("Add", scores, mask) if mask else scores
        y = self.op("MatMul", self.op("Softmax", scores, axis=-1), value)
        return self.linear(self.reshape(self.op("Transpose", y, perm=[0, 2, 1, 3]), batch, length, size), size, size)

    def feed_forward(self, x: str, size: int, inner: int, act: str = "gelu") -> str:
        return self.linear(self.linear(x, size, inner, act), inner, size)
