"""Elementwise ops: every type and attribute, tails of vectors, special values, every kind of broadcasting."""

import math

import numpy
import onnx.helper
import pytest

from arrays import BF16, BOOL, FLOATS, INTEGERS, LENGTHS, SIGNED, UNSIGNED, integers, label, rng, special_floats, uniform, values
from harness import Batch, ulps

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def in_float64(function, *arrays):
    """function of float64 copies, rounded to the type of the first array."""
    return function(*(array.astype(numpy.float64) for array in arrays)).astype(arrays[0].dtype)


def round_half_even(x):
    return numpy.rint(x)


# Exact in every float type: results are numbers of the type.
EXACT_UNARY = {"Abs": numpy.abs, "Neg": numpy.negative, "Ceil": numpy.ceil, "Floor": numpy.floor, "Round": round_half_even,
               "Sign": numpy.sign, "Relu": lambda x: numpy.where(numpy.isnan(x), x, numpy.maximum(x, 0)), "Sqrt": numpy.sqrt}


def test_exact_unary(mode):
    batch, generator = Batch(), rng()
    for op, function in EXACT_UNARY.items():
        # Round takes no bfloat16 before opset 22.
        for dtype in FLOATS[:3] if op == "Round" else FLOATS:
            for x in [special_floats(dtype), *(uniform(generator, length, dtype=dtype) for length in LENGTHS[::3])]:
                batch.add(label(op, x), op, [x], in_float64(function, x))
    for dtype in SIGNED:
        x = integers(generator, (3, 17), dtype)
        for op in ("Abs", "Neg", "Sign"):
            batch.add(label(op, x), op, [x], EXACT_UNARY[op](x))
    for dtype in UNSIGNED:
        x = integers(generator, 33, dtype)
        for op in ("Abs", "Sign"):
            batch.add(label(op, x), op, [x], EXACT_UNARY[op](x))
    batch.check(mode)


def test_every_length(mode):
    batch, generator = Batch(), rng()
    for length in range(34):
        x = uniform(generator, length)
        batch.add(label("Relu", x), "Relu", [x], numpy.maximum(x, 0))
        y = integers(generator, length, "uint8")
        batch.add(label("BitwiseNot", y), "BitwiseNot", [y], ~y)
    batch.check(mode)


def test_tests_of_floats(mode):
    batch = Batch()
    for dtype in FLOATS:
        x = special_floats(dtype)
        batch.add(label("IsNaN", x), "IsNaN", [x], numpy.isnan(x))
        batch.add(label("IsInf", x), "IsInf", [x], numpy.isinf(x))
        batch.add(label("IsInf positive", x), "IsInf", [x], x == numpy.inf, detect_negative=0)
        batch.add(label("IsInf negative", x), "IsInf", [x], x == -numpy.inf, detect_positive=0)
    batch.check(mode)


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def softplus(x):
    return numpy.logaddexp(0, x)


def gelu(x):
    return 0.5 * x * (1 + numpy.vectorize(math.erf)(x / numpy.sqrt(2)))


# Name, attributes, function, and the error in units of the last place of max(|result|, |x|, 1): a sum or product in these
# formulas rounds at the size of its terms.
ACTIVATIONS = [
    ("Sigmoid", {}, sigmoid, 4),
    ("Elu", {}, lambda x: numpy.where(x < 0, numpy.expm1(x), x), 4),
    ("Elu", {"alpha": 2.5}, lambda x: numpy.where(x < 0, 2.5 * numpy.expm1(x), x), 8),
    ("Celu", {"alpha": 2.0}, lambda x: numpy.maximum(x, 0) + numpy.minimum(0, 2 * numpy.expm1(x / 2)), 8),
    ("Selu", {}, lambda x: 1.05070102 * numpy.where(x > 0, x, 1.67326319 * numpy.expm1(x)), 8),
    ("Selu", {"alpha": 2.0, "gamma": 3.0}, lambda x: 3 * numpy.where(x > 0, x, 2 * numpy.expm1(x)), 16),
    ("LeakyRelu", {}, lambda x: numpy.where(x < 0, 0.01 * x, x), 1),
    ("LeakyRelu", {"alpha": 0.3}, lambda x: numpy.where(x < 0, 0.3 * x, x), 1),
    ("ThresholdedRelu", {}, lambda x: numpy.where(x > 1, x, 0), 0),
    ("ThresholdedRelu", {"alpha": 0.25}, lambda x: numpy.where(x > 0.25, x, 0), 0),
    ("HardSigmoid", {}, lambda x: numpy.clip(0.2 * x + 0.5, 0, 1), 2),
    ("HardSigmoid", {"alpha": 0.4, "beta": 0.3}, lambda x: numpy.clip(0.4 * x + 0.3, 0, 1), 2),
    ("HardSwish", {}, lambda x: x * numpy.clip(x / 6 + 0.5, 0, 1), 4),
    ("Softplus", {}, softplus, 8),
    ("Softsign", {}, lambda x: x / (1 + numpy.abs(x)), 2),
    ("Mish", {}, lambda x: x * numpy.tanh(softplus(x)), 16),
    ("Gelu", {}, gelu, 8),
    ("Gelu", {"approximate": "tanh"}, lambda x: 0.5 * x * (1 + numpy.tanh(numpy.sqrt(2 / numpy.pi) * (x + 0.044715 * x**3))), 12),
    ("Shrink", {"lambd": 0.7, "bias": 0.2}, lambda x: numpy.where(x < -0.7, x + 0.2, numpy.where(x > 0.7, x - 0.2, 0)), 1),
    ("Reciprocal", {}, lambda x: 1 / x, 1),
]


