"""Filters whose kernel extents only a run knows: one artefact serves every kernel, and refuses those that fit no window.

Expected values are computed in float64 or with integers by loops over the taps (windows.py); bounds are those of a sum in any order.
"""

import math

import numpy
import pytest

import tenon
import windows
from arrays import BF16, integers, rng, uniform
from harness import difference, summed
from onnx import helper
from test_sampling import deform_conv

FLOAT = "float32"


@pytest.fixture(params=["optimized", "reference"])
def compiled(request, tmp_path):
    """Compiles a node whose inputs have no known extent; gives a function that runs it with one thread and with two."""
    def build(op, arrays, results=1, opset=22, domain="", nodes=(), **attributes):
        infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), [None] * array.ndim) for name, array in arrays.items()]
        outputs = [f"y{number}" for number in range(results)]
        inputs = attributes.pop("inputs", list(arrays))
        node = helper.make_node(op, inputs, outputs, name="the node", domain=domain, **attributes)
        values = [helper.make_empty_tensor_value_info(name) for name in outputs]
        for value in values:
            value.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(result_type(op, arrays))
        graph = helper.make_graph([*nodes, node], "graph", infos, values)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        library = tenon.compile(helper.make_model(graph, opset_imports=opsets), tmp_path / "model.so", reference=request.param == "reference")
        models = [tenon.load(library, threads=threads) for threads in (1, 2)]

        def run(**feeds):
            first, second = (list(model.run(feeds).values()) for model in models)
            for one, other in zip(first, second, strict=True):
                assert one.tobytes() == other.tobytes()
            return first if results > 1 else first[0]
        return run
    return build


def result_type(op, arrays):
    if op == "ConvInteger":
        return numpy.dtype("int32")
    return arrays["yz" if op == "QLinearConv" else "x"].dtype


def check(actual, exact, bound, case):
    problem = difference(actual, exact.astype(actual.dtype), bound)
    assert not problem, f"{case}: {problem}"


def onnx_pads(pads):
    return [before for before, _ in pads] + [after for _, after in pads]


def rounded(magnitude, terms, exact, bias, dtype):
    """The bound of a sum that is accumulated in f32 or the type, if it is wider, and rounded to the type, as is that with the bias."""
    narrow = numpy.dtype(dtype).itemsize == 2
    bound = summed(magnitude, terms, FLOAT if narrow else dtype)
    return bound + summed(2 * abs(exact) + abs(bias), 1, dtype) if narrow else bound


# Attributes, rank, groups; extents of inputs and kernels, among them a kernel as large as the padded input and one larger by 1.
CONVOLUTIONS = {
    "plain": ({}, 1, [((9, 11), (3, 3)), ((9, 11), (1, 1)), ((4, 7), (2, 5)), ((5, 5), (5, 5)), ((5, 5), (6, 2)), ((33, 40), (4, 1))]),
    "line": ({"strides": [2], "pads": [1, 2]}, 1, [((9,), (3,)), ((9,), (1,)), ((30,), (12,)), ((5,), (8,)), ((1,), (4,)), ((5,), (9,))]),
    "volume": ({"strides": [1, 2, 1], "pads": [1, 0, 0, 0, 1, 1]}, 1, [((4, 5, 6), (2, 3, 4)), ((4, 5, 6), (1, 1, 1)), ((3, 2, 3), (4, 3, 1))]),
    "dilated": ({"strides": [2, 3], "dilations": [2, 1], "pads": [2, 0, 1, 3]}, 1, [((9, 11), (3, 3)), ((12, 9), (2, 5)), ((9, 5), (6, 1)), ((4, 4), (4, 7))]),
    "groups": ({"group": 3, "pads": [1, 1, 1, 1]}, 3, [((6, 7), (3, 3)), ((6, 7), (2, 1)), ((2, 2), (4, 4))]),
    "same upper": ({"auto_pad": "SAME_UPPER", "strides": [2, 1]}, 1, [((9, 10), (3, 3)), ((8, 9), (2, 4)), ((5, 6), (1, 8)), ((2, 3), (5, 1))]),
    "same lower": ({"auto_pad": "SAME_LOWER", "strides": [1, 3], "dilations": [2, 1]}, 1, [((9, 10), (3, 3)), ((8, 9), (2, 4)), ((5, 6), (1, 8)), ((2, 3), (5, 1))]),
    "valid": ({"auto_pad": "VALID", "strides": [1, 3]}, 1, [((9, 10), (3, 3)), ((8, 9), (8, 4))]),
}


