"""Operators with attributes and shapes that have no meaning; importing this adds them to malformed.cases()."""

import numpy as np
from malformed import FLOAT, case, model_of, value, write
from onnx import TensorProto, helper, numpy_helper

INT, TEXT, COMPLEX = TensorProto.INT64, TensorProto.STRING, TensorProto.COMPLEX64
ML, TRAINING = "ai.onnx.ml", "ai.onnx.preview.training"
IMAGE, HUGE = (1, 2, 4, 4), 2**62
# Two items and a pair of them.
NGRAMS = {"mode": "TF", "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 0, "ngram_counts": [0, 2], "ngram_indexes": [0, 1, 2], "pool_int64s": [5, 6, 5, 6]}

# Name, operator, shapes (with a type unless it is FLOAT), attributes.
MODELS = [
    ("grid_of_other_rank", "GridSample", [IMAGE, (1, 3, 2)], {}),
    ("grid_of_other_dimensions", "GridSample", [IMAGE, (1, 3, 3, 3)], {}),
    ("grid_of_another_mode", "GridSample", [IMAGE, (1, 3, 3, 2)], {"mode": "best"}),
    ("grid_of_another_padding", "GridSample", [IMAGE, (1, 3, 3, 2)], {"padding_mode": "none"}),
    ("grid_of_many_dimensions", "GridSample", [(1,) * 11, (*(1,) * 10, 9)], {}),
    ("affine_grid_of_no_dimension", "AffineGrid", [(1, 2, 3), ((2,), INT)], {}),
    ("affine_grid_of_other_dimensions", "AffineGrid", [(1, 2, 3), ((5,), INT)], {}),
    ("deformed_groups", "DeformConv", [IMAGE, (2, 2, 1, 1), (1, 6, 4, 4)], {"offset_group": 3}),
    ("deformed_groups_of_nothing", "DeformConv", [IMAGE, (2, 2, 1, 1), (1, 2, 4, 4)], {"group": 0}),
    ("deformed_offset", "DeformConv", [IMAGE, (2, 2, 2, 2), (1, 2, 3, 3)], {}),
    ("deformed_kernel", "DeformConv", [IMAGE, (2, 2, 1, 1), (1, 2, 4, 4)], {"kernel_shape": [2**31, 2**31]}),
    ("region_of_three_numbers", "RoiAlign", [IMAGE, (3, 3), ((3,), INT)], {}),
    ("region_of_no_result", "RoiAlign", [IMAGE, (3, 4), ((3,), INT)], {"output_height": 0}),
    ("region_of_a_huge_result", "RoiAlign", [IMAGE, (3, 4), ((3,), INT)], {"output_height": 2**31 - 1, "output_width": 2**31 - 1}),
    ("region_with_huge_sampling", "RoiAlign", [IMAGE, (3, 4), ((3,), INT)], {"sampling_ratio": HUGE}),
    ("region_of_another_mode", "RoiAlign", [IMAGE, (3, 4), ((3,), INT)], {"mode": "sum"}),
    ("region_of_other_coordinates", "RoiAlign", [IMAGE, (3, 4), ((3,), INT)], {"coordinate_transformation_mode": "half"}),
    ("pooled_region_of_four_numbers", "MaxRoiPool", [IMAGE, (3, 4)], {"pooled_shape": [2, 2]}),
    ("pooled_region_of_one_extent", "MaxRoiPool", [IMAGE, (3, 5)], {"pooled_shape": [2]}),
    ("pooled_region_of_no_result", "MaxRoiPool", [IMAGE, (3, 5)], {"pooled_shape": [0, 2]}),
    ("pooled_region_of_a_huge_result", "MaxRoiPool", [IMAGE, (3, 5)], {"pooled_shape": [2**31 - 1, 2**31 - 1]}),
    ("boxes_of_five_numbers", "NonMaxSuppression", [(1, 6, 5), (1, 1, 6)], {}),
    ("boxes_of_other_scores", "NonMaxSuppression", [(1, 6, 4), (1, 1, 7)], {}),
    ("boxes_of_another_format", "NonMaxSuppression", [(1, 6, 4), (1, 1, 6)], {"center_point_box": 2}),
    ("transform_of_three_parts", "DFT", [(1, 8, 3)], {}),
    ("transform_of_nothing", "DFT", [(1, 0, 2)], {}),
    ("transform_along_its_parts", "DFT", [(1, 8, 2)], {"axis": 2}),
    ("transform_along_no_axis", "DFT", [(1, 8, 2)], {"axis": 3}),
    ("transform_of_huge_length", "DFT", [(1, 2**40, 1)], {}),
    ("transform_of_long_constants", "DFT", [(1, 2**32, 1)], {}),
    ("unpooling_without_kernel", "MaxUnpool", [IMAGE, (IMAGE, INT)], {}),
    ("unpooling_of_other_kernel", "MaxUnpool", [IMAGE, (IMAGE, INT)], {"kernel_shape": [2]}),
    ("blocks_of_another_rank", "Col2Im", [(1, 4, 4), ((2,), INT), ((1,), INT)], {}),
    ("sequences_of_one_axis", "ReverseSequence", [(4, 4), ((4,), INT)], {"time_axis": 1, "batch_axis": 1}),
    ("sequences_of_a_third_axis", "ReverseSequence", [(4, 4, 4), ((4,), INT)], {"time_axis": 2, "batch_axis": 0}),
    ("cache_of_batches", "TensorScatter", [(2, 4), (2, 1)], {"axis": 0}),
    ("cache_of_another_mode", "TensorScatter", [(2, 4, 3), (2, 1, 3)], {"mode": "square"}),
    ("determinant_of_a_row", "Det", [(1, 4)], {}),
    ("determinant_of_a_vector", "Det", [(4,)], {}),
    ("interpolated_texts", "Upsample", [(IMAGE, TEXT), (4,)], {"mode": "linear"}),
    ("sum_of_texts", "ScatterND", [((3,), TEXT), ((2, 1), INT), ((2,), TEXT)], {"reduction": "add"}),
    ("sum_of_blocks_of_texts", "Col2Im", [((1, 4, 4), TEXT), ((2,), INT), ((2,), INT)], {}),
    ("product_of_complex_numbers", "ScatterElements", [((3,), COMPLEX), ((2,), INT), ((2,), COMPLEX)], {"reduction": "mul"}),
    ("random_complex_numbers", "RandomNormalLike", [((2, 3), COMPLEX)], {}),
    ("crop_of_other_axes", "CenterCropPad", [(4, 4), ((3,), INT)], {}),
    ("slope_of_a_channel_in_front", "PRelu", [(1, 3, 4, 4), (3, 1)], {}),
    ("slope_of_higher_rank", "PRelu", [(3,), (1, 3)], {}),
    ("classes_of_another_rank", "SoftmaxCrossEntropyLoss", [(3, 5), ((3, 1), INT)], {}),
    ("classes_of_other_items", "NegativeLogLikelihoodLoss", [(3, 5, 2), ((3, 3), INT)], {}),
    ("another_reduction", "NegativeLogLikelihoodLoss", [(3, 5), ((3,), INT)], {"reduction": "median"}),
    ("unique_axis", "Unique", [(2, 3)], {"axis": 2}),
    ("random_integers", "RandomNormalLike", [((2, 3), INT)], {}),
    ("random_of_negative_size", "RandomUniform", [], {"shape": [2, -3]}),
    ("random_of_huge_size", "RandomUniform", [], {"shape": [HUGE, HUGE]}),
    ("draws_of_nothing", "Multinomial", [(2, 3)], {"sample_size": 0}),
    ("coefficients_of_no_row", "LinearRegressor", [(2, 3)], {"coefficients": [1.0] * 6, "targets": 0}),
    ("coefficients_of_another_width", "LinearRegressor", [(2, 3)], {"coefficients": [1.0] * 4}),
    ("coefficients_in_part", "LinearClassifier", [(2, 3)], {"coefficients": [1.0] * 7, "classlabels_ints": [1, 2]}),
    ("transform_of_scores", "LinearRegressor", [(2, 3)], {"coefficients": [1.0] * 3, "post_transform": "SQUARE"}),
    ("labels_of_two_kinds", "LinearClassifier", [(2, 3)], {"coefficients": [1.0] * 6, "classlabels_strings": ["a", "b"], "classlabels_ints": [1, 2]}),
    ("text_labels_of_other_classes", "LinearClassifier", [(2, 3)], {"coefficients": [1.0] * 9, "classlabels_strings": ["a", "b"]}),
    ("vectors_without_offset", "SVMRegressor", [(2, 3)], {"coefficients": [1.0], "support_vectors": [1.0] * 3, "n_supports": 1}),
    ("vectors_of_another_width", "SVMRegressor", [(2, 3)], {"coefficients": [1.0], "support_vectors": [1.0] * 2, "n_supports": 1, "rho": [0.0]}),
    ("vectors_of_negative_number", "SVMClassifier", [(2, 3)], {"coefficients": [1.0], "support_vectors": [1.0] * 3, "vectors_per_class": [2, -1], "classlabels_ints": [0, 1], "rho": [0.0]}),
    ("vectors_of_huge_number", "SVMClassifier", [(2, 3)], {"coefficients": [1.0], "support_vectors": [1.0] * 3, "vectors_per_class": [HUGE, HUGE], "classlabels_ints": [0, 1], "rho": [0.0]}),
    ("vectors_of_many_classes", "SVMClassifier", [(2, 3)], {"coefficients": [1.0], "support_vectors": [1.0] * 3, "vectors_per_class": [1] * 70000, "classlabels_ints": [1] * 70000, "rho": [0.0]}),
    ("another_kernel", "SVMRegressor", [(2, 3)], {"coefficients": [1.0], "support_vectors": [1.0] * 3, "n_supports": 1, "rho": [0.0], "kernel_type": "CUBE"}),
    ("nothing_imputed", "Imputer", [(2, 3)], {}),
    ("imputed_for_others", "Imputer", [(2, 3)], {"imputed_value_floats": [1.0, 2.0]}),
    ("another_norm", "Normalizer", [(2, 3)], {"norm": "L3"}),
    ("no_category", "OneHotEncoder", [(2, 3)], {}),
    ("keys_without_values", "LabelEncoder", [((2, 3), INT)], {"keys_int64s": [1, 2]}),
    ("fewer_values_than_keys", "LabelEncoder", [((2, 3), INT)], {"keys_int64s": [1, 2], "values_int64s": [1]}),
    ("text_keys_for_numbers", "LabelEncoder", [((2, 3), INT)], {"keys_strings": ["a"], "values_int64s": [1]}),
    ("number_keys_for_text", "LabelEncoder", [((2, 3), TEXT)], {"keys_int64s": [1], "values_int64s": [1]}),
    ("text_keys_without_values", "LabelEncoder", [((2, 3), TEXT)], {"keys_strings": ["a"]}),
    ("fewer_texts_than_keys", "LabelEncoder", [((2, 3), TEXT)], {"keys_strings": ["a", "b"], "values_strings": ["c"]}),
    ("keys_that_are_no_utf8", "LabelEncoder", [((2, 3), TEXT)], {"keys_strings": [b"\xc3("], "values_int64s": [1]}),
    ("no_text_category", "OneHotEncoder", [((2, 3), TEXT)], {"cats_int64s": [1]}),
    ("map_of_two_lengths", "CategoryMapper", [((2, 3), TEXT)], {"cats_strings": ["a"], "cats_int64s": [1, 2]}),
    ("map_of_nothing", "CategoryMapper", [((2, 3), TEXT)], {}),
    ("pattern_without_end", "RegexFullMatch", [((2,), TEXT)], {"pattern": "(a"}),
    ("pattern_that_repeats_much", "RegexFullMatch", [((2,), TEXT)], {"pattern": "((a{1000}){1000}){1000}"}),
    ("pattern_of_another_syntax", "RegexFullMatch", [((2,), TEXT)], {"pattern": "(?=a)"}),
    ("pattern_that_refers_back", "RegexFullMatch", [((2,), TEXT)], {"pattern": r"(a)\1"}),
    ("pattern_that_is_no_utf8", "RegexFullMatch", [((2,), TEXT)], {"pattern": b"\xff"}),
    ("texts_of_other_shapes", "StringConcat", [((2,), TEXT), ((3,), TEXT)], {}),
    ("normalized_rows", "StringNormalizer", [((2, 3), TEXT)], {}),
    ("normalized_number", "StringNormalizer", [((), TEXT)], {}),
    ("another_case", "StringNormalizer", [((3,), TEXT)], {"case_change_action": "TITLE"}),
    ("ngrams_of_no_mode", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"mode": "COUNT"}),
    ("ngrams_of_no_length", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"min_gram_length": 0}),
    ("ngrams_of_falling_length", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"min_gram_length": 2, "max_gram_length": 1}),
    ("ngrams_of_huge_length", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"max_gram_length": HUGE}),
    ("ngrams_of_huge_distance", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"max_skip_count": HUGE}),
    ("ngrams_outside_of_the_pool", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"ngram_counts": [0, 9]}),
    ("ngrams_in_part", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"ngram_counts": [0, 1]}),
    ("ngrams_of_fewer_columns", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"ngram_indexes": [0]}),
    ("ngrams_of_more_columns", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"ngram_indexes": [0, 1, 2, 3]}),
    ("ngrams_of_negative_columns", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"ngram_indexes": [0, 1, -2]}),
    ("ngrams_of_huge_columns", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"ngram_indexes": [0, 1, HUGE]}),
    ("ngrams_twice", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"pool_int64s": [5, 5, 6, 7]}),
    ("ngrams_of_fewer_weights", "TfIdfVectorizer", [((3,), INT)], NGRAMS | {"mode": "IDF", "weights": [1.0]}),
    ("ngrams_without_pool", "TfIdfVectorizer", [((3,), TEXT)], NGRAMS),
    ("ngrams_of_a_cube", "TfIdfVectorizer", [((3, 3, 3), INT)], NGRAMS),
    ("columns_of_other_inputs", "FeatureVectorizer", [(2, 3)], {"inputdimensions": [1, 2]}),
    ("columns_below_none", "FeatureVectorizer", [(2, 3)], {"inputdimensions": [-1]}),
    ("step_of_two_thirds", "Adam", [(), ((), INT), (2,), (2,), (2,)], {}),
    ("another_momentum", "Momentum", [(), ((), INT), (2,), (2,), (2,)], {"mode": "fast", "alpha": 0.9, "beta": 0.9, "norm_coefficient": 0.0}),
]
DOMAINS = {name: ML for name in "CategoryMapper FeatureVectorizer Imputer LabelEncoder LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor".split()} | {"Adam": TRAINING, "Momentum": TRAINING}


