"""What compiling a network of usual size may cost, and what its library may need."""

import json
import os
import re
import subprocess
import time

import numpy
import pytest

from test_models import MODELS, OTHERS


def cost(build, source, library) -> tuple[float, float]:
    """Seconds and MiB at most that compiling takes."""
    started = time.monotonic()
    process = subprocess.Popen([str(build / "bin/tenon"), "compile", str(source), "-o", str(library)])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return seconds, usage.ru_maxrss / 1024


@pytest.mark.serial
def test_time_and_memory(catalogue, build, tmp_path):
    seconds, mebibytes = cost(build, catalogue.path("resnet_nsfw"), tmp_path / "model.so")
    assert seconds <= 10
    assert mebibytes <= 1.5 * 1024, f"peak memory is {mebibytes:.0f} MiB"


@pytest.mark.long
@pytest.mark.serial
@pytest.mark.parametrize("name", sorted([*MODELS, *OTHERS["pass"], *OTHERS["fail"]]))
def test_every_model(catalogue, build, tmp_path, name):
    """A minute is as long as a build may seem to stand still, 4 GiB is what a small machine has. Trees are a table to lay out, nothing to optimize: 20 s."""
    seconds, mebibytes = cost(build, catalogue.path(name), tmp_path / "model.so")
    (tmp_path / "model.so").unlink()
    assert seconds <= (20 if "trees" in catalogue.entries[name]["tags"] else 60)
    assert mebibytes <= 4 * 1024, f"peak memory is {mebibytes:.0f} MiB"


@pytest.mark.serial
def test_small_models_compile_at_once(root, build, tmp_path):
    """A model of one node, process start included: the best of some, because the machine may be busy."""
    import onnx
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 16]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Exp", ["x"], ["y"])], "graph", value[:1], value[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), tmp_path / "exp.onnx")
    times = []
    for _ in range(7):
        started = time.monotonic()
        subprocess.run([str(build / "bin/tenon"), "compile", str(tmp_path / "exp.onnx"), "-o", str(tmp_path / "exp.so")], check=True)
        times.append(time.monotonic() - started)
    assert min(times) <= 0.15, f"took {sorted(times)}"


def test_residual_blocks_of_open_extents(build, tmp_path):
    """60 blocks that read their input twice: what is asked of a block's extents is asked of the one before once, not twice."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, value = [], "x"
    for block in range(60):
        nodes += [helper.make_node("Conv", [value, "w"], [f"c{block}"], kernel_shape=[7, 7], pads=[3, 3, 3, 3], group=4),
                  helper.make_node("Add", [value, f"c{block}"], [f"y{block}"])]
        value = f"y{block}"
    weights = numpy_helper.from_array(numpy.full((4, 1, 7, 7), 0.01, numpy.float32), "w")
    graph = helper.make_graph(nodes, "deep", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, "h", "w"])],
                              [helper.make_tensor_value_info(value, TensorProto.FLOAT, None)], [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "deep.onnx")
    seconds, mebibytes = cost(build, tmp_path / "deep.onnx", tmp_path / "deep.so")
    assert seconds <= 60
    assert mebibytes <= 1024


def test_size(catalogue, compiled, tenon):
    library = compiled("resnet_nsfw", optimize="size")
    done = tenon("inspect", catalogue.path("resnet_nsfw"), "--json")
    assert done.returncode == 0, done.stderr
    weights = json.loads(done.stdout)["model"]["parameter_bytes"]
    assert weights > 20 << 20
    assert library.stat().st_size <= weights + (1 << 20), f"{library.stat().st_size - weights} bytes more than the weights"


@pytest.mark.parametrize("name", ["resnet_nsfw", "magika"])
def test_libraries_needed(compiled, name):
    text = subprocess.run(["readelf", "--dynamic", "--wide", str(compiled(name))], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", text))
    assert needed <= {"libc.so.6", "libm.so.6"}
