"""Extents of operands that only a run shows: what fits gives the right result, what does not is an error naming the node."""

import numpy
import onnx
import pytest
import tenon
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator


def node(op, *inputs, outputs=("y",), **attributes):
    return helper.make_node(op, inputs, outputs, name="the node", **attributes)


# The last extents of operands that the compiler has to know: of tuples of indices and recurrent weights.
STATIC = {"GatherND": {"b": [1]}, "ScatterND": {"b": [1]}}
STATIC |= {op: {"b": [1, gates * 2, None], "c": [1, gates * 2, 2], "d": [1, None, 2]} for op, gates in (("RNN", 1), ("LSTM", 4), ("GRU", 3))}


def model(nodes, arrays, constants=(), opset=21, outputs=("y",)):
    """No dimension of the inputs is said to equal another, and all are dynamic but those of STATIC."""
    def info(name, array):
        tail = STATIC.get(nodes[0].op_type, {}).get(name, [])
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), [None] * (array.ndim - len(tail)) + tail)

    infos = [info(name, array) for name, array in arrays.items()]
    results = [onnx.ValueInfoProto(name=name) for name in outputs]
    for result in results:
        result.type.tensor_type.elem_type = TensorProto.FLOAT
    initializers = [onnx.numpy_helper.from_array(array, name) for name, array in constants]
    graph = helper.make_graph(nodes, "graph", infos, results, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def ones(*shape):
    return numpy.ones(shape, numpy.float32)


def filled(shape, dtype=numpy.float32, modulus=7):
    return (numpy.arange(numpy.prod(shape, dtype=int)) % modulus).astype(dtype).reshape(shape)


INT = numpy.int64
# Node; shapes of inputs that fit; shapes that do not; types of the inputs that are not f32.
CASES = {
    "Add": (node("Add", "a", "b"), [[(5,), (5,)], [(1,), (5,)], [(5,), (1,)], [(0,), (1,)]], [[(5,), (900,)], [(900,), (5,)], [(0,), (5,)]], {}),
    "Add of matrices": (node("Add", "a", "b"), [[(3, 4), (3, 4)], [(3, 1), (1, 4)], [(3, 4), (1, 1)]], [[(3, 4), (4, 4)], [(3, 4), (3, 900)]], {}),
    "Where": (node("Where", "c", "a", "b"), [[(5,), (5,), (1,)], [(1,), (5,), (5,)]], [[(5,), (900,), (5,)], [(5,), (5,), (900,)], [(900,), (5,), (1,)]], {"c": bool}),
    "MatMul": (node("MatMul", "a", "b"), [[(3, 4), (4, 5)]], [[(3, 4), (900, 5)], [(3, 900), (4, 5)]], {}),
    "MatMul of batches": (node("MatMul", "a", "b"), [[(2, 3, 4), (2, 4, 5)], [(1, 3, 4), (2, 4, 5)]], [[(2, 3, 4), (900, 4, 5)], [(2, 3, 4), (2, 900, 5)]], {}),
    "Gemm": (node("Gemm", "a", "b", "c", transB=1), [[(3, 4), (5, 4), (5,)]], [[(3, 4), (5, 900), (5,)], [(3, 4), (5, 4), (900,)]], {}),
    "Concat": (node("Concat", "a", "b", axis=0), [[(2, 3), (4, 3)], [(2, 3), (0, 3)]], [[(2, 3), (4, 2)], [(2, 900), (4, 3)]], {}),
    "Conv": (node("Conv", "a", "b", kernel_shape=[3]), [[(1, 4, 9), (6, 4, 3)]], [[(1, 4, 9), (6, 900, 3)], [(1, 900, 9), (6, 4, 3)]], {}),
    "Conv with bias": (node("Conv", "a", "b", "c", kernel_shape=[3]), [[(1, 4, 9), (6, 4, 3), (6,)]], [[(1, 4, 9), (6, 4, 3), (900,)], [(1, 4, 9), (6, 4, 3), (2,)]], {}),
    "Conv of any kernel": (node("Conv", "a", "b"), [[(1, 4, 9), (6, 4, 3)], [(1, 4, 9), (6, 4, 1)]], [[(1, 4, 9), (6, 900, 3)], [(1, 900, 9), (6, 4, 3)], [(1, 4, 9), (6, 4, 900)]], {}),
    "ConvTranspose": (node("ConvTranspose", "a", "b"), [[(1, 4, 9), (4, 6, 3)], [(1, 4, 9), (4, 6, 2)]], [[(1, 4, 9), (900, 6, 3)], [(1, 900, 9), (4, 6, 3)]], {}),
    "BatchNormalization": (node("BatchNormalization", "a", "b", "c", "d", "e"), [[(2, 3, 4), (3,), (3,), (3,), (3,)]], [[(2, 3, 4), (900,), (3,), (3,), (3,)], [(2, 3, 4), (3,), (3,), (3,), (2,)]], {}),
    "LayerNormalization": (node("LayerNormalization", "a", "b", "c"), [[(2, 3), (3,), (3,)]], [[(2, 3), (900,), (3,)], [(2, 3), (3,), (2,)]], {}),
    "PRelu": (node("PRelu", "a", "b"), [[(2, 3), (3,)]], [[(2, 3), (900,)], [(2, 3), (2,)]], {}),
    "GatherElements": (node("GatherElements", "a", "b", axis=1), [[(2, 9), (2, 3)]], [[(2, 9), (900, 3)]], {"b": INT}),
    "GatherND": (node("GatherND", "a", "b", batch_dims=1), [[(2, 9), (2, 1)]], [[(2, 9), (900, 1)]], {"b": INT}),
    "ScatterElements": (node("ScatterElements", "a", "b", "c", axis=1), [[(2, 9), (2, 7), (2, 7)]], [[(2, 9), (900, 7), (900, 7)], [(2, 9), (2, 7), (2, 2)], [(2, 9), (2, 7), (1, 7)]], {"b": INT}),
    "ScatterND": (node("ScatterND", "a", "b", "c"), [[(9, 2), (3, 1), (3, 2)]], [[(9, 2), (3, 1), (2, 2)], [(9, 2), (3, 1), (3, 900)]], {"b": INT}),
    "Einsum": (node("Einsum", "a", "b", equation="ij,jk->ik"), [[(2, 3), (3, 4)]], [[(2, 3), (900, 4)], [(2, 900), (3, 4)]], {}),
    "RNN": (node("RNN", "a", "b", "c", hidden_size=2), [[(4, 1, 3), (1, 2, 3), (1, 2, 2)]], [[(4, 1, 900), (1, 2, 3), (1, 2, 2)], [(4, 1, 3), (1, 2, 900), (1, 2, 2)]], {}),
    "LSTM": (node("LSTM", "a", "b", "c", "", "", "d", hidden_size=2), [[(4, 1, 3), (1, 8, 3), (1, 8, 2), (1, 1, 2)]], [[(4, 1, 3), (1, 8, 3), (1, 8, 2), (1, 900, 2)], [(4, 1, 3), (1, 8, 2), (1, 8, 2), (1, 1, 2)], [(4, 2, 3), (1, 8, 3), (1, 8, 2), (1, 1, 2)]], {}),
    "GRU": (node("GRU", "a", "b", "c", "", "", "d", hidden_size=2), [[(4, 1, 3), (1, 6, 3), (1, 6, 2), (1, 1, 2)]], [[(4, 1, 3), (1, 6, 3), (1, 6, 2), (1, 2, 2)], [(4, 1, 2), (1, 6, 3), (1, 6, 2), (1, 1, 2)]], {}),
    "Attention": (node("Attention", "a", "b", "c"), [[(1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 5, 6)]], [[(1, 2, 3, 4), (1, 2, 5, 900), (1, 2, 5, 6)], [(1, 2, 3, 4), (1, 2, 5, 4), (1, 2, 900, 6)], [(1, 2, 3, 4), (900, 2, 5, 4), (1, 2, 5, 6)]], {}),
}
SPLITS = {
    "Split into parts of opset 13": (node("Split", "a", outputs=("y", "z"), axis=0), 13, [(6,), (0,)], [(7,)]),
    "Split into parts": (node("Split", "a", outputs=("y", "z", "w"), axis=0, num_outputs=3), 18, [(6,), (7,)], [(1,)]),
    "Split by sizes": (node("Split", "a", "sizes", outputs=("y", "z"), axis=0), 18, [(5,)], [(4,), (6,), (900,)]),
}


@pytest.fixture(params=["optimized", "reference"])
def reference(request):
    return request.param == "reference"


def run_all(library, expect, fits, misfits, message=r"'the node(/\w+)?' \(\w+\): "):
    loaded = tenon.load(library)
    for feeds in fits:
        for got, want in zip(loaded.run(feeds).values(), expect(feeds), strict=True):
            numpy.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    for feeds in misfits:
        with pytest.raises(tenon.RunError, match=message):
            loaded.run(feeds)


@pytest.mark.parametrize("name", CASES)
def test_operands(tmp_path, reference, name):
    op, fits, misfits, types = CASES[name]
    names = [input_name for input_name in op.input if input_name]
    feeds = [[{input_name: filled(shape, types.get(input_name, numpy.float32), 2 if types.get(input_name) is not None else 7)
               for input_name, shape in zip(names, shapes, strict=True)} for shapes in group] for group in (fits, misfits)]
    graph = model([op], feeds[0][0], opset=23)
    library = tenon.compile(graph, tmp_path / "model.so", reference=reference)
    evaluator = ReferenceEvaluator(graph)
    run_all(library, lambda arrays: evaluator.run(None, arrays), *feeds)


# What every run requires of an input's extent is part of the model's signature.
NODE_OR_INPUT = r"'the node(/\w+)?' \(\w+\): |input 'a' has dimensions [0-9x]+ but expected [0-9x?]+"


@pytest.mark.parametrize("name", SPLITS)
def test_splits(tmp_path, reference, name):
    op, opset, fits, misfits = SPLITS[name]
    graph = model([op], {"a": ones(1)}, [("sizes", numpy.array([2, 3]))] if "sizes" in op.input else (), opset, op.output)
    library = tenon.compile(graph, tmp_path / "model.so", reference=reference)
    evaluator = ReferenceEvaluator(graph)
    run_all(library, lambda arrays: evaluator.run(None, arrays), *[[{"a": filled(shape)} for shape in group] for group in (fits, misfits)],
            message=NODE_OR_INPUT)


@pytest.mark.parametrize("op, constant, fits, misfits", [
    (node("MatMul", "a", "w"), ones(64, 10), (3, 64), [(3, 63), (3, 2), (3, 900)]),
    (node("Conv", "a", "w"), ones(8, 16, 3, 3), (1, 16, 9, 9), [(1, 15, 9, 9), (1, 900, 9, 9), (1, 1, 9, 9)]),
    (node("Add", "a", "w"), ones(64), (3, 64), [(3, 63), (3, 900)]),
    (node("Expand", "a", "w"), numpy.array([4, 6]), (1, 6), [(3, 6), (4, 5)]),
])
def test_weights(tmp_path, reference, op, constant, fits, misfits):
    """A weight's extents are static; the input's say that they do not fit when they come."""
    graph = model([op], {"a": ones(*fits)}, [("w", constant)])
    library = tenon.compile(graph, tmp_path / "model.so", reference=reference)
    evaluator = ReferenceEvaluator(graph)
    run_all(library, lambda arrays: evaluator.run(None, arrays), [{"a": filled(fits)}], [{"a": filled(shape)} for shape in misfits],
            message=NODE_OR_INPUT)


def test_operands_of_a_sum(tmp_path, reference):
    """A kernel of the sum and of both its operands: each is computed for the extents that the other gives it."""
    nodes = [helper.make_node("Mul", ["a", "w"], ["product"]), helper.make_node("Sub", ["b", "w"], ["difference"]),
             helper.make_node("Max", ["product", "zero"], ["rectified"]), helper.make_node("Add", ["rectified", "difference"], ["sum"], name="the node"),
             helper.make_node("Mul", ["sum", "c"], ["y"], name="the node")]
    constants = [("w", filled((8,), modulus=5) - 2), ("zero", numpy.zeros((), numpy.float32))]
    graph = model(nodes, {name: ones(1, 1, 8) for name in "abc"}, constants)
    library = tenon.compile(graph, tmp_path / "model.so", reference=reference)
    evaluator = ReferenceEvaluator(graph)
    one, wide, tall, full = (1, 1, 8), (1, 5, 8), (3, 1, 8), (3, 5, 8)
    fits = [(full, full, full), (one, full, full), (full, one, full), (full, full, one), (wide, tall, full), (tall, wide, one), (wide, wide, tall),
            (one, one, one), (one, one, wide), ((0, 5, 8), wide, one), ((3, 5, 1), full, full)]
    misfits = [(full, (2, 5, 8), full), (full, (3, 4, 8), full), (full, full, (3, 4, 8)), ((0, 5, 8), full, full)]
    feeds = [[{name: filled(shape) for name, shape in zip("abc", shapes, strict=True)} for shapes in group] for group in (fits, misfits)]
    run_all(library, lambda arrays: evaluator.run(None, arrays), *feeds)


def test_extents_from_data(tmp_path, reference):
    """The sum joins the kernel of the exponential before it; that its operands fit is known after NonZero only."""
    nodes = [helper.make_node("Exp", ["a"], ["e"]), helper.make_node("NonZero", ["b"], ["places"]), helper.make_node("Squeeze", ["places"], ["p"]),
             helper.make_node("Cast", ["p"], ["f"], to=TensorProto.FLOAT), node("Add", "e", "f")]
    graph = model(nodes, {"a": ones(1), "b": ones(1)})
    # Squeeze without axes would ask for the rank.
    graph.graph.node[2].input.append("zero")
    graph.graph.initializer.append(onnx.numpy_helper.from_array(numpy.array([0]), "zero"))
    library = tenon.compile(graph, tmp_path / "model.so", reference=reference)
    evaluator = ReferenceEvaluator(graph)
    fits = [{"a": filled(5), "b": ones(5)}, {"a": filled(5), "b": numpy.eye(1, 9, dtype=numpy.float32)[0]}]
    misfits = [{"a": filled(5), "b": ones(900)}, {"a": filled(900), "b": ones(5)}, {"a": filled(5), "b": numpy.zeros(5, numpy.float32)}]
    run_all(library, lambda arrays: evaluator.run(None, arrays), fits, misfits)


@pytest.mark.parametrize("count", [0, 1, 2, 33, 60])
def test_scratch_from_data(tmp_path, reference, count):
    """Products that pack an operand, rows that are kept, and attention: data decides how much memory they need."""
    nodes = [helper.make_node("Compress", ["x", "keep"], ["columns"], axis=1), helper.make_node("Compress", ["w", "keep"], ["rows"], axis=0),
             helper.make_node("MatMul", ["columns", "rows"], ["product"]), helper.make_node("Transpose", ["columns"], ["turned"]),
             helper.make_node("MatMul", ["turned", "columns"], ["scores"]), helper.make_node("Softmax", ["scores"], ["shares"], axis=-1),
             helper.make_node("MatMul", ["shares", "rows"], ["attended"])]
    generator = numpy.random.default_rng(1)
    arrays = {"x": generator.uniform(-1, 1, (20, 60)).astype(numpy.float32), "w": generator.uniform(-1, 1, (60, 24)).astype(numpy.float32)}
    keep = numpy.zeros(60, bool)
    keep[generator.permutation(60)[:count]] = True
    library = tenon.compile(model(nodes, {**arrays, "keep": keep}, outputs=("product", "attended")), tmp_path / "model.so", reference=reference)
    x, w = arrays["x"][:, keep].astype(float), arrays["w"][keep].astype(float)
    shares = numpy.exp(x.T @ x)
    shares /= shares.sum(1, keepdims=True)
    for threads in (1, 2):
        got = tenon.load(library, threads=threads).run({**arrays, "keep": keep})
        # Sums of up to 60 terms below 1 in float32.
        numpy.testing.assert_allclose(got["product"], x @ w, atol=60 * 2.0**-23)
        numpy.testing.assert_allclose(got["attended"], shares @ w, atol=60 * 2.0**-23)


def test_in_a_branch(tmp_path, reference):
    """Operands that do not fit matter only where the branch is taken."""
    branches = [helper.make_graph([inner], "branch", [], [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)])
                for inner in (helper.make_node("Add", ["a", "b"], ["r"], name="the node"), helper.make_node("Neg", ["a"], ["r"]))]
    nodes = [helper.make_node("If", ["c"], ["y"], name="choice", then_branch=branches[0], else_branch=branches[1])]
    graph = model(nodes, {"a": ones(1), "b": ones(1), "c": numpy.array(True)})
    library = tenon.compile(graph, tmp_path / "model.so", reference=reference)
    feeds = [{"a": filled(5), "b": filled(extent), "c": numpy.array(flag)} for extent, flag in ((5, True), (900, False), (900, True))]
    expect = {True: lambda arrays: arrays["a"] + arrays["b"], False: lambda arrays: -arrays["a"]}
    run_all(library, lambda arrays: [expect[bool(arrays["c"])](arrays)], feeds[:2], feeds[2:])


