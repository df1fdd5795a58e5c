"""Shape arithmetic becomes index arithmetic: extents stay static where they can be, keep their identity where they cannot, and hold
for every size. Results are compared with ONNX Runtime for several sizes of the dynamic dimensions.
"""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import parser

from test_versions import import_and_run

RNG = np.random.default_rng(11)


def parsed(text, opset=17):
    return parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]>\n' + text)


# The ways exporters write shapes. Types of results follow; "?" is an extent known at run time.
FLATTEN_BATCH = parsed("""
g (float[n,3,h,w] x) => (float[n,c] y)
<int64[1] zero = {0}, int64[1] minus = {-1}, int64 first = {0}> {
  s = Shape(x)
  b = Gather(s, first)
  b1 = Unsqueeze(b, zero)
  target = Concat<axis = 0>(b1, minus)
  y = Reshape(x, target)
}""")

SPLIT_HEADS = parsed("""
g (float[n,t,64] x) => (float[a,b,c,d] y)
<int64 zero = {0}, int64 one = {1}, int64[1] axis = {0}, int64[2] rest = {4, 16}> {
  s = Shape(x)
  n0 = Gather(s, zero)
  t0 = Gather(s, one)
  n1 = Unsqueeze(n0, axis)
  t1 = Unsqueeze(t0, axis)
  target = Concat<axis = 0>(n1, t1, rest)
  r = Reshape(x, target)
  y = Transpose<perm = [0, 2, 1, 3]>(r)
}""")

# torch's F.pad: a list of pads turned around through a matrix.
TORCH_PAD = parsed("""
g (float[n,3,h] x) => (float[a,b,c] y)
<int64[2] given = {1, 2}, int64[1] four = {4}, int64[2] two = {-1, 2}, int64[1] start = {-1}, int64[1] end = {-9223372036854775807},
 int64[1] axis = {0}, int64[1] step = {-1}, int64[1] minus = {-1}, float value = {0.5}> {
  zeros = ConstantOfShape<value: tensor = int64[1] {0}>(four)
  list = Concat<axis = 0>(given, zeros)
  matrix = Reshape(list, two)
  turned = Slice(matrix, start, end, axis, step)
  moved = Transpose<perm = [1, 0]>(turned)
  pads = Reshape(moved, minus)
  y = Pad(x, pads, value)
}""")

HALF_BY_FLOATS = parsed("""
g (float[n,1,h,w] x) => (float[a,b,c,d] y)
<int64[1] two = {2}, int64[1] big = {9223372036854775807}, float[1] half = {0.5}, int64[1] zero = {0}, int64[1] two2 = {2}> {
  s = Shape(x)
  hw = Slice(s, two, big, zero)
  f = Cast<to = 1>(hw)
  scaled = Mul(f, half)
  down = Floor(scaled)
  sizes = Cast<to = 7>(down)
  nc = Slice(s, zero, two2, zero)
  all = Concat<axis = 0>(nc, sizes)
  y = Resize<coordinate_transformation_mode = "asymmetric", mode = "nearest", nearest_mode = "floor">(x, , , all)
}""")

GRID = parsed("""
g (float[n,2,h,w] x) => (float[a,b] y)
<int64 two = {2}, int64 three = {3}, float zero = {0}, float one = {1}, float half = {0.5}, int64[2] column = {-1, 1},
 int64[2] row = {1, -1}, int64[2] flat = {-1, 1}, int64[1] axis = {0}> {
  s = Shape(x)
  h0 = Gather(s, two)
  w0 = Gather(s, three)
  hf = Cast<to = 1>(h0)
  wf = Cast<to = 1>(w0)
  ys0 = Range(zero, hf, one)
  xs0 = Range(zero, wf, one)
  ys1 = Add(ys0, half)
  ys2 = Reshape(ys1, column)
  xs2 = Reshape(xs0, row)
  hu = Unsqueeze(h0, axis)
  wu = Unsqueeze(w0, axis)
  hw = Concat<axis = 0>(hu, wu)
  ys3 = Expand(ys2, hw)
  xs3 = Expand(xs2, hw)
  sum = Add(ys3, xs3)
  y = Reshape(sum, flat)
}""")

WINDOW_OF_SAME = parsed("""
g (float[n,2,h,w] x, float[3,2,3,3] k) => (float[a,b,c,d] y) {
  y = Conv<auto_pad = "SAME_UPPER", strides = [2, 2]>(x, k)
}""")

POOL_OF_SAME = parsed("""
g (float[n,2,h,w] x) => (float[a,b,c,d] y, float[e,f,g,i] z) {
  y = MaxPool<auto_pad = "SAME_LOWER", kernel_shape = [3, 3], strides = [2, 2]>(x)
  z = AveragePool<auto_pad = "SAME_UPPER", kernel_shape = [3, 3], strides = [2, 2]>(x)
}""")

