"""Values in front of a rounding to whole numbers: every bit as float64 rounded to float32 after each operation."""

import math

import numpy
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon
from harness import CPU, apart, difference

GENERATOR = numpy.random.default_rng(0)
FUNCTIONS = {
    "Exp": (numpy.exp, (-5, 5)), "Log": (numpy.log, (0.1, 50)), "Erf": (numpy.vectorize(math.erf), (-3, 3)), "Tanh": (numpy.tanh, (-6, 6)),
    "Sigmoid": (lambda x: 1 / (1 + numpy.exp(-x)), (-12, 12)), "Sin": (numpy.sin, (-50, 50)), "Cos": (numpy.cos, (-50, 50)), "Tan": (numpy.tan, (-1.5, 1.5)),
    "Asin": (numpy.arcsin, (-1, 1)), "Acos": (numpy.arccos, (-1, 1)), "Atan": (numpy.arctan, (-9, 9)), "Sinh": (numpy.sinh, (-4, 4)), "Cosh": (numpy.cosh, (-4, 4)),
    "Asinh": (numpy.arcsinh, (-9, 9)), "Acosh": (numpy.arccosh, (1, 9)), "Atanh": (numpy.arctanh, (-0.9, 0.9)), "Sqrt": (numpy.sqrt, (0, 9)),
}


