"""Reductions: every kind, axes in every place, kept or not, empty sets, types, tails; arg reductions and running sums."""

import numpy
import onnx.parser
import pytest

import tenon
from arrays import BF16, BOOL, FLOATS, integers, label, rng, special_floats, uniform, values
from harness import Batch, summed, ulps

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

SHAPES = [((1,), [0]), ((17,), [0]), ((3, 33), [1]), ((33, 3), [0]), ((5, 16, 7), [1]), ((5, 16, 7), [0, 2]), ((2, 3, 4, 9), [2, 3]), ((2, 3, 4, 9), [-1, 0]),
          ((4, 1, 8), [1]), ((6, 100), [-1]), ((100, 6), [0]), ((2, 3, 40), None), ((1, 1, 1), [0, 1, 2]),
          # Few neighbours each, with lanes over the results; rows before dimensions of one element.
          ((3, 37, 2), [2]), ((5, 40, 3), [-1]), ((70, 4), [1]), ((3, 21, 2, 2), [2, 3]), ((4, 35, 1), [1]), ((4, 35, 1), [2]), ((40, 2, 1), [1]),
          ((3, 40, 1), [1, 2]), ((2, 9, 37, 1), [2, 3]), ((2, 9, 37, 1), [1]), ((9, 21, 1, 1), [0, 3]), ((1, 37, 3), [0, 1]),
          # Long rows, few of them side by side.
          ((301, 3), [0]), ((3, 20, 9, 5), [1, 2]), ((4, 150, 1, 2), [1]), ((130, 12), [0])]


def axes_of(axes):
    return None if axes is None else tuple(axes)


def reduce_sum(x, axes, keep):
    return x.sum(axis=axes, keepdims=keep)


def reduce_log_sum_exp(x, axes, keep):
    top = x.max(axis=axes, keepdims=True)
    total = numpy.log(numpy.exp(x - top).sum(axis=axes, keepdims=True)) + top
    return total if keep else total.reshape(x.max(axis=axes, keepdims=False).shape)


# Operator, function in float64, the magnitude whose rounding errors count (of the inputs' absolute values), whether inputs are positive.
SUMS = {
    "ReduceSum": (reduce_sum, reduce_sum, False),
    "ReduceMean": (lambda x, axes, keep: x.mean(axis=axes, keepdims=keep), lambda x, axes, keep: x.mean(axis=axes, keepdims=keep), False),
    "ReduceL1": (lambda x, axes, keep: reduce_sum(abs(x), axes, keep), reduce_sum, False),
    "ReduceL2": (lambda x, axes, keep: numpy.sqrt(reduce_sum(x * x, axes, keep)), lambda x, axes, keep: numpy.sqrt(reduce_sum(x * x, axes, keep)), False),
    "ReduceSumSquare": (lambda x, axes, keep: reduce_sum(x * x, axes, keep), lambda x, axes, keep: reduce_sum(x * x, axes, keep), False),
    "ReduceLogSum": (lambda x, axes, keep: numpy.log(reduce_sum(x, axes, keep)), lambda x, axes, keep: 1 + abs(numpy.log(reduce_sum(x, axes, keep))), True),
    "ReduceLogSumExp": (reduce_log_sum_exp, lambda x, axes, keep: 4 + reduce_log_sum_exp(x, axes, keep), False),
}


def add_reduction(batch, op, x, axes, keep, expected, bound):
    attributes = {"keepdims": int(keep)}
    if axes is None:
        batch.add(label(op, x, "all", keep), op, [x], expected, bound, **attributes)
    else:
        batch.add(label(op, x, axes, keep), op, [x, numpy.array(axes, numpy.int64)], expected, bound, constants=(1,), **attributes)


def test_sums(mode):
    batch, generator = Batch(), rng()
    for op, (function, magnitude, positive) in SUMS.items():
        for shape, axes in SHAPES:
            for keep in (True, False):
                x = uniform(generator, shape, 0.1 if positive else -2, 2)
                exact = numpy.asarray(function(x.astype(float), axes_of(axes), keep))
                terms = x.size // max(exact.size, 1)
                add_reduction(batch, op, x, axes, keep, exact.astype(numpy.float32), summed(magnitude(abs(x.astype(float)), axes_of(axes), keep), terms + 4, "float32"))
    batch.check(mode)


