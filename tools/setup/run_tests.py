"""Runs every kind of test and adds their counts. The last line is `N passed, N failed`.

Each suite is a folder under test/ with an adapter that runs it and returns an Outcome. A suite that cannot start, finds
no test, or dies counts as a failure, and so does a folder under test/ that no suite runs. Skipped tests and expected
failures are counted apart; their reasons are printed.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import versions

ROOT = versions.ROOT
BUILD = ROOT / "build"
TOOLS = versions.cache_folder() / "venv" / "bin"
JOBS = os.environ.get("TENON_JOBS") or str(os.cpu_count())
SUITE_LIMIT_SECONDS = {False: 40 * 60, True: 6 * 60 * 60}


@dataclasses.dataclass
class Outcome:
    """What a suite did: counts, and a line of text for each failure and each skipped test."""

    passed: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)
    skipped: list[str] = dataclasses.field(default_factory=list)
    expected: int = 0

    def add(self, other: "Outcome") -> None:
        self.passed += other.passed
        self.failures += other.failures
        self.skipped += other.skipped
        self.expected += other.expected

    @property
    def tests(self) -> int:
        return self.passed + len(self.failures) + len(self.skipped) + self.expected


@dataclasses.dataclass
class Context:
    """What adapters need: whether long tests run, and a folder for their reports."""

    long: bool
    reports: pathlib.Path

    def run(self, command: list, **options) -> int:
        """Runs a command with its output shown; returns its status, or -9 after the time limit."""
        process = subprocess.Popen([str(part) for part in command], cwd=ROOT, start_new_session=True, **options)
        try:
            return process.wait(timeout=SUITE_LIMIT_SECONDS[self.long])
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            print(f"stopped after {SUITE_LIMIT_SECONDS[self.long]} s", flush=True)
            return -signal.SIGKILL
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def first_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return lines[0][:300] if lines else ""


def run_lit(context: Context, folder: pathlib.Path) -> Outcome:
    """FileCheck tests."""
    report = context.reports / f"{folder.name}.json"
    status = context.run([TOOLS / "lit", "-sv", "--order=smart", "-j", JOBS, "--output", report, "-D", f"build={BUILD}", folder])
    outcome = Outcome()
    if not report.exists():
        outcome.failures.append(f"lit ended with status {status} and no report")
        return outcome
    for test in json.loads(report.read_text())["tests"]:
        code, name = test["code"], test["name"].removeprefix("tenon :: ")
        if code in ("PASS", "FLAKYPASS"):
            outcome.passed += 1
        elif code == "XFAIL":
            outcome.expected += 1
        elif code in ("UNSUPPORTED", "SKIPPED", "EXCLUDED"):
            outcome.skipped.append(f"{name}: {first_line(test.get('output')) or code.lower()}")
        else:
            outcome.failures.append(f"{name}: {code.lower()}")
    return outcome


def read_junit(report: pathlib.Path, status: int) -> Outcome:
    """Counts of a JUnit report, as pytest and ctest write it."""
    outcome = Outcome()
    if not report.exists():
        outcome.failures.append(f"ended with status {status} and no report")
        return outcome
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        name = ".".join(filter(None, [case.get("classname"), case.get("name")]))
        bad = [element for element in case if element.tag in ("failure", "error")]
        skipped = case.find("skipped")
        if bad:
            outcome.failures.append(f"{name}: {first_line(bad[0].get('message') or bad[0].text)}")
        elif skipped is not None and skipped.get("type") == "pytest.xfail":
            outcome.expected += 1
        elif skipped is not None or case.get("status") in ("notrun", "disabled"):
            reason = skipped.get("message") if skipped is not None else case.get("status")
            outcome.skipped.append(f"{name}: {first_line(reason)}")
        else:
            outcome.passed += 1
    return outcome


def run_pytest(context: Context, folder: pathlib.Path) -> Outcome:
    """Python tests: side by side, then those marked serial alone."""
    outcome = Outcome()
    for serial in (False, True):
        report = context.reports / f"{folder.name}-{'serial' if serial else 'parallel'}.xml"
        marks = ("serial" if serial else "not serial") + ("" if context.long else " and not long")
        workers = "0" if serial else JOBS
        status = context.run(
            [TOOLS / "python", "-m", "pytest", "-q", "-rfE", "--tb=short", "-n", workers, "--dist=worksteal", "-m", marks,
             "--junitxml", report, folder])
        # 5: no test with these marks; 2: interrupted or an error in collection, which the report holds.
        if status != 5:
            part = read_junit(report, status)
            if status not in (0, 1) and not part.failures:
                part.failures.append(f"pytest ended with status {status}")
            outcome.add(part)
    return outcome


def run_lit_and_pytest(context: Context, folder: pathlib.Path) -> Outcome:
    """A folder with both kinds."""
    outcome = run_lit(context, folder)
    outcome.add(run_pytest(context, folder))
    return outcome


def run_ctest(context: Context, build: pathlib.Path, name: str) -> Outcome:
    """Compiled unit tests that CMake registered."""
    report = context.reports / f"{name}.xml"
    only = [] if context.long else ["--label-exclude", "^long$"]
    status = context.run([TOOLS / "ctest", "--test-dir", build, "-j", JOBS, "--output-on-failure", "--timeout", "300",
                          "--no-tests=error", *only, "--output-junit", report])
    outcome = read_junit(report, status)
    if status != 0 and not outcome.failures:
        outcome.failures.append(f"ctest ended with status {status}")
    return outcome


def build_sanitized(context: Context, suffix: str, sanitizers: str, *more: str, targets=("all",)) -> pathlib.Path | None:
    """Configures and builds a tree of its own under sanitizers; None when that fails."""
    build = ROOT / f"build-{suffix}"
    configure = [TOOLS / "cmake", "-G", "Ninja", "-S", ROOT, "-B", build, f"-DTENON_SANITIZE={sanitizers}", "--no-warn-unused-cli",
                 f"-DTENON_PYTHON={TOOLS / 'python'}", *more]
    if context.run(configure, stdout=subprocess.DEVNULL) != 0 or context.run(["ninja", "-C", build, "-j", JOBS, *targets]) != 0:
        return None
    return build


def run_runtime(context: Context, folder: pathlib.Path) -> Outcome:
    """Unit tests of the runtime: as built, then under the address and the thread sanitizer (the runtime needs no LLVM)."""
    outcome = run_ctest(context, BUILD, "runtime")
    for sanitizers, suffix in (("address,undefined", "runtime-asan"), ("thread", "runtime-tsan")):
        build = build_sanitized(context, suffix, sanitizers, "-DTENON_COMPILER=OFF")
        if build:
            outcome.add(run_ctest(context, build, suffix))
        else:
            outcome.failures.append(f"the runtime does not build with -fsanitize={sanitizers}")
    return outcome


def run_import(context: Context, folder: pathlib.Path) -> Outcome:
    """Malformed models, given to an importer that is built with the address and the undefined behaviour sanitizer; and its fuzzer."""
    if not build_sanitized(context, "asan", "address,undefined", "-DTENON_FUZZ=ON", targets=("tenon_import_tool", "tenon_import_fuzzer")):
        return Outcome(failures=["the importer does not build with -fsanitize=address,undefined"])
    return run_pytest(context, folder)


def run_script(context: Context, folder: pathlib.Path) -> Outcome:
    """A program `run.py` that prints `FAILED name: reason` for each failure, perhaps a line `N expected failures ...`, and
    ends with `N passed, N failed`."""
    report = context.reports / f"{folder.name}.txt"
    with report.open("w") as output:
        status = context.run([TOOLS / "python", folder / "run.py", *(["--long"] if context.long else [])], stdout=output)
    lines = report.read_text().splitlines()
    print("\n".join(lines[-50:]), flush=True)
    outcome = Outcome()
    count = re.fullmatch(r"(\d+) passed, (\d+) failed", lines[-1]) if lines else None
    if not count:
        outcome.failures.append(f"ended with status {status} and without a line `N passed, N failed`")
        return outcome
    outcome.passed = int(count[1])
    outcome.expected = sum(int(line.split()[0]) for line in lines if re.match(r"\d+ expected failures", line))
    outcome.failures = [line.removeprefix("FAILED ") for line in lines if line.startswith("FAILED ")]
    if len(outcome.failures) != int(count[2]) or (status != 0) != bool(outcome.failures):
        outcome.failures.append(f"says {lines[-1]}, lists {len(outcome.failures)} failures and ended with status {status}")
    return outcome


def run_either(context: Context, folder: pathlib.Path) -> Outcome:
    """pytest files or a run.py."""
    return run_script(context, folder) if (folder / "run.py").exists() else run_pytest(context, folder)


# The quick and telling ones first. Every folder under test/ has its place here.
SUITES = {
    "style": run_pytest,
    "dialects": run_lit,
    "compiler": run_lit,
    "targets": run_lit_and_pytest,
    "runtime": run_runtime,
    "numerics": run_pytest,
    "import": run_import,
    "python": run_pytest,
    "tools": run_pytest,
    "docs": run_pytest,
    "install": run_pytest,
    "demo": run_pytest,
    "conformance": run_either,
    "fuzz": run_script,
    "models": run_pytest,
}


def run_suite(context: Context, name: str) -> Outcome:
    folder = ROOT / "test" / name
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    try:
        outcome = SUITES[name](context, folder) if folder.is_dir() else Outcome(failures=["the folder is missing"])
    except Exception as error:  # A suite that breaks its adapter is a failed suite, not the end of the run.
        outcome = Outcome(failures=[f"{type(error).__name__}: {error}"])
    if outcome.tests == 0:
        outcome.failures.append("no test was found")
    print(f"-- {name}: {outcome.passed} passed, {len(outcome.failures)} failed, {len(outcome.skipped)} skipped, "
          f"{outcome.expected} expected failures, {time.monotonic() - started:.0f} s", flush=True)
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/bootstrap test", description="Runs every test.")
    parser.add_argument("--long", action="store_true", help="run the long tests too")
    parser.add_argument("--only", nargs="+", metavar="SUITE", choices=SUITES, help=f"of {', '.join(SUITES)}")
    arguments = parser.parse_args()
    os.environ["PATH"] = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"

    started = time.monotonic()
    total = Outcome()
    with tempfile.TemporaryDirectory(prefix="tenon-tests-") as reports:
        context = Context(arguments.long, pathlib.Path(reports))
        for name in arguments.only or SUITES:
            outcome = run_suite(context, name)
            outcome.failures = [f"{name}: {line}" for line in outcome.failures]
            outcome.skipped = [f"{name}: {line}" for line in outcome.skipped]
            total.add(outcome)
    for folder in sorted(path.name for path in (ROOT / "test").iterdir() if path.is_dir() and path.name != "__pycache__"):
        if folder not in SUITES:
            total.failures.append(f"test/{folder}: no suite in tools/setup/run_tests.py runs this folder")

    print()
    for line in total.skipped:
        print(f"SKIPPED {line}")
    for line in total.failures:
        print(f"FAILED {line}")
    print(f"{len(total.skipped)} skipped, {total.expected} expected failures, {time.monotonic() - started:.0f} s")
    print(f"{total.passed} passed, {len(total.failures)} failed", flush=True)
    return 1 if total.failures or total.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