# Nodes; the rank that the model declares for the result; inputs that fit with the result's shape; inputs that do not.
OPEN_LISTS = {
    "Expand of its own rank": ([node("Expand", "a", "b")], 2, [((3, 1), [3, 4], (3, 4)), ((3, 1), [5], (3, 5)), ((3, 1), [], (3, 1)), ((1, 4), [2, 1], (2, 4))], [((3, 1), [2, 3, 4]), ((3, 2), [3, 4])]),
    "Expand of more": ([node("Expand", "a", "b")], 3, [((3, 1), [2, 3, 4], (2, 3, 4)), ((1, 1), [2, 1, 4], (2, 1, 4))], [((3, 1), [3, 4]), ((3, 1), [1, 2, 3, 4])]),
    "Expand by a computed list": ([helper.make_node("Compress", ["b", "keep"], ["list"]), node("Expand", "a", "list")], 2, [((3, 1), [3, 4], (3, 4)), ((3, 1), [5], (3, 5))], [((3, 1), [2, 3, 4])]),
    "Reshape by a computed list": ([helper.make_node("Compress", ["b", "keep"], ["list"]), node("Reshape", "a", "list")], 2, [((3, 4), [2, 6], (2, 6)), ((3, 4), [0, -1], (3, 4))], [((3, 4), [12]), ((3, 4), [2, 2, 3]), ((3, 4), [5, 2])]),
    "Tile by a computed list": ([helper.make_node("Compress", ["b", "keep"], ["list"]), node("Tile", "a", "list")], 2, [((3, 4), [2, 1], (6, 4)), ((3, 4), [1, 0], (3, 0))], [((3, 4), [2]), ((3, 4), [1, 2, 3])]),
}


