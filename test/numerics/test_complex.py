"""Complex numbers: moved bit by bit by every operator that takes them, and computed with where an operator is linear.

What is expected is numpy's, and for real operators that of the parts. Movement is tried on inputs (static, dynamic and reference
mode) and on constants, which are folded.
"""

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon
from arrays import COMPLEX, LENGTHS, label, rng, uniform, values
from evaluator import evaluate
from harness import CPU, Batch, epsilon


def add(batch, op, inputs, expected, constants=(), **attributes):
    """The node as it is, and with all its inputs constants."""
    for fixed in (constants, range(len(inputs))):
        batch.add(label(op, inputs[0], attributes), op, inputs, expected, constants=fixed, known=range(1, len(inputs)), **attributes)


def numbers(generator, shape, dtype):
    """With zeros of both signs, infinities and NaN among them."""
    x = values(generator, shape, dtype)
    flat = x.reshape(-1)
    for place, special in enumerate((0, complex(-0.0, -0.0), complex(numpy.inf, -1), complex(0, numpy.nan))):
        flat[place * 3 % max(flat.size, 1):][:1] = special
    return x


def i64(*numbers):
    return numpy.array(numbers, numpy.int64)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_movement(mode, dtype):
    batch, generator = Batch(), rng()
    x, y, zero = numbers(generator, (3, 4, 5), dtype), values(generator, (3, 2, 5), dtype), numpy.zeros((), dtype)
    add(batch, "Transpose", [x], x.transpose(2, 0, 1), perm=[2, 0, 1])
    add(batch, "Transpose", [x], x.transpose(0, 2, 1), perm=[0, 2, 1])
    add(batch, "Reshape", [x, i64(6, -1)], x.reshape(6, -1), constants=(1,))
    add(batch, "Flatten", [x], x.reshape(3, 20))
    add(batch, "Unsqueeze", [x, i64(0, 2)], x[None, :, None], constants=(1,))
    add(batch, "Squeeze", [x[:, :1], i64(1)], x[:, 0], constants=(1,))
    add(batch, "Concat", [x, y], numpy.concatenate([x, y], 1), axis=1)
    add(batch, "Slice", [x, i64(1, 4), i64(3, -6), i64(0, 2), i64(1, -2)], x[1:3, :, 4::-2], constants=(1, 2, 3, 4))
    add(batch, "Expand", [x[:, :1], i64(2, 3, 4, 5)], numpy.broadcast_to(x[:, :1], (2, 3, 4, 5)), constants=(1,))
    add(batch, "Tile", [x, i64(2, 1, 3)], numpy.tile(x, (2, 1, 3)), constants=(1,))
    for kind in ("edge", "reflect", "wrap"):
        add(batch, "Pad", [x, i64(0, 1, 0, 0, 2, 3)], numpy.pad(x, ((0, 0), (1, 2), (0, 3)), kind), constants=(1,), mode=kind)
    fill = numpy.array(complex(1.5, -2), dtype)
    add(batch, "Pad", [x, i64(0, 1, 0, 0, 0, 3), fill], numpy.pad(x, ((0, 0), (1, 0), (0, 3)), constant_values=fill), constants=(1,))
    add(batch, "Pad", [x, i64(1, 0, 0, 0, 0, 0)], numpy.concatenate([numpy.zeros((1, 4, 5), dtype), x]), constants=(1,))
    add(batch, "Where", [x.real > 0, x, zero], numpy.where(x.real > 0, x, 0))
    add(batch, "Trilu", [x], numpy.triu(x))
    add(batch, "Trilu", [x], numpy.tril(x), upper=0)
    add(batch, "Identity", [x], x)
    add(batch, "Shape", [x], i64(3, 4, 5))
    add(batch, "Size", [x], numpy.array(60))
    blocks = numbers(generator, (1, 8, 2, 3), dtype)
    wide = blocks.reshape(1, 2, 2, 2, 2, 3).transpose(0, 3, 4, 1, 5, 2).reshape(1, 2, 4, 6)
    add(batch, "DepthToSpace", [blocks], wide, blocksize=2)
    add(batch, "SpaceToDepth", [wide], blocks, blocksize=2)
    batch.check(mode)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_lengths(mode, dtype):
    """Around the widths of vectors."""
    batch, generator = Batch(), rng()
    for length in LENGTHS:
        x, y = values(generator, (3, length), dtype), values(generator, length, dtype)
        batch.add(label("Where", x), "Where", [x.real > 0, x, y], numpy.where(x.real > 0, x, y))
        batch.add(label("Transpose", x), "Transpose", [x], x.T, perm=[1, 0])
        batch.add(label("Concat", x), "Concat", [x, x], numpy.concatenate([x, x]), axis=0)
    batch.check(mode)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_indexing(mode, dtype):
    batch, generator = Batch(opset=24), rng()
    x, indices = numbers(generator, (3, 4, 5), dtype), i64(2, 0, -1)
    add(batch, "Gather", [x, indices], x[:, indices], axis=1)
    along = generator.integers(-4, 4, (3, 2, 5))
    add(batch, "GatherElements", [x, along], numpy.take_along_axis(x, along, 1), axis=1)
    add(batch, "GatherND", [x, numpy.array([[0, 1], [2, -1]])], x[[0, 2], [1, -1]])
    updates = values(generator, (3, 2, 5), dtype)
    places = numpy.array([[[0] * 5, [3] * 5]] * 3)
    assigned = x.copy()
    numpy.put_along_axis(assigned, places, updates, 1)
    add(batch, "ScatterElements", [x, places, updates], assigned, axis=1)
    rows = values(generator, (2, 4, 5), dtype)
    replaced = x.copy()
    replaced[[2, 0]] = rows
    add(batch, "ScatterND", [x, numpy.array([[2], [0]]), rows], replaced)
    add(batch, "Compress", [x, numpy.array([True, False, True])], x[[0, 2]], axis=0)
    add(batch, "ReverseSequence", [x, i64(1, 2, 4)], numpy.stack([numpy.concatenate([row[:n][::-1], row[n:]]) for row, n in zip(x, (1, 2, 4))]), batch_axis=0, time_axis=1)
    pair = values(generator, 2, dtype)
    add(batch, "OneHot", [i64(1, 3, -1), numpy.array(4), pair], numpy.where(numpy.arange(4) == i64(1, 3, 3)[:, None], pair[1], pair[0]), constants=(1,))
    add(batch, "TensorScatter", [x, values(generator, (3, 1, 5), dtype) * 0, i64(0, 2, 3)], numpy.where((numpy.arange(4) == i64(0, 2, 3)[:, None])[..., None], 0, x))
    add(batch, "Split", [x, i64(1, 3)], [x[:, :1], x[:, 1:]], constants=(1,), axis=1)
    add(batch, "CenterCropPad", [x, i64(2, 7)], evaluate("CenterCropPad", [x, i64(2, 7)], opset=18, axes=[1, 2])[0], constants=(1,), axes=[1, 2])
    zeros = numpy.array([0, complex(0, -0.0), complex(0, 1), complex(-0.0, 0), complex(numpy.nan, 0), 2], dtype)
    add(batch, "NonZero", [zeros.reshape(2, 3)], numpy.stack(numpy.nonzero(zeros.reshape(2, 3))))
    batch.check(mode)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_unique(mode, dtype):
    """By the real part and then by the imaginary one, as numpy orders them."""
    batch, generator = Batch(), rng()
    x = (generator.integers(-2, 3, 40) + 1j * generator.integers(-2, 3, 40)).astype(dtype)
    batch.add("all", "Unique", [x], list(numpy.unique(x, True, True, True)))
    rows = x[[0, 1, 2, 3, 4, 5, 0, 1, 4, 6]].reshape(5, 2)
    batch.add("rows", "Unique", [rows], numpy.unique(rows, axis=0), axis=0)
    batch.check(mode)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_what_is_linear(mode, dtype):
    """The real and the imaginary part are computed apart."""
    batch, generator = Batch(opset=22), rng()
    part = numpy.dtype("float32" if dtype.itemsize == 8 else "float64")

    def add_linear(op, inputs, complex_inputs=1, **attributes):
        real, imag = (evaluate(op, [getattr(x, name) if place < complex_inputs else x for place, x in enumerate(inputs)], opset=22, **attributes)[0]
                      for name in ("real", "imag"))
        expected = numpy.empty(real.shape, dtype)
        expected.real, expected.imag = real, imag
        # ONNX's reference rounds weights and sums to the type, as Tenon does.
        batch.add(label(op, inputs[0], attributes), op, inputs, expected, 64 * epsilon("float32"), constants=range(1, len(inputs)), **attributes)

    images, grid = values(generator, (2, 3, 5, 4), dtype), uniform(generator, (2, 3, 2, 2), -1.2, 1.2)
    for kind in ("nearest", "linear", "cubic"):
        add_linear("GridSample", [images, grid], mode=kind)
    add_linear("Col2Im", [values(generator, (1, 10, 5), dtype), i64(5, 5), i64(1, 5)])
    scales = numpy.array([1, 1, 2, 1.5], numpy.float32)
    for kind in ("nearest", "linear", "cubic"):
        roi = numpy.zeros(0, numpy.float32)
        real, imag = (evaluate("Resize", [x, roi, scales], opset=22, mode=kind)[0] for x in (images.real.astype(part), images.imag.astype(part)))
        batch.add(f"Resize {kind}", "Resize", [images, None, scales], (real + 1j * imag).astype(dtype), 64 * epsilon("float32"), constants=(2,), mode=kind)
    x, updates = values(generator, (4, 3), dtype), values(generator, (3, 3), dtype)
    added = x.copy()
    numpy.add.at(added, [1, 1, 3], updates)
    batch.add("ScatterND add", "ScatterND", [x, numpy.array([[1], [1], [3]]), updates], added, 4 * epsilon(part), reduction="add")
    places = numpy.array([[1, 0, 1], [1, 2, 3], [0, 0, 1]])
    summed = x.copy()
    numpy.add.at(summed, (places, numpy.arange(3)), updates)
    batch.add("ScatterElements add", "ScatterElements", [x, places, updates], summed, 8 * epsilon(part), axis=0, reduction="add")
    batch.check(mode)