def pads_of(attributes, extents, kernel, strides, dilations):
    axes = len(kernel)
    automatic = attributes.get("auto_pad", "NOTSET")
    if automatic.startswith("SAME"):
        return [windows.same_pads(extents[d], kernel[d], strides[d], dilations[d], automatic == "SAME_UPPER") for d in range(axes)]
    pads = attributes.get("pads", [0] * 2 * axes)
    return list(zip(pads[:axes], pads[axes:]))


@pytest.mark.parametrize("name, dtype", [(name, FLOAT) for name in CONVOLUTIONS] + [("groups", dtype) for dtype in ("float64", "float16", BF16)])
def test_conv(compiled, name, dtype):
    attributes, groups, cases = CONVOLUTIONS[name]
    generator, axes = rng(), len(cases[0][0])
    strides, dilations = (attributes.get(key, [1] * axes) for key in ("strides", "dilations"))
    run = None
    for batch, channels, filters in ((2, 3, 6), (1, 6, 9), (3, 3, 3), (0, 3, 3), (2, 0, 3), (1, 3, 0)):
        for extents, kernel in cases:
            x, w = uniform(generator, (batch, channels, *extents), dtype=dtype), uniform(generator, (filters, channels // groups, *kernel), dtype=dtype)
            bias = uniform(generator, filters, dtype=dtype)
            run = run or compiled("Conv", {"x": x, "w": w, "b": bias}, **attributes)
            pads = pads_of(attributes, extents, kernel, strides, dilations)
            wide = [x.astype(float), w.astype(float), bias.astype(float).reshape(-1, *[1] * axes)]
            exact, magnitude = (windows.convolve(a, b, strides, dilations, pads, groups) + c for a, b, c in (wide, map(abs, wide)))
            check(run(x=x, w=w, b=bias), exact, rounded(magnitude, math.prod(w.shape[1:]) + 1, exact, wide[2], dtype), (x.shape, w.shape))


def test_extents_from_data(compiled):
    """The kernel is cut out of a tensor by data, so that a run knows its extents in its middle only."""
    nodes = [helper.make_node("Compress", ["w", "keep"], ["cut"], axis=2)]
    generator = rng()
    x, w = uniform(generator, (2, 4, 20)), uniform(generator, (5, 4, 9))
    run = compiled("Conv", {"x": x, "w": w, "keep": numpy.ones(9, bool)}, nodes=nodes, inputs=["x", "cut"], auto_pad="SAME_UPPER", strides=[2])
    for count in (9, 1, 4):
        keep = numpy.arange(9) < count
        wide = x.astype(float), w[:, :, keep].astype(float)
        pads = [windows.same_pads(20, count, 2, 1, True)]
        exact, magnitude = (windows.convolve(a, b, [2], [1], pads, 1) for a, b in (wide, map(abs, wide)))
        check(run(x=x, w=w, keep=keep), exact, summed(magnitude, 4 * count, FLOAT), count)
    with pytest.raises(tenon.RunError, match=r"'the node' \(Conv\): the kernel has extent 0"):
        run(x=x, w=w, keep=numpy.zeros(9, bool))


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_kernel_shape_of_a_computed_filter(compiled, op):
    """What the attribute says holds whatever the filter is."""
    nodes = [helper.make_node("Compress", ["w", "keep"], ["cut"], axis=2)]
    arrays = {"x": numpy.ones((1, 2, 8), FLOAT), "w": numpy.ones((2, 2, 5), FLOAT)}
    run = compiled(op, {**arrays, "keep": numpy.ones(5, bool)}, nodes=nodes, inputs=["x", "cut"], kernel_shape=[3])
    assert run(**arrays, keep=numpy.arange(5) < 3).shape == (1, 2, 6 if op == "Conv" else 10)
    for count in (2, 4, 0):
        with pytest.raises(tenon.RunError, match=rf"'the node' \({op}\): dimension 0 of the kernel is {count}, expected 3"):
            run(**arrays, keep=numpy.arange(5) < count)


# Attributes, groups; extents of inputs and kernels. An output_shape may need more than there is, which zeros fill up.
TRANSPOSED = {
    "plain": ({}, 1, [((5, 4), (3, 3)), ((5, 4), (1, 2)), ((1, 1), (4, 5))]),
    "line": ({"strides": [3], "dilations": [2], "pads": [1, 2], "output_padding": [1]}, 1, [((9,), (3,)), ((9,), (1,)), ((4,), (7,))]),
    "volume": ({"strides": [2, 1, 2]}, 1, [((2, 3, 4), (2, 2, 2)), ((2, 3, 2), (3, 1, 1))]),
    "groups": ({"group": 3, "strides": [2, 2], "pads": [1, 1, 0, 0]}, 3, [((4, 4), (4, 4)), ((4, 4), (2, 3))]),
    "same upper": ({"auto_pad": "SAME_UPPER", "strides": [2, 3]}, 1, [((4, 5), (3, 3)), ((4, 5), (1, 2)), ((3, 2), (6, 7))]),
    "same lower": ({"auto_pad": "SAME_LOWER", "strides": [2, 1]}, 1, [((4, 5), (3, 3)), ((4, 5), (1, 2)), ((3, 2), (6, 7))]),
    "shape": ({"output_shape": [9, 12], "strides": [2, 2]}, 1, [((5, 6), (3, 3)), ((5, 6), (1, 2)), ((3, 4), (4, 9))]),
    "shape upper": ({"output_shape": [9, 12], "strides": [2, 2], "auto_pad": "SAME_UPPER"}, 1, [((5, 6), (3, 3)), ((5, 6), (1, 2)), ((3, 4), (4, 9))]),
}


def transposed(x, w, attributes, strides, dilations, groups):
    axes = x.ndim - 2
    padding, automatic = attributes.get("output_padding", [0] * axes), attributes.get("auto_pad", "NOTSET")
    pads = pads_of({"pads": attributes.get("pads", [0] * 2 * axes)}, x.shape[2:], w.shape[2:], strides, dilations)
    result = windows.convolve_transposed(x, w, strides, dilations, pads, padding, groups)
    wanted = attributes.get("output_shape")
    if automatic.startswith("SAME") and not wanted:
        wanted = [extent * stride for extent, stride in zip(x.shape[2:], strides)]
    for axis, extent in enumerate(wanted or [], 2):
        cut = max(result.shape[axis] - extent, 0)
        low = cut // 2 if automatic == "SAME_UPPER" else cut - cut // 2
        kept = [slice(None)] * result.ndim
        kept[axis] = slice(low, low + extent)
        result = numpy.pad(result[tuple(kept)], [(0, max(extent - result.shape[axis], 0) if axis == d else 0) for d in range(result.ndim)])
    return result


@pytest.mark.parametrize("name", TRANSPOSED)
def test_conv_transpose(compiled, name):
    attributes, groups, cases = TRANSPOSED[name]
    generator, axes = rng(), len(cases[0][0])
    strides, dilations = (attributes.get(key, [1] * axes) for key in ("strides", "dilations"))
    run = None
    for batch, channels, per_group in ((2, 3, 4), (1, 6, 1), (0, 3, 2)):
        for extents, kernel in cases:
            x, w = uniform(generator, (batch, channels, *extents)), uniform(generator, (channels, per_group, *kernel))
            bias = uniform(generator, per_group * groups)
            run = run or compiled("ConvTranspose", {"x": x, "w": w, "b": bias}, **attributes)
            wide = [array.astype(float) for array in (x, w, bias)]
            exact, magnitude = (transposed(a, b, attributes, strides, dilations, groups) + c.reshape(-1, *[1] * axes) for a, b, c in (wide, map(abs, wide)))
            check(run(x=x, w=w, b=bias), exact, summed(magnitude, channels * math.prod(kernel) + 1, FLOAT), (x.shape, w.shape))


@pytest.mark.parametrize("attributes", [{"pads": [1, 0, 0, 2], "strides": [2, 1]}, {"auto_pad": "SAME_UPPER", "group": 2}], ids=["pads", "same"])
def test_integers(compiled, attributes):
    """Sums of integers are exact; scales are powers of 2, so that the quantized results are."""
    generator = rng()
    strides, groups = attributes.get("strides", [1, 1]), attributes.get("group", 1)
    scalars = {"xs": numpy.float32(0.5), "xz": numpy.uint8(117), "ws": numpy.float32(0.25), "wz": numpy.int8(-3), "ys": numpy.float32(64), "yz": numpy.uint8(130)}
    cases = []
    for extents, kernel in (((6, 7), (3, 3)), ((6, 7), (2, 1)), ((5, 4), (1, 4))):
        x, w = integers(generator, (2, 4, *extents), "uint8"), integers(generator, (6, 4 // groups, *kernel), "int8")
        pads = pads_of(attributes, extents, kernel, strides, [1, 1])
        cases.append((x, w, windows.convolve(x.astype(numpy.int64) - 117, w.astype(numpy.int64) + 3, strides, [1, 1], pads, groups)))
    x, w, _ = cases[0]
    run = compiled("ConvInteger", {"x": x, "w": w, "xz": scalars["xz"], "wz": scalars["wz"]}, **attributes)
    quantized = compiled("QLinearConv", {"x": x, **dict(list(scalars.items())[:2]), "w": w, **dict(list(scalars.items())[2:])}, **attributes)
    for x, w, exact in cases:
        check(run(x=x, w=w, xz=scalars["xz"], wz=scalars["wz"]), exact, 0, w.shape)
        check(quantized(x=x, w=w, **scalars), numpy.clip(numpy.round(exact * 0.125 / 64) + 130, 0, 255), 0, w.shape)


def test_deform_conv(compiled):
    generator = rng()
    strides, dilations, pads, group, offset_group = (2, 1), (1, 2), (1, 0, 1, 2), 2, 2
    run = None
    for channels, filters, kernel in ((4, 6, (3, 2)), (2, 2, (1, 1)), (4, 2, (2, 3))):
        result = [windows.out_extent(extent, kernel[d], strides[d], dilations[d], pads[d], pads[2 + d]) for d, extent in enumerate((6, 7))]
        taps = math.prod(kernel)
        arrays = {"x": uniform(generator, (2, channels, 6, 7)), "w": uniform(generator, (filters, channels // group, *kernel)),
                  "offset": uniform(generator, (2, offset_group * taps * 2, *result), -1.5, 1.5), "b": uniform(generator, filters),
                  "mask": uniform(generator, (2, offset_group * taps, *result), 0, 1)}
        run = run or compiled("DeformConv", arrays, strides=strides, dilations=dilations, pads=pads, group=group, offset_group=offset_group)
        exact = deform_conv(*(array.astype(float) for array in arrays.values()), strides, dilations, pads, group, offset_group)
        # Coordinates are rounded too, whose error the slope of the image multiplies: as in test_sampling.
        check(run(**arrays), exact, 64 * taps * channels * 2.0**-23, kernel)
        for name, shape in (("offset", (2, offset_group * taps * 2 + 2, *result)), ("mask", (2, offset_group * taps, result[0], result[1] + 1)), ("b", (filters + 1,)),
                            ("w", (filters, channels // group + 1, *kernel)), ("x", (2, channels + 1, 6, 7)), ("w", (filters, channels // group, kernel[0] + 1, kernel[1]))):
            with pytest.raises(tenon.RunError, match=r"'the node' \(DeformConv\): "):
                run(**{**arrays, name: uniform(generator, shape)})


@pytest.mark.parametrize("has_past", [True, False])
@pytest.mark.parametrize("activation", ["none", "silu"])
def test_causal_convolution(compiled, has_past, activation):
    """Depthwise over as many channels as there are, behind the last positions of the sequence so far."""
    generator, run = rng(), None
    for batch, channels, length, kernel in ((2, 3, 8, 4), (1, 5, 1, 3), (2, 1, 6, 1), (1, 4, 2, 6), (0, 2, 3, 2), (1, 0, 3, 2), (1, 2, 0, 3)):
        arrays = {"x": uniform(generator, (batch, channels, length)), "w": uniform(generator, (channels, 1, kernel)), "b": uniform(generator, channels)}
        past = uniform(generator, (batch, channels, kernel - 1)) if has_past else numpy.zeros((batch, channels, kernel - 1), FLOAT)
        arrays |= {"past": past} if has_past else {}
        run = run or compiled("CausalConvWithState", arrays, results=2, opset=27, activation=activation)
        whole = numpy.concatenate([past, arrays["x"]], 2)
        wide = [whole.astype(float), arrays["w"].astype(float), arrays["b"].astype(float)[:, None]]
        parts = [sum(a[:, :, tap : tap + length] * b[:, 0, tap, None] for tap in range(kernel)) + c for a, b, c in (wide, list(map(abs, wide)))]
        exact, bound = parts[0], summed(parts[1], kernel + 1, FLOAT)
        if activation == "silu":
            # The slope is below 1.1; the logistic function and the product have a few roundings.
            exact = exact / (1 + numpy.exp(-exact))
            bound = 1.1 * bound + 8 * 2.0**-23 * abs(exact)
        output, state = run(**arrays)
        check(output, exact, bound, arrays["w"].shape)
        numpy.testing.assert_array_equal(state, whole[:, :, length:])
    x, w, b = uniform(generator, (2, 3, 5)), uniform(generator, (3, 1, 4)), uniform(generator, 3)
    past = {"past": uniform(generator, (2, 3, 3))} if has_past else {}
    wrong = [{"w": uniform(generator, (4, 1, 4))}, {"w": uniform(generator, (3, 2, 4))}, {"w": uniform(generator, (3, 1, 0))}, {"b": uniform(generator, 4)}]
    for other in wrong + [{"past": uniform(generator, shape)} for shape in ((2, 3, 4), (1, 3, 3), (2, 4, 3)) if has_past]:
        with pytest.raises(tenon.RunError, match=r"'the node' \(CausalConvWithState\): |input 'w' has dimensions 3x2x4 but expected \?x1x\?"):
            run(**{"x": x, "w": w, "b": b, **past, **other})


def test_fused_conv(compiled):
    generator, run = rng(), None
    for kernel in ((3, 3), (1, 2)):
        x, w = uniform(generator, (1, 3, 6, 6)), uniform(generator, (4, 3, *kernel))
        run = run or compiled("FusedConv", {"x": x, "w": w}, domain="com.microsoft", activation="Relu", pads=[1, 1, 1, 1])
        wide = x.astype(float), w.astype(float)
        exact, magnitude = (windows.convolve(a, b, [1, 1], [1, 1], [(1, 1)] * 2, 1) for a, b in (wide, map(abs, wide)))
        check(run(x=x, w=w), numpy.maximum(exact, 0), summed(magnitude, w[0].size, FLOAT), kernel)


# Attributes; shapes of x and w that fit; shapes that do not and what the error says.
REFUSED = {
    "Conv": ({"dilations": [2, 1]}, [(1, 4, 6, 6), (2, 4, 3, 3)], [
        ((1, 4, 6, 6), (2, 4, 4, 8), "the kernel covers 8 positions, but the padded input has 6"), ((1, 4, 5, 6), (2, 4, 4, 1), "the kernel covers 7 positions, but the padded input has 5"),
        ((1, 4, 0, 6), (2, 4, 2, 1), "the kernel covers 3 positions"), ((1, 4, 6, 6), (2, 4, 0, 3), "the kernel has extent 0"), ((1, 4, 6, 6), (2, 5, 3, 3), "number of channels"),
        ((0, 4, 6, 6), (2, 900, 3, 3), "number of channels")]),
    "Conv with groups": ({"group": 2}, [(1, 4, 6, 6), (2, 2, 3, 3)], [
        ((1, 4, 6, 6), (3, 2, 3, 3), "3 filters do not divide into 2 groups"), ((1, 5, 6, 6), (2, 2, 3, 3), "number of channels"), ((1, 4, 6, 6), (1, 2, 3, 3), "1 filters do not divide")]),
    "Conv with kernel_shape": ({"group": 2, "kernel_shape": [3, 3]}, [(1, 4, 6, 6), (2, 2, 3, 3)], [
        ((1, 4, 6, 6), (2, 2, 3, 2), ""), ((1, 4, 6, 6), (2, 2, 900, 3), ""), ((1, 4, 6, 6), (3, 2, 3, 3), "3 filters do not divide into 2 groups"), ((1, 4, 6, 6), (1, 2, 3, 3), "1 filters do not divide")]),
    "ConvTranspose": ({"group": 2}, [(1, 4, 6, 6), (4, 2, 3, 3)], [
        ((1, 4, 6, 6), (4, 2, 0, 3), "the kernel has extent 0"), ((1, 5, 6, 6), (5, 2, 3, 3), "5 channels do not divide into 2 groups"), ((1, 4, 6, 6), (5, 2, 3, 3), "")]),
    "ConvTranspose with output_shape": ({"output_shape": [9, 9]}, [(1, 4, 6, 6), (4, 2, 3, 3)], [((1, 4, 6, 6), (4, 2, 3, 0), "the kernel has extent 0")]),
    "ConvTranspose with kernel_shape": ({"kernel_shape": [3, 3]}, [(1, 4, 6, 6), (4, 2, 3, 3)], [((1, 4, 6, 6), (4, 2, 3, 2), ""), ((1, 4, 6, 6), (4, 2, 900, 3), "")]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_errors(compiled, name):
    attributes, fits, misfits = REFUSED[name]
    op = name.split()[0]
    arrays = [numpy.ones(shape, FLOAT) for shape in fits]
    run = compiled(op, dict(zip("xw", arrays)), **attributes)
    good = run(x=arrays[0], w=arrays[1])
    for x, w, text in misfits:
        # With kernel_shape the extents are those of an input of the model, which the runtime refuses by its name.
        with pytest.raises(tenon.RunError, match=rf"'(the node|w)'.*{text}"):
            run(x=numpy.ones(x, FLOAT), w=numpy.ones(w, FLOAT))
    numpy.testing.assert_array_equal(run(x=arrays[0], w=arrays[1]), good)
