"""Ensembles of decision trees: TreeEnsembleClassifier, TreeEnsembleRegressor and TreeEnsemble against their definition, ONNX Runtime and the
reference evaluator."""

import itertools

import numpy
import onnxruntime
import pytest
import tenon
from onnx import TensorProto, helper

import forests
from arrays import label, rng
from evaluator import evaluate
from harness import Batch

ML = "ai.onnx.ml"
TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
NUMBERS = ("float32", "float64", "int32", "int64")
EVERY = (*forests.MODES, forests.MEMBER)


def transformed(scores, kind):
    if kind == "LOGISTIC":
        return 1 / (1 + numpy.exp(-scores))
    if kind.startswith("SOFTMAX"):
        largest = scores.max(1, keepdims=True)
        power = numpy.exp(scores - largest)
        if kind == "SOFTMAX_ZERO":
            power = numpy.where(abs(scores) > 1e-7, power, scores * numpy.exp(-largest))
        total = power.sum(1, keepdims=True)
        return numpy.where(total == 0, 0.5, power / numpy.where(total == 0, 1, total))
    return scores


def add_regressor(batch, name, trees, x, targets=1, aggregate="SUM", kind="NONE", base=None, bound=0, **attributes):
    exact = forests.scores(trees, x, targets, aggregate) + (0 if base is None else numpy.array(base))
    bound = bound or (0 if kind == "NONE" and aggregate != "AVERAGE" else 1e-5)
    extra = {"base_values": base} if base else {}
    batch.add(name, "TreeEnsembleRegressor", [x], transformed(exact, kind).astype(numpy.float32), bound, domain=ML, n_targets=targets, aggregate_function=aggregate, post_transform=kind,
              **extra, **attributes)


def several(generator, count, *arguments, **options):
    return [forests.random_tree(generator, *arguments, **options) for _ in range(count)]


# Node modes, each alone and all together, missing values, types; rows around the number from which the schedule changes.
def test_modes(mode):
    batch, generator = Batch(), rng()
    for modes, dtype in itertools.product([(name,) for name in forests.MODES] + [tuple(forests.MODES)], NUMBERS):
        trees = several(generator, 5, 6, 4, modes=modes)
        for count in (1, 17):
            x = forests.rows(generator, count, 4, dtype)
            add_regressor(batch, label("mode", modes, x), trees, x, **forests.listed(trees, "target", generator))
    batch.check(mode)


def test_rows_and_trees(mode):
    batch, generator = Batch(), rng(2)
    for count, number in itertools.product((0, 1, 2, 7, 8, 9, 16, 63, 130, 1000), (1, 15, 33)):
        trees = several(generator, number, 5, 7)
        x = forests.rows(generator, count, 7)
        add_regressor(batch, label("rows", x, number), trees, x, **forests.listed(trees, "target"))
    x = forests.rows(generator, 1, 7)[0]
    batch.add("vector", "TreeEnsembleRegressor", [x], forests.scores(trees, x[None], 1).astype(numpy.float32), domain=ML, **forests.listed(trees, "target"))
    batch.check(mode)


# One weight per leaf and one target per tree are tables of their own.
def test_aggregates(mode):
    batch, generator = Batch(), rng(3)

    def some(generator):
        return [(int(target), float(forests.grid(generator))) for target in generator.choice(3, generator.integers(0, 4), replace=False)]

    for aggregate, (targets, entries), count in itertools.product(("SUM", "AVERAGE", "MIN", "MAX"), ((1, 1), (3, 3), (3, 2), (3, some)), (2, 20)):
        trees = several(generator, 9, 5, 4, targets=targets, entries=entries)
        x = forests.rows(generator, count, 4)
        for base in (None, [0.5, -1.5, 3.0][:targets]):
            add_regressor(batch, label(aggregate, targets, entries if entries != some else "some", base, x), trees, x, targets, aggregate, base=base, **forests.listed(trees, "target", generator))
    trees = [tree for target in (0, 2, 1, 0) for tree in several(generator, 3, 4, 4, entries=lambda g, target=target: [(target, float(forests.grid(g)))])]
    for aggregate, count in itertools.product(("SUM", "MIN"), (1, 12)):
        x = forests.rows(generator, count, 4)
        add_regressor(batch, label("a target per tree", aggregate, x), trees, x, 4, aggregate, **forests.listed(trees, "target"))
    batch.check(mode)


def test_transforms(mode):
    batch, generator = Batch(), rng(4)
    for kind, targets, dtype, count in itertools.product(TRANSFORMS, (1, 3), ("float32", "float64"), (3, 11)):
        trees = several(generator, 6, 4, 3, targets=targets, entries=targets)
        x = forests.rows(generator, count, 3, dtype)
        add_regressor(batch, label(kind, targets, x), trees, x, targets, kind=kind, base=[0.25] * targets, **forests.listed(trees, "target"))
    batch.check(mode)