SLICES = parsed("""
g (float[n,m] x) => (float[a,b] y, float[c,d] z)
<int64[2] starts = {1, -3}, int64[2] ends = {2147483647, -1}, int64[2] axes = {0, 1}, int64[1] from = {-1}, int64[1] to = {-2147483648},
 int64[1] axis = {1}, int64[1] step = {-2}> {
  y = Slice(x, starts, ends, axes)
  z = Slice(x, from, to, axis, step)
}""")

SPLIT_IN_HALVES = parsed("""
g (float[n,m] x) => (float[a,b] y, float[c,d] z) {
  y, z = Split<axis = 1, num_outputs = 2>(x)
}""", opset=18)

SHAPE_AS_INPUT = parsed("""
g (float[n,6] x, int64[3] target) => (float[a,b,c] y) {
  y = Reshape(x, target)
}""")

MASK = parsed("""
g (float[n,t] x) => (float[a,b] y)
<int64 one = {1}, int64[1] axis = {0}, float ninf = {-10000.0}> {
  s = Shape(x)
  t0 = Gather(s, one)
  t1 = Unsqueeze(t0, axis)
  tt = Concat<axis = 0>(t1, t1)
  ones = ConstantOfShape<value: tensor = float[1] {1.0}>(tt)
  y = Trilu<upper = 1>(ones)
}""")

SQUEEZED_IF = parsed("""
g (float[n,1,4] x) => (float[a,b] y)
<int64 one = {1}, int64[1] axis = {1}> {
  s = Shape(x)
  d = Gather(s, one)
  flag = Equal(d, one)
  y = If (flag) <
    then_branch = then () => (float[e,f] p) { p = Squeeze(x, axis) },
    else_branch = other () => (float[e,f,g] q) { q = Identity(x) }
  >
}""")

BRANCHES = parsed("""
g (float[n,4] x, bool flag) => (float[a,b] y) {
  y = If (flag) <
    then_branch = then () => (float[e,f] p) { p = Relu(x) },
    else_branch = other () => (float[e,f] q) { q = Concat<axis = 0>(x, x) }
  >
}""")

COUNTED_LOOP = parsed("""
g (float[n,4] x, int64 m) => (float[a,b] y, float[c,d,e] rows)
<bool go = {1}> {
  y, rows = Loop (m, go, x) <
    body = b (int64 i, bool c, float[n,4] v) => (bool c2, float[n,4] v2, float[4] row)
    <int64[1] axis = {0}> {
      c2 = Identity(c)
      v2 = Add(v, x)
      row = ReduceMax<keepdims = 0, axes = [0]>(v2)
    }
  >
}""")


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def i64(*values):
    return np.array(values, np.int64)


CASES = {
    "flatten_batch": (FLATTEN_BATCH, ["?x?"], [dict(x=floats(2, 3, 4, 5)), dict(x=floats(1, 3, 7, 2))]),
    "split_heads": (SPLIT_HEADS, ["?x4x?x16"], [dict(x=floats(2, 5, 64)), dict(x=floats(1, 9, 64))]),
    "torch_pad": (TORCH_PAD, ["?x3x?"], [dict(x=floats(2, 3, 4)), dict(x=floats(1, 3, 9))]),
    "half_by_floats": (HALF_BY_FLOATS, ["?x1x?x?"], [dict(x=floats(1, 1, 6, 9)), dict(x=floats(2, 1, 5, 4))]),
    "grid": (GRID, ["?x1"], [dict(x=floats(1, 2, 3, 5)), dict(x=floats(1, 2, 4, 4))]),
    "window_of_same": (WINDOW_OF_SAME, ["?x3x?x?"], [dict(x=floats(1, 2, 6, 7), k=floats(3, 2, 3, 3)),
                                                   dict(x=floats(2, 2, 9, 4), k=floats(3, 2, 3, 3))]),
    "pool_of_same": (POOL_OF_SAME, ["?x2x?x?", "?x2x?x?"], [dict(x=floats(1, 2, 6, 7)), dict(x=floats(2, 2, 9, 4))]),
    "slices": (SLICES, ["?x?", "?x?"], [dict(x=floats(4, 7)), dict(x=floats(1, 2)), dict(x=floats(3, 3))]),
    "split_in_halves": (SPLIT_IN_HALVES, ["?x?", "?x?"], [dict(x=floats(2, 6)), dict(x=floats(2, 7))]),
    "shape_as_input": (SHAPE_AS_INPUT, ["?x?x?"], [dict(x=floats(2, 6), target=i64(4, 1, 3)), dict(x=floats(2, 6), target=i64(0, 3, -1)),
                                                 dict(x=floats(3, 6), target=i64(-1, 2, 3))]),
    "mask": (MASK, ["?x?"], [dict(x=floats(1, 3)), dict(x=floats(2, 6))]),
    "squeezed_if": (SQUEEZED_IF, ["?x4"], [dict(x=floats(2, 1, 4)), dict(x=floats(5, 1, 4))]),
    "branches": (BRANCHES, ["?x4"], [dict(x=floats(2, 4), flag=np.array(True)), dict(x=floats(3, 4), flag=np.array(False))]),
    "counted_loop": (COUNTED_LOOP, ["?x4", "?x4"], [dict(x=floats(2, 4), m=np.array(3)), dict(x=floats(1, 4), m=np.array(1))]),
}


