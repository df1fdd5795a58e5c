"""Normalizations: every attribute, number of axes and type."""

import numpy
import pytest

from arrays import BF16, FLOATS, label, rng, uniform
from harness import Batch, epsilon

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def bound_of(exact, dtype, steps=16):
    """Errors are relative to the largest result: what is divided by the deviation was rounded before.

    About `steps` roundings, with the square root of the count for the sums behind mean and variance.
    """
    dtype = numpy.dtype(dtype)
    unit = epsilon(dtype)
    return steps * unit * max(float(numpy.abs(exact).max(initial=0)), 1.0)


def stored(number: float) -> float:
    """Attributes are float32."""
    return float(numpy.float32(number))


EPSILON = stored(1e-5)  # the default


def per_channel(values, rank):
    return values.astype(float).reshape(-1, *[1] * (rank - 2))


def test_batch_normalization(mode):
    batch, generator = Batch(), rng()
    for shape in ((2, 3), (1, 1, 1), (2, 5, 17), (2, 16, 5, 7), (1, 3, 2, 4, 5)):
        for dtype in FLOATS if len(shape) == 4 else ["float32"]:
            x = uniform(generator, shape, dtype=dtype)
            scale, offset, mean = (uniform(generator, shape[1], dtype=dtype) for _ in range(3))
            variance = uniform(generator, shape[1], 0.5, 2, dtype)
            rank = len(shape)
            for eps in (EPSILON, stored(0.1)):
                exact = ((x.astype(float) - per_channel(mean, rank)) / numpy.sqrt(per_channel(variance, rank) + eps) * per_channel(scale, rank)
                         + per_channel(offset, rank))
                for constants in ((), (1, 2, 3, 4)):
                    batch.add(label("BatchNormalization", x, eps, *constants), "BatchNormalization", [x, scale, offset, mean, variance],
                              exact.astype(dtype), bound_of(exact, dtype), constants, epsilon=eps)
    batch.check(mode)


def instance_normalized(x, scale, offset):
    axes = tuple(range(2, x.ndim))
    centred = x.astype(float) - x.astype(float).mean(axis=axes, keepdims=True)
    return centred / numpy.sqrt((centred**2).mean(axis=axes, keepdims=True) + EPSILON) * per_channel(scale, x.ndim) + per_channel(offset, x.ndim)


def test_instance_normalization(mode):
    batch, generator = Batch(), rng()
    for shape in ((1, 1, 9), (2, 3, 17), (2, 5, 6, 7), (1, 2, 3, 4, 5)):
        x, scale, offset = uniform(generator, shape), uniform(generator, shape[1]), uniform(generator, shape[1])
        exact = instance_normalized(x, scale, offset)
        batch.add(label("InstanceNormalization", x), "InstanceNormalization", [x, scale, offset], exact.astype(numpy.float32), bound_of(exact, "float32", 32))
    batch.check(mode)


def test_instance_normalization_of_halves(mode):
    """The mean has more digits than the type: x lies far from 0, and one rounding is all that may be lost."""
    batch, generator = Batch(opset=22), rng()
    for dtype in ("float16", BF16):
        for shape in ((1, 3, 2), (2, 5, 6, 7)):
            x, scale, offset = uniform(generator, shape, 3.5, 4.5, dtype), uniform(generator, shape[1], dtype=dtype), uniform(generator, shape[1], dtype=dtype)
            exact = instance_normalized(x, scale, offset)
            batch.add(label("InstanceNormalization", x), "InstanceNormalization", [x, scale, offset], exact.astype(dtype), bound_of(exact, dtype, 1))
    batch.check(mode)


