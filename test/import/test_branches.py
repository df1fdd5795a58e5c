"""Branches of an If that cannot be imported: the other one is taken, a run that takes them fails, and a warning says so. Models that are no
valid ONNX are refused whichever branch it is (docs/decisions/0019-a-branch-that-cannot-be-imported-fails-when-taken.md)."""

import json
import subprocess

import onnx
import pytest

OPSETS = '<ir_version: 10, opset_import: ["": 21, "own": 1]>\n'
INPUTS = "g (bool c, bool d, float[2,3] x, float[3,4] w) => (y) "
HINT = "a run that takes this branch fails"


@pytest.fixture
def imported(build, tmp_path):
    """Imports a graph; returns the exit status, the module's text and the diagnostics."""

    def run(text, change=lambda model: None):
        model = onnx.parser.parse_model(OPSETS + text)
        change(model)
        (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
        done = subprocess.run([build / "bin/tenon_import_tool", tmp_path / "model.onnx"], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode, done.stdout, json.loads(done.stderr) if done.stderr else []

    return run


def choice(then, other="Neg(x)"):
    """An If of two nodes."""
    return f"y = If(c)<then_branch = t () => (p) {{ [bad] p = {then} }}, else_branch = e () => (q) {{ [good] q = {other} }}>"


# What does not fit, or is not supported, and its message.
UNFIT = {
    "rank": ("Gemm(x, c3)", "input 1 has rank 3, expected 2"),
    "extents": ("Add(x, w)", "'nn.add' op C2: shapes 'tensor<2x3xf32>' and 'tensor<3x4xf32>' do not broadcast"),
    "attribute": ("Softmax<axis = 9>(x)", "axis 9 is outside of [-2, 2)"),
    "operator of another domain": ("own.Thing(x)", "there is no operator 'Thing' in opset 1 of domain 'own'"),
    "operator that is not supported": ("ImageDecoder(u)", "operator 'ImageDecoder' is not supported"),
}
CONSTANTS = "<float[1,1,1] c3 = {1}, uint8[2] u = {1, 2}> "


@pytest.mark.parametrize("is_then", [True, False])
@pytest.mark.parametrize("name", UNFIT)
def test_the_other_branch_is_taken(imported, name, is_then):
    """In place: no region is left, and the run requires the condition."""
    node, message = UNFIT[name]
    branches = (f"[bad] r = {node}", "[good] r = Neg(x)")[:: 1 if is_then else -1]
    text = f"[choice] y = If(c)<then_branch = t () => (r) {{ {branches[0]} }}, else_branch = e () => (r) {{ {branches[1]} }}>"
    status, module, (warning,) = imported(INPUTS + CONSTANTS + "{" + text + "}")
    assert status == 0
    assert "scf.if" not in module and "nn.neg" in module
    kind = node.split("(")[0].split("<")[0].removeprefix("own.")
    full = f"{'then' if is_then else 'else'}_branch cannot run: node 'bad' ({kind}): {message}"
    assert "nn.require" in module and full in module and warning["message"] == full
    assert (warning["severity"], warning["node"], warning["op_type"], warning["opset"]) == ("warning", "choice", "If", 21)
    assert warning["hint"].startswith(HINT)
    assert ("arith.xori" in module) == is_then


@pytest.mark.parametrize("other", ["MatMul(x, x)", "own.Other(x)"])
def test_two_such_branches_are_an_error(imported, other):
    """That of the first."""
    status, _, (error,) = imported(INPUTS + "{" + choice("Softmax<axis = 9>(x)", other) + "}")
    assert (status, error["severity"], error["node"], error["op_type"]) == (1, "error", "bad", "Softmax")


MALFORMED = {
    "name": ("Neg(z)", "'z' is not an input"),
    "type": ("And(x, x)", "does not take"),
    "number of inputs": ("Neg(x, x)", "has input size 2"),
    "missing attribute": ("Cast(x)", "required attribute 'to' is missing"),
    "domain": ("other.Thing(x)", "does not import an operator set of domain 'other'"),
    "attribute's type": ("Softmax<axis = 1.5>(x)", "axis"),
    "function's outputs": ("own.twice(x, x)", "call with 2 inputs"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_branches_are_errors(imported, name):
    node, message = MALFORMED[name]
    function = '<domain: "own", opset_import: ["": 21]> twice (v) => (w) { w = Add(v, v) }'
    status, _, (error,) = imported(INPUTS + "{" + choice(node) + "}" + function)
    assert (status, error["severity"], error["node"]) == (1, "error", "bad")
    assert message in error["message"]


def test_a_branch_without_its_output_is_an_error(imported):
    text = "y = If(c)<then_branch = t () => (z) { p = Neg(x) }, else_branch = e () => (q) { q = Neg(x) }>"
    status, _, (error,) = imported(INPUTS + "{" + text + "}")
    assert status == 1 and error["message"] == "graph output 'z' is not produced by any node"


def test_nested(imported):
    """Only the innermost branch is given up, unless both of its If are."""
    inner = "[inner] {0} = If(d)<then_branch = t2 () => (a) {{ [bad] a = own.Thing(x) }}, else_branch = e2 () => (b) {{ [{1}] b = {2} }}>"
    text = "[outer] y = If(c)<then_branch = t () => (p) {{ {} }}, else_branch = e () => (q) {{ q = Neg(x) }}>"
    status, module, (warning,) = imported(INPUTS + "{" + text.format(inner.format("p", "good", "Abs(x)")) + "}")
    assert status == 0 and warning["node"] == "inner" and module.count("scf.if") == 1 and "nn.abs" in module
    status, module, (warning,) = imported(INPUTS + "{" + text.format(inner.format("p", "worse", "MatMul(x, x)")) + "}")
    assert status == 0 and warning["node"] == "outer" and "node 'bad' (Thing)" in warning["message"] and "scf.if" not in module


def test_inside_a_function(imported):
    """The names tell where."""
    function = """<domain: "own", opset_import: ["": 21]> choose (k, v) => (r) {
        [choice] r = If(k)<then_branch = t () => (p) { [bad] p = MatMul(v, v) }, else_branch = e () => (q) { q = Neg(v) }>
    }"""
    status, module, (warning,) = imported(INPUTS + "{ [call] y = own.choose(c, x) }" + function)
    assert status == 0 and warning["node"] == "call/choice" and "node 'call/bad' (MatMul)" in warning["message"]


def test_what_is_known_of_the_result_is_that_of_the_other_branch(imported):
    """Its rank decides no fork, its extents are static."""
    status, module, warnings = imported(INPUTS + "{" + choice("own.Thing(x)", "Flatten<axis = 0>(x)") + "}")
    assert status == 0 and len(warnings) == 1 and "tensor<1x6xf32>" in module.split("return")[-1]


def test_a_rank_that_a_condition_decides_inside_the_other_branch(imported):
    """The rest is imported for each of the two ranks, behind one requirement."""
    text = """[choice] r = If(c)<then_branch = t () => (p) {
        p = If(d)<then_branch = t2 () => (a) { a = Flatten(x) }, else_branch = e2 () => (b) { b = ReduceSum<keepdims = 0>(x) }>
    }, else_branch = e () => (q) { [bad] q = own.Thing(x) }>
    y = Neg(r)"""
    status, module, (warning,) = imported(INPUTS + "{" + text + "}")
    assert status == 0 and warning["node"] == "choice"
    assert module.count("cannot run") == 1 and module.count("nn.neg") == 2


def test_each_warning_once(imported):
    """The rest of the graph is there for either rank."""
    text = """r = If(d)<then_branch = t2 () => (a) { a = ReduceSum<keepdims = 0>(x) }, else_branch = e2 () => (b) { b = Identity(x) }>
    [choice] y = If(c)<then_branch = t () => (p) { [bad] p = own.Thing(r) }, else_branch = e () => (q) { q = Neg(r) }>"""
    status, module, (warning,) = imported(INPUTS + "{" + text + "}")
    assert status == 0 and warning["node"] == "choice"
    assert module.count("cannot run") == 2


def test_what_fits_later_in_a_loop_is_no_fault(imported):
    """The first import of the body, for the extents before the first iteration, is thrown away, and what it says with it."""
    body = """rows, all = Loop(m, go, x)<body = b (int64 i, bool k, v) => (k2, v2, s) {
        k2 = Identity(k)
        v2 = Concat<axis = 0>(v, v)
        r = If(c)<then_branch = t () => (p) { p = Concat<axis = 1>(v, four) }, else_branch = e () => (q) { q = Concat<axis = 1>(v, v) }>
        s = ReduceSum<keepdims = 0>(r)
    }>"""
    status, module, diagnostics = imported("g (bool c, float[2,3] x, int64 m) => (rows, all) <bool go = {1}, float[4,3] four = {1,1,1,1,1,1,1,1,1,1,1,1}> {" + body + "}")
    assert (status, diagnostics) == (0, []) and "cannot run" not in module


def test_what_a_loop_appends_is_there_in_its_next_iteration(imported):
    """The sequence is empty before the first iteration only, so that reading it then says nothing of the branch."""
    text = """s = SequenceEmpty()
    last, all = Loop(m, go, s)<body = b (int64 i, bool k, seq(float[2,3]) v) => (k2, v2, z) {
        k2 = Identity(k)
        z = If(c)<then_branch = t () => (p) { p = SequenceAt(v, back) }, else_branch = e () => (q) { q = Neg(x) }>
        v2 = SequenceInsert(v, z)
    }>"""
    status, module, diagnostics = imported("g (bool c, float[2,3] x, int64 m) => (seq(float[2,3]) last, all) <bool go = {1}, int64 back = {-1}> {" + text + "}")
    assert (status, diagnostics) == (0, []) and "cannot run" not in module


def test_a_percent_sign_is_no_place_of_a_number(imported):
    def rename(model):
        branch = next(attribute.g for attribute in model.graph.node[0].attribute if attribute.name == "then_branch")
        branch.node[0].name = "100%lld%s"

    status, module, (warning,) = imported(INPUTS + "{" + choice("own.Thing(x)") + "}", rename)
    assert status == 0 and "node '100?lld?s'" in module and "node '100%lld%s'" in warning["message"]


def test_texts_of_the_branch_are_gone(imported):
    """Of the branch that is left they are there."""
    text = "y = If(c)<then_branch = t () => (p) { a = Constant<value_strings = [\"dead\", \"kept\"]>() p = own.Thing(a) }, else_branch = e () => (q) { q = Constant<value_strings = [\"kept\"]>() }>"
    status, module, _ = imported(INPUTS + "{" + text + "}")
    assert status == 0 and 'nn.strings = ["kept"]' in module


def test_branches_within_branches_are_imported_once(imported):
    """20 levels, each with one that is given up, would be a million imports if each were there twice for each level."""
    inner = "z = Neg(x)"
    for _ in range(20):
        inner = f"z = If(c)<then_branch = t () => (p) {{ p = own.Thing(x) }}, else_branch = e () => (z) {{ {inner} }}>"
    status, module, warnings = imported("g (bool c, float[2,3] x) => (z) {" + inner + "}")
    assert status == 0 and module.count("nn.neg") == 1 and 1 <= len(warnings) <= 20


def test_extents_of_the_branch_are_those_of_what_follows(imported):
    """A sum of two tensors of one computed extent needs no check."""
    text = """y2 = If(c)<then_branch = t () => (p) { p = own.Thing(x) }, else_branch = e () => (q) { q = Concat<axis = 0>(x, x, x) }>
    other = Concat<axis = 0>(x, x, x)
    minus = Neg(other)
    y = Add(y2, minus)"""
    status, module, (warning,) = imported("g (bool c, float[n,3] x) => (y) {" + text + "}")
    assert status == 0 and module.count("nn.require") == 1
