"""What sequences, optional values and maps become: nothing where their length is known, tensors elsewhere."""

import subprocess

import onnx
import pytest

OPSETS = '<ir_version: 10, opset_import: ["": 21, "ai.onnx.ml": 3]>\n'


@pytest.fixture
def imported(build, tmp_path):
    """Imports a graph; returns the module's text."""

    def run(text, *flags):
        (tmp_path / "model.onnx").write_bytes(onnx.parser.parse_model(OPSETS + text).SerializeToString())
        done = subprocess.run([build / "bin/tenon_import_tool", tmp_path / "model.onnx", *flags], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def ops(text):
    """The ops of main that compute, in order."""
    words = [word for line in text.splitlines() for word in line.split() if word.startswith(("nn.", "scf.", "tensor."))]
    return [word for word in words if word in ("nn.slice", "nn.concat", "nn.reshape", "nn.pad", "nn.neg", "nn.reduce", "nn.fail", "scf.if", "scf.while",
                                               "tensor.extract", "tensor.from_elements", "nn.transpose")]


def test_split_and_read(imported):
    """Elements at constant positions are slices; those that nothing reads are gone."""
    text = imported("""g (float[3,7] x) => (float[3,2] a, float[3,1] b) <int64 two = {2}, int64 zero = {0}, int64 last = {-1}> {
        parts = SplitToSequence<axis = 1>(x, two)
        a = SequenceAt(parts, zero)
        b = SequenceAt(parts, last)
    }""")
    assert ops(text) == ["nn.slice", "nn.slice"]
    assert "nn.values" not in text


def test_construct_and_join(imported):
    """Inserted and erased elements are names: one concatenation is left."""
    text = imported("""g (float[2,n] x, float[2,m] y) => (float[2,k] z) <int64 zero = {0}> {
        s = SequenceConstruct(x, y, x)
        t = SequenceErase(s, zero)
        u = SequenceInsert(t, x, zero)
        z = ConcatFromSequence<axis = 1>(u)
    }""")
    assert ops(text) == ["nn.concat"]


def test_list_through_branches(imported):
    """Two lists of one length are as many results of scf.if."""
    text = imported("""g (bool c, float[2] x) => (float[2] y) <int64 zero = {0}> {
        s = If(c)<then_branch = p () => (seq(float[2]) a) { n = Neg(x)\n a = SequenceConstruct(n, x) }, else_branch = q () => (seq(float[2]) b) { b = SequenceConstruct(x, x) }>
        y = SequenceAt(s, zero)
    }""")
    assert ops(text) == ["tensor.extract", "scf.if", "nn.neg"] or ops(text) == ["scf.if", "nn.neg"]
    assert "nn.slice" not in text


def test_growing_list_is_two_tensors(imported):
    """What a loop appends to is data and a table of extents, which grow by a concatenation each."""
    text = imported("""g (int64 n, float[k] x) => (seq(float[k]) y) <bool yes = {1}> {
        s = SequenceEmpty()
        y = Loop(n, yes, s)<body = b (int64 i, bool c, seq(float[]) v) => (bool d, seq(float[]) w) { d = Identity(c)\n w = SequenceInsert(v, x) }>
    }""")
    assert "scf.while" in text and ops(text).count("nn.concat") == 2
    assert 'nn.name = "y[data]"' in text and 'nn.name = "y[extents]"' in text and "y[ranks]" not in text
    assert 'kind = "sequence"' in text and "output = true" in text


def test_ranks_beside_elements_of_several(imported):
    """Only where elements may differ in rank there is a third tensor."""
    text = imported("g (seq(float[]) s, float[2,3] x) => (seq(float[]) y) { y = SequenceInsert(s, x) }")
    for part in ("data", "extents", "ranks"):
        assert f'nn.name = "s[{part}]"' in text and f'nn.name = "y[{part}]"' in text
    assert "tensor<?x16xi64>" in text


def test_pinned_rank(imported):
    text = imported("g (seq(float[]) s, int64 p) => (float[a,b] y) { y = SequenceAt(s, p) }", "--shape", "s=?x?")
    assert "s[ranks]" not in text and "tensor<?x2xi64>" in text


def test_optional_and_map(imported):
    text = imported("""g (optional(float[2]) o, float[n,2] x) => (optional(float[2]) p, seq(map(int64, float)) m) {
        p = Identity(o)
        m = ai.onnx.ml.ZipMap<classlabels_int64s = [4, 5]>(x)
    }""")
    for name in ("o[present]", "o[value]", "p[present]", "p[value]", "m[keys]", "m[values]"):
        assert f'nn.name = "{name}"' in text
    assert 'kind = "tensor"' in text and "optional = true" in text and 'kind = "maps"' in text
