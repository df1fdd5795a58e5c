"""Families of ops that move elements: shapes, slices, gathers, scatters, pads."""

import math

import numpy
from onnx import helper

from graph import RandomGraph
from oracle import Rejected, Value


def axis_of(g: RandomGraph, x: Value, negative: float = 0.3) -> int:
    if not x.rank:
        raise Rejected("scalar")
    axis = g.integer(0, x.rank - 1)
    return axis - x.rank if g.chance(negative) else axis


def some_axes(g: RandomGraph, rank: int, low: int = 1) -> list[int]:
    axes = g.random.permutation(rank)[:g.integer(min(low, rank), rank)].tolist()
    return [axis - rank if g.chance(0.3) else axis for axis in axes]


def extents_of(g: RandomGraph, x: Value) -> list[Value]:
    """Each extent as a list of one: known ones as constants, the others by Shape and Gather or Slice."""
    shape, parts = None, []
    for axis, extent in enumerate(x.shape):
        if extent is not None and g.chance(0.8):
            parts.append(g.constant(numpy.array([extent], numpy.int64)))
            continue
        if g.since(15) and g.chance(0.3):
            parts.append(g.add("Shape", [x], "exact", start=axis, end=axis + 1 if axis + 1 < x.rank else None)[0])
            continue
        shape = shape or g.add("Shape", [x], "exact")[0]
        if g.chance(0.5):
            parts.append(g.add("Gather", [shape, g.constant(numpy.array([axis]))], "exact")[0])
        else:
            scalar = g.add("Gather", [shape, g.constant(numpy.array(axis))], "exact")[0]
            parts.append(g.add("Unsqueeze", [scalar, g.constant(numpy.array([0]))], "exact")[0])
    return parts


def transpose(g: RandomGraph) -> None:
    x = g.value()
    g.add("Transpose", [x], "exact", perm=g.random.permutation(x.rank).tolist() if g.chance(0.85) else None)


def reshape(g: RandomGraph) -> None:
    x = g.value()
    if any(extent is None for extent in x.shape):
        return reshape_dynamic(g, x)
    rest, shape = math.prod(x.shape), []
    while rest > 1 and len(shape) < 5 and g.chance(0.8):
        factor = g.pick([divisor for divisor in range(2, rest + 1) if rest % divisor == 0])
        shape.append(factor)
        rest //= factor
    shape += [rest] if rest != 1 or g.chance(0.2) else []
    for _ in range(g.integer(0, 1)):
        shape.insert(g.integer(0, len(shape)), 1)
    if shape and math.prod(shape) and g.chance(0.4):
        shape[g.integer(0, len(shape) - 1)] = -1
    for place, extent in enumerate(shape):
        if place < x.rank and x.shape[place] == extent and extent and g.chance(0.3):
            shape[place] = 0
    g.add("Reshape", [x, g.integers(shape) if shape else g.constant(numpy.array([], numpy.int64))], "exact")


def reshape_dynamic(g: RandomGraph, x: Value) -> None:
    """Extents merged or split, by 0 and -1 or by shape arithmetic."""
    style = g.integer(0, 3)
    if style == 0:
        first = g.integer(0, x.rank)
        g.add("Reshape", [x, g.constant(numpy.array([0] * first + [-1]))], "exact")
    elif style == 1:
        g.add("Reshape", [x, g.constant(numpy.array(g.pick(([-1], [1, -1], [-1, 1])) if x.rank else [-1]))], "exact")
    elif style == 2:
        parts = extents_of(g, x)
        place = g.integer(0, len(parts) - 1)
        if place + 1 < len(parts):
            parts[place:place + 2] = [g.add("Mul", [parts[place], parts[place + 1]], "exact")[0]]
        if g.chance(0.5):
            parts[g.integer(0, len(parts) - 1)] = g.constant(numpy.array([-1]))
        g.add("Reshape", [x, g.add("Concat", parts, "exact", axis=0)[0]], "exact")
    else:
        parts = extents_of(g, x)
        places = [place for place, extent in enumerate(x.shape) if extent and extent % 2 == 0]
        place = g.pick(places)
        half = g.add("Div", [parts[place], g.constant(numpy.array([2]))], "exact")[0]
        parts[place:place + 1] = [half, g.constant(numpy.array([2]))]
        g.add("Reshape", [x, g.add("Concat", parts, "exact", axis=0)[0]], "exact")


def flatten(g: RandomGraph) -> None:
    x = g.value()
    g.add("Flatten", [x], "exact", axis=g.integer(-x.rank, x.rank))