def result_types(module):
    """The shapes of main's results as text."""
    types = {number: text for op in module["body"]["operations"] for number, text in zip(op["results"], op["types"])}
    last = module["body"]["operations"][-1]
    return [types[number].removeprefix("tensor<").rsplit("x", 1)[0] for number in last["operands"]]


@pytest.mark.parametrize("name", CASES)
def test_every_size(name, build, tmp_path):
    model, types, data = CASES[name]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for inputs in data:
        module, results = import_and_run(build, model, inputs, tmp_path)
        assert result_types(module) == types
        for result, wanted in zip(results, session.run(None, inputs), strict=True):
            np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["flatten_batch", "split_heads", "torch_pad", "half_by_floats", "grid", "mask"])
def test_no_tensor_is_read_for_shapes(name, build, tmp_path):
    model, _, data = CASES[name]
    module, _ = import_and_run(build, model, data[0], tmp_path)
    names = {op["name"] for op in module["body"]["operations"]}
    # Neither small tensors nor floating point are left of the shape arithmetic.
    assert not names & {"tensor.extract", "tensor.from_elements", "arith.fptosi", "arith.cmpf", "nn.gather"}


def test_equal_extents_are_one_value(build, tmp_path):
    """Two inputs with the same symbol, and a reshape that splits and joins it again."""
    model = parsed("""
g (float[n,6] x, float[n,6] z) => (float[a,b] y)
<int64[3] split = {-1, 2, 3}, int64[2] join = {-1, 6}> {
  s = Reshape(x, split)
  r = Reshape(s, join)
  y = Add(r, z)
}""")
    inputs = dict(x=floats(4, 6), z=floats(4, 6))
    module, (result,) = import_and_run(build, model, inputs, tmp_path)
    np.testing.assert_array_equal(result, inputs["x"] + inputs["z"])
    operations = module["body"]["operations"]
    assert sum(op["name"] == "tensor.dim" for op in operations) == 1
    assert not any(op["name"].startswith("arith.") and op["name"] != "arith.constant" for op in operations)


def test_pins_make_shapes_static(build, tmp_path):
    inputs = dict(x=floats(2, 3, 4, 5))
    module, _ = import_and_run(build, FLATTEN_BATCH, inputs, tmp_path, "--shape", "x=2x3x4x5")
    assert result_types(module) == ["2x60"]
    module, _ = import_and_run(build, FLATTEN_BATCH, inputs, tmp_path, "--dim", "n=2")
    assert result_types(module) == ["2x?"]
    assert not any(op["name"] == "tensor.extract" for op in module["body"]["operations"])


def test_declared_outputs_are_not_trusted(build, tmp_path):
    model = parsed("g (float[2,3] x) => (int64[77] y) { y = Relu(x) }")
    _, (result,) = import_and_run(build, model, dict(x=floats(2, 3)), tmp_path)
    assert result.shape == (2, 3) and result.dtype == np.float32


def test_outputs_without_nodes(build, tmp_path):
    model = parsed("g (float[2] x) => (float[2] x, float[2] w, float[2] x) <float[2] w = {1, 2}> { }")
    inputs = dict(x=floats(2))
    _, results = import_and_run(build, model, inputs, tmp_path)
    np.testing.assert_array_equal(results, [inputs["x"], [1, 2], inputs["x"]])


def test_initializers_that_are_inputs_are_constants(build, tmp_path):
    model = onnx.ModelProto()
    model.CopyFrom(parsed("g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add(x, w) }"))
    model.ir_version = 3
    model.graph.input.append(onnx.helper.make_tensor_value_info("w", onnx.TensorProto.FLOAT, (2,)))
    inputs = dict(x=floats(2))
    module, (result,) = import_and_run(build, model, inputs, tmp_path)
    assert module["inputs"] == ["x"]
    np.testing.assert_array_equal(result, inputs["x"] + np.array([1, 2], np.float32))
