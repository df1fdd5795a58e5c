"""Strings: the text operators against Python and numpy, and what moves them against numpy."""

import itertools
import re
import unicodedata

import ml_dtypes
import numpy
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import tenon
from arrays import FLOATS, INTEGERS, rng, special_floats, values
from harness import Batch

ML = "ai.onnx.ml"
WORDS = ["", "a", "b", "ab", "Straße", "ΟΔΟΣ", "İstanbul", "日本語", "😀", "a b", " x ", "ǅ", "e\u0301"]


def strings(*items, shape=None) -> numpy.ndarray:
    array = numpy.array(items, dtype=object)
    return array if shape is None else array.reshape(shape)


def words(generator, shape) -> numpy.ndarray:
    return numpy.array(WORDS, dtype=object)[generator.integers(0, len(WORDS), shape)]


def test_concat_and_equal_broadcast(mode):
    batch, generator = Batch(opset=22), rng()
    for lhs, rhs in (((3, 4), (3, 4)), ((3, 1), (1, 4)), ((), (2, 3)), ((0, 3), (1, 3)), ((2, 1, 3), (4, 1)), ((), ())):
        x, y = words(generator, lhs), words(generator, rhs)
        x, y = numpy.asarray(x, dtype=object), numpy.asarray(y, dtype=object)
        pairs = numpy.broadcast(x, y)
        both = numpy.empty(pairs.shape, dtype=object)
        both[...] = numpy.array([a + b for a, b in pairs], dtype=object).reshape(pairs.shape)
        batch.add(f"concat {lhs} {rhs}", "StringConcat", [x, y], both)
        batch.add(f"equal {lhs} {rhs}", "Equal", [x, y], numpy.array([a == b for a, b in numpy.broadcast(x, y)], dtype=bool).reshape(pairs.shape))
    x = strings("a", "", "b")
    batch.add("constant", "StringConcat", [x, strings("!")], strings("a!", "!", "b!"), constants=(1,))
    batch.add("equal constant", "Equal", [x, strings("b")], numpy.array([False, False, True]), constants=(1,))
    batch.check(mode)


def split(x, delimiter, most):
    parts = [text.split(delimiter or None, most) for text in x.ravel()]
    counts = numpy.array([len(list_) for list_ in parts], dtype=numpy.int64).reshape(x.shape)
    width = max(map(len, parts), default=0)
    filled = numpy.array([list_ + [""] * (width - len(list_)) for list_ in parts], dtype=object).reshape(*x.shape, width)
    return [filled, counts]


def test_split(mode):
    batch = Batch(opset=22)
    x = strings("a,b,,c", "", ",", " one  two\tthree ", "日本,語", ",,", shape=(2, 3))
    for delimiter, most in itertools.product((None, "", ",", ",,", "本", "none"), (None, 0, 1, 2, 100)):
        attributes = {} if delimiter is None else {"delimiter": delimiter}
        attributes |= {} if most is None else {"maxsplit": most}
        batch.add(f"split {delimiter!r} {most}", "StringSplit", [x], split(x, delimiter, -1 if most is None else most), **attributes)
    for empty in (strings(), strings(shape=(2, 0)), strings("", " "), numpy.array("a b", dtype=object)):
        batch.add(f"split {empty.shape}", "StringSplit", [empty], split(empty, None, -1))
    batch.check(mode)


