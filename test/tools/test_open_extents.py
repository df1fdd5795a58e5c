"""tools/bench/open_extents.py: models with extents that only the run time knows against pinned ones."""

import json


def test_both_are_right_and_measured(bench, tmp_path):
    finished = bench("open_extents.py", "network/text_cnn", "--open", "sizes", "--seconds", 0.02, "--kernels", 2, "--json", tmp_path / "open.json")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (result,) = json.loads((tmp_path / "open.json").read_text())["models"]
    assert result["model"] == "network/text_cnn" and result["cost"] > -1
    assert result["open"]["median_ms"] > 0 and result["pinned"]["median_ms"] > 0
    assert all(sum(result["kernels"][kind].values()) > 0 for kind in ("open", "pinned"))


def test_models_are_named(bench):
    finished = bench("open_extents.py")
    assert finished.returncode != 0 and "MODEL" in finished.stderr