def run(mode: str, folder, nodes, feeds: dict, output, constants: dict) -> dict:
    """The results of a model of these nodes, compiled and run in a process of its own."""
    def info(name, kind, shape):
        return helper.make_tensor_value_info(name, kind, [None] * len(shape) if mode == "dynamic" else shape)

    inputs = [info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape) for name, array in feeds.items()]
    graph = helper.make_graph(nodes, "rounding", inputs, [info(*each) for each in output],
                              [numpy_helper.from_array(numpy.asarray(array), name) for name, array in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    error, results = apart(lambda: tenon.load(tenon.compile(model, str(folder / "model.so"), reference=mode == "reference", cpu=CPU)).run(feeds))
    assert not error, error
    return results


def test_functions(mode, tmp_path):
    """Each result times a power of two, rounded: where it is large the product is whole, and every bit counts."""
    nodes, feeds, outputs, expected = [], {}, [], {}
    for name, (function, (low, high)) in FUNCTIONS.items():
        feeds[name] = GENERATOR.uniform(low, high, 1003).astype(numpy.float32)
        nodes += [helper.make_node(name, [name], [f"{name} value"]), helper.make_node("Mul", [f"{name} value", "step"], [f"{name} scaled"]),
                  helper.make_node("Round", [f"{name} scaled"], [f"{name} rounded"])]
        outputs.append((f"{name} rounded", TensorProto.FLOAT, feeds[name].shape))
        # In more than float64 where numpy has it; what is nearer than 2^-50 to the middle of two floats is not among the inputs.
        value = function(feeds[name].astype(numpy.float64 if name == "Erf" else numpy.longdouble)).astype(numpy.float32)
        expected[f"{name} rounded"] = numpy.rint(value * numpy.float32(2**24))
    results = run(mode, tmp_path, nodes, feeds, outputs, {"step": numpy.float32(2**24)})
    problems = [f"{name}: {problem}" for name, value in expected.items() if (problem := difference(results[name], value))]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("rounding", ["Round", "Floor", "Ceil", "Cast"])
def test_products_and_sums(mode, tmp_path, rounding):
    """The product is rounded before the sum, in one kernel and across two."""
    a, b, c = (GENERATOR.uniform(-1, 1, (5, 1003)).astype(numpy.float32) for _ in range(3))
    attributes = {"to": TensorProto.INT32} if rounding == "Cast" else {}
    nodes = [helper.make_node("Mul", ["a", "b"], ["product"]), helper.make_node("Add", ["product", "c"], ["sum"]),
             helper.make_node("ReduceMax", ["sum"], ["most"], keepdims=0), helper.make_node("Div", ["sum", "most"], ["part"]),
             helper.make_node("Mul", ["part", "step"], ["scaled"]), helper.make_node(rounding, ["scaled"], ["y"], **attributes)]
    total = a * b + c
    scaled = total / total.max() * numpy.float32(2**23)
    rounded = {"Round": numpy.rint, "Floor": numpy.floor, "Ceil": numpy.ceil, "Cast": lambda x: numpy.trunc(x).astype(numpy.int32)}[rounding](scaled)
    contracted = (a.astype(numpy.float64) * b + c).astype(numpy.float32)
    assert (contracted != total).any()
    output = ("y", TensorProto.INT32 if rounding == "Cast" else TensorProto.FLOAT, a.shape)
    problem = difference(run(mode, tmp_path, nodes, {"a": a, "b": b, "c": c}, [output], {"step": numpy.float32(2**23)})["y"], rounded)
    assert not problem, problem


def test_quantized_network(mode, tmp_path):
    """Integer products, scales, an activation, a residual sum, and their dynamic quantization: equal in every step and in the scale."""
    x = GENERATOR.integers(-128, 128, (7, 64)).astype(numpy.int8)
    w = GENERATOR.integers(-128, 128, (64, 48)).astype(numpy.int8)
    residual = GENERATOR.uniform(-1, 1, (7, 48)).astype(numpy.float32)
    scale = numpy.float32(0.00031)
    nodes = [helper.make_node("MatMulInteger", ["x", "w"], ["sums"]), helper.make_node("Cast", ["sums"], ["floats"], to=TensorProto.FLOAT),
             helper.make_node("Mul", ["floats", "scale"], ["z"]), helper.make_node("Sigmoid", ["z"], ["gate"]), helper.make_node("Mul", ["z", "gate"], ["silu"]),
             helper.make_node("Mul", ["silu", "factor"], ["branch"]), helper.make_node("Add", ["branch", "residual"], ["v"]),
             helper.make_node("DynamicQuantizeLinear", ["v"], ["q", "s", "p"])]
    z = (x.astype(numpy.int32) @ w.astype(numpy.int32)).astype(numpy.float32) * scale
    gate = (1 / (1 + numpy.exp(-z.astype(numpy.longdouble)))).astype(numpy.float32)
    v = z * gate * numpy.float32(0.7) + residual
    step = (max(v.max(), numpy.float32(0)) - min(v.min(), numpy.float32(0))) / numpy.float32(255)
    zero = numpy.clip(numpy.rint(-v.min() / step), 0, 255)
    quantized = numpy.clip(numpy.rint(v / step) + zero, 0, 255).astype(numpy.uint8)
    outputs = [("q", TensorProto.UINT8, v.shape), ("s", TensorProto.FLOAT, ()), ("p", TensorProto.UINT8, ())]
    results = run(mode, tmp_path, nodes, {"x": x, "residual": residual}, outputs, {"w": w, "scale": scale, "factor": numpy.float32(0.7)})
    for name, value in {"q": quantized, "s": numpy.asarray(step), "p": numpy.asarray(zero.astype(numpy.uint8))}.items():
        problem = difference(results[name], value)
        assert not problem, f"{name}: {problem}"


def test_scales_of_open_extent(mode, tmp_path):
    """One number or one for each index of the axis: the extent says it. A tensor without that axis has one number."""
    nodes = [helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["y"], name="of a matrix"), helper.make_node("DequantizeLinear", ["y", "xs", "xz"], ["back"]),
             helper.make_node("QuantizeLinear", ["v", "vs", "vz"], ["w"], name="of a vector")]
    v = GENERATOR.uniform(-3, 3, 40).astype(numpy.float32)
    for count in (3, 1):
        x, scale = GENERATOR.uniform(-3, 3, (5, 3)).astype(numpy.float32), GENERATOR.uniform(0.01, 0.1, count).astype(numpy.float32)
        zero = GENERATOR.integers(100, 150, count).astype(numpy.uint8)
        feeds = {"x": x, "xs": scale, "xz": zero, "v": v, "vs": scale[:1], "vz": zero[:1]}
        outputs = [("y", TensorProto.UINT8, x.shape), ("back", TensorProto.FLOAT, x.shape), ("w", TensorProto.UINT8, v.shape)]
        results = run(mode, tmp_path, nodes, feeds, outputs, {})
        y = numpy.clip(numpy.rint(x / scale) + zero, 0, 255).astype(numpy.uint8)
        expected = {"y": y, "back": (y.astype(numpy.int32) - zero).astype(numpy.float32) * scale, "w": numpy.clip(numpy.rint(v / scale[0]) + zero[0], 0, 255).astype(numpy.uint8)}
        problems = [f"{name}: {problem}" for name, value in expected.items() if (problem := difference(results[name], value))]
        assert not problems, problems
