"""nn.tree_ensemble with numpy."""

import re

import numpy as np

COMBINE = {"sum": np.add, "min": np.minimum, "max": np.maximum}
NEUTRAL = {"sum": 0, "min": np.inf, "max": -np.inf}


def bins(x, columns, cuts):
    result = np.zeros((len(x), len(columns)), np.int64)
    for place, (feature, is_nan_high, begin, end) in enumerate(columns):
        beyond = ~(x[:, feature, None] <= cuts[None, begin:end])
        result[:, place] = np.where(np.isnan(x[:, feature]), is_nan_high * (end - begin), beyond.sum(1))
    return result


def leaves(ranks, nodes, roots, rank_bits, column_bits):
    rank, column = nodes & (2**rank_bits - 1), nodes >> rank_bits & (2**column_bits - 1)
    delta = nodes >> (rank_bits + column_bits)
    places = np.tile(roots.astype(np.int64), (len(ranks), 1))
    while delta[places].any():
        places += delta[places] + (rank[places] < np.take_along_axis(ranks, column[places], 1))
    return places


def tree_ensemble(attributes, operands, op):
    x, columns, cuts, nodes, roots, _, *ranges, targets, weights = operands
    kind = re.search(r"sum|min|max", str(attributes["kind"])).group()
    places = leaves(bins(x, columns, cuts), nodes.astype(np.int64), roots, attributes["rank_bits"], attributes["column_bits"])
    result = np.full((len(x), attributes["scores"]), NEUTRAL[kind], weights.dtype)
    for row, tree in np.ndindex(*places.shape):
        begin, end = ranges[0][places[row, tree]] if ranges else (places[row, tree], places[row, tree] + 1)
        for entry in range(begin, end):
            target = targets[entry if ranges else tree]
            result[row, target] = COMBINE[kind](result[row, target], weights[entry])
    return result, places[:8].astype(np.int32)