PATTERNS = [
    r"", r"a", r"a*", r"(a|b)*abb", r"[a-c]+\d{2,3}", r"[^\d\s]+", r"\w+@\w+\.(com|org)", r"(?i)straSSE|stra\x{df}e", r".", r"(?s).", r"\bfoo\b.*",
    r"日.語", r"\p{Greek}+", r"[[:upper:]]+", r"^a$", r"\Aa\z", r"a{0}", r"(?:ab){2,}", r"x?y+?z*?", r"\Qa.b\E", r"[\x{1F600}-\x{1F64F}]", r"(?m)^a$\n^b$",
    r"(?U)a+", r"a\Bb", r"[^a]*", r"\C", r"(?P<name>a)b",
]
SUBJECTS = ["", "a", "b", "aaa", "abb", "aababb", "ab", "c12", "c1234", "me@x.org", "me@x.net", "STRASSE", "straße", "ß", "\n", "foo", "foo bar", "food",
            "日本語", "日\n語", "λόγος", "ABC", "AbC", "abab", "ababab", "yyz", "a.b", "axb", "😀", "é", "a\nb", "x" * 2000]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_regular_expressions_agree_with_the_reference(pattern, tmp_path):
    """ONNX's reference runs Python's `re`; where the two syntaxes differ, the pattern is written for it by hand."""
    python = {r"\p{Greek}+": "[\u0370-\u03ff\u1f00-\u1fff]+", r"[[:upper:]]+": "[A-Z]+", r"\Aa\z": r"\Aa\Z", r"\Qa.b\E": r"a\.b", r"(?U)a+": "a+", r"\C": "[\\x00-\\x7f]",
              r"[\x{1F600}-\x{1F64F}]": "[\U0001f600-\U0001f64f]", r"(?i)straSSE|stra\x{df}e": r"(?i)straSSE|stra\xdfe",
              r"\w+@\w+\.(com|org)": r"(?a)\w+@\w+\.(com|org)", r"\bfoo\b.*": r"(?a)\bfoo\b.*"}.get(pattern, pattern)
    expected = [re.fullmatch(python, text) is not None for text in SUBJECTS]
    node = helper.make_node("RegexFullMatch", ["x"], ["y"], pattern=pattern)
    assert run(node, {"x": strings(*SUBJECTS)}, tmp_path, opset=22)["y"].tolist() == expected


def test_a_pattern_that_explodes_elsewhere_takes_no_time(tmp_path):
    node = helper.make_node("RegexFullMatch", ["x"], ["y"], pattern="(a*)*b|(a|aa)+$|(x+x+)+y")
    assert run(node, {"x": strings("a" * 20000 + "!", "x" * 20000, "a" * 20000)}, tmp_path, opset=22)["y"].tolist() == [False, False, True]


def run(node, feeds, folder, opset=21, ml=4, **options):
    def info(name, value):
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim)

    graph = helper.make_graph([node], "text", [info(name, value) for name, value in feeds.items()], [helper.make_value_info(name, helper.make_tensor_type_proto(0, None)) for name in node.output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(ML, ml)])
    library = folder / "model.so"
    tenon.compile(model, library, **options)
    return tenon.load(library).run(feeds)


#===--- Cast --------------------------------------------------------------------------------------------------===


def test_numbers_as_text(mode):
    batch, generator = Batch(), rng()
    for dtype in (*FLOATS, *INTEGERS, numpy.dtype(bool)):
        x = values(generator, 200, dtype)
        if dtype in FLOATS:
            bits = generator.integers(0, 2 ** (8 * dtype.itemsize), 500, numpy.uint64).astype(f"uint{8 * dtype.itemsize}")
            x = numpy.concatenate([x, special_floats(dtype), bits.view(dtype), numpy.array([1e-4, 9.9e-5, 1e15, 123456789, 1e16], dtype)])
        texts = x.astype(numpy.str_) if dtype not in FLOATS else [shortest_bfloat16(value) if dtype.name == "bfloat16" else shortest(value) for value in x]
        batch.add(f"to text {dtype}", "Cast", [x], numpy.array(texts, object), to=TensorProto.STRING)
    batch.check(mode)


def shortest(value) -> str:
    """The fewest digits, as Python writes f64; from which power of ten on numpy's `str` takes an exponent differs by version."""
    if not numpy.isfinite(value) or value == 0:
        return str(float(value))
    scientific = numpy.format_float_scientific(value, unique=True, trim="-", exp_digits=2)
    if -4 <= int(scientific.partition("e")[2]) < 16:
        return numpy.format_float_positional(value, unique=True, trim="0")
    return scientific


