#!/usr/bin/env python3
"""Runs ONNX's backend suite (onnx.backend.test, every CPU test) on compiled models, in three forms.

    test/conformance/run.py [--only PATTERN...] [--forms FORM...] [--reference] [--groups] [--long]
    test/conformance/run.py --write-types

Each test compiles its model, loads the library and compares its outputs with onnx's own comparison and tolerances; there
is no other evaluator, and a test is never skipped. The forms are the model as it is, with every input dimension dynamic,
and with every input a constant (forms.py). ONNX Runtime runs the same models, for its count.

Tiny models of every operator then tell which element types compile (element_types.py), of the newest version of each
operator; with --long of every version. --write-types only writes the list of those that do not.

Prints `FAILED name, form: reason` for each failure, a line of counts for each form, the number of expected failures (one
strict list for each form: an unexpected pass is a failure), and ends with `N passed, N failed`. The results of all tests
go to build/conformance/results.json (or --json), to be sorted by cause: --groups prints that.
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
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or ROOT / "build")
sys.path.insert(0, str(BUILD / "python"))

import cases as suite  # noqa: E402
import element_types  # noqa: E402
import engines  # noqa: E402: its package lies in the build tree
import expected  # noqa: E402
import forms  # noqa: E402
import probes  # noqa: E402
import workers  # noqa: E402

TENON, ONNX_RUNTIME = "Tenon", "ONNX Runtime"


@dataclasses.dataclass
class Job:
    """A test in a form, on an engine."""

    case: suite.Case
    form: str
    engine: str

    @property
    def name(self) -> str:
        return f"{self.case.name}, {self.form}" + ("" if self.engine == TENON else f", {self.engine}")

    def run(self, options: dict, enter_stage: engines.Stage) -> None:
        variants = forms.FORMS[self.form](self.case)
        if self.engine == TENON:
            engines.run_tenon(self.case, variants, options, enter_stage)
        else:
            engines.run_onnxruntime(self.case, variants, enter_stage)


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
        print(f"\n{len(results):5} {key}\n      {'; '.join(result.name for result in results[:6])}"
              f"{' ...' if len(results) > 6 else ''}\n      {_one_line(results[0].message, 240)}")


def judge(results: list[workers.Result], reasons: dict[str, str]) -> tuple[int, int, list[str]]:
    """Numbers of passed and of expected failures, and the line of each failure. `reasons` are by a result's name."""
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


def run_jobs(jobs: list[Job], options: dict, processes: int) -> dict[str, workers.Result]:
    """Results by the name of the job."""
    started, passed = time.monotonic(), 0
    results: dict[str, workers.Result] = {}
    for result in workers.run_cases([job.name for job in jobs], lambda index, stage: jobs[index].run(options, stage), processes):
        results[result.name] = result
        passed += result.passed
        if len(results) % 500 == 0:
            print(f"{len(results)} of {len(jobs)}: {passed} passed, {time.monotonic() - started:.0f} s", flush=True)
    return results


def report_form(form: expected.Form, jobs: list[Job], results: dict[str, workers.Result]) -> tuple[int, int, list[str]]:
    """Prints the counts of a form; returns passed, expected failures and the lines of failures."""
    mine = [results[job.name] for job in jobs if job.form == form.name and job.engine == TENON]
    theirs = [results[job.name] for job in jobs if job.form == form.name and job.engine == ONNX_RUNTIME]
    passed, expected_failures, failures = judge(mine, {f"{name}, {form.name}": reason for name, reason in form.reasons.items()})
    parts = [f"{passed} passed, {len(failures)} failed", f"{expected_failures} expected to fail"]
    if form.inherited:
        parts.append(f"{len(form.inherited)} not tried because they fail as they are")
    for reason, count in sorted(collections.Counter(form.left_out.values()).items()):
        parts.append(f"{count} left out ({reason})")
    line = f"{form.name}: {', '.join(parts)}"
    if theirs:
        count = sum(result.passed for result in theirs)
        line += f"; {ONNX_RUNTIME} on all {len(theirs)}: {count} passed, {len(theirs) - count} failed"
    print(line, flush=True)
    return passed, expected_failures, failures


