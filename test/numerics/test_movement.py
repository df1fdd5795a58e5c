"""Ops that only move elements: bit exact for every type, permutation, axis, negative step and padding mode."""

import itertools

import numpy
import pytest

from arrays import BOOL, FLOATS, INTEGERS, label, rng, uniform, values
from evaluator import evaluate
from harness import Batch


def ints(*numbers) -> numpy.ndarray:
    return numpy.array(numbers, numpy.int64)


def test_transpose(mode):
    batch, generator = Batch(), rng()
    for shape in ((5,), (3, 17), (33, 40), (1, 9), (64, 64), (2, 3, 5), (4, 1, 16), (7, 9, 33)):
        for order in itertools.permutations(range(len(shape))):
            x = uniform(generator, shape)
            batch.add(label("Transpose", x, order), "Transpose", [x], x.transpose(order), perm=order)
    x = uniform(generator, (2, 3, 4, 5))
    for order in itertools.permutations(range(4)):
        batch.add(label("Transpose", x, order), "Transpose", [x], x.transpose(order), perm=order)
    y = uniform(generator, (2, 3, 2, 1, 3, 2))
    batch.add("Transpose rank 6", "Transpose", [y], y.transpose(5, 3, 1, 0, 2, 4), perm=[5, 3, 1, 0, 2, 4])
    batch.add("Transpose default", "Transpose", [y], y.transpose())
    for dtype in FLOATS + INTEGERS + [BOOL]:
        z = values(generator, (17, 19), dtype)
        batch.add(label("Transpose", z), "Transpose", [z], z.T, perm=[1, 0])
    batch.check(mode)


def test_transpose_of_runs(mode):
    """The last dimensions stay: runs shorter and longer than a vector, tasks of several bands, neighbours that move together."""
    batch, generator = Batch(), rng()
    cases = [((2, 9, 2, 7, 2, 3), (0, 1, 3, 2, 4, 5)), ((1, 50, 100, 7), (0, 2, 1, 3)), ((3, 130, 20, 64), (2, 0, 1, 3)),
             ((2, 3000, 2, 3), (0, 2, 1, 3)), ((2, 9, 5, 5, 3), (0, 2, 3, 1, 4)), ((5, 4, 200), (1, 0, 2)), ((4, 3, 2, 5, 1), (1, 3, 0, 2, 4)),
             ((0, 3, 4), (1, 0, 2)), ((2, 3, 0), (1, 0, 2))]
    for shape, order in cases:
        x = uniform(generator, shape)
        batch.add(label("Transpose", x, order), "Transpose", [x], x.transpose(order), perm=order)
    for dtype in FLOATS + INTEGERS + [BOOL]:
        x = values(generator, (6, 5, 11), dtype)
        batch.add(label("Transpose", x), "Transpose", [x], x.transpose(1, 0, 2), perm=[1, 0, 2])
        batch.add(label("Transpose", x, "static run"), "Transpose", [x], x.transpose(1, 0, 2), known=(0,), perm=[1, 0, 2])
    batch.check(mode)


def test_reshape(mode):
    batch, generator = Batch(), rng()
    x = uniform(generator, (2, 3, 4))
    for target, result in (((6, 4), (6, 4)), ((-1,), (24,)), ((0, -1), (2, 12)), ((0, 0, 2, 2), (2, 3, 2, 2)), ((1, 24, 1), (1, 24, 1)), ((4, -1, 2), (4, 3, 2))):
        batch.add(label("Reshape", target), "Reshape", [x, ints(*target)], x.reshape(result), constants=(1,))
    empty = uniform(generator, (0, 3))
    batch.add("Reshape empty", "Reshape", [empty, ints(3, 0)], empty.reshape(3, 0), constants=(1,), allowzero=1)
    for axis in (0, 1, 2, 3, -1):
        batch.add(f"Flatten {axis}", "Flatten", [x], x.reshape(int(numpy.prod(x.shape[:axis])), -1), axis=axis)
    y = uniform(generator, (1, 3, 1, 5))
    batch.add("Squeeze", "Squeeze", [y, ints(0, -2)], y.reshape(3, 5), constants=(1,))
    batch.add("Squeeze one", "Squeeze", [y, ints(2)], y.reshape(1, 3, 5), constants=(1,))
    batch.add("Unsqueeze", "Unsqueeze", [y, ints(0, -1)], y.reshape(1, 1, 3, 1, 5, 1), constants=(1,))
    batch.add("Identity", "Identity", [y], y)
    batch.add("Shape", "Shape", [x], ints(2, 3, 4))
    batch.add("Shape part", "Shape", [x], ints(3), start=1, end=-1)
    batch.add("Size", "Size", [x], numpy.array(24, numpy.int64))
    batch.check(mode)