def opset_of(operator):
    return {"TensorScatter": 24, "DFT": 19, "Upsample": 9}.get(operator, 22)


def add(name, operator, shapes, attributes):
    def make(folder):
        typed = [shape if len(shape) == 2 and isinstance(shape[0], tuple) else (shape, FLOAT) for shape in shapes]
        inputs = [value(f"x{place}", shape, dtype) for place, (shape, dtype) in enumerate(typed)]
        outputs = ["y", "z"] if operator.endswith("Classifier") else ["y"]
        node = helper.make_node(operator, [info.name for info in inputs], outputs, name="n", domain=DOMAINS.get(operator, ""), **attributes)
        graph = helper.make_graph([node], "g", inputs, [value("y", None)])
        imports = [helper.make_opsetid("", opset_of(operator)), helper.make_opsetid(ML, 3), helper.make_opsetid(TRAINING, 1)]
        return write(folder, helper.make_model(graph, opset_imports=imports, ir_version=8))

    make.__name__ = name
    case(make)


for model in MODELS:
    add(*model)


@case
def pad_by_the_smallest_number(folder):
    pads = numpy_helper.from_array(np.array([-(2**63), 0, 0, 0], np.int64), "p")
    return write(folder, model_of([helper.make_node("Pad", ["x", "p"], ["y"])], initializers=[pads]))


