"""Malformed and unsupported models end in a diagnostic and exit code 1, and leave nothing behind.

The importer alone is run on every model, from $TENON_IMPORT_BUILD (default: the sanitizer build build-asan if it is there, else
the normal one); the compiler's command line on those that are not random.
"""

import json
import os
import pathlib
import subprocess

import malformed
import malformed_microsoft  # noqa: F401: adds its cases
import malformed_operators  # noqa: F401: adds its cases
import malformed_sequences  # noqa: F401: adds its cases
import malformed_tensors  # noqa: F401: adds its cases
import malformed_trees  # noqa: F401: adds its cases
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = malformed.cases()
NAMED = [case for case in CASES if not case[0].startswith("fuzz_")]


def build_folders(build):
    """Builds whose importer is to be tested."""
    chosen = os.environ.get("TENON_IMPORT_BUILD")
    candidates = [pathlib.Path(chosen)] if chosen else [build, ROOT / "build-asan"]
    found = [folder for folder in candidates if (folder / "bin/tenon_import_tool").exists()]
    assert found, f"no bin/tenon_import_tool in {candidates}"
    return found


def run(command):
    environment = {**os.environ, "ASAN_OPTIONS": "detect_container_overflow=0:allow_user_poisoning=0:allocator_may_return_null=1:detect_leaks=0"}
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace", timeout=120,
                          env=environment)


def test_there_are_enough_cases():
    assert len(NAMED) >= 40


@pytest.mark.parametrize("name, make", CASES, ids=[name for name, _ in CASES])
def test_importer(name, make, build, tmp_path):
    path = make(tmp_path)
    for folder in build_folders(build):
        done = run([folder / "bin/tenon_import_tool", path, "--quiet"])
        allowed = (0, 1) if name.startswith("fuzz_") else (1,)
        assert done.returncode in allowed, done.stderr[-3000:]
        if done.returncode == 0:
            continue
        diagnostics = json.loads(done.stderr)
        assert diagnostics and all(entry["severity"] == "error" and entry["message"] for entry in diagnostics)
        assert not any(entry["message"].endswith(".") for entry in diagnostics)


@pytest.mark.parametrize("name, make", NAMED, ids=[name for name, _ in NAMED])
def test_command_line(name, make, tenon, tmp_path):
    path = make(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    done = tenon("compile", path, "-o", out / "model.so")
    assert done.returncode == 1, done.stderr[-3000:]
    assert "error" in done.stderr
    assert list(out.iterdir()) == []


def node_of(build, model, tmp_path):
    """The diagnostic of a model that fails in the importer."""
    path = malformed.write(tmp_path, model)
    return json.loads(run([build / "bin/tenon_import_tool", path, "--quiet"]).stderr)[0]


def test_diagnostic_names_the_node(build, tmp_path):
    from onnx import helper

    nodes = [helper.make_node("Relu", ["x"], ["z"], name="fine"), helper.make_node("Softmax", ["z"], ["y"], name="bad one", axis=9)]
    entry = node_of(build, malformed.model_of(nodes, opset=15), tmp_path)
    assert (entry["node"], entry["op_type"], entry["opset"]) == ("bad one", "Softmax", 15)
    assert "axis 9" in entry["message"]


def test_diagnostic_of_an_unnamed_node(build, tmp_path):
    from onnx import helper

    nodes = [helper.make_node("Relu", ["x"], ["z"]), helper.make_node("Softmax", ["z"], ["y"], axis=9)]
    assert node_of(build, malformed.model_of(nodes), tmp_path)["node"] == "Softmax_1"


@pytest.mark.parametrize("op, shapes, message", [
    ("PRelu", [(1, 3, 4, 4), (3, 1)], "the slope has shape [3, 1], which does not broadcast to that of the input, [1, 3, 4, 4]"),
    ("SoftmaxCrossEntropyLoss", [(3, 5), (3, 1)], "input 1 has shape [3, 1], expected that of input 0, [3, 5], without dimension 1"),
    ("NegativeLogLikelihoodLoss", [("n", 5, 2), ("n", 3)], "input 1 has shape [?, 3], expected that of input 0, [?, 5, 2], without dimension 1")])
def test_diagnostic_says_the_operators_own_rule(build, tmp_path, op, shapes, message):
    """And not that of an op that it is made of."""
    from onnx import TensorProto, helper

    kinds = [TensorProto.FLOAT, TensorProto.INT64 if op.endswith("Loss") else TensorProto.FLOAT]
    inputs = [malformed.value(f"x{place}", shape, kind) for place, (shape, kind) in enumerate(zip(shapes, kinds))]
    entry = node_of(build, malformed.model_of([helper.make_node(op, ["x0", "x1"], ["y"], name="it")], inputs, opset=22), tmp_path)
    assert entry["node"] == "it" and entry["message"] == message and entry["hint"]
