"""If, Loop and Scan on values known at run time only; values of the outer graph; shapes that change."""

import numpy
import onnx
import pytest
from onnx import TensorProto, helper

import tenon


def build(tmp_path, mode, nodes, inputs, outputs, initializers=()):
    """Compiles a graph; inputs and outputs are name -> (type, shape)."""
    infos = [[helper.make_tensor_value_info(name, dtype, shape if mode != "dynamic" else [None] * len(shape)) for name, (dtype, shape) in values.items()]
             for values in (inputs, outputs)]
    model = helper.make_model(helper.make_graph(nodes, "graph", *infos, list(initializers)), opset_imports=[helper.make_opsetid("", 21)])
    onnx.checker.check_model(model)
    return tenon.load(tenon.compile(model, tmp_path / "model.so", reference=mode == "reference"))


def value(name, dtype=TensorProto.FLOAT, shape=None):
    return helper.make_tensor_value_info(name, dtype, shape)


def constant(name, array):
    return onnx.numpy_helper.from_array(numpy.asarray(array), name)


def test_if(tmp_path, mode):
    then = helper.make_graph([helper.make_node("Mul", ["x", "x"], ["a"])], "then", [], [value("a", shape=[None, 5])])
    other = helper.make_graph([helper.make_node("Sub", ["x", "two"], ["b"])], "else", [], [value("b", shape=[None, 5])])
    model = build(tmp_path, mode, [helper.make_node("If", ["condition"], ["y"], then_branch=then, else_branch=other)],
                  {"condition": (TensorProto.BOOL, []), "x": (TensorProto.FLOAT, [3, 5])}, {"y": (TensorProto.FLOAT, [3, 5])}, [constant("two", numpy.float32(2))])
    x = numpy.random.default_rng(1).random((3, 5), dtype=numpy.float32)
    for condition, expected in ((True, x * x), (False, x - 2), (True, x * x)):
        numpy.testing.assert_array_equal(model.run({"condition": numpy.array(condition), "x": x})["y"], expected)


def test_branches_of_different_extents(tmp_path, mode):
    then = helper.make_graph([helper.make_node("Concat", ["x", "x"], ["a"], axis=0)], "then", [], [value("a", shape=[None, 4])])
    other = helper.make_graph([helper.make_node("Identity", ["x"], ["b"])], "else", [], [value("b", shape=[None, 4])])
    model = build(tmp_path, mode, [helper.make_node("If", ["condition"], ["y"], then_branch=then, else_branch=other), helper.make_node("Neg", ["y"], ["z"])],
                  {"condition": (TensorProto.BOOL, []), "x": (TensorProto.FLOAT, [3, 4])}, {"z": (TensorProto.FLOAT, ["n", 4])})
    x = numpy.random.default_rng(1).random((3, 4), dtype=numpy.float32)
    for condition, expected in ((True, numpy.concatenate([x, x])), (False, x)):
        numpy.testing.assert_array_equal(model.run({"condition": numpy.array(condition), "x": x})["z"], -expected)


def test_nested_if(tmp_path, mode):
    def branch(name, op, operand):
        return helper.make_graph([helper.make_node(op, ["x", operand], [name])], name, [], [value(name, shape=[None])])

    inner = helper.make_graph([helper.make_node("If", ["second"], ["inner"], then_branch=branch("p", "Add", "one"), else_branch=branch("q", "Mul", "three"))],
                              "inner graph", [], [value("inner", shape=[None])])
    model = build(tmp_path, mode, [helper.make_node("If", ["first"], ["y"], then_branch=inner, else_branch=branch("r", "Div", "three"))],
                  {"first": (TensorProto.BOOL, []), "second": (TensorProto.BOOL, []), "x": (TensorProto.FLOAT, [7])}, {"y": (TensorProto.FLOAT, [7])},
                  [constant("one", numpy.float32(1)), constant("three", numpy.float32(3))])
    x = numpy.arange(7, dtype=numpy.float32)
    for first, second, expected in ((True, True, x + 1), (True, False, x * 3), (False, True, x / numpy.float32(3))):
        numpy.testing.assert_array_equal(model.run({"first": numpy.array(first), "second": numpy.array(second), "x": x})["y"], expected)


