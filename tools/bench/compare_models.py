#!/usr/bin/env python3
"""Times Tenon beside its peers on the public models, on generated ones, or on any ONNX file.

    tools/bench/compare_models.py [NAME...] [--threads 1 2] [--seconds S] [--case K...] [--peer PEER...] [--json FILE] [--html FILE]

One process per model, input set and number of threads holds all engines, pinned to as many processors as they have
threads; they take turns (see measure.py). All are called from Python, with the same arrays. Each model is compiled with
no flag but those of --option. The ratio is the best peer's median time over Tenon's: above 1 Tenon is faster. Results
of all engines are compared with the reference outputs before anything is measured; a peer whose results are wrong is
shown, but is not the best one. What the columns mean is said in docs/benchmarking.md.
"""

import argparse
import importlib.metadata
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import generated
import measure
import peers
import workloads

BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or workloads.ROOT / "build")
sys.path.insert(0, str(BUILD / "python"))
PROFILE_SECONDS = 0.5


def open_peers(names: list[str], workload: workloads.Workload, threads: int) -> tuple[dict, dict, dict]:
    """Functions that run the peers, what is wrong with the results of some, and why others cannot run the model."""
    engines, wrong, failures = {}, {}, {}
    for peer in names:
        try:
            run = peers.PEERS[peer](workload.path, threads)
            fault = workload.fault(dict(zip(workload.expected, run(workload.feeds))))
        except Exception as error:  # a peer that cannot run the model is a result
            failures[peer] = (str(error.__cause__ or error).strip().splitlines() or [type(error).__name__])[-1][:200]
            continue
        engines[peer] = lambda run=run: run(workload.feeds)
        if fault:
            wrong[peer] = fault
    return engines, wrong, failures


def measure_model(workload: workloads.Workload, threads: int, arguments: argparse.Namespace) -> dict:
    """Runs in a process of its own."""
    import tenon

    options = dict(map(parse_option, arguments.option))
    with tempfile.TemporaryDirectory(prefix="tenon-bench-") as folder:
        started = time.perf_counter()
        library = tenon.compile(workload.path, os.path.join(folder, "model.so"), **options)
        compile_seconds = time.perf_counter() - started
        # Before the engines start threads, which inherit it.
        measure.pin(threads)
        model = tenon.load(library, threads=threads)
        fault = workload.fault(model.run(workload.feeds))
        engines, wrong, failures = open_peers(arguments.peer, workload, threads)
        timings = measure.time_in_turns({"tenon": lambda: model.run(workload.feeds), **engines}, arguments.seconds)
        result = {
            "model": workload.label, "threads": threads, "case": workload.case, "correct": not fault, "reason": fault,
            "compile_seconds": compile_seconds, "library_bytes": os.path.getsize(library), "failed_peers": failures, "wrong_peers": wrong,
            **compare([peer for peer in engines if peer not in wrong], timings), **{engine: timing.as_json() for engine, timing in timings.items()},
        }
        if arguments.profile:
            result["profile"] = profile(library, workload.feeds, threads, folder)
    return result


def compare(right_peers: list[str], timings: dict[str, measure.Timing]) -> dict:
    """The best of the peers, and the ratio of its time to Tenon's: over all runs, and the least and greatest of a block."""
    best = min(right_peers, key=lambda peer: timings[peer].median, default=None)
    if not best:
        return {"best_peer": None, "ratio": None, "ratio_low": None, "ratio_high": None}
    ratios = [measure.Timing([theirs]).median / measure.Timing([ours]).median
              for ours, theirs in zip(timings["tenon"].blocks, timings[best].blocks)]
    return {"best_peer": best, "ratio": timings[best].median / timings["tenon"].median, "ratio_low": min(ratios), "ratio_high": max(ratios)}


