"""Attention as one kernel: products, masks and softmax written out in ONNX, against the formula in f64."""

import json
import os
import subprocess

import numpy
import onnx
import pytest
import tenon
from harness import CPU
from onnx import helper

# Sums of products of numbers of about 1 over 600 keys, and an exponential of each: some tens of roundings of f32.
TOLERANCE = 2e-5
# In f64 the same in its units. In f16 a score of up to 32 is rounded to 2^-7, an eighth of which is an error of 2^-10 of p; the result is rounded to 2^-11.
TOLERANCES = {numpy.float32: TOLERANCE, numpy.float64: 1e-13, numpy.float16: 2e-3}


def paths(build, library):
    report = json.loads(subprocess.run([build / "bin/tenon", "inspect", library, "--json"], capture_output=True, check=True).stdout)
    return [kernel["path"] for kernel in report["kernels"]]


def softmax(x):
    with numpy.errstate(invalid="ignore"):
        e = numpy.exp(x - x.max(-1, keepdims=True, initial=-numpy.inf))
        return e / e.sum(-1, keepdims=True)


class Attention:
    """softmax(f(q k / scale)) v, with f and the layout of k given by name."""

    def __init__(self, q, k, v, mask=None, cap=None, transposed=False, where=False, dtype=numpy.float32):
        self.feeds = {"q": q.astype(dtype), "k": k.astype(dtype), "v": v.astype(dtype)}
        self.where, self.cap, self.transposed, self.dtype = where, cap, transposed, dtype
        if mask is not None:
            self.feeds["mask"] = mask if where else mask.astype(dtype)

    def expected(self):
        q, k, v = (self.feeds[name].astype(numpy.float64) for name in "qkv")
        logits = q @ (numpy.swapaxes(k, -1, -2) if self.transposed else k) * 0.125
        if self.cap:
            logits = self.cap * numpy.tanh(logits / self.cap)
        if self.where:
            logits = numpy.where(self.feeds["mask"], logits, -numpy.inf)
        elif "mask" in self.feeds:
            logits = logits + self.feeds["mask"]
        return softmax(logits) @ v

    def model(self, dims):
        constants = {"scale": 0.125, "cap": self.cap or 1, "none": -numpy.inf}
        nodes = [helper.make_node("Transpose", ["k"], ["kt"], perm=[*range(self.feeds["k"].ndim - 2), self.feeds["k"].ndim - 1, self.feeds["k"].ndim - 2])] if self.transposed else []
        nodes += [helper.make_node("MatMul", ["q", "kt" if self.transposed else "k"], ["s"]), helper.make_node("Mul", ["s", "scale"], ["x0"])]

        def then(op, *inputs):
            current, following = f"x{sum(node.output[0].startswith('x') for node in nodes) - 1}", f"x{sum(node.output[0].startswith('x') for node in nodes)}"
            nodes.append(helper.make_node(op, [current if name == "x" else name for name in inputs], [following]))

        if self.cap:
            then("Div", "x", "cap"), then("Tanh", "x"), then("Mul", "x", "cap")
        if self.where:
            then("Where", "mask", "x", "none")
        elif "mask" in self.feeds:
            then("Add", "x", "mask")
        then("Softmax", "x")
        nodes.append(helper.make_node("MatMul", [nodes[-1].output[0], "v"], ["y"]))
        infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), dims[name] if dims else array.shape) for name, array in self.feeds.items()]
        initializers = [onnx.numpy_helper.from_array(self.dtype(value), name) for name, value in constants.items()]
        graph = helper.make_graph(nodes, "attention", infos, [helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(numpy.dtype(self.dtype)), None)], initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])

    def check(self, tmp_path, build, dims=None, fused=True, threads=1, others=()):
        library = tenon.compile(self.model(dims), os.path.join(tmp_path, "model.so"), cpu=CPU)
        assert ("attention" in paths(build, library)) == fused
        model = tenon.load(library, threads=threads)
        for case in (self, *others):
            got = model.run(case.feeds)["y"]
            expected = case.expected()
            assert numpy.array_equal(numpy.isnan(got), numpy.isnan(expected))
            numpy.testing.assert_allclose(got, expected, rtol=TOLERANCES[self.dtype], atol=TOLERANCES[self.dtype])


def normal(*shape):
    return numpy.random.default_rng(sum(shape)).standard_normal(shape, dtype=numpy.float32)


def qkv(rows, keys, width=64, columns=64, outer=(2, 3), transposed=False):
    k = (keys, width) if transposed else (width, keys)
    return normal(*outer, rows, width), normal(*outer, *k), normal(*outer, keys, columns)


@pytest.mark.parametrize("rows, keys", [(16, 16), (17, 2), (29, 31), (64, 255), (33, 256), (33, 257), (100, 600), (57, 513)])
def test_lengths(tmp_path, build, rows, keys):
    """Rests of tiles, vectors and blocks of keys."""
    Attention(*qkv(rows, keys)).check(tmp_path, build)


