"""Sequences, optional values and maps: as lists that are known when the model is compiled and as values of the run, through
If, Loop and functions, as inputs and outputs of the model. Expected values are ONNX's reference evaluator's, ONNX Runtime's or
numpy's.
"""

import re

import numpy
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

import tenon

OPSETS = '<ir_version: 10, opset_import: ["": 21, "ai.onnx.ml": 3]>\n'


def parse(text):
    return onnx.parser.parse_model(OPSETS + text)


def load(tmp_path, mode, text, **options):
    return tenon.load(tenon.compile(parse(text), tmp_path / "model.so", reference=mode == "reference", **options))


def assert_same(got, expected):
    if isinstance(expected, list):
        assert isinstance(got, list) and len(got) == len(expected)
        for mine, wanted in zip(got, expected):
            assert_same(mine, wanted)
    elif isinstance(expected, dict):
        assert got == expected
    elif expected is None:
        assert got is None
    else:
        expected = numpy.asarray(expected)
        assert got.dtype == expected.dtype and got.shape == expected.shape
        numpy.testing.assert_array_equal(got, expected)


def check(tmp_path, mode, text, *feeds, **options):
    """The model against ONNX's reference evaluator, for each dict of inputs."""
    model, reference = load(tmp_path, mode, text, **options), ReferenceEvaluator(parse(text))
    for feed in feeds:
        results = model.run(feed)
        for spec, expected in zip(model.outputs, reference.run(None, feed)):
            assert_same(results[spec.name], expected)


def arrays(*shapes, dtype=numpy.float32, seed=1):
    numbers = numpy.random.default_rng(seed)
    return [(numbers.random(shape) * 100).astype(dtype) for shape in shapes]


def at(position):
    return numpy.array(position, numpy.int64)


SHAPES = [(), (2,), (1, 3), (4, 0)]


# ---- Lists: nothing is left of them ----


def test_list(tmp_path, mode):
    x, y, z = arrays((2, 3, 4), (1, 3, 4), (3, 3, 4))
    check(tmp_path, mode, """g (float[2,3,4] x, float[1,3,4] y, float[3,3,4] z) => (float[n,3,4] all, float[m,3,4] second, int64 count)
        <int64 one = {1}, int64 minus = {-1}> {
            empty = SequenceEmpty()
            a = SequenceInsert(empty, x)
            b = SequenceInsert(a, y)
            c = SequenceInsert(b, z, one)
            d = SequenceErase(c)
            e = SequenceInsert(d, y, minus)
            all = ConcatFromSequence<axis = 0>(e)
            second = SequenceAt(c, one)
            count = SequenceLength(e)
        }""", {"x": x, "y": y, "z": z})


def test_split_list(tmp_path, mode):
    check(tmp_path, mode, """g (float[3,7] x, int64[3] sizes) => (float[3,2] a, float[3,1] b, float[3] c, float[3,k] d, float[7,3] e)
        <int64 three = {3}, int64 zero = {0}, int64 two = {2}> {
            parts = SplitToSequence<axis = 1>(x, three)
            last = SequenceAt(parts, two)
            b = Identity(last)
            first = SequenceAt(parts, zero)
            start = Constant<value_ints = [0]>()
            end = Constant<value_ints = [2]>()
            axis = Constant<value_ints = [1]>()
            a = Slice(first, start, end, axis)
            columns = SplitToSequence<axis = -1, keepdims = 0>(x)
            c = SequenceAt(columns, three)
            given = SplitToSequence<axis = 1>(x, sizes)
            d = SequenceAt(given, two)
            e = ConcatFromSequence<axis = 0, new_axis = 1>(columns)
        }""", {"x": arrays((3, 7))[0], "sizes": numpy.array([1, 4, 2])}, {"x": arrays((3, 7))[0], "sizes": numpy.array([0, 0, 7])})


# ---- Sequences of the run ----