def test_concatenation(mode):
    batch, generator = Batch(), rng()
    for axis, shapes in ((0, [(3, 5), (1, 5), (4, 5)]), (1, [(3, 5), (3, 17), (3, 1)]), (-1, [(2, 3, 7), (2, 3, 16)]), (1, [(2, 3, 7), (2, 1, 7), (2, 5, 7)]),
                         (0, [(0, 3), (2, 3)]), (0, [(5,), (33,), (1,)]), (0, [(3, 4)])):
        for dtype in ("float32", "int64", "uint8", BOOL, "float16"):
            arrays = [values(generator, shape, dtype) for shape in shapes]
            batch.add(label("Concat", axis, *shapes, arrays[0].dtype), "Concat", arrays, numpy.concatenate(arrays, axis), axis=axis)
    x = uniform(generator, (3, 4))
    batch.add("Concat twice the same", "Concat", [x, x], numpy.concatenate([x, x], 1), axis=1)
    batch.add("Concat constant", "Concat", [x, x], numpy.concatenate([x, x], 0), axis=0, constants=(1,))
    batch.check(mode)


def test_elements_side_by_side(mode):
    """Inputs of one element each along the last dimension, in groups of rows and as one row; too many for registers; computed ones."""
    batch, generator = Batch(), rng()
    for shape in ((50, 1), (2, 3, 37, 1), (3, 1, 1), (70, 1, 1), (5, 0, 1)):
        for count in (2, 3, 5, 8, 9):
            for dtype in ("float32", "float64", "float16", "uint8", "int64", BOOL):
                arrays = [values(generator, shape, dtype) for _ in range(count)]
                batch.add(label("Concat", shape, count, arrays[0].dtype), "Concat", arrays, numpy.concatenate(arrays, -1), axis=-1)
    batch.check(mode)


def test_last_dimensions_of_one(mode):
    """The row is the dimension before them."""
    batch, generator = Batch(), rng()
    for shape in ((3, 70, 1), (2, 3, 41, 1, 1), (50, 1)):
        axis = max(d for d, extent in enumerate(shape) if extent > 1)
        for dtype in ("float32", "int8", BOOL):
            x = values(generator, shape, dtype)
            index = (slice(None),) * axis
            batch.add(label("Slice", x), "Slice", [x, ints(3), ints(40), ints(axis)], x[index + (slice(3, 40),)], constants=(1, 2, 3))
            batch.add(label("Slice back", x), "Slice", [x, ints(30), ints(2), ints(axis), ints(-1)], x[index + (slice(30, 2, -1),)], constants=(1, 2, 3, 4))
            batch.add(label("Concat", x), "Concat", [x, x[index + (slice(0, 5),)]], numpy.concatenate([x, x[index + (slice(0, 5),)]], axis), axis=axis)
            for way in ("constant", "reflect", "edge", "wrap"):
                pads = [(0, 0)] * axis + [(5, 9)] + [(0, 0)] * (len(shape) - axis - 1)
                counts = ints(*(before for before, _ in pads), *(after for _, after in pads))
                batch.add(label("Pad", way, x), "Pad", [x, counts], numpy.pad(x, pads, way), mode=way, constants=(1,))
    y = uniform(generator, (6, 30, 3))
    batch.add("Pad, cut to one", "Pad", [y, ints(0, 4, -1, 0, 2, -1)], numpy.pad(y[:, :, 1:2], [(0, 0), (4, 2), (0, 0)], "reflect"), mode="reflect", constants=(1,))
    batch.check(mode)