def report_types(cases: list[suite.Case], long: bool, processes: int) -> tuple[int, list[str]]:
    """Tries element types and prints their counts; returns the number of operators that are as the list says, and lines for the others."""
    failures, keys = element_types.load_failures(), element_types.chosen(probes.keys(), long)
    outcome, crashes = element_types.try_types(cases, keys, failures, processes)
    problems = element_types.compare(outcome, failures, keys) + crashes
    operators = {(key.domain, key.operator) for key in outcome}
    print(f"types: {sum(outcome.values())} of {len(outcome)} compile, {len(problems)} problems with {len(operators)} operators; "
          f"of {len(keys) - len(outcome)} no model can be made", flush=True)
    return max(len(operators) - len(problems), 0), problems


def write_types(cases: list[suite.Case], processes: int) -> int:
    outcome, crashes = element_types.try_types(cases, probes.keys(), element_types.load_failures(), processes)
    element_types.write_failures({key for key, compiles in outcome.items() if not compiles})
    print("\n".join([f"{sum(outcome.values())} of {len(outcome)} types compile", *crashes]))
    return 1 if crashes else 0


def export(jobs: list[Job], folder: pathlib.Path) -> None:
    """Writes the models of tests, to compile them by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    for job in jobs:
        for number, variant in enumerate(forms.FORMS[job.form](job.case)):
            suffix = ("" if job.form == "as is" else f".{job.form}") + (f".{number}" if number else "")
            data = pathlib.Path(variant.model).read_bytes() if isinstance(variant.model, str) else variant.model.SerializeToString()
            (folder / f"{job.case.name}{suffix}.onnx").write_bytes(data)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs ONNX's backend suite on compiled models.")
    parser.add_argument("--only", nargs="+", metavar="PATTERN", help="only tests whose names match (* as usual)")
    parser.add_argument("--forms", nargs="+", metavar="FORM", choices=forms.FORMS, default=list(forms.FORMS), help=f"of {', '.join(forms.FORMS)}")
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("TENON_JOBS") or os.cpu_count()))
    parser.add_argument("--reference", action="store_true", help="compile with --reference")
    parser.add_argument("--no-onnxruntime", action="store_true", help="leave out ONNX Runtime's count")
    parser.add_argument("--json", type=pathlib.Path, help="where the results of all tests go")
    parser.add_argument("--export", type=pathlib.Path, metavar="FOLDER", help="write the models there and run nothing")
    parser.add_argument("--groups", action="store_true", help="print failures grouped by cause, expected ones too")
    parser.add_argument("--no-types", action="store_true", help="leave out the element types")
    parser.add_argument("--write-types", action="store_true", help="try the element types of every version and write the list of those that do not compile")
    parser.add_argument("--long", action="store_true", help="try the element types of every version")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    started = time.monotonic()
    cases = suite.load_cases()
    if arguments.write_types:
        return write_types(cases, arguments.jobs)
    known = expected.load_forms(cases)
    problems = [f"{form.list.name}: {problem}" for form in known for problem in form.problems]
    if arguments.only:
        cases = [case for case in cases if any(fnmatch.fnmatch(case.name, pattern) for pattern in arguments.only)]
        problems = []
    known = [form.restricted_to(cases) for form in known if form.name in arguments.forms]
    jobs = [Job(case, form.name, TENON) for form in known for case in cases if form.runs(case.name)]
    print(f"{len(cases)} tests, {len(jobs)} with their forms", flush=True)
    if arguments.export:
        export(jobs, arguments.export)
        return 0
    if not arguments.no_onnxruntime:
        jobs += [Job(case, form.name, ONNX_RUNTIME) for form in known for case in cases if case.name not in form.left_out]

    results = run_jobs(jobs, {"reference": True} if arguments.reference else {}, arguments.jobs)
    reasons = {f"{name}, {form.name}": reason for form in known for name, reason in form.reasons.items()}
    report = arguments.json or BUILD / "conformance" / ("reference.json" if arguments.reference else "results.json")
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps([{"form": job.form, "engine": job.engine, "expected": reasons.get(job.name)} |
                                  dataclasses.asdict(results[job.name]) for job in jobs], indent=1))

    if arguments.groups:
        print_groups([results[job.name] for job in jobs if job.engine == TENON and not results[job.name].passed])
    counts = [report_form(form, jobs, results) for form in known]
    if not arguments.only and not arguments.no_types and not arguments.reference:
        operators, wrong = report_types(cases, arguments.long, arguments.jobs)
        counts.append((operators, 0, wrong))
    failures = [line for _, _, lines in counts for line in lines] + problems
    for line in failures:
        print(f"FAILED {line}")
    print(f"{sum(count for _, count, _ in counts)} expected failures, {time.monotonic() - started:.0f} s; details in {report}")
    print(f"{sum(count for count, _, _ in counts)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
