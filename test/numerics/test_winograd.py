"""Convolutions that Winograd's algorithm computes: borders, tails, every number of dimensions, fused epilogues."""

import json
import subprocess

import numpy
import onnx
import pytest
from onnx import helper, numpy_helper

import tenon
from harness import CPU

# Results depend on all inputs of a tile, so the error is measured against the largest sum of magnitudes; the transforms of
# F(4x4, 3x3) amplify rounding about 20 times (Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd
# Convolution for Deep Neural Networks", 2020).
BOUND = 24 * 2.0**-24


def sums(x, w, pads, dilation=1):
    """The convolution in float64."""
    spatial = x.ndim - 2
    spread = numpy.zeros((*w.shape[:2], *((size - 1) * dilation + 1 for size in w.shape[2:])), numpy.float64)
    spread[(..., *[slice(None, None, dilation)] * spatial)] = w
    w = spread
    padded = numpy.pad(x.astype(numpy.float64), [(0, 0), (0, 0), *zip(pads[:spatial], pads[spatial:])])
    windows = numpy.lib.stride_tricks.sliding_window_view(padded, w.shape[2:], axis=tuple(range(2, x.ndim)))
    return numpy.moveaxis(numpy.tensordot(windows, w.astype(numpy.float64), [[1, *range(x.ndim, 2 * x.ndim - 2)], [1, *range(2, x.ndim)]]), -1, 1)


def silu(y):
    return y / (1 + numpy.exp(-y))


EPILOGUES = {"": lambda y: y, "Relu": lambda y: numpy.maximum(y, 0), "silu": silu}
# Input shape, filters, kernel, pads, epilogue, dilation.
CASES = [
    ((1, 16, 12, 12), 16, (3, 3), (1, 1, 1, 1), "Relu", 1),
    ((1, 16, 13, 17), 32, (3, 3), (1, 1, 1, 1), "", 1),
    ((2, 24, 11, 10), 20, (3, 3), (0, 0, 0, 0), "silu", 1),
    ((3, 9, 9, 30), 13, (3, 3), (2, 1, 0, 2), "Relu", 1),
    ((1, 64, 40, 36), 64, (3, 3), (1, 1, 1, 1), "silu", 1),
    ((1, 128, 10, 10), 128, (3, 3), (1, 1, 1, 1), "", 1),
    ((1, 32, 40, 6), 32, (3, 1), (1, 0, 1, 0), "Relu", 1),
    ((2, 32, 5, 50), 24, (1, 3), (0, 1, 0, 1), "", 1),
    ((2, 32, 101), 40, (3,), (1, 1), "Relu", 1),
    ((1, 16, 4, 20, 20), 16, (1, 3, 3), (0, 1, 1, 0, 1, 1), "", 1),
    ((1, 48, 3, 64), 48, (3, 3), (1, 1, 1, 1), "silu", 1),
    ((2, 32, 203), 24, (3,), (0, 0), "silu", 8),
    ((1, 64, 200), 64, (5,), (2, 2), "Relu", 1),
    ((1, 48, 60, 1), 40, (4, 1), (0, 0, 0, 0), "", 1),
    ((1, 32, 90), 48, (7,), (3, 3), "", 2),
    ((2, 32, 64), 32, (6,), (1, 4), "silu", 1),
    ((1, 32, 33, 40), 32, (5, 5), (2, 2, 2, 2), "", 1),
    ((1, 32, 20, 31), 24, (2, 4), (1, 1, 0, 2), "Relu", 1),
    ((1, 32, 90), 32, (3,), (5, 7), "Relu", 5),
    ((1, 16, 30, 27), 16, (3, 3), (2, 2, 2, 2), "", 2),
    ((1, 16, 6, 13, 12), 20, (3, 3, 3), (1, 1, 1, 1, 1, 1), "Relu", 1),
    ((2, 9, 5, 14, 17), 16, (2, 3, 3), (0, 1, 0, 2, 1, 1), "silu", 1),
    ((1, 16, 9, 16, 15), 16, (3, 3, 3), (2, 2, 2, 2, 2, 2), "", 2),
    ((1, 16, 4, 20, 20), 16, (1, 3, 3), (1, 1, 1, 0, 1, 1), "", 1),
]