def test_sums_of_other_types(mode):
    batch, generator = Batch(), rng()
    for dtype in FLOATS[1:]:
        for op, (function, magnitude, positive) in SUMS.items():
            x = uniform(generator, (4, 29), 0.1 if positive else -2, 2, dtype)
            for axis in (0, 1):
                exact, size = function(x.astype(float), (axis,), False), magnitude(abs(x.astype(float)), (axis,), False)
                # Half types are summed in float32; what follows the sum may round again.
                bound = summed(size, 40, "float32") + summed(size, 3, dtype) if dtype != numpy.float64 else summed(size, 40, dtype)
                add_reduction(batch, op, x, [axis], False, exact.astype(dtype), bound)
        pairs = uniform(generator, (45, 2), 0.5, 2, dtype)
        exact = pairs.astype(float).sum(axis=1)
        add_reduction(batch, "ReduceSum", pairs, [1], False, exact.astype(dtype), summed(exact, 2, dtype))
    for dtype in ("int32", "int64", "uint32", "uint64"):
        x = integers(generator, (5, 19), dtype)
        for op, function in (("ReduceSum", numpy.sum), ("ReduceProd", numpy.prod)):
            add_reduction(batch, op, x, [1], True, function(x, axis=1, keepdims=True, dtype=dtype), 0)
        small = integers(generator, (5, 19), dtype, 0, 50)
        add_reduction(batch, "ReduceSumSquare", small, [0], False, (small * small).sum(axis=0, dtype=dtype), 0)
        add_reduction(batch, "ReduceL1", small, [0], False, small.sum(axis=0, dtype=dtype), 0)
    batch.check(mode)


def test_columns_from_far(mode):
    """More than the second level of cache holds: sums of a block of columns in memory."""
    batch, generator = Batch(), rng()
    for shape, axis in (((70, 4500), 0), ((2, 37, 5000), 1), ((19, 16500, 1), 0)):
        x = uniform(generator, shape)
        add_reduction(batch, "ReduceMax", x, [axis], True, x.max(axis=axis, keepdims=True), 0)
        for op in ("ReduceMean", "ReduceLogSumExp"):
            function, magnitude, _ = SUMS[op]
            exact, size = function(x.astype(float), (axis,), False), magnitude(abs(x.astype(float)), (axis,), False)
            add_reduction(batch, op, x, [axis], False, exact.astype(numpy.float32), summed(size, 80, "float32"))
    for dtype in ("float16", "int32", "uint8"):
        x = values(generator, (40, 33000), dtype)
        add_reduction(batch, "ReduceMin", x, [0], False, x.min(axis=0), 0)
    batch.check(mode)


