"""`tenon verify`: agreement with oracles, and the first node that differs."""

import os
import sys

import numpy
import onnx
import pytest
from onnx import TensorProto, helper

from conftest import make_model


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Exact nodes, then one whose fast form rounds differently from the reference, then an exact one."""
    path = tmp_path_factory.mktemp("chain") / "chain.onnx"
    nodes = [helper.make_node("Neg", ["x"], ["negative"], name="neg"), helper.make_node("Relu", ["negative"], ["positive"], name="relu"),
             helper.make_node("Exp", ["positive"], ["grown"], name="exp"), helper.make_node("Neg", ["grown"], ["y"], name="last")]
    onnx.save(make_model(nodes, [("x", [1, 2000])], [("y", [1, 2000])]), path)
    return path


def test_the_fast_form_agrees_with_the_reference(tenon_json, chain):
    report, finished = tenon_json("verify", chain)
    assert finished.returncode == 0 and report["ok"], finished.stderr
    assert report["outputs"][0]["name"] == "y" and 0 <= report["outputs"][0]["max_relative_error"] < 1e-5


def test_the_first_node_that_differs_is_named(tenon_json, chain):
    report, finished = tenon_json("verify", chain, "--rtol", "0", "--atol", "0")
    assert finished.returncode == 1 and not report["ok"]
    assert report["first_difference"]["node"] == "exp" and report["first_difference"]["op"] == "Exp"


def test_against_onnxruntime(tenon_json, chain):
    report, finished = tenon_json("verify", chain, "--against", "onnxruntime", env={**os.environ, "TENON_PYTHON": sys.executable})
    assert finished.returncode == 0 and report["ok"], finished.stderr
    assert [path.name for path in chain.parent.iterdir()] == [chain.name]


def test_against_given_outputs(tenon, tenon_json, chain, tmp_path):
    x = numpy.linspace(-1, 1, 2000, dtype=numpy.float32).reshape(1, -1)
    numpy.savez(tmp_path / "feeds.npz", x=x)
    right = -numpy.exp(numpy.maximum(-x, 0))
    numpy.savez(tmp_path / "right.npz", y=right)
    right[0, 1234] += 0.1
    numpy.savez(tmp_path / "wrong.npz", y=right)
    right[0, 1234] = numpy.nan
    numpy.savez(tmp_path / "nan.npz", y=right)
    for name, code in (("right", 0), ("wrong", 1), ("nan", 1)):
        report, finished = tenon_json("verify", chain, "-i", tmp_path / "feeds.npz", "--against", tmp_path / f"{name}.npz")
        assert finished.returncode == code, (name, finished.stderr)
        if code:
            assert report["outputs"][0]["reason"].startswith("element [0,1234] is ")


def test_report_for_people(tenon, chain):
    finished = tenon("verify", chain)
    assert finished.returncode == 0 and "agrees" in finished.stdout


def test_an_unknown_oracle(tenon, chain):
    finished = tenon("verify", chain, "--against", "intuition")
    assert finished.returncode == 2 and "expected reference, onnxruntime or a .npz file" in finished.stderr


@pytest.mark.parametrize("part, passes", [(1e-6j, True), (1e-2j, False), (1e-2, False)])
def test_complex_numbers(tenon_json, tmp_path, part, passes):
    """Both parts count."""
    onnx.save(make_model([helper.make_node("Identity", ["x"], ["y"])], [("x", [2], TensorProto.COMPLEX64)], [("y", [2], TensorProto.COMPLEX64)], opset=21), tmp_path / "m.onnx")
    x = numpy.array([1 - 2j, 3 + 0.5j], numpy.complex64)
    numpy.save(tmp_path / "x.npy", x)
    numpy.savez(tmp_path / "y.npz", y=x + numpy.array([0, part], numpy.complex64))
    report, finished = tenon_json("verify", tmp_path / "m.onnx", "--input", f"x={tmp_path}/x.npy", "--against", tmp_path / "y.npz")
    assert finished.returncode == (0 if passes else 1), finished.stderr
    assert passes or "element [1] is 3+0.5i, expected 3" in report["outputs"][0]["reason"]


def test_strings(tenon, tmp_path):
    nodes = [helper.make_node("StringNormalizer", ["x"], ["upper"], case_change_action="UPPER", locale="C.UTF-8"),
             helper.make_node("LabelEncoder", ["upper"], ["number"], domain="ai.onnx.ml", keys_strings=["TEXT1", "TEXT2"], values_int64s=[1, 2])]
    values = [helper.make_tensor_value_info(name, kind, [None]) for name, kind in (("x", TensorProto.STRING), ("upper", TensorProto.STRING), ("number", TensorProto.INT64))]
    graph = helper.make_graph(nodes, "strings", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=9), tmp_path / "strings.onnx")
    for against in ("reference", "onnxruntime"):
        finished = tenon("verify", tmp_path / "strings.onnx", "--against", against, env={**os.environ, "TENON_PYTHON": sys.executable})
        assert finished.returncode == 0, finished.stdout + finished.stderr


SEQUENCES = """<ir_version: 10, opset_import: ["": 21, "ai.onnx.ml": 3]>
    g (seq(float[a]) s, optional(float[3]) o, map(int64, float) m, float[n,3] x) => (seq(float[a]) t, optional(float[3]) p, float[n,2] q, seq(map(int64, float)) zipped, float[1,k] dense) {
        [middle] u = SequenceMap<body = b (float[a] e) => (float[a] f) { f = Exp(e) }>(s)
        one = Constant<value = int64 {1}>()
        y = Exp(x)
        [last] t = SequenceInsert(u, e)
        e = Constant<value = float[2] {0.5, 1.5}>()
        p = Identity(o)
        parts = SplitToSequence<axis = 1>(y, two)
        two = Constant<value = int64[2] {1, 2}>()
        q = SequenceAt(parts, one)
        zipped = ai.onnx.ml.ZipMap<classlabels_int64s = [5, 6, 7]>(y)
        dense = ai.onnx.ml.CastMap(m)
    }"""


@pytest.fixture(scope="module")
def sequences(tmp_path_factory):
    """Sequences, an optional value and maps, as inputs and as outputs, and files for the inputs."""
    folder = tmp_path_factory.mktemp("sequences")
    model = onnx.parser.parse_model(SEQUENCES)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(sorted(nodes, key=lambda node: node.op_type != "Constant"))
    onnx.save(model, folder / "m.onnx")
    numpy.save(folder / "a.npy", numpy.linspace(-1, 1, 500, dtype=numpy.float32))
    numpy.save(folder / "o.npy", numpy.float32([1, 2, 3]))
    numpy.save(folder / "b.npy", numpy.float32([4]))
    numpy.savez(folder / "m.npz", keys=numpy.array([2, 4, 9]), values=numpy.float32([1, 2, 3]))
    numpy.save(folder / "x.npy", numpy.float32([[1, 2, 3], [4, 5, 6]]))
    return folder


def inputs(folder, optional="o.npy", elements=("a.npy", "b.npy")):
    files = {"s": ",".join(str(folder / name) for name in elements), "o": optional if optional == "none" else folder / optional, "m": folder / "m.npz", "x": folder / "x.npy"}
    return [flag for name, file in files.items() for flag in ("-i", f"{name}={file}")]


@pytest.mark.parametrize("against", ["reference", "onnxruntime"])
@pytest.mark.parametrize("optional", ["o.npy", "none"])
@pytest.mark.parametrize("elements", [("a.npy", "b.npy"), ()])
def test_sequences_optional_values_and_maps(tenon_json, sequences, against, optional, elements):
    report, finished = tenon_json("verify", sequences / "m.onnx", *inputs(sequences, optional, elements), "--against", against, env={**os.environ, "TENON_PYTHON": sys.executable})
    assert finished.returncode == 0 and report["ok"], finished.stdout + finished.stderr
    assert [output["name"] for output in report["outputs"]] == ["t", "p", "q", "zipped", "dense"]


def test_a_sequence_that_differs(tenon_json, sequences):
    """The first value that differs is the sequence that the output's comes from."""
    report, finished = tenon_json("verify", sequences / "m.onnx", *inputs(sequences), "--rtol", "0", "--atol", "0")
    assert finished.returncode == 1
    reasons = {output["name"]: output.get("reason", "") for output in report["outputs"]}
    assert reasons["t"].startswith("'t[0]': element [") and not reasons["dense"], reasons
    assert report["first_difference"]["op"] in ("SequenceMap", "Exp"), report


@pytest.mark.parametrize("changed, reason", [
    ({}, ""), ({"t[1]": numpy.exp(numpy.float32([4])) + 1}, "'t[1]': element [0] is "), ({"t[2]": None}, "the oracle has no 't[2]'"), ({"t[3]": numpy.float32([1])}, "has 3 elements, expected more"),
    ({"t[1]": numpy.float32([1, 2])}, "'t[1]': is f32 1, expected f32 2")])
def test_given_elements(tenon_json, sequences, tmp_path, changed, reason):
    arrays = {"t[0]": numpy.exp(numpy.linspace(-1, 1, 500, dtype=numpy.float32)), "t[1]": numpy.exp(numpy.float32([4])), "t[2]": numpy.float32([0.5, 1.5]), **changed}
    numpy.savez(tmp_path / "t.npz", **{name: array for name, array in arrays.items() if array is not None})
    report, finished = tenon_json("verify", sequences / "m.onnx", *inputs(sequences), "--against", tmp_path / "t.npz")
    assert finished.returncode == (1 if reason else 0), finished.stderr
    (output,) = report["outputs"]
    assert output["name"] == "t" and output.get("reason", "").startswith(reason) and output["passed"] == (not reason)
