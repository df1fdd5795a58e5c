"""The runner of ONNX's backend suite: a case that crashes or hangs is one failure; the list of expected failures is strict."""

import ctypes
import importlib
import json
import subprocess
import sys

import pytest


@pytest.fixture
def conformance(root, monkeypatch):
    """Imports a module of test/conformance."""
    monkeypatch.syspath_prepend(str(root / "test/conformance"))
    yield importlib.import_module
    for name in ("workers", "expected"):
        sys.modules.pop(name, None)


def test_every_case_has_one_result(conformance, monkeypatch):
    workers = conformance("workers")
    monkeypatch.setattr(workers, "LIMIT_SECONDS", 2)

    def run(index, enter_stage):
        enter_stage("run")
        if index == 1:
            print("last words", flush=True)
            ctypes.string_at(0)
        if index == 2:
            subprocess.run(["sleep", "60"])
        if index == 3:
            raise workers.Failure("mismatch", "differs")
        if index == 4:
            bytearray(workers.MEMORY_BYTES)

    names = [f"case{index}" for index in range(12)]
    results = {result.name: result for result in workers.run_cases(names, run, jobs=2)}
    assert sorted(results) == sorted(names)
    assert {name for name, result in results.items() if not result.passed} == {"case1", "case2", "case3", "case4"}
    assert (results["case1"].kind, results["case1"].stage) == ("crash", "run")
    assert "SIGSEGV" in results["case1"].message and "last words" in results["case1"].message
    assert results["case2"].kind == "hang"
    assert (results["case3"].kind, results["case3"].message) == ("mismatch", "differs")
    assert results["case4"].kind == "error" and results["case4"].message.startswith("MemoryError")


def test_the_list_is_strict(conformance, tmp_path):
    expected = conformance("expected")
    path = tmp_path / "list.json"
    names = ["test_a_1", "test_a_2", "test_b"]

    def load(*groups):
        path.write_text(json.dumps([{"reason": reason, "tests": tests} for reason, tests in groups]))
        return expected.load_expected(path, names)

    reason = "the operator A has no importer"
    assert load((reason, ["test_a_*"])) == ({"test_a_1": reason, "test_a_2": reason}, [])
    assert "matches no test" in load((reason, ["test_c"]))[1][0]
    assert "two reasons" in load((reason, ["test_a_*"]), (reason + " yet", ["test_a_2"]))[1][0]
    assert "missing piece" in load(("unsupported", ["test_b"]))[1][0]


def test_judgement(conformance, root, build, monkeypatch):
    """An unexpected pass fails, and so does an expected failure that crashes."""
    monkeypatch.syspath_prepend(str(build / "python"))
    workers, run = conformance("workers"), conformance("run")
    results = [workers.Result("pass", True), workers.Result("better", True), workers.Result("refused", False, "compile", "diagnostic", "no"),
               workers.Result("crash", False, "run", "crash", "SIGSEGV"), workers.Result("internal", False, "compile", "internal", "pass failed"),
               workers.Result("wrong", False, "compare", "mismatch", "1 is not 2")]
    reasons = {"better": "reason", "refused": "reason", "crash": "reason", "internal": "reason"}
    passed, expected_failures, failures = run.judge(results, reasons)
    assert (passed, expected_failures) == (1, 1)
    assert [line.split(":")[0] for line in failures] == ["better", "crash", "internal", "wrong"]