def shortest_bfloat16(value) -> str:
    """numpy cannot; the fewest digits are found by trying."""
    single = float(value)
    if not numpy.isfinite(single) or single == 0:
        return str(numpy.float32(single))
    digits = next(digits for digits in range(1, 10) if ml_dtypes.bfloat16(float(f"{single:.{digits - 1}e}")) == value)
    return str(float(f"{single:.{digits - 1}e}"))


def test_text_as_numbers(mode):
    batch, generator = Batch(), rng()
    for dtype in FLOATS:
        x = values(generator, 100, dtype)
        x = numpy.concatenate([x, special_floats(dtype)])
        texts = numpy.array([repr(float(value)) for value in x], dtype=object)
        batch.add(f"from text {dtype}", "Cast", [texts], x, to=helper.np_dtype_to_tensor_dtype(dtype))
    decimals = strings("3.14", "1000", "1e-5", "1E8", "INF", "+INF", "-INF", "NaN", "nan", "inf", "-0.0", " 7 ", "1e39", ".5", "5.")
    batch.add("literals", "Cast", [decimals], numpy.array([float(text) for text in decimals]).astype(numpy.float32), to=TensorProto.FLOAT)
    for dtype in INTEGERS:
        x = values(generator, 50, dtype)
        x = numpy.concatenate([x, numpy.array([numpy.iinfo(dtype).min, numpy.iinfo(dtype).max], dtype)])
        batch.add(f"from text {dtype}", "Cast", [x.astype(numpy.str_).astype(object)], x, to=helper.np_dtype_to_tensor_dtype(dtype))
    batch.add("bool", "Cast", [strings("True", "false", "0", "1", "-0.0", "0.5")], numpy.array([1, 0, 0, 1, 0, 1], bool), to=TensorProto.BOOL)
    batch.add("like", "CastLike", [strings("1.5"), numpy.zeros(1, numpy.float32)], numpy.array([1.5], numpy.float32))
    batch.add("same", "Cast", [strings("x")], strings("x"), to=TensorProto.STRING)
    batch.check(mode)


@pytest.mark.parametrize("text, to, problem", [("Hello", TensorProto.FLOAT, "is not a number"), ("300", TensorProto.UINT8, "is outside of the range of the result's type")])
def test_text_that_is_no_number_names_the_node(text, to, problem, tmp_path):
    node = helper.make_node("Cast", ["x"], ["y"], name="reader", to=to)
    with pytest.raises(tenon.RunError) as error:
        run(node, {"x": strings("1", text)}, tmp_path)
    assert str(error.value) == f"node 'reader' (Cast): '{text}' at element 1 {problem}"


#===--- StringNormalizer --------------------------------------------------------------------------------------===


def normalized(x, action, sensitive, stop_words):
    change = {"NONE": str, "LOWER": str.lower, "UPPER": str.upper}[action]
    fold = str if sensitive else str.upper if action == "UPPER" else str.lower
    kept = [change(text) for text in x.ravel() if fold(text) not in {fold(word) for word in stop_words}]
    return strings(*(kept or [""]), shape=(-1,) if x.ndim == 1 else (1, -1))


def test_normalizer(mode):
    batch = Batch()
    x = strings("Monday", "TUESDAY", "monday", "Straße", "", "ΟΔΟΣ", "MONDAY")
    for action, sensitive, stop, rows in itertools.product(("NONE", "LOWER", "UPPER"), (0, 1), ((), ("monday",), ("Monday", "STRASSE", "οδος", ""), tuple(x)), (False, True)):
        given = x.reshape(1, -1) if rows else x
        attributes = {"stopwords": list(stop)} if stop else {}
        batch.add(f"{action} {sensitive} {stop} {rows}", "StringNormalizer", [given], normalized(given, action, sensitive, stop),
                  case_change_action=action, is_case_sensitive=sensitive, **attributes)
    batch.add("turkish", "StringNormalizer", [strings("Iİ", "iı")], strings("ıi", "iı"), case_change_action="LOWER", locale="tr_TR")
    batch.check(mode)


