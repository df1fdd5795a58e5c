"""Random convolution networks that join and split channels, as detectors and segmenters do."""

import math

import numpy
from onnx import TensorProto, helper, numpy_helper

CHANNELS = (1, 3, 5, 8, 16, 16, 17, 32)
MOST_CHANNELS = 96


class JoinGraph:
    """Grows by one node at a time; a value is a name, its channels and how often its extents have been halved."""

    def __init__(self, seed: int, nodes: int, dtype="float32"):
        self.random = numpy.random.default_rng(seed)
        self.dtype = dtype
        self.nodes, self.constants, self.used = [], [], set()
        scale = 4
        self.batch, self.height, self.width = int(self.pick((1, 1, 2))), scale * int(self.pick((1, 2, 3))), scale * int(self.pick((1, 3, 4)))
        channels = int(self.pick((3, 8, 16)))
        self.values = [("x", channels, 0)]
        self.feeds = {"x": self.random.uniform(-1, 1, (self.batch, channels, self.height, self.width)).astype(dtype)}
        growths = [self.convolution] * 6 + [self.join] * 5 + [self.split] * 2 + [self.pool, self.halve, self.double, self.double, self.activate, self.activate, self.add, self.add]
        while len(self.nodes) < nodes:
            self.pick(growths)()
        outputs = [value for value in self.values if value[0] not in self.used and value[0] != "x"]
        joined = [value for value in self.values if value[0].startswith("join")]
        if joined and self.random.random() < 0.3:
            outputs.append(self.pick(joined))
        self.outputs = list(dict.fromkeys(name for name, _, _ in outputs))

    def model(self, dynamic: bool):
        kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(self.dtype))
        shape = list(self.feeds["x"].shape)
        if dynamic:
            shape = [None, shape[1], None, None]
        graph = helper.make_graph(self.nodes, "joins", [helper.make_tensor_value_info("x", kind, shape)],
                                  [helper.make_tensor_value_info(name, kind, [None] * 4) for name in self.outputs], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])

    # Choices

    def pick(self, options):
        return options[self.random.integers(len(options))]

    def value(self, level=None, most=MOST_CHANNELS):
        """One of the last values, or any of them."""
        fitting = [value for value in self.values if (level is None or value[2] == level) and value[1] <= most]
        recent = fitting[-5:] if self.random.random() < 0.8 else fitting
        return self.pick(recent) if recent else None

    def constant(self, array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array if array.dtype == numpy.int64 else array.astype(self.dtype), name))
        return name

    def node(self, op, inputs, channels, level, name=None, **attributes):
        result = f"{name or op.lower()}{len(self.values)}"
        self.nodes.append(helper.make_node(op, inputs, [result], **attributes))
        self.used.update(inputs)
        self.values.append((result, channels, level))
        return result

    # Growths

    def convolution(self, stride=1):
        name, channels, level = self.value()
        filters, window = int(self.pick(CHANNELS)), int(self.pick((1, 1, 3, 3, 3)))
        groups = 1
        if window == 3 and self.random.random() < 0.3:
            groups = filters = channels
        fan = channels // groups * window * window
        weights = self.random.uniform(-1, 1, (filters, channels // groups, window, window)) * math.sqrt(3 / fan)
        inputs = [name, self.constant(weights)]
        if self.random.random() < 0.7:
            inputs.append(self.constant(self.random.uniform(-1, 1, filters)))
        self.node("Conv", inputs, filters, level + (stride == 2), pads=[window // 2] * 4, strides=[stride] * 2, group=groups)

    def join(self):
        level = self.values[-1][2] if self.random.random() < 0.7 else self.value()[2]
        parts, total = [], 0
        for _ in range(int(self.pick((2, 2, 3, 3, 4)))):
            part = self.value(level, MOST_CHANNELS - total)
            if part and (part not in parts or self.random.random() < 0.2):
                parts.append(part)
                total += part[1]
        if len(parts) > 1:
            self.node("Concat", [name for name, _, _ in parts], total, level, name="join", axis=1)

    def split(self):
        name, channels, level = self.value()
        if channels < 2:
            return
        first = int(self.pick((1, channels // 2, channels // 2, channels - 1)))
        results = [f"split{len(self.values)}", f"split{len(self.values) + 1}"]
        self.nodes.append(helper.make_node("Split", [name, self.constant(numpy.array([first, channels - first], numpy.int64))], results, axis=1))
        self.used.add(name)
        self.values.extend([(results[0], first, level), (results[1], channels - first, level)])

    def pool(self):
        name, channels, level = self.value()
        self.node(self.pick(("MaxPool", "AveragePool")), [name], channels, level, kernel_shape=[3, 3], pads=[1] * 4)

    def halve(self):
        name, channels, level = self.value()
        if level == 2:
            return
        if self.random.random() < 0.5:
            self.convolution_of_half(name, channels, level)
        else:
            self.node("MaxPool", [name], channels, level + 1, kernel_shape=[2, 2], strides=[2, 2])

    def convolution_of_half(self, name, channels, level):
        filters = int(self.pick(CHANNELS))
        weights = self.random.uniform(-1, 1, (filters, channels, 3, 3)) * math.sqrt(3 / (9 * channels))
        self.node("Conv", [name, self.constant(weights)], filters, level + 1, pads=[1] * 4, strides=[2, 2])

    def double(self):
        small = [value for value in self.values if value[2] > 0]
        if not small:
            return
        name, channels, level = self.pick(small[-4:])
        scales = self.constant_of_floats([1, 1, 2, 2])
        self.node("Resize", [name, "", scales], channels, level - 1, mode=self.pick(("nearest", "linear")), coordinate_transformation_mode="asymmetric",
                  nearest_mode="floor")

    def constant_of_floats(self, numbers) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(helper.make_tensor(name, TensorProto.FLOAT, [len(numbers)], numbers))
        return name

    def activate(self):
        name, channels, level = self.value()
        if self.random.random() < 0.5:
            self.node("Relu", [name], channels, level)
            return
        gate = self.node("Sigmoid", [name], channels, level)
        self.values.pop()
        self.node("Mul", [name, gate], channels, level)

    def add(self):
        name, channels, level = self.value()
        others = [other for other in self.values if other[1:] == (channels, level) and other[0] != name]
        if others:
            self.node("Add", [name, self.pick(others)[0]], channels, level)
