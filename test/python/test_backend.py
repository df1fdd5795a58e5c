"""tenon.backend plugged into ONNX's own test runner, for a few of its tests; test/conformance runs them all, faster."""

import warnings

import numpy
import onnx.backend.test
import onnx.helper
import pytest

import tenon
import tenon.backend

CHOSEN = ("relu", "add_bcast", "gemm_default_no_bias", "basic_conv_with_padding", "softmax_axis_1", "reduce_sum_keepdims_example",
          "concat_2d_axis_0", "Conv2d_groups", "operator_exp", "sign_model")


def chosen_tests() -> dict[str, type]:
    """ONNX's test classes with the chosen tests only: the runner would count all others as skipped."""
    with warnings.catch_warnings():
        # The scripts that make the tests divide by zero on purpose.
        warnings.simplefilter("ignore")
        runner = onnx.backend.test.BackendTest(tenon.backend, __name__)
    names = {f"test_{name}_cpu" for name in CHOSEN}
    classes = {}
    for class_name, tests in runner.test_cases.items():
        for name in [name for name in vars(tests) if name.startswith("test_")]:
            if name not in names:
                delattr(tests, name)
            else:
                classes[class_name] = tests
    return classes


globals().update(chosen_tests())


def test_run_node():
    node = onnx.helper.make_node("Sub", ["a", "b"], ["c"])
    a, b = numpy.array([[5.0, 7.0]], numpy.float32), numpy.array([1.0, 2.0], numpy.float32)
    outputs = tenon.backend.run_node(node, [a, b])
    assert len(outputs) == 1
    numpy.testing.assert_array_equal(outputs[0], a - b)


def test_devices():
    assert tenon.backend.supports_device("CPU")
    assert not tenon.backend.supports_device("CUDA")


def test_what_cannot_be_compiled_is_an_error():
    node = onnx.helper.make_node("NoSuchOperator", ["a"], ["c"])
    graph = onnx.helper.make_graph([node], "graph", [onnx.helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, [1])],
                                   [onnx.helper.make_tensor_value_info("c", onnx.TensorProto.FLOAT, [1])])
    with pytest.raises(tenon.CompileError, match="NoSuchOperator"):
        tenon.backend.prepare(onnx.helper.make_model(graph))