def test_activations(mode):
    batch, generator = Batch(), rng()
    for op, attributes, function, count in ACTIVATIONS:
        for dtype in FLOATS:
            if op in ("Celu",) and dtype != numpy.float32 or op in ("Selu", "Elu", "Softsign", "Softplus", "HardSigmoid") and dtype == BF16:
                continue  # Types that the operator gets in later versions only, or never.
            if op in ("HardSwish", "Mish", "ThresholdedRelu", "Shrink") and dtype == BF16:
                continue
            for x in (uniform(generator, (2, 3, 11), -6, 6, dtype), uniform(generator, 5, -0.9, 0.9, dtype)):
                exact = function(x.astype(numpy.float64))
                scale = numpy.maximum(numpy.maximum(numpy.abs(exact), numpy.abs(x.astype(numpy.float64))), 1)
                # Parameters are stored in float32.
                bound = ulps(scale, count + 0.5, dtype) if dtype != numpy.float64 else 1e-6 * scale
                batch.add(label(op, attributes, x), op, [x], exact.astype(dtype), bound, **attributes)
    batch.check(mode)


def test_activations_far_out(mode):
    """No overflow in between: results at both ends are those of the limit."""
    batch = Batch()
    x = numpy.array([-numpy.inf, -1e30, -200, -100, 100, 200, 1e30, numpy.inf, numpy.nan], numpy.float32)
    for op, function in (("Sigmoid", sigmoid), ("Softplus", softplus), ("Tanh", numpy.tanh), ("Erf", numpy.vectorize(math.erf)),
                         ("Elu", lambda x: numpy.where(x < 0, numpy.expm1(x), x)), ("Softsign", lambda x: x / (1 + numpy.abs(x)))):
        exact = function(x.astype(numpy.float64))
        if op == "Softsign":
            exact[numpy.isinf(x)] = numpy.nan
        with_room = numpy.where(numpy.isfinite(exact), ulps(numpy.maximum(numpy.abs(exact), 1e-30), 4, "float32"), 0)
        batch.add(op, op, [x], exact.astype(numpy.float32), with_room + 1e-37)
    batch.check(mode)


def test_clip(mode):
    batch, generator = Batch(), rng()
    for dtype in FLOATS + INTEGERS:
        x = values(generator, (3, 13), dtype)
        low, high = (numpy.array(bound, dtype) for bound in ((-1, 1) if dtype.kind not in "u" else (20, 90)))
        clipped = numpy.minimum(numpy.maximum(x, low), high)
        batch.add(label("Clip", x), "Clip", [x, low, high], clipped)
        batch.add(label("Clip constant", x), "Clip", [x, low, high], clipped, constants=(1, 2))
        batch.add(label("Clip low", x), "Clip", [x, low], numpy.maximum(x, low))
        batch.add(label("Clip high", x), "Clip", [x, None, high], numpy.minimum(x, high), constants=(2,))
        batch.add(label("Clip crossed", x), "Clip", [x, high, low], numpy.minimum(numpy.maximum(x, high), low))
    batch.check(mode)


BROADCASTS = [
    ((17,), (17,)), ((3, 33), (33,)), ((3, 33), (3, 1)), ((3, 1), (1, 33)), ((5,), ()), ((), ()), ((2, 3, 4), (3, 1)), ((2, 1, 5), (7, 1)),
    ((1,), (9,)), ((4, 1, 1, 6), (2, 3, 1)), ((0, 3), (1, 3)), ((2, 0), (1,)), ((1, 1), (8, 16)), ((2, 3, 5, 7), (1, 3, 1, 1)),
]


