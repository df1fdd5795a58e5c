"""TfIdfVectorizer against a count by definition, and against ONNX's reference."""

import itertools

import numpy
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from arrays import label, rng
from harness import Batch


def counted(x, pool, counts, indexes, shortest, longest, skips, mode, weights):
    rows = x if x.ndim == 2 else x.reshape(1, -1)
    column = {}
    number = 0
    for length, (begin, end) in enumerate(zip(counts, [*counts[1:], len(pool)]), 1):
        for at in range(begin, end, length):
            column[tuple(pool[at:at + length])] = (length, indexes[number])
            number += 1
    width = max(indexes) + 1
    found = numpy.zeros((len(rows), width), numpy.int64)
    for row, items in enumerate(rows.tolist()):
        for length in range(shortest, longest + 1):
            # The distance is nothing to a single item.
            for distance in range(1, 2 if length == 1 else skips + 2):
                for start in range(len(items) - (length - 1) * distance):
                    window = tuple(items[start:start + length * distance:distance][:length])
                    if column.get(window, (0, 0))[0] == length:
                        found[row, column[window][1]] += 1
    weight = numpy.ones(width, numpy.float32)
    if weights is not None:
        weight[indexes] = weights
    result = {"TF": found, "IDF": (found > 0) * weight, "TFIDF": found * weight}[mode].astype(numpy.float32)
    return result if x.ndim == 2 else result[0]


POOL = [2, 3, 5, 4, 5, 6, 7, 8, 6, 7, 2, 3, 5, 5, 5, 5]
COUNTS, INDEXES = [0, 4, 10], [0, 1, 2, 3, 4, 5, 6, 8, 9]


@pytest.mark.parametrize("texts", [False, True])
def test_counts_of_ngrams(mode, texts):
    batch, generator = Batch(), rng()
    weights = [0.5 * number + 0.25 for number in range(len(INDEXES))]
    cases = itertools.chain(
        itertools.product(((12,), (3, 40)), ((1, 1), (1, 2), (2, 3), (1, 3), (3, 3)), (0, 5), ("TF",), (False,)),
        itertools.product(((2, 1), (1, 0)), ((1, 1), (2, 3)), (1,), ("TF",), (False,)), itertools.product(((4, 9),), ((1, 2),), (1,), ("IDF", "TFIDF"), (False, True)))
    for shape, lengths, skips, kind, weighted in cases:
        x = generator.integers(2, 9, shape)
        pool = POOL
        if texts:
            x, pool = x.astype(str).astype(object), [str(item) for item in POOL]
        expected = counted(x, pool, COUNTS, INDEXES, *lengths, skips, kind, weights if weighted else None)
        batch.add(label("TfIdf", x if not texts else numpy.zeros(shape), lengths, skips, kind, weighted), "TfIdfVectorizer", [x], expected, mode=kind, min_gram_length=lengths[0], max_gram_length=lengths[1],
                  max_skip_count=skips, ngram_counts=COUNTS, ngram_indexes=INDEXES, **{"pool_strings" if texts else "pool_int64s": pool}, **({"weights": weights} if weighted else {}))
    batch.check(mode)


def test_narrow_integers_and_a_large_vocabulary(mode):
    batch, generator = Batch(), rng()
    pool = [int(item) for item in generator.permutation(5000)]
    x = generator.integers(-100, 6000, (2, 300)).astype(numpy.int32)
    indexes = list(range(len(pool)))
    batch.add("large", "TfIdfVectorizer", [x], counted(x, pool, [0], indexes, 1, 1, 0, "TF", None), mode="TF", min_gram_length=1, max_gram_length=1, max_skip_count=0, ngram_counts=[0], ngram_indexes=indexes, pool_int64s=pool)
    extreme = numpy.array([2**63 - 1, -(2**63), 0, 2**63 - 1])
    batch.add("extreme", "TfIdfVectorizer", [extreme], numpy.array([2, 1], numpy.float32), mode="TF", min_gram_length=1, max_gram_length=1, max_skip_count=0, ngram_counts=[0], ngram_indexes=[0, 1], pool_int64s=[2**63 - 1, -(2**63)])
    batch.add("no match", "TfIdfVectorizer", [numpy.array([1, 2])], numpy.zeros(1, numpy.float32), mode="TF", min_gram_length=1, max_gram_length=1, max_skip_count=0, ngram_counts=[0], ngram_indexes=[0], pool_int64s=[2**63 - 1])
    batch.check(mode)


def test_the_definition_agrees_with_the_reference():
    generator = rng()
    for lengths, skips, kind in itertools.product(((1, 2), (2, 3), (1, 3)), (0, 2), ("TF", "IDF", "TFIDF")):
        x, weights = generator.integers(2, 9, (3, 30)), generator.uniform(0, 1, len(INDEXES)).astype(numpy.float32)
        # The reference takes them by column, the standard and ONNX Runtime by n-gram.
        by_column = numpy.zeros(max(INDEXES) + 1, numpy.float32)
        by_column[INDEXES] = weights
        node = helper.make_node("TfIdfVectorizer", ["x"], ["y"], mode=kind, min_gram_length=lengths[0], max_gram_length=lengths[1], max_skip_count=skips, ngram_counts=COUNTS, ngram_indexes=INDEXES, pool_int64s=POOL, weights=by_column.tolist())
        reference = ReferenceEvaluator(node).run(None, {"x": x})[0]
        assert numpy.allclose(reference, counted(x, POOL, COUNTS, INDEXES, *lengths, skips, kind, weights))
