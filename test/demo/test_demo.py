"""The demo: the committed model is what the script says, and both forms of the demo run."""

import importlib.util
import re
import subprocess
import sys

import onnx
import pytest


@pytest.fixture(scope="module")
def demo_folder(root):
    return root / "tools/demo"


def run_demo(demo_folder, *arguments):
    return subprocess.run([sys.executable, demo_folder / "demo.py", *arguments], capture_output=True, text=True, timeout=300)


def test_the_committed_model_is_small_and_as_accurate_as_it_says(demo_folder):
    import numpy
    import onnxruntime

    specification = importlib.util.spec_from_file_location("digits", demo_folder / "digits.py")
    digits = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(digits)
    path = demo_folder / "digits.onnx"
    assert path.stat().st_size < 300_000
    stated = float(re.search(r"held-out pictures: ([0-9.]+)", onnx.load(path).doc_string)[1])
    training, (pictures, labels) = digits.load()
    assert len(pictures) == 360 and len(training[0]) == 1437
    scores = onnxruntime.InferenceSession(path).run(None, {"pixels": pictures})[0]
    measured = numpy.mean(scores.argmax(axis=1) == labels)
    assert measured == pytest.approx(stated, abs=1e-4)
    assert measured >= 0.98


@pytest.mark.serial
def test_the_demo_classifies_digits(demo_folder):
    finished = run_demo(demo_folder)
    assert finished.returncode == 0, finished.stderr
    correct, total = map(int, re.search(r"accuracy +(\d+) of (\d+)", finished.stdout).groups())
    assert total == 360 and correct >= 0.98 * total
    for title in ("compile time", "library", "latency"):
        assert re.search(rf"^{title} +[0-9.]+ ", finished.stdout, re.MULTILINE), finished.stdout
    assert "@@" in finished.stdout, "no picture was shown"


@pytest.mark.serial
def test_the_demo_runs_a_public_model(demo_folder, models_tools):
    finished = run_demo(demo_folder, "surf_mlp")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "WRONG" not in finished.stdout and "input set 0" in finished.stdout


def test_an_unknown_name_is_an_error(demo_folder, models_tools):
    finished = run_demo(demo_folder, "no_such_model")
    assert finished.returncode == 1
    assert "no public model is named no_such_model" in finished.stderr
