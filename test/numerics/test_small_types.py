"""Floats of at most 8 bits and integers below a byte: every code, every rounding, every operator that the standard allows them.

What is expected comes from exact arithmetic on the values that ml_dtypes gives the codes, and from ONNX's reference where it follows
the standard. Each conversion is tried on an input (static, dynamic and reference mode) and on a constant, which must give the same bits.
"""

import bisect
import fractions
import math
import os
import tempfile

import ml_dtypes
import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon
from arrays import BF16, rng
from harness import CPU, MODES, Batch, apart

OPSET = 28
FLOAT_NAMES = ("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "FLOAT6E2M3", "FLOAT6E3M2", "FLOAT4E2M1")
SCALE = "FLOAT8E8M0"
SMALL_INTEGERS = ("INT4", "UINT4", "INT2", "UINT2")
WIDTHS = {"FLOAT6E2M3": 6, "FLOAT6E3M2": 6, "FLOAT4E2M1": 4, "INT4": 4, "UINT4": 4, "INT2": 2, "UINT2": 2}

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def dtype_of(name: str) -> numpy.dtype:
    return helper.tensor_dtype_to_np_dtype(getattr(TensorProto, name))


def codes(name: str) -> numpy.ndarray:
    """Every value of a small type."""
    return numpy.arange(1 << WIDTHS.get(name, 8), dtype=numpy.uint8).view(dtype_of(name))


def bits(array: numpy.ndarray) -> numpy.ndarray:
    return array.view(f"u{array.dtype.itemsize}")


def differ(lhs: numpy.ndarray, rhs: numpy.ndarray) -> numpy.ndarray:
    """Where two arrays have other bits; wider floats have many NaNs, which count as one."""
    wrong = bits(lhs) != bits(rhs)
    if lhs.dtype.kind == "f" and lhs.dtype.itemsize > 1 or lhs.dtype == BF16:
        wrong &= ~(numpy.isnan(lhs) & numpy.isnan(rhs))
    return wrong


def run_casts(casts: list, mode: str) -> list[numpy.ndarray]:
    """Runs Cast nodes, each (array, target type, attributes), on inputs and on constants; both must give the same bits."""

    def compiled(folded: bool) -> list:
        nodes, inputs, outputs, constants, feeds = [], [], [], [], {}
        for place, (values, target, attributes) in enumerate(casts):
            kind = helper.np_dtype_to_tensor_dtype(values.dtype)
            nodes.append(helper.make_node("Cast", [f"x{place}"], [f"y{place}"], to=getattr(TensorProto, target), **attributes))
            outputs.append(helper.make_tensor_value_info(f"y{place}", getattr(TensorProto, target), [None]))
            if folded:
                constants.append(numpy_helper.from_array(values, f"x{place}"))
            else:
                shape = [None] if mode == "dynamic" else values.shape
                inputs.append(helper.make_tensor_value_info(f"x{place}", kind, shape))
                feeds[f"x{place}"] = values
        graph = helper.make_graph(nodes, "casts", inputs, outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        return _compile_and_run(model, feeds, mode)

    error, results = apart(lambda: (compiled(False), compiled(True)))
    assert not error, error
    for (values, target, attributes), at_run, folded in zip(casts, *results, strict=True):
        wrong = differ(at_run, folded)
        assert not wrong.any(), f"{values.dtype} to {target} {attributes}: {values[wrong][:3]} folds to {folded[wrong][:3]}, is {at_run[wrong][:3]} at run time"
    return results[0]


def _compile_and_run(model, feeds, mode) -> list:
    with tempfile.TemporaryDirectory(prefix="tenon-numerics-") as folder:
        library = os.path.join(folder, "model.so")
        tenon.compile(model, library, reference=mode == "reference", cpu=CPU)
        results = tenon.load(library).run(feeds)
    return [results[output.name] for output in model.graph.output]


def check(casts: list, expected: list, mode: str) -> None:
    for (values, target, attributes), actual, want in zip(casts, run_casts(casts, mode), expected, strict=True):
        assert actual.dtype == want.dtype
        wrong = differ(actual, want)
        assert not wrong.any(), (f"{values.dtype} to {target} {attributes}: {wrong.sum()} wrong, first {values[wrong][0]!r} gives "
                                 f"{bits(actual)[wrong][0]:#x}, expected {bits(want)[wrong][0]:#x}")


# --- what the tables of the standard say -------------------------------------------------------------------------------------------


class Format:
    """A small float with a sign, as its exact finite values."""

    def __init__(self, name: str):
        self.name, self.dtype, self.width = name, dtype_of(name), WIDTHS.get(name, 8)
        values = codes(name).astype(numpy.float64)
        self.sign = 1 << (self.width - 1)
        magnitudes = [(values[code], code) for code in range(self.sign) if numpy.isfinite(values[code])]
        self.values = [fractions.Fraction(value) for value, _ in magnitudes]
        self.codes = [code for _, code in magnitudes]
        assert self.values == sorted(self.values)
        self.has_infinity, self.is_fnuz = name == "FLOAT8E5M2", name.endswith("FNUZ")
        self.has_nan = name.startswith("FLOAT8")

    def encode(self, value, saturate: bool) -> int:
        """`value` is a Python number: exact."""
        negative = math.copysign(1, value) < 0 if isinstance(value, float) else value < 0
        sign = self.sign if negative else 0
        if isinstance(value, float) and math.isnan(value):
            if self.is_fnuz:
                return self.sign
            return sign | {"FLOAT8E4M3FN": 0x7F, "FLOAT8E5M2": 0x7E}[self.name] if self.has_nan else sign ^ self.sign
        largest = self.codes[-1]
        infinite = isinstance(value, float) and math.isinf(value)
        code = None if infinite else self._nearest(abs(fractions.Fraction(value)))
        if code is None:
            if saturate or not self.has_nan:
                return sign | largest
            return self.sign if self.is_fnuz else sign | (largest + 1)
        return 0 if self.is_fnuz and code == 0 else sign | code

    def _nearest(self, magnitude: fractions.Fraction) -> int | None:
        values = self.values
        beyond = values[-1] + (values[-1] - values[-2])  # where the next number would be; its code is even or odd like any other
        upper = bisect.bisect_left(values, magnitude)
        if upper < len(values) and values[upper] == magnitude:
            return self.codes[upper]
        above, above_code = (values[upper], self.codes[upper]) if upper < len(values) else (beyond, self.codes[-1] + 1)
        below, below_code = values[upper - 1], self.codes[upper - 1]
        if magnitude > above:
            return None
        to_above, to_below = above - magnitude, magnitude - below
        code = above_code if to_above < to_below or (to_above == to_below and above_code % 2 == 0) else below_code
        return code if code <= self.codes[-1] else None

    def array(self, values: numpy.ndarray, saturate: bool = True) -> numpy.ndarray:
        numbers = values.astype(numpy.float64).tolist() if values.dtype.kind not in "iub" else values.tolist()
        return numpy.array([self.encode(value, saturate) for value in numbers], numpy.uint8).view(self.dtype)


def scale_code(value, saturate: bool, mode: str) -> int:
    """f8E8M0FNU: the power of two, by magnitude."""
    if isinstance(value, float) and math.isnan(value):
        return 255
    if isinstance(value, float) and math.isinf(value):
        return 254 if saturate else 255
    magnitude = abs(fractions.Fraction(value))
    smallest = fractions.Fraction(1, 2**127)
    if magnitude == 0 or (magnitude < smallest and mode == "down"):
        return 0 if saturate else 255
    if magnitude < smallest:
        return 0
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    power = fractions.Fraction(2) ** exponent
    if power > magnitude:
        exponent, power = exponent - 1, power / 2
    rounds_up = {"up": magnitude > power, "down": False, "nearest": magnitude >= power * 3 / 2}[mode]
    code = exponent + 127 + rounds_up
    return min(code, 254) if saturate else min(code, 255)


def scales(values: numpy.ndarray, saturate: bool = True, mode: str = "up") -> numpy.ndarray:
    numbers = values.astype(numpy.float64).tolist() if values.dtype.kind not in "iub" else values.tolist()
    return numpy.array([scale_code(value, saturate, mode) for value in numbers], numpy.uint8).view(dtype_of(SCALE))


# --- conversions -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", (*FLOAT_NAMES, SCALE))
def test_every_code_widens(name, mode):
    """Exactly to f32 and f64; to f16 and bf16 with one rounding."""
    values = codes(name)
    single = values.astype(numpy.float32)
    targets = {"FLOAT": numpy.float32, "DOUBLE": numpy.float64, "FLOAT16": numpy.float16, "BFLOAT16": BF16}
    check([(values, target, {}) for target in targets], [single.astype(dtype) for dtype in targets.values()], mode)


@pytest.mark.parametrize("name", (*FLOAT_NAMES, SCALE))
def test_every_code_to_integers_and_booleans(name, mode):
    values = codes(name)
    exact = values.astype(numpy.float64)
    casts, expected = [(values, "BOOL", {})], [exact != 0]
    for target in ("INT8", "UINT8", "INT32", "UINT32", "INT64"):
        info = numpy.iinfo(dtype_of(target))
        whole = [0 if math.isnan(value) else min(max(int(value) if math.isfinite(value) else math.copysign(2**70, value), info.min), info.max)
                 for value in exact.tolist()]
        casts.append((values, target, {}))
        expected.append(numpy.array([int(value) for value in whole], dtype_of(target)))
    check(casts, expected, mode)


@pytest.mark.parametrize("saturate", (1, 0))
@pytest.mark.parametrize("name", FLOAT_NAMES)
def test_every_half_narrows(name, saturate, mode):
    """As ml_dtypes does, to the bit; where the standard saturates, after its clipping."""
    halves = numpy.arange(1 << 16, dtype=numpy.uint16)
    casts, expected = [], []
    for dtype in (numpy.dtype(numpy.float16), BF16):
        values = halves.view(dtype)
        casts.append((values, name, {"saturate": saturate}))
        if saturate and name.startswith("FLOAT8"):
            expected.append(numpy_helper.saturate_cast(values.astype(numpy.float32), dtype_of(name)))
        else:
            expected.append(values.astype(numpy.float32).astype(dtype_of(name)))
    check(casts, expected, mode)


def critical_numbers(name: str, dtype) -> numpy.ndarray:
    """The finite numbers, the middles between neighbours, what is next to those, and what overflows or vanishes."""
    exact = codes(name).astype(numpy.float64)
    numbers = numpy.unique(exact[numpy.isfinite(exact)])
    step = numbers[-1] - numbers[-2]
    middles = numpy.append((numbers[:-1] + numbers[1:]) / 2, [numbers[-1] + step / 2, numbers[-1] + step]).astype(dtype)
    around = [numpy.nextafter(middles, dtype.type(side)) for side in (numpy.inf, -numpy.inf)]
    beyond = numpy.array([numbers[-1] * 1.001, numbers[-1] * 1.5, numbers[-1] * 4, 1e38, numpy.finfo(dtype).max, numpy.inf, numpy.nan, 0.0,
                          1e-45, 1e-30, numpy.finfo(dtype).tiny, numpy.finfo(dtype).smallest_subnormal]).astype(dtype)
    random = rng(3).normal(0, float(numbers[-1]) / 3, 500).astype(dtype)
    return numpy.concatenate([numbers.astype(dtype), middles, *around, beyond, -beyond, -middles, random])


@pytest.mark.parametrize("saturate", (1, 0))
@pytest.mark.parametrize("name", FLOAT_NAMES)
def test_boundaries_round_once(name, saturate, mode):
    """f32, and f64 whose rounding by way of f32 would be another."""
    form, casts, expected = Format(name), [], []
    for dtype in (numpy.dtype(numpy.float32), numpy.dtype(numpy.float64)):
        values = critical_numbers(name, dtype)
        casts.append((values, name, {"saturate": saturate}))
        expected.append(form.array(values, bool(saturate)))
    check(casts, expected, mode)
    numpy.testing.assert_array_equal(
        bits(expected[0]), bits(numpy_helper.saturate_cast(casts[0][0], form.dtype) if saturate else casts[0][0].astype(form.dtype)))


INTEGER_NAMES = ("INT8", "UINT8", "INT16", "UINT16", "INT32", "UINT32", "INT64", "UINT64")


def critical_integers(name: str) -> numpy.ndarray:
    info = numpy.iinfo(dtype_of(name))
    numbers = {0, 1, 2, 3, 5, 7, 9, 17, 19, 21, 23, 31, 100, 127, 240, 255, 448, 464, 465, 57344, 61439, 61440, 61441, 2**24 + 1, 2**31 - 1,
               2**53 + 1, 2**60, 2**60 + 1, 2**62 - 1, 2**63 + 1, info.max, info.max - 1}
    numbers |= {-number for number in numbers} | {info.min, info.min + 1}
    return numpy.array(sorted(number for number in numbers if info.min <= number <= info.max), dtype_of(name))


@pytest.mark.parametrize("saturate", (1, 0))
def test_integers_to_small_floats(saturate, mode):
    casts, expected = [], []
    for source in (*INTEGER_NAMES, "BOOL"):
        values = numpy.array([False, True] * 9) if source == "BOOL" else critical_integers(source)
        for name in FLOAT_NAMES:
            casts.append((values, name, {"saturate": saturate}))
            expected.append(Format(name).array(values, bool(saturate)))
        casts.append((values, SCALE, {"saturate": saturate}))
        expected.append(scales(values, bool(saturate)))
    check(casts, expected, mode)


@pytest.mark.parametrize("saturate", (1, 0))
def test_scales_round_as_they_are_told(saturate, mode):
    """The tables of the standard's Cast; where ONNX's reference agrees with them, its results too."""
    powers = numpy.ldexp(1.0, numpy.arange(-130, 129))
    casts, expected = [], []
    for dtype in (numpy.float32, numpy.float64):
        near = powers.astype(dtype)
        values = numpy.concatenate([near, near * dtype(1.25), near * dtype(1.5), near * dtype(1.75), numpy.nextafter(near, dtype(0)),
                                    numpy.nextafter(near, dtype(numpy.inf)), numpy.nextafter(near * dtype(1.5), dtype(0)),
                                    numpy.array([0.0, numpy.inf, numpy.nan, 1e-45, numpy.finfo(dtype).max, -3.0, 1e-300], dtype)])
        for mode_name in ("up", "down", "nearest"):
            # Beyond f32, what is too large rounds down to the largest f32 first.
            usable = values if dtype == numpy.float32 or saturate else values[~(values >= 2.0**128) | numpy.isinf(values)]
            casts.append((usable, SCALE, {"saturate": saturate, "round_mode": mode_name}))
            expected.append(scales(usable, bool(saturate), mode_name))
    check(casts, expected, mode)
    normal = powers[5:].astype(numpy.float32)
    normal = numpy.concatenate([normal, normal * numpy.float32(1.25), normal * numpy.float32(1.75)])
    normal = normal[numpy.isfinite(normal)]
    for mode_name in ("up", "down", "nearest"):
        numpy.testing.assert_array_equal(bits(scales(normal, bool(saturate), mode_name)),
                                         bits(numpy_helper.to_float8e8m0(normal, bool(saturate), mode_name)))


@pytest.mark.parametrize("saturate", (1, 0))
def test_between_small_floats(saturate, mode):
    casts, expected = [], []
    for source in (*FLOAT_NAMES, SCALE):
        for target in FLOAT_NAMES:
            if source != target:
                values = codes(source)
                casts.append((values, target, {"saturate": saturate}))
                # The sign of a NaN without one is that of ml_dtypes' f32.
                expected.append(Format(target).array(values.astype(numpy.float32), bool(saturate)))
    check(casts, expected, mode)


def wrapped(values, name: str) -> numpy.ndarray:
    """Whole Python numbers as their low bits."""
    return numpy.array([int(value) % (1 << WIDTHS[name]) for value in values], numpy.uint8).view(dtype_of(name))


def test_integers_below_a_byte(mode):
    """Every code to every type; integers wrap, floats truncate to i32 and then wrap, as the standard's own tests expect."""
    casts, expected = [], []
    for source in SMALL_INTEGERS:
        values = codes(source)
        numbers = values.astype(numpy.int32)
        for target in (*INTEGER_NAMES, "FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE", "BOOL"):
            casts.append((values, target, {}))
            expected.append(numbers.astype(dtype_of(target)))
        for target in SMALL_INTEGERS:
            if target != source:
                casts.append((values, target, {}))
                expected.append(wrapped(numbers.tolist(), target))
        for target in FLOAT_NAMES:
            casts.append((values, target, {}))
            expected.append(Format(target).array(numbers))
    reals = numpy.array([*numpy.arange(-20, 21, 0.25), 1e6, -1e6, 3e9, -3e9, numpy.nan])
    whole = [0 if math.isnan(value) else min(max(int(value), -2**31), 2**31 - 1) for value in reals.tolist()]
    for target in SMALL_INTEGERS:
        for source in INTEGER_NAMES:
            values = critical_integers(source)
            casts.append((values, target, {}))
            expected.append(wrapped(values.tolist(), target))
        casts.append((numpy.array([False, True] * 20), target, {}))
        expected.append(wrapped([0, 1] * 20, target))
        for dtype in (numpy.float32, numpy.float64):
            casts.append((reals.astype(dtype), target, {}))
            expected.append(wrapped(whole, target))
    check(casts, expected, mode)


@pytest.mark.parametrize("mode", MODES)
def test_high_bits_of_inputs_are_ignored(mode):
    """Above an element of less than a byte a caller may leave anything."""
    casts, expected = [], []
    for name in ("INT4", "UINT4", "INT2", "UINT2", "FLOAT4E2M1", "FLOAT6E2M3"):
        clean = numpy.arange(256, dtype=numpy.uint8) & ((1 << WIDTHS[name]) - 1)
        casts.append((numpy.arange(256, dtype=numpy.uint8).view(dtype_of(name)), "FLOAT", {}))
        expected.append(clean.view(dtype_of(name)).astype(numpy.float32))
    check(casts, expected, mode)


# --- other operators -------------------------------------------------------------------------------------------------------------


def any_values(name: str, shape) -> numpy.ndarray:
    return rng(7).integers(0, 1 << WIDTHS.get(name, 8), shape).astype(numpy.uint8).view(dtype_of(name))


# The standard casts and quantizes floats of 6 bits, but does not move them.
MOVED = tuple(name for name in (*FLOAT_NAMES, SCALE, *SMALL_INTEGERS) if WIDTHS.get(name) != 6)


@pytest.mark.parametrize("name", MOVED)
def test_movement(name, mode):
    batch, x = Batch(opset=OPSET), any_values(name, (3, 5, 16))
    axes = lambda *values: numpy.array(values, numpy.int64)
    batch.add("identity", "Identity", [x], x)
    batch.add("reshape", "Reshape", [x, axes(15, 16)], x.reshape(15, 16), constants=[1])
    batch.add("flatten", "Flatten", [x], x.reshape(15, 16), axis=2)
    for order in ((2, 0, 1), (0, 2, 1), (1, 0, 2)):
        batch.add(f"transpose {order}", "Transpose", [x], x.transpose(order), perm=order)
    pixels = any_values(name, (2, 3, 7, 33))
    batch.add("transpose pixels", "Transpose", [pixels], pixels.transpose(0, 2, 3, 1), perm=(0, 2, 3, 1))
    batch.add("unsqueeze", "Unsqueeze", [x, axes(1)], x[:, None], constants=[1])
    batch.add("squeeze", "Squeeze", [x[:1], axes(0)], x[0], constants=[1])
    batch.add("shape", "Shape", [x], axes(3, 5, 16))
    batch.add("size", "Size", [x], numpy.array(240, numpy.int64))
    # Moved as plain bytes: numpy.pad does not know these types.
    padded = lambda mode_name, **options: numpy.pad(bits(x), [(1, 0), (0, 2), (3, 1)], mode_name, **options).view(x.dtype)
    pads, fill = axes(1, 0, 3, 0, 2, 1), any_values(name, (4,))[3]
    batch.add("pad", "Pad", [x, pads, fill], padded("constant", constant_values=bits(numpy.asarray(fill))), constants=[1])
    batch.add("pad with zeros", "Pad", [x, pads], padded("constant"), constants=[1])
    batch.add("pad edge", "Pad", [x, pads], padded("edge"), constants=[1], mode="edge")
    batch.add("pad reflect", "Pad", [x, pads], padded("reflect"), constants=[1], mode="reflect")
    batch.add("constant of shape", "ConstantOfShape", [axes(2, 3)], numpy.full((2, 3), fill), constants=[0],
              value=numpy_helper.from_array(fill.reshape(1)))
    batch.add("constant", "Constant", [], x, value=numpy_helper.from_array(x))
    large = any_values(name, (1500,))
    batch.add("large constant", "Constant", [], large, value=numpy_helper.from_array(large))
    if name not in ("INT2", "UINT2"):
        cache, update = any_values(name, (2, 1, 8, 4)), any_values(name, (2, 1, 3, 4))
        scattered = cache.copy()
        scattered[0, :, 2:5], scattered[1, :, 4:7] = update[0], update[1]
        batch.add("tensor scatter", "TensorScatter", [cache, update, axes(2, 4)], scattered)
    batch.check(mode)


@pytest.mark.parametrize("source, target", [("INT4", "UINT4"), ("UINT2", "INT2"), ("FLOAT8E4M3FN", "UINT8"), ("INT8", "FLOAT8E5M2"),
                                            ("FLOAT4E2M1", "INT4"), ("FLOAT8E8M0", "INT8")])
def test_bit_cast(source, target, mode):
    batch = Batch(opset=OPSET)
    x = numpy.arange(1 << WIDTHS.get(source, 8), dtype=numpy.uint8).view(dtype_of(source))
    batch.add(f"{source} to {target}", "BitCast", [x], bits(x).view(dtype_of(target)), to=getattr(TensorProto, target))
    batch.check(mode)


def test_tests_of_small_floats(mode):
    batch = Batch(opset=OPSET)
    for name in ("FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ"):
        x = codes(name)
        exact = x.astype(numpy.float64)
        batch.add(f"IsNaN {name}", "IsNaN", [x], numpy.isnan(exact))
        batch.add(f"IsInf {name}", "IsInf", [x], numpy.isinf(exact))
    batch.check(mode)


@pytest.mark.parametrize("name", (*FLOAT_NAMES[:4], SCALE, *SMALL_INTEGERS))
def test_control_flow(name, mode):
    """If, Loop with a carried and a collected value, and Scan."""
    kind, x = getattr(TensorProto, name), any_values(name, (4, 6))
    info = helper.make_tensor_value_info

    def branch(value):
        return helper.make_graph([helper.make_node("Identity", [value], [f"of {value}"])], value, [], [info(f"of {value}", kind, [4, 6])])

    body = helper.make_graph(
        [helper.make_node("Transpose", ["carried"], ["next"], perm=[1, 0]), helper.make_node("Identity", ["next"], ["row"]),
         helper.make_node("Identity", ["go"], ["on"])], "body",
        [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), info("carried", kind, [4, 4])],
        [info("on", TensorProto.BOOL, []), info("next", kind, [4, 4]), info("row", kind, [4, 4])])
    step = helper.make_graph(
        [helper.make_node("Identity", ["item"], ["state_out"]), helper.make_node("Identity", ["state"], ["item_out"])], "step",
        [info("state", kind, [6]), info("item", kind, [6])], [info("state_out", kind, [6]), info("item_out", kind, [6])])
    nodes = [
        helper.make_node("If", ["flag"], ["chosen"], then_branch=branch("x"), else_branch=branch("z")),
        helper.make_node("Loop", ["count", "", "square"], ["last", "rows"], body=body),
        helper.make_node("Scan", ["first", "x"], ["end", "shifted"], body=step, num_scan_inputs=1),
    ]
    y, z = any_values(name, (4, 4)), x[::-1].copy()
    feeds = {"flag": numpy.array(False), "x": x, "z": z, "count": numpy.array(3, numpy.int64), "square": y, "first": x[2].copy()}
    shape = (lambda array: [None] * array.ndim) if mode == "dynamic" else (lambda array: array.shape)
    graph = helper.make_graph(
        nodes, "control", [info(key, helper.np_dtype_to_tensor_dtype(value.dtype), shape(value) if key in ("x", "z") else value.shape)
                           for key, value in feeds.items()],
        [info(key, kind, [None] * rank) for key, rank in (("chosen", 2), ("last", 2), ("rows", 3), ("end", 1), ("shifted", 2))])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)])
    error, results = apart(lambda: _compile_and_run(model, feeds, mode))
    assert not error, error
    expected = [z, y.T, numpy.stack([y.T, y, y.T]), x[3], numpy.stack([x[2], x[0], x[1], x[2]])]
    for actual, want in zip(results, expected, strict=True):
        numpy.testing.assert_array_equal(bits(actual), bits(numpy.ascontiguousarray(want)))