def test_layer_normalization(mode):
    batch, generator = Batch(), rng()
    for shape, axis in (((3, 17), -1), ((2, 5, 64), -1), ((2, 5, 33), 1), ((2, 3, 4, 5), 2), ((1, 1), -1), ((4, 100), 1), ((2, 3, 4), 0)):
        for dtype in FLOATS if len(shape) == 2 else ["float32"]:
            x = uniform(generator, shape, dtype=dtype)
            normalized = shape[axis:]
            scale, offset = uniform(generator, normalized, dtype=dtype), uniform(generator, normalized, dtype=dtype)
            axes = tuple(range(axis % len(shape), len(shape)))
            wide = x.astype(float)
            mean = wide.mean(axis=axes, keepdims=True)
            inverse = 1 / numpy.sqrt(((wide - mean) ** 2).mean(axis=axes, keepdims=True) + EPSILON)
            for with_offset in (True, False):
                exact = (wide - mean) * inverse * scale.astype(float) + (offset.astype(float) if with_offset else 0)
                arrays = [x, scale, offset] if with_offset else [x, scale]
                # The normalized value is rounded to the type before it is scaled.
                batch.add(label("LayerNormalization", x, axis, with_offset), "LayerNormalization", arrays, exact.astype(dtype), bound_of(exact, dtype, 24),
                          constants=(1, 2)[: len(arrays) - 1], axis=axis)
    x, scale = uniform(generator, (3, 40)), uniform(generator, 40)
    wide = x.astype(float)
    mean = wide.mean(axis=1, keepdims=True)
    inverse = 1 / numpy.sqrt(((wide - mean) ** 2).mean(axis=1, keepdims=True) + EPSILON)
    exact = (wide - mean) * inverse * scale
    batch.add("LayerNormalization with statistics", "LayerNormalization", [x, scale],
              [exact.astype(numpy.float32), mean.astype(numpy.float32), inverse.astype(numpy.float32)],
              [bound_of(exact, "float32", 24), bound_of(mean, "float32"), bound_of(inverse, "float32", 24)])
    # A mean far from zero: the variance must not be a difference of large squares.
    x = (1000 + uniform(generator, (2, 64), -1, 1)).astype(numpy.float32)
    wide = x.astype(float)
    exact = (wide - wide.mean(axis=1, keepdims=True)) / numpy.sqrt(wide.var(axis=1, keepdims=True) + EPSILON)
    # The mean itself is off by up to an ulp of 1000, which the result shows as it is.
    batch.add("far mean", "LayerNormalization", [x, numpy.ones(64, numpy.float32)], exact.astype(numpy.float32), 4 * 1000 * epsilon("float32"))
    batch.check(mode)


def test_group_normalization(mode):
    batch, generator = Batch(), rng()
    for shape, groups in (((2, 4, 9), 2), ((1, 6, 5, 7), 3), ((2, 8, 3, 3), 8), ((2, 6, 4), 1)):
        x, scale, offset = uniform(generator, shape), uniform(generator, shape[1]), uniform(generator, shape[1])
        grouped = x.astype(float).reshape(shape[0], groups, -1)
        centred = grouped - grouped.mean(axis=2, keepdims=True)
        exact = (centred / numpy.sqrt((centred**2).mean(axis=2, keepdims=True) + EPSILON)).reshape(shape) * per_channel(scale, len(shape)) + per_channel(offset, len(shape))
        batch.add(label("GroupNormalization", x, groups), "GroupNormalization", [x, scale, offset], exact.astype(numpy.float32),
                  bound_of(exact, "float32", 32), constants=(1, 2), num_groups=groups)
    batch.check(mode)


def test_root_mean_square(mode):
    batch, generator = Batch(opset=23), rng()
    for shape, axis in (((3, 17), -1), ((2, 5, 64), -1), ((2, 5, 33), 1)):
        x, scale = uniform(generator, shape), uniform(generator, shape[axis:])
        axes = tuple(range(axis % len(shape), len(shape)))
        wide = x.astype(float)
        exact = wide / numpy.sqrt((wide**2).mean(axis=axes, keepdims=True) + EPSILON) * scale
        batch.add(label("RMSNormalization", x, axis), "RMSNormalization", [x, scale], exact.astype(numpy.float32), bound_of(exact, "float32", 24), axis=axis)
    batch.check(mode)