def test_broadcasting(mode):
    batch, generator = Batch(), rng()
    for left, right in BROADCASTS:
        for first, second in ((left, right), (right, left)):
            a, b = uniform(generator, first), uniform(generator, second)
            batch.add(label("Sub", a, b), "Sub", [a, b], a - b)
            c, d = integers(generator, first, "int32"), integers(generator, second, "int32")
            batch.add(label("Add", c, d), "Add", [c, d], c + d)
            batch.add(label("Less", a, b), "Less", [a, b], a < b)
    for shapes in (((4, 1), (1, 5), (3, 1, 1)), ((2, 3), (3,), ()), ((7,), (7,), (7,))):
        condition, a, b = (values(generator, shape, dtype) for shape, dtype in zip(shapes, (BOOL, "float32", "float32")))
        batch.add(label("Where", *shapes), "Where", [condition, a, b], numpy.where(condition, a, b))
    batch.check(mode)


def test_float_arithmetic(mode):
    batch, generator = Batch(), rng()
    for dtype in FLOATS:
        a, b = uniform(generator, (5, 19), dtype=dtype), uniform(generator, (5, 19), 0.5, 3, dtype)
        special = special_floats(dtype)
        x, y = (part.ravel() for part in numpy.meshgrid(special, special))
        for op, function in (("Add", numpy.add), ("Sub", numpy.subtract), ("Mul", numpy.multiply), ("Div", numpy.divide)):
            batch.add(label(op, a), op, [a, b], in_float64(function, a, b))
            # float64 may round twice, which differs in the last place of denormal results only: those are computed in the type.
            exact = function(x, y) if dtype in (numpy.float32, numpy.float64) else in_float64(function, x, y)
            batch.add(label(op, "special", x), op, [x, y], exact)
        for op, function in (("Equal", numpy.equal), ("Less", numpy.less), ("Greater", numpy.greater), ("LessOrEqual", numpy.less_equal),
                             ("GreaterOrEqual", numpy.greater_equal)):
            batch.add(label(op, "special", x), op, [x, y], function(x, y))
    batch.check(mode)


def test_minimum_and_maximum(mode):
    """NaN in, NaN out; a zero of either sign may win."""
    batch, generator = Batch(), rng()
    for dtype in FLOATS + INTEGERS:
        a, b, c = (values(generator, shape, dtype) for shape in ((3, 11), (11,), (3, 1)))
        batch.add(label("Max", a), "Max", [a, b, c], numpy.maximum(numpy.maximum(a, b), c))
        batch.add(label("Min", a), "Min", [a, b, c], numpy.minimum(numpy.minimum(a, b), c))
        batch.add(label("Max of one", a), "Max", [a], a)
    x, y = (part.ravel() for part in numpy.meshgrid(*2 * [special_floats("float32")]))
    batch.add("Max special", "Max", [x, y], numpy.maximum(x, y))
    batch.add("Min special", "Min", [x, y], numpy.minimum(x, y))
    a, b, c = (uniform(generator, (2, 5)) for _ in range(3))
    batch.add("Sum", "Sum", [a, b, c], (a.astype("float64") + b + c).astype("float32"), ulps(6, 1, "float32"))
    batch.add("Mean", "Mean", [a, b, c], ((a.astype("float64") + b + c) / 3).astype("float32"), ulps(6, 1, "float32"))
    batch.check(mode)


def divide(a, b):
    """Towards zero, as C does."""
    quotient = numpy.abs(a.astype(object)) // numpy.abs(b.astype(object))
    return numpy.where((a < 0) != (b < 0), -quotient, quotient).astype(a.dtype)


def remainder(a, b):
    """With the dividend's sign."""
    return (a.astype(object) - divide(a, b).astype(object) * b.astype(object)).astype(a.dtype)


