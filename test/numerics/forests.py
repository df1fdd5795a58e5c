"""Decision trees for tests: random ones, what they give by definition, and as attributes of ai.onnx.ml."""

import dataclasses

import numpy

MODES = {"BRANCH_LEQ": numpy.less_equal, "BRANCH_LT": numpy.less, "BRANCH_GTE": numpy.greater_equal, "BRANCH_GT": numpy.greater,
         "BRANCH_EQ": numpy.equal, "BRANCH_NEQ": numpy.not_equal}
MEMBER = "BRANCH_MEMBER"
ORDER = [*MODES, MEMBER]


@dataclasses.dataclass
class Leaf:
    entries: list  # (target, weight)


@dataclasses.dataclass
class Node:
    feature: int
    mode: str
    threshold: float
    nan_is_true: bool
    members: list
    on_true: object
    on_false: object


def grid(generator, shape=None):
    """Multiples of a half, so that numbers meet thresholds and sums are exact."""
    return generator.integers(-8, 9, shape) / 2


def random_tree(generator, depth, features, targets=1, modes=tuple(MODES), missing=True, entries=1, threshold=grid, stop=0.15):
    """`entries`: weights of a leaf, to targets drawn without repetition; or a function of the generator that lists them. `stop` is how
    likely a node is a leaf before the last depth."""
    if depth == 0 or generator.random() < stop:
        if callable(entries):
            return Leaf(entries(generator))
        return Leaf([(int(target), float(grid(generator))) for target in generator.choice(targets, entries, replace=False)])
    mode = str(generator.choice(modes))
    members = [float(member) for member in grid(generator, generator.integers(0, 6))] if mode == MEMBER else []
    branch = [random_tree(generator, depth - 1, features, targets, modes, missing, entries, threshold, stop) for _ in range(2)]
    return Node(int(generator.integers(features)), mode, float(threshold(generator)), bool(missing and generator.integers(2)), members, *branch)


def rows(generator, count, features, dtype="float32", special=True):
    x = grid(generator, (count, features)).astype(dtype)
    if special and x.dtype.kind == "f":
        for value in (numpy.nan, numpy.inf, -numpy.inf, -0.0):
            x[generator.random(x.shape) < 0.04] = value
    return x


def scores(trees, x, targets, aggregate="SUM"):
    """What the trees give to each row, in float64. Whole numbers are compared as float64."""
    start = {"MIN": numpy.inf, "MAX": -numpy.inf}.get(aggregate, 0.0)
    result = numpy.full((len(x), targets), start)
    wide = x.astype(numpy.float64)

    def descend(tree, chosen):
        if not len(chosen):
            return
        if isinstance(tree, Leaf):
            for target, weight in tree.entries:
                old = result[chosen, target]
                result[chosen, target] = {"MIN": numpy.minimum, "MAX": numpy.maximum}.get(aggregate, numpy.add)(old, weight)
            return
        column = wide[chosen, tree.feature]
        is_true = numpy.isin(column, tree.members) if tree.mode == MEMBER else MODES[tree.mode](column, tree.threshold)
        is_true = is_true | (tree.nan_is_true & numpy.isnan(column))
        descend(tree.on_true, chosen[is_true])
        descend(tree.on_false, chosen[~is_true])

    for tree in trees:
        descend(tree, numpy.arange(len(x)))
    if aggregate == "AVERAGE":
        result /= len(trees)
    if aggregate in ("MIN", "MAX"):
        result[result == start] = 0
    return result


def listed(trees, prefix, generator=None, tensors=None):
    """Attributes of TreeEnsembleClassifier ("class") and TreeEnsembleRegressor ("target"). With a generator, numbers of nodes and the
    order of a tree's nodes behind the first are random; `tensors` is a type for the attributes that may be tensors."""
    names = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")
    nodes, entries = [], []
    for number, tree in enumerate(trees):
        todo, parts = [tree], []
        while todo:
            part = todo.pop()
            parts.append(part)
            if isinstance(part, Node):
                todo += [part.on_false, part.on_true]
        ids = list(range(len(parts)))
        if generator is not None:
            ids = [int(item) * 3 + 5 for item in generator.permutation(len(parts))]
        identity = {id(part): ids[place] for place, part in enumerate(parts)}
        records = []
        for part in parts:
            own = identity[id(part)]
            if isinstance(part, Leaf):
                records.append((number, own, 0, "LEAF", 0.0, 0, 0, 0))
                entries += [(number, own, target, weight) for target, weight in part.entries]
            else:
                records.append((number, own, part.feature, part.mode, part.threshold, identity[id(part.on_true)], identity[id(part.on_false)], int(part.nan_is_true)))
        if generator is not None:
            records[1:] = [records[1 + place] for place in generator.permutation(len(records) - 1)]
        nodes += records
    lists = {f"nodes_{name}": [record[place] for record in nodes] for place, name in enumerate(names)}
    lists |= {f"{prefix}_{name}": [entry[place] for entry in entries] for place, name in enumerate(("treeids", "nodeids", "ids", "weights"))}
    if tensors:
        from onnx import numpy_helper

        for name in ("nodes_values", f"{prefix}_weights"):
            lists[f"{name}_as_tensor"] = numpy_helper.from_array(numpy.array(lists.pop(name), tensors), name)
    return lists


def indexed(trees, dtype):
    """Attributes of TreeEnsemble; a leaf has one weight."""
    from onnx import numpy_helper

    nodes, leaves, roots, members = [], [], [], []

    def add_leaf(leaf):
        leaves.append(leaf.entries[0])
        return len(leaves) - 1, 1

    def add(tree):
        if isinstance(tree, Leaf):
            return add_leaf(tree)
        place = len(nodes)
        nodes.append(None)
        nodes[place] = (tree, add(tree.on_true), add(tree.on_false))
        return place, 0

    for tree in trees:
        if isinstance(tree, Leaf):
            leaf = add_leaf(tree)
            nodes.append((Node(0, "BRANCH_LEQ", 0.0, False, [], None, None), leaf, leaf))
            roots.append(len(nodes) - 1)
        else:
            roots.append(add(tree)[0])
    for node, _, _ in nodes:
        if node.mode == MEMBER:
            members += [*node.members, numpy.nan]

    def tensor(name, values, kind=dtype):
        return {name: numpy_helper.from_array(numpy.array(values, kind), name)}

    lists = {
        "nodes_featureids": [node.feature for node, _, _ in nodes], "nodes_truenodeids": [true[0] for _, true, _ in nodes], "nodes_trueleafs": [true[1] for _, true, _ in nodes],
        "nodes_falsenodeids": [false[0] for _, _, false in nodes], "nodes_falseleafs": [false[1] for _, _, false in nodes], "leaf_targetids": [target for target, _ in leaves],
        "nodes_missing_value_tracks_true": [int(node.nan_is_true) for node, _, _ in nodes], "tree_roots": roots,
    }
    lists |= tensor("nodes_modes", [ORDER.index(node.mode) for node, _, _ in nodes], numpy.uint8) | tensor("nodes_splits", [node.threshold for node, _, _ in nodes])
    lists |= tensor("leaf_weights", [weight for _, weight in leaves])
    return lists | (tensor("membership_values", members) if members else {})
