"""Nodes in any order: each is imported after those whose outputs it reads, itself or in a subgraph. Cycles are errors that say so."""

import json
import subprocess

import evaluate
import numpy as np
import pytest
from onnx import TensorProto, helper

X = np.array([[-1.5, 2.0, 3.0]], np.float32)


def model_of(nodes, functions=(), inputs=()):
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, X.shape), *inputs]
    graph = helper.make_graph(nodes, "g", infos, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, functions=list(functions))


def run_tool(build, model, folder):
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return subprocess.run([build / "bin/tenon_import_tool", path, "--json"], capture_output=True, text=True, timeout=120)


def results(build, model, folder, *inputs):
    done = run_tool(build, model, folder)
    assert done.returncode == 0, done.stderr
    return evaluate.evaluate(json.loads(done.stdout), [X, *inputs])


CHAIN = [helper.make_node("Neg", ["x"], ["a"]), helper.make_node("Exp", ["a"], ["b"]), helper.make_node("Add", ["a", "b"], ["y"])]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_a_chain_in_any_order(build, tmp_path, order):
    (result,) = results(build, model_of([CHAIN[i] for i in order]), tmp_path)
    np.testing.assert_allclose(result, np.exp(-X) - X, rtol=1e-6)


def test_a_function_body_in_any_order(build, tmp_path):
    function = helper.make_function("local", "Chain", ["x"], ["y"], CHAIN[::-1], [helper.make_opsetid("", 17)])
    (result,) = results(build, model_of([helper.make_node("Chain", ["x"], ["y"], domain="local")], [function]), tmp_path)
    np.testing.assert_allclose(result, np.exp(-X) - X, rtol=1e-6)


@pytest.mark.parametrize("flag", [False, True])
def test_what_a_subgraph_reads_comes_before_it(build, tmp_path, flag):
    """The branches read `a` from outside; one has a node called like one outside, and nodes of its own in the wrong order."""
    def branch(name, nodes):
        return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, None)])

    first = branch("then", [helper.make_node("Neg", ["inside"], ["then_y"]), helper.make_node("Exp", ["a"], ["inside"])])
    second = branch("else", [helper.make_node("Abs", ["a"], ["else_y"])])
    nodes = [helper.make_node("Mul", ["chosen", "chosen"], ["y"]),
             helper.make_node("If", ["c"], ["chosen"], then_branch=first, else_branch=second), helper.make_node("Neg", ["x"], ["a"])]
    model = model_of(nodes, inputs=[helper.make_tensor_value_info("c", TensorProto.BOOL, [])])
    (result,) = results(build, model, tmp_path, np.array(flag))
    np.testing.assert_allclose(result, np.exp(-X) ** 2 if flag else X**2, rtol=1e-6)


def test_sorted_graphs_keep_their_order(build, tmp_path):
    nodes = [helper.make_node(op, ["x"], [op], name=op) for op in ("Tanh", "Abs", "Exp", "Neg")]
    nodes.append(helper.make_node("Concat", ["Neg", "Exp", "Abs", "Tanh"], ["y"], axis=0))
    done = run_tool(build, model_of(nodes), tmp_path)
    names = [op["name"] for op in json.loads(done.stdout)["body"]["operations"] if op["name"].startswith("nn.")]
    assert names == ["nn.tanh", "nn.abs", "nn.exp", "nn.neg", "nn.concat"]


def test_a_cycle_names_a_node_on_it(build, tmp_path):
    """`late` waits for the cycle as well, but is not on it."""
    nodes = [helper.make_node("Relu", ["second"], ["y"], name="late"), helper.make_node("Add", ["x", "second"], ["first"], name="one"),
             helper.make_node("Abs", ["first"], ["second"], name="two")]
    done = run_tool(build, model_of(nodes), tmp_path)
    assert done.returncode == 1
    (diagnostic,) = json.loads(done.stderr)
    assert diagnostic["node"] in ("one", "two")
    assert diagnostic["message"] in ("input 'second' depends on an output of this node itself", "input 'first' depends on an output of this node itself")
    assert diagnostic["hint"] == "the graph has a cycle"
