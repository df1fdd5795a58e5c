"""Ensembles of trees that are none; importing this adds them to malformed.cases()."""

import numpy
from malformed import FLOAT, case, value, write
from onnx import helper, numpy_helper

ML = "ai.onnx.ml"
FEATURES = 3

# A node and two leaves of TreeEnsembleRegressor.
LISTS = {"nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0], "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [0.5, 0.0, 0.0],
         "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0], "target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, 0], "target_weights": [1.0, 2.0], "n_targets": 1}
CLASSES = {name.replace("target", "class"): given for name, given in LISTS.items() if name != "n_targets"} | {"classlabels_int64s": [3, 4, 5]}


def tensor(values, dtype=numpy.float32):
    return numpy_helper.from_array(numpy.array(values, dtype))


# The same as TreeEnsemble.
POSITIONS = {"nodes_featureids": [0], "nodes_modes": tensor([0], numpy.uint8), "nodes_splits": tensor([0.5]), "nodes_truenodeids": [0], "nodes_trueleafs": [1], "nodes_falsenodeids": [1],
             "nodes_falseleafs": [1], "leaf_targetids": [0, 0], "leaf_weights": tensor([1.0, 2.0]), "tree_roots": [0], "n_targets": 1}

CYCLE = {"nodes_modes": ["BRANCH_LEQ", "BRANCH_LT", "LEAF"], "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 2, 0]}

# Name, operator, attributes that differ (None: left out).
MODELS = [
    ("tree_with_a_cycle", "TreeEnsembleRegressor", CYCLE),
    ("tree_that_meets_itself", "TreeEnsembleRegressor", {"nodes_modes": ["BRANCH_LEQ", "BRANCH_LT", "LEAF"], "nodes_truenodeids": [1, 2, 0], "nodes_falsenodeids": [1, 2, 0]}),
    ("tree_of_one_node_for_ever", "TreeEnsembleRegressor", {"nodes_truenodeids": [0, 0, 0]}),
    ("tree_without_a_child", "TreeEnsembleRegressor", {"nodes_truenodeids": [7, 0, 0]}),
    ("tree_with_a_negative_child", "TreeEnsembleRegressor", {"nodes_truenodeids": [-1, 0, 0]}),
    ("tree_of_equal_nodes", "TreeEnsembleRegressor", {"nodes_nodeids": [0, 1, 1]}),
    ("tree_of_another_feature", "TreeEnsembleRegressor", {"nodes_featureids": [FEATURES, 0, 0]}),
    ("tree_of_a_negative_feature", "TreeEnsembleRegressor", {"nodes_featureids": [-1, 0, 0]}),
    ("tree_of_another_mode", "TreeEnsembleRegressor", {"nodes_modes": ["BRANCH_MEMBER", "LEAF", "LEAF"]}),
    ("tree_of_no_modes", "TreeEnsembleRegressor", {"nodes_modes": None}),
    ("tree_of_no_nodes", "TreeEnsembleRegressor", {"nodes_nodeids": None}),
    ("tree_of_fewer_thresholds", "TreeEnsembleRegressor", {"nodes_values": [0.5]}),
    ("tree_of_fewer_children", "TreeEnsembleRegressor", {"nodes_falsenodeids": [2]}),
    ("tree_of_fewer_missing_values", "TreeEnsembleRegressor", {"nodes_missing_value_tracks_true": [1]}),
    ("tree_of_other_weights", "TreeEnsembleRegressor", {"target_nodeids": [1, 5]}),
    ("tree_of_weights_of_another_tree", "TreeEnsembleRegressor", {"target_treeids": [0, 1]}),
    ("tree_of_fewer_weights", "TreeEnsembleRegressor", {"target_weights": [1.0]}),
    ("tree_of_another_target", "TreeEnsembleRegressor", {"target_ids": [0, 1]}),
    ("tree_of_a_negative_target", "TreeEnsembleRegressor", {"target_ids": [0, -1]}),
    ("tree_of_no_target", "TreeEnsembleRegressor", {"n_targets": 0}),
    ("tree_of_another_aggregate", "TreeEnsembleRegressor", {"aggregate_function": "MEDIAN"}),
    ("tree_of_another_transform", "TreeEnsembleRegressor", {"post_transform": "SQUARE"}),
    ("tree_of_other_bases", "TreeEnsembleRegressor", {"base_values": [1.0, 2.0]}),
    ("classes_without_labels", "TreeEnsembleClassifier", {"classlabels_int64s": None}),
    ("classes_of_text_and_numbers", "TreeEnsembleClassifier", {"classlabels_strings": ["a", "b", "c"]}),
    ("classes_of_another_id", "TreeEnsembleClassifier", {"class_ids": [0, 3]}),
    ("classes_of_other_bases", "TreeEnsembleClassifier", {"base_values": [1.0, 2.0]}),
    ("classes_with_a_cycle", "TreeEnsembleClassifier", CYCLE),
    ("positions_of_no_leaf", "TreeEnsemble", {"nodes_falsenodeids": [2]}),
    ("positions_of_no_node", "TreeEnsemble", {"nodes_trueleafs": [0], "nodes_truenodeids": [1]}),
    ("positions_for_ever", "TreeEnsemble", {"nodes_trueleafs": [0]}),
    ("positions_below_none", "TreeEnsemble", {"nodes_truenodeids": [-1]}),
    ("positions_of_another_root", "TreeEnsemble", {"tree_roots": [1]}),
    ("positions_of_no_root", "TreeEnsemble", {"tree_roots": None}),
    ("positions_of_another_mode", "TreeEnsemble", {"nodes_modes": tensor([7], numpy.uint8)}),
    ("positions_of_another_type", "TreeEnsemble", {"nodes_splits": tensor([1], numpy.int64)}),
    ("positions_of_no_set", "TreeEnsemble", {"nodes_modes": tensor([6], numpy.uint8)}),
    ("positions_of_more_sets", "TreeEnsemble", {"membership_values": tensor([1.0, numpy.nan])}),
    ("positions_of_another_target", "TreeEnsemble", {"leaf_targetids": [0, 1]}),
    ("positions_of_fewer_leaves", "TreeEnsemble", {"leaf_weights": tensor([1.0])}),
    ("positions_of_another_aggregate", "TreeEnsemble", {"aggregate_function": 4}),
    ("positions_of_another_transform", "TreeEnsemble", {"post_transform": -1}),
]


def add(name, operator, changes):
    def make(folder):
        attributes = {"TreeEnsemble": POSITIONS, "TreeEnsembleClassifier": CLASSES}.get(operator, LISTS) | changes
        outputs = ["y", "z"] if operator.endswith("Classifier") else ["y"]
        node = helper.make_node(operator, ["x"], outputs, name="n", domain=ML, **{key: given for key, given in attributes.items() if given is not None})
        graph = helper.make_graph([node], "g", [value("x", (2, FEATURES), FLOAT)], [value("y", None)])
        imports = [helper.make_opsetid("", 22), helper.make_opsetid(ML, 5 if operator == "TreeEnsemble" else 3)]
        return write(folder, helper.make_model(graph, opset_imports=imports, ir_version=8))

    make.__name__ = name
    case(make)


for model in MODELS:
    add(*model)
