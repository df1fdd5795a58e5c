"""The engines that Tenon is compared with.

A peer opens a model for a number of threads and returns a function from inputs by name to outputs in the order of the
model. What it converts in between belongs to its time: all peers get and return the same arrays. Settings are those of a
program that runs one input at a time in f32.
"""

import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable


def open_onnxruntime(path: pathlib.Path, threads: int) -> Callable:
    """ONNX Runtime's default optimizations."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda feeds: session.run(None, feeds)


def open_openvino(path: pathlib.Path, threads: int) -> Callable:
    """One stream, latency mode."""
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()

    def run(feeds):
        # Keys are outputs, or their indices.
        results = request.infer(feeds, share_inputs=True, share_outputs=False)
        return [results[index] for index in range(len(results))]

    return run


# Its console script and MNN.tools.mnnconvert do the same, but install packages and report usage as they start.
MNN_CONVERT = "import sys, _tools; _tools.mnnconvert(sys.argv)"


def open_mnn(path: pathlib.Path, threads: int) -> Callable:
    """MNN's Module API on the CPU with high precision (f32). A new set of dimensions is planned by MNN when it comes."""
    import MNN.expr
    import MNN.nn
    import numpy
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value.name for value in graph.input if value.name not in constants]
    outputs = [value.name for value in graph.output]
    with tempfile.TemporaryDirectory(prefix="tenon-bench-") as folder:
        converted = os.path.join(folder, "model.mnn")
        # Apart: the converter ends the process when it does not know an operator.
        command = [sys.executable, "-c", MNN_CONVERT, "-f", "ONNX", "--modelFile", str(path), "--MNNModel", converted, "--bizCode", "bench"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0 or not os.path.exists(converted):
            words = (done.stdout + done.stderr).strip().splitlines() or [""]
            raise RuntimeError(f"MNN's converter ended with status {done.returncode}: {words[-1]}")
        runtime = MNN.nn.create_runtime_manager(({"backend": "CPU", "precision": "high", "numThread": threads},))
        module = MNN.nn.load_module_from_file(converted, inputs, outputs, runtime_manager=runtime, dynamic=False, shape_mutable=True)
    layout = MNN.expr.NCHW

    def variable(array):
        # The only types that it takes.
        is_float = array.dtype.kind == "f"
        array = numpy.ascontiguousarray(array, numpy.float32 if is_float else numpy.int32)
        result = MNN.expr.placeholder(list(array.shape), layout, MNN.expr.float if is_float else MNN.expr.int)
        result.write(array)
        return result

    return lambda feeds: [MNN.expr.convert(result, layout).read() for result in module.onForward([variable(feeds[name]) for name in inputs])]


# By the name of the Python package.
PEERS = {"onnxruntime": open_onnxruntime, "openvino": open_openvino, "MNN": open_mnn}


def installed() -> list[str]:
    return [peer for peer in PEERS if importlib.util.find_spec(peer) is not None]