def squeeze(g: RandomGraph) -> None:
    x = g.value(lambda value: 1 in value.shape)
    axes = [axis for axis, extent in enumerate(x.shape) if extent == 1 and g.chance(0.7)]
    if any(set(extents) != {1} and 1 in extents for extents in zip(*x.shapes)) or axes:
        g.add("Squeeze", [x, g.constant(numpy.array(axes, numpy.int64))] if axes else [x], "exact")
    else:
        g.add("Squeeze", [x], "exact")


def unsqueeze(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank < 5)
    count = g.integer(1, 2)
    rank = x.rank + count
    axes = g.random.permutation(rank)[:count]
    g.add("Unsqueeze", [x, g.constant(numpy.array([axis - rank if g.chance(0.3) else axis for axis in axes.tolist()]))], "exact")


def concat(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0)
    axis = axis_of(g, x)

    def without(value):
        return [shape[:axis % x.rank] + shape[axis % x.rank + 1:] for shape in value.shapes]

    fits = [value for value in g.values if value.dtype == x.dtype and value.rank == x.rank and without(value) == without(x)]
    parts = [x, *(g.pick(fits) for _ in range(g.integer(0, 2)))]
    if g.chance(0.3) and None not in x.shape:
        shape = list(x.shape)
        shape[axis] = g.integer(1, 4)
        parts.insert(g.integer(0, len(parts)), g.constant(g.data(tuple(shape), str(x.dtype))))
    g.add("Concat", parts, "exact", axis=axis)