@pytest.mark.parametrize("dtype", [numpy.float32, numpy.int64, numpy.float16, numpy.bool_, numpy.uint8])
def test_insert_and_erase(tmp_path, mode, dtype):
    """Elements of every shape and rank, at every position."""
    name = {"float32": "float", "float16": "float16"}.get(numpy.dtype(dtype).name, numpy.dtype(dtype).name)
    text = f"""g (seq({name}[]) s, {name}[a,b] x, int64 p, int64 q) => (seq({name}[]) inserted, seq({name}[]) erased, int64 n, seq({name}[]) back)
        {{
            inserted = SequenceInsert(s, x, p)
            erased = SequenceErase(inserted, q)
            n = SequenceLength(erased)
            back = SequenceErase(s)
        }}"""
    elements, x = arrays(*SHAPES, dtype=dtype), arrays((2, 2), dtype=dtype)[0]
    model = load(tmp_path, mode, text)
    for p, q in [(0, 0), (4, 4), (-4, 2), (2, -5), (-1, -1), (1, 0)]:
        results = model.run({"s": elements, "x": x, "p": at(p), "q": at(q)})
        inserted = list(elements)
        inserted.insert(p, x)
        assert_same(results["inserted"], inserted)
        del inserted[q]
        assert_same([results["erased"], results["n"], results["back"]], [inserted, at(4), elements[:-1]])


def test_at(tmp_path, mode):
    """All elements of a sequence of matrices, in a loop and by positions of either sign."""
    text = """g (seq(float[a,b]) s, int64 p) => (float[c,d] y, float total)
        <float nothing = {0}, bool yes = {1}> {
            y = SequenceAt(s, p)
            n = SequenceLength(s)
            total = Loop(n, yes, nothing)<body = loop (int64 i, bool c, float sum) => (bool go, float more) {
                go = Identity(c)
                element = SequenceAt(s, i)
                own = ReduceSum<keepdims = 0>(element)
                more = Add(sum, own)
            }>
        }"""
    elements = arrays((2, 3), (1, 1), (5, 0), (4, 2), dtype=numpy.int64)
    check(tmp_path, mode, text, *({"s": [element.astype(numpy.float32) for element in elements], "p": at(p)} for p in (0, 3, -1, -4, 2)))


def test_list_at_a_position_of_the_run(tmp_path, mode):
    text = """g (float[2,n] x, float[3,n] y, float[n] z, int64 p) => (float[a,b] matrix, float[] any)
        {
            same = SequenceConstruct(x, y, x, y, y)
            matrix = SequenceAt(same, p)
            mixed = SequenceConstruct(x, z, y)
            any = SequenceAt(mixed, p)
        }"""
    x, y, z = arrays((2, 4), (3, 4), (4,))
    check(tmp_path, mode, text, *({"x": x, "y": y, "z": z, "p": at(p)} for p in (0, 1, 2, -1, -3)))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_concat(tmp_path, mode, axis):
    """Of elements that differ along the axis, and of equal ones; joined along it and along a new one."""
    text = f"g (seq(float[a,b,c]) s) => (float[d,e,f] y) {{ y = ConcatFromSequence<axis = {axis}>(s) }}"
    shapes = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
    for shape, size in zip(shapes, (1, 5, 2)):
        shape[axis] = size
    check(tmp_path, mode, text, {"s": arrays(*shapes)}, {"s": arrays((2, 3, 4), (2, 3, 4))}, {"s": arrays((2, 3, 4))})
    text = f"g (seq(float[a,b,c]) s) => (float[d,e,f,g] y) {{ y = ConcatFromSequence<axis = {axis}, new_axis = 1>(s) }}"
    check(tmp_path, mode, text, {"s": arrays((2, 3, 4), (2, 3, 4), (2, 3, 4))}, {"s": arrays((1, 1, 1))})


@pytest.mark.parametrize("axis", [0, 1])
def test_split(tmp_path, mode, axis):
    """Extents, sizes and numbers of parts of the run."""
    text = f"""g (float[a,b,2] x, int64 size, int64[k] sizes) => (seq(float[]) each, seq(float[]) dropped, seq(float[]) equal, seq(float[]) given)
        {{
            each = SplitToSequence<axis = {axis}>(x)
            dropped = SplitToSequence<axis = {axis}, keepdims = 0>(x)
            equal = SplitToSequence<axis = {axis}>(x, size)
            given = SplitToSequence<axis = {axis}>(x, sizes)
        }}"""
    x, = arrays((5, 5, 2))
    model = load(tmp_path, mode, text)
    for size, sizes in ((2, [1, 4]), (5, [0, 5, 0]), (1, [2, 1, 1, 1]), (7, [5]), (3, [3, 2])):
        results = model.run({"x": x, "size": at(size), "sizes": numpy.array(sizes)})
        single = numpy.split(x, 5, axis)
        assert_same(results["each"], single)
        assert_same(results["dropped"], [part.squeeze(axis) for part in single])
        assert_same(results["equal"], numpy.split(x, range(size, 5, size), axis))
        assert_same(results["given"], numpy.split(x, numpy.cumsum(sizes)[:-1], axis))


