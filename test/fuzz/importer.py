#!/usr/bin/env python3
"""Fuzzes the importer under AddressSanitizer and UndefinedBehaviorSanitizer.

    test/fuzz/importer.py --minutes 30      builds what is needed, makes the corpus, runs libFuzzer
    test/fuzz/importer.py --replay FILE     a finding again, with its stack

The corpus is made here: small models of ONNX's own tests, of the random generator and of the malformed cases. What libFuzzer
adds to it stays in build-asan/fuzz/corpus, so a later run goes on. Findings are files in build-asan/fuzz/findings; the exit
status is 1 if there are new ones.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build-asan"
PROGRAM = BUILD / "bin/tenon_import_fuzzer"
CORPUS, FINDINGS = BUILD / "fuzz/corpus", BUILD / "fuzz/findings"
LARGEST_BYTES = 16384
# Seconds for one input, and megabytes of memory, before it is a finding.
INPUT_SECONDS, MEGABYTES = 25, 4096
RANDOM_SEEDS = range(1_000_000, 1_000_150)


def build() -> None:
    jobs = os.environ.get("TENON_JOBS") or str(os.cpu_count())
    subprocess.run(["cmake", "-G", "Ninja", "-S", ROOT, "-B", BUILD, "-DTENON_SANITIZE=address,undefined", "-DTENON_FUZZ=ON",
                    f"-DTENON_PYTHON={sys.executable}"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", BUILD, "-j", jobs, "tenon_import_fuzzer"], check=True)


def write_corpus(folder: pathlib.Path, seeds=RANDOM_SEEDS, every: int = 1) -> int:
    """Writes the models to start from, one of `every`; returns their number."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, data in [*onnx_models(), *malformed_models(), *random_models(seeds)][::every]:
        if 0 < len(data) <= LARGEST_BYTES:
            (folder / name).write_bytes(data)
            count += 1
    return count


def onnx_models():
    """ONNX's own node tests: every operator, in most of its forms."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        # The scripts that make them overflow and divide by zero on purpose.
        warnings.simplefilter("ignore")
        for test in load_model_tests(kind="node"):
            if test.model is not None:
                yield f"onnx_{test.name}", test.model.SerializeToString()


def malformed_models():
    sys.path.insert(0, str(ROOT / "test/import"))
    import malformed
    import malformed_microsoft  # noqa: F401: adds its cases
    import malformed_operators  # noqa: F401: adds its cases
    import malformed_tensors  # noqa: F401: adds its cases

    for name, make in malformed.CASES:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(make(folder))
            if path.is_file() and path.stat().st_size <= LARGEST_BYTES:
                yield f"malformed_{name}", path.read_bytes()


def random_models(seeds):
    import families
    import graph
    import oracle

    for seed in seeds:
        try:
            yield f"random_{seed}", graph.RandomGraph(seed, families.FAMILIES).case().model.SerializeToString()
        except oracle.Rejected:
            pass


def fuzz(corpus: pathlib.Path, findings: pathlib.Path, *flags: str) -> int:
    """Runs libFuzzer; its status, 0 where nothing was found. A finding is written to `findings`."""
    findings.mkdir(parents=True, exist_ok=True)
    command = [PROGRAM, f"-artifact_prefix={findings}/", f"-timeout={INPUT_SECONDS}", f"-rss_limit_mb={MEGABYTES}", f"-max_len={LARGEST_BYTES}",
               "-print_final_stats=1", *flags, corpus]
    return subprocess.run([str(part) for part in command], env={**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1"}).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzzes the importer.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of libFuzzer; 0 draws one")
    parser.add_argument("--replay", type=pathlib.Path, metavar="FILE")
    arguments = parser.parse_args()
    build()
    if arguments.replay:
        return subprocess.run([PROGRAM, arguments.replay]).returncode
    if not CORPUS.exists():
        print(f"{write_corpus(CORPUS)} models to start from", flush=True)
    before = set(FINDINGS.glob("*"))
    status = fuzz(CORPUS, FINDINGS, f"-max_total_time={int(arguments.minutes * 60)}", f"-seed={arguments.seed}", "-reload=0")
    for path in sorted(set(FINDINGS.glob("*")) - before):
        print(f"FOUND {path}")
    return 1 if status or set(FINDINGS.glob("*")) - before else 0


if __name__ == "__main__":
    sys.exit(main())
