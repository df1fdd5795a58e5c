"""Convolutions in one to three dimensions: groups, depthwise, strides, dilations, every padding mode; and transposed ones."""

import numpy
import pytest

import windows
from arrays import BF16, label, rng, uniform
from harness import Batch, summed

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

CONSTANT = (1, 2)


def onnx_pads(pads) -> list[int]:
    return [before for before, _ in pads] + [after for _, after in pads]


def add_conv(batch, x, weights, bias=None, strides=None, dilations=None, pads=None, groups=1, constants=CONSTANT, auto_pad=None, name=""):
    axes = x.ndim - 2
    strides, dilations, pads = strides or [1] * axes, dilations or [1] * axes, pads or [(0, 0)] * axes
    left, right = x.astype(float), weights.astype(float)
    shape = (-1, *[1] * axes)
    exact = windows.convolve(left, right, strides, dilations, pads, groups) + (0 if bias is None else bias.astype(float).reshape(shape))
    magnitude = windows.convolve(abs(left), abs(right), strides, dilations, pads, groups) + (0 if bias is None else abs(bias.astype(float)).reshape(shape))
    terms = weights[0].size + (bias is not None)
    bound = summed(magnitude, terms, "float32" if x.dtype in (numpy.float16, BF16) else x.dtype)
    if x.dtype == numpy.float32 and groups == 1 and max(weights.shape[2:]) > 1:
        # Winograd's algorithm may have been chosen: its errors are those of the largest sum of a tile (test_winograd.py).
        bound = numpy.maximum(bound, 2 * 24 * 2.0**-24 * magnitude[numpy.isfinite(magnitude)].max(initial=0))
    if x.dtype in (numpy.float16, BF16):
        # The sum is rounded to the type, and so is the sum with the bias.
        bound = bound + summed(2 * abs(exact) + (0 if bias is None else abs(bias.astype(float)).reshape(shape)), 1, x.dtype)
    # Nothing is stated that is the default.
    attributes = {key: value for key, value, default in (("strides", strides, [1] * axes), ("dilations", dilations, [1] * axes), ("group", groups, 1))
                  if value != default}
    if auto_pad:
        attributes["auto_pad"] = auto_pad
    elif any(map(any, pads)):
        attributes["pads"] = onnx_pads(pads)
    batch.add(label("Conv", name, x, weights, attributes), "Conv", [x, weights] + ([] if bias is None else [bias]), exact.astype(x.dtype), bound,
              tuple(place for place in constants if place < 2 + (bias is not None)), known=(1,), **attributes)


def test_pointwise(mode, channels_last):
    """1x1: a matrix product over pixels."""
    batch, generator = Batch(channels_last=channels_last), rng()
    for channels, filters in ((1, 1), (3, 5), (8, 16), (16, 33), (17, 12), (64, 48)):
        for shape in ((1, channels, 1, 1), (2, channels, 5, 7), (1, channels, 6, 6)):
            add_conv(batch, uniform(generator, shape), uniform(generator, (filters, channels, 1, 1)), uniform(generator, filters))
    add_conv(batch, uniform(generator, (1, 8, 9, 9)), uniform(generator, (16, 8, 1, 1)), strides=[2, 2])
    add_conv(batch, uniform(generator, (2, 8, 10, 7)), uniform(generator, (5, 8, 1, 1)), strides=[2, 3])
    add_conv(batch, uniform(generator, (2, 3, 8)), uniform(generator, (4, 3, 1)), strides=[5])
    add_conv(batch, uniform(generator, (1, 8, 5, 4)), uniform(generator, (16, 8, 1, 1)), pads=[(1, 1), (0, 2)])
    batch.check(mode)


@pytest.mark.parametrize("constants", [(), CONSTANT], ids=["input", "constant"])
def test_three_by_three(mode, constants):
    batch, generator = Batch(), rng()
    for channels, filters, height, width in ((1, 1, 3, 3), (1, 8, 9, 9), (3, 17, 8, 11), (8, 8, 5, 5), (16, 16, 14, 14), (5, 32, 7, 20), (32, 7, 6, 6)):
        for strides in ([1, 1], [2, 2]):
            add_conv(batch, uniform(generator, (2, channels, height, width)), uniform(generator, (filters, channels, 3, 3)),
                     uniform(generator, filters), strides, pads=[(1, 1), (1, 1)], constants=constants)
    batch.check(mode)


