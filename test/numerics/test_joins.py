"""Networks that join and split channels, whose kernels write and read parts of tensors where they lie, against the reference lowering."""

import os

import numpy
import pytest
from onnx import TensorProto, helper, numpy_helper

import joins
import tenon
from harness import CPU, apart, difference

# A seed names its graph for good.
SEEDS = range(24)
MORE_SEEDS = range(1000, 3000)
NODES = 24


def check(seed: int, dynamic: bool, folder, dtype="float32") -> None:
    graph = joins.JoinGraph(seed, NODES, dtype)

    def run():
        path = os.path.join(folder, "model.so")
        tenon.compile(graph.model(False), path, reference=True, cpu=CPU)
        expected = tenon.load(path).run(graph.feeds)
        path = os.path.join(folder, "placed.so")
        library = tenon.compile(graph.model(dynamic), path, cpu=CPU)
        results = tenon.load(library, threads=1).run(graph.feeds)
        again = tenon.load(library, threads=2).run(graph.feeds)
        assert all(value.tobytes() == again[name].tobytes() for name, value in results.items()), "other bits with two threads"
        return expected, results

    error, outcome = apart(run)
    assert not error, f"seed {seed}: {error}"
    expected, results = outcome
    for name, exact in expected.items():
        # Some tens of roundings, each relative to values of the graph's size; Winograd's tiles lose a few bits more.
        bound = (1e-4 if dtype == "float32" else 4e-2) * max(float(numpy.abs(exact.astype("float64")).max(initial=0)), 1.0)
        problem = difference(results[name], exact, bound)
        assert not problem, f"seed {seed}, output {name}: {problem}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_random_joins(tmp_path, seed, dynamic):
    check(seed, dynamic, tmp_path)


@pytest.mark.parametrize("seed", range(100, 108))
def test_halves(tmp_path, seed):
    check(seed, False, tmp_path, "float16")


def compare(folder, nodes, feeds: dict, constants: dict, output: str) -> None:
    """One model with input shapes that only the run knows, but for channels."""
    graph = helper.make_graph(nodes, "joins", [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape_of(array)) for name, array in feeds.items()],
                              [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None] * 4)],
                              [numpy_helper.from_array(array, name) for name, array in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])

    def run():
        results = []
        for reference in (True, False):
            path = os.path.join(folder, f"model-{reference}.so")
            tenon.compile(model, path, reference=reference, cpu=CPU)
            results.append(tenon.load(path).run(feeds)[output])
        return results

    error, results = apart(run)
    assert not error, error
    problem = difference(results[1], results[0], 1e-4 * float(numpy.abs(results[0]).max()))
    assert not problem, problem


def shape_of(array) -> list:
    return [None, array.shape[1], None, None] if array.ndim == 4 else list(array.shape)


def branches(x: str, prefix: str) -> list:
    """Two convolutions, one of which reads the other, joined: `prefix`join has 40 channels."""
    return [helper.make_node("Conv", [x, "w1"], [prefix + "a"]), helper.make_node("Conv", [prefix + "a", "w3"], [prefix + "b"], pads=[1] * 4),
            helper.make_node("Concat", [prefix + "a", prefix + "b"], [prefix + "join"], axis=1)]


def weights(generator) -> dict:
    shapes = {"w1": (16, 8, 1, 1), "w3": (24, 16, 3, 3), "last": (8, 40, 1, 1)}
    return {name: generator.uniform(-0.3, 0.3, shape).astype(numpy.float32) for name, shape in shapes.items()}


def test_extents_that_data_decides(tmp_path):
    generator = numpy.random.default_rng(0)
    feeds = {"x": generator.uniform(-1, 1, (5, 8, 6, 7)).astype(numpy.float32), "wanted": numpy.array([True, False, True, True, False])}
    nodes = [helper.make_node("Compress", ["x", "wanted"], ["some"], axis=0), *branches("some", ""), helper.make_node("Conv", ["join", "last"], ["y"])]
    compare(tmp_path, nodes, feeds, weights(generator), "y")


def test_in_a_branch(tmp_path):
    generator = numpy.random.default_rng(1)
    feeds = {"x": generator.uniform(-1, 1, (1, 8, 6, 7)).astype(numpy.float32), "condition": numpy.array(True)}
    branch = [*branches("x", "then "), helper.make_node("Conv", ["then join", "last"], ["then y"])]
    other = [helper.make_node("Neg", ["x"], ["else y"])]

    def body(nodes, name):
        return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, [None] * 4)])

    nodes = [helper.make_node("If", ["condition"], ["y"], then_branch=body(branch, "then"), else_branch=body(other, "else"))]
    compare(tmp_path, nodes, feeds, weights(generator), "y")


def test_in_a_loop(tmp_path):
    generator = numpy.random.default_rng(2)
    feeds = {"x": generator.uniform(-1, 1, (2, 8, 6, 7)).astype(numpy.float32)}
    inputs = [helper.make_tensor_value_info("number", TensorProto.INT64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, []),
              helper.make_tensor_value_info("carried", TensorProto.FLOAT, [None, 8, None, None])]
    outputs = [helper.make_tensor_value_info("goes", TensorProto.BOOL, []), helper.make_tensor_value_info("next", TensorProto.FLOAT, [None, 8, None, None])]
    nodes = [helper.make_node("Identity", ["go"], ["goes"]), *branches("carried", ""), helper.make_node("Conv", ["join", "last"], ["next"])]
    loop = helper.make_node("Loop", ["three", "", "x"], ["y"], body=helper.make_graph(nodes, "body", inputs, outputs))
    compare(tmp_path, [loop], feeds, {**weights(generator), "three": numpy.array(3, numpy.int64)}, "y")


@pytest.mark.parametrize("width", [32, 64, 128, 512])
def test_rows_on_few_sets_of_the_cache(tmp_path, width):
    """Parts of rows a power of two long, which some schedules copy before they read them."""
    generator = numpy.random.default_rng(3)
    constants = {name: generator.uniform(-1, 1, (width, width, size, size)).astype(numpy.float32) / width for name, size in (("a", 1), ("b", 3), ("c", 1))}
    constants["last"] = generator.uniform(-1, 1, (8, 2 * width, 1, 1)).astype(numpy.float32) / width
    nodes = [helper.make_node("Conv", ["x", "a"], ["p"]), helper.make_node("Conv", ["p", "b"], ["q"], pads=[1] * 4), helper.make_node("Relu", ["q"], ["r"]),
             helper.make_node("Concat", ["p", "r"], ["join"], axis=1), helper.make_node("Conv", ["join", "last"], ["s"]), helper.make_node("MaxPool", ["join"], ["t"], kernel_shape=[3, 3], pads=[1] * 4),
             helper.make_node("Conv", ["t", "last"], ["u"]), helper.make_node("Add", ["s", "u"], ["y"])]
    compare(tmp_path, nodes, {"x": generator.uniform(-1, 1, (1, width, 5, 9)).astype(numpy.float32)}, constants, "y")


@pytest.mark.long
@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_more_random_joins(tmp_path, seed):
    check(seed, seed % 2 == 1, tmp_path)
