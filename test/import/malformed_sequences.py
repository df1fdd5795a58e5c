"""Sequences, optional values and maps without meaning; importing this adds them to malformed.cases()."""

import onnx
from malformed import case, write

OPSETS = '<ir_version: 10, opset_import: ["": 21, "ai.onnx.ml": 3]>\n'

# Name, graph.
MODELS = [
    ("position_behind_a_list", "g (float[2] x) => (float[2] y) <int64 two = {2}> { s = SequenceConstruct(x, x)\n y = SequenceAt(s, two) }"),
    ("position_before_a_list", "g (float[2] x) => (seq(float[2]) y) <int64 p = {-4}> { s = SequenceConstruct(x, x)\n y = SequenceInsert(s, x, p) }"),
    ("erased_from_nothing", "g (float[2] x) => (seq(float[2]) y) { s = SequenceEmpty()\n y = SequenceErase(s) }"),
    ("read_from_nothing", "g (int64 p) => (float[2] y) { s = SequenceEmpty()\n y = SequenceAt(s, p) }"),
    ("elements_of_two_types", "g (float[2] x, int64[2] z) => (seq(float[2]) y) { y = SequenceConstruct(x, z) }"),
    ("inserted_of_another_type", "g (seq(float[2]) s, int64[2] z) => (seq(float[2]) y) { y = SequenceInsert(s, z) }"),
    ("tensor_for_a_sequence", "g (float[2] x) => (int64 y) { y = SequenceLength(x) }"),
    ("sequence_for_a_tensor", "g (seq(float[2]) s) => (float[2] y) { y = Neg(s) }"),
    ("element_of_any_rank", "g (seq(float[]) s, int64 p) => (float[2] y) { y = SequenceAt(s, p) }"),
    ("sequence_of_strings_of_tensors", "g (seq(seq(float[2])) s) => (int64 y) { y = SequenceLength(s) }"),
    ("sequence_of_small_floats", "g (seq(float8e4m3fn[2]) s) => (int64 y) { y = SequenceLength(s) }"),
    ("elements_of_huge_rank", f"g (seq(float[{','.join(['1'] * 40)}]) s) => (int64 y) {{ y = SequenceLength(s) }}"),
    ("sizes_that_do_not_add_up", "g (float[5] x) => (seq(float[]) y) <int64[2] sizes = {2, 2}> { y = SplitToSequence(x, sizes) }"),
    ("size_below_none", "g (float[5] x) => (seq(float[]) y) <int64[2] sizes = {6, -1}> { y = SplitToSequence(x, sizes) }"),
    ("parts_of_nothing", "g (float[5] x) => (seq(float[]) y) <int64 size = {0}> { y = SplitToSequence(x, size) }"),
    ("split_of_no_axis", "g (float[5] x) => (seq(float[]) y) { y = SplitToSequence<axis = 1>(x) }"),
    ("concatenated_nothing", "g () => (float[2] y) { s = SequenceEmpty()\n y = ConcatFromSequence<axis = 0>(s) }"),
    ("concatenated_ranks", "g (float[2] x, float[2,2] z) => (float[2] y) { s = SequenceConstruct(x, z)\n y = ConcatFromSequence<axis = 0>(s) }"),
    ("concatenated_along_no_axis", "g (seq(float[2]) s) => (float[2] y) { y = ConcatFromSequence<axis = 1>(s) }"),
    ("empty_value", "g () => (float[2] y) { o = Optional<type = float[2]>()\n y = OptionalGetElement(o) }"),
    ("optional_of_nothing", "g () => (bool y) { o = Optional()\n y = OptionalHasElement(o) }"),
    ("optional_map", "g (optional(map(int64, float)) o) => (bool y) { y = OptionalHasElement(o) }"),
    ("optional_of_any_rank", "g (optional(float[]) o) => (bool y) { y = OptionalHasElement(o) }"),
    ("branches_of_other_kinds", "g (bool c, float[2] x) => (float[2] y) { y = If(c)<then_branch = a () => (float[2] p) { p = Neg(x) }, else_branch = b () => (seq(float[2]) q) { q = SequenceConstruct(x) }> }"),
    ("loop_that_changes_the_kind", "g (int64 n, float[2] x) => (seq(float[2]) y) <bool yes = {1}> { y = Loop(n, yes, x)<body = b (int64 i, bool c, float[2] v) => (bool d, seq(float[2]) w) { d = Identity(c)\n w = SequenceConstruct(v) }> }"),
    ("scan_of_sequences", "g (float[4,2] x) => (float[2] y) { y = Scan<num_scan_inputs = 1, body = b (float[2] v) => (seq(float[2]) w) { w = SequenceConstruct(v) }>(x) }"),
    ("map_of_two_outputs", "g (seq(float[2]) s) => (seq(float[2]) y) { y = SequenceMap(s)<body = b (float[2] v) => (float[2] w, float[2] u) { w = Neg(v)\n u = Abs(v) }> }"),
    ("map_of_any_rank", "g (seq(float[]) s) => (seq(float[]) y) { y = SequenceMap(s)<body = b (float[] v) => (float[] w) { w = Neg(v) }> }"),
    ("labels_for_other_columns", "g (float[2,3] x) => (seq(map(int64, float)) y) { y = ai.onnx.ml.ZipMap<classlabels_int64s = [1, 2]>(x) }"),
    ("labels_of_text_and_numbers", "g (float[2,2] x) => (seq(map(string, float)) y) { y = ai.onnx.ml.ZipMap<classlabels_strings = [\"a\", \"b\"], classlabels_int64s = [1, 2]>(x) }"),
    ("labels_of_text_for_other_columns", "g (float[2,3] x) => (seq(map(string, float)) y) { y = ai.onnx.ml.ZipMap<classlabels_strings = [\"a\", \"b\"]>(x) }"),
    ("texts_as_numbers", "g (map(string, float) m) => (float[1,2] y) { y = ai.onnx.ml.DictVectorizer<int64_vocabulary = [1]>(m) }"),
    ("numbers_as_texts", "g (map(int64, float) m) => (float[1,2] y) { y = ai.onnx.ml.DictVectorizer<string_vocabulary = [\"a\"]>(m) }"),
    ("texts_and_numbers", "g (map(int64, float) m) => (float[1,2] y) { y = ai.onnx.ml.DictVectorizer<string_vocabulary = [\"a\"], int64_vocabulary = [1]>(m) }"),
    ("keys_of_32_bits", "g (map(int32, float) m) => (float[1,2] y) { y = ai.onnx.ml.DictVectorizer<int64_vocabulary = [1]>(m) }"),
    ("cast_map_of_texts", "g (map(string, float) m) => (float[1,2] y) { y = ai.onnx.ml.CastMap(m) }"),
    ("map_cast_to_bytes", "g (map(int64, float) m) => (string[1,2] y) { y = ai.onnx.ml.CastMap<cast_to = \"TO_BYTES\">(m) }"),
    ("map_of_another_form", "g (map(int64, float) m) => (float[1,2] y) { y = ai.onnx.ml.CastMap<map_form = \"ROUND\">(m) }"),
    ("sparse_map_of_no_size", "g (map(int64, float) m) => (float[1,2] y) { y = ai.onnx.ml.CastMap<map_form = \"SPARSE\", max_map = 0>(m) }"),
]


def add(name, text):
    def make(folder):
        return write(folder, onnx.parser.parse_model(OPSETS + text))

    make.__name__ = name
    case(make)


for model in MODELS:
    add(*model)
