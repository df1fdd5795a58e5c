"""`tenon inspect`: models and libraries, for people and for programs."""

import numpy
import onnx
import pytest
from onnx import helper

from conftest import make_model


def test_a_library(tenon_json, add_relu):
    report, finished = tenon_json("inspect", add_relu.library)
    assert finished.returncode == 0
    assert report["inputs"] == [{"name": "x:0", "dtype": "f32", "dims": ["rows", 3]}, {"name": "w", "dtype": "f32", "dims": [3]}]
    assert report["outputs"] == [{"name": "y/out", "dtype": "f32", "dims": ["rows", 3]}]
    assert report["code_bytes"] > 0 and report["weights_bytes"] == 0
    assert report["library_bytes"] == add_relu.library.stat().st_size
    nodes = {node for kernel in report["kernels"] for node in kernel["nodes"]}
    assert nodes == {"add", "relu"}
    assert all(kernel["code_bytes"] > 0 for kernel in report["kernels"])


def test_a_model(tenon_json, tmp_path):
    weights = {"w": numpy.ones((3, 5), numpy.float32), "half": numpy.ones(7, numpy.float16)}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Relu", ["b"], ["y"])]
    onnx.save(make_model(nodes, [("x", [2, 3])], [("y", [2, 5])], weights), tmp_path / "m.onnx")
    report, finished = tenon_json("inspect", tmp_path / "m.onnx")
    assert finished.returncode == 0, finished.stderr
    model = report["model"]
    assert model["operators"] == {"MatMul": 1, "Relu": 2} and model["opsets"] == {"ai.onnx": 17}
    assert model["parameters"] == 22 and model["parameter_bytes"] == 15 * 4 + 7 * 2
    assert report["kernels"]


def test_a_library_for_another_processor(tenon, tenon_json, add_relu, tmp_path):
    """The file is read, not loaded."""
    assert tenon("compile", add_relu.path, "--target", "aarch64-linux-gnu", "-o", tmp_path / "m.so").returncode == 0
    report, finished = tenon_json("inspect", tmp_path / "m.so")
    assert finished.returncode == 0
    assert report["target"].startswith("aarch64") and report["inputs"][0]["name"] == "x:0"


def test_tables_for_people(tenon, add_relu):
    finished = tenon("inspect", add_relu.path)
    for word in ("operator", "Add", "kernel", "f32[rows,3]", "weights", "arena"):
        assert word in finished.stdout


@pytest.mark.parametrize("content", [b"", b"text", b"\x7fELF" + bytes(60)])
def test_damaged_libraries(tenon, tmp_path, content):
    (tmp_path / "m.so").write_bytes(content)
    finished = tenon("inspect", tmp_path / "m.so")
    assert finished.returncode == 1 and finished.stderr.startswith("error: ")


def test_truncated_libraries(tenon, add_relu, tmp_path):
    whole = add_relu.library.read_bytes()
    for size in range(64, len(whole), len(whole) // 40):
        (tmp_path / "m.so").write_bytes(whole[:size])
        finished = tenon("inspect", tmp_path / "m.so")
        assert finished.returncode in (0, 1), f"{size} bytes: {finished.stderr}"


def test_a_model_that_does_not_compile(tenon, tmp_path):
    onnx.save(make_model([helper.make_node("NoSuchOp", ["x"], ["y"], name="odd")], [("x", [1])], [("y", [1])]), tmp_path / "m.onnx")
    finished = tenon("inspect", tmp_path / "m.onnx")
    assert finished.returncode == 1 and "'odd'" in finished.stderr and "NoSuchOp" in finished.stdout