# Thresholds and weights as f64: x <= t of an x of f32 is exact too.
def test_doubles(mode):
    batch, generator = Batch(), rng(5)
    for dtype in ("float32", "float64"):
        # Around numbers of f32, on either side of them.
        near = numpy.float32([0.1, 0.2, 0.3, 1e-42, 3.4e38, -0.7])
        trees = several(generator, 12, 5, 4, threshold=lambda g: float(g.choice(near)) * (1 + g.integers(-1, 2) * 1e-12))
        x = generator.choice(numpy.concatenate([near, numpy.nextafter(near, numpy.float32(1))]), (40, 4)).astype(dtype)
        for count in (3, 40):
            add_regressor(batch, label("double", x[:count]), trees, x[:count], **forests.listed(trees, "target", tensors=numpy.float64))
    batch.check(mode)


def test_special_thresholds(mode):
    batch, generator = Batch(), rng(6)
    special = numpy.float32([numpy.nan, numpy.inf, -numpy.inf, 0.0, -0.0, 1e-45, -1e-45, 3.4e38]).tolist()
    for name, dtype in itertools.product(forests.MODES, ("float32", "float64")):
        trees = [forests.Node(0, name, threshold, nan, [], forests.Leaf([(0, 1.0)]), forests.Leaf([(0, 0.0)])) for threshold in special for nan in (False, True)]
        x = numpy.array(special + [1.0, -1.0], dtype)[:, None]
        for place, tree in enumerate(trees):
            add_regressor(batch, label(name, x, place), [tree], x, **forests.listed([tree], "target"))
    batch.check(mode)


# Words of the tables: bytes, other fields of 32 bits, 64 bits with ranks of 16 and of more bits.
def test_many_features_and_thresholds(mode):
    batch, generator = Batch(), rng(7)
    anywhere = lambda g: float(numpy.float32(g.normal()))  # noqa: E731
    for features, depth, number, stop in ((3, 8, 20, 0.15), (300, 8, 20, 0.15), (2, 11, 3, 0.15), (5, 16, 1, 0.15), (1, 17, 1, 0)):
        trees = several(generator, number, depth, features, modes=("BRANCH_LEQ",), threshold=anywhere, stop=stop)
        x = generator.normal(size=(33, features)).astype(numpy.float32)
        for count in (1, 33):
            add_regressor(batch, label("tables", features, depth, number, count), trees, x[:count], **forests.listed(trees, "target"))
    batch.check(mode)


# A list of nodes and a tree whose depth is its number of nodes.
def test_shapes_of_trees(mode):
    batch, generator = Batch(), rng(8)
    chain = forests.Leaf([(0, 1.0)])
    for place in range(400):
        chain = forests.Node(0, "BRANCH_LEQ", place / 4 - 50, False, [], forests.Leaf([(0, place / 2)]), chain)
    x = (generator.integers(-400, 401, (50, 1)) / 4).astype(numpy.float32)
    for trees in ([chain], [forests.Leaf([(0, 2.0)])], [forests.Leaf([(0, 2.0)])] * 40 + [chain]):
        for count in (1, 50):
            add_regressor(batch, label("shape", len(trees), count), trees, x[:count], **forests.listed(trees, "target"))
    batch.check(mode)


# --- classes


def classified(scores, kind, labels, known=None):
    ballot = scores if known is None else numpy.where(known, scores, -numpy.inf)
    return [numpy.array(labels)[ballot.argmax(1)], transformed(scores, kind).astype(numpy.float32)]


def test_classifier(mode):
    batch, generator = Batch(), rng(9)
    for kind, classes, dtype, base in itertools.product(TRANSFORMS, (2, 3, 5), ("float32", "int64"), (False, True)):
        trees = several(generator, 7, 5, 4, targets=classes, entries=classes)
        labels = generator.permutation(20)[:classes].tolist()
        for count in (1, 20):
            x = forests.rows(generator, count, 4, dtype)
            values = (forests.grid(generator, classes) + 0.125).tolist() if base else []
            exact = forests.scores(trees, x, classes) + (values or 0)
            extra = {"base_values": values} if base else {}
            batch.add(label(kind, classes, x, base), "TreeEnsembleClassifier", [x], classified(exact, kind, labels), [0, 1e-5], domain=ML, classlabels_int64s=labels, post_transform=kind,
                      **extra, **forests.listed(trees, "class", generator))
    batch.check(mode)


