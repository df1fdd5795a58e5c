"""Determinants against numpy's in float64."""

import numpy

from arrays import BF16, label, rng, uniform
from harness import Batch, epsilon


def test_det(mode):
    batch, generator = Batch(opset=22), rng()
    for shape in ((1, 1), (2, 2), (3, 3), (8, 8), (2, 3, 5, 5), (4, 1, 1), (3, 17, 17), (0, 4, 4)):
        for dtype in ("float32", "float64", "float16", BF16):
            x = uniform(generator, shape, dtype=dtype)
            exact = numpy.linalg.det(x.astype(float))
            # Backward error of elimination: n rows' worth of rounding (Higham, theorem 9.3), and what the result is rounded to.
            size = numpy.prod(numpy.linalg.norm(x.astype(float), axis=-1), axis=-1)
            bound = 8 * shape[-1] ** 2 * max(epsilon("float32" if dtype != "float64" else "float64"), 0) * size + epsilon(dtype) * abs(exact)
            batch.add(label("Det", x), "Det", [x], exact.astype(dtype), bound)
    batch.check(mode)


def test_special_matrices(mode):
    batch = Batch()
    cases = {
        "singular": ([[1, 2, 3], [2, 4, 6], [1, 1, 1]], 0), "zero": ([[0, 0], [0, 0]], 0), "exchanged": ([[0, 1], [1, 0]], -1), "rotated": ([[0, 0, 2], [1, 0, 0], [0, 3, 0]], 6),
        "pivot last": ([[0, 2, 1], [0, 0, 3], [4, 5, 6]], 24), "triangle": ([[2, 7, 9], [0, 3, 8], [0, 0, 5]], 30)}
    for name, (matrix, exact) in cases.items():
        batch.add(name, "Det", [numpy.array(matrix, numpy.float32)], numpy.float32(exact))
    batch.check(mode)
