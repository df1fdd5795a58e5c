"""Strings through the Python package: what goes in, what comes out, threads, and every error."""

import sys
import threading

import numpy
import onnx
import pytest
from onnx import TensorProto, helper

import tenon
import tenon.backend


@pytest.fixture(scope="module")
def shout(tmp_path_factory):
    """y = x with "!" behind each, for any matrix."""
    nodes = [helper.make_node("Constant", [], ["mark"], value_string="!"), helper.make_node("StringConcat", ["x", "mark"], ["y"], name="shout")]
    graph = helper.make_graph(nodes, "shout", [helper.make_tensor_value_info("x", TensorProto.STRING, ["n", None])], [helper.make_tensor_value_info("y", TensorProto.STRING, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    path = tmp_path_factory.mktemp("shout") / "shout.so"
    tenon.compile(model, path)
    return tenon.load(path)


def test_specs_say_object(shout):
    assert shout.inputs == (tenon.TensorSpec("x", numpy.dtype(object), ("n", None)),)
    assert shout.outputs[0].dtype == numpy.dtype(object)


@pytest.mark.parametrize("dtype", [object, "U", "S", "T"])
def test_every_kind_of_array(shout, dtype):
    kind = numpy.dtypes.StringDType() if dtype == "T" else dtype
    array = numpy.array([["a", "bc"], ["", "def"]], kind)
    assert shout.run({"x": array})["y"].tolist() == [["a!", "bc!"], ["!", "def!"]]


def test_texts_of_any_kind(shout):
    texts = ["日本", "a\0b", "\0", "😀" * 1000, "é", "x" * 100_000]
    result = shout.run({"x": numpy.array([texts], object)})["y"]
    assert result.dtype == object and result.shape == (1, 6)
    assert result.tolist() == [[text + "!" for text in texts]]


def test_bytes_and_strided_arrays(shout):
    array = numpy.array([[b"a", "b", "c"], ["d", "e", b"f"]], object)
    assert shout.run({"x": array.T[::-1]})["y"].tolist() == [["c!", "f!"], ["b!", "e!"], ["a!", "d!"]]
    assert shout.run({"x": numpy.empty((0, 3), object)})["y"].shape == (0, 3)


def test_results_outlive_the_run_and_the_model(shout):
    first = shout.run({"x": numpy.array([["first"]])})["y"]
    second = shout.run({"x": numpy.array([["second"]])})["y"]
    assert first.tolist() == [["first!"]] and second.tolist() == [["second!"]]


@pytest.mark.parametrize("value, text", [(numpy.zeros((1, 1)), "input 'x' has type float64 but strings are expected"),
                                         (numpy.array([["a", 5]], object), "input 'x' has the element 5, which is no text"),
                                         (numpy.array([[None]], object), "input 'x' has the element None, which is no text"),
                                         (numpy.array([["\ud800"]], object), "input 'x' has the element '\\ud800', which is no text"),
                                         (numpy.array([[b"\xff"]], object), "input 'x' element 0 is not a text in UTF-8"),
                                         (numpy.array(["a"], object), "input 'x' has rank 1 but 2 is expected"),
                                         ("a", "input 'x' is a str but a numpy array is expected")])
def test_wrong_inputs(shout, value, text):
    with pytest.raises(tenon.RunError) as caught:
        shout.run({"x": value})
    assert str(caught.value) == text
    assert shout.run({"x": numpy.array([["still"]])})["y"].tolist() == [["still!"]]


def test_runs_from_several_threads(shout):
    problems = []

    def work(number):
        for step in range(200):
            texts = [f"{number}/{step}/{place}" for place in range(20)]
            got = shout.run({"x": numpy.array([texts])})["y"].tolist()
            if got != [[text + "!" for text in texts]]:
                problems.append((number, step, got))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


def test_nothing_is_kept(shout):
    text = "kept " * 10
    array = numpy.array([[text]], object)
    before = sys.getrefcount(text)
    for _ in range(5):
        shout.run({"x": array})
    assert sys.getrefcount(text) == before


def test_the_backend_takes_strings():
    node = helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="UPPER")
    (result,) = tenon.backend.run_node(node, [numpy.array(["a", "b"], object)])
    assert result.tolist() == ["A", "B"]


def test_a_model_without_strings_holds_no_text_function(tmp_path):
    def code(node):
        graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", TensorProto.STRING, [None])], [onnx.ValueInfoProto(name="y")])
        tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), tmp_path / "m.so")
        return (tmp_path / "m.so").stat().st_size

    moved = code(helper.make_node("Identity", ["x"], ["y"]))
    joined = code(helper.make_node("StringConcat", ["x", "x"], ["y"]))
    cased = code(helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="LOWER"))
    assert moved < joined < cased < moved + 40_000