def test_every_character_changes_case_as_in_python(tmp_path):
    characters = [chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF and unicodedata.category(chr(point)) != "Cn"]
    x = strings(*["x" + "".join(characters[i:i + 50]) + "x" for i in range(0, len(characters), 50)], *[f"αΣ{c}" for c in characters[:3000]], *[f"{c}Σ" for c in characters[:3000]])
    for action, change in (("LOWER", str.lower), ("UPPER", str.upper)):
        node = helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action=action)
        assert run(node, {"x": x}, tmp_path)["y"].tolist() == [change(text) for text in x]


#===--- ai.onnx.ml --------------------------------------------------------------------------------------------===


def test_label_encoder(mode):
    batch, generator = Batch(ml_opset=4), rng()
    keys = ["a", "", "Straße", "b", "a", "日本語"]
    x = words(generator, (3, 5))
    floats, integers, texts = [1.5, -2.0, 0.0, 4.0, 5.0, 6.0], [5, -7, 2**40, 0, 9, 3], ["x", "y", "", "z", "w", "v"]
    for suffix, listed, absent, dtype in (("floats", floats, 0.5, numpy.float32), ("int64s", integers, 42, numpy.int64), ("strings", texts, "none", object)):
        table = dict(zip(keys, listed))
        expected = numpy.array([table.get(text, absent) for text in x.ravel()], dtype).reshape(x.shape)
        default = {"default_" + suffix.removesuffix("s"): absent}
        batch.add(f"strings to {suffix}", "LabelEncoder", [x], expected, domain=ML, keys_strings=keys, **{f"values_{suffix}": listed}, **default)
    for suffix, listed, asked in (("int64s", integers, numpy.array([5, 6, 2**40, -7])), ("floats", floats, numpy.array([1.5, 9, -2], numpy.float32))):
        table = dict(zip(listed, texts))
        batch.add(f"{suffix} to strings", "LabelEncoder", [asked], strings(*[table.get(value, "_Unused") for value in asked.tolist()]), domain=ML, values_strings=texts, **{f"keys_{suffix}": listed})
    tensor = numpy_helper.from_array
    batch.add("tensors", "LabelEncoder", [x], numpy.array([{"a": 1, "b": 2}.get(text, 7) for text in x.ravel()], numpy.int16).reshape(x.shape), domain=ML,
              keys_tensor=tensor(strings("a", "b")), values_tensor=tensor(numpy.array([1, 2], numpy.int16)), default_tensor=tensor(numpy.array([7], numpy.int16)))
    batch.add("tensor of texts", "LabelEncoder", [numpy.array([1, 2, 3])], strings("one", "two", "?"), domain=ML, keys_tensor=tensor(numpy.array([1, 2])),
              values_tensor=tensor(strings("one", "two")), default_tensor=tensor(strings("?")))
    many = [f"word {number}" for number in range(3000)]
    batch.add("many", "LabelEncoder", [strings("word 17", "word 2999", "word 3000", "word 0")], numpy.array([17, 2999, -1, 0]), domain=ML, keys_strings=many, values_int64s=list(range(3000)))
    batch.check(mode)


def test_first_label_encoder_and_category_mapper(mode):
    batch, names = Batch(ml_opset=1), ["cat", "dog", ""]
    x, numbers = strings("dog", "bird", "", "cat"), numpy.array([2, 0, 3, -1, 1])
    batch.add("texts", "LabelEncoder", [x], numpy.array([1, -5, 2, 0]), domain=ML, classes_strings=names, default_int64=-5)
    batch.add("numbers", "LabelEncoder", [numbers], strings("", "cat", "_Unused", "_Unused", "dog"), domain=ML, classes_strings=names)
    batch.add("map texts", "CategoryMapper", [x], numpy.array([7, -1, 9, -3]), domain=ML, cats_strings=names, cats_int64s=[-3, 7, 9])
    batch.add("map numbers", "CategoryMapper", [numpy.array([7, 9, 1])], strings("dog", "", "?"), domain=ML, cats_strings=names, cats_int64s=[-3, 7, 9], default_string="?")
    batch.check(mode)


