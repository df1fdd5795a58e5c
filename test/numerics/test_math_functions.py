"""Error bounds of the mathematical functions in float32 and float64, over their whole range, in units in the last place.

The compiler's own approximations promise the bounds below (compiler/Schedule/Approximate*.cpp); the reference lowering
comes from the C library.
"""

import math

import numpy
import pytest
import tenon
from arrays import rng
from harness import CPU, Batch, ulps
from onnx import TensorProto, helper, numpy_helper

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

erf = numpy.vectorize(math.erf, otypes=[numpy.float64])


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def spread(low: float, high: float, count: int = 20000) -> numpy.ndarray:
    return rng().uniform(low, high, count).astype(numpy.float32)


def exponents(low: int, high: int, count: int = 20000, signed: bool = False) -> numpy.ndarray:
    """Numbers of every size from 2^low to 2^high."""
    generator = rng()
    x = numpy.exp2(generator.uniform(low, high, count)) * (generator.choice([-1, 1], count) if signed else 1)
    return x.astype(numpy.float32)


# Operator, function in float64, arguments, bound in ulp, absolute part of the bound.
FUNCTIONS = [
    ("Exp", numpy.exp, spread(-104, 89), 2, 0),
    ("Exp", numpy.exp, exponents(-40, 3, signed=True), 2, 0),
    ("Log", numpy.log, exponents(-149, 127), 2, 0),
    ("Log", numpy.log, spread(0.5, 2), 2, 0),
    ("Tanh", numpy.tanh, spread(-10, 10), 4, 0),
    ("Tanh", numpy.tanh, exponents(-60, 3, signed=True), 4, 0),
    ("Erf", erf, spread(-5, 5), 0, 3e-7),
    ("Sigmoid", sigmoid, spread(-80, 80), 5, 0),
    ("Sigmoid", sigmoid, exponents(-40, 3, signed=True), 5, 0),
    ("Sqrt", numpy.sqrt, exponents(-149, 127), 0, 0),
    ("Elu", lambda x: numpy.where(x > 0, x, numpy.expm1(x)), spread(-30, 5), 4, 0),
    ("Elu", lambda x: numpy.where(x > 0, x, numpy.expm1(x)), -exponents(-100, 0), 4, 0),
    ("Softplus", lambda x: numpy.log1p(numpy.exp(x)), spread(-80, 80), 5, 0),
    ("Mish", lambda x: x * numpy.tanh(numpy.log1p(numpy.exp(x))), spread(-80, 80), 6, 0),
    ("Sin", numpy.sin, spread(-100, 100), 3, 0),
    ("Sin", numpy.sin, spread(-8192, 8192), 3, 0),
    ("Sin", numpy.sin, spread(8000, 1e6), 3, 0),
    ("Cos", numpy.cos, spread(-8192, 8192), 3, 0),
    ("Cos", numpy.cos, exponents(10, 30, signed=True), 3, 0),
    ("Tan", numpy.tan, spread(-8192, 8192), 4, 0),
    ("Tan", numpy.tan, spread(8000, 1e6), 4, 0),
    ("Sinh", numpy.sinh, exponents(-40, 3, signed=True), 8, 0),
    ("Sinh", numpy.sinh, spread(86, 89.4), 8, 0),
    ("Cosh", numpy.cosh, spread(86, 89.4), 8, 0),
    ("Asinh", numpy.arcsinh, exponents(-100, 127, signed=True), 6, 0),
    ("Acosh", numpy.arccosh, exponents(0, 127), 6, 0),
    ("Atanh", numpy.arctanh, exponents(-100, -0.01, signed=True), 6, 0),
    ("Asin", numpy.arcsin, exponents(-100, 0, signed=True), 3, 0),
    ("Atan", numpy.arctan, exponents(-120, 127, signed=True), 3, 0),
    ("Cos", numpy.cos, spread(-100, 100), 3, 0),
    ("Tan", numpy.tan, spread(-10, 10), 4, 0),
    ("Asin", numpy.arcsin, spread(-1, 1), 3, 0),
    ("Acos", numpy.arccos, spread(-1, 1), 3, 0),
    ("Atan", numpy.arctan, exponents(-20, 20, signed=True), 3, 0),
    ("Sinh", numpy.sinh, spread(-80, 80), 8, 0),
    ("Cosh", numpy.cosh, spread(-80, 80), 8, 0),
    ("Asinh", numpy.arcsinh, exponents(-20, 60, signed=True), 6, 0),
    ("Acosh", numpy.arccosh, 1 + exponents(-10, 60), 6, 0),
    ("Atanh", numpy.arctanh, spread(-0.999, 0.999), 6, 0),
]