# A tree per class, and a class without a leaf, whose score of 0 is not chosen.
def test_tree_per_class(mode):
    batch, generator = Batch(), rng(10)
    trees = [tree for _ in range(6) for target in (0, 1, 3) for tree in several(generator, 1, 5, 4, entries=lambda g, target=target: [(target, float(-1 - abs(forests.grid(g))))])]
    for count, kind in itertools.product((1, 8, 9, 100), ("NONE", "SOFTMAX")):
        x = forests.rows(generator, count, 4)
        expected = classified(forests.scores(trees, x, 4), kind, [7, 5, 3, 1], numpy.array([True, True, False, True]))
        batch.add(label("per class", x, kind), "TreeEnsembleClassifier", [x], expected, [0, 1e-5], domain=ML, classlabels_int64s=[7, 5, 3, 1], post_transform=kind, **forests.listed(trees, "class"))
    batch.check(mode)


def by_onnxruntime(operator, x, outputs, attributes):
    node = helper.make_node(operator, ["x"], ["y", "z"][:outputs], domain=ML, **attributes)
    types = [TensorProto.INT64, TensorProto.FLOAT][-outputs:]
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), [None, x.shape[1]])],
                              [helper.make_tensor_value_info(name, kind, None) for name, kind in zip("yz", types)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(ML, 3)], ir_version=8)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})


# The score of one class decides between two, or whether there is one; the standard does not say how.
def test_one_score_as_onnxruntime(mode):
    batch, generator = Batch(), rng(12)
    for labels, only, positive, kind, base in itertools.product(([4, 9], [3]), (0, 1), (False, True), TRANSFORMS, (None, [0.25])):
        if only == 1 and (len(labels) == 1 or base):
            continue
        entries = lambda g: [(only, float(abs(forests.grid(g)) / 8 if positive else forests.grid(g)) / 4)]  # noqa: E731, B023
        trees = several(generator, 4, 4, 3, entries=entries)
        x = forests.rows(generator, 20, 3)
        attributes = forests.listed(trees, "class") | {"classlabels_int64s": labels, "post_transform": kind} | ({"base_values": base} if base else {})
        batch.add(label("one", labels, only, positive, kind, base), "TreeEnsembleClassifier", [x], by_onnxruntime("TreeEnsembleClassifier", x, 2, attributes), [0, 1e-5], domain=ML, **attributes)
    batch.check(mode)


def test_as_onnxruntime(mode):
    batch, generator = Batch(), rng(13)
    for modes, missing, dtype, aggregate in itertools.product([(name,) for name in forests.MODES] + [tuple(forests.MODES)], (False, True), ("float32", "float64"), ("SUM", "AVERAGE", "MIN", "MAX")):
        trees = several(generator, 12, 6, 4, targets=2, entries=2, modes=modes, missing=missing)
        attributes = forests.listed(trees, "target", tensors=numpy.float64 if dtype == "float64" else None) | {"n_targets": 2, "aggregate_function": aggregate}
        x = forests.rows(generator, 25, 4, dtype)
        batch.add(label("onnxruntime", modes, missing, aggregate, x), "TreeEnsembleRegressor", [x], by_onnxruntime("TreeEnsembleRegressor", x, 1, attributes), 1e-6, domain=ML, **attributes)
    batch.check(mode)


def test_probit(mode):
    batch, generator = Batch(), rng(14)
    trees = several(generator, 1, 4, 3, targets=2, entries=lambda g: [(target, float(g.uniform(0.02, 0.98))) for target in range(2)])
    x = forests.rows(generator, 20, 3)
    attributes = forests.listed(trees, "target") | {"n_targets": 2, "post_transform": "PROBIT"}
    batch.add("probit", "TreeEnsembleRegressor", [x], by_onnxruntime("TreeEnsembleRegressor", x, 1, attributes), 1e-5, domain=ML, **attributes)
    batch.check(mode)


# --- TreeEnsemble


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_tree_ensemble(mode, dtype):
    batch, generator = Batch(ml_opset=5), rng(15)
    kinds, aggregates = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"), ("AVERAGE", "SUM", "MIN", "MAX")
    for kind, aggregate, targets, count in itertools.product(kinds, aggregates, (1, 3), (1, 20)):
        trees = several(generator, 8, 5, 4, modes=EVERY, entries=lambda g, targets=targets: [(int(g.integers(targets)), float(forests.grid(g)))])
        x = forests.rows(generator, count, 4, dtype)
        exact = transformed(forests.scores(trees, x, targets, aggregate), kind)
        bound = 0 if kind == "NONE" and aggregate != "AVERAGE" else 1e-2 if dtype == "float16" else 1e-5
        batch.add(label("TreeEnsemble", kind, aggregate, targets, x), "TreeEnsemble", [x], exact.astype(dtype), bound, domain=ML, n_targets=targets,
                  aggregate_function=aggregates.index(aggregate), post_transform=kinds.index(kind), **forests.indexed(trees, dtype))
    batch.check(mode)


