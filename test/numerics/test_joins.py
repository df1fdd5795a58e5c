"""Networks that join and split channels, whose kernels write and read parts of tensors where they lie, against the reference lowering."""

import os

import numpy
import pytest

import joins
import tenon
from harness import CPU, apart, difference

# A seed names its graph for good.
SEEDS = range(24)
MORE_SEEDS = range(1000, 3000)
NODES = 24


def check(seed: int, dynamic: bool, folder, dtype="float32") -> None:
    graph = joins.JoinGraph(seed, NODES, dtype)

    def run():
        path = os.path.join(folder, "model.so")
        tenon.compile(graph.model(False), path, reference=True, cpu=CPU)
        expected = tenon.load(path).run(graph.feeds)
        path = os.path.join(folder, "placed.so")
        library = tenon.compile(graph.model(dynamic), path, cpu=CPU)
        results = tenon.load(library, threads=1).run(graph.feeds)
        again = tenon.load(library, threads=2).run(graph.feeds)
        assert all(value.tobytes() == again[name].tobytes() for name, value in results.items()), "other bits with two threads"
        return expected, results

    error, outcome = apart(run)
    assert not error, f"seed {seed}: {error}"
    expected, results = outcome
    for name, exact in expected.items():
        # Some tens of roundings, each relative to values of the graph's size; Winograd's tiles lose a few bits more.
        bound = (1e-4 if dtype == "float32" else 4e-2) * max(float(numpy.abs(exact.astype("float64")).max(initial=0)), 1.0)
        problem = difference(results[name], exact, bound)
        assert not problem, f"seed {seed}, output {name}: {problem}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_random_joins(tmp_path, seed, dynamic):
    check(seed, dynamic, tmp_path)


@pytest.mark.parametrize("seed", range(100, 108))
def test_halves(tmp_path, seed):
    check(seed, False, tmp_path, "float16")


@pytest.mark.long
@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_more_random_joins(tmp_path, seed):
    check(seed, seed % 2 == 1, tmp_path)
