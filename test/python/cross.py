"""Runs models compiled for AArch64 under an emulator, with the interface of Model.run.

    from cross import run_cross
    results = run_cross(build, library, {"x": array})
"""

import pathlib
import subprocess
import tempfile

import ml_dtypes
import numpy

EMULATOR = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]

DTYPES = {
    "f32": numpy.dtype("float32"),
    "f64": numpy.dtype("float64"),
    "f16": numpy.dtype("float16"),
    "bf16": numpy.dtype(ml_dtypes.bfloat16),
    "bool": numpy.dtype("bool"),
    "c64": numpy.dtype("complex64"),
    "c128": numpy.dtype("complex128"),
    **{f"{kind}{bits}": numpy.dtype(f"{'u' if kind == 'u' else ''}int{bits}") for kind in "iu" for bits in (8, 16, 32, 64)},
    **{f"f8{kind}": numpy.dtype(getattr(ml_dtypes, f"float8_{kind}")) for kind in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz", "e8m0fnu")},
    **{f"f{bits}{kind}": numpy.dtype(getattr(ml_dtypes, f"float{bits}_{kind}")) for bits, kind in ((6, "e2m3fn"), (6, "e3m2fn"), (4, "e2m1fn"))},
    **{f"{kind}{bits}": numpy.dtype(getattr(ml_dtypes, f"{'u' if kind == 'u' else ''}int{bits}")) for kind in "iu" for bits in (2, 4)},
}


def run_raw(program: list, *arguments) -> list[str]:
    """The lines that test/runtime/run_raw.c prints; RuntimeError with its text when it fails."""
    done = subprocess.run([*program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"run_raw ended with {done.returncode}")
    return done.stdout.splitlines()


def run_program(program: list, library, feeds: dict, threads: int = 1) -> dict:
    """Runs a library with the program run_raw; inputs and outputs go through files."""
    inputs, outputs = [], []
    for line in run_raw(program, library):
        kind, dtype, rank, *rest = line.split(" ")
        (inputs if kind == "input" else outputs).append((DTYPES[dtype], " ".join(rest[int(rank):])))
    missing = {name for _, name in inputs} ^ set(feeds)
    if missing:
        raise RuntimeError(f"inputs given and wanted differ in {sorted(missing)}")
    with tempfile.TemporaryDirectory(prefix="tenon-cross-") as folder:
        arguments = []
        for index, (dtype, name) in enumerate(inputs):
            array = numpy.asarray(feeds[name])
            if array.dtype != dtype:
                raise RuntimeError(f"input {name!r} has type {array.dtype} but expected {dtype}")
            path = pathlib.Path(folder) / f"in{index}.bin"
            path.write_bytes(array.tobytes())
            arguments.append(f"{'x'.join(map(str, array.shape))}@{path}")
        results = {}
        lines = run_raw(program, library, folder, "--threads", threads, *arguments)
        for index, ((_, name), line) in enumerate(zip(outputs, lines, strict=True)):
            dtype, _, *dims = line.split(" ")
            data = (pathlib.Path(folder) / f"{index}.bin").read_bytes()
            results[name] = numpy.frombuffer(data, DTYPES[dtype]).reshape([int(extent) for extent in dims])
    return results


def run_cross(build, library, feeds: dict, threads: int = 1) -> dict:
    """Runs an AArch64 library under the emulator. `build` is the build tree."""
    return run_program([*EMULATOR, str(build / "bin/aarch64-linux-gnu/run_raw")], library, feeds, threads)