def test_bounds_in_float32(mode):
    batch = Batch()
    for number, (op, function, x, count, absolute) in enumerate(FUNCTIONS):
        exact = function(x.astype(numpy.float64))
        # Half a unit for the rounding of the expected value itself.
        bound = ulps(exact, count + 0.5, "float32") + absolute if count or absolute else 0
        batch.add(f"{op} {number}", op, [x], exact.astype(numpy.float32), bound)
    batch.check(mode)


def wide(low: float, high: float, count: int = 20000, signed: bool = False) -> numpy.ndarray:
    """Numbers of every size from 2^low to 2^high, in float64."""
    generator = rng()
    return numpy.exp2(generator.uniform(low, high, count)) * (generator.choice([-1, 1], count) if signed else 1)


# What float32 cannot hold.
WIDE = [
    ("Exp", numpy.exp, rng().uniform(-745, 709.7, 20000), 2, 0),
    ("Log", numpy.log, wide(-1074, 1023), 2, 0),
    ("Sin", numpy.sin, rng().uniform(-1e6, 1e6, 20000), 3, 0),
    ("Cos", numpy.cos, wide(-60, 60, signed=True), 3, 0),
    ("Tan", numpy.tan, rng().uniform(-1e6, 1e6, 20000), 4, 0),
    ("Tanh", numpy.tanh, rng().uniform(-22, 22, 20000), 4, 0),
    ("Sinh", numpy.sinh, rng().uniform(-710, 710, 20000), 8, 0),
    ("Cosh", numpy.cosh, rng().uniform(-710, 710, 20000), 8, 0),
    ("Asinh", numpy.arcsinh, wide(-300, 1023, signed=True), 6, 0),
    ("Acosh", numpy.arccosh, wide(0, 1023), 6, 0),
    ("Atanh", numpy.arctanh, wide(-300, -0.001, signed=True), 6, 0),
    ("Asin", numpy.arcsin, wide(-300, 0, signed=True), 3, 0),
    ("Atan", numpy.arctan, wide(-300, 300, signed=True), 3, 0),
]


def test_bounds_in_float64(mode):
    batch = Batch()
    for number, (op, function, x, count, absolute) in enumerate(FUNCTIONS + WIDE):
        x = x.astype(numpy.float64)
        # A root in float64 is exact; erf of the standard library has no wider form, and an error of less than one unit.
        exact = function(x if op in ("Sqrt", "Erf") else x.astype(numpy.longdouble))
        bound = ulps(exact, (4 if absolute else count) + 0.5, "float64") if count or absolute else 0
        batch.add(f"{op} {number}", op, [x], exact.astype(numpy.float64), bound)
    batch.check(mode)


def powers(dtype) -> list[tuple[numpy.ndarray, numpy.ndarray]]:
    """Bases and exponents whose powers are spread over the type's range, and ones near 1 with large exponents."""
    generator = rng()
    most = 125 if dtype == numpy.float32 else 1020
    x = numpy.exp2(generator.uniform(-most, most, 20000)).astype(dtype)
    y = (generator.uniform(-most, most, 20000) / numpy.log2(x.astype(numpy.float64))).astype(dtype)
    near = (1 + generator.uniform(-1, 1, 20000) * 2.0 ** generator.uniform(-20, -1, 20000)).astype(dtype)
    large = (generator.uniform(-most, most, 20000) / numpy.log2(near.astype(numpy.float64))).astype(dtype)
    large[near == 1] = 7
    whole = generator.integers(-9, 10, 20000).astype(dtype)
    signed = generator.uniform(-6, 6, 20000).astype(dtype)
    tiny = numpy.exp2(generator.uniform(-most - 24, -most, 20000)).astype(dtype)
    return [(x, y), (near, large), (signed, whole), (tiny, generator.uniform(-1, 1, 20000).astype(dtype)),
            (generator.uniform(0, 10, 20000).astype(dtype), generator.uniform(-3, 3, 20000).astype(dtype))]