def test_one_hot_encoder(mode):
    batch, x = Batch(), strings("b", "a", "x", "b", shape=(2, 2))
    expected = (x[..., None] == strings("a", "b", "")).astype(numpy.float32)
    batch.add("one hot", "OneHotEncoder", [x], expected, domain=ML, cats_strings=["a", "b", ""])
    batch.check(mode)


def test_classifiers_with_text_labels(mode):
    batch, generator = Batch(), rng()
    x = generator.uniform(-2, 2, (9, 3)).astype(numpy.float32)
    for count in (2, 3):
        weights, names = generator.uniform(-1, 1, (count, 3)).astype(numpy.float32), ["ja", "nein", "vielleicht"][:count]
        scores = x.astype(float) @ weights.T
        batch.add(f"linear {count}", "LinearClassifier", [x], [strings(*names)[scores.argmax(1)], scores.astype(numpy.float32)], [0, 1e-5], domain=ML,
                  coefficients=weights.ravel().tolist(), intercepts=[0.0] * count, classlabels_strings=names)
    batch.check(mode)


#===--- Movement ----------------------------------------------------------------------------------------------===


def test_movement(mode):
    batch, generator = Batch(), rng()
    x, y = words(generator, (2, 3, 4)), words(generator, (2, 3, 4))
    indices = generator.integers(0, 3, (2, 2, 4))
    integer = lambda *items: numpy.array(items, numpy.int64)
    batch.add("identity", "Identity", [x], x)
    batch.add("reshape", "Reshape", [x, integer(4, -1)], x.reshape(4, -1), constants=(1,))
    batch.add("flatten", "Flatten", [x], x.reshape(2, 12))
    batch.add("squeeze", "Squeeze", [x[:1], integer(0)], x[0], constants=(1,), known=(0,))
    batch.add("unsqueeze", "Unsqueeze", [x, integer(1)], x[:, None], constants=(1,))
    batch.add("transpose", "Transpose", [x], x.transpose(2, 0, 1), perm=[2, 0, 1])
    batch.add("concat", "Concat", [x, y], numpy.concatenate([x, y], 1), axis=1)
    batch.add("split", "Split", [x], [x[..., :2], x[..., 2:]], axis=2, num_outputs=2)
    batch.add("slice", "Slice", [x, integer(2), integer(-9), integer(1), integer(-1)], x[:, ::-1], constants=(1, 2, 3, 4))
    batch.add("gather", "Gather", [x, indices[0, 0]], x[:, indices[0, 0]], axis=1)
    batch.add("gather elements", "GatherElements", [x, indices], numpy.take_along_axis(x, indices, 1), axis=1)
    batch.add("gather nd", "GatherND", [x, integer(1, 2).reshape(1, 2)], x[1, 2][None], constants=(1,))
    scattered = x.copy()
    numpy.put_along_axis(scattered, indices[:, :1], y[:, :1], 1)
    batch.add("scatter elements", "ScatterElements", [x, indices[:, :1], y[:, :1]], scattered, axis=1)
    placed = x.copy()
    placed[1, 2] = y[0, 0]
    batch.add("scatter nd", "ScatterND", [x, integer(1, 2).reshape(1, 2), y[0, :1]], placed, constants=(1,))
    batch.add("tile", "Tile", [x, integer(1, 2, 3)], numpy.tile(x, (1, 2, 3)), constants=(1,))
    batch.add("expand", "Expand", [x[:, :1], integer(2, 5, 4)], numpy.broadcast_to(x[:, :1], (2, 5, 4)), constants=(1,), known=(0,))
    mask = generator.integers(0, 2, (2, 3, 4)).astype(bool)
    batch.add("where", "Where", [mask, x, y], numpy.where(mask, x, y))
    batch.add("pad", "Pad", [x, integer(0, 1, 0, 0, 0, 2), numpy.array("?", dtype=object)], numpy.pad(x, ((0, 0), (1, 0), (0, 2)), constant_values="?"), constants=(1,))
    batch.add("pad empty", "Pad", [x, integer(0, 1, 0, 0, 0, 2)], numpy.pad(x, ((0, 0), (1, 0), (0, 2)), constant_values=""), constants=(1,))
    batch.add("pad edge", "Pad", [x, integer(0, 1, 0, 0, 0, 2)], numpy.pad(x, ((0, 0), (1, 0), (0, 2)), mode="edge"), constants=(1,), mode="edge")
    batch.add("shape", "Shape", [x], integer(2, 3, 4))
    batch.add("size", "Size", [x], numpy.array(24))
    batch.add("non zero", "NonZero", [x], numpy.array(numpy.nonzero(x != ""), numpy.int64))
    batch.add("compress", "Compress", [x, numpy.array([True, False, True])], x[:, [0, 2]], axis=1)
    reversed_ = x[0].copy()
    reversed_[:2, 0], reversed_[:, 2] = x[0, 1::-1, 0], x[0, ::-1, 2]
    batch.add("reverse sequence", "ReverseSequence", [x[0], integer(2, 1, 3, 1)], reversed_, time_axis=0, batch_axis=1)
    batch.add("space to depth", "SpaceToDepth", [x.reshape(1, 1, 4, 6)], numpy.stack([x.reshape(4, 6)[i::2, j::2] for i in (0, 1) for j in (0, 1)])[None], blocksize=2)
    batch.check(mode)


