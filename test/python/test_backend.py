"""tenon.compile and tenon.backend with the real compiler, on models of a few nodes."""

import subprocess
import sys

import numpy
import onnx
import onnx.backend.base
import pytest
from onnx import TensorProto, helper

import tenon
import tenon.backend


def make_model(nodes, inputs, outputs, opset=18, initializers=()):
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializer=initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def value(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


@pytest.fixture(scope="module")
def add_relu():
    """y = relu(a + b:0), a[batch,3], b:0[batch,3]"""
    nodes = [helper.make_node("Add", ["a", "b:0"], ["s"], name="add"), helper.make_node("Relu", ["s"], ["y"], name="relu")]
    return make_model(nodes, [value("a", ["batch", 3]), value("b:0", ["batch", 3])], [value("y", ["batch", 3])])


A = numpy.array([[1, -2, 3], [4, 5, -6]], numpy.float32)
B = numpy.array([[1, 1, 1], [-9, 0, 9]], numpy.float32)
EXPECTED = numpy.maximum(A + B, 0)


@pytest.mark.parametrize("form", ["path", "bytes", "proto"])
def test_compile_and_run(add_relu, tmp_path, form):
    path = tmp_path / "model.onnx"
    onnx.save(add_relu, path)
    source = {"path": path, "bytes": path.read_bytes(), "proto": add_relu}[form]
    library = tmp_path / "model.so"
    assert tenon.compile(source, library) == str(library)
    model = tenon.load(library)
    assert model.inputs == (tenon.TensorSpec("a", numpy.dtype("float32"), ("batch", 3)),
                            tenon.TensorSpec("b:0", numpy.dtype("float32"), ("batch", 3)))
    numpy.testing.assert_array_equal(model.run({"b:0": B, "a": A})["y"], EXPECTED)
    numpy.testing.assert_array_equal(model.run({"b:0": B[:1], "a": A[:1]})["y"], EXPECTED[:1])
    with pytest.raises(tenon.RunError, match="input 'b:0' dimension 0 is 1 but dimension 0 of input 'a' is 2; both are 'batch'"):
        model.run({"a": A, "b:0": B[:1]})


def test_shape_option(add_relu, tmp_path):
    library = tmp_path / "model.so"
    tenon.compile(add_relu, library, shape={"a": (2, 3)})
    model = tenon.load(library)
    assert model.inputs[0].shape == (2, 3)
    numpy.testing.assert_array_equal(model.run({"b:0": B, "a": A})["y"], EXPECTED)


def test_compile_error_names_the_node(tmp_path):
    bad = make_model([helper.make_node("NoSuchOperator", ["a"], ["y"], name="strange")], [value("a", [2])], [value("y", [2])])
    library = tmp_path / "model.so"
    with pytest.raises(tenon.CompileError) as caught:
        tenon.compile(bad, library)
    assert (caught.value.node, caught.value.op_type) == ("strange", "NoSuchOperator")
    assert "strange" in str(caught.value) and "NoSuchOperator" in str(caught.value)
    assert not list(tmp_path.iterdir()), "a failed compile leaves nothing behind"


def test_truncated_model(add_relu, tmp_path):
    with pytest.raises(tenon.CompileError):
        tenon.compile(add_relu.SerializeToString()[:-20], tmp_path / "model.so")


def test_library_for_a_processor_with_more_features(add_relu, tmp_path):
    """It compiles anywhere and is refused, not run, where the features are missing."""
    library = tmp_path / "model.so"
    tenon.compile(add_relu, library, cpu="sapphirerapids")
    if "amx_tile" in open("/proc/cpuinfo").read():
        tenon.load(library)
    else:
        with pytest.raises(tenon.LoadError, match="the model needs processor features that are missing here: .*; compile it with --cpu x86-64"):
            tenon.load(library)


def test_backend(add_relu):
    assert tenon.backend.is_compatible(add_relu)
    assert tenon.backend.supports_device("CPU") and not tenon.backend.supports_device("CUDA")
    prepared = tenon.backend.prepare(add_relu)
    assert isinstance(prepared, onnx.backend.base.BackendRep)
    for inputs in ([A, B], {"a": A, "b:0": B}):
        (result,) = prepared.run(inputs)
        numpy.testing.assert_array_equal(result, EXPECTED)
    (result,) = tenon.backend.run_model(add_relu, [A, B])
    numpy.testing.assert_array_equal(result, EXPECTED)
    with pytest.raises(tenon.RunError, match="the model has no input '#2'"):
        prepared.run([A, B, A])
    with pytest.raises(tenon.RunError, match="input 'b:0' is missing"):
        prepared.run([A])
    with pytest.raises(ValueError, match="device CUDA is not supported"):
        tenon.backend.prepare(add_relu, "CUDA")


def test_run_node():
    node = helper.make_node("Add", ["a", "b"], ["y"])
    numpy.testing.assert_array_equal(tenon.backend.run_node(node, [A, B])[0], A + B)
    numpy.testing.assert_array_equal(tenon.backend.run_node(node, {"b": B, "a": A})[0], A + B)
    (result,) = tenon.backend.run_node(helper.make_node("Relu", ["a"], ["y"]), [A], outputs_info=[(numpy.float32, (2, 3))])
    numpy.testing.assert_array_equal(result, numpy.maximum(A, 0))
    with pytest.raises(ValueError, match="got 1 inputs but the node has 2"):
        tenon.backend.run_node(node, [A])


def test_what_cannot_be_compiled_is_an_error():
    """Not a skip, not another evaluator's answer."""
    model = make_model([helper.make_node("NoSuchOperator", ["a"], ["y"], name="odd")], [value("a", [2])], [value("y", [2])])
    with pytest.raises(tenon.CompileError, match="NoSuchOperator"):
        tenon.backend.prepare(model)


def test_sequences_are_lists():
    info = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    model = make_model([helper.make_node("SequenceConstruct", ["a", "a"], ["y"])], [value("a", [2])], [info])
    a = numpy.array([1, 2], numpy.float32)
    (y,) = tenon.backend.prepare(model).run([a])
    assert isinstance(y, list)
    numpy.testing.assert_array_equal(y, [a, a])


def test_backend_imports_no_other_evaluator(build):
    script = (f"import sys; sys.path.insert(0, {str(build / 'python')!r}); import tenon.backend; "
              "found = [name for name in sys.modules if name.startswith(('onnxruntime', 'onnx.reference'))]; assert not found, found")
    subprocess.run([sys.executable, "-c", script], check=True)
