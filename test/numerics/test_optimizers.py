"""Steps of training against float64: several tensors at a time, before and after the first step."""

import itertools

import numpy

from arrays import label, rng, uniform
from harness import Batch, ulps

TRAINING = "ai.onnx.preview.training"
SHAPES = ((2, 3), (17,))


def add(batch, op, rate, count, groups, update, dtype, **attributes):
    """`groups` holds for each tensor itself, its gradient and its state."""
    wide = [[value.astype(float) for value in group] for group in groups]
    results = [update(float(rate), float(count), *group) for group in wide]
    expected = [part.astype(dtype) for parts in zip(*results) for part in parts]
    inputs = [rate, count] + [value for values in zip(*groups) for value in values]
    bounds = [ulps(numpy.abs(value) + 1, 32, dtype) for value in expected]
    batch.add(label(op, dtype, count, len(groups), attributes), op, inputs, expected, bounds, domain=TRAINING, known=(0, 1), **attributes)


def cases(state):
    generator = rng()
    for dtype, count, tensors in itertools.product(("float32", "float64"), (0, 5), (1, 2)):
        groups = [[uniform(generator, shape, dtype=dtype), uniform(generator, shape, dtype=dtype), *(uniform(generator, shape, 0.1, 2, dtype) for _ in range(state))] for shape in SHAPES[:tensors]]
        yield dtype, numpy.array(0.125, dtype), numpy.array(count), groups


def test_momentum(mode):
    batch = Batch()
    for (dtype, rate, count, groups), kind in itertools.product(cases(1), ("standard", "nesterov")):
        def update(r, t, x, g, v):
            g = g + 0.25 * x
            v = 0.875 * v + (0.5 if t > 0 else 1) * g
            return x - r * (g + 0.875 * v if kind == "nesterov" else v), v

        add(batch, "Momentum", rate, count, groups, update, dtype, mode=kind, alpha=0.875, beta=0.5, norm_coefficient=0.25)
    batch.check(mode)


def test_adagrad(mode):
    batch = Batch()
    for dtype, rate, count, groups in cases(1):
        def update(r, t, x, g, h):
            g = g + 0.25 * x
            h = h + g * g
            return x - r / (1 + t * 0.5) * g / (numpy.sqrt(h) + 0.0625), h

        add(batch, "Adagrad", rate, count, groups, update, dtype, decay_factor=0.5, epsilon=0.0625, norm_coefficient=0.25)
    batch.check(mode)


def test_adam(mode):
    batch = Batch()
    for dtype, rate, count, groups in cases(2):
        def update(r, t, x, g, v, h):
            g = g + 0.25 * x
            v, h = 0.875 * v + 0.125 * g, 0.75 * h + 0.25 * g * g
            r = r * numpy.sqrt(1 - 0.75**t) / (1 - 0.875**t) if t > 0 else r
            return (1 - 0.125) * (x - r * v / (numpy.sqrt(h) + 0.0625)), v, h

        add(batch, "Adam", rate, count, groups, update, dtype, alpha=0.875, beta=0.75, epsilon=0.0625, norm_coefficient=0.25, norm_coefficient_post=0.125)
    batch.check(mode)