def test_loop_with_a_condition(tmp_path, mode):
    """Doubles until the sum is large; the number of turns depends on the data."""
    body = helper.make_graph(
        [helper.make_node("Add", ["v", "v"], ["w"]), helper.make_node("ReduceSum", ["w"], ["s"], keepdims=0), helper.make_node("Less", ["s", "limit"], ["go"])],
        "body", [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("v", shape=[None])], [value("go", TensorProto.BOOL, []), value("w", shape=[None])])
    model = build(tmp_path, mode, [helper.make_node("Loop", ["turns", "start", "x"], ["y"], body=body)],
                  {"turns": (TensorProto.INT64, []), "x": (TensorProto.FLOAT, [4])}, {"y": (TensorProto.FLOAT, [4])},
                  [constant("limit", numpy.float32(100)), constant("start", numpy.array(True))])
    x = numpy.array([1, 2, 0.5, 0], numpy.float32)
    for turns, times in ((10, 5), (3, 3), (0, 0)):
        numpy.testing.assert_array_equal(model.run({"turns": numpy.array(turns), "x": x})["y"], x * numpy.float32(2**times))


def test_loop_that_collects(tmp_path, mode):
    body = helper.make_graph(
        [helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT), helper.make_node("Add", ["v", "f"], ["w"]), helper.make_node("Identity", ["c"], ["go"]),
         helper.make_node("Mul", ["w", "x"], ["row"])],
        "body", [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("v", shape=[3])],
        [value("go", TensorProto.BOOL, []), value("w", shape=[3]), value("row", shape=[3])])
    model = build(tmp_path, mode, [helper.make_node("Loop", ["turns", "", "x"], ["last", "rows"], body=body)],
                  {"turns": (TensorProto.INT64, []), "x": (TensorProto.FLOAT, [3])}, {"last": (TensorProto.FLOAT, [3]), "rows": (TensorProto.FLOAT, ["n", 3])})
    x = numpy.array([1, 2, 3], numpy.float32)
    for turns in (4, 1, 0):
        results, state, rows = model.run({"turns": numpy.array(turns), "x": x}), x.copy(), []
        for turn in range(turns):
            state = state + numpy.float32(turn)
            rows.append(state * x)
        numpy.testing.assert_array_equal(results["last"], state)
        # Extents that no row has told are 0.
        columns = 0 if mode == "dynamic" and turns == 0 else 3
        numpy.testing.assert_array_equal(results["rows"], numpy.array(rows, numpy.float32).reshape(turns, columns))


def ranks_decided_by(condition):
    """y = x without its unit dimension where the condition holds, else x."""
    then = helper.make_graph([helper.make_node("Squeeze", ["x", "last"], ["a"])], "then", [], [value("a")])
    other = helper.make_graph([helper.make_node("Identity", ["x"], ["b"])], "else", [], [value("b")])
    return helper.make_node("If", [condition], ["y"], then_branch=then, else_branch=other)


def test_a_rank_that_the_run_decides(tmp_path, mode):
    """An output has the rank of the branch that was taken."""
    model = build(tmp_path, mode, [ranks_decided_by("condition"), helper.make_node("Exp", ["y"], ["z"]), helper.make_node("ReduceSum", ["y"], ["sum"], keepdims=0)],
                  {"condition": (TensorProto.BOOL, []), "x": (TensorProto.FLOAT, [4, 1])}, {"z": (TensorProto.FLOAT, []), "sum": (TensorProto.FLOAT, [])},
                  [constant("last", numpy.array([-1]))])
    x = numpy.random.default_rng(1).random((4, 1), dtype=numpy.float32)
    for condition, squeezed in ((True, x[:, 0]), (False, x), (True, x[:, 0])):
        results = model.run({"condition": numpy.array(condition), "x": x})
        assert results["z"].shape == squeezed.shape
        numpy.testing.assert_allclose(results["z"], numpy.exp(squeezed), rtol=1e-6)
        numpy.testing.assert_allclose(results["sum"], x.sum(), rtol=1e-6)