@pytest.mark.parametrize("dtype", (numpy.float32, numpy.float64))
def test_powers(mode, dtype):
    batch = Batch()
    for number, (x, y) in enumerate(powers(dtype)):
        exact = numpy.power(x.astype(numpy.longdouble), y.astype(numpy.longdouble))
        batch.add(f"Pow {number}", "Pow", [x, y], exact.astype(dtype), ulps(exact, 2.5, dtype))
    special = numpy.array([0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 1e30, -1e30, numpy.inf, -numpy.inf, numpy.nan, 1e-40, 2.5, -2.5], dtype)
    x, y = (grid.ravel().copy() for grid in numpy.meshgrid(special, special))
    exact = numpy.power(x.astype(numpy.longdouble), y.astype(numpy.longdouble))
    batch.add("Pow special", "Pow", [x, y], exact.astype(dtype), ulps(exact, 2.5, dtype))
    batch.check(mode)


def test_half_types(mode):
    import ml_dtypes

    batch = Batch()
    for dtype in (numpy.float16, ml_dtypes.bfloat16):
        for op, function in (("Exp", numpy.exp), ("Log", numpy.log), ("Tanh", numpy.tanh), ("Sigmoid", sigmoid), ("Erf", erf), ("Sqrt", numpy.sqrt)):
            x = (spread(0.01, 8, 1001) if op in ("Log", "Sqrt") else spread(-8, 8, 1001)).astype(dtype)
            exact = function(x.astype(numpy.float64))
            # Computed in float32 and rounded once; a value near the middle of two may go either way.
            batch.add(f"{op} {numpy.dtype(dtype).name}", op, [x], exact.astype(dtype), ulps(exact, 1, dtype))
    batch.check(mode)


@pytest.mark.parametrize("dtype", (numpy.float32, numpy.float64))
def test_special_arguments(mode, dtype):
    x = numpy.array([0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan, -1, 1, 1e-45, -1e-45, 1e-38, 3e38, -3e38], dtype)
    batch = Batch()
    for op, function in (("Exp", numpy.exp), ("Log", numpy.log), ("Tanh", numpy.tanh), ("Sigmoid", sigmoid), ("Erf", erf), ("Sqrt", numpy.sqrt),
                         ("Sin", numpy.sin), ("Cos", numpy.cos), ("Tan", numpy.tan), ("Atan", numpy.arctan), ("Asin", numpy.arcsin), ("Acos", numpy.arccos),
                         ("Sinh", numpy.sinh), ("Cosh", numpy.cosh), ("Asinh", numpy.arcsinh), ("Acosh", numpy.arccosh), ("Atanh", numpy.arctanh)):
        exact = function(x.astype(numpy.float64 if op == "Erf" else numpy.longdouble))
        if op in ("Sin", "Cos", "Tan"):
            exact = numpy.where(numpy.abs(x) > 1e30, numpy.nan, exact)
            batch.add(op, op, [x[:10]], exact[:10].astype(dtype), ulps(exact[:10], 3.5, dtype))
        else:
            batch.add(op, op, [x], exact.astype(dtype), ulps(exact, 8 if op in ("Sinh", "Cosh") else 6 if op.startswith("A") else 4, dtype) + (3e-7 if op == "Erf" else 0))
    batch.check(mode)


@pytest.mark.parametrize("op", ["Mul", "Div"])
@pytest.mark.parametrize("factor", [0.1, 0.3, math.sqrt(0.5), math.sqrt(2), 3.9, 10, -0.7, 0])
def test_erf_of_multiples(tmp_path, op, factor):
    """A constant factor goes into the coefficients of erf, which rounds them once more."""
    nodes = [helper.make_node(op, ["x", "c"], ["scaled"]), helper.make_node("Erf", ["scaled"], ["y"])]
    graph = helper.make_graph(nodes, "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
                              [numpy_helper.from_array(numpy.float32(factor), "c")])
    model = tenon.load(tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), tmp_path / "model.so", cpu=CPU))
    x = numpy.concatenate([spread(-60, 60), spread(-1, 1), numpy.float32([numpy.inf, -numpy.inf, numpy.nan, 3e38, -3e38, 1e-45, 0, -0.0])])
    scaled = x.astype(numpy.float64)
    scaled = scaled * numpy.float32(factor) if op == "Mul" else scaled / numpy.float32(factor)
    numpy.testing.assert_allclose(model.run({"x": x})["y"], erf(scaled), rtol=0, atol=4e-7)


