"""Gathers and scatters: axes, negative indices, types of data and index, reductions, and indices that are out of range."""

import itertools

import numpy
import onnx
import pytest

import tenon
from arrays import BOOL, label, rng, uniform, values
from harness import Batch
from onnx import TensorProto, helper


def test_gather(mode):
    batch, generator = Batch(), rng()
    for shape, axis, index_shape in (((9,), 0, (4,)), ((5, 17), 0, (3,)), ((5, 17), 1, (2, 3)), ((4, 5, 6), 1, ()), ((4, 5, 6), -1, (7,)), ((3, 64), 0, (2, 2)), ((4, 3), 0, (0,))):
        for dtype in ("float32", "int64", "uint8", "float16", BOOL):
            for index_dtype in ("int64", "int32"):
                x = values(generator, shape, dtype)
                indices = generator.integers(-shape[axis], shape[axis], index_shape).astype(index_dtype)
                for constants in ((), (1,), (0,)):
                    batch.add(label("Gather", x, axis, index_shape, index_dtype, *constants), "Gather", [x, indices], numpy.take(x, indices, axis), constants=constants, axis=axis)
    batch.check(mode)


def test_gather_elements(mode):
    batch, generator = Batch(), rng()
    for shape, axis, extents in (((9,), 0, (14,)), ((5, 17), 0, (3, 17)), ((5, 17), 1, (5, 4)), ((4, 5, 6), -2, (4, 9, 6))):
        for dtype in ("float32", "int64", "int8"):
            x = values(generator, shape, dtype)
            indices = generator.integers(-shape[axis], shape[axis], extents)
            batch.add(label("GatherElements", x, axis), "GatherElements", [x, indices], numpy.take_along_axis(x, indices % shape[axis], axis), axis=axis)
    batch.check(mode)


def gather_nd(x, indices, batch_dims):
    batch = x.shape[:batch_dims]
    result = numpy.empty((*indices.shape[:-1], *x.shape[batch_dims + indices.shape[-1]:]), x.dtype)
    for place in itertools.product(*map(range, indices.shape[:-1])):
        result[place] = x[(*place[: len(batch)], *indices[place])]
    return result


def test_gather_nd(mode):
    batch, generator = Batch(), rng()
    for shape, index_shape, depth, batch_dims in (((5, 6), (4,), 2, 0), ((5, 6), (4,), 1, 0), ((3, 4, 5), (2, 3), 2, 0), ((3, 4, 5), (3, 2), 1, 1), ((2, 3, 4), (2, 3), 1, 2), ((7,), (), 1, 0)):
        for dtype in ("float32", "int32"):
            x = values(generator, shape, dtype)
            indices = numpy.stack([generator.integers(-shape[batch_dims + d], shape[batch_dims + d], index_shape) for d in range(depth)], axis=-1)
            batch.add(label("GatherND", x, index_shape, depth, batch_dims), "GatherND", [x, indices], gather_nd(x, indices, batch_dims), known=(1,), batch_dims=batch_dims)
    batch.check(mode)


COMBINE = {"none": lambda a, b: b, "add": lambda a, b: a + b, "mul": lambda a, b: a * b, "max": numpy.maximum, "min": numpy.minimum}


def test_scatter_elements(mode):
    batch, generator = Batch(), rng()
    for reduction, combine in COMBINE.items():
        for shape, axis, extents in (((9,), 0, (5,)), ((5, 17), 1, (5, 4)), ((5, 17), 0, (3, 10)), ((3, 4, 5), -1, (2, 4, 3))):
            for dtype in ("float32", "int64"):
                x = generator.integers(-9, 9, shape).astype(dtype)
                updates = generator.integers(-9, 9, extents).astype(dtype)
                # Without a reduction no two updates may meet.
                indices = numpy.argsort(generator.random((*extents[: axis % len(shape)], shape[axis], *extents[axis % len(shape) + 1:])), axis)
                indices = numpy.take(indices, range(extents[axis]), axis) - generator.integers(0, 2, extents) * shape[axis]
                expected = x.copy()
                for place in itertools.product(*map(range, extents)):
                    target = list(place)
                    target[axis] = indices[place]
                    expected[tuple(target)] = combine(expected[tuple(target)], updates[place])
                attributes = {} if reduction == "none" else {"reduction": reduction}
                batch.add(label("ScatterElements", x, axis, reduction), "ScatterElements", [x, indices, updates], expected, axis=axis, **attributes)
    # Updates that meet are combined in any order: whole numbers do not care.
    x, indices, updates = numpy.zeros(3, numpy.float32), numpy.array([1, 1, 1, 0]), numpy.array([1, 2, 3, 4], numpy.float32)
    batch.add("meeting", "ScatterElements", [x, indices, updates], numpy.array([4, 6, 0], numpy.float32), reduction="add")
    batch.check(mode)


def test_scatter_nd(mode):
    batch, generator = Batch(), rng()
    for reduction, combine in COMBINE.items():
        for shape, count, depth in (((9,), 4, 1), ((5, 17), 3, 1), ((5, 6), 7, 2), ((3, 4, 5), 5, 2)):
            for dtype in ("float32", "int64"):
                x = generator.integers(-9, 9, shape).astype(dtype)
                rows = generator.permutation(int(numpy.prod(shape[:depth])))[:count]
                indices = numpy.stack(numpy.unravel_index(rows, shape[:depth]), axis=-1)
                updates = generator.integers(-9, 9, (count, *shape[depth:])).astype(dtype)
                expected = x.copy()
                for place in range(count):
                    expected[tuple(indices[place])] = combine(expected[tuple(indices[place])], updates[place])
                attributes = {} if reduction == "none" else {"reduction": reduction}
                batch.add(label("ScatterND", x, depth, reduction), "ScatterND", [x, indices, updates], expected, known=(1,), **attributes)
    batch.check(mode)


