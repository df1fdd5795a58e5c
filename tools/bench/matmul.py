#!/usr/bin/env python3
"""f32 matrix products C = A B of square matrices, against the multiply-add peak.

    tools/bench/matmul.py [--sizes 512 1024 2048] [--threads 1 2] [--seconds S] [--json FILE]

B is a constant, packed when the model is compiled, or an input, packed in each run. Every run is pinned to as many
processors as it has threads. Products and the peak take turns, in several blocks, for a processor's clock changes from
second to second: a part is the median over the blocks of what was reached of the block's own. The peak is the best of
many calls of some microseconds; what a loop of nothing but multiply-adds sustains for a tenth of a second is less, and as
much as a product of many milliseconds can reach. With two threads the last column is what they gain over one, as a part
of what the peak gains.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import measure

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or ROOT / "build")
PROGRAM = str(BUILD / "bin/tenon")
BLOCKS = 8


def write_model(path: pathlib.Path, size: int, constant: bool) -> None:
    import numpy
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def value(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [size, size])

    weights = numpy.random.default_rng(1).standard_normal((size, size), dtype=numpy.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])], "matmul", [value("a")] if constant else [value("a"), value("b")], [value("c")],
        [numpy_helper.from_array(weights, "b")] if constant else [])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)


def run(*arguments: str) -> str:
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"error: tenon {' '.join(arguments)}\n{done.stderr}")
    return done.stdout


def measure_product(library: str, size: int, threads: int, seconds: float) -> dict:
    """`tenon bench` measures the peak beside each block of runs."""
    blocks = [json.loads(run("bench", library, "--threads", str(threads), "--seconds", str(seconds / BLOCKS), "--pin", "--json")) for _ in range(BLOCKS)]
    for block in blocks:
        block["rate"] = 2 * size**3 / (block["median_ms"] * 1e6)

    def median(name):
        return statistics.median(block[name] for block in blocks)

    parts = [statistics.median(block["rate"] / block[name] for block in blocks) for name in ("peak_gflops", "sustained_gflops")]
    return {"gflops": median("rate"), "peak_gflops": median("peak_gflops"), "sustained_gflops": median("sustained_gflops"), "part_of_peak": parts[0],
            "part_of_sustained": parts[1], "median_ms": median("median_ms"), "min_ms": min(block["min_ms"] for block in blocks)}


def measure_all(arguments: argparse.Namespace) -> list[dict]:
    results = []
    with tempfile.TemporaryDirectory(prefix="tenon-bench-") as folder:
        for constant in (True, False):
            for size in arguments.sizes:
                model, library = pathlib.Path(folder, "matmul.onnx"), os.path.join(folder, "matmul.so")
                write_model(model, size, constant)
                run("compile", str(model), "-o", library, *(f"--{option}" for option in arguments.option))
                for threads in arguments.threads:
                    product = measure_product(library, size, threads, arguments.seconds)
                    results.append({"b": "constant" if constant else "input", "size": size, "threads": threads, **product})
    return results


def add_gains(results: list[dict]) -> None:
    """What further threads gain over one, relative to what the peak gains."""
    single = {(result["b"], result["size"]): result for result in results if result["threads"] == 1}
    for result in results:
        one = single.get((result["b"], result["size"]))
        if one and result["threads"] > 1:
            result["gain"] = (result["gflops"] / one["gflops"]) / (result["peak_gflops"] / one["peak_gflops"])


def main() -> int:
    parser = argparse.ArgumentParser(description="f32 matrix products against the processor's measured peak.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--option", action="append", default=[], metavar="FLAG[=VALUE]", help="flag of tenon compile, such as cpu=x86-64-v3")
    parser.add_argument("--json", type=pathlib.Path, help="file for everything that was measured")
    arguments = parser.parse_args()
    measure.warn_if_busy()
    print(f"{measure.processor_name()}\n", flush=True)
    results = measure_all(arguments)
    add_gains(results)
    measure.print_table(
        ["B", "size", "threads", "median ms", "GFLOP/s", "peak", "of peak", "sustained", "of it", "gain"],
        [[result["b"], str(result["size"]), str(result["threads"]), f"{result['median_ms']:.3f}", f"{result['gflops']:.1f}", f"{result['peak_gflops']:.1f}",
          f"{result['part_of_peak']:.1%}", f"{result['sustained_gflops']:.1f}", f"{result['part_of_sustained']:.1%}",
          f"{result['gain']:.1%}" if "gain" in result else ""] for result in results])
    if arguments.json:
        arguments.json.write_text(json.dumps({"processor": measure.processor_name(), "products": results}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