def test_unique(mode):
    batch, generator = Batch(), rng()
    for shape, axis in (((30,), None), ((4, 5), None), ((12, 2), 0), ((2, 12), 1)):
        x = words(generator, shape)
        flat = x if axis is None else numpy.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
        rows = [tuple(row) for row in flat] if axis is not None else flat.ravel().tolist()
        found = sorted(set(rows))
        first = [rows.index(row) for row in found]
        values_ = numpy.take(x, first, axis) if axis is not None else strings(*found)
        outputs = [values_, numpy.array(first), numpy.array([found.index(row) for row in rows]), numpy.array([rows.count(row) for row in found])]
        batch.add(f"unique {shape} {axis}", "Unique", [x], outputs, **({} if axis is None else {"axis": axis}))
        order = sorted(range(len(found)), key=lambda i: first[i])
        if axis is None:
            unsorted = [strings(*[found[i] for i in order]), numpy.array([first[i] for i in order]), numpy.array([order.index(found.index(row)) for row in rows]), numpy.array([rows.count(found[i]) for i in order])]
            batch.add(f"unsorted {shape}", "Unique", [x], unsorted, sorted=0)
    batch.check(mode)


#===--- Constants and control flow ----------------------------------------------------------------------------===


def test_constants(mode):
    batch = Batch()
    batch.add("text", "Constant", [], numpy.array("one", dtype=object), value_string="one")
    batch.add("texts", "Constant", [], strings("one", "", "two"), value_strings=["one", "", "two"])
    batch.add("tensor", "Constant", [], strings("a", "b", shape=(1, 2)), value=numpy_helper.from_array(strings("a", "b", shape=(1, 2))))
    batch.add("filled", "ConstantOfShape", [numpy.array([2, 2])], strings(*["x"] * 4, shape=(2, 2)), constants=(0,), value=numpy_helper.from_array(strings("x")))
    batch.check(mode)