# --- quantization -------------------------------------------------------------------------------------------------------------------


def repeated(parameter: numpy.ndarray, shape, axis: int, block: int) -> numpy.ndarray:
    """A scale or zero point over the whole tensor."""
    if parameter.ndim == 0:
        return numpy.broadcast_to(parameter, shape)
    if block:
        return numpy.repeat(parameter, block, axis)[tuple(slice(extent) for extent in shape)]
    return numpy.broadcast_to(parameter.reshape([-1 if dimension == axis else 1 for dimension in range(len(shape))]), shape)


GRANULARITIES = {"tensor": ((), 1, 0), "axis": ((6,), 1, 0), "blocks": ((4, 6, 3), 2, 4)}


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("name", (*FLOAT_NAMES, *SMALL_INTEGERS))
def test_quantize(name, granularity, mode):
    batch, generator = Batch(opset=OPSET), rng(5)
    shape, axis, block = GRANULARITIES[granularity]
    x = generator.normal(0, 5, (4, 6, 10)).astype(numpy.float32)
    x[0, 0, :3] = (1e6, -1e6, 0.5)
    scale = generator.uniform(0.5, 3, shape).astype(numpy.float32)
    full = repeated(scale, x.shape, axis, block)
    options = {"axis": axis, **({"block_size": block} if block else {})}
    if name in SMALL_INTEGERS:
        info = ml_dtypes.iinfo(dtype_of(name))
        zero = generator.integers(int(info.min), int(info.max), shape, endpoint=True)
        whole = numpy.clip(numpy.rint(x / full) + repeated(numpy.asarray(zero), x.shape, axis, block), int(info.min), int(info.max))
        batch.add("zero point", "QuantizeLinear", [x, scale, zero.astype(dtype_of(name))], whole.astype(dtype_of(name)), **options)
        whole = numpy.clip(numpy.rint(x / full), int(info.min), int(info.max))
        batch.add("no zero point", "QuantizeLinear", [x, scale], whole.astype(dtype_of(name)), output_dtype=getattr(TensorProto, name), **options)
    else:
        ratio = (x / full).astype(numpy.float32)
        for saturate in (1, 0):
            expected = Format(name).array(ratio.reshape(-1), bool(saturate)).reshape(x.shape)
            batch.add(f"saturate {saturate}", "QuantizeLinear", [x, scale], expected, output_dtype=getattr(TensorProto, name),
                      saturate=saturate, **options)
        zero = numpy.zeros(shape, numpy.uint8).view(dtype_of(name))
        expected = Format(name).array((ratio + numpy.float32(0)).reshape(-1)).reshape(x.shape)
        batch.add("zero point", "QuantizeLinear", [x, scale, zero], expected, **options)
    powers = generator.integers(124, 131, shape).astype(numpy.uint8).view(dtype_of(SCALE))
    ratio = (x / repeated(powers.astype(numpy.float32), x.shape, axis, block)).astype(numpy.float32)
    if name in SMALL_INTEGERS:
        expected = numpy.clip(numpy.rint(ratio), int(info.min), int(info.max)).astype(dtype_of(name))
    else:
        expected = Format(name).array(ratio.reshape(-1)).reshape(x.shape)
    batch.add("scale of 8 bits", "QuantizeLinear", [x, powers], expected, output_dtype=getattr(TensorProto, name), **options)
    batch.check(mode)


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("name", (*FLOAT_NAMES, *SMALL_INTEGERS))
def test_dequantize(name, granularity, mode):
    batch, generator = Batch(opset=OPSET), rng(6)
    shape, axis, block = GRANULARITIES[granularity]
    x = any_values(name, (4, 6, 10))
    if name.startswith("FLOAT8"):
        x = numpy.where(numpy.isnan(x.astype(numpy.float32)), codes(name)[9], x)
    options = {"axis": axis, **({"block_size": block} if block else {})}
    zero = any_values(name, shape) if name in SMALL_INTEGERS else numpy.zeros(shape, numpy.uint8).view(dtype_of(name))
    centered = x.astype(numpy.float32) - repeated(zero, x.shape, axis, block).astype(numpy.float32)
    for dtype in (numpy.float32, numpy.float16):
        scale = generator.uniform(0.01, 0.02, shape).astype(dtype)
        full = repeated(scale, x.shape, axis, block)
        batch.add(f"zero point {dtype.__name__}", "DequantizeLinear", [x, scale, zero],
                  (centered.astype(dtype) * full).astype(dtype), **options)
        batch.add(f"no zero point {dtype.__name__}", "DequantizeLinear", [x, scale], (x.astype(dtype) * full).astype(dtype), **options)
        fixed = [0, 1, 2]
        batch.add(f"constant {dtype.__name__}", "DequantizeLinear", [x, scale, zero], (centered.astype(dtype) * full).astype(dtype),
                  constants=fixed, **options)
    powers = generator.integers(120, 134, shape).astype(numpy.uint8).view(dtype_of(SCALE))
    expected = x.astype(numpy.float32) * repeated(powers.astype(numpy.float32), x.shape, axis, block)
    batch.add("scale of 8 bits", "DequantizeLinear", [x, powers], expected, output_dtype=TensorProto.FLOAT, **options)
    batch.check(mode)


