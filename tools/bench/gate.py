#!/usr/bin/env python3
"""Compares two revisions of Tenon, and fails when a model has become slower or its results wrong.

    tools/bench/gate.py OLD NEW [MODEL...] [--threads 1 2] [--threshold 0.03] [--seconds S] [--rounds N] [--json FILE]

OLD and NEW are build folders, or revisions of git, which are built first. Models are names of the catalogue or of the generated models, or ONNX files.
Both revisions compile a model; one process per model and number of threads then runs both libraries in turns, each with its
own runtime. Every round opens both anew, so that where their memory happens to lie is part of the noise and not of the
result. The ratio is NEW's time over OLD's: above 1 is slower.

A model is slower when the whole confidence interval of the ratio lies above 1 + threshold, twice: what looks slower is
measured again. Exit status 1: a model is slower, or it worked with OLD and fails or has wrong results with NEW.
docs/benchmarking.md says more.
"""

import argparse
import ctypes
import json
import math
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

import measure
import revisions
import workloads

NUMPY_NAMES = {"f16": "float16", "f32": "float32", "f64": "float64", "bool": "bool"}
MAX_RANK = 16
ERROR_BYTES = 512
MAX_TIMES = 1 << 20
CONFIDENCE = 0.99
RESAMPLES = 4000


class Host:
    """A revision's runtime (gate_host.c) and the library that it compiled."""

    def __init__(self, host: str, library: str, workload: workloads.Workload, threads: int):
        import numpy

        self._library, self._threads = library.encode(), threads
        self._code = ctypes.CDLL(host)
        self._code.gate_open.restype = ctypes.c_void_p
        self._code.gate_output.restype = ctypes.c_char_p
        self._error = ctypes.create_string_buffer(ERROR_BYTES)
        self._times = (ctypes.c_uint64 * MAX_TIMES)()
        # Kept: the runtime borrows them.
        self._feeds = {name.encode(): numpy.require(array, requirements="C") for name, array in workload.feeds.items()}
        self._model = None

    def open(self) -> None:
        self._model = ctypes.c_void_p(self._code.gate_open(self._library, ctypes.c_uint32(self._threads), self._error, ctypes.c_size_t(ERROR_BYTES)))
        self._check(self._model.value is None)
        for name, array in self._feeds.items():
            dims = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
            self._check(self._call("gate_input", name, ctypes.c_uint32(array.itemsize), ctypes.c_uint32(array.ndim), dims, ctypes.c_void_p(array.ctypes.data)))

    def close(self) -> None:
        self._code.gate_close(self._model)
        self._model = None

    def outputs(self) -> dict:
        """Runs once; the outputs by name."""
        import numpy

        self._check(self._call("gate_run"))
        results, dtype, rank, dims, data = {}, ctypes.c_char_p(), ctypes.c_uint32(), (ctypes.c_int64 * MAX_RANK)(), ctypes.c_void_p()
        while name := self._code.gate_output(self._model, ctypes.c_uint32(len(results)), ctypes.byref(dtype), ctypes.byref(rank), dims, ctypes.byref(data)):
            kind = dtype.value.decode()
            element = numpy.dtype(NUMPY_NAMES.get(kind) or kind.replace("i", "int").replace("u", "uint"))
            shape = tuple(dims[:rank.value])
            results[name.decode()] = numpy.frombuffer(ctypes.string_at(data, math.prod(shape) * element.itemsize), element).reshape(shape)
        return results

    def time(self, seconds: float) -> float:
        """The median time of a block of runs."""
        count = ctypes.c_uint64()
        self._check(self._call("gate_time", ctypes.c_double(seconds), self._times, ctypes.c_uint64(MAX_TIMES), ctypes.byref(count)))
        return statistics.median(self._times[:count.value]) / 1e9

    def _call(self, function: str, *arguments) -> int:
        return getattr(self._code, function)(self._model, *arguments, self._error, ctypes.c_size_t(ERROR_BYTES))

    def _check(self, failed) -> None:
        if failed:
            raise RuntimeError(self._error.value.decode(errors="replace"))


