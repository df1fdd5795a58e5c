#!/usr/bin/env python3
"""Times Tenon beside its peers on the public models.

    tools/bench/compare_models.py [NAME...] [--threads 1 2] [--seconds S] [--case K...] [--peer PEER...] [--json FILE]

One process per model, input set and number of threads holds all engines, pinned to as many processors as they have
threads; they take turns (see measure.py). All are called from Python, with the same arrays. Each model is compiled with
no flag but those of --option. The ratio is the best peer's median time over Tenon's: above 1 Tenon is faster. Results
are compared with the reference outputs before anything is measured. Peers other than ONNX Runtime are used if their
package is installed: openvino.
"""

import argparse
import importlib.metadata
import importlib.util
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


def onnxruntime_runner(path: pathlib.Path, threads: int):
    session = open_onnxruntime(path, threads)
    return lambda feeds: session.run(None, feeds)


def openvino_runner(path: pathlib.Path, threads: int):
    """One stream, latency mode, f32: what a program that runs one input at a time would ask for."""
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()
    return lambda feeds: request.infer(feeds, share_inputs=True, share_outputs=False)


PEERS = {"onnxruntime": onnxruntime_runner, "openvino": openvino_runner}


def measure_model(name: str, threads: int, case: int, seconds: float, peers: list[str], options: dict) -> dict:
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
    engines, failures = {"tenon": lambda: model.run(feeds)}, {}
    for peer in peers:
        try:
            run = PEERS[peer](path, threads)
            run(feeds)
            engines[peer] = lambda run=run: run(feeds)
        except Exception as error:  # a peer that cannot run the model is a result
            failures[peer] = (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]
    timings = measure.time_in_turns(engines, seconds)
    best = min((peer for peer in peers if peer in timings), key=lambda peer: timings[peer].median, default=None)
    ratios = sorted(measure.Timing([theirs]).median / measure.Timing([ours]).median
                    for ours, theirs in zip(timings["tenon"].blocks, timings[best].blocks)) if best else [math.nan]
    return {
        "model": name, "threads": threads, "case": case, "correct": result.passed, "reason": result.reason, "best_peer": best,
        "ratio": timings[best].median / timings["tenon"].median if best else math.nan, "ratio_low": ratios[0], "ratio_high": ratios[-1],
        "compile_seconds": compile_seconds, "library_bytes": library_bytes, "failed_peers": failures,
        **{engine: timing.as_json() for engine, timing in timings.items()},
    }


def run_apart(name: str, threads: int, case: int, arguments: argparse.Namespace) -> dict:
    """measure_model in a new process; a model that fails is a result too."""
    command = [sys.executable, __file__, name, "--one", "--threads", str(threads), "--case", str(case), "--seconds",
               str(arguments.seconds), "--peer", *arguments.peer, *(f"--option={option}" for option in arguments.option)]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if done.returncode == 0 and lines:
        return json.loads(lines[-1])
    words = (done.stderr or done.stdout).strip().splitlines() or [f"ended with status {done.returncode}"]
    return {"model": name, "threads": threads, "case": case, "error": words[-1]}


def row(result: dict, peers: list[str]) -> list[str]:
    head = [result["model"], str(result["case"]), str(result["threads"])]
    if "error" in result:
        return [*head, *["-"] * (2 * len(peers) + 4), result["error"][:100]]
    times = []
    for engine in ["tenon", *peers]:
        times += [f"{result[engine]['median_ms']:.4f}", f"{result[engine]['spread']:.1%}"] if engine in result else ["failed", ""]
    return [*head, *times, f"{result['ratio']:.2f}", f"{result['ratio_low']:.2f}..{result['ratio_high']:.2f}",
            "" if result["correct"] else f"WRONG: {result['reason']}"]


def installed(peer: str) -> bool:
    return importlib.util.find_spec(peer) is not None


def print_means(results: list[dict], thread_numbers: list[int]) -> dict[str, float]:
    """The geometric mean for each number of threads, over the models that ran and were right."""
    means = {}
    for threads in thread_numbers:
        mine = [result for result in results if result["threads"] == threads]
        ratios = [result["ratio"] for result in mine if result.get("correct") and result["best_peer"]]
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
    parser = argparse.ArgumentParser(description="Times Tenon beside its peers on the public models.")
    parser.add_argument("names", nargs="*", default=MODELS, metavar="NAME", help=f"models of the catalogue (default: {' '.join(MODELS)})")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=3.0, help="measured time for each engine")
    parser.add_argument("--case", type=int, nargs="+", default=[0], help="input sets: 0 is the base one, K + 1 variant K; -1: all")
    parser.add_argument("--peer", nargs="+", choices=list(PEERS), default=[peer for peer in PEERS if installed(peer)])
    parser.add_argument("--option", action="append", default=[], metavar="NAME[=VALUE]", help="option of tenon.compile, such as cpu=x86-64-v3")
    parser.add_argument("--json", type=pathlib.Path, help="file for everything that was measured")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        options = dict(map(parse_option, arguments.option))
        print(json.dumps(measure_model(arguments.names[0], arguments.threads[0], arguments.case[0], arguments.seconds, arguments.peer, options)))
        return 0

    import inputs
    import tenon

    measure.warn_if_busy()
    versions = {peer: importlib.metadata.version(peer) for peer in arguments.peer}
    print(f"{measure.processor_name()}; Tenon {tenon.__version__}, {', '.join(map(' '.join, versions.items()))}; median times in ms, "
          "spread from the 10th to the 90th percentile\n", flush=True)
    results = []
    for threads in arguments.threads:
        for name in arguments.names:
            for case in range(len(inputs.cases(name))) if arguments.case == [-1] else arguments.case:
                results.append(run_apart(name, threads, case, arguments))
                print(" ".join(filter(None, row(results[-1], arguments.peer))), file=sys.stderr, flush=True)
    heads = [head for engine in ["tenon", *arguments.peer] for head in (engine, "+-")]
    measure.print_table(["model", "case", "threads", *heads, "ratio", "blocks", ""], [row(result, arguments.peer) for result in results])
    print()
    means = print_means(results, arguments.threads)
    if arguments.json:
        report = {"processor": measure.processor_name(), "tenon": tenon.__version__, "peers": versions,
                  "geometric_mean": means, "models": results}
        arguments.json.write_text(json.dumps(report, indent=1))
    return 0 if all(result.get("correct") for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
