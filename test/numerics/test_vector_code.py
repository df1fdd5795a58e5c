"""The disassembly of elementwise and reduction kernels: their loops work on whole vectors, on every processor level.

A loop is what lies between a backward branch and its target. Loops that hold arithmetic on floats must hold it in vectors of
the level's width, none on single floats, and no calls of functions that would do it. Shapes are multiples of every vector length, so that no kernel has a rest.
"""

import re

import numpy
import onnx
import pytest
from onnx import helper, numpy_helper

import tenon
from disassembly import loops

LENGTH, ROWS = 4096, 16
# Per level: what a vector register of its width is called, and arithmetic on a single float.
X86_SCALAR = r"\bv?(add|sub|mul|div|max|min|sqrt|fmadd\d*|fmsub\d*|fnmadd\d*)s[sd]\b|\bcallq?\b"
LEVELS = {
    "x86-64-v2": ({"cpu": "x86-64-v2"}, r"\b(add|sub|mul|div|max|min|sqrt|cmp\w*)p[sd]\b.*%xmm", X86_SCALAR),
    "x86-64-v3": ({"cpu": "x86-64-v3"}, r"\bv\w+p[sd]\b.*%ymm", X86_SCALAR),
    "x86-64-v4": ({"cpu": "x86-64-v4"}, r"\bv\w+p[sd]\b.*%zmm", X86_SCALAR),
    "aarch64": ({"target": "aarch64-linux-gnu"}, r"\bf\w+\b.*\.(4s|2d)",
                r"\bf(add|sub|mul|div|madd|msub|nmadd|nmsub|max|min|maxnm|minnm|sqrt)\s+[sd]\d|\bblr?\s"),
}
# Sin, Cos and Tan are not among them: their loops have a branch with library calls for arguments above 8192.
UNARY = ("Exp", "Log", "Tanh", "Erf", "Sigmoid", "Sqrt", "Neg", "Abs", "Relu", "LeakyRelu", "HardSwish", "Gelu", "Reciprocal",
         "Elu", "Selu", "Celu", "Softplus", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh")
BINARY = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow")
# The standard has it for float only.
FLOAT_ONLY = ("Celu",)
TYPES = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)
REDUCTIONS = ("ArgMax", "ArgMin", "ReduceSum", "ReduceMax", "ReduceMean", "ReduceL2", "ReduceLogSumExp")
ROWWISE = ("Softmax", "LogSoftmax", "LayerNormalization")


def nodes_of(op: str, dtype):
    """Nodes from x to y, and initializers."""
    if op in BINARY:
        return [helper.make_node(op, ["x", "x2"], ["y"])], []
    if op in ("ArgMax", "ArgMin"):
        return [helper.make_node(op, ["x"], ["y"], axis=1, keepdims=0)], []
    if op in REDUCTIONS:
        return [helper.make_node(op, ["x", "axes"], ["y"], keepdims=0)], [numpy_helper.from_array(numpy.array([1], numpy.int64), "axes")]
    if op == "LayerNormalization":
        scale, bias = (numpy.linspace(start, 2, LENGTH, dtype=dtype) for start in (1, 0))
        return ([helper.make_node(op, ["x", "scale", "bias"], ["y"], axis=1)],
                [numpy_helper.from_array(scale, "scale"), numpy_helper.from_array(bias, "bias")])
    return [helper.make_node(op, ["x"], ["y"])], []


def compiled(op: str, folder, options, element=onnx.TensorProto.FLOAT) -> str:
    nodes, constants = nodes_of(op, helper.tensor_dtype_to_np_dtype(element))
    inputs = [helper.make_tensor_value_info(name, element, [ROWS, LENGTH]) for name in ("x", "x2")[:1 + (op in BINARY)]]
    graph = helper.make_graph(nodes, op, inputs, [helper.make_tensor_value_info("y", element, None)], constants)
    return tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)]), folder / f"{op}.so", **options)


@pytest.mark.parametrize("element", TYPES, ids=("f32", "f64"))
@pytest.mark.parametrize("level", LEVELS)
def test_loops_are_vectors(tmp_path, level, element):
    options, vector, scalar = LEVELS[level]
    problems = []
    for op in UNARY + BINARY + REDUCTIONS + ROWWISE:
        if op in FLOAT_ONLY and element != onnx.TensorProto.FLOAT:
            continue
        bodies = loops(compiled(op, tmp_path, options, element))
        single = [body for body in bodies if any(re.search(scalar, instruction) for instruction in body.instructions)]
        if single:
            problems.append(f"{op}: a loop on single floats:\n  " + "\n  ".join(single[0].instructions[:30]))
        # Signs are bits: logic on vectors, without arithmetic on floats.
        if op not in ("Neg", "Abs") and not any(re.search(vector, instruction) for body in bodies for instruction in body.instructions):
            problems.append(f"{op}: no loop has arithmetic on vectors")
    assert not problems, "\n".join(problems)


def test_a_loop_on_single_floats_is_found(tmp_path):
    """The reference lowering is one."""
    bodies = loops(compiled("Add", tmp_path, {"cpu": "x86-64-v3", "reference": True}))
    assert any(re.search(X86_SCALAR, instruction) for body in bodies for instruction in body.instructions)