def test_a_branch_whose_rank_fits_nothing_fails_when_taken(tmp_path, mode):
    """The product wants a matrix: the other branch compiles, and says what is wrong when it comes up."""
    model = build(tmp_path, mode, [ranks_decided_by("condition"), helper.make_node("Gemm", ["y", "w"], ["z"], name="product")],
                  {"condition": (TensorProto.BOOL, []), "x": (TensorProto.FLOAT, [2, 3, 1])}, {"z": (TensorProto.FLOAT, [])},
                  [constant("last", numpy.array([-1])), constant("w", numpy.ones((3, 2), numpy.float32))])
    x = numpy.arange(6, dtype=numpy.float32).reshape(2, 3, 1)
    numpy.testing.assert_array_equal(model.run({"condition": numpy.array(True), "x": x})["z"], x[:, :, 0] @ numpy.ones((3, 2), numpy.float32))
    with pytest.raises(tenon.RunError, match="node 'product' .Gemm.*rank 3"):
        model.run({"condition": numpy.array(False), "x": x})


def failing_branch():
    """A product of x with a tensor of rank 3, which is none."""
    return helper.make_graph([helper.make_node("Gemm", ["x", "cube"], ["bad"], name="product")], "failing", [], [value("bad")])


CUBE = constant("cube", numpy.ones((1, 1, 1), numpy.float32))


@pytest.mark.parametrize("which", ["then_branch", "else_branch"])
def test_a_branch_that_cannot_be_imported_fails_when_taken(tmp_path, mode, which):
    """The other one is compiled, and what comes behind it."""
    good = helper.make_graph([helper.make_node("Mul", ["x", "x"], ["a"])], "good", [], [value("a")])
    branches = {"then_branch": good, "else_branch": good, which: failing_branch()}
    message = f"node 'choice' .If.*: {which} cannot run: node 'product' .Gemm.: input 1 has rank 3, expected 2"
    with pytest.warns(tenon.CompileWarning, match=message):
        model = build(tmp_path, mode, [helper.make_node("If", ["condition"], ["y"], name="choice", **branches), helper.make_node("Neg", ["y"], ["z"])],
                      {"condition": (TensorProto.BOOL, []), "x": (TensorProto.FLOAT, [3, 5])}, {"z": (TensorProto.FLOAT, [])}, [CUBE])
    x = numpy.random.default_rng(1).random((3, 5), dtype=numpy.float32)
    for _ in range(2):
        numpy.testing.assert_array_equal(model.run({"condition": numpy.array(which != "then_branch"), "x": x})["z"], -(x * x))
        with pytest.raises(tenon.RunError, match=message):
            model.run({"condition": numpy.array(which == "then_branch"), "x": x})


def test_two_branches_that_cannot_be_imported_are_refused(tmp_path, mode):
    with pytest.raises(tenon.CompileError, match="node 'product' .Gemm"):
        build(tmp_path, mode, [helper.make_node("If", ["condition"], ["y"], then_branch=failing_branch(), else_branch=failing_branch())],
              {"condition": (TensorProto.BOOL, []), "x": (TensorProto.FLOAT, [3, 5])}, {"y": (TensorProto.FLOAT, [])}, [CUBE])