def measure_rounds(hosts: dict[str, Host], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Median times by round. The order alternates: nobody always runs behind the same other."""
    times = {name: [] for name in hosts}
    for number in range(rounds):
        for name in list(hosts) if number % 2 == 0 else reversed(list(hosts)):
            hosts[name].open()
            time.sleep(measure.PAUSE_SECONDS)
            times[name].append(hosts[name].time(seconds / rounds))
            hosts[name].close()
    return times


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """The median of the rounds' ratios and its confidence interval, by bootstrap over rounds (the percentile method: B. Efron,
    Bootstrap methods: another look at the jackknife, Annals of Statistics 7, 1979). Always the same for the same ratios."""
    generator = random.Random(0)
    medians = sorted(statistics.median(generator.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    cut = int((1 - CONFIDENCE) / 2 * RESAMPLES)
    return statistics.median(ratios), medians[cut], medians[-1 - cut]


def verdict(low: float, high: float, threshold: float) -> str:
    if low > 1 + threshold:
        return "slower"
    return "faster" if high < 1 / (1 + threshold) else "same"


def first_outputs(hosts: dict[str, Host], workload: workloads.Workload) -> tuple[dict, dict]:
    """Why a revision cannot run the model, and what is wrong with the results of those that can."""
    errors, faults = {}, {}
    for name, host in hosts.items():
        try:
            host.open()
            faults[name] = workload.fault(host.outputs())
            host.close()
        except RuntimeError as error:
            errors[name] = str(error)
    return errors, faults


def measure_model(workload: workloads.Workload, threads: int, arguments: argparse.Namespace) -> dict:
    """Runs in a process of its own. `arguments.hosts` and `arguments.libraries` are those of old and new."""
    measure.pin(threads)
    head = {"model": workload.label, "threads": threads, "case": workload.case}
    hosts = {name: Host(host, library, workload, threads) for name, host, library in zip(("old", "new"), arguments.hosts, arguments.libraries)}
    errors, faults = first_outputs(hosts, workload)
    if errors:
        return {**head, **failure(errors)}
    found = summary(measure_rounds(hosts, arguments.rounds, arguments.seconds), arguments.threshold)
    if found["verdict"] == "slower":
        # Once more: with many models, one of them meets a bad moment.
        found = {**summary(measure_rounds(hosts, arguments.rounds, arguments.seconds), arguments.threshold), "first": found}
    if faults["new"] and not faults["old"]:
        found["verdict"] = "wrong"
    return {**head, **found, "faults": faults}


def failure(errors: dict[str, str]) -> dict:
    """What works with neither revision is no step back, and neither is what starts to work."""
    return {"verdict": "not compared" if "old" in errors else "failed", "error": "; ".join(f"{name}: {error}" for name, error in errors.items())}


def summary(times: dict[str, list[float]], threshold: float) -> dict:
    ratios = [new / old for old, new in zip(times["old"], times["new"])]
    ratio, low, high = interval(ratios)
    return {"ratio": ratio, "low": low, "high": high, "verdict": verdict(low, high, threshold), "ratios": ratios,
            **{f"{name}_ms": 1e3 * statistics.median(blocks) for name, blocks in times.items()}}


def run_apart(workload: workloads.Workload, threads: int, pair: dict[str, revisions.Revision], hosts: list[str], arguments: argparse.Namespace) -> dict:
    """Compiles with both and measures in a new process; a failure is a result too."""
    head, errors = {"model": workload.label, "threads": threads, "case": workload.case}, {}
    with tempfile.TemporaryDirectory(prefix="tenon-gate-") as folder:
        libraries = [str(pathlib.Path(folder, f"{name}.so")) for name in pair]
        for (name, revision), library in zip(pair.items(), libraries):
            try:
                revision.compile(workload.path, pathlib.Path(library), arguments.flag)
            except RuntimeError as error:
                errors[name] = str(error)
        if errors:
            return {**head, **failure(errors)}
        report = pathlib.Path(folder, "result.json")
        command = [sys.executable, __file__, ".", ".", workload.name, "--one", str(report), "--hosts", *hosts, "--libraries", *libraries, "--threads",
                   str(threads), "--case", str(workload.case), "--seconds", str(arguments.seconds), "--rounds", str(arguments.rounds), "--threshold",
                   str(arguments.threshold)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0 or not report.exists():
            return {**head, "verdict": "failed", "error": (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]}
        return json.loads(report.read_text())


def row(result: dict) -> list[str]:
    head = [result["model"], str(result["case"]), str(result["threads"])]
    if "error" in result:
        return [*head, "", "", "", "", result["verdict"], result["error"][:120]]
    faults = "; ".join(f"{name}: {fault}" for name, fault in result["faults"].items() if fault)
    return [*head, f"{result['old_ms']:.4f}", f"{result['new_ms']:.4f}", f"{result['ratio']:.3f}", f"{result['low']:.3f}..{result['high']:.3f}",
            result["verdict"], faults]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compares two revisions of Tenon; exit status 1 when a model became slower or wrong.")
    parser.add_argument("old", help="build folder or revision of git")
    parser.add_argument("new", help="build folder or revision of git")
    parser.add_argument("names", nargs="*", default=workloads.DEFAULT_NAMES, metavar="MODEL", help="models of the catalogue, generated ones, or ONNX files")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--case", type=int, nargs="+", default=[0], help="input sets, as for compare_models.py")
    parser.add_argument("--seconds", type=float, default=4.0, help="measured time for each revision")
    parser.add_argument("--rounds", type=int, default=20, help="in how many rounds")
    parser.add_argument("--threshold", type=float, default=0.03, help="how much slower is too slow")
    parser.add_argument("--flag", action="append", default=[], metavar="FLAG", help="flag of tenon compile, such as --flag=--optimize=size")
    parser.add_argument("--json", type=pathlib.Path, help="file for everything that was measured")
    parser.add_argument("--one", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--hosts", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--libraries", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rounds < 5 or arguments.seconds <= 0 or arguments.threshold < 0:
        parser.error("at least 5 rounds, more than 0 seconds and no negative threshold are needed")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    if arguments.one:
        workload = workloads.Workload(arguments.names[0], arguments.case[0])
        arguments.one.write_text(json.dumps(measure_model(workload, arguments.threads[0], arguments)))
        return 0
    pair = {"old": revisions.find(arguments.old), "new": revisions.find(arguments.new)}
    measure.warn_if_busy()
    print(f"{measure.processor_name()}; old: {pair['old'].name}, new: {pair['new'].name}; times in ms, ratio new / old with its {CONFIDENCE:.0%} "
          f"confidence interval, threshold {arguments.threshold:.1%}\n", flush=True)
    results = []
    with tempfile.TemporaryDirectory(prefix="tenon-gate-") as folder:
        hosts = [str(pathlib.Path(folder, f"{name}.so")) for name in pair]
        for revision, host in zip(pair.values(), hosts):
            revision.build_host(pathlib.Path(host))
        for threads in arguments.threads:
            for name in arguments.names:
                for case in range(workloads.number_of_cases(name)) if arguments.case == [-1] else arguments.case:
                    results.append(run_apart(workloads.Workload(name, case), threads, pair, hosts, arguments))
                    print(" ".join(filter(None, row(results[-1]))), file=sys.stderr, flush=True)
    measure.print_table(["model", "case", "threads", "old", "new", "ratio", "interval", "verdict", ""], list(map(row, results)))
    bad = [result for result in results if result["verdict"] in ("slower", "wrong", "failed")]
    ratios = [result["ratio"] for result in results if "ratio" in result]
    if ratios:
        print(f"\ngeometric mean of ratios {statistics.geometric_mean(ratios):.3f}")
    print(f"{len(bad)} of {len(results)} are slower, wrong or failed")
    if arguments.json:
        arguments.json.write_text(json.dumps({"processor": measure.processor_name(), "old": pair["old"].name, "new": pair["new"].name,
                                              "threshold": arguments.threshold, "models": results}, indent=1))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