def profile(library: str, feeds: dict, threads: int, folder: str) -> dict:
    """The report of `tenon bench --profile` on the same inputs; {"error": ...} when it fails."""
    import numpy

    command = [str(BUILD / "bin/tenon"), "bench", library, "--profile", "--json", "--threads", str(threads), "--pin", "--seconds", str(PROFILE_SECONDS)]
    for index, (name, array) in enumerate(feeds.items()):
        numpy.save(os.path.join(folder, f"{index}.npy"), array)
        command += ["--input", f"{name}={folder}/{index}.npy"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return {"error": (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]}
    report = json.loads(done.stdout)
    del report["model"]
    return report


def run_apart(name: str, threads: int, case: int, arguments: argparse.Namespace, peer_names: list[str] | None = None) -> dict:
    """measure_model in a new process; a model that fails is a result too."""
    names = arguments.peer if peer_names is None else peer_names
    with tempfile.TemporaryDirectory(prefix="tenon-bench-") as folder:
        report = pathlib.Path(folder, "result.json")
        command = [sys.executable, __file__, name, "--one", str(report), "--threads", str(threads), "--case", str(case), "--seconds",
                   str(arguments.seconds), "--peer", *names, *(f"--option={option}" for option in arguments.option),
                   *(["--profile"] if arguments.profile else [])]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0 and report.exists():
            return json.loads(report.read_text())
    # A signal: one of the engines took the process along. Each peer is tried beside Tenon alone, for no longer than needed.
    if done.returncode < 0 and peer_names is None and names:
        return run_without_crashing(name, threads, case, arguments)
    words = (done.stderr or done.stdout).strip().splitlines() or [f"ended with status {done.returncode}"]
    return {"model": workloads.Workload(name).label, "threads": threads, "case": case, "error": words[-1]}


def run_without_crashing(name: str, threads: int, case: int, arguments: argparse.Namespace) -> dict:
    short = argparse.Namespace(**{**vars(arguments), "seconds": 0.01, "profile": False})
    alone = {peer: run_apart(name, threads, case, short, [peer]) for peer in arguments.peer}
    usable = [peer for peer, result in alone.items() if "error" not in result]
    result = run_apart(name, threads, case, arguments, usable)
    if "error" not in result:
        result["failed_peers"] |= {peer: "ended the process" for peer in arguments.peer if peer not in usable}
    return result


def remarks(result: dict) -> str:
    words = [] if result["correct"] else [f"WRONG: {result['reason']}"]
    words += [f"{peer} wrong: {reason}" for peer, reason in result["wrong_peers"].items()]
    return "; ".join(words)


def row(result: dict, peer_names: list[str]) -> list[str]:
    head = [result["model"], str(result["case"]), str(result["threads"])]
    if "error" in result:
        return [*head, *["-"] * (3 * len(peer_names) + 5), result["error"][:100]]
    cells = []
    for engine in ["tenon", *peer_names]:
        if engine in result:
            mark = "!" if engine in result["wrong_peers"] else ""
            cells += [f"{mark}{result[engine]['median_ms']:.4f}", f"{result[engine]['spread']:.1%}", f"{result[engine]['processors']:.2f}"]
        else:
            cells += ["failed", "", ""]
    ratios = [f"{result['ratio']:.2f}", f"{result['ratio_low']:.2f}..{result['ratio_high']:.2f}"] if result["best_peer"] else ["-", "-"]
    return [*head, *cells, *ratios, remarks(result)]


def geometric_means(results: list[dict]) -> dict[str, dict]:
    """For each number of threads, over the models that ran and were right."""
    means = {}
    for threads in dict.fromkeys(result["threads"] for result in results):
        mine = [result for result in results if result["threads"] == threads]
        ratios = [result["ratio"] for result in mine if result.get("correct") and result["best_peer"]]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None
        means[str(threads)] = {"ratio": mean, "models": len(ratios), "of": len(mine), "least": min(ratios, default=None), "greatest": max(ratios, default=None)}
    return means


def print_means(means: dict[str, dict]) -> None:
    for threads, mean in means.items():
        head = f"{threads} thread{'s' if threads != '1' else ''}: "
        print(head + (f"geometric mean {mean['ratio']:.3f} over {mean['models']} of {mean['of']} models, least {mean['least']:.2f}, greatest "
                      f"{mean['greatest']:.2f}" if mean["models"] else "no model ran and was right beside a peer that was"))


def parse_option(text: str) -> tuple[str, object]:
    name, separator, value = text.partition("=")
    return name.replace("-", "_"), value if separator else True


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Times Tenon beside its peers on the public models.")
    parser.add_argument("names", nargs="*", default=workloads.DEFAULT_NAMES, metavar="NAME",
                        help=f"models of the catalogue, generated ones (--list), or ONNX files (default: {' '.join(workloads.DEFAULT_NAMES)})")
    parser.add_argument("--list", action="store_true", help="print the names of the generated models and end")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=3.0, help="measured time for each engine")
    parser.add_argument("--case", type=int, nargs="+", default=[0], help="input sets: 0 is the base one, K + 1 variant K; -1: all")
    parser.add_argument("--peer", nargs="*", choices=list(peers.PEERS), default=peers.installed())
    parser.add_argument("--option", action="append", default=[], metavar="NAME[=VALUE]", help="option of tenon.compile, such as cpu=x86-64-v3")
    parser.add_argument("--json", type=pathlib.Path, help="file for everything that was measured")
    parser.add_argument("--html", type=pathlib.Path, help="file for a page with charts; measures each kernel too")
    parser.add_argument("--profile", action="store_true", help="measure each kernel of Tenon too, for --json")
    parser.add_argument("--one", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.profile |= arguments.html is not None
    return arguments


def main() -> int:
    arguments = parse_arguments()
    if arguments.list:
        print("\n".join(generated.MODELS))
        return 0
    if arguments.one:
        workload = workloads.Workload(arguments.names[0], arguments.case[0])
        arguments.one.write_text(json.dumps(measure_model(workload, arguments.threads[0], arguments)))
        return 0

    import tenon

    if arguments.html:
        import report  # now: a missing package is told before hours of measuring

    measure.warn_if_busy()
    versions = {peer: importlib.metadata.version(peer) for peer in arguments.peer}
    print(f"{measure.processor_name()}; {', '.join(map(' '.join, {'Tenon': tenon.__version__, **versions}.items()))}; median times in ms, "
          "+-: half the spread from the 10th to the 90th percentile, cpu: processor time over wall time, !: wrong results\n", flush=True)
    results = []
    for threads in arguments.threads:
        for name in arguments.names:
            for case in range(workloads.number_of_cases(name)) if arguments.case == [-1] else arguments.case:
                results.append(run_apart(name, threads, case, arguments))
                print(" ".join(filter(None, row(results[-1], arguments.peer))), file=sys.stderr, flush=True)
    heads = [head for engine in ["tenon", *arguments.peer] for head in (engine, "+-", "cpu")]
    measure.print_table(["model", "case", "threads", *heads, "ratio", "blocks", ""], [row(result, arguments.peer) for result in results])
    print()
    means = geometric_means(results)
    print_means(means)
    comparison = {"processor": measure.processor_name(), "tenon": tenon.__version__, "peers": versions, "geometric_mean": means, "models": results}
    if arguments.json:
        arguments.json.write_text(json.dumps(comparison, indent=1))
    if arguments.html:
        arguments.html.write_text(report.page(comparison))
    return 0 if all(result.get("correct") for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
