"""The search by random models: seeds name models, wrong results are seen, and failures become small."""

import sys

import numpy
import pytest


@pytest.fixture(scope="module")
def search(root):
    """The modules of test/fuzz."""
    sys.path[:0] = [str(root / "test/fuzz"), str(root / "test/conformance"), str(root / "test/numerics")]
    import families
    import graph
    import judge
    import oracle
    import shrink

    class Search:
        def case(self, seed):
            return graph.RandomGraph(seed, families.FAMILIES).case()

    Search.judge, Search.oracle, Search.shrink = judge, oracle, shrink
    return Search()


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_names_a_model(search, seed):
    one, other = search.case(seed), search.case(seed)
    assert one.model.SerializeToString() == other.model.SerializeToString()
    for first, second in zip(one.feeds, other.feeds):
        assert all(first[name].tobytes() == second[name].tobytes() for name in first)


@pytest.mark.parametrize("seed", range(5))
def test_small_errors_are_seen(search, seed):
    """What the oracle expects passes; an element that is off by a hundredth of the largest does not."""
    case = search.case(seed)
    for value in case.expected.values():
        for world, sample in enumerate(value.samples):
            right = search.oracle.narrow(sample.exact, value.dtype)
            assert not search.oracle.difference(right, value, world)
            if not right.size or value.dtype == bool or str(value.dtype) in ("float16", "bfloat16") or not numpy.isfinite(sample.exact).all():
                continue
            wrong = right.copy()
            wrong.flat[0] += max(numpy.abs(right).max() / 100, 1) if not value.is_float else numpy.abs(right).max() / 100 + 1e-3
            assert search.oracle.difference(wrong, value, world)


def test_failures_become_small(search, monkeypatch):
    """A model that fails whenever it holds a Transpose ends as that node alone, on few elements."""
    case = next(case for case in map(search.case, range(100)) if len(case.model.graph.node) > 5 and any(node.op_type == "Transpose" for node in case.model.graph.node))

    def failure_of(candidate, mode):
        found = any(node.op_type == "Transpose" for node in candidate.model.graph.node)
        return search.judge.Problem(mode, "mismatch", "made up") if found else None

    monkeypatch.setattr(search.shrink, "failure_of", failure_of)
    small, _ = search.shrink.shrink(case, search.judge.Problem("default", "mismatch", ""))
    assert [node.op_type for node in small.model.graph.node] == ["Transpose"]
    assert len(small.feeds) == 1 and max(array.size for array in small.feeds[0].values()) <= 2
