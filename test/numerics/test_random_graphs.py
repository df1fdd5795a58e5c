"""Random graphs of some tens of nodes: fused, laid out and planned, they give what numpy gives in float64."""

import os

import numpy
import pytest

import graphs
import tenon
from harness import CPU, apart, difference

# A seed names its graph for good.
SEEDS = range(40)
MORE_SEEDS = range(1000, 3000)
NODES = 25


def check(seed: int, mode: str, folder) -> None:
    graph = graphs.RandomGraph(seed, NODES)

    def run():
        library = tenon.compile(graph.model(mode == "dynamic"), os.path.join(folder, "model.so"), reference=mode == "reference", cpu=CPU)
        results = tenon.load(library, threads=1).run(graph.feeds)
        again = tenon.load(library, threads=2).run(graph.feeds)
        assert all(value.tobytes() == again[name].tobytes() for name, value in results.items()), "other bits with two threads"
        return results

    error, results = apart(run)
    assert not error, f"seed {seed}, {mode}: {error}"
    for name, exact in graph.expected.items():
        # Some tens of roundings, each relative to values of the graph's size.
        bound = 2e-5 * max(float(numpy.abs(exact).max(initial=0)), 1.0)
        problem = difference(results[name], exact.astype(numpy.float32), bound)
        assert not problem, f"seed {seed}, {mode}, output {name}: {problem}"


@pytest.mark.parametrize("seed", SEEDS)
def test_random_graph(mode, tmp_path, seed):
    check(seed, mode, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("seed", MORE_SEEDS)
def test_more_random_graphs(mode, tmp_path, seed):
    check(seed, mode, tmp_path)