def test_lengths(mode):
    batch, generator = Batch(), rng()
    for shape, axis in (((17,), 0), ((3, 33), 1), ((33, 3), 0), ((2, 5, 7), -2)):
        for power in (1, 2):
            x = uniform(generator, shape, 0.2, 2)
            wide = x.astype(float)
            exact = wide / (wide**power).sum(axis=axis, keepdims=True) ** (1 / power)
            batch.add(label("LpNormalization", x, axis, power), "LpNormalization", [x], exact.astype(numpy.float32), bound_of(exact, "float32", 24), axis=axis, p=power)
    zero = numpy.zeros((2, 3), numpy.float32)
    batch.add("zero", "LpNormalization", [zero], zero, axis=1, p=2)
    batch.check(mode)


def test_local_response(mode):
    batch, generator = Batch(), rng()
    for shape in ((1, 1, 5), (2, 7, 9), (2, 16, 5, 6)):
        for size in (1, 3, 4):
            x = uniform(generator, shape)
            squares, total = x.astype(float) ** 2, numpy.zeros(shape)
            for channel in range(shape[1]):
                first, last = max(0, channel - (size - 1) // 2), min(shape[1] - 1, channel + size // 2)
                total[:, channel] = squares[:, first : last + 1].sum(axis=1)
            exact = x / (1.5 + 0.3 / size * total) ** 0.6
            batch.add(label("LRN", x, size), "LRN", [x], exact.astype(numpy.float32), bound_of(exact, "float32"), size=size, alpha=0.3, beta=0.6, bias=1.5)
    batch.check(mode)


def test_mean_variance(mode):
    batch, generator = Batch(), rng()
    for axes in ([0, 2, 3], [1], [-1]):
        x = uniform(generator, (2, 3, 5, 7))
        wide = x.astype(float)
        centred = wide - wide.mean(axis=tuple(axes), keepdims=True)
        exact = centred / numpy.sqrt((centred**2).mean(axis=tuple(axes), keepdims=True))
        # Differences from the mean are as exact as the elements are large.
        largest, deviation = abs(wide).max(axis=tuple(axes), keepdims=True), numpy.sqrt((centred**2).mean(axis=tuple(axes), keepdims=True))
        bound = 4 * epsilon("float32") * (1 + abs(exact)) * (1 + largest / deviation)
        batch.add(f"{axes}", "MeanVarianceNormalization", [x], exact.astype(numpy.float32), bound, axes=axes)
    batch.check(mode)


def test_scaler(mode):
    batch, generator = Batch(), rng()
    for dtype in ("float32", "float64", "int32", "int64"):
        for offsets, scales in (([0.5, -1.0, 2.0], [1.0, 0.25, 3.0]), ([1.5], [2.0])):
            x = generator.integers(-9, 9, (5, 3)).astype(dtype)
            exact = (x.astype(float) - numpy.array(offsets)) * numpy.array(scales)
            batch.add(label("Scaler", x, len(scales)), "Scaler", [x], exact.astype(numpy.float32), 0, domain="ai.onnx.ml", offset=offsets, scale=scales)
    batch.check(mode)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_mean_variance_normalization_of_every_type(mode, dtype):
    """Halves are computed in float32 and rounded once; the default axes are those of images."""
    batch, generator = Batch(opset=13), rng()
    x = uniform(generator, (2, 3, 4, 5), dtype=dtype)
    wide = x.astype(numpy.float64)
    deviation = wide.std((0, 2, 3), keepdims=True)
    exact = (wide - wide.mean((0, 2, 3), keepdims=True)) / (deviation + 1e-9)
    bound = numpy.abs(exact) * epsilon(dtype) + 64 * epsilon("float64" if dtype == "float64" else "float32")
    batch.add(label("MVN", x), "MeanVarianceNormalization", [x], exact.astype(dtype), bound)
    batch.check(mode)