def test_steps_through_rows(mode):
    """Elements that lie apart: picked from vectors, or gathered."""
    batch, generator = Batch(), rng()
    for step in (2, 3, 4, 5, 7):
        for start in (0, 1, 4):
            for dtype in ("float32", "float64", "float16", "int8", BOOL):
                x = values(generator, (3, 200), dtype)
                batch.add(label("Slice", x, start, step), "Slice", [x, ints(start), ints(1000), ints(1), ints(step)], x[:, start::step], constants=(1, 2, 3, 4), known=(0,))
    batch.check(mode)


def test_split(mode):
    batch, generator = Batch(), rng()
    for axis, shape, sizes in ((0, (7, 3), (2, 5)), (1, (3, 33), (1, 16, 16)), (-1, (2, 3, 10), (4, 4, 2)), (0, (4,), (0, 4))):
        for dtype in ("float32", "int16"):
            x = values(generator, shape, dtype)
            parts = numpy.split(x, numpy.cumsum(sizes)[:-1], axis)
            batch.add(label("Split", x, axis, sizes), "Split", [x, ints(*sizes)], parts, axis=axis, constants=(1,))
    x = uniform(generator, (2, 11))
    batch.add("Split uneven", "Split", [x], numpy.split(x, [4, 8], 1), axis=1, num_outputs=3)
    batch.add("Split even", "Split", [x], numpy.split(x, 2, 0), axis=0, num_outputs=2)
    batch.check(mode)


SLICES = [
    # starts, ends, axes, steps
    ((1,), (3,), (0,), (1,)), ((0, 2), (4, 9), (0, 1), (1, 1)), ((1, 1), (100, -1), (0, 1), (2, 3)), ((-3,), (-1,), (1,), (1,)), ((-1,), (-1000,), (1,), (-1,)),
    ((3, 8), (0, 1), (0, 1), (-1, -2)), ((2,), (2,), (0,), (1,)), ((0,), (1 << 62,), (-1,), (4,)), ((100,), (0,), (0,), (-2,)), ((5,), (2,), (1,), (1,)),
]


@pytest.mark.parametrize("constant", [True, False], ids=["constant", "input"])
def test_slice(mode, constant):
    batch, generator = Batch(), rng()
    for starts, ends, axes, steps in SLICES:
        for dtype in ("float32", "uint8", "int64"):
            x = values(generator, (5, 10), dtype)
            index = [slice(None)] * 2
            for start, end, axis, step in zip(starts, ends, axes, steps):
                stop = end if not (step < 0 and end <= -x.shape[axis] - 1) else None
                index[axis] = slice(start, stop, step)
            places = (1, 2, 3, 4) if constant else (3, 4)
            batch.add(label("Slice", x, starts, ends, axes, steps), "Slice", [x, *(ints(*numbers) for numbers in (starts, ends, axes, steps))], x[tuple(index)],
                      constants=places, known=(1, 2))
    batch.check(mode)