def test_attributes(mode):
    batch, generator = Batch(), rng()
    for kernel in ((3, 3), (5, 5), (7, 7), (1, 7), (7, 1), (2, 2), (4, 3)):
        for strides, dilations in (([1, 1], [1, 1]), ([2, 1], [1, 1]), ([3, 2], [1, 2]), ([1, 1], [2, 2])):
            pads = [(1, 2), (0, 3)] if kernel[0] % 2 else [(2, 0), (1, 1)]
            add_conv(batch, uniform(generator, (1, 4, 15, 17)), uniform(generator, (6, 4, *kernel)), uniform(generator, 6), strides, dilations, pads)
    batch.check(mode)


def test_automatic_padding(mode):
    batch, generator = Batch(), rng()
    for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        for kernel, strides in (((3, 3), [1, 1]), ((3, 3), [2, 2]), ((2, 4), [1, 2]), ((5, 1), [3, 1]), ((1, 1), [2, 2])):
            x, weights = uniform(generator, (1, 3, 10, 13)), uniform(generator, (4, 3, *kernel))
            pads = [(0, 0)] * 2 if auto_pad == "VALID" else [
                windows.same_pads(x.shape[2 + axis], kernel[axis], strides[axis], 1, auto_pad == "SAME_UPPER") for axis in range(2)]
            add_conv(batch, x, weights, None, strides, pads=pads, auto_pad=auto_pad, name=auto_pad)
    batch.check(mode)


