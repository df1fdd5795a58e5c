"""Sequences, optional values and maps from Python: what describes them, what goes in and out, and every error."""

import numpy
import onnx
import pytest

import tenon

MODEL = """<ir_version: 10, opset_import: ["": 21, "ai.onnx.ml": 3]>
    g (float[n] x, seq(float[a,b]) s, seq(float[]) any, optional(float[2]) o, map(int64, float) m) =>
      (float[n] y, seq(float[a,b]) t, seq(float[]) same, optional(float[2]) p, float[1,k] dense) {
        y = Neg(x)
        t = SequenceErase(s)
        same = Identity(any)
        p = Identity(o)
        dense = ai.onnx.ml.CastMap(m)
    }"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("values") / "m.so"
    return tenon.load(tenon.compile(onnx.parser.parse_model(MODEL), path))


def feeds(**changed):
    given = {"x": numpy.ones(3, numpy.float32), "s": [numpy.zeros((1, 2), numpy.float32)], "any": [], "o": None, "m": {}}
    return given | changed


def test_descriptions(model):
    assert isinstance(model, tenon.Model)
    kinds = [(spec.name, getattr(spec, "kind", None)) for spec in model.inputs]
    assert kinds == [("x", None), ("s", "sequence"), ("any", "sequence"), ("o", "tensor"), ("m", "map")]
    assert model.inputs[1] == tenon.ValueSpec("s", "sequence", numpy.dtype(numpy.float32), 2, False)
    assert model.inputs[2].rank is None and model.inputs[3].is_optional and model.outputs[3].is_optional
    assert [spec.name for spec in model.outputs] == ["y", "t", "same", "p", "dense"]


def test_values(model):
    elements = [numpy.arange(6, dtype=numpy.float32).reshape(2, 3)[:, ::-1], numpy.ones((0, 4), numpy.float32), numpy.ones((1, 1), numpy.float32)]
    other = [numpy.float32(3), numpy.ones((2, 1, 2), numpy.float32)]
    results = model.run(feeds(s=elements, any=other, o=numpy.array([1, 2], numpy.float32), m={7: 2.0, -1: 1.0}))
    for got, expected in zip(results["t"] + results["same"], elements[:2] + other, strict=True):
        numpy.testing.assert_array_equal(got, expected)
        assert got.shape == numpy.shape(expected)
    numpy.testing.assert_array_equal(results["p"], [1, 2])
    numpy.testing.assert_array_equal(results["dense"], [[1, 2]])
    results = model.run(feeds())
    assert results["t"] == [] and results["same"] == [] and results["p"] is None and results["dense"].shape == (1, 0)


@pytest.mark.parametrize("changed, text", [
    ({"s": numpy.ones((2, 2))}, "input 's' is a ndarray but a list of arrays is expected"),
    ({"s": [numpy.ones((2, 2))]}, "input 's' element 0 has type float64 but float32 is expected"),
    ({"s": [numpy.ones(2, numpy.float32)]}, "input 's' element 0 has rank 1 but 2 is expected"),
    ({"s": None}, "input 's' is a NoneType but a list of arrays is expected"),
    ({"m": [1]}, "input 'm' is a list but a dict is expected"),
    ({"m": {"a": 1.0}}, "input 'm' has keys that are no integers"),
    ({"z": 1}, "the model has no input 'z'"),
])
def test_errors(model, changed, text):
    with pytest.raises(tenon.RunError) as caught:
        model.run(feeds(**changed))
    assert str(caught.value) == text


def test_a_missing_input(model):
    with pytest.raises(tenon.RunError, match="input 'any' is missing"):
        model.run({key: value for key, value in feeds().items() if key != "any"})


def test_keys_that_are_texts(tmp_path):
    text = """<ir_version: 10, opset_import: ["": 21, "ai.onnx.ml": 3]>
        g (map(string, float) m) => (float[1,n] y, seq(map(string, float)) zipped) {
            y = ai.onnx.ml.DictVectorizer<string_vocabulary = ["b", "a"]>(m)
            zipped = ai.onnx.ml.ZipMap<classlabels_strings = ["y", "x"]>(y)
        }"""
    model = tenon.load(tenon.compile(onnx.parser.parse_model(text), tmp_path / "m.so"))
    assert model.inputs == (tenon.ValueSpec("m", "map", numpy.dtype(numpy.float32), 0, False, numpy.dtype(object)),)
    results = model.run({"m": {"\U0001F600": 1.0, "\uff5e": 2.0, "b": 3.0}})
    numpy.testing.assert_array_equal(results["y"], [[3, 0]])
    assert results["zipped"] == [{"x": 0.0, "y": 3.0}]
    with pytest.raises(tenon.RunError, match="input 'm' has keys that are no strings"):
        model.run({"m": {1: 1.0}})
