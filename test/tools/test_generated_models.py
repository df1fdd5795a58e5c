"""tools/bench/generated: the models that the tools make themselves."""

import json
import sys

import onnx
import pytest


@pytest.fixture(scope="module")
def generated(root):
    sys.path.insert(0, str(root / "tools/bench"))
    import generated

    yield generated
    sys.path.pop(0)


def test_every_model_is_valid(generated, tmp_path):
    for name in generated.MODELS:
        path = generated.write(name, tmp_path)
        onnx.checker.check_model(str(path), full_check=True)
        path.unlink()


def test_list(bench, generated):
    finished = bench("compare_models.py", "--list")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split() == list(generated.MODELS)


def test_models_are_right(bench, tmp_path):
    """One of each kind of layer, beside ONNX Runtime: the exit status says whether Tenon agrees with the reference."""
    names = ["network/text_cnn", "network/wavenet", "network/recommender", "network/gru_batch", "network/generator", "operator/softmax-columns-4MiB",
             "operator/conv-depthwise-7x7-384-14"]
    finished = bench("compare_models.py", *names, "--threads", 1, "--seconds", 0.02, "--peer", "onnxruntime", "--json", tmp_path / "c.json")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    results = json.loads((tmp_path / "c.json").read_text())["models"]
    assert [result["model"] for result in results] == names
    assert all(result["correct"] and result["ratio"] > 0 for result in results)
