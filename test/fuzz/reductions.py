"""Families of reductions, scans and normalizations."""

import numpy

from elementwise import within
from graph import RandomGraph
from movement import axis_of, some_axes
from oracle import Rejected, Value

REDUCTIONS = {
    "ReduceSum": "sum", "ReduceMean": "sum", "ReduceMax": "exact", "ReduceMin": "exact", "ReduceProd": "sum", "ReduceL1": "sum", "ReduceL2": "sum",
    "ReduceSumSquare": "sum", "ReduceLogSum": "sum", "ReduceLogSumExp": "sum",
}


def reduce(g: RandomGraph) -> None:
    op = g.pick(list(REDUCTIONS))
    x = g.value(lambda value: str(value.dtype) in ("int32", "int64")) if op in ("ReduceSum", "ReduceMax", "ReduceMin") and g.chance(0.15) else g.floating()
    if op == "ReduceLogSum":
        x = within(g, x, "positive")
    if op == "ReduceLogSumExp" and not x.is_finite:
        raise Rejected("the evaluator takes an infinity from itself")
    axes = some_axes(g, x.rank, 0) if x.rank and g.chance(0.85) else None
    keep = g.integer(0, 1) if g.chance(0.8) else None
    kind = REDUCTIONS[op] if x.is_float else "exact"
    if g.since(18) or (op == "ReduceSum" and g.since(13)):
        empty = g.integer(0, 1) if g.chance(0.2) else None
        g.add(op, [x, g.constant(numpy.array(axes, numpy.int64)) if axes is not None else None], kind, keepdims=keep, noop_with_empty_axes=empty)
    else:
        g.add(op, [x], kind, axes=axes or None, keepdims=keep)


def arg(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0 and value.dtype != bool and 0 not in value.shape)
    g.add(g.pick(("ArgMax", "ArgMin")), [x], "exact", axis=axis_of(g, x), keepdims=g.integer(0, 1), select_last_index=g.integer(0, 1))


def cumulative(g: RandomGraph) -> None:
    x = g.floating(1) if g.chance(0.7) else g.value(lambda value: value.rank > 0 and str(value.dtype) in ("int32", "int64"))
    op = "CumProd" if g.since(26) and g.chance(0.3) else "CumSum"
    g.add(op, [x, g.constant(numpy.array(axis_of(g, x)))], "sum" if x.is_float else "exact", exclusive=g.integer(0, 1), reverse=g.integer(0, 1))


def softmax(g: RandomGraph) -> None:
    x = g.floating(1)
    op = g.pick(("Softmax", "Softmax", "LogSoftmax", "Hardmax"))
    g.add(op, [x], "exact" if op == "Hardmax" else "sum", axis=axis_of(g, x))


def channels(x: Value, axis: int = 1) -> int:
    extent = x.shape[axis]
    if not extent:
        raise Rejected("no known channels")
    return extent


def normalize(g: RandomGraph) -> None:
    styles = {"layer": layer, "batch": batch, "instance": instance, "group": group, "root": root, "lp": lp, "lrn": lrn, "variance": variance}
    styles[g.pick(list(styles))](g)


def stashed(g: RandomGraph, low_rank: int) -> Value:
    """What a normalization that computes in float32 loses nothing of."""
    return g.floating(low_rank, lambda value: str(value.dtype) != "float64")


def layer(g: RandomGraph) -> None:
    x = stashed(g, 1)
    axis = g.integer(0, x.rank - 1)
    shape = x.shape[axis:]
    if None in shape or not g.since(17) or numpy.prod(shape) < 2:
        raise Rejected("unknown extents")
    scale = g.parameter(shape, x.dtype)
    bias = g.parameter(shape, x.dtype) if g.chance(0.6) else None
    outputs = g.pick((1, 1, 1, 3))
    g.add("LayerNormalization", [x, scale, bias], "sum", outputs, axis=axis - x.rank if g.chance(0.7) else axis, epsilon=g.pick((1e-5, 1e-2, 1e-3)))


def batch(g: RandomGraph) -> None:
    x = g.floating(2)
    count = channels(x)
    parameters = [g.parameter((count,), x.dtype, low, high) for low, high in ((-1, 1), (-1, 1), (-1, 1), (0.3, 2))]
    g.add("BatchNormalization", [x, *parameters], "sum", epsilon=g.pick((1e-5, 1e-2)))


def instance(g: RandomGraph) -> None:
    x = g.floating(3)
    count = channels(x)
    g.add("InstanceNormalization", [x, g.parameter((count,), x.dtype), g.parameter((count,), x.dtype)], "sum", epsilon=g.pick((1e-5, 1e-2)))


def group(g: RandomGraph) -> None:
    x = stashed(g, 3)
    count = channels(x)
    groups = g.pick([number for number in range(1, count + 1) if count % number == 0])
    if not g.since(21):
        raise Rejected("opset")
    g.add("GroupNormalization", [x, g.parameter((count,), x.dtype), g.parameter((count,), x.dtype)], "sum", num_groups=groups, epsilon=g.pick((1e-5, 1e-2)))


def root(g: RandomGraph) -> None:
    x = stashed(g, 1)
    axis = g.integer(0, x.rank - 1)
    if None in x.shape[axis:] or not g.since(23):
        raise Rejected("unknown extents")
    g.add("RMSNormalization", [x, g.parameter(x.shape[axis:], x.dtype)], "sum", axis=axis - x.rank if g.chance(0.7) else axis, epsilon=g.pick((1e-5, 1e-2)))


def lp(g: RandomGraph) -> None:
    x = g.floating(1)
    g.add("LpNormalization", [x], "sum", axis=axis_of(g, x), p=g.integer(1, 2))


def lrn(g: RandomGraph) -> None:
    # ONNX Runtime, the oracle, keeps a running sum, which carries a NaN to channels behind its window.
    x = g.floating(3, lambda value: value.is_finite)
    g.add("LRN", [x], "sum", size=g.pick((1, 3, 5)), alpha=g.random.uniform(1e-4, 0.5), beta=g.random.uniform(0.3, 1.0), bias=g.random.uniform(1.0, 2.0))


def variance(g: RandomGraph) -> None:
    x = g.floating(2)
    axes = some_axes(g, x.rank)
    g.add("MeanVarianceNormalization", [x], "sum", axes=[axis % x.rank for axis in axes])


FAMILIES = {"reduce": (8, reduce), "arg": (1.5, arg), "cumulative": (1.5, cumulative), "softmax": (3, softmax), "normalize": (6, normalize)}