def test_integer_arithmetic(mode):
    batch, generator = Batch(), rng()
    for dtype in INTEGERS:
        a, b = integers(generator, (7, 9), dtype), integers(generator, (7, 9), dtype)
        nonzero = numpy.where((b == 0) | (b == -1 if dtype.kind == "i" else b == 0), dtype.type(3), b)
        for op, function in (("Add", numpy.add), ("Sub", numpy.subtract), ("Mul", numpy.multiply)):
            batch.add(label(op, a), op, [a, b], function(a, b))
        batch.add(label("Div", a), "Div", [a, nonzero], divide(a, nonzero))
        batch.add(label("Mod", a), "Mod", [a, nonzero], numpy.mod(a, nonzero))
        batch.add(label("Mod fmod", a), "Mod", [a, nonzero], remainder(a, nonzero), fmod=1)
        for op, function in (("Equal", numpy.equal), ("Less", numpy.less), ("Greater", numpy.greater), ("LessOrEqual", numpy.less_equal),
                             ("GreaterOrEqual", numpy.greater_equal)):
            batch.add(label(op, a), op, [a, b], function(a, b))
        for op, function in (("BitwiseAnd", numpy.bitwise_and), ("BitwiseOr", numpy.bitwise_or), ("BitwiseXor", numpy.bitwise_xor)):
            batch.add(label(op, a), op, [a, b], function(a, b))
        batch.add(label("BitwiseNot", a), "BitwiseNot", [a], ~a)
    for dtype in UNSIGNED:
        a, count = integers(generator, 21, dtype), integers(generator, 21, dtype, 0, dtype.itemsize * 8 - 1)
        batch.add(label("BitShift", a), "BitShift", [a, count], a << count, direction="LEFT")
        batch.add(label("BitShift", a), "BitShift", [a, count], a >> count, direction="RIGHT")
    for dtype in FLOATS:
        a, b = uniform(generator, 19, -9, 9, dtype), uniform(generator, 19, 0.5, 3, dtype)
        batch.add(label("Mod fmod", a), "Mod", [a, b], in_float64(numpy.fmod, a, b), fmod=1)
    batch.check(mode)


def test_integer_division_of_extremes(mode):
    """Quotients next to whole numbers, of the largest numbers: what a division of floats with too few bits gets wrong."""
    batch, generator = Batch(), rng()
    for dtype in INTEGERS:
        limits = numpy.iinfo(dtype)
        ends = [value for start in (limits.min, -3, 1, limits.max - 3) for value in range(start, start + 4)
                if limits.min <= value <= limits.max and value not in (0, -1)]
        divisors = numpy.array(ends + [int(value) for value in generator.integers(2, limits.max, 200, dtype)], object)
        factors = numpy.array([int(value) for value in generator.integers(1, 300, len(divisors))], object)
        near = numpy.concatenate([divisors * factors + offset for offset in (-1, 0, 1)] + [divisors])
        kept = (near >= limits.min) & (near <= limits.max)
        a, b = near[kept].astype(dtype), numpy.tile(divisors, 4)[kept].astype(dtype)
        batch.add(label("Div", a), "Div", [a, b], divide(a, b))
        batch.add(label("Mod", a), "Mod", [a, b], numpy.mod(a, b))
        batch.add(label("Mod fmod", a), "Mod", [a, b], remainder(a, b), fmod=1)
    batch.check(mode)


def test_float_remainder(mode):
    """fmod is exact, however large the quotient."""
    batch, generator = Batch(), rng()
    for dtype in (numpy.float32, numpy.float64):
        b = numpy.exp2(generator.uniform(-30, 30, 3000)) * generator.choice([-1, 1], 3000)
        for most in (1, 11, 13, 20, 22, 60):
            a = b * generator.uniform(-1, 1, 3000) * 2.0 ** most
            batch.add(f"{numpy.dtype(dtype).name} 2^{most}", "Mod", [a.astype(dtype), b.astype(dtype)], numpy.fmod(a.astype(dtype), b.astype(dtype)), fmod=1)
        whole = numpy.rint(generator.uniform(1, 4000, 3000)).astype(dtype)
        batch.add(f"{numpy.dtype(dtype).name} multiples", "Mod", [whole * b.astype(dtype), b.astype(dtype)], numpy.fmod(whole * b.astype(dtype), b.astype(dtype)), fmod=1)
        x, y = (part.ravel() for part in numpy.meshgrid(*2 * [special_floats(dtype)]))
        batch.add(f"{numpy.dtype(dtype).name} special", "Mod", [x, y], numpy.fmod(x, y), fmod=1)
    batch.check(mode)


def test_logic(mode):
    batch, generator = Batch(), rng()
    for shape, other in (((33,), (33,)), ((3, 5), (5,)), ((), (4,))):
        a, b = values(generator, shape, BOOL), values(generator, other, BOOL)
        for op, function in (("And", numpy.logical_and), ("Or", numpy.logical_or), ("Xor", numpy.logical_xor), ("Equal", numpy.equal)):
            batch.add(label(op, a, b), op, [a, b], function(a, b))
        batch.add(label("Not", a), "Not", [a], ~a)
    batch.check(mode)


def test_where_of_every_type(mode):
    batch, generator = Batch(), rng()
    for dtype in FLOATS + INTEGERS + [BOOL]:
        condition, a, b = values(generator, (3, 1), BOOL), values(generator, (3, 21), dtype), values(generator, (21,), dtype)
        batch.add(label("Where", a), "Where", [condition, a, b], numpy.where(condition, a, b))
    batch.check(mode)