def test_split_into_many(tmp_path, mode):
    """More parts than a list has."""
    text = """g (float[3,200] x) => (seq(float[]) columns, float[3,200] again, int64 n) {
            columns = SplitToSequence<axis = 1>(x)
            again = ConcatFromSequence<axis = 1>(columns)
            n = SequenceLength(columns)
        }"""
    check(tmp_path, mode, text, {"x": arrays((3, 200))[0]})


# ---- Control flow ----


def test_growing_in_a_loop(tmp_path, mode):
    """What exporters make of a list that is appended to."""
    text = """g (float[n] x, int64 turns) => (float[m] all, int64 count, seq(float[]) parts)
        <bool yes = {1}, int64 one = {1}> {
            empty = SequenceEmpty()
            parts = Loop(turns, yes, empty)<body = loop (int64 i, bool c, seq(float[]) s) => (bool go, seq(float[]) t) {
                go = Identity(c)
                zero = Constant<value_ints = [0]>()
                size = Add(i, one)
                shape = Constant<value_ints = [1]>()
                end = Reshape(size, shape)
                part = Slice(x, zero, end)
                t = SequenceInsert(s, part)
            }>
            count = SequenceLength(parts)
            filled = SequenceInsert(parts, x)
            all = ConcatFromSequence<axis = 0>(filled)
        }"""
    check(tmp_path, mode, text, *({"x": arrays((4,))[0], "turns": at(turns)} for turns in (3, 0, 4, 1)))


def test_reading_what_grows(tmp_path, mode):
    """Fibonacci's numbers: each turn reads the last two elements; the list has two before the loop."""
    text = """g (int64 turns) => (seq(int64[]) numbers, int64 last)
        <bool yes = {1}, int64 one = {1}, int64 minus1 = {-1}, int64 minus2 = {-2}> {
            start = SequenceConstruct(one, one)
            numbers = Loop(turns, yes, start)<body = loop (int64 i, bool c, seq(int64) s) => (bool go, seq(int64) t) {
                go = Identity(c)
                a = SequenceAt(s, minus1)
                b = SequenceAt(s, minus2)
                sum = Add(a, b)
                t = SequenceInsert(s, sum)
            }>
            last = SequenceAt(numbers, minus1)
        }"""
    check(tmp_path, mode, text, *({"turns": at(turns)} for turns in (0, 1, 10)))


def test_list_of_the_same_length_in_a_loop(tmp_path, mode):
    """States that are carried as a list stay tensors of their own."""
    text = """g (float[2,3] x, float[n] y, int64 turns) => (float[2,3] a, float[n] b)
        <bool yes = {1}, int64 zero = {0}, int64 one = {1}> {
            start = SequenceConstruct(x, y)
            states = Loop(turns, yes, start)<body = loop (int64 i, bool c, seq(float[]) s) => (bool go, seq(float[]) t) {
                go = Identity(c)
                p = SequenceAt(s, zero)
                q = SequenceAt(s, one)
                r = Add(p, p)
                t = SequenceConstruct(r, q)
            }>
            a = SequenceAt(states, zero)
            b = SequenceAt(states, one)
        }"""
    x, y = arrays((2, 3), (4,))
    check(tmp_path, mode, text, {"x": x, "y": y, "turns": at(3)}, {"x": x, "y": y, "turns": at(0)})


def test_branches(tmp_path, mode):
    """Lists of equal and of different lengths and ranks."""
    text = """g (bool c, float[2,n] x, float[n] y) => (float[a,b] first, seq(float[]) other, int64 count)
        <int64 zero = {0}> {
            same, other = If(c)<then_branch = yes () => (seq(float[]) a, seq(float[]) b) {
                a = SequenceConstruct(x, x)
                b = SequenceConstruct(x)
            }, else_branch = no () => (seq(float[]) d, seq(float[]) e) {
                z = Neg(x)
                d = SequenceConstruct(z, x)
                e = SequenceConstruct(y, x, y)
            }>
            first = SequenceAt(same, zero)
            count = SequenceLength(other)
        }"""
    x, y = arrays((2, 3), (3,))
    check(tmp_path, mode, text, {"c": numpy.array(True), "x": x, "y": y}, {"c": numpy.array(False), "x": x, "y": y})