@case
def slice_to_the_smallest_number(folder):
    """It is valid; what follows is not."""
    lists = [numpy_helper.from_array(np.array([number], np.int64), name) for name, number in (("s", -1), ("e", -(2**63)), ("a", 0), ("t", -1))]
    nodes = [helper.make_node("Slice", ["x", "s", "e", "a", "t"], ["z"]), helper.make_node("Nothing", ["z"], ["y"])]
    return write(folder, model_of(nodes, [value("x", shape=["n", 4])], initializers=lists))


@case
def expand_of_a_number_to_more_than_there_is(folder):
    """The product of the extents is beyond 64 bits."""
    number = numpy_helper.from_array(np.array([3], np.int64), "n")
    shape = numpy_helper.from_array(np.array([2**40, 2**40], np.int64), "s")
    nodes = [helper.make_node("Expand", ["n", "s"], ["e"]), helper.make_node("Reshape", ["x", "e"], ["y"])]
    return write(folder, model_of(nodes, initializers=[number, shape]))


@case
def recurrence_with_weights_declared_twice(folder):
    """With another rank the second time."""
    shapes = {"x": (2, 1, 3), "w": (1, 20), "r": (1, 20, 5)}
    inputs = [value(name, shape) for name, shape in shapes.items()]
    model = model_of([helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=5)], inputs)
    model.graph.value_info.append(value("w", (1, 20, 3)))
    model.graph.input[1].type.tensor_type.shape.dim.pop()
    return write(folder, model)


@case
def gathered_behind_the_least_number_of_batches(folder):
    """The extent of the indices that follows from the ranks is beyond 64 bits."""
    node = helper.make_node("GatherND", ["x", "i"], ["y"], batch_dims=-(2**63))
    return write(folder, model_of([node], [value("x", (2, 3)), value("i", (2, None), INT)], [value("y", (2, 3))]))
