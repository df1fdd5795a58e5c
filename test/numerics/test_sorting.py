"""Unique with all its outputs, and TopK of lines whose length depends on data."""

import itertools

import numpy
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon
from arrays import BF16, BOOL, label, rng, uniform
from harness import Batch


def unique(x, axis, is_sorted):
    y, first, inverse, counts = numpy.unique(x, True, True, True, axis=axis)
    inverse = inverse.reshape(-1)
    if not is_sorted:
        order = numpy.argsort(first)
        first, counts, inverse = first[order], counts[order], numpy.argsort(order)[inverse]
        y = x.reshape(-1)[first] if axis is None else numpy.take(x, first, axis)
    return [y, *(part.astype(numpy.int64) for part in (first, inverse, counts))]


@pytest.mark.parametrize("is_sorted", [0, 1])
def test_unique(mode, is_sorted):
    batch, generator = Batch(opset=28), rng()
    for shape, axis in (((1,), None), ((50,), None), ((5, 7), None), ((2, 3, 4), None), ((), None), ((40,), 0), ((30, 2), 0), ((2, 30), -1), ((12, 1), 0), ((3, 9, 2), 1)):
        for dtype in ("float32", "float64", "float16", "int64", "int8", "uint8", "uint64", BOOL):
            x = generator.integers(0, 2 if dtype == BOOL else 4, shape).astype(dtype)
            attributes = {"sorted": is_sorted} | ({} if axis is None else {"axis": axis})
            batch.add(label("Unique", x, axis), "Unique", [x], unique(x, axis, is_sorted), **attributes)
    x = generator.integers(-3, 3, 20).astype(BF16)
    batch.add("bf16", "Unique", [x], [part.astype(BF16) if not place else part for place, part in enumerate(unique(x.astype(numpy.float32), None, is_sorted))], sorted=is_sorted)
    batch.check(mode)


def test_some_outputs(mode):
    batch = Batch()
    x = numpy.array([3, 1, 1, 2, 3], numpy.float32)
    everything = unique(x, None, True)
    for wanted in itertools.product((True,), *[(False, True)] * 3):
        batch.add(f"outputs {wanted}", "Unique", [x], [part if want else None for part, want in zip(everything, wanted)])
    batch.check(mode)


def test_unique_special_numbers(mode):
    """NaN is one number, after all others; the zeros are equal."""
    batch = Batch()
    x = numpy.array([numpy.nan, 1, numpy.inf, -0.0, numpy.nan, 0.0, -numpy.inf, 1], numpy.float32)
    expected = [numpy.array([-numpy.inf, -0.0, 1, numpy.inf, numpy.nan], numpy.float32), numpy.array([6, 3, 1, 2, 0]), numpy.array([4, 2, 3, 1, 4, 1, 0, 2]), numpy.array([1, 2, 2, 1, 2])]
    batch.add("flat", "Unique", [x], expected)
    batch.add("rows", "Unique", [x.reshape(-1, 1)], [expected[0].reshape(-1, 1), *expected[1:]], axis=0)
    batch.check(mode)


def test_unique_of_nothing(mode):
    batch = Batch()
    none = numpy.zeros(0, numpy.int64)
    batch.add("nothing", "Unique", [numpy.zeros((0,), numpy.float32)], [numpy.zeros(0, numpy.float32), none, none, none])
    batch.add("nothing, unsorted", "Unique", [numpy.zeros((2, 0), numpy.float32)], [numpy.zeros(0, numpy.float32), none, none, none], sorted=0)
    batch.check(mode)