def test_one_filter(mode):
    """Summed along the window: tails of windows and of lines, every type of float."""
    batch, generator = Batch(), rng()
    for channels, kernel, width in ((1, (1, 256), 300), (8, (5, 5), 37), (33, (3, 3), 40), (32, (7, 3), 16), (3, (2, 1), 5), (16, (3, 3), 1)):
        for strides, dilations in (([1, 1], [1, 1]), ([2, 3], [1, 1]), ([1, 2], [2, 2])):
            reach = max(kernel[1] // 2 * dilations[1], kernel[1] * dilations[1] - width)
            add_conv(batch, uniform(generator, (2, channels, 11, width)), uniform(generator, (1, channels, *kernel)), uniform(generator, 1),
                     strides, dilations, [(kernel[0] // 2, 1), (reach, reach)])
    add_conv(batch, uniform(generator, (1, 1, 500)), uniform(generator, (1, 1, 64)), strides=[2])
    # Conv takes bfloat16 from opset 22 on.
    newest = Batch(opset=22)
    for dtype in ("float64", "float16", BF16):
        x, weights = uniform(generator, (1, 6, 9, 21), dtype=dtype), uniform(generator, (1, 6, 3, 5), dtype=dtype)
        add_conv(newest, x, weights, uniform(generator, 1, dtype=dtype), pads=[(1, 1), (2, 2)])
    batch.check(mode)
    newest.check(mode)


def test_groups(mode, channels_last):
    batch, generator = Batch(channels_last=channels_last), rng()
    for groups, per_group, filters in ((2, 3, 8), (4, 4, 4), (3, 1, 9), (4, 8, 32), (2, 16, 34)):
        x = uniform(generator, (2, groups * per_group, 8, 9))
        add_conv(batch, x, uniform(generator, (filters, per_group, 3, 3)), uniform(generator, filters), pads=[(1, 1), (1, 1)], groups=groups)
    batch.check(mode)


def test_few_filters(mode):
    """Panels narrower than a vector: every number of columns, channels that divide into groups of k and such that do not."""
    batch, generator = Batch(opset=22), rng()
    for filters in range(2, 10):
        for channels in (2, 3, 4, 6, 8):
            add_conv(batch, uniform(generator, (1, channels, 3, 23)), uniform(generator, (filters, channels, 1, 9)), uniform(generator, filters), pads=[(0, 0), (4, 4)])
            add_conv(batch, uniform(generator, (2, channels, 9, 7)), uniform(generator, (filters, channels, 3, 2)), strides=[2, 1], pads=[(1, 0), (1, 1)])
    for groups, channels, filters in ((2, 4, 3), (3, 2, 8), (2, 6, 1), (4, 8, 5)):
        for strides, dilations in (([1, 1], [1, 1]), ([2, 3], [1, 1]), ([1, 1], [2, 3])):
            x, weights = uniform(generator, (2, groups * channels, 9, 26)), uniform(generator, (groups * filters, channels, 3, 4))
            add_conv(batch, x, weights, uniform(generator, groups * filters), strides, dilations, [(1, 1), (3, 2)], groups)
    # Longer than the share of the second level of cache that a panel may take, so that sums are of parts of K.
    add_conv(batch, uniform(generator, (1, 512, 6, 70)), uniform(generator, (7, 512, 3, 33)), pads=[(1, 1), (16, 16)])
    for filters in (3, 4, 6):
        x, weights = uniform(generator, (1, 6, 6, 19), dtype="float64"), uniform(generator, (filters, 6, 2, 5), dtype="float64")
        add_conv(batch, x, weights, uniform(generator, filters, dtype="float64"), pads=[(1, 1), (2, 2)])
    batch.check(mode)


def test_depthwise(mode, channels_last):
    batch, generator = Batch(channels_last=channels_last), rng()
    for channels in (1, 3, 8, 16, 17, 40):
        for kernel, strides, dilations in (((3, 3), [1, 1], [1, 1]), ((3, 3), [2, 2], [1, 1]), ((5, 5), [1, 1], [1, 1]), ((3, 3), [1, 1], [2, 2]),
                                           ((1, 5), [1, 2], [1, 1])):
            pads = [(kernel[0] // 2 * dilations[0],) * 2, (kernel[1] // 2 * dilations[1],) * 2]
            add_conv(batch, uniform(generator, (1, channels, 9, 14)), uniform(generator, (channels, 1, *kernel)), uniform(generator, channels),
                     strides, dilations, pads, groups=channels)
    # Planes larger than a block of lines, kernels of few and of many lines, filters for each channel, planes in a row.
    for shape, filters, kernel, strides, dilations in (((1, 2, 70, 90), 2, (3, 3), [1, 1], [1, 1]), ((2, 3, 67, 71), 3, (5, 4), [2, 3], [1, 1]),
                                                       ((1, 1, 3, 3000), 1, (3, 3), [1, 3], [2, 9]), ((1, 2, 40, 33), 4, (7, 7), [1, 1], [1, 1]), ((1, 2, 30, 50), 2, (2, 3), [4, 4], [3, 2])):
        x, weights = uniform(generator, shape), uniform(generator, (filters, 1, *kernel))
        add_conv(batch, x, weights, uniform(generator, filters), strides, dilations, [(1, 0), (2, 1)], groups=shape[1])
    for strides, dilations in (([1, 1, 1], [1, 1, 1]), ([2, 1, 2], [2, 1, 1])):
        x, weights = uniform(generator, (1, 3, 7, 8, 18)), uniform(generator, (6, 1, 3, 3, 3))
        add_conv(batch, x, weights, None, strides, dilations, [(1, 2), (1, 1), (0, 1)], groups=3)
    batch.check(mode)


def test_few_channels_per_group(mode, channels_last):
    """Vectors over the filters of several groups: groups that vectors cut, that are cut by vectors, and rests of both."""
    batch, generator = Batch(opset=22, channels_last=channels_last), rng()
    for groups, channels, filters in ((6, 1, 2), (5, 1, 3), (40, 1, 4), (3, 1, 5), (7, 1, 6), (3, 1, 8), (2, 1, 12), (3, 1, 32), (20, 2, 1), (16, 2, 2), (7, 2, 4),
                                      (21, 3, 3), (4, 3, 6), (9, 4, 1), (12, 4, 4), (2, 4, 12), (3, 4, 16)):
        for kernel, strides, dilations in (((3, 3), [1, 1], [1, 1]), ((1, 1), [1, 1], [1, 1]), ((2, 5), [1, 2], [2, 1])):
            x, weights = uniform(generator, (2, groups * channels, 6, 13)), uniform(generator, (groups * filters, channels, *kernel))
            add_conv(batch, x, weights, uniform(generator, groups * filters), strides, dilations, [(1, 1), (kernel[1] // 2, 1)], groups)
    # Few lines of many filters: blocks of filters; windows wider than those whose columns are unrolled.
    add_conv(batch, uniform(generator, (1, 300, 200)), uniform(generator, (600, 1, 3)), pads=[(1, 1)], groups=300)
    add_conv(batch, uniform(generator, (1, 12, 40)), uniform(generator, (24, 2, 11)), pads=[(5, 5)], groups=6)
    add_conv(batch, uniform(generator, (1, 8, 3, 5, 6)), uniform(generator, (16, 2, 2, 2, 2)), groups=4)
    for dtype in ("float64", "float16", BF16):
        x, weights = uniform(generator, (1, 12, 5, 9), dtype=dtype), uniform(generator, (18, 2, 3, 3), dtype=dtype)
        add_conv(batch, x, weights, uniform(generator, 18, dtype=dtype), pads=[(1, 1), (1, 1)], groups=6)
    batch.check(mode)


def test_one_dimension(mode, channels_last):
    batch, generator = Batch(channels_last=channels_last), rng()
    for length, channels, filters, kernel, stride, dilation, pads in (
            (1, 1, 1, 1, 1, 1, (0, 0)), (40, 1, 4, 3, 1, 1, (1, 1)), (100, 5, 17, 9, 4, 1, (0, 3)), (33, 16, 16, 3, 1, 4, (4, 4)), (7, 3, 2, 7, 1, 1, (0, 0)),
            (300, 1, 33, 64, 16, 1, (0, 0)), (64, 8, 24, 5, 2, 2, (2, 5))):
        add_conv(batch, uniform(generator, (2, channels, length)), uniform(generator, (filters, channels, kernel)), uniform(generator, filters),
                 [stride], [dilation], [pads])
    add_conv(batch, uniform(generator, (2, 12, 50)), uniform(generator, (12, 1, 5)), pads=[(2, 2)], groups=12)
    batch.check(mode)


def test_three_dimensions(mode, channels_last):
    batch, generator = Batch(channels_last=channels_last), rng()
    for kernel, strides, pads in (((1, 1, 1), [1, 1, 1], None), ((3, 3, 3), [1, 1, 1], [(1, 1)] * 3), ((2, 3, 1), [2, 1, 1], [(0, 1), (1, 1), (0, 0)])):
        add_conv(batch, uniform(generator, (1, 3, 5, 6, 7)), uniform(generator, (9, 3, *kernel)), uniform(generator, 9), strides, pads=pads)
    add_conv(batch, uniform(generator, (1, 4, 4, 5, 6)), uniform(generator, (4, 1, 2, 2, 2)), groups=4)
    # Windows in one of the dimensions: the others are one.
    for channels, filters, groups in ((5, 9, 1), (16, 32, 1), (6, 4, 2)):
        for kernel, pads in (((3, 1, 1), [(1, 2), (0, 0), (0, 0)]), ((1, 1, 4), [(0, 0), (0, 0), (2, 1)])):
            x, weights = uniform(generator, (2, channels, 6, 9, 10)), uniform(generator, (filters, channels // groups, *kernel))
            add_conv(batch, x, weights, uniform(generator, filters), pads=pads, groups=groups)
    batch.check(mode)


def test_types(mode, channels_last):
    batch, generator = Batch(opset=22, channels_last=channels_last), rng()
    for dtype in ("float64", "float16", BF16):
        for groups, channels in ((1, 5), (5, 5)):
            x, weights = uniform(generator, (1, channels, 6, 9), dtype=dtype), uniform(generator, (10, channels // groups, 3, 3), dtype=dtype)
            add_conv(batch, x, weights, uniform(generator, 10, dtype=dtype), pads=[(1, 1), (1, 1)], groups=groups)
    batch.check(mode)


def test_nothing_leaks_from_padding(mode, channels_last):
    """Infinities at the border stay where a window touches them."""
    generator = rng()
    x, weights = uniform(generator, (1, 3, 6, 7)), uniform(generator, (4, 3, 3, 3), 0.5, 1)
    x[0, 1, 0, 0], x[0, 2, 5, 6] = numpy.inf, -numpy.inf
    batch = Batch(channels_last=channels_last)
    add_conv(batch, x, weights, pads=[(1, 1), (1, 1)])
    batch.cases[0].bounds = {key: numpy.nan_to_num(bound, posinf=0) for key, bound in batch.cases[0].bounds.items()}
    batch.check(mode)


TRANSPOSED = [
    # Extents, channels, filters per group, kernel, strides, dilations, pads, output padding, groups.
    ((5,), 3, 4, (3,), [1], [1], [(0, 0)], [0], 1), ((9,), 4, 8, (4,), [2], [1], [(1, 1)], [0], 1), ((9,), 4, 8, (3,), [3], [2], [(1, 2)], [1], 1),
    ((4, 5), 3, 2, (3, 3), [1, 1], [1, 1], [(0, 0)] * 2, [0, 0], 1), ((4, 5), 3, 7, (3, 3), [2, 2], [1, 1], [(1, 1)] * 2, [1, 1], 1),
    ((4, 5), 8, 16, (2, 2), [2, 2], [1, 1], [(0, 0)] * 2, [0, 0], 1), ((3, 4), 4, 3, (3, 2), [3, 2], [1, 1], [(0, 1), (1, 0)], [0, 0], 2),
    ((4, 4), 6, 1, (4, 4), [2, 2], [1, 1], [(1, 1)] * 2, [0, 0], 6), ((6, 3), 2, 5, (3, 3), [1, 2], [2, 2], [(2, 2), (1, 1)], [0, 1], 1),
    ((2, 3, 4), 3, 2, (2, 2, 2), [2, 1, 2], [1, 1, 1], [(0, 0)] * 3, [0, 0, 0], 1),
    # A channel and a filter per group.
    ((9,), 17, 1, (5,), [3], [2], [(1, 2)], [1], 17), ((4, 5), 32, 1, (1, 3), [1, 2], [1, 1], [(0, 0), (1, 0)], [0, 1], 32),
    ((3, 4), 5, 1, (3, 2), [1, 1], [1, 1], [(1, 1), (0, 0)], [0, 0], 5),
]


@pytest.mark.parametrize("constants", [(), CONSTANT], ids=["input", "constant"])
def test_transposed(mode, constants):
    batch, generator = Batch(), rng()
    for extents, channels, per_group, kernel, strides, dilations, pads, output_padding, groups in TRANSPOSED:
        x, weights = uniform(generator, (2, channels, *extents)), uniform(generator, (channels, per_group, *kernel))
        bias = uniform(generator, per_group * groups)
        exact, magnitude = (
            windows.convolve_transposed(values.astype(float), kernels.astype(float), strides, dilations, pads, output_padding, groups)
            + offsets.astype(float).reshape(-1, *[1] * len(extents))
            for values, kernels, offsets in ((x, weights, bias), (abs(x), abs(weights), abs(bias))))
        batch.add(label("ConvTranspose", x, weights, strides, dilations, groups), "ConvTranspose", [x, weights, bias], exact.astype(numpy.float32),
                  summed(magnitude, weights[:, 0].size + 1, "float32"), constants, known=(1,), strides=strides, dilations=dilations, pads=onnx_pads(pads),
                  output_padding=output_padding, group=groups)
    batch.check(mode)


@pytest.mark.parametrize("upper", [True, False])
def test_transposed_to_a_shape(mode, upper):
    """output_shape cuts an even and an odd number of elements, none, or adds zeros at the end; which one an open extent decides."""
    batch, generator = Batch(opset=22), rng()
    for extents, wanted in (((5, 6), (9, 12)), ((5, 6), (10, 11)), ((5, 6), (11, 13)), ((5, 6), (14, 16)), ((3, 3), (1, 9))):
        x, weights, bias = uniform(generator, (2, 3, *extents)), uniform(generator, (3, 4, 3, 3)), uniform(generator, 4)
        exact, magnitude = (
            windows.convolve_transposed(values.astype(float), kernels.astype(float), [2, 2], [1, 1], [(0, 0)] * 2, [0, 0], 1) for values, kernels in ((x, weights), (abs(x), abs(weights))))
        for axis, extent in zip((2, 3), wanted):
            cut = max(exact.shape[axis] - extent, 0)
            low = cut // 2 if upper else cut - cut // 2
            cuts = [slice(None)] * 4
            cuts[axis] = slice(low, low + extent)
            fill = [(0, 0)] * 4
            fill[axis] = (0, max(extent - exact.shape[axis], 0))
            exact, magnitude = (numpy.pad(array[tuple(cuts)], fill) for array in (exact, magnitude))
        offsets = bias.astype(float).reshape(-1, 1, 1)
        batch.add(label("ConvTranspose", x, wanted, upper), "ConvTranspose", [x, weights, bias], (exact + offsets).astype(numpy.float32), summed(magnitude + abs(offsets), 28, "float32"),
                  known=(1,), strides=[2, 2], output_shape=list(wanted), **({"auto_pad": "SAME_UPPER"} if upper else {}))
    batch.check(mode)
