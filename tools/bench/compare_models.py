#!/usr/bin/env python3
"""Times Tenon beside ONNX Runtime on the public models.

    tools/bench/compare_models.py [NAME...] [--threads 1 2] [--seconds S] [--case K] [--json FILE]

One process per model and number of threads holds both engines, pinned to as many processors as they have threads; they
take turns (see measure.py). Both are called from Python, with the same arrays. Each model is compiled with no flag but
those of --option. The ratio is ONNX Runtime's median time over Tenon's: above 1 Tenon is faster. Results are compared
with the reference outputs before anything is measured.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import measure

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or ROOT / "build")
TOOLS = pathlib.Path(os.environ.get("TENON_MODELS_TOOLS") or ROOT.parent / "shared/models")
sys.path[:0] = [str(BUILD / "python"), str(TOOLS)]

# Those that issue and README speak of; all others of the catalogue may be named.
MODELS = ["ppocr_cls", "resnet_nsfw", "yolov8n_320", "wake_embed", "wake_mel", "eeg_spindle", "magika", "dtln_1", "surf_mlp", "basic_pitch"]


def open_onnxruntime(path: pathlib.Path, threads: int):
    """A session with ONNX Runtime's default optimizations."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def measure_model(name: str, threads: int, case: int, seconds: float, options: dict) -> dict:
    """Runs in a process of its own."""
    import fetch
    import inputs
    import reference
    import tenon

    path = fetch.model_path(name)
    with tempfile.TemporaryDirectory(prefix="tenon-bench-") as folder:
        started = time.perf_counter()
        library = tenon.compile(path, os.path.join(folder, "model.so"), **options)
        compile_seconds = time.perf_counter() - started
        library_bytes = os.path.getsize(library)
        # Before the engines start threads, which inherit it.
        measure.pin(threads)
        model = tenon.load(library, threads=threads)
    feeds = inputs.cases(name)[case]()
    result = reference.compare(model.run(feeds), reference.outputs(name, case), fetch.load_catalogue()[name]["tolerance"])
    session = open_onnxruntime(path, threads)
    timings = measure.time_in_turns({"tenon": lambda: model.run(feeds), "onnxruntime": lambda: session.run(None, feeds)}, seconds)
    ratios = sorted(measure.Timing([theirs]).median / measure.Timing([ours]).median
                    for ours, theirs in zip(timings["tenon"].blocks, timings["onnxruntime"].blocks))
    return {
        "model": name, "threads": threads, "case": case, "correct": result.passed, "reason": result.reason,
        "ratio": timings["onnxruntime"].median / timings["tenon"].median, "ratio_low": ratios[0], "ratio_high": ratios[-1],
        "compile_seconds": compile_seconds, "library_bytes": library_bytes,
        **{engine: timing.as_json() for engine, timing in timings.items()},
    }


def run_apart(name: str, threads: int, arguments: argparse.Namespace) -> dict:
    """measure_model in a new process; a model that fails is a result too."""
    command = [sys.executable, __file__, name, "--one", "--threads", str(threads), "--case", str(arguments.case), "--seconds",
               str(arguments.seconds), *(f"--option={option}" for option in arguments.option)]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if done.returncode == 0 and lines:
        return json.loads(lines[-1])
    words = (done.stderr or done.stdout).strip().splitlines() or [f"ended with status {done.returncode}"]
    return {"model": name, "threads": threads, "error": words[-1]}


def row(result: dict) -> list[str]:
    if "error" in result:
        return [result["model"], str(result["threads"]), "-", "-", "-", "-", "-", "-", result["error"][:100]]
    ours, theirs = result["tenon"], result["onnxruntime"]
    return [result["model"], str(result["threads"]),
            f"{ours['median_ms']:.4f}", f"{ours['spread']:.1%}", f"{theirs['median_ms']:.4f}", f"{theirs['spread']:.1%}",
            f"{result['ratio']:.2f}", f"{result['ratio_low']:.2f}..{result['ratio_high']:.2f}",
            "" if result["correct"] else f"WRONG: {result['reason']}"]


def print_means(results: list[dict], thread_numbers: list[int]) -> dict[str, float]:
    """The geometric mean for each number of threads, over the models that ran and were right."""
    means = {}
    for threads in thread_numbers:
        mine = [result for result in results if result["threads"] == threads]
        ratios = [result["ratio"] for result in mine if result.get("correct")]
        if ratios:
            means[str(threads)] = math.exp(sum(map(math.log, ratios)) / len(ratios))
            print(f"{threads} thread{'s' if threads > 1 else ''}: geometric mean {means[str(threads)]:.3f} over {len(ratios)} of "
                  f"{len(mine)} models, least {min(ratios):.2f}, greatest {max(ratios):.2f}")
        else:
            print(f"{threads} thread{'s' if threads > 1 else ''}: no model ran and was right")
    return means


def parse_option(text: str) -> tuple[str, object]:
    name, separator, value = text.partition("=")
    return name.replace("-", "_"), value if separator else True


def main() -> int:
    parser = argparse.ArgumentParser(description="Times Tenon beside ONNX Runtime on the public models.")
    parser.add_argument("names", nargs="*", default=MODELS, metavar="NAME", help=f"models of the catalogue (default: {' '.join(MODELS)})")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=3.0, help="measured time for each engine")
    parser.add_argument("--case", type=int, default=0, help="input set: 0 is the base one, K + 1 variant K")
    parser.add_argument("--option", action="append", default=[], metavar="NAME[=VALUE]", help="option of tenon.compile, such as cpu=x86-64-v3")
    parser.add_argument("--json", type=pathlib.Path, help="file for everything that was measured")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        options = dict(map(parse_option, arguments.option))
        print(json.dumps(measure_model(arguments.names[0], arguments.threads[0], arguments.case, arguments.seconds, options)))
        return 0

    import onnxruntime
    import tenon

    measure.warn_if_busy()
    print(f"{measure.processor_name()}; Tenon {tenon.__version__}, ONNX Runtime {onnxruntime.__version__}; median times in ms, spread "
          "from the 10th to the 90th percentile\n", flush=True)
    results = []
    for threads in arguments.threads:
        for name in arguments.names:
            results.append(run_apart(name, threads, arguments))
            print(" ".join(filter(None, row(results[-1]))), file=sys.stderr, flush=True)
    measure.print_table(["model", "threads", "Tenon", "+-", "ONNX Runtime", "+-", "ratio", "blocks", ""], [row(result) for result in results])
    print()
    means = print_means(results, arguments.threads)
    if arguments.json:
        report = {"processor": measure.processor_name(), "tenon": tenon.__version__, "onnxruntime": onnxruntime.__version__,
                  "geometric_mean": means, "models": results}
        arguments.json.write_text(json.dumps(report, indent=1))
    return 0 if all(result.get("correct") for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
