"""Families of convolutions, pools, resizes and sampling, and of the quantized forms of products."""

import math

import numpy

from contractions import weights
from graph import RandomGraph
from oracle import Rejected, Value


def image(g: RandomGraph, low: int = 3, high: int = 5) -> Value:
    """A value with known channels and with extents; a new input if there is none."""
    try:
        return g.floating(low, lambda value: value.shape[1] and value.shape[1] <= 40 and min(map(min, value.shapes)) > 0, high)
    except Rejected:
        rank = g.pick([rank for rank in (3, 4, 4, 4, 5) if low <= rank <= high])
        return g.new_input([g.extent(), [g.integer(1, 12)] * g.worlds, *(g.extent() for _ in range(rank - 2))], g.float_type)


def window(g: RandomGraph, x: Value, dilated: bool = True) -> dict:
    """Kernel, strides, pads and dilations that fit the smallest extents."""
    axes = x.rank - 2
    least = [min(extents) for extents in list(zip(*x.shapes))[2:]]
    kernel = [min(g.pick((1, 2, 3, 3, 5)), extent + 1) for extent in least]
    dilations = [g.pick((1, 1, 1, 2, 3)) if dilated else 1 for _ in kernel]
    strides = [g.pick((1, 1, 2, 3)) for _ in range(axes)]
    result = {"kernel_shape": kernel, "strides": strides if g.chance(0.7) else None, "dilations": dilations if dilated and g.chance(0.4) else None}
    if g.chance(0.25):
        result["auto_pad"] = g.pick(("SAME_UPPER", "SAME_LOWER", "VALID"))
        if result["auto_pad"] != "VALID" and any(
                stride > (extent - 1) * dilation + 1
                for stride, extent, dilation in zip(result["strides"] or [1] * axes, kernel, result["dilations"] or [1] * axes)):
            raise Rejected("padding that would be negative cuts in some implementations, is 0 in others and an error in ONNX Runtime's MaxPool")
    elif g.chance(0.75):
        result["pads"] = [g.integer(0, max(extent - 1, 0)) for extent in kernel * 2] if g.chance(0.4) else [extent // 2 for extent in kernel * 2]
    return result


def conv(g: RandomGraph) -> None:
    x = image(g)
    channels = x.shape[1]
    groups = g.pick([number for number in range(1, channels + 1) if channels % number == 0]) if g.chance(0.4) else 1
    filters = groups * g.pick((1, 1, 2, 3) if groups > 1 else (1, 3, 4, 8, 16, 17))
    attributes = window(g, x)
    kernel = attributes["kernel_shape"]
    w = weights(g, (filters, channels // groups, *kernel), x.dtype, channels // groups * math.prod(kernel))
    bias = g.parameter((filters,), x.dtype) if g.chance(0.6) else None
    y = g.add("Conv", [x, w, bias], "sum", group=groups, **attributes)[0]
    after_conv(g, y, filters)


def after_conv(g: RandomGraph, y: Value, filters: int) -> None:
    """What networks have after a convolution."""
    if g.chance(0.3):
        parameters = [g.constant(g.random.uniform(low, high, filters).astype(y.dtype)) for low, high in ((-1, 1), (-1, 1), (-1, 1), (0.3, 2))]
        y = g.add("BatchNormalization", [y, *parameters], "sum")[0]
    if g.chance(0.3):
        same = [value for value in g.values if value.shapes == y.shapes and value.dtype == y.dtype and value is not y]
        if same:
            y = g.add("Add", [y, g.pick(same)])[0]
    if g.chance(0.4):
        g.add(g.pick(("Relu", "LeakyRelu", "Sigmoid", "HardSwish" if g.since(14) else "Elu")), [y])


def conv_transpose(g: RandomGraph) -> None:
    x = image(g)
    channels = x.shape[1]
    groups = g.pick([number for number in range(1, channels + 1) if channels % number == 0]) if g.chance(0.3) else 1
    filters = g.pick((1, 2, 3, 8))
    axes = x.rank - 2
    kernel, strides = [g.pick((1, 2, 3, 4)) for _ in range(axes)], [g.pick((1, 2, 2, 3)) for _ in range(axes)]
    dilations = [g.pick((1, 1, 2)) for _ in range(axes)]
    attributes = {"strides": strides, "dilations": dilations if g.chance(0.3) else None}
    style = g.integer(0, 3)
    if style == 0:
        attributes["pads"] = [g.integer(0, (extent - 1) // 2) for extent in kernel * 2]
    elif style == 1:
        attributes["output_padding"] = [g.integer(0, stride - 1) for stride in strides]
    elif style == 2:
        attributes["auto_pad"] = g.pick(("SAME_UPPER", "SAME_LOWER", "VALID"))
        if any((extent - 1) * dilation + 1 < stride for extent, dilation, stride in zip(kernel, attributes["dilations"] or [1] * axes, strides)):
            raise Rejected("how half of a negative padding is rounded is not said")
    w = weights(g, (channels, filters, *kernel), x.dtype, channels // groups * math.prod(kernel))
    g.add("ConvTranspose", [x, w, g.parameter((filters * groups,), x.dtype) if g.chance(0.5) else None], "sum", group=groups, kernel_shape=kernel, **attributes)


def pool(g: RandomGraph) -> None:
    x = image(g)
    op = g.pick(("MaxPool", "MaxPool", "AveragePool", "AveragePool", "LpPool"))
    attributes = window(g, x, op == "MaxPool" or (op == "AveragePool" and g.since(19)) or (op == "LpPool" and g.since(18)))
    if op != "LpPool" or g.since(18):
        attributes["ceil_mode"] = g.integer(0, 1) if g.chance(0.3) and "auto_pad" not in attributes else None
    if op == "AveragePool":
        attributes["count_include_pad"] = g.integer(0, 1) if g.chance(0.5) else None
    if op == "LpPool":
        attributes["p"] = g.integer(1, 3)
    outputs = 2 if op == "MaxPool" and g.chance(0.2) else 1
    dilations = attributes["dilations"] or [1] * (x.rank - 2)
    if max(dilations) > 1 and "auto_pad" in attributes:
        raise Rejected("the evaluator takes the kernel as if it were not dilated, and for some pools ONNX Runtime returns another shape")
    if op == "AveragePool" and attributes["ceil_mode"] and attributes.get("pads", [])[:x.rank - 2] != attributes.get("pads", [])[x.rank - 2:]:
        raise Rejected("the evaluator shifts all windows where ceil_mode adds one and pads are uneven")
    for place, extents in enumerate(list(zip(*x.shapes))[2:]):
        padding = attributes["pads"][place] + attributes["pads"][place + x.rank - 2] if "pads" in attributes else 0
        if min(extents) + padding < (attributes["kernel_shape"][place] - 1) * dilations[place] + 1:
            raise Rejected("a window that does not fit")
        if op == "AveragePool" and dilations[place] > 1 and min(extents) < (attributes["kernel_shape"][place] - 1) * dilations[place] + 1:
            raise Rejected("the mean of a window without elements is not said")
    g.add(op, [x], "exact" if op == "MaxPool" else "sum", outputs, **attributes)


def global_pool(g: RandomGraph) -> None:
    x = g.floating(3)
    op = g.pick(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"))
    g.add(op, [x], "exact" if op == "GlobalMaxPool" else "sum", p=g.integer(1, 3) if op == "GlobalLpPool" else None)


def resize(g: RandomGraph) -> None:
    x = g.floating(3, high_rank=5)
    mode = g.pick(("nearest", "linear", "linear", "cubic"))
    place = g.pick(("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel"))
    axes = g.random.permutation(range(2, x.rank))[:2 if mode == "cubic" else x.rank - 2].tolist() if x.rank > 2 else []
    attributes = {"mode": mode, "coordinate_transformation_mode": place}
    if mode == "nearest":
        attributes |= {"nearest_mode": g.pick(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"))}
    if mode == "cubic":
        attributes |= {"cubic_coeff_a": g.pick((-0.75, -0.5)), "exclude_outside": g.integer(0, 1)}
    if mode == "linear" and g.since(18) and g.chance(0.3):
        attributes |= {"antialias": 1}
    # Powers of two: coordinates are exact, in any order of operations.
    factors = {axis: g.pick((0.5, 1.0, 2.0, 2.0, 4.0) if mode == "nearest" else (0.5, 0.75, 1.0, 1.5, 2.0, 2.5)) for axis in axes}
    if mode == "nearest" and place == "align_corners":
        raise Rejected("coordinates at ties")
    if place in ("align_corners", "pytorch_half_pixel") and any(shape[axis] * factor % 1 for shape in x.shapes for axis, factor in factors.items()):
        raise Rejected("whether the resized length is rounded is not agreed")
    if place == "pytorch_half_pixel" and any(int(shape[axis] * factor) == 1 for shape in x.shapes for axis, factor in factors.items()):
        raise Rejected("the standard's coordinate of a single element is 0, the evaluator's -0.5")
    known = [extent for axis, extent in enumerate(x.shape) if axis in axes]
    if None not in known and g.chance(0.4):
        if "antialias" in attributes or mode == "cubic":
            raise Rejected("the evaluator takes a wrong neighbour where rounding leaves a coordinate just below a whole number")
        sizes = [max(1, int(extent * factors.get(axis, 1.0))) if extent else extent for axis, extent in enumerate(x.shape)]
        if None in sizes or mode == "nearest":
            raise Rejected("sizes")
        g.add("Resize", [x, None, None, g.constant(numpy.array(sizes))], "first", **attributes)
    else:
        scales = [factors.get(axis, 1.0) for axis in range(x.rank)]
        g.add("Resize", [x, None, g.constant(numpy.array(scales, "float32"))], "exact" if mode == "nearest" else "first", **attributes)


def grid_sample(g: RandomGraph) -> None:
    x = g.floating(4, lambda value: min(map(min, value.shapes)) > 0, 4)
    if not g.since(20):
        raise Rejected("opset")
    batch = [shape[0] for shape in x.shapes]
    height, width = g.integer(1, 5), g.integer(1, 5)
    grid = g.new_input([batch, [height] * g.worlds, [width] * g.worlds, [2] * g.worlds], str(x.dtype), lambda shape, kind: g.random.uniform(-1.2, 1.2, shape).astype(kind))
    mode, padding = g.pick(("linear", "nearest", "cubic")), g.pick(("zeros", "border", "reflection"))
    if (mode, padding) == ("cubic", "border"):
        raise Rejected("whether coordinates or pixels are clamped is not agreed")
    g.add("GridSample", [x, grid], "sum", mode=mode, padding_mode=padding, align_corners=g.integer(0, 1))


def roi_align(g: RandomGraph) -> None:
    x = g.floating(4, lambda value: min(map(min, value.shapes)) > 1, 4)
    if not g.since(16):
        raise Rejected("opset")
    count = g.integer(1, 4)
    corners = g.random.uniform(0, 3, (count, 2))
    boxes = g.constant(numpy.concatenate([corners, corners + g.random.uniform(0.5, 4, (count, 2))], 1).astype(x.dtype))
    places = g.constant(g.random.integers(0, min(shape[0] for shape in x.shapes), count))
    g.add("RoiAlign", [x, boxes, places], "sum", output_height=g.integer(1, 4), output_width=g.integer(1, 4), sampling_ratio=g.integer(0, 2),
          spatial_scale=g.pick((None, 0.5)), mode=g.pick(("avg", "max")), coordinate_transformation_mode=g.pick(("half_pixel", "output_half_pixel")))


def col2im(g: RandomGraph) -> None:
    if not g.since(18):
        raise Rejected("opset")
    shape, block = [g.integer(3, 6), g.integer(3, 6)], [g.integer(1, 3), g.integer(1, 3)]
    count = math.prod(extent - size + 1 for extent, size in zip(shape, block))
    x = g.new_input([g.extent(), [math.prod(block) * g.integer(1, 3)] * g.worlds, [count] * g.worlds], "float32")
    g.add("Col2Im", [x, g.constant(numpy.array(shape)), g.constant(numpy.array(block))], "sum")


def quantize(g: RandomGraph) -> None:
    x = g.floating(0, lambda value: str(value.dtype) == "float32")
    kind = g.pick(("uint8", "int8"))
    axis = g.integer(0, x.rank - 1) if x.rank and g.chance(0.3) else None
    if axis is not None and not x.shape[axis]:
        axis = None
    shape = (x.shape[axis],) if axis is not None else ()
    low, high = x.bounds()
    size = max(abs(low), abs(high), 1e-2)
    scale = g.constant((g.random.uniform(0.8, 1.5, shape) * size / 120).astype("float32"))
    point = g.constant(g.random.integers(0 if kind == "int8" else 100, 20 if kind == "int8" else 140, shape).astype(kind)) if g.chance(0.9) else None
    y = g.add("QuantizeLinear", [x, scale, point], "sum", axis=axis)[0]
    if g.chance(0.6):
        g.add("DequantizeLinear", [y, scale, point], axis=axis)


def dequantize(g: RandomGraph) -> None:
    x = g.value(lambda value: str(value.dtype) in ("int8", "uint8", "int32"))
    scale = g.constant(numpy.array(g.random.uniform(0.01, 0.1), "float32"))
    point = g.constant(numpy.array(g.integer(0, 20)).astype(x.dtype)) if g.chance(0.7) and x.dtype != numpy.int32 else None
    g.add("DequantizeLinear", [x, scale, point])


def dynamic_quantize(g: RandomGraph) -> None:
    x = g.floating(1, lambda value: str(value.dtype) == "float32")
    if any(not sample.exact.any() for sample in x.samples):
        raise Rejected("the scale of zeros is 0 by the formula, and 1 or 1/255 in implementations")
    g.add("DynamicQuantizeLinear", [x], "sum", 3)


def quantized_product(g: RandomGraph) -> None:
    """QLinearMatMul, QLinearConv or ConvInteger."""
    kind = g.pick(("uint8", "int8"))

    def scale():
        return g.constant(numpy.array(g.random.uniform(0.01, 0.05), "float32"))

    def point(dtype=kind):
        return g.constant(numpy.array(g.integer(0, 9), dtype))

    if g.chance(0.4):
        inner, columns = g.integer(1, 20), g.integer(1, 18)
        x = g.new_input([g.extent(), [inner] * g.worlds], kind)
        w = g.constant(g.random.integers(0, 100, (inner, columns)).astype(kind))
        g.add("QLinearMatMul", [x, scale(), point(), w, scale(), point(), g.constant(numpy.array(0.31, "float32")), point()], "sum")
        return
    channels, filters = g.integer(1, 5), g.pick((1, 3, 8))
    x = g.new_input([g.extent(), [channels] * g.worlds, g.extent(), g.extent()], kind)
    least = [min(extents) for extents in list(zip(*x.shapes))[2:]]
    kernel = [min(g.integer(1, 3), extent) for extent in least]
    w = g.constant(g.random.integers(0, 100, (filters, channels, *kernel)).astype(kind))
    attributes = {"strides": [g.integer(1, 2)] * 2, "pads": [g.integer(0, 1)] * 4 if min(kernel) > 1 else None}
    if g.chance(0.5):
        g.add("ConvInteger", [x, w, point(), point()], "exact", **attributes)
    else:
        bias = g.constant(g.random.integers(-500, 500, filters).astype("int32")) if g.chance(0.5) else None
        g.add("QLinearConv", [x, scale(), point(), w, scale(), point(), g.constant(numpy.array(0.27, "float32")), point(), bias], "sum", **attributes)


FAMILIES = {
    "conv": (6, conv), "conv_transpose": (2, conv_transpose), "pool": (4, pool), "global_pool": (1.5, global_pool), "resize": (2.5, resize),
    "grid_sample": (1, grid_sample), "roi_align": (0.5, roi_align), "col2im": (0.5, col2im), "quantize": (3, quantize), "dequantize": (1, dequantize),
    "dynamic_quantize": (0.7, dynamic_quantize), "quantized_product": (1.5, quantized_product),
}
