"""Small models that the tests of the command line compile and run."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


def make_model(nodes, inputs, outputs, initializers=None, opset=17) -> onnx.ModelProto:
    """Inputs and outputs are (name, shape) or (name, shape, ONNX type)."""

    def value(name, shape, dtype=TensorProto.FLOAT):
        return helper.make_tensor_value_info(name, dtype, shape)

    graph = helper.make_graph(nodes, "graph", [value(*entry) for entry in inputs], [value(*entry) for entry in outputs],
                              [numpy_helper.from_array(array, name) for name, array in (initializers or {}).items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@dataclasses.dataclass
class Example:
    """A model on disk, its compiled library, and what it computes."""

    path: pathlib.Path
    library: pathlib.Path

    def expected(self, x: numpy.ndarray, w: numpy.ndarray) -> numpy.ndarray:
        return numpy.maximum(x + w, 0)


@pytest.fixture(scope="session")
def add_relu(tenon, tmp_path_factory) -> Example:
    """y = relu(x:0 + w) with a dynamic dimension and a name that is no identifier."""
    folder = tmp_path_factory.mktemp("add_relu")
    nodes = [helper.make_node("Add", ["x:0", "w"], ["sum"], name="add"), helper.make_node("Relu", ["sum"], ["y/out"], name="relu")]
    model = make_model(nodes, [("x:0", ["rows", 3]), ("w", [3])], [("y/out", ["rows", 3])])
    onnx.save(model, folder / "add_relu.onnx")
    finished = tenon("compile", folder / "add_relu.onnx", "-o", folder / "add_relu.so")
    assert finished.returncode == 0, finished.stderr
    return Example(folder / "add_relu.onnx", folder / "add_relu.so")


@pytest.fixture(scope="session")
def tenon_json(tenon):
    """Runs `tenon ... --json`; returns what it printed and the finished process."""

    def run(*arguments, **options):
        finished = tenon(*arguments, "--json", **options)
        return json.loads(finished.stdout), finished

    return run


@pytest.fixture(scope="session")
def bench(root, build, models_tools):
    """Runs a program of tools/bench, with the packages of a folder before all others; returns the finished process."""

    def run(program: str, *arguments, packages: pathlib.Path | None = None) -> subprocess.CompletedProcess:
        paths = [str(packages or ""), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "TENON_BUILD": str(build), "TENON_MODELS_TOOLS": str(models_tools), "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        return subprocess.run([sys.executable, str(root / "tools/bench" / program), *map(str, arguments)], capture_output=True, text=True, env=environment,
                              timeout=300)

    return run
