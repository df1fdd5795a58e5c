"""tools/bench/gate.py: equal revisions pass; what is slower, wrong or fails does not.

A revision is a build folder. Those that are worse stand for one: their `tenon` calls the real one with other arguments.
"""

import json
import os
import stat
import subprocess

import numpy
import onnx
import pytest
from onnx import helper

from conftest import make_model

# Enough to see ten times slower code, whatever else runs.
QUICK = ["--seconds", 0.1, "--rounds", 5, "--threshold", 1.0]


@pytest.fixture
def revision(build, tmp_path):
    """revision(name, script): a build folder whose compiler is a shell script; $TENON is the real one."""

    def make(name: str, script: str):
        folder = tmp_path / name
        (folder / "bin").mkdir(parents=True)
        (folder / "lib").mkdir()
        os.symlink(build / "lib/libtenon_runtime.a", folder / "lib/libtenon_runtime.a")
        os.symlink(build / "CMakeCache.txt", folder / "CMakeCache.txt")
        program = folder / "bin/tenon"
        program.write_text(f"#!/bin/sh\nTENON={build}/bin/tenon\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return folder

    return make


@pytest.fixture
def model(tmp_path):
    """A product and what follows, with a symbolic extent and a name that is no identifier."""
    nodes = [helper.make_node("MatMul", ["x:0", "w"], ["product"]), helper.make_node("Softmax", ["product"], ["y"]),
             helper.make_node("ArgMax", ["product"], ["best"], axis=1)]
    weights = numpy.random.default_rng(0).standard_normal((256, 256), dtype=numpy.float32)
    made = make_model(nodes, [("x:0", ["rows", 256])], [("y", ["rows", 256]), ("best", ["rows", 1], onnx.TensorProto.INT64)], {"w": weights})
    onnx.save(made, tmp_path / "product.onnx")
    return tmp_path / "product.onnx"


@pytest.fixture
def gate(bench, tmp_path):
    """Runs the gate; returns the finished process and its JSON."""

    def run(*arguments):
        finished = bench("gate.py", *arguments, "--json", tmp_path / "gate.json")
        return finished, json.loads((tmp_path / "gate.json").read_text())["models"] if (tmp_path / "gate.json").exists() else None

    return run


def test_equal_revisions_pass(gate, build, root, model):
    finished, results = gate(build, build, root / "tools/demo/digits.onnx", model, "--threads", 1, 2, *QUICK)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert [(result["model"], result["threads"]) for result in results] == [("digits", 1), ("product", 1), ("digits", 2), ("product", 2)]
    for result in results:
        assert result["verdict"] == "same" and result["faults"] == {"old": "", "new": ""} and len(result["ratios"]) == 5
        assert result["low"] <= result["ratio"] <= result["high"] and result["old_ms"] > 0 and result["new_ms"] > 0
    assert "0 of 4 are slower, wrong or failed" in finished.stdout


def test_slower_code_is_found(gate, build, revision, model):
    slow = revision("slow", 'exec $TENON "$@" --reference')
    finished, (result,) = gate(build, slow, model, "--threads", 1, *QUICK)
    assert finished.returncode == 1 and result["verdict"] == "slower" and result["low"] > 2, finished.stderr
    # Measured twice.
    assert result["first"]["verdict"] == "slower" and "1 of 1 are slower, wrong or failed" in finished.stdout
    finished, (result,) = gate(slow, build, model, "--threads", 1, *QUICK)
    assert finished.returncode == 0 and result["verdict"] == "faster" and result["high"] < 0.5


def test_wrong_results_are_found(gate, build, revision, model, tmp_path):
    made = onnx.load(model)
    made.graph.node[1].CopyFrom(helper.make_node("Sigmoid", ["product"], ["y"]))
    onnx.save(made, tmp_path / "other.onnx")
    wrong = revision("wrong", f'shift 2; exec $TENON compile {tmp_path}/other.onnx "$@"')
    finished, (result,) = gate(build, wrong, model, "--threads", 1, *QUICK)
    assert finished.returncode == 1 and result["verdict"] == "wrong" and result["faults"]["new"].startswith("y ") and not result["faults"]["old"]
    # What was wrong before is told, but is no step back.
    finished, (result,) = gate(wrong, wrong, model, "--threads", 1, *QUICK)
    assert finished.returncode == 0 and result["verdict"] == "same" and result["faults"]["new"]


@pytest.mark.parametrize("script, text", [("echo 'error: not today' >&2; exit 1", "new: error: not today"),
                                          ('cp $0 "$4"', "new: ")], ids=["compiler", "library"])
def test_what_fails_is_found(gate, build, revision, model, script, text):
    broken = revision("broken", script)
    finished, (result,) = gate(build, broken, model, "--threads", 1, *QUICK)
    assert finished.returncode == 1 and result["verdict"] == "failed" and result["error"].startswith(text), finished.stderr
    for new in (broken, build):
        finished, (result,) = gate(broken, new, model, "--threads", 1, *QUICK)
        assert finished.returncode == 0 and result["verdict"] == "not compared" and "old: " in result["error"]


def test_a_library_that_ends_the_process_fails(gate, build, revision, model, tmp_path):
    (tmp_path / "dies.c").write_text("#include <stdlib.h>\n__attribute__((constructor)) static void die(void) { abort(); }\n")
    deadly = revision("deadly", f'cc -shared -fPIC {tmp_path}/dies.c -o "$4"')
    finished, (result,) = gate(build, deadly, model, "--threads", 1, *QUICK)
    assert finished.returncode == 1 and result["verdict"] == "failed" and "ended with status" in result["error"]


@pytest.mark.parametrize("name, message", [("no-such-revision", "neither a build folder nor a revision"), (".", "is no build folder")])
def test_what_is_no_revision(bench, build, name, message):
    finished = bench("gate.py", build, name)
    assert finished.returncode == 1 and message in finished.stderr


def test_wrong_arguments(bench, build):
    assert bench("gate.py", build, build, "--rounds", 2).returncode == 2


@pytest.fixture
def gate_module(root, models_tools, monkeypatch):
    monkeypatch.setenv("TENON_MODELS_TOOLS", str(models_tools))
    monkeypatch.syspath_prepend(str(root / "tools/bench"))
    import gate

    return gate


def test_intervals(gate_module):
    assert gate_module.interval([1.5] * 8) == (1.5, 1.5, 1.5)
    ratios = [1.0 + 0.01 * step for step in range(21)]
    median, low, high = gate_module.interval(ratios)
    assert median == pytest.approx(1.1) and 1.0 <= low < 1.08 and 1.12 < high <= 1.2
    # One round that something disturbed does not move it far.
    assert gate_module.interval([*ratios, 9.0])[2] < 1.25


def test_intervals_cover_the_truth(gate_module):
    """Ratios around 1 with noise of 2%: few of 100 intervals may miss it."""
    generator = numpy.random.default_rng(3)
    missed = 0
    for _ in range(100):
        _, low, high = gate_module.interval(list(numpy.exp(0.02 * generator.standard_normal(20))))
        missed += not low <= 1 <= high
    assert missed <= 5


@pytest.mark.parametrize("low, high, expected", [(1.04, 1.2, "slower"), (1.02, 1.2, "same"), (0.99, 1.01, "same"), (0.9, 0.98, "same"), (0.8, 0.9, "faster")])
def test_verdicts(gate_module, low, high, expected):
    assert gate_module.verdict(low, high, 0.03) == expected


FAKE_CMAKE = """#!/bin/sh
while [ "$1" ]; do case $1 in -S) source=$2 ;; -B) build=$2 ;; esac; shift; done
mkdir -p $build/bin $build/lib && echo "CMAKE_HOME_DIRECTORY:INTERNAL=$source" >$build/CMakeCache.txt
"""
FAKE_NINJA = """#!/bin/sh
cp $2/../source/version $2/bin/tenon && touch $2/lib/libtenon_runtime.a && echo "$@" >>$2/targets
"""


def test_a_revision_of_git_is_checked_out_and_built_once(gate_module, tmp_path, monkeypatch):
    """In a repository of two commits, with a build that copies a file."""
    repository = tmp_path / "repository"

    def git(*arguments) -> str:
        return subprocess.run(["git", "-C", repository, "-c", "user.name=n", "-c", "user.email=e", *arguments], check=True, capture_output=True, text=True).stdout.strip()

    (repository / "runtime/include").mkdir(parents=True)
    (repository / "runtime/include/tenon.h").touch()
    git("init", "--quiet")
    for version in ("first", "second"):
        (repository / "version").write_text(version)
        git("add", ".")
        git("commit", "--quiet", "-m", version)
    for path, script in ((tmp_path / "cache/venv/bin/cmake", FAKE_CMAKE), (tmp_path / "programs/ninja", FAKE_NINJA)):
        path.parent.mkdir(parents=True)
        path.write_text(script)
        path.chmod(0o755)
    monkeypatch.setenv("TENON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "programs"), prepend=os.pathsep)
    monkeypatch.setattr(gate_module.revisions, "ROOT", repository)

    first = gate_module.revisions.find("HEAD~1")
    commit = git("rev-parse", "HEAD~1")
    assert first.name == f"HEAD~1 ({commit[:12]})" and first.program.read_text() == "first"
    assert first.include == tmp_path / "cache/revisions" / commit / "source/runtime/include"
    assert (first.program.parents[1] / "targets").read_text().endswith("tenon tenon_runtime\n")
    assert gate_module.revisions.find("HEAD").program.read_text() == "second"
    # An interrupted check-out is completed.
    (first.include / "tenon.h").unlink()
    assert gate_module.revisions.find(commit).program == first.program and (first.include / "tenon.h").exists()
