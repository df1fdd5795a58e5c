"""Losses of classification against their formulas in float64."""

import itertools

import numpy
import pytest

from arrays import FLOATS, label, rng, uniform
from harness import Batch, epsilon


def loss_of(logarithms, classes, weights, ignored, reduction):
    taken = numpy.ones(classes.shape, bool) if ignored is None else classes != ignored
    index = numpy.where(taken, classes, 0)
    loss = -numpy.take_along_axis(logarithms, index[:, None], 1)[:, 0]
    weight = numpy.where(taken, 1.0 if weights is None else weights[index], 0)
    loss = numpy.where(taken, loss * weight, 0)
    return {"none": loss, "sum": loss.sum(), "mean": loss.sum() / weight.sum()}[reduction]


def log_softmax(x):
    shifted = x - x.max(1, keepdims=True)
    return shifted - numpy.log(numpy.exp(shifted).sum(1, keepdims=True))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_losses(mode, dtype):
    """Sums are of float32 at least and rounded once to the type."""
    batch, generator = Batch(opset=22), rng()
    for shape, weighted, ignored, reduction in itertools.product(((5, 4), (2, 3, 4, 3)), (False, True), (None, 1, -1), ("none", "sum", "mean")):
        x, classes = uniform(generator, shape, dtype=dtype), generator.integers(0, shape[1], (shape[0], *shape[2:]))
        if ignored == -1:
            classes.reshape(-1)[::3] = -1
        weights = uniform(generator, shape[1], 0.25, 2, dtype) if weighted else None
        attributes = {"reduction": reduction} | ({} if ignored is None else {"ignore_index": ignored})
        wide = x.astype(numpy.float64)
        bound = 2 * epsilon(dtype) * classes.size + 64 * classes.size * epsilon("float32" if dtype != "float64" else "float64")
        for op, logarithms in (("NegativeLogLikelihoodLoss", wide), ("SoftmaxCrossEntropyLoss", log_softmax(wide))):
            expected = numpy.asarray(loss_of(logarithms, classes, None if weights is None else weights.astype(numpy.float64), ignored, reduction)).astype(dtype)
            results = [expected] if op[0] == "N" else [expected, logarithms.astype(dtype)]
            batch.add(label(op, x, attributes, weighted), op, [x, classes, *([] if weights is None else [weights])], results, [bound] * len(results), **attributes)
    batch.check(mode)


def test_an_ignored_class_may_be_any_number(mode):
    """And what is ignored may have a score that is no number."""
    batch = Batch(opset=22)
    x = numpy.array([[1, 2, 3], [numpy.nan, numpy.inf, 4]], numpy.float32)
    batch.add("of many", "NegativeLogLikelihoodLoss", [x, numpy.array([2, 1000])], numpy.float32(-3), ignore_index=1000)
    batch.add("and int32", "NegativeLogLikelihoodLoss", [x, numpy.array([0, -7], numpy.int32)], numpy.array([-1, 0], numpy.float32), ignore_index=-7, reduction="none")
    batch.check(mode)