def test_sets(mode):
    batch, generator = Batch(ml_opset=5), rng(16)
    yes, no = forests.Leaf([(0, 1.0)]), forests.Leaf([(0, 0.0)])
    near = numpy.float32([1.0, numpy.nextafter(numpy.float32(1), numpy.float32(2)), -numpy.inf, numpy.inf, 0.0, 3.5, -2.0])
    x = numpy.concatenate([near, [numpy.nan, 2.0, -0.0, numpy.finfo(numpy.float32).max]]).astype(numpy.float32)[:, None]
    for count, nan in itertools.product(range(len(near) + 1), (False, True)):
        tree = forests.Node(0, forests.MEMBER, 0.0, nan, generator.permutation(near)[:count].tolist(), yes, no)
        batch.add(label("set", count, nan), "TreeEnsemble", [x], forests.scores([tree], x, 1).astype(numpy.float32), domain=ML, n_targets=1, aggregate_function=1, **forests.indexed([tree], numpy.float32))
    # A long list of choices: what is left over must not be copied for each.
    tree = no
    for place in range(200):
        tree = forests.Node(0, forests.MEMBER, 0.0, False, [place, place + 0.5], forests.Leaf([(0, float(place))]), tree)
    x = (generator.integers(-2, 420, (60, 1)) / 2).astype(numpy.float32)
    batch.add("choices", "TreeEnsemble", [x], forests.scores([tree], x, 1).astype(numpy.float32), domain=ML, n_targets=1, aggregate_function=1, **forests.indexed([tree], numpy.float32))
    batch.check(mode)


# The tests' own walk is the reference evaluator's where that has no NaN to compare.
def test_definition():
    generator = rng(17)
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        trees = several(generator, 6, 5, 4, targets=2, entries=2)
        x = forests.rows(generator, 30, 4, special=False).astype(numpy.float64)
        exact, = evaluate("TreeEnsembleRegressor", [x], domain=ML, n_targets=2, aggregate_function=aggregate, **forests.listed(trees, "target"))
        numpy.testing.assert_allclose(forests.scores(trees, x, 2, aggregate), exact, rtol=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
def test_labels_of_text(tmp_path, mode, classes):
    """The labels of the same classes as numbers, spelled."""
    generator = rng(21)
    trees = several(generator, 5, 5, 4, targets=classes, entries=classes)
    x = forests.rows(generator, 30, 4)
    found = []
    for labels in ({"classlabels_int64s": [*range(classes)]}, {"classlabels_strings": [f"class {i}" for i in range(classes)]}):
        node = helper.make_node("TreeEnsembleClassifier", ["x"], ["label", "scores"], domain=ML, **labels, **forests.listed(trees, "class"))
        infos = [helper.make_tensor_value_info(name, kind, None) for name, kind in (("label", TensorProto.STRING if len(found) else TensorProto.INT64), ("scores", TensorProto.FLOAT))]
        graph = helper.make_graph([node], "trees", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n" if mode == "dynamic" else 30, 4])], infos)
        library = tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid(ML, 3), helper.make_opsetid("", 21)]), tmp_path / f"{len(found)}.so", reference=mode == "reference")
        found.append(tenon.load(library).run({"x": x}))
    assert found[1]["label"].tolist() == [f"class {i}" for i in found[0]["label"]]
    assert found[1]["scores"].tobytes() == found[0]["scores"].tobytes()
    assert len(set(found[1]["label"])) == classes


def test_an_only_label_of_text(tmp_path, mode):
    """Scores are those of an only label that is a number. The label is always the text: ONNX Runtime gives it where the score is not positive, and reads
    beyond its list where it is."""
    generator = rng(22)
    trees = several(generator, 5, 5, 4, targets=1, entries=1)
    x = forests.rows(generator, 30, 4)
    found = []
    for labels in ({"classlabels_int64s": [1]}, {"classlabels_strings": ["yes"]}):
        node = helper.make_node("TreeEnsembleClassifier", ["x"], ["label", "scores"], domain=ML, **labels, **forests.listed(trees, "class"))
        infos = [helper.make_tensor_value_info(name, kind, None) for name, kind in (("label", TensorProto.STRING if len(found) else TensorProto.INT64), ("scores", TensorProto.FLOAT))]
        graph = helper.make_graph([node], "trees", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n" if mode == "dynamic" else 30, 4])], infos)
        library = tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid(ML, 3), helper.make_opsetid("", 21)]), tmp_path / f"{len(found)}.so", reference=mode == "reference")
        found.append(tenon.load(library).run({"x": x}))
    assert found[1]["label"].tolist() == ["yes"] * 30
    assert found[1]["scores"].tobytes() == found[0]["scores"].tobytes() and found[1]["scores"].shape == (30, 1)
    assert set(found[0]["label"].tolist()) == {0, 1}