def model(x, w, pads, epilogue, dynamic, dilation=1, strides=None):
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=w.shape[2:], pads=pads, dilations=[dilation] * (x.ndim - 2),
                              strides=strides or [1] * (x.ndim - 2))]
    if epilogue == "silu":
        nodes += [helper.make_node("Sigmoid", ["c"], ["s"]), helper.make_node("Mul", ["c", "s"], ["y"])]
    else:
        nodes.append(helper.make_node(epilogue or "Identity", ["c"], ["y"]))
    shape = [None, x.shape[1], *[None] * (x.ndim - 2)] if dynamic else x.shape
    graph = helper.make_graph(nodes, "winograd", [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)], [numpy_helper.from_array(w, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


@pytest.mark.parametrize("case", CASES, ids=lambda case: "x".join(map(str, case[0])) + f"-{case[1]}-{'x'.join(map(str, case[2]))}{case[4]}-{case[5]}")
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_results(tmp_path, build, case, dynamic):
    shape, filters, kernel, pads, epilogue, dilation = case
    generator = numpy.random.default_rng(5)
    x = generator.uniform(-1, 1, shape).astype(numpy.float32)
    w = generator.uniform(-1, 1, (filters, shape[1], *kernel)).astype(numpy.float32)
    library = tenon.compile(model(x, w, pads, epilogue, dynamic, dilation), tmp_path / "model.so", cpu=CPU)
    report = json.loads(subprocess.run([build / "bin/tenon", "inspect", library, "--json"], capture_output=True, check=True).stdout)
    assert any("winograd" in kernel["path"] for kernel in report["kernels"])
    assert report["transformed_weights_bytes"] > 0
    results = [tenon.load(library, threads=threads).run({"x": x})["y"] for threads in (1, 2)]
    assert results[0].tobytes() == results[1].tobytes()
    expected = EPILOGUES[epilogue](sums(x, w, pads, dilation))
    assert results[0].shape == expected.shape
    limit = BOUND * sums(abs(x), abs(w), pads, dilation).max()
    numpy.testing.assert_allclose(results[0], expected, rtol=0, atol=limit)


# Input shape, filters, kernel, pads, strides.
STRIDED = [
    ((1, 3, 64, 64), 32, (7, 7), (3, 3, 3, 3), (2, 2)),
    ((2, 3, 63, 50), 32, (7, 7), (2, 3, 3, 2), (2, 2)),
    ((1, 24, 21, 30), 40, (5, 5), (2, 2, 2, 2), (2, 2)),
    ((1, 24, 22, 30), 40, (6, 5), (0, 1, 0, 3), (2, 1)),
    ((1, 24, 40, 41), 40, (9, 9), (4, 4, 4, 4), (3, 3)),
    ((2, 128, 120), 128, (7,), (3, 3), (2,)),
    ((1, 128, 121), 160, (12,), (0, 5), (3,)),
    ((1, 128, 1, 190), 128, (1, 8), (0, 3, 0, 3), (1, 2)),
]


@pytest.mark.parametrize("case", STRIDED, ids=lambda case: "x".join(map(str, case[0])) + f"-{'x'.join(map(str, case[2]))}-{'x'.join(map(str, case[4]))}")
def test_strides(tmp_path, build, case):
    """The phases of the input become channels, and the stride one."""
    shape, filters, kernel, pads, strides = case
    generator = numpy.random.default_rng(11)
    x = generator.uniform(-1, 1, shape).astype(numpy.float32)
    w = generator.uniform(-1, 1, (filters, shape[1], *kernel)).astype(numpy.float32)
    library = tenon.compile(model(x, w, pads, "Relu", False, strides=strides), tmp_path / "model.so", cpu=CPU)
    report = json.loads(subprocess.run([build / "bin/tenon", "inspect", library, "--json"], capture_output=True, check=True).stdout)
    assert any("winograd" in kernel["path"] for kernel in report["kernels"])
    places = (slice(None), slice(None), *(slice(None, None, stride) for stride in strides))
    expected = numpy.maximum(sums(x, w, pads)[places], 0)
    result = tenon.load(library).run({"x": x})["y"]
    assert result.shape == expected.shape
    numpy.testing.assert_allclose(result, expected, rtol=0, atol=BOUND * sums(abs(x), abs(w), pads).max())


# Channels, filters, kernel, pads, strides, inputs: smaller than the window, and every remainder of the strides.
ANY_SIZE = [
    (3, 32, (7, 7), (3, 3, 3, 3), (2, 2), [(1, 1), (2, 9), (64, 63), (63, 64), (17, 30)]),
    (24, 40, (6, 5), (0, 1, 0, 3), (2, 1), [(5, 3), (6, 1), (7, 2), (22, 30), (23, 31)]),
    (24, 40, (9, 9), (4, 4, 0, 7), (3, 3), [(1, 9), (5, 2), (6, 3), (40, 41), (41, 42), (42, 40)]),
    (1, 72, (512,), (0, 0), (160,), [(100,), (511,), (512,), (513,), (671,), (672,), *((1800 + 20 * i,) for i in range(9)), (12400,)]),
    (128, 160, (12,), (0, 0), (3,), [(3,), (11,), (12,), (13,), (14,), (15,), (121,), (122,), (123,)]),
    (128, 128, (7,), (0, 9), (2,), [(0,), (1,), (2,), (40,), (41,)]),
]


@pytest.mark.parametrize("case", ANY_SIZE, ids=lambda case: f"{'x'.join(map(str, case[2]))}-{'x'.join(map(str, case[4]))}-{'x'.join(map(str, case[3]))}")
def test_strides_of_dynamic_extents(tmp_path, build, case):
    channels, filters, kernel, pads, strides, sizes = case
    generator = numpy.random.default_rng(13)
    w = generator.uniform(-1, 1, (filters, channels, *kernel)).astype(numpy.float32)
    like = numpy.zeros((1, channels, *[1] * len(kernel)), numpy.float32)
    library = tenon.compile(model(like, w, pads, "Relu", True, strides=strides), tmp_path / "model.so", cpu=CPU)
    report = json.loads(subprocess.run([build / "bin/tenon", "inspect", library, "--json"], capture_output=True, check=True).stdout)
    assert any("winograd" in kernel["path"] for kernel in report["kernels"])
    loaded = tenon.load(library)
    spatial = len(kernel)
    for size in sizes:
        for images in (1, 2):
            x = generator.uniform(-1, 1, (images, channels, *size)).astype(numpy.float32)
            y = loaded.run({"x": x})["y"]
            extents = [(n + pads[d] + pads[spatial + d] - kernel[d]) // strides[d] + 1 for d, n in enumerate(size)]
            assert y.shape == (images, filters, *(max(n, 0) for n in extents))
            if y.size == 0:
                continue
            places = (slice(None), slice(None), *(slice(None, None, stride) for stride in strides))
            limit = BOUND * sums(abs(x), abs(w), pads).max()
            numpy.testing.assert_allclose(y, numpy.maximum(sums(x, w, pads)[places], 0), rtol=0, atol=limit)


# Channels, filters, kernel, pads, strides, inputs from one result to many; and the step from one pixel of the model's input that the
# convolution reads to the next: for the sizes that are guessed it is a deep layer, with few pixels.
FORMS = [
    (64, 72, (3, 3), (1, 1, 1, 1), (1, 1), [(1, 1), (2, 3), (4, 4), (7, 7), (10, 9), (33, 30)], 32),
    (20, 64, (3, 3), (0, 1, 1, 0), (2, 2), [(3, 2), (4, 4), (8, 9), (15, 14), (40, 41)], 8),
    (3, 64, (7, 7), (3, 3, 3, 3), (2, 2), [(1, 1), (5, 6), (16, 15), (64, 61)], 32),
    (40, 48, (5,), (2, 2), (1,), [(1,), (2,), (3,), (8,), (31,), (300,)], 32),
    (1, 128, (128,), (0, 32), (32,), [(128,), (160,), (500,)], 8),
]


@pytest.mark.parametrize("case", FORMS, ids=lambda case: "x".join(map(str, [*case[:2], *case[2], *case[4]])))
def test_forms_of_a_filter(tmp_path, build, case):
    """The run takes the form of the filter that is fast for its extents: every one is right, and there are several."""
    channels, filters, kernel, pads, strides, sizes, step = case
    generator = numpy.random.default_rng(13)
    w = generator.uniform(-1, 1, (filters, channels, *kernel)).astype(numpy.float32)
    onnx_model = model(numpy.zeros((1, channels, *[1] * len(kernel)), numpy.float32), w, pads, "silu", True, strides=strides)
    onnx_model.graph.node[0].input[0] = "apart"
    onnx_model.graph.node.insert(0, helper.make_node("MaxPool", ["x"], ["apart"], kernel_shape=[1] * len(kernel), strides=[step] * len(kernel)))
    onnx.save(onnx_model, tmp_path / "model.onnx")
    compiler = [build / "bin/tenon", "compile", tmp_path / "model.onnx", "-o"]
    subprocess.run([*compiler, tmp_path / "nn.mlir", "--emit", "nn"], check=True)
    assert "alternative_packings" in (tmp_path / "nn.mlir").read_text()
    subprocess.run([*compiler, tmp_path / "exact.mlir", "--emit", "nn", "--exact"], check=True)
    assert "alternative_packings" not in (tmp_path / "exact.mlir").read_text()
    loaded = [tenon.load(tenon.compile(onnx_model, tmp_path / "model.so", cpu=CPU), threads=threads) for threads in (1, 2)]
    places = (slice(None), slice(None), *(slice(None, None, stride) for stride in strides))
    for size in sizes:
        for images in (1, 2):
            x = generator.uniform(-1, 1, (images, channels, *size)).astype(numpy.float32)
            spread = numpy.zeros((images, channels, *[step * (n - 1) + 1 for n in size]), numpy.float32)
            spread[(slice(None), slice(None), *[slice(None, None, step)] * len(size))] = x
            results = [runner.run({"x": spread})["y"] for runner in loaded]
            assert results[0].tobytes() == results[1].tobytes()
            # The largest of many errors, with few channels to sum up.
            limit = 2 * BOUND * sums(abs(x), abs(w), pads).max()
            numpy.testing.assert_allclose(results[0], silu(sums(x, w, pads)[places]), rtol=0, atol=limit)


def test_one_artefact_for_all_sizes(tmp_path):
    generator = numpy.random.default_rng(6)
    w = generator.uniform(-1, 1, (24, 16, 3, 3)).astype(numpy.float32)
    library = tenon.compile(model(numpy.zeros((1, 16, 1, 1), numpy.float32), w, (1, 1, 1, 1), "Relu", True), tmp_path / "model.so", cpu=CPU)
    loaded = tenon.load(library)
    for size in ((1, 1), (1, 2), (3, 4), (4, 4), (5, 9), (31, 2), (2, 63)):
        for images in (1, 3):
            x = generator.uniform(-1, 1, (images, 16, *size)).astype(numpy.float32)
            limit = BOUND * sums(abs(x), abs(w), (1, 1, 1, 1)).max()
            numpy.testing.assert_allclose(loaded.run({"x": x})["y"], numpy.maximum(sums(x, w, (1, 1, 1, 1)), 0), rtol=0, atol=limit)


# Channels, filters: tiles of many rows by one vector, and of few rows by several.
@pytest.mark.parametrize("widths", [(16, 16), (16, 40), (24, 144)], ids=lambda widths: "x".join(map(str, widths)))
def test_every_number_of_tiles_in_a_block(tmp_path, widths):
    """Blocks of 1 to 24 tiles, alone and several: rows in every height of a tile, also where they are padded."""
    channels, filters = widths
    generator = numpy.random.default_rng(11)
    w = generator.uniform(-1, 1, (filters, channels, 3, 3)).astype(numpy.float32)
    library = tenon.compile(model(numpy.zeros((1, channels, 1, 1), numpy.float32), w, (1, 1, 1, 1), "Relu", True), tmp_path / "model.so", cpu=CPU)
    loaded = tenon.load(library)
    for columns in [*range(1, 27), 47, 50, 99]:
        x = generator.uniform(-1, 1, (1, channels, 3, 4 * columns - 1)).astype(numpy.float32)
        limit = BOUND * sums(abs(x), abs(w), (1, 1, 1, 1)).max()
        numpy.testing.assert_allclose(loaded.run({"x": x})["y"], numpy.maximum(sums(x, w, (1, 1, 1, 1)), 0), rtol=0, atol=limit)


@pytest.mark.parametrize("size", [(7, 7), (14, 14), (9, 50), (28, 28)], ids=lambda size: "x".join(map(str, size)))
def test_any_number_of_images_of_known_size(tmp_path, size):
    generator = numpy.random.default_rng(12)
    w = generator.uniform(-1, 1, (48, 96, 3, 3)).astype(numpy.float32)
    x = generator.uniform(-1, 1, (5, 96, *size)).astype(numpy.float32)
    pads = (1, 1, 1, 1)
    graph = model(x, w, pads, "silu", False)
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "images"
    loaded = tenon.load(tenon.compile(graph, tmp_path / "model.so", cpu=CPU))
    # The largest of 200,000 errors; without fused multiply-adds the transforms round twice as often.
    expected, limit = silu(sums(x, w, pads)), 2 * BOUND * sums(abs(x), abs(w), pads).max()
    for images in (0, 1, 2, 5):
        numpy.testing.assert_allclose(loaded.run({"x": x[:images]})["y"], expected[:images], rtol=0, atol=limit)


def test_non_finite_values_stay_in_their_tile(tmp_path):
    """An infinity or NaN spoils the tiles that read it, as it spoils the windows of a direct sum, and nothing else."""
    generator = numpy.random.default_rng(7)
    x = generator.uniform(-1, 1, (1, 16, 16, 16)).astype(numpy.float32)
    x[0, 3, 0, 0] = numpy.inf
    w = generator.uniform(-1, 1, (16, 16, 3, 3)).astype(numpy.float32)
    library = tenon.compile(model(x, w, (1, 1, 1, 1), "", False), tmp_path / "model.so", cpu=CPU)
    y = tenon.load(library).run({"x": x})["y"]
    assert not numpy.isfinite(y[0, :, :2, :2]).any()
    assert numpy.isfinite(y[0, :, 4:, :]).all() and numpy.isfinite(y[0, :, :, 4:]).all()


def test_windows_that_are_flat_in_one_of_three_dimensions(tmp_path, build):
    generator = numpy.random.default_rng(9)
    x = generator.uniform(-1, 1, (1, 16, 9, 12, 11)).astype(numpy.float32)
    for kernel, pads in (((3, 3, 1), (1, 1, 0, 1, 1, 0)), ((3, 1, 3), (0, 0, 1, 0, 0, 1)), ((3, 1, 1), (1, 0, 0, 1, 0, 0))):
        w = generator.uniform(-1, 1, (16, 16, *kernel)).astype(numpy.float32)
        library = tenon.compile(model(x, w, pads, "", False), tmp_path / "model.so", cpu=CPU)
        limit = BOUND * sums(abs(x), abs(w), pads).max()
        numpy.testing.assert_allclose(tenon.load(library).run({"x": x})["y"], sums(x, w, pads), rtol=0, atol=limit)


def test_exact_and_small_code_sum_directly(tmp_path, build):
    generator = numpy.random.default_rng(8)
    x = generator.uniform(-1, 1, (1, 16, 16, 16)).astype(numpy.float32)
    w = generator.uniform(-1, 1, (16, 16, 3, 3)).astype(numpy.float32)
    for options in ({"exact": True}, {"optimize": "size"}, {"reference": True}):
        library = tenon.compile(model(x, w, (1, 1, 1, 1), "", False), tmp_path / "model.so", cpu=CPU, **options)
        text = subprocess.run([build / "bin/tenon", "inspect", library, "--json"], capture_output=True, check=True, text=True).stdout
        assert '"winograd"' not in text and "transformed_weights_bytes" not in text


def test_empty_images(tmp_path):
    w = numpy.ones((16, 16, 3, 3), numpy.float32)
    library = tenon.compile(model(numpy.zeros((1, 16, 1, 1), numpy.float32), w, (1, 1, 1, 1), "", True), tmp_path / "model.so", cpu=CPU)
    for shape in ((0, 16, 8, 8), (1, 16, 0, 8), (1, 16, 0, 0)):
        assert tenon.load(library).run({"x": numpy.zeros(shape, numpy.float32)})["y"].shape == shape
