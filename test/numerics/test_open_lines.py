"""Windows over images whose extents only a run knows: lines without room for a window, for a tile, for a tile at each border, and all others."""

import itertools

import numpy
import pytest
import tenon
from onnx import TensorProto, helper, numpy_helper

import harness
import windows
from arrays import rng, uniform
from harness import summed

# Kernel, strides, dilations, pads of a line.
LINES = [(3, 1, 1, (1, 1)), (5, 1, 1, (2, 2)), (5, 1, 1, (0, 0)), (3, 2, 1, (1, 1)), (3, 2, 1, (0, 1)), (5, 2, 1, (2, 2)), (5, 2, 1, (2, 1)), (2, 2, 1, (0, 0)),
         (3, 3, 1, (2, 1)), (3, 1, 2, (2, 2)), (3, 1, 5, (5, 5)), (7, 1, 1, (3, 3)), (7, 4, 1, (3, 3)), (3, 1, 1, (2, 0)), (1, 1, 1, (0, 0)), (11, 1, 1, (5, 5))]
WIDTHS = [*range(1, 20), 23, 24, 25, 31, 33, 48, 65]


def compiled(path, nodes, channels, weights=(), channels_last=False, rank=4):
    """A function of x, the input of all nodes, which gives their results by name; no spatial extent is known. With `channels_last` the
    model has all of them with channels as the last dimension."""
    def info(name, count):
        spatial = [None] * (rank - 2)
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, *spatial, count] if channels_last else [None, count, *spatial])

    names = [node.output[0] for node in nodes]
    if channels_last:
        before = helper.make_node("Transpose", ["x"], ["x first"], perm=[0, rank - 1, *range(1, rank - 1)])
        after = [helper.make_node("Transpose", [f"{name} first"], [name], perm=[0, *range(2, rank), 1]) for name in names]
        for node in nodes:
            node.input[0], node.output[0] = "x first", f"{node.output[0]} first"
        nodes = [before, *nodes, *after]
    graph = helper.make_graph(nodes, "lines", [info("x", channels)], [info(name, None) for name in names],
                              [numpy_helper.from_array(array, name) for name, array in weights])
    model = tenon.load(tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), path, cpu=harness.CPU))
    if not channels_last:
        return lambda x: model.run({"x": x})
    return lambda x: {name: numpy.moveaxis(y, -1, 1) for name, y in model.run({"x": numpy.ascontiguousarray(numpy.moveaxis(x, 1, -1))}).items()}


def images(generator, channels, least):
    for width, (number, height) in itertools.product(WIDTHS, ((1, 1), (1, 5), (2, 3))):
        if width >= least:
            yield uniform(generator, (number, channels, height, width))


@pytest.mark.parametrize("channels", [3, 16, 40])
def test_depthwise(tmp_path, channels, channels_last):
    generator = rng()
    for at, (kernel, stride, dilation, pads) in enumerate(LINES):
        weights = uniform(generator, (channels, 1, 3, kernel))
        attributes = {"strides": [1, stride], "dilations": [1, dilation], "pads": [1, pads[0], 1, pads[1]], "group": channels}
        model = compiled(tmp_path / f"{at}.so", [helper.make_node("Conv", ["x", "w"], ["y"], **attributes)], channels, [("w", weights)], channels_last)
        for x in images(generator, channels, dilation * (kernel - 1) + 1 - sum(pads)):
            arguments = [1, stride], [1, dilation], [(1, 1), pads], channels
            bound = summed(windows.convolve(abs(x), abs(weights), *arguments), 3 * kernel, "float32")
            error = abs(model(x)["y"] - windows.convolve(x.astype(float), weights, *arguments))
            assert (error <= bound).all(), f"{x.shape}, kernel {kernel}, {attributes}"


@pytest.mark.parametrize("ceil", [0, 1])
def test_pooling(tmp_path, ceil, channels_last):
    generator, channels = rng(), 20
    for at, (kernel, stride, dilation, pads) in enumerate(LINES):
        if max(pads) > kernel // 2 or kernel == 1:
            continue
        attributes = {"kernel_shape": [2, kernel], "strides": [1, stride], "dilations": [1, dilation], "pads": [1, pads[0], 0, pads[1]], "ceil_mode": ceil}
        average = attributes | {"count_include_pad": at % 2}
        nodes = [helper.make_node("MaxPool", ["x"], ["most"], **attributes), helper.make_node("AveragePool", ["x"], ["mean"], **average)]
        model = compiled(tmp_path / f"{at}.so", nodes, channels, channels_last=channels_last)
        for x in images(generator, channels, dilation * (kernel - 1) + 1 - sum(pads)):
            arguments = [2, kernel], [1, stride], [1, dilation], [(1, 0), pads]
            results = model(x)
            most = numpy.max([part for _, part in windows.taps(x, *arguments, -numpy.inf, ceil)], axis=0)
            assert numpy.array_equal(results["most"], most), f"{x.shape}, {attributes}"
            total = sum(part.astype(float) for _, part in windows.taps(x, *arguments, 0, ceil))
            # What counts: the image, or the image and its padding.
            shown = numpy.ones_like(x)
            if average["count_include_pad"]:
                shown = numpy.pad(shown, [(0, 0), (0, 0), (1, 0), pads], constant_values=1)
                arguments = [2, kernel], [1, stride], [1, dilation], [(0, 0), (0, 0)]
            count = sum(part for _, part in windows.taps(shown, *arguments, 0, ceil))
            numpy.testing.assert_allclose(results["mean"], total / count, rtol=1e-5, atol=1e-5, err_msg=f"{x.shape}, {average}")


def test_lines_in_parts(tmp_path, channels_last):
    """Lines alone, which are shared out among tasks."""
    generator, channels = rng(), 24
    weights = uniform(generator, (channels, 1, 5))
    model = compiled(tmp_path / "model.so", [helper.make_node("Conv", ["x", "w"], ["y"], pads=[2, 2], group=channels)], channels, [("w", weights)], channels_last, rank=3)
    for width in (1, 2, 5, 6, 9, 10, 31, 167, 168, 169, 170, 171, 172, 337, 1001, 4097, 9000):
        x = uniform(generator, (1, channels, width))
        bound = summed(windows.convolve(abs(x), abs(weights), [1], [1], [(2, 2)], channels), 5, "float32")
        error = abs(model(x)["y"] - windows.convolve(x.astype(float), weights, [1], [1], [(2, 2)], channels))
        assert (error <= bound).all(), width


def test_no_pixels(tmp_path, channels_last):
    """Images without a pixel, or none at all."""
    weights = uniform(rng(), (4, 1, 3, 3))
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1], group=4), helper.make_node("MaxPool", ["x"], ["most"], kernel_shape=[2, 1]),
             helper.make_node("AveragePool", ["x"], ["mean"], kernel_shape=[1, 2], strides=[1, 2])]
    model = compiled(tmp_path / "model.so", nodes, 4, [("w", weights)], channels_last)
    for shape, results in (((2, 4, 0, 5), {"y": (2, 4, 0, 5), "most": (2, 4, 0, 5), "mean": (2, 4, 0, 2)}),
                           ((2, 4, 5, 0), {"y": (2, 4, 5, 0), "most": (2, 4, 4, 0), "mean": (2, 4, 5, 0)}),
                           ((0, 4, 5, 6), {"y": (0, 4, 5, 6), "most": (0, 4, 4, 6), "mean": (0, 4, 5, 3)})):
        assert {name: value.shape for name, value in model(numpy.zeros(shape, numpy.float32)).items()} == results
