#!/usr/bin/env python3
"""Compiles random models and compares them with ONNX's reference evaluator.

    test/fuzz/run.py                        the seeds of the test command
    test/fuzz/run.py --seeds 0..20000       a long run
    test/fuzz/run.py --seeds 17             one of them again
    test/fuzz/run.py --replay FOLDER        a failure that was written before

A seed names its model for good, as long as the generator stays as it is. Every model is compiled as users do and with --reference, and
run with the extents of each of its worlds. A failure is made small and written to build/fuzz/seed-N: model.onnx, the inputs of
each world as inputs-W.npz, report.txt. Ends with `N passed, N failed`. docs/random-models.md says more.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or ROOT / "build")
# The compiled package, the isolation of crashes and the numeric tests' comparison.
sys.path[1:1] = [str(BUILD / "python"), str(ROOT / "test/conformance"), str(ROOT / "test/numerics")]

import numpy  # noqa: E402
import onnx  # noqa: E402

import families  # noqa: E402
import graph  # noqa: E402
import judge  # noqa: E402
import oracle  # noqa: E402
import shrink  # noqa: E402
import workers  # noqa: E402

SEEDS = range(100)
LONG_SEEDS = range(3000)
FOLDER = BUILD / "fuzz"
# Refusals that are no faults: each has a reason.
REFUSALS = [(re.compile(entry["message"]), entry["reason"]) for entry in json.loads(pathlib.Path(__file__).with_name("refusals.json").read_text())]


def make_case(seed: int) -> graph.Case:
    return graph.RandomGraph(seed, families.FAMILIES).case()


def run_seed(seed: int, small: bool, enter_stage) -> None:
    """Raises workers.Failure with the case's first problem, made small."""
    case = make_case(seed)
    problem = judge.check(case, enter_stage=enter_stage)
    if problem and not refusal_reason(problem):
        enter_stage("compare")
        raise workers.Failure(f"{problem.mode} {problem.kind}", write_small(seed, case, problem) if small else str(problem))


def refusal_reason(problem: judge.Problem) -> str | None:
    return next((reason for pattern, reason in REFUSALS if problem.kind == "refused" and pattern.search(problem.message)), None)


def write_small(seed: int, case: graph.Case, problem: judge.Problem) -> str:
    """Makes a failing case small and writes it; returns its summary."""
    case, problem = shrink.shrink(case, problem)
    folder = FOLDER / f"seed-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    for world, feeds in enumerate(case.feeds):
        numpy.savez(folder / f"inputs-{world}.npz", **{name: _storable(array) for name, array in feeds.items()})
    (folder / "kinds.json").write_text(json.dumps(case.kinds))
    summary = f"{', '.join(node.op_type for node in case.model.graph.node)}; {problem}; ONNX Runtime {judge.arbiter(case)}"
    (folder / "report.txt").write_text(f"seed {seed}: {summary}\n\n{onnx.printer.to_text(case.model)}\n")
    return f"{folder}: {summary}"


def write_death(seed: int) -> str:
    """The same for a case that ended its process."""
    case = make_case(seed)
    problem = next(filter(None, (shrink.failure_of(case, mode) for mode in judge.MODES)), None)
    return write_small(seed, case, problem) if problem else "does not fail again by itself"


def _storable(array: numpy.ndarray) -> numpy.ndarray:
    """numpy's files know no bfloat16."""
    return array.astype(numpy.float32) if array.dtype.name == "bfloat16" else array


def replay(folder: pathlib.Path) -> int:
    model = onnx.load(folder / "model.onnx")
    types = {info.name: onnx.helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type) for info in model.graph.input}
    feeds = [{name: array.astype(types[name]) for name, array in numpy.load(path).items()} for path in sorted(folder.glob("inputs-*.npz"))]
    kinds = json.loads((folder / "kinds.json").read_text())
    values = oracle.evaluate_model(model, feeds, kinds)
    case = graph.Case(model, feeds, kinds, {info.name: values[info.name] for info in model.graph.output})
    problems = list(filter(None, (shrink.failure_of(case, mode) for mode in judge.MODES)))
    print("\n".join(map(str, problems)) or "passes", f"\nONNX Runtime {judge.arbiter(case)}")
    return 1 if problems else 0


def parse_range(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last) if last else int(first) + 1)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compiles random models and compares them with ONNX's reference evaluator.")
    parser.add_argument("--seeds", type=parse_range, metavar="FIRST..END", help="END is not included")
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("TENON_JOBS") or os.cpu_count()))
    parser.add_argument("--long", action="store_true", help=f"{len(LONG_SEEDS)} seeds")
    parser.add_argument("--no-shrink", action="store_true", help="only list the failing seeds")
    parser.add_argument("--minutes", type=float, default=1e9, help="start no seed after that long")
    parser.add_argument("--replay", type=pathlib.Path, metavar="FOLDER")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    if arguments.replay:
        return replay(arguments.replay)
    seeds = arguments.seeds or (LONG_SEEDS if arguments.long else SEEDS)
    started, failures, done = time.monotonic(), [], 0
    for result in workers.run_cases([f"seed {seed}" for seed in seeds], lambda index, stage: run_seed(seeds[index], not arguments.no_shrink, stage),
                                    arguments.jobs):
        done += 1
        if not result.passed:
            failures.append(result)
            print(f"{result.name}: {result.stage} {result.kind}: {' '.join(result.message.split())[:600]}", flush=True)
        if done % 100 == 0:
            print(f"{done} of {len(seeds)}: {len(failures)} failed, {time.monotonic() - started:.0f} s", flush=True)
        if time.monotonic() - started > arguments.minutes * 60:
            print(f"stopped after {done} seeds")
            break
    print(f"kinds of failures: {dict(collections.Counter(result.kind for result in failures))}")
    for result in sorted(failures, key=lambda result: int(result.name.split()[1])):
        text = result.message
        if result.kind == "crash" and not arguments.no_shrink:
            text = f"{text}; {write_death(int(result.name.split()[1]))}"
        print(f"FAILED {result.name}: {result.kind}: {' '.join(text.split())[:600]}", flush=True)
    print(f"{len(seeds)} seeds, {time.monotonic() - started:.0f} s")
    print(f"{done - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