def compiled(model, folder, mode, **options):
    library = folder / "model.so"
    tenon.compile(model, library, reference=mode == "reference", cpu=CPU, **options)
    return tenon.load(library)


def info(name, dtype, shape):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_every_bit_is_kept(mode, dtype, tmp_path):
    """Signs of zeros and what NaNs carry, from inputs, constants in either form and large ones."""
    word = "u4" if dtype.itemsize == 8 else "u8"
    generator = rng()
    bits = [generator.integers(0, numpy.iinfo(word).max, (rows, 2 * 6), word, endpoint=True).view(dtype) for rows in (3, 50)]
    listed = helper.make_tensor("listed", helper.np_dtype_to_tensor_dtype(dtype), [2], [complex(-0.0, 1.5), complex(2, -0.0)])
    constants = [numpy_helper.from_array(bits[0], "few"), numpy_helper.from_array(bits[1], "many"), listed]
    nodes = [helper.make_node("Transpose", ["x"], ["y"]), helper.make_node("Concat", ["x", "few"], ["z"], axis=0),
             helper.make_node("Gather", ["many", "i"], ["picked"]), helper.make_node("Identity", ["listed"], ["kept"])]
    graph = helper.make_graph(nodes, "g", [info("x", dtype, [None, 6]), info("i", numpy.dtype("int64"), [2])],
                              [info(name, dtype, [None] * rank) for name, rank in (("y", 2), ("z", 2), ("picked", 2), ("kept", 1))], constants)
    x = bits[1][:7]
    results = compiled(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), tmp_path, mode).run({"x": x, "i": i64(49, 7)})
    for name, expected in {"y": x.T, "z": numpy.concatenate([x, bits[0]]), "picked": bits[1][[49, 7]], "kept": numpy.array([complex(-0.0, 1.5), complex(2, -0.0)], dtype)}.items():
        assert results[name].dtype == dtype and results[name].tobytes() == numpy.ascontiguousarray(expected).tobytes(), name


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_control_flow_and_sequences(mode, dtype, tmp_path):
    """A scan, a loop that collects rows, a branch, and a list that is taken apart and joined."""
    text = f"""<ir_version: 8, opset_import: ["" : 18]>
    g (TYPE[2, 3] s, TYPE[4, 2, 3] x, bool go, int64 n, int64 at) => (TYPE[2, 3] t, TYPE[4, 2, 3] y, TYPE[2, 3] chosen, TYPE[k, 2, 3] rows, TYPE[2, 3] element, TYPE[m, 2, 3] joined) {{
      t, y = Scan < num_scan_inputs = 1, body = b (TYPE[2, 3] v, TYPE[2, 3] e) => (TYPE[2, 3] w, TYPE[2, 3] f) {{ w = Identity (e) f = Identity (v) }} > (s, x)
      chosen = If (go) < then_branch = a () => (TYPE[2, 3] p) {{ p = Identity (s) }}, else_branch = e () => (TYPE[2, 3] q) {{ q = Identity (t) }} >
      last, rows = Loop (n, , s) < body = l (int64 i, bool c, TYPE[2, 3] v) => (bool d, TYPE[2, 3] u, TYPE[2, 3] r) {{ d = Identity (c) u = Gather <axis = 0> (x, i) r = Identity (v) }} >
      list = SplitToSequence <axis = 0, keepdims = 0> (x)
      more = SequenceInsert (list, s, at)
      element = SequenceAt (more, at)
      joined = ConcatFromSequence <axis = 0, new_axis = 1> (more)
    }}""".replace("TYPE", str(dtype))
    model = onnx.parser.parse_model(text)
    generator = rng()
    s, x = values(generator, (2, 3), dtype), values(generator, (4, 2, 3), dtype)
    results = compiled(model, tmp_path, mode).run({"s": s, "x": x, "go": numpy.array(False), "n": numpy.array(3), "at": numpy.array(2)})
    expected = {"t": x[-1], "y": numpy.stack([s, *x[:3]]), "chosen": x[-1], "rows": numpy.stack([s, *x[:2]]), "element": s, "joined": numpy.insert(x, 2, s, 0)}
    assert set(results) == set(expected)
    for name, array in expected.items():
        numpy.testing.assert_array_equal(results[name], array, err_msg=name)


