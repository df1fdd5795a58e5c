"""The same bits for any number of threads and any number of runs, on work that is large enough to be shared."""

import numpy
import onnx.helper
import pytest
from onnx import TensorProto, helper

import tenon

CASES = {
    "matmul": ([helper.make_node("MatMul", ["x", "w"], ["y"])], (300, 257), (257, 190)),
    "row softmax": ([helper.make_node("Softmax", ["x"], ["y"], axis=-1)], (400, 301), None),
    "column softmax": ([helper.make_node("Softmax", ["x"], ["y"], axis=0)], (400, 301), None),
    "sum of all": ([helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)], (500, 601), None),
    "sum of columns": ([helper.make_node("ReduceMean", ["x", "axes"], ["y"])], (500, 601), None),
    "normalization": ([helper.make_node("LayerNormalization", ["x", "scale"], ["y"])], (300, 333), None),
    "convolution": ([helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])], (1, 16, 61, 67), (24, 16, 3, 3)),
    "depthwise": ([helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1], group=20)], (1, 20, 61, 67), (20, 1, 3, 3)),
    "elements": ([helper.make_node("Sigmoid", ["x"], ["s"]), helper.make_node("Mul", ["s", "x"], ["y"])], (700, 301), None),
    "transpose": ([helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0])], (333, 512), None),
    # Threads share each step of a GRU of so many units; the constant holds both weights.
    "recurrence": ([helper.make_node("Slice", ["w", "axes", "one"], ["inputs"]), helper.make_node("Slice", ["w", "one", "two"], ["recurrent"]),
                    helper.make_node("GRU", ["x", "inputs", "recurrent"], ["y"], hidden_size=384)], (9, 3, 384), (2, 1152, 384)),
    "attention": ([helper.make_node("Transpose", ["x"], ["k"], perm=[1, 0]), helper.make_node("MatMul", ["x", "k"], ["s"]), helper.make_node("Softmax", ["s"], ["p"]), helper.make_node("MatMul", ["p", "x"], ["y"])], (300, 48), None),
    "maximum": ([helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2])], (1, 16, 99, 101), None),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_same_bits(tmp_path, name, dynamic):
    nodes, shape, weights_shape = CASES[name]
    generator = numpy.random.default_rng(1)
    x = generator.standard_normal(shape, dtype=numpy.float32)
    constants = [onnx.numpy_helper.from_array(numpy.array([0], numpy.int64), "axes"),
                 *(onnx.numpy_helper.from_array(numpy.array([number], numpy.int64), name) for name, number in (("one", 1), ("two", 2))), onnx.numpy_helper.from_array(numpy.ones(shape[-1], numpy.float32), "scale")]
    if weights_shape:
        constants.append(onnx.numpy_helper.from_array(generator.standard_normal(weights_shape, dtype=numpy.float32), "w"))
    used = {entry for node in nodes for entry in node.input}
    graph = helper.make_graph(nodes, "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None] * len(shape) if dynamic else shape)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], [constant for constant in constants if constant.name in used])
    if dynamic and name == "recurrence":
        graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, None, shape[2]]))
    if dynamic and "Conv" in nodes[0].op_type:
        graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, shape[1], None, None]))
    library = tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), tmp_path / "model.so")
    models = [tenon.load(library, threads=threads) for threads in (1, 2, 3, 7)]
    expected = models[0].run({"x": x})["y"].tobytes()
    for model in models:
        for _ in range(3):
            assert model.run({"x": x})["y"].tobytes() == expected, f"{model.threads} threads"
