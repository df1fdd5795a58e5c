"""tools/bench: the comparison with peers, and the page that it writes."""

import importlib.util
import json
import math
import re

import numpy
import onnx
import pytest
from onnx import TensorProto, helper

from conftest import make_model


@pytest.fixture
def fake_peers(tmp_path, root):
    """A folder whose openvino and MNN are wrong and deadly; given as a folder of packages. What is tested is how peers are treated."""
    (tmp_path / "openvino").mkdir()
    (tmp_path / "MNN").mkdir()
    (tmp_path / "openvino/__init__.py").write_text(
        "class Request:\n"
        "    def infer(self, feeds, **options):\n"
        "        return [0 * value for value in feeds.values()]\n"
        "class Model:\n"
        "    def create_infer_request(self):\n"
        "        return Request()\n"
        "class Core:\n"
        "    def compile_model(self, *arguments):\n"
        "        return Model()\n")
    (tmp_path / "MNN/__init__.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    for name in ("openvino", "MNN"):
        (tmp_path / f"{name}-1.0.dist-info").mkdir()
        (tmp_path / f"{name}-1.0.dist-info/METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    return tmp_path


@pytest.fixture(scope="module")
def comparison(bench, root, tmp_path_factory):
    """The bundled model and one with a symbolic extent beside ONNX Runtime: what was printed, the JSON, the page."""
    folder = tmp_path_factory.mktemp("comparison")
    model = make_model([helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", ["rows", 64])], [("y", ["rows", 32])],
                       {"w": numpy.ones((64, 32), numpy.float32)})
    onnx.save(model, folder / "rows.onnx")
    finished = bench("compare_models.py", root / "tools/demo/digits.onnx", folder / "rows.onnx", "--threads", 1, 2, "--seconds", 0.1, "--peer", "onnxruntime",
                     "--json", folder / "c.json", "--html", folder / "c.html")
    assert finished.returncode == 0, finished.stderr
    return finished.stdout, json.loads((folder / "c.json").read_text()), (folder / "c.html").read_text()


def charts(page: str) -> list[list[dict]]:
    """The traces of every chart of a page."""
    decoder, found = json.JSONDecoder(), []
    for match in re.finditer(r'Plotly\.newPlot\(\s*"[^"]*",\s*', page):
        found.append(decoder.raw_decode(page, match.end())[0])
    return found


def test_what_is_measured(comparison):
    _, report, _ = comparison
    assert [(result["model"], result["threads"]) for result in report["models"]] == [("digits", 1), ("rows", 1), ("digits", 2), ("rows", 2)]
    for result in report["models"]:
        assert result["correct"] and result["best_peer"] == "onnxruntime" and not result["wrong_peers"] and not result["failed_peers"]
        assert result["ratio"] == pytest.approx(result["onnxruntime"]["median_ms"] / result["tenon"]["median_ms"])
        assert result["ratio_low"] <= result["ratio_high"]
        for engine in ("tenon", "onnxruntime"):
            timing = result[engine]
            assert 0 < timing["min_ms"] <= timing["median_ms"] and timing["spread"] >= 0 and timing["runs"] >= 24
            assert 0 < timing["processors"] <= result["threads"] + 0.1


def test_geometric_means(comparison):
    printed, report, _ = comparison
    for threads in (1, 2):
        ratios = [result["ratio"] for result in report["models"] if result["threads"] == threads]
        mean = report["geometric_mean"][str(threads)]
        assert mean["ratio"] == pytest.approx(math.sqrt(ratios[0] * ratios[1])) and mean["models"] == mean["of"] == 2
        assert f"geometric mean {mean['ratio']:.3f} over 2 of 2 models" in printed


def test_the_printed_table(comparison):
    printed, report, _ = comparison
    rows = [line.split() for line in printed.splitlines() if line.startswith("digits")]
    result = report["models"][0]
    assert rows[0][:4] == ["digits", "0", "1", f"{result['tenon']['median_ms']:.4f}"] and f"{result['ratio']:.2f}" in rows[0]


def test_profiles_are_of_the_measured_model(comparison):
    _, report, _ = comparison
    for result in report["models"]:
        assert result["profile"]["threads"] == result["threads"] and result["profile"]["kernels"]
    rows = report["models"][1]["profile"]
    assert rows["inputs"] == [{"name": "x", "dtype": "f32", "dims": [1, 64]}]


def test_the_page_stands_alone(comparison):
    _, _, page = comparison
    assert page.startswith("<!DOCTYPE html>") and page.count("Plotly.newPlot(") >= 1
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)


def test_the_page_shows_the_ratios(comparison):
    _, report, page = comparison
    ratio_chart = charts(page)[0]
    assert [trace["name"] for trace in ratio_chart] == ["1 thread", "2 threads"]
    for trace, threads in zip(ratio_chart, (1, 2)):
        ratios = [result["ratio"] for result in report["models"] if result["threads"] == threads]
        assert trace["x"] == ["digits", "rows", "geometric mean"]
        assert [trace["base"] + height for height in trace["y"]] == pytest.approx([*ratios, report["geometric_mean"][str(threads)]["ratio"]])
    assert f"<td>{report['models'][0]['tenon']['median_ms']:.4f}</td>" in page


def test_wrong_and_deadly_peers(bench, root, fake_peers):
    finished = bench("compare_models.py", root / "tools/demo/digits.onnx", "--threads", 1, "--seconds", 0.05, "--json", fake_peers / "c.json",
                     packages=fake_peers)
    assert finished.returncode == 0, finished.stderr
    result, = json.loads((fake_peers / "c.json").read_text())["models"]
    assert list(result["wrong_peers"]) == ["openvino"] and result["best_peer"] == "onnxruntime"
    assert result["failed_peers"] == {"MNN": "ended the process"}
    row, = [line for line in finished.stdout.splitlines() if line.startswith("digits")]
    assert f"!{result['openvino']['median_ms']:.4f}" in row and "openvino wrong: " in row and "failed" in row


def test_no_right_peer(bench, root, fake_peers):
    finished = bench("compare_models.py", root / "tools/demo/digits.onnx", "--threads", 1, "--seconds", 0.05, "--peer", "openvino", "--json",
                     fake_peers / "c.json", "--html", fake_peers / "c.html", packages=fake_peers)
    assert finished.returncode == 0, finished.stderr
    report = json.loads((fake_peers / "c.json").read_text())
    assert report["models"][0]["best_peer"] is None and report["geometric_mean"]["1"]["models"] == 0
    assert "no model ran and was right" in finished.stdout and "openvino is wrong" in (fake_peers / "c.html").read_text()


def test_a_model_that_is_not_compiled(bench, tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"no model")
    finished = bench("compare_models.py", tmp_path / "no.onnx", "--threads", 1, "--seconds", 0.05, "--json", tmp_path / "c.json", "--html", tmp_path / "c.html")
    assert finished.returncode == 1
    assert json.loads((tmp_path / "c.json").read_text())["models"][0]["error"]


@pytest.fixture(params=["onnxruntime", "openvino", "MNN"])
def peer(request) -> str:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


def test_peers_are_right(bench, tmp_path, peer):
    """An integer and a float input, two outputs, dynamic extents."""
    nodes = [helper.make_node("Gather", ["table", "ids"], ["rows"]), helper.make_node("Add", ["rows", "x"], ["sum"]),
             helper.make_node("Sigmoid", ["sum"], ["part"]), helper.make_node("Relu", ["sum"], ["y"])]
    model = make_model(nodes, [("ids", ["n"], TensorProto.INT64), ("x", ["n", 8])], [("part", ["n", 8]), ("y", ["n", 8])],
                       {"table": numpy.random.default_rng(0).standard_normal((5, 8), dtype=numpy.float32)})
    onnx.save(model, tmp_path / "rows.onnx")
    finished = bench("compare_models.py", tmp_path / "rows.onnx", "--threads", 1, "--seconds", 0.05, "--peer", peer, "--json", tmp_path / "c.json")
    assert finished.returncode == 0, finished.stderr
    result, = json.loads((tmp_path / "c.json").read_text())["models"]
    assert result["best_peer"] == peer, result


@pytest.fixture
def report_module(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root / "tools/bench"))
    import report

    return report


PROFILE = {"peak_gflops": 100.0, "peak_gbps": 20.0, "threads": 1, "gflops": 50.0, "kernels": [
    {"name": "dense", "nodes": "fc1", "microseconds": 100.0, "flops": 8e6, "bytes": 1e6},
    {"name": "copy</script>", "nodes": "t", "seconds": 5e-5, "flops": 1e4, "bytes": 1e6},
    {"name": "uncounted", "nodes": "u", "microseconds": 50.0}]}


def comparison_of(profile: dict) -> dict:
    timing = {"median_ms": 1.0, "spread": 0.01, "processors": 1.0}
    result = {"model": "m", "threads": 1, "case": 0, "correct": True, "reason": "", "best_peer": "onnxruntime", "ratio": 2.0, "ratio_low": 1.9, "ratio_high": 2.1,
              "wrong_peers": {}, "failed_peers": {}, "tenon": timing, "onnxruntime": timing, "profile": profile}
    return {"processor": "<b>", "tenon": "0", "peers": {"onnxruntime": "1"}, "models": [result],
            "geometric_mean": {"1": {"ratio": 2.0, "models": 1, "of": 1, "least": 2.0, "greatest": 2.0}}}


def test_roofline(report_module):
    page = report_module.page(comparison_of(PROFILE))
    points, roof = charts(page)[1]
    assert points["x"] == pytest.approx([8, 0.01]) and points["y"] == pytest.approx([80, 0.2])
    assert "dense" in points["hovertext"][0] and "50.0% of the time" in points["hovertext"][0]
    assert roof["name"] == "100 GFLOP/s, 20 GB/s"
    assert [(x, y) for x, y in zip(roof["x"], roof["y"])][1] == pytest.approx((5, 100))
    assert roof["y"][0] == pytest.approx(20 * roof["x"][0])
    assert "1 kernels are not drawn" in page and "50.0 (50% of peak)" in page


def test_a_profile_may_give_rates(report_module):
    kernel = {"name": "k", "microseconds": 100.0, "gflops": 80.0, "gbps": 10.0}
    assert report_module.kernel_point(kernel) == pytest.approx((8, 80, 1e-4))
    assert report_module.kernel_point({**kernel, "gbps": 0}) is None and report_module.kernel_point({"name": "k"}) is None


def test_roofline_without_bandwidth_or_bytes(report_module):
    flat = {**PROFILE, "kernels": PROFILE["kernels"][2:]}
    del flat["peak_gbps"]
    page = report_module.page(comparison_of(flat))
    roof, = charts(page)[1]
    assert roof["y"] == [100, 100] and "does not say the machine&#x27;s bandwidth" in page and "1 kernels are not drawn" in page
    page = report_module.page(comparison_of({"error": "no memory"}))
    assert len(charts(page)) == 1 and "m: no memory" in page and "there is no roof" in page


def test_names_cannot_leave_the_text(report_module):
    page = report_module.page(comparison_of(PROFILE))
    assert "<p>&lt;b&gt;" in page and "<p><b>" not in page and "copy</script>" not in page
    assert "copy&lt;/script&gt;" in charts(page)[1][0]["hovertext"][1]