def test_padding(mode):
    batch, generator = Batch(), rng()
    numpy_modes = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}
    for way, name in numpy_modes.items():
        for shape, pads in (((7,), [(2, 3)]), ((3, 17), [(0, 0), (1, 2)]), ((4, 5), [(1, 2), (3, 0)]), ((2, 3, 4), [(1, 0), (0, 2), (2, 1)]), ((1, 1, 5, 6), [(0, 0), (0, 0), (2, 1), (1, 3)])):
            for dtype in ("float32", "int32", "float64", "int8") if way == "constant" else ("float32", "int64"):
                x = values(generator, shape, dtype)
                counts = ints(*(before for before, _ in pads), *(after for _, after in pads))
                extra = {"constant_values": 3} if way == "constant" else {}
                arrays = [x, counts] + ([numpy.array(3, dtype)] if way == "constant" else [])
                batch.add(label("Pad", way, x, pads), "Pad", arrays, numpy.pad(x, pads, name, **extra), mode=way, constants=(1,), known=(1,))
        # Rows of vectors between borders: short, as long as the row and longer.
        for shape, pads in (((3, 128), [(0, 0), (3, 3)]), ((2, 3, 40), [(0, 0), (1, 2), (20, 0)]), ((130,), [(5, 129)]), ((3, 20), [(0, 1), (0, 19)]), ((3, 9), [(1, 0), (9, 30)]),
                            ((9000,), [(200, 150)]), ((2, 1), [(0, 0), (4, 5)])):
            for dtype in ("float32", "int8", "bool", "float16"):
                x = values(generator, shape, dtype)
                counts = ints(*(before for before, _ in pads), *(after for _, after in pads))
                arrays = [x, counts] + ([numpy.zeros((), dtype)] if way == "constant" else [])
                batch.add(label("Pad rows", way, x, pads), "Pad", arrays, numpy.pad(x, pads, name), mode=way, constants=(1,), known=(1,))
    x = uniform(generator, (4, 6))
    batch.add("Pad away", "Pad", [x, ints(-1, 2, 0, -3)], numpy.pad(x[1:, :3], [(0, 0), (2, 0)]), constants=(1,))
    batch.add("Pad one axis", "Pad", [x, ints(1, 2), None, ints(1)], numpy.pad(x, [(0, 0), (1, 2)]), constants=(1, 3))
    batch.add("Pad, axes an input", "Pad", [x, ints(1, 2), None, ints(1)], numpy.pad(x, [(0, 0), (1, 2)]))
    batch.add("Pad, all axes an input", "Pad", [x, ints(1, 2, 3, -1), None, ints(-1, 0)], numpy.pad(x[:-1], [(2, 0), (1, 3)]))
    batch.add("Pad, no axes", "Pad", [x, ints(), None, ints()], x)
    batch.add("Pad, counts an input", "Pad", [x, ints(1, 0, 2, 3)], numpy.pad(x, [(1, 2), (0, 3)]), known=(1,))
    batch.check(mode)


def test_expand_and_tile(mode):
    batch, generator = Batch(), rng()
    for shape, target in (((1,), (9,)), ((3, 1), (3, 17)), ((3, 1), (2, 1, 5)), ((), (2, 3)), ((4, 5), (1,)), ((1, 1), (8, 33)),
                          ((5, 1, 7, 1), (5, 4, 7, 5)), ((3,), (100, 3)), ((65, 1), (65, 3)), ((2, 1, 200), (2, 3, 200))):
        for dtype in ("float32", "int64", BOOL):
            x = values(generator, shape, dtype)
            result = numpy.broadcast_shapes(shape, target)
            batch.add(label("Expand", x, target), "Expand", [x, ints(*target)], numpy.broadcast_to(x, result).copy(), constants=(1,))
    for shape, repeats in (((3,), (4,)), ((2, 5), (3, 2)), ((2, 1, 7), (1, 16, 1)), ((2, 3), (0, 1)), ((33,), (1,)),
                           ((3, 7, 7), (2, 3, 4)), ((5, 33), (1, 3)), ((3, 20), (2, 4)), ((2, 140), (2, 3)), ((17, 3), (1, 6))):
        for dtype in ("float32", "uint8", "int64", "float16"):
            x = values(generator, shape, dtype)
            batch.add(label("Tile", x, repeats), "Tile", [x, ints(*repeats)], numpy.tile(x, repeats), constants=(1,))
    x = uniform(generator, (3, 1))
    batch.add("Expand, shape an input", "Expand", [x, ints(2, 3, 5)], numpy.broadcast_to(x, (2, 3, 5)).copy(), known=(1,))
    batch.check(mode)