def test_map(tmp_path, mode):
    """A graph for each element: of a list, of a sequence of the run, and with a tensor beside it."""
    text = """g (seq(float[n]) s, float[2,3] x, float[3] y, float scale) => (seq(float[]) a, seq(int64[]) shapes, seq(float[]) b)
        {
            a, shapes = SequenceMap(s, scale)<body = each (float[n] e, float f) => (float[n] g, int64[1] h) {
                g = Mul(e, f)
                h = Shape(e)
            }>
            list = SequenceConstruct(x, y)
            b = SequenceMap(list)<body = other (float[k] p) => (float[k] q) { q = Neg(p) }>
        }"""
    model = load(tmp_path, mode, text)
    x, y, *elements = arrays((2, 3), (3,), (4,), (0,), (1,))
    for count in (3, 0, 1):
        results = model.run({"s": elements[:count], "x": x, "y": y, "scale": numpy.float32(3)})
        assert_same(results["a"], [element * numpy.float32(3) for element in elements[:count]])
        assert_same(results["shapes"], [numpy.array(element.shape) for element in elements[:count]])
        assert_same(results["b"], [-x, -y])


# ---- Optional values ----


def test_optional_input(tmp_path, mode):
    text = """g (optional(float[2,n]) o, float[2,n] x, optional(seq(float[])) s) => (bool has, float[2,n] y, optional(float[2,n]) same, int64 count)
        {
            has = OptionalHasElement(o)
            y = If(has)<then_branch = yes () => (float[2,n] a) {
                value = OptionalGetElement(o)
                a = Add(value, value)
            }, else_branch = no () => (float[2,n] b) { b = Neg(x) }>
            same = Identity(o)
            given = OptionalHasElement(s)
            count = If(given)<then_branch = present () => (int64 p) {
                inside = OptionalGetElement(s)
                p = SequenceLength(inside)
            }, else_branch = absent () => (int64 q) { q = Constant<value_int = -1>() }>
        }"""
    model = load(tmp_path, mode, text)
    o, x = arrays((2, 3), (2, 3))
    results = model.run({"o": o, "x": x, "s": [x, x[0]]})
    assert_same([results["has"], results["y"], results["same"], results["count"]], [numpy.array(True), o + o, o, at(2)])
    results = model.run({"o": None, "x": x, "s": None})
    assert_same([results["has"], results["y"], results["same"], results["count"]], [numpy.array(False), -x, None, at(-1)])
    assert_same(model.run({"o": o, "x": x, "s": []})["count"], at(0))


@pytest.mark.parametrize("name, values", [("float", [1.5, -2]), ("complex64", [1 + 2j, -3j]), ("int4", [-8, 7]), ("float8e4m3fn", [0.5, -448]), ("string", ["a", "bc"])])
def test_optional_values_and_sequences_through_a_loop(tmp_path, mode, name, values):
    """Types that Identity does not take in every version; the loop may not run at all. The standard has no optional sequences of small types."""
    kinds = {"o": f"optional({name}[k])", "t": f"seq({name}[k])"} | ({} if name in ("int4", "float8e4m3fn") else {"s": f"optional(seq({name}[k]))"})
    carried = ", ".join(f"{kind} {value}1" for value, kind in kinds.items())
    text = f"""g (int64 n, {", ".join(f"{kind} {value}" for value, kind in kinds.items())}) => ({", ".join(f"{kind} {value}2" for value, kind in kinds.items())}) {{
            {", ".join(f"{value}2" for value in kinds)} = Loop(n, , {", ".join(kinds)})<body = b (int64 i, bool c, {carried}) => (bool d, {carried}) {{ d = Identity(c) }}>
        }}"""
    model = load(tmp_path, mode, text)
    array = numpy.array(values, object if name == "string" else onnx.helper.tensor_dtype_to_np_dtype(onnx.TensorProto.DataType.Value(name.upper())))
    for count in (0, 3):
        for given, some in ((None, None), (array, [array, array[:1], array[:0]]), (array[:1], [])):
            feeds = {"o": given, "s": some, "t": some or []}
            results = model.run({"n": at(count)} | {value: feeds[value] for value in kinds})
            for value in kinds:
                assert_same(results[f"{value}2"], feeds[value])