def test_products(mode):
    batch, generator = Batch(), rng()
    for shape, axes in SHAPES:
        x = uniform(generator, shape, 0.7, 1.4)
        exact = x.astype(float).prod(axis=axes_of(axes), keepdims=True)
        add_reduction(batch, "ReduceProd", x, axes, True, exact.astype(numpy.float32), summed(exact, x.size // exact.size + 1, "float32"))
    batch.check(mode)


def test_extremes(mode):
    batch, generator = Batch(), rng()
    for op, function in (("ReduceMax", numpy.max), ("ReduceMin", numpy.min)):
        for shape, axes in SHAPES:
            for keep in (True, False):
                x = uniform(generator, shape)
                add_reduction(batch, op, x, axes, keep, numpy.asarray(function(x, axis=axes_of(axes), keepdims=keep)), 0)
        for dtype in (*FLOATS[1:], "int8", "uint8", "int32", "uint32", "int64", "uint64", BOOL):
            x = values(generator, (5, 23), dtype)
            for axis in (0, 1):
                add_reduction(batch, op, x, [axis], False, function(x, axis=axis), 0)
            triples = values(generator, (50, 3), dtype)
            add_reduction(batch, op, triples, [1], False, function(triples, axis=1), 0)
            triples = values(generator, (401, 3), dtype)
            add_reduction(batch, op, triples, [0], False, function(triples, axis=0), 0)
        special = special_floats("float32")[:-1]
        add_reduction(batch, op, special, None, False, numpy.asarray(function(special)), 0)
        with_nan = numpy.array([[1, 2, numpy.nan, 3, 5], [1, 2, 3, 4, 5]], numpy.float32)
        add_reduction(batch, op, with_nan, [1], False, function(with_nan, axis=1), 0)
    batch.check(mode)


def test_empty_sets(mode):
    """The neutral element of each kind."""
    batch = Batch()
    for shape, axis in (((0, 3), 0), ((2, 0, 4), 1)):
        x = numpy.zeros(shape, numpy.float32)
        kept = numpy.zeros([extent for place, extent in enumerate(shape) if place != axis], numpy.float32)
        for op, neutral in (("ReduceSum", 0), ("ReduceProd", 1), ("ReduceMax", -numpy.inf), ("ReduceMin", numpy.inf), ("ReduceL1", 0), ("ReduceL2", 0),
                            ("ReduceSumSquare", 0), ("ReduceLogSum", -numpy.inf), ("ReduceLogSumExp", -numpy.inf)):
            add_reduction(batch, op, x, [axis], False, kept + numpy.float32(neutral), 0)
    x = numpy.zeros((0, 3), numpy.int32)
    add_reduction(batch, "ReduceMax", x, [0], False, numpy.full(3, numpy.iinfo("int32").min, numpy.int32), 0)
    add_reduction(batch, "ReduceMin", x, [0], False, numpy.full(3, numpy.iinfo("int32").max, numpy.int32), 0)
    # Nothing is reduced at all: an empty result.
    y = numpy.zeros((0, 3), numpy.float32)
    add_reduction(batch, "ReduceSum", y, [1], True, numpy.zeros((0, 1), numpy.float32), 0)
    batch.check(mode)


def test_no_axes(mode):
    batch, x = Batch(), uniform(rng(), (3, 5))
    none = numpy.zeros(0, numpy.int64)
    batch.add("no-op", "ReduceSum", [x, none], x, constants=(1,), noop_with_empty_axes=1)
    batch.add("all", "ReduceMax", [x, none], x.max(keepdims=True), constants=(1,), noop_with_empty_axes=0)
    batch.check(mode)


def test_before_axes_were_inputs(mode):
    batch, generator = Batch(opset=11), rng()
    x = uniform(generator, (3, 4, 9))
    for op in ("ReduceSum", "ReduceMax", "ReduceMean"):
        function = {"ReduceSum": numpy.sum, "ReduceMax": numpy.max, "ReduceMean": numpy.mean}[op]
        exact = function(x.astype(float), axis=(0, 2), keepdims=True)
        batch.add(op, op, [x], exact.astype(numpy.float32), summed(numpy.full(exact.shape, 54.0), 29, "float32") if op != "ReduceMax" else 0, axes=[0, -1])
    batch.check(mode)


def test_places_of_extremes(mode):
    batch, generator = Batch(), rng()
    for op, function in (("ArgMax", numpy.argmax), ("ArgMin", numpy.argmin)):
        for dtype in ("float32", "float64", "float16", "int8", "uint8", "int32", "int64", "uint32", "uint64", BF16):
            for shape, axis in (((17,), 0), ((3, 33), 1), ((33, 3), 0), ((2, 5, 7), -2), ((4, 1), 1), ((3, 200), 1), ((2, 3, 64), 2), ((50, 21), 1), ((9, 2), 1)):
                # Few values, so that many are equal: the first counts, or the last. Around zero, or where the highest bit begins.
                middle = 2 ** (numpy.iinfo(dtype).bits - 1) if str(dtype).startswith("u") else 0
                values = generator.integers(-2, 3, shape)
                x = (values.astype(dtype) + numpy.array(middle, dtype)).astype(dtype)
                if values.ndim > 1 and dtype in FLOATS:
                    x[values == 0] *= -1  # negative zeros beside positive ones
                    x.reshape(-1)[::2][values.reshape(-1)[::2] == 0] = 0
                first = function(values, axis=axis)
                last = x.shape[axis] - 1 - function(numpy.flip(values, axis), axis=axis)
                batch.add(label(op, x, axis), op, [x], numpy.asarray(first), axis=axis, keepdims=0)
                batch.add(label(op, x, axis, "last"), op, [x], numpy.expand_dims(last, axis), axis=axis, select_last_index=1)
    for width in (5, 100):
        x = uniform(generator, (9, width))
        for row, places in enumerate(((), (0,), (width - 1,), (1, 3), (3, width - 2), range(width), (2,), (4,), ())):
            x[row, list(places)] = numpy.nan
        last = width - 1 - numpy.argmax(numpy.flip(x, 1), axis=1)
        batch.add(f"NaN {width}", "ArgMax", [x], numpy.argmax(x, axis=1), axis=1, keepdims=0)
        batch.add(f"NaN last {width}", "ArgMax", [x], last, axis=1, keepdims=0, select_last_index=1)
    batch.check(mode)


def test_running_sums(mode):
    batch, generator = Batch(), rng()
    for shape, axis in (((17,), 0), ((3, 33), 1), ((33, 3), 0), ((2, 5, 7), -2), ((0, 3), 0), ((2, 3, 40), 1), ((40, 5), 0)):
        for exclusive in (0, 1):
            for reverse in (0, 1):
                for dtype in ("int32", "int64", "float32", "float64"):
                    x = generator.integers(-50, 50, shape).astype(dtype)
                    y = numpy.flip(x, axis) if reverse else x
                    total = numpy.cumsum(y, axis=axis, dtype=dtype) - (y if exclusive else 0)
                    expected = (numpy.flip(total, axis) if reverse else total).astype(dtype)
                    batch.add(label("CumSum", x, axis, exclusive, reverse), "CumSum", [x, numpy.array(axis, numpy.int64)], expected, constants=(1,),
                              exclusive=exclusive, reverse=reverse)
    batch.check(mode)


def test_greatest_elements(mode):
    batch, generator = Batch(), rng()
    for dtype in ("float32", "float64", "int32", "int64", "float16", "uint8"):
        for shape, axis, k in (((17,), 0, 5), ((3, 33), 1, 33), ((33, 3), 0, 1), ((2, 5, 7), 1, 3), ((4, 9), -1, 0)):
            for largest in (0, 1):
                x = generator.integers(0, 20, shape).astype(dtype)
                # Among equal ones the lower index comes first.
                order = numpy.argsort(-x.astype(float) if largest else x.astype(float), axis=axis, kind="stable")
                indices = numpy.take(order, numpy.arange(k), axis)
                batch.add(label("TopK", x, axis, k, largest), "TopK", [x, numpy.array([k], numpy.int64)],
                          [numpy.take_along_axis(x, indices, axis), indices.astype(numpy.int64)], constants=(1,), axis=axis, largest=largest)
    batch.check(mode)


def softmax(x, axis):
    e = numpy.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def test_softmax(mode):
    batch, generator = Batch(), rng()
    for shape, axis in (((1,), 0), ((17,), 0), ((3, 33), 1), ((33, 3), 0), ((2, 5, 7), 1), ((2, 5, 100), -1), ((4, 1), 1), ((2, 3, 4, 5), 2), ((2, 1000), 1)):
        for dtype in FLOATS if len(shape) == 2 else ["float32"]:
            x = uniform(generator, shape, -8, 8, dtype)
            exact, logarithm = softmax(x.astype(float), axis), numpy.log(softmax(x.astype(float), axis))
            terms = shape[axis]
            base = summed(exact, terms + 8, "float32" if numpy.dtype(dtype) != numpy.float64 else dtype)
            # Half types round in the end, in the formula's steps too where the operator is a function of others.
            bound = base if dtype in ("float32", numpy.float32, numpy.float64) else base + ulps(exact, 2, dtype)
            batch.add(label("Softmax", x, axis), "Softmax", [x], exact.astype(dtype), bound, axis=axis)
            size = abs(logarithm) + 16
            bound = summed(size, terms + 8, dtype) if dtype in ("float32", numpy.float32, numpy.float64) else ulps(size, 2, dtype)
            batch.add(label("LogSoftmax", x, axis), "LogSoftmax", [x], logarithm.astype(dtype), bound, axis=axis)
            top = numpy.argmax(x.astype(float), axis=axis)
            batch.add(label("Hardmax", x, axis), "Hardmax", [x],
                      (numpy.expand_dims(top, axis) == numpy.arange(terms).reshape([-1 if place == axis % len(shape) else 1 for place in range(len(shape))])).astype(dtype),
                      axis=axis)
    huge = numpy.array([[1e30, -1e30, 3], [-numpy.inf, 1, 2], [200, 200, 200]], numpy.float32)
    batch.add("huge", "Softmax", [huge], softmax(huge.astype(float), 1).astype(numpy.float32), 1e-6)
    # What is masked is exactly 0, with 16 lanes and more; what is NaN spreads.
    for masked in (-numpy.inf, numpy.finfo(numpy.float32).min, -1e4):
        x = uniform(generator, (4, 37), -8, 8)
        x[:, ::3] = masked
        x[3, 5] = numpy.nan
        exact = softmax(x.astype(float), 1)
        batch.add(f"masked by {masked}", "Softmax", [x], exact.astype(numpy.float32), numpy.where(exact == 0, 0, 1e-6))
    batch.check(mode)


@pytest.mark.parametrize("shape", ((16, 1024), (17, 100), (40, 7), (256, 16), (2, 30, 1, 33), (300, 1), (64, 3100), (5000, 12)))
def test_many_rows(mode, shape):
    """Rows that may go through a pipeline: each has results of its own, whatever its neighbours hold."""
    batch, generator = Batch(), rng()
    x = uniform(generator, shape, -8, 8)
    rows = x.reshape(-1, shape[-1])
    rows[1::8] = -numpy.inf
    rows[2::8, ::2] = -numpy.inf
    rows[3::8, -1] = numpy.nan
    rows[4::8] *= 1e30
    rows[5::8] = 0
    rows[6::8] *= 15
    exact = softmax(x.astype(float), -1)
    batch.add(label("Softmax", x), "Softmax", [x], exact.astype(numpy.float32), numpy.where(exact == 0, 0, 2e-6), axis=-1)
    x = numpy.where(numpy.isfinite(x) & (abs(x) < 200), x, 1)
    exact = numpy.log(numpy.exp(x.astype(float)).sum(axis=-1, keepdims=True))
    batch.add(label("ReduceLogSumExp", x), "ReduceLogSumExp", [x, numpy.array([-1], numpy.int64)], exact.astype(numpy.float32), 4e-5, (1,), keepdims=1)
    size = numpy.sqrt((x.astype(float) ** 2).sum(axis=-1, keepdims=True))
    batch.add(label("LpNormalization", x), "LpNormalization", [x], numpy.where(size == 0, 0, x / numpy.where(size == 0, 1, size)).astype(numpy.float32), 2e-6, axis=-1, p=2)
    for dtype in ("float32", "float16"):
        scale = numpy.ones(shape[-1], dtype)
        centred = x.astype(dtype).astype(float) - x.astype(dtype).astype(float).mean(axis=-1, keepdims=True)
        exact = centred / numpy.sqrt((centred**2).mean(axis=-1, keepdims=True) + float(numpy.float32(1e-5)))
        batch.add(label("LayerNormalization", x, dtype), "LayerNormalization", [x.astype(dtype), scale], exact.astype(dtype), 3e-3 if dtype == "float32" else 2e-2)
    batch.check(mode)


@pytest.mark.parametrize("shape", ((6, 20, 10, 10), (9, 7, 64), (8, 130), (8, 9, 3, 5, 7), (6, 40, 1, 97), (7, 5, 1, 1), (70, 33), (3, 12, 2, 64), (6, 3, 1024),
                                   (301, 3), (4, 150, 5), (3, 100, 1, 2, 3), (2, 90, 7), (150, 12), (65, 24), (500, 2)))
def test_neighbouring_rows(mode, shape):
    """Rows along dimension 1, or 0 of two: vectors run over neighbours, several at once, one, and a part of one; or over a run of few of them."""
    batch, generator = Batch(), rng()
    axis = 1 if len(shape) > 2 else 0
    x = uniform(generator, shape, -8, 8)
    rows = numpy.moveaxis(x, axis, -1)
    rows[..., 1::6, :] = -numpy.inf
    rows[..., 2::6, ::2] = -numpy.inf
    rows[..., 3::6, -1] = numpy.nan
    rows[..., 4::6, :] *= 1e30
    exact = softmax(x.astype(float), axis)
    batch.add(label("Softmax", x), "Softmax", [x], exact.astype(numpy.float32), numpy.where(exact == 0, 0, 2e-6), axis=axis)
    x = numpy.where(numpy.isfinite(x) & (abs(x) < 200), x, 1)
    exact = numpy.log(softmax(x.astype(float), axis))
    batch.add(label("LogSoftmax", x), "LogSoftmax", [x], exact.astype(numpy.float32), 4e-5, axis=axis)
    exact = numpy.log(numpy.exp(x.astype(float)).sum(axis=axis, keepdims=False))
    batch.add(label("ReduceLogSumExp", x), "ReduceLogSumExp", [x, numpy.array([axis], numpy.int64)], exact.astype(numpy.float32), 4e-5, (1,), keepdims=0)
    size = numpy.sqrt((x.astype(float) ** 2).sum(axis=axis, keepdims=True))
    batch.add(label("LpNormalization", x), "LpNormalization", [x], (x / size).astype(numpy.float32), 2e-6, axis=axis, p=2)
    scale, offset = uniform(generator, shape[1]), uniform(generator, shape[1])
    if len(shape) > 2:
        others = tuple(range(2, len(shape)))
        centred = x.astype(float) - x.astype(float).mean(axis=others, keepdims=True)
        along = (-1, *[1] * len(others))
        exact = centred / numpy.sqrt((centred**2).mean(axis=others, keepdims=True) + float(numpy.float32(1e-5))) * scale.reshape(along) + offset.reshape(along)
        batch.add(label("InstanceNormalization", x), "InstanceNormalization", [x, scale, offset], exact.astype(numpy.float32), 3e-3)
    batch.check(mode)


def test_softmax_of_old_versions(mode):
    """Before opset 13 all axes from the given one on are one."""
    batch, x = Batch(opset=11), uniform(rng(), (2, 3, 5), -4, 4)
    for axis in (0, 1, 2):
        flat = x.reshape(int(numpy.prod(x.shape[:axis])), -1).astype(float)
        exact = softmax(flat, 1).reshape(x.shape)
        batch.add(f"axis {axis}", "Softmax", [x], exact.astype(numpy.float32), summed(exact, 40, "float32"), axis=axis)
    batch.check(mode)


FILLED_ROWS = """<ir_version: 8, opset_import: ["": 18]>
g (float[n,m] x) => (float16[a,b] filled, float16[c,d] largest) <int64[1] last = {-1}> {
  s = Shape(x)
  f = ConstantOfShape<value: tensor = float[1] {3.0}>(s)
  filled = Cast<to = 10>(f)
  largest = ReduceMax(filled, last)
}"""

EXPANDED_ROWS = """<ir_version: 8, opset_import: ["": 18]>
g (float[n,m] x) => (float[a,b] sums, float[c,d] rest) <int64[1] last = {-1}> {
  s = Shape(x)
  r = ReduceSum(x, last)
  e = Expand(r, s)
  sums = Neg(e)
  rest = Sub(x, e)
}"""


@pytest.mark.parametrize("shape", [(4, 6), (3, 17), (1, 40), (50, 1)])
def test_rows_that_are_broadcasts(mode, shape, tmp_path):
    """In one kernel with a reduction, of a constant and of the reduced value: every element of the row is there."""
    x = integers(rng(), shape, "int32", -9, 9).astype(numpy.float32)
    totals = numpy.broadcast_to(x.sum(axis=1, keepdims=True), shape)
    for text, expected in ((FILLED_ROWS, {"filled": numpy.full(shape, 3, numpy.float16), "largest": numpy.full((shape[0], 1), 3, numpy.float16)}),
                           (EXPANDED_ROWS, {"sums": -totals, "rest": x - totals})):
        library = tenon.compile(onnx.parser.parse_model(text), tmp_path / "model.so", reference=mode == "reference",
                                shape={"x": shape} if mode == "static" else None)
        results = tenon.load(library, threads=1).run({"x": x})
        for name, array in expected.items():
            numpy.testing.assert_array_equal(results[name], array, name)
