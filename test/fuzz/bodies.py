"""Subgraphs whose own steps can be rounded.

The oracle sees If, Loop and Scan as one node each. So that rounding between the nodes of their bodies is followed too, what
these compute is multiplied by numbers that come from outside: by 1 for the exact result, by nearly 1 for a variant.
"""

import onnx
from onnx import helper

FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
# These return what they read, or its negative.
EXACT = ("Identity", "Relu", "Neg", "Abs", "Max", "Min", "Concat")


def has_bodies(node: onnx.NodeProto) -> bool:
    return any(attribute.type == onnx.AttributeProto.GRAPH for attribute in node.attribute)


def with_factors(inferred: onnx.NodeProto) -> tuple[onnx.NodeProto, list[onnx.ValueInfoProto]]:
    """The node with factors in its bodies, which it reads from outside, and these. `inferred` has types in its bodies."""
    node, factors = onnx.NodeProto(), []
    node.CopyFrom(inferred)
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            factors += _add_factors(attribute.g)
    return node, factors


def _add_factors(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    types = {info.name: info.type.tensor_type.elem_type for info in [*graph.value_info, *graph.output]}
    nodes, factors = [], []
    for inner in graph.node:
        nodes.append(inner)
        for place, name in enumerate(inner.output):
            if inner.op_type in EXACT or types.get(name) not in FLOATS:
                continue
            factors.append(helper.make_tensor_value_info(f"{name}_factor", types[name], []))
            inner.output[place] = f"{name}_exact"
            nodes.append(helper.make_node("Mul", [f"{name}_exact", f"{name}_factor"], [name]))
    nodes = [onnx.NodeProto.FromString(entry.SerializeToString()) for entry in nodes]
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    return factors
