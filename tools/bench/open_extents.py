#!/usr/bin/env python3
"""What it costs that extents are known only at run time: models as they are against the same models with all shapes pinned.

    tools/bench/open_extents.py MODEL... [--open batch|sizes] [--threads N] [--seconds S] [--kernels N] [--json FILE]

A model is compiled twice, as it is and with the shapes of its inputs pinned to those that are measured; both run in turns
in one process. The cost is the first one's time over the second's, less one: one artefact for all shapes should be as fast
as one made for a shape. Models are named as for compare_models.py. --open makes extents unknown in a model that says all
of them: of the first dimension, or also the images' sizes and the sequences' lengths. --kernels shows where the time goes.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import measure
import workloads

BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or workloads.ROOT / "build")
sys.path.insert(0, str(BUILD / "python"))


def is_open(which: str, number: int, rank: int, is_float: bool, is_convolved: bool) -> bool:
    """Whether a dimension becomes unknown: a tensor is N, or N x C x sizes, or N x length x features, or N x length of
    integers. A convolution's input has its channels second."""
    if number == 0 or which == "batch":
        return number == 0
    return number >= 2 if rank >= 4 or is_convolved else number == 1 and (rank == 3 or not is_float)


def open_extents(path: pathlib.Path, which: str, target: pathlib.Path) -> pathlib.Path:
    """The model with extents of its inputs unknown; what is said of other values goes, except their types."""
    import onnx

    model = onnx.load(path)
    constants = {tensor.name for tensor in model.graph.initializer}
    convolved = {name for node in model.graph.node if node.op_type in ("Conv", "ConvTranspose") for name in node.input[:1]}
    del model.graph.value_info[:]
    for value in model.graph.input:
        dims, is_float = value.type.tensor_type.shape.dim, value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        for number, dim in enumerate(dims):
            if value.name not in constants and is_open(which, number, len(dims), is_float, value.name in convolved):
                dim.dim_param = f"{value.name}.{number}"
    for value in model.graph.output:
        for number, dim in enumerate(value.type.tensor_type.shape.dim):
            dim.dim_param = f"{value.name}.{number}"
    onnx.save(model, target)
    return target


def profile(library: str, shapes: dict[str, tuple], seconds: float) -> dict[str, float]:
    """Microseconds of the kernels by the names of their nodes and their path."""
    command = [str(BUILD / "bin/tenon"), "bench", library, "--profile", "--json", "--pin", "--seconds", str(seconds)]
    flags = [f"--shape={name}={'x'.join(map(str, shape))}" for name, shape in shapes.items()]
    report = json.loads(subprocess.run([*command, *flags], capture_output=True, check=True, text=True).stdout)
    times: dict[str, float] = {}
    for kernel in report["kernels"]:
        label = f"{kernel['nodes']} ({kernel.get('path', '')})"
        times[label] = times.get(label, 0) + kernel["microseconds"]
    return times


def measure_model(name: str, arguments: argparse.Namespace) -> dict:
    import tenon

    workload = workloads.Workload(name)
    shapes = {name: array.shape for name, array in workload.feeds.items() if array.ndim > 0}
    with tempfile.TemporaryDirectory(prefix="tenon-bench-") as folder:
        path = open_extents(workload.path, arguments.open, pathlib.Path(folder, "model.onnx")) if arguments.open else workload.path
        libraries = {"open": tenon.compile(path, os.path.join(folder, "open.so")),
                     "pinned": tenon.compile(path, os.path.join(folder, "pinned.so"), shape=shapes)}
        models = {kind: tenon.load(library, threads=arguments.threads) for kind, library in libraries.items()}
        for kind, model in models.items():
            if fault := workload.fault(model.run(workload.feeds)):
                raise SystemExit(f"error: {name}, {kind}: {fault}")
        timings = measure.time_in_turns({kind: lambda model=model: model.run(workload.feeds) for kind, model in models.items()}, arguments.seconds)
        result = {"model": name, **{kind: timing.as_json() for kind, timing in timings.items()},
                  "cost": timings["open"].median / timings["pinned"].median - 1}
        if arguments.kernels:
            result["kernels"] = {kind: profile(str(library), shapes, arguments.seconds) for kind, library in libraries.items()}
    return result


def print_kernels(kernels: dict, count: int) -> None:
    """The largest differences; a kernel that only one of the two has counts as a whole."""
    names = {*kernels["open"], *kernels["pinned"]}
    rows = [(kernels["open"].get(name, 0.0), kernels["pinned"].get(name, 0.0), name) for name in names]
    for open_time, pinned_time, name in sorted(rows, key=lambda row: -abs(row[0] - row[1]))[:count]:
        print(f"    {open_time:10.1f} {pinned_time:10.1f} us  {name[:100]}")


def main() -> int:
    parser = argparse.ArgumentParser(description="What it costs that extents are known only at run time.")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--open", choices=["batch", "sizes"], help="extents to make unknown")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--kernels", type=int, default=0, metavar="N", help="show the N kernels that differ most")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    measure.warn_if_busy()
    measure.pin(arguments.threads)
    print(f"{measure.processor_name()}; median times in ms\n", flush=True)
    results = []
    for name in arguments.models:
        results.append(measure_model(name, arguments))
        result = results[-1]
        print(f"{name:28} open {result['open']['median_ms']:10.4f}  pinned {result['pinned']['median_ms']:10.4f}  cost {result['cost']:+.1%}", flush=True)
        if arguments.kernels:
            print_kernels(result["kernels"], arguments.kernels)
    if arguments.json:
        arguments.json.write_text(json.dumps({"processor": measure.processor_name(), "models": results}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