@pytest.mark.parametrize("name", FLOAT_NAMES[:4])
def test_product_of_small_floats(name, mode):
    """QLinearMatMul of floats: sums of few products of few bits are exact in f32."""
    batch, generator = Batch(opset=21), rng(9)
    small = lambda *shape: generator.integers(-4, 5, shape).astype(numpy.float32).astype(dtype_of(name))
    a, b, zero = small(5, 8), small(8, 7), numpy.zeros((), numpy.uint8).view(dtype_of(name))
    scale = lambda value: numpy.array(value, numpy.float32)
    product = a.astype(numpy.float32) @ b.astype(numpy.float32)
    expected = Format(name).array((product * numpy.float32(0.5)).reshape(-1)).reshape(5, 7)
    batch.add(name, "QLinearMatMul", [a, scale(0.5), zero, b, scale(2), zero, scale(2), zero], expected)
    batch.check(mode)


# --- files and errors -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", (*FLOAT_NAMES, SCALE, *SMALL_INTEGERS))
@pytest.mark.parametrize("count", (1, 2, 3, 5, 7, 1025, 4099))
def test_every_encoding_of_a_tensor(tmp_path, name, count):
    """Raw data, int32_data and a file of its own, with and without a rest in the last byte."""
    kind, x = getattr(TensorProto, name), any_values(name, (count,))
    raw = numpy_helper.from_array(x, "raw")
    # Bytes of the packed elements; of 6 bits, elements. helper.make_tensor would convert the values once more.
    entries = bits(x).tolist() if WIDTHS.get(name) == 6 else list(raw.raw_data)
    listed = onnx.TensorProto(name="listed", data_type=kind, dims=[count], int32_data=entries)
    assert raw.HasField("raw_data") and len(listed.int32_data) > 0
    outside = onnx.TensorProto(name="outside", data_type=kind, dims=[count], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "weights.bin"), ("offset", "3"), ("length", str(len(raw.raw_data)))):
        entry = outside.external_data.add()
        entry.key, entry.value = key, value
    (tmp_path / "weights.bin").write_bytes(b"???" + raw.raw_data)
    names = ("raw", "listed", "outside")
    node = ("Identity", {}) if name in MOVED else ("Cast", {"to": TensorProto.FLOAT})
    expected = x if name in MOVED else x.astype(numpy.float32)
    results = [helper.make_tensor_value_info(f"of {key}", helper.np_dtype_to_tensor_dtype(expected.dtype), [count]) for key in names]
    graph = helper.make_graph([helper.make_node(node[0], [key], [f"of {key}"], **node[1]) for key in names], "tensors", [], results,
                              [raw, listed, outside])
    model = tmp_path / "model.onnx"
    model.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)]).SerializeToString())
    tenon.compile(str(model), str(tmp_path / "model.so"))
    for result in tenon.load(str(tmp_path / "model.so")).run({}).values():
        numpy.testing.assert_array_equal(bits(result), bits(expected))