def split(g: RandomGraph) -> None:
    x = g.value(lambda value: any(extent and extent > 1 for extent in value.shape))
    axis = g.pick([axis for axis, extent in enumerate(x.shape) if extent and extent > 1])
    extent = x.shape[axis]
    count = min(extent, g.integer(2, 4))
    if g.chance(0.5):
        cuts = sorted(g.random.choice(numpy.arange(0 if g.chance(0.05) else 1, extent), count - 1, replace=False).tolist())
        sizes = numpy.diff([0, *cuts, extent])
        g.add("Split", [x, g.constant(sizes)], "exact", count, axis=axis - x.rank if g.chance(0.3) else axis)
    elif g.since(18) and -(-extent // count) * (count - 1) < extent:
        g.add("Split", [x], "exact", count, axis=axis, num_outputs=count)
    elif extent % count == 0:
        g.add("Split", [x], "exact", count, axis=axis)


def slice_(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0)
    axes = some_axes(g, x.rank)
    starts, ends, steps = [], [], []
    for axis in axes:
        extent = min(shape[axis] for shape in x.shapes)
        step = g.pick((1, 1, 1, 2, 3, -1, -2))
        start = g.integer(-extent - 1, extent + 1) if g.chance(0.3) else g.integer(0, max(extent - 1, 0))
        end = g.pick((2**31 - 1, 2**63 - 1, extent, -1, start + 2))
        if step < 0:
            # A start before the first element: the standard takes the first one, numpy none.
            start, end = g.pick((2**31 - 1, extent - 1, -1, max(start, -extent))), g.pick((-(2**63), -(2**31), -extent - 5, 0, start - 3))
        starts.append(start)
        ends.append(end)
        steps.append(step)
    inputs = [x, g.integers(starts), g.integers(ends), g.integers(axes)]
    if any(step != 1 for step in steps) or g.chance(0.3):
        inputs.append(g.constant(numpy.array(steps)))
    elif sorted(axis % x.rank for axis in axes) == list(range(x.rank)) and axes == sorted(axes) and min(axes) >= 0 and g.chance(0.5):
        inputs.pop()
    g.add("Slice", inputs, "exact")


def pad(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0 and value.dtype != bool)
    mode = g.pick(("constant", "constant", "constant", "edge", "reflect", "wrap" if g.since(19) else "edge"))
    axes = some_axes(g, x.rank) if g.since(18) and g.chance(0.4) else list(range(x.rank))
    least = [min(shape[axis] for shape in x.shapes) for axis in axes]
    most = [max(extent - 1, 0) if mode == "reflect" else extent if mode == "wrap" else 3 for extent in least]
    pads = [g.integer(0, min(limit, 3)) for limit in most * 2]
    if mode == "constant" and g.chance(0.2):
        place = g.integer(0, len(axes) - 1)
        pads[place] = -g.integer(0, max(least[place] - 1, 0))
    value = g.scalar(x, g.pick((0, 1, 2, 0.5))) if mode == "constant" and g.chance(0.5) else None
    inputs = [x, g.integers(pads), value]
    if axes != list(range(x.rank)) and g.since(18):
        inputs.append(g.constant(numpy.array(axes)))
    elif axes != list(range(x.rank)):
        raise Rejected("opset")
    g.add("Pad", inputs, "exact", mode=mode)


def gather(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0)
    axis = axis_of(g, x)
    extent = min(shape[axis] for shape in x.shapes)
    if not extent:
        raise Rejected("empty")
    shape = [g.integer(1, 4) for _ in range(g.integer(0, 2))]
    g.add("Gather", [x, indices(g, -extent, extent, shape)], "exact", axis=axis)


def indices(g: RandomGraph, low: int, high: int, shape) -> Value:
    array = g.random.integers(low, high, tuple(shape)).astype(g.pick(("int64", "int32")))
    return g.integers(array, str(array.dtype)) if g.chance(0.6) else g.new_input(
        [[extent] * g.worlds for extent in shape], str(array.dtype), lambda *_: array)


def gather_elements(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0 and None not in value.shape and 0 not in value.shape)
    axis = axis_of(g, x)
    shape = [g.integer(1, extent) for extent in x.shape]
    shape[axis] = g.integer(1, 5)
    g.add("GatherElements", [x, indices(g, -x.shape[axis], x.shape[axis], shape)], "exact", axis=axis)


def gather_nd(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0 and None not in value.shape and 0 not in value.shape)
    batch = g.integer(0, min(1, x.rank - 1))
    depth = g.integer(1, x.rank - batch)
    shape = [*x.shape[:batch], *(g.integer(1, 3) for _ in range(g.integer(0 if batch == 0 else 0, 2)))]
    parts = [g.random.integers(-extent, extent, shape) for extent in x.shape[batch:batch + depth]]
    g.add("GatherND", [x, g.integers(numpy.stack(parts, -1))], "exact", batch_dims=batch)


def scatter_elements(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0 and None not in value.shape and 0 not in value.shape and value.dtype != bool)
    axis = axis_of(g, x)
    reduction = _reduction(g)
    shape = [g.integer(1, extent) for extent in x.shape]
    array = _distinct(g, x.shape[axis], shape, axis % x.rank) if reduction == "none" else g.random.integers(-x.shape[axis], x.shape[axis], shape)
    updates = g.constant(g.data(array.shape, str(x.dtype)))
    attributes = {"reduction": reduction} if g.since(16) else {}
    g.add("ScatterElements", [x, g.integers(array), updates], "exact" if reduction in ("none", "max", "min") else "sum", axis=axis, **attributes)


def _reduction(g: RandomGraph) -> str:
    reduction = g.pick(("none", "none", "add", "mul", "max", "min")) if g.since(18) else g.pick(("none", "add", "mul")) if g.since(16) else "none"
    if g.wild and reduction in ("max", "min"):
        raise Rejected("whether a NaN wins is not said")
    return reduction


def _distinct(g: RandomGraph, extent: int, shape: list[int], axis: int) -> numpy.ndarray:
    """Indices that are different along the axis: which of two equal ones wins is not said."""
    order = numpy.argsort(g.random.random([*shape[:axis], extent, *shape[axis + 1:]]), axis)
    return numpy.take(order, range(shape[axis]), axis)


def scatter_nd(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0 and None not in value.shape and 0 not in value.shape and value.dtype != bool)
    depth = g.integer(1, x.rank)
    reduction = _reduction(g)
    places = math.prod(x.shape[:depth])
    count = g.integer(1, min(4, places))
    flat = g.random.choice(places, count, replace=reduction != "none")
    array = numpy.stack(numpy.unravel_index(flat, x.shape[:depth]), -1)
    updates = g.constant(g.data((count, *x.shape[depth:]), str(x.dtype)))
    attributes = {"reduction": reduction} if g.since(16) else {}
    g.add("ScatterND", [x, g.integers(array), updates], "exact" if reduction in ("none", "max", "min") else "sum", **attributes)


def tile(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0)
    g.add("Tile", [x, g.integers([g.integer(1, 3) for _ in range(x.rank)])], "exact")


def expand(g: RandomGraph) -> None:
    x = g.value()
    shape = [g.integer(2, 5) if extent == 1 and g.chance(0.7) else 1 if extent is None or g.chance(0.3) else extent for extent in x.shape]
    shape = [g.integer(1, 3)] * g.integer(0, 1) + shape
    if g.chance(0.25):
        other = g.value(lambda value: value.rank > 0)
        g.add("Expand", [x, g.add("Shape", [other], "exact")[0]], "exact")
    else:
        g.add("Expand", [x, g.integers(shape)], "exact")


def space(g: RandomGraph) -> None:
    x = g.floating(4, lambda value: value.shape[1] and (value.shape[1] % 4 == 0 or all(shape[2] % 2 == shape[3] % 2 == 0 for shape in value.shapes)), 4)
    if x.shape[1] % 4 == 0:
        g.add("DepthToSpace", [x], "exact", blocksize=2, mode=g.pick(("DCR", "CRD")))
    else:
        g.add("SpaceToDepth", [x], "exact", blocksize=2)


def trilu(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 1)
    g.add("Trilu", [x, g.constant(numpy.array(g.integer(-3, 3)))] if g.chance(0.7) else [x], "exact", upper=g.integer(0, 1))


def shape_of(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0)
    if g.chance(0.3):
        g.add("Size", [x], "exact")
    else:
        bounds = {"start": g.integer(-x.rank, x.rank), "end": g.pick((None, g.integer(-x.rank, x.rank)))} if g.since(15) and g.chance(0.6) else {}
        g.add("Shape", [x], "exact", **bounds)


def one_hot(g: RandomGraph) -> None:
    x = g.value(lambda value: str(value.dtype) in ("int64", "int32", "uint8"))
    axis = g.integer(-x.rank - 1, x.rank)
    g.add("OneHot", [x, g.constant(numpy.array(g.integer(2, 6))), g.constant(numpy.array([-0.5, 1.5], "float32"))], "exact", axis=axis)


def generate(g: RandomGraph) -> None:
    style = g.integer(0, 2)
    if style == 0:
        x = g.value(lambda value: value.rank > 0)
        shape = g.add("Shape", [x], "exact")[0]
        array = g.data((1,), g.pick(("float32", "int64", "int32", "float16", "bool")))
        g.add("ConstantOfShape", [shape], "exact", value=helper.make_tensor("value", helper.np_dtype_to_tensor_dtype(array.dtype), [1], array))
    elif style == 1:
        x = g.value(lambda value: value.rank > 0)
        size = g.add("Gather", [g.add("Shape", [x], "exact")[0], g.constant(numpy.array(g.integer(0, x.rank - 1)))], "exact")[0]
        g.add("Range", [g.constant(numpy.array(g.integer(-2, 0))), size, g.constant(numpy.array(g.integer(1, 3)))], "exact")
    else:
        x = g.value(lambda value: value.rank == 2)
        g.add("EyeLike", [x], "exact", k=g.integer(-2, 2), dtype=g.pick((None, 1, 7, 10)))


def compress(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0 and value.shape[0] is not None)
    axis = None if g.chance(0.3) else 0
    extent = x.shape[0] if axis == 0 else 4
    condition = g.data((max(1, extent - g.integer(0, 1)),), "bool")
    mask = g.constant(condition) if g.chance(0.5) else g.new_input([[condition.size] * g.worlds], "bool", lambda *_: condition)
    g.add("Compress", [x, mask], "exact", axis=axis)


def reverse_sequence(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 1 and value.shape[0] is not None and value.shape[1] is not None and value.shape[0] * value.shape[1])
    batch = g.integer(0, 1)
    lengths = g.random.integers(1, x.shape[1 - batch] + 1, x.shape[batch])
    g.add("ReverseSequence", [x, g.integers(lengths)], "exact", batch_axis=batch, time_axis=1 - batch)


def crop(g: RandomGraph) -> None:
    x = g.floating(1)
    if not g.since(18):
        raise Rejected("opset")
    axes = some_axes(g, x.rank)
    g.add("CenterCropPad", [x, g.constant(numpy.array([g.integer(1, 9) for _ in axes]))], "exact", axes=axes)


def nonzero(g: RandomGraph) -> None:
    x = g.value(lambda value: value.rank > 0)
    g.add("NonZero", [x], "exact")


def top_k(g: RandomGraph) -> None:
    x = g.floating(1)
    axis = axis_of(g, x)
    extent = min(shape[axis] for shape in x.shapes)
    k = g.integer(1, max(1, extent))
    g.add("TopK", [x, g.integers([k])], "exact", 2, axis=axis, largest=g.integer(0, 1), sorted=1)


def unique(g: RandomGraph) -> None:
    x = g.integral(1)
    g.add("Unique", [x], "exact", g.integer(1, 4), axis=g.pick((None, axis_of(g, x))), sorted=1)


FAMILIES = {
    "transpose": (5, transpose), "reshape": (6, reshape), "flatten": (1, flatten), "squeeze": (2, squeeze), "unsqueeze": (2, unsqueeze), "concat": (5, concat),
    "split": (3, split), "slice": (5, slice_), "pad": (4, pad), "gather": (4, gather), "gather_elements": (1.5, gather_elements), "gather_nd": (1.5, gather_nd),
    "scatter_elements": (1.5, scatter_elements), "scatter_nd": (1.5, scatter_nd), "tile": (1.5, tile), "expand": (2, expand), "space": (1, space),
    "trilu": (1, trilu), "shape_of": (1, shape_of), "one_hot": (1, one_hot), "generate": (1.5, generate), "compress": (0.7, compress),
    "reverse_sequence": (0.7, reverse_sequence), "crop": (0.7, crop), "nonzero": (0.5, nonzero), "top_k": (1.5, top_k), "unique": (0.4, unique),
}
