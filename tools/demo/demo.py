#!/usr/bin/env python3
"""Compiles a model, runs it, checks its results and measures it beside ONNX Runtime.

Without a name: the bundled digit classifier on pictures that its training never saw. With a name: a model of the public
catalogue ($TENON_MODELS_TOOLS, or ../shared/models beside the checkout), fetched on first use.

Expects a finished build tree. Exits with status 1 when a result is wrong.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or ROOT / "build")
sys.path.insert(0, str(BUILD / "python"))

import tenon  # noqa: E402: it lies in the build tree

SHADES = " .:-=+*#%@"
MEASURE_SECONDS = 4.0
MEASURE_ROUNDS = 10


def main() -> int:
    parser = argparse.ArgumentParser(prog="tools/bootstrap demo", description="Compiles a model and runs it.")
    parser.add_argument("name", nargs="?", help="a model of the public catalogue (default: the bundled digit classifier)")
    arguments = parser.parse_args()
    try:
        return demo_public(arguments.name) if arguments.name else demo_digits()
    except tenon.CompileError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def demo_digits() -> int:
    """Compile, classify the held-out pictures, show a few of them, measure one picture at a time."""
    import digits

    model_path = pathlib.Path(__file__).with_name("digits.onnx")
    library = compile_model(model_path)
    model = tenon.load(str(library), threads=1)
    reference = open_onnxruntime(model_path)
    _, (pictures, labels) = digits.load()

    scores = model.run({"pixels": pictures})["scores"]
    answers = scores.argmax(axis=1)
    show_pictures(pictures, answers, labels)

    expected = reference.run(None, {"pixels": pictures})[0]
    correct = int((answers == labels).sum())
    print(f"accuracy            {correct} of {len(labels)} held-out pictures ({correct / len(labels):.1%})")
    print(f"largest difference  {numpy.abs(scores - expected).max():.1e} from ONNX Runtime, scores up to {numpy.abs(expected).max():.0f}")
    measure(model, reference, {"pixels": pictures[:1]}, "one picture, one thread")
    agrees = bool((answers == expected.argmax(axis=1)).all()) and numpy.allclose(scores, expected, rtol=1e-4, atol=1e-3)
    if not agrees:
        print("error: the results differ from ONNX Runtime's", file=sys.stderr)
    return 0 if agrees else 1


def demo_public(name: str) -> int:
    """Fetch, compile, compare every input set of the catalogue with the reference outputs, measure the first."""
    tools = pathlib.Path(os.environ.get("TENON_MODELS_TOOLS") or ROOT.parent / "shared/models")
    if not (tools / "models.json").exists():
        print(f"error: the catalogue of public models is not in {tools}; set TENON_MODELS_TOOLS to its folder", file=sys.stderr)
        return 1
    sys.path.insert(0, str(tools))
    import fetch
    import inputs
    import reference

    catalogue = fetch.load_catalogue()
    if name not in catalogue:
        print(f"error: no public model is named {name}; there are {', '.join(catalogue)}", file=sys.stderr)
        return 1
    model_path = fetch.model_path(name)
    if not model_path.exists() and subprocess.run([sys.executable, tools / "fetch.py", "--only", name]).returncode != 0:
        return 1

    library = compile_model(model_path)
    model = tenon.load(str(library), threads=1)
    wrong = 0
    for number, case in enumerate(inputs.cases(name)):
        feeds = case()
        result = reference.compare(model.run(feeds), reference.outputs(name, number), catalogue[name]["tolerance"])
        shapes = ", ".join("x".join(map(str, value.shape)) or "scalar" for value in feeds.values())
        print(f"input set {number}         {shapes[:60]}: largest relative error {result.max_relative_error:.1e}"
              f"{'' if result.passed else '; WRONG: ' + result.reason}")
        wrong += not result.passed
    measure(model, open_onnxruntime(model_path), inputs.INPUTS[name](), "first input set, one thread")
    return 1 if wrong else 0


def compile_model(model_path: pathlib.Path) -> pathlib.Path:
    """Compiles into build/demo; prints time and sizes."""
    folder = BUILD / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / f"{model_path.stem}.so"
    print(f"tenon compile {model_path.name} -o {library.relative_to(BUILD.parent)}\n", flush=True)
    started = time.perf_counter()
    tenon.compile(str(model_path), str(library))
    seconds = time.perf_counter() - started
    print(f"compile time        {seconds:.2f} s")
    print(f"library             {library.stat().st_size / 1024:.0f} KiB (the model file has {model_path.stat().st_size / 1024:.0f} KiB)")
    return library


def open_onnxruntime(model_path: pathlib.Path):
    """A session with ONNX Runtime's default optimizations and one thread."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(model_path), options, providers=["CPUExecutionProvider"])


def show_pictures(pictures: numpy.ndarray, answers: numpy.ndarray, labels: numpy.ndarray, count: int = 6) -> None:
    """Prints some pictures side by side as text, those first where the answer is wrong."""
    order = numpy.argsort(answers == labels, kind="stable")[:2].tolist()
    order += [index for index in range(len(labels)) if index not in order][: count - len(order)]
    print()
    for row in range(8):
        lines = ("".join(SHADES[min(int(pixel * len(SHADES) / 17), len(SHADES) - 1)] * 2 for pixel in pictures[index, 0, row])
                 for index in order)
        print("   ".join(lines).rstrip())
    captions = (f"answer {answers[index]}" + ("" if answers[index] == labels[index] else f", is {labels[index]}") for index in order)
    print("   ".join(caption.ljust(16) for caption in captions).rstrip() + "\n")


def measure(model, reference, feeds: dict, what: str) -> None:
    """Prints both engines' latency: medians, measured in turns on one core, so that both see the same machine."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        engines = {"Tenon": lambda: model.run(feeds), "ONNX Runtime": lambda: reference.run(None, feeds)}
        times = {name: [] for name in engines}
        for run in engines.values():
            run()
        for _ in range(MEASURE_ROUNDS):
            for name, run in engines.items():
                end = time.perf_counter() + MEASURE_SECONDS / MEASURE_ROUNDS / len(engines)
                while True:
                    started = time.perf_counter()
                    run()
                    finished = time.perf_counter()
                    times[name].append(finished - started)
                    if finished >= end:
                        break
    finally:
        os.sched_setaffinity(0, allowed)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"latency             {format_seconds(medians['Tenon'])} with Tenon, {format_seconds(medians['ONNX Runtime'])} with "
          f"ONNX Runtime, {medians['ONNX Runtime'] / medians['Tenon']:.2f} times Tenon's ({what})")


def format_seconds(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


if __name__ == "__main__":
    sys.exit(main())