def error_of(tmp_path, nodes, inputs, outputs, initializers=(), opset: int = OPSET) -> str:
    info = [helper.make_tensor_value_info(name, getattr(TensorProto, kind), [4]) for name, kind in inputs]
    results = [helper.make_tensor_value_info(name, getattr(TensorProto, kind), None) for name, kind in outputs]
    graph = helper.make_graph(nodes, "wrong", info, results, initializers)
    with pytest.raises(tenon.CompileError) as caught:
        tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), str(tmp_path / "wrong.so"))
    return str(caught.value)


def test_operators_that_do_not_take_them(tmp_path):
    node = helper.make_node
    text = error_of(tmp_path, [node("Add", ["x", "x"], ["y"], name="sum")], [("x", "INT4")], [("y", "INT4")])
    assert "sum" in text and "input 0 ('x') is a tensor(int4), which Add of opset 14 does not take" in text
    text = error_of(tmp_path, [node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E8M0, round_mode="odd")], [("x", "FLOAT")], [("y", "FLOAT8E8M0")])
    assert "attribute 'round_mode' is 'odd', expected up, down or nearest" in text
    scale = numpy_helper.from_array(numpy.array(127, numpy.uint8).view(dtype_of(SCALE)), "s")
    text = error_of(tmp_path, [node("DequantizeLinear", ["x", "s"], ["y"])], [("x", "INT4")], [("y", "FLOAT")], [scale])
    assert "the scale is a float of 8 bits, which the result cannot be" in text and "output_dtype" in text
    scale = numpy_helper.from_array(numpy.float32(1), "s")
    text = error_of(tmp_path, [node("QuantizeLinear", ["x", "s"], ["y"], output_dtype=TensorProto.FLOAT8E8M0)], [("x", "FLOAT")],
                    [("y", "FLOAT8E8M0")], [scale])
    assert "the quantized type must be an integer of at most 16 bits or a float of at most 8" in text
    text = error_of(tmp_path, [node("RandomUniform", [], ["y"], dtype=TensorProto.INT4, shape=[2])], [], [("y", "INT4")])
    assert "unsupported element type INT4" in text
    short = onnx.TensorProto(name="w", data_type=TensorProto.INT4, dims=[5], raw_data=b"12")
    text = error_of(tmp_path, [node("Identity", ["w"], ["y"])], [], [("y", "INT4")], [short])
    assert "tensor 'w' holds 2 bytes, but its shape and type need 3" in text