def test_such_a_branch_inside_a_loop(tmp_path, mode):
    """The run fails in the iteration that takes it, and not before."""
    good = helper.make_graph([helper.make_node("Add", ["v", "v"], ["a"])], "good", [], [value("a")])
    body = helper.make_graph([helper.make_node("Less", ["i", "limit"], ["few"]), helper.make_node("Identity", ["c"], ["go"]),
                              helper.make_node("If", ["few"], ["w"], name="choice", then_branch=good, else_branch=failing_branch())],
                             "body", [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("v")], [value("go", TensorProto.BOOL, []), value("w")])
    with pytest.warns(tenon.CompileWarning, match="else_branch cannot run"):
        model = build(tmp_path, mode, [helper.make_node("Loop", ["turns", "", "x"], ["y"], body=body)],
                      {"turns": (TensorProto.INT64, []), "x": (TensorProto.FLOAT, [4])}, {"y": (TensorProto.FLOAT, [4])}, [CUBE, constant("limit", numpy.array(3))])
    x = numpy.arange(4, dtype=numpy.float32)
    for turns in (0, 1, 3):
        numpy.testing.assert_array_equal(model.run({"turns": numpy.array(turns), "x": x})["y"], x * numpy.float32(2**turns))
    with pytest.raises(tenon.RunError, match="node 'choice' .If.*: else_branch cannot run: node 'product'"):
        model.run({"turns": numpy.array(4), "x": x})
    numpy.testing.assert_array_equal(model.run({"turns": numpy.array(2), "x": x})["y"], x * 4)


def test_such_a_branch_inside_a_branch(tmp_path, mode):
    """Of a branch that holds two, nothing is left; of one that holds one, the other. Its rank decides nothing."""
    model = onnx.parser.parse_model("""<ir_version: 10, opset_import: ["": 21, "own": 1]>
        g (bool p, bool q, bool r, float[1,3] x) => (float[] y) <float[1,1,1] cube = {1}> {
            y = If(p)<then_branch = a () => (a0) {
                a0 = If(q)<then_branch = b () => (b0) { b0 = own.Missing(x) }, else_branch = c () => (c0) { c0 = Gemm(x, cube) }>
            }, else_branch = d () => (d0) {
                d0 = If(q)<then_branch = e () => (e0) { [last] e0 = Gemm(x, cube) }, else_branch = f () => (f0) {
                    f0 = If(r)<then_branch = h () => (h0) { h0 = Squeeze(x) }, else_branch = i () => (i0) { i0 = Neg(x) }>
                }>
            }>
        }""")
    with pytest.warns(tenon.CompileWarning) as warnings:
        compiled = tenon.load(tenon.compile(model, tmp_path / "model.so", reference=mode == "reference"))
    assert len(warnings) == 2
    x = numpy.arange(3, dtype=numpy.float32)[None]
    for r, expected in ((True, x[0]), (False, -x)):
        feeds = {"r": numpy.array(r), "x": x}
        result = compiled.run({"p": numpy.array(False), "q": numpy.array(False), **feeds})["y"]
        assert result.shape == expected.shape
        numpy.testing.assert_array_equal(result, expected)
        for p, q, message in ((True, False, "Missing"), (True, True, "Missing"), (False, True, "node 'last' .Gemm")):
            with pytest.raises(tenon.RunError, match=f"then_branch cannot run: .*{message}"):
                compiled.run({"p": numpy.array(p), "q": numpy.array(q), **feeds})


def test_squeeze_of_what_a_constant_decides(tmp_path, mode):
    """The condition is folded in the optimized mode only: else the output's memory is a launch of the main block."""
    model = build(tmp_path, mode, [helper.make_node("Compress", ["x", "which"], ["y"]), helper.make_node("Squeeze", ["y"], ["z"])],
                  {"x": (TensorProto.FLOAT, [1, 2, 1, 1])}, {"z": (TensorProto.FLOAT, [])}, [constant("which", numpy.array([False, True]))])
    x = numpy.array([3, 5], numpy.float32).reshape(1, 2, 1, 1)
    result = model.run({"x": x})["z"]
    assert result.shape == () and result == 5