@pytest.mark.parametrize("approximate", ("none", "tanh"))
def test_saturation(mode, approximate):
    """Functions that tend to 1 get there: GELU takes the difference, and a difference of one ulp times a large number is not small."""
    batch = Batch(opset=20)
    x = numpy.array([-1e30, -1e4, -35, -10, 10, 35, 1e4, 1e30, numpy.inf] * 3, numpy.float32)
    batch.add("Tanh", "Tanh", [x], numpy.sign(x))
    batch.add("Erf", "Erf", [x], numpy.sign(x))
    batch.add("Gelu", "Gelu", [x], numpy.maximum(x, 0), approximate=approximate)
    batch.add("Gelu of -inf", "Gelu", [-x[8:9]], numpy.array([numpy.nan], numpy.float32), approximate=approximate)
    batch.check(mode)


@pytest.mark.parametrize("dtype", (numpy.float32, numpy.float64))
def test_exponentials_of_softmax(tmp_path, dtype):
    """exp(x - max(x)): of no positive number. The bounds of exponentialOfNotPositive; denormals may be zero, and what is far below the maximum is."""
    nodes = [helper.make_node("ReduceMax", ["x"], ["most"], axes=[1]), helper.make_node("Sub", ["x", "most"], ["below"]), helper.make_node("Exp", ["below"], ["y"])]
    element = helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype))
    graph = helper.make_graph(nodes, "graph", [helper.make_tensor_value_info("x", element, [1, "n"])], [helper.make_tensor_value_info("y", element, [1, "n"])])
    model = tenon.load(tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), tmp_path / "model.so", cpu=CPU))
    x = numpy.concatenate([[0, -numpy.inf, -1e30], rng().uniform(-20, 0, 20000), rng().uniform(-800 if dtype == numpy.float64 else -110, -20, 20000)]).astype(dtype)
    y, exact = model.run({"x": x[None]})["y"][0], numpy.exp(x.astype(numpy.longdouble))
    bound = numpy.where((x > -20) | (dtype == numpy.float64), ulps(exact, 2, dtype), ulps(exact, 5, dtype)) + numpy.finfo(dtype).smallest_normal
    assert y[0] == 1 and not (y[1:3] != 0).any() and (numpy.abs(y - exact) <= bound).all()
    x[7] = numpy.nan
    assert numpy.isnan(model.run({"x": x[None]})["y"]).all()


@pytest.mark.parametrize("lanes", (1, 4, 8, 16, 32))
def test_exponentials_of_short_rows(tmp_path, lanes):
    """As above, with as many lanes as a row has numbers: each has a table, a polynomial or instructions of its own. All of exp and 1 + exp too."""
    nodes = [helper.make_node("ReduceMax", ["x"], ["most"], axes=[1]), helper.make_node("Sub", ["x", "most"], ["below"]), helper.make_node("Exp", ["below"], ["y"]),
             helper.make_node("Exp", ["x"], ["e"]), helper.make_node("Add", ["e", "one"], ["z"])]
    rows = 40000
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, lanes]) for name in ("y", "z")]
    graph = helper.make_graph(nodes, "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, lanes])], outputs,
                              [numpy_helper.from_array(numpy.float32(1), "one")])
    model = tenon.load(tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), tmp_path / "model.so", cpu=CPU))
    x = rng().uniform(-20, 0, (rows, lanes)).astype(numpy.float32)
    x[:, 0] = rng().uniform(0, 88, rows)
    result = model.run({"x": x})
    below = x - x[:, :1]
    exact = numpy.exp(below.astype(numpy.float64))
    assert (numpy.abs(result["y"] - exact) <= ulps(exact, numpy.where(below > -20, 2, 5), "float32") + 1.2e-38).all()
    exact = 1 + numpy.exp(x.astype(numpy.float64))
    assert (numpy.abs(result["z"] - exact) <= ulps(exact, 2.5, "float32")).all()