def test_optional_branches(tmp_path, mode):
    text = """g (bool c, float[n] x) => (optional(float[n]) o, optional(seq(float[n])) s, bool has)
        {
            o, s = If(c)<then_branch = yes () => (optional(float[n]) a, optional(seq(float[n])) b) {
                a = Optional(x)
                list = SequenceConstruct(x, x)
                b = Optional(list)
            }, else_branch = no () => (optional(float[n]) d, optional(seq(float[n])) e) {
                d = Optional<type = float[n]>()
                e = Optional<type = seq(float[n])>()
            }>
            has = OptionalHasElement(s)
        }"""
    model = load(tmp_path, mode, text)
    x, = arrays((3,))
    results = model.run({"c": numpy.array(True), "x": x})
    assert_same([results["o"], results["s"], results["has"]], [x, [x, x], numpy.array(True)])
    results = model.run({"c": numpy.array(False), "x": x})
    assert_same([results["o"], results["s"], results["has"]], [None, None, numpy.array(False)])


# ---- Maps ----


def test_zip_map(tmp_path, mode):
    text = """g (float[n,3] x, float[3] row) => (seq(map(int64, float)) maps, seq(map(int64, float)) one) {
            maps = ai.onnx.ml.ZipMap<classlabels_int64s = [7, -2, 3]>(x)
            one = ai.onnx.ml.ZipMap<classlabels_int64s = [1, 2, 3]>(row)
        }"""
    model = load(tmp_path, mode, text)
    x, row = arrays((2, 3), (3,))
    results = model.run({"x": x, "row": row})
    assert_same(results["maps"], [{7: float(a), -2: float(b), 3: float(c)} for a, b, c in x])
    assert [list(entry) for entry in results["maps"]] == [[-2, 3, 7]] * 2
    assert_same(results["one"], [{1: float(row[0]), 2: float(row[1]), 3: float(row[2])}])


def test_maps_with_texts(tmp_path, mode):
    """Of labels that are given twice the last one counts; keys come in the order of their bytes, as ONNX Runtime has them."""
    text = """g (float[n,4] x, map(string, float) m) => (seq(map(string, float)) texts, seq(map(string, float)) words, seq(map(int64, float)) numbers, float[1,k] vector) {
            texts = ai.onnx.ml.ZipMap<classlabels_strings = ["b", "", "a", "é"]>(x)
            words = ai.onnx.ml.ZipMap<classlabels_strings = ["b", "ab", "b", "a"]>(x)
            numbers = ai.onnx.ml.ZipMap<classlabels_int64s = [5, 2, 5, -1]>(x)
            vector = ai.onnx.ml.DictVectorizer<string_vocabulary = ["b", "none", "", "é", "b"]>(m)
        }"""
    model, runtime = load(tmp_path, mode, text), onnxruntime.InferenceSession(parse(text).SerializeToString(), providers=["CPUExecutionProvider"])
    x, = arrays((3, 4))
    for values in ({"b": 1.5, "": 2.5, "zz": -1.0, "é": 4.0}, {"longer than any of the others": 1.0}):
        results = model.run({"x": x, "m": values})
        for spec, expected in zip(model.outputs, runtime.run(None, {"x": x, "m": values})):
            assert_same(results[spec.name], expected)
            if spec.name != "vector":
                assert [list(entry) for entry in results[spec.name]] == [list(entry) for entry in expected]
    assert_same(model.run({"x": x[:0], "m": {}})["vector"], numpy.zeros((1, 5), numpy.float32))
    assert model.run({"x": x[:0], "m": {}})["texts"] == []


def test_maps_to_texts(tmp_path, mode):
    model = load(tmp_path, mode, "g (map(int64, string) m, map(string, int64) n) => (string[1,k] y, int64[1,l] z) { y = ai.onnx.ml.DictVectorizer<int64_vocabulary = [3, 4, 1]>(m)\n z = ai.onnx.ml.DictVectorizer<string_vocabulary = [\"b\", \"c\"]>(n) }")
    results = model.run({"m": {1: "one", 3: "three", 2: "two"}, "n": {"b": 2**62 + 1, "a": 1}})
    assert results["y"].tolist() == [["three", "", "one"]]
    assert results["z"].tolist() == [[2**62 + 1, 0]]


