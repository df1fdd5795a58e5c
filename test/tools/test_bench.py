"""`tenon bench`: what it reports."""

import onnx
import pytest
from onnx import helper

from conftest import make_model


def test_report(tenon_json, add_relu):
    report, finished = tenon_json("bench", add_relu.library, "--repeat", 50, "--dim", "rows=100", "--profile")
    assert finished.returncode == 0, finished.stderr
    assert report["runs"] == 50 and report["threads"] == 1 and report["arena_bytes"] == 0
    assert 0 < report["min_ms"] <= report["median_ms"] <= report["p99_ms"]
    assert report["inputs"] == [{"name": "x:0", "dtype": "f32", "dims": [100, 3]}, {"name": "w", "dtype": "f32", "dims": [3]}]
    assert report["kernels"] and {"name", "nodes", "microseconds"} <= report["kernels"][0].keys()


def test_profile_of_unknown_extents(tenon, tenon_json, tmp_path):
    """Operations and bytes are those of the shapes at hand; a table that is gathered from counts by what is taken."""
    nodes = [helper.make_node("Gather", ["table", "rows"], ["a"]), helper.make_node("MatMul", ["a", "b"], ["y"])]
    model = make_model(nodes, [("table", [1000, 96]), ("b", [96, 32])], [("y", ["n", 32])])
    model.graph.input.append(helper.make_tensor_value_info("rows", onnx.TensorProto.INT64, ["n"]))
    onnx.save(model, tmp_path / "m.onnx")
    assert tenon("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so").returncode == 0
    for rows in (7, 64):
        report, finished = tenon_json("bench", tmp_path / "m.so", "--repeat", 20, "--dim", f"n={rows}", "--profile")
        assert finished.returncode == 0, finished.stderr
        assert report["flops"] == sum(kernel["flops"] for kernel in report["kernels"]) == 2 * rows * 96 * 32
        assert report["peak_gbps"] > 0 and report["peak_gflops"] >= report["sustained_gflops"] > 0
        product = next(kernel for kernel in report["kernels"] if kernel["flops"])
        assert product["launches"] == 1 and product["bytes"] == 4 * (rows * 96 + 96 * 32 + rows * 32)
        assert product["gflops"] == pytest.approx(product["flops"] / product["microseconds"] / 1e3)
        gather = next(kernel for kernel in report["kernels"] if not kernel["flops"])
        assert gather["bytes"] == 8 * rows + 4 * 2 * rows * 96
    table = tenon("bench", tmp_path / "m.so", "--repeat", 20, "--dim", "n=7", "--profile").stdout
    for word in ("GFLOP/s", "GB/s", "of memory", "brgemm", "read in order"):
        assert word in table


def test_text_for_people(tenon, add_relu):
    finished = tenon("bench", add_relu.library, "--seconds", "0.05", "--threads", 2, "--shape", "x:0=8x3", "--pin")
    assert finished.returncode == 0, finished.stderr
    for word in ("threads    2", "f32[8x3]", "median", "p99", "arena"):
        assert word in finished.stdout


@pytest.mark.parametrize("arguments, message", [(["--seconds", "0"], "--seconds"), (["--shape", "x:0=3"], "rank is 1 but 2 is expected")])
def test_wrong_requests(tenon, add_relu, arguments, message):
    finished = tenon("bench", add_relu.library, *arguments)
    assert finished.returncode == 2 and message in finished.stderr


def test_speed_where_the_operations_are_known(tenon, tenon_json, tmp_path):
    model = make_model([helper.make_node("MatMul", ["a", "b"], ["y"])], [("a", [64, 96]), ("b", [96, 32])], [("y", [64, 32])])
    onnx.save(model, tmp_path / "m.onnx")
    assert tenon("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so").returncode == 0
    report, _ = tenon_json("bench", tmp_path / "m.so", "--repeat", 20)
    assert report["flops"] == 2 * 64 * 96 * 32
    assert report["gflops"] == pytest.approx(report["flops"] / report["median_ms"] / 1e6)
    assert 0 < report["peak_percent"] == pytest.approx(100 * report["gflops"] / report["peak_gflops"])