def test_space_and_depth(mode):
    batch, generator = Batch(), rng()
    for shape, block in (((1, 4, 2, 3), 2), ((2, 18, 1, 5), 3), ((1, 16, 4, 4), 4)):
        x = uniform(generator, shape)
        n, c, h, w = shape
        deep = x.reshape(n, block, block, c // block**2, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, c // block**2, h * block, w * block)
        batch.add(label("DepthToSpace", x, "DCR"), "DepthToSpace", [x], deep, blocksize=block)
        columns = x.reshape(n, c // block**2, block, block, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // block**2, h * block, w * block)
        batch.add(label("DepthToSpace", x, "CRD"), "DepthToSpace", [x], columns, blocksize=block, mode="CRD")
    x = uniform(generator, (2, 3, 6, 8))
    batch.add("SpaceToDepth", "SpaceToDepth", [x], x.reshape(2, 3, 3, 2, 4, 2).transpose(0, 3, 5, 1, 2, 4).reshape(2, 12, 3, 4), blocksize=2)
    batch.check(mode)


def test_triangles(mode):
    batch, generator = Batch(), rng()
    for shape in ((5, 5), (3, 9), (9, 3), (2, 4, 6), (1, 1)):
        for offset in (None, -2, 1, 20):
            for upper in (0, 1):
                for dtype in ("float32", "int64", BOOL):
                    x = values(generator, shape, dtype)
                    function = numpy.triu if upper else numpy.tril
                    arrays = [x] if offset is None else [x, numpy.array(offset, numpy.int64)]
                    batch.add(label("Trilu", x, upper, offset), "Trilu", arrays, function(x, offset or 0), upper=upper,
                              constants=() if offset is None else (1,))
    batch.check(mode)


def test_made_from_nothing(mode):
    batch = Batch()
    import onnx.helper
    import onnx.numpy_helper

    for value in (numpy.array([2.5], numpy.float32), numpy.array([-7], numpy.int64), numpy.array([True])):
        batch.add(label("ConstantOfShape", value), "ConstantOfShape", [ints(2, 3)], numpy.full((2, 3), value[0]), constants=(0,),
                  value=onnx.numpy_helper.from_array(value))
    for dtype, start, limit, delta in (("int64", 2, 19, 3), ("int32", 10, -5, -4), ("float32", 0.5, 4.25, 0.5), ("float64", 1, 0, 1), ("int64", 0, 0, 1)):
        arrays = [numpy.array(number, dtype) for number in (start, limit, delta)]
        batch.add(label("Range", dtype, start, limit, delta), "Range", arrays, numpy.arange(start, limit, delta, dtype), constants=(0, 1, 2))
        batch.add(label("Range of inputs", dtype, start, limit, delta), "Range", arrays, numpy.arange(start, limit, delta, dtype))
    x = uniform(rng(), (3, 5))
    for k in (0, 1, -2):
        batch.add(f"EyeLike {k}", "EyeLike", [x], numpy.eye(3, 5, k, dtype=numpy.float32), k=k)
    indices = ints(1, -1, 3, 7)
    one_hot = numpy.full((4, 5), 2, numpy.float32)
    one_hot[0, 1], one_hot[1, 4], one_hot[2, 3] = 9, 9, 9
    batch.add("OneHot", "OneHot", [indices, numpy.array(5, numpy.int64), numpy.array([2, 9], numpy.float32)], one_hot, constants=(1, 2))
    batch.add("OneHot axis 0", "OneHot", [indices, numpy.array(5, numpy.int64), numpy.array([2, 9], numpy.float32)], one_hot.T.copy(), constants=(1, 2), axis=0)
    batch.check(mode)


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_center_crop_pad(mode, kind):
    """What is odd is cut off or added at the end."""
    batch, generator = Batch(opset=18), rng()
    for dtype, (target, axes) in itertools.product((numpy.dtype("float32"), BOOL), (((4, 7), None), ((3, 8), None), ((2,), [1]), ((9, 1), [-1, 0]), ((0, 6), None))):
        x = values(generator, (5, 6), dtype)
        attributes = {} if axes is None else {"axes": axes}
        shape = numpy.array(target, kind)
        exact = evaluate("CenterCropPad", [x, shape.astype(numpy.int64)], opset=18, **attributes)[0].astype(dtype)
        batch.add(label("CenterCropPad", x, target), "CenterCropPad", [x, shape], exact, **attributes)
        batch.add(label("CenterCropPad", x, target, "constant"), "CenterCropPad", [x, shape], exact, constants=(1,), **attributes)
    batch.check(mode)