def test_squeeze_of_what_the_run_decides(tmp_path, mode):
    """Without axes; each unknown extent doubles the cases."""
    model = build(tmp_path, mode, [helper.make_node("Squeeze", ["x"], ["y"]), helper.make_node("Neg", ["y"], ["z"])],
                  {"x": (TensorProto.FLOAT, ["a", 3, "b"])}, {"z": (TensorProto.FLOAT, [])})
    for shape in ((1, 3, 1), (2, 3, 1), (1, 3, 4), (5, 3, 2), (1, 3, 1)):
        x = numpy.random.default_rng(1).random(shape, dtype=numpy.float32)
        result = model.run({"x": x})["z"]
        assert result.shape == numpy.squeeze(x).shape
        numpy.testing.assert_array_equal(result, -numpy.squeeze(x))


def test_too_many_ranks_are_refused(tmp_path, mode):
    """2^9 copies of the rest would be a fault of the model, not a use of it."""
    with pytest.raises(tenon.CompileError, match="Squeeze.*more than 8 conditions"):
        build(tmp_path, mode, [helper.make_node("Squeeze", ["x"], ["y"])], {"x": (TensorProto.FLOAT, [f"d{i}" for i in range(9)])}, {"y": (TensorProto.FLOAT, [])})


def test_ranks_that_differ_inside_a_loop_are_refused(tmp_path, mode):
    body = helper.make_graph([ranks_decided_by("c"), helper.make_node("Identity", ["c"], ["go"])], "body",
                             [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("v")],
                             [value("go", TensorProto.BOOL, []), value("y")])
    with pytest.raises(tenon.CompileError, match="rank 2 or 1"):
        build(tmp_path, mode, [helper.make_node("Loop", ["turns", "", "x"], ["result"], body=body)],
              {"turns": (TensorProto.INT64, []), "x": (TensorProto.FLOAT, [4, 1])}, {"result": (TensorProto.FLOAT, [])}, [constant("last", numpy.array([-1]))])


def test_ranks_that_are_decided_inside_functions_and_branches(tmp_path, mode):
    """The node that calls the function, or holds the branch, has results of either rank: two conditions in a function that calls
    another, and one in a branch of a branch."""
    model = onnx.parser.parse_model("""<ir_version: 10, opset_import: ["": 21, "own": 1]>
        g (bool p, bool q, bool r, float[1,3] x) => (float[] y, float[] z) {
            a = own.outer(p, q, x)
            y = Neg(a)
            z = If(r)<then_branch = yes () => (float[] b) {
                b = If(p)<then_branch = yes2 () => (float[] c) { c = Squeeze(x) }, else_branch = no2 () => (float[] d) { d = Identity(x) }>
            }, else_branch = no () => (float[] e) { e = Add(x, x) }>
        }
        <domain: "own", opset_import: ["": 21]> inner (condition, v) => (w) {
            w = If(condition)<then_branch = yes () => (b) { b = Squeeze(v) }, else_branch = no () => (c) { c = Identity(v) }>
        }
        <domain: "own", opset_import: ["": 21, "own": 1]> outer (first, second, v) => (w) {
            one = own.inner(first, v)
            zero = Constant<value_ints = [0]>()
            longer = Unsqueeze(one, zero)
            w = If(second)<then_branch = yes () => (b) { b = Add(longer, longer) }, else_branch = no () => (c) { c = Squeeze(longer) }>
        }""")
    compiled = tenon.load(tenon.compile(model, tmp_path / "model.so", reference=mode == "reference"))
    x = numpy.arange(3, dtype=numpy.float32)[None]
    for p in (True, False):
        for q in (True, False):
            for r in (True, False):
                results = compiled.run({"p": numpy.array(p), "q": numpy.array(q), "r": numpy.array(r), "x": x})
                inner = x[0] if p else x
                y = inner[None] * 2 if q else x[0]
                z = inner if r else x + x
                assert results["y"].shape == y.shape and results["z"].shape == z.shape
                numpy.testing.assert_array_equal(results["y"], -y)
                numpy.testing.assert_array_equal(results["z"], z)


