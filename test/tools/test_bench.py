"""`tenon bench`: what it reports."""

import pytest


def test_report(tenon_json, add_relu):
    report, finished = tenon_json("bench", add_relu.library, "--repeat", 50, "--dim", "rows=100", "--profile")
    assert finished.returncode == 0, finished.stderr
    assert report["runs"] == 50 and report["threads"] == 1 and report["arena_bytes"] == 0
    assert 0 < report["min_ms"] <= report["median_ms"] <= report["p99_ms"]
    assert report["inputs"] == [{"name": "x:0", "dtype": "f32", "dims": [100, 3]}, {"name": "w", "dtype": "f32", "dims": [3]}]
    assert report["kernels"] and {"name", "nodes", "microseconds"} <= report["kernels"][0].keys()


def test_text_for_people(tenon, add_relu):
    finished = tenon("bench", add_relu.library, "--seconds", "0.05", "--threads", 2, "--shape", "x:0=8x3", "--pin")
    assert finished.returncode == 0, finished.stderr
    for word in ("threads    2", "f32[8x3]", "median", "p99", "arena"):
        assert word in finished.stdout


@pytest.mark.parametrize("arguments, message", [(["--seconds", "0"], "--seconds"), (["--shape", "x:0=3"], "rank is 1 but 2 is expected")])
def test_wrong_requests(tenon, add_relu, arguments, message):
    finished = tenon("bench", add_relu.library, *arguments)
    assert finished.returncode == 2 and message in finished.stderr