def test_bit_cast(mode):
    batch = Batch(opset=26)
    x = values(rng(), (3, 5), "complex64")
    for target in (numpy.float64, numpy.uint64, numpy.int64):
        kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(target))
        batch.add(f"to {target}", "BitCast", [x], x.view(target), to=kind)
        batch.add(f"from {target}", "BitCast", [x.view(target)], x, to=TensorProto.COMPLEX64)
    batch.check(mode)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_arrays_of_any_layout(dtype, tmp_path):
    """Views and addresses that are only aligned to a part."""
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [info("x", dtype, [None, None])], [info("y", dtype, [None, None])])
    model = compiled(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), tmp_path, "dynamic")
    x = values(rng(), (4, 6), dtype)
    shifted = numpy.frombuffer(bytearray(x.nbytes + 8), dtype, offset=8, count=x.size).reshape(x.shape)
    shifted[...] = x
    for array in (x, x.T, x[::2, 1:], shifted, numpy.asfortranarray(x)):
        numpy.testing.assert_array_equal(model.run({"x": array})["y"], array)
    with pytest.raises(tenon.RunError, match="input 'x' has type float64 but complex"):
        model.run({"x": x.real.astype(numpy.float64)})


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_refusals_name_the_type(kind, tmp_path):
    """Strings have nothing between them."""
    scales = numpy_helper.from_array(numpy.array([1, 2], numpy.float32), "scales")
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"], mode=kind)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.STRING, [2, 3])], [helper.make_tensor_value_info("y", TensorProto.STRING, None)], [scales])
    with pytest.raises(tenon.CompileError, match="elements of type STRING are not interpolated, expected mode nearest"):
        tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)]), tmp_path / "m.so")
