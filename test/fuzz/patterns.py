"""Families of small patterns that compilers rewrite: what exporters write for one idea, and movement that may cancel."""

import math

import numpy

from graph import RandomGraph
from movement import axis_of


def gelu(g: RandomGraph) -> None:
    x = g.floating()
    half = g.add("Mul", [x, g.scalar(x, 0.5)])[0]
    error = g.add("Erf", [g.add("Div", [x, g.scalar(x, math.sqrt(2))])[0]])[0]
    g.add("Mul", [half, g.add("Add", [error, g.scalar(x, 1)])[0]])


def silu(g: RandomGraph) -> None:
    x = g.floating()
    g.add("Mul", [x, g.add("Sigmoid", [x])[0]])


def layer_norm(g: RandomGraph) -> None:
    x = g.floating(1)
    attributes = {} if g.since(18) else {"axes": [-1]}
    axes = [g.constant(numpy.array([-1]))] if g.since(18) else []
    centred = g.add("Sub", [x, g.add("ReduceMean", [x, *axes], "sum", **attributes)[0]])[0]
    squared = g.add("Mul", [centred, centred])[0] if g.chance(0.5) else g.add("Pow", [centred, g.scalar(x, 2)])[0]
    mean = g.add("ReduceMean", [squared, *axes], "sum", **attributes)[0]
    root = g.add("Sqrt", [g.add("Add", [mean, g.scalar(x, 1e-2)])[0]])[0]
    y = g.add("Div", [centred, root])[0]
    if x.shape[-1]:
        g.add("Mul", [y, g.parameter((x.shape[-1],), x.dtype)])


def transposed_pair(g: RandomGraph) -> None:
    """Transposes around an elementwise op or a reduction."""
    x = g.floating(2)
    order = g.random.permutation(x.rank).tolist()
    y = g.add("Transpose", [x], "exact", perm=order)[0]
    y = g.add(g.pick(("Relu", "Tanh", "Sigmoid")), [y])[0]
    if g.chance(0.4):
        y = g.add("Add", [y, g.broadcasting(y)])[0]
    back = numpy.argsort(order).tolist() if g.chance(0.6) else g.random.permutation(x.rank).tolist()
    g.add("Transpose", [y], "exact", perm=back)


def shuffled_channels(g: RandomGraph) -> None:
    """Reshape, Transpose, Reshape."""
    x = g.floating(3, lambda value: value.shape[1] and value.shape[1] > 1 and value.shape.count(None) <= 1 and 0 not in value.shape)
    groups = g.pick([number for number in range(1, x.shape[1] + 1) if x.shape[1] % number == 0])
    y = g.add("Reshape", [x, g.constant(numpy.array([*(extent or -1 for extent in x.shape[:1]), groups, x.shape[1] // groups, *(extent or -1 for extent in x.shape[2:])]))], "exact")[0]
    y = g.add("Transpose", [y], "exact", perm=[0, 2, 1, *range(3, y.rank)])[0]
    g.add("Reshape", [y, g.constant(numpy.array([extent or -1 for extent in x.shape]))], "exact")


def halves(g: RandomGraph) -> None:
    """Split or two slices, different ops, Concat: as in rotary embeddings and gates."""
    x = g.floating(1, lambda value: value.shape[-1] and value.shape[-1] % 2 == 0)
    half = x.shape[-1] // 2
    if g.chance(0.5):
        a, b = g.add("Split", [x, g.constant(numpy.array([half, half]))], "exact", 2, axis=-1)
    else:
        a, b = (g.add("Slice", [x, *(g.constant(numpy.array([number])) for number in (low, high, -1))], "exact")[0] for low, high in ((0, half), (half, 2**62)))
    if g.chance(0.5):
        g.add("Concat", [g.add("Neg", [b], "exact")[0], a], "exact", axis=-1)
    else:
        g.add("Mul", [a, g.add("Sigmoid", [b])[0]])


def padded_conv(g: RandomGraph) -> None:
    from windows import conv, image

    x = image(g, 4, 4)
    if g.chance(0.6):
        g.add("Pad", [x, g.constant(numpy.array([0, 0, 1, g.integer(0, 1), 0, 0, g.integer(0, 2), 1]))], "exact", mode=g.pick(("constant", "constant", "reflect" if min(min(shape[2:]) for shape in x.shapes) > 2 else "constant")))
    conv(g)


def quantized_conv(g: RandomGraph) -> None:
    """A product between QuantizeLinear and DequantizeLinear, with quantized weights."""
    x = g.floating(2, lambda value: str(value.dtype) == "float32" and value.shape[-1], 3)
    low, high = x.bounds()
    scale = g.constant(numpy.array(max(abs(low), abs(high), 0.1) / 100, "float32"))
    point = g.constant(numpy.array(g.integer(0, 20) if g.chance(0.5) else 0, "int8"))
    y = g.add("DequantizeLinear", [g.add("QuantizeLinear", [x, scale, point], "sum")[0], scale, point])[0]
    columns = g.integer(1, 17)
    w = g.constant(g.random.integers(-100, 100, (x.shape[-1], columns)).astype("int8"))
    if g.chance(0.5):
        scales, zeros, axis = g.constant(g.random.uniform(0.001, 0.01, columns).astype("float32")), g.constant(numpy.zeros(columns, "int8")), 1
    else:
        scales, zeros, axis = g.constant(numpy.array(0.005, "float32")), g.constant(numpy.array(0, "int8")), None
    g.add("MatMul", [y, g.add("DequantizeLinear", [w, scales, zeros], axis=axis)[0]], "sum")


def masked_sum(g: RandomGraph) -> None:
    """Where with a large negative number, then Softmax."""
    x = g.floating(1)
    axis = axis_of(g, x)
    mask = g.add("Greater", [x, g.scalar(x, g.pick((-0.5, 0, 0.5)))], "exact")[0]
    y = g.add("Where", [mask, x, g.scalar(x, -100)], "exact")[0]
    g.add("Softmax", [y], "sum", axis=axis)


FAMILIES = {
    "gelu": (1, gelu), "silu": (1, silu), "layer_norm": (1.5, layer_norm), "transposed_pair": (3, transposed_pair), "shuffled_channels": (1.5, shuffled_channels),
    "halves": (1.5, halves), "padded_conv": (1.5, padded_conv), "quantized_conv": (1.5, quantized_conv), "masked_sum": (1, masked_sum),
}
