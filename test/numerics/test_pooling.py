"""Pooling in one to three dimensions: ceil mode, dilations, padding that counts or not, indices, global forms."""

import numpy
import pytest

import windows
from arrays import label, rng, uniform, values
from harness import Batch, summed, ulps

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

# Shape, kernel, strides, dilations, pads, ceil mode.
POOLS = [
    ((1, 1, 1), (1,), [1], [1], [(0, 0)], False), ((2, 3, 17), (3,), [2], [1], [(1, 1)], False), ((2, 3, 16), (4,), [3], [1], [(0, 2)], True),
    ((1, 3, 6, 7), (2, 2), [2, 2], [1, 1], [(0, 0)] * 2, False), ((2, 16, 9, 9), (3, 3), [2, 2], [1, 1], [(1, 1)] * 2, False),
    ((1, 5, 8, 20), (3, 5), [1, 1], [1, 1], [(1, 1), (2, 2)], False), ((1, 4, 7, 7), (2, 2), [2, 2], [1, 1], [(0, 0)] * 2, True),
    ((1, 4, 10, 11), (3, 3), [3, 2], [2, 1], [(1, 2), (1, 0)], True), ((1, 2, 5, 6, 7), (2, 3, 2), [2, 1, 2], [1, 1, 1], [(0, 1), (1, 1), (0, 0)], False),
    # Planes larger than a block of lines; planes in a row.
    ((1, 2, 75, 93), (3, 3), [2, 2], [1, 1], [(1, 0), (0, 1)], True), ((2, 2, 61, 45), (5, 2), [3, 4], [1, 1], [(2, 2), (1, 0)], False),
    ((1, 1, 9000), (5,), [2], [3], [(2, 1)], True), ((1, 2, 7, 9, 35), (3, 3, 3), [2, 2, 2], [2, 1, 1], [(1, 2), (1, 0), (1, 1)], True), ((1, 2, 7, 9, 20), (3, 1, 1), [1, 1, 1], [1, 1, 1], [(1, 1), (0, 0), (0, 0)], False),
    ((1, 8, 5, 5), (5, 5), [1, 1], [1, 1], [(2, 2)] * 2, False), ((1, 3, 4, 4), (4, 4), [1, 1], [1, 1], [(0, 0)] * 2, False),
]


def attributes(kernel, strides, dilations, pads, ceil) -> dict:
    return {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "ceil_mode": int(ceil),
            "pads": [before for before, _ in pads] + [after for _, after in pads]}


def test_maximum(mode, channels_last):
    batch, generator = Batch(channels_last=channels_last), rng()
    for shape, kernel, strides, dilations, pads, ceil in POOLS:
        for dtype in ("float32", "float64", "float16", "int8", "uint8"):
            if dtype != "float32" and len(shape) != 4:
                continue
            x = values(generator, shape, dtype)
            least = -numpy.inf if x.dtype.kind == "f" else numpy.iinfo(dtype).min
            expected = numpy.max([part for _, part in windows.taps(x, kernel, strides, dilations, pads, least, ceil)], axis=0)
            batch.add(label("MaxPool", x, kernel, ceil), "MaxPool", [x], expected, **attributes(kernel, strides, dilations, pads, ceil))
    batch.check(mode)


@pytest.mark.parametrize("order", [0, 1], ids=["row-major", "column-major"])
def test_indices_of_maxima(mode, order):
    batch, generator = Batch(), rng()
    for shape, kernel, strides, dilations, pads, ceil in POOLS:
        # No two values are equal, so that there is one answer.
        x = generator.permutation(int(numpy.prod(shape))).reshape(shape).astype(numpy.float32)
        places = numpy.arange(x.size, dtype=numpy.int64).reshape(shape)
        if order and len(shape) > 2:
            spatial = int(numpy.prod(shape[2:]))
            inner = numpy.arange(spatial, dtype=numpy.int64).reshape(shape[2:][::-1]).transpose()
            places = numpy.broadcast_to(inner, shape) + (spatial * numpy.arange(shape[0] * shape[1])).reshape(*shape[:2], *[1] * (len(shape) - 2))
        parts = numpy.stack([part for _, part in windows.taps(x, kernel, strides, dilations, pads, -numpy.inf, ceil)])
        indices = numpy.stack([part for _, part in windows.taps(places, kernel, strides, dilations, pads, -1, ceil)])
        best = parts.argmax(axis=0)[None]
        expected = [numpy.take_along_axis(parts, best, 0)[0], numpy.take_along_axis(indices, best, 0)[0]]
        batch.add(label("MaxPool", x, kernel, ceil), "MaxPool", [x], expected, storage_order=order,
                  **attributes(kernel, strides, dilations, pads, ceil))
    batch.check(mode)


