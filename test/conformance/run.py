#!/usr/bin/env python3
"""Runs ONNX's backend suite (onnx.backend.test, every CPU test) on compiled models.

    test/conformance/run.py [--only PATTERN...] [--reference] [--groups]

Each test compiles its model, loads the library and compares its outputs with onnx's own comparison and tolerances; there
is no other evaluator, and a test is never skipped. Prints `FAILED name: reason` for each failure, the number of expected
failures (expected_failures.json, strict: an unexpected pass is a failure), and ends with `N passed, N failed`. The
results of all tests go to build/conformance/results.json (or --json), to be sorted by cause: --groups prints that.
"""

import argparse
import collections
import dataclasses
import fnmatch
import json
import os
import pathlib
import re
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or ROOT / "build")
sys.path.insert(0, str(BUILD / "python"))

import cases as suite  # noqa: E402
import expected  # noqa: E402
import tenon  # noqa: E402: it lies in the build tree
import tenon.backend  # noqa: E402
import workers  # noqa: E402

EXPECTED_FAILURES = pathlib.Path(__file__).with_name("expected_failures.json")


def run_case(case: suite.Case, options: dict, enter_stage) -> None:
    """Compiles, loads, runs and compares; raises workers.Failure."""
    data_sets = case.data_sets()
    with tempfile.TemporaryDirectory(prefix="tenon-conformance-") as folder:
        library = os.path.join(folder, "model.so")
        enter_stage("compile")
        try:
            tenon.compile(case.model(), library, **options)
        except tenon.CompileError as error:
            raise workers.Failure(_compile_failure_kind(error), str(error)) from None
        enter_stage("load")
        model = tenon.backend.TenonBackendRep(tenon.load(library, threads=1))
    for data in data_sets:
        enter_stage("run")
        outputs = list(model.run(data.inputs))
        enter_stage("compare")
        try:
            case.check(outputs, data.outputs)
        except AssertionError as error:
            raise workers.Failure("mismatch", _first_lines(str(error), 12)) from None


def _compile_failure_kind(error: tenon.CompileError) -> str:
    """A model that was refused, a pass that failed, or a compiler that died: only the first may be expected."""
    if not error.diagnostics:
        return "crash"
    return "internal" if re.search(r"the pass '.*' failed|a pass crashed", str(error)) else "diagnostic"


def _first_lines(text: str, count: int) -> str:
    return "\n".join([line for line in text.strip().splitlines() if line.strip()][:count])


def _one_line(text: str, limit: int = 300) -> str:
    return " ".join(text.split())[:limit]


def group_key(result: workers.Result) -> str:
    """Failures with the same cause mostly have the same text once names, numbers and places are taken out."""
    text = _one_line(result.message.split("\nTraceback")[0], 400)
    text = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`", "'..'", text)
    text = re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?(e[+-]?\d+)?", "#", text)
    if result.kind == "mismatch":
        text = text.split("Mismatched elements")[0].split(" ACTUAL")[0]
    return f"{result.stage} {result.kind}: {text[:160]}"


def print_groups(failures: list[workers.Result]) -> None:
    groups = collections.defaultdict(list)
    for result in failures:
        groups[group_key(result)].append(result)
    print(f"\n{len(groups)} groups of failures, the largest first")
    for key, results in sorted(groups.items(), key=lambda item: -len(item[1])):
        print(f"\n{len(results):5} {key}\n      {' '.join(result.name for result in results[:6])}"
              f"{' ...' if len(results) > 6 else ''}\n      {_one_line(results[0].message, 240)}")


def judge(results: list[workers.Result], reasons: dict[str, str]) -> tuple[int, int, list[str]]:
    """Numbers of passed and of expected failures, and the line of each failure."""
    passed, expected_failures, failures = 0, 0, []
    for result in results:
        if result.passed and result.name in reasons:
            failures.append(f"{result.name}: passes, but is expected to fail: {reasons[result.name]}")
        elif result.passed:
            passed += 1
        elif result.name in reasons and result.kind not in ("crash", "hang", "internal"):
            expected_failures += 1
        else:
            failures.append(f"{result.name}: {result.stage} {result.kind}: {_one_line(result.message)}")
    return passed, expected_failures, failures


def export(cases: list[suite.Case], folder: pathlib.Path) -> None:
    """Writes the models of tests, to compile them by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases:
        model = case.model()
        data = pathlib.Path(model).read_bytes() if isinstance(model, str) else model.SerializeToString()
        (folder / f"{case.name}.onnx").write_bytes(data)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs ONNX's backend suite on compiled models.")
    parser.add_argument("--only", nargs="+", metavar="PATTERN", help="only tests whose names match (* as usual)")
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("TENON_JOBS") or os.cpu_count()))
    parser.add_argument("--reference", action="store_true", help="compile with --reference")
    parser.add_argument("--json", type=pathlib.Path, help="where the results of all tests go")
    parser.add_argument("--export", type=pathlib.Path, metavar="FOLDER", help="write the models there and run nothing")
    parser.add_argument("--groups", action="store_true", help="print failures grouped by cause, expected ones too")
    parser.add_argument("--long", action="store_true", help="accepted, as by every suite: there are no longer tests here")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    started = time.monotonic()
    cases = suite.load_cases()
    names = [case.name for case in cases]
    reasons, problems = expected.load_expected(EXPECTED_FAILURES, names)
    if arguments.only:
        cases = [case for case in cases if any(fnmatch.fnmatch(case.name, pattern) for pattern in arguments.only)]
        names, problems = [case.name for case in cases], []
    print(f"{len(cases)} tests", flush=True)
    if arguments.export:
        export(cases, arguments.export)
        return 0

    options = {"reference": True} if arguments.reference else {}
    results = []
    for result in workers.run_cases(names, lambda index, stage: run_case(cases[index], options, stage), arguments.jobs):
        results.append(result)
        if len(results) % 100 == 0:
            done = sum(result.passed for result in results)
            print(f"{len(results)} of {len(cases)}: {done} passed, {time.monotonic() - started:.0f} s", flush=True)
    results.sort(key=lambda result: result.name)

    report = arguments.json or BUILD / "conformance" / ("reference.json" if arguments.reference else "results.json")
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps([dataclasses.asdict(result) | {"expected": reasons.get(result.name)} for result in results], indent=1))

    if arguments.groups:
        print_groups([result for result in results if not result.passed])
    passed, expected_failures, failures = judge(results, reasons)
    failures += [f"expected_failures.json: {problem}" for problem in problems]
    for line in failures:
        print(f"FAILED {line}")
    print(f"{expected_failures} expected failures, {time.monotonic() - started:.0f} s; details in {report}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