def test_maps_cast_to_and_from_texts(tmp_path, mode):
    text = """g (map(int64, string) m, map(int64, float) n) => (float[1,k] floats, int64[1,k] integers, string[1,k] texts, string[1,5] sparse, float[1,5] placed, string[1,l] written) {
            floats = ai.onnx.ml.CastMap<cast_to = "TO_FLOAT">(m)
            integers = ai.onnx.ml.CastMap<cast_to = "TO_INT64">(m)
            texts = ai.onnx.ml.CastMap<cast_to = "TO_STRING">(m)
            sparse = ai.onnx.ml.CastMap<cast_to = "TO_STRING", map_form = "SPARSE", max_map = 5>(m)
            placed = ai.onnx.ml.CastMap<cast_to = "TO_FLOAT", map_form = "SPARSE", max_map = 5>(m)
            written = ai.onnx.ml.CastMap<cast_to = "TO_STRING">(n)
        }"""
    model = load(tmp_path, mode, text)
    results = model.run({"m": {4: "-3", 0: "12", 9: "7"}, "n": {2: 0.5, 1: -2.0}})
    assert_same(results["floats"], numpy.array([[12, -3, 7]], numpy.float32))
    assert_same(results["integers"], numpy.array([[12, -3, 7]]))
    assert results["texts"].tolist() == [["12", "-3", "7"]]
    assert results["sparse"].tolist() == [["12", "", "", "", "-3"]]
    assert_same(results["placed"], numpy.array([[12, 0, 0, 0, -3]], numpy.float32))
    assert results["written"].tolist() == [["-2.0", "0.5"]]
    with pytest.raises(tenon.RunError, match="CastMap"):
        model.run({"m": {0: "twelve"}, "n": {}})


def test_maps_with_texts_through_branches(tmp_path, mode):
    model = load(tmp_path, mode, """g (bool c, float[n,2] x, float[n,2] z) => (seq(map(string, float)) y) {
            y = If(c)<then_branch = p () => (seq(map(string, float)) t) { t = ai.onnx.ml.ZipMap<classlabels_strings = ["q", "p"]>(x) },
                      else_branch = q () => (seq(map(string, float)) e) { e = ai.onnx.ml.ZipMap<classlabels_strings = ["r", "s"]>(z) }>
        }""")
    x, z = arrays((1, 2), (1, 2))
    for flag, expected in ((True, {"p": float(x[0, 1]), "q": float(x[0, 0])}), (False, {"r": float(z[0, 0]), "s": float(z[0, 1])})):
        assert_same(model.run({"c": numpy.array(flag), "x": x, "z": z})["y"], [expected])


def test_maps_as_inputs(tmp_path, mode):
    text = """g (map(int64, float) m) => (float[1,k] vector, float[1,n] dense, float[1,6] sparse, int64[1,n] integers) {
            vector = ai.onnx.ml.DictVectorizer<int64_vocabulary = [5, 1, 9, 0]>(m)
            dense = ai.onnx.ml.CastMap<cast_to = "TO_FLOAT">(m)
            sparse = ai.onnx.ml.CastMap<cast_to = "TO_FLOAT", map_form = "SPARSE", max_map = 6>(m)
            integers = ai.onnx.ml.CastMap<cast_to = "TO_INT64">(m)
        }"""
    model = load(tmp_path, mode, text)
    for values in ({9: 1.5, 0: -2.0, 4: 7.0}, {}, {5: 3.0}):
        results = model.run({"m": values})
        ordered = [values[key] for key in sorted(values)]
        assert_same(results["vector"], numpy.array([[values.get(key, 0) for key in (5, 1, 9, 0)]], numpy.float32))
        assert_same(results["dense"], numpy.array([ordered], numpy.float32).reshape(1, -1))
        assert_same(results["sparse"], numpy.array([[values.get(key, 0) for key in range(6)]], numpy.float32))
        assert_same(results["integers"], numpy.array([ordered], numpy.float32).astype(numpy.int64).reshape(1, -1))