def loop_model():
    """Appends "!" to the text as often as asked, and collects every step; an If chooses what is appended."""
    body = helper.make_graph(
        [helper.make_node("If", ["even"], ["mark"], then_branch=helper.make_graph([helper.make_node("Identity", ["hash"], ["t"])], "t", [], [helper.make_tensor_value_info("t", TensorProto.STRING, [])]),
                          else_branch=helper.make_graph([helper.make_node("Identity", ["bang"], ["e"])], "e", [], [helper.make_tensor_value_info("e", TensorProto.STRING, [])])),
         helper.make_node("StringConcat", ["text", "mark"], ["longer"]), helper.make_node("Not", ["even"], ["odd"]), helper.make_node("Identity", ["go"], ["more"])],
        "body", [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, []), helper.make_tensor_value_info("text", TensorProto.STRING, [None]),
                 helper.make_tensor_value_info("even", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("more", TensorProto.BOOL, []), helper.make_tensor_value_info("longer", TensorProto.STRING, [None]), helper.make_tensor_value_info("odd", TensorProto.BOOL, []),
         helper.make_tensor_value_info("longer", TensorProto.STRING, [None])])
    graph = helper.make_graph(
        [helper.make_node("Loop", ["count", "", "x", "start"], ["last", "flag", "all"], body=body)], "loop",
        [helper.make_tensor_value_info("x", TensorProto.STRING, [None]), helper.make_tensor_value_info("count", TensorProto.INT64, [])],
        [helper.make_tensor_value_info("last", TensorProto.STRING, None), helper.make_tensor_value_info("all", TensorProto.STRING, None)],
        [numpy_helper.from_array(numpy.array("!", dtype=object), "bang"), numpy_helper.from_array(numpy.array("#", dtype=object), "hash"), numpy_helper.from_array(numpy.array(True), "start")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


def test_loops_carry_strings(tmp_path):
    tenon.compile(loop_model(), tmp_path / "loop.so")
    model = tenon.load(tmp_path / "loop.so")
    for count in (0, 1, 5, 300):
        results = model.run({"x": strings("a", "日"), "count": numpy.array(count)})
        marks = ("#!" * count)[:count]
        assert results["last"].tolist() == ["a" + marks, "日" + marks]
        assert results["all"].tolist() == [["a" + marks[:i + 1], "日" + marks[:i + 1]] for i in range(count)]


def test_onnx_runtime_agrees(tmp_path):
    """A pipeline as converters write it: clean, look up, count."""
    graph = helper.make_graph(
        [helper.make_node("StringNormalizer", ["x"], ["clean"], case_change_action="LOWER", is_case_sensitive=1, stopwords=["The"], locale="C.UTF-8"),
         helper.make_node("LabelEncoder", ["clean"], ["number"], domain=ML, keys_strings=["cat", "dog", "mat"], values_int64s=[10, 20, 30], default_int64=-1),
         helper.make_node("TfIdfVectorizer", ["clean"], ["counts"], mode="TFIDF", min_gram_length=1, max_gram_length=2, max_skip_count=1, ngram_counts=[0, 3], ngram_indexes=[3, 0, 2, 1, 4],
                          pool_strings=["cat", "dog", "mat", "cat", "sat", "on", "the"], weights=[0.5, 2.0, 1.0, 3.0, 4.0])],
        "pipeline", [helper.make_tensor_value_info("x", TensorProto.STRING, [None])],
        [helper.make_tensor_value_info("clean", TensorProto.STRING, [None]), helper.make_tensor_value_info("number", TensorProto.INT64, [None]), helper.make_tensor_value_info("counts", TensorProto.FLOAT, [None])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19), helper.make_opsetid(ML, 3)], ir_version=9)
    feeds = {"x": strings(*"The Cat sat on the mat and the cat sat with The dog".split())}
    expected = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feeds)
    tenon.compile(model, tmp_path / "pipeline.so")
    results = tenon.load(tmp_path / "pipeline.so").run(feeds)
    for want, (name, got) in zip(expected, results.items(), strict=True):
        assert numpy.array_equal(got, numpy.asarray(want, got.dtype)), name
    reference = ReferenceEvaluator(model).run(["number"], feeds)[0]
    assert numpy.array_equal(results["number"], reference)
