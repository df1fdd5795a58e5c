"""`tenon compile`: artefacts, diagnostics, exit codes, and that a failure leaves nothing behind."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import numpy
import onnx
import pytest
from onnx import helper

from conftest import make_model

STAGES = {"nn": "nn.add", "fused": "nn.launch", "scheduled": "ukernel.phase", "loops": "llvm.func"}


def test_version_names_revision_llvm_and_abi(tenon):
    finished = tenon("--version")
    assert re.fullmatch(r"tenon \d+\.\d+\.\d+ \(revision \S+, LLVM \d+\.\d+\.\d+, model ABI \d+\)\n", finished.stdout)


@pytest.mark.parametrize("command", ["compile", "run", "bench", "inspect", "verify"])
def test_every_command_explains_itself(tenon, command):
    finished = tenon(command, "--help")
    assert finished.returncode == 0 and "Usage:" in finished.stdout and "--json" in finished.stdout


def test_json_says_what_was_written(tenon_json, add_relu, tmp_path):
    report, finished = tenon_json("compile", add_relu.path, "-o", tmp_path / "m.so")
    assert finished.returncode == 0 and report["ok"]
    assert report["output"] == str(tmp_path / "m.so") and report["files"] == [report["output"]]
    assert report["diagnostics"] == []
    assert report["stats"]["code_bytes"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["m.so"]


def test_the_output_is_named_after_the_model(tenon, add_relu, tmp_path):
    assert tenon("compile", add_relu.path, cwd=tmp_path).returncode == 0
    assert tenon("compile", add_relu.path, "--emit", "lib", cwd=tmp_path).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["add_relu.a", "add_relu.h", "add_relu.so"]


@pytest.mark.parametrize("stage", STAGES)
def test_emit_stops_at_a_stage(tenon, add_relu, stage):
    finished = tenon("compile", add_relu.path, "--emit", stage, "-o", "-")
    assert finished.returncode == 0 and STAGES[stage] in finished.stdout


def test_the_same_input_gives_the_same_bytes(tenon, add_relu, tmp_path):
    for name, threads in (("a.so", 1), ("b.so", 2)):
        assert tenon("compile", add_relu.path, "-o", tmp_path / name, "--threads", threads).returncode == 0
    assert (tmp_path / "a.so").read_bytes() == (tmp_path / "b.so").read_bytes()


def test_shapes_can_be_pinned(tenon_json, add_relu):
    for flag in ("--shape=x:0=4x3", "--dim=rows=4"):
        report, _ = tenon_json("inspect", add_relu.path, flag)
        assert report["inputs"][0]["dims"] == [4, 3], flag


def test_dimensions_can_be_bounded(tenon, tenon_json, add_relu, tmp_path):
    library = tmp_path / "bounded.so"
    assert tenon("compile", add_relu.path, "--dim", "rows=2..8", "-o", library).returncode == 0
    report, _ = tenon_json("inspect", library)
    assert report["inputs"][0]["dims"][0] == "rows" and report["ranges"] == {"rows": [2, 8]}
    for rows, code in ((1, 1), (2, 0), (8, 0), (9, 1)):
        finished = tenon("run", library, "-i", "x:0=random", "-i", "w=random", "--dim", f"rows={rows}")
        assert finished.returncode == code
        if code:
            assert f"dimension 0 ('rows') is {rows} but the model was compiled for 2..8" in finished.stderr
    # What nothing sets is as small as it may be.
    report, _ = tenon_json("bench", library, "--repeat", 3)
    assert report["inputs"][0]["dims"][0] == 2


def test_a_bad_node_is_named_with_its_operator(tenon_json, tmp_path):
    model = make_model([helper.make_node("Conv", ["x", "w"], ["y"], name="conv1")], [("x", [1, 3, 8])], [("y", None)],
                       {"w": numpy.ones((4, 3, 3, 3), numpy.float32)})
    onnx.save(model, tmp_path / "bad.onnx")
    report, finished = tenon_json("compile", tmp_path / "bad.onnx", "-o", tmp_path / "bad.so")
    assert finished.returncode == 1 and not report["ok"] and report["output"] is None
    entry = report["diagnostics"][0]
    assert (entry["severity"], entry["node"], entry["op"], entry["opset"]) == ("error", "conv1", "Conv", 17)
    assert finished.stderr.startswith("error: node 'conv1' (Conv, opset 17): ")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.onnx"]


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (["--emit", "exe"], 2, "--emit exe: expected one of so, lib, obj"),
        (["--precision", "int8"], 2, "--precision int8: only f32 is supported"),
        (["--optimize", "fast"], 2, "expected speed or size"),
        (["--target", "sparc-linux-gnu"], 2, "is not supported"),
        (["--cpu", "z80"], 2, "z80"),
        (["--shape", "x:0"], 2, "expected NAME=1x3x224x224"),
        (["--shape", "x:0=4xthree"], 2, "expected NAME=1x3x224x224"),
        (["--shape", "nobody=4x3"], 1, "nobody"),
        (["--dim", "rows=8..1"], 2, "the range is empty"),
        (["--dim", "rows=1.."], 2, "expected NAME=4 or NAME=1..8"),
        (["--dim", "columns=1..8"], 1, "dimension 'columns' is to be 1..8, but no input has it"),
        (["--dim", "rows=1..8", "--shape", "x:0=9x3"], 1, "dimension 'rows' is pinned to 9 and to be 1..8"),
        (["--symbol", "2x"], 2, "is not a C identifier"),
        (["-o", "missing/m.so"], 1, "is not a folder"),
        (["-o", "-"], 2, "needs a file name"),
        (["--no-such-flag"], 2, "--no-such-flag"),
    ],
)
def test_wrong_requests(tenon, add_relu, tmp_path, arguments, code, message):
    finished = tenon("compile", add_relu.path, *arguments, cwd=tmp_path)
    assert finished.returncode == code, finished.stderr
    assert message in finished.stderr and finished.stderr.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_usage_errors_are_json_too(tenon_json, add_relu):
    report, finished = tenon_json("compile", add_relu.path, "--precision", "int8")
    assert finished.returncode == 2 and not report["ok"] and "int8" in report["diagnostics"][0]["message"]


@pytest.mark.parametrize("content", [b"", b"not a model", None])
def test_what_is_no_model(tenon, tmp_path, content):
    if content is not None:
        (tmp_path / "m.onnx").write_bytes(content)
    finished = tenon("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so")
    assert finished.returncode == 1 and finished.stderr.startswith("error: ")
    assert not (tmp_path / "m.so").exists()


def test_a_failing_pass_leaves_a_reproducer(tenon, build, tmp_path):
    """Nothing may allocate memory in the graph: the check of dialects behind the importer fails."""
    (tmp_path / "wrong.mlir").write_text("func.func @main() {\n  %0 = memref.alloc() : memref<4xf32>\n  return\n}\n")
    finished = tenon("compile", tmp_path / "wrong.mlir", "-o", tmp_path / "wrong.so", env={"TMPDIR": str(tmp_path)})
    assert finished.returncode == 70
    assert "'memref.alloc'" in finished.stderr and "tenon-check-legal-dialects" in finished.stderr
    command = re.search(r"tenon-opt (--run-reproducer (\S+))", finished.stderr)
    assert "memref.alloc" in open(command[2]).read()
    again = subprocess.run([build / "bin/tenon-opt", *command[1].split()], capture_output=True, text=True)
    assert again.returncode != 0 and "'memref.alloc'" in again.stderr
    assert not (tmp_path / "wrong.so").exists()


def wait_until_open(process, path, argument):
    """Waits until the process, started or executed again with `argument`, has opened `path`."""
    folder = pathlib.Path(f"/proc/{process.pid}")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if argument in (folder / "cmdline").read_text() and any(fd.readlink() == path for fd in (folder / "fd").iterdir()):
                return
        except FileNotFoundError:
            pass  # A descriptor that was closed meanwhile.
        time.sleep(0.01)
    raise TimeoutError(f"{path} was not opened")


def test_a_crash_is_tried_again_and_never_a_success(build, tmp_path):
    model = tmp_path / "model.mlir"
    os.mkfifo(model)
    # Open for both directions, so that neither side ever waits or sees an end before there is one.
    pipe = os.open(model, os.O_RDWR)
    process = subprocess.Popen([build / "bin/tenon", "compile", "model.mlir", "-o", "m.so", "--json"], cwd=tmp_path, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until_open(process, model, "compile")
    process.send_signal(signal.SIGSEGV)
    assert process.stderr.readline() == "error: internal error: the compiler crashed (segmentation fault)\n"
    wait_until_open(process, model, "--reproducer")
    os.write(pipe, b"func.func @main() {\n  return\n}\n")
    os.close(pipe)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 70
    assert "but not when it was run again" in errors and not json.loads(output)["ok"]
    assert [path.name for path in tmp_path.iterdir()] == ["model.mlir"]


def test_ir_and_times_of_passes_are_printed(tenon, add_relu, tmp_path):
    finished = tenon("compile", add_relu.path, "-o", tmp_path / "m.so", "--print-ir-after", "tenon-form-kernels", "--time-passes")
    assert finished.returncode == 0
    assert "IR Dump After FormKernels" in finished.stderr and "nn.launch" in finished.stderr
    assert "Execution time report" in finished.stderr and "FormKernels" in finished.stderr


@pytest.mark.serial
def test_one_node_compiles_quickly(tenon, tmp_path):
    onnx.save(make_model([helper.make_node("Relu", ["x"], ["y"])], [("x", [2, 3])], [("y", [2, 3])]), tmp_path / "m.onnx")
    best = 1e9
    for _ in range(10):
        started = time.perf_counter()
        assert tenon("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so").returncode == 0
        best = min(best, time.perf_counter() - started)
    assert best <= 0.15, f"{best:.3f} s"