def test_like_onnx_runtime(tmp_path, mode):
    text = """g (map(int64, float) m, float[n,3] x, seq(float[a]) s, float[a] e, int64 p) => (float[1,b] vector, float[1,c] dense, float[1,6] sparse,
            seq(map(int64, float)) zipped, seq(float[a]) inserted, seq(float[a]) erased) {
            vector = ai.onnx.ml.DictVectorizer<int64_vocabulary = [5, 2, 9]>(m)
            dense = ai.onnx.ml.CastMap<cast_to = "TO_FLOAT">(m)
            sparse = ai.onnx.ml.CastMap<cast_to = "TO_FLOAT", map_form = "SPARSE", max_map = 6>(m)
            zipped = ai.onnx.ml.ZipMap<classlabels_int64s = [5, 2, 9]>(x)
            inserted = SequenceInsert(s, e, p)
            erased = SequenceErase(s, p)
        }"""
    model, runtime = load(tmp_path, mode, text), onnxruntime.InferenceSession(parse(text).SerializeToString(), providers=["CPUExecutionProvider"])
    x, e, *elements = arrays((2, 3), (3,), (2,), (1,), (4,))
    for position in (0, 2, -1, -3):
        feeds = {"m": {9: 1.5, 2: 3.0} if position else {2: 1.0}, "x": x, "s": elements, "e": e, "p": at(position)}
        results = model.run(feeds)
        for spec, expected in zip(model.outputs, runtime.run(None, feeds)):
            assert_same(results[spec.name], expected)


# ---- What is wrong ----


@pytest.mark.parametrize("op, position, length", [("SequenceAt", 3, 3), ("SequenceAt", -4, 3), ("SequenceErase", 3, 3), ("SequenceErase", -1, 0),
                                                  ("SequenceInsert", 4, 3), ("SequenceInsert", -4, 3)])
def test_position_outside(tmp_path, mode, op, position, length):
    inputs = "s, x, p" if op == "SequenceInsert" else "s, p"
    output = "float[b] y" if op == "SequenceAt" else "seq(float[b]) y"
    text = f"g (seq(float[a]) s, float[a] x, int64 p) => ({output}) {{ [the_node] y = {op}({inputs}) }}"
    model = load(tmp_path, mode, text)
    x, = arrays((2,))
    with pytest.raises(tenon.RunError, match=rf"node 'the_node' \({op}\): the position is outside of the sequence"):
        model.run({"s": [x] * length, "x": x, "p": at(position)})
    model.run({"s": [x] * 3, "x": x, "p": at(1)})


def test_position_in_a_list(tmp_path, mode):
    model = load(tmp_path, mode, "g (seq(float[a]) s, int64[k] p) => (float[b] y) { [the_node] y = SequenceAt(s, p) }")
    elements = arrays((2,), (3,))
    assert_same(model.run({"s": elements, "p": numpy.array([1])})["y"], elements[1])
    for size in (0, 2):
        with pytest.raises(tenon.RunError, match=rf"node 'the_node' \(SequenceAt\): {size} elements do not fit a shape of 1"):
            model.run({"s": elements, "p": numpy.zeros(size, numpy.int64)})


def test_elements_that_do_not_fit(tmp_path, mode):
    model = load(tmp_path, mode, "g (seq(float[a,b]) s) => (float[c,d] y) { [the_node] y = ConcatFromSequence<axis = 0>(s) }")
    for elements, message in ((arrays((2, 3), (2, 4)), "elements differ in dimension 1"), ([], "the sequence is empty")):
        with pytest.raises(tenon.RunError, match=rf"node 'the_node' \(ConcatFromSequence\): the (sequence's )?{message.removeprefix('the ')}"):
            model.run({"s": elements})


def test_sizes_that_do_not_fit(tmp_path, mode):
    model = load(tmp_path, mode, "g (float[n] x, int64[k] sizes, int64 size) => (seq(float[]) a, seq(float[]) b) { [one] a = SplitToSequence(x, sizes)\n [two] b = SplitToSequence(x, size) }")
    x, = arrays((5,))
    for sizes, size, message in (([2, 2], 1, "node 'one' (SplitToSequence): the sizes do not add up"), ([7, -2], 1, "node 'one' (SplitToSequence): the size of a part is negative"),
                                 ([5], 0, "node 'two' (SplitToSequence): the size of the parts is not positive")):
        with pytest.raises(tenon.RunError, match=re.escape(message)):
            model.run({"x": x, "sizes": numpy.array(sizes), "size": at(size)})


def test_empty_optional(tmp_path, mode):
    model = load(tmp_path, mode, "g (optional(float[n]) o) => (float[n] y) { [the_node] y = OptionalGetElement(o) }")
    x, = arrays((2,))
    assert_same(model.run({"o": x})["y"], x)
    with pytest.raises(tenon.RunError, match=r"node 'the_node' \(OptionalGetElement\): the optional value is empty"):
        model.run({"o": None})