def test_loop_that_collects_rows_of_unknown_length(tmp_path, mode):
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["go"]), helper.make_node("Add", ["x", "x"], ["row"])], "body",
                             [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, [])], [value("go", TensorProto.BOOL, []), value("row")])
    model = build(tmp_path, mode, [helper.make_node("Loop", ["turns", ""], ["rows"], body=body)],
                  {"turns": (TensorProto.INT64, []), "x": (TensorProto.FLOAT, ["n", 2])}, {"rows": (TensorProto.FLOAT, [])})
    x = numpy.random.default_rng(1).random((3, 2), dtype=numpy.float32)
    for turns in (1, 4):
        numpy.testing.assert_array_equal(model.run({"turns": numpy.array(turns), "x": x})["rows"], numpy.stack([x + x] * turns))


@pytest.mark.parametrize("reverse", [0, 1])
def test_scan(tmp_path, mode, reverse):
    body = helper.make_graph([helper.make_node("Add", ["s", "e"], ["t"]), helper.make_node("Mul", ["t", "e"], ["o"])], "body",
                             [value("s", shape=[3]), value("e", shape=[3])], [value("t", shape=[3]), value("o", shape=[3])])
    node = helper.make_node("Scan", ["start", "x"], ["last", "y"], body=body, num_scan_inputs=1, scan_input_directions=[reverse])
    model = build(tmp_path, "static" if mode == "dynamic" else mode, [node], {"start": (TensorProto.FLOAT, [3]), "x": (TensorProto.FLOAT, [5, 3])},
                  {"last": (TensorProto.FLOAT, [3]), "y": (TensorProto.FLOAT, [5, 3])})
    generator = numpy.random.default_rng(1)
    start, x = generator.random(3, dtype=numpy.float32), generator.random((5, 3), dtype=numpy.float32)
    state, rows = start, []
    for element in x[::-1] if reverse else x:
        state = state + element
        rows.append(state * element)
    results = model.run({"start": start, "x": x})
    numpy.testing.assert_allclose(results["last"], state, rtol=1e-6)
    numpy.testing.assert_allclose(results["y"], rows, rtol=1e-6)


@pytest.mark.parametrize("reverse", [0, 1])
def test_scan_of_rows_of_unknown_length(tmp_path, mode, reverse):
    """What is collected has the extents of its rows, which come from data."""
    body = helper.make_graph([helper.make_node("Add", ["s", "e"], ["t"]), helper.make_node("Identity", ["t"], ["o"])], "body",
                             [value("s"), value("e")], [value("t"), value("o")])
    nodes = [helper.make_node("Slice", ["x", "first", "last", "axis"], ["part"]), helper.make_node("Scan", ["start", "part"], ["total", "y"], body=body, num_scan_inputs=1, scan_output_directions=[reverse])]
    model = build(tmp_path, "static" if mode == "dynamic" else mode, nodes,
                  {"start": (TensorProto.FLOAT, [1, 4]), "x": (TensorProto.FLOAT, [3, 2, 4]), "first": (TensorProto.INT64, [1])},
                  {"total": (TensorProto.FLOAT, [None, None]), "y": (TensorProto.FLOAT, [None, None, None])},
                  [constant("last", [2]), constant("axis", [1])])
    x = numpy.random.default_rng(1).random((3, 2, 4), dtype=numpy.float32)
    results = model.run({"start": numpy.zeros((1, 4), numpy.float32), "x": x, "first": numpy.array([1])})
    sums = numpy.cumsum(x[:, 1:], 0)
    numpy.testing.assert_allclose(results["total"], sums[-1], rtol=1e-6)
    numpy.testing.assert_allclose(results["y"], sums[::-1] if reverse else sums, rtol=1e-6)


