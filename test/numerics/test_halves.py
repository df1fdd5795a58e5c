"""Operators of several steps on halves: f32 inside and one rounding at the end, whatever the steps between them reach."""

import numpy
import pytest

from arrays import BF16, label, rng, uniform
from harness import Batch, ulps

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

TYPES = ("float16", BF16)
# The last rounding is half a unit; what f32 loses before may move it over the middle between two halves.
UNITS = 0.52


def add(batch: Batch, name: str, inputs: list[numpy.ndarray], exact, **attributes) -> None:
    expected = exact.astype(inputs[0].dtype)
    assert numpy.isfinite(expected.astype(float)).all()
    batch.add(label(name, inputs[0], *attributes.values()), name, inputs, expected, ulps(exact, UNITS, inputs[0].dtype) + abs(exact - expected.astype(float)), **attributes)


def test_sums_beyond_the_largest_half(mode):
    """Of 256 numbers around 1000: a half ends at 65504."""
    batch, generator = Batch(opset=22), rng()
    for dtype in TYPES:
        x = uniform(generator, (2, 3, 16, 16), 900, 1100, dtype)
        wide = x.astype(float)
        mean = wide.mean(axis=(2, 3), keepdims=True)
        add(batch, "GlobalAveragePool", [x], mean)
        add(batch, "ReduceMean", [x, numpy.array([2, 3])], mean)
        add(batch, "AveragePool", [x], mean, kernel_shape=[16, 16])
        add(batch, "GlobalLpPool", [x], numpy.sqrt((wide**2).sum(axis=(2, 3), keepdims=True)))
        add(batch, "ReduceL2", [x, numpy.array([2, 3])], numpy.sqrt((wide**2).sum(axis=(2, 3), keepdims=True)))
        add(batch, "LpNormalization", [x], wide / numpy.sqrt((wide**2).sum(axis=-1, keepdims=True)))
        add(batch, "LRN", [x], wide / (1 + 1e-4 * (wide**2)) ** 0.75, size=1)
    batch.check(mode)


def test_powers_below_the_smallest_half(mode):
    """Of numbers around 0.003: their cubes are 2.7e-8, half of the smallest f16."""
    batch, generator = Batch(opset=22), rng()
    for dtype in TYPES:
        x = uniform(generator, (2, 3, 4, 6), 0.002, 0.004, dtype)
        wide = x.astype(float)
        pairs = wide[..., 0::2] ** 3 + wide[..., 1::2] ** 3
        add(batch, "LpPool", [x], numpy.cbrt(pairs), kernel_shape=[1, 2], strides=[1, 2], p=3)
        add(batch, "GlobalLpPool", [x], numpy.cbrt((wide**3).sum(axis=(2, 3), keepdims=True)), p=3)
        squares = uniform(generator, (3, 2000), 1e-4, 2e-4, dtype)
        add(batch, "ReduceSumSquare", [squares, numpy.array([1])], (squares.astype(float) ** 2).sum(axis=1, keepdims=True))
    batch.check(mode)


def test_statistics_of_a_batch(mode):
    """Far from 0, where a mean that is rounded to a half would be off by much of the deviation."""
    batch, generator = Batch(opset=15), rng()
    for dtype in TYPES:
        x = uniform(generator, (4, 3, 5, 6), 3.5, 4.5, dtype)
        scale, bias = uniform(generator, 3, dtype=dtype), uniform(generator, 3, dtype=dtype)
        mean, variance = numpy.zeros(3, numpy.float32), numpy.ones(3, numpy.float32)
        wide = x.astype(float)
        fresh, spread = wide.mean(axis=(0, 2, 3)), wide.var(axis=(0, 2, 3))
        columns = [part.astype(float).reshape(3, 1, 1) for part in (fresh, spread, scale, bias)]
        exact = (wide - columns[0]) / numpy.sqrt(columns[1] + 1e-5) * columns[2] + columns[3]
        results = [exact.astype(dtype), (0.9 * mean + 0.1 * fresh).astype(numpy.float32), (0.9 * variance + 0.1 * spread).astype(numpy.float32)]
        # Shift and scale cancel: 4 / deviation times a rounding of f32.
        bounds = [ulps(exact, 1, dtype) + 1e-5, 1e-6, 1e-6]
        batch.add(label("BatchNormalization", x), "BatchNormalization", [x, scale, bias, mean, variance], results, bounds, training_mode=1)
    batch.check(mode)


def test_thresholds_between_two_halves(mode):
    """A threshold is float32: the halves next to it lie on one side each."""
    batch = Batch(opset=22)
    for dtype in TYPES:
        for lambd in (0.41525, 0.4153):
            near = numpy.array(lambd, dtype)
            x = numpy.array([near, -near, 0.1, -0.1, 2, -2]).astype(dtype)
            wide, limit = x.astype(float), float(numpy.float32(lambd))
            if dtype == "float16":  # the schema has no other half
                batch.add(label("Shrink", x, lambd), "Shrink", [x], numpy.where(abs(wide) > limit, wide, 0).astype(dtype), lambd=lambd)
            batch.add(label("ThresholdedRelu", x, lambd), "ThresholdedRelu", [x], numpy.where(wide > limit, wide, 0).astype(dtype), alpha=lambd)
    batch.check(mode)
