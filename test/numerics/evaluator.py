"""One node by ONNX's reference evaluator, with float32 and halves computed as float64."""

import numpy
import onnx.reference
from onnx import TensorProto, helper


def evaluate(op: str, inputs: list, opset: int = 21, outputs: int = 1, domain: str = "", **attributes) -> list:
    """The node's outputs; `inputs` may hold None for omitted ones."""
    names = ["" if value is None else f"in{place}" for place, value in enumerate(inputs)]
    feeds = {name: _wide(numpy.asarray(value)) for name, value in zip(names, inputs) if name}
    infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in feeds.items()]
    results = [f"out{place}" for place in range(outputs)]
    graph = helper.make_graph([helper.make_node(op, names, results, domain=domain, **attributes)], "node", infos,
                              [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in results])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 4)])
    return onnx.reference.ReferenceEvaluator(model).run(None, feeds)


def _wide(value: numpy.ndarray) -> numpy.ndarray:
    is_float = value.dtype.kind == "f" or value.dtype.name == "bfloat16"
    return value.astype(numpy.float64) if is_float else value