@pytest.mark.parametrize("lengths", [None, [5, 5], [2, 4], [0, 5], [-3, 99]])
@pytest.mark.parametrize("reverse", [0, 1])
def test_scan_of_batches(tmp_path, mode, lengths, reverse):
    """Version 8: each item has a length of its own; what is beyond it is 0. Lengths outside count as the nearest inside."""
    body = helper.make_graph([helper.make_node("Add", ["s", "e"], ["t"]), helper.make_node("Mul", ["t", "e"], ["o"])], "body",
                             [value("s", shape=[3]), value("e", shape=[3])], [value("t", shape=[3]), value("o", shape=[3])])
    node = helper.make_node("Scan", ["" if lengths is None else "lengths", "start", "x"], ["last", "y"], name="scan", body=body, num_scan_inputs=1, directions=[reverse])
    sizes = [None] * 3 if mode == "dynamic" else [2, 5, 3]
    infos = [value("start", shape=[sizes[0], 3]), value("x", shape=[*sizes[:2], 3])] + ([] if lengths is None else [value("lengths", TensorProto.INT64, [sizes[0]])])
    graph = helper.make_graph([node], "graph", infos, [value("last", shape=[None, 3]), value("y", shape=[None, None, 3])])
    model = tenon.load(tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 8)]), tmp_path / "model.so", reference=mode == "reference"))
    generator = numpy.random.default_rng(1)
    feeds = {"start": generator.random((2, 3), dtype=numpy.float32), "x": generator.random((2, 5, 3), dtype=numpy.float32)}
    if lengths is not None:
        feeds["lengths"] = numpy.array(lengths)
    last, y = feeds["start"].copy(), numpy.zeros((2, 5, 3), numpy.float32)
    for item in range(2):
        part = feeds["x"][item, : 5 if lengths is None else min(max(lengths[item], 0), 5)]
        for place, element in enumerate(part[::-1] if reverse else part):
            last[item] += element
            y[item, place] = last[item] * element
    results = model.run(feeds)
    numpy.testing.assert_allclose(results["last"], last, rtol=1e-6)
    numpy.testing.assert_allclose(results["y"], y, rtol=1e-6)


@pytest.mark.parametrize("name", ["BOOL", "STRING", "INT8", "UINT16", "FLOAT8E5M2", "INT4", "UINT2", "COMPLEX128"])
def test_scan_of_any_type(tmp_path, mode, name):
    """What a scan only carries and collects may be anything."""
    kind = getattr(TensorProto, name)
    body = helper.make_graph([helper.make_node("Identity", ["e"], ["w"]), helper.make_node("Identity", ["v"], ["f"])], "body",
                             [value("v", kind, [2]), value("e", kind, [2])], [value("w", kind, [2]), value("f", kind, [2])])
    infos = [value("s", kind, [2]), value("x", kind, [None if mode == "dynamic" else 3, 2])], [value("t", kind, [2]), value("y", kind, [None, 2])]
    model = helper.make_model(helper.make_graph([helper.make_node("Scan", ["s", "x"], ["t", "y"], body=body, num_scan_inputs=1)], "graph", *infos),
                              opset_imports=[helper.make_opsetid("", 25)], ir_version=13)
    numbers = numpy.array([[0, 1], [1, 1], [1, 0], [0, 0]])
    data = numpy.array([["a", "b"], ["", "c"], ["b", "b"], ["d", "ü"]], object) if name == "STRING" else numbers.astype(helper.tensor_dtype_to_np_dtype(kind))
    results = tenon.load(tenon.compile(model, tmp_path / "model.so", reference=mode == "reference")).run({"s": data[0], "x": data[1:]})
    assert results["t"].dtype == results["y"].dtype == data.dtype
    assert results["t"].tolist() == data[3].tolist() and results["y"].tolist() == data[:3].tolist()
