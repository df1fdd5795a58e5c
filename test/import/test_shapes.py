"""Shape arithmetic becomes index arithmetic: extents stay static where they can be, keep their identity where they cannot, and hold
for every size. Results are compared with ONNX Runtime for several sizes of the dynamic dimensions.
"""

import subprocess

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

# Lists whose number of elements is known at run time only.
OPEN_SLICE = parsed("""
g (float[n,m,4] x, int64[k] starts, int64[l] ends) => (float[a,b,c] y) { y = Slice(x, starts, ends) }""")

OPEN_SLICE_OF_AXES = parsed("""
g (float[n,m,4] x, int32[k] starts, int32[l] ends, int32[i] axes, int32[j] steps) => (float[a,b,c] y) { y = Slice(x, starts, ends, axes, steps) }""")

HALF_OPEN_SLICE = parsed("""
g (float[n,m,4] x, int64[k] starts, int64[l] ends) => (float[a,b,c] y) <int64[2] axes = {2, 0}> { y = Slice(x, starts, ends, axes) }""")

OPEN_SUM = parsed("""
g (float[n,m,4] x, int64[k] axes) => (float[a,b,c] y, float[d,e,f] z) {
  y = ReduceSum(x, axes)
  z = ReduceSum<noop_with_empty_axes = 1>(x, axes)
}""")


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def i64(*values):
    return np.array(values, np.int64)


def i32(*values):
    return np.array(values, np.int32)


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
    "open_slice": (OPEN_SLICE, ["?x?x?"], [dict(x=floats(3, 5, 4), starts=i64(*starts), ends=i64(*ends))
                                           for starts, ends in (([1], [-1]), ([0, -3], [2, 2**62]), ([2, 0, 1], [3, 4, 3]))]),
    "open_slice_of_axes": (OPEN_SLICE_OF_AXES, ["?x?x?"], [
        dict(x=floats(3, 5, 4), starts=i32(1), ends=i32(3), axes=i32(-1), steps=i32(1)),
        dict(x=floats(3, 5, 4), starts=i32(-1, 2), ends=i32(-9, -1), axes=i32(1, 0), steps=i32(-2, 1))]),
    "half_open_slice": (HALF_OPEN_SLICE, ["?x?x?"], [dict(x=floats(3, 5, 4), starts=i64(1, 0), ends=i64(3, 2))]),
    "open_sum": (OPEN_SUM, ["?x?x?", "?x?x?"], [dict(x=floats(2, 3, 4), axes=i64(*axes)) for axes in ([1], [-1, 0], [2, 1, 0], [])]),
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