def c_power(base: float, exponent: float) -> float:
    """As C has it, where Python raises and numpy takes short cuts."""
    try:
        return math.pow(base, exponent)
    except ValueError:
        return math.inf if base == 0 else math.nan


def test_power(mode):
    batch, generator = Batch(), rng()
    for dtype in FLOATS:
        base = uniform(generator, 23, 0.1, 3, dtype)
        for exponent in (numpy.array(2, dtype), numpy.array(0.5, dtype), numpy.array(-1, dtype), uniform(generator, 23, -2, 2, dtype)):
            exact = numpy.power(base.astype(numpy.float64), exponent.astype(numpy.float64))
            batch.add(label("Pow", base, exponent), "Pow", [base, exponent], exact.astype(dtype), ulps(exact, 4, dtype))
            batch.add(label("Pow constant", base, exponent), "Pow", [base, exponent], exact.astype(dtype), ulps(exact, 4, dtype), constants=(1,))
    for dtype in ("int32", "int64"):
        base, exponent = integers(generator, 17, dtype, -5, 5), integers(generator, 17, dtype, 0, 6)
        batch.add(label("Pow", base), "Pow", [base, exponent], numpy.power(base, exponent))
    negative = numpy.array([-2, -1.5, -0.0, 0.0, numpy.inf, -numpy.inf], numpy.float32)
    for exponent in (3, 2, 0.0, 0.5, -0.5, -2):
        power = numpy.array(exponent, numpy.float32)
        exact = numpy.array([c_power(base, exponent) for base in negative.tolist()])
        for constants in ((), (1,)):
            batch.add(label("Pow", exponent, *constants), "Pow", [negative, power], exact.astype(numpy.float32),
                      ulps(numpy.nan_to_num(exact), 2, "float32"), constants)
    batch.check(mode)


def cast(x, dtype):
    """As ONNX says: to bool by comparison with zero, floats to integers towards zero, integers by their low bits."""
    if dtype == BOOL:
        return x != 0
    return x.astype(numpy.float32).astype(dtype) if dtype == BF16 and x.dtype.kind in "iub" else x.astype(dtype)


def test_casts(mode):
    batch, generator = Batch(), rng()
    types = FLOATS + INTEGERS + [BOOL]
    for source in types:
        for target in types:
            if source in FLOATS and target in INTEGERS:
                # Only what the target can hold: the rest is undefined.
                x = uniform(generator, 37, 0 if target.kind == "u" else -100, 100, source)
            elif source in INTEGERS and target in FLOATS:
                x = integers(generator, 37, source, 0 if source.kind == "u" else -100, 100)
            else:
                x = values(generator, 37, source)
            x[0] = 0
            batch.add(label("Cast", x, target.name), "Cast", [x], cast(x, target), to=onnx.helper.np_dtype_to_tensor_dtype(target))
    for source in FLOATS:
        x = special_floats(source)
        for target in FLOATS + [BOOL]:
            batch.add(label("Cast special", x, target.name), "Cast", [x], cast(x, target), to=onnx.helper.np_dtype_to_tensor_dtype(target))
    # Large integers round to the nearest float.
    for dtype in ("int64", "uint64", "int32", "uint32"):
        x = integers(generator, 37, dtype)
        for target in ("float32", "float64"):
            batch.add(label("Cast", x, target), "Cast", [x], x.astype(target), to=onnx.helper.np_dtype_to_tensor_dtype(numpy.dtype(target)))
    batch.check(mode)


def test_prelu(mode):
    batch, generator = Batch(), rng()
    for shape, slope_shape in (((2, 3, 5), (3, 1)), ((7, 9), (9,)), ((4,), (1,)), ((2, 3), ())):
        for dtype in ("float32", "float64", "float16"):
            x, slope = uniform(generator, shape, dtype=dtype), uniform(generator, slope_shape, dtype=dtype)
            batch.add(label("PRelu", x, slope), "PRelu", [x, slope], numpy.where(x < 0, x * slope, x))
    batch.check(mode)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_erf_of_integers(mode, dtype):
    """ONNX's reference truncates what it rounded to float32."""
    batch = Batch(opset=9)
    x = numpy.array([0, 1, 2, 3, 4, 5, 100, numpy.iinfo(dtype).max, numpy.iinfo(dtype).min] + ([-1, -3, -4, -5] if dtype.kind == "i" else [])).astype(dtype)
    expected = numpy.array([numpy.float32(math.erf(int(value))) for value in x]).astype(dtype)
    batch.add(label("Erf", x), "Erf", [x], expected)
    batch.check(mode)