@pytest.mark.parametrize("name", OPEN_LISTS)
def test_lists_of_open_length(tmp_path, reference, name):
    """A shape may have any number of entries: the rank that the model declares for the result says how many it needs."""
    nodes, rank, fits, misfits = OPEN_LISTS[name]

    def feeds(shape, entries):
        computed = {"keep": numpy.ones(len(entries), bool)} if len(nodes) > 1 else {}
        return {"a": filled(shape), "b": numpy.array(entries, INT), **computed}

    graph = model(nodes, feeds(*fits[0][:2]))
    for _ in range(rank):
        graph.graph.output[0].type.tensor_type.shape.dim.add()
    library = tenon.compile(graph, tmp_path / "model.so", reference=reference)
    evaluator = ReferenceEvaluator(graph)
    # An input whose extent follows from the rank is refused by its own name.
    message = {"message": "input 'b' has dimensions"} if rank > len(fits[0][0]) else {}
    run_all(library, lambda arrays: evaluator.run(None, arrays), [feeds(*case[:2]) for case in fits], [feeds(*case) for case in misfits], **message)
    loaded = tenon.load(library)
    for shape, entries, expected in fits:
        assert loaded.run(feeds(shape, entries))["y"].shape == expected


def test_lists_of_open_length_without_a_rank(tmp_path):
    with pytest.raises(tenon.CompileError, match="'the node'.*the number of entries of the shape is known only at run time"):
        tenon.compile(model([node("Expand", "a", "b")], {"a": ones(3, 1), "b": numpy.array([3, 4])}), tmp_path / "model.so")