@pytest.mark.parametrize("width, columns", [(1, 1), (8, 200), (31, 17), (64, 80), (128, 33)])
@pytest.mark.parametrize("transposed", [False, True])
def test_widths(tmp_path, build, width, columns, transposed):
    Attention(*qkv(40, 300, width, columns, (2,), transposed), transposed=transposed).check(tmp_path, build)


@pytest.mark.parametrize("mask", [(50, 300), (300,), (2, 1, 1, 300), (1, 3, 50, 1), (2, 3, 50, 300)])
def test_masks(tmp_path, build, mask):
    Attention(*qkv(50, 300), mask=normal(*mask)).check(tmp_path, build)


@pytest.mark.parametrize("dtype", [numpy.float16, numpy.float64])
@pytest.mark.parametrize("rows, keys, width, columns, transposed", [(16, 16, 64, 64, False), (57, 513, 31, 17, True), (29, 257, 8, 80, False)])
def test_types(tmp_path, build, dtype, rows, keys, width, columns, transposed):
    """Computed in f32 or f64 throughout; rests of tiles, vectors and blocks, masks and caps as in f32."""
    tensors = qkv(rows, keys, width, columns, transposed=transposed)
    Attention(*tensors, transposed=transposed, dtype=dtype).check(tmp_path, build)
    Attention(*tensors, mask=normal(rows, keys), cap=2.5, transposed=transposed, dtype=dtype).check(tmp_path, build, threads=2)
    sees = numpy.tril(numpy.ones((rows, keys), bool), 5)
    sees[7] = False
    Attention(*tensors, mask=sees, where=True, transposed=transposed, dtype=dtype).check(tmp_path, build)


def test_causal_and_empty_rows(tmp_path, build):
    """Blocks of keys that nothing sees before those that count, and rows that see no key: NaN, as the formula has it."""
    sees = numpy.tril(numpy.ones((300, 600), bool), 100)
    sees[7] = False
    sees[8, :300] = False
    sees[8, 555] = True
    Attention(*qkv(300, 600, outer=(1, 2)), mask=sees, where=True).check(tmp_path, build)
    Attention(*qkv(300, 600, outer=(1, 2)), mask=numpy.where(sees, numpy.float32(0), numpy.float32(-numpy.inf))).check(tmp_path, build)


def test_infinities_and_nan(tmp_path, build):
    q, k, v = qkv(20, 600, outer=(1,))
    q[0, 3, 5], q[0, 9, 9], k[0, 2, 599] = numpy.nan, numpy.inf, numpy.nan
    v[0, 17, 2] = numpy.inf
    case = Attention(q, k, v)
    with numpy.errstate(invalid="ignore"):
        case.check(tmp_path, build)


def test_large_scores(tmp_path, build):
    """Differences of hundreds between blocks: earlier outcomes are scaled to nothing."""
    q, k, v = qkv(20, 900, outer=(1,))
    Attention(q, k * numpy.linspace(1, 60, 900, dtype=numpy.float32), v).check(tmp_path, build)


def test_cap(tmp_path, build):
    Attention(*qkv(40, 300), cap=2.5, mask=normal(40, 300)).check(tmp_path, build)


def test_groups_of_heads(tmp_path, build):
    """Several heads of q share keys and values."""
    q, k, v = normal(2, 2, 4, 30, 64), normal(2, 2, 1, 64, 270), normal(2, 2, 1, 270, 64)
    Attention(q, k, v).check(tmp_path, build)


@pytest.mark.parametrize("transposed", [False, True])
def test_dynamic_lengths(tmp_path, build, transposed):
    """One artefact; few rows too."""
    dims = {"q": ["b", 3, "n", 64], "k": ["b", 3, "n", 64] if transposed else ["b", 3, 64, "n"], "v": ["b", 3, "n", 40], "mask": ["n", "n"]}
    cases = [Attention(*qkv(n, n, 64, 40, (batch, 3), transposed), mask=normal(n, n), transposed=transposed) for batch, n in ((1, 1), (2, 7), (1, 61), (1, 300), (3, 256), (0, 5), (1, 0))]
    cases[3].check(tmp_path, build, dims, others=cases)


def test_few_rows_are_left_to_products(tmp_path, build):
    """A step of a decoder would pack all keys for one row."""
    Attention(*qkv(1, 300)).check(tmp_path, build, fused=False)
    dims = {"q": [1, 3, "m", 64], "k": [1, 3, 64, "n"], "v": [1, 3, "n", 64]}
    cases = [Attention(*qkv(m, n, outer=(1, 3))) for m, n in ((1, 300), (20, 30))]
    cases[0].check(tmp_path, build, dims, fused=False, others=cases)


def test_exact_computes_whole_rows(tmp_path, build):
    case = Attention(*qkv(40, 300))
    library = tenon.compile(case.model(None), tmp_path / "model.so", exact=True)
    assert "attention" not in paths(build, library)
    numpy.testing.assert_allclose(tenon.load(library).run(case.feeds)["y"], case.expected(), rtol=TOLERANCE, atol=TOLERANCE)


def test_threads(tmp_path, build):
    Attention(*qkv(200, 300, outer=(1, 3)), mask=normal(200, 300)).check(tmp_path, build, threads=2)