@pytest.mark.parametrize("count_padding", [0, 1], ids=["inside", "all"])
def test_average(mode, channels_last, count_padding):
    batch, generator = Batch(channels_last=channels_last), rng()
    for shape, kernel, strides, dilations, pads, ceil in POOLS:
        x = uniform(generator, shape)
        total, magnitude = (sum(part for _, part in windows.taps(array.astype(float), kernel, strides, dilations, pads, 0, ceil)) for array in (x, abs(x)))
        inside = numpy.ones(shape)
        if count_padding:
            # What ceil mode adds beyond the padding never counts.
            inside = numpy.pad(inside, [(0, 0), (0, 0), *pads], constant_values=1)
            count = sum(part for _, part in windows.taps(inside, kernel, strides, dilations, [(0, 0)] * len(kernel), 0, ceil))
            count = count[tuple(slice(extent) for extent in total.shape)]
        else:
            count = sum(part for _, part in windows.taps(inside, kernel, strides, dilations, pads, 0, ceil))
        batch.add(label("AveragePool", x, kernel, ceil), "AveragePool", [x], (total / count).astype(numpy.float32),
                  summed(magnitude / count, int(numpy.prod(kernel)) + 2, "float32"), count_include_pad=count_padding,
                  **attributes(kernel, strides, dilations, pads, ceil))
    batch.check(mode)


def test_automatic_padding(mode):
    batch, generator = Batch(), rng()
    for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        x = uniform(generator, (1, 3, 10, 13))
        kernel, strides = (3, 4), [2, 3]
        pads = [(0, 0)] * 2 if auto_pad == "VALID" else [
            windows.same_pads(x.shape[2 + axis], kernel[axis], strides[axis], 1, auto_pad == "SAME_UPPER") for axis in range(2)]
        expected = numpy.max([part for _, part in windows.taps(x, kernel, strides, [1, 1], pads, -numpy.inf)], axis=0)
        batch.add(auto_pad, "MaxPool", [x], expected, kernel_shape=kernel, strides=strides, auto_pad=auto_pad)
    batch.check(mode)


def test_norms(mode, channels_last):
    batch, generator = Batch(channels_last=channels_last), rng()
    for power in (1, 2, 3):
        for shape, kernel, strides, dilations, pads, ceil in POOLS:
            x = uniform(generator, shape)
            total = sum(part for _, part in windows.taps(abs(x.astype(float)) ** power, kernel, strides, dilations, pads, 0, ceil))
            exact = total ** (1 / power)
            batch.add(label("LpPool", power, x), "LpPool", [x], exact.astype(numpy.float32), ulps(exact, 16, "float32"), p=power,
                      **attributes(kernel, strides, dilations, pads, ceil))
    batch.check(mode)


def test_global(mode):
    batch, generator = Batch(), rng()
    for shape in ((1, 1, 1), (2, 3, 17), (1, 5, 4, 9), (2, 16, 7, 7), (1, 2, 3, 4, 5)):
        x = uniform(generator, shape)
        axes, exact = tuple(range(2, len(shape))), x.astype(float)
        batch.add(label("GlobalMaxPool", x), "GlobalMaxPool", [x], x.max(axis=axes, keepdims=True))
        batch.add(label("GlobalAveragePool", x), "GlobalAveragePool", [x], exact.mean(axis=axes, keepdims=True).astype(numpy.float32),
                  summed(abs(exact).mean(axis=axes, keepdims=True), int(numpy.prod(shape[2:])) + 1, "float32"))
        norm = numpy.sqrt((exact**2).sum(axis=axes, keepdims=True))
        batch.add(label("GlobalLpPool", x), "GlobalLpPool", [x], norm.astype(numpy.float32), ulps(norm, 64, "float32"))
    batch.check(mode)


def test_minus_infinity_and_nan(mode, channels_last):
    """A window of nothing but -inf has the maximum -inf, not the least finite number; NaN comes through."""
    x = numpy.full((1, 1, 4, 6), -numpy.inf, numpy.float32)
    x[0, 0, 0, 0] = numpy.nan
    expected = numpy.max([part for _, part in windows.taps(x, (2, 2), [2, 2], [1, 1], [(0, 0)] * 2, -numpy.inf)], axis=0)
    batch = Batch(channels_last=channels_last)
    batch.add("minus infinity", "MaxPool", [x[:, :, 2:]], numpy.full((1, 1, 1, 3), -numpy.inf, numpy.float32), kernel_shape=(2, 2), strides=[2, 2])
    batch.add("NaN", "MaxPool", [x], expected, kernel_shape=(2, 2), strides=[2, 2])
    batch.check(mode)