# A graph and the type of one input whose open extents a node implies: a list by the ranks around it, weights by attributes.
IMPLIED = [
    ("g (float[n,6] x, int64[k] i) => (float[a,b,c] y) { y = Reshape(x, i) }", "3xi64"),
    ("g (float[n,6] x, int64[k] i) => (float[a,b,c] y) { y = Expand(x, i) }", "3xi64"),
    ("g (float[n,6] x, int64[k] i) => (float[a,b] y) { y = Expand(x, i) }", "?xi64"),
    ("g (int64[k] i) => (float[a,b] y) { y = ConstantOfShape(i) }", "2xi64"),
    ("g (float[n,6] x, int64[k] i) => (float[a,b] y) { y = Tile(x, i) }", "2xi64"),
    ("g (float[n,6] x, int64[k] i) => (float[a,b] y) { y = Pad(x, i) }", "4xi64"),
    ("g (float[n,6] x, int64[k] i) => (float[a,b] y, float[c,d] z) { y, z = Split(x, i) }", "2xi64"),
    ("g (float[n,1,6] x, int64[k] i) => (float[a] y) { y = Squeeze(x, i) }", "2xi64"),
    ("g (float[n,6] x, int64[k] i) => (float[a,b,c] y) { y = Unsqueeze(x, i) }", "1xi64"),
    ("g (float[n,6,2] x, int64[k] i) => (float[a] y) { y = ReduceSum<keepdims = 0>(x, i) }", "2xi64"),
    ("g (float[n,6,2] x, int64[k] i) => (float[a,b,c] y) { y = ReduceSum(x, i) }", "?xi64"),
    ("g (float[n,6] x, int64[k] i) => (float[a,b] y, int64[c,d] z) { y, z = TopK(x, i) }", "1xi64"),
    ("g (float[1,1,h,w] x, float[k] i) => (float[a,b,c,d] y) { y = Resize(x, , i) }", "4xf32"),
    ("g (float[1,1,h,w] x, int64[k] i) => (float[a,b,c,d] y) { y = Resize(x, , , i) }", "4xi64"),
    ("g (float[n,6,2] x, int64[k] i) => (float[a] y) { q = Mul(x, x) s = ReduceSum<keepdims = 0>(q, i) r = Sqrt(s) y = Neg(r) }", "2xi64"),
    ("g (float[1,1,h,w] x, float[k] i, int64[4] s) => (float[a,b,c,d] y) { y = Resize<coordinate_transformation_mode = \"tf_crop_and_resize\">(x, i, , s) }",
     "8xf32"),
    ("g (float[1,5,k] x, int64[j] i, int64[2] block) => (float[a,b,c,d] y) { y = Col2Im(x, i, block) }", "2xi64"),
    ("g (float[1,1,2,2] x, int64[1,1,2,2] at, int64[k] i) => (float[a,b,c,d] y) { y = MaxUnpool<kernel_shape = [2, 2]>(x, at, i) }", "4xi64"),
    ("g (float[1,6,4] x, float[1,1,6] s, int64[k] i) => (int64[a,3] y) { y = NonMaxSuppression(x, s, i) }", "1xi64"),
    ("g (float[1,1,h,w] x, float[n,k] i, int64[n] at) => (float[a,b,c,d] y) { y = RoiAlign(x, i, at) }", "?x4xf32"),
    ("g (float[n,6] x, int64[k] i) => (float[a,b] y) { y = CenterCropPad<axes = [1]>(x, i) }", "1xi64"),
    ("g (float[1,2,3] x, int64[k] i) => (float[a,b,c,d] y) { y = AffineGrid(x, i) }", "4xi64"),
    ("g (float[n,6,5] x, int64[k,l] i) => (float[a,b] y) { y = GatherND(x, i) }", "?x2xi64"),
    ("g (float[n,6,5] x, int64[k,l] i, float[m,5] u) => (float[a,b,c] y) { y = ScatterND(x, i, u) }", "?x2xi64"),
    ("g (float[1,1,h,w] x, float[f,c,r,s] i) => (float[a,b,d,e] y) { y = Conv<kernel_shape = [3, 2]>(x, i) }", "?x?x3x2xf32"),
    ("g (float[t,n,5] x, float[d,q,e] i, float[1,12,3] r) => (float[a,b,c,f] y) { y = LSTM<hidden_size = 3>(x, i, r) }", "1x12x?xf32"),
    ("g (float[t,n,5] x, float[2,9,5] w, float[d,q,e] i) => (float[a,b,c,f] y) { y = GRU<hidden_size = 3, direction = \"bidirectional\">(x, w, i) }",
     "2x9x3xf32"),
]


@pytest.mark.parametrize("text, expected", IMPLIED, ids=[f"{text.split('{ ')[1].split(' = ')[1].split('(')[0]}-{i}" for i, (text, _) in enumerate(IMPLIED)])
def test_nodes_imply_extents_of_inputs(text, expected, build, tmp_path):
    model = parsed(text, opset=20)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    done = subprocess.run([build / "bin/tenon_import_tool", path], capture_output=True, text=True, timeout=120)
    place = [value.name for value in model.graph.input].index("i")
    # A list that stays open is no input that every operator takes.
    if done.returncode == 0 or not expected.startswith("?xi"):
        assert f"%arg{place}: tensor<{expected}>" in done.stdout, done.stderr
    else:
        assert "known only at run time" in done.stderr


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


@pytest.mark.parametrize("call, op", [("Conv(x, w)", "nn.matmul"), ("Conv<kernel_shape = [3, 2]>(x, w)", "nn.conv"),
                                      ("Conv<auto_pad = \"SAME_LOWER\", strides = [2, 1], group = 2>(x, w)", "nn.matmul"), ("ConvTranspose<strides = [2, 3]>(x, w)", "nn.conv_transpose")])
def test_kernels_with_open_extents(call, op, build, tmp_path):
    """Windows of nn.conv are known: a kernel that is not becomes a matrix product of what each of its positions sees."""
    model = parsed(f"g (float[n,4,h,w] x, float[4,f,r,s] w) => (float[a,b,d,e] y) {{ y = {call} }}")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for extents, kernel in (((6, 7), (3, 2)), ((5, 5), (4, 1)), ((3, 2), (3, 2))):
        if "kernel_shape" in call and kernel != (3, 2):
            continue
        inputs = dict(x=floats(2, 4, *extents), w=floats(4, 2 if "group" in call else 4, *kernel))
        module, (result,) = import_and_run(build, model, inputs, tmp_path)
        assert {op} == {"nn.conv", "nn.conv_transpose", "nn.matmul"} & {operation["name"] for operation in module["body"]["operations"]}
        np.testing.assert_allclose(result, session.run(None, inputs)[0], rtol=1e-4, atol=1e-5)
