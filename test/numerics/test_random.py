"""Random numbers: the generator's own values, and what they look like."""

import numpy
import pytest
from onnx import TensorProto, helper

import tenon

WORD = 0xFFFFFFFF


def philox(counter, key):
    """Philox-2x32-10 as its authors define it; counters as an array of uint64."""
    left, right = (counter & numpy.uint64(WORD)), counter >> numpy.uint64(32)
    for _ in range(10):
        product = left * numpy.uint64(0xD256D193)
        left, right = (product >> numpy.uint64(32)) ^ right ^ numpy.uint64(key), product & numpy.uint64(WORD)
        key = (key + 0x9E3779B9) & WORD
    return left, right


def key_of(seed):
    x = int(numpy.float32(seed).view(numpy.uint32))
    x = ((x ^ x >> 16) * 0x85EBCA6B) & WORD
    x = ((x ^ x >> 13) * 0xC2B2AE35) & WORD
    return x ^ x >> 16


def run(tmp_path, nodes, inputs=None, dynamic=False, reference=False, outputs=("y",), opset=22):
    inputs = inputs or {}
    infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim if dynamic else value.shape) for name, value in inputs.items()]
    graph = helper.make_graph(nodes, "random", infos, [helper.make_empty_tensor_value_info(name) for name in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    return tenon.load(tenon.compile(model, tmp_path / "model.so", reference=reference), threads=2).run(inputs)


def node(op, inputs=(), outputs=("y",), name="a", **attributes):
    return helper.make_node(op, list(inputs), list(outputs), name=name, **attributes)


def test_known_answers():
    """kat_vectors of Random123."""
    for counter, key, expected in ((0, 0, (0xFF1DAE59, 0x6CD10DF2)), ((1 << 64) - 1, WORD, (0x2C3F628B, 0xAB4FD7AD)), (0x85A308D3243F6A88, 0x13198A2E, (0xDD7CE038, 0xF62A4C12))):
        left, right = philox(numpy.array([counter], numpy.uint64), key)
        assert (int(left[0]), int(right[0])) == expected


@pytest.mark.parametrize("seed", [0.0, 1.0, -2.5])
@pytest.mark.parametrize("reference", [False, True])
def test_numbers_of_a_seed(tmp_path, seed, reference):
    left, right = philox(numpy.arange(3 * 37, dtype=numpy.uint64), key_of(seed))
    got = run(tmp_path, [node("RandomUniform", shape=[3, 37], seed=seed)], reference=reference)["y"]
    assert got.shape == (3, 37) and got.dtype == numpy.float32
    assert (got.ravel() == (left >> numpy.uint64(8)).astype(numpy.float32) * numpy.float32(2.0**-24)).all()
    got = run(tmp_path, [node("RandomUniform", shape=[111], seed=seed, dtype=TensorProto.DOUBLE)], reference=reference)["y"]
    assert (got == ((left >> numpy.uint64(5)) * numpy.uint64(1 << 26) + (right >> numpy.uint64(6))).astype(float) * 2.0**-53).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_distributions(tmp_path, dtype):
    count = 40000
    kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype))
    x = numpy.zeros((200, count // 200), dtype)
    nodes = [node("RandomUniformLike", ["x"], ["u"], "u", low=-1.0, high=3.0), node("RandomNormalLike", ["x"], ["n"], "n", mean=0.5, scale=2.0),
             node("RandomNormal", (), ["m"], "m", shape=[count], dtype=kind)]
    got = {key: value.astype(float).ravel() for key, value in run(tmp_path, nodes, {"x": x}, dynamic=True, outputs=("u", "n", "m")).items()}
    for key, low, mean, deviation in (("u", -1, 1, 4 / 12**0.5), ("n", -20, 0.5, 2), ("m", -10, 0, 1)):
        sample = got[key]
        assert sample.min() >= low and numpy.isfinite(sample).all()
        # Five standard errors.
        assert abs(sample.mean() - mean) < 5 * deviation / count**0.5
        assert abs(sample.std() - deviation) < 5 * deviation / count**0.5
        assert abs(numpy.corrcoef(sample[1:], sample[:-1])[0, 1]) < 5 / count**0.5
    assert got["u"].max() <= 3
    # The share of numbers below each mark.
    assert abs((got["m"] < -1).mean() - 0.1587) < 0.01 and abs((got["m"] < 2).mean() - 0.9772) < 0.005


def test_nodes_differ_and_runs_do_not(tmp_path):
    nodes = [node("RandomNormal", (), ["y"], "one", shape=[100]), node("RandomNormal", (), ["z"], "two", shape=[100])]
    first, again = (run(tmp_path, nodes, outputs=("y", "z")) for _ in range(2))
    assert (first["y"] != first["z"]).any()
    assert (first["y"] == again["y"]).all() and (first["z"] == again["z"]).all()


def test_bernoulli(tmp_path):
    p = numpy.tile(numpy.array([0, 0.25, 0.5, 1]), (10000, 1))
    got = run(tmp_path, [node("Bernoulli", ["x"], dtype=TensorProto.INT32)], {"x": p})["y"]
    assert got.dtype == numpy.int32 and set(numpy.unique(got)) == {0, 1}
    assert (numpy.abs(got.mean(0) - [0, 0.25, 0.5, 1]) < [1e-9, 0.025, 0.025, 1e-9]).all()


def test_multinomial(tmp_path):
    chances = numpy.array([[0.1, 0, 0.6, 0.3], [0, 1, 0, 0]])
    with numpy.errstate(divide="ignore"):
        x = (numpy.log(chances) + 7).astype(numpy.float32)
    got = run(tmp_path, [node("Multinomial", ["x"], sample_size=20000, dtype=TensorProto.INT64)], {"x": x}, dynamic=True)["y"]
    assert got.shape == (2, 20000) and got.dtype == numpy.int64
    shares = numpy.stack([numpy.bincount(row, minlength=4) / 20000 for row in got])
    assert (numpy.abs(shares - chances) < 0.02).all() and (shares[chances == 0] == 0).all()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("given", ["input", "constant"])
def test_dropout(tmp_path, training, given):
    x = numpy.linspace(1, 2, 30000).astype(numpy.float32)
    inputs = {"x": x, "ratio": numpy.array(0.25, numpy.float32)}
    nodes = [node("Dropout", ["x", "ratio", "training"], ["y", "mask"], seed=3)]
    if given == "input":
        inputs["training"] = numpy.array(training)
    else:
        nodes.insert(0, helper.make_node("Constant", [], ["training"], value=helper.make_tensor("t", TensorProto.BOOL, [], [training])))
    got = run(tmp_path, nodes, inputs, outputs=("y", "mask"))
    assert got["mask"].dtype == bool
    assert abs(got["mask"].mean() - (0.75 if training else 1)) < 0.02
    expected = numpy.where(got["mask"], x / numpy.float32(0.75), 0) if training else x
    assert numpy.allclose(got["y"], expected, rtol=1e-6, atol=0)
