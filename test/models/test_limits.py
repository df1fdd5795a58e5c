"""What compiling a network of usual size may cost, and what its library may need."""

import json
import re
import subprocess
import sys
import time

import numpy
import pytest

from test_models import MODELS, OTHERS


# The peak of a process counts that of the one that started it, so a small one starts the compiler.
MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def cost(build, source, library) -> tuple[float, float]:
    """Seconds and MiB at most that compiling takes."""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", MEASURE, str(build / "bin/tenon"), "compile", str(source), "-o", str(library)], stdout=subprocess.PIPE, text=True)
    seconds = time.monotonic() - started
    assert done.returncode == 0
    return seconds, int(done.stdout.split()[-1]) / 1024


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
def test_memory_of_weights_of_4_bits(build, tmp_path):
    """What is between them and the numbers that kernels read does not stay: 128 MiB of those are there twice when they are packed, and twice in files that are
    written. With every step of unpacking kept it was more than 1 GiB."""
    import numpy
    from onnx import TensorProto, helper, numpy_helper, save

    generator, rows, columns = numpy.random.default_rng(0), 8192, 4096
    weights = {"b": generator.integers(0, 256, (rows, columns // 32, 16), numpy.uint8), "s": generator.uniform(0.01, 0.02, rows * columns // 32).astype(numpy.float32),
               "z": generator.integers(0, 256, rows * columns // 64, numpy.uint8)}
    node = helper.make_node("MatMulNBits", ["x", "b", "s", "z"], ["y"], domain="com.microsoft", K=columns, N=rows, bits=4, block_size=32)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, extent]) for name, extent in (("x", columns), ("y", rows))]
    graph = helper.make_graph([node], "graph", values[:1], values[1:], [numpy_helper.from_array(array, name) for name, array in weights.items()])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]), tmp_path / "model.onnx")
    _, mebibytes = cost(build, tmp_path / "model.onnx", tmp_path / "model.so")
    assert mebibytes <= 850, f"peak memory is {mebibytes:.0f} MiB"


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