@pytest.mark.parametrize("largest", (0, 1))
def test_top_k_of_many(mode, largest):
    """Few of many are selected by a heap: ties in the order of their indices, NaN the largest, orders that are bad for a heap."""
    batch, generator = Batch(), rng()
    ordered = numpy.linspace(-1, 1, 300, dtype=numpy.float32)
    lines = [generator.integers(0, 7, (5, 301)).astype(numpy.float32), ordered, ordered[::-1].copy(), numpy.zeros(64, numpy.float32),
             numpy.where(generator.random(200) < 0.1, numpy.nan, uniform(generator, 200)), generator.integers(-99, 99, (3, 77))]
    for x in lines:
        for k in (1, 2, 7, 19, x.shape[-1] // 4, x.shape[-1] // 4 + 1):
            if k > x.shape[-1]:
                continue
            # By value, NaN after all numbers, then by index.
            keys = numpy.nan_to_num(x.astype(float), nan=1e30)
            index = numpy.argsort(-keys if largest else keys, axis=-1, kind="stable")[..., :k]
            expected = [numpy.take_along_axis(x, index, -1), index]
            batch.add(f"{x.shape} {x.dtype} {k}", "TopK", [x, numpy.array([k])], expected, constants=(1,), largest=largest)
    x = generator.integers(0, 9, (150, 4)).astype(numpy.float16)
    index = numpy.argsort(-x.astype(float) if largest else x, axis=0, kind="stable")[:11]
    batch.add("axis 0", "TopK", [x, numpy.array([11])], [numpy.take_along_axis(x, index, 0), index], constants=(1,), axis=0, largest=largest)
    batch.check(mode)


@pytest.mark.parametrize("largest", (0, 1))
def test_top_k_at_the_ends_of_types(mode, largest):
    """The least and greatest numbers of every width and sign; zeros of both signs are equal, NaN of both are the largest."""
    batch, generator = Batch(), rng()
    for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"):
        if dtype.startswith("float"):
            limits = numpy.finfo(dtype)
            ends = [-numpy.inf, limits.min, -1, -limits.smallest_subnormal, -0.0, 0.0, limits.smallest_subnormal, limits.tiny, 1, limits.max, numpy.inf, numpy.nan, -numpy.nan]
        else:
            ends = [numpy.iinfo(dtype).min, numpy.iinfo(dtype).min + 1, 0, 1, 100, numpy.iinfo(dtype).max - 1, numpy.iinfo(dtype).max]
        ends = numpy.array(ends, dtype)
        x = ends[generator.integers(0, len(ends), (3, 90))]
        # Dense ranks, since 64 bits have no wider type here; NaN, equal to no other, is the last.
        rank = numpy.searchsorted(numpy.unique(ends[ends == ends]), x)
        rank = numpy.where(x == x, rank, len(ends))
        for k in (5, 60):
            index = numpy.argsort(-rank if largest else rank, axis=-1, kind="stable")[..., :k]
            batch.add(f"{dtype} {k}", "TopK", [x, numpy.array([k])], [numpy.take_along_axis(x, index, -1), index], constants=(1,), largest=largest)
    batch.check(mode)


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("count", [0, 1, 7, 90])
def test_top_k_of_data_dependent_lines(tmp_path, mode, largest, count):
    """The line is what Compress leaves over."""
    generator = rng()
    x = generator.integers(-9, 9, (3, 90)).astype(numpy.float32)
    x[:, ::11] = numpy.nan
    keep = numpy.zeros(90, bool)
    keep[generator.permutation(90)[:count]] = True
    nodes = [helper.make_node("Compress", ["x", "keep"], ["line"], axis=1), helper.make_node("Shape", ["line"], ["k"], start=1), helper.make_node("TopK", ["line", "k"], ["y", "i"], largest=largest)]
    shape = [None, None] if mode == "dynamic" else [3, 90]
    graph = helper.make_graph(nodes, "top", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape), helper.make_tensor_value_info("keep", TensorProto.BOOL, [None])],
                              [helper.make_empty_tensor_value_info(name) for name in "yi"])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    got = tenon.load(tenon.compile(model, tmp_path / "model.so", reference=mode == "reference")).run({"x": x, "keep": keep})
    line = x[:, keep]
    # NaN counts as the largest number.
    keys = numpy.where(numpy.isnan(line), numpy.inf, line)
    order = numpy.argsort(-keys if largest else keys, axis=1, kind="stable")
    assert (got["i"] == order).all()
    assert numpy.array_equal(got["y"], numpy.take_along_axis(line, order, 1), equal_nan=True)


def test_top_k_of_a_branch(tmp_path, mode):
    """Extents of what an If returns are known when it has run."""
    x = rng().permutation(24).reshape(2, 12).astype(numpy.float32)
    branches = {}
    for name, op in (("then_branch", "Neg"), ("else_branch", "Identity")):
        result = helper.make_tensor_value_info(op, TensorProto.FLOAT, None)
        branches[name] = helper.make_graph([helper.make_node(op, ["x"], [op])], name, [], [result])
    nodes = [helper.make_node("If", ["condition"], ["branch"], **branches), helper.make_node("TopK", ["branch", "k"], ["y", "i"])]
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, None]), helper.make_tensor_value_info("condition", TensorProto.BOOL, [])]
    graph = helper.make_graph(nodes, "top", infos, [helper.make_empty_tensor_value_info(name) for name in "yi"], [numpy_helper.from_array(numpy.array([3]), "k")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    session = tenon.load(tenon.compile(model, tmp_path / "model.so", reference=mode == "reference"))
    for condition in (True, False):
        branch = -x if condition else x
        order = numpy.argsort(-branch, axis=1, kind="stable")[:, :3]
        got = session.run({"x": x, "condition": numpy.array(condition)})
        assert (got["i"] == order).all()
        assert (got["y"] == numpy.take_along_axis(branch, order, 1)).all()