def test_found_by_value(mode):
    """Results whose extents depend on values."""
    batch, generator = Batch(), rng()
    for shape in ((17,), (3, 9), (2, 3, 4)):
        for dtype in ("float32", "int64", BOOL):
            x = generator.integers(0, 2, shape).astype(dtype)
            batch.add(label("NonZero", x), "NonZero", [x], numpy.array(numpy.nonzero(x), numpy.int64))
    x = numpy.zeros((3, 4), numpy.float32)
    batch.add("NonZero of nothing", "NonZero", [x], numpy.zeros((2, 0), numpy.int64))
    y, condition = uniform(generator, (5, 6)), numpy.array([True, False, True, True])
    for axis in (0, 1):
        batch.add(f"Compress {axis}", "Compress", [y, condition], numpy.compress(condition, y, axis), axis=axis)
    batch.add("Compress flat", "Compress", [y, condition], numpy.compress(condition, y))
    batch.check(mode)


def test_reverse_sequence(mode):
    batch, generator = Batch(), rng()
    for shape in ((5, 3), (4, 4, 2), (3, 7, 2, 2), (2, 0), (6, 1, 17)):
        for time in (0, 1):
            lengths = generator.integers(0, shape[time] + 1, shape[1 - time])
            for dtype in ("float32", "int8", "uint64", BOOL):
                x = values(generator, shape, dtype)
                expected = x.copy()
                for item, length in enumerate(lengths):
                    place = (slice(0, length), item) if time == 0 else (item, slice(0, length))
                    expected[place] = x[place][::-1]
                batch.add(label("ReverseSequence", x, time), "ReverseSequence", [x, lengths], expected, time_axis=time, batch_axis=1 - time)
    batch.check(mode)


def test_tensor_scatter(mode):
    batch, generator = Batch(opset=24), rng()
    for shape, axis, written in (((2, 3, 8, 4), -2, 3), ((3, 8, 4), 1, 8), ((2, 9), 1, 1), ((2, 3, 4, 5), 3, 2), ((1, 1, 6, 2), 2, 0)):
        axis %= len(shape)
        for kind in ("linear", "circular"):
            for dtype in ("float32", "float16", "int8", BOOL):
                cache = values(generator, shape, dtype)
                update = values(generator, (*shape[:axis], written, *shape[axis + 1:]), dtype)
                starts = generator.integers(0, shape[axis] - written + 1 if kind == "linear" else shape[axis], shape[0])
                for given in (starts, None):
                    expected = cache.copy()
                    for item, step in itertools.product(range(shape[0]), range(written)):
                        place = ((0 if given is None else given[item]) + step) % shape[axis]
                        numpy.moveaxis(expected[item], axis - 1, 0)[place] = numpy.moveaxis(update[item], axis - 1, 0)[step]
                    batch.add(label("TensorScatter", cache, axis, kind, given is None), "TensorScatter", [cache, update] + ([] if given is None else [given]), expected, known=(1,), mode=kind, axis=axis)
    batch.check(mode)


@pytest.mark.parametrize("op, second, third", [("ReverseSequence", [5, 0, 1], None), ("ReverseSequence", [1 << 40, 0, 1], None), ("TensorScatter", numpy.ones((4, 2, 3), numpy.float32), [0, 2, 0, 0]),
                                               ("TensorScatter", numpy.ones((4, 2, 3), numpy.float32), [0, 0, -1, 0]), ("TensorScatter", numpy.ones((4, 2, 3), numpy.float32), [-(1 << 63), 0, 0, 0])])
def test_places_out_of_range(tmp_path, mode, op, second, third):
    arrays = {"x": numpy.ones((4, 3, 3), numpy.float32), "s": numpy.asarray(second)} | ({} if third is None else {"t": numpy.array(third)})
    infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim if mode == "dynamic" else value.shape) for name, value in arrays.items()]
    graph = helper.make_graph([helper.make_node(op, list(arrays), ["y"], name="the node")], "graph", infos, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    library = tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)]), tmp_path / "model.so", reference=mode == "reference")
    with pytest.raises(tenon.RunError, match=r"'the node' \(\w+\): "):
        tenon.load(library).run(arrays)


@pytest.mark.parametrize("op", ["Gather", "GatherElements", "GatherND", "ScatterElements", "ScatterND"])
@pytest.mark.parametrize("index", [4, -5, 1 << 40])
def test_out_of_range(tmp_path, mode, op, index):
    """An error that names the node, never memory of others."""
    shape = [None, None] if mode == "dynamic" else [4, 4]
    arrays = {"x": numpy.ones((4, 4), numpy.float32), "i": numpy.full((1, 1), index, numpy.int64)}
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape), helper.make_tensor_value_info("i", TensorProto.INT64, [1, 1])]
    if op.startswith("Scatter"):
        arrays["u"] = numpy.ones((1, 4) if op == "ScatterND" else (1, 1), numpy.float32)
        infos.append(helper.make_tensor_value_info("u", TensorProto.FLOAT, list(arrays["u"].shape)))
    graph = helper.make_graph([helper.make_node(op, list(arrays), ["y"], name="the node")], "graph", infos, [onnx.ValueInfoProto(name="y")])
    graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, None))
    library = tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), tmp_path / "model.so", reference=mode == "reference")
    with pytest.raises(tenon.RunError, match=r"'the node' \(\w+\): "):
        tenon.load(library).run(arrays)
