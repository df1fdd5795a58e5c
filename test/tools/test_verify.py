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


def test_strings(tenon, tmp_path):
    nodes = [helper.make_node("StringNormalizer", ["x"], ["upper"], case_change_action="UPPER", locale="C.UTF-8"),
             helper.make_node("LabelEncoder", ["upper"], ["number"], domain="ai.onnx.ml", keys_strings=["TEXT1", "TEXT2"], values_int64s=[1, 2])]
    values = [helper.make_tensor_value_info(name, kind, [None]) for name, kind in (("x", TensorProto.STRING), ("upper", TensorProto.STRING), ("number", TensorProto.INT64))]
    graph = helper.make_graph(nodes, "strings", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19), helper.make_opsetid("ai.onnx.ml", 3)], ir_version=9), tmp_path / "strings.onnx")
    for against in ("reference", "onnxruntime"):
        finished = tenon("verify", tmp_path / "strings.onnx", "--against", against, env={**os.environ, "TENON_PYTHON": sys.executable})
        assert finished.returncode == 0, finished.stdout + finished.stderr
